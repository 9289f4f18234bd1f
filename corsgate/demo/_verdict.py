"""What came of a run: what the browser did, what the server decided, and what to change.

What the browser did is what it sent and what the page saw. Why it stopped, no page is told; so
corsgate's own browser is given the same answers, and says where the standard stops.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._explain import Explanation, explain_in
from .._protocol import RESPONSE_HEADERS, VARY
from .._words import Line, Words
from ..browser import Browser, FetchError
from ..browser._safelist import SAFELISTED_RESPONSE_HEADERS
from ..cli._diagnosis import find_cause
from ._api import PATH, RUN
from ._consoles import consoles
from ._drawing import sequence_of, why_preflight
from ._runs import fetch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from ..policy import Policy
    from ._places import Places
    from ._runs import Asked, Exchange, Run

_STRANGER = "If you do not know that site, change nothing: that it is kept out is as it should be."
_OUTSIDE = {
    "crash": "corsgate allows it, but the 500 was answered outside it, without headers.",
    "proxy": "corsgate allows it, but a layer outside changed its answer.",
}
_LAYERS = {
    "login": "Let preflights pass the login",
    "crash": "Let the application answer",
    "proxy": "Take the proxy's header out",
}


class _Heard(Words):
    """The usual words, which remember the lines that were made of them."""

    __slots__ = ("lines_made",)
    lines_made: list[tuple[str, dict[str, Any]]]

    def __init__(self) -> None:
        super().__init__("{}", "=", ", ")
        self._set(lines_made=[])

    def at(self, place: str) -> Words:
        return self

    def lines(self, options: Mapping[str, object]) -> Line:
        line = super().lines(options)
        self.lines_made.append((line, dict(options)))
        return line


def judge(run: Run, seen: str, places: Places) -> dict[str, Any]:
    """All that the laboratory shows of a run, as plain types.

    :param seen: what the page saw: `"answer"`, `"error"`, or `"form"`, which sees nothing.
    """
    exchanges = [*run.exchanges]
    asked = run.asked
    error, readable = _replay(run, exchanges, places)
    blocked = seen == "error"
    found: dict[str, Any] = {
        "allowed": not blocked,
        "preflight": why_preflight(asked),
        "sequence": sequence_of(run, exchanges, error if blocked else None, blocked),
        "consoles": {},
        "hidden": [],
        "change": None,
        "advice": {},
        "notes": [],
    }
    if not exchanges:
        return {
            **found,
            "title": "Nothing reached the API",
            "text": "No request arrived. The browser's console (F12) may say what stopped it.",
            "server": {"title": "The API was not asked.", "steps": []},
        }
    words = _Heard()
    # A preflight that passes says nothing about the answer that comes after it.
    deciding = exchanges[-1]
    explanation = explain_in(
        words,
        deciding.policy,
        deciding.environ,
        credentials=asked.credentials == "include" and asked.sender == "fetch",
    )
    found["server"] = _server(run, deciding, explanation, blocked)
    found["title"], found["text"] = _headline(asked, exchanges, seen)
    if seen == "form" and not deciding.ran:
        found["allowed"] = False
    if not found["allowed"]:
        if blocked and error is not None:
            name = next((name for name, _ in asked.headers if name.lower() in error.what), "")
            found["consoles"] = consoles(error, asked.origin, asked.method, name)
        found |= _advice(run, deciding, explanation, error, words)
        if asked.caller == "stranger":
            found["notes"].append(_STRANGER)
    elif seen == "form" and deciding.policy.gate != "enforce":
        found |= {
            "advice": {"label": "To refuse it", "fix": 'gate="enforce"', "setting": "gate"},
            "change": {"text": "Turn the gate on", "policy": {"gate": "enforce"}},
        }
    elif readable is not None:
        found |= _hidden(deciding, readable)
        if not explanation.allowed:
            found["notes"].append(f"It is not corsgate that allows it. {explanation.message}")
    elif error is not None:
        found["notes"].append(f"By the standard a browser blocks this: {error.what}.")
    return found


# ------------------------------------------------------------------ why


def _replay(
    run: Run, exchanges: list[Exchange], places: Places
) -> tuple[FetchError | None, set[str] | None]:
    """What the standard makes of these very answers: where it stops, or the readable headers."""
    left = [*exchanges]

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        preflight = "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
        if not left or left[0].is_preflight != preflight or not left[0].status:
            raise LookupError
        exchange = left.pop(0)
        start_response(exchange.status, exchange.headers)
        return [exchange.body]

    browser = Browser(answer, origin=run.asked.origin, base_url=places.api)
    try:
        response = fetch(browser, run.asked, f"{PATH}?{RUN}={run.id}")
    except FetchError as error:
        return error, None
    except LookupError:  # the browser did otherwise
        return None, None
    return None, {name.lower() for name in response.headers}


def _headline(asked: Asked, exchanges: list[Exchange], seen: str) -> tuple[str, str]:
    last = exchanges[-1]
    if seen == "form" and last.ran:
        return "The form was sent", "CORS does not stop forms: the application ran it."
    if seen == "form" and last.reached:
        return "Refused by the gate", "The application did not run. The user sees the 403."
    if seen == "form":
        return "Refused in front", f"A layer in front of corsgate answered {last.status}."
    if seen == "answer" and asked.caller == "same":
        return "Allowed: same origin", "CORS has no say: page and API are on one origin."
    if seen == "answer" and exchanges[0].is_preflight:
        return "Allowed", "The preflight passed, and the page may read the answer."
    if seen == "answer":
        return "Allowed", "The page may read the answer."
    if last.is_preflight:
        return "Blocked at the preflight", "The request itself was never sent."
    ran = "The application ran the request." if last.ran else "The application did not run."
    return "Blocked: the answer is hidden", f"{ran} The browser keeps the answer from the page."


def _server(
    run: Run, exchange: Exchange, explanation: Explanation, blocked: bool
) -> dict[str, Any]:
    if not exchange.reached:
        text = f"corsgate was not asked: a layer in front answered {exchange.status}."
        return {"title": text, "steps": []}
    title = _decided(run.asked, exchange, explanation)
    if blocked and explanation.allowed and run.layer in _OUTSIDE:
        title = _OUTSIDE[run.layer]
    return {"title": title, "steps": explanation.to_dict()["steps"]}


def _decided(asked: Asked, exchange: Exchange, explanation: Explanation) -> str:
    decision = exchange.decision
    what = "preflight" if exchange.is_preflight else "request"
    if decision is None or decision.kind == "not-cors":
        return f"The {what} is no CORS request: nothing to decide."
    if decision.kind == "gate" and exchange.ran:
        return f"The gate reports the {what}, and lets it pass: {decision.reason}."
    if decision.kind == "gate":
        return f"The gate says no to the {what}: {decision.reason}."
    if asked.sender == "form":
        gate = "no gate is on" if exchange.policy.gate == "off" else "the gate lets it pass"
        return f"CORS has no say in a form, and {gate}."
    if not decision.allowed:
        return f"corsgate does not allow the {what}: {decision.reason}."
    if not explanation.allowed:
        return "corsgate allows the origin, but not all that the page asks for."
    return f"corsgate allows the {what}."


def _advice(
    run: Run,
    deciding: Exchange,
    explanation: Explanation,
    error: FetchError | None,
    words: _Heard,
) -> dict[str, Any]:
    if deciding.reached and not explanation.allowed:
        label, _, fix = explanation.advice.partition(": ")
        prose = not isinstance(explanation.fix, Line)
        return {
            "advice": {
                "why": explanation.message,
                "setting": explanation.setting,
                "nearest": explanation.nearest,
                "label": label,
                "fix": f"{fix[0].upper()}{fix[1:]}." if prose else fix,
                "prose": prose,
            },
            "change": _change(explanation, words, deciding.policy, run.asked),
        }
    if error is not None:
        _, why, fix = find_cause(error, run.asked.origin)
    elif not deciding.reached:
        why, fix = "CORS and the gate have no part in it.", "Look at the layer in front."
    else:
        why = "By the standard a browser allows this: yours has a reason of its own."
        fix = "Look in its console (F12)."
    change = None
    if run.layer in _LAYERS:
        change = {"text": _LAYERS[run.layer], "layer": "none"}
    return {
        "advice": {"why": why, "label": "What to do", "fix": fix, "prose": True},
        "change": change,
    }


def _change(
    explanation: Explanation, words: _Heard, policy: Policy, asked: Asked
) -> dict[str, Any] | None:
    """The advice as what a button can do, if it is that plain."""
    if explanation.reason == "method-not-allowed" and explanation.nearest:
        return {
            "text": f"Write {explanation.nearest} in the page",
            "request": {"method": explanation.nearest},
        }
    for line, options in reversed(words.lines_made):
        if explanation.fix != line and f"add it: {line}" not in explanation.fix:
            continue
        values = {name: _expanded(value, name, policy) for name, value in options.items()}
        return {"text": "Change the policy", "policy": values}
    return None


def _expanded(value: Any, name: str, policy: Policy) -> Any:
    """What a line says, with what is there already in the place of `...`."""
    if not isinstance(value, (list, tuple)):
        return value
    there = getattr(policy, name) or ()
    return [entry for part in value for entry in (there if part is ... else [part])]


def _hidden(exchange: Exchange, readable: set[str]) -> dict[str, Any]:
    """The application's own headers that the page cannot see, and what would show them."""
    ours = {*RESPONSE_HEADERS, VARY.lower(), "set-cookie", *SAFELISTED_RESPONSE_HEADERS}
    hidden = [
        name
        for name, _ in exchange.headers
        if name.lower() not in ours and name.lower() not in readable
    ]
    if not hidden:
        return {}
    names = [*exchange.policy.expose_headers, *hidden]
    return {
        "hidden": hidden,
        "advice": {
            "why": f"The answer has {', '.join(hidden)}, which the page cannot read.",
            "setting": "expose_headers",
            "label": "To show it",
            "fix": str(_Heard().line("expose_headers", names)),
        },
        "change": {"text": "Change the policy", "policy": {"expose_headers": names}},
    }
