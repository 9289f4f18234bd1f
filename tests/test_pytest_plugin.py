"""The fixture that comes with the package."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from corsgate.browser import Browser, CORSError
from corsgate.pytest_plugin import cors_browser
from corsgate.wsgi import CORSMiddleware

# Here by name, so that the tests run without the package's entry point too; see test_package.py.
__all__ = ["cors_browser"]

APP = "https://app.example.com"


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'{"hello": "world"}']


api = CORSMiddleware(hello, allow_origins=[APP])


def test_the_fixture_makes_browsers(cors_browser: type[Browser]) -> None:
    page = cors_browser(api, origin=APP)
    assert page.fetch("/", method="PUT", json={}).json() == {"hello": "world"}
    assert [request.method for request, _ in page.exchanges] == ["OPTIONS", "PUT"]


def test_the_error_of_a_page_elsewhere_can_be_expected(cors_browser: type[Browser]) -> None:
    with pytest.raises(CORSError, match="there is no Access-Control-Allow-Origin"):
        cors_browser(api, origin="https://evil.example").fetch("/")
