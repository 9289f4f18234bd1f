"""What probe says is wrong, and what to write: for each answer the exact words; no network."""

from typing import Any

import pytest

from corsgate.browser import FetchError, HTTPRequest, HTTPResponse
from corsgate.cli._diagnosis import Finding, find_cause
from corsgate.cli._live import LiveBrowser, parse_live_url
from corsgate.cli._warnings import find_lost_headers, find_missing_vary, find_warnings

APP = "https://app.example.com"
API = "https://api.example.com/users"
LONG = "x" * 200
OUTERMOST = (
    "Put the CORS layer outermost, before login, redirects and routes, and let it answer OPTIONS"
    " with 204."
)
EMPTY = (
    "If it is the cache: send Vary: Origin with every answer of this address, and empty the cache."
)
NO_NULL = (
    "Do not allow null: any site can make a page with that origin. Serve the page from an http(s)"
    " origin, and allow that one."
)
ALLOW = f"Allow the origin {APP} on the server: Access-Control-Allow-Origin: {APP}."


def answer(status: int, *lines: str, body: bytes = b"") -> HTTPResponse:
    headers = [(name, value) for name, _, value in (line.partition(": ") for line in lines)]
    return HTTPResponse(status, "", headers, body)


def page_for(answers: list[HTTPResponse], *, url: str = API, origin: str = APP) -> LiveBrowser:
    left = [*answers]

    def send(request: HTTPRequest) -> HTTPResponse:
        return left.pop(0)

    return LiveBrowser(parse_live_url(url), origin, send)


# What is wrong -> answers, options of fetch(), and the finding.
CAUSES: dict[str, tuple[list[HTTPResponse], dict[str, Any], str, str, str]] = {
    "preflight redirected to a slash": (
        [answer(301, "Location: /users/")],
        {"method": "PUT"},
        "preflight-redirect-slash",
        (
            "The preflight is redirected to the same address with or without a slash at the end,"
            " and a browser follows no redirect of a preflight."
        ),
        (
            "Call 'https://api.example.com/users/' from the page, or let the server answer here"
            " without a redirect."
        ),
    ),
    "preflight redirected to https": (
        [answer(308, "Location: https://api.example.com/users")],
        {"method": "PUT", "url": "http://api.example.com/users", "origin": "http://a.example"},
        "preflight-redirect-https",
        (
            "The preflight is redirected from http to https, and a browser follows no redirect of"
            " a preflight."
        ),
        (
            "Call 'https://api.example.com/users' from the page, or let the server answer here"
            " without a redirect."
        ),
    ),
    "preflight redirected to a login": (
        [answer(302, "Location: https://sso.example.com/login?next=x")],
        {"method": "PUT"},
        "preflight-redirect-login",
        (
            "The preflight is redirected to what looks like a login, and a browser follows no"
            " redirect of a preflight."
        ),
        OUTERMOST,
    ),
    "preflight redirected to another host": (
        [answer(302, "Location: https://other.example.com/")],
        {"method": "PUT"},
        "preflight-redirect-host",
        (
            "The preflight is redirected to another host, and a browser follows no redirect of a"
            " preflight."
        ),
        (
            "Call 'https://other.example.com/' from the page, or let the server answer here"
            " without a redirect."
        ),
    ),
    "preflight redirected elsewhere": (
        [answer(302, "Location: /elsewhere")],
        {"method": "PUT"},
        "preflight-redirect-elsewhere",
        (
            "The preflight is redirected to another address, and a browser follows no redirect of"
            " a preflight."
        ),
        (
            "Call 'https://api.example.com/elsewhere' from the page, or let the server answer"
            " here without a redirect."
        ),
    ),
    "preflight redirected nowhere": (
        [answer(302)],
        {"method": "PUT"},
        "preflight-redirect-elsewhere",
        (
            "The preflight is redirected to another address, and a browser follows no redirect of"
            " a preflight."
        ),
        (
            "Call the address that it leads to from the page, or let the server answer here"
            " without a redirect."
        ),
    ),
    "preflight redirected to a mail address": (
        [answer(302, "Location: mailto:a")],
        {"method": "PUT"},
        "preflight-redirect-elsewhere",
        (
            "The preflight is redirected to another address, and a browser follows no redirect of"
            " a preflight."
        ),
        (
            "Call the address that it leads to from the page, or let the server answer here"
            " without a redirect."
        ),
    ),
    "preflight answered 401": (
        [answer(401)],
        {"method": "PUT"},
        "preflight-status",
        (
            "The preflight is answered with 401: something wants a login first, and a preflight"
            " never carries one."
        ),
        OUTERMOST,
    ),
    "preflight answered 407": (
        [answer(407)],
        {"method": "PUT"},
        "preflight-status",
        (
            "The preflight is answered with 407: something wants a login first, and a preflight"
            " never carries one."
        ),
        OUTERMOST,
    ),
    "preflight answered 403": (
        [answer(403)],
        {"method": "PUT"},
        "preflight-status",
        (
            "The preflight is answered with 403: the server does not allow this origin, method or"
            " header, or a firewall or CSRF check stops it."
        ),
        ALLOW,
    ),
    "preflight answered 404": (
        [answer(404, "Server: nginx/1.2")],
        {"method": "PUT"},
        "preflight-status",
        "The preflight is answered with 404: nothing there answers OPTIONS for this address.",
        "Let OPTIONS through to the application, or return 204 for it with the CORS headers.",
    ),
    "preflight answered 405": (
        [answer(405, "Access-Control-Allow-Origin: https://app.example.com")],
        {"method": "PUT"},
        "preflight-status",
        "The preflight is answered with 405: nothing there answers OPTIONS for this address.",
        OUTERMOST,
    ),
    "preflight answered 429": (
        [answer(429)],
        {"method": "PUT"},
        "preflight-status",
        (
            "The preflight is answered with 429: the server counts preflights as requests, and"
            " there were too many."
        ),
        OUTERMOST,
    ),
    "preflight answered 503": (
        [answer(503)],
        {"method": "PUT"},
        "preflight-status",
        "The preflight is answered with 503: the server, or one behind it, fails on OPTIONS.",
        OUTERMOST,
    ),
    "preflight answered 400": (
        [answer(400)],
        {"method": "PUT"},
        "preflight-status",
        "The preflight is answered with 400: something in front of the CORS layer answers OPTIONS.",
        OUTERMOST,
    ),
    "preflight answered 304": (
        [answer(304, "Access-Control-Allow-Origin: https://app.example.com")],
        {"method": "PUT"},
        "preflight-status",
        "The preflight is answered with 304: something in front of the CORS layer answers OPTIONS.",
        OUTERMOST,
    ),
    "refused by corsgate": (
        [answer(403, "Content-Type: text/plain", body=b"403 (CORS)")],
        {"method": "PUT"},
        "origin-not-allowed",
        "corsgate refuses the preflight: its policy does not allow https://app.example.com.",
        'Add "https://app.example.com" to corsgate\'s allow_origins.',
    ),
    "corsgate in debug mode": (
        [answer(200, "X-CORSGate-Reason: No. To allow it: allow_origins=[...]")],
        {},
        "corsgate",
        "corsgate says: No.",
        "Write allow_origins=[...]",
    ),
    "corsgate in debug mode, and no setting helps": (
        [answer(200, "X-CORSGate-Reason: No. What to do: send fewer headers")],
        {},
        "corsgate",
        "corsgate says: No.",
        "Send fewer headers",
    ),
    "corsgate in debug mode without a line to write": (
        [answer(200, "X-CORSGate-Reason: No.")],
        {},
        "corsgate",
        "corsgate says: No.",
        "Look at corsgate's policy for this address.",
    ),
    "method not listed": (
        [
            answer(
                204,
                "Access-Control-Allow-Origin: https://app.example.com",
                "Access-Control-Allow-Methods: PUT, patch",
                "Access-Control-Allow-Headers: x-one",
            )
        ],
        {"method": "DELETE"},
        "method-not-allowed",
        "Access-Control-Allow-Methods does not allow DELETE. It says 'PUT, patch'.",
        "Add DELETE to Access-Control-Allow-Methods.",
    ),
    "safe methods only": (
        [
            answer(
                204,
                "Access-Control-Allow-Origin: https://app.example.com",
                "Access-Control-Allow-Methods: GET, HEAD, OPTIONS",
            )
        ],
        {"method": "DELETE"},
        "method-not-allowed",
        "Access-Control-Allow-Methods does not allow DELETE. It says 'GET, HEAD, OPTIONS'.",
        (
            "Add DELETE to Access-Control-Allow-Methods. Or, if a gate of corsgate answers: add"
            ' "https://app.example.com" to its write_origins, if you trust that site to act as your'
            " users."
        ),
    ),
    "refused by the gate": (
        [
            answer(
                403,
                body=b"403 Forbidden: a page on another site may not make this request.\n",
            )
        ],
        {"method": "POST"},
        "gate-refused",
        "corsgate's gate refuses the request: its policy does not trust https://app.example.com.",
        (
            'See whom it trusts; or add "https://app.example.com" to its write_origins, if you'
            " trust that site to act as your users."
        ),
    ),
    "method listed in lower case": (
        [
            answer(
                204,
                "Access-Control-Allow-Origin: https://app.example.com",
                "Access-Control-Allow-Methods: PUT, patch",
                "Access-Control-Allow-Headers: x-one",
            )
        ],
        {"method": "PATCH"},
        "method-not-allowed",
        "Access-Control-Allow-Methods does not allow PATCH. It says 'PUT, patch'.",
        "Write PATCH in Access-Control-Allow-Methods: method names are case-sensitive.",
    ),
    "method in lower case": (
        [
            answer(
                204,
                "Access-Control-Allow-Origin: https://app.example.com",
                "Access-Control-Allow-Methods: PATCH",
            )
        ],
        {"method": "patch"},
        "method-not-allowed",
        "Access-Control-Allow-Methods does not allow patch. It says 'PATCH'.",
        "Write PATCH in the page: method names are case-sensitive.",
    ),
    "method in lower case that is not listed": (
        [answer(204, "Access-Control-Allow-Origin: https://app.example.com")],
        {"method": "patch"},
        "method-not-allowed",
        "Access-Control-Allow-Methods does not allow patch. There is no such header.",
        "Write PATCH in the page, and add PATCH to Access-Control-Allow-Methods.",
    ),
    "no methods listed": (
        [answer(204, "Access-Control-Allow-Origin: https://app.example.com")],
        {"method": "PUT"},
        "method-not-allowed",
        "Access-Control-Allow-Methods does not allow PUT. There is no such header.",
        "Add PUT to Access-Control-Allow-Methods.",
    ),
    "star for methods with credentials": (
        [
            answer(
                204,
                "Access-Control-Allow-Origin: https://app.example.com",
                "Access-Control-Allow-Credentials: true",
                "Access-Control-Allow-Methods: *",
            )
        ],
        {"method": "PUT", "credentials": "include"},
        "method-not-allowed",
        (
            "Access-Control-Allow-Methods does not allow PUT. It says '*'. With credentials * is"
            " no wildcard."
        ),
        "Add PUT to Access-Control-Allow-Methods.",
    ),
    "headers not listed": (
        [
            answer(
                204,
                "Access-Control-Allow-Origin: https://app.example.com",
                "Access-Control-Allow-Methods: PUT, patch",
                "Access-Control-Allow-Headers: x-one",
            )
        ],
        {"method": "PUT", "headers": {"X-Two": "1", "X-One": "1", "X-Three": "2"}},
        "header-not-allowed",
        "Access-Control-Allow-Headers does not allow x-three, x-two. It says 'x-one'.",
        "Add x-three, x-two to Access-Control-Allow-Headers.",
    ),
    "authorization not listed": (
        [
            answer(
                204,
                "Access-Control-Allow-Origin: https://app.example.com",
                "Access-Control-Allow-Methods: PUT, patch",
                "Access-Control-Allow-Headers: x-one",
            )
        ],
        {"headers": {"Authorization": "1"}},
        "authorization-not-allowed",
        "Access-Control-Allow-Headers does not allow authorization. It says 'x-one'.",
        "Add authorization to Access-Control-Allow-Headers.",
    ),
    "methods that are no list": (
        [
            answer(
                204,
                "Access-Control-Allow-Origin: https://app.example.com",
                "Access-Control-Allow-Methods: PUT; GET",
            )
        ],
        {"method": "PUT"},
        "allow-methods-invalid",
        "One part of the list is no name, and so the whole list counts for nothing.",
        "Write names with commas between them, and nothing else.",
    ),
    "headers that are no list": (
        [
            answer(
                204,
                "Access-Control-Allow-Origin: https://app.example.com",
                "Access-Control-Allow-Methods: PUT",
                "Access-Control-Allow-Headers: a b",
            )
        ],
        {"method": "PUT"},
        "allow-headers-invalid",
        "One part of the list is no name, and so the whole list counts for nothing.",
        "Write names with commas between them, and nothing else.",
    ),
    "no credentials": (
        [answer(200, "Access-Control-Allow-Origin: https://app.example.com")],
        {"credentials": "include"},
        "credentials-not-allowed",
        "The page asks for cookies, and Access-Control-Allow-Credentials is missing.",
        "Answer Access-Control-Allow-Credentials: true, once; or call without credentials.",
    ),
    "True for true": (
        [
            answer(
                200,
                "Access-Control-Allow-Origin: https://app.example.com",
                "Access-Control-Allow-Credentials: True",
            )
        ],
        {"credentials": "include"},
        "credentials-not-allowed",
        "Access-Control-Allow-Credentials is 'True', and only the lower-case word true counts.",
        "Answer Access-Control-Allow-Credentials: true, once; or call without credentials.",
    ),
    "credentials allowed twice": (
        [
            answer(
                200,
                "Access-Control-Allow-Origin: https://app.example.com",
                "Access-Control-Allow-Credentials: true",
                "Access-Control-Allow-Credentials: true",
            )
        ],
        {"credentials": "include"},
        "credentials-not-allowed",
        "Access-Control-Allow-Credentials is there 2 times: two layers add it.",
        "Answer Access-Control-Allow-Credentials: true, once; or call without credentials.",
    ),
    "two origins": (
        [
            answer(
                200,
                "Access-Control-Allow-Origin: https://app.example.com",
                "Access-Control-Allow-Origin: *",
                "Server: nginx",
            )
        ],
        {},
        "allow-origin-repeated",
        (
            "Access-Control-Allow-Origin is there 2 times: two layers add it, the application and"
            " a proxy in front of it, as a rule."
        ),
        "Take out add_header, or write proxy_hide_header Access-Control-Allow-Origin;",
    ),
    "star with credentials": (
        [answer(200, "Access-Control-Allow-Origin: *", "X-Powered-By: Express")],
        {"credentials": "include"},
        "allow-origin-wildcard",
        "The page asks for cookies, and * is never for requests with cookies.",
        (
            'Write cors({ origin: "https://app.example.com", credentials: true }); or call'
            " without credentials."
        ),
    ),
    "list of origins": (
        [answer(200, "Access-Control-Allow-Origin: https://app.example.com, https://b.example")],
        {},
        "allow-origin-list",
        "Access-Control-Allow-Origin names several origins, and it can name one only.",
        "Look the request's Origin up in the list; answer that one, and Vary: Origin.",
    ),
    "origin with a slash": (
        [answer(200, "Access-Control-Allow-Origin: https://app.example.com/")],
        {},
        "allow-origin-mismatch",
        (
            "Access-Control-Allow-Origin is 'https://app.example.com/', and the page's origin is"
            " https://app.example.com: the slash at the end is no part of an origin."
        ),
        ALLOW,
    ),
    "origin in upper case": (
        [answer(200, "Access-Control-Allow-Origin: HTTPS://APP.example.com")],
        {},
        "allow-origin-mismatch",
        (
            "Access-Control-Allow-Origin is 'HTTPS://APP.example.com', and the page's origin is"
            " https://app.example.com: origins are in lower case."
        ),
        ALLOW,
    ),
    "pattern for an origin": (
        [answer(200, "Access-Control-Allow-Origin: https://*.example.com")],
        {},
        "allow-origin-mismatch",
        (
            "Access-Control-Allow-Origin is 'https://*.example.com', and the page's origin is"
            " https://app.example.com: browsers know no patterns, only * alone."
        ),
        ALLOW,
    ),
    "origin of the other scheme": (
        [answer(200, "Access-Control-Allow-Origin: http://app.example.com")],
        {},
        "allow-origin-mismatch",
        (
            "Access-Control-Allow-Origin is 'http://app.example.com', and the page's origin is"
            " https://app.example.com: http is not https."
        ),
        ALLOW,
    ),
    "origin of another port": (
        [answer(200, "Access-Control-Allow-Origin: https://app.example.com:8443")],
        {},
        "allow-origin-mismatch",
        (
            "Access-Control-Allow-Origin is 'https://app.example.com:8443', and the page's origin"
            " is https://app.example.com: the port differs."
        ),
        ALLOW,
    ),
    "origin with a path": (
        [answer(200, "Access-Control-Allow-Origin: https://app.example.com/x")],
        {},
        "allow-origin-mismatch",
        (
            "Access-Control-Allow-Origin is 'https://app.example.com/x', and the page's origin is"
            " https://app.example.com: an origin has no path."
        ),
        ALLOW,
    ),
    "origin with www": (
        [answer(200, "Access-Control-Allow-Origin: https://www.app.example.com")],
        {},
        "allow-origin-mismatch",
        (
            "Access-Control-Allow-Origin is 'https://www.app.example.com', and the page's origin"
            " is https://app.example.com: www. counts."
        ),
        ALLOW,
    ),
    "another origin": (
        [answer(200, "Access-Control-Allow-Origin: https://b.example")],
        {},
        "allow-origin-mismatch",
        (
            "Access-Control-Allow-Origin is 'https://b.example', and the page's origin is"
            " https://app.example.com."
        ),
        ALLOW,
    ),
    "host for an origin": (
        [answer(200, "Access-Control-Allow-Origin: app.example.com")],
        {},
        "allow-origin-invalid",
        (
            "Access-Control-Allow-Origin is 'app.example.com', and the page's origin is"
            " https://app.example.com."
        ),
        ALLOW,
    ),
    "null for an origin": (
        [answer(200, "Access-Control-Allow-Origin: null")],
        {},
        "allow-origin-mismatch",
        "Access-Control-Allow-Origin is 'null', and the page's origin is https://app.example.com.",
        ALLOW,
    ),
    "origin that is to draw on the terminal": (
        [
            answer(
                200,
                f"Access-Control-Allow-Origin: \x1b[31m\xff{LONG}",
            )
        ],
        {},
        "allow-origin-invalid",
        (
            "Access-Control-Allow-Origin is"
            " '\\x1b[31m\\xffxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx..."
            " (206 characters), and the page's origin is https://app.example.com."
        ),
        ALLOW,
    ),
    "page without an origin": (
        [answer(200, "Access-Control-Allow-Origin: https://b.example", "Age: 12")],
        {"origin": "null"},
        "allow-origin-mismatch",
        "Access-Control-Allow-Origin is 'https://b.example', and the page's origin is null.",
        NO_NULL,
    ),
    "page without an origin that wants cookies": (
        [answer(200, "Access-Control-Allow-Origin: null")],
        {"origin": "null", "credentials": "include"},
        "credentials-not-allowed",
        "The page asks for cookies, and Access-Control-Allow-Credentials is missing.",
        NO_NULL,
    ),
    "kept answer": (
        [answer(200, "Access-Control-Allow-Origin: https://b.example", "Age: 12")],
        {},
        "allow-origin-mismatch",
        (
            "Access-Control-Allow-Origin is 'https://b.example', and the page's origin is"
            " https://app.example.com. Or its cache (Age: 12) may have kept the answer for another"
            " page."
        ),
        f"{ALLOW} {EMPTY}",
    ),
    "answer of a proxy's cache": (
        [answer(200, "X-Cache: HIT from proxy")],
        {},
        "origin-not-allowed",
        (
            "The server does not allow https://app.example.com here, or knows nothing of CORS. Or"
            " its cache (X-Cache: HIT from proxy) may have kept the answer for another page."
        ),
        f"{ALLOW} {EMPTY}",
    ),
    "answer that differs by who asks": (
        [answer(200, "Vary: Accept, origin")],
        {},
        "origin-not-allowed",
        "The server knows CORS (Vary: Origin), and does not allow https://app.example.com here.",
        ALLOW,
    ),
    "answer that differs by all": (
        [answer(200, "Vary: Accept", "Vary: a b")],
        {},
        "origin-not-allowed",
        "The server does not allow https://app.example.com here, or knows nothing of CORS.",
        ALLOW,
    ),
    "fresh answer": (
        [answer(200, "Age: 0")],
        {},
        "origin-not-allowed",
        "The server does not allow https://app.example.com here, or knows nothing of CORS.",
        ALLOW,
    ),
    "age that is none": (
        [answer(200, "Age: x")],
        {},
        "origin-not-allowed",
        "The server does not allow https://app.example.com here, or knows nothing of CORS.",
        ALLOW,
    ),
    "origin lost in redirects": (
        [
            answer(302, "Access-Control-Allow-Origin: *", "Location: https://b.example/"),
            answer(200, "Access-Control-Allow-Origin: https://app.example.com"),
        ],
        {},
        "origin-lost",
        "After a redirect from one server to another the browser says Origin: null.",
        "Call the address at the end of the redirects from the page.",
    ),
    "redirect without the header": (
        [answer(301, "Location: /users/")],
        {},
        "redirect-slash",
        (
            "The request is redirected to the same address with or without a slash at the end,"
            " without Access-Control-Allow-Origin on the redirect itself."
        ),
        (
            "Call 'https://api.example.com/users/' from the page, or let the server answer here"
            " without a redirect."
        ),
    ),
    "error of the server": (
        [answer(500, "Server: nginx")],
        {},
        "error-without-headers",
        (
            "The answer is an error (500) without CORS headers: what has to be fixed may be that"
            " error, which the page cannot see."
        ),
        (
            "Look in the server's log for the error; and write always at the end of add_header,"
            " or errors go without."
        ),
    ),
    "error of the request": (
        [answer(404, "Server: gunicorn")],
        {},
        "error-without-headers",
        (
            "The answer is an error (404) without CORS headers: what has to be fixed may be that"
            " error, which the page cannot see."
        ),
        "Look in the server's log for the error; and put the CORS middleware outermost.",
    ),
    "bucket": (
        [answer(200, "Server: AmazonS3")],
        {},
        "origin-not-allowed",
        "The server does not allow https://app.example.com here, or knows nothing of CORS.",
        (
            "Add https://app.example.com to AllowedOrigins, and the method to AllowedMethods, in"
            " the bucket's CORS configuration."
        ),
    ),
    "nothing at all": (
        [answer(200)],
        {},
        "origin-not-allowed",
        "The server does not allow https://app.example.com here, or knows nothing of CORS.",
        ALLOW,
    ),
    "OPTIONS without CORS": (
        [answer(200)],
        {"method": "PUT"},
        "origin-not-allowed",
        "OPTIONS is answered (200), but by something that knows nothing of CORS.",
        OUTERMOST,
    ),
    "preflight without an origin": (
        [answer(200, "Access-Control-Allow-Methods: PUT")],
        {"method": "PUT"},
        "origin-not-allowed",
        "The server knows CORS, and does not allow https://app.example.com here.",
        ALLOW,
    ),
    "http from https": (
        [],
        {"url": "http://api.example.com/"},
        "mixed-content",
        "A page on https may not call http, so nothing is sent.",
        "Serve the API over https.",
    ),
    "redirect with a password": (
        [answer(302, "Access-Control-Allow-Origin: *", "Location: https://a:b@b.example/")],
        {},
        "redirect-user-info",
        "The redirect leads where no page may follow.",
        "Call the address at its end, or have the server redirect to a plain http(s) address.",
    ),
    "redirects without an end": (
        [answer(302, "Access-Control-Allow-Origin: *", "Location: /users")] * 21,
        {},
        "redirect-limit",
        "The redirects go round in a circle, or there are more than 20.",
        "Fix the redirect on the server.",
    ),
    "redirect to ftp": (
        [answer(302, "Access-Control-Allow-Origin: *", "Location: ftp://x/")],
        {},
        "redirect-scheme",
        "The redirect leads where no page may follow.",
        "Call the address at its end, or have the server redirect to a plain http(s) address.",
    ),
}


@pytest.mark.parametrize(("answers", "options", "code", "text", "fix"), CAUSES.values(), ids=CAUSES)
def test_cause(
    answers: list[HTTPResponse], options: dict[str, Any], code: str, text: str, fix: str
) -> None:
    options = {"url": API, "origin": APP, **options}
    url, origin = options.pop("url"), options.pop("origin")
    page = page_for(answers, url=url, origin=origin)
    with pytest.raises(FetchError) as caught:
        page.fetch(url, **options)
    assert find_cause(caught.value, origin) == Finding(code, text, fix)
    assert len(page.exchanges) == len(answers)


def test_servers_are_told_in_their_own_words() -> None:
    makes = {}
    for line in (
        "Server: nginx/1.27",
        "Server: openresty",
        "X-Powered-By: Express",
        "Server: AmazonS3",
        "Server: gunicorn",
        "Server: SimpleHTTP/0.6 Python/3.12",
        "Server: Apache",
    ):
        with pytest.raises(FetchError) as caught:
            page_for([answer(200, line)]).fetch(API)
        makes[line.partition(": ")[2]] = find_cause(caught.value, APP).fix
    nginx = f'Write add_header Access-Control-Allow-Origin "{APP}" always; or leave it to the'
    assert makes == {
        "nginx/1.27": f"{nginx} application.",
        "openresty": f"{nginx} application.",
        "Express": f'Write app.use(cors({{ origin: "{APP}" }})) before the routes.',
        "AmazonS3": (
            f"Add {APP} to AllowedOrigins, and the method to AllowedMethods, in the bucket's CORS"
            " configuration."
        ),
        "gunicorn": (
            f'Add "{APP}" to corsgate\'s allow_origins, or to the list of the CORS layer that is'
            " there; if there is none, put corsgate outermost."
        ),
        "SimpleHTTP/0.6 Python/3.12": (
            "This server sends no CORS headers at all; put one that does in front of it."
        ),
        "Apache": ALLOW,
    }


def warned(*answers: HTTPResponse, url: str = API, **options: Any) -> list[Finding]:
    page = page_for([*answers], url=url)
    word = "allowed"
    try:
        page.fetch(url, **options)
    except FetchError:
        word = "blocked"
    credentials = options.get("credentials") == "include"
    return find_warnings(page.exchanges, origin=APP, credentials=credentials, word=word)


ALLOWED = f"Access-Control-Allow-Origin: {APP}"
METHODS = "Access-Control-Allow-Methods: PUT"
MAX_AGE = "Access-Control-Max-Age"
NO_NUMBER = "which is no number of seconds: browsers ask again after 5 seconds, or each time."
LIMIT = "and browsers keep to their own limit"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([f"{MAX_AGE}: 600"], []),
        ([f"{MAX_AGE}: 0"], []),
        (
            [],
            [
                (
                    "max-age-missing",
                    f"There is no {MAX_AGE}: browsers ask again after 5 seconds.",
                    f"Send {MAX_AGE}: 600, which all browsers keep to.",
                )
            ],
        ),
        *(
            (
                lines,
                [
                    (
                        "max-age-invalid",
                        f"{MAX_AGE} is {value}, {NO_NUMBER}",
                        f"Send {MAX_AGE}: 600.",
                    )
                ],
            )
            for lines, value in [
                ([f"{MAX_AGE}: -1"], "'-1'"),
                ([f"{MAX_AGE}: soon"], "'soon'"),
                ([f"{MAX_AGE}: \xb2"], r"'\xb2'"),
                ([f"{MAX_AGE}: 600", f"{MAX_AGE}: 600"], "'600, 600'"),
            ]
        ),
        *(
            (
                [f"{MAX_AGE}: {value}"],
                [
                    (
                        "max-age-over-cap",
                        f"{MAX_AGE} is {shown}, {LIMIT}: {cut} seconds.",
                        "Nothing is wrong; but do not rely on the longer time.",
                    )
                ],
            )
            for value, shown, cut in [
                ("601", "601", "WebKit 600"),
                ("0086400", "86400", "Chromium 7200, WebKit 600"),
                (
                    "9" * 5000,
                    "9" * 100 + "... (5000 characters)",
                    "Chromium 7200, Firefox 86400, WebKit 600",
                ),
            ]
        ),
    ],
)
def test_max_age(lines: list[str], expected: list[tuple[str, str, str]]) -> None:
    preflight = answer(204, ALLOWED, METHODS, *lines)
    assert warned(preflight, answer(200, ALLOWED), method="PUT") == expected


def test_authorization_under_a_star() -> None:
    preflight = answer(
        204, ALLOWED, "Access-Control-Allow-Headers: *", "Access-Control-Max-Age: 600"
    )
    assert warned(preflight, answer(200, ALLOWED), headers={"Authorization": "x"}) == [
        (
            "authorization-by-wildcard",
            "By the standard * does not cover Authorization; browsers still let it.",
            "Name Authorization in Access-Control-Allow-Headers.",
        )
    ]


def test_a_star_that_is_no_wildcard_for_authorization() -> None:
    stars = "Access-Control-Allow-Headers: *", "Access-Control-Max-Age: 600"
    credentials = "Access-Control-Allow-Credentials: true"
    headers = {"Authorization": "x"}
    preflight = answer(204, ALLOWED, credentials, *stars)
    assert warned(preflight, headers=headers, credentials="include") == []
    preflight = answer(204, ALLOWED, *stars)
    assert warned(preflight, headers=headers, method="DELETE") == []
    assert find_warnings(
        [(HTTPRequest("OPTIONS", API, [("Access-Control-Request-Method", "GET")]), answer(204))],
        origin=APP,
        credentials=True,
        word="no-answer",
    ) == [
        (
            "max-age-missing",
            f"There is no {MAX_AGE}: browsers ask again after 5 seconds.",
            f"Send {MAX_AGE}: 600, which all browsers keep to.",
        )
    ]


def test_same_origin() -> None:
    assert warned(answer(200), url=f"{APP}/api") == [
        (
            "same-origin",
            "The page and the address are of one origin, so CORS has no say.",
            "Ask with the origin of another page.",
        )
    ]


def test_answer_from_a_cache() -> None:
    assert warned(answer(200, ALLOWED, "CF-Cache-Status: HIT")) == [
        (
            "cached-answer",
            "The answer comes from a cache (CF-Cache-Status: HIT), not from the server itself.",
            "Ask for an address that is in no cache too: add ?1 to it.",
        )
    ]


def test_what_is_blocked_has_warnings_of_its_preflight_only() -> None:
    preflight = answer(204, ALLOWED, METHODS)
    assert [found.code for found in warned(preflight, answer(200, "Age: 5"), method="PUT")] == [
        "max-age-missing"
    ]
    assert warned(answer(404, "Age: 5"), method="PUT") == []
    # What has failed is not the time.
    assert warned(answer(204, METHODS), method="PUT") == []
    assert warned(answer(204, ALLOWED), method="PUT") == []
    assert warned(url="http://api.example.com/") == []


VARIES = "Vary: Accept, origin"


@pytest.mark.parametrize(
    ("with_origin", "without", "missing"),
    [
        ([ALLOWED], [], True),
        ([ALLOWED], [VARIES], True),
        ([ALLOWED, VARIES], [], True),
        ([ALLOWED, VARIES], [VARIES], False),
        ([ALLOWED, "Vary: *"], ["Vary: *"], False),
        ([ALLOWED], [ALLOWED], False),
        (["Access-Control-Allow-Origin: *"], [], True),
    ],
)
def test_missing_vary(with_origin: list[str], without: list[str], missing: bool) -> None:
    finding = Finding(
        "vary-missing",
        "The answer depends on Origin and does not always say Vary: Origin: then a page that is"
        " allowed may get from a cache the answer made for another, and be blocked.",
        "Send Vary: Origin with every answer of this address, also to requests without Origin.",
    )
    found = find_missing_vary(answer(200, *with_origin), answer(200, *without))
    assert found == (finding if missing else None)


def test_headers_lost_on_errors() -> None:
    assert find_lost_headers("/x", 404, lost=False) is None
    assert find_lost_headers("/x\x1b", 500, lost=True) == (
        "headers-lost-on-errors",
        r"The error 500 of '/x\x1b' lacks the CORS headers: pages see a CORS error in its place.",
        "Let the outermost layer add the headers, to every status (nginx: add_header ... always).",
    )
    assert find_lost_headers("/x", 200, lost=True) == (
        "no-error",
        "'/x' answers 200, which is no error, so it shows nothing of errors.",
        "Name a path that fails.",
    )
