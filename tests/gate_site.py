"""A page that tries all that a browser does without asking, and a site that says what ran there."""

import json
import urllib.request
from collections.abc import Iterable
from http.cookies import SimpleCookie
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

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
  // By way of the site, since an https page may not send anything to the test itself.
  await fetch(`${site}/report?to=${encodeURIComponent(query.get("report"))}`);
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
        self.html = ""  # of the page
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
        if path == "/report":
            [report] = parse_qs(environ["QUERY_STRING"])["to"]
            urllib.request.urlopen(report, b"[]").close()
        if path == "/report" or path.startswith("/seen/"):
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
