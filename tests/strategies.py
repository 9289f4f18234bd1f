"""Strategies for the property tests, and a gate straight from its rules to compare with."""

import functools
import string
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from reference_origin import reference_allows

LABEL = string.ascii_lowercase + string.digits + "-"
# Printable ASCII that a host of the URL standard may have: no "forbidden domain code point", and
# nothing that means something in front of or behind a host.
HOST = "".join(
    char
    for char in map(chr, range(0x21, 0x7F))
    if char not in "#%/:<>?@[\\]^|" and not char.isupper()
)

labels = st.one_of(
    st.sampled_from(["a", "b", "www", "example", "com", "localhost", "pr-1", "x_y", "0", "127"]),
    st.text(LABEL + "_", min_size=1, max_size=8),
)
# Labels that look like punycode are a matter of their own.
plain_labels = labels.filter(lambda label: not label.startswith("xn--"))
hosts = st.lists(plain_labels, min_size=1, max_size=5).map(".".join)
odd_hosts = st.text(HOST + ".", min_size=1, max_size=12)
ipv4_like = st.lists(st.integers(0, 300).map(str) | st.sampled_from(["0x7f", "00", "", "a"])).map(
    ".".join
)
ipv6_like = st.lists(
    st.sampled_from(["", "0", "1", "ffff", "a0", "00", "12345", "g"]), min_size=2, max_size=9
).map(lambda groups: f"[{':'.join(groups)}]")
ipv6 = st.ip_addresses(v=6).map(lambda address: f"[{address.exploded}]")
schemes = st.sampled_from(["http", "https", "tauri", "chrome-extension", "ftp"])
web_schemes = st.sampled_from(["http", "https"])
ports = st.one_of(
    st.just(""),
    st.integers(0, 70_000).map(":{}".format),
    st.sampled_from([":80", ":443", ":8000", ":", ":08", ":a", ":*"]),
)
tails = st.sampled_from(["", "", "", ".", "/", "?", "#", "\\", " ", "..", "%", "\n", "@a"])


def near_web_origins() -> st.SearchStrategy[str]:
    """Texts that are http or https origins, or would be but for something."""
    host = st.one_of(hosts, hosts, odd_hosts, ipv4_like, ipv6_like, ipv6)
    return st.builds(
        "{}{}{}{}{}".format,
        web_schemes,
        st.sampled_from(["://", "://", "://", "://me@", ":/", ":", "//"]),
        host,
        ports,
        tails,
    )


well_formed_origins = st.builds(
    "{}://{}{}".format,
    schemes,
    hosts | ipv6,
    st.just("") | st.integers(1, 65_535).map(":{}".format),
)


def near_origins() -> st.SearchStrategy[str]:
    """Texts that are origins of any scheme, or nearly, or anything at all."""
    any_scheme = st.builds(
        "{}://{}{}".format, schemes, st.one_of(hosts, odd_hosts, ipv4_like, ipv6_like), ports
    )
    latin_1 = st.text(st.characters(max_codepoint=255), max_size=40)
    return st.one_of(near_web_origins(), any_scheme, latin_1, st.text(max_size=20))


# ------------------------------------------------------------------ patterns, and origins near them

# None of these is a public suffix, below which a star in a part of a label is a problem.
below = st.lists(st.sampled_from(["a", "b", "example", "apps"]), min_size=1, max_size=3).map(
    ".".join
)
stars = st.sampled_from(["", "", "*.", "pr-*.", "*-pr.", "a*b.", "*x."])
entries = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["http", "https", "tauri"]),
    stars,
    below,
    st.sampled_from(["", "", "", "."]),
    st.sampled_from(["", "", ":8000", ":*"]),
)
entry_lists = st.lists(entries | st.just("null"), max_size=6)
fillings = st.sampled_from(
    ["a", "b", "pr", "1", "-", "x-1", "a.b", "a.b.c", "", ".", "_", "*", "a_b", "A", "a.", "\xe9"]
)


@st.composite
def origins_near(draw: st.DrawFn, patterns: Sequence[str]) -> str:
    """What one of the patterns allows, or something that only looks like it."""
    if not patterns or draw(st.integers(0, 9)) == 0:
        return draw(near_origins())
    origin = draw(st.sampled_from(patterns))
    if origin.endswith(":*"):
        origin = origin[:-2] + draw(
            st.sampled_from(["", ":1", ":8000", ":65535", ":0", ":80", ":443", ":*", ":", ":01"])
        )
    while "*" in origin:
        filling = draw(fillings)
        origin = origin.replace("*", filling.replace("*", "\0"), 1)
    origin = origin.replace("\0", "*")
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        place = draw(st.integers(0, len(origin)))
        edit = draw(st.sampled_from(["cut", "insert", "change", "tail", "head", "scheme", "port"]))
        if edit == "cut":
            origin = origin[:place] + origin[place + 1 :]
        elif edit == "insert":
            origin = origin[:place] + draw(st.sampled_from(".-ab*_:/@ ")) + origin[place:]
        elif edit == "change":
            origin = origin[:place] + draw(st.sampled_from(".xA1*")) + origin[place + 1 :]
        elif edit == "tail":
            origin += draw(st.sampled_from([".", "a", ".evil.test", "/", ":8000", ",", "\n"]))
        elif edit == "head":
            origin = draw(st.sampled_from(["x", " ", "https://"])) + origin
        elif edit == "scheme":
            origin = origin.replace("https", "http") if "https" in origin else f"https{origin[4:]}"
        else:
            origin = origin.rpartition(":")[0] + draw(st.sampled_from([":8000", ":1", ""]))
    return origin


# ------------------------------------------------------------------ whole policies and requests

tokens = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=10)
safe_entries = st.sampled_from(
    [
        "https://app.example.com",
        "https://*.example.com",
        "https://pr-*.example.org",
        "http://localhost:*",
        "tauri://localhost",
        "https://xn--bcher-kva.example",
    ]
)
header_names = st.sampled_from(["X-A", "x-b", "Content-Type", "Link", "X-Total", "authorization"])
methods = st.sampled_from(["GET", "PUT", "PURGE", "QUERY", "DELETE", "chicken", "OPTIONS"])


@st.composite
def policy_options(draw: st.DrawFn) -> dict[str, object]:
    """The keyword arguments of a valid policy."""
    credentials = draw(st.booleans())
    any_origin = not credentials and draw(st.integers(0, 5)) == 0
    return {
        "allow_origins": ["*"] if any_origin else draw(st.lists(safe_entries, max_size=4)),
        "allow_methods": draw(st.just(["*"]) | st.lists(methods, max_size=5)),
        "allow_headers": draw(
            st.just(["*"]) | st.just(["*", "Authorization"]) | st.lists(header_names, max_size=5)
        ),
        "expose_headers": draw(st.lists(header_names, max_size=4)),
        "allow_credentials": credentials,
        "max_age": draw(st.none() | st.integers(0, 10**9)),
        "allow_timing": draw(st.booleans()),
        "preflight_status": draw(st.sampled_from([200, 204])),
        "dangerously_allow": draw(
            st.lists(st.sampled_from(["insecure-origin", "public-suffix", "null-origin"]))
        ),
    }


any_text = st.one_of(
    st.text(max_size=30),
    st.text(st.characters(max_codepoint=255), max_size=30),
    st.text(string.ascii_letters + ",- \t", max_size=30),
    st.sampled_from(["", ",", "x-a, x-b", "a" * 5_000, "," * 5_000, "https://app.example.com"]),
)
origins_of_safe_entries = st.sampled_from(
    [
        "https://app.example.com",
        "https://a.b.example.com",
        "https://pr-7.example.org",
        "http://localhost:5173",
        "tauri://localhost",
        "null",
    ]
)
page_origins = origins_of_safe_entries | well_formed_origins
request_origins = st.one_of(origins_of_safe_entries, near_origins(), any_text)


@st.composite
def requests(
    draw: st.DrawFn, among: Sequence[str] = ("GET", "POST", "OPTIONS", "OPTIONS")
) -> dict[str, str]:
    """What of an environ has to do with CORS, with anything in it."""
    environ = {"REQUEST_METHOD": draw(st.sampled_from(among))}
    for key, values in {
        "HTTP_ORIGIN": request_origins,
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": methods | any_text,
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": header_names | any_text,
    }.items():
        if draw(st.integers(0, 9)):
            environ[key] = draw(values)
    return environ


@st.composite
def gated_options(draw: st.DrawFn) -> dict[str, Any]:
    """The keyword arguments of a valid policy that may have a gate on."""
    return {
        **draw(policy_options()),
        "gate": draw(st.sampled_from(["off", "report", "enforce", "enforce"])),
        "write_origins": draw(st.none() | st.lists(safe_entries, max_size=3)),
        "own_origins": draw(st.lists(own_origins, max_size=2)),
    }


own_origins = st.sampled_from(["https://www.example.com", "http://localhost:8000"])


@st.composite
def gated_requests(draw: st.DrawFn) -> dict[str, str]:
    """What of an environ has to do with the gate, from a browser or from anything else."""
    environ = {"REQUEST_METHOD": draw(st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "get"]))}
    hosts = st.sampled_from(["www.example.com", "www.example.com:443", "localhost:8000", "", "a@b"])
    sites = st.sampled_from(["same-origin", "same-site", "cross-site", "none", "", "None"])
    for key, values in {
        "HTTP_ORIGIN": own_origins | request_origins,
        "HTTP_SEC_FETCH_SITE": sites | any_text,
        "HTTP_HOST": hosts,
        "HTTP_UPGRADE": st.sampled_from(["websocket", "h2c, WebSocket", "h2c"]),
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": methods,
    }.items():
        if draw(st.booleans()):
            environ[key] = draw(values)
    return environ


def reference_lets_pass(options: dict[str, Any], environ: dict[str, str]) -> bool:
    """The rules of the gate, one after the other."""
    method, origin = environ["REQUEST_METHOD"], environ.get("HTTP_ORIGIN")
    site = environ.get("HTTP_SEC_FETCH_SITE")
    # 1. What is exempt, and a preflight.
    asks = "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
    if options["gate"] == "off" or (method == "OPTIONS" and origin is not None and asks):
        return True
    # 2. A safe method without Origin.
    handshake = "websocket" in environ.get("HTTP_UPGRADE", "").lower()
    safe = method in ("GET", "HEAD", "OPTIONS") and not handshake
    if safe and origin is None:
        return True
    # 3. The site itself, and what a user has typed.
    if site in ("same-origin", "none"):
        return True
    # 5. Without Origin: no browser, or one that says no.
    if origin is None:
        return site is None
    # 4. Whom the policy trusts; and the site itself, as far as that can be told without metadata.
    readers = options["allow_origins"]
    writers = options["write_origins"]
    if writers is None:
        writers = [entry for entry in readers if entry not in ("*", "null")]
    trusted = readers if safe else writers
    if "*" in trusted or reference_allows(trusted, origin):
        return True
    if site is not None:
        return False
    if options["own_origins"]:
        return origin in options["own_origins"]
    host = environ.get("HTTP_HOST")
    if not host:
        return False
    return origin in (f"http://{host.removesuffix(':80')}", f"https://{host.removesuffix(':443')}")


vary_values = st.sampled_from(
    ["Cookie", "Accept, Cookie", "origin", "Origin,Accept", "*", "", " , ", "accept"]
)
response_headers = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["Vary", "vary", "VARY"]), vary_values),
        st.tuples(
            st.sampled_from(
                [
                    "Access-Control-Allow-Origin",
                    "access-control-allow-origin",
                    "Access-Control-Allow-Credentials",
                    "Access-Control-Expose-Headers",
                    "Access-Control-Allow-Methods",
                    "Access-Control-Max-Age",
                    "Timing-Allow-Origin",
                ]
            ),
            st.sampled_from(["*", "true", "https://evil.example"]),
        ),
        st.tuples(st.sampled_from(["Content-Type", "Set-Cookie", "X-A"]), st.text(max_size=5)),
    ),
    max_size=6,
)


# ------------------------------------------------------------------ names with slips in them

OPTIONS = (
    "allow_origins",
    "allow_methods",
    "allow_headers",
    "expose_headers",
    "allow_credentials",
    "max_age",
    "allow_timing",
    "preflight_status",
    "gate",
    "write_origins",
    "own_origins",
    "dangerously_allow",
)


@st.composite
def misspelt_options(draw: st.DrawFn) -> str:
    """The name of an option after some slips of the pen."""
    name = draw(st.sampled_from(OPTIONS))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(name)))
        slip = draw(st.sampled_from(["leave out", "put in", "change", "swap"]))
        letter = draw(st.sampled_from("aels_x"))
        if slip == "put in":
            name = name[:at] + letter + name[at:]
        elif slip == "swap":
            name = name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :]
        else:
            name = name[:at] + (letter if slip == "change" else "") + name[at + 1 :]
    return name


def edits(one: str, other: str) -> int:
    """How many letters to put in, leave out, change or swap; by definition, letter by letter."""
    if not one or not other:
        return len(one) + len(other)
    if one[0] == other[0]:
        return edits_of(one[1:], other[1:])
    fewest = min(edits_of(one[1:], other), edits_of(one, other[1:]), edits_of(one[1:], other[1:]))
    if one[:2] == other[1::-1] and len(other) > 1:
        fewest = min(fewest, edits_of(one[2:], other[2:]))
    return 1 + fewest


edits_of = functools.cache(edits)
