"""The server's half of the CORS protocol: `decide` judges a request, `write_headers` answers it.

Nothing else in corsgate judges, and nothing else writes a CORS or `Vary` response header.
Sections named here are of the Fetch standard.
"""

from __future__ import annotations

from . import _protocol as names
from ._decision import NO_CONTENT, Decision, distinct
from ._match import Matcher
from ._origin import MAX_ORIGIN
from ._protocol import ENVIRON_ORIGIN, ENVIRON_REQUEST_METHOD
from .errors import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from typing import Any, Literal

    from .policy import Policy

    Header = tuple[str, str]

_PREFLIGHT_VARY = (names.ORIGIN, names.REQUEST_METHOD, names.REQUEST_HEADERS)
_MAX_REFLECTED = 4096  # bytes of a request's header names; gunicorn's limit for a line is 8190
_MOST_READY = 1024  # allowed origins whose answers a policy keeps
_REFUSAL = b"403 Forbidden: a page on this origin may not make this request (CORS).\n"


class _Ready:
    """All of a policy's answers that do not depend on the request, and those to origins seen."""

    __slots__ = (
        "actual",
        "actual_tail",
        "allows",
        "any_origin",
        "denied",
        "exact",
        "keeps_all",
        "named",
        "preflight",
        "preflight_any",
        "preflight_status",
        "preflight_tail",
        "reflects_headers",
        "reflects_methods",
        "refused",
        "vary",
        "without_origin",
    )

    def __init__(self, policy: Policy) -> None:
        matcher = policy._matcher
        self.any_origin = matcher is None
        # "CORS protocol and HTTP caches": no Vary where the answer is the same for everybody.
        self.vary = () if matcher is None or not policy.allow_origins else (names.ORIGIN,)
        asked = matcher or Matcher()  # that one is never asked
        self.allows = asked.allows
        self.named = asked.exact
        # The origins that are allowed, where a look-up tells.
        self.exact = asked.exact if asked.only_exact else None
        # What a callable says may change; all else about an origin holds as long as the policy.
        self.keeps_all = matcher is not None and not matcher.calls
        self.actual: dict[str, Decision] = {}
        self.preflight: dict[str, Decision] = {}

        credentials = ((names.ALLOW_CREDENTIALS, "true"),) if policy.allow_credentials else ()
        exposed = ", ".join(policy.expose_headers)
        self.actual_tail = credentials + (((names.EXPOSE_HEADERS, exposed),) if exposed else ())
        # "CORS-preflight fetch": with credentials a browser takes "*" literally, so what is asked
        # for is named instead.
        self.reflects_methods = bool(credentials) and "*" in policy.allow_methods
        self.reflects_headers = bool(credentials) and "*" in policy.allow_headers
        tail = list(credentials)
        if policy.allow_methods and not self.reflects_methods:
            tail.append((names.ALLOW_METHODS, ", ".join(policy.allow_methods)))
        if policy.allow_headers and not self.reflects_headers:
            tail.append((names.ALLOW_HEADERS, ", ".join(policy.allow_headers)))
        if policy.max_age is not None:
            tail.append((names.MAX_AGE, str(policy.max_age)))
        self.preflight_status = NO_CONTENT if policy.preflight_status == 204 else "200 OK"
        self.preflight_tail = tuple(tail)

        def denied(kind: Literal["preflight", "actual"], **answer: Any) -> Decision:
            return Decision(
                kind=kind, allowed=False, reason="origin-not-allowed", policy=policy, **answer
            )

        self.denied = denied("actual", _vary=self.vary)
        # "HTTP responses": 403, and none of the headers, where a server does not want the request.
        self.refused = denied(
            "preflight",
            _vary=_PREFLIGHT_VARY,
            _status="403 Forbidden",
            _body=_REFUSAL,
        )
        if matcher is None:
            self.without_origin = _allowed_actual(policy, self, "*")
            self.preflight_any = _allowed_preflight(policy, self, "*", ())
        else:
            self.without_origin = Decision(
                kind="not-cors", allowed=True, policy=policy, _vary=self.vary
            )


def _allowed_actual(policy: Policy, ready: _Ready, origin: str) -> Decision:
    timing = ((names.ALLOW_TIMING, origin),) if policy.allow_timing else ()
    return Decision(
        kind="actual",
        allowed=True,
        policy=policy,
        _lines=((names.ALLOW_ORIGIN, origin), *timing, *ready.actual_tail),
        _vary=ready.vary,
    )


def _allowed_preflight(
    policy: Policy, ready: _Ready, origin: str, reflected: tuple[Header, ...]
) -> Decision:
    return Decision(
        kind="preflight",
        allowed=True,
        policy=policy,
        _lines=((names.ALLOW_ORIGIN, origin), *reflected, *ready.preflight_tail),
        _vary=_PREFLIGHT_VARY,
        _status=ready.preflight_status,
    )


def decide(policy: Policy, environ: Mapping[str, Any]) -> Decision:
    """Judge one request; never raises because of what a client sent.

    :param policy: the policy that applies to the request.
    :param environ: a CGI-style mapping: a WSGI environ, or Django's `request.META`. Only
        `REQUEST_METHOD` and the `HTTP_` keys of the CORS protocol are read; a callable in the
        policy's `allow_origins` is given the whole.
    """
    ready: _Ready | None = policy._ready
    if ready is None:
        ready = _prepare(policy)
    origin: str | None = environ.get(ENVIRON_ORIGIN)
    if origin is None:
        return ready.without_origin
    exact = ready.exact
    # "HTTP requests": exactly these three make a CORS-preflight request.
    if ENVIRON_REQUEST_METHOD in environ and environ.get("REQUEST_METHOD") == "OPTIONS":
        if ready.any_origin:
            return ready.preflight_any
        if len(origin) > MAX_ORIGIN:  # before anything has to hash it
            return ready.refused
        # Where origins are exact, what is not allowed takes one look-up.
        if exact is not None and origin not in exact:
            return ready.refused
        found = ready.preflight.get(origin)
        if found is not None:
            return found
        if exact is None and not ready.allows(origin, environ):
            return ready.refused
        return _allow_preflight(policy, ready, origin, environ)
    if ready.any_origin:
        return ready.without_origin
    if len(origin) > MAX_ORIGIN:
        return ready.denied
    if exact is not None and origin not in exact:
        return ready.denied
    found = ready.actual.get(origin)
    if found is not None:
        return found
    if exact is None and not ready.allows(origin, environ):
        return ready.denied
    return _allow_actual(policy, ready, origin)


def _prepare(policy: Policy) -> _Ready:
    # Two threads may both do this; what they make is the same.
    ready = _Ready(policy)
    policy._set(_ready=ready)
    return ready


def _allow_actual(policy: Policy, ready: _Ready, origin: str) -> Decision:
    # "CORS check": byte for byte the origin that was sent, and that was just checked.
    decision = _allowed_actual(policy, ready, origin)
    if ready.keeps_all or origin in ready.named:
        _keep(ready.actual, origin, decision)
    return decision


def _allow_preflight(
    policy: Policy, ready: _Ready, origin: str, environ: Mapping[str, Any]
) -> Decision:
    decision = _allowed_preflight(policy, ready, origin, _reflect(ready, environ))
    reflects = ready.reflects_methods or ready.reflects_headers
    if not reflects and (ready.keeps_all or origin in ready.named):
        _keep(ready.preflight, origin, decision)
    return decision


def _keep(answers: dict[str, Decision], origin: str, decision: Decision) -> None:
    # Anybody can make up hosts below a pattern: what they push out is made again when needed.
    if len(answers) >= _MOST_READY:
        answers.clear()
    answers[origin] = decision


def _reflect(ready: _Ready, environ: Mapping[str, Any]) -> tuple[Header, ...]:
    """The requested method and header names, where any are allowed and "*" cannot say so."""
    lines: list[Header] = []
    for wanted, key, name in (
        (ready.reflects_methods, names.ENVIRON_REQUEST_METHOD, names.ALLOW_METHODS),
        (ready.reflects_headers, names.ENVIRON_REQUEST_HEADERS, names.ALLOW_HEADERS),
    ):
        value: str = environ.get(key, "")
        if wanted and len(value) <= _MAX_REFLECTED and (tokens := names.list_of_tokens(value)):
            lines.append((name, ", ".join(tokens)))
    return tuple(lines)


# Names that are neither ours nor Vary, as applications spell them: learnt, and bounded.
_plain_names: set[str] = set()
_MOST_PLAIN_NAMES = 512


def write_headers(headers: list[Header], decision: Decision) -> list[Header]:
    """A response's headers with the decision's in them, as a new list.

    Under a policy the CORS headers are its own: what is there already is taken out. `Vary` is
    merged into one line, and never loses a name.
    """
    # A look-up for each name is cheaper than lower(), and the usual response has none of ours.
    plain_names = _plain_names
    for name, _ in headers:
        if name not in plain_names:
            return _merge_headers(headers, decision)
    try:
        return headers + decision._lines  # the quickest way to make a new list
    except TypeError:  # PEP 3333 wants a list; most servers take less
        return [*headers, *decision._lines]


def update_headers(headers: MutableMapping[str, str], decision: Decision) -> None:
    """The same, in place, for a response that has a mapping of headers."""
    for name in headers:
        if name not in _plain_names:
            break
    else:
        for name, value in decision._lines:
            headers[name] = value
        return
    before = list(headers.items())
    after = _merge_headers(before, decision)
    for name, _ in set(before).difference(after):
        del headers[name]
    for name, value in after:
        if (name, value) not in before:
            headers[name] = value


def _merge_headers(headers: list[Header], decision: Decision) -> list[Header]:
    merged: list[Header] = []
    vary: list[str] = []
    for name, value in headers:
        lower = name.lower()
        if lower == "vary" and decision._vary:
            vary.append(value)
        elif lower in names.RESPONSE_HEADERS and decision.policy is not None:
            _note_replaced(name, names.RESPONSE_HEADERS[lower])
        else:
            merged.append((name, value))
            is_plain = lower != "vary" and lower not in names.RESPONSE_HEADERS
            if is_plain and len(_plain_names) < _MOST_PLAIN_NAMES:
                _plain_names.add(name)
    if not vary:
        return [*merged, *decision._lines]
    merged += [line for line in decision._lines if line[0] != names.VARY]
    members = [member.strip() for value in (*vary, *decision._vary) for member in value.split(",")]
    # RFC 9110, section 12.5.5: names compare without case, and "*" covers all of them.
    shown = "*" if "*" in members else ", ".join(distinct(filter(None, members)))
    return [*merged, (names.VARY, shown)]


_replaced: set[str] = set()


def _note_replaced(name: str, option: str) -> None:
    if name.lower() in _replaced:
        return
    _replaced.add(name.lower())
    from logging import getLogger  # slow to import, and seldom needed

    instead = f"set {option} in the policy instead, or " if option else ""
    getLogger("corsgate").warning(
        "corsgate: took out the application's own %s header, since a policy applies here: "
        "%sgive this route the policy None to leave CORS to the application",
        show(name),
        instead,
    )
