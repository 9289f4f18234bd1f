"""`Browser` on a Django project: with corsgate, with django-cors-headers, with CSRF protection."""

from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import ensure_csrf_cookie
from django_project import URLs, settings_of

from corsgate.browser import Browser, CORSError

APP = "https://app.example.com"
EVIL = "https://evil.example.net"
API = "https://api.example.com"


@ensure_csrf_cookie
def view(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"method": request.method, "token": request.META["CSRF_COOKIE"]})


URLS: URLs = [path("me", view)]


def project(*middleware: str, **settings: Any) -> Any:
    return settings_of(
        URLS,
        middleware=[*middleware, "django.middleware.csrf.CsrfViewMiddleware"],
        ALLOWED_HOSTS=["api.example.com"],
        CSRF_COOKIE_SECURE=True,
        **settings,
    )


def test_a_page_sends_a_token_and_one_elsewhere_cannot() -> None:
    settings = {
        "CORS_ALLOW_ORIGINS": [APP],
        "CORS_ALLOW_CREDENTIALS": True,
        "CSRF_TRUSTED_ORIGINS": [APP],
    }
    with project("corsgate.django.CORSMiddleware", **settings):
        page = Browser(WSGIHandler(), origin=APP, base_url=API)
        token = page.fetch("/me", credentials="include").json()["token"]
        headers = {"X-CSRFToken": token}
        answer = page.fetch("/me", method="PUT", headers=headers, credentials="include")
        assert answer.json()["method"] == "PUT"

        evil = page.page(EVIL)
        assert evil.submit("/me", {"csrfmiddlewaretoken": token}).status == 403
        with pytest.raises(CORSError, match="preflight of PUT"):
            evil.fetch("/me", method="PUT", headers=headers, credentials="include")


def test_django_cors_headers_is_judged_too() -> None:
    settings = {"CORS_ALLOWED_ORIGINS": [APP], "CORS_PREFLIGHT_MAX_AGE": 86400}
    with project("corsheaders.middleware.CorsMiddleware", **settings):
        page = Browser(WSGIHandler(), origin=APP, base_url=API)
        assert page.fetch("/me", headers={"X-Requested-With": "x"}).json()["method"] == "GET"
        with pytest.raises(CORSError) as caught:
            page.fetch("/me", credentials="include")
    assert caught.value.code == "allow-credentials"
