"""Every file in examples/ does what it says; test_page.py opens the page in a real browser."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from typing import Any
from urllib.error import HTTPError, URLError

import pytest
from example_servers import EXAMPLES, KINDS, started, try_it

ORIGIN = "http://localhost:8000"

# Runs a WSGI application under the validator, in a process of its own since Django's settings are
# one per process: file and requests come as JSON, the answers go back as JSON.
DRIVER = """
import io, json, sys
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

sys.path.insert(0, sys.argv[1])
app = validator(__import__(sys.argv[2]).app)
answers = []
for method, path, headers, body in json.load(sys.stdin):
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": ""}
    environ["wsgi.input"] = io.BytesIO(body.encode())
    environ["wsgi.errors"] = io.StringIO()
    environ["HTTP_HOST"] = "localhost:5000"
    if body:
        environ |= {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": "application/json"}
    environ |= {"HTTP_" + name.upper().replace("-", "_"): headers[name] for name in headers}
    setup_testing_defaults(environ)
    started = []
    result = app(environ, lambda *start: started.append(start) or (lambda data: None))
    text = b"".join(result).decode()
    result.close()
    answers.append([int(started[-1][0][:3]), started[-1][1], text])
print(json.dumps(answers))
"""

Request = tuple[str, str, dict[str, str], str]


def drive(kind: str, *requests: Request, **env: str) -> list[tuple[int, dict[str, str], str]]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CORS_")}
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, str(EXAMPLES), f"{kind}_app"],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        timeout=60,
        env={**clean, **env},
    )
    assert done.returncode == 0, done.stderr
    answers = []
    for status, pairs, body in json.loads(done.stdout):
        headers = {name.lower(): value for name, value in pairs}
        assert len(headers) == len(pairs), "a header came twice"
        answers.append((status, headers, body))
    return answers


def cors_part(headers: dict[str, str]) -> dict[str, Any]:
    part: dict[str, Any] = {k: v for k, v in headers.items() if k.startswith("access-control-")}
    if "vary" in headers:
        part["vary"] = {name.strip().lower() for name in headers["vary"].split(",")}
    return part


def preflight(method: str, path: str, origin: str = ORIGIN) -> Request:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type",
    }
    return "OPTIONS", path, asked, ""


def request(method: str, path: str, body: str = "", **headers: str) -> Request:
    return method, path, {"Origin": ORIGIN, **headers}, body


ALLOWED = {
    "access-control-allow-origin": ORIGIN,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "X-Total-Count",
    "vary": {"origin"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_api_answers_the_allowed_page(kind: str) -> None:
    note = json.dumps({"text": "Call Ada"})
    answers = drive(
        kind,
        request("GET", "/api/notes"),
        request("POST", "/api/notes", note),
        request("PUT", "/api/notes/1", note),
        request("PUT", "/api/notes/9", note),
        request("POST", "/api/notes", "[]"),
        request("POST", "/api/notes", "no JSON"),
        request("POST", "/api/visits"),
        request("POST", "/api/visits", Cookie="visits=4"),
        request("POST", "/api/visits", Cookie="visits=many"),
        request("GET", "/api/crash"),
        request("GET", "/api/elsewhere"),
    )
    assert [status for status, _, _ in answers] == [
        *(200, 201, 200, 404, 400, 400),
        *(200, 200, 200, 500, 404),
    ]
    for _, headers, _ in answers:
        assert cors_part(headers) == ALLOWED
    bodies = [body for _, _, body in answers]
    assert json.loads(bodies[0]) == {"1": "Buy milk"}
    assert answers[0][1]["x-total-count"] == "1"
    assert json.loads(bodies[1]) == {"2": "Call Ada"}
    assert json.loads(bodies[2]) == {"1": "Call Ada"}
    assert [json.loads(body) for body in bodies[6:9]] == [{"visits": n} for n in (1, 5, 1)]
    assert re.match(r" ?visits=5;.*HttpOnly.*SameSite=Lax", answers[7][1]["set-cookie"])


@pytest.mark.parametrize("kind", KINDS)
def test_each_api_answers_preflights(kind: str) -> None:
    allowed, refused, public = drive(
        kind,
        preflight("PUT", "/api/notes/1"),
        preflight("PUT", "/api/notes/1", origin="http://localhost:8001"),
        preflight("GET", "/api/public", origin="https://anybody.example"),
    )
    lists = {
        "access-control-allow-methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
        "access-control-allow-headers": (
            "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with"
        ),
        "access-control-max-age": "600",
        "vary": {"origin", "access-control-request-method", "access-control-request-headers"},
    }
    assert allowed[0] == 204
    assert cors_part(allowed[1]) == lists | {
        "access-control-allow-origin": ORIGIN,
        "access-control-allow-credentials": "true",
    }
    assert refused[0] == 403
    assert cors_part(refused[1]) == {"vary": lists["vary"]}
    assert public[0] == 204
    assert cors_part(public[1]) == lists | {"access-control-allow-origin": "*"}


@pytest.mark.parametrize("kind", KINDS)
def test_each_api_opens_its_public_route_to_everybody_without_cookies(kind: str) -> None:
    [(status, headers, body)] = drive(
        kind, ("GET", "/api/public", {"Origin": "https://anybody.example"}, "")
    )
    assert (status, json.loads(body)) == (200, {"hello": "everyone"})
    assert cors_part(headers) == {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "X-Total-Count",
    }


@pytest.mark.parametrize("kind", KINDS)
def test_each_api_tells_a_stranger_nothing(kind: str) -> None:
    stranger = {"Origin": "http://localhost:8001"}
    for _, headers, _ in drive(
        kind,
        ("GET", "/api/notes", stranger, ""),
        ("GET", "/api/crash", stranger, ""),
        ("GET", "/api/notes", {}, ""),
    ):
        assert cors_part(headers) == {"vary": {"origin"}}


@pytest.mark.parametrize("kind", KINDS)
def test_the_allowed_origin_comes_from_the_environment(kind: str) -> None:
    ours = {"Origin": "https://app.example.com"}
    [(_, headers, _)] = drive(
        kind,
        ("GET", "/api/notes", ours, ""),
        CORS_ALLOW_ORIGINS="https://www.example.com, https://app.example.com",
    )
    assert headers["access-control-allow-origin"] == "https://app.example.com"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        port: int = listener.getsockname()[1]
    return port


def test_denials_are_counted_by_reason_for_prometheus() -> None:
    stranger = {"Origin": "https://stranger.example"}
    *_, (status, headers, text) = drive(
        "metrics",
        request("GET", "/api/notes"),
        ("GET", "/api/notes", stranger, ""),
        ("GET", "/api/notes", {"Origin": "null"}, ""),
        preflight("PUT", "/api/notes", stranger["Origin"]),
        preflight("PUT", "/api/notes"),
        ("GET", "/metrics", stranger, ""),
    )
    assert (status, cors_part(headers)) == (200, {})
    assert [line for line in text.splitlines() if line.startswith("cors_denials_total")] == [
        'cors_denials_total{kind="actual",reason="origin-not-allowed"} 2.0',
        'cors_denials_total{kind="preflight",reason="origin-not-allowed"} 1.0',
    ]
    assert "stranger" not in text


@pytest.mark.parametrize("kind", [*KINDS, "metrics"])
def test_each_api_serves_itself_when_it_is_run(kind: str) -> None:
    port = free_port()
    asked = urllib.request.Request(f"http://localhost:{port}/api/notes", headers={"Origin": ORIGIN})
    with started(f"{kind}_app.py", PORT=str(port), CORS_ALLOW_ORIGINS=ORIGIN) as process:
        while True:
            try:
                with urllib.request.urlopen(asked) as answer:
                    break
            except URLError:
                assert process.poll() is None, process.communicate()
                time.sleep(0.05)
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )


def test_the_wrong_setup_reports_every_mistake_with_its_fix() -> None:
    done = run("wrong_setup.py")
    assert (done.returncode, done.stderr) == (1, "")
    heading, *problems = done.stdout.splitlines()
    assert heading == "14 problems:"
    assert len(problems) == 14
    for start, fix in {
        "allow_origins: 'https://app.example.com/'": "'https://app.example.com'",
        "allow_origins: 'https://App.example.com'": "'https://app.example.com'",
        "allow_origins: 'https://app.example.com:443'": "'https://app.example.com'",
        "allow_origins: 'app.example.com'": "'https://app.example.com'",
        "allow_origins: 'https://b": "'https://xn--bcher-kva.example'",
        "allow_origins: 'http://app.example.com'": "'https://app.example.com'",
        "allow_origins: 'https://*.github.io'": "public-suffix",
        "allow_origins: '*'": "Name the origins",
        "allow_methods: 'patch'": "'PATCH'",
        "allow_headers: 'Cookie'": "Take it out",
        "expose_headers: ": "Name the headers",
        "max_age: -1": "600",
        "supports_credentials: ": "allow_credentials",
        "allow_origin: ": "allow_origins",
    }.items():
        [line] = [line for line in problems if line.strip().startswith(start)]
        assert fix in line.removeprefix("  " + start)


@pytest.mark.parametrize("kind", KINDS)
def test_try_it_says_where_to_look_and_ends_with_ctrl_c(kind: str) -> None:
    with try_it(kind) as (process, text, at):
        assert f"{at.api}   examples/{kind}_app.py" in text
        assert len({at.api, at.page, at.stranger}) == 3
        for address in (at.page, at.stranger):
            with urllib.request.urlopen(f"{address}/setup.json") as answer:
                assert json.load(answer) == {
                    "kind": kind,
                    "api": at.api,
                    "page": at.page,
                    "stranger": at.stranger,
                }
            with urllib.request.urlopen(address) as answer:
                assert b"<!doctype html>" in answer.read()
        with pytest.raises(HTTPError, match="404"):
            urllib.request.urlopen(f"{at.page}/elsewhere")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out.strip(), err) == (0, "Ended.", "")


@pytest.mark.parametrize("option", ["--api-port", "--page-port", "--stranger-port"])
def test_try_it_names_the_port_in_use_and_the_option(option: str) -> None:
    free = [f"--{name}-port=0" for name in ("api", "page", "stranger")]
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("try_it.py", *free, f"{option}={port}")
    assert (done.returncode, done.stdout) == (1, "")
    [line] = done.stderr.splitlines()
    assert line == (
        f"try_it.py: port {port} is in use; choose another with {option} (0: any free one)"
    )


@pytest.mark.parametrize("port", ["65536", "-1", "http"])
def test_try_it_refuses_what_is_no_port(port: str) -> None:
    done = run("try_it.py", f"--page-port={port}")
    assert done.returncode == 2
    assert f"invalid port value: '{port}'" in done.stderr


def test_every_example_is_driven_here() -> None:
    driven = {f"{kind}_app.py" for kind in (*KINDS, "metrics")}
    driven |= {"wrong_setup.py", "try_it.py", "page.html"}
    # In test_servers_origins.py, with the databases that they are for.
    driven |= {f"tenants_{kind}.py" for kind in ("flask", "django", "redis")}
    assert {path.name for path in EXAMPLES.iterdir() if path.is_file()} == driven
