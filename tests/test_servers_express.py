"""docs/moving/express.rst: Express `cors` and corsgate side by side on the same requests.

Node finds both packages, which tox installs, by NODE_PATH.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from answers import (
    ANYBODY,
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
from guide_tables import Row, headers, joined
from pages import blocks, keys, read_page, table
from servers import Running, program, running
from wsgi_client import Answer, call

from corsgate import Policy
from corsgate.wsgi import CORSMiddleware

GUIDE = read_page("docs/moving/express")
CODE = blocks(GUIDE)
SERVER = Path(__file__).parent / "express_server.cjs"
TWIN = "https://evilexample.com"


def site(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """What express_server.cjs serves, as it answers without `cors`."""
    status, lines = {
        "/api": ("200 OK", []),
        "/open": ("200 OK", []),
        "/own": ("200 OK", [("Access-Control-Allow-Origin", "https://own.example")]),
        "/private": ("401 Unauthorized", []),
    }[environ["PATH_INFO"]]
    start_response(status, lines)
    return []


def fail(origin: str, environ: object) -> bool:
    raise ConnectionError("the database is down")


def use(options: str) -> str:
    return f"app.use(cors({options}));"


OURS = f'origin: ["{APP}"]'
LET: dict[str, Any] = {"allow_origins": [APP]}
GET = ("GET", "/api", asking())
GET_EVIL = ("GET", "/api", asking(EVIL))
GET_TWIN = ("GET", "/api", asking(TWIN))
PUT = ("OPTIONS", "/api", asking_for("PUT"))
PUT_EVIL = ("OPTIONS", "/api", asking_for("PUT", EVIL))
READ = (200, readable_by(APP))
LOG_IN = "app.use((q, a, next) => q.path === '/private' ? a.status(401).end() : next());"
OLD_VARY = "Origin, Access-Control-Request-Headers"
METHODS = "GET,HEAD,PUT,PATCH,POST,DELETE"


def old(origin: str | None = APP, **more: str) -> tuple[int, dict[str, object]]:
    """What `cors` answers to a preflight for `content-type`."""
    given = {"methods": METHODS, "allow": "content-type", "vary": OLD_VARY, **more}
    return 204, headers(origin, **given)


def regex(text: str) -> dict[str, Any]:
    return {"allow_origins": [re.compile(text)]}


DIFFERENCES = {
    "no options": Row(use(""), {}, GET, (200, ANYBODY), (200, NOTHING)),
    "``origins``, a misspelt option": Row(
        use(f"{{origins: ['{APP}']}}"), {"origins": [APP]},
        GET_EVIL, (200, ANYBODY), "unknown-option",
    ),
    "``origin: true``": Row(
        use("{origin: true, credentials: true}"), {"allow_origins": True},
        GET_EVIL, (200, headers(EVIL, credentials="true", vary="Origin")), "wrong-type",
    ),
    "``*`` with credentials": Row(
        use("{origin: '*', credentials: true}"), {"allow_origins": "*", "allow_credentials": True},
        GET, (200, headers("*", credentials="true")), "wildcard-credentials",
    ),
    "``'null'`` with credentials": Row(
        use("{origin: ['null'], credentials: true}"),
        {"allow_origins": ["null"], "allow_credentials": True},
        ("GET", "/api", asking("null")), (200, headers("null", credentials="true", vary="Origin")),
        "null-origin",
    ),
    r"``/example\.com$/``": Row(
        use(r"{origin: /example\.com$/}"), regex(r"example\.com$"),
        GET_TWIN, (200, readable_by(TWIN)), (200, DENIED),
    ),
    r"``/.*example\.com$/`` with credentials": Row(
        use(r"{origin: /.*example\.com$/, credentials: true}"),
        regex(r".*example\.com") | {"allow_credentials": True},
        GET_TWIN, (200, headers(TWIN, credentials="true", vary="Origin")), "regex-too-broad",
    ),
    "a slash after the origin": Row(
        use(f"{{origin: ['{APP}/']}}"), {"allow_origins": [f"{APP}/"]},
        GET, (200, DENIED), "origin-path",
    ),
    "``methods: 'patch'``": Row(
        use(f"{{{OURS}, methods: 'patch'}}"), {**LET, "allow_methods": "patch"},
        PUT, old(methods="patch"), "method-case",
    ),
    "``credentials: 'true'``": Row(
        use(f"{{{OURS}, credentials: 'true'}}"), {**LET, "allow_credentials": "true"},
        GET, READ, "wrong-type",
    ),
    "``optionsSuccessStatus: 202``": Row(
        use(f"{{{OURS}, optionsSuccessStatus: 202}}"), {**LET, "preflight_status": 202},
        PUT, (202, old()[1]), "preflight-status",
    ),
    "an origin as a string": Row(
        use(f"{{origin: '{APP}'}}"), LET, GET_EVIL, READ, (200, DENIED),
    ),
    "origin not allowed": Row(
        use(f"{{{OURS}, credentials: true, exposedHeaders: 'ETag'}}"),
        {**LET, "allow_credentials": True, "expose_headers": "ETag"},
        GET_EVIL, (200, headers(credentials="true", expose="ETag", vary="Origin")), (200, DENIED),
    ),
    "preflight not allowed": Row(
        use(f"{{{OURS}}}"), LET, PUT_EVIL, old(None), (403, REFUSED),
    ),
    "preflight allowed": Row(use(f"{{{OURS}}}"), LET, PUT, old(), (204, goes_on(APP))),
    "requested headers": Row(
        use(f"{{{OURS}}}"), LET,
        ("OPTIONS", "/api", asking_for("PUT", Access_Control_Request_Headers="x-a, no token")),
        old(allow="x-a, no token"), (204, goes_on(APP)),
    ),
    "``allowedHeaders: '*'`` with credentials": Row(
        use(f"{{{OURS}, credentials: true, allowedHeaders: '*'}}"),
        {**LET, "allow_credentials": True, "allow_headers": "*"},
        PUT, old(credentials="true", allow="*", vary="Origin"),
        (204, goes_on(APP, Access_Control_Allow_Credentials="true",
                      Access_Control_Allow_Headers="content-type")),
    ),
    "no ``maxAge``": Row(
        use(f"{{{OURS}, methods: 'PUT', allowedHeaders: 'content-type'}}"),
        {**LET, "allow_methods": "PUT", "allow_headers": "content-type"},
        PUT, old(methods="PUT", vary="Origin"),
        (204, headers(APP, methods="PUT", allow="content-type", max_age="600",
                      vary=PREFLIGHT_VARY)),
    ),
    "``exposedHeaders``, preflight": Row(
        use(f"{{{OURS}, exposedHeaders: 'ETag'}}"), {**LET, "expose_headers": "ETag"},
        PUT, old(expose="ETag"), (204, goes_on(APP)),
    ),
    "``OPTIONS``, no preflight": Row(
        use(f"{{{OURS}}}"), LET,
        ("OPTIONS", "/api", asking()), (204, headers(APP, methods=METHODS, vary=OLD_VARY)), READ,
    ),
    "``app.put`` without ``app.options``": Row(
        f"app.put('/api', cors({{{OURS}}}), (q, a) => a.end());", {"paths": {"/api": LET}},
        PUT, (200, NOTHING), (204, goes_on(APP)),
    ),
    "``app.put`` after ``app.use``": Row(
        f"app.use(cors({{{OURS}}})); app.put('/open', cors(), (q, a) => a.end());",
        {**LET, "paths": {"/open": {"allow_origins": "*"}}},
        ("OPTIONS", "/open", asking_for("PUT", PARTNER)),
        old(None), (204, goes_on("*")),
    ),
    "the origin function says no": Row(
        use("{origin: (origin, done) => done(null, false)}"),
        {"allow_origins": lambda origin, environ: False},
        PUT, (200, NOTHING), (403, REFUSED),
    ),
    "the origin function fails": Row(
        use("{origin: (origin, done) => done(Error('down'))}"), {"allow_origins": fail},
        GET, (500, NOTHING), (200, DENIED),
    ),
    "``origin: false``": Row(
        use("{origin: false}"), {"allow_origins": []}, PUT, (200, NOTHING), (403, REFUSED),
    ),
    "``preflightContinue``": Row(
        use(f"{{{OURS}, preflightContinue: true}}"), {**LET, "paths": {"/api": None}},
        PUT, (200, old()[1]), (200, NOTHING),
    ),
    "401 before ``cors``": Row(
        LOG_IN + use(f"{{{OURS}}}"), LET,
        ("GET", "/private", asking()), (401, NOTHING), (401, readable_by(APP)),
    ),
    "401 before ``cors``, preflight": Row(
        LOG_IN + use(f"{{{OURS}}}"), LET,
        ("OPTIONS", "/private", asking_for("PUT")), (401, NOTHING), (204, goes_on(APP)),
    ),
    "the route sets the header": Row(
        use(f"{{{OURS}}}"), LET,
        ("GET", "/own", asking()), (200, readable_by("https://own.example")), READ,
    ),
}  # fmt: skip

# Cells of the table of options that are code in both columns.
OPTIONS = {
    there.strip("`"): here.strip("`")
    for there, here in table(GUIDE, "options")
    if there[:2] == here[:2] == "``" and here[-2:] == "``"
}
# Headers whose defaults differ, and how a cell sets them.
DEFAULTS = {
    "access-control-allow-methods": "methods:",
    "access-control-allow-headers": "eaders: ['C",
    "access-control-max-age": "maxAge:",
}
CONFIGURATIONS = {
    **{key: row.there for key, row in DIFFERENCES.items()},
    **{there: use(there if there.startswith("(") else f"{{{there}}}") for there in OPTIONS},
    "before": CODE["before"],
}
NUMBERS = {key: str(number) for number, key in enumerate(CONFIGURATIONS)}


@pytest.fixture(scope="module")
def express(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    def make(port: int, folder: Path) -> list[str]:
        file = folder / "configurations.json"
        file.write_text(json.dumps({NUMBERS[key]: code for key, code in CONFIGURATIONS.items()}))
        return [program("node", "nodejs"), str(SERVER), str(port), str(file)]

    with running(make, tmp_path_factory.mktemp("express") / "node") as started:
        yield started


def ask(express: Running, key: str, method: str, path: str, sent: dict[str, str]) -> Any:
    with express.connect() as wire:
        return wire.ask(method, f"/{NUMBERS[key]}{path}", sent)


@pytest.mark.parametrize("key", DIFFERENCES)
def test_what_is_answered_differently(express: Running, key: str) -> None:
    row = DIFFERENCES[key]
    before = ask(express, key, *row.request)
    row.check(before, lambda: call(CORSMiddleware(site, **row.here), *row.request))


def test_each_row_of_the_guide_has_its_test() -> None:
    assert keys(GUIDE, "differences") == [*DIFFERENCES]


# ------------------------------------------------------------------ the options


def concluded(answer: Answer, method: str, origin: str, code: str) -> object:
    """What a browser makes of an answer, as far as the options decide it."""
    found = joined(answer)
    if found.pop("access-control-allow-origin", None) not in ("*", origin):
        return "blocked"
    dropped = {"vary", *(header for header, given in DEFAULTS.items() if given not in code)}
    if method == "OPTIONS":
        dropped.add("access-control-expose-headers")
    return answer.status, {name: value for name, value in found.items() if name not in dropped}


@pytest.mark.parametrize("there", OPTIONS)
def test_options_that_do_the_same(express: Running, there: str) -> None:
    def policy_for(environ: object) -> Policy:
        return Policy(allow_origins=APP, allow_credentials=True)

    names = {"re": re, "is_ours": APP.__eq__, "policy_for": policy_for}
    app = CORSMiddleware(site, **eval(f"dict({OPTIONS[there]})", names))
    for method in ("GET", "OPTIONS"):
        for origin in (APP, "https://shop.example.com", "tauri://localhost", EVIL, TWIN):
            sent = asking(origin) if method == "GET" else asking_for("PUT", origin)
            before, after = (
                ask(express, there, method, "/api", sent),
                call(app, method, "/api", sent),
            )
            assert concluded(before, method, origin, there) == concluded(
                after, method, origin, there
            ), (method, origin)


def test_the_guide_names_every_option_and_the_versions() -> None:
    script = (
        "const at = require.resolve('cors/lib/index.js');"
        "const version = (name) => require(name + '/package.json').version;"
        "console.log(JSON.stringify([require('node:fs').readFileSync(at, 'utf8'),"
        " version('express'), version('cors')]))"
    )
    node = program("node", "nodejs")
    shown = subprocess.run([node, "-e", script], check=True, capture_output=True, text=True).stdout
    source, *versions = json.loads(shown)
    cells = [re.match(r"``(\w+):", key) for key in keys(GUIDE, "options")]
    assert {cell[1] for cell in cells if cell} == set(re.findall(r"ptions\.(\w+)", source))
    assert "Express {} and cors {} ".format(*versions) in " ".join(GUIDE.split())


def test_the_code_before_and_after_lets_the_same_pages_in(express: Running) -> None:
    names: dict[str, Any] = {"__name__": "shop"}
    exec(CODE["after"], names)
    names["app"].route("/api", methods=["GET", "PUT"])(dict)
    app = names["app"]
    for origin in (APP, "https://pr-7.preview.example.com", EVIL):
        for method in ("GET", "OPTIONS"):
            sent = asking(origin) if method == "GET" else asking_for("PUT", origin)
            before = ask(express, "before", method, "/api", sent)
            assert concluded(before, method, origin, "maxAge:") == concluded(
                call(app, method, "/api", sent), method, origin, "maxAge:"
            )
    assert {*CODE} == {"before", "after", "check"}  # the last: test_cli_moving.py
