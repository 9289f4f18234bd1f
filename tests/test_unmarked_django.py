"""Django: one policy for all, and no mark anywhere, which is answered without looking for the view.

And what corsgate's own answers are like: their headers go past Django's, and Django does not log
them.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from answers import APP, EVIL, REFUSED, asking, asking_for, goes_on, readable_by
from asgi_client import call_asgi
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.deprecation import MiddlewareMixin
from django_project import CORSGATE, URLs, settings_of
from wsgi_client import Answer, call, comparable

from corsgate import Decision
from corsgate.django import cors, middleware

Send = Callable[..., Answer]
LATE = f"{__name__}.SetsURLs"


def send_wsgi(*args: Any) -> Answer:
    return call(WSGIHandler(), *args)


def send_asgi(*args: Any) -> Answer:
    return call_asgi(ASGIHandler(), *args)


@pytest.fixture(params=[send_wsgi, send_asgi], ids=["wsgi", "asgi"])
def send(request: pytest.FixtureRequest) -> Send:
    sender: Send = request.param
    return sender


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    monkeypatch.setattr("corsgate.django.routing._marks_made", 0)  # as in a new process
    caplog.set_level(logging.INFO)
    yield
    made.clear()
    ran.clear()


ran: list[str] = []


async def plain(request: HttpRequest) -> HttpResponse:
    ran.append("view")
    return HttpResponse("plain", headers={"Vary": "Cookie", "Access-Control-Max-Age": "9"})


async def forbidden(request: HttpRequest) -> HttpResponse:
    return HttpResponse("no", status=403)


URLS: URLs = [path("x", plain), path("forbidden", forbidden)]


@pytest.fixture(params=["known", "unknown"])
def headers_of_django(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "unknown":  # a Django to come may keep its headers otherwise
        monkeypatch.setattr(middleware, "_has_store", False)
        monkeypatch.setattr(middleware, "_stored", None)


def test_this_django_keeps_headers_as_those_before() -> None:
    assert middleware._has_store


@pytest.mark.usefixtures("headers_of_django")
def test_each_kind_of_request(send: Send) -> None:
    with settings_of(URLS, CORS_ALLOW_ORIGINS=APP):
        denied = comparable({"Vary": "Cookie, Origin"})
        allowed = readable_by(APP, Vary="Cookie, Origin")
        for origin, headers in {APP: allowed, EVIL: denied, None: denied}.items():
            answer = send("GET", "/x", asking(origin))
            assert (answer.status, answer.body, answer.cors) == (200, b"plain", headers)
        goes = send("OPTIONS", "/x", asking_for("PUT"))
        assert (goes.status, goes.body, goes.seen) == (204, b"", goes_on(APP))
        refused = send("OPTIONS", "/x", asking_for("PUT", EVIL))
        assert (refused.status, refused.cors) == (403, REFUSED)
        assert refused.values("Content-Type") == ["text/plain; charset=utf-8"]
        assert refused.values("Content-Length") == [str(len(refused.body))]
    assert ran == ["view"] * 3


def test_a_denial_is_told_once_and_after_the_view(send: Send) -> None:
    told: list[tuple[str, int]] = []

    def on_denied(meta: Any, decision: Decision) -> None:
        ran.append("told")
        told.append((decision.kind, threading.get_ident()))

    def told_by(method: str, headers: dict[str, str]) -> list[str]:
        told.clear()
        ran.clear()
        send(method, "/x", headers)
        return [kind for kind, _ in told]

    with settings_of(URLS, CORS_ALLOW_ORIGINS=APP, CORS_ON_DENIED=on_denied):
        assert told_by("GET", asking(EVIL)) == ["actual"]
        assert ran == ["view", "told"]
        assert (told[0][1] == threading.get_ident()) == (send is send_wsgi)
        assert told_by("OPTIONS", asking_for("PUT", EVIL)) == ["preflight"]
        assert (told[0][1] == threading.get_ident()) == (send is send_wsgi)
        assert told_by("GET", asking()) == []
        assert told_by("OPTIONS", asking_for("PUT")) == []


# ------------------------------------------------------------------ views that come to be known


made: list[Any] = []


class SetsURLs(MiddlewareMixin):
    """Chooses a URLconf that loads, with its marks, while the first request is under way."""

    def process_request(self, request: HttpRequest) -> None:
        if not made:
            made.append((path("x", cors(allow_origins=EVIL, gate="enforce")(plain)),))
        request.urlconf = made[0]


@pytest.mark.parametrize(("method", "origin", "status"), [("GET", EVIL, 200), ("POST", APP, 403)])
def test_views_that_load_under_way_keep_their_policies_and_gates(
    send: Send, method: str, origin: str, status: int
) -> None:
    with settings_of(URLS, middleware=[CORSGATE, LATE], CORS_ALLOW_ORIGINS=APP):
        answer = send(method, "/x", asking(origin))
    readable = [EVIL] if origin == EVIL else []
    assert (answer.status, answer.values("Access-Control-Allow-Origin")) == (status, readable)
    assert ran == ["view"] * (status == 200)


# ------------------------------------------------------------------ the log


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    names = ("corsgate", "django.request")
    found = [(one.name, one.levelname) for one in caplog.records if one.name in names]
    caplog.clear()
    return found


@pytest.mark.parametrize("more", [{}, {"CORS_PATHS": {"/y": {"max_age": 5}}}], ids=["one", "paths"])
def test_django_does_not_log_what_corsgate_answers(
    send: Send, more: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    gated: dict[str, Any] = {"CORS_GATE": "enforce", **more}
    with settings_of(URLS, CORS_ALLOW_ORIGINS=APP, **more):
        assert send("OPTIONS", "/x", asking_for("PUT", EVIL)).status == 403
        assert lines(caplog) == [("corsgate", "INFO")]
        assert send("OPTIONS", "/x", asking_for("PUT", EVIL)).status == 403
        assert lines(caplog) == []  # one a minute for an origin
        assert send("GET", "/forbidden", asking()).status == 403
        assert lines(caplog) == [("django.request", "WARNING")]
    with settings_of(URLS, CORS_ALLOW_ORIGINS=APP, **gated):
        assert send("POST", "/x", asking(EVIL)).status == 403
        assert lines(caplog) == [("corsgate", "INFO")]


def test_django_logs_what_the_project_answers_to_a_refusal(
    send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    def on_denied(meta: Any, decision: Decision) -> HttpResponseBase:
        return HttpResponse("no", status=403)

    gate: dict[str, Any] = {"CORS_GATE": "enforce", "CORS_ON_DENIED": on_denied}
    with settings_of(URLS, CORS_ALLOW_ORIGINS=APP, **gate):
        assert send("POST", "/x", asking(EVIL)).body == b"no"
    assert lines(caplog) == [("corsgate", "INFO"), ("django.request", "WARNING")]
