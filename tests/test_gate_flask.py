"""The gate in Flask: after routing, so that a view's own policy rules, and before any hook."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from wsgiref.types import WSGIEnvironment
from wsgiref.validate import validator

import pytest
from flask import Blueprint, Flask, Response, got_request_exception, jsonify, request, session
from flask.sessions import SecureCookieSessionInterface
from flask.views import MethodView
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from wsgi_client import Answer, SpyApp, call, comparable

import corsgate._callables
import corsgate._flask_views
from corsgate import Decision, Policy
from corsgate._marks import Mark
from corsgate._nested import NOT_GIVEN
from corsgate.flask import CORSGate, cors

APP = "https://app.example.com"  # may read and write
READER = "https://reader.example.org"  # may read
EVIL = "https://evil.example.net"
OPTIONS: dict[str, Any] = {
    "allow_origins": [APP, READER],
    "write_origins": [APP],
    "gate": "enforce",
}
PLAIN = b"403 Forbidden: a page on another site may not make this request.\n"
REFUSED = {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": str(len(PLAIN)),
    "Cache-Control": "no-store",
    "Vary": "Origin, Sec-Fetch-Site",
}


@pytest.fixture(autouse=True)
def _fresh_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO, "corsgate")
    corsgate._callables.failures.clear()
    yield
    corsgate._callables.failures.clear()


class Site:
    """An application whose views and hooks say that they ran."""

    def __init__(self, *paths: str, **config: Any) -> None:
        self.ran: list[str] = []
        self.app = Flask("project", static_folder=None)
        self.app.config.update(config)
        self.app.before_request(lambda: self.ran.append("hook"))
        for path in paths or ("/",):
            self.add(path)

    def view(self, name: str) -> Callable[..., str]:
        def view(**values: object) -> str:
            self.ran.append(name)
            return "done"

        return view

    def add(self, path: str, mark: Any = lambda view: view, **options: Any) -> None:
        options.setdefault("methods", ["GET", "POST", "PUT"])
        self.app.add_url_rule(path, path, mark(self.view(path)), **options)

    def send(
        self, path: str = "/", method: str = "POST", origin: str | None = EVIL, **sent: str
    ) -> Answer:
        self.ran.clear()
        headers = {"Sec-Fetch-Site": "cross-site", **_named(sent)}
        if origin is not None:
            headers["Origin"] = origin
        return call(validator(self.app), method, path, headers)

    def runs(self, path: str = "/", method: str = "POST", origin: str | None = EVIL) -> bool:
        """Whether a request reaches the application; the whole of it, or nothing."""
        status = self.send(path, method, origin).status
        assert (status != 403) == bool(self.ran)
        return bool(self.ran)


def _named(sent: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in sent.items()}


@pytest.mark.parametrize("marked", [False, True])
def test_nothing_of_the_application_runs(marked: bool) -> None:
    site = Site()
    if marked:  # so that the policy is known after routing only
        site.add("/marked", cors(max_age=5))
    CORSGate(site.app, **OPTIONS)
    for path in ("/", "/nowhere", "/marked"):
        found = site.send(path)
        assert (found.status, found.body, site.ran) == (403, PLAIN, [])
        assert found.seen == comparable(REFUSED)
        readable = site.send(path, origin=READER)
        assert (readable.status, site.ran) == (403, [])
        assert readable.seen == comparable({**REFUSED, "Access-Control-Allow-Origin": READER})
    passed = site.send("/", origin=APP)
    assert (passed.body, site.ran) == (b"done", ["hook", "/"])
    assert passed.cors == comparable({"Access-Control-Allow-Origin": APP, "Vary": "Origin"})
    assert site.send("/", "HEAD").body == b""
    assert site.send("/", "GET", None).body == b"done"
    assert site.send("/", "GET", EVIL).status == 403
    assert site.send("/", "POST", EVIL, Sec_Fetch_Site="same-origin").status == 200
    assert site.send("/", "PATCH", EVIL).status == 403
    assert site.send("/", "PATCH", APP).status == 405


def test_settings_of_the_configuration() -> None:
    site = Site(
        CORS_ALLOW_ORIGINS=f"{APP},{READER}",
        CORS_GATE="enforce",
        CORS_WRITE_ORIGINS=APP,
        CORS_OWN_ORIGINS="https://www.example.com",
    )
    CORSGate(site.app)
    assert not site.runs()
    assert site.runs(origin=APP)
    headers = {"Origin": "https://www.example.com", "Host": "inside:8000"}
    assert call(site.app, "POST", "/", headers).status == 200


def test_a_report_only_tells() -> None:
    told: list[Decision] = []
    site = Site()
    CORSGate(
        site.app,
        on_denied=lambda environ, found: told.append(found),
        **{**OPTIONS, "gate": "report"},
    )
    assert site.runs(origin=READER)
    assert [found.kind for found in told] == ["gate"]
    assert site.runs()  # nor may that page read the answer
    assert [found.kind for found in told] == ["gate", "gate", "actual"]


# ------------------------------------------------------------------ whose policy rules


def failing(environ: Mapping[str, Any]) -> Policy:
    raise LookupError("the database is down")


def test_the_policy_of_the_view_rules() -> None:
    site = Site("/plain")
    site.add("/hook", cors(gate="off"))
    site.add("/none", cors(None))
    site.add("/partner", cors(write_origins=[EVIL]))
    site.add("/alone", cors(Policy(allow_origins=APP)))
    site.add("/failing", cors(policy=failing))
    CORSGate(site.app, **OPTIONS)
    paths = ("/plain", "/hook", "/none", "/partner", "/alone", "/failing", "/nowhere")
    assert {path for path in paths if site.runs(path)} == {"/hook", "/partner", "/alone"}
    assert {path for path in paths if site.runs(path, origin=APP)} == {
        *("/plain", "/hook", "/none", "/alone", "/nowhere")
    }


@pytest.mark.parametrize("views", ["of one policy", "of several"])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_a_source_that_fails_has_the_gate_it_gave_to_any_request(method: str, views: str) -> None:
    def source(environ: Mapping[str, Any]) -> Policy:
        return {"/": Policy(**OPTIONS)}[environ["PATH_INFO"]]

    site = Site("/", "/x")
    if views == "of several":
        site.add("/plain", cors(gate="off"))
    CORSGate(site.app, source)
    # Of what has never answered the gate is assumed, which lets strangers read.
    assert site.runs("/x", "GET")
    site.send("/", method, APP, Access_Control_Request_Method="GET")
    assert not site.runs("/x", "GET")


def test_an_exempt_view_exempts_no_other_cve_2025_47910() -> None:
    site = Site("/hello")
    site.add("/hello/", cors(gate="off"))
    site.add("/other/", cors(gate="off"))
    CORSGate(site.app, **OPTIONS)
    assert [path for path in ("/hello/", "/hello", "/Hello/", "/hello/x") if site.runs(path)] == [
        "/hello/"
    ]
    # Of a redirect the exempt view is the reason, and it changes nothing.
    assert site.send("/other").status == 308


def test_blueprints_and_methods_of_a_class() -> None:
    site = Site("/plain")
    outer, inner = Blueprint("outer", "outer"), Blueprint("inner", "inner")
    outer.add_url_rule("/outer", view_func=site.view("outer"), endpoint="o", methods=["POST"])
    inner.add_url_rule("/inner", view_func=site.view("inner"), endpoint="i", methods=["POST"])
    none = cors(None)(site.view("none"))
    outer.add_url_rule("/none", view_func=none, endpoint="n", methods=["POST"])
    outer.register_blueprint(cors(gate="off")(inner))
    cors(gate="enforce", allow_origins=READER)(outer)
    site.app.register_blueprint(outer)

    class Notes(MethodView):
        @cors(gate="off")
        def post(self) -> str:
            site.ran.append("post")
            return "done"

        def put(self) -> str:
            site.ran.append("put")
            return "done"

    site.app.add_url_rule("/notes", view_func=cors(gate="enforce")(Notes.as_view("notes")))
    CORSGate(site.app, allow_origins=APP)  # whose own gate is off
    assert site.runs("/plain")
    assert [path for path in ("/outer", "/inner", "/none") if site.runs(path)] == ["/inner"]
    assert [site.runs(path, origin=READER) for path in ("/outer", "/inner", "/none")] == [True] * 3
    assert [site.runs("/notes", method) for method in ("POST", "PUT")] == [True, False]


def test_paths() -> None:
    site = Site("/a/b", "/hook", "/none")
    CORSGate(site.app, paths={"/hook": {"gate": "off"}, "/none": None}, **OPTIONS)
    paths = ("/a/b", "/hook", "/none", "//hook", "/nowhere")
    assert [path for path in paths if site.runs(path)] == ["/hook", "//hook"]


def test_a_preflight_is_judged_by_the_gate_of_the_view() -> None:
    told: list[Decision] = []
    site = Site("/plain")
    site.add("/hook", cors(gate="off"))
    CORSGate(site.app, on_denied=lambda environ, found: told.append(found), **OPTIONS)

    def methods(path: str, origin: str, method: str = "PUT") -> list[str]:
        found = site.send(path, "OPTIONS", origin, Access_Control_Request_Method=method)
        assert (found.status, site.ran) == (204, [])
        return found.values("Access-Control-Allow-Methods")

    every = ["DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"]
    assert methods("/plain", APP) == methods("/hook", READER) == every
    assert told == []
    assert methods("/plain", READER) == ["GET, HEAD, OPTIONS"]
    assert [(found.kind, found.reason) for found in told] == [("preflight", "cross-site-write")]


def test_a_view_that_is_marked_late_is_no_way_in() -> None:
    site = Site("/plain", "/late")
    CORSGate(site.app, allow_origins=APP)
    assert [site.runs(path) for path in ("/plain", "/late")] == [True, True]
    site.app.view_functions["/late"] = cors(gate="enforce")(site.view("late"))
    assert [site.runs(path) for path in ("/plain", "/late")] == [True, False]


@pytest.mark.parametrize("gate", ["off", "enforce"])
def test_a_view_that_was_marked_before_and_comes_late_is_no_way_in(
    gate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corsgate._flask_views, "_loose", set())
    site = Site("/plain")
    site.add("/late", cors(gate="off"))
    late = {
        "options": cors(gate="enforce")(site.view("late")),
        "policy": cors(Policy(gate="enforce"))(site.view("late")),
    }
    CORSGate(site.app, allow_origins=APP, gate=gate)
    assert [site.runs(path) for path in ("/plain", "/late")] == [gate == "off", True]
    for view in (*late.values(), *late.values()):  # one that was there before comes back
        open_view = site.app.view_functions["/late"]
        site.app.view_functions["/late"] = view
        assert not site.runs("/late")
        site.app.view_functions["/late"] = open_view
        assert site.runs("/late")


def test_a_method_of_a_class_that_comes_late_is_no_way_in() -> None:
    site = Site()

    class Notes(MethodView):
        def post(self) -> str:
            site.ran.append("post")
            return "done"

    strict = cors(gate="enforce")(Notes.post)
    site.app.add_url_rule("/notes", view_func=cors(gate="off")(Notes.as_view("notes")))
    CORSGate(site.app, allow_origins=APP)
    assert site.runs("/notes")
    Notes.post = strict  # type: ignore[method-assign]
    assert not site.runs("/notes")


# ------------------------------------------------------------------ other layers


def test_behind_a_proxy_the_host_is_what_proxy_fix_says() -> None:
    site = Site()
    site.app.wsgi_app = ProxyFix(site.app.wsgi_app, x_host=1)  # type: ignore[method-assign]
    CORSGate(site.app, **OPTIONS)

    def post(**sent: str) -> int:
        return call(site.app, "POST", "/", _named(sent)).status

    own = "https://www.example.com"
    assert post(Host="10.0.0.1:8000", X_Forwarded_Host="www.example.com", Origin=own) == 200
    assert post(Host="10.0.0.1:8000", Origin=own) == 403


def test_an_application_mounted_below_is_behind_the_gate_too() -> None:
    spy, other = SpyApp(), Site("/x")
    CORSGate(other.app, allow_origins=EVIL, gate="enforce")
    site = Site("/plain")
    site.add("/marked", cors(gate="off"))
    mounts: dict[str, Any] = {"/spy": spy, "/other": other.app}
    site.app.wsgi_app = DispatcherMiddleware(site.app.wsgi_app, mounts)  # type: ignore[method-assign]

    def answer(environ: WSGIEnvironment, found: Decision) -> Response | None:
        return Response("sorry", 401) if environ["PATH_INFO"] == "/spy/sorry" else None

    CORSGate(site.app, paths={"/other/*": {"gate": "off"}}, on_denied=answer, **OPTIONS)
    assert [site.send(path).status for path in ("/spy/x", "/plain", "/marked")] == [403, 403, 200]
    assert (site.send("/spy/sorry").body, spy.called) == (b"sorry", 0)
    assert site.send("/spy/x", origin=APP).status == 200
    assert spy.called == 1
    # The gate of the application below counts for what comes so far.
    assert [site.send("/other/x", origin=origin).status for origin in (EVIL, APP)] == [200, 403]


class Layer:
    """A layer that says that it ran, answers below /legacy by itself, and hands the rest on."""

    def __init__(self, site: Site) -> None:
        self.site, self.inner = site, site.app.wsgi_app
        self.headers: list[tuple[str, str]] = []
        site.app.wsgi_app = self  # type: ignore[method-assign]

    def __call__(self, environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
        self.site.ran.append("layer")
        path = environ["PATH_INFO"]
        if path.startswith("/legacy"):
            start_response("200 OK", [("Content-Type", "text/plain")])
            return [b"legacy"]
        environ["PATH_INFO"] = path.removeprefix("/moved")

        def seen_start_response(status: Any, headers: Any, exc_info: Any = None) -> Any:
            self.headers = headers
            return start_response(status, headers, exc_info)

        return self.inner(environ, seen_start_response)


def test_a_layer_that_answers_by_itself_is_behind_the_gate() -> None:
    site = Site("/plain")
    site.add("/hook", cors(gate="off"))
    site.add("/moved/hook", cors(gate="off"))
    site.add("/moved/plain", cors(gate="off"))
    site.add("/legacy/hook", cors(gate="off"))
    site.add("/legacy/slash/", cors(gate="off"))
    site.add("/legacy/get", cors(gate="off"), methods=["GET"])
    site.add("/legacy/strict", cors(write_origins=[READER]), methods=["GET"])
    layer = Layer(site)
    CORSGate(site.app, paths={"/legacy/free/*": {"gate": "off"}}, **OPTIONS)
    passes = {
        "/plain": [],
        "/nowhere": [],
        "/legacy": [],
        "/legacy/x": [],
        "/legacy/slash": [],  # the redirect is not to be had from the layer
        "/legacy/get": [],
        "/legacy/strict": [],
        "/legacy/hook": ["layer"],
        "/legacy/free/x": ["layer"],
        "/hook": ["layer", "hook", "/hook"],
        "/moved/hook": ["layer", "hook", "/hook"],
    }
    for path, ran in passes.items():
        found = site.send(path)
        assert (found.status, site.ran) == (200 if ran else 403, ran)
    # Where the path that comes is exempt, and the one that Flask gets is not.
    found = site.send("/moved/plain")
    assert (found.status, found.body, site.ran) == (403, PLAIN, ["layer"])
    assert found.seen == comparable(REFUSED)
    assert ("Cache-Control", "no-store") in layer.headers
    assert site.send("/legacy/x", origin=APP).body == b"legacy"
    assert site.send("/legacy/x", "GET").status == 403
    assert site.send("/legacy/x", "GET", None).cors == comparable({"Vary": "Origin"})
    readable = site.send("/legacy/x", origin=READER)
    assert readable.seen == comparable({**REFUSED, "Access-Control-Allow-Origin": READER})


def test_what_a_layer_does_is_reported_once() -> None:
    told: list[tuple[str, str | None]] = []
    site = Site("/plain")
    Layer(site)
    CORSGate(
        site.app,
        on_denied=lambda environ, found: told.append((found.kind, found.reason)),
        **{**OPTIONS, "gate": "report"},
    )
    for path in ("/plain", "/legacy/x"):
        told.clear()
        assert site.send(path, origin=READER).status == 200
        assert told == [("gate", "cross-site-write")]


@pytest.mark.parametrize("value", ["sorry", {"why": "sorry"}])
def test_on_denied_answers_for_a_layer_as_for_a_view(value: Any) -> None:
    site = Site("/plain")
    Layer(site)
    CORSGate(site.app, on_denied=lambda environ, found: (value, 401), **OPTIONS)
    for path in ("/plain", "/legacy/x"):
        found = site.send(path)
        assert (found.status, b"sorry" in found.body, site.ran) == (401, True, [])
        assert found.values("Cache-Control") == ["no-store"]


def test_an_application_that_is_a_layer_of_its_own_is_behind_the_gate() -> None:
    ran: list[str] = []

    class Legacy(Flask):
        def wsgi_app(self, environ: WSGIEnvironment, start_response: Any) -> Any:
            ran.append(environ["PATH_INFO"])
            return super().wsgi_app(environ, start_response)

    app = Legacy("project")
    app.add_url_rule("/hook", "hook", cors(gate="off")(lambda: "done"), methods=["POST"])
    CORSGate(app, **OPTIONS)
    headers = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}
    assert [call(app, "POST", path, headers).status for path in ("/x", "/hook")] == [403, 200]
    assert ran == ["/hook"]


def test_a_proxys_host_counts_before_the_layers_behind_it() -> None:
    site = Site()
    Layer(site)
    site.app.wsgi_app = ProxyFix(site.app.wsgi_app, x_host=1)  # type: ignore[method-assign]
    CORSGate(site.app, **OPTIONS)
    own = {"X-Forwarded-Host": "www.example.com", "Origin": "https://www.example.com"}
    assert call(site.app, "POST", "/", own).status == 200
    assert call(site.app, "POST", "/", {**own, "X-Forwarded-Host": "other"}).status == 403
    assert site.ran == ["layer", "hook", "/"]


# ------------------------------------------------------------------ a refusal is nobody's to handle


def handled(*error: object) -> tuple[str, int]:
    return "handled", 200


def handle(kind: Any) -> Callable[[Flask], object]:
    return lambda app: app.register_error_handler(kind, handled)


def fail(*values: object) -> Any:
    raise LookupError("a hook")


HANDLERS: dict[str, Callable[[Flask], object]] = {
    "Exception": handle(Exception),
    "HTTPException": handle(HTTPException),
    "403": handle(403),
    "500": handle(500),
    "trapped": lambda app: app.config.update(TRAP_HTTP_EXCEPTIONS=True),
    "trapped and handled": lambda app: (
        app.config.update(TRAP_HTTP_EXCEPTIONS=True),
        handle(Exception)(app),
    ),
    "propagated": lambda app: app.config.update(PROPAGATE_EXCEPTIONS=True),
    "tested": lambda app: app.config.update(TESTING=True),
    "debugged": lambda app: app.config.update(DEBUG=True),
    "hook before": lambda app: app.before_request(handled),
    "hook after": lambda app: app.after_request(lambda response: Response("handled", 200)),
    "hook after that fails": lambda app: app.after_request(fail),
    "values": lambda app: app.url_value_preprocessor(fail),
}


@pytest.mark.parametrize("arrange", HANDLERS.values(), ids=HANDLERS)
def test_no_handler_of_the_application_answers_for_the_gate(
    arrange: Callable[[Flask], object],
) -> None:
    site = Site()
    arrange(site.app)
    torn: list[object] = []
    site.app.teardown_request(torn.append)
    told: list[object] = []

    def tell(sender: Flask, exception: Exception) -> None:
        told.append(exception)

    got_request_exception.connect(tell, site.app)
    CORSGate(site.app, debug=False, **OPTIONS)
    for path in ("/", "/nowhere"):
        found = site.send(path)
        assert (found.status, found.body, site.ran) == (403, PLAIN, [])
        assert found.seen == comparable(REFUSED)
    response = site.app.test_client().post("/", headers={"Origin": EVIL})
    assert (response.status_code, response.data) == (403, PLAIN)
    assert (torn, told) == ([None] * 3, [])


@pytest.mark.parametrize("begins", [True, False])
def test_a_teardown_function_that_fails_is_logged(
    begins: bool, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site("/strict")
    site.add("/free", cors(gate="off"))
    if not begins:
        site.app.wsgi_app = Late(site.app.wsgi_app)  # type: ignore[method-assign]
    site.app.teardown_request(fail)
    CORSGate(site.app, **OPTIONS)
    found = site.send("/strict" if begins else "/free")
    assert (found.status, found.body, site.ran) == (403, PLAIN, [])
    assert found.seen == comparable(REFUSED)
    [line] = [record for record in caplog.records if record.name == "project"]
    assert line.getMessage() == "Exception on /strict [POST]"
    assert line.exc_info is not None
    assert str(line.exc_info[1]) == "a hook"


class Late:
    """A layer that asks for another path, and begins its answer after the application has ended."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
        begun: list[Any] = []
        environ["PATH_INFO"] = "/strict"
        body = list(self.inner(environ, lambda *answer: begun.append(answer)))
        start_response(*begun[0])
        return body


class NoSessions(SecureCookieSessionInterface):
    def open_session(self, *values: object) -> Any:
        raise LookupError("the database is down")

    def save_session(self, *values: object) -> None:
        pass


def test_what_fails_before_the_gate_is_asked_runs_nothing() -> None:
    told: list[Decision] = []
    site = Site()
    site.app.session_interface = NoSessions()
    CORSGate(site.app, on_denied=lambda environ, found: told.append(found), **OPTIONS)
    found = site.send(origin=READER)
    assert (found.status, site.ran, told) == (500, [], [])
    assert found.cors == comparable({"Access-Control-Allow-Origin": READER, "Vary": "Origin"})


def test_hooks_see_what_on_denied_answers() -> None:
    site = Site()

    @site.app.after_request
    def add(response: Response) -> Response:
        response.headers["Strict-Transport-Security"] = "max-age=1"
        return response

    CORSGate(site.app, on_denied=lambda environ, found: ("sorry", 401), **OPTIONS)
    found = site.send()
    assert (found.status, found.body, site.ran) == (401, b"sorry", [])
    assert found.values("Strict-Transport-Security") == ["max-age=1"]


def test_a_hook_that_fails_for_what_on_denied_answers_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    site = Site(PROPAGATE_EXCEPTIONS=True)
    site.app.after_request(fail)
    CORSGate(site.app, on_denied=lambda environ, found: ("sorry", 401), **OPTIONS)
    assert site.send().body == b"sorry"
    assert "Request finalizing failed with an error while handling an error" in caplog.messages


# ------------------------------------------------------------------ what is said


def test_debug_mode_says_why(caplog: pytest.LogCaptureFixture) -> None:
    site = Site("/plain")
    site.add("/marked", cors(write_origins=[READER]))
    CORSGate(site.app, debug=True, **OPTIONS)
    found = site.send("/marked")
    line = (
        f"The page is on '{EVIL}', which write_origins in cors(...) of view '/marked' does not"
        " trust to write. What to do: if you trust that site to act as your users, add it:"
        f" write_origins=[..., \"{EVIL}\"]  # in cors(...) of view '/marked'"
    )
    assert found.values("X-CORSGate-Reason") == [line]
    assert found.body == f"{line}\n".encode()
    assert caplog.messages == [f"corsgate: the gate refuses 'POST' '/marked': {line}"]


def test_a_refusal_is_told_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Decision] = []
    site = Site()
    site.add("/marked", cors(max_age=5))
    CORSGate(site.app, on_denied=lambda environ, found: told.append(found), **OPTIONS)
    site.send("/marked")
    [found] = told
    assert (found.kind, found.reason) == ("gate", "cross-site-write")
    assert caplog.messages == [
        f"corsgate: the gate refused 'POST' '/marked' from a page on '{EVIL}': cross-site-write"
    ]
    # What passes the gate may still be denied to read: that is told too, and once.
    site.send("/", "POST", EVIL, Sec_Fetch_Site="none", Sec_Fetch_Mode="cors")
    assert [found.kind for found in told] == ["gate", "actual"]


VALUES: dict[str, tuple[Callable[[], Any], int, bytes]] = {
    "text and status": (lambda: ("sorry", 401), 401, b"sorry"),
    "response": (lambda: Response("sorry", 402), 402, b"sorry"),
    "json": (lambda: (jsonify(why="sorry"), 400), 400, b'{"why":"sorry"}\n'),
    "the request is there": (lambda: request.path, 200, b"/"),
    "nothing": (lambda: None, 403, PLAIN),
}


@pytest.mark.parametrize(("value", "status", "body"), VALUES.values(), ids=VALUES)
def test_on_denied_may_answer(value: Callable[[], Any], status: int, body: bytes) -> None:
    site = Site()
    CORSGate(site.app, on_denied=lambda environ, found: value(), **OPTIONS)
    found = site.send(origin=READER)
    assert (found.status, found.body, site.ran) == (status, body, [])
    assert found.values("Cache-Control") == ["no-store"]
    assert found.cors == comparable(
        {"Access-Control-Allow-Origin": READER, "Vary": "Origin, Sec-Fetch-Site"}
    )


def test_what_is_no_answer_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    CORSGate(site.app, on_denied=lambda environ, found: 7, **OPTIONS)
    assert site.send().body == PLAIN
    assert caplog.messages[-1] == (
        "corsgate: on_denied gave 7, which is no Flask response value, so the gate answers by"
        " itself"
    )


def test_an_answer_may_use_the_session() -> None:
    site = Site(SECRET_KEY="for tests only")

    def answer(environ: WSGIEnvironment, found: Decision) -> str:
        return f"sorry, {session.get('name')}"

    CORSGate(site.app, on_denied=answer, **OPTIONS)
    found = site.send()
    assert found.body == b"sorry, None"
    assert found.values("Vary") == ["Cookie, Origin, Sec-Fetch-Site"]


# ------------------------------------------------------------------ what it costs


@pytest.mark.parametrize("gate", ["off", "report", "enforce"])
def test_flask_is_guarded_only_where_a_gate_is_on(
    gate: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corsgate._flask_views, "_loose", set())
    site = Site()
    site.add("/marked", cors(max_age=5))
    CORSGate(site.app, **{**OPTIONS, "gate": gate})
    guards = set()
    for _ in range(2):
        site.send("/", "GET", None)
        guards.add(vars(site.app).get("full_dispatch_request"))
        corsgate._flask_views.notice_mark(Mark(None, NOT_GIVEN, {}))  # merges again
    assert [guard is not None for guard in guards] == [gate != "off"]
    # A request of the same application that came round the gate is none of its business.
    with site.app.test_request_context("/", method="POST", headers={"Origin": EVIL}):
        assert site.app.full_dispatch_request().status_code == 200


@pytest.mark.parametrize("gives", [None, "error"])
def test_a_source_without_an_answer_is_within_the_gate_of_its_blueprint(gives: str | None) -> None:
    def source(environ: Any) -> None:
        if gives is not None:
            raise LookupError(gives)

    app = Flask(__name__)
    CORSGate(app, allow_origins=APP)
    group = Blueprint("group", __name__)
    group.post("/own")(cors(policy=source)(lambda: "ran"))

    @cors(policy=source)
    class More(MethodView):
        @cors(max_age=1)
        def post(self) -> str:
            return "ran"

    group.add_url_rule("/more", view_func=More.as_view("more"))
    cors(gate="enforce")(group)
    app.register_blueprint(group)
    headers = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}
    for path in ("/own", "/more"):
        assert app.test_client().post(path, headers=headers).status_code == 403
    trusted = {"Origin": APP, "Sec-Fetch-Site": "cross-site"}
    status = app.test_client().post("/own", headers=trusted).status_code
    assert status == (200 if gives is None else 403)


@pytest.mark.parametrize("mark", [cors(max_age=5), cors(None)], ids=["options", "none"])
def test_a_source_that_fails_hides_no_gate_around_it(mark: Any) -> None:
    works = True

    def source(environ: Any) -> Policy:
        if works:
            return Policy(allow_origins=APP)  # gives no gate, and is known for that
        raise LookupError("the database is down")

    app = Flask(__name__)
    CORSGate(app, allow_origins=APP)
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    cors(gate="enforce")(outer)
    cors(policy=source)(inner)
    inner.post("/")(mark(lambda: "ran"))
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    headers = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}
    assert app.test_client().post("/", headers=headers).status_code == 200
    works = False
    assert app.test_client().post("/", headers=headers).status_code == 403


def test_none_below_says_nothing_of_the_application() -> None:
    def failing(environ: Any) -> Policy:
        raise LookupError("the database is down")

    def silent(environ: Any) -> None:
        return None

    app = Flask(__name__)
    CORSGate(app, failing)
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    cors(None)(outer)
    cors(policy=silent)(inner)
    inner.post("/")(lambda: "ran")
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    headers = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}
    for _ in range(2):
        assert app.test_client().post("/", headers=headers).status_code == 403


@pytest.mark.parametrize("gate", ["enforce", "off"])
def test_one_mark_on_two_views_is_hidden_at_the_one_where_it_is(gate: Any) -> None:
    site = Site()
    CORSGate(site.app, **OPTIONS)
    shared = cors(gate=gate)

    def hiding(view: Callable[..., str]) -> Callable[..., str]:
        return lambda: view()

    site.add("/seen", shared)
    site.add("/hidden", lambda view: hiding(shared(view)))
    site.app.add_url_rule("/calls", "calls", lambda: str(site.app.view_functions["/seen"]()))
    assert site.send("/seen").status == (403 if gate == "enforce" else 200)
    assert site.send("/hidden", origin=APP).status == 500
    assert site.send("/calls", "GET", APP).status == 200
    assert "/hidden" not in site.ran


def marked_by(app_policy: Any, *marks: Any) -> int:
    """The status of a page elsewhere that writes, with a mark on each blueprint and on the view."""
    app = Flask(__name__)
    CORSGate(app, app_policy)
    group: Any = app
    nested: list[tuple[Any, Blueprint]] = []
    for number, mark in enumerate(marks[:-1]):
        inner = Blueprint(f"group{number}", __name__)
        mark(inner)
        nested.append((group, inner))
        group = inner
    group.post("/")(marks[-1](lambda: "ran"))
    for outer, inner in reversed(nested):
        outer.register_blueprint(inner)
    headers = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}
    return app.test_client().post("/", headers=headers).status_code


def test_options_within_sources_without_an_answer_keep_the_gate_around_all_of_them() -> None:
    enforced = Policy(allow_origins=APP, gate="enforce")
    silent = cors(policy=lambda environ: None)
    for app_policy in (enforced, lambda environ: enforced):
        assert marked_by(app_policy, cors(None), silent, cors(max_age=5)) == 403
        assert marked_by(app_policy, silent, cors(None), cors(max_age=5)) == 403
        assert marked_by(app_policy, silent, cors(gate="off")) == 200
        # A group that is exempt stays so, whether a source in it answers or not.
        assert marked_by(app_policy, cors(gate="off"), silent) == 200
        assert marked_by(app_policy, cors(gate="off"), silent, cors(max_age=5)) == 200


def test_a_view_that_is_left_to_itself_while_its_request_is_under_way_has_no_headers() -> None:
    app = Flask(__name__)
    CORSGate(app, allow_origins=APP)
    app.post("/x", endpoint="x")(lambda: "first")
    gate = app.extensions["corsgate"]

    @app.before_request
    def leave() -> None:
        app.view_functions["x"] = cors(None)(lambda: "own")
        gate._merge(gate._rules)

    answer = app.test_client().post("/x")
    assert (answer.text, answer.headers.get("Vary")) == ("own", None)


def test_a_layer_that_starts_again_is_judged_once_and_what_a_view_raises_is_let_out() -> None:
    app = Flask(__name__)
    inner = app.wsgi_app

    def layer(environ: WSGIEnvironment, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/twice":
            return inner(environ, start_response)
        start_response("200 OK", [])
        start_response("500 Oops", [], (ValueError, ValueError(), None))
        return [b"twice"]

    app.wsgi_app = layer  # type: ignore[method-assign]
    CORSGate(app, allow_origins=APP, gate="enforce")
    app.testing = True

    @app.post("/raises")
    def raises() -> str:
        raise LookupError("no view")

    headers = {"Origin": APP, "Sec-Fetch-Site": "cross-site"}
    begun: list[tuple[str, dict[str, str]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        begun.append((status, dict(headers)))

    environ = app.test_request_context("/twice", method="POST", headers=headers).request.environ
    assert [*app.wsgi_app(environ, start_response)] == [b"twice"]
    lines = {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}
    assert begun == [("200 OK", lines), ("500 Oops", lines)]
    with pytest.raises(LookupError, match="no view"):
        app.test_client().post("/raises", headers=headers)


def test_a_marked_view_may_be_called_by_hand_in_an_application_without_a_gate() -> None:
    with Flask(__name__).app_context():
        assert cors(max_age=1)(lambda: "ran")() == "ran"
