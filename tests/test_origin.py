"""Which texts are origins and patterns, and what is said about those that are not."""

import pytest

from corsgate import Policy, PolicyError, Problem
from corsgate._origin import find_correction, find_fault, read_origin


def problems_of(entry: str) -> list[Problem]:
    with pytest.raises(PolicyError) as caught:
        Policy(allow_origins=[entry])
    return list(caught.value.problems)


LONGEST_SCHEME = "a" * 64
LONGEST_HOST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
assert len(LONGEST_HOST) == 253

# Text -> how a request's parser splits it.
ORIGINS = {
    "https://app.example.com": ("https", "app.example.com", ""),
    "http://app.example.com:8080": ("http", "app.example.com", ":8080"),
    "https://example.com:1": ("https", "example.com", ":1"),
    "https://example.com:65535": ("https", "example.com", ":65535"),
    "https://example.com:80": ("https", "example.com", ":80"),
    "http://example.com:443": ("http", "example.com", ":443"),
    "http://localhost": ("http", "localhost", ""),
    "http://localhost:3000": ("http", "localhost", ":3000"),
    "https://a_b.example.com": ("https", "a_b.example.com", ""),
    "https://-a-.example.com": ("https", "-a-.example.com", ""),
    "https://example.com.": ("https", "example.com.", ""),
    "https://example.com.:8443": ("https", "example.com.", ":8443"),
    "https://1.example": ("https", "1.example", ""),
    "https://0xz": ("https", "0xz", ""),
    "https://a,b": ("https", "a,b", ""),
    "https://!$&'()+;=~\"`{}.example": ("https", "!$&'()+;=~\"`{}.example", ""),
    "https://xn--bcher-kva.example": ("https", "xn--bcher-kva.example", ""),
    "https://xn--i-7iq.example": ("https", "xn--i-7iq.example", ""),  # an emoji, not in IDNA 2008
    "http://127.0.0.1": ("http", "127.0.0.1", ""),
    "http://0.0.0.0:8000": ("http", "0.0.0.0", ":8000"),
    "http://255.255.255.255": ("http", "255.255.255.255", ""),
    "http://[::]": ("http", "[::]", ""),
    "http://[::1]:8000": ("http", "[::1]", ":8000"),
    "http://[1::]": ("http", "[1::]", ""),
    "http://[2001:db8::1]": ("http", "[2001:db8::1]", ""),
    "http://[1:2:3:4:5:6:7:8]": ("http", "[1:2:3:4:5:6:7:8]", ""),
    "http://[1:0:3:4:5:6:7:8]": ("http", "[1:0:3:4:5:6:7:8]", ""),
    "http://[1::4:0:0:7:8]": ("http", "[1::4:0:0:7:8]", ""),
    "http://[::ffff:7f00:1]": ("http", "[::ffff:7f00:1]", ""),
    "tauri://localhost": ("tauri", "localhost", ""),
    "capacitor://localhost": ("capacitor", "localhost", ""),
    "app://-": ("app", "-", ""),
    "app://.": ("app", ".", ""),  # Electron: app://./index.html
    "chrome-extension://abcdefghijklmnopabcdefghijklmnop": (
        "chrome-extension",
        "abcdefghijklmnopabcdefghijklmnop",
        "",
    ),
    "moz-extension://6e4a9c52-0d3a-4f4e-9f0e-3a4f1f7d1c11": (
        "moz-extension",
        "6e4a9c52-0d3a-4f4e-9f0e-3a4f1f7d1c11",
        "",
    ),
    "x+y-z.1://1.2.3": ("x+y-z.1", "1.2.3", ""),
    "tauri://localhost:80": ("tauri", "localhost", ":80"),
    f"{LONGEST_SCHEME}://{LONGEST_HOST}.:65535": (LONGEST_SCHEME, f"{LONGEST_HOST}.", ":65535"),
}


@pytest.mark.parametrize("origin", ORIGINS)
def test_what_a_browser_sends_is_an_origin(origin: str) -> None:
    assert Policy(allow_origins=[origin]).allow_origins == (origin,)
    assert find_fault(origin) is None


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_request_with_it_is_read_into_its_parts(origin: str) -> None:
    assert read_origin(origin) == ORIGINS[origin]


def test_the_longest_origin_has_as_many_bytes_as_a_users_regex_ever_sees() -> None:
    assert max(map(len, ORIGINS)) == 327


PATTERNS = [
    "https://*.example.com",
    "https://*.example.com.",
    "https://*.example.com:8443",
    "https://*.example.com:*",
    "https://pr-*.example.com",
    "https://*-pr.example.com",
    "https://pr-*-web.example.com",
    "https://pr-*.example.com:*",
    "https://pr-*",
    "http://localhost:*",
    "http://127.0.0.1:*",
    "http://[::1]:*",
    "http://*.localhost:*",
    "http://10*.0.0.1",
    "http://25*.0.0.1",
    "https://*.xn--bcher-kva.example",
    "https://*.com",
    "tauri://*.localhost",
    "chrome-extension://*-x",
    f"https://*{LONGEST_HOST[1:]}",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_star_can_be_the_first_label_or_in_it_or_the_port(pattern: str) -> None:
    assert Policy(allow_origins=[pattern]).allow_origins == (pattern,)
    assert find_fault(pattern) is None


# ------------------------------------------------------------------ what is no origin


# Entry -> (code, the corrected value in the hint or None where there is none to give).
FAULTS: dict[str, tuple[str, str | None]] = {
    # empty, white space, several
    "": ("origin-empty", None),
    " ": ("origin-white-space", None),
    " https://example.com": ("origin-white-space", "https://example.com"),
    "https://example.com\n": ("origin-white-space", "https://example.com"),
    "https://exam ple.com": ("origin-white-space", "https://example.com"),
    "https://example.com\u2003": ("origin-white-space", "https://example.com"),
    "https://a.example,https://b.example": ("origin-several", None),
    "https://a.example,http://localhost:*": ("origin-several", None),
    # scheme
    "example.com": ("origin-no-scheme", "https://example.com"),
    "example.com:8443": ("origin-no-scheme", "https://example.com:8443"),
    "example.com/path": ("origin-no-scheme", "https://example.com"),
    "//example.com": ("origin-no-scheme", "https://example.com"),
    "*.example.com": ("origin-no-scheme", "https://*.example.com"),
    "localhost": ("origin-no-scheme", "http://localhost"),
    "localhost:3000": ("origin-no-scheme", "http://localhost:3000"),
    "localhost:*": ("origin-no-scheme", "http://localhost:*"),
    "127.0.0.1:8000": ("origin-no-scheme", "http://127.0.0.1:8000"),
    "[::1]:8000": ("origin-no-scheme", "http://[::1]:8000"),
    "https:example.com": ("origin-no-scheme", "https://example.com"),
    "http:/example.com": ("origin-no-scheme", "http://example.com"),
    "'https://example.com": ("origin-scheme", "https://example.com"),
    "://example.com": ("origin-scheme", None),
    "1http://example.com": ("origin-scheme", None),
    "ht_tp://example.com": ("origin-scheme", None),
    "wss://example.com": ("origin-scheme", "https://example.com"),
    "ws://localhost:3000": ("origin-scheme", "http://localhost:3000"),
    "wss://*.example.com": ("origin-scheme", "https://*.example.com"),
    "file://": ("origin-file", None),
    "file:///home/me/page.html": ("origin-file", None),
    "data:text/html,x": ("origin-scheme", None),
    "about:blank": ("origin-scheme", None),
    "blob:https://example.com/x": ("origin-scheme", "https://example.com"),
    "javascript:alert(1)": ("origin-scheme", None),
    "filesystem:https://example.com/x": ("origin-scheme", "https://example.com"),
    # user info, path
    "https://me@example.com": ("origin-user-info", "https://example.com"),
    "https://me:secret@example.com:8443": ("origin-user-info", "https://example.com:8443"),
    "https://example.com/": ("origin-path", "https://example.com"),
    "https://example.com/path?q#f": ("origin-path", "https://example.com"),
    "https://example.com?q": ("origin-path", "https://example.com"),
    "https://example.com?next=a.example": ("origin-path", "https://example.com"),
    "https://example.com#f": ("origin-path", "https://example.com"),
    "https://example.com\\": ("origin-path", "https://example.com"),
    "https://*.example.com/": ("origin-path", "https://*.example.com"),
    "http://localhost/*": ("origin-path", "http://localhost"),
    # letters
    "HTTPS://EXAMPLE.COM": ("origin-upper-case", "https://example.com"),
    "https://Example.com": ("origin-upper-case", "https://example.com"),
    "https://*.Example.com": ("origin-upper-case", "https://*.example.com"),
    "http://[2001:DB8::1]": ("origin-upper-case", "http://[2001:db8::1]"),
    "NULL": ("origin-upper-case", "null"),
    "https://b\xfccher.example": ("origin-non-ascii", "https://xn--bcher-kva.example"),
    "https://B\xdcCHER.example": ("origin-non-ascii", "https://xn--bcher-kva.example"),
    "https://fa\xdf.example": ("origin-non-ascii", "https://xn--fa-hia.example"),
    "https://\u4f8b\u3048.example": ("origin-non-ascii", "https://xn--r8jz45g.example"),
    "https://i\u2764.example": ("origin-non-ascii", "https://xn--i-7iq.example"),
    "https://*.b\xfccher.example": ("origin-non-ascii", "https://*.xn--bcher-kva.example"),
    "https://\uff45xample.com": ("origin-non-ascii", "https://example.com"),
    "https://ex\u200bample.com": ("origin-non-ascii", "https://example.com"),
    "https://\ud800.example": ("origin-non-ascii", None),
    "https://a\u2260b\ufffd.example": ("origin-non-ascii", None),
    "https://xn--a.example": ("origin-punycode", None),
    "https://xn--.example": ("origin-punycode", None),
    "https://xn--abc-.example": ("origin-punycode", None),  # ASCII only, so never encoded
    "https://xn--bcher-kva.xn--zz-99999999999.example": ("origin-punycode", None),
    "https://xn--B.example": ("origin-upper-case", None),
    "https://xn---x.example": ("origin-punycode", None),
    # host
    "https://": ("origin-host", None),
    "https://:8443": ("origin-host", None),
    "https://exa<mple.com": ("origin-host", None),
    "https://exa%2emple.com": ("origin-host", None),
    "https://example.com\0": ("origin-host", None),
    "https://example.com\x7f": ("origin-host", None),
    "https://a..example.com": ("origin-empty-label", None),
    "https://.example.com": ("origin-empty-label", None),
    "https://example.com..": ("origin-empty-label", None),
    "https://*..example.com": ("origin-empty-label", None),
    "tauri://a..localhost": ("origin-empty-label", None),
    "tauri://.localhost": ("origin-empty-label", None),
    "https://.": ("origin-empty-label", None),
    f"{'a' * 65}://example.com": ("origin-too-long", None),
    f"https://a{LONGEST_HOST}": ("origin-too-long", None),
    f"https://*.{LONGEST_HOST}": ("origin-too-long", None),
    # addresses
    "http://256.0.0.1": ("origin-ipv4", None),
    "http://1.2.3.4.5": ("origin-ipv4", None),
    "http://example.1": ("origin-ipv4", None),
    "http://example.0xg.0x": ("origin-ipv4", None),
    "http://1.2.3.4.": ("origin-ipv4", None),
    "http://1..2.3.4": ("origin-empty-label", None),
    "http://255*.0.0.1": ("origin-ipv4", None),
    "http://[::1": ("origin-ipv6", "http://[::1]"),
    "http://::1:3000": ("origin-host", "http://[::1]:3000"),
    "http://[0:0:0:0:0:0:0:1]": ("origin-ipv6", "http://[::1]"),
    "http://[1:0:0:4:5:0:0:8]:80": ("origin-ipv6", "http://[1::4:5:0:0:8]"),
    "http://[1:0::3:4:5:6:7]": ("origin-ipv6", "http://[1::3:4:5:6:7]"),
    "http://[1::3:4:5:6:7:8]": ("origin-ipv6", "http://[1:0:3:4:5:6:7:8]"),
    "http://[::01]": ("origin-ipv6", "http://[::1]"),
    "http://[::127.0.0.1]": ("origin-ipv6", "http://[::7f00:1]"),
    "http://[1::2::3]": ("origin-ipv6", None),
    "http://[1:2:3]": ("origin-ipv6", None),
    "http://[:1:2:3:4:5:6:7]": ("origin-ipv6", None),
    "http://[1:2:3:4:5:6:7:]": ("origin-ipv6", None),
    "http://[1:2:3:4:5:6:7:8:]": ("origin-ipv6", None),
    "http://[:::]": ("origin-ipv6", None),
    "http://[]": ("origin-ipv6", None),
    "http://[:]": ("origin-ipv6", None),
    "http://[::12345]": ("origin-ipv6", None),
    "http://[::g]": ("origin-ipv6", None),
    # port
    "https://example.com:0": ("origin-port", None),
    "https://example.com:65536": ("origin-port", None),
    "https://example.com:123456": ("origin-port", None),
    "https://example.com:": ("origin-port", "https://example.com"),
    "https://example.com:a": ("origin-port", None),
    "https://example.com:08443": ("origin-port", "https://example.com:8443"),
    "https://example.com:80:*": ("origin-port", None),
    "http://[::1]:99999": ("origin-port", None),
    "http://[::1]a": ("origin-ipv6", None),
    "https://example.com:443": ("origin-default-port", "https://example.com"),
    "http://example.com:80": ("origin-default-port", "http://example.com"),
    "https://*.example.com:443": ("origin-default-port", "https://*.example.com"),
    "http://[::1]:80": ("origin-default-port", "http://[::1]"),
    "https://example.com:0443": ("origin-port", "https://example.com"),
    # stars
    "https://*": ("origin-wildcard", None),
    "https://*.": ("origin-wildcard", None),
    "https://*:*": ("origin-wildcard", None),
    "*://example.com": ("origin-wildcard", None),
    "https://*.*.example.com": ("origin-wildcard", None),
    "https://app-*-*.example.com": ("origin-wildcard", None),
    "https://**.example.com": ("origin-wildcard", None),
    "https://app.*.example": ("origin-wildcard", None),
    "https://example.com:80*": ("origin-wildcard", None),
    "http://localhost:80*": ("origin-wildcard", None),
    "http://localhost:*0": ("origin-wildcard", None),
    "http://[::1]:80*": ("origin-wildcard", None),
    "https://example.com/*": ("origin-wildcard", "https://example.com"),
    # regular expressions in a string
    r"^https://example\.com$": ("origin-regex", None),
    r"https://.*\.example\.com": ("origin-regex", None),
    r"https://(a|b)\.example\.com": ("origin-regex", None),
    r"https?://app\.example\.com$": ("origin-regex", None),
    ".*": ("origin-regex", None),
    "https://(a|b).example.com": ("origin-regex", None),
    "^https://example.com$": ("origin-regex", None),
    "https?://app.example.com": ("origin-regex", None),
    r"/example\.com$/": ("origin-regex", None),
    r"/.*\.example\.com$/": ("origin-regex", None),
    r"/^https?:\/\/example\.com/i": ("origin-regex", None),
    "https://pr-?.example.com": ("origin-regex", None),
    "https://pr-??.example.com:8443": ("origin-regex", None),
    "example.com/(x)$": ("origin-no-scheme", "https://example.com"),
    "https://example.com/a(b)+$": ("origin-path", "https://example.com"),
    r"https://app\d\.example\.com": ("origin-regex", None),
    r"https://app\.example\.com": ("origin-regex", None),
}


@pytest.mark.parametrize("entry", FAULTS)
def test_what_no_browser_sends_is_a_problem(entry: str) -> None:
    [problem] = problems_of(entry)
    assert (problem.code, problem.field) == (FAULTS[entry][0], "allow_origins")
    assert problem.value == entry


@pytest.mark.parametrize("entry", [entry for entry, (_, fix) in FAULTS.items() if fix])
def test_the_hint_is_the_corrected_value_where_there_is_one(entry: str) -> None:
    [problem] = problems_of(entry)
    assert problem.hint == f"Write {FAULTS[entry][1]!r}."


@pytest.mark.parametrize("entry", [entry for entry, (_, fix) in FAULTS.items() if not fix])
def test_no_hint_guesses_where_nothing_can_be_meant(entry: str) -> None:
    [problem] = problems_of(entry)
    assert "Write '" not in problem.hint
    assert find_correction(entry) is None or FAULTS[entry][0] in ("origin-several", "origin-regex")


@pytest.mark.parametrize("word", ["copy", "true", "Any", "all"])
def test_what_others_call_any_origin_is_told_what_it_is_called_here(word: str) -> None:
    [problem] = problems_of(word)
    assert problem.hint == "Write '*' for every origin, or each origin in full."


def test_a_file_is_told_who_sends_that_origin_and_where_to_serve_it_from() -> None:
    [problem] = problems_of("file://")
    assert (problem.message, problem.hint) == (
        "'file://' is sent by WebViews that give files extra rights only, and by every file there.",
        "Serve the page from a host, or under a scheme of its own.",
    )


@pytest.mark.parametrize("other", ["https://b.example", "https://b.example/", "http://[::1"])
@pytest.mark.parametrize("separator", [" ", ", ", ",", "\n", "; "], ids=repr)
def test_two_origins_in_one_string_are_never_run_together_into_a_hint(
    separator: str, other: str
) -> None:
    [problem] = problems_of(f"https://a.example{separator}{other}")
    assert problem.code.startswith("origin-")
    assert "Write 'http" not in problem.hint


@pytest.mark.parametrize("entry", [entry for entry, (_, fix) in FAULTS.items() if fix])
def test_a_correction_is_itself_valid(entry: str) -> None:
    correction = FAULTS[entry][1]
    assert Policy(allow_origins=[correction or ""]).allow_origins == (correction,)
    assert find_correction(correction or "") is None or correction == "null"


# The texts which a request may carry and which only the request's parser gets to see.
@pytest.mark.parametrize(
    "entry",
    [entry for entry in FAULTS if "*" not in entry and FAULTS[entry][0] != "origin-punycode"],
)
def test_a_request_with_it_has_no_readable_origin(entry: str) -> None:
    parts = read_origin(entry)
    # Schemes that no page has are no matter of syntax; nothing can allow them.
    assert parts is None or parts[0] in ("file", "ws", "wss")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("https://" + "a" * 70_000, id="host"),
        pytest.param("a" * 70_000 + "://b", id="scheme"),
        pytest.param("https://a:" + "1" * 70_000, id="port"),
        pytest.param("https://[" + ":" * 70_000 + "]", id="address"),
        pytest.param("https://" + "a." * 35_000, id="labels"),
        pytest.param("https://a.example," * 4_000, id="joined"),
        pytest.param("https://a:" + "9" * 300, id="digits below the bound"),
        pytest.param("https://[" + "f" * 300 + "::]", id="hexadecimal digits below the bound"),
    ],
)
def test_an_endless_text_is_no_origin(text: str) -> None:
    assert read_origin(text) is None


def test_something_that_is_no_host_and_no_address_is_left_as_it_is() -> None:
    assert find_correction("http://[::g]") is None
    assert find_correction("https://a:b:c") is None


# A label of punycode -> whether browsers accept it: UTS 46 with the flags of the URL standard.
PUNYCODE = {
    "xn--bcher-kva": True,
    "xn--fa-hia": True,  # sharp s, which IDNA 2003 turned into ss
    "xn--i-7iq": True,  # an emoji: IDNA 2008 has none of them
    "xn--r8jz45g": True,
    "xn--4dbcagdahymbxekheh6e0a7fei0b": True,  # Hebrew, from right to left
    "xn--fiqs8s": True,
    "xn--a": False,
    "xn--": False,
    "xn--abc-": False,
    "xn--bcher-kva9": False,
    "xn--zz-99999999999": False,
}
# Text -> valid, for labels that are easier to read decoded.
DECODED = {
    "b\xfccher": True,
    "\u0301a": False,  # begins with a combining mark
    "b\xdccher": False,  # would have been mapped to lower case before
    "a\u200db": False,  # a joiner where nothing joins
    "\u0915\u094d\u200d\u0937": True,  # a joiner after a virama
    "\u0628\u200c\u0628": True,  # a non-joiner between letters that join
    "\u05d0a": False,  # from right to left, and from left to right
    "\u05d01": True,
    "a\xad\xfc": False,  # a soft hyphen is ignored, so never encoded
    "\ufffd": False,
}


def to_ascii(label: str) -> str:
    return "xn--" + label.encode("punycode").decode("ascii")


@pytest.mark.parametrize("label", PUNYCODE)
def test_a_punycode_label_is_valid_if_browsers_accept_it(label: str) -> None:
    expected = None if PUNYCODE[label] else "origin-punycode"
    assert find_fault(f"https://{label}.example") == expected


@pytest.mark.parametrize("label", [pytest.param(text, id=ascii(text)) for text in DECODED])
def test_a_punycode_label_is_valid_by_what_it_stands_for(label: str) -> None:
    expected = None if DECODED[label] else "origin-punycode"
    assert find_fault(f"https://a.{to_ascii(label)}.example") == expected


def test_punycode_counts_in_every_label_and_nowhere_else() -> None:
    assert find_fault("https://xn--bcher-kva.xn--bcher-kva.example:8443") is None
    assert find_fault("https://axn--a.example") is None
    assert find_fault("https://*.xn--a.example") == "origin-punycode"
