"""What a wrong set-up reports: every mistake at once, each with its fix, before the first request.

    python examples/wrong_setup.py

Prints the error that stops the application from starting and exits with status 1, as that
application would; only the traceback above the error is left out.
"""

import sys
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from corsgate import PolicyError
from corsgate.wsgi import CORSMiddleware


def api(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("204 No Content", [])
    return []


# A dict of Any, since a type checker would already refuse some of these as keywords.
options: dict[str, Any] = {
    "allow_origins": [
        "https://app.example.com/",  # a slash at the end
        "https://App.example.com",  # upper case
        "https://app.example.com:443",  # the default port
        "app.example.com",  # no scheme
        "https://bücher.example",  # not ASCII
        "http://app.example.com",  # cookies over plain http
        "https://*.github.io",  # anybody's pages
        "*",  # every site there is, with cookies
    ],
    "allow_methods": ["GET", "patch"],  # method names are case-sensitive
    "allow_headers": ["Content-Type", "Cookie"],  # no page can set Cookie
    "expose_headers": "*",  # not with credentials
    "max_age": -1,
    "allow_credentials": True,
    "supports_credentials": True,  # Flask-Cors calls it that
    "allow_origin": "https://app.example.com",  # an s is missing
}

if __name__ == "__main__":
    try:
        CORSMiddleware(api, **options)
    except PolicyError as error:
        print(error)
        sys.exit(1)
