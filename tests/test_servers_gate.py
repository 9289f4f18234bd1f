"""The gate behind a real proxy that ends TLS: what arrives has another scheme, or another host."""

import http.client
import json
import os
import ssl
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest
from browsers import ENGINES, report_of
from gate_site import EVERYTHING, LINKS, PAGE
from gate_site import Site as VisitedSite
from servers import HOST, Running, program, running
from wsgi_server import serving

from corsgate.wsgi import CORSMiddleware


def tls_nginx(backend: str, port: int, folder: Path) -> list[str]:
    """nginx with a certificate of its own; only below /kept/ it hands on the Host it was sent."""
    config, kinds = folder / "nginx.conf", ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2".split()
    names = ["-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    command = [program("openssl", "openssl"), *request, *names]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    config.write_text(
        f"""
        {"user root;" if os.geteuid() == 0 else ""}
        daemon off;
        worker_processes 1;
        pid {folder}/pid;
        error_log stderr;
        events {{}}
        http {{
            access_log off;
            {" ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)}
            server {{
                listen {HOST}:{port} ssl;
                ssl_certificate {folder}/cert.pem;
                ssl_certificate_key {folder}/key.pem;
                location /kept/ {{
                    proxy_pass {backend};
                    proxy_set_header Host $http_host;
                }}
                location / {{
                    proxy_pass {backend};
                }}
            }}
        }}
        """
    )
    return [program("nginx", "nginx"), "-p", str(folder), "-e", "stderr", "-c", str(config)]


class Site:
    """An application behind a gate that knows its own origin, and behind one that asks Host."""

    def __init__(self) -> None:
        self.origin = ""
        self.ran = 0

    def app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.ran += 1
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"done"]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        own = [self.origin] if environ["PATH_INFO"].endswith("/own") else []
        gate = CORSMiddleware(self.app, gate="enforce", own_origins=own)
        return gate(environ, start_response)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Running]]:
    app, folder = Site(), tmp_path_factory.mktemp("proxies") / "nginx"
    with (
        serving(app) as backend,
        running(lambda port, place: tls_nginx(backend, port, place), folder) as proxy,
    ):
        app.origin = f"https://{HOST}:{proxy.port}"
        yield app, proxy


EVERYWHERE = {"/kept/host", "/lost/host", "/kept/own", "/lost/own"}
OWN, EVIL = "own", "https://evil.example"
NOWHERE: set[str] = set()
CLIENTS: dict[str, tuple[dict[str, str], set[str]]] = {
    "its own page": ({"Origin": OWN, "Sec-Fetch-Site": "same-origin"}, EVERYWHERE),
    "its own page, no referrer": ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, EVERYWHERE),
    # Before 2023 some browsers did not send Sec-Fetch-Site.
    "its own page in an old browser": ({"Origin": OWN}, EVERYWHERE - {"/lost/host"}),
    "its http page": ({"Origin": "http own", "Sec-Fetch-Site": "cross-site"}, NOWHERE),
    # Nobody has told the application that it is served over https.
    "its http page in an old browser": ({"Origin": "http own"}, {"/kept/host"}),
    "another port": ({"Origin": f"https://{HOST}", "Sec-Fetch-Site": "same-site"}, NOWHERE),
    "another port in an old browser": ({"Origin": f"https://{HOST}"}, NOWHERE),
    "another site": ({"Origin": EVIL, "Sec-Fetch-Site": "cross-site"}, NOWHERE),
    "another site in an old browser": ({"Origin": EVIL}, NOWHERE),
    "another site that says where it is": (
        {"Origin": EVIL, "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"},
        NOWHERE,
    ),
    "no browser": ({}, EVERYWHERE),
}


@pytest.mark.parametrize(("sent", "where"), CLIENTS.values(), ids=CLIENTS)
def test_who_may_post(site: tuple[Site, Running], sent: dict[str, str], where: set[str]) -> None:
    app, proxy = site
    names = {OWN: app.origin, "http own": app.origin.replace("https", "http")}
    headers = {name: names.get(value, value) for name, value in sent.items()}
    context = ssl.create_default_context(cafile=str(proxy.folder / "cert.pem"))
    context.check_hostname = False
    reached = set()
    for path in sorted(EVERYWHERE):
        before = app.ran
        client = http.client.HTTPSConnection(HOST, proxy.port, context=context)
        client.request("POST", path, b"amount=100", headers)
        status = client.getresponse().status
        client.close()
        assert (status, app.ran - before) in ((200, 1), (403, 0))
        if status == 200:
            reached.add(path)
    assert reached == where


# Who opens the page, and what runs behind the gate.
PAGES = {
    "own": ([], EVERYTHING),
    "own, no referrer": ([("Referrer-Policy", "no-referrer")], EVERYTHING),
    "other": ([], LINKS),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("headers", "ran"), PAGES.values(), ids=PAGES)
def test_what_runs_for_pages_in_real_browsers(
    headers: list[tuple[str, str]], ran: set[str], engine: str, tmp_path: Path
) -> None:
    site, page = VisitedSite(), VisitedSite()
    with (
        serving(site) as backend,
        serving(page) as other,
        running(lambda port, place: tls_nginx(backend, port, place), tmp_path / "nginx") as proxy,
    ):
        own = f"https://localhost:{proxy.port}"
        site.page = other if ran is LINKS else own
        site.page_headers = headers
        site.put_behind_gate("https://app.example.com")
        site.html = page.html = PAGE.replace("SITE", json.dumps(own))
        report_of(own, engine, certificate=proxy.folder / "cert.pem")
    assert site.ran_below("/on/") == ran
