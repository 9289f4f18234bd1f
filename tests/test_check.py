"""Every problem that a configuration can have: each code fires, with the value and the fix."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from wsgi_client import SpyApp

from corsgate import Policy, PolicyError, Problem
from corsgate.errors import CODES
from corsgate.wsgi import CORSMiddleware

APP = "https://app.example.com"


async def coroutine(origin: str, environ: Mapping[str, Any]) -> bool:
    return True


def never(origin: str, environ: Mapping[str, Any]) -> bool:
    return False


def of_one(origin: str) -> bool:
    return False


class AsyncAsker:
    async def __call__(self, origin: str, environ: Mapping[str, Any]) -> bool:
        return True


class Pattern:
    """As a regular expression of another module: it has a text, and cannot be asked."""

    pattern = "https://.*"


ASYNC_ASKER = AsyncAsker()
FOREIGN_REGEX = Pattern()
PARTIAL = partial(coroutine, APP)
BROAD = re.compile(r"https://.*example\.com")
HTTP = "http://app.example.com"
HOSTED = "https://*.github.io"
BYTES = re.compile(rb"https://.*")
TUPLE = (1, 2)


def policy_with(**options: Any) -> Callable[[], object]:
    return lambda: Policy(**options)


def origin(entry: Any, **options: Any) -> Callable[[], object]:
    return policy_with(allow_origins=[entry], **options)


def with_credentials(entry: Any) -> Callable[[], object]:
    return origin(entry, allow_credentials=True)


def writing(entry: Any) -> Callable[[], object]:
    return policy_with(write_origins=[entry], gate="enforce")


def gate(*arguments: Any, **options: Any) -> Callable[[], object]:
    return lambda: CORSMiddleware(SpyApp(), *arguments, **options)


@dataclass(frozen=True)
class Case:
    """One thing that is wrong: how it is made, and what is said about it."""

    code: str
    field: str
    value: Any
    hint: str
    make: Callable[[], object]


def bad_origin(code: str, entry: Any, hint: str) -> Case:
    return Case(code, "allow_origins", entry, hint, origin(entry))


CASES = [
    bad_origin("origin-empty", "", "empty list allows no origin"),
    bad_origin("origin-white-space", f" {APP}", f"Write '{APP}'."),
    bad_origin("origin-several", f"{APP},https://b.example", "each origin as a string of its own"),
    bad_origin("origin-regex", r"https://.*\.example\.com", "re.compile(...)"),
    bad_origin("origin-no-scheme", "app.example.com", f"Write '{APP}'."),
    bad_origin("origin-scheme", "wss://app.example.com", f"Write '{APP}'."),
    bad_origin("origin-user-info", "https://me@app.example.com", f"Write '{APP}'."),
    bad_origin("origin-path", f"{APP}/", f"Write '{APP}'."),
    bad_origin("origin-upper-case", APP.upper(), f"Write '{APP}'."),
    bad_origin("origin-non-ascii", "https://b\xfccher.example", "'https://xn--bcher-kva.example'"),
    bad_origin("origin-punycode", "https://xn--a.example", "address bar"),
    bad_origin("origin-host", "https://", "host"),
    bad_origin("origin-empty-label", "https://a..example", "extra dot"),
    bad_origin("origin-ipv4", "http://1.2.3.256", "192.0.2.1"),
    bad_origin("origin-ipv6", "http://[0::1]", "Write 'http://[::1]'."),
    bad_origin("origin-port", f"{APP}:0", ":*"),
    bad_origin("origin-default-port", f"{APP}:443", f"Write '{APP}'."),
    bad_origin("origin-too-long", "https://" + "a." * 127 + "b", "take it out"),
    bad_origin("origin-wildcard", "https://*", "https://*.example.com"),
    bad_origin("origin-wildcard", "https://*example.com", "Write 'https://*.example.com'."),
    Case(
        "wildcard-mixed",
        "allow_origins",
        "*",
        "Keep '*' alone, or take it out.",
        policy_with(allow_origins=["*", APP]),
    ),
    Case("wildcard-mixed", "allow_origins", "*", "Keep", policy_with(allow_origins=f"{APP},*")),
    Case("wildcard-mixed", "allow_origins", "*", "Keep", policy_with(allow_origins=["null", "*"])),
    Case("wildcard-mixed", "allow_origins", "*", "Keep", policy_with(allow_origins=["*", never])),
    Case(
        "insecure-origin",
        "allow_origins",
        "http://b.example",
        "Write 'https://b.example', or accept it with dangerously_allow=['insecure-origin'].",
        with_credentials("http://b.example"),
    ),
    Case(
        "public-suffix",
        "allow_origins",
        "https://*.github.io",
        "dangerously_allow=['public-suffix']",
        with_credentials("https://*.github.io"),
    ),
    Case(
        "null-origin",
        "allow_origins",
        "null",
        "dangerously_allow=['null-origin']",
        with_credentials("null"),
    ),
    Case(
        "wildcard-credentials",
        "allow_origins",
        "*",
        "Name the origins, or set allow_credentials=False here.",
        with_credentials("*"),
    ),
    Case("regex-too-broad", "allow_origins", BROAD, r"(\.)", with_credentials(BROAD)),
    Case("coroutine-callable", "allow_origins", coroutine, "plain function", origin(coroutine)),
    Case("coroutine-callable", "allow_origins", ASYNC_ASKER, "plain", origin(ASYNC_ASKER)),
    Case(
        "coroutine-callable", "allow_origins", PARTIAL, "plain", policy_with(allow_origins=PARTIAL)
    ),
    Case("coroutine-callable", "policy", coroutine, "plain function", gate(coroutine)),
    Case("callable-signature", "allow_origins", of_one, "by position", origin(of_one)),
    Case("callable-signature", "policy", never, "by position", gate(never)),
    Case("callable-signature", "paths['/a']", never, "position", gate(paths={"/a": never})),
    Case("wrong-type", "allow_origins", AsyncAsker, "an instance of it", origin(AsyncAsker)),
    Case("method-invalid", "allow_methods", "G T", "'GET'", policy_with(allow_methods=["G T"])),
    Case("method-invalid", "allow_methods", "", "'GET'", policy_with(allow_methods=[""])),
    Case("method-invalid", "allow_methods", "GET,PUT", "'", policy_with(allow_methods=["GET,PUT"])),
    Case("method-forbidden", "allow_methods", "TRACE", "Take", policy_with(allow_methods="TRACE")),
    Case("method-forbidden", "allow_methods", "track", "Take", policy_with(allow_methods="track")),
    Case(
        "method-forbidden", "allow_methods", "CONNECT", "Take", policy_with(allow_methods="CONNECT")
    ),
    Case(
        "method-case",
        "allow_methods",
        "patch",
        "Did you mean 'PATCH'?",
        policy_with(allow_methods="patch"),
    ),
    Case("method-case", "allow_methods", "Get", "'GET'?", policy_with(allow_methods=["Get"])),
    Case("header-invalid", "allow_headers", "X A", "Type", policy_with(allow_headers=["X A"])),
    Case("header-invalid", "allow_headers", "X-A:", "Type", policy_with(allow_headers="X-A:")),
    Case("header-invalid", "expose_headers", "X\xe9", "Ty", policy_with(expose_headers="X\xe9")),
    Case("header-forbidden", "allow_headers", "Cookie", "Ta", policy_with(allow_headers="Cookie")),
    Case("header-forbidden", "allow_headers", "Sec-A", "Take", policy_with(allow_headers="Sec-A")),
    Case("header-forbidden", "allow_headers", "Host", "T", policy_with(allow_headers="*,Host")),
    Case(
        "expose-forbidden",
        "expose_headers",
        "Set-Cookie",
        "Take it out",
        policy_with(expose_headers=["X-A", "Set-Cookie"]),
    ),
    Case(
        "expose-forbidden",
        "expose_headers",
        "SET-COOKIE2",
        "Take it out",
        policy_with(expose_headers="SET-COOKIE2"),
    ),
    Case(
        "expose-wildcard-credentials",
        "expose_headers",
        "*",
        "Name the headers",
        origin(APP, expose_headers=["*", "X-A"], allow_credentials=True),
    ),
    Case("max-age", "max_age", -1, "such as 600", policy_with(max_age=-1)),
    Case(
        "max-age",
        "max_age",
        timedelta(seconds=-1),
        "whole number",
        policy_with(max_age=timedelta(seconds=-1)),
    ),
    Case(
        "max-age",
        "max_age",
        timedelta(milliseconds=500),
        "whole number",
        policy_with(max_age=timedelta(milliseconds=500)),
    ),
    Case("wrong-value", "max_age", 10**18, "18 digits", policy_with(max_age=10**18)),
    Case("preflight-status", "preflight_status", 404, "204", policy_with(preflight_status=404)),
    Case("preflight-status", "preflight_status", "200", "200", policy_with(preflight_status="200")),
    Case("preflight-status", "preflight_status", 200.0, "2", policy_with(preflight_status=200.0)),
    Case("preflight-status", "preflight_status", True, "200", policy_with(preflight_status=True)),
    Case(
        "dangerously-allow",
        "dangerously_allow",
        "wildcard-credentials",
        "Those are insecure-origin, null-origin, public-suffix.",
        policy_with(dangerously_allow="null-origin, wildcard-credentials"),
    ),
    Case("wrong-type", "allow_credentials", "true", "True", policy_with(allow_credentials="true")),
    Case("wrong-type", "allow_credentials", 1, "True or", policy_with(allow_credentials=1)),
    Case("wrong-type", "allow_timing", None, "True or", policy_with(allow_timing=None)),
    Case("wrong-type", "max_age", "600", "timedelta", policy_with(max_age="600")),
    Case("wrong-type", "max_age", 1.5, "timedelta", policy_with(max_age=1.5)),
    Case("wrong-type", "max_age", True, "timedelta", policy_with(max_age=True)),
    Case("wrong-type", "allow_origins", None, "list", policy_with(allow_origins=None)),
    Case("wrong-type", "allow_origins", b"*", "list", policy_with(allow_origins=b"*")),
    Case("wrong-type", "allow_origins", {APP: 1}, "list", policy_with(allow_origins={APP: 1})),
    Case("wrong-type", "allow_origins", 1, "strings", origin(1)),
    Case("wrong-type", "allow_origins", ..., "the origins that are there already", origin(...)),
    Case("wrong-type", "allow_origins", BYTES, "from strings", origin(BYTES)),
    Case("wrong-type", "allow_origins", TUPLE, "strings", origin(TUPLE)),
    Case("wrong-type", "allow_origins", FOREIGN_REGEX, "strings", origin(FOREIGN_REGEX)),
    Case("wrong-type", "allow_origins", re.IGNORECASE, "strings", origin(re.IGNORECASE)),
    Case("wrong-type", "allow_methods", 1, "list", policy_with(allow_methods=1)),
    Case("wrong-type", "allow_methods", 1, "strings", policy_with(allow_methods=["GET", 1])),
    Case("wrong-type", "allow_headers", True, "list", policy_with(allow_headers=True)),
    Case("wrong-type", "allow_headers", b"a", "strings", policy_with(allow_headers=[b"a"])),
    Case("wrong-type", "expose_headers", list, "list", policy_with(expose_headers=list)),
    Case("wrong-type", "dangerously_allow", 1, "list", policy_with(dangerously_allow=1)),
    Case("wrong-type", "policy", APP, "Write allow_origins=[...].", gate(APP)),
    Case("wrong-type", "policy", TUPLE, "Write allow_origins=[...].", gate(TUPLE)),
    Case("wrong-type", "policy", 1, "a Policy, None, or a callable", gate(1)),
    Case("wrong-type", "policy", Policy, "a Policy, None, or a callable", gate(Policy)),
    Case("wrong-type", "app", 1, "CORSMiddleware(app", lambda: CORSMiddleware(1)),  # type: ignore[arg-type]
    Case("wrong-type", "paths", 1, "'/api/*'", gate(paths=1)),
    Case("wrong-type", "paths", ["/a"], "'/api/*'", gate(paths=["/a"])),
    Case("wrong-type", "paths", 1, "'/api/*'", gate(paths={1: None})),
    Case("wrong-type", "policy", "enforce", "Write gate='enforce'.", gate("enforce")),
    Case("wrong-type", "paths['/a']", "*", "{'allow_origins': [...]}", gate(paths={"/a": "*"})),
    Case("wrong-type", "paths['/a']", "off", "Write {'gate': 'off'}.", gate(paths={"/a": "off"})),
    Case("coroutine-callable", "paths['/a']", coroutine, "plain", gate(paths={"/a": coroutine})),
    Case(
        "wrong-value",
        "CORS_MAX_AGE",
        "soon",
        "digits",
        lambda: Policy.from_mapping({"CORS_MAX_AGE": "soon"}),
    ),
    Case(
        "wrong-value",
        "allow_origins",
        f'["{APP}"]',
        f"Write {APP} without brackets and quotes.",
        policy_with(allow_origins=f'["{APP}"]'),
    ),
    Case(
        "wrong-value",
        "allow_methods",
        "['GET', 'PUT']",
        "Write GET, PUT without brackets and quotes.",
        policy_with(allow_methods="['GET', 'PUT']"),
    ),
    Case("unknown-option", "paths", {}, "It belongs to the gate", policy_with(paths={})),
    Case("unknown-option", "origin", "*", "called allow_origins", policy_with(origin="*")),
    Case("unknown-option", "alow_origins", "*", "Write allow_origins.", gate(alow_origins="*")),
    Case(
        "unknown-option",
        "paths['/a'].alow_origins",
        "*",
        "Write allow_origins.",
        gate(paths={"/a": {"alow_origins": "*"}}),
    ),
    Case("conflict", "policy", Policy(), "Keep one", gate(Policy(), max_age=5)),
    Case("path-invalid", "paths", "api", "Write '/api'.", gate(paths={"api": None})),
    Case("path-invalid", "paths", "/api*", "Write '/api/*'.", gate(paths={"/api*": None})),
    Case("gate-mode", "gate", "on", "'off', 'report' or 'enforce'", policy_with(gate="on")),
    Case("gate-mode", "gate", True, "'off', 'report' or 'enforce'", policy_with(gate=True)),
    Case("gate-mode", "gate", None, "'off', 'report' or 'enforce'", policy_with(gate=None)),
    Case("wildcard-write", "write_origins", "*", "gate='off'", policy_with(write_origins="*")),
    Case("own-origin", "own_origins", "*", "in full", policy_with(own_origins="*")),
    Case("own-origin", "own_origins", "null", "in full", policy_with(own_origins="null")),
    Case("own-origin", "own_origins", BROAD, "in full", policy_with(own_origins=BROAD)),
    Case("own-origin", "own_origins", never, "in full", policy_with(own_origins=never)),
    Case(
        "own-origin",
        "own_origins",
        "https://*.example.com",
        "Write each origin of this site in full, such as 'https://www.example.com'.",
        policy_with(own_origins=[APP, "https://*.example.com"]),
    ),
    Case("origin-path", "own_origins", f"{APP}/", APP, policy_with(own_origins=f"{APP}/")),
    Case("origin-path", "write_origins", f"{APP}/", APP, policy_with(write_origins=f"{APP}/")),
    Case("insecure-origin", "allow_origins", HTTP, "https", origin(HTTP, gate="report")),
    Case("insecure-origin", "write_origins", HTTP, "https", writing(HTTP)),
    Case("null-origin", "write_origins", "null", "Take it out", writing("null")),
    Case("public-suffix", "write_origins", "https://*.github.io", "Name", writing(HOSTED)),
    Case("regex-too-broad", "write_origins", BROAD, "Escape", writing(BROAD)),
    Case(
        "path-parameter", "paths", "/a/<b>", "Write '/a/*', or '/a/", gate(paths={"/a/<b>": None})
    ),
    Case("path-regex", "paths", "/a/.*", "Write '/a/*', or '/a/", gate(paths={"/a/.*": None})),
    Case("path-encoded", "paths", "/%41", "Write '/A', or '/%2541'", gate(paths={"/%41": None})),
    Case("path-segment", "paths", "/a/../b", "Write '/b'.", gate(paths={"/a/../b": None})),
    Case("path-repeated", "paths", "/a", "Keep one", gate(paths=[("/a", None), ("/a", Policy())])),
]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{number} {case.code} in {case.field}")
        for number, case in enumerate(CASES)
    ],
)
def test_a_problem_has_its_code_its_place_its_value_and_a_fix(case: Case) -> None:
    with pytest.raises(PolicyError) as caught:
        case.make()
    [problem] = caught.value.problems
    assert (problem.code, problem.field) == (case.code, case.field)
    assert problem.value is case.value or problem.value == case.value
    assert case.hint in problem.hint
    assert problem.message
    assert str(caught.value) == f"{case.field}: {problem.message} {problem.hint} [{case.code}]"


def test_every_code_there_is_has_fired() -> None:
    assert {case.code for case in CASES} == CODES.keys()


# ------------------------------------------------------------------ all at once


def codes_and_values(error: PolicyError) -> set[tuple[str, str, str]]:
    return {(problem.code, problem.field, repr(problem.value)) for problem in error.problems}


def test_all_problems_of_a_policy_come_in_one_error() -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(  # type: ignore[call-arg]
            allow_origins=["*", "null", "https://a.example/", "b.example", 5],  # type: ignore[list-item]
            allow_methods=["get", "TRACE", ""],
            allow_headers=["Cookie", "X A"],
            expose_headers=["*", "Set-Cookie"],
            allow_credentials=True,
            max_age=-1,
            allow_timing="yes",  # type: ignore[arg-type]
            preflight_status=201,
            dangerously_allow=["everything"],
            supports_credentials=True,
        )
    assert codes_and_values(caught.value) == {
        ("wildcard-credentials", "allow_origins", "'*'"),
        ("null-origin", "allow_origins", "'null'"),
        ("origin-path", "allow_origins", "'https://a.example/'"),
        ("origin-no-scheme", "allow_origins", "'b.example'"),
        ("wrong-type", "allow_origins", "5"),
        ("method-case", "allow_methods", "'get'"),
        ("method-forbidden", "allow_methods", "'TRACE'"),
        ("method-invalid", "allow_methods", "''"),
        ("header-forbidden", "allow_headers", "'Cookie'"),
        ("header-invalid", "allow_headers", "'X A'"),
        ("expose-wildcard-credentials", "expose_headers", "'*'"),
        ("expose-forbidden", "expose_headers", "'Set-Cookie'"),
        ("max-age", "max_age", "-1"),
        ("wrong-type", "allow_timing", "'yes'"),
        ("preflight-status", "preflight_status", "201"),
        ("dangerously-allow", "dangerously_allow", "'everything'"),
        ("unknown-option", "supports_credentials", "True"),
    }
    assert len(caught.value.problems) == 17
    assert str(caught.value).startswith("17 problems:\n")


def test_any_origin_beside_others_names_one_of_them() -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(allow_origins=["*", APP])
    assert str(caught.value) == (
        f"allow_origins: '*' allows every origin, so '{APP}' beside it means nothing."
        " Keep '*' alone, or take it out. [wildcard-mixed]"
    )


def test_any_origin_with_credentials_is_told_that_alone() -> None:
    # To keep "*" would be bad advice.
    with pytest.raises(PolicyError) as caught:
        Policy(allow_origins=["*", APP], allow_credentials=True)
    assert [problem.code for problem in caught.value.problems] == ["wildcard-credentials"]


def test_what_could_not_be_read_makes_no_further_problems() -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(allow_origins="*", allow_credentials="true")  # type: ignore[arg-type]
    assert [problem.field for problem in caught.value.problems] == ["allow_credentials"]


def test_all_problems_of_a_middleware_come_in_one_error() -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(
            None,  # type: ignore[arg-type]
            allow_origins="a.example",
            paths={
                "b": None,
                "/c": {"max_age": -1, "allow_methods": "put"},
                "/d": "nothing",  # type: ignore[dict-item]
            },
        )
    assert codes_and_values(caught.value) == {
        ("wrong-type", "app", "None"),
        ("origin-no-scheme", "allow_origins", "'a.example'"),
        ("path-invalid", "paths", "'b'"),
        ("max-age", "paths['/c'].max_age", "-1"),
        ("method-case", "paths['/c'].allow_methods", "'put'"),
        ("wrong-type", "paths['/d']", "'nothing'"),
    }
    assert len(caught.value.problems) == 6


def test_what_is_merged_is_judged_as_a_whole_at_its_place() -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(
            SpyApp(),
            allow_origins=APP,
            allow_credentials=True,
            paths={
                "/any": {"allow_origins": "*"},
                "/http": {"allow_origins": "http://b.example"},
                "/safe": {"allow_origins": "*", "allow_credentials": False},
            },
        )
    assert [(problem.code, problem.field) for problem in caught.value.problems] == [
        ("wildcard-credentials", "paths['/any'].allow_origins"),
        ("insecure-origin", "paths['/http'].allow_origins"),
    ]


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"allow_credentials": True}, id="with no origin"),
        pytest.param({"allow_credentials": True, "allow_origins": never}, id="with a callable"),
        pytest.param({"expose_headers": "*"}, id="expose any without credentials"),
        pytest.param({"allow_headers": "*", "allow_credentials": True}, id="any header"),
        pytest.param({"allow_methods": "*", "allow_credentials": True}, id="any method"),
        pytest.param({"dangerously_allow": "null-origin"}, id="accepted for nothing"),
    ],
)
def test_what_harms_nobody_is_no_problem(options: dict[str, Any]) -> None:
    assert isinstance(Policy(**options), Policy)


def test_a_text_is_never_read_letter_by_letter() -> None:
    # As Starlette did: allow_origins="https://a.example.com" was a test for a substring.
    policy = Policy(allow_origins=APP, allow_methods="TARGET", allow_headers="abc")
    assert (policy.allow_origins, policy.allow_methods, policy.allow_headers) == (
        (APP,),
        ("TARGET",),
        ("abc",),
    )


def test_a_problem_compares_by_all_it_says() -> None:
    def found(value: int) -> Problem:
        with pytest.raises(PolicyError) as caught:
            Policy(max_age=value)
        return caught.value.problems[0]

    assert found(-1) == found(-1)
    assert found(-1) != found(-2)
    assert {found(-1), found(-1), found(-2)} == {found(-1), found(-2)}
