"""A small JSON API in Flask that a page on another origin may call.

    python examples/flask_app.py        serves it on http://localhost:5000
    python examples/try_it.py flask     shows it at work in a browser

CORS_ALLOW_ORIGINS in the environment names the origins it allows, separated by commas.
"""

import os

from flask import Flask, Response, abort, jsonify, request

from corsgate.flask import CORSGate, cors

app = Flask(__name__)
CORSGate(
    app,
    allow_origins=os.environ.get("CORS_ALLOW_ORIGINS", "http://localhost:8000"),
    allow_credentials=True,
    expose_headers=["X-Total-Count"],
)

notes = {"1": "Buy milk"}


@app.get("/api/notes")
def list_notes() -> Response:
    response = jsonify(notes)
    response.headers["X-Total-Count"] = str(len(notes))
    return response


@app.post("/api/notes")
def add_note() -> tuple[Response, int]:
    return save(str(len(notes) + 1)), 201


@app.put("/api/notes/<number>")
def change_note(number: str) -> Response:
    if number not in notes:
        abort(404)
    return save(number)


def save(number: str) -> Response:
    try:
        notes[number] = str(request.get_json()["text"])
    except (TypeError, KeyError):
        abort(400, 'send {"text": "..."}')
    return jsonify({number: notes[number]})


@app.post("/api/visits")
def count_visits() -> Response:
    visits = request.cookies.get("visits", 0, type=int) + 1
    response = jsonify(visits=visits)
    # For a page on another site, not just on another port: samesite="None", secure=True
    response.set_cookie("visits", str(visits), httponly=True, samesite="Lax")
    return response


@app.get("/api/crash")
def crash() -> Response:
    raise RuntimeError("raised on purpose: the page can read the 500")


@app.get("/api/public")
@cors(allow_origins="*", allow_credentials=False)
def public() -> Response:
    return jsonify(hello="everyone")


if __name__ == "__main__":
    app.run(host="localhost", port=int(os.environ.get("PORT", "5000")))
