"""Coming from Flask-Cors: each of its options is either ours too, or an error that says what is.

The names come from the real package, so that one it gains is missed here.
"""

from typing import Any

import pytest
from answers import APP, EVIL, PARTNER, asking, asking_for
from cases import Conclusion, Request, conclude
from flask import Blueprint, Flask
from flask_cors import CORS
from flask_cors.core import CONFIG_OPTIONS
from wsgi_client import call

import corsgate.flask
from corsgate import PolicyError
from corsgate.flask import CORSGate, cors

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
    assert f"Flask-Cors has it; here it is called {ours}" in hint_of(raised.value, name)

    key = f"CORS_{name.upper()}"
    with pytest.raises(PolicyError) as raised:
        CORSGate(new_app(**{key: "x"}))
    assert f"here it is called CORS_{ours.upper()}" in hint_of(raised.value, key)

    with pytest.raises(PolicyError) as raised:
        cors(**options)
    assert f"Flask-Cors has it; here it is called {ours}" in hint_of(raised.value, name)


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
