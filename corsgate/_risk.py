"""What is unsafe to allow together with credentials. Slow and careful; runs at start-up only."""

from __future__ import annotations

from ._origin import is_ipv4, read_origin, split_pattern
from ._protocol import DIGITS, LOWER

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from publicsuffixlist import PublicSuffixList

_suffix_lists: dict[bool, PublicSuffixList] = {}


def _suffixes(*, registries: bool = False) -> PublicSuffixList:
    """The public-suffix list; its part for registries is without hosters such as github.io."""
    if registries not in _suffix_lists:
        from publicsuffixlist import PublicSuffixList

        # A top-level name that the list does not know, such as an intranet's, is no suffix.
        _suffix_lists[registries] = PublicSuffixList(accept_unknown=False, only_icann=registries)
    return _suffix_lists[registries]


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


def find_foreign_domain(pattern: str) -> tuple[str, str] | None:
    """An origin of somebody else that a slip of a pattern allows, and the pattern that was meant.

    "https://*example.com" allows evilexample.com. That is no risk for anybody to take, since a
    registry sells such names one by one; what a hoster gives away is another matter.
    """
    scheme, label, parent, port = split_pattern(pattern)
    if label in ("", "*") or not is_public_suffix_pattern(pattern):
        return None
    if not _suffixes(registries=True).is_public(parent[1:].removesuffix(".")):
        return None
    name = label.removeprefix("*").removeprefix("-")
    meant = f"{scheme}://*.{name}{parent}{port}" if name and "*" not in name else ""
    return f"{scheme}://{label.replace('*', 'evil')}{parent}{port.removesuffix(':*')}", meant


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


def find_foreign_origins(regex: re.Pattern[str]) -> tuple[str, str]:
    """Origins of somebody else that `regex` accepts, as far as the battery finds any, or "".

    One under a domain that the regex does not mean, which cannot be right; and one of another
    customer of the same hoster. Without them it pins down the registrable domain.
    """
    hosted = ""
    for origin, host, own in _foreign_origins(regex):
        domain = registrable(host, registries=True)
        if all(domain != registrable(other, registries=True) for other in own):
            return origin, ""
        hosted = hosted or origin
    return "", hosted


def _foreign_origins(regex: re.Pattern[str]) -> Iterator[tuple[str, str, set[str]]]:
    """(origin, its host, the registrable domains that are meant) of all that should not pass."""
    for origin in _FOREIGN:
        if regex.fullmatch(origin):
            yield origin, "", set()
    # What may be left out of a text is no part of the domain that is meant: "example\\.com\\w*".
    # Nor is what may be spelt otherwise: "app\\d\\.com"; but "(app|www)\\.com" means two domains.
    own: set[str] = set()
    for spelling in range(len(_SPELLINGS)):
        samples = list(_samples(regex, spelling))
        found = _origins_of(samples)
        if not own:
            meant = _origins_of(_samples(regex, spelling, optional=False)) or found
            own = {registrable(host) for _, host, _ in meant}
        for scheme, host, port in (*found, *_origins_of((b, b) for _, b in samples)):
            for foreign in (host, *_neighbours(host)):
                origin = f"{scheme}://{foreign}{port}"
                if registrable(foreign) not in own and regex.fullmatch(origin):
                    yield origin, foreign, own


def _origins_of(samples: Iterable[tuple[str, str]]) -> list[tuple[str, str, str]]:
    # Where a dot makes no host, a letter may: ".+" can be anything.
    found = (read_origin(dotted) or read_origin(lettered) for dotted, lettered in samples)
    return [parts for parts in found if parts]


_PRIVATE_NETWORKS = ("10.", "127.", "192.168.", *(f"172.{number}." for number in range(16, 32)))


def registrable(host: str, *, registries: bool = False) -> str:
    host = host.removesuffix(".")
    if is_ipv4(host):  # who has one address often has its neighbours, or all in a private network
        private = host.startswith(_PRIVATE_NETWORKS)
        return "a private network" if private else host.rpartition(".")[0]
    domain = _suffixes(registries=registries).privatesuffix(host)
    return domain or ".".join(host.split(".")[-2:])


def _neighbours(host: str) -> Iterator[str]:
    own = registrable(host)
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
# What stands for a class of characters, the first that is in it; and how much longer a repetition
# is than it has to be.
_SPELLINGS = (
    ("a0-" + LOWER + DIGITS, 0),
    ("k7-" + LOWER[::-1] + DIGITS[::-1], 1),
    ("v3-" + LOWER + DIGITS, 3),
    ("b1-" + LOWER[::-1] + DIGITS[::-1], 2),
)


def _samples(
    regex: re.Pattern[str], spelling: int, *, optional: bool = True
) -> Iterator[tuple[str, str]]:
    """Texts that `regex` may accept: each with a dot, and with a letter, for every lone `.`.

    :param spelling: which of `_SPELLINGS`.
    :param optional: with and without all that may be left out, or only without.
    """
    # The parser of re itself: the only reader of its syntax that cannot disagree with it.
    from importlib import import_module

    parse = import_module("re._parser").parse
    for sample in _Expander(spelling, optional).expand(parse(regex.pattern, regex.flags)):
        text = sample if "://" in sample else f"https://{sample}"
        yield text.replace(_ANY, "."), text.replace(_ANY, "x")


class _Expander:
    """Spells out a parsed regular expression."""

    def __init__(self, spelling: int, optional: bool) -> None:
        self._characters, self._longer = _SPELLINGS[spelling]
        self._optional = optional

    def expand(self, nodes: Iterable[tuple[object, Any]]) -> list[str]:
        found = [""]
        for name, argument in nodes:
            choices = self._expand_node(str(name), argument)
            found = [head + tail for head in found for tail in choices][:_MOST_SAMPLES]
        return found

    def _expand_node(self, name: str, argument: Any) -> list[str]:
        match name, argument:
            case "LITERAL", code:
                return [chr(code).lower()]
            case "ANY", _:
                return [_ANY]
            case "NOT_LITERAL", code:
                return [self._first(lambda char: ord(char) != code)]
            case "IN", members:
                return self._members(members)
            case "BRANCH", (_, branches):
                return [sample for branch in branches for sample in self.expand(branch)]
            case ("SUBPATTERN", (*_, inner)) | ("ATOMIC_GROUP", inner):
                return self.expand(inner)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT", (least, most, inner):
                if least == 0 and not self._optional:
                    return [""]
                times = min(max(1, int(least)) + self._longer, int(most), _LONGEST_REPEAT)
                repeated = [once.replace(_ANY, "x") * times for once in self.expand(inner)]
                return ["", *repeated] if least == 0 else repeated
        return [""]  # anchors, look-arounds and back references add no text of their own

    def _members(self, members: list[tuple[object, Any]]) -> list[str]:
        kinds = [(str(kind), argument) for kind, argument in members]
        if all(kind == "LITERAL" for kind, _ in kinds):  # also what re makes of (a|b)
            return [chr(code).lower() for _, code in kinds]
        negated = kinds[0][0] == "NEGATE"
        return [self._first(lambda char: any(_is_in(char, kind) for kind in kinds) is not negated)]

    def _first(self, fits: Callable[[str], bool]) -> str:
        return next(filter(fits, self._characters), "")


def _is_in(char: str, member: tuple[str, Any]) -> bool:
    match member:
        case "NEGATE", _:
            return False  # the mark of a negation, which is none of the members
        case "LITERAL", code:
            return bool(ord(char) == code)
        case "RANGE", (low, high):
            return any(low <= ord(either) <= high for either in (char, char.upper()))
        case "CATEGORY", category:
            kinds = {"DIGIT": char.isdigit(), "WORD": char.isalnum()}
            kind = str(category).rpartition("_")[2]
            known: bool = kinds.get(kind, False)
            return known is not ("_NOT_" in str(category))
    return True  # what a later Python may put into a class
