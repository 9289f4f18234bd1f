"""`corsgate demo`: a laboratory for CORS, in the browser."""

from __future__ import annotations

import webbrowser
from threading import Thread
from time import sleep

import click

from ..demo._server import UnavailableError, laboratory
from ._print import Unusable


@click.command(short_help="Start a laboratory for CORS in your browser.")
@click.option(
    "--port",
    type=click.IntRange(0, 65532),
    default=8400,
    show_default=True,
    help="First of four ports in a row; 0: any that are free.",
)
@click.option("--no-open", is_flag=True, help="Do not open the browser.")
def command(port: int, no_open: bool) -> None:
    """Start an API, and pages on other origins that call it: a laboratory for CORS.

    Choose a request and a policy, press, and see what the browser did, what the server decided
    and why, and which setting to change. Everything is on this machine, and only it can connect.

    \b
    corsgate demo
    corsgate demo --port 9000 --no-open
    """
    try:
        with laboratory(port) as places:
            click.echo(
                f"CORS laboratory: {places.laboratory}  (open it in a browser)\n"
                f"The API it calls: {places.api}\n"
                "Ctrl-C ends it."
            )
            if not no_open:
                # A browser may take its time; nobody waits for it at the end.
                Thread(target=open_browser, args=[places.laboratory], daemon=True).start()
            while True:
                sleep(3600)
    except UnavailableError as error:
        raise Unusable(
            f"Port {error.port} {error.why}. The laboratory takes four in a row: choose others"
            " with --port, or any with --port 0."
        ) from None


def open_browser(url: str) -> None:
    """Show the page, if there is a browser that has a window of its own."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return
    # What else is only a name of a program may be a browser for terminals, and take this one.
    if type(browser) is not webbrowser.GenericBrowser:
        browser.open(url)
