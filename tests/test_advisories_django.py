"""Advisories of other CORS layers, tried on Django."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from advisories import REST, Advisories, Lines, Site, Start
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django_project import URLs, settings_of


class TestDjango(Advisories):
    refusal = ImproperlyConfigured

    def spell(self, text: str) -> str:
        text = re.sub(r"\b(allow_\w+|dangerously_\w+)=", lambda found: f"{found[1]} = ", text)
        names = r"(?<!\.)\b(allow_\w+|dangerously_\w+|paths(?!,))\b"
        return "corsgate: " + re.sub(names, lambda found: f"CORS_{found[1].upper()}", text)

    @pytest.fixture
    def start(self) -> Iterator[Start]:
        with ExitStack() as stack:

            def start(
                *views: str,
                lines: Lines = (),
                paths: Any = None,
                debug: bool = False,
                **options: Any,
            ) -> Site:
                ran: list[str] = []

                def named(name: str) -> Callable[[HttpRequest], HttpResponse]:
                    def view(request: HttpRequest) -> HttpResponse:
                        ran.append(name)
                        return HttpResponse(name, headers=dict(lines))

                    return view

                urls: URLs = [path(place[1:], named(place)) for place in views]
                urls.append(re_path(r"(?s)^.*$", named(REST)))
                settings = {f"CORS_{name.upper()}": value for name, value in options.items()}
                settings |= {"CORS_PATHS": paths, "CORS_DEBUG": debug, "ALLOWED_HOSTS": ["*"]}
                stack.close()  # what the test has started before
                stack.enter_context(settings_of(urls, **settings))
                return Site(WSGIHandler(), ran)

            yield start
