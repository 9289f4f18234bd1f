"""The plain wrapper: the policy of the path that answers, on every kind of answer."""

import io
import sys
from collections.abc import Callable, Iterable
from posixpath import normpath
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import FileWrapper, shift_path_info
from wsgiref.validate import validator

import pytest
from answers import APP, DENIED, NOTHING, PARTNER, REFUSED, asking, asking_for, goes_on, readable_by
from path_tricks import EVERYBODY, ORIGINS, REST, RULES, SHOP, TRICKS, VIEWS, Trick
from wsgi_client import SpyApp, call, environ_of

from corsgate.wsgi import CORSMiddleware

TEXT = ("Content-Type", "text/plain; charset=utf-8")


def respond(start_response: StartResponse, text: str) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    return [text.encode()]


def path_of(environ: WSGIEnvironment) -> str:
    return str(environ["PATH_INFO"]).encode("latin-1").decode("utf-8", "replace")


def by_path(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """An application that takes paths as they are."""
    path = path_of(environ)
    return respond(start_response, path if path in VIEWS else REST)


# ------------------------------------------------------------------ tricks with the path


@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: trick.id)
def test_a_trick_with_the_path_gets_the_policy_of_what_answers(trick: Trick) -> None:
    app = CORSMiddleware(by_path, allow_origins=APP, paths=RULES)
    for origin in EVERYBODY:
        answer = call(app, "GET", trick.url, asking(origin))
        assert answer.body.decode() == trick.view
        preflight = call(app, "OPTIONS", trick.url, asking_for("PUT", origin))
        if origin != ORIGINS[trick.view]:
            assert answer.cors in (DENIED, NOTHING)
            assert (preflight.status, preflight.cors) == (403, REFUSED)
        elif not trick.resolvable:
            assert answer.cors == readable_by(origin)
            assert (preflight.status, preflight.cors) == (204, goes_on(origin))


@pytest.mark.parametrize(
    ("url", "view", "who"),
    [
        pytest.param("/open/../x", "/x", PARTNER, id="dots"),
        pytest.param("/open/%2e%2e/x", "/x", PARTNER, id="encoded dots"),
        pytest.param("/open/..%2fx", "/x", PARTNER, id="dots and an encoded slash"),
        pytest.param("/open/./../x", "/x", PARTNER, id="a dot and dots"),
        pytest.param("/open/y/../../x", "/x", PARTNER, id="dots from deeper"),
        pytest.param("/y/../closed/x", "/closed/x", APP, id="dots into a prefix"),
        pytest.param("/y/..%2fclosed%2fx", "/closed/x", APP, id="encoded, into a prefix"),
        pytest.param("/./closed/x", "/closed/x", APP, id="a dot into a prefix"),
        pytest.param("//closed/x", "/closed/x", APP, id="two slashes into a prefix"),
    ],
)
def test_a_page_does_not_get_around_a_rule_where_the_application_resolves_paths(
    url: str, view: str, who: str
) -> None:
    def resolving(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """As many do that serve files."""
        return respond(start_response, normpath("/" + path_of(environ).lstrip("/")))

    rules: Any = {
        "/open/*": {"allow_origins": [APP, PARTNER]},
        "/closed/*": {"allow_origins": SHOP},
    }
    app = CORSMiddleware(resolving, allow_origins=APP, paths=rules)
    answer = call(app, "GET", url, asking(who))
    assert answer.body.decode() == view
    assert answer.cors in (DENIED, NOTHING)
    assert call(app, "OPTIONS", url, asking_for("PUT", who)).status == 403


# ------------------------------------------------------------------ where it is mounted


def test_an_application_that_shifts_its_path_keeps_the_policy_of_the_whole() -> None:
    def shifting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        while shift_path_info(environ):
            pass
        return respond(start_response, str(environ["SCRIPT_NAME"]))

    app = CORSMiddleware(shifting, allow_origins=APP, paths={"/a/b": {"allow_origins": PARTNER}})
    answer = call(app, "GET", "/a/b", asking(PARTNER))
    assert (answer.body, answer.cors) == (b"/a/b", readable_by(PARTNER))


def test_several_wrappers_in_one_process_do_not_know_of_each_other() -> None:
    spy = SpyApp()
    apps = {origin: CORSMiddleware(spy, allow_origins=origin) for origin in EVERYBODY}
    for origin, app in apps.items():
        for other in EVERYBODY:
            expected = readable_by(origin) if other == origin else DENIED
            assert call(app, "GET", "/", asking(other)).cors == expected


# ------------------------------------------------------------------ every kind of answer

Answering = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]


def answering(status: str, *headers: tuple[str, str], body: Iterable[bytes] = ()) -> Answering:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, list(headers))
        return body

    return app


def late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Starts its answer only when the body is asked for, as generators do."""
    start_response("200 OK", [("Content-Type", "text/event-stream")])
    yield b"data: 1\n\n"
    yield b"data: 2\n\n"


def writing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [TEXT])
    write(b"written")
    return []


def failing_later(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Changes its mind before anything was sent (PEP 3333, exc_info)."""
    start_response("200 OK", [TEXT])
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        start_response("500 Internal Server Error", [TEXT], sys.exc_info())
    return [b"broken"]


KINDS: list[Any] = [
    pytest.param(answering("304 Not Modified", ("ETag", '"7"')), 304, b"", id="304 with an ETag"),
    pytest.param(
        answering("206 Partial Content", TEXT, ("Content-Range", "bytes 0-1/9"), body=[b"ab"]),
        206,
        b"ab",
        id="206 for a range",
    ),
    pytest.param(
        answering("416 Range Not Satisfiable", TEXT, ("Content-Range", "bytes */9")),
        416,
        b"",
        id="416 for another",
    ),
    pytest.param(answering("204 No Content"), 204, b"", id="204"),
    pytest.param(answering("302 Found", TEXT, ("Location", "/login")), 302, b"", id="a redirect"),
    pytest.param(answering("401 Unauthorized", TEXT, body=[b"who?"]), 401, b"who?", id="401"),
    pytest.param(late, 200, b"data: 1\n\ndata: 2\n\n", id="server-sent events"),
    pytest.param(writing, 200, b"written", id="write()"),
    pytest.param(failing_later, 500, b"broken", id="exc_info"),
]


@pytest.mark.parametrize(("inner", "status", "body"), KINDS)
@pytest.mark.parametrize("rules", [None, {"/thing": {"allow_origins": APP}}], ids=["all", "paths"])
def test_every_kind_of_answer_has_the_headers(
    inner: Answering, status: int, body: bytes, rules: Any
) -> None:
    options: dict[str, Any] = {"paths": rules} if rules else {"allow_origins": APP}
    app = validator(CORSMiddleware(inner, **options))
    answer = call(app, "GET", "/thing", asking())
    assert (answer.status, answer.body, answer.cors) == (status, body, readable_by(APP))
    for headers in (asking(SHOP), asking(None)):
        assert call(app, "GET", "/thing", headers).cors == DENIED
    assert call(app, "HEAD", "/thing", asking()).cors == readable_by(APP)


def test_a_304_keeps_the_validators_and_the_vary_of_the_application() -> None:
    inner = answering("304 Not Modified", ("ETag", '"7"'), ("Vary", "Accept-Encoding, Cookie"))
    answer = call(CORSMiddleware(inner, allow_origins=APP), "GET", "/", asking())
    assert answer.values("ETag") == ['"7"']
    vary = {"vary": frozenset({"accept-encoding", "cookie", "origin"})}
    assert answer.cors == readable_by(APP) | vary


def test_a_file_is_handed_to_the_server_as_the_wrapper_that_it_knows() -> None:
    def serving(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [TEXT])
        wrapper: Iterable[bytes] = environ["wsgi.file_wrapper"](io.BytesIO(b"a file"))
        return wrapper

    app = CORSMiddleware(serving, allow_origins=APP)
    environ = environ_of("GET", "/", asking()) | {"wsgi.file_wrapper": FileWrapper}
    result = app(environ, lambda *args: lambda data: None)
    assert isinstance(result, FileWrapper)
    assert b"".join(result) == b"a file"
