"""Customers who name their own origins, which are in a database: Flask with SQLAlchemy.

    pip install 'corsgate[flask,origins]' sqlalchemy
    flask --app examples/tenants_flask.py create-table
    ADMIN_TOKEN=secret flask --app examples/tenants_flask.py run    serves it on http://localhost:5000

    curl localhost:5000/origins -H 'Authorization: Bearer secret' -d origin=https://app.acme.example

DATABASE_URL in the environment is a file of SQLite by default; with `pip install psycopg[binary]`
it can be postgresql+psycopg://user@host/database. It starts while the database is down, too; until
that is back, nobody is allowed.
"""

import os

from flask import Flask, Response, abort, jsonify, request
from sqlalchemy import String, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from corsgate import Policy, PolicyError
from corsgate.flask import CORSGate
from corsgate.origins import CachedOrigins

url = os.environ.get("DATABASE_URL", "sqlite:///tenants.sqlite")
engine = create_engine(url, pool_pre_ping=True)  # a restarted database is found again at once


class Base(DeclarativeBase):
    pass


class AllowedOrigin(Base):
    __tablename__ = "allowed_origins"
    origin: Mapped[str] = mapped_column(String(327), primary_key=True)  # none is longer


def is_known(origin: str) -> bool:
    with Session(engine) as session:
        return session.get(AllowedOrigin, origin) is not None


known = CachedOrigins(is_known, ttl=float(os.environ.get("CORS_TTL", "60")))
app = Flask(__name__)
CORSGate(app, allow_origins=known)


@app.cli.command("create-table")
def create_table() -> None:
    """Creates the table, if it is not there."""
    Base.metadata.create_all(engine)


@app.get("/")
def hello() -> Response:
    return jsonify(hello="customer")


@app.post("/origins")
def add_origin() -> tuple[Response, int]:
    check_admin()
    origin = request.form["origin"]
    try:
        Policy(allow_origins=[origin])
    except PolicyError as error:
        abort(400, str(error))
    if "*" in origin or origin == "null":  # is_known is asked for whole origins only
        abort(400, "Give one origin in full.")
    with Session(engine) as session:
        session.merge(AllowedOrigin(origin=origin))
        session.commit()
    # At once in this process; in others within the time that CachedOrigins keeps answers.
    known.invalidate(origin)
    return jsonify(added=origin), 201


@app.delete("/origins")
def remove_origin() -> Response:
    check_admin()
    origin = request.form["origin"]
    with Session(engine) as session:
        found = session.get(AllowedOrigin, origin)
        if found is None:
            abort(404)
        session.delete(found)
        session.commit()
    known.invalidate(origin)
    return jsonify(removed=origin)


def check_admin() -> None:
    token = os.environ.get("ADMIN_TOKEN")
    if token is None or request.headers.get("Authorization") != f"Bearer {token}":
        abort(403)
