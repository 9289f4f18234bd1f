"""From `resources` of Flask-Cors, regular expressions for the beginning of a path, to `paths`."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from .._problems import show
from ._move_origins import is_regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_MOST_SHAPES = 30
_END = ("AT_END", "AT_END_STRING")


class Shape(NamedTuple):
    """Paths that a resource is for.

    :param text: the path, or what it begins with.
    :param least: how many characters come after it at least; None: it is the whole path.
    """

    text: str
    least: int | None

    def covers(self, path: str) -> bool:
        """Whether Flask-Cors takes this resource for a path."""
        if self.least is None:
            return path == self.text
        return path.startswith(self.text) and len(path) >= len(self.text) + self.least

    @property
    def everything(self) -> bool:
        return (self.text, self.least) in (("", 0), ("", 1), ("/", 0))


class Paths(NamedTuple):
    """Which of several resources is for what; by their places in the list.

    :param application: the one for all other paths, if there is one.
    :param paths: pattern of `paths` -> the one for it; None where there was none for that path.
    :param unequal: whether one has no place there.
    """

    application: int | None
    paths: dict[str, int | None]
    unequal: bool
    notes: list[str]
    refused: list[str]


def in_order(resources: Any) -> list[tuple[Any, dict[str, Any]]]:
    """Resources and their own options, the first that matches first, as Flask-Cors sorts them.

    :raises ValueError: for what it takes for no resources.
    """
    if isinstance(resources, dict):
        for resource, options in resources.items():
            if not isinstance(options, dict):
                what = f"resources[{show(resource)}]"
                raise ValueError(f"{what} takes a mapping of options, not {show(options)}")
        return sorted(resources.items(), key=_rank)
    if isinstance(resources, (str, re.Pattern)):
        return [(resources, {})]
    if not hasattr(resources, "__iter__"):
        raise ValueError(f"resources takes a path, a list or a mapping, not {show(resources)}")
    return [(resource, {}) for resource in resources]


def _rank(pair: tuple[Any, Any]) -> tuple[int, int, int, int]:
    pattern = pair[0]
    text = str(getattr(pattern, "pattern", pattern))
    text = ".*" if text == "*" else text
    kind = (1, 0) if isinstance(pattern, re.Pattern) else (int(is_regex(text)),) * 2
    return (*kind, -text.count("/"), -len(text))


def move_resources(resources: Sequence[Any]) -> Paths:
    """Where each of the resources is in `paths`; the first that matches is first."""
    found = Paths(None, {}, False, [], [])
    application: int | None = None
    rules: list[tuple[Shape, int]] = []
    besides: list[str] = []
    for index, resource in enumerate(resources):
        text = getattr(resource, "pattern", resource)
        shapes = shapes_of(resource)
        if not shapes:
            found = found._replace(unequal=True)
            found.refused.append(
                f"resources: {show(text)} has no equal, since paths are exact or end in /*. Write"
                " a line for each path that is meant, in its place."
            )
            found.paths[unequal(text)] = index
        for shape in shapes:
            if any(other.covers(shape.text) and other.least == 0 for other, _ in rules):
                found.notes.append(f"resources: {show(text)} was never reached, and is left out.")
            elif shape.everything:
                application = index
                rules.append((Shape("", 0), index))
            elif not shape.text.startswith("/"):
                found.refused.append(
                    f"resources: {show(text)} is left out: it never matched, since each path"
                    " begins with a slash."
                )
            else:
                rules.append((shape, index))
                besides += _add(shape, index, found.paths)
    for path in besides:
        others = (index for shape, index in rules if shape.covers(path))
        found.paths.setdefault(path, next(others, None))
    found.refused.extend(_ends_at_slash(resources, rules))
    return found._replace(application=application)


def _ends_at_slash(resources: Sequence[Any], rules: list[tuple[Shape, int]]) -> Iterator[str]:
    """What to say of paths that go over to another resource, since no pattern is for them."""
    for shape, index in rules:
        path = f"{shape.text}x"
        others = (other for one, other in rules if other != index and one.covers(path))
        after = next(others, None)
        if after is not None and shape.covers(path) and not path.endswith("/x"):
            one, another = (getattr(resources[i], "pattern", resources[i]) for i in (index, after))
            yield (
                f"resources: {show(one)} was for {path} too, say, which has the options of"
                f" {show(another)} now, since paths end at a slash. Write a line of paths for each"
                " such path that there is."
            )


def unequal(text: object) -> str:
    """What corsgate does not start with, for a resource that `paths` has nothing for."""
    # With the dots it is no path, whatever it is without.
    return f"...{text!s}"


def _add(shape: Shape, index: int, paths: dict[str, int | None]) -> list[str]:
    """A shape as a pattern of `paths`; and the paths that this covers and the shape does not."""
    if shape.least is None:
        paths.setdefault(shape.text, index)
        return []
    base = shape.text.removesuffix("/")
    paths.setdefault(f"{base}/*", index)
    return [path for path in (base, f"{base}/") if path and not shape.covers(path)]


def paths_of(resources: Sequence[Any]) -> list[str]:
    """Paths to try: those that resources are for, and some beside them."""
    found = {"/": None}
    for shape in (shape for resource in resources for shape in shapes_of(resource)):
        if shape.text.startswith("/") and not shape.everything:
            base = shape.text.removesuffix("/")
            found |= dict.fromkeys([base, f"{base}/item", f"{base}x"])
    return [quote(path) for path in found]


def shapes_of(resource: Any) -> list[Shape]:
    """The paths that a resource is for; none where that cannot be said with `paths`."""
    if resource == "*":
        return [Shape("", 0)]
    if not is_regex(resource):
        return [Shape(resource, None)] if isinstance(resource, str) else []
    text, flags = getattr(resource, "pattern", resource), getattr(resource, "flags", 0)
    if not isinstance(text, str):
        return []
    parse = import_module("re._parser").parse
    try:
        nodes = [(str(name), argument) for name, argument in parse(text, flags)]
    except re.error:
        return []
    return _shapes(nodes, "") or []


def _shapes(nodes: Sequence[tuple[Any, Any]], head: str) -> list[Shape] | None:
    """What begins with `head` and goes on with `nodes`; None where that has no shape."""
    for index, (name, argument) in enumerate(nodes):
        rest = nodes[index + 1 :]
        ends = [str(after) for _, after in rest] in (["AT_END"], ["AT_END_STRING"])
        match str(name), argument:
            case "LITERAL", code:
                head += chr(code)
            case "AT", place if str(place).startswith("AT_BEGINNING") and not head:
                pass
            case "AT", place if str(place) in _END and not rest:
                return [Shape(head, None)]
            case "IN", members if all(str(kind) == "LITERAL" for kind, _ in members):
                return _joined(_shapes(rest, head + chr(code)) for _, code in members)
            case "SUBPATTERN", (_, 0, 0, inner):
                return _shapes([*inner, *rest], head)
            case "BRANCH", (_, branches):
                return _joined(_shapes([*branch, *rest], head) for branch in branches)
            case "MAX_REPEAT" | "MIN_REPEAT", (least, most, inner) if ends or not rest:
                what = [(str(kind), value) for kind, value in inner]
                if what == [("LITERAL", ord("/"))] and least == 0:
                    both = [Shape(head, None), Shape(f"{head}/", None)]
                    return both if ends else [Shape(head, 0)]
                if what == [("ANY", None)] and least < 2 and most > 9:
                    return [Shape(head, least)]
                return None
            case _:
                return None
    return [Shape(head, 0)]


def _joined(found: Iterable[list[Shape] | None]) -> list[Shape] | None:
    shapes: list[Shape] = []
    for some in found:
        shapes += some or ()
        if some is None or len(shapes) > _MOST_SHAPES:
            return None
    return shapes
