"""What is said about denials: the log, `on_denied` and debug mode, in plain WSGI."""

import gc
import itertools
import logging
import re
import threading
from collections.abc import Callable, Mapping
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
from cases import CASES, Case
from wsgi_client import Answer, SpyApp, call, comparable, environ_of

from corsgate import Decision, Policy, PolicyError
from corsgate._denials import Denials, _Limiter
from corsgate._words import KEYWORDS
from corsgate.wsgi import CORSMiddleware

REFUSAL = b"403 Forbidden: a page on this origin may not make this request (CORS).\n"
INFO_GET = f"corsgate: denied 'GET' '/api/x' to a page on '{EVIL}': origin-not-allowed"
INFO_PREFLIGHT = (
    f"corsgate: denied the preflight for 'PROPFIND' '/api/x' to a page on '{EVIL}':"
    " origin-not-allowed"
)


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr("corsgate._denials.monotonic", found)
    return found


@pytest.fixture(autouse=True)
def _all_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "corsgate")


# ------------------------------------------------------------------ debug mode


def test_debug_mode_says_why_in_the_log_the_header_and_the_body(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = CORSMiddleware(SpyApp(), debug=True, **OPTIONS)
    line = line_of(KEYWORDS, "OPTIONS", PREFLIGHT)
    answer = call(app, "OPTIONS", "/api/x", PREFLIGHT)
    assert answer.status == 403
    assert answer.body == f"{line}\n".encode()
    assert answer.seen == comparable(
        {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(line) + 1),
            "X-CORSGate-Reason": line,
            "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        }
    )
    blocks = "corsgate: a browser blocks the preflight for 'PROPFIND' '/api/x'"
    assert texts(caplog) == [("WARNING", f"{blocks}: {line}")]
    assert "allow_origins" in line
    assert EVIL in line


def test_debug_mode_leaves_the_answer_of_the_application_but_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = CORSMiddleware(SpyApp(), debug=True, **OPTIONS)
    line = line_of(KEYWORDS, "GET", GET)
    answer = call(app, "GET", "/api/x", GET)
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.seen == comparable(
        {"Content-Type": "text/plain", "X-CORSGate-Reason": line, "Vary": "Origin"}
    )
    assert texts(caplog) == [("WARNING", f"corsgate: a browser blocks 'GET' '/api/x': {line}")]


def test_debug_mode_explains_a_204_that_lacks_the_method(caplog: pytest.LogCaptureFixture) -> None:
    app = CORSMiddleware(SpyApp(), debug=True, **OPTIONS)
    line = line_of(KEYWORDS, "OPTIONS", WRONG_METHOD)
    answer = call(app, "OPTIONS", "/api/x", WRONG_METHOD)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.seen == goes_on(
        APP,
        max_age="5",
        Access_Control_Allow_Methods="PROPFIND, REPORT",
        Access_Control_Allow_Headers="x-secret-name, x-wanted",
        X_CORSGate_Reason=line,
    )
    assert "'PUT'" in line
    blocks = "corsgate: a browser blocks the preflight for 'PUT' '/api/x'"
    assert texts(caplog) == [("WARNING", f"{blocks}: {line}")]


def test_debug_mode_explains_cookies_that_are_not_allowed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = CORSMiddleware(SpyApp(), debug=True, allow_origins="*")
    [reason] = reasons(call(app, "GET", "/api/x", {"Origin": APP, "Cookie": "a=b"}))
    assert "allow_credentials" in reason
    [(level, text)] = texts(caplog)
    assert (level, text) == ("WARNING", f"corsgate: a browser blocks 'GET' '/api/x': {reason}")


def test_debug_mode_says_that_a_path_may_be_another_one(caplog: pytest.LogCaptureFixture) -> None:
    line = (
        "The path '//admin/x' may mean '/admin/x' to the application, where another policy holds,"
        " so nothing is allowed. What to do: send the path in its plain form, without // and dots,"
        " or give both the same policy"
    )
    cases: tuple[tuple[Any, str, str], ...] = (
        ("off", "GET", "a browser blocks"),
        ("enforce", "POST", "the gate refuses"),
        ("report", "POST", "the gate would refuse"),
    )
    for gate, method, does in cases:
        caplog.clear()
        paths = {"/admin/*": {"allow_origins": EVIL}}
        app = CORSMiddleware(SpyApp(), allow_origins=APP, gate=gate, paths=paths, debug=True)
        answer = call(app, method, "//admin/x", {"Origin": APP, "Sec-Fetch-Site": "cross-site"})
        assert answer.status == (403 if gate == "enforce" else 200)
        assert reasons(answer) == [line]
        assert texts(caplog)[0] == ("WARNING", f"corsgate: {does} '{method}' '//admin/x': {line}")


def test_debug_mode_says_that_the_policy_has_failed_where_its_gate_refuses(
    caplog: pytest.LogCaptureFixture,
) -> None:
    given: list[Policy] = [Policy(allow_origins=APP, gate="enforce")]
    app = CORSMiddleware(SpyApp(), lambda environ: given.pop(), debug=True)
    sent = {"Origin": APP, "Sec-Fetch-Site": "cross-site"}
    assert call(app, "POST", "/x", sent).status == 200
    answer = call(app, "POST", "/x", sent)
    assert answer.status == 403
    [reason] = reasons(answer)
    assert reason == (
        "The policy source failed or gave no policy, so nothing is allowed; the log has the error."
        " What to do: fix the policy source"
    )


def test_debug_mode_knows_what_browsers_let_pass(caplog: pytest.LogCaptureFixture) -> None:
    app = CORSMiddleware(SpyApp(), debug=True, allow_origins=APP, allow_headers="*")
    asked = {
        "Origin": APP,
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = call(app, "OPTIONS", "/api/x", asked)
    assert answer.status == 204
    [reason] = reasons(answer)
    assert reason == (
        'The page sends Authorization, which by the standard the "*" in allow_headers does not'
        " cover: it has to be named, though today's Chromium, Firefox and Safari let it pass."
        ' To allow it: allow_headers=["*", "Authorization"]'
    )
    blocks = "corsgate: by the standard a browser blocks the preflight for 'GET' '/api/x'"
    assert texts(caplog) == [("WARNING", f"{blocks}: {reason}")]


def test_debug_mode_tells_of_a_source_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    def broken(environ: object) -> Policy:
        raise RuntimeError("no database")

    app = CORSMiddleware(SpyApp(), broken, debug=True)
    line = (
        "The policy source failed or gave no policy, so nothing is allowed; the log has the error."
        " What to do: fix the policy source"
    )
    assert reasons(call(app, "GET", "/api/x", GET)) == [line]
    assert texts(caplog)[-1] == (
        "WARNING",
        f"corsgate: a browser blocks 'GET' '/api/x': {line}",
    )


def test_each_block_is_one_line_in_debug_mode(caplog: pytest.LogCaptureFixture) -> None:
    app = CORSMiddleware(SpyApp(), debug=True, **OPTIONS)
    for _ in range(100):
        call(app, "GET", "/api/x", GET)
    written = texts(caplog)
    assert (len(written), len(set(written))) == (100, 1)


def test_the_fields_of_a_block_have_the_reason_that_a_browser_has(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = CORSMiddleware(SpyApp(), debug=True, **OPTIONS)
    call(app, "OPTIONS", "/api/x", WRONG_METHOD, script_name="/mounted")
    [record] = caplog.records
    assert fields(record) == {
        "cors_kind": "preflight",
        "cors_reason": "method-not-allowed",
        "cors_origin": APP,
        "cors_method": "PUT",
        "cors_path": "/mounted/api/x",
    }


@pytest.mark.parametrize(
    ("max_age", "written"), [(600, "5"), (5, "5"), (3, "3"), (0, "0"), (None, None)]
)
def test_debug_mode_lowers_max_age_and_never_raises_it(
    max_age: int | None, written: str | None
) -> None:
    asked = {"Origin": APP, "Access-Control-Request-Method": "PUT"}
    app = CORSMiddleware(SpyApp(), debug=True, allow_origins=APP, max_age=max_age)
    assert call(app, "OPTIONS", "/", asked).seen == goes_on(APP, max_age=written)
    star = CORSMiddleware(SpyApp(), debug=True, allow_origins="*", max_age=max_age)
    values = call(star, "OPTIONS", "/", asked).values("Access-Control-Max-Age")
    assert values == ([] if written is None else [written])


NOT_JUDGED = {
    "no-origin": {},
    "own-page": {"Origin": EVIL, "Sec-Fetch-Site": "same-origin"},
    "own-page-on-plain-http": {"Origin": "http://127.0.0.1", "Host": "127.0.0.1"},
    "own-page-behind-a-proxy": {"Origin": "https://127.0.0.1", "Host": "127.0.0.1"},
    "a-form": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    "no-cors": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
}


@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize("headers", NOT_JUDGED.values(), ids=NOT_JUDGED)
def test_what_no_browser_judges_is_no_denial(
    headers: dict[str, str], debug: bool, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Any] = []
    app = CORSMiddleware(
        SpyApp(), debug=debug, on_denied=lambda *what: told.append(what), **OPTIONS
    )
    answer = call(app, "POST", "/api/x", headers)
    assert answer.seen == comparable({"Content-Type": "text/plain", "Vary": "Origin"})
    assert (told, texts(caplog)) == ([], [])


def test_a_spoofed_host_or_site_silences_no_preflight(caplog: pytest.LogCaptureFixture) -> None:
    app = CORSMiddleware(SpyApp(), **OPTIONS)
    call(app, "OPTIONS", "/api/x", {**PREFLIGHT, "Host": EVIL.partition("://")[2]})
    assert texts(caplog) == [("INFO", INFO_PREFLIGHT)]


@pytest.mark.parametrize("debug", [True, False])
def test_hands_off_stays_hands_off(debug: bool, caplog: pytest.LogCaptureFixture) -> None:
    def by_tenant(environ: Mapping[str, Any]) -> None:
        return None

    by_tenant.vary = "Host"  # type: ignore[attr-defined]
    for source in (None, by_tenant):
        app = CORSMiddleware(SpyApp(headers={"X-CORSGate-Reason": "its own"}), source, debug=debug)
        assert reasons(call(app, "GET", "/", GET)) == ["its own"]
    assert texts(caplog) == []


@pytest.mark.parametrize("inner_debug", [True, False])
def test_the_reason_is_never_doubled_and_never_the_applications(inner_debug: bool) -> None:
    spy = SpyApp(headers={"x-corsgate-reason": "believe me"})
    inner = CORSMiddleware(spy, debug=inner_debug, allow_origins="https://inner.example")
    outer = CORSMiddleware(inner, debug=True, **OPTIONS)
    assert reasons(call(outer, "GET", "/", GET)) == [line_of(KEYWORDS, "GET", GET)]
    assert reasons(call(outer, "GET", "/", {"Origin": APP})) == []
    quiet = CORSMiddleware(inner, **OPTIONS)
    assert reasons(call(quiet, "GET", "/", GET)) == []


def test_paths_are_named_in_the_explanation() -> None:
    app = CORSMiddleware(
        SpyApp(),
        paths={"/api/*": {"allow_origins": APP}, "/health": Policy(allow_origins=APP)},
        debug=True,
    )
    for path, place in {"/api/x": "paths['/api/*']", "/health": "paths['/health']"}.items():
        [reason] = reasons(call(app, "GET", path, GET))
        assert reason == line_of(KEYWORDS.at(place), "GET", GET, allow_origins=APP)
        assert f"allow_origins in {place}" in reason


def test_a_policy_that_a_source_gives_is_explained_by_keywords() -> None:
    app = CORSMiddleware(SpyApp(), lambda environ: Policy(**OPTIONS), debug=True)
    assert reasons(call(app, "GET", "/", GET)) == [line_of(KEYWORDS, "GET", GET)]


def test_a_callable_that_changes_its_mind_is_a_plain_denial(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers = itertools.cycle([False, True])
    app = CORSMiddleware(SpyApp(), debug=True, allow_origins=lambda origin, environ: next(answers))
    assert reasons(call(app, "GET", "/api/x", GET)) == []
    assert texts(caplog) == [("INFO", INFO_GET)]


# ------------------------------------------------------------------ without debug mode


def answer_to(case: Case) -> tuple[Answer, Policy | None]:
    """The answer, and the policy that has denied the request if one did."""
    denied: list[Policy | None] = []
    reply = case.reply
    spy = SpyApp(f"{reply.status} Said", reply.headers, (reply.body,))
    app = CORSMiddleware(
        spy, on_denied=lambda _, found: denied.append(found.policy), **case.options
    )
    answer = call(app, case.request.method, case.request.path, case.request.headers)
    return answer, denied[0] if denied else None


DENIED_CASES = [case for case in CASES if answer_to(case)[1] is not None]


def test_the_table_has_denials_of_both_kinds() -> None:
    assert len(DENIED_CASES) > 80
    assert {case.outcome.browser for case in DENIED_CASES} == {"blocked"}
    assert {case.outcome.status for case in DENIED_CASES} >= {200, 403}


@pytest.mark.parametrize("case", DENIED_CASES, ids=lambda case: case.id)
def test_no_denied_answer_tells_of_the_policy(case: Case) -> None:
    answer, policy = answer_to(case)
    assert policy is not None
    ours = [pair for pair in answer.headers if pair not in case.reply.headers]
    assert {name for name, _ in ours} <= {"Content-Type", "Content-Length", "Vary"}
    body = answer.body.decode() if answer.body != case.reply.body else ""
    text = " ".join([body, *(value for _, value in ours)]).lower()
    for origin in policy.allow_origins:
        assert str(origin) not in text
    names = {*policy.allow_methods, *policy.allow_headers, *policy.expose_headers}
    assert not {name.lower() for name in names} & set(re.split(r"[^a-z0-9-]+", text))


@pytest.mark.parametrize(("method", "headers"), [("GET", GET), ("OPTIONS", PREFLIGHT)])
def test_only_debug_mode_tells_of_the_policy(method: str, headers: dict[str, str]) -> None:
    quiet, loud = (
        call(
            CORSMiddleware(SpyApp(), debug=debug, **OPTIONS),
            method,
            "/",
            {**headers, "Origin": NEAR},
        )
        for debug in (False, True)
    )
    assert leaked(quiet) == []
    assert leaked(loud) == ["app.example.com", "tenant.example", "localhost"]


def test_without_debug_mode_a_refusal_is_the_same_for_every_policy() -> None:
    answer = call(CORSMiddleware(SpyApp(), **OPTIONS), "OPTIONS", "/", PREFLIGHT)
    assert (answer.status, answer.body) == (403, REFUSAL)
    assert answer.seen == comparable(
        {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": "71",
            "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
        }
    )


def test_each_denial_is_one_line_with_fields(caplog: pytest.LogCaptureFixture) -> None:
    app = CORSMiddleware(SpyApp(), **OPTIONS)
    call(app, "GET", "/api/x", GET)
    call(app, "OPTIONS", "/api/x", {**PREFLIGHT, "Origin": "https://b.example"})
    assert [fields(record) for record in caplog.records] == [
        {
            "cors_kind": "actual",
            "cors_reason": "origin-not-allowed",
            "cors_origin": EVIL,
            "cors_method": "GET",
            "cors_path": "/api/x",
        },
        {
            "cors_kind": "preflight",
            "cors_reason": "origin-not-allowed",
            "cors_origin": "https://b.example",
            "cors_method": "PROPFIND",
            "cors_path": "/api/x",
        },
    ]
    assert texts(caplog) == [
        ("INFO", INFO_GET),
        ("INFO", INFO_PREFLIGHT.replace(EVIL, "https://b.example")),
    ]


@pytest.mark.parametrize("debug", [True, False])
def test_a_request_cannot_forge_a_line(debug: bool, caplog: pytest.LogCaptureFixture) -> None:
    app = CORSMiddleware(SpyApp(), debug=debug, **OPTIONS)
    answer = call(app, "GET", FORGED_PATH, {"Origin": FORGED})
    [record] = caplog.records
    text = record.getMessage()
    assert fields(record) == FORGED_FIELDS
    if debug:
        [reason] = reasons(answer)
        where = FORGED_LINE.removeprefix("corsgate: denied ").partition(" to a page")[0]
        assert text == f"corsgate: a browser blocks {where}: {reason}"
    else:
        assert text == FORGED_LINE
    assert text.isascii()
    assert text.isprintable()


def test_what_is_long_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    app = CORSMiddleware(SpyApp(), **OPTIONS)
    method = "X\x00" * 1_000
    asked = {**PREFLIGHT, "Origin": "\x85" * 65_536, "Access-Control-Request-Method": method}
    call(app, "OPTIONS", "/" + "%0a" * 5_000, asked)
    [record] = caplog.records
    found = fields(record)
    assert {name: len(str(value)) for name, value in found.items()} == {
        "cors_kind": 9,
        "cors_reason": 18,
        "cors_origin": 200,
        "cors_method": 200,
        "cors_path": 200,
    }
    assert found["cors_origin"] == r"\x85" * 50
    assert len(record.getMessage()) < 1_100
    assert record.getMessage().isprintable()


def test_the_same_origin_is_logged_once_a_minute(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    app = CORSMiddleware(SpyApp(), **OPTIONS)
    for _ in range(3):
        call(app, "GET", "/api/x", GET)
        clock.now += 20
    # Exactly a minute later.
    assert texts(caplog) == [("INFO", INFO_GET)]
    call(app, "GET", "/api/x", GET)
    assert texts(caplog) == [("INFO", INFO_GET)]
    clock.now += 59.9
    call(app, "GET", "/api/x", GET)
    left_out = (
        "corsgate: 2 more denials are not in the log, which has at most one a minute for the same"
        " origin and reason, and 60 in all"
    )
    assert texts(caplog) == [("INFO", left_out)]
    clock.now += 60
    call(app, "GET", "/api/x", GET)
    assert texts(caplog) == [("INFO", left_out.replace("2 more", "1 more")), ("INFO", INFO_GET)]


def test_sixty_lines_a_minute_and_then_the_count(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    app = CORSMiddleware(SpyApp(), **OPTIONS)
    for number in range(200):
        call(app, "GET", "/api/x", {"Origin": f"https://h{number}.example"})
    assert [text for _, text in texts(caplog)] == [
        INFO_GET.replace(EVIL, f"https://h{number}.example") for number in range(60)
    ]
    clock.now += 60
    call(app, "GET", "/api/x", GET)
    summary, line = caplog.records
    assert fields(summary) == {"cors_left_out": 140}
    assert summary.getMessage().startswith("corsgate: 140 more denials are not in the log")
    assert line.getMessage() == INFO_GET


def reachable(start: object) -> int:
    seen: dict[int, object] = {}
    waiting = [start]
    while waiting:
        found = waiting.pop()
        if id(found) not in seen and not isinstance(found, type):
            seen[id(found)] = found
            waiting += gc.get_referents(found)
    return len(seen)


def test_a_million_made_up_origins_leave_nothing_behind() -> None:
    limiter = _Limiter()

    def attack(numbers: range) -> int:
        for number in numbers:
            limiter.admit((f"https://h{number}.example", "origin-not-allowed"), number / 100)
        return reachable(limiter)

    at_first = attack(range(10_000))
    assert attack(range(10_000, 1_000_000)) == at_first < 500


def test_many_threads_write_sixty_lines(caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    app = CORSMiddleware(SpyApp(), **OPTIONS)

    def work(start: int) -> None:
        for number in range(start, start + 50):
            call(app, "GET", "/", {"Origin": f"https://h{number}.example"})

    threads = [threading.Thread(target=work, args=[start]) for start in range(0, 400, 50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(texts(caplog)) == 60


def test_where_info_is_not_wanted_nothing_is_prepared(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.WARNING, "corsgate")
    monkeypatch.delattr("corsgate._denials._describe")
    monkeypatch.delattr("corsgate._denials._Limiter.admit")
    app = CORSMiddleware(SpyApp(), **OPTIONS)
    call(app, "GET", "/", GET)
    assert texts(caplog) == []


def test_an_allowed_request_is_not_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Denials, "note")
    app = CORSMiddleware(SpyApp(), paths={"/open/*": {"allow_origins": "*"}}, **OPTIONS)
    for path in ("/", "/open/x"):
        for headers in ({}, {"Origin": APP}, {**PREFLIGHT, "Origin": APP}):
            assert call(app, "OPTIONS", path, headers).status in (200, 204)


# ------------------------------------------------------------------ on_denied


def test_on_denied_is_told_every_denial_with_the_environ() -> None:
    told: list[tuple[Any, Decision]] = []
    app = CORSMiddleware(SpyApp(), on_denied=lambda *what: told.append(what), **OPTIONS)
    environs = []
    for method, headers in [("GET", GET), ("OPTIONS", PREFLIGHT)] * 100:
        environs.append(environ_of(method, "/api/x", headers))
        app(environs[-1], lambda status, headers, exc_info=None: lambda data: None)
    call(app, "GET", "/", {"Origin": APP})
    call(app, "OPTIONS", "/", WRONG_METHOD)
    assert all(got is sent for (got, _), sent in zip(told, environs, strict=True))
    assert [(found.kind, found.allowed, found.reason) for _, found in told] == [
        ("actual", False, "origin-not-allowed"),
        ("preflight", False, "origin-not-allowed"),
    ] * 100
    assert all(found.policy == Policy(**OPTIONS) for _, found in told)


def test_on_denied_is_told_in_debug_mode_too() -> None:
    told: list[str | None] = []
    app = CORSMiddleware(
        SpyApp(), debug=True, on_denied=lambda _, found: told.append(found.reason), **OPTIONS
    )
    call(app, "GET", "/", GET)
    assert told == ["origin-not-allowed"]


def test_what_on_denied_returns_is_ignored() -> None:
    app = CORSMiddleware(SpyApp(), on_denied=lambda *what: SpyApp("418 Teapot"), **OPTIONS)
    answer = call(app, "OPTIONS", "/", PREFLIGHT)
    assert (answer.status, answer.body) == (403, REFUSAL)


def test_what_on_denied_raises_is_logged_once_and_the_request_answered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "corsgate")

    def count(environ: Any, decision: Decision) -> None:
        raise RuntimeError("no metrics")

    app = CORSMiddleware(SpyApp(), on_denied=count, **OPTIONS)
    for _ in range(3):
        assert call(app, "OPTIONS", "/", PREFLIGHT).status == 403
    [record] = caplog.records
    assert record.levelname == "ERROR"
    assert record.exc_info is not None
    assert repr(record.exc_info[1]) == "RuntimeError('no metrics')"
    text = record.getMessage()
    assert text.startswith("corsgate: on_denied <function test_what_on_denied_raises")
    assert text.endswith(" failed with RuntimeError('no metrics')")


async def never_awaited(environ: Any, decision: Decision) -> None:
    raise AssertionError


class Awaited:
    async def __call__(self, environ: Any, decision: Decision) -> None:
        raise AssertionError


WRONG: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]]]] = {
    "debug-as-text": (
        {"debug": "yes"},
        [("wrong-type", "debug", "debug: 'yes' is no bool. Write True or False, without quotes.")],
    ),
    "debug-as-number": (
        {"debug": 1},
        [("wrong-type", "debug", "debug: 1 is no bool. Write True or False, without quotes.")],
    ),
    "on-denied-of-no-use": (
        {"on_denied": "print"},
        [
            (
                "wrong-type",
                "on_denied",
                (
                    "on_denied: 'print' is no callable. Write a function that takes the environ"
                    " and the decision."
                ),
            )
        ],
    ),
}


@pytest.mark.parametrize(("arguments", "expected"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_stop_the_start(
    arguments: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(SpyApp(), **arguments, **OPTIONS)
    found = caught.value.problems
    assert [
        (fault.code, fault.field, str(fault).removesuffix(f" [{fault.code}]")) for fault in found
    ] == expected


@pytest.mark.parametrize("on_denied", [never_awaited, Awaited()])
def test_a_coroutine_function_stops_the_start(on_denied: Callable[..., Any]) -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(SpyApp(), on_denied=on_denied, debug="no", supports_credentials=True)  # type: ignore[arg-type,call-arg]
    assert [(fault.code, fault.field) for fault in caught.value.problems] == [
        ("wrong-type", "debug"),
        ("coroutine-callable", "on_denied"),
        ("unknown-option", "supports_credentials"),
    ]
