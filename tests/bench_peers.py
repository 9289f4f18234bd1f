"""What bench.py compares: set-ups, requests, a wrapper written by hand, and all the peers."""

import inspect
import io
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import by_hand

METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
HEADERS = ["authorization", "content-type", "x-requested-with"]
LISTS: dict[str, Any] = {"allow_methods": METHODS, "allow_headers": HEADERS, "max_age": 600}
BODY = b"It works."
PATH, MARKED_PATH = "/api/hello", "/api/marked"

NONE, ALLOWED, IN_TURN = "no Origin", "allowed", "allowed, in turn"
DENIED, NEW = "denied", "denied, new"
PREFLIGHT, REFUSED = "preflight", "refused preflight"
CASES = (NONE, ALLOWED, IN_TURN, DENIED, NEW, PREFLIGHT, REFUSED)
# What a hostile client sends: all of it is new each time, and most of it 64 KiB.
HUGE, LABELS = "64 KiB Origin", "Origin of 30,000 labels"
COMMAS, NAMES = "64 KiB of commas", "64 KiB of header names"
HOSTILE = (HUGE, LABELS, COMMAS, NAMES)
PREFLIGHTS = (PREFLIGHT, REFUSED, COMMAS, NAMES)


# ------------------------------------------------------------------ what is configured, and asked


@dataclass(frozen=True)
class Setup:
    """What every peer is told to allow, where it can be told."""

    name: str
    kind: str = "exact"  # or "any", "pattern"
    size: int = 10
    paths: int = 0  # so many entries, one of them for the path that is asked for
    per_view: bool = False

    def entry(self, number: int) -> str:
        forms = {"any": "*", "exact": "https://app{}.example.com", "pattern": "https://*.app{}.com"}
        return forms[self.kind].format(number)

    @property
    def entries(self) -> list[str]:
        return [self.entry(number) for number in range(self.size)]

    @property
    def regexes(self) -> list[str]:
        return [rf"^https://[a-z0-9-]+\.app{number}\.com$" for number in range(self.size)]

    @property
    def allowed(self) -> str:
        entry = self.entry(self.size // 2)
        return "https://app.example.com" if entry == "*" else entry.replace("*", "tenant")

    @property
    def path(self) -> str:
        return MARKED_PATH if self.per_view else PATH

    @property
    def rules(self) -> list[str]:
        return ["/api/*", *(f"/part{number}/*" for number in range(1, self.paths))]


ANY, PER_VIEW = Setup("any origin", "any", 1), Setup("per-view policies", per_view=True)
EXACT = [Setup(f"{size:,} exact", size=size) for size in (1, 10, 1_000, 100_000)]
PATTERNS = [Setup(f"{size:,} patterns", "pattern", size) for size in (10, 10_000)]
PATHS = [Setup(f"paths: {size:,}", paths=size) for size in (1, 1_000, 10_000)]
TEN = EXACT[1]
SIZES = [ANY, *EXACT, *PATTERNS, *PATHS]

serial = itertools.count()
MANY_NAMES = b"".join(b",x-%d" % number for number in range(10_000))[:65536]


def ask(case: str, setup: Setup) -> tuple[str, list[tuple[str, str]]]:
    """Method and header fields of one request: new strings, as from a socket."""
    fields: dict[str, bytes] = {}
    if case in (ALLOWED, PREFLIGHT, COMMAS, NAMES):
        fields["ORIGIN"] = setup.allowed.encode()
    elif case == IN_TURN:  # each of the entries, and below a pattern always another host
        turn = next(serial)
        entry = setup.entry(turn % setup.size)
        origin = setup.allowed if entry == "*" else entry.replace("*", f"tenant{turn}")
        fields["ORIGIN"] = origin.encode()
    elif case == NEW:
        fields["ORIGIN"] = b"https://app%d.attacker.example" % next(serial)
    elif case == HUGE:
        fields["ORIGIN"] = (b"https://%d" % next(serial)).ljust(65536, b"a")
    elif case == LABELS:
        fields["ORIGIN"] = b"https://%d" % next(serial) + b".a" * 30_000
    elif case != NONE:
        fields["ORIGIN"] = b"https://app.attacker.example"
    if case in PREFLIGHTS:
        fields["ACCESS_CONTROL_REQUEST_METHOD"] = b"PUT"
        fields["ACCESS_CONTROL_REQUEST_HEADERS"] = b"content-type,x-requested-with"
    if case == COMMAS:
        fields["ACCESS_CONTROL_REQUEST_HEADERS"] = b"%d" % next(serial) + b"," * 65536
    elif case == NAMES:
        fields["ACCESS_CONTROL_REQUEST_HEADERS"] = b"x-new-%d" % next(serial) + MANY_NAMES
    method = b"OPTIONS" if case in PREFLIGHTS else b"GET"
    return method.decode(), [("HTTP_" + name, value.decode()) for name, value in fields.items()]


SERVER: dict[str, Any] = {
    "SCRIPT_NAME": "",
    "QUERY_STRING": "",
    "SERVER_NAME": "api.example",
    "SERVER_PORT": "443",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "HTTP_HOST": "api.example",
    "HTTP_ACCEPT": "*/*",
    "HTTP_ACCEPT_ENCODING": "gzip, br",
    "HTTP_ACCEPT_LANGUAGE": "en",
    "HTTP_USER_AGENT": "Mozilla/5.0",
    "wsgi.url_scheme": "https",
    "wsgi.input": io.BytesIO(),
    "wsgi.errors": sys.stderr,
}


def environ_of(case: str, setup: Setup) -> dict[str, Any]:
    method, fields = ask(case, setup)
    return {**SERVER, "REQUEST_METHOD": method, "PATH_INFO": setup.path, **dict(fields)}


def any_path_of(case: str, setup: Setup) -> dict[str, Any]:
    """For applications that have all paths: what was found for one may be kept, so ask for more."""
    environ = environ_of(case, setup)
    if setup.paths and case == IN_TURN:
        environ["PATH_INFO"] += f"/{next(serial)}"
    return environ


def scope_of(case: str, setup: Setup) -> dict[str, Any]:
    method, fields = ask(case, setup)
    named = [(key[5:].replace("_", "-").lower().encode(), value) for key, value in fields]
    headers = [(name, value.encode()) for name, value in named]
    headers += [(b"host", b"api.example"), (b"accept", b"*/*")]
    asked = {"method": method, "path": setup.path, "query_string": b"", "headers": headers}
    return {"type": "http", **asked}


# ------------------------------------------------------------------ plain WSGI


def hello(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "9")])
    return [BODY]


def hello12(environ: Any, start_response: Any) -> Iterable[bytes]:
    headers = [("Content-Type", "text/plain"), ("Content-Length", "9"), ("Server", "x")]
    headers += [("Cache-Control", "no-store"), ("ETag", '"1"'), ("Set-Cookie", "a=b")]
    headers += [("X-Frame-Options", "DENY"), ("X-Content-Type-Options", "nosniff")]
    headers += [("Referrer-Policy", "same-origin"), ("Strict-Transport-Security", "max-age=9")]
    headers += [("Link", "</>; rel=index"), ("X-Request-Id", "1")]
    start_response("200 OK", headers)
    return [BODY]


def hello_with_vary(environ: Any, start_response: Any) -> Iterable[bytes]:
    headers = [("Content-Type", "text/plain"), ("Content-Length", "9"), ("Vary", "Accept, Cookie")]
    start_response("200 OK", headers)
    return [BODY]


def nothing(environ: Any, start_response: Any) -> Iterable[bytes]:
    """What it costs to answer at all, where the application is not called."""
    start_response("204 No Content", [])
    return []


def by_hand_around(app: Any, setup: Setup) -> Any:
    if setup.kind == "any":
        return by_hand.add_cors_for_everybody(app)
    if setup.kind == "pattern":
        domains = [entry.removeprefix("https://*.") for entry in setup.entries]
        return by_hand.add_cors_for_domains(app, domains)
    if setup.paths:
        return by_hand.add_cors_below(app, setup.rules, setup.entries)
    return by_hand.add_cors(app, setup.entries)


# ------------------------------------------------------------------ the peers of each table

Peers = Iterator[tuple[str, Any]]


def wsgi_peers(setup: Setup, app: Any = hello) -> Peers:
    from corsgate import Policy
    from corsgate.wsgi import CORSMiddleware

    yield "bare", app
    yield "bare again", app
    yield "empty 204", nothing
    yield "no-op", by_hand.do_nothing(app)
    yield "by hand", by_hand_around(app, setup)
    allow: dict[str, Any] = {"allow_origins": setup.entries, **LISTS}
    if setup.paths:
        yield "corsgate", CORSMiddleware(app, paths={rule: Policy(**allow) for rule in setup.rules})
        return
    yield "corsgate", CORSMiddleware(app, **allow)
    names = {"methods": ",".join(METHODS), "headers": ",".join(HEADERS), "maxage": "600"}
    yield "wsgicors", import_module("wsgicors").CORS(app, origin=" ".join(setup.entries), **names)


def wsgi_peers_12(setup: Setup) -> Peers:
    return wsgi_peers(setup, hello12)


def wsgi_peers_with_vary(setup: Setup) -> Peers:
    return wsgi_peers(setup, hello_with_vary)


def flask_app(path: str = PATH, decorate: Callable[[Any], Any] = lambda view: view) -> Any:
    app = import_module("flask").Flask(__name__)
    app.add_url_rule(path, view_func=decorate(lambda: BODY), endpoint="hello")
    return app


def flask_peers(setup: Setup) -> Peers:
    from corsgate import Policy
    from corsgate.flask import CORSGate, cors

    flask_cors = import_module("flask_cors")
    allow: dict[str, Any] = {"allow_origins": setup.entries, **LISTS}
    yield "bare", flask_app()
    yield "bare again", flask_app()
    app = flask_app()
    app.wsgi_app = by_hand.do_nothing(app.wsgi_app)
    yield "no-op", app
    app = flask_app()
    app.wsgi_app = by_hand_around(app.wsgi_app, setup)
    yield "by hand", app
    if setup.per_view:
        app = flask_app(setup.path, cors(**allow))
        CORSGate(app)
    else:
        app = flask_app()
        paths = {rule: Policy(**allow) for rule in setup.rules} if setup.paths else None
        CORSGate(app, paths=paths, **({} if paths else allow))
    yield "corsgate", app
    theirs = {"methods": METHODS, "allow_headers": HEADERS, "max_age": 600}
    theirs["origins"] = setup.regexes if setup.kind == "pattern" else setup.entries
    if not setup.per_view:
        app = flask_app()
        limits = {"resources": dict.fromkeys(setup.rules, theirs)} if setup.paths else theirs
        flask_cors.CORS(app, **limits)
        yield "Flask-Cors", app
    if not setup.paths:
        yield "Flask-Cors decorator", flask_app(decorate=flask_cors.cross_origin(**theirs))


def by_hand_in_django(get_response: Any) -> Any:
    http, cache = import_module("django.http"), import_module("django.utils.cache")
    allowed = frozenset(import_module("django.conf").settings.BENCH_ORIGINS)
    vary, fixed = by_hand.VARY, by_hand.FIXED

    async def middleware(request: Any) -> Any:
        origin = request.META.get("HTTP_ORIGIN")
        grant = [("Access-Control-Allow-Origin", origin)] if origin in allowed else []
        asked = origin is not None and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META
        if asked and request.method == "OPTIONS":
            return http.HttpResponse(status=204, headers=dict([vary, *grant, *(grant and fixed)]))
        response = await get_response(request)
        cache.patch_vary_headers(response, ["Origin"])
        for name, value in grant:
            response[name] = value
        return response

    return middleware


def no_op_in_django(get_response: Any) -> Any:
    async def async_middleware(request: Any) -> Any:
        return await get_response(request)

    def middleware(request: Any) -> Any:
        return get_response(request)

    return async_middleware if inspect.iscoroutinefunction(get_response) else middleware


vars(by_hand_in_django).update(sync_capable=False, async_capable=True)
vars(no_op_in_django).update(async_capable=True)
urlpatterns: list[Any] = []  # this module is the project's URLconf


def django_peers(setup: Setup, *, is_async: bool = False) -> Peers:
    """Settings are global: one set-up per process, and corsgate reads them only once."""
    conf, http = import_module("django.conf"), import_module("django.http")
    wsgi, asgi = (import_module(f"django.core.handlers.{name}") for name in ("wsgi", "asgi"))
    conf.settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__)
    import_module("django").setup()

    def view(request: Any) -> Any:
        return http.HttpResponse(BODY, content_type="text/plain")

    async def async_view(request: Any) -> Any:
        return view(request)

    def handler(*middleware: str, **settings: Any) -> Any:
        for name, value in {"MIDDLEWARE": middleware, **settings}.items():
            setattr(conf.settings, name, value)
        if not is_async:
            return wsgi.WSGIHandler()
        answer = asgi.ASGIHandler().get_response_async
        return lambda scope: answer(asgi.ASGIRequest(scope, io.BytesIO()))

    allow: dict[str, Any] = {"allow_origins": setup.entries, **LISTS}
    path, chosen = import_module("django.urls").path, async_view if is_async else view
    urlpatterns.append(path(PATH[1:], chosen))
    if setup.per_view:
        from corsgate.django import cors

        urlpatterns.append(path(MARKED_PATH[1:], cors(**allow)(chosen)))
    bare = handler()
    yield "bare", bare
    yield "bare again", handler()
    yield "no-op", handler(f"{__name__}.no_op_in_django")
    if not is_async:
        yield "by hand", by_hand_around(bare, setup)
    elif setup.kind == "exact" and not setup.paths:
        mine = handler(f"{__name__}.by_hand_in_django", BENCH_ORIGINS=setup.entries)
        yield "by hand", mine
    if setup.paths:
        ours: dict[str, Any] = {"CORS_PATHS": dict.fromkeys(setup.rules, allow)}
    else:
        ours = {f"CORS_{name.upper()}": value for name, value in allow.items()}
    yield "corsgate", handler("corsgate.django.CORSMiddleware", **({} if setup.per_view else ours))
    if setup.paths > 1:
        return
    theirs: dict[str, Any] = {
        "CORS_ALLOW_ALL_ORIGINS": setup.kind == "any",
        "CORS_ALLOWED_ORIGINS": setup.entries if setup.kind == "exact" else [],
        "CORS_ALLOWED_ORIGIN_REGEXES": setup.regexes if setup.kind == "pattern" else [],
        "CORS_PREFLIGHT_MAX_AGE": 600,
        "CORS_URLS_REGEX": r"^/api/" if setup.paths else r"^.*$",
        "CORS_ALLOW_METHODS": METHODS,
        "CORS_ALLOW_HEADERS": HEADERS,
    }
    yield "django-cors-headers", handler("corsheaders.middleware.CorsMiddleware", **theirs)


def async_django_peers(setup: Setup) -> Peers:
    return django_peers(setup, is_async=True)
