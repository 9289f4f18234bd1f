"""docs/moving/by_hand.rst in Django: headers set by hand, and corsgate, on the same requests."""

from collections.abc import Callable
from typing import Any

import pytest
from answers import APP, EVIL, NOTHING, asking, asking_for, goes_on, readable_by
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_http_methods
from django_project import COMMON, CORSGATE, URLs, send_sync, settings_of
from guide_tables import headers, joined
from hand_written import CODE, DIFFERENCES, ByHand, with_statuses
from wsgi_client import Answer

NOBODY = ByHand(lambda origin, answer: None)
chosen = NOBODY
ROWS = [key for key in DIFFERENCES if key != "set twice"]  # Django's answers have each name once

GetResponse = Callable[[HttpRequest], HttpResponse]


def by_hand(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponse:
        if chosen.place == "shortcut" and request.method == "OPTIONS":
            answer = HttpResponse(status=204)
            del answer["Content-Type"]
        else:
            answer = get_response(request)
        if chosen.place != "view":
            chosen.add(request.headers.get("Origin", ""), answer)
        return answer

    return middleware


def log_in(get_response: GetResponse) -> GetResponse:
    def middleware(request: HttpRequest) -> HttpResponse:
        if request.path == "/private":
            return HttpResponse(status=401)
        return get_response(request)

    return middleware


def from_guide(get_response: GetResponse) -> GetResponse:
    names: dict[str, Any] = {}
    exec(CODE["django-before"], names)
    made: GetResponse = names["add_cors_headers"](get_response)
    return made


@require_http_methods(["GET", "PUT"])
def view(request: HttpRequest) -> HttpResponse:
    answer = HttpResponse()
    if request.path == "/broken":
        raise RuntimeError("broken")
    if request.path == "/localized":
        patch_vary_headers(answer, ["Accept-Language"])
    if chosen.place == "view":
        chosen.add(request.headers.get("Origin", ""), answer)
    return answer


URLS: URLs = [path(name, view) for name in ("api", "localized", "broken", "private", "list/")]


def ask(outermost: str, asked: tuple[Any, ...], **settings: Any) -> Answer:
    middleware = [outermost, f"{__name__}.log_in", COMMON]
    with settings_of(URLS, middleware=middleware, **settings):
        return send_sync(*asked)


def ask_corsgate(options: dict[str, Any], asked: tuple[Any, ...]) -> Answer:
    settings = {f"CORS_{name.upper()}": value for name, value in options.items()}
    try:
        return ask(CORSGATE, asked, **settings)
    except ImproperlyConfigured as error:
        raise error.__cause__ or error from None


@pytest.mark.parametrize("key", ROWS)
def test_what_is_answered_differently(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = with_statuses(DIFFERENCES[key], options=405, redirect=301)
    with monkeypatch.context() as patched:
        patched.setattr(f"{__name__}.chosen", row.there)
        before = ask(f"{__name__}.by_hand", row.request)
    row.check(before, lambda: ask_corsgate(row.here, row.request))


def test_the_code_before_and_after_lets_the_same_pages_in() -> None:
    settings: dict[str, Any] = {}
    exec(CODE["django-after"], settings)
    settings = {name: value for name, value in settings.items() if name.isupper()}
    assert settings.pop("MIDDLEWARE") == [CORSGATE]
    for origin, before, after in (
        (APP, headers(APP), readable_by(APP)),
        ("https://example.com", headers("https://example.com"), readable_by("https://example.com")),
        (EVIL, NOTHING, headers(vary="Origin")),
        ("https://evilexample.com", headers("https://evilexample.com"), headers(vary="Origin")),
    ):
        asked = ("GET", "/api", asking(origin))
        assert joined(ask(f"{__name__}.from_guide", asked)) == before
        assert ask(CORSGATE, asked, **settings).cors == after
    asked = ("OPTIONS", "/api", asking_for("PUT"))
    assert ask(f"{__name__}.from_guide", asked).status == 405
    assert ask(CORSGATE, asked, **settings).cors == goes_on(APP)
