"""The short form of fuzz.py: what is kept, and inputs made of that, the same ones each time."""

import pytest
from fuzz_tools import MOST, NAMES, TooMuchWork, corpus, mutations, target, within

KEPT = [(name, kept) for name in NAMES for kept in corpus(name)]


@pytest.mark.parametrize(("name", "kept"), KEPT, ids=map("-".join, KEPT))
def test_what_is_kept_breaks_nothing(name: str, kept: str) -> None:
    data = corpus(name)[kept]
    assert len(data) <= MOST
    target(name)[0](data)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_made_of_it_breaks_nothing(name: str) -> None:
    run, _ = target(name)
    for data in mutations(name, 8, 2_000):
        try:
            run(data)
        except BaseException as error:
            error.add_note(f"The input: {data!r}")
            raise


def loop(times: int) -> int:
    found = 0
    while found < times:
        found += 1
    return sum(number for number in range(times))


def test_work_is_counted() -> None:
    assert within(100, lambda: loop(10)) == 45
    with pytest.raises(TooMuchWork, match="more than 100 lines"):
        within(100, lambda: loop(60))
    assert within(100, lambda: loop(10)) == 45
