"""The recipes of docs/recipes/ for Flask, played through by a browser."""

import json
import re
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from flask import Flask
from flask.cli import ScriptInfo
from recipes import API, APP, EVIL, blocks_of, run, text_of, variables

from corsgate import Policy, PolicyError
from corsgate._flask_commands import command
from corsgate.browser import Browser, CORSError
from corsgate.flask import CORSGate

JSON: dict[str, Any] = {"method": "POST", "json": {"name": "Ada", "password": "lovelace"}}


def app_of(page: str, put: dict[str, str] | None = None) -> Flask:
    app: Flask = run(page, "flask", put=put)["app"]
    return app


def browser(page: str, origin: str = APP, put: dict[str, str] | None = None) -> Browser:
    return Browser(app_of(page, put), origin=origin, base_url=API)


def blocked(page: Browser, url: str, **options: Any) -> CORSError:
    with pytest.raises(CORSError) as caught:
        page.fetch(url, **options)
    return caught.value


def console(error: CORSError) -> str:
    """What Chromium's console says after the addresses."""
    return str(error.chromium).partition("CORS policy: ")[2]


def sent(page: Browser) -> str:
    return " ".join(request.method for request, _ in page.exchanges)


NO_HEADER = "No 'Access-Control-Allow-Origin' header is present on the requested resource."
PREFLIGHT = "Response to preflight request doesn't pass access control check: "


# ------------------------------------------------------------------ cookies


@pytest.fixture(autouse=True)
def secret_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "for tests only")


def test_a_page_logs_in_with_a_cookie() -> None:
    page = browser("cookies")
    assert page.fetch("/login", credentials="include", **JSON).json() == {"user": "Ada"}
    assert page.fetch("/me", credentials="include").json() == {"user": "Ada"}
    assert page.fetch("/me").status == 401

    stranger = page.page(EVIL)
    error = blocked(stranger, "/me", credentials="include")
    assert (error.code, console(error)) == ("allow-origin-missing", NO_HEADER)
    assert blocked(stranger, "/login", credentials="include", **JSON).code == "allow-origin-missing"


def test_a_login_without_credentials_keeps_no_cookie() -> None:
    page = browser("cookies")
    assert page.fetch("/login", **JSON).ok
    assert page.fetch("/me", credentials="include").status == 401


@pytest.mark.parametrize(("same_site", "status"), [("Lax", 401), ("None", 200)])
def test_from_another_site_the_cookie_needs_same_site_none(same_site: str, status: int) -> None:
    there = "https://example.net"
    put = {'SAMESITE="Lax"': f'SAMESITE="{same_site}"', APP: there}
    page = browser("cookies", there, put)
    assert page.fetch("/login", credentials="include", **JSON).ok
    assert page.fetch("/me", credentials="include").status == status


@pytest.mark.parametrize(("gate", "status"), [("enforce", 403), ("off", 200)])
def test_the_gate_refuses_forms_of_other_sites(gate: str, status: int) -> None:
    app = app_of("cookies", {'gate="enforce"': f'gate="{gate}"'})
    app.post("/delete")(lambda: "deleted")
    stranger = Browser(app, origin=EVIL, base_url=API)
    assert stranger.submit("/delete", {"id": "1"}).status == status
    assert stranger.page(APP).submit("/delete", {"id": "1"}).status == 200


def test_any_origin_with_cookies_does_not_start() -> None:
    with pytest.raises(PolicyError) as caught:
        app_of("cookies", {f'["{APP}"]': '"*"'})
    assert {problem.code for problem in caught.value.problems} == {"wildcard-credentials"}


# ------------------------------------------------------------------ bearer tokens

TOKEN = {"Authorization": "Bearer letmein"}


@pytest.mark.parametrize("page", ["bearer", "apps"])
def test_a_page_sends_its_token(page: str) -> None:
    own = browser(page)
    assert own.fetch("/me", headers=TOKEN).json() == {"user": "Ada"}
    assert sent(own) == "OPTIONS GET"
    # With headers: the page knows that it has to log in again.
    assert own.fetch("/me", headers={"Authorization": "Bearer old"}).status == 401
    assert own.fetch("/me").status == 401
    error = blocked(own.page(EVIL), "/me", headers=TOKEN)
    assert console(error) == PREFLIGHT + NO_HEADER


def test_a_login_check_that_sees_the_preflight_refuses_it() -> None:
    """Without a CORS library: headers by hand, after the check."""
    app = app_of("bearer", {f'CORSGate(app, allow_origins=["{APP}"])': ""})

    @app.after_request
    def by_hand(response: Any) -> Any:
        response.headers["Access-Control-Allow-Origin"] = APP
        response.headers["Access-Control-Allow-Headers"] = "authorization"
        return response

    error = blocked(Browser(app, origin=APP, base_url=API), "/me", headers=TOKEN)
    assert console(error) == PREFLIGHT + "It does not have HTTP ok status."
    assert error.response is not None
    assert error.response.status == 401


@pytest.mark.parametrize(
    ("allow_headers", "says"),
    [
        (["X-Mine"], "Request header field authorization is not allowed"),
        ("*", "Request header field authorization is not allowed"),
        (["X-Mine", "Authorization"], None),
        (("*", "Authorization"), None),
    ],
)
def test_authorization_has_to_be_named(allow_headers: Any, says: str | None) -> None:
    option = f'allow_origins=["{APP}"], allow_headers={allow_headers!r}'
    page = browser("bearer", put={f'allow_origins=["{APP}"]': option})
    if says is None:
        assert page.fetch("/me", headers=TOKEN).ok
    else:
        assert console(blocked(page, "/me", headers=TOKEN)).startswith(says)


@pytest.mark.parametrize("engine", ["chromium", "firefox", "webkit"])
def test_browsers_still_let_the_star_cover_authorization(engine: str) -> None:
    option = f'allow_origins=["{APP}"], allow_headers="*"'
    app = app_of("bearer", {f'allow_origins=["{APP}"]': option})
    assert Browser(app, origin=APP, engine=engine).fetch("/me", headers=TOKEN).ok


# ------------------------------------------------------------------ environments


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
def test_flask_takes_the_variable(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value = variables()[environment]
    monkeypatch.setenv("CORS_ALLOW_ORIGINS", value)
    page = browser("environments", value.split(",")[0])
    assert page.fetch("/").status == 404
    assert blocked(page.page(EVIL), "/").code == "allow-origin-missing"


def test_flask_does_not_start_where_the_variable_was_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CORS_ALLOW_ORIGINS", raising=False)
    with pytest.raises(KeyError, match="CORS_ALLOW_ORIGINS"):
        app_of("environments")


def test_the_check_reports_the_development_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ALLOW_ORIGINS", variables()["development"])
    app = app_of("environments")
    result = app.test_cli_runner().invoke(
        command, ["check"], obj=ScriptInfo(create_app=lambda: app)
    )
    assert result.exit_code == 1
    assert "[loopback-origin]" in result.output


# ------------------------------------------------------------------ previews

SAVE: dict[str, Any] = {"method": "PUT", "json": {"dark": True}, "credentials": "include"}


def test_previews_may_call() -> None:
    page = browser("previews")
    for origin in (APP, "https://pr-123.preview.example.com"):
        assert page.page(origin).fetch("/settings", **SAVE).json() == {"saved": {"dark": True}}
    for origin in (
        EVIL,
        "https://preview.example.com",
        "https://pr-1.evil.preview.example.com",
        "https://pr-1-preview-example.com",
    ):
        error = blocked(page.page(origin), "/settings", **SAVE)
        assert console(error) == PREFLIGHT + NO_HEADER


def test_a_regular_expression_lets_too_much_in() -> None:
    loose = r"https://pr-.*preview.example.com"
    assert loose in text_of("previews")
    assert re.fullmatch(loose, "https://pr-1-preview-example.com")
    with pytest.raises(PolicyError) as caught:
        Policy(allow_origins=re.compile(loose), allow_credentials=True)
    assert [problem.code for problem in caught.value.problems] == ["regex-too-broad"]


def test_previews_on_the_domain_of_the_host_have_no_cookies() -> None:
    [pattern] = re.findall(r"https://shop-\*-acme\.vercel\.app", text_of("previews"))
    with pytest.raises(PolicyError, match="anybody can get a host that it covers") as caught:
        Policy(allow_origins=pattern, allow_credentials=True)
    assert [problem.code for problem in caught.value.problems] == ["public-suffix"]
    app = app_of("bearer", {APP: pattern})
    page = Browser(app, origin="https://shop-pr7-acme.vercel.app", base_url=API)
    assert page.fetch("/me", headers=TOKEN).ok


# ------------------------------------------------------------------ public read, private write

WRITE: dict[str, Any] = {"method": "PUT", "json": {"text": "Bye"}, "credentials": "include"}


def test_everybody_reads_and_only_the_page_writes() -> None:
    page = browser("public")
    stranger = page.page(EVIL)
    assert stranger.fetch("/articles/1").json() == {"text": "Hello"}
    error = blocked(stranger, "/articles/1", **WRITE)
    assert console(error) == PREFLIGHT + NO_HEADER
    assert page.fetch("/articles/1", **WRITE).json() == {"text": "Bye"}
    assert stranger.fetch("/articles/1").json() == {"text": "Bye"}


def test_what_everybody_may_read_is_read_without_cookies() -> None:
    error = blocked(browser("public"), "/articles/1", credentials="include")
    assert error.code == "allow-origin-wildcard"
    words = "must not be the wildcard '*' when the request's credentials mode is 'include'"
    assert words in text_of("public")
    assert words in console(error)


def test_one_policy_for_the_url_would_let_any_site_write() -> None:
    app = app_of(
        "public", {f'allow_origins=["{APP}"], allow_credentials=True': 'allow_origins="*"'}
    )
    app_with_gate_off = app_of(
        "public",
        {f'allow_origins=["{APP}"], allow_credentials=True, gate="enforce"': 'allow_origins="*"'},
    )
    put = {**WRITE, "credentials": "omit"}
    assert Browser(app_with_gate_off, origin=EVIL).fetch("/articles/1", **put).ok
    assert blocked(Browser(app, origin=EVIL), "/articles/1", **put).code == "method"


def test_the_star_beside_inherited_cookies_is_refused() -> None:
    page = browser("public", put={", allow_credentials=False": ""})
    with pytest.raises(PolicyError, match=re.escape("'*' cannot be combined with credentials")):
        page.fetch("/articles/1")


# ------------------------------------------------------------------ uploads

FORM = {"Content-Type": "multipart/form-data; boundary=b"}


def body_of(content: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
    return head + content + b"\r\n--b--\r\n"


def upload(page: Browser, *, listens: bool = True, content: bytes = b"12345") -> Any:
    return page.fetch(
        "/files",
        method="POST",
        headers=FORM,
        body=body_of(content),
        credentials="include",
        upload_listener=listens,
    )


def test_an_upload_that_is_watched_is_asked_for_first() -> None:
    page = browser("uploads")
    answer = upload(page)
    assert (answer.status, answer.json()) == (201, {"name": "a.txt", "bytes": 5})
    assert sent(page) == "OPTIONS POST"

    page = browser("uploads")
    assert upload(page, listens=False).status == 201
    assert sent(page) == "POST"


def test_a_stranger_uploads_nothing() -> None:
    stranger = browser("uploads", EVIL)
    with pytest.raises(CORSError) as caught:
        upload(stranger)
    assert console(caught.value) == PREFLIGHT + NO_HEADER
    # What needs no preflight reaches the server, and is refused there.
    with pytest.raises(CORSError) as caught:
        upload(stranger, listens=False)
    assert caught.value.response is not None
    assert caught.value.response.status == 403


def test_the_progress_bar_is_what_a_server_without_options_fails_on() -> None:
    def post_only(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status = "201 Created" if environ["REQUEST_METHOD"] == "POST" else "405 Not Allowed"
        headers = [("Access-Control-Allow-Origin", APP)]
        start_response(status, [*headers, ("Access-Control-Allow-Credentials", "true")])
        return [b""]

    page = Browser(post_only, origin=APP, base_url=API)
    assert upload(page, listens=False).status == 201
    with pytest.raises(CORSError) as caught:
        upload(page)
    assert console(caught.value) == PREFLIGHT + "It does not have HTTP ok status."


def test_a_page_can_read_that_the_file_is_too_large() -> None:
    page = browser("uploads", put={"20_000_000": "100"})
    assert upload(page, content=b"x" * 200).status == 413


# ------------------------------------------------------------------ GraphQL


def ask(page: Browser, query: str, **headers: str) -> Any:
    return page.fetch(
        "/graphql",
        method="POST",
        json={"query": query},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        credentials="include",
    )


def test_queries_and_mutations_are_the_pages_own() -> None:
    page = browser("graphql")
    assert ask(page, "{ name }").json() == {"data": {"name": "Ada"}}
    renamed = ask(page, 'mutation { rename(name: "Grace") }', Apollo_Require_Preflight="1")
    assert renamed.json() == {"data": {"rename": "Grace"}}
    assert ask(page, "{ age }").json()["errors"][0]["message"].startswith("Cannot query field")
    with pytest.raises(CORSError) as caught:
        ask(page.page(EVIL), "{ name }")
    assert console(caught.value) == PREFLIGHT + NO_HEADER


# A form whose only field makes JSON of name, "=" and value.
MUTATION = {'{"query": "mutation { rename(name: \\"Evil\\") }", "': '": ""}'}


@pytest.mark.parametrize(
    ("put", "status", "name"),
    [
        ({}, 415, "Ada"),
        ({"get_json()": "get_json(force=True)"}, 200, "Evil"),
        (
            {
                "get_json()": "get_json(force=True)",
                "allow_credentials=True": 'allow_credentials=True, gate="enforce"',
            },
            403,
            "Ada",
        ),
    ],
    ids=["json only", "whatever comes", "with the gate"],
)
def test_a_form_of_another_site_runs_no_mutation(
    put: dict[str, str], status: int, name: str
) -> None:
    page = browser("graphql", put=put)
    answer = page.page(EVIL).submit("/graphql", MUTATION, enctype="text/plain")
    assert answer.status == status
    assert ask(page, "{ name }").json() == {"data": {"name": name}}


def test_headers_of_clients_have_to_be_named() -> None:
    with pytest.raises(CORSError) as caught:
        ask(browser("graphql"), "{ name }", apollographql_client_name="web")
    words = "Request header field apollographql-client-name is not allowed"
    assert words in text_of("graphql")
    assert console(caught.value).startswith(words)


# ------------------------------------------------------------------ apps

SHELLS = (
    "capacitor://localhost",
    "https://localhost",
    "tauri://localhost",
    "http://tauri.localhost",
    "app://shop",
)


@pytest.mark.parametrize("origin", SHELLS)
def test_the_page_in_a_shell_sends_its_token(origin: str) -> None:
    page = browser("apps", origin)
    assert page.fetch("/me", headers=TOKEN).json() == {"user": "Ada"}
    assert blocked(page.page("null"), "/me", headers=TOKEN).code == "allow-origin-missing"


def test_every_origin_of_a_shell_is_in_the_table_and_may_be_allowed() -> None:
    table = text_of("apps").partition("csv-table")[2].partition(".. code-block")[0]
    listed = re.findall(r"``([a-z]+://[a-z.:0-9]+)``", table)
    assert set(SHELLS) < set(listed)
    for origin in listed:
        app = app_of("apps", {'"app://shop",': f'"app://shop", "{origin}",'})
        assert Browser(app, origin=origin).fetch("/me", headers=TOKEN).ok
    assert run("apps", "flask")["SHELLS"] == list(SHELLS)
    assert 'loadURL("app://shop/' in blocks_of("apps")["electron"][1]


def test_another_shell_is_a_stranger() -> None:
    for origin in (
        "ionic://localhost",
        "app://other",
        "http://localhost",
        "tauri://localhost.evil",
    ):
        assert blocked(browser("apps", origin), "/me", headers=TOKEN).code == "allow-origin-missing"


def test_null_is_everybody() -> None:
    with pytest.raises(PolicyError, match="any site can take that origin in a sandboxed frame"):
        Policy(allow_origins="null", allow_credentials=True)


def test_pages_from_files_cannot_be_allowed() -> None:
    with pytest.raises(PolicyError, match="'file://' is sent by WebViews that give files extra"):
        Policy(allow_origins="file://")


# ------------------------------------------------------------------ Vite

VITE = "http://localhost:5173"
BACKEND = "127.0.0.1:5000"


def through_vite(app: WSGIApplication, *, change_origin: bool) -> WSGIApplication:
    """What Vite 8.3 was seen to do with the path /api, in its long form and in its short one."""

    def proxy(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        assert environ["PATH_INFO"].startswith("/api")
        passed = dict(environ)
        if change_origin:
            passed["HTTP_HOST"] = BACKEND
        return app(passed, start_response)

    return proxy


def without_metadata(app: WSGIApplication) -> WSGIApplication:
    """The requests of a browser that sends no Sec-Fetch-Site."""

    def older(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        kept = {name: environ[name] for name in environ if not name.startswith("HTTP_SEC_FETCH")}
        return app(kept, start_response)

    return older


NOTE: dict[str, Any] = {"method": "POST", "json": {"text": "milk"}}


def test_through_the_proxy_there_is_no_cors() -> None:
    page = Browser(through_vite(app_of("vite"), change_origin=False), origin=VITE, base_url=VITE)
    answer = page.fetch("/api/notes", **NOTE)
    assert (answer.type, answer.json()) == ("basic", {"added": {"text": "milk"}})
    [(request, response)] = page.exchanges
    assert request.header("Origin") == VITE
    assert response.header("Access-Control-Allow-Origin") is None


def test_the_config_is_the_long_form() -> None:
    config = blocks_of("vite")["config"][1]
    assert f'"/api": {{ target: "http://{BACKEND}" }}' in config
    assert "changeOrigin" not in config


@pytest.mark.parametrize(("change_origin", "status"), [(False, 200), (True, 403)])
def test_the_short_form_makes_the_gate_refuse(change_origin: bool, status: int) -> None:
    app = through_vite(app_of("vite"), change_origin=change_origin)
    assert Browser(app, origin=VITE, base_url=VITE).fetch("/api/notes", **NOTE).ok
    older = Browser(without_metadata(app), origin=VITE, base_url=VITE)
    assert older.fetch("/api/notes", **NOTE).status == status


def test_with_cors_vites_origin_is_allowed_by_its_exact_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CORS_ALLOW_ORIGINS", VITE)
    app = Flask("vite")
    app.post("/api/notes")(dict)
    names: dict[str, Any] = {"app": app, "CORSGate": CORSGate}
    run("vite", "flask-cors", **names)
    page = Browser(app, origin=VITE, base_url=f"http://{BACKEND}")
    assert page.fetch("/api/notes", **NOTE).ok
    for other in ("http://127.0.0.1:5173", "http://localhost:5174"):
        assert console(blocked(page.page(other), "/api/notes", **NOTE)) == PREFLIGHT + NO_HEADER


def test_any_port_of_localhost_is_a_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ALLOW_ORIGINS", "http://localhost:*")
    assert "``http://localhost:*``" in text_of("vite")
    app = Flask("vite")
    run("vite", "flask-cors", app=app, CORSGate=CORSGate)
    assert Browser(app, origin="http://localhost:5174").fetch("/").status == 404


def test_the_json_of_the_form_is_json() -> None:
    [(name, value)] = MUTATION.items()
    assert json.loads(f"{name}={value}")["query"].startswith("mutation")
