"""What `@cors` leaves on a view, and the policies that come of it; shared by the adapters."""

from __future__ import annotations

from copy import copy
from functools import partial, wraps

from ._check import MODES
from ._nested import NOT_GIVEN, NotGiven, Within, check_alone, leave
from ._sources import build, check_source
from .errors import PolicyError
from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from ._nested import Source
    from .errors import Problem

# Attributes that functools.wraps copies, so that a well-behaved decorator above keeps them.
_MARK, _GROUPS, _IS_WRAPPER = "__corsgate__", "__corsgate_groups__", "__corsgate_wrapper__"


class Mark:
    """The policy or the options of one `@cors(...)`; known by its identity.

    :ivar origin: what this was copied from, or itself.
    """

    __slots__ = ("options", "origin", "policy")

    def __init__(
        self,
        positional: Policy | NotGiven | None,
        policy: Source | NotGiven,
        options: Mapping[str, Any],
    ) -> None:
        """
        :raises TypeError: for `@cors` without parentheses, `cors()`, and a policy with options.
        :raises PolicyError: for what is wrong whatever the options inherit.
        """
        if positional is not NOT_GIVEN:
            if positional is not None and not isinstance(positional, Policy):
                raise TypeError(_bare(positional))
            if policy is not NOT_GIVEN:
                raise TypeError("cors() was given two policies: keep one.")
            policy = positional
        if (policy is NOT_GIVEN) != bool(options):
            raise TypeError(
                "cors() takes a policy or options, but not both: write cors(Policy(...)),"
                ' cors(None) or cors(allow_origins="https://app.example.com").'
            )
        if policy is not NOT_GIVEN:
            fault = check_source(policy, "policy")
            if fault:
                raise PolicyError([fault])
        self.policy: Source | NotGiven = policy
        self.options: Mapping[str, Any] = options
        self.origin: Mark = self
        check_alone(options)

    def copy(self) -> Mark:
        """The same for one more target, so that each is seen by routing or is not."""
        copied = copy(self)
        copied.origin = self
        return copied

    def apply(self, base: Source, place: str, problems: list[Problem]) -> Source:
        """The source that holds here, where `base` holds around it."""
        if isinstance(self.policy, NotGiven):
            return build(self.options, problems, base, f"{place}: ")
        if self.policy is None:
            return leave(base)
        if callable(self.policy) and base is not None:
            return Within(self.policy, base)
        return self.policy


def _bare(value: object) -> str:
    if callable(value):
        name = getattr(value, "__qualname__", repr(value))
        return (
            f"@cors was put on {name} without parentheses: write"
            ' @cors(allow_origins="https://app.example.com"), or @cors(policy=source) for a'
            " callable that chooses the policy."
        )
    option = f"gate={value!r}" if value in MODES else "allow_origins=..."
    return f"cors() takes a Policy or None, not {value!r}: write cors({option})."


def mark_of(target: object) -> Mark | None:
    mark = getattr(target, _MARK, None)
    return mark if isinstance(mark, Mark) else None


def groups_of(view: object) -> tuple[Mark, ...]:
    """The marks of the groups that a view is in, outermost first."""
    found: tuple[Mark, ...] = getattr(view, _GROUPS, ())
    return found


def set_mark(target: object, mark: Mark) -> None:
    """Mark a class, a blueprint or a wrapper."""
    setattr(target, _MARK, mark)


def mark_view(
    view: Callable[..., Any], mark: Mark, *, is_async: bool, notice: Callable[..., None]
) -> Callable[..., Any]:
    """A wrapper of `view` with the mark; `view` itself stays as it is.

    :param notice: called with the mark and the view's arguments whenever the wrapper is; raises
        if routing did not see the mark.
    """
    if _IS_WRAPPER in getattr(view, "__dict__", {}):
        name = getattr(view, "__qualname__", repr(view))
        raise TypeError(f"{name} has two @cors(...): keep one, and put all options into it.")
    wrapper = _wrap(view, is_async, partial(notice, mark))
    set_mark(wrapper, mark)
    setattr(wrapper, _IS_WRAPPER, True)
    return wrapper


def group_view(
    view: Callable[..., Any], mark: Mark, *, is_async: bool, notice: Callable[..., None]
) -> Callable[..., Any]:
    """A wrapper of `view` that is in one group more; `view` itself stays as it is.

    :param notice: as of `mark_view`.
    """
    wrapper = _wrap(view, is_async, partial(notice, mark))
    setattr(wrapper, _GROUPS, (mark, *groups_of(view)))
    return wrapper


def _wrap(
    view: Callable[..., Any], is_async: bool, before: Callable[..., None]
) -> Callable[..., Any]:
    if is_async:

        @wraps(view)
        async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
            before(*args, **kwargs)
            return await view(*args, **kwargs)

        return async_wrapper

    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        before(*args, **kwargs)
        return view(*args, **kwargs)

    return wrapper


class ViewPolicies:
    """The sources of one view: one for all methods, or some for methods of a class."""

    __slots__ = ("_alike", "_methods", "_served", "_shared", "default", "marks")

    def __init__(
        self,
        default: Source | NotGiven,
        methods: Mapping[str, Source],
        marks: Iterable[Mark],
        served: Iterable[str] = (),
    ) -> None:
        self.default: Source | NotGiven = default
        self.marks: frozenset[Mark] = frozenset(marks)
        self._methods = methods
        self._served = frozenset(served)
        sources = [self.source(other) for other in sorted(self._served)] or [default]
        self._alike = all(source == sources[0] for source in sources)
        # A method that the view does not serve is judged by what all others share.
        self._shared = sources[0] if self._alike else NOT_GIVEN

    def source(self, method: str) -> Source | NotGiven:
        """The source for a method; not given where the view has no mark for it."""
        method = method.upper()  # as Werkzeug and Django do before they choose a handler
        if method == "HEAD" and method not in self._served:
            method = "GET"  # what serves it in a class without a head()
        return self._methods.get(method, self.default)

    def judged_by(self, method: str) -> tuple[Source | NotGiven, bool]:
        """The source where this is the only view of the URL, and whether other methods' differ."""
        if self._alike:  # nearly every view: whatever the method, served or not
            return self._shared, False
        wanted = method.upper()
        if wanted == "HEAD" and wanted not in self._served:
            wanted = "GET"
        if self._served and wanted not in self._served:
            return self._shared, not self._alike
        return self.source(wanted), not self._alike

    def sources(self) -> list[Source | NotGiven]:
        return [self.default, *self._methods.values()]

    def method_of(self, source: Source) -> str | None:
        """A method that has this very source by a mark of its own; "" if it is for all others."""
        found = {"": self.default, **self._methods}
        return next((method for method, held in found.items() if held is source), None)


def class_of(view: object) -> object:
    """The class of a class-based view, which Flask and Django keep on the function they make."""
    return getattr(view, "view_class", None) or getattr(view, "cls", None)


def _handler_names(view_class: object) -> list[str]:
    # Django names all that there may be, Flask those that the class has.
    names = (
        *("get", "head", "post", "put", "patch", "delete"),
        *getattr(view_class, "http_method_names", ()),
        *(getattr(view_class, "methods", ()) or ()),
    )
    return sorted({name.lower() for name in names})


def handlers_of(view: object) -> list[tuple[str, object]]:
    """The methods of a class-based view, by the HTTP method in lower case; none of a function."""
    view_class = class_of(view)
    # Django REST framework's routers choose a method of the class for each HTTP method.
    actions = getattr(view, "actions", None) or {}
    found = [
        (name, getattr(view_class, actions.get(name, name), None))
        for name in _handler_names(view_class)
    ]
    return [(name, handler) for name, handler in found if handler is not None]


def marks_on(view: object) -> list[Mark]:
    """The marks on a view itself, its class and the methods of that."""
    targets = [view, class_of(view), *(handler for _, handler in handlers_of(view))]
    return [mark for mark in map(mark_of, targets) if mark is not None]


def is_marked(view: object, method: str) -> bool:
    """Whether a mark of the view itself decides for a method, or one of its class or handler."""
    handlers = dict(handlers_of(view))
    name = "get" if method == "HEAD" and "head" not in handlers else method.lower()
    targets = (view, class_of(view), handlers.get(name))
    return any(mark_of(target) is not None for target in targets)


UNMARKED = ViewPolicies(NOT_GIVEN, {}, ())


def compile_view(
    view: object, groups: Iterable[Mark], application: Source, place: str, problems: list[Problem]
) -> ViewPolicies:
    """Merge the marks of a view and of what encloses it, outermost first.

    :param groups: the marks of the enclosing groups, outermost first.
    :param application: what the outermost options inherit from.
    :param place: the view's name, for messages; what is wrong is added to `problems`.
    """
    marks = list(groups)
    for target in (class_of(view), view):
        mark = mark_of(target)
        if mark is not None and mark not in marks:
            marks.append(mark)
    source = application
    for mark in marks:
        source = mark.apply(source, place, problems)
    methods: dict[str, Source] = {}
    served: list[str] = []
    for name, handler in handlers_of(view):
        mark = mark_of(handler)
        # Every class has an options(), which describes the others.
        if name != "options" or mark is not None:
            served.append(name.upper())
        if mark is not None:
            marks.append(mark)
            methods[name.upper()] = mark.apply(source, f"{place}.{name}", problems)
    if not marks:
        return UNMARKED
    default = source if len(marks) > len(methods) else NOT_GIVEN
    return ViewPolicies(default, methods, marks, served)
