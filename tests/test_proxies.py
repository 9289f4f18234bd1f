"""Real caches in front: no answer made for one origin is served to another, or to none."""

from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import ClassVar

import pytest
from answers import ANYBODY, APP, DENIED, EVIL, asking, asking_for, readable_by
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from servers import FRONTS, PROXIES, SERVERS, Running, running
from wsgi_client import Answer, comparable

PARTNER = "https://www.partner.example"
READABLE = {
    "Access_Control_Allow_Credentials": "true",
    "Access_Control_Expose_Headers": "X-Total-Count",
}
FOR_ALL = ANYBODY | comparable({"Access-Control-Expose-Headers": "X-Total-Count"})


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    make = SERVERS["gunicorn-gthread"].make
    with running(make, tmp_path_factory.mktemp("backend") / "gunicorn") as started:
        yield started


@pytest.fixture(scope="module", params=PROXIES)
def proxy(
    request: pytest.FixtureRequest, backend: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    make = partial(PROXIES[request.param], backend.port)
    with running(make, tmp_path_factory.mktemp("proxies") / request.param) as started:
        yield started


def ask(proxy: Running, method: str, path: str, headers: dict[str, str]) -> Answer:
    with proxy.connect() as wire:
        return wire.ask(method, path, headers)


def from_cache(answer: Answer) -> bool:
    return answer.values("X-Cache") == ["HIT"]


# ------------------------------------------------------------------ caches


@pytest.mark.parametrize("front", FRONTS)
def test_a_cache_keeps_an_answer_for_each_origin(proxy: Running, front: str) -> None:
    kept = []
    for origin in (APP, APP, EVIL, None, PARTNER, APP, EVIL, None, PARTNER):
        answer = ask(proxy, "GET", f"/{front}/json", asking(origin))
        assert answer.cors == right_answer("json", origin)
        kept.append(from_cache(answer))
    assert kept == [False, True, False, False, False, True, True, True, True]


@pytest.mark.parametrize("front", FRONTS)
def test_a_cache_keeps_one_answer_for_all_where_all_may_read_it(proxy: Running, front: str) -> None:
    kept = []
    for origin in (None, APP, EVIL):
        answer = ask(proxy, "GET", f"/{front}/public", asking(origin))
        assert answer.cors == FOR_ALL
        kept.append(from_cache(answer))
    assert kept == [False, True, True]


@pytest.mark.parametrize("front", FRONTS)
def test_a_cache_says_not_modified_to_each_origin_in_its_own_words(
    proxy: Running, front: str
) -> None:
    for origin in (APP, EVIL, None):
        path = f"/{front}/json?not-modified"
        assert ask(proxy, "GET", path, asking(origin)).status == 200
        answer = ask(proxy, "GET", path, {**asking(origin), "If-None-Match": '"1"'})
        assert (answer.status, from_cache(answer)) == (304, True)
        assert answer.cors == right_answer("json", origin)


def test_a_cache_keeps_no_preflight(proxy: Running) -> None:
    for origin, status in ((APP, 204), (EVIL, 403), (APP, 204)):
        answer = ask(proxy, "OPTIONS", "/wsgi/json", asking_for("PUT", origin))
        assert (answer.status, from_cache(answer)) == (status, False)


def right_answer(route: str, origin: str | None) -> dict[str, object]:
    """The CORS headers and Vary that corsgate gives to just this request."""
    if route == "public":
        return FOR_ALL
    allowed: tuple[str | None, ...] = (APP, PARTNER)
    if route == "careless":
        allowed = (APP, PARTNER, EVIL)
    found = readable_by(str(origin), **READABLE) if origin in allowed else dict(DENIED)
    if route == "own":
        found["vary"] = frozenset({"origin", "accept-encoding"})
    return found


def without_vary(headers: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in headers.items() if name != "vary"}


class Visitors(RuleBasedStateMachine):
    """Pages of many origins, and programs, all at one cache."""

    proxy: ClassVar[Running]
    prefix: ClassVar[str] = ""
    hits: ClassVar[int] = 0
    # The cache is empty for each new sequence, since its key has the query.
    numbers: ClassVar[Iterator[int]] = count()

    @initialize(
        front=st.sampled_from(FRONTS),
        routes=st.lists(
            st.sampled_from(["json", "public", "careless", "own", "nothing", "broken"]),
            min_size=1,
            max_size=2,
        ),
    )
    def start(self, front: str, routes: list[str]) -> None:
        self.front = front
        self.routes = routes  # few, so that what is kept is asked for again
        self.number = next(self.numbers)

    def ask(self, method: str, route: str, headers: dict[str, str]) -> Answer:
        path = f"{self.prefix}/{self.front}/{route}?{self.number}"
        return ask(self.proxy, method, path, headers)

    @rule(
        method=st.sampled_from(["GET", "GET", "HEAD", "POST"]),
        which=st.integers(0, 1),
        origin=st.sampled_from(
            [APP, PARTNER, EVIL, None, "null", "", "HTTPS://app.example.com", f"{APP}, {EVIL}"]
        ),
        more=st.sampled_from([{}, {}, {"Cookie": "session=1"}, {"If-None-Match": '"1"'}]),
    )
    def send(self, method: str, which: int, origin: str | None, more: dict[str, str]) -> None:
        route = self.routes[which % len(self.routes)]
        answer = self.ask(method, route, {**asking(origin), **more})
        # What is right but for Vary, which is not for the page.
        assert without_vary(answer.cors) == without_vary(right_answer(route, origin))
        type(self).hits += from_cache(answer)

    @rule(origin=st.sampled_from([APP, PARTNER, EVIL]), method=st.sampled_from(["GET", "PUT"]))
    def send_preflight(self, origin: str, method: str) -> None:
        answer = self.ask("OPTIONS", "json", asking_for(method, origin))
        allowed = [origin] if origin in (APP, PARTNER) else []
        assert answer.values("Access-Control-Allow-Origin") == allowed


def visit(proxy: Running, prefix: str, chosen: settings) -> int:
    """Let them visit; the number of answers that came from the cache."""

    class Visit(Visitors):
        pass

    Visit.proxy = proxy
    Visit.prefix = prefix
    run_state_machine_as_test(Visit, settings=chosen)
    return Visit.hits


SEQUENCES = settings(deadline=None, max_examples=60, stateful_step_count=40)


def test_no_sequence_of_requests_gets_an_answer_made_for_another_origin(proxy: Running) -> None:
    assert visit(proxy, "", SEQUENCES) > 0


def test_without_vary_a_sequence_does(proxy: Running) -> None:
    chosen = settings(SEQUENCES, phases=[Phase.generate], derandomize=True, database=None)
    with pytest.raises(AssertionError, match="access-control-allow-origin"):
        visit(proxy, "/without-vary", chosen)


# ------------------------------------------------------------------ a proxy with CORS of its own


@pytest.mark.parametrize("proxy", ["nginx"], indirect=True)
def test_a_header_that_nginx_adds_too_blocks_the_page(proxy: Running) -> None:
    answer = ask(proxy, "GET", "/twice/wsgi/json", asking())
    values = answer.values("Access-Control-Allow-Origin")
    assert values == [APP, "*"]
    # Fetch, "CORS check", by "get": the values are joined, and that is neither "*" nor the origin.
    assert ", ".join(values) not in ("*", APP)


@pytest.mark.parametrize("proxy", ["nginx"], indirect=True)
def test_it_is_readable_where_nginx_takes_the_others_out(proxy: Running) -> None:
    answer = ask(proxy, "GET", "/alone/wsgi/json", asking())
    assert answer.values("Access-Control-Allow-Origin") == ["*"]
