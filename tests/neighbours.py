"""What tests of all front ends send to an application with hostile neighbours, and what comes.

The neighbours keep and change every object that they are given, and what they hand over.
"""

from typing import Any, NamedTuple
from wsgiref.types import WSGIApplication, WSGIEnvironment

from answers import APP, EVIL, PREFLIGHT_VARY, goes_on
from wsgi_client import Answer, Headers, comparable, environ_of

from corsgate import Policy

READER = "https://reader.example.org"  # may read, and not write
TENANT = "https://t{}.tenant.example"  # of a thread
POLICY = Policy(allow_origins=[APP, "https://*.tenant.example"], allow_credentials=True)
PATHS: dict[str, Any] = {
    "/reflect": {"allow_methods": "*", "allow_headers": "*"},
    "/any": Policy(allow_origins="*", allow_timing=True),
    "/asked": Policy(allow_origins=lambda origin, environ: origin.endswith(".tenant.example")),
    "/gate": Policy(allow_origins=[APP, READER], write_origins=APP, gate="enforce"),
}
PREFLIGHT = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "x-a"}
CROSS_SITE = {"Sec-Fetch-Site": "cross-site"}
CREDENTIALS = {"Access_Control_Allow_Credentials": "true"}


def named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def refusal(body: bytes, **headers: str) -> dict[str, object]:
    return comparable(
        {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": f"{len(body)}",
            **named(headers),
        }
    )


class Asked(NamedTuple):
    """A request, and all that is to come of it."""

    method: str
    path: str
    headers: dict[str, str]
    status: int
    seen: dict[str, object]
    body: bytes = b"hello"


NOT_THIS_ORIGIN = b"403 Forbidden: a page on this origin may not make this request (CORS).\n"
NOT_THIS_SITE = b"403 Forbidden: a page on another site may not make this request.\n"


def everything(tenant: str, own_headers: dict[str, str]) -> list[Asked]:
    """A request of each kind; some are of this tenant.

    :param own_headers: those that the application sets.
    """

    def with_own(**ours: str) -> dict[str, object]:
        found = {**own_headers, **named(ours)}
        if "Vary" in own_headers and "Vary" in ours:
            found["Vary"] = f"{own_headers['Vary']}, {ours['Vary']}"
        return comparable(found)

    own = {"Access_Control_Allow_Origin": tenant, "Vary": "Origin", **CREDENTIALS}
    preflight = {"Origin": tenant, **PREFLIGHT}
    return [
        Asked(
            "GET",
            "/",
            {"Origin": APP},
            200,
            with_own(**{**own, "Access_Control_Allow_Origin": APP}),
        ),
        Asked("POST", "/", {"Origin": tenant}, 200, with_own(**own)),
        Asked("GET", "/", {"Origin": EVIL}, 200, with_own(Vary="Origin")),
        Asked("GET", "/", {}, 200, with_own(Vary="Origin")),
        Asked("OPTIONS", "/", {**preflight, "Origin": APP}, 204, goes_on(APP, **CREDENTIALS), b""),
        Asked("OPTIONS", "/", preflight, 204, goes_on(tenant, **CREDENTIALS), b""),
        Asked(
            *("OPTIONS", "/", {**preflight, "Origin": EVIL}, 403),
            refusal(NOT_THIS_ORIGIN, Vary=PREFLIGHT_VARY),
            NOT_THIS_ORIGIN,
        ),
        Asked(
            *("OPTIONS", "/reflect", preflight, 204),
            goes_on(
                tenant,
                Access_Control_Allow_Methods="PUT",
                Access_Control_Allow_Headers="x-a",
                **CREDENTIALS,
            ),
            b"",
        ),
        Asked(
            *("GET", "/any", {"Origin": EVIL}, 200),
            with_own(Access_Control_Allow_Origin="*", Timing_Allow_Origin="*"),
        ),
        Asked("OPTIONS", "/any", preflight, 204, goes_on("*"), b""),
        Asked(
            *("GET", "/asked", {"Origin": tenant}, 200),
            with_own(Access_Control_Allow_Origin=tenant, Vary="Origin"),
        ),
        Asked(
            *("POST", "/gate", {"Origin": EVIL, **CROSS_SITE}, 403),
            refusal(NOT_THIS_SITE, Cache_Control="no-store", Vary="Origin, Sec-Fetch-Site"),
            NOT_THIS_SITE,
        ),
        Asked(
            *("POST", "/gate", {"Origin": APP, **CROSS_SITE}, 200),
            with_own(Access_Control_Allow_Origin=APP, Vary="Origin"),
        ),
        Asked(
            *("OPTIONS", "/gate", {**preflight, "Origin": READER, **CROSS_SITE}, 204),
            goes_on(READER, Access_Control_Allow_Methods="GET, HEAD, OPTIONS"),
            b"",
        ),
    ]


def outcome(
    app: WSGIApplication, asked: Asked, hints: dict[str, Any] | None = None
) -> tuple[object, ...]:
    """Status, headers and body of the answer, as of `Asked`.

    :param hints: for the application, in the environ.
    """
    environ = environ_of(asked.method, asked.path, asked.headers)
    answer = ask_with_hostile_outside(app, {**environ, **(hints or {})})
    return answer.status, answer.seen, answer.body


def ask_with_hostile_outside(app: WSGIApplication, environ: WSGIEnvironment) -> Answer:
    """The answer as it came; everything that came is spoilt afterwards."""
    started: list[tuple[str, Any]] = []

    def start_response(status: str, headers: Headers, exc_info: Any = None, /) -> Any:
        started.append((status, list(headers)))
        headers[:] = [(name, EVIL) for name, _ in headers]
        headers.append(("Access-Control-Allow-Origin", EVIL))
        return len

    result: Any = app(environ, start_response)
    body = b"".join(result)
    if isinstance(result, list):
        result[:] = [b"evil"]
    [(status, found)] = started
    return Answer(int(status[:3]), status[4:], found, body)
