"""The packages and settings that people write and guard a Django API with, as they are released."""

# These packages have no types, or take them from Django's own, which has none.
# mypy: allow-untyped-decorators, allow-subclassing-any

import json
from collections.abc import Callable, Iterator
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
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.test import Client
from django.urls import URLPattern, URLResolver, include, path
from django.utils.decorators import method_decorator
from django.views import View
from django_project import COMMON, CORSGATE, settings_of
from ninja import NinjaAPI, Router
from ninja import Schema as NinjaSchema
from ninja.decorators import decorate_view
from ninja.security import HttpBearer
from rest_framework.authentication import BaseAuthentication
from rest_framework.decorators import (
    action,
    api_view,
    authentication_classes,
    permission_classes,
    throttle_classes,
)
from rest_framework.exceptions import AuthenticationFailed, ValidationError
from rest_framework.permissions import BasePermission, IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet
from wsgi_client import Answer, call

from corsgate.django import cors

SHOP = "https://shop.example.net"

URLs = list[URLPattern | URLResolver]
Send = Callable[..., Answer]

SECURITY = "django.middleware.security.SecurityMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
AUTH = "django.contrib.auth.middleware.AuthenticationMiddleware"
LOGIN = "django.contrib.auth.middleware.LoginRequiredMiddleware"
WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"


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
            defaults = {
                "CORS_ALLOW_ORIGINS": APP,
                "INSTALLED_APPS": ["django.contrib.contenttypes", "django.contrib.auth"],
                "SESSION_ENGINE": "django.contrib.sessions.backends.signed_cookies",
            }
            changes = {**defaults, **settings}
            stack.enter_context(settings_of(urls, middleware=[CORSGATE, *middleware], **changes))

        yield start


JSON = {"Content-Type": "application/json"}
KEY = {"Authorization": "Key right"}

# ------------------------------------------------------------------ Django REST framework


class User:
    is_authenticated = True


class KeyAuthentication(BaseAuthentication):
    def authenticate(self, request: Any) -> tuple[User, None] | None:
        key = request.headers.get("Authorization")
        if key is None:
            return None
        if key != KEY["Authorization"]:
            raise AuthenticationFailed
        return User(), None

    def authenticate_header(self, request: Any) -> str:
        return "Key"


class Nobody(BasePermission):
    def has_permission(self, request: Any, view: Any) -> bool:
        return False


class Exhausted(BaseThrottle):
    def allow_request(self, request: Any, view: Any) -> bool:
        return False

    def wait(self) -> float:
        return 7.0


@cors(allow_origins=PARTNER)
@api_view(["GET", "PUT"])
@authentication_classes([KeyAuthentication])
@permission_classes([IsAuthenticated])
def note(request: Any) -> Response:
    return Response({"method": request.method})


@api_view(["GET", "POST"])
@throttle_classes([Exhausted])
def throttled(request: Any) -> Response:
    raise AssertionError


@method_decorator(cors(allow_origins=SHOP), name="dispatch")
class Things(APIView):
    renderer_classes = (JSONRenderer,)
    authentication_classes = (KeyAuthentication,)

    def get(self, request: Any) -> Response:
        if "broken" in request.GET:
            raise ZeroDivisionError
        if "invalid" in request.GET:
            raise ValidationError({"field": "wrong"})
        return Response([])

    @cors(allow_origins=PARTNER, allow_credentials=True)
    def put(self, request: Any) -> Response:
        self.permission_classes = (Nobody,)
        self.check_permissions(request)
        raise AssertionError


class Books(ViewSet):
    authentication_classes = (KeyAuthentication,)

    def list(self, request: Any) -> Response:
        return Response([])

    @cors(allow_origins=PARTNER)
    def create(self, request: Any) -> Response:
        return Response({}, status=201)

    def retrieve(self, request: Any, pk: str) -> Response:
        return Response({"pk": pk})

    @cors(allow_origins=SHOP)
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def lend(self, request: Any, pk: str) -> Response:
        return Response({"lent": pk})

    @action(detail=True, methods=["post"])
    @cors(allow_origins=PARTNER)
    def give_back(self, request: Any, pk: str) -> Response:
        return Response({"back": pk})

    @lend.mapping.delete
    def do_not_lend(self, request: Any, pk: str) -> Response:
        return Response({"kept": pk})


@cors(allow_origins=PARTNER)
class Films(ViewSet):
    def list(self, request: Any) -> Response:
        return Response([])

    @cors(allow_origins=SHOP)
    def create(self, request: Any) -> Response:
        return Response({}, status=201)


def drf_urls() -> URLs:
    router: Any = DefaultRouter()
    router.register("books", Books, basename="book")
    router.register("films", Films, basename="film")
    return [
        path("note", note),
        path("throttled", throttled),
        path("things", Things.as_view()),
        path("api/", include(router.urls)),
    ]


@pytest.mark.parametrize(
    ("method", "url", "sent", "status", "who"),
    [
        pytest.param("GET", "/note", KEY, 200, PARTNER, id="a function"),
        pytest.param("PUT", "/note", {}, 401, PARTNER, id="a function that needs a login"),
        pytest.param("GET", "/note", {"Authorization": "x"}, 401, PARTNER, id="a wrong key"),
        pytest.param("DELETE", "/note", KEY, 405, PARTNER, id="a method that it has not"),
        pytest.param("GET", "/throttled", {}, 429, APP, id="too many requests"),
        pytest.param("GET", "/things", {}, 200, SHOP, id="a class"),
        pytest.param("GET", "/things?invalid", {}, 400, SHOP, id="invalid input"),
        pytest.param("GET", "/things?broken", {}, 500, SHOP, id="an exception"),
        pytest.param("GET", "/things", {"Accept": "image/png"}, 406, SHOP, id="not acceptable"),
        pytest.param("HEAD", "/things", {}, 200, SHOP, id="HEAD, which get() serves"),
        pytest.param("GET", "/api/books/", {}, 200, APP, id="an action without a policy"),
        pytest.param("POST", "/api/books/", {}, 201, PARTNER, id="an action with one"),
        pytest.param("DELETE", "/api/books/", {}, 405, APP, id="no such action"),
        pytest.param("GET", "/api/books/7/", {}, 200, APP, id="the other route of a ViewSet"),
        pytest.param("POST", "/api/books/7/lend/", KEY, 200, SHOP, id="above @action"),
        pytest.param("POST", "/api/books/7/lend/", {}, 401, SHOP, id="an action's permission"),
        pytest.param("DELETE", "/api/books/7/lend/", KEY, 200, APP, id="another method of it"),
        pytest.param("POST", "/api/books/7/give_back/", {}, 200, PARTNER, id="below @action"),
        pytest.param("GET", "/api/films/", {}, 200, PARTNER, id="a ViewSet with a policy"),
        pytest.param("PUT", "/api/films/", {}, 405, APP, id="and a method that it has not"),
        pytest.param("POST", "/api/films/", {}, 201, SHOP, id="an action of that"),
        pytest.param("GET", "/api/", {}, 200, APP, id="the root of the router"),
        pytest.param("GET", "/api/nothing/", {}, 404, APP, id="no view"),
    ],
)
def test_every_answer_of_rest_framework_has_its_routes_policy(
    project: Project,
    send: Send,
    method: str,
    url: str,
    sent: dict[str, str],
    status: int,
    who: str,
) -> None:
    project(drf_urls())
    answer = send(method, url, asking(who) | sent)
    assert answer.status == status
    assert ours(answer) == readable_by(who)
    other = {APP: PARTNER, PARTNER: SHOP, SHOP: APP}[who]
    assert ours(send(method, url, asking(other) | sent)) == DENIED


def ours(answer: Answer) -> dict[str, object]:
    """The CORS headers and Vary, without what frameworks put into Vary themselves."""
    vary = answer.cors["vary"]
    assert isinstance(vary, frozenset)
    return {**answer.cors, "vary": vary - {"accept", "cookie"}}


@pytest.mark.parametrize(
    ("method", "url", "who", "max_age"),
    [
        pytest.param("PUT", "/note", PARTNER, "600", id="a function"),
        pytest.param("POST", "/throttled", APP, "600", id="a function without a policy"),
        pytest.param("GET", "/things", SHOP, "0", id="a class"),
        pytest.param("PUT", "/things", PARTNER, "0", id="a method of the class"),
        pytest.param("GET", "/api/books/", APP, "0", id="an action without a policy"),
        pytest.param("POST", "/api/books/", PARTNER, "0", id="an action with one"),
        pytest.param("GET", "/api/books/7/", APP, "600", id="the other route of a ViewSet"),
        pytest.param("POST", "/api/books/7/lend/", SHOP, "0", id="above @action"),
        pytest.param("DELETE", "/api/books/7/lend/", APP, "0", id="another method of it"),
        pytest.param("POST", "/api/books/7/give_back/", PARTNER, "600", id="below @action"),
        pytest.param("POST", "/api/films/", SHOP, "0", id="an action of a marked ViewSet"),
    ],
)
def test_preflights_pass_before_rest_framework_checks_anything(
    project: Project, send: Send, method: str, url: str, who: str, max_age: str
) -> None:
    project(drf_urls())
    credentials = (
        {"Access_Control_Allow_Credentials": "true"} if (method, url) == ("PUT", "/things") else {}
    )
    answer = send("OPTIONS", url, asking_for(method, who))
    assert (answer.status, answer.body) == (204, b"")
    assert answer.cors == goes_on(who, max_age=max_age, **credentials)
    other = {APP: PARTNER, PARTNER: SHOP, SHOP: APP}[who]
    refused = send("OPTIONS", url, asking_for(method, other))
    assert (refused.status, refused.cors) == (403, REFUSED)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(asking(PARTNER), id="of a page"),
        pytest.param({}, id="of no page"),
        pytest.param({"Access-Control-Request-Method": "PUT"}, id="half a preflight"),
    ],
)
def test_the_options_of_rest_framework_are_its_own(
    project: Project, send: Send, sent: dict[str, str]
) -> None:
    project(drf_urls())
    answer = send("OPTIONS", "/note", sent | KEY)
    assert answer.status == 200
    assert json.loads(answer.body)["name"] == "Note"
    assert ours(answer) == (readable_by(PARTNER) if "Origin" in sent else DENIED)
    refused = send("OPTIONS", "/note", sent)
    assert refused.status == 401


def test_the_actions_of_a_viewset_are_found_above_and_below_cors() -> None:
    assert [extra.__name__ for extra in Books.get_extra_actions()] == ["give_back", "lend"]


@api_view(["GET"])
@cors(allow_origins=PARTNER)
def lost_below_api_view(request: Any, name: str) -> Response:
    return Response({})


def test_cors_below_api_view_is_an_error_that_names_the_route(project: Project) -> None:
    project([path("api/<slug:name>", lost_below_api_view)])
    with pytest.raises(ImproperlyConfigured, match=r"'api/<slug:name>'.*decorator.*above"):
        Client().get("/api/lost")


# ------------------------------------------------------------------ Django Ninja


class NoteIn(NinjaSchema):
    text: str


class BearerKey(HttpBearer):
    def authenticate(self, request: HttpRequest, token: str) -> str | None:
        return token if token == "right" else None


def ninja_api(name: str) -> NinjaAPI:
    api = NinjaAPI(urls_namespace=name, docs_url="/docs")
    router = Router()

    @router.get("/notes")
    def notes(request: HttpRequest) -> list[str]:
        return []

    @router.post("/notes", response=NoteIn)
    def add(request: HttpRequest, note: NoteIn) -> NoteIn:
        return note

    @router.delete("/notes/{number}", auth=BearerKey())
    async def delete(request: HttpRequest, number: int) -> dict[str, int]:
        return {"gone": number}

    @router.get("/broken")
    def broken(request: HttpRequest) -> None:
        raise ZeroDivisionError

    api.add_router("", router)
    return api


# Ninja allows one API of a name in a process.
ALONE, FIRST, SECOND, BY_PATH = (ninja_api(name) for name in ("alone", "one", "two", "by-path"))


def ninja_urls() -> URLs:
    marked: Any = cors(allow_origins=PARTNER, allow_credentials=True)
    other: Any = cors(allow_origins=SHOP)
    return [
        path("marked/", marked(FIRST.urls)),
        path("included/", other(include((SECOND.urls[0], "two")))),
        path("by-path/", BY_PATH.urls),
        path("api/", ALONE.urls),
    ]


NINJA_SETTINGS = {"CORS_PATHS": {"/by-path/*": {"allow_origins": SHOP}}}
each_api = pytest.mark.parametrize(
    ("where", "who", "more"),
    [
        pytest.param("/api", APP, {}, id="not marked"),
        pytest.param(
            "/marked", PARTNER, {"Access_Control_Allow_Credentials": "true"}, id="cors(api.urls)"
        ),
        pytest.param("/included", SHOP, {}, id="cors(include(...))"),
        pytest.param("/by-path", SHOP, {}, id="paths"),
    ],
)


@each_api
@pytest.mark.parametrize(
    ("method", "url", "body", "sent", "status"),
    [
        pytest.param("GET", "/notes", b"", {}, 200, id="an operation"),
        pytest.param("POST", "/notes", b'{"text": "a"}', JSON, 200, id="with a body"),
        pytest.param("POST", "/notes", b"{}", JSON, 422, id="a body that is invalid"),
        pytest.param("PATCH", "/notes", b"", {}, 405, id="a method that the path has not"),
        pytest.param("DELETE", "/notes/7", b"", {}, 401, id="no key"),
        pytest.param(
            "DELETE", "/notes/7", b"", {"Authorization": "Bearer right"}, 200, id="the key"
        ),
        pytest.param("GET", "/broken", b"", {}, 500, id="an exception"),
        pytest.param("GET", "/openapi.json", b"", {}, 200, id="the specification"),
    ],
)
def test_every_answer_of_ninja_has_the_policy_of_its_api(
    project: Project,
    send: Send,
    where: str,
    who: str,
    more: dict[str, str],
    method: str,
    url: str,
    body: bytes,
    sent: dict[str, str],
    status: int,
) -> None:
    project(ninja_urls(), **NINJA_SETTINGS)
    answer = send(method, where + url, asking(who) | sent, body=body)
    assert (answer.status, answer.cors) == (status, readable_by(who, **more))
    other = {APP: PARTNER, PARTNER: SHOP, SHOP: APP}[who]
    assert send(method, where + url, asking(other) | sent, body=body).cors == DENIED


@each_api
@pytest.mark.parametrize(
    ("method", "url"),
    [
        pytest.param("POST", "/notes", id="that validates"),
        pytest.param("DELETE", "/notes/7", id="that needs a key"),
    ],
)
def test_preflights_pass_before_ninja_checks_anything(
    project: Project,
    send: Send,
    where: str,
    who: str,
    more: dict[str, str],
    method: str,
    url: str,
) -> None:
    project(ninja_urls(), **NINJA_SETTINGS)
    answer = send("OPTIONS", where + url, asking_for(method, who))
    assert (answer.status, answer.cors) == (204, goes_on(who, **more))
    other = {APP: PARTNER, PARTNER: SHOP, SHOP: APP}[who]
    refused = send("OPTIONS", where + url, asking_for(method, other))
    assert (refused.status, refused.cors) == (403, REFUSED)


def test_a_marked_api_of_ninja_keeps_its_names_and_its_csrf_exemption(project: Project) -> None:
    project(ninja_urls(), CSRF, **NINJA_SETTINGS)
    answer = send_wsgi("POST", "/marked/notes", asking(PARTNER) | JSON, body=b'{"text": "a"}')
    assert answer.status == 200
    specification = json.loads(send_wsgi("GET", "/marked/openapi.json").body)
    assert set(specification["paths"]) == {
        "/marked/notes",
        "/marked/notes/{number}",
        "/marked/broken",
    }


@pytest.mark.parametrize(
    "lower",
    [cors(allow_origins=PARTNER), decorate_view(cors(allow_origins=PARTNER))],
    ids=["by itself", "in decorate_view"],
)
def test_cors_on_an_operation_of_ninja_is_an_error_that_names_the_route(
    project: Project, lower: Any, request: pytest.FixtureRequest
) -> None:
    api = NinjaAPI(urls_namespace=f"lost {request.node.name}")

    @api.get("/notes")
    @lower
    def notes(request: HttpRequest) -> list[str]:
        return []

    project([path("lost/", api.urls)])
    with pytest.raises(ImproperlyConfigured, match=r"'lost/notes' .*cors\(...\)\(api.urls\)"):
        Client().get("/lost/notes")


def test_cors_above_an_operation_of_ninja_is_an_error_that_names_its_path() -> None:
    with pytest.raises(
        TypeError, match=r"operation '/notes' of Django Ninja: write cors\(...\)\(api.urls\)"
    ):

        @cors(allow_origins=PARTNER)
        @Router().get("/notes")
        def notes(request: HttpRequest) -> list[str]:
            return []


@pytest.mark.parametrize(
    "target",
    [
        pytest.param(NinjaAPI(urls_namespace="not-marked"), id="an API of Ninja"),
        pytest.param(Router(), id="a router of Ninja"),
        pytest.param(DefaultRouter(), id="a router of REST framework"),
        pytest.param(DefaultRouter().urls, id="the list of its URLs"),
        pytest.param(path("x", note), id="a path()"),
    ],
)
def test_cors_on_what_is_no_view_is_an_error_that_says_what_to_write(target: Any) -> None:
    with pytest.raises(TypeError, match=r"include\("):
        cors(allow_origins=APP)(target)


# ------------------------------------------------------------------ Django's own guards


@cors(allow_origins=PARTNER, allow_credentials=True)
def private(request: HttpRequest) -> HttpResponse:
    return HttpResponse("private")


@cors(allow_origins=SHOP)
async def private_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse("private")


def unmarked(request: HttpRequest) -> HttpResponse:
    return HttpResponse("unmarked")


class Sheet(View):
    @cors(allow_origins=SHOP)
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("sheet")

    @cors(allow_origins=PARTNER)
    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("saved")


@cors(allow_origins=PARTNER)
@login_not_required
def public(request: HttpRequest) -> HttpResponse:
    return HttpResponse("public")


@login_not_required
@cors(allow_origins=PARTNER)
def also_public(request: HttpRequest) -> HttpResponse:
    return HttpResponse("public")


def token(request: HttpRequest) -> HttpResponse:
    return HttpResponse(get_token(request))


GUARDED: URLs = [
    path("private", private),
    path("private-async", private_async),
    path("unmarked", unmarked),
    path("sheet", Sheet.as_view()),
    path("public", public),
    path("also-public", also_public),
    path("slash/", private),
    path("slash-unmarked/", unmarked),
    path("token", token),
]
COOKIES = {"Access_Control_Allow_Credentials": "true"}

each_guarded = pytest.mark.parametrize(
    ("method", "url", "who", "more", "max_age"),
    [
        pytest.param("POST", "/unmarked", APP, {}, "600", id="a view without a policy"),
        pytest.param("POST", "/private", PARTNER, COOKIES, "600", id="a view with one"),
        pytest.param("POST", "/private-async", SHOP, {}, "600", id="an async view"),
        pytest.param("POST", "/sheet", PARTNER, {}, "0", id="a method of a class"),
    ],
)


def assert_passes(
    send: Send, method: str, url: str, who: str, more: dict[str, str], max_age: str
) -> None:
    answer = send("OPTIONS", url, asking_for(method, who))
    assert (answer.status, answer.cors) == (204, goes_on(who, max_age=max_age, **more))
    refused = send("OPTIONS", url, asking_for(method, EVIL))
    assert (refused.status, refused.cors) == (403, REFUSED)


@each_guarded
def test_the_redirect_to_the_login_can_be_read_and_a_preflight_needs_none(
    project: Project,
    send: Send,
    method: str,
    url: str,
    who: str,
    more: dict[str, str],
    max_age: str,
) -> None:
    project(GUARDED, SESSIONS, AUTH, LOGIN)
    assert_passes(send, method, url, who, more, max_age)
    answer = send(method, url, asking(who))
    assert answer.status == 302
    assert answer.values("Location") == [f"/accounts/login/?next={url}"]
    assert answer.cors == readable_by(who, **more) | {"vary": frozenset({"cookie", "origin"})}


@pytest.mark.parametrize("url", ["/public", "/also-public"], ids=["below cors", "above cors"])
def test_a_view_can_be_exempt_from_the_login(project: Project, send: Send, url: str) -> None:
    project(GUARDED, SESSIONS, AUTH, LOGIN)
    answer = send("GET", url, asking(PARTNER))
    assert (answer.status, answer.body, ours(answer)) == (200, b"public", readable_by(PARTNER))


@each_guarded
def test_the_page_can_read_that_a_csrf_token_is_missing_and_a_preflight_needs_none(
    project: Project,
    send: Send,
    method: str,
    url: str,
    who: str,
    more: dict[str, str],
    max_age: str,
) -> None:
    project(GUARDED, CSRF)
    assert_passes(send, method, url, who, more, max_age)
    answer = send(method, url, asking(who))
    assert answer.status == 403
    assert b"CSRF verification failed" in answer.body
    assert answer.cors == readable_by(who, **more)


def test_the_page_can_send_the_csrf_token_that_it_was_given(project: Project, send: Send) -> None:
    project(GUARDED, CSRF, CSRF_TRUSTED_ORIGINS=[PARTNER])
    given = send("GET", "/token", asking())
    assert given.cors == readable_by(APP) | {"vary": frozenset({"cookie", "origin"})}
    cookie = given.values("Set-Cookie")[0].partition(";")[0]
    sent = {"Cookie": cookie, "X-CSRFToken": given.body.decode()}
    answer = send("POST", "/private", asking(PARTNER) | sent)
    assert (answer.status, answer.body) == (200, b"private")
    assert answer.cors == readable_by(PARTNER, **COOKIES)


@each_guarded
def test_the_redirect_to_https_can_be_read_and_a_preflight_is_not_redirected(
    project: Project,
    send: Send,
    method: str,
    url: str,
    who: str,
    more: dict[str, str],
    max_age: str,
) -> None:
    project(GUARDED, SECURITY, SECURE_SSL_REDIRECT=True)
    assert_passes(send, method, url, who, more, max_age)
    answer = send(method, url, asking(who))
    assert (answer.status, answer.cors) == (301, readable_by(who, **more))
    assert answer.values("Location") == [f"https://127.0.0.1{url}"]
    nothing = send(method, "/nothing", asking())
    assert (nothing.status, nothing.cors) == (301, readable_by(APP))


each_slash = pytest.mark.parametrize(
    ("url", "who", "more"),
    [
        pytest.param("/slash-unmarked", APP, {}, id="a view without a policy"),
        pytest.param("/slash", PARTNER, COOKIES, id="a view with one"),
    ],
)


@each_slash
def test_the_redirect_to_the_slash_has_the_policy_of_its_target(
    project: Project, send: Send, url: str, who: str, more: dict[str, str]
) -> None:
    project(GUARDED, COMMON, APPEND_SLASH=True)
    assert_passes(send, "PUT", url, who, more, "600")
    answer = send("GET", url, asking(who))
    assert (answer.status, answer.cors) == (301, readable_by(who, **more))
    assert answer.values("Location") == [f"{url}/"]


@each_slash
def test_the_page_can_read_that_django_cannot_redirect_what_was_posted(
    project: Project, send: Send, url: str, who: str, more: dict[str, str]
) -> None:
    project(GUARDED, COMMON, APPEND_SLASH=True, DEBUG=True)
    answer = send("POST", url, asking(who))
    assert answer.status == 500
    assert b"APPEND_SLASH" in answer.body
    assert answer.cors == readable_by(who, **more)


def test_without_append_slash_a_preflight_is_judged_by_the_path_as_it_is(
    project: Project, send: Send
) -> None:
    project(GUARDED, COMMON, APPEND_SLASH=False)
    assert send("OPTIONS", "/slash", asking_for("PUT", PARTNER)).status == 403
    assert send("OPTIONS", "/slash", asking_for("PUT")).cors == goes_on(APP)
    answer = send("GET", "/slash", asking())
    assert (answer.status, answer.cors) == (404, readable_by(APP))


# ------------------------------------------------------------------ a guard before routing


class Guard:
    """A middleware that answers, or fails, without asking what is inside of it."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[..., Any]) -> None:
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self.answer_later(request) if self.is_async else self.answer(request)

    async def answer_later(self, request: HttpRequest) -> HttpResponse:
        return self.answer(request)

    def answer(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("who are you?", status=401, headers={"WWW-Authenticate": "Key"})


class BrokenGuard(Guard):
    def answer(self, request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError


@each_guarded
@pytest.mark.parametrize(
    ("guard", "status"), [(Guard, 401), (BrokenGuard, 500)], ids=["a 401", "an exception"]
)
def test_what_answers_before_routing_has_the_policy_of_the_view_that_was_meant(
    project: Project,
    send: Send,
    guard: type[Guard],
    status: int,
    method: str,
    url: str,
    who: str,
    more: dict[str, str],
    max_age: str,
) -> None:
    project(GUARDED, f"{__name__}.{guard.__name__}")
    assert_passes(send, method, url, who, more, max_age)
    answer = send(method, url, asking(who))
    assert (answer.status, answer.cors) == (status, readable_by(who, **more))
    assert send(method, url, asking(EVIL)).cors == DENIED


def test_what_answers_before_routing_has_the_policy_of_the_redirects_target(
    project: Project, send: Send
) -> None:
    project(GUARDED, f"{__name__}.Guard", COMMON, APPEND_SLASH=True)
    answer = send("GET", "/slash", asking(PARTNER))
    assert (answer.status, answer.cors) == (401, readable_by(PARTNER, **COOKIES))


def test_what_answers_before_routing_has_the_policy_of_the_path_where_no_view_is(
    project: Project, send: Send
) -> None:
    project(GUARDED, f"{__name__}.Guard", CORS_PATHS={"/elsewhere/*": {"allow_origins": SHOP}})
    below = send("GET", "/elsewhere/there", asking(SHOP))
    assert (below.status, below.cors) == (401, readable_by(SHOP))
    beside = send("GET", "/nothing", asking())
    assert (beside.status, beside.cors) == (401, readable_by(APP))


# ------------------------------------------------------------------ WhiteNoise

FONT = b"a font, or as good as one" * 10


@pytest.fixture
def static_root(tmp_path: Path) -> Path:
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "font.woff2").write_bytes(FONT)
    return tmp_path / "static"


def whitenoise(root: Path, **settings: Any) -> dict[str, Any]:
    return {"STATIC_URL": "/static/", "STATIC_ROOT": str(root), **settings}


@pytest.mark.parametrize("who", [APP, SHOP], ids=["an allowed page", "another page"])
@pytest.mark.parametrize(
    ("method", "sent", "status"),
    [
        pytest.param("GET", {}, 200, id="GET"),
        pytest.param("HEAD", {}, 200, id="HEAD"),
        pytest.param("GET", {"Range": "bytes=2-5"}, 206, id="a range"),
        pytest.param("GET", {"Range": "bytes=9999-"}, 416, id="a range that is not there"),
    ],
)
def test_whitenoise_keeps_its_own_header_for_fonts(
    project: Project, static_root: Path, who: str, method: str, sent: dict[str, str], status: int
) -> None:
    project(GUARDED, WHITENOISE, **whitenoise(static_root))
    answer = send_wsgi(method, "/static/font.woff2", asking(who) | sent)
    assert answer.status == status
    expected = {"access-control-allow-origin": "*"} if status < 400 else NOTHING
    assert answer.cors == expected
    # The rest of the project has our headers as before.
    assert send_wsgi("GET", "/private", asking(PARTNER)).cors == readable_by(PARTNER, **COOKIES)
    assert send_wsgi("GET", "/nothing", asking()).cors == readable_by(APP)


def test_a_304_of_whitenoise_is_left_alone(project: Project, static_root: Path) -> None:
    project(GUARDED, WHITENOISE, **whitenoise(static_root))
    first = send_wsgi("GET", "/static/font.woff2", asking())
    since = {"If-Modified-Since": first.values("Last-Modified")[0]}
    answer = send_wsgi("GET", "/static/font.woff2", asking() | since)
    assert answer.status == 304
    assert answer.cors in ({"access-control-allow-origin": "*"}, NOTHING)


def test_a_policy_for_the_static_files_replaces_the_header_of_whitenoise(
    project: Project, static_root: Path
) -> None:
    rules = {"/static/*": {"allow_origins": PARTNER}}
    project(GUARDED, WHITENOISE, **whitenoise(static_root, CORS_PATHS=rules))
    answer = send_wsgi("GET", "/static/font.woff2", asking(PARTNER))
    assert (answer.status, answer.body, answer.cors) == (200, FONT, readable_by(PARTNER))
    assert send_wsgi("GET", "/static/font.woff2", asking()).cors == DENIED


def test_a_file_of_whitenoise_outside_of_the_static_ones_has_the_projects_policy(
    project: Project, static_root: Path
) -> None:
    project(GUARDED, WHITENOISE, STATIC_URL="/static/", WHITENOISE_ROOT=str(static_root))
    answer = send_wsgi("GET", "/font.woff2", asking())
    assert (answer.status, answer.body, answer.cors) == (200, FONT, readable_by(APP))


def test_whitenoise_under_a_prefix_keeps_its_own_header(
    project: Project, static_root: Path
) -> None:
    settings = whitenoise(static_root, STATIC_URL="/shop/static/", FORCE_SCRIPT_NAME="/shop")
    project(GUARDED, WHITENOISE, **settings)
    answer = send_wsgi("GET", "/static/font.woff2", asking(), script_name="/shop")
    assert (answer.status, answer.cors) == (200, {"access-control-allow-origin": "*"})
