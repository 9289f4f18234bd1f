"""Fuzz target: `Browser` with any page in it, and with hostile servers.

    chromium https://app.example.com   the engine, or "-", and the origin of the page

    fetch PUT /x include upload        what the page does: method, address, and words: see `call`
    X-A: b                             its headers
    = text                             the body

    307 Moved                          an answer: they are given in this order, the last one again
    Location: /y                       and again

Blank lines part the blocks. The servers are those of `SERVERS`; a path is of the first.
"""

import copy
import itertools
import pickle
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from fuzz_tools import repeated, within

from corsgate.browser import Browser, FetchError, HTTPRequest, HTTPResponse, Response
from corsgate.browser._url import registrable_domain

Headers = list[tuple[str, str]]

SERVERS = (
    "https://api.example.com",
    "https://app.example.com",
    "http://api.example.com",
    "https://other.test:8443",
    "http://localhost:8000",
)
MODES = ("cors", "no-cors", "same-origin")
CREDENTIALS = ("omit", "include")
REDIRECTS = ("error", "manual")
POLICIES = ("no-referrer", "origin", "unsafe-url", "origin-when-cross-origin")
WORDS = [
    *SERVERS,
    *MODES,
    *CREDENTIALS,
    *REDIRECTS,
    *POLICIES,
    *"""
    - chromium firefox webkit null https://evil.example tauri://localhost fetch form GET get POST
    PUT patch OPTIONS TRACE upload json no-store other HEAD x-a authorization content-type 200 204
    299 301 302 303 304 307 308 403 500 Access-Control-Allow-Origin: Access-Control-Allow-Methods:
    Access-Control-Allow-Headers: Access-Control-Allow-Headers#900: Access-Control-Max-Age:
    Access-Control-Expose-Headers: Access-Control-Allow-Credentials: true Location: Set-Cookie:
    Vary: Vary#900: Origin Cache-Control: max-age=9 Cross-Origin-Resource-Policy: same-site
    Content-Type: text/plain application/json Range: bytes=0-9 Authorization: Accept: X-A: X#900:
    ; Domain=example.com Path=/ Secure SameSite=None HttpOnly Max-Age=9 __Host-a=b a=b
    Expires= Wed, 21 Oct 2099 07:28:00 GMT -0000 99999 : :99999 :0 // /.. %2e ? # @ u:p@ \\ [::1]
    [ ] * , -1 +5 1e9 9999999999999999999
    """.split(),
    *("\n\n", "\n", "\nfetch ", "\n= ", "\t", "\r", "\0", "\x7f", "\xe9", "\xff", " "),
]
# The work that a call may take; counting takes time, so it is done for what is long.
SHORT, LINES, LINES_FOR_EACH = 1_000, 200_000, 20
registrable_domain("a.example")  # reads its list once, which is no work of a request


@dataclass
class Block:
    """The first line of a block, and the headers and the body after it."""

    first: list[str]
    headers: Headers = field(default_factory=list)
    body: bytes | None = None


def read(data: bytes) -> list[Block]:
    blocks = []
    for text in data.decode("latin-1").split("\n\n"):
        first, *lines = text.strip("\n").split("\n")
        block = Block(first.split(" "))
        for line in lines:
            name, colon, value = line.partition(":")
            if line.startswith("= "):
                block.body = line[2:].encode("latin-1")
            elif colon:
                block.headers.append(repeated(name, value.strip(" ")))
        blocks.append(block)
    return blocks


def run(data: bytes) -> None:
    first, *rest = read(data)
    does = [block for block in rest if block.first[0] in ("fetch", "form")]
    says = [block for block in rest if block not in does] or [Block(["200"])]
    left = itertools.chain(says, itertools.repeat(says[-1]))
    size = len(data) + sum(len(n + v) for block in rest for n, v in block.headers)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        block = next(left)
        status = block.first[0] if re.fullmatch("[1-9][0-9]{2}", block.first[0]) else "200"
        start_response(f"{status} {' '.join(block.first[1:])}", block.headers)
        return [block.body or b""]

    engine, _, origin = " ".join(first.first).partition(" ")
    clock = itertools.count(10**12)
    try:
        browser = Browser(
            dict.fromkeys(SERVERS, app),
            origin=origin,
            engine=engine if engine != "-" else None,
            clock=lambda: next(clock) / 1_000,
        )
    except ValueError:
        return
    assert pattern_of_an_origin(origin), origin
    for block in does[:8]:
        before = len(browser.exchanges)
        limit = LINES + LINES_FOR_EACH * size
        options = call(block)
        try:
            if size > SHORT:
                found = within(limit, lambda: do(browser, block, options))  # noqa: B023
            else:
                found = do(browser, block, options)
        except FetchError as error:
            judge_error(error)
        except LookupError as error:
            assert str(error).startswith("no application for ")  # noqa: PT017
        except (ValueError, TypeError) as error:
            assert len(browser.exchanges) == before, error  # noqa: PT017
            assert str(error)  # noqa: PT017
        else:
            judge(browser, options, found, browser.exchanges[before:])
        judge_sent(browser, options, browser.exchanges[before:])


def call(block: Block) -> dict[str, Any]:
    """The arguments of `fetch`; of words for the same one the last counts."""
    _, method, url, *words = [*block.first, "GET", "/"][: max(3, len(block.first))]
    options: dict[str, Any] = {"url": url, "method": method, "headers": block.headers}
    for name, choices in (
        ("mode", MODES),
        ("credentials", CREDENTIALS),
        ("redirect", REDIRECTS),
        ("referrer_policy", POLICIES),
        ("cache", ("no-store",)),
    ):
        for word in words:
            if word in choices:
                options[name] = word
    if "upload" in words:
        options["upload_listener"] = True
    if "json" in words:
        options["json"] = [block.body and block.body.decode("latin-1")]
    elif block.body is not None:
        options["body"] = block.body if "bytes" in words else block.body.decode("latin-1")
    return options


def do(browser: Browser, block: Block, options: dict[str, Any]) -> Response:
    if block.first[0] == "fetch":
        return browser.fetch(**options)
    fields = dict(block.headers)
    return browser.submit(options["url"], fields, method=options["method"])


# ------------------------------------------------------------------ what is right

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
SAFELISTED = """
    cache-control content-language content-length content-type expires last-modified pragma
""".split()


def pattern_of_an_origin(text: str) -> bool:
    return text == "null" or re.fullmatch(r"[a-z][a-z0-9+.-]*://[!-~]+", text) is not None


def value_of(headers: Headers, name: str) -> str | None:
    values = [value.strip(" \t\r\n") for other, value in headers if other.lower() == name]
    return ", ".join(values) if values else None


def members(headers: Headers, name: str) -> set[str]:
    return {member.strip(" \t") for member in (value_of(headers, name) or "").split(",")} - {""}


def judge_error(error: FetchError) -> None:
    assert str(error).startswith(("preflight of ", error._summary))
    assert error.code
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (str(twin), twin.code) == (str(error), error.code)


def judge(
    browser: Browser,
    options: dict[str, Any],
    found: Response,
    exchanges: list[tuple[HTTPRequest, HTTPResponse]],
) -> None:
    assert "set-cookie" not in found.headers
    if found.type == "opaque" or found.type == "opaqueredirect":
        assert (found.status, found.body, dict(found.headers)) == (0, b"", {})
    if found.type != "cors":
        return
    credentials = options.get("credentials") == "include"
    if not exchanges:
        return  # it is from the cache
    sent, got = exchanges[-1]
    judge_allowed(sent, got, credentials)
    exposed = {name.lower() for name in members(got.headers, "access-control-expose-headers")}
    for name in found.headers:
        assert name in SAFELISTED or name in exposed or ("*" in exposed and not credentials)
    if sent.method in ("GET", "HEAD", "POST") or len(browser.exchanges) != len(exchanges):
        return
    assert len(exchanges) > 1
    asked, told = exchanges[-2]
    assert asked.header("Access-Control-Request-Method") == sent.method
    assert 200 <= told.status <= 299
    judge_allowed(asked, told, credentials)
    methods = members(told.headers, "access-control-allow-methods")
    assert sent.method in methods or ("*" in methods and not credentials) or not methods


def judge_allowed(sent: HTTPRequest, got: HTTPResponse, credentials: bool) -> None:
    """Fetch, "CORS check"."""
    allowed = value_of(got.headers, "access-control-allow-origin")
    if credentials:
        assert allowed == sent.header("Origin")
        assert value_of(got.headers, "access-control-allow-credentials") == "true"
    else:
        assert allowed in ("*", sent.header("Origin"))


def judge_sent(
    browser: Browser,
    options: dict[str, Any],
    exchanges: list[tuple[HTTPRequest, HTTPResponse]],
) -> None:
    assert len(exchanges) <= 2 * 21
    for request, _ in exchanges:
        names = [name.lower() for name, _ in request.headers]
        assert TOKEN.fullmatch(request.method)
        assert request.url.isascii()
        assert request.url.isprintable()
        for name, value in request.headers:
            assert TOKEN.fullmatch(name)
            assert not set(value) & set("\0\r\n"), (name, value)
        for once in ("origin", "cookie", "referer", "sec-fetch-site", "content-length"):
            assert names.count(once) <= 1, once
        asks = "access-control-request-method" in names
        if asks:
            assert request.method == "OPTIONS"
            assert not {"cookie", "authorization"} & set(names)
            assert "origin" in names
        if options.get("credentials") == "omit":
            assert "cookie" not in names
