"""The gate: its five rules, what it answers and says, and whose gate holds; in plain WSGI."""

import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.validate import validator

import pytest
from wsgi_client import Answer, Body, SpyApp, call, comparable, environ_of

import corsgate._callables
from corsgate import Decision, Policy, PolicyError, check
from corsgate._closed import FAILED
from corsgate._nested import closed_between
from corsgate._problems import show
from corsgate.wsgi import CORSMiddleware

OWN = "https://www.example.com"
APP = "https://app.example.com"  # may read and write
READER = "https://reader.example.org"  # may read
WRITER = "https://idp.example.net"  # may write
EVIL = "https://evil.example.net"
POLICY = Policy(allow_origins=[APP, READER], write_origins=[APP, WRITER], gate="enforce")
PLAIN = b"403 Forbidden: a page on another site may not make this request.\n"
REFUSED = {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": str(len(PLAIN)),
    "Cache-Control": "no-store",
    "Vary": "Origin, Sec-Fetch-Site",
}


@pytest.fixture(autouse=True)
def _fresh_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.INFO, "corsgate")
    corsgate._callables.failures.clear()
    yield
    corsgate._callables.failures.clear()


def headers(**named: str) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in named.items()}


def visit(
    method: str = "POST", path: str = "/", *, policy: Any = POLICY, **sent: str
) -> tuple[int, int]:
    """The status, and how often the application was called."""
    spy = SpyApp()
    app = CORSMiddleware(spy, policy)
    sent = {"Host": "www.example.com", **sent}
    return call(app, method, path, headers(**sent)).status, spy.called


PASSED, STOPPED = (200, 1), (403, 0)

# ------------------------------------------------------------------ the five rules


@pytest.mark.parametrize(
    ("method", "sent", "outcome"),
    [
        # 2
        pytest.param("GET", {}, PASSED, id="a safe method without origin"),
        pytest.param("GET", {"Sec_Fetch_Site": "cross-site"}, PASSED, id="a link from elsewhere"),
        pytest.param("HEAD", {"Sec_Fetch_Site": "same-site"}, PASSED, id="head"),
        pytest.param("OPTIONS", {"Sec_Fetch_Site": "cross-site"}, PASSED, id="options"),
        pytest.param(
            "GET", {"Upgrade": "websocket", "Sec_Fetch_Site": "cross-site"}, STOPPED, id="handshake"
        ),
        pytest.param(
            "GET", {"Upgrade": "h2c, WebSocket", "Origin": EVIL}, STOPPED, id="handshake in a list"
        ),
        pytest.param("GET", {"Upgrade": "websocket", "Origin": WRITER}, PASSED, id="its writer"),
        pytest.param("GET", {"Upgrade": "websocket", "Origin": READER}, STOPPED, id="its reader"),
        pytest.param("GET", {"Upgrade": "websocket"}, PASSED, id="a handshake of no browser"),
        # 3
        pytest.param("POST", {"Sec_Fetch_Site": "same-origin", "Origin": OWN}, PASSED, id="own"),
        pytest.param(
            "POST", {"Sec_Fetch_Site": "same-origin", "Origin": "null"}, PASSED, id="no-referrer"
        ),
        pytest.param("POST", {"Sec_Fetch_Site": "none", "Origin": "null"}, PASSED, id="typed"),
        pytest.param("POST", {"Sec_Fetch_Site": "same-origin"}, PASSED, id="own without origin"),
        # 4
        pytest.param("POST", {"Sec_Fetch_Site": "same-site", "Origin": APP}, PASSED, id="trusted"),
        pytest.param("POST", {"Sec_Fetch_Site": "cross-site", "Origin": WRITER}, PASSED, id="only"),
        pytest.param("POST", {"Sec_Fetch_Site": "same-site", "Origin": OWN}, STOPPED, id="subdom."),
        pytest.param("POST", {"Sec_Fetch_Site": "cross-site", "Origin": READER}, STOPPED, id="r"),
        pytest.param("POST", {"Sec_Fetch_Site": "cross-site", "Origin": EVIL}, STOPPED, id="evil"),
        pytest.param(
            "POST", {"Sec_Fetch_Site": "cross-site", "Origin": "null"}, STOPPED, id="null"
        ),
        pytest.param("GET", {"Sec_Fetch_Site": "cross-site", "Origin": READER}, PASSED, id="read"),
        pytest.param("GET", {"Sec_Fetch_Site": "cross-site", "Origin": WRITER}, STOPPED, id="wr"),
        pytest.param("HEAD", {"Origin": EVIL}, STOPPED, id="head of a stranger"),
        pytest.param("OPTIONS", {"Origin": EVIL}, STOPPED, id="no preflight of a stranger"),
        pytest.param("OPTIONS", {"Origin": READER}, PASSED, id="no preflight of a reader"),
        pytest.param("POST", {"Origin": OWN}, PASSED, id="own by host"),
        pytest.param("POST", {"Origin": "http://www.example.com"}, PASSED, id="own by host, http"),
        pytest.param("OPTIONS", {"Origin": OWN}, PASSED, id="own by host, options"),
        pytest.param("POST", {"Origin": "https://www.example.com:8443"}, STOPPED, id="other port"),
        pytest.param("POST", {"Origin": "https://example.com"}, STOPPED, id="other host"),
        pytest.param("POST", {"Origin": "null"}, STOPPED, id="null without metadata"),
        pytest.param("POST", {"Origin": ""}, STOPPED, id="empty"),
        pytest.param("POST", {"Origin": f"{APP},{APP}"}, STOPPED, id="origin twice"),
        pytest.param("POST", {"Origin": "https://" + "a" * 9_999}, STOPPED, id="long"),
        # 5
        pytest.param("POST", {}, PASSED, id="no browser"),
        pytest.param("DELETE", {}, PASSED, id="no browser that deletes"),
        pytest.param("POST", {"Sec_Fetch_Site": "cross-site"}, STOPPED, id="without origin"),
        pytest.param("POST", {"Sec_Fetch_Site": "same-site"}, STOPPED, id="same site"),
        pytest.param("POST", {"Sec_Fetch_Site": ""}, STOPPED, id="empty metadata"),
        pytest.param("POST", {"Sec_Fetch_Site": "Same-Origin"}, STOPPED, id="other case"),
        pytest.param("POST", {"Sec_Fetch_Site": "none,cross-site"}, STOPPED, id="twice"),
        pytest.param("post", {"Origin": EVIL}, STOPPED, id="lower case"),
        pytest.param("get", {"Sec_Fetch_Site": "cross-site"}, STOPPED, id="no method get"),
    ],
)
def test_the_rules(method: str, sent: dict[str, str], outcome: tuple[int, int]) -> None:
    assert visit(method, **sent) == outcome
    # The function for handshakes is of the same opinion, whatever the policy's mode.
    environ = environ_of(method, "/", headers(Host="www.example.com", **sent))
    assert check(POLICY, environ).allowed is (outcome == PASSED)
    assert check(POLICY.replace(gate="off"), environ).allowed is (outcome == PASSED)


@pytest.mark.parametrize(
    ("host", "origin", "outcome"),
    [
        ("www.example.com:443", OWN, PASSED),
        ("www.example.com:80", "http://www.example.com", PASSED),
        ("www.example.com:80", OWN, STOPPED),
        ("localhost:8000", "http://localhost:8000", PASSED),
        ("[::1]:8000", "http://[::1]:8000", PASSED),
        # Junk equals junk, and is no origin.
        *((host, f"{scheme}://", STOPPED) for scheme in ("http", "https") for host in ("", ":80")),
        (":443", "https://", STOPPED),
        *(
            (host, f"https://{host}", STOPPED)
            for host in (
                "evil@www.example.com",
                "www.example.com/",
                "www.example.com?x",
                "www.example.com, www.example.com",
                "WWW.example.com",
                "www.example.com:0",
                "www.example.com:80:80",
                "[::1",
                "a" * 400,
                "\xe9.example",
            )
        ),
    ],
)
def test_without_metadata_and_own_origins_host_decides(
    host: str, origin: str, outcome: tuple[int, int]
) -> None:
    assert visit(Host=host, Origin=origin) == outcome


def test_a_spoofed_host_makes_no_origin_our_own() -> None:
    # DNS rebinding sends such a Host, and so may a proxy; a page cannot.
    policy = POLICY.replace(own_origins=[OWN])
    assert visit(policy=policy, Host="evil.example.net", Origin=EVIL) == STOPPED
    assert visit(policy=policy, Host="evil.example.net", Origin=OWN) == PASSED
    assert visit(policy=policy, X_Forwarded_Host="evil.example.net", Origin=EVIL) == STOPPED
    # Where the browser says that it is another site, Host is not asked at all.
    spoofed = {"Host": "evil.example.net", "Origin": EVIL, "Sec_Fetch_Site": "cross-site"}
    assert visit(**spoofed) == STOPPED
    assert visit(Origin=EVIL, X_Forwarded_Host="evil.example.net") == STOPPED


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil@www.example.com",
        "https://www.example.com@evil.example.net",
        "https://www.example.com/",
        "https://www.example.com?",
        "https://www.example.com#",
        "https://www.example.com\\.evil.example.net",
        "https://www.example.com%2eevil.example.net",
        "https://WWW.EXAMPLE.COM",
        "//www.example.com",
        "www.example.com",
        " https://www.example.com",
    ],
)
@pytest.mark.parametrize("own", [(), (OWN,)], ids=["host", "own_origins"])
def test_an_origin_is_compared_as_a_whole_golang_78563(origin: str, own: tuple[str, ...]) -> None:
    assert visit(policy=POLICY.replace(own_origins=own), Origin=origin) == STOPPED


def test_an_exempt_path_exempts_no_other_cve_2025_47910() -> None:
    # In Go an exemption of "/hello/" covered "/hello", which another handler served.
    app = CORSMiddleware(SpyApp(), POLICY, paths={"/hello/": {"gate": "off"}})
    paths = ("/hello/", "/hello", "/hello/x", "/hello//", "//hello/", "/x/../hello/", "/Hello/")
    statuses = {path: call(app, "POST", path, {"Origin": EVIL}).status for path in paths}
    assert statuses == {**dict.fromkeys(paths, 403), "/hello/": 200}


# ------------------------------------------------------------------ who is trusted


@pytest.mark.parametrize(
    ("options", "writers"),
    [
        ({"allow_origins": [APP, READER]}, {APP, READER}),
        ({"allow_origins": [APP, "null"]}, {APP}),
        ({"allow_origins": "*"}, set()),
        ({"allow_origins": "*", "write_origins": APP}, {APP}),
        ({"allow_origins": APP, "write_origins": ()}, set()),
        ({"allow_origins": APP, "write_origins": [WRITER]}, {WRITER}),
        ({"write_origins": "https://*.example.com"}, {APP}),
        ({"write_origins": re.compile(r"https://app\.example\.com")}, {APP}),
        ({"write_origins": lambda origin, environ: origin == WRITER}, {WRITER}),
        ({"write_origins": ["null", APP], "dangerously_allow": "null-origin"}, {APP, "null"}),
    ],
)
def test_who_may_write(options: dict[str, Any], writers: set[str]) -> None:
    policy = Policy(gate="enforce", **options)
    everybody = (APP, READER, WRITER, EVIL, "null")
    sent = {"Sec_Fetch_Site": "cross-site"}
    assert {
        origin for origin in everybody if visit(policy=policy, Origin=origin, **sent) == PASSED
    } == writers


def test_who_may_write_follows_who_may_read_until_it_is_named() -> None:
    policy = Policy(allow_origins=APP)
    assert policy.write_origins is None
    changed = policy.replace(allow_origins=[READER])
    assert check(changed, environ_of("POST", "/", {"Origin": READER})).allowed
    assert not check(changed, environ_of("POST", "/", {"Origin": APP})).allowed
    named = policy.replace(write_origins=[APP]).replace(allow_origins=[READER])
    assert named.write_origins == (APP,)
    assert not check(named, environ_of("POST", "/", {"Origin": READER})).allowed
    assert Policy(**named.to_dict()) == named != policy


def test_a_callable_is_asked_once() -> None:
    asked: list[str] = []

    def ask(origin: str, environ: Mapping[str, Any]) -> bool:
        asked.append(environ["REQUEST_METHOD"])
        return True

    assert visit(policy=Policy(allow_origins=ask, gate="enforce"), Origin=APP) == PASSED
    assert asked == ["POST"]


def test_settings_may_say_all_of_it() -> None:
    texts = {
        "CORS_ALLOW_ORIGINS": APP,
        "CORS_GATE": "enforce",
        "CORS_WRITE_ORIGINS": f"{APP}, {WRITER}",
        "CORS_OWN_ORIGINS": OWN,
    }
    assert Policy.from_mapping(texts) == Policy(
        allow_origins=APP, gate="enforce", write_origins=[APP, WRITER], own_origins=[OWN]
    )
    assert Policy.from_mapping({"CORS_WRITE_ORIGINS": ""}).write_origins == ()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (lambda: True, None),
        ([lambda origin, environ: True], None),
        (Policy, "<class 'corsgate.policy.Policy'>"),
        (re.compile("x"), "re.compile('x')"),
        (["https://*.example.com"], "'https://*.example.com'"),
        ([8000], "8000"),
    ],
    ids=["callable", "callables", "class", "regex", "pattern", "number"],
)
def test_own_origins_are_written_in_full(value: Any, shown: str | None) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(own_origins=value)
    [problem] = caught.value.problems
    assert str(problem).partition(" is no ")[2] == (
        "origin of one site. Write each origin of this site in full, such as"
        " 'https://www.example.com'. [own-origin]"
    )
    assert shown is None or problem.message.startswith(f"{shown} is ")


def test_a_proposed_line_for_own_origins_has_to_be_filled_in() -> None:
    proposed: Any = [..., OWN]
    with pytest.raises(PolicyError) as caught:
        Policy(own_origins=proposed)
    assert str(caught.value) == (
        "own_origins: Ellipsis is no origin of one site. Write the origins that are there already"
        " in the place of .... [own-origin]"
    )


def test_what_is_trusted_to_write_is_judged_as_with_credentials() -> None:
    http = "http://app.example.com"
    with pytest.raises(PolicyError) as caught:
        Policy(allow_origins=http, gate="report")
    assert str(caught.value) == (
        "allow_origins: 'http://app.example.com' trusted to write: whoever is on the network can"
        " speak for an http page. Write 'https://app.example.com', or accept it with"
        " dangerously_allow=['insecure-origin']. [insecure-origin]"
    )
    with pytest.raises(PolicyError) as caught:
        Policy(allow_origins=[http], allow_credentials=True, gate="report")
    [problem] = caught.value.problems  # once, and in the words of credentials
    assert " with credentials: " in problem.message
    with pytest.raises(PolicyError) as caught:
        Policy(
            allow_origins="*", write_origins=re.compile(r"https://.*example\.com"), gate="report"
        )
    assert " trusted to write also accepts 'https://" in str(caught.value)
    # Each of these is fine.
    Policy(allow_origins=http, gate="report", dangerously_allow="insecure-origin")
    Policy(allow_origins=[http, "null"], gate="report", write_origins=APP)
    Policy(allow_origins=["null"], gate="report")
    Policy(allow_origins=http, write_origins=[http])


# ------------------------------------------------------------------ what is answered


def refusal(origin: str | None = EVIL, method: str = "POST", **options: Any) -> Answer:
    spy = SpyApp()
    app = validator(CORSMiddleware(validator(spy), **{"policy": POLICY, **options}))
    sent = {"Sec-Fetch-Site": "cross-site"} | ({} if origin is None else {"Origin": origin})
    found = call(app, method, "/x", sent)
    assert not spy.called
    return found


def test_a_refusal_is_plain() -> None:
    for origin in (EVIL, None, "null"):
        found = refusal(origin)
        assert (found.status, found.reason, found.body) == (403, "Forbidden", PLAIN)
        assert found.seen == comparable(REFUSED)


def test_who_may_read_may_read_the_refusal() -> None:
    assert refusal(READER).seen == comparable({**REFUSED, "Access-Control-Allow-Origin": READER})
    anybody = Policy(allow_origins="*", expose_headers="X-A", gate="enforce")
    assert refusal(policy=anybody).seen == comparable(
        {**REFUSED, "Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "X-A"}
    )


def test_the_refusal_of_a_head_request_has_no_body() -> None:
    found = refusal(method="HEAD")
    assert (found.status, found.seen, found.body) == (403, comparable(REFUSED), b"")


def test_a_report_lets_everything_pass(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Decision] = []

    def on_denied(environ: Any, decision: Decision) -> WSGIApplication:
        told.append(decision)
        return SpyApp(status="418 Teapot")

    spy = SpyApp()
    app = CORSMiddleware(spy, POLICY.replace(gate="report"), on_denied=on_denied)
    found = call(app, "POST", "/x", {"Origin": READER, "Sec-Fetch-Site": "cross-site"})
    assert (found.status, spy.called) == (200, 1)
    assert found.cors == comparable({"Access-Control-Allow-Origin": READER, "Vary": "Origin"})
    assert [(one.kind, one.allowed, one.reason) for one in told] == [
        ("gate", False, "cross-site-write")
    ]
    would = "corsgate: the gate would refuse 'POST' '/x' from"
    assert caplog.record_tuples == [
        ("corsgate", logging.WARNING, f"{would} a page on '{READER}': cross-site-write")
    ]


# ------------------------------------------------------------------ what is said


@pytest.mark.parametrize(
    ("method", "sent", "reason", "page"),
    [
        ("POST", {"Origin": EVIL}, "cross-site-write", f"a page on '{EVIL}'"),
        ("GET", {"Origin": EVIL}, "cross-site-read", f"a page on '{EVIL}'"),
        (
            "GET",
            {"Origin": EVIL, "Upgrade": "websocket"},
            "cross-site-websocket",
            f"a page on '{EVIL}'",
        ),
        ("POST", {"Sec-Fetch-Site": "cross-site"}, "cross-site-write", "a page"),
    ],
)
def test_a_refusal_is_told_and_logged_once(
    method: str, sent: dict[str, str], reason: str, page: str, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Decision] = []
    app = CORSMiddleware(SpyApp(), POLICY, on_denied=lambda environ, found: told.append(found))
    for _ in range(3):
        call(app, method, "/x", sent)
    assert told == [Decision(kind="gate", allowed=False, reason=reason, policy=POLICY)] * 3
    [record] = caplog.records
    assert (record.levelno, record.getMessage()) == (
        logging.INFO,
        f"corsgate: the gate refused '{method}' '/x' from {page}: {reason}",
    )
    assert {key: value for key, value in vars(record).items() if key.startswith("cors_")} == {
        "cors_kind": "gate",
        "cors_reason": reason,
        "cors_origin": sent.get("Origin", ""),
        "cors_method": method,
        "cors_path": "/x",
    }


EXEMPT = ' if every site may call this route, exempt it: gate="off" in its cors(...) or in paths'
WRITE = "What to do: if you trust that site to act as your users, add it:"


@pytest.mark.parametrize(
    ("policy", "method", "sent", "line"),
    [
        pytest.param(
            POLICY,
            "POST",
            {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
            f"The page is on '{EVIL}', which write_origins does not trust to write. {WRITE}"
            f' write_origins=[..., "{EVIL}"]',
            id="write_origins",
        ),
        pytest.param(
            Policy(allow_origins=APP, gate="enforce"),
            "POST",
            {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
            f"The page is on '{EVIL}', which allow_origins (there is no write_origins) does not"
            f' trust to write. {WRITE} allow_origins=[..., "{EVIL}"]',
            id="derived",
        ),
        pytest.param(
            Policy(allow_origins="*", gate="enforce"),
            "POST",
            {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
            f"The page is on '{EVIL}', which write_origins does not trust to write, since it is"
            f' not set. {WRITE} write_origins=["{EVIL}"]',
            id="any",
        ),
        pytest.param(
            POLICY,
            "GET",
            {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"},
            f"The page is on '{EVIL}', which allow_origins does not trust to read. What to do: if"
            f' you trust that site to read the answers, add it: allow_origins=[..., "{EVIL}"]',
            id="read",
        ),
        pytest.param(
            POLICY.replace(own_origins=OWN),
            "POST",
            {"Origin": EVIL},
            f"The page is on '{EVIL}', which write_origins does not trust to write. {WRITE}"
            f' write_origins=[..., "{EVIL}"]; if that is this very site: own_origins=[...,'
            f' "{EVIL}"]',
            id="own",
        ),
        pytest.param(
            POLICY,
            "POST",
            {"Origin": "null"},
            "The page sends the origin 'null', as sandboxed frames, local files and redirects from"
            " site to site do, and write_origins does not trust that to write. What to do: if it"
            f" is your own form, let its Referrer-Policy be origin;{EXEMPT}",
            id="null",
        ),
        pytest.param(
            POLICY,
            "POST",
            {"Origin": "https://\x1b[31m\u2028"},
            "The origin 'https://\\x1b[31m\\u2028' is not written as a browser writes it. What to"
            " do: send the header as Origin: https://app.example.com",
            id="hostile",
        ),
        pytest.param(
            POLICY,
            "POST",
            {"Sec-Fetch-Site": "cross-site"},
            "The browser says that the request comes from another site (Sec-Fetch-Site:"
            f" 'cross-site') and not from which. What to do:{EXEMPT}",
            id="without origin",
        ),
    ],
)
def test_debug_mode_says_why(
    policy: Policy,
    method: str,
    sent: dict[str, str],
    line: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = CORSMiddleware(SpyApp(), policy, debug=True)
    found = call(app, method, "/x", sent)
    assert (found.status, found.body) == (403, f"{line}\n".encode())
    assert found.values("X-CORSGate-Reason") == [line]
    assert found.values("Content-Length") == [str(len(line) + 1)]
    assert caplog.record_tuples == [
        ("corsgate", logging.WARNING, f"corsgate: the gate refuses '{method}' '/x': {line}")
    ]


def test_debug_mode_says_what_a_report_would_refuse(caplog: pytest.LogCaptureFixture) -> None:
    app = CORSMiddleware(SpyApp(), POLICY.replace(gate="report"), debug=True)
    assert call(app, "POST", "/x", {"Origin": WRITER, "Sec-Fetch-Site": "none"}).status == 200
    assert "would refuse" not in caplog.text
    assert call(app, "POST", "/x", {"Sec-Fetch-Site": "cross-site"}).status == 200
    assert caplog.messages[-1].startswith(
        "corsgate: the gate would refuse 'POST' '/x': The browser"
    )


# ------------------------------------------------------------------ another answer


def test_on_denied_may_answer() -> None:
    def sorry(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        lines = [
            ("Content-Type", "text/html"),
            ("Cache-Control", "max-age=60"),
            ("Vary", "Cookie"),
            ("Access-Control-Allow-Origin", "*"),
        ]
        start_response("401 Unauthorized", lines)
        return [b"<p>sorry</p>"]

    found = refusal(READER, on_denied=lambda environ, decision: sorry)
    assert (found.status, found.body) == (401, b"<p>sorry</p>")
    assert found.seen == comparable(
        {
            "Content-Type": "text/html",
            "Cache-Control": "no-store",
            "Vary": "Cookie, Origin, Sec-Fetch-Site",
            "Access-Control-Allow-Origin": READER,
        }
    )


def test_what_is_no_answer_is_logged_and_the_gate_answers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = refusal(on_denied=lambda environ, decision: True)
    assert (found.status, found.body) == (403, PLAIN)
    assert caplog.messages[-1] == (
        "corsgate: on_denied gave True, which is no WSGI application, so the gate answers by itself"
    )


def begins(status: Any = "401 No", headers: Any = (("X-A", "b"),), body: Any = (b"no",)) -> Any:
    def answer(environ: WSGIEnvironment, start_response: Any) -> Any:
        start_response(status, headers if isinstance(headers, str) else list(headers))
        return body

    return answer


def breaks(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise LookupError("no template")


def breaks_late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("401 No", [])
    yield b"<p>"
    raise LookupError("no template")


def swallows(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return [b"200 OK"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(breaks, "LookupError('no template')", id="raises"),
        pytest.param(breaks_late, "LookupError('no template')", id="raises on the way"),
        pytest.param(lambda: None, "TypeError('<lambda>() takes 0 ...", id="takes nothing"),
        pytest.param(swallows, "TypeError('it did not call start_response')", id="does not start"),
        pytest.param(begins(body=None), "TypeError(...", id="no body"),
        pytest.param(begins(body="text"), "TypeError(...", id="body of text"),
        pytest.param(begins(body=b"bytes"), "TypeError(...", id="body of bytes alone"),
        *(
            pytest.param(
                begins(status=status),
                f"ValueError(\"{status!r} is no status line such as '403 Forbidden'\")",
                id=f"status {status!r}",
            )
            for status in (403, None, "", "403", "Forbidden", "4O3 Forbidden", "100 Go on")
        ),
        *(
            pytest.param(begins(status=status), "ValueError(...", id=f"status {status!r}")
            for status in ("403 No\r\nX-A: b", "403 \u2014", "\xb200 OK")
        ),
        pytest.param(begins(headers=[("X-A", 1)]), "ValueError(\"'X-A': 1 is no header\")", id="1"),
        *(
            pytest.param(begins(headers=[line]), "ValueError(...", id=f"header {line!r}")
            for line in (
                *((1, "a"), ("X-A", None), ("X-A", b"a"), ("", "a"), ("X A", "a")),
                *(("X-A", "a\r\nX-B: c"), ("X-A", "\u2014"), ("X-A",), "X-A: b"),
            )
        ),
    ],
)
def test_an_answer_that_cannot_be_sent_leaves_the_plain_refusal(
    answer: Any, error: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        found = refusal(on_denied=lambda environ, decision: answer)
        assert (found.status, found.reason, found.body) == (403, "Forbidden", PLAIN)
        assert found.seen == comparable(REFUSED)
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is not None
    text, cut, _ = error.partition("...")
    start = f"corsgate: the answer {show(answer)} of on_denied failed with {text}"
    assert record.getMessage().startswith(start)
    assert cut or record.getMessage() == f"{start}, so the gate answers by itself"


def test_an_answer_is_read_to_its_end_and_closed() -> None:
    body = Body(b"b", b"c")

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response("200 OK", [("X-A", "\t\xe9")])
        write(b"a")
        return body

    app = CORSMiddleware(SpyApp(), POLICY, on_denied=lambda environ, decision: answer)
    found = call(app, "POST", "/", {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"})
    assert (found.status, found.body, body.closed) == (200, b"abc", 1)
    expected = {"X-A": "\t\xe9", "Cache-Control": "no-store", "Vary": "Origin, Sec-Fetch-Site"}
    assert found.seen == comparable(expected)


def test_an_answer_may_change_its_mind_before_it_is_sent() -> None:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        try:
            raise LookupError
        except LookupError:
            start_response("500 Oh", [("Content-Type", "text/html")], sys.exc_info())
        return [b"sorry"]

    found = refusal(on_denied=lambda environ, decision: answer)
    assert (found.status, found.body) == (500, b"sorry")
    assert found.values("Content-Type") == ["text/html"]


def test_an_on_denied_that_fails_opens_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def on_denied(environ: Any, decision: Decision) -> None:
        raise LookupError("metrics are down")

    assert refusal(on_denied=on_denied).body == PLAIN
    assert "on_denied" in caplog.text


# ------------------------------------------------------------------ preflights

ASKS = {"Access-Control-Request-Method": "PUT", "Sec-Fetch-Site": "cross-site"}
VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"


@pytest.mark.parametrize(
    ("options", "origin", "methods"),
    [
        ({"allow_origins": [APP, READER], "write_origins": APP}, READER, "GET, HEAD, OPTIONS"),
        (
            {"allow_origins": [APP, READER], "write_origins": APP},
            APP,
            "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT",
        ),
        ({"allow_origins": "*"}, EVIL, "GET, HEAD, OPTIONS"),
        ({"allow_origins": "*", "write_origins": APP, "allow_methods": "*"}, APP, "*"),
        ({"allow_origins": "*", "allow_methods": "*"}, APP, "GET, HEAD, OPTIONS"),
        ({"allow_origins": "*", "allow_methods": "GET, PUT"}, APP, "GET"),
        ({"allow_origins": "*", "allow_methods": "PUT"}, APP, "GET"),
        ({"allow_origins": APP, "write_origins": (), "gate": "report"}, APP, None),
    ],
)
def test_who_may_not_write_is_told_of_the_safe_methods(
    options: dict[str, Any], origin: str, methods: str | None
) -> None:
    spy = SpyApp()
    app = CORSMiddleware(spy, **{"gate": "enforce", **options})
    found = call(app, "OPTIONS", "/", {**ASKS, "Origin": origin})
    told: dict[str, str] = {} if methods is None else {"Access-Control-Allow-Methods": methods}
    if options.get("gate") == "report":
        told = {"Access-Control-Allow-Methods": "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"}
    assert (found.status, spy.called) == (204, 0)
    assert found.seen == comparable(
        {
            "Access-Control-Allow-Origin": "*" if options["allow_origins"] == "*" else origin,
            **told,
            "Access-Control-Allow-Headers": (
                "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with"
            ),
            "Access-Control-Max-Age": "600",
            "Vary": VARY,
        }
    )


def test_a_preflight_for_what_the_gate_would_refuse_is_a_denial(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told: list[Decision] = []

    def visit(debug: bool, method: str) -> Answer:
        app = CORSMiddleware(
            SpyApp(), POLICY, debug=debug, on_denied=lambda environ, found: told.append(found)
        )
        sent = {"Origin": READER, "Access-Control-Request-Method": method}
        return call(app, "OPTIONS", "/x", sent)

    assert visit(False, "GET").status == 204
    assert (told, caplog.messages) == ([], [])
    assert visit(False, "DELETE").status == 204
    assert told == [
        Decision(kind="preflight", allowed=False, reason="cross-site-write", policy=POLICY)
    ]
    [message] = caplog.messages
    assert message == (
        "corsgate: the gate refused the preflight for 'DELETE' '/x' from a page on"
        f" '{READER}': cross-site-write"
    )
    line = (
        f"The page is on '{READER}', which write_origins does not trust to write. {WRITE}"
        f' write_origins=[..., "{READER}"]'
    )
    assert visit(True, "DELETE").values("X-CORSGate-Reason") == [line]
    denied = (
        visit(False, "GET"),
        call(CORSMiddleware(SpyApp(), POLICY), "OPTIONS", "/", {**ASKS, "Origin": EVIL}),
    )
    assert [answer.status for answer in denied] == [204, 403]


def test_with_credentials_only_a_safe_method_is_reflected() -> None:
    policy = Policy(
        allow_origins=[APP, READER],
        write_origins=APP,
        allow_methods="*",
        allow_credentials=True,
        gate="enforce",
    )
    app = CORSMiddleware(SpyApp(), policy)
    found = {
        origin: call(app, "OPTIONS", "/", {**ASKS, "Origin": origin}).values(
            "Access-Control-Allow-Methods"
        )
        for origin in (APP, READER)
    }
    assert found == {APP: ["PUT"], READER: ["GET, HEAD, OPTIONS"]}


# ------------------------------------------------------------------ whose gate holds


def failing(environ: Mapping[str, Any]) -> Policy:
    raise LookupError("the database is down")


def hands_off(environ: Mapping[str, Any]) -> None:
    return None


def statuses(app: WSGIApplication, *paths: str, origin: str = EVIL) -> list[int]:
    sent = {"Origin": origin, "Sec-Fetch-Site": "cross-site", "Host": "www.example.com"}
    return [call(app, "POST", path, sent).status for path in paths]


def test_only_gate_off_exempts() -> None:
    paths: dict[str, Any] = {
        "/off": {"gate": "off"},
        "/alone": Policy(allow_origins=APP),
        "/none": None,
        "/none/*": None,
        "/failing": failing,
        "/hands-off": hands_off,
        "/more": {"max_age": 5},
    }
    app = CORSMiddleware(SpyApp(), POLICY, paths=paths)
    assert statuses(app, "/off", "/alone") == [200, 200]
    closed = ("/none", "/none/x", "/failing", "/hands-off", "/more", "/x", "/off/../x", "/x/../off")
    assert statuses(app, *closed) == [403] * len(closed)
    # Who is trusted there may write; a source that fails trusts nobody.
    assert statuses(app, *closed, origin=WRITER) == [200, 200, 403, 200, 200, 200, 200, 403]


def test_hands_off_adds_nothing_but_the_gate() -> None:
    app = CORSMiddleware(SpyApp(), POLICY, paths={"/none": None})
    passed = call(app, "POST", "/none", {"Origin": APP})
    assert (passed.status, passed.cors) == (200, {})
    asked = call(app, "OPTIONS", "/none", {**ASKS, "Origin": EVIL})
    assert (asked.status, asked.cors) == (200, {})  # the application's own
    refused = call(app, "POST", "/none", {"Origin": READER})
    assert (refused.status, refused.seen) == (403, comparable(REFUSED))


def test_a_gate_may_be_on_for_some_paths_only() -> None:
    app = CORSMiddleware(SpyApp(), allow_origins=APP, paths={"/a/*": {"gate": "enforce"}})
    assert statuses(app, "/a/b", "/b") == [403, 200]
    outside = CORSMiddleware(SpyApp(), None, paths={"/a/*": POLICY, "/b": None, "/c": hands_off})
    assert statuses(outside, "/a/b", "/b", "/c", "/d") == [403, 200, 200, 200]


def test_a_callable_source_chooses_the_gate() -> None:
    tenants = {"/on": POLICY, "/off": Policy(allow_origins=APP), "/none": None}

    def source(environ: Mapping[str, Any]) -> Policy | None:
        return tenants[environ["PATH_INFO"]]

    source.vary = ("X-Tenant",)  # type: ignore[attr-defined]
    app = CORSMiddleware(SpyApp(), source)
    # What fails has the strictest gate that was given before, whatever came last.
    assert statuses(app, "/off", "/x", "/none", "/x") == [200, 200, 200, 200]
    assert statuses(app, "/on", "/off", "/none", "/x") == [403, 200, 200, 403]
    refused = call(app, "POST", "/on", {"Origin": EVIL})
    assert refused.cors == comparable({"Vary": "Origin, Sec-Fetch-Site, X-Tenant"})
    below = CORSMiddleware(SpyApp(), source, paths={"/none": None, "/on": None, "/off": failing})
    # The route whose own source has never answered: see below.
    assert statuses(below, "/none", "/off", "/on", "/off") == [200, 403, 403, 403]


def test_a_source_that_fails_has_the_gate_it_gave_to_any_request() -> None:
    def source(environ: Mapping[str, Any]) -> Policy:
        return {"/": POLICY}[environ["PATH_INFO"]]

    app = CORSMiddleware(SpyApp(), source)
    assert call(app, "GET", "/").status == 200
    assert statuses(app, "/x") == [403]


def test_a_route_whose_source_fails_keeps_its_own_gate() -> None:
    down: list[bool] = []

    def source(environ: Mapping[str, Any]) -> Policy:
        return failing(environ) if down else Policy(allow_origins=APP)

    def strict(environ: Mapping[str, Any]) -> Policy:
        return failing(environ) if down else POLICY

    paths: dict[str, Any] = {
        "/declared": {"gate": "enforce", "own_origins": [OWN]},
        "/given": strict,
        "/open": {"gate": "off"},
        "/plain": {"max_age": 1},
    }
    app = CORSMiddleware(SpyApp(), source, paths=paths)
    bare = CORSMiddleware(
        SpyApp(), lambda environ: None, paths={"/given": strict, "/other": failing}
    )
    for fails in ([], [True]):
        down[:] = fails
        assert statuses(app, *paths) == [403, 403, 200, 200]
        assert call(app, "POST", "/declared", {"Origin": OWN}).status == 200
        assert statuses(bare, "/given", "/other", "/") == [403, 403, 200]
        # A path that may mean another has the gate of either.
        assert statuses(app, "//given", "/x/..//given", "//open", "/./plain") == [
            403,
            403,
            200,
            200,
        ]


class Tenants:
    """A source that a test lets fail; it gives `policy` otherwise."""

    def __init__(self, policy: Policy | None = None, gate: str | None = None) -> None:
        self.policy = policy
        self.works = False
        if gate is not None:
            self.gate = gate

    def __call__(self, environ: Mapping[str, Any]) -> Policy | None:
        return self.policy if self.works else failing(environ)


def test_until_a_source_has_answered_nobody_on_another_site_may_write() -> None:
    source = Tenants(Policy(allow_origins=APP))
    app = CORSMiddleware(SpyApp(), source)
    assert statuses(app, "/", "/", origin=APP) == [403, 403]
    found = call(app, "POST", "/", {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"})
    assert (found.seen, found.body) == (comparable(REFUSED), PLAIN)
    # All that is not said to come from another site passes, as does what no page can read.
    for method, sent in (
        ("POST", {}),
        ("POST", {"Origin": OWN, "Host": "www.example.com"}),
        ("POST", {"Origin": "null", "Sec-Fetch-Site": "same-origin"}),
        ("GET", {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}),
        ("GET", {"Sec-Fetch-Site": "cross-site"}),
    ):
        found = call(app, method, "/", sent)
        assert (found.status, found.cors) == (200, comparable({"Vary": "Origin"}))
    assert call(app, "GET", "/", {"Origin": EVIL, "Upgrade": "websocket"}).status == 403
    source.works = True
    assert statuses(app, "/") == [200]
    source.works = False
    assert statuses(app, "/") == [200]  # it is known to have no gate


def test_debug_mode_says_that_the_source_failed(caplog: pytest.LogCaptureFixture) -> None:
    app = CORSMiddleware(SpyApp(), failing, debug=True)
    found = call(app, "POST", "/", {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"})
    line = (
        "The policy source failed or gave no policy, so nothing is allowed; the log has the error."
        " What to do: fix the policy source"
    )
    assert (found.status, found.body) == (403, f"{line}\n".encode())
    assert found.values("X-CORSGate-Reason") == [line]
    failed, refused = caplog.messages
    assert failed.startswith(
        f"corsgate: the policy source {show(failing)} failed with LookupError("
    )
    assert refused == f"corsgate: the gate refuses 'POST' '/': {line}"


@pytest.mark.parametrize("answer", [None, Policy(allow_origins=APP), POLICY.replace(gate="report")])
def test_every_answer_tells_that_a_source_does_not_refuse(answer: Policy | None) -> None:
    source = Tenants(answer)
    app = CORSMiddleware(SpyApp(), source)
    source.works = True
    assert call(app, "GET", "/").status == 200
    source.works = False
    assert statuses(app, "/") == [200]


@pytest.mark.parametrize(
    ("gate", "given", "expected"),
    [
        ("off", None, 200),
        ("report", None, 200),
        ("enforce", None, 403),
        # At least what it says: what was given may be stricter.
        ("off", POLICY, 403),
        ("enforce", Policy(allow_origins=APP), 403),
    ],
)
def test_a_source_may_say_what_gate_it_has_while_it_fails(
    gate: str, given: Policy | None, expected: int
) -> None:
    source = Tenants(given, gate)
    app = CORSMiddleware(SpyApp(), source)
    if given is not None:
        source.works = True
        assert statuses(app, "/", origin=WRITER) == [200]
        source.works = False
    assert statuses(app, "/") == [expected]
    assert statuses(CORSMiddleware(SpyApp(), None, paths={"/x": Tenants(None, gate)}), "/x") == [
        403 if gate == "enforce" else 200
    ]


def test_a_gate_of_a_source_that_is_none_is_a_problem() -> None:
    with pytest.raises(PolicyError) as caught:
        CORSMiddleware(SpyApp(), Tenants(None, "on"), paths={"/x": Tenants(None, "Off")})
    assert str(caught.value) == (
        "2 problems:\n"
        "  policy.gate: 'on' is no mode of the gate. Write 'off', 'report' or 'enforce'."
        " [gate-mode]\n"
        "  paths['/x'].gate: 'Off' is no mode of the gate. Write 'off', 'report' or 'enforce'."
        " [gate-mode]"
    )


def test_a_gate_that_is_written_down_holds_where_nothing_else_is_known() -> None:
    paths: dict[str, Any] = {
        "/declared": {"gate": "enforce", "own_origins": [OWN]},
        "/open": {"gate": "off"},
        "/own": {"own_origins": "http://localhost"},
        "/none": None,
    }
    source = Tenants(POLICY)
    app = CORSMiddleware(SpyApp(), source, paths=paths)
    for works in (False, True, False):
        source.works = works
        assert statuses(app, *paths) == [403, 200, 403, 403]
        own = {"Origin": "http://localhost", "Host": "evil.example.net"}
        assert call(app, "POST", "/own", own).status == 200
        spoofed = {"Origin": EVIL, "Host": "evil.example.net"}
        assert call(app, "POST", "/own", spoofed).status == 403
        assert call(app, "POST", "/declared", {"Origin": OWN}).status == 200


def test_what_options_below_a_source_give_tells_of_its_gate() -> None:
    source = Tenants(POLICY)
    app = CORSMiddleware(SpyApp(), source, paths={"/mild": {"max_age": 1}, "/off": {"gate": "off"}})
    source.works = True
    assert statuses(app, "/mild", "/off") == [403, 200]
    source.works = False
    found = call(app, "GET", "/", {"Origin": EVIL, "Sec-Fetch-Site": "cross-site"})
    assert found.status == 403  # it is known to refuse that too


def test_many_gates_of_sources_that_fail_do_not_fill_the_memory() -> None:
    from corsgate import _closed

    for port in range(1000, 1600):
        closed = _closed.closed_under("enforce", (f"http://localhost:{port}",))
        assert closed is _closed.closed_under("enforce", (f"http://localhost:{port}",))
    assert len(_closed._closed) <= 256


def test_none_of_the_applications_own_source_has_no_gate_around_it() -> None:
    source = Tenants(POLICY)
    source.works = True
    app = CORSMiddleware(SpyApp(), source, paths={"/none": None})
    assert statuses(app, "/", "/none") == [403, 403]
    source.policy = None
    assert statuses(app, "/", "/none") == [200, 200]


@pytest.mark.parametrize("path", ["//admin/x", "/./admin/x", "/x/../admin/y", "/admin//x"])
def test_a_path_that_may_be_resolved_has_the_strictest_gate_of_what_it_may_mean(path: str) -> None:
    enforced: dict[str, Any] = {"gate": "enforce", "own_origins": [OWN]}
    app = CORSMiddleware(
        SpyApp(), allow_origins=APP, paths={"/admin/x": enforced, "/admin/y": enforced}
    )
    assert statuses(app, path, "/other") == [403, 200]
    assert call(app, "POST", path, {"Origin": OWN}).status == 200
    app = CORSMiddleware(
        SpyApp(), None, paths={"/admin/x": {"gate": "report"}, "/admin/y": enforced}
    )
    assert statuses(app, path) == [403 if "y" in path else 200]
    app = CORSMiddleware(SpyApp(), POLICY, paths={"/admin/x": {"gate": "off"}, "/admin/y": None})
    assert statuses(app, path) == [403]


def test_what_such_a_path_may_mean_is_asked_each_time_and_kept_once() -> None:
    source = Tenants(POLICY)
    paths: dict[str, Any] = {
        "/admin/*": source,
        "/none": hands_off,
        "/report": lambda environ: Policy(gate="report"),
        "/own": {"gate": "enforce", "own_origins": [OWN]},
    }
    app = CORSMiddleware(SpyApp(), Policy(allow_origins=APP), paths=paths)
    gate = app._held[1]
    assert gate is not None
    assert statuses(app, "//admin/x", "//none", "//report", "//own") == [403, 200, 200, 403]
    # What has never answered is not to be written to; what may be read needs no gate.
    assert call(app, "GET", "//admin/x", {"Origin": EVIL}).status == 200
    source.works = True
    assert call(app, "GET", "//admin/x", {"Origin": EVIL}).status == 403
    own = {"Origin": OWN, "Host": "inside"}
    assert [call(app, "POST", f"/x/..//{path}", own).status for path in ("own", "admin")] == [
        200,
        403,
    ]
    kept = len(gate._given)
    source.works = False
    assert statuses(app, *(f"/{'/' * more}admin/{more}" for more in range(1, 9))) == [403] * 8
    assert len(gate._given) == kept
    assert closed_between(source, POLICY) == closed_between(source, POLICY) != POLICY
    assert hash(closed_between(source)) == hash(closed_between(source))


def test_options_below_none_keep_the_gate_that_is_around() -> None:
    from corsgate._nested import derive, leave

    around = POLICY.replace(own_origins=[OWN])
    below = derive(leave(around), {"allow_origins": READER}, "view 'x'")
    assert below == Policy(
        allow_origins=READER, gate="enforce", write_origins=[APP, WRITER], own_origins=[OWN]
    )
    chosen: Any = derive(leave(lambda environ: around), {"allow_origins": READER}, "view 'x'")
    assert chosen({}) == below
    opened: Any = derive(leave(hands_off), {"allow_origins": READER}, "view 'x'")
    assert opened({}) == Policy(allow_origins=READER)
    assert opened({}) is opened({})
    assert leave(leave(around)) == leave(around)
    assert hash(leave(around)) == hash(leave(around))
    assert leave(around) != leave(POLICY)
    assert leave(Policy()) is None


def test_options_below_none_do_not_open_the_gate_while_the_source_around_fails() -> None:
    from corsgate._denials import Denials
    from corsgate._nested import derive, leave
    from corsgate._refusals import Gate
    from corsgate._sources import decide_by

    works = True

    def source(environ: Mapping[str, Any]) -> Policy:
        if works:
            return POLICY
        raise LookupError("the database is down")

    below = derive(leave(source), {"allow_origins": READER}, "view 'x'")
    gate = Gate(source, Denials())
    environ = environ_of("POST", "/", {"Origin": EVIL, "Host": "www.example.com"})
    words_of: Any = None  # for debug mode only
    for asked in (source, below):
        assert gate.ask(asked, decide_by(asked, environ), environ, False, words_of)[0] is not None
    works = False
    found = decide_by(below, environ)
    assert found is not None
    assert found.policy is FAILED
    refused, _ = gate.ask(below, found, environ, False, words_of)
    assert refused is not None
    assert refused._vary == ("Origin", "Sec-Fetch-Site")


def test_where_all_gates_are_off_there_is_none() -> None:
    app = CORSMiddleware(SpyApp(), allow_origins=APP, write_origins=APP, paths={"/": None})
    assert app._held[1] is None
    assert CORSMiddleware(SpyApp(), POLICY)._held[1] is not None


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ({"allow_origins": APP, "write_origins": APP}, "write_origins"),
        ({"allow_origins": APP, "write_origins": ()}, "write_origins"),
        ({"allow_origins": APP, "own_origins": OWN}, "own_origins"),
        (
            {
                "policy": None,
                "paths": {
                    "/a": {"write_origins": APP},
                    "/b": Policy(allow_origins=APP, own_origins=OWN),
                },
            },
            "own_origins and write_origins",
        ),
    ],
)
def test_options_of_a_gate_that_is_nowhere_on_are_said_to_do_nothing(
    arguments: dict[str, Any], names: str, caplog: pytest.LogCaptureFixture
) -> None:
    CORSMiddleware(SpyApp(), **arguments)
    line = (
        f"corsgate: CORSMiddleware has {names}, which only the gate reads, and no gate is on"
        ' anywhere: give it gate="report", or leave it out'
    )
    assert caplog.record_tuples == [("corsgate", logging.WARNING, line)]


@pytest.mark.parametrize(
    "arguments",
    [
        {"allow_origins": APP},
        {"policy": POLICY},
        {"allow_origins": APP, "write_origins": APP, "gate": "report"},
        {"allow_origins": APP, "write_origins": APP, "paths": {"/": {"gate": "report"}}},
        {"allow_origins": APP, "own_origins": OWN, "paths": {"/": lambda environ: None}},
    ],
)
def test_options_of_a_gate_that_may_be_on_somewhere_are_fine(
    arguments: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    CORSMiddleware(SpyApp(), **arguments)
    assert caplog.messages == []


# ------------------------------------------------------------------ handshakes


def test_check_is_for_handshakes() -> None:
    policy = Policy(allow_origins=[APP, READER], write_origins=[APP])

    def handshake(**sent: str) -> Decision:
        upgrade = {"Host": "www.example.com", "Upgrade": "websocket", "Connection": "Upgrade"}
        return check(policy, environ_of("GET", "/socket", {**upgrade, **headers(**sent)}))

    assert handshake(Origin=APP) == Decision(kind="gate", allowed=True, policy=policy)
    refused = handshake(Origin=READER)
    assert (refused.allowed, refused.reason) == (False, "cross-site-websocket")
    assert handshake(Origin=OWN).allowed  # Chromium sends no Sec-Fetch-Site with a handshake
    assert handshake().allowed


A_POLICY = "check() takes a Policy, not {}: write check(Policy(...), environ)."
AN_ENVIRON = (
    "check() takes the environ of a request, not 'GET': write request.environ, or request.META in"
    " Django."
)


@pytest.mark.parametrize(
    ("policy", "environ", "text"),
    [
        ({"gate": "enforce"}, {}, A_POLICY.format({"gate": "enforce"})),
        (None, {}, A_POLICY.format(None)),
        (POLICY, "GET", AN_ENVIRON),
    ],
)
def test_check_says_what_it_takes(policy: Any, environ: Any, text: str) -> None:
    with pytest.raises(TypeError) as caught:
        check(policy, environ)
    assert str(caught.value) == text
