"""Servers that say what a test tells them to, on three origins, and remember who asked for what."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from corsgate.browser import Browser, FetchError

PAGE = "https://app.example.com"
API = "https://api.example.com"  # another origin of the same site
OTHER = "https://other.example.net"  # another site

Lines = list[tuple[str, str]]

# In values: what the server was sent as Origin, and nothing where it was sent none.
SENT = "{sent}"
# In values: where the application is mounted.
MOUNT = "{mount}"


def allow_origin(value: str = SENT) -> tuple[str, str]:
    return "Access-Control-Allow-Origin", value


def allow_methods(value: str) -> tuple[str, str]:
    return "Access-Control-Allow-Methods", value


def allow_headers(value: str) -> tuple[str, str]:
    return "Access-Control-Allow-Headers", value


def expose(value: str) -> tuple[str, str]:
    return "Access-Control-Expose-Headers", value


def max_age(value: str) -> tuple[str, str]:
    return "Access-Control-Max-Age", value


CREDENTIALS = ("Access-Control-Allow-Credentials", "true")


@dataclass
class Clock:
    """A time that passes when a test says so."""

    now: float = 1_800_000_000

    def __call__(self) -> float:
        return self.now


@dataclass
class Servers:
    """One answer for preflights, one for what follows, and two more for the path /hop."""

    preflight: Lines = field(default_factory=lambda: [allow_origin()])
    answer: Lines = field(default_factory=lambda: [allow_origin()])
    hop_preflight: Lines = field(
        default_factory=lambda: [
            allow_origin(),
            CREDENTIALS,
            allow_methods("PUT, GET"),
            allow_headers("x-custom, authorization, content-type"),
        ]
    )
    hop: Lines = field(default_factory=lambda: [allow_origin()])
    preflight_status: int = 204
    status: int = 200
    body: bytes = b"hello"
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.seen: list[str] = []

    def browser(self, origin: str = PAGE, engine: str | None = None) -> Browser:
        apps = {url: self.app(name) for url, name in ((API, ""), (PAGE, "A:"), (OTHER, "C:"))}
        return Browser(apps, origin=origin, engine=engine, clock=self.clock)

    def app(self, name: str = "") -> WSGIApplication:
        def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            self.seen.append(name + environ["REQUEST_METHOD"])
            asks = "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
            at_hop = environ["PATH_INFO"] == "/hop"
            if asks:
                lines = self.hop_preflight if at_hop else self.preflight
                status = 204 if at_hop else self.preflight_status
            else:
                lines = self.hop if at_hop else self.answer
                status = 200 if at_hop else self.status
            sent = environ.get("HTTP_ORIGIN")
            headers = [
                (header, value.replace(SENT, sent or "").replace(MOUNT, environ["SCRIPT_NAME"]))
                for header, value in lines
                if sent is not None or SENT not in value
            ]
            start_response(f"{status} Said", headers)
            return [self.body]

        return app


def outcome(browser: Browser, url: str = "/case", **options: Any) -> str:
    """What the script on the page sees: type and status, or the code of the error."""
    try:
        response = browser.fetch(url, **options)
    except FetchError as error:
        return error.code
    return f"{response.type} {response.status}"
