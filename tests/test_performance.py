"""What keeps corsgate cheap, as far as it can be counted; tests/bench.py takes the time."""

import gc
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pages import blocks, read_page
from wsgi_client import call

import corsgate
from corsgate import Policy
from corsgate.wsgi import CORSMiddleware

ORIGINS = [f"https://app{number}.example.com" for number in range(100_000)]
PATTERNS = [f"https://*.app{number}.com" for number in range(10_000)]


def run(script: str) -> str:
    """What a fresh process prints that has neither site-packages nor anything of this one."""
    paths = [str(Path(corsgate.__file__).parents[1]), str(Path(__file__).parent)]
    begin = f"import sys; sys.path += {paths}; "
    command = [sys.executable, "-I", "-S", "-c", begin + script]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.stderr
    return done.stdout


# ------------------------------------------------------------------ memory


def kept(make: Callable[[], object]) -> int:
    """The bytes that are in use afterwards, with what was made still there."""
    tracemalloc.start()
    try:
        made = make()
        size, _ = tracemalloc.get_traced_memory()
        del made
    finally:
        tracemalloc.stop()
    return size


def test_100_000_origins_take_at_most_twice_the_memory_of_a_frozenset() -> None:
    def serve() -> Any:
        app = CORSMiddleware(lambda environ, start: [], allow_origins=ORIGINS)
        preflight = {"Access-Control-Request-Method": "PUT"}
        for origin in (ORIGINS[50_000], "https://evil.example"):
            assert call(app, "OPTIONS", "/", {"Origin": origin, **preflight}).body is not None
        return app

    kept(lambda: CORSMiddleware(lambda environ, start: [], allow_origins=ORIGINS[:10]))
    # The strings are there before in both cases, and so are counted in neither.
    assert kept(serve) <= 2 * kept(lambda: frozenset(ORIGINS))


# ------------------------------------------------------------------ how much is done


def calls_in(do: Callable[[], object]) -> int:
    """How many functions are called, those of C among them."""
    count = 0

    def see(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before, collects = sys.getprofile(), gc.isenabled()
    gc.disable()  # Hypothesis has functions called at each collection
    sys.setprofile(see)
    try:
        do()
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()
    return count


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"allow_credentials": True},
        {"gate": "enforce"},
    ],
    ids=["plain", "credentials", "gate"],
)
@pytest.mark.parametrize("entries", [ORIGINS, PATTERNS], ids=["origins", "patterns"])
def test_twice_as_many_origins_are_twice_the_work(entries: list[str], options: Any) -> None:
    Policy(allow_origins=entries[:10], **options)  # what is loaded only once
    once = calls_in(lambda: Policy(allow_origins=entries[:1000], **options))
    twice = calls_in(lambda: Policy(allow_origins=entries[:2000], **options))
    assert once > 1000
    assert twice <= 2 * once


def app_for(entries: list[str], **options: Any) -> CORSMiddleware:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "0")])
        return []

    return CORSMiddleware(app, allow_origins=entries, **options)


def environ_of(method: str, **fields: str) -> dict[str, Any]:
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": "/x", "SCRIPT_NAME": ""}
    return {**environ, **{f"HTTP_{name}": value for name, value in fields.items()}}


def calls_of(app: CORSMiddleware, method: str, **fields: str) -> int:
    """The calls for one request, of which there were some before."""

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        pass

    def serve() -> None:
        list(app(environ_of(method, **fields), start_response))  # type: ignore[arg-type]

    serve()
    return calls_in(serve)


@pytest.mark.parametrize("case", ["no Origin", "allowed", "denied", "preflight", "refused"])
@pytest.mark.parametrize("entries", [ORIGINS, PATTERNS], ids=["origins", "patterns"])
def test_a_request_costs_the_same_with_one_origin_and_with_all(
    entries: list[str], case: str
) -> None:
    origin = entries[0].replace("*", "tenant")
    if case in ("denied", "refused"):
        origin = "https://app.evil.example"
    fields = {} if case == "no Origin" else {"ORIGIN": origin}
    method = "OPTIONS" if case in ("preflight", "refused") else "GET"
    if method == "OPTIONS":
        fields["ACCESS_CONTROL_REQUEST_METHOD"] = "PUT"
    one, many = (calls_of(app_for(some), method, **fields) for some in (entries[:1], entries))
    assert 0 < many <= one


REGEX = re.compile(r"https://app\d\.example\.com")
PREFLIGHT = {"ACCESS_CONTROL_REQUEST_METHOD": "PUT"}
HOSTILE = {
    "one label": "https://" + "a" * 65536,
    "30,000 labels": "https://a" + ".a" * 30_000,
    "commas": "," * 65536,
    "no scheme": "a" * 65536,
    "colons": "https://" + ":" * 65536,
    "stars": "https://" + "*." * 30_000 + "app1.com",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize(
    "options",
    [
        {"entries": ORIGINS[:10]},
        {"entries": PATTERNS},
        {"entries": [REGEX]},
        {"entries": ORIGINS[:10], "gate": "enforce"},
    ],
    ids=["exact", "patterns", "regex", "gate"],
)
def test_a_hostile_origin_costs_at_most_twice_an_ordinary_denial(options: Any, name: str) -> None:
    app = app_for(**options)
    for method, more in (("GET", {}), ("POST", {}), ("OPTIONS", PREFLIGHT)):
        usual = calls_of(app, method, ORIGIN="https://app.evil.example", **more)
        assert calls_of(app, method, ORIGIN=HOSTILE[name], **more) <= 2 * usual


@pytest.mark.parametrize("name", [*HOSTILE, "names"])
@pytest.mark.parametrize("credentials", [False, True])
def test_hostile_header_names_cost_at_most_twice_an_ordinary_denial(
    name: str, credentials: bool
) -> None:
    asked = {**HOSTILE, "names": ",".join(f"x-{number}" for number in range(10_000))}[name]
    allowed = {"allow_headers": "*", "allow_methods": "*", "allow_credentials": credentials}
    app = app_for(ORIGINS[:10], **allowed)
    # Where what is asked for has to be named in the answer, the usual preflight costs more.
    origin = ORIGINS[1] if credentials else "https://app.evil.example"
    usual = calls_of(app, "OPTIONS", ORIGIN=origin, **PREFLIGHT)
    for method in ("PUT", asked):
        fields = {"ACCESS_CONTROL_REQUEST_METHOD": method}
        fields["ACCESS_CONTROL_REQUEST_HEADERS"] = asked
        assert calls_of(app, "OPTIONS", ORIGIN=ORIGINS[1], **fields) <= 2 * usual


# ------------------------------------------------------------------ what is loaded, and locked

SLOW = {"argparse", "dataclasses", "idna", "logging", "publicsuffixlist", "re", "typing"}


@pytest.mark.parametrize(("module", "most"), [("corsgate", 16), ("corsgate.wsgi", 24)])
def test_an_import_loads_few_modules_and_nothing_slow(module: str, most: int) -> None:
    # What the interpreter loads at its start, if it is not told to do without site-packages.
    begin = "import os, site; before = {*sys.modules}; "
    loaded = run(f"{begin}import {module}; print(*{{*sys.modules}} - before)").split()
    others = {name for name in loaded if name.split(".")[0] != "corsgate"}
    assert others <= {"__future__"}
    assert not others & SLOW
    assert len(loaded) - len(others) <= most


def test_what_only_some_policies_need_is_loaded_for_those_only() -> None:
    plain = "corsgate.Policy(allow_origins=['https://app.example.com', 'https://*.example.com'])"
    shown = run(
        "import corsgate.wsgi; corsgate.wsgi.CORSMiddleware(print, "
        f"{plain}); print({SLOW!r} & {{*sys.modules}} or 'nothing')"
    )
    assert shown == "nothing\n"


LOCKS = """
import lock_counter
from corsgate.wsgi import CORSMiddleware

def app(environ, start_response):
    start_response("200 OK", [])
    return []

class Locking:
    lock = lock_counter._thread.allocate_lock()
    def __call__(self, environ, start_response):
        with self.lock:
            return app(environ, start_response)

print(*{*lock_counter.locks_taken(Locking())})
paths = {"/api/*": {"max_age": 60}}
patterns = ["https://app.example", "https://*.app.example"]
for options in ({"allow_origins": patterns}, {"paths": paths}, {"gate": "enforce"}):
    gate = CORSMiddleware(app, **{"allow_origins": "https://app.example", **options})
    print(*{*lock_counter.locks_taken(gate)})
"""


def test_no_request_takes_a_lock() -> None:
    with_a_lock, *ours = run(LOCKS).splitlines()
    assert with_a_lock == "1"
    assert ours == ["0", "0", "0"]


def test_the_guide_shows_the_wrapper_that_is_measured() -> None:
    shown = blocks(read_page("docs/performance"))["by-hand"]
    source = Path(__file__).with_name("by_hand.py").read_text("utf-8")
    code = source[source.index("VARY = ") : source.index("\n\n# end")]
    assert shown == code.replace("# for-the-guide\n", "").strip()
