"""What corsgate concludes about a request, and the variants of it that are written.

Sections named here are of the Fetch standard.
"""

from __future__ import annotations

from . import _protocol as names
from ._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Literal

    from .policy import Policy

    Header = tuple[str, str]

_MOST_IN_DEBUG = 5  # seconds: as if the answer did not say (Fetch, "CORS-preflight fetch")
NO_CONTENT = "204 No Content"  # RFC 9110, section 8.6: without Content-Length
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
    # _lines: the headers to write. _vary: the names that are in its Vary line, if it has one.
    # _status, _body: what else an answer of our own is made of, such as that to a preflight;
    # _answer: its headers, or None; _chunks: its body as a server takes it. Lists are to be copied.
    __slots__ = (*_fields, "_answer", "_body", "_chunks", "_lines", "_status", "_vary")

    kind: Literal["preflight", "actual", "not-cors", "gate"]
    allowed: bool
    reason: str | None
    policy: Policy | None
    _lines: list[Header]
    _vary: tuple[str, ...]
    _status: str
    _body: bytes
    _answer: list[Header] | None
    _chunks: tuple[bytes, ...]

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
        answer = [*lines] if _status else None
        if _body or _status not in ("", NO_CONTENT):
            answer = [_TEXT, ("Content-Length", str(len(_body))), *lines]
        self._set(
            kind=kind,
            allowed=allowed,
            reason=reason,
            policy=policy,
            _lines=lines,
            _vary=_vary,
            _status=_status,
            _body=_body,
            _answer=answer,
            _chunks=(_body,) if _body else (),
        )

    def _replace(
        self, lines: Iterable[Header], vary: Iterable[str], body: bytes | None = None
    ) -> Decision:
        return Decision(
            kind=self.kind,
            allowed=self.allowed,
            reason=self.reason,
            policy=self.policy,
            _lines=[line for line in lines if line[0] != names.VARY],
            _vary=distinct(vary),
            _status=self._status,
            _body=self._body if body is None else body,
        )


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


def with_methods(decision: Decision, methods: Iterable[str]) -> Decision:
    """The answer to a preflight that tells of fewer methods."""
    lines = [line for line in decision._lines if line[0] != names.ALLOW_METHODS]
    told = ((names.ALLOW_METHODS, ", ".join(methods)),) if methods else ()
    return decision._replace([*lines, *told], decision._vary)


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
    body = f"{reason}\n".encode("ascii") if reason and decision._body else decision._body
    return decision._replace(lines, decision._vary, body)


def answer_preflight(decision: Decision) -> tuple[str, list[Header], bytes]:
    """Status line, headers and body of the answer to a preflight."""
    return decision._status, [*(decision._answer or ())], decision._body


def distinct(members: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for member in members:
        found.setdefault(member.lower(), member)
    return tuple(found.values())
