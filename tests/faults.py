"""What goes wrong in the user's own code and logging, the same for all front ends.

Each check is given a front end: a context manager that takes the options of a policy, `policy`,
`debug` and `on_denied`, and gives what sends a request to "/" of an application that says "hello".
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NoReturn

import pytest
from answers import APP, EVIL
from wsgi_client import Answer

from corsgate import Policy

Send = Callable[[str, Mapping[str, str]], Answer]
Front = Callable[..., AbstractContextManager[Send]]

CROSS_SITE = {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}
PREFLIGHT = {**CROSS_SITE, "Access-Control-Request-Method": "PUT"}
# What an origin that nobody trusts may ask, with the status of the answer: without a gate, the
# answers are the application's; with one, it never runs.
ASKED = (("GET", CROSS_SITE), ("OPTIONS", PREFLIGHT), ("POST", CROSS_SITE))
STATUSES = {"off": [200, 403, 200], "enforce": [403, 403, 403]}
GATES = tuple(STATUSES)
WHAT_FAILS = ("on_denied", "origin", "source")


class UnshowableError(Exception):
    """Such as one that asks a database that is down for its text."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    def __str__(self) -> str:
        raise RuntimeError("no str")


FORGED = "no tenant 'x'\nERROR corsgate: forged\r\x1b[2J\x85\u2028 is in"
ERRORS = (LookupError("database gone"), UnshowableError(), ValueError(FORGED))


class ServerTimeout(BaseException):
    """What a server of greenlets raises in a request that takes too long."""


ENDS = (SystemExit, KeyboardInterrupt, GeneratorExit, ServerTimeout)


class Failing:
    """A callable of the user's, of any kind, that raises or gives what it should not.

    :param fault: what it raises; what is no exception is returned.
    """

    def __init__(self, fault: object, otherwise: object = None) -> None:
        self.fault = fault
        self.otherwise = otherwise
        self.works = False

    def __call__(self, *arguments: Any) -> Any:
        if self.works:
            return self.otherwise
        if isinstance(self.fault, BaseException):
            raise self.fault
        if isinstance(self.fault, type):
            raise self.fault("ended")
        return self.fault


def options_of(what: str, gate: Any, fault: object) -> tuple[dict[str, Any], Failing]:
    """The options under which a callable of that kind fails, and the callable."""
    if what == "on_denied":
        failing = Failing(fault)
        return {"allow_origins": APP, "gate": gate, "on_denied": failing}, failing
    if what == "origin":
        failing = Failing(fault, otherwise=False)
        return {"allow_origins": [failing], "gate": gate}, failing
    failing = Failing(fault, otherwise=Policy(allow_origins=APP, gate=gate))
    return {"policy": failing}, failing


@contextmanager
def failing_front(
    front: Front, what: str, gate: str, fault: object, **options: Any
) -> Iterator[tuple[Send, Failing]]:
    more, failing = options_of(what, gate, fault)
    with front(**more, **options) as send:
        # The gate of a source holds from the time on when it was seen.
        failing.works = True
        assert send("GET", {}).status == 200
        failing.works = False
        yield send, failing


def errors_of(records: list[logging.LogRecord]) -> list[logging.LogRecord]:
    return [found for found in records if (found.name, found.levelname) == ("corsgate", "ERROR")]


def check_what_raises(
    front: Front, what: str, gate: str, error: Exception, debug: bool, records: Any
) -> None:
    """The request is answered, nothing is let in, and the error is logged once."""
    with failing_front(front, what, gate, error, debug=debug) as (send, _):
        for _ in range(2):
            answers = [send(method, headers) for method, headers in ASKED]
            assert [answer.status for answer in answers] == STATUSES[gate]
            for answer in answers:
                assert answer.values("Access-Control-Allow-Origin") == []
                assert len(answer.values("Vary")) == 1
                assert (answer.body == b"hello") is (answer.status == 200)
    [record] = errors_of(records)
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert record.exc_info[2] is not None
    check_lines(record)


def check_lines(record: logging.LogRecord) -> None:
    """In a file, a record with a traceback has one line that looks like one of the log."""
    text = logging.Formatter("%(levelname)s %(message)s").format(record)
    first, second, *others = text.split("\n")
    assert first.startswith("ERROR corsgate: ")
    assert first.isascii()
    assert second == "Traceback (most recent call last):"
    assert all(line.startswith("  ") for line in others)
    assert all(line.isprintable() for line in (first, *others))


def check_what_is_given(front: Front, what: str, debug: bool, records: Any) -> None:
    """What cannot even be shown is no answer, is logged, and lets nothing in."""
    with failing_front(front, what, "enforce", [UnshowableError()], debug=debug) as (send, _):
        answers = [send(method, headers) for method, headers in ASKED]
        assert [answer.status for answer in answers] == STATUSES["enforce"]
    [record] = errors_of(records)
    assert " gave <list that cannot be shown>" in record.getMessage()


def check_what_ends_a_program(
    front: Front, what: str, gate: str, kind: type[BaseException], ran: list[Any]
) -> None:
    """It is not held up; nothing runs, and the next request finds all in order."""
    with failing_front(front, what, gate, kind) as (send, failing):
        ran.clear()
        # Without a gate, a front end may ask only after the application has answered.
        for method, headers in ASKED[1 : None if gate == "enforce" else 2]:
            with pytest.raises(kind):
                send(method, headers)
        assert ran == []
        failing.works = True
        answers = [send(method, headers) for method, headers in ASKED]
        assert [answer.status for answer in answers] == STATUSES[gate]


class Broken(logging.Handler):
    """A handler that raises, where those of the standard library report it."""

    def emit(self, record: logging.LogRecord) -> NoReturn:
        raise OSError("disk full")


class BrokenFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> NoReturn:
        raise OSError("disk full")


@contextmanager
def broken_logging(way: str) -> Iterator[None]:
    logger = logging.getLogger("corsgate")
    level, handler, broken = logger.level, Broken(), BrokenFilter()
    logger.setLevel(logging.INFO)
    if way == "handler":
        logger.addHandler(handler)
    else:
        logger.addFilter(broken)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.removeFilter(broken)
        logger.setLevel(level)


def check_broken_logging(
    front: Front, what: str, gate: str, debug: bool, way: str, reported: Callable[[], str]
) -> None:
    """Every line is lost, and no answer; `logging` says so on stderr or says nothing."""
    with failing_front(front, what, gate, LookupError("gone"), debug=debug) as (send, _):
        with broken_logging(way):
            answers = [send(method, headers) for method, headers in ASKED]
        assert [answer.status for answer in answers] == STATUSES[gate]
    text = reported()
    if logging.raiseExceptions:
        assert text.count("--- Logging error ---") >= 1
        assert "OSError: disk full" in text
    else:
        assert text == ""
