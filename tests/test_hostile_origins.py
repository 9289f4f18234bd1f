"""What scanners and attackers send as `Origin`, against every kind of entry.

The scanners are CORScanner, Corsy and nuclei's template cors-misconfig; their site is the one that
trusts https://trusted.com, or hosts below it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from answers import ANYBODY, DENIED, REFUSED, goes_on, readable_by
from reference_origin import is_serialised
from wsgi_client import SpyApp, environ_of, send

from corsgate import Policy, decide
from corsgate.wsgi import CORSMiddleware

CORSCANNER = {
    "reflected": "https://evil.com",
    "suffix": "https://trusted.com.evil.com",
    "prefix": "https://eviltrusted.com",
    "included": "https://rusted.com",
    "null": "null",
    "unescaped dot": "https://trustedacom",
    "unescaped dot, of a host below": "https://www.trustedacom",
    "any subdomain": "https://evil.trusted.com",
    "http": "http://trusted.com",
    **{
        f"third party {host}": f"{scheme}://{host}"
        for scheme, host in (
            ("https", "whatever.github.io"),
            ("https", "github.com"),
            ("https", "gitlab.com"),
            ("https", "pastebin.com"),
            ("http", "jsbin.com"),
            ("https", "codepen.io"),
            ("https", "jsfiddle.net"),
            ("http", "whatever.s3.amazonaws.com"),
        )
    },
    **{
        f"special {char}": f"https://trusted.com{char}.evil.com"
        for char in [*"_-\"{}+^!~`;|&'()*,$=", "%60", "%0b"]
    },
}
CORSY = {
    "example": "https://example.com",
    "suffix": "https://trusted.com.example.com",
    "prefix": "https://d3vtrusted.com",
    "null": "null",
    "underscore": "https://trusted.com_.example.com",
    "escaped backtick": "https://trusted.com%60.example.com",
    "unescaped dot": "https://wwwxtrusted.com",
    "http": "http://trusted.com",
}
NUCLEI = {
    "glued in front": "https://abcdetrusted.com",
    "glued in front, http": "http://abcdetrusted.com",
    "one letter in front, http": "http://strusted.com",
    "reflected": "https://abcde.com",
    "suffix": "https://trusted.com.abcde.com",
    "suffix without a dot": "https://trusted.comabcde.com",
    "localhost": "https://localhost.abcde.com",
    "localhost, http": "http://localhost.abcde.com",
    "underscore": "https://trusted.com_.abcde.com",
    "escaped backtick": "https://trusted.com%60.abcde.com",
    **{f"label {char}": f"https://trusted.com.{char}.abcde.com" for char in "$~=+&*)('!;,-_"},
    "null": "null",
    "subdomain": "https://abcde.trusted.com",
    "subdomain, http": "http://abcde.trusted.com",
    "dots replaced": "https://trustedacom",
    "dots replaced, http": "http://trustedacom",
    "dots replaced, of a host below": "https://wwwatrustedacom",
}
# What else can be done to a header.
OTHERS = {
    "suffix with a hyphen": "https://trusted.com-evil.com",
    "prefix with a hyphen": "https://evil-trusted.com",
    "unescaped dot": "https://trustedxcom",
    "unescaped dot below": "https://wwwxtrusted.com",
    "unescaped dot and suffix": "https://trustedxcom.evil.com",
    "http below": "http://www.trusted.com",
    "other scheme": "ftp://trusted.com",
    "glued scheme": "xhttps://trusted.com",
    "localhost": "http://localhost",
    "localhost of evil": "https://localhost.evil.com",
    "file": "file://",
    "file with a path": "https://file:///etc/",
    "nuclei escaped backtick": "https://trusted.com%60evil.com",
    "escaped null": "https://trusted.com%00.evil.com",
    "escaped dot": "https://evil.com%2etrusted.com",
    **{f"special {char!a}": f"https://trusted.com{char}.evil.com" for char in " \t\x0b\x0c%\0"},
    "suffix of the port": "https://trusted.com:8443.evil.com",
    "port with one more digit": "https://trusted.com:84430",
    "port and user info": "https://trusted.com:8443@evil.com",
    "port of another host": "https://evil.com:8443",
    "part of a label, suffix": "https://pr-1.trusted.com.evil.com",
    "part of a label, prefix": "https://evilpr-1.trusted.com",
    "part of a label, two labels": "https://pr-1.evil.com",
    "part of a label, empty": "https://pr-.trusted.com:8443",
    "part of a label, underscore": "https://pr-1_.trusted.com",
    "port of localhost, suffix": "http://localhost:3000.evil.com",
    "port of localhost, user info": "http://localhost:3000@evil.com",
    "another scheme, suffix": "tauri://localhost.evil.com",
    "another scheme, prefix": "eviltauri://localhost",
    "user info": "https://trusted.com@evil.com",
    "user info in front": "https://evil@trusted.com",
    "user info with a password": "https://trusted.com:443@evil.com",
    "path": "https://trusted.com/",
    "path of evil": "https://evil.com/.trusted.com",
    "query": "https://evil.com?.trusted.com",
    "query of trusted": "https://trusted.com?x",
    "fragment": "https://evil.com#.trusted.com",
    "backslash": "https://evil.com\\.trusted.com",
    "upper-case scheme": "HTTPS://trusted.com",
    "upper-case host": "https://TRUSTED.COM",
    "default port": "https://trusted.com:443",
    "port nought": "https://trusted.com:0",
    "port too high": "https://trusted.com:65536",
    "port too long": "https://trusted.com:000000000000000443",
    "port of letters": "https://trusted.com:abc",
    "port of other digits": "https://trusted.com:\xb9",
    "empty port": "https://trusted.com:",
    "two ports": "https://trusted.com:1:2",
    "star as port": "https://trusted.com:*",
    "star as label": "https://*.trusted.com",
    "star in label": "https://pr-*.trusted.com",
    "star as label of evil": "https://*.evil.com",
    "star": "*",
    "no scheme": "trusted.com",
    "empty scheme": "://trusted.com",
    "no host": "https://",
    "three slashes": "https:///trusted.com",
    "one slash": "https:/trusted.com",
    "empty": "",
    "space": " ",
    "space in front": " https://trusted.com",
    "space behind": "https://trusted.com ",
    "tab": "https://trusted.com\t",
    "line break": "https://trusted.com\n",
    "header injection": "https://trusted.com\r\nX-Evil: 1",
    "nought": "https://trusted.com\0",
    "delete": "https://trusted.com\x7f",
    "escape": "https://\x1b[31mtrusted.com",
    "twice": "https://trusted.com,https://trusted.com",
    "twice with a space": "https://trusted.com, https://evil.com",
    "twice, evil first": "https://evil.com,https://trusted.com",
    "a list as of old": "https://trusted.com https://evil.com",
    "null in upper case": "NULL",
    "null and more": "null,https://trusted.com",
    "undefined": "undefined",
    "latin-1": "https://tr\xfcsted.com",
    "latin-1 space": "https://trusted.com\xa0",
    "look-alike letter": "https://tru\u017fted.com".encode().decode("latin-1"),
    "look-alike dot": "https://trusted\u3002com".encode().decode("latin-1"),
    "full width": "https://\uff54rusted.com".encode().decode("latin-1"),
    "right to left": "https://\u202etrusted.com".encode().decode("latin-1"),
    "look-alike letter, decoded": "https://tru\u017fted.com",
    "lone surrogate": "https://trusted.com\ud800",
    "address not closed": "https://[::1",
    "address of version 4 as one number": "http://2130706433",
    "64 KiB of host": "https://" + "a" * 65_536 + ".trusted.com",
    "64 KiB of labels": "https://" + "a." * 32_768 + "trusted.com",
    "64 KiB of port": "https://trusted.com:" + "1" * 65_536,
    "64 KiB of commas": "," * 65_536,
    "64 KiB of origins": "https://trusted.com," * 3_277,
    "64 KiB of scheme": "https" * 13_107 + "://trusted.com",
    "64 KiB of address": "https://[" + ":" * 65_536,
}
PAYLOADS = {
    f"{source}: {name}": origin
    for source, payloads in {
        "CORScanner": CORSCANNER,
        "Corsy": CORSY,
        "nuclei": NUCLEI,
        "other": OTHERS,
    }.items()
    for name, origin in payloads.items()
}

# Kind -> an entry, and the payloads that it means.
SUBDOMAINS = {"CORScanner: any subdomain", "nuclei: subdomain"}
EMPTY, ODD = "other: part of a label, empty", "other: part of a label, underscore"
PREFIX = "other: part of a label, prefix"
KINDS: dict[str, tuple[Any, set[str]]] = {
    "exact": ("https://trusted.com", set()),
    "exact, with a port": ("https://trusted.com:8443", set()),
    "exact, of a host below": ("https://www.trusted.com", set()),
    "http": ("http://www.trusted.com:8080", set()),
    "subdomains": ("https://*.trusted.com", {*SUBDOMAINS, ODD, PREFIX}),
    "subdomains, http": ("http://*.trusted.com", {"nuclei: subdomain, http", "other: http below"}),
    "subdomains, with a port": ("https://*.trusted.com:8443", {EMPTY}),
    "part of a label, in front": ("https://pr-*.trusted.com", set()),
    "part of a label, behind": ("https://*-pr.trusted.com", set()),
    "part of a label, inside": ("https://e*l.trusted.com", {"CORScanner: any subdomain"}),
    "any port": ("https://trusted.com:*", set()),
    "subdomains, any port": ("https://*.trusted.com:*", {*SUBDOMAINS, EMPTY, ODD, PREFIX}),
    "part of a label, any port": ("https://pr-*.trusted.com:*", set()),
    "localhost": ("http://localhost:*", {"other: localhost"}),
    "another scheme": ("tauri://localhost", set()),
    "regular expression": (re.compile(r"https://([a-z-]+\.)*trusted\.com"), SUBDOMAINS),
    "regular expression, loose": (
        re.compile("https://trusted.com"),
        # With credentials such an entry does not start.
        {"CORScanner: unescaped dot", "nuclei: dots replaced", "other: unescaped dot"},
    ),
    "callable": (lambda origin, environ: origin == "https://trusted.com", set()),
    "null": ("null", {"CORScanner: null", "Corsy: null", "nuclei: null"}),
}

SITES = {
    kind: CORSMiddleware(SpyApp(), allow_origins=[entry]) for kind, (entry, _) in KINDS.items()
}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_is_answered_only_where_an_entry_means_it(payload: str) -> None:
    origin = PAYLOADS[payload]
    asked = {"HTTP_ORIGIN": origin, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT"}
    allowed, denied = (readable_by(origin), 204, goes_on(origin)), (DENIED, 403, REFUSED)
    answers = {}
    for kind, app in SITES.items():
        actual = send(app, {**environ_of(), "HTTP_ORIGIN": origin})
        preflight = send(app, {**environ_of("OPTIONS"), **asked})
        answers[kind] = (actual.cors, preflight.status, preflight.cors)
    assert answers == {
        kind: allowed if payload in meant else denied for kind, (_, meant) in KINDS.items()
    }


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_star_is_never_answered_with_the_payload(payload: str) -> None:
    app = CORSMiddleware(SpyApp(), allow_origins="*")
    assert send(app, {**environ_of(), "HTTP_ORIGIN": PAYLOADS[payload]}).cors == ANYBODY


def test_what_entries_mean_together_is_what_each_means_alone() -> None:
    policy = Policy(allow_origins=[entry for entry, _ in KINDS.values()])
    assert {name for name in PAYLOADS if allows(policy, PAYLOADS[name])} == {
        name for _, meant in KINDS.values() for name in meant
    }


# ------------------------------------------------------------------ what users' code gets to see

WELL_FORMED = {name for name, origin in PAYLOADS.items() if is_serialised(origin)}


def allows(policy: Policy, origin: str) -> bool:
    return decide(policy, {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": origin}).allowed


@pytest.mark.parametrize(
    "make",
    [lambda ask: ask, lambda ask: ["https://*.example.org", ask]],
    ids=["alone", "after a pattern"],
)
def test_a_callable_is_asked_about_well_formed_origins_only(make: Callable[[Any], Any]) -> None:
    asked: list[str] = []

    def ask(origin: str, environ: Mapping[str, Any]) -> bool:
        asked.append(origin)
        return True

    policy = Policy(allow_origins=make(ask))
    assert {name for name in PAYLOADS if allows(policy, PAYLOADS[name])} == WELL_FORMED
    assert set(asked) == {PAYLOADS[name] for name in WELL_FORMED}
    assert max(map(len, asked)) <= 327


def test_a_regular_expression_is_asked_about_well_formed_origins_only() -> None:
    policy = Policy(allow_origins=re.compile(r"(?s).*"))
    assert {name for name in PAYLOADS if allows(policy, PAYLOADS[name])} == WELL_FORMED
