"""The user's own callables: what is wrong with one at the start, and what the log says later."""

import logging
from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any
from unittest.mock import Mock

import pytest

from corsgate import Policy, PolicyError, decide
from corsgate._callables import FailureLog, judge_callable
from corsgate._sources import check_source, decide_by

A = "https://a.example"


class Asker:
    def __call__(self, origin: str, environ: Mapping[str, Any]) -> bool:
        return True

    def ask(self, origin: str, environ: Mapping[str, Any]) -> bool:
        return True

    @classmethod
    def of_class(cls, origin: str, environ: Mapping[str, Any]) -> bool:
        return True

    @staticmethod
    def of_nothing(origin: str, environ: Mapping[str, Any]) -> bool:
        return True


def with_connection(ask: Callable[..., bool]) -> Callable[..., bool]:
    @wraps(ask)
    def wrapper(*args: Any) -> bool:
        return ask("connection", *args)

    return wrapper


@with_connection
def injected(connection: str, origin: str, environ: Mapping[str, Any]) -> bool:
    return True


class Unreadable:
    """As an annotation that only a type checker can read, or a proxy of nothing."""

    @property
    def __signature__(self) -> Any:
        raise RuntimeError("not now")

    def __call__(self, origin: str, environ: Mapping[str, Any]) -> bool:
        return True


FIT = [
    pytest.param(lambda origin, environ: True, id="lambda"),
    pytest.param(lambda *args: True, id="any number"),
    pytest.param(lambda origin, environ, more=1: True, id="a default"),
    pytest.param(lambda origin, environ, *, more=1: True, id="a default by keyword"),
    pytest.param(lambda a, b, /: True, id="by position only"),
    pytest.param(Asker(), id="object"),
    pytest.param(Asker().ask, id="method"),
    pytest.param(Asker.of_class, id="class method"),
    pytest.param(Asker.of_nothing, id="static method"),
    pytest.param(partial(Asker.ask, Asker()), id="partial"),
    pytest.param(injected, id="a decorator gives one more"),
    pytest.param(max, id="builtin without a signature"),
    pytest.param(Unreadable(), id="unreadable signature"),
    pytest.param(Mock(return_value=True), id="mock"),
]


@pytest.mark.parametrize("ask", FIT)
def test_a_callable_that_takes_both_is_fit(ask: Any) -> None:
    assert Policy(allow_origins=ask).allow_origins == (ask,)


UNFIT = [
    pytest.param(lambda: True, id="nothing"),
    pytest.param(lambda origin: True, id="the origin alone"),
    pytest.param(lambda origin, environ, more: True, id="three"),
    pytest.param(lambda origin, *, environ: True, id="by keyword"),
    pytest.param(lambda origin, environ, *, more: True, id="one more by keyword"),
    pytest.param(lambda **names: True, id="names"),
    pytest.param(Asker.ask, id="method of a class"),
    pytest.param(partial(Asker(), A), id="partial with one too many"),
]


@pytest.mark.parametrize("ask", UNFIT)
def test_a_callable_that_takes_something_else_is_a_problem(ask: Any) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(allow_origins=[ask])
    [problem] = caught.value.problems
    assert (problem.code, problem.field, problem.value) == (
        "callable-signature",
        "allow_origins",
        ask,
    )
    assert problem.message.endswith(" cannot be called with (origin, environ).")
    assert problem.hint == "Give a function that takes these, by position."


def test_the_callable_is_named() -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(allow_origins=Asker.ask)  # type: ignore[arg-type]
    assert str(caught.value) == (
        f"allow_origins: {Asker.ask!r} cannot be called with (origin, environ)."
        " Give a function that takes these, by position. [callable-signature]"
    )
    assert "<function Asker.ask at " in str(caught.value)


def test_a_class_is_no_function() -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(allow_origins=[Asker])  # type: ignore[list-item]
    assert str(caught.value) == (
        f"allow_origins: {Asker!r} is no function."
        " Write an instance of it, or a function that takes (origin, environ). [wrong-type]"
    )


def test_a_source_takes_the_environ_alone() -> None:
    problem = check_source(lambda request, more: None, "policy")
    assert problem is not None
    assert problem.code == "callable-signature"
    assert problem.message.endswith(" cannot be called with (environ).")
    assert check_source(lambda request: None, "policy") is None
    assert check_source({}.get, "policy") is None


def test_what_is_written_in_c_is_judged_as_far_as_it_says_what_it_takes() -> None:
    assert judge_callable(max, "field", "environ") is None
    assert judge_callable(len, "field", "environ") is None
    problem = judge_callable(len, "field", "origin, environ")
    assert problem is not None
    assert problem.code == "callable-signature"


# ------------------------------------------------------------------ the log


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def log(clock: Clock) -> FailureLog:
    return FailureLog(clock)


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, type[BaseException] | None]]:
    """The lines since the last call, each with the type in its traceback."""
    found = []
    for record in caplog.records:
        assert (record.name, record.levelno) == ("corsgate", logging.ERROR)
        found.append((record.getMessage(), record.exc_info[0] if record.exc_info else None))
    caplog.clear()
    return found


def test_a_failure_has_its_traceback_once_and_a_line_a_minute(
    log: FailureLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(number: int) -> None:
        log.add(fail, LookupError(number), "%s failed with %s", "it", LookupError(number))

    fail(1)
    assert lines(caplog) == [("corsgate: 'it' failed with LookupError(1)", LookupError)]
    for number in range(2, 1000):
        clock.now += 0.01
        fail(number)
    clock.now = 1059.9
    fail(1000)
    assert lines(caplog) == []
    clock.now = 1060.0
    fail(1001)
    fail(1002)
    text = "corsgate: 'it' failed with LookupError(1001) (and 999 more since the last line)"
    assert lines(caplog) == [(text, None)]
    clock.now = 5000.0
    fail(1003)
    text = "corsgate: 'it' failed with LookupError(1003) (and 1 more since the last line)"
    assert lines(caplog) == [(text, None)]


def test_failures_of_other_callables_and_of_other_kinds_have_lines_of_their_own(
    log: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = Asker(), Asker()
    for _ in range(3):
        log.add(one, LookupError(), "one failed")
        log.add(one, OSError(), "one failed otherwise")
        log.add(one, "yes", "one gave a text")
        log.add(other, LookupError(), "other failed")
    assert lines(caplog) == [
        ("corsgate: one failed", LookupError),
        ("corsgate: one failed otherwise", OSError),
        ("corsgate: one gave a text", None),
        ("corsgate: other failed", LookupError),
    ]


def test_a_new_callable_for_each_request_fills_neither_the_log_nor_the_memory(
    log: FailureLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(number: int) -> None:
        log.add(Asker(), LookupError(), "%s failed", number)

    for number in range(500):
        fail(number)
    # The first after those that are told apart stands for all the others.
    assert [text for text, _ in lines(caplog)] == [f"corsgate: {n} failed" for n in range(65)]
    assert len(log._lines) == 65
    clock.now += 59.9
    fail(500)
    assert lines(caplog) == []
    clock.now += 0.1
    fail(501)
    assert lines(caplog) == [("corsgate: 501 failed", LookupError)]
    assert len(log._lines) == 1


def test_no_callable_is_taken_for_one_that_is_gone(
    log: FailureLog, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(20):
        log.add(Asker(), LookupError(), "failed")  # which could have the address of the last one
    assert len(lines(caplog)) == 20


def test_a_callable_among_the_origins_that_fails_at_each_request_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(origin: str, environ: Mapping[str, Any]) -> bool:
        raise LookupError("database gone")

    policy = Policy(allow_origins=broken)
    for number in range(50):
        environ = {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": f"https://h{number}.example"}
        assert not decide(policy, environ).allowed
    [(text, error)] = lines(caplog)
    assert error is LookupError
    assert "the callable <function" in text
    assert text.endswith(
        " in allow_origins failed for 'https://h0.example' with LookupError('database gone'),"
        " so that origin is denied"
    )


@pytest.mark.parametrize("answer", [1, None, "yes"], ids=repr)
def test_a_careless_answer_is_logged_once(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    policy = Policy(allow_origins=lambda origin, environ: answer)
    for _ in range(5):
        assert not decide(policy, {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": A}).allowed
    [(text, error)] = lines(caplog)
    assert error is None
    assert text.endswith(f" in allow_origins gave {answer!r} for '{A}'; only True allows")


class ClosedRow:
    """What a database gives, once its session is closed."""

    def __repr__(self) -> str:
        raise LookupError("closed")


def test_an_answer_that_cannot_be_shown_is_a_no(caplog: pytest.LogCaptureFixture) -> None:
    policy = Policy(allow_origins=lambda origin, environ: ClosedRow())  # type: ignore[arg-type]
    assert not decide(policy, {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": A}).allowed
    [(text, error)] = lines(caplog)
    assert error is None
    shown = "<ClosedRow that cannot be shown>"
    assert text.endswith(f" in allow_origins gave {shown} for '{A}'; only True allows")


def test_a_source_that_fails_at_each_request_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(environ: Mapping[str, Any]) -> Policy:
        raise LookupError("no such tenant")

    for _ in range(5):
        decision = decide_by(broken, {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": A})
        assert decision is not None
        assert not decision.allowed
    [(text, error)] = lines(caplog)
    assert error is LookupError
    assert text.endswith(" failed with LookupError('no such tenant'), so nothing is allowed")


def test_a_source_that_gives_something_else_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def careless(environ: Mapping[str, Any]) -> Any:
        return "*"

    for _ in range(5):
        decision = decide_by(careless, {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": A})
        assert decision is not None
        assert not decision.allowed
    [(text, error)] = lines(caplog)
    assert error is None
    assert text.endswith(" gave '*', which is neither a Policy nor None, so nothing is allowed")
