"""URLs, origins and sites, as far as fetching over HTTP needs them (URL and HTML standards)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList

_DEFAULT_PORTS = {"http": 80, "https": 443}
# URL, "forbidden domain code point", and what is not ASCII: a host is written in punycode here.
_NO_HOST = re.compile(r"[^!$&-.0-;=A-Z_a-z~]|[:;]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_C0_OR_SPACE = "".join(map(chr, range(0x21)))
# Of other schemes. No white space, and nothing that begins or ends another part of a URL.
_ORIGIN = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*://[!$-.0->A-\[\]-~]+")
# What may stand in a path as it is; "%" too, since nothing is encoded twice.
_PATH_SAFE = "/%:@!$&'()*+,;=~|[]"
# URL, "special-query percent-encode set".
_QUERY_SAFE = _PATH_SAFE.replace("'", "") + "?{}`^\\"

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
    """URL, "URL parser": the absolute URL that `text` is, seen from `base`; None if it is none.

    `text` is bytes as latin-1, as in a header.
    """
    text = re.sub(r"[\t\n\r]", "", text.strip(_C0_OR_SPACE)).partition("#")[0]
    before, mark, after = text.partition("?")
    rest = before.replace("\\", "/")  # the same in http(s) URLs
    query = _quoted(after, _QUERY_SAFE) if mark else None
    scheme = ""
    if found := _SCHEME.match(rest):
        scheme, rest = found[1].lower(), rest[found.end() :]
        if scheme not in _DEFAULT_PORTS:
            return URL(scheme)
    # "Special relative or authority state": "https:/a" too is relative to https.
    if base is not None and scheme in ("", base.scheme) and not rest.startswith("//"):
        if not rest:
            return base._replace(query=query if mark else base.query)
        if not rest.startswith("/"):
            rest = base.path[: base.path.rindex("/") + 1] + rest
        return base._replace(path=_path(rest), query=query)
    scheme = scheme or (base.scheme if base else "")
    # "Special authority ignore slashes state".
    authority, _, path = rest.lstrip("/").partition("/")
    netloc = authority.rpartition("@")[2]
    try:
        parts = urlsplit(f"//{netloc}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not scheme or not host:
        return None
    if netloc.startswith("["):
        host = f"[{host}]"
    elif _NO_HOST.search(host):
        return None
    return URL(
        scheme,
        host,
        None if port == _DEFAULT_PORTS[scheme] else port,
        _path(f"/{path}"),
        query,
        authority != netloc,
    )


def _path(text: str) -> str:
    """URL, "path state": without dot segments, and percent-encoded."""
    *folders, last = text[1:].split("/")
    found: list[str] = []
    for segment in (*folders, last):
        dots = segment.lower().replace("%2e", ".")
        if dots == "..":
            del found[-1:]
        elif dots != ".":
            found.append(segment)
    if last.lower().replace("%2e", ".") in (".", ".."):
        found.append("")
    return _quoted("/" + "/".join(found), _PATH_SAFE)


def _quoted(text: str, safe: str) -> str:
    return quote(text, safe=safe, encoding="latin-1", errors="replace")


def as_bytes(text: str) -> str:
    """What a page passes as an address, as `parse_url` takes it: UTF-8 in latin-1's clothes."""
    # Web IDL, "USVString".
    return re.sub("[\ud800-\udfff]", "\ufffd", text).encode().decode("latin-1")


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
    return "null" not in (one, other) and site_of(one) == site_of(other)


def site_of(origin: str) -> str:
    """HTML, "obtain a site" and its serialization; an opaque origin is its own."""
    scheme, mark, host = re.sub(r":\d+\Z", "", origin).partition("://")
    return f"{scheme}{mark}{registrable_domain(host) or host}"


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
