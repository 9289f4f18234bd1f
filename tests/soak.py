"""Load, allowed and hostile mixed: `python tests/soak.py [seconds]`, by default ten minutes.

gunicorn with threads serves soak_app.py, and threads of this process send requests as fast as they
are answered. Every answer is checked, to the letter. Two figures are told besides: whether memory
grows, and whether allowed requests suffer from the hostile ones. The latter as ratios: of requests
through corsgate and the same without it, in turns, so that what else the machine does cancels out;
and of times when the hostile requests go to corsgate, and when the same go to the application.
"""

import json
import random
import re
import string
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from answers import APP, DENIED, REFUSED, asking, asking_for, goes_on, readable_by
from servers import HOST, Connection, Running, running
from wsgi_client import comparable

MINUTES = 10
FRONTS = ("wsgi", "flask")
BURST = 50  # requests over one connection
BLOCK = 2  # seconds
HOSTILE, ALLOWED = 3, 2  # threads
# Of the resident memory, from after the first tenth to the end. Each of the four policies may keep
# 2,048 answers of about 1 KiB. A leak of one object (50 bytes) for each request would be 10 MiB in
# 200,000 requests, and answers without a bound many times that.
MOST_GROWTH = 8 * 2**20
# Of what lines of corsgate hold once all that is dropped, which is the same to a few hundred bytes:
# even the shortest run has a thousand requests.
MOST_LEFT = 4 * 2**10

# What is sent besides the requests that are measured: hostile ones in three blocks of five, in one
# the same ones to the bare application, and in one such as are allowed.
ATTACKED, SPARED, FRIENDS = "hostile", "hostile to the bare application", "friendly"
BESIDES = (ATTACKED, SPARED, FRIENDS)

READ = {"Access_Control_Allow_Credentials": "true"}
EXPOSED = {**READ, "Access_Control_Expose_Headers": "X-Total-Count"}
OF_THE_SERVER = ("date", "server", "connection", "keep-alive", "content-type", "content-length")


@dataclass
class Report:
    """What came of it; times are in seconds, sizes in bytes."""

    sent: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    # (what was sent besides, front end) -> times with corsgate, and without
    times: dict[tuple[str, str], tuple[list[float], list[float]]] = field(default_factory=dict)
    memory: list[dict[str, int]] = field(default_factory=list)

    def grown(self, what: str) -> int:
        return self.memory[-1][what] - self.memory[0][what]

    def lines(self) -> Iterator[str]:
        yield f"{sum(self.sent.values())} requests, {len(self.errors)} errors"
        yield f"  {dict(sorted(self.sent.items()))}"
        yield from self.errors[:10]
        for what in ("resident", "traced", "left"):
            sizes = [found[what] // 1024 for found in self.memory if what in found]
            if any(sizes):
                after, end = sizes[0], sizes[-1]
                yield f"{what}: {after} KiB after a tenth, {end} at the end, {max(sizes)} at most"
        for front in FRONTS:
            medians = {}
            for besides in BESIDES:
                gated, bare = map(median, self.times[besides, front])
                medians[besides] = gated, gated / bare
                both = f"{1e3 * gated:.2f} ms, bare {1e3 * bare:.2f} ms"
                yield f"{front}, {besides}: median {both}, ratio {gated / bare:.3f}"
            (attacked, ratio), (spared, _), (_, quiet) = medians.values()
            yield f"{front}: ratio when hostile / ratio when friendly: {ratio / quiet:.3f}"
            yield f"{front}: median when hostile / when hostile to bare: {attacked / spared:.3f}"


def soak(seconds: float, folder: Path, *, traced: bool, blocks: int) -> Report:
    """Load for so many seconds, in short blocks, so that what else runs disturbs all of them alike.

    What is sent changes from block to block: see `BESIDES`. Memory is measured after each tenth; at
    the first and the last time, without what may be kept too.
    """
    report, begun = Report(), time.monotonic()
    tenth = max(1, blocks // 10)
    with running(lambda port, _: command(port, folder, traced), folder / "server") as server:
        for kind in KINDS:  # what is made but once should not count
            for front in FRONTS:
                with server.connect() as wire:
                    kind(wire, random.Random(0), front)
        for number in range(blocks):
            load(server, report, seconds / blocks, number)
            if (number + 1) % tenth == 0:
                drop = not report.memory or number + 1 == blocks
                report.memory.append(memory(server, drop))
        log = (folder / "log").read_text("utf-8")
        output = server.output
    report.errors += [f"in the log: {line!r}" for line in log.splitlines() if not fits_log(line)]
    # At most 60 a minute for each front end, and one a minute about the look-ups that fail; what
    # is dropped may come again.
    minutes, most = (time.monotonic() - begun) // 60 + 4, 61 * len(FRONTS) + 1
    if log.count("corsgate: ") > minutes * most:
        report.errors.append(f"the log has {log.count('corsgate: ')} lines")
    report.errors += re.findall(r"^\w*(?:Error|Exception|Traceback)\b.*", output, re.MULTILINE)
    return report


def command(port: int, folder: Path, traced: bool) -> list[str]:
    return [
        *("env", f"SOAK_LOG={folder / 'log'}", f"SOAK_TRACED={int(traced)}"),
        *(sys.executable, "-m", "gunicorn", f"--bind={HOST}:{port}"),
        *("--worker-class=gthread", "--threads=4", "--keep-alive=30", "soak_app:application"),
    ]


def memory(server: Running, drop: bool) -> dict[str, int]:
    with server.connect() as wire:
        answer = wire.ask("GET", "/memory/drop" if drop else "/memory")
        found: dict[str, int] = json.loads(answer.body)
    return found


def fits_log(line: str) -> bool:
    """Printable ASCII of a sane length; or of the traceback of a look-up that has failed."""
    return line.isascii() and line.isprintable() and len(line) < 1_500


# ------------------------------------------------------------------ who sends what


def load(server: Running, report: Report, seconds: float, block: int) -> None:
    besides = BESIDES[max(0, block % 5 - 2)]
    until = time.monotonic() + seconds
    lock = threading.Lock()

    def work(number: int, send: Callable[[Connection, random.Random], str]) -> None:
        chance = random.Random(f"{number} {block}")
        begun = False
        while not begun or time.monotonic() < until:
            begun = True
            try:
                with server.connect() as wire:
                    kinds = Counter(send(wire, chance) for _ in range(BURST))
            except Exception as error:
                with lock:
                    report.errors.append(repr(error)[:500])
            else:
                with lock:
                    report.sent.update(kinds)

    def measure(wire: Connection, chance: random.Random) -> str:
        front = chance.choice(FRONTS)
        gated, bare = report.times.setdefault((besides, front), ([], []))
        for times, path in ((gated, f"/{front}/json"), (bare, f"/bare-{front}/json")):
            begun = time.perf_counter()
            answer = wire.ask("GET", path, asking())
            times.append(time.perf_counter() - begun)
            expected = readable_by(APP, **EXPOSED) if times is gated else {}
            assert (answer.status, answer.cors) == (200, expected), answer
        return "allowed"

    def others(wire: Connection, chance: random.Random) -> str:
        kind = chance.choice(FRIENDLY if besides == FRIENDS else KINDS)
        front = chance.choice(FRONTS)
        kind(wire, chance, f"bare-{front}" if besides == SPARED else front)
        return kind.__name__

    threads = [threading.Thread(target=work, args=(number, measure)) for number in range(ALLOWED)]
    threads += [threading.Thread(target=work, args=(9 + n, others)) for n in range(HOSTILE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def label(chance: random.Random, length: int = 12) -> str:
    return "".join(chance.choices(string.ascii_lowercase + string.digits, k=length))


def expect(
    wire: Connection,
    method: str,
    path: str,
    headers: dict[str, str],
    status: int,
    cors: dict[str, object],
) -> None:
    answer = wire.ask(method, path, headers)
    if path.startswith("/bare-"):
        assert answer.status == 200, (method, path, headers, answer)
        return
    found = {name: value for name, value in answer.seen.items() if name not in OF_THE_SERVER}
    found.pop("x-total-count", None)
    assert (answer.status, found) == (status, cors), (method, path, headers, answer)


def preflight(wire: Connection, chance: random.Random, front: str) -> None:
    expect(wire, "OPTIONS", f"/{front}/json", asking_for("PUT"), 204, goes_on(APP, **READ))


def preview(wire: Connection, chance: random.Random, front: str) -> None:
    """Allowed by a pattern, and never seen before."""
    origin = f"https://{label(chance)}.preview.example"
    expect(wire, "POST", f"/{front}/gated", asking(origin), 200, readable_by(origin, **EXPOSED))
    headers = asking_for("DELETE", origin)
    expect(wire, "OPTIONS", f"/{front}/gated", headers, 204, goes_on(origin, **READ))


def foreign_origin(wire: Connection, chance: random.Random, front: str) -> None:
    origin = f"https://{label(chance)}.example"
    expect(wire, "GET", f"/{front}/json", asking(origin), 200, DENIED)


def near_origin(wire: Connection, chance: random.Random, front: str) -> None:
    near = chance.choice(
        ("{}.evil.example", "{}:8443", "{}/", "{}.", "x{}", "{},{}", "{} ", "\xe9")
    )
    origin = near.format(APP, APP)
    if origin.strip() != APP:  # of white space at the end no application hears
        expect(wire, "GET", f"/{front}/json", asking(origin), 200, DENIED)


def long_origin(wire: Connection, chance: random.Random, front: str) -> None:
    """As long as gunicorn takes."""
    origin = f"https://{label(chance, 8_000)}.preview.example"
    expect(wire, "GET", f"/{front}/json", asking(origin), 200, DENIED)
    expect(wire, "OPTIONS", f"/{front}/json", asking_for("PUT", origin), 403, REFUSED)


def long_lists(wire: Connection, chance: random.Random, front: str) -> None:
    names = chance.choice((",", "a,", "a-b, ", " ")) * 1_600
    headers = asking_for("PUT", Access_Control_Request_Headers=names)
    expect(wire, "OPTIONS", f"/{front}/json", headers, 204, goes_on(APP, **READ))


def mirrored(wire: Connection, chance: random.Random, front: str) -> None:
    """Names that are given back, unless they are too long or none."""
    names = [f"x-{label(chance)}" for _ in range(chance.choice((1, 20, 300)))]
    tail, tokens = chance.choice((("", True), (",", True), (",\xe9", False), (", x y", False)))
    sent = ",".join(names) + tail
    headers = asking_for("PURGE", Access_Control_Request_Headers=sent)
    expected = goes_on(APP, **READ) | comparable({"Access-Control-Allow-Methods": "PURGE"})
    del expected["access-control-allow-headers"]
    if tokens and len(sent) <= 4_096:
        expected["access-control-allow-headers"] = frozenset(names)
    expect(wire, "OPTIONS", f"/{front}/mirror", headers, 204, expected)


def malformed(wire: Connection, chance: random.Random, front: str) -> None:
    origin = chance.choice(("", "null", "https://", "\xff", "https://[::1", "//", "*", f"{APP}@b"))
    headers = asking_for(chance.choice(("", "\xe9", "GET,PUT", "a b", "TRACE")), origin)
    expect(wire, "OPTIONS", f"/{front}/json", headers, 403, REFUSED)


def refused_by_the_gate(wire: Connection, chance: random.Random, front: str) -> None:
    headers = asking(f"https://{label(chance)}.example", Sec_Fetch_Site="cross-site")
    refusal = comparable({"Cache-Control": "no-store", "Vary": "Origin, Sec-Fetch-Site"})
    expect(wire, "POST", f"/{front}/gated", headers, 403, refusal)


def tenant(wire: Connection, chance: random.Random, front: str) -> None:
    origin = f"https://{label(chance)}.{chance.choice(('tenants', 'broken', 'other'))}.example"
    expected = readable_by(origin) if "tenants" in origin else DENIED
    expect(wire, "GET", f"/{front}/tenant", asking(origin), 200, expected)


def odd_path(wire: Connection, chance: random.Random, front: str) -> None:
    path = chance.choice(("gated/../json", "./gated", "%2e%2e/gated", "gated/x%0d%0aFAKE", "%ff"))
    headers = asking(f"https://{label(chance)}.example")
    answer = wire.ask("POST", f"/{front}/{path}", headers)
    assert "access-control-allow-origin" not in answer.seen, (path, headers, answer)


def gone(wire: Connection, chance: random.Random, front: str) -> None:
    """Another connection, which is closed before the answer, or in the middle of the request."""
    with suppress(OSError), Connection(wire.port) as other:
        other.send("GET", f"/{front}/json", [b"Origin: https://a.example"][: chance.randint(0, 1)])
    with suppress(OSError), Connection(wire.port) as other:
        other.wire.sendall(b"OPTIONS /json HTTP/1.1\r\nOrigin: https://" + b"\0" * 50)


FRIENDLY = (preflight, preview)
KINDS = (
    *FRIENDLY,
    foreign_origin,
    near_origin,
    long_origin,
    long_lists,
    mirrored,
    malformed,
    refused_by_the_gate,
    tenant,
    odd_path,
    gone,
)


def main(seconds: float) -> int:
    folder = Path(tempfile.mkdtemp(prefix="corsgate-soak-"))
    failed = False
    # Without and with tracemalloc, which tells more, and slows the server down.
    for name, share, limit, what in (
        ("full speed", 0.8, MOST_GROWTH, "resident"),
        ("traced", 0.2, MOST_LEFT, "left"),
    ):
        (folder / name).mkdir()
        report = soak(
            seconds * share,
            folder / name,
            traced=name == "traced",
            blocks=max(10, int(seconds * share / BLOCK) // 10 * 10),
        )
        print(f"== {name}, {seconds * share:.0f} seconds", *report.lines(), sep="\n", flush=True)
        grown = report.grown(what)
        print(f"{what} has grown by {grown / 1024:.0f} KiB; the bound is {limit / 1024:.0f}")
        failed = failed or bool(report.errors) or grown > limit
    print("FAILED" if failed else "passed")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60 * MINUTES))
