"""The engine against the `Browser`: two halves of the standard that know nothing of each other.

`stated` says in plain words what a policy promises for one request of a page, from the request
alone: no header of an answer is looked at. Both halves together have to keep that promise, and
where the browser blocks what the engine allows, the request itself has to be the reason.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from wsgiref.types import WSGIApplication

import pytest
from amount import many
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_origin import reference_allows
from strategies import (
    header_names,
    methods,
    page_origins,
    reference_lets_pass,
    tokens,
)
from wsgi_client import SpyApp

from corsgate import Policy, decide
from corsgate._protocol import is_forbidden_request_header
from corsgate.browser import Browser, CORSError, FetchError
from corsgate.browser._url import is_origin
from corsgate.browser._wsgi import environ_of
from corsgate.wsgi import CORSMiddleware

Options = dict[str, Any]

SAFELISTED = ("GET", "HEAD", "POST")
SAFE = ("GET", "HEAD", "OPTIONS")
# Why a browser may block what the engine allows: for what the page wants, not for who it is.
OF_THE_REQUEST = {"method", "header", "authorization", "allow-credentials", "allow-origin-wildcard"}
SITES = ("https://www.example.com", "http://localhost:8000", "http://api.example.net")
DEFAULTS: dict[str, Any] = {**Policy().to_dict(), "write_origins": None}
OWN = {"Content-Type": "text/plain", "X-Total": "7", "X-A": "a", "X-B": "b", "Link": "</>"}


@dataclass(frozen=True)
class Page:
    """A request of a page, in the words of `fetch()`.

    :param site: the origin of the application.
    :param headers: name, value, and whether the pair is safelisted.
    """

    origin: str
    site: str = SITES[0]
    path: str = "/"
    method: str = "GET"
    headers: tuple[tuple[str, str, bool], ...] = ()
    mode: str = "cors"
    credentials: str = "same-origin"
    upload_listener: bool = False
    engine: str | None = None

    @property
    def asks(self) -> bool:
        """Whether a browser that remembers nothing sends a preflight."""
        return (
            self.upload_listener
            or self.method not in SAFELISTED
            or not all(safe for *_, safe in self.headers)
        )


# ------------------------------------------------------------------ what a policy promises


def allows(entries: Sequence[Any], origin: str) -> bool:
    return "*" in entries or reference_allows(as_texts(entries, origin), origin)


def as_texts(entries: Sequence[Any], origin: str) -> list[str]:
    """The entries, and for those that are no text the origin itself where they take it."""
    found = [entry for entry in entries if isinstance(entry, str)]
    others = [entry for entry in entries if not isinstance(entry, str)]
    return found + [origin for entry in others if takes(entry, origin)]


def takes(entry: Any, origin: str) -> bool:
    if isinstance(entry, re.Pattern):
        return entry.fullmatch(origin) is not None
    return entry(origin, {}) is True


def may_write(options: Options, origin: str) -> bool:
    writers = options["write_origins"]
    if writers is None:
        writers = [entry for entry in options["allow_origins"] if entry not in ("*", "null")]
    return allows(writers, origin)


def passes_gate(options: Options, page: Page, origin: str | None) -> bool:
    """Whether the application runs once the request itself is sent, with `origin` in it."""
    if options["gate"] != "enforce":
        return True
    environ = {"REQUEST_METHOD": page.method, "HTTP_HOST": page.site.partition("://")[2]}
    if origin is not None:
        environ["HTTP_ORIGIN"] = origin
    if page.site != SITES[2]:  # Fetch Metadata goes to trustworthy addresses only
        site = "same-origin" if page.origin == page.site else "cross-site"
        environ["HTTP_SEC_FETCH_SITE"] = site
    known = dict(options)
    for name in ("allow_origins", "write_origins"):
        if options[name] is not None:
            known[name] = as_texts(options[name], origin or "null")
    return reference_lets_pass(known, environ)


def stated(options: Options, page: Page) -> tuple[str, bool]:
    """What the page gets to see, and whether the application runs.

    "answer": that of the application; "403": the refusal of the gate; "opaque": that there was one
    of the two; "blocked": that there was none for it.
    """
    own = page.origin == page.site
    insecure = page.origin.startswith("https:") and page.site.startswith("http:")
    is_mixed = insecure and (page.site == SITES[2] or page.engine == "webkit")
    if is_mixed or (page.mode == "same-origin" and not own):
        return "blocked", False
    if own or page.mode == "no-cors":
        sent: str | None = page.origin
        if page.method in ("GET", "HEAD"):
            sent = None
        elif insecure and page.engine != "chromium":
            sent = "null"  # so that nothing of a secure page's address goes out unencrypted
        passes = passes_gate(options, page, sent)
        return ("opaque" if not own else "answer" if passes else "403"), passes
    passes = passes_gate(options, page, page.origin)
    may_read = allows(options["allow_origins"], page.origin) and (
        options["allow_credentials"] or page.credentials != "include"
    )
    if page.asks and not (may_read and may_send(options, page)):
        return "blocked", False
    return ("blocked" if not may_read else "answer" if passes else "403"), passes


def may_send(options: Options, page: Page) -> bool:
    """Whether a page that may read may send a request that needs a preflight."""
    told = page.method in options["allow_methods"] or "*" in options["allow_methods"]
    if options["gate"] == "enforce" and page.method not in SAFE:
        told = told and may_write(options, page.origin)
    listed = {name.lower() for name in options["allow_headers"]}
    covered = "*" in listed
    # The standard has no star for this one; and with credentials there is a list instead of a star.
    covers_all = options["allow_credentials"] or page.engine is not None
    return (told or page.method in SAFELISTED) and all(
        safe
        or name.lower() in listed
        or (covered and (name.lower() != "authorization" or covers_all))
        for name, _, safe in page.headers
    )


def readable_names(options: Options, page: Page) -> set[str]:
    exposed = {name.lower() for name in options["expose_headers"]}
    everything = {name.lower() for name in OWN}
    if page.origin == page.site or ("*" in exposed and page.credentials != "include"):
        return everything
    return everything & {"content-type", *exposed}


# ------------------------------------------------------------------ what happens


class Site:
    """An application behind corsgate, and a browser that visits it."""

    def __init__(self, make: Callable[[WSGIApplication], WSGIApplication], page: Page) -> None:
        self.spy = SpyApp(headers=OWN)
        self.now = 1_000_000.0
        self.browser = Browser(
            make(self.spy),
            origin=page.origin,
            base_url=page.site,
            engine=page.engine,
            clock=lambda: self.now,
        )

    def visit(self, options: Options, page: Page) -> tuple[str, bool]:
        """As `stated` says it; with what both halves concluded from each exchange compared."""
        browser = self.browser.page(page.origin)
        before, exchanged = self.spy.called, len(browser.exchanges)
        failed = None
        try:
            response = browser.fetch(
                page.path,
                method=page.method,
                headers=[(name, value) for name, value, _ in page.headers],
                mode=page.mode,
                credentials=page.credentials,
                upload_listener=page.upload_listener,
            )
        except CORSError as error:
            failed, seen = error.code, "blocked"
        except FetchError as error:  # a rule of the browser's own, before anything is sent
            seen = "blocked" if len(browser.exchanges) == exchanged else error.code
        else:
            seen = "opaque" if response.type == "opaque" else f"{response.status}"
            if seen == "200":
                seen = "answer"
                own = {name.lower() for name in response.headers} & {name.lower() for name in OWN}
                assert own == readable_names(options, page)
        if page.mode == "cors" and page.origin != page.site:
            policy = Policy(**options)
            exchanges = browser.exchanges[exchanged:]
            allowed = [decide(policy, environ_of(sent)).allowed for sent, _ in exchanges]
            # The browser goes on while the engine allows, and stops where it denies.
            assert all(allowed[:-1])
            if exchanges and not allowed[-1]:
                assert failed == "allow-origin-missing"
            elif failed is not None:
                assert failed in OF_THE_REQUEST
        return seen, self.spy.called > before


# ------------------------------------------------------------------ strategies

SAFELISTED_PAIRS = (
    ("Accept", "text/html"),
    ("accept-language", "de, en;q=0.8"),
    ("Content-Language", "de"),
    ("Content-Type", "text/plain;charset=utf-8"),
    ("content-type", "multipart/form-data; boundary=x"),
    ("Range", "bytes=0-5"),
)
OTHER_PAIRS = (
    ("Accept", '"text/html"'),
    ("Accept-Language", "de_DE"),
    ("Content-Type", "application/json"),
    ("Content-Type", "text/plain; a=(b)"),
    ("Range", "bytes=-5"),
    ("Accept", "a" * 129),
    ("Authorization", "Bearer x"),
)
other_names = (tokens | header_names).filter(
    lambda name: not is_forbidden_request_header(name.lower())
)
pairs = st.one_of(
    st.sampled_from([(*pair, True) for pair in SAFELISTED_PAIRS]),
    st.sampled_from([(*pair, False) for pair in OTHER_PAIRS]),
    # Longer than what any header may have without a preflight.
    other_names.map(lambda name: (name, "a" * 129, False)),
)
NORMALIZED = {"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"}
page_methods = st.one_of(
    st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PUT", "patch", "Patch", "PATCH"]),
    methods,
    tokens.filter(lambda name: name.upper() not in ("CONNECT", "TRACE", "TRACK")),
).map(lambda name: name.upper() if name.upper() in NORMALIZED else name)

REGEX = re.compile(r"https://app\d\.example\.com")
AN_ORIGIN = "https://tenant.example.org"


def by_lookup(origin: str, environ: Mapping[str, Any]) -> bool:
    return origin == AN_ORIGIN


LITERAL = ("https://app.example.com", "tauri://localhost", "https://xn--bcher-kva.example", "null")
ENTRIES = (
    *LITERAL,
    "https://*.example.com",
    "https://pr-*.example.org",
    "http://localhost:*",
    REGEX,
    by_lookup,
)
# What these allow, what only looks like it, and the sites themselves.
ORIGINS = (
    *LITERAL,
    *SITES,
    *("https://app7.example.com", "https://app77.example.com", "https://app7.example.com:8443"),
    *("https://a.b.example.com", "https://example.com", "https://evilexample.com"),
    *("https://app.example.com.", "https://app.example.com.evil.test", "http://app.example.com"),
    *("https://app.example.com:444", "https://pr-7.example.org", "https://pr-.example.org"),
    *("https://pr-7.a.example.org", AN_ORIGIN, "https://tenant.example.org.", "http://localhost"),
    *("http://localhost:5173", "https://localhost:5173", "http://localhost.evil.test:5173"),
    *("tauri://localhost:1", "https://xn--bcher-kva.example.com", "https://evil.example.net"),
)


def one_of(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def some_of(*values: Any) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), max_size=4)


SETS_OF_OPTIONS = st.fixed_dictionaries(
    {
        "allow_origins": st.one_of(st.just(["*"]), *[some_of(*ENTRIES)] * 4),
        "allow_methods": st.one_of(
            st.just(["*"]), *[some_of("GET", "PUT", "PURGE", "QUERY", "PATCH", "OPTIONS")] * 2
        ),
        "allow_headers": st.one_of(
            one_of(["*"], ["*", "Authorization"]),
            some_of("X-A", "x-b", "Content-Type", "authorization", "Accept", "Range"),
        ),
        "expose_headers": st.just(["*"]) | some_of("X-A", "x-b", "Link", "ETag"),
        "allow_credentials": st.booleans(),
        "max_age": one_of(None, 0, 5, 600, 10**9),
        "allow_timing": st.booleans(),
        "preflight_status": one_of(200, 204),
        "gate": one_of("off", "report", "enforce", "enforce"),
        "write_origins": st.none() | some_of(*ENTRIES),
        "own_origins": some_of(*SITES, "https://alias.example"),
        "dangerously_allow": st.just(["null-origin", "insecure-origin"]),
    }
)


@st.composite
def sets_of_options(draw: st.DrawFn) -> Options:
    """The keyword arguments of a valid policy, with every kind of entry for origins."""
    options: Options = draw(SETS_OF_OPTIONS)
    if options["allow_credentials"]:
        # What is refused with credentials.
        for name in ("allow_origins", "expose_headers"):
            options[name] = [value for value in options[name] if value != "*"]
    return options


PAGES = st.builds(
    Page,
    origin=one_of(*ORIGINS) | page_origins.filter(is_origin),
    site=one_of(*SITES),
    path=one_of("/", "/second/x", "/apart"),
    method=page_methods,
    headers=st.lists(pairs, max_size=3).map(tuple),
    mode=one_of(*["cors"] * 6, "no-cors", "same-origin"),
    credentials=one_of("omit", "same-origin", "include"),
    upload_listener=one_of(False, False, False, True),
    engine=one_of(None, None, "chromium", "firefox", "webkit"),
)


def as_fetched(page: Page) -> Page:
    """What `fetch()` takes: `no-cors` is for few methods, and drops most headers."""
    if page.mode != "no-cors":
        return page
    method = page.method if page.method in SAFELISTED else "POST"
    return replace(page, method=method, headers=(), upload_listener=False)


pages = PAGES.map(as_fetched)


# ------------------------------------------------------------------ the properties


@settings(max_examples=many(500, 100_000))
@given(sets_of_options(), pages, st.booleans())
def test_a_page_gets_what_the_policy_says_and_nothing_else(
    options: Options, page: Page, debug: bool
) -> None:
    """Issue 8: "what the engine allows the `Browser` accepts and what it denies it blocks"."""
    site = Site(lambda app: CORSMiddleware(app, debug=debug, **options), page)
    assert site.visit(options, page) == stated(options, page)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "chicken"])
@pytest.mark.parametrize("gate", ["off", "enforce"])
def test_an_upload_has_no_method_that_the_policy_does_not_list(method: str, gate: str) -> None:
    """Fetch, "CORS-preflight fetch", step 7: where there is no Access-Control-Allow-Methods, and
    the page listens to the upload, the browser takes the method for allowed.
    """
    options = {**DEFAULTS, "allow_origins": [AN_ORIGIN], "allow_methods": [], "gate": gate}
    page = Page(AN_ORIGIN, method=method, upload_listener=True)
    site = Site(lambda app: CORSMiddleware(app, **options), page)
    assert site.visit(options, page) == stated(options, page) == ("blocked", False)


# ------------------------------------------------------------------ what browsers remember

# The methods of one URL that have a policy of their own. GET has not: what a browser remembers of
# "*" holds for methods that no list of the standard has, too.
singled_out = st.sets(
    one_of("HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE", "QUERY"), min_size=1
)
# Few values, so that what was remembered is often asked for again.
VISITS = st.builds(
    Page,
    origin=one_of(*[AN_ORIGIN] * 6, *ORIGINS),
    site=st.just(SITES[0]),
    path=one_of("/", "/second/x", "/apart", "/apart"),
    method=one_of("GET", "POST", "PUT", "PUT", "PATCH", "OPTIONS", "chicken"),
    headers=st.lists(one_of(("X-A", "1", False), ("x-b", "1", False)), max_size=2).map(tuple),
    credentials=one_of("omit", "omit", "include"),
    upload_listener=one_of(False, False, False, True),
)


def knowing_the_page(options: Options) -> Options:
    origins = options["allow_origins"]
    return {**options, "allow_origins": origins if "*" in origins else [*origins, AN_ORIGIN]}


@settings(max_examples=many(200, 30_000))
@given(
    sets_of_options().map(knowing_the_page),
    sets_of_options().map(knowing_the_page),
    singled_out,
    one_of(None, "chromium", "firefox", "webkit"),
    st.lists(st.tuples(VISITS, one_of(0, 0, 4, 6, 700)), min_size=2, max_size=8),
)
def test_a_browser_that_remembers_preflights_lets_nothing_else_through(
    first: Options,
    second: Options,
    apart: set[str],
    engine: str | None,
    visits: list[tuple[Page, int]],
) -> None:
    """Fetch, "CORS-preflight cache": an answer is kept for a URL, and for all methods and header
    names in it. So what one path, or one method of a URL, is allowed must be no other one's.
    """
    one, other = Policy(**first), Policy(**second)

    def by_method(environ: Mapping[str, Any]) -> Policy:
        return one if environ["REQUEST_METHOD"] in apart else other

    def options_for(page: Page) -> Options:
        if page.path == "/apart":
            return first if page.method in apart else second
        return first if page.path == "/" else second

    paths: dict[str, Any] = {"/second/*": other, "/apart": by_method}
    start = Page(AN_ORIGIN, engine=engine)
    visited = Site(lambda app: CORSMiddleware(app, one, paths=paths), start)
    for visit, seconds in visits:
        page = replace(visit, engine=engine)
        assert visited.visit(options_for(page), page) == stated(options_for(page), page)
        visited.now += seconds


LISTS = st.fixed_dictionaries(
    {
        "allow_methods": one_of([], ["PUT"], ["PUT", "PATCH"], ["PATCH"], ["*"]),
        "allow_headers": one_of([], ["X-A"], ["*"]),
    }
)
CALLS = st.tuples(one_of("GET", "PUT", "PATCH"), one_of((), (("X-A", "1", False),)))


@settings(max_examples=many(400, 30_000))
@given(
    LISTS,
    LISTS,
    one_of({"PUT"}, {"PUT", "PATCH"}, {"POST"}),
    st.booleans(),
    st.lists(CALLS, min_size=2, max_size=5),
)
def test_what_is_remembered_of_one_method_is_not_used_for_another(
    first: Options, second: Options, apart: set[str], credentials: bool, calls: list[Any]
) -> None:
    """The same, but for one URL and for policies that differ in their lists only."""
    same = {**DEFAULTS, "allow_origins": [AN_ORIGIN], "allow_credentials": credentials}
    lists = [{**same, **first}, {**same, **second}]
    policies = [Policy(**options) for options in lists]
    start = Page(AN_ORIGIN, credentials="include" if credentials else "omit")
    visited = Site(
        lambda app: CORSMiddleware(
            app, lambda environ: policies[environ["REQUEST_METHOD"] not in apart]
        ),
        start,
    )
    for method, headers in calls:
        page = replace(start, method=method, headers=headers)
        options = lists[method not in apart]
        assert visited.visit(options, page) == stated(options, page)


def test_and_it_does_remember_them() -> None:
    """Or the property above would say nothing."""
    page = Page(AN_ORIGIN, method="PUT")
    site = Site(lambda app: CORSMiddleware(app, allow_origins=AN_ORIGIN), page)
    options = {**DEFAULTS, "allow_origins": [AN_ORIGIN]}
    for seconds in (0, 599, 1):
        site.now += seconds
        assert site.visit(options, page) == ("answer", True)
    sent = [request.method for request, _ in site.browser.exchanges]
    assert sent == ["OPTIONS", "PUT", "PUT", "OPTIONS", "PUT"]
