"""Counts what CORS denies, for Prometheus, so that an alarm can go off when a page stops working.

    pip install prometheus-client
    python examples/metrics_app.py      serves it on http://localhost:5000

http://localhost:5000/metrics has the counter; `rate(cors_denials_total[5m]) > 1` is a rule for an
alarm. In Flask, give `count` to `CORSGate(app, on_denied=count)`; in Django, write
`CORS_ON_DENIED = "project.metrics.count"`.

CORS_ALLOW_ORIGINS in the environment names the allowed origins, separated by commas.
"""

import os
from collections.abc import Iterable
from typing import Any
from wsgiref.simple_server import make_server
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import Counter, make_wsgi_app

from corsgate import Decision
from corsgate.wsgi import CORSMiddleware

denials = Counter("cors_denials", "Requests that CORS denied.", ["kind", "reason"])
metrics = make_wsgi_app()


def count(environ: WSGIEnvironment, decision: Decision) -> None:
    # No origin and no path among the labels: clients make those up, and each would be kept.
    denials.labels(kind=decision.kind, reason=decision.reason).inc()


def api(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/metrics":
        answer: Any = metrics(environ, start_response)
        return list(answer)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"It works."]


app = CORSMiddleware(
    api,
    allow_origins=os.environ.get("CORS_ALLOW_ORIGINS", "http://localhost:8000"),
    paths={"/metrics": None},
    on_denied=count,
)

if __name__ == "__main__":
    port = int(os.environ.get("PORT", "5000"))
    print(f"Serving on http://localhost:{port}", flush=True)
    make_server("localhost", port, app).serve_forever()
