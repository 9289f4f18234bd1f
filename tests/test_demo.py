"""The laboratory of `corsgate demo`, its server's side: what it answers, and what it refuses."""

import http.client
import io
import json
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from wsgi_client import Headers

from corsgate import Policy
from corsgate.browser import Browser, FetchError
from corsgate.demo import _runs, _server
from corsgate.demo._api import API, LAYERS
from corsgate.demo._code import code_of
from corsgate.demo._places import Places
from corsgate.demo._runs import Asked, Runs
from corsgate.demo._server import UnavailableError, laboratory
from corsgate.demo._site import Laboratory, Page, checking_host
from corsgate.demo._situations import situations

PLACES = Places((8400, 8401, 8402, 8403))
HOME = "http://localhost:8400"
SITE = "http://localhost:8401"
FRONTEND = "http://localhost:8402"
STRANGER = "http://stranger.localhost:8403"
REQUEST = {
    "caller": "frontend",
    "sender": "fetch",
    "method": "GET",
    "headers": "",
    "body": "none",
    "credentials": "same-origin",
}
HEADERS = "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with"


class Answer:
    def __init__(self, status: str, headers: Headers, body: bytes) -> None:
        self.status = status
        self.headers = dict(headers)
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(app: Any, method: str, target: str, body: bytes = b"", /, **environ: Any) -> Answer:
    path, _, query = target.partition("?")
    started: list[tuple[str, Headers]] = []
    given = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **environ,
    }
    chunks = app(given, lambda status, headers, exc_info=None: started.append((status, headers)))
    [(status, headers)] = started
    return Answer(status, headers, b"".join(chunks))


class Bench:
    """The laboratory without its servers."""

    def __init__(self) -> None:
        runs = Runs()
        self.api = API(runs, Policy(allow_origins=[FRONTEND]))
        self.site = Laboratory(PLACES, runs, self.api)
        self.page = Page(PLACES, beside=self.api)

    def post(self, path: str, content: Any, **environ: str) -> Answer:
        given = {"HTTP_ORIGIN": HOME, "CONTENT_TYPE": "application/json", **environ}
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return ask(self.site, "POST", path, body, **given)

    def start(self, policy: Any = None, layer: str = "none", **request: Any) -> Answer:
        fields = {"allow_origins": [FRONTEND]} if policy is None else policy
        asked = {"request": {**REQUEST, **request}, "policy": fields, "layer": layer}
        return self.post("/runs", asked)

    def run(self, policy: Any = None, layer: str = "none", **request: Any) -> Any:
        """A whole run, with corsgate's own browser in the place of a real one."""
        started = self.start(policy, layer, **request).json
        names = ("caller", "origin", "sender", "method", "headers", "body", "credentials")
        asked = Asked(*(started[name] for name in names))
        seen = "form" if asked.sender == "form" else "answer"
        browser = Browser(self.api, origin=asked.origin, base_url=SITE)
        try:
            _runs.fetch(browser, asked, started["url"])
        except FetchError:
            seen = "error"
        return self.post(f"/runs/{started['id']}", {"seen": seen}).json


@pytest.fixture
def bench() -> Bench:
    return Bench()


# ------------------------------------------------------------------ the pages


@pytest.mark.parametrize(
    ("path", "kind", "start"),
    [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/style.css", "text/css; charset=utf-8", ":root {"),
        ("/laboratory.js", "text/javascript; charset=utf-8", "// The laboratory"),
        ("/drawing.js", "text/javascript; charset=utf-8", "// How a run is shown"),
        ("/icon.svg", "image/svg+xml; charset=utf-8", "<svg"),
    ],
)
def test_the_laboratory_serves_its_page(bench: Bench, path: str, kind: str, start: str) -> None:
    answer = ask(bench.site, "GET", path)
    assert answer.status == "200 OK"
    assert answer.text.startswith(start)
    assert answer.headers == {
        "Content-Type": kind,
        "Content-Length": str(len(answer.body)),
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
        " img-src 'self'; connect-src 'self'; frame-src http://localhost:8402"
        " http://localhost:8403 http://127.0.0.1:8402 http://stranger.localhost:8403"
        " http://127.0.0.1:8403 http://localhost:8401; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'",
    }
    head = ask(bench.site, "HEAD", path)
    assert (head.status, head.headers, head.body) == (answer.status, answer.headers, b"")


def test_nothing_in_the_pages_is_inline_or_from_elsewhere(bench: Bench) -> None:
    for answer in (
        ask(bench.site, "GET", "/"),
        ask(bench.page, "GET", "/caller", HTTP_HOST="localhost:8401"),
    ):
        assert "<style" not in answer.text
        assert " style=" not in answer.text
        assert "//" not in answer.text.replace(HOME, "")
        assert "<script>" not in answer.text
    for name in ("/laboratory.js", "/drawing.js"):
        script = ask(bench.site, "GET", name).text
        assert not {"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("} & {
            *script.replace(".", " ").split()
        }
        assert "HTML(" not in script
        assert "http" not in script


@pytest.mark.parametrize("path", ["/caller.js", "/caller.html", "/../policy.py", "//", "/_api.py"])
def test_nothing_else_is_served(bench: Bench, path: str) -> None:
    answer = ask(bench.site, "GET", path)
    assert (answer.status, answer.text) == (
        "404 Not Found",
        "Nothing is here. Open http://localhost:8400\n",
    )


def test_other_methods_are_refused(bench: Bench) -> None:
    assert ask(bench.site, "OPTIONS", "/runs").status == "405 Method Not Allowed"
    assert ask(bench.site, "PUT", "/policy").status == "405 Method Not Allowed"


def test_the_page_is_told_of_the_places_and_the_situations(bench: Bench) -> None:
    setup = ask(bench.site, "GET", "/setup.json").json
    assert setup["api"] == SITE
    assert {key: caller["origin"] for key, caller in setup["callers"].items()} == {
        "frontend": FRONTEND,
        "port": "http://localhost:8403",
        "number": "http://127.0.0.1:8402",
        "stranger": STRANGER,
        "null": "null",
        "same": SITE,
    }
    assert setup["layers"] == LAYERS
    assert setup["situations"] == situations(PLACES)
    assert Policy(**setup["defaults"]) == Policy()


def test_ports_are_spelt_as_browsers_do() -> None:
    assert Places((80, 81, 82, 83)).laboratory == "http://localhost"
    assert Places((77, 78, 79, 80)).hosts["other"] == {
        "localhost",
        "127.0.0.1",
        "stranger.localhost",
    }


HIDDEN = "Blocked: the answer is hidden"
AT_PREFLIGHT = "Blocked at the preflight"


def policy_change(**fields: Any) -> dict[str, Any]:
    return {"text": "Change the policy", "policy": fields}


def layer_change(text: str) -> dict[str, str]:
    return {"text": text, "layer": "none"}


def test_each_situation_has_its_verdict_and_its_change(bench: Bench) -> None:
    found = {
        one["name"]: bench.run(one["policy"], one["layer"], **one["request"])
        for one in situations(PLACES)
    }
    assert {name: (verdict["title"], verdict["change"]) for name, verdict in found.items()} == {
        "GET": ("Allowed", None),
        "Preflight": ("Allowed", None),
        "https for http": (
            HIDDEN,
            policy_change(allow_origins=["https://localhost:8402", FRONTEND]),
        ),
        "Wrong port": (
            HIDDEN,
            policy_change(allow_origins=[FRONTEND, "http://localhost:8403"]),
        ),
        "* with cookies": (
            HIDDEN,
            policy_change(allow_origins=[FRONTEND], allow_credentials=True),
        ),
        "Missing header": (
            AT_PREFLIGHT,
            policy_change(allow_headers=[*HEADERS.split(", "), "x-api-key"]),
        ),
        "patch": (
            AT_PREFLIGHT,
            {"text": "Write PATCH in the page", "request": {"method": "PATCH"}},
        ),
        "Hidden header": ("Allowed", policy_change(expose_headers=["X-Total-Count"])),
        "401 to preflight": (AT_PREFLIGHT, layer_change("Let preflights pass the login")),
        "Bare 500": (HIDDEN, layer_change("Let the application answer")),
        "Two layers": (HIDDEN, layer_change("Take the proxy's header out")),
        "Stranger's form": (
            "Refused by the gate",
            policy_change(write_origins=[FRONTEND, STRANGER]),
        ),
    }


def test_what_else_happens_may_happen_together_with_a_policy_that_is_wrong(bench: Bench) -> None:
    verdict = bench.run({}, "crash")
    assert verdict["advice"]["setting"] == "allow_origins"
    verdict = bench.run(layer="login", headers="Authorization: Bearer 123", caller="same")
    assert verdict["title"] == "Allowed: same origin"


@pytest.mark.parametrize("host", ["localhost:8402", "127.0.0.1:8402"])
def test_a_caller_talks_with_the_laboratory_only(host: str) -> None:
    page = Page(PLACES)
    answer = ask(page, "GET", "/caller", HTTP_HOST=host.upper())
    assert 'data-laboratory="http://localhost:8400"' in answer.text
    assert answer.headers["Content-Security-Policy"] == (
        f"default-src 'none'; script-src http://{host}; connect-src {SITE}; frame-src {SITE};"
        f" form-action {SITE}; base-uri 'none'; frame-ancestors {HOME}"
    )
    assert ask(page, "GET", "/caller.js", HTTP_HOST=host).status == "200 OK"
    assert ask(page, "HEAD", "/caller.js", HTTP_HOST=host).body == b""
    other = ask(page, "GET", "/", HTTP_HOST=host)
    assert (other.status, other.text) == (
        "404 Not Found",
        "This origin is for pages that call the API. Open http://localhost:8400\n",
    )


# ------------------------------------------------------------------ who may do what


@pytest.mark.parametrize(
    ("name", "hosts"),
    [
        ("laboratory", {"localhost:8400"}),
        ("api", {"localhost:8401"}),
        ("frontend", {"localhost:8402", "127.0.0.1:8402"}),
        ("other", {"localhost:8403", "127.0.0.1:8403", "stranger.localhost:8403"}),
    ],
)
def test_each_server_has_its_names(name: str, hosts: set[str]) -> None:
    assert PLACES.hosts[name] == hosts


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8400", "127.0.0.1:8400", "localhost", "", None]
)
def test_a_name_that_somebody_has_pointed_here_is_refused(bench: Bench, host: str | None) -> None:
    app = checking_host(bench.site, PLACES.hosts["laboratory"], HOME)
    more = {} if host is None else {"HTTP_HOST": host}
    answer = ask(app, "GET", "/setup.json", **more)
    assert (answer.status, answer.text) == (
        "421 Misdirected Request",
        "This is no address of corsgate demo. Open http://localhost:8400\n",
    )
    assert ask(app, "GET", "/", HTTP_HOST="LOCALHOST:8400").status == "200 OK"


@pytest.mark.parametrize("path", ["/policy", "/runs", "/runs/0"])
@pytest.mark.parametrize("origin", [FRONTEND, STRANGER, "null", "", "http://localhost:8400.evil"])
def test_no_other_page_changes_anything(bench: Bench, path: str, origin: str) -> None:
    answer = bench.post(path, {"allow_origins": "*"}, HTTP_ORIGIN=origin)
    assert (answer.status, answer.text) == (
        "403 Forbidden",
        "Only the laboratory's own page may do that.\n",
    )
    assert ask(bench.site, "POST", path, b"{}", CONTENT_TYPE="application/json").status == (
        "403 Forbidden"
    )
    assert bench.api.policy == Policy(allow_origins=[FRONTEND])


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_what_a_form_could_send_is_refused(bench: Bench, kind: str) -> None:
    answer = bench.post("/policy", {}, CONTENT_TYPE=kind)
    assert (answer.status, answer.text) == (
        "415 Unsupported Media Type",
        "Send application/json.\n",
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"1",
        b'"text"',
        b"null",
        b"\xff",
        b"[" * 50_000,
        b"1" * 5_000,
        b'{"a": NaN',
    ],
)
def test_what_is_no_object_is_refused(bench: Bench, body: bytes) -> None:
    answer = bench.post("/runs", body)
    assert (answer.status, answer.text) == ("400 Bad Request", "Send an object as JSON.\n")


def test_what_is_too_long_is_refused(bench: Bench) -> None:
    answer = bench.post("/runs", b" " * 70_000)
    assert (answer.status, answer.text) == ("413 Content Too Large", "Send at most 65536 bytes.\n")


@pytest.mark.parametrize("length", ["-1", "x", "\u00b2", "9" * 40, ""])
def test_a_length_that_is_none_counts_as_nothing(bench: Bench, length: str) -> None:
    assert bench.post("/runs", {}, CONTENT_LENGTH=length).status == "400 Bad Request"


class Stuck(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise TimeoutError


def test_a_body_that_does_not_come_is_nothing(bench: Bench) -> None:
    given: dict[str, Any] = {"HTTP_ORIGIN": HOME, "CONTENT_TYPE": "application/json"}
    given |= {"CONTENT_LENGTH": "10", "wsgi.input": Stuck()}
    assert ask(bench.site, "POST", "/runs", **given).status == "400 Bad Request"
    answer = ask(bench.api, "POST", "/notes", **given)
    assert answer.json["you sent"] == {"method": "POST", "body": "", "cookie": False}


# ------------------------------------------------------------------ the policy


def test_the_policy_is_changed_while_serving(bench: Bench) -> None:
    answer = bench.post("/policy", {"allow_origins": "https://app.example.com", "max_age": 5})
    assert answer.status == "200 OK"
    assert answer.json == {
        "code": {
            "Flask": "from corsgate.flask import CORSGate\n\n"
            'CORSGate(app, allow_origins=["https://app.example.com"], max_age=5)\n',
            "Django": 'MIDDLEWARE = [\n    "corsgate.django.CORSMiddleware",  # first\n    # ...\n'
            ']\nCORS_ALLOW_ORIGINS = ["https://app.example.com"]\nCORS_MAX_AGE = 5\n',
            "WSGI": "from corsgate.wsgi import CORSMiddleware\n\n"
            "app = CORSMiddleware(\n    app,\n"
            '    allow_origins=["https://app.example.com"],\n    max_age=5,\n)\n',
        }
    }
    asked = {"HTTP_ORIGIN": "https://app.example.com", "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT"}
    assert ask(bench.api, "OPTIONS", "/notes", **asked).headers == {
        "Access-Control-Allow-Origin": "https://app.example.com",
        "Access-Control-Allow-Methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
        "Access-Control-Allow-Headers": HEADERS,
        "Access-Control-Max-Age": "5",
        "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    }


def test_every_problem_is_told_at_its_field_and_the_old_policy_stays(bench: Bench) -> None:
    wrong = {"allow_origins": "app.example.com", "allow_methods": "patch", "max_age": "soon"}
    answer = bench.post("/policy", wrong)
    assert answer.status == "422 Unprocessable Content"
    assert [one["field"] for one in answer.json["problems"]] == [
        "allow_origins",
        "allow_methods",
        "max_age",
    ]
    assert answer.json["problems"][0]["message"] == (
        "'app.example.com' has no scheme. Write 'https://app.example.com'."
    )
    assert bench.api.policy == Policy(allow_origins=[FRONTEND])
    assert bench.start(wrong).status == "422 Unprocessable Content"
    assert bench.api.policy == Policy(allow_origins=[FRONTEND])


def test_a_regular_expression_is_no_way_out_of_a_text_field(bench: Bench) -> None:
    written = 're.compile(r"https://.*\\.example\\.com")'
    assert bench.post("/policy", {"allow_origins": written}).json["problems"] == [
        {
            "field": "allow_origins",
            "message": f"{written!r} looks like a regular expression, and a plain string never is"
            " one. Here write origins, or patterns such as https://*.example.com.",
        }
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"self": 1}, "'self' is no field of a policy."),
        ({"\u2028": 1}, "'\\u2028' is no field of a policy."),
        ({"origins": "*"}, "'origins' is no field of a policy."),
    ],
)
def test_a_field_that_there_is_not(bench: Bench, given: Any, message: str) -> None:
    expected = {"problems": [{"field": "policy", "message": message}]}
    assert bench.post("/policy", given).json == expected


@pytest.mark.parametrize("value", [None, True, 0, -1, 1e300, "\ud800", [[]], [None], {}, {"a": 1}])
@pytest.mark.parametrize("field", Policy._fields)
def test_no_value_of_a_field_raises(bench: Bench, field: str, value: Any) -> None:
    assert bench.post("/policy", {field: value}).status in ("200 OK", "422 Unprocessable Content")


def test_a_policy_has_to_be_an_object(bench: Bench) -> None:
    answer = bench.post("/runs", {"policy": [], "layer": "none", "request": REQUEST})
    assert answer.json == {
        "problems": [{"field": "policy", "message": "Send the fields of a policy."}]
    }


def test_code_is_python_of_every_field() -> None:
    policy = Policy(
        allow_origins=["https://a.example.com", "https://*.example.org"],
        allow_methods=["GET"],
        allow_headers=["x-a"],
        expose_headers=["X-B"],
        allow_credentials=True,
        max_age=None,
        allow_timing=True,
        preflight_status=200,
        gate="enforce",
        write_origins=(),
        own_origins=["https://api.example.com"],
        dangerously_allow=["null-origin"],
    )
    code = code_of(policy)
    settings: dict[str, Any] = {}
    for line in code["Django"].splitlines()[4:]:
        name, _, value = line.partition(" = ")
        settings[name] = eval(value)
    assert len(settings) == 12
    assert Policy.from_mapping(settings) == policy
    for name, start in (("Flask", "CORSGate("), ("WSGI", "app = CORSMiddleware(")):
        options = code[name].partition("    app,\n")[2].rpartition(")")[0]
        assert code[name].split("\n")[2] == start
        assert eval(f"dict({options})") == settings_of(policy)


def settings_of(policy: Policy) -> dict[str, Any]:
    """The fields of a policy with lists for tuples, as they are written."""
    return {
        name: [*value] if isinstance(value, tuple) else value
        for name, value in policy.to_dict().items()
    }


# ------------------------------------------------------------------ requests


def test_a_run_says_what_to_send(bench: Bench) -> None:
    answer = bench.start(method="put", body="json", headers=" X-A :  1 \n\nX-B: 2:3")
    told = answer.json
    run_id = told.pop("id")
    assert told.pop("code")["WSGI"]
    assert told == {
        "url": f"{SITE}/notes?run={run_id}",
        "caller": "frontend",
        "origin": FRONTEND,
        "sender": "fetch",
        "method": "put",
        "headers": [["X-A", "1"], ["X-B", "2:3"], ["Content-Type", "application/json"]],
        "body": '{"text": "Buy milk"}',
        "credentials": "same-origin",
    }


def test_a_content_type_of_ones_own_stays(bench: Bench) -> None:
    told = bench.start(method="POST", body="json", headers="content-type: text/plain").json
    assert told["headers"] == [["content-type", "text/plain"]]


@pytest.mark.parametrize(
    ("count", "names"),
    [
        (1, "the header x-0"),
        (4, "the headers x-0, x-1, x-2, x-3"),
        (9, "the headers x-0, x-1, x-2 and 6 more"),
    ],
)
def test_many_headers_are_a_short_reason(bench: Bench, count: int, names: str) -> None:
    headers = "\n".join(f"X-{number}: 1" for number in range(count))
    run_id = bench.start(method="PUT", headers=headers).json["id"]
    verdict = bench.post(f"/runs/{run_id}", {"seen": "error"}).json
    assert verdict["preflight"] == f"Asks first because of the method PUT and {names}."


def test_the_other_page_of_a_stranger(bench: Bench) -> None:
    assert bench.start(caller="stranger").json["origin"] == STRANGER
    assert bench.start(caller="stranger", instead=True).json["origin"] == "http://127.0.0.1:8403"
    assert bench.start(caller="port", instead=True).json["origin"] == "http://localhost:8403"


CHOICES = "Choose one of: "
LINES = "Write a header per line, as Name: value; at most 4000 characters in all."


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("caller", "evil", f"{CHOICES}frontend, port, number, stranger, null, same."),
        ("caller", ["frontend"], f"{CHOICES}frontend, port, number, stranger, null, same."),
        ("sender", None, f"{CHOICES}fetch, form."),
        ("body", {}, f"{CHOICES}none, json, form, text."),
        ("body", "json", "A GET has no body: choose none."),
        ("credentials", "yes", f"{CHOICES}same-origin, include, omit."),
        ("method", "", "Write a method, such as GET: at most 64 characters."),
        ("method", 1, "Write a method, such as GET: at most 64 characters."),
        ("method", "A" * 65, "Write a method, such as GET: at most 64 characters."),
        ("method", "CONNECT", "Method is 'CONNECT', which fetch() does not take."),
        ("method", "A B", "Method is 'A B', which fetch() does not take."),
        ("method", "\ud800", "Method is '\\ud800', which fetch() does not take."),
        ("headers", None, LINES),
        ("headers", "a" * 4_001, LINES),
        ("headers", "X-Api-Key", "Write 'X-Api-Key' as Name: value."),
        ("headers", "\u00e9", "Write '\\xe9' as Name: value."),
        (
            "headers",
            "Host: a",
            "A page cannot set the header 'Host': browsers drop it silently.",
        ),
        (
            "headers",
            "X Y: a",
            "A page cannot send the header 'X Y' with the value 'a'.",
        ),
    ],
)
def test_what_no_page_can_send_is_told_at_its_field(
    bench: Bench, field: str, value: Any, message: str
) -> None:
    answer = bench.start(**{field: value})
    assert answer.status == "422 Unprocessable Content"
    assert answer.json == {"problems": [{"field": field, "message": message}]}


@pytest.mark.parametrize(
    ("request_", "field", "message"),
    [
        ({"method": "GET"}, "method", "Write POST: a form's only other method is GET, a link."),
        ({"headers": "X-A: 1"}, "headers", "A form sets no headers: leave this empty."),
        ({"body": "json"}, "body", "A form sends form fields: choose those, or none."),
    ],
)
def test_what_no_form_can_send(
    bench: Bench, request_: dict[str, str], field: str, message: str
) -> None:
    answer = bench.start(**{"sender": "form", "method": "POST", "body": "form", **request_})
    assert answer.json == {"problems": [{"field": field, "message": message}]}


def test_all_that_is_wrong_is_told_at_once(bench: Bench) -> None:
    answer = bench.post("/runs", {"policy": {"max_age": -1}, "layer": ["none"], "request": 1})
    assert [one["field"] for one in answer.json["problems"]] == ["max_age", "layer", "caller"]
    assert answer.json["problems"][1]["message"] == f"{CHOICES}none, login, crash, proxy."


# ------------------------------------------------------------------ runs and what came of them


def test_a_run_that_is_not_known(bench: Bench) -> None:
    answer = bench.post("/runs/0123", {"seen": "answer"})
    assert (answer.status, answer.text) == ("404 Not Found", "That run is not known any more.\n")


@pytest.mark.parametrize("seen", [None, "", "nothing", ["answer"]])
def test_what_a_page_cannot_have_seen(bench: Bench, seen: Any) -> None:
    run_id = bench.start().json["id"]
    answer = bench.post(f"/runs/{run_id}", {"seen": seen})
    assert (answer.status, answer.text) == (
        "400 Bad Request",
        "Say what was seen: answer, error, form.\n",
    )


def test_only_so_many_runs_and_exchanges_are_kept(bench: Bench) -> None:
    first = bench.start().json
    for _ in range(20):
        ask(bench.api, "GET", f"/notes?run={first['id']}", HTTP_ORIGIN=FRONTEND)
    verdict = bench.post(f"/runs/{first['id']}", {"seen": "answer"}).json
    assert len(verdict["sequence"]) == 16
    for _ in range(100):
        bench.start()
    assert bench.post(f"/runs/{first['id']}", {"seen": "answer"}).status == "404 Not Found"


def test_a_run_of_which_nothing_came(bench: Bench) -> None:
    run_id = bench.start().json["id"]
    verdict = bench.post(f"/runs/{run_id}", {"seen": "error"}).json
    assert verdict["title"] == "Nothing reached the API"
    assert verdict["sequence"] == []
    assert verdict["server"] == {"title": "The API was not asked.", "steps": []}


@pytest.mark.parametrize("query", ["", "run=", "run=1", "run=%00%ff", "=&&;", "run=a&run=b"])
def test_who_is_in_no_run_is_answered_by_the_policy(bench: Bench, query: str) -> None:
    answer = ask(bench.api, "GET", f"/notes?{query}", HTTP_ORIGIN=FRONTEND)
    assert answer.status == "200 OK"
    assert answer.headers["Access-Control-Allow-Origin"] == FRONTEND
    denied = ask(bench.api, "GET", f"/notes?{query}", HTTP_ORIGIN="https://evil.example")
    assert "Access-Control-Allow-Origin" not in denied.headers


def test_the_api_has_one_path(bench: Bench) -> None:
    answer = ask(bench.page, "GET", "/other", HTTP_HOST="localhost:8401")
    assert (answer.status, answer.text) == ("404 Not Found", "Only /notes is here.\n")
    answer = ask(bench.page, "HEAD", "/notes", HTTP_HOST="localhost:8401")
    assert (answer.status, answer.body) == ("200 OK", b"")


def test_the_api_reads_so_much_and_no_more(bench: Bench) -> None:
    answer = ask(bench.api, "POST", "/notes", b"a" * 70_000)
    assert len(answer.json["you sent"]["body"]) == 65_536
    assert ask(bench.api, "POST", "/notes", b"\xff").json["you sent"]["body"] == "\ufffd"


def test_the_browser_may_do_otherwise_than_the_standard(bench: Bench) -> None:
    policy = {"allow_origins": [FRONTEND], "allow_headers": "*"}
    request = {"headers": "Authorization: Bearer 123"}
    assert bench.run(policy, **request)["title"] == "Blocked at the preflight"
    # Today's browsers let it pass.
    started = bench.start(policy, **request).json
    target = f"/notes?run={started['id']}"
    asked = {
        "HTTP_ORIGIN": FRONTEND,
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET",
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "authorization",
    }
    ask(bench.api, "OPTIONS", target, **asked)
    ask(bench.api, "GET", target, HTTP_ORIGIN=FRONTEND, HTTP_AUTHORIZATION="Bearer 123")
    verdict = bench.post(f"/runs/{started['id']}", {"seen": "answer"}).json
    assert verdict["title"] == "Allowed"
    assert verdict["notes"] == [
        (
            "By the standard a browser blocks this: Access-Control-Allow-Headers does not name"
            " authorization, which * does not cover."
        )
    ]
    # Or it stops without a reason that is known.
    started = bench.start().json
    ask(bench.api, "GET", f"/notes?run={started['id']}", HTTP_ORIGIN=FRONTEND)
    verdict = bench.post(f"/runs/{started['id']}", {"seen": "error"}).json
    assert verdict["title"] == "Blocked: the answer is hidden"
    assert verdict["consoles"] == {}
    assert verdict["advice"] == {
        "why": "By the standard a browser allows this: yours has a reason of its own.",
        "label": "What to do",
        "fix": "Look in its console (F12).",
        "prose": True,
    }
    # Or it sends something else than it should.
    started = bench.start(method="PUT").json
    ask(bench.api, "PUT", f"/notes?run={started['id']}", HTTP_ORIGIN=FRONTEND)
    verdict = bench.post(f"/runs/{started['id']}", {"seen": "answer"}).json
    assert (verdict["title"], verdict["advice"]) == ("Allowed", {})


def test_an_answer_that_is_allowed_by_another_layer(bench: Bench) -> None:
    verdict = bench.run(layer="proxy", caller="port")
    assert verdict["title"] == "Allowed"
    assert verdict["server"]["title"] == (
        "corsgate does not allow the request: origin-not-allowed."
    )
    assert verdict["notes"] == [
        (
            "It is not corsgate that allows it. The page is on 'http://localhost:8403', which"
            " allow_origins does not allow; the nearest that it allows is 'http://localhost:8402':"
            " same host, but the page has port 8403 and the policy has port 8402."
        )
    ]


def form(bench: Bench, layer: str = "none", **policy: Any) -> Any:
    fields = {"allow_origins": [FRONTEND], **policy}
    return bench.run(fields, layer, caller="stranger", sender="form", method="POST", body="form")


def test_a_form_under_each_gate(bench: Bench) -> None:
    verdict = form(bench)
    assert (verdict["allowed"], verdict["title"]) == (True, "The form was sent")
    assert verdict["server"]["title"] == "CORS has no say in a form, and no gate is on."
    verdict = form(bench, gate="report")
    assert (verdict["allowed"], verdict["title"]) == (True, "The form was sent")
    assert verdict["server"]["title"] == (
        "The gate reports the request, and lets it pass: cross-site-write."
    )
    verdict = form(bench, gate="enforce")
    assert (verdict["allowed"], verdict["title"]) == (False, "Refused by the gate")
    assert verdict["change"] == {
        "text": "Change the policy",
        "policy": {"write_origins": [FRONTEND, STRANGER]},
    }
    verdict = form(bench, gate="enforce", write_origins=[STRANGER])
    assert (verdict["allowed"], verdict["title"]) == (True, "The form was sent")
    assert (verdict["advice"], verdict["change"]) == ({}, None)
    assert verdict["server"]["title"] == "CORS has no say in a form, and the gate lets it pass."


def test_a_form_and_what_stands_in_front(bench: Bench) -> None:
    verdict = form(bench, "login")
    assert (verdict["allowed"], verdict["title"], verdict["text"]) == (
        False,
        "Refused in front",
        "A layer in front of corsgate answered 401 Unauthorized.",
    )
    assert verdict["advice"]["why"] == "CORS and the gate have no part in it."
    assert verdict["change"] == {"text": "Let preflights pass the login", "layer": "none"}


def test_a_request_that_is_refused_by_the_gate_before_the_application(bench: Bench) -> None:
    verdict = bench.run(
        {"allow_origins": [FRONTEND], "gate": "enforce"}, caller="port", method="POST"
    )
    assert verdict["title"] == "Blocked: the answer is hidden"
    assert verdict["text"] == (
        "The application did not run. The browser keeps the answer from the page."
    )


def test_a_request_that_has_no_origin(bench: Bench) -> None:
    verdict = bench.run(caller="same")
    assert verdict["title"] == "Allowed: same origin"
    assert verdict["preflight"] == "Same origin: the browser asks nobody."
    assert verdict["server"]["title"] == "The request is no CORS request: nothing to decide."


def test_advice_that_no_button_can_follow(bench: Bench) -> None:
    # Named, it would stop the start for another reason.
    policy = {"allow_origins": [FRONTEND, "http://app.example.com"]}
    verdict = bench.run(policy, credentials="include")
    assert verdict["advice"]["setting"] == "allow_credentials"
    assert verdict["change"] is None
    # Advice in words.
    verdict = bench.run(caller="null")
    assert verdict["change"] is None
    verdict = bench.run({"allow_origins": [FRONTEND], "allow_methods": ["GET"]}, method="DELETE")
    assert verdict["change"] == {
        "text": "Change the policy",
        "policy": {"allow_methods": ["GET", "DELETE"]},
    }


def test_a_long_list_is_kept_where_something_is_added(bench: Bench) -> None:
    names = [f"x-{number:02}" for number in range(20)]
    policy = {"allow_origins": [FRONTEND], "allow_headers": names}
    verdict = bench.run(policy, headers="X-Api-Key: 1")
    assert verdict["advice"]["fix"] == 'allow_headers=[..., "x-api-key"]'
    assert verdict["change"]["policy"] == {"allow_headers": [*names, "x-api-key"]}


def test_what_is_shown_of_an_exchange(bench: Bench) -> None:
    verdict = bench.run(
        {"allow_origins": [FRONTEND], "allow_headers": "x-api-key", "gate": "report"},
        headers="X-Api-Key: 123",
    )
    assert verdict["sequence"][2] == {
        "kind": "request",
        "title": "GET /notes",
        "state": "sent",
        "lines": [
            {"name": "Origin", "value": FRONTEND, "state": ""},
            {"name": "X-Api-Key", "value": "123", "state": ""},
            {"name": "Sec-Fetch-Site", "value": "same-site", "state": ""},
        ],
    }


# ------------------------------------------------------------------ the servers


def fetch(address: str, method: str, path: str, **headers: str) -> tuple[int, str]:
    place = urlsplit(address)
    connection = http.client.HTTPConnection("127.0.0.1", place.port or 80, timeout=20)
    sent = {"Host": place.netloc, **headers}
    connection.request(method, path, headers=sent)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_the_servers_are_there_and_then_are_not() -> None:
    with laboratory(0) as places:
        assert fetch(places.laboratory, "GET", "/")[0] == 200
        assert fetch(places.api, "GET", "/notes")[0] == 200
        assert fetch(places.api, "GET", "/caller")[0] == 200
        for caller in places.callers.values():
            assert fetch(caller.page, "GET", "/caller")[0] == 200
        assert fetch(places.laboratory, "GET", "/", Host="evil.example")[0] == 421
        # No Content-Type is not one that somebody has made up.
        assert '"body": ""' in fetch(places.api, "POST", "/notes")[1]
    with pytest.raises(ConnectionRefusedError):
        fetch(places.laboratory, "GET", "/")


def test_a_content_type_arrives_as_it_was_sent() -> None:
    seen: list[str] = []

    class Told(_server.Handler):
        def get_environ(self) -> dict[str, Any]:
            environ = super().get_environ()
            seen.append(environ["CONTENT_TYPE"])
            return environ

    with served(Told) as address:
        fetch(address, "GET", "/")
        fetch(address, "GET", "/", **{"Content-Type": "text/html"})
    assert seen == ["", "text/html"]


@contextmanager
def served(handler: type[_server.Handler]) -> Iterator[str]:
    with _server.Server(("127.0.0.1", 0), handler) as server:
        server.set_app(Page(PLACES))
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("error", [ConnectionResetError, TimeoutError])
def test_a_browser_that_goes_away_is_no_news(
    error: type[OSError], capfd: pytest.CaptureFixture[str]
) -> None:
    with _server.Server(("127.0.0.1", 0), _server.Handler) as server:
        try:
            raise error
        except OSError:
            server.handle_error(None, ("127.0.0.1", 1))
    assert capfd.readouterr() == ("", "")


def test_what_is_a_fault_of_ours_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    with _server.Server(("127.0.0.1", 0), _server.Handler) as server:
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            server.handle_error(None, ("127.0.0.1", 1))
    assert "ZeroDivisionError" in capfd.readouterr().err


def test_four_ports_in_a_row_or_none() -> None:
    with laboratory(0) as places:
        port = urlsplit(places.laboratory).port
        assert port is not None
        with pytest.raises(UnavailableError) as caught, laboratory(port):
            pass
        assert (caught.value.port, caught.value.why) == (port, "is in use")


def test_a_later_port_that_is_taken_frees_the_others() -> None:
    first = free_row()
    with socket.create_server(("127.0.0.1", first + 2)):
        with pytest.raises(UnavailableError) as caught, laboratory(first):
            pass
        assert caught.value.port == first + 2
    with laboratory(first) as places:
        assert places.laboratory == f"http://localhost:{first}"
        assert places.api == f"http://localhost:{first + 1}"


def free_row() -> int:
    """The first of four ports in a row that nobody has at the moment."""
    for first in range(20_000 + os.getpid() % 10_000, 32_000, 4):
        try:
            for number in range(4):
                socket.create_server(("127.0.0.1", first + number)).close()
        except OSError:
            continue
        return first
    pytest.fail("there are no four free ports in a row")
