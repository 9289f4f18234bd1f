"""`Browser` on Flask applications: with corsgate, with Flask-Cors, with sessions."""

import pytest
from flask import Flask, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_cors import CORS

from corsgate.browser import Browser, CORSError
from corsgate.flask import CORSGate

APP = "https://app.example.com"
EVIL = "https://evil.example.net"
API = "https://api.example.com"


def notes() -> Flask:
    """Notes behind a login."""
    app = Flask(__name__)
    app.secret_key = "for tests only"
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["SESSION_COOKIE_SECURE"] = True

    @app.post("/login")
    def login() -> ResponseReturnValue:
        session["name"] = request.form["name"]
        return redirect(url_for("me"))

    @app.route("/me", methods=["GET", "POST", "DELETE"])
    def me() -> ResponseReturnValue:
        return {"name": session.get("name"), "note": request.get_json(silent=True)}

    return app


def test_a_page_logs_in_and_sends_its_session_along() -> None:
    app = notes()
    CORSGate(app, allow_origins=[APP], allow_credentials=True)
    page = Browser(app, origin=APP, base_url=API)
    page.fetch("/login", method="POST", form={"name": "Ada"}, credentials="include")
    answer = page.fetch("/me", method="POST", json="hello", credentials="include")
    assert answer.json() == {"name": "Ada", "note": "hello"}
    assert page.fetch("/me").json() == {"name": None, "note": None}


def test_a_page_elsewhere_reads_nothing() -> None:
    app = notes()
    CORSGate(app, allow_origins=[APP], allow_credentials=True)
    page = Browser(app, origin=APP, base_url=API)
    page.fetch("/login", method="POST", form={"name": "Ada"}, credentials="include")
    evil = page.page(EVIL)
    with pytest.raises(CORSError, match="there is no Access-Control-Allow-Origin"):
        evil.fetch("/me", credentials="include")
    assert evil.submit("/me", {"a": "b"}).json() == {"name": None, "note": None}


def test_flask_cors_is_judged_too() -> None:
    """It reflects any origin, with credentials, where nobody said which."""
    app = notes()
    CORS(app, supports_credentials=True)
    evil = Browser(app, origin=EVIL, base_url=API)
    assert evil.fetch("/me", method="DELETE", credentials="include").status == 200
    assert [message.method for message, _ in evil.exchanges] == ["OPTIONS", "DELETE"]


def test_an_error_says_what_flask_cors_has_not_allowed() -> None:
    app = notes()
    CORS(app, origins=[APP], methods=["GET"])
    with pytest.raises(CORSError) as caught:
        Browser(app, origin=APP).fetch("/me", method="DELETE")
    assert caught.value.code == "method"
