"""The gate in Django, sync and async: it resolves for itself, before all other middleware."""

import logging
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest
from asgiref.sync import SyncToAsync, async_to_sync, sync_to_async
from django.conf.urls.i18n import i18n_patterns
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.template import engines
from django.template.response import SimpleTemplateResponse
from django.urls import Resolver404, include, path
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import lazy
from django.utils.translation import get_language
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
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


# ------------------------------------------------------------------ what changes on the way


def translated(**routes: str) -> Any:
    """A route in several languages, as gettext_lazy gives one, without files of translations."""
    return lazy(lambda: routes.get(get_language() or "", routes["en"]), str)()


class ByProfile(MiddlewareMixin):
    """Takes the language from the user's profile."""

    def process_request(self, request: HttpRequest) -> None:
        translation.activate("de")


class OwnLocale(LocaleMiddleware):
    """One that extends Django's."""


LOCALE = "django.middleware.locale.LocaleMiddleware"
PROFILE = f"{__name__}.ByProfile"
GERMAN = {"Accept-Language": "de"}
LANGUAGES: dict[str, Any] = {
    "LANGUAGE_CODE": "en",
    "LANGUAGES": [("en", "English"), ("de", "Deutsch"), ("nl", "Nederlands")],
}
by_any_middleware = pytest.mark.parametrize(
    ("chooser", "sent"),
    [
        pytest.param(LOCALE, GERMAN, id="Accept-Language"),
        pytest.param(LOCALE, {"Cookie": "a=1; django_language=de; b=2"}, id="a cookie"),
        pytest.param(f"{__name__}.OwnLocale", GERMAN, id="a class that extends Django's"),
        pytest.param(PROFILE, {}, id="a profile"),
        pytest.param(PROFILE, {"Accept-Language": "en"}, id="a profile against the header"),
    ],
)
gated, exempt = cors(gate="enforce"), cors(gate="off")


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    before = get_language()
    yield
    translation.activate(before or "en-us")


@by_any_middleware
@each_send
def test_a_translated_path_has_the_gate_of_its_view(
    send: Send, chooser: str, sent: dict[str, str]
) -> None:
    def status(url: str, origin: str) -> int:
        return visit(send, url, origin=origin, **sent).status

    urls: URLs = [path(translated(en="about/", de="ueber/"), gated(view)), path("hook", view)]
    with settings_of(urls, middleware=[CORSGATE, chooser], CORS_ALLOW_ORIGINS=[APP], **LANGUAGES):
        assert (status("/ueber/", EVIL), ran) == (403, [])
        assert (status("/ueber/", APP), ran) == (200, ["/ueber/"])
        assert (status("/hook", EVIL), ran) == (200, ["/hook"])
    urls = [path(translated(en="about/", de="ueber/"), exempt(view)), path("rest", view)]
    with settings_of(urls, middleware=[CORSGATE, chooser], **SETTINGS, **LANGUAGES):
        assert (status("/ueber/", EVIL), ran) == (200, ["/ueber/"])
        assert (status("/about/", EVIL), ran) == (404, [])  # what would be exempt is not there
        assert (status("/rest", EVIL), ran) == (403, [])


def one_path_for_two(english: Any, german: Any) -> URLs:
    return [
        path(translated(en="page/", de="seite/"), english),
        path(translated(en="other/", de="page/"), german),
    ]


@by_any_middleware
@each_send
def test_a_path_that_leads_elsewhere_by_language_has_the_gate_of_the_view_that_runs(
    send: Send, chooser: str, sent: dict[str, str]
) -> None:
    urls = one_path_for_two(exempt(view), view)
    with settings_of(urls, middleware=[CORSGATE, chooser], **SETTINGS, **LANGUAGES):
        found = visit(send, "/page/", **sent)
        assert (found.status, found.body, ran) == (403, PLAIN, [])
        assert visit(send, "/page/", origin=APP, **sent).status == 200
        assert visit(send, "/seite/", **sent).status == 200


@each_send
def test_the_language_of_the_request_is_the_likeliest(send: Send) -> None:
    urls = one_path_for_two(view, exempt(view))
    with settings_of(urls, middleware=[CORSGATE, LOCALE], **SETTINGS, **LANGUAGES):
        assert visit(send, "/page/", **GERMAN).status == 200
        assert visit(send, "/page/", **{"Accept-Language": "en"}).status == 403
    # The gate does not know what a middleware of the project's will choose, and stays closed.
    with settings_of(urls, middleware=[CORSGATE, PROFILE], **SETTINGS, **LANGUAGES):
        assert visit(send, "/page/").status == 403


@pytest.mark.parametrize("prefixed", [True, False], ids=["every language", "but the default"])
@each_send
def test_prefixes_and_translations_together(send: Send, prefixed: bool) -> None:
    route = translated(en="about/", de="ueber/")
    urls: URLs = [
        *i18n_patterns(path(route, exempt(view)), prefix_default_language=prefixed),
        path(translated(en="hook/", de="haken/"), exempt(view)),
    ]
    english = "/en/about/" if prefixed else "/about/"
    with settings_of(urls, middleware=[CORSGATE, LOCALE], **SETTINGS, **LANGUAGES):
        for url, sent in {"/de/ueber/": {}, english: GERMAN}.items():
            assert visit(send, url, **sent).status == 200
        # Django looks at the header only where the default language has a prefix as well.
        haken = visit(send, "/haken/", **GERMAN)
        assert (haken.status, ran) == ((200, ["/haken/"]) if prefixed else (403, []))
        assert visit(send, "/de/about/").status == 403


class Below(MiddlewareMixin):
    """Changes what the request is, as its headers say."""

    def process_request(self, request: HttpRequest) -> None:
        if "urls" in request.GET:
            request.urlconf = OTHER_URLS  # type: ignore[assignment]
        request.path_info = request.GET.get("path", request.path_info)
        request.method = request.GET.get("method", request.method)


BELOW = f"{__name__}.Below"
OTHER_URLS = (
    path("", view_async),
    path("hook", view_async),
    path("gated", gated(view_async)),
)


class Notes(View):
    """Whose methods differ."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return view(request)

    @gated
    def put(self, request: HttpRequest) -> HttpResponse:
        return view(request)

    @exempt
    def patch(self, request: HttpRequest) -> HttpResponse:
        return view(request)


CHANGEABLE: URLs = [
    path("", view_async),
    path("hook", exempt(view)),
    path("notes", Notes.as_view()),
]


@each_send
def test_whatever_a_middleware_below_changes_the_view_that_runs_has_its_gate(send: Send) -> None:
    closed = {**SETTINGS, "CORS_PATHS": {"/open/*": {"gate": "off"}}}
    with settings_of(CHANGEABLE, middleware=[CORSGATE, BELOW], **closed):
        for change in ("urls=1", "path=/", "path=/notes", "method=PUT&path=/notes"):
            assert (visit(send, f"/hook?{change}").status, ran) == (403, [])
            assert (visit(send, f"/hook?{change}", origin=APP).status) in (200, 405)
        assert (visit(send, "/open/x?path=/").status, ran) == (403, [])
        assert (visit(send, "/open/x?path=/hook").status, ran) == (200, ["/hook"])
        # An image may not delete.
        for method in ("GET", "HEAD", "OPTIONS"):
            assert (visit(send, "/?method=DELETE", method, None).status, ran) == (403, [])
            assert (visit(send, "/hook?method=DELETE", method, None).status) == 200
        assert visit(send, "/notes?method=PATCH", "GET", None).status == 200
        # What was refused stays refused, whatever it was to become.
        assert (visit(send, "/?path=/hook").status, ran) == (403, [])
        assert (visit(send, "/?method=GET").status, ran) == (403, [])
    with settings_of(CHANGEABLE, middleware=[CORSGATE, BELOW], CORS_ALLOW_ORIGINS=[APP]):
        assert (visit(send, "/gated?urls=1").status, ran) == (403, [])
        assert (visit(send, "/gated?urls=1", origin=APP).status, ran) == (200, ["/gated"])
        assert (visit(send, "/?path=/notes&method=PUT").status, ran) == (403, [])
        assert (visit(send, "/?path=/notes&method=PATCH").status, ran) == (200, ["/notes"])
        assert (visit(send, "/notes?method=PUT", "GET", None).status, ran) == (403, [])


def wrong_origins() -> list[str]:
    near = [f"{APP},{APP}", f"{APP}, {EVIL}", f"{APP}/", f"{APP}:443", f"{APP}.", APP.upper()]
    return ["", " ", "null", "http://", "é", "\xff" * 400, "x" * 100_000, *near]


@pytest.mark.filterwarnings("ignore:Unknown REQUEST_METHOD")
@each_send
def test_nothing_odd_in_a_request_opens_the_gate(send: Send) -> None:
    with settings_of(PLAIN_VIEWS, **SETTINGS):
        assert [visit(send, "/", origin=odd).status for odd in wrong_origins()] == [403] * 13
        for odd in ("Same-Origin", "same-origin,none", "", "same-site", "\xff"):
            for origin in (EVIL, None):
                assert visit(send, "/", origin=origin, Sec_Fetch_Site=odd).status == 403
        for method in ("post", "PUT", "BREW", "get", "options", "TRACE"):
            assert visit(send, "/", method).status == 403
        for url in ("//", "/./", "/%2e", "/x/..%2f", "/%00", "/%ff", "/%0a", "/async%0a", "/;x"):
            assert visit(send, url).status == 403
        assert visit(send, "/", "GET", None, Upgrade="h2c, WebSocket").status == 403
        assert visit(send, "/", Transfer_Encoding="chunked").status == 403


@each_send
@pytest.mark.parametrize("sync_only", [True, False], ids=["sync middleware", "only ours"])
def test_every_kind_of_view_has_its_gate(send: Send, sync_only: bool) -> None:
    @gated
    class Whole(View):
        def post(self, request: HttpRequest) -> HttpResponse:
            return view(request)

    class Called:
        def __call__(self, request: HttpRequest) -> HttpResponse:
            return view(request)

    def raising(request: HttpRequest) -> HttpResponse:
        view(request)
        raise Resolver404({"path": "nowhere"})

    def streaming(request: HttpRequest) -> HttpResponseBase:
        return StreamingHttpResponse([view(request).content])

    group = gated(include([path("a", Whole.as_view()), path("b/", include([path("c", view)]))]))
    urls: URLs = [
        path("csrf-outside", csrf_exempt(gated(view))),
        path("csrf-inside", gated(csrf_exempt(view))),
        path("csrf-async", csrf_exempt(gated(view_async))),
        path("csrf-class", csrf_exempt(Whole.as_view())),
        path("only-post", require_POST(gated(view))),
        path("thread-inside", gated(sync_to_async(view))),
        path("loop-inside", gated(async_to_sync(view_async))),
        path("called", gated(Called())),
        path("streaming", gated(streaming)),
        path("raising", gated(raising)),
        path("group/", group),
    ]
    names = [f"/{one.pattern}" for one in urls[:-1]] + ["/group/a", "/group/b/c"]
    before = [f"{__name__}.passing_on"] if sync_only else []
    with settings_of(urls, middleware=[CORSGATE, *before], CORS_ALLOW_ORIGINS=[APP]):
        assert reached(send, *names) == []
        assert reached(send, *names, origin=APP) == names


@each_send
@pytest.mark.parametrize("around", ["settings", "class"])
def test_a_class_that_serves_a_method_by_itself_is_not_exempt_by_its_other_methods(
    send: Send, around: str
) -> None:
    class Dispatching(View):
        @cors(gate="off")
        def get(self, request: HttpRequest) -> HttpResponse:
            return view(request)

        def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if request.method == "POST":
                return view(request)
            return super().dispatch(request, *args, **kwargs)

    marked = gated(Dispatching) if around == "class" else Dispatching
    settings: dict[str, Any] = {"CORS_GATE": "enforce"} if around == "settings" else {}
    urls: URLs = [path("", marked.as_view())]
    with settings_of(urls, CORS_ALLOW_ORIGINS=[APP], **settings):
        assert reached(send, "/") == []
        assert reached(send, "/", origin=APP) == ["/"]
        assert visit(send, "/", "GET").status == 200


@each_send
def test_one_mark_on_several_views_is_hidden_at_the_one_where_it_is(send: Send) -> None:
    shared = cors(gate="enforce")

    @method_decorator(shared, name="dispatch")
    class Whole(View):
        def post(self, request: HttpRequest) -> HttpResponse:
            return view(request)

    class Post(View):
        @method_decorator(shared)
        def post(self, request: HttpRequest) -> HttpResponse:
            return view(request)

    inner = shared(view)
    urls: URLs = [
        path("seen", shared(view)),
        path("hidden", lambda request: inner(request)),
        path("whole", Whole.as_view()),
        path("post", Post.as_view()),
    ]
    with settings_of(urls, CORS_ALLOW_ORIGINS=[APP]):
        assert reached(send, "/seen", "/whole", "/post", "/hidden") == []
        assert reached(send, "/seen", "/whole", "/post", origin=APP) == ["/seen", "/whole", "/post"]


def passing_on(get_response: Callable[[HttpRequest], HttpResponseBase]) -> Any:
    """A middleware that knows nothing of asynchronous code."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return get_response(request)

    return middleware


class Replacing(MiddlewareMixin):
    """Has a page of its own for errors."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> Any:
        return HttpResponse("sorry", status=403)


@each_send
def test_a_refusal_of_the_second_look_is_like_one_of_the_first(
    send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Decision] = []
    changes: dict[str, Any] = {"CORS_ON_DENIED": lambda meta, found: told.append(found)}
    with settings_of(CHANGEABLE, middleware=[CORSGATE, BELOW], **SETTINGS, **changes):
        found = visit(send, "/hook?path=/", origin=READER)
    assert (found.status, found.body, ran) == (403, PLAIN, [])
    assert found.seen == comparable({**REFUSED, "Access-Control-Allow-Origin": READER})
    assert [(one.kind, one.reason) for one in told] == [("gate", "cross-site-write")]
    assert ours(caplog) == [
        f"corsgate: the gate refused 'POST' '/hook' from a page on '{READER}': cross-site-write"
    ]
    replacing = [CORSGATE, f"{__name__}.Replacing", BELOW]
    with settings_of(CHANGEABLE, middleware=replacing, **SETTINGS):
        found = visit(send, "/hook?path=/", origin=READER)
    assert (found.status, found.body) == (403, b"sorry")
    assert found.cors == comparable(
        {"Access-Control-Allow-Origin": READER, "Vary": "Origin, Sec-Fetch-Site"}
    )
    assert found.values("Cache-Control") == ["no-store"]
    with settings_of(CHANGEABLE, middleware=[CORSGATE, BELOW], CORS_ON_DENIED=sorry, **SETTINGS):
        found = visit(send, "/hook?path=/", origin=READER)
    assert (found.status, found.body, ran) == (401, b"sorry", [])
    assert found.values("Cache-Control") == ["no-store"]


@each_send
def test_a_report_tells_once_of_a_request_that_stays_what_it_was(send: Send) -> None:
    told: list[str] = []

    def on_denied(meta: Mapping[str, Any], found: Decision) -> None:
        told.append(f"{found.kind} {meta['REQUEST_METHOD']}")

    changes: dict[str, Any] = {"CORS_GATE": "report", "CORS_ON_DENIED": on_denied}
    with settings_of(CHANGEABLE, middleware=[CORSGATE, BELOW], **{**SETTINGS, **changes}):
        assert reached(send, "/", origin=READER) == ["/"]
        assert told == ["gate POST"]
        told.clear()
        assert reached(send, "/?method=DELETE", origin=READER) == ["/"]
        assert told == ["gate POST", "gate DELETE"]


@each_send
def test_urls_that_load_in_part_have_the_gates_of_the_views_that_do(send: Send) -> None:
    @gated
    class Marked(View):
        def post(self, request: HttpRequest) -> HttpResponse:
            return view(request)

    urls: URLs = [path("a", Marked.as_view()), path("b/", include(ModuleType("without_urls")))]
    with settings_of(urls, CORS_ALLOW_ORIGINS=[APP]):
        assert (visit(send, "/a").status, ran) == (403, [])
        assert (visit(send, "/a", origin=APP).status, ran) == (200, ["/a"])


def test_the_second_look_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[str] = []
    hand_over = SyncToAsync.__call__

    async def counting(self: Any, *args: Any, **kwargs: Any) -> Any:
        handed.append(self.func.__name__)
        return await hand_over(self, *args, **kwargs)

    monkeypatch.setattr(SyncToAsync, "__call__", counting)
    with settings_of(PLAIN_VIEWS, **SETTINGS):
        assert visit(send_async, "/async", origin=APP).status == 200
        assert visit(send_async, "/async").status == 403
    assert not {"_look_again", "_alook_again", "_refuse"} & {*handed}


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
@pytest.mark.parametrize("url", ["/", "/hook?path=/"], ids=["first look", "second look"])
def test_on_denied_may_answer_with_a_template(send: Send, url: str) -> None:
    def on_denied(meta: Mapping[str, Any], decision: Decision) -> HttpResponseBase:
        return SimpleTemplateResponse(engines["django"].from_string("sorry"), status=401)

    templates = [{"BACKEND": "django.template.backends.django.DjangoTemplates"}]
    changes: dict[str, Any] = {"CORS_ON_DENIED": on_denied, "TEMPLATES": templates}
    with settings_of(CHANGEABLE, middleware=[CORSGATE, BELOW], **SETTINGS, **changes):
        found = visit(send, url)
    assert (found.status, found.body, ran) == (401, b"sorry", [])


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
