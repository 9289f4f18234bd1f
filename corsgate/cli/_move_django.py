"""`corsgate migrate --django`: what the settings of django-cors-headers become here.

The project's settings are read and its middleware is imported; nothing of it is called.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import urlsplit

from .. import _risk
from .._check import is_list
from .._origin import find_correction, find_fault
from .._problems import problem, show
from .._protocol import is_forbidden_request_header
from ..errors import PolicyError
from ..policy import Policy
from ._compare import battery, compare
from ._move import Move
from ._move_code import LeftOut, started, write
from ._move_origins import _samples as samples
from ._twins_django import project, serve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from django.http import HttpRequest

    from ..errors import Problem
    from ._compare import Difference

_OLD, _NEW = "corsheaders.middleware.CorsMiddleware", "corsgate.django.CORSMiddleware"
_OLD_APPS, _NEW_APP = ("corsheaders", "corsheaders.apps.CorsHeadersAppConfig"), "corsgate.django"
_ORIGINS = ("CORS_ALLOWED_ORIGINS", "CORS_ORIGIN_WHITELIST")
_REGEXES = ("CORS_ALLOWED_ORIGIN_REGEXES", "CORS_ORIGIN_REGEX_WHITELIST")
_ALL = ("CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL")
# django-cors-headers reads the older name where the newer is not set.
_NEWER = {older: newer for newer, older in (_ORIGINS, _REGEXES, _ALL)}
_READ_BY_BOTH = (
    *(*_ORIGINS, *_REGEXES, *_ALL, "CORS_URLS_REGEX", "CORS_ALLOW_METHODS", "CORS_ALLOW_HEADERS"),
    *("CORS_EXPOSE_HEADERS", "CORS_ALLOW_CREDENTIALS", "CORS_PREFLIGHT_MAX_AGE"),
)
_PRIVATE_NETWORK = "CORS_ALLOW_PRIVATE_NETWORK"
_NEVER_SENT = ("method-forbidden", "expose-forbidden")
_MOST_SAMPLES = 4


class Plan(NamedTuple):
    """What is written, and the settings that come of it.

    :param settings: those about CORS, as they are after the move.
    :param starts: whether corsgate starts with them.
    """

    settings: dict[str, Any]
    starts: bool
    move: Move


def move_settings(settings: Mapping[str, object]) -> Move:
    """What a project with django-cors-headers writes instead.

    :param settings: the project's, by name: `MIDDLEWARE`, `INSTALLED_APPS` and `CORS_...` count.
    """
    return plan(settings).move


def plan(settings: Mapping[str, Any]) -> Plan:
    """As `move_settings`, with the settings themselves."""
    given = {
        name: value
        for name, value in settings.items()
        if name.startswith("CORS_") and value is not None
    }
    kept = {
        name: value
        for name, value in given.items()
        if name in _READ_BY_BOTH and _NEWER.get(name) not in given
    }
    refused = [
        f"{name}: {_NEWER[name]} is set too, and only that has counted. Take {name} out."
        for name in given
        if _NEWER.get(name) in given
    ]
    written = {
        name: _correct_origins(name, value, refused) if name in _ORIGINS else value
        for name, value in kept.items()
    }
    _, problems = _read(written)
    refused += map(str, problems)
    written = {name: _correct_names(name, value, problems) for name, value in written.items()}
    policy, left = _read(written)
    wrong = list(dict.fromkeys(fault.field for fault in left))

    middleware, notes = _move_middleware(settings)
    code = [middleware, *_move_apps(settings)]
    code += [f"{name} = {write(new)}" for name, new in written.items() if new != kept[name]]
    out = [name for name in given if name not in kept and not _is_ours(name)]
    same = [name for name in given if written.get(name, given[name]) == given[name]]
    for what, names in {
        "Stay as they are": [name for name in same if name not in (*wrong, *out)],
        "Take out": out,
        "Still to be changed": wrong,
    }.items():
        code += [f"# {what}: {', '.join(names)}"] if names else []
    if any("re.compile(" in line for line in code):
        code.insert(0, "import re")
    move = Move(
        code="\n".join(code),
        notes=(*notes, *_notes(given), *_signal()),
        refused=tuple(refused),
        options=policy.to_dict() if policy else {},
        paths=None,
    )
    return Plan(started(written), policy is not None, move)


def _is_ours(name: str) -> bool:
    """Whether a setting is corsgate's own: of a project that has begun to move."""
    from ..django.conf import _EXTRA

    return name.removeprefix("CORS_").lower() in (*Policy._fields, *_EXTRA) and name not in _NEWER


def _notes(given: Mapping[str, Any]) -> Iterator[str]:
    for name, value in given.items():
        if name == _PRIVATE_NETWORK:
            yield f"{name}: no browser sends the private-network header any more."
        elif name not in _READ_BY_BOTH and not _is_ours(name):
            yield f"{name}: it is no setting of django-cors-headers, and none of corsgate."
        elif name in _REGEXES and isinstance(value, str):
            yield (
                f"{name}: it is one text, of which django-cors-headers took each letter for a"
                " regular expression: ^ let every site in. Here it is one."
            )
        for item in value if is_list(value) else ():
            if _is_idle(name, item):
                yield f"{name}: no browser ever sends {item!r}, so it is left out."
            elif name in _REGEXES and (foreign := _let_in(item)):
                yield (
                    f"{name}: {write(re.compile(item))} let every origin in that begins so, such"
                    f" as {foreign}; here it has to match the whole origin."
                )


def _let_in(regex: Any) -> str:
    """An origin of a stranger that django-cors-headers let in, and corsgate does not."""
    for origin in _spelt_out(regex):
        longer = f"{origin}.evil.test"
        if re.match(regex, longer) and not re.fullmatch(regex, longer):
            return longer
    return ""


def _signal() -> Iterator[str]:
    """The hook that django-cors-headers has; a project that uses it has imported it by now."""
    signals = sys.modules.get("corsheaders.signals")
    if signals is not None and signals.check_request_enabled.has_listeners():
        yield (
            "The signal check_request_enabled has receivers, which corsgate does not ask: put a"
            " function (origin, environ) -> bool among the origins, or use CORS_PATHS."
        )


# ------------------------------------------------------------------ single settings


def _correct_origins(name: str, value: Any, refused: list[str]) -> Any:
    """The value without what never let anybody in: that is for the project to decide."""
    if isinstance(value, str):
        refused.append(
            f"{name}: {show(value)} is left out: it is one text, and django-cors-headers took each"
            f" letter for an origin. Write a list if that was meant: {write(value.split(','))}."
        )
        return [LeftOut(value)]
    if not is_list(value):
        return value
    items: list[object] = []
    for item in value:
        fault = find_fault(item) if isinstance(item, str) and item != "null" else None
        fix = find_correction(item) if fault else None
        if isinstance(item, str) and "*" in item:
            refused.append(
                f"{name}: {show(item)} is left out: so far it let in {_whom(item)}; here it is"
                f" {'every origin' if item == '*' else 'a pattern'}. Write it if that was meant."
            )
        elif fix is not None and _is_compared_alike(item, fix):
            refused.append(str(problem(fault or "", name, item, fix=repr(fix))))
            items.append(fix)
            continue
        elif fault is not None and not _is_idle(name, item):
            hint = f" Write {fix!r} if that was meant." if fix else ""
            refused.append(
                f"{name}: {show(item)} is left out: so far it let in {_whom(item)}.{hint}"
            )
        else:
            items += [] if _is_idle(name, item) else [item]
            continue
        items.append(LeftOut(item))
    return value if items == list(value) else items


def _whom(entry: str) -> str:
    """Whom an entry has let in that is no origin."""
    return "only 'null', which any site can be" if _is_compared_alike(entry, "null") else "nobody"


def _is_compared_alike(one: str, other: str) -> bool:
    """Whether two origins are the same to django-cors-headers."""
    try:
        return urlsplit(one)[:2] == urlsplit(other)[:2]
    except ValueError:
        return False


def _correct_names(name: str, value: Any, problems: Sequence[Problem]) -> Any:
    """The value with all put right of which it is sure what was meant; else the very same."""
    if not is_list(value):
        return value
    items = []
    for item in value:
        codes = [fault.code for fault in problems if (fault.field, fault.value) == (name, item)]
        if "method-case" in codes:
            items.append(item.upper())
        elif not (any(code in _NEVER_SENT for code in codes) or _is_idle(name, item)):
            items.append(item)
    return value if items == list(value) else items


def _is_idle(name: str, item: object) -> bool:
    """Whether no browser ever sends what is allowed."""
    if name == "CORS_ALLOW_HEADERS" and isinstance(item, str):
        return is_forbidden_request_header(item.lower())
    return name in _ORIGINS and item == "file://"


# ------------------------------------------------------------------ the lists around them


def _move_middleware(settings: Mapping[str, Any]) -> tuple[str, list[str]]:
    """`MIDDLEWARE` with corsgate's in it, and what there is to say about that."""
    from ..django.checks import _Middleware

    entries = [_Middleware(name) for name in settings.get("MIDDLEWARE") or ()]
    with project({"SECURE_SSL_REDIRECT": settings.get("SECURE_SSL_REDIRECT", False)}):
        answering = [one for one in entries if one.can_answer()]
    old = [one for one in entries if _OLD in one.names]
    left = [one for one in entries if one not in old]
    notes = []
    if not old:
        notes.append(f"MIDDLEWARE: {_OLD} is not in it, so django-cors-headers has done nothing.")
    notes += [
        f"MIDDLEWARE: {one.name} extends {_OLD}: what it does besides is not moved."
        for one in old
        if one.name != _OLD
    ]
    names = [one.name for one in left]
    comments = {}
    if not any(one.is_ours for one in left):
        before = entries[: entries.index(old[0])] if old else []
        above = next((one for one in before if one in answering), None)
        position = len(before) if above is None else entries.index(above)
        comments[_NEW] = "in the place of corsheaders" if old else "new"
        if above is not None:
            comments[_NEW] = "moved up"
            notes.append(
                f"MIDDLEWARE: corsgate stands above {above.name} now, which can answer by itself:"
                " so its answers have the headers too."
            )
        names.insert(position, _NEW)
    return _assign("MIDDLEWARE", names, comments), notes


def _move_apps(settings: Mapping[str, Any]) -> list[str]:
    apps = settings.get("INSTALLED_APPS") or ()
    if not any(name in _OLD_APPS for name in apps):
        return []
    names = [_NEW_APP if name in _OLD_APPS else name for name in apps]
    comment = "in the place of corsheaders: system checks, manage.py cors"
    return [_assign("INSTALLED_APPS", names, {_NEW_APP: comment})]


def _assign(setting: str, names: list[str], comments: Mapping[str, str]) -> str:
    lines = [
        f"    {write(name)},{'  # ' + comments[name] if name in comments else ''}" for name in names
    ]
    return "\n".join([f"{setting} = [", *lines, "]"])


def _read(settings: Mapping[str, Any]) -> tuple[Policy | None, tuple[Problem, ...]]:
    """The policy that corsgate makes of the settings, or what is wrong with them."""
    from ..django.conf import _Reader

    with project(started(settings)):
        try:
            return cast("Policy", _Reader().read()[0].application), ()
        except PolicyError as error:
            return None, error.problems


# ------------------------------------------------------------------ what is answered differently


def compare_django(settings: Mapping[str, Any]) -> list[Difference]:
    """What is answered differently after the move, each library around a view of ours.

    Receivers of the signal are not asked: they are the project's own code.

    :param settings: as of `move_settings`.
    :return: nothing where corsgate does not start.
    :raises ImportError: without django-cors-headers.
    """
    from corsheaders.middleware import CorsMiddleware

    from ..django import CORSMiddleware

    class Old(CorsMiddleware):
        def check_signal(self, request: HttpRequest) -> bool:
            return False

    after = plan(settings)
    if not after.starts:
        return []
    before = {name: settings[name] for name in _READ_BY_BOTH if settings.get(name) is not None}
    old, new = serve(before, Old), serve(after.settings, CORSMiddleware)
    return compare(old, new, battery(_origins_in(before), _paths_in(before)))


def _origins_in(settings: Mapping[str, Any]) -> list[str]:
    """Origins that the settings are about."""
    origins: list[str] = []
    for name, value in settings.items():
        for item in value if is_list(value) else ():
            if name in _ORIGINS and isinstance(item, str):
                exact = item.replace("*", "app")
                origins.append(exact if find_fault(exact) is None else find_correction(exact) or "")
            elif name in _REGEXES:
                origins += _spelt_out(item)
    return [origin for origin in dict.fromkeys(origins) if origin]


def _paths_in(settings: Mapping[str, Any]) -> list[str]:
    """A path that `CORS_URLS_REGEX` is about, and one of which it says nothing."""
    regex = settings.get("CORS_URLS_REGEX")
    if regex is None:
        return ["/"]
    texts = [text.removeprefix("https://") for text, _ in _risk._samples(re.compile(regex), 0)]
    return ["/", *[text for text in texts if text.startswith("/") and re.match(regex, text)][:1]]


def _spelt_out(regex: Any) -> list[str]:
    """Some origins that a regular expression may be about."""
    try:
        compiled = re.compile(regex)
    except (re.error, TypeError):
        return []
    return samples(compiled)[:_MOST_SAMPLES] if isinstance(compiled.pattern, str) else []
