"""Customers who name their own origins, which are in a database: Django's ORM, in one file.

    pip install 'corsgate[django,origins]'
    ADMIN_TOKEN=secret python examples/tenants_django.py    serves it on http://localhost:5000

    curl localhost:5000/origins -H 'Authorization: Bearer secret' -d origin=https://app.acme.example

`asgi_app` is the same for an asynchronous server. There an origin that is known is answered in the
event loop, and the database is asked in a thread.

In a project `known` and `is_known` go to a module of their own, which the settings import. That is
before there are models, so is_known imports its model when it is called.
"""

import os
import sys

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.db import connection, models
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path
from django.views.decorators.http import require_POST

from corsgate import Policy, PolicyError
from corsgate.origins import CachedOrigins


def is_known(origin: str) -> bool:
    return AllowedOrigin.objects.filter(origin=origin).exists()


known = CachedOrigins(is_known, ttl=float(os.environ.get("CORS_TTL", "60")))

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["corsgate.django.CORSMiddleware"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "tenants.sqlite3"}},
    CORS_ALLOW_ORIGINS=known,
)
django.setup()


class AllowedOrigin(models.Model):
    # No origin is longer.
    origin = models.CharField(max_length=327, primary_key=True)  # type: ignore[var-annotated]

    class Meta:
        app_label = "tenants"


def create_table() -> None:
    # A project has migrations for this.
    if AllowedOrigin._meta.db_table not in connection.introspection.table_names():
        with connection.schema_editor() as editor:
            editor.create_model(AllowedOrigin)


async def hello(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"hello": "customer"})


@require_POST
def add_origin(request: HttpRequest) -> HttpResponse:
    token = os.environ.get("ADMIN_TOKEN")
    if token is None or request.headers.get("Authorization") != f"Bearer {token}":
        return HttpResponse(status=403)
    origin = request.POST["origin"]
    try:
        Policy(allow_origins=[origin])
    except PolicyError as error:
        return HttpResponse(str(error), status=400, content_type="text/plain")
    if "*" in origin or origin == "null":  # is_known is asked for whole origins only
        return HttpResponse("Give one origin in full.", status=400, content_type="text/plain")
    AllowedOrigin.objects.update_or_create(origin=origin)
    # At once in this process; in others within the time that CachedOrigins keeps answers.
    known.invalidate(origin)
    return JsonResponse({"added": origin}, status=201)


urlpatterns = [path("", hello), path("origins", add_origin)]

app = get_wsgi_application()
asgi_app = get_asgi_application()

if __name__ == "__main__":
    create_table()
    port = os.environ.get("PORT", "5000")
    execute_from_command_line([sys.argv[0], "runserver", f"localhost:{port}", "--noreload"])
