"""Flask: the policy of the view that answers, whatever the URL is, on every kind of answer."""

import io
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest
from answers import (
    ANYBODY,
    APP,
    DENIED,
    NOTHING,
    PARTNER,
    REFUSED,
    asking,
    asking_for,
    goes_on,
    readable_by,
)
from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    redirect,
    request,
    send_file,
    signals,
    stream_with_context,
)
from flask.typing import ResponseReturnValue
from path_tricks import EVERYBODY, ORIGINS, REST, RULES, SHOP, TRICKS, VIEWS, Trick
from werkzeug.routing import MapAdapter, Rule
from wsgi_client import Answer, call, environ_of

import corsgate._flask_views
from corsgate.flask import CORSGate, cors

# ------------------------------------------------------------------ tricks with the path


def name_of_view() -> str:
    rule: Any = request.url_rule
    return rule.rule if rule.rule in VIEWS else REST


def tricky_app(*, marked: bool, catch_all: bool) -> Flask:
    """All views of the table, with their policies on them or in `paths`."""
    app = Flask(__name__, static_folder=None)
    methods = ["GET", "PUT"]
    for path, origin in VIEWS.items():
        view = cors(allow_origins=origin)(_named()) if marked else _named()
        app.add_url_rule(path, path, view, methods=methods)
    if catch_all:
        app.add_url_rule("/<path:rest>", REST, lambda rest: name_of_view(), methods=methods)
    CORSGate(app, allow_origins=APP, paths={} if marked else RULES)
    return app


def _named() -> Callable[[], str]:
    """A function of its own, since a mark is on the function."""

    def view() -> str:
        return name_of_view()

    return view


def who_answers(trick: Trick, answer: Answer, *, catch_all: bool) -> str:
    """The view whose policy holds: the one that answers, or the target of the redirect."""
    # Werkzeug takes slashes in front for one, and others too, if nothing has them as they are.
    merges = trick.url.startswith("//") or not catch_all
    view = trick.merged if trick.merged and merges else trick.view
    if answer.status == 308:
        assert answer.values("Location")[0].endswith(view)
    elif answer.status == 404:
        assert view == REST
    else:
        assert answer.body.decode() == view
    return view


each_trick = pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.id)
each_router = pytest.mark.parametrize(
    "catch_all", [True, False], ids=["a view for the rest", "404 for the rest"]
)


@each_router
@each_trick
@pytest.mark.parametrize("marked", [True, False], ids=["marked views", "paths"])
def test_a_trick_with_the_path_gets_the_policy_of_the_view_that_answers(
    trick: Trick, catch_all: bool, marked: bool
) -> None:
    app = tricky_app(marked=marked, catch_all=catch_all)
    for origin in EVERYBODY:
        answer = call(app, "GET", trick.url, asking(origin))
        view = who_answers(trick, answer, catch_all=catch_all)
        preflight = call(app, "OPTIONS", trick.url, asking_for("PUT", origin))
        if origin != ORIGINS[view]:
            assert answer.cors in (DENIED, NOTHING)
            assert (preflight.status, preflight.cors) == (403, REFUSED)
        elif view != REST or not trick.resolvable:
            assert answer.cors == readable_by(origin)
            assert (preflight.status, preflight.cors) == (204, goes_on(origin))


@pytest.mark.parametrize("path", ["/notes/", "/notes"], ids=["with its slash", "without"])
@pytest.mark.parametrize("marked", [True, False], ids=["a marked view elsewhere", "no marked view"])
def test_a_slash_redirect_has_the_policy_that_paths_has_for_its_target(
    path: str, marked: bool
) -> None:
    app = Flask(__name__)
    app.add_url_rule("/notes/", "notes", lambda: "notes", methods=["GET", "PUT"])
    if marked:
        app.add_url_rule("/other", "other", cors(allow_origins=SHOP)(lambda: "other"))
    CORSGate(app, allow_origins=APP, paths={"/notes/": {"allow_origins": PARTNER}})
    preflight = call(app, "OPTIONS", path, asking_for("PUT", PARTNER))
    assert (preflight.status, preflight.cors) == (204, goes_on(PARTNER))
    assert call(app, "PUT", path, asking(PARTNER)).cors == readable_by(PARTNER)
    assert call(app, "PUT", path, asking(APP)).cors == DENIED


# ------------------------------------------------------------------ every kind of answer

BODY = b"0123456789" * 10


def events() -> Iterator[str]:
    yield f"data: {request.method}\n\n"
    yield "data: end\n\n"


def conditional() -> ResponseReturnValue:
    response = Response(BODY, mimetype="text/plain")
    response.add_etag()
    response.vary.add("Accept-Language")
    return response.make_conditional(request, accept_ranges=True, complete_length=len(BODY))


def a_file() -> Response:
    return send_file(io.BytesIO(BODY), mimetype="text/plain", etag="7", conditional=True)


def failing() -> ResponseReturnValue:
    raise ZeroDivisionError


# The views, each at its own path, and what is asked of it.
KINDS: dict[str, Callable[[], ResponseReturnValue]] = {
    "conditional": conditional,
    "file": a_file,
    "events": lambda: Response(stream_with_context(events()), mimetype="text/event-stream"),
    "redirect": lambda: redirect("/login"),
    "abort": lambda: abort(410),
    "failing": failing,
    "nothing": lambda: ("", 204),
    "handled": lambda: abort(418),
}
each_kind = pytest.mark.parametrize(
    ("method", "path", "sent", "status", "body"),
    [
        pytest.param("GET", "/conditional", {}, 200, BODY, id="all of it"),
        pytest.param("HEAD", "/conditional", {}, 200, b"", id="HEAD"),
        pytest.param("GET", "/conditional", {"If-None-Match": "*"}, 304, b"", id="304"),
        pytest.param("GET", "/conditional", {"Range": "bytes=2-4"}, 206, b"234", id="206"),
        pytest.param("GET", "/conditional", {"Range": "bytes=900-"}, 416, None, id="416"),
        pytest.param("GET", "/file", {}, 200, BODY, id="a file"),
        pytest.param("GET", "/file", {"If-None-Match": '"7"'}, 304, b"", id="304 for a file"),
        pytest.param("GET", "/file", {"Range": "bytes=-2"}, 206, b"89", id="206 of a file"),
        pytest.param("HEAD", "/file", {}, 200, b"", id="HEAD of a file"),
        pytest.param(
            "GET", "/events", {}, 200, b"data: GET\n\ndata: end\n\n", id="server-sent events"
        ),
        pytest.param("GET", "/redirect", {}, 302, None, id="a redirect"),
        pytest.param("GET", "/abort", {}, 410, None, id="abort()"),
        pytest.param("GET", "/handled", {}, 418, b"handled", id="an error handler"),
        pytest.param("GET", "/failing", {}, 500, None, id="an exception"),
        pytest.param("GET", "/nothing", {}, 204, b"", id="204"),
        pytest.param("DELETE", "/nothing", {}, 405, None, id="405"),
        pytest.param("OPTIONS", "/nothing", {}, 200, b"", id="the OPTIONS of Flask"),
        pytest.param("GET", "/static/font.woff2", {}, 200, BODY, id="a static file"),
        pytest.param("GET", "/static/none.woff2", {}, 404, None, id="no static file"),
        pytest.param(
            "GET", "/static/font.woff2", {"Range": "bytes=0-0"}, 206, b"0", id="206, static"
        ),
    ],
)


@pytest.fixture
def static_folder(tmp_path: Path) -> Path:
    (tmp_path / "font.woff2").write_bytes(BODY)
    return tmp_path


def app_of_kinds(static_folder: Path) -> Flask:
    app = Flask(__name__, static_folder=static_folder, static_url_path="/static")
    app.logger.disabled = True
    for name, view in KINDS.items():
        app.add_url_rule(f"/{name}", name, view)
    app.register_error_handler(418, lambda error: ("handled", 418))
    return app


def anew(view: Callable[..., Any]) -> Callable[..., Any]:
    """Another function, since a mark is on the function, and other tests have the same views."""
    return lambda *args, **kwargs: view(*args, **kwargs)


@each_kind
def test_every_kind_of_answer_has_the_policy_of_the_application(
    static_folder: Path, method: str, path: str, sent: dict[str, str], status: int, body: bytes
) -> None:
    app = app_of_kinds(static_folder)
    CORSGate(app, allow_origins=APP)
    check_kind(app, APP, method, path, sent, status, body)


@each_kind
def test_every_kind_of_answer_has_the_policy_of_its_view(
    static_folder: Path, method: str, path: str, sent: dict[str, str], status: int, body: bytes
) -> None:
    app = app_of_kinds(static_folder)
    for name, view in app.view_functions.items():
        app.view_functions[name] = cors(allow_origins=PARTNER)(anew(view))
    CORSGate(app, allow_origins=APP)
    check_kind(app, PARTNER, method, path, sent, status, body)
    assert call(app, "GET", "/nowhere", asking()).cors == readable_by(APP)


@each_kind
def test_every_kind_of_answer_has_the_policy_of_its_path(
    static_folder: Path, method: str, path: str, sent: dict[str, str], status: int, body: bytes
) -> None:
    app = app_of_kinds(static_folder)
    rules: Any = {path: {"allow_origins": PARTNER}}
    CORSGate(app, allow_origins=APP, paths=rules)
    check_kind(app, PARTNER, method, path, sent, status, body)
    assert call(app, "GET", "/nowhere", asking()).cors == readable_by(APP)


def check_kind(
    app: Flask,
    origin: str,
    method: str,
    path: str,
    sent: dict[str, str],
    status: int,
    body: bytes | None,
) -> None:
    # What the view puts into Vary itself has to stay.
    own = {"accept-language"} if path == "/conditional" and status != 416 else set()
    vary = {"vary": frozenset({"origin", *own})}
    answer = call(app, method, path, asking(origin) | sent)
    assert (answer.status, answer.cors) == (status, readable_by(origin) | vary)
    if body is not None:
        assert answer.body == body
    for other in (asking("https://nobody.example"), asking(None)):
        assert call(app, method, path, other | sent).cors == DENIED | vary


def test_a_blueprints_static_files_have_its_policy(static_folder: Path) -> None:
    app = Flask(__name__, static_folder=None)
    shop = Blueprint(
        "shop", __name__, static_folder=static_folder, static_url_path="/static", url_prefix="/shop"
    )
    app.register_blueprint(cors(allow_origins=PARTNER)(shop))
    CORSGate(app, allow_origins=APP)
    answer = call(app, "GET", "/shop/static/font.woff2", asking(PARTNER))
    assert (answer.status, answer.body, answer.cors) == (200, BODY, readable_by(PARTNER))
    missing = call(app, "GET", "/shop/static/none", asking(PARTNER))
    assert (missing.status, missing.cors) == (404, readable_by(PARTNER))


def test_a_stream_is_not_read_ahead_and_is_closed() -> None:
    done: list[str] = []

    def stream() -> Iterator[bytes]:
        try:
            for number in range(3):
                done.append(f"made {number}")
                yield b"%d" % number
        finally:
            done.append("closed")

    app = Flask(__name__)
    app.add_url_rule("/", view_func=cors(allow_origins=PARTNER)(lambda: Response(stream())))
    CORSGate(app, allow_origins=APP)
    result: Any = app(environ_of("GET", "/", asking(PARTNER)), lambda *args: lambda data: None)
    chunks = iter(result)
    assert next(chunks) == b"0"
    assert done == ["made 0"]
    result.close()
    assert done == ["made 0", "closed"]


def test_an_exception_in_the_middle_of_a_stream_is_let_out() -> None:
    def stream() -> Iterator[bytes]:
        yield b"0"
        raise ZeroDivisionError

    app = Flask(__name__)
    app.add_url_rule("/", view_func=lambda: Response(stream()))
    CORSGate(app, allow_origins=APP)
    with pytest.raises(ZeroDivisionError):
        call(validator(app), "GET", "/", asking())


# ------------------------------------------------------------------ factories and late comers


def test_applications_of_one_factory_share_marked_views_and_keep_their_own_policies() -> None:
    shared = Blueprint("shared", __name__)

    @shared.put("/marked")
    @cors(expose_headers="ETag")
    def marked() -> str:
        return "marked"

    def create_app(origin: str, prefix: str) -> Flask:
        app = Flask(__name__)
        CORSGate(app, allow_origins=origin)
        app.register_blueprint(shared, url_prefix=prefix)
        return app

    first, second = create_app(APP, "/first"), create_app(PARTNER, "/second")
    exposed = {"Access_Control_Expose_Headers": "ETag"}
    for app, path, origin, other in (
        (first, "/first/marked", APP, PARTNER),
        (second, "/second/marked", PARTNER, APP),
    ):
        answer = call(app, "PUT", path, asking(origin))
        assert (answer.body, answer.cors) == (b"marked", readable_by(origin, **exposed))
        assert call(app, "PUT", path, asking(other)).cors == DENIED
        assert call(app, "OPTIONS", path, asking_for("PUT", origin)).cors == goes_on(origin)
        assert call(app, "OPTIONS", path, asking_for("PUT", other)).cors == REFUSED


@pytest.mark.parametrize("first", ["private", "public"], ids="the {} one is asked first".format)
def test_a_function_that_one_application_has_marked_is_bare_in_the_other(first: str) -> None:
    def shared() -> str:
        return "shared"

    views = {"private": shared, "public": cors(allow_origins="*")(shared)}
    apps: dict[str, Flask] = {}
    for name, view in views.items():
        apps[name] = app = Flask(name)
        app.add_url_rule("/", "view", view)
        CORSGate(app, allow_origins=APP)
    call(apps[first], "GET", "/", asking(PARTNER))
    assert call(apps["private"], "GET", "/", asking(PARTNER)).cors == DENIED
    assert call(apps["private"], "OPTIONS", "/", asking_for("GET", PARTNER)).status == 403
    assert call(apps["public"], "GET", "/", asking(PARTNER)).cors == ANYBODY


def add_late(app: Flask, path: str, origin: str) -> None:
    """As extensions do that add views while the application runs; Flask itself refuses that."""
    app.view_functions[path] = cors(allow_origins=origin)(lambda: "late")
    app.url_map.add(Rule(path, endpoint=path, methods=["PUT"]))


def test_a_view_that_is_added_after_the_first_request_has_its_policy() -> None:
    app = Flask(__name__)
    CORSGate(app, allow_origins=APP)
    assert call(app, "PUT", "/late", asking(PARTNER)).cors == DENIED
    add_late(app, "/late", PARTNER)
    assert call(app, "OPTIONS", "/late", asking_for("PUT", PARTNER)).cors == goes_on(PARTNER)
    answer = call(app, "PUT", "/late", asking(PARTNER))
    assert (answer.body, answer.cors) == (b"late", readable_by(PARTNER))
    add_late(app, "/later", SHOP)
    assert call(app, "PUT", "/later", asking(SHOP)).cors == readable_by(SHOP)
    assert call(app, "PUT", "/late", asking(SHOP)).cors == DENIED


def test_a_view_that_an_extension_has_wrapped_keeps_its_policy() -> None:
    """As limiters and tracers do: app.view_functions[endpoint] = wrapper."""
    app = Flask(__name__)
    app.add_url_rule("/", "index", cors(allow_origins=PARTNER)(lambda: "index"))
    CORSGate(app, allow_origins=APP)
    inner = app.view_functions["index"]

    @wraps(inner)
    def traced(*args: Any, **kwargs: Any) -> Any:
        return app.ensure_sync(inner)(*args, **kwargs)

    app.view_functions["index"] = traced
    assert call(app, "GET", "/", asking(PARTNER)).cors == readable_by(PARTNER)
    assert call(app, "OPTIONS", "/", asking_for("GET", PARTNER)).cors == goes_on(PARTNER)


def test_a_marked_view_may_have_another_route_that_is_given_by_its_name() -> None:
    app = Flask(__name__)

    def partners(view: Callable[[], str]) -> Callable[[], str]:
        return cors(allow_origins=PARTNER)(view)

    @partners
    @app.put("/first")
    def view() -> str:
        return "view"

    app.add_url_rule("/second", "second", view, methods=["PUT"])
    CORSGate(app, allow_origins=APP)
    for path in ("/first", "/second"):
        assert call(app, "PUT", path, asking(PARTNER)).cors == readable_by(PARTNER)
        assert call(app, "OPTIONS", path, asking_for("PUT", PARTNER)).cors == goes_on(PARTNER)
        assert call(app, "PUT", path, asking()).cors == DENIED


def plain() -> str:
    return "plain"


@pytest.mark.parametrize("elsewhere", [True, False], ids=["another marked view", "no other mark"])
def test_a_view_that_is_replaced_while_the_application_runs_has_its_own_policy(
    elsewhere: bool,
) -> None:
    app = Flask(__name__)
    marked = cors(allow_origins=PARTNER)(plain)
    app.add_url_rule("/", "view", plain)
    if elsewhere:
        app.add_url_rule("/other", "other", cors(allow_origins=SHOP)(lambda: "other"))
    CORSGate(app, allow_origins=APP)
    assert call(app, "GET", "/", asking()).cors == readable_by(APP)
    app.view_functions["view"] = marked
    assert call(app, "GET", "/", asking(PARTNER)).cors == readable_by(PARTNER)
    assert call(app, "GET", "/", asking()).cors == DENIED
    assert call(app, "OPTIONS", "/", asking_for("GET", PARTNER)).cors == goes_on(PARTNER)
    app.view_functions["view"] = lambda: "another"
    assert call(app, "OPTIONS", "/", asking_for("GET", PARTNER)).status == 403
    assert call(app, "GET", "/", asking(PARTNER)).cors == DENIED
    assert call(app, "GET", "/", asking()).cors == readable_by(APP)


@pytest.mark.parametrize("made_first", [True, False], ids=["before the routes", "between them"])
@pytest.mark.parametrize("where", ["local", "of the module"])
def test_a_policy_given_to_one_route_of_a_function_is_not_on_its_other_routes(
    where: str, made_first: bool
) -> None:
    def local() -> str:
        return "shared"

    def public(view: Callable[[], str]) -> Callable[[], str]:
        return cors(allow_origins="*")(view)

    shared = local if where == "local" else plain
    app = Flask(__name__)
    marked = public(shared) if made_first else None
    app.add_url_rule("/private", "private", shared)
    app.add_url_rule("/public", "public", marked or public(shared))
    CORSGate(app, allow_origins=APP)
    assert call(app, "GET", "/private", asking(PARTNER)).cors == DENIED
    assert call(app, "OPTIONS", "/private", asking_for("GET", PARTNER)).status == 403
    assert call(app, "GET", "/public", asking(PARTNER)).cors == ANYBODY


# ------------------------------------------------------------------ what it costs

# What is asked of `costly_app`, its status, and how often that is routed: in an application where
# nothing but its own policy counts, and where views or paths have policies.
COSTS = [
    pytest.param("GET", "/api", 200, 1, 1, id="a view"),
    pytest.param("GET", "/api/7", 404, 1, 1, id="no such number"),
    pytest.param("GET", "/nowhere", 404, 1, 1, id="404"),
    # Which views the URL has, for the policy they share: one time for all, one for each method.
    pytest.param("DELETE", "/api", 405, 1, 6, id="405"),
    pytest.param("GET", "/notes", 308, 1, 6, id="a slash redirect"),
    # Of a preflight Flask itself does not hear.
    pytest.param("OPTIONS", "/api", 204, 0, 5, id="a preflight"),
    pytest.param("OPTIONS", "/nowhere", 204, 0, 2, id="a preflight for nothing"),
]


def costly_app(policies: str) -> Flask:
    app = Flask(__name__)
    marked = cors(allow_origins=[APP], max_age=5)
    for name, methods in {"read": ["GET"], "write": ["PUT"]}.items():
        view = anew(plain)
        view = marked(view) if policies == "marked views" else view
        app.add_url_rule("/api", name, view, methods=methods)
    app.add_url_rule("/notes/", "notes", plain)
    paths: Any = {"/api": {"max_age": 5}} if policies == "paths" else None
    CORSGate(app, allow_origins=APP, paths=paths)
    return app


@pytest.mark.parametrize("policies", ["one policy", "paths", "marked views"])
@pytest.mark.parametrize(("method", "path", "status", "alone", "several"), COSTS)
def test_only_preflights_and_answers_without_a_view_are_routed_again(
    policies: str,
    method: str,
    path: str,
    status: int,
    alone: int,
    several: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    routed: list[str | None] = []
    match = MapAdapter.match

    def counting(self: MapAdapter, *args: Any, **kwargs: Any) -> Any:
        routed.append(self.path_info)
        return match(self, *args, **kwargs)

    monkeypatch.setattr(corsgate._flask_views, "_loose", set())  # what other tests have marked
    app = costly_app(policies)
    call(app, "GET", "/api", asking())
    monkeypatch.setattr(MapAdapter, "match", counting)
    headers = asking_for("PUT") if method == "OPTIONS" else asking()
    assert call(app, method, path, headers).status == status
    assert routed == [path] * (alone if policies == "one policy" else several)


def test_no_signal_has_a_receiver() -> None:
    of_flask = [value for value in vars(signals).values() if hasattr(value, "receivers")]
    assert len(of_flask) >= 10
    app = costly_app("marked views")
    during: list[int] = []

    @app.before_request
    def look() -> None:
        during.append(sum(len(list(signal.receivers_for(app))) for signal in of_flask))

    for headers in (asking(), asking("https://nobody.example")):
        call(app, "GET", "/api", headers)
    assert during == [0, 0]
    with signals.request_started.connected_to(lambda sender, **extra: None):  # one is seen
        call(app, "GET", "/api", asking())
    assert during == [0, 0, 1]
