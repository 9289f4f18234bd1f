"""What tests of denials have in common: a policy with names of its own, and requests it denies."""

import logging
from typing import Any

import pytest
from answers import APP, EVIL
from wsgi_client import Answer, environ_of

from corsgate._explain import explain_in
from corsgate._words import Words
from corsgate.policy import Policy

# Names that are in no answer but for the policy's sake.
OPTIONS: dict[str, Any] = {
    "allow_origins": [APP, "https://*.tenant.example", "http://localhost:*"],
    "allow_methods": ["PROPFIND", "REPORT"],
    "allow_headers": ["X-Wanted", "X-Secret-Name"],
    "expose_headers": ["X-Shown"],
}
SECRETS = (
    *("app.example.com", "tenant.example", "localhost", "propfind", "report"),
    *("x-wanted", "x-secret-name", "x-shown"),
)

# So near to an allowed origin that an explanation names that one.
NEAR = "https://ap.example.com"
GET: dict[str, str] = {"Origin": EVIL}
PREFLIGHT = {
    "Origin": EVIL,
    "Access-Control-Request-Method": "PROPFIND",
    "Access-Control-Request-Headers": "x-wanted",
}
# A preflight whose origin is allowed, but not its method.
WRONG_METHOD = {**PREFLIGHT, "Origin": APP, "Access-Control-Request-Method": "PUT"}

# CVE-2024-1681 and more: a forged line, colours of a terminal, and what other programs take for
# the end of a line. As bytes of latin-1, which is what servers give.
FORGED = "https://x\x1b[31m\x85FAKE\u00e9"
FORGED_PATH = "/%0d%0aINFO%20FAKE%1b%5b2J%e2%80%a8"
FORGED_LINE = (
    r"corsgate: denied 'GET' '/\r\nINFO FAKE\x1b[2J\u2028' to a page on"
    r" 'https://x\x1b[31m\x85FAKE\xe9': origin-not-allowed"
)
FORGED_FIELDS = {
    "cors_kind": "actual",
    "cors_reason": "origin-not-allowed",
    "cors_origin": r"https://x\x1b[31m\x85FAKE\xe9",
    "cors_method": "GET",
    "cors_path": r"/\r\nINFO FAKE\x1b[2J\u2028",
}


def line_of(words: Words, method: str, headers: dict[str, str], **changes: Any) -> str:
    """What the log, the header and the body of a 403 are to say."""
    policy = Policy(**{**OPTIONS, **changes})
    return explain_in(words, policy, environ_of(method, "/", headers)).line


def texts(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Level and text of what corsgate has logged since the last time."""
    records = [record for record in caplog.records if record.name == "corsgate"]
    caplog.clear()
    return [(record.levelname, record.getMessage()) for record in records]


def fields(record: logging.LogRecord) -> dict[str, object]:
    return {name: value for name, value in vars(record).items() if name.startswith("cors_")}


def reasons(answer: Answer) -> list[str]:
    return answer.values("X-CORSGate-Reason")


def leaked(answer: Answer) -> list[str]:
    """The names of the policy that an answer gives away."""
    text = f"{answer.headers}{answer.body!r}".lower()
    return [secret for secret in SECRETS if secret in text]
