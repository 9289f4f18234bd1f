"""What a page may send without asking: the safelists of Fetch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .._protocol import FORBIDDEN_METHODS, is_forbidden_request_header, is_token, list_of_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._messages import Headers

# "CORS-unsafe request-header byte". Values are bytes written as latin-1.
_UNSAFE_BYTE = re.compile(r"[\x00-\x08\x0a-\x1f\"():<>?@\[\\\]{}\x7f]")
# What else than these is unsafe in Accept-Language and Content-Language.
_UNSAFE_IN_LANGUAGE = re.compile(r"[^0-9A-Za-z *,\-.;=]")
# "Parsing a single range header value" without white space; a suffix range has no first number.
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
_NO_CORS_NAMES = ("accept", "accept-language", "content-language", "content-type")
_METHOD_OVERRIDES = ("x-http-method", "x-http-method-override", "x-method-override")

# "CORS-safelisted response-header name".
SAFELISTED_RESPONSE_HEADERS = frozenset(
    "cache-control content-language content-length content-type expires last-modified "
    "pragma".split()
)


def is_safelisted(name: str, value: str) -> bool:
    """Fetch, "CORS-safelisted request-header"."""
    if len(value) > 128:
        return False
    match name.lower():
        case "accept":
            return not _UNSAFE_BYTE.search(value)
        case "accept-language" | "content-language":
            return not _UNSAFE_IN_LANGUAGE.search(value)
        case "content-type":
            return not _UNSAFE_BYTE.search(value) and _essence(value) in _FORM_TYPES
        case "range":
            return _is_simple_range(value)
    return False


def is_no_cors_safelisted(name: str, value: str) -> bool:
    """Fetch, "no-CORS-safelisted request-header"."""
    return name.lower() in _NO_CORS_NAMES and is_safelisted(name, value)


def is_forbidden(name: str, value: str) -> bool:
    """Fetch, "Forbidden request-header": a page cannot set it."""
    lower = name.lower()
    if lower in _METHOD_OVERRIDES:
        return any(method.upper() in FORBIDDEN_METHODS for method in _members(value))
    return is_forbidden_request_header(lower)


def unsafe_names(headers: Headers) -> list[str]:
    """Fetch, "CORS-unsafe request-header names": in lower case, sorted, each once."""
    unsafe: list[str] = []
    potentially_unsafe: list[str] = []
    size = 0
    for name, value in headers:
        if is_safelisted(name, value):
            potentially_unsafe.append(name)
            size += len(value)
        else:
            unsafe.append(name)
    if size > 1024:
        unsafe += potentially_unsafe
    return sorted({name.lower() for name in unsafe})


def extract_tokens(values: list[str]) -> tuple[list[str] | None, str | None]:
    """Fetch, "Extract header list values" of a header that is `#token`.

    :returns: the members and None; or None and the first that is no token, where the standard
        says failure; or None twice, if there is no such header.
    """
    if not values:
        return None, None
    found: list[str] = []
    for value in values:
        tokens = list_of_tokens(value)
        if tokens is None:
            return None, next(member for member in _members(value) if not is_token(member))
        found += tokens
    return found, None


def _members(value: str) -> Iterable[str]:
    return filter(None, (part.strip(" \t") for part in value.split(",")))


def _essence(value: str) -> str | None:
    """MIME Sniffing, "parse a MIME type", as far as its essence."""
    type_, slash, rest = value.strip(" \t\r\n").partition("/")
    subtype = rest.partition(";")[0].rstrip(" \t\r\n")
    return f"{type_}/{subtype}".lower() if slash and is_token(type_) and is_token(subtype) else None


def _is_simple_range(value: str) -> bool:
    found = _RANGE.fullmatch(value)
    if not found:
        return False
    start, end = found.groups()
    return not end or int(start) <= int(end)
