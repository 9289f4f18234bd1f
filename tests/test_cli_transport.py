"""How answers are read from a connection, however they come in."""

from typing import TYPE_CHECKING, Self, cast
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_server import answer, run, serving

from corsgate.browser import HTTPRequest, HTTPResponse
from corsgate.cli._transport import HTTPTransport, _Reader

if TYPE_CHECKING:
    import socket

ANSWERS = {
    "plain": (
        b"HTTP/1.1 200 OK\r\nX-One: 1\r\nx-one:2 \r\n\r\nbody",
        HTTPResponse(200, "OK", [("X-One", "1"), ("x-one", "2")]),
    ),
    "after an interim answer": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 404\nX: y\n\n",
        HTTPResponse(404, "", [("X", "y")]),
    ),
    "switched protocols": (
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        HTTPResponse(101, "Switching Protocols", []),
    ),
    "status that nobody knows": (b"HTTP/1.1 999 x\r\n\r\n", HTTPResponse(999, "x", [])),
    "refusal": (
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\n\r\n(CORS)\n\n",
        HTTPResponse(403, "Forbidden", [("Content-Length", "6")], b"(CORS)"),
    ),
    "refusal to the end": (
        b"HTTP/1.1 403 Forbidden\r\n\r\n(CORS)\n\n",
        HTTPResponse(403, "Forbidden", [], b"(CORS)\n\n"),
    ),
    "refusal without end": (
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: \xb2\r\n\r\n" + b"x" * 10_000,
        HTTPResponse(403, "Forbidden", [("Content-Length", "\xb2")], b"x" * 4096),
    ),
    "refusal that is longer than any": (
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nx",
        HTTPResponse(403, "Forbidden", [("Content-Length", "9" * 5000)], b"x"),
    ),
}


class Parts:
    """A connection on which an answer comes in pieces."""

    def __init__(self, data: bytes, size: int) -> None:
        self._parts = [data[at : at + size] for at in range(0, len(data), size)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def sendall(self, data: bytes) -> None:
        pass

    def settimeout(self, seconds: float) -> None:
        assert 0 < seconds <= 60

    def recv(self, size: int) -> bytes:
        return self._parts.pop(0) if self._parts else b""


@pytest.mark.parametrize("size", [1, 2, 7, 65536])
@pytest.mark.parametrize(("data", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_answers_come_in_pieces(data: bytes, expected: HTTPResponse, size: int) -> None:
    connection = cast("socket.socket", Parts(data, size))
    assert _Reader(connection, 60).answer() == expected


def test_what_takes_longer_than_the_whole_time_is_given_up() -> None:
    connection = cast("socket.socket", Parts(b"HTTP/1.1 200 OK\r\n\r\n", 1))
    with pytest.raises(TimeoutError):
        _Reader(connection, 0).answer()


def test_a_user_agent_that_is_given_is_sent() -> None:
    transport = HTTPTransport(timeout=10, insecure=False, user_agent="ours")
    with serving(lambda asked: answer("200 OK")) as server:
        url = f"http://127.0.0.1:{server.port}/?"
        transport(HTTPRequest("POST", url, [("User-Agent", "theirs")], b"body"))
    assert server.asked[0].headers["user-agent"] == "theirs"


PAGE = "http://localhost:3000"
NAMES = [
    *("Origin", "Methods", "Headers", "Credentials"),
    *("Access-Control-Max-Age", "Vary", "Location", "Age", "X-Cache", "Server", "Content-Length"),
    "X-CORSGate-Reason",
]
NAMES[:4] = [f"Access-Control-Allow-{name}" for name in NAMES[:4]]
VALUES = ["*", "null", "true", "PUT", "x-one", PAGE, "-1", "HIT", "/users/", "http://x@y", "https:"]
value = st.sampled_from(VALUES) | st.text(st.characters(max_codepoint=255))
lines = st.lists(st.tuples(st.sampled_from(NAMES), value).map(": ".join), max_size=8)
statuses = st.sampled_from(["200 OK", "204", "301 x", "403 y", "404 \x1b[2J", "500", "999"])
answers = st.builds(
    lambda status, lines: answer(status, *lines, body=b"(CORS)"), statuses, lines
) | st.binary(max_size=50)


@settings(max_examples=150, deadline=None)
@given(st.lists(answers, min_size=1, max_size=4), st.booleans(), st.booleans())
def test_whatever_a_server_sends_there_is_a_verdict(
    sent: list[bytes], preflight: bool, credentials: bool
) -> None:
    left = [*sent]

    def connect(address: object, timeout: float) -> Parts:
        return Parts(left.pop(0) if left else b"", 30)

    options = ["-X", "PUT", "-H", "X-One: 1"] if preflight else []
    options += ["--credentials"] if credentials else []
    with patch("socket.create_connection", connect):
        status, text = run(None, "probe", "http://127.0.0.1/users", "--origin", PAGE, *options)
        left[:] = sent
        audited, rows = run(None, "audit", "http://127.0.0.1/users")
    assert status in (0, 1, 2)
    assert audited in (0, 1, 2)
    for char in {*text, *rows}:
        assert char in "\n‘’" or " " <= char <= "~"
