"""What a gate says about the requests it denies: to the log, to `on_denied`, and in debug mode."""

from __future__ import annotations

from _thread import allocate_lock
from time import monotonic

from . import _protocol
from ._callables import failures, judge_callable
from ._decision import in_debug_mode
from ._log import INFO, WARNING, log
from ._nested import leaves_cors
from ._problems import problem
from ._words import KEYWORDS, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from logging import Logger
    from typing import Any

    from ._decision import Decision
    from ._paths import PathRules
    from ._words import Words
    from .errors import Problem
    from .policy import Policy

    OnDenied = Callable[[Any, Decision], object]

# At what level a line comes, and how it reads.
_DENIED = INFO, "corsgate: denied %s to %s: %s"
_REFUSED = INFO, "corsgate: the gate refused %s from %s: %s"
_REPORTED = WARNING, "corsgate: the gate would refuse %s from %s: %s"
_MINUTE = 60.0  # seconds
_MOST_LINES = 60  # a minute
_MOST_KEPT = 328  # characters of an origin: one more than any valid one has
_MOST_IN_FIELD = 200  # characters


class Denials:
    """What one gate does about denials; shared by threads.

    :param on_denied: the user's function, checked by `check_hooks`; or None.
    """

    __slots__ = ("_limiter", "_logger", "_on_denied", "are_heard")

    def __init__(self, on_denied: OnDenied | None = None) -> None:
        self._on_denied = on_denied
        self._limiter = _Limiter()
        self._logger: Logger | None = None
        # Given INFO: whether anybody wants to know. One call, since each denied request makes it.
        self.are_heard: Callable[[int], bool] = self._begin if on_denied is None else _always

    @property
    def may_block(self) -> bool:
        """Whether a denial is told to code of the user's, which may wait for something."""
        return self._on_denied is not None

    def note(
        self,
        environ: Mapping[str, Any],
        decision: Decision,
        debug: bool,
        words_of: Callable[[Policy], Words],
    ) -> Decision:
        """The decision to write; to be called once for each denied request, in debug mode for all.

        Never raises because of what a client sends, or because `on_denied` does.

        :param words_of: how the options of a policy are spelt where the user wrote them; called in
            debug mode only.
        """
        if not (debug or self.are_heard(INFO)):
            return decision
        if decision.policy is None or not _is_judged_by_browsers(environ, decision):
            return decision
        reason = self._explain(environ, decision, words_of(decision.policy)) if debug else ""
        if not decision.allowed:
            if self._on_denied is not None:
                _tell(self._on_denied, environ, decision)
            if not reason:
                self._log(environ, decision)
        return in_debug_mode(decision, reason) if debug else decision

    def note_refusal(
        self, environ: Mapping[str, Any], decision: Decision, said: str
    ) -> tuple[Decision, object]:
        """The same for what a gate refuses, or would: it is told of whoever judges the answer.

        :param said: in debug mode, why, in the words of the policy; else "".
        :return: the decision to write, and what `on_denied` has returned.
        """
        answer = None
        if self._on_denied is not None:
            answer = _tell(self._on_denied, environ, decision)
        would = decision.policy is not None and decision.policy.gate == "report"
        if not said:
            # Whoever has asked for a report wants to see it: as a warning.
            self._log(environ, decision, _REPORTED if would else _REFUSED)
            return decision, answer
        what, fields = _describe(environ, decision, decision.reason)
        does = "would refuse" if would else "refuses"
        log(WARNING, "corsgate: the gate %s %s: %s", does, what, said, extra=fields)
        return in_debug_mode(decision, said), answer

    def _explain(self, environ: Mapping[str, Any], decision: Decision, words: Words) -> str:
        """Why the browser will block the request, which is logged; "" if it will not."""
        from ._explain import explain_in  # long, and needed only here

        found = explain_in(words, decision.policy, environ)
        if found.allowed:
            return ""
        what, fields = _describe(environ, decision, found.reason)
        message = "corsgate: a browser blocks %s: %s"
        if found.reason == "authorization-not-covered":  # most browsers of today do not
            message = "corsgate: by the standard a browser blocks %s: %s"
        log(WARNING, message, what, found.line, extra=fields)
        return found.line

    def _begin(self, level: int) -> bool:
        self.are_heard = self._get_logger().isEnabledFor
        return self.are_heard(level)

    def _get_logger(self) -> Logger:
        if self._logger is None:
            from logging import getLogger  # slow to import, and needed only here

            self._logger = getLogger("corsgate")
        return self._logger

    def _log(
        self,
        environ: Mapping[str, Any],
        decision: Decision,
        how: tuple[int, str] = _DENIED,
    ) -> None:
        logger, (level, message) = self._get_logger(), how
        if not logger.isEnabledFor(level):
            return
        sender = environ.get(_protocol.ENVIRON_ORIGIN)
        key = sender and sender[:_MOST_KEPT], decision.reason
        admitted, left_out = self._limiter.admit(key, monotonic())
        if left_out:
            log(
                INFO,
                "corsgate: %d more denials are not in the log, which has at most one a minute for"
                " the same origin and reason, and 60 in all",
                left_out,
                extra={"cors_left_out": left_out},
            )
        if admitted:
            what, fields = _describe(environ, decision, decision.reason)
            page = "a page" if sender is None else f"a page on {shown(sender)}"
            log(level, message, what, page, decision.reason, extra=fields)


def _always(level: int) -> bool:
    return True


def _tell(on_denied: OnDenied, environ: Mapping[str, Any], decision: Decision) -> object:
    try:
        return on_denied(environ, decision)
    except Exception as error:
        failures.add(on_denied, error, "on_denied %s failed with %s", on_denied, error)
        return None


class _Limiter:
    """Which lines go to the log: one a minute for a key, and 60 a minute in all.

    It remembers those lines only, however many keys clients make up.
    """

    __slots__ = ("_left_out", "_lines", "_lock", "_since")

    def __init__(self) -> None:
        self._lines: dict[object, float] = {}  # key -> when, oldest first
        self._left_out = 0
        self._since = 0.0  # when the first of those was left out
        self._lock = allocate_lock()

    def admit(self, key: object, now: float) -> tuple[bool, int]:
        """Whether to log a line, and how many were left out, where it is time to say so."""
        with self._lock:
            while self._lines:
                oldest = next(iter(self._lines))
                if now - self._lines[oldest] < _MINUTE:
                    break
                del self._lines[oldest]
            told = 0
            if self._left_out and now - self._since >= _MINUTE:
                told, self._left_out = self._left_out, 0
            if key not in self._lines and len(self._lines) < _MOST_LINES:
                self._lines[key] = now
                return True, told
            if not self._left_out:
                self._since = now
            self._left_out += 1
            return False, told


def _is_judged_by_browsers(environ: Mapping[str, Any], decision: Decision) -> bool:
    """Whether a browser applies the CORS check to the answer.

    Fetch, "Origin header": an own page's request and a form's have one too, and are not checked.
    """
    origin = environ.get(_protocol.ENVIRON_ORIGIN)
    if origin is None or environ.get(_protocol.ENVIRON_FETCH_MODE, "cors") != "cors":
        return False
    site = environ.get(_protocol.ENVIRON_FETCH_SITE)
    if site is not None or decision.kind == "preflight":
        return site != "same-origin"
    # To plain http, browsers do not send that one. Only a log depends on this, so Host will do.
    return bool(origin.partition("://")[2] != environ.get("HTTP_HOST"))


def _describe(
    environ: Mapping[str, Any], decision: Decision, reason: str | None
) -> tuple[str, dict[str, str | None]]:
    """A request in words, and as fields for structured logs; both safe to print."""
    method, intro = environ.get("REQUEST_METHOD", ""), ""
    if decision.kind == "preflight":
        method, intro = environ[_protocol.ENVIRON_REQUEST_METHOD], "the preflight for "
    path = _as_text(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))
    fields = {
        "cors_kind": decision.kind,
        "cors_reason": reason,
        "cors_origin": _escape(environ.get(_protocol.ENVIRON_ORIGIN, "")),
        "cors_method": _escape(method),
        "cors_path": _escape(path),
    }
    return f"{intro}{shown(method)} {shown(path)}", fields


def _as_text(path: str) -> str:
    try:
        return path.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return path  # Django has it decoded; and a log can show what is no UTF-8


def _escape(text: str) -> str:
    return ascii(text[:_MOST_IN_FIELD])[1:-1][:_MOST_IN_FIELD]


def check_hooks(debug: object, on_denied: object, problems: list[Problem]) -> None:
    """Add what is wrong with the two arguments, where None means that they were not given."""
    if debug is not None and not isinstance(debug, bool):
        fix = "True or False, without quotes"
        problems.append(problem("wrong-type", "debug", debug, what="bool", fix=fix))
    if on_denied is None:
        return
    if not callable(on_denied):
        fix = "a function that takes the environ and the decision"
        problems.append(problem("wrong-type", "on_denied", on_denied, what="callable", fix=fix))
    elif fault := judge_callable(on_denied, "on_denied", "environ, decision"):
        problems.append(fault)


def words_in(
    rules: PathRules, policy: Policy, application: Words = KEYWORDS, paths: str = "paths"
) -> Words:
    """How the options of `policy` are spelt, among those of an application.

    :param application: the words of the application's own policy.
    :param paths: what the option with the policies for paths is called.
    """
    if policy is rules.application:
        return application
    pattern = rules.pattern_of(policy)
    return KEYWORDS if pattern is None else KEYWORDS.at(f"{paths}[{pattern!r}]")


def words_without(
    rules: PathRules, path: str, policy: str = "policy", paths: str = "paths", covers: str = ""
) -> Words:
    """What says that a path has no policy, as the place.

    :param policy: what the option with the application's own policy is called.
    :param paths: what the option with the policies for paths is called.
    :param covers: the option, with its value, that says for which paths the application's is.
    """
    pattern = rules.pattern_for(path)
    if not leaves_cors(rules.find(path)):
        return KEYWORDS.at("cors(None) of the view")
    if pattern is not None:
        return KEYWORDS.at(f"{paths}[{pattern!r}] = None")
    return KEYWORDS.at(f"{policy} = None" if rules.application is None else covers)
