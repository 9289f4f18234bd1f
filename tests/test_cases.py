"""The table of cases.py, run through the bare WSGI middleware; and the judge that reads answers."""

import collections
from wsgiref.validate import validator

import pytest
from cases import (
    APP,
    CASES,
    EVIL,
    ROWS,
    SAFELISTED,
    Case,
    Conclusion,
    Request,
    app_of,
    conclude,
    is_a_pages,
    observe,
    page_options,
)
from wsgi_client import Answer, SpyApp, call

from corsgate.browser import Browser, CORSError
from corsgate.wsgi import CORSMiddleware


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_wsgi_middleware_answers_as_the_table_says(case: Case) -> None:
    reply = case.reply
    content = () if reply.status == 304 else (("Content-Type", "text/plain"),)
    spy = SpyApp(f"{reply.status} Said", (*content, *reply.headers), (reply.body,))
    app = validator(CORSMiddleware(validator(spy), **case.options))
    answer = call(app, case.request.method, case.request.path, case.request.headers)
    assert observe(case.request, answer, ran=bool(spy.called)) == case.outcome


def test_every_row_of_the_design_has_cases() -> None:
    assert [row.name for row in ROWS if not row.cases] == []


def test_no_two_cases_have_one_name() -> None:
    names = collections.Counter(case.id for case in CASES)
    assert [name for name, times in names.items() if times > 1] == []


def asks(**more: object) -> Request:
    return Request(
        method="OPTIONS",
        headers={"Origin": APP, "Access-Control-Request-Method": "PUT"}
        | {name: str(value) for name, value in more.items()},
    )


CONCLUSIONS: dict[str, tuple[Request, int, dict[str, str], Conclusion]] = {
    "no-origin-was-sent": (Request(), 200, {}, "no CORS"),
    "no-answer-about-cors": (Request(headers={"Origin": APP}), 200, {}, "blocked"),
    "its-origin": (
        Request(headers={"Origin": APP}),
        500,
        {"Access-Control-Allow-Origin": APP},
        "allowed",
    ),
    "another-origin": (
        Request(headers={"Origin": APP}),
        200,
        {"Access-Control-Allow-Origin": EVIL},
        "blocked",
    ),
    "a-star": (
        Request(headers={"Origin": APP}),
        200,
        {"Access-Control-Allow-Origin": "*"},
        "allowed",
    ),
    "a-star-for-cookies": (
        Request(headers={"Origin": APP}, credentials=True),
        200,
        {"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "true"},
        "blocked",
    ),
    "its-origin-without-credentials": (
        Request(headers={"Origin": APP}, credentials=True),
        200,
        {"Access-Control-Allow-Origin": APP},
        "blocked",
    ),
    "credentials-in-capitals": (
        Request(headers={"Origin": APP}, credentials=True),
        200,
        {"Access-Control-Allow-Origin": APP, "Access-Control-Allow-Credentials": "True"},
        "blocked",
    ),
    "credentials": (
        Request(headers={"Origin": APP}, credentials=True),
        200,
        {"Access-Control-Allow-Origin": APP, "Access-Control-Allow-Credentials": "true"},
        "allowed",
    ),
    "preflight-that-lists-the-method": (
        asks(),
        204,
        {"Access-Control-Allow-Origin": APP, "Access-Control-Allow-Methods": "GET, PUT"},
        "allowed",
    ),
    "preflight-that-lists-another-case": (
        asks(),
        204,
        {"Access-Control-Allow-Origin": APP, "Access-Control-Allow-Methods": "put"},
        "blocked",
    ),
    "preflight-with-a-redirect": (
        asks(),
        308,
        {"Access-Control-Allow-Origin": APP, "Access-Control-Allow-Methods": "PUT"},
        "blocked",
    ),
    "preflight-with-a-star": (
        asks(),
        200,
        {"Access-Control-Allow-Origin": APP, "Access-Control-Allow-Methods": "*"},
        "allowed",
    ),
    "preflight-without-the-header-name": (
        asks(**{"Access-Control-Request-Headers": "x-a"}),
        200,
        {"Access-Control-Allow-Origin": APP, "Access-Control-Allow-Methods": "PUT"},
        "blocked",
    ),
    "preflight-with-the-header-name": (
        asks(**{"Access-Control-Request-Headers": "x-a"}),
        200,
        {
            "Access-Control-Allow-Origin": APP,
            "Access-Control-Allow-Methods": "PUT",
            "Access-Control-Allow-Headers": "X-A",
        },
        "allowed",
    ),
    "preflight-with-a-star-for-authorization": (
        asks(**{"Access-Control-Request-Headers": "authorization"}),
        200,
        {
            "Access-Control-Allow-Origin": APP,
            "Access-Control-Allow-Methods": "PUT",
            "Access-Control-Allow-Headers": "*",
        },
        "blocked",
    ),
}


@pytest.mark.parametrize(
    ("request_", "status", "headers", "expected"), CONCLUSIONS.values(), ids=CONCLUSIONS
)
def test_the_judge_concludes_what_a_browser_does(
    request_: Request, status: int, headers: dict[str, str], expected: Conclusion
) -> None:
    answer = Answer(status, "", list(headers.items()), b"")
    assert conclude(request_, answer) == expected


@pytest.mark.parametrize(
    "case", [case for case in CASES if is_a_pages(case)], ids=lambda case: case.id
)
def test_a_page_in_a_browser_concludes_what_the_table_says(case: Case) -> None:
    asked = case.request.headers.get("Access-Control-Request-Method")
    needs_preflight = asked or case.request.method not in SAFELISTED
    requests = 2 if needs_preflight and case.outcome.browser == "allowed" else 1
    page = Browser(app_of(case), origin=case.request.headers["Origin"])
    try:
        page.fetch(case.request.path, **page_options(case))
    except CORSError:
        conclusion = "blocked"
    else:
        conclusion = "allowed"
    assert (conclusion, len(page.exchanges)) == (case.outcome.browser, requests)
