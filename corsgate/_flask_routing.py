"""Flask's router, asked which views a preflight is about, before Flask itself sees the request."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import RequestRedirect

from ._log import ERROR, log
from ._problems import show
from ._sources import for_method

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from werkzeug.routing import MapAdapter


def find_views(
    app: Flask, inner: WSGIApplication, environ: WSGIEnvironment, method: str
) -> tuple[str | None, str | None, dict[str, str]]:
    """Where a slash redirect leads, the endpoint that serves `method` there, and those of all.

    None where there is no redirect, and no endpoint.

    :param inner: what is between the gate and Flask.
    """
    nothing: tuple[None, None, dict[str, str]] = (None, None, {})
    try:
        asked, reached = go_inwards(inner, environ)
        if reached is None:
            return nothing
        adapter = app.create_url_adapter(app.request_class(for_method(asked, method)))
        if adapter is None:
            return nothing
        path, endpoint = _route(adapter, None, method)
        others = {
            other: found
            for other in adapter.allowed_methods(path)
            if other != "OPTIONS" and (found := _route(adapter, path, other)[1])
        }
    except HTTPException:  # an untrusted host, for one: the application answers that
        return nothing
    except Exception as error:
        log(
            ERROR,
            "corsgate: routing %s failed, so the policy of the application holds",
            show(environ.get("PATH_INFO")),
            logger=app.logger,
            error=error,
        )
        return nothing
    return path, endpoint, others


def _route(adapter: MapAdapter, path: str | None, method: str) -> tuple[str | None, str | None]:
    """The path after slash redirects, and the endpoint of its view; None if there is no view."""
    for _ in range(3):  # // and a slash at the end, one after the other
        try:
            rule, _values = adapter.match(path, method=method, return_rule=True)
            return path, rule.endpoint
        except RequestRedirect as redirect:
            target = urlsplit(redirect.new_url)
            if target.netloc != adapter.get_host(None):
                break  # a rule with redirect_to, or an alias on another host
            path = "/" + unquote(target.path).removeprefix(adapter.script_name).lstrip("/")
        except HTTPException:
            break
    return path, None


def go_inwards(
    inner: WSGIApplication, environ: WSGIEnvironment
) -> tuple[WSGIEnvironment, WSGIApplication | None]:
    """The environ behind the layers that are known, and what gets it: Flask, or another layer.

    None is an application that is mounted in front of it. Known are Werkzeug's: `ProxyFix`, whose
    host counts in routing, and mounted applications.
    """
    while isinstance(inner, (ProxyFix, DispatcherMiddleware)):
        asked = dict(environ)
        layer = copy(inner)
        layer.app = _answer_nothing
        if isinstance(layer, DispatcherMiddleware):
            layer.mounts = dict.fromkeys(layer.mounts, _answer_nothing)
        layer(asked, lambda status, headers, exc_info=None: lambda data: None)
        if asked.get("PATH_INFO") != environ.get("PATH_INFO"):
            return environ, None
        inner, environ = inner.app, asked
    return environ, inner


def is_flask(app: Flask, inner: object) -> bool:
    """Whether `inner` is the application itself, with nothing around it."""
    return (
        getattr(inner, "__self__", None) is app
        and getattr(inner, "__func__", None) is Flask.wsgi_app
    )


def _answer_nothing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return []
