"""The user's own callables: judged at the start, and spoken of in the log when they fail."""

from __future__ import annotations

from _thread import allocate_lock
from time import monotonic

from ._log import ERROR, log
from ._problems import problem, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .errors import Problem

_MOST = 64  # failures that are remembered apart from each other
_PAUSE = 60.0  # seconds between two lines about the same


def judge_callable(value: Callable[..., Any], field: str, parameters: str) -> Problem | None:
    """What is wrong with a callable that is to be given `parameters`, or None."""
    from inspect import iscoroutinefunction, signature  # slow to import, and seldom needed

    if iscoroutinefunction(value) or iscoroutinefunction(type(value).__call__):
        return problem("coroutine-callable", field, value)
    try:
        # A decorator may add or take away what the function below it takes.
        found = signature(value, follow_wrapped=False)
    except Exception:  # written in C, or annotated with names that are there for a type checker
        return None
    try:
        found.bind(*parameters.split(", "))
    except TypeError:
        return problem("callable-signature", field, value, what=f"({parameters})")
    return None


class FailureLog:
    """Lines about callables that fail; how often they do is up to whoever sends the requests.

    A failure is logged whole at first, and then in at most one line a minute, with a count.
    """

    __slots__ = ("_begun", "_clock", "_lines", "_lock")

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = allocate_lock()
        self.clear()

    def clear(self) -> None:
        """Forget what was logged."""
        self._begun = self._clock()
        # (callable, kind of failure) -> [the callable itself, time of the line, held back since]
        self._lines: dict[tuple[int, type] | None, list[Any]] = {}

    def add(self, failed: object, fault: object, text: str, *values: object) -> None:
        """Log a failure, unless a line about the like is not a minute old.

        :param failed: the callable.
        :param fault: the exception, or what the callable gave; failures are alike by its type.
        :param values: what the text has places for.
        """
        now = self._clock()
        key: tuple[int, type] | None = (id(failed), type(fault))
        with self._lock:
            if key not in self._lines and len(self._lines) >= _MOST:
                if now - self._begun >= _PAUSE:
                    self.clear()
                else:
                    key = None  # a callable for each request: all the rest count as one
            known = self._lines.get(key)
            if known is not None and now - known[1] < _PAUSE:
                known[2] += 1
                return
            # The callable is kept so that no other one can have its id.
            self._lines[key] = [failed, now, 0]
        shown = tuple(map(show, values))
        if known is None:
            error = fault if isinstance(fault, BaseException) else None
            log(ERROR, f"corsgate: {text}", *shown, error=error)
        else:
            held_back = f"corsgate: {text} (and %d more since the last line)"
            log(ERROR, held_back, *shown, known[2])


failures = FailureLog()
