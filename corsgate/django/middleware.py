"""The middleware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import DisallowedHost
from django.http import HttpResponse
from django.http.response import HttpResponseBase, ResponseHeaders
from django.template.response import SimpleTemplateResponse

from .._decision import answer_preflight, without_caching
from .._engine import decide, update_headers
from .._gate import passes
from .._log import INFO
from .._protocol import ENVIRON_REQUEST_METHOD
from .._refusals import note_no_answer
from .._sources import decide_by, for_method, is_preflight, may_block
from ..policy import Policy
from . import conf
from .conf import current_denials, current_gate, current_rules, is_debug
from .decorator import note_installed
from .routing import learn_views, route, source_of, source_of_view, words_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Any

    from django.http import HttpRequest

    from .._decision import Decision
    from .._nested import Source
    from .._paths import PathRules
    from .routing import Views


# What a request carries of the gate: what it was judged by, and the refusal with its decision.
_JUDGED, _REFUSED = "_corsgate_judged", "_corsgate_refused"

# Whether Django keeps headers as it did so far, which it does not promise. Through their public
# methods, each header that is set takes longer than all that corsgate does for a request.
_has_store = vars(ResponseHeaders({"X-A": "b"})) == {"_store": {"x-a": ("X-A", "b")}}
_stored = ResponseHeaders if _has_store else None


class CORSMiddleware:
    """Answers preflights and adds the CORS headers, as `settings.CORS_*` and `@cors` say.

    Put it first in `MIDDLEWARE`, so that every answer passes it; only a middleware that sets
    `request.urlconf` belongs above it. Works under WSGI and ASGI.

    Settings are read once. To change the policy while serving, let `CORS_POLICY` name a function
    that takes `request.META` and returns the `Policy` that holds now.

    :param get_response: what Django gives to each middleware: the next one, or the view.
    :raises ImproperlyConfigured: when the project starts, with every problem of the settings.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        note_installed()
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        current_rules()

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._acall(request)
        urlconf = getattr(request, "urlconf", None)
        views: Views = conf.known_views.get(urlconf) or learn_views(urlconf)
        only = views.only
        if only is None:
            return self._call_by_view(request, views, urlconf)
        meta = request.META
        decision = decide(only, meta)
        denied = not decision.allowed and views.denials.are_heard(INFO)
        if decision._answer is not None:
            if denied:
                views.denials.note(meta, decision, False, words_of)
            return _answer(decision)
        response: HttpResponseBase = self.get_response(request)
        if getattr(request, "urlconf", None) is not urlconf:  # and there, views may be marked
            return _finish_by_view(request, response, views.rules, urlconf)
        if denied:
            views.denials.note(meta, decision, False, words_of)
        update_headers(response.headers, decision, _stored)
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        urlconf = getattr(request, "urlconf", None)
        views: Views = conf.known_views.get(urlconf) or learn_views(urlconf)
        only = views.only
        if only is None:
            return await self._acall_by_view(request, views, urlconf)
        meta = request.META
        decision = decide(only, meta)
        denied = not decision.allowed and views.denials.are_heard(INFO)
        if decision._answer is not None:
            if denied:
                await _note_in_thread(decision, meta)
            return _answer(decision)
        response: HttpResponseBase = await self.get_response(request)
        if getattr(request, "urlconf", None) is not urlconf:
            return await _finish_by_view_in_thread(request, response, views.rules, urlconf)
        if denied:
            await _note_in_thread(decision, meta)
        update_headers(response.headers, decision, _stored)
        return response

    def _call_by_view(
        self, request: HttpRequest, views: Views, urlconf: object
    ) -> HttpResponseBase:
        """Where it has to be known which view has answered, or what the gate says."""
        rules, meta = views.rules, request.META
        if request.method == "OPTIONS" and is_preflight(meta):
            asked = meta[ENVIRON_REQUEST_METHOD]
            source, differs = route(request, asked, rules, in_all_languages=True)
            decision = _decide(source, meta, differs)
            if decision is not None and decision._answer is not None:
                return _answer(decision)
            return _finish(self.get_response(request), decision)
        if views.gated and not passes(meta):
            source, _ = route(request, meta["REQUEST_METHOD"], rules)
            refusal = _refuse(source, request, meta)
            if refusal is not None:
                return refusal
        return _finish_by_view(request, self.get_response(request), rules, urlconf)

    async def _acall_by_view(
        self, request: HttpRequest, views: Views, urlconf: object
    ) -> HttpResponseBase:
        rules, meta = views.rules, request.META
        if request.method == "OPTIONS" and is_preflight(meta):
            asked = meta[ENVIRON_REQUEST_METHOD]
            source, differs = route(request, asked, rules, in_all_languages=True)
            decision = await _decide_in_thread(source, meta, differs)
            if decision is not None and decision._answer is not None:
                return _answer(decision)
            return _finish(await self.get_response(request), decision)
        if views.gated and not passes(meta):
            source, _ = route(request, meta["REQUEST_METHOD"], rules)
            refusal = await _refuse_in_thread(source, rules, request, meta)
            if refusal is not None:
                return refusal
        response: HttpResponseBase = await self.get_response(request)
        return await _finish_by_view_in_thread(request, response, rules, urlconf)

    @property
    def process_view(self) -> Callable[..., Any]:
        """The gate's second look, when Django knows the view and has yet to call it.

        Middleware below may have changed what the first look was by: the language, the URLconf,
        the path or the method. As asynchronous as the middleware, so that no thread is needed.
        """
        return self._alook_again if self._is_async else self._look_again

    def _look_again(self, request: HttpRequest, *view: object) -> HttpResponseBase | None:
        urlconf = getattr(request, "urlconf", None)
        views: Views = conf.known_views.get(urlconf) or learn_views(urlconf)
        left = _left_to_judge(request, views.rules) if views.gated else None
        return None if left is None else _refuse(left[0], request, left[1])

    async def _alook_again(self, request: HttpRequest, *view: object) -> HttpResponseBase | None:
        urlconf = getattr(request, "urlconf", None)
        views: Views = conf.known_views.get(urlconf) or learn_views(urlconf)
        rules = views.rules
        left = _left_to_judge(request, rules) if views.gated else None
        return None if left is None else await _refuse_in_thread(left[0], rules, request, left[1])


def _decide(source: Source, meta: dict[str, Any], differs: bool = False) -> Decision | None:
    if isinstance(source, Policy):  # nearly always, and then there is no more to it
        decision: Decision | None = decide(source, meta)
    else:
        decision = decide_by(source, meta)
        current_gate().remember(source, decision)
    if differs and decision is not None:
        decision = without_caching(decision)
    return _note(decision, meta)


async def _decide_in_thread(
    source: Source, meta: dict[str, Any], differs: bool = False
) -> Decision | None:
    """Callables of the user's may wait for something, and must not do so in the event loop."""
    if may_block(source, meta):
        return await sync_to_async(_decide)(source, meta, differs)
    decision = decide_by(source, meta)
    if differs and decision is not None:
        decision = without_caching(decision)
    if decision is None or (decision.allowed and decision._answer is None):
        return _note(decision, meta)
    return await _note_in_thread(decision, meta)


async def _note_in_thread(decision: Decision, meta: dict[str, Any]) -> Decision | None:
    if current_denials().may_block:
        return await sync_to_async(_note)(decision, meta)
    return _note(decision, meta)


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


def _finish_by_view(
    request: HttpRequest, response: HttpResponseBase, rules: PathRules, urlconf: object
) -> HttpResponseBase:
    if hasattr(request, _REFUSED):
        return _finish_refusal(request, response)
    return _finish(response, _decide(source_of(request, rules, urlconf), request.META))


async def _finish_by_view_in_thread(
    request: HttpRequest, response: HttpResponseBase, rules: PathRules, urlconf: object
) -> HttpResponseBase:
    if hasattr(request, _REFUSED):
        return _finish_refusal(request, response)
    source = source_of(request, rules, urlconf)
    return _finish(response, await _decide_in_thread(source, request.META))


def _finish_refusal(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The refusal of the second look, after other middleware has seen it."""
    made, decision = getattr(request, _REFUSED)
    return response if response is made else _finish(response, decision)


def _answer(decision: Decision) -> HttpResponse:
    status, lines, body = answer_preflight(decision)
    # Told the type, Django does not look for its own in the settings.
    response = HttpResponse(body, "text/plain", int(status[:3]))
    headers = response.headers
    if _has_store:
        headers._store = {line[0].lower(): line for line in lines}
    else:
        del headers["Content-Type"]  # a 204 has no content
        for name, value in lines:
            headers[name] = value
    # Django logs each 403 as a warning, so that a page of anybody's could fill the log. What there
    # is to say about an answer of ours is said by corsgate, which limits its lines.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _finish(response: HttpResponseBase, decision: Decision | None) -> HttpResponseBase:
    if decision is None:
        return response
    update_headers(response.headers, decision, _stored)
    return response
