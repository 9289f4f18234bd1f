"""`corsgate.browser.Browser`: what it takes, what it sends, and what its errors say."""

import copy
import io
import pickle
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.validate import validator

import pytest
from browser_server import (
    API,
    CREDENTIALS,
    OTHER,
    PAGE,
    Servers,
    allow_headers,
    allow_methods,
    allow_origin,
)

from corsgate.browser import Browser, CORSError, FetchError, HTTPRequest

ACCESS = f"Access to fetch at '{API}/case' from origin '{PAGE}' has been blocked by CORS policy: "
PREFLIGHT = "Response to preflight request doesn't pass access control check: "
VALID = " Have the server send the header with a valid value."
BLOCKED = (
    "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource"
    f" at {API}/case. (Reason: "
)
QUOTED = BLOCKED.replace(f"{API}/case", f"‘{API}/case’")
STAR_TEXT = (
    "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard"
    " '*' when the request's credentials mode is 'include'."
)
PUT = {"method": "PUT", "body": "x"}
INCLUDE = {"credentials": "include"}


def caught(browser: Browser, url: str = "/case", **options: Any) -> FetchError:
    with pytest.raises(FetchError) as info:
        browser.fetch(url, **options)
    return info.value


# ------------------------------------------------------------------ what consoles say

# Each text was read from the console of the browser.
CONSOLES: list[
    tuple[str, dict[str, Any], dict[str, Any], str, str | None, str | None, str | None]
] = [
    (
        "allow-origin-missing",
        {"answer": []},
        {},
        "CORS check, step 2",
        f"{ACCESS}No 'Access-Control-Allow-Origin' header is present on the requested resource.",
        f"{BLOCKED}CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 200.",
        f"Origin {PAGE} is not allowed by Access-Control-Allow-Origin. Status code: 200",
    ),
    (
        "allow-origin-missing",
        {"preflight": [], "preflight_status": 403},
        PUT,
        "CORS check, step 2",
        (
            f"{ACCESS}{PREFLIGHT}No 'Access-Control-Allow-Origin' header is present on the"
            " requested resource."
        ),
        f"{BLOCKED}CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 403.",
        "Preflight response is not successful. Status code: 403",
    ),
    (
        "allow-origin-missing",
        {"preflight": [("Location", "/x")], "preflight_status": 301},
        PUT,
        "CORS check, step 2",
        f"{ACCESS}{PREFLIGHT}Redirect is not allowed for a preflight request.",
        f"{BLOCKED}CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 301.",
        "Preflight response is not successful. Status code: 301",
    ),
    (
        "allow-origin-mismatch",
        {"answer": [allow_origin("https://other.example")]},
        {},
        "CORS check, step 4",
        (
            f"{ACCESS}The 'Access-Control-Allow-Origin' header has a value 'https://other.example'"
            f" that is not equal to the supplied origin.{VALID}"
        ),
        (
            f"{BLOCKED}CORS header ‘Access-Control-Allow-Origin’ does not match"
            " ‘https://other.example’)."
        ),
        f"Origin {PAGE} is not allowed by Access-Control-Allow-Origin. Status code: 200",
    ),
    (
        "allow-origin-invalid",
        {"answer": [allow_origin("host")]},
        {},
        "CORS check, step 4",
        (
            f"{ACCESS}The 'Access-Control-Allow-Origin' header contains the invalid value 'host'."
            f"{VALID}"
        ),
        f"{BLOCKED}CORS header ‘Access-Control-Allow-Origin’ does not match ‘host’).",
        f"Origin {PAGE} is not allowed by Access-Control-Allow-Origin. Status code: 200",
    ),
    (
        "allow-origin-repeated",
        {"answer": [allow_origin(), allow_origin()]},
        {},
        "CORS check, step 4",
        (
            f"{ACCESS}The 'Access-Control-Allow-Origin' header contains multiple values"
            f" '{PAGE}, {PAGE}', but only one is allowed.{VALID}"
        ),
        f"{BLOCKED}Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed).",
        "Access-Control-Allow-Origin cannot contain more than one origin.",
    ),
    (
        "allow-origin-list",
        {"answer": [allow_origin(f"{PAGE}, https://b.example")]},
        {},
        "CORS check, step 4",
        (
            f"{ACCESS}The 'Access-Control-Allow-Origin' header contains multiple values"
            f" '{PAGE}, https://b.example', but only one is allowed.{VALID}"
        ),
        (
            f"{BLOCKED}CORS header ‘Access-Control-Allow-Origin’ does not match"
            f" ‘{PAGE}, https://b.example’)."
        ),
        "Access-Control-Allow-Origin cannot contain more than one origin.",
    ),
    (
        "allow-origin-wildcard",
        {"answer": [allow_origin("*")]},
        INCLUDE,
        "CORS check, step 4",
        ACCESS + STAR_TEXT,
        (
            f"{QUOTED}Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’"
            " is ‘*’)."
        ),
        "Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true.",
    ),
    (
        "allow-credentials",
        {},
        INCLUDE,
        "CORS check, step 7",
        (
            f"{ACCESS}The value of the 'Access-Control-Allow-Credentials' header in the response is"
            " '' which must be 'true' when the request's credentials mode is 'include'."
        ),
        f"{BLOCKED}expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’).",
        'Credentials flag is true, but Access-Control-Allow-Credentials is not "true".',
    ),
    (
        "allow-credentials",
        {"preflight": [allow_origin(), CREDENTIALS, CREDENTIALS]},
        PUT | INCLUDE,
        "CORS check, step 7",
        (
            f"{ACCESS}{PREFLIGHT}The value of the 'Access-Control-Allow-Credentials' header in the"
            " response is 'true, true' which must be 'true' when the request's credentials mode is"
            " 'include'."
        ),
        f"{BLOCKED}expected ‘true’ in CORS header ‘Access-Control-Allow-Credentials’).",
        'Credentials flag is true, but Access-Control-Allow-Credentials is not "true".',
    ),
    (
        "preflight-redirect",
        {"preflight": [allow_origin(), ("Location", "/x")], "preflight_status": 301},
        PUT,
        "CORS-preflight fetch, step 7",
        f"{ACCESS}{PREFLIGHT}Redirect is not allowed for a preflight request.",
        f"{BLOCKED}CORS request external redirect not allowed).",
        "Preflight response is not successful. Status code: 301",
    ),
    (
        "preflight-status",
        {"preflight_status": 404},
        PUT,
        "CORS-preflight fetch, step 7",
        f"{ACCESS}{PREFLIGHT}It does not have HTTP ok status.",
        f"{BLOCKED}CORS preflight response did not succeed). Status code: 404.",
        "Preflight response is not successful. Status code: 404",
    ),
    (
        "allow-methods-invalid",
        {"preflight": [allow_origin(), allow_methods("PUT, bad value")]},
        PUT,
        "CORS-preflight fetch, step 7.3",
        (
            f"{ACCESS}Cannot parse Access-Control-Allow-Methods response header field in preflight"
            " response."
        ),
        f"{BLOCKED}invalid token ‘bad value’ in CORS header ‘Access-Control-Allow-Methods’).",
        "Header Access-Control-Allow-Methods has an invalid value: PUT, bad value",
    ),
    (
        "allow-headers-invalid",
        {"preflight": [allow_origin(), allow_methods("PUT"), allow_headers("X-Custom, bad value")]},
        PUT,
        "CORS-preflight fetch, step 7.3",
        (
            f"{ACCESS}Cannot parse Access-Control-Allow-Headers response header field in preflight"
            " response."
        ),
        f"{BLOCKED}invalid token ‘bad value’ in CORS header ‘Access-Control-Allow-Headers’).",
        "Header Access-Control-Allow-Headers has an invalid value: X-Custom, bad value",
    ),
    (
        "method",
        {},
        PUT,
        "CORS-preflight fetch, step 7.5",
        f"{ACCESS}Method PUT is not allowed by Access-Control-Allow-Methods in preflight response.",
        f"{BLOCKED}Did not find method in CORS header ‘Access-Control-Allow-Methods’).",
        "Method PUT is not allowed by Access-Control-Allow-Methods.",
    ),
    (
        "authorization",
        {},
        {"headers": {"Authorization": "x"}},
        "CORS-preflight fetch, step 7.6",
        (
            f"{ACCESS}Request header field authorization is not allowed by"
            " Access-Control-Allow-Headers in preflight response."
        ),
        (
            f"{BLOCKED}header ‘authorization’ is not allowed according to header"
            " ‘Access-Control-Allow-Headers’ from CORS preflight response)."
        ),
        "Request header field Authorization is not allowed by Access-Control-Allow-Headers.",
    ),
    (
        "header",
        {},
        {"headers": {"X-Custom": "1"}},
        "CORS-preflight fetch, step 7.7",
        (
            f"{ACCESS}Request header field x-custom is not allowed by Access-Control-Allow-Headers"
            " in preflight response."
        ),
        (
            f"{BLOCKED}header ‘x-custom’ is not allowed according to header"
            " ‘Access-Control-Allow-Headers’ from CORS preflight response)."
        ),
        "Request header field X-Custom is not allowed by Access-Control-Allow-Headers.",
    ),
    (
        "redirect-user-info",
        {"status": 302, "answer": [allow_origin(), ("Location", "https://u:p@api.example.com/")]},
        {},
        "HTTP-redirect fetch, steps 9 and 10",
        (
            f"{ACCESS}Redirect location '' contains a username and password, which is disallowed"
            " for cross-origin requests."
        ),
        f"{BLOCKED}CORS request did not succeed). Status code: (null).",
        None,
    ),
    (
        "same-origin-mode",
        {},
        {"mode": "same-origin"},
        "Main fetch, step 12",
        (
            f'Fetch API cannot load {API}/case. Request mode is "same-origin" but the URL\'s origin'
            f" is not same as the request origin {PAGE}."
        ),
        None,
        None,
    ),
    (
        "resource-policy",
        {"answer": [("Cross-Origin-Resource-Policy", "same-origin")]},
        {"mode": "no-cors"},
        "HTTP fetch, step 5",
        None,
        (
            f"The resource at “{API}/case” was blocked due to its Cross-Origin-Resource-Policy"
            " header (or lack thereof). See"
            " https://developer.mozilla.org/docs/Web/HTTP/Cross-Origin_Resource_Policy_(CORP)#"
        ),
        (
            f"Cancelled load to {API}/case because it violates the resource's"
            " Cross-Origin-Resource-Policy response header."
        ),
    ),
    (
        "redirect-mode",
        {"status": 302, "answer": [allow_origin(), ("Location", "/")]},
        {"redirect": "error"},
        "HTTP fetch, step 6",
        None,
        None,
        f"Not allowed to follow a redirection while loading {API}/case",
    ),
]


@pytest.mark.parametrize(
    ("code", "servers", "options", "step", "chromium", "firefox", "webkit"),
    CONSOLES,
    ids=[f"{case[0]}-{number}" for number, case in enumerate(CONSOLES)],
)
def test_an_error_has_the_step_and_what_the_consoles_say(
    code: str,
    servers: dict[str, Any],
    options: dict[str, Any],
    step: str,
    chromium: str | None,
    firefox: str | None,
    webkit: str | None,
) -> None:
    error = caught(Servers(**servers).browser(), **options)
    assert (error.code, error.step) == (code, step)
    assert (error.chromium, error.firefox, error.webkit) == (chromium, firefox, webkit)


def test_a_text_after_a_redirect_has_both_addresses() -> None:
    servers = Servers(status=302, answer=[allow_origin(), ("Location", f"{OTHER}/hop")], hop=[])
    error = caught(servers.browser())
    assert error.chromium == (
        f"Access to fetch at '{OTHER}/hop' (redirected from '{API}/case') from origin '{PAGE}' has"
        " been blocked by CORS policy: No 'Access-Control-Allow-Origin' header is present on the"
        " requested resource."
    )


def test_an_error_reads_as_a_sentence_with_the_texts_below() -> None:
    error = caught(Servers().browser(), headers={"X-Custom": "1"})
    assert str(error) == "\n".join(
        [
            (
                f"preflight of GET {API}/case from {PAGE}: Access-Control-Allow-Headers does not"
                " allow x-custom (Fetch, CORS-preflight fetch, step 7.7)"
            ),
            f"Chromium: {error.chromium}",
            f"Firefox: {error.firefox}",
            f"Safari: {error.webkit}",
        ]
    )


@pytest.mark.parametrize(
    ("methods", "more"),
    [
        ([], ""),
        ([allow_methods("GET, PATCH")], ""),
        (
            [allow_methods("GET"), allow_methods("HEAD, OPTIONS")],
            (
                "; GET, HEAD and OPTIONS alone are what a gate of corsgate tells a page that its"
                " write_origins do not trust"
            ),
        ),
    ],
)
def test_an_answer_with_safe_methods_only_may_be_a_gate(
    methods: list[tuple[str, str]], more: str
) -> None:
    error = caught(Servers(preflight=[allow_origin(), *methods]).browser(), method="PUT")
    assert error.what == f"Access-Control-Allow-Methods does not allow PUT{more}"


def test_an_error_without_texts_is_one_line() -> None:
    servers = Servers(status=302, answer=[allow_origin(), ("Location", "mailto:a")])
    error = caught(servers.browser())
    assert str(error) == (
        f"GET {API}/case from {PAGE}: Location is not http(s): mailto:a"
        " (Fetch, HTTP-redirect fetch, step 6)"
    )


ROUND = {"status": 302, "answer": [allow_origin(), ("Location", "/case")]}


# WebKit looks at other things first, and names the headers that it knows in its own way.
@pytest.mark.parametrize(
    ("servers", "options", "text"),
    [
        (
            {"status": 301, "answer": [("Location", "/{0}")]},
            {},
            (
                f"Cross-origin redirection to {API}/%7B0%7D denied by Cross-Origin Resource Sharing"
                f" policy: Origin {PAGE} is not allowed by Access-Control-Allow-Origin. Status"
                " code: 301"
            ),
        ),
        (
            {"status": 301, "answer": []},
            {},
            f"Origin {PAGE} is not allowed by Access-Control-Allow-Origin. Status code: 301",
        ),
        (
            {"answer": [allow_origin(f"{PAGE} https://b.example")]},
            {},
            f"Origin {PAGE} is not allowed by Access-Control-Allow-Origin. Status code: 200",
        ),
        (
            {},
            {"headers": {"content-type": "text/xml"}},
            "Request header field Content-Type is not allowed by Access-Control-Allow-Headers.",
        ),
        (
            {},
            {"headers": {"x-OWN": "1"}},
            "Request header field x-OWN is not allowed by Access-Control-Allow-Headers.",
        ),
        (
            ROUND,
            {"redirect": "error"},
            f"Not allowed to follow a redirection while loading {API}/case",
        ),
        (ROUND, {}, "Load cannot follow more than 20 redirections"),
    ],
    ids=["redirect", "no-location", "space-list", "known-name", "own-name", "error", "limit"],
)
def test_the_words_of_webkit(servers: dict[str, Any], options: dict[str, Any], text: str) -> None:
    assert caught(Servers(**servers).browser(), **options).webkit == text


@pytest.mark.parametrize(
    ("servers", "options", "kind"),
    [
        ({"answer": []}, {}, CORSError),
        ({}, PUT, CORSError),
        ({}, {"mode": "same-origin"}, FetchError),
        ({"status": 302, "answer": [allow_origin(), ("Location", "x:y")]}, {}, FetchError),
    ],
)
def test_what_is_no_matter_of_cors_is_no_cors_error(
    servers: dict[str, Any], options: dict[str, Any], kind: type[FetchError]
) -> None:
    assert type(caught(Servers(**servers).browser(), **options)) is kind


def test_an_error_carries_the_request_and_the_answer_that_are_to_blame() -> None:
    error = caught(Servers(preflight_status=404).browser(), **PUT)
    assert error.request is not None
    assert error.response is not None
    assert (error.request.method, error.response.status) == ("OPTIONS", 404)
    assert error.response.header("access-control-allow-origin") == PAGE


def test_an_error_before_any_request_has_none() -> None:
    error = caught(Servers().browser(), mode="same-origin")
    assert (error.request, error.response) == (None, None)


def test_explain_is_asked_about_the_request_and_its_text_is_in_the_error() -> None:
    asked: list[tuple[str, str, bool]] = []

    def explain(policy: str, environ: WSGIEnvironment, *, credentials: bool = False) -> list[str]:
        asked.append((policy, environ["HTTP_ACCESS_CONTROL_REQUEST_METHOD"], credentials))
        return ["say so"]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("204 No Content", [])
        return []

    browser = Browser(app, origin=PAGE, explain=partial(explain, "policy"))
    error = caught(browser, **PUT, **INCLUDE)
    assert asked == [("policy", "PUT", True)]
    assert error.explanation == "['say so']"
    assert str(error).endswith("\n['say so']")


def test_explain_is_not_asked_about_what_is_no_matter_of_cors() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise AssertionError

    browser = Browser(app, origin=PAGE, explain=lambda *_, **__: 1 / 0)
    assert caught(browser, mode="same-origin").explanation == ""


# ------------------------------------------------------------------ what is sent


def sent(
    url: str = "/case",
    *,
    origin: str = PAGE,
    engine: str | None = None,
    servers: Servers | None = None,
    **options: Any,
) -> list[HTTPRequest]:
    browser = (servers or Servers(preflight=[allow_origin(), *EVERYTHING])).browser(origin, engine)
    browser.fetch(url, **options)
    return [request for request, _ in browser.exchanges]


EVERYTHING = [allow_methods("*"), allow_headers("*, authorization")]


def test_the_headers_of_a_preflight() -> None:
    """Fetch, "CORS-preflight fetch", steps 1 to 6: no credentials, names sorted, by bare commas."""
    headers = {
        "X-Zeta": "1",
        "Content-Type": "application/json",
        "Authorization": "Bearer t",
        "x-alpha": "1",
        "Accept": "a/b",
        "X-Beta": "1",
    }
    [preflight, actual] = sent(method="POST", body=b"{}", headers=headers)
    assert preflight == HTTPRequest(
        "OPTIONS",
        f"{API}/case",
        [
            ("Accept", "*/*"),
            ("Access-Control-Request-Method", "POST"),
            (
                "Access-Control-Request-Headers",
                "authorization,content-type,x-alpha,x-beta,x-zeta",
            ),
            ("Referer", f"{PAGE}/"),
            ("Origin", PAGE),
            ("Sec-Fetch-Dest", "empty"),
            ("Sec-Fetch-Mode", "cors"),
            ("Sec-Fetch-Site", "same-site"),
        ],
    )
    assert actual.headers == [
        *headers.items(),
        ("Content-Length", "2"),
        ("Referer", f"{PAGE}/"),
        ("Origin", PAGE),
        ("Sec-Fetch-Dest", "empty"),
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Site", "same-site"),
    ]


def test_a_preflight_for_a_method_alone_names_no_headers() -> None:
    preflight = sent(method="DELETE")[0]
    assert preflight.header("access-control-request-headers") is None


def test_a_name_that_is_sent_twice_is_asked_for_once() -> None:
    preflight = sent(headers=[("X-A", "1"), ("x-a", "2")])[0]
    assert preflight.header("Access-Control-Request-Headers") == "x-a"


def test_no_store_is_said_to_servers_and_not_asked_for() -> None:
    """Fetch, "HTTP-network-or-cache fetch", step 8: behind the preflight."""
    [request] = sent(cache="no-store")
    assert (request.header("Pragma"), request.header("Cache-Control")) == ("no-cache", "no-cache")


@pytest.mark.parametrize(
    ("method", "origin"),
    [
        ("GET", None),
        ("HEAD", None),
        ("POST", PAGE),
        ("PUT", PAGE),
        ("DELETE", PAGE),
        ("OPTIONS", PAGE),
    ],
)
def test_the_origin_of_requests_to_the_pages_own_origin(method: str, origin: str | None) -> None:
    """Fetch, "append a request `Origin` header", step 4."""
    [request] = sent(f"{PAGE}/case", method=method)
    assert request.header("Origin") == origin


DOWNGRADE = "http://localhost"
NO_CORS_POST = {"mode": "no-cors", "method": "POST", "body": "x"}


@pytest.mark.parametrize(
    ("options", "policy", "origin", "engine"),
    [
        pytest.param({}, "no-referrer", PAGE, None, id="cors GET"),
        pytest.param({"mode": "no-cors"}, "no-referrer", None, None, id="no-cors GET"),
        pytest.param(NO_CORS_POST, "no-referrer", "null", None, id="no-cors POST"),
        pytest.param(NO_CORS_POST, "no-referrer", "null", "firefox", id="no-cors POST, Firefox"),
        pytest.param(NO_CORS_POST, "no-referrer", "null", "webkit", id="no-cors POST, WebKit"),
        pytest.param(NO_CORS_POST, "no-referrer", PAGE, "chromium", id="no-cors POST, Chromium"),
        pytest.param(NO_CORS_POST, "same-origin", "null", None, id="same-origin, elsewhere"),
        pytest.param(NO_CORS_POST, "origin", PAGE, None, id="origin"),
        pytest.param(NO_CORS_POST, "strict-origin", PAGE, None, id="strict-origin"),
    ],
)
def test_the_referrer_policy_hides_an_origin_that_cors_does_not_need(
    options: dict[str, Any], policy: str, origin: str | None, engine: str | None
) -> None:
    """Fetch, "append a request `Origin` header", step 4.1."""
    [request] = sent(engine=engine, referrer_policy=policy, **options)
    assert request.header("Origin") == origin


def test_same_origin_posts_keep_their_origin_under_no_referrer() -> None:
    [request] = sent(f"{PAGE}/case", method="POST", referrer_policy="no-referrer")
    assert request.header("Origin") == PAGE


def plain(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answers what it was asked, for everybody."""
    origin = environ.get("HTTP_ORIGIN", "-")
    headers = [("Content-Type", "text/plain"), ("Access-Control-Allow-Origin", origin)]
    start_response("200 OK", headers)
    wanted = ("HTTP_ORIGIN", "HTTP_REFERER", "HTTP_SEC_FETCH_SITE", "HTTP_SEC_FETCH_MODE")
    return [" ".join(environ.get(name, "-") for name in wanted).encode()]


@pytest.mark.parametrize(
    ("origin", "url", "policy", "referrer"),
    [
        (PAGE, API, "strict-origin-when-cross-origin", f"{PAGE}/"),
        (PAGE, API, "no-referrer", "-"),
        (PAGE, API, "same-origin", "-"),
        (PAGE, PAGE, "same-origin", f"{PAGE}/"),
        (PAGE, API, "unsafe-url", f"{PAGE}/"),
        (PAGE, "http://localhost", "strict-origin", f"{PAGE}/"),
        ("null", API, "unsafe-url", "-"),
    ],
)
def test_the_referrer_is_what_the_policy_says(
    origin: str, url: str, policy: str, referrer: str
) -> None:
    """Referrer Policy, "determine request's referrer"."""
    browser = Browser({url: plain}, origin=origin)
    assert browser.fetch("/", referrer_policy=policy).text.split()[1] == referrer


@pytest.mark.parametrize(
    ("origin", "url", "site"),
    [
        (PAGE, PAGE, "same-origin"),
        (PAGE, "https://app.example.com:8443", "same-site"),
        (PAGE, API, "same-site"),
        (PAGE, OTHER, "cross-site"),
        ("http://app.example.com", API, "cross-site"),
        ("https://a.github.io", "https://b.github.io", "cross-site"),
        ("https://1.2.3.4", "https://5.2.3.4", "cross-site"),
        ("https://[::1]:5000", "https://[::1]", "same-site"),
        ("http://localhost:3000", "http://localhost:8000", "same-site"),
        ("http://localhost:3000", "http://127.0.0.1:8000", "cross-site"),
        ("null", API, "cross-site"),
        ("tauri://localhost", API, "cross-site"),
        ("http://app.example.com", "http://api.example.com", "-"),
    ],
)
def test_the_site_is_said_to_trustworthy_hosts(origin: str, url: str, site: str) -> None:
    """Fetch Metadata, "set the Sec-Fetch-Site header"; none goes to http beyond the machine."""
    mode = "-" if site == "-" else "cors"
    text = Browser({url: plain}, origin=origin).fetch("/").text
    assert text.split()[2:] == [site, mode]


@pytest.mark.parametrize(
    ("engine", "site"), [(None, "cross-site"), ("chromium", "cross-site"), ("webkit", "-")]
)
def test_the_site_after_a_redirect_is_that_of_the_farthest_hop(
    engine: str | None, site: str
) -> None:
    def away(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        origin = environ["HTTP_ORIGIN"]
        headers = [("Access-Control-Allow-Origin", origin), ("Location", f"{API}/")]
        start_response("302 Found", headers)
        return []

    browser = Browser({OTHER: away, API: plain}, origin=PAGE, engine=engine)
    response = browser.fetch("/")
    assert response.text.split()[:3] == ["null", f"{PAGE}/", site]
    assert (response.url, response.redirected) == (f"{API}/", True)


def test_a_redirect_inside_of_another_origin_does_not_taint_the_origin() -> None:
    """Fetch, "redirect-taint"."""
    servers = Servers(status=302, answer=[allow_origin(), ("Location", "/hop")])
    assert [request.header("Origin") for request in sent(servers=servers)] == [PAGE, PAGE]


def test_a_redirect_inside_of_one_site_taints_the_origin() -> None:
    servers = Servers(status=302, answer=[allow_origin(), ("Location", f"{PAGE}/hop")])
    assert [request.header("Origin") for request in sent(servers=servers)] == [PAGE, "null"]


@pytest.mark.parametrize(("engine", "origin"), [(None, "null"), ("firefox", PAGE)])
def test_the_origin_of_a_preflight_after_a_redirect(engine: str | None, origin: str) -> None:
    servers = Servers(
        status=307,
        preflight=[allow_origin(), allow_methods("PUT")],
        answer=[allow_origin(), ("Location", f"{OTHER}/hop")],
    )
    requests = sent(servers=servers, engine=engine, **PUT)
    assert [request.header("Origin") for request in requests] == [PAGE, PAGE, origin, "null"]


@pytest.mark.parametrize(
    ("engine", "names"), [("firefox", None), ("webkit", "authorization")], ids=str
)
def test_the_names_in_a_preflight_that_a_redirect_has_made_needless(
    engine: str, names: str | None
) -> None:
    servers = Servers(
        status=302,
        preflight=[allow_origin(), allow_headers("authorization")],
        answer=[allow_origin(), ("Location", f"{OTHER}/hop")],
    )
    requests = sent(servers=servers, engine=engine, headers={"Authorization": "x"})
    assert [request.method for request in requests] == ["OPTIONS", "GET", "OPTIONS", "GET"]
    assert requests[2].header("Access-Control-Request-Headers") == names
    assert requests[3].header("Authorization") is None


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", b""),
        (302, "POST", "GET", b""),
        (303, "POST", "GET", b""),
        (303, "PUT", "GET", b""),
        (301, "PUT", "PUT", b"x"),
        (307, "POST", "POST", b"x"),
        (308, "POST", "POST", b"x"),
    ],
)
def test_a_redirect_may_change_the_method(status: int, method: str, then: str, body: bytes) -> None:
    """Fetch, "HTTP-redirect fetch", step 12."""
    servers = Servers(
        status=status,
        preflight=[allow_origin(), allow_methods("PUT")],
        answer=[allow_origin(), ("Location", "/hop")],
    )
    last = sent(servers=servers, method=method, body="x")[-1]
    assert (last.method, last.body) == (then, body)
    assert (last.header("Content-Type") is None) is (body == b"")


def test_head_stays_head_after_303_and_has_no_body() -> None:
    servers = Servers(status=303, answer=[allow_origin(), ("Location", "/hop")])
    browser = servers.browser()
    assert browser.fetch("/case", method="HEAD").body == b""
    assert servers.seen == ["HEAD", "HEAD"]


def test_authorization_stays_within_one_origin() -> None:
    """Fetch, "HTTP-redirect fetch", step 13."""
    servers = Servers(
        status=302,
        preflight=[allow_origin(), allow_headers("authorization")],
        answer=[allow_origin(), ("Location", "/hop")],
    )
    requests = sent(servers=servers, headers={"Authorization": "x"})
    assert [request.header("Authorization") for request in requests] == [None, "x", None, "x"]


def test_no_cors_drops_the_headers_that_would_need_a_preflight() -> None:
    """Fetch, "request-no-cors" guard."""
    headers = {"X-Custom": "1", "Accept": "text/html"}
    [request] = sent(headers=headers, method="POST", json={"a": 1}, mode="no-cors")
    assert request.header("X-Custom") is None
    assert request.header("Content-Type") is None
    assert request.header("Accept") == "text/html"
    assert request.body == b'{"a": 1}'


@pytest.mark.parametrize(
    ("options", "content_type", "body"),
    [
        ({"body": b"\xff"}, None, b"\xff"),
        ({"body": "ä"}, "text/plain;charset=UTF-8", b"\xc3\xa4"),
        ({"json": {"a": [1]}}, "application/json", b'{"a": [1]}'),
        ({"json": 1, "headers": {"content-type": "text/plain"}}, "text/plain", b"1"),
        ({"form": {"a": "b c"}}, "application/x-www-form-urlencoded;charset=UTF-8", b"a=b+c"),
        ({}, None, b""),
    ],
)
def test_what_the_body_is(options: dict[str, Any], content_type: str | None, body: bytes) -> None:
    """Fetch, "extract a body with type"."""
    request = sent(method="POST", **options)[-1]
    assert (request.header("Content-Type"), request.body) == (content_type, body)
    assert request.header("Content-Length") == str(len(body))


# ------------------------------------------------------------------ what a page gets


def test_a_response_has_what_fetch_gives() -> None:
    servers = Servers(
        answer=[allow_origin(), ("Content-Type", "application/json")], body=b'{"a":1}'
    )
    response = servers.browser().fetch("/case?q=ä b")
    assert (response.type, response.status, response.reason) == ("cors", 200, "Said")
    assert response.ok
    assert response.url == f"{API}/case?q=%C3%A4%20b"
    assert not response.redirected
    assert response.headers["CONTENT-type"] == "application/json"
    assert dict(response.headers) == {"content-type": "application/json"}
    assert repr(response.headers) == "{'content-type': 'application/json'}"
    assert len(response.headers) == 1
    assert response.headers.get("Vary") is None
    assert response.json() == {"a": 1}
    assert (response.body, response.text) == (b'{"a":1}', '{"a":1}')
    assert repr(response) == f"<Response cors 200 {API}/case?q=%C3%A4%20b>"


def test_an_opaque_response_shows_nothing() -> None:
    """Fetch, "opaque filtered response"."""
    response = Servers().browser().fetch("/case", mode="no-cors")
    assert (response.type, response.status, response.url) == ("opaque", 0, "")
    assert (dict(response.headers), response.body, response.ok) == ({}, b"", False)


def test_a_response_that_can_have_no_body_has_none() -> None:
    assert Servers(status=204).browser().fetch("/case").body == b""


def test_a_body_that_is_no_json_says_so() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        Servers().browser().fetch("/case").json()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("options", [{}, {"mode": "same-origin"}])
def test_an_error_can_be_copied_and_pickled(options: dict[str, Any], protocol: int) -> None:
    error = caught(Servers(answer=[]).browser(), **options)
    error.add_note("in the shop")
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error, protocol))):
        assert type(other) is type(error)
        assert (str(other), other.args, vars(other)) == (str(error), error.args, vars(error))


def test_errors_have_the_name_that_they_are_imported_by() -> None:
    names = [f"{kind.__module__}.{kind.__qualname__}" for kind in (CORSError, FetchError)]
    assert names == ["corsgate.browser.CORSError", "corsgate.browser.FetchError"]


# ------------------------------------------------------------------ forms, pages, caches


def test_a_form_is_sent_with_cookies_and_without_cors() -> None:
    """HTML, form submission: what CORS does not stop."""
    servers = Servers(answer=[("Set-Cookie", "s=1; SameSite=None; Secure"), ("X-Any", "1")])
    browser = servers.browser()
    browser.fetch(f"{API}/case", mode="no-cors", credentials="include")
    response = browser.page(OTHER).submit(f"{API}/case", {"amount": "1 000"})
    request = browser.exchanges[-1][0]
    assert request == HTTPRequest(
        "POST",
        f"{API}/case",
        [
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            ("Content-Length", "12"),
            ("Referer", f"{OTHER}/"),
            ("Origin", OTHER),
            ("Sec-Fetch-Dest", "document"),
            ("Sec-Fetch-Mode", "navigate"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Cookie", "s=1"),
        ],
        b"amount=1+000",
    )
    assert (response.type, response.status, response.headers["x-any"]) == ("basic", 200, "1")
    assert servers.seen == ["GET", "POST"]


def test_pages_of_one_site_share_the_cache_and_so_show_a_missing_vary() -> None:
    """Fetch, "determine the HTTP cache partition": by site, not by origin."""
    servers = Servers(answer=[allow_origin(), ("Cache-Control", "max-age=60")])
    browser = servers.browser()
    browser.fetch("/case")
    error = caught(browser.page("https://admin.example.com"))
    assert error.code == "allow-origin-mismatch"
    assert browser.page("https://app.example.net").fetch("/case").status == 200
    assert servers.seen == ["GET", "GET"]


def test_the_same_answer_with_vary_is_asked_for_again() -> None:
    servers = Servers(answer=[allow_origin(), ("Vary", "Origin"), ("Cache-Control", "max-age=60")])
    browser = servers.browser()
    browser.fetch("/case")
    assert browser.page("https://admin.example.com").fetch("/case").status == 200
    assert servers.seen == ["GET", "GET"]


def test_a_form_of_the_type_text_can_look_like_json() -> None:
    servers = Servers()
    browser = servers.browser()
    browser.submit("/case", {'{"a': '":1}'}, enctype="text/plain")
    request = browser.exchanges[-1][0]
    assert (request.body, request.header("Content-Type")) == (b'{"a=":1}\r\n', "text/plain")


@pytest.mark.parametrize(
    ("enctype", "body"),
    [
        ("application/x-www-form-urlencoded", b"a%0D%0Ab=1%0D%0A2%0D%0A%0D%0A3%0D%0A"),
        ("text/plain", b"a\r\nb=1\r\n2\r\n\r\n3\r\n\r\n"),
    ],
)
def test_a_form_sends_every_new_line_as_crlf(enctype: str, body: bytes) -> None:
    """HTML, "convert to a list of name-value pairs"."""
    browser = Servers().browser()
    browser.submit("/case", {"a\nb": "1\r2\n\r\n3\r\n"}, enctype=enctype)
    assert browser.exchanges[-1][0].body == body


def test_a_form_that_gets_puts_its_fields_in_the_address() -> None:
    servers = Servers()
    browser = servers.browser()
    response = browser.submit("/case?old", {"q": "a b"}, method="get")
    assert response.url == f"{API}/case?q=a+b"
    assert browser.exchanges[-1][0].header("Origin") is None


@pytest.mark.parametrize("policy", ["no-referrer", "same-origin"])
@pytest.mark.parametrize("engine", [None, "chromium"])
def test_a_form_under_a_referrer_policy_has_the_origin_null(
    policy: str, engine: str | None
) -> None:
    browser = Servers().browser(engine=engine)
    browser.submit("/case", {}, referrer_policy=policy)
    assert browser.exchanges[-1][0].header("Origin") == "null"


def test_a_form_from_https_to_http_has_the_origin_null() -> None:
    browser = Browser(plain, origin=PAGE, base_url="http://api.example.com")
    assert browser.submit("/", {}).text == "null - - -"


def test_a_form_follows_redirects_and_taints_its_origin() -> None:
    servers = Servers(status=307, answer=[("Location", f"{OTHER}/hop")])
    browser = servers.browser()
    assert browser.submit("/case", {"a": "1"}).status == 200
    origins = [request.header("Origin") for request, _ in browser.exchanges]
    assert (servers.seen, origins) == (["POST", "C:POST"], [PAGE, "null"])


def test_pages_of_one_browser_share_what_it_knows() -> None:
    browser = Servers().browser()
    other = browser.page("null")
    assert (browser.origin, other.origin) == (PAGE, "null")
    other.fetch("/case")
    assert [request.header("Origin") for request, _ in browser.exchanges] == ["null"]


def test_an_answer_is_reused_while_it_is_fresh() -> None:
    """RFC 9111, section 4.2."""
    servers = Servers(answer=[allow_origin("*"), ("Cache-Control", "private, max-age=60")])
    browser = servers.browser()
    for seconds in (0, 59, 2):
        servers.clock.now += seconds
        assert browser.fetch("/case").text == "hello"
    assert servers.seen == ["GET", "GET"]


@pytest.mark.parametrize(
    ("control", "options"),
    [
        ("max-age=60, no-store", {}),
        ("no-cache, max-age=60", {}),
        ("s-maxage=60", {}),
        ("max-age=60", {"cache": "no-store"}),
    ],
)
def test_what_must_not_be_reused_is_not(control: str, options: dict[str, Any]) -> None:
    servers = Servers(answer=[allow_origin("*"), ("Cache-Control", control)])
    browser = servers.browser()
    browser.fetch("/case", **options)
    browser.fetch("/case", **options)
    assert servers.seen == ["GET", "GET"]


@pytest.mark.parametrize(
    ("vary", "again"), [("X-A", True), ("Accept , x-a", True), ("X-B", False), ("*", True)]
)
def test_vary_says_which_headers_of_the_request_count(vary: str, again: bool) -> None:
    servers = Servers(
        preflight=[allow_origin("*"), allow_headers("X-A")],
        answer=[allow_origin("*"), ("Cache-Control", "max-age=60"), ("Vary", vary)],
    )
    browser = servers.browser()
    browser.fetch("/case", headers={"X-A": "1"})
    browser.fetch("/case", headers={"X-A": "2"})
    assert servers.seen.count("GET") == 1 + again


def test_an_unsafe_method_makes_the_cache_forget() -> None:
    """RFC 9111, section 4.4."""
    servers = Servers(answer=[allow_origin("*"), ("Cache-Control", "max-age=60")])
    browser = servers.browser()
    browser.fetch("/other")
    for method in ("GET", "POST", "GET"):
        browser.fetch("/case", method=method)
    browser.fetch("/other")
    assert servers.seen == ["GET", "GET", "POST", "GET"]


# ------------------------------------------------------------------ mixed content


@pytest.mark.parametrize(
    ("origin", "url", "engine", "code"),
    [
        (PAGE, "http://api.example.com", None, "mixed-content"),
        (PAGE, "http://127.0.0.1:8000", None, None),
        (PAGE, "http://[::1]:8000", "firefox", None),
        (PAGE, "http://api.localhost", "chromium", None),
        (PAGE, "http://127.0.0.1:8000", "webkit", "mixed-content"),
        ("http://app.example.com", "http://api.example.com", None, None),
    ],
)
def test_a_page_on_https_calls_no_http(
    origin: str, url: str, engine: str | None, code: str | None
) -> None:
    """Mixed Content, "should fetching request be blocked as mixed content?"."""
    browser = Browser(plain, origin=origin, base_url=url, engine=engine)
    found = caught(browser, "/").code if code else browser.fetch("/").ok
    assert found == (code or True)


# ------------------------------------------------------------------ arguments


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"mode": "CORS"}, "mode is 'CORS'; write one of cors, no-cors, same-origin"),
        (
            {"credentials": "yes"},
            "credentials is 'yes'; write one of omit, same-origin, include",
        ),
        ({"redirect": "no"}, "redirect is 'no'; write one of follow, error, manual"),
        ({"cache": "reload"}, "cache is 'reload'; write one of default, no-store"),
        ({"method": "TRACE"}, "method is 'TRACE', which fetch() does not take"),
        ({"method": "connect"}, "method is 'connect', which fetch() does not take"),
        ({"method": "P T"}, "method is 'P T', which fetch() does not take"),
        (
            {"method": "PUT", "mode": "no-cors"},
            "method is 'PUT', and no-cors has GET, HEAD and POST only",
        ),
        ({"body": "x"}, "a GET request has no body: say method='POST' or the like"),
        (
            {"method": "POST", "body": "x", "json": 1},
            "body, json and form: only one of them can be sent",
        ),
        (
            {"headers": {"Cookie": "a=b"}},
            "a page cannot set the header 'Cookie': browsers drop it silently",
        ),
        (
            {"headers": {"X-HTTP-Method-Override": "PUT, trace"}},
            "a page cannot set the header 'X-HTTP-Method-Override': browsers drop it silently",
        ),
        (
            {"headers": {"X A": "1"}},
            "a page cannot send the header 'X A' with the value '1'",
        ),
        (
            {"headers": {"X-A": "1\n2"}},
            "a page cannot send the header 'X-A' with the value '1\\n2'",
        ),
        (
            {"headers": {"X-A": "\u20ac"}},
            "a page cannot send the header 'X-A' with the value '\u20ac'",
        ),
        ({"url": "//["}, "url is '//[', which fetch() does not take here"),
        ({"url": "data:,x"}, "url is 'data:,x', which fetch() does not take here"),
        (
            {"url": "https://u:p@api.example.com/"},
            "url is 'https://u:p@api.example.com/', which fetch() does not take here",
        ),
    ],
)
def test_what_a_browser_would_not_take_is_an_error(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=r".") as info:
        Servers().browser().fetch(**{"url": "/case", **options})
    assert str(info.value) == text


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/caf\xe9", "/caf%C3%A9"),
        ("/\u2603?\xfc=\u2603", "/%E2%98%83?%C3%BC=%E2%98%83"),
        ("/\udcff", "/%EF%BF%BD"),
        ("/caf%E9", "/caf%E9"),
        ("/me#a?b", "/me"),
        ("/me?a#b?c", "/me?a"),
        (" /me\t\n", "/me"),
        ("\0/m\r\ne\x1f ", "/me"),
        (f"{API}/../me", "/me"),
        ("/%2e%2E/a/./.%2e/b", "/b"),
        ("/a//../b", "/a/b"),
        ("/a/b/..", "/a/"),
        ("/a/%2E", "/a/"),
        ("..", "/"),
        ("https:/me", "/me"),
        ("https:me", "/me"),
        ("https:///api.example.com//me", "//me"),
        ("///api.example.com/me", "/me"),
    ],
)
def test_an_address_is_sent_as_browsers_write_it(url: str, path: str) -> None:
    """URL, "URL parser"; what a page passes is text, and so UTF-8."""
    browser = Servers().browser()
    assert browser.fetch(url).url == f"{API}{path}" == browser.exchanges[0][0].url


def test_a_method_may_be_overridden_by_one_that_is_no_forbidden_one() -> None:
    preflight = sent(headers={"X-HTTP-Method-Override": "PUT"})[0]
    assert preflight.header("Access-Control-Request-Headers") == "x-http-method-override"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"method": "PUT"}, "method is 'PUT', and a form has GET and POST only"),
        (
            {"enctype": "application/json"},
            (
                "enctype is 'application/json'; write one of application/x-www-form-urlencoded,"
                " text/plain"
            ),
        ),
    ],
)
def test_what_a_form_cannot_do_is_an_error(options: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=r".") as info:
        Servers().browser().submit("/case", {}, **options)
    assert str(info.value) == text


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"origin": "https://app.example.com/"},
            (
                "origin is 'https://app.example.com/', which is not how browsers write one: write"
                " 'https://app.example.com'"
            ),
        ),
        (
            {"origin": "https://App.example.com:443"},
            (
                "origin is 'https://App.example.com:443', which is not how browsers write one:"
                " write 'https://app.example.com'"
            ),
        ),
        (
            {"origin": "app.example.com"},
            (
                "origin is 'app.example.com', which is not how browsers write one: write"
                " 'https://app.example.com'"
            ),
        ),
        (
            {"origin": "localhost:3000/"},
            (
                "origin is 'localhost:3000/', which is not how browsers write one: write"
                " 'http://localhost:3000'"
            ),
        ),
        ({"origin": "*"}, "origin is '*', which is not how browsers write one"),
        (
            {"base_url": ""},
            "'' is not the origin of an application: write 'https://api.example.com'",
        ),
        ({"engine": "opera"}, "engine is 'opera'; write one of chromium, firefox, webkit"),
        (
            {"base_url": "https://api.example.com/v1"},
            (
                "'https://api.example.com/v1' is not the origin of an application: write"
                " 'https://api.example.com'"
            ),
        ),
        (
            {"base_url": "api.example.com"},
            (
                "'api.example.com' is not the origin of an application: write"
                " 'https://api.example.com'"
            ),
        ),
    ],
)
def test_a_wrong_set_up_is_an_error(options: dict[str, str], text: str) -> None:
    with pytest.raises(ValueError, match=r".") as info:
        Browser(plain, **{"origin": PAGE, **options})  # type: ignore[arg-type]
    assert str(info.value) == text


async def _asgi(scope: object, receive: object, send: object) -> None:
    raise AssertionError


class _ASGI:
    async def __call__(self, scope: object, receive: object, send: object) -> None:
        raise AssertionError

    def __repr__(self) -> str:
        return "<ASGI>"


_GIVE = "give the WSGI application itself: a Flask app, or get_wsgi_application() for Django"
_NO_ASGI = (
    "ASGI applications are not supported: give a WSGI application, for Django"
    " get_wsgi_application()"
)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"app": "shop:app"}, f"app is 'shop:app'; {_GIVE}"),
        ({"app": None}, f"app is None; {_GIVE}"),
        ({"app": {API: None}}, f"app['{API}'] is None; {_GIVE}"),
        ({"app": _asgi}, f"app is {_asgi!r}; {_NO_ASGI}"),
        ({"app": _ASGI()}, f"app is <ASGI>; {_NO_ASGI}"),
        (
            {"app": {3: plain}},
            (
                "the origin of an application is 3, which is no str: write"
                " 'https://api.example.com' or the like"
            ),
        ),
        (
            {"origin": b"https://a.example"},
            (
                "origin is b'https://a.example', which is no str: write"
                " 'https://app.example.com' or the like"
            ),
        ),
        (
            {"origin": None},
            "origin is None, which is no str: write 'https://app.example.com' or the like",
        ),
        (
            {"base_url": 3},
            "base_url is 3, which is no str: write 'https://api.example.com' or the like",
        ),
        (
            {"explain": 3},
            (
                "explain is 3, which cannot be called: give"
                " functools.partial(corsgate.explain, policy)"
            ),
        ),
        (
            {"clock": 3},
            "clock is 3, which cannot be called: give what gives seconds, as time.time does",
        ),
    ],
)
def test_what_has_the_wrong_type_is_refused_at_once(options: dict[str, Any], text: str) -> None:
    with pytest.raises(TypeError) as info:
        Browser(**{"app": plain, "origin": PAGE, **options})
    assert str(info.value) == text


_HEADERS = "give a mapping of names to values, or pairs of them"
_FIELDS = "give a mapping of names to values, all of them str"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"url": b"/me"}, "url is b'/me', which is no str: write '/path' or the like"),
        ({"url": None}, "url is None, which is no str: write '/path' or the like"),
        ({"method": b"PUT"}, "method is b'PUT', which is no str: write 'POST' or the like"),
        ({"headers": None}, f"headers is None; {_HEADERS}"),
        ({"headers": "X-A: 1"}, f"headers is 'X-A: 1'; {_HEADERS}"),
        ({"headers": {"X-A": 1}}, "headers has 'X-A' with the value 1; both have to be str"),
        ({"headers": [(b"X", "1")]}, "headers has b'X' with the value '1'; both have to be str"),
        (
            {"method": "POST", "body": {}},
            "body is {}; give bytes or a str, or say json= or form=",
        ),
        ({"body": 3}, "body is 3; give bytes or a str, or say json= or form="),
        ({"form": []}, f"form is []; {_FIELDS}"),
        ({"form": {"a": 1}}, f"form is {{'a': 1}}; {_FIELDS}"),
    ],
)
def test_what_a_fetch_is_given_has_the_right_types(options: dict[str, Any], text: str) -> None:
    servers = Servers()
    with pytest.raises(TypeError) as info:
        servers.browser().fetch(**{"url": "/case", **options})
    assert (str(info.value), servers.seen) == (text, [])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"url": None}, "url is None, which is no str: write '/path' or the like"),
        ({"fields": "a=1"}, f"fields is 'a=1'; {_FIELDS}"),
        ({"method": 3}, "method is 3, which is no str: write 'POST' or the like"),
    ],
)
def test_what_a_form_is_given_has_the_right_types(options: dict[str, Any], text: str) -> None:
    with pytest.raises(TypeError) as info:
        Servers().browser().submit(**{"url": "/case", "fields": {}, **options})
    assert str(info.value) == text


def test_none_is_a_value_that_json_has() -> None:
    browser = Servers().browser(origin=API)
    browser.fetch("/case", method="POST", json=None)
    [(request, _)] = browser.exchanges
    assert (request.body, request.header("Content-Type")) == (b"null", "application/json")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (None, "gave None; a WSGI application gives an iterable of bytes"),
        ([], "never called start_response; is it a WSGI application?"),
    ],
)
def test_what_does_not_answer_is_no_application(given: Any, text: str) -> None:
    def app(*_: object) -> Any:
        return given

    with pytest.raises(TypeError) as info:
        Browser(app, origin=PAGE).fetch("/")
    assert str(info.value) == f"{app!r} {text}"


def test_a_mapping_needs_an_application_for_its_base_url() -> None:
    with pytest.raises(ValueError, match="which is none of"):
        Browser({API: plain}, origin=PAGE, base_url=OTHER)
    with pytest.raises(ValueError, match="base_url is None"):
        Browser({}, origin=PAGE)


def test_the_page_of_a_form_is_checked_like_the_first() -> None:
    with pytest.raises(ValueError, match=r"write 'https://a\.example'"):
        Servers().browser().page("https://a.example/")


def test_an_address_that_no_application_serves_is_an_error_of_its_own() -> None:
    with pytest.raises(LookupError) as info:
        Browser(plain, origin=PAGE).fetch("https://login.example.com/x")
    assert str(info.value) == (
        "no application for https://login.example.com/x; there are some for https://testserver."
        " Give Browser a mapping of origins to applications."
    )


# ------------------------------------------------------------------ WSGI


def test_the_environ_is_that_of_a_server() -> None:
    environs: list[WSGIEnvironment] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environs.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]

    browser = Browser(validator(app), origin="http://[::1]:8000", base_url="http://[::1]:8000")
    response = browser.fetch(
        "/a%20b/ä;c?x=1%20", method="POST", body="x", headers=[("X-A", "1"), ("x-a", "2")]
    )
    assert response.text == "x"
    [environ] = environs
    assert {key: environ[key] for key in environ if key.isupper()} == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a b/\xc3\xa4;c",
        "QUERY_STRING": "x=1%20",
        "SERVER_NAME": "::1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "[::1]:8000",
        "HTTP_X_A": "1,2",
        "CONTENT_TYPE": "text/plain;charset=UTF-8",
        "HTTP_ACCEPT": "*/*",
        "CONTENT_LENGTH": "1",
        "HTTP_REFERER": "http://[::1]:8000/",
        "HTTP_ORIGIN": "http://[::1]:8000",
        "HTTP_SEC_FETCH_DEST": "empty",
        "HTTP_SEC_FETCH_MODE": "cors",
        "HTTP_SEC_FETCH_SITE": "same-origin",
    }
    assert environ["wsgi.url_scheme"] == "http"


def test_the_host_is_testserver_unless_said_otherwise() -> None:
    hosts: list[str] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        hosts.append(
            f"{environ['wsgi.url_scheme']} {environ['HTTP_HOST']} {environ['SERVER_PORT']}"
        )
        start_response("200 OK", [])
        return []

    Browser(app, origin=PAGE).fetch("/", mode="no-cors")
    Browser({API: app}, origin=PAGE).fetch("/", mode="no-cors")
    assert hosts == ["https testserver 443", "https api.example.com 443"]


class Closing(io.BytesIO):
    """A body that can be closed, as the `close` of PEP 3333."""


def test_a_body_is_closed_and_may_be_written() -> None:
    body = Closing(b"b\n")

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        write(b"a")
        return body

    assert Browser(app, origin="https://testserver").fetch("/").body == b"ab\n"
    assert body.closed


def test_an_application_may_start_again_after_an_error() -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        try:
            raise ValueError
        except ValueError:
            start_response("500 Oh", [], sys.exc_info())
        return [b"x"]

    assert Browser(app, origin="https://testserver").fetch("/").status == 500


def _late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])(b"a")
    try:
        raise LookupError("late")
    except LookupError:
        start_response("500 Oh", [], sys.exc_info())
    return []


def _raises(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise LookupError("late")


@pytest.mark.parametrize("app", [_late, _raises])
def test_what_an_application_raises_goes_through(app: WSGIApplication) -> None:
    with pytest.raises(LookupError, match="late"):
        Browser(app, origin=PAGE).fetch("/")


# ------------------------------------------------------------------ hostile servers

HOSTILE: list[tuple[str, Callable[[], dict[str, Any]], str]] = [
    ("latin-1 in the origin", lambda: {"answer": [allow_origin("https://\xe4.example")]}, "GET"),
    ("braces in the origin", lambda: {"answer": [allow_origin("{url}{0}{")]}, "GET"),
    ("null byte", lambda: {"answer": [allow_origin("\0")]}, "GET"),
    ("64 KiB", lambda: {"answer": [allow_origin("https://" + "a" * 65536)]}, "GET"),
    ("many lines", lambda: {"answer": [allow_origin()] * 1000}, "GET"),
    ("bytes in methods", lambda: {"preflight": [allow_origin(), allow_methods("\xff")]}, "PUT"),
    ("quotes in methods", lambda: {"preflight": [allow_origin(), allow_methods('"PUT"')]}, "PUT"),
    (
        "a line break in methods",
        lambda: {"preflight": [allow_origin(), allow_methods("PUT\r\nX: y")]},
        "PUT",
    ),
    (
        "64 KiB of commas",
        lambda: {"preflight": [allow_origin(), allow_methods("," * 65536)]},
        "PUT",
    ),
    (
        "bytes in header names",
        lambda: {"preflight": [allow_origin(), allow_headers("\xe9")]},
        "PUT",
    ),
]


@pytest.mark.parametrize(
    ("make", "method"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE]
)
@pytest.mark.parametrize("engine", [None, "chromium", "firefox", "webkit"])
def test_a_hostile_server_is_blocked_and_the_error_can_be_printed(
    make: Callable[[], dict[str, Any]], method: str, engine: str | None
) -> None:
    error = caught(Servers(**make()).browser(engine=engine), method=method)
    assert isinstance(error, CORSError)
    assert str(error).startswith(("GET ", "preflight of PUT "))


@pytest.mark.parametrize(
    "location",
    [
        "http://[",
        "https://a b/",
        "https://",
        "https://\xe4.example/",
        "https://a:99999/",
        "https://a:b/",
        "https://%61.example/",
        "",
    ],
)
def test_a_location_that_leads_nowhere_is_no_crash(location: str) -> None:
    servers = Servers(status=302, answer=[allow_origin(), ("Location", location)])
    code = "redirect-limit" if location == "" else "redirect-location"
    assert caught(servers.browser()).code == code


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("hop", "/hop"),
        ("/x/../hop", "/hop"),
        ("\\hop", "/hop"),
        ("https:\\\\api.example.com\\hop?a\\b", "/hop?a\\b"),
        ("//api.example.com/hop#f", "/hop"),
        (" /hop ", "/hop"),
        ("/hop?", "/hop?"),
        ("HTTPS://API.EXAMPLE.COM:443/hop?\xe4", "/hop?%E4"),
    ],
)
def test_a_location_is_read_as_browsers_read_it(location: str, path: str) -> None:
    """URL, "URL parser"."""
    servers = Servers(status=302, answer=[allow_origin(), ("Location", location)])
    assert servers.browser().fetch("/case").url == f"{API}{path}"
