"""Policy sources: a `Policy`, `None` (hands off), or a callable that gives one per request."""

from __future__ import annotations

from . import _protocol
from ._callables import failures, judge_callable
from ._check import is_list
from ._engine import Decision, decide, with_vary, without_caching
from ._log import WARNING, log
from .errors import RELAXABLE, PolicyError, Problem, problem
from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    Source = Policy | None | Callable[[Mapping[str, Any]], Policy | None]


class NotGiven:
    """The default of arguments for which `None` means something."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN = NotGiven()

# Both allow nothing, and are known by their identity, since the gate that counts then is the
# application's: CLOSED where no policy can be told, FAILED for a source that fails.
CLOSED = Policy()
FAILED = Policy()
_HANDS_OFF = Decision(kind="not-cors", allowed=True, policy=None)
_OF_THE_GATE = ("gate", "write_origins", "own_origins", "dangerously_allow")


class HandsOff:
    """What `None` means below a source that may have a gate on: it leaves CORS alone, not the gate.

    :param gated: that source.
    """

    __slots__ = ("gated", "vary")

    def __init__(self, gated: Source) -> None:
        self.gated = gated
        self.vary = getattr(gated, "vary", ())

    def __call__(self, environ: Mapping[str, Any]) -> None:
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HandsOff) and self.gated == other.gated

    def __hash__(self) -> int:
        return hash(self.gated)


def _only_gate(policy: Policy) -> Policy:
    """What options below `HandsOff` inherit from: all of the gate, and nothing else."""
    return CLOSED.replace(**{name: getattr(policy, name) for name in _OF_THE_GATE})


def leave(base: Source) -> Source:
    """The source that `None` stands for where `base` holds around it."""
    if may_gate(base) and not isinstance(base, HandsOff):
        return HandsOff(base)
    return base if isinstance(base, HandsOff) else None


def leaves_cors(source: Source) -> bool:
    """Whether `source` is what `None` stands for, with a gate around it or without."""
    return source is None or isinstance(source, HandsOff)


def may_gate(source: Source | NotGiven) -> bool:
    """Whether a gate may be on under `source`; what a callable says is not known before."""
    if isinstance(source, Policy):
        return source.gate != "off"
    return source is not None and not isinstance(source, NotGiven)


_closed: dict[tuple[str, tuple[str, ...]], Policy] = {}


def closed_between(*sources: Source) -> Policy:
    """Allows nothing, under the strictest gate that is written down for one of the sources."""
    known = [source.gated if isinstance(source, HandsOff) else source for source in sources]
    gated = [source for source in known if isinstance(source, Policy) and source.gate != "off"]
    if not gated:
        return CLOSED
    mode = "enforce" if any(policy.gate == "enforce" for policy in gated) else "report"
    own = tuple(sorted({origin for policy in gated for origin in policy.own_origins}))
    if (mode, own) not in _closed:
        _closed[mode, own] = CLOSED.replace(gate=mode, own_origins=own)
    return _closed[mode, own]


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
        environ.get("REQUEST_METHOD") == "OPTIONS"
        and _protocol.ENVIRON_REQUEST_METHOD in environ
        and _protocol.ENVIRON_ORIGIN in environ
    )


def for_method(environ: Mapping[str, Any], method: str) -> dict[str, Any]:
    """The environ of the request that a preflight asks about, as far as a preflight tells."""
    return {**environ, "REQUEST_METHOD": method}


def warn_if_closed(sources: Iterable[Source | NotGiven], gate: str, fix: str) -> None:
    """Log a line where nothing is allowed anywhere, which is safe, and seldom what was meant.

    :param sources: all that there are, of the application, of paths and of views.
    :param gate: what to call the front end.
    :param fix: what to do, as a sentence without a full stop.
    """
    for source in sources:
        may_allow = source is None or not isinstance(source, (Policy, NotGiven))
        if may_allow or (isinstance(source, Policy) and source.allow_origins):
            return
    log(WARNING, "corsgate: %s allows no origin anywhere: %s", gate, fix)


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


class Derived:
    """A source with some options changed: what options under a callable source inherit from."""

    __slots__ = ("_derived", "_options", "_place", "_source", "vary")

    def __init__(
        self, source: Callable[..., Policy | None], options: Mapping[str, Any], place: str
    ) -> None:
        self._source = source
        self._options = options
        self._place = place
        self.vary = getattr(source, "vary", ())
        # By identity: a source gives the same few policies again and again.
        self._derived: dict[int, tuple[Policy | None, Policy]] = {}

    def __repr__(self) -> str:
        return f"<the options of {self._place} on top of {self._source!r}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Derived)
            and self._source == other._source
            and self._options == other._options
        )

    def __hash__(self) -> int:
        return hash(self._source)

    @property
    def declared_gate(self) -> Policy:
        """The gate that is written down here, which holds whatever the source says."""
        names = ("gate", "own_origins")
        return CLOSED.replace(**{n: self._options[n] for n in names if n in self._options})

    def __call__(self, environ: Mapping[str, Any]) -> Policy:
        source: Any = self._source
        left = isinstance(source, HandsOff)
        # Fails if that does, and then the gate around holds.
        base: Any = (source.gated if left else source)(environ)
        if base is not None and not isinstance(base, Policy):
            return base  # type: ignore[no-any-return]  # whoever has asked says what is wrong
        known = self._derived.get(id(base))
        if known is not None and known[0] is base:
            return known[1]
        inherited = CLOSED if base is None else base
        policy = (_only_gate(inherited) if left else inherited).replace(**self._options)
        if len(self._derived) >= 256:  # a source that makes a new policy for every request
            self._derived.clear()
        self._derived[id(base)] = (base, policy)
        return policy


def check_alone(options: Mapping[str, Any]) -> None:
    """Judge options that inherit, as far as that goes before it is known from what.

    :raises PolicyError: for what no base could mend. That a risk is accepted may be inherited.
    """
    try:
        Policy(**options)
    except PolicyError as error:
        problems = [found for found in error.problems if found.code not in RELAXABLE]
        if problems:
            raise PolicyError(problems) from None


def derive(base: Source, options: Mapping[str, Any], place: str) -> Source:
    """`base` with `options` changed; under `None` they stand alone, but for the gate.

    :param place: where the options were written, for the log.
    :raises PolicyError: if what comes out is unsafe or malformed.
    """
    if base is None:
        return Policy(**options)
    if isinstance(base, Policy):
        return base.replace(**options)
    if isinstance(base, HandsOff) and isinstance(base.gated, Policy):
        return _only_gate(base.gated).replace(**options)
    check_alone(options)
    return Derived(base, options, place)


def check_source(value: object, field: str) -> Problem | None:
    """What is wrong with `value` where a policy source belongs, or None."""
    if value is None or isinstance(value, Policy):
        return None
    fix = "a Policy, None, or a callable that takes the environ and returns one of them"
    if isinstance(value, str) or is_list(value):
        # Origins, most likely; in `paths` options are a mapping.
        fix = "{'allow_origins': [...]}" if field.startswith("paths[") else "allow_origins=[...]"
    if not callable(value) or isinstance(value, type):
        return problem("wrong-type", field, value, what="policy", fix=fix)
    return judge_callable(value, field, "environ") or _check_vary(value, f"{field}.vary")


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
