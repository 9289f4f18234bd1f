"""What to write, in the words of the server that answered, as far as it says what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._protocol import ALLOW_CREDENTIALS, ALLOW_ORIGIN, ORIGIN, VARY
from ..browser._messages import get

if TYPE_CHECKING:
    from ..browser import HTTPResponse

# What such a server calls itself, in lower case -> its make.
_NAMES = {
    "amazons3": "s3",
    "nginx": "nginx",
    "openresty": "nginx",
    "express": "express",
    "werkzeug": "python",
    "wsgiserver": "python",
    "gunicorn": "python",
    "waitress": "python",
    "uvicorn": "python",
    "simplehttp": "files",
}
# What has to be fixed -> make -> the line; the make "" is any other.
_FIXES = {
    "origin": {
        "": f"Allow the origin {{origin}} on the server: {ALLOW_ORIGIN}: {{origin}}.",
        "corsgate": 'Add "{origin}" to corsgate\'s allow_origins.',
        "express": 'Write app.use(cors({{ origin: "{origin}" }})) before the routes.',
        "files": "This server sends no CORS headers at all; put one that does in front of it.",
        "nginx": f'Write add_header {ALLOW_ORIGIN} "{{origin}}" always; or leave it to the'
        " application.",
        "python": 'Add "{origin}" to corsgate\'s allow_origins, or to the list of the CORS layer'
        " that is there; if there is none, put corsgate outermost.",
        "s3": "Add {origin} to AllowedOrigins, and the method to AllowedMethods, in the bucket's"
        " CORS configuration.",
    },
    "options": {
        "": "Put the CORS layer outermost, before login, redirects and routes, and let it answer"
        " OPTIONS with 204.",
        "express": "Write app.use(cors(...)) before login and routes.",
        "files": "This server sends no CORS headers at all; put one that does in front of it.",
        "nginx": "Let OPTIONS through to the application, or return 204 for it with the CORS"
        " headers.",
        "python": "Put the CORS middleware outermost, before login, redirects and routes.",
        "s3": "Add a rule for this origin and method to the bucket's CORS configuration.",
    },
    "errors": {
        "": "Look in the server's log for the error; and let the outermost layer add the headers"
        " to every status.",
        "nginx": "Look in the server's log for the error; and write always at the end of"
        " add_header, or errors go without.",
        "python": "Look in the server's log for the error; and put the CORS middleware outermost.",
    },
    "twice": {
        "": "Let only one of the layers add it.",
        "nginx": f"Take out add_header, or write proxy_hide_header {ALLOW_ORIGIN};",
    },
    "credentials": {
        "": f"Answer {ALLOW_ORIGIN}: {{origin}}, {ALLOW_CREDENTIALS}: true and Vary: Origin; or"
        " call without credentials.",
        "express": 'Write cors({{ origin: "{origin}", credentials: true }}); or call without'
        " credentials.",
        "python": 'With corsgate: allow_origins=["{origin}"], allow_credentials=True; or call'
        " without credentials.",
    },
    "cookies": {"": f"Answer {ALLOW_CREDENTIALS}: true, once; or call without credentials."},
    "list": {
        "": f"Look the request's Origin up in the list; answer that one, and {VARY}: {ORIGIN}."
    },
}


_NULL = (
    "Do not allow null: any site can make a page with that origin. Serve the page from an http(s)"
    " origin, and allow that one."
)


def fix_for(kind: str, response: HTTPResponse, origin: str) -> str:
    """The line to write.

    :param kind: origin, options, errors, twice, credentials, cookies or list.
    :param origin: that of the page.
    """
    # These name the origin, and so would let it in.
    if origin == "null" and kind in ("origin", "credentials", "cookies", "list"):
        return _NULL
    lines = _FIXES[kind]
    return lines.get(_make(response), lines[""]).format(origin=origin)


def says_corsgate(response: HTTPResponse) -> bool:
    """Whether the body of a refusal is corsgate's."""
    return response.status == 403 and b"(CORS)" in response.body


def says_gate(response: HTTPResponse) -> bool:
    """Whether the body of a refusal is that of corsgate's gate."""
    return response.status == 403 and b": a page on another site may not" in response.body


def _make(response: HTTPResponse) -> str:
    if says_corsgate(response):
        return "corsgate"
    for header in ("X-Powered-By", "Server"):
        value = (get(response.headers, header) or "").lower()
        for name, make in _NAMES.items():
            if name in value:
                return make
    return ""
