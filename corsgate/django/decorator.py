"""The decorator for views and groups of views."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import ImproperlyConfigured

from .._marks import Mark, mark_view, set_mark
from .._nested import NOT_GIVEN, NotGiven
from .._problems import show
from .conf import current_rules
from .routing import mark_pattern, marks_of, note_mark

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar, Unpack

    from .._nested import Source
    from ..policy import Policy, PolicyOptions

    _Target = TypeVar("_Target")

# Whether this process has the middleware, without which a mark does nothing.
_is_installed = False


def note_installed() -> None:
    """The middleware was made."""
    global _is_installed
    _is_installed = True


def cors(
    positional: Policy | NotGiven | None = NOT_GIVEN,
    /,
    *,
    policy: Source | NotGiven = NOT_GIVEN,
    **options: Unpack[PolicyOptions],
) -> Callable[[_Target], _Target]:
    """Give a view, a class-based view or an `include()` a policy of its own.

    `@cors(...)` on a function, sync or async; `method_decorator(cors(...), name="dispatch")` or
    `@cors(...)` on a class or one of its methods; `cors(...)(View.as_view())`;
    `path("api/", cors(...)(include("project.api")))`. It holds for every answer of the view, and on
    a class for derived classes too, unless they have their own. The project needs
    `"corsgate.django.CORSMiddleware"` in `MIDDLEWARE`.

    :param positional: a `Policy`, or `None`: CORS is the view's own.
    :param policy: the same by keyword; or a callable that is given `request.META` and returns one
        of the two.
    :param options: fields of `Policy` instead, which change those of the enclosing groups and of
        the settings.
    :raises TypeError: for `@cors` without parentheses, and without or with too many arguments.
    :raises PolicyError: with every problem that the arguments have; what only shows together with
        inherited options is reported at the first request, for all routes at once.
    """
    shared = Mark(positional, policy, options)
    note_mark()

    def decorate(target: Any) -> Any:
        # method_decorator() decorates a partial again at each call: that is what it was before.
        mark = shared if isinstance(target, partial) else shared.copy()
        if isinstance(target, tuple):
            urlconf, app_name, namespace = target
            patterns: Any = getattr(urlconf, "urlpatterns", urlconf)
            return [mark_pattern(entry, mark, _notice) for entry in patterns], app_name, namespace
        if isinstance(target, type):
            set_mark(target, mark)
            note_mark()  # a view may have been made of it, and met
            return target
        if not callable(target):
            raise TypeError(
                "cors() is for a view, a class of views or a group: write"
                f" cors(...)(include(...)) or cors(...)(api.urls), not {show(target)}."
            )
        operation = getattr(target, "_ninja_operation", None)
        if operation is not None:  # Ninja has registered the function, and never sees a wrapper
            raise TypeError(
                f"cors() does nothing above the operation {operation.path!r} of Django Ninja:"
                " write cors(...)(api.urls), or name the path in CORS_PATHS."
            )
        return mark_view(target, mark, is_async=iscoroutinefunction(target), notice=_notice)

    return decorate


def _notice(mark: Mark, *args: object, **kwargs: object) -> None:
    for request in args:  # the first, or the second of a method
        match = getattr(request, "resolver_match", None)
        if match is not None:
            break
    else:
        return  # called by hand, such as from a test of the view
    if not _is_installed:
        raise ImproperlyConfigured(
            f"The view at {show(match.route)} has cors(...), but the project has no CORSMiddleware:"
            ' put "corsgate.django.CORSMiddleware" first in MIDDLEWARE.'
        )
    if mark not in marks_of(getattr(request, "urlconf", None), current_rules()):
        raise ImproperlyConfigured(
            f"The @cors(...) of the view at {show(match.route)} is hidden from routing by another"
            " decorator: put it above that one, or around the group: cors(...)(include(...)),"
            " cors(...)(api.urls)."
        )
