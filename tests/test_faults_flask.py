"""What goes wrong around the Flask extension; what can go wrong in a view is in test_flask.py."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from answers import APP
from faults import (
    ENDS,
    ERRORS,
    GATES,
    WHAT_FAILS,
    Broken,
    Send,
    UnshowableError,
    check_broken_logging,
    check_what_ends_a_program,
    check_what_is_given,
    check_what_raises,
)
from flask import Flask
from wsgi_client import Answer, call

from corsgate.flask import CORSGate

ran: list[str] = []
each_kind = pytest.mark.parametrize("what", WHAT_FAILS)
each_gate = pytest.mark.parametrize("gate", GATES)
each_mode = pytest.mark.parametrize("debug", [False, True], ids=["quiet", "debug"])


@contextmanager
def front(**options: Any) -> Iterator[Send]:
    app = Flask(__name__)

    @app.route("/", methods=["GET", "POST"])
    def view() -> str:
        ran.append("view")
        return "hello"

    CORSGate(app, **options)

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
    check_what_ends_a_program(front, what, gate, kind, ran)


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


@pytest.mark.parametrize(
    ("error", "body"),
    [
        (RuntimeError("crashed"), b"RuntimeError: crashed"),
        (UnshowableError(), b"UnshowableError"),
    ],
)
def test_a_500_in_the_stead_of_flasks_is_sent_though_it_cannot_be_logged(
    error: Exception, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    app = Flask(__name__)
    app.debug = True

    @app.route("/")
    def view() -> str:
        raise error

    CORSGate(app, allow_origins=APP)
    handler = Broken()
    app.logger.addHandler(handler)
    try:
        answer = call(app, "GET", "/", {"Origin": APP})
    finally:
        app.logger.removeHandler(handler)
    assert (answer.status, answer.body) == (500, body)
    assert answer.values("Access-Control-Allow-Origin") == [APP]
    assert "OSError: disk full" in capsys.readouterr().err
