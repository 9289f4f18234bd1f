"""Coming from Flask-Cors: each of its options is either ours too, or an error that says what is.

The names come from the real package, so that one it gains is missed here.
"""

import re
from collections.abc import Callable
from typing import Any

import flask
import pytest
from answers import APP, EVIL, PARTNER, asking, asking_for
from cases import Conclusion, Request, conclude
from flask import Blueprint, Flask, abort
from flask_cors import CORS, cross_origin
from flask_cors.core import CONFIG_OPTIONS, CorsOptionsInput, CrossOriginOptionsInput
from pages import blocks, read_page, table
from wsgi_client import CORS as CORS_NAMES
from wsgi_client import Answer, call

import corsgate.flask
from corsgate import PolicyError
from corsgate.flask import CORSGate, cors

GUIDE = read_page("docs/moving/flask_cors")

# Option of Flask-Cors -> ours.
RENAMED = {
    "origins": "allow_origins",
    "methods": "allow_methods",
    "supports_credentials": "allow_credentials",
    "resources": "paths",
}
# Option of Flask-Cors -> why there is none here.
DROPPED = {
    "send_wildcard": "'*' always sends a literal *",
    "automatic_options": "preflights are always answered",
    "vary_header": "Vary is always sent where caches need it",
    "intercept_exceptions": "error answers always carry the headers",
    "always_send": "headers are always sent where caches need them",
}
# Option of both -> a value that Flask-Cors documents.
SHARED: dict[str, Any] = {
    "allow_headers": ["Content-Type", "Authorization"],
    "expose_headers": "X-Total",
    "max_age": 600,
}
OBSOLETE = "allow_private_network"


def hint_of(error: PolicyError, name: str) -> str:
    (problem,) = error.problems
    assert (problem.field, problem.code) == (name, "unknown-option")
    return problem.hint


def new_app(**config: Any) -> Flask:
    app = Flask("project", static_folder=None)
    app.config.update(config)
    return app


def test_every_option_of_flask_cors_is_known_here() -> None:
    ours = {*RENAMED, *DROPPED, *SHARED, OBSOLETE}
    assert {f"CORS_{name.upper()}" for name in ours} == set(CONFIG_OPTIONS)


@pytest.mark.parametrize(("name", "ours"), RENAMED.items(), ids=RENAMED)
def test_an_option_that_is_called_otherwise_is_an_error_that_says_how(name: str, ours: str) -> None:
    options: dict[str, Any] = {name: "x"}
    with pytest.raises(PolicyError) as raised:
        CORSGate(new_app(), **options)
    assert re.match(
        f"Flask-Cors (has|and Express cors have) it; here it is called {ours}",
        hint_of(raised.value, name),
    )

    key = f"CORS_{name.upper()}"
    with pytest.raises(PolicyError) as raised:
        CORSGate(new_app(**{key: "x"}))
    assert f"here it is called CORS_{ours.upper()}" in hint_of(raised.value, key)

    with pytest.raises(PolicyError) as raised:
        cors(**options)
    assert re.match(
        f"Flask-Cors (has|and Express cors have) it; here it is called {ours}",
        hint_of(raised.value, name),
    )


@pytest.mark.parametrize(("name", "why"), DROPPED.items(), ids=DROPPED)
def test_an_option_that_is_not_needed_is_an_error_that_says_why(name: str, why: str) -> None:
    options: dict[str, Any] = {name: True}
    with pytest.raises(PolicyError) as raised:
        CORSGate(new_app(), **options)
    assert "Flask-Cors has it; drop it: " in hint_of(raised.value, name)
    assert why in hint_of(raised.value, name)

    key = f"CORS_{name.upper()}"
    with pytest.raises(PolicyError) as raised:
        CORSGate(new_app(**{key: True}))
    assert "Flask-Cors has it; drop it: " in hint_of(raised.value, key)
    assert why in hint_of(raised.value, key)

    with pytest.raises(PolicyError) as raised:
        cors(**options)
    assert why in hint_of(raised.value, name)


def test_the_obsolete_option_is_an_error_by_keyword_and_a_warning_in_the_configuration() -> None:
    options: dict[str, Any] = {OBSOLETE: True}
    with pytest.raises(PolicyError) as raised:
        CORSGate(new_app(), **options)
    assert hint_of(raised.value, OBSOLETE)
    with pytest.warns(UserWarning, match="CORS_ALLOW_PRIVATE_NETWORK has no effect"):
        CORSGate(new_app(CORS_ALLOW_PRIVATE_NETWORK=True), allow_origins=[APP])


@pytest.mark.parametrize(("name", "value"), SHARED.items(), ids=SHARED)
def test_an_option_of_the_same_name_takes_the_same_value(name: str, value: Any) -> None:
    options: dict[str, Any] = {name: value}
    CORSGate(new_app(), allow_origins=[APP], **options)
    CORSGate(new_app(**{f"CORS_{name.upper()}": value}), allow_origins=[APP])
    cors(**options)


def test_all_foreign_options_are_in_one_error() -> None:
    options: dict[str, Any] = dict.fromkeys((*RENAMED, *DROPPED), "x")
    with pytest.raises(PolicyError) as raised:
        CORSGate(new_app(), **options)
    assert {problem.field for problem in raised.value.problems} == {*RENAMED, *DROPPED}


def test_the_extension_on_a_blueprint_is_an_error_that_says_what_to_write() -> None:
    blueprint: Any = Blueprint("api", "project")  # CORS(blueprint) is usual there
    with pytest.raises(TypeError, match=r"cors\(allow_origins=...\)\(blueprint\)"):
        CORSGate(blueprint)


# ------------------------------------------------------------------ the same answers

# How an application was set up, and how it is now.
SET_UPS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a list": ({"origins": [APP, PARTNER]}, {"allow_origins": [APP, PARTNER]}),
    "one origin": ({"origins": APP}, {"allow_origins": APP}),
    "everybody": ({}, {"allow_origins": "*"}),
    "cookies": (
        {"origins": [APP, PARTNER], "supports_credentials": True},
        {"allow_origins": [APP, PARTNER], "allow_credentials": True},
    ),
    "some paths": (
        {"origins": [APP], "resources": r"/api/.*"},
        {"policy": None, "paths": {"/api/*": {"allow_origins": [APP]}}},
    ),
    "paths that differ": (
        {"resources": {r"/api/.*": {"origins": [APP]}, r"/open": {"origins": "*"}}},
        {
            "policy": None,
            "paths": {"/api/*": {"allow_origins": [APP]}, "/open": {"allow_origins": "*"}},
        },
    ),
    "own lists": (
        {"origins": [APP], "methods": ["GET", "PUT"], "allow_headers": ["Content-Type"]},
        {
            "allow_origins": [APP],
            "allow_methods": ["GET", "PUT"],
            "allow_headers": ["Content-Type"],
        },
    ),
}


def conclusions(app: Flask) -> dict[tuple[str, str, str, bool], Conclusion]:
    """What a browser makes of each call that a page could make."""
    for path in ("/api/item", "/open", "/page"):
        app.add_url_rule(path, path, lambda: "ok", methods=["GET", "PUT"])
    found: dict[tuple[str, str, str, bool], Conclusion] = {}
    for path in ("/api/item", "/open", "/page"):
        for origin in (APP, PARTNER, EVIL):
            for cookies in (False, True):
                for method, headers in (
                    ("GET", asking(origin)),
                    ("OPTIONS", asking_for("PUT", origin)),
                ):
                    request = Request(
                        method=method, path=path, headers=headers, credentials=cookies
                    )
                    answer = call(app, method, path, headers)
                    found[method, path, origin, cookies] = conclude(request, answer)
    return found


@pytest.mark.parametrize(("before", "now"), SET_UPS.values(), ids=SET_UPS)
def test_a_translated_set_up_lets_the_same_pages_through(
    before: dict[str, Any], now: dict[str, Any]
) -> None:
    old, new = new_app(), new_app()
    CORS(old, **before)
    CORSGate(new, **now)
    found = conclusions(new)
    assert found == conclusions(old)
    assert {"allowed", "blocked"} == set(found.values())


@pytest.mark.parametrize(("name", "ours"), [("CORS", "CORSGate"), ("cross_origin", "cors")])
def test_its_names_are_not_there_and_say_what_they_are_called_here(name: str, ours: str) -> None:
    with pytest.raises(ImportError) as caught:
        exec(f"from corsgate.flask import {name}")
    assert str(caught.value) == f"corsgate.flask has no {name}: here it is called {ours}."


def test_other_names_are_not_there_as_usual() -> None:
    assert not hasattr(corsgate.flask, "nothing")
    with pytest.raises(ImportError, match="cannot import name 'Cors'"):
        exec("from corsgate.flask import Cors")


# ------------------------------------------------------------------ the guide


def plain(name: str) -> list[list[str]]:
    """The rows of a table of the guide, without quotes."""
    return [[cell.replace("``", "") for cell in row] for row in table(GUIDE, name)]


def test_the_table_of_options_has_every_option_of_flask_cors() -> None:
    rows = {name: (ours, remark) for name, ours, remark in plain("options")}
    assert {f"CORS_{name.upper()}" for name in rows} == {*CONFIG_OPTIONS}
    assert rows.keys() == CorsOptionsInput.__annotations__.keys()
    marked = {name for name, (_, remark) in rows.items() if "of CORS(app) only" in remark}
    assert rows.keys() - marked == CrossOriginOptionsInput.__annotations__.keys()


def test_the_table_of_options_says_what_the_errors_say() -> None:
    rows = {name: ours for name, ours, _ in plain("options")}
    same = {name: name for name in SHARED}
    dropped = dict.fromkeys((*DROPPED, OBSOLETE), "not needed")
    assert rows == {**RENAMED, **same, **dropped}


def app_of(name: str) -> Flask:
    """The application that a code block of the guide makes, with another path."""
    names: dict[str, Any] = {"__name__": name}
    exec(blocks(GUIDE)[name], names)
    app: Flask = names["app"]
    for path in ("/api/item", "/page"):
        app.add_url_rule(path, path, lambda: "ok", methods=["GET", "PUT"])
    return app


def test_the_code_of_the_guide_lets_the_same_pages_through() -> None:
    old, new = app_of("before"), app_of("after")
    found = set()
    for path in ("/api/item", "/status", "/page"):
        for origin in (APP, "https://pr-12.example.com", EVIL):
            for name in ("x-token", "x-other"):
                headers = asking_for("GET", origin, **{"Access-Control-Request-Headers": name})
                request = Request(method="OPTIONS", path=path, headers=headers, credentials=False)
                before, now = (
                    conclude(request, call(app, "OPTIONS", path, headers)) for app in (old, new)
                )
                assert before == now
                found.add(now)
    assert found == {"allowed", "blocked"}


def test_each_difference_has_its_test() -> None:
    rows = [row[0] for row in plain("differences")]
    assert sorted(rows) == sorted([*DIFFERENCES, *SHOWN])


Seen = tuple[int, dict[str, str]]
FOREIGN = f"{APP}.evil.example"
METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
OURS = "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with"
VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
TWO = {"origins": [APP, PARTNER]}, {"allow_origins": [APP, PARTNER]}


def seen(answer: Answer) -> Seen:
    """The status, and the CORS headers and Vary by their last words; lines of one are joined."""
    names = sorted({name.lower() for name, _ in answer.headers} & CORS_NAMES)
    short = {name: name.removeprefix("access-control-") for name in names}
    return answer.status, {short[name]: " | ".join(answer.values(name)) for name in names}


def readable(origin: str, vary: str | None = "Origin", **more: str) -> Seen:
    """An answer that a page may read."""
    headers = {"allow-origin": origin, **({"vary": vary} if vary else {}), **more}
    return 200, headers


def old_preflight(status: int = 200, headers: str | None = "content-type", **more: str) -> Seen:
    names = {} if headers is None else {"allow-headers": headers}
    lists = {"allow-methods": METHODS, **names, **named(more)}
    return status, {"allow-origin": APP, "vary": "Origin", **lists}


def new_preflight(**more: str) -> Seen:
    headers = {"allow-headers": OURS, "allow-methods": METHODS, "max-age": "600", "vary": VARY}
    return 204, {"allow-origin": APP, **headers, **named(more)}


def named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def asking_with(names: str) -> dict[str, str]:
    return {**asking_for("PUT"), "Access-Control-Request-Headers": names}


# Key of the row -> the options of both, the request, and what both answer; or what stops the start.
GET: tuple[str, str, dict[str, str]] = ("GET", "/api/item", asking())
PUT: tuple[str, str, dict[str, str]] = ("OPTIONS", "/api/item", asking_for("PUT"))
Options = dict[str, Any]
Asked = tuple[str, str, dict[str, str]]
DIFFERENCES: dict[str, tuple[tuple[Options, Options], Asked, Seen, Seen | str]] = {
    "nothing is configured": (({}, {}), GET, readable(APP), (200, {})),
    "every origin and credentials": (
        ({"supports_credentials": True}, {"allow_origins": "*", "allow_credentials": True}),
        ("GET", "/api/item", asking(EVIL)),
        (200, {"allow-origin": EVIL, "allow-credentials": "true", "vary": "Origin"}),
        "wildcard-credentials",
    ),
    "a misspelt option": (
        ({"origin": APP}, {"origin": APP}),
        ("GET", "/api/item", asking(EVIL)),
        readable(EVIL),
        "unknown-option",
    ),
    "every origin": (
        ({"origins": "*"}, {"allow_origins": "*"}),
        GET,
        readable(APP),
        readable("*", None),
    ),
    "one origin in the list": (
        ({"origins": [APP]}, {"allow_origins": [APP]}),
        GET,
        readable(APP, None),
        readable(APP),
    ),
    "a list, no Origin sent": (
        TWO,
        ("GET", "/api/item", {}),
        readable(APP),
        (200, {"vary": "Origin"}),
    ),
    "an origin that is not allowed": (
        TWO,
        ("GET", "/api/item", asking(EVIL)),
        (200, {}),
        (200, {"vary": "Origin"}),
    ),
    "Origin in upper case": (
        TWO,
        ("GET", "/api/item", asking(APP.upper())),
        readable(APP.upper()),
        (200, {"vary": "Origin"}),
    ),
    "null and a regular expression": (
        ({"origins": [re.compile(".*")]}, {"allow_origins": [re.compile(".*")]}),
        ("GET", "/api/item", asking("null")),
        readable("null"),
        (200, {"vary": "Origin"}),
    ),
    "a regular expression and a longer origin": (
        (
            {"origins": [re.compile(r"https://app\.example\.com")]},
            {"allow_origins": [re.compile(r"https://app\.example\.com")]},
        ),
        ("GET", "/api/item", asking(FOREIGN)),
        readable(FOREIGN),
        (200, {"vary": "Origin"}),
    ),
    "allowed preflight": (TWO, PUT, old_preflight(), new_preflight()),
    "refused preflight": (
        TWO,
        ("OPTIONS", "/api/item", asking_for("PUT", EVIL)),
        (200, {}),
        (403, {"vary": VARY}),
    ),
    "preflight and a hook that wants a login": (
        TWO,
        ("OPTIONS", "/closed", asking_for("PUT")),
        old_preflight(401),
        new_preflight(),
    ),
    "preflight and a missing slash": (
        TWO,
        ("OPTIONS", "/slash", asking_for("PUT")),
        old_preflight(308),
        new_preflight(),
    ),
    "preflight and no such path": (
        TWO,
        ("OPTIONS", "/nothing", asking_for("PUT")),
        old_preflight(404),
        new_preflight(),
    ),
    "preflight for a method that is not allowed": (
        ({**TWO[0], "methods": ["GET"]}, {**TWO[1], "allow_methods": ["GET"]}),
        PUT,
        readable(APP),
        new_preflight(allow_methods="GET"),
    ),
    "preflight for POST where only PUT is named": (
        ({**TWO[0], "methods": ["PUT"]}, {**TWO[1], "allow_methods": ["PUT"]}),
        ("OPTIONS", "/api/item", asking_for("POST")),
        readable(APP),
        new_preflight(allow_methods="PUT"),
    ),
    "preflight with many header names": (
        TWO,
        ("OPTIONS", "/api/item", asking_with("," * 60_000)),
        old_preflight(headers=", " * 60_000),
        new_preflight(),
    ),
    "preflight with other header names": (
        (TWO[0], {**TWO[1], "allow_headers": ["*", "Authorization"]}),
        ("OPTIONS", "/api/item", asking_with("authorization,x-a")),
        old_preflight(headers="authorization, x-a"),
        new_preflight(allow_headers="*, authorization"),
    ),
    "Vary of a preflight": (TWO, PUT, old_preflight(), new_preflight()),
    "no max_age": (TWO, PUT, old_preflight(), new_preflight(max_age="600")),
    "max_age 0": (
        ({**TWO[0], "max_age": 0}, {**TWO[1], "max_age": 0}),
        PUT,
        old_preflight(),
        new_preflight(max_age="0"),
    ),
    "exposed headers on a preflight": (
        ({**TWO[0], "expose_headers": "X-A"}, {**TWO[1], "expose_headers": "X-A"}),
        PUT,
        old_preflight(expose_headers="X-A"),
        new_preflight(),
    ),
    "methods *": (
        ({**TWO[0], "methods": "*"}, {**TWO[1], "allow_methods": "*"}),
        PUT,
        readable(APP),
        new_preflight(allow_methods="*"),
    ),
    "allowed headers in one text": (
        (
            {**TWO[0], "allow_headers": "Content-Type, X-A"},
            {**TWO[1], "allow_headers": "Content-Type, X-A"},
        ),
        PUT,
        old_preflight(headers=None),
        new_preflight(allow_headers="content-type, x-a"),
    ),
    "/apiadmin and /api/*": (
        ({**TWO[0], "resources": "/api/*"}, {"policy": None, "paths": {"/api/*": TWO[1]}}),
        ("GET", "/apiadmin", asking()),
        readable(APP),
        (200, {}),
    ),
    "a path that is encoded twice": (
        ({**TWO[0], "resources": "/api/item"}, {"policy": None, "paths": {"/api/item": TWO[1]}}),
        ("GET", "/api/%2569tem", asking()),
        (404, {"allow-origin": APP, "vary": "Origin"}),
        (404, {}),
    ),
    "a wider path with a longer text": (
        (
            {"resources": {r"/api/.*": {"origins": APP}, r"/(api|other)/.*": {"origins": "*"}}},
            {
                "policy": None,
                "paths": {
                    "/api/item/*": {"allow_origins": [APP]},
                    "/api/*": {"allow_origins": "*"},
                },
            },
        ),
        ("GET", "/api/item", asking(EVIL)),
        readable(EVIL),
        (200, {"vary": "Origin"}),
    ),
    "the view's own header": (
        TWO,
        ("GET", "/own", asking()),
        (200, {"allow-origin": PARTNER, "vary": "Cookie"}),
        (200, {"allow-origin": APP, "vary": "Cookie, Origin"}),
    ),
    "the view's own Vary": (
        TWO,
        ("GET", "/vary", asking()),
        (200, {"allow-origin": APP, "vary": "Cookie | Origin"}),
        (200, {"allow-origin": APP, "vary": "Cookie, Origin"}),
    ),
    "private network is allowed": (
        ({**TWO[0], "allow_private_network": True}, TWO[1]),
        (
            "OPTIONS",
            "/api/item",
            {**asking_for("PUT"), "Access-Control-Request-Private-Network": "true"},
        ),
        old_preflight(allow_private_network="true"),
        new_preflight(),
    ),
}


def site(**config: Any) -> Flask:
    app = new_app(**config)
    for path in ("/api/item", "/apiadmin", "/slash/", "/closed"):
        app.add_url_rule(path, path, lambda: "ok", methods=["GET", "POST", "PUT"])
    own = {"Access-Control-Allow-Origin": PARTNER, "Vary": "Cookie"}
    app.add_url_rule("/own", "own", lambda: ("ok", own))
    app.add_url_rule("/vary", "vary", lambda: ("ok", {"Vary": "Cookie"}))

    def wants_login() -> None:
        if flask.request.path == "/closed":
            abort(401)

    app.before_request(wants_login)
    return app


@pytest.mark.filterwarnings("ignore:corsgate")
@pytest.mark.parametrize(
    ("options", "request_", "before", "now"), DIFFERENCES.values(), ids=DIFFERENCES
)
def test_what_is_answered_differently(
    options: tuple[Options, Options], request_: Asked, before: Seen, now: Seen | str
) -> None:
    old, new = site(), site()
    CORS(old, **options[0])
    assert seen(call(old, *request_)) == before
    if isinstance(now, str):
        with pytest.raises(PolicyError) as raised:
            CORSGate(new, **options[1])
        assert [problem.code for problem in raised.value.problems] == [now]
    else:
        CORSGate(new, **options[1])
        assert seen(call(new, *request_)) == now
    assert before != now


def decorated(view: Callable[[], Any]) -> tuple[Flask, Flask]:
    """A view behind `@cross_origin`, and one behind `@cors`."""
    old, new = new_app(), new_app()
    CORSGate(new, None)
    old.add_url_rule("/view", "view", cross_origin(origins=[APP])(view))
    new.add_url_rule("/view", "view", cors(allow_origins=[APP])(view))
    return old, new


def test_a_text_with_a_star() -> None:
    old, new = site(), site()
    CORS(old, origins=["https://*.example.com"])
    CORSGate(new, allow_origins=["https://*.example.com"])
    foreign = "https://xexample.com.evil.example"
    assert seen(call(old, "GET", "/api/item", asking(APP))) == (200, {})
    assert seen(call(old, "GET", "/api/item", asking(foreign))) == readable(foreign)
    assert seen(call(new, "GET", "/api/item", asking(APP))) == readable(APP)
    assert seen(call(new, "GET", "/api/item", asking(foreign))) == (200, {"vary": "Origin"})


def test_abort_in_a_decorated_view() -> None:
    old, new = decorated(lambda: abort(401))
    assert seen(call(old, "GET", "/view", asking())) == (401, {})
    assert seen(call(new, "GET", "/view", asking()))[0] == 401
    assert seen(call(new, "GET", "/view", asking()))[1] == readable(APP)[1]


def test_an_exception_in_debug_mode() -> None:
    old, new = (new_app(DEBUG=True) for _ in range(2))
    CORS(old, origins=[APP, PARTNER])
    CORSGate(new, allow_origins=[APP, PARTNER])
    for app in (old, new):
        app.add_url_rule("/view", "view", lambda: str(1 / 0))
    with pytest.raises(ZeroDivisionError):  # what a server makes of it has no CORS headers
        call(old, "GET", "/view", asking())
    assert seen(call(new, "GET", "/view", asking())) == (500, readable(APP)[1])


def test_an_asynchronous_view() -> None:
    async def view() -> str:
        return "ok"

    made = view()  # what Flask-Cors gets when it calls the view, and does not wait for
    old, _ = decorated(lambda: made)
    _, new = decorated(view)
    assert call(old, "GET", "/view", asking()).status == 500
    made.close()
    assert seen(call(new, "GET", "/view", asking())) == readable(APP)


# Rows that are shown by a test of their own.
SHOWN = {
    "https://*.example.com": test_a_text_with_a_star,
    "abort() in a decorated view": test_abort_in_a_decorated_view,
    "an exception in debug mode": test_an_exception_in_debug_mode,
    "an asynchronous view": test_an_asynchronous_view,
}
