"""Origins that look like one that is allowed, made from bytes: quick, and Hypothesis shrinks them.

Each choice takes a byte or two, and a nought chooses what is simplest.
"""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

Entry = str | re.Pattern[str]
Item = TypeVar("Item")

LABEL = "a" * 63
# How entries can be written, each with what it allows nearby; every kind is a set of examples.
ENTRIES: dict[str, tuple[Entry, ...]] = {
    "exact": (
        "https://trusted.com",
        "http://trusted.com:8080",
        "https://www.trusted.com",
        "https://trusted.com.",
        "https://a_b.trusted.com:8443",
        "https://xn--bcher-kva.example",
        "https://xn--e1afmkfd.xn--p1ai",
        "https://1.example",
        "http://localhost:3000",
        "https://localhost",
        f"https://{LABEL}.{LABEL}.{LABEL}.{LABEL[:61]}",
    ),
    "address": (
        "http://127.0.0.1",
        "http://192.168.0.10:8000",
        "https://8.8.8.8",
        "http://[::1]",
        "http://[::1]:8000",
        "https://[2001:db8::1:0:0:1]",
        "http://[::ffff:7f00:1]",
        "http://127.0.0.1:*",
        "http://[::1]:*",
    ),
    "subdomains": (
        "https://*.trusted.com",
        "https://*.a.trusted.com",
        "https://*.trusted.com.",
        "https://*.trusted.com:8443",
        "https://*.xn--bcher-kva.example",
        "http://*.localhost",
        "https://*.com.example",
    ),
    "part of a label": (
        "https://pr-*.trusted.com",
        "https://*-pr.trusted.com",
        "https://ab*ba.trusted.com",
        "https://pr-*.trusted.com.",
        "https://pr-*.trusted.com:8443",
        "http://dev-*",
        "http://10*.0.0.1",
    ),
    "any port": (
        "http://localhost:*",
        "https://trusted.com:*",
        "https://www.trusted.com.:*",
        "https://*.trusted.com:*",
        "https://pr-*.trusted.com:*",
    ),
    "another scheme": (
        "tauri://localhost",
        "app://.",
        "app://-",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "tauri://*.localhost",
        "tauri://pr-*.localhost",
        "x+y-z.1://host",
        "x-y.1://host:*",
        f"{LABEL}b://trusted.com",
    ),
    "regular expression": (
        re.compile(r"https://trusted\.com"),
        re.compile(r"https://([a-z-]+\.)*trusted\.com(:\d+)?"),
        re.compile(r"(?i)https://trusted\.com"),
        re.compile(r"^https://trusted\.com$", re.MULTILINE),
        re.compile(r"https?://(a|b)\.trusted\.com|http://localhost:\d{4}"),
        re.compile(r"https://trusted.com"),
        re.compile(r"https://.*"),
    ),
    "null": ("null",),
}
ALL = tuple(entry for entries in ENTRIES.values() for entry in entries)

EVIL = "evil.test"
FILLINGS = ("a", "b.a", "-", "1", "x-1", "", ".", "a.", ".a", "_", "*", "A", "a b", "a..b", LABEL)
PORTS = ("", ":8443", ":1", ":65535", ":443", ":80", ":0", ":65536", ":08443", ":", ":a", ":*")
# Of the C0 controls those that something treats as white space or an end; the rest are alike.
CONTROLS = "\0\t\n\r\x0b\x0c\x1b\x1f \x7f\x85\xa0"
CHARACTERS = (
    "a.-x1_:/@0*%" + "b?#\\[]~!$&'()+,;=\"`{}<>|^AZ9\xe9\xff" + CONTROLS + "\u3002\ud800\U0001f600"
)
LOOK_ALIKES = {
    "a": "\u0430\uff41\u00e4\u0251",
    "e": "\u0435\uff45\xe9",
    "o": "0\u043e\uff4f",
    "c": "\u0441\uff43\u217d",
    "s": "\u017f5$\uff53",
    "t": "\uff547",
    "l": "1I|\uff4c",
    "m": "\uff4dnn",
    "r": "\uff52",
    "u": "\xfc\u057d",
    "d": "\u217e\uff44",
    ".": "\u3002\uff0e\uff61\u2024",
    "-": "\u2010\u2013\xad",
    "/": "\u2044\uff0f\\",
    ":": "\uff1a\u2236",
    "1": "l\uff11\xb9",
}
# What a parser may take for 127.0.0.1 and [::1].
ADDRESSES = (
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0177.0.0.1",
    "127.0.0.01",
    "127.0.0.1.",
    "127.0.0.256",
    "127.0.0",
    "1.2.3.4.5",
    "0x",
    "1.0xg",
    "[::1]",
    "[::0001]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::FFFF:7f00:1]",
    "[::1%251]",
    "[::1",
    "::1",
    "[]",
    "[1::2::3]",
    "[1:2:3:4:5:6:7::]",
    "[v1.a]",
)
SCHEMES = (
    "https",
    "http",
    "ftp",
    "ws",
    "wss",
    "file",
    "tauri",
    "HTTPS",
    "xhttps",
    "",
    "data",
    "http:",
)


class Choices:
    """What bytes choose; there are always more noughts behind them."""

    def __init__(self, rolled: bytes) -> None:
        self._rolled = iter(rolled)

    def below(self, number: int) -> int:
        chosen = next(self._rolled, 0)
        if number > 256:
            chosen = chosen << 8 | next(self._rolled, 0)
        return chosen % number

    def of(self, items: Sequence[Item]) -> Item:
        return items[self.below(len(items))]


# ------------------------------------------------------------------ an origin, and its edits


def choose_entries(choices: Choices, kind: str | None) -> tuple[Entry, ...]:
    """One entry of a kind; or some of several kinds."""
    if kind is not None:
        return (choices.of(ENTRIES[kind]),)
    return tuple(choices.of(ALL) for _ in range(2 + choices.below(3)))


def near(choices: Choices, entry: Entry) -> str:
    """What `entry` allows, or something that only looks like it."""
    origin = _instance(choices, entry)
    for _ in range(choices.of((0, 1, 1, 2, 2, 3))):
        origin = choices.of(EDITS)(choices, origin)
    return origin


def _instance(choices: Choices, entry: Entry) -> str:
    if isinstance(entry, re.Pattern):
        return choices.of(
            ("https://trusted.com", "https://www.trusted.com:8443", "http://a.trusted.com")
        )
    if entry.endswith(":*"):
        entry = entry[:-2] + choices.of(PORTS)
    return entry.replace("*", choices.of(FILLINGS)) if "*" in entry else entry


def _split(origin: str) -> tuple[str, str, str]:
    """The scheme, what is between it and the port, and the port with its colon."""
    scheme, _, rest = origin.partition("://")
    host, colon, port = rest.rpartition(":")
    return (scheme, host, colon + port) if colon and "]" not in port else (scheme, rest, "")


def _insert(choices: Choices, origin: str) -> str:
    at = choices.below(len(origin) + 1)
    return origin[:at] + choices.of(CHARACTERS) + origin[at:]


def _drop(choices: Choices, origin: str) -> str:
    at = choices.below(len(origin) + 1)
    return origin[:at] + origin[at + 1 :]


def _replace(choices: Choices, origin: str) -> str:
    at = choices.below(len(origin) + 1)
    return origin[:at] + choices.of(CHARACTERS) + origin[at + 1 :]


def _swap(choices: Choices, origin: str) -> str:
    at = choices.below(len(origin) + 1)
    return origin[:at] + origin[at + 1 : at + 2] + origin[at : at + 1] + origin[at + 2 :]


def _repeat(choices: Choices, origin: str) -> str:
    at = choices.below(len(origin) + 1)
    return origin[:at] + origin[at : at + 1] + origin[at:]


def _look_alike(choices: Choices, origin: str) -> str:
    places = [place for place, char in enumerate(origin) if char in LOOK_ALIKES]
    if not places:
        return origin
    at = choices.of(places)
    other = choices.of(LOOK_ALIKES[origin[at]])
    form = choices.below(3)
    if form == 1:  # as servers hand over bytes of UTF-8
        other = other.encode().decode("latin-1")
    changed = origin[:at] + other + origin[at + 1 :]
    return _in_punycode(changed) if form == 2 else changed


def _in_punycode(origin: str) -> str:
    scheme, host, port = _split(origin)
    labels = [
        label if label.isascii() else f"xn--{label.encode('punycode', 'replace').decode('ascii')}"
        for label in host.split(".")
    ]
    return f"{scheme}://{'.'.join(labels)}{port}"


def _dot(choices: Choices, origin: str) -> str:
    scheme, host, port = _split(origin)
    return choices.of(
        (
            f"{scheme}://{host}.{port}",
            f"{scheme}://.{host}{port}",
            f"{scheme}://{host}..{port}",
            f"{scheme}://{host.replace('.', '..', 1)}{port}",
            f"{scheme}://{host.removesuffix('.')}{port}",
            f"{scheme}://{host.replace('.', 'x', 1)}{port}",
        )
    )


def _port(choices: Choices, origin: str) -> str:
    scheme, host, _ = _split(origin)
    return f"{scheme}://{host}{choices.of(PORTS)}"


def _scheme(choices: Choices, origin: str) -> str:
    separator = choices.of(("://", ":", ":/", ":///", "//", ":\\\\"))
    return choices.of(SCHEMES) + separator + origin.partition("://")[2]


def _case(choices: Choices, origin: str) -> str:
    scheme, host, port = _split(origin)
    at = choices.below(len(origin) + 1)
    return choices.of(
        (
            origin[:at] + origin[at : at + 1].upper() + origin[at + 1 :],
            f"{scheme}://{host.upper()}{port}",
            f"{scheme.upper()}://{host}{port}",
            origin.title(),
        )
    )


def _user_info(choices: Choices, origin: str) -> str:
    scheme, _, rest = origin.partition("://")
    return choices.of(
        (
            f"{scheme}://me@{rest}",
            f"{scheme}://me:pw@{rest}",
            f"{scheme}://@{rest}",
            f"{origin}@{EVIL}",
            f"{origin}:443@{EVIL}",
            f"{scheme}://{EVIL}@{rest}",
        )
    )


def _glue(choices: Choices, origin: str) -> str:
    scheme, host, port = _split(origin)
    between = choices.of(("", ".", "-", "_", "_.", "%60.", "`.", "{.", "\0."))
    return choices.of(
        (
            f"{scheme}://{host}{between}{EVIL}{port}",
            f"{scheme}://evil{between}{host}{port}",
            f"{scheme}://{EVIL}{between}{host}{port}",
            f"{scheme}://{host}{between}{host}{port}",
        )
    )


def _escape(choices: Choices, origin: str) -> str:
    at = choices.below(len(origin) + 1)
    itself = "".join(f"%{byte:02x}" for byte in origin[at : at + 1].encode("utf-8", "replace"))
    return origin[:at] + choices.of((itself, "%00", "%2e", "%")) + origin[at + 1 :]


def _control(choices: Choices, origin: str) -> str:
    at = choices.of((len(origin), 0, choices.below(len(origin) + 1)))
    return origin[:at] + choices.of(CONTROLS) + origin[at:]


def _tail(choices: Choices, origin: str) -> str:
    return origin + choices.of(
        ("/", "?", "#", "\\", "/x", f"\\.{EVIL}", f"/.{EVIL}", ";", ",", "@", "]", "\r\nX: 1")
    )


def _list(choices: Choices, origin: str) -> str:
    comma = choices.of((",", ", ", " ", ";", "\n"))
    other = choices.of((origin, "null", f"https://{EVIL}"))
    return choices.of((f"{origin}{comma}{other}", f"{other}{comma}{origin}"))


def _address(choices: Choices, origin: str) -> str:
    scheme, _, port = _split(origin)
    return f"{scheme}://{choices.of(ADDRESSES)}{port}"


def _label(choices: Choices, origin: str) -> str:
    scheme, host, port = _split(origin)
    label = choices.of(
        ("a", "", "*", "-", "_", "xn--", "xn--a", LABEL, LABEL * 2, LABEL * 4, "1", "0x1")
    )
    return choices.of(
        (
            f"{scheme}://{label}.{host}{port}",
            f"{scheme}://{host.partition('.')[0]}.{label}.{host.partition('.')[2]}{port}",
            f"{scheme}://{label}.{host.partition('.')[2]}{port}",
            f"{scheme}://{host}.{label}{port}",
        )
    )


def _long(choices: Choices, origin: str) -> str:
    """Around the longest host, scheme and origin that are read."""
    scheme, host, port = _split(origin)
    by = choices.below(5) - 2
    return choices.of(
        (
            f"{scheme}://{'a' * (252 + by - len(host))}.{host}{port}",
            f"{'s' * (64 + by - len(scheme))}{scheme}://{host}{port}",
            origin + "a" * (327 + by - len(origin)),
            f"{scheme}://{host}:{'0' * (327 + by - len(origin))}1",
        )
    )


EDITS: tuple[Callable[[Choices, str], str], ...] = (
    _insert,
    _drop,
    _replace,
    _swap,
    _repeat,
    _look_alike,
    _dot,
    _port,
    _scheme,
    _case,
    _user_info,
    _glue,
    _escape,
    _control,
    _tail,
    _list,
    _address,
    _label,
    _long,
)
