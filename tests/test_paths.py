"""Which policy applies to a path: exact or below a prefix, on whole segments, as it comes."""

from typing import Any
from wsgiref.validate import validator

import pytest
from wsgi_client import SpyApp, call

from corsgate import Policy, PolicyError
from corsgate._nested import HandsOff
from corsgate._paths import PathRules, compile_paths, decode_path, resolve
from corsgate.wsgi import CORSMiddleware

APP = "https://app.example.com"
DEFAULT = Policy(allow_origins=APP, expose_headers="default")


def policy_of(rules: dict[str, str], path: str) -> str:
    """The name of the rule for a (raw) path, "default" without one, "closed" in case of doubt."""
    spy = SpyApp(headers={"Content-Type": "text/plain", "Access-Control-Expose-Headers": "none"})
    paths: Any = {
        pattern: Policy(allow_origins=APP, expose_headers=name) for pattern, name in rules.items()
    }
    app = validator(CORSMiddleware(validator(spy), DEFAULT, paths=paths))
    answer = call(app, "GET", path, {"Origin": APP})
    assert spy.called == 1
    return ", ".join(answer.values("Access-Control-Expose-Headers")) or "closed"


RULES = {
    "/health": "health",
    "/api/*": "api",
    "/api/v2/*": "v2",
    "/api/v2/users": "users",
    "/deep/er/and/deep/er/*": "deep",
    "/exact/": "slash",
    "/a": "a",
    "/a/*": "below-a",
    "/caf\xe9/*": "cafe",
    "/with space/*": "space",
}
PATHS = {
    "/": "default",
    "/health": "health",
    "/health/": "default",
    "/health/x": "default",
    "/healthy": "default",
    "/health?x=/api/": "health",
    "/Health": "default",
    "/api": "api",
    "/api/": "api",
    "/api/x": "api",
    "/api/x/y/z": "api",
    "/apiadmin": "default",
    "/apix/secret": "default",
    "/API/x": "default",
    "/api;x": "default",
    "/x/api/y": "default",
    "/api/v2": "v2",
    "/api/v2/": "v2",
    "/api/v2/x": "v2",
    "/api/v2x": "api",
    "/api/v2/users": "users",
    "/api/v2/users/": "v2",
    "/api/v2/users/1": "v2",
    "/deep/er/and/deep/er": "deep",
    "/deep/er/and/deep/er/still/more/and/more": "deep",
    "/deep/er/and/deep": "default",
    "/exact/": "slash",
    "/exact": "default",
    "/a": "a",
    "/a/": "below-a",
    "/a/b": "below-a",
    # what an application may resolve: clear only where that makes no difference
    "//api/x": "closed",
    "//health": "closed",
    "/api//v2/x": "closed",
    "/api/../health": "closed",
    "/api/%2e%2e/health": "closed",
    "/api/%2E%2E%2Fhealth": "closed",
    "/api/..": "closed",
    "/x/../api/y": "closed",
    "/../api/y": "closed",
    "/./health": "closed",
    "/exact/.": "closed",
    "/health/..": "default",
    "/api//x": "api",
    "/api/./x": "api",
    "/api/x/..": "api",
    "/api/v2/../v2/x": "v2",
    "/x//y": "default",
    "/x/../y": "default",
    "/..": "default",
    "/.well-known/x": "default",
    "/api/...": "api",
    # not decoded again
    "/%61pi/x": "api",
    "/%2561pi/x": "default",
    "/api%2Fx": "api",
    "/api%252Fx": "default",
    "/api%3Bx": "default",
    "/caf%C3%A9/x": "cafe",
    "/caf%E9/x": "default",
    "/with%20space/x": "space",
    "/with+space/x": "default",
    "/api/%0d%0aX-Evil": "api",
    "/health%00": "default",
    "/health%0a": "default",
}


@pytest.mark.parametrize("path", PATHS)
def test_exact_beats_prefix_and_the_longest_prefix_wins(path: str) -> None:
    assert policy_of(RULES, path) == PATHS[path]
    assert policy_of(dict(reversed(RULES.items())), path) == PATHS[path]


@pytest.mark.parametrize("path", ["/", "/x", "/x/y/z", "//", "/%FF"])
def test_a_star_alone_covers_every_path(path: str) -> None:
    assert policy_of({"/*": "all"}, path) == "all"
    assert policy_of({"/*": "all", "/x/*": "x"}, path) == ("x" if path.startswith("/x") else "all")


def test_a_rule_for_the_root_is_for_the_root_alone() -> None:
    assert policy_of({"/": "root"}, "/") == "root"
    assert policy_of({"/": "root"}, "/x") == "default"
    assert policy_of({"/": "root"}, "/x/..") == "closed"
    assert policy_of({"/": "root"}, "//") == "closed"


# ------------------------------------------------------------------ what a rule may be


def test_options_inherit_from_the_application_and_not_from_other_paths() -> None:
    spy = SpyApp()
    app = CORSMiddleware(
        spy,
        allow_origins=APP,
        expose_headers="X-App",
        paths={
            "/api/*": {"allow_timing": True},
            "/api/v2/*": {"expose_headers": "X-V2"},
            "/alone": Policy(allow_origins=APP),
            "/off": None,
            "/source": lambda environ: Policy(allow_origins="*"),
        },
    )

    def added(path: str) -> dict[str, str]:
        answer = call(app, "GET", path, {"Origin": APP})
        return {name: value for name, value in answer.headers if name != "Content-Type"}

    allowed = {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}
    exposed = {"Access-Control-Expose-Headers": "X-App"}
    assert added("/") == {**allowed, **exposed}
    assert added("/api/x") == {**allowed, **exposed, "Timing-Allow-Origin": APP}
    assert added("/api/v2/x") == {**allowed, "Access-Control-Expose-Headers": "X-V2"}
    assert added("/alone") == allowed
    assert added("/off") == {}
    assert added("/source") == {"Access-Control-Allow-Origin": "*"}


def test_options_below_hands_off_stand_alone() -> None:
    app = CORSMiddleware(SpyApp(), None, paths={"/api/*": {"allow_origins": APP}})
    api = call(app, "GET", "/api/x", {"Origin": APP})
    assert api.values("Access-Control-Allow-Origin") == [APP]
    assert call(app, "GET", "/", {"Origin": APP}).cors == {}


def test_a_preflight_goes_by_its_path() -> None:
    spy = SpyApp()
    app = CORSMiddleware(spy, paths={"/api/*": {"allow_origins": APP}, "/off": None})
    asked = {"Origin": APP, "Access-Control-Request-Method": "PUT"}
    assert call(app, "OPTIONS", "/api/x", asked).status == 204
    assert call(app, "OPTIONS", "/x", asked).status == 403
    assert spy.called == 0
    assert call(app, "OPTIONS", "/off", asked).status == 200
    assert spy.called == 1


@pytest.mark.parametrize(
    "paths",
    [
        pytest.param({"/a": {"allow_origins": APP}}, id="mapping"),
        pytest.param([("/a", {"allow_origins": APP})], id="list of pairs"),
        pytest.param((["/a", {"allow_origins": APP}],), id="tuple of lists"),
        pytest.param([("/a", Policy(allow_origins=APP))], id="policy"),
    ],
)
def test_paths_are_a_mapping_or_pairs(paths: Any) -> None:
    app = CORSMiddleware(SpyApp(), paths=paths)
    answer = call(app, "GET", "/a", {"Origin": APP})
    assert answer.values("Access-Control-Allow-Origin") == [APP]
    assert call(app, "GET", "/b", {"Origin": APP}).cors == {}


def test_pairs_may_come_from_an_iterator() -> None:
    pairs: Any = iter([("/a", {"allow_origins": APP})])
    app = CORSMiddleware(SpyApp(), paths=pairs)
    answer = call(app, "GET", "/a", {"Origin": APP})
    assert answer.values("Access-Control-Allow-Origin") == [APP]


@pytest.mark.parametrize("paths", [None, {}, [], ()], ids=repr)
def test_no_paths_leave_the_policy_to_the_application(paths: Any) -> None:
    app = CORSMiddleware(SpyApp(), allow_origins=APP, paths=paths)
    answer = call(app, "GET", "/a", {"Origin": APP})
    assert answer.values("Access-Control-Allow-Origin") == [APP]


# Code -> pattern -> what the hint says was meant.
INVALID: dict[str, dict[str, str | None]] = {
    "path-invalid": {
        "": "/",
        "api": "/api",
        "api/*": "/api/*",
        " /api": "/api",
        "*": "/*",
        "/api*": "/api/*",
        "/api/**": "/api/*",
        "/api/*/users": "/api/*",
        "/*/users/*": "/*",
        "/api?x=1": "/api",
        "/api#top": "/api",
        "/a*/*": "/a/*",
        "?x": "/",
        "https://a.example/api/*": "/api/*",
        "https://a.example/api": "/api",
        "https://a.example": "/",
        "https://a.example/x?u=https://b.example/y": "/x",
        "/to?u=https://a.example/c": "/to",
        "Xapi": "/Xapi",
    },
    "path-segment": {
        "//api": "/api",
        "/a//b": "/a/b",
        "/a//": "/a/",
        "/a//*": "/a/*",
        "//*": "/*",
        "/a/../b": "/b",
        "/a/./b": "/a/b",
        "/a/.": "/a/",
        "/../*": "/*",
        "/a/..": "/",
    },
    "path-encoded": {
        "/%41": "/A",
        "/caf%C3%A9/*": "/caf\xe9/*",
        "/a%20b": "/a b",
        "/a/%2e%2e/b": "/b",
        "/%2a": None,
        "/a/%2A/*": None,
        "/%3Cid%3E/%2A": None,
    },
    "path-parameter": {
        "/users/<id>": "/users/*",
        "/users/<int:id>": "/users/*",
        "/users/<int:id>/posts/*": "/users/*",
        "/users/<regex('[a-z]+'):id>": "/users/*",
        "/users/<int(min=1):id>": "/users/*",
        "/users/u-<id>.json": "/users/*",
        "/users/{id}": "/users/*",
        "/users/{path:path}": "/users/*",
        "/users/:id": "/users/*",
        "/users/:Id": "/users/*",
        "/users/:id/posts": "/users/*",
        "users/<id>": "/users/*",
        "/<path:rest>": None,
        "/{id}/*": None,
    },
    "path-regex": {
        "/api/.*": "/api/*",
        "/api.*": "/api/*",
        "/api(.*)": "/api/*",
        "/api.+": "/api/*",
        "/X/.*": "/X/*",
        "/api/.+": "/api/*",
        "/.*": "/*",
        "/api/(.*)": "/api/*",
        "/api/(?P<id>x)": "/api/*",
        "/api/(?:a)/x": "/api/*",
        "/api/(a|b)": "/api/*",
        "/(a|b)/x": None,
        r"/api/\d+": "/api/*",
        r"/api/v\d+/x": "/api/*",
        r"/\w+": None,
        "/api/[a-z]+": "/api/*",
        "/api/[0-9]{4}/*": "/api/*",
        "/api/[A-Z]{2}": "/api/*",
        "/api/x[^/]+": "/api/*",
        r"/a\.json": "/a.json",
        "/a$": "/a",
        "/$": "/",
        "^/x/.*$": "/x/*",
        "^/x$": "/x",
        "^/x": "/x/*",
        "^/x/": "/x/*",
        "^/x/*": "/x/*",
        "^x/.+$": "/x/*",
        "^/x/?$": "/x/",
        "^api": "/api/*",
        "^": "/*",
        "^$": "/",
        r"^/x/\d+\.json$": "/x/*",
        ".*": "/*",
        r"https://a\.example/api/.*": "/api/*",
    },
}
# Those that there can be a path for, which the hint says how to write.
VERY_PATHS = {
    pattern
    for code in ("path-encoded", "path-parameter", "path-regex")
    for pattern in INVALID[code]
    if pattern.startswith("/")
}
EACH_INVALID = [
    pytest.param(code, pattern, meant, id=f"{code}: {pattern}")
    for code, patterns in INVALID.items()
    for pattern, meant in patterns.items()
]


@pytest.mark.parametrize(("code", "pattern", "meant"), EACH_INVALID)
def test_a_pattern_that_no_path_can_match_is_a_problem_with_what_was_meant(
    code: str, pattern: str, meant: str | None
) -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(SpyApp(), paths={pattern: None})
    [problem] = caught.value.problems
    assert (problem.code, problem.field, problem.value) == (code, "paths", pattern)
    fix = repr(meant) if meant else "each path, or a prefix that ends in /*"
    hint, comma, _ = problem.hint.partition(", or '/")
    assert hint.removesuffix(".") == f"Write {fix}"
    assert bool(comma) is (pattern in VERY_PATHS)
    if meant:
        assert call(CORSMiddleware(SpyApp(), paths={meant: None}), "GET", "/").status == 200


# Anything may be in a path that is decoded: what only resembles a rule or an expression is one.
ODD = [
    *("/service+path", "/a(b)", "/caf\xe9", "/a b", "/a.b", "/a.b.c/*", "/.well-known/*", "/..."),
    *("/a|b", "/a;b=c", "/a,b", "/~me", "/a@b", "/a:b", "/v1/users:batch", "/:memory:", "/a&b=c"),
    *("/odata/$metadata", "/odata/$count", "/$/x", "/a^b", "/c++", "/notes.+1", "/a+", "/a!'"),
    *("/100%", "/100%/x", "/%zz", "/a<b", "/a>b", "/<>", "/{}", "/{3f2504e0-4f89}"),
    *(
        "/items('x')",
        "/(a)(b)",
        "/a[1]",
        "/a[b-c]",
        "/[slug]",
        "/a-z",
        "/0-9",
        "/a\"b'",
        "/\u20ac/*",
    ),
    *("/", "/X", "/*", "/a/", "/a/*", "/a/b/", "/a\x00", "/-/x"),
]


@pytest.mark.parametrize("pattern", ODD)
def test_odd_characters_are_part_of_a_path(pattern: str) -> None:
    rules = compile_paths(None, {pattern: DEFAULT}, [])
    assert rules
    path = pattern.removesuffix("*") + ("x" if pattern.endswith("*") else "")
    assert PathRules(None, rules.items()).find(path) is DEFAULT


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        pytest.param("/%3Cid%3E", "/%3Cid%3E", id="placeholder"),
        pytest.param("/%7Bid%7D/*", "/%7Bid%7D/x", id="placeholder before a star"),
        pytest.param("/a/.%2A", "/a/.*", id="regular expression"),
        pytest.param("/a%24", "/a$", id="dollar"),
        pytest.param("/%2541", "/%2541", id="percent"),
        pytest.param("/a%3Fb", "/a%3Fb", id="question mark"),
        pytest.param("/caf%C3%A9%25C3", "/caf%C3%A9%25C3", id="and more"),
    ],
)
def test_what_looks_like_a_rule_is_a_path_where_it_is_encoded(pattern: str, path: str) -> None:
    assert policy_of({pattern: "very"}, path) == "very"
    assert policy_of({pattern: "very"}, "/A") == "default"


def test_the_hint_says_how_to_write_that_very_path() -> None:
    def hint_for(pattern: str) -> str:
        with pytest.raises(PolicyError) as caught:
            CORSMiddleware(SpyApp(), paths={pattern: None})
        return caught.value.problems[0].hint

    assert hint_for("/a/<id>") == "Write '/a/*', or '/a/%3Cid%3E' for that very path."
    assert hint_for("/<id>/*") == (
        "Write each path, or a prefix that ends in /*, or '/%3Cid%3E/*' for that very path."
    )
    assert hint_for("/a/.*") == "Write '/a/*', or '/a/.%2A' for that very path."
    assert hint_for("/%41") == "Write '/A', or '/%2541' for that very path."
    assert hint_for("^/a$") == "Write '/a'."


def test_the_same_path_in_two_spellings_is_an_error() -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(SpyApp(), paths={"/%3Cid%3E": None, "/%3cid%3e": None})
    [problem] = caught.value.problems
    assert (problem.code, problem.value) == ("path-repeated", "/%3cid%3e")


@pytest.mark.parametrize(
    "paths",
    [
        pytest.param(5, id="number"),
        pytest.param("/api/*", id="text"),
        pytest.param(["/a", "/b"], id="list of texts"),
        pytest.param([("/a",)], id="singles"),
        pytest.param([("/a", None, None)], id="triples"),
        pytest.param([("/a", None), 5], id="mixed"),
    ],
)
def test_paths_of_another_form_are_a_problem(paths: Any) -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(SpyApp(), paths=paths)
    [problem] = caught.value.problems
    assert (problem.code, problem.field, problem.value) == ("wrong-type", "paths", paths)
    assert problem.message.endswith(" is no mapping of paths.")
    assert problem.hint == "Write {'/api/*': {...}, '/health': None}."


@pytest.mark.parametrize("pattern", [1, None, b"/a", ("/a",), ["/a"]], ids=repr)
def test_a_pattern_that_is_no_text_is_a_problem(pattern: Any) -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(SpyApp(), paths=[(pattern, None)])
    [problem] = caught.value.problems
    assert (problem.code, problem.field, problem.value) == ("wrong-type", "paths", pattern)
    assert problem.message == f"{pattern!r} is no string."
    assert problem.hint == "Write a path such as '/api/*'."


def test_the_same_pattern_twice_is_an_error_and_nesting_is_not() -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(
            SpyApp(), paths=[("/a/*", None), ("/a", None), ("/a/*", Policy()), ("/a/b/*", None)]
        )
    [problem] = caught.value.problems
    assert (problem.code, problem.field, problem.value) == ("path-repeated", "paths", "/a/*")


def test_what_is_no_policy_is_a_problem_of_its_rule() -> None:
    paths: Any = {"/a": 5, "/b": ["https://b.example"]}
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(SpyApp(), paths=paths)
    assert [
        (problem.field, problem.message, problem.hint) for problem in caught.value.problems
    ] == [
        (
            "paths['/a']",
            "5 is no policy.",
            "Write a Policy, None, or a callable that takes the environ and returns one of them.",
        ),
        ("paths['/b']", "['https://b.example'] is no policy.", "Write {'allow_origins': [...]}."),
    ]


def test_the_problems_of_a_rule_say_its_place() -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(
            SpyApp(),
            paths={"/a/*": {"max_age": -1, "origins": "*"}, "/b": {"allow_origins": "b.example"}},
        )
    assert [problem.field for problem in caught.value.problems] == [
        "paths['/a/*'].max_age",
        "paths['/a/*'].origins",
        "paths['/b'].allow_origins",
    ]


# ------------------------------------------------------------------ what adapters use


class Path(str):
    parts = 0

    def split(self, *arguments: Any) -> list[str]:
        parts = str.split(self, *arguments)
        self.parts = len(parts)
        return parts


@pytest.mark.parametrize("path", ["/x", "/a/b/c", "/a/b/c/d/e", "/" + "a/" * 5_000])
def test_finding_a_policy_splits_no_more_segments_than_the_deepest_prefix_has(path: str) -> None:
    policy = Policy()
    for rules, most in (
        ([(f"/a/b/{index}/*", policy) for index in range(1_000)], 5),  # the root, and the rest
        ([("/*", policy)], 2),
        ([("/exact", policy)], 1),
    ):
        found = Path(path)
        assert PathRules(None, rules).find(found) is (policy if most == 2 else None)
        assert found.parts == min(path.count("/") + 1, most)


def test_a_longer_prefix_that_ends_elsewhere_takes_nothing_away() -> None:
    near, far, policy = Policy(max_age=1), Policy(max_age=2), Policy(max_age=3)
    rules = PathRules(policy, [("/a/*", near), ("/a/b/c/*", far), ("/off/*", None)])
    assert rules.find("/a/b/c/d") is far
    assert rules.find("/a/b/c") is far
    assert rules.find("/a/b/d") is near
    assert rules.find("/a/b") is near
    assert rules.find("/off/x") is None
    assert rules.find("/b") is policy


def test_which_pattern_is_about_a_path_can_be_asked() -> None:
    patterns = ["/a/*", "/a/b/*", "/a/b", "/a/!/*"]
    for order in (patterns, patterns[::-1]):
        rules = PathRules(None, [(pattern, Policy()) for pattern in order])
        expected = {
            "/a": "/a/*",
            "/a/": "/a/*",
            "/a/x": "/a/*",
            "/a/b": "/a/b",
            "/a/b/": "/a/b/*",
            "/a/b/c": "/a/b/*",
            "/a/bc": "/a/*",
            "/a/!/x": "/a/!/*",
            "/": None,
            "/ab": None,
            "/b/a/b": None,
        }
        assert {path: rules.pattern_for(path) for path in expected} == expected


def test_which_pattern_a_source_is_for_can_be_asked() -> None:
    one, two = Policy(max_age=1), Policy(max_age=2)
    rules = PathRules(None, [("/a", one), ("/b/*", two), ("/c/*", two)])
    assert rules.patterns() == {"/a": one, "/b/*": two, "/c/*": two}
    assert rules.pattern_of(one) == "/a"
    assert rules.pattern_of(two) == "/b/*"
    assert rules.pattern_of(Policy(max_age=1)) is None


def test_in_case_of_doubt_the_gates_of_all_hold() -> None:
    own = ["https://a.example", "https://b.example", "https://c.example"]
    application, exact, prefix = (
        Policy(gate="enforce" if host == own[0] else "report", own_origins=host) for host in own
    )
    rules = PathRules(application, [("/exact", exact), ("/prefix/*", prefix)])
    found = rules.find("/prefix/../exact")
    assert isinstance(found, Policy)
    assert (found.allow_origins, found.gate, found.own_origins) == ((), "enforce", tuple(own))


def test_where_the_applications_policy_does_not_cover_a_path_its_gate_does() -> None:
    gated = Policy(gate="enforce")
    found = PathRules(gated, covers=lambda path: path.startswith("/api")).find("/other")
    assert isinstance(found, HandsOff)
    assert found.gated is gated


@pytest.mark.parametrize(
    ("path", "resolved"),
    [("/a/b/..", "/a/"), ("/a/.", "/a/"), ("/a//b/", "/a/b/"), ("/..", "/"), ("/a/../b", "/b")],
)
def test_dots_and_slashes_are_resolved(path: str, resolved: str) -> None:
    assert resolve(path) == resolved


def test_all_sources_can_be_listed() -> None:
    one, two, three = Policy(max_age=1), Policy(max_age=2), Policy(max_age=3)
    rules = PathRules(one, [("/a", two), ("/b/*", three), ("/c", None)])
    sources = rules.sources()
    assert len(sources) == 4
    assert all(source in sources for source in (one, two, three, None))


def test_only_one_policy_for_all_paths_is_known_to_be_so() -> None:
    policy = Policy()
    assert PathRules(policy).only_policy is policy
    assert PathRules(policy).find("/a//b") is policy
    assert PathRules(None).only_policy is None
    assert PathRules(lambda environ: None).only_policy is None
    assert PathRules(policy, [("/a", policy)]).only_policy is None
    assert PathRules(policy, [("/a/*", policy)]).only_policy is None
    assert PathRules(policy, covers=lambda path: True).only_policy is None


def test_the_applications_policy_may_cover_some_paths_only() -> None:
    policy, own = Policy(), Policy(max_age=1)
    rules = PathRules(policy, [("/static/own", own)], covers=lambda path: path.startswith("/api"))
    assert rules.find("/api/x") is policy
    assert rules.find("/other") is None
    assert rules.find("/static/own") is own


@pytest.mark.parametrize(
    ("path_info", "path"),
    [
        pytest.param("", "/", id="empty"),
        pytest.param("/a b%20", "/a b%20", id="ASCII"),
        pytest.param("/caf\xc3\xa9", "/caf\xe9", id="UTF-8"),
        pytest.param("/caf\xe9", "/caf\ufffd", id="latin-1"),
        pytest.param("/\xe2\x82\xac", "/\u20ac", id="three bytes"),
        pytest.param("/\xed\xa0\x80", "/\ufffd\ufffd\ufffd", id="surrogate"),
        pytest.param("/\u20ac", "/?", id="not latin-1, against PEP 3333"),
    ],
)
def test_a_path_is_decoded_from_utf_8_in_latin_1(path_info: str, path: str) -> None:
    assert decode_path(path_info) == path


def test_what_was_found_for_1024_paths_is_kept() -> None:
    asked: list[str] = []

    def covered(path: str) -> bool:
        asked.append(path)
        return path != "/x"

    policy = Policy()
    rules = PathRules(policy, [("/off/*", None)], covers=covered)
    long = "/" + "l" * 255
    for _ in range(2):
        assert rules.find_encoded("/x") is None
        assert rules.find_encoded("/off/x") is None
        assert rules.find_encoded("/caf\xc3\xa9") is policy
        assert rules.find_encoded("") is policy
        assert rules.find_encoded(long) is policy
        assert rules.find_encoded(f"{long}l") is policy
    assert asked == ["/x", "/café", "/", long, f"{long}l", f"{long}l"]
    asked.clear()
    for number in range(1024 - 5):
        assert rules.find_encoded(f"/{number}") is policy
    assert len(asked) == 1024 - 5
    assert rules.find_encoded("/x") is None
    assert len(asked) == 1024 - 5
    rules.find_encoded("/one too many")
    assert rules.find_encoded("/x") is None
    assert asked[-2:] == ["/one too many", "/x"]


def test_a_path_that_does_not_begin_with_a_slash_is_below_no_prefix() -> None:
    below = Policy()
    rules = PathRules(None, [("/*", below), ("/a/*", below)])
    assert rules.find("/a/b") is below
    assert [rules.find(path) for path in ("*", "a", "a/a", "x/a/b")] == [None] * 4
