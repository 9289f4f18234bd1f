"""`flask cors` and `flask cors check`: what they say, word for word, and their exit status."""

import functools
import re
from collections.abc import Callable
from typing import Any

import flask_cors
import pytest
from answers import APP, EVIL, PARTNER
from flask import Blueprint, Flask, Response
from flask.cli import ScriptInfo
from flask.views import MethodView
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.middleware.shared_data import SharedDataMiddleware
from werkzeug.routing import Rule

from corsgate import Policy
from corsgate._flask_commands import command
from corsgate.flask import CORSGate, cors

NONE_FOUND = "no problem found."


def view() -> Callable[..., str]:
    """A new one each time, since a mark stays on the function below it."""

    def hello(**values: object) -> str:
        return "hello"

    return hello


def new_app(**config: Any) -> Flask:
    app = Flask("shop", static_folder=None)
    app.config.update(config)
    app.add_url_rule("/", "hello", view())
    return app


def run(app: Flask | Callable[[], Flask], *words: str) -> tuple[int, list[str]]:
    """The exit status, and the lines that are printed."""
    create = (lambda: app) if isinstance(app, Flask) else app
    result = (
        Flask("runner").test_cli_runner().invoke(command, words, obj=ScriptInfo(create_app=create))
    )
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output.splitlines()


def check(app: Flask | Callable[[], Flask]) -> list[str]:
    """What `flask cors check` has found; its last line and the exit status go with that."""
    status, [*found, last] = run(app, "check")
    count = len([line for line in found if not line.startswith("note: ")])
    assert status == (1 if count else 0)
    if count:
        assert last == ("1 problem found." if count == 1 else f"{count} problems found.")
    else:
        assert last.endswith(NONE_FOUND)
    return found


# ------------------------------------------------------------------ flask cors


def test_each_route_is_shown_with_its_methods_its_policy_and_the_place_of_that() -> None:
    app = new_app()
    api = Blueprint("api", __name__, url_prefix="/api")

    class Things(MethodView):
        def get(self) -> str:
            return "things"

        @cors(allow_origins="*", allow_credentials=False)
        def post(self) -> str:
            return "made"

    api.add_url_rule("/things", view_func=Things.as_view("things"))
    api.add_url_rule("/old", "old", cors(None)(view()), methods=["PUT", "GET"])
    cors(allow_credentials=True, max_age=60)(api)
    app.register_blueprint(api)
    app.add_url_rule("/health/<name>", "health", view())
    CORSGate(app, allow_origins=[APP, PARTNER], paths={"/health/*": {"allow_origins": "*"}})
    both, inherited = f"{APP}, {PARTNER}", "allow_credentials=True; max_age=60"
    assert run(app) == (
        0,
        [
            "ROUTE           METHODS   FROM               POLICY",
            f"/               GET       application        {both}",
            f"/api/things     GET       blueprint 'api'    {both}; {inherited}",
            "/api/things     POST      view               any origin; max_age=60",
            "/api/old        GET, PUT  view               None: left to the view",
            "/health/<name>  GET       paths '/health/*'  any origin",
        ],
    )


def test_a_method_without_a_mark_has_the_policy_that_it_would_have_without_the_others() -> None:
    class Item(MethodView):
        @cors(allow_origins=PARTNER)
        def get(self) -> str:
            return "item"

        @cors(allow_origins=PARTNER)
        def put(self) -> str:
            return "item"

        def delete(self) -> str:
            return "item"

    app = Flask("shop", static_folder=None)
    app.add_url_rule("/item", view_func=Item.as_view("item"))
    app.add_url_rule("/head", view_func=Item.as_view("head"), methods=["HEAD"])
    app.add_url_rule("/sold/item", view_func=Item.as_view("sold"))
    CORSGate(app, allow_origins=APP, paths={"/sold/*": {"max_age": 60}})
    assert run(app) == (
        0,
        [
            "ROUTE       METHODS   FROM             POLICY",
            f"/item       DELETE    application      {APP}",
            f"/item       GET, PUT  view             {PARTNER}",
            f"/head       HEAD      view             {PARTNER}",
            f"/sold/item  DELETE    paths '/sold/*'  {APP}; max_age=60",
            f"/sold/item  GET, PUT  view             {PARTNER}",
        ],
    )


def policies(app: Flask) -> dict[str, str]:
    """Path -> where its policy comes from, and the policy."""
    status, [_, *lines] = run(app)
    assert status == 0
    cells = [re.split(" {2,}", line) for line in lines]
    return {path: f"{place}: {policy}" for path, _, place, policy in cells}


def by_tenant(environ: object) -> Policy | None:
    return None


class Tenants:
    def __call__(self, environ: object) -> Policy | None:
        return None


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, "no origin"),
        ({"allow_origins": "*"}, "any origin"),
        (
            {"allow_origins": re.compile(r"https://a\d\.example\.com")},
            r"regex https://a\d\.example\.com",
        ),
        ({"allow_origins": lambda origin, environ: True}, f"{__name__}.<lambda>"),
        ({"allow_origins": APP, "max_age": None}, f"{APP}; max_age=None"),
        ({"allow_origins": APP, "allow_methods": ["PUT", "GET"]}, f"{APP}; allow_methods=GET, PUT"),
        ({"policy": None}, "None: left to the view"),
        (
            {"allow_origins": [APP], "gate": "enforce", "write_origins": (), "own_origins": APP},
            f"{APP}; gate=enforce; write_origins=none; own_origins={APP}",
        ),
        ({"policy": by_tenant}, f"asks {__name__}.by_tenant for each request"),
        ({"policy": Tenants()}, f"asks {__name__}.Tenants for each request"),
    ],
)
def test_a_policy_is_shown_in_one_line(options: dict[str, Any], shown: str) -> None:
    app = new_app()
    CORSGate(app, **options)
    assert policies(app) == {"/": f"application: {shown}"}


def test_none_is_shown_with_the_gate_that_stays() -> None:
    app = new_app()
    CORSGate(app, gate="report", paths={"/*": None})
    assert policies(app) == {"/": "paths '/*': None: left to the view, but for the gate"}


def test_options_on_top_of_a_callable_are_shown_with_it() -> None:
    app = new_app()
    app.add_url_rule("/a", "a", cors(max_age=5)(view()))
    CORSGate(app, by_tenant)
    assert policies(app)["/a"] == f"view: asks {__name__}.by_tenant for each request; max_age=5"


def test_a_mark_above_the_route_and_one_of_an_inner_blueprint_are_found() -> None:
    app = new_app()
    cors(allow_origins=PARTNER)(app.route("/above", endpoint="above")(view()))
    outer, inner = Blueprint("outer", __name__), Blueprint("inner", __name__)
    inner.add_url_rule("/inner", "a", view())
    outer.add_url_rule("/outer", "b", view())
    outer.register_blueprint(inner)
    cors(max_age=5)(outer)
    cors(max_age=6)(inner)
    app.register_blueprint(outer)
    CORSGate(app, allow_origins=APP)
    shown = policies(app)
    assert shown["/above"] == f"view: {PARTNER}"
    assert shown["/inner"] == f"blueprint 'outer.inner': {APP}; max_age=6"
    assert shown["/outer"] == f"blueprint 'outer': {APP}; max_age=5"


def test_a_route_with_variable_parts_is_shown_with_all_paths_that_it_may_be() -> None:
    app = Flask("shop", static_folder=None)
    for path in ("/api", "/api/<name>", "/api/health", "/api/<int:id>/parts", "/<path:rest>"):
        app.add_url_rule(path, path, view())
    paths = {"/api/*": PARTNER, "/api/health": EVIL, "/other/*": APP}
    CORSGate(app, paths={path: {"allow_origins": origin} for path, origin in paths.items()})
    assert run(app)[1][1:] == [
        f"/api                 GET      paths '/api/*'       {PARTNER}",
        f"/api/<name>          GET      paths '/api/*'       {PARTNER}",
        f"/api/<name>          GET      paths '/api/health'  {EVIL}",
        f"/api/health          GET      paths '/api/health'  {EVIL}",
        f"/api/<int:id>/parts  GET      paths '/api/*'       {PARTNER}",
        f"/api/<int:id>/parts  GET      paths '/api/health'  {EVIL}",
        "/<path:rest>         GET      application          no origin",
        f"/<path:rest>         GET      paths '/api/*'       {PARTNER}",
        f"/<path:rest>         GET      paths '/api/health'  {EVIL}",
        f"/<path:rest>         GET      paths '/other/*'     {APP}",
    ]


def test_methods_are_those_of_the_route_and_its_host_is_in_front() -> None:
    app = Flask("shop", static_folder=None, subdomain_matching=True)
    app.config["SERVER_NAME"] = "example.com"
    app.add_url_rule("/a", "a", view(), methods=["HEAD"])
    app.add_url_rule("/b", "b", view(), methods=["OPTIONS"])
    app.add_url_rule("/c", "c", view(), subdomain="api")
    CORSGate(app, allow_origins=APP)
    assert [line.split()[:2] for line in run(app)[1][1:]] == [
        ["/a", "HEAD"],
        ["/b", "OPTIONS"],
        ["api.example.com/c", "GET"],
    ]
    app = Flask("shop", static_folder=None, host_matching=True)
    app.add_url_rule("/d", "d", view(), host="d.example.com")
    CORSGate(app, allow_origins=APP)
    assert run(app)[1][1].split()[0] == "d.example.com/d"


def test_the_table_does_without_a_view_function_and_without_a_method() -> None:
    app = Flask("shop", static_folder=None)
    app.add_url_rule("/late", "late")
    app.url_map.add(Rule("/socket", endpoint="socket"))
    CORSGate(app, allow_origins=APP)
    assert [line.split()[:2] for line in run(app)[1][1:]] == [["/late", "GET"], ["/socket", "any"]]


# ------------------------------------------------------------------ flask cors check


def test_a_sound_application_has_no_problem() -> None:
    app = new_app(SECRET_KEY="s", SERVER_NAME="api.example.com:8000")
    app.add_url_rule("/a", "a", cors(max_age=5)(view()))
    CORSGate(app, allow_origins=[APP], allow_credentials=True)
    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    assert run(app, "check") == (0, ["2 routes checked, no problem found."])
    app = new_app()
    CORSGate(app, allow_origins=[APP])
    assert run(app, "check") == (0, ["1 route checked, no problem found."])


MISSING = (
    "application 'shop': It has no CORSGate, so no answer has CORS headers{what}."
    " Write CORSGate(app). [gate-missing]"
)


def test_a_gate_that_was_forgotten_is_found_with_all_that_is_marked_for_it() -> None:
    app = new_app()
    assert check(app) == [MISSING.format(what="")]
    group = Blueprint("group", __name__)
    cors(allow_origins=APP)(group)
    app.register_blueprint(group)
    app.add_url_rule("/below", "below", cors(allow_origins=APP)(lambda: "below"))
    cors(allow_origins=APP)(app.route("/above", endpoint="above")(lambda: "above"))
    what = (
        ", and the @cors(...) of blueprint 'group' and view 'below' and view 'above' has no effect"
    )
    assert check(app) == [MISSING.format(what=what)]
    assert run(app) == (1, [MISSING.format(what=what), "1 problem found."])


def broken() -> Flask:
    app = new_app(CORS_MAX_AGE=-1)
    CORSGate(app, allow_origins="*", allow_credentials=True)
    return app


@pytest.mark.parametrize("words", [(), ("check",)])
def test_options_that_stop_the_start_are_told_one_line_each(words: tuple[str, ...]) -> None:
    assert run(broken, *words) == (
        1,
        [
            (
                "CORS_MAX_AGE: -1 is negative or no whole number of seconds. Write a whole number"
                " of seconds, such as 600; 0 turns caching off. [max-age]"
            ),
            (
                "allow_origins: '*' cannot be combined with credentials: every site could act as"
                " the user. Name the origins, or set allow_credentials=False here."
                " [wildcard-credentials]"
            ),
            "2 problems found.",
        ],
    )


@pytest.mark.parametrize("words", [(), ("check",)])
def test_what_views_inherit_is_checked_before_the_first_request(words: tuple[str, ...]) -> None:
    app = new_app()
    for name in ("a", "b"):
        app.add_url_rule(f"/{name}", name, cors(allow_origins="*")(view()))
    CORSGate(app, allow_origins=[APP], allow_credentials=True)
    line = (
        "view '{}': allow_origins: '*' cannot be combined with credentials: every site could act as"
        " the user. Name the origins, or set allow_credentials=False here. [wildcard-credentials]"
    )
    assert run(app, *words) == (1, [line.format("a"), line.format("b"), "2 problems found."])


def test_settings_that_come_after_the_gate_are_found() -> None:
    app = new_app()
    CORSGate(app, allow_origins=[APP])
    app.config["CORS_MAX_AGE"] = 5
    assert check(app) == [
        (
            "app.config: CORS_MAX_AGE changed after CORSGate had read app.config: set it before"
            " CORSGate(app) or init_app(app). Configure first, then give CORSGate the application."
            " [settings-changed]"
        )
    ]


def test_a_gate_that_allows_nothing_is_found() -> None:
    app = new_app()
    CORSGate(app)
    assert check(app) == [
        (
            "allow_origins: No origin is allowed anywhere, so no page of another origin can read an"
            " answer. Name the origins of your pages here. [nothing-allowed]"
        )
    ]
    app = new_app()
    CORSGate(app, gate="enforce")  # for the site's own pages, it needs no others
    assert check(app) == []
    app = new_app()
    CORSGate(app, allow_origins=[APP], write_origins=[], own_origins=[APP])
    assert check(app) == [
        (
            f'{name}: Only the gate reads it, and no gate is on anywhere. Write gate="report", and'
            ' later "enforce"; or leave it out. [gate-nowhere]'
        )
        for name in ("own_origins", "write_origins")
    ]
    app = new_app()
    app.add_url_rule("/a", "a", cors(None)(view()))
    CORSGate(app)
    assert check(app) == []


class Layer:
    """A WSGI layer of which nothing is known."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.inner(environ, start_response)


class WhiteNoise(Layer):
    __module__ = "whitenoise.base"


class OtherCORS(Layer):
    __module__ = "wsgicors"


@pytest.mark.parametrize(
    ("wrap", "name"),
    [
        (lambda app: DispatcherMiddleware(app, {}), "DispatcherMiddleware"),
        (lambda app: SharedDataMiddleware(app, {}), "SharedDataMiddleware"),
        (WhiteNoise, "WhiteNoise"),
    ],
)
def test_a_layer_that_can_answer_belongs_inside_of_the_gate(
    wrap: Callable[[Any], Any], name: str
) -> None:
    app = new_app()
    CORSGate(app, allow_origins=APP)
    app.wsgi_app = Layer(wrap(Layer(app.wsgi_app)))  # type: ignore[method-assign]
    assert check(app) == [
        (
            f"app.wsgi_app: {name} is around CORSGate, and what it answers by itself has no CORS"
            " headers. Put it on app.wsgi_app before CORSGate(app). [gate-order]"
        )
    ]
    app = new_app()
    app.wsgi_app = wrap(app.wsgi_app)  # type: ignore[method-assign]
    CORSGate(app, allow_origins=APP)
    assert check(app) == []


def test_a_gate_that_was_taken_out_is_found() -> None:
    app = new_app()
    original = app.wsgi_app
    CORSGate(app, allow_origins=APP)
    app.wsgi_app = Layer(original)  # type: ignore[method-assign]
    assert check(app) == [
        (
            "app.wsgi_app: It has been replaced since CORSGate(app), and the gate is not in it any"
            " more. Wrap what is there: app.wsgi_app = Layer(app.wsgi_app). [gate-replaced]"
        )
    ]


def test_a_layer_that_shows_nothing_of_its_inside_is_left_alone() -> None:
    class Slots:
        __slots__ = ("inner",)

        def __call__(self, environ: Any, start_response: Any) -> Any:
            return None

    app = new_app()
    CORSGate(app, allow_origins=APP)
    app.wsgi_app = Slots()  # type: ignore[method-assign]
    assert check(app) == []


def set_header(response: Response) -> Response:
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


def leave(response: Response) -> Response:
    return response


TWICE = (
    "{}: {} sets CORS headers too, and corsgate takes them out. Keep one of the two. [other-cors]"
)


def test_other_layers_for_cors_are_found() -> None:
    app = new_app()
    app.after_request(set_header)
    app.after_request(leave)
    app.after_request(functools.partial(leave))
    app.wsgi_app = OtherCORS(app.wsgi_app)  # type: ignore[method-assign]
    CORSGate(app, allow_origins=APP)
    app.add_url_rule("/a", "a", flask_cors.cross_origin()(lambda: "a"))
    flask_cors.CORS(app)
    assert check(app) == [
        TWICE.format("after_request", "The function set_header"),
        TWICE.format("after_request", "Flask-Cors"),
        TWICE.format("app.wsgi_app", "wsgicors"),
        TWICE.format("view 'a'", "Flask-Cors"),
    ]


def hiding(target: Callable[..., str]) -> Callable[..., str]:
    """A decorator that forgets `functools.wraps`, but for the name."""

    def hidden(*arguments: object) -> str:
        return target(*arguments)

    hidden.__name__ = target.__name__
    return hidden


def known_by_name() -> str:
    return "hello"


above_the_route = known_by_name
known_by_name = cors(allow_origins=PARTNER)(hiding(known_by_name))

HIDDEN = (
    "view '{}': Its @cors(...) is hidden from routing by another decorator, so it has another"
    " policy. Put it above that one, or right below @app.route. [mark-hidden]"
)


def test_a_mark_that_routing_cannot_see_is_found() -> None:
    def kept(target: Callable[..., str]) -> Callable[..., str]:
        return functools.wraps(target)(hiding(target))

    class Thing(MethodView):
        get = hiding(cors(allow_origins=PARTNER)(lambda self: "thing"))

    app = new_app()
    app.add_url_rule("/hidden", "hidden", hiding(cors(allow_origins=PARTNER)(view())))
    app.add_url_rule("/partial", "partial", functools.partial(cors(allow_origins=PARTNER)(view())))
    app.add_url_rule("/above", "above", above_the_route)
    app.add_url_rule("/thing", "thing", Thing.as_view("thing"))
    app.add_url_rule("/kept", "kept", kept(cors(allow_origins=PARTNER)(view())))
    CORSGate(app, allow_origins=APP)
    assert check(app) == [HIDDEN.format(name) for name in ("hidden", "partial", "above", "thing")]


def test_looking_for_hidden_marks_ends() -> None:
    def around() -> str:
        return later() + endless()

    def endless() -> str:
        return around()

    app = new_app()
    app.add_url_rule("/around", "around", around)
    CORSGate(app, allow_origins=APP)
    assert check(app) == []

    def later() -> str:
        return ""


LOOPBACK = (
    "{}: {} development {}: for a visitor that is whatever program runs on their own"
    " computer. Leave such addresses out where debug mode is off. [loopback-origin]"
)
INSECURE = (
    "{}: Whoever is on the network can change a page that comes over http: {}."
    " Write https://, or accept it with dangerously_allow=['insecure-origin']. [http-origin]"
)
DEVELOPMENT = [
    *("http://localhost:*", "http://127.0.0.1:3000", "https://dev.localhost", "http://[::1]:5173"),
    "http://127.0.0.2",
]


def test_origins_of_development_are_found_where_debug_mode_is_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = new_app()
    app.add_url_rule("/a", "a", cors(max_age=5)(view()))
    app.add_url_rule("/b", "b", cors(allow_origins="http://localhost:1")(view()))
    CORSGate(
        app,
        allow_origins=[APP, "tauri://localhost", *DEVELOPMENT],
        paths={
            "/x": {"allow_origins": ["http://intranet", "http://*.lan"]},
            "/y": {"allow_origins": "http://known.example", "dangerously_allow": "insecure-origin"},
            "/z": by_tenant,
        },
    )
    some = "'http://127.0.0.1:3000', 'http://127.0.0.2', 'http://[::1]:5173' and 2 more"
    assert check(app) == [
        LOOPBACK.format("allow_origins", f"{some} are", "addresses"),
        INSECURE.format("paths['/x']", "'http://*.lan' and 'http://intranet'"),
        LOOPBACK.format("view 'b'", "'http://localhost:1' is a", "address"),
    ]
    monkeypatch.setenv("FLASK_DEBUG", "1")
    assert check(app) == []


def cookie_checks(*origins: str, **config: Any) -> list[str]:
    app = new_app(**{"SECRET_KEY": "s", **config})
    CORSGate(app, allow_origins=origins, allow_credentials=True, dangerously_allow="null-origin")
    return check(app)


ANOTHER_SITE = (
    "SESSION_COOKIE_SAMESITE: {} keeps the session cookie off requests from another site: {}. Write"
    " 'None' there, and True for SESSION_COOKIE_SECURE; or set allow_credentials=False."
    " [cookie-same-site]"
)
PERHAPS = (
    "note: SESSION_COOKIE_SAMESITE: With {} browsers send the session cookie within one site only,"
    " and whether these pages are on the site of this server is not known: {}. If one is not, write"
    " 'None' there, and True for SESSION_COOKIE_SECURE."
    " [cookie-site-unknown]"
)
UNSET = "None, which Chrome takes for 'Lax',"


@pytest.mark.parametrize(
    ("config", "origins", "found"),
    [
        ({"SERVER_NAME": "api.example.com:8000"}, [APP], None),
        ({"SERVER_NAME": "api.example.com"}, ["https://*.example.com"], None),
        ({"SERVER_NAME": "api.example.com"}, ["https://pr-*.example.com"], None),
        ({"SERVER_NAME": "api.example.com"}, [PARTNER, APP], (ANOTHER_SITE, UNSET, PARTNER)),
        (
            {"SERVER_NAME": "a.github.io"},
            ["https://b.github.io"],
            (ANOTHER_SITE, UNSET, "https://b.github.io"),
        ),
        (
            {"SERVER_NAME": "192.0.2.1"},
            ["https://198.51.2.1"],
            (ANOTHER_SITE, UNSET, "https://198.51.2.1"),
        ),
        ({"SERVER_NAME": "[2001:db8::1]"}, ["https://[2001:db8::1]:8443"], None),
        ({"SERVER_NAME": "api.example.com"}, ["null"], (ANOTHER_SITE, UNSET, "null")),
        (
            {"SERVER_NAME": "localhost"},
            ["tauri://localhost"],
            (ANOTHER_SITE, UNSET, "tauri://localhost"),
        ),
        ({"SESSION_COOKIE_DOMAIN": ".example.com"}, [PARTNER], (ANOTHER_SITE, UNSET, PARTNER)),
        (
            {"TRUSTED_HOSTS": [".example.com"], "SESSION_COOKIE_SAMESITE": "Strict"},
            [PARTNER],
            (ANOTHER_SITE, "'Strict'", PARTNER),
        ),
        ({}, [APP], (PERHAPS, UNSET, APP)),
        ({"SESSION_COOKIE_SAMESITE": "Lax"}, [APP], (PERHAPS, "'Lax'", APP)),
        ({"SECRET_KEY": None}, [APP], None),
        ({"SESSION_COOKIE_SAMESITE": "None", "SESSION_COOKIE_SECURE": True}, [PARTNER], None),
    ],
)
def test_a_session_cookie_that_stays_behind_is_found(
    config: dict[str, Any], origins: list[str], found: tuple[str, str, str] | None
) -> None:
    told = [found[0].format(found[1], repr(found[2]))] if found else []
    assert cookie_checks(*origins, **config) == told


def test_a_cookie_that_browsers_throw_away_is_found() -> None:
    config = {"SERVER_NAME": "api.example.com", "SESSION_COOKIE_SAMESITE": "None"}
    assert cookie_checks(PARTNER, **config) == [
        (
            "SESSION_COOKIE_SECURE: It is off, and browsers throw away a cookie with SameSite=None"
            " that is not Secure. Write True. [cookie-not-secure]"
        )
    ]


def test_the_session_cookie_is_nobodys_business_without_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = new_app(SECRET_KEY="s", SERVER_NAME="api.example.com")
    CORSGate(app, allow_origins=[PARTNER])
    assert check(app) == []
    # Nor is it known what the application's own pages are, but hardly those of another machine.
    monkeypatch.setenv("FLASK_DEBUG", "1")
    assert cookie_checks("http://localhost:3000") == []


# ------------------------------------------------------------------ a gate that a policy puts out


def left_out(name: str, gate: str = "enforce") -> str:
    return (
        f'note: view {name!r}: It has a policy of its own without a gate, so the gate="{gate}"'
        f' around it does not hold there. Write gate="{gate}" in it; or give options instead of a'
        ' Policy, which inherit the gate, and where gate="off" says that it is meant.'
        " [gate-not-inherited]"
    )


ALONE = Policy(allow_origins=PARTNER)


MARKS: dict[str, tuple[Any, bool]] = {
    "policy": (cors(ALONE), True),
    "by keyword": (cors(policy=ALONE), True),
    "with a gate": (cors(ALONE.replace(gate="enforce")), False),
    "options": (cors(allow_origins=PARTNER), False),
    "options that say so": (cors(gate="off", allow_origins=PARTNER), False),
    "none": (cors(None), False),
    "source": (cors(policy=by_tenant), False),
}


@pytest.mark.parametrize(("mark", "lost"), MARKS.values(), ids=MARKS)
@pytest.mark.parametrize("gate", ["enforce", "report", "off"])
def test_a_policy_that_puts_out_the_gate_of_the_application(
    mark: Any, lost: bool, gate: Any
) -> None:
    app = new_app()
    app.add_url_rule("/hook", "hook", mark(view()), methods=["POST"])
    CORSGate(app, allow_origins=APP, gate=gate)
    assert check(app) == ([left_out("hook", gate)] if lost and gate != "off" else [])


def test_a_policy_that_puts_out_the_gate_of_a_blueprint_or_class() -> None:
    app = new_app()
    outer, inner, plain = (Blueprint(name, name) for name in ("outer", "inner", "plain"))
    inner.add_url_rule("/twice", "twice", cors(ALONE)(view()))
    inner.add_url_rule("/mild", "mild", cors(max_age=60)(view()))
    inner.add_url_rule("/said", "said", cors(gate="off")(view()))
    inner.add_url_rule("/again", "again", cors(ALONE.replace(gate="report"))(view()))
    outer.register_blueprint(cors(ALONE)(inner))
    app.register_blueprint(cors(gate="enforce")(outer))

    class Notes(MethodView):
        @cors(ALONE)
        def post(self) -> str:
            return "made"

    app.add_url_rule("/notes", view_func=cors(gate="report")(Notes.as_view("notes")))
    plain.add_url_rule("/open", "open", cors(ALONE)(view()))
    app.register_blueprint(plain)
    CORSGate(app, allow_origins=APP)
    assert check(app) == [
        left_out("outer.inner.twice"),
        left_out("outer.inner.mild"),
        left_out("notes", "report"),
    ]
