"""The words of the CORS protocol; imports nothing.

What may live here: names, and tests on single words, that the Fetch standard or RFC 9110 fixes.
No policy of our own. Section names are those of https://fetch.spec.whatwg.org/ unless said.
"""

# "HTTP responses" of the CORS protocol.
ALLOW_ORIGIN = "Access-Control-Allow-Origin"
ALLOW_CREDENTIALS = "Access-Control-Allow-Credentials"
ALLOW_METHODS = "Access-Control-Allow-Methods"
ALLOW_HEADERS = "Access-Control-Allow-Headers"
EXPOSE_HEADERS = "Access-Control-Expose-Headers"
MAX_AGE = "Access-Control-Max-Age"
# Resource Timing, "Timing-Allow-Origin Response Header".
ALLOW_TIMING = "Timing-Allow-Origin"
# No longer sent by any browser; still a CORS header, so still taken out.
ALLOW_PRIVATE_NETWORK = "Access-Control-Allow-Private-Network"
# What most of them begin with, in lower case.
ALLOW_PREFIX = "access-control-allow-"
VARY = "Vary"
# Not of the standard: why a request was denied, for whoever looks at the network panel.
REASON = "X-CORSGate-Reason"

# "HTTP requests" of the CORS protocol.
ORIGIN = "Origin"
REQUEST_METHOD = "Access-Control-Request-Method"
REQUEST_HEADERS = "Access-Control-Request-Headers"
# Fetch Metadata Request Headers.
FETCH_SITE = "Sec-Fetch-Site"

# The same in a CGI-style mapping (RFC 3875, section 4.1.18).
ENVIRON_ORIGIN = "HTTP_ORIGIN"
ENVIRON_REQUEST_METHOD = "HTTP_ACCESS_CONTROL_REQUEST_METHOD"
ENVIRON_REQUEST_HEADERS = "HTTP_ACCESS_CONTROL_REQUEST_HEADERS"
ENVIRON_FETCH_MODE = "HTTP_SEC_FETCH_MODE"
ENVIRON_FETCH_SITE = "HTTP_SEC_FETCH_SITE"
ENVIRON_UPGRADE = "HTTP_UPGRADE"

# Lower-case response header -> the option that decides it.
RESPONSE_HEADERS = {
    ALLOW_ORIGIN.lower(): "allow_origins",
    ALLOW_CREDENTIALS.lower(): "allow_credentials",
    ALLOW_METHODS.lower(): "allow_methods",
    ALLOW_HEADERS.lower(): "allow_headers",
    EXPOSE_HEADERS.lower(): "expose_headers",
    MAX_AGE.lower(): "max_age",
    ALLOW_TIMING.lower(): "allow_timing",
    ALLOW_PRIVATE_NETWORK.lower(): "",
    REASON.lower(): "",
}

# "CORS-safelisted method": allowed whatever Access-Control-Allow-Methods says.
SAFELISTED_METHODS = frozenset({"GET", "HEAD", "POST"})
# Those that change nothing (RFC 9110, section 9.2.1), as far as browsers send them.
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# "Forbidden method", compared without regard to case.
FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
# Methods that are written in upper case; method names are case-sensitive (RFC 9110, section 9.1).
KNOWN_METHODS = frozenset(
    {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", *FORBIDDEN_METHODS}
)

# "Forbidden request-header": a page can never set these.
_FORBIDDEN_REQUEST_HEADERS = frozenset(
    "accept-charset accept-encoding access-control-request-headers access-control-request-method "
    "connection content-length cookie cookie2 date dnt expect host keep-alive origin referer "
    "set-cookie te trailer transfer-encoding upgrade via".split()
)
_FORBIDDEN_REQUEST_HEADER_PREFIXES = ("proxy-", "sec-")

# "Forbidden response-header name": a page can never read these.
FORBIDDEN_RESPONSE_HEADERS = frozenset({"set-cookie", "set-cookie2"})

# The only header name that `*` never covers: "CORS non-wildcard request-header name".
NON_WILDCARD_REQUEST_HEADER = "authorization"

DIGITS = "0123456789"
LOWER = "abcdefghijklmnopqrstuvwxyz"
# RFC 9110, section 5.6.2: tchar.
_TOKEN = "!#$%&'*+-.^_`|~" + DIGITS + LOWER + LOWER.upper()


def is_token(text: str) -> bool:
    """Whether `text` is a token: what method and header names are made of."""
    # strip() leaves nothing exactly when every character is of the set; it is one pass in C.
    return text != "" and not text.strip(_TOKEN)


def is_forbidden_request_header(lower_case_name: str) -> bool:
    return lower_case_name in _FORBIDDEN_REQUEST_HEADERS or lower_case_name.startswith(
        _FORBIDDEN_REQUEST_HEADER_PREFIXES
    )


def list_of_tokens(value: str) -> list[str] | None:
    """The members of a comma-separated header value, or None if one of them is no token.

    Empty members are skipped and white space around members is cut (RFC 9110, section 5.6.1.2).
    """
    members = [member for part in value.split(",") if (member := part.strip(" \t"))]
    return members if all(map(is_token, members)) else None
