"""Opens a page in a real headless browser and waits for what the page reports about itself.

No WebDriver: the browser gets an empty profile and one address, and the page posts its report to
the address in its `report` parameter. So any engine will do that has a command line.
"""

import hashlib
import http.server
import json
import os
import queue
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest


def executable(what: str, package: str, *names: str) -> str:
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        pytest.fail(f"no {what} on this machine: apt-get install {package}", pytrace=False)
    return found


@contextmanager
def chromium(home: Path, proxy: int) -> Iterator[list[str]]:
    names = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")
    yield [
        executable("Chromium", "chromium", *names),
        "--headless",
        "--no-sandbox",  # root has none, nor have many containers; only our own page is opened
        "--disable-gpu",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={home / 'profile'}",
        f"--proxy-server=127.0.0.1:{proxy}",
    ]


@contextmanager
def firefox(home: Path, proxy: int) -> Iterator[list[str]]:
    prefs: dict[str, Any] = {
        # Loopback addresses pass a proxy by, and need no DNS.
        "network.proxy.type": 1,
        "network.proxy.http": "127.0.0.1",
        "network.proxy.http_port": proxy,
        "network.proxy.ssl": "127.0.0.1",
        "network.proxy.ssl_port": proxy,
        "network.proxy.failover_direct": False,
        "network.dns.disabled": True,
        # No tab but ours, and no questions.
        "browser.aboutwelcome.enabled": False,
        "browser.shell.checkDefaultBrowser": False,
        "browser.startup.homepage_override.mstone": "ignore",
        "datareporting.policy.dataSubmissionEnabled": False,
        # It must not take the proxy that refuses everything for a hotel's.
        "network.captive-portal-service.enabled": False,
    }
    profile = home / "profile"
    profile.mkdir()
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(prefs[name])});" for name in prefs)
    (profile / "user.js").write_text("\n".join(lines))
    found = executable("Firefox", "firefox-esr", "firefox-esr", "firefox")
    yield [found, "--headless", "--no-remote", "--profile", str(profile)]


@contextmanager
def webkit(home: Path, proxy: int) -> Iterator[list[str]]:
    places = Path("/usr").glob("lib*/*/webkit2gtk-4.1/MiniBrowser")
    found = executable("MiniBrowser", "libwebkit2gtk-4.1-0", *map(str, places))
    with display(home) as screen:
        yield [
            "env",
            f"DISPLAY={screen}",
            "GDK_BACKEND=x11",
            "NO_AT_BRIDGE=1",
            "DBUS_SESSION_BUS_ADDRESS=disabled:",
            "GSETTINGS_BACKEND=memory",
            found,
            f"--proxy=http://127.0.0.1:{proxy}",
            "--ignore-host=localhost",
            "--ignore-host=127.0.0.1",
        ]


@contextmanager
def display(home: Path) -> Iterator[str]:
    """A screen that nobody sees, for what has no headless mode."""
    xvfb = executable("Xvfb", "xvfb", "Xvfb")
    # It takes a number that is free, and says which.
    command = [xvfb, "-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
    with started(command, home, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        with process.stdout as told:
            number = told.readline().decode().strip()
        if not number:
            output = (home / "output").read_text(errors="replace")
            pytest.fail(f"Xvfb gives no display\n{output}", pytrace=False)
        yield f":{number}"


# One command line per engine, to which the address is added: from an empty folder and the port of
# a proxy.
ENGINES: dict[str, Callable[[Path, int], AbstractContextManager[list[str]]]] = {
    "chromium": chromium,
    "firefox": firefox,
    "webkit": webkit,
}


class ReportHandler(http.server.BaseHTTPRequestHandler):
    """Takes reports. As the browser's proxy it refuses the rest: nothing leaves the machine."""

    reports: queue.Queue[Any]

    def do_POST(self) -> None:
        if self.path != "/":  # a whole address: the browser wants to send something elsewhere
            self.send_error(403)
            return
        self.reports.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    do_CONNECT = do_GET = do_POST  # noqa: N815  # the names that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def report_server() -> Iterator[tuple[int, queue.Queue[Any]]]:
    reports: queue.Queue[Any] = queue.Queue()
    handler = type("Handler", (ReportHandler,), {"reports": reports})
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        try:
            yield server.server_port, reports
        finally:
            server.shutdown()


@contextmanager
def started(
    command: list[str], home: Path, stdout: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The running program, in a process group that is gone afterwards."""
    places = "HOME TMPDIR XDG_RUNTIME_DIR XDG_CONFIG_HOME XDG_CACHE_HOME XDG_DATA_HOME".split()
    env = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    env |= dict.fromkeys(places, str(home))
    with open(home / "output", "ab") as output:
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output if stdout is None else stdout,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        # The group outlives its leader, so it is ended whether or not the leader still runs.
        for end in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, end)
                process.wait(5)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                pass


# What makes an engine take a certificate that nobody has signed; Firefox has a file for that.
TRUSTING = {
    "chromium": ["--ignore-certificate-errors"],
    "firefox": [],
    "webkit": ["--ignore-tls-errors"],
}


# What makes an engine tell what its console shows.
TELLING = {
    "chromium": ["--enable-logging=stderr", "--v=0"],
    "firefox": ["--marionette", "--remote-allow-system-access"],
    "webkit": ["--enable-write-console-messages-to-stdout=true"],
}


def console_of(engine: str, home: Path) -> list[str]:
    """The lines of the running engine's console."""
    if engine == "firefox":
        return firefox_console(int((home / "profile" / "MarionetteActivePort").read_text()))
    output = (home / "output").read_text(errors="replace")
    if engine == "chromium":
        return re.findall(r'CONSOLE[:(]\d+\)?\] "(.*)", source: ', output)
    return re.findall(r"CONSOLE (?:[A-Z]+ )?(?:LOG|WARN|ERROR) (.*)", output)


def firefox_console(port: int) -> list[str]:
    """As Marionette tells it: JSON in netstrings, which the server begins."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        stream = connection.makefile("rb")

        def receive() -> Any:
            size = b""
            while (byte := stream.read(1)) != b":":
                size += byte
            return json.loads(stream.read(int(size)))

        receive()
        script = "return Services.console.getMessageArray().map((m) => m.errorMessage || m.message)"
        answer: Any = None
        for number, (command, arguments) in enumerate(
            (
                ("WebDriver:NewSession", {}),
                ("Marionette:SetContext", {"value": "chrome"}),
                ("WebDriver:ExecuteScript", {"script": script, "args": []}),
                ("WebDriver:DeleteSession", {}),
            )
        ):
            text = json.dumps([0, number, command, arguments])
            connection.sendall(f"{len(text)}:{text}".encode())
            reply = receive()
            assert reply[2] is None, reply
            if command == "WebDriver:ExecuteScript":
                answer = reply[3]["value"]
        lines = (
            re.sub(r'^\[JavaScript \w+: "(.*?)"( \{file: .*)?\]$', r"\1", line) for line in answer
        )
        return [*lines]


def report_of(
    url: str,
    engine: str,
    timeout: float = 60,
    certificate: Path | None = None,
    console: list[str] | None = None,
    until: str = "",
) -> Any:
    """What the page at `url` reports in that engine.

    :param certificate: of the server at `url`, which is signed by nobody else.
    :param console: is given the lines of the console, when one of them has `until` in it.
    """
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        report_server() as (port, reports),
        ENGINES[engine](home := Path(folder), port) as command,
    ):
        address = urlencode({"report": f"http://localhost:{port}/"})
        deadline = time.monotonic() + timeout
        if certificate is not None:
            command.extend(TRUSTING[engine])
            if engine == "firefox":
                der = ssl.PEM_cert_to_DER_cert(certificate.read_text())
                fields = (
                    f"{urlsplit(url).netloc}:",
                    "OID.2.16.840.1.101.3.4.2.1",  # SHA-256
                    hashlib.sha256(der).digest().hex(":").upper(),
                    "",
                )
                (home / "profile" / "cert_override.txt").write_text("\t".join(fields) + "\n")
        if console is not None:
            command.extend(TELLING[engine])
            if engine == "firefox":
                with (home / "profile" / "user.js").open("a") as prefs:
                    prefs.write('\nuser_pref("marionette.port", 0);\n')
        report: Any = None
        with started([*command, f"{url}/?{address}"], home) as process:
            while time.monotonic() < deadline and process.poll() is None:
                with suppress(queue.Empty):
                    report = report or reports.get(timeout=0.1)
                if report is not None and console is None:
                    return report
                if report is not None and console is not None:
                    console[:] = console_of(engine, home)
                    if any(until in line for line in console):
                        return report
            ended = "still running" if process.poll() is None else f"ended: {process.returncode}"
            output = (home / "output").read_text(errors="replace")[-2000:]
            pytest.fail(f"no report from {url} ({engine} {ended})\n{output}", pytrace=False)
