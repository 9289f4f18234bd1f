"""The allowed value that comes nearest to what was asked for, and what exactly differs.

Slow and wordy, like `_explain`, but bounded: by the first entries of a long list, and by the
length of an origin.
"""

from __future__ import annotations

from ._match import Matcher
from ._origin import DEFAULT_PORTS, find_correction, read_origin, split_pattern
from ._settings import distance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Origin = tuple[str, str, str]

# Whatever is looked up is found in lists of any length; what has to be read entry by entry is
# found among so many.
_MOST_ENTRIES = 10_000
_MOST_COMPARED = 40
_LONGEST_CORRECTED = 512  # what makes a name ASCII takes ever longer
_LONGEST_COMPARED = 64
_MOST_EDITS = 2
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def nearest_origin(origin: str, entries: Iterable[object]) -> tuple[str, str] | None:
    """(the entry or origin that is allowed, what differs), or None.

    :param origin: a request's origin that is not allowed.
    :param entries: `allow_origins` of the policy; only its texts are looked at.
    """
    texts = [entry for entry in entries if isinstance(entry, str)]
    patterns = {text for text in texts if "*" in text}
    allowed = Matcher(set(texts) - patterns, patterns)
    page = None if "*" in origin else read_origin(origin)
    if page is None:
        meant = find_correction(origin) if len(origin) <= _LONGEST_CORRECTED else None
        if meant is None or not allowed.allows(meant, {}):
            return None
        if origin.lower() == meant:
            return meant, "browsers write an origin in lower case"
        return meant, "an origin is scheme, host and port only, as browsers write it"
    return (
        _below(page, patterns)
        or _changed(page, allowed)
        or _on_another_port(page, texts)
        or _above(page, allowed.exact)
        or _misspelt(page, texts)
    )


def _below(page: Origin, patterns: set[str]) -> tuple[str, str] | None:
    scheme, host, port = page
    for end in (port, ":*"):
        pattern = f"{scheme}://*.{host}{end}"
        if pattern in patterns:
            return pattern, "a pattern with *. is for the hosts below, not for the host itself"
    return None


def _changed(page: Origin, allowed: Matcher) -> tuple[str, str] | None:
    for other in _variants(*page):
        if allowed.allows(other, {}):
            return other, _differences(page, other)
    return None


def _variants(scheme: str, host: str, port: str) -> Iterator[str]:
    """The same origin with one thing changed, and then with the scheme changed too."""
    other_scheme = {"http": "https", "https": "http"}.get(scheme, scheme)
    hosts = [host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"]
    hosts.append(host.removesuffix(".") if host.endswith(".") else f"{host}.")
    if host in _LOOPBACK:
        hosts = [name for name in _LOOPBACK if name != host]
    yield f"{other_scheme}://{host}{port}"
    yield f"{scheme}://{host}"
    for changed in (scheme, other_scheme):
        yield from (f"{changed}://{name}{port}" for name in hosts)
    yield f"{other_scheme}://{host}"


def _on_another_port(page: Origin, texts: list[str]) -> tuple[str, str] | None:
    scheme, host, _ = page
    found = [text for text in texts[:_MOST_ENTRIES] if _host_of(text) == host]
    if not found:
        return None
    other = min(found, key=lambda text: (not text.startswith(f"{scheme}:"), len(text), text))
    return other, _differences(page, other)


def _above(page: Origin, exact: frozenset[str]) -> tuple[str, str] | None:
    scheme, host, port = page
    _, dot, parent = host.partition(".")
    while dot:
        other = f"{scheme}://{parent}{port}"
        if other in exact:
            return other, "an entry without a star is for one host, not for the hosts below it"
        _, dot, parent = parent.partition(".")
    return None


def _misspelt(page: Origin, texts: list[str]) -> tuple[str, str] | None:
    scheme, host, port = page
    hosts = {}
    for text in texts[:_MOST_ENTRIES]:
        other = _host_of(text)
        if text == f"{scheme}://{other}{port}":
            hosts[other] = text
    found = nearest_name(host, hosts)
    if found is None or not _is_slip(host, found):
        return None
    return hosts[found], "the host is spelt differently"


def _is_slip(host: str, other: str) -> bool:
    """Whether two hosts are alike where they differ: app.example and api.example are not."""
    ours, theirs = host.split("."), other.split(".")
    for end in (-1, 0):
        while ours and theirs and ours[end] == theirs[end]:
            del ours[end], theirs[end]
    return bool(ours) and nearest_name(".".join(ours), [".".join(theirs)]) is not None


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that is at most two slips of the pen away, or None."""
    alike = {other: _pieces_in_common(name, other) for other in names}
    likely = sorted(filter(alike.__getitem__, alike), key=lambda other: -alike[other])
    likely = likely[:_MOST_COMPARED]
    edits = {other: distance(name, other) for other in likely}
    # Two edits of a short name make any other of it.
    most = min(_MOST_EDITS, (len(name) - 1) // 3)
    close = [other for other in likely if edits[other] <= most]
    return min(close, key=lambda other: (edits[other], other), default=None)


def _pieces_in_common(one: str, other: str) -> int:
    # A cheap test in front of the exact one: of five pieces two edits leave one as it was.
    if max(len(one), len(other)) > _LONGEST_COMPARED or abs(len(one) - len(other)) > _MOST_EDITS:
        return 0
    size = -(-len(one) // 5)
    return sum(one[at : at + size] in other for at in range(0, len(one), size))


def _host_of(text: str) -> str:
    _, label, parent, _ = split_pattern(text)
    return label + parent


def _differences(page: Origin, other: str) -> str:
    scheme, host, port = page
    its_scheme, label, parent, its_port = split_pattern(other)
    its_host = label + parent
    found = []
    if host != its_host:
        found.append(_difference_of_hosts(host, its_host))
    if scheme != its_scheme:
        found.append(f"the page is {scheme} and the policy has {its_scheme}")
    if port != its_port:
        ours, its = _port_words(scheme, port), _port_words(its_scheme, its_port)
        found.append(f"the page has {ours} and the policy has {its}")
    return ("same host, but " if host == its_host else "") + ", and ".join(found)


def _difference_of_hosts(host: str, other: str) -> str:
    if host in _LOOPBACK:
        return f"{host} and {other} are two origins to a browser"
    longer, shorter = ("page", "policy") if len(host) > len(other) else ("policy", "page")
    if "www." in (host[:4], other[:4]):
        return f'the {longer} has "www." in front and the {shorter} has not got it'
    return f"the host of the {longer} ends in a dot and that of the {shorter} does not"


def _port_words(scheme: str, port: str) -> str:
    if port:
        return f"port {port[1:]}"
    default = DEFAULT_PORTS.get(scheme)
    return f"no port (that is {default})" if default else "no port"
