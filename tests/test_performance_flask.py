"""What keeps corsgate cheap in Flask; the rest is in test_performance.py."""

import subprocess
import sys
from pathlib import Path

LOCKS = """
import lock_counter
from flask import Flask
from corsgate.flask import CORSGate, cors

def make(decorate):
    app = Flask("shop")
    app.add_url_rule("/api/x", "x", lambda: "", methods=["GET", "POST", "PUT"])
    app.add_url_rule("/marked", "marked", decorate(lambda: ""), methods=["GET", "POST", "PUT"])
    return app

print(sum(lock_counter.locks_taken(make(lambda view: view))))
for options in ({}, {"paths": {"/api/*": {"max_age": 60}}}, {"gate": "enforce"}):
    app = make(cors(max_age=5))
    CORSGate(app, allow_origins="https://app.example", **options)
    print(sum(lock_counter.locks_taken(app)))
"""


def test_no_request_takes_a_lock_that_it_would_not_take_without_corsgate() -> None:
    script = f"import sys; sys.path.append({str(Path(__file__).parent)!r})\n{LOCKS}"
    command = [sys.executable, "-P", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True)
    assert not done.stderr
    bare, *ours = map(int, done.stdout.split())
    assert len(ours) == 3
    assert max(ours) <= bare
