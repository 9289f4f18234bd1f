"""The gate's step of an explanation, and all human text about what it refuses.

Debug mode, the log and `explain` say the same of the same refusal: it is all made here.
"""

from __future__ import annotations

from . import _protocol
from ._engine import decide
from ._gate import is_handshake, is_safe, judge, may_write
from ._nearest import nearest_origin
from ._reasons import (
    EXAMPLE,
    Failure,
    callables_fix,
    check_policy,
    may_be_named,
    present,
    proposable,
    why_not,
)
from ._request import Request
from ._words import Words, advice_of, one_line, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .policy import Policy


def check_gate(words: Words, policy: Policy, request: Request) -> str | Failure:
    """What the gate makes of a request before the application runs, or lets a preflight say."""
    environ = request.for_gate()
    # To a preflight it is asked only where the origin is allowed.
    readable = request.preflight or decide(policy, environ).allowed
    if request.preflight:
        safe = request.method in _protocol.SAFE_METHODS
        passes = safe or may_write(policy, request.origin, environ, readable)
        reason = None if passes else "cross-site-write"
    else:
        reason = judge(policy, environ, readable=readable)
    if reason is None:
        return _passes(words, policy, request, readable)
    found = _refusal(words, policy, request, reason)
    why = found.message[:1].lower() + found.message[1:]
    if policy.gate == "report":
        return f'{words.setting("gate")} is "report", so it is only logged ({reason}): {why}'
    what = "a WebSocket" if reason == "cross-site-websocket" else shown(request.method)
    does = f"The gate refuses {what} (403)"
    if request.preflight:
        does = f"The gate leaves {what} out of the methods that it tells the browser"
        # "CORS-preflight fetch": a browser needs not be told of these.
        if request.method in _protocol.SAFELISTED_METHODS:
            does = f"The gate will refuse the {what} that comes next (403)"
    return Failure(reason, f"{does}: {why}", found.setting, found.fix, found.nearest)


def explain_refusal(words: Words, policy: Policy, environ: Mapping[str, Any]) -> str:
    """Why the gate refuses a request, and what would let it pass: one line of printable ASCII."""
    found = _refusal(words, policy, Request(environ, credentials=False), "")
    return one_line(f"{found.message} {advice_of(found.fix)}")


def _passes(words: Words, policy: Policy, request: Request, readable: bool) -> str:
    """Which of the gate's rules lets a request pass."""
    method = shown(request.method)
    unsafe = _is_unsafe(request)
    if not request.preflight:
        if request.site in ("same-origin", "none"):
            return f"The browser says Sec-Fetch-Site: {request.site}, so the gate lets it pass."
        if not request.has_origin and not unsafe:
            return f"{method} without Origin changes nothing, so the gate lets it pass."
        if not request.has_origin:
            return "It has no Origin and no Sec-Fetch-Site, so no browser sends it: it passes."
    elif not unsafe:
        return f"{method} changes nothing, so the gate lets the browser send it."
    if may_write(policy, request.origin, request.for_gate(), readable) if unsafe else readable:
        setting = words.setting(_deciding(policy, unsafe))
        return f"{setting} trusts {request.shown} to {'write' if unsafe else 'read'}."
    by = words.setting("own_origins") if policy.own_origins else "Host"
    return f"{request.shown} is this very site ({by} says so), so the gate lets it pass."


def _refusal(words: Words, policy: Policy, request: Request, reason: str) -> Failure:
    unsafe = _is_unsafe(request)
    option = _deciding(policy, unsafe)
    entries = getattr(policy, option) or ()
    setting = words.setting(option)
    stands_in = check_policy(words, policy, request)
    if isinstance(stands_in, Failure):
        return Failure(reason, stands_in.message, stands_in.setting, stands_in.fix)
    which, verb = setting, "write" if unsafe else "read"
    if unsafe and option == "allow_origins":
        which = f"{setting} (there is no {words.name('write_origins')})"
    is_silent = request.site is None and not request.preflight
    exempt = (
        'if every site may call this route, exempt it: gate="off" in its cors(...) or in'
        f" {words.name('paths')}"
    )
    if not request.has_origin:
        message = (
            "The browser says that the request comes from another site (Sec-Fetch-Site:"
            f" {shown(request.site or '')}) and not from which."
        )
        return Failure(reason, message, words.setting("gate"), exempt)
    if request.origin == "null":
        if is_silent:
            exempt = f"if it is your own form, let its Referrer-Policy be origin; {exempt}"
        message = (
            "The page sends the origin 'null', as sandboxed frames, local files and redirects from"
            f" site to site do, and {which} does not trust that to {verb}."
        )
        return Failure(reason, message, setting, exempt)
    if proposable(request.origin) is None:
        message = f"The origin {request.shown} is not written as a browser writes it."
        return Failure(reason, message, setting, f"send the header as Origin: {EXAMPLE}")
    why, nearest = why_not(entries, request.origin, "trusts")
    if option == "write_origins" and policy.write_origins is None:
        why = ", since it is not set"
    fixes = [_trust_fix(words, policy, request, option)]
    if is_silent:
        near = nearest_origin(request.origin, policy.own_origins) if nearest is None else None
        own = [..., request.origin] if policy.own_origins else [request.origin]
        line = f"if that is this very site: {words.line('own_origins', own)}"
        fixes.insert(0 if near else 1, line)
        if near:
            setting, nearest = words.setting("own_origins"), near[0]
            why = f"; the nearest of {setting} is {shown(nearest)}: {near[1]}"
    if request.mode == "navigate":  # a form's post, as of SAML or a payment
        fixes.append(exempt)
    message = f"The page is on {request.shown}, which {which} does not trust to {verb}{why}."
    return Failure(reason, message, setting, "; ".join(fixes), nearest)


def _is_unsafe(request: Request) -> bool:
    # The preflights that are denied here are for unsafe methods, and never come from the own site.
    if request.preflight:
        return request.method not in _protocol.SAFE_METHODS
    return not is_safe(request.for_gate())


def _deciding(policy: Policy, unsafe: bool) -> str:
    """The option that says whom the gate trusts."""
    follows = policy.write_origins is None and policy.allow_origins != ("*",)
    return "write_origins" if unsafe and not follows else "allow_origins"


def _trust_fix(words: Words, policy: Policy, request: Request, option: str) -> str:
    """What to write: always under a condition, since the page may be anybody's."""
    origin, entries = request.origin, getattr(policy, option) or ()
    if asked := callables_fix(entries):
        return f"if you trust that site, {asked}"
    if not may_be_named(policy, option, origin):
        risk = words.at("").line("dangerously_allow", ["insecure-origin"])
        return (
            f"if you trust that site, have it served over https; or add {shown(origin)} and accept"
            f" the risk with {risk}"
        )
    unsafe = _is_unsafe(request)
    line = words.line(option, [..., origin] if entries else [origin])
    if unsafe and option == "allow_origins" and not _reads_answer(request):
        # To write is all that it needs; whoever writes now has to be named then.
        writers = present(words, policy)
        if ... not in writers:
            trusted = [entry for entry in writers if entry != "null"]
            line = words.line("write_origins", [*trusted, origin])
    to = "act as your users" if unsafe else "read the answers"
    return f"if you trust that site to {to}, add it: {line}"


def _reads_answer(request: Request) -> bool:
    return request.mode in (None, "cors") and not is_handshake(request.for_gate())
