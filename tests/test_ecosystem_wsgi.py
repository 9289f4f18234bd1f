"""The plain wrapper around applications of other frameworks, as they are released."""

# Bottle and Pyramid have no types.
# mypy: allow-untyped-decorators

import warnings
from collections.abc import Callable, Iterator
from typing import Any
from wsgiref.types import WSGIApplication
from wsgiref.validate import validator

import bottle
import falcon
import pytest
from answers import (
    ANYBODY,
    APP,
    DENIED,
    EVIL,
    PARTNER,
    REFUSED,
    asking,
    asking_for,
    goes_on,
    readable_by,
)
from wsgi_client import Answer, call

from corsgate.wsgi import CORSMiddleware

with warnings.catch_warnings():
    # Pyramid imports pkg_resources, and WebOb below it cgi; both warn that they are to go.
    warnings.filterwarnings("ignore", "'cgi' is deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
    warnings.filterwarnings("ignore", "Deprecated call to `pkg_resources", DeprecationWarning)
    from pyramid.config import Configurator
    from pyramid.httpexceptions import HTTPForbidden
    from pyramid.response import Response

CHUNKS = [b"data: 1\n\n", b"data: 2\n\n"]
PATHS: dict[str, Any] = {
    "/api/*": {"allow_credentials": True, "expose_headers": "X-Total-Count"},
    "/api/partner/*": {"allow_origins": PARTNER},
    "/public": {"allow_origins": "*"},
    "/own": None,
}
FOR_API = {
    "Access_Control_Allow_Credentials": "true",
    "Access_Control_Expose_Headers": "X-Total-Count",
}
OWN = {"Access-Control-Allow-Origin": "https://set-by.example"}

Ran = list[str]
Headers = dict[str, Any]


class TroubleError(Exception):
    """What a view fails with."""


def chunks(ran: Ran) -> Iterator[bytes]:
    try:
        yield from CHUNKS
    finally:
        ran.append("closed")


# Each has the same routes: /api/things (GET, POST), /api/partner/things, /public, /own (with a CORS
# header of its own, as have all), /api/forbidden, /api/broken and /api/stream.


def bottle_app(ran: Ran) -> Any:
    app = bottle.Bottle()

    def view() -> str:
        ran.append(bottle.request.method)
        for name, value in OWN.items():
            bottle.response.set_header(name, value)
        return "hello"

    for path in ("/api/things", "/api/partner/things", "/public", "/own"):
        app.route(path, ["GET", "POST"], view)

    @app.get("/api/forbidden")
    def forbidden() -> None:
        bottle.abort(403, "not you")

    @app.get("/api/broken")
    def broken() -> None:
        raise TroubleError

    @app.get("/api/stream")
    def stream() -> Iterator[bytes]:
        bottle.response.content_type = "text/event-stream"
        return chunks(ran)

    return app


def pyramid_app(ran: Ran) -> Any:
    config = Configurator()

    def view(request: Any) -> Any:
        ran.append(request.method)
        return Response(b"hello", headerlist=[("Content-Type", "text/plain"), *OWN.items()])

    def forbidden(request: Any) -> Any:
        raise HTTPForbidden

    def broken(request: Any) -> Any:
        raise TroubleError

    def stream(request: Any) -> Any:
        return Response(app_iter=chunks(ran), content_type="text/event-stream")

    def add(path: str, view: Callable[[Any], Any], *methods: str) -> None:
        config.add_route(path, path)
        config.add_view(view, route_name=path, request_method=methods)

    for path in ("/api/things", "/api/partner/things", "/public", "/own"):
        add(path, view, "GET", "POST")
    add("/api/forbidden", forbidden, "GET")
    add("/api/broken", broken, "GET")
    add("/api/stream", stream, "GET")
    # Pyramid says 404 where a predicate of a view does not hold, and has no answer to exceptions.
    config.add_notfound_view(lambda request: Response(status=not_found_status(request)))
    config.add_exception_view(lambda request: Response(status=500), context=TroubleError)
    return config.make_wsgi_app()


def not_found_status(request: Any) -> int:
    return 405 if request.matched_route else 404


def falcon_app(ran: Ran) -> Any:
    app: Any = falcon.App(cors_enable=True)  # Falcon's own CORS, which the wrapper has to replace

    class View:
        def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
            ran.append(request.method)
            response.text = "hello"
            response.set_headers(OWN)

        on_post = on_get

    class Forbidden:
        def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
            raise falcon.HTTPForbidden

    class Broken:
        def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
            raise TroubleError

    class Stream:
        def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
            response.content_type = "text/event-stream"
            response.stream = chunks(ran)

    for path in ("/api/things", "/api/partner/things", "/public", "/own"):
        app.add_route(path, View())
    app.add_route("/api/forbidden", Forbidden())
    app.add_route("/api/broken", Broken())
    app.add_route("/api/stream", Stream())
    return app


Make = Callable[[Ran], Any]


@pytest.fixture(params=[bottle_app, pyramid_app, falcon_app], ids=["bottle", "pyramid", "falcon"])
def make(request: pytest.FixtureRequest) -> Make:
    found: Make = request.param
    return found


def wrap(app: WSGIApplication) -> WSGIApplication:
    return validator(CORSMiddleware(validator(app), allow_origins=APP, paths=PATHS))


def send(make: Make, method: str, path: str, headers: dict[str, str]) -> Answer:
    return call(wrap(make([])), method, path, headers)


def send_bare(make: Make, method: str, path: str) -> Answer:
    """Without the wrapper."""
    return call(make([]), method, path, {})


def with_own_vary(expected: Headers, make: Make, method: str, path: str) -> Headers:
    """`expected`, and what the framework itself puts into Vary: Falcon does for its errors."""
    bare: Any = send_bare(make, method, path).cors.get("vary", ())
    vary = {*bare, *expected["vary"]}
    return {**expected, "vary": frozenset(vary)}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/api/things", 200, id="a view"),
        pytest.param("HEAD", "/api/things", 200, id="HEAD"),
        pytest.param("POST", "/api/things", 200, id="another method"),
        pytest.param("GET", "/api/forbidden", 403, id="refused"),
        pytest.param("GET", "/api/nothing", 404, id="no view"),
        pytest.param("DELETE", "/api/things", 405, id="no such method"),
        pytest.param("GET", "/api/broken", 500, id="an exception"),
        pytest.param("GET", "/api/stream", 200, id="a stream"),
    ],
)
def test_every_answer_below_a_prefix_has_its_policy(
    make: Make, method: str, path: str, status: int
) -> None:
    if method == "HEAD" and make is falcon_app:
        status = 405  # Falcon wants on_head
    answer = send(make, method, path, asking())
    assert answer.status == status
    own = (make, method, path)
    assert answer.cors == with_own_vary(readable_by(APP, **FOR_API), *own)
    assert send(make, method, path, asking(EVIL)).cors == with_own_vary(DENIED, *own)


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_the_longest_prefix_wins(make: Make, method: str) -> None:
    answer = send(make, method, "/api/partner/things", asking(PARTNER))
    assert answer.status == (405 if method == "DELETE" else 200)
    own = (make, method, "/api/partner/things")
    assert answer.cors == with_own_vary(readable_by(PARTNER), *own)
    assert send(*own, asking(APP)).cors == with_own_vary(DENIED, *own)


def test_the_path_without_a_rule_has_the_policy_of_the_application(make: Make) -> None:
    own = (make, "GET", "/apiadmin")
    answer = send(*own, asking())
    assert (answer.status, answer.cors) == (404, with_own_vary(readable_by(APP), *own))


def test_a_public_path_is_answered_to_anybody(make: Make) -> None:
    answer = send(make, "GET", "/public", asking(EVIL))
    assert (answer.status, answer.cors) == (200, ANYBODY)


def test_where_the_policy_is_none_the_applications_own_headers_pass(make: Make) -> None:
    for headers in (asking(), asking_for("GET")):
        answer = send(make, "GET", "/own", headers)
        assert answer.status == 200
        assert answer.values("Access-Control-Allow-Origin") == list(OWN.values())


@pytest.mark.parametrize(
    ("path", "origin", "more"),
    [
        pytest.param(
            "/api/things", APP, {"Access_Control_Allow_Credentials": "true"}, id="a prefix"
        ),
        pytest.param("/api/partner/things", PARTNER, {}, id="the longest prefix"),
        pytest.param("/api/partner/nothing", PARTNER, {}, id="no view there"),
        pytest.param("/elsewhere", APP, {}, id="no rule"),
    ],
)
def test_a_preflight_does_not_reach_the_application(
    make: Make, path: str, origin: str, more: dict[str, str]
) -> None:
    ran: Ran = []
    app = wrap(make(ran))
    answer = call(app, "OPTIONS", path, asking_for("POST", origin))
    assert (answer.status, answer.body) == (204, b"")
    assert answer.seen == goes_on(origin, **more)
    refused = call(app, "OPTIONS", path, asking_for("POST", EVIL))
    assert (refused.status, refused.cors) == (403, REFUSED)
    assert ran == []


def test_any_other_options_request_is_the_applications(make: Make) -> None:
    answer = send(make, "OPTIONS", "/api/things", asking())
    own = send_bare(make, "OPTIONS", "/api/things")
    assert (answer.status, answer.body) == (own.status, own.body)
    assert answer.values("Allow") == own.values("Allow")
    assert answer.cors == readable_by(APP, **FOR_API)


def test_a_stream_is_handed_on_chunk_by_chunk_and_closed(make: Make) -> None:
    ran: Ran = []
    answer = call(wrap(make(ran)), "GET", "/api/stream", asking())
    assert answer.body == b"".join(CHUNKS)
    assert answer.values("Content-Length") == []
    assert answer.values("Content-Type")[0].startswith("text/event-stream")
    assert ran == ["closed"]


def test_the_applications_other_headers_are_left_as_they_are(make: Make) -> None:
    bare = send_bare(make, "GET", "/public")
    answer = send(make, "GET", "/public", asking())
    assert answer.body == bare.body == b"hello"
    ours = {"access-control-allow-origin", "vary"}
    assert [pair for pair in answer.headers if pair[0].lower() not in ours] == [
        pair for pair in bare.headers if pair[0].lower() not in ours
    ]


def test_an_exception_that_a_framework_lets_out_is_let_out() -> None:
    config = Configurator()
    config.add_route("broken", "/broken")

    def broken(request: Any) -> Any:
        raise TroubleError

    config.add_view(broken, route_name="broken")
    app = CORSMiddleware(config.make_wsgi_app(), allow_origins=APP)
    with pytest.raises(TroubleError):
        call(app, "GET", "/broken", asking())


def test_a_mounted_application_sees_its_prefix_and_the_rules_see_the_whole_path() -> None:
    inner = bottle.Bottle()
    inner.get("/things", callback=lambda: bottle.request.fullpath)
    outer = bottle.Bottle()
    outer.mount("/shop/", inner)
    app = CORSMiddleware(outer, allow_origins=APP, paths={"/shop/*": {"allow_origins": PARTNER}})
    answer = call(app, "GET", "/shop/things", asking(PARTNER))
    assert (answer.status, answer.body, answer.cors) == (200, b"/shop/things", readable_by(PARTNER))
    # Where all of it is mounted is no part of the rules.
    answer = call(app, "GET", "/shop/things", asking(PARTNER), script_name="/v1")
    assert (answer.body, answer.cors) == (b"/v1/shop/things", readable_by(PARTNER))
    below = CORSMiddleware(inner, allow_origins=APP, paths={"/shop/*": {"allow_origins": PARTNER}})
    answer = call(below, "GET", "/things", asking(), script_name="/shop")
    assert (answer.status, answer.cors) == (200, readable_by(APP))
