"""One table of policies, requests and answers; every front end has to give the same ones.

test_cases.py runs it through the bare WSGI middleware, test_flask_cases.py through Flask and
test_django_cases.py through Django, sync and async. Headers are spelt out: the answer has those of
its row and no others. What a browser makes of the answer is worked out by the other half of the
protocol, `corsgate.browser`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from wsgiref.types import WSGIApplication

from wsgi_client import Answer, SpyApp, comparable

from corsgate import Policy
from corsgate.browser import CORSError, HTTPRequest, HTTPResponse
from corsgate.browser._engines import STANDARD
from corsgate.browser._fetch import UserAgent
from corsgate.browser._request import Request as PageRequest
from corsgate.browser._url import URL, is_origin
from corsgate.wsgi import CORSMiddleware

Conclusion = Literal["allowed", "blocked", "no CORS"]

SAFELISTED = ("GET", "HEAD", "POST")
# Longer than what any header may have without a preflight.
UNSAFE_VALUE = "a" * 129


@dataclass(frozen=True, kw_only=True)
class Request:
    method: str = "GET"
    path: str = "/api/thing"
    headers: Mapping[str, str] = field(default_factory=dict)
    credentials: bool = False  # the page has called fetch() with credentials: "include"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the application answers."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b"from the application"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What is to be compared: the CORS headers and Vary, or all headers if corsgate answers."""

    browser: Conclusion
    status: int
    ran: bool
    headers: dict[str, object]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Case:
    id: str
    options: Mapping[str, Any]
    request: Request
    reply: Reply
    outcome: Outcome


def observe(request: Request, answer: Answer, *, ran: bool) -> Outcome:
    return Outcome(
        browser=conclude(request, answer),
        status=answer.status,
        ran=ran,
        headers=answer.cors if ran else answer.seen,
        body=answer.body,
    )


# ------------------------------------------------------------------ the browser


def conclude(request: Request, answer: Answer) -> Conclusion:
    """What a browser makes of an answer: may the page read it, or go on after its preflight?

    The browser is given this answer where it sends such a request, and a good one elsewhere.
    """
    sent = {name.lower(): value for name, value in request.headers.items()}
    if "origin" not in sent:
        return "no CORS"
    asked = sent.get("access-control-request-method") if request.method == "OPTIONS" else None
    names = sent.get("access-control-request-headers", "").lower().split(",") if asked else []
    method = request.method if asked is None else asked

    def send(message: HTTPRequest) -> HTTPResponse:
        is_preflight = message.header("Access-Control-Request-Method") is not None
        if is_preflight == (asked is not None):
            return HTTPResponse(answer.status, answer.reason, answer.headers, answer.body)
        good = {
            "Access-Control-Allow-Origin": sent["origin"],
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Allow-Methods": method,
        }
        return HTTPResponse(200, "OK", list(good.items()))

    headers = [(name.strip(), UNSAFE_VALUE) for name in names if name.strip()]
    page = PageRequest(
        method,
        [URL("http", "127.0.0.1")],
        headers,
        None,
        sent["origin"],
        credentials_mode="include" if request.credentials else "same-origin",
        redirect_mode="manual",
        # A preflight for what needs none, as some code of pages makes browsers send.
        use_cors_preflight=asked in SAFELISTED and not headers,
    )
    try:
        UserAgent(send, engine=STANDARD, clock=lambda: 0).fetch(page)
    except CORSError:
        return "blocked"
    return "allowed"


def is_a_pages(case: Case) -> bool:
    """Whether a page can make this request: with `Origin`, and with what `fetch` takes."""
    headers = {name.lower(): value for name, value in case.request.headers.items()}
    names = headers.get("access-control-request-headers", "")
    method = headers.get("access-control-request-method", case.request.method)
    return (
        is_origin(headers.get("origin", ""))
        and headers.keys() <= BY_A_BROWSER
        and re.fullmatch("[a-z-]+(,[a-z-]+)*|", names) is not None
        and method.isalpha()
        and method != "OPTIONS"
    )


BY_A_BROWSER = {"origin", "access-control-request-method", "access-control-request-headers"}


def page_options(case: Case) -> dict[str, Any]:
    """The arguments of `Browser.fetch` that make a browser send this request."""
    headers = {name.lower(): value for name, value in case.request.headers.items()}
    names = headers.get("access-control-request-headers", "").split(",")
    asked = headers.get("access-control-request-method")
    listens = asked in SAFELISTED and names == [""]
    return {
        "method": asked or case.request.method,
        "body": "x" if listens and asked == "POST" else None,
        "headers": dict.fromkeys(filter(None, names), UNSAFE_VALUE),
        "credentials": "include" if case.request.credentials else "same-origin",
        "redirect": "manual",
        "upload_listener": listens,
    }


def app_of(case: Case) -> WSGIApplication:
    """The case's application, behind the middleware."""
    reply = case.reply
    spy = SpyApp(f"{reply.status} Said", reply.headers, (reply.body,))
    return CORSMiddleware(spy, **case.options)


# ------------------------------------------------------------------ words of the table

APP = "https://app.example.com"
EVIL = "https://evil.example.net"
ORIGIN_VARY = "Origin"
PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
HEADERS = "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with"
REFUSAL = b"403 Forbidden: a page on this origin may not make this request (CORS).\n"

# One policy with every kind of entry.
KINDS: Mapping[str, Any] = {
    "allow_origins": [
        APP,
        "https://*.partner.example",
        "https://pr-*.preview.example",
        "http://localhost:*",
        "https://*.lab.example:*",
        "tauri://localhost",
        "chrome-extension://abcdefghijklmnop",
        "https://[2001:db8::1]:8443",
        "null",
        re.compile(r"https://app\d\.numbered\.example"),
        lambda origin, environ: origin == "https://asked.example",
    ]
}
ALLOWED_BY_KINDS = {
    "exact": APP,
    "one-label-below": "https://a.partner.example",
    "two-labels-below": "https://b.a.partner.example",
    "inside-a-label": "https://pr-17.preview.example",
    "any-port": "http://localhost:5173",
    "no-port-where-any-is-allowed": "http://localhost",
    "below-on-any-port": "https://x.lab.example:8443",
    "desktop-shell": "tauri://localhost",
    "browser-extension": "chrome-extension://abcdefghijklmnop",
    "ipv6": "https://[2001:db8::1]:8443",
    "null": "null",
    "regex": "https://app7.numbered.example",
    "callable": "https://asked.example",
}
REFUSED_BY_KINDS = {
    "elsewhere": EVIL,
    "allowed-host-in-front": "https://app.example.com.evil.net",
    "something-glued-in-front": "https://evilapp.example.com",
    "subdomain-of-an-exact-host": "https://x.app.example.com",
    "parent-of-an-exact-host": "https://example.com",
    "other-scheme": "http://app.example.com",
    "other-port": "https://app.example.com:8443",
    "default-port-spelt-out": "https://app.example.com:443",
    "slash-at-the-end": "https://app.example.com/",
    "path": "https://app.example.com/x",
    "query": "https://app.example.com?x",
    "upper-case": "HTTPS://APP.EXAMPLE.COM",
    "trailing-dot": "https://app.example.com.",
    "user-info": "https://evil@app.example.com",
    "apex-of-a-pattern": "https://partner.example",
    "glued-to-the-suffix": "https://evilpartner.example",
    "suffix-in-the-middle": "https://a.partner.example.evil.net",
    "percent-before-the-suffix": "https://evil.net%2f.partner.example",
    "two-labels-where-one-star-stands": "https://pr-1.x.preview.example",
    "star-as-a-client-sends-it": "https://*.partner.example",
    "nothing-for-the-star": "https://pr-.preview.example",
    "port-that-is-none": "http://localhost:x",
    "port-too-high": "http://localhost:65536",
    "regex-with-more-behind": "https://app7.numbered.example.evil.net",
    "regex-with-more-before": "https://xhttps://app7.numbered.example",
    "ipv6-not-closed": "https://[2001:db8::1",
    "null-in-capitals": "NULL",
    "file": "file://",
    "empty": "",
    "no-scheme": "app.example.com",
    "sent-twice": f"{APP}, {APP}",
    "list-with-spaces": f"{APP} {EVIL}",
    "not-ascii": "https://\xe4pp.example.com",
    "64-kib": "https://" + "a." * 32768 + "partner.example",
}


def exact(**more: Any) -> dict[str, Any]:
    return {"allow_origins": [APP], **more}


def get(origin: str | None = None, **more: Any) -> Request:
    headers = {} if origin is None else {"Origin": origin}
    return Request(headers={**headers, **more.pop("headers", {})}, **more)


def preflight(
    origin: str = APP,
    method: str = "PUT",
    names: str | None = "content-type",
    *,
    credentials: bool = False,
    path: str = "/api/thing",
) -> Request:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if names is not None:
        asked["Access-Control-Request-Headers"] = names
    return Request(method="OPTIONS", path=path, headers=asked, credentials=credentials)


class Row:
    """One row of the design's table of answers, with the cases that show it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.cases: list[Case] = []

    def runs(
        self,
        name: str,
        options: Mapping[str, Any],
        request: Request,
        browser: Conclusion,
        headers: Mapping[str, str],
        *,
        reply: Reply | None = None,
    ) -> None:
        """The application runs; `headers` are the CORS headers and Vary on its answer."""
        reply = reply or Reply()
        outcome = Outcome(
            browser=browser,
            status=reply.status,
            ran=True,
            headers=comparable(headers),
            body=b"" if request.method == "HEAD" else reply.body,
        )
        self._add(name, options, request, reply, outcome)

    def answered(
        self,
        name: str,
        options: Mapping[str, Any],
        request: Request,
        browser: Conclusion,
        headers: Mapping[str, str],
        *,
        status: int = 204,
        body: bytes = b"",
    ) -> None:
        """The application does not run; `headers`, with Vary, are all that the answer has."""
        outcome = Outcome(
            browser=browser,
            status=status,
            ran=False,
            headers=comparable({**headers, "Vary": PREFLIGHT_VARY}),
            body=body,
        )
        self._add(name, options, request, Reply(), outcome)

    def refused(self, name: str, options: Mapping[str, Any], request: Request) -> None:
        """The application does not run, and the answer has no CORS header."""
        headers = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(REFUSAL))}
        self.answered(name, options, request, "blocked", headers, status=403, body=REFUSAL)

    def _add(
        self,
        name: str,
        options: Mapping[str, Any],
        request: Request,
        reply: Reply,
        outcome: Outcome,
    ) -> None:
        case = Case(
            id=f"{self.name.replace(',', '').replace(' ', '-')}-{name}",
            options=options,
            request=request,
            reply=reply,
            outcome=outcome,
        )
        self.cases.append(case)


without_origin_any = Row("no Origin, any origin")
without_origin = Row("no Origin, anything else")
actual_any = Row("actual, any origin")
actual_allowed = Row("actual, allowed")
actual_denied = Row("actual, not allowed")
passed = Row("preflight, origin allowed")
stopped = Row("preflight, origin not allowed")
hands_off = Row("no policy for the path")
closed = Row("actual, no origin allowed at all")
plain = Row("no preflight")
by_source = Row("a source that is a callable")
merged = Row("headers of the application")
every_status = Row("every status")

ROWS = (
    without_origin_any,
    without_origin,
    actual_any,
    actual_allowed,
    actual_denied,
    passed,
    stopped,
    hands_off,
    closed,
    plain,
    by_source,
    merged,
    every_status,
)

# ------------------------------------------------------------------ the table

ANY = {"allow_origins": "*"}
ANY_RICH = {"allow_origins": "*", "expose_headers": ["X-Total", "ETag"], "allow_timing": True}
ANY_RICH_ANSWER = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "ETag, X-Total",
    "Timing-Allow-Origin": "*",
}
RICH = exact(allow_credentials=True, expose_headers=["X-Total", "ETag"], allow_timing=True)
RICH_ANSWER = {
    "Access-Control-Allow-Origin": APP,
    "Access-Control-Allow-Credentials": "true",
    "Access-Control-Expose-Headers": "ETag, X-Total",
    "Timing-Allow-Origin": APP,
    "Vary": ORIGIN_VARY,
}
ALLOWED = {"Access-Control-Allow-Origin": APP, "Vary": ORIGIN_VARY}
STAR = {"Access-Control-Allow-Origin": "*"}
UNDECIDED = {"Vary": ORIGIN_VARY}
NOTHING: dict[str, str] = {}

without_origin_any.runs("without-origin-under-a-star", ANY, get(), "no CORS", STAR)
without_origin_any.runs("all-fields", ANY_RICH, get(), "no CORS", ANY_RICH_ANSWER)
without_origin_any.runs("post", ANY, get(method="POST"), "no CORS", STAR)

without_origin.runs("list", RICH, get(), "no CORS", UNDECIDED)
for kind, entry in {
    "pattern": "https://*.example.com",
    "port": "http://localhost:*",
    "regex": re.compile(r"https://app\.example\.com"),
    "callable": lambda origin, environ: True,
    "null": "null",
}.items():
    without_origin.runs(kind, {"allow_origins": [entry]}, get(), "no CORS", UNDECIDED)
without_origin.runs("head", exact(), get(method="HEAD"), "no CORS", UNDECIDED)

for name, origin in {"allowed": APP, "null": "null", "malformed": "not an origin"}.items():
    actual_any.runs(f"{name}-origin", ANY, get(origin), "allowed", STAR)
actual_any.runs("all-fields", ANY_RICH, get(EVIL), "allowed", ANY_RICH_ANSWER)
actual_any.runs(
    "every-header-exposed",
    {**ANY, "expose_headers": "*"},
    get(EVIL),
    "allowed",
    {**STAR, "Access-Control-Expose-Headers": "*"},
)
actual_any.runs("cookies-are-not-for-everybody", ANY, get(EVIL, credentials=True), "blocked", STAR)

actual_allowed.runs("one-origin", exact(), get(APP), "allowed", ALLOWED)
actual_allowed.runs("all-fields", RICH, get(APP, credentials=True), "allowed", RICH_ANSWER)
actual_allowed.runs(
    "cookies-without-credentials", exact(), get(APP, credentials=True), "blocked", ALLOWED
)
for method in ("HEAD", "POST", "PUT", "PATCH", "DELETE"):
    actual_allowed.runs(method.lower(), exact(), get(APP, method=method), "allowed", ALLOWED)
for name, origin in ALLOWED_BY_KINDS.items():
    granted = {"Access-Control-Allow-Origin": origin, "Vary": ORIGIN_VARY}
    actual_allowed.runs(f"by-{name}", KINDS, get(origin), "allowed", granted)
    actual_allowed.runs(f"post-by-{name}", KINDS, get(origin, method="POST"), "allowed", granted)

actual_denied.runs("list", RICH, get(EVIL), "blocked", UNDECIDED)
actual_denied.runs("cookies", RICH, get(EVIL, credentials=True), "blocked", UNDECIDED)
actual_denied.runs("post", RICH, get(EVIL, method="POST"), "blocked", UNDECIDED)
for name, origin in REFUSED_BY_KINDS.items():
    actual_denied.runs(f"because-{name}", KINDS, get(origin), "blocked", UNDECIDED)


def _raises(origin: str, environ: Mapping[str, Any]) -> bool:
    raise LookupError(f"no table for {origin}")


for name, ask in {
    "callable-that-says-no": lambda origin, environ: False,
    "callable-that-gives-1": lambda origin, environ: 1,
    "callable-that-gives-none": lambda origin, environ: None,
    "callable-that-raises": _raises,
}.items():
    actual_denied.runs(name, {"allow_origins": ask}, get(APP), "blocked", UNDECIDED)

DEFAULTS = {
    "Access-Control-Allow-Methods": METHODS,
    "Access-Control-Allow-Headers": HEADERS,
    "Access-Control-Max-Age": "600",
}
TO_APP = {"Access-Control-Allow-Origin": APP}
passed.answered("defaults", exact(), preflight(), "allowed", {**TO_APP, **DEFAULTS})
passed.answered(
    "all-fields",
    RICH,
    preflight(credentials=True),
    "allowed",
    {**TO_APP, "Access-Control-Allow-Credentials": "true", **DEFAULTS},
)
passed.answered(
    "any-origin", ANY, preflight("https://anybody.example"), "allowed", {**STAR, **DEFAULTS}
)
passed.answered(
    "malformed-origin-under-a-star", ANY, preflight("?"), "allowed", {**STAR, **DEFAULTS}
)
for name, origin in ALLOWED_BY_KINDS.items():
    passed.answered(
        f"by-{name}",
        KINDS,
        preflight(origin),
        "allowed",
        {"Access-Control-Allow-Origin": origin, **DEFAULTS},
    )
for method in ("GET", "POST", "DELETE", "OPTIONS"):
    passed.answered(
        f"for-{method.lower()}",
        exact(),
        preflight(method=method),
        "allowed",
        {**TO_APP, **DEFAULTS},
    )
# The answer never depends on what is asked for; the browser looks it up in the lists.
for name, request in {
    "method-that-is-not-listed": preflight(method="PURGE"),
    "method-in-lower-case": preflight(method="patch"),
    "method-that-is-no-token": preflight(method="P U T"),
    "empty-method": preflight(method=""),
    "header-that-is-not-listed": preflight(names="x-unheard-of"),
    "header-beside-one-that-is-listed": preflight(names="content-type,x-unheard-of"),
}.items():
    passed.answered(name, exact(), request, "blocked", {**TO_APP, **DEFAULTS})
for name, asked in {
    "no-header-names": None,
    "empty-header-names": "",
    "64-kib-of-commas": "," * 65536,
    "header-names-in-capitals": "CONTENT-TYPE",
    "white-space-around-names": " content-type ,\taccept",
}.items():
    passed.answered(name, exact(), preflight(names=asked), "allowed", {**TO_APP, **DEFAULTS})
passed.answered(
    "own-lists",
    exact(allow_methods=["PURGE"], allow_headers=["X-Api-Key"], max_age=5),
    preflight(method="PURGE", names="x-api-key"),
    "allowed",
    {
        **TO_APP,
        "Access-Control-Allow-Methods": "PURGE",
        "Access-Control-Allow-Headers": "x-api-key",
        "Access-Control-Max-Age": "5",
    },
)
passed.answered(
    "safelisted-method-beside-own-list",
    exact(allow_methods=["PUT"]),
    preflight(method="POST"),
    "allowed",
    {**TO_APP, **DEFAULTS, "Access-Control-Allow-Methods": "PUT"},
)
passed.answered(
    "empty-lists",
    exact(allow_methods=[], allow_headers=[]),
    preflight(method="POST", names=None),
    "allowed",
    {**TO_APP, "Access-Control-Allow-Methods": "GET", "Access-Control-Max-Age": "600"},
)
passed.answered(
    "empty-lists-and-put",
    exact(allow_methods=[], allow_headers=[]),
    preflight(names=None),
    "blocked",
    {**TO_APP, "Access-Control-Allow-Methods": "GET", "Access-Control-Max-Age": "600"},
)
passed.answered(
    "no-max-age",
    exact(max_age=None),
    preflight(),
    "allowed",
    {**TO_APP, "Access-Control-Allow-Methods": METHODS, "Access-Control-Allow-Headers": HEADERS},
)
passed.answered(
    "max-age-of-zero",
    exact(max_age=0),
    preflight(),
    "allowed",
    {**TO_APP, **DEFAULTS, "Access-Control-Max-Age": "0"},
)
passed.answered(
    "status-200",
    exact(preflight_status=200),
    preflight(),
    "allowed",
    {**TO_APP, **DEFAULTS, "Content-Type": "text/plain; charset=utf-8", "Content-Length": "0"},
    status=200,
)
WILD = {"allow_methods": "*", "allow_headers": "*"}
WILD_ANSWER = {
    **TO_APP,
    "Access-Control-Allow-Methods": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Max-Age": "600",
}
passed.answered(
    "any-method-and-header",
    exact(**WILD),
    preflight(method="PURGE", names="x-unheard-of"),
    "allowed",
    WILD_ANSWER,
)
passed.answered(
    "a-star-is-not-for-authorization",
    exact(**WILD),
    preflight(names="authorization"),
    "blocked",
    WILD_ANSWER,
)
passed.answered(
    "a-star-and-authorization",
    exact(allow_headers=("*", "Authorization")),
    preflight(names="authorization,x-y"),
    "allowed",
    {**TO_APP, **DEFAULTS, "Access-Control-Allow-Headers": "*, authorization"},
)
WILD_WITH_CREDENTIALS = exact(**WILD, allow_credentials=True)
WILD_HEAD = {**TO_APP, "Access-Control-Allow-Credentials": "true", "Access-Control-Max-Age": "600"}
passed.answered(
    "any-method-and-header-with-credentials",
    WILD_WITH_CREDENTIALS,
    preflight(method="PURGE", names="authorization,x-y", credentials=True),
    "allowed",
    {
        **WILD_HEAD,
        "Access-Control-Allow-Methods": "PURGE",
        "Access-Control-Allow-Headers": "authorization, x-y",
    },
)
passed.answered(
    "reflected-names-without-empty-ones",
    WILD_WITH_CREDENTIALS,
    preflight(names=" x-a ,, x-b,", credentials=True),
    "allowed",
    {
        **WILD_HEAD,
        "Access-Control-Allow-Methods": "PUT",
        "Access-Control-Allow-Headers": "x-a, x-b",
    },
)
WILD_WITHOUT_HEADERS = {**WILD_HEAD, "Access-Control-Allow-Methods": "PUT"}
for name, asked in {
    "no-names-to-reflect": None,
    "64-kib-of-commas-to-reflect": "," * 65536,
}.items():
    request = preflight(names=asked, credentials=True)
    passed.answered(name, WILD_WITH_CREDENTIALS, request, "allowed", WILD_WITHOUT_HEADERS)
for name, asked in {
    "names-that-are-no-tokens": "x-a, x b",
    "names-with-a-line-break-in-disguise": "x-a\x0bset-cookie",
    "4097-bytes-of-names": "x" * 4097,
}.items():
    request = preflight(names=asked, credentials=True)
    passed.answered(name, WILD_WITH_CREDENTIALS, request, "blocked", WILD_WITHOUT_HEADERS)
passed.answered(
    "4096-bytes-of-names",
    WILD_WITH_CREDENTIALS,
    preflight(names="x" * 4096, credentials=True),
    "allowed",
    {
        **WILD_HEAD,
        "Access-Control-Allow-Methods": "PUT",
        "Access-Control-Allow-Headers": "x" * 4096,
    },
)
passed.answered(
    "method-that-is-no-token-with-credentials",
    WILD_WITH_CREDENTIALS,
    preflight(method="P U T", names="x-a", credentials=True),
    "blocked",
    {**WILD_HEAD, "Access-Control-Allow-Headers": "x-a"},
)

stopped.refused("list", RICH, preflight(EVIL))
stopped.refused("post", RICH, preflight(EVIL, method="POST", names=None))
stopped.refused("status-200-is-for-allowed-ones", exact(preflight_status=200), preflight(EVIL))
stopped.refused("nothing-is-reflected", WILD_WITH_CREDENTIALS, preflight(EVIL, method="PURGE"))
stopped.refused("no-origin-allowed-at-all", {}, preflight())
for name, origin in REFUSED_BY_KINDS.items():
    stopped.refused(f"because-{name}", KINDS, preflight(origin))
stopped.refused("callable-that-raises", {"allow_origins": _raises}, preflight())

OUTSIDE = {"allow_origins": [APP], "paths": {"/api/*": None}}
OWN = Reply(
    status=202,
    headers=(
        ("Access-Control-Allow-Origin", EVIL),
        ("Access-Control-Allow-Credentials", "true"),
        ("Vary", "Accept"),
    ),
)
hands_off.runs("nothing-is-added", OUTSIDE, get(APP), "blocked", NOTHING)
hands_off.runs("without-origin", OUTSIDE, get(), "no CORS", NOTHING)
hands_off.runs(
    "its-own-headers-pass",
    OUTSIDE,
    get(EVIL, credentials=True),
    "allowed",
    dict(OWN.headers),
    reply=OWN,
)
hands_off.runs(
    "its-own-preflight-passes",
    OUTSIDE,
    preflight(EVIL, "GET", None),
    "allowed",
    dict(OWN.headers),
    reply=OWN,
)
hands_off.runs(
    "a-preflight-that-it-does-not-answer",
    OUTSIDE,
    preflight(APP),
    "blocked",
    NOTHING,
    reply=Reply(status=405),
)
hands_off.runs(
    "the-path-beside-it-has-the-policy", OUTSIDE, get(APP, path="/apiadmin"), "allowed", ALLOWED
)

closed.runs("default-policy", {}, get(EVIL), "blocked", NOTHING)
closed.runs("without-origin", {}, get(), "no CORS", NOTHING)
closed.runs("null", {}, get("null"), "blocked", NOTHING)
closed.runs("empty-list", {"allow_origins": []}, get(APP), "blocked", NOTHING)
closed.runs(
    "its-own-headers-are-taken-out", {}, get(EVIL), "blocked", {"Vary": "Accept"}, reply=OWN
)

OPTIONS = Reply(headers=(("Allow", "GET, OPTIONS"),))
plain.runs("options-alone", exact(), Request(method="OPTIONS"), "no CORS", UNDECIDED, reply=OPTIONS)
plain.runs(
    "options-with-origin", exact(), get(APP, method="OPTIONS"), "allowed", ALLOWED, reply=OPTIONS
)
plain.runs(
    "options-without-origin",
    exact(),
    Request(method="OPTIONS", headers={"Access-Control-Request-Method": "PUT"}),
    "no CORS",
    UNDECIDED,
)
plain.runs(
    "options-without-origin-under-a-star",
    ANY,
    Request(method="OPTIONS", headers={"Access-Control-Request-Method": "PUT"}),
    "no CORS",
    STAR,
)
plain.runs(
    "get-that-asks-like-a-preflight",
    exact(),
    get(APP, headers={"Access-Control-Request-Method": "PUT"}),
    "allowed",
    ALLOWED,
)
plain.runs(
    "private-network-is-not-answered",
    exact(),
    get(APP, headers={"Access-Control-Request-Private-Network": "true"}),
    "allowed",
    ALLOWED,
)
passed.answered(
    "private-network-is-not-answered",
    exact(),
    Request(
        method="OPTIONS",
        headers={
            "Origin": APP,
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Private-Network": "true",
        },
    ),
    "allowed",
    {**TO_APP, **DEFAULTS},
)


def by_method(environ: Mapping[str, Any]) -> Policy | None:
    """GET for anybody, DELETE for nobody, hands off PATCH, the rest for one page."""
    method = environ["REQUEST_METHOD"]
    if method == "GET":
        return Policy(allow_origins="*")
    if method == "PATCH":
        return None
    return Policy() if method == "DELETE" else Policy(allow_origins=[APP])


def by_tenant(environ: Mapping[str, Any]) -> Policy:
    return Policy(allow_origins=[APP] if environ.get("HTTP_X_TENANT") == "1" else [])


by_tenant.vary = "X-Tenant"  # type: ignore[attr-defined]


def by_plan(environ: Mapping[str, Any]) -> Policy | None:
    return Policy(allow_origins="*") if environ.get("HTTP_X_PLAN") == "open" else None


by_plan.vary = ("X-Tenant", "X-Plan")  # type: ignore[attr-defined]


def always(environ: Mapping[str, Any]) -> Policy:
    return Policy(allow_origins=[APP])


def _broken(environ: Mapping[str, Any]) -> Policy:
    raise LookupError("the table of tenants is away")


METHOD_SOURCE = {"policy": by_method}
ZERO = {**DEFAULTS, "Access-Control-Max-Age": "0"}
by_source.runs("get", METHOD_SOURCE, get(EVIL), "allowed", STAR)
by_source.runs("post", METHOD_SOURCE, get(APP, method="POST"), "allowed", ALLOWED)
by_source.runs("post-elsewhere", METHOD_SOURCE, get(EVIL, method="POST"), "blocked", UNDECIDED)
by_source.runs("delete", METHOD_SOURCE, get(APP, method="DELETE"), "blocked", NOTHING)
by_source.runs("hands-off", METHOD_SOURCE, get(APP, method="PATCH"), "blocked", NOTHING)
by_source.answered(
    "preflight-is-asked-as-its-method",
    METHOD_SOURCE,
    preflight(EVIL, "GET"),
    "allowed",
    {**STAR, **ZERO},
)
by_source.answered(
    "preflight-of-another-method",
    METHOD_SOURCE,
    preflight(APP, "PUT"),
    "allowed",
    {**TO_APP, **ZERO},
)
by_source.refused("preflight-refused", METHOD_SOURCE, preflight(APP, "DELETE"))
by_source.runs(
    "preflight-hands-off",
    METHOD_SOURCE,
    preflight(EVIL, "PATCH"),
    "blocked",
    NOTHING,
    reply=Reply(status=405),
)
by_source.answered(
    "the-same-for-all-methods", {"policy": always}, preflight(), "allowed", {**TO_APP, **DEFAULTS}
)
by_source.runs(
    "vary-of-the-source",
    {"policy": by_tenant},
    get(APP, headers={"X-Tenant": "1"}),
    "allowed",
    {**TO_APP, "Vary": "Origin, X-Tenant"},
)
by_source.runs(
    "vary-where-nothing-is-allowed",
    {"policy": by_tenant},
    get(APP),
    "blocked",
    {"Vary": "Origin, X-Tenant"},
)
by_source.runs(
    "vary-under-a-star",
    {"policy": by_plan},
    get(EVIL, headers={"X-Plan": "open"}),
    "allowed",
    {**STAR, "Vary": "Origin, X-Tenant, X-Plan"},
)
by_source.runs(
    "vary-where-it-leaves-its-hands-off",
    {"policy": by_plan},
    get(EVIL),
    "allowed",
    {
        "Access-Control-Allow-Origin": EVIL,
        "Access-Control-Allow-Credentials": "true",
        "Vary": "Accept, Origin, X-Tenant, X-Plan",
    },
    reply=OWN,
)
by_source.runs("source-that-raises", {"policy": _broken}, get(APP), "blocked", UNDECIDED)
by_source.refused("preflight-and-source-that-raises", {"policy": _broken}, preflight())
by_source.runs(
    "source-that-returns-rubbish",
    {"policy": lambda environ: {"allow_origins": "*"}},
    get(APP),
    "blocked",
    UNDECIDED,
)


def having(*headers: tuple[str, str]) -> Reply:
    return Reply(headers=headers)


OWN_CORS = having(
    ("access-control-allow-origin", EVIL),
    ("Access-Control-Allow-Credentials", "true"),
    ("Access-Control-Allow-Methods", "GET"),
    ("Access-Control-Allow-Headers", "x-own"),
    ("ACCESS-CONTROL-EXPOSE-HEADERS", "X-Own"),
    ("Access-Control-Max-Age", "9"),
    ("Access-Control-Allow-Private-Network", "true"),
    ("Timing-Allow-Origin", "*"),
)
merged.runs("replaced-for-an-allowed-origin", exact(), get(APP), "allowed", ALLOWED, reply=OWN_CORS)
merged.runs(
    "taken-out-for-a-denied-origin", exact(), get(EVIL), "blocked", UNDECIDED, reply=OWN_CORS
)
merged.runs("taken-out-without-origin", exact(), get(), "no CORS", UNDECIDED, reply=OWN_CORS)
merged.runs("replaced-under-a-star", ANY, get(EVIL), "allowed", STAR, reply=OWN_CORS)
for name, own, expected in (
    ("another-name", "Accept-Encoding", "Accept-Encoding, Origin"),
    ("several-names", "Cookie, Accept-Encoding", "Cookie, Accept-Encoding, Origin"),
    ("origin-in-other-case", "origin", "Origin"),
    ("origin-among-others", "Cookie, ORIGIN", "Cookie, Origin"),
    ("star", "*", "*"),
    ("star-among-others", "Cookie, *", "*"),
    ("empty", "", "Origin"),
    ("empty-members", ", Cookie,,", "Cookie, Origin"),
):
    merged.runs(
        f"vary-{name}",
        exact(),
        get(APP),
        "allowed",
        {**TO_APP, "Vary": expected},
        reply=having(("Vary", own)),
    )
merged.runs(
    "vary-is-kept-under-a-star",
    ANY,
    get(EVIL),
    "allowed",
    {**STAR, "Vary": "Cookie"},
    reply=having(("Vary", "Cookie")),
)
merged.runs(
    "vary-is-kept-where-nobody-is-allowed",
    {},
    get(EVIL),
    "blocked",
    {"Vary": "Cookie"},
    reply=having(("Vary", "Cookie")),
)
merged.runs(
    "vary-of-the-request-is-not-copied",
    exact(),
    get(APP, headers={"Vary": "X-Whatever"}),
    "allowed",
    ALLOWED,
)

for status, headers, body in (
    (201, (), b"made"),
    (206, (("Content-Range", "bytes 0-3/9"),), b"part"),
    (301, (("Location", "/elsewhere"),), b""),
    (303, (("Location", "/elsewhere"),), b""),
    (304, (("ETag", '"1"'),), b""),
    (400, (), b"no"),
    (401, (("WWW-Authenticate", "Basic"),), b"who?"),
    (403, (), b"no"),
    (404, (), b"where?"),
    (405, (("Allow", "PUT"),), b"how?"),
    (418, (), b"teapot"),
    (429, (("Retry-After", "9"),), b"later"),
    (500, (), b"oh"),
    (503, (), b"oh"),
):
    reply = Reply(status=status, headers=headers, body=body)
    every_status.runs(f"{status}-allowed", exact(), get(APP), "allowed", ALLOWED, reply=reply)
    every_status.runs(f"{status}-denied", exact(), get(EVIL), "blocked", UNDECIDED, reply=reply)
    every_status.runs(f"{status}-any-origin", ANY, get(EVIL), "allowed", STAR, reply=reply)


CASES = [case for row in ROWS for case in row.cases]
