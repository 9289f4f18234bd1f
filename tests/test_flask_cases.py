"""The table of cases.py, run through Flask: the whole of every answer that the gate lets out."""

from wsgiref.validate import validator

import pytest
from cases import CASES, Case, observe
from flask import Flask, Response
from wsgi_client import call

from corsgate.flask import CORSGate


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_flask_answers_as_the_table_says(case: Case) -> None:
    app = Flask(__name__)
    ran: list[str] = []

    def view(path: str) -> Response:
        ran.append(path)
        reply = case.reply
        return Response(reply.body, status=reply.status, headers=list(reply.headers))

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    app.add_url_rule(
        "/<path:path>", view_func=view, methods=methods, provide_automatic_options=False
    )
    CORSGate(app, **case.options)
    answer = call(validator(app), case.request.method, case.request.path, case.request.headers)
    assert observe(case.request, answer, ran=bool(ran)) == case.outcome
