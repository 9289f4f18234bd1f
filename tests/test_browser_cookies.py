"""The browser's cookies: RFC 6265bis, as far as a test of an API meets it."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from browser_server import API, OTHER, PAGE, Clock

from corsgate.browser import Browser

SITES = (API, PAGE, OTHER, "https://example.com", "http://api.example.com", "http://localhost")


class Jar:
    """Applications on several sites: each sets what `sets` says, and shows what it was sent."""

    def __init__(self, *sets: str, engine: str | None = None, origin: str = PAGE) -> None:
        self.sets = list(sets)
        self.sent = ""
        self.clock = Clock()
        apps = dict.fromkeys(SITES, self._app)
        self.browser = Browser(apps, origin=origin, engine=engine, clock=self.clock)

    def _app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.sent = environ.get("HTTP_COOKIE", "")
        origin = environ.get("HTTP_ORIGIN", "-")
        lines = [("Set-Cookie", line) for line in self.sets]
        start_response(
            "200 OK",
            [
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Allow-Credentials", "true"),
                *lines,
            ],
        )
        self.sets = []
        return [b""]

    def visit(self, url: str = API, *, origin: str = PAGE, credentials: str = "include") -> str:
        """What is sent along to `url` by a page on `origin`."""
        self.browser.page(origin).fetch(url, credentials=credentials)
        return self.sent

    def form(self, url: str = API, *, origin: str = PAGE, method: str = "POST") -> str:
        self.browser.page(origin).submit(url, {}, method=method)
        return self.sent


def test_a_cookie_comes_back_with_credentials_only() -> None:
    """Fetch, "HTTP-network-or-cache fetch", step 8: `includeCredentials`."""
    jar = Jar("a=1")
    assert jar.visit() == ""
    assert jar.visit() == "a=1"
    assert jar.visit(credentials="same-origin") == ""
    assert jar.visit(credentials="omit") == ""


def test_a_cookie_of_an_answer_without_credentials_is_not_kept() -> None:
    jar = Jar("a=1")
    jar.visit(credentials="same-origin")
    assert jar.visit() == ""


def test_the_pages_own_origin_needs_no_include() -> None:
    jar = Jar("a=1")
    jar.visit(PAGE, credentials="same-origin")
    assert jar.visit(PAGE, credentials="same-origin") == "a=1"
    assert jar.visit(PAGE, credentials="omit") == ""


def test_a_preflight_has_no_cookie_and_sets_none() -> None:
    """Fetch, "CORS-preflight fetch", step 1: the credentials mode is same-origin."""
    seen: list[tuple[str, str | None]] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        seen.append((method, environ.get("HTTP_COOKIE")))
        start_response(
            "200 OK",
            [
                ("Access-Control-Allow-Origin", PAGE),
                ("Access-Control-Allow-Credentials", "true"),
                ("Access-Control-Allow-Methods", "PUT"),
                ("Access-Control-Max-Age", "0"),
                ("Set-Cookie", f"{method}=1"),
            ],
        )
        return []

    browser = Browser(app, origin=PAGE)
    for _ in range(2):
        browser.fetch("/", method="PUT", credentials="include")
    assert seen == [("OPTIONS", None), ("PUT", None), ("OPTIONS", None), ("PUT", "PUT=1")]


@pytest.mark.parametrize(
    ("line", "same_site", "cross_site", "cross_site_get", "cross_site_post"),
    [
        ("a=1", "a=1", "a=1", "a=1", "a=1"),
        ("a=1; SameSite=None; Secure", "a=1", "a=1", "a=1", "a=1"),
        ("a=1; SameSite=Lax", "a=1", "", "a=1", ""),
        ("a=1; samesite=LAX", "a=1", "", "a=1", ""),
        ("a=1; SameSite=Strict", "a=1", "", "", ""),
        ("a=1; SameSite=nonsense", "a=1", "a=1", "a=1", "a=1"),
    ],
)
def test_same_site_says_which_pages_send_a_cookie(
    line: str, same_site: str, cross_site: str, cross_site_get: str, cross_site_post: str
) -> None:
    """RFC 6265bis, section 5.2."""
    jar = Jar(line)
    jar.visit()
    assert jar.visit() == same_site
    assert jar.form() == same_site
    assert jar.visit(origin=OTHER) == cross_site
    assert jar.form(origin=OTHER, method="GET") == cross_site_get
    assert jar.form(origin=OTHER) == cross_site_post
    assert jar.visit(origin="null") == cross_site
    assert jar.form(origin="null") == cross_site_post


def test_chromium_takes_a_cookie_without_same_site_as_lax() -> None:
    jar = Jar("a=1", engine="chromium")
    jar.visit()
    assert jar.visit() == "a=1"
    assert jar.visit(origin=OTHER) == ""


def test_a_page_elsewhere_cannot_have_a_lax_cookie_set_but_a_form_can() -> None:
    """RFC 6265bis, section 5.7: "same-site-flag"."""
    jar = Jar("a=1; SameSite=Lax", "b=1")
    jar.visit(origin=OTHER)
    assert jar.visit() == "b=1"
    jar = Jar("a=1; SameSite=Strict")
    jar.form(origin=OTHER)
    assert jar.visit() == "a=1"


@pytest.mark.parametrize(
    ("line", "sent_to"),
    [
        ("a=1", [API, "http://api.example.com"]),
        (
            "a=1; Domain=example.com",
            [API, PAGE, "https://example.com", "http://api.example.com"],
        ),
        (
            "a=1; Domain=.Example.com",
            [API, PAGE, "https://example.com", "http://api.example.com"],
        ),
        ("a=1; Domain=api.example.com", [API, "http://api.example.com"]),
        ("a=1; Domain=", [API, "http://api.example.com"]),
        ("a=1; Domain=app.example.com", []),
        ("a=1; Domain=pi.example.com", []),
        ("a=1; Domain=com", []),
        ("a=1; Secure", [API]),
        ("__Secure-a=1; Secure", [API]),
        ("__Secure-a=1", []),
        ("__Host-a=1; Secure; Path=/", [API]),
        ("__Host-a=1; Secure; Path=/x", []),
        ("__Host-a=1; Secure; Path=/; Domain=api.example.com", []),
        ("__host-a=1; Path=/", []),
        ("", []),
        ("=", []),
        (";;=;", []),
    ],
)
def test_a_cookie_goes_to_the_hosts_it_is_for(line: str, sent_to: list[str]) -> None:
    jar = Jar(line)
    jar.visit()
    origins = {url: f"{url[: url.index(':')]}://app.example.com" for url in SITES}
    received = [url for url in SITES if jar.visit(url, origin=origins[url])]
    assert received == sorted(sent_to, key=SITES.index)


def test_a_secure_cookie_is_not_set_over_http_but_on_the_machine_itself() -> None:
    jar = Jar("a=1; Secure", origin="http://app.example.com")
    jar.visit("http://api.example.com", origin="http://app.example.com")
    assert jar.visit(origin="https://app.example.com") == ""
    jar = Jar("a=1; Secure")
    jar.visit("http://localhost", origin="http://localhost")
    assert jar.visit("http://localhost", origin="http://localhost") == "a=1"


@pytest.mark.parametrize(
    ("set_at", "line", "sent_to"),
    [
        ("/x/y", "a=1", ["/x", "/x/", "/x/y", "/x/z"]),
        ("/x", "a=1", ["/", "/x", "/x/", "/x/y", "/x/z", "/xy"]),
        ("/", "a=1; Path=/x", ["/x", "/x/", "/x/y", "/x/z"]),
        ("/", "a=1; Path=/x/", ["/x/", "/x/y", "/x/z"]),
        ("/", "a=1; Path=x", ["/", "/x", "/x/", "/x/y", "/x/z", "/xy"]),
    ],
)
def test_a_cookie_goes_to_the_paths_it_is_for(set_at: str, line: str, sent_to: list[str]) -> None:
    jar = Jar(line)
    jar.visit(API + set_at)
    paths = ("/", "/x", "/x/", "/x/y", "/x/z", "/xy")
    assert [path for path in paths if jar.visit(API + path)] == sent_to


def test_longer_paths_come_first_then_older_cookies() -> None:
    """RFC 6265bis, section 5.8.3, step 2."""
    jar = Jar("a=1", "b=2; Path=/x", "c=3", "a=4")
    jar.visit(API + "/")
    assert jar.visit(API + "/x") == "b=2; a=4; c=3"


@pytest.mark.parametrize("line", ["v", "=v"])
def test_a_cookie_without_a_name_is_its_value(line: str) -> None:
    """RFC 6265bis, section 5.8.3, step 6."""
    jar = Jar(line)
    jar.visit()
    assert jar.visit() == "v"


@pytest.mark.parametrize(
    ("engine", "sent"), [(None, ""), ("chromium", ""), ("firefox", ""), ("webkit", "a=1")]
)
def test_a_cookie_for_all_sites_has_to_be_secure(engine: str | None, sent: str) -> None:
    """RFC 6265bis, section 5.7, step 19."""
    jar = Jar("a=1; SameSite=None", engine=engine)
    jar.visit()
    assert jar.visit() == sent


@pytest.mark.parametrize(
    ("engine", "sent"),
    [(None, "a=1"), ("chromium", "a=1"), ("firefox", "a=1"), ("webkit", "")],
)
def test_a_loopback_host_may_set_a_secure_cookie(engine: str | None, sent: str) -> None:
    """RFC 6265bis, section 5.7, step 13; https hosts may in all engines."""
    jar = Jar("a=1; Secure", engine=engine, origin="http://localhost:8000")
    for _ in range(2):
        jar.visit("http://localhost", origin="http://localhost:8000")
    assert jar.sent == sent
    jar = Jar("a=1; Secure", engine=engine)
    jar.visit()
    assert jar.visit() == "a=1"


@pytest.mark.parametrize(
    ("attributes", "seconds", "sent"),
    [
        ("Max-Age=10", 9, "a=1"),
        ("Max-Age=10", 10, ""),
        ("Max-Age=0", 0, ""),
        ("Max-Age=-1", 0, ""),
        ("Max-Age=x", 10**6, "a=1"),
        ("Max-Age=\xb2", 10**6, "a=1"),
        ("Max-Age=" + "9" * 5000, 10**6, "a=1"),
        ("Expires=Fri, 15 Jan 2027 08:00:10 GMT", 9, "a=1"),
        ("Expires=Fri, 15 Jan 2027 08:00:10 GMT", 11, ""),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT", 0, ""),
        ("Expires=whenever", 10**6, "a=1"),
        ("Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=10", 9, "a=1"),
    ],
)
def test_a_cookie_ends(attributes: str, seconds: int, sent: str) -> None:
    jar = Jar(f"a=1; {attributes}")
    jar.visit()
    jar.clock.now += seconds
    assert jar.visit() == sent


@pytest.mark.parametrize("line", ["a=\0b", "\x1fa=b", "a=b; Path=/\x7f"])
def test_a_cookie_with_control_characters_is_not_taken(line: str) -> None:
    """RFC 6265bis, section 5.6, step 1."""
    jar = Jar(line, "c=d\t")
    jar.visit()
    assert jar.visit() == "c=d"


def test_a_log_out_takes_the_cookie_away() -> None:
    jar = Jar("a=1; HttpOnly")
    jar.visit()
    jar.sets = ["a=; Max-Age=0"]
    assert jar.visit() == "a=1"
    assert jar.visit() == ""


def test_a_cookie_is_sent_along_a_redirect_within_the_site() -> None:
    """A POST that comes by way of another site is cross-site."""

    def hop(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("307 Again", [("Location", f"{API}/")])
        return []

    def api(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Set-Cookie", "a=1; SameSite=Lax"), ("Set-Cookie", "b=1")])
        return [environ.get("HTTP_COOKIE", "").encode()]

    browser = Browser({API: api, PAGE: hop, OTHER: hop}, origin=PAGE)
    assert browser.submit(f"{API}/", {}).text == ""
    assert browser.submit(f"{PAGE}/", {}).text == "a=1; b=1"
    assert browser.submit(f"{OTHER}/", {}).text == "b=1"
