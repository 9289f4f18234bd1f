"""The table of cases.py, run through Django: under WSGI with the validator, and under ASGI."""

from collections.abc import Callable
from typing import Any

import pytest
from cases import CASES, Case, observe
from django.http import HttpRequest, HttpResponse
from django.urls import re_path
from django_project import Send, send_async, send_sync, settings_of

from corsgate import Policy

View = Callable[[HttpRequest], Any]


def settings_for(case: Case) -> dict[str, Any]:
    options = dict(case.options)
    if "max_age" in options and options["max_age"] is None:
        return {"CORS_POLICY": Policy(**options)}  # for Django, None means that it is not set
    return {f"CORS_{name.upper()}": value for name, value in options.items()}


def sync_view(case: Case, ran: list[str]) -> View:
    def view(request: HttpRequest) -> HttpResponse:
        ran.append(request.path)
        reply = case.reply
        body = b"" if request.method == "HEAD" else reply.body
        response = HttpResponse(body, status=reply.status, headers=dict(reply.headers))
        if reply.status == 304:
            del response["Content-Type"]
        return response

    return view


def async_view(case: Case, ran: list[str]) -> View:
    answer = sync_view(case, ran)

    async def view(request: HttpRequest) -> HttpResponse:
        response: HttpResponse = answer(request)
        return response

    return view


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
@pytest.mark.parametrize(
    ("send", "make_view"),
    [
        pytest.param(send_sync, sync_view, id="wsgi"),
        pytest.param(send_async, async_view, id="asgi"),
        pytest.param(send_async, sync_view, id="asgi-with-a-sync-view"),
    ],
)
def test_django_answers_as_the_table_says(
    case: Case, send: Send, make_view: Callable[[Case, list[str]], View]
) -> None:
    ran: list[str] = []
    with settings_of([re_path("", make_view(case, ran))], **settings_for(case)):
        answer = send(case.request.method, case.request.path, case.request.headers)
    assert observe(case.request, answer, ran=bool(ran)) == case.outcome
