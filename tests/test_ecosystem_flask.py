"""The packages that people write and guard a Flask API with, as they are released."""

# These packages have no types.
# mypy: allow-untyped-decorators, allow-subclassing-any

import base64
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import flask_login
import pytest
from answers import (
    APP,
    DENIED,
    NOTHING,
    PARTNER,
    REFUSED,
    asking,
    asking_for,
    goes_on,
    readable_by,
)
from apiflask import APIBlueprint, APIFlask, HTTPTokenAuth, Schema, fields
from flask import Blueprint, Flask, redirect, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView
from flask_httpauth import HTTPBasicAuth
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    jwt_required,
    verify_jwt_in_request,
)
from flask_login import LoginManager, UserMixin, login_user
from flask_restx import Api, Namespace, Resource
from flask_restx import fields as restx_fields
from flask_wtf.csrf import CSRFProtect, generate_csrf
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from wsgi_client import Answer, call

from corsgate.flask import CORSGate, cors
from corsgate.wsgi import CORSMiddleware

SHOP = "https://shop.example.net"


def make_app() -> Flask:
    app = Flask(__name__)
    app.secret_key = "a secret of the tests, which is long enough for a signature"
    app.logger.disabled = True  # the tests make it fail on purpose
    return app


def sent_cookies(answer: Answer) -> dict[str, str]:
    """The headers that send back the cookies of an answer."""
    pairs = [value.partition(";")[0] for value in answer.values("Set-Cookie")]
    return {"Cookie": "; ".join(pairs)}


# ------------------------------------------------------------------ Flask-RESTX


class Notes:
    """The notes of an API, and what was done to them."""

    def __init__(self) -> None:
        self.done: list[str] = []


def restx_app(register: Callable[[Flask, Blueprint], object], notes: Notes) -> Flask:
    app = make_app()
    blueprint = Blueprint("v1", __name__, url_prefix="/v1")
    api = Api(blueprint)
    names: Any = Namespace("notes", path="/notes")
    model = names.model("Note", {"text": restx_fields.String(required=True)})

    @names.route("/<int:number>")
    class Note(Resource):
        @names.marshal_with(model)
        def get(self, number: int) -> dict[str, str]:
            notes.done.append("get")
            if number == 9:
                api.abort(404, "no such note")
            if number == 500:
                raise ZeroDivisionError
            return {"text": "Call Ada", "secret": "not in the model"}

        @names.expect(model, validate=True)
        @cors(allow_origins=PARTNER, allow_credentials=True)
        @names.marshal_with(model, code=201)
        def put(self, number: int) -> tuple[dict[str, str], int]:
            notes.done.append("put")
            return api.payload, 201

    @names.route("/all")
    @cors(allow_origins="*", expose_headers="X-Total-Count")
    class Everything(Resource):
        def get(self) -> tuple[list[str], int, dict[str, str]]:
            return [], 200, {"X-Total-Count": "0"}

    api.add_namespace(names)
    register(app, blueprint)
    return app


def gate_first(app: Flask, blueprint: Blueprint) -> None:
    CORSGate(app, allow_origins=APP)
    app.register_blueprint(blueprint)


def gate_last(app: Flask, blueprint: Blueprint) -> None:
    app.register_blueprint(blueprint)
    CORSGate(app, allow_origins=APP)


@pytest.fixture(params=[gate_first, gate_last], ids=["gate first", "gate last"])
def restx(request: pytest.FixtureRequest) -> Flask:
    return restx_app(request.param, Notes())


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/v1/notes/1", 200, id="a resource"),
        pytest.param("/v1/notes/9", 404, id="its api.abort()"),
        pytest.param("/v1/notes/500", 500, id="an exception in it"),
        pytest.param("/v1/notes/none", 404, id="no resource"),
        pytest.param("/v1/swagger.json", 200, id="the specification"),
    ],
)
def test_every_answer_of_restx_can_be_read(restx: Flask, path: str, status: int) -> None:
    answer = call(restx, "GET", path, asking())
    assert (answer.status, answer.cors) == (status, readable_by(APP))
    assert call(restx, "GET", path, asking(SHOP)).cors == DENIED


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b'{"text": "Call Ada"}', 201, id="accepted"),
        pytest.param(b"{}", 400, id="refused by @expect"),
        pytest.param(b"", 415, id="no body"),
    ],
)
def test_a_method_of_a_resource_has_the_policy_between_its_decorators(
    restx: Flask, body: bytes, status: int
) -> None:
    headers = asking(PARTNER) | ({"Content-Type": "application/json"} if body else {})
    answer = call(restx, "PUT", "/v1/notes/1", headers, body=body)
    assert answer.status == status
    assert answer.cors == readable_by(PARTNER, Access_Control_Allow_Credentials="true")
    assert call(restx, "PUT", "/v1/notes/1", headers | asking(), body=body).cors == DENIED


def test_a_preflight_is_judged_by_the_method_of_the_resource() -> None:
    notes = Notes()
    app = restx_app(gate_last, notes)
    path = "/v1/notes/1"
    put = call(app, "OPTIONS", path, asking_for("PUT", PARTNER))
    assert put.status == 204
    assert put.cors == goes_on(PARTNER, Access_Control_Allow_Credentials="true", max_age="0")
    get = call(app, "OPTIONS", path, asking_for("GET"))
    assert (get.status, get.cors) == (204, goes_on(APP, max_age="0"))
    for method, value in (("GET", PARTNER), ("PUT", APP)):
        refused = call(app, "OPTIONS", path, asking_for(method, value))
        assert (refused.status, refused.cors) == (403, REFUSED)
    assert notes.done == []


def test_a_resource_class_has_a_policy_of_its_own(restx: Flask) -> None:
    answer = call(restx, "GET", "/v1/notes/all", asking(SHOP))
    assert answer.status == 200
    assert answer.cors == {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": frozenset({"x-total-count"}),
    }
    preflight = call(restx, "OPTIONS", "/v1/notes/all", asking_for("GET", SHOP))
    assert (preflight.status, preflight.cors) == (204, goes_on("*"))


def test_what_restx_itself_does_is_not_disturbed(restx: Flask) -> None:
    note = call(restx, "GET", "/v1/notes/1", asking())
    assert json.loads(note.body) == {"text": "Call Ada"}
    plain = call(restx, "OPTIONS", "/v1/notes/1", asking())
    assert (plain.status, plain.cors) == (200, readable_by(APP))
    assert set(plain.values("Allow")[0].split(", ")) == {"GET", "HEAD", "OPTIONS", "PUT"}


def test_a_policy_on_the_blueprint_of_restx_holds_for_all_of_the_api() -> None:
    def register(app: Flask, blueprint: Blueprint) -> None:
        cors(allow_origins=SHOP)(blueprint)
        gate_last(app, blueprint)

    app = restx_app(register, Notes())
    for path, status in (("/v1/notes/1", 200), ("/v1/notes/9", 404), ("/v1/swagger.json", 200)):
        answer = call(app, "GET", path, asking(SHOP))
        assert (answer.status, answer.cors) == (status, readable_by(SHOP))
        assert call(app, "GET", path, asking()).cors == DENIED


def test_a_policy_in_the_decorators_of_an_api_holds_for_its_resources() -> None:
    app = make_app()
    api = Api(app, decorators=[cors(allow_origins=PARTNER)])

    @api.route("/note")
    class Note(Resource):
        def get(self) -> dict[str, str]:
            return {}

    CORSGate(app, allow_origins=APP)
    assert call(app, "GET", "/note", asking(PARTNER)).cors == readable_by(PARTNER)
    assert call(app, "OPTIONS", "/note", asking_for("GET", PARTNER)).cors == goes_on(PARTNER)
    assert call(app, "GET", "/note", asking()).cors == DENIED


def plain_wrapper(method: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: method(*args, **kwargs)


@pytest.mark.parametrize(
    "members",
    [
        pytest.param(
            {"get": plain_wrapper(cors(allow_origins=PARTNER)(lambda self: {}))},
            id="below a plain wrapper",
        ),
        # RESTX calls these for each request, around the method of the object.
        pytest.param(
            {"get": lambda self: {}, "method_decorators": [cors(allow_origins=PARTNER)]},
            id="in method_decorators",
        ),
    ],
)
def test_a_policy_that_restx_hides_is_an_error_that_names_the_resource(
    members: dict[str, Any],
) -> None:
    app = make_app()
    app.testing = True
    Api(app).add_resource(type("Note", (Resource,), members), "/note")
    CORSGate(app, allow_origins=APP)
    with pytest.raises(
        RuntimeError, match=r"endpoint 'note' at '/note' is hidden .* or on the class"
    ):
        call(app, "GET", "/note", asking(PARTNER))


@pytest.mark.parametrize("target", [Namespace("notes"), Api()], ids=["a namespace", "an Api"])
def test_cors_on_what_is_no_view_is_an_error_that_says_what_to_write(target: Any) -> None:
    with pytest.raises(TypeError, match="blueprint"):
        cors(allow_origins=APP)(target)


# ------------------------------------------------------------------ APIFlask


class NoteIn(Schema):
    text = fields.String(required=True)


def apiflask_app() -> APIFlask:
    app = APIFlask(__name__)
    app.logger.disabled = True
    auth = HTTPTokenAuth()

    @auth.verify_token
    def verify(token: str) -> str | None:
        return "ada" if token == "right" else None

    @app.get("/notes")
    def notes() -> list[str]:
        return ["Call Ada"]

    @app.post("/notes")
    @cors(allow_origins=PARTNER)
    @app.input(NoteIn)
    @app.output(NoteIn, status_code=201)
    def add(json_data: dict[str, str]) -> dict[str, str]:
        return json_data

    @app.delete("/notes")
    @app.auth_required(auth)
    @cors(allow_origins=SHOP)
    @app.output({}, status_code=204)
    def clear() -> str:
        return ""

    inner = APIBlueprint("inner", __name__, url_prefix="/inner")
    cors(allow_origins=[PARTNER, SHOP])(inner)

    route: Any = inner.route  # its type is that of Flask's, which takes no class

    @route("/thing")
    class Thing(MethodView):
        @inner.input(NoteIn)
        def put(self, json_data: dict[str, str]) -> dict[str, str]:
            return json_data

        @cors(allow_origins=APP)
        def get(self) -> dict[str, str]:
            return {}

    CORSGate(app, allow_origins=APP)
    app.register_blueprint(inner)
    return app


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "who"),
    [
        pytest.param("GET", "/notes", b"", 200, APP, id="a view"),
        pytest.param("POST", "/notes", b'{"text": "a"}', 201, PARTNER, id="input and output"),
        pytest.param("POST", "/notes", b"{}", 422, PARTNER, id="refused by @input"),
        pytest.param("POST", "/notes", b"no JSON", 400, PARTNER, id="no JSON"),
        pytest.param("DELETE", "/notes", b"", 401, SHOP, id="refused by @auth_required"),
        pytest.param("PUT", "/inner/thing", b'{"text": "a"}', 200, PARTNER, id="a blueprint"),
        pytest.param("PUT", "/inner/thing", b"{}", 422, SHOP, id="refused in a blueprint"),
        pytest.param("GET", "/inner/thing", b"", 200, APP, id="a method of a MethodView"),
        pytest.param("PATCH", "/inner/nothing", b"", 404, APP, id="no view"),
        pytest.param("GET", "/openapi.json", b"", 200, APP, id="the specification"),
        pytest.param("GET", "/docs", b"", 200, APP, id="its page"),
    ],
)
def test_every_answer_of_apiflask_has_its_routes_policy(
    method: str, path: str, body: bytes, status: int, who: str
) -> None:
    app = apiflask_app()
    answer = call(app, method, path, asking(who) | JSON, body=body)
    assert (answer.status, answer.cors) == (status, readable_by(who))
    [other] = {APP, SHOP} - {who} if who != PARTNER else {APP}
    assert call(app, method, path, asking(other) | JSON, body=body).cors == DENIED


@pytest.mark.parametrize(
    ("method", "path", "who"),
    [
        pytest.param("GET", "/notes", APP, id="a view"),
        pytest.param("POST", "/notes", PARTNER, id="its input is checked"),
        pytest.param("DELETE", "/notes", SHOP, id="it needs a token"),
        pytest.param("PUT", "/inner/thing", PARTNER, id="a blueprint"),
        pytest.param("GET", "/inner/thing", APP, id="a method of a MethodView"),
    ],
)
def test_preflights_pass_before_apiflask_checks_anything(method: str, path: str, who: str) -> None:
    app = apiflask_app()
    answer = call(app, "OPTIONS", path, asking_for(method, who))
    assert (answer.status, answer.cors) == (204, goes_on(who, max_age="0"))
    [other] = {APP, SHOP} - {who} if who != PARTNER else {APP}
    refused = call(app, "OPTIONS", path, asking_for(method, other))
    assert (refused.status, refused.cors) == (403, REFUSED)


def test_apiflask_documents_a_view_whose_decorators_have_cors_between() -> None:
    spec: Any = apiflask_app().spec
    operation = spec["paths"]["/notes"]
    body = operation["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/NoteIn"}
    assert "201" in operation["post"]["responses"]
    assert "401" in operation["delete"]["responses"]


# ------------------------------------------------------------------ Flask-Login


class User(UserMixin):
    id = "ada"


def login_app(
    *, view: str | None = None, everywhere: bool = False
) -> tuple[Flask, list[str], list[str]]:
    """The application, the requests that it asked a user of, and the views that ran."""
    app = make_app()
    manager = LoginManager(app)
    manager.login_view = view
    asked: list[str] = []
    ran: list[str] = []

    @manager.request_loader
    def load(request: Any) -> User | None:
        asked.append(request.method)
        return User() if request.headers.get("X-Key") == "right" else None

    manager.user_loader(lambda _: User())
    if everywhere:

        @app.before_request
        def only_for_users() -> ResponseReturnValue | None:
            if request.endpoint == "login" or flask_login.current_user.is_authenticated:
                return None
            refusal: ResponseReturnValue = manager.unauthorized()
            return refusal

    @app.put("/notes")
    @flask_login.login_required
    def put() -> str:
        ran.append("put")
        return "saved"

    @app.delete("/notes")
    @flask_login.login_required
    @cors(allow_origins=PARTNER, allow_credentials=True)
    def delete() -> str:
        ran.append("delete")
        return "gone"

    @app.post("/login")
    @cors(allow_origins=[APP, PARTNER], allow_credentials=True)
    def login() -> str:
        login_user(User())
        return "welcome"

    CORSGate(app, allow_origins=APP, allow_credentials=True)
    return app, asked, ran


WITH_COOKIES = {"Access_Control_Allow_Credentials": "true"}
each_method = pytest.mark.parametrize(
    ("method", "who"),
    [("PUT", APP), ("DELETE", PARTNER)],
    ids=["the application's policy", "the view's policy"],
)
each_hook = pytest.mark.parametrize("everywhere", [False, True], ids=["decorator", "hook"])


@each_hook
def test_a_preflight_needs_no_login(everywhere: bool) -> None:
    app, asked, ran = login_app(everywhere=everywhere)
    for method, who in (("PUT", APP), ("DELETE", PARTNER)):
        answer = call(app, "OPTIONS", "/notes", asking_for(method, who))
        assert (answer.status, answer.cors) == (204, goes_on(who, max_age="0", **WITH_COOKIES))
    assert call(app, "OPTIONS", "/notes", asking_for("DELETE", APP)).status == 403
    assert (asked, ran) == ([], [])


@each_hook
@pytest.mark.parametrize(
    ("view", "status"), [(None, 401), ("login", 302)], ids=["a 401", "a redirect"]
)
@each_method
def test_the_page_can_read_that_a_login_is_missing(
    everywhere: bool, view: str | None, status: int, method: str, who: str
) -> None:
    app, _, ran = login_app(view=view, everywhere=everywhere)
    answer = call(app, method, "/notes", asking(who))
    assert answer.status == status
    assert answer.cors == with_cookie(readable_by(who, **WITH_COOKIES), answer)
    assert ran == []


def with_cookie(expected: dict[str, object], answer: Answer) -> dict[str, object]:
    """`expected`, where the session was used: Flask then sends `Vary: Cookie`."""
    assert isinstance(expected["vary"], frozenset)
    assert "cookie" in str(answer.values("Vary")).lower()
    return {**expected, "vary": expected["vary"] | {"cookie"}}


@each_hook
def test_the_page_gets_its_answer_once_it_has_logged_in(everywhere: bool) -> None:
    app, _, ran = login_app(everywhere=everywhere)
    welcome = call(app, "POST", "/login", asking(PARTNER))
    assert welcome.status == 200
    assert welcome.cors == with_cookie(readable_by(PARTNER, **WITH_COOKIES), welcome)
    answer = call(app, "DELETE", "/notes", asking(PARTNER) | sent_cookies(welcome))
    assert (answer.status, answer.body) == (200, b"gone")
    assert answer.cors == with_cookie(readable_by(PARTNER, **WITH_COOKIES), answer)
    assert ran == ["delete"]


# ------------------------------------------------------------------ Flask-JWT-Extended


def jwt_app(*, everywhere: bool) -> Flask:
    app = make_app()
    app.config["JWT_SECRET_KEY"] = app.secret_key
    JWTManager(app)
    needs_token = (lambda view: view) if everywhere else jwt_required()
    if everywhere:
        app.before_request(lambda: verify_jwt_in_request() and None)

    @app.put("/notes")
    @needs_token
    def put() -> str:
        return "saved"

    @app.delete("/notes")
    @cors(allow_origins=PARTNER)
    @needs_token
    def delete() -> str:
        return "gone"

    CORSGate(app, allow_origins=APP)
    return app


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@each_hook
def test_a_preflight_needs_no_token(everywhere: bool) -> None:
    app = jwt_app(everywhere=everywhere)
    for method, who in (("PUT", APP), ("DELETE", PARTNER)):
        answer = call(app, "OPTIONS", "/notes", asking_for(method, who))
        assert (answer.status, answer.cors) == (204, goes_on(who, max_age="0"))


@each_hook
@pytest.mark.parametrize(
    ("life", "status"),
    [
        pytest.param(timedelta(hours=1), 200, id="a good token"),
        pytest.param(timedelta(hours=-1), 401, id="one that is over"),
        pytest.param(None, 401, id="none"),
    ],
)
def test_the_page_can_read_what_is_wrong_with_its_token(
    everywhere: bool, life: timedelta | None, status: int
) -> None:
    app = jwt_app(everywhere=everywhere)
    with app.app_context():
        sent = {} if life is None else bearer(create_access_token("ada", expires_delta=life))
    for method, who in (("PUT", APP), ("DELETE", PARTNER)):
        answer = call(app, method, "/notes", asking(who) | sent)
        assert (answer.status, answer.cors) == (status, readable_by(who))


@each_hook
def test_the_page_can_read_that_its_token_is_garbage(everywhere: bool) -> None:
    answer = call(jwt_app(everywhere=everywhere), "PUT", "/notes", asking() | bearer("no-token"))
    assert (answer.status, answer.cors) == (422, readable_by(APP))


# ------------------------------------------------------------------ Flask-HTTPAuth


def httpauth_app(*, everywhere: bool) -> Flask:
    app = make_app()
    auth = HTTPBasicAuth()
    auth.verify_password(lambda name, password: name if password == "right" else None)
    auth.get_user_roles(lambda _: "reader")
    needs = (lambda role: lambda view: view) if everywhere else auth.login_required
    if everywhere:
        app.before_request(auth.login_required(lambda: None))

    @app.put("/notes")
    @needs(role="reader")
    @cors(allow_origins=PARTNER, expose_headers="WWW-Authenticate")
    def put() -> str:
        return "saved"

    @app.delete("/notes")
    @cors(allow_origins=SHOP)
    @needs(role="reader")
    def delete() -> str:
        return "gone"

    @app.get("/notes")
    @auth.login_required(role="writer")
    def get() -> str:
        raise AssertionError

    CORSGate(app, allow_origins=APP)
    return app


def password(word: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'ada:{word}'.encode()).decode()}"}


@each_hook
def test_a_preflight_needs_no_password(everywhere: bool) -> None:
    app = httpauth_app(everywhere=everywhere)
    for method, who in (("PUT", PARTNER), ("DELETE", SHOP), ("GET", APP)):
        answer = call(app, "OPTIONS", "/notes", asking_for(method, who))
        assert (answer.status, answer.cors) == (204, goes_on(who, max_age="0"))


@each_hook
@pytest.mark.parametrize(
    ("sent", "status"),
    [({}, 401), (password("wrong"), 401), (password("right"), 200)],
    ids=["none", "a wrong one", "the right one"],
)
def test_the_page_can_read_that_a_password_is_needed(
    everywhere: bool, sent: dict[str, str], status: int
) -> None:
    app = httpauth_app(everywhere=everywhere)
    exposed = {"Access_Control_Expose_Headers": "WWW-Authenticate"}
    put = call(app, "PUT", "/notes", asking(PARTNER) | sent)
    assert (put.status, put.cors) == (status, readable_by(PARTNER, **exposed))
    assert ("Basic" in str(put.values("WWW-Authenticate"))) is (status == 401)
    delete = call(app, "DELETE", "/notes", asking(SHOP) | sent)
    assert (delete.status, delete.cors) == (status, readable_by(SHOP))


@each_hook
def test_the_page_can_read_that_a_role_is_missing(everywhere: bool) -> None:
    app = httpauth_app(everywhere=everywhere)
    answer = call(app, "GET", "/notes", asking() | password("right"))
    assert (answer.status, answer.cors) == (403, readable_by(APP))


# ------------------------------------------------------------------ Flask-WTF


def csrf_app() -> Flask:
    app = make_app()
    protect = CSRFProtect(app)

    @app.get("/token")
    def token() -> str:
        value: str = generate_csrf()
        return value

    @app.post("/notes")
    def add() -> str:
        return "saved"

    @app.put("/notes")
    @cors(allow_origins=PARTNER, allow_credentials=True)
    def replace() -> str:
        return "replaced"

    @app.post("/hook")
    @protect.exempt
    @cors(allow_origins=PARTNER)
    def hook() -> str:
        return "thanks"

    @app.post("/other-hook")
    @cors(allow_origins=PARTNER)
    @protect.exempt
    def other_hook() -> str:
        return "thanks"

    CORSGate(app, allow_origins=APP, allow_credentials=True, allow_headers="X-CSRFToken")
    return app


@pytest.mark.parametrize(
    ("method", "who"),
    [("POST", APP), ("PUT", PARTNER)],
    ids=["the application's policy", "the view's policy"],
)
def test_a_preflight_needs_no_csrf_token(method: str, who: str) -> None:
    answer = call(csrf_app(), "OPTIONS", "/notes", asking_for(method, who))
    assert answer.status == 204
    assert answer.cors == goes_on(
        who, max_age="0", Access_Control_Allow_Headers="X-CSRFToken", **WITH_COOKIES
    )


@pytest.mark.parametrize(
    ("method", "who"),
    [("POST", APP), ("PUT", PARTNER)],
    ids=["the application's policy", "the view's policy"],
)
def test_the_page_can_read_that_its_csrf_token_is_missing(method: str, who: str) -> None:
    answer = call(csrf_app(), method, "/notes", asking(who))
    assert answer.status == 400
    assert b"CSRF token is missing" in answer.body
    assert answer.cors == readable_by(who, **WITH_COOKIES)


def test_the_page_can_send_the_csrf_token_that_it_was_given() -> None:
    app = csrf_app()
    given = call(app, "GET", "/token", asking())
    assert given.cors == with_cookie(readable_by(APP, **WITH_COOKIES), given)
    sent = sent_cookies(given) | {"X-CSRFToken": given.body.decode()}
    answer = call(app, "POST", "/notes", asking() | sent)
    assert (answer.status, answer.body) == (200, b"saved")
    assert answer.cors == with_cookie(readable_by(APP, **WITH_COOKIES), answer)


@pytest.mark.parametrize("path", ["/hook", "/other-hook"], ids=["above", "below"])
def test_a_view_can_be_exempt_from_csrf_above_and_below_cors(path: str) -> None:
    answer = call(csrf_app(), "POST", path, asking(PARTNER))
    assert (answer.status, answer.body) == (200, b"thanks")
    assert answer.cors == readable_by(PARTNER, **WITH_COOKIES)


# ------------------------------------------------------------------ a redirect to https


def https_app() -> Flask:
    app = make_app()

    @app.before_request
    def force_https() -> ResponseReturnValue | None:
        if request.is_secure:
            return None
        return redirect(re.sub("^http:", "https:", request.url), 308)

    @app.put("/notes")
    @cors(allow_origins=PARTNER)
    def put() -> str:
        return "saved"

    CORSGate(app, allow_origins=APP)
    return app


def test_a_preflight_is_not_sent_on_to_https() -> None:
    answer = call(https_app(), "OPTIONS", "/notes", asking_for("PUT", PARTNER))
    assert (answer.status, answer.cors) == (204, goes_on(PARTNER))


def test_the_redirect_to_https_has_the_headers_of_the_route() -> None:
    app = https_app()
    answer = call(app, "PUT", "/notes?a=1", asking(PARTNER))
    assert (answer.status, answer.cors) == (308, readable_by(PARTNER))
    assert answer.values("Location") == ["https://127.0.0.1/notes?a=1"]
    unknown = call(app, "PUT", "/nothing", asking())
    assert (unknown.status, unknown.cors) == (308, readable_by(APP))


# ------------------------------------------------------------------ ProxyFix

FORWARDED = {
    "X-Forwarded-For": "192.0.2.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "partner.example.net",
    "X-Forwarded-Prefix": "/mounted",
}


def fix_proxy(app: Flask) -> None:
    app.wsgi_app = ProxyFix(  # type: ignore[method-assign]
        app.wsgi_app, x_for=1, x_proto=1, x_host=1, x_prefix=1
    )


def add_gate(app: Flask) -> None:
    CORSGate(
        app,
        allow_origins=APP,
        paths={"/api/*": {"allow_origins": PARTNER}, "/mounted/*": {"allow_origins": SHOP}},
    )


each_order = pytest.mark.parametrize(
    "layers", [(fix_proxy, add_gate), (add_gate, fix_proxy)], ids=["gate outside", "gate inside"]
)


def proxied_app(layers: tuple[Callable[[Flask], None], ...], **kwargs: Any) -> Flask:
    app = Flask(__name__, **kwargs)

    @app.put("/api/where")
    def where() -> str:
        return request.url

    @app.put("/marked/", host="partner.example.net" if kwargs else None)
    @cors(allow_origins=SHOP)
    def marked() -> str:
        return request.url

    for add in layers:
        add(app)
    return app


@each_order
def test_the_prefix_of_a_proxy_is_no_part_of_a_path(layers: Any) -> None:
    app = proxied_app(layers)
    answer = call(app, "PUT", "/api/where", asking(PARTNER) | FORWARDED)
    assert answer.body == b"https://partner.example.net/mounted/api/where"
    assert (answer.status, answer.cors) == (200, readable_by(PARTNER))
    preflight = call(app, "OPTIONS", "/api/where", asking_for("PUT", PARTNER) | FORWARDED)
    assert (preflight.status, preflight.cors) == (204, goes_on(PARTNER))


@each_order
@pytest.mark.parametrize("path", ["/marked/", "/marked"], ids=["the path", "without its slash"])
def test_a_preflight_behind_a_proxy_is_judged_by_the_view(layers: Any, path: str) -> None:
    app = proxied_app(layers)
    answer = call(app, "OPTIONS", path, asking_for("PUT", SHOP) | FORWARDED)
    assert (answer.status, answer.cors) == (204, goes_on(SHOP))
    actual = call(app, "PUT", path, asking(SHOP) | FORWARDED)
    assert actual.cors == readable_by(SHOP)


@each_order
def test_a_preflight_behind_a_proxy_finds_the_view_by_the_host_that_was_asked(layers: Any) -> None:
    app = proxied_app(layers, host_matching=True, static_folder=None)
    actual = call(app, "PUT", "/marked/", asking(SHOP) | FORWARDED)
    assert (actual.status, actual.cors) == (200, readable_by(SHOP))
    answer = call(app, "OPTIONS", "/marked/", asking_for("PUT", SHOP) | FORWARDED)
    assert (answer.status, answer.cors) == (204, goes_on(SHOP))


# ------------------------------------------------------------------ mounted applications


def mounted_app(policy: dict[str, Any] | None) -> Flask:
    app = Flask("inner")
    if policy is not None:
        CORSGate(app, **policy)

    @app.put("/things")
    def things() -> str:
        return f"{request.script_root} {request.path}"

    return app


def parent_app(inner: Flask, *, gate_inside: bool) -> Flask:
    app = Flask("parent")

    @app.put("/api/things")
    @cors(allow_origins=PARTNER)
    def things() -> str:
        return "the parent's"

    def mount() -> None:
        mounts: Any = {"/shop": inner}
        app.wsgi_app = DispatcherMiddleware(app.wsgi_app, mounts)  # type: ignore[method-assign]

    if not gate_inside:
        mount()
    CORSGate(app, allow_origins=APP, paths={"/shop/*": None})
    if gate_inside:
        mount()
    return app


each_place = pytest.mark.parametrize("gate_inside", [True, False], ids=["inside", "outside"])


@each_place
def test_a_mounted_application_has_its_own_policies(gate_inside: bool) -> None:
    rules = {"/things": {"allow_origins": SHOP}, "/shop/*": {"allow_origins": APP}}
    inner = mounted_app({"paths": rules})
    app = parent_app(inner, gate_inside=gate_inside)
    answer = call(app, "PUT", "/shop/things", asking(SHOP))
    assert answer.body == b"/shop /things"
    assert (answer.status, answer.cors) == (200, readable_by(SHOP))
    preflight = call(app, "OPTIONS", "/shop/things", asking_for("PUT", SHOP))
    assert (preflight.status, preflight.cors) == (204, goes_on(SHOP))
    assert call(app, "PUT", "/shop/things", asking()).cors == DENIED


@each_place
def test_beside_a_mounted_application_the_parent_keeps_its_own(gate_inside: bool) -> None:
    app = parent_app(mounted_app({"allow_origins": SHOP}), gate_inside=gate_inside)
    answer = call(app, "PUT", "/api/things", asking(PARTNER))
    assert (answer.body, answer.cors) == (b"the parent's", readable_by(PARTNER))
    assert call(app, "PUT", "/nothing", asking()).cors == readable_by(APP)


@each_place
def test_a_mounted_application_without_a_gate_is_left_alone(gate_inside: bool) -> None:
    app = parent_app(mounted_app(None), gate_inside=gate_inside)
    answer = call(app, "PUT", "/shop/things", asking(SHOP))
    assert (answer.status, answer.cors) == (200, NOTHING)


@pytest.mark.parametrize("gated", [True, False], ids=["a gate inside too", "no gate inside"])
def test_a_gate_outside_of_mounted_applications_may_have_a_policy_for_them(gated: bool) -> None:
    inner = mounted_app({"allow_origins": SHOP} if gated else None)
    app = Flask("parent")
    mounts: Any = {"/shop": inner}
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, mounts)  # type: ignore[method-assign]
    CORSGate(app, allow_origins=APP, paths={"/shop/*": {"allow_origins": PARTNER}})
    answer = call(app, "PUT", "/shop/things", asking(PARTNER))
    assert (answer.status, answer.cors) == (200, readable_by(PARTNER))
    assert call(app, "PUT", "/shop/things", asking(SHOP)).cors == DENIED
    preflight = call(app, "OPTIONS", "/shop/things", asking_for("PUT", PARTNER))
    assert (preflight.status, preflight.cors) == (204, goes_on(PARTNER))


def test_a_view_of_the_parent_is_not_taken_for_one_of_the_mounted_application() -> None:
    """Both have /things; the parent's is marked."""
    app = Flask("parent")

    @app.put("/things")
    @cors(allow_origins=SHOP)
    def things() -> str:
        return "the parent's"

    mounts: Any = {"/shop": mounted_app(None)}
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, mounts)  # type: ignore[method-assign]
    CORSGate(app, allow_origins=APP)
    assert call(app, "PUT", "/things", asking(SHOP)).cors == readable_by(SHOP)
    assert call(app, "PUT", "/shop/things", asking()).cors == readable_by(APP)
    assert call(app, "OPTIONS", "/shop/things", asking_for("PUT")).cors == goes_on(APP)
    assert call(app, "PUT", "/shop/nothing", asking()).cors == readable_by(APP)


def test_the_plain_wrapper_goes_around_mounted_applications_too() -> None:
    mounts: Any = {"/shop": mounted_app(None), "/admin": mounted_app(None)}
    dispatcher = DispatcherMiddleware(mounted_app(None), mounts)
    app = CORSMiddleware(
        dispatcher,
        allow_origins=APP,
        paths={"/shop/*": {"allow_origins": PARTNER}, "/admin/*": None},
    )
    shop = call(app, "PUT", "/shop/things", asking(PARTNER))
    assert (shop.body, shop.cors) == (b"/shop /things", readable_by(PARTNER))
    assert call(app, "PUT", "/admin/things", asking()).cors == NOTHING
    root = call(app, "PUT", "/things", asking())
    assert (root.body, root.cors) == (b" /things", readable_by(APP))
