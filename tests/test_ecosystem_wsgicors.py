"""Coming from wsgicors: the real package and corsgate answer the same requests.

docs/moving/wsgicors.rst says all that differs; each row of its tables is shown here.
"""

import inspect
import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
import wsgicors
from answers import APP, EVIL, PARTNER
from guide_tables import Row, headers
from pages import blocks, keys, read_page, table
from wsgi_client import Answer, SpyApp, call
from wsgicors import CORS

from corsgate import Policy, PolicyError
from corsgate.wsgi import CORSMiddleware

GUIDE = read_page("docs/moving/wsgicors")

GET = ("GET", "/", {"Origin": APP})
PREFLIGHT = ("OPTIONS", "/", {"Origin": APP, "Access-Control-Request-Method": "PUT"})
ASKED = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
NAMES = "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with"

# The same in both words.
LIST = {"origin": APP, "methods": "PUT", "headers": "x-a", "maxage": "60"}
OUR_LIST = {"allow_origins": APP, "allow_methods": "PUT", "allow_headers": "x-a", "max_age": 60}
WITH_COOKIES = {**LIST, "credentials": "true"}
OUR_WITH_COOKIES = {**OUR_LIST, "allow_credentials": True}


def there(options: dict[str, Any], request: Any, app: SpyApp | None = None) -> Answer:
    return call(CORS(app or SpyApp(), **options), *request)


def here(options: dict[str, Any], request: Any, app: SpyApp | None = None) -> Answer:
    return call(CORSMiddleware(app or SpyApp(), **options), *request)


def page(origin: str) -> Any:
    return ("GET", "/", {"Origin": origin})


def asking(origin: str = APP, names: str = "x-a") -> Any:
    return (
        "OPTIONS",
        "/",
        {**PREFLIGHT[2], "Origin": origin, "Access-Control-Request-Headers": names},
    )


# ------------------------------------------------------------------ options


def test_the_table_names_every_option_of_the_package() -> None:
    source = inspect.getsource(CORS.__init__)
    read = re.findall(r'(?:kw|cfg)\.get\("(\w+)"', source)
    assert sorted(key.strip("`") for key in keys(GUIDE, "options")) == sorted(set(read))


@pytest.mark.parametrize("row", table(GUIDE, "options"), ids=lambda row: row[0])
def test_an_option_is_an_error_that_names_the_other(row: list[str]) -> None:
    option, ours, _ = (cell.strip("`") for cell in row)
    if option == ours:
        assert option in (*Policy._fields, *inspect.signature(CORSMiddleware).parameters)
        return
    options: dict[str, Any] = {option: "x"}
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(SpyApp(), **options)
    (problem,) = caught.value.problems
    assert problem.code == "unknown-option"
    assert re.search(rf"\b{ours}\b", problem.hint)


# Header -> options that decide it, in both words, and a request.
SAME: dict[str, tuple[dict[str, Any], dict[str, Any], Any]] = {
    "Access-Control-Allow-Origin": (LIST, OUR_LIST, GET),
    "Access-Control-Allow-Methods": (LIST, OUR_LIST, PREFLIGHT),
    "Access-Control-Allow-Headers": (LIST, OUR_LIST, PREFLIGHT),
    "Access-Control-Max-Age": (LIST, OUR_LIST, PREFLIGHT),
    "Access-Control-Allow-Credentials": (WITH_COOKIES, OUR_WITH_COOKIES, GET),
    "Access-Control-Expose-Headers": (
        {**LIST, "expose_headers": "ETag"},
        {**OUR_LIST, "expose_headers": "ETag"},
        GET,
    ),
}


@pytest.mark.parametrize("header", SAME)
def test_an_option_decides_the_same(header: str) -> None:
    old, new, request = SAME[header]
    answer = there(old, request)
    assert len(answer.values(header)) == 1
    assert here(new, request).values(header) == answer.values(header)


@pytest.mark.parametrize(
    "origin", [APP, "https://a.example.org", "https://a.b.example.org", "http://localhost:3000"]
)
@pytest.mark.parametrize("credentials", [False, True])
def test_origins_and_patterns_are_the_same(origin: str, credentials: bool) -> None:
    origins = f"{APP} https://*.example.org http://localhost:*"
    old = {"origin": origins, "credentials": "true" if credentials else "false"}
    new = {"allow_origins": origins, "allow_credentials": credentials}
    before, after = there(old, page(origin)), here(new, page(origin))
    assert before.seen == after.seen
    assert after.values("Access-Control-Allow-Origin") == [origin]


# ------------------------------------------------------------------ differences

SHOWN: dict[str, Row | Callable[[], None]] = {}


def shows(key: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def note(function: Callable[[], None]) -> Callable[[], None]:
        SHOWN[key] = function
        return function

    return note


def stops(options: dict[str, Any], new: dict[str, Any], origin: str, code: str) -> Row:
    """What lets an origin in there, and does not start here."""
    credentials = options.get("credentials")
    vary = None if options["origin"] == "*" else "Origin"
    before = headers(origin, credentials=credentials, vary=vary)
    return Row(options, new, page(origin), (200, before), code)


def never(entry: str, code: str) -> Row:
    return Row({"origin": entry}, {"allow_origins": entry}, GET, (200, {}), code)


VARIES = headers(vary="Origin")
READABLE = headers(APP, vary="Origin")
PASSED = (204, headers(APP, methods="PUT", allow="x-a", max_age="60"))
OUR_PASSED = (204, headers(APP, methods="PUT", allow="x-a", max_age="60", vary=ASKED))
PATTERN = {"origin": "https://*.example.com"}

SHOWN |= {
    "refused preflight": Row(
        WITH_COOKIES,
        OUR_WITH_COOKIES,
        asking(EVIL),
        (204, headers(methods="PUT", allow="x-a", max_age="60", credentials="true")),
        (403, headers(vary=ASKED)),
    ),
    "preflight by the policy ``deny``": Row(
        {"policy": "deny"}, {"policy": Policy()}, PREFLIGHT, (204, {}), (403, headers(vary=ASKED))
    ),
    "``Vary`` of a preflight": Row(LIST, OUR_LIST, PREFLIGHT, PASSED, OUR_PASSED),
    "a denied origin, or no ``Origin``": Row(LIST, OUR_LIST, page(EVIL), (200, {}), (200, VARIES)),
    "any origin, no ``Origin`` sent": Row(
        {"origin": "*"}, {"allow_origins": "*"}, ("GET", "/", {}), (200, {}), (200, headers("*"))
    ),
    "``copy``": Row(
        {"origin": "copy"},
        {"allow_origins": "*"},
        page(EVIL),
        (200, headers(EVIL, vary="Origin")),
        (200, headers("*")),
    ),
    "``null`` with credentials": stops(
        {"origin": "null", "credentials": "true"},
        {"allow_origins": "null", "allow_credentials": True},
        "null",
        "null-origin",
    ),
    "``http`` with credentials": stops(
        {"origin": "http://app.example.com", "credentials": "true"},
        {"allow_origins": "http://app.example.com", "allow_credentials": True},
        "http://app.example.com",
        "insecure-origin",
    ),
    "a pattern and what is no origin": Row(
        PATTERN,
        {"allow_origins": "https://*.example.com"},
        page("https://evil.test/.example.com"),
        (200, headers("https://evil.test/.example.com", vary="Origin")),
        (200, VARIES),
    ),
    "a pattern without the dot": stops(
        {"origin": "https://*example.com"},
        {"allow_origins": "https://*example.com"},
        "https://evilexample.com",
        "origin-wildcard",
    ),
    "an origin in upper case": Row(
        LIST,
        OUR_LIST,
        page(APP.upper()),
        (200, headers(APP.upper(), vary="Origin")),
        (200, VARIES),
    ),
    "an entry in upper case": never("https://App.example.com", "origin-upper-case"),
    "an entry with a slash at the end": never(f"{APP}/", "origin-path"),
    "headers ``*`` and ``Authorization``": Row(
        {**LIST, "headers": "*"},
        {**OUR_LIST, "allow_headers": ("*", "Authorization")},
        asking(names="authorization"),
        (204, headers(APP, methods="PUT", allow="authorization", max_age="60")),
        (204, headers(APP, methods="PUT", allow="*, authorization", max_age="60", vary=ASKED)),
    ),
    "no methods are set": Row(
        {"origin": APP, "headers": "x-a", "maxage": "60"},
        {"allow_origins": APP, "allow_headers": "x-a", "max_age": 60},
        PREFLIGHT,
        (204, headers(APP, allow="x-a", max_age="60")),
        (204, headers(APP, methods=METHODS, allow="x-a", max_age="60", vary=ASKED)),
    ),
    "no headers are set": Row(
        {"origin": APP, "methods": "PUT", "maxage": "60"},
        {"allow_origins": APP, "allow_methods": "PUT", "max_age": 60},
        PREFLIGHT,
        (204, headers(APP, methods="PUT", max_age="60")),
        (204, headers(APP, methods="PUT", allow=NAMES, max_age="60", vary=ASKED)),
    ),
    "no max-age is set": Row(
        {"origin": APP, "methods": "PUT", "headers": "x-a"},
        {"allow_origins": APP, "allow_methods": "PUT", "allow_headers": "x-a"},
        PREFLIGHT,
        (204, headers(APP, methods="PUT", allow="x-a")),
        (204, headers(APP, methods="PUT", allow="x-a", max_age="600", vary=ASKED)),
    ),
    "``credentials=True``, no text": Row(
        {"origin": APP, "credentials": True},
        {"allow_origins": APP, "allow_credentials": True},
        GET,
        (200, READABLE),
        (200, headers(APP, credentials="true", vary="Origin")),
    ),
    "an option that there is not": Row(
        {"origin": APP, "credential": "true"},
        {"allow_origins": APP, "allow_credential": True},
        GET,
        (200, READABLE),
        "unknown-option",
    ),
}


def codes_of(options: dict[str, Any]) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(SpyApp(), **options)
    return [problem.code for problem in caught.value.problems]


@shows("a ``Vary`` of the application's")
def show_vary() -> None:
    app = SpyApp(headers=[("Vary", "Cookie")])
    assert there(LIST, GET, app).values("Vary") == ["Cookie", "Origin"]
    assert here(OUR_LIST, GET, app).values("Vary") == ["Cookie, Origin"]


@shows("``copy`` or any origin with credentials")
def show_everybody_with_credentials() -> None:
    for origin, vary in (("copy", "Origin"), ("*", None)):
        answer = there({"origin": origin, "credentials": "true"}, page(EVIL))
        assert answer.cors == headers(EVIL, credentials="true", vary=vary)
    assert codes_of({"allow_origins": "*", "allow_credentials": True}) == ["wildcard-credentials"]


@shows("a pattern with ``?`` or ``[...]``")
def show_other_wildcards() -> None:
    origin = "https://pr-1.example.com"
    for entry, code in (
        ("https://pr-?.example.com", "origin-regex"),
        ("https://pr-[0-9].example.com", "origin-host"),
    ):
        assert there({"origin": entry}, page(origin)).cors == headers(origin, vary="Origin")
        assert codes_of({"allow_origins": entry}) == [code]
    for ours in ("https://pr-*.example.com", re.compile(r"https://pr-[0-9]\.example\.com")):
        assert here({"allow_origins": ours}, page(origin)).cors == headers(origin, vary="Origin")


@shows("``https://*``, ``*://app.example.com``")
def show_every_site() -> None:
    for entry, origin in (("https://*", EVIL), ("*://app.example.com", "http://app.example.com")):
        assert there({"origin": entry}, page(origin)).cors == headers(origin, vary="Origin")
        assert codes_of({"allow_origins": entry}) == ["origin-wildcard"]


@shows("``*`` beside others")
def show_star_beside_others() -> None:
    origins = f"* {APP}"
    assert there({"origin": origins}, page(EVIL)).cors == {}
    assert there({"origin": origins}, GET).cors == READABLE
    assert codes_of({"allow_origins": origins}) == ["wildcard-mixed"]


@shows("methods ``*``")
def show_any_method() -> None:
    name = "Access-Control-Allow-Methods"
    old, new = {**LIST, "methods": "*"}, {**OUR_LIST, "allow_methods": "*"}
    assert there(old, PREFLIGHT).values(name) == ["PUT"]
    assert here(new, PREFLIGHT).values(name) == ["*"]
    assert there({**old, "credentials": "true"}, PREFLIGHT).values(name) == ["PUT"]
    assert here({**new, "allow_credentials": True}, PREFLIGHT).values(name) == ["PUT"]


@shows("headers ``*``")
def show_any_header() -> None:
    name = "Access-Control-Allow-Headers"
    old, new = {**WITH_COOKIES, "headers": "*"}, {**OUR_LIST, "allow_headers": "*"}
    with_cookies = {**new, "allow_credentials": True}
    for names, ours in (("x-a,x-b", ["x-a, x-b"]), ("x-a,(", []), ("," * 60_000, [])):
        assert there(old, asking(names=names)).values(name) == [names]
        assert here(new, asking(names=names)).values(name) == ["*"]
        assert here(with_cookies, asking(names=names)).values(name) == ours


@shows("spelling of lists")
def show_spelling() -> None:
    old = {**LIST, "methods": "PUT,GET", "headers": "X-B,x-a"}
    new = {**OUR_LIST, "allow_methods": "PUT,GET", "allow_headers": "X-B,x-a"}
    spelt = [
        [answer.values(f"Access-Control-Allow-{name}") for name in ("Methods", "Headers")]
        for answer in (there(old, PREFLIGHT), here(new, PREFLIGHT))
    ]
    assert spelt == [[["PUT, GET"], ["X-B,x-a"]], [["GET, PUT"], ["x-a, x-b"]]]


@shows("the application's own header")
def show_own_header() -> None:
    app = SpyApp(headers=[("Access-Control-Allow-Origin", "*")])
    name = "Access-Control-Allow-Origin"
    assert there(LIST, GET, app).values(name) == ["*", APP]
    assert here(OUR_LIST, GET, app).values(name) == [APP]


@shows("the application's own header, origin denied")
def show_own_header_denied() -> None:
    app = SpyApp(headers=[("Access-Control-Allow-Origin", "*")])
    assert there(LIST, page(EVIL), app).cors == headers("*")
    assert here(OUR_LIST, page(EVIL), app).cors == VARIES


@shows("status text of a preflight")
def show_status() -> None:
    assert there(LIST, PREFLIGHT).reason == "OK"
    assert here(OUR_LIST, PREFLIGHT).reason == "No Content"


@shows("a blocked page")
def show_log() -> None:
    lines: list[tuple[str, str]] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append((record.levelname, record.getMessage()))

    logger, handler = logging.getLogger("corsgate"), Handler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        answers = [
            there(LIST, page(EVIL)),
            here(OUR_LIST, page(EVIL)),
            here({**OUR_LIST, "debug": True}, page(EVIL)),
        ]
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert [name for name, _ in lines] == ["INFO", "WARNING"]
    assert all(EVIL in line for _, line in lines)
    assert [len(answer.values("X-CORSGate-Reason")) for answer in answers] == [0, 0, 1]


def test_each_row_has_something_that_shows_it() -> None:
    assert sorted(keys(GUIDE, "differences")) == sorted(SHOWN)


@pytest.mark.parametrize("key", SHOWN)
def test_a_row_of_the_table_is_as_it_says(key: str) -> None:
    shown = SHOWN[key]
    if not isinstance(shown, Row):
        shown()
        return
    shown.check(there(shown.there, shown.request), lambda: here(shown.here, shown.request))


@pytest.mark.parametrize(
    "request_",
    [("OPTIONS", "/", {"Origin": APP}), ("OPTIONS", "/", {"Access-Control-Request-Method": "PUT"})],
)
def test_what_is_no_preflight_reaches_the_application_in_both(request_: Any) -> None:
    assert there(LIST, request_).body == here(OUR_LIST, request_).body == b"hello"


# ------------------------------------------------------------------ its code


def run(*names: str) -> dict[str, Any]:
    """What code blocks of the guide define, one after the other."""
    found: dict[str, Any] = {"app": SpyApp(), "CORS": CORS, "CORSMiddleware": CORSMiddleware}
    for name in names:
        exec(blocks(GUIDE)[name], found)
    return found


def test_all_code_of_the_guide_runs_here() -> None:
    assert [*blocks(GUIDE)] == [
        "before",
        "after",
        "several-before",
        "several",
        "by-method",
        "paste",
    ]


@pytest.mark.parametrize("origin", [APP, "https://pr-7.preview.example.com"])
def test_both_sides_of_the_first_example_allow_the_same(origin: str) -> None:
    before, after = (run(name)["app"] for name in ("before", "after"))
    assert call(before, *page(origin)).seen == call(after, *page(origin)).seen
    asked = asking(origin, "x-token")
    assert {**call(before, *asked).cors, **headers(vary=ASKED)} == call(after, *asked).cors


def test_both_sides_of_the_first_example_deny_a_stranger() -> None:
    before, after = (run(name)["app"] for name in ("before", "after"))
    assert call(before, *page(EVIL)).cors == {}
    assert call(after, *page(EVIL)).cors == VARIES


@pytest.mark.parametrize(
    ("origin", "allowed", "credentials", "methods"),
    [
        ("https://example.com", "https://example.com", "true", "GET, HEAD, POST, PUT"),
        (APP, APP, "true", "GET, HEAD, POST, PUT"),
        (PARTNER, "*", None, "GET, HEAD"),
    ],
)
def test_the_first_policy_that_allows_an_origin_holds(
    origin: str, allowed: str, credentials: str | None, methods: str
) -> None:
    before = call(run("several-before")["app"], *page(origin))
    assert before.cors == headers(origin, credentials=credentials, vary="Origin")
    app = run("several")["app"]
    assert call(app, *page(origin)).cors == headers(allowed, credentials=credentials, vary="Origin")
    preflight = call(app, *asking(origin)).cors
    assert preflight == headers(
        allowed, credentials=credentials, methods=methods, allow=NAMES, max_age="600", vary=ASKED
    )


def test_a_policy_is_chosen_by_the_method() -> None:
    old = {
        "policy": "free,ours",
        "matchstrategy": "verbmatch",
        "free_origin": "*",
        "free_methods": "GET,HEAD",
        "ours_origin": APP,
        "ours_methods": "PUT",
    }
    app = run("several", "by-method")["app"]
    for method, allowed in (("GET", "*"), ("PUT", APP)):
        name, request = "Access-Control-Allow-Origin", (method, "/", {"Origin": APP})
        assert there(old, request).values(name) == call(app, *request).values(name) == [allowed]
    asked = ("OPTIONS", "/", {"Origin": APP, "Access-Control-Request-Method": "PUT"})
    assert there(old, asked).values("Access-Control-Allow-Origin") == [APP]
    answer = call(app, *asked)
    assert answer.values("Access-Control-Allow-Origin") == [APP]
    assert answer.values("Access-Control-Max-Age") == ["0"]


def test_the_factory_for_paste_reads_texts() -> None:
    old = {"policy": "ours", "ours_origin": f"{APP} {PARTNER}", "ours_credentials": "true"}
    new = {"allow_origins": f"{APP} {PARTNER}", "allow_credentials": "true", "max_age": "60"}
    before = wsgicors.make_middleware(SpyApp(), {}, **old)
    after = run("paste")["make_middleware"](SpyApp(), {}, **new)
    for origin in (APP, PARTNER):
        assert call(before, *page(origin)).seen == call(after, *page(origin)).seen
    assert call(after, *PREFLIGHT).values("Access-Control-Max-Age") == ["60"]
