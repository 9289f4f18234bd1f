"""A browser's cookies: RFC 6265bis, as far as fetching meets it. There is no limit in size."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from ._url import is_loopback, registrable_domain

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._engines import Engine
    from ._url import URL

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True)
class Cookie:
    """One cookie. `domain` is without a dot in front; `same_site` is in lower case."""

    name: str
    value: str
    domain: str
    host_only: bool
    path: str
    secure: bool
    same_site: str
    expires: float | None

    def goes_to(self, url: URL) -> bool:
        """Section 5.8.3, but for SameSite and Secure."""
        return (
            self.domain == url.host or (not self.host_only and _is_below(url.host, self.domain))
        ) and (
            self.path == url.path
            or url.path.startswith(self.path if self.path[-1] == "/" else self.path + "/")
        )

    def __str__(self) -> str:
        """Section 5.8.3, step 6."""
        return f"{self.name}={self.value}" if self.name else self.value


class CookieJar:
    """The cookies of all sites.

    :param clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float], engine: Engine) -> None:
        self._clock = clock
        self._engine = engine
        self._cookies: dict[tuple[str, bool, str, str], Cookie] = {}

    def header(self, url: URL, allowed: frozenset[str]) -> str | None:
        """The value of `Cookie` for a request to `url`; None if no cookie goes there.

        :param allowed: the SameSite values that may go along.
        """
        now = self._clock()
        fits = [
            cookie
            for cookie in self._cookies.values()
            if cookie.goes_to(url)
            and (not cookie.secure or self._is_secure(url))
            and cookie.same_site in allowed
            and (cookie.expires is None or cookie.expires > now)
        ]
        fits.sort(key=lambda cookie: -len(cookie.path))  # a stable sort: then the oldest first
        return "; ".join(map(str, fits)) or None

    def store(self, url: URL, line: str, allowed: frozenset[str]) -> None:
        """Section 5.7: take in a `Set-Cookie` of an answer from `url`, if it is to be taken."""
        cookie = self._parse(url, line)
        if cookie is None or cookie.same_site not in allowed:
            return
        key = (cookie.domain, cookie.host_only, cookie.path, cookie.name)
        self._cookies[key] = cookie  # a replaced one keeps its place

    def _parse(self, url: URL, line: str) -> Cookie | None:
        if _CONTROL.search(line):  # section 5.6, step 1
            return None
        pair, *rest = line.split(";")
        before, equals, after = pair.partition("=")
        name, value = (before.strip(), after.strip()) if equals else ("", pair.strip())
        attributes: dict[str, str] = {}
        for part in rest:
            key, _, text = part.partition("=")
            attributes[key.strip().lower()] = text.strip()
        domain = attributes.get("domain", "").removeprefix(".").lower()
        if domain not in ("", url.host) and (
            # Not for somebody else, nor for a whole public suffix.
            not _is_below(url.host, domain) or registrable_domain(domain) is None
        ):
            return None
        secure = "secure" in attributes
        path = attributes.get("path", "")
        if not path.startswith("/"):
            path = url.path.rpartition("/")[0] or "/"
        if not (name or value) or (secure and not self._is_secure(url)):
            return None
        # Section 4.1.3: cookie name prefixes.
        if name.lower().startswith("__secure-") and not secure:
            return None
        if name.lower().startswith("__host-") and not (secure and path == "/" and not domain):
            return None
        same_site = attributes.get("samesite", "").lower()
        if same_site not in ("strict", "lax", "none"):
            same_site = "lax" if self._engine.lax_by_default else "none"
        elif same_site == "none" and not secure and self._engine.none_needs_secure:
            return None
        return Cookie(
            name, value, domain or url.host, not domain, path, secure, same_site,
            self._expiry(attributes),
        )  # fmt: skip

    def _is_secure(self, url: URL) -> bool:
        loopback = self._engine.secure_loopback and is_loopback(url.host)
        return url.scheme == "https" or loopback

    def _expiry(self, attributes: dict[str, str]) -> float | None:
        max_age = attributes.get("max-age", "")
        if max_age.removeprefix("-").isdecimal() and max_age.isascii():
            return self._clock() + int(max_age[:15])
        try:
            return parsedate_to_datetime(attributes["expires"]).timestamp()
        except (KeyError, ValueError):
            return None


def _is_below(host: str, domain: str) -> bool:
    return host.endswith(f".{domain}")
