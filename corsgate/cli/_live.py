"""What commands that ask live servers share: options, addresses, a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ..browser import Browser
from ..browser._url import parse_url
from ._print import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..browser import HTTPRequest, HTTPResponse
    from ..browser._url import URL


def _check_number(ctx: click.Context, param: click.Parameter, value: float) -> float:
    if value != value:  # neither below nor above any limit
        raise click.BadParameter("it is no number.", ctx, param)
    return value


timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(0, 600, min_open=True),
    callback=_check_number,
    default=10.0,
    show_default=True,
    help="Seconds to wait for an answer.",
)
insecure_option = click.option("--insecure", is_flag=True, help="Take any certificate.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


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
