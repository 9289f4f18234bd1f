"""From the options of Flask-Cors to ours, such that nobody is let in who was not."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from .._problems import show
from .._words import one_line
from ..errors import PolicyError
from ..policy import Policy
from ..wsgi import CORSMiddleware
from ._compare import nothing, quietly
from ._move import Move
from ._move_code import LeftOut, started, write_call
from ._move_origins import Origins, is_anything, is_regex, origins_in
from ._move_resources import in_order, move_resources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DEFAULTS: dict[str, Any] = {
    "origins": "*",
    "methods": ["GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"],
    "allow_headers": "*",
    "expose_headers": None,
    "supports_credentials": False,
    "max_age": None,
    "send_wildcard": False,
    "automatic_options": True,
    "vary_header": True,
    "resources": "/*",
    "intercept_exceptions": True,
    "always_send": True,
    "allow_private_network": False,
}
# What need not be written any more, and why.
NOT_NEEDED = {
    "send_wildcard": "where every origin is allowed, a literal * is always sent",
    "automatic_options": "preflights are always answered, before the view",
    "vary_header": "Vary is always sent where caches need it, and only there",
    "intercept_exceptions": "error answers always carry the headers",
    "always_send": "an answer without Origin has no list of origins, which no browser reads",
    "allow_private_network": "no browser sends that request header any more",
}


class Options(NamedTuple):
    """The options of one policy, all of them, with what is to be said about them."""

    values: dict[str, Any]
    notes: list[str]
    refused: list[str]

    @property
    def starts(self) -> bool:
        return bool(self.values["allow_origins"] != [...])

    def beside(self, around: Mapping[str, Any]) -> dict[str, Any]:
        """The options to write where those `around` are inherited."""
        return {
            name: value
            for name, value in self.values.items()
            if (name == "allow_origins" and _has_comment(value))
            or _compared(name, value) != _compared(name, around[name])
        }


# Our defaults of what Flask-Cors has options for.
OURS: dict[str, Any] = {
    name: getattr(Policy(), name)
    for name in (
        "allow_origins",
        "allow_methods",
        "allow_headers",
        "expose_headers",
        "allow_credentials",
        "max_age",
    )
}
_MAX_AGE: int | None = OURS["max_age"]


def _has_comment(value: Any) -> bool:
    return any(isinstance(entry, LeftOut) for entry in value)


def _compared(name: str, value: Any) -> Any:
    """As a policy has it, where it has."""
    if isinstance(value, list) and ... in value:
        return value
    return getattr(Policy(**started({name: value})), name)


def move_options(given: Mapping[str, Any]) -> Options:
    """The options of `CORS(app, ...)` without `resources`, or of `cross_origin(...)`.

    :param given: with the settings of the application, and without what was left at its default.
    """
    old = {**DEFAULTS, **given}
    found = Options({}, [], [])
    credentials = bool(old["supports_credentials"])
    found.values["allow_origins"] = _move_origins(old["origins"], credentials, found)
    methods = _move_methods(old["methods"], found)
    headers = _move_headers(old["allow_headers"], credentials, found)
    found.values["allow_methods"] = methods
    # Without a method it let no header through either.
    found.values["allow_headers"] = headers if methods else []
    found.values["expose_headers"] = move_exposed(old["expose_headers"], credentials, found)
    found.values["allow_credentials"] = credentials
    found.values["max_age"] = move_max_age(old["max_age"], found)
    for name, why in NOT_NEEDED.items():
        if name in given:
            found.notes.append(f"{name} is not needed: {why}.")
    for name in given:
        if name not in DEFAULTS:
            found.notes.append(
                f"{one_line(str(name))}: Flask-Cors has no such option, and has ignored it."
            )
    return found


def _items(value: Any) -> list[Any]:
    # As Flask-Cors: a text is one entry, and so is what is no list.
    return [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)


def _move_origins(value: Any, credentials: bool, found: Options) -> Any:
    entries = _items(value)
    others = [entry for entry in entries if not is_anything(entry)]
    if len(others) < len(entries):
        if others:
            found.notes.append(
                f"Every origin is let in, so {show(others[0])} beside that means nothing."
            )
        if not credentials:
            return "*"
        found.refused.append(
            "Every site could read the answers with your users' cookies: Flask-Cors answers every"
            " origin when supports_credentials=True goes with origins='*', its default. Name the"
            " origins of your pages in the place of the dots; or, where no page needs cookies,"
            ' write allow_origins="*" and no allow_credentials.'
        )
        return [...]
    origins = Origins("Flask-Cors", credentials)
    origins.add(entries)
    found.notes.extend(origins.notes)
    found.refused.extend(origins.refused)
    return origins.entries


def _move_methods(value: Any, found: Options) -> list[str]:
    # It joins them, in upper case, and looks for the requested one somewhere in the text.
    text = value if isinstance(value, str) else ",".join(map(str, _items(value)))
    names = [] if value is None else [name.strip() for name in text.upper().split(",")]
    kept = []
    for name in filter(None, names):
        if name == "*":
            found.refused.append(
                "methods='*' let no preflight through: Flask-Cors takes * for the name of a method."
                ' Write allow_methods="*" if every method was meant.'
            )
        elif is_fine(found, f"methods: {show(name)} is left out", allow_methods=[name]):
            kept.append(name)
    return kept


def _move_headers(value: Any, credentials: bool, found: Options) -> list[str]:
    entries = _items(value)
    if any(map(is_anything, entries)):
        # With credentials the requested names are answered; without, * does not cover this one.
        return ["*"] if credentials else ["*", "Authorization"]
    kept = []
    for entry in entries:
        if is_regex(entry):
            shown = show(entry if isinstance(entry, str) else entry.pattern)
            found.refused.append(
                f"allow_headers: {shown} is a regular expression, which headers have none of here:"
                ' it is left out. Name the headers, or write allow_headers="*".'
            )
        elif "," in str(entry):
            names = [name.strip() for name in str(entry).split(",")]
            found.refused.append(
                f"allow_headers: {show(entry)} is one name for Flask-Cors, and never let a header"
                f" through: it is left out. Write {names} if these were meant."
            )
        elif is_fine(found, f"allow_headers: {show(entry)} is left out", allow_headers=[entry]):
            kept.append(entry)
    return kept


def move_exposed(value: Any, credentials: bool, found: Options) -> list[str]:
    """The names of headers that pages may read: one text with commas, or several."""
    kept = []
    for entry in [] if value is None else _items(value):
        # What is given is sent as it is.
        for name in filter(None, map(str.strip, str(entry).split(","))):
            options = {"expose_headers": [name], "allow_credentials": credentials}
            if is_fine(found, f"expose_headers: {show(name)} is left out", **options):
                kept.append(name)
    return kept


def move_max_age(value: Any, found: Options) -> int | None:
    """Seconds: our own default where none were given, or no whole number of them."""
    if value is None:
        return _MAX_AGE
    text = str(int(value.total_seconds()) if isinstance(value, timedelta) else value).strip()
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 19):
        found.refused.append(f"max_age: {show(value)} is no number of seconds, and is left out.")
        return _MAX_AGE
    return max(0, int(text))


def is_fine(found: Options, what: str, **options: Any) -> bool:
    """Whether there is a policy with these; if not, `found` says so, beginning with `what`."""
    try:
        Policy(**options)
    except PolicyError as error:
        for problem in error.problems:
            found.refused.append(f"{what}. {problem.message} {problem.hint}")
        return False
    return True


def origins_of(options: Iterable[Mapping[str, Any]]) -> list[str]:
    """Origins to try, of all options that were given."""
    entries = [entry for given in options for entry in _items(given.get("origins", "*"))]
    return origins_in(entry for entry in entries if not is_anything(entry))


def unique(sentences: Iterable[str]) -> tuple[str, ...]:
    """Each sentence once, in the order in which they came."""
    return tuple(dict.fromkeys(sentences))


def move_flask_cors(given: Mapping[str, Any]) -> Move:
    """What stands for `CORS(app, ...)`.

    :param given: its keyword arguments, and the settings of the application where they count.
    :raises ValueError: where Flask-Cors takes no such `resources`.
    """
    given = dict(given)
    resources = in_order(given.pop("resources", DEFAULTS["resources"]))
    return move_all([(resource, {**given, **own}) for resource, own in resources])[0]


def move_all(resources: Sequence[tuple[Any, Mapping[str, Any]]]) -> tuple[Move, dict[str, Any]]:
    """The same for resources that are in order, each with all of its options.

    :return: also the options of the application, all of them, which others inherit.
    """
    found = move_resources([resource for resource, _ in resources])
    options = [move_options(given) for _, given in resources]
    around, whole = OURS, {"policy": None}
    if found.application is not None:
        around = options[found.application].values
        whole = options[found.application].beside(OURS)
    paths = {
        path: None if index is None else options[index].beside(around)
        for path, index in found.paths.items()
    }
    used = {found.application, *found.paths.values()}
    said = [one for index, one in enumerate(options) if index in used]
    notes = [*found.notes, *(note for one in said for note in one.notes)]
    refused = [*found.refused, *(why for one in said for why in one.refused)]
    new_options = started(whole)
    new_paths = {path: one and started(one) for path, one in paths.items()}
    starts = all(one.starts for one in said) and not found.unequal
    if starts and (problems := judge(new_options, new_paths)):
        refused += problems
        starts = False
    first = ["app", "None"] if found.application is None else ["app"]
    written = {name: value for name, value in whole.items() if name != "policy"}
    call = write_call("CORSGate", first, written | ({"paths": paths} if paths else {}))
    move = Move(
        code=f"{imports_of(call)}from corsgate.flask import CORSGate\n\n{call}\n",
        notes=unique(notes),
        refused=unique(refused),
        options=new_options if starts else {},
        paths=new_paths if starts else None,
    )
    return move, around


def judge(options: dict[str, Any], paths: dict[str, Any]) -> list[str]:
    """What corsgate has to say about them, all together."""
    try:
        with quietly():  # that nothing is allowed was so before
            CORSMiddleware(nothing, paths=paths or None, **options)
    except PolicyError as error:
        return [str(problem) for problem in error.problems]
    return []


def imports_of(code: str) -> str:
    """The import that the code needs besides corsgate's own."""
    return "import re\n\n" if "re.compile(" in code else ""
