"""Options by name: read from settings, and what is said about a name that is not ours."""

from __future__ import annotations

import os

from ._problems import problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from typing import Any

    from .errors import Problem

# What others call our options, without underscores and in lower case.
# "" as our name: there is nothing to say here, for the reason given.
_FLASK_CORS, _DJANGO, _EXPRESS = "Flask-Cors", "django-cors-headers", "Express cors"
_EXEMPT = "'off' at a view or path exempts it, and the policy None there leaves CORS to it"
_FOREIGN = {
    "origins": (_FLASK_CORS, "allow_origins", ""),
    "methods": (_FLASK_CORS, "allow_methods", ""),
    "supportscredentials": (_FLASK_CORS, "allow_credentials", ""),
    "resources": (_FLASK_CORS, "paths", "its patterns are exact or end in /*"),
    "sendwildcard": (_FLASK_CORS, "", "allow_origins='*' always sends a literal *"),
    "varyheader": (_FLASK_CORS, "", "Vary is always sent where caches need it"),
    "automaticoptions": (_FLASK_CORS, "", "preflights are always answered"),
    "alwayssend": (_FLASK_CORS, "", "headers are always sent where caches need them"),
    "interceptexceptions": (_FLASK_CORS, "", "error answers always carry the headers"),
    "allowedorigins": (_DJANGO, "allow_origins", ""),
    "originwhitelist": (_DJANGO, "allow_origins", ""),
    "allowallorigins": (_DJANGO, "allow_origins", "write allow_origins='*'"),
    "originallowall": (_DJANGO, "allow_origins", "write allow_origins='*'"),
    "allowedoriginregexes": (_DJANGO, "allow_origins", "wrap each in re.compile(...)"),
    "originregexwhitelist": (_DJANGO, "allow_origins", "wrap each in re.compile(...)"),
    "urlsregex": (_DJANGO, "paths", "its patterns are exact or end in /*"),
    "preflightmaxage": (_DJANGO, "max_age", ""),
    "origin": (_EXPRESS, "allow_origins", ""),
    "credentials": (_EXPRESS, "allow_credentials", ""),
    "allowedheaders": (_EXPRESS, "allow_headers", ""),
    "exposedheaders": (_EXPRESS, "expose_headers", ""),
    "optionssuccessstatus": (_EXPRESS, "preflight_status", ""),
    "preflightcontinue": (_EXPRESS, "paths", "give the path the policy None"),
    "alloworiginregex": ("Starlette", "allow_origins", "wrap it in re.compile(...)"),
    "headers": ("Flask-Cors before 2.0", "allow_headers", ""),
    "allowedmethods": ("rs/cors", "allow_methods", ""),
    "maxageseconds": ("Amazon S3", "max_age", ""),
    "csrftrustedorigins": ("Django", "write_origins", ""),
    "trustedorigins": ("gorilla/csrf", "write_origins", "each with its scheme"),
    "matchstrategy": ("wsgicors", "policy", "a callable environ -> Policy chooses"),
    "exempt": ("Flask-WTF", "gate", _EXEMPT),
    "csrfexempt": ("Django", "gate", _EXEMPT),
}
# Accepted wherever settings are read, so that they need not be deleted on the day of the move.
_PRIVATE_NETWORK = "allow_private_network"

_WORDS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_FLAGS = frozenset({"allow_credentials", "allow_timing", "debug"})
_NUMBERS = frozenset({"max_age", "preflight_status"})
_NO_LISTS = frozenset(
    {"paths", "policy", "urls_regex", "allowed_origin_regexes", "origin_regex_whitelist"}
)


def read_settings(
    mapping: Mapping[str, Any], prefix: str, names: Collection[str], extra: Collection[str] = ()
) -> tuple[dict[str, Any], list[Problem]]:
    """The options among `names` and `extra` that `mapping` sets, and what is wrong with its keys.

    The values of `extra` are returned as they are.
    """
    options: dict[str, Any] = {}
    problems: list[Problem] = []
    known = (*names, *extra)
    keys: Iterable[Any] = mapping
    for key in keys:
        if not isinstance(key, str) or not key.startswith(prefix):
            continue
        name, value = key[len(prefix) :].lower(), mapping[key]
        if name in known and key == prefix + name.upper():
            try:
                options[name] = _read_text(name, value) if isinstance(value, str) else value
            except ValueError as error:
                what, fix = error.args
                problems.append(problem("wrong-value", key, value, what=what, fix=fix))
            continue
        if name == _PRIVATE_NETWORK:
            _warn(f"{key} has no effect: no browser sends the private-network header any more.")
            continue
        unknown = unknown_option(key, value, [prefix + word.upper() for word in known], prefix)
        if unknown.hint.startswith("Write") or _foreign(name):
            problems.append(unknown)
        elif mapping is not os.environ:
            _warn(str(unknown))
    return options, problems


def _read_text(name: str, text: str) -> object:
    if name in _FLAGS:
        if text.strip().lower() not in _WORDS:
            raise ValueError("yes or no", "true or false")
        return _WORDS[text.strip().lower()]
    if name in _NUMBERS:
        digits = text.strip().removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
            raise ValueError("a whole number", "digits only, such as 600")
        return int(text.strip())  # which takes more for white space than int() does
    if name not in _NO_LISTS and (fix := find_brackets(text)):
        raise ValueError("a list with commas", fix)
    return text


def find_brackets(text: str) -> str:
    """What to write for a list in JSON or Python that stands in a text; "" for anything else."""
    text = text.strip()
    inner = text[1:-1].strip()
    has_quotes = not {"'", '"'}.isdisjoint(inner)
    is_list = text[:1] + text[-1:] == "[]" and (not inner or "," in inner or "://" in inner)
    if not (is_list or (has_quotes and text[:1] + text[-1:] in ("[]", "()"))):
        return ""
    items = [item.strip(" \t\r\n\"'") for item in inner.split(",")]
    shown = ascii(", ".join(filter(None, items)))[1:-1]
    return f"{shown} without brackets and quotes" if shown else "an empty text for an empty list"


def refuse_names(module: str, names: Mapping[str, str]) -> Callable[[str], object]:
    """A module's `__getattr__` that knows what others call our names."""

    def refuse(name: str) -> object:
        # An ImportError and not an AttributeError: its text is what the user gets to read.
        if name in names:
            raise ImportError(f"{module} has no {name}: here it is called {names[name]}.")
        raise AttributeError(f"module {module!r} has no attribute {name!r}")

    return refuse


def _warn(message: str) -> None:
    from warnings import warn

    warn(f"corsgate: {message}", stacklevel=4)


def unknown_option(name: str, value: object, known: Collection[str], prefix: str = "") -> Problem:
    """The problem of an option that corsgate does not have, with the right name where it is known.

    :param known: the names that would have been right here, spelt as they are here.
    """
    hint = f"The options are {', '.join(known)}."
    if name.removeprefix(prefix).lower() == "paths":
        hint = "It belongs to the gate, as in CORSMiddleware(app, paths={...}), not to a policy."
    near = [
        word
        for word in known
        if abs(len(word) - len(name)) <= 2 and distance(name.lower(), word.lower()) <= 2
    ]
    foreign = _foreign(name[len(prefix) :])
    if near:
        hint = f"Write {min(near, key=lambda word: distance(name.lower(), word.lower()))}."
    elif foreign:
        library, ours, note = foreign
        ours = prefix + ours.upper() if prefix and ours else ours
        hint = (
            f"{library} has it; here it is called {ours}" if ours else f"{library} has it; drop it"
        )
        if prefix:
            note = note.replace("allow_origins=", f"{prefix}ALLOW_ORIGINS = ")
        hint += f": {note}." if note else "."
    return problem("unknown-option", name, value, fix=hint)


def _foreign(name: str) -> tuple[str, str, str] | None:
    return _FOREIGN.get(name.replace("_", "").lower())


def distance(one: str, other: str) -> int:
    """Edits between two names: letters put in, taken out, changed, or swapped with the next."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, char in enumerate(one, 1):
        before, last, row = row, before, [i]
        for j, wanted in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != wanted))
            if i > 1 and j > 1 and char == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
    return row[-1]
