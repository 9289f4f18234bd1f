"""Origins from real databases, in examples/tenants_*.py behind real servers; and under load."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlencode

import pytest
from answers import APP, DENIED, EVIL, asking, readable_by
from example_servers import EXAMPLES
from servers import HOST, PATIENCE, Running, module, program, running
from wsgi_client import Answer

from corsgate import Policy, decide
from corsgate.origins import CachedOrigins

ADMIN = {"Authorization": "Bearer secret", "Content-Type": "application/x-www-form-urlencoded"}
NEW = "https://new.example.org"
NOT_BEFORE_THE_END = "3600"


def gunicorn(example: str, *arguments: str) -> Callable[[int, Path], list[str]]:
    bind = ("--bind", HOST + ":{port}", "--pythonpath", str(EXAMPLES))
    return module("gunicorn", *bind, *arguments, f"{example}:app")


def ask(server: Running, origin: str | None) -> Answer:
    with server.connect() as wire:
        answer = wire.ask("GET", "/", asking(origin))
    assert answer.status == 200
    return answer


def is_let_in(server: Running, origin: str) -> bool:
    answer = ask(server, origin)
    assert answer.cors in (readable_by(origin), DENIED)
    return answer.cors != DENIED


def change(server: Running, method: str, origin: str) -> int:
    body = urlencode({"origin": origin}).encode()
    lines = [f"{name}: {value}".encode() for name, value in ADMIN.items()]
    with server.connect() as wire:
        wire.send(method, "/origins", [*lines, b"Content-Length: %d" % len(body)])
        wire.wire.sendall(body)
        return wire.read(method).status


def until(server: Running, is_so: Callable[[], bool]) -> None:
    """Returns as soon as it is so; how soon depends on the machine."""
    end = monotonic() + PATIENCE
    while not is_so():
        if monotonic() > end:
            pytest.fail(f"it did not come so:\n{server.output}")
        sleep(0.01)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADMIN_TOKEN", "secret")
    monkeypatch.setenv("CORS_TTL", NOT_BEFORE_THE_END)


# ------------------------------------------------------------------ PostgreSQL and Redis


@pytest.fixture
def private() -> Iterator[Path]:
    """A folder that others may enter, unlike pytest's own: PostgreSQL refuses to be root."""
    folder = Path(tempfile.mkdtemp(prefix="corsgate-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def as_somebody() -> list[str]:
    """What to put before a command that must not be root's."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]


@contextmanager
def postgresql(folder: Path) -> Iterator[Running]:
    """A server with a database of its own; its files are in `folder`."""
    places = {int(path.parent.name): path for path in Path("/usr/lib/postgresql").glob("*/bin")}
    if not places:
        pytest.fail("PostgreSQL is not installed: apt-get install postgresql")
    programs = places[max(places)]
    data = folder / "data"
    data.mkdir()
    if os.geteuid() == 0:
        shutil.chown(data, "postgres", "postgres")
    options = ["--username=tester", "--auth=trust", "--no-sync", str(data)]
    made = subprocess.run(
        [*as_somebody(), str(programs / "initdb"), *options],
        capture_output=True,
        text=True,
        cwd=folder,
    )
    assert made.returncode == 0, made.stderr

    def make(port: int, _: Path) -> list[str]:
        where = ["-D", str(data), "-k", str(data), "-h", HOST, "-p", str(port)]
        return [*as_somebody(), str(programs / "postgres"), *where, "-c", "fsync=off"]

    with running(make, folder / "server") as server:
        until(server, lambda: "ready to accept connections" in server.output)
        try:
            yield server
        finally:
            stop(server)


def stop(server: Running) -> None:
    server.process.send_signal(signal.SIGINT)  # PostgreSQL: without waiting for clients
    server.process.wait(PATIENCE)


@pytest.fixture
def redis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    def make(port: int, folder: Path) -> list[str]:
        server = program("redis-server", "redis-server")
        return [server, "--bind", HOST, "--port", str(port), "--save", "", "--dir", str(folder)]

    with running(make, tmp_path / "redis") as server:
        monkeypatch.setenv("REDIS_URL", f"redis://{HOST}:{server.port}")
        yield server


# ------------------------------------------------------------------ the examples


def check_example(server: Running) -> None:
    """A customer's origin is let in when it is added, and nobody else's is."""
    assert not is_let_in(server, NEW)
    assert not is_let_in(server, EVIL)
    assert ask(server, None).cors == DENIED
    assert change(server, "POST", NEW) == 201
    assert is_let_in(server, NEW)
    assert not is_let_in(server, EVIL)
    assert change(server, "POST", NEW) == 201
    for no_origin in (f"{NEW}/", "*", "null", "https://*.acme.example"):
        assert change(server, "POST", no_origin) == 400
    assert is_let_in(server, NEW)


def check_removal(server: Running) -> None:
    assert change(server, "DELETE", NEW) == 200
    assert not is_let_in(server, NEW)
    assert change(server, "DELETE", NEW) == 404


def create_table(folder: Path) -> None:
    run_once(folder, "-m", "flask", "--app", "tenants_flask", "create-table")


def flask_with_table(port: int, folder: Path) -> list[str]:
    create_table(folder)
    return gunicorn("tenants_flask", "--threads=4")(port, folder)


def test_flask_with_sqlite(tmp_path: Path) -> None:
    with running(flask_with_table, tmp_path / "flask") as server:
        check_example(server)
        check_removal(server)
        assert (server.folder / "tenants.sqlite").exists()


def test_flask_starts_while_the_database_is_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_TTL", "0.05")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///later/tenants.sqlite")
    with running(gunicorn("tenants_flask", "--threads=4"), tmp_path / "flask") as server:
        assert not is_let_in(server, NEW)
        assert f"failed for '{NEW}' with OperationalError" in server.output
        assert change(server, "POST", NEW) == 500
        (server.folder / "later").mkdir()
        create_table(server.folder)
        check_example(server)


def test_flask_with_postgresql(
    tmp_path: Path, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgresql(private) as database:
        url = f"postgresql+psycopg://tester@{HOST}:{database.port}/postgres"
        monkeypatch.setenv("DATABASE_URL", url)
        with running(flask_with_table, tmp_path / "flask") as server:
            check_example(server)
            check_removal(server)


def test_while_postgresql_is_down_whoever_was_known_is_let_in(
    tmp_path: Path, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CORS_TTL", "0.05")
    with postgresql(private) as database:
        url = f"postgresql+psycopg://tester@{HOST}:{database.port}/postgres"
        monkeypatch.setenv("DATABASE_URL", url)
        with running(flask_with_table, tmp_path / "flask") as server:
            assert change(server, "POST", NEW) == 201
            assert is_let_in(server, NEW)
            stop(database)

            def has_failed() -> bool:
                assert is_let_in(server, NEW)
                return f"failed for '{NEW}' with OperationalError" in server.output

            until(server, has_failed)
            assert is_let_in(server, NEW)
            assert not is_let_in(server, APP)


def make_table(folder: Path) -> None:
    script = "import tenants_django; tenants_django.create_table()"
    run_once(folder, "-c", script)


def run_once(folder: Path, *arguments: str) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(EXAMPLES), *_python_path()])}
    subprocess.run([sys.executable, *arguments], check=True, cwd=folder, env=env)


def _python_path() -> list[str]:
    return [path for path in [os.environ.get("PYTHONPATH")] if path]


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_django_with_its_orm(tmp_path: Path, kind: str) -> None:
    uvicorn = ("uvicorn", "--host", HOST, "--port={port}", "--app-dir", str(EXAMPLES))
    make = {
        "wsgi": gunicorn("tenants_django", "--threads=4"),
        "asgi": module(*uvicorn, "tenants_django:asgi_app"),
    }[kind]

    def with_table(port: int, folder: Path) -> list[str]:
        make_table(folder)
        return make(port, folder)

    with running(with_table, tmp_path / "django") as server:
        check_example(server)
        assert "Error" not in server.output


# ------------------------------------------------------------------ workers that share a Redis

WORKERS = 3


def answers_of_all_workers(server: Running, origin: str) -> dict[int, bool]:
    """Each worker's newest answer, by its process."""
    found: dict[int, bool] = {}
    end = monotonic() + PATIENCE
    while len(found) < WORKERS:
        assert monotonic() < end, f"there are {len(found)} workers:\n{server.output}"
        answer = ask(server, origin)
        found[int(answer.body.split(b":")[1].strip(b"}\n "))] = answer.cors == readable_by(origin)
    return found


def all_say(server: Running, origin: str, answer: bool) -> bool:
    return set(answers_of_all_workers(server, origin).values()) == {answer}


def test_every_worker_lets_a_new_origin_in_when_it_is_told(redis: Running, tmp_path: Path) -> None:
    """Answers hold for an hour, so it is `invalidate` that does it."""
    make = gunicorn("tenants_redis", f"--workers={WORKERS}")
    with running(make, tmp_path / "flask") as server:
        # A message to whoever listens reaches all of them, and none is up to date by chance.
        until(server, lambda: redis_says(redis, "PUBLISH allowed-origins-changed x") == b":3\r\n")
        assert all_say(server, NEW, False)
        assert all_say(server, EVIL, False)
        assert change(server, "POST", NEW) == 201
        until(server, lambda: all_say(server, NEW, True))
        assert all_say(server, EVIL, False)
        assert change(server, "DELETE", NEW) == 200
        until(server, lambda: all_say(server, NEW, False))


def test_every_worker_lets_a_new_origin_in_when_its_answer_has_expired(
    redis: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The origin is added behind their backs, so it is the time that does it."""
    monkeypatch.setenv("CORS_TTL", "0.5")
    make = gunicorn("tenants_redis", f"--workers={WORKERS}")
    with running(make, tmp_path / "flask") as server:
        assert all_say(server, NEW, False)
        assert redis_says(redis, f"SADD allowed-origins {NEW}") == b":1\r\n"
        until(server, lambda: all_say(server, NEW, True))
        assert redis_says(redis, f"SREM allowed-origins {NEW}") == b":1\r\n"
        until(server, lambda: all_say(server, NEW, False))


def redis_says(redis: Running, command: str) -> bytes:
    """What Redis answers to a command; inline, as by hand."""
    with redis.connect() as wire:
        wire.wire.sendall(command.encode() + b"\r\nQUIT\r\n")
        return wire.read_to_the_end().removesuffix(b"+OK\r\n")


# ------------------------------------------------------------------ load


def test_a_million_hostile_origins_leave_memory_and_live_tenants_as_they_are() -> None:
    live = [f"https://tenant{number}.example" for number in range(1000)]
    rows, asked = set(live), 0

    def lookup(origin: str) -> bool:
        nonlocal asked
        asked += 1
        return origin in rows

    policy = Policy(allow_origins=CachedOrigins(lookup, ttl=3600))

    def allows(origin: str) -> bool:
        environ = {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": origin}
        return decide(policy, environ).allowed

    def flood(begin: int, end: int) -> None:
        for number in range(begin, end):
            assert not allows(f"https://h{number}.example")

    assert all(map(allows, live))
    flood(0, 20_000)  # what is kept is full now
    gc.collect()
    before = sys.getallocatedblocks()
    flood(20_000, 1_000_000)
    gc.collect()
    # One origin more that is kept would be one block more, at the least.
    assert sys.getallocatedblocks() - before < 1000
    assert asked == 1_001_000
    assert all(map(allows, live))
    assert asked == 1_001_000
