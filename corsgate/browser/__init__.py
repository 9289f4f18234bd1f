"""`Browser`: the browser's half of the CORS protocol, for tests of any WSGI application.

It follows the Fetch standard and knows nothing of the library that the application uses.
"""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from .._protocol import FORBIDDEN_METHODS, is_token
from ._arguments import (
    FORM,
    NOT_GIVEN,
    check_application,
    check_callable,
    check_choices,
    check_fields,
    check_text,
    content_of,
    http_origin,
    page_origin,
    pairs_of,
)
from ._engines import ENGINES, STANDARD
from ._errors import CORSError, FetchError
from ._fetch import UserAgent
from ._messages import HTTPRequest, HTTPResponse, Response, get
from ._request import Request
from ._safelist import is_no_cors_safelisted
from ._url import URL, as_bytes, parse_url
from ._wsgi import WSGITransport, environ_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import WSGIApplication

__all__ = ["Browser", "CORSError", "FetchError", "HTTPRequest", "HTTPResponse", "Response"]

# "Normalize" a method.
_NORMALIZED = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})


def __dir__() -> list[str]:
    return __all__


class Browser:
    """A browser that shows a page on `origin`, and calls applications in this process.

    Cookies, the preflight cache and a small HTTP cache are kept from one call to the next. Cookies
    of other sites are let through if their SameSite allows it: that engines block third-party
    cookies is not modelled. A cookie without SameSite is sent across sites by default and with
    `engine="firefox"` or `"webkit"`, but not with `"chromium"`.

    :param app: a WSGI application: a Flask app, what Django's `get_wsgi_application()` gives; or
        a mapping of origins to applications. What an application raises goes through.
    :param origin: the origin of the page; `"null"` for a sandboxed frame or a file.
    :param base_url: the origin of `app`, for addresses that begin with a slash, `Host` and the
        rules for cookies. Default: `https://testserver`, a host that Django's tests allow; of a
        mapping the first origin.
    :param engine: `"chromium"`, `"firefox"` or `"webkit"`, for what is known to differ from the
        standard there: the longest time that a preflight is kept (7200, 86400, 600 seconds), and
        more. Default: the standard.
    :param explain: called with the environ of a request whose answer the CORS protocol turned
        down, and `credentials=`; its text becomes part of the error. For an application behind
        corsgate `functools.partial(corsgate.explain, policy)`.
    :param clock: gives the time in seconds since the epoch, for the caches and cookies.
    :raises ValueError: for an origin that no browser sends, and the like.
    :raises TypeError: for an `app` that is no WSGI application, and the like.
    :ivar exchanges: every request that was sent, with its answer, oldest first.
    """

    def __init__(
        self,
        app: WSGIApplication | Mapping[str, WSGIApplication],
        *,
        origin: str,
        base_url: str | None = None,
        engine: str | None = None,
        explain: Callable[..., object] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if base_url is not None:
            check_text("base_url", base_url, "https://api.example.com")
        if isinstance(app, Mapping):
            apps = dict(app)
        else:
            check_application("app", app)
            apps = {"https://testserver" if base_url is None else base_url: app}
        for url, one in apps.items():
            http_origin(url)
            check_application(f"app[{url!r}]", one)
        if base_url is None:
            base_url = next(iter(apps), None)
        if base_url not in apps:
            raise ValueError(f"base_url is {base_url!r}, which is none of {list(apps)}")
        if engine is not None and engine not in tuple(ENGINES):
            raise ValueError(f"engine is {engine!r}; write one of {', '.join(ENGINES)}")
        if explain is not None:
            check_callable("explain", explain, "functools.partial(corsgate.explain, policy)")
        check_callable("clock", clock, "what gives seconds, as time.time does")
        self.exchanges: list[tuple[HTTPRequest, HTTPResponse]] = []
        self._origin = page_origin(origin)
        self._base = http_origin(base_url)
        self._explain = explain
        self._transport = WSGITransport(apps)
        self._agent = UserAgent(
            self._send, engine=ENGINES[engine] if engine else STANDARD, clock=clock
        )

    @property
    def origin(self) -> str:
        """The origin of the page."""
        return self._origin

    def page(self, origin: str) -> Browser:
        """A page on another origin, in the same browser: with the same cookies, caches, apps.

        :param origin: as for `Browser`.
        """
        other = copy.copy(self)
        other._origin = page_origin(origin)
        return other

    def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes | str | None = None,
        json: Any = NOT_GIVEN,
        form: Mapping[str, str] | None = None,
        mode: str = "cors",
        credentials: str = "same-origin",
        redirect: str = "follow",
        cache: str = "default",
        referrer_policy: str = "strict-origin-when-cross-origin",
        upload_listener: bool = False,
    ) -> Response:
        """What `fetch()` does on the page; a preflight is sent if one is needed.

        :param url: a whole address, or a path of the application (here, unlike in a browser, a
            path is not one of the page).
        :param method: DELETE, GET, HEAD, OPTIONS, POST and PUT may be in lower case; no other.
        :param headers: what the page sets. In the mode `no-cors` most are dropped, as the standard
            has it. Those that a page cannot set, such as `Cookie`, are an error here; browsers
            drop them silently.
        :param body: bytes, or text, which is sent as text/plain unless `headers` say otherwise.
        :param json: a value to send as application/json; of None, `null`.
        :param form: names and values to send as a form does.
        :param mode: cors, no-cors or same-origin.
        :param credentials: omit, same-origin or include: whether cookies go along.
        :param redirect: follow, error or manual.
        :param cache: default or no-store.
        :param referrer_policy: the page's, as in `Referrer-Policy`.
        :param upload_listener: as for an `XMLHttpRequest` that watches its upload, which always
            needs a preflight.
        :raises CORSError: if the CORS protocol does not allow it.
        :raises FetchError: if it is rejected for something else.
        :raises ValueError: for arguments that a browser would not take.
        :raises TypeError: for arguments of another type.
        :raises LookupError: for an address that no application serves.
        """
        check_choices(mode=mode, credentials=credentials, redirect=redirect, cache=cache)
        check_choices(referrer_policy=referrer_policy)
        check_text("method", method, "POST")
        upper = method.upper()
        if upper in _NORMALIZED:
            method = upper
        if not is_token(method) or upper in FORBIDDEN_METHODS:
            raise ValueError(f"method is {method!r}, which fetch() does not take")
        if mode == "no-cors" and method not in ("GET", "HEAD", "POST"):
            raise ValueError(f"method is {method!r}, and no-cors has GET, HEAD and POST only")
        content, content_type = content_of(body, json, form)
        if content is not None and method in ("GET", "HEAD"):
            raise ValueError(f"a {method} request has no body: say method='POST' or the like")
        pairs = pairs_of(headers)
        if content_type and get(pairs, "Content-Type") is None:
            pairs.append(("Content-Type", content_type))
        if mode == "no-cors":
            pairs = [pair for pair in pairs if is_no_cors_safelisted(*pair)]
        return self._run(
            Request(
                method,
                [self._resolve(url)],
                pairs,
                content,
                self._origin,
                mode=mode,
                credentials_mode=credentials,
                redirect_mode=redirect,
                cache_mode=cache,
                referrer_policy=referrer_policy,
                use_cors_preflight=upload_listener,
            )
        )

    def submit(
        self,
        url: str,
        fields: Mapping[str, str],
        *,
        method: str = "POST",
        enctype: str = FORM,
        referrer_policy: str = "strict-origin-when-cross-origin",
    ) -> Response:
        """What a form on the page does: no CORS, cookies go along, the answer is shown to the user.

        This is what CORS does not stop, and what CSRF protection and the gate are for.

        :param url: as for `fetch`.
        :param fields: names and values.
        :param method: GET or POST.
        :param enctype: application/x-www-form-urlencoded or text/plain.
        :param referrer_policy: the page's, as in `Referrer-Policy`.
        :raises FetchError: if a redirect leads nowhere.
        """
        check_choices(enctype=enctype, referrer_policy=referrer_policy)
        check_text("method", method, "POST")
        check_fields("fields", fields)
        target = self._resolve(url)
        entries = [(_with_crlf(name), _with_crlf(value)) for name, value in fields.items()]
        body, headers = None, []
        if method.upper() == "POST":
            text = urlencode(entries)
            if enctype == "text/plain":
                text = "".join(f"{name}={value}\r\n" for name, value in entries)
            body, headers = text.encode(), [("Content-Type", enctype)]
        elif method.upper() == "GET":
            target = target._replace(query=urlencode(entries))
        else:
            raise ValueError(f"method is {method!r}, and a form has GET and POST only")
        return self._run(
            Request(
                method.upper(),
                [target],
                headers,
                body,
                self._origin,
                mode="navigate",
                credentials_mode="include",
                referrer_policy=referrer_policy,
            )
        )

    def _run(self, request: Request) -> Response:
        try:
            return self._agent.fetch(request)
        except CORSError as error:
            if self._explain is not None and error.request is not None:
                environ = environ_of(error.request)
                credentials = request.includes_credentials
                error.explanation = str(self._explain(environ, credentials=credentials))
            raise

    def _send(self, request: HTTPRequest) -> HTTPResponse:
        response = self._transport(request)
        self.exchanges.append((request, response))
        return response

    def _resolve(self, url: str) -> URL:
        check_text("url", url, "/path")
        found = parse_url(as_bytes(url), self._base)
        if found is None or found.scheme not in ("http", "https") or found.has_credentials:
            raise ValueError(f"url is {url!r}, which fetch() does not take here")
        return found


def _with_crlf(text: str) -> str:
    """HTML, "convert to a list of name-value pairs"."""
    return re.sub(r"\r\n?|\n", "\r\n", text)
