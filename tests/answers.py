"""What tests of the front ends expect of an answer, spelt once; for `==` with what came."""

from typing import Any

from wsgi_client import comparable

APP = "https://app.example.com"
PARTNER = "https://partner.example.org"
EVIL = "https://evil.example.net"

Headers = dict[str, object]

NOTHING: Headers = {}
DENIED: Headers = comparable({"Vary": "Origin"})
ANYBODY: Headers = comparable({"Access-Control-Allow-Origin": "*"})

PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
REFUSED: Headers = comparable({"Vary": PREFLIGHT_VARY})


def readable_by(origin: str, **more: str) -> Headers:
    """The CORS headers and Vary of an answer that a page on `origin` may read.

    :param more: further headers, with underscores for hyphens.
    """
    return comparable({"Access-Control-Allow-Origin": origin, "Vary": "Origin", **_named(more)})


def goes_on(origin: str, *, max_age: str | None = "600", **more: str) -> Headers:
    """All headers of the answer that lets the page on `origin` go on after its preflight."""
    expected: dict[str, str] = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
        "Access-Control-Allow-Headers": (
            "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with"
        ),
        "Vary": PREFLIGHT_VARY,
        **_named(more),
    }
    if max_age is not None:
        expected["Access-Control-Max-Age"] = max_age
    return comparable(expected)


def asking(origin: str | None = APP, **more: str) -> dict[str, str]:
    """The headers of a request by a page on `origin`, or of one without `Origin`."""
    return {**({} if origin is None else {"Origin": origin}), **_named(more)}


def asking_for(method: str, origin: str = APP, **more: str) -> dict[str, str]:
    """The headers of a preflight for `method`."""
    return {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type",
        **_named(more),
    }


def _named(headers: dict[str, Any]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
