"""What is said about denials in Flask; the rules are tested in test_denials.py."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from answers import APP, EVIL, goes_on
from blocked import (
    FORGED,
    FORGED_FIELDS,
    FORGED_LINE,
    FORGED_PATH,
    GET,
    NEAR,
    OPTIONS,
    PREFLIGHT,
    WRONG_METHOD,
    fields,
    leaked,
    line_of,
    reasons,
    texts,
)
from flask import Blueprint, Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from wsgi_client import Answer, SpyApp, call, comparable

from corsgate import Decision, Policy, PolicyError
from corsgate._words import FLASK_CONFIG, KEYWORDS, Words
from corsgate.flask import CORSGate, cors

CONFIG = {f"CORS_{name.upper()}": value for name, value in OPTIONS.items()}


@pytest.fixture(autouse=True)
def _all_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "corsgate")


def make_app(*arguments: Any, config: dict[str, Any] | None = None, **keywords: Any) -> Flask:
    app = Flask(__name__)
    app.config.update(config or {})

    @app.route("/api/x")
    def plain() -> str:
        return "plain"

    @app.route("/api/marked")
    @cors(allow_origins="https://marked.example")
    def marked() -> str:
        return "marked"

    @app.route("/api/crash")
    def crash() -> str:
        raise RuntimeError("crashed")

    CORSGate(app, *arguments, **keywords)
    return app


def get(app: Any, path: str = "/api/x", **headers: str) -> Answer:
    return call(app, "GET", path, {**GET, **headers})


WHERE: dict[str, tuple[dict[str, Any], Words]] = {
    "keywords": (OPTIONS, KEYWORDS),
    "config": ({"config": CONFIG}, FLASK_CONFIG),
    "both": (
        {
            "config": CONFIG,
            "allow_origins": OPTIONS["allow_origins"],
        },
        FLASK_CONFIG.spelling({"allow_origins": "allow_origins"}, {}),
    ),
}


@pytest.mark.parametrize(("where", "words"), WHERE.values(), ids=WHERE)
def test_debug_mode_says_why_in_the_words_of_the_configuration(
    where: dict[str, Any], words: Words, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(debug=True, **where)
    line = line_of(words, "GET", GET)
    assert get(app).seen == comparable(
        {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Length": "5",
            "X-CORSGate-Reason": line,
            "Vary": "Origin",
        }
    )
    assert texts(caplog) == [("WARNING", f"corsgate: a browser blocks 'GET' '/api/x': {line}")]
    assert words.name("allow_origins") in line

    line = line_of(words, "OPTIONS", PREFLIGHT)
    answer = call(app, "OPTIONS", "/api/x", PREFLIGHT)
    assert (answer.status, answer.body, reasons(answer)) == (403, f"{line}\n".encode(), [line])
    blocks = "corsgate: a browser blocks the preflight for 'PROPFIND' '/api/x'"
    assert texts(caplog) == [("WARNING", f"{blocks}: {line}")]

    line = line_of(words, "OPTIONS", WRONG_METHOD)
    answer = call(app, "OPTIONS", "/api/x", WRONG_METHOD)
    assert (answer.status, reasons(answer)) == (204, [line])
    assert answer.values("Access-Control-Max-Age") == ["5"]
    assert len(texts(caplog)) == 1


def test_debug_mode_lowers_max_age() -> None:
    app = Flask(__name__)
    CORSGate(app, allow_origins=APP, debug=True)
    asked = {"Origin": APP, "Access-Control-Request-Method": "GET"}
    assert call(app, "OPTIONS", "/", asked).seen == goes_on(APP, max_age="5")


def test_debug_mode_leaves_max_age_at_zero_where_the_views_of_a_url_differ() -> None:
    app = Flask(__name__)
    app.add_url_rule("/", "get", lambda: "get", methods=["GET"])
    view = cors(allow_origins=[APP, EVIL])(lambda: "put")
    app.add_url_rule("/", "put", view, methods=["PUT"])
    CORSGate(app, allow_origins=APP, debug=True)
    asked = {"Origin": APP, "Access-Control-Request-Method": "PUT"}
    assert call(app, "OPTIONS", "/", asked).seen == goes_on(APP, max_age="0")


PLACES: dict[str, tuple[str, dict[str, Any], str]] = {
    "view": ("/api/marked", {}, "cors(...) of view 'marked'"),
    "path": ("/api/x", {"paths": {"/api/*": {"max_age": 9}}}, "paths['/api/*']"),
    "not-in-the-path": ("/api/x", {"paths": {"/other": {}}}, ""),
}


@pytest.mark.parametrize(("path", "more", "place"), PLACES.values(), ids=PLACES)
def test_the_explanation_names_the_place(path: str, more: dict[str, Any], place: str) -> None:
    app = make_app(debug=True, allow_origins="https://marked.example", **more)
    words = KEYWORDS.at(place) if place else KEYWORDS
    expected = line_of(words, "GET", GET, allow_origins="https://marked.example")
    assert reasons(get(app, path)) == [expected]


@pytest.mark.parametrize(
    ("marked", "path", "place"),
    [
        ("shop", "/shop", "blueprint 'shop'"),
        ("shop", "/shop/own", "view 'shop.own'"),
        ("shop", "/cart", "blueprint 'shop'"),
        ("shop cart", "/cart", "blueprint 'shop.cart'"),
        ("cart", "/cart", "blueprint 'shop.cart'"),
    ],
)
def test_the_innermost_mark_is_named(marked: str, path: str, place: str) -> None:
    app = Flask(__name__)
    blueprints = {name: Blueprint(name, __name__) for name in ("shop", "cart")}
    for name in marked.split():
        cors(allow_origins=APP)(blueprints[name])
    blueprints["shop"].add_url_rule("/shop", "index", lambda: "shop")
    own = cors(allow_origins=APP)(lambda: "own")
    blueprints["shop"].add_url_rule("/shop/own", "own", own)
    blueprints["cart"].add_url_rule("/cart", "index", lambda: "cart")
    blueprints["shop"].register_blueprint(blueprints["cart"])
    app.register_blueprint(blueprints["shop"])
    CORSGate(app, debug=True)
    [reason] = reasons(get(app, path))
    assert reason == line_of(KEYWORDS.at(f"cors(...) of {place}"), "GET", GET, allow_origins=APP)


@pytest.mark.parametrize(
    ("given", "config", "app_debug", "expected"),
    [
        (None, {}, True, True),
        (None, {}, False, False),
        (False, {}, True, False),
        (True, {}, False, True),
        (None, {"CORS_DEBUG": True}, False, True),
        (None, {"CORS_DEBUG": "off"}, True, False),
        (None, {"CORS_DEBUG": None}, True, True),
        (False, {"CORS_DEBUG": True}, True, False),
    ],
)
def test_debug_mode_follows_the_application_unless_it_is_set(
    given: bool | None, config: dict[str, Any], app_debug: bool, expected: bool
) -> None:
    app = make_app(debug=given, config=config, **OPTIONS)
    app.debug = app_debug
    assert bool(reasons(get(app))) is expected


def test_debug_mode_follows_the_application_at_each_request() -> None:
    app = make_app(**OPTIONS)
    seen = []
    for app.debug in (False, True, False):
        seen.append(bool(reasons(get(app))))
    assert seen == [False, True, False]


def test_the_body_of_an_error_follows_debug_mode() -> None:
    bodies = []
    for debug in (True, False):
        app = make_app(allow_origins=APP, debug=debug)
        app.config["PROPAGATE_EXCEPTIONS"] = True
        bodies.append(get(app, "/api/crash", Origin=APP).body)
    assert bodies == [b"RuntimeError: crashed", b""]


@pytest.mark.parametrize("path", ["/api/x", "/api/marked", "/nowhere"])
@pytest.mark.parametrize(("method", "headers"), [("GET", GET), ("OPTIONS", PREFLIGHT)])
def test_without_debug_mode_nothing_leaks(path: str, method: str, headers: dict[str, str]) -> None:
    near = {**headers, "Origin": NEAR}
    answer = call(make_app(**OPTIONS), method, path, near)
    assert (leaked(answer), reasons(answer)) == ([], [])
    assert b"marked.example" not in answer.body


@pytest.mark.parametrize("path", ["/api/x", "/api/marked"])
def test_a_denial_is_one_line_and_told_once(path: str, caplog: pytest.LogCaptureFixture) -> None:
    told: list[tuple[Any, Decision]] = []
    app = make_app(on_denied=lambda *what: told.append(what), **OPTIONS)
    get(app, path)
    assert texts(caplog) == [
        ("INFO", f"corsgate: denied 'GET' '{path}' to a page on '{EVIL}': origin-not-allowed")
    ]
    call(app, "OPTIONS", path, PREFLIGHT)
    get(app, path, Origin=APP if path == "/api/x" else "https://marked.example")
    assert [(environ["PATH_INFO"], found.kind, found.reason) for environ, found in told] == [
        (path, "actual", "origin-not-allowed"),
        (path, "preflight", "origin-not-allowed"),
    ]


def test_a_denial_is_told_once_where_the_application_raises() -> None:
    told: list[str] = []
    app = make_app(
        on_denied=lambda environ, found: told.append(environ["PATH_INFO"]), allow_origins=APP
    )
    app.config["PROPAGATE_EXCEPTIONS"] = True
    with pytest.raises(RuntimeError, match="crashed"):
        get(app, "/api/crash")
    assert told == ["/api/crash"]


def test_a_denial_is_told_once_where_the_answer_is_begun_again() -> None:
    told: list[str | None] = []
    app = make_app(on_denied=lambda environ, found: told.append(found.reason), allow_origins=APP)
    CORSGate(
        twice := Flask(__name__),
        on_denied=lambda environ, found: told.append(found.reason),
        paths={"/*": {"allow_origins": APP}},
    )
    for gated in (app, twice):
        gate: Any = gated.wsgi_app

        def begin_twice(environ: Any, start_response: Any) -> Any:
            start_response("200 OK", [])
            start_response("500 Oops", [], (RuntimeError, RuntimeError(), None))
            return [b""]

        gate._inner = begin_twice
        assert get(gated).status == 500
    assert told == ["origin-not-allowed"] * 2


def test_on_denied_from_the_configuration_and_by_keyword() -> None:
    told: list[str] = []
    config = {"CORS_ON_DENIED": lambda environ, decision: told.append("config")}
    get(make_app(config=config, **OPTIONS))
    get(make_app(config=config, on_denied=lambda *what: told.append("keyword"), **OPTIONS))
    assert told == ["config", "keyword"]


def test_a_mounted_application_is_named_with_its_mount(caplog: pytest.LogCaptureFixture) -> None:
    app = make_app(**OPTIONS)
    app.wsgi_app._inner = DispatcherMiddleware(app.wsgi_app._inner, {"/mount": SpyApp()})  # type: ignore[attr-defined]
    get(app, "/mount/x")
    [(_, text)] = texts(caplog)
    assert "'/mount/x'" in text


@pytest.mark.parametrize("marked", [True, False])
def test_a_request_cannot_forge_a_line(marked: bool, caplog: pytest.LogCaptureFixture) -> None:
    app = Flask(__name__)
    CORSGate(app, **OPTIONS)
    if marked:
        app.add_url_rule("/x", view_func=cors(allow_origins=APP)(lambda: "x"))
    get(app, FORGED_PATH, Origin=FORGED)
    [record] = caplog.records
    assert (record.getMessage(), fields(record)) == (FORGED_LINE, FORGED_FIELDS)


async def never_awaited(environ: Any, decision: Decision) -> None:
    raise AssertionError


def init(**config: Any) -> Callable[[], object]:
    return lambda: make_app(config=config)


WRONG = {
    "debug": (
        lambda: make_app(debug="yes"),
        "debug: 'yes' is no bool. Write True or False, without quotes. [wrong-type]",
    ),
    "CORS_DEBUG": (
        init(CORS_DEBUG="maybe"),
        "CORS_DEBUG: 'maybe' cannot be read as yes or no. Write true or false. [wrong-value]",
    ),
    "CORS_DEBUG-as-number": (
        init(CORS_DEBUG=1),
        "CORS_DEBUG: 1 is no bool. Write True or False, without quotes. [wrong-type]",
    ),
    "CORS_ON_DENIED": (
        init(CORS_ON_DENIED="a.b"),
        (
            "CORS_ON_DENIED: 'a.b' is no callable. Write a function that takes the environ and the"
            " decision. [wrong-type]"
        ),
    ),
    "CORS_ON_DENIED-misspelt": (
        init(CORS_ON_DENIDE=print),
        "CORS_ON_DENIDE: corsgate has no such option. Write CORS_ON_DENIED. [unknown-option]",
    ),
}


@pytest.mark.parametrize(("make", "text"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_stops_the_start(make: Callable[[], object], text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        make()
    assert str(caught.value) == text


def test_a_coroutine_function_stops_the_start() -> None:
    with pytest.raises(PolicyError) as caught:
        make_app(config={"CORS_ON_DENIED": never_awaited})
    [fault] = caught.value.problems
    assert (fault.code, fault.field) == ("coroutine-callable", "CORS_ON_DENIED")


def test_a_policy_stands_beside_debug_and_on_denied() -> None:
    told: list[str | None] = []
    app = make_app(
        Policy(**OPTIONS), debug=True, on_denied=lambda _, found: told.append(found.reason)
    )
    assert reasons(get(app)) == [line_of(KEYWORDS, "GET", GET)]
    assert told == ["origin-not-allowed"]
