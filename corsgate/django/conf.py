"""Django's settings -> the rules of the middleware: read once, and again after they changed."""

from __future__ import annotations

import re
from contextlib import suppress
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit
from warnings import warn

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string

from .. import _protocol
from .._check import is_list
from .._denials import Denials, check_hooks, words_in, words_without
from .._nested import NOT_GIVEN, NotGiven, leave
from .._paths import PathRules, compile_paths
from .._problems import problem
from .._refusals import Gate
from .._settings import read_settings
from .._sources import application_source, build
from .._words import DJANGO_SETTINGS, KEYWORDS
from ..errors import PolicyError, Problem
from ..policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._denials import OnDenied
    from .._nested import Source
    from .._words import Words

_PREFIX = "CORS_"
# Names of one thing: ours first, then django-cors-headers' own and its older alias.
_ORIGINS = ("allow_origins", "allowed_origins", "origin_whitelist")
_REGEXES = ("allowed_origin_regexes", "origin_regex_whitelist")
_ALL = ("allow_all_origins", "origin_allow_all")
_MAX_AGE = ("max_age", "preflight_max_age")
_EXTRA = (
    *("policy", "paths", "urls_regex", "debug", "on_denied"),
    *(*_ORIGINS[1:], *_REGEXES, *_ALL, *_MAX_AGE[1:]),
)
_WHITENOISE = ("whitenoise.middleware", "WhiteNoiseMiddleware")


class _Reader:
    """One reading of the settings; what is wrong is collected under the settings' names."""

    def __init__(self) -> None:
        # Django itself uses None for "not set".
        given = {
            name: value
            for name in dir(settings)
            if name.startswith(_PREFIX) and (value := getattr(settings, name)) is not None
        }
        self.options, self.problems = read_settings(given, _PREFIX, Policy._fields, _EXTRA)
        # Field of Policy -> the setting that it came from, where that is not named after it.
        self._came_from: dict[str, str] = {}
        # Field of Policy -> the setting that decides, where that is not the one to write.
        self._decided_by: dict[str, str] = {}
        # The same as the first for single entries of allow_origins, which may come from several.
        self._entry_came_from: list[tuple[object, str]] = []

    def read(self) -> tuple[PathRules, Words, OnDenied | None, bool | None]:
        """The rules, the application's words, `on_denied`, and debug mode if it is set."""
        options = self.options
        policy = cast("Source | NotGiven", self._take_object("policy", "cors.policy", NOT_GIVEN))
        on_denied = cast("OnDenied | None", self._take_object("on_denied", "cors.on_denied", None))
        debug = options.pop("debug", None)
        paths = options.pop("paths", None)
        covers = self._take_urls_regex()
        self._take_origins()
        self._take_max_age()
        self._drop_forbidden_headers()
        found: list[Problem] = []
        check_hooks(debug, on_denied, found)
        source = application_source(policy, options, found, self._spell)
        rules = compile_paths(source, paths, found)
        self.problems += [
            fault.in_settings(_PREFIX, Policy._fields, self._setting_of(fault))
            for fault in map(_as_dotted_path, found)
        ]
        if self.problems:
            raise PolicyError(self.problems)
        for pattern in _static_paths():
            rules.setdefault(pattern, leave(source))
        made = PathRules(source, rules.items(), covers)
        words = DJANGO_SETTINGS.spelling(self._came_from, self._decided_by)
        if not isinstance(policy, NotGiven):
            words = KEYWORDS.at("CORS_POLICY")
        return made, words, on_denied, debug

    def _add(self, code: str, field: str, value: object, *, what: str = "", fix: str = "") -> None:
        self.problems.append(problem(code, field, value, what=what, fix=fix))

    def _setting_of(self, fault: Problem) -> str:
        found = self._came_from.get(fault.field, "")
        if fault.field == "allow_origins":
            for entry, setting in self._entry_came_from:
                if entry is fault.value or entry == fault.value:
                    found = setting
        return found

    def _spell(self, option: str) -> str:
        return self._came_from.get(option, _PREFIX + option.upper())

    def _take(self, names: tuple[str, ...]) -> tuple[str, Any]:
        """The setting among `names` that is there, and its value; more than one is a problem."""
        found = [
            (_PREFIX + name.upper(), self.options.pop(name))
            for name in names
            if name in self.options
        ]
        if not found:
            return "", None
        for setting, value in found[1:]:
            self._add("conflict", setting, value, what=found[0][0])
        return found[0]

    def _take_object(self, option: str, example: str, otherwise: object) -> object:
        """The value of an option that may be a dotted path."""
        value = self.options.pop(option, otherwise)
        if not isinstance(value, str):
            return value
        try:
            return import_string(value)
        except ImportError as error:
            fix = f"a dotted path such as 'project.{example}'"
            what = f"a dotted path ({error})"
            self._add("wrong-value", _PREFIX + option.upper(), value, what=what, fix=fix)
            return otherwise

    def _take_origins(self) -> None:
        entries: list[object] = []
        setting, value = self._take(_ORIGINS)
        if setting:
            self._came_from["allow_origins"] = setting
            listed = value.replace(",", " ").split() if isinstance(value, str) else value
            if is_list(listed):
                if setting != "CORS_ALLOW_ORIGINS" and "file://" in listed:
                    warn(
                        f"corsgate: {setting} has 'file://', which no browser sends any more:"
                        " pages from files have the origin 'null'.",
                        stacklevel=2,
                    )
                    listed = [entry for entry in listed if entry != "file://"]
                entries += listed
            else:
                entries.append(listed)
            self._entry_came_from += [(entry, setting) for entry in entries]
        regexes = self._take_regexes()
        everybody, flag = self._take(_ALL)
        if everybody and not isinstance(flag, bool):
            self._add("wrong-type", everybody, flag, what="bool", fix="True or False")
        if flag is True:
            # As in django-cors-headers, the lists may stay where they are, if they are valid.
            self._judge_unused([*entries, *regexes])
            self._entry_came_from.append(("*", everybody))
            entries, regexes = ["*"], []
            self._decided_by["allow_origins"] = everybody
        elif regexes and not setting:
            self._decided_by["allow_origins"] = self._entry_came_from[0][1]
        if setting or everybody or regexes:
            self.options["allow_origins"] = [*entries, *regexes]

    def _judge_unused(self, entries: list[object]) -> None:
        found: list[Problem] = []
        build({**self.options, "allow_origins": entries}, found)
        self.problems += [
            fault.in_settings(_PREFIX, Policy._fields, self._setting_of(fault))
            for fault in found
            if fault.field == "allow_origins"
        ]

    def _take_regexes(self) -> list[re.Pattern[str]]:
        setting, value = self._take(_REGEXES)
        if not setting:
            return []
        compiled: list[re.Pattern[str]] = []
        for regex in value if is_list(value) else [value]:
            try:
                compiled.append(re.compile(regex))
            except (re.error, TypeError) as error:
                what = f"a regular expression ({error})"
                fix = r"a raw string such as r'https://\w+\.example\.com'"
                self._add("wrong-value", setting, regex, what=what, fix=fix)
        self._entry_came_from += [(regex, setting) for regex in compiled]
        return compiled

    def _take_max_age(self) -> None:
        setting, value = self._take(_MAX_AGE)
        if setting:
            self._came_from["max_age"] = setting
            # django-cors-headers leaves the header out for 0.
            dropped = setting == "CORS_PREFLIGHT_MAX_AGE" and value == 0 and value is not False
            self.options["max_age"] = None if dropped else value

    def _take_urls_regex(self) -> Callable[[str], object] | None:
        value = self.options.pop("urls_regex", None)
        try:
            return None if value is None else re.compile(value).match
        except (re.error, TypeError) as error:
            what = f"a regular expression ({error})"
            fix = "a raw string such as r'^/api/', or use CORS_PATHS"
            self._add("wrong-value", "CORS_URLS_REGEX", value, what=what, fix=fix)
            return None

    def _drop_forbidden_headers(self) -> None:
        # Older defaults of django-cors-headers had some, and projects have copied them.
        value: Any = self.options.get("allow_headers")
        if not is_list(value):
            return
        forbidden = {
            name
            for name in value
            if isinstance(name, str) and _protocol.is_forbidden_request_header(name.lower())
        }
        if forbidden:
            warn(
                f"corsgate: CORS_ALLOW_HEADERS has {', '.join(sorted(forbidden))}, which no page"
                " can set: take them out.",
                stacklevel=2,
            )
            self.options["allow_headers"] = [name for name in value if name not in forbidden]


def _as_dotted_path(fault: Problem) -> Problem:
    """The same problem, or what else is meant where an origin reads as a name in a module."""
    path = str(fault.value)
    top, dot, _ = path.partition(".")
    if fault.code != "origin-no-scheme" or not dot or PathFinder.find_spec(top) is None:
        return fault
    return problem(
        fault.code,
        fault.field,
        fault.value,
        fix=f"CORS_POLICY = {path!r} for a policy in a module, 'https://{path}' for an origin",
    )


def _static_paths() -> list[str]:
    """Where WhiteNoise answers by itself: it sends its own headers, with `*` for fonts."""
    if not getattr(settings, "WHITENOISE_ALLOW_ALL_ORIGINS", True) or not _has_whitenoise():
        return []
    path = getattr(settings, "WHITENOISE_STATIC_PREFIX", None)
    if path is None:
        path = "/" + urlsplit(settings.STATIC_URL or "").path.strip("/")
        path = path.removeprefix("/" + (settings.FORCE_SCRIPT_NAME or "").strip("/"))
    path = path.strip("/")
    return [f"/{path}/*"] if path else []


def _has_whitenoise() -> bool:
    return any(extends(name, _WHITENOISE) for name in settings.MIDDLEWARE)


def extends(name: str, base: tuple[str, str]) -> bool:
    """Whether an entry of MIDDLEWARE is a class, by module and name, or one derived from it."""
    with suppress(Exception):  # what does not load, Django reports by itself
        classes = getattr(import_string(name), "__mro__", ())
        return any((one.__module__, one.__name__) == base for one in classes)
    return False


def origins_setting() -> str:
    """The setting that the origins for all paths are read from, or would be."""
    names = [f"{_PREFIX}{name.upper()}" for name in (*_ORIGINS, "policy")]
    given = [name for name in names if getattr(settings, name, None) is not None]
    return (given or names)[0]


# URLconf -> what the middleware knows of its views. Where that may not hold any more, another dict
# takes the place of this one: a thread that is about to add to it then adds to the old one.
known_views: dict[object, Any] = {}


def forget_views() -> None:
    """To be called when there are other rules, or marks at other views."""
    global known_views
    known_views = {}


_rules: PathRules | None = None
_denials = Denials()
_words = DJANGO_SETTINGS
_gate = Gate(None, _denials)
_debug = False


def current_rules() -> PathRules:
    """The rules that the settings make now.

    :raises ImproperlyConfigured: with every problem, each at the name of its setting.
    """
    global _rules, _words, _denials, _gate, _debug
    rules = _rules
    if rules is None:
        try:
            rules, _words, on_denied, debug = _Reader().read()
            _denials = Denials(on_denied)
            _gate = Gate(rules.application, _denials)
            # Looking up a setting of Django takes longer than all else about an allowed request.
            _debug = settings.DEBUG if debug is None else debug
            _rules = rules
        except PolicyError as error:
            raise ImproperlyConfigured(f"corsgate: {error}") from error
    return rules


def current_denials() -> Denials:
    """What the settings say is done about denials."""
    current_rules()
    return _denials


def current_gate() -> Gate:
    """What judges by the rules, where a gate is on."""
    current_rules()
    return _gate


def words_in_settings(policy: Policy) -> Words:
    """How the options of a policy are spelt, if it is in the settings."""
    return words_in(current_rules(), policy, _words, "CORS_PATHS")


def words_without_policy(path: str) -> Words:
    """What says in the settings that a path has no policy."""
    pattern = current_rules().pattern_for(path)
    if pattern in _static_paths() and pattern not in (getattr(settings, "CORS_PATHS", None) or ()):
        return KEYWORDS.at(f"WhiteNoise sends its own for {pattern!r}")
    regex = f"CORS_URLS_REGEX = {getattr(settings, 'CORS_URLS_REGEX', None)!r}"
    return words_without(current_rules(), path, "CORS_POLICY", "CORS_PATHS", regex)


def is_debug() -> bool:
    """Whether debug mode is on, by the settings that the rules come from."""
    return _debug


# Other settings that count: where WhiteNoise answers, and which views there are to go with.
_OTHERS = ("DEBUG", "MIDDLEWARE", "STATIC_URL", "FORCE_SCRIPT_NAME", "ROOT_URLCONF")


def _forget(*, setting: str, **kwargs: object) -> None:
    global _rules
    if setting.startswith((_PREFIX, "WHITENOISE_")) or setting in _OTHERS:
        _rules = None
        forget_views()


setting_changed.connect(_forget, dispatch_uid="corsgate")
