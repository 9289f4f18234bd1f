"""Django's URLconf: which view serves a path, and the policies that its views are marked with."""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.core.exceptions import ImproperlyConfigured
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver
from django.utils import translation
from django.utils.functional import Promise

from .._log import WARNING, log
from .._marks import UNMARKED, class_of, compile_view, group_view, groups_of, is_marked, mark_of
from .._nested import NOT_GIVEN, NotGiven, closed_between, may_gate
from .._sources import warn_if_closed, warn_if_ungated
from .._words import KEYWORDS
from ..errors import PolicyError
from . import conf
from .conf import (
    current_denials,
    current_rules,
    extends,
    forget_views,
    is_debug,
    words_in_settings,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from django.http import HttpRequest

    from .._denials import Denials
    from .._marks import Mark, ViewPolicies
    from .._nested import Source
    from .._paths import PathRules
    from .._words import Words
    from ..errors import Problem
    from ..policy import Policy

    View = Callable[..., Any]

_LOCALE = ("django.middleware.locale", "LocaleMiddleware")

# How many marks were made; until there is one, an answer without a view needs no routing.
_marks_made = 0


def note_mark() -> None:
    """To be called for every mark that is made, and again where it changes what routing has met."""
    global _marks_made
    _marks_made += 1
    forget_views()


def mark_pattern(
    entry: URLPattern | URLResolver, mark: Mark, notice: Callable[..., None]
) -> URLPattern | URLResolver:
    """The same with its views in one group more; `notice` as of `mark_view`."""
    if isinstance(entry, URLResolver):
        children = [mark_pattern(child, mark, notice) for child in entry.url_patterns]
        return URLResolver(
            entry.pattern, children, entry.default_kwargs, entry.app_name, entry.namespace
        )
    is_async = iscoroutinefunction(entry.callback)
    view = group_view(entry.callback, mark, is_async=is_async, notice=notice)
    return URLPattern(entry.pattern, view, entry.default_args, entry.name)


class Views:
    """What is known about the views of one URLconf, under the rules of now."""

    __slots__ = ("denials", "gated", "only", "rules")

    def __init__(self, rules: PathRules, *, gated: bool) -> None:
        self.rules: PathRules = rules
        self.gated: bool = gated  # whether a gate may be on
        self.denials: Denials = current_denials()
        # The policy of every request, where `decide` takes nothing but that: no routing, no code
        # of the user's, and nothing to say in debug mode.
        only = None if gated or _marks_made or is_debug() else rules.only_policy
        calls = only is not None and only._matcher is not None and only._matcher.calls
        self.only: Policy | None = None if calls else only


def learn_views(urlconf: object) -> Views:
    """What there is to know, once all views are known to go together with the settings.

    :raises ImproperlyConfigured: as `check_views`.
    """
    rules = current_rules()
    if not check_views(urlconf, rules):
        return Views(rules, gated=True)  # some views may load, and have a gate
    known = conf.known_views  # not before: marks are made while views load
    known[urlconf] = views = Views(rules, gated=may_refuse(urlconf, rules))
    return views


def source_of(request: HttpRequest, rules: PathRules, urlconf: object) -> Source:
    """The source for the view that has answered, or would have if nothing had come before it.

    :param urlconf: that of the request when it came.
    """
    if getattr(request, "urlconf", None) is not urlconf:
        _warn_about_urlconf()
    if request.resolver_match is not None:
        # A middleware may have changed it, and the view goes by that.
        method = request.method or request.META["REQUEST_METHOD"]
        return source_of_view(request, method, rules)
    # By now the language is known, whichever middleware has chosen it.
    active = translation.get_language()
    return route(request, request.META["REQUEST_METHOD"], rules, active)[0]


def source_of_view(
    request: HttpRequest, method: str, rules: PathRules, *, as_written: bool = False
) -> Source:
    """The source for the view that Django has chosen.

    :param as_written: whether the methods without a handler have no part in what the others share.
    """
    match = request.resolver_match
    if _marks_made and match is not None:
        policies = _compile(match.func, rules, _marks_made)
        found = policies.source(method) if as_written else policies.judged_by(method)[0]
        if not isinstance(found, NotGiven):
            return found
    return rules.find(request.path_info)


@lru_cache(maxsize=1)
def _warn_about_urlconf() -> None:
    log(
        WARNING,
        "corsgate: a middleware below CORSMiddleware sets request.urlconf, which is too late for"
        " preflights: put it above corsgate.django.CORSMiddleware in MIDDLEWARE",
    )


def route(
    request: HttpRequest,
    method: str,
    rules: PathRules,
    active: str | None = None,
    *,
    in_all_languages: bool = False,
) -> tuple[Source, bool]:
    """The source of the view that would serve `method`, and whether other methods differ.

    :param active: the language that Django has looked in; None where it has yet to.
    :param in_all_languages: for a preflight: a cookie may choose the language of what follows, and
        where that may be a view with another source, nothing is allowed.
    """
    views = _find_views(request, rules, active, in_all_languages=in_all_languages)
    found = [_source_at(path, view, method, rules) for path, view in views]
    source, differs = found[0]
    # To compare a policy with itself would look at every field.
    if len(found) > 1 and any(other != source for other, _ in found):
        return closed_between(*(other for other, _ in found), rules.application), True
    return source, differs


def _source_at(path: str, view: View | None, method: str, rules: PathRules) -> tuple[Source, bool]:
    source, differs = _policies_of(view, rules).judged_by(method) if view else (NOT_GIVEN, False)
    return rules.find(path) if isinstance(source, NotGiven) else source, differs


def _find_views(
    request: HttpRequest,
    rules: PathRules,
    active: str | None,
    *,
    in_all_languages: bool,
) -> list[tuple[str, View | None]]:
    """The path, after a slash redirect, and its view; None if there is none.

    :param in_all_languages: whether to add what any other language would lead to.
    """
    path: str = request.path_info
    try:
        urlconf = getattr(request, "urlconf", None)
        if urlconf is None:
            urlconf = settings.ROOT_URLCONF
        resolver = get_resolver(urlconf)
        resolver.url_patterns  # noqa: B018  # loads the views, and with them the marks
        if _marks_made or rules.only_policy is None:
            likely, others = _languages(request, urlconf, active)
            first = next(_hits(resolver, path, [*likely, *others]), (path, None))
            return [first, *(_hits(resolver, path, others) if in_all_languages else ())]
    except Exception:
        # A converter or the URLconf itself is broken: Django reports that by itself.
        return [(path, None)]
    return [(path, None)]


def _hits(
    resolver: URLResolver, path: str, languages: Iterable[str | None]
) -> Iterator[tuple[str, View | None]]:
    for language in dict.fromkeys(languages):
        if language is None:
            found = _resolve(resolver, path)
        else:  # which loads it, below locks
            with translation.override(language):
                found = _resolve(resolver, path)
        if found is not None:
            yield found


def _resolve(resolver: URLResolver, path: str) -> tuple[str, View] | None:
    try:
        return path, resolver.resolve(path).func
    except Resolver404:
        if path.endswith("/") or not settings.APPEND_SLASH:
            return None
    with suppress(Resolver404):
        return f"{path}/", resolver.resolve(f"{path}/").func
    return None


def _languages(
    request: HttpRequest, urlconf: Any, active: str | None
) -> tuple[list[str | None], tuple[str, ...]]:
    """The languages in which Django will look for a view: likely ones, and what else there is.

    None is whichever is active: no pattern reads otherwise in another one.
    """
    others = _translations(urlconf)
    prefixed, prefixes_default = is_language_prefix_patterns_used(urlconf)
    if not prefixed and not others:
        return [None], ()
    default = settings.LANGUAGE_CODE
    in_path = translation.get_language_from_path(request.path_info) if prefixed else None
    if in_path is not None or (prefixed and not prefixes_default):
        return [active or in_path or default, in_path or default, default], ()
    if active is None and _has_locale(tuple(settings.MIDDLEWARE)):
        # As its process_request does, which comes after ours.
        active = translation.get_language_from_request(request)
    return [active or default, default], others


@lru_cache(maxsize=1024)
def _translations(urlconf: Any) -> tuple[str, ...]:
    """A language for each way in which the patterns of a URLconf read; none if in just one."""
    lazy = [
        pattern
        for pattern in _patterns(get_resolver(urlconf).url_patterns)
        if isinstance(getattr(pattern, "_route", getattr(pattern, "_regex", None)), Promise)
    ]
    found: dict[tuple[str, ...], str] = {}
    for language, _ in settings.LANGUAGES if lazy else ():
        with translation.override(language):
            found.setdefault(tuple(map(str, lazy)), language)
    return tuple(found.values())


def _patterns(entries: list[URLPattern | URLResolver]) -> Iterator[object]:
    for entry in entries:
        yield entry.pattern
        if isinstance(entry, URLResolver):
            yield from _patterns(entry.url_patterns)


@lru_cache(maxsize=8)
def _has_locale(middleware: tuple[str, ...]) -> bool:
    return any(extends(name, _LOCALE) for name in middleware)


def words_of(policy: Policy) -> Words:
    """How the options of a policy are spelt where it is written: at a view, or in the settings.

    Slow: it looks through the views of `settings.ROOT_URLCONF`.
    """
    place = None
    with suppress(Exception):  # a URLconf that is broken, or a view in it: Django reports that
        place = _place_of(policy, current_rules())
    return words_in_settings(policy) if place is None else KEYWORDS.at(f"cors(...) {place}")


def _place_of(policy: Policy, rules: PathRules) -> str | None:
    for _, view in walk(None) if _marks_made and policy is not rules.application else ():
        method = _policies_of(view, rules).method_of(policy)
        if method is not None:
            around = "of" if is_marked(view, method) else "around the group of"
            return f"{around} view {_name_of(view)!r}"
    return None


def walk(urlconf: Any) -> Iterator[tuple[str, View]]:
    """Every route of a URLconf with its view, in the order in which Django tries them.

    :param urlconf: as `request.urlconf`; None for `settings.ROOT_URLCONF`.
    """
    return _walk("", get_resolver(urlconf).url_patterns)


def _walk(above: str, entries: list[URLPattern | URLResolver]) -> Iterator[tuple[str, View]]:
    for entry in entries:
        place = above + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _walk(place, entry.url_patterns)
        else:
            yield place, entry.callback


def check_views(urlconf: Any, rules: PathRules) -> bool:
    """Merge all that the views of a URLconf are marked with, before any of them runs.

    :return: whether that could be done; a URLconf that does not load is reported by Django.
    :raises ImproperlyConfigured: with every problem of every route.
    """
    try:
        list(walk(urlconf))
    except Exception:
        return False
    marks_of(urlconf, rules)
    return True


@lru_cache(maxsize=1024)
def marks_of(urlconf: Any, rules: PathRules) -> frozenset[Mark]:
    """The marks that routing knows of.

    :raises ImproperlyConfigured: as `check_views`.
    """
    merged: dict[View, ViewPolicies] = {}
    problems: list[Problem] = []
    for place, view in walk(urlconf) if _marks_made else ():
        if view not in merged and _is_marked(view):
            merged[view] = merge_view(view, rules, f"route {place!r}, ", problems)
    if problems:
        raise _as_django_error(problems)
    sources = [source for policies in merged.values() for source in policies.sources()]
    everywhere = (*rules.sources(), *sources)
    warn_if_closed(everywhere, "CORSMiddleware", "set CORS_ALLOW_ORIGINS")
    warn_if_ungated(everywhere, "CORSMiddleware", "set CORS_GATE")
    marks = [mark for policies in merged.values() for mark in policies.marks]
    return frozenset(known for mark in marks for known in (mark, mark.origin))


@lru_cache(maxsize=1024)
def may_refuse(urlconf: Any, rules: PathRules) -> bool:
    """Whether a gate may be on somewhere, once the views are known to load and to be valid."""
    views = {view for _, view in walk(urlconf)} if _marks_made else set()
    sources = [source for view in views for source in _policies_of(view, rules).sources()]
    return any(map(may_gate, (*rules.sources(), *sources)))


@lru_cache(maxsize=4096)
def _compile(view: View, rules: PathRules, marks: int) -> ViewPolicies:
    if not _is_marked(view):
        return UNMARKED
    problems: list[Problem] = []
    policies = merge_view(view, rules, "", problems)
    if problems:  # in a URLconf that was chosen after the check, by another middleware
        raise _as_django_error(problems)
    return policies


def merge_view(view: View, rules: PathRules, place: str, problems: list[Problem]) -> ViewPolicies:
    """The policies of a view; what is wrong is added to `problems`, with its place in front."""
    name = f"{place}view {_name_of(view)}"
    return compile_view(view, groups_of(view), rules.application, name, problems)


def _name_of(view: View) -> str:
    named = class_of(view) or view
    return f"{named.__module__}.{getattr(named, '__qualname__', type(named).__name__)}"


def _as_django_error(problems: list[Problem]) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"corsgate: {PolicyError(problems)}")


def _is_marked(view: View) -> bool:
    return bool(groups_of(view)) or class_of(view) is not None or mark_of(view) is not None


def _policies_of(view: View, rules: PathRules) -> ViewPolicies:
    return _compile(view, rules, _marks_made)  # until another view, such as its class, is marked
