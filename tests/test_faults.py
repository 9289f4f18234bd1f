"""What goes wrong inside of the WSGI wrapper and around it; more of the former in test_wsgi.py."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from faults import (
    ENDS,
    ERRORS,
    GATES,
    WHAT_FAILS,
    Send,
    check_broken_logging,
    check_what_ends_a_program,
    check_what_is_given,
    check_what_raises,
)
from wsgi_client import Answer, SpyApp, call

from corsgate.wsgi import CORSMiddleware

each_kind = pytest.mark.parametrize("what", WHAT_FAILS)
each_gate = pytest.mark.parametrize("gate", GATES)
each_mode = pytest.mark.parametrize("debug", [False, True], ids=["quiet", "debug"])
spy = SpyApp()


@contextmanager
def front(**options: Any) -> Iterator[Send]:
    app = CORSMiddleware(spy, **options)

    def send(method: str, headers: Mapping[str, str]) -> Answer:
        return call(app, method, "/", headers)

    yield send


@each_kind
@each_gate
@each_mode
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_raises_is_logged_once_and_lets_nothing_in(
    what: str, gate: str, debug: bool, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    check_what_raises(front, what, gate, error, debug, caplog.records)


@each_kind
@each_mode
def test_what_cannot_be_shown_lets_nothing_in(
    what: str, debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    check_what_is_given(front, what, debug, caplog.records)


@each_kind
@each_gate
@pytest.mark.parametrize("kind", ENDS)
def test_what_ends_a_program_ends_it(what: str, gate: str, kind: type[BaseException]) -> None:
    check_what_ends_a_program(front, what, gate, kind, spy.calls)


@each_kind
@each_gate
@each_mode
@pytest.mark.parametrize("way", ["handler", "filter"])
@pytest.mark.parametrize("raises", [False, True])
def test_logging_that_fails_fails_no_request(
    what: str,
    gate: str,
    debug: bool,
    way: str,
    raises: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", raises)
    check_broken_logging(front, what, gate, debug, way, lambda: capsys.readouterr().err)
