"""The recipes of docs/recipes/ for any WSGI application, played through by a browser."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from recipes import API, APP, EVIL, run, variables, with_login

from corsgate import Policy, PolicyError
from corsgate.browser import Browser, CORSError


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


# ------------------------------------------------------------------ environments


def with_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> WSGIApplication:
    monkeypatch.setenv(name, value)
    app: WSGIApplication = run("environments", "wsgi", app=hello)["app"]
    return app


@pytest.mark.parametrize(
    ("environment", "origins"),
    [
        ("development", ["http://localhost:5173"]),
        ("staging", ["https://staging.example.com"]),
        ("production", [APP, "https://www.example.com"]),
    ],
)
def test_each_environment_lets_in_its_own_front_end(
    environment: str, origins: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    everybody = {APP, "https://www.example.com", "https://staging.example.com", EVIL}
    everybody |= {"http://localhost:5173"}
    app = with_variable(monkeypatch, "CORS_ALLOW_ORIGINS", variables()[environment])
    for origin in origins:
        assert Browser(app, origin=origin, base_url=API).fetch("/").text == "hello"
    for origin in everybody - set(origins):
        with pytest.raises(CORSError):
            Browser(app, origin=origin, base_url=API).fetch("/")


def test_a_variable_that_was_forgotten_allows_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CORS_ALLOW_ORIGINS", raising=False)
    app = run("environments", "wsgi", app=hello)["app"]
    with pytest.raises(CORSError):
        Browser(app, origin=APP).fetch("/")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("CORS_ALOW_ORIGINS", APP, "Write CORS_ALLOW_ORIGINS."),
        ("CORS_ALLOW_ORIGINS", f"{APP}/", f"Write '{APP}'."),
    ],
)
def test_a_mistake_in_a_variable_stops_the_start(
    name: str, value: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PolicyError) as caught:
        with_variable(monkeypatch, name, value)
    [problem] = caught.value.problems
    assert problem.hint == says


# ------------------------------------------------------------------ tenants

ACME = "https://acme.api.example.com"
GLOBEX = "https://globex.api.example.com"
UNKNOWN = "https://unknown.api.example.com"


def tenants(origin: str) -> Browser:
    app = run("tenants", "wsgi")["app"]
    return Browser(dict.fromkeys((ACME, GLOBEX, UNKNOWN), app), origin=origin)


def orders(page: Browser, tenant: str) -> str:
    name: str = page.fetch(f"{tenant}/orders", credentials="include").json()["tenant"]
    return name


@pytest.mark.parametrize(
    ("origin", "own", "others"),
    [
        (APP, ACME, GLOBEX),
        ("https://shop.acme.example", ACME, GLOBEX),
        ("https://globex.example", GLOBEX, ACME),
    ],
)
def test_a_tenants_page_reads_its_own_data_only(origin: str, own: str, others: str) -> None:
    page = tenants(origin)
    assert orders(page, own) == own.removeprefix("https://")
    for tenant in (others, UNKNOWN):
        with pytest.raises(CORSError) as caught:
            orders(page, tenant)
        assert caught.value.code == "allow-origin-missing"
    for tenant in (ACME, GLOBEX):
        with pytest.raises(CORSError):
            orders(page.page(EVIL), tenant)


def test_one_list_for_all_tenants_shows_one_the_others_data() -> None:
    from corsgate.wsgi import CORSMiddleware

    application = run("tenants", "wsgi")["application"]
    both = Policy(allow_origins=[APP, "https://globex.example"], allow_credentials=True)
    apps = dict.fromkeys((ACME, GLOBEX), CORSMiddleware(application, both))
    page = Browser(apps, origin="https://globex.example")
    assert orders(page, ACME) == "acme.api.example.com"


def test_a_preflight_does_not_carry_a_header_of_the_page() -> None:
    page = tenants(APP)
    with pytest.raises(CORSError):
        page.fetch(f"{ACME}/orders", headers={"X-Tenant": "acme"}, credentials="include")
    [(preflight, _)] = page.exchanges
    assert preflight.header("X-Tenant") is None
    assert preflight.header("Access-Control-Request-Headers") == "x-tenant"


# ------------------------------------------------------------------ server-sent events


def listening(origin: str, put: dict[str, str] | None = None) -> Browser:
    page = Browser(with_login(run("events", "wsgi", put=put)["app"]), origin=API, base_url=API)
    assert page.fetch("/login").ok
    return page.page(origin)


def test_events_come_with_the_cookie() -> None:
    answer = listening(APP).fetch("/events", credentials="include")
    assert answer.headers["Content-Type"] == "text/event-stream"
    assert answer.text == "id: 1\ndata: 1 for Ada\n\nid: 2\ndata: 2 for Ada\n\n"


def test_events_without_credentials_are_a_401_that_the_page_can_read() -> None:
    answer = listening(APP).fetch("/events")
    assert (answer.status, answer.text) == (401, "log in first")


def test_a_stranger_hears_nothing() -> None:
    with pytest.raises(CORSError) as caught:
        listening(EVIL).fetch("/events", credentials="include")
    assert caught.value.code == "allow-origin-missing"


def test_events_with_credentials_need_them_allowed() -> None:
    page = listening(APP, {", allow_credentials=True": ""})
    with pytest.raises(CORSError) as caught:
        page.fetch("/events", credentials="include")
    assert caught.value.code == "allow-credentials"
    assert "must be 'true' when the request's credentials mode" in str(caught.value.chromium)
