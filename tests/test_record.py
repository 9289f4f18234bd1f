"""Policy, Problem and Decision are values: frozen, compared by what they say, copied, pickled."""

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest

from corsgate import Decision, Policy, Problem, decide
from corsgate._engine import write_headers

APP = "https://app.example.com"


def make_policy() -> Policy:
    return Policy(
        allow_origins=[APP, "https://*.example.com", re.compile(r"https://x\d\.example\.com")],
        allow_methods=["GET", "PUT"],
        expose_headers=["X-Total"],
        allow_credentials=True,
    )


def make_problem() -> Problem:
    return Problem(code="max-age", field="max_age", value=-1, message="A.", hint="B.")


def make_decision() -> Decision:
    return decide(make_policy(), {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": APP})


RECORDS = [
    pytest.param(make_policy, ("allow_origins", "max_age"), id="Policy"),
    pytest.param(make_problem, ("code", "value"), id="Problem"),
    pytest.param(make_decision, ("kind", "allowed"), id="Decision"),
]
each_record = pytest.mark.parametrize(("make", "fields"), RECORDS)


@each_record
def test_no_attribute_can_be_set_deleted_or_added(
    make: Callable[[], Any], fields: tuple[str, ...]
) -> None:
    record = make()
    for field in fields:
        before = getattr(record, field)
        with pytest.raises(AttributeError, match=f"immutable: {field} cannot be set"):
            setattr(record, field, None)
        with pytest.raises(AttributeError, match=f"immutable: {field} cannot be deleted"):
            delattr(record, field)
        assert getattr(record, field) == before
    with pytest.raises(AttributeError, match="immutable"):
        record.extra = 1
    assert not hasattr(record, "__dict__")


@each_record
def test_equal_ones_are_equal_with_equal_hashes(
    make: Callable[[], Any], fields: tuple[str, ...]
) -> None:
    assert make() is not make()
    assert make() == make()
    assert hash(make()) == hash(make())


@each_record
def test_it_equals_nothing_of_another_type(
    make: Callable[[], Any], fields: tuple[str, ...]
) -> None:
    same_fields = tuple(getattr(make(), field) for field in fields)
    assert make() != same_fields
    assert make() != "text"
    assert make().__eq__(object()) is NotImplemented


def test_a_difference_in_one_field_is_a_difference() -> None:
    assert make_policy() != make_policy().replace(max_age=5)
    assert make_problem() != make_problem().at("elsewhere")
    assert make_decision() != decide(make_policy(), {})


@each_record
def test_its_repr_shows_every_field_by_name(
    make: Callable[[], Any], fields: tuple[str, ...]
) -> None:
    record = make()
    shown = repr(record)
    assert shown.startswith(f"{type(record).__name__}(")
    assert shown.endswith(")")
    for field in fields:
        assert f"{field}={getattr(record, field)!r}" in shown


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@each_record
def test_it_survives_pickling(
    make: Callable[[], Any], fields: tuple[str, ...], protocol: int
) -> None:
    again = pickle.loads(pickle.dumps(make(), protocol))
    assert again == make()
    assert repr(again) == repr(make())


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
@each_record
def test_it_can_be_copied(
    make: Callable[[], Any], fields: tuple[str, ...], duplicate: Callable[[Any], Any]
) -> None:
    again = duplicate(make())
    assert again == make()
    assert repr(again) == repr(make())


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda record: pickle.loads(pickle.dumps(record))],
    ids=["copied", "deeply copied", "pickled"],
)
def test_a_decision_keeps_its_headers(duplicate: Callable[[Decision], Decision]) -> None:
    expected = [
        ("Access-Control-Allow-Origin", APP),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Expose-Headers", "X-Total"),
        ("Vary", "Origin"),
    ]
    assert write_headers([], make_decision()) == expected
    assert write_headers([], duplicate(make_decision())) == expected


@pytest.mark.parametrize(
    "duplicate",
    [copy.copy, copy.deepcopy, lambda record: pickle.loads(pickle.dumps(record))],
    ids=["copied", "deeply copied", "pickled"],
)
def test_a_policy_in_use_is_duplicated_with_all_its_judgement(
    duplicate: Callable[[Policy], Policy],
) -> None:
    policy = make_policy()
    decide(policy, {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": APP})
    again = duplicate(policy)
    for origin, allowed in {
        APP: True,
        "https://a.b.example.com": True,
        "https://x1.example.com": True,
        "https://example.com": False,
    }.items():
        environ = {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": origin}
        assert decide(again, environ).allowed is allowed
        assert decide(again, environ) == decide(policy, environ)
