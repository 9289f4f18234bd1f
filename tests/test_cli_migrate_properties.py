"""`corsgate migrate --flask-cors`: for any options, nobody is let in who was not before."""

import re
from typing import Any

import pytest
from flask import Flask
from flask_cors import CORS
from hypothesis import assume, given
from hypothesis import strategies as st
from wsgi_client import call

from corsgate import PolicyError
from corsgate.cli._compare import STRANGER, neighbours, quietly
from corsgate.cli._literal import read_keywords
from corsgate.cli._move_code import write
from corsgate.cli._move_flask_cors import move_flask_cors, origins_of
from corsgate.cli._move_resources import in_order, paths_of

TEXTS = [
    *("https://app.example.com", "https://App.Example.com", "http://app.example.com", "null"),
    *("https://app.example.com/", "https://app.example.com:443", "app.example.com", "", "*"),
    *("http://localhost:3000", "http://localhost:*", "https://*.example.com", "http://*", ".*"),
    *("https://app.example.com, https://b.example", "tauri://localhost", "https://pr-*.b.example"),
    *(r"https://.*\.example\.com", r"^https://(app|www)\.example\.com$", r"https?://localhost"),
    *(r"https://app.example.com[/]?", r"http://localhost:\d+", "https://[a-z", r"^https://"),
    *(
        r"https://[A-Z]+\.example\.com",
        "^.*$",
        "https://é.example",
        r"(?i)https://APP\.b\.example$",
    ),
]
REGEXES = [
    re.compile(r"https://pr-\d+\.example\.com"),
    re.compile(r"HTTPS://APP\.B\.EXAMPLE", re.IGNORECASE),
    re.compile(r"https:// app \. b \. example", re.VERBOSE),
    re.compile(".*"),
    re.compile(rb"https://app\.example\.com"),
]
PATHS = [
    *("/api/*", "/api/.*", "/api", "/api/", "/*", "*", "/.*", r"^/api/.*$", r"^/v1$", "/v1.*"),
    *(
        r"/api/v\d+/.*",
        r"/(api|auth)/.*",
        r"/(a|b)/.+",
        "api/*",
        "/api/v1/*",
        "/api/(.*)",
        "/v1/?$",
    ),
    *("/a.b", "/b/.*/c", "/api/*$", "", "/[ab]/.*", "//x/*", "/é/*", "/a//b", "/api/v1/item"),
    *("/(.+)", "(.+)", "/api/(.+)", "/api/[.]x", "/[^/]+", "/api(/.*)?"),
]
entries = st.sampled_from([*TEXTS, *REGEXES]) | st.text("htps:/.*ab-1", max_size=12)
origins = entries | st.lists(entries, max_size=4) | st.sets(st.sampled_from(TEXTS), max_size=3)
names = st.sampled_from(
    ["GET", "put", "PATCH", "*", "TRACE", "Content-Type", "X-A", "x-.*", "Host"]
)
lists = names | st.lists(names, max_size=3) | st.just("Content-Type, X-A") | st.none()
options = st.fixed_dictionaries(
    {},
    optional={
        "origins": origins,
        "methods": lists,
        "allow_headers": lists.filter(lambda value: value is not None),
        "expose_headers": lists,
        "supports_credentials": st.booleans(),
        "max_age": st.none() | st.sampled_from([0, 1, -1, 600, "30", "soon", 1.5]),
        "send_wildcard": st.booleans(),
        "vary_header": st.booleans(),
        "always_send": st.booleans(),
    },
)
paths = st.sampled_from(PATHS)
resources = (
    paths | st.lists(paths, min_size=1, max_size=3) | st.dictionaries(paths, options, max_size=3)
)


def new_app() -> Flask:
    app = Flask("old", static_folder=None)
    for path in ("/", "/<path:path>"):
        app.add_url_rule(path, path, lambda **values: "", methods=["GET", "PUT"])
    return app


def let_in(app: Flask, path: str, origin: str) -> tuple[bool, bool]:
    """Whether a page on this origin may read an answer, and whether with cookies."""
    answer = call(app, "GET", path, {"Origin": origin})
    allowed = answer.values("Access-Control-Allow-Origin") in (["*"], [origin])
    return allowed, allowed and bool(answer.values("Access-Control-Allow-Credentials"))


@given(given=options, where=st.none() | resources)
def test_nobody_is_let_in_who_was_not(given: dict[str, Any], where: Any) -> None:
    if where is not None:
        given = {**given, "resources": where}
    old = new_app()
    try:
        CORS(old, **given)
    except (ValueError, TypeError):  # Flask-Cors does not start with it
        assume(False)
    move = move_flask_cors(given)
    new = new_app()
    names: dict[str, Any] = {"app": new}
    try:
        with quietly():  # that nothing is allowed
            exec(move.code, names)
    except PolicyError:
        assert move.refused
        assert (move.options, move.paths) == ({}, None)
        return
    assert move.paths is not None
    ordered = in_order(given.get("resources", "/*"))
    known = origins_of({**given, **own} for _, own in ordered)
    tried = [*known, *(other for origin in known for other in neighbours(origin))]
    for path in paths_of([pattern for pattern, _ in ordered]):
        for origin in dict.fromkeys([*tried, STRANGER, "null"]):
            try:
                before = let_in(old, path, origin)
            except TypeError:
                continue  # with a regular expression for bytes, Flask-Cors has no answer
            now = let_in(new, path, origin)
            if not (now[0] <= before[0] and now[1] <= before[1]):
                # It is told where no pattern of paths is for what a resource was for.
                assert path.endswith("x"), (path, origin)
                assert any("since paths end at a slash" in why for why in move.refused)


@given(options)
def test_arguments_are_read_as_they_are_written(given: dict[str, Any]) -> None:
    text = ", ".join(f"{name}={write_argument(value)}" for name, value in given.items())
    assert read_keywords("--flask-cors", text, {"CORS"}) == given
    assert read_keywords("--flask-cors", f"CORS(app, {text})", {"CORS"}) == given


def write_argument(value: Any) -> str:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        return write(value)
    if isinstance(value, list):
        return f"[{', '.join(map(write_argument, value))}]"
    return repr(value)


@pytest.mark.parametrize("text", [*TEXTS, 'a"b', "a'b", "a\nb", "a\\", "\u2028", "\x00"])
def test_what_is_written_is_python(text: str) -> None:
    for value in (text, [text], {text: [text, None]}, re.compile(re.escape(text))):
        assert eval(write(value)) == value
