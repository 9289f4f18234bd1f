"""Rules that hold for everything, each quoted from where it stands."""

import string
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from reference_origin import is_serialised, reference_allows
from strategies import (
    HOST,
    OPTIONS,
    any_text,
    edits,
    entries,
    entry_lists,
    gated_options,
    gated_requests,
    header_names,
    methods,
    misspelt_options,
    near_origins,
    near_web_origins,
    origins_near,
    page_origins,
    policy_options,
    reference_lets_pass,
    requests,
    response_headers,
    tokens,
    well_formed_origins,
)
from wsgi_client import CORS, SpyApp, comparable, send

from corsgate import Policy, PolicyError, check, decide
from corsgate._decision import answer_preflight
from corsgate._engine import update_headers, write_headers
from corsgate._origin import find_correction, find_fault, read_origin
from corsgate._protocol import is_forbidden_request_header
from corsgate.browser import Browser, CORSError, FetchError
from corsgate.browser._url import is_origin
from corsgate.wsgi import CORSMiddleware

ACTUAL = ("GET", "POST", "PUT")
TOKEN = set(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~")


def accepts(entry: str) -> bool:
    """Whether a configuration may name `entry`."""
    try:
        Policy(allow_origins=[entry])
    except PolicyError:
        return False
    return True


def allows(policy: Policy, origin: str) -> bool:
    return decide(policy, {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": origin}).allowed


# ------------------------------------------------------------------ origins


@settings(max_examples=300)
@given(well_formed_origins | near_origins())
def test_whatever_the_strict_parser_accepts_the_lenient_one_reads_the_same(text: str) -> None:
    """Design, 3: "whatever the strict one accepts, the lenient one reads the same"."""
    assume("*" not in text and find_fault(text) is None)
    parts = read_origin(text)
    assert parts is not None
    scheme, host, port = parts
    assert f"{scheme}://{host}{port}" == text
    assert allows(Policy(allow_origins=[text]), text)
    assert allows(Policy(allow_origins=lambda origin, environ: origin == text), text)


@given(near_origins())
def test_reading_a_requests_origin_never_raises_and_loses_nothing(text: str) -> None:
    """Design, 3: "for requests bounded, never raising, by comparison of strings"."""
    parts = read_origin(text)
    assert parts is None or (f"{parts[0]}://{parts[1]}{parts[2]}" == text and len(text) <= 327)


@settings(max_examples=600)
@given(near_web_origins())
@example("https://a..b")
@example("https://a.")
@example("https://.")
@example("https://0x")
@example("https://1.2.3.4.")
@example("https://a.0xg")
@example("http://[::ffff:7f00:1]")
@example("https://" + "a" * 253 + ".")
@example("https://" + "a" * 254)
def test_an_origin_is_valid_if_a_browser_sends_it(text: str) -> None:
    """Design, 3: "what the URL standard's `new URL(s).origin` gives back unchanged"."""
    assume("*" not in text and "xn--" not in text)
    assert accepts(text) is is_serialised(text)
    assert (read_origin(text) is not None) is is_serialised(text)


@given(st.text(HOST + ".", min_size=1, max_size=15))
def test_a_host_may_have_every_character_that_the_url_standard_leaves(host: str) -> None:
    """URL standard, "forbidden domain code point": all others of ASCII are fine."""
    assume("*" not in host and "xn--" not in host)
    assert accepts(f"https://{host}") is is_serialised(f"https://{host}")


@given(near_origins())
def test_every_refused_entry_has_a_problem_that_can_be_printed(text: str) -> None:
    """Design, 3: "Anything a browser can never send is a problem with the corrected value"."""
    assume(not accepts(text))
    with pytest.raises(PolicyError) as caught:
        Policy(allow_origins=[text])
    [problem] = caught.value.problems
    assert problem.code.startswith("origin-")
    assert problem.value == text
    assert problem.hint
    assert str(caught.value).isprintable()


@settings(max_examples=300)
@given(near_origins() | entries | st.text(st.characters(codec="utf-8"), max_size=30))
def test_a_correction_is_valid(text: str) -> None:
    """Design, 3: "with the corrected value in its hint", which must not be wrong again."""
    correction = None if accepts(text) else find_correction(text)
    assert correction is None or (correction != text and accepts(correction))


# ------------------------------------------------------------------ matching


@given(entries)
def test_generated_entries_are_valid(entry: str) -> None:
    """What the next property is made of."""
    assert accepts(entry)


@settings(max_examples=600)
@given(st.data())
def test_the_matcher_agrees_with_a_naive_one(data: st.DataObject) -> None:
    """Design, 3, the table "Origins"; pains, 2: "any set of patterns vs. naive reference"."""
    patterns = data.draw(entry_lists)
    origin = data.draw(origins_near(patterns))
    assert allows(Policy(allow_origins=patterns), origin) is reference_allows(patterns, origin)


@given(st.data())
def test_more_entries_never_allow_less(data: st.DataObject) -> None:
    """Design, 3: entries are alternatives, "a mix of them in a sequence"."""
    patterns = data.draw(entry_lists)
    more = data.draw(entry_lists)
    origin = data.draw(origins_near([*patterns, *more]))
    both = Policy(allow_origins=[*patterns, *more])
    assert allows(both, origin) is (
        allows(Policy(allow_origins=patterns), origin) or allows(Policy(allow_origins=more), origin)
    )


# ------------------------------------------------------------------ policies


@given(policy_options() | gated_options())
def test_a_policy_rebuilt_from_its_dump_is_equal(options: dict[str, Any]) -> None:
    """Design, 3: "it can be dumped and rebuilt equal"."""
    policy = Policy(**options)
    assert Policy(**policy.to_dict()) == policy
    assert policy.replace() == policy
    assert hash(Policy(**policy.to_dict())) == hash(policy)


@given(policy_options() | gated_options(), st.randoms(use_true_random=False))
def test_the_order_of_entries_does_not_count(options: dict[str, Any], random: Any) -> None:
    """Design, 3: "comparable (order does not count)"."""
    shuffled = dict(options)
    for name, value in options.items():
        if isinstance(value, list):
            shuffled[name] = random.sample(value, len(value))
    assert Policy(**shuffled) == Policy(**options)


@given(policy_options() | gated_options())
def test_a_list_may_be_a_text(options: dict[str, Any]) -> None:
    """Design, 3: "A bare string where a sequence of names is meant is split on commas"."""
    texts: dict[str, Any] = {
        name: ", ".join(value) if isinstance(value, list) else value
        for name, value in options.items()
    }
    assert Policy(**texts) == Policy(**options)


@given(policy_options())
def test_settings_say_the_same_as_options(options: dict[str, Any]) -> None:
    """Design, 3: "`Policy.from_mapping(...)` reads ..., parsing strings"."""
    del options["max_age"]
    texts = {
        f"CORS_{name.upper()}": ",".join(value) if isinstance(value, list) else str(value)
        for name, value in options.items()
    }
    assert Policy.from_mapping(texts) == Policy(**options)


@given(misspelt_options())
def test_a_name_within_two_edits_of_an_option_is_taken_for_a_slip(name: str) -> None:
    """Design, 3: "a `CORS_` key within two edits of a known name ... is a problem with the right
    name in its hint"; "Unknown keyword options likewise".
    """
    assume(name not in OPTIONS)
    options: dict[str, Any] = {name: None}
    with pytest.raises(PolicyError) as caught:
        Policy(**options)
    [problem] = caught.value.problems
    distances = {option: edits(name, option) for option in OPTIONS}
    nearest = [option for option in OPTIONS if distances[option] == min(distances.values())]
    suggested = problem.hint.removeprefix("Write ").removesuffix(".")
    assert (suggested in nearest) is (min(distances.values()) <= 2)


# ------------------------------------------------------------------ requests


@settings(max_examples=300)
@given(policy_options(), requests())
def test_deciding_never_raises_and_reflects_only_what_was_checked(
    options: dict[str, Any], environ: dict[str, str]
) -> None:
    """Design, 4: "a reflected origin is always a value that was checked"; "nothing else of a
    request is ever reflected" but "the requested method and header names, after one linear check
    that they are tokens".
    """
    policy = Policy(**options)
    decision = decide(policy, environ)
    lines = dict(
        answer_preflight(decision)[1]
        if decision.kind == "preflight"
        else write_headers([], decision)
    )
    origin = lines.get("Access-Control-Allow-Origin")
    assert (origin is not None) is (decision.allowed and decision.kind != "not-cors")
    if origin is not None:
        assert origin == ("*" if "*" in policy.allow_origins else environ["HTTP_ORIGIN"])
        assert lines.get("Timing-Allow-Origin") in (origin, None)
    reflecting = policy.allow_credentials
    for name, key, own in (
        ("Access-Control-Allow-Methods", "REQUEST_METHOD", policy.allow_methods or ["GET"]),
        ("Access-Control-Allow-Headers", "REQUEST_HEADERS", policy.allow_headers),
    ):
        value = lines.get(name)
        if value is None or not (reflecting and "*" in own):
            assert value in (None, ", ".join(own))
            continue
        asked = environ[f"HTTP_ACCESS_CONTROL_{key}"].split(",")
        members = value.split(", ")
        assert all(member and set(member) <= TOKEN for member in members)
        assert members == [member.strip() for member in asked if member.strip()]
        assert len(value) <= 2 * 4_096
    fixed = {
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": ", ".join(policy.expose_headers),
        "Access-Control-Max-Age": str(policy.max_age),
    }
    for name, value in fixed.items():
        assert lines.get(name) in (value, None)


@given(policy_options(), requests())
def test_all_or_nothing(options: dict[str, Any], environ: dict[str, str]) -> None:
    """Design, 4: "Headers are all or nothing: a denied origin gets none"."""
    decision = decide(Policy(**options), environ)
    assume(not decision.allowed)
    names = {name.lower() for name, _ in [*write_headers([], decision)]}
    if decision.kind == "preflight":
        names = {name.lower() for name, _ in answer_preflight(decision)[1]}
    assert names & CORS <= {"vary"}


@settings(max_examples=300)
@given(policy_options(), requests(), any_text, any_text)
def test_the_answer_to_a_preflight_does_not_depend_on_what_it_asks_for(
    options: dict[str, Any], environ: dict[str, str], method: str, headers: str
) -> None:
    """Design, 4: "The answer to a preflight does not depend on the requested method or headers"."""
    policy = Policy(**options)
    reflects = "*" in (*policy.allow_methods, *policy.allow_headers)
    assume(not (policy.allow_credentials and reflects))
    environ = {**environ, "REQUEST_METHOD": "OPTIONS", "HTTP_ORIGIN": "https://app.example.com"}
    one = {**environ, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET"}
    other = {
        **environ,
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": method,
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": headers,
    }
    assert answer_preflight(decide(policy, one)) == answer_preflight(decide(policy, other))


@given(st.lists(tokens, min_size=1, max_size=6))
def test_tokens_are_reflected_as_they_are(names: list[str]) -> None:
    """Fetch, "CORS-preflight fetch": with credentials, names have to be there, not `*`."""
    policy = Policy(
        allow_origins="https://app.example.com", allow_credentials=True, allow_headers="*"
    )
    environ = {
        "REQUEST_METHOD": "OPTIONS",
        "HTTP_ORIGIN": "https://app.example.com",
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET",
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": ",".join(names),
    }
    answered = dict(answer_preflight(decide(policy, environ))[1])
    assert answered["Access-Control-Allow-Headers"] == ", ".join(names)


# ------------------------------------------------------------------ writing


def members_of(headers: list[tuple[str, str]]) -> set[str]:
    return {
        member.strip().lower()
        for name, value in headers
        if name.lower() == "vary"
        for member in value.split(",")
        if member.strip()
    }


@settings(max_examples=300)
@given(policy_options(), requests(ACTUAL), response_headers)
def test_writing_never_doubles_a_header_loses_a_vary_or_touches_what_it_was_given(
    options: dict[str, Any], environ: dict[str, str], headers: list[tuple[str, str]]
) -> None:
    """Design, 4: "there is never a second `Access-Control-Allow-Origin`"; "`Vary` is merged into
    one, never replaced, never repeated; `Vary: *` stays"; "each response gets fresh header
    objects".
    """
    decision = decide(Policy(**options), environ)
    before = list(headers)
    written = write_headers(headers, decision)
    assert headers == before
    assert written is not headers
    ours = [(name, value) for name, value in written if name.lower() in CORS - {"vary"}]
    assert comparable(ours) == comparable(
        [line for line in write_headers([], decision) if line[0].lower() != "vary"]
    )
    others = [pair for pair in written if pair[0].lower() not in CORS]
    assert others == [pair for pair in before if pair[0].lower() not in CORS]
    wanted = members_of(before) | members_of(write_headers([], decision))
    found = members_of(written)
    assert found == wanted or ("*" in wanted and "*" in found)
    if members_of(write_headers([], decision)):
        assert len([name for name, _ in written if name.lower() == "vary"]) == 1
    written.append(("X", "y"))
    assert write_headers(headers, decision) == written[:-1]


@given(policy_options(), requests(ACTUAL), response_headers)
def test_writing_twice_changes_nothing_more(
    options: dict[str, Any], environ: dict[str, str], headers: list[tuple[str, str]]
) -> None:
    """Design, 4: "what the application or an inner layer set is replaced"."""
    decision = decide(Policy(**options), environ)
    once = write_headers(headers, decision)
    twice = write_headers(once, decision)
    assert sorted(twice) == sorted(once)


@given(policy_options(), requests(ACTUAL), response_headers)
def test_writing_in_place_says_the_same(
    options: dict[str, Any], environ: dict[str, str], headers: list[tuple[str, str]]
) -> None:
    """Design, 1: "one function is the only place that writes a CORS or `Vary` response header"."""
    decision = decide(Policy(**options), environ)
    single = {name.lower(): (name, value) for name, value in headers}
    mapping = dict(single.values())
    update_headers(mapping, decision)
    assert sorted(mapping.items()) == sorted(write_headers(list(single.values()), decision))


# ------------------------------------------------------------------ the browser's half

# "Normalize" a method, and "CORS-safelisted method", spelt once more.
NORMALIZED = {"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"}
SAFELISTED = {"GET", "HEAD", "POST"}


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def page_allowed(page: Browser, **options: Any) -> bool:
    try:
        page.fetch("/", **options)
    except CORSError:
        return False
    return True


@settings(max_examples=300)
@given(
    policy_options(),
    page_origins,
    tokens | methods,
    st.lists(tokens | header_names, max_size=4),
    st.booleans(),
)
def test_a_browser_allows_what_the_policy_does_and_nothing_else(
    options: dict[str, Any], origin: str, method: str, names: list[str], credentials: bool
) -> None:
    """Design, 1: "the browser's half, written independently from the standard, judges"."""
    assume(is_origin(origin) and method.upper() not in ("CONNECT", "TRACE", "TRACK"))
    lower = {name.lower() for name in names}
    assume(not any(is_forbidden_request_header(name) for name in lower))
    policy = Policy(**options)
    page = Browser(CORSMiddleware(hello, policy), origin=origin)
    # Longer than what any header may have without a preflight.
    headers = [(name, "a" * 129) for name in names]
    sent = method.upper() if method.upper() in NORMALIZED else method

    every_header = "*" in policy.allow_headers
    # With credentials the names asked for are listed; without, a star stands for all but this.
    not_covered = set() if policy.allow_credentials else {"authorization"}
    may_send = sent in {*policy.allow_methods, *SAFELISTED} or "*" in policy.allow_methods
    may_have = all(
        name in policy.allow_headers or (every_header and name not in not_covered) for name in lower
    )
    expected = (
        allows(policy, origin)
        and (policy.allow_credentials or not credentials)
        and may_send
        and may_have
    )
    mode = "include" if credentials else "same-origin"
    allowed = page_allowed(page, method=method, headers=headers, credentials=mode)
    assert allowed is expected


@settings(max_examples=300)
@given(response_headers, response_headers, st.integers(100, 999), any_text)
def test_no_answer_makes_a_browser_crash(
    preflight: list[tuple[str, str]],
    answer: list[tuple[str, str]],
    status: int,
    location: str,
) -> None:
    """Fetch: whatever a server answers is a response or a "network error"."""

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        asks = environ["REQUEST_METHOD"] == "OPTIONS"
        lines = preflight if asks else [*answer, ("Location", location)]
        start_response("200 OK" if asks else f"{status} Said", lines)
        return [b"hello"]

    page = Browser(app, origin="https://app.example.com")
    for options in ({}, {"method": "PUT"}, {"mode": "no-cors"}, {"credentials": "include"}):
        try:
            page.fetch("/", **options)  # type: ignore[arg-type]
        except (FetchError, LookupError) as error:
            assert str(error)  # noqa: PT017


# ------------------------------------------------------------------ the gate


@given(gated_options(), gated_requests())
def test_the_gate_agrees_with_a_naive_one(options: dict[str, Any], environ: dict[str, str]) -> None:
    passes = reference_lets_pass(options, environ)
    spy = SpyApp()
    answer = send(CORSMiddleware(spy, **options), {"PATH_INFO": "/", **environ})
    policy = Policy(**options)
    decision = decide(policy, environ)
    if decision.kind == "preflight":
        assert (answer.status == 403, spy.called) == (not decision.allowed, 0)
    elif options["gate"] == "enforce":
        assert (answer.status == 403, bool(spy.called)) == (not passes, passes)
    else:
        assert (answer.status, spy.called) == (200, 1)
    # The function says the same whatever the mode is.
    found = check(policy, environ)
    assert found.allowed is reference_lets_pass({**options, "gate": "enforce"}, environ)
    assert (found.kind, found.reason is None, found.policy) == ("gate", found.allowed, policy)


@given(gated_options(), gated_requests(), gated_requests())
def test_who_may_only_read_is_told_of_no_unsafe_method(
    options: dict[str, Any], environ: dict[str, str], other: dict[str, str]
) -> None:
    asked = {
        **environ,
        "REQUEST_METHOD": "OPTIONS",
        "HTTP_ORIGIN": other.get("HTTP_ORIGIN", "https://app.example.com"),
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT",
    }
    answer = send(CORSMiddleware(SpyApp(), **options), {"PATH_INFO": "/", **asked})
    told = {
        name.strip()
        for value in answer.values("Access-Control-Allow-Methods")
        for name in value.split(",")
    }
    actual = {
        "REQUEST_METHOD": "PUT",
        "HTTP_ORIGIN": asked["HTTP_ORIGIN"],
        "HTTP_SEC_FETCH_SITE": "cross-site",
    }
    if options["gate"] == "enforce" and not reference_lets_pass(options, actual):
        assert told <= {"GET", "HEAD", "OPTIONS"}
    elif told:
        told_of = {*Policy(**options).allow_methods} or {"GET"}  # which a page may send anyway
        assert told == told_of or options["allow_credentials"]
