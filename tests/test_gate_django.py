"""The gate in Django, sync and async: it resolves for itself, before all other middleware."""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import include, path
from django.views import View
from django_project import COMMON, CORSGATE, Send, URLs, send_async, send_sync, settings_of
from wsgi_client import Answer, comparable

import corsgate._callables
from corsgate import Decision, Policy
from corsgate.django import CORSMiddleware, cors
from corsgate.django.conf import current_rules
from corsgate.django.routing import may_refuse

APP = "https://app.example.com"  # may read and write
READER = "https://reader.example.org"  # may read
EVIL = "https://evil.example.net"
SETTINGS: dict[str, Any] = {
    "CORS_ALLOW_ORIGINS": [APP, READER],
    "CORS_WRITE_ORIGINS": [APP],
    "CORS_GATE": "enforce",
}
PLAIN = b"403 Forbidden: a page on another site may not make this request.\n"
REFUSED = {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": str(len(PLAIN)),
    "Cache-Control": "no-store",
    "Vary": "Origin, Sec-Fetch-Site",
}
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
each_send = pytest.mark.parametrize("send", [send_sync, send_async], ids=["sync", "async"])
ran: list[str] = []


@pytest.fixture(autouse=True)
def _fresh(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO, "corsgate")
    corsgate._callables.failures.clear()
    ran.clear()
    yield
    corsgate._callables.failures.clear()


def view(request: HttpRequest) -> HttpResponse:
    ran.append(request.path_info)
    return HttpResponse("done")


async def view_async(request: HttpRequest) -> HttpResponse:
    return view(request)


def ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    # Django has a line of its own about every 403.
    return [text for name, _, text in caplog.record_tuples if name == "corsgate"]


def named(sent: Mapping[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in sent.items()}


def visit(
    send: Send, url: str = "/", method: str = "POST", origin: str | None = EVIL, **sent: str
) -> Answer:
    ran.clear()
    headers = {"Sec-Fetch-Site": "cross-site", **named(sent)}
    if origin is not None:
        headers["Origin"] = origin
    return send(method, url, headers)


def reached(send: Send, *urls: str, origin: str = EVIL, method: str = "POST") -> list[str]:
    """The URLs whose views run."""
    found: list[str] = []
    for url in urls:
        visit(send, url, method, origin)
        found += ran
    return found


PLAIN_VIEWS: URLs = [path("", view), path("async", view_async)]


@each_send
def test_nothing_of_the_project_runs(send: Send) -> None:
    with settings_of(PLAIN_VIEWS, middleware=[CORSGATE, COMMON], **SETTINGS):
        for url in ("/", "/async", "/nowhere"):
            found = visit(send, url)
            assert (found.status, found.body, ran) == (403, PLAIN, [])
            assert found.seen == comparable(REFUSED)
            readable = visit(send, url, origin=READER)
            assert readable.seen == comparable({**REFUSED, "Access-Control-Allow-Origin": READER})
        passed = visit(send, "/", origin=APP)
        assert (passed.body, ran) == (b"done", ["/"])
        assert passed.cors == comparable({"Access-Control-Allow-Origin": APP, "Vary": "Origin"})
        assert visit(send, "/", "GET", None).body == b"done"
        assert visit(send, "/", "GET", EVIL).status == 403
        assert visit(send, "/", "GET", READER).body == b"done"
        assert visit(send, "/", "POST", EVIL, Sec_Fetch_Site="same-origin").body == b"done"
        assert visit(send, "/", "GET", EVIL, Upgrade="websocket").status == 403


@each_send
def test_the_policy_of_the_view_rules(send: Send) -> None:
    class Notes(View):
        @cors(gate="off")
        def post(self, request: HttpRequest) -> HttpResponse:
            return view(request)

        def put(self, request: HttpRequest) -> HttpResponse:
            return view(request)

    def failing(meta: Mapping[str, Any]) -> Policy:
        raise LookupError("the database is down")

    urls: URLs = [
        path("plain", view),
        path("hook", cors(gate="off")(view)),
        path("none", cors(None)(view_async)),
        path("partner", cors(write_origins=[EVIL])(view_async)),
        path("failing", cors(policy=failing)(view)),
        path("group/", cors(gate="off")(include([path("a", view), path("b", cors(None)(view))]))),
        path("notes", Notes.as_view()),
    ]
    with settings_of(urls, CORS_PATHS={"/plain/x": {"gate": "off"}, "/none": None}, **SETTINGS):
        names = ("/plain", "/hook", "/none", "/partner", "/failing", "/group/a", "/group/b")
        assert reached(send, *names) == ["/hook", "/partner", "/group/a", "/group/b"]
        assert reached(send, *names, origin=APP) == [
            *("/plain", "/hook", "/none", "/group/a", "/group/b")
        ]
        assert reached(send, "/notes") == ["/notes"]
        assert reached(send, "/notes", method="PUT") == []
        assert visit(send, "/plain/x").status == 404  # exempt, and not there


@each_send
def test_a_source_that_fails_has_the_gate_it_gave_to_any_request(send: Send) -> None:
    def source(meta: Mapping[str, Any]) -> Policy:
        return {"/": Policy(allow_origins=APP, gate="enforce")}[meta["PATH_INFO"]]

    with settings_of([path("", view), path("x", view)], CORS_POLICY=source):
        assert visit(send, "/", "GET", None).body == b"done"
        assert reached(send, "/x") == []


@each_send
def test_an_exempt_view_exempts_no_other_cve_2025_47910(send: Send) -> None:
    urls: URLs = [
        path("hello/", cors(gate="off")(view)),
        path("hello", view),
        path("other/", cors(gate="off")(view)),
    ]
    with settings_of(urls, middleware=[CORSGATE, COMMON], **SETTINGS):
        assert reached(send, "/hello/", "/hello", "/Hello/", "/hello/x") == ["/hello/"]
        # Of a redirect the exempt view is the reason, and it changes nothing.
        assert (visit(send, "/other").status, ran) == (301, [])


@each_send
def test_a_gate_that_only_a_view_has(send: Send) -> None:
    urls: URLs = [path("plain", view), path("own", cors(gate="enforce")(view))]
    with settings_of(urls, CORS_ALLOW_ORIGINS=[APP]):
        assert reached(send, "/plain", "/own") == ["/plain"]
        assert reached(send, "/plain", "/own", origin=APP) == ["/plain", "/own"]


@each_send
def test_a_report_only_tells(send: Send) -> None:
    told: list[Decision] = []
    changes = {"CORS_GATE": "report", "CORS_ON_DENIED": lambda meta, found: told.append(found)}
    with settings_of(PLAIN_VIEWS, **{**SETTINGS, **changes}):
        assert reached(send, "/", origin=READER) == ["/"]
        assert [(found.kind, found.reason) for found in told] == [("gate", "cross-site-write")]


@each_send
def test_paths_and_a_regular_expression_for_urls(send: Send) -> None:
    urls: URLs = [path("api/x", view), path("hook", view), path("web", view)]
    changes: dict[str, Any] = {
        "CORS_URLS_REGEX": "^/api/",
        "CORS_PATHS": {"/hook": {"gate": "off"}},
    }
    with settings_of(urls, **SETTINGS, **changes):
        # What is no business of CORS is still the gate's.
        assert reached(send, "/api/x", "/hook", "/web") == ["/hook"]
        assert reached(send, "/api/x", "/hook", "/web", origin=APP) == ["/api/x", "/hook", "/web"]


@each_send
def test_a_preflight_is_judged_by_the_gate_of_the_view(send: Send) -> None:
    told: list[Decision] = []

    class Notes(View):
        @cors(max_age=5)
        def put(self, request: HttpRequest) -> HttpResponse:
            return view(request)

        def post(self, request: HttpRequest) -> HttpResponse:
            return view(request)

    urls: URLs = [
        path("plain", view),
        path("hook", cors(gate="off")(view)),
        path("n", Notes.as_view()),
    ]

    def lines(url: str, origin: str) -> list[list[str]]:
        found = visit(send, url, "OPTIONS", origin, Access_Control_Request_Method="PUT")
        assert (found.status, ran) == (204, [])
        names = ("Access-Control-Allow-Methods", "Access-Control-Max-Age")
        return [found.values(name) for name in names]

    every, safe = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT", "GET, HEAD, OPTIONS"
    on_denied: dict[str, Any] = {"CORS_ON_DENIED": lambda meta, found: told.append(found)}
    with settings_of(urls, **SETTINGS, **on_denied):
        assert lines("/plain", APP) == lines("/hook", READER) == [[every], ["600"]]
        assert told == []
        assert lines("/plain", READER) == [[safe], ["600"]]
        assert [(found.kind, found.reason) for found in told] == [("preflight", "cross-site-write")]
        assert lines("/n", READER) == [[safe], ["0"]]


# ------------------------------------------------------------------ beside Django's own


def test_the_host_is_what_django_takes_for_it() -> None:
    forwarded = {"Host": "localhost", "X-Forwarded-Host": "testserver"}

    def status(origin: str, **sent: str) -> int:
        return send_sync("POST", "/", {"Origin": origin, **named(sent)}).status

    with settings_of(PLAIN_VIEWS, **SETTINGS):
        assert status("https://testserver", Host="testserver") == 200
        assert status("https://testserver", **forwarded) == 403
    with settings_of(PLAIN_VIEWS, USE_X_FORWARDED_HOST=True, **SETTINGS):
        assert status("https://testserver", **forwarded) == 200
        assert status("https://localhost", **forwarded) == 403


def test_a_spoofed_host_makes_no_origin_our_own() -> None:
    def status(origin: str, host: str) -> int:
        return send_sync("POST", "/", {"Origin": origin, "Host": host}).status

    host = EVIL.removeprefix("https://")
    with settings_of(PLAIN_VIEWS, **SETTINGS):
        assert status(EVIL, host) == 403  # ALLOWED_HOSTS does not know it
    with settings_of(PLAIN_VIEWS, ALLOWED_HOSTS=["*"], **SETTINGS):
        assert status(EVIL, host) == 200  # this is all that Host can tell
    own = {"CORS_OWN_ORIGINS": ["https://testserver"]}
    with settings_of(PLAIN_VIEWS, ALLOWED_HOSTS=["*"], **own, **SETTINGS):
        assert status(EVIL, host) == 403
        assert status("http://testserver", "testserver") == 403
        assert status("https://testserver", "testserver") == 200


def csrf_of(found: Answer) -> bool:
    return b"CSRF verification failed" in found.body


def test_beside_the_csrf_middleware_each_refuses_what_it_does_not_like() -> None:
    with settings_of(PLAIN_VIEWS, middleware=[CORSGATE, CSRF], **SETTINGS):
        assert visit(send_sync, "/").body == PLAIN
        for origin, site in ((APP, "cross-site"), ("http://127.0.0.1", "same-origin")):
            found = visit(send_sync, "/", origin=origin, Sec_Fetch_Site=site)
            assert (found.status, csrf_of(found), ran) == (403, True, [])


# ------------------------------------------------------------------ what is said


@each_send
def test_debug_mode_says_why_in_the_words_of_the_settings(
    send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    with settings_of(PLAIN_VIEWS, CORS_DEBUG=True, **SETTINGS):
        found = visit(send, "/")
    line = (
        f"The page is on '{EVIL}', which CORS_WRITE_ORIGINS does not trust to write. What to do: if"
        f' you trust that site to act as your users, add it: CORS_WRITE_ORIGINS = [..., "{EVIL}"]'
    )
    assert found.values("X-CORSGate-Reason") == [line]
    assert found.body == f"{line}\n".encode()
    assert ours(caplog) == [f"corsgate: the gate refuses 'POST' '/': {line}"]


@each_send
def test_a_refusal_is_told_and_logged_once(send: Send, caplog: pytest.LogCaptureFixture) -> None:
    told: list[Decision] = []
    with settings_of(
        PLAIN_VIEWS, CORS_ON_DENIED=lambda meta, found: told.append(found), **SETTINGS
    ):
        visit(send, "/")
    assert [(found.kind, found.allowed, found.reason) for found in told] == [
        ("gate", False, "cross-site-write")
    ]
    assert ours(caplog) == [
        f"corsgate: the gate refused 'POST' '/' from a page on '{EVIL}': cross-site-write"
    ]


def sorry(meta: Mapping[str, Any], decision: Decision) -> HttpResponseBase:
    headers = {"Cache-Control": "max-age=60", "Vary": "Cookie", "Access-Control-Allow-Origin": "*"}
    return HttpResponse("sorry", status=401, headers=headers)


@each_send
def test_on_denied_may_answer(send: Send) -> None:
    with settings_of(PLAIN_VIEWS, CORS_ON_DENIED=sorry, **SETTINGS):
        found = visit(send, "/", origin=READER)
    assert (found.status, found.body, ran) == (401, b"sorry", [])
    assert found.seen == comparable(
        {
            "Content-Type": "text/html; charset=utf-8",
            "Cache-Control": "no-store",
            "Vary": "Cookie, Origin, Sec-Fetch-Site",
            "Access-Control-Allow-Origin": READER,
        }
    )


@each_send
def test_what_is_no_answer_is_logged(send: Send, caplog: pytest.LogCaptureFixture) -> None:
    with settings_of(PLAIN_VIEWS, CORS_ON_DENIED=lambda meta, found: "sorry", **SETTINGS):
        assert visit(send, "/").body == PLAIN
    assert ours(caplog)[-1] == (
        "corsgate: on_denied gave 'sorry', which is no HttpResponse, so the gate answers by itself"
    )


# ------------------------------------------------------------------ threads, and what it costs


def writer(origin: str, meta: Mapping[str, Any]) -> bool:
    return origin == APP


SLOW: dict[str, dict[str, Any]] = {
    "who may write": {**SETTINGS, "CORS_WRITE_ORIGINS": writer},
    "who may read": {"CORS_ALLOW_ORIGINS": writer, "CORS_GATE": "enforce"},
    "on_denied": {**SETTINGS, "CORS_ON_DENIED": lambda meta, found: None},
    "below None": {**SETTINGS, "CORS_WRITE_ORIGINS": writer, "CORS_PATHS": {"/": None}},
    "the policy": {"CORS_POLICY": lambda meta: Policy(allow_origins=APP, gate="enforce")},
}


@pytest.mark.parametrize("settings", [*SLOW.values(), SETTINGS], ids=[*SLOW, "nothing"])
def test_code_of_the_users_waits_in_a_thread(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    hops: list[object] = []

    def counting(function: Callable[..., Any]) -> Any:
        hops.append(function)
        return sync_to_async(function)

    monkeypatch.setattr("corsgate.django.middleware.sync_to_async", counting)
    with settings_of(PLAIN_VIEWS, **settings):
        assert visit(send_async, "/async").status == 403
    assert bool(hops) is (settings is not SETTINGS)


def test_where_all_gates_are_off_nothing_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise AssertionError("routed")

    monkeypatch.setattr("corsgate.django.middleware.passes", fail)
    with settings_of(PLAIN_VIEWS, **{**SETTINGS, "CORS_GATE": "off"}):
        assert reached(send_sync, "/") == ["/"]
        assert not may_refuse(None, current_rules())
    with settings_of(PLAIN_VIEWS, **SETTINGS):
        assert may_refuse(None, current_rules())


def test_a_urlconf_that_does_not_load_opens_no_gate() -> None:
    def get_response(request: HttpRequest) -> HttpResponse:
        return HttpResponse("reached")

    with settings_of([], **SETTINGS):
        middleware = CORSMiddleware(get_response)
        request = HttpRequest()
        request.urlconf = "no.such.module"
        request.META = {
            "REQUEST_METHOD": "POST",
            "HTTP_ORIGIN": EVIL,
            "HTTP_HOST": "testserver",
        }
        response: Any = middleware(request)
        assert response.status_code == 403


@each_send
def test_problems_have_the_names_of_the_settings(send: Send) -> None:
    wrong: dict[str, Any] = {
        "CORS_ALLOW_ORIGINS": ["http://a.example"],
        "CORS_GATE": "on",
        "CORS_OWN_ORIGINS": "https://*.example.com",
        "CORS_WRITE_ORIGINS": "*",
    }
    with pytest.raises(ImproperlyConfigured) as caught, settings_of([], **wrong):
        send("GET", "/", {})
    assert str(caught.value) == (
        "corsgate: 3 problems:\n"
        "  CORS_WRITE_ORIGINS: '*' cannot be trusted to write: every site could act as the user."
        " Name the origins; where every site may write, set CORS_GATE = 'off'. [wildcard-write]\n"
        "  CORS_GATE: 'on' is no mode of the gate. Write 'off', 'report' or 'enforce'."
        " [gate-mode]\n"
        "  CORS_OWN_ORIGINS: 'https://*.example.com' is no origin of one site. Write each origin"
        " of this site in full, such as 'https://www.example.com'. [own-origin]"
    )
