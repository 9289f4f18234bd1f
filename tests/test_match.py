"""Which request's origins are allowed by which entries, and what that costs."""

import gc
import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any

import pytest

from corsgate import Policy, decide
from corsgate._match import Matcher
from corsgate._origin import MAX_ORIGIN


def allows(policy: Policy, origin: str) -> bool:
    return decide(policy, {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": origin}).allowed


def yes(origin: str, environ: Mapping[str, Any]) -> bool:
    return True


def no(origin: str, environ: Mapping[str, Any]) -> bool:
    return False


# ------------------------------------------------------------------ every kind of entry


# Entry -> (allowed, near but not allowed).
KINDS: dict[str, tuple[Any, list[str], list[str]]] = {
    "exact": (
        "https://trusted.com",
        ["https://trusted.com"],
        [
            "https://www.trusted.com",
            "https://trusted.com.",
            "https://trusted.co",
            "https://trusted.community",
            "https://rusted.com",
        ],
    ),
    "exact with a port": (
        "https://trusted.com:8443",
        ["https://trusted.com:8443"],
        ["https://trusted.com:8444", "https://trusted.com:84430", "https://trusted.com:443"],
    ),
    "trailing dot": ("https://trusted.com.", ["https://trusted.com."], ["https://trusted.com.."]),
    "other scheme": (
        "tauri://localhost",
        ["tauri://localhost"],
        ["http://localhost", "https://localhost", "tauri://localhost:1", "atauri://localhost"],
    ),
    "subdomains": (
        "https://*.trusted.com",
        [
            "https://www.trusted.com",
            "https://a.b.c.trusted.com",
            "https://a_b.trusted.com",
            "https://xn--bcher-kva.trusted.com",
            "https://" + "a" * 241 + ".trusted.com",
        ],
        [
            "https://.trusted.com",
            "https://a..trusted.com",
            "https://*.trusted.com",
            "https://a.*.trusted.com",
            "https://a.trusted.com.",
            "https://a.trusted.com:8443",
            "http://a.trusted.com",
            "https://a.trusted.co",
            "https://a.trusted.com.com",
            "https://a.eviltrusted.com",
            "https://com",
            "https://" + "a" * 242 + ".trusted.com",
        ],
    ),
    "subdomains of a dotted host": (
        "https://*.trusted.com.",
        ["https://a.trusted.com.", "https://a.b.trusted.com."],
        ["https://a.trusted.com", "https://trusted.com.", "https://a.trusted.com.."],
    ),
    "subdomains of one label": (
        "http://*.localhost",
        ["http://a.localhost", "http://a.b.localhost"],
        ["http://localhost", "http://a.localhost:80", "http://a.localhost:8000"],
    ),
    "subdomains of another scheme": (
        "tauri://*.localhost",
        ["tauri://a.localhost", "tauri://a.b.localhost"],
        ["tauri://.localhost", "tauri://localhost", "http://a.localhost"],
    ),
    "subdomains with a port": (
        "https://*.trusted.com:8443",
        ["https://a.trusted.com:8443"],
        ["https://a.trusted.com", "https://trusted.com:8443", "https://a.trusted.com:8444"],
    ),
    "subdomains with any port": (
        "https://*.trusted.com:*",
        ["https://a.trusted.com", "https://a.trusted.com:1", "https://a.b.trusted.com:65535"],
        [
            "https://trusted.com:8443",
            "https://a.trusted.com:0",
            "https://a.trusted.com:65536",
            "https://a.trusted.com:443",
            "https://a.trusted.com:*",
            "https://a.trusted.com:",
        ],
    ),
    "part of a label, in front": (
        "https://pr-*.trusted.com",
        [
            "https://pr-1.trusted.com",
            "https://pr-a-b.trusted.com",
            "https://pr--.trusted.com",
            "https://pr-xn--bcher-kva.trusted.com",
        ],
        [
            "https://pr-.trusted.com",
            "https://pr.trusted.com",
            "https://pr-1.a.trusted.com",
            "https://a.pr-1.trusted.com",
            "https://pr-1_2.trusted.com",
            "https://pr-*.trusted.com",
            "https://apr-1.trusted.com",
            "https://pr-1.trusted.com:8443",
            "http://pr-1.trusted.com",
            "https://pr-1.trusted.com.",
            "https://pr-1",
        ],
    ),
    "part of a label, behind": (
        "https://*-preview.trusted.com",
        ["https://a-preview.trusted.com", "https://--preview.trusted.com"],
        [
            "https://-preview.trusted.com",
            "https://a-previewb.trusted.com",
            "https://a.b-preview.trusted.com",
            "https://*-preview.trusted.com",
        ],
    ),
    "part of a label, in the middle": (
        "https://ab*ba.trusted.com",
        ["https://abxba.trusted.com", "https://ababa.trusted.com", "https://ababba.trusted.com"],
        ["https://aba.trusted.com", "https://abba.trusted.com", "https://abxb.trusted.com"],
    ),
    "part of the only label": (
        "http://dev-*",
        ["http://dev-1"],
        ["http://dev-", "http://dev-1.com", "http://dev-1:8000"],
    ),
    "part of a label with any port": (
        "https://pr-*.trusted.com:*",
        ["https://pr-1.trusted.com", "https://pr-1.trusted.com:8443"],
        ["https://pr-.trusted.com:8443", "https://pr-1.trusted.com:0"],
    ),
    "any port": (
        "http://localhost:*",
        ["http://localhost", "http://localhost:1", "http://localhost:65535"],
        [
            "https://localhost:3000",
            "http://localhost:80",
            "http://localhost:0",
            "http://localhost:65536",
            "http://localhost:03000",
            "http://localhost:+1",
            "http://localhost:1e3",
            "http://localhost:*",
            "http://localhost.:3000",
            "http://localhost.evil.com:3000",
            "http://a.localhost:3000",
            "http://localhost:3000/",
        ],
    ),
    "any port of an address": (
        "http://[::1]:*",
        ["http://[::1]", "http://[::1]:8000"],
        ["http://[::2]:8000", "http://[0::1]:8000", "http://[::1:8000", "http://::1:8000"],
    ),
    "regular expression": (
        re.compile(r"https://([a-z]+\.)?trusted\.com"),
        ["https://trusted.com", "https://www.trusted.com"],
        ["https://a.b.trusted.com", "https://trusted.com.evil.com", "https://trusted.com:8443"],
    ),
    "regular expression with alternatives": (
        re.compile(r"https://a\.trusted\.com|https://b\.trusted\.com"),
        ["https://a.trusted.com", "https://b.trusted.com"],
        ["https://a.trusted.comx", "xhttps://b.trusted.com", "https://b.trusted.com.evil.com"],
    ),
    "callable": (
        lambda origin, environ: origin == "https://trusted.com",
        ["https://trusted.com"],
        ["https://evil.com"],
    ),
    "null": ("null", ["null"], ["NULL", "Null", "null ", "https://null", "nul"]),
    "any origin": ("*", ["https://evil.com", "null", "", "nonsense"], []),
}


@pytest.mark.parametrize(
    ("entry", "origin"),
    [
        pytest.param(entry, origin, id=f"{kind}: {origin[:60]}")
        for kind, (entry, allowed, _) in KINDS.items()
        for origin in allowed
    ],
)
def test_an_entry_allows_the_origins_it_means(entry: Any, origin: str) -> None:
    assert allows(Policy(allow_origins=[entry]), origin)


@pytest.mark.parametrize(
    ("entry", "origin"),
    [
        pytest.param(entry, origin, id=f"{kind}: {origin[:60]}")
        for kind, (entry, _, denied) in KINDS.items()
        for origin in denied
    ],
)
def test_an_entry_allows_none_that_only_looks_like_it(entry: Any, origin: str) -> None:
    assert not allows(Policy(allow_origins=[entry]), origin)


@pytest.mark.parametrize("origin", ["https://evil.com", "null", "", "https://trusted.com"])
def test_a_policy_without_entries_allows_no_origin(origin: str) -> None:
    assert not allows(Policy(), origin)
    assert not allows(Policy(allow_origins=[]), origin)


def test_entries_of_all_kinds_work_together() -> None:
    mixed = Policy(
        allow_origins=[entry for kind, (entry, _, _) in KINDS.items() if kind != "any origin"]
    )
    for kind, (_, allowed, _) in KINDS.items():
        for origin in allowed:
            assert allows(mixed, origin) is (kind != "any origin" or origin == "null")


def test_patterns_of_different_depths_and_shapes_do_not_disturb_each_other() -> None:
    policy = Policy(
        allow_origins=[
            "https://*.a.example",
            "https://*.b.c.d.example",
            "https://x-*.e.example",
            "https://xy-*-z.e.example",
            "https://*.e.example:8443",
            "http://f.example:*",
        ]
    )
    verdicts = {
        "https://1.a.example": True,
        "https://1.2.a.example": True,
        "https://a.example": False,
        "https://1.b.c.d.example": True,
        "https://1.c.d.example": False,
        "https://b.c.d.example": False,
        "https://x-1.e.example": True,
        "https://xy-1-z.e.example": True,
        "https://xy--z.e.example": False,
        "https://y-1.e.example": False,
        "https://y-1.e.example:8443": True,
        "https://x-1.e.example:8443": True,
        "https://x-1.e.example:8444": False,
        "http://f.example:1": True,
        "http://1.f.example:1": False,
        "https://e.example": False,
        "https://example": False,
    }
    assert {origin: allows(policy, origin) for origin in verdicts} == verdicts


def test_the_label_that_is_looked_up_first_is_counted_from_the_end_of_the_host() -> None:
    policy = Policy(allow_origins=["https://*.example.com", "https://*.deeper.other.org"])
    assert allows(policy, "https://1.example.com")
    assert allows(policy, "https://1.deeper.other.org")
    assert not allows(policy, "https://1.deeper.example.org")


def test_a_deeper_pattern_lets_no_other_character_into_a_label() -> None:
    patterns = ["https://*-pr.example.com", "https://*.a.b.example.com"]
    for policy in (Policy(allow_origins=patterns[:1]), Policy(allow_origins=patterns)):
        assert allows(policy, "https://1-pr.example.com")
        assert not allows(policy, "https://_-pr.example.com")


HOST_253 = "b" * 63 + "." + "c" * 63 + "." + "d" * 63 + "." + "e" * 57 + ".com"


@pytest.mark.parametrize("scheme", ["https", "http", "app"])
def test_one_label_below_a_pattern_is_read_as_any_other_host_is(scheme: str) -> None:
    patterns = [f"{scheme}://*.b.com", f"{scheme}://*.c.com:8443", f"{scheme}://*.d.com:*"]
    matcher = Matcher(patterns=[*patterns, f"{scheme}://*.{HOST_253[64:]}"])
    allowed = ["a.b.com", "a-1.b.com", "1.b.com", "a_~.b.com", "a.a.b.com", "a.c.com:8443"]
    for host in [*allowed, "a.d.com", "a.d.com:1", HOST_253]:
        assert matcher.allows(f"{scheme}://{host}", {}), host
    denied = [
        ".b.com",
        "b.com",
        "A.b.com",
        "a/.b.com",
        "a@.b.com",
        "*.b.com",
        "ä.b.com",
        "a..b.com",
    ]
    denied += ["a:1.b.com", "[a.b.com", "a.b.com:1", "a.c.com", "a.d.com:*", "a.d.com:", "a.com"]
    for host in [*denied, f"f{HOST_253}"]:
        assert not matcher.allows(f"{scheme}://{host}", {}), host
    for origin in [
        "a.b.com",
        "//a.b.com",
        f"{scheme}:a.b.com",
        f"{scheme}s://a.b.com",
        "a://a.b.com",
    ]:
        assert not matcher.allows(origin, {}), origin


def test_most_origins_are_judged_without_spelling_patterns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Matcher, "_matches_pattern")
    long = HOST_253[8:]
    matcher = Matcher(
        patterns=["https://*.b.com", "https://*.c.com:8443", f"https://*.{long[56:]}"]
    )
    for host in ("a.b.com", "a-1.b.com", "1.c.com:8443", long):
        assert matcher.allows(f"https://{host}", {}), host
    assert not matcher.allows("https://a.b.com".ljust(MAX_ORIGIN + 1, "m"), {})
    assert not Matcher().allows("https://a.b.com", {})


def test_a_number_at_the_end_of_a_pattern_makes_addresses_of_its_hosts() -> None:
    policy = Policy(allow_origins="https://*.0.0.1")
    assert allows(policy, "https://127.0.0.1")
    assert not any(allows(policy, f"https://{label}.0.0.1") for label in ("a", "256", "01", "1.1"))


def test_entries_glued_together_are_not_an_entry() -> None:
    # GHSA-vhxv-fg4m-p2w8: with foo.com and bar.com, barfoo.com was allowed.
    policy = Policy(allow_origins=["https://foo.com", "https://bar.com", "https://*.bar.com"])
    assert not allows(policy, "https://barfoo.com")
    assert not allows(policy, "https://foobar.com")
    assert not allows(policy, "https://foo.com.bar.com.foo.com")


# ------------------------------------------------------------------ regular expressions


@pytest.mark.parametrize(
    ("regex", "origin"),
    [
        pytest.param(r"https://trusted\.com", "https://trusted.com.evil.net", id="longer"),
        pytest.param(r"https://trusted\.com", "https://trusted.com:8080", id="with a port"),
        pytest.param(r"https://trusted\.com$", "https://trusted.com\n", id="line break behind"),
        pytest.param(r"(?m)^https://trusted\.com$", "x\nhttps://trusted.com", id="second line"),
        pytest.param(r"trusted\.com", "https://trusted.com", id="a part only"),
        pytest.param(r"https://a|b", "https://ab", id="first of two"),
        pytest.param(r"(?i)https://trusted\.com", "https://TRUSTED.com", id="any case"),
    ],
)
def test_a_regular_expression_has_to_match_all_of_the_origin(regex: str, origin: str) -> None:
    assert re.search(regex, origin)
    assert not allows(Policy(allow_origins=re.compile(regex)), origin)


# ------------------------------------------------------------------ callables


def test_a_callable_is_given_the_origin_and_the_whole_request() -> None:
    seen: list[tuple[str, Mapping[str, Any]]] = []

    def ask(origin: str, environ: Mapping[str, Any]) -> bool:
        seen.append((origin, environ))
        return bool(environ["HTTP_X_TENANT"] == "a")

    policy = Policy(allow_origins=ask)
    environ = {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": "https://a.example", "HTTP_X_TENANT": "a"}
    assert decide(policy, environ).allowed
    assert len(seen) == 1
    assert seen[0][0] == "https://a.example"
    assert seen[0][1] is environ


def test_a_callable_is_asked_at_every_request() -> None:
    answers = iter([True, False, True])
    policy = Policy(allow_origins=lambda origin, environ: next(answers))
    assert [allows(policy, "https://a.example") for _ in range(3)] == [True, False, True]


def test_no_callable_is_asked_where_an_entry_has_said_yes() -> None:
    def never(origin: str, environ: Mapping[str, Any]) -> bool:
        raise AssertionError("asked")

    policy = Policy(allow_origins=["https://a.example", "https://*.b.example", never])
    assert allows(policy, "https://a.example")
    assert allows(policy, "https://x.b.example")


def test_one_yes_of_several_callables_is_enough() -> None:
    assert allows(Policy(allow_origins=[no, yes]), "https://a.example")
    assert not allows(Policy(allow_origins=[no]), "https://a.example")


class Truthy:
    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return "truthy \xe9"


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        pytest.param(1, "1", id="one"),
        pytest.param("yes", "'yes'", id="text"),
        pytest.param(None, "None", id="None"),
        pytest.param([True], "[True]", id="list"),
        pytest.param(Truthy(), "truthy \\xe9", id="truthy"),
    ],
)
def test_an_answer_that_is_no_bool_is_a_logged_no(
    answer: Any, shown: str, caplog: pytest.LogCaptureFixture
) -> None:
    def careless(origin: str, environ: Mapping[str, Any]) -> bool:
        return answer  # type: ignore[no-any-return]

    assert not allows(Policy(allow_origins=careless), "https://a.example")
    [record] = caplog.records
    assert (record.name, record.levelno) == ("corsgate", logging.ERROR)
    assert "careless" in record.getMessage()
    assert f"gave {shown} for 'https://a.example'" in record.getMessage()
    assert record.getMessage().isascii()


def test_a_callable_that_fails_is_a_logged_no(caplog: pytest.LogCaptureFixture) -> None:
    def broken(origin: str, environ: Mapping[str, Any]) -> bool:
        raise LookupError("database gone")

    assert not allows(Policy(allow_origins=broken), "https://a.example")
    [record] = caplog.records
    assert (record.name, record.levelno) == ("corsgate", logging.ERROR)
    assert "broken" in record.getMessage()
    assert "'https://a.example'" in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


def test_a_callable_that_fails_does_not_keep_the_next_one_from_being_asked() -> None:
    def broken(origin: str, environ: Mapping[str, Any]) -> bool:
        raise LookupError("database gone")

    assert allows(Policy(allow_origins=[broken, yes]), "https://a.example")
    assert allows(Policy(allow_origins=[yes, broken]), "https://a.example")


class Gives:
    """A callable that gives, or raises, one thing after the other."""

    def __init__(self, name: str, *things: Any) -> None:
        self.name, self.things = name, [*things]

    def __repr__(self) -> str:
        return self.name

    def __call__(self, origin: str, environ: Mapping[str, Any]) -> Any:
        thing = self.things.pop(0)
        if isinstance(thing, Exception):
            raise thing
        return thing


def test_each_callable_that_fails_is_logged_once_for_each_kind_of_failure(
    caplog: pytest.LogCaptureFixture,
) -> None:
    policy = Policy(
        allow_origins=[
            Gives("A", ValueError(1), ValueError(2), KeyError(3)),
            Gives("B", ValueError(4), ValueError(5), ValueError(6)),
            Gives("C", 7, 8, "9"),
            Gives("D", 10, 11, 12),
        ]
    )
    for _ in range(3):
        assert not allows(policy, "https://a.example")
    assert sorted(
        record.getMessage().split(" in allow_origins ")[0] for record in caplog.records
    ) == [f"corsgate: the callable {name}" for name in "AABCCD"]


def test_a_plain_yes_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert allows(Policy(allow_origins=yes), "https://a.example")
    assert not caplog.records


def test_a_plain_no_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert not allows(Policy(allow_origins=no), "https://a.example")
    assert caplog.records == []


# ------------------------------------------------------------------ what it costs


class Counted(str):
    """A text that counts how often it is looked up and compared."""

    hashed = compared = 0

    def __hash__(self) -> int:
        Counted.hashed += 1
        return str.__hash__(self)

    def __eq__(self, other: object) -> bool:
        Counted.compared += 1
        return str.__eq__(self, other)

    @classmethod
    @contextmanager
    def counting(cls) -> Iterator[None]:
        cls.hashed = cls.compared = 0
        yield


@contextmanager
def counted_steps() -> Iterator[list[int]]:
    """How many instructions of Python are run: a loop over all entries could not be hidden."""
    steps = [0]

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        frame.f_trace_opcodes = True
        steps[0] += event == "opcode"
        return trace

    before = sys.gettrace()
    gc.disable()  # Hypothesis has a callback there
    sys.settrace(trace)
    try:
        yield steps
    finally:
        sys.settrace(before)
        gc.enable()


def cost(policy: Policy, origin: str) -> tuple[bool, int, int]:
    """(allowed, instructions, comparisons of entries) of a request, after the first ones."""
    environ = {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": origin}
    with counted_steps():  # the interpreter reports instructions from the second time on
        decide(policy, environ)
    with Counted.counting():
        with counted_steps() as steps:
            decision = decide(policy, environ)
        return decision.allowed, steps[0], Counted.compared


MAKERS: dict[str, Callable[[int], str]] = {
    "exact": lambda number: f"https://h{number:05}.example",
    "subdomains": lambda number: f"https://*.h{number:05}.example",
    "part of a label": lambda number: f"https://pr-*.h{number:05}.example",
    "part of a label, numbered": lambda number: f"https://h{number:05}-*.example",
    "any port": lambda number: f"http://h{number:05}.example:*",
    "all": lambda number: f"https://pr-*.h{number:05}.example:*",
}


@cache
def one_and_many(kind: str) -> tuple[Policy, Policy]:
    entries = [Counted(MAKERS[kind](number)) for number in range(10_000)]
    return Policy(allow_origins=entries[:1]), Policy(allow_origins=entries)


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        pytest.param("https://h00000.example", {"exact"}, id="exact"),
        pytest.param("https://a.h00000.example", {"subdomains"}, id="one below"),
        pytest.param("https://a.b.c.h00000.example", {"subdomains"}, id="far below"),
        pytest.param(
            "https://pr-1.h00000.example",
            {"subdomains", "part of a label", "all"},
            id="part of a label",
        ),
        pytest.param(
            "https://h00000-1.example",
            {"part of a label, numbered"},
            id="part of a label, numbered",
        ),
        pytest.param("http://h00000.example:8000", {"any port"}, id="with a port"),
        pytest.param("https://evil.example", set(), id="foreign"),
        pytest.param("https://a.b.c.d.e.f.g.h.i.j.k.l.evil.example", set(), id="foreign and deep"),
        pytest.param("null", set(), id="null"),
        pytest.param("nonsense", set(), id="nonsense"),
    ],
)
@pytest.mark.parametrize("kind", MAKERS)
def test_the_cost_of_a_request_does_not_depend_on_the_number_of_entries(
    kind: str, origin: str, allowed: set[str]
) -> None:
    for_one, for_many = (cost(policy, origin) for policy in one_and_many(kind))
    assert for_one[0] is (kind in allowed)
    assert for_one[1] > 0
    assert for_many == for_one
    assert for_many[2] <= 2


@pytest.mark.parametrize("number", [1, 1_000, 10_000])
def test_an_exact_origin_costs_at_most_two_look_ups(number: int) -> None:
    entries = [f"https://h{index:05}.example" for index in range(number)]
    policy = Policy(allow_origins=["https://*.pattern.example", *entries])
    origin = Counted(entries[0])
    environ = {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": origin}
    decide(policy, environ)
    with Counted.counting():
        assert decide(policy, environ).allowed
        assert Counted.hashed <= 2
        assert Counted.compared <= 1


def test_a_foreign_origin_costs_a_fixed_number_of_look_ups() -> None:
    entries = [f"https://h{index:05}.example" for index in range(10_000)]
    policy = Policy(allow_origins=entries)
    environ = {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": Counted("https://evil.example")}
    with Counted.counting():
        assert not decide(policy, environ).allowed
        assert Counted.hashed == 1
        assert Counted.compared == 0


@pytest.mark.parametrize("origin", ["https://a.b.evil.com", "https://localhost", "null", ""])
def test_most_foreign_origins_are_turned_down_before_any_pattern_is_spelt(
    monkeypatch: pytest.MonkeyPatch, origin: str
) -> None:
    policy = Policy(allow_origins=["https://*.example.com", "https://pr-*.example.com"])
    assert allows(policy, "https://1.example.com")
    monkeypatch.setattr(Matcher, "_matches_pattern", None)
    assert not allows(policy, origin)


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_an_endless_origin_is_not_looked_up_at_all(method: str) -> None:
    policy = Policy(allow_origins=["https://app.example.com", "https://*.example.com", yes])
    environ = {
        "REQUEST_METHOD": method,
        "HTTP_ORIGIN": Counted("https://" + "a" * 65_536 + ".example.com"),
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT",
    }
    with Counted.counting():
        assert not decide(policy, environ).allowed
        assert Counted.hashed == Counted.compared == 0


LONGEST = f"{'a' * 64}://{'.'.join(['b' * 63, 'c' * 63, 'd' * 63, 'e' * 61])}.:65535"


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize(
    "entry",
    [LONGEST, LONGEST.replace("b" * 63, "*"), re.compile(".*"), yes],
    ids=["exact", "pattern", "regular expression", "callable"],
)
def test_the_longest_origin_of_all_can_be_allowed(entry: Any, method: str) -> None:
    environ = {
        "REQUEST_METHOD": method,
        "HTTP_ORIGIN": LONGEST,
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT",
    }
    assert len(LONGEST) == 327
    assert decide(Policy(allow_origins=[entry]), environ).allowed
    longer = {**environ, "HTTP_ORIGIN": f"a{LONGEST}"}
    assert not decide(Policy(allow_origins=[entry]), longer).allowed


def test_a_callable_is_waited_for_with_the_longest_origin_of_all() -> None:
    matcher = Matcher(callables=[yes])
    assert matcher.may_block(LONGEST)
    assert not matcher.may_block(f"a{LONGEST}")


@pytest.mark.parametrize(
    "entries",
    [
        pytest.param(["https://app.example.com"], id="exact"),
        pytest.param(["https://*.example.com"], id="pattern"),
        pytest.param([re.compile(r"https://app\.example\.com")], id="regular expression"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_what_was_allowed_before_costs_at_most_two_look_ups(
    method: str, entries: list[Any]
) -> None:
    policy = Policy(allow_origins=entries)
    environ = {
        "REQUEST_METHOD": method,
        "HTTP_ORIGIN": Counted("https://app.example.com"),
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT",
    }
    first = decide(policy, environ)
    with Counted.counting():
        assert decide(policy, environ) == first
        # One of the two, of exact origins, turns down what is not allowed.
        assert Counted.hashed <= 2


def test_more_exact_origins_than_are_kept_ready_are_all_allowed() -> None:
    entries = [f"https://h{index:05}.example" for index in range(3_000)]
    policy = Policy(allow_origins=entries)
    for _ in range(2):
        assert all(allows(policy, origin) for origin in entries)
    assert not allows(policy, "https://h03000.example")
