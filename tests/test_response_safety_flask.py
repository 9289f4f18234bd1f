"""No answer of the Flask extension is changed by what is inside or around the application."""

from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from amount import many
from answers import APP, EVIL
from crowd import THREADS, send_all
from flask import Flask, Response, request
from neighbours import PATHS, POLICY, everything, outcome

from corsgate.flask import CORSGate, cors

OWN = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Length": "5",
    "X-Own": "1",
    "Vary": "Cookie",
}


def make_app(debug: bool) -> Flask:
    """Views that answer with one and the same object, and a hostile layer below the gate."""
    app = Flask(__name__)
    shared = Response("hello", headers={"X-Own": "1", "Vary": "Cookie"})

    def view() -> Response:
        for key in ("HTTP_ACCESS_CONTROL_REQUEST_METHOD", "PATH_INFO", "SCRIPT_NAME"):
            request.environ[key] = EVIL
        return shared

    for path in ("/", "/any", "/asked"):
        app.add_url_rule(path, path, view, methods=["GET", "POST"])
    # The same policies once by mark and once by path.
    for path in ("/gate", "/reflect"):
        source: Any = PATHS[path]
        mark = cors(**source) if isinstance(source, dict) else cors(policy=source)
        app.add_url_rule(path, path, mark(lambda: view()), methods=["GET", "POST"])
    below = app.wsgi_app

    def hostile_inside(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            handed_over = [("access-control-allow-origin", EVIL), *headers]
            write = start_response(status, handed_over, exc_info)
            handed_over.clear()
            handed_over.append(("Access-Control-Allow-Origin", EVIL))
            return write

        return below(environ, start)

    app.wsgi_app = hostile_inside  # type: ignore[method-assign]
    CORSGate(app, POLICY, paths={path: PATHS[path] for path in ("/any", "/asked")}, debug=debug)
    return app


@pytest.mark.parametrize("debug", [False, True])
def test_no_request_of_a_crowd_gets_what_is_anothers(debug: bool) -> None:
    app = make_app(debug)
    tables = []
    for thread in range(THREADS):
        table = everything(f"https://t{thread}.tenant.example", OWN)
        # What is answered where nothing came before; but for debug mode it is spelt elsewhere.
        alone = make_app(debug) if thread == 0 else app
        tables.append([(asked, outcome(alone, asked)) for asked in table])
        assert debug or [found for _, found in tables[-1]] == [asked[3:] for asked in table]

    def ask(thread: int, number: int) -> None:
        asked, expected = tables[thread][number // THREADS % len(tables[thread])]
        assert outcome(app, asked) == expected

    assert send_all(ask, many(1_000, 20_000) if debug else many(5_000, 100_000)) == []


def test_one_policy_for_all_views_judges_the_request_as_it_came() -> None:
    app = Flask(__name__)

    @app.route("/")
    def view() -> str:
        request.environ.clear()
        request.environ["HTTP_ORIGIN"] = EVIL
        return "hello"

    CORSGate(app, allow_origins=[APP, EVIL])
    for asked in everything("https://a.tenant.example", OWN)[:1]:
        _, seen, _ = outcome(app, asked)
        assert isinstance(seen, dict)
        assert seen["access-control-allow-origin"] == APP
