"""Starts the files of examples/ as a reader would: each by its path, in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"
KINDS = ("wsgi", "flask", "django")


@contextmanager
def heeding_ctrl_c() -> Iterator[None]:
    """A child of one that ignores Ctrl-C, as background jobs do, would ignore it too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def started(name: str, *arguments: str, **env: str) -> Iterator[subprocess.Popen[str]]:
    """The running example; it is interrupted as by Ctrl-C at the end, and killed after a minute."""
    with heeding_ctrl_c():
        process = subprocess.Popen(
            [sys.executable, str(EXAMPLES / name), *arguments],
            env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        watchdog.cancel()
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
        for stream in (process.stdout, process.stderr):
            assert stream is not None
            stream.close()
        process.wait()


@dataclass(frozen=True)
class Addresses:
    api: str
    page: str
    stranger: str


def read_until(process: subprocess.Popen[str], pattern: str) -> str:
    """What the example printed up to the first match; fails with all it said when it ends first."""
    assert process.stdout is not None
    assert process.stderr is not None
    text = ""
    for line in process.stdout:
        text += line
        if re.search(pattern, text):
            return text
    raise AssertionError(f"no {pattern!r} in:\n{text}\n{process.stderr.read()}")


@contextmanager
def try_it(kind: str) -> Iterator[tuple[subprocess.Popen[str], str, Addresses]]:
    """examples/try_it.py on free ports: the process, its opening words, the three addresses."""
    ports = ("--api-port=0", "--page-port=0", "--stranger-port=0")
    with started("try_it.py", kind, *ports) as process:
        text = read_until(process, "Ctrl-C")
        api, page, stranger = (
            re.findall(rf"^{word} +(http://localhost:\d+) ", text, re.MULTILINE)[0]
            for word in ("API", "Page", "Stranger")
        )
        yield process, text, Addresses(api, page, stranger)
