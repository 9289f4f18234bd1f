"""Whether a request's origin is one of those that a policy allows."""

from __future__ import annotations

from ._callables import failures
from ._origin import MAX_HOST, MAX_ORIGIN, ends_in_a_number, read_origin, split_pattern
from ._protocol import DIGITS, LOWER

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    OriginCallable = Callable[[str, Mapping[str, Any]], bool]

# What a star inside a label stands for: letters, digits and hyphens (RFC 1034, section 3.5).
_STAR = LOWER + DIGITS + "-"


class Matcher:
    """Which origins are allowed; immutable, and shared by threads without a lock.

    An exact origin costs one look-up. A pattern is kept as its own text, and the texts that could
    match a request are spelt from the request's host and looked up, so the cost depends on the
    labels of that host and not on the number of patterns.
    """

    __slots__ = (
        "_any_port",
        "_asks",
        "_callables",
        "_patterns",
        "_regexes",
        "_shapes",
        "_steps",
        "_tails",
        "dots",
        "exact",
        "labels",
        "only_exact",
    )

    def __init__(
        self,
        exact: Iterable[str] = (),
        patterns: Iterable[str] = (),
        regexes: Iterable[re.Pattern[str]] = (),
        callables: Iterable[OriginCallable] = (),
    ) -> None:
        self.exact = frozenset(exact)
        self._patterns = frozenset(patterns)
        self._regexes = tuple(regexes)
        self._callables = tuple(callables)
        self._asks = bool(self._regexes or self._callables)
        self.only_exact = not (self._patterns or self._asks)
        self._any_port = any(pattern.endswith(":*") for pattern in self._patterns)
        # How many labels may follow the star of "*.": only those suffixes are spelt out.
        depths: set[int] = set()
        parents: list[str] = []  # of all patterns with a star in the host
        # For a star inside a label: what follows the label -> the lengths around the star.
        shapes: dict[str, set[tuple[int, int]]] = {}
        # Of "https://*." where no number ends the host: what follows the first dot.
        tails: set[str] = set()
        for pattern in self._patterns:
            scheme, label, parent, port = split_pattern(pattern)
            parents.append(parent)
            if label == "*":
                depths.add(parent.count("."))
                if scheme == "https" and port != ":*" and not ends_in_a_number(parent):
                    tails.add(parent[1:] + port)
            elif label:
                before, _, after = label.partition("*")
                shapes.setdefault(f"{scheme}://{parent}{port}", set()).add(
                    (len(before), len(after))
                )
        # The same as steps to the left, from dot to dot.
        ordered = [0, *sorted(depths)]
        self._steps = tuple(ordered[at] - ordered[at - 1] for at in range(1, len(ordered)))
        self._shapes = {key: tuple(sorted(found)) for key, found in shapes.items()}
        self._tails = frozenset(tails)
        # Where patterns alone are asked, the label that stands before as many dots as all of them
        # have: most of what is not allowed has another one. After the last dot there may be a port.
        self.dots = min((parent.count(".") for parent in parents), default=0)
        tells = self.dots > 1 and not self._asks
        self.labels = frozenset(parent.rsplit(".", self.dots)[1] for parent in parents if tells)

    @property
    def calls(self) -> bool:
        """Whether a callable is asked, which may block."""
        return bool(self._callables)

    def may_block(self, origin: str) -> bool:
        """Whether `allows` may have to wait for a callable; some know an answer without that."""
        if not self._callables or origin in self.exact or len(origin) > MAX_ORIGIN:
            return False
        return any(
            getattr(ask, "_would_block", _always)(origin) is not False for ask in self._callables
        )

    def allows(self, origin: str, environ: Mapping[str, Any]) -> bool:
        """Whether `origin`, as a client sent it, is allowed. Never raises."""
        if origin in self.exact:
            return True
        if self._patterns and len(origin) <= MAX_ORIGIN:
            # Most of what is allowed has one plain label for the star of a pattern that is checked,
            # so it is an origin. To see that takes a fifth of the time of what follows.
            head, _, tail = origin.partition(".")
            if tail in self._tails and len(origin) <= MAX_HOST:
                label = head.removeprefix("https://")
                if 0 < len(label) < len(head) and not label.strip(_STAR):
                    return True
            # Most others are turned down by look-ups alone; what passes must also be an origin.
            if self._matches_pattern(origin):
                return read_origin(origin) is not None
        if not self._asks or read_origin(origin) is None:
            return False
        return any(regex.fullmatch(origin) for regex in self._regexes) or any(
            _says_yes(ask, origin, environ) for ask in self._callables
        )

    def _matches_pattern(self, origin: str) -> bool:
        if "*" in origin:
            return False  # a star that a client sends must not stand for the pattern's own
        patterns = self._patterns
        scheme, _, host = origin.partition("://")
        port = ""
        # To ask whether there is a port takes a sixth of the time of looking where.
        if ":" in host:
            rest, bracket, port = host.rpartition("]")
            host, colon, digits = port.partition(":")
            host, port = rest + bracket + host, colon + digits
        ports = (port, ":*") if self._any_port else (port,)
        if self._any_port and f"{scheme}://{host}:*" in patterns:
            return True
        at = len(host)
        for steps in self._steps:
            for _ in range(steps):
                at = host.rfind(".", 0, at) if at > 0 else -1
            if at <= 0:
                break  # the host is no deeper than this, so no deeper suffix fits either
            for end in ports:
                if f"{scheme}://*{host[at:]}{end}" in patterns:
                    return True
        return bool(self._shapes) and self._matches_label(scheme, host, ports)

    def _matches_label(self, scheme: str, host: str, ports: tuple[str, ...]) -> bool:
        label, dot, parent = host.partition(".")
        for end in ports:
            for before, after in self._shapes.get(f"{scheme}://{dot}{parent}{end}", ()):
                stop = len(label) - after
                if (
                    before < stop
                    and not label[before:stop].strip(_STAR)
                    and f"{scheme}://{label[:before]}*{label[stop:]}{dot}{parent}{end}"
                    in self._patterns
                ):
                    return True
        return False


def _always(origin: str) -> bool:
    return True


def _says_yes(ask: OriginCallable, origin: str, environ: Mapping[str, Any]) -> bool:
    try:
        answer: object = ask(origin, environ)
    except Exception as error:
        text = "the callable %s in allow_origins failed for %s with %s, so that origin is denied"
        failures.add(ask, error, text, ask, origin, error)
        return False
    if answer is not True and answer is not False:
        text = "the callable %s in allow_origins gave %s for %s; only True allows"
        failures.add(ask, answer, text, ask, answer, origin)
    return answer is True
