"""`corsgate migrate`: what it prints, to the letter, and with which status it ends."""

import json
import re
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from django_project import settings_of
from flask import Flask

import corsgate.cli
from corsgate.cli import main
from corsgate.cli._compare import Asked, compare, neighbours
from corsgate.cli._move_flask_cors import move_flask_cors

PLAIN = {"COLUMNS": "80", "FORCE_COLOR": None, "NO_COLOR": None, "TTY_COMPATIBLE": None}
APP = "https://app.example.com"
WSGI = "def inner(environ, start_response):\n    start_response('200 OK', [])\n    return [b'']\n"

Write = Callable[[str], str]


def run(*args: str) -> tuple[int, str, str]:
    """The command's status, and what it prints on both outputs, without the padding of tables."""
    done = CliRunner(env=PLAIN).invoke(main, ["migrate", *args], prog_name="corsgate")
    printed = "".join(f"{line.rstrip(' ')}\n" for line in done.stdout.splitlines())
    return done.exit_code, printed, done.stderr


def refused(*args: str) -> str:
    """The last line of what is said where nothing can be told."""
    status, out, err = run(*args)
    assert (status, out) == (2, "")
    return err.splitlines()[-1]


def code_of(text: str) -> str:
    """The call that is printed."""
    move = json.loads(run("--flask-cors", text, "--json")[1])
    found: str = move["code"].partition("CORSGate\n\n")[2]
    return found


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a module into the working folder, which is empty; gives its name, a new one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    names = iter(range(100))

    def write(source: str) -> str:
        name = f"{tmp_path.name.replace('-', '_')}_{next(names)}"
        Path(f"{name}.py").write_text(source, encoding="utf-8")
        return name

    return write


# ------------------------------------------------------------------ what is printed


def test_the_defaults_let_everybody_in() -> None:
    text = ""
    assert run("--flask-cors", text) == (
        0,
        """\
from corsgate.flask import CORSGate

CORSGate(app, allow_origins="*", allow_headers=["*", "Authorization"])

The same requests were sent to both, and a browser lets the same through.

These answers differ, and no page notices:

Request:     GET from https://stranger.test, null
Flask-Cors:  Access-Control-Allow-Origin: the origin of the page
corsgate:    Access-Control-Allow-Origin: *
Why:         Every origin is allowed, so all get the same answer, and caches can
             share it.
Flask-Cors:  Vary: Origin
corsgate:    Vary: not there
Why:         The answer is the same for all.

Request:     preflight from https://stranger.test, null
Flask-Cors:  200
corsgate:    204
Why:         A browser needs no body.
Flask-Cors:  Access-Control-Allow-Origin: the origin of the page
corsgate:    Access-Control-Allow-Origin: *
Why:         Every origin is allowed, so all get the same answer, and caches can
             share it.
Flask-Cors:  Access-Control-Max-Age: not there
corsgate:    Access-Control-Max-Age: 600
Why:         For so long browsers do not ask again; without the header, for 5
             seconds.
Flask-Cors:  Access-Control-Allow-Headers: Content-Type, not there,
             Authorization and 1 more
corsgate:    Access-Control-Allow-Headers: *, Authorization
Why:         All that is allowed is listed, not only what was asked for.
Flask-Cors:  Vary: Origin
corsgate:    Vary: Access-Control-Request-Headers,
             Access-Control-Request-Method, Origin
Why:         Caches have to know what the answer depends on.
""",
        "",
    )


def test_everybody_with_cookies_is_refused() -> None:
    text = "supports_credentials=True"
    assert run("--flask-cors", text) == (
        1,
        """\
from corsgate.flask import CORSGate

CORSGate(app, allow_origins=[...], allow_headers=["*"], allow_credentials=True)

Not carried over as it was:
-  Every site could read the answers with your users' cookies: Flask-Cors
   answers every origin when supports_credentials=True goes with origins='*',
   its default. Name the origins of your pages in the place of the dots; or,
   where no page needs cookies, write allow_origins="*" and no
   allow_credentials.

corsgate does not start with this yet: first write what is said above.
""",
        "",
    )


def test_paths() -> None:
    text = 'resources={r"/api/*": {"origins": "https://app.example.com"},'
    text += ' "/open": {"send_wildcard": True}}'
    assert run("--flask-cors", text) == (
        1,
        """\
from corsgate.flask import CORSGate

CORSGate(
    app,
    None,
    paths={
        "/open": {"allow_origins": "*", "allow_headers": ["*", "Authorization"]},
        "/api/*": {
            "allow_origins": ["https://app.example.com"],
            "allow_headers": ["*", "Authorization"],
        },
    },
)

Good to know:
-  send_wildcard is not needed: where every origin is allowed, a literal * is
   always sent.

The same requests were sent to both.

A browser lets less through than before:

Request:     GET, preflight for PUT with content-type, preflight for PATCH and 4
             more from https://app.example.com to /apix
Flask-Cors:  the browser lets it through
corsgate:    the browser blocks it
Why:         No policy covers this path: /api/* is /api and what is below it,
             not /apix.

These answers differ, and no page notices:

Request:     preflight from https://app.example.com, https://stranger.test, null
             and 7 more to /open, /api, /api/item
Flask-Cors:  200
corsgate:    204
Why:         A browser needs no body.
Flask-Cors:  Access-Control-Max-Age: not there
corsgate:    Access-Control-Max-Age: 600
Why:         For so long browsers do not ask again; without the header, for 5
             seconds.
Flask-Cors:  Access-Control-Allow-Headers: Content-Type, not there,
             Authorization and 1 more
corsgate:    Access-Control-Allow-Headers: *, Authorization
Why:         All that is allowed is listed, not only what was asked for.
Flask-Cors:  Vary: not there
corsgate:    Vary: Access-Control-Request-Headers,
             Access-Control-Request-Method, Origin
Why:         Caches have to know what the answer depends on.

Request:     GET without Origin to /api, /api/item, /apix
Flask-Cors:  Access-Control-Allow-Origin: https://app.example.com
corsgate:    Access-Control-Allow-Origin: not there
Why:         No page has asked, so none reads it.

Request:     GET without Origin to /api, /api/item
Flask-Cors:  Vary: not there
corsgate:    Vary: Origin
Why:         Caches have to know what the answer depends on.

Request:     GET from https://app.example.com to /api, /api/item
Flask-Cors:  Vary: not there
corsgate:    Vary: Origin
Why:         Caches have to know what the answer depends on.

Request:     preflight from https://stranger.test, null, http://app.example.com
             and 6 more to /api, /api/item
Flask-Cors:  200
corsgate:    403
Why:         Logs show by the status, too, that the origin is not allowed.
""",
        "",
    )


EVERYTHING = r"""
CORS(
    app,
    origins=[
        "https://App.example.com/",
        "http://app.example.com",
        "https://*.example.com",
        "http://localhost:*",
        re.compile(r"https://pr-\d+\.example\.com", re.I),
    ],
    supports_credentials=True,
    methods=["GET", "patch", "TRACE"],
    allow_headers=["X-Token", "x-.*"],
    expose_headers="X-Total, Set-Cookie",
    max_age=timedelta(minutes=5),
)
"""


def test_what_is_left_out() -> None:
    assert run("--flask-cors", EVERYTHING) == (
        1,
        """\
import re

from corsgate.flask import CORSGate

CORSGate(
    app,
    allow_origins=[
        # "https://App.example.com/" is left out: see below
        # "http://app.example.com" is left out: see below
        # "https://*.example.com" is left out: see below
        "http://localhost:*",
        re.compile(r"https://pr-\\d+\\.example\\.com"),
    ],
    allow_methods=["GET", "PATCH"],
    allow_headers=["X-Token"],
    expose_headers=["X-Total"],
    allow_credentials=True,
    max_age=300,
)

Not carried over as it was:
-  'https://App.example.com/' is left out: it is no origin that a browser sends,
   so it never let one in. Write 'https://app.example.com' if that was meant.
-  'http://app.example.com' with credentials: whoever is on the network can
   speak for an http page. Write 'https://app.example.com', or accept it with
   dangerously_allow=['insecure-origin'].
-  'https://*.example.com' is left out: it is a regular expression for
   Flask-Cors, which did not let https://app.example.com in. If that was meant,
   write it as it is: here it is a pattern.
-  methods: 'TRACE' is left out. 'TRACE' is a method that browsers refuse to
   send. Take it out.
-  allow_headers: 'x-.*' is a regular expression, which headers have none of
   here: it is left out. Name the headers, or write allow_headers="*".
-  expose_headers: 'Set-Cookie' is left out. 'Set-Cookie' can never be read by a
   page, so there is nothing to expose. Take it out; browsers keep cookies
   without it.

Good to know:
-  'http://localhost:*' is a pattern here, and no regular expression.
-  'https://pr-\\d+\\.example\\.com' let every origin in that begins so, such as
   https://pr-0.example.com.evil.test; here it has to match the whole origin.

The same requests were sent to both.

A browser lets less through than before:

Request:     GET, preflight for PATCH from http://app.example.com,
             https://xexamplexcom, https://xexamplexcom:8443 and 11 more
Flask-Cors:  the browser lets it through, with cookies too
corsgate:    the browser blocks it
Why:         No entry of allow_origins matches the whole origin.

These answers differ, and no page notices:

Request:     GET without Origin
Flask-Cors:  Access-Control-Allow-Origin: http://app.example.com
corsgate:    Access-Control-Allow-Origin: not there
Why:         No page has asked, so none reads it.
Flask-Cors:  Access-Control-Allow-Credentials: true
corsgate:    Access-Control-Allow-Credentials: not there
Why:         It means nothing without an origin.
Flask-Cors:  Access-Control-Expose-Headers: Set-Cookie, X-Total
corsgate:    Access-Control-Expose-Headers: not there
Why:         No page reads it from there.

Request:     preflight from http://app.example.com, https://xexamplexcom,
             https://stranger.test and 38 more
Flask-Cors:  200
corsgate:    403
Why:         Logs show by the status, too, that the origin is not allowed.

Request:     GET from http://localhost, https://pr-0.example.com,
             https://pr-77.example.com and 2 more
Flask-Cors:  Access-Control-Expose-Headers: Set-Cookie, X-Total
corsgate:    Access-Control-Expose-Headers: X-Total

Request:     preflight from http://localhost, https://pr-0.example.com,
             https://pr-77.example.com and 2 more
Flask-Cors:  200
corsgate:    204
Why:         A browser needs no body.

Request:     preflight from http://localhost, https://pr-0.example.com,
             https://pr-77.example.com and 1 more
Flask-Cors:  Access-Control-Allow-Methods: GET, PATCH, TRACE
corsgate:    Access-Control-Allow-Methods: GET, PATCH
Why:         All that is allowed is listed: one preflight serves every method.
Flask-Cors:  Access-Control-Allow-Headers: not there
corsgate:    Access-Control-Allow-Headers: X-Token
Why:         All that is allowed is listed, not only what was asked for.
Flask-Cors:  Access-Control-Expose-Headers: Set-Cookie, X-Total
corsgate:    Access-Control-Expose-Headers: not there
Why:         No page reads it from there.
Flask-Cors:  Vary: Origin
corsgate:    Vary: Access-Control-Request-Headers,
             Access-Control-Request-Method, Origin
Why:         Caches have to know what the answer depends on.
""",
        "",
    )


def test_a_regular_expression_that_flask_cors_cannot_use() -> None:
    status, out, _ = run("--flask-cors", "origins=re.compile(b'a')")
    assert status == 0
    assert "\nFlask-Cors:  500\n" in out


def test_json() -> None:
    status, out, err = run(
        "--flask-cors", "origins=r'https://a\\d\\.b\\.test', max_age=5", "--json"
    )
    found = json.loads(out)
    assert (status, err) == (1, "")
    assert found.keys() == {"code", "notes", "refused", "differences"}
    first, *others = found["differences"]
    assert first == {
        "request": (
            "GET, preflight for PUT with content-type from https://a0.b.test:8443,"
            " https://a0.b.test.stranger.test, https://a0.b.testx and 6 more"
        ),
        "old": "the browser lets it through",
        "new": "the browser blocks it",
        "why": "No entry of allow_origins matches the whole origin.",
        "lets_through": False,
    }
    assert {one["lets_through"] for one in others} == {None}


# ------------------------------------------------------------------ options of Flask-Cors


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('methods="GET,PUT"', 'allow_methods=["GET", "PUT"]'),
        ('methods={"GET"}', 'allow_methods=["GET"]'),
        ('methods=["GET", "*"]', 'allow_methods=["GET"]'),
        ("methods=None", "allow_methods=[], allow_headers=[]"),
        ('methods="*"', "allow_methods=[], allow_headers=[]"),
        ("max_age=0", "max_age=0"),
        ('max_age="60"', "max_age=60"),
        ("max_age=-1", "max_age=0"),
        ("max_age=timedelta(hours=1)", "max_age=3600"),
        ("max_age=600", ""),
        ('max_age="soon"', ""),
        ('expose_headers=["A", "B"]', 'expose_headers=["A", "B"]'),
        ('expose_headers="*"', 'expose_headers=["*"]'),
        ("expose_headers=None", ""),
        ("vary_header=False, always_send=False, automatic_options=False", ""),
        ("intercept_exceptions=False, allow_private_network=True", ""),
    ],
)
def test_an_option(text: str, code: str) -> None:
    given = 'allow_headers=["X-A"], ' + text if "allow_headers" not in code else text
    start = 'allow_origins="*"'
    rest = [part for part in (start, code) if part]
    if "allow_headers" not in code:
        names = 'allow_headers=["X-A"]'
        rest = [start, code, names] if code.startswith("allow_methods") else [start, names, code]
    assert code_of(given) == f"CORSGate(app, {', '.join(filter(None, rest))})\n"


def test_regular_expressions_stay_what_they_are() -> None:
    given = [r"^https://A\d\.b\.test$", re.compile(r"https://\S\.b\.test$", re.DOTALL), r"\w://é$"]
    given += [re.compile("https://a # b\n", re.VERBOSE | re.IGNORECASE)]
    move = move_flask_cors({"origins": given})
    assert move.code.partition("CORSGate\n\n")[2] == (
        """\
CORSGate(
    app,
    allow_origins=[
        re.compile(r"^https://A\\d\\.b\\.test$", re.IGNORECASE),
        re.compile(r"https://\\S\\.b\\.test$", re.DOTALL),
        # '\\\\w://\\xe9$' is left out: see below
        re.compile('https://a # b\\n', re.VERBOSE),
    ],
    allow_headers=["*", "Authorization"],
)
"""
    )
    assert move.options["allow_origins"][0].flags & re.IGNORECASE


def test_an_origin_that_is_there_twice_is_written_once() -> None:
    code = code_of('origins=["https://a.test", "https://A.test"], allow_headers=["X-A"]')
    assert code == 'CORSGate(app, allow_origins=["https://a.test"], allow_headers=["X-A"])\n'


def test_what_is_not_needed_is_said() -> None:
    move = move_flask_cors(
        dict.fromkeys(("send_wildcard", "vary_header", "always_send", "intercept_exceptions"), True)
        | {"automatic_options": False, "allow_private_network": True, "headers": ["X-A"]}
    )
    assert move.notes == (
        "send_wildcard is not needed: where every origin is allowed, a literal * is always sent.",
        "automatic_options is not needed: preflights are always answered, before the view.",
        "vary_header is not needed: Vary is always sent where caches need it, and only there.",
        "intercept_exceptions is not needed: error answers always carry the headers.",
        (
            "always_send is not needed: an answer without Origin has no list of origins, which no"
            " browser reads."
        ),
        "allow_private_network is not needed: no browser sends that request header any more.",
        "headers: Flask-Cors has no such option, and has ignored it.",
    )
    assert move.refused == ()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"methods": "*"},
            (
                "methods='*' let no preflight through: Flask-Cors takes * for the name of a method."
                ' Write allow_methods="*" if every method was meant.'
            ),
        ),
        (
            {"allow_headers": "Content-Type, X-A"},
            (
                "allow_headers: 'Content-Type, X-A' is one name for Flask-Cors, and never let a"
                " header through: it is left out. Write ['Content-Type', 'X-A'] if these were"
                " meant."
            ),
        ),
        (
            {"allow_headers": re.compile("x-.*")},
            (
                "allow_headers: 'x-.*' is a regular expression, which headers have none of here: it"
                ' is left out. Name the headers, or write allow_headers="*".'
            ),
        ),
        (
            {"expose_headers": "*", "origins": APP, "supports_credentials": True},
            (
                "expose_headers: '*' is left out. With credentials a browser takes '*' for a header"
                " of that very name. Name the headers to expose."
            ),
        ),
        (
            {"allow_headers": ["Host"]},
            (
                "allow_headers: 'Host' is left out. 'Host' is a header that the browser sets by"
                " itself, so there is nothing to allow. Take it out."
            ),
        ),
        ({"max_age": "soon"}, "max_age: 'soon' is no number of seconds, and is left out."),
        (
            {"origins": "http://app.example.com:*", "supports_credentials": True},
            (
                "'http://app.example.com:*' with credentials: whoever is on the network can speak"
                " for an http page. Write 'https://app.example.com:*', or accept it with"
                " dangerously_allow=['insecure-origin']."
            ),
        ),
        (
            {"origins": "https?://.*", "supports_credentials": True},
            (
                "re.compile('https?://.*') with credentials also accepts"
                r" 'https://q7x2k9w4z8.test'. Escape each dot (\.) and spell out the domain, or use"
                " a pattern such as 'https://*.example.com'."
            ),
        ),
        ({"origins": [None]}, "None is left out: it is no text."),
        (
            {"origins": [re.compile(b"x")]},
            "b'x' is left out: it is for bytes, and no origin is that.",
        ),
        (
            {"origins": ["https://[a-z"]},
            (
                "'https://[a-z' is left out: it is no regular expression: unterminated character"
                " set."
            ),
        ),
        (
            {"origins": ["https://a.test, https://b.test"]},
            (
                "'https://a.test, https://b.test' is left out: it is no origin that a browser"
                " sends, so it never let one in."
            ),
        ),
        (
            {"origins": ["http://*"]},
            (
                "'http://*' is left out: it matches no whole origin, and corsgate compares whole"
                " ones; Flask-Cors compared the beginning. Write the origins that were meant."
            ),
        ),
        (
            {"resources": [r"/v\d/.*"]},
            (
                r"resources: '/v\\d/.*' has no equal, since paths are exact or end in /*. Write a"
                " line for each path that is meant, in its place."
            ),
        ),
        (
            {"resources": ["api/*"]},
            (
                "resources: 'api/*' is left out: it never matched, since each path begins with a"
                " slash."
            ),
        ),
        (
            {"resources": ["/api/*", "/*"]},
            (
                "resources: '/api/*' was for /apix too, say, which has the options of '/*' now,"
                " since paths end at a slash. Write a line of paths for each such path that there"
                " is."
            ),
        ),
        (
            {"resources": ["/api/é//x"]},
            (
                "paths: '/api/é//x' has a segment that is empty, . or .., and no such"
                " path has a policy of its own. Write '/api/é/x'. [path-segment]"
            ),
        ),
    ],
)
def test_what_is_refused_is_said(options: dict[str, Any], said: str) -> None:
    assert said in move_flask_cors(options).refused


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"origins": "https://A.test"},
            "'https://A.test' is in lower case now, as browsers send it.",
        ),
        (
            {"origins": [APP, "*"]},
            "Every origin is let in, so 'https://app.example.com' beside that means nothing.",
        ),
        (
            {"resources": ["/api/.*", "/api/v1/.*"]},
            "resources: '/api/v1/.*' was never reached, and is left out.",
        ),
    ],
)
def test_what_is_good_to_know_is_said(options: dict[str, Any], said: str) -> None:
    assert move_flask_cors(options).notes == (said,)


@pytest.mark.parametrize(
    ("resources", "paths"),
    [
        ("/api", {"/api": 1}),
        ("/api/*", {"/api/*": 1}),
        ("/api/.*", {"/api/*": 1, "/api": None}),
        ("/(.+)", {"/*": 1, "/": None}),
        ("/api/(.+)", {"/api/*": 1, "/api": None, "/api/": None}),
        ("^/api/(.*)$", {"/api/*": 1, "/api": None}),
        ("/api/?$", {"/api": 1, "/api/": 1}),
        ("^/api$", {"/api": 1}),
        ("/(a|b)/.*", {"/a/*": 1, "/b/*": 1, "/a": None, "/b": None}),
        ("/(one|other)", {"/one/*": 1, "/other/*": 1}),
        (re.compile("/api"), {"/api/*": 1}),
        (["/b", "/a/*"], {"/b": 1, "/a/*": 1}),
        ({"/a/.*": {}, "/a": {"origins": APP}}, {"/a": 2, "/a/*": 1}),
        ({"/*": {}, "/a/.*": {"origins": APP}}, {"/a/*": 2, "/a": 1}),
        ("*", {}),
        ("/.*", {}),
        ("", {"": 1}),
    ],
)
def test_resources_are_paths_where_they_can_be(resources: Any, paths: dict[str, Any]) -> None:
    everybody = {"allow_origins": "*", "allow_headers": ["*", "Authorization"]}
    one = {"allow_origins": [APP], "allow_headers": ["*", "Authorization"]}
    values = {1: everybody, 2: one, None: None}
    move = move_flask_cors({"resources": resources})
    if "" in paths:
        assert move.refused
    elif "policy" in move.options:
        assert move.paths == {path: values[number] for path, number in paths.items()}
    else:
        inherited: dict[int | None, Any] = {1: {}, 2: {"allow_origins": [APP]}}
        assert move.options == everybody
        assert move.paths == {path: inherited[number] for path, number in paths.items()}


@pytest.mark.parametrize(
    "resource",
    [
        *(
            r"/v\d/.*",
            "/a/.*/b",
            "/a/[^/]+",
            "/a/*b",
            "/(?i:a)",
            "/a$b",
            "(a",
            "/[^a]",
            "/(a|b.c)/",
        ),
        re.compile(b"/a"),
    ],
)
def test_resources_without_an_equal_do_not_start(resource: Any) -> None:
    move = move_flask_cors({"resources": {resource: {"origins": APP}, "/*": {}}})
    assert (move.options, move.paths) == ({}, None)
    assert "has no equal" in move.refused[0]
    assert '"...' in move.code or "'..." in move.code


# ------------------------------------------------------------------ arguments


@pytest.mark.parametrize(
    "text",
    [
        *("origins=[1", "app", "x, origins='*'", "f(1)", "CORS(app, 1)", "origins='*')", "a b"),
        *("origins='*'); print(1", "\x00", "other(app)", "(" * 300),
    ],
)
def test_arguments_that_are_none(text: str) -> None:
    assert refused("--flask-cors", text).startswith(
        "Error: --flask-cors takes keyword arguments as Python writes them, such as"
        " 'origins=[\"https://app.example.com\"]', not "
    )


@pytest.mark.parametrize(
    "value",
    [
        *("os.environ['X']", "f()", "[x]", "{**x}", "1 + x", "re.compile()", "re.compile(x)"),
        *("re.compile('a', 'b')", "re.compile('a', flags=2)", "re.compile('a', re.I, re.X)"),
        *("timedelta(1)", "timedelta(weeks='x')", "re.compile('a', 1 | re.I)", "{[]: 1}"),
        *("timedelta(days=10**20)", "__import__('os').system('true')"),
    ],
)
def test_a_value_that_is_no_literal_is_not_run(value: str) -> None:
    assert refused("--flask-cors", f"origins={value}").endswith(
        " is no literal. Nothing is run to find its value: write the value itself, or give the"
        " application with --app."
    )


def test_arguments_that_are_wrong() -> None:
    assert refused("--flask-cors", "**x") == "Error: --flask-cors: write out what ** stands for."
    assert refused("--flask-cors", "origins=re.compile('(')") == (
        "Error: --flask-cors: origins=re.compile('(') is no literal (missing ), unterminated"
        " subpattern at position 0). Nothing is run to find its value: write the value itself, or"
        " give the application with --app."
    )
    assert refused("--flask-cors", "origins='*', origins=[]") == (
        "Error: --flask-cors: origins is there twice: keep one of them."
    )
    assert refused("--flask-cors", "resources={'/a': None}") == (
        "Error: --flask-cors: resources['/a'] takes a mapping of options, not None."
    )
    assert refused("--flask-cors", "resources=1") == (
        "Error: --flask-cors: resources takes a path, a list or a mapping, not 1."
    )
    one = "Error: Give one of --flask-cors, --app and --django."
    assert refused() == refused("--flask-cors", "", "--app", "x:y") == one


def test_arguments_that_flask_cors_does_not_take() -> None:
    text = 'origins="*", supports_credentials=True, send_wildcard=True'
    assert refused("--flask-cors", text).startswith(
        "Error: Flask-Cors itself does not start with this: ValueError: Cannot use"
    )


def test_arguments_of_every_kind() -> None:
    text = "origins=(re.compile('a', re.I | re.X),), max_age=datetime.timedelta(days=-1, hours=2)"
    text += ", resources={'/a': {'origins': ['b'], 'max_age': -1}}, methods={'GET'}"
    from corsgate.cli._literal import read_keywords

    assert read_keywords("--flask-cors", f"flask_cors.CORS(app, {text})", {"CORS"}) == {
        "origins": (re.compile("a", re.I | re.X),),
        "max_age": timedelta(hours=-22),
        "resources": {"/a": {"origins": ["b"], "max_age": -1}},
        "methods": {"GET"},
    }


def test_without_flask_cors_its_code_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flask_cors", None)
    monkeypatch.delitem(sys.modules, "corsgate.cli._twins", raising=False)
    monkeypatch.delattr(corsgate.cli, "_twins", raising=False)
    told = "pip install flask-cors, and what is answered differently is shown here too.\n"
    status, out, err = run("--flask-cors", 'origins="https://app.example.com"')
    assert (status, err) == (0, "")
    assert out.startswith("from corsgate.flask import CORSGate\n\nCORSGate(\n")
    assert out.endswith(f")\n\n{told}")
    assert run("--flask-cors", "supports_credentials=True")[0] == 1
    found = json.loads(run("--flask-cors", "", "--json")[1])
    assert found["differences"] + "\n" == told


# ------------------------------------------------------------------ applications

SHOP = """
from flask import Blueprint, Flask
from flask.views import MethodView
from flask_cors import CORS, cross_origin

app = Flask(__name__)
app.config["CORS_MAX_AGE"] = 30
CORS(app, resources={"/api/*": {"origins": ["https://app.example.com"]}})
bands = Blueprint("bands", __name__, url_prefix="/bands")
CORS(bands, origins=["http://localhost:3000"], supports_credentials=True)
bands.add_url_rule("/<int:number>", "band", lambda number: "")
app.register_blueprint(bands)


@app.route("/status/<name>")
@cross_origin(methods=["GET"], allow_headers=["X-A"])
def status(name):
    raise RuntimeError("no view is run")


class Item(MethodView):
    decorators = [cross_origin(origins="https://partner.example.org")]

    def get(self):
        return ""


class Other(MethodView):
    @cross_origin(supports_credentials=False)
    def put(self):
        return ""

    def get(self):
        return ""


app.add_url_rule("/item", view_func=Item.as_view("item"))
app.add_url_rule("/other", view_func=Other.as_view("other"))
app.add_url_rule("/again", view_func=Other.as_view("again"))


@app.after_request
def by_hand(response):
    response.headers["Access-Control-Allow-Methods"] = "GET"
    return response
"""


def test_an_application(write: Write) -> None:
    status, out, err = run("--app", f"{write(SHOP)}:app", "--json")
    found = json.loads(out)
    assert (status, err) == (1, "")
    assert found["code"] == CODE
    assert found["notes"] == [
        (
            "The after_request function by_hand sets CORS headers too, and corsgate takes them out:"
            " delete it."
        )
    ]
    assert found["refused"] == []
    noticed = [one for one in found["differences"] if one["lets_through"] is not None]
    assert [(one["request"], one["new"], one["why"]) for one in noticed] == [
        (
            (
                "preflight for PUT with content-type from https://stranger.test, null to"
                " /other, /again"
            ),
            "the browser lets it through",
            # @cross_origin does so for functions only.
            "Nothing has answered this preflight before.",
        ),
        (
            (
                "GET, preflight for PUT with content-type, preflight for PATCH and 4 more from"
                " https://app.example.com to /apix"
            ),
            "the browser blocks it",
            "No policy covers this path: /api/* is /api and what is below it, not /apix.",
        ),
    ]


CODE = """\
from corsgate.flask import CORSGate, cors

CORSGate(
    app,
    None,
    paths={
        "/api/*": {
            "allow_origins": ["https://app.example.com"],
            "allow_headers": ["*", "Authorization"],
            "max_age": 30,
        },
    },
)

# blueprint 'bands', in the place of CORS(...)
cors(
    allow_origins=["http://localhost:3000"],
    allow_headers=["*"],
    allow_credentials=True,
)(blueprint)

# view 'status', in the place of @cross_origin(...)
@cors(allow_origins="*", allow_methods=["GET"], allow_headers=["X-A"], max_age=30)
def status(): ...

# view 'item', in the place of @cross_origin(...)
decorators = [cors(
    allow_origins=["https://partner.example.org"],
    allow_headers=["*", "Authorization"],
    max_age=30,
)]  # in class Item

# view 'other.put', in the place of @cross_origin(...)
@cors(allow_origins="*", allow_headers=["*", "Authorization"], max_age=30)
def put(self): ...

# view 'again.put', in the place of @cross_origin(...)
@cors(allow_origins="*", allow_headers=["*", "Authorization"], max_age=30)
def put(self): ...
"""


def test_an_application_where_only_views_have_something(write: Write) -> None:
    source = (
        "import flask\nfrom flask_cors import CORS, cross_origin\napp = flask.Flask(__name__)\n"
    )
    views = "app.add_url_rule('/a', 'a', cross_origin(origins='https://a.test')(lambda: ''))\n"
    place = write(source + views)
    status, out, err = run("--app", f"{place}:app")
    assert (status, err) == (0, "")
    assert out.startswith(
        """\
from corsgate.flask import CORSGate, cors

CORSGate(app, None)

# view 'a', in the place of @cross_origin(...)
@cors(allow_origins=["https://a.test"], allow_headers=["*", "Authorization"])
def view(): ...

The same requests were sent to both, and a browser lets the same through.

These answers differ, and no page notices:
"""
    )
    place = write(source + views.replace("origins='https://a.test'", "supports_credentials=True"))
    status, out, err = run("--app", f"{place}:app")
    assert (status, err) == (1, "")
    assert "view 'a': Every site could read the answers" in out
    assert out.endswith("corsgate does not start with this yet: first write what is said above.\n")


def test_a_view_like_the_application_keeps_its_mark(write: Write) -> None:
    source = (
        "import flask\nfrom flask_cors import CORS, cross_origin\napp = flask.Flask(__name__)\n"
    )
    source += "CORS(app)\napp.add_url_rule('/a', 'a', cross_origin()(lambda: ''))\n"
    found = json.loads(run("--app", f"{write(source)}:app", "--json")[1])
    assert '@cors(allow_origins="*")\n' in found["code"]


@pytest.mark.parametrize("resources", ["'/api/*'", "['/a/*', '/b/*']", r"r'/v\d/.*'"])
def test_resources_on_a_blueprint_have_no_equal(resources: str, write: Write) -> None:
    source = "import flask\nfrom flask_cors import CORS\napp = flask.Flask(__name__)\n"
    source += "some = flask.Blueprint('some', __name__)\n"
    source += f"CORS(some, resources={resources})\napp.register_blueprint(some)\n"
    found = json.loads(run("--app", f"{write(source)}:app", "--json")[1])
    assert found["refused"] == [
        (
            "blueprint 'some': resources on a blueprint have no equal. Write them as paths of"
            " CORSGate(app, ...)."
        )
    ]
    assert "does not start" in found["differences"]


def test_a_blueprint_without_a_view(write: Write) -> None:
    source = "import flask\nfrom flask_cors import CORS\napp = flask.Flask(__name__)\n"
    source += "some = flask.Blueprint('some', __name__)\nCORS(some)\napp.register_blueprint(some)\n"
    found = json.loads(run("--app", f"{write(source)}:app", "--json")[1])
    assert found["code"].endswith(
        'cors(allow_origins="*", allow_headers=["*", "Authorization"])(blueprint)\n'
    )
    assert found["differences"] == []


def test_a_release_of_flask_cors_that_is_not_known(write: Write) -> None:
    source = "import flask\nfrom flask_cors import CORS\nfrom flask_cors import core\n"
    source += "app = flask.Flask(__name__)\napp.after_request(core.set_cors_headers)\n"
    assert refused("--app", f"{write(source)}:app") == (
        "Error: This release of Flask-Cors does not show its options: give them with --flask-cors."
    )


def test_what_old_releases_of_flask_cors_leave_is_read_too() -> None:
    from corsgate.cli._flask_cors import _given

    options = {
        "origins": [".*"],
        "methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
        "allow_headers": [".*"],
        "expose_headers": None,
        "supports_credentials": True,
    }
    assert _given(options) == {"supports_credentials": True}


def test_no_such_application(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "import flask\nimport flask_cors\nimport wsgicors\napp = flask.Flask(__name__)\n"
    place = write(f"{source}def make(): return app\n")
    none = f"Error: There is no Flask-Cors and no wsgicors in {place}"
    assert refused("--app", f"{place}:app") == f"{none}:app (a Flask)."
    assert refused("--app", f"{place}:make") == (
        f"{none}:make (a function). If it makes the application, write {place}:make()."
    )
    assert refused("--app", "no_such_thing:app").endswith("No module named 'no_such_thing'")
    for library in ("flask_cors", "wsgicors"):
        monkeypatch.delitem(sys.modules, library, raising=False)
        assert refused("--app", f"{place}:app") == f"{none}:app (a Flask)."


def test_the_code_for_an_application_runs() -> None:
    from flask import Blueprint

    app = Flask("project")
    blueprint = Blueprint("bands", "project")
    exec(CODE, {"app": app, "blueprint": blueprint})
    assert app.extensions["corsgate"]


# ------------------------------------------------------------------ wsgicors


WSGICORS = f"""
from wsgicors import CORS

{WSGI}
app = CORS(
    inner, methods="*", headers="*", credentials="true", maxage="180",
    origin="https://app.example.com https://*.example.org http://localhost:*"
    " http://app?.b.test null",
)
everybody = CORS(inner, origin="copy", methods="PUT, TRACE", headers="X-A", expose_headers="X-B")
cookies = CORS(inner, origin="*", credentials="true")
broad = CORS(inner, origin="*.example.net https://*.com http*", credentials="true", maxage="soon")
two = CORS(inner, policy="one,two", one_origin="https://a.test", two_origin="*")
nobody = CORS(inner, policy="deny")
"""


def test_wsgicors(write: Write) -> None:
    place = write(WSGICORS)
    status, out, err = run("--app", f"{place}:app")
    assert (status, err) == (1, "")
    assert out.startswith(WSGICORS_OUT)
    found = {
        name: json.loads(run("--app", f"{place}:{name}", "--json")[1])
        for name in ("everybody", "cookies", "broad", "two", "nobody")
    }
    assert {name: policy_of(one["code"]) for name, one in found.items()} == {
        "everybody": """\
    allow_origins="*",
    allow_methods=["PUT"],
    allow_headers=["X-A"],
    expose_headers=["X-B"],
""",
        "cookies": """\
    allow_origins=[...],
    allow_methods=[],
    allow_headers=[],
    allow_credentials=True,
""",
        "broad": """\
    allow_origins=[
        re.compile(r".*\\.example\\.net"),
        # "https://*.com" is left out: see below
        # "http*" is left out: see below
    ],
    allow_methods=[],
    allow_headers=[],
    allow_credentials=True,
""",
        "two": "allow_origins=[...], allow_methods=[], allow_headers=[]",
        "nobody": "allow_methods=[], allow_headers=[]",
    }
    assert {name: one["refused"] for name, one in found.items()} == {
        "everybody": [
            (
                "methods: 'TRACE' is left out. 'TRACE' is a method that browsers refuse to send."
                " Take it out."
            )
        ],
        "cookies": [
            (
                "Every site could read the answers with your users' cookies. Name the origins of"
                " your pages in the place of the dots; or, where no page needs cookies, write"
                ' allow_origins="*" and no allow_credentials.'
            )
        ],
        "broad": [
            (
                "'https://*.com' with credentials: anybody can get a host that it covers. Name the"
                " hosts, or accept it with dangerously_allow=['public-suffix']."
            ),
            (
                "re.compile('http.*') with credentials also accepts 'https://q7x2k9w4z8.test'."
                " Escape each dot (\\.) and spell out the domain, or use a pattern such as"
                " 'https://*.example.com'."
            ),
            "max_age: 'soon' is no number of seconds, and is left out.",
        ],
        "two": [
            (
                "policy='one, two': corsgate has one policy for a path. Write the others as paths,"
                " or give a callable that takes the environ and returns a Policy; this is the"
                " first."
            )
        ],
        "nobody": [],
    }
    assert [run("--app", f"{place}:{name}")[0] for name in found] == [0, 1, 1, 1, 0]


def policy_of(code: str) -> str:
    """The call that is printed, but for the application."""
    call = code.partition("CORSMiddleware(")[2].removesuffix(")\n")
    return call.removeprefix("app, ").removeprefix("\n    app,\n")


WSGICORS_OUT = """\
import re

from corsgate.wsgi import CORSMiddleware

app = CORSMiddleware(
    app,
    allow_origins=[
        "https://app.example.com",
        "https://*.example.org",
        re.compile("http://localhost:.*"),
        re.compile(r"http://app.\\.b\\.test"),
        # "null" is left out: see below
    ],
    allow_methods=["*"],
    allow_headers=["*"],
    allow_credentials=True,
    max_age=180,
)

Not carried over as it was:
-  'null' with credentials: any site can take that origin in a sandboxed frame.
   Take it out, or accept it with dangerously_allow=['null-origin'].

The same requests were sent to both.

A browser lets less through than before:

Request:   GET, preflight for PUT with content-type, preflight for PATCH and 4
           more from null
wsgicors:  the browser lets it through, with cookies too
corsgate:  the browser blocks it
Why:       Any site can be null, in a sandboxed frame.

These answers differ, and no page notices:

Request:   GET without Origin
wsgicors:  Vary: not there
corsgate:  Vary: Origin
Why:       Caches have to know what the answer depends on.
"""


def test_wsgicors_in_a_flask_application(write: Write) -> None:
    source = "import flask\nfrom wsgicors import CORS\napp = flask.Flask(__name__)\n"
    source += "app.wsgi_app = CORS(app.wsgi_app, origin='https://a.test', methods='GET')\n"
    found = json.loads(run("--app", f"{write(source)}:app", "--json")[1])
    assert (
        found["code"]
        == """\
from corsgate.wsgi import CORSMiddleware

app.wsgi_app = CORSMiddleware(
    app.wsgi_app,
    allow_origins=["https://a.test"],
    allow_methods=["GET"],
    allow_headers=[],
)
"""
    )


# ------------------------------------------------------------------ django-cors-headers


def test_a_django_project(monkeypatch: pytest.MonkeyPatch) -> None:
    with settings_of([], CORS_ALLOWED_ORIGINS=[f"{APP}/"], CORS_ALLOW_CREDENTIALS=True):
        status, out, err = run("--django")
        assert (status, err) == (0, "")
        assert out.startswith("MIDDLEWARE = [\n")
        assert "\nRequest:              preflight from https://app.example.com\n" in out
        monkeypatch.setitem(sys.modules, "corsheaders.middleware", None)
        assert run("--django")[1].endswith(
            "\npip install django-cors-headers, and what is answered differently is shown here\n"
            "too.\n"
        )
    with settings_of([], CORS_ALLOW_ALL_ORIGINS=True, CORS_ALLOW_CREDENTIALS=True):
        status, out, err = run("--django")
        assert (status, err) == (1, "")
        assert out.endswith(
            "\ncorsgate does not start with this yet: first write what is said above.\n"
        )


# ------------------------------------------------------------------ comparing


def test_neighbours() -> None:
    assert [*neighbours("https://a.example.com:444")] == [
        "http://a.example.com:444",
        "https://a.example.com:8443",
        "https://a.example.com.stranger.test:444",
        "https://www.a.example.com:444",
        "https://strangera.example.com:444",
        "https://axexample.com:444",
        "https://a.example.comx:444",
    ]
    assert [*neighbours("http://localhost")] == [
        "https://localhost",
        "http://localhost:8443",
        "http://localhost.stranger.test",
        "http://www.localhost",
        "http://strangerlocalhost",
    ]
    assert [*neighbours("http://127.0.0.1:80")] == [
        "https://127.0.0.1:80",
        "http://127.0.0.1:8443",
        "http://127.0.0.1.stranger.test:80",
    ]
    assert [*neighbours("http://[::1]:3000")] == ["https://[::1]:3000", "http://[::1]:8443"]
    assert [*neighbours("http://[::1]")] == ["https://[::1]", "http://[::1]:8443"]
    assert [*neighbours("tauri://localhost")] == []


def test_what_is_compared() -> None:
    def app_with(**headers: str) -> Any:
        def app(environ: Any, start_response: Any) -> list[bytes]:
            pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
            start_response("200 OK", [(f"Access-Control-{name}", value) for name, value in pairs])
            return []

        return app

    open_, closed = app_with(Allow_Origin="*"), app_with()
    cookies = app_with(Allow_Origin=APP, Allow_Credentials="true", Allow_Methods="PUT")
    get, put = Asked(origin=APP), Asked("PUT", origin=APP, preflight=True)
    assert compare(open_, open_, [get, put]) == []
    assert [
        (one.lets_through, one.old, one.new, one.why) for one in compare(open_, cookies, [get])
    ] == [
        (True, "the browser lets it through", "the browser lets it through, with cookies too", "")
    ]
    assert [(one.lets_through, one.why) for one in compare(open_, cookies, [put])] == [(True, "")]
    assert [(one.lets_through, one.why) for one in compare(cookies, open_, [put])] == [
        (False, "allow_methods, allow_headers or allow_credentials do not allow it.")
    ]
    assert [(one.lets_through, one.why) for one in compare(closed, cookies, [get, put])] == [
        (True, ""),
        (True, "Nothing has answered this preflight before."),
    ]
    assert [(one.lets_through, one.why) for one in compare(cookies, closed, [get])] == [
        (False, "No policy covers this path: /api/* is /api and what is below it, not /apix.")
    ]
    post = Asked("POST", origin=APP, preflight=True)
    headers = Asked("POST", origin=APP, preflight=True, headers=("x-a",))
    with_headers = app_with(Allow_Origin=APP, Allow_Headers="x-a")
    (found,) = compare(app_with(Allow_Origin=APP), with_headers, [post])
    assert found.why == "All that is allowed is listed, not only what was asked for."
    assert [one.why for one in compare(app_with(Allow_Origin=APP), with_headers, [headers])] == [
        "By the Fetch standard GET, HEAD and POST need no entry in allow_methods."
    ]
    star = app_with(Allow_Origin=APP, Allow_Headers="*", Allow_Credentials="true")
    named = app_with(Allow_Origin=APP, Allow_Headers="x-a", Allow_Credentials="true")
    assert [one.why for one in compare(star, named, [headers])] == [
        "With cookies a browser takes * for a name: corsgate answers the names instead."
    ]
    evil = app_with(Allow_Origin=APP, Allow_Credentials="true", Expose_Headers="\x1b[31m")
    assert [one.new for one in compare(open_, evil, [Asked()])] == [
        f"Access-Control-Allow-Origin: {APP}",
        "Access-Control-Allow-Credentials: true",
        "Access-Control-Expose-Headers: \\x1b[31M",
    ]
