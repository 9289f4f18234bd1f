"""No answer of the WSGI wrapper can be changed by a request, or by what is inside or around it.

The neighbours here are hostile, or careless: they keep and change every object that they are given,
and what they hand over. Sixteen threads send a hundred thousand requests to them in all.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from amount import many
from answers import APP, EVIL
from crowd import THREADS, send_all
from hypothesis import example, given, settings
from hypothesis import strategies as st
from neighbours import PATHS, POLICY, Asked, everything, outcome
from strategies import any_text, gated_options, header_names, methods, response_headers, tokens
from wsgi_client import CORS, Headers, SpyApp, send

from corsgate.wsgi import CORSMiddleware

# ------------------------------------------------------------------ what a request has in it

VALUE = re.compile(r"[\x20-\x7e]*")
FORGERIES = (
    "\r\nSet-Cookie: stolen=1",
    "\n",
    "\r",
    "\0",
    "\x0b\x0c\x1b[2J\x7f",
    "\x85",
    "\xa0\xff",
    "\u2028",
    "\u0130\u017f\u212a",
    "\ud800",
    ", ",
    ";",
    '"',
    "a" * 5_000,
)
AROUND = (
    "{}",
    "https://app.example.com{}",
    "https://{}.example.com",
    "https://pr-{}.example.org",
    "http://localhost:{}",
    "{}https://app.example.com",
    "x-a,{}",
    "PUT{}",
)
forged = st.builds(str.format, st.sampled_from(AROUND), st.sampled_from(FORGERIES) | any_text)
hostile_texts = st.one_of(forged, forged, any_text)


@st.composite
def hostile_environs(draw: st.DrawFn) -> WSGIEnvironment:
    """An environ in which everything that a client decides may be anything."""
    verbs = st.sampled_from(["GET", "POST", "OPTIONS", "OPTIONS"]) | hostile_texts
    environ = {
        "REQUEST_METHOD": draw(verbs),
        "SCRIPT_NAME": draw(st.just("") | hostile_texts),
        "PATH_INFO": draw(st.sampled_from(["/", "/api/x"]) | hostile_texts),
    }
    for key, values in {
        "HTTP_ORIGIN": st.sampled_from([APP, "https://a.example.com", "null"]) | hostile_texts,
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": methods | hostile_texts,
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": header_names | tokens | hostile_texts,
        "HTTP_HOST": hostile_texts,
        "HTTP_SEC_FETCH_SITE": st.sampled_from(["same-origin", "cross-site"]) | hostile_texts,
        "HTTP_SEC_FETCH_MODE": st.sampled_from(["cors", "navigate"]) | hostile_texts,
        "HTTP_UPGRADE": hostile_texts,
        "HTTP_COOKIE": hostile_texts,
        "HTTP_AUTHORIZATION": hostile_texts,
        "CONTENT_TYPE": hostile_texts,
    }.items():
        if draw(st.integers(0, 3)):
            environ[key] = draw(values)
    return environ


@settings(max_examples=many(250, 30_000))
@given(gated_options(), hostile_environs(), response_headers, st.booleans())
@example(
    {"allow_origins": APP, "allow_headers": "*", "allow_credentials": True},
    {
        "REQUEST_METHOD": "OPTIONS",
        "PATH_INFO": "/\r\nX-Forged: 1",
        "HTTP_ORIGIN": APP,
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT\r\nX-Forged: 1",
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "x-a\r\nX-Forged: 1",
    },
    [],
    True,
)
def test_no_request_forges_a_header(
    options: dict[str, Any], environ: WSGIEnvironment, own: Headers, debug: bool
) -> None:
    """CWE-113. What is written is printable ASCII, and each name is there once."""
    spy = SpyApp(headers=own)
    answer = send(CORSMiddleware(spy, debug=debug, paths={"/api/*": {}}, **options), environ)
    ours = [line for line in answer.headers if line not in own]
    names = [name.lower() for name, _ in ours]
    for name, value in ours:
        assert VALUE.fullmatch(name + value)
    # Where the answer is the same for everybody, there is no Vary of ours, and theirs stays.
    listed = [name for name in names if name in CORS or name == "x-corsgate-reason"]
    assert len(listed) == len(set(listed))
    written = [name.lower() for name, _ in answer.headers]
    for name in CORS - {"vary"}:
        assert written.count(name) <= 1
    assert "vary" not in names or written.count("vary") == 1
    if not spy.called:
        assert re.fullmatch(rb"[\x20-\x7e\n]*", answer.body)
        assert answer.body.count(b"\n") <= 1


# ------------------------------------------------------------------ hostile neighbours

# The application's own lists, with a Vary and without, each the same object for every answer.
PLAIN = (("Content-Type", "text/plain"), ("X-Own", "1"))
OWN = {False: PLAIN, True: (("Vary", "Cookie"), *PLAIN)}
SHARED: dict[bool, Headers] = {varies: list(headers) for varies, headers in OWN.items()}


def given_as_it_is(headers: Headers) -> Any:
    return headers


def given_as_a_list(headers: Headers) -> Any:
    return list(headers)


def given_as_a_tuple(headers: Headers) -> Any:
    return tuple(headers)


def given_as_a_generator(headers: Headers) -> Any:
    return (pair for pair in headers)


def given_with_what_is_not_its_own(headers: Headers) -> Any:
    forged = [("access-control-allow-origin", EVIL), ("Access-Control-Allow-Origin", "*")]
    return [*forged, *headers, ("Access-Control-Allow-Credentials", "true")]


Way = Callable[[Headers], Any]
WAYS: tuple[Way, ...] = (
    given_as_it_is,
    given_as_a_list,
    given_as_a_tuple,
    given_as_a_generator,
    given_with_what_is_not_its_own,
)


def hostile_inside(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers in one of many ways, and then changes all that it knows of."""
    shared = SHARED[environ["test.varies"]]
    headers = environ["test.way"](shared)
    for key in ("HTTP_ORIGIN", "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "PATH_INFO"):
        environ[key] = EVIL
    environ["REQUEST_METHOD"] = "OPTIONS"
    start_response("200 OK", headers)
    if isinstance(headers, list) and headers is not shared:
        headers.clear()
        headers.append(("Access-Control-Allow-Origin", EVIL))
    environ.clear()
    return [b"hello"]


# ------------------------------------------------------------------ and what comes of it


@pytest.mark.parametrize("varies", [False, True])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_neighbour_changes_the_next_answer(way: Way, varies: bool) -> None:
    app = CORSMiddleware(hostile_inside, POLICY, paths=PATHS)
    for _ in range(3):
        for asked in everything("https://a.tenant.example", dict(OWN[varies])):
            assert outcome(app, asked, {"test.way": way, "test.varies": varies}) == asked[3:]
    assert all(SHARED[varies] == list(OWN[varies]) for varies in OWN)


@pytest.mark.parametrize("debug", [False, True])
def test_no_request_of_a_crowd_gets_what_is_anothers(debug: bool) -> None:
    def make() -> CORSMiddleware:
        return CORSMiddleware(hostile_inside, POLICY, paths=PATHS, debug=debug)

    tables: list[list[tuple[Asked, bool, tuple[object, ...]]]] = []
    for thread in range(THREADS):
        table: list[tuple[Asked, bool, tuple[object, ...]]] = []
        for varies in (False, True):
            for asked in everything(f"https://t{thread}.tenant.example", dict(OWN[varies])):
                hints = {"test.way": given_as_a_list, "test.varies": varies}
                # What is answered where nothing came before; but for debug mode it is spelt above.
                expected = outcome(make(), asked, hints)
                assert debug or expected == asked[3:]
                table.append((asked, varies, expected))
        tables.append(table)
    app = make()

    def ask(thread: int, number: int) -> None:
        asked, varies, expected = tables[thread][number // THREADS % len(tables[thread])]
        hints = {"test.way": WAYS[number // 7 % len(WAYS)], "test.varies": varies}
        assert outcome(app, asked, hints) == expected

    assert send_all(ask, many(4_000, 20_000) if debug else 100_000) == []
    assert all(SHARED[varies] == list(OWN[varies]) for varies in OWN)
