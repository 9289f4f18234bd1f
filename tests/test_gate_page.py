"""What a page can make real browsers do to a site, without the gate and with it.

The page tries all that needs no permission, with the cookies of a user who is logged in. What
counts is not what the page gets to see but what ran on the server.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable
from contextlib import ExitStack
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from browsers import ENGINES, report_of, serving

from corsgate import Decision
from corsgate.wsgi import CORSMiddleware

PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Page</title>
<body><script>
const site = SITE;
const query = new URLSearchParams(window.location.search);
const stage = Number(query.get("stage"));
const tops = [["on", "GET"], ["on", "POST"], ["off", "GET"], ["off", "POST"]];

async function seen(path) {
  while (await (await fetch(`${site}/seen${path}`)).text() !== "yes") {
    await new Promise((go) => { setTimeout(go, 10); });
  }
}
function call(path, options) {
  return fetch(site + path, { credentials: "include", ...options }).catch(() => null);
}
function load(tag, path) {
  return new Promise((done) => {
    const element = document.createElement(tag);
    element.onload = element.onerror = done;
    element.src = site + path;
    document.body.append(element);
  });
}
function submit(path, enctype, target) {
  const form = document.createElement("form");
  form.method = "POST";
  form.action = site + path;
  form.enctype = enctype;
  form.target = target;
  form.innerHTML = '<input name="amount" value="100">';
  document.body.append(form);
  form.submit();
}
async function frame(path, enctype) {
  const name = path.replaceAll("/", "");
  document.body.insertAdjacentHTML("beforeend", `<iframe name="${name}"></iframe>`);
  submit(path, enctype, name);
  await seen(path);
}
async function beacon(path, type) {
  navigator.sendBeacon(site + path, new Blob(["100"], { type }));
  await seen(path);
}
async function attack(base) {
  const json = { "Content-Type": "application/json" };
  await call(`${base}/cors-get`, {});
  await call(`${base}/cors-post`, { method: "POST", body: "100" });
  await call(`${base}/cors-put`, { method: "PUT", body: "100" });
  await call(`${base}/cors-json`, { method: "POST", headers: json, body: "100" });
  await call(`${base}/no-cors-get`, { mode: "no-cors" });
  await call(`${base}/no-cors-post`, { mode: "no-cors", method: "POST", body: "100" });
  await load("img", `${base}/image`);
  await load("script", `${base}/script`);
  await frame(`${base}/form`, "application/x-www-form-urlencoded");
  await frame(`${base}/form-multipart`, "multipart/form-data");
  await frame(`${base}/form-text`, "text/plain");
  await beacon(`${base}/beacon`, "text/plain");
  await beacon(`${base}/beacon-json`, "application/json");
}
async function run() {
  if (stage === 0) {
    await attack("/on");
    await attack("/off");
  }
  if (stage < tops.length) {
    query.set("stage", stage + 1);
    const next = `${window.location.origin}/page?${query}`;
    const [base, method] = tops[stage];
    const path = `/${base}/top-${method.toLowerCase()}?next=${encodeURIComponent(next)}`;
    if (method === "GET") {
      window.location.href = site + path;
    } else {
      submit(path, "application/x-www-form-urlencoded", "_top");
    }
    return;
  }
  await fetch(query.get("report"), { method: "POST", mode: "no-cors", body: "[]" });
}
run();
</script>"""

# All that a page may send without a word from the site, but what has no Origin and changes nothing.
LINKS = {"no-cors-get", "image", "script", "top-get"}
FORMS = {"form", "form-multipart", "form-text", "top-post"}
SIMPLE = {"no-cors-post", "beacon", "cors-get", "cors-post"}
ASKED = {"cors-put", "cors-json", "beacon-json"}  # with a preflight first, from another origin
EVERYTHING = LINKS | FORMS | SIMPLE | ASKED


def answer_top(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Leads back to where the browser came from, whatever the status."""
    [leads] = parse_qs(environ["QUERY_STRING"])["next"]
    status = "403 Forbidden" if environ["PATH_INFO"].startswith("/on/top-post") else "200 OK"
    start_response(status, [("Content-Type", "text/html; charset=utf-8")])
    return [f"<script>window.location.replace({json.dumps(leads)})</script>".encode()]


class Site:
    """One origin: a page, an application without a gate, and the same behind one."""

    def __init__(self) -> None:
        self.html = ""
        self.page_headers: list[tuple[str, str]] = []
        self.page = ""  # where the visit begins, once the cookies are set
        self.arrived: set[str] = set()
        # Path -> the cookies that came along.
        self.ran: dict[str, set[str]] = {}
        self.guarded: WSGIApplication = self.app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/":
            cookies = ("lax=1; SameSite=Lax; Path=/", "none=1; SameSite=None; Secure; Path=/")
            where = f"{self.page}/page?stage=0&{environ['QUERY_STRING']}"
            lines = [("Location", where), *(("Set-Cookie", cookie) for cookie in cookies)]
            start_response("302 Found", lines)
            return []
        if path == "/page":
            headers = [("Content-Type", "text/html; charset=utf-8"), *self.page_headers]
            start_response("200 OK", headers)
            return [self.html.encode()]
        if path.startswith("/seen/"):
            headers = [("Access-Control-Allow-Origin", "*"), ("Cache-Control", "no-store")]
            start_response("200 OK", headers)
            return [b"yes" if path.removeprefix("/seen") in self.arrived else b"no"]
        try:
            return self.guarded(environ, start_response)
        finally:
            self.arrived.add(path)

    def app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.ran[path] = {*SimpleCookie(environ.get("HTTP_COOKIE", ""))}
        if path.split("/")[2].startswith("top-"):
            return answer_top(environ, start_response)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]

    def ran_below(self, base: str) -> set[str]:
        return {path.removeprefix(base) for path in self.ran if path.startswith(base)}

    def put_behind_gate(self, trusted: str) -> None:
        def answer(environ: WSGIEnvironment, decision: Decision) -> WSGIApplication | None:
            is_refusal = decision.kind == "gate" and environ["PATH_INFO"].startswith("/on/top-")
            return answer_top if is_refusal else None

        self.guarded = CORSMiddleware(
            self.app,
            allow_origins=[trusted],
            allow_credentials=True,
            gate="enforce",
            paths={"/off/*": {"gate": "off"}},
            on_denied=answer,
        )


# Who opens the page -> what runs behind the gate.
PAGES = {
    "own": EVERYTHING,
    "own, no referrer": EVERYTHING,
    "trusted": EVERYTHING,
    # The browser says "null" for it, and that is not trusted, whoever it is.
    "trusted, no referrer": EVERYTHING - FORMS,
    "same site": LINKS,
    "other site": LINKS,
}


# Chromium says who it is outside of forms, against the standard (Fetch, "append a request `Origin`
# header"): what else does not run there.
NULL = {"chromium": set[str](), "firefox": {"no-cors-post", "beacon"}}
NULL["webkit"] = NULL["firefox"]
# WebKit keeps no cookie that is Secure for http://localhost.
COOKIES = {"chromium": {"lax", "none"}, "firefox": {"lax", "none"}, "webkit": {"lax"}}


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def visits(engine: str) -> dict[str, Site]:
    """What ran on the site, for each page that one browser has opened."""
    found: dict[str, Site] = {}
    for kind in PAGES:
        site, page = Site(), Site()
        with ExitStack() as entered:
            own, other = (entered.enter_context(serving(one)) for one in (site, page))
            if kind == "other site":
                other = other.replace("localhost", "127.0.0.1")
            site.page = own if kind.startswith("own") else other
            site.put_behind_gate(other if kind.startswith("trusted") else "https://app.example.com")
            for one in (site, page):
                one.html = PAGE.replace("SITE", json.dumps(own))
                if kind.endswith("no referrer"):
                    one.page_headers = [("Referrer-Policy", "no-referrer")]
            report_of(own, engine)
        found[kind] = site
    return found


@pytest.mark.parametrize("kind", PAGES)
def test_behind_the_gate_runs_what_the_rules_say(
    visits: dict[str, Site], engine: str, kind: str
) -> None:
    null = NULL[engine] if kind == "trusted, no referrer" else set()
    assert visits[kind].ran_below("/on/") == PAGES[kind] - null


@pytest.mark.parametrize("kind", PAGES)
def test_without_it_the_browser_refuses_only_what_needs_a_preflight(
    visits: dict[str, Site], kind: str
) -> None:
    expected = EVERYTHING if kind.startswith(("own", "trusted")) else EVERYTHING - ASKED
    assert visits[kind].ran_below("/off/") == expected


def test_what_the_gate_refuses_would_have_run_as_the_user(
    visits: dict[str, Site], engine: str
) -> None:
    ran = visits["same site"].ran
    for name in (FORMS | SIMPLE) - {"top-post"}:
        assert f"/on/{name}" not in ran
        assert ran[f"/off/{name}"] == COOKIES[engine]
    # SameSite=Lax is of help against another site, not against another host or port of one's own.
    assert visits["other site"].ran["/off/top-get"] == COOKIES[engine]
    assert visits["other site"].ran["/off/top-post"] == COOKIES[engine] - {"lax"}
    assert ran["/off/top-post"] == COOKIES[engine]


def test_what_is_no_browser_passes() -> None:
    site = Site()
    site.put_behind_gate("https://app.example.com")
    with serving(site) as own:

        def post(**headers: str) -> int:
            request = urllib.request.Request(f"{own}/on/hook", b"100", headers)
            try:
                with urllib.request.urlopen(request) as answer:
                    status: Any = answer.status
            except urllib.error.HTTPError as error:
                status = error.code
            return int(status)

        assert post() == 200
        assert post(Origin="https://evil.example") == 403
