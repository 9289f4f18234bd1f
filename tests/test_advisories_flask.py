"""Advisories of other CORS layers, tried on Flask."""

from collections.abc import Callable
from typing import Any
from wsgiref.validate import validator

import pytest
from advisories import REST, Advisories, Lines, Site, Start
from flask import Flask, Response

from corsgate.flask import CORSGate


class TestFlask(Advisories):
    @pytest.fixture
    def start(self) -> Start:
        def start(
            *views: str, lines: Lines = (), paths: Any = None, debug: bool = False, **options: Any
        ) -> Site:
            app = Flask(__name__, static_folder=None)
            ran: list[str] = []

            def named(name: str) -> Callable[..., Response]:
                def view(**arguments: str) -> Response:
                    ran.append(name)
                    return Response(name, headers=list(lines))

                return view

            methods = ["GET", "POST", "PUT"]
            for path in views:
                app.add_url_rule(path, path, named(path), methods=methods)
            app.add_url_rule("/", "index", named(REST), methods=methods)
            app.add_url_rule("/<path:path>", REST, named(REST), methods=methods)
            CORSGate(app, paths=paths, debug=debug, **options)
            return Site(validator(app), ran)

        return start
