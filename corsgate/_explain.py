"""Why a browser blocks a request, or does not: the slow, wordy twin of the engine.

What is said names the policy's values: it is for whoever writes the application, and is shown to
clients in debug mode only.
"""

from __future__ import annotations

from ._closed import FAILED, is_between
from ._gate_reasons import check_gate
from ._nested import Derived, HandsOff, leaves_cors
from ._problems import show
from ._reasons import CHECKS, Failure
from ._record import Record
from ._request import Request
from ._sources import ask, for_method
from ._words import DJANGO_SETTINGS, FLASK_CONFIG, KEYWORDS, Words, advice_of, name_of, one_line
from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from ._nested import Source

__all__ = [
    "DJANGO_SETTINGS",
    "FLASK_CONFIG",
    "KEYWORDS",
    "Explanation",
    "Step",
    "Words",
    "explain",
    "explain_in",
]


class Step(Record):
    """One thing that a browser looks at.

    :param name: `cors-request`, `policy`, `origin`, `credentials`, `method` or `headers`; and
        `gate` where one is on: where it is asked, before the others that a browser looks at.
    :param passed: None where the browser did not get so far.
    :param text: what it found, as a sentence.
    """

    __slots__ = _fields = ("name", "passed", "text")
    name: str
    passed: bool | None
    text: str

    def __init__(self, *, name: str, passed: bool | None, text: str) -> None:
        self._set(name=name, passed=passed, text=text)


class Explanation(Record):
    """What a browser makes of one request under one policy, and why.

    :param allowed: whether it lets the call through, and the page may read the answer.
    :param reason: stable code of what failed: `"origin-not-allowed"`, `"credentials-not-allowed"`,
        `"method-not-allowed"`, `"header-not-allowed"`, `"authorization-not-covered"`,
        `"no-policy"`, `"policy-source-failed"`, `"path-ambiguous"`; of the gate
        `"cross-site-write"`, `"cross-site-read"`, `"cross-site-websocket"`. Where it is allowed:
        None, or why no policy had a say: `"not-cors"`, `"same-origin"`, or why it is no preflight:
        `"plain-options"`.
    :param message: the same as a sentence.
    :param setting: what decides, as it is written where the policy is; "" if nothing does.
    :param nearest: the allowed value that comes nearest, or None.
    :param fix: the line to write, or what else to do; "" if there is nothing to do.
    :param steps: the steps of the browser, in its order.
    """

    __slots__ = _fields = ("allowed", "reason", "message", "setting", "nearest", "fix", "steps")
    allowed: bool
    reason: str | None
    message: str
    setting: str
    nearest: str | None
    fix: str
    steps: tuple[Step, ...]

    def __init__(
        self,
        *,
        allowed: bool,
        reason: str | None,
        message: str,
        setting: str = "",
        nearest: str | None = None,
        fix: str = "",
        steps: Iterable[Step],
    ) -> None:
        self._set(
            allowed=allowed,
            reason=reason,
            message=message,
            setting=setting,
            nearest=nearest,
            fix=fix,
            steps=tuple(steps),
        )

    @property
    def line(self) -> str:
        """Message and fix in one line of printable ASCII, at most 400 characters."""
        return one_line(f"{self.message} {self.advice}" if self.fix else self.message)

    @property
    def advice(self) -> str:
        """The fix after what it is: a line to write, or what else to do; "" if there is none."""
        return advice_of(self.fix)

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain types, for JSON."""
        plain = {name: getattr(self, name) for name in self._fields}
        plain["steps"] = [
            {name: getattr(step, name) for name in step._fields} for step in self.steps
        ]
        return plain

    def __str__(self) -> str:
        marks = {True: "passed", False: "FAILED", None: "-"}
        lines = [f"{marks[step.passed]:8}{step.name:14}{step.text}" for step in self.steps]
        lines += ["", f"{'Allowed' if self.allowed else 'Blocked'}: {self.message}"]
        if self.nearest is not None:
            lines.append(f"Nearest allowed value: {self.nearest}")
        if self.fix:
            lines.append(self.advice)
        return "\n".join(lines)


def explain(
    policy: Source, environ: Mapping[str, Any], *, credentials: bool = False
) -> Explanation:
    """Say what a browser makes of a request, step by step, and what would allow it.

    :param policy: a `Policy`, `None`, or a callable that gives one per request.
    :param environ: the request as a WSGI environ, Django's `request.META`, or any mapping with
        `REQUEST_METHOD` and `HTTP_*`: a preflight or an actual request. Of an actual request the
        method, Authorization and Content-Type are judged too, as in the preflight before it. A
        gate looks at Sec-Fetch-Site and Host as well; what sends it (a form, `fetch()`, a
        WebSocket) is known by Sec-Fetch-Mode and Upgrade.
    :param credentials: whether the page asks for cookies (`credentials: "include"`), which a
        preflight does not tell. An actual request with a cookie does.
    :return: an `Explanation`; as a `str` it is the whole text, and `to_dict()` is for JSON.
    :raises TypeError: for any other `policy`.
    """
    if not (policy is None or isinstance(policy, Policy) or callable(policy)):
        raise TypeError(f"explain() takes a Policy, None or a callable, not {show(policy)}.")
    return explain_in(KEYWORDS, policy, environ, credentials=credentials)


def explain_in(
    words: Words,
    policy: Source,
    environ: Mapping[str, Any],
    *,
    credentials: bool = False,
    words_of: Callable[[Policy], Words] | None = None,
) -> Explanation:
    """`explain`, with the options called as they are where the policy is written.

    :param words_of: the words of a policy whose gate holds around `policy`.
    """
    request = Request(environ, credentials)
    found = ask(policy, for_method(environ, request.method) if request.preflight else environ)
    if found is FAILED and policy is not FAILED:
        words = words.at(_name_of(policy))
    elif found is None and not leaves_cors(policy):
        words = words.at(f"{_name_of(policy)} gave None")
    gated = _gated(policy, found, request)
    names = list(CHECKS)
    if gated is not None:
        # The gate comes before the application, and so before the CORS check; of the answer to a
        # preflight it changes the methods only.
        before = "origin" if gated is found and not is_between(found) else "policy"
        names.insert(names.index("method" if request.preflight else before), "gate")
    aside = request.aside()
    looked_at = names if aside is None else names[: names.index("gate") + 1 if gated else 1]
    steps: list[Step] = []
    for name in looked_at:
        outcome: str | Failure
        if gated is not None and name == "gate":
            of_gate = words if gated is found or words_of is None else words_of(gated)
            outcome = check_gate(of_gate, gated, request)
        elif aside is not None and name == "cors-request":
            outcome = aside[1]
        else:
            outcome = CHECKS[name](words, found, request)
        if isinstance(outcome, Failure):
            steps.append(Step(name=name, passed=False, text=outcome.message))
            return Explanation(
                allowed=False,
                reason=outcome.reason,
                message=outcome.message,
                setting=outcome.setting,
                nearest=outcome.nearest,
                fix=outcome.fix,
                steps=_all_steps(steps, names),
            )
        steps.append(Step(name=name, passed=True, text=outcome))
    reason, message = aside or request.verdict()
    return Explanation(allowed=True, reason=reason, message=message, steps=_all_steps(steps, names))


def _gated(source: Source, found: Policy | None, request: Request) -> Policy | None:
    """The policy whose gate has a say, if one is on."""
    if isinstance(source, HandsOff) and not request.preflight:  # which is the application's then
        found = ask(source.gated, request.environ)
    return found if found is not None and found.gate != "off" else None


def _name_of(source: Source) -> str:
    while isinstance(source, (Derived, HandsOff)):
        source = source._source if isinstance(source, Derived) else source.gated
    return name_of(source)


def _all_steps(steps: list[Step], names: list[str]) -> list[Step]:
    missing = names[len(steps) :]
    return steps + [Step(name=name, passed=None, text="Not reached.") for name in missing]
