"""URLs, origins and sites, as far as fetching over HTTP needs them (URL and HTML standards)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urljoin, urlsplit

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_DEFAULT_PORTS = {"http": 80, "https": 443}
# URL, "forbidden domain code point", and what is not ASCII: a host is written in punycode here.
_NO_HOST = re.compile(r"[^!$&-.0-;=A-Z_a-z~]|[:;]")
_ABSOLUTE = re.compile(r"[\x00-\x20]*[A-Za-z][A-Za-z0-9+.-]*://")
# Of other schemes. No white space, and nothing that begins or ends another part of a URL.
_ORIGIN = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*://[!$-.0->A-\[\]-~]+")
# What may stand in a path or query as it is; "%" too, since nothing is encoded twice.
_PATH_SAFE = "/%:@!$&'()*+,;=~|[]"

_suffixes: PublicSuffixList | None = None


class URL(NamedTuple):
    """An absolute URL without its fragment. Only http and https have more than a scheme."""

    scheme: str
    host: str = ""
    port: int | None = None
    path: str = "/"
    query: str | None = None
    has_credentials: bool = False

    @property
    def netloc(self) -> str:
        """Host and, if it is not the scheme's own, port: what a `Host` header says."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """HTML, "serialization of an origin"."""
        return f"{self.scheme}://{self.netloc}"

    def __str__(self) -> str:
        query = "" if self.query is None else f"?{self.query}"
        return f"{self.origin}{self.path}{query}"


def parse_url(text: str, base: URL | None = None) -> URL | None:
    """URL, "URL parser": the absolute URL that `text` is, seen from `base`; None if it is none."""
    before, mark, after = text.partition("?")
    before = before.replace("\\", "/")  # the same in http(s) URLs, and urlsplit knows nothing of it
    joined = before + mark + after
    try:
        if base is not None and not _ABSOLUTE.match(joined):
            joined = urljoin(str(base), joined)
        parts = urlsplit(joined)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _DEFAULT_PORTS:
        return URL(parts.scheme) if parts.scheme else None
    if not host:
        return None
    if parts.netloc.rpartition("@")[2].startswith("["):
        host = f"[{host}]"
    elif _NO_HOST.search(host):
        return None
    return URL(
        parts.scheme,
        host,
        None if port == _DEFAULT_PORTS[parts.scheme] else port,
        quote(parts.path or "/", safe=_PATH_SAFE, encoding="latin-1", errors="replace"),
        quote(parts.query, safe=_PATH_SAFE + "?", encoding="latin-1", errors="replace")
        if mark or "?" in joined
        else None,
        "@" in parts.netloc,
    )


def is_origin(text: str) -> bool:
    """Whether a page can have this origin: what a browser sends as `Origin`."""
    if text == "null":
        return True
    url = parse_url(text)
    if url is not None and url.scheme in _DEFAULT_PORTS:
        return url.origin == text
    return _ORIGIN.fullmatch(text) is not None


def is_same_origin(one: str, other: str) -> bool:
    """HTML, "same origin". `null` stands for an opaque origin, which no other one equals."""
    return one == other != "null"


def is_same_site(one: str, other: str) -> bool:
    """HTML, "same site": the same scheme and registrable domain."""
    if "null" in (one, other):
        return False
    scheme, _, host = _without_port(one).partition("://")
    other_scheme, _, other_host = _without_port(other).partition("://")
    if scheme != other_scheme:
        return False
    if host == other_host:
        return True
    registrable = registrable_domain(host)
    return registrable is not None and registrable == registrable_domain(other_host)


def registrable_domain(host: str) -> str | None:
    """URL, "registrable domain"; None for an address, a public suffix and the like."""
    global _suffixes
    if host.startswith("[") or not host.strip("0123456789."):
        return None
    if _suffixes is None:
        from publicsuffixlist import PublicSuffixList

        _suffixes = PublicSuffixList()
    found: str | None = _suffixes.privatesuffix(host)
    return found


def is_loopback(host: str) -> bool:
    """Whether packets to this host stay on the machine."""
    host = host.removesuffix(".")
    return (
        host in ("localhost", "[::1]")
        or host.endswith(".localhost")
        or (host.startswith("127.") and not host.strip("0123456789."))
    )


def is_trustworthy(url: URL) -> bool:
    """Secure Contexts, "Is url potentially trustworthy?"."""
    return url.scheme == "https" or is_loopback(url.host)


def _without_port(origin: str) -> str:
    return re.sub(r":\d+\Z", "", origin)
