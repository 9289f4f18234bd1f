"""The Flask extension: where its options come from, which policy a route has, and every answer."""

import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import flask
import pytest
from answers import (
    ANYBODY,
    APP,
    DENIED,
    EVIL,
    NOTHING,
    PARTNER,
    REFUSED,
    asking,
    asking_for,
    goes_on,
    readable_by,
)
from flask import Blueprint, Flask, Response, abort
from flask.views import MethodView, View
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter, Map, Rule
from wsgi_client import Answer, SpyApp, call

from corsgate import Policy, PolicyError
from corsgate.flask import CORSGate, cors

Environ = Mapping[str, Any]


def new_app(**config: Any) -> Flask:
    app = Flask("project", static_folder=None)
    app.config.update(config)
    return app


def serving(*paths: str, **config: Any) -> Flask:
    """An application with one plain view for each path."""
    app = new_app(**config)
    for path in paths or ("/",):
        app.add_url_rule(path, path, lambda: "ok", methods=["GET", "PUT"])
    return app


def ask(
    app: Flask, path: str = "/", method: str = "GET", origin: str | None = APP, **headers: str
) -> Answer:
    return call(validator(app), method, path, asking(origin, **headers))


def preflight(app: Flask, path: str = "/", method: str = "PUT", origin: str = APP) -> Answer:
    return call(validator(app), "OPTIONS", path, asking_for(method, origin))


def codes(error: PolicyError) -> list[tuple[str, str]]:
    return [(problem.field, problem.code) for problem in error.problems]


# ------------------------------------------------------------------ giving the gate


def test_options_by_keyword_hold_for_the_whole_application() -> None:
    app = serving("/")
    CORSGate(app, allow_origins=[APP], allow_credentials=True)
    granted = readable_by(APP, Access_Control_Allow_Credentials="true")
    assert ask(app).cors == granted
    assert ask(app, "/nowhere").cors == granted
    assert ask(app, origin=EVIL).cors == DENIED
    assert ask(app, origin=None).cors == DENIED
    assert preflight(app).seen == goes_on(APP, Access_Control_Allow_Credentials="true")
    assert preflight(app, origin=EVIL).status == 403


def test_one_extension_protects_several_applications_each_by_its_own_configuration() -> None:
    gate = CORSGate(expose_headers=["X-Total"])
    first, second = serving(CORS_ALLOW_ORIGINS=[APP]), serving(CORS_ALLOW_ORIGINS=[PARTNER])
    gate.init_app(first)
    gate.init_app(second)
    exposed = {"Access_Control_Expose_Headers": "X-Total"}
    assert ask(first).cors == readable_by(APP, **exposed)
    assert ask(second).cors == DENIED
    assert ask(second, origin=PARTNER).cors == readable_by(PARTNER, **exposed)


def test_an_application_factory_may_configure_after_the_extension_was_made() -> None:
    gate = CORSGate()

    def create_app(origin: str) -> Flask:
        app = serving("/")
        app.config["CORS_ALLOW_ORIGINS"] = [origin]
        gate.init_app(app)
        return app

    assert ask(create_app(APP)).cors == readable_by(APP)
    assert ask(create_app(PARTNER)).cors == DENIED


def test_the_extension_keeps_its_state_in_the_application() -> None:
    app = serving("/")
    extension = CORSGate(app, allow_origins=[APP])
    assert "corsgate" in app.extensions
    assert app not in vars(extension).values()


def test_configuration_may_be_text_as_from_environment_variables() -> None:
    app = serving(
        "/",
        CORS_ALLOW_ORIGINS=f"{APP}, {PARTNER}",
        CORS_ALLOW_CREDENTIALS="yes",
        CORS_MAX_AGE="5",
        CORS_EXPOSE_HEADERS="ETag",
    )
    CORSGate(app)
    assert ask(app, origin=PARTNER).cors == readable_by(
        PARTNER, Access_Control_Allow_Credentials="true", Access_Control_Expose_Headers="ETag"
    )
    assert preflight(app).seen == goes_on(APP, max_age="5", Access_Control_Allow_Credentials="true")


def test_a_keyword_wins_over_the_key_of_the_same_name_only() -> None:
    app = serving("/", CORS_ALLOW_ORIGINS=[EVIL], CORS_EXPOSE_HEADERS=["ETag"])
    CORSGate(app, allow_origins=[APP])
    assert ask(app).cors == readable_by(APP, Access_Control_Expose_Headers="ETag")
    assert ask(app, origin=EVIL).cors == DENIED


def test_paths_come_from_configuration_or_keyword_and_the_keyword_wins() -> None:
    configured = {"/open/*": {"allow_origins": "*"}}
    app = serving("/open/x", "/own/x", CORS_ALLOW_ORIGINS=[APP], CORS_PATHS=configured)
    CORSGate(app)
    assert ask(app, "/open/x", origin=EVIL).cors == ANYBODY
    assert ask(app, "/own/x", origin=EVIL).cors == DENIED

    app = serving("/open/x", "/own/x", CORS_ALLOW_ORIGINS=[APP], CORS_PATHS=configured)
    CORSGate(app, paths={"/own/*": None})
    assert ask(app, "/open/x", origin=EVIL).cors == DENIED
    assert ask(app, "/own/x").cors == NOTHING


def test_options_in_paths_inherit_from_the_application_and_a_policy_stands_alone() -> None:
    app = serving("/merged", "/alone")
    paths: dict[str, Any] = {
        "/merged": {"expose_headers": ["ETag"]},
        "/alone": Policy(allow_origins=[PARTNER]),
    }
    CORSGate(app, allow_origins=[APP], allow_credentials=True, paths=paths)
    credentials = {"Access_Control_Allow_Credentials": "true"}
    assert ask(app, "/merged").cors == readable_by(
        APP, Access_Control_Expose_Headers="ETag", **credentials
    )
    assert ask(app, "/alone").cors == DENIED
    assert ask(app, "/alone", origin=PARTNER).cors == readable_by(PARTNER)
    assert ask(app, "/neither").cors == readable_by(APP, **credentials)


def test_a_policy_may_be_given_as_an_object_for_the_application() -> None:
    app = serving("/")
    CORSGate(app, Policy(allow_origins=[APP]))
    assert ask(app).cors == readable_by(APP)


def test_none_leaves_cors_to_the_application() -> None:
    app = new_app()

    @app.route("/", methods=["GET", "OPTIONS"])
    def view() -> Response:
        return Response("own", headers={"Access-Control-Allow-Origin": EVIL})

    CORSGate(app, None)
    assert ask(app).cors == {"access-control-allow-origin": EVIL}
    assert preflight(app, method="GET").body == b"own"


def test_a_callable_chooses_the_policy_of_the_application() -> None:
    def by_host(environ: Environ) -> Policy:
        return Policy(allow_origins=[APP] if environ["HTTP_HOST"] == "api.example.com" else [])

    app = serving("/")
    CORSGate(app, by_host)
    assert ask(app, Host="api.example.com").cors == readable_by(APP)
    assert ask(app, Host="admin.example.com").cors == NOTHING


@pytest.mark.parametrize(
    ("config", "options"),
    [
        pytest.param({"CORS_ALLOW_ORIGINS": [APP]}, {}, id="beside-a-key"),
        pytest.param({}, {"allow_origins": [APP]}, id="beside-a-keyword"),
    ],
)
def test_a_policy_beside_options_is_an_error(
    config: dict[str, Any], options: dict[str, Any]
) -> None:
    with pytest.raises(PolicyError) as raised:
        CORSGate(serving("/", **config), Policy(allow_origins=[PARTNER]), **options)
    assert codes(raised.value) == [("policy", "conflict")]


def test_every_problem_of_keywords_and_configuration_is_in_one_error_by_its_own_name() -> None:
    app = serving(
        CORS_ALLOW_METHODS=["get"],
        CORS_ALLOW_CREDENTIALS="maybe",
        CORS_MAX_AGE=-1,
        CORS_ALLOWED_ORIGINS=[APP],
    )
    with pytest.raises(PolicyError) as raised:
        CORSGate(
            app,
            allow_origins=[f"{APP}/"],
            max_age=-2,
            paths={"api": {"expose_headers": ["Set-Cookie"]}, "/x": {"allow_methods": ["TRACE"]}},
        )
    assert sorted(codes(raised.value)) == [
        ("CORS_ALLOWED_ORIGINS", "unknown-option"),
        ("CORS_ALLOW_CREDENTIALS", "wrong-value"),
        ("CORS_ALLOW_METHODS", "method-case"),
        ("allow_origins", "origin-path"),
        ("max_age", "max-age"),
        ("paths", "path-invalid"),
        ("paths['/x'].allow_methods", "method-forbidden"),
    ]
    assert f"allow_origins: '{APP}/'" in str(raised.value)


def test_an_application_with_a_wrong_configuration_has_no_gate() -> None:
    app = serving("/", CORS_MAX_AGE=-1)
    with pytest.raises(PolicyError, match="CORS_MAX_AGE: -1 is negative"):
        CORSGate(app)
    app.config["CORS_MAX_AGE"] = 5
    CORSGate(app, allow_origins=[APP])
    assert ask(app).cors == readable_by(APP)


def test_a_key_that_is_nobodys_is_warned_about() -> None:
    app = serving(CORS_SOMETHING_ELSE=1, CORS_ALLOW_ORIGINS=[APP])
    with pytest.warns(UserWarning, match="CORS_SOMETHING_ELSE: corsgate has no such option"):
        CORSGate(app)


def test_the_obsolete_private_network_key_is_warned_about() -> None:
    app = serving(CORS_ALLOW_PRIVATE_NETWORK=True, CORS_ALLOW_ORIGINS=[APP])
    with pytest.warns(UserWarning, match="CORS_ALLOW_PRIVATE_NETWORK has no effect"):
        CORSGate(app)


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "set": (lambda config: config.update(CORS_MAX_AGE=5), "CORS_MAX_AGE changed"),
    "changed": (
        lambda config: config.update(CORS_ALLOW_ORIGINS=[EVIL]),
        "CORS_ALLOW_ORIGINS changed",
    ),
    "changed in place": (
        lambda config: config["CORS_ALLOW_ORIGINS"].append(EVIL),
        "CORS_ALLOW_ORIGINS changed",
    ),
    "removed": (
        lambda config: config.pop("CORS_ALLOW_ORIGINS"),
        "CORS_ALLOW_ORIGINS changed",
    ),
    "several": (
        lambda config: config.update(CORS_MAX_AGE=5, CORS_ALLOW_METHODS=["GET"]),
        "CORS_ALLOW_METHODS, CORS_MAX_AGE changed",
    ),
}


@pytest.mark.parametrize(("change", "message"), CHANGES.values(), ids=CHANGES)
def test_a_key_that_changes_after_the_gate_has_read_it_is_an_error_at_every_request(
    change: Callable[[dict[str, Any]], object], message: str
) -> None:
    app = serving("/", CORS_ALLOW_ORIGINS=[APP])
    CORSGate(app)
    change(app.config)
    for _ in range(2):
        with pytest.raises(RuntimeError, match=message):
            ask(app)


def test_other_keys_may_change_at_any_time() -> None:
    app = serving("/", CORS_ALLOW_ORIGINS=[APP])
    CORSGate(app)
    app.config["OTHER"] = 1
    assert ask(app).cors == readable_by(APP)


def test_two_gates_on_one_application_are_an_error() -> None:
    app = serving("/")
    CORSGate(app, allow_origins=[APP])
    with pytest.raises(RuntimeError, match="'project' has a CORSGate already"):
        CORSGate(app, allow_origins=[PARTNER])
    assert ask(app).cors == readable_by(APP)


def test_a_gate_for_a_blueprint_is_an_error_that_says_what_to_write() -> None:
    blueprint: Any = Blueprint("api", "project")
    with pytest.raises(TypeError, match=r"for the blueprint 'api' write cors\("):
        CORSGate(blueprint, allow_origins=[APP])


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(SpyApp(), id="wsgi-application"),
        pytest.param("project:app", id="text"),
        pytest.param(Flask, id="class"),
    ],
)
def test_a_gate_for_anything_but_a_flask_application_is_an_error(target: Any) -> None:
    with pytest.raises(TypeError, match="CORSGate is for a Flask application, not "):
        CORSGate().init_app(target)


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(
    "paths",
    [
        pytest.param({}, id="no-paths"),
        pytest.param({"/x/*": {}, "/y": Policy()}, id="paths-that-allow-nothing-either"),
        pytest.param({"/x": Policy(allow_methods=["GET"])}, id="methods-without-origins"),
    ],
)
def test_a_gate_that_allows_nothing_anywhere_warns_once(
    paths: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = serving("/")
    CORSGate(app, paths=paths)
    ask(app)
    ask(app)
    [line] = warnings_in(caplog)
    assert line == (
        "corsgate: CORSGate allows no origin anywhere: give it allow_origins=[...], or set"
        " CORS_ALLOW_ORIGINS before CORSGate(app)"
    )


def test_a_gate_that_allows_an_origin_to_one_view_does_not_warn(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = serving("/")
    app.add_url_rule("/open", view_func=cors(allow_origins=[APP])(lambda: "ok"), endpoint="open")
    CORSGate(app)
    assert ask(app).cors == NOTHING
    assert ask(app, "/open").cors == readable_by(APP)
    assert warnings_in(caplog) == []


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"allow_origins": [APP]}, id="application"),
        pytest.param({"paths": {"/x": {"allow_origins": [APP]}}}, id="path"),
        pytest.param({"paths": {"/x": None}}, id="path-that-is-left-alone"),
        pytest.param({"policy": lambda environ: Policy()}, id="callable"),
        pytest.param({"policy": None}, id="hands-off"),
    ],
)
def test_a_gate_that_may_allow_something_does_not_warn(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = serving("/")
    CORSGate(app, **options)
    ask(app)
    assert warnings_in(caplog) == []


# ------------------------------------------------------------------ the decorator


def test_the_decorator_works_above_and_below_the_route() -> None:
    app = new_app()

    @cors(allow_origins=[PARTNER])
    @app.route("/above")
    def above() -> str:
        return "above"

    @app.route("/below")
    @cors(allow_origins=[PARTNER])
    def below() -> str:
        return "below"

    CORSGate(app, allow_origins=[APP])
    for path in ("/above", "/below"):
        answer = ask(app, path, origin=PARTNER)
        assert (answer.status, answer.body.decode()) == (200, path[1:])
        assert answer.cors == readable_by(PARTNER)
        assert ask(app, path).cors == DENIED
        assert preflight(app, path, "GET", PARTNER).seen == goes_on(PARTNER)
        assert preflight(app, path, "GET").status == 403


def test_a_marked_view_keeps_its_name_its_arguments_and_its_result() -> None:
    app = new_app()

    @app.route("/<int:number>")
    @cors(allow_origins=[APP])
    def item(number: int) -> tuple[str, int]:
        """The item."""
        return str(number + 1), 202

    assert item.__name__ == "item"
    assert item.__doc__ == "The item."
    CORSGate(app)
    answer = ask(app, "/41")
    assert (answer.status, answer.body) == (202, b"42")


def test_asynchronous_views_may_be_marked_on_either_side() -> None:
    app = new_app()

    @cors(allow_origins=[PARTNER])
    @app.get("/above")
    async def above() -> str:
        return "above"

    @app.get("/below")
    @cors(allow_origins=[PARTNER])
    async def below() -> str:
        return "below"

    CORSGate(app, allow_origins=[APP])
    for path in ("/above", "/below"):
        answer = ask(app, path, origin=PARTNER)
        assert (answer.body.decode(), answer.cors) == (path[1:], readable_by(PARTNER))


def test_a_well_behaved_decorator_above_the_mark_keeps_it() -> None:
    app = new_app()

    def timed(view: Callable[[], str]) -> Callable[[], str]:
        @functools.wraps(view)
        def wrapper() -> str:
            return view()

        return wrapper

    @app.route("/")
    @timed
    @cors(allow_origins=[PARTNER])
    def view() -> str:
        return "ok"

    CORSGate(app, allow_origins=[APP])
    assert ask(app, origin=PARTNER).cors == readable_by(PARTNER)


def plain_wrapper(view: Callable[[], str]) -> Callable[[], str]:
    return lambda: view()  # what a decorator without functools.wraps gives


@pytest.mark.parametrize("hide", [plain_wrapper, functools.partial])
def test_a_mark_that_routing_cannot_see_is_an_error_that_names_the_endpoint(
    hide: Callable[[Callable[[], str]], Callable[[], str]],
) -> None:
    app = new_app(TESTING=True)
    app.add_url_rule("/", "item", hide(cors(allow_origins="*")(lambda: "secret")))
    CORSGate(app, allow_origins=[APP])
    with pytest.raises(RuntimeError, match="of endpoint 'item' at '/' is hidden from routing by"):
        ask(app)


def test_a_mark_on_an_error_handler_is_an_error_that_says_that_it_needs_none() -> None:
    app = new_app(TESTING=True)
    app.register_error_handler(404, cors(allow_origins=[PARTNER])(lambda error: ("none", 404)))
    CORSGate(app, allow_origins=[APP])
    with pytest.raises(RuntimeError, match=r"an error handler needs none: .* policy of the view"):
        ask(app, "/unknown")


def test_a_mark_that_routing_cannot_see_is_never_answered_with_the_view(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = new_app()
    app.add_url_rule("/", "item", plain_wrapper(cors(allow_origins="*")(lambda: "secret")))
    CORSGate(app, allow_origins=[APP])
    answer = ask(app, origin=EVIL)
    assert (answer.status, answer.cors) == (500, DENIED)
    assert b"secret" not in answer.body
    assert "hidden from routing" in caplog.text


def test_a_marked_view_may_call_another_marked_view() -> None:
    app = new_app()

    @app.route("/inner")
    @cors(allow_origins=[PARTNER])
    def inner() -> str:
        return "inner"

    @app.route("/outer")
    @cors(allow_origins=[APP])
    def outer() -> str:
        return inner()

    CORSGate(app)
    assert ask(app, "/outer").cors == readable_by(APP)
    assert ask(app, "/outer", origin=PARTNER).cors == DENIED


def test_a_method_of_an_object_may_be_marked() -> None:
    class Service:
        def answer(self) -> str:
            return "answered"

    marked, plain = Service(), Service()
    app = new_app()
    app.add_url_rule("/marked", "marked", cors(allow_origins=[PARTNER])(marked.answer))
    app.add_url_rule("/plain", "plain", plain.answer)
    CORSGate(app, allow_origins=[APP])
    answer = ask(app, "/marked", origin=PARTNER)
    assert (answer.body, answer.cors) == (b"answered", readable_by(PARTNER))
    assert preflight(app, "/marked", "GET", PARTNER).seen == goes_on(PARTNER)
    assert ask(app, "/plain").cors == readable_by(APP)
    assert ask(app, "/plain", origin=PARTNER).cors == DENIED


def test_a_mark_without_a_gate_is_an_error_that_names_the_endpoint() -> None:
    app = new_app(TESTING=True)
    app.add_url_rule("/", "item", cors(allow_origins=[APP])(lambda: "ok"))
    with pytest.raises(
        RuntimeError, match=r"endpoint 'item' at '/' has @cors\(...\), but .* no CORSGate"
    ):
        ask(app)


def test_a_marked_view_may_be_called_by_hand() -> None:
    assert cors(allow_origins=[APP])(lambda: "by hand")() == "by hand"


BARE: dict[str, tuple[Callable[[], object], str]] = {
    "bare": (lambda: cors(ask), r"@cors was put on ask without parentheses: write @cors\("),  # type: ignore[arg-type]
    "empty": (lambda: cors(), "takes a policy or options, but not both"),
    "policy-and-options": (
        lambda: cors(Policy(), allow_origins=[APP]),
        "takes a policy or options, but not both",
    ),
    "none-and-options": (lambda: cors(None, max_age=5), "policy or options, but not both"),
    "two-policies": (lambda: cors(Policy(), policy=Policy()), "was given two policies"),
    "text": (lambda: cors(APP), "takes a Policy or None, not 'https://app.example.com'"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("use", "message"), BARE.values(), ids=BARE)
def test_a_decorator_that_says_nothing_or_too_much_is_an_error(
    use: Callable[[], object], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        use()


def test_two_marks_on_one_view_are_an_error() -> None:
    view = cors(allow_origins=[APP])(lambda: "ok")
    with pytest.raises(TypeError, match=r"has two @cors\(...\): keep one"):
        cors(allow_origins=[PARTNER])(view)


def test_the_decorator_on_an_application_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"for views and blueprints: write CORSGate\(app, ...\)"):
        cors(allow_origins=[APP])(new_app())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(
            {"allow_origins": [f"{APP}/"], "max_age": -1},
            [("allow_origins", "origin-path"), ("max_age", "max-age")],
            id="all-at-once",
        ),
        pytest.param(
            {"allow_origin": [APP]}, [("allow_origin", "unknown-option")], id="misspelt-option"
        ),
        pytest.param(
            {"policy": {"allow_origins": [APP]}}, [("policy", "wrong-type")], id="no-policy"
        ),
        pytest.param({"policy": Policy}, [("policy", "wrong-type")], id="class-of-policies"),
    ],
)
def test_what_is_wrong_whatever_is_inherited_is_said_where_it_is_written(
    options: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    with pytest.raises(PolicyError) as raised:
        cors(**options)
    assert codes(raised.value) == expected


def test_an_asynchronous_source_is_refused_where_it_is_written() -> None:
    async def source(environ: Environ) -> Policy:
        return Policy()

    with pytest.raises(PolicyError) as raised:
        cors(policy=source)  # type: ignore[arg-type]
    assert codes(raised.value) == [("policy", "coroutine-callable")]


def test_what_is_unsafe_only_together_is_said_at_the_first_request_for_all_views_at_once() -> None:
    app = new_app()
    app.add_url_rule("/a", "a", cors(allow_credentials=True)(lambda: "a"))
    blueprint = Blueprint("api", "project")
    blueprint.add_url_rule("/b", "b", cors(expose_headers="*")(lambda: "b"))
    cors(allow_origins=["http://plain.example"], allow_credentials=True)(blueprint)
    app.register_blueprint(blueprint)
    CORSGate(app, allow_origins="*")
    with pytest.raises(PolicyError) as raised:
        ask(app)
    assert sorted(set(codes(raised.value))) == [
        ("view 'a': allow_origins", "wildcard-credentials"),
        ("view 'api.b': allow_origins", "insecure-origin"),
    ]


def test_a_risk_that_the_application_accepts_is_accepted_for_its_views() -> None:
    app = new_app()
    view = cors(allow_origins=["http://plain.example"])(lambda: "ok")
    app.add_url_rule("/", view_func=view)
    CORSGate(app, allow_credentials=True, dangerously_allow=["insecure-origin"])
    assert ask(app, origin="http://plain.example").cors == readable_by(
        "http://plain.example", Access_Control_Allow_Credentials="true"
    )


def test_the_decorator_on_anything_else_is_an_error() -> None:
    with pytest.raises(TypeError, match="a view, a class of views or a blueprint, not for 'view'"):
        cors(allow_origins=[APP])("view")


# ------------------------------------------------------------------ which policy applies


def test_options_inherit_from_the_application_through_the_blueprints_to_the_view() -> None:
    app = new_app()
    outer = Blueprint("outer", "project", url_prefix="/outer")
    inner = Blueprint("inner", "project", url_prefix="/inner")
    cors(expose_headers=["X-Outer"], max_age=5)(outer)
    cors(max_age=7)(inner)
    inner.add_url_rule("/view", "view", cors(allow_timing=True)(lambda: "ok"))
    inner.add_url_rule("/plain", "plain", lambda: "ok")
    outer.add_url_rule("/plain", "plain", lambda: "ok")
    app.add_url_rule("/plain", "plain", lambda: "ok")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    CORSGate(app, allow_origins=[APP], allow_credentials=True)

    credentials = {"Access_Control_Allow_Credentials": "true"}
    exposed = {**credentials, "Access_Control_Expose_Headers": "X-Outer"}
    assert ask(app, "/plain").cors == readable_by(APP, **credentials)
    assert ask(app, "/outer/plain").cors == readable_by(APP, **exposed)
    assert ask(app, "/outer/inner/plain").cors == readable_by(APP, **exposed)
    assert ask(app, "/outer/inner/view").cors == readable_by(
        APP, **exposed, Timing_Allow_Origin=APP
    )
    for path, max_age in {
        "/plain": "600",
        "/outer/plain": "5",
        "/outer/inner/plain": "7",
        "/outer/inner/view": "7",
    }.items():
        expected = goes_on(APP, max_age=max_age, **credentials)
        assert preflight(app, path, "GET").seen == expected


def test_the_most_specific_policy_wins() -> None:
    app = new_app()
    outer, inner = Blueprint("outer", "project"), Blueprint("inner", "project")
    cors(Policy(allow_origins=["https://outer.example"]))(outer)
    cors(Policy(allow_origins=["https://inner.example"]))(inner)
    inner.add_url_rule("/x/view", "view", cors(Policy(allow_origins=[PARTNER]))(lambda: "ok"))
    inner.add_url_rule("/x/inner", "inner", lambda: "ok")
    outer.add_url_rule("/x/outer", "outer", lambda: "ok")
    app.add_url_rule("/x/path", "path", lambda: "ok")
    app.add_url_rule("/app", "app", lambda: "ok")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    CORSGate(app, allow_origins=[APP], paths={"/x/*": Policy(allow_origins=["https://x.example"])})
    for path, origin in {
        "/x/view": PARTNER,
        "/x/inner": "https://inner.example",
        "/x/outer": "https://outer.example",
        "/x/path": "https://x.example",
        "/x/nowhere": "https://x.example",
        "/app": APP,
        "/nowhere": APP,
    }.items():
        assert ask(app, path, origin=origin).cors == readable_by(origin)
        assert preflight(app, path, "GET", origin).seen == goes_on(origin)
        assert ask(app, path, origin=EVIL).cors == DENIED


def test_options_do_not_inherit_from_paths() -> None:
    app = new_app()
    app.add_url_rule("/x", view_func=cors(expose_headers=["ETag"])(lambda: "ok"))
    CORSGate(app, allow_origins=[APP], paths={"/x": {"allow_origins": [PARTNER], "max_age": 5}})
    assert ask(app, "/x").cors == readable_by(APP, Access_Control_Expose_Headers="ETag")
    assert ask(app, "/x", origin=PARTNER).cors == DENIED


def test_a_policy_on_a_view_stands_alone() -> None:
    app = new_app()
    app.add_url_rule("/", view_func=cors(Policy(allow_origins=[PARTNER]))(lambda: "ok"))
    CORSGate(app, allow_origins=[APP], allow_credentials=True, expose_headers=["ETag"])
    assert ask(app, origin=PARTNER).cors == readable_by(PARTNER)


def test_none_on_a_view_leaves_its_headers_and_its_preflights_to_it() -> None:
    app = new_app()

    @app.route("/", methods=["GET", "OPTIONS"])
    @cors(None)
    def own() -> Response:
        return Response("own", headers={"Access-Control-Allow-Origin": EVIL})

    CORSGate(app, allow_origins=[APP])
    assert ask(app).cors == {"access-control-allow-origin": EVIL}
    answer = preflight(app, method="GET")
    assert (answer.body, answer.cors) == (b"own", {"access-control-allow-origin": EVIL})


def test_options_under_none_stand_alone() -> None:
    app = new_app()
    blueprint = Blueprint("api", "project")
    cors(None)(blueprint)
    blueprint.add_url_rule("/own", "own", lambda: "ok")
    blueprint.add_url_rule("/view", "view", cors(allow_origins=[PARTNER])(lambda: "ok"))
    app.register_blueprint(blueprint)
    CORSGate(app, allow_origins=[APP], allow_credentials=True)
    assert ask(app, "/own").cors == NOTHING
    assert ask(app, "/view", origin=PARTNER).cors == readable_by(PARTNER)


def test_a_blueprint_that_is_registered_twice_keeps_its_policy_under_both_prefixes() -> None:
    app = new_app()
    blueprint = Blueprint("api", "project")
    cors(allow_origins=[PARTNER])(blueprint)
    blueprint.add_url_rule("/x", "x", lambda: "ok")
    app.register_blueprint(blueprint, url_prefix="/v1")
    app.register_blueprint(blueprint, url_prefix="/v2", name="api2")
    CORSGate(app, allow_origins=[APP])
    for path in ("/v1/x", "/v2/x"):
        assert ask(app, path, origin=PARTNER).cors == readable_by(PARTNER)
        assert preflight(app, path, "GET", PARTNER).seen == goes_on(PARTNER)


def test_nested_blueprints_that_are_registered_twice_have_what_is_around_them_there() -> None:
    inner = cors(expose_headers=["ETag"])(Blueprint("inner", "project", url_prefix="/inner"))
    inner.add_url_rule("/x", "x", lambda: "ok")
    inner.add_url_rule("/own", "own", cors(allow_origins=[EVIL])(lambda: "ok"))
    first = cors(allow_origins=[PARTNER])(Blueprint("first", "project", url_prefix="/first"))
    first.register_blueprint(inner)
    second = Blueprint("second", "project", url_prefix="/second")
    second.register_blueprint(inner, name="other")
    second.register_blueprint(inner, name="third", url_prefix="/third")
    app = new_app()
    app.register_blueprint(first)
    app.register_blueprint(first, name="again", url_prefix="/again")
    app.register_blueprint(second)
    CORSGate(app, allow_origins=[APP])
    exposed = {"Access_Control_Expose_Headers": "ETag"}
    for prefix, origin in {
        "/first/inner": PARTNER,
        "/again/inner": PARTNER,
        "/second/inner": APP,
        "/second/third": APP,
    }.items():
        assert ask(app, f"{prefix}/x", origin=origin).cors == readable_by(origin, **exposed)
        assert preflight(app, f"{prefix}/x", "GET", origin).seen == goes_on(origin)
        assert ask(app, f"{prefix}/x", origin=EVIL).cors == DENIED
        assert ask(app, f"{prefix}/own", origin=EVIL).cors == readable_by(EVIL, **exposed)


def test_a_blueprint_may_be_marked_after_it_was_registered() -> None:
    app = new_app()
    blueprint = Blueprint("api", "project")
    blueprint.add_url_rule("/x", "x", lambda: "ok")
    app.register_blueprint(blueprint)
    CORSGate(app, allow_origins=[APP])
    assert cors(allow_origins=[PARTNER])(blueprint) is blueprint
    assert ask(app, "/x", origin=PARTNER).cors == readable_by(PARTNER)
    # After a request too, such as by an extension that is set up late.
    cors(allow_origins=[EVIL])(blueprint)
    assert preflight(app, "/x", "GET", EVIL).seen == goes_on(EVIL)
    assert ask(app, "/x", origin=EVIL).cors == readable_by(EVIL)
    assert ask(app, "/x", origin=PARTNER).cors == DENIED


def by_tenant(environ: Environ) -> Policy | None:
    return TENANTS[environ.get("HTTP_X_TENANT", "")]


by_tenant.vary = ["X-Tenant"]  # type: ignore[attr-defined]
TENANTS: dict[str, Policy | None] = {
    "": None,
    "one": Policy(allow_origins=[APP]),
    "two": Policy(allow_origins=[PARTNER], max_age=5),
    "open": Policy(allow_origins="*"),
}


def by_tenant_readable_by(origin: str, **more: str) -> dict[str, object]:
    return readable_by(origin, **more) | {"vary": frozenset({"origin", "x-tenant"})}


def test_a_callable_chooses_the_policy_of_a_view_and_of_a_blueprint() -> None:
    app = new_app()
    app.add_url_rule("/view", view_func=cors(policy=by_tenant)(lambda: "ok"), endpoint="view")
    blueprint = Blueprint("api", "project")
    cors(policy=by_tenant)(blueprint)
    blueprint.add_url_rule("/api", "view", lambda: "ok")
    app.register_blueprint(blueprint)
    CORSGate(app)
    for path in ("/view", "/api"):
        assert ask(app, path, X_Tenant="one").cors == by_tenant_readable_by(APP)
        assert ask(app, path, X_Tenant="two").cors == {"vary": frozenset({"origin", "x-tenant"})}
        assert ask(app, path).cors == {"vary": frozenset({"origin", "x-tenant"})}


def test_options_under_a_callable_change_whatever_policy_it_gives() -> None:
    app = new_app()
    app.add_url_rule("/", view_func=cors(expose_headers=["ETag"])(lambda: "ok"), endpoint="view")
    CORSGate(app, by_tenant)
    exposed = {"Access_Control_Expose_Headers": "ETag"}
    for _ in range(2):  # the second time from what was kept
        assert ask(app, X_Tenant="one").cors == by_tenant_readable_by(APP, **exposed)
        answer = ask(app, origin=PARTNER, X_Tenant="two")
        assert answer.cors == by_tenant_readable_by(PARTNER, **exposed)
        assert ask(app, X_Tenant="").cors == {"vary": frozenset({"origin", "x-tenant"})}
    assert ask(app, "/nowhere", X_Tenant="one").cors == by_tenant_readable_by(APP)


def test_options_that_make_one_tenants_policy_unsafe_close_it_for_that_tenant_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = new_app()
    app.add_url_rule("/", view_func=cors(allow_credentials=True)(lambda: "ok"), endpoint="view")
    CORSGate(app, by_tenant)
    answer = ask(app, X_Tenant="open")
    assert (answer.status, answer.body) == (200, b"ok")
    assert answer.cors == {"vary": frozenset({"origin", "x-tenant"})}
    assert "wildcard-credentials" in caplog.text
    granted = by_tenant_readable_by(APP, Access_Control_Allow_Credentials="true")
    assert ask(app, X_Tenant="one").cors == granted


def test_a_callable_may_make_a_new_policy_for_every_request() -> None:
    app = new_app()
    app.add_url_rule("/", view_func=cors(expose_headers=["ETag"])(lambda: "ok"), endpoint="view")
    CORSGate(app, lambda environ: Policy(allow_origins=[environ["HTTP_ORIGIN"]]))
    for number in range(300):
        origin = f"https://tenant-{number}.example"
        granted = readable_by(origin, Access_Control_Expose_Headers="ETag")
        assert ask(app, origin=origin).cors == granted


@pytest.mark.parametrize(
    ("source", "logged"),
    [
        pytest.param(lambda environ: environ["no such key"], "no such key", id="raises"),
        pytest.param(lambda environ: "*", "gave '*', which is neither", id="returns-text"),
        pytest.param(lambda environ: True, "gave True, which is neither", id="returns-true"),
    ],
)
@pytest.mark.parametrize("place", ["view", "blueprint", "paths", "application"])
def test_a_callable_that_fails_allows_nothing_and_the_application_still_answers(
    source: Callable[[Environ], Any], logged: str, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = new_app()
    api = Blueprint("api", "project")
    marked = cors(policy=source)
    view: Callable[[], str] = lambda: "ok"  # noqa: E731  # of one type, marked or not
    api.add_url_rule("/", "view", marked(view) if place == "view" else view)
    app.register_blueprint(marked(api) if place == "blueprint" else api)
    policy = source if place == "application" else Policy(allow_origins=[APP])
    CORSGate(app, policy, paths={"/": source} if place == "paths" else None)
    answer = ask(app)
    assert (answer.status, answer.body, answer.cors) == (200, b"ok", DENIED)
    assert logged in caplog.text
    assert preflight(app, method="GET").status == 403


# ------------------------------------------------------------------ classes


class Item(MethodView):
    """GET is everybody's, PUT is for one page, DELETE has the application's policy."""

    @cors(allow_origins="*")
    def get(self) -> str:
        return "get"

    @cors(allow_origins=[PARTNER])
    def put(self) -> str:
        return "put"

    def delete(self) -> str:
        return "delete"


def test_the_methods_of_a_class_may_differ_and_then_no_preflight_is_kept() -> None:
    app = new_app()
    app.add_url_rule("/", view_func=Item.as_view("item"))
    CORSGate(app, allow_origins=[APP])
    assert ask(app, origin=EVIL).cors == ANYBODY
    assert ask(app, method="HEAD", origin=EVIL).cors == ANYBODY
    assert ask(app, method="PUT", origin=PARTNER).cors == readable_by(PARTNER)
    assert ask(app, method="PUT").cors == DENIED
    assert ask(app, method="DELETE").cors == readable_by(APP)
    anybody = goes_on(EVIL, max_age="0") | {"access-control-allow-origin": "*"}
    assert preflight(app, method="GET", origin=EVIL).seen == anybody
    assert preflight(app, method="HEAD", origin=EVIL).seen == anybody
    assert preflight(app, method="PUT", origin=PARTNER).seen == goes_on(PARTNER, max_age="0")
    assert preflight(app, method="DELETE").seen == goes_on(APP, max_age="0")
    for method, origin in (("PUT", APP), ("DELETE", PARTNER)):
        refused = preflight(app, method=method, origin=origin)
        assert (refused.status, refused.cors) == (403, REFUSED)


def test_the_answer_to_a_preflight_is_kept_where_all_methods_of_a_class_agree() -> None:
    class Page(MethodView):
        @cors(allow_origins=[PARTNER])
        def get(self) -> str:
            return "get"

        @cors(allow_origins=[PARTNER])
        def put(self) -> str:
            return "put"

    app = new_app()
    app.add_url_rule("/", view_func=Page.as_view("page"))
    CORSGate(app, allow_origins=[APP])
    for method in ("GET", "HEAD", "PUT", "DELETE"):
        assert preflight(app, method=method, origin=PARTNER).seen == goes_on(PARTNER)


def test_a_method_may_have_a_head_of_its_own() -> None:
    class Page(MethodView):
        @cors(allow_origins=[APP])
        def get(self) -> str:
            return "get"

        @cors(allow_origins=[PARTNER])
        def head(self) -> str:
            return ""

    app = new_app()
    app.add_url_rule("/", view_func=Page.as_view("page"))
    CORSGate(app)
    assert ask(app).cors == readable_by(APP)
    assert ask(app, method="HEAD").cors == DENIED
    assert ask(app, method="HEAD", origin=PARTNER).cors == readable_by(PARTNER)


def test_a_mark_on_a_class_is_for_all_its_methods_and_one_on_a_method_adds_to_it() -> None:
    @cors(allow_origins=[PARTNER])
    class Page(MethodView):
        def get(self) -> str:
            return "get"

        @cors(expose_headers=["ETag"])
        async def post(self) -> str:
            return "post"

    app = new_app()
    app.add_url_rule("/", view_func=Page.as_view("page"))
    CORSGate(app, allow_origins=[APP])
    assert ask(app, origin=PARTNER).cors == readable_by(PARTNER)
    answer = ask(app, method="POST", origin=PARTNER)
    exposed = readable_by(PARTNER, Access_Control_Expose_Headers="ETag")
    assert (answer.body, answer.cors) == (b"post", exposed)


def marked_view(name: str) -> Callable[..., Any]:
    view: Callable[..., Any] = cors(allow_origins=[PARTNER])(Plain.as_view(name))
    return view


class Plain(MethodView):
    def get(self) -> str:
        return "get"

    def put(self) -> str:
        return "put"


class Decorated(Plain):
    decorators = [cors(allow_origins=[PARTNER])]  # noqa: RUF012  # as Flask's documentation has it


@cors(allow_origins=[PARTNER])
class Marked(Plain):
    pass


@cors(allow_origins=[PARTNER])
class Inheriting(Marked):
    """As with `decorators`: what holds for a class holds for those that are derived from it."""


@cors(allow_origins=[PARTNER])
class MarkedView(View):
    methods = ["GET", "PUT"]  # noqa: RUF012  # the same

    def dispatch_request(self) -> str:
        return flask.request.method.lower()


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(marked_view("page"), id="around-as-view"),
        pytest.param(Decorated.as_view("page"), id="in-decorators"),
        pytest.param(Marked.as_view("page"), id="on-the-class"),
        pytest.param(Inheriting.as_view("page"), id="on-a-base-class"),
        pytest.param(MarkedView.as_view("page"), id="on-a-class-with-one-method-for-all"),
    ],
)
def test_a_class_may_be_marked_wherever_flask_takes_a_decorator(view: Callable[..., Any]) -> None:
    app = new_app()
    app.add_url_rule("/", view_func=view)
    CORSGate(app, allow_origins=[APP])
    for method in ("GET", "PUT"):
        answer = ask(app, method=method, origin=PARTNER)
        assert (answer.status, answer.body.decode()) == (200, method.lower())
        assert answer.cors == readable_by(PARTNER)
        assert preflight(app, method=method, origin=PARTNER).seen == goes_on(PARTNER)
        assert preflight(app, method=method).status == 403


def test_a_derived_class_may_have_another_mark_and_another_method() -> None:
    @cors(allow_origins=[PARTNER], expose_headers=["ETag"])
    class Base(MethodView):
        @cors(allow_timing=True)
        def get(self) -> str:
            return "get"

        @cors(allow_timing=True)
        def put(self) -> str:
            return "put"

    @cors(allow_origins=[EVIL])
    class Derived(Base):
        """Its mark is in the place of the other; so is a method without one."""

        def put(self) -> str:
            return "another"

    app = new_app()
    app.add_url_rule("/base", view_func=Base.as_view("base"))
    app.add_url_rule("/derived", view_func=Derived.as_view("derived"))
    CORSGate(app, allow_origins=[APP])
    exposed = {"Access_Control_Expose_Headers": "ETag"}
    timed = readable_by(PARTNER, **exposed, Timing_Allow_Origin=PARTNER)
    assert ask(app, "/base", "PUT", PARTNER).cors == timed
    assert ask(app, "/derived", "GET", EVIL).cors == readable_by(EVIL, Timing_Allow_Origin=EVIL)
    assert ask(app, "/derived", "PUT", EVIL).cors == readable_by(EVIL)
    assert ask(app, "/derived", "PUT", PARTNER).cors == DENIED


# ------------------------------------------------------------------ preflights


def two_views_of_one_url(app: Flask, get: Any, put: Any) -> None:
    app.add_url_rule("/note", "read", get(lambda: "read"), methods=["GET"])
    app.add_url_rule("/note", "write", put(lambda: "write"), methods=["PUT"])


def test_a_preflight_is_judged_by_the_view_that_would_serve_its_method() -> None:
    app = new_app()
    two_views_of_one_url(app, cors(allow_origins="*"), cors(allow_origins=[PARTNER]))
    CORSGate(app, allow_origins=[APP])
    anybody = goes_on(EVIL, max_age="0") | {"access-control-allow-origin": "*"}
    for method in ("GET", "HEAD"):
        assert preflight(app, "/note", method, EVIL).seen == anybody
    assert preflight(app, "/note", "PUT", PARTNER).seen == goes_on(PARTNER, max_age="0")
    for origin in (EVIL, APP):
        refused = preflight(app, "/note", "PUT", origin)
        assert (refused.status, refused.cors) == (403, REFUSED)
    assert ask(app, "/note", origin=EVIL).cors == ANYBODY
    assert ask(app, "/note", "PUT", origin=EVIL).cors == DENIED


def test_the_answer_to_a_preflight_is_kept_where_all_views_of_the_url_agree() -> None:
    app = new_app()
    two_views_of_one_url(app, cors(allow_origins=[APP]), cors(allow_origins=[APP]))
    CORSGate(app, allow_origins=[PARTNER])
    for method in ("GET", "PUT"):
        assert preflight(app, "/note", method).seen == goes_on(APP)


def plainly(view: Callable[[], str]) -> Callable[[], str]:
    return view


def test_an_unmarked_view_beside_a_marked_one_has_the_applications_policy() -> None:
    app = new_app()
    two_views_of_one_url(app, plainly, cors(allow_origins=[PARTNER]))
    CORSGate(app, allow_origins=[APP])
    assert preflight(app, "/note", "GET").seen == goes_on(APP, max_age="0")
    assert preflight(app, "/note", "PUT", PARTNER).seen == goes_on(PARTNER, max_age="0")


def test_views_of_a_blueprint_agree_under_a_callable_too() -> None:
    policy = Policy(allow_origins=[APP])
    app = new_app()
    blueprint: Any = Blueprint("api", "project")
    two_views_of_one_url(blueprint, plainly, plainly)
    cors(expose_headers=["ETag"])(blueprint)
    app.register_blueprint(blueprint)
    CORSGate(app, lambda environ: policy)
    assert preflight(app, "/note").seen == goes_on(APP)


def test_a_method_in_lower_case_has_the_policy_of_the_view_that_serves_it() -> None:
    class Note(MethodView):
        @cors(allow_origins=[PARTNER])
        def patch(self) -> str:
            return "changed"

        def get(self) -> str:
            return "read"

    app = new_app()
    app.add_url_rule("/", view_func=Note.as_view("note"))
    CORSGate(app, allow_origins="*", allow_methods="*")
    # Without the validator, which knows the usual methods only.
    answer = call(app, "patch", "/", asking(EVIL))
    assert (answer.body, answer.cors) == (b"changed", DENIED)
    assert call(app, "OPTIONS", "/", asking_for("patch", EVIL)).status == 403


@pytest.mark.parametrize("method", ["OPTIONS", "QUERY"])
def test_any_method_that_a_class_serves_may_be_marked(method: str) -> None:
    class Note(MethodView):
        methods = ["GET", "OPTIONS", "QUERY"]  # noqa: RUF012  # as Flask's documentation has it

        def get(self) -> str:
            return "read"

        @cors(allow_origins=[PARTNER])
        def query(self) -> str:
            return "found"

        @cors(allow_origins=[PARTNER])
        def options(self) -> str:
            return "described"

    app = new_app()
    app.add_url_rule("/", view_func=Note.as_view("note"))
    CORSGate(app, allow_origins=[APP])
    answer = call(app, method, "/", asking(PARTNER))
    assert (answer.status, answer.cors) == (200, readable_by(PARTNER))
    assert ask(app).cors == readable_by(APP)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_slash_redirect_has_the_policy_of_the_view_it_leads_to(method: str) -> None:
    app = new_app()
    app.add_url_rule("/notes/", "read", cors(allow_origins=[PARTNER])(lambda: "ok"))
    write = cors(allow_origins=[PARTNER])(lambda: "ok")
    app.add_url_rule("/notes/", "write", write, methods=["PUT"])
    CORSGate(app, allow_origins=[APP])
    assert preflight(app, "/notes", method, PARTNER).seen == goes_on(PARTNER)
    assert preflight(app, "/notes", method).status == 403
    answer = ask(app, "/notes", method, PARTNER)
    assert (answer.status, answer.cors) == (308, readable_by(PARTNER))


def test_a_method_that_is_not_redirected_is_an_unknown_path() -> None:
    app = new_app()
    app.add_url_rule("/notes/", "read", cors(allow_origins=[PARTNER])(lambda: "ok"))
    CORSGate(app, allow_origins=[APP])
    answer = ask(app, "/notes", "DELETE")
    assert (answer.status, answer.cors) == (404, readable_by(APP))
    assert preflight(app, "/notes", "DELETE").seen == goes_on(APP)


def test_a_slash_redirect_to_an_unmarked_view_has_the_policy_of_the_path_it_leads_to() -> None:
    app = serving("/notes/")
    paths = {"/notes/": Policy(allow_origins=[PARTNER]), "/notes": Policy(allow_origins="*")}
    CORSGate(app, allow_origins=[APP], paths=paths)
    assert preflight(app, "/notes", origin=PARTNER).seen == goes_on(PARTNER)
    assert preflight(app, "/notes", origin=EVIL).status == 403
    answer = ask(app, "/notes", origin=PARTNER)
    assert (answer.status, answer.cors) == (308, readable_by(PARTNER))


def test_a_redirect_that_leads_nowhere_else_is_given_up() -> None:
    app = new_app()
    app.add_url_rule("/view", "view", cors(allow_origins="*")(lambda: "ok"))
    app.url_map.add(Rule("/loop", endpoint="loop", redirect_to="/loop"))
    CORSGate(app, allow_origins=[APP])
    assert preflight(app, "/loop", "GET").seen == goes_on(APP)
    answer = ask(app, "/loop")
    assert (answer.status, answer.cors) == (308, readable_by(APP))


def test_a_redirect_to_another_host_has_the_policy_of_the_application() -> None:
    app = new_app()
    app.add_url_rule("/notes", "notes", cors(allow_origins="*")(lambda: "ok"))
    elsewhere = "https://elsewhere.example/notes"
    app.url_map.add(Rule("/old", endpoint="old", redirect_to=elsewhere))
    CORSGate(app, allow_origins=[APP])
    answer = ask(app, "/old")
    assert (answer.status, answer.cors) == (308, readable_by(APP))
    assert answer.values("Location") == [elsewhere]
    assert preflight(app, "/old", "GET").seen == goes_on(APP)
    assert preflight(app, "/old", "GET", EVIL).status == 403


def test_slashes_that_werkzeug_merges_lead_to_the_same_policy() -> None:
    app = new_app()
    app.add_url_rule("/a/notes/", "notes", cors(allow_origins=[PARTNER])(lambda: "ok"))
    CORSGate(app, allow_origins=[APP])
    assert preflight(app, "/a//notes", "GET", PARTNER).seen == goes_on(PARTNER)
    assert ask(app, "/a//notes", origin=PARTNER).cors == readable_by(PARTNER)


LAX, UNMERGED = {"strict_slashes": False}, {"merge_slashes": False}


@pytest.mark.parametrize(
    ("options", "path", "status", "origin"),
    [
        pytest.param(LAX, "/a/notes", 200, PARTNER, id="no slash at the end is served"),
        pytest.param(LAX, "/a//notes", 308, PARTNER, id="but two are merged"),
        pytest.param(UNMERGED, "/a//notes/", 404, APP, id="two slashes are unknown"),
        pytest.param(UNMERGED, "/a/notes", 308, PARTNER, id="but one is appended"),
    ],
)
def test_without_a_redirect_of_werkzeugs_the_policy_is_that_of_what_answers(
    options: dict[str, Any], path: str, status: int, origin: str
) -> None:
    app = new_app()
    app.url_map = Map(**options)
    app.add_url_rule("/a/notes/", "notes", cors(allow_origins=[PARTNER])(lambda: "ok"))
    CORSGate(app, allow_origins=[APP])
    answer = ask(app, path, origin=origin)
    assert (answer.status, answer.cors) == (status, readable_by(origin))
    assert preflight(app, path, "GET", origin).seen == goes_on(origin)
    other = {APP: PARTNER, PARTNER: APP}[origin]
    assert ask(app, path, origin=other).cors == DENIED
    assert preflight(app, path, "GET", other).status == 403


def test_an_unknown_path_has_the_policy_of_paths_and_then_of_the_application() -> None:
    app = new_app()
    app.add_url_rule("/api/known", view_func=cors(allow_origins="*")(lambda: "ok"), endpoint="x")
    CORSGate(app, allow_origins=[APP], paths={"/api/*": {"allow_origins": [PARTNER]}})
    for path, origin in {"/api/unknown": PARTNER, "/unknown": APP}.items():
        answer = ask(app, path, origin=origin)
        assert (answer.status, answer.cors) == (404, readable_by(origin))
        assert preflight(app, path, origin=origin).seen == goes_on(origin)
        assert ask(app, path, origin=EVIL).cors == DENIED


def test_a_method_that_no_view_serves_has_the_policy_that_the_views_share() -> None:
    app = new_app()
    two_views_of_one_url(app, cors(allow_origins=[PARTNER]), cors(allow_origins=[PARTNER]))
    CORSGate(app, allow_origins=[APP])
    answer = ask(app, "/note", "DELETE", PARTNER)
    assert (answer.status, answer.cors) == (405, readable_by(PARTNER))
    assert preflight(app, "/note", "DELETE", PARTNER).seen == goes_on(PARTNER)
    assert preflight(app, "/note", "DELETE").status == 403


def test_a_method_that_no_view_serves_has_the_applications_policy_where_the_views_differ() -> None:
    app = new_app()
    two_views_of_one_url(app, cors(allow_origins="*"), cors(allow_origins=[PARTNER]))
    CORSGate(app, allow_origins=[APP])
    answer = ask(app, "/note", "DELETE")
    assert (answer.status, answer.cors) == (405, readable_by(APP))
    # What it allows would else be used for the other methods too.
    assert preflight(app, "/note", "DELETE").seen == goes_on(APP, max_age="0")
    assert preflight(app, "/note", "DELETE", EVIL).status == 403


def test_a_method_that_no_view_serves_opens_no_other_one() -> None:
    app = new_app()
    app.add_url_rule("/note/", "read", lambda: "read")
    write = cors(allow_origins=[PARTNER])(lambda: "write")
    app.add_url_rule("/note/", "write", write, methods=["PUT"])
    CORSGate(app, allow_origins=[APP])
    for method in ("DELETE", "PATCH", "FOO", "GET"):
        assert preflight(app, "/note/", method).seen == goes_on(APP, max_age="0")
    assert preflight(app, "/note", "GET").seen == goes_on(APP, max_age="0")
    for path in ("/note", "/note/"):
        assert preflight(app, path, "PUT").status == 403
        assert preflight(app, path, "PUT", PARTNER).seen == goes_on(PARTNER, max_age="0")


def test_a_preflight_never_reaches_a_hook_or_a_view() -> None:
    app = new_app()
    ran: list[str] = []

    @app.before_request
    def authenticate() -> Response:
        ran.append("hook")
        return Response("who?", 401)

    app.add_url_rule("/", view_func=cors(allow_origins=[PARTNER])(lambda: "ok"), endpoint="view")
    CORSGate(app, allow_origins=[APP])
    assert preflight(app, method="GET", origin=PARTNER).status == 204
    assert preflight(app, method="GET", origin=EVIL).status == 403
    assert preflight(app, "/unknown").status == 204
    assert ran == []


@pytest.mark.parametrize("host_matching", [True, False], ids=["host-matching", "subdomains"])
def test_the_host_counts_in_routing(host_matching: bool) -> None:
    if host_matching:
        app = Flask("project", static_folder=None, host_matching=True)
        places = {"one": {"host": "one.example.com"}, "two": {"host": "two.example.com"}}
    else:
        app = Flask("project", static_folder=None, subdomain_matching=True)
        app.config["SERVER_NAME"] = "example.com"
        places = {"one": {"subdomain": "one"}, "two": {"subdomain": "two"}}
    for name, origin in (("one", APP), ("two", PARTNER)):
        view = cors(allow_origins=[origin])(lambda: "ok")
        options: dict[str, Any] = {**places[name]}
        app.add_url_rule("/", name, view, **options)
    CORSGate(app)
    for name, origin in (("one", APP), ("two", PARTNER)):
        headers = asking_for("GET", origin, Host=f"{name}.example.com")
        assert call(app, "OPTIONS", "/", headers).seen == goes_on(origin)
        assert ask(app, origin=origin, Host=f"{name}.example.com").cors == readable_by(origin)
        assert ask(app, origin=EVIL, Host=f"{name}.example.com").cors == DENIED


@pytest.mark.parametrize("path", ["/notes/", "/notes", "//notes", "/notes//"])
def test_a_blueprint_of_a_subdomain_has_its_policy_there(path: str) -> None:
    app = Flask("project", static_folder=None, subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.com"
    origins = {"one": PARTNER, "<tenant>": EVIL}
    for subdomain, origin in origins.items():
        blueprint = Blueprint(subdomain.strip("<>"), "project", subdomain=subdomain)
        blueprint.add_url_rule("/notes/", "notes", lambda tenant=None: "ok")
        app.register_blueprint(cors(allow_origins=[origin])(blueprint))
    CORSGate(app, allow_origins=[APP])
    status = 200 if path == "/notes/" else 308
    for host, origin, expected in (
        ("one.example.com", PARTNER, status),
        ("any.example.com", EVIL, status),
        ("example.com", APP, 404),
    ):
        answer = ask(app, path, origin=origin, Host=host)
        assert (answer.status, answer.cors) == (expected, readable_by(origin))
        headers = asking_for("GET", origin, Host=host)
        assert call(app, "OPTIONS", path, headers).seen == goes_on(origin)
        for other in {APP, PARTNER, EVIL} - {origin}:
            assert ask(app, path, origin=other, Host=host).cors == DENIED


class Broken(BaseConverter):
    def to_python(self, value: str) -> str:
        raise LookupError(f"no table for {value}")


def test_a_converter_that_fails_leaves_the_policy_of_the_application(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = new_app()
    app.url_map.converters["broken"] = Broken
    app.add_url_rule("/<broken:x>", "view", cors(allow_origins="*")(lambda x: x))
    CORSGate(app, allow_origins=[APP])
    assert preflight(app, "/x", "GET").seen == goes_on(APP)
    assert preflight(app, "/x", "GET", EVIL).status == 403
    answer = ask(app, "/x")
    assert (answer.status, answer.cors) == (500, readable_by(APP))
    assert "corsgate: routing '/x' failed" in caplog.text


def test_an_application_that_routes_no_host_leaves_the_policy_of_the_application(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Hostless(Flask):
        def create_url_adapter(self, request: flask.Request | None) -> None:
            return None

    app = Hostless("project", static_folder=None)
    app.add_url_rule("/", "view", cors(allow_origins="*")(lambda: "ok"))
    CORSGate(app, allow_origins=[APP])
    assert preflight(app, method="GET").seen == goes_on(APP)
    assert caplog.text == ""


def test_an_untrusted_host_is_answered_by_flask_with_the_policy_of_the_application() -> None:
    class Picky(Flask):
        def create_url_adapter(self, request: flask.Request | None) -> Any:
            abort(400)

    app = Picky("project", static_folder=None)
    app.add_url_rule("/", "view", cors(allow_origins="*")(lambda: "ok"))
    CORSGate(app, allow_origins=[APP])
    assert preflight(app, method="GET").seen == goes_on(APP)
    assert preflight(app, method="GET", origin=EVIL).status == 403


# ------------------------------------------------------------------ every answer


def test_every_answer_of_a_route_has_its_policy() -> None:
    app = new_app()
    blueprint = Blueprint("api", "project")
    cors(allow_origins=[PARTNER])(blueprint)

    @app.before_request
    def authenticate() -> Response | None:
        stop = "stop" in flask.request.args
        return Response("who?", 401) if stop else None

    @app.errorhandler(409)
    def conflict(error: Exception) -> tuple[str, int]:
        return "handled", 409

    @blueprint.route("/<int:code>")
    def fail(code: int) -> str:
        abort(code)

    @blueprint.route("/crash")
    def crash() -> str:
        raise LookupError("crash")

    @blueprint.route("/stream")
    def stream() -> Response:
        return Response(part for part in ("a", "b"))

    app.register_blueprint(blueprint)
    CORSGate(app, allow_origins=[APP])
    for path, status in {
        "/404": 404,
        "/409": 409,
        "/418": 418,
        "/stream?stop": 401,
        "/404?stop": 401,
        "/crash": 500,
        "/stream": 200,
    }.items():
        answer = ask(app, path, origin=PARTNER)
        assert (answer.status, answer.cors) == (status, readable_by(PARTNER))
        assert ask(app, path).cors == DENIED
        assert ask(app, path, origin=None).cors == DENIED


def test_static_files_have_the_policy_of_the_application_or_of_their_path(tmp_path: Path) -> None:
    (tmp_path / "font.woff2").write_bytes(b"font")
    app = Flask("project", static_folder=tmp_path, static_url_path="/static")
    app.add_url_rule("/", view_func=cors(allow_origins=[PARTNER])(lambda: "ok"), endpoint="view")
    CORSGate(app, allow_origins=[APP], paths={"/static/font.woff2": {"allow_origins": "*"}})
    answer = ask(app, "/static/font.woff2", origin=EVIL)
    assert (answer.status, answer.body, answer.cors) == (200, b"font", ANYBODY)
    fresh = ask(app, "/static/font.woff2", origin=EVIL, If_None_Match=answer.values("ETag")[0])
    assert (fresh.status, fresh.cors) == (304, ANYBODY)
    answer = ask(app, "/static/none")
    assert (answer.status, answer.cors) == (404, readable_by(APP))


def test_a_stream_is_handed_on_as_it_is_and_closed_once() -> None:
    app = new_app()
    told: list[str] = []

    def parts() -> Iterator[str]:
        for part in ("a", "b"):
            told.append(part)
            yield part

    @app.route("/")
    @cors(allow_origins=[APP])
    def stream() -> Response:
        response = Response(parts())
        response.call_on_close(lambda: told.append("closed"))
        return response

    CORSGate(app)
    answer = ask(app)
    assert (answer.body, answer.cors) == (b"ab", readable_by(APP))
    assert told == ["a", "b", "closed"]


# ------------------------------------------------------------------ exceptions that Flask lets out


def crashing(**config: Any) -> Flask:
    app = new_app(**config)

    @app.route("/")
    @cors(expose_headers=["ETag"])
    def crash() -> str:
        raise LookupError("no sûch row")

    return app


CRASHED = readable_by(APP, Access_Control_Expose_Headers="ETag")


def test_flasks_own_500_has_the_headers_of_its_view(caplog: pytest.LogCaptureFixture) -> None:
    app = crashing()
    CORSGate(app, allow_origins=[APP])
    answer = ask(app)
    assert (answer.status, answer.cors) == (500, CRASHED)
    assert b"Internal Server Error" in answer.body
    assert caplog.text.count("Traceback") == 1


def test_an_exception_that_is_let_out_is_a_500_that_the_page_can_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = crashing(PROPAGATE_EXCEPTIONS=True)
    CORSGate(app, allow_origins=[APP])
    answer = ask(app)
    assert (answer.status, answer.reason, answer.body) == (500, "INTERNAL SERVER ERROR", b"")
    assert answer.seen == CRASHED | {
        "content-type": "text/plain; charset=utf-8",
        "content-length": "0",
    }
    assert "Exception on / [GET]" in caplog.text
    assert "LookupError: no s" in caplog.text
    assert "Traceback" in caplog.text


def test_in_debug_mode_the_page_reads_what_was_raised() -> None:
    app = crashing(DEBUG=True)
    CORSGate(app, allow_origins=[APP])
    answer = ask(app)
    assert (answer.status, answer.cors) == (500, CRASHED)
    assert answer.body.decode() == "LookupError: no sûch row"
    assert answer.values("Content-Length") == [str(len(answer.body))]


def test_in_debug_mode_everybody_reads_the_type_only() -> None:
    app = crashing(DEBUG=True)
    CORSGate(app, allow_origins="*")
    assert ask(app, origin=EVIL).body == b"LookupError"


@pytest.mark.parametrize("config", [{"DEBUG": True}, {"PROPAGATE_EXCEPTIONS": True}], ids=str)
@pytest.mark.parametrize(
    ("origin", "headers"),
    [
        pytest.param(None, {}, id="without-origin"),
        pytest.param(EVIL, {}, id="denied"),
        pytest.param(APP, {"Sec_Fetch_Mode": "navigate"}, id="navigation"),
    ],
)
def test_an_exception_is_let_out_where_no_page_could_read_the_answer(
    config: dict[str, Any], origin: str | None, headers: dict[str, str]
) -> None:
    app = crashing(**config)
    CORSGate(app, allow_origins=[APP])
    with pytest.raises(LookupError):
        ask(app, origin=origin, **headers)


def test_a_test_sees_the_exception_itself() -> None:
    app = crashing(TESTING=True)
    CORSGate(app, allow_origins=[APP])
    with pytest.raises(LookupError):
        ask(app)
    with pytest.raises(LookupError):
        app.test_client().get("/", headers=asking())


def test_an_exception_is_let_out_where_cors_is_the_applications() -> None:
    app = crashing(DEBUG=True)
    CORSGate(app, allow_origins=[APP])

    @app.route("/own")
    @cors(None)
    def own() -> str:
        raise LookupError("own")

    with pytest.raises(LookupError):
        ask(app, "/own")


class StartsAndFails:
    """A layer inside of the gate that fails after it has begun to answer."""

    def __init__(self, app: Any) -> None:
        self.app = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/html"), ("X-First", "1")])
        raise LookupError("late")


def test_an_answer_that_was_begun_is_replaced_by_the_500() -> None:
    app = serving("/", PROPAGATE_EXCEPTIONS=True)
    app.wsgi_app = StartsAndFails(app.wsgi_app)  # type: ignore[method-assign]
    CORSGate(app, allow_origins=[APP])
    answer = call(app, "GET", "/", asking())
    assert (answer.status, answer.cors) == (500, readable_by(APP))
    assert answer.values("X-First") == []


# ------------------------------------------------------------------ other layers


def test_a_mounted_application_inside_of_the_gate_has_the_policy_of_its_path(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, mounted = serving("/"), serving("/item")
    ran: list[str] = []
    mounted.before_request(lambda: ran.append(flask.request.method))
    rest = cors(allow_origins="*")(lambda path: "the rest")
    app.add_url_rule("/<path:path>", "rest", rest)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/shop": mounted.wsgi_app})  # type: ignore[method-assign]
    paths = {"/shop/*": {"allow_origins": [PARTNER]}, "/item": {"allow_origins": [EVIL]}}
    CORSGate(app, allow_origins=[APP], paths=paths)
    for path, status in {"/shop/item": 200, "/shop/none": 404, "/shop": 404}.items():
        answer = ask(app, path, origin=PARTNER)
        assert (answer.status, answer.cors) == (status, readable_by(PARTNER))
        assert preflight(app, path, "GET", PARTNER).seen == goes_on(PARTNER)
        assert preflight(app, path, "GET", EVIL).status == 403
    assert ran == ["GET"] * 3  # and no preflight
    assert caplog.text == ""
    assert ask(app, "/elsewhere", origin=EVIL).cors == ANYBODY
    assert ask(app).cors == readable_by(APP)


def test_another_application_that_answers_for_a_host_has_the_policy_of_the_path() -> None:
    app, other = new_app(), serving("/known")
    app.add_url_rule("/item", "item", cors(allow_origins=[PARTNER])(lambda: "item"))
    inner = app.wsgi_app

    def by_host(environ: Any, start_response: Any) -> Any:
        answers = other if environ["HTTP_HOST"] == "other.example" else inner
        return answers(environ, start_response)

    app.wsgi_app = by_host  # type: ignore[method-assign]
    CORSGate(app, allow_origins=[APP])
    assert ask(app, "/item", origin=PARTNER).cors == readable_by(PARTNER)
    answer = ask(app, "/item", Host="other.example")
    assert (answer.status, answer.cors) == (404, readable_by(APP))
    assert ask(app, "/known", Host="other.example").cors == readable_by(APP)


def test_of_two_gates_the_outer_one_wins_where_it_has_a_policy() -> None:
    outer, inner = serving("/"), serving("/item")
    CORSGate(inner, allow_origins=[PARTNER])
    mounts: dict[str, Any] = {"/shop": inner, "/own": inner}
    outer.wsgi_app = DispatcherMiddleware(outer.wsgi_app, mounts)  # type: ignore[method-assign]
    CORSGate(outer, allow_origins=[APP], paths={"/own/*": None})
    assert ask(outer, "/shop/item").cors == readable_by(APP)
    assert ask(outer, "/shop/item", origin=PARTNER).cors == DENIED
    assert ask(outer, "/own/item", origin=PARTNER).cors == readable_by(PARTNER)
    assert preflight(outer, "/own/item", origin=PARTNER).seen == goes_on(PARTNER)


def test_an_application_that_is_mounted_by_a_dispatcher_outside_keeps_its_own_gate() -> None:
    first, second = serving("/item"), serving("/item")
    CORSGate(first, allow_origins=[APP], paths={"/item": {"allow_origins": [PARTNER]}})
    CORSGate(second, allow_origins=[EVIL])
    site: Any = DispatcherMiddleware(first, {"/shop": first, "/other": second})
    for path in ("/item", "/shop/item"):
        assert call(validator(site), "GET", path, asking(PARTNER)).cors == readable_by(PARTNER)
    assert call(validator(site), "GET", "/other/item", asking(EVIL)).cors == readable_by(EVIL)


@pytest.mark.parametrize("outermost", ["gate", "proxy-fix"])
def test_a_proxys_prefix_and_host_count_in_routing(outermost: str) -> None:
    app = Flask("project", static_folder=None, host_matching=True)
    view = cors(allow_origins=[PARTNER])(lambda: "ok")
    app.add_url_rule("/item/", "item", view, host="public.example")
    if outermost == "proxy-fix":
        CORSGate(app, allow_origins=[APP])
    app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1, x_prefix=1)  # type: ignore[method-assign]
    if outermost == "gate":
        CORSGate(app, allow_origins=[APP])
    forwarded = {"X_Forwarded_Host": "public.example", "X_Forwarded_Prefix": "/shop"}
    for path in ("/item/", "/item"):
        assert ask(app, path, origin=PARTNER, **forwarded).cors == readable_by(PARTNER)
        asked = asking_for("GET", PARTNER, **forwarded)
        assert call(validator(app), "OPTIONS", path, asked).seen == goes_on(PARTNER)


def test_a_rule_that_was_added_late_for_a_late_view_is_judged_by_its_mark() -> None:
    app = serving("/")
    CORSGate(app, allow_origins=[APP])
    assert ask(app).cors == readable_by(APP)
    app.view_functions["late"] = cors(allow_origins=[PARTNER])(lambda: "late")
    app.url_map.add(Rule("/late", endpoint="late", methods=["GET"]))
    assert ask(app, "/late", origin=PARTNER).cors == readable_by(PARTNER)
    assert preflight(app, "/late", "GET", PARTNER).seen == goes_on(PARTNER)
    assert ask(app, "/late").cors == DENIED


def test_the_test_client_of_flask_passes_the_gate() -> None:
    app = serving("/", TESTING=True)
    CORSGate(app, allow_origins=[APP])
    response = app.test_client().get("/", headers=asking())
    assert response.headers["Access-Control-Allow-Origin"] == APP
    assert response.headers.getlist("Vary") == ["Origin"]
