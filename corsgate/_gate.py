"""The gate's judgement: which requests of a browser come from where the policy does not trust.

Five rules, in this order. They are those of Go's net/http.CrossOriginProtection, but that origins
are compared as whole texts, and that what is exempt is a route with a policy of its own:

1. A preflight passes: it changes nothing, and the CORS protocol answers it.
2. A safe method without `Origin` passes: a link, an image, a script (RFC 9110, section 9.2.1).
3. `Sec-Fetch-Site: same-origin`, or `none` for what the user has typed, passes: no page can set
   that header (Fetch Metadata, section 2.4).
4. An `Origin` passes if it is trusted; where that header is missing, also if it is our own.
5. Neither of the two headers: no browser (HTML and Fetch have had the one or the other sent with
   every unsafe request since 2020), so no cookies of a user, and it passes. Else it is refused.
"""

from __future__ import annotations

from . import _protocol as names
from ._decision import Decision, answer_preflight, with_methods
from ._engine import decide
from ._origin import MAX_ORIGIN, read_origin
from ._problems import show
from ._sources import is_preflight
from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_REFUSAL = b"403 Forbidden: a page on another site may not make this request.\n"


def check(policy: Policy, environ: Mapping[str, Any]) -> Decision:
    """Judge one request as the gate does, whatever the policy's `gate` says.

    For what no front end sees: a server of WebSockets asks it about each handshake, which browsers
    let any page open, with cookies.

    :param policy: whose `write_origins` may open a handshake and write, whose `allow_origins` may
        read, and whose `own_origins` are the site's own; what each is without being given, see
        `Policy`. Give the same one to `CORSGate`, `CORSMiddleware` or `CORS_POLICY`.
    :param environ: a CGI-style mapping: a WSGI environ (Flask: `request.environ`), or Django's
        `request.META`. A handshake is known by its `HTTP_UPGRADE`; where the server leaves that
        out, set it to `"websocket"`. Where there is no environ (ASGI), make one of that, of
        `REQUEST_METHOD`, and of these headers as far as the handshake has them: `HTTP_ORIGIN`,
        `HTTP_SEC_FETCH_SITE`, `HTTP_HOST`. One that is left out counts as not sent.
    :return: a `Decision` of the kind `"gate"`; its reason is `"cross-site-write"`,
        `"cross-site-read"`, `"cross-site-websocket"`, or None where it is allowed, as a preflight
        always is.
    :raises TypeError: for what is no `Policy`, or no mapping.
    """
    _check_arguments(policy, environ)
    decision = decide(policy, environ)
    reason = judge(policy, environ, readable=decision.allowed)
    if reason is None:
        return Decision(kind="gate", allowed=True, policy=policy)
    return refuse(policy, decision, reason)


def _check_arguments(policy: object, environ: object) -> None:
    if not isinstance(policy, Policy):
        given = show(policy)
        raise TypeError(f"check() takes a Policy, not {given}: write check(Policy(...), environ).")
    if not (hasattr(environ, "get") and hasattr(environ, "__getitem__")):
        raise TypeError(
            f"check() takes the environ of a request, not {show(environ)}: write request.environ,"
            " or request.META in Django."
        )


def passes(environ: Mapping[str, Any]) -> bool:
    """Whether a request passes whatever the policy says: all the rules but the fourth."""
    site = environ.get(names.ENVIRON_FETCH_SITE)
    if site == "same-origin" or site == "none":
        return True
    if names.ENVIRON_ORIGIN in environ:
        return is_preflight(environ)
    return site is None or is_safe(environ)


def judge(policy: Policy, environ: Mapping[str, Any], *, readable: bool) -> str | None:
    """The code of the reason to refuse a request, or None.

    :param readable: whether the policy lets the request's origin read the answer.
    """
    if passes(environ):
        return None
    safe = is_safe(environ)
    origin: str | None = environ.get(names.ENVIRON_ORIGIN)
    if origin is not None:
        if readable if safe else may_write(policy, origin, environ, readable):
            return None
        if names.ENVIRON_FETCH_SITE not in environ and _is_own(policy, origin, environ):
            return None
    if is_handshake(environ):
        return "cross-site-websocket"
    return "cross-site-read" if safe else "cross-site-write"


def is_safe(environ: Mapping[str, Any]) -> bool:
    """Whether a request changes nothing, as far as its method tells."""
    return environ.get("REQUEST_METHOD") in names.SAFE_METHODS and not is_handshake(environ)


def is_handshake(environ: Mapping[str, Any]) -> bool:
    """Whether a request opens a WebSocket."""
    # RFC 6455, section 4.1: a GET, and what is sent after it may do anything.
    return "websocket" in environ.get(names.ENVIRON_UPGRADE, "").lower()


def may_write(policy: Policy, origin: str, environ: Mapping[str, Any], readable: bool) -> bool:
    """Whether an origin is trusted with unsafe methods; `readable` as of `judge`."""
    if policy._writers is policy._matcher:  # callables are not asked twice
        return readable
    return len(origin) <= MAX_ORIGIN and policy._writers.allows(origin, environ)


def _is_own(policy: Policy, origin: str, environ: Mapping[str, Any]) -> bool:
    if policy.own_origins:
        return origin in policy.own_origins
    host: str = environ.get("HTTP_HOST", "")
    # Compared as texts: what is parsed can be misread ("http://evil@victim.example"). Both can be
    # junk, and no browser sends that. Whether TLS ends before us is not known, so either scheme
    # will do.
    return read_origin(origin) is not None and origin in (
        f"http://{host.removesuffix(':80')}",
        f"https://{host.removesuffix(':443')}",
    )


def refuse(policy: Policy, decision: Decision | None, reason: str) -> Decision:
    """The answer to what does not pass; a page that may read answers may read this one.

    :param decision: what there would have been to write otherwise.
    """
    lines, vary = (decision._lines, decision._vary) if decision else ((), ())
    return Decision(
        kind="gate",
        allowed=False,
        reason=reason,
        policy=policy,
        _lines=(("Cache-Control", "no-store"), *(lines[:-1] if vary else lines)),
        _vary=tuple(dict.fromkeys((names.ORIGIN, names.FETCH_SITE, *vary))),
        _status="403 Forbidden",
        _body=_REFUSAL,
    )


def limit(decision: Decision, environ: Mapping[str, Any]) -> Decision:
    """The answer to a preflight under a gate: who may not write is told of the safe methods.

    :return: the same decision for who may; else one that is not allowed where the preflight is for
        an unsafe method, since the gate would refuse the request that follows.
    """
    policy = decision.policy
    if policy is None or policy.gate != "enforce" or not decision.allowed:
        return decision
    if may_write(policy, environ[names.ENVIRON_ORIGIN], environ, readable=True):
        return decision
    told = policy.allow_methods
    if told != ("*",):
        safe = [method for method in told if method in names.SAFE_METHODS]
    else:
        safe = sorted(names.SAFE_METHODS)
    limited = with_methods(decision, safe)
    if environ[names.ENVIRON_REQUEST_METHOD] in names.SAFE_METHODS:
        return limited
    return Decision(
        kind="preflight",
        allowed=False,
        reason="cross-site-write",
        policy=policy,
        _lines=limited._lines[:-1],
        _vary=limited._vary,
        _status=answer_preflight(limited)[0],
    )
