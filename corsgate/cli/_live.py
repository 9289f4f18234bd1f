"""What commands that ask live servers share: options, addresses, a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from .._origin import find_correction
from ..browser import Browser
from ..browser._url import as_bytes, parse_url
from ._print import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..browser import HTTPRequest, HTTPResponse
    from ..browser._url import URL

_WHOLE = "https://api.example.com/path"
# Scheme and authority of an address, as far as it has them.
_START = re.compile(r"\A\s*(?:([A-Za-z][A-Za-z0-9+.-]*):[/\\]{2})?[/\\]*([^/\\?#]*)")
_PORT = re.compile(r":([^:\]]+)\Z")


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
insecure_option = click.option("--insecure", is_flag=True, help="Accept any certificate.")
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
    url = parse_url(as_bytes(text))
    if url is None or url.scheme not in ("http", "https") or url.has_credentials or not url.host:
        raise Unusable(f"URL {_find_fault(text)}")
    return url


def _find_fault(text: str) -> str:
    """What is wrong with an address; what may be a password in it is not repeated."""
    scheme, authority = _START.findall(text)[0]
    if "@" in authority:
        return "has a user name or password in it, which a page cannot send so; leave it out."
    if scheme and scheme.lower() not in ("http", "https"):
        return f"has the scheme {scheme}; a page calls http and https: {_WHOLE}"
    port = _PORT.search(authority)
    if scheme and port and not (port[1].isascii() and port[1].isdecimal() and _fits(port[1])):
        return "has no port behind the colon; a port is a number up to 65535."
    if not authority.isascii():
        meant = find_correction(f"{scheme or 'https'}://{authority}")
        return "has a host that is not ASCII; write it in punycode" + (
            f": {meant}" if meant else "."
        )
    said = "is no whole address" if "@" in text else f"is {text!r}"
    return f"{said}; write a whole address: {_WHOLE}"


def _fits(port: str) -> bool:
    digits = port.lstrip("0")
    return len(digits) <= 5 and int(digits or "0") <= 65535
