"""The steps of a browser, one function each, and all human text about what fails there.

In the order of Fetch, "CORS check" and "CORS-preflight fetch". A function returns the sentence of
a step that is passed, or a `Failure`.
"""

from __future__ import annotations

from . import _protocol
from ._check import is_regex
from ._closed import FAILED, is_between
from ._nearest import nearest_name, nearest_origin
from ._origin import find_fault, read_origin
from ._paths import decode_path, resolve
from ._record import Record
from ._request import LONGEST_REFLECTED, Request
from ._words import KEYWORDS, Words, listed, name_of, shown
from .errors import PolicyError
from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_LONGEST_NAME = 64
_MOST_LISTED = 12  # names in a line to write, before those that are there already become "..."
_MOST_WRITTEN = 4  # origins that are there already, the same
_MOST_CHECKED = 1_000  # origins that are tried with credentials before that is proposed
EXAMPLE = "https://app.example.com"


class Failure(Record):
    """Where the browser stops, and why; the fields are those of an `Explanation`."""

    __slots__ = _fields = ("reason", "message", "setting", "fix", "nearest")
    reason: str
    message: str
    setting: str
    fix: str
    nearest: str | None

    def __init__(
        self, reason: str, message: str, setting: str, fix: str, nearest: str | None = None
    ) -> None:
        self._set(reason=reason, message=message, setting=setting, fix=fix, nearest=nearest)


# ------------------------------------------------------------------ the browser's steps


def _check_request(words: Words, policy: Policy, request: Request) -> str | Failure:
    if request.preflight:
        return (
            f"The page on {request.shown} is on another origin, so the browser asks first whether"
            f" it may send {shown(request.method)} (a preflight)."
        )
    return f"The page on {request.shown} is on another origin, so the browser looks at the answer."


def check_policy(words: Words, policy: Policy | None, request: Request) -> str | Failure:
    """Whether there is a policy at all: one that holds in the place of others says why."""
    sent = decode_path(request.path)
    if is_between(policy) and resolve(sent) != sent:
        return Failure(
            "path-ambiguous",
            f"The path {shown(sent)} may mean {shown(resolve(sent))} to the application, where"
            " another policy holds, so nothing is allowed.",
            words.name("paths"),
            "send the path in its plain form, without // and dots, or give both the same policy",
        )
    if policy is FAILED:
        name = f" {words.place}" if words.place else ""
        return Failure(
            "policy-source-failed",
            f"The policy source{name} failed or gave no policy, so nothing is allowed; the log has"
            " the error.",
            words.place,
            f"fix {words.place or 'the policy source'}",
        )
    if policy is not None:
        return (
            f"The policy in {words.place} applies here."
            if words.place
            else "A policy applies here."
        )
    origin = proposable(request.origin) or EXAMPLE
    why = f" ({words.place})" if words.place else ""
    return Failure(
        "no-policy",
        f"No policy applies here{why}, so corsgate adds no headers, and the browser blocks the"
        " page unless the application sends them itself.",
        words.place or words.name("paths"),
        f"give this path a policy with {words.at('').line('allow_origins', [origin])}",
    )


def _check_origin(words: Words, policy: Policy, request: Request) -> str | Failure:
    """ "CORS check", up to its step on credentials."""
    origin, setting = request.origin, words.setting("allow_origins")
    matcher = policy._matcher
    if matcher is None:
        return f"{_star(words)}, which allows every origin."
    if matcher.allows(origin, request.environ):
        return f"{setting} allows {request.shown}."

    def fail(message: str, fix: str, nearest: str | None = None) -> Failure:
        return Failure("origin-not-allowed", message, setting, fix, nearest)

    if origin == "null":
        return fail(
            "The page sends the origin 'null', as local files, sandboxed frames and redirects"
            f" from site to site do, and {setting} does not have it.",
            "open the page from a web server, give the frame allow-same-origin, or call the"
            " address that the redirect leads to; every site can send 'null'",
        )
    if proposable(origin) is None:
        nearest, differs = nearest_origin(origin, policy.allow_origins) or (None, "")
        message = f"The origin {request.shown} is not written as a browser writes it"
        if nearest:
            message += f"; {setting} allows {shown(nearest)}, and {differs}"
        return fail(f"{message}.", f"send the header as Origin: {nearest or EXAMPLE}", nearest)
    why, nearest = why_not(policy.allow_origins, origin, "allows")
    fix = callables_fix(policy.allow_origins) or _origin_fix(words, policy, origin)
    message = f"The page is on {request.shown}, which {setting} does not allow{why}."
    return fail(message, fix, nearest)


def _check_credentials(words: Words, policy: Policy, request: Request) -> str | Failure:
    """ "CORS check", the rest of it."""
    if not request.credentials:
        return "The page asks for no cookies."
    setting = words.setting("allow_credentials")
    if policy.allow_credentials:
        return f"The page asks for cookies, and {setting} is True."
    wanted = 'The page asks for cookies (credentials: "include")'
    changes: dict[str, Any] = {"allow_credentials": True}
    if policy._matcher is None:
        setting = words.setting("allow_origins")
        message = (
            f"{wanted}, and {_star(words)}, which never goes with them: the origins have to be"
            " named."
        )
        origin = proposable(request.origin)
        changes = {"allow_origins": [origin or EXAMPLE], **changes}
        if origin is None:
            line = words.at("").lines(changes)
            fix = f"serve the page from a site that has a name, and write that: {line}"
            return Failure("credentials-not-allowed", message, setting, fix)
    else:
        message = f"{wanted}, and {setting} is False."
    fix = _credentials_fix(words, policy, changes)
    return Failure("credentials-not-allowed", message, setting, fix)


def _check_method(words: Words, policy: Policy, request: Request) -> str | Failure:
    """ "CORS-preflight fetch", the step on methods."""
    method, setting = request.method, words.setting("allow_methods")
    text, upper = shown(method), method.upper()

    def fail(message: str, fix: str, nearest: str | None = None) -> Failure:
        return Failure("method-not-allowed", message, setting, fix, nearest)

    if not _protocol.is_token(method) or upper in _protocol.FORBIDDEN_METHODS:
        return fail(f"{text} is a method that no browser sends.", "use another method in the page")
    if method in _protocol.SAFELISTED_METHODS:
        return f"{text} is a method that needs no permission."
    if "*" in policy.allow_methods:
        if len(method) <= LONGEST_REFLECTED or not policy.allow_credentials:
            return f'{setting} is "*", which allows every method.'
        return fail(f"{text} is too long for a method name.", "use another method in the page")
    if method in policy.allow_methods:
        return f"{setting} has {text}."
    may = _protocol.SAFELISTED_METHODS.union(policy.allow_methods)
    if upper in may:
        return fail(
            f"The page sends {text}, and only {shown(upper)} is allowed: a browser compares"
            " methods letter by letter.",
            f'write method: "{upper}" in the page',
            upper,
        )
    message = f"The page sends {text}, which {setting} does not have."
    plain = words.at("")
    if upper in _protocol.KNOWN_METHODS and method != upper:
        line = plain.line("allow_methods", _added(policy.allow_methods, [upper]))
        return fail(message, f'write method: "{upper}" in the page, and {line}')
    if method == "*" or len(method) > _LONGEST_NAME:
        return fail(message, "use another method in the page")
    return fail(message, words.line("allow_methods", _added(policy.allow_methods, [method])))


def _check_headers(words: Words, policy: Policy, request: Request) -> str | Failure:
    """ "CORS-preflight fetch", the steps on header names."""
    if not request.headers:
        return "No header needs permission."
    allowed, setting = policy.allow_headers, words.setting("allow_headers")

    def fail(message: str, fix: str, nearest: str | None = None) -> Failure:
        return Failure("header-not-allowed", message, setting, fix, nearest)

    odd = [name for name in request.headers if not _protocol.is_token(name)]
    if odd:
        return fail(f"{shown(odd[0])} is no header name.", "send names such as x-api-key")
    any_name = "*" in allowed
    # With credentials the engine names what was asked for, Authorization too.
    if any_name and policy.allow_credentials:
        if request.too_long:
            return fail("The page sends too many headers to name them.", "send fewer headers")
        return f'{setting} is "*", which allows every header.'
    missing = [
        name
        for name in request.headers
        if name not in allowed and (name == _protocol.NON_WILDCARD_REQUEST_HEADER or not any_name)
    ]
    if not missing:
        return f"{setting} allows {_shown(request.headers)}."
    if any_name:
        return Failure(
            "authorization-not-covered",
            f'The page sends Authorization, which by the standard the "*" in {setting} does not'
            " cover: it has to be named, though today's Chromium, Firefox and Safari let it pass.",
            setting,
            words.line("allow_headers", ["*", "Authorization"]),
        )
    what = "the header" if len(missing) == 1 else "the headers"
    message = f"The page sends {what} {_shown(missing)}, which {setting} does not have"
    nearest = nearest_name(missing[0], allowed)
    if nearest:
        message += f"; the nearest that it has is {shown(nearest)}"
    refused = [
        name for name in missing if name == "*" or _protocol.is_forbidden_request_header(name)
    ]
    if refused:
        return fail(f"{message}.", f"leave out {_shown(refused)}", nearest)
    if len(missing) > _MOST_LISTED or max(map(len, missing)) > _LONGEST_NAME:
        return fail(f"{message}.", f"add them to {setting}, or send fewer", nearest)
    return fail(f"{message}.", words.line("allow_headers", _added(allowed, missing)), nearest)


CHECKS: dict[str, Callable[[Words, Any, Request], str | Failure]] = {
    "cors-request": _check_request,
    "policy": check_policy,  # the others are called with what it lets pass
    "origin": _check_origin,
    "credentials": _check_credentials,
    "method": _check_method,
    "headers": _check_headers,
}


# ------------------------------------------------------------------ what would allow it


def _added(names: tuple[str, ...], more: list[str]) -> list[Any]:
    """All of them: whoever relies on the default list has not written it anywhere."""
    return [*(names if len(names) <= _MOST_LISTED else [...]), *more]


def proposable(origin: str) -> str | None:
    """`origin`, if a policy may name it: browsers write it so."""
    if "*" in origin or read_origin(origin) is None or find_fault(origin):
        return None
    return origin


def why_not(entries: Sequence[Any], origin: str, does: str) -> tuple[str, str | None]:
    """Why no entry is for a well-formed origin, to follow that it is so; and the nearest one.

    :param does: what the entries do for those that they are for: `"allows"`.
    """
    near = nearest_origin(origin, entries)
    if near:
        return f"; the nearest that it {does} is {shown(near[0])}: {near[1]}", near[0]
    if not entries:
        return ", since it is empty", None
    others = [entry for entry in entries if not isinstance(entry, str)]
    return (f": {listed(others, _no_of)}" if others else ""), None


def callables_fix(entries: Sequence[Any]) -> str:
    """What else to do where all that there is are callables, or ""."""
    if not entries or any(isinstance(entry, str) or is_regex(entry) for entry in entries):
        return ""
    return f"let {listed(entries, _name_of)} return True for it"


def _origin_fix(words: Words, policy: Policy, origin: str) -> str:
    try:
        Policy(
            allow_origins=[origin],
            allow_credentials=policy.allow_credentials,
            dangerously_allow=policy.dangerously_allow,
        )
    except PolicyError:
        plain = words.at("")
        return (
            "serve the page over https, since with cookies http is not safe; or add"
            f" {shown(origin)} and accept the risk with"
            f" {plain.line('dangerously_allow', ['insecure-origin'])}"
        )
    return words.line("allow_origins", [*present(words, policy), origin])


def present(words: Words, policy: Policy) -> Sequence[Any]:
    """The entries that are there already, where they can be written; `...` stands for more."""
    entries = policy.allow_origins
    if not entries or words.other("allow_origins"):
        return ()
    few = len(entries) <= _MOST_WRITTEN and all(isinstance(entry, str) for entry in entries)
    return entries if few else (...,)


def _credentials_fix(words: Words, policy: Policy, changes: dict[str, Any]) -> str:
    line: str = words.lines(changes)
    other = words.other("allow_origins") if policy._matcher is None else ""
    if other:
        line = f"in the place of {other} write {line}"
    if len(policy.allow_origins) > _MOST_CHECKED:
        line = words.at("").lines(changes)
        return f"if every one of these origins may act as the user, write {line}"
    try:
        policy.replace(**changes)
    except PolicyError as error:
        found = error.problems[0]
        if policy._matcher is None and found.code == "insecure-origin":
            return "serve the page over https, since with cookies http is not safe"
        if words.form != KEYWORDS.form:
            found = found.in_settings("CORS_", Policy._fields)
        then = line if other else f"write {line}"
        return f"first fix this: {found.message} {found.hint} Then {then}"
    return line


def _no_of(entry: Any) -> str:
    if is_regex(entry):
        text = shown(entry.pattern).replace("\\\\", "\\")
        return f"the regular expression {text} does not match all of it"
    return f"{_name_of(entry)} did not return True"


def _star(words: Words) -> str:
    """That any origin is allowed, as it is written."""
    value = "True" if words.other("allow_origins") else '"*"'
    return f"{words.setting('allow_origins')} is {value}"


def _name_of(entry: object) -> str:
    return f"the callable {name_of(entry)}"


def _shown(names: list[str]) -> str:
    return listed(names, shown)
