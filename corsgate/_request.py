"""What of a request a browser or a page has decided, as an explanation looks at it."""

from __future__ import annotations

from . import _protocol
from ._gate import is_handshake
from ._sources import is_preflight
from ._words import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

LONGEST_REFLECTED = 4_096  # what the engine reflects at most
_LONGEST_VALUE = 65_536  # of a request; servers take less

# "CORS-safelisted request-header", of Content-Type: these need no preflight.
_SAFELISTED_TYPES = frozenset(
    {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
)
# "CORS-unsafe request-header byte"
_UNSAFE = frozenset('"():<>?@[\\]{}\x7f').union(map(chr, range(0x20))) - {"\t"}
# Fetch Metadata: what is not same-origin, or typed by the user.
_ELSEWHERE = ("cross-site", "same-site")
# Mode of a request that has no CORS check ("HTTP fetch") -> what sends it.
_NOT_OF_CORS = {
    "navigate": "A form or a link",
    "no-cors": "A page that does not want to read the answer",
    "websocket": "A page that opens a WebSocket",
}


class Request:
    """What of a request a browser or a page has decided."""

    def __init__(self, environ: Mapping[str, Any], credentials: bool) -> None:
        self.environ = environ
        self.preflight = is_preflight(environ)
        self.has_origin = self._text(_protocol.ENVIRON_ORIGIN) is not None
        self.origin = self._text(_protocol.ENVIRON_ORIGIN) or ""
        self.shown = shown(self.origin)
        self.path = self._text("PATH_INFO") or ""
        self.site = self._text(_protocol.ENVIRON_FETCH_SITE)
        self.mode = self._text(_protocol.ENVIRON_FETCH_MODE)
        self.own_method = self._text("REQUEST_METHOD") or "GET"
        self.plain_options = self.own_method == "OPTIONS" and not self.preflight
        self.credentials = credentials
        if self.preflight:
            self.method = self._text(_protocol.ENVIRON_REQUEST_METHOD) or ""
            asked = self._text(_protocol.ENVIRON_REQUEST_HEADERS) or ""
            self.too_long = len(asked) > LONGEST_REFLECTED
            named = (name.strip(" \t") for name in asked.split(","))
            # Only ASCII: a Kelvin sign in lower case would be a plain k.
            lower = (name.lower() if name.isascii() else name for name in named if name)
            self.headers = list(dict.fromkeys(lower))
        else:
            self.method = self.own_method
            self.headers = list(self._unsafe_headers())
            self.too_long = False
            # A browser sends no cookie with a call that may be refused, unless the page asks.
            self.credentials |= bool(self._text("HTTP_COOKIE")) and self.mode in (None, "cors")

    def _text(self, key: str) -> str | None:
        value = self.environ.get(key)
        return value[:_LONGEST_VALUE] if isinstance(value, str) else None

    def _unsafe_headers(self) -> Iterable[str]:
        # Proxies add headers of their own, but not these.
        if self._text("HTTP_AUTHORIZATION"):
            yield _protocol.NON_WILDCARD_REQUEST_HEADER
        kind = self._text("CONTENT_TYPE") or ""
        essence = kind.partition(";")[0].strip(" \t").lower()
        safe = essence in _SAFELISTED_TYPES and _UNSAFE.isdisjoint(kind)
        if kind and not (safe and len(kind) <= 128):
            yield "content-type"

    def aside(self) -> tuple[str, str] | None:
        """Reason and sentence, where the browser looks at no policy at all."""
        if not self.has_origin:
            what = " and is no preflight" if self.own_method == "OPTIONS" else ""
            whence = "this very site, a link, or a program such as curl"
            if self.site in _ELSEWHERE:
                whence = "a link, an image or the like on another site"
            return "not-cors", (
                f"The request has no Origin header, so it is no CORS request{what}: it comes from"
                f" {whence}."
            )
        if not self.preflight and self._is_same_origin():
            return "same-origin", (
                f"The page is on {self.shown}, which is this very site, so the browser asks for"
                " no permission."
            )
        sender = _NOT_OF_CORS.get("websocket" if is_handshake(self.for_gate()) else self.mode or "")
        if sender and not self.preflight:
            return "not-cors", (
                f"{sender} sends it, which CORS never stops, wherever the page is: that is for"
                " CSRF protection or the gate."
            )
        return None

    def for_gate(self) -> dict[str, Any]:
        """The environ as a server has it, whoever has made this one: its headers are texts."""
        texts = {
            key: value
            for key, value in self.environ.items()
            if isinstance(value, str) or not key.startswith("HTTP_")
        }
        return {**texts, "REQUEST_METHOD": self.own_method}

    def _is_same_origin(self) -> bool:
        host = self._text("HTTP_HOST")
        if self.site is not None or not host:
            return self.site == "same-origin"
        # Browsers leave that header out on http; whether a proxy has taken off TLS is not known.
        return self.origin in (
            f"http://{host.removesuffix(':80')}",
            f"https://{host.removesuffix(':443')}",
        )

    def verdict(self) -> tuple[str | None, str]:
        """Reason and sentence, where the browser has found nothing to block."""
        if self.preflight:
            return None, f"The page on {self.shown} may send {shown(self.method)}."
        if self.plain_options:
            return "plain-options", (
                "This OPTIONS request has no Access-Control-Request-Method, so it is no preflight:"
                f" the application answers it, and the page on {self.shown} may read the answer."
            )
        return None, f"The page on {self.shown} may read the answer."
