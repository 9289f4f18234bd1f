"""No answer of the Django middleware is changed by what is inside or around the project."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from amount import many
from answers import EVIL
from asgi_client import ask_asgi
from crowd import THREADS, send_all
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django_project import CORSGATE, URLs, settings_of
from neighbours import PATHS, POLICY, Asked, everything
from wsgi_client import call, comparable

from corsgate.django import cors

OWN = {"Content-Type": "text/html; charset=utf-8", "X-Own": "1", "Vary": "Cookie"}
Outcome = tuple[int, dict[str, object], bytes]
# What came out of corsgate, by the number of the request.
seen: dict[str, Outcome] = {}


def hostile_outside(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    """Puts down what comes, and spoils it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        found = comparable(response.items())
        seen[request.META["HTTP_X_NUMBER"]] = (response.status_code, found, response.content)
        for name in list(response.headers):
            response.headers[name] = EVIL
        response.headers["Access-Control-Allow-Origin"] = EVIL
        response.content = b"evil"
        return response

    return middleware


def view(request: HttpRequest) -> HttpResponse:
    for key in ("HTTP_ACCESS_CONTROL_REQUEST_METHOD", "PATH_INFO", "SCRIPT_NAME"):
        request.META[key] = EVIL
    headers = {"X-Own": "1", "Vary": "Cookie", "access-control-allow-origin": EVIL}
    return HttpResponse("hello", headers=headers)


async def view_async(request: HttpRequest) -> HttpResponse:
    return view(request)


@pytest.fixture(params=[False, True], ids=["quiet", "debug"])
def debug(request: pytest.FixtureRequest) -> Iterator[bool]:
    """A project with the same policies once by mark and once by path."""
    views: dict[str, Any] = {
        "/": view,
        "/any": view_async,
        "/asked": view,
        "/gate": cors(policy=PATHS["/gate"])(view),
        "/reflect": cors(**PATHS["/reflect"])(view_async),
    }
    urls: URLs = [path(url[1:], found) for url, found in views.items()]
    paths = {url: PATHS[url] for url in ("/any", "/asked")}
    middleware = [f"{__name__}.hostile_outside", CORSGATE]
    with settings_of(
        urls, middleware=middleware, CORS_POLICY=POLICY, CORS_PATHS=paths, CORS_DEBUG=request.param
    ):
        yield request.param


def tables_of(debug: bool, ask: Callable[[Asked, str], Outcome]) -> list[list[Any]]:
    """For each thread, what is asked, and what comes where nothing is at the same time."""
    tables = []
    for thread in range(THREADS):
        table = everything(f"https://t{thread}.tenant.example", OWN)
        tables.append([(asked, ask(asked, "first")) for asked in table])
        # But for debug mode it is spelt elsewhere.
        assert debug or [found for _, found in tables[-1]] == [asked[3:] for asked in table]
    return tables


def test_no_request_of_a_crowd_gets_what_is_anothers(debug: bool) -> None:
    handler = WSGIHandler()

    def outcome(asked: Asked, number: str) -> Outcome:
        spoilt = call(handler, asked.method, asked.path, {**asked.headers, "X-Number": number})
        assert spoilt.body == b"evil"
        return seen.pop(number)

    tables = tables_of(debug, outcome)

    def ask(thread: int, number: int) -> None:
        asked, expected = tables[thread][number // THREADS % len(tables[thread])]
        assert outcome(asked, str(number)) == expected

    assert send_all(ask, many(1_000, 20_000) if debug else many(5_000, 100_000)) == []


def test_no_request_of_a_crowd_in_one_event_loop_gets_what_is_anothers(debug: bool) -> None:
    handler = ASGIHandler()

    async def outcome(asked: Asked, number: str) -> Outcome:
        headers = {**asked.headers, "X-Number": number}
        spoilt = await ask_asgi(handler, asked.method, asked.path, headers)
        assert spoilt.body == b"evil"
        return seen.pop(number)

    tables = tables_of(debug, lambda asked, number: asyncio.run(outcome(asked, number)))

    async def crowd() -> None:
        for round_ in range(many(1, 50)):
            waiting = [
                (outcome(asked, f"{round_} {thread} {place}"), expected)
                for thread, table in enumerate(tables)
                for place, (asked, expected) in enumerate(table)
            ]
            found = await asyncio.gather(*(coming for coming, _ in waiting))
            assert found == [expected for _, expected in waiting]

    asyncio.run(crowd())
