"""A project that runs django-cors-headers changes one line of MIDDLEWARE, and nothing else.

The real package and corsgate answer the same requests under the same settings.
"""

from typing import Any

import pytest
from answers import APP, EVIL
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django_project import CORSGATE, URLs, send_sync, settings_of

OLD = "corsheaders.middleware.CorsMiddleware"
PREVIEW = "https://pr-7.example.com"


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


URLS: URLs = [path("api/x", hello), path("x", hello)]

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
