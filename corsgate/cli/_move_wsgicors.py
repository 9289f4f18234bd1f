"""From wsgicors to ours, such that nobody is let in who was not."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

from .._origin import find_fault
from .._problems import show
from ..wsgi import CORSMiddleware
from ._compare import Difference, battery, compare, nothing, quietly
from ._move import Move
from ._move_code import started, write_call
from ._move_flask_cors import (
    OURS,
    Options,
    imports_of,
    is_fine,
    move_exposed,
    move_max_age,
    unique,
)
from ._move_origins import Origins, origins_in

if TYPE_CHECKING:
    from collections.abc import Iterable

_EVERYBODY = ("*", "copy")


def move_wsgicors(layer: Any, target: str = "app") -> Move:
    """What stands for `wsgicors.CORS(app, ...)`, of which `layer` is what it has returned.

    :param target: what is wrapped, as it is written.
    """
    names = layer.activepolicies
    found = Options(dict(OURS), [], [])
    if len(names) > 1:
        found.refused.append(
            f"policy={', '.join(names)!r}: corsgate has one policy for a path. Write the others as"
            " paths, or give a callable that takes the environ and returns a Policy; this is the"
            " first."
        )
    policy = layer.policies[names[0]]
    credentials = policy.credentials == "true"
    methods = [name for name in policy.methods if name]
    found.values.update(
        allow_origins=_move_origins(policy, credentials, found),
        allow_methods=_kept(found, "methods", "allow_methods", methods),
        allow_headers=_move_headers(policy.headers, credentials, found),
        expose_headers=move_exposed(policy.expose_headers, credentials, found),
        allow_credentials=credentials,
    )
    if len(names) > 1:
        found.values["allow_origins"] = [...]
    found.values["max_age"] = move_max_age(policy.maxage or None, found)
    written = found.beside(OURS)
    call = f"{target} = {write_call('CORSMiddleware', [target], written)}"
    return Move(
        code=f"{imports_of(call)}from corsgate.wsgi import CORSMiddleware\n\n{call}\n",
        notes=unique(found.notes),
        refused=unique(found.refused),
        options=started(written) if found.starts else {},
        paths={} if found.starts else None,
    )


def compare_wsgicors(layer: Any, move: Move) -> list[Difference]:
    """What is answered differently, around an application that answers with nothing."""
    old = copy.copy(layer)
    old.application = nothing
    policy = layer.policies[layer.activepolicies[0]]
    origins = origins_in(regex_of(text) or text for text in policy.match)
    with quietly():
        new = CORSMiddleware(nothing, **move.options)
    return compare(old, new, battery(origins))


def regex_of(text: str) -> re.Pattern[str] | None:
    """What a text with wildcards of file names stands for; None where it has none."""
    if not {"*", "?"} & {*text}:
        return None
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(char) or re.escape(char) for char in text))


def _move_origins(policy: Any, credentials: bool, found: Options) -> Any:
    if policy.origin in _EVERYBODY:
        if not credentials:
            return "*"
        found.refused.append(
            "Every site could read the answers with your users' cookies. Name the origins of your"
            " pages in the place of the dots; or, where no page needs cookies, write"
            ' allow_origins="*" and no allow_credentials.'
        )
        return [...]
    origins = Origins("wsgicors", credentials)
    for text in filter(None, policy.match):
        # A star for hosts is one of ours, and any port would be none, too.
        is_pattern = "*" in text and not text.endswith("*") and find_fault(text) is None
        regex = None if is_pattern else regex_of(text)
        if is_pattern:
            origins.add_pattern(text)
        elif regex is None:
            origins.add([text])
        else:
            origins.add_regex(text, regex)
    found.notes.extend(origins.notes)
    found.refused.extend(origins.refused)
    return origins.entries


def _move_headers(text: str, credentials: bool, found: Options) -> list[str]:
    if text == "*":
        return ["*"] if credentials else ["*", "Authorization"]
    names = filter(None, map(str.strip, text.split(",")))
    return _kept(found, "headers", "allow_headers", names)


def _kept(found: Options, what: str, field: str, names: Iterable[str]) -> list[str]:
    return [
        name
        for name in names
        if is_fine(found, f"{what}: {show(name)} is left out", **{field: [name]})
    ]
