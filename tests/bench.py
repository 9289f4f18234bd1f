"""How much time corsgate adds to a request, beside other libraries and a wrapper written by hand.

    python tests/bench.py           the usual sizes, in about a minute
    python tests/bench.py --full    every peer at every size, in about ten
    python tests/bench.py --rst     only the ratios, as reStructuredText

Needs flask, django, flask-cors, django-cors-headers and wsgicors; asserts nothing about time.

A cell says how many microseconds are added to the bare application, with half the distance of the
quartiles, and how many times as much that is as what corsgate adds. Preflights in a framework are
compared as whole requests: keeping them from the view is part of the work. In WSGI, where the bare
application would not answer them, an empty 204 takes its place.

All applications of a table take turns in every round, in a new order each time, so that changes in
the machine's speed meet all of them. What is counted is CPU time, so that other processes do not
matter; garbage is collected between batches only. What a server makes for each request is made
anew, outside of the timing. The bare application takes part twice, and what the second one seems to
add is the error of it all. Every answer is checked before it is timed.
"""

import argparse
import asyncio
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import bench_peers
from bench_peers import (
    ALLOWED,
    CASES,
    COMMAS,
    HOSTILE,
    IN_TURN,
    NAMES,
    NONE,
    PATTERNS,
    PER_VIEW,
    PREFLIGHT,
    PREFLIGHTS,
    SIZES,
    TEN,
    Setup,
)

# ------------------------------------------------------------------ asking and timing


class Sync:
    """Asks a WSGI application as a server does, and does no more than it must."""

    request = staticmethod(bench_peers.environ_of)

    @staticmethod
    def answer(app: Any, environ: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        begun: list[Any] = []
        body = b"".join(app(environ, lambda *arguments: begun.append(arguments)))
        return int(begun[-1][0][:3]), list(begun[-1][1]), body

    @staticmethod
    def time(app: Any, requests: Iterable[Any]) -> int:
        def start_response(status: Any, headers: Any, exc_info: Any = None) -> None:
            return None

        begin = time.thread_time_ns()
        for environ in requests:
            body = app(environ, start_response)
            for _ in body:
                pass
            if hasattr(body, "close"):
                body.close()
        return time.thread_time_ns() - begin


class Plain(Sync):
    """The same, but for applications that have all paths."""

    request = staticmethod(bench_peers.any_path_of)


class Async:
    """Asks Django as its ASGI handler does, without the protocol around that."""

    request = staticmethod(bench_peers.scope_of)
    run = asyncio.new_event_loop().run_until_complete

    @classmethod
    def answer(cls, app: Any, scope: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        response = cls.run(app(scope))
        return response.status_code, list(response.items()), response.content

    @classmethod
    def time(cls, app: Any, requests: Iterable[Any]) -> int:
        async def serve() -> None:
            for scope in requests:
                (await app(scope)).close()

        begin = time.process_time_ns()  # of all threads: work may be handed to another
        cls.run(serve())
        return time.process_time_ns() - begin


def check(name: str, case: str, setup: Setup, answer: tuple[int, Any, bytes]) -> None:
    """Stop where an answer is wrong; of corsgate's and the one by hand more is asked."""
    status, headers, body = answer
    found = {name.lower(): value for name, value in headers}
    origin = found.get("access-control-allow-origin")
    everybody = setup.kind == "any"
    faults = []
    if case not in PREFLIGHTS and (status, body) != (200, bench_peers.BODY):
        faults.append("not the application's answer")
    if case in (ALLOWED, PREFLIGHT, COMMAS, NAMES):
        if origin not in (setup.allowed, "*" if everybody else None):
            faults.append("not allowed")
    elif case == IN_TURN:
        if not everybody and not (origin or "").endswith(".com"):
            faults.append("not allowed")
    elif case != NONE and not everybody and origin is not None:
        faults.append("allowed")
    if case == PREFLIGHT:
        allowed = [found.get(f"access-control-allow-{what}", "") for what in ("methods", "headers")]
        if status not in (200, 204) or "PUT" not in allowed[0]:
            faults.append("method not allowed")
        if not {"content-type", "x-requested-with"} <= set(
            allowed[1].lower().replace(" ", "").split(",")
        ):
            faults.append("headers not allowed")
    if name.endswith(OURS) and not everybody:
        if len(found) != len(headers) or "origin" not in found.get("vary", "").lower():
            faults.append("a repeated header, or no Vary")
        if case == NONE and origin is not None:
            faults.append("allowed")
    if faults:
        raise SystemExit(f"{name}, {case}: {', '.join(faults)} in {answer}")


Figures = tuple[float, float, float]  # nanoseconds: a whole request, what is added, its spread


def measure(
    side: Any, apps: dict[str, tuple[Any, Setup]], case: str, rounds: int
) -> dict[str, Figures]:
    """The figures of each application; one is called "bare"."""
    base = "empty 204" if case in PREFLIGHTS and "empty 204" in apps else "bare"
    sizes, turns = {}, {}
    samples: dict[str, list[float]] = {name: [] for name in apps}
    for name, (app, setup) in apps.items():
        cost = side.time(app, [side.request(case, setup)])
        if cost < 50_000_000:  # the first request may have prepared something
            cost = min(side.time(app, [side.request(case, setup)]) for _ in range(5))
        sizes[name] = max(1, min(50 if case in HOSTILE else 1_000, 1_000_000 // cost))
        turns[name] = max(2, min(rounds, 500_000_000 // cost))
    for turn in range(rounds):
        for name in random.sample(list(apps), len(apps)):
            if turn >= turns[name]:
                continue
            app, setup = apps[name]
            requests = [side.request(case, setup) for _ in range(sizes[name])]
            warming = [side.request(case, setup) for _ in range(5 if sizes[name] > 10 else 0)]
            gc.collect()
            gc.disable()
            side.time(app, warming)
            samples[name].append(side.time(app, requests) / sizes[name])
            gc.enable()
    figures: dict[str, Figures] = {}
    for name, whole in samples.items():
        added = [mine - bare for mine, bare in zip(whole, samples[base], strict=False)]
        low, middle, high = statistics.quantiles(added, n=4, method="inclusive")
        figures[name] = statistics.median(whole), middle, (high - low) / 2
    return figures


# ------------------------------------------------------------------ the tables


class Table(NamedTuple):
    side: Any
    peers: Callable[..., Iterator[tuple[str, Any]]]
    usual: list[Setup]
    full: list[Setup]
    one_per_process: bool = False
    cases: Sequence[str] = CASES


ALL = [*SIZES, PER_VIEW]
MANY = [TEN, *PATTERNS]
TABLES = {
    "WSGI": Table(Plain, bench_peers.wsgi_peers, SIZES, SIZES),
    "WSGI, 12 headers": Table(Sync, bench_peers.wsgi_peers_12, [TEN], [TEN]),
    "WSGI, own Vary": Table(Sync, bench_peers.wsgi_peers_with_vary, [TEN], [TEN]),
    "Flask": Table(Sync, bench_peers.flask_peers, [TEN, PER_VIEW], ALL),
    "Django": Table(Sync, bench_peers.django_peers, [TEN, PER_VIEW], ALL, one_per_process=True),
    "Django, async": Table(
        Async, bench_peers.async_django_peers, [TEN, PER_VIEW], ALL, one_per_process=True
    ),
    "WSGI, hostile": Table(Sync, bench_peers.wsgi_peers, MANY, MANY, cases=HOSTILE),
    "Flask, hostile": Table(Sync, bench_peers.flask_peers, [TEN], MANY, cases=HOSTILE),
    "Django, hostile": Table(
        Sync, bench_peers.django_peers, [TEN], MANY, one_per_process=True, cases=HOSTILE
    ),
}
COMMON = (
    "bare",
    "bare again",
    "empty 204",
    "no-op",
)  # know nothing of CORS, so one of each is enough
OURS = ("corsgate", "by hand")


def work(title: str, names: list[str], *, full: bool) -> dict[str, dict[str, Figures]]:
    """In a process of its own: the figures of a table by case, then by application."""
    table = TABLES[title]
    apps: dict[str, tuple[Any, Setup]] = {}
    for setup in (setup for setup in ALL if setup.name in names):
        for peer, app in table.peers(setup):
            # Only corsgate's view is marked; the others are asked for the plain one.
            asked = TEN if setup.per_view and peer != "corsgate" else setup
            if peer in COMMON:
                apps.setdefault(peer, (app, asked))
            elif full or peer in OURS or max(setup.size, setup.paths) <= 10:
                apps[f"{setup.name}: {peer}"] = app, asked
    figures: dict[str, dict[str, Figures]] = {}
    for case in table.cases:
        some = {name: app for name, app in apps.items() if not takes_minutes(name, case)}
        for name, (app, setup) in some.items():
            if name not in COMMON:
                answer = table.side.answer(app, table.side.request(case, setup))
                check(name, case, setup, answer)
        gc.collect()
        gc.freeze()
        figures[case] = measure(table.side, some, case, 101 if full else 51)
    return figures


def takes_minutes(name: str, case: str) -> bool:
    """Whether the peers' time for such a value, times so many origins, is too long to wait for."""
    return case in HOSTILE and "0,000" in name and not name.endswith(OURS)


def figures_of(title: str, *, full: bool) -> dict[str, dict[str, Figures]]:
    table = TABLES[title]
    setups = table.full if full else table.usual
    figures: dict[str, dict[str, Figures]] = {case: {} for case in table.cases}
    for group in [[setup] for setup in setups] if table.one_per_process else [setups]:
        print(f"... {title}: {', '.join(setup.name for setup in group)}", file=sys.stderr)
        command = [sys.executable, __file__, "--work", title, *(setup.name for setup in group)]
        done = subprocess.run(
            [*command, *["--full"][: int(full)]], stdout=subprocess.PIPE, check=True, text=True
        )
        for case, found in json.loads(done.stdout).items():
            figures[case] = {**found, **figures[case]}
    return figures


def cell(title: str, case: str, name: str, found: dict[str, Figures], *, ratios: bool) -> str:
    setup, _, peer = name.rpartition(": ")
    if name not in found:
        return "not run"
    unit = found[f"{setup or TEN.name}: corsgate"]
    whole, added, spread = (figure / 1000 for figure in found[name])
    if name == "bare":
        return f"{whole:.2f}"
    of_whole = case in PREFLIGHTS and "empty 204" not in found and name != "bare again"
    mine, ours = (whole, unit[0] / 1000) if of_whole else (added, unit[1] / 1000)
    shown = f"{mine:.2f} ±{spread:.2f}"
    if peer == "corsgate" or name == "bare again":
        return shown
    return f"x{mine / ours:.3g}" if ratios else f"{shown} x{mine / ours:.3g}"


def print_table(title: str, figures: dict[str, dict[str, Figures]], *, rst: bool) -> None:
    first, *_ = figures.values()
    rows = [["µs per request", *figures]]
    shown = [name for name in first if name != "empty 204"]
    for name in sorted(shown, key=lambda name: name not in COMMON):
        cells = (cell(title, case, name, found, ratios=rst) for case, found in figures.items())
        rows.append([name, *cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    ruler = ["=" * width for width in widths]
    print(f"\n{title}\n{'~' * len(title)}\n")
    for row in [ruler, rows[0], ruler, *rows[1:], ruler]:
        print(
            "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        )


def print_import_times() -> None:
    """In fresh interpreters, over what they have loaded anyway, from compiled files."""
    timed = "import time; t = time.process_time_ns(); import {}; print(time.process_time_ns() - t)"
    print("\nImport, ms:")
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled, "PYTHONDONTWRITEBYTECODE": ""}
        for module in ("corsgate", "corsgate.wsgi", "wsgicors"):
            command = [sys.executable, "-c", timed.format(module)]
            taken = [int(subprocess.check_output(command, env=environment)) for _ in range(12)]
            print(f"  {module}: {statistics.median(taken[1:]) / 1e6:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--full", action="store_true", help="every peer at every size")
    parser.add_argument("--rst", action="store_true", help="only ratios, as reStructuredText")
    parser.add_argument("--only", choices=TABLES, action="append", help="one table")
    parser.add_argument("--work", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        title, *names = arguments.work
        print(json.dumps(work(title, names, full=arguments.full)))
        return
    for title in arguments.only or TABLES:
        print_table(title, figures_of(title, full=arguments.full), rst=arguments.rst)
    print_import_times()


if __name__ == "__main__":
    main()
