"""Origins as libraries that match regular expressions from the beginning take them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .. import _risk
from .._origin import find_correction, find_fault
from .._problems import show
from ..errors import PolicyError
from ..policy import Policy
from ._move_code import LeftOut

if TYPE_CHECKING:
    from collections.abc import Iterable

# Regular expressions that let every origin in.
_ANYTHING = frozenset({"*", ".*", ".+", ".*?", ".+?", "(.*)", "(.+)"})
# What Flask-Cors takes for a sign that a text is a regular expression.
_SIGNS = frozenset("*\\]?$^[]()")
_MOST_SAMPLES = 3
_LETTER = re.compile(r"(?<!\\)(?:\\\\)*[A-Z]")


def is_regex(entry: object) -> bool:
    """Whether Flask-Cors takes an entry for a regular expression."""
    return isinstance(entry, re.Pattern) or (
        isinstance(entry, str) and not _SIGNS.isdisjoint(entry)
    )


def is_anything(entry: object) -> bool:
    """Whether an entry lets everything in."""
    text = entry.pattern if isinstance(entry, re.Pattern) else entry
    if not isinstance(text, str):
        return False
    return text == "*" or (
        is_regex(entry) and text.removeprefix("^").removesuffix("$") in _ANYTHING
    )


class Origins:
    """What becomes of the entries of another library's list of origins.

    :param old: what that library is called.
    :param credentials: whether these origins may send cookies.
    """

    def __init__(self, old: str, credentials: bool) -> None:
        self._old = old
        self._credentials = credentials
        self.entries: list[Any] = []
        self.notes: list[str] = []
        self.refused: list[str] = []

    def add(self, entries: Iterable[object]) -> None:
        """Take over each that lets nobody else in; a sentence on each that is changed."""
        for entry in entries:
            if is_regex(entry):
                self._add_regex(entry)
            elif isinstance(entry, str):
                self._add_text(entry)
            else:
                self._leave_out(entry, "is no text.")

    def add_pattern(self, text: str) -> None:
        """Take over what is one of our patterns already."""
        if self._starts(text, text):
            self._keep(text)

    def add_regex(self, entry: str, regex: re.Pattern[str]) -> None:
        """Take over what stands for the same origins as a regular expression does, in whole."""
        if self._starts(entry, regex):
            self._keep(regex)

    def _add_text(self, entry: str) -> None:
        text = entry.lower()
        if text != "null" and find_fault(text) is not None:
            meant = find_correction(entry)
            fix = f" Write {meant!r} if that was meant." if meant else ""
            self._leave_out(
                entry, f"is no origin that a browser sends, so it never let one in.{fix}"
            )
        elif self._starts(entry, text):
            if text != entry:
                self.notes.append(f"{show(entry)} is in lower case now, as browsers send it.")
            self._keep(text)

    def _add_regex(self, entry: Any) -> None:
        try:
            old = entry if isinstance(entry, re.Pattern) else re.compile(entry, re.IGNORECASE)
        except re.error as error:
            self._leave_out(entry, f"is no regular expression: {show(error.msg)[1:-1]}.")
            return
        text = old.pattern
        if not isinstance(text, str):
            self._leave_out(entry, "is for bytes, and no origin is that.")
        elif "*" in text and find_fault(text) is None:
            self._add_pattern(entry, old)
        else:
            flags = old.flags & ~re.UNICODE
            if not _LETTER.search(text):
                flags &= ~re.IGNORECASE  # browsers send lower case
            self._add_whole(entry, old, re.compile(text, flags))

    def _add_pattern(self, entry: Any, old: re.Pattern[str]) -> None:
        """What reads as one of our patterns, and may have meant that."""
        text = old.pattern
        base = text.removesuffix(":*")
        if "*" not in base and all(old.match(base + port) for port in ("", ":1", ":65535")):
            if self._starts(entry, text):
                self.notes.append(f"{show(text)} is a pattern here, and no regular expression.")
                self._keep(text)
            return
        host = text.replace("*", "app")
        self._leave_out(
            entry,
            f"is a regular expression for {self._old}, which did not let {host} in."
            " If that was meant, write it as it is: here it is a pattern.",
        )

    def _add_whole(self, entry: Any, old: re.Pattern[str], new: re.Pattern[str]) -> None:
        found = [origin for origin in _samples(new) if new.fullmatch(origin)]
        longer = [f"{origin}.evil.test" for origin in found or _samples(new)]
        foreign = next(filter(old.match, longer), "")
        if not found:
            self._leave_out(
                entry,
                "matches no whole origin, and corsgate compares whole ones;"
                f" {self._old} compared the beginning. Write the origins that were meant.",
            )
        elif self._starts(entry, new):
            if foreign:
                self.notes.append(
                    f"{_shown(old)} let every origin in that begins so, such as {foreign};"
                    " here it has to match the whole origin."
                )
            self._keep(new)

    def _starts(self, entry: object, new: object) -> bool:
        try:
            Policy(allow_origins=[new], allow_credentials=self._credentials)  # type: ignore[list-item]
        except PolicyError as error:
            for problem in error.problems:
                self.refused.append(f"{problem.message} {problem.hint}")
            self._keep(LeftOut(entry))
            return False
        return True

    def _leave_out(self, entry: object, why: str) -> None:
        self.refused.append(f"{_shown(entry)} is left out: it {why}")
        self._keep(LeftOut(entry))

    def _keep(self, entry: object) -> None:
        if entry not in self.entries:
            self.entries.append(entry)


def _shown(entry: object) -> str:
    """As it was written, without the second backslash of each."""
    return show(getattr(entry, "pattern", entry)).replace("\\\\", "\\")


def origins_in(entries: Iterable[Any]) -> list[str]:
    """Origins to try: each that is written, and some that a regular expression lets in."""
    found: list[str] = []
    for entry in entries:
        if is_regex(entry):
            regex = re.compile(entry, re.IGNORECASE) if isinstance(entry, str) else entry
            if isinstance(regex.pattern, str):
                samples = [one for one in _samples(regex) if regex.match(one)]
                found += list(dict.fromkeys(samples))[:_MOST_SAMPLES]
        elif isinstance(entry, str) and find_fault(entry.lower()) is None:
            found.append(entry.lower())
    return list(dict.fromkeys(found))


def _samples(regex: re.Pattern[str]) -> list[str]:
    """Origins that a regular expression may be about, as `corsgate._risk` spells them out."""
    return [
        f"{scheme}://{host}{port}"
        for spelling in range(len(_risk._SPELLINGS))
        for scheme, host, port in _risk._origins_of(_risk._samples(regex, spelling))
    ]
