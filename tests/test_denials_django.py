"""What is said about denials in Django, sync and async; the rules are tested in test_denials.py."""

import logging
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from answers import APP, EVIL, goes_on
from asgi_client import call_asgi
from blocked import (
    FORGED,
    FORGED_FIELDS,
    FORGED_LINE,
    FORGED_PATH,
    GET,
    NEAR,
    OPTIONS,
    PREFLIGHT,
    WRONG_METHOD,
    fields,
    leaked,
    line_of,
    reasons,
    texts,
)
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import include, path, re_path
from django.views import View
from django_project import Send, URLs, send_async, send_sync, settings_of
from wsgi_client import comparable, environ_of

from corsgate import Decision, Policy
from corsgate._explain import explain_in
from corsgate._words import DJANGO_SETTINGS, KEYWORDS, Words
from corsgate.django import CORSMiddleware, cors
from corsgate.django.conf import current_rules
from corsgate.django.routing import route, words_of

SETTINGS = {f"CORS_{name.upper()}": value for name, value in OPTIONS.items()}
SENDS = [pytest.param(send_sync, id="wsgi"), pytest.param(send_async, id="asgi")]
each_send = pytest.mark.parametrize("send", SENDS)


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse("plain")


@cors(allow_origins="https://marked.example")
def marked(request: HttpRequest) -> HttpResponse:
    return HttpResponse("marked")


URLS: URLs = [path("api/x", plain), path("api/marked", marked)]

told: list[tuple[str, str, str | None, int]] = []


def on_denied(environ: Any, decision: Decision) -> None:
    here = (environ["PATH_INFO"], decision.kind, decision.reason)
    told.append((*here, threading.get_ident()))


@pytest.fixture(autouse=True)
def _all_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "corsgate")
    told.clear()


WHERE: dict[str, tuple[dict[str, Any], Words]] = {
    "settings": (SETTINGS, DJANGO_SETTINGS),
    "django-cors-headers": (
        {
            **{name: value for name, value in SETTINGS.items() if name != "CORS_ALLOW_ORIGINS"},
            "CORS_ALLOWED_ORIGINS": OPTIONS["allow_origins"],
        },
        DJANGO_SETTINGS.spelling({"allow_origins": "CORS_ALLOWED_ORIGINS"}, {}),
    ),
    "policy": ({"CORS_POLICY": Policy(**OPTIONS)}, KEYWORDS.at("CORS_POLICY")),
    "paths": ({"CORS_PATHS": {"/api/*": OPTIONS}}, KEYWORDS.at("CORS_PATHS['/api/*']")),
    "source": ({"CORS_POLICY": lambda meta: Policy(**OPTIONS)}, KEYWORDS),
}


@each_send
@pytest.mark.parametrize(("where", "words"), WHERE.values(), ids=WHERE)
def test_debug_mode_says_why_in_the_words_of_the_settings(
    send: Send, where: dict[str, Any], words: Words, caplog: pytest.LogCaptureFixture
) -> None:
    with settings_of(URLS, CORS_DEBUG=True, **where):
        line = line_of(words, "GET", GET)
        answer = send("GET", "/api/x", GET)
        assert (answer.status, answer.body) == (200, b"plain")
        assert answer.seen == comparable(
            {
                "Content-Type": "text/html; charset=utf-8",
                "X-CORSGate-Reason": line,
                "Vary": "Origin",
            }
        )
        assert texts(caplog) == [("WARNING", f"corsgate: a browser blocks 'GET' '/api/x': {line}")]

        line = line_of(words, "OPTIONS", PREFLIGHT)
        answer = send("OPTIONS", "/api/x", PREFLIGHT)
        assert (answer.status, answer.body, reasons(answer)) == (403, f"{line}\n".encode(), [line])
        blocks = "corsgate: a browser blocks the preflight for 'PROPFIND' '/api/x'"
        assert texts(caplog) == [("WARNING", f"{blocks}: {line}")]

        line = line_of(words, "OPTIONS", WRONG_METHOD)
        answer = send("OPTIONS", "/api/x", WRONG_METHOD)
        assert answer.status == 204
        assert answer.seen == goes_on(
            APP,
            max_age="5",
            Access_Control_Allow_Methods="PROPFIND, REPORT",
            Access_Control_Allow_Headers="x-secret-name, x-wanted",
            X_CORSGate_Reason=line,
        )
        assert len(texts(caplog)) == 1


@cors(allow_origins=APP)
async def marked_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse("marked")


class Item(View):
    @cors(allow_origins=APP)
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("item")

    def put(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("item")


@cors(allow_origins=APP)
class Items(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("items")


def views() -> URLs:
    group = [path("plain", plain), path("async", marked_async), path("item", Item.as_view())]
    return [
        path("function", cors(allow_origins=APP)(plain)),
        path("async", marked_async),
        path("method", Item.as_view()),
        path("class", Items.as_view()),
        path("group/", cors(allow_origins=APP)(include(group))),
        path("outer/", include(group)),
        path("shared", cors(SHARED)(plain)),
    ]


SHARED = Policy(allow_origins=APP)
VIEWS = {
    "/function": "cors(...) of view '{}.plain'",
    "/async": "cors(...) of view '{}.marked_async'",
    "/method": "cors(...) of view '{}.Item'",
    "/class": "cors(...) of view '{}.Items'",
    "/group/plain": "cors(...) around the group of view '{}.plain'",
    "/group/async": "cors(...) of view '{}.marked_async'",
    "/group/item": "cors(...) of view '{}.Item'",
    "/outer/async": "cors(...) of view '{}.marked_async'",
    "/shared": "cors(...) of view '{}.plain'",
    "/paths": "CORS_PATHS['/paths']",
}


@each_send
@pytest.mark.parametrize(("url", "place"), VIEWS.items(), ids=VIEWS)
def test_the_view_is_named_whose_mark_decides(send: Send, url: str, place: str) -> None:
    paths = {"/paths": {"allow_origins": APP}}
    with settings_of(views(), CORS_DEBUG=True, CORS_ALLOW_ORIGINS=NEAR, CORS_PATHS=paths):
        found = reasons(send("GET", url, GET))
    policy = Policy(allow_origins=APP)
    words = KEYWORDS.at(place.format(__name__))
    assert found == [explain_in(words, policy, environ_of("GET", url, GET)).line]


def test_each_method_is_named_by_the_mark_that_decides_for_it() -> None:
    group = cors(allow_origins=NEAR)(include([path("item", Item.as_view())]))
    asked = {"Origin": EVIL, "Access-Control-Request-Method": "PUT"}
    with settings_of([path("", group)], CORS_DEBUG=True):
        [line] = reasons(send_sync("OPTIONS", "/item", asked))
    assert line.endswith(f"  # in cors(...) around the group of view '{__name__}.Item'")


def test_a_urlconf_that_is_broken_hides_the_place_only() -> None:
    with settings_of(views(), CORS_DEBUG=True, CORS_ALLOW_ORIGINS=NEAR):
        policy = cast("Policy", route(RequestFactory().get("/class"), "GET", current_rules())[0])
        assert words_of(policy).place == f"cors(...) of view '{__name__}.Items'"
        with override_settings(ROOT_URLCONF="nowhere.urls"):
            assert words_of(policy) == KEYWORDS


@each_send
def test_the_reason_is_never_the_applications(send: Send) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"x-corsgate-reason": "believe me"})

    for debug, expected in ((False, []), (True, [line_of(DJANGO_SETTINGS, "GET", GET)])):
        with settings_of([path("", view)], CORS_DEBUG=debug, **SETTINGS):
            assert reasons(send("GET", "/", GET)) == expected
            assert reasons(send("GET", "/", {"Origin": APP})) == []


@each_send
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"DEBUG": True}, True),
        ({"DEBUG": False}, False),
        ({"DEBUG": True, "CORS_DEBUG": False}, False),
        ({"DEBUG": False, "CORS_DEBUG": True}, True),
        ({"DEBUG": False, "CORS_DEBUG": "yes"}, True),
        ({"DEBUG": True, "CORS_DEBUG": None}, True),
    ],
)
def test_debug_mode_follows_the_settings_unless_it_is_set(
    send: Send, changes: dict[str, Any], expected: bool
) -> None:
    with settings_of(URLS, **changes, **SETTINGS):
        assert bool(reasons(send("GET", "/api/marked", GET))) is expected


@each_send
@pytest.mark.parametrize("url", ["/api/x", "/api/marked", "/nowhere"])
@pytest.mark.parametrize(("method", "headers"), [("GET", GET), ("OPTIONS", PREFLIGHT)])
def test_without_debug_mode_nothing_leaks(
    send: Send, url: str, method: str, headers: dict[str, str]
) -> None:
    with settings_of(URLS, **SETTINGS):
        answer = send(method, url, {**headers, "Origin": NEAR})
    assert (leaked(answer), reasons(answer)) == ([], [])
    assert b"marked.example" not in answer.body


@each_send
@pytest.mark.parametrize("url", ["/api/x", "/api/marked", "/nowhere"])
@pytest.mark.parametrize("debug", [True, False])
def test_a_denial_is_one_line_and_told_once(
    send: Send, url: str, debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with settings_of(URLS, CORS_ON_DENIED=on_denied, CORS_DEBUG=debug, **SETTINGS):
        send("GET", url, GET)
        [(level, text)] = [*texts(caplog)]
        if debug:
            assert (level, text.partition(":")[2].partition(":")[0]) == (
                "WARNING",
                f" a browser blocks 'GET' '{url}'",
            )
        else:
            assert (level, text) == (
                "INFO",
                f"corsgate: denied 'GET' '{url}' to a page on '{EVIL}': origin-not-allowed",
            )
        send("OPTIONS", url, PREFLIGHT)
        send("GET", url, {"Origin": "https://marked.example" if "marked" in url else APP})
    assert [found[:3] for found in told] == [
        (url, "actual", "origin-not-allowed"),
        (url, "preflight", "origin-not-allowed"),
    ]


@pytest.mark.parametrize(
    "where",
    [
        pytest.param({"CORS_ALLOW_ORIGINS": APP}, id="settings"),
        pytest.param({"CORS_ALLOW_ORIGINS": lambda origin, meta: False}, id="callable"),
        pytest.param({"CORS_POLICY": lambda meta: Policy()}, id="source"),
    ],
)
def test_on_denied_never_runs_in_the_event_loop(where: dict[str, Any]) -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        told.append(("loop", "", None, threading.get_ident()))
        return HttpResponse()

    with settings_of([path("", view)], CORS_ON_DENIED=on_denied, CORS_DEBUG=True, **where):
        send_async("GET", "/", GET)
    (_, _, _, loop), (_, _, _, thread) = told
    assert thread != loop


def test_without_on_denied_a_denial_stays_in_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    monkeypatch.delattr("corsgate.django.middleware.sync_to_async")
    with settings_of([path("", view)], **SETTINGS):
        assert send_async("GET", "/", GET).status == 200
        assert send_async("OPTIONS", "/", PREFLIGHT).status == 403


@each_send
def test_a_dotted_path(send: Send) -> None:
    with settings_of(URLS, CORS_ON_DENIED=f"{__name__}.on_denied", **SETTINGS):
        send("GET", "/api/x", GET)
    assert [found[0] for found in told] == ["/api/x"]


def send_by_server(method: str, url: str, headers: Any) -> Any:
    return call_asgi(ASGIHandler(), method, url, headers)


@pytest.mark.parametrize("send", [send_sync, send_by_server])
@pytest.mark.parametrize("debug", [True, False])
def test_a_request_cannot_forge_a_line(
    send: Send, debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with settings_of([re_path("", plain)], CORS_DEBUG=debug, **SETTINGS):
        answer = send("GET", FORGED_PATH, {"Origin": FORGED})
    [record] = [found for found in caplog.records if found.name == "corsgate"]
    assert fields(record) == FORGED_FIELDS
    if debug:
        where = FORGED_LINE.removeprefix("corsgate: denied ").partition(" to a page")[0]
        expected = f"corsgate: a browser blocks {where}: {reasons(answer)[0]}"
    else:
        expected = FORGED_LINE
    assert record.getMessage() == expected
    assert expected.isascii()
    assert expected.isprintable()


async def never_awaited(environ: Any, decision: Decision) -> None:
    raise AssertionError


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "debug-as-text": (
        {"CORS_DEBUG": "maybe"},
        "CORS_DEBUG: 'maybe' cannot be read as yes or no. Write true or false. [wrong-value]",
    ),
    "debug-as-number": (
        {"CORS_DEBUG": 1},
        "CORS_DEBUG: 1 is no bool. Write True or False, without quotes. [wrong-type]",
    ),
    "no-callable": (
        {"CORS_ON_DENIED": 3},
        (
            "CORS_ON_DENIED: 3 is no callable. Write a function that takes the environ and the"
            " decision. [wrong-type]"
        ),
    ),
    "no-module": (
        {"CORS_ON_DENIED": "nowhere.on_denied"},
        (
            "CORS_ON_DENIED: 'nowhere.on_denied' cannot be read as a dotted path (No module named"
            " 'nowhere'). Write a dotted path such as 'project.cors.on_denied'. [wrong-value]"
        ),
    ),
}


def start(settings: dict[str, Any]) -> str:
    with settings_of(URLS, **settings), pytest.raises(ImproperlyConfigured) as caught:
        CORSMiddleware(plain)
    return str(caught.value).removeprefix("corsgate: ")


@pytest.mark.parametrize(("settings", "text"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_stops_the_start(settings: dict[str, Any], text: str) -> None:
    assert start(settings) == text


@pytest.mark.parametrize("given", [never_awaited, f"{__name__}.never_awaited"])
def test_a_coroutine_function_stops_the_start(given: Callable[..., Any] | str) -> None:
    text = start({"CORS_ON_DENIED": given})
    assert text.startswith("CORS_ON_DENIED: <function never_awaited at 0x")
    assert text.endswith(
        "is a coroutine function, and its answer would never be awaited. Give a plain function;"
        " asynchronous servers call it in a thread. [coroutine-callable]"
    )
