"""The middleware, and the decorator for views and groups of views."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.urls import Resolver404, URLPattern, URLResolver, get_resolver
from django.utils import translation

from .._engine import answer_preflight, update_headers, without_caching
from .._marks import (
    UNMARKED,
    Mark,
    class_of,
    compile_view,
    group_view,
    groups_of,
    mark_of,
    mark_view,
    set_mark,
)
from .._protocol import ENVIRON_REQUEST_METHOD
from .._sources import NOT_GIVEN, NotGiven, decide_by, is_preflight, may_block
from ..errors import PolicyError, show
from .conf import current_denials, current_rules, is_debug

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any, TypeVar, Unpack

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from .._engine import Decision
    from .._marks import ViewPolicies
    from .._paths import PathRules
    from .._sources import Source
    from ..policy import Policy, PolicyOptions

    Target = TypeVar("Target")
    GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


class CORSMiddleware:
    """Answers preflights and adds the CORS headers, as `settings.CORS_*` and `@cors` say.

    Put it first in `MIDDLEWARE`, so that every answer passes it. Works under WSGI and ASGI.

    :raises ImproperlyConfigured: when the project starts, with every problem of the settings.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        current_rules()

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._acall(request)
        rules = current_rules()
        if is_preflight(request.META):
            source, differs = _route(request, request.META[ENVIRON_REQUEST_METHOD], rules)
            decision = _as_cacheable(_decide(source, request.META), differs)
            if decision is not None and decision.kind == "preflight":
                return _answer(decision)
            return _finish(cast("HttpResponseBase", self.get_response(request)), decision)
        response = cast("HttpResponseBase", self.get_response(request))
        return _finish(response, _decide(_source_of(request, rules), request.META))

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        rules = current_rules()
        if is_preflight(request.META):
            source, differs = _route(request, request.META[ENVIRON_REQUEST_METHOD], rules)
            decision = _as_cacheable(await _decide_in_thread(source, request.META), differs)
            if decision is not None and decision.kind == "preflight":
                return _answer(decision)
            return _finish(await cast("Any", self.get_response(request)), decision)
        response = await cast("Any", self.get_response(request))
        return _finish(response, await _decide_in_thread(_source_of(request, rules), request.META))


def _decide(source: Source, meta: dict[str, Any]) -> Decision | None:
    return _note(decide_by(source, meta), meta)


async def _decide_in_thread(source: Source, meta: dict[str, Any]) -> Decision | None:
    """Callables of the user's may wait for something, and must not do so in the event loop."""
    if may_block(source):
        return await sync_to_async(_decide)(source, meta)
    decision = decide_by(source, meta)
    if decision is None or decision.allowed or not current_denials().may_block:
        return _note(decision, meta)
    return await sync_to_async(_note)(decision, meta)


def _note(decision: Decision | None, meta: dict[str, Any]) -> Decision | None:
    """The decision to write, and all that is said about a denial."""
    if decision is None or (decision.allowed and not is_debug()):
        return decision
    return current_denials().note(meta, decision, is_debug())


def _answer(decision: Decision) -> HttpResponse:
    status, headers, body = answer_preflight(decision)
    response = HttpResponse(body, status=int(status[:3]), headers=dict(headers))
    if status.startswith("204"):
        del response["Content-Type"]  # Django's default; a 204 has no content
    return response


def _finish(response: HttpResponseBase, decision: Decision | None) -> HttpResponseBase:
    if decision is None:
        return response
    update_headers(cast("MutableMapping[str, str]", response.headers), decision)
    return response


# ------------------------------------------------------------------ which policy

# Whether any view may be marked; until then an answer without a view needs no routing.
_marks_exist = False


def _source_of(request: HttpRequest, rules: PathRules) -> Source:
    """The source for the view that has answered, or would have if nothing had come before it."""
    match = request.resolver_match
    if match is None:
        return _route(request, request.META["REQUEST_METHOD"], rules)[0]
    if _marks_exist:
        found, _ = _policies_of(match.func, rules).judged_by(request.META["REQUEST_METHOD"])
        if not isinstance(found, NotGiven):
            return found
    return rules.find(request.path_info)


def _as_cacheable(decision: Decision | None, differs: bool) -> Decision | None:
    return without_caching(decision) if differs and decision is not None else decision


def _route(request: HttpRequest, method: str, rules: PathRules) -> tuple[Source, bool]:
    """The source of the view that would serve `method`, and whether other methods differ."""
    path, view = request.path_info, None
    try:
        resolver = get_resolver(getattr(request, "urlconf", None))
        resolver.url_patterns  # noqa: B018  # loads the views, and with them the marks
        if _marks_exist or rules.only_policy is None:
            path, view = _find_view(resolver, path)
    except Exception:
        # A converter or the URLconf itself is broken: Django reports that by itself.
        view = None
    source, differs = _policies_of(view, rules).judged_by(method) if view else (NOT_GIVEN, False)
    return rules.find(path) if isinstance(source, NotGiven) else source, differs


def _find_view(resolver: URLResolver, path: str) -> tuple[str, Callable[..., Any] | None]:
    """The path of the view, after a slash redirect, and the view; None if there is none."""
    paths = [path, f"{path}/"] if settings.APPEND_SLASH and not path.endswith("/") else [path]
    # i18n_patterns look at the active language, which LocaleMiddleware has yet to set.
    language = translation.get_language_from_path(path) or settings.LANGUAGE_CODE
    with translation.override(language):
        for candidate in paths:
            try:
                return candidate, resolver.resolve(candidate).func
            except Resolver404:
                continue
    return path, None


@lru_cache(maxsize=4096)
def _compile(view: Callable[..., Any], rules: PathRules) -> ViewPolicies:
    problems: list[Any] = []
    place = f"view {view.__module__}.{getattr(view, '__qualname__', type(view).__name__)}"
    policies = compile_view(view, groups_of(view), rules.application, place, problems)
    if problems:
        raise ImproperlyConfigured(f"corsgate: {PolicyError(problems)}")
    return policies


def _policies_of(view: Callable[..., Any], rules: PathRules) -> ViewPolicies:
    if not groups_of(view) and class_of(view) is None and mark_of(view) is None:
        return UNMARKED
    return _compile(view, rules)


# ------------------------------------------------------------------ the decorator


def cors(
    positional: Policy | NotGiven | None = NOT_GIVEN,
    /,
    *,
    policy: Source | NotGiven = NOT_GIVEN,
    **options: Unpack[PolicyOptions],
) -> Callable[[Target], Target]:
    """Give a view, a class-based view or an `include()` a policy of its own.

    `@cors(...)` on a function, sync or async; `method_decorator(cors(...), name="dispatch")` or
    `@cors(...)` on a class or one of its methods; `cors(...)(View.as_view())`;
    `path("api/", cors(...)(include("project.api")))`. It holds for every answer of the view. The
    project needs `"corsgate.django.CORSMiddleware"` in `MIDDLEWARE`.

    :param policy: a `Policy` or `None` (CORS is the view's own); by keyword also a callable that is
        given `request.META` and returns one of the two.
    :param options: fields of `Policy` instead, which change those of the enclosing groups and of
        the settings.
    :raises TypeError: for `@cors` without parentheses, and without or with too many arguments.
    :raises PolicyError: with every problem that the arguments have; what only shows together with
        inherited options is reported when the view is first asked for.
    """
    global _marks_exist
    mark = Mark(positional, policy, options)
    _marks_exist = True

    def decorate(target: Any) -> Any:
        if isinstance(target, tuple):
            urlconf, app_name, namespace = target
            patterns: Any = getattr(urlconf, "urlpatterns", urlconf)
            return [_mark_pattern(entry, mark) for entry in patterns], app_name, namespace
        if isinstance(target, type):
            set_mark(target, mark)
            return target
        if not callable(target):
            raise TypeError(
                "cors() is for a view, a class of views or a group: write"
                f" cors(...)(include(...)) or cors(...)(api.urls), not {show(target)}."
            )
        return mark_view(target, mark, is_async=iscoroutinefunction(target), notice=_notice)

    return decorate


def _mark_pattern(entry: URLPattern | URLResolver, mark: Mark) -> URLPattern | URLResolver:
    if isinstance(entry, URLResolver):
        children = [_mark_pattern(child, mark) for child in entry.url_patterns]
        return URLResolver(
            entry.pattern, children, entry.default_kwargs, entry.app_name, entry.namespace
        )
    view = group_view(entry.callback, mark, is_async=iscoroutinefunction(entry.callback))
    return URLPattern(entry.pattern, view, entry.default_args, entry.name)


def _notice(mark: Mark, *args: object, **kwargs: object) -> None:
    request = next((arg for arg in args if hasattr(arg, "resolver_match")), None)
    match = getattr(request, "resolver_match", None)
    if match is None:
        return  # called by hand, such as from a test of the view
    if mark not in _policies_of(match.func, current_rules()).marks and not _is_routed(
        mark, getattr(request, "urlconf", None) or settings.ROOT_URLCONF
    ):
        raise ImproperlyConfigured(
            f"The @cors(...) of the view at {show(match.route)} is hidden from routing by another"
            " decorator: put it above that one."
        )


@lru_cache(maxsize=1024)
def _is_routed(mark: Mark, urlconf: str | None) -> bool:
    """Whether some other view has the mark: then one view has called another."""
    rules = current_rules()
    entries: list[URLPattern | URLResolver] = list(get_resolver(urlconf).url_patterns)
    for entry in entries:
        if isinstance(entry, URLResolver):
            entries += entry.url_patterns
        elif mark in _policies_of(entry.callback, rules).marks:
            return True
    return False
