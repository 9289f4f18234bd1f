"""Counts how often locks are taken, in a process of its own: import this before anything else.

Locks are made by two functions of `_thread`, which is all that `threading` and `logging` use too.
`with lock:` calls no function that a profiler could see, so the locks themselves are replaced.
"""

import _thread
import io
import sys
from collections.abc import Callable, Iterator
from typing import Any

if "threading" in sys.modules:
    raise ImportError("threading was here first, and has the locks that do not count.")

taken = 0


class CountedLock:
    """A lock that counts; what else it is asked for, the real one answers."""

    def __init__(self, lock: Any) -> None:
        self._lock = lock

    def acquire(self, *arguments: Any, **keywords: Any) -> Any:
        global taken
        taken += 1
        return self._lock.acquire(*arguments, **keywords)

    def __enter__(self) -> Any:
        return self.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lock, name)


def _counting(make: Callable[..., Any]) -> Callable[..., Any]:
    # Some classes have it as an attribute, where a plain function would become a method.
    return staticmethod(lambda *arguments: CountedLock(make(*arguments)))


vars(_thread).update(allocate_lock=_counting(_thread.allocate_lock), RLock=_counting(_thread.RLock))


def environs() -> Iterator[dict[str, Any]]:
    """Requests of all kinds."""
    asked = {"HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT"}
    server = {"SERVER_NAME": "api.example", "SERVER_PORT": "443", "wsgi.url_scheme": "https"}
    for path in ("/api/x", "/marked"):
        for origin in ({}, *({"HTTP_ORIGIN": f"https://{name}.example"} for name in ("app", "b"))):
            for method, more in (("GET", {}), ("POST", {}), ("OPTIONS", asked)):
                environ = {"REQUEST_METHOD": method, "PATH_INFO": path, **origin, **more, **server}
                yield {**environ, "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr}


def locks_taken(app: Any) -> list[int]:
    """How often each request of a WSGI application takes a lock, once everything is warm."""
    counts: list[int] = []
    for _ in range(3):
        counts = []
        for environ in environs():
            before = taken
            body = app(environ, lambda status, headers, exc_info=None: None)
            list(body)
            getattr(body, "close", list)()
            counts.append(taken - before)
    return counts
