"""The Django middleware: its settings, which policy a view has, and every answer."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import django_project
import pytest
from answers import (
    ANYBODY,
    APP,
    DENIED,
    EVIL,
    NOTHING,
    PARTNER,
    REFUSED,
    asking,
    asking_for,
    goes_on,
    readable_by,
)
from asgiref.sync import iscoroutinefunction
from django.conf.urls.i18n import i18n_patterns
from django.core.exceptions import ImproperlyConfigured, PermissionDenied, SuspiciousOperation
from django.core.handlers.wsgi import WSGIHandler
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.test import AsyncClient, Client, override_settings
from django.urls import URLPattern, URLResolver, include, path, re_path, reverse
from django.urls.resolvers import RoutePattern
from django.utils import translation
from django.utils.decorators import method_decorator
from django.utils.module_loading import import_string
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from django_project import COMMON, CORSGATE, Send, send_async, send_sync, settings_of
from wsgi_client import Answer

from corsgate import Policy, PolicyError
from corsgate.django import CORSMiddleware, cors
from corsgate.django.conf import current_rules
from corsgate.django.routing import _warn_about_urlconf

Meta = Mapping[str, Any]
URLs = list[URLPattern | URLResolver]
CREDENTIALS = {"Access_Control_Allow_Credentials": "true"}
WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
ETAG = {"Access_Control_Expose_Headers": "ETag"}


def plain(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    return HttpResponse("plain")


async def plain_async(request: HttpRequest) -> HttpResponse:
    return HttpResponse("plain")


Project = Callable[..., None]


@pytest.fixture
def project() -> Iterator[Project]:
    """Gives this process a project with these URLs and settings, while the test runs."""
    with ExitStack() as stack:

        def start(urls: URLs | None = None, *middleware: str, **settings: Any) -> None:
            urls = [path("", plain)] if urls is None else urls
            layers = [CORSGATE, *middleware]
            stack.enter_context(settings_of(urls, middleware=layers, **settings))

        yield start


@pytest.fixture(params=[send_sync, send_async], ids=["wsgi", "asgi"])
def send(request: pytest.FixtureRequest) -> Send:
    sender: Send = request.param
    return sender


def get(url: str = "/", origin: str | None = APP, method: str = "GET", **headers: str) -> Answer:
    return send_sync(method, url, asking(origin, **headers))


def preflight(url: str = "/", method: str = "PUT", origin: str = APP) -> Answer:
    return send_sync("OPTIONS", url, asking_for(method, origin))


def problems_of(**settings: Any) -> list[tuple[str, str]]:
    """What is wrong with settings, as (setting, code)."""
    with settings_of([], **settings), pytest.raises(ImproperlyConfigured) as raised:
        WSGIHandler()
    cause = raised.value.__cause__
    assert isinstance(cause, PolicyError)
    assert str(raised.value) == f"corsgate: {cause}"
    return [(problem.field, problem.code) for problem in cause.problems]


# ------------------------------------------------------------------ settings

SETTINGS: dict[str, tuple[dict[str, Any], dict[str, object]]] = {
    "CORS_ALLOW_ORIGINS": ({"CORS_ALLOW_ORIGINS": [APP]}, readable_by(APP)),
    "CORS_ALLOW_ORIGINS as text": (
        {"CORS_ALLOW_ORIGINS": f"{PARTNER}, {APP}"},
        readable_by(APP),
    ),
    "CORS_ALLOW_ORIGINS as a regex": (
        {"CORS_ALLOW_ORIGINS": re.compile(r"https://\w+\.example\.com")},
        readable_by(APP),
    ),
    "CORS_ALLOWED_ORIGINS": ({"CORS_ALLOWED_ORIGINS": (APP,)}, readable_by(APP)),
    "CORS_ALLOWED_ORIGINS as text": ({"CORS_ALLOWED_ORIGINS": APP}, readable_by(APP)),
    "CORS_ORIGIN_WHITELIST": ({"CORS_ORIGIN_WHITELIST": [APP]}, readable_by(APP)),
    "CORS_ALLOWED_ORIGIN_REGEXES": (
        {"CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://\w+\.example\.com$"]},
        readable_by(APP),
    ),
    "CORS_ALLOWED_ORIGIN_REGEXES, compiled": (
        {"CORS_ALLOWED_ORIGIN_REGEXES": (re.compile(r"https://\w+\.example\.com"),)},
        readable_by(APP),
    ),
    "CORS_ALLOWED_ORIGIN_REGEXES, one string": (
        {"CORS_ALLOWED_ORIGIN_REGEXES": r"https://\w+\.example\.com"},
        readable_by(APP),
    ),
    "CORS_ORIGIN_REGEX_WHITELIST": (
        {"CORS_ORIGIN_REGEX_WHITELIST": [r"https://\w+\.example\.com"]},
        readable_by(APP),
    ),
    "CORS_ALLOW_ALL_ORIGINS": ({"CORS_ALLOW_ALL_ORIGINS": True}, ANYBODY),
    "CORS_ALLOW_ALL_ORIGINS beside a list": (
        {"CORS_ALLOW_ALL_ORIGINS": True, "CORS_ALLOWED_ORIGINS": [PARTNER]},
        ANYBODY,
    ),
    "CORS_ALLOW_ALL_ORIGINS switched off": (
        {"CORS_ALLOW_ALL_ORIGINS": False, "CORS_ALLOWED_ORIGINS": [APP]},
        readable_by(APP),
    ),
    "CORS_ALLOW_ALL_ORIGINS switched off alone": ({"CORS_ALLOW_ALL_ORIGINS": False}, NOTHING),
    "CORS_ORIGIN_ALLOW_ALL": ({"CORS_ORIGIN_ALLOW_ALL": True}, ANYBODY),
    "a list and regexes": (
        {
            "CORS_ALLOWED_ORIGINS": [PARTNER],
            "CORS_ALLOWED_ORIGIN_REGEXES": [r"https://\w+\.example\.com"],
        },
        readable_by(APP),
    ),
    "CORS_ALLOW_CREDENTIALS": (
        {"CORS_ALLOW_ORIGINS": [APP], "CORS_ALLOW_CREDENTIALS": True},
        readable_by(APP, **CREDENTIALS),
    ),
    "CORS_EXPOSE_HEADERS": (
        {"CORS_ALLOW_ORIGINS": [APP], "CORS_EXPOSE_HEADERS": ["ETag"]},
        readable_by(APP, **ETAG),
    ),
    "CORS_ALLOW_TIMING": (
        {"CORS_ALLOW_ORIGINS": [APP], "CORS_ALLOW_TIMING": True},
        readable_by(APP, Timing_Allow_Origin=APP),
    ),
    "none of them": ({}, NOTHING),
}


@pytest.mark.parametrize(("settings", "expected"), SETTINGS.values(), ids=SETTINGS)
def test_a_setting_decides_what_a_page_may_read(
    settings: dict[str, Any], expected: dict[str, object], project: Project, send: Send
) -> None:
    project(**settings)
    answer = send("GET", "/", asking(APP))
    assert (answer.status, answer.body, answer.cors) == (200, b"plain", expected)


PREFLIGHT_SETTINGS: dict[str, tuple[dict[str, Any], dict[str, object]]] = {
    "CORS_MAX_AGE": ({"CORS_MAX_AGE": 5}, goes_on(APP, max_age="5")),
    "CORS_MAX_AGE of zero": ({"CORS_MAX_AGE": 0}, goes_on(APP, max_age="0")),
    "CORS_PREFLIGHT_MAX_AGE": ({"CORS_PREFLIGHT_MAX_AGE": 86400}, goes_on(APP, max_age="86400")),
    "CORS_PREFLIGHT_MAX_AGE of zero": ({"CORS_PREFLIGHT_MAX_AGE": 0}, goes_on(APP, max_age=None)),
    "CORS_ALLOW_METHODS": (
        {"CORS_ALLOW_METHODS": ["GET", "PUT"]},
        goes_on(APP, Access_Control_Allow_Methods="GET, PUT"),
    ),
    "CORS_ALLOW_HEADERS": (
        {"CORS_ALLOW_HEADERS": ("Content-Type", "X-Own")},
        goes_on(APP, Access_Control_Allow_Headers="content-type, x-own"),
    ),
    "CORS_PREFLIGHT_STATUS": (
        {"CORS_PREFLIGHT_STATUS": 200},
        goes_on(APP, Content_Type="text/plain; charset=utf-8", Content_Length="0"),
    ),
    "CORS_DANGEROUSLY_ALLOW": (
        {
            "CORS_ALLOWED_ORIGINS": [APP, "http://plain.example"],
            "CORS_ALLOW_CREDENTIALS": True,
            "CORS_DANGEROUSLY_ALLOW": ["insecure-origin"],
        },
        goes_on(APP, **CREDENTIALS),
    ),
}


@pytest.mark.parametrize(
    ("settings", "expected"), PREFLIGHT_SETTINGS.values(), ids=PREFLIGHT_SETTINGS
)
def test_a_setting_decides_what_a_preflight_is_told(
    settings: dict[str, Any], expected: dict[str, object], project: Project, send: Send
) -> None:
    project(**{"CORS_ALLOWED_ORIGINS": [APP], **settings})
    assert send("OPTIONS", "/", asking_for("PUT")).seen == expected


ALL_NAMES = (
    *("CORS_ALLOWED_ORIGINS", "CORS_ORIGIN_WHITELIST", "CORS_ALLOWED_ORIGIN_REGEXES"),
    *("CORS_ORIGIN_REGEX_WHITELIST", "CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL"),
    *("CORS_URLS_REGEX", "CORS_PREFLIGHT_MAX_AGE", "CORS_MAX_AGE", "CORS_ALLOW_METHODS"),
    *("CORS_ALLOW_HEADERS", "CORS_EXPOSE_HEADERS", "CORS_ALLOW_CREDENTIALS", "CORS_POLICY"),
    *("CORS_ALLOW_TIMING", "CORS_PREFLIGHT_STATUS", "CORS_DANGEROUSLY_ALLOW", "CORS_PATHS"),
    "CORS_ALLOW_PRIVATE_NETWORK",
)


def test_a_setting_of_none_is_not_set(project: Project) -> None:
    project(CORS_ALLOW_ORIGINS=[APP], **dict.fromkeys(ALL_NAMES))
    assert get().cors == readable_by(APP)
    assert preflight().seen == goes_on(APP)


def test_regexes_match_in_full(project: Project) -> None:
    project(CORS_ALLOWED_ORIGIN_REGEXES=[r"https://app\.example\.com"])
    assert get().cors == readable_by(APP)
    assert get(origin=f"{APP}.evil.net").cors == DENIED
    assert get(origin=f"{APP}:8443").cors == DENIED


PROBLEMS: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "own names": (
        {"CORS_ALLOW_ORIGINS": [f"{APP}/"], "CORS_MAX_AGE": -1, "CORS_ALLOW_METHODS": "get"},
        [
            ("CORS_ALLOW_METHODS", "method-case"),
            ("CORS_ALLOW_ORIGINS", "origin-path"),
            ("CORS_MAX_AGE", "max-age"),
        ],
    ),
    "names of django-cors-headers": (
        {
            "CORS_ALLOWED_ORIGINS": [f"{APP}/"],
            "CORS_PREFLIGHT_MAX_AGE": -1,
            "CORS_EXPOSE_HEADERS": ["Set-Cookie"],
        },
        [
            ("CORS_ALLOWED_ORIGINS", "origin-path"),
            ("CORS_EXPOSE_HEADERS", "expose-forbidden"),
            ("CORS_PREFLIGHT_MAX_AGE", "max-age"),
        ],
    ),
    "old aliases": (
        {"CORS_ORIGIN_WHITELIST": ["app.example.com"], "CORS_ORIGIN_REGEX_WHITELIST": ["("]},
        [
            ("CORS_ORIGIN_REGEX_WHITELIST", "wrong-value"),
            ("CORS_ORIGIN_WHITELIST", "origin-no-scheme"),
        ],
    ),
    "each origin by the setting it is in": (
        {
            "CORS_ALLOWED_ORIGINS": ["http://plain.example", "null"],
            "CORS_ALLOWED_ORIGIN_REGEXES": [".*"],
            "CORS_ALLOW_ALL_ORIGINS": True,
            "CORS_ALLOW_CREDENTIALS": True,
        },
        [
            ("CORS_ALLOWED_ORIGINS", "insecure-origin"),
            ("CORS_ALLOWED_ORIGINS", "null-origin"),
            ("CORS_ALLOWED_ORIGIN_REGEXES", "regex-too-broad"),
            ("CORS_ALLOW_ALL_ORIGINS", "wildcard-credentials"),
        ],
    ),
    "two lists": (
        {"CORS_ALLOW_ORIGINS": [APP], "CORS_ALLOWED_ORIGINS": [PARTNER]},
        [("CORS_ALLOWED_ORIGINS", "conflict")],
    ),
    "three lists": (
        {"CORS_ALLOW_ORIGINS": [], "CORS_ALLOWED_ORIGINS": [], "CORS_ORIGIN_WHITELIST": []},
        [("CORS_ALLOWED_ORIGINS", "conflict"), ("CORS_ORIGIN_WHITELIST", "conflict")],
    ),
    "two numbers": (
        {"CORS_MAX_AGE": 5, "CORS_PREFLIGHT_MAX_AGE": 5},
        [("CORS_PREFLIGHT_MAX_AGE", "conflict")],
    ),
    "two lists of regexes": (
        {"CORS_ALLOWED_ORIGIN_REGEXES": [], "CORS_ORIGIN_REGEX_WHITELIST": []},
        [("CORS_ORIGIN_REGEX_WHITELIST", "conflict")],
    ),
    "two switches": (
        {"CORS_ALLOW_ALL_ORIGINS": True, "CORS_ORIGIN_ALLOW_ALL": True},
        [("CORS_ORIGIN_ALLOW_ALL", "conflict")],
    ),
    "a switch that is no bool": (
        {"CORS_ALLOW_ALL_ORIGINS": "yes"},
        [("CORS_ALLOW_ALL_ORIGINS", "wrong-type")],
    ),
    "false as a number of seconds": (
        {"CORS_PREFLIGHT_MAX_AGE": False},
        [("CORS_PREFLIGHT_MAX_AGE", "wrong-type")],
    ),
    "origins of a wrong type": (
        {"CORS_ALLOWED_ORIGINS": 5},
        [("CORS_ALLOWED_ORIGINS", "wrong-type")],
    ),
    "an origin of a wrong type": (
        {"CORS_ALLOWED_ORIGINS": [APP, 5]},
        [("CORS_ALLOWED_ORIGINS", "wrong-type")],
    ),
    "regexes of a wrong type": (
        {"CORS_ALLOWED_ORIGIN_REGEXES": [5]},
        [("CORS_ALLOWED_ORIGIN_REGEXES", "wrong-value")],
    ),
    "a regex of URLs that is none": (
        {"CORS_URLS_REGEX": "("},
        [("CORS_URLS_REGEX", "wrong-value")],
    ),
    "a regex of URLs of a wrong type": (
        {"CORS_URLS_REGEX": 5},
        [("CORS_URLS_REGEX", "wrong-value")],
    ),
    "a policy beside options": (
        {"CORS_POLICY": Policy(), "CORS_ALLOWED_ORIGINS": [APP]},
        [("CORS_POLICY", "conflict")],
    ),
    "a policy that is none": (
        {"CORS_POLICY": {"allow_origins": [APP]}},
        [("CORS_POLICY", "wrong-type")],
    ),
    "a dotted path to nothing": (
        {"CORS_POLICY": "django_project.no_such_name"},
        [("CORS_POLICY", "wrong-value")],
    ),
    "a dotted path without a dot": ({"CORS_POLICY": "policy"}, [("CORS_POLICY", "wrong-value")]),
    "paths": (
        {"CORS_PATHS": {"api": {}, "/x/*": {"allow_origins": ["x"], "max_age": -1}}},
        [
            ("CORS_PATHS", "path-invalid"),
            ("CORS_PATHS['/x/*'].allow_origins", "origin-no-scheme"),
            ("CORS_PATHS['/x/*'].max_age", "max-age"),
        ],
    ),
    "a slip in a name": ({"CORS_ALLOW_ORIGIN": [APP]}, [("CORS_ALLOW_ORIGIN", "unknown-option")]),
    "a name of another library": (
        {"CORS_SUPPORTS_CREDENTIALS": True},
        [("CORS_SUPPORTS_CREDENTIALS", "unknown-option")],
    ),
}


@pytest.mark.parametrize(("settings", "expected"), PROBLEMS.values(), ids=PROBLEMS)
def test_every_problem_is_named_by_its_setting_when_the_project_starts(
    settings: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert sorted(problems_of(**settings)) == expected


def test_the_text_of_an_error_tells_what_to_write() -> None:
    with (
        settings_of([], CORS_ALLOWED_ORIGINS=["http://plain.example"], CORS_ALLOW_CREDENTIALS=True),
        pytest.raises(
            ImproperlyConfigured,
            match=r"^corsgate: CORS_ALLOWED_ORIGINS: 'http://plain.example' with credentials: .*"
            r"or accept it with CORS_DANGEROUSLY_ALLOW = \['insecure-origin'\]",
        ),
    ):
        WSGIHandler()


def test_a_policy_beside_settings_names_those_settings() -> None:
    given: dict[str, Any] = {
        "CORS_POLICY": Policy(),
        "CORS_ALLOWED_ORIGINS": [APP],
        "CORS_PREFLIGHT_MAX_AGE": 5,
    }
    with (
        settings_of([], **given),
        pytest.raises(
            ImproperlyConfigured, match="with CORS_ALLOWED_ORIGINS, CORS_PREFLIGHT_MAX_AGE"
        ),
    ):
        WSGIHandler()


START = """
from django.conf import settings
settings.configure(
    MIDDLEWARE=["corsgate.django.CORSMiddleware"],
    ROOT_URLCONF=__name__,
    CORS_ALLOWED_ORIGINS=["https://app.example.com/"],
    CORS_PREFLIGHT_MAX_AGE=-1,
)
from django.core.{0} import get_{0}_application
get_{0}_application()
print("started")
"""


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_a_wrong_setting_stops_the_start_of_the_server(interface: str) -> None:
    program = START.format(interface)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    first, *lines = done.stderr.partition("ImproperlyConfigured: ")[2].splitlines()
    assert first == "corsgate: 2 problems:"
    assert [(line.split(":")[0], line.split()[-1]) for line in lines] == [
        ("  CORS_ALLOWED_ORIGINS", "[origin-path]"),
        ("  CORS_PREFLIGHT_MAX_AGE", "[max-age]"),
    ]
    assert "Write 'https://app.example.com'." in lines[0]


def test_the_wsgi_class_in_middleware_stops_the_start() -> None:
    with (
        settings_of([], middleware=["corsgate.wsgi.CORSMiddleware"]),
        pytest.raises(PolicyError, match=r'Write "corsgate\.django\.CORSMiddleware" in Django'),
    ):
        WSGIHandler()


WARNINGS: dict[str, tuple[dict[str, Any], str, dict[str, object]]] = {
    "forbidden request headers": (
        {"CORS_ALLOW_HEADERS": ["accept-encoding", "Content-Type", "dnt", "origin"]},
        "CORS_ALLOW_HEADERS has accept-encoding, dnt, origin, which no page can set: take them out",
        goes_on(APP, Access_Control_Allow_Headers="content-type"),
    ),
    "the private network": (
        {"CORS_ALLOW_PRIVATE_NETWORK": True},
        "CORS_ALLOW_PRIVATE_NETWORK has no effect",
        goes_on(APP),
    ),
    "pages from files": (
        {"CORS_ALLOWED_ORIGINS": [APP, "file://"]},
        "CORS_ALLOWED_ORIGINS has 'file://', which is not let in: it is sent by WebViews",
        goes_on(APP),
    ),
    "nobodys setting": (
        {"CORS_SOMETHING_ELSE": 1},
        "CORS_SOMETHING_ELSE: corsgate has no such option",
        goes_on(APP),
    ),
}


@pytest.mark.parametrize(("settings", "warning", "expected"), WARNINGS.values(), ids=WARNINGS)
def test_a_setting_that_does_nothing_is_warned_about_and_no_more(
    settings: dict[str, Any], warning: str, expected: dict[str, object], project: Project
) -> None:
    project(**{"CORS_ALLOWED_ORIGINS": [APP], **settings})
    with pytest.warns(UserWarning, match=warning):
        answer = preflight()
    assert answer.seen == expected


def test_a_file_origin_under_the_own_name_is_a_problem() -> None:
    assert problems_of(CORS_ALLOW_ORIGINS=["file://"]) == [("CORS_ALLOW_ORIGINS", "origin-file")]


@pytest.mark.parametrize("interface", ["wsgi", "asgi"])
def test_settings_that_a_test_overrides_hold_at_once_and_no_longer(interface: str) -> None:
    def ask(client: Client | AsyncClient) -> str | None:
        if isinstance(client, Client):
            response: Any = client.get("/", headers={"Origin": APP})
        else:
            response = asyncio.run(client.get("/", headers={"Origin": APP}))
        allowed: str | None = response.get("Access-Control-Allow-Origin")
        return allowed

    client = Client() if interface == "wsgi" else AsyncClient()
    with settings_of([path("", plain)], CORS_ALLOW_ORIGINS=[PARTNER]):
        assert ask(client) is None  # the client keeps its handler from here on
        with override_settings(CORS_ALLOW_ORIGINS=[APP]):
            assert ask(client) == APP
            with override_settings(CORS_PATHS={"/": {"allow_origins": "*"}}):
                assert ask(client) == "*"
            with override_settings(CORS_ALLOW_ORIGINS=None, CORS_ALLOWED_ORIGINS=[PARTNER]):
                assert ask(client) is None
            assert ask(client) == APP
        assert ask(client) is None


def test_a_wrong_setting_in_a_test_is_an_error_at_the_next_request_until_it_is_put_right() -> None:
    client = Client()
    with settings_of([path("", plain)], CORS_ALLOW_ORIGINS=[APP]):
        assert client.get("/").status_code == 200
        with (
            override_settings(CORS_MAX_AGE=-1),
            pytest.raises(ImproperlyConfigured, match="CORS_MAX_AGE: -1 is negative"),
        ):
            client.get("/")
        assert client.get("/").status_code == 200


def test_settings_are_read_once_and_not_at_every_request(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(CORS_ALLOW_ORIGINS=[APP])
    assert get().cors == readable_by(APP)
    read: list[str] = []
    monkeypatch.setattr("corsgate.django.conf.read_settings", read.append)
    assert get().cors == readable_by(APP)
    assert read == []


# ------------------------------------------------------------------ which paths


def test_urls_regex_says_for_which_paths_the_settings_are_meant(
    project: Project, send: Send
) -> None:
    urls = [
        path("api/item", plain),
        path("page", plain),
        path("open", cors(allow_origins=[PARTNER])(plain)),
    ]
    project(urls, CORS_ALLOWED_ORIGINS=[APP], CORS_URLS_REGEX=r"^/api/.*$")
    assert send("GET", "/api/item", asking()).cors == readable_by(APP)
    assert send("OPTIONS", "/api/item", asking_for("PUT")).seen == goes_on(APP)
    assert send("GET", "/api/unknown", asking()).cors == readable_by(APP)
    assert send("GET", "/page", asking()).cors == NOTHING
    assert send("GET", "/unknown", asking()).cors == NOTHING
    answer = send("OPTIONS", "/page", asking_for("PUT"))
    assert (answer.body, answer.cors) == (b"plain", NOTHING)
    # What a view says itself counts wherever the view is.
    assert send("GET", "/open", asking(PARTNER)).cors == readable_by(PARTNER)
    assert send("OPTIONS", "/open", asking_for("GET", PARTNER)).seen == goes_on(PARTNER)


def test_urls_regex_is_matched_at_the_start_only(project: Project) -> None:
    urls = [path("api-or-not", plain), path("x/api", plain)]
    project(urls, CORS_ALLOWED_ORIGINS=[APP], CORS_URLS_REGEX=re.compile(r"/api"))
    assert get("/api-or-not").cors == readable_by(APP)
    assert get("/x/api").cors == NOTHING


def test_paths_have_policies_of_their_own(project: Project, send: Send) -> None:
    urls = [re_path("", plain)]
    project(
        urls,
        CORS_ALLOWED_ORIGINS=[APP],
        CORS_EXPOSE_HEADERS=["ETag"],
        CORS_PATHS={
            "/api/*": {"allow_origins": [PARTNER]},
            "/api/open": Policy(allow_origins="*"),
            "/own/*": None,
            "/tenant": lambda meta: Policy(allow_origins=[f"https://{meta['HTTP_X_TENANT']}"]),
        },
    )
    for url, origin, expected in (
        ("/api", PARTNER, readable_by(PARTNER, **ETAG)),
        ("/api/x", APP, DENIED),
        ("/api/open", EVIL, ANYBODY),
        ("/apix", APP, readable_by(APP, **ETAG)),
        ("/own/x", APP, NOTHING),
        ("/tenant", "https://tenant.example", readable_by("https://tenant.example")),
        ("/", APP, readable_by(APP, **ETAG)),
    ):
        answer = send("GET", url, asking(origin, X_Tenant="tenant.example"))
        assert (answer.status, answer.cors) == (200, expected)
    assert send("OPTIONS", "/api/x", asking_for("PUT", PARTNER)).seen == goes_on(PARTNER)
    assert send("OPTIONS", "/api/x", asking_for("PUT")).status == 403
    assert send("OPTIONS", "/own/x", asking_for("PUT")).body == b"plain"


def test_a_path_beats_the_regex_of_urls(project: Project) -> None:
    project(
        [re_path("", plain)],
        CORS_ALLOWED_ORIGINS=[APP],
        CORS_URLS_REGEX="^/api/",
        CORS_PATHS={"/open": {"allow_origins": "*"}, "/api/own": None},
    )
    assert get("/open").cors == ANYBODY
    assert get("/api/own").cors == NOTHING
    assert get("/api/x").cors == readable_by(APP)
    assert get("/else").cors == NOTHING


# ------------------------------------------------------------------ a policy in the settings


def by_method(meta: Meta) -> Policy | None:
    return Policy(allow_origins=[APP]) if meta["REQUEST_METHOD"] == "GET" else None


POLICIES: dict[str, Any] = {
    "an object": Policy(allow_origins=[APP]),
    "a callable": lambda meta: Policy(allow_origins=[APP]),
    "a dotted path to an object": "django_project.named",
    "a dotted path to a callable": "django_project.called",
}


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_a_policy_may_be_in_the_settings(
    policy: Any, project: Project, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Policy(allow_origins=[APP])
    monkeypatch.setattr(django_project, "named", made, raising=False)
    monkeypatch.setattr(django_project, "called", lambda meta: made, raising=False)
    project(CORS_POLICY=policy)
    assert send("GET", "/", asking()).cors == readable_by(APP)
    assert send("GET", "/", asking(EVIL)).cors == DENIED
    assert send("OPTIONS", "/", asking_for("PUT")).seen == goes_on(APP)


def test_a_callable_is_asked_about_the_method_that_a_preflight_is_for(
    project: Project, send: Send
) -> None:
    project(CORS_POLICY=by_method)
    answer = send("OPTIONS", "/", asking_for("GET"))
    assert answer.seen == goes_on(APP, max_age="0")
    answer = send("OPTIONS", "/", asking_for("PUT"))
    assert (answer.body, answer.cors) == (b"plain", NOTHING)


def test_options_of_a_view_change_whatever_policy_a_callable_gives(project: Project) -> None:
    urls = [path("", cors(expose_headers=["ETag"])(plain))]
    project(urls, CORS_POLICY=lambda meta: Policy(allow_origins=[APP]))
    assert get().cors == readable_by(APP, **ETAG)


@pytest.mark.parametrize(
    ("source", "logged"),
    [
        pytest.param(lambda meta: meta["no such key"], "no such key", id="raises"),
        pytest.param(lambda meta: "*", "gave '*', which is neither", id="returns-text"),
    ],
)
@pytest.mark.parametrize("place", ["view", "group", "path", "project"])
def test_a_callable_that_fails_allows_nothing_and_the_view_still_answers(
    source: Callable[[Meta], Any],
    logged: str,
    place: str,
    project: Project,
    send: Send,
    caplog: pytest.LogCaptureFixture,
) -> None:
    marked = cors(policy=source)
    group: Any = include([path("", marked(plain) if place == "view" else plain)])
    settings: dict[str, dict[str, Any]] = {
        "path": {"CORS_ALLOW_ORIGINS": [APP], "CORS_PATHS": {"/": source}},
        "project": {"CORS_POLICY": source},
    }
    urls: URLs = [path("", marked(group) if place == "group" else group)]
    project(urls, **settings.get(place, {"CORS_ALLOW_ORIGINS": [APP]}))
    answer = send("GET", "/", asking())
    assert (answer.status, answer.body, answer.cors) == (200, b"plain", DENIED)
    assert logged in caplog.text
    assert send("OPTIONS", "/", asking_for("GET")).status == 403


# ------------------------------------------------------------------ callables and the event loop


def loop_is_running() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def slow_origin(told: list[bool]) -> dict[str, Any]:
    def allowed(origin: str, meta: Meta) -> bool:
        told.append(loop_is_running())
        return True

    return {"CORS_ALLOW_ORIGINS": allowed}


def slow_source(told: list[bool]) -> dict[str, Any]:
    def source(meta: Meta) -> Policy:
        told.append(loop_is_running())
        return Policy(allow_origins="*")

    return {"CORS_POLICY": source}


def slow_path(told: list[bool]) -> dict[str, Any]:
    return {"CORS_PATHS": {"/*": slow_source(told)["CORS_POLICY"]}}


@pytest.mark.parametrize("make_settings", [slow_origin, slow_source, slow_path])
@pytest.mark.parametrize(
    ("method", "url", "headers"),
    [
        pytest.param("GET", "/", asking(), id="actual"),
        pytest.param("GET", "/unknown", asking(), id="not-found"),
        pytest.param("OPTIONS", "/", asking_for("PUT"), id="preflight"),
    ],
)
def test_under_asgi_no_callable_runs_in_the_event_loop(
    make_settings: Callable[[list[bool]], dict[str, Any]],
    method: str,
    url: str,
    headers: dict[str, str],
    project: Project,
) -> None:
    in_loop: list[bool] = []
    project([path("", plain_async)], **make_settings(in_loop))
    answer = send_async(method, url, headers)
    assert answer.cors["access-control-allow-origin"] in (APP, "*")
    assert in_loop
    assert not any(in_loop)


def test_under_asgi_a_callable_of_a_view_does_not_run_in_the_event_loop(project: Project) -> None:
    in_loop: list[bool] = []

    def source(meta: Meta) -> Policy:
        in_loop.append(loop_is_running())
        return Policy(allow_origins=[APP])

    project([path("", cors(policy=source)(plain_async))])
    assert send_async("GET", "/", asking()).cors == readable_by(APP)
    assert send_async("OPTIONS", "/", asking_for("PUT")).seen == goes_on(APP)
    assert in_loop
    assert not any(in_loop)


def test_the_middleware_is_asynchronous_where_what_it_wraps_is() -> None:
    assert (CORSMiddleware.sync_capable, CORSMiddleware.async_capable) == (True, True)
    with settings_of([]):
        assert iscoroutinefunction(CORSMiddleware(plain_async))
        assert not iscoroutinefunction(CORSMiddleware(plain))


# ------------------------------------------------------------------ the decorator


def test_a_marked_view_has_its_own_policy(project: Project, send: Send) -> None:
    @cors(allow_origins=[PARTNER])
    def own(request: HttpRequest, number: int) -> HttpResponse:
        """The view."""
        return HttpResponse(str(number + 1))

    assert (own.__name__, own.__doc__) == ("own", "The view.")
    project([path("own/<int:number>", own), path("", plain)], CORS_ALLOW_ORIGINS=[APP])
    answer = send("GET", "/own/41", asking(PARTNER))
    assert (answer.body, answer.cors) == (b"42", readable_by(PARTNER))
    assert send("GET", "/own/41", asking()).cors == DENIED
    assert send("OPTIONS", "/own/41", asking_for("PUT", PARTNER)).seen == goes_on(PARTNER)
    refused = send("OPTIONS", "/own/41", asking_for("PUT"))
    assert (refused.status, refused.cors) == (403, REFUSED)
    assert send("GET", "/", asking()).cors == readable_by(APP)


def test_an_asynchronous_view_may_be_marked(project: Project, send: Send) -> None:
    view = cors(allow_origins=[PARTNER])(plain_async)
    assert iscoroutinefunction(view)
    project([path("", view)], CORS_ALLOW_ORIGINS=[APP])
    answer = send("GET", "/", asking(PARTNER))
    assert (answer.body, answer.cors) == (b"plain", readable_by(PARTNER))


def test_options_of_a_view_inherit_from_the_settings_and_a_policy_stands_alone(
    project: Project,
) -> None:
    urls = [
        path("merged", cors(expose_headers=["ETag"])(plain)),
        path("alone", cors(Policy(allow_origins=[PARTNER]))(plain)),
        path("own", cors(None)(plain)),
        path("chosen", cors(policy=by_method)(plain)),
    ]
    paths = {"/merged": {"allow_origins": [EVIL], "allow_timing": True}}
    project(urls, CORS_ALLOW_ORIGINS=[APP], CORS_ALLOW_CREDENTIALS=True, CORS_PATHS=paths)
    assert get("/merged").cors == readable_by(APP, **CREDENTIALS, **ETAG)
    assert get("/alone", PARTNER).cors == readable_by(PARTNER)
    assert get("/own").cors == NOTHING
    assert preflight("/own").body == b"plain"
    assert get("/chosen").cors == readable_by(APP)
    assert get("/chosen", method="PUT").cors == NOTHING


def own_headers(request: HttpRequest) -> HttpResponse:
    return HttpResponse("own", headers={"Access-Control-Allow-Origin": EVIL, "Vary": "Cookie"})


def test_none_leaves_the_headers_to_the_view(project: Project, send: Send) -> None:
    project([path("own", cors(None)(own_headers)), path("ours", own_headers)])
    own = {"access-control-allow-origin": EVIL, "vary": frozenset({"cookie"})}
    assert send("GET", "/own", asking()).cors == own
    answer = send("OPTIONS", "/own", asking_for("GET"))
    assert (answer.body, answer.cors) == (b"own", own)
    assert send("GET", "/ours", asking()).cors == {"vary": frozenset({"cookie"})}


def test_other_decorators_may_stand_on_either_side(project: Project, send: Send) -> None:
    outside = csrf_exempt(require_http_methods(["GET"])(cors(allow_origins=[PARTNER])(plain)))
    inside = cors(allow_origins=[PARTNER])(csrf_exempt(require_http_methods(["GET"])(plain)))
    assert inside.csrf_exempt  # type: ignore[attr-defined]
    project([path("outside", outside), path("inside", inside)], CORS_ALLOW_ORIGINS=[APP])
    for url in ("/outside", "/inside"):
        assert send("GET", url, asking(PARTNER)).cors == readable_by(PARTNER)
        answer = send("POST", url, asking(PARTNER))
        assert (answer.status, answer.cors) == (405, readable_by(PARTNER))


def plain_wrapper(view: Callable[..., Any]) -> Callable[..., Any]:
    return lambda request, **kwargs: view(request, **kwargs)


@pytest.mark.parametrize("hide", [plain_wrapper, partial])
def test_a_mark_that_routing_cannot_see_is_an_error_that_names_the_route(
    hide: Callable[[Callable[..., Any]], Callable[..., Any]], project: Project
) -> None:
    project([path("item/<int:n>", hide(cors(allow_origins="*")(plain)))], CORS_ALLOW_ORIGINS=[APP])
    with pytest.raises(ImproperlyConfigured, match=r"at 'item/<int:n>' is hidden from routing"):
        Client().get("/item/1")
    answer = get("/item/1", EVIL)
    assert (answer.status, answer.cors) == (500, DENIED)


@pytest.mark.parametrize(
    "make", [cors(max_age=5), lambda view: include([path("", view)])], ids=["a view", "a group"]
)
def test_a_mark_without_the_middleware_is_an_error_that_names_the_route(
    make: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corsgate.django.decorator._is_installed", False)  # as in a new process
    target = make(plain)
    marked = target if callable(target) else cors(max_age=5)(target)
    with (
        settings_of([path("item/<int:n>", marked)], middleware=[COMMON]),
        pytest.raises(
            ImproperlyConfigured,
            match=r"at 'item/<int:n>' has cors\(...\), but .* no CORSMiddleware",
        ),
    ):
        Client().get("/item/1")
    with settings_of([path("item/<int:n>", marked)]):
        assert Client().get("/item/1").content == b"plain"


def test_a_marked_view_may_call_another_marked_view(project: Project) -> None:
    inner = cors(allow_origins=[PARTNER])(plain)
    outer = cors(allow_origins=[APP])(lambda request: inner(request))
    urls = [path("outer", outer), path("deep/", include([path("inner", inner)]))]
    project(urls)
    assert get("/outer").cors == readable_by(APP)
    assert get("/outer", PARTNER).cors == DENIED
    assert get("/deep/inner", PARTNER).cors == readable_by(PARTNER)


def test_a_marked_view_may_be_called_by_hand() -> None:
    assert cors(allow_origins=[APP])(plain)(HttpRequest()).content == b"plain"


BARE: dict[str, tuple[Callable[[], object], str]] = {
    "bare": (lambda: cors(plain), r"@cors was put on plain without parentheses: write @cors\("),  # type: ignore[arg-type]
    "empty": (lambda: cors(), "takes a policy or options, but not both"),
    "policy-and-options": (
        lambda: cors(Policy(), allow_origins=[APP]),
        "takes a policy or options, but not both",
    ),
    "two-policies": (lambda: cors(Policy(), policy=Policy()), "was given two policies"),
    "text": (lambda: cors(APP), "takes a Policy or None, not 'https://app.example.com'"),  # type: ignore[arg-type]
    "on-text": (
        lambda: cors(allow_origins=[APP])("project.urls"),
        r"a view, a class of views or a group: write cors\(...\)\(include\(...\)\)",
    ),
    "twice": (
        lambda: cors(allow_origins=[APP])(cors(allow_origins=[APP])(plain)),
        r"plain has two @cors\(...\): keep one",
    ),
}


@pytest.mark.parametrize(("use", "message"), BARE.values(), ids=BARE)
def test_a_decorator_that_says_nothing_or_too_much_is_an_error(
    use: Callable[[], object], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        use()


def test_what_is_wrong_whatever_is_inherited_is_said_where_it_is_written() -> None:
    with pytest.raises(PolicyError) as raised:
        cors(allow_origins=[f"{APP}/"], max_age=-1)
    assert [problem.code for problem in raised.value.problems] == ["origin-path", "max-age"]


def test_what_is_unsafe_only_together_is_found_for_all_routes_before_a_view_runs(
    project: Project, send: Send
) -> None:
    ran: list[str] = []

    def hello(request: HttpRequest) -> HttpResponse:
        ran.append(request.path)
        return HttpResponse("hello")

    class Page(View):
        @cors(max_age=60)
        def get(self, request: HttpRequest) -> HttpResponse:
            return hello(request)

        @cors(allow_origins=["null"])
        def put(self, request: HttpRequest) -> HttpResponse:
            return hello(request)

    group = cors(allow_origins="*")(include([path("hello/<int:n>", hello), re_path("^b$", hello)]))
    page = Page.as_view()
    urls = [path("", hello), path("all/", group), path("page", page), path("again", page)]
    project(urls, CORS_ALLOW_ORIGINS=[APP], CORS_ALLOW_CREDENTIALS=True)
    for url in ("/", "/all/b", "/nowhere"):
        assert send("GET", url, asking()).status == 500
    assert send("OPTIONS", "/", asking_for("PUT")).status == 500
    assert ran == []

    with pytest.raises(ImproperlyConfigured) as raised:
        Client().get("/")
    views = f"{__name__}.{hello.__qualname__}", f"{__name__}.{Page.__qualname__}"
    wildcard = (
        "allow_origins: '*' cannot be combined with credentials: every site could act as the user."
        " Name the origins, or set allow_credentials=False here. [wildcard-credentials]"
    )
    null = (
        "allow_origins: 'null' with credentials: any site can take that origin in a sandboxed"
        " frame. Take it out, or accept it with dangerously_allow=['null-origin']. [null-origin]"
    )
    assert str(raised.value).splitlines() == [
        "corsgate: 3 problems:",
        f"  route 'all/hello/<int:n>', view {views[0]}: {wildcard}",
        f"  route 'all/^b$', view {views[0]}: {wildcard}",
        f"  route 'page', view {views[1]}.put: {null}",
    ]


def test_a_project_that_allows_nothing_anywhere_says_so_once(
    project: Project, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    project([path("", plain)])
    for _ in range(2):
        assert send("GET", "/", asking()).cors == NOTHING
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said == ["corsgate: CORSMiddleware allows no origin anywhere: set CORS_ALLOW_ORIGINS"]


@pytest.mark.parametrize(
    ("view", "settings"),
    [
        (plain, {"CORS_ALLOW_ORIGINS": [APP]}),
        (plain, {"CORS_PATHS": {"/api/*": {"allow_origins": [APP]}}}),
        (plain, {"CORS_POLICY": lambda environ: None}),
        (cors(allow_origins=[APP])(plain), {}),
    ],
    ids=["settings", "paths", "a source", "a view"],
)
def test_a_project_that_allows_something_somewhere_says_nothing(
    view: Any, settings: dict[str, Any], project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    project([path("", view)], **settings)
    get()
    assert caplog.text == ""


def choosing(get_response: Any) -> Any:
    def middleware(request: HttpRequest) -> HttpResponse:
        if "other" in request.GET:
            unsafe = cors(allow_origins="*")(plain)
            request.urlconf = (path("", unsafe),)  # type: ignore[assignment]
        return get_response(request)  # type: ignore[no-any-return]

    return middleware


@pytest.mark.parametrize("place", [0, 1], ids=["outside", "inside"])
def test_each_urlconf_is_checked_when_it_is_first_used(place: int) -> None:
    layers = [CORSGATE]
    layers.insert(place, f"{__name__}.{choosing.__name__}")
    with settings_of([path("", plain)], middleware=layers, CORS_ALLOW_CREDENTIALS=True):
        client = Client()
        assert client.get("/").status_code == 200
        with pytest.raises(ImproperlyConfigured, match=r"view .*\.plain: .* cannot be combined"):
            client.get("/?other")
        assert client.get("/").status_code == 200
        urls = (path("", cors(allow_origins="*")(plain)),)
        with (
            override_settings(ROOT_URLCONF=urls),
            pytest.raises(ImproperlyConfigured, match=r"route '', view .* cannot be combined"),
        ):
            client.get("/")


# ------------------------------------------------------------------ class-based views


class Item(View):
    """GET is everybody's, PUT is for one page, DELETE has the policy of the settings."""

    @method_decorator(cors(allow_origins="*"))
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("get")

    @cors(allow_origins=[PARTNER])
    def put(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("put")

    def delete(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("delete")


def test_the_methods_of_a_class_may_differ_and_then_no_preflight_is_kept(
    project: Project, send: Send
) -> None:
    project([path("", Item.as_view())], CORS_ALLOW_ORIGINS=[APP])
    assert send("GET", "/", asking(EVIL)).cors == ANYBODY
    assert send("HEAD", "/", asking(EVIL)).cors == ANYBODY
    assert send("PUT", "/", asking(PARTNER)).cors == readable_by(PARTNER)
    assert send("PUT", "/", asking()).cors == DENIED
    assert send("DELETE", "/", asking()).cors == readable_by(APP)
    anybody = goes_on(EVIL, max_age="0") | {"access-control-allow-origin": "*"}
    for method in ("GET", "HEAD"):
        assert send("OPTIONS", "/", asking_for(method, EVIL)).seen == anybody
    expected = goes_on(PARTNER, max_age="0")
    assert send("OPTIONS", "/", asking_for("PUT", PARTNER)).seen == expected
    assert send("OPTIONS", "/", asking_for("DELETE")).seen == goes_on(APP, max_age="0")
    for method, origin in (("PUT", APP), ("DELETE", PARTNER), ("PATCH", PARTNER)):
        refused = send("OPTIONS", "/", asking_for(method, origin))
        assert (refused.status, refused.cors) == (403, REFUSED)
    # PATCH, which nothing serves, has the policy of the settings, since the views differ.
    assert send("OPTIONS", "/", asking_for("PATCH")).seen == goes_on(APP, max_age="0")
    answer = send("PATCH", "/", asking())
    assert (answer.status, answer.cors) == (405, readable_by(APP))


class Shared(View):
    @cors(allow_origins=[PARTNER])
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("get")

    @cors(allow_origins=[PARTNER])
    def put(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("put")


def test_a_method_that_a_class_does_not_serve_has_the_policy_its_methods_share(
    project: Project, send: Send
) -> None:
    project([path("", Shared.as_view())], CORS_ALLOW_ORIGINS=[APP])
    assert send("OPTIONS", "/", asking_for("DELETE", PARTNER)).seen == goes_on(PARTNER)
    assert send("OPTIONS", "/", asking_for("DELETE")).status == 403
    answer = send("DELETE", "/", asking(PARTNER))
    assert (answer.status, answer.cors) == (405, readable_by(PARTNER))


class Page(View):
    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("get")

    def put(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("put")


class AsyncPage(View):
    async def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("get")

    async def put(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse("put")


@method_decorator(cors(allow_origins=[PARTNER]), name="dispatch")
class Dispatched(Page):
    pass


class DispatchedByHand(Page):
    @method_decorator(cors(allow_origins=[PARTNER]))
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return super().dispatch(request, *args, **kwargs)


@method_decorator(cors(allow_origins=[PARTNER]), name="dispatch")
class AsyncDispatched(AsyncPage):
    pass


@cors(allow_origins=[PARTNER])
class Marked(Page):
    pass


class Inheriting(Marked):
    pass


CLASSES: dict[str, Any] = {
    "method_decorator on the class": Dispatched.as_view(),
    "method_decorator on dispatch": DispatchedByHand.as_view(),
    "method_decorator on an async class": AsyncDispatched.as_view(),
    "the class": Marked.as_view(),
    "a base class": Inheriting.as_view(),
    "around as_view": cors(allow_origins=[PARTNER])(Page.as_view()),
    "around as_view of an async class": cors(allow_origins=[PARTNER])(AsyncPage.as_view()),
}


@pytest.mark.parametrize("view", CLASSES.values(), ids=CLASSES)
def test_a_class_may_be_marked_wherever_django_takes_a_decorator(
    view: Any, project: Project, send: Send
) -> None:
    project([path("", view)], CORS_ALLOW_ORIGINS=[APP])
    for method in ("GET", "PUT"):
        answer = send(method, "/", asking(PARTNER))
        assert (answer.status, answer.body.decode()) == (200, method.lower())
        assert answer.cors == readable_by(PARTNER)
        assert send("OPTIONS", "/", asking_for(method, PARTNER)).seen == goes_on(PARTNER)
        assert send("OPTIONS", "/", asking_for(method)).status == 403
    answer = send("DELETE", "/", asking(PARTNER))
    assert (answer.status, answer.cors) == (405, readable_by(PARTNER))
    answer = send("OPTIONS", "/", asking(PARTNER))
    assert (answer.status, answer.cors) == (200, readable_by(PARTNER))


def test_a_method_adds_to_what_its_class_says(project: Project) -> None:
    @method_decorator(cors(allow_origins=[PARTNER]), name="dispatch")
    class Both(Page):
        @cors(expose_headers=["ETag"])
        def patch(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("patch")

    project([path("", Both.as_view())], CORS_ALLOW_ORIGINS=[APP])
    assert get(origin=PARTNER).cors == readable_by(PARTNER)
    assert get(origin=PARTNER, method="PATCH").cors == readable_by(PARTNER, **ETAG)
    assert preflight(origin=PARTNER, method="PATCH").seen == goes_on(PARTNER, max_age="0")


def test_a_method_in_lower_case_has_the_policy_of_the_handler_that_serves_it(
    project: Project,
) -> None:
    class Note(Page):
        @cors(allow_origins=[PARTNER])
        def patch(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("changed")

    project([path("", Note.as_view())], CORS_ALLOW_ALL_ORIGINS=True, CORS_ALLOW_METHODS="*")
    answer = send_async("patch", "/", asking(EVIL))
    assert (answer.body, answer.cors) == (b"changed", DENIED)
    assert preflight(method="patch", origin=EVIL).status == 403


# ------------------------------------------------------------------ groups


def test_options_inherit_from_the_settings_through_the_groups_to_the_view(
    project: Project, send: Send
) -> None:
    inner = [
        path("plain", plain),
        path("view", cors(allow_timing=True)(plain)),
        path("class", Page.as_view()),
        path("async", plain_async),
    ]
    outer: URLs = [path("inner/", cors(max_age=7)(include(inner))), path("plain", plain)]
    group_of_all = cors(expose_headers=["ETag"], max_age=5)(include(outer))
    project(
        [path("outer/", group_of_all), path("plain", plain)],
        CORS_ALLOW_ORIGINS=[APP],
        CORS_ALLOW_CREDENTIALS=True,
    )
    assert send("GET", "/plain", asking()).cors == readable_by(APP, **CREDENTIALS)
    for url in ("/outer/plain", "/outer/inner/plain", "/outer/inner/class", "/outer/inner/async"):
        answer = send("GET", url, asking())
        assert (answer.status, answer.cors) == (200, readable_by(APP, **CREDENTIALS, **ETAG))
    assert send("GET", "/outer/inner/view", asking()).cors == readable_by(
        APP, **CREDENTIALS, **ETAG, Timing_Allow_Origin=APP
    )
    for url, max_age in {"/plain": "600", "/outer/plain": "5", "/outer/inner/view": "7"}.items():
        expected = goes_on(APP, max_age=max_age, **CREDENTIALS)
        assert send("OPTIONS", url, asking_for("GET")).seen == expected


def test_the_most_specific_policy_wins(project: Project) -> None:
    inner = [
        path("view", cors(Policy(allow_origins=[PARTNER]))(plain)),
        path("inner", plain),
    ]
    outer: URLs = [
        path("", cors(Policy(allow_origins=["https://inner.example"]))(include(inner))),
        path("outer", plain),
    ]
    project(
        [
            path("x/", cors(Policy(allow_origins=["https://outer.example"]))(include(outer))),
            path("x/path", plain),
            path("project", plain),
        ],
        CORS_ALLOW_ORIGINS=[APP],
        CORS_PATHS={"/x/*": Policy(allow_origins=["https://path.example"])},
    )
    for url, origin in {
        "/x/view": PARTNER,
        "/x/inner": "https://inner.example",
        "/x/outer": "https://outer.example",
        "/x/path": "https://path.example",
        "/x/unknown": "https://path.example",
        "/project": APP,
        "/unknown": APP,
    }.items():
        assert get(url, origin).cors == readable_by(origin)
        assert preflight(url, "GET", origin).seen == goes_on(origin)
        assert get(url, EVIL).cors == DENIED


def test_a_group_is_a_copy_and_the_views_of_the_other_stay_unmarked(project: Project) -> None:
    patterns = [path("x", plain, name="x")]
    marked = cors(allow_origins=[PARTNER])(include((patterns, "api"), namespace="marked"))
    unmarked = include((patterns, "api"), namespace="unmarked")
    project([path("marked/", marked), path("unmarked/", unmarked)], CORS_ALLOW_ORIGINS=[APP])
    assert get("/marked/x", PARTNER).cors == readable_by(PARTNER)
    assert get("/unmarked/x").cors == readable_by(APP)
    assert get("/unmarked/x", PARTNER).cors == DENIED
    assert reverse("marked:x") == "/marked/x"
    assert reverse("unmarked:x") == "/unmarked/x"


def test_a_group_may_be_a_module_or_what_an_admin_site_gives(project: Project) -> None:
    module = ModuleType("project.api.urls")
    module.urlpatterns = [path("x", plain, {"number": 1})]  # type: ignore[attr-defined]
    site: Any = ([path("x", plain)], "site", "site")
    own = cors(allow_origins=[PARTNER])
    project([path("module/", own(include(module))), path("site/", own(site))])
    for url in ("/module/x", "/site/x"):
        assert get(url, PARTNER).cors == readable_by(PARTNER)
        assert preflight(url, "GET", PARTNER).seen == goes_on(PARTNER)


# ------------------------------------------------------------------ which view


def test_a_slash_redirect_has_the_policy_of_the_view_it_leads_to(
    project: Project, send: Send
) -> None:
    urls = [
        path("notes/", cors(allow_origins=[PARTNER])(plain)),
        re_path("^bare$", cors(allow_origins=[EVIL])(plain)),
        path("bare/", cors(allow_origins=[PARTNER])(plain)),
    ]
    project(urls, COMMON, CORS_ALLOW_ORIGINS=[APP])
    assert send("OPTIONS", "/notes", asking_for("PUT", PARTNER)).seen == goes_on(PARTNER)
    assert send("OPTIONS", "/notes", asking_for("PUT")).status == 403
    answer = send("GET", "/notes", asking(PARTNER))
    assert (answer.status, answer.cors) == (301, readable_by(PARTNER))
    # Without a redirect the view is the one of the path as it is.
    assert send("GET", "/bare", asking(EVIL)).cors == readable_by(EVIL)
    assert send("OPTIONS", "/bare", asking_for("PUT", EVIL)).seen == goes_on(EVIL)


def test_without_slash_redirects_the_path_is_taken_as_it_is(project: Project) -> None:
    urls = [path("notes/", cors(allow_origins=[PARTNER])(plain))]
    project(urls, COMMON, CORS_ALLOW_ORIGINS=[APP], APPEND_SLASH=False)
    assert preflight("/notes").seen == goes_on(APP)
    answer = get("/notes")
    assert (answer.status, answer.cors) == (404, readable_by(APP))


def test_an_unknown_path_has_the_policy_of_the_project(project: Project, send: Send) -> None:
    project([path("known", cors(allow_origins="*")(plain))], CORS_ALLOW_ORIGINS=[APP])
    answer = send("GET", "/unknown", asking())
    assert (answer.status, answer.cors) == (404, readable_by(APP))
    assert send("OPTIONS", "/unknown", asking_for("PUT")).seen == goes_on(APP)
    assert send("GET", "/unknown", asking(EVIL)).cors == DENIED


@pytest.mark.parametrize(
    ("prefixed", "url", "language", "vary"),
    [
        pytest.param(True, "/de/notes", "de", {"origin"}, id="another-language"),
        pytest.param(True, "/en/notes", "en", {"origin"}, id="the-default-language"),
        pytest.param(False, "/de/notes", "de", {"origin"}, id="another-beside-no-prefix"),
        pytest.param(False, "/notes", "en", {"origin", "accept-language"}, id="no-prefix"),
    ],
)
def test_a_path_with_a_language_has_the_policy_of_its_view(
    prefixed: bool, url: str, language: str, vary: set[str], project: Project, send: Send
) -> None:
    def in_language(request: HttpRequest) -> HttpResponse:
        return HttpResponse(translation.get_language())

    view = cors(allow_origins=[PARTNER])(in_language)
    project(
        i18n_patterns(path("notes/", view), prefix_default_language=prefixed),
        "django.middleware.locale.LocaleMiddleware",
        COMMON,
        LANGUAGE_CODE="en",
        LANGUAGES=[("en", "English"), ("de", "Deutsch")],
        CORS_ALLOW_ORIGINS=[APP],
    )
    expected = readable_by(PARTNER) | {"vary": vary}
    answer = send("GET", f"{url}/", asking(PARTNER))
    assert (answer.body.decode(), answer.cors) == (language, expected)
    answer = send("GET", url, asking(PARTNER))
    assert (answer.status, answer.cors) == (301, expected)
    for asked in (f"{url}/", url):
        assert send("OPTIONS", asked, asking_for("GET", PARTNER)).seen == goes_on(PARTNER)
        assert send("OPTIONS", asked, asking_for("GET")).status == 403


def test_without_locale_middleware_the_path_has_the_prefix_of_the_default_language(
    project: Project, send: Send
) -> None:
    urls = i18n_patterns(path("notes/", cors(allow_origins=[PARTNER])(plain)))
    project(urls, COMMON, LANGUAGE_CODE="en-us", CORS_ALLOW_ORIGINS=[APP])
    answer = send("GET", "/en-us/notes/", asking(PARTNER))
    assert (answer.status, answer.cors) == (200, readable_by(PARTNER))
    for asked in ("/en-us/notes/", "/en-us/notes"):
        assert send("OPTIONS", asked, asking_for("GET", PARTNER)).seen == goes_on(PARTNER)
        assert send("OPTIONS", asked, asking_for("GET")).status == 403


def test_groups_below_a_language_have_their_policy_by_whatever_pattern(
    project: Project, send: Send
) -> None:
    def item(request: HttpRequest, number: str, version: str) -> HttpResponse:
        return HttpResponse(f"{number} {version}")

    # Named arguments of a group reach its views, and one group may be included twice.
    items = ([re_path(r"^(?P<number>\d+)/$", item, name="item")], "items")
    first: Any = include(([re_path(r"^(?P<version>v\d)/", include(items))], "api"), "first")
    second: Any = include(([re_path(r"^(?P<version>v\d)/", include(items))], "api"), "second")
    project(
        i18n_patterns(
            path("first/", cors(allow_origins=[PARTNER])(first)),
            re_path("^second/", cors(allow_origins=[EVIL])(second)),
        ),
        "django.middleware.locale.LocaleMiddleware",
        COMMON,
        LANGUAGE_CODE="en",
        LANGUAGES=[("en", "English"), ("de", "Deutsch")],
        CORS_ALLOW_ORIGINS=[APP],
    )
    for where, origin in {"first": PARTNER, "second": EVIL}.items():
        for language in ("en", "de"):
            url = f"/{language}/{where}/v1/7/"
            answer = send("GET", url, asking(origin))
            assert (answer.body, answer.cors) == (b"7 v1", readable_by(origin))
            assert send("OPTIONS", url, asking_for("GET", origin)).seen == goes_on(origin)
            assert send("GET", f"/{language}/{where}/v1/none/", asking(origin)).cors == DENIED
            for other in {APP, PARTNER, EVIL} - {origin}:
                assert send("GET", url, asking(other)).cors == DENIED
                assert send("OPTIONS", url, asking_for("GET", other)).status == 403


def use_other_urls(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    def middleware(request: HttpRequest) -> HttpResponse:
        request.urlconf = (path("", cors(allow_origins=[PARTNER])(plain)),)  # type: ignore[assignment]
        return get_response(request)

    return middleware


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_urlconf_of_the_request_counts(
    place: str, send: Send, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(django_project, "inserted", use_other_urls, raising=False)
    _warn_about_urlconf.cache_clear()
    layers = ["django_project.inserted", CORSGATE]
    middleware = layers if place == "before" else layers[::-1]
    with settings_of([path("", plain)], middleware=middleware, CORS_ALLOW_ORIGINS=[APP]):
        for _ in range(2):
            answer = send("GET", "/", asking(PARTNER))
            assert (answer.body, answer.cors) == (b"plain", readable_by(PARTNER))
        assert send("GET", "/unknown", asking()).cors == readable_by(APP)
        # A preflight is answered before any middleware below has run.
        seen_by = PARTNER if place == "before" else APP
        assert send("OPTIONS", "/", asking_for("PUT", seen_by)).seen == goes_on(seen_by)
    assert caplog.text.count("put it above corsgate.django.CORSMiddleware") == (place == "after")


class BrokenPattern(RoutePattern):
    def match(self, path: str) -> None:
        raise LookupError("no table of routes")


def test_a_pattern_that_fails_leaves_the_policy_of_the_project(
    project: Project, send: Send
) -> None:
    broken = URLPattern(BrokenPattern("x"), cors(allow_origins="*")(plain))
    project([broken], CORS_ALLOW_ORIGINS=[APP])
    assert send("OPTIONS", "/x", asking_for("PUT")).seen == goes_on(APP)
    assert send("OPTIONS", "/x", asking_for("PUT", EVIL)).status == 403
    answer = send("GET", "/x", asking())
    assert (answer.status, answer.cors) == (500, readable_by(APP))


def test_a_project_without_any_mark_is_answered_by_its_settings(
    project: Project, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corsgate.django.routing._marks_made", 0)  # as in a new process
    project([path("notes/", plain)], COMMON, CORS_ALLOW_ORIGINS=[APP])
    for url, status in {"/notes/": 200, "/notes": 301, "/unknown": 404}.items():
        answer = send("GET", url, asking())
        assert (answer.status, answer.cors) == (status, readable_by(APP))
        assert send("OPTIONS", url, asking_for("PUT")).seen == goes_on(APP)
        assert send("OPTIONS", url, asking_for("PUT", EVIL)).status == 403


# ------------------------------------------------------------------ every answer


def failing(error: BaseException) -> Callable[[HttpRequest], HttpResponse]:
    def view(request: HttpRequest) -> HttpResponse:
        raise error

    return view


FAILURES: dict[str, tuple[BaseException, int]] = {
    "404": (Http404("none"), 404),
    "403": (PermissionDenied("no"), 403),
    "400": (SuspiciousOperation("odd"), 400),
    "500": (LookupError("crash"), 500),
}


@pytest.mark.parametrize("debug", [True, False], ids=["debug", "no-debug"])
@pytest.mark.parametrize(("error", "status"), FAILURES.values(), ids=FAILURES)
def test_an_error_has_the_policy_of_its_view(
    error: BaseException, status: int, debug: bool, project: Project, send: Send
) -> None:
    urls = [path("", cors(allow_origins=[PARTNER])(failing(error))), path("own", failing(error))]
    project(urls, CORS_ALLOW_ORIGINS=[APP], DEBUG=debug)
    answer = send("GET", "/", asking(PARTNER))
    assert (answer.status, answer.cors) == (status, readable_by(PARTNER))
    assert send("GET", "/", asking()).cors == DENIED
    assert send("GET", "/own", asking()).cors == readable_by(APP)


def own_404(request: HttpRequest, exception: Exception) -> HttpResponse:
    return HttpResponse("own 404", status=404)


def own_500(request: HttpRequest) -> HttpResponse:
    return HttpResponse("own 500", status=500)


def test_the_answers_of_the_projects_own_error_handlers_have_the_policy_of_the_view(
    project: Project, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = ModuleType("project_with_handlers")
    urls.urlpatterns = [  # type: ignore[attr-defined]
        path("missing", cors(allow_origins=[PARTNER])(failing(Http404()))),
        path("failing", cors(allow_origins=[PARTNER])(failing(LookupError("crash")))),
    ]
    urls.handler404, urls.handler500 = own_404, own_500  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, urls.__name__, urls)
    project(CORS_ALLOW_ORIGINS=[APP])
    with override_settings(ROOT_URLCONF=urls.__name__):
        for url, origin, body in (
            ("/missing", PARTNER, b"own 404"),
            ("/failing", PARTNER, b"own 500"),
            ("/unknown", APP, b"own 404"),
        ):
            answer = send("GET", url, asking(origin))
            assert (answer.body, answer.cors) == (body, readable_by(origin))
            assert send("GET", url, asking(EVIL)).cors == DENIED


def stop_all(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    return lambda request: HttpResponseRedirect("/login")


def crash_all(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    return failing(LookupError("middleware"))


@pytest.mark.parametrize(
    ("stop", "status"),
    [pytest.param(stop_all, 302, id="redirects"), pytest.param(crash_all, 500, id="crashes")],
)
def test_middleware_that_answers_before_the_view_has_the_policy_of_that_view(
    stop: Any, status: int, project: Project, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(django_project, "inserted", stop, raising=False)
    urls = [
        path("", cors(allow_origins=[PARTNER])(plain)),
        path("class", Item.as_view()),
        path("plain", plain),
    ]
    project(urls, "django_project.inserted", CORS_ALLOW_ORIGINS=[APP])
    for url, method, origin in (
        ("/", "GET", PARTNER),
        ("/class", "PUT", PARTNER),
        ("/class", "DELETE", APP),
        ("/plain", "GET", APP),
        ("/unknown", "GET", APP),
    ):
        answer = send(method, url, asking(origin))
        assert (answer.status, answer.cors) == (status, readable_by(origin))
        # The preflight never gets that far.
        passed = send("OPTIONS", url, asking_for(method, origin))
        assert (passed.status, passed.cors["access-control-allow-origin"]) == (204, origin)
        assert send("OPTIONS", url, asking_for(method, EVIL)).status == 403


def test_an_exception_that_django_is_told_to_let_out_is_let_out(project: Project) -> None:
    project(
        [path("", failing(LookupError("crash")))],
        CORS_ALLOW_ORIGINS=[APP],
        DEBUG_PROPAGATE_EXCEPTIONS=True,
    )
    with pytest.raises(LookupError):
        get()


FONT = b"a font"


def test_white_noise_keeps_its_own_headers_for_static_files(
    project: Project, send: Send, tmp_path: Path
) -> None:
    (tmp_path / "x.woff2").write_bytes(FONT)
    settings = {
        "STATIC_URL": "/static/",
        "STATIC_ROOT": tmp_path,
        "CORS_ALLOW_ORIGINS": [APP],
    }
    project([path("", plain)], WHITENOISE, **settings)
    answer = send("GET", "/static/x.woff2", asking(EVIL))
    assert (answer.status, answer.body, answer.cors) == (200, FONT, ANYBODY)
    assert send("GET", "/", asking()).cors == readable_by(APP)
    assert send("GET", "/staticx", asking()).cors == readable_by(APP)


def test_paths_may_take_static_files_from_white_noise(
    project: Project, send: Send, tmp_path: Path
) -> None:
    (tmp_path / "x.woff2").write_bytes(FONT)
    project(
        [path("", plain)],
        WHITENOISE,
        STATIC_URL="/static/",
        STATIC_ROOT=tmp_path,
        CORS_ALLOW_ORIGINS=[APP],
        CORS_PATHS={"/static/*": {}},
    )
    answer = send("GET", "/static/x.woff2", asking())
    assert (answer.status, answer.body, answer.cors) == (200, FONT, readable_by(APP))


def test_a_class_that_is_derived_from_white_noise_is_known(
    project: Project, send: Send, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    derived = type("Derived", (import_string(WHITENOISE),), {})
    monkeypatch.setattr(django_project, "inserted", derived, raising=False)
    (tmp_path / "x.woff2").write_bytes(FONT)
    settings = {"STATIC_URL": "/static/", "STATIC_ROOT": tmp_path}
    project(None, "django_project.inserted", CORS_ALLOW_ORIGINS=[APP], **settings)
    answer = send("GET", "/static/x.woff2", asking(EVIL))
    assert (answer.status, answer.body, answer.cors) == (200, FONT, ANYBODY)


def test_static_files_have_the_policy_of_the_project_where_white_noise_is_to_send_no_header(
    project: Project, send: Send, tmp_path: Path
) -> None:
    (tmp_path / "x.woff2").write_bytes(FONT)
    settings = {"STATIC_URL": "/static/", "STATIC_ROOT": tmp_path}
    project(
        None,
        WHITENOISE,
        WHITENOISE_ALLOW_ALL_ORIGINS=False,
        CORS_ALLOW_ORIGINS=[APP],
        **settings,
    )
    answer = send("GET", "/static/x.woff2", asking())
    assert (answer.status, answer.body, answer.cors) == (200, FONT, readable_by(APP))


def test_middleware_that_cannot_be_imported_is_reported_by_django(project: Project) -> None:
    project(None, "project.no_such.Middleware", CORS_ALLOW_ORIGINS=[APP])
    with pytest.raises(ImportError, match="project"):
        get()
    assert current_rules().find("/static/x") == Policy(allow_origins=[APP])


@pytest.mark.parametrize(
    ("settings", "url", "expected"),
    [
        pytest.param(
            {"STATIC_URL": "/static/", "WHITENOISE_STATIC_PREFIX": "/assets/"},
            *("/assets/x", NOTHING),
            id="by-its-own-prefix",
        ),
        pytest.param({"STATIC_URL": "assets/"}, "/assets/x", NOTHING, id="relative"),
        pytest.param(
            {"STATIC_URL": "https://cdn.example/assets/"}, "/assets/x", NOTHING, id="elsewhere"
        ),
        pytest.param(
            {"STATIC_URL": "/app/assets/", "FORCE_SCRIPT_NAME": "/app"},
            *("/assets/x", NOTHING),
            id="below-a-prefix",
        ),
        pytest.param({"STATIC_URL": "/"}, "/assets/x", readable_by(APP), id="everything"),
        pytest.param({"STATIC_URL": None}, "/assets/x", readable_by(APP), id="none"),
    ],
)
def test_where_white_noise_answers_follows_from_the_static_url(
    settings: dict[str, Any],
    url: str,
    expected: dict[str, object],
    project: Project,
    tmp_path: Path,
) -> None:
    project(
        [re_path("", plain)],
        WHITENOISE,
        STATIC_ROOT=tmp_path,
        CORS_ALLOW_ORIGINS=[APP],
        **settings,
    )
    answer = get(url)
    assert (answer.body, answer.cors) == (b"plain", expected)
    assert get("/api").cors == readable_by(APP)


def test_another_static_url_in_a_test_holds_at_once(project: Project, tmp_path: Path) -> None:
    urls = [re_path("", plain)]
    settings = {"STATIC_URL": "/static/", "STATIC_ROOT": tmp_path, "CORS_ALLOW_ORIGINS": [APP]}
    project(urls, WHITENOISE, **settings)
    assert get("/static/x").cors == NOTHING
    with override_settings(STATIC_URL="/assets/"):
        assert get("/static/x").cors == readable_by(APP)
        assert get("/assets/x").cors == NOTHING
    with override_settings(MIDDLEWARE=[CORSGATE]):
        assert get("/static/x").cors == readable_by(APP)
    with override_settings(STATIC_URL="/app/assets/", FORCE_SCRIPT_NAME="/app"):
        assert get("/assets/x").cors == NOTHING
        with override_settings(FORCE_SCRIPT_NAME=None):
            assert get("/assets/x").cors == readable_by(APP)
    assert get("/static/x").cors == NOTHING


def test_without_white_noise_static_files_have_the_policy_of_the_project(
    project: Project,
) -> None:
    project([re_path("", plain)], CORS_ALLOW_ORIGINS=[APP], STATIC_URL="/static/")
    assert get("/static/x").cors == readable_by(APP)
