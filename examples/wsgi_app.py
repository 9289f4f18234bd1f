"""A small JSON API in plain WSGI that a page on another origin may call.

    python examples/wsgi_app.py         serves it on http://localhost:5000
    python examples/try_it.py wsgi      shows it at work in a browser

CORS_ALLOW_ORIGINS in the environment names the origins it allows, separated by commas.
"""

import json
import os
import traceback
from collections.abc import Iterable
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import Any
from wsgiref.simple_server import make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from corsgate.wsgi import CORSMiddleware

notes = {"1": "Buy milk"}


def api(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    headers = [("Content-Type", "application/json")]
    try:
        status, answer = respond(environ, headers)
    except Exception:
        # As a framework does: who answers nothing at all leaves the page with a "CORS error".
        traceback.print_exc(file=environ["wsgi.errors"])
        status, answer = HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "internal server error"}
    start_response(f"{status.value} {status.phrase}", headers)
    return [json.dumps(answer).encode()]


def respond(
    environ: WSGIEnvironment, headers: list[tuple[str, str]]
) -> tuple[HTTPStatus, dict[str, Any]]:
    match [environ["REQUEST_METHOD"], *environ["PATH_INFO"].split("/")[1:]]:
        case ["GET", "api", "notes"]:
            headers.append(("X-Total-Count", str(len(notes))))
            return HTTPStatus.OK, notes
        case ["POST", "api", "notes"]:
            return save(str(len(notes) + 1), environ, HTTPStatus.CREATED)
        case ["PUT", "api", "notes", number] if number in notes:
            return save(number, environ, HTTPStatus.OK)
        case ["POST", "api", "visits"]:
            cookie = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("visits")
            visits = int(cookie.value) + 1 if cookie and cookie.value.isdecimal() else 1
            # For a page on another site, not just on another port: SameSite=None; Secure
            headers.append(("Set-Cookie", f"visits={visits}; Path=/; HttpOnly; SameSite=Lax"))
            return HTTPStatus.OK, {"visits": visits}
        case ["GET", "api", "crash"]:
            raise RuntimeError("raised on purpose: the page can read the 500")
        case ["GET", "api", "public"]:
            return HTTPStatus.OK, {"hello": "everyone"}
        case _:
            return HTTPStatus.NOT_FOUND, {"error": "not found"}


def save(
    number: str, environ: WSGIEnvironment, done: HTTPStatus
) -> tuple[HTTPStatus, dict[str, Any]]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    try:
        notes[number] = str(json.loads(body)["text"])
    except (ValueError, TypeError, KeyError):
        return HTTPStatus.BAD_REQUEST, {"error": 'send {"text": "..."}'}
    return done, {number: notes[number]}


app = CORSMiddleware(
    api,
    allow_origins=os.environ.get("CORS_ALLOW_ORIGINS", "http://localhost:8000"),
    allow_credentials=True,
    expose_headers=["X-Total-Count"],
    paths={"/api/public": {"allow_origins": "*", "allow_credentials": False}},
)

if __name__ == "__main__":
    port = int(os.environ.get("PORT", "5000"))
    print(f"Serving on http://localhost:{port}", flush=True)
    make_server("localhost", port, app).serve_forever()
