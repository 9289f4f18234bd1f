"""Two small Flask applications, before and after, to send the same requests to."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def has_flask_cors() -> bool:
    """Whether Flask and Flask-Cors are installed."""
    try:
        import flask_cors  # noqa: F401
    except ImportError:
        return False
    return True


def new_app() -> Flask:
    """An application whose every path has a view for every method."""
    from flask import Flask

    app = Flask("migrate", static_folder=None)
    for path in ("/", "/<path:path>"):
        app.add_url_rule(path, "any", _view, methods=METHODS)
    return app


def _view(**values: object) -> str:
    return ""


def with_flask_cors(options: Mapping[str, Any]) -> Flask:
    """One behind Flask-Cors.

    :raises ValueError: or another, where Flask-Cors does not start with these.
    """
    from flask_cors import CORS

    app = new_app()
    CORS(app, **options)
    return app


def with_corsgate(options: Mapping[str, Any], paths: Mapping[str, Any] | None) -> Flask:
    """One behind corsgate."""
    from ..flask import CORSGate

    app = new_app()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that nothing is allowed is not news here
        CORSGate(app, paths=paths or None, debug=False, **options)
    return app
