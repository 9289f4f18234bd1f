"""What the consoles of browsers say to a block: Chromium and Firefox as `Browser`, and Safari.

Safari's texts were read from the console of WebKitGTK 2.50; the first line, which says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._protocol import ALLOW_CREDENTIALS, ALLOW_HEADERS, ALLOW_METHODS, ALLOW_ORIGIN
from ..cli._diagnosis import is_preflight

if TYPE_CHECKING:
    from ..browser import FetchError

_ORIGIN = f"Origin {{origin}} is not allowed by {ALLOW_ORIGIN}. Status code: {{status}}"
_SAFARI = {
    "allow-origin-missing": _ORIGIN,
    "allow-origin-mismatch": _ORIGIN,
    "allow-origin-invalid": _ORIGIN,
    "allow-origin-wildcard": (
        f"Cannot use wildcard in {ALLOW_ORIGIN} when credentials flag is true."
    ),
    "allow-origin-repeated": f"{ALLOW_ORIGIN} cannot contain more than one origin.",
    "allow-credentials": f'Credentials flag is true, but {ALLOW_CREDENTIALS} is not "true".',
    "preflight-status": "Preflight response is not successful. Status code: {status}",
    "method": f"Method {{method}} is not allowed by {ALLOW_METHODS}.",
    "header": f"Request header field {{header}} is not allowed by {ALLOW_HEADERS}.",
}


def consoles(error: FetchError, origin: str, method: str, header: str) -> dict[str, str]:
    """The texts by browser, of those that are known.

    :param origin: of the page.
    :param header: as the page spells the one that is not allowed.
    """
    status = error.response.status if error.response else 0
    preflight = error.request is not None and is_preflight(error.request)
    # It looks at the status of a preflight first.
    code = "preflight-status" if preflight and not 200 <= status <= 299 else error.code
    safari = _SAFARI.get(code, "").format(
        origin=origin, status=status, method=method, header=header
    )
    found = {"Chrome, Edge": error.chromium, "Firefox": error.firefox, "Safari": safari}
    return {name: text for name, text in found.items() if text}
