"""What is answered where Flask lets an exception out."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from ._engine import write_headers
from ._log import ERROR, log
from ._problems import show
from ._protocol import ENVIRON_FETCH_MODE, ENVIRON_ORIGIN

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    from flask import Flask

    from ._decision import Decision


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
    app: Flask,
    error: Exception,
    environ: WSGIEnvironment,
    decision: Decision,
    debug: bool,
    start_response: StartResponse,
) -> list[bytes]:
    """Answer 500 in the application's stead; the exception is logged."""
    log_error(app, error, environ)
    text = ""
    if debug:
        text = type(error).__name__
        if decision.policy is not None and decision.policy.allow_origins != ("*",):
            with suppress(Exception):  # of its __str__
                text += f": {error}"
    body = text.encode("utf-8", "replace")
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
    ]
    # PEP 3333: with exc_info there may have been a call before.
    exc_info = sys.exc_info()
    start_response("500 INTERNAL SERVER ERROR", write_headers(headers, decision), exc_info)
    return [body]


def log_error(app: Flask, error: Exception, environ: WSGIEnvironment) -> None:
    """Log an exception that is not let out."""
    log(
        ERROR,
        "Exception on %s [%s]",  # as Flask does
        *(show(environ.get(key, ""))[1:-1] for key in ("PATH_INFO", "REQUEST_METHOD")),
        logger=app.logger,
        error=error,
    )
