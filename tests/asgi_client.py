"""The twin of wsgi_client.py for ASGI applications: one request as a server makes it."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from wsgi_client import Answer


def call_asgi(app: Any, *arguments: Any, **options: Any) -> Answer:
    """`ask_asgi` in a new event loop, in this thread: what a test has changed for that holds."""
    return asyncio.run(ask_asgi(app, *arguments, **options))


async def ask_asgi(
    app: Any,
    method: str = "GET",
    path: str = "/",
    headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
    *,
    body: bytes = b"",
    script_name: str = "",
) -> Answer:
    """Send one request and read the whole answer; the arguments are those of `wsgi_client.call`."""
    pairs = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
    if body:
        pairs.append(("Content-Length", str(len(body))))
    raw, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        # ASGI has the mount point in the path too; the path is text, of what was UTF-8.
        "path": script_name + unquote_to_bytes(raw).decode("utf-8", "replace"),
        "raw_path": (script_name + raw).encode("ascii"),
        "root_path": script_name,
        "query_string": query.encode("ascii"),
        "headers": [
            (b"host", b"127.0.0.1"),
            *((name.lower().encode("ascii"), value.encode("latin-1")) for name, value in pairs),
        ],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 80),
    }
    return await _run(app, scope, body)


async def _run(app: Any, scope: dict[str, Any], body: bytes) -> Answer:
    requested = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if requested:
            return requested.pop()
        await asyncio.Event().wait()  # the client stays connected until it is answered
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    assert start["type"] == "http.response.start"
    assert all(message["type"] == "http.response.body" for message in rest)
    assert [message.get("more_body", False) for message in rest] == [True] * (len(rest) - 1) + [
        False
    ]
    lines = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    return Answer(
        start["status"], "", lines, b"".join(message.get("body", b"") for message in rest)
    )
