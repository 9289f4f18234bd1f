"""What a developer gets to read about a request that a browser blocks."""

import ast
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import (
    any_text,
    gated_options,
    gated_requests,
    near_origins,
    policy_options,
    reference_lets_pass,
    request_origins,
    requests,
)

from corsgate import Policy, _nearest, decide, explain
from corsgate._closed import FAILED
from corsgate._decision import answer_preflight
from corsgate._engine import write_headers
from corsgate._explain import (
    DJANGO_SETTINGS,
    FLASK_CONFIG,
    KEYWORDS,
    Explanation,
    Step,
    Words,
    explain_in,
)
from corsgate._gate_reasons import explain_refusal
from corsgate._nested import derive, leave
from corsgate._paths import PathRules

APP = "https://app.example.com"
DEV = "http://localhost:3000"
TO_APP = Policy(allow_origins=APP)
STEPS = ["cors-request", "policy", "origin", "credentials", "method", "headers"]
DEFAULTS = (
    '"accept", "authorization", "content-type", "user-agent", "x-csrftoken", "x-requested-with"'
)
METHODS = '"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"'


def call(origin: str | None = APP, method: str = "GET", **headers: str) -> dict[str, str]:
    environ = {"REQUEST_METHOD": method, **headers}
    return environ if origin is None else {**environ, "HTTP_ORIGIN": origin}


def preflight(method: str = "PUT", names: str | None = None, origin: str = APP) -> dict[str, str]:
    environ = call(origin, "OPTIONS", HTTP_ACCESS_CONTROL_REQUEST_METHOD=method)
    if names is not None:
        environ["HTTP_ACCESS_CONTROL_REQUEST_HEADERS"] = names
    return environ


def of_customers(origin: str, environ: Mapping[str, Any]) -> bool:
    return False


class Registered:
    """A callable without a name of its own."""

    def __call__(self, origin: str, environ: Mapping[str, Any]) -> bool:
        return False


# ------------------------------------------------------------------ the texts

# What people get wrong: policy, request, whether the page asks for cookies; then the reason, the
# nearest allowed value, and the exact sentence and fix.
Mistake = tuple[Policy | None, dict[str, str], bool, str, str | None, str, str]
MISTAKES: dict[str, Mistake] = {
    "http page, https in the policy": (
        TO_APP,
        call("http://app.example.com"),
        False,
        "origin-not-allowed",
        APP,
        (
            "The page is on 'http://app.example.com', which allow_origins does not allow; the"
            " nearest that it allows is 'https://app.example.com': same host, but the page is"
            " http and the policy has https."
        ),
        'allow_origins=["https://app.example.com", "http://app.example.com"]',
    ),
    "http page, https in the policy, and cookies": (
        Policy(allow_origins=APP, allow_credentials=True),
        call("http://app.example.com"),
        True,
        "origin-not-allowed",
        APP,
        (
            "The page is on 'http://app.example.com', which allow_origins does not allow; the"
            " nearest that it allows is 'https://app.example.com': same host, but the page is"
            " http and the policy has https."
        ),
        (
            "serve the page over https, since with cookies http is not safe; or add"
            " 'http://app.example.com' and accept the risk with"
            ' dangerously_allow=["insecure-origin"]'
        ),
    ),
    "another port in development": (
        Policy(allow_origins=DEV),
        call("http://localhost:5173"),
        False,
        "origin-not-allowed",
        DEV,
        (
            "The page is on 'http://localhost:5173', which allow_origins does not allow; the"
            " nearest that it allows is 'http://localhost:3000': same host, but the page has port"
            " 5173 and the policy has port 3000."
        ),
        'allow_origins=["http://localhost:3000", "http://localhost:5173"]',
    ),
    "a port where the policy has none": (
        TO_APP,
        call(f"{APP}:8443"),
        False,
        "origin-not-allowed",
        APP,
        (
            "The page is on 'https://app.example.com:8443', which allow_origins does not allow; the"
            " nearest that it allows is 'https://app.example.com': same host, but the page has port"
            " 8443 and the policy has no port (that is 443)."
        ),
        'allow_origins=["https://app.example.com", "https://app.example.com:8443"]',
    ),
    "127.0.0.1 for localhost": (
        Policy(allow_origins=DEV),
        call("http://127.0.0.1:3000"),
        False,
        "origin-not-allowed",
        DEV,
        (
            "The page is on 'http://127.0.0.1:3000', which allow_origins does not allow; the"
            " nearest that it allows is 'http://localhost:3000': 127.0.0.1 and localhost are two"
            " origins to a browser."
        ),
        'allow_origins=["http://localhost:3000", "http://127.0.0.1:3000"]',
    ),
    "www": (
        Policy(allow_origins="https://example.com"),
        call("https://www.example.com"),
        False,
        "origin-not-allowed",
        "https://example.com",
        (
            "The page is on 'https://www.example.com', which allow_origins does not allow; the"
            " nearest that it allows is 'https://example.com': the page has \"www.\" in front"
            " and the policy has not got it."
        ),
        'allow_origins=["https://example.com", "https://www.example.com"]',
    ),
    "a dot at the end": (
        TO_APP,
        call(f"{APP}."),
        False,
        "origin-not-allowed",
        APP,
        (
            "The page is on 'https://app.example.com.', which allow_origins does not allow; the"
            " nearest that it allows is 'https://app.example.com': the host of the page ends in a"
            " dot and that of the policy does not."
        ),
        'allow_origins=["https://app.example.com", "https://app.example.com."]',
    ),
    "below an origin": (
        Policy(allow_origins="https://example.com"),
        call(APP),
        False,
        "origin-not-allowed",
        "https://example.com",
        (
            "The page is on 'https://app.example.com', which allow_origins does not allow; the"
            " nearest that it allows is 'https://example.com': an entry without a star is for one"
            " host, not for the hosts below it."
        ),
        'allow_origins=["https://example.com", "https://app.example.com"]',
    ),
    "the host above a pattern": (
        Policy(allow_origins="https://*.example.com"),
        call("https://example.com"),
        False,
        "origin-not-allowed",
        "https://*.example.com",
        (
            "The page is on 'https://example.com', which allow_origins does not allow; the"
            " nearest that it allows is 'https://*.example.com': a pattern with *. is for the"
            " hosts below, not for the host itself."
        ),
        'allow_origins=["https://*.example.com", "https://example.com"]',
    ),
    "a slip in the host": (
        Policy(allow_origins="https://app.exmaple.com"),
        call(APP),
        False,
        "origin-not-allowed",
        "https://app.exmaple.com",
        (
            "The page is on 'https://app.example.com', which allow_origins does not allow; the"
            " nearest that it allows is 'https://app.exmaple.com': the host is spelt differently."
        ),
        'allow_origins=["https://app.exmaple.com", "https://app.example.com"]',
    ),
    "upper case, from a program": (
        TO_APP,
        call("https://App.Example.com"),
        False,
        "origin-not-allowed",
        APP,
        (
            "The origin 'https://App.Example.com' is not written as a browser writes it;"
            " allow_origins allows 'https://app.example.com', and browsers write an origin in"
            " lower case."
        ),
        "send the header as Origin: https://app.example.com",
    ),
    "a slash at the end, from a program": (
        TO_APP,
        call(f"{APP}/"),
        False,
        "origin-not-allowed",
        APP,
        (
            "The origin 'https://app.example.com/' is not written as a browser writes it;"
            " allow_origins allows 'https://app.example.com', and an origin is scheme, host and"
            " port only, as browsers write it."
        ),
        "send the header as Origin: https://app.example.com",
    ),
    "null": (
        TO_APP,
        call("null"),
        False,
        "origin-not-allowed",
        None,
        (
            "The page sends the origin 'null', as local files, sandboxed frames and redirects"
            " from site to site do, and allow_origins does not have it."
        ),
        (
            "open the page from a web server, give the frame allow-same-origin, or call the address"
            " that the redirect leads to; every site can send 'null'"
        ),
    ),
    "a stranger": (
        TO_APP,
        call("https://shop.example.net"),
        False,
        "origin-not-allowed",
        None,
        "The page is on 'https://shop.example.net', which allow_origins does not allow.",
        'allow_origins=["https://app.example.com", "https://shop.example.net"]',
    ),
    "nothing is allowed": (
        Policy(),
        call(),
        False,
        "origin-not-allowed",
        None,
        (
            "The page is on 'https://app.example.com', which allow_origins does not allow, since"
            " it is empty."
        ),
        'allow_origins=["https://app.example.com"]',
    ),
    "a callable says no": (
        Policy(allow_origins=of_customers),
        call(),
        False,
        "origin-not-allowed",
        None,
        (
            "The page is on 'https://app.example.com', which allow_origins does not allow: the"
            " callable of_customers did not return True."
        ),
        "let the callable of_customers return True for it",
    ),
    "a regular expression that matches a part": (
        Policy(allow_origins=re.compile(r"https://app\.example")),
        call(),
        False,
        "origin-not-allowed",
        None,
        (
            "The page is on 'https://app.example.com', which allow_origins does not allow: the"
            " regular"
            r" expression 'https://app\.example' does not match all of it."
        ),
        'allow_origins=[..., "https://app.example.com"]',
    ),
    "regular expressions and callables": (
        Policy(allow_origins=[re.compile("a"), re.compile("b"), Registered(), DEV]),
        call(),
        False,
        "origin-not-allowed",
        None,
        (
            "The page is on 'https://app.example.com', which allow_origins does not allow: the"
            " regular expression 'a' does not match all of it, the regular expression 'b' does"
            " not match all of it and the callable Registered did not return True."
        ),
        'allow_origins=[..., "https://app.example.com"]',
    ),
    "cookies": (
        TO_APP,
        preflight(),
        True,
        "credentials-not-allowed",
        None,
        'The page asks for cookies (credentials: "include"), and allow_credentials is False.',
        "allow_credentials=True",
    ),
    "cookies, and any origin": (
        Policy(allow_origins="*"),
        call(),
        True,
        "credentials-not-allowed",
        None,
        (
            'The page asks for cookies (credentials: "include"), and allow_origins is "*", which'
            " never goes with them: the origins have to be named."
        ),
        'allow_origins=["https://app.example.com"], allow_credentials=True',
    ),
    "cookies, and an origin that is not safe with them": (
        Policy(allow_origins=[APP, "http://intranet.example"]),
        call(),
        True,
        "credentials-not-allowed",
        None,
        'The page asks for cookies (credentials: "include"), and allow_credentials is False.',
        (
            "first fix this: 'http://intranet.example' with credentials: whoever is on the"
            " network can speak for an http page. Write 'https://intranet.example', or accept it"
            " with dangerously_allow=['insecure-origin']. Then write allow_credentials=True"
        ),
    ),
    "a method": (
        TO_APP,
        preflight("PURGE"),
        False,
        "method-not-allowed",
        None,
        "The page sends 'PURGE', which allow_methods does not have.",
        f'allow_methods=[{METHODS}, "PURGE"]',
    ),
    "patch for PATCH": (
        TO_APP,
        preflight("patch"),
        False,
        "method-not-allowed",
        "PATCH",
        (
            "The page sends 'patch', and only 'PATCH' is allowed: a browser compares methods"
            " letter by letter."
        ),
        'write method: "PATCH" in the page',
    ),
    "patch, and PATCH is not allowed either": (
        Policy(allow_origins=APP, allow_methods="GET"),
        preflight("patch"),
        False,
        "method-not-allowed",
        None,
        "The page sends 'patch', which allow_methods does not have.",
        'write method: "PATCH" in the page, and allow_methods=["GET", "PATCH"]',
    ),
    "a header": (
        TO_APP,
        preflight(names="content-type,x-api-key"),
        False,
        "header-not-allowed",
        None,
        "The page sends the header 'x-api-key', which allow_headers does not have.",
        f'allow_headers=[{DEFAULTS}, "x-api-key"]',
    ),
    "a header with a slip": (
        TO_APP,
        preflight(names="x-csrf-token"),
        False,
        "header-not-allowed",
        "x-csrftoken",
        (
            "The page sends the header 'x-csrf-token', which allow_headers does not have; the"
            " nearest that it has is 'x-csrftoken'."
        ),
        f'allow_headers=[{DEFAULTS}, "x-csrf-token"]',
    ),
    "several headers": (
        Policy(allow_origins=APP, allow_headers="x-one"),
        preflight(names="a-1, b-2 ,, x-one, c-3, d-4, a-1"),
        False,
        "header-not-allowed",
        None,
        (
            "The page sends the headers 'a-1', 'b-2', 'c-3' and 'd-4', which allow_headers does not"
            " have."
        ),
        'allow_headers=["x-one", "a-1", "b-2", "c-3", "d-4"]',
    ),
    "JSON without a preflight at hand": (
        Policy(allow_origins=APP, allow_headers=()),
        call(method="POST", CONTENT_TYPE="application/json"),
        False,
        "header-not-allowed",
        None,
        "The page sends the header 'content-type', which allow_headers does not have.",
        'allow_headers=["content-type"]',
    ),
    "Authorization and a star": (
        Policy(allow_origins=APP, allow_headers="*"),
        preflight(names="authorization,x-any"),
        False,
        "authorization-not-covered",
        None,
        (
            'The page sends Authorization, which by the standard the "*" in allow_headers does'
            " not cover: it has to be named, though today's Chromium, Firefox and Safari let it"
            " pass."
        ),
        'allow_headers=["*", "Authorization"]',
    ),
    "no policy": (
        None,
        call(),
        False,
        "no-policy",
        None,
        (
            "No policy applies here, so corsgate adds no headers, and the browser blocks the page"
            " unless the application sends them itself."
        ),
        'give this path a policy with allow_origins=["https://app.example.com"]',
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_named_with_what_would_mend_it(mistake: Mistake) -> None:
    policy, environ, credentials, reason, nearest, message, fix = mistake
    found = explain(policy, environ, credentials=credentials)
    assert (found.allowed, found.reason, found.nearest) == (False, reason, nearest)
    assert found.message == message
    assert found.fix == fix
    label = "To allow it" if re.match(r"\w+=", fix) else "What to do"
    assert found.line == f"{message} {label}: {fix}"


# Where a browser does not block: policy, request; then the reason and the exact sentence.
ALLOWED: dict[str, tuple[Policy | None, dict[str, str], str | None, str]] = {
    "no origin": (
        TO_APP,
        call(None),
        "not-cors",
        (
            "The request has no Origin header, so it is no CORS request: it comes from this very"
            " site, a link, or a program such as curl."
        ),
    ),
    "no origin, and no policy": (
        None,
        call(None, "OPTIONS", HTTP_ACCESS_CONTROL_REQUEST_METHOD="PUT"),
        "not-cors",
        (
            "The request has no Origin header, so it is no CORS request and is no preflight: it"
            " comes from this very site, a link, or a program such as curl."
        ),
    ),
    "the browser says that it is the same site": (
        Policy(),
        call("https://api.example", "POST", HTTP_SEC_FETCH_SITE="same-origin"),
        "same-origin",
        (
            "The page is on 'https://api.example', which is this very site, so the browser asks"
            " for no permission."
        ),
    ),
    "the same host on http": (
        Policy(),
        call("http://api.example", "POST", HTTP_HOST="api.example:80"),
        "same-origin",
        (
            "The page is on 'http://api.example', which is this very site, so the browser asks"
            " for no permission."
        ),
    ),
    "the same host, TLS taken off by a proxy": (
        Policy(),
        call("https://api.example", "POST", HTTP_HOST="api.example"),
        "same-origin",
        (
            "The page is on 'https://api.example', which is this very site, so the browser asks"
            " for no permission."
        ),
    ),
    "OPTIONS that is no preflight": (
        TO_APP,
        call(method="OPTIONS"),
        "plain-options",
        (
            "This OPTIONS request has no Access-Control-Request-Method, so it is no preflight:"
            " the application answers it, and the page on 'https://app.example.com' may read the"
            " answer."
        ),
    ),
    "a preflight": (
        TO_APP,
        preflight(names="content-type"),
        None,
        "The page on 'https://app.example.com' may send 'PUT'.",
    ),
    "a call": (
        TO_APP,
        call(),
        None,
        "The page on 'https://app.example.com' may read the answer.",
    ),
}


@pytest.mark.parametrize("case", ALLOWED.values(), ids=ALLOWED)
def test_where_nothing_is_blocked_there_is_nothing_to_do(
    case: tuple[Policy | None, dict[str, str], str | None, str],
) -> None:
    policy, environ, reason, message = case
    found = explain(policy, environ)
    assert (found.allowed, found.reason, found.message) == (True, reason, message)
    assert (found.setting, found.nearest, found.fix) == ("", None, "")
    assert found.line == message


OTHER_ORIGINS: dict[str, tuple[str, dict[str, str]]] = {
    "another host": (APP, {"HTTP_HOST": "api.example"}),
    "http page of an https site, as the browser says": (
        "http://api.example",
        {"HTTP_HOST": "api.example", "HTTP_SEC_FETCH_SITE": "cross-site"},
    ),
    "no host": ("http://", {"HTTP_HOST": ""}),
}


@pytest.mark.parametrize("case", OTHER_ORIGINS.values(), ids=OTHER_ORIGINS)
def test_only_the_very_same_origin_is_the_same(case: tuple[str, dict[str, str]]) -> None:
    origin, headers = case
    assert explain(Policy(), call(origin, **headers)).reason == "origin-not-allowed"


def test_a_preflight_is_never_of_the_same_origin() -> None:
    environ = {**preflight(), "HTTP_HOST": "app.example.com"}
    assert explain(Policy(), environ).reason == "origin-not-allowed"


# ------------------------------------------------------------------ other corners

# policy, request; reason, nearest, fix
Corner = tuple[Policy, dict[str, str], str | None, str | None, str]
STAR_AND_COOKIES = Policy(
    allow_origins=APP, allow_credentials=True, allow_methods="*", allow_headers="*"
)
LONG = "x" * 5_000
CORNERS: dict[str, Corner] = {
    "scheme and port": (
        Policy(allow_origins="https://localhost:8443"),
        call("http://localhost:3000"),
        "origin-not-allowed",
        "https://localhost:8443",
        'allow_origins=["https://localhost:8443", "http://localhost:3000"]',
    ),
    "the same scheme is nearer than the same port": (
        Policy(allow_origins=["https://localhost:3001", "http://localhost:3002"]),
        call("http://localhost:3000"),
        "origin-not-allowed",
        "http://localhost:3002",
        (
            'allow_origins=["http://localhost:3002", "https://localhost:3001",'
            ' "http://localhost:3000"]'
        ),
    ),
    "scheme, under a pattern": (
        Policy(allow_origins="https://*.example.com"),
        call("http://a.example.com"),
        "origin-not-allowed",
        "https://a.example.com",
        'allow_origins=["https://*.example.com", "http://a.example.com"]',
    ),
    "the host above a pattern of any port": (
        Policy(allow_origins="https://*.example.com:*"),
        call("https://example.com:8000"),
        "origin-not-allowed",
        "https://*.example.com:*",
        'allow_origins=["https://*.example.com:*", "https://example.com:8000"]',
    ),
    "several labels below": (
        Policy(allow_origins="https://example.com"),
        call("https://a.b.example.com"),
        "origin-not-allowed",
        "https://example.com",
        'allow_origins=["https://example.com", "https://a.b.example.com"]',
    ),
    "a scheme without a default port": (
        Policy(allow_origins="tauri://localhost:1420"),
        call("tauri://localhost"),
        "origin-not-allowed",
        "tauri://localhost:1420",
        'allow_origins=["tauri://localhost:1420", "tauri://localhost"]',
    ),
    "what nobody can mean": (
        TO_APP,
        call("evil"),
        "origin-not-allowed",
        None,
        "send the header as Origin: https://app.example.com",
    ),
    "a star in the request": (
        Policy(allow_origins="https://*.example.com"),
        call("https://*.example.com"),
        "origin-not-allowed",
        None,
        "send the header as Origin: https://app.example.com",
    ),
    "a quote in the host": (
        TO_APP,
        call('https://o"brien.example'),
        "origin-not-allowed",
        None,
        'allow_origins=["https://app.example.com", \'https://o"brien.example\']',
    ),
    "no browser sends it": (
        TO_APP,
        preflight("TRACE"),
        "method-not-allowed",
        None,
        "use another method in the page",
    ),
    "no name of a method": (
        TO_APP,
        preflight("a b"),
        "method-not-allowed",
        None,
        "use another method in the page",
    ),
    "a star for a method": (
        TO_APP,
        preflight("*"),
        "method-not-allowed",
        None,
        "use another method in the page",
    ),
    "a method too long to write": (
        TO_APP,
        preflight(LONG),
        "method-not-allowed",
        None,
        "use another method in the page",
    ),
    "a method too long to reflect": (
        STAR_AND_COOKIES,
        preflight(LONG),
        "method-not-allowed",
        None,
        "use another method in the page",
    ),
    "get in lower case": (
        TO_APP,
        preflight("get"),
        "method-not-allowed",
        "GET",
        'write method: "GET" in the page',
    ),
    "a long list of methods": (
        Policy(allow_origins=APP, allow_methods=[f"M{n}" for n in range(13)]),
        preflight("PURGE"),
        "method-not-allowed",
        None,
        'allow_methods=[..., "PURGE"]',
    ),
    "any method": (
        Policy(allow_origins=APP, allow_methods="*"),
        preflight("PURGE"),
        None,
        None,
        "",
    ),
    "any method and header, with cookies": (
        STAR_AND_COOKIES,
        preflight("PURGE", "authorization,x-any"),
        None,
        None,
        "",
    ),
    "headers too long to reflect": (
        STAR_AND_COOKIES,
        preflight("PURGE", LONG),
        "header-not-allowed",
        None,
        "send fewer headers",
    ),
    "a header too long to write": (
        TO_APP,
        preflight(names="x" * 65),
        "header-not-allowed",
        None,
        "add them to allow_headers, or send fewer",
    ),
    "more headers than are worth writing": (
        TO_APP,
        preflight(names=",".join(f"header-no-{n}" for n in range(13))),
        "header-not-allowed",
        None,
        "add them to allow_headers, or send fewer",
    ),
    "no name of a header": (
        TO_APP,
        preflight(names="x-a, x b"),
        "header-not-allowed",
        None,
        "send names such as x-api-key",
    ),
    "a sign that is a letter in lower case only": (
        Policy(allow_origins=APP, allow_headers="k"),
        preflight(names="\u212a"),
        "header-not-allowed",
        None,
        "send names such as x-api-key",
    ),
    "headers that no page can send": (
        TO_APP,
        preflight(names="sec-x, *, x-api-key"),
        "header-not-allowed",
        None,
        "leave out 'sec-x' and '*'",
    ),
    "form types need nothing": (
        Policy(allow_origins=APP, allow_headers=()),
        call(method="POST", CONTENT_TYPE="multipart/form-data; boundary=x"),
        None,
        None,
        "",
    ),
    "a type with a quote in it": (
        Policy(allow_origins=APP, allow_headers="x-one"),
        call(method="POST", CONTENT_TYPE='text/plain; x="1"'),
        "header-not-allowed",
        None,
        'allow_headers=["x-one", "content-type"]',
    ),
    "a type that is too long": (
        Policy(allow_origins=APP, allow_headers="x-one"),
        call(method="POST", CONTENT_TYPE="text/plain; x=" + "y" * 128),
        "header-not-allowed",
        None,
        'allow_headers=["x-one", "content-type"]',
    ),
    "Authorization": (
        Policy(allow_origins=APP, allow_headers="x-one"),
        call(HTTP_AUTHORIZATION="Bearer x"),
        "header-not-allowed",
        None,
        'allow_headers=["x-one", "authorization"]',
    ),
    "a cookie was sent": (
        TO_APP,
        call(HTTP_COOKIE="a=b", HTTP_SEC_FETCH_MODE="cors"),
        "credentials-not-allowed",
        None,
        "allow_credentials=True",
    ),
    "a cookie was sent with a link": (
        TO_APP,
        call(HTTP_COOKIE="a=b", HTTP_SEC_FETCH_MODE="navigate"),
        "not-cors",
        None,
        "",
    ),
    "no method at all": (TO_APP, {"HTTP_ORIGIN": APP}, None, None, ""),
}


@pytest.mark.parametrize("case", CORNERS.values(), ids=CORNERS)
def test_corners(case: Corner) -> None:
    policy, environ, reason, nearest, fix = case
    found = explain(policy, environ)
    assert (found.reason, found.nearest, found.fix) == (reason, nearest, fix)
    assert found.allowed is (reason in (None, "not-cors"))


def test_two_things_that_differ_are_both_named() -> None:
    policy = Policy(allow_origins="http://localhost")
    assert explain(policy, call("https://127.0.0.1:8443")).message == (
        "The page is on 'https://127.0.0.1:8443', which allow_origins does not allow."
    )
    assert explain(policy, call("https://localhost:8443")).message == (
        "The page is on 'https://localhost:8443', which allow_origins does not allow; the nearest"
        " that it allows is 'http://localhost': same host, but the page is https and the policy has"
        " http, and the page has port 8443 and the policy has no port (that is 80)."
    )
    tauri = Policy(allow_origins="tauri://localhost")
    assert explain(tauri, call("tauri://localhost:1420")).message == (
        "The page is on 'tauri://localhost:1420', which allow_origins does not allow; the nearest"
        " that it allows is 'tauri://localhost': same host, but the page has port 1420 and the"
        " policy has no port."
    )


def test_the_policy_may_have_what_the_page_has_not() -> None:
    policy = Policy(allow_origins=["https://www.example.com", "https://dotted.example."])
    assert explain(policy, call("https://example.com")).message == (
        "The page is on 'https://example.com', which allow_origins does not allow; the nearest that"
        " it allows is 'https://www.example.com': the policy has \"www.\" in front and the page has"
        " not got it."
    )
    assert explain(policy, call("https://dotted.example")).message == (
        "The page is on 'https://dotted.example', which allow_origins does not allow; the nearest"
        " that it allows is 'https://dotted.example.': the host of the policy ends in a dot and"
        " that of the page does not."
    )


def test_of_many_headers_the_first_are_named() -> None:
    names = ",".join(f"h-{n}" for n in range(9))
    assert explain(TO_APP, preflight(names=names)).message == (
        "The page sends the headers 'h-0', 'h-1', 'h-2', 'h-3', 'h-4', 'h-5' and 3 more, which"
        " allow_headers does not have."
    )


def test_a_long_list_of_origins_is_not_tried_with_cookies() -> None:
    policy = Policy(allow_origins=[f"https://c{n}.example.com" for n in range(1_001)])
    found = explain(policy, call("https://c7.example.com"), credentials=True)
    assert found.fix == (
        "if every one of these origins may act as the user, write allow_credentials=True"
    )


def test_of_a_long_list_only_some_entries_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def count(one: str, other: str) -> int:
        compared.append(other)
        return 9

    monkeypatch.setattr(_nearest, "distance", count)
    policy = Policy(allow_origins=[f"https://c{n}.example.com" for n in range(20_000)])
    assert explain(policy, call("https://d1.example.com")).nearest is None
    assert len(compared) == 40


# ------------------------------------------------------------------ the gate

READER = "https://reader.example.org"
EVIL = "https://evil.example.net"
GATED = Policy(allow_origins=[APP, READER], write_origins=[APP], gate="enforce")
FOLLOWS = Policy(allow_origins=[APP, "null"], gate="enforce", dangerously_allow="null-origin")
OWN = Policy(gate="enforce", own_origins="https://www.example.com", write_origins=APP)
ACT = "if you trust that site to act as your users, add it:"
EXEMPT = 'if every site may call this route, exempt it: gate="off" in its cors(...) or in paths'


def post(origin: str | None = EVIL, site: str | None = "cross-site", **more: str) -> dict[str, str]:
    sent = {} if site is None else {"HTTP_SEC_FETCH_SITE": site}
    return {**call(origin, "POST"), **sent, **more}


FORM = {"HTTP_SEC_FETCH_MODE": "navigate"}
SOCKET = {"REQUEST_METHOD": "GET", "HTTP_UPGRADE": "websocket", "HTTP_SEC_FETCH_MODE": "websocket"}

# Policy and request; then the reason, the setting, the nearest, the sentence and the fix.
Refused = tuple[Policy, dict[str, str], str, str, str | None, str, str]
REFUSED: dict[str, Refused] = {
    "a stranger writes": (
        GATED,
        post(),
        "cross-site-write",
        "write_origins",
        None,
        (
            f"The gate refuses 'POST' (403): the page is on '{EVIL}', which write_origins does not"
            " trust to write."
        ),
        f'{ACT} write_origins=[..., "{EVIL}"]',
    ),
    "who may read writes, by a form": (
        GATED,
        post(READER, **FORM),
        "cross-site-write",
        "write_origins",
        None,
        (
            f"The gate refuses 'POST' (403): the page is on '{READER}', which write_origins does"
            " not trust to write."
        ),
        f'{ACT} write_origins=[..., "{READER}"]; {EXEMPT}',
    ),
    "something differs": (
        GATED,
        post(f"{APP}:8443"),
        "cross-site-write",
        "write_origins",
        APP,
        (
            f"The gate refuses 'POST' (403): the page is on '{APP}:8443', which write_origins does"
            f" not trust to write; the nearest that it trusts is '{APP}': same host, but the page"
            " has port 8443 and the policy has no port (that is 443)."
        ),
        f'{ACT} write_origins=[..., "{APP}:8443"]',
    ),
    "nobody may write": (
        GATED.replace(write_origins=()),
        post(),
        "cross-site-write",
        "write_origins",
        None,
        (
            f"The gate refuses 'POST' (403): the page is on '{EVIL}', which write_origins does not"
            " trust to write, since it is empty."
        ),
        f'{ACT} write_origins=["{EVIL}"]',
    ),
    "anybody may read": (
        Policy(allow_origins="*", gate="enforce"),
        post(),
        "cross-site-write",
        "write_origins",
        None,
        (
            f"The gate refuses 'POST' (403): the page is on '{EVIL}', which write_origins does not"
            " trust to write, since it is not set."
        ),
        f'{ACT} write_origins=["{EVIL}"]',
    ),
    "who reads writes, and fetch() asks": (
        FOLLOWS,
        post(),
        "cross-site-write",
        "allow_origins",
        None,
        (
            f"The gate refuses 'POST' (403): the page is on '{EVIL}', which allow_origins (there is"
            " no write_origins) does not trust to write."
        ),
        f'{ACT} allow_origins=[..., "{EVIL}"]',
    ),
    "who reads writes, and a form asks": (
        FOLLOWS,
        post(**FORM),
        "cross-site-write",
        "allow_origins",
        None,
        (
            f"The gate refuses 'POST' (403): the page is on '{EVIL}', which allow_origins (there is"
            " no write_origins) does not trust to write."
        ),
        f'{ACT} write_origins=["{APP}", "{EVIL}"]; {EXEMPT}',
    ),
    "too many read to name them again": (
        Policy(allow_origins=[f"https://{name}.example.com" for name in "abcde"], gate="enforce"),
        post(**FORM),
        "cross-site-write",
        "allow_origins",
        None,
        (
            f"The gate refuses 'POST' (403): the page is on '{EVIL}', which allow_origins (there is"
            " no write_origins) does not trust to write."
        ),
        f'{ACT} allow_origins=[..., "{EVIL}"]; {EXEMPT}',
    ),
    "a callable": (
        Policy(allow_origins=APP, write_origins=of_customers, gate="enforce"),
        post(),
        "cross-site-write",
        "write_origins",
        None,
        (
            f"The gate refuses 'POST' (403): the page is on '{EVIL}', which write_origins does not"
            " trust to write: the callable of_customers did not return True."
        ),
        "if you trust that site, let the callable of_customers return True for it",
    ),
    "a page on http": (
        GATED,
        post("http://intranet.example"),
        "cross-site-write",
        "write_origins",
        None,
        (
            "The gate refuses 'POST' (403): the page is on 'http://intranet.example', which"
            " write_origins does not trust to write."
        ),
        (
            "if you trust that site, have it served over https; or add 'http://intranet.example'"
            ' and accept the risk with dangerously_allow=["insecure-origin"]'
        ),
    ),
    "a stranger reads": (
        GATED,
        call(EVIL, HTTP_SEC_FETCH_SITE="cross-site"),
        "cross-site-read",
        "allow_origins",
        None,
        (
            f"The gate refuses 'GET' (403): the page is on '{EVIL}', which allow_origins does not"
            " trust to read."
        ),
        (f'if you trust that site to read the answers, add it: allow_origins=[..., "{EVIL}"]'),
    ),
    "a page on http reads": (
        GATED,
        call("http://intranet.example", HTTP_SEC_FETCH_SITE="cross-site"),
        "cross-site-read",
        "allow_origins",
        None,
        (
            "The gate refuses 'GET' (403): the page is on 'http://intranet.example', which"
            " allow_origins does not trust to read."
        ),
        (
            "if you trust that site to read the answers, add it:"
            ' allow_origins=[..., "http://intranet.example"]'
        ),
    ),
    "a WebSocket": (
        FOLLOWS,
        post(**SOCKET),
        "cross-site-websocket",
        "allow_origins",
        None,
        (
            f"The gate refuses a WebSocket (403): the page is on '{EVIL}', which allow_origins"
            " (there is no write_origins) does not trust to write."
        ),
        f'{ACT} write_origins=["{APP}", "{EVIL}"]',
    ),
    "null": (
        FOLLOWS,
        post("null"),
        "cross-site-write",
        "allow_origins",
        None,
        (
            "The gate refuses 'POST' (403): the page sends the origin 'null', as sandboxed frames,"
            " local files and redirects from site to site do, and allow_origins (there is no"
            " write_origins) does not trust that to write."
        ),
        EXEMPT,
    ),
    "null over plain http": (
        GATED,
        post("null", None),
        "cross-site-write",
        "write_origins",
        None,
        (
            "The gate refuses 'POST' (403): the page sends the origin 'null', as sandboxed frames,"
            " local files and redirects from site to site do, and write_origins does not trust"
            " that to write."
        ),
        f"if it is your own form, let its Referrer-Policy be origin; {EXEMPT}",
    ),
    "no origin": (
        GATED,
        post(None),
        "cross-site-write",
        "gate",
        None,
        (
            "The gate refuses 'POST' (403): the browser says that the request comes from another"
            " site (Sec-Fetch-Site: 'cross-site') and not from which."
        ),
        EXEMPT,
    ),
    "no origin that a browser sends": (
        GATED,
        post(f"{APP}/"),
        "cross-site-write",
        "write_origins",
        None,
        (
            f"The gate refuses 'POST' (403): the origin '{APP}/' is not written as a browser writes"
            " it."
        ),
        f"send the header as Origin: {APP}",
    ),
    "perhaps the own site": (
        GATED,
        post(EVIL, None, HTTP_HOST="www.example.com"),
        "cross-site-write",
        "write_origins",
        None,
        (
            f"The gate refuses 'POST' (403): the page is on '{EVIL}', which write_origins does not"
            " trust to write."
        ),
        (f'{ACT} write_origins=[..., "{EVIL}"]; if that is this very site: own_origins=["{EVIL}"]'),
    ),
    "the own site, or nearly": (
        OWN,
        post("http://www.example.com:8000", None, HTTP_HOST="www.example.com:8000"),
        "cross-site-write",
        "own_origins",
        "https://www.example.com",
        (
            "The gate refuses 'POST' (403): the page is on 'http://www.example.com:8000', which"
            " write_origins does not trust to write; the nearest of own_origins is"
            " 'https://www.example.com': same host, but the page is http and the policy has https,"
            " and the page has port 8000 and the policy has no port (that is 443)."
        ),
        (
            'if that is this very site: own_origins=[..., "http://www.example.com:8000"]; if you'
            " trust that site, have it served over https; or add 'http://www.example.com:8000' and"
            ' accept the risk with dangerously_allow=["insecure-origin"]'
        ),
    ),
    "a preflight for what needs one": (
        GATED,
        preflight("PUT", origin=READER),
        "cross-site-write",
        "write_origins",
        None,
        (
            "The gate leaves 'PUT' out of the methods that it tells the browser: the page is on"
            f" '{READER}', which write_origins does not trust to write."
        ),
        f'{ACT} write_origins=[..., "{READER}"]',
    ),
    "a preflight for what is sent anyhow": (
        GATED,
        preflight("POST", "content-type", READER),
        "cross-site-write",
        "write_origins",
        None,
        (
            "The gate will refuse the 'POST' that comes next (403): the page is on"
            f" '{READER}', which write_origins does not trust to write."
        ),
        f'{ACT} write_origins=[..., "{READER}"]',
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_the_gate_refuses(case: Refused) -> None:
    policy, environ, *expected, fix = case
    found = explain(policy, environ)
    assert [found.reason, found.setting, found.nearest, found.message] == expected
    assert (found.allowed, found.fix) == (False, fix)
    assert [step.text for step in found.steps if step.passed is False] == [found.message]
    names = [step.name for step in found.steps]
    at = 4 if "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ else 2
    assert names == [*STEPS[:at], "gate", *STEPS[at:]]
    assert [step.passed for step in found.steps] == [True] * at + [False] + [None] * (6 - at)


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_debug_mode_has_the_words_of_the_gate_from_the_same_place(case: Refused) -> None:
    policy, environ, *_ = case
    found = explain(policy, environ)
    why = found.message.partition(": ")[2]
    whole = f"{why[0].upper()}{why[1:]} {found.advice}"
    assert explain_refusal(KEYWORDS, policy, environ) == (
        whole if len(whole) <= 400 else f"{whole[:397]}..."
    )


def test_a_report_is_told_and_passes() -> None:
    found = explain(GATED.replace(gate="report"), post(**FORM))
    assert (found.allowed, found.reason, found.fix) == (True, "not-cors", "")
    assert found.steps[2] == Step(
        name="gate",
        passed=True,
        text='gate is "report", so it is only logged (cross-site-write): the page is on'
        f" '{EVIL}', which write_origins does not trust to write.",
    )


# Policy and request; then what the gate's step says, and the reason of it all.
LET_PASS: dict[str, tuple[Policy, dict[str, str], str, str | None]] = {
    "who may write": (GATED, post(APP), f"write_origins trusts '{APP}' to write.", None),
    "its form": (GATED, post(APP, **FORM), f"write_origins trusts '{APP}' to write.", "not-cors"),
    "who may read": (GATED, call(READER), f"allow_origins trusts '{READER}' to read.", None),
    "the own site": (
        GATED,
        post("https://www.example.com", "same-origin"),
        "The browser says Sec-Fetch-Site: same-origin, so the gate lets it pass.",
        "same-origin",
    ),
    "by Host": (
        GATED,
        post("http://www.example.com", None, HTTP_HOST="www.example.com"),
        "'http://www.example.com' is this very site (Host says so), so the gate lets it pass.",
        "same-origin",
    ),
    "by own_origins": (
        OWN,
        post("https://www.example.com", None, HTTP_HOST="www.example.com"),
        (
            "'https://www.example.com' is this very site (own_origins says so), so the gate lets it"
            " pass."
        ),
        "same-origin",
    ),
    "a link": (
        GATED,
        call(None, HTTP_SEC_FETCH_SITE="cross-site"),
        "'GET' without Origin changes nothing, so the gate lets it pass.",
        "not-cors",
    ),
    "no browser": (
        GATED,
        post(None, None),
        "It has no Origin and no Sec-Fetch-Site, so no browser sends it: it passes.",
        "not-cors",
    ),
    "a preflight to read": (
        GATED,
        preflight("GET", "accept", READER),
        "'GET' changes nothing, so the gate lets the browser send it.",
        None,
    ),
    "a preflight to write": (
        GATED,
        preflight("PUT"),
        f"write_origins trusts '{APP}' to write.",
        None,
    ),
}


@pytest.mark.parametrize("case", LET_PASS.values(), ids=LET_PASS)
def test_what_the_gate_lets_pass(case: tuple[Policy, dict[str, str], str, str | None]) -> None:
    policy, environ, text, reason = case
    found = explain(policy, environ)
    assert (found.allowed, found.reason) == (True, reason)
    [step] = [step for step in found.steps if step.name == "gate"]
    assert step == Step(name="gate", passed=True, text=text)


def test_dns_that_is_rebound_is_no_same_origin_for_the_gate() -> None:
    found = explain(OWN, post("http://evil.example", None, HTTP_HOST="evil.example"))
    assert [step.passed for step in found.steps[:3]] == [True, True, False]
    assert found.reason == "cross-site-write"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (
            post(**FORM),
            (
                "A form or a link sends it, which CORS never stops, wherever the page is: that is"
                " for CSRF protection or the gate."
            ),
        ),
        (
            post(HTTP_SEC_FETCH_MODE="no-cors"),
            (
                "A page that does not want to read the answer sends it, which CORS never stops,"
                " wherever the page is: that is for CSRF protection or the gate."
            ),
        ),
        (
            post(site=None, REQUEST_METHOD="GET", HTTP_UPGRADE="websocket"),
            (
                "A page that opens a WebSocket sends it, which CORS never stops, wherever the page"
                " is: that is for CSRF protection or the gate."
            ),
        ),
        (
            call(None, HTTP_SEC_FETCH_SITE="same-site"),
            (
                "The request has no Origin header, so it is no CORS request: it comes from a link,"
                " an image or the like on another site."
            ),
        ),
    ],
)
def test_what_cors_does_not_stop(environ: dict[str, str], message: str) -> None:
    found = explain(TO_APP, environ)
    assert (found.allowed, found.reason, found.message) == (True, "not-cors", message)
    assert [(step.name, step.passed) for step in found.steps] == [
        ("cors-request", True),
        *((name, None) for name in STEPS[1:]),
    ]


def test_under_none_the_gate_around_has_a_say_first() -> None:
    source = leave(GATED)
    words = KEYWORDS.at("paths['/own/*'] = None")
    found = explain_in(words, source, post(), words_of=lambda policy: DJANGO_SETTINGS)
    assert [step.name for step in found.steps] == ["cors-request", "gate", *STEPS[1:]]
    assert (found.reason, found.setting) == ("cross-site-write", "CORS_WRITE_ORIGINS")
    found = explain_in(words, source, post(APP))
    assert (found.reason, found.setting) == ("no-policy", "paths['/own/*'] = None")
    found = explain_in(words, source, preflight("PUT", origin=READER))  # the application answers
    assert [step.name for step in found.steps] == STEPS
    assert found.reason == "no-policy"


def test_a_path_that_may_be_another_one() -> None:
    rules = PathRules(GATED, {"/admin/*": GATED.replace(allow_origins=APP)}.items())
    plain = PathRules(TO_APP, {"/admin/*": Policy()}.items())
    for source in (rules.find("//admin/x"), plain.find("//admin/x")):
        found = explain(source, {**preflight(), "PATH_INFO": "//admin/caf\xc3\xa9"})
        assert (found.reason, found.setting, found.message, found.fix) == (
            "path-ambiguous",
            "paths",
            (
                "The path '//admin/caf\\xe9' may mean '/admin/caf\\xe9' to the application, where"
                " another policy holds, so nothing is allowed."
            ),
            "send the path in its plain form, without // and dots, or give both the same policy",
        )
    found = explain(rules.find("//admin/x"), {**post(), "PATH_INFO": "//admin/x"})
    assert (found.reason, found.message) == (
        "cross-site-write",
        (
            "The gate refuses 'POST' (403): the path '//admin/x' may mean '/admin/x' to the"
            " application, where another policy holds, so nothing is allowed."
        ),
    )
    own = explain(rules.find("//admin/x"), post(APP, "same-origin"))
    assert (own.allowed, own.reason) == (True, "same-origin")


# ------------------------------------------------------------------ sources


def test_a_source_is_asked_as_for_the_request_that_follows_a_preflight() -> None:
    asked = []

    def by_method(environ: Mapping[str, Any]) -> Policy | None:
        asked.append(environ["REQUEST_METHOD"])
        return TO_APP if environ["REQUEST_METHOD"] == "PUT" else None

    assert explain(by_method, preflight("PUT")).allowed
    found = explain(by_method, call())
    assert (found.reason, found.setting) == ("no-policy", "by_method gave None")
    assert found.message == (
        "No policy applies here (by_method gave None), so corsgate adds no headers, and the browser"
        " blocks the page unless the application sends them itself."
    )
    assert asked == ["PUT", "GET"]


def test_a_source_that_fails_allows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(environ: Mapping[str, Any]) -> Policy | None:
        raise RuntimeError("no database")

    found = explain(broken, call())
    assert (found.allowed, found.reason, found.setting) == (False, "policy-source-failed", "broken")
    below = derive(leave(broken), {"allow_origins": APP}, "view 'x'")
    assert explain(below, call()).setting == "broken"
    assert found.line == (
        "The policy source broken failed or gave no policy, so nothing is allowed; the log has the"
        " error. What to do: fix broken"
    )
    assert [step.passed for step in found.steps] == [True, False, None, None, None, None]
    assert "the policy source" in caplog.text
    assert explain(lambda environ: 3, call()).reason == "policy-source-failed"  # type: ignore[arg-type, return-value]
    derived = derive(broken, {"max_age": 9}, "there")
    assert explain(derived, call()).fix == "fix broken"
    assert explain(FAILED, call()).line == (
        "The policy source failed or gave no policy, so nothing is allowed; the log has the error."
        " What to do: fix the policy source"
    )


@pytest.mark.parametrize("given", [[APP], APP, 3, {"allow_origins": APP}])
def test_what_is_no_policy_is_refused(given: Any) -> None:
    with pytest.raises(TypeError) as caught:
        explain(given, call())
    assert str(caught.value) == (f"explain() takes a Policy, None or a callable, not {given!r}.")


@pytest.mark.parametrize(
    ("allowed", "page", "nearest"),
    [
        ("https://a.example", "https://b.example", None),
        ("https://mail.example.com", "https://evil.example.com", None),
        ("https://api.example.com", "https://app.example.com", None),
        ("https://shop.exmaple.com", "https://shop.example.com", "https://shop.exmaple.com"),
        ("https://app.example.co", "https://app.example.com", None),
        ("https://appexample.com", "https://app.example.com", "https://appexample.com"),
        ("https://x.example.com", "https://example.com", None),
    ],
)
def test_a_host_is_near_only_where_it_is_alike(
    allowed: str, page: str, nearest: str | None
) -> None:
    assert explain(Policy(allow_origins=allowed), call(page)).nearest == nearest


def test_the_place_of_the_policy_is_named() -> None:
    found = explain_in(KEYWORDS.at("paths['/api/*']"), TO_APP, call())
    assert found.steps[1].text == "The policy in paths['/api/*'] applies here."
    assert explain(TO_APP, call()).steps[1].text == "A policy applies here."


def test_a_list_is_written_out_where_it_is_short() -> None:
    origins = [f"https://{name}.example.com" for name in "abcd"]
    page = "https://elsewhere.example.net"
    found = explain(Policy(allow_origins=origins), call(page))
    assert found.fix == f"allow_origins={[*origins, page]}".replace("'", '"')
    found = explain(Policy(allow_origins=[*origins, APP]), call(page))
    assert found.fix == f'allow_origins=[..., "{page}"]'


def test_an_http_page_is_not_named_for_cookies() -> None:
    found = explain(Policy(allow_origins="*"), call("http://app.example.com"), credentials=True)
    assert found.line.endswith(
        " What to do: serve the page over https, since with cookies http is not safe"
    )


# ------------------------------------------------------------------ words

# Words; then what decides, and the line to write.
SPELT: dict[str, tuple[Words, str, str]] = {
    "keywords": (KEYWORDS, "allow_origins", f'allow_origins=["{APP}", "{APP}:1"]'),
    "Flask": (
        FLASK_CONFIG,
        'app.config["CORS_ALLOW_ORIGINS"]',
        f'app.config["CORS_ALLOW_ORIGINS"] = ["{APP}", "{APP}:1"]',
    ),
    "Django": (DJANGO_SETTINGS, "CORS_ALLOW_ORIGINS", f'CORS_ALLOW_ORIGINS = ["{APP}", "{APP}:1"]'),
    "names of django-cors-headers": (
        DJANGO_SETTINGS.spelling({"allow_origins": "CORS_ALLOWED_ORIGINS"}, {}),
        "CORS_ALLOWED_ORIGINS",
        f'CORS_ALLOWED_ORIGINS = ["{APP}", "{APP}:1"]',
    ),
    "a place": (
        KEYWORDS.at("@cors(...) of view 'users'"),
        "allow_origins in @cors(...) of view 'users'",
        f'allow_origins=["{APP}", "{APP}:1"]  # in @cors(...) of view \'users\'',
    ),
}


@pytest.mark.parametrize("case", SPELT.values(), ids=SPELT)
def test_options_are_called_as_they_were_written(case: tuple[Words, str, str]) -> None:
    words, setting, fix = case
    found = explain_in(words, TO_APP, call(f"{APP}:1"))
    assert (found.setting, found.fix) == (setting, fix)
    assert found.message == (
        f"The page is on 'https://app.example.com:1', which {setting} does not allow; the nearest"
        " that it allows is 'https://app.example.com': same host, but the page has port 1 and the"
        " policy has no port (that is 443)."
    )


def test_two_settings_are_two_statements() -> None:
    found = explain_in(DJANGO_SETTINGS, Policy(allow_origins="*"), call(), credentials=True)
    assert found.fix == f'CORS_ALLOW_ORIGINS = ["{APP}"]; CORS_ALLOW_CREDENTIALS = True'
    assert found.setting == "CORS_ALLOW_ORIGINS"


def test_what_to_mend_first_is_said_in_the_same_words() -> None:
    policy = Policy(allow_origins=[APP, "http://intranet.example"])
    found = explain_in(FLASK_CONFIG.at("there"), policy, call(), credentials=True)
    assert found.fix == (
        "first fix this: 'http://intranet.example' with credentials: whoever is on the network"
        " can speak for an http page. Write 'https://intranet.example', or accept it with"
        " CORS_DANGEROUSLY_ALLOW = ['insecure-origin']. Then write"
        ' app.config["CORS_ALLOW_CREDENTIALS"] = True  # in there'
    )


@pytest.mark.parametrize(
    ("words", "setting"),
    [
        (KEYWORDS, "paths"),
        (FLASK_CONFIG, 'app.config["CORS_PATHS"]'),
        (DJANGO_SETTINGS.at("@cors(None) of view 'hook'"), "@cors(None) of view 'hook'"),
    ],
)
def test_where_there_is_no_policy_its_place_decides(words: Words, setting: str) -> None:
    assert explain_in(words, None, call()).setting == setting


def test_without_an_origin_to_name_an_example_is_named() -> None:
    assert (
        explain(None, call("null")).fix == f'give this path a policy with allow_origins=["{APP}"]'
    )
    found = explain(Policy(allow_origins="*"), call("null"), credentials=True)
    assert found.fix == (
        "serve the page from a site that has a name, and write that:"
        f' allow_origins=["{APP}"], allow_credentials=True'
    )


# ------------------------------------------------------------------ how it is shown


def test_the_steps_are_those_of_a_browser() -> None:
    found = explain(TO_APP, preflight("PURGE", "x-api-key"))
    assert found.steps == (
        Step(
            name="cors-request",
            passed=True,
            text="The page on 'https://app.example.com' is on another origin, so the browser asks"
            " first whether it may send 'PURGE' (a preflight).",
        ),
        Step(name="policy", passed=True, text="A policy applies here."),
        Step(name="origin", passed=True, text="allow_origins allows 'https://app.example.com'."),
        Step(name="credentials", passed=True, text="The page asks for no cookies."),
        Step(
            name="method",
            passed=False,
            text="The page sends 'PURGE', which allow_methods does not have.",
        ),
        Step(name="headers", passed=None, text="Not reached."),
    )


PASSED: dict[str, tuple[dict[str, Any], dict[str, str], list[str]]] = {
    "lists": (
        {"allow_origins": APP, "allow_credentials": True},
        preflight("PUT", "accept,content-type"),
        [
            "allow_origins allows 'https://app.example.com'.",
            "The page asks for cookies, and allow_credentials is True.",
            "allow_methods has 'PUT'.",
            "allow_headers allows 'accept' and 'content-type'.",
        ],
    ),
    "stars with cookies": (
        {
            "allow_origins": APP,
            "allow_credentials": True,
            "allow_methods": "*",
            "allow_headers": "*",
        },
        preflight("PURGE", "x-any"),
        [
            "allow_origins allows 'https://app.example.com'.",
            "The page asks for cookies, and allow_credentials is True.",
            'allow_methods is "*", which allows every method.',
            'allow_headers is "*", which allows every header.',
        ],
    ),
}


@pytest.mark.parametrize("case", PASSED.values(), ids=PASSED)
def test_a_step_that_is_passed_says_why(
    case: tuple[dict[str, Any], dict[str, str], list[str]],
) -> None:
    options, environ, texts = case
    found = explain(Policy(**options), environ, credentials=True)
    assert [step.text for step in found.steps[2:]] == texts
    assert all(step.passed for step in found.steps)


def test_a_simple_call_needs_little() -> None:
    found = explain(Policy(allow_origins="*"), call())
    assert [step.text for step in found.steps] == [
        (
            "The page on 'https://app.example.com' is on another origin, so the browser looks at"
            " the answer."
        ),
        "A policy applies here.",
        'allow_origins is "*", which allows every origin.',
        "The page asks for no cookies.",
        "'GET' is a method that needs no permission.",
        "No header needs permission.",
    ]


def test_it_prints_as_steps_verdict_and_fix() -> None:
    policy = Policy(allow_origins=APP, allow_headers="x-api-key")
    assert str(explain(policy, preflight(names="x-api_key"))) == (
        "passed  cors-request  The page on 'https://app.example.com' is on another origin, so the"
        " browser asks first whether it may send 'PUT' (a preflight).\n"
        "passed  policy        A policy applies here.\n"
        "passed  origin        allow_origins allows 'https://app.example.com'.\n"
        "passed  credentials   The page asks for no cookies.\n"
        "passed  method        allow_methods has 'PUT'.\n"
        "FAILED  headers       The page sends the header 'x-api_key', which allow_headers does not"
        " have; the nearest that it has is 'x-api-key'.\n"
        "\n"
        "Blocked: The page sends the header 'x-api_key', which allow_headers does not have; the"
        " nearest that it has is 'x-api-key'.\n"
        "Nearest allowed value: x-api-key\n"
        'To allow it: allow_headers=["x-api-key", "x-api_key"]'
    )
    assert str(explain(policy, call(None))).splitlines() == [
        (
            "passed  cors-request  The request has no Origin header, so it is no CORS request: it"
            " comes from this very site, a link, or a program such as curl."
        ),
        *(f"-       {name:14}Not reached." for name in STEPS[1:]),
        "",
        (
            "Allowed: The request has no Origin header, so it is no CORS request: it comes from"
            " this very site, a link, or a program such as curl."
        ),
    ]


NO_POLICY = (
    "No policy applies here, so corsgate adds no headers, and the browser blocks the page unless"
    " the application sends them itself."
)


def test_it_is_plain_data() -> None:
    found = explain(None, call()).to_dict()
    assert json.loads(json.dumps(found)) == {
        "allowed": False,
        "reason": "no-policy",
        "message": NO_POLICY,
        "setting": "paths",
        "nearest": None,
        "fix": 'give this path a policy with allow_origins=["https://app.example.com"]',
        "steps": [
            {
                "name": "cors-request",
                "passed": True,
                "text": "The page on 'https://app.example.com' is on another origin, so the browser"
                " looks at the answer.",
            },
            {
                "name": "policy",
                "passed": False,
                "text": NO_POLICY,
            },
            *({"name": name, "passed": None, "text": "Not reached."} for name in STEPS[2:]),
        ],
    }


@pytest.mark.parametrize(
    ("origin", "shown"),
    [
        ("https://x\x1b[31m\u2028FAKE\r\n", r"'https://x\x1b[31m\u2028FAKE\r\n'"),
        ("https://caf\xc3\xa9.example", r"'https://caf\xc3\xa9.example'"),
        ("a" * 101, "'" + "a" * 79 + "... (101 characters)"),
        ("\xff" * 100, "'" + r"\xff" * 19 + r"\xf" + "... (100 characters)"),
    ],
)
def test_what_a_client_sends_is_escaped_and_cut(origin: str, shown: str) -> None:
    assert explain(TO_APP, call(origin)).message == (
        f"The origin {shown} is not written as a browser writes it."
    )


def test_the_line_is_ascii_and_short_whatever_a_place_is_called() -> None:
    words = KEYWORDS.at("paths['/\u20ac\n/*']")
    line = explain_in(words, TO_APP, call("https://b.example.net")).line
    assert line == (
        r"The page is on 'https://b.example.net', which allow_origins in paths['/\u20ac\n/*'] does"
        r' not allow. To allow it: allow_origins=["https://app.example.com",'
        r' "https://b.example.net"]'
        r"  # in paths['/\u20ac\n/*']"
    )
    long = explain_in(KEYWORDS.at("x" * 500), TO_APP, call("https://b.example.net")).line
    assert (len(long), long[-3:]) == (400, "...")


# ------------------------------------------------------------------ properties


def browser_lets_through(policy: Policy, environ: dict[str, str], credentials: bool) -> bool:
    """Fetch, from the headers that the engine writes and from nothing else."""
    if "HTTP_ORIGIN" not in environ:
        return True
    method = environ["REQUEST_METHOD"]
    if method == "OPTIONS" and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
        return passes_preflight(policy, environ, credentials)
    unsafe = []
    if environ.get("HTTP_AUTHORIZATION"):
        unsafe.append("authorization")
    if not is_safelisted_type(environ.get("CONTENT_TYPE", "")):
        unsafe.append("content-type")
    if environ.get("HTTP_COOKIE"):
        credentials = True
    if method not in ("GET", "HEAD", "POST") or unsafe:
        before = {
            "REQUEST_METHOD": "OPTIONS",
            "HTTP_ORIGIN": environ["HTTP_ORIGIN"],
            "HTTP_ACCESS_CONTROL_REQUEST_METHOD": method,
            "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": ",".join(unsafe),
        }
        if not passes_preflight(policy, before, credentials):
            return False
    answer = write_headers([], decide(policy, environ))
    return passes_check(dict(answer), environ["HTTP_ORIGIN"], credentials)


def is_safelisted_type(value: str) -> bool:
    """Fetch, "CORS-safelisted request-header", for Content-Type."""
    essence = value.split(";", maxsplit=1)[0].strip(" \t").lower()
    return value == "" or (
        len(value) <= 128
        and not re.search(r'[\x00-\x08\x0a-\x1f"():<>?@\[\\\]{}\x7f]', value)
        and essence in ("text/plain", "multipart/form-data", "application/x-www-form-urlencoded")
    )


def passes_check(headers: dict[str, str], origin: str, credentials: bool) -> bool:
    """Fetch, "CORS check"."""
    allowed = headers.get("Access-Control-Allow-Origin")
    if allowed == "*" and not credentials:
        return True
    return allowed == origin and (
        not credentials or headers.get("Access-Control-Allow-Credentials") == "true"
    )


def passes_preflight(policy: Policy, environ: dict[str, str], credentials: bool) -> bool:
    """Fetch, "CORS-preflight fetch"; for what a page can send at all."""
    token = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
    method = environ["HTTP_ACCESS_CONTROL_REQUEST_METHOD"]
    names = [
        name.strip(" \t")
        for name in environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").split(",")
        if name.strip(" \t")
    ]
    if not all(map(token.fullmatch, [method, *names])):
        return False
    if method.upper() in ("CONNECT", "TRACE", "TRACK"):
        return False
    status, lines, _ = answer_preflight(decide(policy, environ))
    headers = dict(lines)
    if status[0] != "2" or not passes_check(headers, environ["HTTP_ORIGIN"], credentials):
        return False
    methods = headers.get("Access-Control-Allow-Methods", "").split(", ")
    if method not in ("GET", "HEAD", "POST", *methods) and (credentials or "*" not in methods):
        return False
    listed = headers.get("Access-Control-Allow-Headers", "").lower().split(", ")
    any_name = "*" in listed and not credentials
    return all(
        name.lower() in listed or (any_name and name.lower() != "authorization") for name in names
    )


@st.composite
def calls(draw: st.DrawFn) -> dict[str, str]:
    """Requests, with what a page may have set."""
    environ = draw(requests(("GET", "POST", "OPTIONS", "OPTIONS", "PUT", "PURGE", "patch")))
    if "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ:
        return environ
    for key, values in {
        "HTTP_AUTHORIZATION": st.just("Basic x"),
        "HTTP_COOKIE": st.just("a=b"),
        "CONTENT_TYPE": st.sampled_from(["", "application/json", "text/plain", "text/plain;x=("]),
    }.items():
        if draw(st.booleans()):
            environ[key] = draw(values)
    return environ


@settings(max_examples=250)
@given(policy_options(), calls(), st.booleans())
def test_it_agrees_with_what_a_browser_makes_of_the_headers(
    options: dict[str, Any], environ: dict[str, str], credentials: bool
) -> None:
    """Design, 1: "A blocked request can always be explained", and no other is."""
    policy = Policy(**options)
    found = explain(policy, environ, credentials=credentials)
    assert found.allowed is browser_lets_through(policy, environ, credentials)
    assert decide(policy, environ).allowed or not found.allowed
    assert (found.fix == "") is found.allowed


@settings(max_examples=250)
@given(gated_options(), gated_requests())
def test_it_refuses_what_the_gate_refuses(options: dict[str, Any], environ: dict[str, str]) -> None:
    """Design, 8, of requests that are no preflight."""
    environ.pop("HTTP_ACCESS_CONTROL_REQUEST_METHOD", None)
    found = explain(Policy(**options), environ)
    refused = (found.reason or "").startswith("cross-site-")
    passes = options["gate"] == "report" or reference_lets_pass(options, environ)
    assert refused is not passes
    assert ("gate" in [step.name for step in found.steps]) is (options["gate"] != "off")
    assert (found.fix == "") is found.allowed


def proposed(found: Explanation, policy: Policy) -> dict[str, Any] | None:
    """The options that a fix sets, or None where it is in words only."""
    try:
        call = ast.parse(f"dict({found.fix})", mode="eval").body
    except SyntaxError:
        return None
    assert isinstance(call, ast.Call)
    options = {}
    for keyword in call.keywords:
        assert keyword.arg is not None
        value = ast.literal_eval(keyword.value)
        if isinstance(value, list) and value[0] is ...:
            value = [*getattr(policy, keyword.arg), *value[1:]]
        options[keyword.arg] = value
    return options


@settings(max_examples=250)
@given(policy_options(), calls(), st.booleans())
@example({"allow_origins": "*", "expose_headers": "*"}, preflight(), True)
def test_what_it_proposes_is_valid_and_is_enough(
    options: dict[str, Any], environ: dict[str, str], credentials: bool
) -> None:
    """Design, 7: "the change that would allow it"."""
    policy = Policy(**options)
    failed = -1
    while not (found := explain(policy, environ, credentials=credentials)).allowed:
        [at] = [index for index, step in enumerate(found.steps) if step.passed is False]
        assert at > failed, "the change did not allow it"
        failed = at
        changes = proposed(found, policy)
        if changes is None:
            return
        policy = policy.replace(**changes)


anything = st.one_of(
    any_text,
    request_origins,
    near_origins(),
    st.text(st.characters(max_codepoint=255)).map(lambda text: text * 200),
    st.sampled_from(
        [
            "\x1b[31m" * 13_000,
            "\xff" * 65_536,
            "https://" + "\xfc" * 65_536,
            "https://xn--" + "a" * 310,
            "a," * 32_768,
            "[" * 65_536,
            "\ud800",
        ]
    ),
    st.integers(),
    st.none(),
    st.binary(),
)


@settings(max_examples=150)
@given(
    policy_options() | gated_options(),
    st.dictionaries(
        st.sampled_from(
            [
                "REQUEST_METHOD",
                "HTTP_ORIGIN",
                "HTTP_ACCESS_CONTROL_REQUEST_METHOD",
                "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
                "HTTP_HOST",
                "HTTP_COOKIE",
                "HTTP_AUTHORIZATION",
                "HTTP_SEC_FETCH_SITE",
                "HTTP_SEC_FETCH_MODE",
                "HTTP_UPGRADE",
                "CONTENT_TYPE",
                "PATH_INFO",
            ]
        ),
        anything,
    ),
    st.booleans(),
    st.booleans(),
)
def test_it_never_raises_and_shows_nothing_unescaped(
    options: dict[str, Any], environ: dict[str, Any], preflight: bool, credentials: bool
) -> None:
    """Design, 1: "A running gate never raises because of what a client sends"."""
    if preflight:
        environ = {**environ, "REQUEST_METHOD": "OPTIONS"}
    found = explain(Policy(**options), environ, credentials=credentials)
    assert [step.name for step in found.steps if step.name != "gate"] == STEPS
    assert found.line.isascii()
    assert found.line.isprintable()
    assert len(found.line) <= 400
    for text in (str(found).replace("\n", ""), json.dumps(found.to_dict())):
        assert text.isascii()
        assert text.isprintable()
        assert len(text) < 20_000
