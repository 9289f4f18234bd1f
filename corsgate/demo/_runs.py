"""What was asked for in the laboratory, and what the API saw of it."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from ..browser import Browser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._decision import Decision
    from ..policy import Policy
    from ._places import Places

_MOST_RUNS = 100
_MOST_EXCHANGES = 8  # of one run
# What a request has besides its headers.
_PLAIN = ("REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE")
# The headers that say something about CORS; others are kept where the page was to send them.
_HEADERS = (
    "HTTP_ORIGIN",
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD",
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS",
    "HTTP_AUTHORIZATION",
    "HTTP_COOKIE",
    "HTTP_HOST",
    "HTTP_SEC_FETCH_MODE",
    "HTTP_SEC_FETCH_SITE",
)

Pairs = list[tuple[str, str]]


class Asked(NamedTuple):
    """A request that a page is to make, as `fetch()` and forms take it.

    :param caller: key of `Places.callers`.
    :param origin: of the page.
    :param sender: `"fetch"` or `"form"`.
    """

    caller: str
    origin: str
    sender: str
    method: str
    headers: Pairs
    body: str | None
    credentials: str


class Exchange:
    """One request that reached the API, and its answer.

    :ivar policy: the one in force when it came.
    :ivar decision: what corsgate said no with; None where it did not.
    :ivar reached: whether corsgate was asked at all.
    :ivar ran: whether the application was.
    """

    def __init__(self, environ: Mapping[str, Any], names: set[str], policy: Policy) -> None:
        self.environ = {key: environ[key] for key in (*_PLAIN, *_HEADERS, *names) if key in environ}
        self.policy = policy
        self.decision: Decision | None = None
        self.reached = False
        self.ran = False
        self.status = ""
        self.headers: Pairs = []
        self.body = b""

    @property
    def is_preflight(self) -> bool:
        """Whether the browser asks with it, before it sends the request itself."""
        return "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in self.environ


class Run:
    """One press of the button: what the page was told to do, and what came of it."""

    def __init__(self, asked: Asked, policy: Policy, layer: str) -> None:
        self.id = secrets.token_hex(8)
        self.asked = asked
        self.policy = policy
        self.layer = layer
        self.exchanges: list[Exchange] = []
        self._names = {f"HTTP_{name.upper().replace('-', '_')}" for name, _ in asked.headers}

    def add(self, environ: Mapping[str, Any], policy: Policy) -> Exchange:
        """Keep what has come for this run, if it is not too much."""
        exchange = Exchange(environ, self._names, policy)
        if len(self.exchanges) < _MOST_EXCHANGES:
            self.exchanges.append(exchange)
        return exchange


class Runs:
    """The last runs, by their id."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, Run] = OrderedDict()
        self._lock = Lock()

    def add(self, run: Run) -> None:
        """Keep a run, in the place of the oldest if there are many."""
        with self._lock:
            self._runs[run.id] = run
            while len(self._runs) > _MOST_RUNS:
                self._runs.popitem(last=False)

    def find(self, run_id: str) -> Run | None:
        """The run with that id, if it is still kept."""
        with self._lock:
            return self._runs.get(run_id)


class WrongError(ValueError):
    """A request that no page can make.

    :ivar field: the one to mend.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


_BODIES = {
    "none": (None, None),
    "json": ('{"text": "Buy milk"}', "application/json"),
    "form": ("text=Buy+milk", "application/x-www-form-urlencoded"),
    "text": ("Buy milk", "text/plain"),
}
_CREDENTIALS = ("same-origin", "include", "omit")


def read_request(given: Any, places: Places) -> Asked:
    """What the laboratory's form says, checked as `fetch()` would.

    :raises WrongError: for what no page can send.
    """
    fields = given if isinstance(given, dict) else {}

    def choice(field: str, choices: Any) -> str:
        value = fields.get(field)
        if not isinstance(value, str) or value not in choices:
            raise WrongError(field, f"Choose one of: {', '.join(choices)}.")
        return value

    caller = choice("caller", places.callers)
    sender = choice("sender", ("fetch", "form"))
    credentials = choice("credentials", _CREDENTIALS)
    body, content_type = _BODIES[choice("body", _BODIES)]
    method = fields.get("method")
    text = fields.get("headers")
    if not isinstance(method, str) or not method or len(method) > 64:
        raise WrongError("method", "Write a method, such as GET: at most 64 characters.")
    headers = _read_headers(text)
    origin = places.callers[caller].origin
    if fields.get("instead") is True and places.callers[caller].instead:
        origin = places.callers[caller].instead
    if sender == "form":
        _check_form(method, headers, body, content_type)
        return Asked(caller, origin, sender, method.upper(), [], body, "include")
    if content_type and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", content_type))
    asked = Asked(caller, origin, sender, method, headers, body, credentials)
    _try(asked, places)
    return asked


def _read_headers(text: object) -> Pairs:
    if not isinstance(text, str) or len(text) > 4_000:
        raise WrongError(
            "headers", "Write a header per line, as Name: value; at most 4000 characters in all."
        )
    pairs = []
    for line in filter(None, map(str.strip, text.split("\n"))):
        name, colon, value = line.partition(":")
        if not colon:
            raise WrongError("headers", f"Write {line!a} as Name: value.")
        pairs.append((name.strip(), value.strip()))
    return pairs


def _check_form(method: str, headers: Pairs, body: str | None, content_type: str | None) -> None:
    if method.upper() != "POST":
        raise WrongError("method", "Write POST: a form's only other method is GET, a link.")
    if headers:
        raise WrongError("headers", "A form sets no headers: leave this empty.")
    if content_type not in (None, *_BODIES["form"][1:]):
        raise WrongError("body", "A form sends form fields: choose those, or none.")


def _try(asked: Asked, places: Places) -> None:
    """Have corsgate's own browser make the request, of nobody: it refuses what others would."""

    def nobody(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return []

    browser = Browser(nobody, origin=places.api, base_url=places.api)
    try:
        fetch(browser, asked, "/")
    except ValueError as error:
        text = str(error)
        field = "method" if text.startswith("method") else "headers"
        if "no body" in text:
            field, text = "body", f"a {asked.method.upper()} has no body: choose none"
        raise WrongError(field, f"{text[0].upper()}{text[1:]}.") from None


def fetch(browser: Browser, asked: Asked, url: str) -> Any:
    """Have corsgate's own browser do what the page was told to."""
    if asked.sender == "form":
        return browser.submit(url, {"text": "Buy milk"}, method=asked.method)
    return browser.fetch(
        url,
        method=asked.method,
        headers=asked.headers,
        body=None if asked.body is None else asked.body.encode(),
        credentials=asked.credentials,
        cache="no-store",
    )
