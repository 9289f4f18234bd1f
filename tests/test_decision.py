"""The variants of a decision: exactly what each changes, and that it keeps the rest."""

from collections.abc import Callable
from typing import Any

import pytest

from corsgate import Decision, Policy, decide
from corsgate._decision import (
    answer_preflight,
    in_debug_mode,
    send_preflight,
    with_methods,
    with_vary,
    without_caching,
)

APP = "https://app.example.com"
POLICY = Policy(allow_origins=APP, allow_methods=["GET", "PUT"], allow_headers=["X-A"])
ASKED = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
REFUSAL = b"403 Forbidden: a page on this origin may not make this request (CORS).\n"


def preflight(origin: str) -> Decision:
    asked = {"HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT", "HTTP_ORIGIN": origin}
    return decide(POLICY, {"REQUEST_METHOD": "OPTIONS", **asked})


ALLOWED, REFUSED = preflight(APP), preflight("https://evil.example")


def allows(**changes: str | None) -> list[tuple[str, str]]:
    """The headers that answer the allowed preflight, in their order, with changes."""
    headers: dict[str, str | None] = {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Allow-Methods": "GET, PUT",
        "Access-Control-Allow-Headers": "x-a",
        "Access-Control-Max-Age": "600",
        "Vary": ASKED,
    }
    headers.update({name.replace("_", "-"): value for name, value in changes.items()})
    return [(name, value) for name, value in headers.items() if value is not None]


def test_a_preflight_is_allowed() -> None:
    assert answer_preflight(ALLOWED) == ("204 No Content", allows(), b"")


def refusal(body: bytes = REFUSAL, *more: tuple[str, str]) -> tuple[str, Any, bytes]:
    plain = ("Content-Type", "text/plain; charset=utf-8")
    length = ("Content-Length", str(len(body)))
    return "403 Forbidden", [plain, length, *more, ("Vary", ASKED)], body


def test_a_preflight_is_refused() -> None:
    assert answer_preflight(REFUSED) == refusal()


@pytest.mark.parametrize("decision", [ALLOWED, REFUSED], ids=["allowed", "refused"])
def test_an_answer_to_a_preflight_is_sent_as_an_application_does(decision: Decision) -> None:
    sent: list[object] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        sent.append((status, headers))

    status, headers, body = answer_preflight(decision)
    assert send_preflight(decision, start_response) == ([body] if body else [])
    assert sent == [(status, headers)]


def test_a_server_is_given_no_empty_chunk() -> None:
    assert [decision._answer for decision in (ALLOWED, REFUSED)] == [
        ("204 No Content", allows(), ()),
        ("403 Forbidden", refusal()[1], (REFUSAL,)),
    ]
    assert with_vary(REFUSED, ["X-A"])._answer == (
        "403 Forbidden",
        [*refusal()[1][:-1], ("Vary", f"{ASKED}, X-A")],
        (REFUSAL,),
    )


def test_an_answer_with_200_has_no_chunk_either() -> None:
    policy = Policy(allow_origins=APP, preflight_status=200)
    environ = {"REQUEST_METHOD": "OPTIONS", "HTTP_ORIGIN": APP}
    answer = decide(policy, {**environ, "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "PUT"})._answer
    assert answer is not None
    assert answer[0] == "200 OK"
    assert answer[1][:2] == [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", "0"),
    ]
    assert answer[2] == ()


def test_what_the_application_answers_has_no_answer() -> None:
    actual = decide(POLICY, {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": APP})
    assert answer_preflight(actual) == ("", [], b"")


VARIANTS: dict[str, Callable[[Decision], Decision]] = {
    "with_vary": lambda decision: with_vary(decision, ["X-Tenant"]),
    "without_caching": without_caching,
    "with_methods": lambda decision: with_methods(decision, ["GET"]),
    "in_debug_mode": lambda decision: in_debug_mode(decision, ""),
}


@pytest.mark.parametrize("decision", [ALLOWED, REFUSED], ids=["allowed", "refused"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_concludes_the_same(variant: str, decision: Decision) -> None:
    assert VARIANTS[variant](decision) == decision


def test_more_names_vary() -> None:
    varied = with_vary(ALLOWED, ["X-Tenant", "origin", "x-tenant"])
    assert answer_preflight(varied)[1] == allows(Vary=f"{ASKED}, X-Tenant")


def test_an_answer_that_is_not_to_be_kept() -> None:
    answer = answer_preflight(without_caching(ALLOWED))
    assert answer == ("204 No Content", allows(Access_Control_Max_Age="0"), b"")
    assert answer_preflight(without_caching(REFUSED)) == refusal()


@pytest.mark.parametrize(
    ("methods", "told"), [(["PUT"], "PUT"), (("GET", "HEAD"), "GET, HEAD"), ((), "GET")]
)
def test_an_answer_that_tells_of_some_methods(methods: Any, told: str | None) -> None:
    status, headers, body = answer_preflight(with_methods(ALLOWED, methods))
    assert (status, body) == ("204 No Content", b"")
    assert sorted(headers) == sorted(allows(Access_Control_Allow_Methods=told))


def test_an_answer_in_debug_mode() -> None:
    assert answer_preflight(in_debug_mode(ALLOWED, ""))[1] == allows(Access_Control_Max_Age="5")
    said = in_debug_mode(REFUSED, "so it is")
    assert answer_preflight(said) == refusal(b"so it is\n", ("X-CORSGate-Reason", "so it is"))
    assert answer_preflight(in_debug_mode(REFUSED, "")) == refusal()
