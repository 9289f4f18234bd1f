"""The gate inside of Flask: asked in the request, before anything of the application runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request
from werkzeug.wrappers import Response

from ._decision import answer_preflight
from ._nested import NOT_GIVEN, NotGiven
from ._refusals import note_no_answer
from ._sources import decide_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any
    from wsgiref.types import WSGIEnvironment

    from flask import Flask

    from ._decision import Decision
    from ._flask_config import Configured
    from ._nested import Source
    from ._words import Words
    from .policy import Policy

ASKED = "corsgate.gate"  # in the environ: what is asked once it is known which view is meant


class Asked:
    """What the gate of one application says about one request.

    :param source_of: what holds for the environ as Flask got it.
    """

    __slots__ = (
        "_configured",
        "_debug",
        "_found",
        "_refusal",
        "_source_of",
        "_words_of",
        "app",
        "before",
        "decision",
        "judged",
        "response",
    )

    def __init__(
        self,
        app: Flask,
        configured: Configured,
        debug: bool,
        words_of: Callable[[Policy], Words],
        source_of: Callable[[WSGIEnvironment], Source],
    ) -> None:
        self.app = app
        self._configured = configured
        self._debug = debug
        self._words_of = words_of
        self._source_of = source_of
        self._refusal: Decision | None = None
        self._found: Decision | None = None  # what was refused
        self.before: Source | NotGiven = NOT_GIVEN  # what it was judged by before the layers
        self.judged = False
        self.decision: Decision | None = None
        self.response: Response | None = None  # where the gate has refused

    def refuses_before(self, environ: WSGIEnvironment, sources: Iterable[Source]) -> bool:
        """Whether one of `sources` refuses the request; nothing is said about it here."""
        gate = self._configured.gate
        for source in sources:
            found = decide_by(source, environ)
            self._refusal, self._found = gate.refusal(source, found, environ), found
            if self._refusal is not None:
                return True
        return False

    def report(self, environ: WSGIEnvironment) -> None:
        """Say what there is to say where a layer has answered by itself."""
        if not isinstance(self.before, NotGiven):
            found = decide_by(self.before, environ)
            gate = self._configured.gate
            gate.ask(self.before, found, environ, self._debug, self._words_of)

    def answer(self, *context: Any) -> Response | None:
        """The answer of the gate in a request, or None where the request may go on.

        :param context: what Flask hands from function to function.
        """
        gate, environ = self._configured.gate, request.environ
        if self._refusal is None:
            source = self._source_of(environ)
            found = decide_by(source, environ)
            decision, answer = gate.apply(source, found, environ, self._debug, self._words_of)
        else:
            decision, answer = gate.note(
                self._refusal, self._found, environ, self._debug, self._words_of
            )
        self.judged, self.decision, self.response = True, decision, None
        if decision is not None and decision.kind == "gate":
            if answer is not None:
                self.response = self._finish(answer, context)
            if self.response is None:
                status, _, body = answer_preflight(decision)
                # Layers inside of the gate see this one, and may be caches.
                headers = {"Cache-Control": "no-store"}
                kind = "text/plain; charset=utf-8"
                self.response = Response(body, status, headers, content_type=kind)
        return self.response

    def _finish(self, answer: Any, context: tuple[Any, ...]) -> Response | None:
        """What `on_denied` has answered, with the session and the hooks that see answers."""
        finalize: Any = self.app.finalize_request
        try:
            # It logs what those raise, and goes on.
            response: Response = finalize(*context, answer, from_error_handler=True)
        except TypeError:
            note_no_answer(answer, "Flask response value")
            return None
        return response


def guard(app: Flask) -> None:
    """Have the gate asked in every request that has something to ask.

    Around all that Flask does with a request: a refusal that was raised, or that a hook gave, could
    be answered in another way by the application's handlers.
    """
    dispatch = app.full_dispatch_request

    def full_dispatch_request(*context: Any) -> Any:
        asked = request.environ.get(ASKED)
        if asked is not None and asked.app is app:
            response = asked.answer(*context)
            if response is not None:
                return response
        return dispatch(*context)

    app.full_dispatch_request = full_dispatch_request  # type: ignore[method-assign]
