"""Opens a page in a real headless browser and waits for what the page reports about itself.

No WebDriver: the browser gets an empty profile and one address, and the page posts its report to
the address in its `report` parameter. So any engine will do that has a command line.
"""

import http.server
import json
import os
import queue
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "chromium-headless-shell")


def chromium(home: Path, proxy: str) -> list[str]:
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        pytest.fail("no Chromium on this machine: apt-get install chromium", pytrace=False)
    return [
        found,
        "--headless",
        "--no-sandbox",  # root has none, nor have many containers; only our own page is opened
        "--disable-gpu",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
        f"--user-data-dir={home / 'profile'}",
        f"--proxy-server={proxy}",
    ]


# One command line per engine, to which the address is added.
ENGINES: dict[str, Callable[[Path, str], list[str]]] = {"chromium": chromium}


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

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def report_server() -> Iterator[tuple[int, queue.Queue[Any]]]:
    reports: queue.Queue[Any] = queue.Queue()
    handler = type("Handler", (ReportHandler,), {"reports": reports})
    with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port, reports
        finally:
            server.shutdown()


@contextmanager
def started(command: list[str], home: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The running browser, in a process group that is gone afterwards."""
    places = ("HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")
    env = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    env |= dict.fromkeys(places, str(home))
    with open(home / "output", "wb") as output:
        process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
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


def report_of(url: str, engine: str = "chromium", timeout: float = 60) -> Any:
    """What the page at `url` reports in that engine."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        report_server() as (port, reports),
    ):
        home = Path(folder)
        address = urlencode({"report": f"http://localhost:{port}/"})
        command = ENGINES[engine](home, f"127.0.0.1:{port}")
        deadline = time.monotonic() + timeout
        with started([*command, f"{url}/?{address}"], home) as process:
            while time.monotonic() < deadline and process.poll() is None:
                try:
                    return reports.get(timeout=0.1)
                except queue.Empty:
                    pass
            ended = "still running" if process.poll() is None else f"ended: {process.returncode}"
            output = (home / "output").read_text(errors="replace")[-2000:]
            pytest.fail(f"no report from {url} ({engine} {ended})\n{output}", pytrace=False)
