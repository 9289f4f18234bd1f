"""What a front end does with a gate: whose gate holds, what is said, and what is answered."""

from __future__ import annotations

from . import _protocol
from ._callables import failures
from ._check import MODES
from ._closed import ASSUMED, CLOSED, FAILED, closed_under, is_assumed
from ._decision import answer_preflight
from ._engine import decide, write_headers
from ._gate import is_safe, judge, limit, passes, refuse
from ._nested import Between, HandsOff, around, root_of
from ._sources import ask
from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any
    from wsgiref.types import StartResponse, WSGIEnvironment

    from ._decision import Decision
    from ._denials import Denials
    from ._nested import Source
    from ._words import Words


class Gate:
    """The gate of one application; shared by threads.

    :param application: the source that holds for the whole application.
    :param denials: what is done about denials.
    :param before: the gate that this one takes the place of, where only `application` may differ.
    """

    __slots__ = ("_application", "_denials", "_given")

    def __init__(self, application: Source, denials: Denials, before: Gate | None = None) -> None:
        self._application = application
        self._denials = denials
        # (id of a user's callable, mode) -> the callable, and a policy with that mode that it gave.
        # The strictest one holds while it fails, since whoever makes it fail must not open the
        # gate. They are all made at the start. What is here stays: no thread overtakes another.
        self._given: dict[tuple[int, str], tuple[Source, Policy]] = {}
        if before is not None:
            now, then = root_of(application)[0], root_of(before._application)[0]
            for (_, mode), (source, policy) in list(before._given.items()):
                if source is not then:
                    self._given[id(source), mode] = source, policy
                elif source == now:
                    self._given[id(now), mode] = now, policy

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
                return self.note(limited, decision, environ, debug, words_of)
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
        refusal = self._find(source, decision, environ)
        if refusal is None:
            return None, None
        noted, answer = self.note(refusal, decision, environ, debug, words_of)
        return (noted, answer) if _is_enforced(refusal) else (None, None)

    def refusal(
        self, source: Source, decision: Decision | None, environ: Mapping[str, Any]
    ) -> Decision | None:
        """The refusal, or None where the request may go on; nothing is said about it.

        Arguments as of `apply`.
        """
        found = self._find(source, decision, environ)
        return found if found is not None and _is_enforced(found) else None

    def remember(self, source: Source, decision: Decision | None) -> None:
        """To be called with what came of each request, since a callable may fail at the next."""
        self._remember(source, decision.policy if decision is not None else None)

    def _remember(self, source: Source, policy: Policy | None) -> None:
        if source is None or isinstance(source, (Policy, HandsOff, Between)):
            return  # these do not fail, and say nothing of the source around them
        # None has no gate, and is an answer too.
        if policy is None or _has_gate(policy):
            self._note_gate(source, policy or CLOSED)

    def note(
        self,
        refusal: Decision,
        decision: Decision | None,
        environ: Mapping[str, Any],
        debug: bool,
        words_of: Callable[[Policy], Words],
    ) -> tuple[Decision, object]:
        """What to write for a refusal, and what `on_denied` has returned; see `apply`."""
        said = ""
        if debug:
            from ._gate_reasons import explain_refusal  # long, and needed only here

            meant = decision.policy if decision is not None else None
            policy: Any = refusal.policy  # there is none without
            # What stands for a policy has no words of its own, and says why it does.
            told = policy if meant is None or _has_gate(meant) else meant
            said = explain_refusal(words_of(told), told, environ)
        return self._denials.note_refusal(environ, refusal, said)

    def _find(
        self, source: Source, decision: Decision | None, environ: Mapping[str, Any]
    ) -> Decision | None:
        """What the policy of a request does not trust; its gate may only report it."""
        self.remember(source, decision)
        if passes(environ):
            return None
        policy = decision.policy if decision is not None else None
        judged = decision
        if policy is None or not _has_gate(policy):
            policy = self._gate_around(source, policy, environ)
            judged = decide(policy, environ)
        if judged is None or policy.gate == "off" or (is_assumed(policy) and is_safe(environ)):
            return None
        reason = judge(policy, environ, readable=judged.allowed)
        return None if reason is None else refuse(policy, decision, reason)

    def _gate_around(
        self, source: Source, policy: Policy | None, environ: Mapping[str, Any]
    ) -> Policy:
        """Whose gate holds where a source leaves CORS alone (None), or no policy can be told."""
        if source is None:
            return CLOSED  # there is no gate around it: see `leave`
        if isinstance(source, Between):
            return self._closed_between(source, environ)
        kept: list[Policy] = []  # of what fails, from the inside
        inner: Source = source
        found = policy
        while found is None or not _has_gate(found):
            if found is FAILED:
                kept.append(self._kept(inner))
                if "gate" in root_of(inner)[1]:  # written down here, whatever is around
                    break
            if inner is self._application:
                break
            inner = around(inner, self._application)
            found = self._ask(inner, environ)
        if found is not None and _has_gate(found):
            if policy is None and not kept:
                return found
            kept.append(closed_under(found.gate, found.own_origins))
        return max(kept, key=_strictness, default=CLOSED)

    def _ask(self, source: Source, environ: Mapping[str, Any]) -> Policy | None:
        found = ask(source, environ)
        self._remember(source, found)
        return found

    def _closed_between(self, source: Between, environ: Mapping[str, Any]) -> Policy:
        gates: list[Policy] = []
        for one in source.sources:
            found = self._ask(one, environ)
            if found is None or not _has_gate(found):
                found = self._gate_around(one, found, environ)
            gates.append(found)
        strictest = max(gates, key=_strictness)
        mode = ASSUMED if is_assumed(strictest) else strictest.gate
        own = {origin for policy in gates if policy.gate != "off" for origin in policy.own_origins}
        return closed_under(mode, tuple(sorted(own)))

    def _kept(self, source: Source) -> Policy:
        """What stands for a source whatever it says now: nothing is allowed, under its gate."""
        root, written = root_of(source)
        keys = [(id(root), mode) for mode in MODES]
        known = [self._given[key][1] for key in keys if key in self._given]
        declared: str | None = getattr(root, "gate", None)
        if declared is not None:
            known.append(closed_under(declared))
        strictest = max(known, key=_strictness, default=closed_under(ASSUMED))
        own = strictest.own_origins
        if "own_origins" in written:
            own = Policy(own_origins=written["own_origins"]).own_origins
        return closed_under(written.get("gate", strictest.gate if known else ASSUMED), own)

    def _note_gate(self, source: Source, policy: Policy) -> None:
        if (id(source), policy.gate) in self._given:
            return
        root, written = root_of(source)
        # What is written holds without being remembered, and says nothing of the source below.
        if root is not None and not isinstance(root, Policy) and "gate" not in written:
            self._given.setdefault((id(root), policy.gate), (root, policy))


def _strictness(policy: Policy) -> int:
    return 2 * MODES.index(policy.gate) - is_assumed(policy)


def _is_enforced(refusal: Decision) -> bool:
    return refusal.policy is not None and refusal.policy.gate == "enforce"


def answer_refusal(
    decision: Decision, answer: object, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    """Answer in the application's stead: with what `on_denied` has returned, or a plain 403.

    :param answer: a WSGI application, or None. It is read to its end before anything is sent, so
        that one that fails on the way is not sent at all.
    """
    if callable(answer):
        try:
            status, headers, body = _run(answer, environ)
        except Exception as error:
            text = "the answer %s of on_denied failed with %s, so the gate answers by itself"
            failures.add(answer_refusal, error, text, answer, error)
        else:
            start_response(status, refused_headers(headers, decision))
            return [body]
    elif answer is not None:
        note_no_answer(answer, "WSGI application")
    status, headers, body = answer_preflight(decision)
    start_response(status, headers)
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _run(
    app: Callable[..., Any], environ: WSGIEnvironment
) -> tuple[str, list[tuple[str, str]], bytes]:
    """The whole answer of a WSGI application.

    :raises Exception: what it raises, and for what no server could send.
    """
    started: list[Any] = []
    written: list[bytes] = []

    def start_response(status: object, headers: object, exc_info: object = None) -> object:
        started[:] = status, headers
        return written.append

    result = app(environ, start_response)
    try:
        written.extend(result)
    finally:
        if hasattr(result, "close"):
            result.close()
    if not started:
        raise TypeError("it did not call start_response")
    status, headers = started
    if not (_is_text(status) and status[:3].isdecimal() and status[3:4] == " " and status > "2"):
        raise ValueError(f"{status!r} is no status line such as '403 Forbidden'")
    pairs = [(name, value) for name, value in headers]
    for name, value in pairs:
        if not (isinstance(name, str) and _protocol.is_token(name) and _is_text(value)):
            raise ValueError(f"{name!r}: {value!r} is no header")
    return status, pairs, b"".join(written)


def _is_text(value: object) -> bool:
    """Whether it can stand in a status line or as a header's value (PEP 3333, "Unicode Issues")."""
    return isinstance(value, str) and all(
        char == "\t" or " " <= char <= "~" or "\xa0" <= char <= "\xff" for char in value
    )


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
