"""Starts real servers, each in a process group of its own, on a free port and with server_app.py.

A server that is not installed is an error. None needs a place outside of its folder, or root.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from wsgi_client import Answer, Headers

TESTS = Path(__file__).parent
HOST = "127.0.0.1"
APPLICATION = "server_app:application"
FRONTS = ("wsgi", "flask", "django")
PATIENCE = 30  # seconds, after which something hangs


@dataclass
class Running:
    """A server that takes connections."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def output(self) -> str:
        text = (self.folder / "output").read_bytes()
        return text.decode("utf-8", "backslashreplace")

    def connect(self) -> "Connection":
        return Connection(self.port)

    def let_streams_go_on(self) -> None:
        (self.folder / "go").write_bytes(b"")


@contextmanager
def running(make: Callable[[int, Path], list[str]], folder: Path) -> Iterator[Running]:
    """The server that a command starts, from when it takes connections.

    :param make: makes the command, of a port and a folder for all files of the server.
    """
    folder.mkdir()
    os.mkfifo(folder / "go")
    port = free_port()
    command = make(port, folder)
    env = {key: value for key, value in os.environ.items() if key != "PORT"}
    paths = (str(TESTS), os.environ.get("PYTHONPATH"))
    env["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    env["SERVER_APP_GO"] = str(folder / "go")
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Running(port, folder, process)
    try:
        wait_for(server)
        yield server
    finally:
        end(process)


def wait_for(server: Running) -> None:
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection((HOST, server.port)).close()
        except ConnectionRefusedError:
            late = time.monotonic() > until
            if late or server.process.poll() is not None:
                pytest.fail(f"{server.process.args!r} does not serve:\n{server.output}")
            time.sleep(0.02)
        else:
            return


def end(process: subprocess.Popen[bytes]) -> None:
    # What is left of the group after the first signal gets the second.
    for signum in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(process.pid, signum)
            process.wait(5)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port: int = listener.getsockname()[1]
    return port


def program(name: str, package: str) -> str:
    """The path of a program of the system, which `package` installs."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.fail(f"{name} is not installed: apt-get install {package}")
    return found


def script(name: str) -> str:
    """The path of a command that a package of this Python has installed."""
    return str(Path(sysconfig.get_path("scripts")) / name)


# ------------------------------------------------------------------ the servers


@dataclass(frozen=True)
class Server:
    """How a server is started, and what it does that others do not.

    Of its own accord each may add `Date`, `Server`, `Connection` and `Keep-Alive` to an answer.
    """

    kind: str
    make: Callable[[int, Path], list[str]]
    keeps: bool = True  # a connection stays open after an answer with Content-Length
    keeps_after_204: bool = True  # which has none
    cuts_head: bool = True  # takes out what an application answers a HEAD with, as Django does
    fronts: tuple[str, ...] = FRONTS


def module(name: str, *arguments: str) -> Callable[[int, Path], list[str]]:
    """The command `python -m name` with `{port}` filled in."""

    def make(port: int, folder: Path) -> list[str]:
        return [sys.executable, "-m", name, *(part.format(port=port) for part in arguments)]

    return make


def uwsgi(port: int, folder: Path, *more: str) -> list[str]:
    return [
        script("pyuwsgi"),
        f"--http={HOST}:{port}",
        "--http-keepalive",
        *more,
        f"--module={APPLICATION}",
        "--need-app",
        "--die-on-term",
        "--master",
    ]


def apache(port: int, folder: Path) -> list[str]:
    """Apache with mod_wsgi, built by pip for this Python."""
    find = [script("mod_wsgi-express"), "module-config"]
    loaded = subprocess.run(find, capture_output=True, text=True)
    assert loaded.returncode == 0, loaded.stderr
    modules = Path("/usr/lib/apache2/modules")
    site = folder / "site.wsgi"
    site.write_text("from server_app import application\n")
    config = folder / "httpd.conf"
    config.write_text(
        f"""
        ServerRoot {folder}
        ServerName {HOST}
        Listen {HOST}:{port}
        DefaultRuntimeDir {folder}
        PidFile {folder}/pid
        ErrorLog {folder}/output
        LoadModule mpm_event_module {modules}/mod_mpm_event.so
        LoadModule authz_core_module {modules}/mod_authz_core.so
        {loaded.stdout}
        User www-data
        Group www-data
        StartServers 1
        ServerLimit 1
        ThreadsPerChild 4
        MaxRequestWorkers 4
        WSGIApplicationGroup %{{GLOBAL}}
        WSGIScriptAlias / {site}
        <Directory {folder}>
            Require all granted
        </Directory>
        """
    )
    command = [program("apache2", "apache2-bin"), "-DFOREGROUND", "-f", str(config)]
    if os.geteuid() == 0:
        # Apache gives root away, but has to read what only root may: Python, and this folder.
        command = ["setpriv", "--securebits=+no_setuid_fixup", *command]
    return command


GUNICORN = ("gunicorn", "--bind", HOST + ":{port}", APPLICATION)
SERVERS = {
    "gunicorn-sync": Server("gunicorn", module(*GUNICORN), keeps=False, keeps_after_204=False),
    "gunicorn-gthread": Server("gunicorn", module(*GUNICORN, "--threads=2")),
    "uwsgi": Server("uwsgi", uwsgi, keeps_after_204=False, cuts_head=False),
    "waitress": Server(
        "waitress",
        module("waitress", "--listen=" + HOST + ":{port}", APPLICATION),
        keeps_after_204=False,
        cuts_head=False,
    ),
    "cheroot": Server(
        "cheroot",
        module("cheroot", "--bind", HOST + ":{port}", APPLICATION),
        cuts_head=False,
    ),
    "granian": Server(
        "granian",
        module("granian", "--interface=wsgi", "--host", HOST, "--port={port}", APPLICATION),
    ),
    "mod_wsgi": Server("mod_wsgi", apache),
    "werkzeug": Server(
        "werkzeug",
        module("server_main", "werkzeug", "{port}"),
        keeps=False,
        keeps_after_204=False,
        cuts_head=False,
    ),
    "wsgiref": Server(
        "wsgiref",
        module("server_main", "wsgiref", "{port}"),
        keeps=False,
        keeps_after_204=False,
        cuts_head=False,
    ),
    "uvicorn": Server(
        "uvicorn",
        module("uvicorn", "--host", HOST, "--port={port}", "server_app:asgi_application"),
        fronts=("django",),
    ),
}

# ------------------------------------------------------------------ proxies in front of a server


def nginx(backend: int, port: int, folder: Path) -> list[str]:
    """nginx with a cache; below /twice/ and /alone/ it has a CORS header of its own."""
    config = folder / "nginx.conf"
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    config.write_text(
        f"""
        {"user root;" if os.geteuid() == 0 else ""}
        daemon off;
        worker_processes 1;
        pid {folder}/pid;
        error_log stderr;
        events {{}}
        http {{
            access_log off;
            {" ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)}
            proxy_cache_path {folder}/cache keys_zone=all:1m;
            server {{
                listen {HOST}:{port};
                location / {{
                    proxy_pass http://{HOST}:{backend};
                    proxy_cache all;
                    proxy_cache_valid any 1h;
                    add_header X-Cache $upstream_cache_status always;
                }}
                location /twice/ {{
                    proxy_pass http://{HOST}:{backend}/;
                    add_header Access-Control-Allow-Origin * always;
                }}
                location /alone/ {{
                    proxy_pass http://{HOST}:{backend}/;
                    proxy_hide_header Access-Control-Allow-Origin;
                    proxy_hide_header Access-Control-Allow-Credentials;
                    add_header Access-Control-Allow-Origin * always;
                }}
            }}
        }}
        """
    )
    return [program("nginx", "nginx"), "-p", str(folder), "-e", "stderr", "-c", str(config)]


def varnish(backend: int, port: int, folder: Path) -> list[str]:
    """Varnish with its built-in rules."""
    config = folder / "default.vcl"
    config.write_text(
        f"""
        vcl 4.1;
        backend default {{ .host = "{HOST}"; .port = "{backend}"; }}
        sub vcl_deliver {{
            set resp.http.X-Cache = "MISS";
            if (obj.hits > 0) {{ set resp.http.X-Cache = "HIT"; }}
        }}
        """
    )
    return [
        *(program("varnishd", "varnish"), "-F", "-j", "none", "-n", str(folder / "work")),
        *("-a", f"{HOST}:{port}", "-f", str(config), "-s", "malloc,16m"),
        *("-p", "default_ttl=3600"),
    ]


PROXIES = {"nginx": nginx, "varnish": varnish}

# ------------------------------------------------------------------ the client


@dataclass
class Connection:
    """A connection to a server, which takes and gives lines as they are.

    It is strict: what a server sends after an answer that has no body is an error, since the next
    answer does not begin where it has to.
    """

    port: int
    wire: socket.socket = field(init=False)

    def __post_init__(self) -> None:
        self.wire = socket.create_connection((HOST, self.port), timeout=PATIENCE)
        self.file = self.wire.makefile("rb")

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.file.close()
        self.wire.close()

    def send(self, method: str, path: str, lines: list[bytes]) -> None:
        head = [f"{method} {path} HTTP/1.1".encode(), f"Host: {HOST}".encode(), *lines]
        try:
            self.wire.sendall(b"\r\n".join(head) + b"\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            return  # it did not want all of it, but may have answered

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None) -> Answer:
        """Send one request and read the whole answer."""
        lines = [f"{name}: {value}".encode("latin-1") for name, value in (headers or {}).items()]
        self.send(method, path, lines)
        return self.read(method)

    def read(self, method: str) -> Answer:
        status, reason, headers = self.read_head()
        bodiless = method == "HEAD" or status in (204, 304)
        body = b"" if bodiless else b"".join(self.read_body(headers))
        return Answer(status, reason, headers, body)

    def read_head(self) -> tuple[int, str, Headers]:
        line = self.file.readline().decode("latin-1")
        version, status, reason = line.rstrip("\r\n").split(" ", 2)
        assert version in ("HTTP/1.0", "HTTP/1.1"), line
        headers = []
        while line := self.file.readline().decode("latin-1").rstrip("\r\n"):
            name, colon, value = line.partition(":")
            assert colon, line
            headers.append((name, value.strip(" \t")))
        return int(status), reason, headers

    def read_body(self, headers: Headers) -> Iterator[bytes]:
        """The body, in the pieces in which the server sends it."""
        lower = {name.lower(): value.lower() for name, value in headers}
        if "chunked" in lower.get("transfer-encoding", ""):
            while size := int(self.file.readline(), 16):
                yield self.file.read(size)
                self.file.readline()
            self.file.readline()
        elif "content-length" in lower:
            yield self.file.read(int(lower["content-length"]))
        else:
            while data := self.file.read1():
                yield data

    def read_to_the_end(self) -> bytes:
        """All that comes until the server closes the connection."""
        return self.file.read()
