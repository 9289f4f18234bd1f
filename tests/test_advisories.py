"""Advisories of other CORS layers, tried on the plain wrapper; and whether the page lists them."""

import re
import tracemalloc
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.validate import validator

import pytest
from advisories import IDS, REST, Advisories, Lines, Site, Start

from corsgate.wsgi import CORSMiddleware

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "security.rst"


class TestWSGI(Advisories):
    @pytest.fixture
    def start(self) -> Start:
        def start(
            *views: str, lines: Lines = (), paths: Any = None, debug: bool = False, **options: Any
        ) -> Site:
            ran: list[str] = []

            def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
                path = str(environ["PATH_INFO"])
                ran.append(path if path in views else REST)
                start_response("200 OK", [("Content-Type", "text/plain"), *lines])
                return [ran[-1].encode()]

            wrapped = CORSMiddleware(validator(app), paths=paths, debug=debug, **options)
            return Site(validator(wrapped), ran)

        return start


def test_endless_header_names_take_no_memory() -> None:
    # CVE-2025-47908 once more: what a megabyte of commas makes is what it makes of none.
    app = CORSMiddleware(
        lambda environ, start_response: [],
        allow_origins="https://app.example.com",
        allow_credentials=True,
        allow_headers="*",
    )
    environ = {
        "REQUEST_METHOD": "OPTIONS",
        "PATH_INFO": "/",
        "HTTP_ORIGIN": "https://app.example.com",
        "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT",
        "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "a," * 524_288,
    }
    tracemalloc.start()
    try:
        app(environ, lambda *arguments: lambda data: None)
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        app(environ, lambda *arguments: lambda data: None)
        assert tracemalloc.get_traced_memory()[1] - before < 16_384
    finally:
        tracemalloc.stop()


# ------------------------------------------------------------------ the page


def rows() -> list[tuple[list[str], str, str]]:
    """The ids, what went wrong, and what corsgate does, of each row of docs/security.rst."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(
        r"^   \* - (.+)\n     - (.+(?:\n       .+)*)\n     - (.+(?:\n       .+)*)", text, re.M
    )
    return [(ids.split(", "), there, here) for ids, there, here in found if ids != "advisory"]


def test_the_page_lists_every_advisory_that_has_a_test() -> None:
    # What the files of the package may be is no matter of requests.
    package = (ROOT / "tests" / "test_package.py").read_text(encoding="utf-8")
    assert "def test_cve_2024_27456_" in package
    tested = [*IDS.values(), ["CVE-2024-27456", "GHSA-785g-282q-pwvx"]]
    assert sorted(ids for ids, _, _ in rows()) == sorted(tested)


def test_no_advisory_is_listed_twice_or_without_a_text() -> None:
    listed = [name for ids, _, _ in rows() for name in ids]
    assert len(listed) == len(set(listed))
    assert all(there.endswith(".") and here.endswith(".") for _, there, here in rows())


def test_the_readme_leads_to_the_page() -> None:
    readme = (ROOT / "README.rst").read_text(encoding="utf-8")
    section = readme.partition("\nSecurity\n--------\n")[2].partition("\n---")[0]
    assert "<docs/security.rst>`_" in section
