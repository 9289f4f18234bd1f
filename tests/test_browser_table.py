"""The browser's half against the table of exchanges.py: the standard, and where engines differ."""

import pytest
from browser_server import Servers, allow_methods, max_age, outcome
from exchanges import (
    AGE_600,
    ALLOWED,
    CUSTOM,
    ENGINES,
    KNOWN,
    NEVER,
    ORIGIN,
    PUT,
    ROWS,
    TABLE,
    visit,
)


@pytest.mark.parametrize("engine", [None, *ENGINES])
@pytest.mark.parametrize("name", TABLE)
def test_the_outcome_and_the_requests_are_those_of_the_table(name: str, engine: str | None) -> None:
    row = TABLE[name]
    assert visit(row, engine).summary == row.engines.get(engine or "", row.expected)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", TABLE)
def test_an_engine_differs_from_the_standard_where_it_is_listed(name: str, engine: str) -> None:
    known = KNOWN.get((engine, name))
    differs = visit(TABLE[name], engine) != visit(TABLE[name])
    assert differs == (known is not None and known.in_browser)


def test_no_two_rows_have_one_name() -> None:
    assert len(TABLE) == sum(map(len, ROWS.values()))


def test_the_preflight_cache_is_for_one_page() -> None:
    servers = Servers(preflight=AGE_600)
    browser = servers.browser()
    outcome(browser, "/case", **PUT)
    outcome(browser.page("https://www.example.com"), "/case", **PUT)
    assert " ".join(servers.seen) == NEVER


def test_a_second_preflight_prolongs_what_the_first_one_allowed() -> None:
    """Fetch, "CORS-preflight fetch", step 7.12: the entry's max-age is set, its start is not."""
    servers = Servers(preflight=[ORIGIN, allow_methods("PUT"), max_age("10")])
    browser = servers.browser()
    outcome(browser, "/case", **PUT)
    servers.preflight = [*ALLOWED, max_age("100")]
    outcome(browser, "/case", **PUT, **CUSTOM)
    servers.clock.now += 99
    outcome(browser, "/case", **PUT, **CUSTOM)
    servers.clock.now += 2
    outcome(browser, "/case", **PUT, **CUSTOM)
    assert " ".join(servers.seen) == "OPTIONS PUT OPTIONS PUT PUT OPTIONS PUT"
