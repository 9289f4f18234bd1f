"""A project that runs django-cors-headers changes one line of MIDDLEWARE, and nothing else.

The real package and corsgate answer the same requests under the same settings, and
docs/moving/django_cors_headers.rst says all that differs.
"""

import inspect
import logging
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import corsheaders.checks
import corsheaders.conf
import pytest
from answers import APP, EVIL, PARTNER
from corsheaders.signals import check_request_enabled
from django.conf import settings as live
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django_project import COMMON, CORSGATE, URLs, send_sync, settings_of
from guide_tables import Row, headers
from pages import blocks, keys, read_page, table
from wsgi_client import Answer

from corsgate import PolicyError
from corsgate.django import CORSMiddleware

OLD = "corsheaders.middleware.CorsMiddleware"
PREVIEW = "https://pr-7.example.com"


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


def own(request: HttpRequest) -> HttpResponse:
    return HttpResponse("own", headers={"Access-Control-Allow-Origin": EVIL})


URLS: URLs = [path("api/x", hello), path("x", hello), path("slash/", hello), path("own", own)]

PROJECTS: dict[str, dict[str, Any]] = {
    "a list": {"CORS_ALLOWED_ORIGINS": [APP]},
    "a list and cookies": {"CORS_ALLOWED_ORIGINS": [APP], "CORS_ALLOW_CREDENTIALS": True},
    "everybody": {"CORS_ALLOW_ALL_ORIGINS": True},
    "old names": {"CORS_ORIGIN_WHITELIST": [APP], "CORS_ORIGIN_ALLOW_ALL": False},
    "regexes": {"CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://pr-\d+\.example\.com$"]},
    "some paths": {"CORS_ALLOWED_ORIGINS": [APP], "CORS_URLS_REGEX": r"^/api/.*$"},
    "all the rest": {
        "CORS_ALLOWED_ORIGINS": [APP, "null"],
        "CORS_ALLOW_METHODS": ("GET", "PUT"),
        "CORS_ALLOW_HEADERS": ("content-type", "x-a"),
        "CORS_EXPOSE_HEADERS": ["ETag"],
        "CORS_PREFLIGHT_MAX_AGE": 60,
    },
    "no max-age": {"CORS_ALLOWED_ORIGINS": [APP], "CORS_PREFLIGHT_MAX_AGE": 0},
}
# What is meant to differ: name -> header, for every answer that has it on either side.
DIFFERENCES = {
    "an answer to everybody is the same with and without Origin": "vary",
    "a preflight also varies by what it asks for": "vary",
    "HEAD is listed, which browsers allow in any case": "access-control-allow-methods",
    "600 seconds, the most that every browser keeps to, and not a day": "access-control-max-age",
    "no browser reads these on a preflight": "access-control-expose-headers",
}


def answers(middleware: str, settings: dict[str, Any], method: str, url: str, origin: str) -> Any:
    headers = {"Origin": origin} if origin else {}
    if method == "OPTIONS":
        headers["Access-Control-Request-Method"] = "PUT"
    with settings_of(URLS, middleware=[middleware], **settings):
        return send_sync(method, url, headers)


@pytest.mark.parametrize("settings", PROJECTS.values(), ids=PROJECTS)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize("url", ["/x", "/api/x", "/nowhere"])
@pytest.mark.parametrize("origin", [APP, PREVIEW, EVIL, "null", ""])
def test_a_browser_concludes_the_same(
    settings: dict[str, Any], method: str, url: str, origin: str
) -> None:
    before = answers(OLD, settings, method, url, origin)
    after = answers(CORSGATE, settings, method, url, origin)
    if method == "GET":
        assert (after.status, after.body) == (before.status, before.body)
    if not origin:
        return  # no browser asks whether it may read this
    allowed = "access-control-allow-origin" in before.cors
    # A refused preflight has none of the headers now; it had all but the first.
    if method == "OPTIONS" and not allowed:
        assert "access-control-allow-origin" not in after.cors
        return
    own = _own(settings) - ({"expose-headers"} if method == "OPTIONS" else set())
    differing = set(DIFFERENCES.values()) - {f"access-control-{name}" for name in own}
    for name in {*before.cors, *after.cors} - differing:
        assert after.cors.get(name) == before.cors.get(name), name


def _own(settings: dict[str, Any]) -> set[str]:
    """The headers that a project has settings for, so that no default makes them differ."""
    return {
        name.removeprefix("CORS_").removeprefix("PREFLIGHT_").lower().replace("_", "-")
        for name in settings
    }


def test_the_name_of_its_class_says_what_it_is_called_here() -> None:
    with pytest.raises(ImportError) as caught:
        answers("corsgate.django.CorsMiddleware", {}, "GET", "/x", APP)
    assert str(caught.value) == (
        "corsgate.django has no CorsMiddleware: here it is called CORSMiddleware."
    )


# ------------------------------------------------------------------ the guide

GUIDE = read_page("docs/moving/django_cors_headers")


def names_in(cells: list[str]) -> list[str]:
    return [name for cell in cells for name in re.findall(r"``(CORS_\w+)``", cell)]


def test_the_table_names_every_setting_that_the_package_reads() -> None:
    source = "".join(map(inspect.getsource, (corsheaders.conf, corsheaders.checks)))
    read = set(re.findall(r'"(CORS_[A-Z_]+)', source))
    assert {name for name in vars(corsheaders.conf.Settings) if name.startswith("CORS_")} <= read
    assert sorted(names_in(keys(GUIDE, "settings"))) == sorted(read)


def settings_that_are(meaning: str) -> set[str]:
    rows = table(GUIDE, "settings")
    return {name for first, here, _ in rows if here == meaning for name in names_in([first])}


LIST: dict[str, Any] = {"CORS_ALLOWED_ORIGINS": [APP]}
GET = ("GET", "/x", {"Origin": APP})
PREFLIGHT = ("OPTIONS", "/x", {"Origin": APP, "Access-Control-Request-Method": "PUT"})
# Setting -> settings with it, the same without it, a request, and the header that it decides.
SAME: dict[str, tuple[dict[str, Any], dict[str, Any], Any, str]] = {
    "CORS_ALLOWED_ORIGINS": (LIST, {}, GET, "Access-Control-Allow-Origin"),
    "CORS_ORIGIN_WHITELIST": (
        {"CORS_ORIGIN_WHITELIST": [APP]},
        {},
        GET,
        "Access-Control-Allow-Origin",
    ),
    "CORS_ALLOW_ALL_ORIGINS": (
        {"CORS_ALLOW_ALL_ORIGINS": True},
        {},
        GET,
        "Access-Control-Allow-Origin",
    ),
    "CORS_ORIGIN_ALLOW_ALL": (
        {"CORS_ORIGIN_ALLOW_ALL": True},
        {},
        GET,
        "Access-Control-Allow-Origin",
    ),
    "CORS_URLS_REGEX": (
        {**LIST, "CORS_URLS_REGEX": "^/api/"},
        LIST,
        GET,
        "Access-Control-Allow-Origin",
    ),
    "CORS_ALLOW_METHODS": (
        {**LIST, "CORS_ALLOW_METHODS": ["PUT"]},
        LIST,
        PREFLIGHT,
        "Access-Control-Allow-Methods",
    ),
    "CORS_ALLOW_HEADERS": (
        {**LIST, "CORS_ALLOW_HEADERS": ["x-a"]},
        LIST,
        PREFLIGHT,
        "Access-Control-Allow-Headers",
    ),
    "CORS_EXPOSE_HEADERS": (
        {**LIST, "CORS_EXPOSE_HEADERS": ["ETag"]},
        LIST,
        GET,
        "Access-Control-Expose-Headers",
    ),
    "CORS_ALLOW_CREDENTIALS": (
        {**LIST, "CORS_ALLOW_CREDENTIALS": True},
        LIST,
        GET,
        "Access-Control-Allow-Credentials",
    ),
    "CORS_PREFLIGHT_MAX_AGE": (
        {**LIST, "CORS_PREFLIGHT_MAX_AGE": 7},
        LIST,
        PREFLIGHT,
        "Access-Control-Max-Age",
    ),
}
REGEXES = ("CORS_ALLOWED_ORIGIN_REGEXES", "CORS_ORIGIN_REGEX_WHITELIST")
NOT_NEEDED: dict[str, Any] = {
    "CORS_ALLOW_PRIVATE_NETWORK": True,
    "CORS_MODEL": "shop.Site",
    "CORS_REPLACE_HTTPS_REFERER": True,
}


def ask(middleware: str, settings: dict[str, Any], request: Any, urls: URLs = URLS) -> Answer:
    with settings_of(urls, middleware=[middleware, COMMON], **settings):
        return send_sync(*request)


def test_each_setting_is_in_one_of_these() -> None:
    assert settings_that_are("read as it is") == set(SAME)
    assert settings_that_are("other meaning") == set(REGEXES)
    assert settings_that_are("not needed") == set(NOT_NEEDED)


@pytest.mark.parametrize("setting", SAME)
def test_a_setting_that_is_read_as_it_is_decides_the_same(setting: str) -> None:
    given, without, request, header = SAME[setting]
    before, after = (ask(one, given, request).values(header) for one in (OLD, CORSGATE))
    assert before == after
    assert before != ask(OLD, without, request).values(header)
    assert after != ask(CORSGATE, without, request).values(header)


@pytest.mark.parametrize("setting", REGEXES)
@pytest.mark.parametrize(
    ("regex", "origin", "before", "after"),
    [
        (r"^https://app\.example\.com$", APP, [APP], [APP]),
        (r"https://app\.example\.com", f"{APP}.evil.test", [f"{APP}.evil.test"], []),
    ],
    ids=["whole", "beginning"],
)
def test_a_regex_has_to_match_the_whole_origin(
    setting: str, regex: str, origin: str, before: list[str], after: list[str]
) -> None:
    answers = [
        ask(one, {setting: [regex]}, ("GET", "/x", {"Origin": origin})) for one in (OLD, CORSGATE)
    ]
    allowed = [one.values("Access-Control-Allow-Origin") for one in answers]
    assert allowed == [before, after]


@pytest.mark.parametrize("setting", NOT_NEEDED)
def test_a_setting_that_is_not_needed_is_ignored_with_a_warning(setting: str) -> None:
    with pytest.warns(UserWarning, match=setting):
        answer = ask(CORSGATE, {**LIST, setting: NOT_NEEDED[setting]}, PREFLIGHT)
    assert answer == ask(CORSGATE, LIST, PREFLIGHT)


# Row of the table -> what shows it.
SHOWN: dict[str, Row | Callable[[], None]] = {}


def shows(key: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def note(function: Callable[[], None]) -> Callable[[], None]:
        SHOWN[key] = function
        return function

    return note


OLD_METHODS = "DELETE, GET, OPTIONS, PATCH, POST, PUT"
METHODS = f"{OLD_METHODS}, HEAD"
NAMES = "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with"
ASKED = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
EVERYBODY: dict[str, Any] = {"CORS_ALLOW_ALL_ORIGINS": True}
COOKIES: dict[str, Any] = {**LIST, "CORS_ALLOW_CREDENTIALS": True}
NOTHING_SET: dict[str, Any] = {}


def passed(
    origin: str = APP,
    *,
    methods: str = METHODS,
    allow: str = NAMES,
    max_age: str = "600",
    vary: str = ASKED,
    **more: str,
) -> dict[str, object]:
    """The headers of the answer to a preflight."""
    return headers(origin, methods=methods, allow=allow, max_age=max_age, vary=vary, **more)


def passed_before(origin: str = APP, **more: str) -> dict[str, object]:
    others = {"methods": OLD_METHODS, "max_age": "86400", "vary": "Origin", **more}
    return passed(origin, **others)


def row(
    settings: dict[str, Any],
    request: Any,
    before: tuple[int, dict[str, object]],
    after: tuple[int, dict[str, object]] | str,
) -> Row:
    return Row(settings, settings, request, before, after)


def page(origin: str, method: str = "GET", url: str = "/x") -> Any:
    return (method, url, {"Origin": origin})


VARIES = headers(vary="Origin")
READABLE = headers(APP, vary="Origin")
PAIR = (200, passed_before()), (204, passed())
STRANGER = f"{APP}.evil.example"
BROAD: dict[str, Any] = {"CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://.*\.example\.com$"]}

SHOWN |= {
    "allowed preflight": row(LIST, PREFLIGHT, *PAIR),
    "refused preflight": row(
        LIST,
        ("OPTIONS", "/x", {**PREFLIGHT[2], "Origin": EVIL}),
        (200, VARIES),
        (403, headers(vary=ASKED)),
    ),
    "``Vary`` of a preflight": row(LIST, PREFLIGHT, *PAIR),
    "no max-age is set": row(LIST, PREFLIGHT, *PAIR),
    "no methods are set": row(LIST, PREFLIGHT, *PAIR),
    "exposed headers on a preflight": row(
        {**LIST, "CORS_EXPOSE_HEADERS": ["ETag"]},
        PREFLIGHT,
        (200, passed_before(expose="ETag")),
        (204, passed()),
    ),
    "OPTIONS of a page itself": row(
        LIST, page(APP, "OPTIONS"), (200, passed_before()), (200, READABLE)
    ),
    "any origin": row(EVERYBODY, GET, (200, headers("*", vary="Origin")), (200, headers("*"))),
    "any origin, no ``Origin`` sent": row(
        EVERYBODY, ("GET", "/x", {}), (200, VARIES), (200, headers("*"))
    ),
    "any origin with credentials": row(
        {**EVERYBODY, "CORS_ALLOW_CREDENTIALS": True},
        page(EVIL),
        (200, headers(EVIL, credentials="true", vary="Origin")),
        "wildcard-credentials",
    ),
    "a regex and a longer origin": row(
        {"CORS_ALLOWED_ORIGIN_REGEXES": [r"https://app\.example\.com"]},
        page(STRANGER),
        (200, headers(STRANGER, vary="Origin")),
        (200, VARIES),
    ),
    "a regex and ``null``": row(
        {"CORS_ALLOWED_ORIGIN_REGEXES": [".*"]},
        page("null"),
        (200, headers("null", vary="Origin")),
        (200, VARIES),
    ),
    "a regex and what is no origin": row(
        BROAD,
        page("https://evil.test/?.example.com"),
        (200, headers("https://evil.test/?.example.com", vary="Origin")),
        (200, VARIES),
    ),
    "a listed origin with a path": row(
        LIST, page(f"{APP}/x"), (200, headers(f"{APP}/x", vary="Origin")), (200, VARIES)
    ),
    '``"*"`` in a list': row(
        {"CORS_ALLOWED_ORIGINS": ["*"]}, GET, (200, VARIES), (200, headers("*"))
    ),
    "an entry without a scheme": row(
        {"CORS_ALLOWED_ORIGINS": ["app.example.com"]},
        page("null"),
        (200, headers("null", vary="Origin")),
        "origin-no-scheme",
    ),
    "a pattern in a list": row(
        {"CORS_ALLOWED_ORIGINS": ["https://*.example.com"]}, GET, (200, VARIES), (200, READABLE)
    ),
    "one string for a list": row(
        {"CORS_ALLOWED_ORIGINS": f"{APP},https://b.example"}, GET, (200, VARIES), (200, READABLE)
    ),
    "methods ``*`` with credentials": row(
        {**COOKIES, "CORS_ALLOW_METHODS": ["*"]},
        PREFLIGHT,
        (200, passed_before(methods="*", credentials="true")),
        (204, passed(methods="PUT", credentials="true")),
    ),
    "headers ``*`` with credentials": row(
        {**COOKIES, "CORS_ALLOW_HEADERS": ["*"]},
        ("OPTIONS", "/x", {**PREFLIGHT[2], "Access-Control-Request-Headers": "x-a"}),
        (200, passed_before(allow="*", credentials="true")),
        (204, passed(allow="x-a", credentials="true")),
    ),
    "headers ``*`` and others": row(
        {**LIST, "CORS_ALLOW_HEADERS": ["*", "x-a"]},
        PREFLIGHT,
        (200, passed_before(allow="*, x-a")),
        (204, passed(allow="*")),
    ),
    "nothing is allowed": row(NOTHING_SET, GET, (200, VARIES), (200, {})),
    "a setting that is wrong": row(
        {"CORS_ALLOWED_ORIGINS": ["https://App.example.com"]},
        GET,
        (200, VARIES),
        "origin-upper-case",
    ),
    "a missing slash and ``CORS_URLS_REGEX``": row(
        {**LIST, "CORS_URLS_REGEX": r"^/.*/$"},
        ("OPTIONS", "/slash", PREFLIGHT[2]),
        (301, {}),
        (204, passed()),
    ),
}


@shows("spelling of lists")
def show_spelling() -> None:
    settings = {**LIST, "CORS_ALLOW_HEADERS": ["X-B", "x-a"], "CORS_ALLOW_METHODS": ["PUT", "GET"]}
    spelt = [
        [
            ask(one, settings, PREFLIGHT).values(f"Access-Control-Allow-{name}")
            for name in ("Headers", "Methods")
        ]
        for one in (OLD, CORSGATE)
    ]
    assert spelt == [[["X-B, x-a"], ["PUT, GET"]], [["x-a, x-b"], ["GET, PUT"]]]


@shows("OPTIONS with ``Access-Control-Request-Method``, no ``Origin``")
def show_no_preflight() -> None:
    request = ("OPTIONS", "/x", {"Access-Control-Request-Method": "PUT"})
    before, after = (ask(one, LIST, request) for one in (OLD, CORSGATE))
    assert (before.status, before.body, before.cors) == (200, b"", VARIES)
    assert (after.status, after.body, after.cors) == (200, b"hello", VARIES)


@shows("the view's own header, origin denied")
def show_own_header() -> None:
    before = ask(OLD, LIST, page(EVIL, url="/own"))
    assert before.cors == headers(EVIL, vary="Origin")
    after = ask(CORSGATE, LIST, page(EVIL, url="/own"))
    assert after.cors == VARIES


@shows("one string for the regexes")
def show_letters() -> None:
    settings: dict[str, Any] = {"CORS_ALLOWED_ORIGIN_REGEXES": r"^https://app\.example\.com$"}
    assert ask(OLD, settings, page(EVIL)).cors == headers(EVIL, vary="Origin")
    assert ask(CORSGATE, settings, page(EVIL)).cors == VARIES
    assert ask(CORSGATE, settings, GET).cors == READABLE
    with settings_of(URLS, **settings):
        assert corsheaders.checks.check_settings() == []


@shows("``file://`` in a list")
def show_files() -> None:
    settings = {"CORS_ALLOWED_ORIGINS": ["file://", APP]}
    assert ask(OLD, settings, page("file://")).cors == headers("file://", vary="Origin")
    with pytest.warns(UserWarning, match="has 'file://', which is not let in: it is sent"):
        after = ask(CORSGATE, settings, page("file://"))
    assert after.cors == VARIES


@shows("private network is allowed")
def show_private_network() -> None:
    settings = {**LIST, "CORS_ALLOW_PRIVATE_NETWORK": True}
    asking = {**PREFLIGHT[2], "Access-Control-Request-Private-Network": "true"}
    request = ("OPTIONS", "/x", asking)
    name = "Access-Control-Allow-Private-Network"
    assert ask(OLD, settings, request).values(name) == ["true"]
    with pytest.warns(UserWarning, match="CORS_ALLOW_PRIVATE_NETWORK has no effect"):
        assert ask(CORSGATE, settings, request).values(name) == []


@shows("receivers of the signal")
def show_signal() -> None:
    def allow(sender: object, request: HttpRequest, **kwargs: object) -> bool:
        return request.path == "/x"

    check_request_enabled.connect(allow)
    try:
        answers = [ask(one, LIST, page(EVIL)) for one in (OLD, CORSGATE)]
    finally:
        check_request_enabled.disconnect(allow)
    assert [one.cors for one in answers] == [headers(EVIL, vary="Origin"), VARIES]


@shows("static files of WhiteNoise")
def show_static_files() -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a.css").write_text("a {}")
        settings = {**LIST, "STATIC_URL": "/s/", "STATIC_ROOT": folder}
        before, after = (static_file(one, settings) for one in (OLD, CORSGATE))
        taken_back = static_file(CORSGATE, {**settings, "CORS_PATHS": {"/s/*": {}}})
    assert before == READABLE
    assert after == headers("*")
    assert taken_back == READABLE


def static_file(middleware: str, settings: dict[str, Any]) -> dict[str, object]:
    whitenoise = "whitenoise.middleware.WhiteNoiseMiddleware"
    with settings_of(URLS, middleware=[middleware, whitenoise], **settings):
        return send_sync("GET", "/s/a.css", {"Origin": APP}).cors


@shows("a setting that is changed while serving")
def show_changed_setting() -> None:
    found = []
    for one in (OLD, CORSGATE):
        with settings_of(URLS, middleware=[one], CORS_ALLOWED_ORIGINS=[APP]):
            send_sync(*GET)
            live.CORS_ALLOWED_ORIGINS = [EVIL]
            found.append(send_sync(*GET).cors)
    assert found == [VARIES, READABLE]


@shows("a blocked page")
def show_log() -> None:
    logger, lines = logging.getLogger("corsgate"), []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append((record.levelname, record.getMessage()))  # type: ignore[method-assign]
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    reasons = []
    try:
        for one, debug in ((OLD, False), (CORSGATE, False), (CORSGATE, True)):
            answer = ask(one, {**LIST, "CORS_DEBUG": debug}, page(EVIL))
            reasons.append(answer.values("X-CORSGate-Reason"))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
    assert [name for name, _ in lines] == ["INFO", "WARNING"]
    assert all(EVIL in line for _, line in lines)
    assert [len(values) for values in reasons] == [0, 0, 1]


def test_each_row_has_something_that_shows_it() -> None:
    assert sorted(keys(GUIDE, "differences")) == sorted(SHOWN)


@pytest.mark.parametrize("key", SHOWN)
def test_a_row_of_the_table_is_as_it_says(key: str) -> None:
    shown = SHOWN[key]
    if not isinstance(shown, Row):
        shown()
        return
    before = ask(OLD, shown.there, shown.request)
    assert (before.status, before.cors) == shown.before
    if isinstance(shown.after, str):
        assert codes_of(shown.here) == [shown.after]
    else:
        after = ask(CORSGATE, shown.here, shown.request)
        assert (after.status, after.cors) == shown.after


def codes_of(settings: dict[str, Any]) -> list[str]:
    """What stops the start under these settings."""
    with settings_of(URLS, **settings), pytest.raises(ImproperlyConfigured) as caught:
        CORSMiddleware(hello)
    assert isinstance(caught.value.__cause__, PolicyError)
    return [problem.code for problem in caught.value.__cause__.problems]


CREDENTIALS = {"CORS_ALLOW_CREDENTIALS": True}
# Code -> what stops the start, and what does not.
STOPS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "wildcard-credentials": ({**EVERYBODY, **CREDENTIALS}, COOKIES),
    "null-origin": (
        {"CORS_ALLOWED_ORIGINS": ["null"], **CREDENTIALS},
        {
            "CORS_ALLOWED_ORIGINS": ["null"],
            **CREDENTIALS,
            "CORS_DANGEROUSLY_ALLOW": ["null-origin"],
        },
    ),
    "insecure-origin": (
        {
            "CORS_ALLOWED_ORIGINS": ["http://app.example.com", "http://localhost:3000"],
            **CREDENTIALS,
        },
        {"CORS_ALLOWED_ORIGINS": [APP, "http://localhost:3000"], **CREDENTIALS},
    ),
    "regex-too-broad": (
        {"CORS_ALLOWED_ORIGIN_REGEXES": [r"https://.*\.com"], **CREDENTIALS},
        {"CORS_ALLOWED_ORIGIN_REGEXES": [r"https://.*\.example\.com"], **CREDENTIALS},
    ),
    "public-suffix": (
        {"CORS_ALLOWED_ORIGIN_REGEXES": [r"https://.*\.github\.io"], **CREDENTIALS},
        {"CORS_ALLOWED_ORIGINS": ["https://shop.github.io"], **CREDENTIALS},
    ),
    "expose-wildcard-credentials": (
        {**COOKIES, "CORS_EXPOSE_HEADERS": ["*"]},
        {**COOKIES, "CORS_EXPOSE_HEADERS": ["ETag"]},
    ),
    "expose-forbidden": ({**LIST, "CORS_EXPOSE_HEADERS": ["Set-Cookie"]}, LIST),
    "origin-path": ({"CORS_ALLOWED_ORIGINS": [f"{APP}/"]}, LIST),
    "origin-upper-case": ({"CORS_ALLOWED_ORIGINS": ["https://App.example.com"]}, LIST),
    "origin-default-port": ({"CORS_ALLOWED_ORIGINS": [f"{APP}:443"]}, LIST),
    "origin-no-scheme": ({"CORS_ALLOWED_ORIGINS": ["app.example.com"]}, LIST),
    "wildcard-mixed": ({"CORS_ALLOWED_ORIGINS": ["*", APP]}, {"CORS_ALLOWED_ORIGINS": ["*"]}),
    "method-case": (
        {**LIST, "CORS_ALLOW_METHODS": ["patch"]},
        {**LIST, "CORS_ALLOW_METHODS": ["PATCH"]},
    ),
    "method-forbidden": ({**LIST, "CORS_ALLOW_METHODS": ["TRACE"]}, LIST),
    "conflict": ({**LIST, "CORS_ORIGIN_WHITELIST": [EVIL]}, LIST),
    "wrong-type": ({**LIST, "CORS_ALLOW_CREDENTIALS": 1}, COOKIES),
    "unknown-option": ({"CORS_ALLOWED_ORIGIN": [APP]}, LIST),
}


def test_each_code_of_the_table_is_tried() -> None:
    assert [key.strip("`") for key in keys(GUIDE, "stops")] == [*STOPS]


@pytest.mark.parametrize("code", STOPS)
def test_what_stops_the_start_says_so_and_the_other_starts(code: str) -> None:
    wrong, right = STOPS[code]
    assert codes_of(wrong) == [code]
    assert ask(OLD, wrong, GET).status == 200
    with settings_of(URLS, **right):
        CORSMiddleware(hello)


# ------------------------------------------------------------------ its code


def settings_in(name: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(blocks(GUIDE)[name], names)
    return {key: value for key, value in names.items() if key.isupper() and key[:2] != "__"}


def test_all_code_of_the_guide_runs_here() -> None:
    assert [*blocks(GUIDE)] == ["middleware", "signal-origin", "signal-path", "signal-request"]


def test_the_middleware_of_the_guide_answers() -> None:
    with settings_of(URLS, **settings_in("middleware"), **LIST):
        assert send_sync(*GET).cors == READABLE


def test_a_receiver_becomes_a_function_among_the_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    class Partner:
        class objects:  # noqa: N801  # as of a model
            @staticmethod
            def filter(origin: str) -> Any:
                return SimpleNamespace(exists=lambda: origin == PARTNER)

    models = ModuleType("shop.models")
    models.__dict__["Partner"] = Partner
    monkeypatch.setitem(sys.modules, "shop", ModuleType("shop"))
    monkeypatch.setitem(sys.modules, "shop.models", models)
    settings = settings_in("signal-origin")
    allowed = [ask(CORSGATE, settings, page(one)).cors for one in (APP, PARTNER, EVIL)]
    assert allowed == [READABLE, headers(PARTNER, vary="Origin"), VARIES]


def test_a_receiver_becomes_a_policy_of_a_path() -> None:
    urls: URLs = [path("api/public/x", hello), path("x", hello)]
    settings = settings_in("signal-path")
    seen = [
        ask(CORSGATE, settings, page(origin, url=url), urls).cors
        for origin, url in ((EVIL, "/api/public/x"), (EVIL, "/x"), (APP, "/x"))
    ]
    assert seen == [headers("*"), VARIES, READABLE]


def test_a_receiver_becomes_a_function_that_gives_the_policy() -> None:
    settings = {**settings_in("signal-request"), "ALLOWED_HOSTS": ["*"]}
    shop = "https://shop.example"
    seen = [
        ask(CORSGATE, settings, ("GET", "/x", {"Origin": shop, "Host": host})).cors
        for host in ("api.shop.example", "api.other.example")
    ]
    assert seen == [headers(shop, credentials="true", vary="Origin"), {}]
