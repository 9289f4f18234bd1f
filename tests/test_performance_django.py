"""What keeps corsgate cheap in Django; the rest is in test_performance.py."""

import subprocess
import sys
from pathlib import Path

# Settings are one per process, and corsgate reads them once.
# Django logs each 403, and handlers lock.
LOCKS = """
import lock_counter
import logging
logging.disable()
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=(), LOGGING_CONFIG=None, **{options})
import django
django.setup()
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.urls import path
from corsgate.django import cors

def view(request):
    return HttpResponse()

marked = cors(max_age=5)(view) if settings.MIDDLEWARE else view
settings.ROOT_URLCONF = (path("api/x", view), path("marked", marked))
print(*lock_counter.locks_taken(WSGIHandler()))
"""
OURS = {
    "MIDDLEWARE": ["corsgate.django.CORSMiddleware"],
    "CORS_ALLOW_ORIGINS": "https://app.example",
}


PREFLIGHTS = (5, 8, 14, 17)  # of those requests


def locks_taken(options: dict[str, object]) -> list[int]:
    folder, script = str(Path(__file__).parent), LOCKS.replace("{options}", repr(options))
    begin = f"import sys; sys.path.append({folder!r})\n"
    command = [sys.executable, "-P", "-c", begin + script]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.stderr
    return [int(count) for count in done.stdout.split()]


def test_no_request_takes_a_lock_that_it_would_not_take_without_corsgate() -> None:
    bare = locks_taken({"MIDDLEWARE": []})
    paths = {"CORS_PATHS": {"/api/*": {"max_age": 60}}}
    for more in ({}, paths, {"CORS_GATE": "enforce"}):
        ours = locks_taken({**OURS, **more})
        assert len(ours) == len(bare) == 18
        for number, (mine, without) in enumerate(zip(ours, bare, strict=True)):
            # To route before Django does, its translations are turned on, with three locks of its.
            routed = number in PREFLIGHTS or "CORS_GATE" in more
            assert mine <= without + (3 if routed else 0)
