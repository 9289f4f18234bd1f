"""Small Flask applications, before and after, to send the same requests to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Flask
from flask_cors import CORS

from .._paths import decode_path
from ..flask import CORSGate
from ._compare import quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class Apps:
    """One application, and others in its place for some paths."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self.apps: dict[str, WSGIApplication] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        app = self.apps.get(decode_path(environ["PATH_INFO"]), self._app)
        return app(environ, start_response)


def bare_app() -> Flask:
    """An application without a view."""
    return Flask("migrate", static_folder=None)


def new_app() -> Flask:
    """One whose every path has a view for every method."""
    app = bare_app()
    for path in ("/", "/<path:path>"):
        app.add_url_rule(path, path, new_view(), methods=METHODS)
    return app


def new_view() -> Callable[..., str]:
    """A view that answers with nothing, and is not the one of another path."""
    return lambda *values, **others: ""


def with_flask_cors(options: Mapping[str, Any]) -> Flask:
    """One behind Flask-Cors.

    :raises ValueError: or another, where Flask-Cors does not start with these.
    """
    app = new_app()
    CORS(app, **options)
    return app


def with_corsgate(options: Mapping[str, Any], paths: Mapping[str, Any] | None, app: Flask) -> Flask:
    """The application, behind corsgate."""
    with quietly():  # that nothing is allowed is not news here
        CORSGate(app, paths=paths or None, debug=False, **options)
    return app
