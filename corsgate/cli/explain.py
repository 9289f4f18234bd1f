"""`corsgate explain`: what a browser makes of one request, without sending it."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from .._closed import FAILED
from .._explain import Explanation, explain_in
from .._nested import HandsOff, leaves_cors
from .._protocol import ENVIRON_REQUEST_METHOD
from .._sources import ask, for_method, is_preflight
from .._words import KEYWORDS
from ..browser import Browser, FetchError
from ..browser._url import parse_url
from ..errors import PolicyError
from ..policy import Policy
from ._apps import ANY_HOST, Gate, gate_of_app, gate_of_django
from ._print import (
    ALLOWED,
    BLOCKED,
    Unusable,
    check_origin,
    make_console,
    print_json,
    print_steps,
    print_verdict,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from wsgiref.types import StartResponse, WSGIEnvironment

    from ..browser._url import URL

_INTRO = {
    True: "A browser asks first, so its preflight is what counts.",
    False: "The browser sends it at once, without a preflight.",
}
_INTRO_OF_FORM = "The browser sends it at once, and shows the answer to the user."
_LISTS = ("allow_origins", "allow_methods", "allow_headers", "dangerously_allow")


@click.command(short_help="Say why a browser lets a request through or blocks it.")
@click.option("--origin", required=True, help="Origin of the page: https://app.example.com")
@click.option("-X", "--method", help="Method of the request.  [default: GET; of a form: POST]")
@click.option(
    "--path", default="/", show_default=True, help="Path, or the whole address of the API."
)
@click.option(
    "-H", "--header", "headers", multiple=True, help="'Name: value' or Name; may be repeated."
)
@click.option("--credentials", is_flag=True, help='The page asks for credentials: "include".')
@click.option("--form", is_flag=True, help="A form sends it (-X GET: a link), and not fetch().")
@click.option("--app", metavar="MODULE:NAME", help="Flask or WSGI application, or its factory().")
@click.option(
    "--django",
    metavar="[SETTINGS]",
    is_flag=False,
    flag_value="",
    help="Django project; default: DJANGO_SETTINGS_MODULE.",
)
@click.option("--allow-origins", multiple=True, help="Policy: origins and patterns, or '*'.")
@click.option("--allow-methods", multiple=True, help="Policy: methods, or '*'.")
@click.option("--allow-headers", multiple=True, help="Policy: names of headers, or '*'.")
@click.option("--allow-credentials", is_flag=True, help="Policy: pages may send cookies.")
@click.option("--dangerously-allow", multiple=True, help="Policy: codes of accepted risks.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    origin: str,
    method: str | None,
    path: str,
    headers: tuple[str, ...],
    credentials: bool,
    form: bool,
    app: str | None,
    django: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Say what a browser makes of a request: its steps, the verdict, and what to write instead.

    Nothing is sent. The policy comes from an application (--app, --django), which is imported but
    not run, or from the options named after the fields of Policy; their lists have commas, or the
    option is repeated. A gate is asked as by a browser of today, with Sec-Fetch-Site: for a page of
    the site itself set own_origins, or give --path as the whole address.

    \b
    corsgate explain --origin https://app.example.com --app shop:app -X PUT --path /cart
    corsgate explain --origin null --django shop.settings -H 'X-Token: 1' --credentials
    corsgate explain --origin https://evil.example --app shop:app --path /pay --form
    corsgate explain --origin http://localhost:3000 --allow-origins 'http://localhost:*'
    """
    check_origin(origin)
    method = method or ("POST" if form else "GET")
    given = {name: value for name, value in options.items() if value}
    if (app is not None) + (django is not None) + bool(given) != 1:
        raise click.UsageError("Give one of --app, --django, and a policy with --allow-origins.")
    if form and headers:
        raise click.UsageError("A form sets no headers: leave out --header, or --form.")
    if app is not None:
        gate = gate_of_app(app)
    elif django is not None:
        gate = gate_of_django(django)
    else:
        gate = _gate_of_options(given)
    url = _find_url(path, f"https://{gate.host}/")
    ask_for = partial(_environ_of_browser, origin, method, headers, credentials, form)
    environ = ask_for(url)
    if environ is None:
        found = _mixed_content(url)
    else:
        asked = environ[ENVIRON_REQUEST_METHOD if is_preflight(environ) else "REQUEST_METHOD"]
        with redirect_stdout(sys.stderr):  # callables of the application's may print
            source = gate.find(environ, asked)
            gated = source.gated if isinstance(source, HandsOff) else source
            policy = ask(gated, for_method(environ, asked))
            if "://" not in path and policy is not None and policy.own_origins:
                # The site is known after all, and so is whether the page is on it.
                environ = ask_for(_find_url(path, _own_site(policy.own_origins, origin))) or environ
            words, judged = KEYWORDS, source  # which is named if it has failed, or gave None
            if leaves_cors(source):
                words = gate.words_without(environ)
            elif policy is not None and policy is not FAILED:
                words, judged = gate.words_of(policy), policy
            found = explain_in(
                words, judged, environ, credentials=credentials, words_of=gate.words_of
            )
    preflight = environ is not None and is_preflight(environ)
    address = str(url) if "://" in path else path
    if as_json:
        request = {
            "origin": origin,
            "method": method,
            "url": address,
            "headers": headers,
            "credentials": credentials,
            "form": form,
        }
        print_json({"request": request, "preflight": preflight, **found.to_dict()})
    else:
        console = make_console()
        names = ", ".join(header.partition(":")[0] for header in headers)
        more = f", with {names}" if names else ""
        sender = "form" if form else "page"
        console.print(f"{method} {address} from a {sender} on {origin}{more}")
        if environ is not None:
            console.print(_INTRO_OF_FORM if form else _INTRO[preflight])
            console.print()
            print_steps(console, found.steps)
        console.print()
        print_verdict(console, found)
    ctx.exit(ALLOWED if found.allowed else BLOCKED)


def _gate_of_options(options: dict[str, Any]) -> Gate:
    for name in _LISTS:
        if name in options:
            options[name] = ",".join(options[name])
    try:
        policy = Policy(**options)
    except PolicyError as error:
        faults = [fault.at(f"--{fault.field.replace('_', '-')}") for fault in error.problems]
        raise Unusable(str(PolicyError(faults))) from None
    return Gate(
        ANY_HOST, lambda environ, method: policy, lambda policy: KEYWORDS, lambda environ: KEYWORDS
    )


def _own_site(own_origins: Sequence[str], origin: str) -> str:
    """The origin of the site that a page on `origin` calls, if it can: https never calls http."""
    if origin in own_origins:
        return origin
    return next((own for own in own_origins if own.startswith("https:")), own_origins[0])


def _find_url(path: str, base: str) -> URL:
    # As a browser encodes it; the parser takes bytes in latin-1's clothes.
    text = path.encode("utf-8", "surrogateescape").decode("latin-1")
    if text.startswith("//"):
        text = f".{text}"  # is meant as a path, and not as a host
    url = parse_url(text, parse_url(base))
    if url is None or url.scheme not in ("http", "https") or url.has_credentials:
        raise Unusable(f"--path takes /a/path or a whole http(s) address, not {path!r}.")
    return url


def _environ_of_browser(
    origin: str, method: str, headers: Iterable[str], credentials: bool, form: bool, url: URL
) -> WSGIEnvironment | None:
    """The first request that a browser sends, and so the one that counts; None if it sends none."""
    sent: list[WSGIEnvironment] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        sent.append(environ)
        start_response("200 OK", [])
        return []

    pairs = []
    for header in headers:
        name, _, value = header.partition(":")
        pairs.append((name, value))
    browser = Browser(app, origin=origin, base_url=url.origin)
    try:
        if form:
            browser.submit(str(url), {}, method=method)
        else:
            browser.fetch(
                str(url),
                method=method,
                headers=pairs,
                credentials="include" if credentials else "same-origin",
            )
    except FetchError:
        pass  # this server allows nothing, but by then it knows the request
    except ValueError as error:
        raise Unusable(f"No browser sends this: {error}.") from None
    return sent[0] if sent else None


def _mixed_content(url: URL) -> Explanation:
    return Explanation(
        allowed=False,
        reason="mixed-content",
        message=f"A page on https may not call {url.origin}, whatever the policy says.",
        fix="serve the API over https",
        steps=(),
    )
