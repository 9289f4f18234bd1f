"""The middleware, and the decorator for views and groups of views."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import DisallowedHost, ImproperlyConfigured
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse
from django.urls import URLPattern, URLResolver

from .._decision import answer_preflight, without_caching
from .._engine import update_headers
from .._gate import passes
from .._marks import Mark, group_view, mark_view, set_mark
from .._nested import NOT_GIVEN, NotGiven
from .._protocol import ENVIRON_REQUEST_METHOD
from .._refusals import note_no_answer
from .._sources import decide_by, for_method, is_preflight, may_block
from ..errors import show
from .conf import current_denials, current_gate, current_rules, is_debug
from .routing import (
    check_views,
    marks_of,
    may_refuse,
    note_mark,
    route,
    source_of,
    source_of_view,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from typing import Any, TypeVar, Unpack

    from django.http import HttpRequest

    from .._decision import Decision
    from .._nested import Source
    from .._paths import PathRules
    from ..policy import Policy, PolicyOptions

    Target = TypeVar("Target")
    GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


# Whether this process has the middleware, without which a mark does nothing.
_is_installed = False

# What a request carries of the gate: what it was judged by, and the refusal with its decision.
_JUDGED, _REFUSED = "_corsgate_judged", "_corsgate_refused"


class CORSMiddleware:
    """Answers preflights and adds the CORS headers, as `settings.CORS_*` and `@cors` say.

    Put it first in `MIDDLEWARE`, so that every answer passes it; only a middleware that sets
    `request.urlconf` belongs above it. Works under WSGI and ASGI.

    Settings are read once. To change the policy while serving, let `CORS_POLICY` name a function
    that takes `request.META` and returns the `Policy` that holds now.

    :raises ImproperlyConfigured: when the project starts, with every problem of the settings.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        global _is_installed
        _is_installed = True
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        # URLconf -> the rules under which its views were checked, and whether a gate may be on.
        # Django keeps a resolver for each.
        self._checked: dict[object, tuple[PathRules, bool]] = {}
        current_rules()

    def _rules_of(self, request: HttpRequest) -> tuple[PathRules, bool]:
        """The rules of the settings, once all views are known to go together with them."""
        rules = current_rules()
        urlconf: object = getattr(request, "urlconf", None)
        known = self._checked.get(urlconf)
        if known is not None and known[0] is rules:
            return known
        if not check_views(urlconf, rules):
            return rules, True  # some views may load, and have a gate
        known = self._checked[urlconf] = rules, may_refuse(urlconf, rules)
        return known

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._acall(request)
        rules, gated = self._rules_of(request)
        if is_preflight(request.META):
            asked = request.META[ENVIRON_REQUEST_METHOD]
            source, differs = route(request, asked, rules, in_all_languages=True)
            decision = _decide(source, request.META, differs)
            if decision is not None and decision.kind == "preflight":
                return _answer(decision)
            return _finish(cast("HttpResponseBase", self.get_response(request)), decision)
        if gated and not passes(request.META):
            source, _ = route(request, request.META["REQUEST_METHOD"], rules)
            refusal = _refuse(source, request, request.META)
            if refusal is not None:
                return refusal
        urlconf = getattr(request, "urlconf", None)
        response = cast("HttpResponseBase", self.get_response(request))
        if hasattr(request, _REFUSED):
            return _finish_refusal(request, response)
        return _finish(response, _decide(source_of(request, rules, urlconf), request.META))

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        rules, gated = self._rules_of(request)
        if is_preflight(request.META):
            asked = request.META[ENVIRON_REQUEST_METHOD]
            source, differs = route(request, asked, rules, in_all_languages=True)
            decision = await _decide_in_thread(source, request.META, differs)
            if decision is not None and decision.kind == "preflight":
                return _answer(decision)
            return _finish(await cast("Any", self.get_response(request)), decision)
        if gated and not passes(request.META):
            source, _ = route(request, request.META["REQUEST_METHOD"], rules)
            refusal = await _refuse_in_thread(source, rules, request, request.META)
            if refusal is not None:
                return refusal
        urlconf = getattr(request, "urlconf", None)
        response = await cast("Any", self.get_response(request))
        if hasattr(request, _REFUSED):
            return _finish_refusal(request, response)
        source = source_of(request, rules, urlconf)
        return _finish(response, await _decide_in_thread(source, request.META))

    @property
    def process_view(self) -> Callable[..., Any]:
        """The gate's second look, when Django knows the view and has yet to call it.

        Middleware below may have changed what the first look was by: the language, the URLconf,
        the path or the method. As asynchronous as the middleware, so that no thread is needed.
        """
        return self._alook_again if self._is_async else self._look_again

    def _look_again(self, request: HttpRequest, *view: object) -> HttpResponseBase | None:
        rules, gated = self._rules_of(request)
        left = _left_to_judge(request, rules) if gated else None
        return None if left is None else _refuse(left[0], request, left[1])

    async def _alook_again(self, request: HttpRequest, *view: object) -> HttpResponseBase | None:
        rules, gated = self._rules_of(request)
        left = _left_to_judge(request, rules) if gated else None
        return None if left is None else await _refuse_in_thread(left[0], rules, request, left[1])


def _decide(source: Source, meta: dict[str, Any], differs: bool = False) -> Decision | None:
    decision = decide_by(source, meta)
    if may_block(source, meta):
        current_gate().remember(source, decision)
    return _note(_as_cacheable(decision, differs), meta)


async def _decide_in_thread(
    source: Source, meta: dict[str, Any], differs: bool = False
) -> Decision | None:
    """Callables of the user's may wait for something, and must not do so in the event loop."""
    if may_block(source, meta):
        return await sync_to_async(_decide)(source, meta, differs)
    decision = _as_cacheable(decide_by(source, meta), differs)
    may_pass = decision is None or (decision.allowed and decision.kind != "preflight")
    if may_pass or not current_denials().may_block:
        return _note(decision, meta)
    return await sync_to_async(_note)(decision, meta)


def _note(decision: Decision | None, meta: dict[str, Any]) -> Decision | None:
    """The decision to write, and all that is said about a denial."""
    if decision is not None and decision.kind == "preflight":
        return current_gate().apply(None, decision, meta, is_debug(), words_of)[0]
    if decision is None or (decision.allowed and not is_debug()):
        return decision
    return current_denials().note(meta, decision, is_debug(), words_of)


def _refuse(source: Source, request: HttpRequest, meta: dict[str, Any]) -> HttpResponseBase | None:
    """The answer in the project's stead, where the gate refuses the request."""
    setattr(request, _JUDGED, (source, request.method))
    try:
        host = request.get_host()
    except DisallowedHost:
        host = ""  # no origin is our own there
    if meta.get("HTTP_HOST") != host:
        meta = {**meta, "HTTP_HOST": host}
    found = decide_by(source, meta)
    decision, answer = current_gate().ask(source, found, meta, is_debug(), words_of)
    if decision is None:
        return None
    if isinstance(answer, HttpResponseBase):
        if isinstance(answer, SimpleTemplateResponse):
            answer.render()  # as Django does with what views return
        response = _finish(answer, decision)
    else:
        if answer is not None:
            note_no_answer(answer, "HttpResponse")
        response = _answer(decision)
    setattr(request, _REFUSED, (response, decision))
    return response


async def _refuse_in_thread(
    source: Source, rules: PathRules, request: HttpRequest, meta: dict[str, Any]
) -> HttpResponseBase | None:
    may_wait = current_denials().may_block or any(
        may_block(asked, meta) for asked in (source, rules.application)
    )
    refuse = sync_to_async(_refuse) if may_wait else None
    return await refuse(source, request, meta) if refuse else _refuse(source, request, meta)


def _left_to_judge(request: HttpRequest, rules: PathRules) -> tuple[Source, dict[str, Any]] | None:
    """The source of the view that is to run, and the request, unless both have been judged."""
    meta, method = request.META, str(request.method)
    if method != meta["REQUEST_METHOD"].upper():
        meta = for_method(meta, method)
    if passes(meta):
        return None
    # The view itself may serve what routing knows no handler for.
    source = source_of_view(request, method, rules, as_written=True)
    return None if getattr(request, _JUDGED, None) == (source, method) else (source, meta)


def _finish_refusal(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The refusal of the second look, after other middleware has seen it."""
    made, decision = getattr(request, _REFUSED)
    return response if response is made else _finish(response, decision)


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


def _as_cacheable(decision: Decision | None, differs: bool) -> Decision | None:
    return without_caching(decision) if differs and decision is not None else decision


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
    `path("api/", cors(...)(include("project.api")))`. It holds for every answer of the view, and on
    a class for derived classes too, unless they have their own. The project needs
    `"corsgate.django.CORSMiddleware"` in `MIDDLEWARE`.

    :param policy: a `Policy` or `None` (CORS is the view's own); by keyword also a callable that is
        given `request.META` and returns one of the two.
    :param options: fields of `Policy` instead, which change those of the enclosing groups and of
        the settings.
    :raises TypeError: for `@cors` without parentheses, and without or with too many arguments.
    :raises PolicyError: with every problem that the arguments have; what only shows together with
        inherited options is reported at the first request, for all routes at once.
    """
    shared = Mark(positional, policy, options)
    note_mark()

    def decorate(target: Any) -> Any:
        # method_decorator() decorates a partial again at each call: that is what it was before.
        mark = shared if isinstance(target, partial) else shared.copy()
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
        operation = getattr(target, "_ninja_operation", None)
        if operation is not None:  # Ninja has registered the function, and never sees a wrapper
            raise TypeError(
                f"cors() does nothing above the operation {operation.path!r} of Django Ninja:"
                " write cors(...)(api.urls), or name the path in CORS_PATHS."
            )
        return mark_view(target, mark, is_async=iscoroutinefunction(target), notice=_notice)

    return decorate


def _mark_pattern(entry: URLPattern | URLResolver, mark: Mark) -> URLPattern | URLResolver:
    if isinstance(entry, URLResolver):
        children = [_mark_pattern(child, mark) for child in entry.url_patterns]
        return URLResolver(
            entry.pattern, children, entry.default_kwargs, entry.app_name, entry.namespace
        )
    is_async = iscoroutinefunction(entry.callback)
    view = group_view(entry.callback, mark, is_async=is_async, notice=_notice)
    return URLPattern(entry.pattern, view, entry.default_args, entry.name)


def _notice(mark: Mark, *args: object, **kwargs: object) -> None:
    request = next((arg for arg in args if hasattr(arg, "resolver_match")), None)
    match = getattr(request, "resolver_match", None)
    if match is None:
        return  # called by hand, such as from a test of the view
    if not _is_installed:
        raise ImproperlyConfigured(
            f"The view at {show(match.route)} has cors(...), but the project has no CORSMiddleware:"
            ' put "corsgate.django.CORSMiddleware" first in MIDDLEWARE.'
        )
    if mark not in marks_of(getattr(request, "urlconf", None), current_rules()):
        raise ImproperlyConfigured(
            f"The @cors(...) of the view at {show(match.route)} is hidden from routing by another"
            " decorator: put it above that one, or around the group: cors(...)(include(...)),"
            " cors(...)(api.urls)."
        )
