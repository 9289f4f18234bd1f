"""docs/moving/by_hand.rst in plain WSGI: headers by hand, and corsgate, on the same requests."""

import re
from typing import Any
from wsgiref.headers import Headers
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from answers import ANYBODY, APP, asking, asking_for, goes_on
from guide_tables import joined
from hand_written import CODE, DIFFERENCES, GUIDE, ByHand, with_statuses
from pages import keys, table
from wsgi_client import CORS, call

from corsgate import Policy
from corsgate.wsgi import CORSMiddleware

OWN = [("Access-Control-Allow-Origin", APP)]
NOBODY = ByHand(lambda origin, answer: None)


def site(by_hand: ByHand = NOBODY) -> WSGIApplication:
    """The site of hand_written.py; it answers its own exceptions."""
    routes: dict[str, tuple[str, list[tuple[str, str]]]] = {
        "/api": ("200 OK", []),
        "/localized": ("200 OK", [("Vary", "Accept-Language")]),
        "/own": ("200 OK", OWN),
        "/broken": ("500 Internal Server Error", []),
        "/private": ("401 Unauthorized", []),
        "/list": ("301 Moved Permanently", [("Location", "/list/")]),
    }

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        status, lines = routes.get(environ["PATH_INFO"], ("404 Not Found", []))
        if environ["REQUEST_METHOD"] == "OPTIONS" and by_hand.place == "shortcut":
            status = "204 No Content"
        elif environ["REQUEST_METHOD"] == "OPTIONS" and status == "200 OK":
            status = "405 Method Not Allowed"
        answer = Headers([*lines])
        if by_hand.place != "view" or status == "200 OK":
            by_hand.add(environ.get("HTTP_ORIGIN", ""), answer)
        start_response(status, answer.items())
        return []

    return app


@pytest.mark.parametrize("key", DIFFERENCES)
def test_what_is_answered_differently(key: str) -> None:
    row = with_statuses(DIFFERENCES[key], options=405, redirect=301)
    before = call(site(row.there), *row.request)
    row.check(before, lambda: call(CORSMiddleware(site(), **row.here), *row.request))


def test_each_row_of_the_guide_has_its_test() -> None:
    assert keys(GUIDE, "differences") == [*DIFFERENCES]


def test_the_guide_names_every_header_and_options_that_exist() -> None:
    rows = table(GUIDE, "options")
    named = [row[0].strip("`").lower() for row in rows if re.fullmatch(r"``[\w-]+``", row[0])]
    assert sorted(named) == sorted(CORS)
    options = {name for row in rows for name in re.findall(r"``(\w+)(?:=.*?)?``", row[1])}
    assert options <= {*Policy._fields}


def test_the_code_before_and_after_lets_the_same_pages_in() -> None:
    names: dict[str, Any] = {"app": site()}
    exec(CODE["wsgi-before"], names)
    before = names["app"]
    names["app"] = site()
    exec(CODE["wsgi-after"], names)
    after = names["app"]
    for origin in (APP, None):
        for app in (before, after):
            assert joined(call(app, "GET", "/api", asking(origin))) == ANYBODY
    assert call(before, "OPTIONS", "/api", asking_for("PUT")).status == 405
    assert call(after, "OPTIONS", "/api", asking_for("PUT")).cors == goes_on("*")
    assert {*CODE} == {
        *(
            f"{front}-{when}"
            for front in ("flask", "django", "wsgi")
            for when in ("before", "after")
        ),
        "check",
    }
