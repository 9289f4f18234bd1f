"""A policy as lines to copy, for Flask, Django and any WSGI application."""

from __future__ import annotations

from json import dumps
from typing import TYPE_CHECKING, Any

from ..policy import Policy

if TYPE_CHECKING:
    from collections.abc import Mapping

_WIDTH = 72


def code_of(policy: Policy) -> dict[str, str]:
    """The lines by what they are for; fields that are as by default are left out."""
    usual = Policy().to_dict()
    fields = {
        name: _python(value) for name, value in policy.to_dict().items() if value != usual[name]
    }
    return {
        "Flask": "from corsgate.flask import CORSGate\n\n" + _call("CORSGate(app", fields),
        "Django": (
            'MIDDLEWARE = [\n    "corsgate.django.CORSMiddleware",  # first\n    # ...\n]\n'
            + "".join(f"CORS_{name.upper()} = {text}\n" for name, text in fields.items())
        ),
        "WSGI": (
            "from corsgate.wsgi import CORSMiddleware\n\n"
            + _call("app = CORSMiddleware(app", fields)
        ),
    }


def _call(start: str, fields: Mapping[str, str]) -> str:
    parts = [f"{name}={text}" for name, text in fields.items()]
    line = f"{', '.join([start, *parts])})"
    if len(line) <= _WIDTH:
        return f"{line}\n"
    name, _, first = start.rpartition("(")
    return f"{name}(\n" + "".join(f"    {part},\n" for part in [first, *parts]) + ")\n"


def _python(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_python, value))}]"
    # The texts of a policy are ASCII: as JSON has them, Python has them.
    return dumps(value) if isinstance(value, str) else repr(value)
