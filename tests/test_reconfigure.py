"""Another policy while a WSGI application is served: all of it or nothing, and never a mix."""

from typing import Any
from wsgiref.validate import validator

import pytest
from answers import APP, DENIED, EVIL, PARTNER, REFUSED, asking, asking_for, goes_on
from reconfigured import (
    ANSWERS,
    GATED,
    GOES_ON,
    LIMITED,
    ONE,
    OPEN,
    PASSED,
    READABLE,
    STOPPED,
    TWO,
    UNLIMITED,
    under_load,
)
from wsgi_client import SpyApp, call, comparable

from corsgate import Policy, PolicyError
from corsgate.wsgi import CORSMiddleware


def ask(app: Any, method: str = "GET", path: str = "/", origin: str = APP) -> dict[str, object]:
    headers = asking_for("PUT", origin) if method == "OPTIONS" else asking(origin)
    return call(app, method, path, headers).cors


def test_the_next_request_is_answered_by_the_new_policy() -> None:
    gate = CORSMiddleware(SpyApp(), ONE)
    app = validator(gate)
    for policy in (ONE, TWO, ONE):
        gate.reconfigure(policy)
        assert ask(app) == READABLE[policy]
        assert ask(app, "OPTIONS") == GOES_ON[policy]
        assert ask(app, "OPTIONS", origin=PARTNER if policy is TWO else EVIL) == REFUSED


def test_options_make_a_new_policy() -> None:
    gate = CORSMiddleware(SpyApp(), allow_origins=APP, allow_credentials=True, max_age=5)
    gate.reconfigure(allow_origins=[PARTNER])
    assert ask(gate) == DENIED
    assert ask(gate, "OPTIONS", origin=PARTNER) == goes_on(PARTNER)


def test_none_and_a_callable_are_policies_too() -> None:
    gate = CORSMiddleware(SpyApp(headers={"Access-Control-Allow-Origin": "own"}), ONE)
    gate.reconfigure(None)
    assert ask(gate) == {"access-control-allow-origin": "own"}
    gate.reconfigure(lambda environ: TWO)
    assert ask(gate) == READABLE[TWO]


def test_paths_stay_and_inherit_from_the_new_policy() -> None:
    paths: Any = {"/mild/*": {"max_age": 60}, "/fixed": Policy(allow_origins=PARTNER)}
    gate = CORSMiddleware(SpyApp(), ONE, paths=paths)
    gate.reconfigure(TWO)
    mild = goes_on(APP, max_age="60", Access_Control_Allow_Credentials="true")
    assert ask(gate, "OPTIONS", "/mild/x") == mild
    assert ask(gate, "OPTIONS", "/fixed", origin=PARTNER) == goes_on(PARTNER)
    assert ask(gate, "OPTIONS", "/elsewhere") == GOES_ON[TWO]


def test_an_invalid_policy_leaves_the_old_one_in_force() -> None:
    gate = CORSMiddleware(SpyApp(), ONE, paths={"/public/*": {"allow_origins": "*"}})
    with pytest.raises(PolicyError) as caught:
        gate.reconfigure(allow_origins=f"{APP}/", max_age=-1)
    assert [problem.code for problem in caught.value.problems] == ["origin-path", "max-age"]
    with pytest.raises(PolicyError) as caught:
        gate.reconfigure(TWO)  # which is fine by itself
    [problem] = caught.value.problems
    assert (problem.code, problem.field) == (
        "wildcard-credentials",
        "paths['/public/*'].allow_origins",
    )
    with pytest.raises(PolicyError) as caught:
        gate.reconfigure(ONE, max_age=1)
    assert [problem.code for problem in caught.value.problems] == ["conflict"]
    with pytest.raises(PolicyError) as caught:
        gate.reconfigure("https://app.example.com")  # type: ignore[arg-type]
    assert [problem.code for problem in caught.value.problems] == ["wrong-type"]
    assert ask(gate) == READABLE[ONE]
    assert ask(gate, "OPTIONS") == GOES_ON[ONE]


def test_there_has_to_be_a_policy() -> None:
    gate = CORSMiddleware(SpyApp(), ONE)
    with pytest.raises(TypeError) as caught:
        gate.reconfigure()
    assert str(caught.value) == (
        "reconfigure() takes a policy or options: write reconfigure(Policy(...)),"
        ' reconfigure(None) or reconfigure(allow_origins="https://app.example.com").'
    )
    assert ask(gate) == READABLE[ONE]


@pytest.mark.parametrize("paths", [None, {"/x/*": {}}], ids=["one policy", "paths"])
def test_under_load_every_answer_is_by_the_old_or_by_the_new_policy(paths: Any) -> None:
    gate = CORSMiddleware(SpyApp(), ONE, paths=paths)

    def change(policy: Policy) -> None:
        gate.reconfigure(policy)
        assert ask(gate, path="/x/y") == READABLE[policy]  # from now on

    def check() -> None:
        assert ask(gate, path="/x/y") in READABLE.values()
        assert ask(gate, "OPTIONS", "/x/y") in GOES_ON.values()
        for origin, answers in ANSWERS.items():
            assert ask(gate, "OPTIONS", "/x/y", origin) in answers

    under_load(change, check)


# ------------------------------------------------------------------ the gate


def post(app: Any, path: str = "/") -> tuple[int, dict[str, object]]:
    answer = call(app, "POST", path, asking(PARTNER))
    return answer.status, answer.cors


def test_a_gate_goes_on_and_off() -> None:
    spy = SpyApp()
    gate = CORSMiddleware(spy, OPEN, paths={"/none": None, "/mild": {"max_age": 60}})
    app = validator(gate)
    for _ in range(2):
        assert (post(app), post(app, "/none"), post(app, "/mild")) == (PASSED, (200, {}), PASSED)
        assert ask(app, "OPTIONS", origin=PARTNER) == UNLIMITED
        before = spy.called
        gate.reconfigure(GATED)
        assert (post(app), post(app, "/mild")) == (STOPPED, STOPPED)
        assert post(app, "/none") == (403, comparable({"Vary": "Origin, Sec-Fetch-Site"}))
        assert ask(app, "OPTIONS", origin=PARTNER) == LIMITED
        assert spy.called == before
        gate.reconfigure(None)  # leaves the gate to the application too
        assert post(app) == (200, {})
        gate.reconfigure(OPEN)


def test_a_gate_that_is_changed_has_the_same_on_denied_and_new_words() -> None:
    told: list[str | None] = []
    gate = CORSMiddleware(
        SpyApp(), OPEN, debug=True, on_denied=lambda _, found: told.append(found.reason)
    )
    gate.reconfigure(GATED)
    [shown] = call(gate, "POST", "/", asking(EVIL)).values("X-CORSGate-Reason")
    assert shown.startswith(
        f"The page is on '{EVIL}', which write_origins does not trust to write."
    )
    assert f'add it: write_origins=[..., "{EVIL}"]; if' in shown
    assert told == ["cross-site-write"]


@pytest.mark.parametrize("paths", [None, {"/x/*": {}}], ids=["one policy", "paths"])
def test_under_load_the_gate_is_never_that_of_the_other_policy(paths: Any) -> None:
    gate = CORSMiddleware(SpyApp(), GATED, paths=paths)

    def change(policy: Policy) -> None:
        gate.reconfigure(policy)
        assert post(gate, "/x/y") == (STOPPED if policy is GATED else PASSED)  # from now on

    def check() -> None:
        assert post(gate, "/x/y") in (STOPPED, PASSED)
        assert ask(gate, "OPTIONS", "/x/y", PARTNER) in (LIMITED, UNLIMITED)

    under_load(change, check, (OPEN, GATED))


class Source:
    """Gives a policy, or fails."""

    def __init__(self, policy: Policy | None) -> None:
        self.policy = policy
        self.works = True

    def __call__(self, environ: object) -> Policy | None:
        return self.give(environ)

    def give(self, environ: object) -> Policy | None:
        if self.works:
            return self.policy
        raise LookupError("the database is down")


def sees(app: Any, path: str) -> int:
    """What a page on another site gets that only reads: a gate that was assumed lets it."""
    return call(app, "GET", path, asking(EVIL)).status


@pytest.mark.parametrize("path", ["/", "/mild", "/own"])
def test_what_a_source_is_known_by_outlives_a_change_to_the_same(path: str) -> None:
    source, route = Source(GATED), Source(GATED)
    paths: Any = {"/mild": {"max_age": 60}, "/own": route}
    gate = CORSMiddleware(SpyApp(), source.give, paths=paths)
    assert (sees(gate, "/"), sees(gate, "/own")) == (403, 403)
    source.works = route.works = False
    for _ in range(2):
        gate.reconfigure(source.give)  # a bound method is equal, and not the same
        assert sees(gate, path) == 403
    assert len(gate._held[1]._given) == 2  # type: ignore[union-attr]


def test_what_another_source_is_known_by_says_nothing_of_the_new_one() -> None:
    open_one, gated, route = Source(OPEN), Source(GATED), Source(OPEN)
    gate = CORSMiddleware(SpyApp(), open_one, paths={"/own": route})
    assert (post(gate)[0], post(gate, "/own")[0]) == (200, 200)
    open_one.works = gated.works = route.works = False
    assert post(gate)[0] == 200
    gate.reconfigure(gated)
    assert post(gate)[0] == 403
    assert len(gate._held[1]._given) == 1  # type: ignore[union-attr]
    gate.reconfigure(OPEN)  # which has no gate, but that of the route that stays
    assert post(gate, "/own")[0] == 200
