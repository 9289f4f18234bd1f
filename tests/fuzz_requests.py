"""Fuzz target: a request to the WSGI wrapper, checked against a naive reading of the policy.

debug answers         the number of a site, and words: see `run`
OPTIONS /public/x     the method and the path
Origin: https://a.b   headers, as a server hands them over; a line that begins with a space
                      goes on with the one before
> Vary: Cookie        a header of the application's answer
"""

import logging
import posixpath
import re
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import unquote_to_bytes
from wsgiref.types import StartResponse, WSGIEnvironment

from fuzz_tools import repeated, within
from reference_origin import is_serialised, reference_allows
from strategies import reference_lets_pass
from wsgi_client import CORS

from corsgate import Decision, Policy, check, explain
from corsgate._callables import failures
from corsgate.wsgi import CORSMiddleware

Source = Policy | None | Callable[[Mapping[str, Any]], Policy | None]
Headers = list[tuple[str, str]]
T = TypeVar("T")

# The work that a request may take; debug mode explains each, and what the gate refuses thrice: each
# time the nearest of at most 40 origins is looked for.
SHORT, LINES, LINES_FOR_EACH = 600, 15_000, 5
ANSWER, ODD = b"answer", b"odd"
FIXED = (
    b"",
    b"403 Forbidden: a page on this origin may not make this request (CORS).\n",
    b"403 Forbidden: a page on another site may not make this request.\n",
)
OURS = CORS | {"x-corsgate-reason"}
SAFE = {"GET", "HEAD", "OPTIONS"}
TOKEN = set("!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters)
DEFAULT_PORTS = {"ftp": "21", "ws": "80", "wss": "443"}
WORDS = """
    debug raises answers odd 2 6 7 GET POST PUT OPTIONS HEAD PURGE /public/x /public/mirror/x
    /health /none/x /gated/x /%C3%A9/ /x/ // /.. /../ /%2e%2e/ /./ %2F %5C
    Origin: Origin*900: Access-Control-Request-Method: Access-Control-Request-Headers:
    Access-Control-Request-Headers*900: Sec-Fetch-Site: Sec-Fetch-Mode: Host: Upgrade:
    Access-Control-Request-Private-Network: X-Forwarded-Host: Vary: Cookie:
    https:// http:// ftp:// tauri://localhost null app.example.com .example.com pr-1.example.org
    a.write.example https://own.example own.example a.old.example localhost :8000 :443 :80 :* *
    https://a.b https://[::1] [::ffff:7f00:1] [ ] @ xn-- .evil.example 127.0.0.1 1.2.3.4. 0x7f.1
    cross-site same-site same-origin none websocket public own gated broken odd no X-Tenant: DELETE
    x-a, authorization content-type , ,,
""".split()
WORDS += ["\t", "\r", "\n ", "\n", "\0", "\x1b[31m", "\x7f", "\xe9", "\xc3\xa9", "\xff"]

# ------------------------------------------------------------------ the sites

PATTERNS = [
    "https://app.example.com",
    "https://*.example.com",
    "https://pr-*.example.org",
    "http://localhost:*",
    "tauri://localhost",
]
SITE = Policy(allow_origins=PATTERNS, expose_headers="X-Total", allow_timing=True)
ANY = Policy(allow_origins="*", allow_headers="*", max_age=None, preflight_status=200)
MIRROR = Policy(
    allow_origins=["https://*.example.com:*", "https://a.b"],
    allow_credentials=True,
    allow_methods="*",
    allow_headers="*",
)
OLD = Policy(allow_origins=[re.compile(r"https://[a-z]+\.old\.example(:\d+)?"), "null"])
GATED = Policy(
    allow_origins=[*PATTERNS, "null"],
    write_origins=["https://app.example.com", "https://*.write.example"],
    gate="enforce",
)
OWN = Policy(allow_origins="*", gate="enforce", own_origins=["https://own.example"])
REPORTING = Policy(allow_origins=PATTERNS[:3], allow_credentials=True, gate="report")


class BrokenError(Exception):
    """What cannot be shown, and what would be lines of its own in the log."""

    def __repr__(self) -> str:
        text: str = self.args[0]
        return f"{text}\r\nforged: {text}" if text.endswith("7") else text[1_000]


def ask_database(origin: str, environ: Mapping[str, Any]) -> bool:
    """Says yes to most, and fails now and then."""
    if "7" in origin:
        raise BrokenError(origin)
    return BrokenError(origin) if "no" in origin else True  # type: ignore[return-value]


CALLABLE = Policy(allow_origins=[ask_database, "https://no.example"])


def by_host(environ: Mapping[str, Any]) -> Policy | None:
    """A policy for each tenant."""
    tenants = {"public": ANY, "own": None, "gated": GATED}
    host: str = environ.get("HTTP_HOST", "")
    if host == "broken":
        raise RuntimeError(host)
    if host == "odd":
        return host  # type: ignore[return-value]
    return tenants.get(host, SITE)


FAILING = Policy()  # what a source that fails stands for


class ByMethod:
    """A policy for each method, and a header that it depends on as well."""

    vary = "X-Tenant"

    def __call__(self, environ: Mapping[str, Any]) -> Policy | None:
        if "HTTP_X_TENANT" in environ:
            return CALLABLE
        return {"PUT": MIRROR, "GET": None, "DELETE": GATED}.get(environ["REQUEST_METHOD"], SITE)


NESTED: dict[str, Source] = {
    "/public/*": ANY,
    "/public/mirror/*": MIRROR,
    "/health": OLD,
    "/none/*": None,
    "/\xe9/*": MIRROR,
    "/gated/*": GATED,
}
SITES: list[tuple[Source, dict[str, Source]]] = [
    (SITE, {}),
    (ANY, {}),
    (MIRROR, {}),
    (OLD, {}),
    (CALLABLE, {}),
    (GATED, {}),
    (OWN, {}),
    (REPORTING, {}),
    (by_host, {}),
    (SITE, NESTED),
    (by_host, NESTED),
    (ByMethod(), {}),
    (Policy(), {"/x/*": CALLABLE, "/": GATED}),
]

# ------------------------------------------------------------------ what an input says


@dataclass
class Case:
    site: tuple[Source, dict[str, Source]]
    words: set[str]
    environ: dict[str, Any]
    answered: Headers = field(default_factory=list)


def read(data: bytes) -> Case:
    first, _, rest = data.decode("latin-1").partition("\n")
    second, _, rest = rest.partition("\n")
    words = set(first.split())
    number = sum(int(word) for word in words if word.isascii() and word.isdigit())
    method, _, path = second.partition(" ")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path.encode("latin-1")).decode("latin-1"),
    }
    case = Case(SITES[number % len(SITES)], words, environ)
    for line in re.split(r"\n(?! )", rest):
        name, colon, value = line.partition(":")
        if not colon:
            continue
        name, value = repeated(name, value.strip(" \t"))
        if name.startswith("> "):
            if is_plain(value) and set(name[2:]) <= TOKEN:  # what an application may say
                case.answered.append((name[2:], value))
            continue
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return case


class Capture(logging.Handler):
    """Checks each line of the log, which has to be one."""

    def emit(self, record: logging.LogRecord) -> None:
        # A traceback is of the user's own code, and says what that says.
        assert is_plain(record.getMessage()), record.getMessage()
        assert len(record.getMessage()) < 1_500, record.getMessage()
        for name, value in vars(record).items():
            if name.startswith("cors_") and isinstance(value, str):
                assert is_plain(value), (name, value)
                assert len(value) <= 200, (name, value)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        raise  # noqa: PLE0704  # called in an except clause


def is_plain(text: str) -> bool:
    """Printable ASCII, and so on one line."""
    return text.isascii() and text.isprintable()


def run(data: bytes) -> None:
    """Words of the first line: `debug`; `answers`, `raises`, `odd`: what `on_denied` does."""
    case = read(data)
    logger = logging.getLogger("corsgate")
    capture = Capture()
    logger.addHandler(capture)
    level, logger.propagate = logger.level, False
    logger.setLevel(logging.INFO)
    failures.clear()
    try:
        _run(case)
    finally:
        logger.removeHandler(capture)
        logger.setLevel(level)
        logger.propagate = True
        failures.clear()


def _run(case: Case) -> None:
    denied: list[Decision] = []
    started: list[tuple[str, Headers]] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", case.answered)
        return [ANSWER]

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("451 Odd", case.answered)
        return [ODD]

    def on_denied(environ: Mapping[str, Any], decision: Decision) -> object:
        denied.append(decision)
        if "raises" in case.words:
            raise RuntimeError(environ.get("HTTP_ORIGIN"))
        if "answers" in case.words:
            return answer
        return environ.get("HTTP_ORIGIN") if "odd" in case.words else None

    def start_response(status: str, headers: Headers, exc_info: Any = None, /) -> Any:
        started.append((status, list(headers)))

    source, paths = case.site
    debug = "debug" in case.words
    front = CORSMiddleware(app, source, paths=paths, debug=debug, on_denied=on_denied)
    given, sent = dict(case.environ), list(case.answered)
    size = sum(map(len, given.values())) + sum(len(name + value) for name, value in sent)

    def serve() -> bytes:
        return b"".join(front(case.environ, start_response))

    def watched(call: Callable[[], T]) -> T:
        # Only what is long can show what grows too fast, and counting takes time.
        return within(LINES + LINES_FOR_EACH * size, call) if size > SHORT else call()

    body = watched(serve)
    assert (case.environ, case.answered) == (given, sent)
    [(status, headers)] = started
    assert all(not decision.allowed and decision.reason for decision in denied)
    judge(case, status, headers, body)
    assert (serve(), started[1]) == (body, (status, headers)), "asked again, it says otherwise"
    for policy in policies(case):
        if policy is not None:
            assert is_plain(watched(lambda: explain(policy, given)).line)  # noqa: B023
            assert watched(lambda: check(policy, given)).kind == "gate"  # noqa: B023


# ------------------------------------------------------------------ what is right


def judge(case: Case, status: str, headers: Headers, body: bytes) -> None:
    environ, found = case.environ, policies(case)
    origin = environ.get("HTTP_ORIGIN")
    asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
    preflight = environ["REQUEST_METHOD"] == "OPTIONS" and None not in (asked, origin)
    called, debug = body == ANSWER, "debug" in case.words
    if called:
        assert status == "200 OK"
        others = [line for line in case.answered if line[0].lower() not in OURS]
        assert [line for line in headers if line[0].lower() not in OURS] == others
    elif body != ODD:
        assert body in FIXED or (debug and is_plain(body[:-1].decode()))
    if found == [None] and called:
        added = [("Vary", "Origin, X-Tenant")] if isinstance(case.site[0], ByMethod) else []
        assert headers == case.answered + added or (added and members(case.answered))
        return

    lines: dict[str, str] = {}
    for name, value in headers:
        assert is_plain(name + value), (name, value)
        assert name.lower() not in lines or name.lower() not in CORS - {"vary"}, headers
        lines[name.lower()] = value
    assert debug or "x-corsgate-reason" not in lines
    # Where a path may be read in two ways, nothing is allowed.
    [policy] = found if len(found) == 1 else [None]
    judge_vary(case, headers, policy, preflight)
    allowed = policy is not None and allows(policy, environ)
    if policy is None or not allowed:
        assert not lines.keys() & (CORS - {"vary"}), lines
        assert not preflight or called or status == "403 Forbidden"
    else:
        judge_lines(policy, environ, lines)
    if len(found) == 1:
        judge_gate(case, policy, lines, status, called, preflight, allowed)


def judge_lines(policy: Policy, environ: Mapping[str, str], lines: Mapping[str, str]) -> None:
    """The CORS headers of an answer that the origin may read."""
    origin = "*" if "*" in policy.allow_origins else environ["HTTP_ORIGIN"]
    assert lines["access-control-allow-origin"] == origin
    assert lines.get("timing-allow-origin") in (None, origin)
    credentials = "true" if policy.allow_credentials else None
    assert lines.get("access-control-allow-credentials") == credentials
    exposed = ", ".join(policy.expose_headers)
    assert lines.get("access-control-expose-headers") in (None, exposed)
    assert lines.get("access-control-max-age") in (None, "0", "5", str(policy.max_age))
    for what, one, own in (
        ("methods", "METHOD", policy.allow_methods),
        ("headers", "HEADERS", policy.allow_headers),
    ):
        sent = environ.get(f"HTTP_ACCESS_CONTROL_REQUEST_{one}", "")
        asked = [member.strip() for member in sent.split(",")]
        value = lines.get(f"access-control-allow-{what}")
        for member in value.split(", ") if value is not None else ():
            reflected = "*" in own and set(member) <= TOKEN and member in asked and member
            assert member in own or reflected or (policy.gate == "enforce" and member in SAFE)


def judge_vary(case: Case, headers: Headers, policy: Policy | None, preflight: bool) -> None:
    """No name is lost, the right ones are there, and none is from the request."""
    named, kept = members(headers), members(case.answered)
    if policy is None or "*" in named:
        return
    wanted = {"origin"} if policy.allow_origins and "*" not in policy.allow_origins else set()
    if preflight:
        wanted = {"origin", "access-control-request-method", "access-control-request-headers"}
    assert wanted <= named <= kept | wanted | {"origin", "sec-fetch-site", "x-tenant"}, headers


def judge_gate(
    case: Case,
    policy: Policy | None,
    lines: Mapping[str, str],
    status: str,
    called: bool,
    preflight: bool,
    allowed: bool,
) -> None:
    environ, gated = case.environ, policy
    if policy is None:
        gated = None if isinstance(case.site[0], Policy) else ask(case.site[0], environ)
        if gated is None or preflight:
            assert called
            return
    assert gated is not None
    handshake = "websocket" in environ.get("HTTP_UPGRADE", "").lower()
    if gated is FAILING and (handshake or environ["REQUEST_METHOD"] not in SAFE):
        gated = FAILING.replace(gate="enforce")  # it has never said how strict it is
    if not preflight:
        passes = reference_lets_pass(gated.to_dict(), environ)
        assert called is (passes or gated.gate != "enforce")
        return
    assert not called, "a preflight has come to the application"
    writers = gated.allow_origins if gated.write_origins is None else gated.write_origins
    texts = [entry for entry in writers if isinstance(entry, str) and entry not in ("*", "null")]
    safe = environ["HTTP_ACCESS_CONTROL_REQUEST_METHOD"] in SAFE
    trusted = safe or reference_allows(texts, environ["HTTP_ORIGIN"])
    refused = gated.gate == "enforce" and not trusted
    assert (status == "403 Forbidden") is not allowed
    if refused and allowed:
        assert {*lines.get("access-control-allow-methods", "GET").split(", ")} <= SAFE


def members(headers: Headers) -> set[str]:
    """What `Vary` names."""
    values = [value for name, value in headers if name.lower() == "vary"]
    return {member.strip().lower() for value in values for member in value.split(",")} - {""}


# ------------------------------------------------------------------ whose policy


def policies(case: Case) -> list[Policy | None]:
    """The policy for the path as it is, and as an application may read it, if that differs."""
    source, paths = case.site
    path = case.environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace") or "/"
    end = "/" if path.endswith(("/", "/.", "/..")) else ""
    resolved = posixpath.normpath("/" + path.lstrip("/")).rstrip("/") + end
    sources = [rule(source, paths, path)]
    if ("//" in path or "/." in path) and (other := rule(source, paths, resolved)) != sources[0]:
        sources.append(other)
    return [ask(found, case.environ) for found in sources]


def rule(source: Source, paths: Mapping[str, Source], path: str) -> Source:
    fits = [
        pattern
        for pattern in paths
        if path == pattern or (pattern.endswith("/*") and f"{path}/".startswith(pattern[:-1]))
    ]
    best = max(fits, key=lambda pattern: (not pattern.endswith("/*"), len(pattern)), default=None)
    return source if best is None else paths[best]


def ask(source: Source, environ: Mapping[str, Any]) -> Policy | None:
    if source is None or isinstance(source, Policy):
        return source
    method = environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")
    if environ["REQUEST_METHOD"] == "OPTIONS" and method is not None and "HTTP_ORIGIN" in environ:
        environ = {**environ, "REQUEST_METHOD": method}
    try:
        found: object = source(environ)
    except RuntimeError:
        return FAILING
    return found if found is None or isinstance(found, Policy) else FAILING


def allows(policy: Policy, environ: Mapping[str, Any]) -> bool:
    origin: str | None = environ.get("HTTP_ORIGIN")
    if "*" in policy.allow_origins or origin is None:
        return origin is not None or "*" in policy.allow_origins
    texts = [entry for entry in policy.allow_origins if isinstance(entry, str)]
    if reference_allows(*as_known(texts, origin)):
        return True
    return is_serialised(origin) and any(
        says_yes(entry, origin) for entry in policy.allow_origins if not isinstance(entry, str)
    )


def as_known(texts: list[str], origin: str) -> tuple[list[str], str]:
    """Entries and an origin of any scheme, as the reference knows them."""
    scheme, mark, _ = origin.partition("://")
    if not mark or scheme in ("http", "https", "tauri") or origin in texts:
        return texts, origin
    known = "https" if scheme in DEFAULT_PORTS else "tauri"
    alike = [text for text in texts if text.startswith(f"{scheme}://") and is_serialised(origin)]
    return [known + text[len(scheme) :] for text in alike], known + origin[len(scheme) :]


def says_yes(entry: Any, origin: str) -> bool:
    if isinstance(entry, re.Pattern):
        return entry.fullmatch(origin) is not None
    try:
        return entry(origin, {}) is True
    except BrokenError:
        return False
