"""Which hostile origins to ask a server with, and what its answers mean: no network, no printing.

What is asked follows the mistakes that others have made; see the advisories in the changelogs of
CORS libraries. `evil.test` stands for a host that somebody else has (RFC 6761 keeps it free).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .._protocol import ALLOW_CREDENTIALS, ALLOW_ORIGIN, ORIGIN, VARY
from ..browser._messages import get, values_of
from ..browser._url import is_origin, parse_url, registrable_domain
from ._warnings import varies_by_origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..browser import HTTPResponse
    from ..browser._url import URL

GRADES = ("critical", "high", "medium", "low", "info")
MOST_QUESTIONS = 40
_STRANGER = "https://evil.test"
# What browsers take in the name of a host, and patterns often do not expect there.
_SPECIAL = "_-!$&'+,"
_MOST_DOTS = 2
_LIST = "Compare the whole origin, as text, with a list of those that you trust."
_REGEX = "All in all it looks like a regular expression with unescaped dots and no end."


# Mistakes whose origins are let in by another one too.
_PART_OF = {"special": "suffix", "dot": "prefix"}


class Question(NamedTuple):
    """An origin to ask with, and the mistake that it looks for."""

    kind: str
    origin: str


class Risk(NamedTuple):
    """What is wrong in an answer.

    :param grade: one of `GRADES`.
    """

    grade: str
    kind: str
    origin: str
    text: str
    fix: str


# kind -> grades with credentials and without them, the risk, what to do.
_RISKS: dict[str, tuple[tuple[str, str], str, str]] = {
    "reflection": (
        ("critical", "low"),
        "Whatever origin asks is allowed, so any site that a user visits reads what is here.",
        _LIST,
    ),
    "null": (
        ("high", "low"),
        "A sandboxed frame on any site has the origin null, so any site can read what is here.",
        "Take null out of the allowed origins.",
    ),
    "suffix": (
        ("critical", "low"),
        "A host that only begins like yours is let in: anybody has such names below a domain.",
        _LIST,
    ),
    "prefix": (
        ("critical", "low"),
        "A host that only ends like yours is let in: anybody can register such a name.",
        "Compare the whole origin, or the end together with the dot before it.",
    ),
    "dot": (
        ("critical", "low"),
        "A dot of the pattern stands for any letter: whoever registers such a name is let in.",
        r"Write \. for a dot in a regular expression, or compare with a list.",
    ),
    "special": (
        ("high", "low"),
        "The pattern takes this character for the end of the host: anybody can have such a host.",
        _LIST,
    ),
    "http": (
        ("medium", "low"),
        "A page on http is let in: whoever can change traffic on a user's network writes one.",
        "Allow https origins only.",
    ),
    "subdomain": (
        ("medium", "info"),
        "Each host below is let in: also one that somebody takes over, or with an injected script.",
        "Name the hosts that need it, unless you trust all of them.",
    ),
    "port": (
        ("low", "info"),
        "Whatever listens on another port of the host is let in.",
        "Name the ports that need it.",
    ),
}


def questions(target: URL, trusted: str | None) -> list[Question]:
    """What to ask, at most `MOST_QUESTIONS`; the first is the one that says most.

    :param target: the address that is asked.
    :param trusted: an origin that the server is known to allow; its own one if there is none.
    """
    bases = [base for base in (parse_url(trusted) if trusted else None, target) if base]
    trusted = trusted or target.origin
    found = [
        Question("reflection", _STRANGER),
        Question("null", "null"),
        Question("trusted", trusted),
    ]
    seen = {trusted, target.origin, _STRANGER, "null"}
    for base in bases:
        for question in _about(base):
            if question.origin not in seen and is_origin(question.origin):
                seen.add(question.origin)
                found.append(question)
    return found[:MOST_QUESTIONS]


def _about(base: URL) -> Iterator[Question]:
    """Origins that look like one that is trusted."""
    if not base.host or base.host.startswith("["):
        return  # of another scheme than http, or an address that takes no letters
    port = "" if base.port is None else f":{base.port}"
    domain = registrable_domain(base.host) or base.host
    hosts = dict.fromkeys((base.host, domain))

    def question(kind: str, host: str, *, scheme: str = base.scheme, port: str = port) -> Question:
        return Question(kind, f"{scheme}://{host}{port}")

    for host in hosts:
        yield question("suffix", f"{host}.evil.test")
    if base.scheme == "https":
        yield question("http", base.host, scheme="http")
    # URL, "ends-in-a-number checker": no browser takes these for an IPv4 address.
    if base.host.strip("0123456789."):
        yield question("prefix", f"evil{domain}")
        dots = [at for at, char in enumerate(base.host) if char == "."]
        for at in dots[:_MOST_DOTS]:
            yield question("dot", f"{base.host[:at]}x{base.host[at + 1 :]}")
        for host in hosts:
            yield question("subdomain", f"evil.{host}")
    for char in _SPECIAL:
        yield question("special", f"{base.host}{char}.evil.test")
    yield question("port", base.host, port=":4444")


def _is_allowed(question: Question, response: HTTPResponse) -> bool:
    return get(response.headers, ALLOW_ORIGIN) in (question.origin, "*")


def find_risk(question: Question, response: HTTPResponse) -> Risk | None:
    """What the answer lets in that it should not; None if that is nothing."""
    if question.kind == "trusted" or not _is_allowed(question, response):
        return None
    credentials = get(response.headers, ALLOW_CREDENTIALS) == "true"
    if get(response.headers, ALLOW_ORIGIN) == "*":
        text = "Any site can read what is here, without cookies: fine for what is public."
        if not credentials:
            return Risk("info", "wildcard", question.origin, text, "Nothing, if it is public.")
        return Risk(
            "low",
            "wildcard",
            question.origin,
            f"{text} {ALLOW_CREDENTIALS}: true beside it does nothing; who makes it work by"
            " answering each origin with itself lets every site in.",
            f"Take out {ALLOW_CREDENTIALS}, or name the origins.",
        )
    (with_cookies, without), text, fix = _RISKS[question.kind]
    text += " Cookies go along." if credentials else " Cookies do not go along."
    return Risk(with_cookies if credentials else without, question.kind, question.origin, text, fix)


def find_risks(answers: list[tuple[Question, HTTPResponse]]) -> list[Risk]:
    """What was found, each kind once, the worst first."""
    found: dict[str, Risk] = {}
    for question, response in answers:
        risk = find_risk(question, response)
        if risk is not None:
            found.setdefault(risk.kind, risk)
    if "suffix" in found and found.keys() & {"prefix", "dot"}:
        risk = found["suffix"]
        found["suffix"] = risk._replace(text=f"{risk.text} {_REGEX}")
    vary = _find_vary_risk(answers)
    risks = [*found.values(), *([vary] if vary else [])]
    return sorted(risks, key=lambda risk: GRADES.index(risk.grade))


def is_said_already(question: Question, answers: list[tuple[Question, HTTPResponse]]) -> bool:
    """Whether the answers so far leave nothing to learn from this question."""
    kinds = {asked.kind for asked, response in answers if _is_allowed(asked, response)}
    if "reflection" in kinds:
        return question.kind != "null"
    return _PART_OF.get(question.kind) in kinds


def find_notes(answers: list[tuple[Question, HTTPResponse]], *, named: bool) -> list[str]:
    """What the answers may not show.

    :param named: whether it was said which origin the server is to allow.
    """
    found = []
    if answers and not 200 <= answers[0][1].status <= 299:
        status = answers[0][1].status
        found.append(f"The address answers {status}; where it answers otherwise, CORS may differ.")
    for question, response in answers:
        if question.kind == "trusted" and not _is_allowed(question, response):
            found.append(
                f"{question.origin} is not let in, and a mistake shows only near an origin that is:"
                f" name {'another' if named else 'one'} with --origin."
            )
    return found


def _find_vary_risk(answers: list[tuple[Question, HTTPResponse]]) -> Risk | None:
    """Whether the answers differ by origin without saying so."""
    values = {tuple(values_of(response.headers, ALLOW_ORIGIN)) for _, response in answers}
    silent = [question for question, response in answers if not varies_by_origin(response)]
    if len(values) < 2 or not silent:
        return None
    return Risk(
        "low",
        "vary-missing",
        silent[0].origin,
        f"The answer depends on {ORIGIN} and does not always say {VARY}: {ORIGIN}: then a page that"
        " is allowed may get from a cache the answer made for another, and be blocked.",
        f"Send {VARY}: {ORIGIN} with every answer of this address.",
    )
