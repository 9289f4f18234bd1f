"""What does not block a request, but may block another one, or slows it down: no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._protocol import (
    ALLOW_HEADERS,
    ALLOW_ORIGIN,
    MAX_AGE,
    NON_WILDCARD_REQUEST_HEADER,
    ORIGIN,
    REQUEST_HEADERS,
    VARY,
)
from .._words import shown
from ..browser._engines import ENGINES
from ..browser._messages import get, values_of
from ..browser._safelist import extract_tokens
from ..browser._url import is_same_origin, parse_url
from ._diagnosis import Finding, in_one_line, is_preflight, kept_by_cache

if TYPE_CHECKING:
    from ..browser import HTTPRequest, HTTPResponse

_ENGINES = {"chromium": "Chromium", "firefox": "Firefox", "webkit": "WebKit"}


def find_warnings(
    exchanges: list[tuple[HTTPRequest, HTTPResponse]], *, origin: str, credentials: bool, word: str
) -> list[Finding]:
    """What does not block this request, but may block another one, or slows it down.

    :param exchanges: what a browser sent and got, oldest first.
    :param origin: that of the page.
    :param credentials: whether the page asks for them.
    :param word: the verdict: allowed, blocked or no-answer.
    """
    found: list[Finding] = []
    # A preflight that fails, by its status or otherwise, is the last exchange.
    for request, response in exchanges[:-1] if word == "blocked" else exchanges:
        if is_preflight(request):
            found += _about_preflight(request, response, credentials)
    if word != "allowed":
        return found
    request, response = exchanges[-1]
    url = parse_url(request.url)
    if url is not None and is_same_origin(origin, url.origin) and len(exchanges) == 1:
        found.append(
            Finding(
                "same-origin",
                "The page and the address are of one origin, so CORS has no say.",
                "Ask with the origin of another page.",
            )
        )
    cache = kept_by_cache(response)
    if cache:
        found.append(
            Finding(
                "cached-answer",
                f"The answer comes from a cache ({cache}), not from the server itself.",
                "Ask for an address that is in no cache too: add ?1 to it.",
            )
        )
    return found


def find_missing_vary(response: HTTPResponse, without: HTTPResponse) -> Finding | None:
    """Whether a cache may mix up the answers for several pages.

    Fetch, "CORS protocol and HTTP caches": `Vary` need not be there where the header is always
    the same, whether or not the request has an `Origin`.

    :param without: the answer to the same request without `Origin`.
    """
    values = [values_of(answer.headers, ALLOW_ORIGIN) for answer in (response, without)]
    if values[0] == values[1] or (varies_by_origin(response) and varies_by_origin(without)):
        return None
    return Finding(
        "vary-missing",
        f"The answer depends on {ORIGIN} and does not always say {VARY}: {ORIGIN}: then a page that"
        " is allowed may get from a cache the answer made for another, and be blocked.",
        f"Send {VARY}: {ORIGIN} with every answer of this address, also to requests without"
        f" {ORIGIN}.",
    )


def varies_by_origin(response: HTTPResponse) -> bool:
    names = [name.strip().lower() for name in (get(response.headers, VARY) or "").split(",")]
    return "origin" in names or "*" in names


def _about_preflight(
    request: HTTPRequest, response: HTTPResponse, credentials: bool
) -> list[Finding]:
    found: list[Finding] = []
    allowed = extract_tokens(values_of(response.headers, ALLOW_HEADERS))[0] or []
    lower = {name.lower() for name in allowed}
    asked = (request.header(REQUEST_HEADERS) or "").split(",")
    name = NON_WILDCARD_REQUEST_HEADER
    if not credentials and name in asked and name not in lower and "*" in lower:
        found.append(
            Finding(
                "authorization-by-wildcard",
                "By the standard * does not cover Authorization; browsers still let it.",
                f"Name Authorization in {ALLOW_HEADERS}.",
            )
        )
    return found + _about_max_age(values_of(response.headers, MAX_AGE))


def _about_max_age(values: list[str]) -> list[Finding]:
    value = ", ".join(values)
    if not values:
        return [
            Finding(
                "max-age-missing",
                f"There is no {MAX_AGE}: browsers ask again after 5 seconds.",
                f"Send {MAX_AGE}: 600, which all browsers keep to.",
            )
        ]
    if len(values) > 1 or not (value.isascii() and value.isdecimal()):
        return [
            Finding(
                "max-age-invalid",
                f"{MAX_AGE} is {shown(value)}, which is no number of seconds: browsers ask again"
                " after 5 seconds, or each time.",
                f"Send {MAX_AGE}: 600.",
            )
        ]
    caps = {_ENGINES[name]: int(engine.max_age_cap) for name, engine in ENGINES.items()}
    digits = value.lstrip("0") or "0"
    seconds = int(digits[:10])
    cut = [f"{name} {cap}" for name, cap in caps.items() if seconds > cap]
    if not cut:
        return []
    return [
        Finding(
            "max-age-over-cap",
            f"{MAX_AGE} is {in_one_line(digits, 100)}, and browsers keep to their own limit:"
            f" {', '.join(cut)} seconds.",
            "Nothing is wrong; but do not rely on the longer time.",
        )
    ]


def find_lost_headers(path: str, status: int, lost: bool) -> Finding | None:
    """What an answer to a path that was asked for its error shows; None if all is well.

    :param lost: whether a page may not read the answer.
    """
    if status < 400:
        return Finding(
            "no-error",
            f"{shown(path)} answers {status}, which is no error, so it shows nothing of errors.",
            "Name a path that fails.",
        )
    if lost:
        return Finding(
            "headers-lost-on-errors",
            f"The error {status} of {shown(path)} lacks the CORS headers: pages see a CORS"
            " error in its place.",
            "Let the outermost layer add the headers, to every status"
            " (nginx: add_header ... always).",
        )
    return None
