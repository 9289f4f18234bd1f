"""One-click situations: each a request, a policy, and what stands in front of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._places import Places

_REQUEST = {
    "caller": "frontend",
    "sender": "fetch",
    "method": "GET",
    "headers": "",
    "body": "none",
    "credentials": "same-origin",
}


def situations(places: Places) -> list[dict[str, Any]]:
    """All of them, in the order of the row of buttons."""
    frontend = places.callers["frontend"].origin
    shows = {"expose_headers": ["X-Total-Count"]}

    def situation(
        name: str,
        about: str,
        *,
        request: dict[str, str] | None = None,
        policy: dict[str, Any] | None = None,
        layer: str = "none",
    ) -> dict[str, Any]:
        return {
            "name": name,
            "about": about,
            "request": {**_REQUEST, **(request or {})},
            "policy": {**shows, "allow_origins": [frontend], **(policy or {})},
            "layer": layer,
        }

    return [
        situation("GET", "What works: the policy names the origin of the page."),
        situation(
            "Preflight",
            "What works: a PUT with JSON is more than a form can send, so the browser asks first.",
            request={"method": "PUT", "body": "json"},
        ),
        situation(
            "https for http",
            "The policy names https, and the page is on http. That is another origin.",
            policy={"allow_origins": [frontend.replace("http:", "https:")]},
        ),
        situation(
            "Wrong port",
            "The policy names one port, and the page is on another. That is another origin.",
            request={"caller": "port"},
        ),
        situation(
            "* with cookies",
            "The page asks for cookies, and the policy allows any origin: never together.",
            request={"credentials": "include"},
            policy={"allow_origins": ["*"]},
        ),
        situation(
            "Missing header",
            "The page sends a header that the policy does not name.",
            request={"headers": "X-Api-Key: 123"},
        ),
        situation(
            "patch",
            "The page writes the method in lower case. fetch() does not correct that one.",
            request={"method": "patch", "body": "json"},
        ),
        situation(
            "Hidden header",
            "The page may read the answer, but not the header that it looks for.",
            policy={"expose_headers": []},
        ),
        situation(
            "401 to preflight",
            "A login in front of the CORS layer wants Authorization. A preflight never has it.",
            request={"headers": "Authorization: Bearer 123"},
            layer="login",
        ),
        situation(
            "Bare 500",
            "The application fails, and what answers then is outside the CORS layer.",
            layer="crash",
        ),
        situation(
            "Two layers",
            "A proxy adds Access-Control-Allow-Origin too, so it is there twice.",
            layer="proxy",
        ),
        situation(
            "Stranger's form",
            "CORS does not stop forms. The gate does.",
            request={"caller": "stranger", "sender": "form", "method": "POST", "body": "form"},
            policy={"gate": "enforce"},
        ),
    ]
