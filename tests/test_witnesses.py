"""Real browsers vouch for the `Browser`: headless Chromium, Firefox and WebKit run the same cases.

The cases are the table of exchanges.py, where servers say what a script tells them to, also what
is wrong; and those of cases.py, where corsgate answers. Each engine is started once. What the
script on the page got to know, and which requests arrived, has to be what the `Browser` makes of
the case; where an engine is known not to follow the standard, DIFFERENCES says so.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.util import shift_path_info

import pytest
from browsers import report_of
from cases import CASES, Case, app_of, is_a_pages, page_options
from exchanges import (
    API,
    ENGINES,
    KNOWN,
    NAMES,
    OTHER,
    PAGE,
    TABLE,
    Row,
    Seen,
    recorded,
    told,
    visit,
)
from wsgi_server import serving

SCRIPT = r"""
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const seen = (type, status, names) => ({ type, status, names });
const came = (element, name) => new Promise((done, fail) => {
  element["on" + name] = () => done(seen("loaded", 0, []));
  element.onerror = () => fail(new TypeError("did not load"));
});
const WAYS = {
  async fetch(url, init) {
    const response = await fetch(url, init);
    await response.text();
    return seen(response.type, response.status, [...response.headers.keys()]);
  },
  async xhr(url, init, uploads) {
    const xhr = new XMLHttpRequest();
    xhr.open(init.method || "GET", url);
    xhr.withCredentials = init.credentials === "include";
    if (uploads) xhr.upload.addEventListener("progress", () => {});
    const done = came(xhr, "load");
    xhr.send(init.body);
    await done;
    const lines = xhr.getAllResponseHeaders().trim().split("\r\n");
    return seen("cors", xhr.status, lines.map((line) => line.split(":")[0]).filter(Boolean));
  },
  async img(url, init, crossOrigin) {
    const image = new Image();
    if (crossOrigin) image.crossOrigin = "anonymous";
    const done = came(image, "load");
    image.src = url;
    return done;
  },
  "img crossorigin": (url, init) => WAYS.img(url, init, true),
  async module(url) {
    await import(url);
    return seen("loaded", 0, []);
  },
  async events(url) {
    const source = new EventSource(url);
    try { return await came(source, "message"); } finally { source.close(); }
  },
  async form(url, init) {
    const frame = document.createElement("iframe");
    const form = document.createElement("form");
    frame.name = form.target = "frame" + Math.random();
    form.action = url;
    form.method = init.method;
    form.enctype = init.enctype;
    for (const [name, value] of Object.entries(init.fields)) {
      const input = document.createElement("input");
      Object.assign(input, { type: "hidden", name, value });
      form.append(input);
    }
    document.body.append(frame, form);
    const done = came(frame, "load");
    form.submit();
    return done;
  },
};
async function run(row) {
  const outcomes = [];
  let began; // when the first answer was there, so that a slow one does not matter
  for (const { at, way, url, init, uploads } of row.calls) {
    if (at) await sleep(Math.max(0, at * 1000 - (performance.now() - began)));
    const never = sleep(10000).then(() => seen("nothing after 10 seconds", 0, []));
    const call = WAYS[way](url, init, uploads);
    outcomes.push(await Promise.race([call, never]).catch(() => null));
    began ??= performance.now();
  }
  return [row.key, outcomes];
}
const lane = async (rows) => {
  const outcomes = [];
  for (const row of rows) outcomes.push(await run(row));
  return outcomes;
};
const inLanes = async (rows) => {
  const lanes = [0, 1, 2].map((number) => lane(rows.filter((_, index) => index % 3 === number)));
  return (await Promise.all(lanes)).flat();
};
// Firefox keeps the answers to 100 preflights: the rows that need them for long come first.
async function runAll(rows) {
  const waiting = rows.filter((row) => row.waits).map(run);
  const simple = await inLanes(rows.filter((row) => !row.waits && !row.preflights));
  const waited = await Promise.all(waiting);
  const others = await inLanes(rows.filter((row) => !row.waits && row.preflights));
  return [...simple, ...waited, ...others];
}
"""

PAGE_HTML = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body><script>
SCRIPT
const framed = (rows) => new Promise((done) => {
  addEventListener("message", ({ data, source }) => {
    if (data === "ready") source.postMessage(rows, "*"); else done(data);
  });
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-scripts";
  frame.src = "/frame";
  document.body.append(frame);
});
addEventListener("load", async () => {
  const rows = ROWS;
  const inFrame = await framed(rows.filter((row) => row.framed));
  const outcomes = await runAll(rows.filter((row) => !row.framed));
  const report = new URLSearchParams(location.search).get("report");
  const body = JSON.stringify(Object.fromEntries(outcomes.concat(inFrame)));
  await fetch(report, { method: "POST", mode: "no-cors", body });
});
</script>"""

FRAME_HTML = """<!doctype html><meta charset="utf-8"><body><script>
SCRIPT
addEventListener("message", async ({ data }) => parent.postMessage(await runAll(data), "*"));
parent.postMessage("ready", "*");
</script>"""


# ------------------------------------------------------------------ cases


@dataclass
class CorsgateRow(Row):
    """A case of cases.py: corsgate answers, under the policy of the case."""

    case: Case = field(kw_only=True)

    def apps(self) -> dict[str, WSGIApplication]:
        return {self.to: app_of(self.case)}


def row_of(case: Case) -> CorsgateRow:
    options = {"path": case.request.path, **page_options(case)}
    origin = case.request.headers["Origin"]
    return CorsgateRow(
        case.id, ("", ""), options, to="https://testserver", origin=origin, case=case
    )


def is_on_the_web(case: Case) -> bool:
    """Whether it is a page that a browser without extensions can show."""
    origin = case.request.headers.get("Origin", "")
    return is_a_pages(case) and (origin == "null" or origin.startswith("http")) and len(origin) < 99


ROWS: dict[str, Row] = {name: row for name, row in TABLE.items() if not row.by_clock}
ROWS |= {f"corsgate: {case.id}": row_of(case) for case in CASES if is_on_the_web(case)}
KEYS = {str(number): name for number, name in enumerate(ROWS)}


@cache
def standard_of(name: str) -> Seen:
    return visit(ROWS[name])


# ------------------------------------------------------------------ servers


class World:
    """All servers of all rows, on three ports; and what has arrived there, by row."""

    def __init__(self) -> None:
        self.seen = {name: Seen() for name in ROWS}
        self.real: dict[str, str] = {}  # by the origin in the table
        self.apps = {
            key: {
                origin: recorded(app, NAMES.get(origin, ""), self.seen[name].requests)
                for origin, app in ROWS[name].apps().items()
            }
            for key, name in KEYS.items()
        }

    def server(self, origin: str) -> WSGIApplication:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            key = shift_path_info(environ) or ""
            if key in self.apps:
                return self.answer(key, origin, environ, start_response)
            html = self.frame if key == "frame" else self.page
            start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
            return [html.encode()]

        return app

    def answer(
        self, key: str, origin: str, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """What the row's server says; origins of the table and those of this run change places."""
        row = ROWS[KEYS[key]]
        places = self.places(row)
        if "HTTP_ORIGIN" in environ:
            for table, real in places.items():
                environ["HTTP_ORIGIN"] = environ["HTTP_ORIGIN"].replace(real, table)
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0))
        bodiless = environ["REQUEST_METHOD"] == "HEAD"

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal bodiless
            bodiless = bodiless or status[:3] in ("204", "304")
            changed = []
            for name, value in headers:
                text = value
                for table, real in places.items():
                    text = text.replace(table, real)
                changed.append((name, text))
            return start_response(status, changed, exc_info)

        apps = self.apps[key]
        body = list(apps[origin if origin in apps else row.to](environ, start))
        return [] if bodiless else body

    def places(self, row: Row) -> Mapping[str, str]:
        if isinstance(row, CorsgateRow):
            return {row.origin: self.real[PAGE]} if row.origin != "null" else {}
        hosts = {
            table.partition("//")[2]: real.partition("//")[2] for table, real in self.real.items()
        }
        return hosts | {table.upper(): real.upper() for table, real in hosts.items()}

    @property
    def page(self) -> str:
        rows = json.dumps([self.row(key) for key in KEYS]).replace("<", "\\u003c")
        return PAGE_HTML.replace("SCRIPT", SCRIPT).replace("ROWS", rows)

    @property
    def frame(self) -> str:
        return FRAME_HTML.replace("SCRIPT", SCRIPT)

    def row(self, key: str) -> dict[str, Any]:
        """The row as the page gets it."""
        row = ROWS[KEYS[key]]
        base = f"{self.real.get(row.to, self.real[API])}/{key}"
        return {
            "key": key,
            "framed": row.origin == "null",
            "waits": row.calls[-1][0] > 0,
            "preflights": any("OPTIONS" in request for request in standard_of(KEYS[key]).requests),
            "calls": [
                call_of(row, base, seconds, {"path": "/case", **row.options, **further})
                for seconds, further in row.calls
            ],
        }


def call_of(row: Row, base: str, seconds: float, options: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `Browser.fetch` as those of `fetch()`."""
    url = base + options.pop("path")
    uploads = options.pop("upload_listener", False)
    if "json" in options:
        options["body"] = json.dumps(options.pop("json"))
        options["headers"] = {"Content-Type": "application/json", **options.get("headers", {})}
    if "form" in options:
        options["body"] = urlencode(options.pop("form"))
        options["headers"] = {"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
    if "referrer_policy" in options:
        options["referrerPolicy"] = options.pop("referrer_policy")
    if row.way == "form":
        options.setdefault("method", "POST")
    way = "xhr" if uploads else row.way
    return {"at": seconds, "way": way, "url": url, "init": options, "uploads": uploads}


Witness = tuple[str, Mapping[str, Seen]]


@pytest.fixture(scope="module", params=ENGINES)
def witness(request: pytest.FixtureRequest) -> Witness:
    """An engine, and what has come of every row in it: one visit of one browser."""
    world = World()
    with ExitStack() as stack:
        for origin in (PAGE, API, OTHER):
            url = stack.enter_context(serving(world.server(origin)))
            world.real[origin] = url.replace("localhost", "127.0.0.1") if origin == OTHER else url
        report = report_of(world.real[PAGE], request.param)
    for key, outcomes in report.items():
        world.seen[KEYS[key]].outcomes = [
            "blocked"
            if outcome is None
            else told(outcome["type"], outcome["status"], outcome["names"])
            for outcome in outcomes
        ]
    return request.param, world.seen


# ------------------------------------------------------------------ tests


def as_the_page_sees(row: Row, seen: Seen) -> tuple[list[str], list[str]]:
    """Outcomes and requests; of what elements load there is no more to see than that they do."""
    if row.way in ("fetch", "xhr"):
        return seen.outcomes, seen.requests
    loaded = ["blocked" if outcome == "blocked" else "loaded 0" for outcome in seen.outcomes]
    return loaded, seen.requests


@pytest.mark.parametrize("name", ROWS)
def test_the_browser_does_what_the_engine_does(name: str, witness: Witness) -> None:
    engine, every = witness
    row, known = ROWS[name], KNOWN.get((engine, name))
    real = as_the_page_sees(row, every[name])
    ours = as_the_page_sees(row, visit(row, engine))
    standard = as_the_page_sees(row, standard_of(name))
    if known is None:
        assert real == standard
    else:
        assert real != standard, f"no difference any more: {known.section}"
    if known is None or known.in_browser:
        assert real == ours
    else:
        assert real != ours


def test_what_is_listed_as_a_difference_is_in_the_table() -> None:
    assert {name for _, name in KNOWN} <= {*ROWS, *TABLE}
