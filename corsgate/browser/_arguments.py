"""What `Browser` is given, checked before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from inspect import iscoroutinefunction
from json import dumps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from .._protocol import is_token
from ._request import REFERRER_POLICIES
from ._safelist import is_forbidden
from ._url import URL, is_loopback, is_origin, parse_url

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._messages import Headers

FORM = "application/x-www-form-urlencoded"
# `None` is a value that JSON has.
NOT_GIVEN: Any = object()
_CHOICES: dict[str, tuple[str, ...]] = {
    "mode": ("cors", "no-cors", "same-origin"),
    "credentials": ("omit", "same-origin", "include"),
    "redirect": ("follow", "error", "manual"),
    "cache": ("default", "no-store"),
    "referrer_policy": REFERRER_POLICIES,
    "enctype": (FORM, "text/plain"),
}
_HOST = re.compile(r"(?i)([a-z0-9-]+(?:\.[a-z0-9-]+)+|localhost)(?::[0-9]+)?(?:/|\Z)")


def check_application(name: str, app: object) -> None:
    """Refuses what no server could call as a WSGI application."""
    if not callable(app):
        raise TypeError(
            f"{name} is {app!r}; give the WSGI application itself: a Flask app, or"
            " get_wsgi_application() for Django"
        )
    if iscoroutinefunction(app) or iscoroutinefunction(type(app).__call__):
        raise TypeError(
            f"{name} is {app!r}; ASGI applications are not supported: give a WSGI application,"
            " for Django get_wsgi_application()"
        )


def check_callable(name: str, value: object, fix: str) -> None:
    if not callable(value):
        raise TypeError(f"{name} is {value!r}, which cannot be called: give {fix}")


def check_text(name: str, value: object, example: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}, which is no str: write {example!r} or the like")


def check_choices(**given: str) -> None:
    for name, value in given.items():
        if value not in _CHOICES[name]:
            raise ValueError(f"{name} is {value!r}; write one of {', '.join(_CHOICES[name])}")


def check_fields(name: str, fields: object) -> None:
    """The names and values of a form."""
    if not isinstance(fields, Mapping) or not all(
        isinstance(part, str) for pair in fields.items() for part in pair
    ):
        raise TypeError(f"{name} is {fields!r}; give a mapping of names to values, all of them str")


def page_origin(origin: str) -> str:
    check_text("origin", origin, "https://app.example.com")
    if not is_origin(origin):
        found = _find_origin(origin)
        fix = f": write {found!r}" if found else ""
        raise ValueError(f"origin is {origin!r}, which is not how browsers write one{fix}")
    return origin


def http_origin(text: str) -> URL:
    check_text("the origin of an application", text, "https://api.example.com")
    url = parse_url(text)
    if url is None or not url.host or url.origin != text:
        fix = _find_origin(text) or "https://api.example.com"
        raise ValueError(f"{text!r} is not the origin of an application: write {fix!r}")
    return url


def _find_origin(text: str) -> str | None:
    """What was meant, where that is plain: of a whole address, or of a host with no scheme."""
    if host := _HOST.match(text):
        text = f"{'http' if is_loopback(host[1].lower()) else 'https'}://{text}"
    url = parse_url(text)
    return url.origin if url and url.host else None


def content_of(body: object, json: object, form: object) -> tuple[bytes | None, str | None]:
    """Fetch, "extract a body with type"."""
    if (body is not None) + (json is not NOT_GIVEN) + (form is not None) > 1:
        raise ValueError("body, json and form: only one of them can be sent")
    if json is not NOT_GIVEN:
        return dumps(json).encode(), "application/json"
    if form is not None:
        check_fields("form", form)
        return urlencode(form).encode(), f"{FORM};charset=UTF-8"  # type: ignore[arg-type]
    if isinstance(body, str):
        return body.encode(), "text/plain;charset=UTF-8"
    if body is None or isinstance(body, bytes):
        return body, None
    raise TypeError(f"body is {body!r}; give bytes or a str, or say json= or form=")


def pairs_of(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> Headers:
    """The headers of a page, as `new Headers()` takes them."""
    given = headers.items() if isinstance(headers, Mapping) else headers
    try:
        pairs = [(name, text) for name, text in given]
    except (TypeError, ValueError):
        raise TypeError(
            f"headers is {headers!r}; give a mapping of names to values, or pairs of them"
        ) from None
    found = []
    for name, text in pairs:
        if not isinstance(name, str) or not isinstance(text, str):
            raise TypeError(f"headers has {name!r} with the value {text!r}; both have to be str")
        value = text.strip(" \t\r\n")
        if not is_token(name) or any(char in "\0\r\n" or char > "\xff" for char in value):
            raise ValueError(f"a page cannot send the header {name!r} with the value {value!r}")
        if is_forbidden(name, value):
            raise ValueError(f"a page cannot set the header {name!r}: browsers drop it silently")
        found.append((name, value))
    return found
