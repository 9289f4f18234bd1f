"""`corsgate audit` against live servers: which origins it asks with, and how it grades."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from live_server import Asked, Server, answer, run, serving

from corsgate.browser import HTTPResponse
from corsgate.browser._url import parse_url
from corsgate.cli._hostile import Question, find_risk, questions

URL = "http://127.0.0.1:PORT/me"
APP = "https://app.example.com"
INTRO = """\
Asks {url} at most {count} times, one after the other, each time as a page on another origin.
No redirect is followed, and no other host is asked.
"""
VARY = "Vary: Origin"


def allowing(
    allows: Callable[[str], bool], *lines: str, status: str = "200 OK"
) -> Callable[[Asked], bytes]:
    """A server that lets in whom `allows` says."""

    def respond(asked: Asked) -> bytes:
        origin = asked.headers["origin"]
        if allows(origin):
            return answer(status, f"Access-Control-Allow-Origin: {origin}", *lines)
        return answer(status, VARY)

    return respond


def audit(server: Server | None, *arguments: str) -> tuple[int, str]:
    return run(server, "audit", URL, *arguments)


def audit_json(server: Server, *arguments: str) -> tuple[int, dict[str, Any]]:
    status, text = audit(server, "--json", *arguments)
    return status, json.loads(text)


NOTHING = [
    ("suffix", "https://app.example.com.evil.test"),
    ("suffix", "https://example.com.evil.test"),
    ("http", "http://app.example.com"),
    ("prefix", "https://evilexample.com"),
    ("dot", "https://appxexample.com"),
    ("dot", "https://app.examplexcom"),
    ("subdomain", "https://evil.app.example.com"),
    ("subdomain", "https://evil.example.com"),
    ("special", "https://app.example.com_.evil.test"),
    ("special", "https://app.example.com-.evil.test"),
    ("special", "https://app.example.com!.evil.test"),
    ("special", "https://app.example.com$.evil.test"),
    ("special", "https://app.example.com&.evil.test"),
    ("special", "https://app.example.com'.evil.test"),
    ("special", "https://app.example.com+.evil.test"),
    ("special", "https://app.example.com,.evil.test"),
    ("port", "https://app.example.com:4444"),
]


def asked_about(url: str, trusted: str | None = None) -> list[Question]:
    target = parse_url(url)
    assert target is not None
    return questions(target, trusted)


def test_origins_to_ask_with() -> None:
    first = [("reflection", "https://evil.test"), ("null", "null")]
    assert asked_about("https://app.example.com/me") == [
        *first,
        ("trusted", "https://app.example.com"),
        *NOTHING,
    ]
    both = asked_about("https://example.org:8443/", "https://app.example.com")
    assert both[:20] == [*first, ("trusted", "https://app.example.com"), *NOTHING]
    assert [origin for _, origin in both[20:25]] == [
        "https://example.org.evil.test:8443",
        "http://example.org:8443",
        "https://evilexample.org:8443",
        "https://examplexorg:8443",
        "https://evil.example.org:8443",
    ]
    assert both[-1] == ("port", "https://example.org:4444")


def test_an_origin_that_is_part_of_the_other_is_asked_once() -> None:
    both = asked_about("https://api.example.com/", "https://app.example.com")
    assert len({origin for _, origin in both}) == len(both) == 34


def test_hosts_without_names_below_them() -> None:
    kinds = {
        url: [kind for kind, _ in asked_about(url) if kind != "special"][3:]
        for url in ("http://127.0.0.1/", "http://[::1]/", "http://localhost:5000/")
    }
    assert kinds == {
        "http://127.0.0.1/": ["suffix", "port"],
        "http://[::1]/": [],
        "http://localhost:5000/": ["suffix", "prefix", "subdomain", "port"],
    }
    assert len(asked_about("http://[::1]/", "tauri://localhost")) == 3
    assert len(asked_about("http://[::1]/", "null")) == 3


def test_never_more_than_40_questions() -> None:
    assert len(asked_about("https://a.b.example.org:1/", "https://a.b.example.com:2")) == 37


def test_nothing_found() -> None:
    with serving(allowing(lambda origin: origin == APP, VARY)) as server:
        status, text = audit(server, "--origin", APP)
    rows = text.splitlines()
    assert status == 0
    assert "\n".join(rows[:2]) + "\n" == INTRO.format(url=URL, count=30)
    assert rows[2:8] == [
        "",
        "Grade  Kind        Origin asked with                   Answer",
        "-      reflection  https://evil.test                   200, lets nobody in",
        "-      null        null                                200, lets nobody in",
        f"-      trusted     https://app.example.com             200, lets {APP} in",
        "-      suffix      https://app.example.com.evil.test   200, lets nobody in",
    ]
    assert rows[-2:] == ["", "Nothing found: no hostile origin is let in."]
    assert len(server.asked) == len(rows) - 6 == 30
    # In a connection of its own each, without cookies, to this address only.
    assert {(asked.method, asked.target) for asked in server.asked} == {("GET", "/me")}
    assert server.asked[0].headers == {
        "host": f"127.0.0.1:{server.port}",
        "connection": "close",
        "accept": "*/*",
        "origin": "https://evil.test",
        "user-agent": "corsgate (CORS audit)",
    }


def test_everybody_is_let_in() -> None:
    def respond(asked: Asked) -> bytes:
        credentials = "Access-Control-Allow-Credentials: true"
        origin = f"Access-Control-Allow-Origin: {asked.headers['origin']}"
        return answer("200 OK", origin, credentials)

    with serving(respond) as server:
        assert audit(server) == (
            1,
            INTRO.format(url=URL, count=13)
            + """
Grade     Kind        Origin asked with  Answer
critical  reflection  https://evil.test  200, lets https://evil.test in with cookies
high      null        null               200, lets null in with cookies

Critical: reflection, https://evil.test: Whatever origin asks is allowed, so any site that a user \
visits reads what is here. Cookies go along.
Fix: Compare the whole origin, as text, with a list of those that you trust.
High: null, null: A sandboxed frame on any site has the origin null, so any site can read what is \
here. Cookies go along.
Fix: Take null out of the allowed origins.
Low: vary-missing, https://evil.test: The answer depends on Origin and does not always say Vary: \
Origin: then a page that is allowed may get from a cache the answer made for another, and be \
blocked.
Fix: Send Vary: Origin with every answer of this address.
""",
        )
    assert len(server.asked) == 2


def test_json() -> None:
    with serving(allowing(lambda origin: origin == "null", VARY)) as server:
        status, found = audit_json(server, "--origin", "tauri://localhost")
    assert status == 1
    note = (
        "tauri://localhost is not let in, and a mistake shows only near an origin that is: name"
        " another with --origin."
    )
    silent: dict[str, Any] = {"allow_origin": [], "allow_credentials": [], "vary": ["Origin"]}
    assert found["answers"][:3] == [
        {"kind": "reflection", "origin": "https://evil.test", "status": 200, **silent}
        | {"grade": None},
        {"kind": "null", "origin": "null", "status": 200, **silent}
        | {"allow_origin": ["null"], "grade": "low"},
        {"kind": "trusted", "origin": "tauri://localhost", "status": 200, **silent}
        | {"grade": None},
    ]
    assert found["risks"] == [
        {
            "grade": "low",
            "kind": "null",
            "origin": "null",
            "text": (
                "A sandboxed frame on any site has the origin null, so any site can read what is"
                " here. Cookies do not go along."
            ),
            "fix": "Take null out of the allowed origins.",
        }
    ]
    assert (found["stopped"], found["notes"]) == (None, [note])


MISTAKES: dict[str, tuple[Callable[[str], bool], dict[str, str]]] = {
    "start compared": (
        lambda origin: origin.startswith(APP),
        {"suffix": "critical", "port": "low"},
    ),
    "end compared": (
        lambda origin: origin.endswith("example.com"),
        {"prefix": "critical", "http": "medium", "subdomain": "medium"},
    ),
    "dots not escaped": (
        lambda origin: re.fullmatch("https://app.example.com", origin) is not None,
        {"dot": "critical"},
    ),
    "cut at a character": (
        lambda origin: re.split("[_&]", origin)[0] == APP,
        {"special": "high"},
    ),
    "scheme left out": (
        lambda origin: origin.partition("://")[2] == "app.example.com",
        {"http": "medium"},
    ),
    "null": (lambda origin: origin in ("null", APP), {"null": "high"}),
}


@pytest.mark.parametrize(("allows", "grades"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(allows: Callable[[str], bool], grades: dict[str, str]) -> None:
    credentials = "Access-Control-Allow-Credentials: true"
    with serving(allowing(allows, VARY, credentials)) as server:
        status, found = audit_json(server, "--origin", APP)
    assert {risk["kind"]: risk["grade"] for risk in found["risks"]} == grades
    assert (status, found["notes"]) == (1, [])


@pytest.mark.parametrize(
    ("pattern", "regex"),
    [
        (r"https://app\.example\.com", False),
        ("https://app.example.com", True),
        (".*example.com", True),
    ],
)
def test_patterns_without_an_end(pattern: str, regex: bool) -> None:
    def allows(origin: str) -> bool:
        return re.match(pattern, origin) is not None

    with serving(allowing(allows, VARY)) as server:
        risks = audit_json(server, "--origin", APP)[1]["risks"]
    texts = {risk["kind"]: risk["text"] for risk in risks}
    assert texts["suffix"] == (
        "A host that only begins like yours is let in: anybody has such names below a domain."
        " Cookies do not go along."
        + " All in all it looks like a regular expression with unescaped dots and no end."
        * regex
    )


def test_letters_for_dots_are_not_asked_where_only_the_end_counts() -> None:
    with serving(allowing(lambda origin: origin.endswith("example.com"), VARY)) as server:
        _, found = audit_json(server, "--origin", APP)
    assert "dot" not in {one["kind"] for one in found["answers"]}


def test_special_characters_are_not_asked_where_the_end_does_not_count() -> None:
    with serving(allowing(lambda origin: origin.startswith(APP), VARY)) as server:
        _, found = audit_json(server, "--origin", APP)
    kinds = [one["kind"] for one in found["answers"] if APP[8:] in one["origin"]]
    assert kinds == ["trusted", "suffix", "http", "subdomain", "port"]


WILDCARD = "Access-Control-Allow-Origin: *"
CREDENTIALS = "Access-Control-Allow-Credentials: true"


def test_a_star_is_information() -> None:
    with serving(lambda asked: answer("200 OK", WILDCARD)) as server:
        assert audit(server) == (
            0,
            INTRO.format(url=URL, count=13)
            + """
Grade  Kind        Origin asked with  Answer
info   reflection  https://evil.test  200, lets every origin in
info   null        null               200, lets every origin in

Info: wildcard, https://evil.test: Any site can read what is here, without cookies: fine for what \
is public.
Fix: Nothing, if it is public.
""",
        )
    with serving(lambda asked: answer("200 OK", WILDCARD, CREDENTIALS)) as server:
        status, found = audit_json(server)
    assert status == 1
    assert found["risks"] == [
        {
            "grade": "low",
            "kind": "wildcard",
            "origin": "https://evil.test",
            "text": (
                "Any site can read what is here, without cookies: fine for what is public."
                " Access-Control-Allow-Credentials: true beside it does nothing; who makes it work"
                " by answering each origin with itself lets every site in."
            ),
            "fix": "Take out Access-Control-Allow-Credentials, or name the origins.",
        }
    ]


@pytest.mark.parametrize(
    ("kind", "grades"),
    [
        ("reflection", ("critical", "low")),
        ("null", ("high", "low")),
        ("suffix", ("critical", "low")),
        ("prefix", ("critical", "low")),
        ("dot", ("critical", "low")),
        ("special", ("high", "low")),
        ("http", ("medium", "low")),
        ("subdomain", ("medium", "info")),
        ("port", ("low", "info")),
    ],
)
def test_grades(kind: str, grades: tuple[str, str]) -> None:
    question = Question(kind, "https://x.test")
    origin = ("Access-Control-Allow-Origin", "https://x.test")
    found = []
    for value in ("true", "True"):
        headers = [origin, ("Access-Control-Allow-Credentials", value)]
        risk = find_risk(question, HTTPResponse(200, "", headers))
        assert risk is not None
        found.append(risk.grade)
    assert tuple(found) == grades
    # A browser lets nobody in who is named twice.
    assert find_risk(question, HTTPResponse(200, "", [origin, origin])) is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([APP], f"refused (allows only {APP})"),
        (["null"], "refused (allows only null)"),
        (["https://*.example.com"], "refused (the header is no origin: https://*.example.com)"),
        (["some text"], "refused (the header is no origin: some text)"),
        (["https://evil.test"] * 2, "refused (the header is there twice)"),
        (["*"] * 3, "refused (the header is there 3 times)"),
        (["https://evil.test"], "lets https://evil.test in with cookies"),
        (["*"], "lets every origin in"),
        ([], "lets nobody in"),
    ],
)
def test_who_is_let_in(values: list[str], said: str) -> None:
    lines = [f"Access-Control-Allow-Origin: {value}" for value in values]
    with serving(lambda asked: answer("200 OK", CREDENTIALS, VARY, *lines)) as server:
        rows = audit(server)[1].splitlines()
    assert rows[4].partition("200, ")[2] == said


UNPROVEN = "Stopped: no answer was 2xx, so nothing is proven; name an address that answers 200."


@pytest.mark.parametrize("status", ["401 Unauthorized", "404 Not Found", "500 Oops"])
def test_errors_prove_nothing(status: str) -> None:
    with serving(lambda asked: answer(status, WILDCARD)) as server:
        code, found = audit_json(server)
    assert (code, f"Stopped: {found['stopped']}") == (2, UNPROVEN)
    assert [risk["grade"] for risk in found["risks"]] == ["info"]


def test_what_errors_let_in_is_found() -> None:
    with serving(allowing(lambda origin: True, VARY, CREDENTIALS, status="404 Nope")) as server:
        code, found = audit_json(server)
    assert (code, found["stopped"]) == (1, None)


def test_redirects_are_not_followed() -> None:
    with serving(lambda asked: answer("302 Found", "Location: /elsewhere")) as server:
        status, text = audit(server)
    assert status == 2
    assert {asked.target for asked in server.asked} == {"/me"}
    assert text.splitlines()[-3:] == [
        "Note: The address answers 302; where it answers otherwise, CORS may differ.",
        (
            "Note: http://127.0.0.1:PORT is not let in, and a mistake shows only near an"
            " origin that is: name one with --origin."
        ),
        UNPROVEN,
    ]


def test_it_stops_where_the_server_asks_for_that() -> None:
    with serving(lambda asked: answer("429 Too Many Requests")) as server:
        status, text = audit(server)
    assert (status, len(server.asked)) == (2, 1)
    assert text.splitlines()[-2:] == [
        "Note: The address answers 429; where it answers otherwise, CORS may differ.",
        "Stopped: the server asks for fewer requests (429).",
    ]


def test_it_stops_where_no_answer_comes() -> None:
    with serving(lambda asked: b"") as server:
        assert audit(server) == (
            2,
            INTRO.format(url=URL, count=13)
            + "\nStopped: the connection was cut without an answer.\n",
        )
        status, found = audit_json(server)
    assert len(server.asked) == 2
    assert (status, found) == (
        2,
        {
            "url": "http://127.0.0.1:PORT/me",
            "stopped": "the connection was cut without an answer.",
            "answers": [],
            "risks": [],
            "notes": [],
        },
    )


def test_what_the_server_sends_is_escaped_and_cut() -> None:
    value = "\x1b[31m\xff" + "y" * 2000
    escaped = r"\u001b[31m\u00ff" + "y" * 594
    with serving(lambda asked: answer("200 OK", f"Access-Control-Allow-Origin: {value}")) as server:
        status, text = audit(server)
        plain = audit(server, "--json")[1]
    assert status == 0
    assert rf'"{escaped}... (2006 characters)"' in plain
    line = r"200, refused (the header is no origin: \x1b[31m\xff"
    line += "y" * 94 + "... (2006 characters))"
    assert all(row.endswith(line) for row in text.splitlines() if row.startswith("-"))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["x"], "URL is 'x'; write a whole address: https://api.example.com/path"),
        (
            ["http://x", "--origin", f"{APP}/"],
            (
                f"--origin: '{APP}/' has a slash or path after the host and port: an origin ends"
                f" before that. No browser sends it. Write {APP}."
            ),
        ),
    ],
)
def test_bad_usage(arguments: list[str], text: str) -> None:
    assert run(None, "audit", *arguments) == (2, f"Error: {text}\n")
