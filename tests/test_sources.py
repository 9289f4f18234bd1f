"""Policies that are chosen per request, and what happens where the choice fails."""

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any
from unittest.mock import Mock
from wsgiref.types import WSGIApplication
from wsgiref.validate import validator

import pytest
from wsgi_client import Answer, SpyApp, call, comparable, environ_of

from corsgate import Decision, Policy, PolicyError
from corsgate._nested import NOT_GIVEN, NotGiven, derive, leave
from corsgate._sources import ask, decide_by, may_block
from corsgate.wsgi import CORSMiddleware

A, B = "https://a.example", "https://b.example"
Source = Callable[[Mapping[str, Any]], Any]
PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


def wrap(spy: SpyApp, source: Any, **options: Any) -> WSGIApplication:
    return validator(CORSMiddleware(validator(spy), source, **options))


def get(app: WSGIApplication, origin: str = A, **headers: str) -> Answer:
    return call(app, "GET", "/", {"Origin": origin, **headers})


def preflight(app: WSGIApplication, origin: str = A, method: str = "PUT", **headers: str) -> Answer:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, **headers}
    return call(app, "OPTIONS", "/", asked)


def allowing(origin: str, **headers: str) -> dict[str, object]:
    return comparable({"Access-Control-Allow-Origin": origin, "Vary": "Origin", **headers})


# ------------------------------------------------------------------ the choice


def test_a_source_chooses_the_policy_of_each_request() -> None:
    def by_host(environ: Mapping[str, Any]) -> Policy | None:
        tenants = {"a.test": Policy(allow_origins=A), "b.test": Policy(allow_origins=B)}
        return tenants.get(environ["HTTP_HOST"])

    spy = SpyApp(headers={"Content-Type": "text/plain", "Access-Control-Allow-Origin": "own"})
    app = wrap(spy, by_host)
    assert get(app, A, Host="a.test").cors == allowing(A)
    assert get(app, A, Host="b.test").cors == comparable({"Vary": "Origin"})
    assert get(app, B, Host="b.test").cors == allowing(B)
    none = comparable({"Access-Control-Allow-Origin": "own"})
    assert get(app, A, Host="c.test").cors == none
    assert spy.called == 4
    assert preflight(app, A, Host="a.test").status == 204
    assert preflight(app, A, Host="b.test").status == 403
    assert spy.called == 4
    assert preflight(app, A, Host="c.test").cors == none
    assert spy.called == 5


def test_a_source_is_given_the_environ_of_the_request() -> None:
    seen: list[Mapping[str, Any]] = []

    def source(environ: Mapping[str, Any]) -> Policy:
        seen.append(environ)
        return Policy(allow_origins=A)

    environ = environ_of("POST", "/x", {"Origin": A, "Cookie": "a=1"})
    assert decide_by(source, environ) is not None
    assert len(seen) == 1
    assert seen[0] is environ


def test_for_a_preflight_a_source_is_asked_as_the_request_to_come() -> None:
    seen: list[Mapping[str, Any]] = []

    def source(environ: Mapping[str, Any]) -> Policy:
        seen.append(environ)
        return Policy(allow_origins=A, allow_methods="PUT")

    app = wrap(SpyApp(), source)
    assert preflight(app, A, "PUT").status == 204
    assert seen[0]["REQUEST_METHOD"] == "PUT"
    assert seen[0]["PATH_INFO"] == "/"
    assert seen[0]["HTTP_ORIGIN"] == A
    assert {environ["REQUEST_METHOD"] for environ in seen} == {"GET", "HEAD", "POST", "PUT"}


def test_what_only_looks_like_a_preflight_is_asked_about_as_it_is() -> None:
    seen: list[str] = []

    def source(environ: Mapping[str, Any]) -> Policy:
        seen.append(environ["REQUEST_METHOD"])
        return Policy(allow_origins=A)

    app = wrap(SpyApp(), source)
    call(app, "OPTIONS", "/", {"Origin": A})
    call(app, "OPTIONS", "/", {"Access-Control-Request-Method": "PUT"})
    call(app, "POST", "/", {"Origin": A, "Access-Control-Request-Method": "PUT"})
    assert seen == ["OPTIONS", "OPTIONS", "POST"]


# ------------------------------------------------------------------ what else the choice depends on


class Choice:
    """A source that reads a header of the request, and says so."""

    def __init__(self, vary: Any, choose: Source) -> None:
        self.vary = vary
        self.choose = choose

    def __call__(self, environ: Mapping[str, Any]) -> Any:
        return self.choose(environ)


VARYING = [
    pytest.param("X-Tenant", "X-Tenant", id="one as a text"),
    pytest.param(("X-Tenant", "Accept"), "X-Tenant, Accept", id="two"),
    pytest.param(["Origin", "X-Tenant"], "X-Tenant", id="with Origin"),
    pytest.param(["origin", "X-Tenant", "x-tenant"], "X-Tenant", id="in other cases"),
    pytest.param(frozenset({"X-Tenant"}), "X-Tenant", id="set"),
]


@pytest.mark.parametrize(("vary", "names"), VARYING)
def test_every_answer_varies_by_what_the_source_reads(vary: Any, names: str) -> None:
    def choose(environ: Mapping[str, Any]) -> Policy | None:
        policies = {"a": Policy(allow_origins=A), "any": Policy(allow_origins="*")}
        return policies.get(environ.get("HTTP_X_TENANT", ""))

    app = wrap(SpyApp(), Choice(vary, choose))
    all_names = f"Origin, {names}"
    tenant = {"X-Tenant": "a"}
    assert get(app, A, **tenant).cors == allowing(A, Vary=all_names)
    assert get(app, B, **tenant).cors == comparable({"Vary": all_names})
    assert call(app, "GET", "/", tenant).cors == comparable({"Vary": all_names})
    assert get(app, A, **{"X-Tenant": "any"}).cors == allowing("*", Vary=all_names)
    assert get(app, A).cors == comparable({"Vary": all_names})
    for answer in (preflight(app, A, **tenant), preflight(app, B, **tenant)):
        assert answer.seen["vary"] == comparable({"Vary": f"{PREFLIGHT_VARY}, {names}"})["vary"]


def test_hands_off_with_a_vary_leaves_the_applications_headers() -> None:
    own = {
        "Content-Type": "text/plain",
        "Access-Control-Allow-Origin": "own",
        "Vary": "Accept",
    }
    spy = SpyApp(headers=own)
    app = wrap(spy, Choice("X-Tenant", lambda environ: None))
    expected = comparable({**own, "Vary": "Accept, Origin, X-Tenant"})
    assert get(app).seen == expected
    assert preflight(app).seen == expected
    assert spy.called == 2


@pytest.mark.parametrize("vary", [(), [], "", None], ids=repr)
def test_an_empty_vary_adds_nothing(vary: Any) -> None:
    app = wrap(SpyApp(), Choice(vary, lambda environ: None))
    assert get(app).cors == {}
    app = wrap(SpyApp(), Choice(vary, lambda environ: Policy(allow_origins="*")))
    assert get(app).cors == comparable({"Access-Control-Allow-Origin": "*"})


WRONG_VARY = [
    pytest.param("X-A, X-B", "header-invalid", "X-A, X-B", id="two in one text"),
    pytest.param("*", "header-invalid", "*", id="star"),
    pytest.param(["X-A", "*"], "header-invalid", "*", id="star in a list"),
    pytest.param(["X A"], "header-invalid", "X A", id="space"),
    pytest.param([""], "header-invalid", "", id="empty"),
    pytest.param(("X-A\r\nX-B: c",), "header-invalid", "X-A\r\nX-B: c", id="line break"),
    pytest.param([b"X-A"], "header-invalid", b"X-A", id="bytes"),
    pytest.param(5, "wrong-type", 5, id="number"),
    pytest.param({"X-A": 1}, "wrong-type", {"X-A": 1}, id="mapping"),
]


@pytest.mark.parametrize(("vary", "code", "value"), WRONG_VARY)
@pytest.mark.parametrize(
    ("make", "field"),
    [
        pytest.param(lambda source: wrap(SpyApp(), source), "policy.vary", id="policy"),
        pytest.param(
            lambda source: wrap(SpyApp(), None, paths={"/a": source}),
            "paths['/a'].vary",
            id="paths",
        ),
    ],
)
def test_a_vary_that_names_no_headers_is_a_problem(
    vary: Any, code: str, value: Any, make: Any, field: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        make(Choice(vary, failing))
    [problem] = caught.value.problems
    assert (problem.code, problem.field, problem.value) == (code, field, value)


def test_a_vary_that_could_be_read_only_once_is_a_problem() -> None:
    names = iter(["X-A"])
    with pytest.raises(PolicyError) as caught:
        wrap(SpyApp(), Choice(names, failing))
    assert str(caught.value) == (
        f"policy.vary: {names!r} is no list."
        " Write the name of a header, or a list of them. [wrong-type]"
    )


# ------------------------------------------------------------------ policies that differ by method


def by_method(**policies: Policy | None) -> Source:
    default = policies.pop("others", None)
    return lambda environ: policies.get(environ["REQUEST_METHOD"], default)


def max_age(answer: Answer) -> list[str]:
    return answer.values("Access-Control-Max-Age")


SHARED = Policy(allow_origins=A, allow_methods="GET, PUT, DELETE")
OTHER = SHARED.replace(allow_headers="x-other")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(by_method(others=SHARED), ["600"], id="all alike"),
        pytest.param(by_method(others=SHARED, TRACE=OTHER), ["600"], id="one beside the listed"),
        pytest.param(
            lambda environ: Policy(allow_origins=[A], allow_methods="PUT"), ["600"], id="equal"
        ),
        pytest.param(by_method(others=SHARED, GET=OTHER), ["0"], id="GET differs"),
        pytest.param(by_method(others=SHARED, HEAD=OTHER), ["0"], id="HEAD differs"),
        pytest.param(by_method(others=SHARED, POST=OTHER), ["0"], id="POST differs"),
        pytest.param(by_method(others=SHARED, DELETE=OTHER), ["0"], id="a listed one differs"),
        pytest.param(by_method(others=SHARED, DELETE=None), ["0"], id="a listed one has none"),
        pytest.param(by_method(others=OTHER, PUT=SHARED), ["0"], id="it is alone"),
        pytest.param(
            by_method(others=OTHER, PUT=SHARED.replace(max_age=None)), ["0"], id="without max-age"
        ),
        pytest.param(
            by_method(others=SHARED.replace(max_age=None)), [], id="all alike without max-age"
        ),
        pytest.param(by_method(others=SHARED.replace(max_age=0)), ["0"], id="all alike, nought"),
    ],
)
def test_a_preflight_is_not_cached_where_another_method_has_another_policy(
    source: Source, expected: list[str]
) -> None:
    answer = preflight(wrap(SpyApp(), source), A, "PUT")
    assert answer.status == 204
    assert answer.values("Access-Control-Allow-Origin") == [A]
    assert max_age(answer) == expected


def test_any_method_means_all_that_have_a_policy_of_their_own() -> None:
    any_method = Policy(allow_origins=A, allow_methods="*")
    source = by_method(others=any_method, DELETE=Policy())
    assert max_age(preflight(wrap(SpyApp(), source), A, "PUT")) == ["0"]


def test_a_refused_preflight_has_no_max_age_even_so() -> None:
    answer = preflight(wrap(SpyApp(), by_method(others=SHARED, PUT=Policy(allow_origins=B))))
    assert answer.status == 403
    assert answer.cors == comparable({"Vary": PREFLIGHT_VARY})


def test_the_method_that_is_asked_for_decides() -> None:
    app = wrap(SpyApp(), by_method(others=Policy(allow_origins=B), PUT=SHARED))
    assert preflight(app, A, "PUT").status == 204
    assert preflight(app, A, "DELETE").status == 403
    assert preflight(app, B, "DELETE").status == 204
    assert get(app, A).cors == comparable({"Vary": "Origin"})


def test_without_a_policy_for_the_method_the_preflight_is_the_applications() -> None:
    spy = SpyApp()
    app = wrap(spy, by_method(others=SHARED, PUT=None))
    assert preflight(app, A, "PUT").cors == {}
    assert spy.called == 1


# ------------------------------------------------------------------ sources that fail


def failing(environ: Mapping[str, Any]) -> Policy:
    raise LookupError("no such tenant")


def test_a_source_that_raises_allows_nothing_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    spy = SpyApp(headers={"Content-Type": "text/plain", "Access-Control-Allow-Origin": "*"})
    app = wrap(spy, failing)
    assert get(app).cors == comparable({"Vary": "Origin"})
    assert spy.called == 1
    records = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(records) == 1
    assert records[0].name == "corsgate"
    assert "failing" in records[0].getMessage()
    assert records[0].exc_info is not None
    assert isinstance(records[0].exc_info[1], LookupError)
    assert preflight(app).status == 403
    assert spy.called == 1


class Careless:
    """A source that gives whatever it was made with."""

    def __init__(self, given: Any) -> None:
        self.given = given

    def __call__(self, environ: Mapping[str, Any]) -> Any:
        return self.given

    def __repr__(self) -> str:
        return "careless"


@pytest.mark.parametrize("given", [True, "*", {"allow_origins": "*"}, Policy, NOT_GIVEN], ids=repr)
def test_a_source_that_gives_something_else_allows_nothing_and_is_logged(
    given: Any, caplog: pytest.LogCaptureFixture
) -> None:
    spy = SpyApp()
    app = wrap(spy, Careless(given))
    assert get(app).cors == comparable({"Vary": "Origin"})
    [record] = caplog.records
    assert (record.name, record.levelno) == ("corsgate", logging.ERROR)
    assert f"the policy source careless gave {given!r}," in record.getMessage()
    assert preflight(app).status == 403
    assert spy.called == 1


def test_a_source_that_fails_still_says_what_it_reads() -> None:
    app = wrap(SpyApp(), Choice("X-Tenant", failing))
    assert get(app).cors == comparable({"Vary": "Origin, X-Tenant"})


# ------------------------------------------------------------------ options on top of a source


def test_options_below_a_source_change_what_it_gives() -> None:
    base = Policy(allow_origins=A, expose_headers="X-A")
    spy = SpyApp()
    app = wrap(spy, lambda environ: base, paths={"/*": {"expose_headers": "X-B"}})
    for _ in range(2):
        assert get(app).cors == allowing(A, **{"Access-Control-Expose-Headers": "X-B"})
    assert max_age(preflight(app)) == ["600"]


def test_options_below_a_source_that_gives_none_stand_alone() -> None:
    app = wrap(SpyApp(), lambda environ: None, paths={"/*": {"allow_origins": A}})
    assert get(app).cors == allowing(A)


def test_options_below_a_source_follow_its_choice() -> None:
    policies = {"a": Policy(allow_origins=A), "b": Policy(allow_origins=B)}
    source = Choice("X-Tenant", lambda environ: policies[environ["HTTP_X_TENANT"]])
    app = wrap(SpyApp(), source, paths={"/*": {"allow_timing": True}})
    for _ in range(2):
        for tenant, origin in (("a", A), ("b", B)):
            answer = get(app, origin, **{"X-Tenant": tenant})
            assert answer.cors == allowing(
                origin, Vary="Origin, X-Tenant", **{"Timing-Allow-Origin": origin}
            )


def test_options_below_a_source_that_fails_allow_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = wrap(SpyApp(), failing, paths={"/*": {"allow_origins": A}})
    assert get(app).cors == comparable({"Vary": "Origin"})
    assert isinstance((caplog.records[0].exc_info or (None, None))[1], LookupError)


def test_options_below_a_source_are_judged_at_the_start_as_far_as_they_stand_alone() -> None:
    with pytest.raises(PolicyError) as caught:
        wrap(SpyApp(), failing, paths={"/*": {"max_age": -1, "alow_origins": A}})
    assert {(problem.code, problem.field) for problem in caught.value.problems} == {
        ("max-age", "paths['/*'].max_age"),
        ("unknown-option", "paths['/*'].alow_origins"),
    }


def test_what_becomes_unsafe_only_then_allows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    source = Choice((), lambda environ: Policy(allow_origins="*"))
    app = wrap(SpyApp(), source, paths={"/*": {"allow_credentials": True}})
    assert get(app).cors == comparable({"Vary": "Origin"})
    assert isinstance((caplog.records[0].exc_info or (None, None))[1], PolicyError)


def test_a_source_that_makes_a_new_policy_each_time_does_not_fill_the_memory() -> None:
    numbers: Iterator[int] = iter(range(10_000))
    source = Choice((), lambda environ: Policy(allow_origins=A, max_age=next(numbers)))
    derived = derive(source, {"expose_headers": "X-B"}, "here")
    assert callable(derived)
    for number in range(600):
        assert derived({}) == Policy(allow_origins=A, max_age=number, expose_headers="X-B")
    kept: Any = derived._derived  # type: ignore[attr-defined]
    assert len(kept) <= 256


def test_what_is_derived_is_shown_by_its_place_and_its_source(
    caplog: pytest.LogCaptureFixture,
) -> None:
    paths = {"/a/*": {"max_age": 1}}
    app = wrap(SpyApp(), Careless("x"), paths=paths)
    call(app, "GET", "/a/b", {"Origin": A})
    shown = "<the options of paths['/a/*'] on top of careless>"
    text, other = caplog.messages
    assert text.startswith(f"corsgate: the policy source {shown} gave 'x', which is neither a")
    # While it fails, the application's gate holds, so that source is asked too.
    assert other.startswith("corsgate: the policy source careless gave 'x', which is neither a")
    derived = derive(failing, {"max_age": 1}, "view 'x'")
    assert repr(derived) == f"<the options of view 'x' on top of {failing!r}>"
    assert derived == derive(failing, {"max_age": 1}, "view 'y'")


def test_a_policy_is_derived_once_from_the_same_one() -> None:
    base = Policy(allow_origins=A)
    derived = derive(Choice((), lambda environ: base), {"max_age": 1}, "here")
    assert callable(derived)
    assert derived({}) is derived({})
    assert derived({}) == base.replace(max_age=1)


def test_what_is_derived_is_equal_if_it_gives_the_same() -> None:
    one, same = derive(failing, {"max_age": 1}, "here"), derive(failing, {"max_age": 1}, "here")
    assert one == same
    assert hash(one) == hash(same)
    assert one != derive(failing, {"max_age": 2}, "here")
    assert one != derive(Choice((), failing), {"max_age": 1}, "here")
    assert one != Policy(max_age=1)


def test_deriving_from_a_policy_makes_a_policy() -> None:
    base = Policy(allow_origins=A, max_age=5)
    assert derive(base, {"max_age": 6}, "here") == Policy(allow_origins=A, max_age=6)
    assert derive(None, {"max_age": 6}, "here") == Policy(max_age=6)


# ------------------------------------------------------------------ small things


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(None, False, id="none"),
        pytest.param(Policy(), False, id="nobody"),
        pytest.param(Policy(allow_origins="*"), False, id="any"),
        pytest.param(Policy(allow_origins=[A, "https://*.example"]), False, id="listed"),
        pytest.param(Policy(allow_origins=lambda origin, environ: True), True, id="callable"),
        pytest.param(failing, True, id="source"),
    ],
)
def test_only_what_calls_the_users_code_may_block(source: Any, expected: bool) -> None:
    assert may_block(source, {"HTTP_ORIGIN": B}) is expected


def test_what_needs_no_callable_does_not_block() -> None:
    policy = Policy(allow_origins=[A, lambda origin, environ: True])
    assert may_block(policy, {"HTTP_ORIGIN": B}) is True
    assert may_block(policy, {"HTTP_ORIGIN": A}) is False
    assert may_block(policy, {}) is False
    assert may_block(policy, {"HTTP_ORIGIN": "https://" + "a" * 320}) is False


def test_whom_the_gate_asks_may_block_too() -> None:
    policy = Policy(
        allow_origins=A, write_origins=[A, lambda origin, environ: True], gate="enforce"
    )
    for source in (policy, leave(policy)):
        assert may_block(source, {"HTTP_ORIGIN": B}) is True
        assert may_block(source, {"HTTP_ORIGIN": A}) is False
        assert may_block(source, {}) is False
    assert may_block(policy.replace(gate="off"), {"HTTP_ORIGIN": B}) is False
    assert may_block(leave(failing), {}) is True


@pytest.mark.parametrize(
    ("says", "expected"),
    [(False, False), (True, True), (None, True), (0, True), ("", True)],
)
def test_a_callable_may_say_that_it_knows_the_answer(says: Any, expected: bool) -> None:
    ask = Mock(return_value=True)
    ask._would_block = Mock(return_value=says)
    assert may_block(Policy(allow_origins=ask), {"HTTP_ORIGIN": B}) is expected
    ask._would_block.assert_called_once_with(B)
    assert may_block(Policy(allow_origins=Mock(return_value=True)), {"HTTP_ORIGIN": B}) is True


def test_a_policy_is_its_own_source() -> None:
    policy = Policy(allow_origins=A)
    decision = decide_by(policy, environ_of("GET", "/", {"Origin": A}))
    assert isinstance(decision, Decision)
    assert decision.policy is policy
    assert decide_by(None, environ_of("GET", "/", {"Origin": A})) is None
    assert ask(policy, {}) is policy
    assert ask(None, {}) is None


def test_not_given_is_shown_by_its_name() -> None:
    assert repr(NOT_GIVEN) == "NOT_GIVEN"
    assert isinstance(NOT_GIVEN, NotGiven)


async def coroutine(environ: Mapping[str, Any]) -> Policy:
    return Policy()


class Methods:
    def source(self, environ: Mapping[str, Any]) -> Policy:
        return Policy(allow_origins=A)

    async def coroutine(self, environ: Mapping[str, Any]) -> Policy:
        return Policy()


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(lambda environ: Policy(allow_origins=A), id="lambda"),
        pytest.param(Methods().source, id="method"),
        pytest.param(partial(Methods.source, Methods()), id="partial"),
        pytest.param(Choice((), lambda environ: Policy(allow_origins=A)), id="object"),
    ],
)
def test_any_callable_may_be_a_source(source: Any) -> None:
    assert get(wrap(SpyApp(), source)).cors == allowing(A)


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(coroutine, id="function"),
        pytest.param(Methods().coroutine, id="method"),
        pytest.param(partial(coroutine, {}), id="partial"),
    ],
)
def test_a_coroutine_function_is_no_source(source: Any) -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(SpyApp(), source)
    assert [(p.code, p.field) for p in caught.value.problems] == [("coroutine-callable", "policy")]


@pytest.mark.parametrize("source", ["*", 1, Policy, [Policy()], {"allow_origins": A}], ids=str)
def test_what_is_no_policy_and_no_callable_is_no_source(source: Any) -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(SpyApp(), source)
    [problem] = caught.value.problems
    assert (problem.code, problem.field, problem.value) == ("wrong-type", "policy", source)
