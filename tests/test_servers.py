"""The whole way through real servers: what they do with odd requests, and corsgate with the rest.

Answers are read from the wire, line by line: a header that is there twice is an error.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from answers import (
    ANYBODY,
    APP,
    DENIED,
    EVIL,
    PREFLIGHT_VARY,
    asking,
    asking_for,
    goes_on,
    readable_by,
)
from servers import FRONTS, SERVERS, Running, Server, running, uwsgi
from wsgi_client import Answer, comparable


def behind(*fronts: str) -> pytest.MarkDecorator:
    """Runs a test behind each server, once for each of the front ends that it serves."""
    pairs = [(name, front) for name in SERVERS for front in fronts if front in SERVERS[name].fronts]
    ids = ["-".join(pair) for pair in pairs]
    return pytest.mark.parametrize(("server", "front"), pairs, indirect=["server"], ids=ids)


on_every_server = behind(*FRONTS)
READABLE = readable_by(
    APP, Access_Control_Allow_Credentials="true", Access_Control_Expose_Headers="X-Total-Count"
)
GOES_ON = goes_on(APP, Access_Control_Allow_Credentials="true")
REFUSAL = b"403 Forbidden: a page on this origin may not make this request (CORS).\n"
# What uWSGI makes of headers that are given again: an error in the application, and no body.
KNOWN = {
    "RuntimeError: too late for 200",
    "SystemError: <built-in function uwsgi_spit> returned a result with an exception set",
}
# What the application names itself; with Django in one line.
OWN_VARY = {
    "wsgi": {"accept-encoding", "cookie"},
    "flask": {"accept-encoding", "cookie"},
    "django": {"accept-encoding"},
}
BY_SERVER = ("date", "server", "connection", "keep-alive")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Running]]:
    """Starts a server when it is first asked for; all of them run until the last test is done."""
    folder = tmp_path_factory.mktemp("servers")
    started: dict[str, Running] = {}
    with ExitStack() as stack:

        def start(name: str) -> Running:
            if name not in started:
                make = SERVERS[name].make
                started[name] = stack.enter_context(running(make, folder / name))
            return started[name]

        yield start
    # Whatever was sent, nothing has raised where a server catches and logs it.
    for server in started.values():
        assert set(re.findall(r"\b\w+(?:Error|Exception): .*", server.output)) <= KNOWN


@pytest.fixture
def server(fleet: Callable[[str], Running], request: pytest.FixtureRequest) -> Running:
    name: str = request.param
    return fleet(name)


@pytest.fixture
def ways(request: pytest.FixtureRequest) -> Server:
    """What the server of the test does that others do not."""
    return SERVERS[request.node.callspec.params["server"]]


def ask(server: Running, method: str, path: str, headers: dict[str, str]) -> Answer:
    with server.connect() as wire:
        return wire.ask(method, path, headers)


def without_servers_own(answer: Answer) -> dict[str, object]:
    return {name: value for name, value in answer.seen.items() if name not in BY_SERVER}


def told(answer: Answer) -> dict[str, str]:
    """What the application has seen of the request."""
    found: dict[str, str] = json.loads(answer.body)
    return found


# ------------------------------------------------------------------ what every server has to do


@pytest.mark.parametrize(
    ("route", "status"),
    [("json", 200), ("own", 200), ("nothing", 204), ("broken", 500), ("not-there", 404)],
)
@on_every_server
def test_every_kind_of_answer_has_the_headers_once(
    server: Running, front: str, route: str, status: int
) -> None:
    vary = {"origin", *OWN_VARY[front]} if route == "own" else {"origin"}
    for origin, expected in ((APP, READABLE), (EVIL, DENIED), (None, DENIED)):
        answer = ask(server, "GET", f"/{front}/{route}", asking(origin))
        assert (answer.status, answer.cors) == (status, expected | {"vary": frozenset(vary)})


@on_every_server
def test_a_route_for_everybody_is_the_same_to_all(server: Running, front: str) -> None:
    for origin in (APP, EVIL, None):
        answer = ask(server, "GET", f"/{front}/public", asking(origin))
        expected = ANYBODY | comparable({"Access-Control-Expose-Headers": "X-Total-Count"})
        assert (answer.status, answer.cors) == (200, expected)


@on_every_server
def test_head_has_the_headers_of_get(server: Running, front: str, ways: Server) -> None:
    with server.connect() as wire:
        answer = wire.ask("HEAD", f"/{front}/json", {**asking(), "Connection": "close"})
        rest = wire.read_to_the_end()
    assert (answer.status, answer.cors) == (200, READABLE)
    assert answer.values("X-Total-Count") == ["1"]
    leaves_body = front == "django" and not ways.cuts_head
    assert (b'"REQUEST_METHOD": "HEAD"' in rest) == leaves_body
    assert (rest == b"") != leaves_body


@on_every_server
def test_a_stream_begins_before_it_ends(server: Running, front: str) -> None:
    with server.connect() as wire:
        wire.send("GET", f"/{front}/stream", [b"Origin: " + APP.encode()])
        status, reason, headers = wire.read_head()
        pieces = wire.read_body(headers)
        assert next(pieces) == b"one\n"
        server.let_streams_go_on()
        assert b"".join(pieces) == b"two\n"
    assert (status, Answer(status, reason, headers, b"").cors) == (200, READABLE)


@on_every_server
def test_an_allowed_preflight_has_no_body_and_leaves_the_connection_in_order(
    server: Running, front: str, ways: Server
) -> None:
    with server.connect() as wire:
        answer = wire.ask("OPTIONS", f"/{front}/json", asking_for("PUT"))
        if ways.keeps_after_204:
            assert wire.ask("GET", f"/{front}/json", asking()).cors == READABLE
        else:
            assert wire.read_to_the_end() == b""
    # wsgiref adds it where an application gives an empty list, which Django does not do.
    # RFC 9110, section 8.6, wants none in a 204.
    added = {"content-length": "0"} if ways is SERVERS["wsgiref"] and front != "django" else {}
    assert (answer.status, answer.reason) == (204, "No Content")
    assert without_servers_own(answer) == GOES_ON | added


@on_every_server
def test_a_refused_preflight_says_so_and_leaves_the_connection_in_order(
    server: Running, front: str, ways: Server
) -> None:
    with server.connect() as wire:
        answer = wire.ask("OPTIONS", f"/{front}/json", asking_for("PUT", EVIL))
        if ways.keeps:
            assert wire.ask("GET", f"/{front}/json", asking()).cors == READABLE
        else:
            assert wire.read_to_the_end() == b""
    assert (answer.status, answer.reason, answer.body) == (403, "Forbidden", REFUSAL)
    assert without_servers_own(answer) == comparable(
        {
            "Vary": PREFLIGHT_VARY,
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(REFUSAL)),
        }
    )


@on_every_server
def test_another_options_is_the_applications(server: Running, front: str) -> None:
    answer = ask(server, "OPTIONS", f"/{front}/json", asking())
    assert (answer.status, answer.cors) == (200, READABLE)


# ------------------------------------------------------------------ what each makes of odd requests

A, E = APP.encode(), EVIL.encode()
ORIGIN = b"Origin: "
LONG = "https://" + "a" * 65536

# Lines of a request, and what of them comes to the application as its origin: by server, since
# each has its own ways. A number is the status of the server's own answer, CLOSED means it has
# none; None, that the application is told of no origin. gunicorn's two workers do the same.
CLOSED = -1
ODD: dict[str, tuple[list[bytes], dict[str | int | None, str]]] = {
    "two lines": (
        [ORIGIN + A, ORIGIN + E],
        {
            f"{APP},{EVIL}": "gunicorn granian werkzeug wsgiref uvicorn",
            f"{APP}, {EVIL}": "uwsgi waitress mod_wsgi",
            EVIL: "cheroot",
        },
    ),
    "two lines, the allowed one last": (
        [ORIGIN + E, ORIGIN + A],
        {
            f"{EVIL},{APP}": "gunicorn granian werkzeug wsgiref uvicorn",
            f"{EVIL}, {APP}": "uwsgi waitress mod_wsgi",
            APP: "cheroot",
        },
    ),
    "the same line twice": (
        [ORIGIN + A, ORIGIN + A],
        {
            f"{APP},{APP}": "gunicorn granian werkzeug wsgiref uvicorn",
            f"{APP}, {APP}": "uwsgi waitress mod_wsgi",
            APP: "cheroot",
        },
    ),
    "a list": (
        [ORIGIN + A + b", " + E],
        {
            f"{APP}, {EVIL}": (
                "gunicorn uwsgi waitress cheroot granian mod_wsgi werkzeug wsgiref uvicorn"
            )
        },
    ),
    "empty": (
        [b"Origin:"],
        {"": "gunicorn uwsgi waitress cheroot granian mod_wsgi werkzeug wsgiref uvicorn"},
    ),
    "not ASCII": (
        [ORIGIN + A + b"\xff"],
        {
            f"{APP}\xff": "gunicorn uwsgi waitress cheroot mod_wsgi werkzeug wsgiref uvicorn",
            "": "granian",
        },
    ),
    "64 KiB": (
        [ORIGIN + LONG.encode()],
        {
            LONG: "waitress cheroot granian uvicorn",
            400: "mod_wsgi",
            431: "gunicorn werkzeug wsgiref",
            CLOSED: "uwsgi",
        },
    ),
    "an escape of terminals": (
        [ORIGIN + b"\x1b[31m" + A],
        {
            f"\x1b[31m{APP}": "uwsgi cheroot werkzeug wsgiref uvicorn",
            400: "gunicorn waitress granian mod_wsgi",
        },
    ),
    "NUL": (
        [ORIGIN + A + b"\0"],
        {
            f"{APP}\0": "uwsgi cheroot werkzeug wsgiref",
            400: "gunicorn waitress granian mod_wsgi uvicorn",
        },
    ),
    "a bare CR": (
        [ORIGIN + A + b"\r.evil.example.net"],
        {
            f"{APP}\r.evil.example.net": "cheroot",
            APP: "werkzeug wsgiref",
            None: "uwsgi",
            400: "gunicorn waitress granian mod_wsgi uvicorn",
        },
    ),
    "a bare LF": (
        [ORIGIN + A + b"\nX: y"],
        {
            f"{APP}\nX: y": "uwsgi",
            APP: "granian werkzeug wsgiref uvicorn",
            400: "gunicorn waitress cheroot mod_wsgi",
        },
    ),
    "a folded line": (
        [ORIGIN + A, b" .evil.example.net"],
        {
            f"{APP}\r\n .evil.example.net": "uwsgi wsgiref",
            f"{APP} .evil.example.net": "waitress mod_wsgi werkzeug uvicorn",
            ".evil.example.net": "cheroot",
            400: "gunicorn granian",
        },
    ),
    "a line folded at once": (
        [b"Origin:", b" " + A],
        {
            f"\r\n {APP}": "uwsgi",
            f" {APP}": "werkzeug",
            APP: "waitress cheroot mod_wsgi wsgiref uvicorn",
            400: "gunicorn granian",
        },
    ),
    "white space around": (
        [b"Origin: \t" + A + b" \t"],
        {
            f"\t{APP} \t": "uwsgi",
            f"{APP} \t": "werkzeug",
            APP: "gunicorn waitress cheroot granian mod_wsgi wsgiref uvicorn",
        },
    ),
    "white space before the colon": (
        [b"Origin : " + A],
        {
            None: "uwsgi werkzeug wsgiref",
            APP: "cheroot",
            400: "gunicorn waitress granian mod_wsgi uvicorn",
        },
    ),
}


@pytest.mark.parametrize("odd", ODD)
@on_every_server
def test_what_a_server_hands_over_is_checked_as_it_is(
    server: Running, front: str, ways: Server, odd: str
) -> None:
    lines, by_outcome = ODD[odd]
    [expected] = [outcome for outcome, names in by_outcome.items() if ways.kind in names.split()]
    # Where any well-formed origin is allowed, and where one is: only that one goes back.
    for route, allowed in (("careless", {APP, EVIL}), ("json", {APP})):
        answer = send(server, "GET", f"/{front}/{route}", lines)
        if isinstance(expected, int):
            assert (answer.status, answer.cors) == (expected, {})
            continue
        assert (answer.status, told(answer).get("HTTP_ORIGIN")) == (200, expected)
        sent = [expected] if expected in allowed else []
        assert answer.values("Access-Control-Allow-Origin") == sent
        assert answer.values("Vary") == ["Origin"]

    # First, since what comes after a bare CR is lost in some.
    asked = [b"Access-Control-Request-Method: PUT", *lines]
    answer = send(server, "OPTIONS", f"/{front}/json", asked)
    if isinstance(expected, int):
        assert (answer.status, answer.cors) == (expected, {})
    elif expected is None:
        assert (answer.status, answer.cors) == (200, DENIED)
    elif expected == APP:
        assert (answer.status, answer.cors) == (204, GOES_ON)
    else:
        assert (answer.status, answer.body) == (403, REFUSAL)
        assert answer.cors == comparable({"Vary": PREFLIGHT_VARY})


def send(server: Running, method: str, path: str, lines: list[bytes]) -> Answer:
    with server.connect() as wire:
        try:
            wire.send(method, path, lines)
            return wire.read(method)
        except ConnectionResetError:
            return Answer(CLOSED, "", [], b"")


@behind("wsgi")
def test_an_answer_taken_back_before_it_is_out(server: Running, front: str, ways: Server) -> None:
    answer = ask(server, "GET", f"/{front}/late", asking())
    assert answer.status == 500
    # PEP 3333: headers given along with exc_info replace the first ones. These two keep both, so
    # a page cannot read the answer; nothing above the server can tell.
    times = 2 if ways.kind in ("gunicorn", "cheroot") else 1
    assert answer.values("Access-Control-Allow-Origin") == [APP] * times
    assert answer.values("Vary") == ["Origin"] * times


def test_where_uwsgi_makes_chunks_of_a_204_a_preflight_status_of_200_helps(tmp_path: Path) -> None:
    with running(uwsgi_chunked, tmp_path / "uwsgi") as server:
        with server.connect() as wire:
            assert wire.ask("OPTIONS", "/wsgi/json", asking_for("PUT")).status == 204
            # RFC 9112, section 6.3: a 204 ends with its headers, so this is taken for an answer.
            assert wire.file.read(5) == b"0\r\n\r\n"
        with server.connect() as wire:
            assert wire.ask("OPTIONS", "/wsgi/with-200", asking_for("PUT")).status == 200
            assert wire.ask("GET", "/wsgi/json", asking()).cors == READABLE


def uwsgi_chunked(port: int, folder: Path) -> list[str]:
    return uwsgi(port, folder, "--http-auto-chunked")
