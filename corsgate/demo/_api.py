"""The API of the laboratory: a small application behind corsgate, and what may stand in front.

What it is asked and answers is kept for the run that its address names.
"""

from __future__ import annotations

from contextlib import suppress
from json import dumps
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from .._engine import decide
from .._protocol import ALLOW_ORIGIN
from ..wsgi import CORSMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from .._decision import Decision
    from ..policy import Policy
    from ._runs import Exchange, Pairs, Runs

PATH = "/notes"
RUN = "run"  # the parameter of the address that names the run
_EXCHANGE = "corsgate.demo.exchange"
_MOST_KEPT = 65_536  # bytes of a body
_TEXT = ("Content-Type", "text/plain; charset=utf-8")

# What may stand in front of the application -> what it is called.
LAYERS = {
    "none": "Nothing",
    "login": "A login: 401 without Authorization",
    "crash": "A crash: 500 from outside corsgate",
    "proxy": "A proxy that adds the header too",
}


class API:
    """The whole of it, as a WSGI application.

    :param runs: what it tells of its exchanges.
    :param policy: the first one.
    """

    def __init__(self, runs: Runs, policy: Policy) -> None:
        self.policy = policy
        self._runs = runs
        self._cors = CORSMiddleware(_notes, policy, on_denied=_note_denial)

    def reconfigure(self, policy: Policy) -> None:
        """Serve by another policy from the next request on."""
        self._cors.reconfigure(policy)
        self.policy = policy

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("PATH_INFO") != PATH:
            return _say(start_response, "404 Not Found", f"Only {PATH} is here.")
        query = parse_qs(environ.get("QUERY_STRING", ""))
        run = self._runs.find(query.get(RUN, [""])[0])
        if run is None:
            return self._cors(environ, start_response)
        exchange = run.add(environ, self.policy)
        environ[_EXCHANGE] = exchange

        def remember(status: str, headers: Pairs, exc_info: Any = None, /) -> Any:
            exchange.status, exchange.headers = status, [*headers]
            return start_response(status, headers, exc_info)

        chunks = _IN_FRONT[run.layer](self._ask)(environ, remember)
        exchange.body = b"".join(chunks)
        return [exchange.body]

    def _ask(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        exchange: Exchange = environ[_EXCHANGE]
        exchange.reached = True
        exchange.decision = decide(self.policy, environ)
        return self._cors(environ, start_response)


def _note_denial(environ: WSGIEnvironment, decision: Decision) -> None:
    exchange: Exchange | None = environ.get(_EXCHANGE)
    if exchange is not None:
        exchange.decision = decision


def _notes(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The application: it tells what it got, and sets a cookie and a header of its own."""
    exchange: Exchange | None = environ.get(_EXCHANGE)
    if exchange is not None:
        exchange.ran = True
        if environ.get(_CRASH):
            raise RuntimeError("the application fails, as it was told to")
    sent = read_body(environ, _MOST_KEPT).decode("utf-8", "replace")
    method = environ["REQUEST_METHOD"]
    told = {
        "notes": ["Buy milk", "Call Ada"],
        "you sent": {"method": method, "body": sent, "cookie": "HTTP_COOKIE" in environ},
    }
    body = dumps(told).encode("ascii")
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("Set-Cookie", f"corsgate_demo=1; Path={PATH}; SameSite=Lax; HttpOnly"),
        ("X-Total-Count", "2"),
    ]
    start_response("200 OK", headers)
    return [] if method == "HEAD" else [body]


def read_body(environ: WSGIEnvironment, most: int) -> bytes:
    """What was sent, or the beginning of it; nothing where it does not come in time."""
    length = environ.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdigit() and len(length) < 10):
        return b""
    with suppress(OSError):
        sent: bytes = environ["wsgi.input"].read(min(int(length), most))
        return sent
    return b""


def _say(start_response: StartResponse, status: str, text: str) -> list[bytes]:
    body = f"{text}\n".encode()
    start_response(status, [_TEXT, ("Content-Length", str(len(body)))])
    return [body]


# ------------------------------------------------------------------ what stands in front

_CRASH = "corsgate.demo.crash"


def _login(app: WSGIApplication) -> WSGIApplication:
    def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if "HTTP_AUTHORIZATION" not in environ:
            return _say(start_response, "401 Unauthorized", "Log in first.")
        return app(environ, start_response)

    return layer


def _crash(app: WSGIApplication) -> WSGIApplication:
    def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[_CRASH] = True
        with suppress(RuntimeError):
            return app(environ, start_response)
        return _say(start_response, "500 Internal Server Error", "Something went wrong.")

    return layer


def _proxy(app: WSGIApplication) -> WSGIApplication:
    def layer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def add(status: str, headers: Pairs, exc_info: Any = None, /) -> Any:
            return start_response(status, [*headers, (ALLOW_ORIGIN, "*")], exc_info)

        return app(environ, add)

    return layer


_IN_FRONT: dict[str, Callable[[WSGIApplication], WSGIApplication]] = {
    "none": lambda app: app,
    "login": _login,
    "crash": _crash,
    "proxy": _proxy,
}
