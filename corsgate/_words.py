"""How options are spelt where a policy was written, and how a client's values are shown."""

from __future__ import annotations

from ._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

_MOST_SHOWN = 100
_MOST_LISTED = 6
_LONGEST_LINE = 400


class Line(str):
    """What can be written as it is; any other text says what else to do."""

    __slots__ = ()


def advice_of(fix: str) -> str:
    """A fix after what it is: a line to write, or what else to do; "" if there is none."""
    label = "To allow it" if isinstance(fix, Line) else "What to do"
    return f"{label}: {fix}" if fix else ""


class Words(Record):
    """The words of one place where options are written.

    :param form: the name of an option, with `{}` for our name of it, or for that in upper case.
    :param equals: what stands between a name and its value.
    :param between: what stands between two options on one line.
    :param place: where these options are: `"paths['/api/*']"`, `"@cors(...) of view 'users'"`.
    :param names: option -> its name here, where that does not follow `form`.
    :param decided_by: option -> what decides about it instead, and is not what to write.
    """

    __slots__ = _fields = ("form", "equals", "between", "place", "names", "decided_by")
    form: str
    equals: str
    between: str
    place: str
    names: tuple[tuple[str, str], ...]
    decided_by: tuple[tuple[str, str], ...]

    def __init__(
        self,
        form: str,
        equals: str = " = ",
        between: str = "; ",
        *,
        place: str = "",
        names: Iterable[tuple[str, str]] = (),
        decided_by: Iterable[tuple[str, str]] = (),
    ) -> None:
        self._set(
            form=form,
            equals=equals,
            between=between,
            place=place,
            names=tuple(names),
            decided_by=tuple(decided_by),
        )

    def at(self, place: str) -> Words:
        """The same words, of options at a place of their own."""
        return Words(
            self.form,
            self.equals,
            self.between,
            place=place,
            names=self.names,
            decided_by=self.decided_by,
        )

    def spelling(self, names: Mapping[str, str], decided_by: Mapping[str, str]) -> Words:
        """The same words, with some options under another name: `{"max_age": "CORS_AGE"}`."""
        return Words(
            self.form,
            self.equals,
            self.between,
            names=names.items(),
            decided_by=decided_by.items(),
        )

    def name(self, option: str) -> str:
        """The name of an option as it is written."""
        known = dict(self.names)
        if option in known:
            return known[option]
        return self.form.format(option if self.form == "{}" else option.upper())

    def setting(self, option: str) -> str:
        """The name of what decides about an option, and where it is."""
        name = self.other(option) or self.name(option)
        return f"{name} in {self.place}" if self.place else name

    def other(self, option: str) -> str:
        """What decides about an option, if that is not what to write; or ""."""
        return dict(self.decided_by).get(option, "")

    def line(self, option: str, value: object) -> Line:
        """What sets an option: `allow_origins=[..., "https://app.example.com"]`.

        :param value: a bool, or names; `...` among them stands for those that are there already.
        """
        return self.lines({option: value})

    def lines(self, options: Mapping[str, object]) -> Line:
        """What sets several options, on one line."""
        written = self.between.join(
            f"{self.name(option)}{self.equals}{_python(value)}" for option, value in options.items()
        )
        return Line(f"{written}  # in {self.place}" if self.place else written)


KEYWORDS = Words("{}", "=", ", ")
FLASK_CONFIG = Words('app.config["CORS_{}"]')
DJANGO_SETTINGS = Words("CORS_{}")


def _python(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_python, value))}]"
    if value is ...:
        return "..."
    if isinstance(value, str) and '"' not in value and "\\" not in value:
        return f'"{value}"'
    return repr(value)


def shown(text: str) -> str:
    """What a client sent: quoted, ASCII only, on one line, cut before anything is done with it."""
    escaped = ascii(text[:_MOST_SHOWN])
    if len(text) <= _MOST_SHOWN and len(escaped) <= _MOST_SHOWN:
        return escaped
    return f"{escaped[:80]}... ({len(text)} characters)"


def listed(items: Sequence[Any], show: Callable[[Any], str]) -> str:
    """The first of several things, as a sentence has them."""
    first = [show(item) for item in items[:_MOST_LISTED]]
    if len(items) > _MOST_LISTED:
        first.append(f"{len(items) - _MOST_LISTED} more")
    return ", ".join(first[:-1]) + " and " + first[-1] if len(first) > 1 else first[0]


def name_of(function: object) -> str:
    """What a callable is called, or else its class."""
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else type(function).__name__


def one_line(text: str) -> str:
    """Printable ASCII only, whatever `text` holds."""
    escaped = text
    if not (text.isascii() and text.isprintable()):
        escaped = text.encode("unicode_escape").decode("ascii")
    return escaped if len(escaped) <= _LONGEST_LINE else f"{escaped[: _LONGEST_LINE - 3]}..."
