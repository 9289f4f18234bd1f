"""The browser's half against one table: what the standard says, and where engines differ.

The table is that of a page which real engines ran (Chromium 156, Firefox ESR 153, WebKitGTK 2.50);
what they did otherwise than the standard stands beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from browser_server import (
    API,
    CREDENTIALS,
    OTHER,
    PAGE,
    Lines,
    Servers,
    allow_headers,
    allow_methods,
    allow_origin,
    expose,
    max_age,
    outcome,
)

ENGINES = (None, "chromium", "firefox", "webkit")
Expected = tuple[str, str]
Options = Mapping[str, Any]

OK = "cors 200"
INCLUDE: Options = {"credentials": "include"}
PUT: Options = {"method": "PUT", "body": "x"}
POST: Options = {"method": "POST", "body": "x"}
JSON: Options = {"method": "POST", "json": {}}
CUSTOM: Options = {"headers": {"X-Custom": "1"}}
AUTHORIZATION: Options = {"headers": {"Authorization": "Bearer t"}}
ORIGIN, STAR = allow_origin(), allow_origin("*")


@dataclass
class Row:
    """One case.

    :ivar expected: the outcome by the standard, and the requests: of the API, or with A: of the
        page's origin, C: of the other site.
    :ivar engines: the same for engines that differ.
    """

    id: str
    expected: Expected
    options: Options = field(default_factory=dict)
    servers: Options = field(default_factory=dict)
    to: str = API
    origin: str = PAGE
    engines: dict[str, Expected] = field(default_factory=dict)


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
    ("port-added", "allow-origin-mismatch", [allow_origin("{sent}:443")]),
    ("comma-list", "allow-origin-list", [allow_origin("{sent}, https://x.example")]),
    ("space-list", "allow-origin-list", [allow_origin("{sent} https://x.example")]),
    ("empty", "allow-origin-invalid", [allow_origin("")]),
    ("null", "allow-origin-mismatch", [allow_origin("null")]),
    ("host-only", "allow-origin-invalid", [allow_origin("app.example.com")]),
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
                "preflight": [ORIGIN, allow_methods("PUT"), ("Location", "/hop")],
                "preflight_status": status,
            },
        )
    )


def goes_to(url: str, *more: tuple[str, str]) -> Lines:
    return [*(more or [ORIGIN]), ("Location", url)]


redirects = section("HTTP-redirect fetch")
HERE, ELSEWHERE, HOME = "/hop", f"{OTHER}/hop", f"{PAGE}/hop"
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
        {"answer": goes_to("https://u:p@api.example.com/hop")},
    ),
    (
        "user-info-in-the-page",
        ("redirect-user-info", "GET"),
        {},
        {"answer": goes_to("https://u:p@app.example.com/hop")},
    ),
    ("in-circles", ("redirect-limit", " ".join(["GET"] * 21)), {}, {"answer": goes_to("/case")}),
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
        servers={"status": 302, "answer": [("Location", f"{API}/hop")]},
        to=PAGE,
    )
)
redirects.append(
    Row(
        "from-the-page-with-user-info",
        ("redirect-user-info", "A:GET"),
        servers={"status": 302, "answer": [("Location", "https://u@api.example.com/hop")]},
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
NO_CORS: Options = {"mode": "no-cors"}
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

CASES = [
    pytest.param(row, engine, id=f"{name}: {row.id} ({engine or 'the standard'})")
    for name, rows in ROWS.items()
    for row in rows
    for engine in ENGINES
]


@pytest.mark.parametrize(("row", "engine"), CASES)
def test_the_outcome_and_the_requests_are_those_of_the_table(row: Row, engine: str | None) -> None:
    servers = Servers(**row.servers)
    browser = servers.browser(row.origin, engine)
    seen = outcome(browser, f"{row.to}/case", **row.options)
    expected = row.engines.get(engine or "", row.expected)
    assert (seen, " ".join(servers.seen)) == expected


# ------------------------------------------------------------------ exposed headers

SECRETS: Lines = [
    ("X-One", "1"),
    ("X-Two", "2"),
    ("ETag", '"e"'),
    ("Set-Cookie", "q=1"),
    ("Content-Language", "en"),
]


@pytest.mark.parametrize(
    ("lines", "options", "readable"),
    [
        pytest.param([ORIGIN], {}, set(), id="none"),
        pytest.param([ORIGIN, expose("X-ONE")], {}, {"x-one"}, id="one, in any case"),
        pytest.param(
            [ORIGIN, expose("X-One"), expose("X-Two")], {}, {"x-one", "x-two"}, id="two lines"
        ),
        pytest.param(
            [ORIGIN, expose("*")],
            {},
            {
                "access-control-allow-origin",
                "access-control-expose-headers",
                "etag",
                "x-one",
                "x-two",
            },
            id="star",
        ),
        pytest.param([ORIGIN, CREDENTIALS, expose("*")], INCLUDE, set(), id="star and credentials"),
        pytest.param(
            [ORIGIN, CREDENTIALS, expose("*, X-One")],
            INCLUDE,
            {"x-one"},
            id="star, name and credentials",
        ),
        pytest.param([ORIGIN, expose("Set-Cookie")], {}, set(), id="Set-Cookie"),
        pytest.param([ORIGIN, expose("X-One, bad value")], {}, set(), id="bad token"),
    ],
)
def test_a_page_reads_the_exposed_headers_only(
    lines: Lines, options: Options, readable: set[str]
) -> None:
    """Fetch, "CORS filtered response"; Content-Language is safelisted."""
    response = Servers(answer=[*lines, *SECRETS]).browser().fetch("/case", **options)
    assert set(response.headers) == readable | {"content-language"}


def test_a_page_reads_all_headers_of_its_own_origin_but_cookies() -> None:
    """Fetch, "basic filtered response"."""
    response = Servers(answer=SECRETS).browser().fetch(f"{PAGE}/case")
    assert set(response.headers) == {"x-one", "x-two", "etag", "content-language"}


# ------------------------------------------------------------------ CORS-preflight cache

ALLOWED = [ORIGIN, CREDENTIALS, allow_methods("PUT, POST"), allow_headers("X-Custom, X-Other")]


@dataclass
class Repeated:
    """PUTs one after the other, each at a time and with its options, and the requests they make."""

    id: str
    preflight: Lines
    requests: str
    calls: list[tuple[float, Options]] = field(
        default_factory=lambda: [(0, {}), (1, {}), (6.5, {})]
    )
    engines: dict[str, str] = field(default_factory=dict)
    options: Options = field(default_factory=lambda: PUT)


NEVER, ONCE = "OPTIONS PUT OPTIONS PUT", "OPTIONS PUT PUT"
FIVE_SECONDS = "OPTIONS PUT PUT OPTIONS PUT"
THREE_TIMES = "OPTIONS PUT OPTIONS PUT OPTIONS PUT"
HOURS: list[tuple[float, Options]] = [(0, {}), (300, {}), (615, {})]
DAYS: list[tuple[float, Options]] = [(0, {}), (7201, {}), (86401, {})]
TWICE: list[tuple[float, Options]] = [(0, {}), (0.1, {})]
AFTER_615 = "OPTIONS PUT PUT OPTIONS PUT"
REPEATED = [
    Repeated("none", ALLOWED, FIVE_SECONDS),
    Repeated("600", [*ALLOWED, max_age("600")], "OPTIONS PUT PUT PUT"),
    Repeated("0", [*ALLOWED, max_age("0")], NEVER, TWICE),
    Repeated("1-and-it-has-expired", [*ALLOWED, max_age("1")], NEVER, [(0, {}), (2.5, {})]),
    Repeated("1-to-the-second", [*ALLOWED, max_age("1")], NEVER, [(0, {}), (1, {})]),
    Repeated(
        "negative",
        [*ALLOWED, max_age("-1")],
        FIVE_SECONDS,
        engines=dict.fromkeys(["chromium", "firefox", "webkit"], THREE_TIMES),
    ),
    Repeated(
        "no-number",
        [*ALLOWED, max_age("soon")],
        FIVE_SECONDS,
        engines={"firefox": THREE_TIMES},
    ),
    Repeated(
        "a-fraction", [*ALLOWED, max_age("600.5")], FIVE_SECONDS, engines={"firefox": THREE_TIMES}
    ),
    Repeated(
        "digits-of-elsewhere",
        [*ALLOWED, max_age("\xb2")],
        FIVE_SECONDS,
        engines={"firefox": THREE_TIMES},
    ),
    Repeated(
        "two-lines",
        [*ALLOWED, max_age("600"), max_age("600")],
        FIVE_SECONDS,
        engines={"firefox": THREE_TIMES},
    ),
    *(
        Repeated(
            age,
            [*ALLOWED, max_age(age)],
            "OPTIONS PUT PUT PUT",
            HOURS,
            engines={"webkit": AFTER_615},
        )
        for age in ("700", "3600", "86400")
    ),
    Repeated(
        "huge",
        [*ALLOWED, max_age("9" * 400)],
        "OPTIONS PUT PUT PUT",
        DAYS,
        engines={
            "chromium": THREE_TIMES,
            "firefox": "OPTIONS PUT PUT OPTIONS PUT",
            "webkit": THREE_TIMES,
        },
    ),
    Repeated("empty", [*ALLOWED, max_age("")], FIVE_SECONDS),
    Repeated(
        "the-same-method-under-a-star",
        [ORIGIN, allow_methods("*"), max_age("600")],
        ONCE,
        TWICE,
        engines={"firefox": NEVER},
    ),
    Repeated("failed", [ORIGIN, max_age("600")], "OPTIONS OPTIONS", TWICE),
    Repeated(
        "other-credentials-mode",
        [*ALLOWED, max_age("600")],
        NEVER,
        [(0, {}), (0, INCLUDE)],
    ),
    Repeated(
        "credentials-cover-none",
        [*ALLOWED, max_age("600")],
        ONCE,
        [(0, INCLUDE), (0, {})],
        engines={"firefox": NEVER},
    ),
    Repeated("new-header-that-is-known", [*ALLOWED, max_age("600")], ONCE, [(0, {}), (0, CUSTOM)]),
    Repeated(
        "new-header-under-a-star",
        [ORIGIN, allow_methods("*"), allow_headers("*"), max_age("600")],
        ONCE,
        [(0, {}), (0, CUSTOM)],
        engines={"firefox": NEVER},
    ),
    Repeated(
        "the-same-header-under-a-star",
        [ORIGIN, allow_methods("*"), allow_headers("*"), max_age("600")],
        ONCE,
        [(0, CUSTOM), (0, CUSTOM)],
        engines={"firefox": NEVER},
    ),
    Repeated(
        "upload-listener",
        [ORIGIN, max_age("600")],
        "OPTIONS POST POST",
        TWICE,
        options={**POST, "upload_listener": True},
    ),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("row", REPEATED, ids=lambda row: row.id)
def test_a_preflight_is_kept_for_as_long_as_the_table_says(
    row: Repeated, engine: str | None
) -> None:
    """Fetch, "CORS-preflight cache"; Firefox takes what is no number for 0."""
    servers = Servers(preflight=row.preflight, answer=[ORIGIN, CREDENTIALS])
    browser = servers.browser(engine=engine)
    start = servers.clock.now
    for seconds, options in row.calls:
        servers.clock.now = start + seconds
        outcome(browser, **{**row.options, **options})
    assert " ".join(servers.seen) == row.engines.get(engine or "", row.requests)


def test_the_preflight_cache_is_for_one_url() -> None:
    servers = Servers(preflight=[*ALLOWED, max_age("600")])
    browser = servers.browser()
    outcome(browser, "/case", **PUT)
    outcome(browser, "/case?x", **PUT)
    assert " ".join(servers.seen) == NEVER


def test_the_preflight_cache_is_for_one_page() -> None:
    servers = Servers(preflight=[*ALLOWED, max_age("600")])
    browser = servers.browser()
    outcome(browser, "/case", **PUT)
    outcome(browser.page("https://www.example.com"), "/case", **PUT)
    assert " ".join(servers.seen) == NEVER


def test_a_request_that_fails_after_its_preflight_empties_the_cache() -> None:
    """Fetch, "main fetch", step 12: "clear cache entries"."""
    servers = Servers(preflight=[*ALLOWED, max_age("600")], answer=[])
    browser = servers.browser()
    outcome(browser, "/case", **PUT)
    outcome(browser, "/case", **PUT)
    assert " ".join(servers.seen) == NEVER


def test_a_second_preflight_prolongs_what_the_first_one_allowed() -> None:
    """Fetch, "CORS-preflight fetch", step 7.12: the entry's max-age is set, its start is not."""
    servers = Servers(preflight=[ORIGIN, allow_methods("PUT"), max_age("10")])
    browser = servers.browser()
    outcome(browser, "/case", **PUT)
    servers.preflight = [*ALLOWED, max_age("100")]
    outcome(browser, "/case", **PUT, **CUSTOM)
    servers.clock.now += 99
    outcome(browser, "/case", **PUT, **CUSTOM)
    servers.clock.now += 2
    outcome(browser, "/case", **PUT, **CUSTOM)
    assert " ".join(servers.seen) == "OPTIONS PUT OPTIONS PUT PUT OPTIONS PUT"


# ------------------------------------------------------------------ HTTP cache

STORED = ("Cache-Control", "max-age=600")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("credentials_mode", ["same-origin", "include"])
@pytest.mark.parametrize(
    ("vary", "expected"),
    [([], ("allow-origin-missing", "GET")), ([("Vary", "Origin")], (OK, "GET GET"))],
    ids=["no Vary", "Vary: Origin"],
)
def test_an_answer_without_vary_is_reused_for_a_cors_request(
    vary: Lines, expected: Expected, credentials_mode: str, engine: str | None
) -> None:
    """Fetch, "CORS protocol and HTTP caches". The first request is no-cors and has no Origin."""
    servers = Servers(answer=[ORIGIN, CREDENTIALS, STORED, *vary])
    browser = servers.browser(engine=engine)
    outcome(browser, mode="no-cors", credentials=credentials_mode)
    seen = outcome(browser, credentials=credentials_mode)
    assert (seen, " ".join(servers.seen)) == expected


@pytest.mark.parametrize("engine", ENGINES)
def test_firefox_keeps_answers_to_requests_with_credentials_apart(engine: str | None) -> None:
    """An <img> comes first: a no-cors request with credentials."""
    servers = Servers(answer=[ORIGIN, STORED])
    browser = servers.browser(engine=engine)
    outcome(browser, mode="no-cors", credentials="include")
    seen = outcome(browser)
    expected = (OK, "GET GET") if engine == "firefox" else ("allow-origin-missing", "GET")
    assert (seen, " ".join(servers.seen)) == expected
