"""docs/moving/nginx.rst: CORS headers that nginx writes, and corsgate behind a plain nginx."""

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from wsgiref.util import shift_path_info

import pytest
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
from guide_tables import Row, headers, joined
from pages import blocks, keys, read_page, table
from servers import Connection, free_port, program, running
from wsgi_client import CORS, Answer
from wsgi_server import serving

from corsgate import Policy
from corsgate.wsgi import CORSMiddleware

GUIDE = read_page("docs/moving/nginx")
CODE = blocks(GUIDE)
TWIN = "https://example.com.evil.example"


def site(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    """An application that knows nothing of CORS, but for /own, and nothing of OPTIONS."""
    lines = [("Content-Length", "0")]
    if environ["PATH_INFO"] == "/own":
        lines.append(("Access-Control-Allow-Origin", APP))
    status = {"/missing": "404 Not Found"}.get(environ["PATH_INFO"], "200 OK")
    if environ["REQUEST_METHOD"] == "OPTIONS":
        status = "405 Method Not Allowed"
    start_response(status, lines)
    return []


PASS = "proxy_pass http://127.0.0.1:8000;"
ADD = "add_header Access-Control-Allow-"
TO_APP = f"{ADD}Origin {APP} always;"
WITH = f"{ADD}Credentials true always;"
ALLOW = f'{ADD}Methods "GET, PUT"; {ADD}Headers content-type;'
METHODS = {"methods": "GET, PUT", "allow": "content-type"}
LET: dict[str, Any] = {"allow_origins": [APP]}


def at(lines: str, server: str = "") -> str:
    return f"server {{ {server} location / {{ {lines} {PASS} }} }}"


def mapped(entry: str, lines: str = "") -> str:
    return f"map $http_origin $cors_origin {{ {entry} }}" + at(
        f"{ADD}Origin $cors_origin always; {lines}"
    )


def preflights(lines: str) -> str:
    return f"if ($request_method = OPTIONS) {{ {lines} return 204; }}"


GET = ("GET", "/api", asking())
PUT = ("OPTIONS", "/api", asking_for("PUT"))
READ = (200, readable_by(APP))
ANY = "https://*.example.com"

DIFFERENCES = {
    "no ``always``": Row(
        at(f"{ADD}Origin {APP};"), LET,
        ("GET", "/missing", asking()), (404, NOTHING), (404, readable_by(APP)),
    ),
    "``add_header`` in a ``location``": Row(
        at("add_header X-Frame-Options DENY;", TO_APP), LET, GET, (200, NOTHING), READ,
    ),
    "``add_header`` in an ``if``": Row(
        at(TO_APP + preflights(ALLOW)), LET, PUT, (204, headers(**METHODS)), (204, goes_on(APP)),
    ),
    "``return 204`` for ``OPTIONS``": Row(
        at(TO_APP + preflights(TO_APP)), LET,
        ("OPTIONS", "/api", asking()), (204, headers(APP)), (405, readable_by(APP)),
    ),
    "no ``if``": Row(at(TO_APP + ALLOW), LET, PUT, (405, headers(APP)), (204, goes_on(APP))),
    "``$http_origin``, with credentials": Row(
        at(f"{ADD}Origin $http_origin always; {WITH}"), LET | {"allow_credentials": True},
        ("GET", "/api", asking(EVIL)), (200, headers(EVIL, credentials="true")), (200, DENIED),
    ),
    "``*``, with credentials": Row(
        at(f"{ADD}Origin * always; {WITH}"), {"allow_origins": "*", "allow_credentials": True},
        GET, (200, headers("*", credentials="true")), "wildcard-credentials",
    ),
    r"``map`` with ``~example\.com``": Row(
        mapped(r"~example\.com $http_origin;"), {"allow_origins": re.compile(r"example\.com")},
        ("GET", "/api", asking(TWIN)), (200, headers(TWIN)), (200, DENIED),
    ),
    "``map`` with a text, upper case": Row(
        mapped(f"{APP} $http_origin;"), LET,
        ("GET", "/api", asking(APP.upper())), (200, headers(APP.upper())), (200, DENIED),
    ),
    "two origins in one value": Row(
        at(f'{ADD}Origin "{APP} {PARTNER}" always;'), {"allow_origins": [APP, PARTNER]},
        GET, (200, headers(f"{APP} {PARTNER}")), READ,
    ),
    "no ``Vary``": Row(mapped(f"{APP} $http_origin;"), LET, GET, (200, headers(APP)), READ),
    "not allowed": Row(
        mapped(f"{APP} $http_origin;", WITH), LET | {"allow_credentials": True},
        ("GET", "/api", asking(EVIL)), (200, headers(credentials="true")), (200, DENIED),
    ),
    "preflight, not allowed": Row(
        mapped(f"{APP} $http_origin;", preflights(f"{ADD}Origin $cors_origin; {ALLOW}")), LET,
        ("OPTIONS", "/api", asking_for("PUT", EVIL)), (204, headers(**METHODS)), (403, REFUSED),
    ),
    "20 days of ``max-age``": Row(
        at(preflights(f"{TO_APP} {ALLOW} add_header Access-Control-Max-Age 1728000;")),
        LET | {"max_age": 1728000}, PUT,
        (204, headers(APP, **METHODS, max_age="1728000")), (204, goes_on(APP, max_age="1728000")),
    ),
    "the application sends it too": Row(
        at(TO_APP), LET, ("GET", "/own", asking()), (200, headers(f"{APP}, {APP}")), READ,
    ),
    "nginx answers itself: 502": Row(
        at(TO_APP).replace("8000", "8001"), LET,
        ("GET", "/down", asking()), (502, headers(APP)), (502, NOTHING),
    ),
}  # fmt: skip

# Where /down is a path that nobody answers; what nginx adds itself makes no difference.
PLAIN = """
server {
    location / { add_header X-Frame-Options DENY; proxy_pass http://127.0.0.1:8000; }
    location ~ /down$ { proxy_pass http://127.0.0.1:8001; }
}
"""


class Proxies(NamedTuple):
    """nginx with a server for each configuration, in front of `site` or of what is in `apps`."""

    ports: dict[str, int]
    apps: dict[str, WSGIApplication]
    numbers: Iterator[int]

    def ask(self, key: str, method: str, path: str, sent: dict[str, str]) -> Answer:
        with Connection(self.ports[key]) as wire:
            return wire.ask(method, path, sent)

    def ask_behind(
        self, key: str, app: WSGIApplication, method: str, path: str, sent: dict[str, str]
    ) -> Answer:
        """The answer of an application behind a server."""
        number = str(next(self.numbers))
        self.apps[number] = app
        return self.ask(key, method, f"/{number}{path}", sent)


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxies]:
    apps: dict[str, WSGIApplication] = {}

    def dispatch(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        return apps[shift_path_info(environ) or ""](environ, start_response)

    configurations = {key: row.there for key, row in DIFFERENCES.items()}
    configurations["before"] = CODE["before"]
    behind = {"plain": PLAIN, "after": CODE["nginx-after"], "errors": CODE["errors"]}
    ports = {key: free_port() for key in [*configurations, *behind]}

    def make(port: int, folder: Path) -> list[str]:
        ports["plain"] = port
        (folder / "staff").write_text("ada:{PLAIN}secret\n")
        servers = ""
        for number, (key, text) in enumerate({**configurations, **behind}.items()):
            backend = urlsplit(old if key in configurations else new).port
            servers += (
                text.replace("server {", f"server {{ listen 127.0.0.1:{ports[key]};", 1)
                .replace("127.0.0.1:8000", f"127.0.0.1:{backend}")
                .replace("127.0.0.1:8001", f"127.0.0.1:{closed}")
                .replace("$cors_origin", f"$cors_origin_{number}")
                .replace("location /staff/", "location ~ ^/[0-9]+/staff/")
                .replace("/etc/nginx/staff", f"{folder}/staff")
            )
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
        config = folder / "nginx.conf"
        config.write_text(
            f"daemon off; worker_processes 1; pid {folder}/pid; error_log stderr; events {{}}"
            f" http {{ access_log off; map_hash_bucket_size 128; {paths} {servers} }}"
        )
        return [program("nginx", "nginx"), "-p", str(folder), "-e", "stderr", "-c", str(config)]

    closed = free_port()
    folder = tmp_path_factory.mktemp("moving") / "nginx"
    with serving(site) as old, serving(dispatch) as new, running(make, folder):
        yield Proxies(ports, apps, count())


@pytest.mark.parametrize("key", DIFFERENCES)
def test_what_is_answered_differently(proxies: Proxies, key: str) -> None:
    row = DIFFERENCES[key]
    row.check(
        proxies.ask(key, *row.request),
        lambda: proxies.ask_behind("plain", CORSMiddleware(site, **row.here), *row.request),
    )


def test_each_row_of_the_guide_has_its_test() -> None:
    assert keys(GUIDE, "differences") == [*DIFFERENCES]


def test_the_guide_names_every_header_and_options_that_exist() -> None:
    rows = table(GUIDE, "options")
    named = [re.fullmatch(r"``add_header (\S+)``", row[0]) for row in rows]
    assert sorted(match[1].lower() for match in named if match) == sorted(CORS)
    options = {name for row in rows for name in re.findall(r"``(\w+)(?:=.*?)?``", row[1])}
    assert options - {"paths"} <= {*Policy._fields}


@pytest.fixture
def app() -> WSGIApplication:
    names: dict[str, Any] = {"__name__": "shop"}
    exec(CODE["after"], names)
    names["app"].route("/api", methods=["GET", "PUT"])(dict)
    # More than nginx takes, which is as good as no answer.
    names["app"].get("/huge")(lambda: ("", {"X-Huge": "x" * 20_000}))
    application: WSGIApplication = names["app"]
    return application


def test_the_code_before_and_after_lets_the_same_pages_in(
    proxies: Proxies, app: WSGIApplication
) -> None:
    more = {"methods": "GET, POST, PUT", "allow": "content-type"}
    granted = [
        (proxies.ask("before", *request), proxies.ask_behind("after", app, *request))
        for request in (GET, PUT)
    ]
    assert [(joined(before), after.cors) for before, after in granted] == [
        (headers(APP), readable_by(APP)),
        (
            headers(APP, **more, max_age="1728000"),
            headers(APP, **more, max_age="600", vary=PREFLIGHT_VARY),
        ),
    ]
    for method, sent in (("GET", asking(EVIL)), ("OPTIONS", asking_for("PUT", EVIL))):
        before = proxies.ask("before", method, "/api", sent)
        after = proxies.ask_behind("after", app, method, "/api", sent)
        assert before.values("Access-Control-Allow-Origin") == []
        assert after.values("Access-Control-Allow-Origin") == []
    assert {*CODE} == {"before", "after", "nginx-after", "errors", "check"}


@pytest.mark.parametrize(
    ("method", "path", "sent", "expected"),
    [
        ("GET", "/api", asking(), (200, readable_by(APP))),
        ("GET", "/nowhere", asking(), (404, readable_by(APP))),
        ("GET", "/huge", asking(), (502, readable_by(APP))),
        ("PUT", "/api", asking(Content_Length="2000000"), (413, readable_by(APP))),
        ("PUT", "/api", asking(EVIL, Content_Length="2000000"), (413, DENIED)),
        ("GET", "/staff/x", asking(), (401, readable_by(APP))),
    ],
)
def test_what_nginx_answers_itself_is_readable_too(
    proxies: Proxies,
    app: WSGIApplication,
    method: str,
    path: str,
    sent: dict[str, str],
    expected: tuple[int, object],
) -> None:
    answer = proxies.ask_behind("errors", app, method, path, sent)
    assert (answer.status, answer.cors) == expected


def test_log_in_by_nginx_lets_preflights_through(proxies: Proxies, app: WSGIApplication) -> None:
    answer = proxies.ask_behind("errors", app, "OPTIONS", "/staff/x", asking_for("PUT"))
    assert (answer.status, answer.values("Access-Control-Allow-Origin")) == (204, [APP])
    asked = proxies.ask_behind("errors", app, "GET", "/staff/x", asking())
    assert asked.values("WWW-Authenticate") == ['Basic realm="staff"']
