"""What the fuzz targets share: how much work a call does, and inputs made of others.

A target is a module `fuzz_NAME` with `run(data)`, which raises if corsgate does what it must not,
and `WORDS`, which inputs are made of. Its corpus is `fuzz_corpus/NAME`: inputs are text, so that
one can be read, and written by hand.
"""

import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, TypeVar

T = TypeVar("T")
NAMES = ("requests", "options", "pages")
MOST = 4096  # bytes of an input
_MOST_REPEATED = 65_536  # characters of a value that an input has repeated


def target(name: str) -> tuple[Callable[[bytes], None], Sequence[str]]:
    """The `run` and the `WORDS` of a target."""
    module = import_module(f"fuzz_{name}")
    return module.run, module.WORDS


def folder(name: str) -> Path:
    return Path(__file__).parent / "fuzz_corpus" / name


def corpus(name: str) -> dict[str, bytes]:
    """The inputs that are kept, by the names of their files."""
    return {path.name: path.read_bytes() for path in sorted(folder(name).iterdir())}


# ------------------------------------------------------------------ how much work


class TooMuchWork(BaseException):
    """More lines were run than the length of an input allows; nothing on the way catches it."""


def within(limit: int, call: Callable[[], T]) -> T:
    """What a call gives, if it runs at most `limit` lines of Python, those of libraries too.

    A line counts whenever it is run. Unlike time, that is the same on every machine. For work in
    C there is libFuzzer's time limit.
    """
    left = limit

    def count() -> None:
        nonlocal left
        left -= 1
        if left == -1:  # and not again on the way out
            raise TooMuchWork(f"more than {limit} lines")

    stop = _call_for_each_line(count)
    try:
        return call()
    finally:
        stop()


if sys.version_info >= (3, 12):

    def _call_for_each_line(count: Callable[[], None]) -> Callable[[], None]:
        monitoring, tool = sys.monitoring, 3  # the first that has no use of its own
        # A loop on one line has but one line, and a jump for each turn.
        events = (monitoring.events.LINE, monitoring.events.JUMP)

        def happens(code: CodeType, *where: int) -> None:
            count()

        monitoring.use_tool_id(tool, "corsgate's fuzz targets")
        for event in events:
            monitoring.register_callback(tool, event, happens)
        monitoring.set_events(tool, sum(events))

        def stop() -> None:
            monitoring.set_events(tool, monitoring.events.NO_EVENTS)
            monitoring.free_tool_id(tool)

        return stop

else:

    def _call_for_each_line(count: Callable[[], None]) -> Callable[[], None]:
        before = sys.gettrace()  # that of coverage, which does without for so long

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                count()
            return trace

        sys.settrace(trace)
        return lambda: sys.settrace(before)


# ------------------------------------------------------------------ inputs


def repeated(name: str, value: str) -> tuple[str, str]:
    """The name and the value of a line.

    `name*9: value` has the value nine times; `name#9: value` has value0, value1 and so on.
    """
    found = re.fullmatch(r"(.*)([*#])([0-9]{1,5})", name, re.DOTALL)
    if found is None or not value:
        return name, value
    times = min(int(found[3]), _MOST_REPEATED // (len(value) + 5))
    if found[2] == "#":
        return found[1], ",".join(f"{value}{number}" for number in range(times))
    return found[1], value * times


def mutations(name: str, seed: int, count: int) -> Iterator[bytes]:
    """Inputs made of those that are kept; the same ones for the same seed."""
    chance = random.Random(seed)
    kept = list(corpus(name).values())
    words = [word.encode("latin-1") for word in target(name)[1]]
    for _ in range(count):
        data = chance.choice(kept)
        for _ in range(chance.choice((1, 1, 2, 3, 5))):
            data = _mutate(data, chance, kept, words)
        yield data[:MOST]


def _mutate(data: bytes, chance: random.Random, kept: list[bytes], words: list[bytes]) -> bytes:
    start, end = sorted((chance.randint(0, len(data)), chance.randint(0, len(data))))
    if chance.random() < 0.7:  # mostly a little
        end = min(end, start + chance.randint(0, 3))
    before, within, after = data[:start], data[start:end], data[end:]
    match chance.randrange(6):
        case 0:
            return before + after
        case 1:
            return before + bytes([chance.randrange(256)]) + after
        case 2:
            return before + chance.choice(words) + after
        case 3:
            return before + within * chance.choice((2, 3, 50)) + after
        case 4:
            lines, others = data.split(b"\n"), chance.choice(kept).split(b"\n")
            lines.insert(chance.randint(0, len(lines)), chance.choice(others))
            return b"\n".join(lines)
        case _:
            other = chance.choice(kept)
            return before + other[chance.randint(0, len(other)) :]
