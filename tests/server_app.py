"""What runs behind real servers and proxies: one small site, once for each front end.

`/wsgi/...`, `/flask/...` and `/django/...` have the same routes and policies, and tell what reached
them. servers.py starts it; `application` is for WSGI servers, `asgi_application` for ASGI servers
and has Django only. SERVER_APP_GO names a FIFO: streams wait for somebody to open it.
`/without-vary/...` is all of it again without its `Vary`, which is a mistake.
"""

import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.util import shift_path_info

import django
import flask
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

import corsgate.django
import corsgate.flask
from corsgate.wsgi import CORSMiddleware

SITE: dict[str, Any] = {
    "allow_origins": ["https://app.example.com", "https://*.partner.example"],
    "allow_credentials": True,
    "expose_headers": "X-Total-Count",
}
PUBLIC: dict[str, Any] = {"allow_origins": "*", "allow_credentials": False}
# The worst that a user may write: what it lets through is held back by corsgate alone.
CARELESS: dict[str, Any] = {"allow_origins": lambda origin, environ: True}

MORE = {"X-Total-Count": "1", "ETag": '"1"'}
CHUNKS = ("one\n", "two\n")
OWN = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Credentials": "false",
    "Access-Control-Max-Age": "86400",
    "Vary": "accept-encoding, ORIGIN",
}
# Where each name may come twice, which Django's answers cannot.
OWN_LINES = [
    *OWN.items(),
    ("access-control-allow-origin", "https://evil.example.net"),
    ("vary", "Cookie"),
]


def told(environ: Mapping[str, Any]) -> dict[str, Any]:
    """What of the request has come here."""
    keys = ("REQUEST_METHOD", "HTTP_ORIGIN", "HTTP_ACCESS_CONTROL_REQUEST_METHOD")
    return {key: environ[key] for key in keys if key in environ}


def wait() -> None:
    with open(os.environ["SERVER_APP_GO"]) as go:
        go.read()


def stream() -> Iterator[bytes]:
    yield CHUNKS[0].encode()
    wait()
    yield CHUNKS[1].encode()


# ------------------------------------------------------------------ WSGI


def plain_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    route = environ["PATH_INFO"]
    text = json.dumps(told(environ)).encode()
    headers = [("Content-Type", "application/json"), *MORE.items()]
    match route:
        case "/nothing":
            start_response("204 No Content", [])
            return []
        case "/stream":
            start_response("200 OK", [("Content-Type", "text/plain")])
            return stream()
        case "/broken":
            start_response("500 Internal Server Error", [("Content-Length", "0")])
            return []
        case "/late":
            start_response("200 OK", headers)
            try:
                raise RuntimeError("too late for 200")
            except RuntimeError:
                start_response("500 Internal Server Error", headers, sys.exc_info())
        case "/own":
            start_response("200 OK", [*headers, *OWN_LINES])
        case "/json" | "/public" | "/careless" | "/with-200":
            start_response("200 OK", [*headers, ("Content-Length", str(len(text)))])
        case _:
            start_response("404 Not Found", headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [text]


wsgi_front = CORSMiddleware(
    plain_app,
    paths={"/public": PUBLIC, "/careless": CARELESS, "/with-200": {"preflight_status": 200}},
    **SITE,
)

# ------------------------------------------------------------------ Flask

flask_front = flask.Flask(__name__)
corsgate.flask.CORSGate(flask_front, **SITE)


@flask_front.route("/json", methods=["GET", "POST"])
def flask_json() -> Any:
    return told(flask.request.environ), MORE


@flask_front.get("/public")
@corsgate.flask.cors(**PUBLIC)
def flask_public() -> Any:
    return flask_json()


@flask_front.get("/careless")
@corsgate.flask.cors(**CARELESS)
def flask_careless() -> Any:
    return flask_json()


@flask_front.get("/nothing")
def flask_nothing() -> Any:
    return "", 204


@flask_front.get("/stream")
def flask_stream() -> Any:
    return flask.Response(stream(), mimetype="text/plain")


@flask_front.get("/broken")
def flask_broken() -> Any:
    raise RuntimeError("broken")


@flask_front.get("/own")
def flask_own() -> Any:
    response = flask.jsonify(told(flask.request.environ))
    for name, value in OWN_LINES:
        response.headers.add(name, value)
    return response


# ------------------------------------------------------------------ Django


def django_json(request: HttpRequest) -> HttpResponse:
    return JsonResponse(told(request.META), headers=MORE)


@corsgate.django.cors(**PUBLIC)
def django_public(request: HttpRequest) -> HttpResponse:
    return django_json(request)


@corsgate.django.cors(**CARELESS)
def django_careless(request: HttpRequest) -> HttpResponse:
    return django_json(request)


def django_nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


async def stream_async() -> AsyncIterator[bytes]:
    yield CHUNKS[0].encode()
    await asyncio.to_thread(wait)
    yield CHUNKS[1].encode()


def django_stream(request: HttpRequest) -> HttpResponseBase:
    chunks = stream_async() if hasattr(request, "scope") else stream()
    return StreamingHttpResponse(chunks, content_type="text/plain")


def django_broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("broken")


def django_own(request: HttpRequest) -> HttpResponse:
    return JsonResponse(told(request.META), headers=OWN)


VIEWS = {
    "json": django_json,
    "public": django_public,
    "careless": django_careless,
    "nothing": django_nothing,
    "stream": django_stream,
    "broken": django_broken,
    "own": django_own,
}
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    LOGGING_CONFIG=None,
    MIDDLEWARE=["corsgate.django.CORSMiddleware"],
    ROOT_URLCONF=tuple(path(route, view) for route, view in VIEWS.items()),
    **{f"CORS_{field.upper()}": value for field, value in SITE.items()},
)
django.setup()

# Whatever else the log of a server has is a mistake; "broken" is not.
logging.getLogger("django.request").setLevel(logging.CRITICAL)
flask_front.logger.setLevel(logging.CRITICAL)

# ------------------------------------------------------------------ all of them


def without_vary(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    def cut(status, headers, exc_info=None):  # type: ignore[no-untyped-def]
        kept = [line for line in headers if line[0].lower() != "vary"]
        return start_response(status, kept, exc_info)

    return application(environ, cut)


FRONTS: dict[str, WSGIApplication] = {
    "wsgi": wsgi_front,
    "flask": flask_front,
    "django": get_wsgi_application(),
    "without-vary": without_vary,
}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return FRONTS[shift_path_info(environ) or ""](environ, start_response)


django_under_asgi = get_asgi_application()


async def asgi_application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "http":  # Django knows no other
        await django_under_asgi({**scope, "root_path": "/django"}, receive, send)
