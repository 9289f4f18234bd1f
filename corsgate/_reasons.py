"""The steps of a browser, one function each, and all human text about what fails there.

In the order of Fetch, "CORS check" and "CORS-preflight fetch". A function returns the sentence of
a step that is passed, or a `Failure`.
"""

from __future__ import annotations

from . import _protocol
from ._check import is_regex
from ._nearest import nearest_name, nearest_origin
from ._origin import find_fault, read_origin
from ._record import Record
from ._sources import is_preflight
from ._words import KEYWORDS, Words, listed, shown
from .errors import PolicyError
from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

_LONGEST_VALUE = 65_536  # of a request; servers take less
_LONGEST_REFLECTED = 4_096  # what the engine reflects at most
_LONGEST_NAME = 64
_MOST_LISTED = 12  # names in a line to write, before those that are there already become "..."
_MOST_CHECKED = 1_000  # origins that are tried with credentials before that is proposed
_EXAMPLE = "https://app.example.com"

# "CORS-safelisted request-header", of Content-Type: these need no preflight.
_SAFELISTED_TYPES = frozenset(
    {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
)
# "CORS-unsafe request-header byte"
_UNSAFE = frozenset('"():<>?@[\\]{}\x7f').union(map(chr, range(0x20))) - {"\t"}


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


class Request:
    """What of a request a browser or a page has decided."""

    def __init__(self, environ: Mapping[str, Any], credentials: bool) -> None:
        self.environ = environ
        self.preflight = is_preflight(environ)
        self.has_origin = self._text(_protocol.ENVIRON_ORIGIN) is not None
        self.origin = self._text(_protocol.ENVIRON_ORIGIN) or ""
        self.shown = shown(self.origin)
        self.own_method = self._text("REQUEST_METHOD") or "GET"
        self.plain_options = self.own_method == "OPTIONS" and not self.preflight
        self.credentials = credentials
        if self.preflight:
            self.method = self._text(_protocol.ENVIRON_REQUEST_METHOD) or ""
            asked = self._text(_protocol.ENVIRON_REQUEST_HEADERS) or ""
            self.too_long = len(asked) > _LONGEST_REFLECTED
            named = (name.strip(" \t") for name in asked.split(","))
            # Only ASCII: a Kelvin sign in lower case would be a plain k.
            lower = (name.lower() if name.isascii() else name for name in named if name)
            self.headers = list(dict.fromkeys(lower))
        else:
            self.method = self.own_method
            self.headers = list(self._unsafe_headers())
            self.too_long = False
            # A browser sends no cookie with a call that may be refused, unless the page asks.
            mode = self._text(_protocol.ENVIRON_FETCH_MODE)
            self.credentials |= bool(self._text("HTTP_COOKIE")) and mode in (None, "cors")

    def _text(self, key: str) -> str | None:
        value = self.environ.get(key)
        return value[:_LONGEST_VALUE] if isinstance(value, str) else None

    def _unsafe_headers(self) -> Iterable[str]:
        # Proxies add headers of their own, but not these.
        if self._text("HTTP_AUTHORIZATION"):
            yield _protocol.NON_WILDCARD_REQUEST_HEADER
        kind = self._text("CONTENT_TYPE") or ""
        essence = kind.partition(";")[0].strip(" \t").lower()
        safe = essence in _SAFELISTED_TYPES and _UNSAFE.isdisjoint(kind)
        if kind and not (safe and len(kind) <= 128):
            yield "content-type"

    def aside(self) -> tuple[str, str] | None:
        """Reason and sentence, where the browser looks at no policy at all."""
        if not self.has_origin:
            what = " and is no preflight" if self.own_method == "OPTIONS" else ""
            return "not-cors", (
                f"The request has no Origin header, so it is no CORS request{what}: it comes from"
                " this very site, a link, or a program such as curl."
            )
        if not self.preflight and self._is_same_origin():
            return "same-origin", (
                f"The page is on {self.shown}, which is this very site, so the browser asks for"
                " no permission."
            )
        return None

    def _is_same_origin(self) -> bool:
        site = self._text("HTTP_SEC_FETCH_SITE")
        host = self._text("HTTP_HOST")
        if site is not None or not host:
            return site == "same-origin"
        # Browsers leave that header out on http; whether a proxy has taken off TLS is not known.
        return self.origin in (
            f"http://{host.removesuffix(':80')}",
            f"https://{host.removesuffix(':443')}",
        )

    def verdict(self) -> tuple[str | None, str]:
        """Reason and sentence, where the browser has found nothing to block."""
        if self.preflight:
            return None, f"The page on {self.shown} may send {shown(self.method)}."
        if self.plain_options:
            return "plain-options", (
                "This OPTIONS request has no Access-Control-Request-Method, so it is no preflight:"
                f" the application answers it, and the page on {self.shown} may read the answer."
            )
        return None, f"The page on {self.shown} may read the answer."


# ------------------------------------------------------------------ the browser's steps


def _check_request(words: Words, policy: Policy, request: Request) -> str | Failure:
    if request.preflight:
        return (
            f"The page on {request.shown} is on another origin, so the browser asks first whether"
            f" it may send {shown(request.method)} (a preflight)."
        )
    return f"The page on {request.shown} is on another origin, so the browser looks at the answer."


def _check_policy(words: Words, policy: Policy | None, request: Request) -> str | Failure:
    if policy is not None:
        return "A policy applies here."
    origin = _proposable(request.origin) or _EXAMPLE
    return Failure(
        "no-policy",
        "No policy applies here, so corsgate adds no headers, and the browser blocks the page"
        " unless the application sends them itself.",
        words.place or words.name("paths"),
        f"give this path a policy with {words.at('').line('allow_origins', [origin])}",
    )


def _check_origin(words: Words, policy: Policy, request: Request) -> str | Failure:
    """ "CORS check", up to its step on credentials."""
    origin, setting = request.origin, words.setting("allow_origins")
    matcher = policy._matcher
    if matcher is None:
        return f'{setting} is "*", which allows every origin.'
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
    near = nearest_origin(origin, policy.allow_origins)
    nearest, differs = near or (None, "")
    if _proposable(origin) is None:
        message = f"The origin {request.shown} is not written as a browser writes it"
        if nearest:
            message += f"; {setting} allows {shown(nearest)}, and {differs}"
        return fail(f"{message}.", f"send the header as Origin: {nearest or _EXAMPLE}", nearest)
    fix = _origin_fix(words, policy, origin)
    message = f"The page is on {request.shown}, which {setting} does not allow"
    if nearest:
        return fail(
            f"{message}; the nearest that it allows is {shown(nearest)}: {differs}.", fix, nearest
        )
    if not policy.allow_origins:
        return fail(f"{message}, since it is empty.", fix)
    others = [entry for entry in policy.allow_origins if not isinstance(entry, str)]
    if not others:
        return fail(f"{message}.", fix)
    if not any(map(is_regex, others)) and len(others) == len(policy.allow_origins):
        fix = f"let {listed(others, _name_of)} return True for it"
    return fail(f"{message}: {listed(others, _no_of)}.", fix)


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
            f'{wanted}, and {setting} is "*", which never goes with them: the origins have to be'
            " named."
        )
        origin = _proposable(request.origin)
        changes = {"allow_origins": [origin or _EXAMPLE], **changes}
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
        if len(method) <= _LONGEST_REFLECTED or not policy.allow_credentials:
            return f'{setting} is "*", which allows every method.'
        return fail(f"{text} is too long for a method.", "use another method in the page")
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
        return fail(f"{shown(odd[0])} is no name of a header.", "send names such as x-api-key")
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
            f'The page sends Authorization, which the "*" in {setting} does not cover: it has to be'
            " named.",
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
    "policy": _check_policy,  # the others are called with what it lets pass
    "origin": _check_origin,
    "credentials": _check_credentials,
    "method": _check_method,
    "headers": _check_headers,
}


# ------------------------------------------------------------------ what would allow it


def _added(names: tuple[str, ...], more: list[str]) -> list[Any]:
    """All of them: whoever relies on the default list has not written it anywhere."""
    return [*(names if len(names) <= _MOST_LISTED else [...]), *more]


def _proposable(origin: str) -> str | None:
    """`origin`, if a policy may name it."""
    if "*" in origin or read_origin(origin) is None or find_fault(origin):
        return None
    return origin


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
    entries = [..., origin] if policy.allow_origins else [origin]
    return words.line("allow_origins", entries)


def _credentials_fix(words: Words, policy: Policy, changes: dict[str, Any]) -> str:
    line = words.lines(changes)
    if len(policy.allow_origins) > _MOST_CHECKED:
        return f"{words.at('').lines(changes)}, if every one of these origins may act as the user"
    try:
        policy.replace(**changes)
    except PolicyError as error:
        found = error.problems[0]
        if words.form != KEYWORDS.form:
            found = found.in_settings("CORS_", Policy._fields)
        return f"{words.at('').lines(changes)}, but first mend this: {found.message} {found.hint}"
    return line


def _no_of(entry: Any) -> str:
    if is_regex(entry):
        text = shown(entry.pattern).replace("\\\\", "\\")
        return f"the regular expression {text} does not match all of it"
    return f"{_name_of(entry)} said no"


def _name_of(entry: object) -> str:
    name = getattr(entry, "__name__", None)
    return f"the callable {name if isinstance(name, str) else type(entry).__name__}"


def _shown(names: list[str]) -> str:
    return listed(names, shown)
