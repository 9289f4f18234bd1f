"""The server's half of the CORS protocol: `decide` judges a request, `write_headers` answers it.

Nothing else in corsgate judges, and nothing else writes a CORS or `Vary` response header.
Sections named here are of the Fetch standard.
"""

from __future__ import annotations

from . import _protocol as names
from ._decision import NO_CONTENT, NO_METHOD, Decision, distinct, for_origin
from ._log import WARNING, log
from ._match import Matcher
from ._origin import MAX_ORIGIN
from ._problems import show
from ._protocol import ENVIRON_ORIGIN, ENVIRON_REQUEST_METHOD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from .policy import Policy

    Header = tuple[str, str]

_ALLOW_ORIGIN = names.ALLOW_ORIGIN
_PREFLIGHT_VARY = (names.ORIGIN, names.REQUEST_METHOD, names.REQUEST_HEADERS)
_MAX_REFLECTED = 4096  # bytes of a request's header names; gunicorn's limit for a line is 8190
_MOST_READY = 1024  # allowed origins whose answers a policy keeps
_REFUSAL = b"403 Forbidden: a page on this origin may not make this request (CORS).\n"


class _Side:
    """A policy's answers to preflights, or those to actual requests."""

    __slots__ = ("any_origin", "denied", "kept", "like", "timing")

    def __init__(self, like: Decision, denied: Decision, *, timing: bool) -> None:
        self.like = like  # to an allowed origin, but for the headers that name it
        self.denied = denied
        self.timing = timing
        self.any_origin = for_origin(like, self.lines("*"))
        self.kept: dict[str, Decision] = {}  # by the origin

    def lines(self, origin: str) -> list[Header]:
        if self.timing:
            return [(_ALLOW_ORIGIN, origin), (names.ALLOW_TIMING, origin), *self.like._lines]
        return [(_ALLOW_ORIGIN, origin), *self.like._lines]


class _Ready:
    """What does not depend on a request: what its origin is looked up in, and all the answers."""

    __slots__ = (
        "actual",
        "allows",
        "any_origin",
        "asks_first",
        "dots",
        "exact",
        "keeps_all",
        "labels",
        "named",
        "preflight",
        "reflects_headers",
        "reflects_methods",
        "without_origin",
    )

    def __init__(self, policy: Policy) -> None:
        matcher = policy._matcher
        self.any_origin = matcher is None
        # A header without which all requests are answered alike: under "*" all but preflights are.
        self.asks_first = ENVIRON_REQUEST_METHOD if self.any_origin else ENVIRON_ORIGIN
        asked = matcher or Matcher()  # that one is never asked
        self.allows = asked.allows
        self.dots, self.labels = asked.dots, asked.labels
        self.named = asked.exact
        # The origins that are allowed, where a look-up tells.
        self.exact = asked.exact if asked.only_exact else None
        # What a callable says may change; all else about an origin holds as long as the policy.
        self.keeps_all = not asked.calls

        credentials = [(names.ALLOW_CREDENTIALS, "true")] if policy.allow_credentials else []
        exposed = ", ".join(policy.expose_headers)
        # "CORS protocol and HTTP caches": no Vary where the answer is the same for everybody.
        vary = () if matcher is None or not policy.allow_origins else (names.ORIGIN,)
        self.actual = _Side(
            Decision(
                kind="actual",
                allowed=True,
                policy=policy,
                _lines=credentials + ([(names.EXPOSE_HEADERS, exposed)] if exposed else []),
                _vary=vary,
            ),
            Decision(
                kind="actual", allowed=False, reason="origin-not-allowed", policy=policy, _vary=vary
            ),
            timing=policy.allow_timing,
        )
        # "CORS-preflight fetch": with credentials a browser takes "*" literally, so what is asked
        # for is named instead.
        self.reflects_methods = bool(credentials) and "*" in policy.allow_methods
        self.reflects_headers = bool(credentials) and "*" in policy.allow_headers
        lines = [*credentials]
        if not self.reflects_methods:
            lines.append((names.ALLOW_METHODS, ", ".join(policy.allow_methods or NO_METHOD)))
        if policy.allow_headers and not self.reflects_headers:
            lines.append((names.ALLOW_HEADERS, ", ".join(policy.allow_headers)))
        if policy.max_age is not None:
            lines.append((names.MAX_AGE, str(policy.max_age)))
        self.preflight = _Side(
            Decision(
                kind="preflight",
                allowed=True,
                policy=policy,
                _lines=lines,
                _vary=_PREFLIGHT_VARY,
                _status=NO_CONTENT if policy.preflight_status == 204 else "200 OK",
            ),
            # "HTTP responses": 403 and none of the headers, where a server does not want it.
            Decision(
                kind="preflight",
                allowed=False,
                reason="origin-not-allowed",
                policy=policy,
                _vary=_PREFLIGHT_VARY,
                _status="403 Forbidden",
                _body=_REFUSAL,
            ),
            timing=False,
        )
        self.without_origin = (
            self.actual.any_origin
            if self.any_origin
            else Decision(kind="not-cors", allowed=True, policy=policy, _vary=vary)
        )


def decide(policy: Policy, environ: Mapping[str, Any]) -> Decision:
    """Judge one request; never raises because of what a client sent.

    :param policy: the policy that applies to the request.
    :param environ: a CGI-style mapping: a WSGI environ, or Django's `request.META`. Only
        `REQUEST_METHOD` and the `HTTP_` keys of the CORS protocol are read; a callable in the
        policy's `allow_origins` is given the whole.
    :return: the `Decision`; `allowed` is also true where there is nothing to deny.
    """
    ready: _Ready | None = policy._ready
    if ready is None:
        ready = _prepare(policy)
    origin: str | None = environ.get(ready.asks_first)
    if origin is None:
        return ready.without_origin
    if ready.any_origin:  # so that was the other header of a preflight
        if environ.get("REQUEST_METHOD") == "OPTIONS" and ENVIRON_ORIGIN in environ:
            return ready.preflight.any_origin
        return ready.without_origin
    # "HTTP requests": exactly these three make a CORS-preflight request.
    if ENVIRON_REQUEST_METHOD in environ and environ.get("REQUEST_METHOD") == "OPTIONS":
        side = ready.preflight
    else:
        side = ready.actual
    if len(origin) > MAX_ORIGIN:  # before anything has to hash it
        return side.denied
    # Most of what is not allowed takes one look-up, before any answer is looked for.
    exact = ready.exact
    if exact is not None:
        if origin not in exact:
            return side.denied
    elif ready.labels:
        try:
            may_match = origin.rsplit(".", ready.dots)[1] in ready.labels
        except IndexError:
            may_match = False
        if not may_match and origin not in ready.named:
            return side.denied
    found = side.kept.get(origin)
    if found is not None:
        return found
    if exact is None and not ready.allows(origin, environ):
        return side.denied
    return _allow(ready, side, origin, environ)


def _prepare(policy: Policy) -> _Ready:
    # Two threads may both do this; what they make is the same.
    ready = _Ready(policy)
    policy._set(_ready=ready)
    return ready


def _allow(ready: _Ready, side: _Side, origin: str, environ: Mapping[str, Any]) -> Decision:
    # "CORS check": byte for byte the origin that was sent, and that was just checked.
    lines = side.lines(origin)
    if side is ready.preflight and (ready.reflects_methods or ready.reflects_headers):
        lines[1:1] = _reflect(ready, environ)
        return for_origin(side.like, lines)
    decision = for_origin(side.like, lines)
    if ready.keeps_all or origin in ready.named:
        kept = side.kept
        # Anybody can make up hosts below a pattern: what they push out is made again when needed.
        if len(kept) >= _MOST_READY:
            kept.clear()
        kept[origin] = decision
    return decision


def _reflect(ready: _Ready, environ: Mapping[str, Any]) -> tuple[Header, ...]:
    """The requested method and header names, where any are allowed and "*" cannot say so."""
    lines: list[Header] = []
    for wanted, key, name in (
        (ready.reflects_methods, names.ENVIRON_REQUEST_METHOD, names.ALLOW_METHODS),
        (ready.reflects_headers, names.ENVIRON_REQUEST_HEADERS, names.ALLOW_HEADERS),
    ):
        value: str = environ.get(key, "")
        if wanted and len(value) <= _MAX_REFLECTED:
            # Most servers take Sec_Fetch_Site for Sec-Fetch-Site, which no page may set.
            tokens = [
                token
                for token in names.list_of_tokens(value) or ()
                if "_" not in token
                or not names.is_forbidden_request_header(token.lower().replace("_", "-"))
            ]
            if tokens:
                lines.append((name, ", ".join(tokens)))
    return tuple(lines)


_OURS = frozenset({names.VARY.lower(), *names.RESPONSE_HEADERS})
# Names that are neither ours nor Vary, as applications spell them: learnt, and bounded.
_plain_names: set[str] = set()
_MOST_PLAIN_NAMES = 512


def write_headers(headers: Iterable[Header], decision: Decision) -> list[Header]:
    """A response's headers with the decision's in them, as a new list.

    Under a policy the CORS headers are its own: what is there already is taken out. `Vary` is
    merged into one line, and never loses a name.
    """
    if type(headers) is not list:  # as PEP 3333 wants it; what is not may be read only once
        headers = list(headers)
    # A look-up for each name is cheaper than lower(), and the usual response has none of ours.
    plain_names = _plain_names
    for name, _ in headers:
        if name not in plain_names:
            return _merge_headers(headers, decision)
    return headers + decision._lines  # quicker than a display of both


def update_headers(headers: Any, decision: Decision, stored: object = None) -> None:
    """The same, in place, for a response that has a mapping of headers.

    :param headers: a `MutableMapping` of names to values.
    :param stored: a class of such mappings that keep all in `_store`, a dict of lower-case names to
        lines. To change that takes a tenth of the time: no line is checked and copied again, and no
        frame is run for the headers that are there.
    """
    if type(headers) is stored:
        store: dict[str, Header] = headers._store
        lines = decision._lines
        if not _OURS.isdisjoint(store):
            lines = _merge_headers([*store.values()], decision)
            store.clear()
        for line in lines:
            store[line[0].lower()] = line
        return
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


# (an application's Vary, a decision's own) -> both in one; bounded, and shared by threads.
_joined_varies: dict[tuple[str, str], str] = {}
_MOST_JOINED, _LONGEST_JOINED = 512, 1024


def _merge_headers(headers: list[Header], decision: Decision) -> list[Header]:
    others = [line for line in headers if line[0] not in _plain_names]
    # Nothing but a Vary, as sessions, languages and compression have it, need not be looked at.
    if len(others) == 1 and others[0][0] == names.VARY:
        merged = headers + decision._lines
        if decision._vary:
            merged.remove(others[0])
            merged[-1] = names.VARY, _join_vary(others[0][1], merged[-1][1])
        return merged
    merged, vary = [], []
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
    joined = _join_vary(", ".join(vary), decision._lines[-1][1])
    return [*merged, *decision._lines[:-1], (names.VARY, joined)]


def _join_vary(value: str, ours: str) -> str:
    known = _joined_varies.get((value, ours))
    if known is not None:
        return known
    members = [member.strip() for member in f"{value},{ours}".split(",")]
    # RFC 9110, section 12.5.5: names compare without case, and "*" covers all of them.
    joined = "*" if "*" in members else ", ".join(distinct(filter(None, members)))
    if len(_joined_varies) < _MOST_JOINED and len(value) <= _LONGEST_JOINED:
        _joined_varies[value, ours] = joined
    return joined


_replaced: set[str] = set()


def _note_replaced(name: str, option: str) -> None:
    if name.lower() in _replaced:
        return
    _replaced.add(name.lower())
    instead = f"set {option} in the policy instead, or " if option else ""
    log(
        WARNING,
        "corsgate: took out the application's own %s header, since a policy applies here: "
        "%sgive this route the policy None to leave CORS to the application",
        show(name),
        instead,
    )
