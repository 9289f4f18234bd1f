"""What is unsafe to allow together with credentials. Slow and careful; runs at start-up only."""

from __future__ import annotations

from ._origin import read_origin, split_pattern
from ._protocol import LOWER

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator
    from typing import Any

    from publicsuffixlist import PublicSuffixList

_suffix_list: PublicSuffixList | None = None


def _suffixes() -> PublicSuffixList:
    global _suffix_list
    if _suffix_list is None:
        from publicsuffixlist import PublicSuffixList

        # A top-level name that the list does not know, such as an intranet's, is no suffix.
        _suffix_list = PublicSuffixList(accept_unknown=False)
    return _suffix_list


def is_insecure(entry: str) -> bool:
    """Whether an attacker on the network can speak for this origin: http, and not loopback.

    Secure Contexts, "Is origin potentially trustworthy?".
    """
    return entry.startswith("http://") and not is_loopback(entry)


def is_loopback(entry: str) -> bool:
    """Whether this is a web origin of the very machine that the browser runs on."""
    scheme, label, parent, _ = split_pattern(entry)
    if scheme not in ("http", "https"):
        return False  # tauri://localhost is an application's
    host = (label + parent).removesuffix(".")
    return host in ("localhost", "[::1]") or host.endswith(".localhost") or _is_loopback_ipv4(host)


def _is_loopback_ipv4(host: str) -> bool:
    return host.startswith("127.") and not host.strip("0123456789.")


def is_public_suffix_pattern(entry: str) -> bool:
    """Whether anybody can register a host that this pattern's star stands for."""
    _, label, parent, _ = split_pattern(entry)
    domain = parent.removeprefix(".").removesuffix(".")
    return bool(label) and domain != "" and _suffixes().is_public(domain)


_LONG = "q7x2k9w4z8"
_FOREIGN = tuple(
    f"{scheme}://{host}"
    for scheme in ("https", "http")
    for host in (
        f"{_LONG}.test",
        f"{_LONG}.com",
        f"a.{_LONG}.net",
        f"{_LONG}.org",
        f"{_LONG}.io",
        f"{_LONG}.dev",
        f"www.a-b.{_LONG}.co.uk",
        "203.0.113.7",
        "localhost.evil.test",
        f"{_LONG}.com:8443",
    )
)


def find_foreign_origin(regex: re.Pattern[str]) -> str | None:
    """An origin of somebody else that `regex` accepts, or None if the battery finds none.

    A regular expression is fit for credentials only if it pins down the registrable domain.
    """
    for origin in _FOREIGN:
        if regex.fullmatch(origin):
            return origin
    # What may be left out of a text is no part of the domain that is meant: "example\\.com\\w*".
    samples = list(_samples(regex))
    meant = _origins_of(_samples(regex, optional=False)) or _origins_of(samples)
    own = {_registrable(host) for _, host, _ in meant}
    for scheme, host, port in (*_origins_of(samples), *_origins_of((b, b) for _, b in samples)):
        for foreign in (host, *_neighbours(host)):
            origin = f"{scheme}://{foreign}{port}"
            if _registrable(foreign) not in own and regex.fullmatch(origin):
                return origin
    return None


def _origins_of(samples: Iterable[tuple[str, str]]) -> list[tuple[str, str, str]]:
    # Where a dot makes no host, a letter may: ".+" can be anything.
    found = (read_origin(dotted) or read_origin(lettered) for dotted, lettered in samples)
    return [parts for parts in found if parts]


def _registrable(host: str) -> str:
    host = host.removesuffix(".")
    domain = _suffixes().privatesuffix(host)
    return domain or ".".join(host.split(".")[-2:])


def _neighbours(host: str) -> Iterator[str]:
    own = _registrable(host)
    labels = host.split(".")
    for start in range(len(labels)):
        below = ".".join(labels[start:])
        yield f"evil{below}"
        yield f"evil-{below}"
    yield f"{host}.evil.test"
    yield f"{host}evil.test"
    yield f"{host}-evil.test"
    for suffix in ("test", "evil", "com", "co", "evil.test"):
        yield ".".join([*labels[:-1], suffix])
    head, _, tail = own.partition(".")
    prefix = host.removesuffix(own)
    yield f"{prefix}{_LONG}.{tail}"
    yield f"{prefix}{head}x.{tail}"
    yield f"{prefix}x{head}.{tail}"


_ANY = "\0"
_MOST_SAMPLES = 64
_LONGEST_REPEAT = 64


def _samples(regex: re.Pattern[str], *, optional: bool = True) -> Iterator[tuple[str, str]]:
    """Texts that `regex` may accept: each with a dot, and with a letter, for every lone `.`.

    :param optional: with and without all that may be left out, or only without.
    """
    # The parser of re itself: the only reader of its syntax that cannot disagree with it.
    from importlib import import_module

    parse = import_module("re._parser").parse
    for sample in _expand(parse(regex.pattern, regex.flags), optional):
        text = sample if "://" in sample else f"https://{sample}"
        yield text.replace(_ANY, "."), text.replace(_ANY, "x")


def _expand(nodes: Iterable[tuple[object, Any]], optional: bool) -> list[str]:
    found = [""]
    for name, argument in nodes:
        choices = _expand_node(str(name), argument, optional)
        found = [head + tail for head in found for tail in choices][:_MOST_SAMPLES]
    return found


def _expand_node(name: str, argument: Any, optional: bool) -> list[str]:
    match name, argument:
        case "LITERAL", code:
            return [chr(code).lower()]
        case "ANY", _:
            return [_ANY]
        case "NOT_LITERAL", code:
            return [_first_not_in({chr(code)})]
        case "IN", members:
            return [_member(members)]
        case "BRANCH", (_, branches):
            return [sample for branch in branches for sample in _expand(branch, optional)]
        case ("SUBPATTERN", (*_, inner)) | ("ATOMIC_GROUP", inner):
            return _expand(inner, optional)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT", (least, _, inner):
            if least == 0 and not optional:
                return [""]
            times = min(max(1, int(least)), _LONGEST_REPEAT)
            repeated = [once.replace(_ANY, "x") * times for once in _expand(inner, optional)]
            return ["", *repeated] if least == 0 else repeated
    return [""]  # anchors, look-arounds and back references add no text of their own


def _first_not_in(excluded: set[str]) -> str:
    return next((char for char in "a0-" + LOWER if char not in excluded), "")


def _member(members: list[tuple[object, Any]]) -> str:
    for name, argument in members:
        match str(name), argument:
            case "NEGATE", _:
                return _first_not_in({chr(c) for kind, c in members if str(kind) == "LITERAL"})
            case "LITERAL", code:
                return chr(code).lower()
            case "RANGE", (low, high):
                return "a" if low <= ord("a") <= high else chr(low).lower()
            case "CATEGORY", category:
                return "0" if str(category) == "CATEGORY_DIGIT" else "a"
    return "a"
