"""What a type checker concludes about `Browser` and its answers. Checked, never run."""

from functools import partial
from typing import Any, assert_type
from wsgiref.types import WSGIApplication

from django.core.wsgi import get_wsgi_application
from flask import Flask

from corsgate.browser import Browser, CORSError, FetchError, HTTPRequest, HTTPResponse, Response
from corsgate.wsgi import CORSMiddleware

flask_app = Flask(__name__)
page = Browser(flask_app, origin="https://app.example.com")
Browser(get_wsgi_application(), origin="null", base_url="https://api.example.com")
Browser(CORSMiddleware(flask_app, allow_origins="*"), origin="null", engine="webkit")
apps: dict[str, WSGIApplication] = {"https://api.example.com": flask_app}
Browser(apps, origin="https://app.example.com", clock=lambda: 0)
Browser(flask_app)  # type: ignore[call-arg]
Browser(None, origin="null")  # type: ignore[arg-type]


def explain(policy: str, environ: dict[str, Any], *, credentials: bool = False) -> str:
    return policy


Browser(flask_app, origin="null", explain=partial(explain, "policy"))

response = page.fetch("/api", method="PUT", json={"a": 1}, headers={"X-A": "1"})
assert_type(response, Response)
assert_type(response.status, int)
assert_type(response.ok, bool)
assert_type(response.text, str)
assert_type(response.body, bytes)
assert_type(response.headers["X-A"], str)
assert_type(response.json(), Any)
assert_type(page.submit("/login", {"name": "Ada"}), Response)
assert_type(page.page("https://evil.example"), Browser)
assert_type(page.exchanges, list[tuple[HTTPRequest, HTTPResponse]])
page.fetch("/api", headers=[("X-A", "1")], credentials="include", body=b"")
page.fetch("/api", body=1)  # type: ignore[arg-type]


def report(error: CORSError) -> str:
    as_fetch_error: FetchError = error
    assert_type(error.request, HTTPRequest | None)
    assert_type(error.chromium, str | None)
    return f"{as_fetch_error.step} {error.code} {error.explanation}"
