"""Broken set-ups, each with its fix: what docs/blocked.rst and README.rst tell people to do.

A set-up has the name that its cause has in the tables of docs/blocked.rst.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from corsgate.browser import Browser
from corsgate.wsgi import CORSMiddleware

PAGE = "https://app.example.com"
API = "https://api.example.com"
FILES = "https://files.example.net"
DEV = "http://localhost:3000"  # a page under development
ME = f"{API}/me"
PUT: dict[str, Any] = {"method": "PUT", "body": "x"}
INCLUDE: dict[str, Any] = {"credentials": "include"}
Apps = Mapping[str, WSGIApplication]


def view(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Says which cookies it was sent, and a number that pages may want to read."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Total-Count", "7")])
    return [environ.get("HTTP_COOKIE", "").encode()]


def corsgate(app: WSGIApplication = view, **options: Any) -> WSGIApplication:
    return CORSMiddleware(app, **{"allow_origins": PAGE, **options})


def answering(status: str, *lines: tuple[str, str]) -> WSGIApplication:
    """What answers everything with that."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [*lines])
        return []

    return app


def before(app: WSGIApplication, status: str, *lines: tuple[str, str]) -> WSGIApplication:
    """A layer that answers each OPTIONS request by itself; the rest it passes on."""
    own = answering(status, *lines)

    def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = own if environ["REQUEST_METHOD"] == "OPTIONS" else app
        return answer(environ, start_response)

    return layer


def adding(app: WSGIApplication, *lines: tuple[str, str]) -> WSGIApplication:
    """A proxy that adds headers to every answer."""

    def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, [*headers, *lines], exc_info)

        return app(environ, start)

    return layer


def slashed(app: WSGIApplication) -> WSGIApplication:
    """A router that sends each address without a slash at its end to the one that has it."""

    def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.endswith("/"):
            return app(environ, start_response)
        start_response("301 Moved Permanently", [("Location", f"{path}/")])
        return []

    return layer


def origin_of(value: str) -> tuple[str, str]:
    return "Access-Control-Allow-Origin", value


def reflecting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """By hand: every page of the company, for caches, and Vary is forgotten."""
    lines = [origin_of(environ["HTTP_ORIGIN"]), ("Cache-Control", "max-age=60")]
    start_response("200 OK", lines)
    return []


def cached(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Cache-Control", "max-age=60")])
    return []


@dataclass(kw_only=True)
class Setup:
    """What is wrong, and what is right.

    :ivar code: what `Browser` says of it.
    :ivar broken: the application on `API`, or several by their origins.
    :ivar fixed: what the fix makes of it; as it was, where the fix is in the page.
    :ivar options: of `Browser.fetch`; `fixed_options` where these are mended.
    :ivar origin: of the page; `fixed_origin` where that is mended.
    :ivar first: an origin whose page has asked before.
    """

    code: str
    broken: WSGIApplication | Apps
    fixed: WSGIApplication | Apps | None = None
    url: str = ME
    fixed_url: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    fixed_options: dict[str, Any] | None = None
    origin: str = PAGE
    fixed_origin: str | None = None
    first: str = ""

    def ask(self, *, fixed: bool) -> Any:
        """What the page gets, or the FetchError."""
        app = self.fixed if fixed and self.fixed is not None else self.broken
        origin = self.fixed_origin if fixed and self.fixed_origin else self.origin
        apps = app if isinstance(app, Mapping) else {API: app}
        browser = Browser(apps, origin=origin)
        url = self.fixed_url if fixed and self.fixed_url else self.url
        options = self.options
        if fixed and self.fixed_options is not None:
            options = self.fixed_options
        if self.first:
            browser.page(self.first).fetch(url, **options)
        return browser.fetch(url, **options)


COMPANY: dict[str, Any] = {"allow_origins": [PAGE, "https://www.example.com"]}
ELSEWHERE = answering("302 Found", ("Location", f"{FILES}/me"), origin_of(PAGE))

SETUPS: dict[str, Setup] = {
    # ---------------------------------------------------------------- the header is missing
    "another scheme": Setup(
        code="allow-origin-missing",
        broken=corsgate(allow_origins="https://localhost:3000"),
        fixed=corsgate(allow_origins=DEV),
        origin=DEV,
    ),
    "another port": Setup(
        code="allow-origin-missing",
        broken=corsgate(allow_origins=DEV),
        fixed=corsgate(allow_origins="http://localhost:*"),
        origin="http://localhost:5173",
    ),
    "with www. or without": Setup(
        code="allow-origin-missing",
        broken=corsgate(allow_origins="https://example.com"),
        fixed=corsgate(allow_origins=["https://example.com", "https://www.example.com"]),
        origin="https://www.example.com",
    ),
    "another host": Setup(
        code="allow-origin-missing",
        broken=corsgate(),
        fixed=corsgate(allow_origins=[PAGE, "https://*.preview.example.com"]),
        origin="https://pr-7.preview.example.com",
    ),
    "another path": Setup(
        code="allow-origin-missing",
        broken=CORSMiddleware(view, paths={"/api/*": {"allow_origins": PAGE}}),
        fixed=CORSMiddleware(view, paths={"/*": {"allow_origins": PAGE}}),
    ),
    "an error from elsewhere": Setup(
        code="allow-origin-missing",
        broken=answering("502 Bad Gateway"),
        fixed=corsgate(answering("502 Bad Gateway")),
    ),
    "null": Setup(code="allow-origin-missing", broken=corsgate(), origin="null", fixed_origin=PAGE),
    "the gate": Setup(
        code="allow-origin-missing",
        broken=corsgate(allow_origins=(), gate="enforce"),
        fixed=corsgate(gate="enforce"),
        options={"method": "POST", "body": "x"},
    ),
    # ---------------------------------------------------------------- the preflight's is
    "origin not allowed": Setup(
        code="allow-origin-missing",
        broken=corsgate(allow_origins="https://www.example.com"),
        fixed=corsgate(**COMPANY),
        options=PUT,
    ),
    "another layer answers OPTIONS": Setup(
        code="allow-origin-missing",
        broken=before(corsgate(), "200 OK", ("Allow", "GET, PUT, OPTIONS")),
        fixed=corsgate(before(view, "200 OK", ("Allow", "GET, PUT, OPTIONS"))),
        options=PUT,
    ),
    "a login, a firewall, CSRF": Setup(
        code="allow-origin-missing",
        broken=before(corsgate(), "401 Unauthorized"),
        fixed=corsgate(before(view, "401 Unauthorized")),
        options=PUT,
    ),
    # ---------------------------------------------------------------- the preflight's status
    "slash": Setup(
        code="allow-origin-missing",
        broken=slashed(corsgate()),
        fixed_url=f"{ME}/",
        options=PUT,
    ),
    "http to https": Setup(
        code="allow-origin-missing",
        broken={
            "http://api.example.com": answering("308 Permanent Redirect", ("Location", ME)),
            API: corsgate(allow_origins=DEV),
        },
        url="http://api.example.com/me",
        fixed_url=ME,
        options=PUT,
        origin=DEV,
    ),
    "to a login": Setup(
        code="preflight-redirect",
        broken=before(corsgate(), "302 Found", ("Location", "/login"), origin_of(PAGE)),
        fixed=corsgate(before(view, "302 Found", ("Location", "/login"), origin_of(PAGE))),
        options=PUT,
    ),
    "401, 403, 404, 405, 500": Setup(
        code="preflight-status",
        broken=adding(before(view, "405 Method Not Allowed"), origin_of(PAGE)),
        fixed=corsgate(before(view, "405 Method Not Allowed")),
        options=PUT,
    ),
    # ---------------------------------------------------------------- another value
    "one fixed origin": Setup(
        code="allow-origin-mismatch",
        broken=adding(view, origin_of("https://www.example.com")),
        fixed=corsgate(**COMPANY),
    ),
    "a slash at the end": Setup(
        code="allow-origin-mismatch",
        broken=adding(view, origin_of(f"{PAGE}/")),
        fixed=adding(view, origin_of(PAGE)),
    ),
    "a cache": Setup(
        code="allow-origin-mismatch",
        broken=reflecting,
        fixed=corsgate(cached, **COMPANY),
        first="https://www.example.com",
    ),
    "no scheme": Setup(
        code="allow-origin-invalid",
        broken=adding(view, origin_of("app.example.com")),
        fixed=adding(view, origin_of(PAGE)),
    ),
    "two layers": Setup(
        code="allow-origin-repeated",
        broken=adding(corsgate(), origin_of(PAGE)),
        fixed=corsgate(),
    ),
    "a list": Setup(
        code="allow-origin-list",
        broken=adding(view, origin_of(f"{PAGE}, https://www.example.com")),
        fixed=corsgate(**COMPANY),
    ),
    # ---------------------------------------------------------------- credentials
    "everybody, with cookies": Setup(
        code="allow-origin-wildcard",
        broken=corsgate(allow_origins="*"),
        fixed=corsgate(allow_credentials=True),
        options=INCLUDE,
    ),
    "no cookies allowed": Setup(
        code="allow-credentials",
        broken=corsgate(),
        fixed=corsgate(allow_credentials=True),
        options=INCLUDE,
    ),
    # ---------------------------------------------------------------- methods and headers
    "method not listed": Setup(
        code="method",
        broken=corsgate(allow_methods=["GET", "POST"]),
        fixed=corsgate(allow_methods=["GET", "POST", "PUT"]),
        options=PUT,
    ),
    "patch": Setup(
        code="method",
        broken=corsgate(),
        options={"method": "patch"},
        fixed_options={"method": "PATCH"},
    ),
    "the gate, before a write": Setup(
        code="method",
        broken=corsgate(gate="enforce", write_origins="https://www.example.com"),
        fixed=corsgate(gate="enforce", write_origins=PAGE),
        options=PUT,
    ),
    "header not listed": Setup(
        code="header",
        broken=corsgate(),
        fixed=corsgate(allow_headers=["Content-Type", "X-Tenant"]),
        options={"headers": {"X-Tenant": "7"}},
    ),
    "Authorization under *": Setup(
        code="authorization",
        broken=corsgate(allow_headers="*"),
        fixed=corsgate(allow_headers=["*", "Authorization"]),
        options={"headers": {"Authorization": "Bearer t"}},
    ),
    "methods in a list of its own": Setup(
        code="allow-methods-invalid",
        broken=before(
            view, "204 No Content", origin_of(PAGE), ("Access-Control-Allow-Methods", "GET; PUT")
        ),
        fixed=corsgate(),
        options=PUT,
    ),
    "headers in a list of its own": Setup(
        code="allow-headers-invalid",
        broken=before(
            view,
            "204 No Content",
            origin_of(PAGE),
            ("Access-Control-Allow-Headers", "Content-Type X-Tenant"),
        ),
        fixed=corsgate(allow_headers=["Content-Type", "X-Tenant"]),
        options={"headers": {"X-Tenant": "7"}},
    ),
    # ---------------------------------------------------------------- redirects
    "redirect without headers": Setup(
        code="allow-origin-missing", broken=slashed(corsgate()), fixed_url=f"{ME}/"
    ),
    "to another server": Setup(
        code="allow-origin-missing",
        broken={API: ELSEWHERE, FILES: corsgate()},
        fixed_url=f"{FILES}/me",
    ),
    "name and password": Setup(
        code="redirect-user-info",
        broken=answering(
            "302 Found", ("Location", "https://u:p@api.example.com/"), origin_of(PAGE)
        ),
        fixed=corsgate(),
    ),
    "in a circle": Setup(
        code="redirect-limit",
        broken=answering("302 Found", ("Location", "/me"), origin_of(PAGE)),
        fixed=corsgate(),
    ),
    # ---------------------------------------------------------------- not CORS
    "http from a page on https": Setup(
        code="mixed-content",
        broken={"http://api.example.com": corsgate(), API: corsgate()},
        url="http://api.example.com/me",
        fixed_url=ME,
    ),
    "Cross-Origin-Resource-Policy": Setup(
        code="resource-policy",
        broken=answering("200 OK", ("Cross-Origin-Resource-Policy", "same-origin")),
        fixed=answering("200 OK", ("Cross-Origin-Resource-Policy", "cross-origin")),
        options={"mode": "no-cors"},
    ),
    "mode same-origin": Setup(
        code="same-origin-mode",
        broken=corsgate(),
        options={"mode": "same-origin"},
        fixed_options={},
    ),
    "redirect: error": Setup(
        code="redirect-mode",
        broken={API: corsgate(slashed(view))},
        options={"redirect": "error"},
        fixed_options={},
    ),
}
