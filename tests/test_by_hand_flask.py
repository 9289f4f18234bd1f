"""docs/moving/by_hand.rst in Flask: headers set by hand, and corsgate, on the same requests."""

from typing import Any

import pytest
from answers import APP, EVIL, PREFLIGHT_VARY, asking, asking_for
from flask import Flask, Response, request
from guide_tables import headers, joined
from hand_written import CODE, DIFFERENCES, ByHand, with_statuses
from wsgi_client import Answer, call

from corsgate.flask import CORSGate


def broken() -> Response:
    raise RuntimeError("broken")


def site(by_hand: ByHand | None = None) -> Flask:
    """The site of hand_written.py."""
    app = Flask("site")

    def add(answer: Response) -> Response:
        if by_hand is not None:
            by_hand.add(request.headers.get("Origin", ""), answer.headers)
        return answer

    if by_hand is not None and by_hand.place != "view":
        app.after_request(add)

    @app.before_request
    def log_in() -> tuple[str, int] | None:
        if by_hand is not None and by_hand.place == "shortcut" and request.method == "OPTIONS":
            return "", 204
        return ("", 401) if request.path == "/private" else None

    def view() -> Response:
        answer = Response()
        if request.path == "/localized":
            answer.vary.add("Accept-Language")
        if request.path == "/own":
            answer.headers["Access-Control-Allow-Origin"] = APP
        return add(answer) if by_hand is not None and by_hand.place == "view" else answer

    for path in ("/api", "/localized", "/own", "/private", "/list/"):
        app.add_url_rule(path, path, view, methods=["GET", "PUT"])
    app.add_url_rule("/broken", "broken", broken)
    return app


def ask_corsgate(options: dict[str, Any], *asked: Any) -> Answer:
    app = site()
    CORSGate(app, **options)
    return call(app, *asked)


@pytest.mark.parametrize("key", DIFFERENCES)
def test_what_is_answered_differently(key: str) -> None:
    row = with_statuses(DIFFERENCES[key], options=200, redirect=308)
    row.check(call(site(row.there), *row.request), lambda: ask_corsgate(row.here, *row.request))


def test_the_code_before_and_after_lets_the_same_page_in() -> None:
    apps = []
    for name in ("flask-before", "flask-after"):
        app = site()
        exec(CODE[name], {"app": app, "request": request})
        apps.append(app)
    granted = {"credentials": "true", "methods": "GET, PUT", "allow": "content-type"}
    for origin, expected in (
        (APP, headers(APP, credentials="true", vary="Origin")),
        (EVIL, headers(vary="Origin")),
    ):
        old, new = (call(app, "GET", "/api", asking(origin)) for app in apps)
        assert (joined(old), new.cors) == (headers(origin, **granted), expected)
    old, new = (call(app, "OPTIONS", "/api", asking_for("PUT")) for app in apps)
    assert joined(old) == headers(APP, **granted)
    assert new.cors == headers(APP, **granted, max_age="600", vary=PREFLIGHT_VARY)
