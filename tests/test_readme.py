"""README.rst is run: its code does what the text says, its commands work, and it stays short."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from advisories import IDS
from example_servers import heeding_ctrl_c
from flask import Flask
from pages import ROOT, blocks, read_page, tables
from wsgi_client import call
from wsgi_server import serving

import corsgate
from corsgate.flask import CORSGate, cors

README, FRAMEWORKS = read_page("README"), read_page("docs/frameworks")
APP = "https://app.example.com"


def block(name: str, text: str = README) -> str:
    """The text of the code block with this name."""
    return blocks(text)[name]


def cors_headers(app: Flask, path: str, origin: str) -> dict[str, str]:
    response = app.test_client().get(path, headers={"Origin": origin})
    return {
        name: value
        for name, value in response.headers.items()
        if name.startswith("Access-Control-") or name == "Vary"
    }


# ------------------------------------------------------------------ first success


def command_after(words: str) -> str:
    """The last command before the next code block, after these words."""
    text = README.partition(words)[2].partition(".. code-block")[0]
    return " ".join(re.findall(r"``(.+?)``", text, re.DOTALL)[-1].split())


@contextmanager
def running(command: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """What a shell makes of the command; its process group is ended."""
    # What the venv of the text has is what the tests have.
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONHOME"}
    process = subprocess.Popen(
        ["sh", "-c", command],
        cwd=folder,
        env=clean,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("kind", ["Flask", "Django", "WSGI"])
def test_the_first_success_is_one_by_copying(tmp_path: Path, kind: str) -> None:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    start = command_after(f"**{kind}**")
    code = block(kind.lower())
    if kind == "Django":
        [new] = re.findall(r"new project \(``(.+?)``\)", README, re.DOTALL)
        subprocess.run(new.replace("\n", " "), shell=True, check=True, cwd=tmp_path)
        with (tmp_path / "mysite" / "settings.py").open("a") as settings:
            settings.write(code)
    else:
        (tmp_path / "shop.py").write_text(code)
    # The very commands, but for a port that is free for sure.
    with socket.create_server(("localhost", 0)) as free:
        port = str(free.getsockname()[1])
    if kind == "WSGI":
        (tmp_path / "shop.py").write_text(code.replace("8000", port))
    see = block("see").replace("8000", port)
    with running(start.replace("8000", port), tmp_path) as server:
        deadline = time.monotonic() + 60
        while True:
            with suppress(OSError), socket.create_connection(("localhost", int(port))):
                break
            assert server.poll() is None, server.communicate()[0]
            assert time.monotonic() < deadline
        seen = subprocess.run(see, shell=True, capture_output=True, text=True, cwd=tmp_path)
        stranger = see.replace("app.example.com", "evil.example")
        other = subprocess.run(stranger, shell=True, capture_output=True, text=True, cwd=tmp_path)
    [last] = re.findall("``(Allowed: .+?)``", README)
    assert (seen.returncode, seen.stdout.splitlines()[-1], seen.stderr) == (0, last, "")
    assert "\n< Access-Control-Allow-Origin: https://app.example.com\n" in seen.stdout
    words = [line.partition(":")[0] for line in other.stdout.splitlines()[-6:]]
    assert (other.returncode, words) == (
        1,
        ["Blocked", "Chromium", "Firefox", "Safari", "Cause", "Fix"],
    )


# ------------------------------------------------------------------ docs/frameworks.rst


def flask_app() -> Flask:
    names: dict[str, Any] = {"__name__": "readme"}
    exec(block("flask"), names)
    exec(block("flask-view", FRAMEWORKS), names)
    app: Flask = names["app"]
    return app


@pytest.mark.parametrize(
    ("path", "origin", "headers"),
    [
        ("/", APP, {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}),
        ("/", "https://elsewhere.example", {"Vary": "Origin"}),
        ("/api/status", "https://elsewhere.example", {"Access-Control-Allow-Origin": "*"}),
    ],
    ids=["app", "elsewhere", "view"],
)
def test_the_flask_code_does_what_the_text_says(
    path: str, origin: str, headers: dict[str, str]
) -> None:
    assert cors_headers(flask_app(), path, origin) == headers


def answers_of(app: WSGIApplication, *paths: str) -> dict[str, list[tuple[str, str]]]:
    """The CORS headers for a page on `APP`."""
    answers: dict[str, list[tuple[str, str]]] = {}
    for path in paths:
        answer = call(app, "GET", path, {"Origin": APP})
        answers[path] = [line for line in answer.headers if line[0] != "Content-Type"]
    return answers


def application(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b""]


def test_the_wsgi_code_does_what_the_text_says(monkeypatch: pytest.MonkeyPatch) -> None:
    names: dict[str, Any] = {"app": application}
    exec(block("wsgi-paths", FRAMEWORKS), names)
    assert answers_of(names["app"], "/", "/public/a", "/old/a") == {
        "/": [("Access-Control-Allow-Origin", APP), ("Vary", "Origin")],
        "/public/a": [("Access-Control-Allow-Origin", "*")],
        "/old/a": [],
    }
    monkeypatch.setenv("CORS_ALLOW_ORIGINS", f"https://a.example,{APP}")
    names = {"app": application}
    exec(block("environment", FRAMEWORKS), names)
    assert answers_of(names["app"], "/") == {
        "/": [("Access-Control-Allow-Origin", APP), ("Vary", "Origin")]
    }


DJANGO = """
import json
from django.conf import settings
from django.http import HttpResponse
from django.urls import path

names = {{}}
exec({settings!r}, names)
given = {{name: value for name, value in names.items() if name.isupper()}}
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="readme", **given)
import django
django.setup()
urlpatterns = [path("", lambda request: HttpResponse("hello"))]
from django.test import Client
answers = {{
    origin: Client().get("/", headers={{"origin": origin}}).get("Access-Control-Allow-Origin")
    for origin in {origins!r}
}}
print(json.dumps(answers))
"""


def test_the_django_settings_do_what_the_text_says() -> None:
    origins = [APP, "https://pr-7.preview.example.com", "https://elsewhere.example"]
    script = DJANGO.format(settings=block("django-settings", FRAMEWORKS), origins=origins)
    shown = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    ).stdout
    assert json.loads(shown) == {origins[0]: origins[0], origins[1]: origins[1], origins[2]: None}


# ------------------------------------------------------------------ options and commands


def test_the_table_of_options_names_every_field_and_its_default() -> None:
    from corsgate import Policy

    [(_, _, rows)] = tables(read_page("docs/options"))
    assert [name for name, *_ in rows] == [f"``{name}``" for name in Policy._fields]
    policy = Policy()
    for name, _, text in rows:
        value = getattr(policy, name.strip("`"))
        shown = ", ".join(value) if isinstance(value, tuple) and value else str(value)
        assert text.replace("``", "").partition(":")[0] == shown, name


def test_the_commands_that_tell_more_do(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(block("flask"), encoding="utf-8")
    outputs = []
    for command in block("ask").splitlines():
        program = Path(sys.executable).parent / command.split()[0]
        done = subprocess.run(
            [program, *shlex.split(command, comments=True)[1:]],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, ""), command
        outputs.append(done.stdout)
    assert "Allowed:" in outputs[0]
    assert "GET" in outputs[1]
    assert outputs[2] == "2 routes checked, no problem found.\n"


def test_the_commands_of_the_guide_to_blocked_requests_run(tmp_path: Path) -> None:
    guide = read_page("docs/blocked")
    (tmp_path / "shop.py").write_text(block("flask"))
    found = output_of(block("explain", guide), tmp_path)
    assert "x-tenant" in found
    app = Flask("api")
    CORSGate(app, allow_origins=[APP], allow_headers=["X-Tenant"], allow_credentials=True)
    app.put("/me")(lambda: {"name": "Ada"})
    with serving(app) as api:
        probe = shlex.split(block("probe", guide).replace("https://api.example.com", api))
        program = Path(sys.executable).with_name(probe[0])
        done = subprocess.run([program, *probe[1:]], capture_output=True, text=True)
    assert (done.returncode, "\nAllowed: " in done.stdout) == (0, True)


# ------------------------------------------------------------------ before you go live

# Everything that the checks of the list look for is wrong here; corsgate takes none of it for an
# error, since it may be meant.
BAD_FLASK = """
from flask import Flask
from flask_cors import CORS
from corsgate.flask import CORSGate

app = Flask(__name__)
app.secret_key = "readme"
app.config.update(SERVER_NAME="api.example.com", SESSION_COOKIE_SAMESITE="Lax")
CORS(app)
origins = ["https://app.example.net", "http://localhost:3000"]
old = {"allow_origins": "http://app.example.org", "allow_credentials": False}
CORSGate(app, allow_origins=origins, allow_credentials=True, paths={"/old/*": old})
"""
BAD_DJANGO = """
DEBUG = False
ALLOWED_HOSTS = ["api.example.com"]
MIDDLEWARE.insert(0, "corsheaders.middleware.CorsMiddleware")
INSTALLED_APPS += ["corsheaders"]
CORS_ALLOW_ORIGINS = ["https://app.example.net", "http://localhost:3000"]
CORS_ALLOW_CREDENTIALS = True
"""


def output_of(command: str, folder: Path) -> str:
    """What it prints; it fails, since it finds something."""
    program = Path(sys.executable).parent / command.split(maxsplit=1)[0]
    done = subprocess.run(
        [program, *shlex.split(command)[1:]],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 1, done.stdout
    return done.stdout


def test_the_checks_find_what_the_list_says(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(BAD_FLASK)
    found = output_of("flask --app shop cors check", tmp_path)
    assert re.findall(r"\[([a-z-]+)\]$", found, re.MULTILINE) == [
        "other-cors",
        "loopback-origin",
        "http-origin",
        "cookie-same-site",
    ]
    (tmp_path / "django").mkdir()
    new = [sys.executable, "-m", "django", "startproject", "mysite", "django"]
    subprocess.run(new, check=True, cwd=tmp_path)
    with (tmp_path / "django" / "mysite" / "settings.py").open("a") as settings:
        settings.write(block("django") + BAD_DJANGO)
    found = output_of("python manage.py check --deploy", tmp_path / "django")
    assert sorted(re.findall(r"^(\w+): \(corsgate\.\w+\)", found, re.MULTILINE)) == [
        "CORS_ALLOW_ORIGINS",  # localhost
        "CSRF_TRUSTED_ORIGINS",
        "MIDDLEWARE",  # django-cors-headers
        "SESSION_COOKIE_SAMESITE",
    ]


def test_probe_and_audit_find_what_the_list_says(tmp_path: Path) -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        cors_lines = [("Access-Control-Allow-Origin", environ.get("HTTP_ORIGIN", "null"))]
        if environ["REQUEST_METHOD"] == "OPTIONS":
            cors_lines.append(("Access-Control-Allow-Methods", "PUT"))
            cors_lines.append(("Access-Control-Max-Age", "86400"))
        missing = environ["PATH_INFO"] != "/"
        if environ["PATH_INFO"] == "/twice":
            cors_lines *= 2
        elif missing:
            cors_lines = []
        cors_lines.append(("Access-Control-Allow-Credentials", "true"))
        start_response("500 Oh" if missing else "200 OK", cors_lines)
        return [b"hello"]

    with serving(app) as api:

        def probed(*options: str) -> set[str]:
            command = [
                str(Path(sys.executable).with_name("corsgate")),
                "probe",
                f"{api}/",
                "--json",
            ]
            done = subprocess.run([*command, "--origin", APP, *options], capture_output=True)
            assert done.returncode == 0
            return {warning["code"] for warning in json.loads(done.stdout)["warnings"]}

        assert probed("-X", "PUT") == {"max-age-over-cap"}
        assert probed() == {"vary-missing"}
        found = probed("--path-404", "--error-path", "/crash")
        assert found == {"vary-missing", "headers-lost-on-errors"}
        twice = output_of(f"corsgate probe {api}/twice --origin {APP}", tmp_path)
        audit = output_of(f"corsgate audit {api}/ --origin {APP}", tmp_path)
    assert "Fix: Let only one of the layers add it." in twice
    assert "critical" in audit.lower()


def test_the_list_is_complete() -> None:
    text = README.partition("\nBefore you go live\n")[2].partition("\nSecurity\n")[0]
    assert re.findall(r"^(\d)\. (.*?\*\*.+?\*\*)", text, re.MULTILINE) == [
        ("1", "**Origins**"),
        ("2", "**https**"),
        ("3", "**Error answers**"),
        ("4", "**One layer only**"),
        ("5", "**Proxies and CDN**"),
        ("6", "**Vary: Origin**"),
        ("7", "**max_age**"),
        ("8", "**Cookies**"),
        ("9", "**CSRF**"),
    ]
    for named in ("cors check", "check --deploy", "--path-404", "--error-path", "audit", "probe"):
        assert named in text


def test_every_advisory_that_has_a_test_is_listed() -> None:
    security = README.partition("\nSecurity\n")[2].partition("\nTest it\n")[0]
    listed, _, more = " ".join(security.split()).partition("; GHSA: ")
    for name in (name for names in IDS.values() for name in names):
        assert name in listed if not name.startswith("GHSA-") else name[5:] in more, name


# ------------------------------------------------------------------ the rest


def test_the_test_for_pytest_passes_and_can_fail() -> None:
    from corsgate.browser import Browser, CORSError

    def run(origin: str) -> None:
        app = Flask("shop")
        CORSGate(app, allow_origins=[origin])
        app.put("/api/me")(lambda: {"name": "Ada"})
        names: dict[str, Any] = {"app": app, "pytest": pytest, "CORSError": CORSError}
        exec(block("pytest"), names)
        names["test_only_our_page_may_save"](Browser)

    run(APP)
    with pytest.raises(CORSError):
        run("https://other.example.com")
    with pytest.raises(pytest.fail.Exception):
        run("*")


def test_the_first_command_installs_and_starts_the_laboratory(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(
        ROOT, checkout, ignore=shutil.ignore_patterns(".*", "build", "*.egg-info", "__pycache__")
    )
    # The very command, with ports that are free for sure, on the Python that runs the tests.
    command = block("try").replace("python3 ", f"{sys.executable} ", 1) + " --port 0"
    # Nor is there a screen, so that no browser is opened.
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON") and name not in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY")
    }
    with heeding_ctrl_c():
        process = subprocess.Popen(
            ["sh", "-c", command],
            cwd=checkout,
            env=clean,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
    try:
        assert process.stdout is not None
        pages: list[str] = []
        for line in process.stdout:
            pages += re.findall(r"^CORS laboratory: (http://localhost:\d+) ", line)
            if pages:
                break
        with urllib.request.urlopen(pages[0], timeout=10) as answer:
            assert "<html" in answer.read().decode("utf-8").lower()
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=10)


def test_the_test_command_is_what_ci_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert ":name: test" in script, "CI takes the command from the README by its name"
    assert block("test").endswith("tox run-parallel")


@pytest.mark.parametrize(
    "page", [ROOT / "README.rst", *(ROOT / "docs").rglob("*.rst")], ids=lambda path: path.name
)
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    linked = [page.parent / name for name in re.findall(r"<(?!https?:)(\S+)>`_", text)]
    tests = [ROOT / "tests" / name for name in re.findall(r"\b(test_\w+\.py)``", text)]
    missing = [path for path in linked + tests if not path.exists()]
    assert missing == []


def test_the_guide_to_the_gate_does_what_it_says() -> None:
    text = read_page("docs/gate")
    names: dict[str, Any] = {"app": Flask("guide"), "CORSGate": CORSGate, "cors": cors}
    exec(block("gate", text), names)
    exec(block("exempt", text), names)
    names["app"].post("/pay")(lambda: "paid")
    client = names["app"].test_client()
    for origin, path, status in (
        ("https://evil.example", "/pay", 403),
        (APP, "/pay", 200),
        ("https://evil.example", "/saml/acs", 200),
        ("https://evil.example", "/saml/acs/", 403),
    ):
        sent = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        assert client.post(path, headers=sent).status_code == status
    handshake = {"REQUEST_METHOD": "GET", "HTTP_UPGRADE": "websocket"}
    handshake["HTTP_ORIGIN"] = "https://evil.example"
    names |= {"corsgate": corsgate, "policy": corsgate.Policy(), "environ": handshake}
    exec(block("handshake", text), names)
    assert names["decision"].reason == "cross-site-websocket"


def test_it_is_short() -> None:
    assert len(README.splitlines()) < 200


def test_the_table_of_speed_is_what_was_counted() -> None:
    ratios = json.loads((ROOT / "tests" / "instructions.json").read_text("utf-8"))["ratios"]
    kinds = {
        "a WSGI wrapper written by hand": ("WSGI", "by hand", 1),
        "Flask-Cors": ("Flask", "Flask-Cors", None),
        "django-cors-headers": ("Django", "django-cors-headers", None),
    }
    table = tables(README)[1]
    assert [name for name, *_ in table.rows] == [*kinds]
    for name, *cells in table.rows:
        kind, peer, digits = kinds[name]
        assert cells == [
            str(round(1 / ratios[f"{kind}; 10 exact; {case}: of {peer}"], digits))
            for case in table.header[1:]
        ]
