"""Origins and origin patterns: what a browser sends, and what may be configured.

Two parsers. `read_origin` is for requests: bounded, never raising, by comparison of strings.
`find_fault` is for configuration: strict, and it explains. Whatever the strict one accepts, the
lenient one reads the same; a property in the tests ties them.

An origin is its ASCII serialisation (HTML, "Origin"), so comparing strings is comparing origins.
"""

from __future__ import annotations

from ._protocol import DIGITS, LOWER

MAX_SCHEME, MAX_HOST = 64, 253
# scheme + "://" + host + a trailing dot + ":65535"
MAX_ORIGIN = MAX_SCHEME + 3 + MAX_HOST + 1 + 6

# URL standard, "special scheme" and "default port"; file has no origin to speak of.
DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
_SCHEME = LOWER + DIGITS + "+-."
# URL standard: printable ASCII without the forbidden domain code points and upper case.
_HOST = LOWER + DIGITS + "-._~!$&'()*+,;=\"`{}"
_HEX = DIGITS + "abcdef"
_ENDS_OF_NUMBERS = _HEX + "x."  # 0x is a number too, and a dot may follow


def read_origin(origin: str) -> tuple[str, str, str] | None:
    """(scheme, host, port with its colon or "") of a serialised origin, or None if it is not one.

    Takes anything a client may send; linear in at most `MAX_ORIGIN` characters.
    """
    if len(origin) > MAX_ORIGIN:
        return None
    scheme, separator, rest = origin.partition("://")
    special = scheme in DEFAULT_PORTS
    if not separator or not (special or _is_scheme(scheme)):
        return None
    # Each new host below a pattern comes here: "in" costs a tenth of a method that looks for more.
    if ":" not in rest:
        return (scheme, rest, "") if _is_host(rest, special=special) else None
    if rest.startswith("["):
        address, bracket, port = rest[1:].partition("]")
        if not bracket or address != _canonical_ipv6(address.split(":")):
            return None
        host = f"[{address}]"
    else:
        host, colon, port = rest.partition(":")
        port = colon + port
        if not _is_host(host, special=special):
            return None
    if port and not (port[0] == ":" and is_port(port[1:], scheme)):
        return None
    return scheme, host, port


def _is_scheme(text: str) -> bool:
    # URL standard, "URL-scheme string", in lower case.
    return 0 < len(text) <= MAX_SCHEME and text[0] in LOWER and not text.strip(_SCHEME)


def is_port(digits: str, scheme: str) -> bool:
    return (
        0 < len(digits) <= 5
        and not digits.strip(DIGITS)
        and digits[0] != "0"
        and int(digits) <= 65535
        and digits != DEFAULT_PORTS.get(scheme)
    )


def _is_host(host: str, *, special: bool) -> bool:
    if not host or host.strip(_HOST):
        return False
    if len(host) > MAX_HOST and len(host.removesuffix(".")) > MAX_HOST:
        return False
    if ".." in host or host[0] == ".":
        return host == "." and not special  # Electron: app://./index.html
    # The last character tells of most that they do not end in a number.
    if not special or host[-1] not in _ENDS_OF_NUMBERS:
        return True
    return not ends_in_a_number(host) or is_ipv4(host)


def ends_in_a_number(host: str) -> bool:
    """URL standard, "ends-in-a-number checker": then it is an IPv4 address or nothing."""
    last = host.removesuffix(".").rpartition(".")[2]
    if last.startswith("0x"):
        return not last[2:].strip(_HEX)
    return last != "" and not last.strip(DIGITS)


def is_ipv4(host: str) -> bool:
    """URL standard, "IPv4 serializer": four decimal numbers up to 255."""
    numbers = host.split(".")
    return len(numbers) == 4 and all(
        0 < len(number) <= 3
        and not number.strip(DIGITS)
        and int(number) <= 255
        and (number == "0" or number[0] != "0")
        for number in numbers
    )


def _canonical_ipv6(groups: list[str]) -> str | None:
    """URL standard, "IPv6 serializer", of the colon-separated parts of an address."""
    if not 3 <= len(groups) <= 9:
        return None
    if groups[0] == "" and groups[1] == "":
        groups = groups[1:]
    if groups[-1] == "" and groups[-2] == "":
        groups = groups[:-1]
    if (empty := groups.count("")) > 1:
        return None
    if empty:
        at = groups.index("")
        groups = [*groups[:at], *["0"] * (9 - len(groups)), *groups[at + 1 :]]
    if len(groups) != 8 or any(len(group) > 4 or group.strip(_HEX) for group in groups):
        return None
    return serialise_ipv6([int(group, 16) for group in groups])


def serialise_ipv6(pieces: list[int]) -> str:
    zeros, longest = 0, (0, 1)  # a single zero is not compressed
    for index, piece in enumerate([*pieces, 1]):
        if piece:
            if zeros > longest[1]:
                longest = (index - zeros, zeros)
            zeros = 0
        else:
            zeros += 1
    start, length = longest
    shown = [format(piece, "x") for piece in pieces]
    if length == 1:
        return ":".join(shown)
    return ":".join(shown[:start]) + "::" + ":".join(shown[start + length :])


def split_pattern(pattern: str) -> tuple[str, str, str, str]:
    """(scheme, first label with its star or "", the rest of the host, port) of a checked pattern.

    The first label is empty where the star is in the port alone.
    """
    scheme, _, rest = pattern.partition("://")
    host, port = rest, ""
    if not rest.endswith("]"):
        host, colon, digits = rest.rpartition(":")
        host, port = (host, colon + digits) if colon else (rest, "")
    if "*" not in host:
        return scheme, "", host, port
    label, dot, parent = host.partition(".")
    return scheme, label, dot + parent, port


# ------------------------------------------------------------------ the strict parser

# Pages of these schemes have the opaque origin, which is sent as "null".
_OPAQUE_SCHEMES = frozenset({"about", "blob", "data", "file", "filesystem", "javascript"})
_SOCKET_SCHEMES = {"ws": "http", "wss": "https"}


def find_fault(entry: str) -> str | None:
    """What keeps `entry` from being an origin or a pattern: a code of `errors.CODES`, or None."""
    if "*" in entry:
        return _find_pattern_fault(entry)
    parts = read_origin(entry)
    if parts is None or parts[0] in _OPAQUE_SCHEMES or parts[0] in _SOCKET_SCHEMES:
        return _diagnose(entry)
    if "xn--" in entry and not all(map(_is_label_of_a_browser, parts[1].split("."))):
        return "origin-punycode"
    return None


def _find_pattern_fault(entry: str) -> str | None:
    base = entry.removesuffix(":*")
    _, separator, rest = base.partition("://")
    host, port = _split_port(rest)
    label, _, parent = host.partition(".")
    if _looks_like_a_regex(entry):
        return "origin-regex"
    if not separator:
        return _diagnose(entry.replace("*", "a"))
    if "*" in base and (
        base.count("*") > 1 or "*" not in label or (label == "*" and parent in ("", "."))
    ):
        return "origin-wildcard"
    # A pattern is valid if its star can stand for something that makes it so.
    fault = find_fault(base.replace("*", "a"))
    if fault and find_fault(base.replace("*", "1")) is None:
        fault = None
    if fault is None and entry != base and port:
        return "origin-port"
    return fault


def _looks_like_a_regex(entry: str) -> bool:
    scheme, separator, rest = entry.partition("://")
    text = f"{scheme}//{rest.partition('/')[0]}" if separator else entry.partition("/")[0]
    return (
        not set("^$|()+").isdisjoint(text)
        or any(f"\\{char}" in text for char in ".dwsDWS-")
        or "//.*" in text
        or scheme.startswith(".*")
        or (separator != "" and "?" in scheme)
    )


def _diagnose(entry: str) -> str:
    """Names what is wrong with a string that is known to be no origin."""
    if not entry:
        return "origin-empty"
    pieces = entry.replace(",", " ").replace(";", " ").split()
    if len(pieces) > 1 and not any(map(find_fault, pieces)):
        return "origin-several"
    if any(char.isspace() for char in entry):
        return "origin-white-space"
    if entry.lower() == "null":
        return "origin-upper-case"
    scheme, separator, rest = entry.partition("://")
    if entry.partition(":")[0].lower() in _OPAQUE_SCHEMES:
        return "origin-scheme"
    if _looks_like_a_regex(entry):
        return "origin-regex"
    if not separator:
        return "origin-no-scheme"
    if len(scheme) > MAX_SCHEME:
        return "origin-too-long"
    if not _is_scheme(scheme.lower()):
        return "origin-scheme"
    if scheme.lower() in _SOCKET_SCHEMES:
        return "origin-scheme"
    authority = _cut_path(rest)
    if "@" in authority:
        return "origin-user-info"
    if authority != rest:
        return "origin-path"
    if not authority.isascii():
        return "origin-non-ascii"
    if entry != entry.lower():
        return "origin-upper-case"
    return _diagnose_host(scheme, authority)


def _diagnose_host(scheme: str, authority: str) -> str:
    host, port = _split_port(authority)
    if host.startswith("["):
        if read_origin(f"{scheme}://{host}") is None:
            return "origin-ipv6"
    elif not host or host.strip(_HOST):
        return "origin-host"
    elif host[0] == "." or ".." in host:
        return "origin-empty-label"
    elif len(host) - host.endswith(".") > MAX_HOST:
        return "origin-too-long"
    elif not _is_host(host, special=True):
        return "origin-ipv4"
    if port[1:] == DEFAULT_PORTS.get(scheme):
        return "origin-default-port"
    return "origin-port"


def find_correction(entry: str) -> str | None:
    """The valid origin or pattern that was probably meant, or None."""
    text = entry.strip().strip("\"'")
    if text.count("://") > 1:
        return None
    text = "".join(text.split())
    if text.lower() == "null" or text.partition(":")[0].lower() in _OPAQUE_SCHEMES:
        return "null"
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, colon, rest = text.partition(":")
        if not colon or scheme.lower() not in DEFAULT_PORTS:
            rest = text
            scheme = "http" if text.startswith(("localhost", "127.", "[::1]")) else "https"
        rest = rest.lstrip("/")
    scheme = scheme.lower()
    host, port = _split_port(_cut_path(rest).rpartition("@")[2].lower())
    port = port[1:].lstrip("0") or port[1:]
    if port == DEFAULT_PORTS.get(scheme):
        port = ""
    corrected = "".join(
        (_SOCKET_SCHEMES.get(scheme, scheme), "://", _correct_host(host), port and ":" + port)
    )
    return corrected if corrected != entry and find_fault(corrected) is None else None


def _cut_path(rest: str) -> str:
    for mark in "/?#\\":
        rest = rest.partition(mark)[0]
    return rest


def _split_port(authority: str) -> tuple[str, str]:
    host, colon, port = authority.rpartition(":")
    # Without brackets an address may end in a port or not; after ::1 people mean one.
    is_address = ":" in host and not host.endswith("]") and host != "::1"
    if not colon or "]" in port or is_address:
        return authority, ""
    return host, colon + port


def _correct_host(host: str) -> str:
    try:
        if ":" in host:
            from ipaddress import IPv6Address

            packed = IPv6Address(host.strip("[]")).packed
            pieces = [packed[i] << 8 | packed[i + 1] for i in range(0, 16, 2)]
            return f"[{serialise_ipv6(pieces)}]"
        if not host.isascii():
            from idna import uts46_remap

            mapped = uts46_remap(host, std3_rules=False, transitional=False)
            return ".".join(map(_to_ascii, mapped.split(".")))
    except ValueError:  # also the base of idna's errors
        return host
    return host


def _to_ascii(label: str) -> str:
    return label if label.isascii() else "xn--" + label.encode("punycode").decode("ascii")


def _is_label_of_a_browser(label: str) -> bool:
    """UTS 46, "Validity Criteria", with the flags of the URL standard's "domain to ASCII".

    Browsers go by this and not by IDNA 2008, which refuses emoji and much else.
    """
    if not label.startswith("xn--"):
        return True
    import idna

    try:
        text = label[4:].encode("ascii").decode("punycode")
        if text.isascii():  # also the empty text, which idna may fail on
            return False
        idna.check_initial_combiner(text)
        idna.check_bidi(text)
        return (
            _to_ascii(text) == label
            and idna.uts46_remap(text, std3_rules=False, transitional=False) == text
            and all(
                idna.valid_contextj(text, index)
                for index, char in enumerate(text)
                if char in "\u200c\u200d"
            )
        )
    except ValueError:
        return False
