"""Origins, naively: what a browser sends, and whom a list of entries allows.

From the URL standard ("basic URL parser", "host parsing"), HTML ("serialization of an origin"),
Fetch ("CORS check") and the table "Origins" of the design, one step after the other and as slow as
it likes. It knows nothing of corsgate's code, which is compared with it.
"""

import re
import string
from collections.abc import Iterable
from ipaddress import IPv6Address

C0_CONTROL_OR_SPACE = "".join(map(chr, range(0x21)))
# URL, "forbidden host code point" and "forbidden domain code point".
FORBIDDEN_IN_A_HOST = {*"\0\t\n\r #/:<>?@[\\]^|"}
FORBIDDEN_IN_A_DOMAIN = {*FORBIDDEN_IN_A_HOST, *C0_CONTROL_OR_SPACE, "%", "\x7f"}
DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443, "ftp": 21}

Origin = tuple[str, str, int | None]


# ------------------------------------------------------------------ what a browser sends


def serialise(origin: Origin) -> str:
    """HTML, "serialization of an origin"."""
    scheme, host, port = origin
    return f"{scheme}://{host}" if port is None else f"{scheme}://{host}:{port}"


def parse(text: str) -> Origin | None:
    """The tuple origin of the URL `text`, or None: a failure, an opaque origin, a non-ASCII host.

    A scheme that is not special has an origin in the application that has registered it; which
    schemes have pages at all is not asked here.
    """
    text = text.strip(C0_CONTROL_OR_SPACE)
    text = "".join(char for char in text if char not in "\t\n\r")
    # "scheme start state", "scheme state"
    scheme, colon, rest = text.partition(":")
    if not colon or not re.fullmatch("[A-Za-z][A-Za-z0-9+.-]*", scheme):
        return None
    scheme = scheme.lower()
    special = scheme in DEFAULT_PORTS
    if special:  # "special authority ignore slashes state"
        rest = rest.lstrip("/\\")
    elif rest.startswith("//"):  # "path or authority state"
        rest = rest[2:]
    else:
        return None
    # "authority state": as far as one of these; what is before the last @ is user info
    ends = "/?#\\" if special else "/?#"
    authority = re.split(f"[{re.escape(ends)}]", rest, maxsplit=1)[0]
    authority = authority.rpartition("@")[2]
    # "host state": the first colon that is not in brackets
    host, port = authority, ""
    inside = False
    for place, char in enumerate(authority):
        if char == ":" and not inside:
            host, port = authority[:place], authority[place + 1 :]
            break
        inside = (inside or char == "[") and char != "]"
    parsed = parse_host(host, special=special)
    # "port state"
    if parsed is None or any(char not in string.digits for char in port):
        return None
    number = int(port.lstrip("0")[:6] or "0") if port else None
    if number is not None and number > 65535:
        return None
    return scheme, parsed, None if number == DEFAULT_PORTS.get(scheme) else number


def parse_host(host: str, *, special: bool) -> str | None:
    """URL, "host parser", serialised."""
    if host.startswith("["):
        return parse_ipv6(host[1:-1]) if host.endswith("]") else None
    if not special:
        # "opaque-host parser"; what is not ASCII it would escape
        fine = host.isascii() and not FORBIDDEN_IN_A_HOST.intersection(host)
        return host if fine and host else None
    # "percent-decode"; a byte over 0x7F makes a host that is not ASCII
    decoded = re.sub("%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), host)
    # "domain to ASCII": of ASCII it is the same in lower case, but for labels that begin with xn--.
    # Those are taken as they are; nobody can register one that is not valid.
    domain = decoded.lower()
    if not decoded.isascii() or not domain or FORBIDDEN_IN_A_DOMAIN.intersection(domain):
        return None
    return parse_ipv4(domain) if ends_in_a_number(domain) else domain


def ends_in_a_number(domain: str) -> bool:
    """URL, "ends-in-a-number checker"."""
    parts = domain.split(".")
    if parts[-1] == "":
        if len(parts) == 1:
            return False
        parts.pop()
    return bool(re.fullmatch("[0-9]+", parts[-1])) or parse_ipv4_number(parts[-1]) is not None


def parse_ipv4_number(text: str) -> int | None:
    """URL, "IPv4 number parser"."""
    if text == "":
        return None
    base, digits = 10, text
    if text.startswith("0x"):
        base, digits = 16, text[2:]
    elif len(text) > 1 and text.startswith("0"):
        base, digits = 8, text[1:]
    if any(char not in "0123456789abcdef"[:base] for char in digits):
        return None
    return int(digits, base) if digits else 0


def parse_ipv4(domain: str) -> str | None:
    """URL, "IPv4 parser" and "IPv4 serializer"."""
    parts = domain.removesuffix(".").split(".")
    numbers = [number for part in parts if (number := parse_ipv4_number(part)) is not None]
    if len(numbers) != len(parts) or len(numbers) > 4:
        return None
    *first, last = numbers
    if any(number > 255 for number in first) or last >= 256 ** (5 - len(numbers)):
        return None
    address = last + sum(number * 256 ** (3 - place) for place, number in enumerate(first))
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


def parse_ipv6(text: str) -> str | None:
    """URL, "IPv6 parser" and "IPv6 serializer"."""
    if "%" in text:  # Python takes a zone, the standard has none
        return None
    try:
        packed = IPv6Address(text).packed
    except ValueError:
        return None
    pieces = [packed[place] * 256 + packed[place + 1] for place in range(0, 16, 2)]
    # "the first longest sequence" of noughts, if it is longer than one
    runs = [
        (length, -start)
        for start in range(8)
        for length in range(2, 9 - start)
        if not any(pieces[start : start + length])
    ]
    shown = [f"{piece:x}" for piece in pieces]
    if runs:
        length, start = max(runs)
        shown[-start : -start + length] = [""]
        if start == 0:
            shown.insert(0, "")
        if length - start == 8:
            shown.append("")
    return f"[{':'.join(shown)}]"


def is_serialised(text: str) -> bool:
    """Whether `text` is an origin as a browser sends it: its own serialisation.

    The rest is the design's: lengths that names can have, no port 0, hosts in lower case without
    percent signs for every scheme, and no empty label but for one dot at the end ("app://." is the
    whole host of many an application).
    """
    origin = parse(text)
    if origin is None or serialise(origin) != text:
        return False
    scheme, host, port = origin
    name = host.removesuffix(".")
    special = scheme in DEFAULT_PORTS
    return (
        len(scheme) <= 64
        and len(name) <= 253
        and port != 0
        and (host.startswith("[") or not FORBIDDEN_IN_A_DOMAIN.intersection(host))
        and host == host.lower()
        and ("" not in name.split(".") or (host == "." and not special))
    )


# ------------------------------------------------------------------ whom entries allow


def reference_allows(entries: Iterable[str | re.Pattern[str]], origin: str) -> bool:
    """The table "Origins" of the design, one entry after the other."""
    return any(covers(entry, origin) for entry in entries)


def covers(entry: str | re.Pattern[str], origin: str) -> bool:
    """Fetch, "CORS check": equal bytes; or what the design makes of a pattern."""
    if isinstance(entry, str) and "*" not in entry:
        return origin == entry
    # "Patterns, regexes and callables are asked about well-formed origins only"
    if not is_serialised(origin):
        return False
    if isinstance(entry, re.Pattern):
        return entry.fullmatch(origin) is not None
    # A star that a client sends stands for nothing.
    return "*" not in origin and re.fullmatch(spell_out(entry), origin) is not None


def spell_out(pattern: str) -> str:
    """The regular expression that a pattern stands for."""
    spelt = re.escape(pattern)
    # "any port, or none"
    spelt = re.sub(r":\\\*$", "(:[0-9]+)?", spelt)
    # "one or more labels below"
    spelt = spelt.replace(r"://\*\.", r"://([^.]+\.)+")
    # "one `*` inside the first label: one or more of `a-z 0-9 -`, never a dot"
    return spelt.replace(r"\*", "[a-z0-9-]+")
