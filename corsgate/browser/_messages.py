"""HTTP messages as the protocol sees them: no sockets, no WSGI. Texts are bytes as latin-1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from json import loads
from typing import Any

Headers = list[tuple[str, str]]


def values_of(headers: Headers, name: str) -> list[str]:
    """The values of all headers with this name, without the white space around them."""
    lower = name.lower()
    return [value.strip(" \t\r\n") for other, value in headers if other.lower() == lower]


def get(headers: Headers, name: str) -> str | None:
    """Fetch, "get" a header: all its values in one, or None if it is not there."""
    values = values_of(headers, name)
    return ", ".join(values) if values else None


@dataclass(frozen=True)
class HTTPRequest:
    """One request as it goes to a server.

    :param method: as it is sent: `PUT`.
    :param url: absolute, without user info and fragment.
    :param headers: pairs of name and value, in the order in which they are sent.
    :param body: the bytes, whole.
    """

    method: str
    url: str
    headers: Headers
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The value of a header, lines joined by a comma; None if it was not sent.

        :param name: in any case.
        """
        return get(self.headers, name)


@dataclass(frozen=True)
class HTTPResponse:
    """What a server answers, all of it.

    :param status: the HTTP status: 204.
    :param reason: the phrase after it.
    :param headers: pairs of name and value, in the order in which they came.
    :param body: the bytes, whole.
    """

    status: int
    reason: str
    headers: Headers
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The value of a header, lines joined by a comma; None if there is none.

        :param name: in any case.
        """
        return get(self.headers, name)


class ReadableHeaders(Mapping[str, str]):
    """The headers that a page may read; the case of names does not count."""

    def __init__(self, headers: Headers) -> None:
        found: dict[str, Headers] = {}
        for name, value in headers:
            found.setdefault(name.lower(), []).append((name, value))
        self._values = {name: ", ".join(values_of(lines, name)) for name, lines in found.items()}

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)


class Response:
    """What `fetch` gives to a page: a filtered response, with no more than the page may see.

    :ivar type: basic (the same origin), cors, opaque (`no-cors`) or opaqueredirect.
    :ivar url: the address after redirects; "" if opaque.
    :ivar redirected: whether there were any.
    :ivar status: the HTTP status; 0 if opaque.
    :ivar reason: the phrase after the status.
    :ivar headers: by name, in any case; only those that the page may read.
    :ivar body: the bytes.
    """

    def __init__(
        self,
        type: str,
        *,
        url: str = "",
        redirected: bool = False,
        status: int = 0,
        reason: str = "",
        headers: Headers | None = None,
        body: bytes = b"",
    ) -> None:
        self.type = type
        self.url = url
        self.redirected = redirected
        self.status = status
        self.reason = reason
        self.headers: Mapping[str, str] = ReadableHeaders(headers or [])
        self.body = body

    @property
    def ok(self) -> bool:
        """Whether the status is 200 to 299."""
        return 200 <= self.status <= 299

    @property
    def text(self) -> str:
        """The body as text; it is taken to be UTF-8, as browsers do."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON.

        :raises ValueError: if it is none.
        """
        return loads(self.text)

    def __repr__(self) -> str:
        return f"<Response {self.type} {self.status} {self.url}>"
