"""Origins from a database: `CachedOrigins`, with a clock and a database that the tests turn."""

import logging
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from answers import APP, DENIED, EVIL, REFUSED, asking, asking_for, readable_by
from hypothesis import given
from hypothesis import strategies as st
from wsgi_client import SpyApp, call, environ_of

from corsgate import Policy, PolicyError, _callables, decide, origins
from corsgate.origins import CachedOrigins
from corsgate.wsgi import CORSMiddleware

A, B, C = "https://a.example", "https://b.example", "https://c.example"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Database:
    """Says yes to its rows, and remembers every question."""

    def __init__(self, *rows: str) -> None:
        self.rows = set(rows)
        self.asked: list[str] = []
        self.fails = False

    def is_known(self, origin: str) -> bool:
        self.asked.append(origin)
        if self.fails:
            raise OSError("database gone")
        return origin in self.rows

    def take_asked(self) -> list[str]:
        asked, self.asked = self.asked, []
        return asked


@pytest.fixture(autouse=True)
def new_log() -> Iterator[None]:
    _callables.failures.clear()
    yield
    _callables.failures.clear()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def says(cached: CachedOrigins, *asked: str) -> list[bool]:
    return [cached(origin, {}) for origin in asked]


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = []
    for record in caplog.records:
        assert (record.name, record.levelno) == ("corsgate", logging.ERROR)
        found.append(record.getMessage())
    caplog.clear()
    return found


# ------------------------------------------------------------------ what is kept, and how long


def test_yes_and_no_are_looked_up_once_within_the_time(clock: Clock) -> None:
    database = Database(A)
    cached = CachedOrigins(database.is_known, clock=clock)
    for now in (1000.0, 1030.0, 1059.9):
        clock.now = now
        assert says(cached, A, B) == [True, False]
    assert database.take_asked() == [A, B]
    clock.now = 1060.0
    assert says(cached, A, B, A, B) == [True, False, True, False]
    assert database.take_asked() == [A, B]


@pytest.mark.parametrize("ttl", [2, 2.0, timedelta(seconds=2)])
def test_a_change_is_seen_when_the_time_is_over(clock: Clock, ttl: Any) -> None:
    database = Database(A)
    cached = CachedOrigins(database.is_known, ttl=ttl, clock=clock)
    assert says(cached, A, B) == [True, False]
    database.rows = {B}
    clock.now += 1.9
    assert says(cached, A, B) == [True, False]
    clock.now += 0.1
    assert says(cached, A, B) == [False, True]


def test_the_time_begins_with_the_question(clock: Clock) -> None:
    def slow(origin: str) -> bool:
        asked.append(origin)
        clock.now += 40  # what is added meanwhile is not in the answer
        return False

    asked: list[str] = []
    cached = CachedOrigins(slow, clock=clock)
    assert says(cached, A, A) == [False, False]
    assert asked == [A]
    clock.now += 20
    assert says(cached, A) == [False]
    assert asked == [A, A]


def test_what_was_invalidated_is_looked_up_again(clock: Clock) -> None:
    database = Database(A, B)
    cached = CachedOrigins(database.is_known, clock=clock)
    assert says(cached, A, B, C) == [True, True, False]
    database.rows = {C}
    cached.invalidate(A)
    cached.invalidate(C)
    cached.invalidate("https://never-asked.example")
    assert says(cached, A, B, C) == [False, True, True]
    assert database.take_asked() == [A, B, C, A, C]
    cached.invalidate()
    assert says(cached, A, B, C) == [False, False, True]
    assert database.take_asked() == [A, B, C]


@pytest.mark.parametrize("whole", [True, False])
def test_an_answer_that_was_invalidated_while_it_was_looked_up_is_not_kept(
    clock: Clock, whole: bool
) -> None:
    def lookup(origin: str) -> bool:
        asked.append(origin)
        if len(asked) == 1:
            # The database has answered; then a row is taken out, and this process hears of it.
            cached.invalidate(*([] if whole else [origin]))
            return True
        return False

    asked: list[str] = []
    cached = CachedOrigins(lookup, clock=clock)
    assert says(cached, A, A, A) == [True, False, False]
    assert asked == [A, A]


def test_the_least_recently_used_of_those_allowed_is_forgotten(clock: Clock) -> None:
    database = Database(A, B, C)
    cached = CachedOrigins(database.is_known, maxsize=2, clock=clock)
    assert says(cached, A, B, A, C, A) == [True] * 5
    assert database.take_asked() == [A, B, C]
    assert says(cached, B) == [True]
    assert database.take_asked() == [B]


def test_made_up_origins_push_out_nothing_that_is_allowed(clock: Clock) -> None:
    database = Database(A, B)
    cached = CachedOrigins(database.is_known, maxsize=2, clock=clock)
    assert says(cached, A, B) == [True, True]
    for number in range(1000):
        assert says(cached, f"https://h{number}.example") == [False]
    assert len(database.take_asked()) == 1002
    assert says(cached, A, B) == [True, True]
    assert database.take_asked() == []
    assert len(cached._denied) == 2
    assert not cached._running


# ------------------------------------------------------------------ failures


def test_a_database_that_is_down_closes_the_gate_for_new_origins_only(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    database = Database(A)
    cached = CachedOrigins(database.is_known, clock=clock)
    assert says(cached, A, EVIL) == [True, False]
    database.rows.add(B)
    database.fails = True
    for _ in range(1000):  # for days
        clock.now += 600
        assert says(cached, A, B, EVIL) == [True, False, False]
    database.fails = False
    clock.now += 5
    database.rows.remove(A)
    assert says(cached, A, B) == [False, True]
    [line] = lines(caplog)
    assert line == (
        f"corsgate: the look-up {_shown(database.is_known)} failed for '{A}' with"
        " OSError('database gone'), so what was known of it holds"
    )


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 100 else f"{text[:80]}... ({len(text)} characters)"


@pytest.mark.parametrize(("ttl", "pause"), [(60, 5), (2, 2)])
def test_a_failed_look_up_is_tried_again_after_a_pause(
    clock: Clock, ttl: float, pause: float
) -> None:
    database = Database(A, B)
    cached = CachedOrigins(database.is_known, ttl=ttl, clock=clock)
    assert says(cached, A) == [True]
    clock.now += ttl
    database.fails = True
    assert says(cached, A, B, A, B) == [True, False, True, False]
    assert database.take_asked() == [A, A, B]
    clock.now += pause - 0.1
    assert says(cached, A, B) == [True, False]
    assert database.take_asked() == []
    clock.now += 0.1
    database.fails = False
    assert says(cached, A, B) == [True, True]
    assert database.take_asked() == [A, B]


def test_what_was_invalidated_is_no_last_answer(clock: Clock) -> None:
    database = Database(A)
    cached = CachedOrigins(database.is_known, clock=clock)
    assert says(cached, A) == [True]
    database.fails = True
    cached.invalidate(A)
    assert says(cached, A) == [False]


@pytest.mark.parametrize("answer", [1, None, "yes", b""], ids=repr)
def test_only_true_allows(answer: Any, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    def careless(origin: str) -> Any:
        asked.append(origin)
        return answer

    asked: list[str] = []
    cached = CachedOrigins(careless, clock=clock)
    assert says(cached, A, A) == [False, False]
    assert asked == [A]
    assert lines(caplog) == [
        f"corsgate: the look-up {_shown(careless)} gave {answer!r} for '{A}'; only True allows"
    ]


def test_what_an_error_says_is_escaped(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    def fail(origin: str) -> bool:
        raise LookupError(f"no row for\n{origin}\x1b[31m")

    assert says(CachedOrigins(fail, clock=clock), A) == [False]
    [line] = lines(caplog)
    assert line.isprintable()
    assert r"LookupError('no row for\nhttps://a.example\x1b[31m')" in line


def test_a_server_that_ends_a_look_up_leaves_nothing_behind(clock: Clock) -> None:
    def interrupted(origin: str) -> bool:
        raise SystemExit("the worker took too long")

    cached = CachedOrigins(interrupted, clock=clock)
    with pytest.raises(SystemExit):
        cached(A, {})
    assert not cached._running
    assert says(cached, A) == [False]  # for the pause


# ------------------------------------------------------------------ against a naive model

LIVE = [f"https://tenant{number}.example" for number in range(4)]


class Model:
    """What one dictionary that never forgets would do."""

    def __init__(self, ttl: float) -> None:
        self.ttl = ttl
        self.known: dict[str, tuple[bool, float]] = {}

    def ask(self, origin: str, now: float, database: Mapping[str, bool | None]) -> tuple[bool, int]:
        """The answer, and how many look-ups it takes."""
        answer, until = self.known.get(origin, (False, now))
        if now < until:
            return answer, 0
        found = database[origin]
        if found is None:
            self.known[origin] = answer, now + min(5, self.ttl)
        else:
            self.known[origin] = found, now + self.ttl
        return self.known[origin][0], 1


class World:
    def __init__(self, ttl: float, maxsize: int) -> None:
        self.clock = Clock()
        self.database: dict[str, bool | None] = dict.fromkeys(LIVE, True)
        self.lookups = 0
        self.cached = CachedOrigins(self.look_up, ttl=ttl, maxsize=maxsize, clock=self.clock)
        self.model = Model(ttl)

    def look_up(self, origin: str) -> bool:
        self.lookups += 1
        answer = self.database.get(origin, False)
        if answer is None:
            raise OSError
        return answer

    def ask(self, origin: str) -> None:
        before = self.lookups
        expected = self.model.ask(origin, self.clock.now, self.database)
        blocks = self.cached._would_block(origin)
        assert blocks or not expected[1], "it would have blocked"
        assert (self.cached(origin, {}), self.lookups - before) == expected

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def say(self, origin: str, answer: bool | None) -> None:
        self.database[origin] = answer

    def invalidate(self, origin: str) -> None:
        self.cached.invalidate(origin)
        self.model.known.pop(origin, None)

    def invalidate_all(self, _: object) -> None:
        self.cached.invalidate()
        self.model.known.clear()


live = st.sampled_from(LIVE)
waits = st.tuples(st.just("wait"), st.sampled_from([0.0, 0.5, 1.0, 4.0, 5.0, 9.0, 60.0]))
asks = st.tuples(st.just("ask"), live)


@given(
    st.sampled_from([0.5, 5.0, 10.0]),
    st.lists(
        st.one_of(
            asks,
            waits,
            st.tuples(st.just("say"), live, st.sampled_from([True, False, None])),
            st.tuples(st.just("invalidate"), live),
            st.tuples(st.just("invalidate_all"), st.none()),
        ),
        max_size=60,
    ),
)
def test_it_does_what_a_dictionary_that_never_forgets_would_do(
    ttl: float, steps: list[tuple[Any, ...]]
) -> None:
    world = World(ttl, maxsize=len(LIVE))
    for name, *arguments in steps:
        getattr(world, name)(*arguments)


@given(
    st.lists(
        st.one_of(
            asks,
            waits,
            st.tuples(st.just("say"), live, st.sampled_from([True, None])),
            st.tuples(st.just("flood"), st.integers(1, 20)),
        ),
        max_size=60,
    )
)
def test_a_flood_between_changes_nothing_for_those_who_are_known(
    steps: list[tuple[Any, ...]],
) -> None:
    world = World(10.0, maxsize=len(LIVE))
    for origin in LIVE:
        world.ask(origin)
    made_up = 0
    for name, argument, *more in steps:
        if name == "flood":
            for _ in range(argument):
                made_up += 1
                assert world.cached(f"https://h{made_up}.example", {}) is False
        else:
            getattr(world, name)(argument, *more)
        assert len(world.cached._allowed) == len(LIVE)
        assert len(world.cached._denied) <= len(LIVE)
        assert not world.cached._running


# ------------------------------------------------------------------ threads


def waiting_threads() -> int:
    """How many threads wait for somebody else's look-up."""
    found = 0
    for top in sys._current_frames().values():
        names = [
            (frame.f_globals.get("__name__"), frame.f_code.co_name)
            for frame, _ in traceback.walk_stack(top)
        ]
        inside = names.index(_CALL) if _CALL in names else 0
        found += ("threading", "wait") in names[:inside]
    return found


_CALL = ("corsgate.origins", "__call__")


def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        time.sleep(0)  # only lets others run


def in_threads(number: int, work: Callable[[int], object]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, args=[index]) for index in range(number)]
    for thread in threads:
        thread.start()
    return threads


@pytest.mark.parametrize("answer", [True, False, None], ids=["yes", "no", "fails"])
def test_fifty_threads_that_ask_for_one_cold_origin_cause_one_look_up(
    answer: bool | None, clock: Clock
) -> None:
    def lookup(origin: str) -> bool:
        asked.append(origin)
        until(lambda: waiting_threads() == 49)
        if answer is None:
            raise OSError
        return answer

    asked: list[str] = []
    answers: list[bool] = []
    cached = CachedOrigins(lookup, clock=clock)
    for thread in in_threads(50, lambda _: answers.append(cached(A, {}))):
        thread.join()
    assert asked == [A]
    assert answers == [answer is True] * 50


def test_a_look_up_keeps_nobody_waiting_who_asks_for_another_origin(clock: Clock) -> None:
    """A barrier that only opens when all look-ups are under way at once."""
    together = threading.Barrier(8)

    def lookup(origin: str) -> bool:
        together.wait(60)
        return True

    answers: list[bool] = []
    cached = CachedOrigins(lookup, clock=clock)
    for thread in in_threads(8, lambda n: answers.append(cached(f"https://h{n}.example", {}))):
        thread.join()
    assert answers == [True] * 8


def test_whoever_was_allowed_does_not_wait_for_a_slow_database(clock: Clock) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def lookup(origin: str) -> bool:
        asked.append(origin)
        if len(asked) > 2:
            begun.set()
            assert go_on.wait(60)
        return len(asked) <= 2

    asked: list[str] = []
    answers: list[bool] = []
    cached = CachedOrigins(lookup, clock=clock)
    assert says(cached, A, B) == [True, True]
    clock.now += 60
    [thread] = in_threads(1, lambda _: answers.append(cached(A, {})))
    assert begun.wait(60)
    assert says(cached, A, A) == [True, True]
    go_on.set()
    thread.join()
    assert answers == [False]
    assert says(cached, A) == [False]
    assert asked == [A, B, A]


def test_waiting_for_a_slow_database_has_an_end(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(origins, "_PATIENCE", 0.01)
    begun, go_on = threading.Event(), threading.Event()

    def lookup(origin: str) -> bool:
        begun.set()
        return go_on.wait(60)

    answers: list[bool] = []
    cached = CachedOrigins(lookup, clock=clock)
    [thread] = in_threads(1, lambda _: answers.append(cached(A, {})))
    assert begun.wait(60)
    assert says(cached, A, A) == [False, False]
    go_on.set()
    thread.join()
    assert answers == [True]
    assert says(cached, A) == [True]
    [line] = lines(caplog)
    assert line == (
        f"corsgate: the look-up {_shown(lookup)} takes over 0.01 seconds for '{A}', so that"
        " origin is denied"
    )


def test_who_asks_after_invalidate_does_not_get_an_answer_from_before(clock: Clock) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def lookup(origin: str) -> bool:
        asked.append(origin)
        if len(asked) == 1:
            begun.set()
            assert go_on.wait(60)
            return True  # read before the row was taken out
        return False

    asked: list[str] = []
    answers: list[bool] = []
    cached = CachedOrigins(lookup, clock=clock)
    [thread] = in_threads(1, lambda _: answers.append(cached(A, {})))
    assert begun.wait(60)
    cached.invalidate(A)
    assert says(cached, A) == [False]
    go_on.set()
    thread.join()
    assert answers == [True]
    assert says(cached, A) == [False]
    assert asked == [A, A]


# ------------------------------------------------------------------ under a policy


def test_no_answer_of_a_policy_outlives_those_of_the_database(clock: Clock) -> None:
    database = Database(B)
    cached = CachedOrigins(database.is_known, clock=clock)
    policy = Policy(allow_origins=[APP, "https://*.example.org", cached])

    def allowed(origin: str) -> list[bool]:
        requests = [("GET", asking(origin)), ("OPTIONS", asking_for("PUT", origin))]
        return [decide(policy, environ_of(how, "/", sent)).allowed for how, sent in requests]

    for _ in range(2):
        assert allowed(B) == allowed(APP) == allowed("https://x.example.org") == [True, True]
        assert allowed(A) == [False, False]
    assert database.take_asked() == [B, A]  # for those that are listed it is not asked
    database.rows = {A}
    assert (allowed(A), allowed(B)) == ([False, False], [True, True])
    cached.invalidate()
    assert (allowed(A), allowed(B)) == ([True, True], [False, False])
    database.rows = {B}
    clock.now += 60
    assert (allowed(A), allowed(B)) == ([False, False], [True, True])


def test_a_gate_asks_the_database_about_well_formed_origins_only(clock: Clock) -> None:
    database = Database(APP, "null", "")
    cached = CachedOrigins(database.is_known, clock=clock)
    app = CORSMiddleware(SpyApp(), allow_origins=cached)
    for sent in ("null", "", "https://a b", "https://app.example.com/", "https://" + "a" * 4000):
        assert call(app, "GET", "/", {"Origin": sent}).cors == DENIED
    assert call(app).cors == DENIED
    assert database.asked == []
    assert call(app, "GET", "/", asking()).cors == readable_by(APP)
    assert call(app, "OPTIONS", "/", asking_for("PUT", EVIL)).cors == REFUSED
    assert database.asked == [APP, EVIL]


# ------------------------------------------------------------------ where nothing may block


def test_an_answer_that_is_about_to_expire_is_not_counted_on(clock: Clock) -> None:
    database = Database(A)
    cached = CachedOrigins(database.is_known, clock=clock)
    assert [cached._would_block(origin) for origin in (A, B)] == [True, True]
    assert says(cached, A, B) == [True, False]
    for now, blocks in ((1000.0, False), (1058.9, False), (1059.0, True), (1060.0, True)):
        clock.now = now
        assert [cached._would_block(origin) for origin in (A, B)] == [blocks, blocks]
    assert database.take_asked() == [A, B]


# ------------------------------------------------------------------ arguments


def test_every_argument_that_is_wrong_is_named() -> None:
    with pytest.raises(PolicyError) as caught:
        CachedOrigins("https://a.example", ttl=0, maxsize=0)  # type: ignore[arg-type]
    assert str(caught.value) == (
        "3 problems:\n"
        "  lookup: 'https://a.example' is no function. Write a function that takes an origin, and"
        " returns True or False. [wrong-type]\n"
        "  ttl: 0 is no finite length of time above zero. Write seconds, such as 60, or a"
        " timedelta. [wrong-type]\n"
        "  maxsize: 0 is no whole number above zero. Write how many origins to keep, such as"
        " 10_000. [wrong-type]"
    )


async def coroutine(origin: str) -> bool:
    return True


@pytest.mark.parametrize(
    ("lookup", "text"),
    [
        pytest.param(
            coroutine,
            "is a coroutine function, and its answer would never be awaited. Give a plain function;"
            " asynchronous servers call it in a thread. [coroutine-callable]",
            id="coroutine",
        ),
        pytest.param(
            lambda origin, environ: True,
            "cannot be called with (origin). Give a function that takes these, by position."
            " [callable-signature]",
            id="also the environ",
        ),
        pytest.param(
            Database,
            "is no function. Write a function that takes an origin, and returns True or False."
            " [wrong-type]",
            id="class",
        ),
    ],
)
def test_a_look_up_that_does_not_fit_is_refused(lookup: Any, text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        CachedOrigins(lookup)
    assert str(caught.value) == f"lookup: {lookup!r} {text}"


@pytest.mark.parametrize(
    "ttl",
    [
        *(0, -1, 0.0, float("nan"), float("inf"), 10**400, True, "60", None),
        *(timedelta(0), timedelta(seconds=-1)),
    ],
    ids=lambda ttl: repr(ttl)[:20],
)
def test_a_time_that_is_none_is_refused(ttl: Any) -> None:
    with pytest.raises(PolicyError) as caught:
        CachedOrigins(Database().is_known, ttl=ttl)
    [problem] = caught.value.problems
    assert (problem.code, problem.field, problem.value) == ("wrong-type", "ttl", ttl)


@pytest.mark.parametrize("maxsize", [0, -1, True, 1.5, "10", None], ids=repr)
def test_a_size_that_is_none_is_refused(maxsize: Any) -> None:
    with pytest.raises(PolicyError) as caught:
        CachedOrigins(Database().is_known, maxsize=maxsize)
    [problem] = caught.value.problems
    assert (problem.code, problem.field, problem.value) == ("wrong-type", "maxsize", maxsize)


@pytest.mark.parametrize(
    "arguments",
    [
        *({"ttl": ttl} for ttl in ("60", -1, 0, float("nan"), float("inf"), True, timedelta(0))),
        *({"maxsize": size} for size in (0, -1, "10", True)),
    ],
    ids=repr,
)
def test_what_is_refused_is_named_with_what_to_write(arguments: dict[str, Any]) -> None:
    [(field, value)] = arguments.items()
    what, fix = {
        "ttl": ("finite length of time above zero", "seconds, such as 60, or a timedelta"),
        "maxsize": ("whole number above zero", "how many origins to keep, such as 10_000"),
    }[field]
    with pytest.raises(PolicyError) as caught:
        CachedOrigins(_never, **arguments)
    assert str(caught.value) == f"{field}: {value!r} is no {what}. Write {fix}. [wrong-type]"


FULL = "one origin as browsers send it, such as 'https://app.example.com', or nothing for all"


@pytest.mark.parametrize(
    ("origin", "said", "fix", "code"),
    [
        (
            "https://app.example.com/",
            "has a slash or path after the host and port: an origin ends before that",
            "'https://app.example.com'",
            "origin-path",
        ),
        (
            "https://App.example.com",
            "is not in lower case",
            "'https://app.example.com'",
            "origin-upper-case",
        ),
        (
            "https://app.example.com:443",
            "names the default port of its scheme, which browsers leave out",
            "'https://app.example.com'",
            "origin-default-port",
        ),
        (
            " https://app.example.com",
            "has white space in it",
            "'https://app.example.com'",
            "origin-white-space",
        ),
        ("app.example.com", "has no scheme", "'https://app.example.com'", "origin-no-scheme"),
        (
            "https://a.example https://b.example",
            "is several origins in one string",
            FULL,
            "origin-several",
        ),
        ("", "is empty", FULL, "origin-empty"),
        ("null", "is no origin", FULL, "wrong-type"),
        ("https://*.example.com", "is no origin", FULL, "wrong-type"),
        ("*", "is no origin", FULL, "wrong-type"),
        (["https://app.example.com"], "is no origin", FULL, "wrong-type"),
        (b"https://app.example.com", "is no origin", FULL, "wrong-type"),
        (True, "is no origin", FULL, "wrong-type"),
    ],
    ids=repr,
)
def test_an_origin_that_can_never_be_known_is_not_invalidated_in_silence(
    origin: Any, said: str, fix: str, code: str, clock: Clock
) -> None:
    database = Database(A)
    cached = CachedOrigins(database.is_known, clock=clock)
    assert cached(A, {})
    with pytest.raises(PolicyError) as caught:
        cached.invalidate(origin)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value) == f"origin: {origin!r} {said}. Write {fix}. [{code}]"
    assert cached(A, {})
    assert len(database.asked) == 1  # nothing is forgotten


def test_it_is_shown_with_its_look_up() -> None:
    assert repr(CachedOrigins(_never)) == f"<CachedOrigins of {_never!r}>"


def _never(origin: str) -> bool:
    return False
