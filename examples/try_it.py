"""See corsgate at work in a browser: an API, a page that may call it, and a stranger that may not.

    python examples/try_it.py [wsgi | flask | django]

Three servers in one process: the example API on one port, page.html on a second, whose origin is
the one the API allows, and the same page on a third, whose origin it does not.
"""

import argparse
import errno
import importlib
import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PAGE = Path(__file__).with_name("page.html")


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    allow_reuse_port = False  # some Pythons turn it on: a second start would share the port

    @property
    def origin(self) -> str:
        # As a browser spells it: without the default port.
        port = "" if self.server_port == 80 else f":{self.server_port}"
        return f"http://localhost{port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A browser may drop a connection whenever it likes.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def serve_page(setup: dict[str, str]) -> WSGIApplication:
    """page.html, and beside it the addresses it needs."""
    files: dict[str, tuple[str, Callable[[], bytes]]] = {
        "/": ("text/html; charset=utf-8", PAGE.read_bytes),
        "/setup.json": ("application/json", lambda: json.dumps(setup).encode()),
    }

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] not in files:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"not found\n"]
        content_type, read = files[environ["PATH_INFO"]]
        start_response("200 OK", [("Content-Type", content_type), ("Cache-Control", "no-store")])
        return [read()]

    return app


def listen(port: int, option: str) -> Server:
    """A server on that port; or the program ends with one line that says which option helps."""
    try:
        # A browser takes "localhost" for two addresses; who has the other one would get its calls.
        if port and any(answers(address, port) for address in ("127.0.0.1", "::1")):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        return Server(("localhost", port), QuietHandler)
    except OSError as error:
        in_use = error.errno == errno.EADDRINUSE
        problem = "is in use" if in_use else f"cannot be used ({error.strerror})"
        sys.exit(
            f"try_it.py: port {port} {problem}; choose another with {option} (0: any free one)"
        )


def answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=0.2).close()
    except OSError:
        return False
    return True


def load(kind: str) -> WSGIApplication:
    try:
        app: WSGIApplication = importlib.import_module(f"{kind}_app").app
    except ModuleNotFoundError as error:
        sys.exit(f"try_it.py: {error.name} is not installed")
    return app


def port_number(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise ValueError
    return port


port_number.__name__ = "port"  # argparse says "invalid port value"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kind", nargs="?", default="wsgi", choices=["wsgi", "flask", "django"])
    for name, port, what in (
        ("api", 5000, "the API"),
        ("page", 8000, "the page, whose origin is allowed"),
        ("stranger", 8001, "the same page, not allowed"),
    ):
        parser.add_argument(
            f"--{name}-port",
            type=port_number,
            default=port,
            metavar="PORT",
            help=f"port of {what}; 0 takes any free one (default: %(default)s)",
        )
    options = parser.parse_args()

    page = listen(options.page_port, "--page-port")
    stranger = listen(options.stranger_port, "--stranger-port")
    api = listen(options.api_port, "--api-port")

    # The one thing to get right: the page's origin, as the browser spells it.
    os.environ["CORS_ALLOW_ORIGINS"] = page.origin
    api.set_app(load(options.kind))
    site = serve_page(
        {
            "kind": options.kind,
            "api": api.origin,
            "page": page.origin,
            "stranger": stranger.origin,
        }
    )
    page.set_app(site)
    stranger.set_app(site)

    print(
        f"""\
API       {api.origin}   examples/{options.kind}_app.py
Page      {page.origin}   an origin the API allows
Stranger  {stranger.origin}   the same page from an origin it does not allow

Try:
  1. Open the page: it makes seven calls and shows which ones the browser let through.
  2. Open the stranger: the same calls, and the browser blocks all but the public one.
  3. Open the browser's console (F12) there: it gives a reason for each block.
  4. python examples/wrong_setup.py shows what a wrong set-up reports.

GET /api/crash fails on purpose; a traceback of it below is no accident. Ctrl-C ends it all.
""",
        flush=True,
    )

    for server in (page, stranger):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        api.serve_forever()
    except KeyboardInterrupt:
        print("\nEnded.")
    finally:
        for server in (page, stranger, api):
            server.server_close()


if __name__ == "__main__":
    main()
