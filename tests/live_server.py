"""A server on a loopback port whose answers are bytes, as broken as a test wants them."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from click.testing import CliRunner

from corsgate.cli import main

_SELF_SIGNED = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1"
    " -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
).split()


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]


# What a server answers to a request; None: nothing, and the connection stays open.
Answer = Callable[[Asked], bytes | Iterable[bytes] | None]


@dataclass
class Server:
    port: int
    asked: list[Asked] = field(default_factory=list)


def answer(status: str, *lines: str, body: bytes = b"") -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", *lines, f"Content-Length: {len(body)}", "", ""])
    return head.encode("latin-1") + body


@contextmanager
def listening(handle: Callable[[socket.socket], object]) -> Iterator[Server]:
    """A server that hands each connection on, one after the other.

    :param handle: closes the connection when it is done, or leaves it to the end.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    connections = [listener]

    def serve() -> None:
        with suppress(OSError):  # the end: the listener is shut
            while True:
                connection, _ = listener.accept()
                connections.append(connection)
                with suppress(OSError):  # the client may cut the connection at any time
                    handle(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Server(listener.getsockname()[1])
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        for connection in connections:
            connection.close()


@contextmanager
def serving(respond: Answer, *, certificate: Path | None = None) -> Iterator[Server]:
    """A server that answers requests.

    :param certificate: a file with a certificate and its key, for https.
    """
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)

    def handle(connection: socket.socket) -> None:
        if context is None:
            return answer_on(connection)
        with context.wrap_socket(connection, server_side=True) as secured:
            return answer_on(secured)

    def answer_on(connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            received = connection.recv(65536)
            if not received:
                return
            data += received
        first, *lines = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        asked = Asked(method, target, headers)
        server.asked.append(asked)
        found = respond(asked)
        if found is None:
            return
        for part in [found] if isinstance(found, bytes) else found:
            connection.sendall(part)
        connection.close()

    with listening(handle) as server:
        yield server


def make_certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1, and its key, in one file."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    subprocess.run(
        [*_SELF_SIGNED, "-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    both = folder / "both.pem"
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    return both


def run(server: Server | None, *arguments: str) -> tuple[int, str]:
    """The exit status of the command, and what it printed, with PORT for the server's port.

    What the command raises goes through.
    """
    port = str(server.port) if server else "0"
    result = CliRunner().invoke(
        main, [argument.replace("PORT", port) for argument in arguments], catch_exceptions=False
    )
    return result.exit_code, result.output.replace(f":{port}", ":PORT")
