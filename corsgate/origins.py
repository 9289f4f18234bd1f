"""`CachedOrigins`: allowed origins that are kept in a database, asked for seldom."""

from __future__ import annotations

from threading import Event, Lock
from time import monotonic
from typing import TYPE_CHECKING

from cachetools import LRUCache

from ._callables import failures, judge_callable
from ._origin import find_correction, find_fault, read_origin
from ._problems import problem
from .errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from typing import Any

    from .errors import Problem

__all__ = ["CachedOrigins"]

_PAUSE = 5.0  # seconds after a failed look-up until the next one for that origin
_PATIENCE = 5.0  # seconds into a look-up that others wait for its answer
_MARGIN = 1.0  # seconds that an answer has yet to hold where nothing may block
_ENDLESS = 1e12  # seconds


def __dir__() -> list[str]:
    return __all__


class CachedOrigins:
    """A callable for `allow_origins` that keeps what a slower one says, yes and no; thread-safe::

        CORSGate(app, allow_origins=CachedOrigins(is_known))

    * Memory is bounded. Origins that are allowed and those that are not are kept apart, so that
      made-up ones push out nothing but each other.
    * There is one look-up at a time for an origin. Other threads wait for that one, for 5 seconds
      at most, and never for another origin's; where the origin was allowed before, they do not
      wait.
    * A look-up that fails is logged, and tried again after 5 seconds, or `ttl` if that is less. In
      the meantime the last answer holds, for as long as look-ups fail; without one it is no.
    * Under Django's ASGI handler an answer that is known is given in the event loop, and a look-up
      runs in a thread.

    Browsers keep answers to preflights for the policy's `max_age` besides; they check the origin
    at every request nevertheless.

    :param lookup: `lookup(origin) -> bool`, where only `True` allows. It is given the origin alone,
        since the answer serves every request from there: for an answer that depends on more, such
        as the tenant's host, choose the policy per request, with one of these for each tenant. It
        should have a timeout of its own.
    :param ttl: for how long an answer holds, from the moment it is asked for: seconds above zero,
        or a `timedelta`. Default: 60.
    :param maxsize: how many allowed origins are kept, and as many that are not. Past that, what
        was not used for longest is forgotten.
    :param clock: the time in seconds, never going back; for tests.
    :raises PolicyError: with every problem that the arguments have.
    """

    __slots__ = ("_allowed", "_clock", "_denied", "_lock", "_lookup", "_running", "_ttl")

    def __init__(
        self,
        lookup: Callable[[str], bool],
        *,
        ttl: float | timedelta = 60,
        maxsize: int = 10_000,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        problems: list[Problem] = []
        self._lookup = lookup
        _check_lookup(lookup, problems)
        self._ttl = _check_ttl(ttl, problems)
        _check_maxsize(maxsize, problems)
        if problems:
            raise PolicyError(problems)
        self._clock = clock
        # Origin -> when the answer was good for the last time. Those that are allowed stay beyond
        # that, for the case that the next look-up fails.
        self._allowed: LRUCache[str, float] = LRUCache(maxsize)
        self._denied: LRUCache[str, float] = LRUCache(maxsize)
        self._running: dict[str, _Lookup] = {}
        # Held for these three only, and never while anything waits.
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<CachedOrigins of {self._lookup!r}>"

    def __call__(self, origin: str, environ: object) -> bool:
        """Whether `origin` is allowed; the environ makes no difference.

        What the look-up raises is logged, but for what ends a program.
        """
        with self._lock:
            now = self._clock()
            answer = self._find(origin, now)
            if answer is not None:
                return answer
            running = self._running.get(origin)
            if running is None:
                begun = self._running[origin] = _Lookup()
            elif origin in self._allowed:
                return True  # until the look-up says something else
        if running is None:
            return self._look_up(origin, begun, now)
        if not running.done.wait(max(0.0, running.deadline - monotonic())):
            text = "the look-up %s takes over %s seconds for %s, so that origin is denied"
            failures.add(self._lookup, running, text, self._lookup, _PATIENCE, origin)
        return running.answer

    def invalidate(self, origin: str | None = None) -> None:
        """Forget what is known of an origin, or of all: the next request looks it up.

        In this process only: where several serve, each has to be told. Not from a signal handler,
        which may have interrupted this very class.

        :param origin: as browsers send it: `"https://app.example.com"`.
        :raises PolicyError: a `ValueError`, for what is no origin and so can never be known.
        """
        if origin is not None:
            _check_origin(origin)
        with self._lock:
            for known in (self._allowed, self._denied, self._running):
                if origin is None:
                    known.clear()
                else:
                    # A look-up that goes on may have read what was there before.
                    known.pop(origin, None)

    def _would_block(self, origin: str) -> bool:
        """Whether a call with that origin, at once and in this thread, would do a look-up."""
        with self._lock:
            return self._find(origin, self._clock() + min(_MARGIN, self._ttl / 10)) is None

    def _find(self, origin: str, now: float) -> bool | None:
        if now < self._allowed.get(origin, now):
            return True
        return False if now < self._denied.get(origin, now) else None

    def _look_up(self, origin: str, begun: _Lookup, now: float) -> bool:
        # None where it fails, be it with a BaseException such as a server's timeout.
        answer: bool | None = None
        try:
            answer = self._ask(origin)
        finally:
            with self._lock:
                if self._running.get(origin) is not begun:
                    begun.answer = answer is True  # invalidated since: not to be kept
                else:
                    del self._running[origin]
                    begun.answer = self._keep(origin, answer, now)
            begun.done.set()
        return begun.answer

    def _ask(self, origin: str) -> bool | None:
        try:
            answer: object = self._lookup(origin)
        except Exception as error:
            text = "the look-up %s failed for %s with %s, so what was known of it holds"
            failures.add(self._lookup, error, text, self._lookup, origin, error)
            return None
        if answer is not True and answer is not False:
            text = "the look-up %s gave %s for %s; only True allows"
            failures.add(self._lookup, answer, text, self._lookup, answer, origin)
        return answer is True

    def _keep(self, origin: str, answer: bool | None, asked: float) -> bool:
        # What was read is as old as the question.
        until = asked + self._ttl
        if answer is None:
            answer = origin in self._allowed
            until = self._clock() + min(_PAUSE, self._ttl)
        known, other = self._allowed, self._denied
        if not answer:
            known, other = other, known
        known[origin] = until
        other.pop(origin, None)
        return answer


class _Lookup:
    """A look-up that goes on, for those who wait for it."""

    __slots__ = ("answer", "deadline", "done")

    def __init__(self) -> None:
        self.answer = False
        self.deadline = monotonic() + _PATIENCE
        self.done = Event()


def _check_lookup(lookup: object, problems: list[Problem]) -> None:
    if not callable(lookup) or isinstance(lookup, type):
        fix = "a function that takes an origin, and returns True or False"
        problems.append(problem("wrong-type", "lookup", lookup, what="function", fix=fix))
    elif fault := judge_callable(lookup, "lookup", "origin"):
        problems.append(fault)


def _check_origin(origin: object) -> None:
    code: str | None = "wrong-type"
    fix = "one origin as browsers send it, such as 'https://app.example.com', or nothing for all"
    if isinstance(origin, str) and "*" not in origin and origin != "null":
        if read_origin(origin) is not None:
            return
        code = find_fault(origin)
        correction = find_correction(origin) if code != "origin-several" else None
        fix = repr(correction) if correction else fix
    raise PolicyError([problem(code or "wrong-type", "origin", origin, what="origin", fix=fix)])


def _check_ttl(ttl: Any, problems: list[Problem]) -> float:
    """A length of time in seconds."""
    seconds = ttl.total_seconds() if hasattr(ttl, "total_seconds") else ttl  # a timedelta
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if is_number and 0 < seconds < _ENDLESS:
        return float(seconds)
    what, fix = "finite length of time above zero", "seconds, such as 60, or a timedelta"
    problems.append(problem("wrong-type", "ttl", ttl, what=what, fix=fix))
    return 0.0


def _check_maxsize(maxsize: object, problems: list[Problem]) -> None:
    if not isinstance(maxsize, int) or isinstance(maxsize, bool) or maxsize < 1:
        what, fix = "whole number above zero", "how many origins to keep, such as 10_000"
        problems.append(problem("wrong-type", "maxsize", maxsize, what=what, fix=fix))
