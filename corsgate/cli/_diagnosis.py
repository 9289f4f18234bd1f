"""From what a server answered to what is wrong there and what to write: no network, no printing.

The servers may be of any make, and what they send is untrusted: `shown` whatever goes in a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._protocol import (
    ALLOW_CREDENTIALS,
    ALLOW_HEADERS,
    ALLOW_METHODS,
    ALLOW_ORIGIN,
    ORIGIN,
    REASON,
    REQUEST_HEADERS,
    REQUEST_METHOD,
    SAFE_METHODS,
    VARY,
)
from .._words import shown
from ..browser._messages import get, values_of
from ..browser._safelist import extract_tokens
from ..browser._url import parse_url
from ._makes import fix_for, says_corsgate, says_gate

if TYPE_CHECKING:
    from ..browser import FetchError, HTTPRequest, HTTPResponse

_REDIRECTS = (301, 302, 303, 307, 308)
_NO_OPTIONS = (404, 405, 501)
_CACHE_HEADERS = ("X-Cache", "CF-Cache-Status", "X-Cache-Status", "X-Varnish-Cache")


class Finding(NamedTuple):
    """Something about a server: a stable code, a sentence, and what to do in one line."""

    code: str
    text: str
    fix: str


def in_one_line(text: str, most: int = 600) -> str:
    """A text with what a server sent in it, cut and escaped; only the quotes of Firefox stay."""
    return "".join(
        char if char in "‘’“”" or " " <= char <= "~" else ascii(char)[1:-1]
        for char in cut(text, most)
    )


def cut(text: str, most: int = 600) -> str:
    """A text with what a server sent in it, not escaped: for JSON, which does that itself."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


def is_preflight(request: HTTPRequest) -> bool:
    return request.method == "OPTIONS" and request.header(REQUEST_METHOD) is not None


def find_cause(error: FetchError, origin: str) -> Finding:
    """Why the browser blocks, as far as its request and the answer show.

    :param origin: that of the page.
    """
    request, response = error.request, error.response
    if request is None or response is None:
        return Finding(
            "mixed-content",
            "A page on https may not call http, so nothing is sent.",
            "Serve the API over https.",
        )
    reason = response.header(REASON)
    if reason:
        said, _, line = reason.partition(" To allow it: ")
        said, _, task = said.partition(" What to do: ")
        fix = f"Write {in_one_line(line)}" if line else in_one_line(task[:1].upper() + task[1:])
        fix = fix or "Look at corsgate's policy for this address."
        return Finding("corsgate", f"corsgate says: {in_one_line(said)}", fix)
    if is_preflight(request) and not 200 <= response.status <= 299:
        return _preflight_status(request, response, origin)
    if error.code in ("method", "header", "authorization"):
        return _not_listed(error.code, request, response)
    if error.code in ("allow-methods-invalid", "allow-headers-invalid"):
        return Finding(
            error.code,
            "One part of the list is no name, and so the whole list counts for nothing.",
            "Write names with commas between them, and nothing else.",
        )
    if error.code == "allow-credentials":
        return _credentials(response, origin)
    if error.code.startswith("allow-origin"):
        return _origin(error.code, request, response, origin)
    if error.code == "redirect-limit":
        return Finding(
            error.code,
            "The redirects go round in a circle, or there are more than 20.",
            "Fix the redirect on the server.",
        )
    return Finding(
        error.code,
        "The redirect leads where no page may follow.",
        "Call the address at its end, or have the server redirect to a plain http(s) address.",
    )


def _preflight_status(request: HTTPRequest, response: HTTPResponse, origin: str) -> Finding:
    status = response.status
    if status in _REDIRECTS:
        kind, address = _redirect(request, response)
        return Finding(
            f"preflight-redirect-{kind}",
            f"The preflight is redirected {_KINDS_OF_REDIRECT[kind]},"
            " and a browser follows no redirect of a preflight.",
            _call(address) if kind != "login" else fix_for("options", response, origin),
        )
    if says_corsgate(response):
        return Finding(
            "origin-not-allowed",
            f"corsgate refuses the preflight: its policy does not allow {origin}.",
            fix_for("origin", response, origin),
        )
    if status in (401, 407):
        text = "something wants a login first, and a preflight never carries one."
    elif status == 403:
        text = (
            "the server does not allow this origin, method or header,"
            " or a firewall or CSRF check stops it."
        )
    elif status in _NO_OPTIONS:
        text = "nothing there answers OPTIONS for this address."
    elif status == 429:
        text = "the server counts preflights as requests, and there were too many."
    elif status >= 500:
        text = "the server, or one behind it, fails on OPTIONS."
    else:
        text = "something in front of the CORS layer answers OPTIONS."
    return Finding(
        "preflight-status",
        f"The preflight is answered with {status}: {text}",
        fix_for("origin" if status == 403 else "options", response, origin),
    )


_KINDS_OF_REDIRECT = {
    "slash": "to the same address with or without a slash at the end",
    "https": "from http to https",
    "login": "to what looks like a login",
    "host": "to another host",
    "elsewhere": "to another address",
}
_LOGIN = ("login", "signin", "sign-in", "sso", "auth")


def _redirect(request: HTTPRequest, response: HTTPResponse) -> tuple[str, str]:
    """What kind of redirect this is, and the address that it leads to."""
    here = parse_url(request.url)
    location = get(response.headers, "Location")
    there = parse_url(location, here) if location else None
    if here is None or there is None or not there.host:
        return "elsewhere", "the address that it leads to"
    if there.origin == here.origin and there.path.rstrip("/") == here.path.rstrip("/"):
        kind = "slash"
    elif there.host == here.host and (here.scheme, there.scheme) == ("http", "https"):
        kind = "https"
    elif any(word in str(there).lower() for word in _LOGIN):
        kind = "login"
    else:
        kind = "elsewhere" if there.host == here.host else "host"
    return kind, shown(str(there))


def _call(address: str) -> str:
    return f"Call {address} from the page, or let the server answer here without a redirect."


def _not_listed(code: str, request: HTTPRequest, response: HTTPResponse) -> Finding:
    header = ALLOW_METHODS if code == "method" else ALLOW_HEADERS
    allowed = extract_tokens(values_of(response.headers, header))[0] or []
    listed = f"It says {shown(', '.join(allowed))}." if allowed else "There is no such header."
    if code == "method":
        method = request.header(REQUEST_METHOD) or ""
        fix = f"Add {method} to {header}."
        if allowed and SAFE_METHODS.issuperset(allowed):
            fix += f" Or, if a gate of corsgate answers: {_trust(request)}"
        if method.upper() in allowed:
            fix = f"Write {method.upper()} in the page: method names are case-sensitive."
        elif method in {name.upper() for name in allowed}:
            fix = f"Write {method} in {header}: method names are case-sensitive."
        elif method != method.upper() == "PATCH":  # others fetch() puts in upper case itself
            fix = f"Write PATCH in the page, and add PATCH to {header}."
        missing = method
    else:
        asked = (request.header(REQUEST_HEADERS) or "").split(",")
        lower = {name.lower() for name in allowed}
        names = [name for name in asked if name not in lower]
        missing = ", ".join(names)
        fix = f"Add {missing} to {header}."
    text = f"{header} does not allow {missing}. {listed}"
    if "*" in allowed:
        text += " With credentials * is no wildcard."
    return Finding(f"{code}-not-allowed", text, fix)


def _trust(request: HTTPRequest) -> str:
    """What lets a page write where a gate of corsgate is on."""
    origin = request.header(ORIGIN)
    return f'add "{origin}" to its write_origins, if you trust that site to act as your users.'


def _credentials(response: HTTPResponse, origin: str) -> Finding:
    values = values_of(response.headers, ALLOW_CREDENTIALS)
    if not values:
        text = f"The page asks for cookies, and {ALLOW_CREDENTIALS} is missing."
    elif len(values) > 1:
        text = f"{ALLOW_CREDENTIALS} is there {len(values)} times: two layers add it."
    else:
        text = (
            f"{ALLOW_CREDENTIALS} is {shown(values[0])}, and only the lower-case word true counts."
        )
    return Finding(
        "credentials-not-allowed",
        text,
        fix_for("cookies", response, origin),
    )


def _origin(code: str, request: HTTPRequest, response: HTTPResponse, origin: str) -> Finding:
    """Why Access-Control-Allow-Origin is not what the browser wants to see."""
    value = get(response.headers, ALLOW_ORIGIN) or ""
    sent = request.header(ORIGIN)
    if code == "allow-origin-repeated":
        return Finding(
            code,
            f"{ALLOW_ORIGIN} is there {len(values_of(response.headers, ALLOW_ORIGIN))} times:"
            " two layers add it, the application and a proxy in front of it, as a rule.",
            fix_for("twice", response, origin),
        )
    if code == "allow-origin-wildcard":
        return Finding(
            code,
            "The page asks for cookies, and * is never for requests with cookies.",
            fix_for("credentials", response, origin),
        )
    if code == "allow-origin-list":
        return Finding(
            code,
            f"{ALLOW_ORIGIN} names several origins, and it can name one only.",
            fix_for("list", response, origin),
        )
    if sent == "null" != origin:
        return Finding(
            "origin-lost",
            "After a redirect from one server to another the browser says Origin: null.",
            "Call the address at the end of the redirects from the page.",
        )
    if code == "allow-origin-missing":
        found = _missing(request, response, origin)
    else:
        found = Finding(
            code,
            f"{ALLOW_ORIGIN} is {shown(value)}, and the page's origin is {sent}"
            f"{_difference(value, origin)}.",
            fix_for("origin", response, origin),
        )
    cache = kept_by_cache(response)
    if not cache or origin == "null":
        return found  # null is not to be allowed, whoever keeps the answer
    # No evidence: what comes through a CDN looks so, whoever was allowed.
    return Finding(
        found.code,
        f"{found.text} Or its cache ({cache}) may have kept the answer for another page.",
        f"{found.fix} If it is the cache: send {VARY}: {ORIGIN} with every answer of this"
        " address, and empty the cache.",
    )


def _missing(request: HTTPRequest, response: HTTPResponse, origin: str) -> Finding:
    status = response.status
    if is_preflight(request):
        speaks = any(get(response.headers, name) for name in (ALLOW_METHODS, ALLOW_HEADERS))
        if speaks:
            text = f"The server knows CORS, and does not allow {origin} here."
        else:
            text = f"OPTIONS is answered ({status}), but by something that knows nothing of CORS."
        kind = "origin" if speaks else "options"
        return Finding("origin-not-allowed", text, fix_for(kind, response, origin))
    if status in _REDIRECTS:
        kind, address = _redirect(request, response)
        return Finding(
            f"redirect-{kind}",
            f"The request is redirected {_KINDS_OF_REDIRECT[kind]}, without {ALLOW_ORIGIN} on the"
            " redirect itself.",
            _call(address),
        )
    if says_gate(response):
        return Finding(
            "gate-refused",
            f"corsgate's gate refuses the request: its policy does not trust {origin}.",
            f"See whom it trusts; or {_trust(request)}",
        )
    if status >= 400:
        return Finding(
            "error-without-headers",
            f"The answer is an error ({status}) without CORS headers: what has to be fixed may be"
            " that error, which the page cannot see.",
            fix_for("errors", response, origin),
        )
    text = f"The server does not allow {origin} here, or knows nothing of CORS."
    names, _ = extract_tokens(values_of(response.headers, VARY))
    if ORIGIN.lower() in map(str.lower, names or ()):  # it looks at who asks
        text = f"The server knows CORS ({VARY}: {ORIGIN}), and does not allow {origin} here."
    return Finding("origin-not-allowed", text, fix_for("origin", response, origin))


def _difference(value: str, origin: str) -> str:
    """In what a value differs from the origin that it was probably to be."""
    ours, its = parse_url(origin), parse_url(value)
    if value.rstrip("/") == origin:
        return ": the slash at the end is no part of an origin"
    if value.lower() == origin:
        return ": origins are in lower case"
    if "*" in value:
        return ": browsers know no patterns, only * alone"
    if ours is None or its is None:
        return ""
    if (ours.host, ours.port) == (its.host, its.port) and ours.scheme != its.scheme:
        return f": {its.scheme} is not {ours.scheme}"
    if ours.host == its.host and ours.scheme == its.scheme:
        return ": the port differs" if ours.port != its.port else ": an origin has no path"
    if ours.host.removeprefix("www.") == its.host.removeprefix("www."):
        return ": www. counts"
    return ""


def kept_by_cache(response: HTTPResponse) -> str:
    """The header that shows that this answer was kept by a cache, or ""."""
    age = get(response.headers, "Age") or ""
    if age.isdecimal() and age.strip("0"):
        return f"Age: {in_one_line(age, 100)}"
    for name in _CACHE_HEADERS:
        value = get(response.headers, name) or ""
        if "hit" in value.lower():
            return f"{name}: {in_one_line(value, 100)}"
    return ""
