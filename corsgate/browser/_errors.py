"""Why a fetch fails: the step of the standard, and what the consoles of browsers say then.

The texts were read from the consoles of Chromium 156, Firefox ESR 153 and WebKitGTK 2.50, which has
the words of Safari; tests/test_consoles.py reads them again. Where they print nothing, or not
always the same, there is none.
"""

from __future__ import annotations

import copyreg
from typing import TYPE_CHECKING, NamedTuple

from .._protocol import ALLOW_HEADERS, ALLOW_METHODS, SAFE_METHODS
from ._messages import get, values_of
from ._safelist import extract_tokens
from ._url import parse_url

if TYPE_CHECKING:
    from ._messages import Headers, HTTPRequest, HTTPResponse

_ACCESS = (
    "Access to fetch at '{url}'{redirected} from origin '{origin}' has been blocked by CORS"
    " policy: "
)
_PREFLIGHT = "Response to preflight request doesn't pass access control check: "
_CHECK = _ACCESS + "{preflight}"
_VALID = "Have the server send the header with a valid value."
_REDIRECTED_PREFLIGHT = _ACCESS + _PREFLIGHT + "Redirect is not allowed for a preflight request."
# Added where the answer to a preflight names no other methods.
_SAFE_ONLY = (
    "; GET, HEAD and OPTIONS alone are what a gate of corsgate tells a page that its write_origins"
    " do not trust"
)
_FIREFOX = (
    "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource"
    " at {url}. (Reason: "
)
_FIREFOX_MISMATCH = (
    _FIREFOX + "CORS header ‘Access-Control-Allow-Origin’ does not match ‘{value}’)."
)
_FIREFOX_HEADER = (
    _FIREFOX + "header ‘{value}’ is not allowed according to header"
    " ‘Access-Control-Allow-Headers’ from CORS preflight response)."
)
_FIREFOX_NO_ANSWER = _FIREFOX + "CORS request did not succeed). Status code: (null)."
_WEBKIT_ORIGIN = (
    "Origin {sent} is not allowed by Access-Control-Allow-Origin. Status code: {status}"
)
_WEBKIT_LIST = "Access-Control-Allow-Origin cannot contain more than one origin."
_WEBKIT_HEADER = "Request header field {written} is not allowed by Access-Control-Allow-Headers."
_WEBKIT_PREFLIGHT = "Preflight response is not successful. Status code: {status}"
_WEBKIT_REDIRECT = (
    "Cross-origin redirection to {location} denied by Cross-Origin Resource Sharing policy: "
)
# Whatever the case in which the page writes these, WebKit has its own.
_WEBKIT_NAMES = {
    name.lower(): name
    for name in (
        "Authorization",
        "Cache-Control",
        "Content-Type",
        "If-Match",
        "If-Modified-Since",
        "If-None-Match",
        "Pragma",
        "Range",
    )
}
_REDIRECTS = (301, 302, 303, 307, 308)


class Failure(NamedTuple):
    """One way to fail: the step, what is wrong, and the consoles' texts."""

    step: str
    what: str
    chromium: str | None = None
    firefox: str | None = None
    webkit: str | None = None


# code -> what is known of it. The facts in braces are those of `fail`.
CORS_FAILURES = {
    "allow-origin-missing": Failure(
        "CORS check, step 2",
        "there is no Access-Control-Allow-Origin",
        _CHECK + "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
        _FIREFOX + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: {status}.",
        _WEBKIT_ORIGIN,
    ),
    "allow-origin-wildcard": Failure(
        "CORS check, step 4",
        "Access-Control-Allow-Origin is *, which is not for requests with credentials",
        _CHECK + "The value of the 'Access-Control-Allow-Origin' header in the response must not"
        " be the wildcard '*' when the request's credentials mode is 'include'.",
        _FIREFOX.replace("{url}", "‘{url}’")
        + "Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’ is ‘*’).",
        "Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true.",
    ),
    "allow-origin-repeated": Failure(
        "CORS check, step 4",
        "Access-Control-Allow-Origin is there more than once: {value}",
        _CHECK + "The 'Access-Control-Allow-Origin' header contains multiple values '{value}', but"
        " only one is allowed. " + _VALID,
        _FIREFOX + "Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed).",
        _WEBKIT_LIST,
    ),
    "allow-origin-list": Failure(
        "CORS check, step 4",
        "Access-Control-Allow-Origin is a list, and has to be one origin: {value}",
        _CHECK + "The 'Access-Control-Allow-Origin' header contains multiple values '{value}', but"
        " only one is allowed. " + _VALID,
        _FIREFOX_MISMATCH,
        _WEBKIT_LIST,
    ),
    "allow-origin-invalid": Failure(
        "CORS check, step 4",
        "Access-Control-Allow-Origin is no origin: '{value}'",
        _CHECK
        + "The 'Access-Control-Allow-Origin' header contains the invalid value '{value}'. "
        + _VALID,
        _FIREFOX_MISMATCH,
        _WEBKIT_ORIGIN,
    ),
    "allow-origin-mismatch": Failure(
        "CORS check, step 4",
        "Access-Control-Allow-Origin is {value}, not {sent}",
        _CHECK + "The 'Access-Control-Allow-Origin' header has a value '{value}' that is not equal"
        " to the supplied origin. " + _VALID,
        _FIREFOX_MISMATCH,
        _WEBKIT_ORIGIN,
    ),
    "allow-credentials": Failure(
        "CORS check, step 7",
        "Access-Control-Allow-Credentials is '{value}', and has to be 'true'",
        _CHECK + "The value of the 'Access-Control-Allow-Credentials' header in the response is"
        " '{value}' which must be 'true' when the request's credentials mode is 'include'.",
        _FIREFOX + "expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’).",
        'Credentials flag is true, but Access-Control-Allow-Credentials is not "true".',
    ),
    "preflight-redirect": Failure(
        "CORS-preflight fetch, step 7",
        "the preflight was answered with a redirect ({status})",
        _REDIRECTED_PREFLIGHT,
        _FIREFOX + "CORS request external redirect not allowed).",
        _WEBKIT_PREFLIGHT,
    ),
    "preflight-status": Failure(
        "CORS-preflight fetch, step 7",
        "the preflight was answered with {status}, and that has to be 200 to 299",
        _CHECK + "It does not have HTTP ok status.",
        _FIREFOX + "CORS preflight response did not succeed). Status code: {status}.",
        _WEBKIT_PREFLIGHT,
    ),
    "allow-methods-invalid": Failure(
        "CORS-preflight fetch, step 7.3",
        "Access-Control-Allow-Methods has '{value}' in it, which is no method",
        _ACCESS + "Cannot parse Access-Control-Allow-Methods response header field in preflight"
        " response.",
        _FIREFOX + "invalid token ‘{value}’ in CORS header ‘Access-Control-Allow-Methods’).",
        "Header Access-Control-Allow-Methods has an invalid value: {methods}",
    ),
    "allow-headers-invalid": Failure(
        "CORS-preflight fetch, step 7.3",
        "Access-Control-Allow-Headers has '{value}' in it, which is no header name",
        _ACCESS + "Cannot parse Access-Control-Allow-Headers response header field in preflight"
        " response.",
        _FIREFOX + "invalid token ‘{value}’ in CORS header ‘Access-Control-Allow-Headers’).",
        "Header Access-Control-Allow-Headers has an invalid value: {headers}",
    ),
    "method": Failure(
        "CORS-preflight fetch, step 7.5",
        "Access-Control-Allow-Methods does not allow {value}",
        _ACCESS + "Method {value} is not allowed by Access-Control-Allow-Methods in preflight"
        " response.",
        _FIREFOX + "Did not find method in CORS header ‘Access-Control-Allow-Methods’).",
        "Method {value} is not allowed by Access-Control-Allow-Methods.",
    ),
    "authorization": Failure(
        "CORS-preflight fetch, step 7.6",
        "Access-Control-Allow-Headers does not name authorization, which * does not cover",
        _ACCESS + "Request header field {value} is not allowed by Access-Control-Allow-Headers in"
        " preflight response.",
        _FIREFOX_HEADER,
        _WEBKIT_HEADER,
    ),
    "header": Failure(
        "CORS-preflight fetch, step 7.7",
        "Access-Control-Allow-Headers does not allow {value}",
        _ACCESS + "Request header field {value} is not allowed by Access-Control-Allow-Headers in"
        " preflight response.",
        _FIREFOX_HEADER,
        _WEBKIT_HEADER,
    ),
    "redirect-user-info": Failure(
        "HTTP-redirect fetch, steps 9 and 10",
        "a redirect to another origin may not have a user name or password in it",
        # The quotes are empty in Chromium too.
        _ACCESS + "Redirect location '' contains a username and password, which is disallowed for"
        " cross-origin requests.",
        _FIREFOX_NO_ANSWER,
    ),
}
OTHER_FAILURES = {
    # Chromium and WebKit name the address of the page too.
    "mixed-content": Failure(
        "Main fetch, step 7",
        "a page on https may not call http",
        None,
        "Blocked loading mixed active content “{url}”",
    ),
    "same-origin-mode": Failure(
        "Main fetch, step 12",
        "the mode is same-origin, and this is another origin",
        'Fetch API cannot load {url}. Request mode is "same-origin" but the URL\'s origin is not'
        " same as the request origin {origin}.",
    ),
    "no-cors-redirect-mode": Failure(
        "Main fetch, step 12", "in the mode no-cors, redirects can only be followed"
    ),
    "resource-policy": Failure(
        "HTTP fetch, step 5",
        "Cross-Origin-Resource-Policy is {value}",
        None,
        "The resource at “{url}” was blocked due to its Cross-Origin-Resource-Policy header (or"
        " lack thereof). See"
        " https://developer.mozilla.org/docs/Web/HTTP/Cross-Origin_Resource_Policy_(CORP)#",
        "Cancelled load to {url} because it violates the resource's Cross-Origin-Resource-Policy"
        " response header.",
    ),
    "redirect-mode": Failure(
        "HTTP fetch, step 6",
        "the redirect mode is error",
        webkit="Not allowed to follow a redirection while loading {url}",
    ),
    "redirect-location": Failure("HTTP-redirect fetch, step 5", "Location is no URL: {value}"),
    "redirect-scheme": Failure("HTTP-redirect fetch, step 6", "Location is not http(s): {value}"),
    "redirect-limit": Failure(
        "HTTP-redirect fetch, step 7",
        "this is the 21st redirect",
        firefox=_FIREFOX_NO_ANSWER,
        webkit="Load cannot follow more than 20 redirections",
    ),
}


class FetchError(Exception):
    """`fetch` was rejected: the page learns nothing but that (Fetch, "network error").

    :ivar code: what failed, in kebab-case; stable.
    :ivar step: the algorithm of the Fetch standard that failed, and its step.
    :ivar what: the same in a sentence.
    :ivar chromium: what Chromium prints in its console, or None where that is not known.
    :ivar firefox: what Firefox prints; of several lines the first.
    :ivar webkit: what Safari prints; of several lines the first.
    :ivar request: the request whose answer is to blame; None if nothing was sent.
    :ivar response: that answer.
    :ivar explanation: what the `explain` of the `Browser` says, or "".
    """

    # Where it is public, for tracebacks and pytest.
    __module__ = "corsgate.browser"

    def __init__(
        self,
        code: str,
        failure: Failure,
        facts: dict[str, object],
        request: HTTPRequest | None,
        response: HTTPResponse | None,
    ) -> None:
        self.code = code
        self.step: str = failure.step
        self.what: str = failure.what.format(**facts)
        self.chromium: str | None = failure.chromium and failure.chromium.format(**facts)
        self.firefox: str | None = failure.firefox and failure.firefox.format(**facts)
        self.webkit: str | None = failure.webkit and failure.webkit.format(**facts)
        self.request = request
        self.response = response
        self.explanation = ""
        whose = "preflight of " if facts["preflight"] else ""
        self._summary = f"{whose}{facts['method']} {facts['url']} from {facts['origin']}"
        super().__init__(code)

    def __str__(self) -> str:
        lines = [f"{self._summary}: {self.what} (Fetch, {self.step})"]
        if self.chromium:
            lines.append(f"Chromium: {self.chromium}")
        if self.firefox:
            lines.append(f"Firefox: {self.firefox}")
        if self.webkit:
            lines.append(f"Safari: {self.webkit}")
        if self.explanation:
            lines.append(self.explanation)
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        # For copy and pickle: what `__init__` was given is not kept.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class CORSError(FetchError):
    """The CORS protocol said no."""

    __module__ = "corsgate.browser"


def failure(
    code: str,
    *,
    method: str,
    url: str,
    first_url: str,
    origin: str,
    sent: str,
    headers: Headers,
    value: str = "",
    preflight: bool = False,
    request: HTTPRequest | None = None,
    response: HTTPResponse | None = None,
) -> FetchError:
    """The exception for a code of the tables above.

    :param first_url: the URL before redirects.
    :param origin: that of the page; `sent` is what the server was told.
    :param headers: those that the page sets, as it writes them.
    :param value: what is wrong: a header's value, a method, a name.
    """
    facts: dict[str, object] = {
        "method": method,
        "url": url,
        "redirected": "" if url == first_url else f" (redirected from '{first_url}')",
        "origin": origin,
        "sent": sent,
        "value": value,
        "status": response.status if response else 0,
        "preflight": _PREFLIGHT if preflight else "",
        "written": next((name for name, _ in headers if name.lower() == value), value),
        "methods": response and get(response.headers, ALLOW_METHODS),
        "headers": response and get(response.headers, ALLOW_HEADERS),
    }
    if value in _WEBKIT_NAMES:
        facts["written"] = _WEBKIT_NAMES[value]
    if code in OTHER_FAILURES:
        return FetchError(code, OTHER_FAILURES[code], facts, request, response)
    known = CORS_FAILURES[code]
    if code == "method" and response and _has_safe_only(response):
        known = known._replace(what=known.what + _SAFE_ONLY)
    if code == "allow-origin-list" and "," not in value:
        known = known._replace(webkit=_WEBKIT_ORIGIN)
    redirected = response is not None and response.status in _REDIRECTS
    location = get(response.headers, "Location") if response and redirected else None
    # What engines look at before they do what the standard names.
    if preflight:
        if redirected:
            known = known._replace(chromium=_REDIRECTED_PREFLIGHT)
        if response and not 200 <= response.status <= 299:
            known = known._replace(webkit=_WEBKIT_PREFLIGHT)
    elif location is not None and known.webkit:
        known = known._replace(webkit=_WEBKIT_REDIRECT + known.webkit)
        facts["location"] = parse_url(location, parse_url(url))
    return CORSError(code, known, facts, request, response)


def _has_safe_only(response: HTTPResponse) -> bool:
    told, _ = extract_tokens(values_of(response.headers, ALLOW_METHODS))
    return SAFE_METHODS.issuperset(told) if told else False
