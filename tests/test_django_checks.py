"""The system checks: each fires where it should, word for word under its id, and nowhere else."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from answers import APP, EVIL, PARTNER, readable_by
from django.core import checks
from django.core.checks.registry import registry
from django.http import HttpRequest, HttpResponse
from django.middleware.common import CommonMiddleware
from django.test import override_settings
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View
from django_project import COMMON, CORSGATE, URLs, send_sync, settings_of

import corsgate.django
from corsgate import Policy, errors
from corsgate._advice import CHECKS
from corsgate.django import CORSMiddleware, cors
from corsgate.django.apps import CORSGateConfig
from corsgate.django.checks import check_deployment, check_project, id_of

SECURITY = "django.middleware.security.SecurityMiddleware"
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
LOCALE = "django.middleware.locale.LocaleMiddleware"
CORSHEADERS = "corsheaders.middleware.CorsMiddleware"


def hello(request: HttpRequest, **values: object) -> HttpResponse:
    return HttpResponse("hello")


class Own(CORSMiddleware):
    """A middleware of the project's own."""


class OwnCommon(CommonMiddleware):
    """One that extends Django's."""


def function_middleware(get_response: Any) -> Any:
    """A middleware that is no class."""
    return get_response


def find(
    urls: URLs | None = None,
    *middleware: str,
    check: Callable[..., list[checks.CheckMessage]] = check_project,
    **settings: Any,
) -> list[str]:
    """What a check says about a project with these settings."""
    settings.setdefault("CORS_ALLOW_ORIGINS", [APP])
    with settings_of(
        urls or [path("", hello)], middleware=[*(middleware or [CORSGATE])], **settings
    ):
        return [
            f"{found.obj}: {found.msg} {found.hint} [{found.id}]"
            for found in check(app_configs=None)
        ]


def test_a_sound_project_has_no_problem() -> None:
    sound: dict[str, Any] = {
        "CORS_ALLOW_CREDENTIALS": True,
        "CSRF_TRUSTED_ORIGINS": [APP],
        "ALLOWED_HOSTS": ["api.example.com"],
    }
    assert find(None, CORSGATE, SECURITY, SESSIONS, COMMON, CSRF, **sound) == []
    assert find(None, CORSGATE, check=check_deployment, **sound) == []


def test_each_kind_of_problem_has_an_id_of_its_own() -> None:
    of_flask = {"gate-missing", "gate-replaced", "gate-order", "settings-changed"}
    kinds = [*(CHECKS.keys() - of_flask), *errors.CODES]
    ids = [
        id_of(errors.Problem(code=code, field="", value="", message="", hint="")) for code in kinds
    ]
    numbers = [int(name.removeprefix("corsgate.")[1:]) for name in ids]
    assert len(set(numbers)) == len(kinds)


def test_ids_stay_what_they_are() -> None:
    def number(code: str) -> str:
        return id_of(errors.Problem(code=code, field="", value="", message="", hint=""))

    assert number("origin-empty") == "corsgate.E101"
    assert number("wildcard-credentials") == "corsgate.E123"
    assert number("path-repeated") == "corsgate.E141"


# ------------------------------------------------------------------ the middleware

MISSING = (
    "MIDDLEWARE: It lacks 'corsgate.django.CORSMiddleware', so no answer has CORS headers{}."
    " Put it first. [corsgate.E001]"
)


def test_a_middleware_that_is_missing_is_found_with_the_marks_that_wait_for_it() -> None:
    assert find(None, COMMON) == [MISSING.format("")]
    urls: URLs = [
        path("", hello),
        path("a/<int:id>", cors(allow_origins=APP)(hello)),
        path("group/", cors(allow_origins=APP)(include(([path("b", hello)], "group")))),
    ]
    what = ", and the @cors(...) of 'a/<int:id>' and 'group/b' has no effect"
    assert find(urls, COMMON, "nowhere.Middleware") == [MISSING.format(what)]


def test_the_middleware_is_known_under_other_names() -> None:
    assert find(None, "corsgate.django.middleware.CORSMiddleware") == []
    assert find(None, f"{__name__}.Own") == []
    assert find(None, CORSGATE, f"{__name__}.Own") == [
        f"MIDDLEWARE: '{__name__}.Own' is there twice. Keep the first. [corsgate.E002]"
    ]


@pytest.mark.parametrize(
    "name",
    [
        COMMON,
        LOCALE,
        "whitenoise.middleware.WhiteNoiseMiddleware",
        "django.middleware.cache.CacheMiddleware",
        "django.middleware.cache.FetchFromCacheMiddleware",
        "django.contrib.redirects.middleware.RedirectFallbackMiddleware",
        "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
        f"{__name__}.OwnCommon",
    ],
)
def test_what_can_answer_belongs_after_the_middleware(name: str) -> None:
    told = (
        f"MIDDLEWARE: {name!r} can answer before {CORSGATE!r} is asked, and that answer has no CORS"
        f" headers. Put {CORSGATE!r} first. [corsgate.W007]"
    )
    assert find(None, name, CORSGATE) == [told]
    assert find(None, CORSGATE, name) == []


def test_security_middleware_counts_where_it_redirects() -> None:
    assert find(None, SECURITY, CORSGATE) == []
    assert find(None, SECURITY, COMMON, CORSGATE, SECURE_SSL_REDIRECT=True) == [
        (
            f"MIDDLEWARE: {SECURITY!r} and {COMMON!r} can answer before {CORSGATE!r} is asked, and"
            f" that answer has no CORS headers. Put {CORSGATE!r} first. [corsgate.W007]"
        )
    ]
    assert find(None, CORSGATE, SECURITY, SECURE_SSL_REDIRECT=True) == []


def test_what_answers_in_process_view_may_stand_anywhere() -> None:
    middleware = [CSRF, f"{__name__}.function_middleware", CORSGATE]
    assert find(None, *middleware) == []
    # For the middleware around it sees that answer like any other.
    with settings_of([path("", hello)], middleware=middleware, CORS_ALLOW_ORIGINS=[APP]):
        answer = send_sync("POST", "/", {"Origin": APP})
    assert (answer.status, answer.cors) == (403, readable_by(APP))


def test_django_cors_headers_beside_it_is_found() -> None:
    assert find(None, CORSGATE, CORSHEADERS) == [
        (
            "MIDDLEWARE: django-cors-headers sets CORS headers too, and corsgate takes them out."
            " Keep one of the two. [corsgate.E003]"
        )
    ]


# ------------------------------------------------------------------ settings and marks

WILDCARD = (
    "'*' cannot be combined with credentials: every site could act as the user. Name the origins,"
    " or set {} here. [corsgate.E123]"
)


def test_each_problem_of_the_settings_is_told_at_the_name_of_its_setting() -> None:
    settings: dict[str, Any] = {
        "CORS_ALLOW_ALL_ORIGINS": True,
        "CORS_ALLOW_CREDENTIALS": True,
        "CORS_MAX_AGE": -1,
    }
    assert find(CORS_ALLOW_ORIGINS=None, **settings) == [
        (
            "CORS_MAX_AGE: -1 is negative or no whole number of seconds. Write a whole number of"
            " seconds, such as 600; 0 turns caching off. [corsgate.E133]"
        ),
        f"CORS_ALLOW_ALL_ORIGINS: {WILDCARD.format('CORS_ALLOW_CREDENTIALS = False')}",
    ]
    assert find(check=check_deployment, CORS_ALLOW_ORIGINS="*", CORS_ALLOW_CREDENTIALS=True) == []


def test_what_views_inherit_is_told_with_the_route() -> None:
    def public(request: HttpRequest) -> HttpResponse:
        return HttpResponse("public")

    view = cors(allow_origins="*")(public)
    told = f"view {__name__}.{public.__qualname__}: allow_origins:"
    assert find([path("a", view), path("b", view)], CORS_ALLOW_CREDENTIALS=True) == [
        f"route 'a', {told} {WILDCARD.format('allow_credentials=False')}"
    ]


def test_settings_and_urls_that_fail_to_load_are_told_and_do_not_stop_the_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "fails.py").write_text("1 / 0")
    (tmp_path / "marks.py").write_text(
        "from corsgate.django import cors\n\n@cors(max_age=-1)\ndef view(request): ..."
    )
    with override_settings(
        MIDDLEWARE=[CORSGATE, COMMON], CORS_POLICY="fails.policy", ROOT_URLCONF="fails"
    ):
        assert [f"{found.obj}: {found.msg} [{found.id}]" for found in check_project()] == [
            (
                "ROOT_URLCONF: It does not load, so no view was looked at:"
                " ZeroDivisionError: division by zero [corsgate.W006]"
            ),
            "CORS_*: They cannot be read: ZeroDivisionError: division by zero [corsgate.E005]",
        ]
        assert check_deployment() == []
    with override_settings(MIDDLEWARE=[CORSGATE], CORS_ALLOW_ORIGINS=[APP], ROOT_URLCONF="marks"):
        assert [f"{found.obj}: {found.msg} [{found.id}]" for found in check_project()] == [
            "max_age: -1 is negative or no whole number of seconds. [corsgate.E133]"
        ]


@pytest.mark.parametrize(
    ("settings", "name"),
    [({}, "CORS_ALLOW_ORIGINS"), ({"CORS_ALLOWED_ORIGINS": []}, "CORS_ALLOWED_ORIGINS")],
)
def test_a_project_that_allows_nothing_is_found(settings: dict[str, Any], name: str) -> None:
    told = (
        f"{name}: No origin is allowed anywhere, so no page of another origin can read an answer."
        " Name the origins of your pages here. [corsgate.W008]"
    )
    assert find(CORS_ALLOW_ORIGINS=None, **settings) == [told]
    urls: URLs = [path("", cors(allow_origins=APP)(hello))]
    assert find(urls, CORS_ALLOW_ORIGINS=None, **settings) == []
    assert find(CORS_ALLOW_ORIGINS=None, **settings, CORS_PATHS={"/a": None}) == []
    assert find(CORS_ALLOW_ORIGINS=None, **settings, CORS_GATE="report") == []


def test_options_of_a_gate_that_is_nowhere_on_are_found() -> None:
    assert find(CORS_WRITE_ORIGINS=PARTNER) == [
        (
            "write_origins: Only the gate reads it, and no gate is on anywhere. Write"
            ' gate="report", and later "enforce"; or leave it out. [corsgate.W016]'
        )
    ]
    assert find(CORS_WRITE_ORIGINS=PARTNER, CORS_GATE="report") == []


def test_a_policy_that_stands_alone_without_the_gate_of_the_project_is_found() -> None:
    def told(gate: str) -> str:
        return (
            f'It has a policy of its own without a gate, so the gate="{gate}" around it does not'
            f' hold there. Write gate="{gate}" in it; or give options'
            ' instead of a Policy, which inherit the gate, and where gate="off" says that it is'
            " meant. [corsgate.I015]"
        )

    class Thing(View):
        @cors(Policy(allow_origins=PARTNER))
        def get(self, request: HttpRequest) -> HttpResponse:
            return HttpResponse("thing")

        put = cors(allow_origins=PARTNER, gate="off")(lambda self, request: HttpResponse("thing"))

    alone = Policy(allow_origins=PARTNER)
    group: URLs = [path("a", hello), path("b", cors(gate="off")(hello)), path("c", hello)]
    urls: URLs = [
        path("plain", hello),
        path("alone", cors(Policy(allow_origins=APP))(hello)),
        path("gated", cors(Policy(allow_origins=PARTNER, gate="enforce"))(hello)),
        path("options", cors(allow_origins=PARTNER)(hello)),
        path("meant", cors(allow_origins=PARTNER, gate="off")(hello)),
        path("none", cors(None)(hello)),
        path("thing", Thing.as_view()),
        path("group/", cors(alone)(include(group))),
    ]
    paths = {"/x": Policy(allow_origins=APP), "/y": {"gate": "off"}, "/z": None}
    places = ["route 'alone'", "route 'thing'", "route 'group/a' and 1 more"]
    for given in (paths, [*paths.items()]):
        assert find(urls, CORS_GATE="enforce", CORS_PATHS=given) == [
            f"{place}: {told('enforce')}" for place in ("CORS_PATHS['/x']", *places)
        ]
    assert find(urls, CORS_GATE="report") == [f"{place}: {told('report')}" for place in places]
    assert find(urls, CORS_PATHS=paths) == []
    assert find(urls, CORS_ALLOW_ORIGINS=None, CORS_POLICY=lambda meta: alone) == []


def hiding(target: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that forgets `functools.wraps`."""
    return lambda *arguments: target(*arguments)


def test_a_mark_that_another_decorator_hides_is_found() -> None:
    class Thing(View):
        get = hiding(cors(allow_origins=PARTNER)(lambda self, request: HttpResponse("thing")))

    @method_decorator(cors(allow_origins=PARTNER), name="dispatch")
    class Other(View):
        pass

    shared = cors(allow_origins=PARTNER)

    @cors(allow_origins=PARTNER)
    class Marked(View):
        pass

    @cors(allow_origins=PARTNER)
    class Seen(View):
        pass

    urls: URLs = [
        path("hidden", hiding(cors(allow_origins=PARTNER)(hello))),
        path("method", Thing.as_view()),
        path("whole", hiding(Marked.as_view())),
        path("shared", hiding(shared(hello))),
        path("shared/seen", shared(hello)),
        path("seen", cors(allow_origins=PARTNER)(hello)),
        path("class", Other.as_view()),
        path("marked", Seen.as_view()),
    ]
    told = (
        "Its @cors(...) is hidden from routing by another decorator, so it has another policy. Put"
        " it above all other decorators. [corsgate.E004]"
    )
    hidden = ("hidden", "method", "whole", "shared")
    assert find(urls) == [f"route {name!r}: {told}" for name in hidden]


# ------------------------------------------------------------------ cookies and CSRF

ANOTHER_SITE = (
    "SESSION_COOKIE_SAMESITE: {} keeps the session cookie off requests from another site: {}. Write"
    " 'None' there, and True for SESSION_COOKIE_SECURE; or set allow_credentials=False."
    " [corsgate.W009]"
)
PERHAPS = (
    "SESSION_COOKIE_SAMESITE: With {} browsers send the session cookie within one site only, and"
    " whether these pages are on the site of this server is not known: {}. If one is not, write"
    " 'None' there, and True for SESSION_COOKIE_SECURE."
    " [corsgate.I011]"
)
HERE = {"ALLOWED_HOSTS": ["api.example.com", ".example.org"]}


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (HERE, ANOTHER_SITE.format("'Lax'", repr(EVIL))),
        (
            {**HERE, "SESSION_COOKIE_SAMESITE": "Strict"},
            ANOTHER_SITE.format("'Strict'", repr(EVIL)),
        ),
        (
            {**HERE, "SESSION_COOKIE_SAMESITE": False},
            ANOTHER_SITE.format("False, which Chrome takes for 'Lax',", repr(EVIL)),
        ),
        ({**HERE, "CORS_ALLOW_CREDENTIALS": False}, None),
        ({**HERE, "CORS_ALLOW_ORIGINS": [APP]}, None),
        ({**HERE, "SESSION_COOKIE_SAMESITE": "None", "SESSION_COOKIE_SECURE": True}, None),
        (
            {**HERE, "SESSION_COOKIE_SAMESITE": "None"},
            (
                "SESSION_COOKIE_SECURE: It is off, and browsers throw away a cookie with"
                " SameSite=None that is not Secure. Write True. [corsgate.W010]"
            ),
        ),
        ({"ALLOWED_HOSTS": ["*"], "CORS_ALLOW_ORIGINS": APP}, PERHAPS.format("'Lax'", repr(APP))),
        (
            {"ALLOWED_HOSTS": ["*"], "SESSION_COOKIE_DOMAIN": ".example.com"},
            ANOTHER_SITE.format("'Lax'", f"{EVIL!r} and {PARTNER!r}"),
        ),
        (
            {"ALLOWED_HOSTS": [], "DEBUG": True, "CORS_ALLOW_ORIGINS": APP},
            ANOTHER_SITE.format("'Lax'", repr(APP)),
        ),
        (
            {
                "ALLOWED_HOSTS": [],
                "DEBUG": True,
                "CORS_ALLOW_ORIGINS": ["http://localhost:3000", "http://127.0.0.1:3000"],
            },
            None,
        ),
    ],
)
def test_a_session_cookie_that_stays_behind_is_found(
    settings: dict[str, Any], found: str | None
) -> None:
    settings = {
        "CORS_ALLOW_ORIGINS": [APP, PARTNER, EVIL],
        "CORS_ALLOW_CREDENTIALS": True,
        **settings,
    }
    assert find(None, CORSGATE, SESSIONS, **settings) == ([found] if found else [])
    assert find(None, CORSGATE, **settings) == []


UNTRUSTED = (
    "CSRF_TRUSTED_ORIGINS: CsrfViewMiddleware answers 403 to POST, PUT, PATCH and DELETE from an"
    " origin that is not listed here, and these may send credentials: {}. Write"
    " CSRF_TRUSTED_ORIGINS = {}. [corsgate.W012]"
)


@pytest.mark.parametrize(
    ("origins", "trusted", "missing"),
    [
        ([APP, PARTNER], [APP], f"{PARTNER!r}"),
        ([APP, PARTNER], [], f"{APP!r} and {PARTNER!r}"),
        ([APP], ["https://*.example.com"], None),
        ([APP], ["http://*.example.com"], f"{APP!r}"),
        ([APP], ["https://*.example.org"], f"{APP!r}"),
        (["https://*.example.com"], ["https://*.example.com"], None),
        (["https://*.a.example.com"], ["https://*.example.com"], None),
        (["https://*.example.com"], [], "'https://*.example.com'"),
        (["http://localhost:*"], ["http://localhost:3000"], None),
        ([re.compile(r"https://a\d\.example\.com")], [], None),
    ],
)
def test_an_origin_that_django_refuses_to_take_posts_from_is_found(
    origins: list[Any], trusted: list[str], missing: str | None
) -> None:
    settings: dict[str, Any] = {"CORS_ALLOW_ORIGINS": origins, "CSRF_TRUSTED_ORIGINS": trusted}
    added = [origin for origin in origins if repr(origin) in (missing or "")]
    told = [UNTRUSTED.format(missing, [*trusted, *added])] if missing else []
    assert find(None, CORSGATE, CSRF, **settings, CORS_ALLOW_CREDENTIALS=True) == told
    assert find(None, CORSGATE, CSRF, **settings) == []
    assert find(None, CORSGATE, **settings, CORS_ALLOW_CREDENTIALS=True) == []
    reading: dict[str, Any] = {
        "CORS_ALLOW_CREDENTIALS": True,
        "CORS_ALLOW_METHODS": ["GET", "HEAD"],
    }
    assert find(None, CORSGATE, CSRF, **settings, **reading) == []


@pytest.mark.parametrize(
    ("gate", "writers", "missing"),
    [
        ("enforce", [APP], [APP]),
        ("enforce", [], []),
        ("enforce", None, [APP, PARTNER]),
        ("enforce", ["https://*.example.com"], [APP, PARTNER]),
        ("report", [APP], [APP, PARTNER]),
    ],
)
def test_an_origin_that_the_gate_keeps_from_posting_is_not_missed_there(
    gate: str, writers: list[str] | None, missing: list[str]
) -> None:
    settings: dict[str, Any] = {
        "CORS_ALLOW_ORIGINS": [APP, PARTNER],
        "CORS_ALLOW_CREDENTIALS": True,
        "CORS_GATE": gate,
        "CORS_WRITE_ORIGINS": writers,
    }
    told = [UNTRUSTED.format(" and ".join(map(repr, missing)), missing)] if missing else []
    assert find(None, CORSGATE, CSRF, **settings) == told


# ------------------------------------------------------------------ deployment


def test_origins_of_development_are_found_in_deployment_only() -> None:
    urls: URLs = [path("a/b", cors(allow_origins="http://localhost:1")(hello))]
    settings: dict[str, Any] = {
        "CORS_ALLOWED_ORIGINS": [APP, "http://localhost:3000"],
        "CORS_PATHS": {"/x": {"allow_origins": "http://intranet"}},
        "CORS_ALLOW_ORIGINS": None,
    }
    loopback = (
        "{}: {} is a development address: for a visitor that is whatever program runs on their own"
        " computer. Leave such addresses out where debug mode is off. [corsgate.W013]"
    )
    assert find(urls, check=check_deployment, **settings) == [
        loopback.format("CORS_ALLOWED_ORIGINS", "'http://localhost:3000'"),
        (
            "CORS_PATHS['/x']: Whoever is on the network can change a page that comes over http:"
            " 'http://intranet'. Write https://, or accept it with"
            " dangerously_allow=['insecure-origin']. [corsgate.W014]"
        ),
        loopback.format("route 'a/b'", "'http://localhost:1'"),
    ]
    assert find(urls, check=check_deployment, **settings, DEBUG=True) == []
    assert find(urls, **settings) == []


def test_a_gate_needs_the_names_of_its_site() -> None:
    told = (
        "ALLOWED_HOSTS: A stranger's page comes to this server under a name of its own (DNS"
        " rebinding), and then the gate takes it for this site. Name your hosts here; at least give"
        " the gate own_origins, which stop its writes. [corsgate.W017]"
    )
    options: dict[str, Any] = {"ALLOWED_HOSTS": ["*"], "CORS_GATE": "enforce"}
    assert find(check=check_deployment, **options) == [told]
    own = {"CORS_OWN_ORIGINS": ["https://api.example.com"]}
    for change in own, {"CORS_GATE": "report"}, {"ALLOWED_HOSTS": [".example.com"]}:
        assert find(check=check_deployment, **{**options, **change}) == []


# ------------------------------------------------------------------ as an application

PROJECT = """
import sys
from django.conf import settings
from django.core.management import execute_from_command_line

def refuse(get_response):
    return get_response

urlpatterns = []
settings.configure(
    INSTALLED_APPS=["corsgate.django"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["corsgate.django.CORSMiddleware"],
    CORS_ALLOW_ORIGINS=["http://localhost:3000"],
    CORS_MAX_AGE=int(sys.argv.pop()),
    SECRET_KEY="for tests only",
)
execute_from_command_line(sys.argv)
"""


def manage(tmp_path: Path, *words: str) -> tuple[int, str]:
    """What a project in a process of its own says, without what Django's own checks say."""
    (tmp_path / "manage.py").write_text(PROJECT)
    command = [sys.executable, str(tmp_path / "manage.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_the_application_registers_checks_for_security_and_for_deployment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "registered_checks", set())
    monkeypatch.setattr(registry, "deployment_checks", set())
    application = CORSGateConfig("corsgate.django", corsgate.django)
    assert (application.name, application.label) == ("corsgate.django", "corsgate")
    application.ready()
    with settings_of([], CORS_ALLOW_ORIGINS="http://localhost:3000", MIDDLEWARE=[COMMON]):
        assert [found.id for found in checks.run_checks(tags=["security"])] == ["corsgate.E001"]
        found = checks.run_checks(include_deployment_checks=True)
    assert sorted(str(one.id) for one in found) == ["corsgate.E001", "corsgate.W013"]


def test_an_installed_application_brings_the_checks_and_the_command(tmp_path: Path) -> None:
    assert manage(tmp_path, "check", "600") == (
        0,
        "System check identified no issues (0 silenced).\n",
    )
    status, output = manage(tmp_path, "check", "--tag", "security", "-1")
    assert (status, "CORS_MAX_AGE: (corsgate.E133) -1 is negative" in output) == (1, True)
    status, output = manage(tmp_path, "check", "--deploy", "600")
    assert (status, "CORS_ALLOW_ORIGINS: (corsgate.W013) 'http://localhost" in output) == (0, True)
    status, output = manage(tmp_path, "cors", "600")
    assert (status, output.splitlines()) == (0, ["ROUTE  METHODS  FROM  POLICY"])
