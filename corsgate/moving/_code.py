"""What is moved to: options, and the Python that a user would have written for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_WIDTH = 88
_FLAGS = re.IGNORECASE, re.VERBOSE, re.DOTALL, re.MULTILINE, re.ASCII


class Move(NamedTuple):
    """A configuration of corsgate that stands for one of another library.

    :param code: what to write, ready to paste.
    :param notes: a sentence each: options that are not needed any more, and why.
    :param refused: a sentence each: what corsgate does not start with, and what to write instead.
    :param options: the options of the new configuration; {} where it does not start.
    :param paths: its `paths`, if it has any.
    """

    code: str
    notes: tuple[str, ...]
    refused: tuple[str, ...]
    options: dict[str, Any]
    paths: dict[str, Any] | None


class LeftOut(NamedTuple):
    """Stands in a list of options for an entry that cannot be in it, and is shown as a comment."""

    entry: object


def started(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as corsgate gets them: without what is only shown."""
    return {
        name: [entry for entry in value if not isinstance(entry, LeftOut)]
        if isinstance(value, list)
        else value
        for name, value in options.items()
    }


def write_call(name: str, first: Iterable[str], options: Mapping[str, Any]) -> str:
    """A call: on one line where it fits.

    :param first: arguments without a name, as they are written.
    """
    named = [f"{key}={write(value, len(key) + 5)}" for key, value in options.items()]
    return _join(f"{name}(", [*first, *named], ")", 0)


def write(value: object, used: int = 0) -> str:
    """A value: a `re.Pattern`, a list of strings, a mapping, or anything that has a `repr`.

    :param used: how much of its first line is used already.
    """
    if isinstance(value, LeftOut):
        # On one line, whatever the entry holds, or it would not be a comment.
        entry = write(value.entry).encode("ascii", "backslashreplace").decode("ascii")
        return f"# {' '.join(entry.split())} is left out: see below"
    if isinstance(value, re.Pattern):
        names = [f"re.{flag.name}" for flag in _FLAGS if flag & value.flags]
        return f"re.compile({', '.join([_write_regex(value.pattern), *names])})"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, (list, tuple)):
        return _join("[", [write(item, used + 4) for item in value], "]", used)
    if isinstance(value, dict):
        pairs = [(write(key), item) for key, item in value.items()]
        inner = [f"{key}: {write(item, used + len(key) + 6)}" for key, item in pairs]
        return _join("{", inner, "}", used)
    return "..." if value is ... else repr(value)


def _join(start: str, parts: Sequence[str], end: str, used: int) -> str:
    line = f"{start}{', '.join(parts)}{end}"
    if used + len(line) <= _WIDTH and "\n" not in line and not any(map(_is_comment, parts)):
        return line
    indented = [part.replace("\n", "\n    ") for part in parts]
    lines = [f"    {part}{'' if _is_comment(part) else ','}" for part in indented]
    return "\n".join([start, *lines, end])


def _is_comment(part: str) -> bool:
    return part.startswith("#")


def _quoted(text: str) -> str:
    shown = repr(text)
    if "\\" in shown or '"' in text or not text.isascii():
        return ascii(text)
    return f'"{text}"'


def _write_regex(text: str | bytes) -> str:
    if isinstance(text, bytes):
        return repr(text)
    is_plain = text.isascii() and text.isprintable() and '"' not in text
    if "\\" in text and is_plain and not text.endswith("\\"):
        return f'r"{text}"'
    return _quoted(text)
