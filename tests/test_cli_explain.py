"""`corsgate explain`: what it prints, to the letter, and with which status it ends."""

import contextlib
import io
import json
import subprocess
import sys
import types
from collections.abc import Callable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from django.utils.functional import empty
from django_project import COMMON, CORSGATE, URLs, send_sync, settings_of

import corsgate.django
from corsgate import Policy, __main__, explain
from corsgate.browser import Browser, CORSError
from corsgate.cli import main

APP = "https://app.example.com"
OTHER = "https://other.example"
# What rich looks at; pytest's own terminal is not to count.
PLAIN = {"COLUMNS": "80", "FORCE_COLOR": None, "NO_COLOR": None, "TTY_COMPATIBLE": None}

Ran = tuple[int, str, str]
Write = Callable[..., str]


def run(*args: str) -> Ran:
    """The command's status, and what it prints on both outputs, without the padding of tables."""
    done = CliRunner(env=PLAIN).invoke(main, args, prog_name="corsgate")
    printed = "".join(f"{line.rstrip(' ')}\n" for line in done.stdout.splitlines())
    return done.exit_code, printed, done.stderr


def explained(*args: str) -> Any:
    status, out, err = run("explain", *args, "--json")
    found = json.loads(out)
    assert (status, err) == (0 if found["allowed"] else 1, "")
    return found


def refused(*args: str) -> str:
    """What is said where nothing can be explained."""
    status, out, err = run("explain", *args)
    assert (status, out) == (2, "")
    return err


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


def test_allowed_without_a_preflight() -> None:
    assert run("explain", "--origin", APP, "--allow-origins", APP, "--path", "/api/me") == (
        0,
        """\
GET /api/me from a page on https://app.example.com
The browser sends it at once, without a preflight.

passed  cors-request  The page on 'https://app.example.com' is on another
                      origin, so the browser looks at the answer.
passed  policy        A policy applies here.
passed  origin        allow_origins allows 'https://app.example.com'.
passed  credentials   The page asks for no cookies.
passed  method        'GET' is a method that needs no permission.
passed  headers       No header needs permission.

Allowed:  The page on 'https://app.example.com' may read the answer.
""",
        "",
    )


def test_blocked_with_the_fix() -> None:
    asked = ["--origin", "http://app.example.com", "-X", "PUT", "--credentials"]
    asked += ["-H", "X-Token: [red]", "-H", "Accept"]
    assert run("explain", *asked, "--allow-origins", APP, "--allow-credentials") == (
        1,
        """\
PUT / from a page on http://app.example.com, with X-Token, Accept
A browser asks first, so its preflight is what counts.

passed  cors-request  The page on 'http://app.example.com' is on another origin,
                      so the browser asks first whether it may send 'PUT' (a
                      preflight).
passed  policy        A policy applies here.
FAILED  origin        The page is on 'http://app.example.com', which
                      allow_origins does not allow; the nearest that it allows
                      is 'https://app.example.com': same host, but the page is
                      http and the policy has https.
-       credentials   Not reached.
-       method        Not reached.
-       headers       Not reached.

Blocked:     origin-not-allowed
Setting:     allow_origins
Nearest:     https://app.example.com
What to do:  serve the page over https, since with cookies http is not safe; or
             add 'http://app.example.com' and accept the risk with
             dangerously_allow=["insecure-origin"]
""",
        "",
    )


def test_a_page_on_https_that_calls_http() -> None:
    asked = ["--origin", APP, "--allow-origins", "*", "--path", "http://api.example.com/x?y#z"]
    assert run("explain", *asked) == (
        1,
        """\
GET http://api.example.com/x?y from a page on https://app.example.com

Blocked:     A page on https may not call http://api.example.com, whatever the
             policy says.
What to do:  serve the API over https
""",
        "",
    )
    assert explained(*asked) == {
        "request": {
            "origin": APP,
            "method": "GET",
            "url": "http://api.example.com/x?y",
            "headers": [],
            "credentials": False,
            "form": False,
        },
        "preflight": False,
        "allowed": False,
        "reason": "mixed-content",
        "message": "A page on https may not call http://api.example.com, whatever the policy says.",
        "setting": "",
        "nearest": None,
        "fix": "serve the API over https",
        "steps": [],
    }


def test_json_is_all_of_the_explanation_and_the_request() -> None:
    found = explained("--origin", APP, "--allow-origins", APP, "-X", "patch", "-H", "X-A: 1")
    environ = {
        "REQUEST_METHOD": "OPTIONS",
        "HTTP_ORIGIN": APP,
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "patch",
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "x-a",
    }
    assert found == {
        "request": {
            "origin": APP,
            "method": "patch",
            "url": "/",
            "headers": ["X-A: 1"],
            "credentials": False,
            "form": False,
        },
        "preflight": True,
        **explain(Policy(allow_origins=APP), environ).to_dict(),
    }
    assert found["reason"] == "method-not-allowed"


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch, encoding: str, *args: str) -> list[str]:
    screen = io.BytesIO()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "stdout", Terminal(screen, encoding=encoding))
    assert main(["explain", *args], standalone_mode=False) == 1
    sys.stdout.flush()
    return [line.rstrip(" ") for line in screen.getvalue().decode(encoding).splitlines()]


def test_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    args = ["--origin", APP, "--allow-origins", "null"]
    lines = shown_on_a_terminal(monkeypatch, "utf-8", *args)
    assert lines[5] == "\x1b[32mpassed\x1b[0m  policy        A policy applies here."
    assert lines[6].startswith("\x1b[1;31mFAILED\x1b[0m  origin        The page is on")
    assert lines[8] == "\x1b[2m-     \x1b[0m  credentials   Not reached."
    assert lines[12] == "\x1b[1;31mBlocked:    \x1b[0m  origin-not-allowed"
    assert lines[14].startswith("\x1b[1;31mTo allow it:\x1b[0m  allow_origins=[")
    monkeypatch.setenv("NO_COLOR", "1")
    colours = "\x1b[31m", "\x1b[32m", "\x1b[1;31m"
    plain = "\n".join(shown_on_a_terminal(monkeypatch, "utf-8", *args))
    assert not [colour for colour in colours if colour in plain]


def test_a_terminal_with_ascii_only(monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    source = PLAIN_APP.replace("talks", "pr\u00fcft").replace('["https://app.example.com", ', "[")
    place = f"{write(source)}:app"
    lines = shown_on_a_terminal(monkeypatch, "ascii", "--origin", APP, "--app", place)
    assert "callable pr\\xfcft did not return True." in " ".join(line.strip() for line in lines)


# ------------------------------------------------------------------ which request is judged


@pytest.mark.parametrize(
    ("args", "preflight"),
    [
        ([], False),
        (["-X", "post"], False),
        (["-X", "DELETE"], True),
        (["-H", "Accept"], False),
        (["-H", "Accept: a/b"], False),
        (["-H", "Content-Type"], True),
        (["-H", "Content-Type: text/plain"], False),
        (["-H", "Content-Type: application/json"], True),
        (["-H", "Authorization"], True),
        (["-H", "X-Requested-With"], True),
        (["--credentials"], False),
    ],
)
def test_a_preflight_where_a_browser_sends_one(args: list[str], preflight: bool) -> None:
    found = explained("--origin", APP, "--allow-origins", "https://*.example.com", *args)
    assert found["preflight"] is preflight
    assert found["reason"] == ("credentials-not-allowed" if "--credentials" in args else None)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["-X", "PURGE"], "method-not-allowed"),
        (["-H", "X-Api-Key: 1"], "header-not-allowed"),
        (["--path", f"{APP}/x"], "not-cors"),
        (["--path", f"{APP}/x", "-X", "PUT"], "same-origin"),
        (["--allow-methods", "PURGE", "--allow-methods", "GET,BAN", "-X", "BAN"], None),
        (["--allow-headers", "*", "-H", "X-Api-Key"], None),
        (["--allow-headers", "*", "-H", "Authorization: Bearer x"], "authorization-not-covered"),
        (["--allow-origins", "http://shop.example", "--allow-credentials", "--dangerously-allow",
          "insecure-origin", "--credentials"], None),
    ],
)  # fmt: skip
def test_the_policy_of_the_options(args: list[str], reason: str | None) -> None:
    assert explained("--origin", APP, "--allow-origins", APP, *args)["reason"] == reason


def test_null_is_an_origin() -> None:
    found = explained("--origin", "null", "--allow-origins", "null")
    assert found["message"] == "The page on 'null' may read the answer."


# ------------------------------------------------------------------ bad usage


def test_all_that_is_wrong_with_the_policy_is_said() -> None:
    assert refused("--origin", APP, "--allow-origins", f"{APP}/", "--allow-methods", "get") == (
        "Error: 2 problems:\n"
        f"  --allow-origins: '{APP}/' has a slash or path after the host and port: an origin ends"
        f" before that. Write '{APP}'. [origin-path]\n"
        "  --allow-methods: 'get' never matches: method names are case-sensitive. Did you mean"
        " 'GET'? [method-case]\n"
    )


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (
            ["--origin", "app.example.com"],
            (
                "--origin: 'app.example.com' has no scheme. No browser sends it. Write"
                " https://app.example.com."
            ),
        ),
        (
            ["--origin", f"{APP}/"],
            (
                f"--origin: '{APP}/' has a slash or path after the host and port: an origin ends"
                f" before that. No browser sends it. Write {APP}."
            ),
        ),
        (
            ["--origin", "HTTPS://App.example.com"],
            (
                "--origin: 'HTTPS://App.example.com' is not in lower case. No browser sends it."
                " Write https://app.example.com."
            ),
        ),
        (
            ["--origin", ""],
            "--origin: '' is empty. No browser sends it. Copy it from the browser's console.",
        ),
        (
            ["--origin", "https://*.example.com"],
            "--origin: 'https://*.example.com' is a pattern, and a page has one origin.",
        ),
        (
            ["--origin", APP, "-X", "TRACE"],
            "No browser sends this: method is 'TRACE', which fetch() does not take.",
        ),
        (
            ["--origin", APP, "-X", "GE T"],
            "No browser sends this: method is 'GE T', which fetch() does not take.",
        ),
        (
            ["--origin", APP, "-H", "X Token: 1"],
            "No browser sends this: a page cannot send the header 'X Token' with the value '1'.",
        ),
        (
            ["--origin", APP, "-H", "Cookie"],
            (
                "No browser sends this: a page cannot set the header 'Cookie': browsers drop it"
                " silently."
            ),
        ),
        (
            ["--origin", APP, "--path", "ftp://example.com/x"],
            "--path takes /a/path or a whole http(s) address, not 'ftp://example.com/x'.",
        ),
        (
            ["--origin", APP, "--path", "https://ada:pw@example.com/"],
            "--path takes /a/path or a whole http(s) address, not 'https://ada:pw@example.com/'.",
        ),
        (
            ["--origin", APP, "--path", "https://[/"],
            "--path takes /a/path or a whole http(s) address, not 'https://[/'.",
        ),
    ],
)
def test_what_no_browser_sends(args: list[str], said: str) -> None:
    assert refused(*args, "--allow-origins", APP) == f"Error: {said}\n"


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--app", "shop:app", "--django"],
        ["--app", "shop:app", "--allow-origins", APP],
        ["--django", "shop.settings", "--allow-credentials"],
    ],
)
def test_one_place_for_the_policy(args: list[str]) -> None:
    assert refused("--origin", APP, *args) == (
        "Usage: corsgate explain [OPTIONS]\n"
        "Try 'corsgate explain --help' for help.\n"
        "\n"
        "Error: Give one of --app, --django, and a policy with --allow-origins.\n"
    )


@pytest.mark.parametrize(
    ("place", "hint"),
    [
        ("shop", " Write shop:app."),
        ("shop:", " Write shop:app."),
        ("shop.py", " Write shop:app."),
        ("./src/shop.py:make()", " Write src.shop:make()."),
        ("shop:app(1)", ""),
        ("a b:c", ""),
    ],
)
def test_how_an_application_is_named(place: str, hint: str) -> None:
    assert refused("--origin", APP, "--app", place) == (
        "Usage: corsgate explain [OPTIONS]\n"
        "Try 'corsgate explain --help' for help.\n"
        "\n"
        f"Error: --app takes module:name or module:factory(), not {place!r}.{hint}\n"
    )


# ------------------------------------------------------------------ WSGI

PLAIN_APP = """
from corsgate.wsgi import CORSMiddleware

print("hello from the application")

def application(environ, start_response):
    raise AssertionError

def talks(origin, environ):
    print("asked")
    return origin == "https://said.example"

class Layer:
    def __init__(self, app):
        self.app = app

class Holder:
    gate = CORSMiddleware(
        application,
        allow_origins=["https://app.example.com", talks],
        paths={
            "/public/*": {"allow_origins": "*"},
            "/own/*": None,
            "/caf\u00e9": None,
            "/some/*": {"max_age": 5},
        },
    )

app = Layer(Layer(Holder.gate))

def make():
    return Holder.gate

def broken():
    return CORSMiddleware(application, allow_origins="https://app.example.com/")

def leaves():
    raise SystemExit("no database")

loop = Layer(None)
loop.app = loop
"""


@pytest.mark.parametrize("name", ["app", "Holder.gate", "make()"])
def test_a_wsgi_gate_below_other_layers(write: Write, name: str) -> None:
    place = f"{write(PLAIN_APP)}:{name}"
    status, out, err = run("explain", "--origin", OTHER, "--app", place, "--path", "/x", "--json")
    # What the application prints is no part of the answer.
    assert (status, err) == (1, "hello from the application\nasked\n")
    assert json.loads(out)["fix"] == f'allow_origins=[..., "{OTHER}"]'


def test_a_path_that_is_none_is_named(write: Write) -> None:
    place = f"{write(PLAIN_APP)}:app"
    _, out, _ = run("explain", "--origin", OTHER, "--app", place, "--path", "/own/x", "--json")
    assert json.loads(out)["setting"] == "paths['/own/*'] = None"


def test_the_options_of_a_path_are_named_with_it(write: Write) -> None:
    place = f"{write(PLAIN_APP)}:app"
    _, out, _ = run("explain", "--origin", OTHER, "--app", place, "--path", "/some/x", "--json")
    assert json.loads(out)["setting"] == "allow_origins in paths['/some/*']"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/public/x", None),
        ("/public/?y", None),
        ("public/x", None),
        ("/publi", "origin-not-allowed"),
        ("/own/", "no-policy"),
        ("/caf\u00e9", "no-policy"),
        ("/caf%C3%A9", "no-policy"),
        ("https://api.example.com/own/x", "no-policy"),
    ],
)
def test_the_policy_of_the_path(write: Write, path: str, reason: str | None) -> None:
    place = f"{write(PLAIN_APP)}:app"
    _, out, _ = run("explain", "--origin", OTHER, "--app", place, "--path", path, "--json")
    assert json.loads(out)["reason"] == reason


def test_an_application_that_does_not_start(write: Write) -> None:
    name = write(PLAIN_APP)
    line = PLAIN_APP.splitlines().index("def broken():") + 2
    noise = "hello from the application\n"
    assert refused("--origin", APP, "--app", f"{name}:broken()") == (
        f"{noise}Error: {name}:broken() does not start, because of {name}.py, line {line}:\n"
        f"  corsgate.errors.PolicyError: allow_origins: '{APP}/' has a slash or path after the"
        f" host and port: an origin ends before that. Write '{APP}'. [origin-path]\n"
    )
    assert refused("--origin", APP, "--app", f"{name}:leaves()") == (
        f"Error: {name}:leaves() does not start, because of {name}.py, line {line + 3}:\n"
        "  SystemExit: no database\n"
    )
    assert refused("--origin", APP, "--app", f"{name}:nowhere") == (
        f"Error: {name}:nowhere does not start:\n"
        f"  AttributeError: module '{name}' has no attribute 'nowhere'\n"
    )
    assert refused("--origin", APP, "--app", "no_such_module:app") == (
        "Error: no_such_module:app does not start:\n"
        "  ModuleNotFoundError: No module named 'no_such_module'\n"
    )


def test_an_application_with_an_error_of_syntax(write: Write) -> None:
    name = write("x = (")
    assert refused("--origin", APP, "--app", f"{name}:app") == (
        f"Error: {name}:app does not start:\n"
        f'    File "{Path.cwd()}/{name}.py", line 1\n'
        "      x = (\n"
        "          ^\n"
        "  SyntaxError: '(' was never closed\n"
    )


def test_an_application_without_a_gate(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    name = write(PLAIN_APP)
    # As in a process that has neither.
    for framework in ("corsgate.flask", "django"):
        monkeypatch.delitem(sys.modules, framework, raising=False)
    none = "There is no CORSGate or CORSMiddleware of corsgate in"
    assert refused("--origin", APP, "--app", f"{name}:make") == (
        "hello from the application\n"
        f"Error: {none} {name}:make (a function). If it makes the application, write"
        f" {name}:make().\n"
    )
    assert refused("--origin", APP, "--app", f"{name}:loop") == (
        f"Error: {none} {name}:loop (a Layer).\n"
    )


# ------------------------------------------------------------------ Flask

FLASK_APP = """
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from corsgate.flask import CORSGate, cors

app = Flask(__name__)
app.config["CORS_ALLOW_ORIGINS"] = "https://app.example.com"
CORSGate(app)
app.wsgi_app = ProxyFix(app.wsgi_app)

@app.get("/cart")
def show():
    raise AssertionError

@app.put("/cart")
@cors(allow_origins="https://admin.example.com")
def change():
    raise AssertionError

plain = Flask(__name__)
CORSGate(plain, allow_origins="https://app.example.com")

hosts = Flask(__name__, host_matching=True, static_folder=None)
CORSGate(hosts)

@hosts.get("/", host="shop.example")
@cors(allow_origins="*")
def items():
    raise AssertionError

def named():
    hosts.config["SERVER_NAME"] = "shop.example"
    return hosts

def trusting():
    hosts.config["TRUSTED_HOSTS"] = [".shop.example"]
    return hosts

broken = Flask(__name__)
CORSGate(broken, allow_origins="*")

@broken.get("/")
@cors(allow_credentials=True)
def never():
    raise AssertionError

bare = Flask(__name__)
"""
MARK = "cors(...) of view 'change'"


@pytest.mark.parametrize(
    ("args", "fix"),
    [
        (["app"], f'app.config["CORS_ALLOW_ORIGINS"] = ["{APP}", "{OTHER}"]'),
        (["app", "-X", "PUT"],
         f'allow_origins=["https://admin.example.com", "{OTHER}"]  # in {MARK}'),
        (["app", "-X", "PUT", "--path", "/x"],
         f'app.config["CORS_ALLOW_ORIGINS"] = ["{APP}", "{OTHER}"]'),
        (["plain"], f'allow_origins=["{APP}", "{OTHER}"]'),
        (["hosts", "--path", "/"], f'allow_origins=["{OTHER}"]'),
        (["hosts", "--path", "https://shop.example/"], ""),
        (["named()", "--path", "/"], ""),
        (["trusting()", "--path", "/"], ""),
    ],
)  # fmt: skip
def test_the_policy_of_the_view_in_flask(write: Write, args: list[str], fix: str) -> None:
    name, *more = args
    place = f"{write(FLASK_APP)}:{name}"
    found = explained("--origin", OTHER, "--path", "/cart", "--app", place, *more)
    assert found["fix"] == fix


def test_a_flask_application_that_does_not_start(write: Write) -> None:
    name = write(FLASK_APP)
    assert refused("--origin", APP, "--app", f"{name}:broken") == (
        f"Error: {name}:broken does not start:\n"
        "  corsgate.errors.PolicyError: view 'never': allow_origins: '*' cannot be combined with"
        " credentials: every site could act as the user. Name the origins, or set"
        " allow_credentials=False here. [wildcard-credentials]\n"
    )
    assert refused("--origin", APP, "--app", f"{name}:bare") == (
        f"Error: There is no CORSGate or CORSMiddleware of corsgate in {name}:bare (a Flask).\n"
    )


# ------------------------------------------------------------------ the gate

GATED = """
from flask import Flask

from corsgate.flask import CORSGate, cors
from corsgate.wsgi import CORSMiddleware

def serve(environ, start_response):
    start_response("200 OK", [])
    return []

paths = {
    "/own/*": None,
    "/open/*": {"allow_origins": "*"},
    "/off/*": {"gate": "off"},
    "/report/*": {"gate": "report"},
}
origins = ["https://app.example.com", "https://reader.example.com"]
options = {"allow_origins": origins, "gate": "enforce", "paths": paths}
plain = CORSMiddleware(serve, write_origins=["https://app.example.com"], **options)
owned = CORSMiddleware(serve, own_origins=["http://shop.test", "https://shop.test"], **options)
old = CORSMiddleware(serve, own_origins="http://shop.test", **options)

flask = Flask(__name__)
flask.config["CORS_WRITE_ORIGINS"] = "https://app.example.com"
CORSGate(flask, **options)
flask.add_url_rule("/<path:path>", "all", lambda path: "", methods=["GET", "PUT", "POST"])
"""
EVIL = "https://evil.example"


def test_a_form_that_the_gate_refuses(write: Write) -> None:
    asked = ["--origin", EVIL, "--app", f"{write(GATED)}:plain", "--path", "/form"]
    assert run("explain", *asked, "--form") == (
        1,
        """\
POST /form from a form on https://evil.example
The browser sends it at once, and shows the answer to the user.

passed  cors-request  A form or a link sends it, which CORS never stops,
                      wherever the page is: that is for CSRF protection or the
                      gate.
passed  policy        A policy applies here.
FAILED  gate          The gate refuses 'POST' (403): the page is on
                      'https://evil.example', which write_origins does not trust
                      to write.
-       origin        Not reached.
-       credentials   Not reached.
-       method        Not reached.
-       headers       Not reached.

Blocked:     cross-site-write
Setting:     write_origins
What to do:  if you trust that site to act as your users, add it:
             write_origins=[..., "https://evil.example"]; if every site may call
             this route, exempt it: gate="off" in its cors(...) or in paths
""",
        "",
    )
    link = explained(*asked, "--form", "-X", "GET")
    assert (link["reason"], link["request"]["method"]) == ("not-cors", "GET")
    by_fetch = explained(*asked, "-X", "POST")
    assert (by_fetch["reason"], by_fetch["setting"]) == ("cross-site-write", "write_origins")
    assert by_fetch["request"]["form"] is False
    assert by_fetch["steps"][0]["text"].endswith("so the browser looks at the answer.")


def test_a_form_where_there_is_no_gate() -> None:
    asked = ["--origin", EVIL, "--allow-origins", APP, "-X", "POST", "--form"]
    assert run("explain", *asked) == (
        0,
        """\
POST / from a form on https://evil.example
The browser sends it at once, and shows the answer to the user.

passed  cors-request  A form or a link sends it, which CORS never stops,
                      wherever the page is: that is for CSRF protection or the
                      gate.
-       policy        Not reached.
-       origin        Not reached.
-       credentials   Not reached.
-       method        Not reached.
-       headers       Not reached.

Allowed:  A form or a link sends it, which CORS never stops, wherever the page
          is: that is for CSRF protection or the gate.
""",
        "",
    )


def test_what_a_form_cannot_send() -> None:
    asked = ["--origin", EVIL, "--allow-origins", APP, "--form"]
    assert refused(*asked, "-H", "X-Token: 1").endswith(
        "\nError: A form sets no headers: leave out --header, or --form.\n"
    )
    assert refused(*asked, "-X", "PUT") == (
        "Error: No browser sends this: method is 'PUT', and a form has GET and POST only.\n"
    )


def test_the_settings_of_the_gate_are_called_as_they_are_written(write: Write) -> None:
    place = f"{write(GATED)}:flask"
    setting = 'app.config["CORS_WRITE_ORIGINS"]'
    for address in ("/form", "/own/form"):  # under None the gate of the application stays
        asked = ["--origin", EVIL, "--app", place, "-X", "POST", "--form", "--path", address]
        found = explained(*asked)
        assert (found["reason"], found["setting"]) == ("cross-site-write", setting)
        assert found["fix"] == (
            f'if you trust that site to act as your users, add it: {setting} = [..., "{EVIL}"]; if'
            ' every site may call this route, exempt it: gate="off" in its cors(...) or in paths'
        )
    assert [step["name"] for step in found["steps"][:3]] == ["cors-request", "gate", "policy"]


@pytest.mark.parametrize(
    ("name", "origin", "reason", "step"),
    [
        ("plain", "https://shop.test", "cross-site-write", None),
        ("owned", "https://shop.test", "same-origin", "Sec-Fetch-Site: same-origin, so the gate"),
        ("owned", "http://shop.test", "same-origin", "'http://shop.test' is this very site"),
        ("owned", "https://www.shop.test", "cross-site-write", None),
        ("owned", APP, "not-cors", "allow_origins trusts 'https://app.example.com' to write."),
        # A browser says null there, and no Sec-Fetch-Site.
        ("old", APP, "cross-site-write", None),
    ],
)
def test_which_site_is_its_own_is_known_by_own_origins(
    write: Write, name: str, origin: str, reason: str, step: str | None
) -> None:
    asked = ["--origin", origin, "--app", f"{write(GATED)}:{name}", "-X", "POST", "--form"]
    found = explained(*asked, "--path", "/form")
    gate = next(step for step in found["steps"] if step["name"] == "gate")
    assert (found["reason"], gate["passed"]) == (reason, step is not None)
    assert (step or "The gate refuses 'POST' (403): the page") in gate["text"]


@pytest.mark.parametrize(
    ("name", "address", "reason"),
    [
        ("owned", "https://api.shop.test/form", "cross-site-write"),
        ("plain", "https://shop.test/form", "same-origin"),
    ],
)
def test_a_whole_address_says_which_site_it_is(
    write: Write, name: str, address: str, reason: str
) -> None:
    place = f"{write(GATED)}:{name}"
    asked = ["--origin", "https://shop.test", "--app", place, "-X", "POST"]
    assert explained(*asked, "--path", address)["reason"] == reason


def test_a_path_that_may_be_another_one(write: Write) -> None:
    place = f"{write(GATED)}:plain"
    asked = ["--origin", APP, "--app", place, "--path"]
    for address, path_, method, step in (
        ("//open/x", "//open/x", "POST", "gate"),
        ("/a%2f../open/x", "/a/../open/x", "PUT", "policy"),
    ):
        found = explained(*asked, address, "-X", method)
        failed = [step["name"] for step in found["steps"] if step["passed"] is False]
        assert failed == [step]
        assert (
            found["message"]
            .lower()
            .endswith(
                f"the path '{path_}' may mean '/open/x' to the application, where another policy"
                " holds, so nothing is allowed."
            )
        )
        assert (found["setting"], found["fix"]) == (
            "paths",
            "send the path in its plain form, without // and dots, or give both the same policy",
        )


@pytest.mark.parametrize("name", ["plain", "flask"])
def test_the_gate_does_what_was_told(write: Write, name: str) -> None:
    module = write(GATED)
    told, done = {}, {}
    for case in product(
        [APP, "https://reader.example.com", EVIL, "null"],
        ["/x", "/own/x", "/open/x", "/off/x", "/report/x"],
        ["GET", "POST"],
        ["form", "fetch", "fetch with JSON"],
    ):
        origin, address, method, how = case
        args = ["--origin", origin, "--path", address, "-X", method, "--app", f"{module}:{name}"]
        args += {"form": ["--form"], "fetch": []}.get(how, ["-H", "Content-Type: application/json"])
        found = explained(*args)
        told[case] = (found["reason"] or "").startswith("cross-site")
        browser = Browser(getattr(sys.modules[module], name), origin=origin)
        if how == "form":
            done[case] = browser.submit(address, {}, method=method).status == 403
            continue
        headers = {} if how == "fetch" else {"Content-Type": "application/json"}
        with contextlib.suppress(CORSError):
            browser.fetch(address, method=method, headers=headers)
        done[case] = browser.exchanges[-1][1].body.startswith(b"403 Forbidden: a page on another")
    assert told == done
    assert set(done.values()) == {True, False}


# ------------------------------------------------------------------ told and done

SERVED = """
from flask import Flask

from corsgate.flask import CORSGate, cors
from corsgate.wsgi import CORSMiddleware

def serve(environ, start_response):
    start_response("200 OK", [])
    return []

paths = {"/open/": {"allow_origins": "*", "allow_credentials": False}, "/own/": None}
options = {"allow_origins": "https://*.example.com", "allow_credentials": True}
plain = CORSMiddleware(serve, paths=paths, **options)

flask = Flask(__name__)
CORSGate(flask, **options)
flask.add_url_rule("/", "root", lambda: "", methods=["GET", "PUT"])
opened = cors(allow_origins="*", allow_credentials=False)(lambda: "")
flask.add_url_rule("/open/", "opened", opened, methods=["GET", "PUT"])
flask.add_url_rule("/own/", "own", cors(None)(lambda: ""), methods=["GET", "PUT"])
"""


@pytest.mark.parametrize("name", ["plain", "flask"])
def test_a_browser_does_what_was_told(write: Write, name: str) -> None:
    module = write(SERVED)
    told, done = {}, {}
    for case in product(
        [APP, OTHER, "null"],
        ["/", "/open/", "/own/", f"{APP}/"],
        ["GET", "PUT"],
        ["Accept: */*", "Content-Type: a/b", "X-Token: 1"],
        [False, True],
    ):
        origin, address, method, header, credentials = case
        args = ["--origin", origin, "--path", address, "-X", method, "-H", header]
        args += ["--app", f"{module}:{name}", *(["--credentials"] if credentials else [])]
        told[case] = explained(*args)["allowed"]
        host = APP if "://" in address else "https://testserver"
        browser = Browser(getattr(sys.modules[module], name), origin=origin, base_url=host)
        try:
            browser.fetch(
                address,
                method=method,
                headers=dict([header.split(": ")]),
                credentials="include" if credentials else "same-origin",
            )
            done[case] = True
        except CORSError:
            done[case] = False
    assert told == done
    assert set(done.values()) == {True, False}


# ------------------------------------------------------------------ Django


def view(request: HttpRequest) -> HttpResponse:
    raise AssertionError


URLS: URLs = [
    path("x/", view),
    path("open/", corsgate.django.cors(allow_origins="*")(view)),
]


@pytest.mark.parametrize(
    ("args", "fix"),
    [
        (["/x/"], f'CORS_ALLOW_ORIGINS = ["{APP}", "{OTHER}"]'),
        (["/open", "-X", "PUT"], ""),
        (["/open/", "-X", "PURGE"],
         ('allow_methods=["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "PURGE"]'
         f"  # in cors(...) of view '{__name__}.view'")),
    ],
)  # fmt: skip
def test_the_policy_of_the_view_in_django(args: list[str], fix: str) -> None:
    with settings_of(URLS, CORS_ALLOW_ORIGINS=[APP]):
        assert explained("--origin", OTHER, "--django", "--path", *args)["fix"] == fix


def test_the_settings_are_called_as_the_project_has_them() -> None:
    with settings_of(URLS, CORS_ALLOWED_ORIGINS=[APP], CORS_PATHS={"/x/": None}):
        found = explained("--origin", OTHER, "--django", "--path", "/y/")
        assert found["setting"] == "CORS_ALLOWED_ORIGINS"
        found = explained("--origin", OTHER, "--django", "--path", "/x/")
        assert found["setting"] == "CORS_PATHS['/x/'] = None"


@corsgate.django.cors(None)
def unmanaged(request: HttpRequest) -> HttpResponse:
    raise AssertionError


NO_POLICY: dict[str, tuple[str, dict[str, Any], str]] = {
    "a path": ("/x/", {"CORS_PATHS": {"/x/*": None}}, "CORS_PATHS['/x/*'] = None"),
    "a regular expression": (
        "/x/",
        {"CORS_URLS_REGEX": r"^/api/"},
        "CORS_URLS_REGEX = '^/api/'",
    ),
    "nothing for all": ("/x/", {"CORS_POLICY": f"{__name__}.NOTHING"}, "CORS_POLICY = None"),
    "a mark": ("/unmanaged/", {}, "cors(None) of the view"),
    "WhiteNoise": ("/static/x.js", {}, "WhiteNoise sends its own for '/static/*'"),
    "WhiteNoise, and a path for it": (
        "/static/x.js",
        {"CORS_PATHS": {"/static/*": None}},
        "CORS_PATHS['/static/*'] = None",
    ),
}
NOTHING = None


@pytest.mark.parametrize("gate", ["off", "enforce"])
@pytest.mark.parametrize(("path_", "changes", "place"), NO_POLICY.values(), ids=NO_POLICY)
def test_what_says_in_django_that_there_is_no_policy(
    path_: str, changes: dict[str, Any], place: str, gate: str
) -> None:
    settings: dict[str, Any] = {"CORS_ALLOW_ORIGINS": [APP], "CORS_GATE": gate}
    if "CORS_POLICY" in changes:
        settings = {}
    urls: URLs = [path("x/", view), path("unmanaged/", unmanaged)]
    middleware = [CORSGATE, "whitenoise.middleware.WhiteNoiseMiddleware"]
    settings |= {"STATIC_URL": "/static/", **changes}
    with settings_of(urls, middleware=middleware, **settings):
        # A preflight; what needs none is the gate's.
        found = explained("--origin", OTHER, "--django", "--path", path_, "-X", "PUT")
        if settings.get("CORS_GATE") == "enforce":
            at_once = explained("--origin", OTHER, "--django", "--path", path_)
            assert (at_once["reason"], at_once["setting"]) == (
                "cross-site-read",
                "CORS_ALLOW_ORIGINS",
            )
            assert send_sync("GET", path_, {"Origin": OTHER}).status == 403
    assert (found["reason"], found["setting"]) == ("no-policy", place)
    assert found["message"] == (
        f"No policy applies here ({place}), so corsgate adds no headers, and the browser blocks the"
        " page unless the application sends them itself."
    )
    assert found["fix"] == f'give this path a policy with allow_origins=["{OTHER}"]'


ALL = "CORS_ALLOW_ALL_ORIGINS"
REGEX = r"https://\w+\.example\.org"
FLAGGED: dict[str, tuple[dict[str, Any], list[str], str, str, str]] = {
    "any origin, and cookies": (
        {ALL: True},
        ["--credentials"],
        ALL,
        (
            f'The page asks for cookies (credentials: "include"), and {ALL} is True, which never'
            " goes with them: the origins have to be named."
        ),
        (
            f'in the place of {ALL} write CORS_ALLOW_ORIGINS = ["{OTHER}"];'
            " CORS_ALLOW_CREDENTIALS = True"
        ),
    ),
    "any origin, cookies, and what they do not go with": (
        {ALL: True, "CORS_EXPOSE_HEADERS": ["*"]},
        ["--credentials"],
        ALL,
        (
            f'The page asks for cookies (credentials: "include"), and {ALL} is True, which never'
            " goes with them: the origins have to be named."
        ),
        (
            "first fix this: With credentials a browser takes '*' for a header of that very name."
            " Name the headers to expose."
            f' Then in the place of {ALL} write CORS_ALLOW_ORIGINS = ["{OTHER}"];'
            " CORS_ALLOW_CREDENTIALS = True"
        ),
    ),
    "a regular expression": (
        {"CORS_ALLOWED_ORIGIN_REGEXES": [REGEX]},
        [],
        "CORS_ALLOWED_ORIGIN_REGEXES",
        (
            f"The page is on '{OTHER}', which CORS_ALLOWED_ORIGIN_REGEXES does not allow: the"
            f" regular expression '{REGEX}' does not match all of it."
        ),
        f'CORS_ALLOW_ORIGINS = ["{OTHER}"]',
    ),
    "a regular expression beside origins": (
        {"CORS_ALLOWED_ORIGIN_REGEXES": [REGEX], "CORS_ALLOWED_ORIGINS": [APP]},
        [],
        "CORS_ALLOWED_ORIGINS",
        (
            f"The page is on '{OTHER}', which CORS_ALLOWED_ORIGINS does not allow: the regular"
            f" expression '{REGEX}' does not match all of it."
        ),
        f'CORS_ALLOWED_ORIGINS = [..., "{OTHER}"]',
    ),
}


@pytest.mark.parametrize("case", FLAGGED.values(), ids=FLAGGED)
def test_the_setting_is_the_one_in_the_file(
    case: tuple[dict[str, Any], list[str], str, str, str],
) -> None:
    settings, args, setting, message, fix = case
    with settings_of(URLS, **settings):
        found = explained("--origin", OTHER, "--django", "--path", "/x/", *args)
    assert (found["setting"], found["message"], found["fix"]) == (setting, message, fix)


def test_a_flag_for_any_origin_is_named_where_it_allows() -> None:
    with settings_of(URLS, CORS_ALLOW_ALL_ORIGINS=True, CORS_ALLOWED_ORIGINS=[APP]):
        found = explained("--origin", OTHER, "--django", "--path", "/x/")
    assert found["steps"][2]["text"] == f"{ALL} is True, which allows every origin."


def broken_source(meta: Mapping[str, Any]) -> Any:
    raise RuntimeError("no database")


def test_a_source_that_fails_is_named(caplog: pytest.LogCaptureFixture) -> None:
    with settings_of(URLS, CORS_POLICY=broken_source):
        found = explained("--origin", OTHER, "--django", "--path", "/x/")
    assert (found["reason"], found["setting"]) == ("policy-source-failed", "broken_source")
    assert found["fix"] == "fix broken_source"
    assert "no database" in caplog.text


def gives_none(meta: Mapping[str, Any]) -> None:
    return None


def test_a_source_that_gives_none_is_named() -> None:
    with settings_of(URLS, CORS_POLICY=gives_none):
        found = explained("--origin", OTHER, "--django", "--path", "/x/")
    assert (found["reason"], found["setting"]) == ("no-policy", "gives_none gave None")


@pytest.mark.parametrize(("text", "starts"), [("", False), ("import json\nWSGI = json\n", True)])
def test_the_package_around_the_settings_is_no_settings(
    text: str, starts: bool, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = f"{write('')}_package"
    Path(package).mkdir()
    Path(package, "__init__.py").write_text(text, encoding="utf-8")
    Path(package, "settings.py").write_text("", encoding="utf-8")
    Path(f"{package}_bare").mkdir()
    Path(f"{package}_bare", "__init__.py").write_text("", encoding="utf-8")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "")
    with settings_of(URLS, CORS_ALLOW_ORIGINS=[APP]):
        assert explained("--origin", APP, "--django", f"{package}.settings", "--path", "/x/")
        assert explained("--origin", APP, "--django", f"{package}_bare", "--path", "/x/")
        if starts:
            assert explained("--origin", APP, "--django", package, "--path", "/x/")["allowed"]
        else:
            assert refused("--origin", APP, "--django", package) == (
                f"Error: {package} is a package without settings: write --django"
                f" {package}.settings.\n"
            )


def test_django_by_its_wsgi_application(write: Write) -> None:
    name = write("from django.core.wsgi import get_wsgi_application as make")
    with settings_of(URLS, CORS_ALLOW_ORIGINS=[APP]):
        found = explained("--origin", OTHER, "--app", f"{name}:make()", "--path", "/x/")
    assert found["setting"] == "CORS_ALLOW_ORIGINS"


def test_a_django_project_that_does_not_start() -> None:
    with settings_of(URLS, CORS_ALLOW_ORIGINS=[f"{APP}/"]):
        said = refused("--origin", APP, "--django")
    assert said == (
        "Error: The Django project does not start:\n"
        "  django.core.exceptions.ImproperlyConfigured: corsgate: CORS_ALLOW_ORIGINS:"
        f" '{APP}/' has a slash or path after the host and port: an origin ends before that."
        f" Write '{APP}'. [origin-path]\n"
    )
    with override_settings(ROOT_URLCONF="no_such_urls"):
        assert refused("--origin", APP, "--django") == (
            "Error: The Django project does not start:\n"
            "  ModuleNotFoundError: No module named 'no_such_urls'\n"
        )
    unsafe: URLs = [path("x/", corsgate.django.cors(allow_credentials=True)(view))]
    with settings_of(unsafe, CORS_ALLOW_ORIGINS="*"):
        assert refused("--origin", APP, "--django") == (
            "Error: The Django project does not start:\n"
            "  django.core.exceptions.ImproperlyConfigured: corsgate: route 'x/', view"
            f" {__name__}.view: allow_origins: '*' cannot be combined with credentials: every site"
            " could act as the user. Name the origins, or set allow_credentials=False here."
            " [wildcard-credentials]\n"
        )


def between(get_response: Callable[[HttpRequest], HttpResponse]) -> Any:
    raise AssertionError


class Subclass(corsgate.django.CORSMiddleware):
    """A project may have changed it."""


def test_a_django_project_without_the_middleware(monkeypatch: pytest.MonkeyPatch) -> None:
    here = types.ModuleType("middlewares_of_this_test")
    monkeypatch.setitem(sys.modules, here.__name__, here)
    vars(here).update(between=between, Subclass=Subclass)
    own = [f"{here.__name__}.between", COMMON]
    with settings_of(URLS, middleware=own):
        assert refused("--origin", APP, "--django") == (
            'Error: The Django project has no "corsgate.django.CORSMiddleware" in its MIDDLEWARE:'
            " put it first there.\n"
        )
    for more in (CORSGATE, f"{here.__name__}.Subclass"):
        with settings_of(URLS, middleware=[*own, more], CORS_ALLOW_ORIGINS=[APP]):
            assert explained("--origin", APP, "--django")["allowed"] is True


def test_which_django_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "_wrapped", empty)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "")
    assert refused("--origin", APP, "--django") == (
        "Error: Which project? Write --django project.settings, or set DJANGO_SETTINGS_MODULE.\n"
    )
    missing = (
        "Error: The Django project does not start:\n"
        "  ModuleNotFoundError: No module named 'no_such_settings'\n"
    )
    assert refused("--origin", APP, "--django", "no_such_settings") == missing
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "no_such_settings")
    assert refused("--origin", APP, "--django") == missing


# ------------------------------------------------------------------ the command itself


def test_the_help_of_the_command_imports_no_sub_command() -> None:
    script = (
        "import sys; from corsgate.cli import main; main(['--help'], standalone_mode=False);"
        " print('corsgate.cli.explain' in sys.modules, 'rich' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True)
    assert done.stdout.splitlines()[-8:] == [
        "",
        "Commands:",
        "  explain  Say why a browser lets a request through or blocks it.",
        "  probe    Ask a live server what a browser would, and say what is wrong.",
        "  migrate  Translate another library's configuration, and say what changes.",
        "  audit    Ask a live server with hostile origins, and say what is risky.",
        "  demo     Start a laboratory for CORS in your browser.",
        "False False",
    ]


def test_the_help_names_every_command() -> None:
    status, out, _ = run("--help")
    assert status == 0
    assert (
        out
        == """\
Usage: corsgate [OPTIONS] COMMAND [ARGS]...

  CORS from the server's and the browser's side.

  The exit status is 0 where a browser allows the request, 1 where it blocks it,
  and 2 where the question makes no sense, the application does not start, or
  there was no answer.

Options:
  -h, --help  Show this message and exit.

Commands:
  explain  Say why a browser lets a request through or blocks it.
  probe    Ask a live server what a browser would, and say what is wrong.
  migrate  Translate another library's configuration, and say what changes.
  audit    Ask a live server with hostile origins, and say what is risky.
  demo     Start a laboratory for CORS in your browser.
"""
    )
    # For completion in shells.
    commands = ["explain", "probe", "migrate", "audit", "demo"]
    assert main.list_commands(click.Context(main)) == commands
    assert run("explain", "-h")[0] == 0
    assert run("explane")[0] == 2


PROJECT = {
    "settings.py": """
SECRET_KEY = "x"
ROOT_URLCONF = "shop.urls"
MIDDLEWARE = ["corsgate.django.CORSMiddleware"]
CORS_ALLOW_ORIGINS = ["https://app.example.com"]
""",
    "urls.py": "urlpatterns = []",
    "__init__.py": "",
}


def test_a_django_project_in_a_process_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    folder.mkdir()
    for name, text in PROJECT.items():
        (folder / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-P", "-m", "corsgate", "explain", "--origin", OTHER, "--json"]
    done = subprocess.run(
        [*command, "--django", "shop.settings"], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout)["fix"] == f'CORS_ALLOW_ORIGINS = ["{APP}", "{OTHER}"]'


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "corsgate", "explane"]
    done = subprocess.run(command, capture_output=True, text=True)
    said = "Usage: corsgate [OPTIONS] COMMAND [ARGS]...\nTry 'corsgate --help' for help.\n\n"
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"{said}Error: No such command 'explane'.\n"


def test_the_script_is_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/corsgate", "explane"])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("Error: No such command 'explane'.\n")


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_its_libraries_it_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(__main__, "find_spec", lambda name: None if name == missing else object())
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert ended.value.code == 2
    said = "The command corsgate needs more: pip install 'corsgate[cli]'\n"
    assert capsys.readouterr() == ("", said)
