"""What goes wrong around the Django middleware, sync and async."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django_project import send_async, send_sync, settings_of
from faults import (
    ENDS,
    ERRORS,
    GATES,
    WHAT_FAILS,
    Front,
    Send,
    check_broken_logging,
    check_what_ends_a_program,
    check_what_is_given,
    check_what_raises,
)
from wsgi_client import Answer

ran: list[str] = []
each_kind = pytest.mark.parametrize("what", WHAT_FAILS)
each_gate = pytest.mark.parametrize("gate", GATES)
each_mode = pytest.mark.parametrize("debug", [False, True], ids=["quiet", "debug"])
each_front = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def view(request: HttpRequest) -> HttpResponse:
    ran.append("view")
    return HttpResponse("hello")


async def view_async(request: HttpRequest) -> HttpResponse:
    return view(request)


def front_of(is_async: bool) -> Front:
    @contextmanager
    def front(**options: Any) -> Iterator[Send]:
        settings = {f"CORS_{name.upper()}": value for name, value in options.items()}

        def send(method: str, headers: Mapping[str, str]) -> Answer:
            return (send_async if is_async else send_sync)(method, "/", headers)

        with settings_of([path("", view_async if is_async else view)], **settings):
            yield send

    return front


@each_front
@each_kind
@each_gate
@each_mode
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_what_raises_is_logged_once_and_lets_nothing_in(
    is_async: bool,
    what: str,
    gate: str,
    debug: bool,
    error: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    check_what_raises(front_of(is_async), what, gate, error, debug, caplog.records)


@each_front
@each_kind
@each_mode
def test_what_cannot_be_shown_lets_nothing_in(
    is_async: bool, what: str, debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    check_what_is_given(front_of(is_async), what, debug, caplog.records)


@each_front
@each_kind
@each_gate
@pytest.mark.parametrize("kind", ENDS)
def test_what_ends_a_program_ends_it(
    is_async: bool, what: str, gate: str, kind: type[BaseException]
) -> None:
    check_what_ends_a_program(front_of(is_async), what, gate, kind, ran)


@each_front
@each_kind
@each_gate
@each_mode
@pytest.mark.parametrize("way", ["handler", "filter"])
@pytest.mark.parametrize("raises", [False, True])
def test_logging_that_fails_fails_no_request(
    is_async: bool,
    what: str,
    gate: str,
    debug: bool,
    way: str,
    raises: bool,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", raises)
    check_broken_logging(
        front_of(is_async), what, gate, debug, way, lambda: capsys.readouterr().err
    )
