"""`corsgate probe`: what a browser makes of a live server, of any make."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from rich.text import Text

from .._protocol import ORIGIN
from .._words import one_line
from ..browser import FetchError
from ._diagnosis import Finding, cut, find_cause, in_one_line, is_preflight
from ._live import (
    LiveBrowser,
    insecure_option,
    json_option,
    parse_live_url,
    timeout_option,
)
from ._print import ALLOWED, BLOCKED, Unusable, check_origin, make_console, print_json
from ._transport import HTTPTransport, NoAnswerError
from ._warnings import find_lost_headers, find_missing_vary, find_warnings, varies_by_origin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

    from ..browser import HTTPRequest, HTTPResponse
    from ..browser._messages import Headers
    from ..browser._url import URL

    Exchange = tuple[HTTPRequest, HTTPResponse | None]

NO_ANSWER = 2
USER_AGENT = "corsgate (CORS probe)"
_MOST_LINES = 30
_MOST_SHOWN = 700  # which `cut` has seen to already
# Of a request, what every browser adds.
_NOT_SHOWN = {"accept", "content-length", "referer"}
_SECRET = {"authorization", "cookie", "x-api-key"}
_SHOWN = {
    "age",
    "allow",
    "cache-control",
    "cf-cache-status",
    "location",
    "server",
    "timing-allow-origin",
    "vary",
    "www-authenticate",
    "x-cache",
    "x-cache-status",
    "x-corsgate-reason",
    "x-powered-by",
    "x-varnish-cache",
}


class _Verdict(NamedTuple):
    exchanges: list[Exchange]
    warnings: list[Finding]
    error: FetchError | None = None
    no_answer: NoAnswerError | None = None
    cause: Finding | None = None

    @property
    def word(self) -> str:
        if self.no_answer is not None:
            return "no-answer"
        return "allowed" if self.error is None else "blocked"


@click.command(short_help="Ask a live server what a browser would, and say what is wrong.")
@click.argument("url")
@click.option("--origin", required=True, help="Origin of the page: https://app.example.com")
@click.option("-X", "--method", default="GET", show_default=True, help="Method of the request.")
@click.option("-H", "--header", "headers", multiple=True, help="'Name: value'; may be repeated.")
@click.option("--credentials", is_flag=True, help='The page asks for credentials: "include".')
@click.option("--path-404", is_flag=True, help="See whether a 404 has the headers too.")
@click.option(
    "--error-path",
    "error_paths",
    multiple=True,
    metavar="PATH",
    help="See whether the error that PATH gives has the headers too; may be repeated.",
)
@timeout_option
@insecure_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    url: str,
    origin: str,
    method: str,
    headers: tuple[str, ...],
    credentials: bool,
    path_404: bool,
    error_paths: tuple[str, ...],
    timeout: float,
    insecure: bool,
    as_json: bool,
) -> None:
    """Ask the server at URL what a browser would, and say what is wrong and what to write.

    After its preflight the request is really sent, with no body and no cookies: -X DELETE deletes.
    Redirects are followed as in a browser. Proxies are not used.

    The exit status is 0 where a browser shows the answer to the page, 1 where it blocks it, and 2
    where there was no answer or the question makes no sense.

    \b
    corsgate probe https://api.example.com/users --origin https://app.example.com
    corsgate probe http://localhost:8000/cart --origin http://localhost:3000 -X PUT --credentials
    """
    target = parse_live_url(url)
    check_origin(origin)
    transport = HTTPTransport(timeout=timeout, insecure=insecure, user_agent=USER_AGENT)
    asked = [*error_paths]
    if path_404:
        asked.append(f"{target.path.rstrip('/')}/corsgate-probe-404")
    if not all(path.startswith("/") and path[:2] not in ("//", "/\\") for path in asked):
        raise Unusable("--error-path takes a path, which begins with one slash.")
    try:
        browser = LiveBrowser(target, origin, transport)
        verdict = _probe(browser, target, method, list(map(_split, headers)), credentials)
    except ValueError as error:
        raise Unusable(f"No browser sends this: {error}.") from None
    if verdict.word == "allowed":
        verdict.warnings.extend(_about_vary(verdict, transport))
        for path in asked:
            page = LiveBrowser(target, origin, transport)
            verdict.warnings.extend(_about_error(page, path, credentials))
    elif asked:
        text = "No error was asked for, because the request itself is not allowed."
        fix = "Fix that first, and ask again."
        verdict.warnings.append(Finding("errors-not-asked", text, fix))
    if as_json:
        request = {"url": str(target), "origin": origin, "method": method}
        print_json({"request": {**request, "credentials": credentials}, **_plain(verdict)})
    else:
        _print(make_console(), verdict)
    ctx.exit({"allowed": ALLOWED, "blocked": BLOCKED, "no-answer": NO_ANSWER}[verdict.word])


def _split(header: str) -> tuple[str, str]:
    name, colon, value = header.partition(":")
    if not colon:
        raise Unusable(f"--header is {header!r}; write 'Name: value'.")
    return name, value


def _probe(
    browser: LiveBrowser, url: URL, method: str, headers: Headers, credentials: bool
) -> _Verdict:
    error = no_answer = cause = None
    try:
        browser.fetch(
            str(url),
            method=method,
            headers=headers,
            credentials="include" if credentials else "same-origin",
        )
    except FetchError as found:
        error, cause = found, find_cause(found, browser.origin)
    except NoAnswerError as found:
        no_answer = found
    exchanges: list[Exchange] = [*browser.exchanges]
    if browser.unanswered is not None:
        exchanges.append((browser.unanswered, None))
    verdict = _Verdict(exchanges, [], error, no_answer, cause)
    verdict.warnings.extend(
        find_warnings(
            browser.exchanges, origin=browser.origin, credentials=credentials, word=verdict.word
        )
    )
    return verdict


def _about_vary(verdict: _Verdict, transport: HTTPTransport) -> Iterable[Finding]:
    """Asks once more, without `Origin`; only what is safe, and so may be cached."""
    request, response = verdict.exchanges[-1]
    if response is None or request.method not in ("GET", "HEAD"):
        return
    if request.header(ORIGIN) is None or varies_by_origin(response):
        return
    headers = [pair for pair in request.headers if pair[0] != ORIGIN]
    try:
        finding = find_missing_vary(response, transport(replace(request, headers=headers)))
    except NoAnswerError:
        return
    if finding is not None:
        yield finding


def _about_error(browser: LiveBrowser, path: str, credentials: bool) -> Iterable[Finding]:
    """Asks for a path that fails, to see whether its answer has the headers."""
    lost = False
    try:
        browser.fetch(path, credentials="include" if credentials else "same-origin")
    except FetchError:
        lost = True
    except NoAnswerError as error:
        yield Finding("no-answer", f"{one_line(path)}: {error}.", "Name another path that fails.")
        return
    _, response = browser.exchanges[-1]
    finding = find_lost_headers(path, response.status, lost)
    if finding is not None:
        yield finding


def _plain(verdict: _Verdict) -> dict[str, Any]:
    """The verdict in plain types, for JSON."""
    error = verdict.error
    return {
        "verdict": verdict.word,
        "exchanges": [_plain_exchange(*exchange) for exchange in verdict.exchanges],
        "error": error
        and {
            "code": error.code,
            "step": error.step,
            "what": cut(error.what),
            "chromium": error.chromium and cut(error.chromium),
            "firefox": error.firefox and cut(error.firefox),
            "webkit": error.webkit and cut(error.webkit),
        },
        "no_answer": verdict.no_answer
        and {"code": verdict.no_answer.code, "text": str(verdict.no_answer)},
        "cause": verdict.cause and verdict.cause._asdict(),
        "warnings": [warning._asdict() for warning in verdict.warnings],
    }


def _plain_exchange(request: HTTPRequest, response: HTTPResponse | None) -> dict[str, Any]:
    return {
        "preflight": is_preflight(request),
        "request": {
            "method": request.method,
            "url": cut(request.url),
            "headers": _shown_of(request),
        },
        "response": response
        and {
            "status": response.status,
            "reason": cut(response.reason),
            "headers": _shown_of_answer(response),
        },
    }


def _shown_of(request: HTTPRequest) -> Headers:
    found = []
    for name, value in request.headers:
        lower = name.lower()
        if lower not in _NOT_SHOWN and not lower.startswith("sec-fetch-"):
            found.append((name, "(not shown)" if lower in _SECRET else cut(value)))
    return found


def _shown_of_answer(response: HTTPResponse) -> Headers:
    """The header lines that have to do with CORS or tell who answered, each for itself."""
    return [
        (name, cut(value))
        for name, value in response.headers
        if name.lower() in _SHOWN or name.lower().startswith("access-control-")
    ][:_MOST_LINES]


def _print(console: Console, verdict: _Verdict) -> None:
    def line(text: str, label: str = "", style: str = "") -> None:
        console.print(Text.assemble((label, style), text), soft_wrap=True)

    for request, response in verdict.exchanges:
        line("Preflight:" if is_preflight(request) else "Request:")
        line(f"> {request.method} {in_one_line(request.url)}")
        for name, value in _shown_of(request):
            line(f"> {name}: {in_one_line(value, _MOST_SHOWN)}")
        if response is not None:
            line(f"< {response.status} {in_one_line(response.reason)}".rstrip())
            for name, value in _shown_of_answer(response):
                line(f"< {name}: {in_one_line(value, _MOST_SHOWN)}")
        line("")
    error = verdict.error
    if verdict.no_answer is not None:
        line(f"{verdict.no_answer}.", "No answer: ", "bold red")
    elif error is None:
        line("a browser lets the page read the answer.", "Allowed: ", "bold green")
    else:
        line(f"{in_one_line(error.what)} (Fetch, {error.step}).", "Blocked: ", "bold red")
        for name, text in (
            ("Chromium", error.chromium),
            ("Firefox", error.firefox),
            ("Safari", error.webkit),
        ):
            if text:
                line(in_one_line(text), f"{name}: ", "bold")
    if verdict.cause is not None:
        line(verdict.cause.text, "Cause: ", "bold")
        line(verdict.cause.fix, "Fix: ", "bold")
    for warning in verdict.warnings:
        line(warning.text, "Warning: ", "bold yellow")
        line(warning.fix, "Fix: ", "bold")
