"""What the views and blueprints of a Flask application say with their marks, merged."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakSet

from ._marks import UNMARKED, Mark, compile_view, mark_of
from .errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Flask

    from ._marks import ViewPolicies
    from ._sources import NotGiven, Source
    from .errors import Problem

# On the function below a mark, which is what @app.route has registered if it stands below.
_BELOW = "__corsgate_below__"

# The applications that have a gate: one function may be a view of several, marked in one of them.
_apps: WeakSet[Flask] = WeakSet()
_lock = Lock()  # a WeakSet cannot be read while another thread adds to it
_marked = 0  # how often something was


def add_app(app: Flask) -> None:
    with _lock:
        _apps.add(app)


def notice_mark(target: object = None, mark: Mark | None = None) -> None:
    """Something was marked; a `target` that is given stays as it is, below a wrapper."""
    global _marked
    _marked += 1
    if target is not None:
        with suppress(AttributeError):  # a method of an object, for one
            setattr(target, _BELOW, mark)


def mark_below(view: object) -> Mark | None:
    """The mark above a function that @app.route has registered without it."""
    mark: Mark | None = getattr(view, _BELOW, None)
    return mark


class MergedViews:
    """A snapshot of an application's views, and their policies; never changed, so threads share it.

    Flask lets views be added, replaced and marked at any time.
    """

    __slots__ = ("_functions", "_marked", "_policies", "marks")

    def __init__(self, app: Flask, application: Source) -> None:
        """
        :raises PolicyError: with all problems of all views.
        """
        self._marked = _marked
        self._functions = dict(app.view_functions)
        with _lock:
            views = [view for other in _apps for view in list(other.view_functions.values())]
        above = {mark_of(view) for view in views}
        problems: list[Problem] = []
        self._policies = {
            endpoint: _compile(app, endpoint, view, application, above, problems)
            for endpoint, view in self._functions.items()
        }
        if problems:
            raise PolicyError(problems)
        # All marks that routing knows.
        self.marks = frozenset[Mark]().union(*(view.marks for view in self._policies.values()))

    def is_current(self, app: Flask) -> bool:
        """Whether nothing was added or marked since; `has` knows of one view what was replaced."""
        return self._marked == _marked and len(self._functions) == len(app.view_functions)

    def has(self, app: Flask, endpoint: str) -> bool:
        return self._functions.get(endpoint) is app.view_functions.get(endpoint)

    def find(self, endpoint: str) -> ViewPolicies:
        return self._policies.get(endpoint, UNMARKED)

    def sources(self) -> Iterable[Source | NotGiven]:
        return [source for view in self._policies.values() for source in view.sources()]


def _compile(
    app: Flask,
    endpoint: str,
    view: object,
    application: Source,
    above: set[Mark | None],
    problems: list[Problem],
) -> ViewPolicies:
    blueprints = endpoint.split(".")[:-1]
    names = [".".join(blueprints[: end + 1]) for end in range(len(blueprints))]
    groups = [mark_of(app.blueprints.get(name)) for name in names]
    below = mark_below(view)
    # A mark that some route has by its wrapper is not meant for other routes of the function.
    if below not in above:
        groups.append(below)
    marks = [mark for mark in groups if mark is not None]
    return compile_view(view, marks, application, f"view {endpoint!r}", problems)
