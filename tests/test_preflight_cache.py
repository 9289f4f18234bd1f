"""What real browsers do with the answers to preflights where the views of one URL differ.

Fetch, "CORS-preflight cache": a browser keeps the answer per URL, and uses it for every method and
header name that it lists. So what one view allows must not be kept where another view of that URL
allows something else; the controls show what happens where it is.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.util import shift_path_info

import pytest
from browsers import ENGINES, report_of
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views import View
from django_project import URLs, settings_of
from flask import Flask
from wsgi_server import serving

from corsgate import Policy
from corsgate.django import cors as django_cors
from corsgate.flask import CORSGate
from corsgate.flask import cors as flask_cors
from corsgate.wsgi import CORSMiddleware

# The policies of the views that serve one URL, by their methods.
Views = dict[str, Policy]


def policy_for(page: str) -> Policy:
    """The application's own."""
    return Policy(allow_origins=page, allow_headers=["X-Token"])


def urls_for(page: str) -> dict[str, Views]:
    whole = policy_for(page)
    other = Policy(allow_origins="https://partner.example", allow_headers=["X-Token"])
    return {
        "/differ": {"PUT": whole, "DELETE": other, "GET": Policy(allow_origins=page)},
        "/alike": {"PUT": whole, "DELETE": whole},
        "/unserved": {"GET": whole, "PUT": other},
    }


# What the page does on each URL, one after the other.
CALLS = {
    "/differ": [
        ("PUT", {}),
        ("GET", {"X-Token": "1"}),
        ("PUT", {"X-Token": "1"}),
        ("DELETE", {}),  # the last: an answer that may not be read makes Firefox ask anew
    ],
    "/alike": [("PUT", {}), ("PUT", {"X-Token": "1"}), ("DELETE", {})],
    "/unserved": [("PATCH", {}), ("PUT", {})],
}

PAGE = """<!doctype html><link rel="icon" href="data:,"><title>Calls</title><script>
async function run(calls) {
  const outcomes = {};
  for (const url in calls) {
    outcomes[url] = [];
    for (const [method, headers] of calls[url]) {
      const call = fetch(url, { method, headers });
      outcomes[url].push(await call.then((answer) => `${answer.status}`, () => "blocked"));
    }
  }
  const report = new URLSearchParams(window.location.search).get("report");
  await fetch(report, { method: "POST", mode: "no-cors", body: JSON.stringify(outcomes) });
}
run(CALLS);
</script>"""


@contextmanager
def with_wsgi(urls: dict[str, Views], policy: Policy) -> Iterator[WSGIApplication]:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_served = environ["REQUEST_METHOD"] in urls[environ["PATH_INFO"]]
        status = "200 OK" if is_served else "405 Method Not Allowed"
        start_response(status, [("Content-Type", "text/plain")])
        return [b"done"]

    def source(environ: Mapping[str, Any]) -> Policy:
        return urls[environ["PATH_INFO"]].get(environ["REQUEST_METHOD"], policy)

    yield CORSMiddleware(app, source)


@contextmanager
def with_flask(urls: dict[str, Views], policy: Policy) -> Iterator[WSGIApplication]:
    app = Flask(__name__)
    CORSGate(app, policy)
    for url, views in urls.items():
        for method, policy in views.items():
            view = flask_cors(policy)(lambda: "done")
            app.add_url_rule(url, f"{method} {url}", view, methods=[method])
    yield app


@contextmanager
def with_django(urls: dict[str, Views], policy: Policy) -> Iterator[WSGIApplication]:
    def done(view: View, request: HttpRequest) -> HttpResponse:
        return HttpResponse("done")

    patterns: URLs = []
    for url, views in urls.items():
        handlers = {method.lower(): django_cors(views[method])(done) for method in views}
        view_class: type[View] = type("Views", (View,), handlers)
        patterns.append(path(url[1:], view_class.as_view()))
    with settings_of(patterns, CORS_POLICY=policy):
        yield WSGIHandler()


FRONT_ENDS = {"wsgi": with_wsgi, "flask": with_flask, "django": with_django}


def kept_for_ten_minutes(app: WSGIApplication) -> WSGIApplication:
    """The application as it would be if its answers to preflights were kept wherever it is."""

    def changed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            pairs = dict(headers)
            if "Access-Control-Max-Age" in pairs:
                pairs["Access-Control-Max-Age"] = "600"
            return start_response(status, list(pairs.items()), exc_info)

        return app(environ, start)

    return changed


class Server:
    """All applications, each below a path of its own, and what has arrived there."""

    def __init__(self) -> None:
        self.apps: dict[str, WSGIApplication] = {}
        self.arrived: dict[str, list[str]] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        arrived = self.arrived.setdefault(environ["PATH_INFO"], [])
        method, asked = environ["REQUEST_METHOD"], environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD")

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if method == "OPTIONS":
                age = dict(headers).get("Access-Control-Max-Age")
                arrived.append(f"may I {asked}? {status[:3]}, max-age {age}")
            return start_response(status, headers, exc_info)

        if method != "OPTIONS":
            arrived.append(method)
        app = self.apps[shift_path_info(environ) or ""]
        return app(environ, start)


# What the page got, and what arrived at the server; by application and URL.
Run = dict[tuple[str, str], tuple[list[str], list[str]]]


@pytest.fixture(scope="module", params=ENGINES)
def run(request: pytest.FixtureRequest) -> Run:
    """One visit of one browser, with all the calls of this file."""
    server = Server()
    html = PAGE

    def page(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [html.encode()]

    with ExitStack() as entered:
        page_origin, api = (entered.enter_context(serving(app)) for app in (page, server))
        urls = urls_for(page_origin)
        for name, front_end in FRONT_ENDS.items():
            server.apps[name] = entered.enter_context(front_end(urls, policy_for(page_origin)))
            server.apps[f"{name}-kept"] = kept_for_ten_minutes(server.apps[name])
        calls = {f"{api}/{app}{url}": CALLS[url] for app in server.apps for url in urls}
        html = PAGE.replace("CALLS", json.dumps(calls))
        outcomes = report_of(page_origin, request.param)
    return {
        (app, url): (outcomes[f"{api}/{app}{url}"], server.arrived[f"/{app}{url}"])
        for app in server.apps
        for url in urls
    }


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_a_preflight_for_one_view_lets_no_request_to_another_through(
    run: Run, front_end: str
) -> None:
    outcomes, arrived = run[front_end, "/differ"]
    assert outcomes == ["200", "blocked", "200", "blocked"]
    assert arrived == [
        "may I PUT? 204, max-age 0",
        "PUT",
        "may I GET? 204, max-age 0",  # with X-Token, which that view does not allow
        "may I PUT? 204, max-age 0",
        "PUT",
        "may I DELETE? 403, max-age None",
    ]


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_a_preflight_for_a_method_without_a_view_lets_none_through(
    run: Run, front_end: str
) -> None:
    outcomes, arrived = run[front_end, "/unserved"]
    assert outcomes == ["405", "blocked"]
    assert arrived == [
        "may I PATCH? 204, max-age 0",
        "PATCH",
        "may I PUT? 403, max-age None",
    ]


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_it_would_if_the_browser_kept_the_answer(run: Run, front_end: str) -> None:
    outcomes, arrived = run[f"{front_end}-kept", "/differ"]
    assert outcomes == ["200", "200", "200", "blocked"]
    assert arrived == ["may I PUT? 204, max-age 600", "PUT", "GET", "PUT", "DELETE"]
    outcomes, arrived = run[f"{front_end}-kept", "/unserved"]
    assert outcomes == ["405", "blocked"]
    assert arrived == ["may I PATCH? 204, max-age 600", "PATCH", "PUT"]


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_one_preflight_is_for_all_views_that_are_alike(run: Run, front_end: str) -> None:
    outcomes, arrived = run[front_end, "/alike"]
    assert outcomes == ["200", "200", "200"]
    assert arrived == ["may I PUT? 204, max-age 600", "PUT", "PUT", "DELETE"]
