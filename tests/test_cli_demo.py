"""`corsgate demo`: what it prints, what it opens, and how it ends."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
import webbrowser

import pytest
from click.testing import CliRunner
from example_servers import heeding_ctrl_c

from corsgate.cli import demo, main
from corsgate.demo import _server

PRINTED = re.compile(
    r"CORS laboratory: (http://localhost:\d+)  \(open it in a browser\)\n"
    r"The API it calls: (http://localhost:\d+)\n"
    r"Ctrl-C ends it\.\n"
)


def run(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(main, ["demo", *arguments], prog_name="corsgate")
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser is asked to show; Ctrl-C comes when all threads have run."""
    addresses: list[str] = []

    def interrupt(seconds: float) -> None:
        for thread in threading.enumerate():
            if getattr(thread, "_target", None) == addresses.append:
                thread.join(20)
        raise KeyboardInterrupt

    monkeypatch.setattr(demo, "open_browser", addresses.append)
    monkeypatch.setattr(demo, "sleep", interrupt)
    return addresses


def test_it_says_where_to_look_and_opens_it(shown: list[str]) -> None:
    status, printed, errors = run("--port", "0")
    found = PRINTED.fullmatch(printed)
    assert found
    assert (status, errors) == (130, "")
    assert shown == [found[1]]


def test_no_browser_is_opened_where_none_is_wanted(shown: list[str]) -> None:
    status, printed, errors = run("--port", "0", "--no-open")
    assert PRINTED.fullmatch(printed)
    assert (status, errors) == (130, "")
    assert shown == []


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run("--port", str(port), "--no-open") == (
            2,
            "",
            (
                f"Error: Port {port} is in use. The laboratory takes four in a row: choose others"
                " with --port, or any with --port 0.\n"
            ),
        )


def test_a_port_that_cannot_be_had_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(_server, "Server", refuse)
    assert run("--port", "80", "--no-open") == (
        2,
        "",
        (
            "Error: Port 80 cannot be used: Permission denied. The laboratory takes four in a row:"
            " choose others with --port, or any with --port 0.\n"
        ),
    )


@pytest.mark.parametrize("port", ["-1", "65533", "http"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    status, printed, errors = run("--port", port)
    assert (status, printed) == (2, "")
    assert "Invalid value for '--port'" in errors


def test_it_is_among_the_commands() -> None:
    printed = CliRunner().invoke(main, ["--help"], prog_name="corsgate").stdout
    assert "  demo     Start a laboratory for CORS in your browser.\n" in printed


def test_a_browser_with_a_window_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    class Window(webbrowser.BaseBrowser):
        def open(self, url: str, new: int = 0, autoraise: bool = True) -> bool:
            opened.append(url)
            return True

    monkeypatch.setattr(webbrowser, "get", Window)
    demo.open_browser("http://localhost:8400")
    assert opened == ["http://localhost:8400"]


def test_a_browser_for_terminals_does_not_take_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    # It would fail if it were started.
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("/does/not/exist"))
    monkeypatch.setattr(webbrowser.GenericBrowser, "open", lambda *_: pytest.fail("opened"))
    demo.open_browser("http://localhost:8400")


def test_where_there_is_no_browser_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def none() -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    demo.open_browser("http://localhost:8400")
    assert capfd.readouterr() == ("", "")


def test_ctrl_c_ends_the_process_without_a_traceback() -> None:
    command = [sys.executable, "-m", "corsgate", "demo", "--port", "0", "--no-open"]
    with (
        heeding_ctrl_c(),
        subprocess.Popen(
            command,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        watchdog = threading.Timer(60, process.kill)
        watchdog.start()
        assert process.stdout is not None
        assert process.stderr is not None
        printed = "".join(process.stdout.readline() for _ in range(3))
        found = PRINTED.fullmatch(printed)
        assert found
        with urllib.request.urlopen(found[1]) as answer:
            assert b"<h1>CORS laboratory</h1>" in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        watchdog.cancel()
        assert (process.stdout.read(), process.stderr.read()) == ("", "")
