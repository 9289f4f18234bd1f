"""What docs/moving/by_hand.rst tells, as rows for the tests of all frameworks.

In each of them there is the same site: `/api` for GET and PUT; `/localized` varies by
Accept-Language; `/own` sets a CORS header; `/broken` raises; a hook answers `/private` with 401;
`/list` is redirected to `/list/`; all else is 404.
"""

from collections.abc import Callable, MutableMapping
from typing import Any, NamedTuple

from answers import (
    APP,
    DENIED,
    EVIL,
    NOTHING,
    PARTNER,
    PREFLIGHT_VARY,
    REFUSED,
    asking,
    asking_for,
    goes_on,
    readable_by,
)
from guide_tables import Row, headers
from pages import blocks, read_page

GUIDE = read_page("docs/moving/by_hand")
CODE = blocks(GUIDE)
OPTIONS, REDIRECT = -1, -2  # statuses with which each framework answers as it likes

Hand = Callable[[str, Any], None]


class ByHand(NamedTuple):
    """A function that adds headers to an answer to a page on an origin, and where it is called."""

    add: Hand
    place: str = "everywhere"  # or "view"; or "shortcut": also on a 204 to every OPTIONS


def adds(*conditions: Callable[[str], bool], **lines: str) -> Hand:
    """Sets header lines; and the origin of the page, if it fulfils the conditions."""

    def add(origin: str, answer: MutableMapping[str, str]) -> None:
        for name, value in lines.items():
            answer[name.replace("_", "-")] = value
        if conditions and all(condition(origin) for condition in conditions):
            answer["Access-Control-Allow-Origin"] = origin

    return add


def grants(origin: str = APP, **lines: str) -> Hand:
    return adds(Access_Control_Allow_Origin=origin, **lines)


TRUE = {"Access_Control_Allow_Credentials": "true"}
METHODS = {"Access_Control_Allow_Methods": "PUT", "Access_Control_Allow_Headers": "content-type"}
LET: dict[str, Any] = {"allow_origins": [APP]}
COOKIES: dict[str, Any] = {**LET, "allow_credentials": True}
BELOW = {"allow_origins": ["https://*.example.com"]}
GET = ("GET", "/api", asking())
PUT = ("OPTIONS", "/api", asking_for("PUT"))
SUFFIXED, GLUED, CUT = f"{APP}.evil.example", "https://evilexample.com", APP[:-1]


def page(origin: str, path: str = "/api") -> tuple[str, str, dict[str, str]]:
    return ("GET", path, asking(origin))


DIFFERENCES = {
    "``Origin`` sent back, with credentials": Row(
        ByHand(adds(bool, **TRUE)), COOKIES,
        page(EVIL), (200, headers(EVIL, credentials="true")), (200, DENIED),
    ),
    "``*`` with credentials": Row(
        ByHand(grants("*", **TRUE)), {"allow_origins": "*", "allow_credentials": True},
        GET, (200, headers("*", credentials="true")), "wildcard-credentials",
    ),
    "``origin.startswith(...)``": Row(
        ByHand(adds(lambda origin: origin.startswith(APP))), LET,
        page(SUFFIXED), (200, headers(SUFFIXED)), (200, DENIED),
    ),
    "``origin.endswith(...)``": Row(
        ByHand(adds(lambda origin: origin.endswith("example.com"))), BELOW,
        page(GLUED), (200, headers(GLUED)), (200, DENIED),
    ),
    '``"example.com" in origin``': Row(
        ByHand(adds(lambda origin: "example.com" in origin)), BELOW,
        page(SUFFIXED), (200, headers(SUFFIXED)), (200, DENIED),
    ),
    "``origin in (ORIGIN)``": Row(
        ByHand(adds(lambda origin: origin in (APP))), {"allow_origins": (APP)},
        page(CUT), (200, headers(CUT)), (200, DENIED),
    ),
    "``null``, with credentials": Row(
        ByHand(adds([APP, "null"].__contains__, **TRUE)),
        {"allow_origins": [APP, "null"], "allow_credentials": True},
        page("null"), (200, headers("null", credentials="true")), "null-origin",
    ),
    "two origins in one value": Row(
        ByHand(grants(f"{APP}, {PARTNER}")), {"allow_origins": [APP, PARTNER]},
        GET, (200, headers(f"{APP}, {PARTNER}")), (200, readable_by(APP)),
    ),
    "a slash after the origin": Row(
        ByHand(adds(lambda origin: origin in [f"{APP}/"])), {"allow_origins": [f"{APP}/"]},
        GET, (200, NOTHING), "origin-path",
    ),
    "not allowed": Row(
        ByHand(adds([APP].__contains__, **TRUE)), COOKIES,
        page(EVIL), (200, headers(credentials="true")), (200, DENIED),
    ),
    "no ``Vary``": Row(
        ByHand(adds([APP].__contains__)), LET, GET, (200, headers(APP)), (200, readable_by(APP)),
    ),
    '``headers["Vary"] = ...``': Row(
        ByHand(grants(Vary="Origin")), LET, page(APP, "/localized"),
        (200, readable_by(APP)), (200, headers(APP, vary="Accept-Language, Origin")),
    ),
    "in the view, 404": Row(
        ByHand(grants(), "view"), LET,
        page(APP, "/nowhere"), (404, NOTHING), (404, readable_by(APP)),
    ),
    "in the view, 500": Row(
        ByHand(grants(), "view"), LET,
        page(APP, "/broken"), (500, NOTHING), (500, readable_by(APP)),
    ),
    "in the view, 401 from a hook": Row(
        ByHand(grants(), "view"), LET,
        page(APP, "/private"), (401, NOTHING), (401, readable_by(APP)),
    ),
    "preflight": Row(ByHand(grants()), LET, PUT, (OPTIONS, headers(APP)), (204, goes_on(APP))),
    "preflight, 401": Row(
        ByHand(grants(**METHODS)), LET, ("OPTIONS", "/private", asking_for("PUT")),
        (401, headers(APP, methods="PUT", allow="content-type")), (204, goes_on(APP)),
    ),
    "preflight, slash redirect": Row(
        ByHand(grants(**METHODS)), LET, ("OPTIONS", "/list", asking_for("PUT")),
        (REDIRECT, headers(APP, methods="PUT", allow="content-type")), (204, goes_on(APP)),
    ),
    "preflight, not allowed": Row(
        ByHand(adds([APP].__contains__, **METHODS), "shortcut"), LET,
        ("OPTIONS", "/api", asking_for("PUT", EVIL)),
        (204, headers(methods="PUT", allow="content-type")), (403, REFUSED),
    ),
    "``OPTIONS``, no preflight": Row(
        ByHand(grants(), "shortcut"), LET,
        ("OPTIONS", "/api", asking()), (204, headers(APP)), (OPTIONS, readable_by(APP)),
    ),
    "``Allow-Headers: *``, with credentials": Row(
        ByHand(
            grants(Access_Control_Allow_Methods="PUT", Access_Control_Allow_Headers="*", **TRUE),
            "shortcut",
        ),
        COOKIES | {"allow_methods": "PUT", "allow_headers": "*"}, PUT,
        (204, headers(APP, credentials="true", methods="PUT", allow="*")),
        (204, headers(APP, credentials="true", methods="PUT", allow="content-type",
                      max_age="600", vary=PREFLIGHT_VARY)),
    ),
    "no ``Max-Age``": Row(
        ByHand(grants(**METHODS), "shortcut"),
        LET | {"allow_methods": "PUT", "allow_headers": "content-type"}, PUT,
        (204, headers(APP, methods="PUT", allow="content-type")),
        (204, headers(APP, methods="PUT", allow="content-type", max_age="600",
                      vary=PREFLIGHT_VARY)),
    ),
    "set twice": Row(
        ByHand(lambda origin, answer: answer.add_header("Access-Control-Allow-Origin", APP)), LET,
        page(APP, "/own"), (200, headers(f"{APP}, {APP}")), (200, readable_by(APP)),
    ),
}  # fmt: skip


def with_statuses(row: Row, options: int, redirect: int) -> Row:
    """A row as one framework has it."""
    own = {OPTIONS: options, REDIRECT: redirect}
    before, after = row.before, row.after
    before = own.get(before[0], before[0]), before[1]
    if not isinstance(after, str):
        after = own.get(after[0], after[0]), after[1]
    return Row(row.there, row.here, row.request, before, after)
