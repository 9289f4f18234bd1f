"""What `corsgate migrate` makes of the configuration of another library."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any


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
