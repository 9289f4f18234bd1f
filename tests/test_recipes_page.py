"""The JavaScript of docs/recipes/ in real browsers, against the recipes' servers.

One page runs all of it, and then a frame in it, from another origin: the stranger.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest
from browsers import ENGINES, report_of
from django.core.handlers.wsgi import WSGIHandler
from django_project import settings_of
from recipes import API, APP, FOLDER, PAGES, blocks_of, changed, run, text_of, with_login
from wsgi_server import serving

# What calls a recipe's functions, and gives what the user would see.
DRIVERS = {
    # First: its cookie has the name of Flask's.
    "events": """
        await fetch(api + "/login", { credentials: "include", mode: "no-cors" });
        return new Promise((resolve, reject) => {
          const heard = [];
          const source = listen(
            (data) => {
              heard.push(data);
              if (heard.length === 4) resolve(heard, source.close());
            },
            () => reject(new Error("closed")),
          );
        });
    """,
    "cookies": "await login('Ada', 'lovelace'); return (await me()).user;",
    "cookies-django": "await login('Ada', 'lovelace'); return (await me()).user;",
    "bearer": "return [await me('letmein'), await me('old')];",
    "environments": "return notes();",
    "previews": "return save({ dark: true });",
    "tenants": "const { tenant } = await orders('acme'); return tenant.split(':')[0];",
    "public-read": "return read(1);",
    "public": "return write(1, 'Bye');",
    "downloads": "return download(7);",
    "uploads": """
        const seen = [];
        const file = new File(["x".repeat(100000)], "a.txt");
        const answer = await upload(file, (part) => seen.push(part));
        return [answer.status, JSON.parse(answer.text), seen.at(-1)];
    """,
    "graphql": "return graphql('query($no: Boolean!) { name @skip(if: $no) }', { no: false });",
    "apps": "return me('letmein');",
    "vite": "return add('milk');",
    "vite-config": "",
    "electron": "return typeof parsed;",
}
SCRIPTS = {
    "cookies-django": ("cookies", "django-page"),
    "public-read": ("public", "page"),
    "vite-config": ("vite", "config"),
    "electron": ("apps", "electron"),
}

OWN = {
    "events": ["1 for Ada", "2 for Ada", "3 for Ada", "4 for Ada"],
    "cookies": "Ada",
    "cookies-django": "Ada",
    "bearer": ["Ada", None],
    "environments": ["milk"],
    "previews": {"saved": {"dark": True}},
    "tenants": "localhost",
    "public-read": "Hello",
    "public": "Bye",
    "downloads": "Rechnung 7 für Zoë.pdf",
    "uploads": [201, {"name": "a.txt", "bytes": 100000}, 1],
    "graphql": {"name": "Ada"},
    "apps": "Ada",
    "vite": {"added": {"text": "milk"}},
    # No server.
    "vite-config": {"server": {"proxy": {"/api": {"target": "http://127.0.0.1:5000"}}}},
    "electron": "function",
}
BLOCKED = "TypeError"
STRANGERS = dict.fromkeys(OWN, BLOCKED) | {
    "events": "Error: closed",
    "uploads": "Error: no answer that the page may read",
    # Public.
    "public-read": "Bye",
    # On its own origin, too.
    "vite": OWN["vite"],
    "vite-config": OWN["vite-config"],
    "electron": OWN["electron"],
}
# What the servers got: from the page, and from the stranger.
REQUESTS = {
    # The EventSource came again after the second event, and without a preflight.
    "events": ("GET GET GET", "GET GET"),
    "cookies": ("OPTIONS POST GET", "OPTIONS"),
    "cookies-django": ("GET OPTIONS POST GET", "GET"),
    "bearer": ("OPTIONS GET GET", "OPTIONS"),
    "environments": ("GET", "GET"),
    "previews": ("OPTIONS PUT", "OPTIONS"),
    "tenants": ("GET", "GET"),
    "public-read": ("GET", "GET"),
    "public": ("OPTIONS PUT", "OPTIONS"),
    "downloads": ("GET", "GET"),
    "uploads": ("OPTIONS POST", "OPTIONS"),
    "graphql": ("OPTIONS POST", "OPTIONS"),
    "apps": ("OPTIONS GET", "OPTIONS"),
    "vite": ("POST", "POST"),
    "vite-config": ("", ""),
    "electron": ("", ""),
}
# WebKit takes no Secure cookie from http://localhost.
WITHOUT_SECURE_COOKIES = {"cookies": "Error: /me: 401", "cookies-django": "Error: /login: 403"}

PAGE = """<!doctype html>
<meta charset="utf-8">
<script type="application/json" id="recipes">RECIPES</script>
<script type="module">
const { scripts, stranger } = JSON.parse(document.getElementById("recipes").text);
const AsyncFunction = (async () => {}).constructor;
const results = {};
for (const [name, { api, code }] of Object.entries(scripts)) {
  try {
    results[name] = await new AsyncFunction("AsyncFunction", "api", code)(AsyncFunction, api);
  } catch (error) {
    results[name] = error instanceof TypeError ? "TypeError" : `${error.name}: ${error.message}`;
  }
}
if (window.parent !== window) {
  window.parent.postMessage(results, "*");
} else {
  window.onmessage = ({ data }) => {
    const body = JSON.stringify({ own: results, strangers: data });
    const report = new URLSearchParams(location.search).get("report");
    fetch(report, { method: "POST", mode: "no-cors", body });
  };
  const frame = document.createElement("iframe");
  frame.src = stranger;
  document.body.append(frame);
}
</script>
"""


class Later:
    """An application that is not there yet when its address has to be known."""

    def __init__(self) -> None:
        self.app: WSGIApplication
        self.methods: list[str] = []

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.methods.append(environ["REQUEST_METHOD"])
        return self.app(environ, start_response)


class Site:
    """The page on two origins, and an API for each recipe."""

    def __init__(self, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.apis = {name: Later() for name in DRIVERS}
        at = {name: stack.enter_context(serving(api)) for name, api in self.apis.items()}
        self.own = stack.enter_context(serving(self.serve))
        stranger = stack.enter_context(serving(self.serve))
        scripts = {
            name: {"api": at[name], "code": f"{script(name, at[name])}\n{DRIVERS[name]}"}
            for name in DRIVERS
        }
        recipes = json.dumps({"stranger": f"{stranger}/", "scripts": scripts})
        self.page = PAGE.replace("RECIPES", recipes.replace("<", r"\u003c")).encode()
        monkeypatch.setenv("SECRET_KEY", "for tests only")
        monkeypatch.setenv("CORS_ALLOW_ORIGINS", self.own)
        stack.enter_context(django_project(self.own))
        for name, app in apps(self.own, at["tenants"]).items():
            self.apis[name].app = app

    def serve(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"].startswith("/api/"):  # as Vite's proxy
            return self.apis["vite"](environ, start_response)
        start_response("200 OK", [("Content-Type", "text/html")])
        return [self.page]


def script(name: str, api: str) -> str:
    """The JavaScript of a recipe, which calls the server of this test."""
    page, block = SCRIPTS.get(name, (name, "page"))
    language, code = blocks_of(page)[block]
    assert language == "javascript"
    if name == "vite-config":
        return changed(code, {"export default": "return"})
    if name == "electron":
        return f"const parsed = new AsyncFunction({json.dumps(code)});"
    put = {
        "environments": {"import.meta.env.VITE_API_URL": json.dumps(api)},
        "tenants": {"https://${tenant}.api.example.com": api},
        "vite": {},
    }
    return changed(code, put.get(page, {API: api}))


def apps(own: str, tenant: str) -> dict[str, WSGIApplication]:
    """The servers of the recipes, which allow the page of this test."""
    put = {APP: own}
    found = {
        name: run(name, "flask", put=put)["app"]
        for name in (
            "cookies",
            "bearer",
            "previews",
            "public",
            "uploads",
            "graphql",
            "apps",
            "vite",
        )
    }
    found["public-read"] = found["public"]
    found["environments"] = run("environments", "flask")["app"]
    found["environments"].get("/notes")(lambda: ["milk"])
    host = {"acme.api.example.com": tenant.removeprefix("http://")}
    found["tenants"] = run("tenants", "wsgi", put={**put, **host})["app"]
    soon = {'f"id: ': 'f"retry: 10\\nid: '}
    found["events"] = with_login(run("events", "wsgi", put={**put, **soon})["app"])
    found["cookies-django"] = found["downloads"] = WSGIHandler()
    return found


@contextmanager
def django_project(own: str) -> Iterator[None]:
    """Both recipes for Django in one project: a process has only one."""
    names = run("cookies", "django-settings", put={APP: own})
    given = {key: value for key, value in names.items() if key.isupper()}
    urls = [
        *run("cookies", "django-views")["urlpatterns"],
        *run("downloads", "django")["urlpatterns"],
    ]
    sessions = "django.contrib.sessions.backends.signed_cookies"
    with settings_of(urls, middleware=given.pop("MIDDLEWARE"), SESSION_ENGINE=sessions, **given):
        yield


@pytest.mark.parametrize("engine", ENGINES)
def test_the_javascript_does_in_a_browser_what_its_recipe_says(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        site = Site(stack, monkeypatch)
        shown = report_of(site.own, engine)
    assert shown["own"] == OWN | (WITHOUT_SECURE_COOKIES if engine == "webkit" else {})
    assert shown["strangers"] == STRANGERS
    requests = {name: f"{own} {other}".strip() for name, (own, other) in REQUESTS.items()}
    if engine == "webkit":
        requests["cookies-django"] = "GET OPTIONS POST GET"  # the last one is the stranger's
    assert {name: " ".join(api.methods) for name, api in site.apis.items()} == requests


# Every other one is in the test files that are named after the frameworks.
SERVERS = {
    "apps": {"flask"},
    "bearer": {"flask"},
    "cookies": {"flask", "django-settings", "django-views"},
    "downloads": {"django", "django-settings"},
    "environments": {"flask", "django", "wsgi"},
    "events": {"wsgi"},
    "graphql": {"flask"},
    "previews": {"flask"},
    "public": {"flask"},
    "tenants": {"wsgi"},
    "uploads": {"flask"},
    "vite": {"flask", "flask-cors"},
}


@pytest.mark.parametrize("page", PAGES)
def test_every_code_block_is_one_that_a_test_runs(page: str) -> None:
    text, blocks = text_of(page), blocks_of(page)
    assert text.count(".. code-block::") == len(blocks)
    found: dict[str, set[str]] = {}
    for name, (language, _) in blocks.items():
        found.setdefault(language, set()).add(name)
    assert found.pop("python") == SERVERS[page]
    scripts = {SCRIPTS.get(name, (name, "page")) for name in DRIVERS}
    assert found.pop("javascript") == {name for owner, name in scripts if owner == page}
    assert found == ({"sh": {"variables"}} if page == "environments" else {})
    assert "What goes wrong\n-----" in text
    links = re.findall(r"<(\S+\.rst)>`_", text)
    assert [link for link in links if not (FOLDER / link).exists()] == []


def test_the_index_names_every_recipe() -> None:
    index = FOLDER.with_suffix(".rst").read_text(encoding="utf-8")
    assert sorted(re.findall(r"<recipes/(\w+)\.rst>", index)) == PAGES
