"""One table of exchanges: what a page does, what servers answer, and what comes of it.

By the Fetch standard, and in the engines that are known to differ. test_browser_table.py runs it
through the `Browser`; test_witnesses.py through the engines too, which vouch for it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from browser_server import (
    CREDENTIALS,
    MOUNT,
    Clock,
    Lines,
    Servers,
    allow_headers,
    allow_methods,
    allow_origin,
    expose,
    max_age,
)

from corsgate.browser import Browser, FetchError, Response

# A loopback host of each site, so that a browser can be given the like of them.
PAGE = "http://localhost:8001"
API = "http://localhost:8002"  # another origin of the same site
OTHER = "http://127.0.0.1:8003"  # another site
NAMES = {API: "", PAGE: "A:", OTHER: "C:"}

ENGINES = ("chromium", "firefox", "webkit")
Expected = tuple[str, str]
Options = Mapping[str, Any]
# How the page asks. All but the first two show whether it came, and no more.
Way = Literal["fetch", "xhr", "img", "img crossorigin", "module", "events", "form"]

OK = "cors 200"
INCLUDE: Options = {"credentials": "include"}
NO_CORS: Options = {"mode": "no-cors"}
PUT: Options = {"method": "PUT", "body": "x"}
POST: Options = {"method": "POST", "body": "x"}
JSON: Options = {"method": "POST", "json": {}}
CUSTOM: Options = {"headers": {"X-Custom": "1"}}
AUTHORIZATION: Options = {"headers": {"Authorization": "Bearer t"}}
ORIGIN, STAR = allow_origin(), allow_origin("*")
HERE = f"{MOUNT}/hop"
ELSEWHERE, HOME = OTHER + HERE, PAGE + HERE


@dataclass
class Row:
    """One case.

    :ivar expected: the outcome of the last call by the standard, and all requests: of the API, or
        with A: of the page's origin, C: of the other site.
    :ivar options: of `Browser.fetch`; of `Browser.submit` for a form.
    :ivar servers: fields of `Servers`.
    :ivar engines: as `expected`, for engines that differ.
    :ivar calls: when, in seconds since the first one, and with which further options, among them
        `path`.
    :ivar by_clock: whether nobody can wait for it, so that only a clock of ours shows it.
    """

    id: str
    expected: Expected
    options: Options = field(default_factory=dict)
    servers: Options = field(default_factory=dict)
    to: str = API
    origin: str = PAGE
    engines: dict[str, Expected] = field(default_factory=dict)
    calls: list[tuple[float, Options]] = field(default_factory=lambda: [(0, {})])
    way: Way = "fetch"
    by_clock: bool = False

    def apps(self) -> dict[str, WSGIApplication]:
        """By origin."""
        servers = Servers(**self.servers)
        return {origin: servers.app() for origin in NAMES}


@dataclass
class Seen:
    """What has come of a row.

    :ivar outcomes: for each call, what the script on the page got to know.
    :ivar requests: in their order, with the headers that matter.
    :ivar code: of the last call's error.
    """

    outcomes: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    code: str = ""

    @property
    def summary(self) -> Expected:
        """As in the table."""
        names = (request.partition(" ")[0] for request in self.requests)
        return self.code or self.outcomes[-1], " ".join(names)


# Which headers of a request are compared.
TOLD = {
    "HTTP_ORIGIN": "origin",
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "method",
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "headers",
    "HTTP_COOKIE": "cookie",
    "HTTP_X_CUSTOM": "x-custom",
    "HTTP_AUTHORIZATION": "authorization",
}


def recorded(app: WSGIApplication, name: str, requests: list[str]) -> WSGIApplication:
    """The application; each of its requests is written down under the name."""

    def recording(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        told = [f"{word}={environ[key]}" for key, word in TOLD.items() if key in environ]
        line = [name + environ["REQUEST_METHOD"], environ["PATH_INFO"], *told]
        requests.append(" ".join(line))
        return app(environ, start_response)

    return recording


# Of these, servers add some.
NOT_COMPARED = frozenset(
    "cache-control content-language content-length content-type date expires last-modified pragma "
    "server".split()
)


def told(type: str, status: int, headers: Iterable[str]) -> str:
    """The outcome in one line: type, status and the headers that the page may read."""
    readable = sorted({name.lower() for name in headers} - NOT_COMPARED)
    return " ".join([type, str(status), *readable])


def visit(row: Row, engine: str | None = None) -> Seen:
    """What comes of the row in a `Browser`."""
    clock, seen = Clock(), Seen()
    start = clock.now
    apps = {
        url: recorded(app, NAMES.get(url, ""), seen.requests) for url, app in row.apps().items()
    }
    browser = Browser(apps, origin=row.origin, engine=engine, clock=clock)
    for seconds, further in row.calls:
        clock.now = start + seconds
        options = {"path": "/case", **row.options, **further}
        ask = browser.submit if row.way == "form" else browser.fetch
        try:
            response: Response = ask(row.to + options.pop("path"), **options)
        except FetchError as error:
            seen.code = error.code
            seen.outcomes.append("blocked")
        else:
            seen.code = ""
            seen.outcomes.append(told(response.type, response.status, response.headers))
    return seen


ROWS: dict[str, list[Row]] = {}


def section(name: str) -> list[Row]:
    return ROWS.setdefault(name, [])


expected: Expected
options: Options
changes: Options
servers: Options
check = section("CORS check")
for id_, code, answer in (
    ("the-origin", OK, [ORIGIN]),
    ("star", OK, [STAR]),
    ("padded-with-white-space", OK, [allow_origin(" \t{sent} \t")]),
    ("header-name-in-lower-case", OK, [("access-control-allow-origin", "{sent}")]),
    ("missing", "allow-origin-missing", []),
    ("another-origin", "allow-origin-mismatch", [allow_origin("https://evil.example")]),
    ("upper-case", "allow-origin-mismatch", [allow_origin(PAGE.upper())]),
    ("slash-added", "allow-origin-mismatch", [allow_origin("{sent}/")]),
    ("port-added", "allow-origin-invalid", [allow_origin("{sent}:443")]),
    ("comma-list", "allow-origin-list", [allow_origin("{sent}, https://x.example")]),
    ("space-list", "allow-origin-list", [allow_origin("{sent} https://x.example")]),
    ("empty", "allow-origin-invalid", [allow_origin("")]),
    ("null", "allow-origin-mismatch", [allow_origin("null")]),
    ("host-only", "allow-origin-invalid", [allow_origin("localhost")]),
    ("star-host", "allow-origin-mismatch", [allow_origin("https://*.example.com")]),
    ("the-origin-twice", "allow-origin-repeated", [ORIGIN, ORIGIN]),
    ("star-twice", "allow-origin-repeated", [STAR, STAR]),
    ("star-and-origin", "allow-origin-repeated", [STAR, ORIGIN]),
):
    check.append(Row(id_, (code, "GET"), servers={"answer": answer}))
for status in (500, 404, 204):
    check.append(Row(f"status-{status}", (f"cors {status}", "GET"), servers={"status": status}))
check.append(
    Row(
        "status-500-without",
        ("allow-origin-missing", "GET"),
        servers={"status": 500, "answer": []},
    )
)

credentials = section("CORS check with credentials")
for id_, code, answer in (
    ("origin-and-true", OK, [ORIGIN, CREDENTIALS]),
    ("padded", OK, [ORIGIN, (CREDENTIALS[0], " true ")]),
    ("star", "allow-origin-wildcard", [STAR, CREDENTIALS]),
    ("without", "allow-credentials", [ORIGIN]),
    ("in-capitals", "allow-credentials", [ORIGIN, (CREDENTIALS[0], "True")]),
    ("false", "allow-credentials", [ORIGIN, (CREDENTIALS[0], "false")]),
    ("twice", "allow-credentials", [ORIGIN, CREDENTIALS, CREDENTIALS]),
):
    credentials.append(Row(id_, (code, "GET"), INCLUDE, {"answer": answer}))
for id_, expected, preflight in (
    ("preflight-with", (OK, "OPTIONS PUT"), [ORIGIN, allow_methods("PUT"), CREDENTIALS]),
    ("preflight-without", ("allow-credentials", "OPTIONS"), [ORIGIN, allow_methods("PUT")]),
    (
        "preflight-with-a-star",
        ("allow-origin-wildcard", "OPTIONS"),
        [STAR, allow_methods("PUT"), CREDENTIALS],
    ),
):
    servers = {"preflight": preflight, "answer": [ORIGIN, CREDENTIALS]}
    credentials.append(Row(id_, expected, {**PUT, **INCLUDE}, servers))
credentials.append(
    Row("star-and-not-asked-for", (OK, "GET"), servers={"answer": [STAR, CREDENTIALS]})
)

methods = section("CORS-preflight fetch, methods")
for id_, expected, options, preflight in (
    ("put", (OK, "OPTIONS PUT"), PUT, [ORIGIN, allow_methods("PUT")]),
    (
        "delete",
        (OK, "OPTIONS DELETE"),
        {"method": "DELETE"},
        [ORIGIN, allow_methods("GET, DELETE")],
    ),
    ("patch", (OK, "OPTIONS PATCH"), {"method": "PATCH"}, [ORIGIN, allow_methods("PATCH")]),
    ("not-listed", ("method", "OPTIONS"), PUT, [ORIGIN]),
    ("listed-in-lower-case", ("method", "OPTIONS"), PUT, [ORIGIN, allow_methods("put")]),
    (
        "post-is-safelisted",
        (OK, "OPTIONS POST"),
        JSON,
        [ORIGIN, allow_headers("Content-Type"), allow_methods("PUT")],
    ),
    (
        "put-is-normalized",
        (OK, "OPTIONS PUT"),
        {"method": "put"},
        [ORIGIN, allow_methods("PUT")],
    ),
    (
        "patch-is-not-normalized",
        ("method", "OPTIONS"),
        {"method": "patch"},
        [ORIGIN, allow_methods("PATCH")],
    ),
    (
        "options",
        (OK, "OPTIONS OPTIONS"),
        {"method": "OPTIONS"},
        [ORIGIN, allow_methods("OPTIONS")],
    ),
    ("two-lines", (OK, "OPTIONS PUT"), PUT, [ORIGIN, allow_methods("GET"), allow_methods("PUT")]),
    ("star", (OK, "OPTIONS PUT"), PUT, [ORIGIN, allow_methods("*")]),
    (
        "star-with-credentials",
        ("method", "OPTIONS"),
        {**PUT, **INCLUDE},
        [ORIGIN, CREDENTIALS, allow_methods("*")],
    ),
    (
        "bad-token",
        ("allow-methods-invalid", "OPTIONS"),
        PUT,
        [ORIGIN, allow_methods("PUT, bad value")],
    ),
):
    methods.append(Row(id_, expected, options, {"preflight": preflight}))

names = section("CORS-preflight fetch, header names")
for id_, expected, options, preflight in (
    ("allowed", (OK, "OPTIONS GET"), CUSTOM, [ORIGIN, allow_headers("x-custom")]),
    ("allowed-in-capitals", (OK, "OPTIONS GET"), CUSTOM, [ORIGIN, allow_headers("X-CUSTOM")]),
    ("not-allowed", ("header", "OPTIONS"), CUSTOM, [ORIGIN, allow_headers("X-Other")]),
    ("none-allowed", ("header", "OPTIONS"), JSON, [ORIGIN]),
    (
        "two-lines",
        (OK, "OPTIONS GET"),
        CUSTOM,
        [ORIGIN, allow_headers("X-A"), allow_headers("X-Custom")],
    ),
    ("empty-members", (OK, "OPTIONS GET"), CUSTOM, [ORIGIN, allow_headers(", X-Custom,,")]),
    (
        "bad-token",
        ("allow-headers-invalid", "OPTIONS"),
        CUSTOM,
        [ORIGIN, allow_headers("X-Custom, bad value")],
    ),
    ("star", (OK, "OPTIONS GET"), CUSTOM, [ORIGIN, allow_headers("*")]),
    (
        "star-with-credentials",
        ("header", "OPTIONS"),
        {**CUSTOM, **INCLUDE},
        [ORIGIN, CREDENTIALS, allow_headers("*")],
    ),
    ("authorization", (OK, "OPTIONS GET"), AUTHORIZATION, [ORIGIN, allow_headers("authorization")]),
    (
        "authorization-beside-a-star",
        (OK, "OPTIONS GET"),
        AUTHORIZATION,
        [ORIGIN, allow_headers("*, Authorization")],
    ),
    (
        "authorization-under-a-star-with-credentials",
        ("authorization", "OPTIONS"),
        {**AUTHORIZATION, **INCLUDE},
        [ORIGIN, CREDENTIALS, allow_headers("*")],
    ),
    ("no-origin-on-the-preflight", ("allow-origin-missing", "OPTIONS"), JSON, []),
):
    names.append(Row(id_, expected, options, {"preflight": preflight}))
every = (OK, "OPTIONS GET")
names.append(
    Row(
        "authorization-under-a-star",
        ("authorization", "OPTIONS"),
        AUTHORIZATION,
        {"preflight": [ORIGIN, allow_headers("*")]},
        engines={"chromium": every, "firefox": every, "webkit": every},
    )
)
names.append(
    Row(
        "no-origin-on-the-answer",
        ("allow-origin-missing", "OPTIONS POST"),
        JSON,
        {"preflight": [ORIGIN, allow_headers("Content-Type")], "answer": []},
    )
)

statuses = section("ok status")
for status in (200, 204, 299):
    statuses.append(
        Row(
            str(status),
            (OK, "OPTIONS PUT"),
            PUT,
            {"preflight": [ORIGIN, allow_methods("PUT")], "preflight_status": status},
        )
    )
for status in (304, 401, 403, 404, 405, 500):
    statuses.append(
        Row(
            str(status),
            ("preflight-status", "OPTIONS"),
            PUT,
            {"preflight": [ORIGIN, allow_methods("PUT")], "preflight_status": status},
        )
    )
for status in (301, 302, 303, 307, 308):
    statuses.append(
        Row(
            str(status),
            ("preflight-redirect", "OPTIONS"),
            PUT,
            {
                "preflight": [ORIGIN, allow_methods("PUT"), ("Location", HERE)],
                "preflight_status": status,
            },
        )
    )


def goes_to(url: str, *more: tuple[str, str]) -> Lines:
    return [*(more or [ORIGIN]), ("Location", url)]


redirects = section("HTTP-redirect fetch")
PUT_ALLOWED = [ORIGIN, allow_methods("PUT")]
for id_, expected, options, changes in (
    ("same-origin", (OK, "GET GET"), {}, {"answer": goes_to(HERE)}),
    ("hop-without", ("allow-origin-missing", "GET"), {}, {"answer": [("Location", HERE)]}),
    (
        "target-without",
        ("allow-origin-missing", "GET GET"),
        {},
        {"answer": goes_to(HERE), "hop": []},
    ),
    ("third-origin-that-reflects", (OK, "GET C:GET"), {}, {"answer": goes_to(ELSEWHERE)}),
    (
        "third-origin-that-names-the-page",
        ("allow-origin-mismatch", "GET C:GET"),
        {},
        {"answer": goes_to(ELSEWHERE), "hop": [allow_origin(PAGE)]},
    ),
    (
        "third-origin-with-a-star",
        (OK, "GET C:GET"),
        {},
        {"answer": goes_to(ELSEWHERE), "hop": [STAR]},
    ),
    (
        "back-to-the-page-without",
        ("allow-origin-missing", "GET A:GET"),
        {},
        {"answer": goes_to(HOME), "hop": []},
    ),
    ("back-to-the-page-that-reflects", (OK, "GET A:GET"), {}, {"answer": goes_to(HOME)}),
    ("no-location", ("cors 302", "GET"), {}, {"answer": [ORIGIN]}),
    (
        "location-twice",
        ("redirect-location", "GET"),
        {},
        {"answer": [*goes_to(HERE), ("Location", HERE)]},
    ),
    ("location-that-is-none", ("redirect-location", "GET"), {}, {"answer": goes_to("http://[")}),
    ("another-scheme", ("redirect-scheme", "GET"), {}, {"answer": goes_to("data:text/plain,x")}),
    (
        "user-info-in-the-same-origin",
        ("redirect-user-info", "GET"),
        {},
        {"answer": goes_to(API.replace("//", "//u:p@") + HERE)},
    ),
    (
        "user-info-in-the-page",
        ("redirect-user-info", "GET"),
        {},
        {"answer": goes_to(PAGE.replace("//", "//u:p@") + HERE)},
    ),
    (
        "in-circles",
        ("redirect-limit", " ".join(["GET"] * 21)),
        {},
        {"answer": goes_to(f"{MOUNT}/case")},
    ),
    ("error", ("redirect-mode", "GET"), {"redirect": "error"}, {"answer": goes_to(HERE)}),
    ("manual", ("opaqueredirect 0", "GET"), {"redirect": "manual"}, {"answer": goes_to(HERE)}),
    (
        "manual-hop-without",
        ("allow-origin-missing", "GET"),
        {"redirect": "manual"},
        {"answer": [("Location", HERE)]},
    ),
    (
        "custom-header-to-the-third-origin",
        (OK, "OPTIONS GET C:OPTIONS C:GET"),
        CUSTOM,
        {"preflight": [ORIGIN, allow_headers("X-Custom")], "answer": goes_to(ELSEWHERE)},
    ),
):
    redirects.append(Row(id_, expected, options, {"status": 302, **changes}))
redirects.append(
    Row(
        "from-the-page-to-the-api",
        (OK, "A:GET GET"),
        servers={"status": 302, "answer": [("Location", API + HERE)]},
        to=PAGE,
    )
)
redirects.append(
    Row(
        "from-the-page-with-user-info",
        ("redirect-user-info", "A:GET"),
        servers={"status": 302, "answer": [("Location", API.replace("//", "//u@") + HERE)]},
        to=PAGE,
    )
)
redirects.append(
    Row(
        "put-307",
        (OK, "OPTIONS PUT OPTIONS PUT"),
        PUT,
        {"status": 307, "preflight": PUT_ALLOWED, "answer": goes_to(HERE)},
    )
)
redirects.append(
    Row(
        "put-307-to-the-third-origin",
        (OK, "OPTIONS PUT C:OPTIONS C:PUT"),
        PUT,
        {"status": 307, "preflight": PUT_ALLOWED, "answer": goes_to(ELSEWHERE)},
    )
)
again = (OK, "OPTIONS POST OPTIONS GET")
redirects.append(
    Row(
        "json-303",
        (OK, "OPTIONS POST GET"),
        JSON,
        {
            "status": 303,
            "preflight": [ORIGIN, allow_headers("Content-Type")],
            "answer": goes_to(HERE),
        },
        engines={"firefox": again, "webkit": again},
    )
)
again = (OK, "OPTIONS GET C:OPTIONS C:GET")
redirects.append(
    Row(
        "authorization-to-the-third-origin",
        (OK, "OPTIONS GET C:GET"),
        AUTHORIZATION,
        {
            "status": 302,
            "preflight": [ORIGIN, allow_headers("Authorization")],
            "answer": goes_to(ELSEWHERE),
        },
        engines={"firefox": again, "webkit": again},
    )
)

opaque_origin = section("Origin: null, of a sandboxed frame")
for id_, expected, options, changes in (
    ("star", (OK, "GET"), {}, {"answer": [STAR]}),
    ("null", (OK, "GET"), {}, {"answer": [allow_origin("null")]}),
    ("names-the-page", ("allow-origin-mismatch", "GET"), {}, {"answer": [allow_origin(PAGE)]}),
    ("missing", ("allow-origin-missing", "GET"), {}, {"answer": []}),
    ("credentials", (OK, "GET"), INCLUDE, {"answer": [allow_origin("null"), CREDENTIALS]}),
    (
        "put",
        (OK, "OPTIONS PUT"),
        PUT,
        {"preflight": [allow_origin("null"), allow_methods("PUT")]},
    ),
):
    opaque_origin.append(Row(id_, expected, options, changes, origin="null"))
opaque_origin.append(
    Row("its-own-host", ("allow-origin-missing", "A:GET"), {}, {"answer": []}, PAGE, "null")
)

modes = section("Main fetch, modes")
POLICY = "Cross-Origin-Resource-Policy"
for id_, expected, options, changes in (
    ("no-cors-get", ("opaque 0", "GET"), NO_CORS, {"answer": []}),
    ("no-cors-post", ("opaque 0", "POST"), {**POST, **NO_CORS}, {"answer": []}),
    (
        "no-cors-same-origin-policy",
        ("resource-policy", "GET"),
        NO_CORS,
        {"answer": [(POLICY, "same-origin")]},
    ),
    (
        "no-cors-same-site-policy",
        ("opaque 0", "GET"),
        NO_CORS,
        {"answer": [(POLICY, "same-site")]},
    ),
    (
        "no-cors-and-no-redirect",
        ("no-cors-redirect-mode", ""),
        {**NO_CORS, "redirect": "error"},
        {"answer": []},
    ),
    ("same-origin-elsewhere", ("same-origin-mode", ""), {"mode": "same-origin"}, {}),
    # An <img crossorigin>, a module and an EventSource are GETs of the mode cors.
    ("img-crossorigin", (OK, "GET"), {}, {}),
    ("img-crossorigin-without", ("allow-origin-missing", "GET"), {}, {"answer": []}),
    (
        "send-beacon-json",
        (OK, "OPTIONS POST"),
        {**JSON, **INCLUDE},
        {
            "preflight": [ORIGIN, CREDENTIALS, allow_headers("Content-Type")],
            "answer": [ORIGIN, CREDENTIALS],
        },
    ),
):
    modes.append(Row(id_, expected, options, changes))
modes.append(
    Row(
        "no-cors-same-site-policy-of-another-site",
        ("resource-policy", "C:GET"),
        NO_CORS,
        {"answer": [(POLICY, "same-site")]},
        OTHER,
    )
)
modes.append(Row("same-origin", ("basic 200", "A:GET"), {"mode": "same-origin"}, {}, PAGE))
modes.append(
    Row(
        "same-origin-without-any-header",
        ("basic 200", "A:DELETE"),
        {"method": "DELETE"},
        {"answer": []},
        PAGE,
    )
)

# Whether there is a preflight; it allows everything.
needs = section("CORS-safelisted request-header")
ALL = [
    ORIGIN,
    allow_headers("accept, accept-language, content-language, content-type, range, cache-control"),
]
for id_, options in (
    ("head", {"method": "HEAD"}),
    ("accept-of-128-bytes", {"headers": {"Accept": "a" * 128}}),
    ("accept-language", {"headers": {"Accept-Language": "de-DE,de;q=0.9"}}),
    ("content-language", {**POST, "headers": {"Content-Language": "de"}}),
    ("text", POST),
    ("text-in-capitals", {**POST, "headers": {"Content-Type": "TEXT/PLAIN"}}),
    ("text-and-charset", {**POST, "headers": {"Content-Type": "text/plain;charset=utf-8"}}),
    ("form", {"method": "POST", "form": {"a": "b"}}),
    ("multipart", {**POST, "headers": {"Content-Type": "multipart/form-data; boundary=b"}}),
    ("range", {"headers": {"Range": "bytes=0-9"}}),
    ("no-store", {"cache": "no-store"}),
):
    method = str(options.get("method", "GET"))
    needs.append(Row(f"no-preflight-{id_}", (OK, method), options, {"preflight": ALL}))
for id_, options in (
    ("accept-of-129-bytes", {"headers": {"Accept": "a" * 129}}),
    ("accept-with-a-parenthesis", {"headers": {"Accept": "a(b)"}}),
    ("accept-language-with-an-at", {"headers": {"Accept-Language": "de@x"}}),
    ("text-with-a-quote", {**POST, "headers": {"Content-Type": 'text/plain; x="1"'}}),
    ("xml", {**POST, "headers": {"Content-Type": "text/xml"}}),
    ("two-ranges", {"headers": {"Range": "bytes=0-1,3-4"}}),
    ("suffix-range", {"headers": {"Range": "bytes=-5"}}),
    ("cache-control", {"headers": {"Cache-Control": "no-cache"}}),
    ("upload-listener", {**POST, "upload_listener": True}),
):
    method = str(options.get("method", "GET"))
    expected = (OK, f"OPTIONS {method}")
    needs.append(Row(f"preflight-{id_}", expected, options, {"preflight": ALL}))

# ------------------------------------------------------------------ exposed headers

SECRETS: Lines = [
    ("X-One", "1"),
    ("X-Two", "2"),
    ("ETag", '"e"'),
    ("Set-Cookie", "q=1; Path=/nowhere"),
    ("Content-Language", "en"),
]
readable = section("CORS filtered response")
for id_, names_, options, lines in (
    ("none", "", {}, [ORIGIN]),
    ("one-in-any-case", "x-one", {}, [ORIGIN, expose("X-ONE")]),
    ("two-lines", "x-one x-two", {}, [ORIGIN, expose("X-One"), expose("X-Two")]),
    ("one-line", "x-one x-two", {}, [ORIGIN, expose("X-One,,X-Two, X-Three")]),
    (
        "star",
        "access-control-allow-origin access-control-expose-headers etag x-one x-two",
        {},
        [ORIGIN, expose("*")],
    ),
    ("star-and-credentials", "", INCLUDE, [ORIGIN, CREDENTIALS, expose("*")]),
    ("star-name-and-credentials", "x-one", INCLUDE, [ORIGIN, CREDENTIALS, expose("*, X-One")]),
    ("set-cookie", "", {}, [ORIGIN, expose("Set-Cookie")]),
    ("bad-token", "", {}, [ORIGIN, expose("X-One, bad value")]),
):
    outcome = f"{OK} {names_}".strip()
    readable.append(Row(id_, (outcome, "GET"), options, {"answer": [*lines, *SECRETS]}))
readable.append(
    Row(
        "an-xhr",
        (f"{OK} x-one", "GET"),
        {},
        {"answer": [ORIGIN, expose("X-One"), *SECRETS]},
        way="xhr",
    )
)
readable.append(
    Row("basic", ("basic 200 etag x-one x-two", "A:GET"), {}, {"answer": SECRETS}, PAGE)
)

# ------------------------------------------------------------------ CORS-preflight cache

ALLOWED = [ORIGIN, CREDENTIALS, allow_methods("PUT, POST"), allow_headers("X-Custom, X-Other")]
NEVER, ONCE = "OPTIONS PUT OPTIONS PUT", "OPTIONS PUT PUT"
TWICE: list[tuple[float, Options]] = [(0, {}), (0.1, {})]
SECONDS: list[tuple[float, Options]] = [(0, {}), (0.1, {}), (5.8, {})]
HOURS: list[tuple[float, Options]] = [(0, {}), (300, {}), (615, {})]
DAYS: list[tuple[float, Options]] = [(0, {}), (7201, {}), (86401, {})]
KEPT = "OPTIONS PUT PUT PUT"
FIVE_SECONDS = "OPTIONS PUT PUT OPTIONS PUT"
THREE_TIMES = "OPTIONS PUT OPTIONS PUT OPTIONS PUT"
STARS = [ORIGIN, allow_methods("*"), allow_headers("*"), max_age("600")]
AGE_600 = [*ALLOWED, max_age("600")]

kept = section("CORS-preflight cache")


def keeps(
    id: str,
    preflight: Lines,
    calls: list[tuple[float, Options]],
    requests: str,
    *,
    options: Options = PUT,
    outcome: str = OK,
    by_clock: bool = False,
    **engines: str,
) -> None:
    servers = {"preflight": preflight, "answer": [ORIGIN, CREDENTIALS]}
    differ = {engine: (outcome, requests) for engine, requests in engines.items()}
    kept.append(
        Row(
            id,
            (outcome, requests),
            options,
            servers,
            engines=differ,
            calls=calls,
            by_clock=by_clock,
        )
    )


keeps("none", ALLOWED, SECONDS, FIVE_SECONDS)
keeps("600", AGE_600, SECONDS, KEPT)
keeps("0", [*ALLOWED, max_age("0")], TWICE, NEVER)
keeps("1-and-it-has-expired", [*ALLOWED, max_age("1")], [(0, {}), (2.5, {})], NEVER)
keeps("1-to-the-second", [*ALLOWED, max_age("1")], [(0, {}), (1, {})], NEVER, by_clock=True)
keeps(
    "negative",
    [*ALLOWED, max_age("-1")],
    SECONDS,
    FIVE_SECONDS,
    chromium=THREE_TIMES,
    firefox=THREE_TIMES,
    webkit=THREE_TIMES,
)
for id_, lines in (
    ("no-number", [max_age("soon")]),
    ("a-fraction", [max_age("600.5")]),
    ("digits-of-elsewhere", [max_age("\xb2")]),
    ("two-lines", [max_age("600"), max_age("600")]),
):
    keeps(id_, [*ALLOWED, *lines], SECONDS, FIVE_SECONDS, firefox=THREE_TIMES)
keeps("empty", [*ALLOWED, max_age("")], SECONDS, FIVE_SECONDS)
for age in ("700", "3600", "86400"):
    keeps(age, [*ALLOWED, max_age(age)], HOURS, KEPT, by_clock=True, webkit=FIVE_SECONDS)
keeps(
    "huge",
    [*ALLOWED, max_age("9" * 400)],
    DAYS,
    KEPT,
    by_clock=True,
    chromium=THREE_TIMES,
    firefox=FIVE_SECONDS,
    webkit=THREE_TIMES,
)
keeps("failed", [ORIGIN, max_age("600")], TWICE, "OPTIONS OPTIONS", outcome="method")
keeps("other-url", AGE_600, [(0, {}), (0, {"path": "/case?x"})], NEVER)
keeps("other-credentials-mode", AGE_600, [(0, {}), (0, INCLUDE)], NEVER)
keeps("credentials-cover-none", AGE_600, [(0, INCLUDE), (0, {})], ONCE, firefox=NEVER)
keeps("new-header-that-is-known", AGE_600, [(0, {}), (0, CUSTOM)], ONCE)
keeps(
    "new-header-that-is-not",
    AGE_600,
    [(0, {}), (0, AUTHORIZATION)],
    "OPTIONS PUT OPTIONS",
    outcome="authorization",
)
keeps(
    "cleared-by-a-preflight-that-fails",
    AGE_600,
    [(0, {}), (0, AUTHORIZATION), (0, {})],
    "OPTIONS PUT OPTIONS OPTIONS PUT",
    webkit="OPTIONS PUT OPTIONS PUT",
)
keeps("the-same-method-under-a-star", STARS, TWICE, ONCE, firefox=NEVER)
keeps("new-header-under-a-star", STARS, [(0, {}), (0, CUSTOM)], ONCE, firefox=NEVER)
keeps("the-same-header-under-a-star", STARS, [(0, CUSTOM), (0, CUSTOM)], ONCE, firefox=NEVER)
keeps(
    "upload-listener",
    [ORIGIN, max_age("600")],
    TWICE,
    "OPTIONS POST POST",
    options={**POST, "upload_listener": True},
)
kept.append(
    # Fetch, "main fetch", step 12: "clear cache entries".
    Row(
        "cleared-by-an-answer-that-fails",
        ("allow-origin-missing", NEVER),
        PUT,
        {"preflight": AGE_600, "answer": []},
        engines=dict.fromkeys(["chromium", "webkit"], ("allow-origin-missing", ONCE)),
        calls=TWICE,
    )
)

# ------------------------------------------------------------------ HTTP cache

# Fetch, "CORS protocol and HTTP caches". The first request is no-cors and has no Origin.
STORED = ("Cache-Control", "max-age=600")
stored = section("HTTP cache")
for id_, options in (("", {}), ("-credentials", INCLUDE)):
    for vary, expected, more in (
        ("no-vary", ("allow-origin-missing", "GET"), []),
        ("vary-origin", (OK, "GET GET"), [("Vary", "Origin")]),
    ):
        stored.append(
            Row(
                f"{vary}{id_}",
                expected,
                options,
                {"answer": [ORIGIN, CREDENTIALS, STORED, *more]},
                calls=[(0, NO_CORS), (0.5, {})],
            )
        )
stored.append(
    Row(
        "no-vary-and-credentials-first",
        ("allow-origin-missing", "GET"),
        {},
        {"answer": [ORIGIN, STORED]},
        engines={"firefox": (OK, "GET GET")},
        calls=[(0, {**NO_CORS, **INCLUDE}), (0.5, {})],
    )
)

# ------------------------------------------------------------------ further ways to ask

GIF = b"GIF89a\1\0\1\0\0\0\0!\xf9\4\1\0\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
ways = section("requests of elements")
way: Way
for way, type_, body in (
    ("img crossorigin", "image/gif", GIF),
    ("module", "text/javascript", b"export default 1"),
    ("events", "text/event-stream", b"data: 1\n\n"),
):
    content = ("Content-Type", type_)
    for id_, expected, answer in (
        ("with", (OK, "GET"), [ORIGIN, content]),
        ("without", ("allow-origin-missing", "GET"), [content]),
        ("of-another-origin", ("allow-origin-mismatch", "GET"), [allow_origin(OTHER), content]),
    ):
        servers = {"answer": answer, "body": body}
        ways.append(Row(f"{way.replace(' ', '-')}-{id_}", expected, {}, servers, way=way))
for to, name in NAMES.items():
    servers = {"answer": [("Content-Type", "image/gif")], "body": GIF}
    options = {**NO_CORS, **INCLUDE}
    type_ = "basic 200" if to == PAGE else "opaque 0"
    ways.append(Row(f"img-{name or 'B:'}", (type_, f"{name}GET"), options, servers, to, way="img"))

forms = section("forms")
FIELDS: Options = {"fields": {"a": "b c"}}
TEXT: Options = {"enctype": "text/plain", **FIELDS}
HTML: Lines = [("Content-Type", "text/html")]
for to, name in NAMES.items():
    for id_, method, options in (
        ("post", "POST", FIELDS),
        ("text", "POST", TEXT),
        ("get", "GET", {"method": "GET", **FIELDS}),
    ):
        expected = ("basic 200", name + method)
        forms.append(
            Row(f"{id_}-to-{name or 'B:'}", expected, options, {"answer": HTML}, to, way="form")
        )
for status, method in ((302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")):
    servers = {"status": status, "answer": [("Location", ELSEWHERE)], "hop": HTML}
    expected = ("basic 200", f"POST C:{method}")
    forms.append(Row(f"post-{status}", expected, FIELDS, servers, way="form"))

origins = section("append a request Origin header")
for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
    origins.append(
        Row(
            f"same-origin-{method.lower()}",
            ("basic 200", f"A:{method}"),
            {"method": method},
            {"answer": []},
            PAGE,
        )
    )
for policy in ("no-referrer", "same-origin", "origin", "unsafe-url"):
    under: Options = {"referrer_policy": policy}
    origins += [
        Row(f"cors-get-under-{policy}", (OK, "GET"), under),
        Row(f"cors-post-under-{policy}", (OK, "POST"), {**POST, **under}),
        Row(f"no-cors-get-under-{policy}", ("opaque 0", "GET"), {**NO_CORS, **under}),
        Row(f"no-cors-post-under-{policy}", ("opaque 0", "POST"), {**POST, **NO_CORS, **under}),
        Row(
            f"same-origin-post-under-{policy}",
            ("basic 200", "A:POST"),
            {**POST, **under},
            {"answer": []},
            PAGE,
        ),
        Row(
            f"same-origin-no-cors-post-under-{policy}",
            ("basic 200", "A:POST"),
            {**POST, **NO_CORS, **under},
            {"answer": []},
            PAGE,
        ),
    ]

# ------------------------------------------------------------------ redirects and methods

hops = section("HTTP-redirect fetch, methods")
ANY_METHOD = [ORIGIN, allow_methods("PUT, DELETE"), allow_headers("Content-Type")]
for status in (301, 302, 303, 307, 308):
    servers = {"status": status, "preflight": ANY_METHOD, "answer": goes_to(HERE)}
    keeps_method = status in (307, 308)
    then = "POST" if keeps_method else "GET"
    hops.append(Row(f"post-{status}", (OK, f"POST {then}"), POST, servers))
    hops.append(Row(f"head-{status}", (OK, "HEAD HEAD"), {"method": "HEAD"}, servers))
    servers = {"status": status, "answer": goes_to(HERE)}
    hops.append(
        Row(f"no-cors-post-{status}", ("opaque 0", f"POST {then}"), {**POST, **NO_CORS}, servers)
    )
for status in (301, 302, 307, 308):
    servers = {"status": status, "preflight": ANY_METHOD, "answer": goes_to(HERE)}
    hops.append(Row(f"put-{status}", (OK, "OPTIONS PUT OPTIONS PUT"), PUT, servers))

sites = section("HTTP-redirect fetch, sites")
for id_, expected, options, changes in (
    ("no-cors-to-another-site", ("opaque 0", "GET C:GET"), NO_CORS, {"answer": goes_to(ELSEWHERE)}),
    ("no-cors-home", ("opaque 0", "GET A:GET"), NO_CORS, {"answer": goes_to(HOME)}),
    (
        "credentials-to-another-site-that-has-a-star",
        ("allow-origin-wildcard", "GET C:GET"),
        INCLUDE,
        {"answer": [*goes_to(ELSEWHERE), CREDENTIALS], "hop": [STAR, CREDENTIALS]},
    ),
    (
        "credentials-to-another-site-that-reflects",
        (OK, "GET C:GET"),
        INCLUDE,
        {"answer": [*goes_to(ELSEWHERE), CREDENTIALS], "hop": [ORIGIN, CREDENTIALS]},
    ),
    (
        "credentials-and-a-hop-without",
        ("allow-credentials", "GET"),
        INCLUDE,
        {"answer": goes_to(HERE), "hop": [ORIGIN, CREDENTIALS]},
    ),
    (
        "no-cors-to-another-site-of-the-same-origin-policy",
        ("resource-policy", "GET C:GET"),
        NO_CORS,
        {"answer": goes_to(ELSEWHERE), "hop": [("Cross-Origin-Resource-Policy", "same-origin")]},
    ),
    (
        "manual-no-location",
        ("opaqueredirect 0", "GET"),
        {"redirect": "manual"},
        {"answer": [ORIGIN]},
    ),
    ("error-no-location", ("redirect-mode", "GET"), {"redirect": "error"}, {"answer": [ORIGIN]}),
):
    sites.append(Row(id_, expected, options, {"status": 302, **changes}))
sites.append(
    Row(
        "same-origin-mode-that-is-sent-away",
        ("same-origin-mode", "A:GET"),
        {"mode": "same-origin"},
        {"status": 302, "answer": [("Location", API + HERE)]},
        PAGE,
    )
)

# ------------------------------------------------------------------ safelists, byte by byte

bytes_ = section("CORS-unsafe request-header byte")
for id_, header, value, safe in (
    ("accept-quote", "Accept", 'a"b', False),
    ("accept-colon", "Accept", "a:b", False),
    ("accept-at", "Accept", "a@b", False),
    ("accept-braces", "Accept", "{a}", False),
    ("accept-backslash", "Accept", "a\\b", False),
    ("accept-tab", "Accept", "a\tb", True),
    ("accept-slash-and-star", "Accept", "*/*;q=0.5, text/x", True),
    ("accept-latin-1", "Accept", "\xe9", True),
    ("accept-delete", "Accept", "a\x7fb", False),
    ("accept-empty", "Accept", "", True),
    ("language-underscore", "Accept-Language", "de_DE", False),
    ("language-slash", "Accept-Language", "de/DE", False),
    ("language-latin-1", "Accept-Language", "\xe9", False),
    ("language-of-129-bytes", "Accept-Language", "a" * 129, False),
    ("content-language-quote", "Content-Language", 'd"e', False),
    ("type-with-a-parameter", "Content-Type", "text/plain;x=y", True),
    ("type-with-a-colon", "Content-Type", "text/plain;x=a:b", False),
    ("type-in-brackets", "Content-Type", "text/plain;[x]", False),
    ("type-that-is-none", "Content-Type", "text", False),
    ("type-html", "Content-Type", "text/html", False),
    ("type-json", "Content-Type", "application/json", False),
    ("type-form-and-charset", "Content-Type", "application/x-www-form-urlencoded;charset=x", True),
    ("type-of-two", "Content-Type", "text/plain, text/plain", False),
    ("type-of-129-bytes", "Content-Type", "text/plain;" + "a" * 118, False),
    ("type-of-128-bytes", "Content-Type", "text/plain;" + "a" * 117, True),
    ("range-open", "Range", "bytes=5-", True),
    ("range-backwards", "Range", "bytes=9-5", False),
    ("range-with-space", "Range", "bytes= 0-5", False),
    ("range-in-capitals", "Range", "BYTES=0-5", False),
    ("range-of-lines", "Range", "lines=0-5", False),
    ("dpr", "DPR", "2", False),
    ("save-data", "Save-Data", "on", False),
    ("x-requested-with", "X-Requested-With", "XMLHttpRequest", False),
    ("if-none-match", "If-None-Match", '"e"', False),
    ("last-event-id", "Last-Event-ID", "1", False),
    ("user-agent", "User-Agent", "x", False),
):
    method = "POST" if header.startswith("Content-") else "GET"
    options = {"method": method, "headers": {header: value}}
    requests = method if safe else f"OPTIONS {method}"
    allowed = [ORIGIN, allow_headers(header)]
    bytes_.append(Row(id_, (OK, requests), options, {"preflight": allowed}))
MANY = {"X-Zeta": "1", "Content-Type": "a/b", "x-alpha": "1", "Accept": "a/b", "X-Beta": "1"}
bytes_.append(
    Row(
        "many-names",
        (OK, "OPTIONS POST"),
        {**POST, "headers": {**MANY, **AUTHORIZATION["headers"]}},
        {
            "preflight": [
                ORIGIN,
                allow_headers("x-zeta,content-type,authorization,x-alpha,x-beta"),
            ]
        },
    )
)

case = section("methods, as they are written")
for method, sent, listed, works in (
    ("get", "GET", "", True),
    ("head", "HEAD", "", True),
    ("post", "POST", "", True),
    ("delete", "DELETE", "DELETE", True),
    ("options", "OPTIONS", "OPTIONS", True),
    ("Put", "PUT", "PUT", True),
    ("Patch", "Patch", "PATCH", False),
    ("patch", "patch", "patch", True),
    ("QUERY", "QUERY", "QUERY", True),
    ("query", "query", "QUERY", False),
    ("X-Y", "X-Y", "*", True),
    ("PATCH", "PATCH", "*", True),
):
    safelisted = sent in ("GET", "HEAD", "POST")
    requests = sent if safelisted else f"OPTIONS {sent}" if works else "OPTIONS"
    expected = (OK if works else "method", requests)
    case.append(
        Row(
            f"{method}-where-{listed or 'none'}",
            expected,
            {"method": method},
            {"preflight": [ORIGIN, allow_methods(listed)]},
        )
    )

lists = section("extract header list values")
for id_, expected, options, preflight in (
    ("no-space", (OK, "OPTIONS PUT"), PUT, [ORIGIN, allow_methods("GET,PUT")]),
    ("tabs", (OK, "OPTIONS PUT"), PUT, [ORIGIN, allow_methods("GET\t,\tPUT")]),
    ("empty-members", (OK, "OPTIONS PUT"), PUT, [ORIGIN, allow_methods(",,PUT,")]),
    ("empty", ("method", "OPTIONS"), PUT, [ORIGIN, allow_methods("")]),
    ("semicolons", ("allow-methods-invalid", "OPTIONS"), PUT, [ORIGIN, allow_methods("GET;PUT")]),
    ("spaces", ("allow-methods-invalid", "OPTIONS"), PUT, [ORIGIN, allow_methods("GET PUT")]),
    ("quotes", ("allow-methods-invalid", "OPTIONS"), PUT, [ORIGIN, allow_methods('"PUT"')]),
    ("names-no-space", (OK, "OPTIONS GET"), CUSTOM, [ORIGIN, allow_headers("a,x-custom")]),
    ("names-empty", ("header", "OPTIONS"), CUSTOM, [ORIGIN, allow_headers("")]),
    (
        "names-semicolon",
        ("allow-headers-invalid", "OPTIONS"),
        CUSTOM,
        [ORIGIN, allow_headers("a;x-custom")],
    ),
    (
        "names-latin-1",
        ("allow-headers-invalid", "OPTIONS"),
        CUSTOM,
        [ORIGIN, allow_headers("\xe9, x-custom")],
    ),
    (
        "bad-names-and-nothing-to-ask",
        ("allow-headers-invalid", "OPTIONS"),
        PUT,
        [ORIGIN, allow_methods("PUT"), allow_headers("a b")],
    ),
    (
        "a-star-among-names",
        (OK, "OPTIONS GET"),
        CUSTOM,
        [ORIGIN, allow_headers("x-other, *")],
    ),
    ("a-star-in-a-name", ("header", "OPTIONS"), CUSTOM, [ORIGIN, allow_headers("x-*")]),
):
    lists.append(Row(id_, expected, options, {"preflight": preflight}))

# ------------------------------------------------------------------ cookies

cookies = section("cookies")


def cookie(text: str) -> tuple[str, str]:
    return "Set-Cookie", f"{text}; Path={MOUNT}/"


OMIT: Options = {"credentials": "omit"}
SETS: list[tuple[float, Options]] = [(0, INCLUDE), (0, INCLUDE), (0, {}), (0, OMIT)]
for id_, line in (
    ("plain", "a=1"),
    ("lax", "a=1; SameSite=Lax"),
    ("strict", "a=1; SameSite=Strict"),
    ("http-only", "a=1; HttpOnly"),
    ("none", "a=1; SameSite=None; Secure"),
    ("secure", "a=1; Secure"),
    ("nameless", "a"),
    ("expired", "a=1; Max-Age=0"),
    ("another-domain", "a=1; Domain=example.com"),
):
    for to, name in ((API, ""), (OTHER, "C:")):
        cookies.append(
            Row(
                f"{id_}{'-of-another-site' if name else ''}",
                (OK, " ".join([f"{name}GET"] * 4)),
                {},
                {"answer": [ORIGIN, CREDENTIALS, cookie(line)]},
                to,
                calls=SETS,
            )
        )
cookies += [
    Row(
        "none-and-not-secure",
        (OK, "GET GET"),
        INCLUDE,
        {"answer": [ORIGIN, CREDENTIALS, cookie("a=1; SameSite=None")]},
        calls=[(0, {}), (0, {})],
    ),
    Row(
        "set-without-credentials",
        (OK, "GET GET"),
        {},
        {"answer": [ORIGIN, CREDENTIALS, cookie("a=1")]},
        calls=[(0, {}), (0, INCLUDE)],
    ),
    Row(
        "not-on-preflights",
        (OK, "GET OPTIONS PUT"),
        INCLUDE,
        {
            "preflight": [ORIGIN, CREDENTIALS, allow_methods("PUT"), cookie("b=2")],
            "answer": [ORIGIN, CREDENTIALS, cookie("a=1")],
        },
        calls=[(0, {}), (0, PUT)],
    ),
    Row(
        "of-the-pages-own-origin",
        ("basic 200", "A:GET A:GET A:GET A:GET"),
        {},
        {"answer": [cookie("a=1")]},
        PAGE,
        calls=[(0, {}), (0, {}), (0, OMIT), (0, NO_CORS)],
    ),
    Row(
        "of-an-answer-that-is-blocked",
        (OK, "GET GET"),
        INCLUDE,
        {
            "answer": [allow_origin(OTHER), CREDENTIALS, cookie("a=1")],
            "hop": [ORIGIN, CREDENTIALS],
        },
        calls=[(0, {}), (0, {"path": "/hop"})],
    ),
    Row(
        "of-a-frame-that-is-sandboxed",
        (OK, "GET GET"),
        INCLUDE,
        {"answer": [ORIGIN, CREDENTIALS, cookie("a=1")]},
        origin="null",
        calls=[(0, {}), (0, {})],
    ),
]

needs.append(
    Row(
        "preflight-upload-listener-and-no-body",
        (OK, "OPTIONS POST"),
        {"method": "POST", "upload_listener": True},
        {"preflight": ALL},
    )
)
redirects.append(
    Row(
        "locations-that-differ",
        ("redirect-location", "GET"),
        {},
        {"status": 302, "answer": [*goes_to(HERE), ("Location", ELSEWHERE)]},
    )
)

TABLE = {f"{name}: {row.id}": row for name, rows in ROWS.items() for row in rows}

# ------------------------------------------------------------------ where engines differ


@dataclass(frozen=True)
class Difference:
    """What some engines do otherwise than the standard.

    :ivar section: of Fetch, if no other standard is named.
    :ivar words: the standard's.
    :ivar rows: of the table, by engines.
    :ivar in_browser: whether `Browser(engine=...)` does what the engine does; else it does what
        the standard says.
    """

    section: str
    words: str
    rows: Mapping[str, Iterable[str]]
    in_browser: bool = True


def rows_of(name: str, ids: str) -> list[str]:
    return [f"{name}: {id_}" for id_ in ids.split()]


EVERY_ENGINE = " ".join(ENGINES)
DIFFERENCES = (
    Difference(
        "CORS-preflight fetch, step 7.6",
        "If one of request’s header list’s names is a CORS non-wildcard request-header name and is"
        " not a byte-case-insensitive match for an item in headerNames, then return a network"
        " error.",
        {
            EVERY_ENGINE: [
                "CORS-preflight fetch, header names: authorization-under-a-star",
                "corsgate: preflight-origin-allowed-a-star-is-not-for-authorization",
            ]
        },
    ),
    Difference(
        "CORS-preflight fetch, step 7.9",
        "If max-age is failure or null, then set max-age to 5.",
        {
            EVERY_ENGINE: rows_of("CORS-preflight cache", "negative"),
            "firefox": rows_of(
                "CORS-preflight cache", "no-number a-fraction digits-of-elsewhere two-lines"
            ),
        },
    ),
    Difference(
        # Allowed, and so no difference in kind.
        "CORS-preflight fetch, step 7.10",
        "If max-age is greater than an imposed limit on max-age, then set max-age to the imposed"
        " limit.",
        {
            EVERY_ENGINE: rows_of("CORS-preflight cache", "huge"),
            "webkit": rows_of("CORS-preflight cache", "700 3600 86400"),
        },
    ),
    Difference(
        "CORS-preflight cache, method cache entry match",
        "There is a method cache entry match for method using request when there is a cache entry"
        " […] and its method is method or `*`.",
        {
            "firefox": rows_of(
                "CORS-preflight cache",
                "the-same-method-under-a-star new-header-under-a-star the-same-header-under-a-star",
            )
        },
    ),
    Difference(
        "CORS-preflight cache, cache entry match",
        "There is a cache entry match for a cache entry entry with request if […] one of: entry’s"
        " credentials is true; […] is true.",
        {"firefox": rows_of("CORS-preflight cache", "credentials-cover-none")},
    ),
    Difference(
        "Main fetch, step 12",
        "If corsWithPreflightResponse is a network error, then clear cache entries using request.",
        {
            "chromium webkit": rows_of("CORS-preflight cache", "cleared-by-an-answer-that-fails"),
            "webkit": rows_of("CORS-preflight cache", "cleared-by-a-preflight-that-fails"),
        },
    ),
    Difference(
        "Main fetch, step 12",
        "either request’s method is not a CORS-safelisted method or CORS-unsafe request-header"
        " names with request’s header list is not empty",
        {
            "firefox webkit": rows_of(
                "HTTP-redirect fetch", "json-303 authorization-to-the-third-origin"
            )
        },
    ),
    Difference(
        "CORS-preflight fetch, step 1",
        "Let preflight be a new request whose […] URL list is a clone of request’s URL list",
        {
            "firefox": rows_of(
                "HTTP-redirect fetch",
                "custom-header-to-the-third-origin put-307-to-the-third-origin",
            )
        },
    ),
    Difference(
        "Append a request `Origin` header",
        'If request’s mode is not "cors", then switch on request’s referrer policy',
        {
            "chromium": rows_of(
                "append a request Origin header",
                "no-cors-post-under-no-referrer same-origin-no-cors-post-under-no-referrer"
                " no-cors-post-under-same-origin",
            )
        },
    ),
    Difference(
        "Append a request `Origin` header",
        "if request’s method is neither `GET` nor `HEAD`",
        {
            "webkit": rows_of(
                "HTTP-redirect fetch, methods",
                "no-cors-post-301 no-cors-post-302 no-cors-post-303",
            )
        },
        in_browser=False,
    ),
    Difference(
        "Determine the HTTP cache partition",
        "Let key be the result of determining the network partition key given request.",
        {"firefox": rows_of("HTTP cache", "no-vary-and-credentials-first")},
    ),
    Difference(
        "Extract header list values",
        "If the ABNF for name allows a single header and list contains more than one, then return"
        " failure.",
        {
            EVERY_ENGINE: rows_of("HTTP-redirect fetch", "location-twice"),
            "webkit": rows_of("HTTP-redirect fetch", "locations-that-differ"),
        },
        in_browser=False,
    ),
    Difference(
        "HTTP fetch, step 6",
        "If internalResponse’s status is a redirect status: […] Switch on request’s redirect mode:"
        ' "error": Set response to a network error.',
        {"chromium webkit": rows_of("HTTP-redirect fetch, sites", "error-no-location")},
        in_browser=False,
    ),
    Difference(
        "CORS-safelisted request-header",
        "`accept` […] `accept-language` `content-language` […] `content-type` […] `range` […]"
        " Otherwise: Return false.",
        {"chromium": rows_of("CORS-unsafe request-header byte", "dpr save-data user-agent")},
        in_browser=False,
    ),
    Difference(
        "CORS-unsafe request-header byte",
        'byte is less than 0x20 and is not 0x09 HT; byte is 0x22 ("), […] or 0x7F DEL.',
        {"firefox": rows_of("CORS-unsafe request-header byte", "accept-latin-1")},
        in_browser=False,
    ),
    Difference(
        "Parse a single range header value",
        'If data does not start with "bytes", then return failure.',
        {"webkit": rows_of("CORS-unsafe request-header byte", "range-in-capitals")},
        in_browser=False,
    ),
    Difference(
        "XMLHttpRequest, the send() method",
        "use-CORS-preflight flag: Set if this’s upload listener flag is set.",
        {
            "chromium": [
                "CORS-safelisted request-header: preflight-upload-listener-and-no-body",
                "corsgate: no-policy-for-the-path-its-own-preflight-passes",
            ]
        },
        in_browser=False,
    ),
    Difference(
        "RFC 6265bis, section 5.7, step 19",
        'If the cookie\'s "same-site-flag" is "None", abort this algorithm and ignore the cookie'
        " entirely unless the cookie's secure-only-flag is true.",
        {"webkit": rows_of("cookies", "none-and-not-secure")},
    ),
    Difference(
        "RFC 6265bis, section 5.7, step 13",
        'If the request-uri does not denote a "secure" connection (as defined by the user agent)'
        " […] ignore the cookie entirely.",
        {"webkit": rows_of("cookies", "none none-of-another-site secure secure-of-another-site")},
    ),
    Difference(
        "RFC 6265bis, section 5.8.3, step 6",
        "If the cookies' name is not empty, output the cookie's name followed by the %x3D (\"=\")"
        " character.",
        {"firefox": rows_of("cookies", "nameless nameless-of-another-site")},
        in_browser=False,
    ),
    Difference(
        "RFC 6265bis, section 5.6.7",
        'Let enforcement be "Default".',
        {
            "chromium": rows_of(
                "cookies",
                "plain-of-another-site http-only-of-another-site secure-of-another-site"
                " nameless-of-another-site of-a-frame-that-is-sandboxed",
            )
        },
    ),
    Difference(
        # These engines block cookies of other sites unless they are told otherwise.
        "RFC 6265bis, section 7.1",
        "This document grants user agents wide latitude to experiment with third-party cookie"
        " policies",
        {
            "chromium": rows_of("cookies", "none-of-another-site"),
            "webkit": rows_of(
                "cookies",
                "plain-of-another-site http-only-of-another-site nameless-of-another-site",
            ),
        },
        in_browser=False,
    ),
)

KNOWN = {
    (engine, name): difference
    for difference in DIFFERENCES
    for engines, names in difference.rows.items()
    for engine in engines.split()
    for name in names
}
