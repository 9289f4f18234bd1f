"""Fetch's requests: the fields that matter here, and the headers that a browser adds to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._protocol import ORIGIN
from ._url import URL, is_same_origin, is_same_site, is_trustworthy

if TYPE_CHECKING:
    from ._engines import Engine
    from ._messages import Headers

_STRICT = ("no-referrer-when-downgrade", "strict-origin", "strict-origin-when-cross-origin")
REFERRER_POLICIES = (
    *_STRICT,
    "no-referrer",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "unsafe-url",
)
# Which values of SameSite may go with a request, or be set by its answer.
ALL_COOKIES = frozenset({"strict", "lax", "none"})
_LAX_COOKIES = frozenset({"lax", "none"})
_CROSS_SITE_COOKIES = frozenset({"none"})


@dataclass
class Request:
    """Fetch, "Request", with the fields that matter here, under their names in the standard."""

    method: str
    urls: list[URL]
    headers: Headers
    body: bytes | None
    origin: str
    mode: str = "cors"
    credentials_mode: str = "same-origin"
    redirect_mode: str = "follow"
    cache_mode: str = "default"
    referrer_policy: str = "strict-origin-when-cross-origin"
    use_cors_preflight: bool = False
    response_tainting: str = "basic"
    # For engines that keep it up after a redirect: what the first preflight named.
    preflighted: list[str] | None = None

    @property
    def url(self) -> URL:
        """Fetch, "Current URL"."""
        return self.urls[-1]

    @property
    def includes_credentials(self) -> bool:
        return self.credentials_mode == "include"

    @property
    def redirect_taint(self) -> str:
        """Fetch, "Redirect-taint": same-origin, same-site or cross-site."""
        taint = "same-origin"
        for last, url in zip(self.urls, self.urls[1:], strict=False):
            if not is_same_site(url.origin, last.origin) and not is_same_site(
                self.origin, last.origin
            ):
                return "cross-site"
            if url.origin != last.origin and not is_same_origin(self.origin, last.origin):
                taint = "same-site"
        return taint

    @property
    def serialized_origin(self) -> str:
        """Fetch, "Serialize a request origin"."""
        return self.origin if self.redirect_taint == "same-origin" else "null"


def headers_of_the_browser(request: Request, engine: Engine) -> Headers:
    """Fetch, "HTTP-network-or-cache fetch", step 8: what a page cannot set itself."""
    headers: Headers = []
    if request.body is not None or request.method in ("POST", "PUT"):
        headers.append(("Content-Length", str(len(request.body or b""))))
    if _sends_referrer(request):
        # The page is taken to be the root of its origin.
        headers.append(("Referer", f"{request.origin}/"))
    origin = _request_origin(request, engine)
    if origin is not None:
        headers.append((ORIGIN, origin))
    if is_trustworthy(request.url) and (
        engine.metadata_after_taint or request.redirect_taint == "same-origin"
    ):
        destination = "document" if request.mode == "navigate" else "empty"
        headers += [
            ("Sec-Fetch-Dest", destination),
            ("Sec-Fetch-Mode", request.mode),
            ("Sec-Fetch-Site", _fetch_site(request)),
        ]
    if request.cache_mode == "no-store":
        headers += [("Pragma", "no-cache"), ("Cache-Control", "no-cache")]
    return headers


def _request_origin(request: Request, engine: Engine) -> str | None:
    """Fetch, "Append a request `Origin` header"."""
    if request.response_tainting == "cors":
        return request.serialized_origin
    if request.method in ("GET", "HEAD"):
        return None
    policy = request.referrer_policy
    heeded = request.mode == "navigate" or engine.origin_heeds_referrer_policy
    if request.mode != "cors" and heeded and (
        policy == "no-referrer"
        or (policy in _STRICT and _is_downgrade(request))
        or (
            policy == "same-origin"
            and not is_same_origin(request.origin, request.url.origin)
        )
    ):  # fmt: skip
        return "null"
    return request.serialized_origin


def _is_downgrade(request: Request) -> bool:
    return request.origin.startswith("https:") and request.url.scheme != "https"


def _sends_referrer(request: Request) -> bool:
    """Referrer Policy, "determine request's referrer", for a page at the root of its origin."""
    policy = request.referrer_policy
    if request.origin == "null" or policy == "no-referrer":
        return False
    if policy in _STRICT:
        return not (_is_downgrade(request) and not is_trustworthy(request.url))
    return policy != "same-origin" or is_same_origin(request.origin, request.url.origin)


def _fetch_site(request: Request) -> str:
    """Fetch Metadata, "set the Sec-Fetch-Site header"."""
    site = "same-origin"
    for url in request.urls:
        if is_same_origin(url.origin, request.origin):
            continue
        if not is_same_site(request.origin, url.origin):
            return "cross-site"
        site = "same-site"
    return site


def cookies_allowed(request: Request) -> frozenset[str]:
    """RFC 6265bis, section 5.2: which SameSite values go with the request, and may be set."""
    if all(is_same_site(request.origin, url.origin) for url in request.urls):
        return ALL_COOKIES
    if request.mode == "navigate":
        return _LAX_COOKIES if request.method == "GET" else _CROSS_SITE_COOKIES
    return _CROSS_SITE_COOKIES
