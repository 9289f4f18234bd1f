"""What a page can make real browsers do to a site, without the gate and with it.

The page tries all that needs no permission, with the cookies of a user who is logged in. What
counts is not what the page gets to see but what ran on the server.
"""

import json
import urllib.error
import urllib.request
from contextlib import ExitStack
from typing import Any

import pytest
from browsers import ENGINES, report_of
from gate_site import ASKED, EVERYTHING, FORMS, LINKS, PAGE, SIMPLE, Site
from wsgi_server import serving

# Who opens the page -> what runs behind the gate.
PAGES = {
    "own": EVERYTHING,
    "own, no referrer": EVERYTHING,
    "trusted": EVERYTHING,
    # The browser says "null" for it, and that is not trusted, whoever it is.
    "trusted, no referrer": EVERYTHING - FORMS,
    "same site": LINKS,
    "other site": LINKS,
}


# Chromium says who it is outside of forms, against the standard (Fetch, "append a request `Origin`
# header"): what else does not run there.
NULL = {"chromium": set[str](), "firefox": {"no-cors-post", "beacon"}}
NULL["webkit"] = NULL["firefox"]
# WebKit keeps no cookie that is Secure for http://localhost.
COOKIES = {"chromium": {"lax", "none"}, "firefox": {"lax", "none"}, "webkit": {"lax"}}


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def visits(engine: str) -> dict[str, Site]:
    """What ran on the site, for each page that one browser has opened."""
    found: dict[str, Site] = {}
    for kind in PAGES:
        site, page = Site(), Site()
        with ExitStack() as entered:
            own, other = (entered.enter_context(serving(one)) for one in (site, page))
            if kind == "other site":
                other = other.replace("localhost", "127.0.0.1")
            site.page = own if kind.startswith("own") else other
            site.put_behind_gate(other if kind.startswith("trusted") else "https://app.example.com")
            for one in (site, page):
                one.html = PAGE.replace("SITE", json.dumps(own))
                if kind.endswith("no referrer"):
                    one.page_headers = [("Referrer-Policy", "no-referrer")]
            report_of(own, engine)
        found[kind] = site
    return found


@pytest.mark.parametrize("kind", PAGES)
def test_behind_the_gate_runs_what_the_rules_say(
    visits: dict[str, Site], engine: str, kind: str
) -> None:
    null = NULL[engine] if kind == "trusted, no referrer" else set()
    assert visits[kind].ran_below("/on/") == PAGES[kind] - null


@pytest.mark.parametrize("kind", PAGES)
def test_without_it_the_browser_refuses_only_what_needs_a_preflight(
    visits: dict[str, Site], kind: str
) -> None:
    expected = EVERYTHING if kind.startswith(("own", "trusted")) else EVERYTHING - ASKED
    assert visits[kind].ran_below("/off/") == expected


def test_what_the_gate_refuses_would_have_run_as_the_user(
    visits: dict[str, Site], engine: str
) -> None:
    ran = visits["same site"].ran
    for name in (FORMS | SIMPLE) - {"top-post"}:
        assert f"/on/{name}" not in ran
        assert ran[f"/off/{name}"] == COOKIES[engine]
    # SameSite=Lax is of help against another site, not against another host or port of one's own.
    assert visits["other site"].ran["/off/top-get"] == COOKIES[engine]
    assert visits["other site"].ran["/off/top-post"] == COOKIES[engine] - {"lax"}
    assert ran["/off/top-post"] == COOKIES[engine]


def test_what_is_no_browser_passes() -> None:
    site = Site()
    site.put_behind_gate("https://app.example.com")
    with serving(site) as own:

        def post(**headers: str) -> int:
            request = urllib.request.Request(f"{own}/on/hook", b"100", headers)
            try:
                with urllib.request.urlopen(request) as answer:
                    status: Any = answer.status
            except urllib.error.HTTPError as error:
                status = error.code
            return int(status)

        assert post() == 200
        assert post(Origin="https://evil.example") == 403
