"""What the middleware reads from the settings, and what it says where they are wrong."""

import asyncio
import re
import subprocess
import sys
import threading
from typing import Any

import pytest
from answers import APP, DENIED, EVIL, NOTHING, PARTNER, REFUSED, goes_on, readable_by
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, RequestFactory, override_settings
from django.urls import include, path, resolve
from django_project import CORSGATE, URLs, send_async, send_sync, settings_of

from corsgate import Policy
from corsgate.django import CORSMiddleware, cors
from corsgate.django.conf import current_rules


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello")


URLS: URLs = [path("", hello), path("api/x", hello), path("static/f", hello), path("s/f", hello)]


def seen(origin: str | None = APP, url: str = "/", /, **settings: Any) -> dict[str, object]:
    """The CORS headers and Vary of an answer under these settings."""
    with settings_of(URLS, **settings):
        headers: dict[str, str] = {} if origin is None else {"Origin": origin}
        return send_sync("GET", url, headers).cors


def preflight(origin: str = APP, /, **settings: Any) -> tuple[int, dict[str, object]]:
    with settings_of(URLS, **settings):
        answer = send_sync(
            "OPTIONS", "/", {"Origin": origin, "Access-Control-Request-Method": "PUT"}
        )
        return answer.status, answer.cors


def problems(**settings: Any) -> list[str]:
    """The lines of the error that stops the start."""
    with settings_of(URLS, **settings), pytest.raises(ImproperlyConfigured) as caught:
        CORSMiddleware(hello)
    return [line.strip() for line in str(caught.value).removeprefix("corsgate: ").splitlines()]


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"CORS_ALLOW_ORIGINS": [APP]}, id="ours"),
        pytest.param({"CORS_ALLOW_ORIGINS": f"{APP}, https://b.example"}, id="one text"),
        pytest.param({"CORS_ALLOW_ORIGINS": re.compile(re.escape(APP))}, id="one regex"),
        pytest.param({"CORS_ALLOW_ORIGINS": lambda origin, meta: origin == APP}, id="a callable"),
        pytest.param({"CORS_ALLOWED_ORIGINS": (APP,)}, id="django-cors-headers"),
        pytest.param({"CORS_ORIGIN_WHITELIST": [APP]}, id="its old name"),
        pytest.param(
            {"CORS_ALLOWED_ORIGIN_REGEXES": [r"^https://app\.example\.com$"]}, id="regexes"
        ),
        pytest.param(
            {"CORS_ORIGIN_REGEX_WHITELIST": r"https://app\.example\.com"}, id="old regexes"
        ),
        pytest.param({"CORS_POLICY": Policy(allow_origins=APP)}, id="a policy"),
        pytest.param({"CORS_POLICY": lambda meta: Policy(allow_origins=APP)}, id="a source"),
        pytest.param({"CORS_POLICY": f"{__name__}.POLICY"}, id="a dotted path"),
        pytest.param(
            {"CORS_ALLOW_ORIGINS": None, "CORS_ALLOWED_ORIGINS": [APP]}, id="None is none"
        ),
    ],
)
def test_origins_may_be_given_under_each_name(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__, _this_module()))
    assert seen(**settings) == readable_by(APP)
    assert seen(EVIL, **settings) == DENIED
    assert seen(None, **settings) == DENIED


POLICY = Policy(allow_origins=APP)


def _this_module() -> Any:
    """What a dotted path finds: pytest imports test files without a name in sys.modules."""
    module = type(sys)(__name__)
    module.__dict__["POLICY"] = POLICY
    return module


@pytest.mark.parametrize("name", ["CORS_ALLOW_ALL_ORIGINS", "CORS_ORIGIN_ALLOW_ALL"])
def test_all_origins_wins_over_a_list(name: str) -> None:
    anybody = {"access-control-allow-origin": "*"}
    assert seen(EVIL, CORS_ALLOWED_ORIGINS=[APP], **{name: True}) == anybody
    assert seen(EVIL, CORS_ALLOWED_ORIGINS=[APP], **{name: False}) == DENIED


def test_no_setting_allows_nobody_and_varies_by_nothing() -> None:
    assert seen() == NOTHING
    assert preflight() == (403, REFUSED)


@pytest.mark.parametrize(
    ("settings", "max_age"),
    [
        ({}, "600"),
        ({"CORS_MAX_AGE": 5}, "5"),
        ({"CORS_MAX_AGE": "7"}, "7"),
        ({"CORS_PREFLIGHT_MAX_AGE": 86400}, "86400"),
        ({"CORS_PREFLIGHT_MAX_AGE": 0}, None),
        ({"CORS_MAX_AGE": 0}, "0"),
    ],
)
def test_max_age_has_two_names_and_0_means_what_each_library_says(
    settings: dict[str, Any], max_age: str | None
) -> None:
    answer = preflight(CORS_ALLOW_ORIGINS=APP, **settings)
    assert answer == (204, goes_on(APP, max_age=max_age))


def test_overriding_a_setting_takes_effect_at_once_and_ends_with_the_block() -> None:
    assert seen(CORS_ALLOW_ORIGINS=APP) == readable_by(APP)
    assert seen(CORS_ALLOW_ORIGINS=PARTNER) == DENIED
    with settings_of(URLS):
        assert current_rules() is current_rules()


def test_the_urls_regex_says_where_and_a_mark_beats_it() -> None:
    settings: dict[str, Any] = {"CORS_ALLOW_ORIGINS": APP, "CORS_URLS_REGEX": r"^/api/"}
    assert seen(APP, "/api/x", **settings) == readable_by(APP)
    assert seen(APP, "/", **settings) == NOTHING
    marked: URLs = [path("m", cors(allow_origins=PARTNER)(hello))]
    with settings_of(marked, **settings):
        assert send_sync("GET", "/m", {"Origin": PARTNER}).cors == readable_by(PARTNER)


def test_paths_have_policies_that_inherit_or_stand_alone() -> None:
    paths = {"/api/*": {"allow_origins": PARTNER}, "/static/*": None}
    settings: Any = {"CORS_ALLOW_ORIGINS": APP, "CORS_ALLOW_CREDENTIALS": True, "CORS_PATHS": paths}
    expected = readable_by(PARTNER, Access_Control_Allow_Credentials="true")
    assert seen(PARTNER, "/api/x", **settings) == expected
    assert seen(APP, "/static/f", **settings) == NOTHING


WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"


@pytest.mark.parametrize(
    ("settings", "url", "exempt"),
    [
        ({"STATIC_URL": "/static/"}, "/static/f", True),
        ({"STATIC_URL": "https://cdn.example/s/"}, "/s/f", True),
        ({"STATIC_URL": "/pre/s/", "FORCE_SCRIPT_NAME": "/pre"}, "/s/f", True),
        ({"STATIC_URL": "/static/"}, "/api/x", False),
        ({"STATIC_URL": "/"}, "/static/f", False),
        ({"STATIC_URL": None}, "/static/f", False),
        ({"STATIC_URL": "/static/", "CORS_PATHS": {"/static/*": {}}}, "/static/f", False),
    ],
)
def test_with_whitenoise_its_static_files_are_its_own(
    settings: dict[str, Any], url: str, exempt: bool
) -> None:
    with settings_of(URLS, middleware=[CORSGATE], CORS_ALLOW_ORIGINS=APP, **settings):
        assert isinstance(current_rules().find(url), Policy)
    # Only its name in the list counts here; the real one is in the tests of the ecosystem.
    with settings_of(URLS, middleware=[CORSGATE, WHITENOISE], CORS_ALLOW_ORIGINS=APP, **settings):
        assert (current_rules().find(url) is None) is exempt


# ------------------------------------------------------------------ what is wrong


def test_every_problem_is_in_one_error_under_the_name_of_its_setting() -> None:
    lines = problems(
        CORS_ALLOWED_ORIGINS=["https://a.example/", APP],
        CORS_ALLOWED_ORIGIN_REGEXES=["(", r"https://.*\.com"],
        CORS_ALLOW_CREDENTIALS=True,
        CORS_ALLOW_ALL_ORIGINS=True,
        CORS_PREFLIGHT_MAX_AGE=-1,
        CORS_ALLOW_METHODS=["patch"],
        CORS_ALOW_HEADERS=["x"],
        CORS_PATHS={"api": None},
        CORS_URLS_REGEX="(",
        CORS_EXPOSE_HEADERS=5,
    )
    assert lines[0] == f"{len(lines) - 1} problems:"
    assert {line.partition(":")[0] for line in lines[1:]} == {
        "CORS_ALLOWED_ORIGINS",
        "CORS_ALLOWED_ORIGIN_REGEXES",
        "CORS_ALLOW_ALL_ORIGINS",
        "CORS_PREFLIGHT_MAX_AGE",
        "CORS_ALLOW_METHODS",
        "CORS_ALOW_HEADERS",
        "CORS_PATHS",
        "CORS_URLS_REGEX",
        "CORS_EXPOSE_HEADERS",
    }
    assert any("Write 'https://a.example'." in line for line in lines)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        pytest.param(
            {"CORS_ALLOW_ORIGINS": [APP], "CORS_ALLOWED_ORIGINS": [APP]},
            "CORS_ALLOWED_ORIGINS: It is set together with CORS_ALLOW_ORIGINS",
            id="two names",
        ),
        pytest.param(
            {"CORS_POLICY": Policy(), "CORS_ALLOWED_ORIGINS": [APP], "CORS_MAX_AGE": 1},
            "CORS_POLICY: It is set together with CORS_ALLOWED_ORIGINS, CORS_MAX_AGE",
            id="a policy and options",
        ),
        pytest.param(
            {"CORS_POLICY": "no.such.policy"}, "CORS_POLICY: 'no.such.policy' cannot", id="no path"
        ),
        pytest.param({"CORS_POLICY": 5}, "CORS_POLICY: 5 is no policy", id="no policy"),
        pytest.param(
            {"CORS_ALLOW_ALL_ORIGINS": "yes"}, "CORS_ALLOW_ALL_ORIGINS: 'yes' is no bool", id="bool"
        ),
        pytest.param(
            {"CORS_ALLOWED_ORIGIN_REGEXES": 5},
            "CORS_ALLOWED_ORIGIN_REGEXES: 5 cannot be read as a regular expression",
            id="no regex",
        ),
        pytest.param(
            {"CORS_URLS_REGEX": 5}, "CORS_URLS_REGEX: 5 cannot be read as a regular", id="no urls"
        ),
        pytest.param(
            {"CORS_ORIGINS": [APP]}, "CORS_ORIGINS: corsgate has no such option", id="Flask-Cors"
        ),
        pytest.param(
            {"CORS_ALLOW_ORIGINS": [APP], "CORS_PATHS": {"/a": {"max_age": -1}}},
            "CORS_PATHS['/a'].max_age: -1 is negative",
            id="inside of paths",
        ),
    ],
)
def test_a_wrong_setting_stops_the_start_by_its_name(settings: dict[str, Any], line: str) -> None:
    assert any(found.startswith(line) for found in problems(**settings))


def test_a_name_in_a_module_among_the_origins_is_told_of_the_policy() -> None:
    (line,) = problems(CORS_ALLOW_ORIGINS="json.cors.policy")
    assert line == (
        "CORS_ALLOW_ORIGINS: 'json.cors.policy' has no scheme. Write CORS_POLICY ="
        " 'json.cors.policy' for a policy in a module, 'https://json.cors.policy' for an origin."
        " [origin-no-scheme]"
    )
    for host in ("no-module.example", "localhost"):
        (line,) = problems(CORS_ALLOWED_ORIGINS=[host])
        assert f"://{host}'. [" in line


def test_a_wrong_setting_stops_a_real_start() -> None:
    script = (
        "from django.conf import settings\n"
        "settings.configure(MIDDLEWARE=['corsgate.django.CORSMiddleware'],\n"
        "    CORS_ALLOW_ORIGINS=['https://app.example.com/'])\n"
        "from django.core.wsgi import get_wsgi_application\n"
        "get_wsgi_application()\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == 1
    last = ended.stderr.strip().splitlines()[-1]
    assert last.startswith(
        "django.core.exceptions.ImproperlyConfigured: corsgate: CORS_ALLOW_ORIGI"
    )
    assert "Write 'https://app.example.com'." in last


def test_what_old_projects_have_copied_is_dropped_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="accept-encoding, dnt, which no page can set"):
        _, headers = preflight(
            CORS_ALLOW_ORIGINS=APP, CORS_ALLOW_HEADERS=["accept-encoding", "dnt", "x-a"]
        )
    assert headers["access-control-allow-headers"] == frozenset({"x-a"})
    with pytest.warns(UserWarning, match="CORS_ALLOWED_ORIGINS has 'file://'"):
        assert seen(CORS_ALLOWED_ORIGINS=["file://", APP]) == readable_by(APP)
    with pytest.warns(UserWarning, match="CORS_ALLOW_PRIVATE_NETWORK has no effect"):
        assert seen(CORS_ALLOW_ORIGINS=APP, CORS_ALLOW_PRIVATE_NETWORK=True) == readable_by(APP)
    with pytest.warns(UserWarning, match="CORS_SOMETHING_ELSE"):
        assert seen(CORS_ALLOW_ORIGINS=APP, CORS_SOMETHING_ELSE=1) == readable_by(APP)


# ------------------------------------------------------------------ the middleware itself


@pytest.mark.parametrize("kind", ["origin", "source"])
def test_callables_never_run_in_the_thread_of_the_event_loop(kind: str) -> None:
    threads: list[int] = []

    def ask(*arguments: Any) -> Any:
        threads.append(threading.get_ident())
        return True if kind == "origin" else Policy(allow_origins=APP)

    async def asked() -> int:
        client = AsyncClient()
        response = await client.get("/", headers={"Origin": APP})
        assert response["Access-Control-Allow-Origin"] == APP
        asking = {"Origin": APP, "Access-Control-Request-Method": "PUT"}
        assert (await client.options("/", headers=asking)).status_code == 204
        return threading.get_ident()

    name = "CORS_ALLOW_ORIGINS" if kind == "origin" else "CORS_POLICY"
    changes: Any = {name: ask}
    with settings_of(URLS, **changes):
        loop = asyncio.run(asked())
    assert threads
    assert loop not in threads


@pytest.mark.parametrize("send", [send_sync, send_async])
def test_a_preflight_of_a_view_without_a_policy_is_the_views_own(send: Any) -> None:
    def own(request: HttpRequest) -> HttpResponse:
        return HttpResponse("own", headers={"Access-Control-Allow-Origin": EVIL})

    with settings_of([path("own", cors(None)(own))], CORS_ALLOW_ORIGINS=APP):
        asking = {"Origin": EVIL, "Access-Control-Request-Method": "PUT"}
        answer = send("OPTIONS", "/own", asking)
    assert (answer.status, answer.body) == (200, b"own")
    assert answer.cors == {"access-control-allow-origin": EVIL}


def test_options_that_do_not_go_together_are_an_error_that_names_the_view() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse("never")

    urls: URLs = [path("x", cors(allow_origins="*")(view))]
    settings: Any = {"CORS_ALLOW_ORIGINS": APP, "CORS_ALLOW_CREDENTIALS": True}
    with settings_of(urls, **settings), pytest.raises(ImproperlyConfigured) as caught:
        CORSMiddleware(view)(_request("/x", urls))
    assert "wildcard-credentials" in str(caught.value)
    assert "test_django_settings" in str(caught.value)


def _request(url: str, urls: list[Any]) -> HttpRequest:
    request = RequestFactory().get(url, headers={"Origin": EVIL})
    request.resolver_match = resolve(url)
    return request


def test_a_urlconf_that_is_broken_is_djangos_to_report() -> None:
    broken = override_settings(
        ROOT_URLCONF="no.such.module", CORS_ALLOW_ORIGINS=APP, CORS_PATHS={"/a": None}
    )
    with broken:
        request = RequestFactory().get("/", headers={"Origin": APP})
        response = CORSMiddleware(hello)(request)
    assert isinstance(response, HttpResponse)
    assert response["Access-Control-Allow-Origin"] == APP


@pytest.mark.parametrize("send", [send_sync, send_async])
def test_without_any_mark_nothing_is_routed_for_cors(
    send: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("corsgate.django.routing._marks_made", 0)
    monkeypatch.setattr("corsgate.django.routing._hits", None)
    with settings_of(URLS, CORS_ALLOW_ORIGINS=APP):
        assert send("GET", "/", {"Origin": APP}).cors == readable_by(APP)
        assert send("GET", "/nowhere", {"Origin": APP}).cors == readable_by(APP)
        asking = {"Origin": APP, "Access-Control-Request-Method": "PUT"}
        assert send("OPTIONS", "/", asking).cors == goes_on(APP)


def test_a_policy_of_a_group_is_for_the_groups_in_it_too() -> None:
    inner: URLs = [path("x", hello)]
    group: URLs = [path("b/", include(inner)), path("y", hello)]
    with settings_of([path("a/", cors(allow_origins=PARTNER)(include(group)))]):
        for url in ("/a/b/x", "/a/y"):
            assert send_sync("GET", url, {"Origin": PARTNER}).cors == readable_by(PARTNER)


def test_a_marked_view_may_be_called_by_hand_and_by_another_view() -> None:
    marked = cors(allow_origins=PARTNER)(hello)
    assert marked(RequestFactory().get("/")).content == b"hello"

    def calling(request: HttpRequest) -> HttpResponse:
        return marked(request)

    urls: URLs = [path("calls", calling), path("in/", include([path("own", marked)]))]
    with settings_of(urls, CORS_ALLOW_ORIGINS=APP):
        answer = send_sync("GET", "/calls", {"Origin": APP})
        assert (answer.status, answer.body) == (200, b"hello")
        assert answer.cors == readable_by(APP)
    with settings_of(urls[:1], CORS_ALLOW_ORIGINS=APP):
        request = RequestFactory().get("/calls")
        request.resolver_match = resolve("/calls")
        with pytest.raises(ImproperlyConfigured, match="hidden from routing by another decorator"):
            calling(request)
