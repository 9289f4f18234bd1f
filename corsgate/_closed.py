"""Policies that allow nothing, and stand in where no other can be told."""

from __future__ import annotations

from .policy import Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Both allow nothing, and are known by their identity, since the gate that counts then is the
# application's: CLOSED where no policy can be told, FAILED for a source that fails.
CLOSED = Policy()
FAILED = Policy()

# The gate of a source that has never answered, such as from a database that is down since before
# the start: nobody on another site may write. What may be read needs no gate, since nothing
# allows a page to.
ASSUMED = "assumed"

_closed: dict[tuple[str, tuple[str, ...]], Policy] = {}


def closed_under(mode: str, own_origins: tuple[str, ...] = ()) -> Policy:
    """Allows nothing, under that gate, or under the one that is `ASSUMED`; `CLOSED` for "off"."""
    if mode == "off":
        return CLOSED
    found = _closed.get((mode, own_origins))
    if found is None:
        if len(_closed) >= 256:  # a source with a site for each request
            _closed.clear()
        gate = "enforce" if mode == ASSUMED else mode
        options: Any = {"gate": gate, "own_origins": own_origins}
        found = _closed[mode, own_origins] = CLOSED.replace(**options)
    return found


def is_assumed(policy: Policy) -> bool:
    """Whether this stands for a gate of which nothing is known."""
    return _closed.get((ASSUMED, policy.own_origins)) is policy


def is_between(policy: Policy | None) -> bool:
    """Whether this may be the policy of a path about which two rules differ."""
    return policy is CLOSED or any(policy is one for one in tuple(_closed.values()))
