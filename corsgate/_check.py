"""From what a user wrote to what a policy holds: each field checked, normalised, explained."""

from __future__ import annotations

from . import _protocol, _risk
from ._callables import judge_callable
from ._match import Matcher
from ._origin import find_correction, find_fault
from ._problems import problem, show
from ._settings import find_brackets
from .errors import RELAXABLE, Problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable
    from typing import Any, Literal

    from ._match import OriginCallable

    Mode = Literal["off", "report", "enforce"]

_MOST_SECONDS = 10**18  # as in settings; Python writes no more than 4300 digits
MODES: tuple[Mode, ...] = ("off", "report", "enforce")
# What was meant is more than one origin, or cannot be told.
_WITHOUT_CORRECTION = ("origin-several", "origin-regex")
# For an entry from a line that explain has proposed.
_ELLIPSIS = "the origins that are there already in the place of ..."


class Origins:
    """The entries of `allow_origins`, sorted by kind; `entries` is all of them, normalised."""

    __slots__ = ("callables", "entries", "exact", "patterns", "regexes")

    def __init__(self, entries: Iterable[Any]) -> None:
        texts: set[str] = set()
        regexes: set[re.Pattern[str]] = set()
        callables: dict[int, OriginCallable] = {}
        for entry in entries:
            if isinstance(entry, str):
                texts.add(entry)
            elif is_regex(entry):
                regexes.add(entry)
            else:
                callables[id(entry)] = entry
        self.patterns = tuple(text for text in texts if "*" in text and text != "*")
        self.exact = texts.difference(self.patterns, "*")
        self.regexes = tuple(sorted(regexes, key=lambda regex: (regex.pattern, regex.flags)))
        # By identity, so that two policies with the same callables are equal in any order.
        self.callables = tuple(callables[key] for key in sorted(callables))
        self.entries: tuple[Any, ...] = (*sorted(texts), *self.regexes, *self.callables)

    def matcher(self) -> Matcher:
        return Matcher(self.exact, self.patterns, self.regexes, self.callables)

    def writers(self) -> Origins:
        """Those of who may read that a gate trusts to write as long as nobody says otherwise."""
        if "*" in self.entries:
            return Origins(())
        return Origins(entry for entry in self.entries if entry != "null")


def is_regex(value: object) -> bool:
    # `re` is loaded wherever such an object comes from; loading it here would cost everybody.
    return type(value).__module__ == "re" and type(value).__name__ == "Pattern"


def is_list(value: object) -> bool:
    return hasattr(value, "__iter__") and not isinstance(value, (str, bytes, dict, type))


class Checker:
    """Reads the fields of one policy, and collects all that is wrong with them.

    A method returns a harmless value where it found a problem, so that the next one can go on.
    """

    __slots__ = ("problems",)

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, code: str, field: str, value: object, *, what: str = "", fix: str = "") -> None:
        self.problems.append(problem(code, field, value, what=what, fix=fix))

    # ------------------------------------------------------------------ plain values

    def flag(self, field: str, value: object) -> bool:
        if isinstance(value, bool):
            return value
        self.add("wrong-type", field, value, what="bool", fix="True or False, without quotes")
        return False

    def max_age(self, field: str, value: object) -> int | None:
        if value is None:
            return None
        seconds = value
        if hasattr(value, "total_seconds"):  # a timedelta; datetime is slow to import
            seconds = value.total_seconds()
            seconds = int(seconds) if seconds == int(seconds) else -1
        if isinstance(seconds, bool) or not isinstance(seconds, int):
            fix = "an int, a datetime.timedelta, or None to leave the header out"
            self.add("wrong-type", field, value, what="number of seconds", fix=fix)
        elif seconds < 0:
            self.add("max-age", field, value)
        elif seconds < _MOST_SECONDS:
            return seconds
        else:
            fix = "at most 18 digits, such as 600"
            self.add("wrong-value", field, value, what="a number of seconds", fix=fix)
        return None

    def preflight_status(self, field: str, value: object) -> int:
        if isinstance(value, int) and value in (200, 204):
            return value
        self.add("preflight-status", field, value)
        return 204

    def gate(self, field: str, value: object) -> Mode:
        for mode in MODES:
            if value == mode:
                return mode
        self.add("gate-mode", field, value)
        return "off"

    def relaxed(self, field: str, value: object) -> tuple[str, ...]:
        codes = self._names(field, value)
        for code in codes:
            if code not in RELAXABLE:
                self.add("dangerously-allow", field, code, fix=", ".join(sorted(RELAXABLE)))
        return tuple(sorted(set(codes)))

    # ------------------------------------------------------------------ methods and headers

    def _names(self, field: str, value: object) -> list[str]:
        if isinstance(value, str):
            return [name for part in self._text(field, value).split(",") if (name := part.strip())]
        items = self._items(field, value)
        for item in items:
            if not isinstance(item, str):
                self.add("wrong-type", field, item, what="string", fix="names as strings")
        return [item for item in items if isinstance(item, str)]

    def _text(self, field: str, value: str) -> str:
        if fix := find_brackets(value):
            self.add("wrong-value", field, value, what="a list with commas", fix=fix)
            return ""
        return value

    def _items(self, field: str, value: Any) -> list[Any]:
        if is_list(value):
            return list(value)
        self.add("wrong-type", field, value, what="list", fix="a list of strings, or one string")
        return []

    def methods(self, field: str, value: object) -> tuple[str, ...]:
        names = self._names(field, value)
        for name in names:
            upper = name.upper()
            if not _protocol.is_token(name):
                self.add("method-invalid", field, name)
            elif upper in _protocol.FORBIDDEN_METHODS:
                self.add("method-forbidden", field, name)
            elif upper in _protocol.KNOWN_METHODS and name != upper:
                self.add("method-case", field, name, fix=repr(upper))
        return ("*",) if "*" in names else tuple(sorted(set(names)))

    def _header_names(self, field: str, value: object) -> dict[str, str]:
        names = {name.lower(): name for name in sorted(self._names(field, value))}
        for name in names.values():
            if not _protocol.is_token(name):
                self.add("header-invalid", field, name)
        return names

    def request_headers(self, field: str, value: object) -> tuple[str, ...]:
        names = self._header_names(field, value)
        for lower, name in names.items():
            if _protocol.is_forbidden_request_header(lower):
                self.add("header-forbidden", field, name)
        if "*" in names:
            return tuple(sorted({"*", _protocol.NON_WILDCARD_REQUEST_HEADER} & names.keys()))
        return tuple(sorted(names))

    def response_headers(self, field: str, value: object, credentials: bool) -> tuple[str, ...]:
        names = self._header_names(field, value)
        for lower, name in names.items():
            if lower in _protocol.FORBIDDEN_RESPONSE_HEADERS:
                self.add("expose-forbidden", field, name)
        if "*" not in names:
            return tuple(names[lower] for lower in sorted(names))
        if credentials:
            self.add("expose-wildcard-credentials", field, "*")
        return ("*",)

    # ------------------------------------------------------------------ origins

    def origins(self, field: str, value: object) -> Origins:
        entries = self._entries(field, value)
        return Origins([entry for entry in entries if self._is_origin_entry(field, entry)])

    def _entries(self, field: str, value: object) -> list[Any]:
        if isinstance(value, str):
            return self._text(field, value).replace(",", " ").split()
        return [value] if is_regex(value) or callable(value) else self._items(field, value)

    def _is_origin_entry(self, field: str, entry: object) -> bool:
        if isinstance(entry, str):
            return entry in ("*", "null") or self._is_origin(field, entry)
        if is_regex(entry) and isinstance(getattr(entry, "pattern", None), str):
            return True
        if not callable(entry):
            fix = "strings, regular expressions compiled from strings, or callables"
            if entry is ...:
                fix = _ELLIPSIS
            self.add("wrong-type", field, entry, what="origin", fix=fix)
        elif isinstance(entry, type):
            fix = "an instance of it, or a function that takes (origin, environ)"
            self.add("wrong-type", field, entry, what="function", fix=fix)
        elif fault := judge_callable(entry, field, "origin, environ"):
            self.problems.append(fault)
        else:
            return True
        return False

    def _is_origin(self, field: str, entry: str) -> bool:
        code = find_fault(entry)
        if code is None:
            return not self._allows_foreign_domain(field, entry)
        correction = find_correction(entry) if code not in _WITHOUT_CORRECTION else None
        if correction and _risk.find_foreign_domain(correction):
            correction = None
        self.add(code, field, entry, fix=repr(correction) if correction else "")
        return False

    def _allows_foreign_domain(self, field: str, entry: str) -> bool:
        found = _risk.find_foreign_domain(entry)
        if found is None:
            return False
        foreign, meant = found
        what = f": it would also allow {foreign!r}"
        self.add("origin-wildcard", field, entry, what=what, fix=repr(meant) if meant else "")
        return True

    def writers(self, field: str, value: object) -> Origins:
        origins = self.origins(field, value)
        if "*" in origins.entries:
            self.add("wildcard-write", field, "*")
        return origins

    def own_origins(self, field: str, value: object) -> tuple[str, ...]:
        found: set[str] = set()
        for entry in self._entries(field, value):
            if not isinstance(entry, str) or entry == "null" or "*" in entry:
                self.add("own-origin", field, entry, fix=_ELLIPSIS if entry is ... else "")
            elif self._is_origin(field, entry):
                found.add(entry)
        return tuple(sorted(found))

    def wildcard(self, field: str, origins: Origins) -> None:
        """What would quietly mean everybody."""
        others = [entry for entry in origins.entries if entry != "*"]
        if others and len(others) < len(origins.entries):
            self.add("wildcard-mixed", field, "*", what=show(others[0]))

    def credentials(self, field: str, origins: Origins, relaxed: tuple[str, ...]) -> None:
        """What must not be allowed to act with the user's cookies."""
        if "*" in origins.entries:
            self.add("wildcard-credentials", field, "*")
        self.trusted(field, origins, relaxed, "with credentials")

    def trusted(self, field: str, origins: Origins, relaxed: tuple[str, ...], how: str) -> None:
        for text in sorted({*origins.exact, *origins.patterns}):
            risks = {
                "null-origin": text == "null",
                "insecure-origin": _risk.is_insecure(text),
                "public-suffix": _risk.is_public_suffix_pattern(text),
            }
            for code, found in risks.items():
                if found and code not in relaxed:
                    fix = repr("https" + text[4:]) if code == "insecure-origin" else ""
                    self.add(code, field, text, what=how, fix=fix)
        for regex in origins.regexes:
            foreign, hosted = _risk.find_foreign_origins(regex)
            if foreign:
                what = f"{how} also accepts {show(foreign)}"
                self.add("regex-too-broad", field, regex, what=what)
            elif hosted and "public-suffix" not in relaxed:
                self.add("public-suffix", field, regex, what=how)
