"""Django: what `CachedOrigins` knows is answered in the event loop, and all else in a thread."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from answers import APP, DENIED, EVIL, REFUSED, asking, asking_for, goes_on, readable_by
from asgi_client import ask_asgi, call_asgi
from asgiref.sync import SyncToAsync
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django_project import CORSGATE, settings_of
from wsgi_client import Answer

from corsgate.django import cors
from corsgate.origins import CachedOrigins

Project = Callable[..., None]


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Database:
    def __init__(self, *rows: str) -> None:
        self.rows = set(rows)
        self.asked: list[tuple[str, int]] = []

    def is_known(self, origin: str) -> bool:
        self.asked.append((origin, threading.get_ident()))
        return origin in self.rows


async def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse("x")


@pytest.fixture
def project() -> Iterator[Project]:
    with ExitStack() as stack:

        def start(**settings: Any) -> None:
            marked = cors(max_age=60)(view)
            urls: Any = [path("x", view), path("marked", marked)]
            stack.enter_context(settings_of(urls, middleware=[CORSGATE], **settings))

        yield start


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What corsgate has handed to another thread."""
    handed: list[str] = []
    hand_over = SyncToAsync.__call__

    async def counting(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.func.__module__.startswith("corsgate"):
            handed.append(self.func.__name__)
        return await hand_over(self, *args, **kwargs)

    monkeypatch.setattr(SyncToAsync, "__call__", counting)
    return handed


def get(url: str = "/x", origin: str | None = APP) -> Answer:
    return call_asgi(ASGIHandler(), "GET", url, asking(origin))


def preflight(url: str = "/x", origin: str = APP) -> Answer:
    return call_asgi(ASGIHandler(), "OPTIONS", url, asking_for("PUT", origin))


def test_only_the_first_request_of_an_origin_leaves_the_event_loop(
    project: Project, hops: list[str]
) -> None:
    database, clock = Database(APP), Clock()
    cached = CachedOrigins(database.is_known, clock=clock)
    project(CORS_ALLOW_ORIGINS=["https://listed.example", cached])
    for _ in range(3):
        assert get().cors == readable_by(APP)
        assert get("/marked").cors == readable_by(APP)
        assert preflight().cors == goes_on(APP)
        assert preflight("/marked").cors == goes_on(APP, max_age="60")
    assert hops == ["_decide"]
    for _ in range(3):
        assert get(origin=EVIL).cors == DENIED
        assert preflight(origin=EVIL).cors == REFUSED
    assert hops == ["_decide"] * 2
    hops.clear()
    assert get(origin=None).cors == DENIED
    assert get(origin="https://listed.example").cors == readable_by("https://listed.example")
    assert hops == []
    clock.now += 60
    assert get().cors == readable_by(APP)
    assert hops == ["_decide"]
    cached.invalidate(APP)
    assert get().cors == readable_by(APP)
    assert get().cors == readable_by(APP)
    assert hops == ["_decide"] * 2
    assert [origin for origin, _ in database.asked] == [APP, EVIL, APP, APP]


def test_another_callable_beside_it_may_still_block(project: Project, hops: list[str]) -> None:
    cached = CachedOrigins(Database(APP).is_known)
    project(CORS_ALLOW_ORIGINS=[cached, lambda origin, meta: False])
    for _ in range(2):
        assert get().cors == readable_by(APP)
    assert hops == ["_decide"] * 2


def test_a_slow_look_up_keeps_no_other_request_from_being_answered(project: Project) -> None:
    """The look-up ends when the loop has answered somebody else, which a blocked one cannot."""
    others_are_served = threading.Event()

    def slow(origin: str) -> bool:
        threads.append(threading.get_ident())
        return others_are_served.wait(60)

    async def serve() -> int:
        app = ASGIHandler()
        cold = asyncio.create_task(ask_asgi(app, "GET", "/x", asking()))
        while not threads:
            await asyncio.sleep(0)
        known = await ask_asgi(app, "GET", "/x", asking("https://listed.example"))
        assert known.cors == readable_by("https://listed.example")
        assert not cold.done()
        others_are_served.set()
        assert (await cold).cors == readable_by(APP)
        return threading.get_ident()

    threads: list[int] = []
    project(CORS_ALLOW_ORIGINS=["https://listed.example", CachedOrigins(slow)])
    loop = asyncio.run(serve())
    assert loop not in threads
    assert len(threads) == 1
