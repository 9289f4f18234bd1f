"""Takes one request to a server, and reads no more of the answer than CORS needs.

A client of its own, since what others tidy up is what is looked for here: lines that come twice,
lines that are no header, heads that are cut off. No redirects, retries, proxies or cookies.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .._protocol import is_token
from ..browser._messages import HTTPResponse, get

if TYPE_CHECKING:
    from ..browser._messages import Headers, HTTPRequest

# Of the head, the most that Chromium takes.
_MOST_OF_HEAD = 256 * 1024
_MOST_OF_BODY = 4096
_AT_ONCE = 64 * 1024
# RFC 9112, sections 2.2 and 4: a lone LF may end a line.
_END = re.compile(rb"\r?\n\r?\n")
# Browsers take statuses up to 999, which RFC 9110 does not know.
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})(?: ([^\r\n]*))?\r?(?:\n|\Z)")


class NoAnswerError(Exception):
    """The server gave no answer that a browser could judge; the text says what happened.

    :ivar code: in kebab-case; stable.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class HTTPTransport:
    """Sends requests to live servers over HTTP/1.1, a connection for each.

    :param timeout: seconds for connecting, and again for the whole head of an answer.
    :param insecure: take any certificate.
    :param user_agent: sent where the request names none.
    :raises NoAnswerError: when called, for all that can go wrong.
    """

    def __init__(self, *, timeout: float, insecure: bool, user_agent: str) -> None:
        self._timeout = timeout
        self._insecure = insecure
        self._user_agent = user_agent

    def __call__(self, request: HTTPRequest) -> HTTPResponse:
        url = urlsplit(request.url)
        place = url.netloc
        try:
            with self._connected(url.scheme, url.hostname or "", url.port) as connection:
                connection.sendall(_written(request, self._user_agent))
                return _Reader(connection, self._timeout).answer()
        except TimeoutError:
            text = f"{place} did not answer within {self._timeout:g} seconds"
            raise NoAnswerError("timeout", text) from None
        except socket.gaierror:
            raise NoAnswerError("unknown-host", f"no address is known for {place}") from None
        except ssl.SSLCertVerificationError as error:
            why = error.verify_message.rstrip(".")
            text = f"the certificate of {place} is not trusted: {why}"
            raise NoAnswerError("certificate", text) from None
        except ssl.SSLError as error:
            text = f"{place} does not speak TLS as expected: {error.reason or error.strerror}"
            raise NoAnswerError("tls", text) from None
        except ConnectionRefusedError:
            raise NoAnswerError("refused", f"nothing listens at {place}") from None
        except ConnectionError:
            raise NoAnswerError("closed", f"{place} cut the connection") from None
        except (OSError, UnicodeError) as error:
            raise NoAnswerError("no-connection", f"{place} cannot be reached: {error}") from None

    def _connected(self, scheme: str, host: str, port: int | None) -> socket.socket:
        secure = scheme == "https"
        if port is None:
            port = 443 if secure else 80
        connection = socket.create_connection((host, port), self._timeout)
        if not secure:
            return connection
        context = ssl.create_default_context()
        if self._insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        try:
            return context.wrap_socket(connection, server_hostname=host)
        except BaseException:
            connection.close()
            raise


class _Reader:
    """Reads one answer from a connection."""

    def __init__(self, connection: socket.socket, timeout: float) -> None:
        self._connection = connection
        self._deadline = time.monotonic() + timeout
        self._data = bytearray()
        self._received = 0

    def answer(self) -> HTTPResponse:
        while True:
            head = self._head()
            found = _STATUS_LINE.match(head)
            if found is None:
                raise NoAnswerError("not-http", "what came back is not HTTP/1")
            status = int(found[1])
            # RFC 9110, section 15.2: interim answers come before the final one.
            if status >= 200 or status == 101:
                break
        headers = _headers(head[found.end() :])
        # Only a refusal says something about CORS in its body.
        body = self._some_body(headers) if status == 403 else b""
        reason = (found[2] or b"").decode("latin-1")
        return HTTPResponse(status, reason, headers, body)

    def _head(self) -> bytes:
        start = 0
        while (end := _END.search(self._data, start)) is None:
            if not b"HTTP/".startswith(self._data[:5]):
                raise NoAnswerError("not-http", "what came back is not HTTP/1")
            if self._received > _MOST_OF_HEAD:
                text = f"the headers of the answer are longer than {_MOST_OF_HEAD // 1024} KiB"
                raise NoAnswerError("headers-too-large", text)
            start = max(0, len(self._data) - 3)
            if not self._receive():
                how = "in the middle of the headers" if self._data else "without an answer"
                raise NoAnswerError("closed", f"the connection was cut {how}")
        head = bytes(self._data[: end.start()])
        del self._data[: end.end()]
        return head

    def _some_body(self, headers: Headers) -> bytes:
        length = get(headers, "Content-Length") or ""
        most = min(int(length[:9]), _MOST_OF_BODY) if length.isdecimal() else _MOST_OF_BODY
        # If it does not come, what there is will do.
        with suppress(OSError):
            while len(self._data) < most and self._receive():
                continue
        return bytes(self._data[:most])

    def _receive(self) -> bool:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._connection.settimeout(left)
        data = self._connection.recv(_AT_ONCE)
        self._data += data
        self._received += len(data)
        return bool(data)


def _written(request: HTTPRequest, user_agent: str) -> bytes:
    url = urlsplit(request.url)
    target = url.path + (f"?{url.query}" if url.query else "")
    headers = [("Host", url.netloc), ("Connection", "close"), *request.headers]
    if get(headers, "User-Agent") is None:
        headers.append(("User-Agent", user_agent))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{request.method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + request.body


def _headers(lines: bytes) -> Headers:
    """The header lines, each for itself; as in browsers, what is none is left out."""
    found: Headers = []
    # RFC 9112, section 5.2: a line that begins with white space goes on with the one before it.
    for line in re.sub(rb"\r?\n[ \t]+", b" ", lines).decode("latin-1").split("\n"):
        name, colon, value = line.partition(":")
        if colon and is_token(name):
            found.append((name, value.strip(" \t\r")))
    return found
