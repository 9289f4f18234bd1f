"""What a policy source is made of where one holds inside of another one."""

from __future__ import annotations

from ._closed import CLOSED, closed_under
from .errors import RELAXABLE, PolicyError
from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Source = Policy | None | Callable[[Mapping[str, Any]], Policy | None]


class NotGiven:
    """The default of arguments for which `None` means something."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"


NOT_GIVEN = NotGiven()

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


class Within:
    """A callable of a view or a group, and what holds around it: that gate counts where it gives
    None or fails.
    """

    __slots__ = ("gated", "source", "vary")

    def __init__(self, source: Callable[..., Policy | None], gated: Source) -> None:
        self.source = source
        self.gated = gated
        self.vary = getattr(source, "vary", ())

    def __repr__(self) -> str:
        return repr(self.source)

    def __call__(self, environ: Mapping[str, Any]) -> Policy | None:
        return self.source(environ)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Within) and self.source == other.source and self.gated == other.gated
        )

    def __hash__(self) -> int:
        return hash(self.source)


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


class Between:
    """What holds where it cannot be told which of some sources is meant: nothing is allowed, under
    the strictest of their gates, which is asked for when it counts.
    """

    __slots__ = ("sources",)

    def __init__(self, sources: tuple[Source, ...]) -> None:
        self.sources = sources

    def __call__(self, environ: Mapping[str, Any]) -> Policy:
        return CLOSED

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Between) and self.sources == other.sources

    def __hash__(self) -> int:
        return hash(self.sources)


def closed_under_all(*sources: Source) -> Policy:
    """Allows nothing, under the strictest gate that is written down for one of the sources."""
    known = [source.gated if isinstance(source, HandsOff) else source for source in sources]
    gated = [source for source in known if isinstance(source, Policy) and source.gate != "off"]
    modes = {policy.gate for policy in gated}
    mode = "enforce" if "enforce" in modes else "report" if modes else "off"
    own = tuple(sorted({origin for policy in gated for origin in policy.own_origins}))
    return closed_under(mode, own)


def closed_between(*sources: Source) -> Source:
    """Allows nothing, under the strictest gate of the sources, also of those that are asked."""
    known = [source.gated if isinstance(source, HandsOff) else source for source in sources]
    return Between(sources) if any(map(callable, known)) else closed_under_all(*sources)


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

    def __call__(self, environ: Mapping[str, Any]) -> Policy:
        source: Any = self._source
        # Fails if that does, and then the gate around holds.
        base: Any = None if isinstance(source, HandsOff) else source(environ)
        left = base is None
        while base is None and isinstance(source, (HandsOff, Within)):
            source = source.gated
            base = source(environ) if callable(source) else source
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


def around(source: Source, application: Source) -> Source:
    """What holds around a source, up to the application's own."""
    while isinstance(source, Derived):
        source = source._source
    return source.gated if isinstance(source, (HandsOff, Within)) else application


def root_of(source: Source) -> tuple[Source, dict[str, Any]]:
    """The user's own source, and what is written of the gate in the options on top of it."""
    written: dict[str, Any] = {}
    while isinstance(source, (Derived, HandsOff, Within)):
        if isinstance(source, Derived):
            written = {**source._options, **written}
            source = source._source
        else:
            source = source.source if isinstance(source, Within) else source.gated
    return source, {name: written[name] for name in ("gate", "own_origins") if name in written}


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
