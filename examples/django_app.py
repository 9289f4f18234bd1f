"""A small JSON API in Django, in one file, that a page on another origin may call.

    python examples/django_app.py       serves it on http://localhost:5000
    python examples/try_it.py django    shows it at work in a browser

CORS_ALLOW_ORIGINS in the environment names the origins it allows, separated by commas.
A project has the same names in its settings module. One with sessions also keeps
CsrfViewMiddleware, and names the page's origin in CSRF_TRUSTED_ORIGINS.
"""

import json
import os
import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from corsgate.django import cors

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=[
        "corsgate.django.CORSMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    CORS_ALLOW_ORIGINS=os.environ.get("CORS_ALLOW_ORIGINS", "http://localhost:8000"),
    CORS_ALLOW_CREDENTIALS=True,
    CORS_EXPOSE_HEADERS=["X-Total-Count"],
)

notes = {"1": "Buy milk"}


@require_http_methods(["GET", "HEAD", "POST"])
def all_notes(request: HttpRequest) -> JsonResponse:
    if request.method == "POST":
        return save(str(len(notes) + 1), request, done=201)
    return JsonResponse(notes, headers={"X-Total-Count": str(len(notes))})


@require_http_methods(["PUT"])
def one_note(request: HttpRequest, number: str) -> JsonResponse:
    if number not in notes:
        return JsonResponse({"error": "not found"}, status=404)
    return save(number, request, done=200)


def save(number: str, request: HttpRequest, done: int) -> JsonResponse:
    try:
        notes[number] = str(json.loads(request.body)["text"])
    except (ValueError, TypeError, KeyError):
        return JsonResponse({"error": 'send {"text": "..."}'}, status=400)
    return JsonResponse({number: notes[number]}, status=done)


@require_POST
def count_visits(request: HttpRequest) -> JsonResponse:
    before = request.COOKIES.get("visits", "")
    visits = int(before) + 1 if before.isdecimal() else 1
    response = JsonResponse({"visits": visits})
    # For a page on another site, not just on another port: samesite="None", secure=True
    response.set_cookie("visits", str(visits), httponly=True, samesite="Lax")
    return response


@require_safe
def crash(request: HttpRequest) -> JsonResponse:
    raise RuntimeError("raised on purpose: the page can read the 500")


@cors(allow_origins="*", allow_credentials=False)
@require_safe
def public(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"hello": "everyone"})


urlpatterns = [
    path("api/notes", all_notes),
    path("api/notes/<number>", one_note),
    path("api/visits", count_visits),
    path("api/crash", crash),
    path("api/public", public),
]

app = get_wsgi_application()

if __name__ == "__main__":
    port = os.environ.get("PORT", "5000")
    execute_from_command_line([sys.argv[0], "runserver", f"localhost:{port}", "--noreload"])
