"""Why a browser blocks a request, or does not: the slow, wordy twin of the engine.

What is said names the policy's values: it is for whoever writes the application, and is shown to
clients in debug mode only.
"""

from __future__ import annotations

from ._reasons import CHECKS, Failure
from ._record import Record
from ._request import Request
from ._sources import FAILED, Derived, HandsOff, ask, for_method
from ._words import DJANGO_SETTINGS, FLASK_CONFIG, KEYWORDS, Line, Words, name_of, one_line
from .errors import show
from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ._sources import Source

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

    :param name: `cors-request`, `policy`, `origin`, `credentials`, `method` or `headers`.
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
        `"no-policy"`, `"policy-source-failed"`. Where it is allowed: None, or why no policy had a
        say: `"not-cors"`, `"same-origin"`, or why it is no preflight: `"plain-options"`.
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
        label = "To allow it" if isinstance(self.fix, Line) else "What to do"
        return f"{label}: {self.fix}" if self.fix else ""

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
        method, Authorization and Content-Type are judged too, as in the preflight before it.
    :param credentials: whether the page asks for cookies (`credentials: "include"`), which a
        preflight does not tell. An actual request with a cookie does.
    :raises TypeError: for any other `policy`.
    """
    if not (policy is None or isinstance(policy, Policy) or callable(policy)):
        raise TypeError(f"explain() takes a Policy, None or a callable, not {show(policy)}.")
    return explain_in(KEYWORDS, policy, environ, credentials=credentials)


def explain_in(
    words: Words, policy: Source, environ: Mapping[str, Any], *, credentials: bool = False
) -> Explanation:
    """`explain`, with the options called as they are where the policy is written."""
    request = Request(environ, credentials)
    aside = request.aside()
    if aside is not None:
        reason, message = aside
        steps = _all_steps([Step(name="cors-request", passed=True, text=message)])
        return Explanation(allowed=True, reason=reason, message=message, steps=steps)
    found = ask(policy, for_method(environ, request.method) if request.preflight else environ)
    if found is FAILED and policy is not FAILED:
        words = words.at(_name_of(policy))
    elif found is None and policy is not None:
        words = words.at(f"{_name_of(policy)} gave None")
    steps = []
    for name, check in CHECKS.items():
        outcome = check(words, found, request)
        if isinstance(outcome, Failure):
            steps.append(Step(name=name, passed=False, text=outcome.message))
            return Explanation(
                allowed=False,
                reason=outcome.reason,
                message=outcome.message,
                setting=outcome.setting,
                nearest=outcome.nearest,
                fix=outcome.fix,
                steps=_all_steps(steps),
            )
        steps.append(Step(name=name, passed=True, text=outcome))
    verdict = request.verdict()
    return Explanation(allowed=True, reason=verdict[0], message=verdict[1], steps=steps)


def _name_of(source: Source) -> str:
    while isinstance(source, (Derived, HandsOff)):
        source = source._source if isinstance(source, Derived) else source.gated
    return name_of(source)


def _all_steps(steps: list[Step]) -> list[Step]:
    missing = list(CHECKS)[len(steps) :]
    return steps + [Step(name=name, passed=None, text="Not reached.") for name in missing]
