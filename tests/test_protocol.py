"""The words of the protocol: tokens, lists of them, and the names that no page can set."""

import pytest

from corsgate._protocol import is_forbidden_request_header, is_token, list_of_tokens


@pytest.mark.parametrize(
    "text",
    ["GET", "x", "X-Requested-With", "0", "*", "!#$%&'*+-.^_`|~", "content-type"],
)
def test_a_token_is_one_or_more_tchar(text: str) -> None:
    assert is_token(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        *[
            pytest.param(f"a{char}b", id=f"with {char!a}")
            for char in ' \t\r\n\0\x7f"(),/:;<=>?@[\\]{}\x80\xff\u0131'
        ],
        pytest.param(" GET", id="space in front"),
        pytest.param("GET ", id="space behind"),
    ],
)
def test_no_other_text_is_a_token(text: str) -> None:
    assert not is_token(text)


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        pytest.param("", [], id="empty"),
        pytest.param(" , ,\t,", [], id="only commas and white space"),
        pytest.param("x-a", ["x-a"], id="one"),
        pytest.param("x-a,x-b", ["x-a", "x-b"], id="two"),
        pytest.param(" x-a ,\tx-b\t", ["x-a", "x-b"], id="white space around"),
        pytest.param("x-a,,x-b,", ["x-a", "x-b"], id="empty members"),
        pytest.param("X-A,x-a", ["X-A", "x-a"], id="as they are"),
    ],
)
def test_a_list_of_tokens_is_read_without_its_empty_members(value: str, tokens: list[str]) -> None:
    assert list_of_tokens(value) == tokens


@pytest.mark.parametrize("value", ["x a", "x-a, x b", "x-a\r\nx-b", "x-a;x-b", "x-a,\xa0", "\n"])
def test_a_list_with_anything_but_tokens_is_no_list_at_all(value: str) -> None:
    assert list_of_tokens(value) is None


# Fetch, "forbidden request-header", as of 2026: the names of the standard, spelt out once more.
FORBIDDEN = [
    "accept-charset",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "connection",
    "content-length",
    "cookie",
    "cookie2",
    "date",
    "dnt",
    "expect",
    "host",
    "keep-alive",
    "origin",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "proxy-authorization",
    "proxy-",
    "sec-fetch-site",
    "sec-",
]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_page_cannot_set_a_forbidden_request_header(name: str) -> None:
    assert is_forbidden_request_header(name)


@pytest.mark.parametrize("name", ["accept", "user-agent", "x-origin", "security", "proxy", "sec"])
def test_a_page_can_set_any_other(name: str) -> None:
    assert not is_forbidden_request_header(name)
