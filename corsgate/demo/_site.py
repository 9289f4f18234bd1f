"""What the laboratory and the callers serve: pages, and JSON for the laboratory's own page.

What is asked may come from anybody, a page on another site too: hosts, origins, types and sizes
are checked first, and nothing that is sent raises.
"""

from __future__ import annotations

from importlib.resources import files
from json import dumps, loads
from typing import TYPE_CHECKING, Any

from ..errors import PolicyError
from ..policy import Policy
from ._api import LAYERS, PATH, RUN, read_body
from ._code import code_of
from ._runs import Run, WrongError, read_request
from ._situations import situations
from ._verdict import judge

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from ._api import API
    from ._places import Places
    from ._runs import Runs

_MOST_READ = 65_536  # bytes of a body
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
# What a text field cannot take: the code of the problem -> what to write here.
_HINTS = {"origin-regex": "Here write origins, or patterns such as https://*.example.com."}
_SEEN = ("answer", "error", "form")  # what a page can see of its request

Answer = tuple[str, str, bytes]  # status, type, body


def checking_host(app: WSGIApplication, hosts: frozenset[str], instead: str) -> WSGIApplication:
    """`app`, for requests to one of its own hosts only.

    :param instead: the address to name where it is another.
    """

    def checked(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_HOST", "").lower() in hosts:
            return app(environ, start_response)
        text = f"This is no address of corsgate demo. Open {instead}"
        answer = _text("421 Misdirected Request", text)
        return _send(start_response, answer, "", environ["REQUEST_METHOD"])

    return checked


class Laboratory:
    """The page that people look at, and what it asks."""

    def __init__(self, places: Places, runs: Runs, api: API) -> None:
        self._places = places
        self._runs = runs
        self._api = api
        self._first = situations(places)
        frames = " ".join(
            dict.fromkeys(
                page
                for caller in places.callers.values()
                for page in (caller.page, caller.instead)
                if page
            )
        )
        self._security = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
            f" connect-src 'self'; frame-src {frames}; base-uri 'none'; form-action 'none';"
            " frame-ancestors 'none'"
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if method in ("GET", "HEAD"):
            answer = self._get(path)
        elif method == "POST":
            answer = self._post(environ, path)
        else:
            answer = _text("405 Method Not Allowed", "Only GET, HEAD and POST are here.")
        return _send(start_response, answer, self._security, method)

    def _get(self, path: str) -> Answer:
        if path == "/setup.json":
            return _json(
                {
                    **self._places.to_dict(),
                    "layers": LAYERS,
                    "situations": self._first,
                    "defaults": Policy().to_dict(),
                }
            )
        name = {"/": "index.html"}.get(path, path.removeprefix("/"))
        if name in ("index.html", "style.css", "laboratory.js", "drawing.js", "icon.svg"):
            return _asset(name)
        return _text("404 Not Found", f"Nothing is here. Open {self._places.laboratory}")

    def _post(self, environ: WSGIEnvironment, path: str) -> Answer:
        if environ.get("HTTP_ORIGIN") != self._places.laboratory:
            return _text("403 Forbidden", "Only the laboratory's own page may do that.")
        if environ.get("CONTENT_TYPE") != "application/json":
            return _text("415 Unsupported Media Type", "Send application/json.")
        sent = read_body(environ, _MOST_READ + 1)
        if len(sent) > _MOST_READ:
            return _text("413 Content Too Large", f"Send at most {_MOST_READ} bytes.")
        try:
            given = loads(sent)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            return _text("400 Bad Request", "Send an object as JSON.")
        if path == "/policy":
            return self._set_policy(given)
        if path == "/runs":
            return self._start(given)
        run = self._runs.find(path.removeprefix("/runs/"))
        if run is None:
            return _text("404 Not Found", "That run is not known any more.")
        if given.get("seen") not in _SEEN:
            return _text("400 Bad Request", f"Say what was seen: {', '.join(_SEEN)}.")
        return _json(judge(run, given["seen"], self._places))

    def _set_policy(self, given: dict[str, Any]) -> Answer:
        policy, problems = _read_policy(given)
        if policy is None:
            return _problems(problems)
        self._api.reconfigure(policy)
        return _json({"code": code_of(policy)})

    def _start(self, given: dict[str, Any]) -> Answer:
        """A run: the policy is in force from now on, and the page is told what to send where."""
        policy, problems = _read_policy(given.get("policy"))
        layer = given.get("layer")
        if not isinstance(layer, str) or layer not in LAYERS:
            problems.append(_problem("layer", f"Choose one of: {', '.join(LAYERS)}."))
        try:
            asked = read_request(given.get("request"), self._places)
        except WrongError as error:
            problems.append(_problem(error.field, str(error)))
        if policy is None or problems:
            return _problems(problems)
        self._api.reconfigure(policy)
        run = Run(asked, policy, str(layer))
        self._runs.add(run)
        return _json(
            {
                "id": run.id,
                "url": f"{self._places.api}{PATH}?{RUN}={run.id}",
                **asked._asdict(),
                "code": code_of(policy),
            }
        )


class Page:
    """What is on the origin of a caller: a page that does what the laboratory tells it.

    :param beside: what else is there.
    """

    def __init__(self, places: Places, beside: WSGIApplication | None = None) -> None:
        self._places = places
        self._beside = beside

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        # The host has been checked. A sandboxed page has no origin that 'self' could mean.
        own = f"http://{environ['HTTP_HOST'].lower()}"
        security = (
            f"default-src 'none'; script-src {own}; connect-src {self._places.api};"
            f" frame-src {self._places.api}; form-action {self._places.api}; base-uri 'none';"
            f" frame-ancestors {self._places.laboratory}"
        )
        if path in ("/caller", "/caller.js") and method in ("GET", "HEAD"):
            answer = _asset("caller.html" if path == "/caller" else "caller.js")
            body = answer[2].replace(b"{laboratory}", self._places.laboratory.encode())
            return _send(start_response, (*answer[:2], body), security, method)
        if self._beside is not None:
            return self._beside(environ, start_response)
        text = f"This origin is for pages that call the API. Open {self._places.laboratory}"
        return _send(start_response, _text("404 Not Found", text), security, method)


def _read_policy(given: Any) -> tuple[Policy | None, list[dict[str, str]]]:
    if not isinstance(given, dict):
        return None, [_problem("policy", "Send the fields of a policy.")]
    unknown = [name for name in given if name not in Policy._fields]
    if unknown:
        return None, [_problem("policy", f"{unknown[0]!a} is no field of a policy.")]
    try:
        return Policy(**given), []
    except PolicyError as error:
        return None, [
            _problem(problem.field, f"{problem.message} {_HINTS.get(problem.code, problem.hint)}")
            for problem in error.problems
        ]


def _problem(field: str, message: str) -> dict[str, str]:
    return {"field": field.partition("[")[0], "message": message}


def _problems(problems: list[dict[str, str]]) -> Answer:
    return _json({"problems": problems}, "422 Unprocessable Content")


def _text(status: str, text: str) -> Answer:
    return status, "text/plain", f"{text}\n".encode()


def _json(value: Any, status: str = "200 OK") -> Answer:
    return status, "application/json", dumps(value).encode("ascii")


def _asset(name: str) -> Answer:
    kind = _TYPES[name.rpartition(".")[2]]
    return "200 OK", kind, files(__package__).joinpath(name).read_bytes()


def _send(start_response: StartResponse, answer: Answer, security: str, method: str) -> list[bytes]:
    status, kind, body = answer
    headers = [
        ("Content-Type", kind if kind == "application/json" else f"{kind}; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    if security:
        headers.append(("Content-Security-Policy", security))
    start_response(status, headers)
    return [] if method == "HEAD" else [body]
