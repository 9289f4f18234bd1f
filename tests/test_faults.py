"""What goes wrong inside of the WSGI wrapper and around it; more of the former in test_wsgi.py."""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from answers import APP
from crowd import send_all
from faults import (
    ENDS,
    ERRORS,
    GATES,
    WHAT_FAILS,
    Failing,
    Send,
    broken_logging,
    check_broken_logging,
    check_what_ends_a_program,
    check_what_is_given,
    check_what_raises,
    errors_of,
)
from wsgi_client import Answer, Body, Headers, SpyApp, call, comparable, environ_of

import corsgate._engine
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


# ------------------------------------------------------------------ what an application may do

CRASH = LookupError("no such row")
HUNG_UP = BrokenPipeError("the client is gone")
Events = list[tuple[str, object]]


def serve(app: WSGIApplication, *, patience: int = 100, hung_up: bool = False) -> Events:
    """What a strict server gets to see of an answer, in the order of time.

    :param patience: after how many pieces of the body the client goes away.
    :param hung_up: whether it has gone before the first.
    """
    events: Events = []

    def write(data: bytes) -> None:
        if hung_up:
            raise HUNG_UP
        events.append(("write", data))

    def start_response(status: str, headers: Headers, exc_info: Any = None, /) -> Any:
        if exc_info is None and events:
            raise AssertionError("start_response was called twice")
        if exc_info is not None and events[-1][0] != "start":
            raise exc_info[1]
        events.append(("start", (status, comparable(headers))))
        return write

    try:
        result = app(environ_of("POST", "/", TRUSTED), start_response)
        try:
            for chunk in result:
                events.append(("body", chunk))
                patience -= 1
                if not patience:
                    break
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                events.append(("close", None))
                close()
    except Exception as error:
        events.append(("error", error))
    return events


TRUSTED = {"Origin": APP, "Sec-Fetch-Site": "cross-site"}
PLAIN = [("Content-Type", "text/plain")]
OWN = {"Content-Type": "text/plain", "Access-Control-Allow-Origin": APP, "Vary": "Origin"}


def started(status: str = "200 OK") -> tuple[str, object]:
    return "start", (status, comparable(OWN))


def raises_before(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise CRASH


def raises_after(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    raise CRASH


def raises_in_its_body(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    yield b"one"
    raise CRASH


class RaisesInClose(Body):
    def close(self) -> None:
        raise CRASH


def raises_in_close(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    return RaisesInClose(b"one")


def starts_twice(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    start_response("201 Created", PLAIN)
    return [b"one"]


def starts_again(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    for status in ("500 Oops", "503 Later"):
        start_response(status, PLAIN, (type(CRASH), CRASH, None))  # type: ignore[arg-type]
    return [b"one"]


def starts_too_late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    yield b"one"
    start_response("500 Oops", PLAIN, (type(CRASH), CRASH, None))  # type: ignore[arg-type]


def never_starts(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return []


def yields_nothing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    yield from ()


def goes_on(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)
    return Body(*[b"more"] * 10)


def writes(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", PLAIN)(b"one")
    return [b"two"]


CLOSE = ("close", None)
BEHAVIOUR: dict[Any, tuple[dict[str, Any], Events]] = {
    raises_before: ({}, [("error", CRASH)]),
    raises_after: ({}, [started(), ("error", CRASH)]),
    raises_in_its_body: ({}, [started(), ("body", b"one"), CLOSE, ("error", CRASH)]),
    raises_in_close: ({}, [started(), ("body", b"one"), CLOSE, ("error", CRASH)]),
    starts_again: ({}, [started(), started("500 Oops"), started("503 Later"), ("body", b"one")]),
    starts_too_late: ({}, [started(), ("body", b"one"), CLOSE, ("error", CRASH)]),
    never_starts: ({}, []),
    yields_nothing: ({}, [started(), CLOSE]),
    goes_on: ({"patience": 2}, [started(), ("body", b"more"), ("body", b"more"), CLOSE]),
    writes: ({}, [started(), ("write", b"one"), ("body", b"two")]),
}


@pytest.mark.parametrize("app", BEHAVIOUR, ids=lambda app: app.__name__)
@each_gate
@each_mode
def test_the_server_sees_what_the_application_does(app: Any, gate: Any, debug: bool) -> None:
    how, expected = BEHAVIOUR[app]
    wrapped = CORSMiddleware(app, allow_origins=APP, gate=gate, debug=debug)
    for _ in range(2):
        assert serve(wrapped, **how) == expected


@each_gate
@each_mode
def test_what_the_server_raises_reaches_the_application(gate: Any, debug: bool) -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response("200 OK", PLAIN)
        with pytest.raises(BrokenPipeError) as caught:
            write(b"one")
        assert caught.value is HUNG_UP
        return []

    wrapped = CORSMiddleware(app, allow_origins=APP, gate=gate, debug=debug)
    assert serve(wrapped, hung_up=True) == [started()]
    wrapped = CORSMiddleware(starts_twice, allow_origins=APP, gate=gate, debug=debug)
    first, (name, error) = serve(wrapped)
    assert (first, name, repr(error)) == (
        started(),
        "error",
        "AssertionError('start_response was called twice')",
    )


GARBAGE: dict[str, Any] = {
    "none": None,
    "number": 5,
    "text": "Content-Type: text/plain",
    "mapping": {"Content-Type": "text/plain"},
    "numbers": [5],
    "one value": [("Content-Type",)],
    "three values": [("Vary", "Cookie", "Accept")],
    "a name that is no text": [(5, "x")],
    "a name that has no hash": [([], "x")],
    "a Vary that is no text": [("Vary", None)],
    "an error in the middle": (pair for pair in [("X-A", "1"), None, ("X-B", "2")]),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_headers_that_are_none_fail_where_they_are_given_and_spoil_nothing(garbage: Any) -> None:
    failed: list[Exception] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            start_response("200 OK", garbage)
        except Exception as error:
            failed.append(error)
            start_response("500 Oops", PLAIN)
        return [b"one"]

    wrapped = CORSMiddleware(app, allow_origins=APP)
    assert serve(wrapped) == [started("500 Oops"), ("body", b"one")]
    assert [type(error) in (TypeError, ValueError, AttributeError) for error in failed] == [True]
    assert all(isinstance(name, str) for name in corsgate._engine._plain_names)
    wrapped = CORSMiddleware(goes_on, allow_origins=APP)
    assert serve(wrapped, patience=1) == [started(), ("body", b"more"), CLOSE]


# ------------------------------------------------------------------ the log


def test_a_crowd_that_meets_the_same_failure_makes_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing = Failing(LookupError("database gone"))
    app = CORSMiddleware(SpyApp(), allow_origins=[failing])

    def ask(thread: int, number: int) -> None:
        origin = f"https://h{number}.example"
        assert call(app, "GET", "/", {"Origin": origin}).cors == comparable({"Vary": "Origin"})

    assert send_all(ask, 1_600) == []
    assert len(errors_of(caplog.records)) == 1


@pytest.mark.parametrize("way", ["handler", "filter"])
def test_a_warning_that_is_lost_changes_nothing(
    way: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corsgate._engine, "_plain_names", set())
    monkeypatch.setattr(corsgate._engine, "_replaced", set())
    own = SpyApp(headers=[*PLAIN, ("Access-Control-Allow-Origin", "*")])
    with broken_logging(way):
        assert call(CORSMiddleware(own), "GET", "/").seen == comparable(PLAIN)
        wrapped = CORSMiddleware(own, allow_origins=APP)
        assert call(wrapped, "GET", "/", {"Origin": APP}).seen == comparable(OWN)
    # That nothing is allowed anywhere, and that a header was taken out.
    assert capsys.readouterr().err.count("--- Logging error ---") == 2


def test_where_no_error_is_wanted_none_is_prepared(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("corsgate._log._show_traceback")
    caplog.set_level(logging.CRITICAL, "corsgate")
    app = CORSMiddleware(SpyApp(), allow_origins=[Failing(LookupError("database gone"))])
    assert call(app, "GET", "/", {"Origin": APP}).cors == comparable({"Vary": "Origin"})
    assert caplog.records == []
