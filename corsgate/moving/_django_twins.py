"""Django as if a project had nothing but its settings for CORS, and a view of ours."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ._compare import quietly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


@contextmanager
def project(settings: Mapping[str, Any]) -> Iterator[None]:
    """Django under its defaults and these settings: nothing of the user's project runs in it."""
    from django.conf import UserSettingsHolder, global_settings
    from django.conf import settings as live

    from ..django.conf import _forget

    holder = UserSettingsHolder(global_settings)
    for name, value in {"ROOT_URLCONF": (), **settings}.items():
        setattr(holder, name, value)
    before, live._wrapped = live._wrapped, holder
    _forget(setting="CORS_")
    try:
        with quietly():
            yield
    finally:
        live._wrapped = before
        _forget(setting="CORS_")


def serve(settings: Mapping[str, Any], middleware: Any) -> WSGIApplication:
    """A middleware under these settings, around a view that does nothing."""
    from django.core.handlers.wsgi import WSGIRequest
    from django.http import HttpResponse

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        with project(settings):
            try:
                response = middleware(lambda request: HttpResponse())(WSGIRequest(environ))
            except Exception:  # of settings that django-cors-headers takes, and fails with
                response = HttpResponse(status=500)
            status = f"{response.status_code} {response.reason_phrase}"
            start_response(status, list(response.items()))
            return [response.content]

    return app
