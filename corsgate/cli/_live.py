"""A browser whose page calls a live server, and how to name such a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..browser import Browser
from ..browser._url import parse_url
from ._print import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..browser import HTTPRequest, HTTPResponse
    from ..browser._url import URL


class LiveBrowser(Browser):
    """A browser with an empty profile that keeps no cookies.

    What all engines do counts, also where the standard is stricter (`Authorization` under `*`).

    :param transport: takes a request to its server, wherever that is.
    :ivar unanswered: the request that the transport raised for.
    """

    def __init__(
        self, url: URL, origin: str, transport: Callable[[HTTPRequest], HTTPResponse]
    ) -> None:
        # `_send` goes elsewhere, so no application is ever called.
        super().__init__({url.origin: lambda *_: []}, origin=origin, engine="chromium")
        self._live = transport
        self.unanswered: HTTPRequest | None = None

    def _send(self, request: HTTPRequest) -> HTTPResponse:
        self.unanswered = request
        response = self._live(request)
        self.unanswered = None
        response.headers[:] = [pair for pair in response.headers if pair[0].lower() != "set-cookie"]
        self.exchanges.append((request, response))
        return response


def parse_live_url(text: str) -> URL:
    """The address of a server, as a browser would encode it.

    :raises Unusable: if it is none.
    """
    # The parser takes bytes in latin-1's clothes.
    url = parse_url(text.encode("utf-8", "surrogateescape").decode("latin-1"))
    if url is None or url.scheme not in ("http", "https") or url.has_credentials or not url.host:
        raise Unusable(f"URL is {text!r}; write a whole address: https://api.example.com/path")
    return url
