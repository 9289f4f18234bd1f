"""What `FetchError` says the consoles show is what they show: read from the real browsers."""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import shift_path_info

import pytest
from browser_server import Servers, allow_origin
from browsers import report_of
from exchanges import ENGINES
from test_browser import CONSOLES, PUT
from wsgi_server import serving

from corsgate.browser import Browser, FetchError

# In Location: the same server under another name, and so another site.
OTHER = "http://127.0.0.1:{port}{mount}"
# What a server answers, and what the page asks for.
CASES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    *((servers, options) for _, servers, options, *_ in CONSOLES),
    ({"status": 500, "answer": []}, {}),
    ({"status": 301, "answer": [("Location", "https://x.example/{}?{0}'^`|\\")]}, {}),
    ({"status": 301, "answer": []}, {}),
    ({"status": 302, "answer": [allow_origin(), ("Location", OTHER + "/hop")], "hop": []}, {}),
    ({"status": 302, "answer": [allow_origin(), ("Location", "{mount}/case")]}, {}),
    ({"answer": [allow_origin("{sent} https://b.example")]}, {}),
    ({"preflight": [], "preflight_status": 401}, PUT),
    *(
        ({}, {"headers": {name: "x"}})
        for name in ("cache-control", "content-type", "if-match", "if-none-match", "pragma", "X-aB")
    ),
    ({}, {"headers": {"range": "x"}}),
    ({}, {"headers": {"if-modified-since": "x", "accept": "a"}}),
]

PAGE = """<!doctype html><meta charset="utf-8"><script>
(async () => {
  const cases = CASES;
  for (const [number, options] of [...cases.entries(), ["end", {}]]) {
    console.log("case " + number);
    await fetch("API/" + number + "/case", options).catch(() => {});
    // What is said of it comes later, from other processes.
    for (let turn = 0; turn < 3; turn++) await fetch("/");
  }
  const address = new URLSearchParams(location.search).get("report");
  await fetch(address, { method: "POST", mode: "no-cors", body: '"done"' });
})();
</script>"""


def api(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    number = shift_path_info(environ) or ""
    if not number.isdecimal():
        return Servers(answer=[]).app()(environ, start_response)
    servers = Servers(**CASES[int(number)][0])
    port = environ["SERVER_PORT"]
    servers.answer = [(name, value.replace("{port}", port)) for name, value in servers.answer]
    return servers.app()(environ, start_response)


@cache
def consoles(engine: str) -> tuple[list[FetchError], list[list[str]]]:
    """For each case the error of the `Browser`, and the lines of the real one."""

    def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
        options = json.dumps([options for _, options in CASES])
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return iter([PAGE.replace("CASES", options).replace("API", api_url).encode()])

    lines: list[str] = []
    with serving(api) as api_url, serving(page) as page_url:
        report_of(page_url, engine, console=lines, until="/end/case")
    errors = []
    for number, (_, options) in enumerate(CASES):
        apps = {api_url: api, api_url.replace("localhost", "127.0.0.1"): api, page_url: page}
        browser = Browser(apps, origin=page_url, engine=engine)
        with pytest.raises(FetchError) as info:
            browser.fetch(f"/{number}/case", **options)
        errors.append(info.value)
    return errors, [[*lines_of(engine, number, lines)] for number in range(len(CASES))]


def lines_of(engine: str, number: int, lines: list[str]) -> Iterator[str]:
    """Those of one case: what follows its mark; Firefox shows no marks, but always the address."""
    if engine == "firefox":
        yield from (line for line in lines if f"/{number}/" in line)
        return
    later = lines[lines.index(f"case {number}") + 1 :]
    yield from later[: next(i for i, line in enumerate(later) if line.startswith("case "))]


@pytest.mark.parametrize("engine", ENGINES)
def test_each_text_is_the_first_that_the_console_shows(engine: str) -> None:
    errors, shown = consoles(engine)
    for number, (error, lines) in enumerate(zip(errors, shown, strict=True)):
        text = getattr(error, engine)
        if text is not None:
            assert lines[:1] == [text], (number, error.code)
