"""Keyword arguments and `app.config` -> what a gate of Flask works by: read once."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, NamedTuple

from ._denials import Denials, check_hooks
from ._nested import NOT_GIVEN
from ._paths import PathRules, compile_paths, recompile
from ._refusals import Gate
from ._settings import read_settings
from ._sources import application_source
from ._words import FLASK_CONFIG, KEYWORDS
from .errors import PolicyError
from .policy import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from flask import Flask

    from ._nested import NotGiven, Source
    from ._words import Words
    from .errors import Problem

_PREFIX = "CORS_"
_EXTRA = ("paths", "debug", "on_denied")


class Configured(NamedTuple):
    """What was read.

    :param gate: of these rules.
    :param debug: None where it follows `app.debug`.
    :param words: how the options of the application's own policy are spelt.
    :param paths: as they were given.
    :param configuration: the settings as they were.
    """

    rules: PathRules
    gate: Gate
    denials: Denials
    paths: object
    debug: bool | None
    words: Words
    configuration: dict[str, object]


def read_configuration(
    app: Flask, policy: Source | NotGiven, keywords: Mapping[str, Any]
) -> Configured:
    """What keyword arguments say, or else `app.config`.

    :raises PolicyError: with every problem, each at the name of its argument or setting.
    """
    configured, problems = read_settings(app.config, _PREFIX, Policy._fields, _EXTRA)
    options = {**configured, **keywords}
    paths, debug, on_denied = (options.pop(name, None) for name in _EXTRA)

    def is_setting(field: str) -> bool:
        name = field.partition("[")[0]
        return name in configured and name not in keywords

    def spell(option: str) -> str:
        return _PREFIX + option.upper() if is_setting(option) else option

    found: list[Problem] = []
    check_hooks(debug, on_denied, found)
    source = application_source(policy, options, found, spell)
    rules = compile_paths(source, paths, found)
    problems += [
        fault.in_settings(_PREFIX, Policy._fields) if is_setting(fault.field) else fault
        for fault in found
    ]
    if problems:
        raise PolicyError(problems)
    words = KEYWORDS
    if any(is_setting(name) for name in Policy._fields):
        words = FLASK_CONFIG.spelling({name: name for name in keywords}, {})
    denials = Denials(on_denied)
    return Configured(
        PathRules(source, rules.items()),
        Gate(source, denials),
        denials,
        paths,
        debug,
        words,
        _configuration(app),
    )


def reconfigured(
    configured: Configured, policy: Source | NotGiven, options: Mapping[str, Any]
) -> Configured:
    """The same with another policy of the application, which was written as arguments.

    :raises TypeError: with neither policy nor options.
    :raises PolicyError: with every problem.
    """
    rules = recompile(policy, options, configured.paths)
    gate = Gate(rules.application, configured.denials, configured.gate)
    return configured._replace(rules=rules, gate=gate, words=KEYWORDS)


def _configuration(app: Flask) -> dict[str, object]:
    return {
        # A copy of a callable would be another one.
        key: value if callable(value) else copy(value)
        for key, value in app.config.items()
        if key.startswith(_PREFIX)
    }


def check_unchanged(app: Flask, configured: Configured) -> None:
    """
    :raises RuntimeError: where settings were changed after they had been read.
    """
    before, now = configured.configuration, _configuration(app)
    changed = [
        key
        for key in sorted(before.keys() | now.keys())
        if before.get(key, NOT_GIVEN) != now.get(key, NOT_GIVEN)
    ]
    if changed:
        raise RuntimeError(
            f"{', '.join(changed)} changed after CORSGate had read app.config: set it"
            " before CORSGate(app) or init_app(app)."
        )
