"""What two applications answer differently, and what a browser makes of that."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from .. import _protocol as names
from .._words import one_line
from ..browser import CORSError, HTTPRequest, HTTPResponse
from ..browser._engines import STANDARD
from ..browser._fetch import UserAgent
from ..browser._request import Request as PageRequest
from ..browser._url import URL
from ..browser._wsgi import WSGITransport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

STRANGER = "https://stranger.test"
_SERVER = "http://127.0.0.1"
_SIMPLE = ("GET", "HEAD", "POST")
_STATUS = "status"
_LISTS = (names.ALLOW_METHODS, names.ALLOW_HEADERS, names.EXPOSE_HEADERS, names.VARY)
_NAMES = (names.ALLOW_ORIGIN, names.ALLOW_CREDENTIALS, names.MAX_AGE, *_LISTS)
_NONE, _ITS_OWN = "not there", "the origin of the page"
_BLOCKED, _ALLOWED, _WITH_COOKIES = (
    "the browser blocks it",
    "the browser lets it through",
    "the browser lets it through, with cookies too",
)
_RANK = {_BLOCKED: 0, _ALLOWED: 1, _WITH_COOKIES: 2}
_MOST_NAMED = 3
_FORBIDDEN = 403


class Asked(NamedTuple):
    """A request.

    :param method: of a preflight, the method that is asked for.
    :param headers: of a preflight, the names of headers that are asked for, in lower case.
    """

    method: str = "GET"
    path: str = "/"
    origin: str | None = None
    preflight: bool = False
    headers: tuple[str, ...] = ()


class Difference(NamedTuple):
    """Something that is answered differently.

    :param request: to what.
    :param why: a sentence; "" where there is nothing to say.
    :param lets_through: None where a browser makes the same of both; else whether it now lets
        through more than before.
    """

    request: str
    old: str
    new: str
    why: str
    lets_through: bool | None = None


def nothing(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """An application that answers with nothing."""
    start_response("200 OK", [])
    return []


@contextmanager
def quietly() -> Iterator[None]:
    """What the libraries log and warn of meanwhile is said in our own words, or is not about it."""
    disabled = logging.root.manager.disable
    logging.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


def battery(origins: Iterable[str], paths: Sequence[str] = ("/",)) -> list[Asked]:
    """Requests that show what a configuration does.

    :param origins: those that it is about.
    :param paths: those that it is about, and others.
    """
    pages = [*dict.fromkeys([*origins, STRANGER, "null"])]
    near = [other for origin in origins for other in neighbours(origin)]
    asked = []
    for path in paths:
        asked.append(Asked(path=path))
        for origin in dict.fromkeys([*pages, *near]):
            asked.append(Asked("GET", path, origin))
            asked.append(Asked("PUT", path, origin, True, ("content-type",)))
        for origin in pages:
            asked += [Asked(method, path, origin, True) for method in ("PATCH", "DELETE")]
            asked += [
                Asked("POST", path, origin, True, (name,))
                for name in ("content-type", "authorization", "x-custom")
            ]
    return asked


def neighbours(origin: str) -> Iterator[str]:
    """Origins that look like one, and belong to somebody else or come another way."""
    scheme, _, rest = origin.partition("://")
    if scheme not in ("http", "https"):
        return
    host, colon, port = rest.rpartition(":") if not rest.endswith("]") else (rest, "", "")
    host, port = (host, colon + port) if host else (rest, "")
    yield f"{'http' if scheme == 'https' else 'https'}://{rest}"
    yield f"{scheme}://{host}:8443"
    if host.endswith("]"):
        return
    yield f"{scheme}://{host}.stranger.test{port}"
    if host.replace(".", "").isdigit():
        return
    yield f"{scheme}://www.{host}{port}"
    yield f"{scheme}://stranger{host}{port}"
    if "." in host:
        yield f"{scheme}://{host.replace('.', 'x', 1)}{port}"
        yield f"{scheme}://{host}x{port}"


def compare(
    old_app: WSGIApplication, new_app: WSGIApplication, requests: Iterable[Asked]
) -> list[Difference]:
    """Send the same requests to both, and say what differs: first what a browser notices.

    What differs alike for several requests is told once.
    """
    noticed: dict[tuple[str, str, str], list[Asked]] = {}
    # Name, new value, is it a preflight, has it an origin -> the old values.
    others: dict[tuple[str, str, bool, bool], dict[str, list[Asked]]] = {}
    for asked in requests:
        with quietly():
            old, new = _send(old_app, asked), _send(new_app, asked)
        before, now = _outcome(asked, old), _outcome(asked, new)
        if before != now:
            key = before, now, _why_through(asked, now, old, new)
            noticed.setdefault(key, []).append(asked)
            continue
        for name in (_STATUS, *_NAMES):
            was, is_now = _shown(name, asked, old), _shown(name, asked, new)
            # What comes with an answer that a browser hides does not matter to anybody.
            matters = now != _BLOCKED or asked.origin is None or name == _STATUS
            if was != is_now and matters:
                kind = name, is_now, asked.preflight, asked.origin is None
                others.setdefault(kind, {}).setdefault(was, []).append(asked)
    found = [
        Difference(_named(group, in_full=True), before, now, why, _RANK[now] > _RANK[before])
        for (before, now, why), group in noticed.items()
    ]
    found.sort(key=lambda one: not one.lets_through)
    rest = []
    for (name, is_now, *_), values in others.items():
        group = [asked for some in values.values() for asked in some]
        label = "" if name == _STATUS else f"{name}: "
        was = label + _some([*values], " or ")
        rest.append(Difference(_named(group), was, label + is_now, _why(name, is_now)))
    requests_in_order = [one.request for one in rest]
    return found + sorted(rest, key=lambda one: requests_in_order.index(one.request))


def _why_through(asked: Asked, now: str, old: HTTPResponse, new: HTTPResponse) -> str:
    if now != _BLOCKED:
        if asked.preflight and _shown(names.ALLOW_ORIGIN, asked, old) == _NONE:
            return "Nothing has answered this preflight before."
        lists = [_shown(name, asked, old) for name in (names.ALLOW_METHODS, names.ALLOW_HEADERS)]
        if lists == [_NONE, _NONE] and asked.preflight and asked.method in _SIMPLE:
            return "By the Fetch standard GET, HEAD and POST need no entry in allow_methods."
        if "*" in lists:
            return "With cookies a browser takes * for a name: corsgate answers the names instead."
        return ""
    if _shown(names.ALLOW_ORIGIN, asked, new) != _NONE:
        return "allow_methods, allow_headers or allow_credentials do not allow it."
    if new.status != _FORBIDDEN and (asked.preflight or _shown(names.VARY, asked, new) == _NONE):
        return "No policy covers this path: /api/* is /api and what is below it, not /apix."
    if asked.origin == "null":
        return "Any site can be null, in a sandboxed frame."
    return "No entry of allow_origins matches the whole origin."


def _why(name: str, now: str) -> str:
    if name == _STATUS:
        return {
            "204": "A browser needs no body.",
            "403": "Logs show by the status, too, that the origin is not allowed.",
        }.get(now, "")
    if name == names.ALLOW_ORIGIN:
        if now == "*":
            return "Every origin is allowed, so all get the same answer, and caches can share it."
        return "No page has asked, so none reads it." if now == _NONE else ""
    if name == names.VARY:
        if now == _NONE:
            return "The answer is the same for all."
        return "Caches have to know what the answer depends on."
    return {
        names.EXPOSE_HEADERS: "No page reads it from there." if now == _NONE else "",
        names.ALLOW_CREDENTIALS: "It means nothing without an origin.",
        names.ALLOW_METHODS: "All that is allowed is listed: one preflight serves every method.",
        names.ALLOW_HEADERS: "All that is allowed is listed, not only what was asked for.",
        names.MAX_AGE: "For so long browsers do not ask again; without the header, for 5 seconds.",
    }.get(name, "")


def _named(group: list[Asked], *, in_full: bool = False) -> str:
    """What the requests of a group have in common, as far as that is short."""
    kinds = list(dict.fromkeys(_kind(asked, in_full) for asked in group))
    origins = list(dict.fromkeys(asked.origin for asked in group if asked.origin))
    paths = list(dict.fromkeys(asked.path for asked in group))
    text = f"{_some(kinds)} {f'from {_some(origins)}' if origins else 'without Origin'}"
    return text + (f" to {_some(paths)}" if paths != ["/"] else "")


def _kind(asked: Asked, in_full: bool) -> str:
    if not asked.preflight:
        return asked.method
    asked_for = f" with {', '.join(asked.headers)}" if asked.headers else ""
    return f"preflight for {asked.method}{asked_for}" if in_full else "preflight"


def _some(texts: list[str], between: str = ", ") -> str:
    if len(texts) <= _MOST_NAMED:
        return between.join(texts)
    return f"{', '.join(texts[:_MOST_NAMED])} and {len(texts) - _MOST_NAMED} more"


def _send(app: WSGIApplication, asked: Asked) -> HTTPResponse:
    headers = [] if asked.origin is None else [(names.ORIGIN, asked.origin)]
    if asked.preflight:
        headers.append((names.REQUEST_METHOD, asked.method))
        if asked.headers:
            headers.append((names.REQUEST_HEADERS, ",".join(asked.headers)))
    method = "OPTIONS" if asked.preflight else asked.method
    request = HTTPRequest(method, _SERVER + asked.path, headers)
    try:
        return WSGITransport({_SERVER: app})(request)
    except Exception:  # from a library, which a server takes for a 500
        return HTTPResponse(500, "", [])


def _shown(name: str, asked: Asked, answer: HTTPResponse) -> str:
    if name == _STATUS:
        return str(answer.status)
    values = [value for other, value in answer.headers if other.lower() == name.lower()]
    if not values:
        return _NONE
    if name in _LISTS:
        items = {item.strip().lower() for value in values for item in value.split(",")}
        spell = str.upper if name == names.ALLOW_METHODS else str.title
        values = [", ".join(sorted(map(spell, items)))]
    elif name == names.ALLOW_ORIGIN and values == [asked.origin]:
        return _ITS_OWN
    return one_line(", ".join(values))


def _outcome(asked: Asked, answer: HTTPResponse) -> str:
    if asked.origin is None:
        return _BLOCKED  # no page of another origin waits for it
    if _lets_through(asked, asked.origin, answer, "include"):
        return _WITH_COOKIES
    return _ALLOWED if _lets_through(asked, asked.origin, answer, "same-origin") else _BLOCKED


def _lets_through(asked: Asked, origin: str, answer: HTTPResponse, credentials: str) -> bool:
    """Whether the page may read the answer, or go on after its preflight.

    The other requests that a browser may send about it are answered well.
    """
    good = [
        (names.ALLOW_ORIGIN, origin),
        (names.ALLOW_CREDENTIALS, "true"),
        (names.ALLOW_METHODS, asked.method),
    ]

    def send(request: HTTPRequest) -> HTTPResponse:
        is_preflight = request.header(names.REQUEST_METHOD) is not None
        return answer if is_preflight is asked.preflight else HTTPResponse(200, "OK", good)

    request = PageRequest(
        asked.method,
        [URL("http", "127.0.0.1")],
        [(name, "application/json") for name in asked.headers],
        None,
        origin,
        credentials_mode=credentials,
        redirect_mode="manual",
        use_cors_preflight=asked.preflight and asked.method in _SIMPLE and not asked.headers,
    )
    try:
        UserAgent(send, engine=STANDARD, clock=lambda: 0).fetch(request)
    except CORSError:
        return False
    return True
