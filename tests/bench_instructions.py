"""How many instructions corsgate adds to a request, and whether that has got worse.

    python tests/bench_instructions.py           compares with instructions.json, in about a minute
    python tests/bench_instructions.py --write   writes that file anew

Needs Linux on a CPU that valgrind knows, valgrind with its headers, a C compiler, and what bench.py
needs. Callgrind counts what the processor would have been told to do: unlike time, that does not
depend on the machine's load, and differs by less than 1 % from run to run. It does depend on the
interpreter and on the frameworks, so tox.ini pins both; the table says for which it is.

A row is a quotient, with what corsgate adds to the bare application above the line. Below it:

- WSGI: what the wrapper in by_hand.py adds. The application is not called for preflights, so there
  an empty answer is taken off instead of the application's.
- Flask and Django: what Flask-Cors or django-cors-headers adds. Preflights are compared as whole
  requests there: to keep them from the framework is part of the work.
- many origins: what corsgate adds with one origin.
- hostile: what corsgate adds for an ordinary denied request.
"""

import argparse
import ctypes
import gc
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import bench
from bench_peers import (
    ANY,
    CASES,
    DENIED,
    EXACT,
    HOSTILE,
    PATHS,
    PATTERNS,
    PER_VIEW,
    PREFLIGHTS,
    REFUSED,
    TEN,
    Setup,
)

TABLE = Path(__file__).with_name("instructions.json")
WORSE = 1.10  # a ratio may be so many times that of the table
# Of a whole request in a framework, from one place to another: by the addresses of objects it is
# decided which look-ups collide.
NOISE = 0.005
HOSTILE_AT_MOST = 2  # times an ordinary denial: a quicker denial is no fault
COMMAND = "tox run -e instructions"

# What runs in one process, which has to start below valgrind: at most a few seconds each.
JOBS = {
    "WSGI": ("WSGI", [ANY, *EXACT, *PATTERNS, *PATHS[:2]]),
    "WSGI, 12 headers": ("WSGI, 12 headers", [TEN]),
    "WSGI, own Vary": ("WSGI, own Vary", [TEN]),
    "Flask": ("Flask", [TEN, PER_VIEW]),
    "Django": ("Django", [TEN]),
    "Django, per view": ("Django", [PER_VIEW]),
    "Django, async": ("Django, async", [TEN]),
}
BARE = ("bare", "empty 204")
PEERS = ("Flask-Cors decorator", "Flask-Cors", "django-cors-headers")


def bare_in(job: str) -> Setup:
    """The bare application is the same in every set-up, so one will do."""
    return TEN if TEN in JOBS[job][1] else JOBS[job][1][0]


# ------------------------------------------------------------------ below valgrind

# Requests to valgrind are instructions that do nothing elsewhere, which only C can say.
SOURCE = """
#include <valgrind/callgrind.h>
void start(void) { CALLGRIND_START_INSTRUMENTATION; }
void zero(void) { CALLGRIND_ZERO_STATS; }
void dump(const char *name) { CALLGRIND_DUMP_STATS_AT(name); }
"""


def work(job: str, library: str) -> None:
    """Have callgrind dump the cost of each application's requests, with its name."""
    valgrind = ctypes.CDLL(library)
    title, setups = JOBS[job]
    table = bench.TABLES[title]
    apps = [
        (setup, peer, app, TEN if setup.per_view and peer != "corsgate" else setup)
        for setup in setups
        for peer, app in table.peers(setup)
        if peer in ("by hand", "corsgate", *PEERS) or (peer in BARE and setup is bare_in(job))
    ]
    gc.collect()
    gc.disable()
    valgrind.start()
    for setup, peer, app, asked in apps:
        for case in cases_of(title, setup, peer):
            answer = table.side.answer(app, table.side.request(case, asked))
            if peer not in bench.COMMON:
                bench.check(f"{setup.name}: {peer}", case, asked, answer)
            # The interpreter learns from the first ones what the types of the operands are.
            some = 20 if title.startswith("WSGI") and case in CASES else 10
            table.side.time(app, [table.side.request(case, asked) for _ in range(2 * some)])
            requests = [table.side.request(case, asked) for _ in range(some)]
            valgrind.zero()
            table.side.time(app, requests)
            valgrind.dump("|".join((job, setup.name, case, peer, str(some))).encode())


def cases_of(title: str, setup: Setup, peer: str) -> tuple[str, ...]:
    if title == "WSGI" and setup in (TEN, PATTERNS[0]) and peer != "by hand":
        return *CASES, *HOSTILE
    return CASES


# ------------------------------------------------------------------ counting

Counts = dict[tuple[str, str, str], dict[str, float]]  # job, set-up, case -> peer -> instructions


def count(jobs: list[str]) -> Counts:
    counts: Counts = {}
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "marks.c"), f"{folder}/marks.so"
        source.write_text(SOURCE)
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
        # The slowest first, on as many processors as there are.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for found in pool.map(lambda job: list(run(job, folder, library)), jobs):
                for (job, setup, case, peer), instructions in found:
                    counts.setdefault((job, setup, case), {})[peer] = instructions
    return counts


def run(job: str, folder: str, library: str) -> Iterator[tuple[list[str], float]]:
    out = Path(folder, job.replace(" ", ""))
    options = ["--tool=callgrind", "--instr-atstart=no", "--dump-line=no", "-q"]
    command = [sys.executable, __file__, "--work", job, "--library", library]
    done = subprocess.run(
        ["valgrind", *options, f"--callgrind-out-file={out}", *command],
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"{job}:\n{done.stdout}{done.stderr}")
    for dump in sorted(out.parent.glob(f"{out.name}.*")):
        text = dump.read_text()
        name = re.search(r"^desc: Trigger: Client Request: (.*)$", text, re.M)
        total = re.search(r"^(?:totals|summary): (\d+)", text, re.M)
        if name and total:
            *row, requests = name[1].split("|")
            yield row, int(total[1]) / int(requests)


def ratios_of(counts: Counts) -> tuple[dict[str, float], dict[str, float]]:
    """The rows of the table, by what they say; and how much of each may be noise."""
    rows: dict[str, float] = {}
    noise: dict[str, float] = {}
    one = EXACT[0].name
    for (job, setup, case), found in counts.items():
        common = counts[job, bare_in(job).name, case]
        bare = common["empty 204" if case in PREFLIGHTS and "empty 204" in common else "bare"]
        name = f"{job}; {setup}; {case}"
        added = found["corsgate"] - bare
        if case in HOSTILE:
            usual = REFUSED if case in PREFLIGHTS else DENIED
            denied = counts[job, setup, usual]
            rows[f"{name}: of an ordinary denial"] = added / (denied["corsgate"] - bare)
            continue
        if job.startswith("WSGI"):
            rows[f"{name}: of by hand"] = added / (found["by hand"] - bare)
            if setup in (EXACT[3].name, PATTERNS[1].name):
                few = counts[job, one if setup == EXACT[3].name else PATTERNS[0].name, case]
                rows[f"{name}: of few origins"] = added / (few["corsgate"] - bare)
            continue
        for peer in PEERS:
            if peer in found:
                part = bare if case not in PREFLIGHTS else 0
                quotient = (found["corsgate"] - part) / (found[peer] - part)
                rows[f"{name}: of {peer}"] = quotient
                noise[f"{name}: of {peer}"] = NOISE * bare / (found[peer] - part)
    return {name: round(ratio, 4) for name, ratio in rows.items()}, noise


def versions() -> dict[str, str]:
    names = ("Flask", "Werkzeug", "Django", "flask-cors", "django-cors-headers")
    return {
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "machine": platform.machine(),
        **{name: importlib.metadata.version(name) for name in names},
    }


# ------------------------------------------------------------------ the table


def compare(found: dict[str, float], noise: dict[str, float], table: dict[str, float]) -> list[str]:
    """What is wrong with the ratios found, in words."""
    faults = [f"{name}: not in {TABLE.name}" for name in found if name not in table]
    faults += [f"{name}: only in {TABLE.name}" for name in table if name not in found]
    for name, ratio in found.items():
        known = table.get(name, ratio)
        if name.endswith("an ordinary denial"):
            worse = ratio > HOSTILE_AT_MOST
        else:
            worse = ratio > known * WORSE + noise.get(name, 0)
        if worse:
            faults.append(
                f"{name}: {ratio:.3f}, but {known:.3f} in {TABLE.name}: {ratio / known - 1:+.0%}"
            )
    return faults


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the table anew")
    parser.add_argument("--only", choices=JOBS, action="append", help="one job; only shown")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--library", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.work, arguments.library)
        return
    counts = count(arguments.only or list(JOBS))
    found, noise = ratios_of(counts)
    for name, ratio in found.items():
        print(f"{ratio:8.3f}  {name}")
    if arguments.only:
        for row, peers in counts.items():
            print("; ".join(row), {peer: round(number) for peer, number in peers.items()})
        return
    now = versions()
    if arguments.write:
        shown = {"counted_with": now, "ratios": found}
        TABLE.write_text(json.dumps(shown, indent=1, ensure_ascii=False) + "\n")
        return
    kept: dict[str, Any] = json.loads(TABLE.read_text())
    faults = compare(found, noise, kept["ratios"])
    if faults:
        print(f"\nWorse than {TABLE.name} by more than {WORSE - 1:.0%}:", *faults, sep="\n  ")
        if now != kept["counted_with"]:
            print(f"The table was counted with {kept['counted_with']}; this is {now}.")
        raise SystemExit(f"If that is as it should be: {COMMAND} -- --write")
    print(f"\n1 table of {len(found)} ratios: none is worse by more than {WORSE - 1:.0%}.")


if __name__ == "__main__":
    main()
