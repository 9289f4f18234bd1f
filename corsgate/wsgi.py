"""CORS for any WSGI application: wrap it in `CORSMiddleware`."""

from __future__ import annotations

from ._decision import send_preflight
from ._denials import Denials, check_hooks, words_in
from ._engine import decide, write_headers
from ._log import INFO
from ._nested import NOT_GIVEN, may_gate
from ._paths import PathRules, compile_paths, recompile
from ._problems import problem
from ._record import TYPE_CHECKING
from ._refusals import Gate, answer_refusal
from ._sources import application_source, decide_by, warn_if_closed, warn_if_ungated
from .errors import PolicyError, Problem
from .policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Unpack
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from ._denials import OnDenied
    from ._nested import NotGiven, Source
    from ._words import Words
    from .policy import PolicyOptions

    # The options of a mapping are checked when the program starts; PolicyOptions would turn down
    # a dict in a variable.
    Rule = Source | Mapping[str, Any]
    Paths = Mapping[str, Rule] | Sequence[tuple[str, Rule]]

__all__ = ["CORSMiddleware"]


def __dir__() -> list[str]:
    return __all__


class CORSMiddleware:
    """Wraps a WSGI application (PEP 3333) and is one: answers preflights, adds the CORS headers.

    Put it outermost, so that every answer passes it. It may be shared by threads.

    :param app: the application to wrap.
    :param policy: a `Policy`; `None`, which leaves CORS to the application; or a callable that is
        given the environ and returns one of the two. Not given: `options` make the policy. What a
        callable of yours may say by its attributes: `vary`, the headers that it reads beside
        `Host`; and `gate`, the mode that its gate has at least while it fails. It allows nothing
        then, under the strictest gate that it has given, and before its first answer under
        `"enforce"`, or what `gate` says.
    :param paths: policies for some paths: `{"/api/*": {...}, "/health": Policy(...)}`. A path is
        exact or ends in `/*`, and is matched below `SCRIPT_NAME`. A mapping of options inherits
        from the policy of the application. `None` leaves CORS to the application and keeps the gate
        of `policy`; as the whole application's policy it has none.
    :param debug: for development: says why a browser blocks a request, in the log, in the header
        `X-CORSGate-Reason` and in the body of a 403; and browsers keep preflights' answers for 5
        seconds at most.
    :param on_denied: called with the environ and the `Decision` for every denial, for metrics and
        alarms. It has to be quick; what it raises is logged. Where the gate refuses, it may
        return a WSGI application, which answers then, with any status from 200 on; its answer is
        sent whole, and where it fails, that is logged, and the plain 403 sent. Else what it returns
        is ignored.
    :param options: fields of `Policy`.
    :raises PolicyError: with every problem that the arguments have.
    """

    __slots__ = ("_debug", "_denials", "_held", "_paths", "app")

    def __init__(
        self,
        app: WSGIApplication,
        policy: Source | NotGiven = NOT_GIVEN,
        *,
        paths: Paths | None = None,
        debug: bool = False,
        on_denied: OnDenied | None = None,
        **options: Unpack[PolicyOptions],
    ) -> None:
        problems: list[Problem] = []
        target: object = app
        if not callable(target) or _is_of_django(target):
            fix = "app = CORSMiddleware(app, allow_origins=[...])"
            if _is_of_django(target):
                fix = '"corsgate.django.CORSMiddleware" in Django\'s MIDDLEWARE'
            problems.append(problem("wrong-type", "app", app, what="WSGI application", fix=fix))
        check_hooks(debug, on_denied, problems)
        source = application_source(policy, options, problems)
        rules = compile_paths(source, paths, problems)
        if problems:
            raise PolicyError(problems)
        self.app: WSGIApplication = app
        made = PathRules(source, rules.items())
        fix = "give it allow_origins=[...], or paths that allow something"
        warn_if_closed(made.sources(), "CORSMiddleware", fix)
        warn_if_ungated(made.sources(), "CORSMiddleware", 'give it gate="report", or leave it out')
        self._paths = paths
        self._debug = debug
        self._denials = Denials(on_denied)
        self._hold(made, None)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        rules, gate, policy = self._held  # another thread may reconfigure
        # The usual case, one policy for everything, skips the search for it.
        if policy is not None:
            decision = decide(policy, environ)
        elif gate is not None:
            return self._call_gated(rules, gate, environ, start_response)
        else:
            source = rules.find_encoded(environ.get("PATH_INFO", ""))
            if not isinstance(source, Policy):  # None: where a callable is asked, there is a gate
                return self.app(environ, start_response)
            decision = decide(source, environ)
        if self._debug or (not decision.allowed and self._denials.are_heard(INFO)):
            decision = self._denials.note(environ, decision, self._debug, self._words_of)
        answer = decision._answer
        if answer is not None:
            status, headers, chunks = answer
            start_response(status, [*headers])
            return chunks

        # Defaults cost less than a closure, whose variables would be cells throughout.
        def cors_start_response(  # type: ignore[no-untyped-def]
            status, headers, exc_info=None, start_response=start_response, decision=decision
        ):
            return start_response(status, write_headers(headers, decision), exc_info)

        return self.app(environ, cors_start_response)

    def reconfigure(
        self, policy: Source | NotGiven = NOT_GIVEN, **options: Unpack[PolicyOptions]
    ) -> None:
        """Serve by another policy from the next request on, in this process.

        Every request is answered by the old or by the new one. `paths` stay, and what inherits in
        them inherits from the new one. Browsers keep answers to preflights for their `max_age`.

        :param policy: as of the class.
        :param options: as of the class: fields of a new `Policy`, not changes of the old one.
        :raises TypeError: with neither policy nor options.
        :raises PolicyError: with every problem that there is; the old policy stays in force.
        """
        self._hold(recompile(policy, options, self._paths), self._held[1])

    @property
    def _rules(self) -> PathRules:
        return self._held[0]

    def _hold(self, rules: PathRules, before: Gate | None) -> None:
        gated = any(map(may_gate, rules.sources()))
        gate = Gate(rules.application, self._denials, before) if gated else None
        self._held = rules, gate, None if gated else rules.only_policy

    def _call_gated(
        self,
        rules: PathRules,
        gate: Gate,
        environ: WSGIEnvironment,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        source = rules.only_policy or rules.find_encoded(environ.get("PATH_INFO", ""))
        found, answer = gate.apply(
            source, decide_by(source, environ), environ, self._debug, self._words_of
        )
        if found is None:
            return self.app(environ, start_response)
        if found.kind == "gate":
            return answer_refusal(found, answer, environ, start_response)
        if found.kind == "preflight":
            return send_preflight(found, start_response)

        def cors_start_response(status, headers, exc_info=None):  # type: ignore[no-untyped-def]
            return start_response(status, write_headers(headers, found), exc_info)

        return self.app(environ, cors_start_response)

    def _words_of(self, policy: Policy) -> Words:
        return words_in(self._rules, policy)


def _is_of_django(app: object) -> bool:
    # What Django hands to a middleware: a callable too, but it takes a request.
    name: str = getattr(getattr(app, "__code__", None), "co_qualname", "")
    return name.startswith("convert_exception_to_response.")
