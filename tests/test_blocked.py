"""The tables of docs/blocked.rst and README.rst: what consoles say, why, and the fix that helps."""

import logging
import re
import shlex
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from browser_server import Clock, Servers
from pages import read_page, tables
from setups import API, INCLUDE, ME, PAGE, PUT, SETUPS, answering, corsgate
from test_browser import CONSOLES

from corsgate import PolicyError
from corsgate.browser import Browser, FetchError
from corsgate.browser._errors import CORS_FAILURES
from corsgate.wsgi import CORSMiddleware

README, GUIDE = read_page("README"), read_page("docs/blocked")
NAMES = {"Chromium": "chromium", "Firefox": "firefox", "Safari": "webkit"}
BROWSERS = tuple(NAMES.values())


def shown_in(text: str) -> dict[str, dict[str, str]]:
    """The texts that stand together, by browser, under the name of the set-up that they are of."""
    found = re.findall(r"^\.\. texts: (.+)\n\n((?:\| .+\n)+)", text, re.MULTILINE)
    return {
        key: {NAMES[name]: said for name, said in re.findall(r"\| (\w+): ``(.+)``\n", lines)}
        for key, lines in found
    }


def error_of(key: str) -> FetchError:
    with pytest.raises(FetchError) as info:
        SETUPS[key].ask(fixed=False)
    return info.value


def texts_of(error: FetchError) -> dict[str, str]:
    texts = {name: getattr(error, name) for name in BROWSERS}
    return {name: text for name, text in texts.items() if text is not None}


# ------------------------------------------------------------------ docs/blocked.rst

*CAUSES, LOOKALIKES, SILENT = tables(GUIDE)


@pytest.mark.parametrize("key", SETUPS)
def test_the_broken_one_is_blocked_and_the_fix_helps(key: str) -> None:
    assert error_of(key).code == SETUPS[key].code
    SETUPS[key].ask(fixed=True)


def test_each_cause_of_the_guide_is_a_set_up_and_the_other_way_round() -> None:
    assert all(table.header == ["cause", "how to see it", "what to write"] for table in CAUSES)
    assert all(all(map(all, table.rows)) for table in (*CAUSES, LOOKALIKES, SILENT))
    causes = [row[0] for table in CAUSES for row in table.rows]
    assert len(causes) == len({*causes})
    # What no application can be made to do.
    elsewhere = {"server down or TLS", "Content-Security-Policy", "local network", "an extension"}
    alike = {row[0] for row in LOOKALIKES.rows}
    assert {*causes} | (alike - elsewhere) == {*SETUPS}


def test_each_text_of_the_guide_is_what_the_browsers_say() -> None:
    shown = shown_in(GUIDE)
    assert shown == {key: texts_of(error_of(key)) for key in shown}
    codes = {SETUPS[key].code for key in shown}
    assert codes >= {*CORS_FAILURES} - {"authorization"}  # which reads as "header" does


def test_the_look_alikes_say_what_the_guide_says() -> None:
    assert LOOKALIKES.header == ["cause", "Chromium", "Firefox", "Safari", "what to do"]
    for key, *cells, _ in LOOKALIKES.rows:
        if key in SETUPS:
            for name, text in texts_of(error_of(key)).items():
                [fragment] = re.findall("``(.+?)``", cells[BROWSERS.index(name)])
                assert fragment in text


def test_the_line_of_the_log_is_the_real_one(caplog: pytest.LogCaptureFixture) -> None:
    app = corsgate(debug=True)
    Browser({API: app}, origin=PAGE).fetch(ME)
    with pytest.raises(FetchError):
        Browser({API: app}, origin="http://app.example.com").fetch(ME)
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    [line] = re.findall(r":name: log\n\n +(.+)\n\n", GUIDE)
    assert record.getMessage() == line


def test_the_requests_by_hand_are_those_of_a_browser() -> None:
    [commands] = re.findall(r":name: curl\n\n((?: +curl .+\n)+)", GUIDE)
    page = Browser({API: corsgate()}, origin=PAGE)
    page.fetch(ME, method="PUT", json={})
    assert len(page.exchanges) == 2
    for line, (request, _) in zip(commands.splitlines(), page.exchanges, strict=True):
        words = shlex.split(line)
        headers = [words[at + 1].partition(": ") for at, word in enumerate(words) if word == "-H"]
        assert words[:5] == ["curl", "-i", "-X", request.method, request.url]
        for name, _, value in headers:
            assert request.header(name) == value
        sent = {name.lower() for name, _ in request.headers}
        cors = {"origin", "content-type", *(name for name in sent if name.startswith("access-"))}
        assert {name.lower() for name, *_ in headers} == sent & cors


def test_corsgate_starts_neither_with_a_slash_nor_without_a_scheme() -> None:
    for origin in (f"{PAGE}/", "app.example.com"):
        with pytest.raises(PolicyError):
            corsgate(allow_origins=origin)


def test_the_console_says_nothing_but_it_is_mended_so() -> None:
    what, *_ = zip(*SILENT.rows, strict=True)
    assert what == (
        "status 0, empty, type ``opaque``",
        "a header is null",
        "no cookie is sent",
        "no cookie from another site",
        "a change is not seen",
        "403 from Django",
        "curl works",
    )
    page = Browser({API: corsgate()}, origin=PAGE)
    assert (page.fetch(ME, mode="no-cors").type, page.fetch(ME, mode="no-cors").status) == (
        "opaque",
        0,
    )
    assert page.fetch(ME).type == "cors"
    assert page.fetch(ME).headers.get("X-Total-Count") is None
    page = Browser({API: corsgate(expose_headers=["X-Total-Count"])}, origin=PAGE)
    assert page.fetch(ME).headers["X-Total-Count"] == "7"


@pytest.mark.parametrize(
    ("origin", "cookie", "options", "sent"),
    [
        (PAGE, "a=1; Secure", {}, ""),
        (PAGE, "a=1; Secure", INCLUDE, "a=1"),
        ("https://elsewhere.example", "a=1; Secure", INCLUDE, ""),
        ("https://elsewhere.example", "a=1; Secure; SameSite=None", INCLUDE, "a=1"),
    ],
    ids=["omitted", "include", "lax", "none"],
)
def test_cookies_are_sent_where_the_guide_says(
    origin: str, cookie: str, options: dict[str, Any], sent: str
) -> None:
    app = corsgate(allow_origins=origin, allow_credentials=True)
    log_in = answering("200 OK", ("Set-Cookie", cookie))

    def site(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return (log_in if environ["PATH_INFO"] == "/login" else app)(environ, start_response)

    browser = Browser({API: site}, origin=API, engine="chromium")
    browser.fetch(f"{API}/login")
    assert browser.page(origin).fetch(ME, **options).text == sent


def test_a_kept_preflight_hides_a_change_until_it_is_too_old() -> None:
    clock = Clock()
    app = CORSMiddleware(answering("200 OK"), allow_origins=PAGE)
    page = Browser({API: app}, origin=PAGE, clock=clock)
    page.fetch(ME, **PUT)
    app.reconfigure(allow_origins=PAGE, allow_methods=["GET"])
    clock.now += 599
    page.fetch(ME, **PUT)
    clock.now += 2
    with pytest.raises(FetchError) as info:
        page.fetch(ME, **PUT)
    assert info.value.code == "method"


# ------------------------------------------------------------------ README.rst

# The cause that a row of the README names -> the set-ups that it is about.
ROWS = {
    "origin not allowed": ["another scheme", "another port", "with www. or without"],
    "error from elsewhere": ["an error from elsewhere"],
    "preflight not allowed": ["origin not allowed", "a login, a firewall, CSRF"],
    "preflight redirected": ["to a login"],
    "preflight 401, 404, 405": ["401, 403, 404, 405, 500"],
    "another layer or a cache": ["one fixed origin", "a slash at the end", "a cache", "no scheme"],
    "two layers": ["two layers", "a list"],
    "any origin, and cookies": ["everybody, with cookies"],
    "no cookies": ["no cookies allowed"],
    "method not allowed": ["method not listed", "patch"],
    "header not allowed": ["header not listed", "Authorization under *"],
    "list unreadable": ["methods in a list of its own", "headers in a list of its own"],
    "redirected": ["to another server", "redirect without headers"],
    "http from https": ["http from a page on https"],
    "no answer": [],  # nothing that an application answers
}
TABLE = tables(README)[0]


def fragments() -> dict[str, dict[str, list[str]]]:
    """For each cause of the README what is to be looked for, by browser."""
    found: dict[str, dict[str, list[str]]] = {}
    for *cells, last in TABLE.rows:
        bold, _, fix = last.partition(": ")
        cause = bold.strip("*")
        assert bold == f"**{cause}**"
        assert fix
        found[cause] = {}
        for name, cell in zip(BROWSERS, cells, strict=True):
            words = re.findall("``(.+?)``", any_status(cell))
            if "the first" in cell or cell == "the same":
                words += found["origin not allowed"][name]
            found[cause][name] = words
    return found


def any_status(text: str) -> str:
    return re.sub(r"Status code: \d+", "Status code: N", text)


def test_the_rows_of_the_readme_are_those_that_are_tried() -> None:
    assert TABLE.header == ["Chromium", "Firefox", "Safari", "cause: fix"]
    assert [*fragments()] == [*ROWS]
    assert all(words for row in fragments().values() for words in row.values())


@pytest.mark.parametrize("cause", [cause for cause, keys in ROWS.items() if keys])
def test_the_words_of_a_row_are_in_what_the_browsers_say(cause: str) -> None:
    texts = [texts_of(error_of(key)) for key in ROWS[cause]]
    for name, words in fragments()[cause].items():
        said = [any_status(text[name]) for text in texts if name in text]
        assert all(any(word in text for word in words) for text in said)
        assert all(any(word in text for text in said) for word in words if said)


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize(
    ("servers", "options"),
    [case[1:3] for case in CONSOLES if case[0] in CORS_FAILURES],
    ids=[f"{case[0]}-{number}" for number, case in enumerate(CONSOLES) if case[0] in CORS_FAILURES],
)
def test_each_text_of_the_cors_protocol_is_found_in_the_readme(
    servers: dict[str, Any], options: dict[str, Any], browser: str
) -> None:
    with pytest.raises(FetchError) as info:
        Servers(**servers).browser().fetch("/case", **options)
    text = any_status(getattr(info.value, browser) or "")
    rows = [row[browser] for row in fragments().values()]
    found = [words for words in rows if any(word in text for word in words)]
    # A user name in a redirect is so rare that only the guide has it.
    assert found or (info.value.code == "redirect-user-info" and browser != "firefox")
