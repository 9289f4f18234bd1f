"""`manage.py cors` and `manage.py cors check`: what they say, word for word."""

import io
from typing import Any

import pytest
from answers import APP, PARTNER
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.urls import include, path, re_path
from django.utils.decorators import method_decorator
from django.views import View
from django_project import COMMON, CORSGATE, URLs, settings_of

from corsgate.django import cors
from corsgate.django.management.commands.cors import Command


def hello(request: HttpRequest, **values: object) -> HttpResponse:
    return HttpResponse("hello")


def run(urls: URLs, *words: str, **settings: Any) -> tuple[int, list[str]]:
    """The exit status, and the lines that are printed."""
    settings = {"CORS_ALLOW_ORIGINS": [APP], **settings}
    output = io.StringIO()
    status: Any = 0
    with settings_of(urls, **settings):
        try:
            call_command(Command(), *words, stdout=output)
        except SystemExit as ended:
            status = ended.code
    return status, output.getvalue().splitlines()


class Things(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("things")

    @cors(allow_origins=PARTNER)
    def post(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("made")


@method_decorator(cors(None), name="dispatch")
class Own(View):
    get = Things.get
    put = Things.get


def test_each_route_is_shown_with_its_methods_its_policy_and_the_place_of_that() -> None:
    group = [path("a", hello), path("b/<int:id>", cors(max_age=60)(hello))]
    urls: URLs = [
        path("", hello),
        path("things/", Things.as_view()),
        path("own", Own.as_view()),
        path("group/", cors(allow_credentials=True)(include((group, "group")))),
        re_path(r"^old/(?P<year>\d{4})/(\d+)/$", hello),
        path("health/<name>", hello),
    ]
    inherited = f"{APP}; allow_credentials=True"
    paths = {"/health/*": {"allow_origins": "*"}, "/health/db": None}
    assert run(urls, CORS_PATHS=paths) == (
        0,
        [
            "ROUTE               METHODS   FROM                POLICY",
            f"/                   any       settings            {APP}",
            f"/things/            GET       settings            {APP}",
            f"/things/            POST      view                {PARTNER}",
            "/own                GET, PUT  view                None: left to the view",
            f"/group/a            any       group               {inherited}",
            f"/group/b/<int:id>   any       view                {inherited}; max_age=60",
            f"/old/<year>/<var>/  any       settings            {APP}",
            "/health/<name>      any       paths '/health/*'   any origin",
            "/health/<name>      any       paths '/health/db'  None: left to the view",
        ],
    )


def test_urls_regex_leaves_the_other_routes_alone() -> None:
    urls: URLs = [path("api/<int:id>", hello), path("page", hello)]
    assert run(urls, CORS_URLS_REGEX="^/api/")[1][1:] == [
        f"/api/<int:id>  any      settings  {APP}",
        "/page          any      settings  None: left to the view",
    ]


def test_a_regular_expression_is_shown_as_a_path() -> None:
    urls: URLs = [re_path(r"^a/(?P<pk>[^/.]+)\.(?P<format>[a-z0-9]+)/?$", hello)]
    assert run(urls)[1][1:] == [f"/a/<pk>.<format>/  any      settings  {APP}"]


PROBLEM = (
    "CORS_MAX_AGE: -1 is negative or no whole number of seconds. Write a whole number of seconds,"
    " such as 600; 0 turns caching off. [corsgate.E133]"
)
MISSING = (
    "MIDDLEWARE: It lacks 'corsgate.django.CORSMiddleware', so no answer has CORS headers. Put it"
    " first. [corsgate.E001]"
)


def test_there_is_no_table_where_nothing_would_be_as_it_says() -> None:
    assert run([path("", hello)], CORS_MAX_AGE=-1) == (1, [PROBLEM, "1 problem found."])
    assert run([path("", hello)], MIDDLEWARE=[COMMON], CORS_MAX_AGE=-1) == (
        1,
        [MISSING, PROBLEM, "2 problems found."],
    )
    assert run([path("", hello)], MIDDLEWARE=[COMMON]) == (1, [MISSING, "1 problem found."])
    broken: URLs = [path("", cors(allow_origins="*")(hello))]
    assert run(broken, CORS_ALLOW_CREDENTIALS=True) == (
        1,
        [
            (
                f"route '', view {__name__}.hello: allow_origins: '*' cannot be combined with"
                " credentials: every site could act as the user. Name the origins, or set"
                " allow_credentials=False here. [corsgate.E123]"
            ),
            "1 problem found.",
        ],
    )


def test_check_tells_all_problems_also_those_of_deployment() -> None:
    urls: URLs = [path("", hello), path("a", hello)]
    assert run(urls, "check") == (0, ["2 routes checked, no problem found."])
    local = {"CORS_ALLOW_ORIGINS": ["http://localhost:3000"]}
    told = (
        "CORS_ALLOW_ORIGINS: 'http://localhost:3000' is a development address: for a visitor that"
        " is whatever program runs on their own computer. Leave such addresses out where debug mode"
        " is off. [corsgate.W013]"
    )
    assert run(urls, "check", **local) == (1, [told, "1 problem found."])
    assert run(urls, "check", **local, DEBUG=True)[0] == 0
    assert run(urls, "check", **local, SILENCED_SYSTEM_CHECKS=["corsgate.W013"])[0] == 0
    both = [COMMON, CORSGATE]
    assert run(urls, "check", **local, MIDDLEWARE=both) == (
        1,
        [
            (
                f"MIDDLEWARE: {COMMON!r} can answer before {CORSGATE!r} is asked, and that answer"
                f" has no CORS headers. Put {CORSGATE!r} first. [corsgate.W007]"
            ),
            told,
            "2 problems found.",
        ],
    )


def test_what_may_be_right_is_a_note_and_does_not_count() -> None:
    sessions = "django.contrib.sessions.middleware.SessionMiddleware"
    assert run(
        [path("", hello)],
        "check",
        MIDDLEWARE=[CORSGATE, sessions],
        CORS_ALLOW_CREDENTIALS=True,
        ALLOWED_HOSTS=["*"],
    ) == (
        0,
        [
            (
                "note: SESSION_COOKIE_SAMESITE: With 'Lax' browsers send the session cookie within"
                " one site only, and whether these pages are on the site of this server is not"
                f" known: {APP!r}. If one is not, write 'None' there, and True for"
                " SESSION_COOKIE_SECURE. [corsgate.I011]"
            ),
            "1 route checked, no problem found.",
        ],
    )


def test_another_word_is_refused() -> None:
    with pytest.raises(Exception, match="invalid choice: 'chek'"):
        run([path("", hello)], "chek")
