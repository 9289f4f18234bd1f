"""CORS for WSGI applications: one policy, for plain WSGI, Flask and Django alike.

Import the front end that you need: `corsgate.wsgi`, `corsgate.flask` or `corsgate.django`.
"""

from ._decision import Decision
from ._engine import decide
from ._record import TYPE_CHECKING
from .errors import PolicyError, Problem
from .policy import Policy

if TYPE_CHECKING:
    from ._explain import explain
    from ._gate import check

__all__ = ["Decision", "Policy", "PolicyError", "Problem", "check", "decide", "explain"]

_GATES = (
    "from corsgate.flask import CORSGate (Flask), from corsgate.wsgi import CORSMiddleware (any "
    'WSGI application), or "corsgate.django.CORSMiddleware" in MIDDLEWARE (Django)'
)
_DECORATORS = (
    "from corsgate.flask import cors (Flask), or from corsgate.django import cors (Django)"
)
# Our own names, and what Flask-Cors and django-cors-headers call them.
_ELSEWHERE = {
    **dict.fromkeys(("CORSGate", "CORSMiddleware", "CORS", "CorsMiddleware"), _GATES),
    **dict.fromkeys(("cors", "cross_origin"), _DECORATORS),
}
_MODULES = ("browser", "django", "errors", "flask", "origins", "policy", "wsgi")


def __dir__() -> list[str]:
    return [*__all__, *(name for name in _MODULES if name in globals())]


if not TYPE_CHECKING:  # so that a type checker sees a wrong name by itself

    def __getattr__(name: str) -> object:
        if name == "explain":
            from ._explain import explain  # words that a running server seldom needs

            return explain
        if name == "check":
            from ._gate import check  # most programs leave that to a front end

            return check
        # An ImportError and not an AttributeError: its text is what the user gets to read. One
        # name for several front ends would let a wrapper be made and dropped, silently.
        if name in _ELSEWHERE:
            raise ImportError(f"{name} is not for every framework: write {_ELSEWHERE[name]}.")
        raise AttributeError(f"module 'corsgate' has no attribute {name!r}")


del TYPE_CHECKING
