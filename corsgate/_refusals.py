"""What a front end does with a gate: whose gate holds, what is said, and what is answered."""

from __future__ import annotations

from ._callables import failures
from ._engine import answer_preflight, decide, write_headers
from ._gate import judge, limit, passes, refuse
from ._sources import CLOSED, FAILED, Derived, HandsOff, ask
from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any
    from wsgiref.types import StartResponse, WSGIEnvironment

    from ._denials import Denials
    from ._engine import Decision
    from ._sources import Source
    from ._words import Words

_MODES = ("off", "report", "enforce")


class Gate:
    """The gate of one application; shared by threads.

    :param application: the source that holds for the whole application.
    :param denials: what is done about denials.
    """

    __slots__ = ("_application", "_denials", "_strictest")

    def __init__(self, application: Source, denials: Denials) -> None:
        self._application = application
        self._denials = denials
        # Callable -> the strictest policy that it has given: that gate holds while it fails, since
        # whoever makes it fail must not open the gate. By identity; they are all made at the start.
        self._strictest: dict[int, tuple[Source, Policy]] = {}

    def apply(
        self,
        source: Source,
        decision: Decision | None,
        environ: Mapping[str, Any],
        debug: bool,
        words_of: Callable[[Policy], Words],
    ) -> tuple[Decision | None, object]:
        """What to write, with all that is said about a denial; of the kind `"gate"` if refused.

        :param source: what was asked for the policy, and `decision` what came of it.
        :param words_of: as of `Denials.note`.
        :return: also what `on_denied` has returned for a refusal.
        """
        if decision is not None and decision.kind == "preflight":
            self.remember(source, decision)
            limited = limit(decision, environ)
            if limited.policy is not None and decision.allowed and not limited.allowed:
                return self._note(limited, limited.policy, environ, debug, words_of)
            decision = limited
        else:
            refused, answer = self.ask(source, decision, environ, debug, words_of)
            if refused is not None:
                return refused, answer
        if decision is not None and (debug or not decision.allowed):
            decision = self._denials.note(environ, decision, debug, words_of)
        return decision, None

    def ask(
        self,
        source: Source,
        decision: Decision | None,
        environ: Mapping[str, Any],
        debug: bool,
        words_of: Callable[[Policy], Words],
    ) -> tuple[Decision | None, object]:
        """The refusal to write, or None where the request may go on; arguments as of `apply`."""
        self.remember(source, decision)
        if passes(environ):
            return None, None
        refusal = self._judge(source, decision, environ)
        if refusal is None or refusal.policy is None:
            return None, None
        # What stands for a policy has no words of its own, and says why it does.
        meant = decision.policy if decision is not None else None
        told = refusal.policy if meant is None or _has_gate(meant) else meant
        noted, answer = self._note(refusal, told, environ, debug, words_of)
        return (noted, answer) if refusal.policy.gate == "enforce" else (None, None)

    def remember(self, source: Source, decision: Decision | None) -> None:
        """To be called with what came of each request, since a callable may fail at the next."""
        policy = decision.policy if decision is not None else None
        if policy is not None and _has_gate(policy):
            self._note_gate(source, policy)

    def _note(
        self,
        refusal: Decision,
        policy: Policy,
        environ: Mapping[str, Any],
        debug: bool,
        words_of: Callable[[Policy], Words],
    ) -> tuple[Decision, object]:
        said = ""
        if debug:
            from ._gate_reasons import explain_refusal  # long, and needed only here

            said = explain_refusal(words_of(policy), policy, environ)
        return self._denials.note_refusal(environ, refusal, said)

    def _judge(
        self, source: Source, decision: Decision | None, environ: Mapping[str, Any]
    ) -> Decision | None:
        policy = decision.policy if decision is not None else None
        judged = decision
        if policy is None or not _has_gate(policy):
            policy = self._gate_around(source, policy, environ)
            judged = decide(policy, environ)
        if judged is None or policy.gate == "off":
            return None
        reason = judge(policy, environ, readable=judged.allowed)
        return None if reason is None else refuse(policy, decision, reason)

    def _gate_around(
        self, source: Source, policy: Policy | None, environ: Mapping[str, Any]
    ) -> Policy:
        """Whose gate holds where a source leaves CORS alone (None), or no policy can be told."""
        if source is None:
            return CLOSED  # there is no gate around it: see `leave`
        around = source.gated if isinstance(source, HandsOff) else self._application
        found = policy
        if around is not source:
            found = ask(around, environ)
            if found is not None and _has_gate(found):
                self._note_gate(around, found)
        if policy is None and (found is None or _has_gate(found)):
            return CLOSED if found is None else found
        kept = [self._kept(source)]
        if found is not None:
            kept.append(found if _has_gate(found) else self._kept(around))
        strictest = max(kept, key=_strictness)
        return CLOSED.replace(gate=strictest.gate, own_origins=strictest.own_origins)

    def _kept(self, source: Source) -> Policy:
        """The gate of a source that does not depend on what it says now."""
        if isinstance(source, Policy):
            return source
        _, given = self._strictest.get(id(source), (None, CLOSED))
        declared = source.declared_gate if isinstance(source, Derived) else CLOSED
        return max(declared, given, key=_strictness)

    def _note_gate(self, source: Source, policy: Policy) -> None:
        if source is not None and not isinstance(source, Policy):
            _, before = self._strictest.get(id(source), (None, CLOSED))
            if _strictness(policy) > _strictness(before):
                self._strictest[id(source)] = source, policy


def _strictness(policy: Policy) -> int:
    return _MODES.index(policy.gate)


def answer_refusal(
    decision: Decision, answer: object, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Answer in the application's stead: with what `on_denied` has returned, or a plain 403.

    :param answer: a WSGI application, or None.
    """
    if callable(answer):

        def gated_start_response(status, headers, exc_info=None):  # type: ignore[no-untyped-def]
            return start_response(status, refused_headers(headers, decision), exc_info)

        return answer(environ, gated_start_response)  # type: ignore[no-any-return]
    if answer is not None:
        note_no_answer(answer, "WSGI application")
    status, headers, body = answer_preflight(decision)
    start_response(status, headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def refused_headers(headers: list[tuple[str, str]], decision: Decision) -> list[tuple[str, str]]:
    """The headers of an answer that `on_denied` has given, with those of a refusal."""
    kept = [line for line in headers if line[0].lower() != "cache-control"]
    return write_headers(kept, decision)


def note_no_answer(answer: object, wanted: str) -> None:
    """Log that `on_denied` has returned what cannot be sent."""
    text = f"on_denied gave %s, which is no {wanted}, so the gate answers by itself"
    failures.add(note_no_answer, answer, text, answer)


def _has_gate(policy: Policy) -> bool:
    """Whether its `gate` counts: that of what stands for no policy at all says nothing."""
    return policy is not CLOSED and policy is not FAILED
