"""Django: the policy of the view that answers, whatever the URL is, on every kind of answer."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from answers import (
    APP,
    DENIED,
    EVIL,
    NOTHING,
    PARTNER,
    REFUSED,
    asking,
    asking_for,
    goes_on,
    readable_by,
)
from asgi_client import call_asgi
from asgiref.sync import SyncToAsync
from django.conf.urls.i18n import i18n_patterns
from django.core import signals
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.test import override_settings
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.urls.resolvers import RegexPattern
from django.utils import translation
from django.utils.deprecation import MiddlewareMixin
from django.utils.functional import lazy
from django.views import View
from django.views.decorators.http import require_GET
from django.views.static import serve
from django_project import COMMON, CORSGATE, settings_of
from path_tricks import EVERYBODY, ORIGINS, REST, RULES, SHOP, TRICKS, VIEWS, Trick
from wsgi_client import Answer, call, environ_of

from corsgate.django import cors

URLs = list[URLPattern | URLResolver]
Send = Callable[..., Answer]
SyncView = Callable[..., HttpResponseBase]

CONDITIONAL = "django.middleware.http.ConditionalGetMiddleware"
GZIP = "django.middleware.gzip.GZipMiddleware"


def send_wsgi(*args: Any, **kwargs: Any) -> Answer:
    return call(WSGIHandler(), *args, **kwargs)


def send_asgi(*args: Any, **kwargs: Any) -> Answer:
    return call_asgi(ASGIHandler(), *args, **kwargs)


@pytest.fixture(params=[send_wsgi, send_asgi], ids=["wsgi", "asgi"])
def send(request: pytest.FixtureRequest) -> Send:
    sender: Send = request.param
    return sender


Project = Callable[..., None]


@pytest.fixture
def project() -> Iterator[Project]:
    """Gives this process a project with these URLs and settings, while the test runs."""
    with ExitStack() as stack:

        def start(urls: URLs, *middleware: str, **settings: Any) -> None:
            changes = {"CORS_ALLOW_ORIGINS": APP, **settings}
            stack.enter_context(settings_of(urls, middleware=[CORSGATE, *middleware], **changes))

        yield start


# ------------------------------------------------------------------ tricks with the path


def tricky_urls(*, marked: bool, catch_all: bool) -> URLs:
    """All views of the table, with their policies on them or to be given to CORS_PATHS."""
    urls: URLs = []
    for place, origin in VIEWS.items():
        view = saying(place)
        urls.append(path(place[1:], cors(allow_origins=origin)(view) if marked else view))
    if catch_all:
        urls.append(re_path(r"(?s)^.*$", saying(REST)))
    return urls


def saying(text: str) -> SyncView:
    def view(request: HttpRequest) -> HttpResponseBase:
        return HttpResponse(text)

    return view


each_trick = pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.id)
each_router = pytest.mark.parametrize(
    "catch_all", [True, False], ids=["a view for the rest", "404 for the rest"]
)


def check_who_answers(trick: Trick, answer: Answer, *, catch_all: bool) -> None:
    if trick.view == REST and not catch_all:
        assert answer.status == 404
    else:
        assert answer.body.decode() == trick.view


@each_router
@each_trick
@pytest.mark.parametrize("marked", [True, False], ids=["marked views", "CORS_PATHS"])
def test_a_trick_with_the_path_gets_the_policy_of_the_view_that_answers(
    project: Project, send: Send, trick: Trick, catch_all: bool, marked: bool
) -> None:
    urls = tricky_urls(marked=marked, catch_all=catch_all)
    project(urls, CORS_PATHS={} if marked else RULES)
    for origin in EVERYBODY:
        answer = send("GET", trick.url, asking(origin))
        check_who_answers(trick, answer, catch_all=catch_all)
        preflight = send("OPTIONS", trick.url, asking_for("PUT", origin))
        if origin != ORIGINS[trick.view]:
            assert answer.cors in (DENIED, NOTHING)
            assert (preflight.status, preflight.cors) == (403, REFUSED)
        elif not trick.resolvable:
            assert answer.cors == readable_by(origin)
            assert (preflight.status, preflight.cors) == (204, goes_on(origin))


@pytest.mark.parametrize("marked", [True, False], ids=["a marked view elsewhere", "no marked view"])
@pytest.mark.parametrize("url", ["/notes/", "/notes"], ids=["with its slash", "without"])
def test_a_slash_redirect_has_the_policy_that_paths_has_for_its_target(
    project: Project, send: Send, url: str, marked: bool
) -> None:
    other = cors(allow_origins=SHOP)(saying("other")) if marked else saying("other")
    project(
        [path("notes/", saying("notes")), path("other", other)],
        COMMON,
        CORS_PATHS={"/notes/": {"allow_origins": PARTNER}},
        APPEND_SLASH=True,
    )
    preflight = send("OPTIONS", url, asking_for("GET", PARTNER))
    assert (preflight.status, preflight.cors) == (204, goes_on(PARTNER))
    assert send("GET", url, asking(PARTNER)).cors == readable_by(PARTNER)
    assert send("GET", url, asking(APP)).cors == DENIED


def test_a_policy_given_in_the_urls_is_not_on_the_other_routes_of_the_view(
    project: Project, send: Send
) -> None:
    view = saying("one view")
    project([path("open", cors(allow_origins=PARTNER)(view)), path("own", view)])
    assert send("GET", "/open", asking(PARTNER)).cors == readable_by(PARTNER)
    assert send("GET", "/own", asking(PARTNER)).cors == DENIED
    assert send("GET", "/own", asking()).cors == readable_by(APP)


# ------------------------------------------------------------------ below a prefix

PREFIXED = {"/api/*": {"allow_origins": PARTNER}, "/shop/*": {"allow_origins": SHOP}}


def where(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.path)


@pytest.mark.parametrize(
    "settings", [{}, {"FORCE_SCRIPT_NAME": "/shop"}], ids=["of the server", "of the settings"]
)
def test_the_mount_point_is_no_part_of_a_path(
    project: Project, send: Send, settings: dict[str, str]
) -> None:
    marked = cors(allow_origins=EVIL)(saying("marked"))
    project([path("api/where", where), path("marked", marked)], CORS_PATHS=PREFIXED, **settings)
    answer = send("GET", "/api/where", asking(PARTNER), script_name="/shop")
    assert (answer.body, answer.cors) == (b"/shop/api/where", readable_by(PARTNER))
    preflight = send("OPTIONS", "/api/where", asking_for("PUT", PARTNER), script_name="/shop")
    assert (preflight.status, preflight.cors) == (204, goes_on(PARTNER))
    assert send("GET", "/nothing", asking(), script_name="/shop").cors == readable_by(APP)
    for method, headers in (("GET", asking(EVIL)), ("OPTIONS", asking_for("GET", EVIL))):
        answer = send(method, "/marked", headers, script_name="/shop")
        assert answer.cors == (readable_by(EVIL) if method == "GET" else goes_on(EVIL))


def test_a_slash_redirect_below_a_prefix_has_the_policy_of_its_target(
    project: Project, send: Send
) -> None:
    marked = cors(allow_origins=SHOP)(saying("marked"))
    project([path("marked/", marked)], COMMON, APPEND_SLASH=True)
    answer = send("GET", "/marked", asking(SHOP), script_name="/shop")
    assert (answer.status, answer.cors) == (301, readable_by(SHOP))
    assert answer.values("Location") == ["/shop/marked/"]
    preflight = send("OPTIONS", "/marked", asking_for("GET", SHOP), script_name="/shop")
    assert preflight.cors == goes_on(SHOP)


# ------------------------------------------------------------------ routes in several languages


def translated(**routes: str) -> Any:
    """A route in several languages, as gettext_lazy gives one, without files of translations."""
    return lazy(lambda: routes.get(translation.get_language() or "", routes["en"]), str)()


class ByProfile(MiddlewareMixin):
    """Takes the language from the user's profile."""

    def process_request(self, request: HttpRequest) -> None:
        translation.activate("de")


LOCALE = "django.middleware.locale.LocaleMiddleware"
LANGUAGES: dict[str, Any] = {
    "LANGUAGE_CODE": "en",
    "LANGUAGES": [("en", "English"), ("de", "Deutsch"), ("nl", "Nederlands")],
}
each_chooser = pytest.mark.parametrize(
    "chooser", [LOCALE, f"{__name__}.ByProfile"], ids=["LocaleMiddleware", "a profile"]
)


@pytest.fixture
def in_german() -> Iterator[dict[str, str]]:
    """The headers that ask for it; what a request leaves active is put back."""
    before = translation.get_language()
    yield {"Accept-Language": "de"}
    translation.activate(before or "en-us")


@each_chooser
def test_a_translated_path_has_the_policy_of_its_view(
    project: Project, send: Send, chooser: str, in_german: dict[str, str]
) -> None:
    mark = cors(allow_origins=PARTNER)
    urls: URLs = [
        path(translated(en="about/", de="ueber/"), mark(saying("about"))),
        re_path(translated(en="^old$", de="^alt$"), mark(saying("old"))),
        path(translated(en="shop/", de="laden/"), include([path("x", mark(saying("shop")))])),
    ]
    project(urls, chooser, COMMON, **LANGUAGES)
    for url in ("/ueber/", "/alt", "/laden/x"):
        answer = send("GET", url, asking(PARTNER) | in_german)
        assert (answer.status, answer.values("Access-Control-Allow-Origin")) == (200, [PARTNER])
        # Browsers send no cookies with these, and not always their language.
        for sent in (in_german, {}):
            preflight = send("OPTIONS", url, asking_for("PUT", PARTNER) | sent)
            assert (preflight.status, preflight.cors) == (204, goes_on(PARTNER))
            assert send("OPTIONS", url, asking_for("PUT") | sent).status == 403
    answer = send("GET", "/ueber", asking(PARTNER) | in_german)
    assert (answer.status, answer.values("Access-Control-Allow-Origin")) == (301, [PARTNER])


@each_chooser
def test_a_preflight_for_what_depends_on_the_language_is_refused_unless_the_policies_agree(
    project: Project, send: Send, chooser: str, in_german: dict[str, str]
) -> None:
    for_partner, for_shop = cors(allow_origins=PARTNER), cors(allow_origins=SHOP)
    urls: URLs = [
        path(translated(en="page/", de="seite/"), for_partner(saying("page"))),
        path(translated(en="other/", de="page/"), for_shop(saying("other"))),
        path("same/", for_partner(saying("same"))),
    ]
    project(urls, chooser, **LANGUAGES)
    for sent in (in_german, {}):
        for origin in (PARTNER, SHOP, APP):
            refused = send("OPTIONS", "/page/", asking_for("PUT", origin) | sent)
            assert (refused.status, refused.cors) == (403, REFUSED)
        for url, origin in {"/seite/": PARTNER, "/other/": SHOP, "/same/": PARTNER}.items():
            preflight = send("OPTIONS", url, asking_for("PUT", origin) | sent)
            assert (preflight.status, preflight.cors) == (204, goes_on(origin))
    answer = send("GET", "/page/", asking(SHOP) | in_german)
    assert answer.values("Access-Control-Allow-Origin") == [SHOP]


@pytest.mark.parametrize("prefixed", [True, False], ids=["every language", "but the default"])
def test_a_prefix_decides_about_the_language(
    project: Project, send: Send, prefixed: bool, in_german: dict[str, str]
) -> None:
    route = translated(en="about/", de="ueber/")
    mark = cors(allow_origins=PARTNER)
    urls: URLs = [
        *i18n_patterns(path(route, mark(saying("about"))), prefix_default_language=prefixed),
        re_path("", saying(REST)),
    ]
    project(urls, LOCALE, **LANGUAGES)
    english = "/en/about/" if prefixed else "/about/"
    for url, origin in {"/de/ueber/": PARTNER, english: PARTNER, "/de/about/": APP}.items():
        for sent in (in_german, {}):
            preflight = send("OPTIONS", url, asking_for("PUT", origin) | sent)
            assert (preflight.status, preflight.cors) == (204, goes_on(origin))


def test_languages_in_which_the_urls_read_alike_are_tried_once(
    project: Project, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str | None] = []
    resolve = URLResolver.resolve

    def noting(self: URLResolver, candidate: str) -> Any:
        tried.append(translation.get_language())
        return resolve(self, candidate)

    many = [(code, code) for code in ("en", "fr", "de", "nl", "pl", "it")]
    marked = cors(allow_origins=PARTNER)(saying("about"))
    urls: URLs = [path(translated(en="about", de="ueber"), marked)]
    project(urls, LANGUAGE_CODE="en", LANGUAGES=many, APPEND_SLASH=False)
    monkeypatch.setattr(URLResolver, "resolve", noting)
    assert send("OPTIONS", "/ueber", asking_for("PUT", PARTNER)).cors == goes_on(PARTNER)
    assert tried == ["en", "de", "en", "de"]


class ByQuery(MiddlewareMixin):
    """Lets a form say which method it means, which belongs above ours."""

    def process_request(self, request: HttpRequest) -> None:
        request.method = request.GET.get("method", request.method)


def test_an_answer_has_the_policy_of_the_method_that_ran(project: Project, send: Send) -> None:
    class Notes(View):
        @cors(allow_origins="*")
        def post(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("post")

        @cors(allow_origins=PARTNER)
        def put(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("put")

    project([path("notes", Notes.as_view())], f"{__name__}.ByQuery")
    answer = send("POST", "/notes?method=PUT", asking(EVIL))
    assert (answer.body, answer.cors) == (b"put", DENIED)
    assert send("POST", "/notes?method=PUT", asking(PARTNER)).cors == readable_by(PARTNER)


# ------------------------------------------------------------------ every kind of answer

BODY = b"0123456789" * 40
ETAG = '"7"'


def conditional(request: HttpRequest) -> HttpResponseBase:
    return HttpResponse(BODY, headers={"ETag": ETAG, "Vary": "Accept-Language"})


def ranges(request: HttpRequest) -> HttpResponseBase:
    """Django has no ranges, so views make them."""
    headers = {"Content-Range": f"bytes 2-4/{len(BODY)}"}
    return HttpResponse(BODY[2:5], status=206, headers=headers)


def failing(request: HttpRequest) -> HttpResponseBase:
    raise ZeroDivisionError


def missing(request: HttpRequest) -> HttpResponseBase:
    raise Http404


def denied(request: HttpRequest) -> HttpResponseBase:
    raise PermissionDenied


def suspicious(request: HttpRequest) -> HttpResponseBase:
    raise SuspiciousOperation


def redirecting(request: HttpRequest) -> HttpResponseBase:
    return HttpResponseRedirect("/login")


def empty(request: HttpRequest) -> HttpResponseBase:
    return HttpResponse(status=204)


async def asynchronous(request: HttpRequest) -> HttpResponseBase:
    await asyncio.sleep(0)
    return HttpResponse(BODY)


async def failing_later(request: HttpRequest) -> HttpResponseBase:
    await asyncio.sleep(0)
    raise ZeroDivisionError


class Sheet(View):
    def get(self, request: HttpRequest) -> HttpResponseBase:
        return HttpResponse(BODY)


KINDS: dict[str, Any] = {
    "conditional": conditional,
    "ranges": ranges,
    "failing": failing,
    "missing": missing,
    "denied": denied,
    "suspicious": suspicious,
    "redirecting": redirecting,
    "empty": empty,
    "asynchronous": asynchronous,
    "failing-later": failing_later,
    "sheet": Sheet.as_view(),
    "only-get": require_GET(saying("only GET")),
}
LANGUAGE = ["accept-language"]
each_kind = pytest.mark.parametrize(
    ("method", "url", "sent", "status", "body", "own"),
    [
        pytest.param("GET", "/conditional", {}, 200, BODY, LANGUAGE, id="all of it"),
        pytest.param("HEAD", "/conditional", {}, 200, None, LANGUAGE, id="HEAD"),
        pytest.param("GET", "/conditional", {"If-None-Match": ETAG}, 304, b"", LANGUAGE, id="304"),
        pytest.param("GET", "/ranges", {}, 206, b"234", [], id="206"),
        pytest.param("GET", "/missing", {}, 404, None, [], id="Http404"),
        pytest.param("GET", "/denied", {}, 403, None, [], id="PermissionDenied"),
        pytest.param("GET", "/suspicious", {}, 400, None, [], id="SuspiciousOperation"),
        pytest.param("GET", "/failing", {}, 500, None, [], id="an exception"),
        pytest.param("GET", "/redirecting", {}, 302, b"", [], id="a redirect"),
        pytest.param("GET", "/empty", {}, 204, b"", [], id="204"),
        pytest.param("GET", "/asynchronous", {}, 200, BODY, [], id="an async view"),
        pytest.param(
            "GET", "/failing-later", {}, 500, None, [], id="an exception of an async view"
        ),
        pytest.param("GET", "/sheet", {}, 200, BODY, [], id="a class"),
        pytest.param("PUT", "/sheet", {}, 405, b"", [], id="405 of a class"),
        pytest.param("OPTIONS", "/sheet", {}, 200, b"", [], id="OPTIONS of a class"),
        pytest.param("POST", "/only-get", {}, 405, b"", [], id="405 of a decorator"),
    ],
)


def check_kind(
    send: Send,
    origin: str,
    method: str,
    url: str,
    sent: dict[str, str],
    status: int,
    body: bytes | None,
    own: list[str],
) -> None:
    vary = {"vary": frozenset({"origin", *own})}
    answer = send(method, url, asking(origin) | sent)
    assert (answer.status, answer.cors) == (status, readable_by(origin) | vary)
    if body is not None:
        assert answer.body == body
    for other in (asking(EVIL), asking(None)):
        assert send(method, url, other | sent).cors == DENIED | vary


each_debug = pytest.mark.parametrize("debug", [False, True], ids=["DEBUG off", "DEBUG on"])


@each_kind
def test_every_kind_of_answer_has_the_policy_of_the_project(
    project: Project,
    send: Send,
    method: str,
    url: str,
    sent: dict[str, str],
    status: int,
    body: bytes,
    own: list[str],
) -> None:
    project([path(name, view) for name, view in KINDS.items()], CONDITIONAL)
    check_kind(send, APP, method, url, sent, status, body, own)


@each_debug
@each_kind
def test_every_kind_of_answer_has_the_policy_of_its_view(
    project: Project,
    send: Send,
    debug: bool,
    method: str,
    url: str,
    sent: dict[str, str],
    status: int,
    body: bytes,
    own: list[str],
) -> None:
    # Not the views themselves, which other tests use without a mark.
    group: Any = cors(allow_origins=PARTNER)
    views: URLs = [path(name, view) for name, view in KINDS.items()]
    project([path("", group(include((views, "views"))))], CONDITIONAL, DEBUG=debug)
    check_kind(send, PARTNER, method, url, sent, status, body, own)
    assert send("GET", "/nowhere", asking()).cors == readable_by(APP)


@each_kind
def test_every_kind_of_answer_has_the_policy_of_its_path(
    project: Project,
    send: Send,
    method: str,
    url: str,
    sent: dict[str, str],
    status: int,
    body: bytes,
    own: list[str],
) -> None:
    urls: URLs = [path(name, view) for name, view in KINDS.items()]
    project(urls, CONDITIONAL, CORS_PATHS={url: {"allow_origins": PARTNER}})
    check_kind(send, PARTNER, method, url, sent, status, body, own)
    assert send("GET", "/nowhere", asking()).cors == readable_by(APP)


# ------------------------------------------------------------------ files and streams


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "font.woff2").write_bytes(BODY)
    return tmp_path


def test_a_file_is_handed_to_the_server_with_the_headers(project: Project) -> None:
    def download(request: HttpRequest) -> HttpResponseBase:
        return FileResponse(io.BytesIO(BODY), as_attachment=True, filename="notes.txt")

    project([path("file", cors(allow_origins=PARTNER)(download))])
    answer = send_wsgi("GET", "/file", asking(PARTNER))
    assert (answer.status, answer.body, answer.cors) == (200, BODY, readable_by(PARTNER))
    assert answer.values("Content-Disposition") == ['attachment; filename="notes.txt"']
    assert answer.values("Content-Length") == [str(len(BODY))]

    # Django gives the file to a server that can send files by itself.
    taken: list[Any] = []

    def take(file: Any, size: int) -> list[bytes]:
        taken.append(file.read())
        return [b"taken"]

    environ = environ_of("GET", "/file", asking(PARTNER)) | {"wsgi.file_wrapper": take}
    assert list(WSGIHandler()(environ, lambda *args: lambda data: None)) == [b"taken"]
    assert taken == [BODY]


def test_a_folder_that_django_serves_answers_with_the_headers(
    project: Project, folder: Path
) -> None:
    def files(request: HttpRequest, name: str) -> HttpResponseBase:
        return serve(request, name, document_root=str(folder))

    project([path("files/<path:name>", cors(allow_origins=PARTNER)(files))])
    answer = send_wsgi("GET", "/files/font.woff2", asking(PARTNER))
    assert (answer.status, answer.body, answer.cors) == (200, BODY, readable_by(PARTNER))
    since = {"If-Modified-Since": answer.values("Last-Modified")[0]}
    unchanged = send_wsgi("GET", "/files/font.woff2", asking(PARTNER) | since)
    assert (unchanged.status, unchanged.cors) == (304, readable_by(PARTNER))
    head = send_wsgi("HEAD", "/files/font.woff2", asking(PARTNER))
    assert (head.status, head.cors) == (200, readable_by(PARTNER))
    missing = send_wsgi("GET", "/files/none", asking(PARTNER))
    assert (missing.status, missing.cors) == (404, readable_by(PARTNER))


def test_a_stream_is_not_read_ahead_and_is_closed(project: Project) -> None:
    done: list[str] = []

    def chunks() -> Iterator[bytes]:
        try:
            for number in range(3):
                done.append(f"made {number}")
                yield b"%d" % number
        finally:
            done.append("closed")

    def stream(request: HttpRequest) -> HttpResponseBase:
        return StreamingHttpResponse(chunks(), content_type="text/event-stream")

    project([path("stream", cors(allow_origins=PARTNER)(stream))])
    lines: list[Any] = []

    def start_response(*args: Any) -> Any:
        lines.append(args)

    result: Any = WSGIHandler()(environ_of("GET", "/stream", asking(PARTNER)), start_response)
    assert next(iter(result)) == b"0"
    assert done == ["made 0"]
    result.close()
    assert done == ["made 0", "closed"]
    assert Answer(200, "", lines[0][1], b"").cors == readable_by(PARTNER)


@pytest.mark.parametrize("marked", [True, False], ids=["the view's policy", "the project's policy"])
def test_server_sent_events_of_an_async_view_have_the_headers(
    project: Project, marked: bool
) -> None:
    async def events() -> AsyncIterator[str]:
        for number in range(2):
            await asyncio.sleep(0)
            yield f"data: {number}\n\n"

    async def stream(request: HttpRequest) -> HttpResponseBase:
        return StreamingHttpResponse(events(), content_type="text/event-stream")

    origin = PARTNER if marked else APP
    project([path("stream", cors(allow_origins=PARTNER)(stream) if marked else stream)])
    answer = send_asgi("GET", "/stream", asking(origin))
    assert (answer.status, answer.cors) == (200, readable_by(origin))
    assert answer.body == b"data: 0\n\ndata: 1\n\n"
    assert answer.values("Content-Type") == ["text/event-stream"]


def test_what_other_middleware_puts_into_vary_stays(project: Project, send: Send) -> None:
    project([path("conditional", conditional)], GZIP)
    answer = send("GET", "/conditional", asking() | {"Accept-Encoding": "gzip"})
    assert answer.values("Content-Encoding") == ["gzip"]
    vary = {"vary": frozenset({"accept-encoding", "accept-language", "origin"})}
    assert answer.cors == readable_by(APP) | vary


# ------------------------------------------------------------------ what it costs


# What is asked of the project below, its status, and how often that is routed: without corsgate;
# where nothing but the policy of the settings counts; and where views or paths have policies.
COSTS = [
    pytest.param("GET", "/x", 200, 1, 1, 1, id="a view"),
    pytest.param("PUT", "/only-get", 405, 1, 1, 1, id="405"),
    pytest.param("GET", "/group/x", 200, 1, 1, 1, id="a view of a group"),
    # No view has answered, but one may have been meant: with a slash too.
    pytest.param("GET", "/nowhere", 404, 3, 3, 5, id="404"),
    pytest.param("GET", "/notes", 301, 3, 3, 5, id="a slash redirect"),
    # Of a preflight Django itself does not hear.
    pytest.param("OPTIONS", "/x", 204, 1, 0, 1, id="a preflight"),
    pytest.param("OPTIONS", "/notes", 204, 3, 0, 2, id="a preflight through a slash redirect"),
    pytest.param("OPTIONS", "/nowhere", 204, 3, 0, 2, id="a preflight for nothing"),
]


async def in_the_loop(request: HttpRequest) -> HttpResponseBase:
    return HttpResponse("x")


def costly_urls(*, marked: bool) -> URLs:
    mark: Any = cors(allow_origins=[APP], max_age=5) if marked else lambda view: view
    return [
        path("x", mark(in_the_loop)),
        path("only-get", mark(require_GET(saying("only GET")))),
        path("group/", mark(include([path("x", in_the_loop)]))),
        path("notes/", in_the_loop),
    ]


@pytest.fixture(params=["one policy", "paths", "marked views"])
def policies(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "marked views":  # as in a new process
        monkeypatch.setattr("corsgate.django.routing._marks_exist", False)
    return str(request.param)


def settings_for(policies: str) -> dict[str, Any]:
    return {"CORS_PATHS": {"/x": {"max_age": 5}}} if policies == "paths" else {}


@pytest.mark.parametrize(("method", "url", "status", "bare", "alone", "several"), COSTS)
def test_only_preflights_and_answers_without_a_view_are_routed_again(
    project: Project,
    send: Send,
    policies: str,
    method: str,
    url: str,
    status: int,
    bare: int,
    alone: int,
    several: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    routed: list[str] = []
    resolve = URLResolver.resolve

    def counting(self: URLResolver, candidate: str) -> Any:
        if isinstance(self.pattern, RegexPattern):  # the root; groups are asked by it
            routed.append(candidate)
        return resolve(self, candidate)

    urls = costly_urls(marked=policies == "marked views")
    headers = asking_for("PUT") if method == "OPTIONS" else asking()
    project(urls, COMMON, **settings_for(policies))
    monkeypatch.setattr(URLResolver, "resolve", counting)
    assert send(method, url, headers).status == status
    assert len(routed) == (alone if policies == "one policy" else several)
    routed.clear()
    with override_settings(MIDDLEWARE=[COMMON]):
        send(method, url, headers)
    assert len(routed) == bare


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What asynchronous code has handed to another thread."""
    handed: list[str] = []
    hand_over = SyncToAsync.__call__

    async def counting(self: Any, *args: Any, **kwargs: Any) -> Any:
        handed.append(self.func.__name__)
        return await hand_over(self, *args, **kwargs)

    monkeypatch.setattr(SyncToAsync, "__call__", counting)
    return handed


@pytest.mark.parametrize(
    ("method", "url", "origin"),
    [
        pytest.param("GET", "/x", APP, id="allowed"),
        pytest.param("GET", "/x", EVIL, id="denied"),
        pytest.param("GET", "/x", None, id="no page"),
        pytest.param("GET", "/group/x", APP, id="in a group"),
        pytest.param("GET", "/nowhere", APP, id="404"),
    ],
)
def test_an_asynchronous_request_stays_in_the_thread_of_the_loop(
    project: Project, hops: list[str], policies: str, method: str, url: str, origin: str | None
) -> None:
    project(costly_urls(marked=policies == "marked views"), **settings_for(policies))
    answer = send_asgi(method, url, asking(origin))
    assert answer.cors == (readable_by(APP) if origin == APP else DENIED)
    ours = hops.copy()
    hops.clear()
    with override_settings(MIDDLEWARE=[]):
        assert send_asgi(method, url, asking(origin)).cors == NOTHING
    assert ours == hops


def test_an_asynchronous_preflight_stays_in_the_thread_of_the_loop(
    project: Project, hops: list[str], policies: str
) -> None:
    project(costly_urls(marked=policies == "marked views"), **settings_for(policies))
    assert send_asgi("OPTIONS", "/x", asking_for("PUT")).status == 204
    ours = hops.copy()
    hops.clear()
    with override_settings(MIDDLEWARE=[]):
        assert send_asgi("GET", "/x").status == 200
    assert ours == hops


def test_only_a_callable_of_the_users_leaves_the_thread_of_the_loop(
    project: Project, hops: list[str]
) -> None:
    project([path("x", in_the_loop)], CORS_ALLOW_ORIGINS=lambda origin, meta: True)
    assert send_asgi("GET", "/x", asking()).cors == readable_by(APP)
    assert hops.count("_decide") == 1


def test_no_signal_of_a_request_has_a_receiver(project: Project, send: Send) -> None:
    of_requests = [signals.request_started, signals.request_finished, signals.got_request_exception]
    connected: set[str] = set()

    def looking(request: HttpRequest) -> HttpResponseBase:
        for signal in of_requests:
            for receivers in signal._live_receivers(None):
                connected.update(receiver.__module__ for receiver in receivers)
        return HttpResponse("x")

    project([path("x", cors(allow_origins=[APP])(looking))])
    assert send("GET", "/x", asking()).cors == readable_by(APP)
    assert "django.db" in connected  # Django's own, to show that they are seen
    assert not [module for module in connected if module.startswith("corsgate")]
