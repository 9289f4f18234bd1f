"""What the browser did, as arrows between page and API; the page only has to draw them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._protocol import (
    ALLOW_CREDENTIALS,
    ALLOW_HEADERS,
    ALLOW_METHODS,
    ALLOW_ORIGIN,
    RESPONSE_HEADERS,
    VARY,
)
from ..browser._safelist import unsafe_names
from ._api import PATH

if TYPE_CHECKING:
    from ..browser import FetchError
    from ._runs import Asked, Exchange, Run

# What the judge stops at -> the header that is to blame.
_CULPRITS = {
    "allow-credentials": ALLOW_CREDENTIALS,
    "method": ALLOW_METHODS,
    "header": ALLOW_HEADERS,
    "authorization": ALLOW_HEADERS,
}
_OF_A_REQUEST = {
    "HTTP_ORIGIN": "Origin",
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "Access-Control-Request-Method",
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "Access-Control-Request-Headers",
    "HTTP_AUTHORIZATION": "Authorization",
    "CONTENT_TYPE": "Content-Type",
    "HTTP_COOKIE": "Cookie",
}


def why_preflight(asked: Asked) -> str:
    """Why a browser asks first, or does not."""
    if asked.sender == "form":
        return "No preflight: a form never asks."
    if asked.caller == "same":
        return "Same origin: the browser asks nobody."
    reasons = []
    if asked.method.upper() not in ("GET", "HEAD", "POST"):
        reasons.append(f"the method {asked.method}")
    names = unsafe_names(asked.headers)
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 4 else ""
        shown = ", ".join(names[:3] if more else names)
        reasons.append(f"the header{'s' if len(names) > 1 else ''} {shown}{more}")
    if not reasons:
        return "No preflight: a form could send this too."
    return f"Asks first because of {' and '.join(reasons)}."


def sequence_of(
    run: Run, exchanges: list[Exchange], error: FetchError | None, blocked: bool
) -> list[dict[str, Any]]:
    """The arrows between page and API, from top to bottom."""
    rows: list[dict[str, Any]] = []
    for exchange in exchanges:
        last = exchange is exchanges[-1]
        stops = blocked and last
        rows.append(
            {
                "kind": "preflight" if exchange.is_preflight else "request",
                "title": f"{exchange.environ['REQUEST_METHOD']} {PATH}",
                "state": "sent",
                "lines": _request_lines(run, exchange),
            }
        )
        state = "blocked" if stops else "passed"
        if run.asked.sender == "form" and not exchange.ran:
            state = "refused"
        rows.append(
            {
                "kind": "answer",
                "title": exchange.status,
                "state": state,
                "lines": _answer_lines(exchange, error if stops else None),
            }
        )
    if blocked and exchanges and exchanges[-1].is_preflight:
        rows.append(
            {
                "kind": "request",
                "title": f"{run.asked.method} {PATH}",
                "state": "unsent",
                "lines": [],
            }
        )
    return rows


def _request_lines(run: Run, exchange: Exchange) -> list[dict[str, str]]:
    environ = exchange.environ
    names = dict(_OF_A_REQUEST)
    for name, _ in run.asked.headers:
        names.setdefault(f"HTTP_{name.upper().replace('-', '_')}", name)
    if exchange.policy.gate != "off":
        names["HTTP_SEC_FETCH_SITE"] = "Sec-Fetch-Site"
    return [
        {"name": name, "value": environ[key], "state": ""}
        for key, name in names.items()
        if environ.get(key)
    ]


def _answer_lines(exchange: Exchange, error: FetchError | None) -> list[dict[str, str]]:
    culprit = ""
    if error is not None:
        culprit = _CULPRITS.get(error.code, "")
        if error.code.startswith("allow-origin"):
            culprit = ALLOW_ORIGIN
    lines = [
        {"name": name, "value": value, "state": "bad" if name == culprit else ""}
        for name, value in exchange.headers
        if name.lower() in RESPONSE_HEADERS or name == VARY
    ]
    if culprit and all(line["name"] != culprit for line in lines):
        lines.insert(0, {"name": culprit, "value": "", "state": "missing"})
    return lines
