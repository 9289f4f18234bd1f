"""A Django project in this process, for tests: import this module before anything of Django's.

Settings are one per process, so a test changes them with `settings_of`; the URLs are objects that
a test makes, not a module.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any
from wsgiref.validate import validator

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.test import AsyncClient, Client, override_settings
from django.urls import URLPattern, URLResolver
from wsgi_client import Answer, call

CORSGATE = "corsgate.django.CORSMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"

settings.configure(
    ALLOWED_HOSTS=["testserver", "127.0.0.1", "localhost"],
    ROOT_URLCONF=(),
    MIDDLEWARE=[CORSGATE],
    SECRET_KEY="for tests only",
    LOGGING_CONFIG=None,
)
django.setup()

URLs = list[URLPattern | URLResolver]


def settings_of(urls: URLs, *, middleware: list[str] | None = None, **changes: Any) -> Any:
    """A context manager under which the project has these URLs and settings.

    A tuple serves as a URLconf like a module does, and each is another key in Django's caches.
    """
    if middleware is not None:
        changes["MIDDLEWARE"] = middleware
    return override_settings(ROOT_URLCONF=tuple(urls), **changes)


Send = Callable[[str, str, Mapping[str, str]], Answer]


def send_sync(method: str, path: str, headers: Mapping[str, str]) -> Answer:
    """One request as a WSGI server makes it, with the validator of PEP 3333 around Django."""
    return call(validator(WSGIHandler()), method, path, headers)


def send_by_client(method: str, path: str, headers: Mapping[str, str]) -> Answer:
    client = Client(raise_request_exception=False)
    return _answer_of(client.generic(method, path, headers=headers))


def send_async(method: str, path: str, headers: Mapping[str, str]) -> Answer:
    """One request as an ASGI server makes it; `asyncio.run` keeps the loop in this thread."""

    async def run() -> Answer:
        client = AsyncClient(raise_request_exception=False)
        return _answer_of(await client.generic(method, path, headers=headers))

    return asyncio.run(run())


def _answer_of(response: Any) -> Answer:
    body = b"".join(response.streaming_content) if response.streaming else response.content
    return Answer(response.status_code, response.reason_phrase, list(response.items()), body)
