"""What a type checker concludes about the three front ends. Checked, never run."""

from collections.abc import Iterable, Mapping
from typing import Any, assert_type
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View
from flask import Blueprint, Flask
from flask.views import MethodView

from corsgate import Policy
from corsgate.django import CORSMiddleware as DjangoMiddleware
from corsgate.django import cors as django_cors
from corsgate.flask import CORSGate
from corsgate.flask import cors as flask_cors
from corsgate.policy import PolicyOptions
from corsgate.wsgi import CORSMiddleware, Paths


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return []


def policy_of_tenant(environ: Mapping[str, Any]) -> Policy | None:
    return Policy(allow_origins=f"https://{environ['HTTP_HOST']}")


# WSGI: the wrapper is an application again, so wrappers nest and servers take it.
wrapped: WSGIApplication = CORSMiddleware(application, allow_origins="*")
CORSMiddleware(wrapped, Policy(allow_origins="*"))
CORSMiddleware(wrapped, None, paths={"/api/*": {"allow_origins": "*"}, "/health": None})
CORSMiddleware(wrapped, policy_of_tenant, paths=[("/public/*", Policy())])
CORSMiddleware(application, allow_origin="*")  # type: ignore[call-arg]
CORSMiddleware(application, max_age="600")  # type: ignore[arg-type]
CORSMiddleware()  # type: ignore[call-arg]
CORSMiddleware(application, allow_origins="*").reconfigure(max_age=60)
CORSMiddleware(application, allow_origins="*").reconfigure(max_ages=60)  # type: ignore[call-arg]

# Flask: a decorated view keeps its type.
app = Flask(__name__)
CORSGate(app, allow_origins=["https://app.example.com"], allow_credentials=True)
assert_type(CORSGate(policy=policy_of_tenant).init_app(app), None)
CORSGate(app, origins="*")  # type: ignore[call-arg]
CORSGate(app, path={})  # type: ignore[call-arg]


@flask_cors(allow_origins="*", max_age=60)
def flask_view(number: int) -> str:
    return str(number)


assert_type(flask_view(1), str)
assert_type(flask_cors(None)(Blueprint("api", __name__)), Blueprint)
flask_cors(Policy())
flask_cors(policy=policy_of_tenant)
flask_cors(allow_origin="*")  # type: ignore[call-arg]


@flask_cors(allow_origins="*")
class FlaskView(MethodView):
    """A class keeps its type too."""


assert_type(FlaskView(), FlaskView)


flask_options: PolicyOptions = {"allow_origins": "*", "max_age": 60}
CORSGate(app, **flask_options)
paths: Paths = {"/api/*": flask_options, "/health": None}
CORSGate(app, paths=paths)


# Django: as Flask, and what `include` gives may be decorated.
@django_cors(allow_origins="*")
def django_view(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse(str(number))


@django_cors(Policy())
async def async_django_view(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


@method_decorator(django_cors(policy=None), name="dispatch")
class DjangoView(View):
    """A class-based view."""


assert_type(django_view(HttpRequest(), 1), HttpResponse)
DjangoMiddleware(django_view)  # type: ignore[arg-type]
urlpatterns = [
    path("<int:number>", django_view),
    path("async", async_django_view),
    path("class", django_cors(allow_timing=True)(DjangoView.as_view())),
    path("api/", django_cors(max_age=60)(include("project.api"))),
]
