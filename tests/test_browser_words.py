"""The browser's safelists, URLs and sites: the words that its half of the protocol is made of."""

import pytest

from corsgate.browser._safelist import (
    extract_tokens,
    is_forbidden,
    is_no_cors_safelisted,
    is_safelisted,
    unsafe_names,
)
from corsgate.browser._url import (
    URL,
    is_loopback,
    is_origin,
    is_same_origin,
    is_same_site,
    parse_url,
    registrable_domain,
    site_of,
)

# Fetch, "CORS-unsafe request-header byte", spelt once more.
UNSAFE = {*range(0x20), *b'"():<>?@[\\]{}', 0x7F} - {0x09}
# What Accept-Language and Content-Language may have.
LANGUAGE = {*b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz *,-.;="}


@pytest.mark.parametrize("byte", range(256))
def test_each_byte_is_safe_in_a_value_or_not(byte: int) -> None:
    """Fetch, "CORS-safelisted request-header"."""
    value = f"a{chr(byte)}b"
    assert is_safelisted("Accept", value) is (byte not in UNSAFE)
    assert is_safelisted("Accept-Language", value) is (byte in LANGUAGE)
    assert is_safelisted("CONTENT-LANGUAGE", value) is (byte in LANGUAGE)
    typed = f"text/plain;{chr(byte)}"
    assert is_safelisted("content-type", typed) is (byte not in UNSAFE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accept", ""),
        ("Accept", "a" * 128),
        ("content-type", "text/plain"),
        ("content-type", "TEXT/PLAIN ;charset=x"),
        ("content-type", " application/x-www-form-urlencoded"),
        ("content-type", "multipart/form-data; boundary=b"),
        ("range", "bytes=0-0"),
        ("range", "bytes=5-"),
        ("range", "bytes=007-8"),
    ],
)
def test_what_is_safelisted(name: str, value: str) -> None:
    assert is_safelisted(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accept", "a" * 129),
        ("accept-charset", "a"),
        ("x-a", ""),
        ("content-type", ""),
        ("content-type", "text"),
        ("content-type", "/plain"),
        ("content-type", "text/"),
        ("content-type", "te xt/plain"),
        ("content-type", "text/plain, application/json"),
        ("content-type", "application/json"),
        ("range", "bytes=-5"),
        ("range", "bytes=-"),
        ("range", "bytes=2-1"),
        ("range", "bytes=0-1,2-3"),
        ("range", "bytes= 0-1"),
        ("range", "bytes 0-1"),
        ("range", "Bytes=0-1"),
        ("range", "items=0-1"),
        ("range", "bytes=\xb2-3"),
        ("range", "bytes=0-1\n"),
    ],
)
def test_what_is_not_safelisted(name: str, value: str) -> None:
    assert not is_safelisted(name, value)


@pytest.mark.parametrize(
    ("name", "value", "safelisted"),
    [
        ("Accept", "a", True),
        ("Content-Type", "text/plain", True),
        ("Content-Type", "application/json", False),
        ("Range", "bytes=0-1", False),
        ("X-A", "1", False),
    ],
)
def test_no_cors_has_a_shorter_list(name: str, value: str, safelisted: bool) -> None:
    """Fetch, "no-CORS-safelisted request-header"."""
    assert is_no_cors_safelisted(name, value) is safelisted


@pytest.mark.parametrize(
    ("sizes", "names"),
    [
        ([128] * 8, []),
        ([128] * 8 + [1], ["accept"]),
    ],
)
def test_safelisted_values_are_unsafe_beyond_1024_bytes(sizes: list[int], names: list[str]) -> None:
    """Fetch, "CORS-unsafe request-header names", step 5."""
    assert unsafe_names([("Accept", "a" * size) for size in sizes]) == names


def test_unsafe_names_are_sorted_in_lower_case_and_there_once() -> None:
    headers = [("X-B", "1"), ("x-a", "1"), ("X-b", "2"), ("Accept", "a"), ("X_", "")]
    assert unsafe_names(headers) == ["x-a", "x-b", "x_"]


@pytest.mark.parametrize(
    ("name", "value", "forbidden"),
    [
        ("Cookie", "", True),
        ("Sec-Fetch-Site", "same-origin", True),
        ("X-HTTP-Method", "connect", True),
        ("X-Method-Override", "PUT", False),
        ("X-Method-Override", "PUT, Track", True),
        ("X-A", "TRACE", False),
    ],
)
def test_what_a_page_cannot_set(name: str, value: str, forbidden: bool) -> None:
    """Fetch, "forbidden request-header"."""
    assert is_forbidden(name, value) is forbidden


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], (None, None)),
        ([""], ([], None)),
        ([" , a,,B "], (["a", "B"], None)),
        (["a", "b"], (["a", "b"], None)),
        (["a, b c"], (None, "b c")),
        (["a", "b, ;, d e"], (None, ";")),
    ],
)
def test_a_list_of_tokens_is_extracted_or_fails(
    values: list[str], expected: tuple[list[str] | None, str | None]
) -> None:
    """Fetch, "extracting header list values"."""
    assert extract_tokens(values) == expected


BASE = URL("https", "api.example.com", None, "/a/b", "q")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://a.example", URL("https", "a.example")),
        ("https://a.example:443/", URL("https", "a.example")),
        ("http://A.example:8000/x?", URL("http", "a.example", 8000, "/x", "")),
        ("https://u:p@a.example/x?y#z", URL("https", "a.example", None, "/x", "y", True)),
        (
            "https://a.example/{'\\x?{'\\?`^| \"<>",
            URL("https", "a.example", None, "/%7B'/x", "{%27\\?`^|%20%22%3C%3E"),
        ),
        ("https://[2001:DB8::1]:80/", URL("https", "[2001:db8::1]", 80)),
        ("c", URL("https", "api.example.com", None, "/a/c")),
        ("/c?d", URL("https", "api.example.com", None, "/c", "d")),
        ("//b.example", URL("https", "b.example")),
        ("foo:bar", URL("foo")),
        ("http:/b.example", URL("http", "b.example")),
        ("#c", URL("https", "api.example.com", None, "/a/b", "q")),
        ("?", URL("https", "api.example.com", None, "/a/b", "")),
        ("../../c/", URL("https", "api.example.com", None, "/c/")),
        ("", URL("https", "api.example.com", None, "/a/b", "q")),
    ],
)
def test_an_address_is_read(text: str, url: URL) -> None:
    """URL, "URL parser"."""
    found = parse_url(text, BASE)
    assert (found, str(found)) == (url, str(url))


@pytest.mark.parametrize("text", ["", "a.example", "/a", "https://", "https://[", "http://a b"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert parse_url(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "https://app.example.com",
        "http://localhost:3000",
        "https://[::1]",
        "https://a_b.example",
        "tauri://localhost",
        "chrome-extension://abcdefghijklmnop",
    ],
)
def test_what_a_page_can_have_as_its_origin(text: str) -> None:
    assert is_origin(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "*",
        "Null",
        "https://app.example.com/",
        "https://app.example.com:443",
        "https://APP.example.com",
        "https://u@app.example.com",
        "https://ä.example",
        "app.example.com",
        "localhost:3000",
        "tauri://localhost/",
        "https://*.example.com?",
    ],
)
def test_what_no_page_has_as_its_origin(text: str) -> None:
    assert not is_origin(text)


def test_no_origin_is_the_same_as_an_opaque_one() -> None:
    """HTML, "same origin"."""
    assert is_same_origin("https://a.example", "https://a.example")
    assert not is_same_origin("https://a.example", "https://a.example:8443")
    assert not is_same_origin("null", "null")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example.com", "https://b.example.com:8443", True),
        ("https://example.com", "https://a.b.example.com", True),
        ("https://example.com", "https://example.org", False),
        ("http://a.example.com", "https://a.example.com", False),
        ("https://a.co.uk", "https://b.co.uk", False),
        ("https://a.internal-name", "https://b.internal-name", False),
        ("http://localhost", "http://localhost:1", True),
        ("http://127.0.0.1", "http://10.0.0.1", False),
        ("http://[::1]", "http://[::2]", False),
        ("null", "https://a.example.com", False),
        ("null", "null", False),
    ],
)
def test_what_is_of_one_site(one: str, other: str, same: bool) -> None:
    """HTML, "same site"."""
    assert is_same_site(one, other) is is_same_site(other, one) is same


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        ("https://a.b.example.com:8443", "https://example.com"),
        ("http://localhost:3000", "http://localhost"),
        ("http://[::1]:80", "http://[::1]"),
        ("https://github.io", "https://github.io"),
        ("null", "null"),
    ],
)
def test_the_site_of_an_origin(origin: str, site: str) -> None:
    """HTML, "obtain a site"."""
    assert site_of(origin) == site


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("a.b.example.com", "example.com"),
        ("a.b.github.io", "b.github.io"),
        ("github.io", None),
        ("com", None),
        ("10.0.0.1", None),
        ("[::1]", None),
        ("localhost", None),
    ],
)
def test_the_registrable_domain_of_a_host(host: str, domain: str | None) -> None:
    assert registrable_domain(host) == domain


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("localhost.", True),
        ("a.localhost", True),
        ("127.9.9.9", True),
        ("[::1]", True),
        ("127.example", False),
        ("localhost.example", False),
        ("[::2]", False),
    ],
)
def test_what_stays_on_the_machine(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback
