"""corsgate's origins against a naive reference: 10,000 examples in CI, 1,000,000 at night.

`tox run -e nightly`. What is compared was written independently, from the standards.
"""

from functools import lru_cache

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from near_origins import ALL, ENTRIES, Choices, Entry, choose_entries, near
from reference_origin import is_serialised, parse, reference_allows

from corsgate import Policy, decide
from corsgate._origin import find_fault, read_origin

rolls = st.binary(min_size=28, max_size=28)
EACH = settings().max_examples  # 100, at night 10,000


@lru_cache(maxsize=10_000)
def policy_of(entries: tuple[Entry, ...]) -> Policy:
    return Policy(allow_origins=entries)


def allows(entries: tuple[Entry, ...], origin: str) -> bool:
    environ = {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": origin}
    return decide(policy_of(entries), environ).allowed


def near_any(rolled: bytes) -> str:
    choices = Choices(rolled)
    return near(choices, choices.of(ALL))


# ------------------------------------------------------------------ the matcher


@pytest.mark.parametrize("kind", [*ENTRIES, None], ids=[*ENTRIES, "several"])
@settings(max_examples=7 * EACH)
@given(rolled=rolls)
def test_an_entry_allows_what_the_reference_allows(kind: str | None, rolled: bytes) -> None:
    choices = Choices(rolled)
    entries = choose_entries(choices, kind)
    origin = near(choices, choices.of(entries))
    assert allows(entries, origin) is reference_allows(entries, origin)


@pytest.mark.parametrize("kind", ["exact", "address"])
@settings(max_examples=7 * EACH)
@given(rolled=rolls)
def test_an_exact_origin_matches_itself_byte_for_byte_and_nothing_else(
    kind: str, rolled: bytes
) -> None:
    """Fetch, "CORS check": the header has the very bytes of the request's origin, or it fails."""
    choices = Choices(rolled)
    entry = choices.of([entry for entry in ENTRIES[kind] if "*" not in str(entry)])
    assert isinstance(entry, str)
    origin = near(choices, entry)
    assert allows((entry,), origin) is (origin == entry)
    assert allows((entry,), entry)


# ------------------------------------------------------------------ the two parsers


@settings(max_examples=15 * EACH)
@given(rolled=rolls)
def test_a_request_s_origin_is_read_as_the_standard_reads_it(rolled: bytes) -> None:
    origin = near_any(rolled)
    parts = read_origin(origin)
    assert (parts is not None) is is_serialised(origin)
    if parts is not None:
        scheme, host, port = parts
        assert parse(origin) == (scheme, host, int(port[1:]) if port else None)


# The strict parser knows which pages there are; the lenient one goes by the form.
PAGELESS = {"about", "blob", "data", "file", "filesystem", "javascript", "ws", "wss"}


@settings(max_examples=15 * EACH)
@given(rolled=rolls)
def test_the_strict_parser_accepts_what_the_lenient_one_reads(rolled: bytes) -> None:
    origin = near_any(rolled)
    assume("*" not in origin)
    parts = read_origin(origin)
    is_read = parts is not None and parts[0] not in PAGELESS
    is_accepted = find_fault(origin) is None
    # A request's label that begins with xn-- is not decoded: no browser sends one that is invalid.
    assert is_read or not is_accepted
    assert is_accepted or not is_read or "xn--" in origin
    assert not is_accepted or allows((origin,), origin)
