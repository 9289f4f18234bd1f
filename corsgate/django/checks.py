"""Django's system checks: what is wrong with CORS in a project, each kind under its own id."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.utils.http import is_same_domain
from django.utils.module_loading import import_string

from .._advice import (
    NOTES,
    check_cookies,
    check_deployed,
    check_gates,
    check_use,
    finding,
    hides_mark,
    listed,
    places_of,
    unsafe_with_credentials,
)
from .._match import Matcher
from ..errors import PolicyError
from ..policy import Policy
from .conf import current_rules, origins_setting
from .middleware import CORSMiddleware
from .routing import merge_view, walk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .._advice import Place
    from .._marks import ViewPolicies
    from .._paths import PathRules
    from ..errors import Problem
    from .routing import View

# Each number stands for one kind and for ever, so that to silence one hides nothing else. New
# kinds go to the end of either list, where kinds that are no more stay.
_AROUND = """
    middleware-missing middleware-twice other-cors mark-hidden settings-unreadable
    urlconf-unreadable middleware-order nothing-allowed cookie-same-site cookie-not-secure
    cookie-site-unknown csrf-origin loopback-origin http-origin gate-not-inherited
    gate-nowhere any-host
"""
_POLICIES = """
    origin-empty origin-white-space origin-several origin-regex origin-no-scheme origin-scheme
    origin-user-info origin-path origin-upper-case origin-non-ascii origin-punycode origin-host
    origin-empty-label origin-ipv4 origin-ipv6 origin-port origin-default-port origin-too-long
    origin-wildcard insecure-origin public-suffix null-origin wildcard-credentials regex-too-broad
    coroutine-callable method-invalid method-forbidden method-case header-invalid header-forbidden
    expose-forbidden expose-wildcard-credentials max-age preflight-status dangerously-allow
    wrong-type wrong-value unknown-option conflict path-invalid path-repeated
    wildcard-mixed callable-signature path-parameter path-regex path-encoded path-segment
    wildcard-write own-origin gate-mode
"""
_NUMBERS = {
    **{code: number for number, code in enumerate(_AROUND.split(), 1)},
    **{code: number for number, code in enumerate(_POLICIES.split(), 101)},
}
_ERRORS = {*_AROUND.split()[:5], *_POLICIES.split()}

# What can answer on its way in, or put an answer of its own in the place of another on the way out.
# What answers in process_view, such as CsrfViewMiddleware, does so inside of all middleware.
_SECURITY = "django.middleware.security.SecurityMiddleware"
_ANSWERING = {
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
    "django.contrib.redirects.middleware.RedirectFallbackMiddleware",
    "django.middleware.cache.CacheMiddleware",
    "django.middleware.cache.FetchFromCacheMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
}
_CORSHEADERS = "corsheaders.middleware.CorsMiddleware"
_CSRF = "django.middleware.csrf.CsrfViewMiddleware"
_SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"


def check_project(**kwargs: object) -> list[checks.CheckMessage]:
    """Everything that is wrong wherever the project runs."""
    return [_as_message(found) for found in find_problems(Project())]


def check_deployment(**kwargs: object) -> list[checks.CheckMessage]:
    """What is wrong on a server, for `manage.py check --deploy`."""
    return [_as_message(found) for found in find_deployed(Project())]


def id_of(found: Problem) -> str:
    """The id under which `SILENCED_SYSTEM_CHECKS` knows a kind of problem."""
    level = "I" if found.code in NOTES else "E" if found.code in _ERRORS else "W"
    return f"corsgate.{level}{_NUMBERS[found.code]:03}"


def _as_message(found: Problem) -> checks.CheckMessage:
    name = id_of(found)
    kinds = {"E": checks.Error, "W": checks.Warning, "I": checks.Info}
    kind = kinds[name.partition(".")[2][0]]
    return kind(found.message, hint=found.hint, obj=found.field, id=name)


class Project:
    """The rules, the routes and the policies of their views, as far as all that can be read."""

    def __init__(self) -> None:
        self.rules: PathRules | None = None
        self.routes: list[tuple[str, View]] = []
        self.policies: dict[View, ViewPolicies] = {}
        self.problems: list[Problem] = []
        self.middleware: list[_Middleware] = [_Middleware(name) for name in settings.MIDDLEWARE]
        try:
            self.routes = list(walk(None))
        except PolicyError as error:
            self.problems += error.problems
        except Exception as error:
            self.problems.append(
                finding("urlconf-unreadable", "ROOT_URLCONF", what=_in_words(error))
            )
        try:
            self.rules = current_rules()
        except ImproperlyConfigured as error:
            cause = error.__cause__
            self.problems += cause.problems if isinstance(cause, PolicyError) else ()
        except Exception as error:
            self.problems.append(finding("settings-unreadable", "CORS_*", what=_in_words(error)))
        if self.rules is not None:
            for place, view in self.routes:
                if view not in self.policies:
                    name = f"route {place!r}, "
                    self.policies[view] = merge_view(view, self.rules, name, self.problems)

    def places(self) -> list[Place]:
        """All policies that are known before a request, and where they stand."""
        if self.rules is None:
            return []
        names = {view: f"route {place!r}" for place, view in reversed(self.routes)}
        named = {names[view]: policies for view, policies in self.policies.items()}
        return places_of(self.rules, named, origins_setting(), "CORS_PATHS")

    def alone(self) -> Iterator[Place]:
        """The policies that were given as such, and the paths and routes where they hold."""
        paths: Any = getattr(settings, "CORS_PATHS", None) or ()
        for path, policy in paths.items() if hasattr(paths, "items") else paths:
            if isinstance(policy, Policy):
                yield f"CORS_PATHS[{path!r}]", policy
        for place, view in self.routes:
            policies = self.policies[view]
            given = {id(mark.policy) for mark in policies.marks}
            for source in policies.sources():
                if isinstance(source, Policy) and id(source) in given:
                    yield f"route {place!r}", source

    def has(self, name: str) -> bool:
        """Whether there is such a middleware, or one that extends it."""
        return any(name in one.names for one in self.middleware)


class _Middleware:
    """One entry of MIDDLEWARE: its name there, and the names of its class and what that extends."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.names = {name}
        self.is_ours = False
        try:
            made: object = import_string(name)
        except Exception:
            return  # Django reports that when it starts to serve
        if isinstance(made, type):
            self.names |= {f"{base.__module__}.{base.__qualname__}" for base in made.__mro__}
            self.is_ours = issubclass(made, CORSMiddleware)

    def can_answer(self) -> bool:
        redirects = settings.SECURE_SSL_REDIRECT and _SECURITY in self.names
        return bool(redirects or self.names & _ANSWERING)


def _in_words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def find_problems(project: Project) -> Iterator[Problem]:
    """Everything that is wrong wherever the project runs."""
    yield from check_middleware(project)
    yield from project.problems
    if project.rules is None:
        return
    for place, view in project.routes:
        # One cors(...) may be on several views, and be hidden at one of them.
        if hides_mark(view, project.policies[view].marks):
            fix = "Put it above all other decorators."
            yield finding("mark-hidden", f"route {place!r}", view, fix=fix)
    if not project.problems:
        yield from check_use(project.rules, project.policies.values(), origins_setting())
        yield from check_gates(project.rules.application, project.alone())
    places = project.places()
    if project.has(_SESSIONS):
        same_site, secure = settings.SESSION_COOKIE_SAMESITE, settings.SESSION_COOKIE_SECURE
        yield from check_cookies(places, same_site, secure, _hosts())
    if project.has(_CSRF):
        trusted = settings.CSRF_TRUSTED_ORIGINS
        missing = [
            origin
            for origin in sorted(unsafe_with_credentials(places))
            if not any(_trusts(one, origin) for one in trusted)
        ]
        if missing:
            fix = repr([*trusted, *missing])
            yield finding(
                "csrf-origin", "CSRF_TRUSTED_ORIGINS", trusted, what=listed(missing), fix=fix
            )


def find_deployed(project: Project) -> Iterator[Problem]:
    """What is wrong on a server."""
    if settings.DEBUG:
        return
    places = project.places()
    yield from check_deployed(places)
    guarded = any(policy.gate == "enforce" and not policy.own_origins for _, policy in places)
    if guarded and "*" in settings.ALLOWED_HOSTS:
        yield finding("any-host", "ALLOWED_HOSTS", settings.ALLOWED_HOSTS)


def check_middleware(project: Project) -> Iterator[Problem]:
    """Whether the middleware is there, once, and where nothing answers in its place."""
    field = "MIDDLEWARE"
    ours = [one for one in project.middleware if one.is_ours]
    if not ours:
        marked = [place for place, view in project.routes if _is_marked(project, view)]
        what = f", and the @cors(...) of {listed(marked)} has no effect" if marked else ""
        yield finding("middleware-missing", field, "corsgate.django.CORSMiddleware", what=what)
        return
    if len(ours) > 1:
        yield finding("middleware-twice", field, ours[1].name)
    before = project.middleware[: project.middleware.index(ours[0])]
    answering = [one.name for one in before if one.can_answer()]
    if answering:
        yield finding("middleware-order", field, ours[0].name, what=listed(answering))
    if project.has(_CORSHEADERS):
        yield finding("other-cors", field, _CORSHEADERS, what="django-cors-headers")


def _is_marked(project: Project, view: View) -> bool:
    policies = project.policies.get(view)
    return policies is not None and bool(policies.marks)


def _hosts() -> set[str]:
    """The names of this server, as far as the settings tell."""
    named = [*settings.ALLOWED_HOSTS, settings.SESSION_COOKIE_DOMAIN]
    hosts = {name.removeprefix(".") for name in named if name and name != "*"}
    if settings.DEBUG and not settings.ALLOWED_HOSTS:
        hosts |= {"localhost", "127.0.0.1", "[::1]"}  # as Django itself does
    return hosts


def _trusts(trusted: str, origin: str) -> bool:
    """Whether an entry of CSRF_TRUSTED_ORIGINS covers an origin, or is covered by a pattern."""
    if "*" not in trusted:
        return trusted == origin or Matcher(patterns=[origin]).allows(trusted, {})
    ours, theirs = urlsplit(origin), urlsplit(trusted)
    return ours.scheme == theirs.scheme and is_same_domain(ours.netloc, theirs.netloc.lstrip("*"))
