"""The WSGI wrapper: whatever an application may do by PEP 3333 still works, and is answered right.

Everything runs with wsgiref's validator on both sides, but for what looks at identity.
"""

import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.validate import validator

import pytest
from wsgi_client import Answer, Body, Headers, SpyApp, call, comparable, environ_of, send

import corsgate._engine
from corsgate import Policy, PolicyError, decide
from corsgate.wsgi import CORSMiddleware

APP = "https://app.example.com"
EVIL = "https://evil.example"
ALLOWED = {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}
DENIED = {"Vary": "Origin"}
PREFLIGHT = {"Origin": APP, "Access-Control-Request-Method": "PUT"}
PREFLIGHT_ANSWER = {
    "Access-Control-Allow-Origin": APP,
    "Access-Control-Allow-Methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
    "Access-Control-Allow-Headers": (
        "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with"
    ),
    "Access-Control-Max-Age": "600",
    "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the engine learns over the life of a process starts anew with each test."""
    monkeypatch.setattr(corsgate._engine, "_plain_names", set())
    monkeypatch.setattr(corsgate._engine, "_replaced", set())


def wrap(app: WSGIApplication, *arguments: Any, **options: Any) -> WSGIApplication:
    """The wrapper between two validators; by default it allows one origin."""
    if not arguments and not options:
        options = {"allow_origins": APP}
    return validator(CORSMiddleware(validator(app), *arguments, **options))


# ------------------------------------------------------------------ every answer that passes

EVERY_STATUS = {
    "200 OK": b"hello",
    "201 Created": b"",
    "204 No Content": b"",
    "206 Partial Content": b"ell",
    "301 Moved Permanently": b"",
    "304 Not Modified": b"",
    "400 Bad Request": b"no",
    "401 Unauthorized": b"who",
    "404 Not Found": b"gone",
    "405 Method Not Allowed": b"no",
    "500 Internal Server Error": b"oops",
    "503 Service Unavailable": b"later",
}


@pytest.mark.parametrize("status", EVERY_STATUS)
@pytest.mark.parametrize(
    ("origin", "adds"), [(APP, ALLOWED), (EVIL, DENIED)], ids=["allowed", "denied"]
)
def test_an_answer_of_any_status_gets_the_headers(
    origin: str, adds: dict[str, str], status: str
) -> None:
    bodiless = status[:3] in ("204", "304")
    own = {} if bodiless else {"Content-Type": "text/plain", "X-Own": "1"}
    app = wrap(SpyApp(status, own, (EVERY_STATUS[status],)))
    answer = call(app, "GET", "/", {"Origin": origin})
    assert f"{answer.status} {answer.reason}" == status
    assert answer.body == EVERY_STATUS[status]
    assert answer.seen == comparable({**own, **adds})


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_request_of_any_method_reaches_the_application(method: str) -> None:
    spy = SpyApp()
    answer = call(wrap(spy), method, "/x?y=z", {"Origin": APP}, body=b"data")
    [environ] = spy.calls
    assert (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == (method, "/x")
    assert answer.body == (b"" if method == "HEAD" else b"hello")
    assert answer.cors == comparable(ALLOWED)


def test_the_application_is_given_the_environ_as_it_came() -> None:
    seen: list[WSGIEnvironment] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        seen.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return []

    environ = environ_of("GET", "/", {"Origin": APP})
    before = dict(environ)
    send(CORSMiddleware(app, allow_origins=APP), environ)
    assert seen == [before]
    assert seen[0] is environ


def test_repeated_headers_that_are_not_ours_stay_repeated_and_in_their_order() -> None:
    own = [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("X", "y"), ("Set-Cookie", "b=2")]
    answer = call(wrap(SpyApp(headers=own)), "GET", "/", {"Origin": APP})
    assert answer.headers[: len(own)] == own
    assert comparable(answer.headers[len(own) :]) == comparable(ALLOWED)


# ------------------------------------------------------------------ preflights


def test_a_preflight_is_answered_in_the_applications_stead() -> None:
    spy = SpyApp()
    answer = call(wrap(spy), "OPTIONS", "/", PREFLIGHT)
    assert spy.called == 0
    assert (answer.status, answer.body) == (204, b"")
    assert answer.seen == comparable(PREFLIGHT_ANSWER)


def test_a_preflight_is_answered_on_paths_that_are_not_there() -> None:
    app = wrap(SpyApp("404 Not Found"))
    for path in ("/", "/nothing", "/slash/", "/%ff"):
        assert call(app, "OPTIONS", path, PREFLIGHT).status == 204


def test_a_preflight_leaves_the_body_of_the_request_alone() -> None:
    environ = environ_of("OPTIONS", "/", PREFLIGHT, body=b"data")
    assert send(wrap(SpyApp()), environ).status == 204
    assert environ["wsgi.input"].read(4) == b"data"


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": APP}, id="without a method"),
        pytest.param({"Access-Control-Request-Method": "PUT"}, id="without an origin"),
        pytest.param({}, id="with neither"),
    ],
)
def test_any_other_options_is_the_applications(headers: dict[str, str]) -> None:
    spy = SpyApp("200 OK", {"Content-Type": "text/plain", "Allow": "GET"}, (b"mine",))
    answer = call(wrap(spy), "OPTIONS", "/", headers)
    assert spy.called == 1
    assert (answer.body, answer.values("Allow")) == (b"mine", ["GET"])
    assert answer.cors == comparable(ALLOWED if "Origin" in headers else DENIED)


# ------------------------------------------------------------------ the ways to give a body


def test_a_body_is_streamed_chunk_by_chunk() -> None:
    produced: list[int] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return stream()

    def stream() -> Iterator[bytes]:
        for number in range(3):
            produced.append(number)
            yield b"%d" % number

    started: list[Headers] = []

    def start_response(
        status: str, headers: Headers, exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        started.append(headers)
        return lambda data: None

    result = CORSMiddleware(app, allow_origins=APP)(
        environ_of("GET", "/", {"Origin": APP}), start_response
    )
    assert comparable(started[0]) == comparable({"Content-Type": "text/plain", **ALLOWED})
    assert produced == []
    iterator = iter(result)
    assert next(iterator) == b"0"
    assert produced == [0]
    assert list(iterator) == [b"1", b"2"]


def test_a_generator_may_start_the_response_late() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        yield_first = environ["PATH_INFO"] == "/"
        start_response("200 OK", [("Content-Type", "text/plain"), ("Vary", "Cookie")])
        if yield_first:
            yield b"first"
        yield b"second"

    answer = call(wrap(app), "GET", "/", {"Origin": APP})
    assert answer.body == b"firstsecond"
    assert answer.seen == comparable(
        {"Content-Type": "text/plain", **ALLOWED, "Vary": "Cookie, Origin"}
    )


def test_an_application_may_write() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"one ")
        write(b"two ")
        return [b"three"]

    answer = call(wrap(app), "GET", "/", {"Origin": APP})
    assert answer.body == b"one two three"
    assert answer.cors == comparable(ALLOWED)


def test_write_is_the_servers_own() -> None:
    def write(data: bytes) -> object:
        return None

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        assert start_response("200 OK", []) is write
        return [b"done"]

    app_with_cors = CORSMiddleware(app, allow_origins=APP)
    assert app_with_cors(environ_of(), lambda *arguments: write) == [b"done"]


@pytest.mark.parametrize(
    "policy", [Policy(), Policy(allow_origins=APP), None], ids=["nobody", "one", "off"]
)
@pytest.mark.parametrize("origin", [APP, EVIL])
def test_the_body_is_returned_as_it_is(policy: Policy | None, origin: str) -> None:
    body = Body(b"a", b"b")

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body

    environ = environ_of("GET", "/", {"Origin": origin})
    result = CORSMiddleware(app, policy)(environ, lambda *arguments: lambda data: None)
    assert result is body
    assert body.closed == 0


def test_the_body_is_closed_once() -> None:
    body = Body(b"a")

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body

    assert call(wrap(app), "GET", "/", {"Origin": APP}).body == b"a"
    assert body.closed == 1


def test_an_error_page_may_replace_an_answer_that_has_not_begun() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html"), ("Vary", "Accept")])
        try:
            raise LookupError("no such row")
        except LookupError:
            start_response(
                "500 Internal Server Error", [("Content-Type", "text/plain")], sys.exc_info()
            )
        return [b"sorry"]

    answer = call(wrap(app), "GET", "/", {"Origin": APP})
    assert (answer.status, answer.body) == (500, b"sorry")
    assert answer.seen == comparable({"Content-Type": "text/plain", **ALLOWED})


def test_an_error_after_the_answer_has_begun_is_the_servers_to_raise() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"begun"
        try:
            raise LookupError("no such row")
        except LookupError:
            start_response(
                "500 Internal Server Error", [("Content-Type", "text/plain")], sys.exc_info()
            )

    with pytest.raises(LookupError, match="no such row"):
        call(wrap(app), "GET", "/", {"Origin": APP})


def test_exc_info_reaches_the_server_as_it_is() -> None:
    given: list[Any] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            raise LookupError
        except LookupError:
            given.append(sys.exc_info())
            start_response("500 Oops", [("Content-Type", "text/plain")], given[0])
        return []

    def start_response(
        status: str, headers: Headers, exc_info: Any = None, /
    ) -> Callable[[bytes], object]:
        given.append(exc_info)
        return lambda data: None

    CORSMiddleware(app, allow_origins=APP)(environ_of(), start_response)
    assert given[1] is given[0]


def test_an_exception_of_the_application_is_not_hidden() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise LookupError("no such row")

    with pytest.raises(LookupError, match="no such row"):
        call(wrap(app), "GET", "/", {"Origin": APP})


# ------------------------------------------------------------------ the application's own headers


@pytest.mark.parametrize(
    ("origin", "adds"), [(APP, ALLOWED), (EVIL, DENIED), (None, DENIED)], ids=str
)
def test_the_applications_own_cors_headers_are_replaced_with_one_line_in_the_log(
    origin: str | None, adds: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    own = {
        "Content-Type": "text/plain",
        "access-control-allow-origin": "*",
        "Access-Control-Allow-Credentials": "true",
    }
    spy = SpyApp(headers=own)
    app = wrap(spy)
    for _ in range(3):
        answer = call(app, "GET", "/", {"Origin": origin} if origin else {})
        assert answer.seen == comparable({"Content-Type": "text/plain", **adds})
    lines = [record.getMessage() for record in caplog.records]
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2
    assert "'access-control-allow-origin'" in lines[0]
    assert "set allow_origins in the policy" in lines[0]
    assert "set allow_credentials in the policy" in lines[1]


def test_without_a_policy_the_applications_own_headers_pass(
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = {"Content-Type": "text/plain", "Access-Control-Allow-Origin": "*", "Vary": "Cookie"}
    spy = SpyApp(headers=own)
    app = wrap(spy, None)
    assert call(app, "GET", "/", {"Origin": APP}).seen == comparable(own)
    assert call(app, "OPTIONS", "/", PREFLIGHT).seen == comparable(own)
    assert spy.called == 2
    assert caplog.records == []


VARY = {
    "existing": ([("Vary", "Cookie")], "Cookie, Origin"),
    "existing in another case": ([("vary", "origin")], "origin"),
    "repeated": ([("Vary", "Accept"), ("VARY", "Cookie, accept")], "Accept, Cookie, Origin"),
    "star": ([("Vary", "*")], "*"),
    "star and more": ([("Vary", "Cookie"), ("Vary", "*")], "*"),
}


@pytest.mark.parametrize("name", VARY)
def test_vary_is_merged(name: str) -> None:
    lines, expected = VARY[name]
    spy = SpyApp(headers=[("Content-Type", "text/plain"), *lines])
    for origin in ({"Origin": APP}, {"Origin": EVIL}, {}):
        assert call(wrap(spy), "GET", "/", origin).values("Vary") == [expected]


# ------------------------------------------------------------------ two layers


def test_of_two_layers_the_outer_one_wins(caplog: pytest.LogCaptureFixture) -> None:
    spy = SpyApp()
    inner = wrap(spy, allow_origins=EVIL, allow_credentials=True, expose_headers="X-Inner")
    app = wrap(inner)
    assert call(app, "GET", "/", {"Origin": APP}).cors == comparable(ALLOWED)
    assert caplog.records == []
    assert call(app, "GET", "/", {"Origin": EVIL}).cors == comparable(DENIED)
    assert "'Access-Control-Allow-Origin'" in caplog.records[0].getMessage()
    assert spy.called == 2
    answer = call(app, "OPTIONS", "/", PREFLIGHT)
    assert answer.seen == comparable(PREFLIGHT_ANSWER)
    assert call(app, "OPTIONS", "/", {**PREFLIGHT, "Origin": EVIL}).status == 403
    assert spy.called == 2


def test_where_the_outer_layer_has_no_policy_the_inner_one_answers() -> None:
    spy = SpyApp()
    app = wrap(wrap(spy, allow_origins=EVIL), allow_origins=APP, paths={"/inner/*": None})
    evil = {"Access-Control-Allow-Origin": EVIL, "Vary": "Origin"}
    assert call(app, "GET", "/inner/x", {"Origin": EVIL}).cors == comparable(evil)
    assert call(app, "GET", "/inner/x", {"Origin": APP}).cors == comparable(DENIED)
    assert call(app, "GET", "/outer", {"Origin": APP}).cors == comparable(ALLOWED)
    preflight = call(app, "OPTIONS", "/inner/x", {**PREFLIGHT, "Origin": EVIL})
    assert preflight.seen == comparable({**PREFLIGHT_ANSWER, "Access-Control-Allow-Origin": EVIL})


def test_two_layers_of_any_origin_make_one_header() -> None:
    app = wrap(wrap(SpyApp(), allow_origins="*"), allow_origins="*")
    for headers in ({"Origin": APP}, {}):
        assert call(app, "GET", "/", headers).cors == comparable(
            {"Access-Control-Allow-Origin": "*"}
        )


# ------------------------------------------------------------------ no request touches another


def test_hostile_neighbours_cannot_change_the_next_answer() -> None:
    """jub0bs, Test_mutation_by_wrapping_middleware: whoever gets a list may do anything to it."""
    kept: list[Headers] = []

    def hostile_inside(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        headers = [("Content-Type", "text/plain")]
        kept.append(headers)
        start_response("200 OK", headers)
        headers.append(("Access-Control-Allow-Origin", EVIL))
        return [b"hello"]

    def hostile_outside(app: WSGIApplication) -> WSGIApplication:
        def outer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            def mutating(
                status: str, headers: Headers, exc_info: Any = None, /
            ) -> Callable[[bytes], object]:
                write = start_response(status, list(headers), exc_info)
                kept.append(headers)
                headers[:] = [(name, EVIL) for name, _ in headers]
                headers.append(("Set-Cookie", "stolen"))
                return write

            return app(environ, mutating)

        return outer

    options: dict[str, Any] = {"allow_origins": [APP, "https://*.example.org"]}
    app = hostile_outside(validator(CORSMiddleware(validator(hostile_inside), **options)))
    for _ in range(3):
        for origin in (APP, "https://a.example.org"):
            own = {"Content-Type": "text/plain"}
            adds = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
            assert call(app, "GET", "/", {"Origin": origin}).seen == comparable({**own, **adds})
        assert call(app, "GET", "/", {"Origin": EVIL}).seen == comparable({**own, **DENIED})
        assert call(app, "GET", "/").seen == comparable({**own, **DENIED})
        assert call(app, "OPTIONS", "/", PREFLIGHT).seen == comparable(PREFLIGHT_ANSWER)
        refused = call(app, "OPTIONS", "/", {**PREFLIGHT, "Origin": EVIL})
        assert refused.cors == comparable({"Vary": PREFLIGHT_ANSWER["Vary"]})
    assert len(kept) == len({id(headers) for headers in kept})


def test_a_list_that_the_application_uses_for_every_answer_stays_as_it_is() -> None:
    shared = [("Content-Type", "text/plain"), ("Vary", "Cookie")]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", shared)
        return [b"hello"]

    wrapped = wrap(app)
    for origin in (APP, EVIL, APP):
        answer = call(wrapped, "GET", "/", {"Origin": origin})
        adds = ALLOWED if origin == APP else DENIED
        assert answer.cors == comparable({**adds, "Vary": "Cookie, Origin"})
        assert shared == [("Content-Type", "text/plain"), ("Vary", "Cookie")]


def test_threads_do_not_get_each_others_headers() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        origin = environ.get("HTTP_ORIGIN", "")
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-Origin", origin)])
        yield origin.encode()

    wrapped = wrap(
        app, allow_origins=[*(f"https://h{n}.example" for n in range(4)), "https://*.example.org"]
    )
    wrong: list[Answer] = []
    ready = threading.Barrier(8)

    def ask(thread: int) -> None:
        ready.wait()
        for number in range(300):
            origin = (
                f"https://h{(thread + number) % 8}.example",
                f"https://t{thread}-{number}.example.org",
            )[number % 2]
            allowed = origin.endswith(".org") or int(origin[9]) < 4
            adds = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} if allowed else DENIED
            answer = call(wrapped, "GET", "/", {"Origin": origin})
            own = {"Content-Type": "text/plain", "X-Origin": origin}
            if answer.seen != comparable({**own, **adds}) or answer.body != origin.encode():
                wrong.append(answer)
            asked = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
            preflight = call(wrapped, "OPTIONS", "/", asked)
            granted = preflight.values("Access-Control-Allow-Origin")
            if granted != ([origin] if allowed else []):
                wrong.append(preflight)

    threads = [threading.Thread(target=ask, args=(thread,)) for thread in range(8)]
    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    assert wrong == []


# ------------------------------------------------------------------ paths, below the mount point


def test_the_mount_point_is_no_part_of_a_path() -> None:
    app = wrap(SpyApp(), allow_origins=[], paths={"/api/*": {"allow_origins": APP}})

    def allowed(path: str, script_name: str) -> bool:
        answer = call(app, "GET", path, {"Origin": APP}, script_name=script_name)
        return answer.values("Access-Control-Allow-Origin") == [APP]

    assert allowed("/api/x", "")
    assert allowed("/api/x", "/mounted")
    assert not allowed("/x", "/api")
    assert not allowed("/x/api/y", "/api")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        pytest.param("/caf%C3%A9", True, id="encoded once"),
        pytest.param("/cafe%CC%81", False, id="another form"),
        pytest.param("/caf%25C3%25A9", False, id="encoded twice"),
        pytest.param("/caf%E9", False, id="latin-1"),
        pytest.param("/%63af%C3%A9", True, id="a plain letter encoded"),
        pytest.param("/%FF", False, id="no text"),
        pytest.param("/public", True, id="plain"),
        pytest.param("/%70ublic", True, id="plain, encoded once"),
        pytest.param("/%2570ublic", False, id="plain, encoded twice"),
        pytest.param("/a b", True, id="space"),
        pytest.param("/a%20b", True, id="space, encoded"),
        pytest.param("/a+b", False, id="plus"),
    ],
)
def test_a_path_is_decoded_once(path: str, allowed: bool) -> None:
    spy = SpyApp()
    paths = {"/caf\xe9": {"allow_origins": APP}, "/public": Policy(allow_origins=APP)}
    app = wrap(spy, paths={**paths, "/a b": Policy(allow_origins=APP)})
    answer = call(app, "GET", path, {"Origin": APP})
    assert spy.called == 1
    assert answer.cors == comparable(ALLOWED if allowed else {})


@pytest.mark.parametrize("gate", ["off", "enforce"])
@pytest.mark.parametrize("path_info", [{}, {"PATH_INFO": ""}, {"PATH_INFO": None}])
def test_a_request_without_a_path_is_for_the_root(path_info: dict[str, Any], gate: str) -> None:
    app = CORSMiddleware(SpyApp(), paths={"/": {"allow_origins": APP, "gate": gate}})
    for _ in range(2):
        environ = environ_of("GET", "/", {"Origin": APP})
        del environ["PATH_INFO"]
        assert send(app, environ | path_info).cors == comparable(ALLOWED)


# ------------------------------------------------------------------ the arguments


def test_without_arguments_nothing_is_allowed() -> None:
    app = CORSMiddleware(SpyApp())
    assert call(app, "GET", "/", {"Origin": APP}).cors == {}
    assert call(app, "OPTIONS", "/", PREFLIGHT).status == 403


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda app: CORSMiddleware(app, Policy(allow_origins=APP)), id="positional"),
        pytest.param(lambda app: CORSMiddleware(app, policy=Policy(allow_origins=APP)), id="named"),
        pytest.param(lambda app: CORSMiddleware(app, allow_origins=APP), id="options"),
        pytest.param(
            lambda app: CORSMiddleware(app, lambda _: Policy(allow_origins=APP)), id="source"
        ),
        pytest.param(
            lambda app: CORSMiddleware(app, Policy(allow_origins=APP), paths={"/x": None}),
            id="with paths",
        ),
        pytest.param(
            lambda app: CORSMiddleware(app, paths=[("/*", {"allow_origins": APP})]), id="pairs"
        ),
    ],
)
def test_a_policy_can_be_given_in_several_ways(
    make: Callable[[WSGIApplication], CORSMiddleware],
) -> None:
    spy = SpyApp()
    app = validator(make(validator(spy)))
    assert call(app, "GET", "/", {"Origin": APP}).cors == comparable(ALLOWED)
    assert call(app, "OPTIONS", "/", PREFLIGHT).seen == comparable(PREFLIGHT_ANSWER)
    assert spy.called == 1


@pytest.mark.parametrize(
    ("source", "logged"),
    [
        pytest.param(lambda environ: environ["no such key"], "no such key", id="raises"),
        pytest.param(lambda environ: "*", "gave '*', which is neither", id="returns text"),
    ],
)
@pytest.mark.parametrize("place", ["policy", "paths"])
def test_a_source_that_fails_allows_nothing_and_the_application_still_answers(
    source: Any, logged: str, place: str, caplog: pytest.LogCaptureFixture
) -> None:
    policy, paths = (source, None) if place == "policy" else (Policy(), {"/*": source})
    app = validator(CORSMiddleware(validator(SpyApp()), policy, paths=paths))
    answer = call(app, "GET", "/", {"Origin": APP})
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.cors == comparable({"Vary": "Origin"})
    assert logged in caplog.text
    assert call(app, "OPTIONS", "/", PREFLIGHT).status == 403


def test_the_wrapped_application_can_be_reached() -> None:
    spy = SpyApp()
    assert CORSMiddleware(spy).app is spy


def test_a_policy_and_options_are_too_much() -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(SpyApp(), Policy(), max_age=5, allow_origins=APP)
    [problem] = caught.value.problems
    assert (problem.code, problem.field) == ("conflict", "policy")
    assert "allow_origins, max_age" in problem.message


def test_none_and_options_are_too_much() -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(SpyApp(), None, allow_origins=APP)
    assert [problem.code for problem in caught.value.problems] == ["conflict"]


@pytest.mark.parametrize("app", [None, "module:app", 5], ids=str)
def test_what_is_no_application_cannot_be_wrapped(app: Any) -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(app, allow_origins=APP)
    [problem] = caught.value.problems
    assert (problem.code, problem.field, problem.value) == ("wrong-type", "app", app)
    assert "CORSMiddleware(app, allow_origins=[...])" in problem.hint


def convert_exception_to_response(get_response: Any) -> Callable[[Any], Any]:
    """What Django calls its own, and what a class in its MIDDLEWARE is given the result of."""

    def inner(request: Any) -> Any:
        return get_response(request)

    return inner


def test_in_djangos_middleware_it_says_which_class_belongs_there() -> None:
    app: Any = convert_exception_to_response(len)
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(app)
    [problem] = caught.value.problems
    assert (problem.code, problem.field) == ("wrong-type", "app")
    assert "corsgate.django.CORSMiddleware" in problem.hint
    assert "MIDDLEWARE" in problem.hint


def test_the_wrapper_can_be_wrapped_and_copied_by_servers() -> None:
    # Servers look at the callable; one that allows no attributes must still be one.
    app = CORSMiddleware(SpyApp(), allow_origins=APP)
    assert callable(app)
    assert not hasattr(app, "__dict__")


def test_the_wrapper_answers_as_decide_says() -> None:
    policy = Policy(allow_origins=[APP, "https://*.example.org"], expose_headers="X-A")
    app = wrap(SpyApp(), policy)
    for origin in (APP, "https://a.example.org", EVIL, "null", ""):
        decision = decide(policy, environ_of("GET", "/", {"Origin": origin}))
        answer = call(app, "GET", "/", {"Origin": origin})
        assert ("access-control-allow-origin" in answer.cors) is decision.allowed


# ------------------------------------------------------------------ where nothing is allowed


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"allow_origins": []}, id="no origins"),
        pytest.param({"policy": Policy()}, id="a policy"),
        pytest.param({"paths": {"/x/*": {"max_age": 1}, "/y": Policy()}}, id="paths"),
    ],
)
def test_a_middleware_that_allows_nothing_anywhere_says_so_once_at_the_start(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = CORSMiddleware(SpyApp(), **options)
    for _ in range(2):
        call(app, "GET", "/", {"Origin": APP})
    [record] = caplog.records
    assert (record.name, record.levelno) == ("corsgate", logging.WARNING)
    assert record.getMessage() == (
        "corsgate: CORSMiddleware allows no origin anywhere:"
        " give it allow_origins=[...], or paths that allow something"
    )


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"allow_origins": [APP]}, id="an origin"),
        pytest.param({"paths": {"/x": {"allow_origins": "*"}}}, id="on a path"),
        pytest.param({"paths": {"/x": None}}, id="a path that is left alone"),
        pytest.param({"policy": None}, id="hands off"),
        pytest.param({"policy": lambda environ: Policy()}, id="a callable source"),
        pytest.param({"allow_origins": lambda origin, environ: False}, id="a callable"),
        pytest.param({"gate": "enforce"}, id="a gate alone"),
    ],
)
def test_a_middleware_that_may_allow_something_says_nothing(
    options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    CORSMiddleware(SpyApp(), **options)
    assert caplog.records == []
