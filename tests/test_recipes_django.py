"""The recipes of docs/recipes/ for Django, played through by a browser."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.urls import path
from django_project import settings_of
from recipes import API, APP, EVIL, run, variables

from corsgate.browser import Browser, CORSError
from corsgate.django.checks import Project, find_deployed

NO_HEADER = "No 'Access-Control-Allow-Origin' header is present on the requested resource."


@contextmanager
def project(
    page: str, settings: str, views: str = "", put: dict[str, str] | None = None, **given: Any
) -> Iterator[WSGIApplication]:
    """The project that a recipe describes.

    :param given: settings that the reader has already.
    """
    found = {key: value for key, value in run(page, settings, put=put).items() if key.isupper()}
    given.setdefault("ALLOWED_HOSTS", ["api.example.com"])
    urls = run(page, views)["urlpatterns"] if views else [path("", lambda _: HttpResponse("hello"))]
    with settings_of(urls, middleware=found.pop("MIDDLEWARE"), **{**found, **given}):
        yield WSGIHandler()


def console(error: CORSError) -> str:
    """What Chromium's console says after the addresses."""
    return str(error.chromium).partition("CORS policy: ")[2]


# ------------------------------------------------------------------ cookies

# No table is needed for it.
SESSIONS = "django.contrib.sessions.backends.signed_cookies"
READ: dict[str, Any] = {"credentials": "include"}


@contextmanager
def shop(put: dict[str, str] | None = None) -> Iterator[Browser]:
    with project("cookies", "django-settings", "django-views", put, SESSION_ENGINE=SESSIONS) as app:
        yield Browser(app, origin=APP, base_url=API)


def login(page: Browser, token: str) -> dict[str, Any]:
    """What the page does after it has asked for the token."""
    headers = {"X-CSRFToken": token}
    sent = {"name": "Ada", "password": "lovelace"}
    answer = page.fetch("/login", method="POST", json=sent, headers=headers, credentials="include")
    return {"status": answer.status, "text": answer.text}


def test_a_page_logs_in_with_a_cookie_and_the_token() -> None:
    with shop() as page:
        token = page.fetch("/token", **READ).json()["token"]
        assert login(page, token) == {"status": 200, "text": '{"user": "Ada"}'}
        assert page.fetch("/me", **READ).json() == {"user": "Ada"}
        for url in ("/me", "/token"):
            with pytest.raises(CORSError) as caught:
                page.page(EVIL).fetch(url, **READ)
            assert console(caught.value) == NO_HEADER
        assert page.page(EVIL).submit("/login", {"csrfmiddlewaretoken": token}).status == 403


@pytest.mark.parametrize("token", ["", "x" * 64])
def test_without_the_token_there_is_no_login(token: str) -> None:
    with shop() as page:
        page.fetch("/token", **READ)
        assert login(page, token)["status"] == 403


def test_django_refuses_an_origin_that_only_cors_trusts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    put = {"CSRF_TRUSTED_ORIGINS = CORS_ALLOW_ORIGINS": ""}
    with shop(put) as page:
        token = page.fetch("/token", **READ).json()["token"]
        answer = login(page, token)
    assert answer["status"] == 403
    assert "Origin checking failed" in caplog.text


# ------------------------------------------------------------------ environments


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
def test_django_takes_the_variable(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value = variables()[environment]
    monkeypatch.setenv("CORS_ALLOW_ORIGINS", value)
    with project("environments", "django") as app:
        for origin in value.split(","):
            assert Browser(app, origin=origin, base_url=API).fetch("/").text == "hello"
        with pytest.raises(CORSError):
            Browser(app, origin=EVIL, base_url=API).fetch("/")
        found = [problem.code for problem in find_deployed(Project())]
    assert found == (["loopback-origin"] if environment == "development" else [])


def test_django_does_not_start_where_the_variable_was_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CORS_ALLOW_ORIGINS", raising=False)
    with pytest.raises(KeyError, match="CORS_ALLOW_ORIGINS"):
        run("environments", "django")


# ------------------------------------------------------------------ downloads


@contextmanager
def invoices(origin: str) -> Iterator[Browser]:
    with project("downloads", "django-settings", "django") as app:
        yield Browser(app, origin=origin, base_url=API)


def test_a_page_reads_the_name_of_the_file() -> None:
    with invoices(APP) as page:
        answer = page.fetch("/invoices/7")
    name = "attachment; filename*=utf-8''Rechnung%207%20f%C3%BCr%20Zo%C3%AB.pdf"
    assert answer.headers["Content-Disposition"] == name
    assert (answer.headers["Content-Type"], answer.body) == ("application/pdf", b"...")


def test_a_stranger_gets_no_invoice() -> None:
    with invoices(EVIL) as page, pytest.raises(CORSError) as caught:
        page.fetch("/invoices/7")
    assert console(caught.value) == NO_HEADER


def test_without_the_option_the_name_is_hidden_and_nothing_says_so() -> None:
    views = run("downloads", "django", put={'@cors(expose_headers=["Content-Disposition"])': ""})
    settings = run("downloads", "django-settings")
    origins = {"CORS_ALLOW_ORIGINS": settings["CORS_ALLOW_ORIGINS"]}
    with settings_of(views["urlpatterns"], ALLOWED_HOSTS=["api.example.com"], **origins):
        answer = Browser(WSGIHandler(), origin=APP, base_url=API).fetch("/invoices/7")
    assert answer.ok
    assert answer.headers.get("Content-Disposition") is None
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Length"] == "3"


# ------------------------------------------------------------------ Vite

VITE = "http://localhost:5173"


def through_vite(app: WSGIApplication, *, change_origin: bool) -> WSGIApplication:
    """What Vite 8.3 was seen to do with the long form of its setting, and with the short one."""

    def proxy(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        host = {"HTTP_HOST": "127.0.0.1:8000"} if change_origin else {}
        return app({**environ, **host}, start_response)

    return proxy


@pytest.mark.parametrize(("change_origin", "status"), [(False, 200), (True, 403)])
def test_the_short_form_makes_djangos_csrf_check_refuse(change_origin: bool, status: int) -> None:
    given: dict[str, Any] = {"ALLOWED_HOSTS": ["localhost", "127.0.0.1"]}
    given |= {"SESSION_COOKIE_SECURE": False, "CSRF_COOKIE_SECURE": False}
    given["SESSION_ENGINE"] = SESSIONS
    with project("cookies", "django-settings", "django-views", **given) as app:
        vite = through_vite(app, change_origin=change_origin)
        page = Browser(vite, origin=VITE, base_url=VITE)
        token = page.fetch("/token", **READ).json()["token"]
        assert login(page, token)["status"] == status
