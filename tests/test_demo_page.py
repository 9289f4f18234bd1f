"""corsgate demo, clicked through in a real browser: what it shows, to the letter."""

import queue
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from browsers import ENGINES, report_server, started
from demo_page import Shown, real_browser, wait
from playwright.sync_api import Browser, Page

from corsgate import Policy
from corsgate.demo import _site
from corsgate.demo._places import Places
from corsgate.demo._runs import Run
from corsgate.demo._server import laboratory
from corsgate.demo._verdict import judge

Result = dict[str, Any]

HIDDEN = (
    "Blocked: the answer is hidden The application ran the request."
    " The browser keeps the answer from the page."
)
AT_PREFLIGHT = "Blocked at the preflight The request itself was never sent."
READ = "Allowed The page may read the answer."
READ_AFTER = "Allowed The preflight passed, and the page may read the answer."
PLAIN = "No preflight: a form could send this too."
UNREAD = "TypeError: Failed to fetch | No status, no headers, no reason: a page is never told more."
NOT_ALL = "corsgate allows the origin, but not all that the page asks for."
CHANGE = ["Change the policy and send again"]
STOPS = "the browser stops here | ✕"
SHOWN = "Access-Control-Expose-Headers: X-Total-Count"
ALLOWS = (
    "Access-Control-Allow-Origin: <frontend>"
    " | Access-Control-Allow-Methods: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
    " | Access-Control-Allow-Headers: accept, authorization, content-type, user-agent,"
    " x-csrftoken, x-requested-with | Access-Control-Max-Age: 600"
    " | Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
)
FIREFOX = (
    "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource"
    " at <api>/notes?run=RUN. (Reason: "
)


def asks(method: str, headers: str) -> str:
    return (
        f"OPTIONS /notes preflight | Origin: <frontend> | Access-Control-Request-Method: {method}"
        f" | Access-Control-Request-Headers: {headers}"
    )


HTTPS = (
    "The page is on '<frontend>', which allow_origins does not allow; the nearest that it allows"
    " is '<https frontend>': same host, but the page is http and the policy has https."
)
PORT = (
    "The page is on '<port>', which allow_origins does not allow; the nearest that it allows is"
    " '<frontend>': same host, but the page has port {port} and the policy has port {frontend}."
)
STAR = (
    'The page asks for cookies (credentials: "include"), and allow_origins is "*", which never'
    " goes with them: the origins have to be named."
)
KEY = "The page sends the header 'x-api-key', which allow_headers does not have."
PATCH = (
    "The page sends 'patch', and only 'PATCH' is allowed: a browser compares methods letter by"
    " letter."
)
GATE = (
    "The gate refuses 'POST' (403): the page is on '<stranger>', which allow_origins (there is no"
    " write_origins) does not trust to write."
)

# Situation -> what is shown of it, without what Chromium's console says; and what after the
# button that the advice has.
SITUATIONS: dict[str, tuple[Result, str]] = {
    "GET": (
        {
            "verdict": READ,
            "preflight": PLAIN,
            "sequence": [
                "GET /notes | Origin: <frontend>",
                f"200 OK | Access-Control-Allow-Origin: <frontend> | {SHOWN} | Vary: Origin",
            ],
            "decided": "corsgate allows the request.",
            "seen": '200 of type cors | cache-control: no-store | content-length: 95 | content-type: application/json | x-total-count: 2 | {"notes": ["Buy milk", "Call Ada"], "you sent": {"method": "GET", "body": "", "cookie": false}}',  # noqa: E501
        },
        "",
    ),
    "Preflight": (
        {
            "verdict": READ_AFTER,
            "preflight": "Asks first because of the method PUT and the header content-type.",
            "sequence": [
                asks("PUT", "content-type"),
                f"204 No Content | {ALLOWS}",
                "PUT /notes | Origin: <frontend> | Content-Type: application/json",
                f"200 OK | Access-Control-Allow-Origin: <frontend> | {SHOWN} | Vary: Origin",
            ],
            "decided": "corsgate allows the request.",
            "seen": '200 of type cors | cache-control: no-store | content-length: 119 | content-type: application/json | x-total-count: 2 | {"notes": ["Buy milk", "Call Ada"], "you sent": {"method": "PUT", "body": "{\\"text\\": \\"Buy milk\\"}", "cookie": false}}',  # noqa: E501
        },
        "",
    ),
    "https for http": (
        {
            "verdict": HIDDEN,
            "preflight": PLAIN,
            "sequence": [
                "GET /notes | Origin: <frontend>",
                f"200 OK | {STOPS} | Access-Control-Allow-Origin: missing | Vary: Origin",
            ],
            "decided": "corsgate does not allow the request: origin-not-allowed.",
            "failed": [f"✕ | origin | {HTTPS}"],
            "why": [HTTPS],
            "advice": {
                "Setting": "allow_origins",
                "Nearest": "<https frontend>",
                "To allow it": 'allow_origins=["<https frontend>", "<frontend>"]',
            },
            "apply": CHANGE,
            "seen": UNREAD,
            "consoles": {
                "Firefox": FIREFOX
                + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 200.",
                "Safari": "Origin <frontend> is not allowed by Access-Control-Allow-Origin."
                " Status code: 200",
            },
        },
        READ,
    ),
    "Wrong port": (
        {
            "verdict": HIDDEN,
            "preflight": PLAIN,
            "sequence": [
                "GET /notes | Origin: <port>",
                f"200 OK | {STOPS} | Access-Control-Allow-Origin: missing | Vary: Origin",
            ],
            "decided": "corsgate does not allow the request: origin-not-allowed.",
            "failed": [f"✕ | origin | {PORT}"],
            "why": [PORT],
            "advice": {
                "Setting": "allow_origins",
                "Nearest": "<frontend>",
                "To allow it": 'allow_origins=["<frontend>", "<port>"]',
            },
            "apply": CHANGE,
            "seen": UNREAD,
            "consoles": {
                "Firefox": FIREFOX
                + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 200.",
                "Safari": "Origin <port> is not allowed by Access-Control-Allow-Origin."
                " Status code: 200",
            },
        },
        READ,
    ),
    "* with cookies": (
        {
            "verdict": HIDDEN,
            "preflight": PLAIN,
            "sequence": [
                "GET /notes | Origin: <frontend>",
                f"200 OK | {STOPS} | Access-Control-Allow-Origin: * | {SHOWN}",
            ],
            "decided": NOT_ALL,
            "failed": [f"✕ | credentials | {STAR}"],
            "why": [STAR],
            "advice": {
                "Setting": "allow_origins",
                "To allow it": 'allow_origins=["<frontend>"], allow_credentials=True',
            },
            "apply": CHANGE,
            "seen": UNREAD,
            "consoles": {
                "Firefox": FIREFOX.replace(
                    "<api>/notes?run=RUN",
                    "‘<api>/notes?run=RUN’",
                )
                + "Credential is not supported if the CORS header ‘Access-Control-Allow-Origin’"
                " is ‘*’).",
                "Safari": "Cannot use wildcard in Access-Control-Allow-Origin when credentials"
                " flag is true.",
            },
        },
        READ,
    ),
    "Missing header": (
        {
            "verdict": AT_PREFLIGHT,
            "preflight": "Asks first because of the header x-api-key.",
            "sequence": [
                asks("GET", "x-api-key"),
                f"204 No Content | {STOPS} | {ALLOWS}",
                "GET /notes never sent | ✕",
            ],
            "decided": NOT_ALL,
            "failed": [f"✕ | headers | {KEY}"],
            "why": [KEY],
            "advice": {
                "Setting": "allow_headers",
                "To allow it": 'allow_headers=["accept", "authorization", "content-type",'
                ' "user-agent", "x-csrftoken", "x-requested-with", "x-api-key"]',
            },
            "apply": CHANGE,
            "seen": UNREAD,
            "consoles": {
                "Firefox": FIREFOX + "header ‘x-api-key’ is not allowed according to header"
                " ‘Access-Control-Allow-Headers’ from CORS preflight response).",
                "Safari": "Request header field X-Api-Key is not allowed by"
                " Access-Control-Allow-Headers.",
            },
        },
        READ_AFTER,
    ),
    "patch": (
        {
            "verdict": AT_PREFLIGHT,
            "preflight": "Asks first because of the method patch and the header content-type.",
            "sequence": [
                asks("patch", "content-type"),
                f"204 No Content | {STOPS} | {ALLOWS}",
                "patch /notes never sent | ✕",
            ],
            "decided": NOT_ALL,
            "failed": [f"✕ | method | {PATCH}"],
            "why": [PATCH],
            "advice": {
                "Setting": "allow_methods",
                "Nearest": "PATCH",
                "What to do": 'Write method: "PATCH" in the page.',
            },
            "apply": ["Write PATCH in the page and send again"],
            "seen": UNREAD,
            "consoles": {
                "Firefox": FIREFOX
                + "Did not find method in CORS header ‘Access-Control-Allow-Methods’).",
                "Safari": "Method patch is not allowed by Access-Control-Allow-Methods.",
            },
        },
        READ_AFTER,
    ),
    "Hidden header": (
        {
            "verdict": READ,
            "preflight": PLAIN,
            "sequence": [
                "GET /notes | Origin: <frontend>",
                "200 OK | Access-Control-Allow-Origin: <frontend> | Vary: Origin",
            ],
            "decided": "corsgate allows the request.",
            "why": ["The answer has X-Total-Count, which the page cannot read."],
            "advice": {
                "Setting": "expose_headers",
                "To show it": 'expose_headers=["X-Total-Count"]',
            },
            "apply": CHANGE,
            "seen": '200 of type cors | cache-control: no-store | content-length: 95 | content-type: application/json | {"notes": ["Buy milk", "Call Ada"], "you sent": {"method": "GET", "body": "", "cookie": false}}',  # noqa: E501
        },
        READ,
    ),
    "401 to preflight": (
        {
            "verdict": AT_PREFLIGHT,
            "preflight": "Asks first because of the header authorization.",
            "sequence": [
                asks("GET", "authorization"),
                f"401 Unauthorized | {STOPS} | Access-Control-Allow-Origin: missing",
                "GET /notes never sent | ✕",
            ],
            "decided": "corsgate was not asked: a layer in front answered 401 Unauthorized.",
            "why": [
                (
                    "The preflight is answered with 401: something wants a login first, and a"
                    " preflight never carries one."
                )
            ],
            "advice": {
                "What to do": "Put the CORS layer outermost, before login, redirects and routes,"
                " and let it answer OPTIONS with 204."
            },
            "apply": ["Let preflights pass the login and send again"],
            "seen": UNREAD,
            "consoles": {
                "Firefox": FIREFOX
                + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 401.",
                "Safari": "Preflight response is not successful. Status code: 401",
            },
        },
        READ_AFTER,
    ),
    "Bare 500": (
        {
            "verdict": HIDDEN,
            "preflight": PLAIN,
            "sequence": [
                "GET /notes | Origin: <frontend>",
                f"500 Internal Server Error | {STOPS} | Access-Control-Allow-Origin: missing",
            ],
            "decided": "corsgate allows it, but the 500 was answered outside it, without headers.",
            "why": [
                (
                    "The answer is an error (500) without CORS headers: what has to be fixed may be"
                    " that error, which the page cannot see."
                )
            ],
            "advice": {
                "What to do": "Look in the server's log for the error; and let the outermost"
                " layer add the headers to every status."
            },
            "apply": ["Let the application answer and send again"],
            "seen": UNREAD,
            "consoles": {
                "Firefox": FIREFOX
                + "CORS header ‘Access-Control-Allow-Origin’ missing). Status code: 500.",
                "Safari": "Origin <frontend> is not allowed by Access-Control-Allow-Origin."
                " Status code: 500",
            },
        },
        READ,
    ),
    "Two layers": (
        {
            "verdict": HIDDEN,
            "preflight": PLAIN,
            "sequence": [
                "GET /notes | Origin: <frontend>",
                (
                    f"200 OK | {STOPS} | Access-Control-Allow-Origin: <frontend> | {SHOWN}"
                    " | Vary: Origin | Access-Control-Allow-Origin: *"
                ),
            ],
            "decided": "corsgate allows it, but a layer outside changed its answer.",
            "why": [
                (
                    "Access-Control-Allow-Origin is there 2 times: two layers add it, the"
                    " application and a proxy in front of it, as a rule."
                )
            ],
            "advice": {"What to do": "Let only one of the layers add it."},
            "apply": ["Take the proxy's header out and send again"],
            "seen": UNREAD,
            "consoles": {
                "Firefox": FIREFOX
                + "Multiple CORS header ‘Access-Control-Allow-Origin’ not allowed).",
                "Safari": "Access-Control-Allow-Origin cannot contain more than one origin.",
            },
        },
        READ,
    ),
    "Stranger's form": (
        {
            "verdict": "Refused by the gate The application did not run. The user sees the 403.",
            "preflight": "No preflight: a form never asks.",
            "sequence": [
                (
                    "POST /notes | Origin: <stranger> | Content-Type:"
                    " application/x-www-form-urlencoded | Sec-Fetch-Site: cross-site"
                ),
                "403 Forbidden | refused | Vary: Origin, Sec-Fetch-Site",
            ],
            "decided": "The gate says no to the request: cross-site-write.",
            "failed": [f"✕ | gate | {GATE}"],
            "why": [GATE],
            "advice": {
                "Setting": "allow_origins",
                "What to do": "If you trust that site to act as your users, add it:"
                ' write_origins=["<frontend>", "<stranger>"]; if every site may call this route,'
                ' exempt it: gate="off" in its cors(...) or in paths.',
            },
            "notes": [
                (
                    "If you do not know that site, change nothing: that it is kept out is as it"
                    " should be."
                )
            ],
            "apply": CHANGE,
            "seen": "Nothing: the browser shows the answer to the user, not to the page.",
        },
        "The form was sent CORS does not stop forms: the application ran it.",
    ),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with real_browser() as found:
        yield found


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    with laboratory(0) as found:
        yield found


@pytest.fixture
def page(browser: Browser, places: Places) -> Iterator[Page]:
    """The laboratory on a laptop, after its first run; an error in a script ends the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    found = context.new_page()
    errors: list[str] = []
    found.on("pageerror", lambda error: errors.append(str(error)))
    found.on(
        "console",
        lambda said: errors.append(said.text) if "Content Security Policy" in said.text else None,
    )
    found.goto(places.laboratory)
    wait(found)
    yield found
    context.close()
    assert errors == []


@pytest.fixture
def shown(page: Page, places: Places) -> Shown:
    return Shown(page, places)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    wait(page)


def ports(places: Places, text: str) -> str:
    """The text with the ports in the place of the callers that it names in braces."""
    for key in ("port", "frontend"):
        text = text.replace(f"{{{key}}}", places.callers[key].origin.rpartition(":")[2])
    return text


NOTHING: Result = {
    "failed": [],
    "why": [],
    "advice": {},
    "notes": [],
    "apply": [],
    "consoles": {},
}


def test_the_situations_are_those_of_the_table(shown: Shown) -> None:
    assert shown.texts("#situations button") == [*SITUATIONS]


@pytest.mark.parametrize("name", SITUATIONS)
def test_each_situation_says_what_happened_and_its_advice_mends_it(
    page: Page, shown: Shown, places: Places, name: str
) -> None:
    expected, mended = SITUATIONS[name]
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    press(page, name)
    found = shown.all()
    found["failed"] = [ports(places, text) for text in found["failed"]]
    for key in ("failed", "why"):
        wanted = [ports(places, text) for text in expected.get(key, [])]
        assert found.pop(key) == wanted
    # What we say that this console says is what it does say.
    chromium = found["consoles"].pop("Chrome, Edge", None)
    cors = [shown.plain(text) for text in said if text.startswith("Access to fetch")]
    assert cors == ([] if chromium is None else [chromium])
    rest = {key: value for key, value in expected.items() if key not in ("failed", "why")}
    unnamed = {key: value for key, value in NOTHING.items() if key not in ("failed", "why")}
    assert found == {**unnamed, **rest}
    assert shown.texts("#situations [aria-pressed=true]") == [name]

    if mended:
        page.click("#apply")
        wait(page)
        assert shown.all()["verdict"] == mended
        assert shown.count("main[data-verdict=allowed]") == 1
        # What was changed is read out, and is no longer that situation.
        assert page.evaluate("document.activeElement.id") == "title"
        assert shown.count("#situations [aria-pressed=true]") == 0


CALLERS = {
    "frontend": READ_AFTER,
    "port": AT_PREFLIGHT,
    "number": AT_PREFLIGHT,
    "stranger": AT_PREFLIGHT,
    "null": AT_PREFLIGHT,
    "same": "Allowed: same origin CORS has no say: page and API are on one origin.",
}


@pytest.mark.parametrize("caller", CALLERS)
def test_a_page_on_each_origin_calls(page: Page, shown: Shown, places: Places, caller: str) -> None:
    press(page, "Preflight")
    page.select_option("#caller", caller)
    press(page, "Send the request")
    found = shown.all()
    assert found["verdict"] == CALLERS[caller]
    assert page.inner_text("#page-origin") == places.callers[caller].origin
    origin = "null" if caller == "null" else f"<{'api' if caller == 'same' else caller}>"
    assert f"Origin: {origin}" in found["sequence"][0]


def test_each_field_of_the_policy_says_what_it_means(page: Page, shown: Shown) -> None:
    told: dict[str, list[str]] = page.evaluate(
        """Object.fromEntries([...document.querySelectorAll("[data-part=policy] [data-list],"
        + "[data-flag], [data-number], [data-text]")].map(
            (field) => [field.id, [field.title, field.labels[0].title]]))"""
    )
    assert sorted(told) == sorted(Policy._fields)
    assert told["max_age"][0] == (
        "For how many seconds a browser may remember the answer to a preflight."
    )
    assert all(
        at_field == at_name and at_field.endswith(".") for at_field, at_name in told.values()
    )


def test_cookies_go_along_where_the_page_and_the_policy_say_so(page: Page, shown: Shown) -> None:
    page.select_option("#credentials", "include")
    page.check("#allow_credentials")
    press(page, "Send the request")
    press(page, "Send the request")
    found = shown.all()
    assert found["sequence"][0] == "GET /notes | Origin: <frontend> | Cookie: corsgate_demo=1"
    assert '"cookie": true' in found["seen"]


def test_without_a_gate_a_form_gets_through_and_the_gate_is_one_click_away(
    page: Page, shown: Shown
) -> None:
    press(page, "Stranger's form")
    page.select_option("#gate", "off")
    press(page, "Send the request")
    found = shown.all()
    assert found["verdict"].startswith("The form was sent")
    assert found["advice"] == {"Setting": "gate", "To refuse it": 'gate="enforce"'}
    press(page, "Turn the gate on and send again")
    assert shown.all()["verdict"].startswith("Refused by the gate")


def go_to(page: Page, field: str) -> None:
    """With Tab alone, and what is in the field is selected."""
    page.evaluate("document.activeElement.blur()")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == field:
            page.keyboard.press("Control+A")
            return
    pytest.fail(f"Tab does not lead to {field}")


def test_the_policy_is_changed_with_the_keyboard_alone(
    page: Page, shown: Shown, places: Places
) -> None:
    go_to(page, "allow_origins")
    page.keyboard.type("https://app.example.com/")
    page.keyboard.press("Enter")
    page.wait_for_selector("#problem-allow_origins")
    wait(page)
    assert shown.texts("#problem-allow_origins") == [
        (
            "'https://app.example.com/' has a slash or path after the host and port: an origin ends"
            " before that. Write 'https://app.example.com'."
        )
    ]
    assert shown.texts("#live") == ["Nothing was sent | Fix what is marked in red, and send again."]
    # The field is marked, its problem belongs to it, and that is where one is.
    assert page.get_attribute("#allow_origins", "aria-invalid") == "true"
    assert page.get_attribute("#allow_origins", "aria-describedby") == "problem-allow_origins"
    assert page.evaluate("document.activeElement.id") == "allow_origins"

    page.keyboard.press("Control+A")
    page.keyboard.type("https://app.example.com")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type(places.callers["frontend"].origin)
    page.keyboard.press("Enter")
    page.wait_for_selector("main[data-verdict=allowed]")
    assert shown.all()["verdict"] == READ
    assert shown.count(".problem:visible") == 0

    go_to(page, "method")
    page.keyboard.type("DELETE")
    page.keyboard.press("Enter")
    page.wait_for_selector("#sequence li:nth-child(4)")
    assert shown.all()["verdict"] == READ_AFTER


def test_the_policy_is_in_force_while_it_is_written(
    page: Page, shown: Shown, places: Places
) -> None:
    page.fill("#allow_methods", "GET, patch")
    page.wait_for_selector("#problem-allow_methods")
    assert shown.texts("#problem-allow_methods") == [
        "'patch' never matches: method names are case-sensitive. Did you mean 'PATCH'?"
    ]
    page.fill("#allow_methods", "GET, PATCH")
    page.wait_for_selector("#problem-allow_methods", state="detached")
    page.click("#code summary")
    assert shown.texts("#lines") == [
        (
            "from corsgate.flask import CORSGate | CORSGate( | app, | "
            'allow_origins=["<frontend>"], | allow_methods=["GET", "PATCH"], | '
            'expose_headers=["X-Total-Count"], | )'
        )
    ]
    # That is what the API says now, without a press.
    asked = {"Origin": places.callers["frontend"].origin, "Access-Control-Request-Method": "PUT"}
    answer = page.request.fetch(f"{places.api}/notes", method="OPTIONS", headers=asked)
    assert answer.headers["access-control-allow-methods"] == "GET, PATCH"
    page.fill("#max_age", "an hour")
    page.wait_for_selector("#problem-max_age")
    page.fill("#max_age", "")
    page.wait_for_selector("#problem-max_age", state="detached")
    assert "max_age=None" in page.inner_text("#lines")


def test_a_problem_of_a_field_that_is_folded_away_unfolds_it(page: Page, shown: Shown) -> None:
    page.click("main summary:has-text('More fields')")
    page.fill("#preflight_status", "404")
    page.click("main summary:has-text('More fields')")
    assert not page.is_visible("#preflight_status")
    press(page, "Send the request")
    assert page.is_visible("#preflight_status")
    assert shown.texts("#problem-preflight_status") == [
        (
            "404 is no status to answer preflights with. Write 204, or 200 for clients that cannot"
            " take 204."
        )
    ]


def test_a_problem_stays_until_its_own_part_is_mended(page: Page, shown: Shown) -> None:
    page.fill("#method", "")
    page.fill("#allow_origins", "example.com")
    press(page, "Send the request")
    both = shown.texts(".problem:visible")
    assert both == [
        "Write a method, such as GET: at most 64 characters.",
        "'example.com' has no scheme. Write 'https://example.com'.",
    ]
    with page.expect_response("**/policy"):
        page.fill("#allow_origins", "https://example.com")
    page.wait_for_selector("#problem-allow_origins", state="detached")
    assert shown.texts(".problem:visible") == both[:1]


def test_who_is_in_a_hurry_gets_the_verdict_of_what_the_form_says(page: Page, shown: Shown) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    page.evaluate(
        """() => {
            const all = [...document.querySelectorAll("#situations button")];
            for (const name of ["* with cookies", "Bare 500", "patch"])
                all.find((one) => one.textContent === name).click();
        }"""
    )
    wait(page)
    assert shown.texts("#situations [aria-pressed=true]") == ["patch"]
    assert shown.all()["verdict"] == AT_PREFLIGHT
    assert shown.texts("#call")[0].startswith('fetch("<api>/notes", { | method: "patch"')
    assert asked.count("runs") == 2


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("method", "TRACE", "Method is 'TRACE', which fetch() does not take."),
        (
            "headers",
            "Cookie: a=1",
            "A page cannot set the header 'Cookie': browsers drop it silently.",
        ),
        ("headers", "nonsense", "Write 'nonsense' as Name: value."),
    ],
)
def test_what_no_page_can_send_is_said_at_its_field(
    page: Page, shown: Shown, field: str, value: str, problem: str
) -> None:
    page.fill(f"#{field}", value)
    press(page, "Send the request")
    assert shown.texts(f"#problem-{field}") == [problem]


def test_nothing_is_read_as_html(page: Page, shown: Shown) -> None:
    page.fill("#headers", "X-Evil: <img src=x onerror=alert(1)>")
    page.fill("#allow_headers", "x-evil, content-type")
    page.select_option("#body", "json")
    page.fill("#method", "PUT")
    press(page, "Send the request")
    assert "X-Evil: <img src=x onerror=alert(1)>" in shown.all()["sequence"][2]
    page.fill("#allow_origins", "<b>bold</b>")
    press(page, "Send the request")
    assert "<b>bold</b>" in shown.texts("#problem-allow_origins")[0]
    assert shown.count("main img, #problem-allow_origins b") == 0


def test_the_policy_as_code_for_each_framework(page: Page, shown: Shown) -> None:
    page.click("#code summary")
    for name, first in (
        ("Django", "MIDDLEWARE = ["),
        ("WSGI", "from corsgate.wsgi import CORSMiddleware"),
        ("Flask", "from corsgate.flask import CORSGate"),
    ):
        page.get_by_role("button", name=name, exact=True).click()
        assert page.inner_text("#lines").splitlines()[0] == first
        assert shown.texts("#frameworks [aria-pressed=true]") == [name]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("#copy")
    page.wait_for_selector("#copy:has-text('Copied')")
    assert page.evaluate("navigator.clipboard.readText()") == page.text_content("#lines")


def test_what_the_page_does_is_shown_as_code(page: Page, shown: Shown) -> None:
    assert page.text_content("#call") == shown.there('fetch("<api>/notes")')
    page.select_option("#body", "json")
    page.select_option("#credentials", "omit")
    page.fill("#method", "PUT")
    press(page, "Send the request")
    assert page.text_content("#call") == shown.there(
        'fetch("<api>/notes", {\n  method: "PUT",\n'
        '  headers: {"Content-Type":"application/json"},\n'
        '  body: "{\\"text\\": \\"Buy milk\\"}",\n  credentials: "omit",\n})'
    )
    press(page, "Stranger's form")
    assert page.text_content("#call") == shown.there('<form method="post" action="<api>/notes">')


def test_an_address_leads_to_a_situation(browser: Browser, places: Places) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{places.laboratory}/#two-layers")
    wait(page)
    assert Shown(page, places).texts("#situations [aria-pressed=true]") == ["Two layers"]
    press(page, "patch")
    assert page.url == f"{places.laboratory}/#patch"
    context.close()


def test_a_host_that_the_browser_does_not_find_is_replaced(
    page: Page, shown: Shown, places: Places
) -> None:
    # As in a browser that asks the network for names below localhost.
    page.route(f"{places.callers['stranger'].origin}/**", lambda route: route.abort())
    page.select_option("#caller", "stranger")
    press(page, "Send the request")
    assert shown.all()["verdict"] == HIDDEN
    assert page.inner_text("#page-origin") == places.callers["stranger"].instead


def test_a_page_that_does_not_load_is_named(page: Page, shown: Shown, places: Places) -> None:
    page.route(f"{places.callers['port'].origin}/**", lambda route: route.abort())
    page.select_option("#caller", "port")
    press(page, "Send the request")
    assert shown.texts("#live") == [
        "No verdict | The page on <port> does not load in this browser. Choose another."
    ]
    page.select_option("#caller", "frontend")
    press(page, "Send the request")
    assert shown.all()["verdict"] == READ


def test_an_end_of_the_command_is_noticed(browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    with laboratory(0) as there:
        page.goto(there.laboratory)
        wait(page)
    press(page, "Send the request")
    assert page.inner_text("#live") == (
        "No verdict\n\nNobody answers: is corsgate demo still running?"
    )
    context.close()


# ------------------------------------------------------------------ looks

# The colours of the page's texts and of what is behind them, as pairs of custom properties.
_PAIRS = [
    ("ink", "page"),
    ("ink", "card"),
    ("ink", "code"),
    ("soft", "page"),
    ("soft", "card"),
    ("soft", "code"),
    ("accent", "card"),
    ("on-accent", "accent"),
    ("good", "card"),
    ("good", "good-back"),
    ("ink", "good-back"),
    ("bad", "card"),
    ("bad", "bad-back"),
    ("ink", "bad-back"),
    ("ink", "field"),
]
# WCAG 2.2, "relative luminance" and "contrast ratio".
_CONTRAST = """([front, back]) => {
  const style = getComputedStyle(document.documentElement);
  const probe = document.createElement("canvas").getContext("2d");
  const luminance = (name) => {
    probe.fillStyle = style.getPropertyValue(`--${name}`).trim();
    const hex = probe.fillStyle;
    const parts = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
      .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const [dark, light] = [luminance(front), luminance(back)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (900, 1000), (390, 844)])
def test_it_fits_and_can_be_read(
    browser: Browser, places: Places, tmp_path: Path, scheme: Any, width: int, height: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{places.laboratory}/#missing-header")
    wait(page)
    page.screenshot(path=tmp_path / f"{scheme}-{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for pair in _PAIRS:
        assert page.evaluate(_CONTRAST, pair) >= 4.5, pair
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(243, 245, 248)", "dark": "rgb(18, 21, 26)"}[scheme]
    for what in ("#send button", "#title", "#sequence", "#apply", "#caller"):
        box = page.locator(what).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        if width == 1280:  # one screen has it all
            assert box["y"] + box["height"] <= height
    context.close()


def test_on_a_phone_a_press_leads_to_the_verdict(browser: Browser, places: Places) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(places.laboratory)
    wait(page)
    assert page.evaluate("scrollY") == 0
    page.tap("#situations button:has-text('patch')")
    wait(page)
    assert page.evaluate("scrollY") > 0
    box = page.locator("#live").bounding_box()
    assert box is not None
    assert 0 <= box["y"] <= 50
    context.close()


def test_what_has_the_focus_is_not_behind_the_button(browser: Browser, places: Places) -> None:
    size: Any = {"width": 640, "height": 400}  # 1280x800 at 200 %
    context = browser.new_context(viewport=size, reduced_motion="reduce")
    page = context.new_page()
    page.goto(places.laboratory)
    wait(page)
    page.locator("#situations button").last.focus()
    seen = set()
    for _ in range(15):
        page.keyboard.press("Tab")
        field, bottom, top = page.evaluate(
            """() => [
                document.activeElement.id || document.activeElement.textContent,
                document.activeElement.getBoundingClientRect().bottom,
                document.querySelector("#send").getBoundingClientRect().top,
            ]"""
        )
        assert bottom <= top, field
        seen.add(field)
    assert {"caller", "body", "credentials", "max_age", "gate", "layer"} <= seen
    context.close()


# ------------------------------------------------------------------ other engines


@pytest.fixture
def verdicts(monkeypatch: pytest.MonkeyPatch) -> "queue.Queue[Result]":
    """What the server has said of each run, for browsers that nothing but the address steers."""
    found: queue.Queue[Result] = queue.Queue()

    def tell(run: Run, seen: str, places: Places) -> Result:
        verdict = judge(run, seen, places)
        found.put(verdict)
        return verdict

    monkeypatch.setattr(_site, "judge", tell)
    return found


@contextmanager
def opened(engine: str, situation: str) -> Iterator[Path]:
    """The laboratory in another engine, which runs that situation: the folder of its output."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        laboratory(0) as places,
        report_server() as (proxy, _),
        ENGINES[engine](home := Path(folder), proxy) as command,
    ):
        if engine == "webkit":
            command.append("--enable-write-console-messages-to-stdout=true")
        with started([*command, f"{places.laboratory}/#{situation}"], home):
            yield home


@pytest.mark.parametrize(
    ("situation", "title", "states"),
    [
        ("missing-header", "Blocked at the preflight", ["sent", "blocked", "unsent"]),
        ("stranger-s-form", "Refused by the gate", ["sent", "refused"]),
    ],
)
@pytest.mark.parametrize("engine", [name for name in ENGINES if name != "chromium"])
def test_other_engines_run_it_too(
    engine: str, situation: str, title: str, states: list[str], verdicts: "queue.Queue[Result]"
) -> None:
    with opened(engine, situation):
        found = verdicts.get(timeout=60)
    assert found["title"] == title
    assert [row["state"] for row in found["sequence"]] == states


@pytest.mark.parametrize(
    "situation",
    ["wrong-port", "-with-cookies", "missing-header", "patch", "401-to-preflight", "two-layers"],
)
def test_what_is_said_that_safari_says_is_what_webkit_says(
    situation: str, verdicts: "queue.Queue[Result]"
) -> None:
    start = "CONSOLE SECURITY ERROR "
    with opened("webkit", situation) as home:
        found = verdicts.get(timeout=60)
        deadline = time.monotonic() + 20
        said: list[str] = []
        while not said and time.monotonic() < deadline:
            lines = (home / "output").read_text(errors="replace").splitlines()
            said = [line.removeprefix(start) for line in lines if line.startswith(start)]
    assert said == [found["consoles"]["Safari"]]
