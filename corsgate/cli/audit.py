"""`corsgate audit`: asks a live server with hostile origins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.text import Text

from .._protocol import ALLOW_CREDENTIALS, ALLOW_ORIGIN, ORIGIN, VARY
from ..browser import HTTPRequest, HTTPResponse
from ..browser._messages import get, values_of
from ..browser._url import is_origin
from ._diagnosis import cut, in_one_line
from ._hostile import (
    Question,
    Risk,
    find_notes,
    find_risk,
    find_risks,
    is_said_already,
    questions,
)
from ._live import insecure_option, json_option, parse_live_url, timeout_option
from ._print import check_origin, make_console, print_json
from ._transport import HTTPTransport, NoAnswerError

if TYPE_CHECKING:
    from rich.console import Console

    Answer = tuple[Question, HTTPResponse]

NOTHING_FOUND, FOUND, STOPPED = 0, 1, 2
USER_AGENT = "corsgate (CORS audit)"
_HEADERS = {
    "allow_origin": ALLOW_ORIGIN,
    "allow_credentials": ALLOW_CREDENTIALS,
    "vary": VARY,
}
_STYLES = {"critical": "bold red", "high": "bold red", "medium": "bold yellow", "low": "yellow"}


@click.command(short_help="Ask a live server with hostile origins, and say what is risky.")
@click.argument("url")
@click.option("--origin", help="An origin that the server is to allow; others are made from it.")
@timeout_option
@insecure_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    *,
    url: str,
    origin: str | None,
    timeout: float,
    insecure: bool,
    as_json: bool,
) -> None:
    """Ask the server at URL as pages on hostile origins, and say which it lets in, and the risk.

    At most 40 GET requests, one after the other, without cookies, and to this address only:
    redirects are not followed. Ask only servers that are yours, or whose owner agrees.

    The exit status is 0 where nothing was found that is graded above info, 1 where something was,
    and 2 where an answer did not come, none was 2xx, or the question makes no sense.

    \b
    corsgate audit https://api.example.com/me --origin https://app.example.com
    """
    target = parse_live_url(url)
    if origin is not None:
        check_origin(origin)
    asked = questions(target, origin)
    console = None if as_json else make_console()
    if console is not None:
        _announce(console, str(target), len(asked))
    transport = HTTPTransport(timeout=timeout, insecure=insecure, user_agent=USER_AGENT)
    answers: list[Answer] = []
    stopped = ""
    for question in asked:
        if is_said_already(question, answers):
            continue
        headers = [("Accept", "*/*"), (ORIGIN, question.origin)]
        try:
            response = transport(HTTPRequest("GET", str(target), headers))
        except NoAnswerError as error:
            stopped = f"{error}."
            break
        answers.append((question, response))
        if response.status == 429:
            stopped = "the server asks for fewer requests (429)."
            break
    risks, notes = find_risks(answers), find_notes(answers, named=origin is not None)
    found = any(risk.grade != "info" for risk in risks)
    if not (stopped or found or any(200 <= answer.status <= 299 for _, answer in answers)):
        stopped = "no answer was 2xx, so nothing is proven; name an address that answers 200."
    if console is None:
        print_json(
            {
                "url": str(target),
                "stopped": stopped or None,
                "answers": [*map(_plain, answers)],
                "risks": [risk._asdict() for risk in risks],
                "notes": notes,
            }
        )
    else:
        _print_answers(console, answers)
        _print_risks(console, risks)
        for note in notes:
            _print(console, "Note: ", note, "bold")
        if stopped:
            _print(console, "Stopped: ", stopped, "bold red")
        elif not risks:
            console.print("Nothing found: no hostile origin is let in.")
    if stopped:
        ctx.exit(STOPPED)
    ctx.exit(FOUND if found else NOTHING_FOUND)


def _plain(answer: Answer) -> dict[str, Any]:
    question, response = answer
    lines = {
        name: [*map(cut, values_of(response.headers, header))] for name, header in _HEADERS.items()
    }
    risk = find_risk(question, response)
    return {**question._asdict(), "status": response.status, **lines,
            "grade": risk and risk.grade}  # fmt: skip


def _announce(console: Console, url: str, count: int) -> None:
    text = (
        f"Asks {in_one_line(url)} at most {count} times, one after the other, each time as a page"
        " on another origin.\nNo redirect is followed, and no other host is asked.\n"
    )
    console.print(Text(text), soft_wrap=True)


def _print_answers(console: Console, answers: list[Answer]) -> None:
    if not answers:
        return
    rows = [("Grade", "Kind", "Origin asked with", "Answer")]
    for question, response in answers:
        risk = find_risk(question, response)
        rows.append((risk.grade if risk else "-", *question, _said(question, response)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        _print(console, cells[0], "  ".join(["", *cells[1:]]).rstrip(), _STYLES.get(row[0], ""))
    console.print()


def _print_risks(console: Console, risks: list[Risk]) -> None:
    for risk in risks:
        label = f"{risk.grade.capitalize()}: "
        text = f"{risk.kind}, {risk.origin}: {risk.text}"
        _print(console, label, text, _STYLES.get(risk.grade, "bold"))
        _print(console, "Fix: ", risk.fix, "bold")


def _print(console: Console, label: str, text: str, style: str) -> None:
    console.print(Text.assemble((label, style), text), soft_wrap=True)


def _said(question: Question, response: HTTPResponse) -> str:
    """The answer in a few words: whether a browser lets this origin in."""
    values = values_of(response.headers, ALLOW_ORIGIN)
    value = in_one_line(", ".join(values), 100)
    if not values:
        said = "lets nobody in"
    elif len(values) > 1:
        times = "twice" if len(values) == 2 else f"{len(values)} times"
        said = f"refused (the header is there {times})"
    elif value == "*":
        said = "lets every origin in"
    elif values == [question.origin]:
        cookies = get(response.headers, ALLOW_CREDENTIALS) == "true"
        said = f"lets {value} in{' with cookies' if cookies else ''}"
    elif is_origin(values[0]) and "*" not in value:
        said = f"refused (allows only {value})"
    else:
        said = f"refused (the header is no origin: {value})"
    return f"{response.status}, {said}"
