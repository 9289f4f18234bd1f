"""The code blocks of docs/recipes/, which the tests named after a framework run."""

from collections.abc import Iterable
from http.cookies import SimpleCookie
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from pages import ROOT, blocks_with_language, read_page

FOLDER = ROOT / "docs" / "recipes"
PAGES = sorted(path.stem for path in FOLDER.glob("*.rst"))
# In the recipes.
APP = "https://app.example.com"
API = "https://api.example.com"
# Not in them.
EVIL = "https://evil.example"


def text_of(recipe: str) -> str:
    return read_page(f"docs/recipes/{recipe}")


def blocks_of(recipe: str) -> dict[str, tuple[str, str]]:
    """The language and the code of each block, by its name."""
    return blocks_with_language(text_of(recipe))


def run(
    recipe: str, *names: str, put: dict[str, str] | None = None, **given: Any
) -> dict[str, Any]:
    """What the Python blocks of a page define, run one after the other.

    :param put: texts to put in the place of others first: addresses, and options left out.
    :param given: what they find defined.
    """
    found: dict[str, Any] = {"__name__": f"recipe_{recipe}", **given}
    for name in names:
        language, code = blocks_of(recipe)[name]
        assert language == "python"
        exec(changed(code, put or {}), found)
    return found


def changed(code: str, put: dict[str, str]) -> str:
    for old, new in put.items():
        assert old in code, f"{old!r} is not in the recipe"
        code = code.replace(old, new)
    return code


def variables() -> dict[str, str]:
    """The value of CORS_ALLOW_ORIGINS in each environment of the page `environments`."""
    lines = blocks_of("environments")["variables"][1].splitlines()
    assert lines[::2] == [
        "# in development",
        "# in staging",
        "# in production: several, separated by commas or spaces",
    ]
    names = ("development", "staging", "production")
    values = [line.removeprefix("CORS_ALLOW_ORIGINS=") for line in lines[1::2]]
    return dict(zip(names, values, strict=True))


def with_login(app: WSGIApplication) -> WSGIApplication:
    """The application of the page `events`, and what gives its cookie: /login."""

    def outer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/login":
            return app(environ, start_response)
        cookie = SimpleCookie({"session": "s3cret"})["session"]
        cookie["samesite"] = "Lax"
        start_response("200 OK", [("Set-Cookie", cookie.OutputString())])
        return [b""]

    return outer
