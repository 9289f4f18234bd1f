"""What the views and blueprints of a Flask application say with their marks, merged."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from flask import has_request_context, request
from flask.globals import app_ctx

from ._marks import UNMARKED, Mark, compile_view, is_marked, mark_of, marks_on
from ._nested import may_gate
from ._problems import show
from .errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from flask import Flask

    from ._marks import ViewPolicies
    from ._nested import NotGiven, Source
    from ._paths import PathRules
    from .errors import Problem

EXTENSION = "corsgate"  # in app.extensions
# On the function below a mark, which is what @app.route has registered if it stands below.
_BELOW = "__corsgate_below__"

_marked = 0  # how often something was
# Marks with a gate that no application has merged: one may get into any application at any time,
# on a function that takes a view's place, and that Flask does not tell.
_loose: set[Mark] = set()


def notice_mark(mark: Mark) -> None:
    """Something was marked: every application merges again."""
    global _marked
    _marked += 1
    _loosen([mark])


def _loosen(marks: Iterable[Mark]) -> None:
    for mark in marks:
        if may_gate(mark.policy) or mark.options.get("gate", "off") != "off":
            _loose.add(mark)


def mark_below(view: object, mark: Mark) -> None:
    """Mark the function that a wrapper is made of, in case that @app.route has registered it.

    A function that can be had by its name was not decorated: its mark is for the wrapper alone.
    """
    name = getattr(view, "__name__", None)
    if name is None or _scope_of(view).get(name) is not view:
        with suppress(AttributeError):  # a method of an object cannot have it
            setattr(view, _BELOW, mark)


def _scope_of(view: object) -> Mapping[str, Any]:
    """The names where a function was defined, as far as that is still to be found."""
    outer, _, _ = getattr(view, "__qualname__", "").rpartition(".<locals>.")
    if not outer:
        return getattr(sys.modules.get(getattr(view, "__module__", "")), "__dict__", {})
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_qualname == outer:
            return frame.f_locals
    return {}


def below_mark_of(view: object) -> Mark | None:
    """The mark above a function that @app.route has registered without it."""
    mark: Mark | None = getattr(view, _BELOW, None)
    return mark


class MergedViews:
    """A snapshot of an application's views, and their policies; never changed, so threads share it.

    Flask lets views be added, replaced and marked at any time.
    """

    __slots__ = ("_functions", "_marked", "_policies", "gated", "marks", "only", "rules")

    def __init__(self, app: Flask, rules: PathRules, before: frozenset[Mark] = frozenset()) -> None:
        """
        :param rules: of the application, whose options the views inherit.
        :param before: the marks of the last snapshot.
        :raises PolicyError: with all problems of all views.
        """
        self.rules = rules
        self._marked = _marked
        self._functions = dict(app.view_functions)
        problems: list[Problem] = []
        self._policies = {
            endpoint: _compile(app, endpoint, view, rules.application, problems)
            for endpoint, view in self._functions.items()
        }
        if problems:
            raise PolicyError(problems)
        # All marks that routing knows.
        self.marks = frozenset[Mark]().union(*(view.marks for view in self._policies.values()))
        _loosen(before - self.marks)
        _loose.difference_update(self.marks)
        # Whether a gate may be on somewhere.
        self.gated = bool(_loose) or any(map(may_gate, (*rules.sources(), *self.sources())))
        # The policy of every answer, where there is just one.
        self.only = None if self.marks else rules.only_policy

    def is_current(self, app: Flask, rules: PathRules) -> bool:
        """Whether nothing was added or marked since; `has` knows of one view what was replaced."""
        return (
            self.rules is rules
            and self._marked == _marked
            and len(self._functions) == len(app.view_functions)
        )

    def has(self, app: Flask, endpoints: Iterable[str]) -> bool:
        return all(self.has_one(app, name) for name in endpoints)

    def has_one(self, app: Flask, endpoint: str) -> bool:
        return self._functions.get(endpoint) is app.view_functions.get(endpoint)

    def has_marks(self, app: Flask, endpoints: Iterable[str]) -> bool:
        """Whether views have the marks that were merged, also on their classes' methods."""
        views = [(name, app.view_functions.get(name)) for name in endpoints]
        return all(
            self.find(name).marks == {*marks_around(app, name, view), *marks_on(view)}
            for name, view in views
        )

    def find(self, endpoint: str) -> ViewPolicies:
        return self._policies.get(endpoint, UNMARKED)

    def place_of(self, app: Flask, source: Source) -> str | None:
        """Where the mark is that this very source comes from."""
        for endpoint, policies in self._policies.items():
            method = policies.method_of(source)
            if method is not None:
                group = self.group_of(app, endpoint, method)
                return f"view {endpoint!r}" if group is None else f"blueprint {group!r}"
        return None

    def group_of(self, app: Flask, endpoint: str, method: str) -> str | None:
        """The marked blueprint that decides for a method; None where the view itself does."""
        view = self._functions[endpoint]
        if is_marked(view, method) or below_mark_of(view) in self._policies[endpoint].marks:
            return None
        names = _blueprints_of(endpoint)
        return next(name for name in reversed(names) if mark_of(app.blueprints.get(name)))

    def sources(self) -> Iterable[Source | NotGiven]:
        return [source for view in self._policies.values() for source in view.sources()]


def _compile(
    app: Flask, endpoint: str, view: object, application: Source, problems: list[Problem]
) -> ViewPolicies:
    around = marks_around(app, endpoint, view)
    return compile_view(view, around, application, f"view {endpoint!r}", problems)


def marks_around(app: Flask, endpoint: str, view: object) -> list[Mark]:
    """The marks of the blueprints that a view is in, and below its own."""
    groups = [mark_of(app.blueprints.get(name)) for name in _blueprints_of(endpoint)]
    return [mark for mark in (*groups, below_mark_of(view)) if mark is not None]


def _blueprints_of(endpoint: str) -> list[str]:
    """The names of the blueprints that a view is in, outermost first."""
    parts = endpoint.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def check_seen(mark: Mark, *args: object, **kwargs: object) -> None:
    """Raise where an application does not know of the mark of the view that it runs."""
    # What a proxy stands for, asked for once: each use of a proxy costs as much as all the rest.
    try:
        app = app_ctx._get_current_object().app  # type: ignore[attr-defined]
    except RuntimeError:
        return  # called by hand, such as from a test of the view
    gate = app.extensions.get(EXTENSION)
    if gate is not None and gate.knows(mark):
        return
    if not has_request_context():
        return
    if gate is None:
        raise RuntimeError(
            f"The view of {_here()} has @cors(...), but the application has no CORSGate: write"
            " CORSGate(app)."
        )
    if not gate.saw(mark):
        raise RuntimeError(
            f"The @cors(...) of {_here()} is hidden from routing by another decorator: put it"
            " above that one, right below @app.route, or on the class. (A hook or an error handler"
            " needs none: its answers have the policy of the view.)"
        )


def _here() -> str:
    return f"endpoint {request.endpoint!r} at {show(request.path)}"
