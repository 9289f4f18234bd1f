"""Requests per second behind a real server, with corsgate and without, in turns.

    python tests/bench_server.py                    in about two minutes
    python tests/bench_server.py --rounds 20        for a quieter figure

Needs gunicorn, flask and wrk; asserts nothing. Every application has a server of its own with one
worker, and all of them are asked in every round, in a new order each time. What counts is the
quotient of two runs of one round, since other work on the machine meets both; "bare again" shows
what the quotients are worth: where it is not near 100 %, nothing is measured but noise. The CPU
time of the worker for one request is less easily disturbed.
"""

import argparse
import os
import random
import re
import socket
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import bench_peers

SETUP = bench_peers.TEN


def serve(kind: str, peer: str) -> Any:
    peers = bench_peers.flask_peers if kind == "Flask" else bench_peers.wsgi_peers
    return dict(peers(SETUP))[peer]


if "BENCH_SERVED" in os.environ:  # gunicorn imports this module
    application = serve(*os.environ["BENCH_SERVED"].split("/"))


class Server(NamedTuple):
    port: int
    worker: int

    def cpu_seconds(self) -> float:
        with open(f"/proc/{self.worker}/stat") as stream:
            fields = stream.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def run(self, connections: int, seconds: int) -> tuple[float, float]:
        """Requests per second, and microseconds of the worker's CPU time for one of them."""
        before = self.cpu_seconds()
        url = f"http://127.0.0.1:{self.port}{bench_peers.PATH}"
        load = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H", f"Origin: {SETUP.allowed}"]
        shown = subprocess.check_output([*load, url], text=True)
        found = re.search(r"(\d+) requests in", shown)
        rate = re.search(r"Requests/sec:\s+([\d.]+)", shown)
        if not found or not rate or "Non-2xx" in shown:
            raise SystemExit(shown)
        return float(rate[1]), (self.cpu_seconds() - before) / int(found[1]) * 1e6


@contextmanager
def server(kind: str, peer: str, threads: int) -> Iterator[Server]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        # Flask as most people serve it first: with the default worker, which has no threads.
        many = ["--worker-class", "gthread", "--threads", str(threads)] if threads else []
        options = ["--bind", f"fd://{listening.fileno()}", "--log-level", "error", *many]
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, "bench_server:application"],
            cwd=os.path.dirname(os.path.abspath(__file__)),
            env={**os.environ, "BENCH_SERVED": f"{kind}/{peer}"},
            pass_fds=[listening.fileno()],
        )
    try:
        wait_for(port)
        with open(f"/proc/{process.pid}/task/{process.pid}/children") as children:
            yield Server(port, int(children.read().split()[0]))
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int) -> None:
    request = f"GET {bench_peers.PATH} HTTP/1.0\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(request)
        if b" 200 " not in client.recv(4096):
            raise SystemExit(f"nothing is served on port {port}")


def compare(kind: str, peers: list[str], threads: int, rounds: int, seconds: int) -> None:
    rows: dict[str, list[tuple[float, float]]] = {peer: [] for peer in peers}
    connections = max(4, threads * 2)
    with ExitStack() as stack:
        servers = {peer: stack.enter_context(server(kind, peer, threads)) for peer in peers}
        for found in servers.values():
            found.run(connections, 1)
        for _ in range(rounds):
            for peer in random.sample(peers, len(peers)):
                rows[peer].append(servers[peer].run(connections, seconds))
    workers = f"{threads} thread(s)" if threads else "no threads"
    print(f"\n{kind}, one worker, {workers}, {rounds} rounds of {seconds} s, allowed origin")
    for peer, runs in rows.items():
        rate, cpu = (statistics.median(column) for column in zip(*runs, strict=True))
        shares = [mine / bare for (mine, _), (bare, _) in zip(runs, rows["bare"], strict=True)]
        work = [mine / bare for (_, mine), (_, bare) in zip(runs, rows["bare"], strict=True)]
        low, middle, high = statistics.quantiles(shares, n=4, method="inclusive")
        print(
            f"  {peer:12} {rate:8,.0f}/s  {middle:6.1%} of bare ({low:.1%} to {high:.1%})"
            f"  {cpu:6.1f} µs CPU a request, {statistics.median(work):6.1%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=2, help="of one run")
    arguments = parser.parse_args()
    asked = arguments.rounds, arguments.seconds
    compare("Flask", ["bare", "bare again", "corsgate", "Flask-Cors"], 0, *asked)
    for threads in (1, 8):
        compare("WSGI", ["bare", "bare again", "corsgate", "by hand"], threads, *asked)


if __name__ == "__main__":
    main()
