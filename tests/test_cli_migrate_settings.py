"""`corsgate migrate --django`: what settings become, and what is answered differently."""

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from answers import APP
from corsheaders.middleware import CorsMiddleware
from corsheaders.signals import check_request_enabled
from django.conf import settings as live
from django_project import CORSGATE, settings_of

from corsgate import Policy
from corsgate.cli._apps import settings_of_django
from corsgate.cli._compare import Difference
from corsgate.cli._move import Move
from corsgate.cli._move_django import compare_django, move_settings
from corsgate.django import CORSMiddleware

OLD = "corsheaders.middleware.CorsMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
COMMON = "django.middleware.common.CommonMiddleware"


def moved(**settings: Any) -> Move:
    return move_settings({"MIDDLEWARE": [OLD, COMMON], **settings})


def code_of(**settings: Any) -> list[str]:
    """What is written about CORS itself."""
    lines = moved(**settings).code.splitlines()
    return lines[lines.index("]") + 1 :]


def starts(settings: dict[str, Any], move: Move) -> bool:
    """Whether the project starts with what was written, pasted over what was there."""
    names: dict[str, Any] = dict(settings)
    exec(move.code, names)
    for line in move.code.splitlines():
        if line.startswith("# Take out: "):
            for name in line.removeprefix("# Take out: ").split(", "):
                del names[name]
    given = {name: names[name] for name in names if name.startswith("CORS_")}
    assert CORSGATE in names["MIDDLEWARE"]
    with settings_of([], **given):
        CORSMiddleware(lambda request: None)
    return True


def test_one_line_of_the_middleware_changes_and_one_application() -> None:
    settings = {
        "MIDDLEWARE": [SESSIONS, OLD, COMMON],
        "INSTALLED_APPS": ("django.contrib.auth", "corsheaders", "shop"),
        "CORS_ALLOWED_ORIGINS": [APP],
        "CORS_ALLOW_CREDENTIALS": True,
        "CORS_EXPOSE_HEADERS": None,
        "DEBUG": True,
    }
    move = move_settings(settings)
    assert move.code == (
        "MIDDLEWARE = [\n"
        '    "django.contrib.sessions.middleware.SessionMiddleware",\n'
        '    "corsgate.django.CORSMiddleware",  # in the place of corsheaders\n'
        '    "django.middleware.common.CommonMiddleware",\n'
        "]\n"
        "INSTALLED_APPS = [\n"
        '    "django.contrib.auth",\n'
        '    "corsgate.django",  # in the place of corsheaders: system checks, manage.py cors\n'
        '    "shop",\n'
        "]\n"
        "# Stay as they are: CORS_ALLOWED_ORIGINS, CORS_ALLOW_CREDENTIALS"
    )
    assert (move.notes, move.refused, move.paths) == ((), (), None)
    assert Policy(**move.options) == Policy(allow_origins=[APP], allow_credentials=True)
    assert starts(settings, move)


class OurOwn(CorsMiddleware):
    """What a project may have made of it."""


@pytest.mark.parametrize(
    ("before", "after", "comment", "notes"),
    [
        pytest.param([OLD], [CORSGATE], "in the place of corsheaders", [], id="alone"),
        pytest.param(
            [SECURITY, OLD], [SECURITY, CORSGATE], "in the place of corsheaders", [], id="second"
        ),
        pytest.param(
            ["no.such.Thing", SESSIONS, COMMON, SECURITY, OLD],
            ["no.such.Thing", SESSIONS, CORSGATE, COMMON, SECURITY],
            "moved up",
            [
                (
                    f"MIDDLEWARE: corsgate stands above {COMMON} now, which can answer by itself:"
                    " so its answers have the headers too."
                )
            ],
            id="after what answers",
        ),
        pytest.param(
            [COMMON],
            [CORSGATE, COMMON],
            "new",
            [f"MIDDLEWARE: {OLD} is not in it, so django-cors-headers has done nothing."],
            id="not there",
        ),
        pytest.param(
            [SESSIONS, "shop.cors.OurOwn", OLD, COMMON],
            [SESSIONS, CORSGATE, COMMON],
            "in the place of corsheaders",
            [f"MIDDLEWARE: shop.cors.OurOwn extends {OLD}: what it does besides is not moved."],
            id="derived, and twice",
        ),
        pytest.param([COMMON, CORSGATE, OLD], [COMMON, CORSGATE], "", [], id="ours is there"),
    ],
)
def test_the_middleware_stands_where_every_answer_passes_it(
    before: list[str],
    after: list[str],
    comment: str,
    notes: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = type(sys)("shop.cors")
    module.__dict__["OurOwn"] = OurOwn
    monkeypatch.setattr(OurOwn, "__module__", "shop.cors")
    monkeypatch.setitem(sys.modules, "shop", type(sys)("shop"))
    monkeypatch.setitem(sys.modules, "shop.cors", module)
    move = move_settings({"MIDDLEWARE": before})
    names: dict[str, Any] = {}
    exec(move.code, names)
    assert names["MIDDLEWARE"] == after
    assert [line.partition("  # ")[2] for line in move.code.splitlines() if "  # " in line] == (
        [comment] if comment else []
    )
    assert list(move.notes) == notes


def test_what_redirects_to_https_answers_too() -> None:
    names: dict[str, Any] = {}
    move = move_settings({"MIDDLEWARE": [SECURITY, OLD], "SECURE_SSL_REDIRECT": True})
    exec(move.code, names)
    assert names["MIDDLEWARE"] == [CORSGATE, SECURITY]


def test_where_it_is_sure_what_was_meant_that_is_written() -> None:
    settings = {
        "MIDDLEWARE": [OLD],
        "CORS_ALLOWED_ORIGINS": ["https://a.example/", "HTTPS://b.example", "null", APP],
        "CORS_ALLOW_METHODS": ("get", "PUT", "TRACE"),
        "CORS_ALLOW_HEADERS": ["Accept-Encoding", "x-a"],
        "CORS_EXPOSE_HEADERS": ["ETag", "Set-Cookie"],
        "CORS_PREFLIGHT_MAX_AGE": 60,
    }
    move = move_settings(settings)
    assert move.code.splitlines()[3:] == [
        f'CORS_ALLOWED_ORIGINS = ["https://a.example", "https://b.example", "null", "{APP}"]',
        'CORS_ALLOW_METHODS = ["GET", "PUT"]',
        'CORS_ALLOW_HEADERS = ["x-a"]',
        'CORS_EXPOSE_HEADERS = ["ETag"]',
        "# Stay as they are: CORS_PREFLIGHT_MAX_AGE",
    ]
    assert [line.rpartition(" ")[2] for line in move.refused] == [
        "[origin-path]",
        "[origin-upper-case]",
        "[method-case]",
        "[method-forbidden]",
        "[expose-forbidden]",
    ]
    assert move.refused[0] == (
        "CORS_ALLOWED_ORIGINS: 'https://a.example/' has a slash or path after the host and port:"
        " an origin ends before that. Write 'https://a.example'. [origin-path]"
    )
    assert move.notes == (
        "CORS_ALLOW_HEADERS: no browser ever sends 'Accept-Encoding', so it is left out.",
    )
    assert move.options["allow_origins"] == (
        "https://a.example",
        APP,
        "https://b.example",
        "null",
    )
    assert starts(settings, move)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (
            "https://App.example.com",
            "so far it let in nobody. Write 'https://app.example.com' if that was meant.",
        ),
        (
            "https://app.example.com:443",
            "so far it let in nobody. Write 'https://app.example.com' if that was meant.",
        ),
        ("https://[::1", "so far it let in nobody. Write 'https://[::1]' if that was meant."),
        ("https:///x", "so far it let in nobody."),
        ("", "so far it let in only 'null', which any site can be."),
        (
            "app.example.com",
            (
                "so far it let in only 'null', which any site can be. Write 'https://app.example.com'"
                " if that was meant."
            ),
        ),
        (
            "https://*.example.com",
            "so far it let in nobody; here it is a pattern. Write it if that was meant.",
        ),
        (
            "*",
            (
                "so far it let in only 'null', which any site can be; here it is every origin."
                " Write it if that was meant."
            ),
        ),
    ],
)
def test_what_let_nobody_in_is_left_out_until_somebody_decides(entry: str, why: str) -> None:
    settings = {"CORS_ORIGIN_WHITELIST": [entry, APP], "CORS_ALLOW_CREDENTIALS": True}
    assert code_of(**settings) == [
        "CORS_ORIGIN_WHITELIST = [",
        f'    # "{entry}" is left out: see below',
        f'    "{APP}",',
        "]",
        "# Stay as they are: CORS_ALLOW_CREDENTIALS",
    ]
    move = moved(**settings)
    assert move.refused == (f"CORS_ORIGIN_WHITELIST: {entry!r} is left out: {why}",)
    assert move.options["allow_origins"] == (APP,)
    assert starts({"MIDDLEWARE": [OLD], **settings}, move)


def test_one_text_was_a_list_of_letters() -> None:
    settings = {"CORS_ALLOWED_ORIGINS": f"{APP},https://b.example"}
    assert code_of(**settings) == [
        "CORS_ALLOWED_ORIGINS = [",
        f'    # "{APP},https://b.example" is left out: see below',
        "]",
    ]
    assert moved(**settings).refused == (
        (
            f"CORS_ALLOWED_ORIGINS: '{APP},https://b.example' is left out: it is one text, and"
            " django-cors-headers took each letter for an origin. Write a list if that was meant:"
            f' ["{APP}", "https://b.example"].'
        ),
    )


def test_what_cannot_be_told_is_left_to_the_project() -> None:
    settings = {"CORS_ALLOW_ALL_ORIGINS": True, "CORS_ALLOW_CREDENTIALS": True}
    assert code_of(**settings) == [
        "# Stay as they are: CORS_ALLOW_CREDENTIALS",
        "# Still to be changed: CORS_ALLOW_ALL_ORIGINS",
    ]
    move = moved(**settings)
    assert move.options == {}
    assert move.refused == (
        (
            "CORS_ALLOW_ALL_ORIGINS: '*' cannot be combined with credentials: every site could act"
            " as the user. Name the origins, or set CORS_ALLOW_CREDENTIALS = False here."
            " [wildcard-credentials]"
        ),
    )
    assert compare_django(settings) == []
    for name in ("CORS_ALLOWED_ORIGINS", "CORS_EXPOSE_HEADERS"):
        assert code_of(**{name: 5}) == [f"# Still to be changed: {name}"]
    assert code_of(CORS_ALLOWED_ORIGINS=[5]) == ["# Still to be changed: CORS_ALLOWED_ORIGINS"]


def test_settings_of_corsgate_stay() -> None:
    move = moved(CORS_PATHS={"/x/*": None}, CORS_ALLOWED_ORIGINS=[APP])
    assert move.code.splitlines()[-1] == "# Stay as they are: CORS_PATHS, CORS_ALLOWED_ORIGINS"
    assert move.notes == ()


def test_of_two_names_the_one_stays_that_has_counted() -> None:
    settings = {
        "CORS_ORIGIN_WHITELIST": ["https://old.example"],
        "CORS_ALLOWED_ORIGINS": [APP],
        "CORS_ORIGIN_REGEX_WHITELIST": [r"https://\d\.example\.com"],
    }
    assert code_of(**settings) == [
        "# Stay as they are: CORS_ALLOWED_ORIGINS, CORS_ORIGIN_REGEX_WHITELIST",
        "# Take out: CORS_ORIGIN_WHITELIST",
    ]
    assert moved(**settings).refused == (
        (
            "CORS_ORIGIN_WHITELIST: CORS_ALLOWED_ORIGINS is set too, and only that has counted."
            " Take CORS_ORIGIN_WHITELIST out."
        ),
    )
    assert starts({"MIDDLEWARE": [OLD], **settings}, moved(**settings))


def test_compiled_regexes_are_written_with_their_flags() -> None:
    regex = re.compile(r"https://\d\.example\.com", re.IGNORECASE)
    settings = {"CORS_ALLOWED_ORIGIN_REGEXES": [regex, regex.pattern], "CORS_URLS_REGEX": regex}
    assert code_of(**settings) == [
        "# Stay as they are: CORS_ALLOWED_ORIGIN_REGEXES, CORS_URLS_REGEX"
    ]
    lists = {"CORS_ALLOWED_ORIGINS": [APP + "/", regex]}
    assert moved(**lists).code.splitlines()[0] == "import re"
    assert code_of(**lists) == [
        (
            f'CORS_ALLOWED_ORIGINS = ["{APP}", '
            r're.compile(r"https://\d\.example\.com", re.IGNORECASE)]'
        )
    ]
    assert starts({"MIDDLEWARE": [OLD], **lists}, moved(**lists))


@pytest.mark.parametrize(
    ("settings", "note"),
    [
        (
            {"CORS_ALLOW_PRIVATE_NETWORK": True},
            "CORS_ALLOW_PRIVATE_NETWORK: no browser sends the private-network header any more.",
        ),
        (
            {"CORS_MODEL": "shop.Site"},
            "CORS_MODEL: it is no setting of django-cors-headers, and none of corsgate.",
        ),
        (
            {"CORS_ALLOWED_ORIGINS": ["file://", APP]},
            "CORS_ALLOWED_ORIGINS: no browser ever sends 'file://', so it is left out.",
        ),
        (
            {"CORS_ORIGIN_REGEX_WHITELIST": r"^https://app\.example\.com$"},
            (
                "CORS_ORIGIN_REGEX_WHITELIST: it is one text, of which django-cors-headers took"
                " each letter for a regular expression: ^ let every site in. Here it is one."
            ),
        ),
        (
            {"CORS_ALLOWED_ORIGIN_REGEXES": [r"https://app\.example\.com"]},
            (
                r'CORS_ALLOWED_ORIGIN_REGEXES: re.compile(r"https://app\.example\.com") let every'
                " origin in that begins so, such as https://app.example.com.evil.test; here it has"
                " to match the whole origin."
            ),
        ),
    ],
    ids=["private network", "no setting", "file", "text", "regex"],
)
def test_what_means_something_else_is_said(settings: dict[str, Any], note: str) -> None:
    assert moved(**settings).notes == (note,)


@pytest.mark.parametrize("regex", [r"^https://app\.example\.com$", ".*", "(", 5, re.compile(b"x")])
def test_nothing_is_said_of_other_regexes(regex: Any) -> None:
    assert moved(CORS_ALLOWED_ORIGIN_REGEXES=[regex]).notes == ()


@pytest.fixture
def receiver() -> Iterator[list[object]]:
    asked: list[object] = []

    def allow_all(sender: object, request: object, **kwargs: object) -> bool:
        asked.append(request)
        return True

    check_request_enabled.connect(allow_all)
    yield asked
    check_request_enabled.disconnect(allow_all)


def test_receivers_of_the_signal_are_named_and_not_called(receiver: list[object]) -> None:
    assert moved().notes == (
        (
            "The signal check_request_enabled has receivers, which corsgate does not ask: put a"
            " function (origin, environ) -> bool among the origins, or use CORS_PATHS."
        ),
    )
    assert compare_django({"CORS_ALLOWED_ORIGINS": [APP]})
    assert receiver == []


def test_a_project_without_the_package_has_no_receivers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "corsheaders.signals")
    assert moved().notes == ()


# ------------------------------------------------------------------ what is answered differently


def pairs(found: list[Difference], origin: str = "") -> set[tuple[str, str]]:
    return {(one.old, one.new) for one in found if origin in one.request}


OF_PREFLIGHTS = {
    ("200", "204"),
    ("200", "403"),
    ("Access-Control-Max-Age: 86400", "Access-Control-Max-Age: 600"),
    (
        "Access-Control-Allow-Methods: DELETE, GET, OPTIONS, PATCH, POST, PUT",
        "Access-Control-Allow-Methods: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
    ),
    (
        "Vary: Origin",
        "Vary: Access-Control-Request-Headers, Access-Control-Request-Method, Origin",
    ),
}


def test_a_list_of_origins_differs_in_nothing_that_a_browser_notices() -> None:
    found = compare_django({"CORS_ALLOWED_ORIGINS": [APP], "CORS_ALLOW_CREDENTIALS": True})
    assert pairs(found) == OF_PREFLIGHTS
    assert {one.lets_through for one in found} == {None}
    same = {"CORS_PREFLIGHT_MAX_AGE": 60, "CORS_ALLOW_METHODS": ["PUT"]}
    fewer = compare_django({"CORS_ALLOWED_ORIGINS": [APP], **same})
    assert pairs(fewer) < OF_PREFLIGHTS
    assert len(fewer) == 3


def test_where_django_cors_headers_fails_it_has_let_nobody_in() -> None:
    found = compare_django({"CORS_ALLOWED_ORIGINS": ["https://[::1", APP]})
    assert [one.lets_through for one in found if APP in one.request][:1] == [True]
    assert ("500", "200") in pairs(found)


def test_strangers_that_a_regex_let_in_are_blocked() -> None:
    found = compare_django({"CORS_ALLOWED_ORIGIN_REGEXES": [r"https://pr-1\.example\.com"]})
    (blocked,) = [one for one in found if one.lets_through is False]
    assert "https://pr-1.example.com:8443" in blocked.request
    assert not [one for one in found if one.lets_through]

    found = compare_django({"CORS_ALLOWED_ORIGIN_REGEXES": r"^https://pr-1\.example\.com$"})
    requests = [one.request for one in found if one.lets_through is False]
    assert any("https://stranger.test" in request for request in requests)


@pytest.mark.parametrize(
    ("entry", "blocked"),
    [
        ("https://*.example.com", set()),
        ("https://App.example.com", set()),
        (APP, set()),
        ("*", {"null"}),
        ("app.example.com", {"null"}),
    ],
)
def test_nobody_is_let_in_who_was_not(entry: str, blocked: set[str]) -> None:
    found = compare_django({"CORS_ALLOWED_ORIGINS": [entry]})
    assert not [one for one in found if one.lets_through]
    lost = [one for one in found if one.lets_through is False]
    assert {one.request.rpartition(" from ")[2] for one in lost} == blocked


@pytest.mark.parametrize(
    ("regex", "path"), [(r"^/api/.*$", "/api/"), ("^/x$", "/x"), (r"^.*$", ""), ("(?=/)/y", "/y")]
)
def test_a_path_that_the_regex_for_urls_is_about_is_asked_for(regex: str, path: str) -> None:
    found = compare_django({"CORS_ALLOWED_ORIGINS": [APP], "CORS_URLS_REGEX": regex})
    assert {one.request.rpartition(" to ")[2] for one in found if " to " in one.request} == (
        {path} if path else set()
    )


def test_the_process_is_left_as_it_was(
    caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    caplog.set_level(logging.INFO)
    before = live._wrapped
    assert compare_django({"CORS_ALLOWED_ORIGINS": ["file://"], "CORS_ALLOW_HEADERS": ["dnt"]})
    assert live._wrapped is before
    assert caplog.records == []
    assert list(recwarn) == []
    assert not logging.getLogger("corsgate").disabled


# ------------------------------------------------------------------ the project


PROJECT = f"MIDDLEWARE = ['{OLD}']\nCORS_ALLOWED_ORIGINS = ['{APP}']\nSECRET_KEY = 'x'\n"
ASK = """
from corsgate.cli._apps import settings_of_django
from corsgate.cli._move_django import compare_django, move_settings
settings = settings_of_django("shop_settings")
print(move_settings(settings).code)
print(len(compare_django(settings)))
"""


def test_a_project_is_read_that_was_not_yet_started(tmp_path: Path) -> None:
    (tmp_path / "shop_settings.py").write_text(PROJECT)
    command = [sys.executable, "-c", ASK]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout == (
        "MIDDLEWARE = [\n"
        f'    "{CORSGATE}",  # in the place of corsheaders\n'
        "]\n"
        "# Stay as they are: CORS_ALLOWED_ORIGINS\n"
        f"{len(OF_PREFLIGHTS)}\n"
    )


def test_settings_need_no_project_of_their_own() -> None:
    command = [sys.executable, "-c", ASK.replace('settings_of_django("shop_settings")', "{}")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.stderr, done.stdout.splitlines()[1]) == ("", f'    "{CORSGATE}",  # new')


def test_the_settings_of_the_project_in_this_process_are_read() -> None:
    with settings_of([], CORS_ALLOWED_ORIGINS=[APP]):
        assert settings_of_django("")["CORS_ALLOWED_ORIGINS"] == [APP]
