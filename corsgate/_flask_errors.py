"""What is answered where Flask lets an exception out, and where the gate refuses a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import request
from werkzeug.exceptions import HTTPException

from ._engine import answer_preflight, write_headers
from ._log import ERROR, log
from ._protocol import ENVIRON_FETCH_MODE, ENVIRON_ORIGIN
from ._refusals import note_no_answer
from .errors import show

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any
    from wsgiref.types import WSGIEnvironment

    from flask import Flask

    from ._engine import Decision

_ASK = "corsgate.gate"  # in the environ: what asks the gate, once it is known which view is meant


def may_answer_error(app: Flask, environ: WSGIEnvironment, decision: Decision) -> bool:
    """Whether an exception that Flask lets out is answered here, for the page to read.

    Tests want the exception itself, and a person who navigates wants the debugger's page.
    """
    return (
        not app.testing
        and ENVIRON_ORIGIN in environ
        and decision.kind == "actual"
        and decision.allowed
        and environ.get(ENVIRON_FETCH_MODE) != "navigate"
    )


def answer_error(
    app: Flask, error: Exception, environ: WSGIEnvironment, decision: Decision, debug: bool
) -> tuple[list[tuple[str, str]], bytes]:
    """Headers and body of the 500 in the application's stead; the exception is logged."""
    log(
        ERROR,
        "Exception on %s [%s]",  # as Flask does
        *(show(environ.get(key, ""))[1:-1] for key in ("PATH_INFO", "REQUEST_METHOD")),
        logger=app.logger,
        error=error,
    )
    text = ""
    if debug:
        text = type(error).__name__
        if decision.policy is not None and decision.policy.allow_origins != ("*",):
            text += f": {error}"
    body = text.encode("utf-8", "replace")
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
    ]
    return write_headers(headers, decision), body


def ask_before_view(environ: WSGIEnvironment, ask: Callable[[], object]) -> None:
    """Have the gate asked in the request, if the application has `ask_gate` connected."""
    environ[_ASK] = ask


def ask_gate(app: Flask, **kwargs: object) -> None:
    """For `flask.request_started`: after routing, and before the first hook of the application."""
    ask = request.environ.get(_ASK)
    if ask is not None:
        ask()


def refuse(app: Flask, decision: Decision, answer: Any) -> HTTPException:
    """What to raise in a request, so that Flask answers for the gate and calls no view.

    :param answer: what a view may return, or None.
    """
    response = None
    if answer is not None:
        try:
            response = app.make_response(answer)
        except TypeError:
            note_no_answer(answer, "Flask response value")
    if response is None:
        status, _, body = answer_preflight(decision)
        response = app.response_class(body, status, content_type="text/plain; charset=utf-8")
    # Flask looks for no error handler where there is no code.
    return HTTPException(response=response)
