"""What is refused together with credentials, and what is not refused needlessly."""

import re
from typing import Any

import pytest

from corsgate import Policy, PolicyError, Problem
from corsgate._risk import _Expander


def problems_of(*entries: Any, **options: Any) -> list[Problem]:
    with pytest.raises(PolicyError) as caught:
        Policy(allow_origins=entries, allow_credentials=True, **options)
    return list(caught.value.problems)


def accepted(entry: Any, **options: Any) -> bool:
    return Policy(allow_origins=[entry], allow_credentials=True, **options).allow_origins == (
        entry,
    )


INSECURE = [
    "http://example.com",
    "http://example.com:8080",
    "http://*.example.com",
    "http://pr-*.example.com",
    "http://example.com:*",
    "http://localhost.evil.com",
    "http://evillocalhost",
    "http://evil-localhost:3000",
    "http://*localhost",
    "http://192.168.0.1",
    "http://128.0.0.1",
    "http://12*.0.0.1",
    "http://[::2]",
    "http://[1::1]",
    "http://127.example.com",
    "http://127.0.0.1.example.com",
]
SECURE = [
    "http://localhost",
    "http://localhost.",
    "http://localhost:3000",
    "http://localhost:*",
    "http://app.localhost",
    "http://*.localhost:*",
    "http://pr-*.localhost",
    "http://127.0.0.1",
    "http://127.0.0.1:*",
    "http://127.255.255.254:8000",
    "http://[::1]",
    "http://[::1]:*",
    "https://example.com",
    "https://192.168.0.1",
    "tauri://localhost",
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
]


@pytest.mark.parametrize("origin", INSECURE)
def test_http_that_leaves_the_machine_is_insecure_with_credentials(origin: str) -> None:
    problems = problems_of(origin)
    assert "insecure-origin" in [problem.code for problem in problems]
    [problem] = [problem for problem in problems if problem.code == "insecure-origin"]
    assert (problem.field, problem.value) == ("allow_origins", origin)
    assert repr("https" + origin.removeprefix("http")) in problem.hint
    assert "dangerously_allow=['insecure-origin']" in problem.hint


@pytest.mark.parametrize("origin", SECURE)
def test_https_loopback_and_applications_are_secure(origin: str) -> None:
    assert accepted(origin)


PUBLIC = [
    "https://*.github.io",
    "https://x-*.vercel.app",
    "https://*.com",
    "https://*-me.vercel.app",
    "https://*me.github.io",
    "https://*.co.uk",
    "https://*.co.uk.",
    "https://*.github.io:*",
    "https://*.github.io:8443",
    "https://*.xn--fiqs8s",
    "https://*.kobe.jp",  # known by a rule with a star
]
PRIVATE = [
    "https://*.example.com",
    "https://*.example.com:*",
    "https://*.me.github.io",
    "https://pr-*.me.vercel.app",
    "https://me.github.io",
    "https://*.city.kobe.jp",  # an exception to the rule with a star
    "https://*.intranet",
    "https://*.corp.internal",
    "https://dev-*",
    "http://*.localhost",
    "https://github.io",
    "https://example.com:*",
]


@pytest.mark.parametrize("pattern", PUBLIC)
def test_a_pattern_that_covers_what_anybody_can_register_is_refused(pattern: str) -> None:
    [problem] = problems_of(pattern)
    assert (problem.code, problem.field, problem.value) == (
        "public-suffix",
        "allow_origins",
        pattern,
    )
    assert "dangerously_allow=['public-suffix']" in problem.hint


@pytest.mark.parametrize("pattern", PRIVATE)
def test_a_pattern_below_ones_own_domain_is_not(pattern: str) -> None:
    assert accepted(pattern)


# Pattern -> an origin of somebody else that it would allow, and what was meant.
SLIPS = {
    "https://*example.com": ("https://evilexample.com", "https://*.example.com"),
    "https://*-example.com": ("https://evil-example.com", "https://*.example.com"),
    "https://*example.co.uk": ("https://evilexample.co.uk", "https://*.example.co.uk"),
    "https://*example.com.": ("https://evilexample.com.", "https://*.example.com."),
    "https://*example.com:8443": ("https://evilexample.com:8443", "https://*.example.com:8443"),
    "http://*example.com:*": ("http://evilexample.com", "http://*.example.com:*"),
    "https://*example.city.kobe.jp": None,
    "https://*example.kobe.jp": ("https://evilexample.kobe.jp", "https://*.example.kobe.jp"),
    "https://*example.x.kobe.jp": (
        "https://evilexample.x.kobe.jp",
        "https://*.example.x.kobe.jp",
    ),
    "https://example*.com": ("https://exampleevil.com", None),
    "https://example-*.app": ("https://example-evil.app", None),
    "https://ex*mple.com": ("https://exevilmple.com", None),
    "https://*-.com": ("https://evil-.com", None),
    "https://*.com": None,
    "https://*.example.com": None,
    "https://*app.example.com": None,
    "https://pr-*.example.com": None,
    "https://*-pr.example.co.uk": None,
    "https://*-me.vercel.app": None,
    "https://pr-*.github.io": None,
    "https://*example": None,
    "https://*-app.internal": None,
    "http://*.localhost:*": None,
}


@pytest.mark.parametrize("credentials", [False, True])
@pytest.mark.parametrize("pattern", SLIPS)
def test_a_star_in_what_a_registry_sells_is_a_slip(pattern: str, credentials: bool) -> None:
    every_risk = ["insecure-origin", "public-suffix", "null-origin"]

    def make() -> Policy:
        return Policy(
            allow_origins=[pattern], allow_credentials=credentials, dangerously_allow=every_risk
        )

    slip = SLIPS[pattern]
    if slip is None:
        assert make().allow_origins == (pattern,)
        return
    foreign, meant = slip
    with pytest.raises(PolicyError) as caught:
        make()
    [problem] = caught.value.problems
    assert (problem.code, problem.field, problem.value) == (
        "origin-wildcard",
        "allow_origins",
        pattern,
    )
    assert problem.message == (
        f"{pattern!r} has a * where none can stand: it would also allow {foreign!r}."
    )
    assert problem.hint.startswith(f"Write {meant!r}." if meant else "It can be the first label")
    if meant:
        assert Policy(allow_origins=[meant]).allow_origins == (meant,)


def test_a_correction_is_no_such_slip_either() -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(allow_origins=["https://*example.com/", "https://*.example.com/"])
    assert [problem.hint for problem in caught.value.problems] == [
        "Write scheme, host and port only.",
        "Write 'https://*.example.com'.",
    ]


def test_null_is_refused() -> None:
    [problem] = problems_of("null")
    assert (problem.code, problem.field, problem.value) == ("null-origin", "allow_origins", "null")
    assert "dangerously_allow=['null-origin']" in problem.hint


def test_any_origin_is_refused_whatever_is_accepted_knowingly() -> None:
    [problem] = problems_of(
        "*", dangerously_allow=["insecure-origin", "public-suffix", "null-origin"]
    )
    assert (problem.code, problem.field, problem.value) == (
        "wildcard-credentials",
        "allow_origins",
        "*",
    )


RISKS = {
    "insecure-origin": "http://example.com",
    "public-suffix": "https://*.github.io",
    "null-origin": "null",
}


@pytest.mark.parametrize("code", RISKS)
def test_a_risk_can_be_accepted_knowingly(code: str) -> None:
    assert accepted(RISKS[code], dangerously_allow=[code])
    assert accepted(RISKS[code], dangerously_allow=f"{code}, {code}")


@pytest.mark.parametrize("code", RISKS)
def test_accepting_one_risk_does_not_accept_another(code: str) -> None:
    others = sorted(RISKS.keys() - {code})
    assert [problem.code for problem in problems_of(RISKS[code], dangerously_allow=others)] == [
        code
    ]


def test_an_origin_with_two_risks_has_two_problems() -> None:
    problems = problems_of("http://*.github.io")
    assert {problem.code for problem in problems} == {"insecure-origin", "public-suffix"}


@pytest.mark.parametrize(
    ("code", "left"),
    [("insecure-origin", "public-suffix"), ("public-suffix", "insecure-origin")],
)
def test_accepting_one_of_two_risks_leaves_the_other(code: str, left: str) -> None:
    [problem] = problems_of("http://*.github.io", dangerously_allow=[code])
    assert problem.code == left


@pytest.mark.parametrize("entry", [*INSECURE, *PUBLIC, "null", "*"])
def test_nothing_of_this_is_a_problem_without_credentials(entry: str) -> None:
    assert Policy(allow_origins=[entry]).allow_origins == (entry,)


# ------------------------------------------------------------------ regular expressions


# Regex -> an origin of somebody else that it accepts.
TOO_BROAD = {
    ".*": None,
    r"https?://.*": None,
    r"https://[a-z.]+": None,
    r"(?s:.)+": None,
    r"https://.*example\.com": "https://evilexample.com",
    r"https://.*\.?example\.com": None,
    r"https://[a-z-]*example\.com": "https://evilexample.com",
    r"https://\w+example\.com": None,
    r"https://example\.com.*": "https://example.com.evil.test",
    r"https://example\.com(\..+)?": "https://example.com.evil.test",
    r"https://example\.com\w*": None,  # as CVE-2019-25211: https://example.community
    r"https://example\.com[a-z]*": None,
    r"https://example.com": "https://examplexcom",
    r"https://www.example.com": "https://wwwxexamplexcom",
    r"https://example\.[a-z]+": "https://example.test",
    r"https://example\.(com|.+)": None,
    r"https://[a-z]+\.com": None,
    r"https://[^.]+\.com": None,
    r"https://[a-z]+\.co\.uk": None,
    r"https://(example|.+)\.com": None,
    r"https://example\.com|.+evil\.test": None,
    r"(?i)https://EXAMPLE\.com.*": "https://example.com.evil.test",
    r"https://example\.com(:\d+)?.*": None,
    r"http://localhost.*": None,
    r"https://(?:example\.com)+?.*": None,
    r"https://\d+\.\d+\.\d+\.\d+": None,
    r"https://(?>example)\.com.*": None,
    r"https://[^a]xample\.com.*": None,
    r"https://[^\d]xample\.com.*": None,
    r"https://example\.com(?=.*)(?!x).*": None,
    r".*\.example.com": None,
    r"https://x[0-9]\.example\.com.*": "https://x0.example.com.evil.test",
    r"https://x[b-d]\.example\.com.*": "https://xb.example.com.evil.test",
    r"https://x\d\.example\.com.*": "https://x0.example.com.evil.test",
    r"https://x\D\.example\.com.*": "https://xa.example.com.evil.test",
    r"https://.pp\.example\.com.*": None,
    r"https://app\d+\.com": "https://app77.com",
    r"https://app\d\.com": "https://app7.com",
    r"https://app\d?\.com": None,
    r"https://[a-m]+\.io": "https://kk.io",
    r"https://[a-e]\.io": None,
    r"https://[0-6]x\.io": None,
    r"https://x[0-9]{5}\.net": "https://x77777.net",
    r"https://x[0-9]{2,3}\.net": None,
    r"https://[xy]+\.net": "https://xx.net",
    r"https://(x|y){1,8}\.net": None,
    r"https://(foo)+\.net": "https://foofoo.net",
    r"https://a\w+\.co\.uk": None,
    r"https://my[^.]\.dev": None,
    r"https://my[^a-j]\.dev": None,
    r"https://my\S\.dev": None,
    r"https://app-\d+\.com:\d+": None,
    r"https://app\d\.com:\d{4}": None,
    r"https://app\.com:\d{5}|https://app\d\.com": None,
    r"https://app.+\.com": None,
    r"https://192\.\d+\.\d+\.\d+": None,
    r"https://[a-z]+\.com|https://[a-z]+\.github\.io": None,
    r"chrome-extension://[a-p]{32}": f"chrome-extension://{'k' * 32}",
}


@pytest.mark.parametrize("pattern", TOO_BROAD)
def test_a_regular_expression_that_accepts_strangers_is_refused(pattern: str) -> None:
    regex = re.compile(pattern)
    [problem] = problems_of(regex)
    assert (problem.code, problem.field, problem.value) == (
        "regex-too-broad",
        "allow_origins",
        regex,
    )
    [stranger] = re.findall(r"also accepts '(.*)'\.", problem.message)
    assert regex.fullmatch(stranger)
    without = Policy(allow_origins=[regex])
    assert without.allow_origins == (regex,)


@pytest.mark.parametrize("pattern", [pattern for pattern, origin in TOO_BROAD.items() if origin])
def test_the_stranger_is_shown(pattern: str) -> None:
    [problem] = problems_of(re.compile(pattern))
    assert f"also accepts {TOO_BROAD[pattern]!r}." in problem.message


def test_a_broad_regular_expression_cannot_be_accepted_knowingly() -> None:
    [problem] = problems_of(
        re.compile(".*"), dangerously_allow=["insecure-origin", "public-suffix", "null-origin"]
    )
    assert problem.code == "regex-too-broad"


HOSTED = [
    r"https://\w+\.github\.io",
    r"https://[a-f0-9]{8}\.pages\.dev",
    r"https://deploy-preview-\d+--me\.netlify\.app",
    r"https://me-git-[a-z]+\.vercel\.app(:\d+)?",
]


@pytest.mark.parametrize("pattern", HOSTED)
def test_a_regular_expression_that_accepts_other_customers_is_a_risk_as_a_pattern_is(
    pattern: str,
) -> None:
    regex = re.compile(pattern)
    [problem] = problems_of(regex)
    assert (problem.code, problem.field, problem.value) == ("public-suffix", "allow_origins", regex)
    assert accepted(regex, dangerously_allow=["public-suffix"])


FIT = [
    r"https://example\.com",
    r"https://([a-z0-9-]+\.)*example\.com",
    r"https://[a-z]+\.example\.com(:\d+)?",
    r"https://app\d\.example\.com",
    r"https://app\d{1,3}\.example\.com",
    r"https://app\d+?\.example\.com",
    r"https://(a|b)\.example\.com",
    r"https://a\.example\.com|https://b\.example\.org",
    r"https://example\.com|https://example\.org",
    r"https://app\.example\.(com|net)",
    r"^https://example\.com$",
    r"\Ahttps://example\.com\Z",
    r"(?i)HTTPS://Example\.COM",
    r"(?x) https:// example \. com  # ours",
    r"https://[^.]+\.example\.com",
    r"https://[^.\d]+\.example\.com",
    r"https://[^a]b\.example\.com",
    r"https://[^-0abcdefgh]\.example\.com",
    r"https://[^a-z0-9-]b\.example\.com",
    r"https://[\d_]x\.example\.com",
    r"https://[A-Z_a-z]+\.example\.com",
    r"https://.pp\.example\.com",
    r"https://.+\.example\.com",
    r".+\.example\.com",
    r"https://(?P<a>x)(?P=a)\.example\.com",
    r"https://(?:x(?=y)y)?z\.example\.com",
    r"https://(?>x)y++\.example\.com",
    r"https://(a)?(?(1)b|c)\.example\.com",
    r"https://a{2,}b{0,3}c*\.example\.com",
    r"https://a{5000}\.example\.com",
    r"https://[a-z]+\.example\.co\.uk",
    r"https://[a-z-]+\.me\.github\.io",
    r"http://localhost:\d+",
    r"http://127\.0\.0\.1:\d+",
    r"http://\[::1\]:\d+",
    r"tauri://localhost",
    r"https://example\.com\.",
    r"https://(a|b|c|d)(a|b|c|d)(a|b|c|d)(a|b|c|d)\.example\.com",
    r"",
    r"[^\x00-\U0010ffff]",
    r"no origin at all",
    r"https://pr-\d+\.example\.com",
    r"https://(app|www)\.example\.com",
    r"https://(app|www)\.com",
    r"https://app[12]\.com",
    r"https://(a|b)\.com",
    r"https://example\.co[m]",
    r"https://foo[-.]example\.com",
    r"https://[a-z0-9-]+\.example\.com(:\d+)?",
    r"https://[a-z0-9-]+\.example\.com:\d{4,5}",
    r"https://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+example\.com",
    r"https?://(?:www\.)?example\.com(?::\d+)?",
    r"https://me-[a-z0-9]{9}\.me\.vercel\.app",
    r"https://\w{3}\.example\.co\.uk",
    r"https://[^/]+\.example\.com",
    r"https://\S+\.example\.com",
    r"https://[A-Z]+\.example\.com",
    r"http://192\.168\.\d+\.\d+(:\d+)?",
    r"http://10\.\d{1,3}\.\d{1,3}\.\d{1,3}",
    r"http://172\.16\.0\.\d+:\d+",
    r"https://198\.51\.100\.\d+",
]


@pytest.mark.parametrize("pattern", FIT)
def test_a_regular_expression_that_pins_down_the_domain_is_fit(pattern: str) -> None:
    assert accepted(re.compile(pattern))


def test_the_lone_dot_is_found_in_one_of_many_alternatives() -> None:
    names = "|".join(f"h{number}" for number in range(30))
    [problem] = problems_of(re.compile(rf"https://({names})\.example\.com|https://x.example.com"))
    assert problem.code == "regex-too-broad"
    assert "'https://xxexample" in problem.message


def test_every_broad_one_of_several_is_named() -> None:
    fit, broad, broader = (re.compile(text) for text in (r"https://a\.example", r"a.*", r".*"))
    problems = problems_of(fit, broader, broad, re.compile(r"https://x\.com.*"))
    assert {problem.value.pattern for problem in problems} == {".*", r"https://x\.com.*"}  # type: ignore[attr-defined]


def test_what_a_later_python_may_put_into_a_class_is_taken_for_a_letter() -> None:
    members = _Expander(0, optional=True)._members
    assert members([("SOMETHING_NEW", None)]) == ["a"]
    assert members([("SOMETHING_NEW", None), ("LITERAL", ord("z"))]) == ["a"]
