"""Fetch's algorithms for HTTP, each function named after its place in the standard. Sans-IO.

Left out: service workers, content security policies, HSTS, HTTP authentication, `data:` and the
like. Step numbers are those of the standard's review draft of June 2026.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .._protocol import (
    ALLOW_CREDENTIALS,
    ALLOW_HEADERS,
    ALLOW_METHODS,
    ALLOW_ORIGIN,
    EXPOSE_HEADERS,
    FORBIDDEN_RESPONSE_HEADERS,
    MAX_AGE,
    NON_WILDCARD_REQUEST_HEADER,
    REQUEST_HEADERS,
    REQUEST_METHOD,
    SAFELISTED_METHODS,
)
from ._caches import HTTPCache, PreflightCache, PreflightKey
from ._cookies import CookieJar
from ._errors import FetchError, failure
from ._messages import Headers, HTTPRequest, HTTPResponse, Response, get, values_of
from ._request import ALL_COOKIES, Request, cookies_allowed, headers_of_the_browser
from ._safelist import SAFELISTED_RESPONSE_HEADERS, extract_tokens, unsafe_names
from ._url import is_loopback, is_same_origin, is_same_site, parse_url, site_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._engines import Engine

_REDIRECT_STATUSES = (301, 302, 303, 307, 308)
_NULL_BODY_STATUSES = (101, 103, 204, 205, 304)
# "Fetch", step 13: the "document `Accept` header value".
_DOCUMENTS = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
# "Request-body-header name".
_BODY_HEADERS = ("content-encoding", "content-language", "content-location", "content-type")


class UserAgent:
    """The half of the CORS protocol that browsers have.

    :param send: takes a request to its server and gives back the answer.
    :param clock: seconds since the epoch.
    """

    def __init__(
        self,
        send: Callable[[HTTPRequest], HTTPResponse],
        *,
        engine: Engine,
        clock: Callable[[], float],
    ) -> None:
        self._send = send
        self._engine = engine
        self._preflights = PreflightCache(clock, engine)
        self._http_cache = HTTPCache(clock)
        self._cookies = CookieJar(clock, engine)

    def fetch(self, request: Request) -> Response:
        """Fetch, "Fetch".

        :raises FetchError: for each "network error".
        """
        if get(request.headers, "Accept") is None:
            accepted = _DOCUMENTS if request.mode == "navigate" else "*/*"
            request.headers = [*request.headers, ("Accept", accepted)]
        response = self._main_fetch(request)
        return self._filter(request, response)

    def _main_fetch(self, request: Request) -> HTTPResponse:
        """Fetch, "Main fetch"."""
        self._block_mixed_content(request)
        if request.mode == "navigate" or (
            is_same_origin(request.url.origin, request.origin)
            and request.response_tainting == "basic"
        ):
            request.response_tainting = "basic"
            return self._http_fetch(request)
        if request.mode == "same-origin":
            raise self._failure("same-origin-mode", request)
        if request.mode == "no-cors":
            if request.redirect_mode != "follow":
                raise self._failure("no-cors-redirect-mode", request)
            request.response_tainting = "opaque"
            return self._http_fetch(request)
        request.response_tainting = "cors"
        if not (
            request.use_cors_preflight
            or request.method not in SAFELISTED_METHODS
            or unsafe_names(request.headers)
            or (self._engine.preflight_sticks and request.preflighted is not None)
        ):
            return self._http_fetch(request)
        try:
            return self._http_fetch(request, make_cors_preflight=True)
        except FetchError as error:
            sent, engine = error.request, self._engine
            preflight = sent is not None and sent.header(REQUEST_METHOD) is not None
            if engine.forgets_failed_preflights if preflight else engine.forgets_failures:
                self._preflights.clear(_key(request))
            raise

    def _block_mixed_content(self, request: Request) -> None:
        """Mixed Content, "should fetching request be blocked as mixed content?"."""
        secure = request.origin.startswith("https:") and request.mode != "navigate"
        loopback = self._engine.mixed_loopback and is_loopback(request.url.host)
        if secure and request.url.scheme == "http" and not loopback:
            raise self._failure("mixed-content", request)

    def _http_fetch(self, request: Request, *, make_cors_preflight: bool = False) -> HTTPResponse:
        """Fetch, "HTTP fetch"."""
        if make_cors_preflight and self._is_preflight_needed(request):
            self._cors_preflight_fetch(request)
        sent, response = self._http_network_or_cache_fetch(request)
        if request.response_tainting == "cors":
            self._cors_check(request, sent, response)
        if request.response_tainting == "opaque":
            self._resource_policy_check(request, sent, response)
        if response.status not in _REDIRECT_STATUSES or request.redirect_mode == "manual":
            return response
        if request.redirect_mode == "error":
            raise self._failure("redirect-mode", request, sent, response)
        return self._http_redirect_fetch(request, sent, response)

    def _is_preflight_needed(self, request: Request) -> bool:
        """Fetch, "HTTP fetch", step 4.1: what the preflight cache does not know."""
        key, credentials = _key(request), request.includes_credentials
        if self._engine.preflight_sticks and request.preflighted is not None:
            return True
        safelisted = request.method in SAFELISTED_METHODS and not request.use_cors_preflight
        if not safelisted and not self._preflights.has_method(key, credentials, request.method):
            return True
        return not all(
            self._preflights.has_header(key, credentials, name)
            for name in unsafe_names(request.headers)
        )

    def _http_redirect_fetch(
        self, request: Request, sent: HTTPRequest, response: HTTPResponse
    ) -> HTTPResponse:
        """Fetch, "HTTP-redirect fetch"."""
        locations = values_of(response.headers, "Location")
        if not locations:
            return response
        value = ", ".join(locations)
        location = parse_url(value, request.url) if len(locations) == 1 else None
        if location is None:
            raise self._failure("redirect-location", request, sent, response, value)
        if location.scheme not in ("http", "https"):
            raise self._failure("redirect-scheme", request, sent, response, value)
        if len(request.urls) == 21:
            raise self._failure("redirect-limit", request, sent, response)
        if location.has_credentials and (
            (request.mode == "cors" and not is_same_origin(request.origin, location.origin))
            or request.response_tainting == "cors"
        ):
            raise self._failure("redirect-user-info", request, sent, response)
        if (response.status in (301, 302) and request.method == "POST") or (
            response.status == 303 and request.method not in ("GET", "HEAD")
        ):
            request.method, request.body = "GET", None
            request.headers = _without(request.headers, _BODY_HEADERS)
        if request.url.origin != location.origin:
            request.headers = _without(request.headers, (NON_WILDCARD_REQUEST_HEADER,))
        request.urls.append(location)
        return self._main_fetch(request)

    def _http_network_or_cache_fetch(self, request: Request) -> tuple[HTTPRequest, HTTPResponse]:
        """Fetch, "HTTP-network-or-cache fetch", with "HTTP-network fetch" in it."""
        url = str(request.url)
        includes_credentials = request.includes_credentials or (
            request.credentials_mode == "same-origin" and request.response_tainting == "basic"
        )
        headers = [*request.headers, *headers_of_the_browser(request, self._engine)]
        cookies = cookies_allowed(request)
        cookie = self._cookies.header(request.url, cookies) if includes_credentials else None
        if cookie is not None:
            headers.append(("Cookie", cookie))
        sent = HTTPRequest(request.method, url, headers, request.body or b"")

        # "Determine the network partition key"; the page is a top-level one.
        partition = site_of(request.origin)
        if self._engine.caches_by_credentials:
            partition += f" {includes_credentials}"
        cacheable = request.method == "GET" and request.cache_mode == "default"
        if cacheable and (stored := self._http_cache.find(partition, url, headers)):
            return sent, stored
        response = self._send(sent)
        if includes_credentials:
            # RFC 6265bis, section 5.7: a page that is shown may set all of its cookies.
            settable = ALL_COOKIES if request.mode == "navigate" else cookies
            for line in values_of(response.headers, "Set-Cookie"):
                self._cookies.store(request.url, line, settable)
        if cacheable:
            self._http_cache.store(partition, url, headers, response)
        elif request.method not in ("GET", "HEAD", "OPTIONS") and 200 <= response.status <= 399:
            self._http_cache.invalidate(url)
        return sent, response

    def _cors_preflight_fetch(self, request: Request) -> None:
        """Fetch, "CORS-preflight fetch"."""
        names = unsafe_names(request.headers)
        asked = names
        if self._engine.names_stick and request.preflighted is not None:
            asked = request.preflighted
        headers = [("Accept", "*/*"), (REQUEST_METHOD, request.method)]
        if asked:
            headers.append((REQUEST_HEADERS, ",".join(asked)))
        preflight = replace(
            request,
            method="OPTIONS",
            headers=headers,
            body=None,
            mode="cors",
            credentials_mode="same-origin",
            redirect_mode="follow",
            cache_mode="default",
            response_tainting="cors",
        )
        # Step 7: the CORS check is done on the request, for its credentials mode.
        checked = request
        if self._engine.preflight_keeps_origin:
            preflight.urls = [request.url]
            checked = replace(request, urls=[request.url])
        request.preflighted = asked
        sent, response = self._http_network_or_cache_fetch(preflight)
        self._cors_check(checked, sent, response, preflight=True)

        def fail(code: str, value: str = "") -> FetchError:
            return self._failure(code, request, sent, response, value, preflight=True)

        if response.status in _REDIRECT_STATUSES:
            raise fail("preflight-redirect")
        if not 200 <= response.status <= 299:
            raise fail("preflight-status")
        methods, bad = extract_tokens(values_of(response.headers, ALLOW_METHODS))
        if bad is not None:
            raise fail("allow-methods-invalid", bad)
        allowed, bad = extract_tokens(values_of(response.headers, ALLOW_HEADERS))
        if bad is not None:
            raise fail("allow-headers-invalid", bad)
        if methods is None:
            methods = [request.method] if request.use_cors_preflight else []
        allowed = [name.lower() for name in allowed or ()]

        by_star = not request.includes_credentials and "*" in methods
        if request.method not in {*methods, *SAFELISTED_METHODS} and not by_star:
            raise fail("method", request.method)
        by_star = not request.includes_credentials and "*" in allowed
        if (
            get(request.headers, NON_WILDCARD_REQUEST_HEADER) is not None
            and NON_WILDCARD_REQUEST_HEADER not in allowed
            and not (by_star and self._engine.star_covers_authorization)
        ):
            raise fail("authorization", NON_WILDCARD_REQUEST_HEADER)
        for name in names:
            if name not in allowed and not by_star:
                raise fail("header", name)

        self._preflights.store(
            _key(request),
            request.includes_credentials,
            self._max_age(values_of(response.headers, MAX_AGE)),
            methods,
            allowed,
        )

    def _max_age(self, values: list[str]) -> float:
        """Fetch, "CORS-preflight fetch", steps 7.8 to 7.10. The header is delta-seconds."""
        if not any(values):
            return 5
        value = values[0] if len(values) == 1 else ""
        if value.isascii() and value.isdecimal():
            return min(float(value), self._engine.max_age_cap)
        number = value.removeprefix("-")
        if number.isascii() and number.isdecimal():
            return self._engine.negative_max_age
        return self._engine.invalid_max_age

    def _cors_check(
        self,
        request: Request,
        sent: HTTPRequest,
        response: HTTPResponse,
        *,
        preflight: bool = False,
    ) -> None:
        """Fetch, "CORS check"."""

        def fail(code: str, value: str = "") -> FetchError:
            return self._failure(code, request, sent, response, value, preflight=preflight)

        origin = get(response.headers, ALLOW_ORIGIN)
        if origin is None:
            raise fail("allow-origin-missing")
        if origin == "*" and not request.includes_credentials:
            return
        if origin != request.serialized_origin:
            repeated = len(values_of(response.headers, ALLOW_ORIGIN)) > 1
            raise fail("allow-origin-repeated" if repeated else _mismatch(origin), origin)
        if not request.includes_credentials:
            return
        credentials = get(response.headers, ALLOW_CREDENTIALS)
        if credentials != "true":
            raise fail("allow-credentials", credentials or "")

    def _resource_policy_check(
        self, request: Request, sent: HTTPRequest, response: HTTPResponse
    ) -> None:
        """Fetch, "Cross-origin resource policy check", for a page without an embedder policy."""
        policy = get(response.headers, "Cross-Origin-Resource-Policy")
        ours, theirs = request.origin, request.url.origin
        if (policy == "same-origin" and not is_same_origin(ours, theirs)) or (
            policy == "same-site" and not is_same_site(ours, theirs)
        ):
            raise self._failure("resource-policy", request, sent, response, policy)

    def _filter(self, request: Request, response: HTTPResponse) -> Response:
        """Fetch, "Main fetch", steps 14 to 21: the filtered response."""
        tainting = request.response_tainting
        if response.status in _REDIRECT_STATUSES and request.redirect_mode == "manual":
            return Response("opaqueredirect", url=str(request.url))
        if tainting == "opaque":
            return Response("opaque")
        headers = _without(response.headers, FORBIDDEN_RESPONSE_HEADERS)
        if tainting == "cors":
            exposed, _ = extract_tokens(values_of(response.headers, EXPOSE_HEADERS))
            names = {name.lower() for name in exposed or ()}
            if request.includes_credentials or "*" not in names:
                readable = names | SAFELISTED_RESPONSE_HEADERS
                headers = [header for header in headers if header[0].lower() in readable]
        no_body = request.method == "HEAD" or response.status in _NULL_BODY_STATUSES
        return Response(
            tainting,
            url=str(request.url),
            redirected=len(request.urls) > 1,
            status=response.status,
            reason=response.reason,
            headers=headers,
            body=b"" if no_body else response.body,
        )

    def _failure(
        self,
        code: str,
        request: Request,
        sent: HTTPRequest | None = None,
        response: HTTPResponse | None = None,
        value: str = "",
        *,
        preflight: bool = False,
    ) -> FetchError:
        return failure(
            code,
            method=request.method,
            url=str(request.url),
            first_url=str(request.urls[0]),
            origin=request.origin,
            sent=request.serialized_origin,
            headers=request.headers,
            value=value,
            preflight=preflight,
            request=sent,
            response=response,
        )


def _key(request: Request) -> PreflightKey:
    return PreflightKey(site_of(request.origin), request.serialized_origin, str(request.url))


def _without(headers: Headers, names: frozenset[str] | tuple[str, ...]) -> Headers:
    return [header for header in headers if header[0].lower() not in names]


def _mismatch(value: str) -> str:
    """Which of the ways to be another origin this one is; consoles tell them apart."""
    if value == "*":
        return "allow-origin-wildcard"
    if " " in value or "," in value:
        return "allow-origin-list"
    return (
        "allow-origin-mismatch" if value == "null" or parse_url(value) else "allow-origin-invalid"
    )
