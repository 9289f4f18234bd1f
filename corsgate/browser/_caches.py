"""What a browser remembers between requests: answers to preflights, and whole answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._protocol import NON_WILDCARD_REQUEST_HEADER
from ._messages import get, values_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._engines import Engine
    from ._messages import Headers, HTTPResponse

_FRESH_FOR = re.compile(r"(?:^|[,\s])max-age=([0-9]{1,15})")


@dataclass(frozen=True)
class PreflightKey:
    """Fetch, "Cache entry match": what has to be the same, but for credentials.

    :param partition: "network partition key": the site of the page.
    :param origin: as it was sent.
    """

    partition: str
    origin: str
    url: str


@dataclass
class _Entry:
    key: PreflightKey
    credentials: bool
    # One of the two is there. Header names are in lower case.
    method: str | None
    header: str | None
    max_age: float
    stored: float


class PreflightCache:
    """Fetch, "CORS-preflight cache".

    :param clock: seconds.
    """

    def __init__(self, clock: Callable[[], float], engine: Engine) -> None:
        self._clock = clock
        self._engine = engine
        self._entries: list[_Entry] = []

    def has_method(self, key: PreflightKey, credentials: bool, method: str) -> bool:
        """Fetch, "Method cache entry match"."""
        methods = {entry.method for entry in self._matching(key, credentials)}
        return method in methods or ("*" in methods and self._engine.caches_star)

    def has_header(self, key: PreflightKey, credentials: bool, name: str) -> bool:
        """Fetch, "Header-name cache entry match"; `name` is in lower case."""
        names = {entry.header for entry in self._matching(key, credentials)}
        covered = name != NON_WILDCARD_REQUEST_HEADER or self._engine.star_covers_authorization
        return name in names or ("*" in names and covered and self._engine.caches_star)

    def store(
        self,
        key: PreflightKey,
        credentials: bool,
        max_age: float,
        methods: list[str],
        headers: list[str],
    ) -> None:
        """Fetch, "CORS-preflight fetch", steps 7.12 to 7.15."""
        new: list[tuple[str | None, str | None]] = [(method, None) for method in methods]
        new += [(None, header.lower()) for header in headers]
        # Looked up, since a server may name as many as it likes.
        known: dict[tuple[str | None, str | None], list[_Entry]] = {}
        for entry in self._matching(key, credentials):
            known.setdefault((entry.method, entry.header), []).append(entry)
        for method, header in new:
            star = ("*", None) if method else (None, "*")
            found = [*known.get((method, header), ()), *known.get(star, ())]
            for entry in found:
                entry.max_age = max_age
            if not found:
                entry = _Entry(key, credentials, method, header, max_age, self._clock())
                known[method, header] = [entry]
                self._entries.append(entry)

    def clear(self, key: PreflightKey) -> None:
        """Fetch, "Clear cache entries"."""
        self._entries = [entry for entry in self._entries if entry.key != key]

    def _matching(self, key: PreflightKey, credentials: bool) -> list[_Entry]:
        now = self._clock()
        self._entries = [entry for entry in self._entries if now - entry.stored < entry.max_age]
        return [
            entry
            for entry in self._entries
            if entry.key == key
            and (
                entry.credentials == credentials
                or (entry.credentials and not self._engine.caches_by_credentials)
            )
        ]


class HTTPCache:
    """RFC 9111, as far as `max-age`, `no-store` and `Vary` go: no validation, no heuristics.

    Enough to show what an answer does that lacks `Vary: Origin`.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        # By partition and URL, the latest answer, with when it expires and what was asked.
        self._stored: dict[tuple[str, str], tuple[float, Headers, HTTPResponse]] = {}

    def find(self, partition: str, url: str, headers: Headers) -> HTTPResponse | None:
        """Section 4, "constructing responses from caches", for a GET with these headers."""
        expires, asked, response = self._stored.get((partition, url), (0.0, [], None))
        if response is None or expires <= self._clock():
            return None
        varies = ",".join(values_of(response.headers, "Vary")).split(",")
        names = [name.strip() for name in varies]
        same = all(get(headers, name) == get(asked, name) for name in names)
        return response if same and "*" not in names else None

    def store(self, partition: str, url: str, headers: Headers, response: HTTPResponse) -> None:
        """Section 3, "storing responses in caches", for the answer to a GET."""
        control = (get(response.headers, "Cache-Control") or "").lower()
        age = _FRESH_FOR.search(control)
        if (
            response.status == 200
            and age
            and "no-store" not in control
            and "no-cache" not in control
        ):
            self._stored[partition, url] = (self._clock() + int(age[1]), headers, response)

    def invalidate(self, url: str) -> None:
        """Section 4.4: an unsafe method may have changed what is at the URL."""
        for key in [key for key in self._stored if key[1] == url]:
            del self._stored[key]
