"""A tiny HTTP client for WSGI applications, and applications that tell what was done to them.

Shared by all tests. It spells header names itself and imports nothing of corsgate, so it can be
used with any front end.
"""

import io
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.util import setup_testing_defaults

Headers = list[tuple[str, str]]
ExcInfo = Any

# Their members are a set: the order in which they are listed means nothing.
LISTS = frozenset(
    {
        "vary",
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-expose-headers",
    }
)
# What corsgate may write; everything else on an answer is the application's.
CORS = frozenset(
    {
        "access-control-allow-credentials",
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-allow-origin",
        "access-control-allow-private-network",
        "access-control-expose-headers",
        "access-control-max-age",
        "timing-allow-origin",
        "vary",
    }
)


def comparable(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> dict[str, object]:
    """Headers for an exact comparison: names in lower case, the members of lists as a set.

    A name that is there twice is an error, and so is a member of a list that is.
    """
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    found: dict[str, object] = {}
    for name, value in pairs:
        lower = name.lower()
        assert lower not in found, f"{name} is there twice: {pairs}"
        found[lower] = value
        if lower in LISTS:
            members = [member.strip().lower() for member in value.split(",")]
            assert len(set(members)) == len(members), f"a member is there twice: {name}: {value}"
            found[lower] = frozenset(members)
    return found


@dataclass(frozen=True)
class Answer:
    """What a client gets to see."""

    status: int
    reason: str
    headers: Headers
    body: bytes

    @property
    def seen(self) -> dict[str, object]:
        """All headers, comparable."""
        return comparable(self.headers)

    @property
    def cors(self) -> dict[str, object]:
        """The CORS headers and Vary, comparable: exactly what corsgate is answerable for."""
        return comparable(pair for pair in self.headers if pair[0].lower() in CORS)

    def values(self, name: str) -> list[str]:
        return [value for other, value in self.headers if other.lower() == name.lower()]


def environ_of(
    method: str = "GET",
    path: str = "/",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    *,
    body: bytes = b"",
    script_name: str = "",
) -> WSGIEnvironment:
    """The environ that a server makes of a request.

    :param path: as in the request line: percent-encoded, with the query. It is decoded once, to
        bytes, which PEP 3333 wants as latin-1.
    :param headers: repeated ones are joined by a comma, as servers do.
    :param script_name: where the application is mounted; the path is below it.
    """
    raw, _, query = path.partition("?")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": script_name,
        "PATH_INFO": unquote_to_bytes(raw).decode("latin-1"),
        "QUERY_STRING": query,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    setup_testing_defaults(environ)
    return environ


def call(
    app: WSGIApplication,
    method: str = "GET",
    path: str = "/",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    *,
    body: bytes = b"",
    script_name: str = "",
) -> Answer:
    """Send one request, as a server does, and read the whole answer."""
    return send(app, environ_of(method, path, headers, body=body, script_name=script_name))


def send(app: WSGIApplication, environ: WSGIEnvironment) -> Answer:
    """Run `app` on `environ`, as a server does (PEP 3333), and read the whole answer."""
    started: list[tuple[str, Headers]] = []
    written: list[bytes] = []

    def start_response(
        status: str, headers: Headers, exc_info: ExcInfo = None, /
    ) -> Callable[[bytes], object]:
        if exc_info is not None:
            try:
                if any(written):  # the headers are out, so it is too late for others
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        else:
            assert not started, "start_response was called twice without exc_info"
        started[:] = [(status, headers)]
        return written.append

    result = app(environ, start_response)
    try:
        for chunk in result:
            assert started, "the body came before start_response was called"
            written.append(chunk)
    finally:
        close: Callable[[], object] | None = getattr(result, "close", None)
        if close is not None:
            close()
    assert started, "start_response was never called"
    status, headers = started[0]
    code, _, reason = status.partition(" ")
    return Answer(int(code), reason, list(headers), b"".join(written))


@dataclass
class SpyApp:
    """A WSGI application that gives one answer and remembers every request that reached it."""

    status: str = "200 OK"
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (("Content-Type", "text/plain"),)
    body: tuple[bytes, ...] = (b"hello",)
    calls: list[WSGIEnvironment] = field(default_factory=list)

    def __post_init__(self) -> None:
        pairs = self.headers.items() if isinstance(self.headers, Mapping) else self.headers
        self.headers = tuple(pairs)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.calls.append(environ)
        start_response(self.status, list(self.headers))  # type: ignore[arg-type]
        return [] if environ["REQUEST_METHOD"] == "HEAD" else list(self.body)

    @property
    def called(self) -> int:
        return len(self.calls)


class Body:
    """A response body that remembers that it was closed."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.chunks)

    def close(self) -> None:
        self.closed += 1
