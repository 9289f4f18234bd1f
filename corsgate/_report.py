"""Which policy each route has, as a table; the adapters' commands print it."""

from __future__ import annotations

from ._check import is_regex
from ._nested import Derived, HandsOff, NotGiven
from ._paths import covers
from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ._marks import ViewPolicies
    from ._nested import Source
    from ._paths import PathRules

    Row = tuple[str, str, str, str]

_HEAD = ("ROUTE", "METHODS", "FROM", "POLICY")


def describe(source: Source) -> str:
    """A policy source in one line: its origins, and each other field that is not the default."""
    if source is None:
        return "None: left to the view"
    if isinstance(source, HandsOff):
        return "None: left to the view, but for the gate"
    if isinstance(source, Policy):
        plain = Policy()
        fields = source.to_dict()
        origins = fields.pop("allow_origins")
        found = ["any origin" if origins == ("*",) else _show(origins or ("no origin",))]
        found += [
            f"{name}={_show(value)}"
            for name, value in fields.items()
            if value != getattr(plain, name)
        ]
        return "; ".join(found)
    if isinstance(source, Derived):
        options = (f"{name}={_show(value)}" for name, value in source._options.items())
        return "; ".join([describe(source._source), *options])
    return f"asks {_name(source)} for each request"


def _show(value: object) -> str:
    if isinstance(value, (tuple, list, set, frozenset)):
        return ", ".join(map(_show, value)) or "none"
    if is_regex(value):
        return f"regex {value.pattern}"  # type: ignore[attr-defined]  # is_regex has just said so
    return _name(value) if callable(value) else str(value)


def _name(function: object) -> str:
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"


def rows_of(
    domain: str,
    path: str,
    methods: Sequence[str],
    policies: ViewPolicies,
    marked_at: Callable[[str], str],
    rules: PathRules,
    application: str,
) -> list[Row]:
    """The rows of one route: one for the methods that share a policy and where it comes from.

    :param domain: what to show in front of the path.
    :param path: the path, with each variable part as `<name>`.
    :param methods: those that the view serves; none if that cannot be told.
    :param marked_at: where the mark that decides for a method stands.
    :param application: what the rules of the whole application are called.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for method in methods or ["any"]:
        source = policies.source(method)
        if isinstance(source, NotGiven):
            held = _by_path(path, rules, application)
        else:
            held = [(marked_at(method), source)]
        for place, applies in held:
            found.setdefault((place, describe(applies)), []).append(method)
    return [
        (domain + path, ", ".join(names), place, policy) for (place, policy), names in found.items()
    ]


def _by_path(path: str, rules: PathRules, application: str) -> list[tuple[str, Source]]:
    """The rules for a path. Variable parts may be what some of `paths` is about."""
    patterns = rules.patterns()
    fixed, variable, _ = path.partition("<")
    below = [
        pattern
        for pattern in patterns
        if variable and pattern.startswith(fixed) and not covers(pattern, path)
    ]
    # A variable part stands in the path for a text that no rule has.
    nearest = rules.pattern_for(path)
    place = f"paths {nearest!r}" if nearest else application
    return [
        (place, rules.find(path)),
        *((f"paths {pattern!r}", patterns[pattern]) for pattern in sorted(below)),
    ]


def table(rows: Iterable[Row]) -> str:
    """The rows under a line of titles, in columns."""
    lines = [_HEAD, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3]]
        )
        for line in lines
    )
