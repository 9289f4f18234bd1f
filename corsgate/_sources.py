"""Policy sources: a `Policy`, `None` (hands off), or a callable that gives one per request."""

from __future__ import annotations

from . import _protocol
from ._callables import failures, judge_callable
from ._check import MODES, is_list
from ._closed import CLOSED, FAILED
from ._decision import Decision, with_vary, without_caching
from ._engine import decide
from ._log import WARNING, log
from ._nested import HandsOff, NotGiven, derive, may_gate
from ._problems import problem
from .errors import PolicyError, Problem
from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from ._nested import Source

_HANDS_OFF = Decision(kind="not-cors", allowed=True, policy=None)


def decide_by(source: Source, environ: Mapping[str, Any]) -> Decision | None:
    """Judge one request under whatever policy `source` has for it; None means hands off."""
    if isinstance(source, Policy):
        return decide(source, environ)
    if source is None:
        return None
    asked = environ
    preflight = is_preflight(environ)
    if preflight:
        asked = for_method(environ, environ[_protocol.ENVIRON_REQUEST_METHOD])
    policy = ask(source, asked)
    vary = getattr(source, "vary", ())
    vary = (_protocol.ORIGIN, *((vary,) if isinstance(vary, str) else vary)) if vary else ()
    if policy is FAILED:
        # It may work again, and then a cache must not have this answer for everybody.
        vary = vary or (_protocol.ORIGIN,)
    if policy is None:
        return with_vary(_HANDS_OFF, vary) if vary else None
    decision = decide(policy, environ)
    if preflight and not all(ask(source, asked) == policy for asked in _other(environ, policy)):
        decision = without_caching(decision)
    return with_vary(decision, vary) if vary else decision


def may_block(source: Source, environ: Mapping[str, Any]) -> bool:
    """Whether to decide by `source` calls code of the user's, which may wait for something."""
    if isinstance(source, HandsOff):
        return may_block(source.gated, environ)
    if not isinstance(source, Policy):
        return source is not None
    origin = environ.get(_protocol.ENVIRON_ORIGIN)
    if origin is None:
        return False
    return (source._matcher is not None and source._matcher.may_block(origin)) or (
        source.gate != "off" and source._writers.may_block(origin)
    )


def is_preflight(environ: Mapping[str, Any]) -> bool:
    """Fetch, "HTTP requests" of the CORS protocol: OPTIONS, with both of its headers."""
    return (
        _protocol.ENVIRON_REQUEST_METHOD in environ  # first, since few requests have it
        and environ.get("REQUEST_METHOD") == "OPTIONS"
        and _protocol.ENVIRON_ORIGIN in environ
    )


def for_method(environ: Mapping[str, Any], method: str) -> dict[str, Any]:
    """The environ of the request that a preflight asks about, as far as a preflight tells."""
    return {**environ, "REQUEST_METHOD": method}


def warn_if_closed(sources: Iterable[Source | NotGiven], gate: str, fix: str) -> None:
    """Log a line where nothing is allowed anywhere, which is safe, and seldom what was meant.

    A gate needs nothing to be allowed: alone it is there for the site's own pages.

    :param sources: all that there are, of the application, of paths and of views.
    :param gate: what to call the front end.
    :param fix: what to do, as a sentence without a full stop.
    """
    for source in sources:
        if source is None or may_gate(source):
            return
        if isinstance(source, Policy) and source.allow_origins:
            return
    log(WARNING, "corsgate: %s allows no origin anywhere: %s", gate, fix)


def find_idle(sources: Iterable[Source | NotGiven]) -> list[str]:
    """The options of the gate that are given where no gate is on that would read them.

    :param sources: as of `warn_if_closed`.
    """
    policies = []
    for source in sources:
        if may_gate(source):
            return []
        if isinstance(source, Policy):
            policies.append(source)
    found = {
        "own_origins": any(policy.own_origins for policy in policies),
        "write_origins": any(policy.write_origins is not None for policy in policies),
    }
    return [name for name, given in found.items() if given]


def warn_if_ungated(sources: Iterable[Source | NotGiven], gate: str, fix: str) -> None:
    """Log a line about such options; the arguments are as of `warn_if_closed`."""
    names = " and ".join(find_idle(sources))
    if names:
        text = "corsgate: %s has %s, which only the gate reads, and no gate is on anywhere: %s"
        log(WARNING, text, gate, names, fix)


def methods_cached_with(policy: Policy | None) -> frozenset[str]:
    """The methods that a browser may use without a preflight of their own after one under `policy`.

    Fetch, "CORS-preflight cache", is per URL; safelisted methods may go with a cached header name.
    """
    allowed = frozenset(policy.allow_methods if policy else ())
    if "*" in allowed:
        allowed = _protocol.KNOWN_METHODS - _protocol.FORBIDDEN_METHODS
    return _protocol.SAFELISTED_METHODS | allowed


def _other(environ: Mapping[str, Any], policy: Policy) -> Iterable[dict[str, Any]]:
    return (for_method(environ, method) for method in sorted(methods_cached_with(policy)))


def ask(source: Source, environ: Mapping[str, Any]) -> Policy | None:
    """What `source` says for one request; a source that fails allows nothing."""
    if source is None or isinstance(source, Policy):
        return source
    try:
        policy: object = source(environ)
    except Exception as error:
        text = "the policy source %s failed with %s, so nothing is allowed"
        failures.add(source, error, text, source, error)
        return FAILED
    if policy is None or isinstance(policy, Policy):
        return policy
    text = "the policy source %s gave %s, which is neither a Policy nor None, so nothing is allowed"
    failures.add(source, policy, text, source, policy)
    return FAILED


def check_source(value: object, field: str) -> Problem | None:
    """What is wrong with `value` where a policy source belongs, or None."""
    if value is None or isinstance(value, Policy):
        return None
    fix = "a Policy, None, or a callable that takes the environ and returns one of them"
    if isinstance(value, str) or is_list(value):
        # Origins, most likely; in `paths` options are a mapping.
        in_paths = field.startswith("paths[")
        fix = "{'allow_origins': [...]}" if in_paths else "allow_origins=[...]"
        if value in MODES:
            fix = f"{{'gate': {value!r}}}" if in_paths else f"gate={value!r}"
    if not callable(value) or isinstance(value, type):
        return problem("wrong-type", field, value, what="policy", fix=fix)
    return (
        judge_callable(value, field, "environ")
        or _check_vary(value, f"{field}.vary")
        or _check_gate(value, f"{field}.gate")
    )


def _check_vary(source: object, field: str) -> Problem | None:
    vary = getattr(source, "vary", None)
    if not vary:
        return None
    names = [vary] if isinstance(vary, str) else vary
    # An iterator would be used up by the first request.
    if not isinstance(names, (list, tuple, set, frozenset)):
        fix = "the name of a header, or a list of them"
        return problem("wrong-type", field, vary, what="list", fix=fix)
    for name in names:
        # RFC 9110, section 12.5.5: "*" is no name, and says that no cache can tell.
        if not isinstance(name, str) or not _protocol.is_token(name) or name == "*":
            return problem("header-invalid", field, name)
    return None


def _check_gate(source: object, field: str) -> Problem | None:
    mode = getattr(source, "gate", None)
    return None if mode is None or mode in MODES else problem("gate-mode", field, mode)


def application_source(
    policy: object,
    options: Mapping[str, Any],
    problems: list[Problem],
    spell: Callable[[str], str] = str,
) -> Source:
    """The source that an application was given, as a policy or as options but not as both.

    :param spell: the name of an option as the user has written it.
    """
    if isinstance(policy, NotGiven):
        return build(options, problems)
    if options:
        others = ", ".join(sorted(map(spell, options)))
        problems.append(problem("conflict", "policy", policy, what=others))
    fault = check_source(policy, "policy")
    if fault:
        problems.append(fault)
        return CLOSED
    return policy  # type: ignore[return-value]  # check_source has just said so


def build(
    options: Mapping[str, Any], problems: list[Problem], base: Source = CLOSED, place: str = ""
) -> Source:
    """`derive`, with what is wrong added to `problems`; their fields say the place."""
    try:
        return derive(base, options, place.rstrip(".: "))
    except PolicyError as error:
        problems += [found.at(f"{place}{found.field}") for found in error.problems]
        return CLOSED
