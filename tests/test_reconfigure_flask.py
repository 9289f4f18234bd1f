"""Another policy while a Flask application is served: with its views, and never a mix."""

import gc
import weakref
from typing import Any

import pytest
from answers import APP, EVIL, PARTNER, REFUSED, asking, asking_for, goes_on
from flask import Flask
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
from wsgi_client import call

from corsgate import Policy, PolicyError
from corsgate._flask_views import MergedViews
from corsgate._paths import PathRules
from corsgate.flask import CORSGate, cors


def ask(app: Any, method: str = "GET", path: str = "/plain", origin: str = APP) -> dict[str, Any]:
    headers = asking_for("PUT", origin) if method == "OPTIONS" else asking(origin)
    return call(app, method, path, headers).cors


def make_app(**options: Any) -> tuple[Flask, CORSGate]:
    """Views with marks and without; two views share the URL /both, and inherit the same."""
    app = Flask(__name__)
    app.add_url_rule("/plain", "plain", lambda: "plain")
    app.add_url_rule("/mild", "mild", cors(max_age=60)(lambda: "mild"))
    app.add_url_rule("/both", "read", cors(max_age=60)(lambda: "read"))
    app.add_url_rule("/both", "write", cors(max_age=60)(lambda: "written"), methods=["PUT"])
    app.add_url_rule("/fixed", "fixed", cors(Policy(allow_origins=PARTNER))(lambda: "fixed"))
    return app, CORSGate(app, ONE, **options)


def mild(policy: Policy) -> dict[str, object]:
    return {**GOES_ON[policy], "access-control-max-age": "60"}


@pytest.mark.parametrize("served_before", [True, False])
def test_views_inherit_from_the_new_policy(served_before: bool) -> None:
    app, gate = make_app(paths={"/path/*": {"max_age": 60}})
    if served_before:
        assert ask(app) == READABLE[ONE]
    for policy in (TWO, ONE, TWO):
        gate.reconfigure(policy)
        for path in ("/plain", "/mild", "/both", "/path/x", "/nowhere"):
            assert ask(app, path=path) == READABLE[policy]
        assert ask(app, "OPTIONS") == GOES_ON[policy]
        for path in ("/mild", "/both", "/path/x"):
            assert ask(app, "OPTIONS", path) == mild(policy)
        assert ask(app, "OPTIONS", "/fixed", PARTNER) == goes_on(PARTNER)
        assert ask(app, "OPTIONS", "/fixed") == REFUSED


def test_options_make_a_new_policy_and_the_configuration_is_not_read_again() -> None:
    app = Flask(__name__)
    app.config.update(CORS_ALLOW_ORIGINS=APP, CORS_ALLOW_CREDENTIALS=True)
    gate = CORSGate(app)
    gate.reconfigure(allow_origins=[PARTNER])
    assert ask(app, "OPTIONS", origin=PARTNER) == goes_on(PARTNER)
    assert ask(app, "OPTIONS") == REFUSED


def test_what_a_view_inherits_can_make_the_new_policy_invalid() -> None:
    app, gate = make_app()
    app.add_url_rule("/public", "public", cors(allow_origins="*")(lambda: "public"))
    with pytest.raises(PolicyError) as caught:
        gate.reconfigure(TWO)
    [problem] = caught.value.problems
    assert (problem.code, problem.field) == (
        "wildcard-credentials",
        "view 'public': allow_origins",
    )
    with pytest.raises(PolicyError):
        gate.reconfigure(allow_origins=f"{APP}/")
    with pytest.raises(TypeError, match="takes a policy or options"):
        gate.reconfigure()
    assert ask(app) == READABLE[ONE]
    assert ask(app, "OPTIONS", "/mild") == mild(ONE)


def test_of_several_applications_all_change_or_none() -> None:
    gate = CORSGate(policy=ONE)
    apps = [Flask("first"), Flask("second")]
    for app in apps:
        gate.init_app(app)
    apps[1].add_url_rule("/mine", "mine", cors(allow_credentials=True)(lambda: "mine"))
    gate.reconfigure(TWO)
    assert [ask(app) for app in apps] == [READABLE[TWO]] * 2
    with pytest.raises(PolicyError) as caught:
        gate.reconfigure(allow_origins="*")  # which only the view of the second one cannot take
    [problem] = caught.value.problems
    assert problem.field == "view 'mine': allow_origins"
    assert [ask(app) for app in apps] == [READABLE[TWO]] * 2


def test_before_there_is_an_application_it_says_so() -> None:
    with pytest.raises(RuntimeError) as caught:
        CORSGate(policy=ONE).reconfigure(TWO)
    assert str(caught.value) == (
        "This CORSGate has no application yet: give the policy to CORSGate(...), or call"
        " init_app(app) first."
    )


def test_the_extension_keeps_no_application_alive() -> None:
    gate = CORSGate(policy=ONE)
    app = Flask(__name__)
    gate.init_app(app)
    known = weakref.ref(app)
    del app
    gc.collect()
    assert known() is None
    with pytest.raises(RuntimeError):
        gate.reconfigure(TWO)


def test_debug_mode_names_the_argument_and_no_setting_any_more() -> None:
    app = Flask(__name__)
    app.config["CORS_ALLOW_ORIGINS"] = APP
    gate = CORSGate(app, debug=True)
    shown = call(app, "GET", "/", asking(EVIL)).values("X-CORSGate-Reason")
    assert "CORS_ALLOW_ORIGINS" in shown[0]
    gate.reconfigure(allow_origins=PARTNER)
    shown = call(app, "GET", "/", asking(EVIL)).values("X-CORSGate-Reason")
    assert "CORS_" not in shown[0]
    assert "allow_origins" in shown[0]


def test_a_callable_in_the_configuration_may_be_an_object() -> None:
    class Asker:
        def __call__(self, origin: str, environ: object) -> bool:
            return origin == APP

    app = Flask(__name__)
    app.config["CORS_ALLOW_ORIGINS"] = Asker()
    CORSGate(app)
    assert ask(app, "OPTIONS") == goes_on(APP)


@pytest.mark.parametrize("marks", [True, False])
def test_under_load_every_answer_is_by_the_old_or_by_the_new_policy(marks: bool) -> None:
    if marks:
        app, gate = make_app()
    else:
        app = Flask(__name__)
        app.add_url_rule("/plain", "plain", lambda: "plain")
        gate = CORSGate(app, ONE)
    milds = [mild(ONE), mild(TWO)] if marks else GOES_ON.values()

    def change(policy: Policy) -> None:
        gate.reconfigure(policy)
        assert ask(app) == READABLE[policy]  # from now on
        assert ask(app, "OPTIONS") == GOES_ON[policy]

    def check() -> None:
        assert ask(app) in READABLE.values()
        assert ask(app, "OPTIONS", "/both") in milds
        for origin, answers in ANSWERS.items():
            assert ask(app, "OPTIONS", origin=origin) in answers

    under_load(change, check)


# ------------------------------------------------------------------ the gate


def post(app: Any, path: str = "/plain") -> tuple[int, dict[str, object]]:
    answer = call(app, "POST", path, asking(PARTNER))
    return answer.status, answer.cors


def make_writing_app(
    policy: Policy, ran: list[str], *, marks: bool = True
) -> tuple[Flask, CORSGate]:
    app = Flask(__name__)
    app.before_request(lambda: ran.append("hook"))
    views: dict[str, Any] = {"plain": lambda: "plain"}
    if marks:
        views["mild"] = cors(max_age=60)(lambda: "mild")
        views["none"] = cors(None)(lambda: "none")
        views["off"] = cors(gate="off")(lambda: "off")
    for name, view in views.items():
        app.add_url_rule(f"/{name}", name, view, methods=["GET", "POST", "PUT"])
    return app, CORSGate(app, policy)


@pytest.mark.parametrize("served_before", [True, False])
def test_a_gate_goes_on_and_off(served_before: bool) -> None:
    ran: list[str] = []
    app, gate = make_writing_app(OPEN, ran)
    for _ in range(2):
        if served_before:
            assert (post(app), post(app, "/mild"), post(app, "/off")) == (PASSED,) * 3
            assert post(app, "/none") == (200, {})
            assert ask(app, "OPTIONS", origin=PARTNER) == UNLIMITED
        ran.clear()
        gate.reconfigure(GATED)
        assert (post(app), post(app, "/mild")) == (STOPPED, STOPPED)
        assert post(app, "/none")[0] == 403
        assert ask(app, "OPTIONS", origin=PARTNER) == LIMITED
        assert ran == []
        assert post(app, "/off")[0] == 200
        gate.reconfigure(None)  # leaves the gate to the views too
        assert post(app) == (200, {})
        gate.reconfigure(OPEN)


@pytest.mark.parametrize("marks", [True, False])
def test_under_load_no_gate_lets_pass_what_it_stops(marks: bool) -> None:
    app, gate = make_writing_app(GATED, [], marks=marks)

    def change(policy: Policy) -> None:
        gate.reconfigure(policy)
        assert post(app) == (STOPPED if policy is GATED else PASSED)  # from now on

    def check() -> None:
        for path in ("/plain", "/mild") if marks else ("/plain",):
            assert post(app, path) in (STOPPED, PASSED)
        assert ask(app, "OPTIONS", origin=PARTNER) in (LIMITED, UNLIMITED)

    under_load(change, check, (OPEN, GATED))


@pytest.mark.parametrize("marks", [True, False])
def test_a_request_under_way_is_answered_by_the_policy_that_it_began_with(marks: bool) -> None:
    ran: list[str] = []
    app, gate = make_writing_app(OPEN, ran, marks=marks)
    app.before_request(lambda: gate.reconfigure(GATED))
    for path in ("/plain", "/mild") if marks else ("/plain",):
        gate.reconfigure(OPEN)
        assert post(app, path) == PASSED
        assert post(app, path) == STOPPED
    assert len(ran) == (2 if marks else 1)


def test_a_gate_that_goes_off_under_way_is_asked_by_the_request_that_began_with_it() -> None:
    app, gate = make_writing_app(GATED, [])
    extension = app.extensions["corsgate"]
    inner = extension._inner

    def layer(environ: Any, start_response: Any) -> Any:
        gate.reconfigure(OPEN)
        environ["PATH_INFO"] = "/mild"
        return inner(environ, start_response)

    # Behind the gate: what comes is exempt, and what Flask gets is not.
    extension._inner = layer
    assert post(app, "/off") == STOPPED
    assert post(app, "/mild") == PASSED


def test_the_last_requests_of_the_old_policy_merge_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app, gate = make_app()
    merged: list[object] = []

    class Counted(MergedViews):
        def __init__(self, app: Flask, rules: PathRules, before: Any = frozenset()) -> None:
            merged.append(rules)
            super().__init__(app, rules, before)

    app.before_request(lambda: gate.reconfigure(TWO) if len(merged) == 1 else None)
    monkeypatch.setattr("corsgate._flask_sources.MergedViews", Counted)
    for policy in (ONE, TWO, TWO):
        assert ask(app, path="/mild") == READABLE[policy]
    # At the start, to judge the new one, and for what follows.
    assert len(merged) == 3


def test_a_view_that_comes_under_way_has_the_policy_that_the_request_began_with() -> None:
    app, gate = make_app()
    late = cors(max_age=60)(lambda: "late")

    @app.before_request
    def change() -> None:
        if app.view_functions["mild"] is not late:
            gate.reconfigure(TWO)
            app.view_functions["mild"] = late

    for policy in (ONE, TWO):
        assert ask(app, path="/mild") == READABLE[policy]
