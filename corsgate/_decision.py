"""What corsgate concludes about a request, and the variants of it that are written.

Sections named here are of the Fetch standard.
"""

from __future__ import annotations

from . import _protocol as names
from ._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Literal
    from wsgiref.types import StartResponse

    from .policy import Policy

    Header = tuple[str, str]

_MOST_IN_DEBUG = 5  # seconds: as if the answer did not say (Fetch, "CORS-preflight fetch")
NO_CONTENT = "204 No Content"  # RFC 9110, section 8.6: without Content-Length
NO_METHOD = ("GET",)  # allowed anyway; without the header, the method of any upload would be too
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


class Decision(Record):
    """What corsgate concludes about one request under one policy.

    :param kind: `"preflight"`; `"actual"`, a request with an `Origin`, or any under a policy of
        `"*"`, which does not look at it; `"not-cors"`, without `Origin`; or `"gate"`, judged by it.
    :param allowed: whether a page on the request's origin may read the answer, or for a preflight
        may go on. True for `"not-cors"`: there is nothing to deny.
    :param reason: None where allowed, else the code of the reason: `"origin-not-allowed"`.
    :param policy: the policy that decided.
    """

    _fields = ("kind", "allowed", "reason", "policy")
    # _lines: the headers to write. _vary: the names in its Vary line, which is the last, if any.
    # _answer: status, headers and chunks of an answer of our own, such as that to a preflight; or
    # None. Whoever gives away one of the lists gives a copy.
    __slots__ = (*_fields, "_answer", "_lines", "_vary")

    kind: Literal["preflight", "actual", "not-cors", "gate"]
    allowed: bool
    reason: str | None
    policy: Policy | None
    _lines: list[Header]
    _vary: tuple[str, ...]
    _answer: tuple[str, list[Header], tuple[bytes, ...]] | None

    def __init__(
        self,
        *,
        kind: Literal["preflight", "actual", "not-cors", "gate"],
        allowed: bool,
        reason: str | None = None,
        policy: Policy | None,
        _lines: Iterable[Header] = (),
        _vary: tuple[str, ...] = (),
        _status: str = "",
        _body: bytes = b"",
    ) -> None:
        lines = [*_lines, (names.VARY, ", ".join(_vary))] if _vary else [*_lines]
        self._set(
            kind=kind,
            allowed=allowed,
            reason=reason,
            policy=policy,
            _lines=lines,
            _vary=_vary,
            _answer=_make_answer(_status, lines, _body) if _status else None,
        )

    def _replace(
        self, lines: Iterable[Header], vary: Iterable[str], body: bytes | None = None
    ) -> Decision:
        status, _, chunks = self._answer or ("", (), ())
        return Decision(
            kind=self.kind,
            allowed=self.allowed,
            reason=self.reason,
            policy=self.policy,
            _lines=[line for line in lines if line[0] != names.VARY],
            _vary=distinct(vary),
            _status=status,
            _body=b"".join(chunks) if body is None else body,
        )


def _make_answer(
    status: str, lines: list[Header], body: bytes
) -> tuple[str, list[Header], tuple[bytes, ...]]:
    if not body and status == NO_CONTENT:
        return status, lines, ()
    content = [_TEXT, ("Content-Length", str(len(body)))]
    return status, content + lines, (body,) if body else ()


class _Draft(Decision):
    """What will be a `Decision`: to set the slots of a frozen one takes five times as long."""

    __slots__ = ()
    # Both: they share one slot in C.
    __setattr__ = object.__setattr__  # type: ignore[assignment]
    __delattr__ = object.__delattr__
    __init__ = object.__init__  # one in Python takes as long as all else here


def for_origin(like: Decision, lines: list[Header]) -> Decision:
    """What there is to write for one more origin.

    :param like: the decision for another allowed origin.
    :param lines: all headers, as a new list.
    """
    made: _Draft = _Draft()
    made.kind = like.kind
    made.allowed = like.allowed
    made.reason = like.reason
    made.policy = like.policy
    made._lines = lines
    made._vary = like._vary
    answer = like._answer
    made._answer = None if answer is None else _make_answer(answer[0], lines, b"".join(answer[2]))
    made.__class__ = Decision  # type: ignore[assignment]
    return made


def with_vary(decision: Decision, more: Iterable[str]) -> Decision:
    """The decision, where choosing its policy depended on request headers too."""
    return decision._replace(decision._lines, (*decision._vary, *more))


def without_caching(decision: Decision) -> Decision:
    """The answer to a preflight that a browser must not use for another method of that URL.

    "CORS-preflight cache": entries are kept per URL, method and header name, not per request.
    """
    lines = [line for line in decision._lines if line[0] != names.MAX_AGE]
    if decision.allowed:
        lines.append((names.MAX_AGE, "0"))
    return decision._replace(lines, decision._vary)


def with_methods(decision: Decision, methods: Sequence[str]) -> Decision:
    """The answer to a preflight that tells of fewer methods."""
    lines = [line for line in decision._lines if line[0] != names.ALLOW_METHODS]
    lines.append((names.ALLOW_METHODS, ", ".join(methods or NO_METHOD)))
    return decision._replace(lines, decision._vary)


def in_debug_mode(decision: Decision, reason: str) -> Decision:
    """The decision as debug mode has it written: soon forgotten by browsers, and with its reason.

    :param reason: why the browser blocks the request, in printable ASCII; "" where it does not.
    """
    lines = [
        (name, str(min(int(value), _MOST_IN_DEBUG)) if name == names.MAX_AGE else value)
        for name, value in decision._lines
    ]
    if reason:
        lines.append((names.REASON, reason))
    _, _, said = answer_preflight(decision)
    body = f"{reason}\n".encode("ascii") if reason and said else None
    return decision._replace(lines, decision._vary, body)


def answer_preflight(decision: Decision) -> tuple[str, list[Header], bytes]:
    """Status line, headers and body of an answer of our own, such as that to a preflight."""
    status, lines, chunks = decision._answer or ("", (), ())
    return status, [*lines], b"".join(chunks)


def send_preflight(decision: Decision, start_response: StartResponse) -> Iterable[bytes]:
    """Answer a preflight in the application's stead."""
    status, headers, body = answer_preflight(decision)
    start_response(status, headers)
    return [body] if body else []


def distinct(members: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for member in members:
        found.setdefault(member.lower(), member)
    return tuple(found.values())
