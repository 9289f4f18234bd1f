"""Takes requests to WSGI applications, as a server does (PEP 3333)."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

from ._messages import HTTPRequest, HTTPResponse
from ._url import parse_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from wsgiref.types import WSGIApplication, WSGIEnvironment

    from ._messages import Headers


class WSGITransport:
    """Each origin has an application.

    What an application raises goes through, as in the frameworks' test clients.
    """

    def __init__(self, apps: Mapping[str, WSGIApplication]) -> None:
        self._apps = apps

    def __call__(self, request: HTTPRequest) -> HTTPResponse:
        url = parse_url(request.url)
        app = self._apps.get(url.origin) if url else None
        if app is None:
            known = ", ".join(self._apps)
            raise LookupError(
                f"no application for {request.url}; there are some for {known}."
                " Give Browser a mapping of origins to applications."
            )
        started: list[tuple[str, Headers]] = []
        written: list[bytes] = []

        def start_response(
            status: str, headers: Headers, exc_info: Any = None, /
        ) -> Callable[[bytes], object]:
            if exc_info is not None and any(written):
                raise exc_info[1].with_traceback(exc_info[2])
            started[:] = [(status, headers)]
            return written.append

        result = app(environ_of(request), start_response)
        if result is None:
            raise TypeError(f"{app!r} gave None; a WSGI application gives an iterable of bytes")
        try:
            written.extend(result)
        finally:
            if hasattr(result, "close"):
                result.close()
        if not started:
            raise TypeError(f"{app!r} never called start_response; is it a WSGI application?")
        [(status, headers)] = started
        code, _, reason = status.partition(" ")
        return HTTPResponse(int(code), reason, list(headers), b"".join(written))


def environ_of(request: HTTPRequest) -> WSGIEnvironment:
    """The environ that a server makes of a request; repeated headers are joined by a comma."""
    url = urlsplit(request.url)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(url.path).decode("latin-1"),
        "QUERY_STRING": url.query,
        "SERVER_NAME": url.hostname or "",
        "SERVER_PORT": str(url.port or {"http": 80, "https": 443}[url.scheme]),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": url.netloc,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ
