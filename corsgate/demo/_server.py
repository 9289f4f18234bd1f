"""Servers on this machine for the laboratory: four ports, loopback only."""

from __future__ import annotations

import errno
import os
import socket
import sys
from contextlib import ExitStack, contextmanager
from socketserver import TCPServer, ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from ..policy import Policy
from ._api import API
from ._places import Places
from ._runs import Runs
from ._site import Laboratory, Page, checking_host

if TYPE_CHECKING:
    from collections.abc import Iterator
    from wsgiref.types import WSGIApplication

_HOST = "127.0.0.1"
_COUNT = 4


class UnavailableError(Exception):
    """A port that cannot be had.

    :ivar port: which.
    :ivar why: `"is in use"`, or what else the system says.
    """

    def __init__(self, port: int, why: str) -> None:
        super().__init__(port, why)
        self.port = port
        self.why = why


class Server(ThreadingMixIn, WSGIServer):
    """Answers each request in a thread of its own."""

    daemon_threads = True
    allow_reuse_port = False  # some Pythons turn it on: a second start would share the port

    def server_bind(self) -> None:
        """Take the port, and do not ask the network what this machine is called."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = _HOST, self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing where a browser drops a connection or sends nothing, as it likes."""
        if not isinstance(sys.exception(), (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class Handler(WSGIRequestHandler):
    """Logs nothing, and waits for nobody for long."""

    timeout = 10

    def get_environ(self) -> dict[str, Any]:
        """The request, without the Content-Type that the standard library makes up."""
        environ = super().get_environ()
        if "content-type" not in self.headers:
            environ["CONTENT_TYPE"] = ""
        return environ

    def log_message(self, format: str, *args: Any) -> None:
        """The terminal is for what the command prints."""


def _listen(port: int) -> Server:
    try:
        # A browser takes "localhost" for two addresses; who has the other one would get its calls.
        if port and any(_answers(address, port) for address in (_HOST, "::1")):
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        return Server((_HOST, port), Handler)
    except OSError as error:
        why = (
            "is in use" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror}"
        )
        raise UnavailableError(port, why) from None


def _answers(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=0.2).close()
    except OSError:
        return False
    return True


@contextmanager
def laboratory(port: int) -> Iterator[Places]:
    """The running laboratory; it ends with the block.

    :param port: the first of four in a row; 0: any that are free.
    :raises UnavailableError: if one of them cannot be had.
    """
    with ExitStack() as stack:
        servers = [stack.enter_context(_listen(port and port + number)) for number in range(_COUNT)]
        places = Places(tuple(server.server_port for server in servers))  # type: ignore[arg-type]
        runs = Runs()
        api = API(runs, Policy(allow_origins=[places.callers["frontend"].origin]))
        apps: dict[str, WSGIApplication] = {
            "laboratory": Laboratory(places, runs, api),
            "api": Page(places, beside=api),
            "frontend": Page(places),
            "other": Page(places),
        }
        for server, (name, app) in zip(servers, apps.items(), strict=True):
            server.set_app(checking_host(app, places.hosts[name], places.laboratory))
            Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
            stack.callback(server.shutdown)
        yield places
