"""URLs that were answered with the policy of another route by one library or another.

Each front end has the same views, each view allows pages on another origin, and says its name. So
the name in the body says whose policy the answer has to have, whatever router found it.
"""

from dataclasses import dataclass
from typing import Any

from answers import APP, PARTNER

SHOP = "https://shop.example.net"

# The path of a view, as it is below the application, decoded -> who may read it.
VIEWS = {
    "/api": SHOP,
    "/api/x": PARTNER,
    "/apiadmin": SHOP,
    "/admin": PARTNER,
    "/Admin": SHOP,
    "/service+path": PARTNER,
    "/service path": SHOP,
    "/public/x": PARTNER,
    "/%70ublic/x": SHOP,
    "/café": PARTNER,
    "/cafe": SHOP,
    "/x": SHOP,
}
# What answers all other paths.
REST = "the rest"
ORIGINS = {**VIEWS, REST: APP}
EVERYBODY = (APP, PARTNER, SHOP)
# The same as rules: where a path looks as if it were encoded, its percent sign is.
RULES: Any = {path.replace("%", "%25"): {"allow_origins": origin} for path, origin in VIEWS.items()}


@dataclass(frozen=True)
class Trick:
    id: str
    url: str
    # The view of a router that takes paths as they are; and that of one that merges slashes.
    view: str
    merged: str = ""
    # Some routers resolve such a path first: then a rule for paths, which cannot know, must not
    # let a page read more than what answers does.
    resolvable: bool = False


TRICKS = [
    Trick("the path itself", "/api/x", "/api/x"),
    Trick("dots", "/api/../x", REST, resolvable=True),
    Trick("encoded dots", "/api/%2e%2e/x", REST, resolvable=True),
    Trick("a dot", "/api/./x", REST, resolvable=True),
    Trick("dots and an encoded slash", "/api/..%2fx", REST, resolvable=True),
    Trick("an encoded slash", "/api%2Fx", "/api/x"),
    Trick("an encoded backslash", "/api%5Cx", REST),
    Trick("two slashes in front", "//api/x", REST, merged="/api/x", resolvable=True),
    Trick("two slashes inside", "/api//x", REST, merged="/api/x", resolvable=True),
    Trick("a parameter", "/api;x", REST),
    Trick("a parameter of a segment", "/api;v=1/x", REST),
    Trick("glued", "/apiadmin", "/apiadmin"),
    Trick("glued with a dot", "/api./x", REST),
    Trick("a capital", "/Admin", "/Admin"),
    Trick("capitals", "/ADMIN", REST),
    Trick("an encoded letter", "/%61dmin", "/admin"),
    Trick("a plus", "/service+path", "/service+path"),
    Trick("an encoded plus", "/service%2Bpath", "/service+path"),
    Trick("an encoded space", "/service%20path", "/service path"),
    Trick("encoded twice", "/%2570ublic/x", "/%70ublic/x"),
    Trick("encoded once", "/%70ublic/x", "/public/x"),
    Trick("encoded three times", "/%252570ublic/x", REST),
    Trick("a letter that is not ASCII", "/caf%C3%A9", "/café"),
    Trick("the same letter in two", "/cafe%CC%81", REST),
    Trick("bytes that are no text", "/api/%ff", REST),
    Trick("a line break", "/api%0d%0a/x", REST),
    Trick("a null", "/api/x%00", REST),
    Trick("a query", "/api/x?/../../admin", "/api/x"),
]
