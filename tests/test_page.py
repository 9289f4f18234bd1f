"""examples/page.html in real browsers, against each of the three example APIs."""

import importlib
import threading
from collections.abc import Iterable, Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from browsers import ENGINES, report_of
from example_servers import EXAMPLES, KINDS, Addresses, try_it

# What a page gets to know of a request that CORS has blocked.
BLOCKED = {
    "chromium": "TypeError: Failed to fetch",
    "firefox": "TypeError: NetworkError when attempting to fetch resource.",
}


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module", params=KINDS)
def site(engine: str, request: pytest.FixtureRequest) -> Iterator[tuple[str, Addresses]]:
    """The example anew for each engine, since the calls change what it keeps."""
    with try_it(request.param) as (_, _, addresses):
        yield request.param, addresses


def outcome(row: dict[str, str]) -> tuple[str, str, str | None]:
    return row["call"], row["outcome"], row.get("status")


def test_the_page_shows_what_the_browser_let_through(
    site: tuple[str, Addresses], engine: str
) -> None:
    kind, at = site
    shown = report_of(at.page, engine)
    rows = {row["call"]: row for row in shown["rows"]}

    assert shown["heading"] == "Which calls does the browser let through?"
    name = {"wsgi": "a plain WSGI", "flask": "a Flask", "django": "a Django"}[kind]
    assert shown["who"] == (
        f"This page is {at.page}. It calls {at.api}, {name} application behind corsgate. That is "
        "another origin, which allows this page; it does not allow the same page on "
        f"{at.stranger}."
    )
    assert list(map(outcome, shown["rows"])) == [
        ("get", "let-through", "200"),
        ("post", "let-through", "201"),
        ("put", "let-through", "200"),
        ("cookies", "let-through", "200"),
        ("crash", "let-through", "500"),
        ("public", "let-through", "200"),
        ("stranger", "blocked", None),
    ]
    assert {row["match"] for row in shown["rows"]} == {"yes"}
    assert shown["summary"] == "All 7 calls ended as expected: 6 let through, 1 blocked."

    # The words a reader sees: what is called, what is expected, what the browser did.
    assert "GET /api/notes" in rows["get"]["cells"][0]
    assert "Exposed header: X-Total-Count: 1" in rows["get"]["cells"][2]
    assert "Buy milk" in rows["get"]["cells"][2]
    assert "asks first, for its JSON body (preflight)" in rows["post"]["cells"][1]
    assert "status 201" in rows["post"]["cells"][2]
    assert "Call Ada" in rows["post"]["cells"][2]
    assert "asks first, for PUT (preflight)" in rows["put"]["cells"][1]
    assert "Buy oat milk" in rows["put"]["cells"][2]
    assert "The second answer counts one more: the cookie was sent." in rows["cookies"]["cells"][2]
    assert "status 500" in rows["crash"]["cells"][2]
    assert "server error" in rows["crash"]["cells"][2].lower()
    assert f"from {at.stranger}" in rows["public"]["cells"][0]
    assert "everyone" in rows["public"]["cells"][2]
    for row in shown["rows"][:-1]:
        assert row["cells"][2].startswith("Let through✓ as expected")

    blocked = rows["stranger"]["cells"]
    assert f"from {at.stranger}" in blocked[0]
    assert blocked[1] == "Blocked: the API does not allow this origin."
    assert blocked[2].startswith("Blocked✓ as expected")
    assert BLOCKED[engine] in blocked[2]
    assert "The right outcome: this origin is not on the API" in blocked[2]
    assert "The console (F12) gives the reason." in blocked[2]


def test_the_same_page_from_a_stranger_is_blocked_but_for_the_public_route(
    site: tuple[str, Addresses], engine: str
) -> None:
    _, at = site
    shown = report_of(at.stranger, engine)
    rows = {row["call"]: row for row in shown["rows"]}

    assert "which does not allow this page; it allows the same page on" in shown["who"]
    assert list(map(outcome, shown["rows"])) == [
        ("get", "blocked", None),
        ("post", "blocked", None),
        ("put", "blocked", None),
        ("cookies", "blocked", None),
        ("crash", "blocked", None),
        ("public", "let-through", "200"),
    ]
    assert shown["summary"] == "All 6 calls ended as expected: 1 let through, 5 blocked."
    assert "The API refused the preflight, so the call was never sent." in rows["put"]["cells"][2]
    assert "The API did get the call" in rows["get"]["cells"][2]


def open_to_all(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """What an API without corsgate may well do: one header, everywhere, whatever is asked."""
    start_response("200 OK", [("Access-Control-Allow-Origin", "*")])
    return [b"hello"]


def test_the_page_shows_what_is_not_as_expected(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    example = importlib.import_module("try_it")
    page, stranger, api = (example.listen(0, "") for _ in range(3))
    site = example.serve_page(
        {"kind": "wsgi", "api": api.origin, "page": page.origin, "stranger": stranger.origin}
    )
    for server, app in ((page, site), (stranger, site), (api, open_to_all)):
        server.set_app(app)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        shown = report_of(page.origin, engine)
    finally:
        for server in (page, stranger, api):
            server.shutdown()
            server.server_close()

    assert [(*outcome(row), row["match"]) for row in shown["rows"]] == [
        ("get", "let-through", "200", "yes"),
        ("post", "blocked", None, "no"),
        ("put", "blocked", None, "no"),
        ("cookies", "blocked", None, "no"),
        ("crash", "let-through", "200", "no"),
        ("public", "let-through", "200", "yes"),
        ("stranger", "let-through", "200", "no"),
    ]
    assert shown["summary"] == "2 of 7 calls ended as expected: 4 let through, 3 blocked."
    told = [row["cells"][2] for row in shown["rows"]]
    assert "Not exposed to the page: X-Total-Count" in told[0]
    assert told[1].startswith("Blocked✗ not as expected")
    assert "This should have gone through." in told[1]
    assert told[6].startswith("Let through✗ not as expected")
