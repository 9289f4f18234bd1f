"""What is answered: the table of the design, and what is below it, for one policy.

Each row runs twice: through `decide` on a plain mapping, and through the WSGI wrapper with the
validator on both sides and a spy as the application.
"""

import gc
import logging
import re
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any
from wsgiref.validate import validator

import pytest
from wsgi_client import Answer, Headers, SpyApp, call, comparable, environ_of

import corsgate._engine
from corsgate import Decision, Policy, decide
from corsgate._decision import answer_preflight
from corsgate._engine import update_headers, write_headers
from corsgate.wsgi import CORSMiddleware

APP = "https://app.example.com"
EVIL = "https://evil.example"
LISTED: dict[str, Any] = {"allow_origins": [APP, "https://*.example.org", "null"]}
CREDENTIALS: dict[str, Any] = {
    "allow_origins": [APP, "https://*.example.org"],
    "allow_credentials": True,
}
METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
HEADERS = "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with"
PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
REFUSAL = b"403 Forbidden: a page on this origin may not make this request (CORS).\n"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the engine learns over the life of a process starts anew with each test."""
    monkeypatch.setattr(corsgate._engine, "_plain_names", set())
    monkeypatch.setattr(corsgate._engine, "_replaced", set())
    monkeypatch.setattr(corsgate._engine, "_joined_varies", {})


@dataclass(frozen=True)
class Row:
    """A request under a policy: what is concluded, and exactly the headers that are added."""

    policy: dict[str, Any]
    request: dict[str, str]
    adds: dict[str, str]
    method: str = "GET"
    kind: str = "actual"
    allowed: bool = True


@dataclass(frozen=True)
class Preflight:
    """The same for a preflight, which the application never sees."""

    policy: dict[str, Any]
    request: dict[str, str]
    answers: dict[str, str]
    status: int = 204
    body: bytes = b""
    allowed: bool = True


def asks(origin: str, method: str = "PUT", headers: str | None = "x-a") -> dict[str, str]:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    return asked if headers is None else {**asked, "Access-Control-Request-Headers": headers}


def allows(origin: str, **changes: str | None) -> dict[str, str]:
    """The headers of a preflight's answer under the default policy, with changes."""
    headers = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": HEADERS,
        "Access-Control-Max-Age": "600",
        "Vary": PREFLIGHT_VARY,
    }
    for key, value in changes.items():
        name = "Access-Control-" + key.replace("_", "-").title()
        if value is None:
            del headers[name]
        else:
            headers[name] = value
    return headers


REFUSED = {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": str(len(REFUSAL)),
    "Vary": PREFLIGHT_VARY,
}

ROWS = {
    # no Origin
    "no origin, any": Row({"allow_origins": "*"}, {}, {"Access-Control-Allow-Origin": "*"}),
    "no origin, any, exposing": Row(
        {"allow_origins": "*", "expose_headers": ["X-B", "X-A"]},
        {},
        {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "X-A, X-B"},
    ),
    "no origin, any, timing": Row(
        {"allow_origins": "*", "allow_timing": True},
        {},
        {"Access-Control-Allow-Origin": "*", "Timing-Allow-Origin": "*"},
    ),
    "no origin, a list": Row(LISTED, {}, {"Vary": "Origin"}, kind="not-cors"),
    "no origin, a list with everything": Row(
        {**CREDENTIALS, "expose_headers": "X-A", "allow_timing": True},
        {},
        {"Vary": "Origin"},
        kind="not-cors",
    ),
    "no origin, a callable": Row(
        {"allow_origins": lambda origin, environ: True}, {}, {"Vary": "Origin"}, kind="not-cors"
    ),
    "no origin, nothing": Row({}, {}, {}, kind="not-cors"),
    # actual, any origin
    "any": Row({"allow_origins": "*"}, {"Origin": EVIL}, {"Access-Control-Allow-Origin": "*"}),
    "any, null": Row(
        {"allow_origins": "*"}, {"Origin": "null"}, {"Access-Control-Allow-Origin": "*"}
    ),
    "any, malformed": Row(
        {"allow_origins": "*"}, {"Origin": "x\xe9 y,"}, {"Access-Control-Allow-Origin": "*"}
    ),
    "any, timing and exposing any": Row(
        {"allow_origins": "*", "allow_timing": True, "expose_headers": "*"},
        {"Origin": EVIL},
        {
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Expose-Headers": "*",
            "Timing-Allow-Origin": "*",
        },
    ),
    # actual, a list
    "listed": Row(LISTED, {"Origin": APP}, {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}),
    "listed by a pattern": Row(
        LISTED,
        {"Origin": "https://a.b.example.org"},
        {"Access-Control-Allow-Origin": "https://a.b.example.org", "Vary": "Origin"},
    ),
    "listed by a regular expression": Row(
        {"allow_origins": re.compile(r"https://x\d\.example\.com")},
        {"Origin": "https://x1.example.com"},
        {"Access-Control-Allow-Origin": "https://x1.example.com", "Vary": "Origin"},
    ),
    "listed by a callable": Row(
        {"allow_origins": lambda origin, environ: True},
        {"Origin": EVIL},
        {"Access-Control-Allow-Origin": EVIL, "Vary": "Origin"},
    ),
    "listed null": Row(
        LISTED, {"Origin": "null"}, {"Access-Control-Allow-Origin": "null", "Vary": "Origin"}
    ),
    "listed with everything": Row(
        {**CREDENTIALS, "expose_headers": ["X-Total", "Link"], "allow_timing": True},
        {"Origin": APP},
        {
            "Access-Control-Allow-Origin": APP,
            "Access-Control-Allow-Credentials": "true",
            "Access-Control-Expose-Headers": "Link, X-Total",
            "Timing-Allow-Origin": APP,
            "Vary": "Origin",
        },
    ),
    "listed, with all that only preflights are told": Row(
        {**LISTED, "allow_methods": "*", "allow_headers": "*", "max_age": 5},
        {"Origin": APP},
        {"Access-Control-Allow-Origin": APP, "Vary": "Origin"},
        method="PUT",
    ),
    # actual, not allowed
    "not listed": Row(LISTED, {"Origin": EVIL}, {"Vary": "Origin"}, allowed=False),
    "not listed, with everything": Row(
        {**CREDENTIALS, "expose_headers": ["X-Total"], "allow_timing": True},
        {"Origin": EVIL},
        {"Vary": "Origin"},
        method="POST",
        allowed=False,
    ),
    "not listed null": Row(CREDENTIALS, {"Origin": "null"}, {"Vary": "Origin"}, allowed=False),
    "empty origin": Row(LISTED, {"Origin": ""}, {"Vary": "Origin"}, allowed=False),
    "nobody is": Row({}, {"Origin": EVIL}, {}, allowed=False),
    "nobody is, null": Row({"allow_origins": []}, {"Origin": "null"}, {}, allowed=False),
    # what looks like a preflight and is none
    "plain OPTIONS": Row(
        LISTED,
        {"Origin": APP},
        {"Access-Control-Allow-Origin": APP, "Vary": "Origin"},
        method="OPTIONS",
    ),
    "plain OPTIONS, not listed": Row(
        LISTED, {"Origin": EVIL}, {"Vary": "Origin"}, method="OPTIONS", allowed=False
    ),
    "plain OPTIONS with header names": Row(
        LISTED,
        {"Origin": APP, "Access-Control-Request-Headers": "x-a"},
        {"Access-Control-Allow-Origin": APP, "Vary": "Origin"},
        method="OPTIONS",
    ),
    "plain OPTIONS without origin": Row(
        LISTED, {}, {"Vary": "Origin"}, method="OPTIONS", kind="not-cors"
    ),
    "a requested method without origin": Row(
        LISTED,
        {"Access-Control-Request-Method": "PUT"},
        {"Vary": "Origin"},
        method="OPTIONS",
        kind="not-cors",
    ),
    "a requested method without origin, any": Row(
        {"allow_origins": "*"},
        {"Access-Control-Request-Method": "PUT"},
        {"Access-Control-Allow-Origin": "*"},
        method="OPTIONS",
    ),
    "a requested method with another method": Row(
        LISTED, asks(APP), {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}, method="POST"
    ),
    # what no browser sends any more
    "private network": Row(
        LISTED,
        {"Origin": APP, "Access-Control-Request-Private-Network": "true"},
        {"Access-Control-Allow-Origin": APP, "Vary": "Origin"},
    ),
    "a request's own Vary": Row(
        LISTED,
        {"Origin": APP, "Vary": "Cookie"},
        {"Access-Control-Allow-Origin": APP, "Vary": "Origin"},
    ),
    "a foreign host": Row(
        LISTED,
        {"Origin": EVIL, "Host": "evil.example", "X-Forwarded-Host": "evil.example"},
        {"Vary": "Origin"},
        allowed=False,
    ),
    "another header for the origin": Row(
        LISTED, {"X-Origin": APP, "Referer": APP}, {"Vary": "Origin"}, kind="not-cors"
    ),
}
PREFLIGHTS = {
    "listed": Preflight(LISTED, asks(APP), allows(APP)),
    "listed by a pattern": Preflight(
        LISTED, asks("https://a.example.org"), allows("https://a.example.org")
    ),
    "listed null": Preflight(LISTED, asks("null"), allows("null")),
    "listed by a callable": Preflight(
        {"allow_origins": lambda origin, environ: origin == EVIL}, asks(EVIL), allows(EVIL)
    ),
    "any": Preflight({"allow_origins": "*"}, asks(EVIL), allows("*")),
    "any, malformed": Preflight({"allow_origins": "*"}, asks("x y,\xe9"), allows("*")),
    "without header names": Preflight(LISTED, asks(APP, headers=None), allows(APP)),
    "for a safelisted method": Preflight(LISTED, asks(APP, "GET"), allows(APP)),
    "for a method that is not allowed": Preflight(
        {**LISTED, "allow_methods": "PUT"}, asks(APP, "DELETE"), allows(APP, allow_methods="PUT")
    ),
    "for an empty method": Preflight(LISTED, asks(APP, ""), allows(APP)),
    "with credentials": Preflight(CREDENTIALS, asks(APP), allows(APP, allow_credentials="true")),
    "with no methods and headers": Preflight(
        {**LISTED, "allow_methods": [], "allow_headers": ""},
        asks(APP),
        allows(APP, allow_methods="GET", allow_headers=None),
    ),
    "with any method and header": Preflight(
        {**LISTED, "allow_methods": "*", "allow_headers": ["*", "Authorization"]},
        asks(APP),
        allows(APP, allow_methods="*", allow_headers="*, authorization"),
    ),
    "without max-age": Preflight({**LISTED, "max_age": None}, asks(APP), allows(APP, max_age=None)),
    "with max-age nought": Preflight({**LISTED, "max_age": 0}, asks(APP), allows(APP, max_age="0")),
    "with what is not for preflights": Preflight(
        {**LISTED, "allow_timing": True, "expose_headers": "X-A"}, asks(APP), allows(APP)
    ),
    "with status 200": Preflight(
        {**LISTED, "preflight_status": 200},
        asks(APP),
        {
            **allows(APP),
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": "0",
        },
        status=200,
    ),
    "any, with status 200": Preflight(
        {"allow_origins": "*", "preflight_status": 200},
        asks(APP),
        {**allows("*"), "Content-Type": "text/plain; charset=utf-8", "Content-Length": "0"},
        status=200,
    ),
    "with private network": Preflight(
        LISTED, {**asks(APP), "Access-Control-Request-Private-Network": "true"}, allows(APP)
    ),
    "not listed": Preflight(LISTED, asks(EVIL), REFUSED, 403, REFUSAL, allowed=False),
    "not listed, private network": Preflight(
        LISTED,
        {**asks(EVIL), "Access-Control-Request-Private-Network": "true"},
        REFUSED,
        403,
        REFUSAL,
        allowed=False,
    ),
    "not listed, status 200": Preflight(
        {**CREDENTIALS, "preflight_status": 200}, asks(EVIL), REFUSED, 403, REFUSAL, allowed=False
    ),
    "not listed null": Preflight(CREDENTIALS, asks("null"), REFUSED, 403, REFUSAL, allowed=False),
    "empty origin": Preflight(LISTED, asks(""), REFUSED, 403, REFUSAL, allowed=False),
    "endless origin": Preflight(
        LISTED, asks("https://" + "a" * 65_536), REFUSED, 403, REFUSAL, allowed=False
    ),
    "nobody is listed": Preflight({}, asks(EVIL), REFUSED, 403, REFUSAL, allowed=False),
    # with credentials a browser takes "*" for a name, so what was asked for is said
    "reflects the method": Preflight(
        {**CREDENTIALS, "allow_methods": "*"},
        asks(APP, "PURGE"),
        allows(APP, allow_credentials="true", allow_methods="PURGE"),
    ),
    "reflects the header names": Preflight(
        {**CREDENTIALS, "allow_headers": "*"},
        asks(APP, headers="x-b,, X-a ,"),
        allows(APP, allow_credentials="true", allow_headers="x-b, X-a"),
    ),
    "reflects both": Preflight(
        {**CREDENTIALS, "allow_methods": "*", "allow_headers": "*"},
        asks(APP, "PUT", "x-a"),
        allows(APP, allow_credentials="true", allow_methods="PUT", allow_headers="x-a"),
    ),
    "reflects nothing where nothing was asked for": Preflight(
        {**CREDENTIALS, "allow_headers": "*"},
        asks(APP, headers=None),
        allows(APP, allow_credentials="true", allow_headers=None),
    ),
    "reflects nothing where the names are empty": Preflight(
        {**CREDENTIALS, "allow_headers": "*"},
        asks(APP, headers=""),
        allows(APP, allow_credentials="true", allow_headers=None),
    ),
    "reflects no list that is none": Preflight(
        {**CREDENTIALS, "allow_headers": "*"},
        asks(APP, headers="x-a, x b"),
        allows(APP, allow_credentials="true", allow_headers=None),
    ),
    "reflects no method that is none": Preflight(
        {**CREDENTIALS, "allow_methods": "*"},
        asks(APP, "P\xdcT"),
        allows(APP, allow_credentials="true", allow_methods=None),
    ),
    "reflects no more than 4096 bytes": Preflight(
        {**CREDENTIALS, "allow_methods": "*", "allow_headers": "*"},
        asks(APP, "A" * 4_097, "a" * 4_097),
        allows(APP, allow_credentials="true", allow_methods=None, allow_headers=None),
    ),
    "reflects 4096 bytes": Preflight(
        {**CREDENTIALS, "allow_headers": "*"},
        asks(APP, headers="a" * 4_096),
        allows(APP, allow_credentials="true", allow_headers="a" * 4_096),
    ),
    "reflects no name that a server takes for one that no page may set": Preflight(
        {**CREDENTIALS, "allow_headers": "*"},
        asks(APP, headers="api_key, sec_fetch_site, Sec_Fetch-Mode, x-a"),
        allows(APP, allow_credentials="true", allow_headers="api_key, x-a"),
    ),
    "reflects nothing to strangers": Preflight(
        {**CREDENTIALS, "allow_methods": "*", "allow_headers": "*"},
        asks(EVIL),
        REFUSED,
        403,
        REFUSAL,
        allowed=False,
    ),
}
each_row = pytest.mark.parametrize("row", [pytest.param(ROWS[name], id=name) for name in ROWS])
each_preflight = pytest.mark.parametrize(
    "case", [pytest.param(PREFLIGHTS[name], id=name) for name in PREFLIGHTS]
)


def wrapped(app: SpyApp, policy: dict[str, Any]) -> Any:
    return validator(CORSMiddleware(validator(app), **policy))


@each_row
def test_an_actual_request_is_judged(row: Row) -> None:
    policy = Policy(**row.policy)
    environ = environ_of(row.method, "/", row.request)
    for _ in range(2):  # the second answer may have been made ready by the first
        decision = decide(policy, environ)
        assert (decision.kind, decision.allowed) == (row.kind, row.allowed)
        assert decision.reason == (None if row.allowed else "origin-not-allowed")
        assert decision.policy is policy
        assert comparable(write_headers([], decision)) == comparable(row.adds)


@each_row
def test_an_actual_request_reaches_the_application_and_gets_exactly_its_headers(row: Row) -> None:
    spy = SpyApp()
    app = wrapped(spy, row.policy)
    for number in (1, 2):
        answer = call(app, row.method, "/", row.request)
        assert spy.called == number
        assert (answer.status, answer.reason, answer.body) == (200, "OK", b"hello")
        assert answer.seen == comparable({"Content-Type": "text/plain", **row.adds})


@each_preflight
def test_a_preflight_is_judged(case: Preflight) -> None:
    policy = Policy(**case.policy)
    environ = environ_of("OPTIONS", "/", case.request)
    for _ in range(2):
        decision = decide(policy, environ)
        assert (decision.kind, decision.allowed) == ("preflight", case.allowed)
        assert decision.reason == (None if case.allowed else "origin-not-allowed")
        assert decision.policy is policy
        status, headers, body = answer_preflight(decision)
        assert (int(status[:3]), body) == (case.status, case.body)
        assert comparable(headers) == comparable(case.answers)


@each_preflight
def test_a_preflight_is_answered_and_never_reaches_the_application(case: Preflight) -> None:
    spy = SpyApp()
    app = wrapped(spy, case.policy)
    reasons = {200: "OK", 204: "No Content", 403: "Forbidden"}
    for _ in range(2):
        answer = call(app, "OPTIONS", "/", case.request)
        assert spy.called == 0
        assert (answer.status, answer.reason) == (case.status, reasons[case.status])
        assert answer.body == case.body
        assert answer.seen == comparable(case.answers)


# ------------------------------------------------------------------ what a request costs and gives


COMMAS = "," * 65_536


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(COMMAS, id="commas"),
        pytest.param("a," * 32_768, id="names"),
        pytest.param(" " * 65_536, id="spaces"),
        pytest.param("x" * 65_536, id="one name"),
        pytest.param("," * 1_048_576, id="a megabyte of commas"),
        pytest.param("," * 4_096, id="as many commas as are read"),
    ],
)
@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(LISTED, id="listed"),
        pytest.param({**CREDENTIALS, "allow_headers": "*"}, id="reflecting"),
        pytest.param({"allow_origins": "*", "allow_headers": "*"}, id="any"),
    ],
)
def test_endless_header_names_get_the_answer_of_an_empty_value(
    policy: dict[str, Any], value: str
) -> None:
    app = wrapped(SpyApp(), policy)
    empty = call(app, "OPTIONS", "/", asks(APP, headers=""))
    answer = call(app, "OPTIONS", "/", asks(APP, headers=value))
    assert answer == empty
    assert sum(len(name) + len(value) for name, value in answer.headers) < 1_024


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(LISTED, id="list"),
        pytest.param({"allow_origins": "*"}, id="any"),
        pytest.param({**LISTED, "allow_methods": "*", "allow_headers": "*"}, id="any header"),
    ],
)
def test_the_answer_to_a_preflight_does_not_depend_on_what_it_asks(options: dict[str, Any]) -> None:
    app = wrapped(SpyApp(), options)
    expected = call(app, "OPTIONS", "/", asks(APP, "PUT", "x-a"))
    for method, headers in (
        ("GET", None),
        ("delete", "authorization"),
        ("\x80\xff", "\x80\xff"),
        ("", ""),
        ("A" * 9_000, COMMAS),
    ):
        assert call(app, "OPTIONS", "/", asks(APP, method, headers)) == expected


BAD_ORIGINS = {
    "control characters": "https://app.example.com\r\nX-Evil: 1",
    "nought": "\0",
    "latin-1": "https://app.example.com\xe9",
    "utf-8 as latin-1": "https://\u0430pp.example.com".encode().decode("latin-1"),
    "repeated": f"{APP},{APP}",
    "repeated with a space": f"{APP}, {EVIL}",
    "64 KiB": "https://" + "a" * 65_536 + ".example.org",
    "64 KiB of commas": COMMAS,
    "with a path": f"{APP}/",
}


@pytest.mark.parametrize("name", BAD_ORIGINS)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_a_malformed_origin_is_not_allowed_and_never_an_exception(name: str, method: str) -> None:
    spy = SpyApp()
    answer = call(wrapped(spy, CREDENTIALS), method, "/", {"Origin": BAD_ORIGINS[name]})
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.cors == comparable({"Vary": "Origin"})
    answer = call(wrapped(spy, CREDENTIALS), "OPTIONS", "/", asks(BAD_ORIGINS[name]))
    assert answer == Answer(403, "Forbidden", answer.headers, REFUSAL)
    assert answer.seen == comparable(REFUSED)


def test_an_origin_sent_twice_is_not_allowed_even_if_both_are() -> None:
    answer = call(wrapped(SpyApp(), LISTED), "GET", "/", [("Origin", APP), ("Origin", APP)])
    assert answer.cors == comparable({"Vary": "Origin"})


PREFLIGHT_KEYS = {
    "REQUEST_METHOD": "OPTIONS",
    "HTTP_ORIGIN": APP,
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT",
}


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="empty"),
        pytest.param({"HTTP_ORIGIN": APP}, id="without a method"),
        pytest.param({"REQUEST_METHOD": "options", "HTTP_ORIGIN": APP}, id="lower case"),
    ],
)
def test_a_mapping_without_a_method_is_no_preflight(environ: dict[str, str]) -> None:
    environ = {**environ, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT"}
    assert decide(Policy(**LISTED), environ).kind != "preflight"


@pytest.mark.parametrize("origins", ["*", APP])
@pytest.mark.parametrize("missing", [*PREFLIGHT_KEYS, None])
def test_a_preflight_has_its_method_and_both_of_its_headers(
    origins: str, missing: str | None
) -> None:
    environ = {key: value for key, value in PREFLIGHT_KEYS.items() if key != missing}
    kind = decide(Policy(allow_origins=origins), environ).kind
    assert (kind == "preflight") is (missing is None)


def test_nothing_of_a_mapping_but_four_keys_is_read() -> None:
    read: set[object] = set()

    class Spied(dict[str, str]):
        def __getitem__(self, key: str) -> str:
            read.add(key)
            return super().__getitem__(key)

        def get(self, key: str, default: Any = None) -> Any:
            read.add(key)
            return super().get(key, default)

        def __contains__(self, key: object) -> bool:
            read.add(key)
            return super().__contains__(key)

    policy = Policy(**CREDENTIALS, allow_methods="*", allow_headers="*")
    decide(policy, Spied({"REQUEST_METHOD": "OPTIONS", "HTTP_ORIGIN": APP}))
    assert "HTTP_ORIGIN" in read
    decide(
        policy,
        Spied(
            REQUEST_METHOD="OPTIONS",
            HTTP_ORIGIN=APP,
            HTTP_ACCESS_CONTROL_REQUEST_METHOD="PUT",
            HTTP_ACCESS_CONTROL_REQUEST_HEADERS="x-a",
        ),
    )
    assert read == {
        "REQUEST_METHOD",
        "HTTP_ORIGIN",
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD",
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
    }


def test_each_preflight_is_told_what_it_asked_for() -> None:
    app = wrapped(SpyApp(), {**CREDENTIALS, "allow_methods": "*", "allow_headers": "*"})
    for method, names in (("PUT", "x-a"), ("PURGE", "x-b, x-c"), ("PUT", "x-d")):
        answer = call(app, "OPTIONS", "/", asks(APP, method, names))
        assert answer.values("Access-Control-Allow-Methods") == [method]
        assert answer.values("Access-Control-Allow-Headers") == [names]


@pytest.mark.parametrize("field", ["allow_methods", "allow_headers"])
def test_each_preflight_is_told_the_one_thing_that_it_is_told_of(field: str) -> None:
    options: dict[str, Any] = {**CREDENTIALS, field: "*"}
    policy = Policy(**options)
    for told in ("PUT", "PURGE", "PUT"):
        environ = environ_of("OPTIONS", "/", asks(APP, told, told))
        _, headers, _ = answer_preflight(decide(policy, environ))
        name = "Access-Control-Allow-" + field.removeprefix("allow_").title()
        assert headers[:2] == [("Access-Control-Allow-Origin", APP), (name, told)]


def test_a_callable_is_asked_at_every_preflight() -> None:
    answers = iter([True, False, True])
    app = wrapped(SpyApp(), {"allow_origins": lambda origin, environ: next(answers)})
    statuses = [call(app, "OPTIONS", "/", asks(APP)).status for _ in range(3)]
    assert statuses == [204, 403, 204]


def kept() -> int:
    gc.collect()
    # Not isinstance(), which would wake the lazy objects of whatever else is loaded.
    return sum(type(thing) is Decision for thing in gc.get_objects())


@pytest.mark.parametrize("preflight", [False, True], ids=["actual", "preflight"])
@pytest.mark.parametrize(
    "origins",
    [
        pytest.param("https://*.example.com", id="pattern"),
        pytest.param(lambda origin, environ: True, id="callable"),
        pytest.param(re.compile(r"https://.*"), id="regular expression"),
    ],
)
def test_clients_cannot_fill_the_memory_with_origins(origins: Any, preflight: bool) -> None:
    policy = Policy(allow_origins=origins)
    before = kept()
    for number in range(5_000):
        request = asks(f"https://a{number}.example.com") if preflight else {}
        request["Origin"] = f"https://a{number}.example.com"
        environ = environ_of("OPTIONS" if preflight else "GET", "/", request)
        assert decide(policy, environ).allowed
    assert kept() - before < 1_500


FROM_APP = {
    "actual": environ_of("GET", "/", {"Origin": APP}),
    "preflight": environ_of("OPTIONS", "/", asks(APP)),
}


@pytest.mark.parametrize("kind", FROM_APP)
@pytest.mark.parametrize(
    "entries",
    [
        pytest.param([APP], id="exact"),
        pytest.param(["https://*.example.com"], id="pattern"),
        pytest.param([re.compile(r"https://.*\.example\.com")], id="regular expression"),
        pytest.param([APP, lambda origin, environ: False], id="exact, and a callable"),
    ],
)
def test_what_holds_for_an_origin_is_concluded_once(entries: list[Any], kind: str) -> None:
    policy = Policy(allow_origins=entries)
    decision = decide(policy, FROM_APP[kind])
    assert decision.allowed
    assert decide(policy, FROM_APP[kind]) is decision


@pytest.mark.parametrize("kind", FROM_APP)
def test_what_a_callable_says_is_concluded_anew(kind: str) -> None:
    answers = iter([True, False, True])
    policy = Policy(allow_origins=["https://b.example", lambda origin, environ: next(answers)])
    assert [decide(policy, FROM_APP[kind]).allowed for _ in range(3)] == [True, False, True]


@pytest.mark.parametrize("kind", FROM_APP)
def test_a_callable_is_given_the_whole_request(kind: str) -> None:
    policy = Policy(allow_origins=lambda origin, environ: environ is FROM_APP[kind])
    assert decide(policy, FROM_APP[kind]).allowed


def test_answers_to_1024_origins_are_kept() -> None:
    policy = Policy(allow_origins="https://*.example.com")

    def from_host(number: int) -> Decision:
        return decide(policy, environ_of("GET", "/", {"Origin": f"https://a{number}.example.com"}))

    decisions = [from_host(number) for number in range(1_024)]
    assert all(from_host(number) is decision for number, decision in enumerate(decisions))
    from_host(1_024)
    assert from_host(0) is not decisions[0]


# ------------------------------------------------------------------ writing


def decision_for(origin: str | None = APP, **options: Any) -> Decision:
    policy = Policy(**{**LISTED, **options})
    return decide(policy, environ_of("GET", "/", {"Origin": origin} if origin else {}))


VARY = {
    "none": ([], "Origin"),
    "another": (["Cookie"], "Cookie, Origin"),
    "several": (["Accept, Cookie"], "Accept, Cookie, Origin"),
    "two lines": (["Accept", "Cookie"], "Accept, Cookie, Origin"),
    "ours": (["Origin"], "Origin"),
    "ours in another case": (["oRIGIN"], "oRIGIN"),
    "ours among others": (["Accept, origin ,Cookie"], "Accept, origin, Cookie"),
    "repeated": (["Accept, accept", "ACCEPT"], "Accept, Origin"),
    "star": (["*"], "*"),
    "star among others": (["Accept, *"], "*"),
    "star on a line of its own": (["Accept", "*"], "*"),
    "empty": ([""], "Origin"),
    "commas": ([" ,, ,"], "Origin"),
    "odd": (["a b"], "a b, Origin"),
}


@pytest.mark.parametrize("name", VARY)
@pytest.mark.parametrize("spelling", ["Vary", "vary", "VARY"])
@pytest.mark.parametrize("origin", [APP, EVIL, None], ids=["allowed", "denied", "no origin"])
def test_vary_is_merged_into_one_line_and_loses_nothing(
    origin: str | None, spelling: str, name: str
) -> None:
    lines, expected = VARY[name]
    headers = [("X-A", "1"), *((spelling, line) for line in lines), ("X-B", "2")]
    written = write_headers(headers, decision_for(origin))
    assert [value for key, value in written if key.lower() == "vary"] == [expected]
    assert [pair for pair in written if pair[0].startswith("X-")] == [("X-A", "1"), ("X-B", "2")]


def test_a_header_is_known_by_its_name_whatever_its_value() -> None:
    write_headers([("X-Plain", "1")], decision_for())  # so that the name is one of the learnt
    own = [("Vary", "Cookie"), ("Access-Control-Allow-Origin", "X-Plain")]
    assert write_headers(own, decision_for(EVIL)) == [("Vary", "Cookie, Origin")]


@pytest.mark.parametrize("lines", [[], ["Cookie"], ["Accept", "accept"], ["*"]], ids=str)
def test_vary_is_left_alone_where_the_answer_is_the_same_for_all(lines: list[str]) -> None:
    headers = [("vary", line) for line in lines]
    any_origin = decide(Policy(allow_origins="*"), environ_of("GET", "/", {"Origin": APP}))
    assert write_headers(headers, any_origin) == [*headers, ("Access-Control-Allow-Origin", "*")]
    nobody = decide(Policy(), environ_of("GET", "/", {"Origin": APP}))
    assert write_headers(headers, nobody) == headers


OWN: Headers = [
    ("Access-Control-Allow-Origin", EVIL),
    ("access-control-allow-origin", "*"),
    ("ACCESS-CONTROL-ALLOW-CREDENTIALS", "true"),
    ("Access-Control-Allow-Methods", "TRACE"),
    ("Access-Control-Allow-Headers", "x-evil"),
    ("Access-Control-Expose-Headers", "X-Evil"),
    ("Access-Control-Max-Age", "999999"),
    ("Access-Control-Allow-Private-Network", "true"),
    ("Timing-Allow-Origin", "*"),
]
NEIGHBOURS: Headers = [
    ("Content-Type", "text/plain"),
    ("Set-Cookie", "a=1"),
    ("Set-Cookie", "b=2"),
    ("Access-Control-Request-Method", "odd on an answer"),
    ("X-Access-Control-Allow-Origin", "not ours"),
    ("Origin", "neither"),
]


@pytest.mark.parametrize(
    ("origin", "options", "adds"),
    [
        pytest.param(APP, {}, {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}, id="allowed"),
        pytest.param(EVIL, {}, {"Vary": "Origin"}, id="denied"),
        pytest.param(None, {}, {"Vary": "Origin"}, id="no origin"),
        pytest.param(EVIL, {"allow_origins": "*"}, {"Access-Control-Allow-Origin": "*"}, id="any"),
        pytest.param(EVIL, {"allow_origins": []}, {}, id="nobody"),
    ],
)
def test_under_a_policy_the_cors_headers_are_its_own(
    origin: str | None, options: dict[str, Any], adds: dict[str, str]
) -> None:
    decision = decision_for(origin, **options)
    written = write_headers([*OWN[:4], *NEIGHBOURS, *OWN[4:]], decision)
    assert written[: len(NEIGHBOURS)] == NEIGHBOURS
    assert comparable(written[len(NEIGHBOURS) :]) == comparable(adds)


@pytest.mark.parametrize("round_", [1, 2])
def test_writing_makes_a_new_list_and_leaves_the_given_one(round_: int) -> None:
    decision = decision_for(expose_headers="X-A")
    given = [("Content-Type", "text/plain"), ("Vary", "Cookie")][:round_]
    before = list(given)
    for _ in range(3):
        written = write_headers(given, decision)
        assert given == before
        assert written is not given
        written.clear()
    again = write_headers(given, decision)
    assert comparable(again) == comparable(
        [
            ("Content-Type", "text/plain"),
            ("Access-Control-Allow-Origin", APP),
            ("Access-Control-Expose-Headers", "X-A"),
            ("Vary", "Cookie, Origin" if round_ == 2 else "Origin"),
        ]
    )


def test_the_answer_to_a_preflight_is_a_new_list_each_time() -> None:
    policy = Policy(**LISTED)
    environ = environ_of("OPTIONS", "/", asks(APP))
    for _ in range(3):
        headers = answer_preflight(decide(policy, environ))[1]
        assert comparable(headers) == comparable(allows(APP))
        headers.clear()


def test_names_without_meaning_for_cors_are_learnt_but_not_without_bound() -> None:
    decision = decision_for()
    for number in range(2_000):
        written = write_headers([(f"X-{number}", "1"), ("Vary", "Cookie")], decision)
        assert comparable(written) == comparable(
            {"X-" + str(number): "1", "Vary": "Cookie, Origin", "Access-Control-Allow-Origin": APP}
        )
    assert 1 < len(corsgate._engine._plain_names) <= 600
    own = write_headers([("X-1999", "1"), ("Access-Control-Allow-Origin", "*")], decision)
    assert comparable(own) == comparable(
        {"X-1999": "1", "Access-Control-Allow-Origin": APP, "Vary": "Origin"}
    )


def test_what_an_application_varies_by_is_remembered_to_a_limit() -> None:
    decision = decide(Policy(allow_origins="https://app.example.com"), {"REQUEST_METHOD": "GET"})
    long = "X-" + "a" * 2000
    for value in (long, *(f"X-{number}" for number in range(600)), "X-1", long):
        merged = [("A", "b"), ("Vary", f"{value}, Origin")]
        assert write_headers([("Vary", value), ("A", "b")], decision) == merged
    assert len(corsgate._engine._joined_varies) == 512
    assert (long, "Origin") not in corsgate._engine._joined_varies


# ------------------------------------------------------------------ the line in the log


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "corsgate")
    return caplog


# Header -> the option which the line names, or None where there is none.
REPLACED = {
    "Access-Control-Allow-Origin": "allow_origins",
    "Access-Control-Allow-Credentials": "allow_credentials",
    "Access-Control-Allow-Methods": "allow_methods",
    "Access-Control-Allow-Headers": "allow_headers",
    "Access-Control-Expose-Headers": "expose_headers",
    "Access-Control-Max-Age": "max_age",
    "Timing-Allow-Origin": "allow_timing",
    "Access-Control-Allow-Private-Network": None,
}


@pytest.mark.parametrize("name", REPLACED)
def test_the_first_header_that_is_taken_out_is_named_once(
    name: str, log: pytest.LogCaptureFixture
) -> None:
    for spelling in (name, name.lower(), name):
        write_headers([(spelling, "x")], decision_for())
    [record] = log.records
    assert (record.name, record.levelno) == ("corsgate", logging.WARNING)
    text = record.getMessage()
    assert repr(name) in text
    assert "the policy None" in text
    options = {option for option in REPLACED.values() if option and f"set {option} " in text}
    assert options == ({REPLACED[name]} - {None})
    assert ("in the policy instead" in text) is (REPLACED[name] is not None)


def test_each_header_that_is_taken_out_is_named(log: pytest.LogCaptureFixture) -> None:
    write_headers(OWN, decision_for())
    write_headers(OWN, decision_for(EVIL))
    assert len(log.records) == 8


def test_an_odd_spelling_is_shown_in_ascii(log: pytest.LogCaptureFixture) -> None:
    # U+212A, KELVIN SIGN, is a k in lower case; no header has such a name, but lists may.
    write_headers([("X-\u212a", "x"), ("Access-Control-Allow-Origin", "\x1b[31m")], decision_for())
    [record] = log.records
    assert record.getMessage().isascii()
    assert "\x1b" not in record.getMessage()


def test_an_ordinary_answer_is_not_worth_a_line(log: pytest.LogCaptureFixture) -> None:
    write_headers([("Content-Type", "text/plain"), ("Vary", "Cookie")], decision_for())
    assert log.records == []


# ------------------------------------------------------------------ writing in place


class AnyCase(MutableMapping[str, str]):
    """Headers as Django's: one value for a name, whatever its case, spelt as it was first set."""

    def __init__(self, pairs: Headers) -> None:
        self.pairs = {name.lower(): (name, value) for name, value in pairs}

    def __getitem__(self, name: str) -> str:
        return self.pairs[name.lower()][1]

    def __setitem__(self, name: str, value: str) -> None:
        self.pairs[name.lower()] = (name, value)

    def __delitem__(self, name: str) -> None:
        del self.pairs[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self.pairs.values()])

    def __len__(self) -> int:
        return len(self.pairs)


class Stored(AnyCase):
    """The same, kept as Django keeps them."""

    def __init__(self, pairs: Headers) -> None:
        super().__init__(pairs)
        self._store = self.pairs


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="none"),
        pytest.param([("Content-Type", "text/plain")], id="plain"),
        pytest.param([("Vary", "Cookie"), ("X-A", "1")], id="vary"),
        pytest.param([("vary", "cookie, origin")], id="vary in lower case"),
        pytest.param([("vary", "*")], id="vary star"),
        pytest.param([("X-A", "1"), *OWN[1:]], id="own"),
        pytest.param([("Access-Control-Allow-Origin", APP)], id="the same as ours"),
        pytest.param([("access-control-allow-origin", APP)], id="the same in lower case"),
        pytest.param([("Vary", "Origin")], id="the same vary"),
    ],
)
@pytest.mark.parametrize("origin", [APP, EVIL, None], ids=["allowed", "denied", "no origin"])
@pytest.mark.parametrize("kind", [AnyCase, Stored, dict])
def test_writing_in_place_does_the_same(
    kind: type[Any], origin: str | None, headers: Headers
) -> None:
    decision = decision_for(origin, expose_headers="X-A")
    for _ in range(2):
        mapping = kind(headers)
        update_headers(mapping, decision, Stored)
        assert comparable(mapping) == comparable(write_headers(headers, decision))


def test_512_names_of_other_headers_are_learnt() -> None:
    headers = [(f"X-{number}", "") for number in range(600)]
    assert write_headers(headers, decision_for())[:600] == headers
    assert corsgate._engine._plain_names == {name for name, _ in headers[:512]}


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("access-control-max-age", "set max_age in the policy instead, or give"),
        ("X-CORSGate-Reason", "give"),
    ],
)
def test_the_log_names_the_header_that_is_taken_out(
    caplog: pytest.LogCaptureFixture, name: str, fix: str
) -> None:
    for _ in range(2):
        headers = write_headers([(name, "1")], decision_for("https://evil.example"))
        assert headers == [("Vary", "Origin")]
    [record] = caplog.records
    assert record.getMessage() == (
        f"corsgate: took out the application's own {name!r} header, since a policy applies here:"
        f" {fix} this route the policy None to leave CORS to the application"
    )


def test_headers_may_be_any_iterable() -> None:
    written = [("X-A", "1"), *decision_for()._lines]
    for _ in range(2):
        assert write_headers(iter([("X-A", "1")]), decision_for()) == written
        assert write_headers((("X-A", "1"),), decision_for()) == written


@pytest.mark.parametrize("name", ["vary", "Vary"])
def test_a_vary_that_passed_once_is_merged_the_next_time(name: str) -> None:
    anybody = decide(Policy(allow_origins="*"), environ_of("GET", "/", {}))
    assert (name, "Accept") in write_headers([(name, "Accept")], anybody)
    denied = decision_for("https://evil.example")
    assert write_headers([(name, "Accept")], denied) == [("Vary", "Accept, Origin")]


def test_values_are_not_taken_for_names() -> None:
    denied = decision_for("https://evil.example")
    for headers in ([("X-Known", "")], [("X-New", "X-Known")], [("X-Newer", "Vary")]):
        assert write_headers([*headers], denied) == [*headers, ("Vary", "Origin")]
    headers = [("X-Newest", "X-Known"), ("Vary", "Accept")]
    assert write_headers(headers, denied) == [headers[0], ("Vary", "Accept, Origin")]


def test_joined_varies_are_kept_up_to_a_length(monkeypatch: pytest.MonkeyPatch) -> None:
    kept_varies: dict[tuple[str, str], str] = {}
    monkeypatch.setattr(corsgate._engine, "_joined_varies", kept_varies)
    denied = decision_for("https://evil.example")
    for length in (1_024, 1_025):
        [line] = write_headers([("Vary", "a" * length)], denied)
        assert line == ("Vary", "a" * length + ", Origin")
    assert kept_varies == {("a" * 1_024, "Origin"): "a" * 1_024 + ", Origin"}
    kept_varies["b", "Origin"] = "as it is kept"
    assert write_headers([("Vary", "b")], denied) == [("Vary", "as it is kept")]
