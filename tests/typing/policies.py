"""What a type checker concludes about `Policy`, its problems and decisions. Checked, never run."""

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal, assert_type

import corsgate
from corsgate import Decision, Policy, PolicyError, Problem, check, decide
from corsgate.policy import PolicyOptions


def is_tenant(origin: str, environ: Mapping[str, Any]) -> bool:
    return origin.endswith(environ["HTTP_HOST"])


one = Policy(allow_origins="https://app.example.com", max_age=timedelta(hours=1))
mixed = Policy(
    allow_origins=["https://*.example.com", re.compile(r"https://pr-\d+\.example\.com"), is_tenant],
    allow_methods=("GET", "POST"),
    allow_headers={"x-request-id"},
    expose_headers=(name for name in ["X-Total-Count"]),
    allow_credentials=True,
    max_age=None,
    allow_timing=True,
    preflight_status=200,
    gate="enforce",
    write_origins=["https://app.example.com", is_tenant],
    own_origins={"https://www.example.com"},
    dangerously_allow="public-suffix",
)

assert_type(one.allow_methods, tuple[str, ...])
assert_type(one.allow_credentials, bool)
assert_type(one.max_age, int | None)
assert_type(one.preflight_status, int)
assert_type(one.gate, Literal["off", "report", "enforce"])
assert_type(one.replace(max_age=60), Policy)
assert_type(one.to_dict(), dict[str, Any])
assert_type(Policy(**one.to_dict()), Policy)
assert_type(Policy.from_mapping(os.environ), Policy)
assert_type(Policy.from_mapping({"API_ALLOW_ORIGINS": "*"}, prefix="API_"), Policy)

Policy("*")  # type: ignore[call-arg]
Policy(origins="*")  # type: ignore[call-arg]
Policy(allow_origins=5)  # type: ignore[arg-type]
Policy(allow_credentials="yes")  # type: ignore[arg-type]
Policy(max_age="600")  # type: ignore[arg-type]
Policy(gate="on")  # type: ignore[arg-type]
Policy(own_origins=is_tenant)  # type: ignore[arg-type]
one.replace(max_ages=60)  # type: ignore[call-arg]
one.replace(gate="on")  # type: ignore[arg-type]
no_such = corsgate.CORSGate  # type: ignore[attr-defined]

options: PolicyOptions = {"allow_origins": "*", "max_age": 60}
Policy(**options)
one.replace(**options)
misspelt: PolicyOptions = {"max_ages": 60}  # type: ignore[typeddict-unknown-key]

decision = decide(one, {"REQUEST_METHOD": "GET"})
assert_type(decision, Decision)
assert_type(check(one, {"REQUEST_METHOD": "GET", "HTTP_UPGRADE": "websocket"}), Decision)
assert_type(decision.kind, Literal["preflight", "actual", "not-cors", "gate"])
assert_type(decision.allowed, bool)
assert_type(decision.reason, str | None)
assert_type(decision.policy, Policy | None)


def report(error: PolicyError) -> str:
    assert_type(error.problems, tuple[Problem, ...])
    assert_type(error.problems[0].value, object)
    return " ".join(f"{problem.field} {problem.code}" for problem in error.problems)
