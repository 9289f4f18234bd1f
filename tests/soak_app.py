"""What soak.py puts under load: an application behind corsgate, and the same one bare.

`/wsgi/...`, `/flask/...`, and `/bare-wsgi/...` and `/bare-flask/...` without corsgate. `/memory`
says what the process holds. SOAK_LOG names the file of the log; with SOAK_TRACED=1, what the lines
of corsgate have allocated is told too, which slows everything down.
"""

import gc
import json
import logging
import os
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.util import shift_path_info

import flask

import corsgate.wsgi
from corsgate import Policy
from corsgate._callables import failures
from corsgate._denials import _Limiter
from corsgate._paths import PathRules
from corsgate.flask import CORSGate, cors
from corsgate.origins import CachedOrigins

TRACED = os.environ.get("SOAK_TRACED") == "1"
if TRACED:
    tracemalloc.start()
logging.basicConfig(filename=os.environ["SOAK_LOG"], level=logging.INFO, format="%(message)s")


def is_tenant(origin: str) -> bool:
    if "broken" in origin:
        raise LookupError(origin)
    return origin.endswith(".tenants.example")


TENANTS = CachedOrigins(is_tenant, maxsize=500)
SITE = Policy(
    allow_origins=["https://app.example.com", "https://*.preview.example"],
    allow_credentials=True,
    expose_headers="X-Total-Count",
)
MIRROR = SITE.replace(allow_methods="*", allow_headers="*")
GATED = SITE.replace(gate="enforce")
TENANT = Policy(allow_origins=TENANTS)
POLICIES = (SITE, MIRROR, GATED, TENANT)

BODY = json.dumps({"name": "Ada"}).encode()
MORE = {"X-Total-Count": "1"}


def plain(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(BODY)))]
    start_response("200 OK", [*headers, *MORE.items()])
    return [BODY]


def make_flask(gated: bool) -> flask.Flask:
    app = flask.Flask(__name__)
    if gated:
        CORSGate(app, SITE)
    for name, policy in (("json", None), ("mirror", MIRROR), ("gated", GATED), ("tenant", TENANT)):
        view = cors(policy)(answer) if gated and policy else answer
        app.add_url_rule(f"/{name}", name, view, methods=["GET", "POST", "PUT"])
    return app


def answer() -> Any:
    return flask.Response(BODY, headers=MORE, mimetype="application/json")


FRONTS: dict[str, WSGIApplication] = {
    "wsgi": corsgate.wsgi.CORSMiddleware(
        plain, SITE, paths={"/mirror": MIRROR, "/gated": GATED, "/tenant": TENANT}
    ),
    "flask": make_flask(gated=True),
    "bare-wsgi": plain,
    "bare-flask": make_flask(gated=False),
}


def memory(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """What the process holds, in bytes; at /memory/drop, also without what it may keep."""
    found = {"resident": resident(), "traced": traced()}
    if environ["PATH_INFO"] == "/drop":
        drop()
        found["left"] = traced()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(found).encode()]


def drop() -> None:
    """Drops what may be kept: answers, paths, origins of a database, what the log has had."""
    for policy in POLICIES:
        policy._set(_ready=None)
    TENANTS.invalidate()
    failures.clear()
    for found in gc.get_objects():
        if isinstance(found, _Limiter):
            found._lines.clear()
        if isinstance(found, PathRules):
            found._known.clear()


def resident() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def traced() -> int:
    """What lines of corsgate have allocated and nobody has let go of."""
    if not TRACED:
        return 0
    gc.collect()
    ours = tracemalloc.Filter(True, str(Path(corsgate.__file__).parent / "*"))
    snapshot = tracemalloc.take_snapshot().filter_traces([ours])
    return sum(statistic.size for statistic in snapshot.statistics("filename"))


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    name = shift_path_info(environ)
    return (memory if name == "memory" else FRONTS[name or ""])(environ, start_response)
