"""A policy: what each field takes, how it is normalised, and how it is dumped and derived."""

import copy
import inspect
import pickle
import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any

import pytest

from corsgate import Policy, PolicyError, decide
from corsgate import policy as module

APP = "https://app.example.com"
PATTERN = "https://*.example.com"
REGEX = re.compile(r"https://x\d\.example\.com")
FIELDS = (
    "allow_origins",
    "allow_methods",
    "allow_headers",
    "expose_headers",
    "allow_credentials",
    "max_age",
    "allow_timing",
    "preflight_status",
    "gate",
    "write_origins",
    "own_origins",
    "dangerously_allow",
)


def ask(origin: str, environ: Mapping[str, Any]) -> bool:
    return False


class Asker:
    """A callable that is an object."""

    def __call__(self, origin: str, environ: Mapping[str, Any]) -> bool:
        return False


def test_the_defaults_allow_nothing_cross_origin() -> None:
    assert Policy().to_dict() == {
        "allow_origins": (),
        "allow_methods": ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"),
        "allow_headers": (
            "accept",
            "authorization",
            "content-type",
            "user-agent",
            "x-csrftoken",
            "x-requested-with",
        ),
        "expose_headers": (),
        "allow_credentials": False,
        "max_age": 600,
        "allow_timing": False,
        "preflight_status": 204,
        "gate": "off",
        "write_origins": None,
        "own_origins": (),
        "dangerously_allow": (),
    }


def test_the_fields_are_the_keyword_arguments_and_nothing_else() -> None:
    parameters = inspect.signature(Policy).parameters
    keyword_only = [
        name
        for name, parameter in parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    assert tuple(keyword_only) == FIELDS
    assert tuple(Policy().to_dict()) == FIELDS


# ------------------------------------------------------------------ what each field takes


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("*", ("*",), id="any"),
        pytest.param(["*", "*"], ("*",), id="any twice"),
        pytest.param(APP, (APP,), id="one text"),
        pytest.param(f"{APP},null", (APP, "null"), id="text with commas"),
        pytest.param(f"{APP} null\n\t{PATTERN} ", (PATTERN, APP, "null"), id="white space"),
        pytest.param("", (), id="empty text"),
        pytest.param([], (), id="empty list"),
        pytest.param({APP}, (APP,), id="set"),
        pytest.param(frozenset({APP}), (APP,), id="frozen set"),
        pytest.param(iter([APP]), (APP,), id="iterator"),
        pytest.param([PATTERN, APP], (PATTERN, APP), id="list"),
        pytest.param([APP, PATTERN, APP], (PATTERN, APP), id="twice"),
        pytest.param(REGEX, (REGEX,), id="one regular expression"),
        pytest.param(ask, (ask,), id="one callable"),
        pytest.param([ask, REGEX, APP, ask, REGEX], (APP, REGEX, ask), id="mix"),
    ],
)
def test_allow_origins(given: Any, expected: tuple[object, ...]) -> None:
    assert Policy(allow_origins=given).allow_origins == expected


def test_a_callable_may_be_an_object() -> None:
    asker = Asker()
    assert Policy(allow_origins=asker).allow_origins == (asker,)
    assert Policy(allow_origins=[asker]).allow_origins == (asker,)


def test_regular_expressions_are_told_apart_by_their_flags() -> None:
    one, other = re.compile("https://a"), re.compile("https://a", re.IGNORECASE)
    assert set(Policy(allow_origins=[one, other]).allow_origins) == {one, other}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("*", ("*",), id="any"),
        pytest.param(["GET", "*"], ("*",), id="any and more"),
        pytest.param("GET", ("GET",), id="one text"),
        pytest.param(" GET , PUT,,", ("GET", "PUT"), id="text with commas"),
        pytest.param(["PUT", "GET", "PUT"], ("GET", "PUT"), id="list"),
        pytest.param({"QUERY"}, ("QUERY",), id="set"),
        pytest.param([], (), id="none"),
        pytest.param(["purge", "Chicken", "M-SEARCH"], ("Chicken", "M-SEARCH", "purge"), id="own"),
    ],
)
def test_allow_methods(given: Any, expected: tuple[str, ...]) -> None:
    assert Policy(allow_methods=given).allow_methods == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("*", ("*",), id="any"),
        pytest.param(["*", "X-A"], ("*",), id="any and more"),
        pytest.param(("*", "Authorization"), ("*", "authorization"), id="any and authorization"),
        pytest.param("Authorization,*", ("*", "authorization"), id="the same as a text"),
        pytest.param("X-A", ("x-a",), id="one text"),
        pytest.param("X-B, X-A", ("x-a", "x-b"), id="text with commas"),
        pytest.param(["X-A", "x-a"], ("x-a",), id="twice"),
        pytest.param((), (), id="none"),
    ],
)
def test_allow_headers(given: Any, expected: tuple[str, ...]) -> None:
    assert Policy(allow_headers=given).allow_headers == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param("*", ("*",), id="any"),
        pytest.param(["X-A", "*"], ("*",), id="any and more"),
        pytest.param("X-Total", ("X-Total",), id="one text"),
        pytest.param("X-b, x-A", ("x-A", "X-b"), id="text with commas, spelt as they are"),
        pytest.param([], (), id="none"),
    ],
)
def test_expose_headers(given: Any, expected: tuple[str, ...]) -> None:
    assert Policy(expose_headers=given).expose_headers == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(0, 0, id="nought"),
        pytest.param(86400, 86400, id="a day"),
        pytest.param(10**18 - 1, 10**18 - 1, id="18 digits"),
        pytest.param(None, None, id="None"),
        pytest.param(timedelta(minutes=10), 600, id="ten minutes"),
        pytest.param(timedelta(days=1, seconds=1), 86401, id="a day and a second"),
        pytest.param(timedelta(0), 0, id="no time"),
    ],
)
def test_max_age(given: Any, expected: int | None) -> None:
    found = Policy(max_age=given).max_age
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize("field", ["allow_credentials", "allow_timing"])
@pytest.mark.parametrize("value", [True, False])
def test_flags(field: str, value: bool) -> None:
    options: dict[str, Any] = {field: value}
    assert getattr(Policy(**options), field) is value


@pytest.mark.parametrize("status", [200, 204])
def test_preflight_status(status: int) -> None:
    assert Policy(preflight_status=status).preflight_status == status


def test_dangerously_allow() -> None:
    given = ["public-suffix", "null-origin", "public-suffix"]
    expected = ("null-origin", "public-suffix")
    assert Policy(dangerously_allow=given).dangerously_allow == expected
    assert Policy(dangerously_allow=", ".join(given)).dangerously_allow == expected


class Header(StrEnum):
    TOTAL = "X-Total"


def test_members_of_a_text_enum_are_texts() -> None:
    assert Policy(allow_headers=[Header.TOTAL]) == Policy(allow_headers=["X-Total"])
    assert Policy(expose_headers=Header.TOTAL) == Policy(expose_headers="X-Total")


# ------------------------------------------------------------------ the order does not count

SAME: dict[str, tuple[Any, Any]] = {
    "allow_origins": ([APP, PATTERN, REGEX, ask, "null"], ["null", ask, REGEX, PATTERN, APP, APP]),
    "allow_methods": (["GET", "PUT"], "PUT, GET, GET"),
    "allow_headers": (["X-A", "x-b"], "x-B,x-a,X-A"),
    "expose_headers": (["X-A", "X-B"], "X-B, X-A"),
    "allow_credentials": (True, True),
    "max_age": (60, timedelta(minutes=1)),
    "allow_timing": (True, True),
    "preflight_status": (200, 200),
    "dangerously_allow": (["null-origin", "public-suffix"], "public-suffix,null-origin"),
}


@pytest.mark.parametrize("field", SAME)
def test_what_means_the_same_is_equal(field: str) -> None:
    one, other = (Policy(**{field: value}) for value in SAME[field])
    assert one == other
    assert hash(one) == hash(other)
    assert repr(one) == repr(other)
    assert one != Policy()


def test_any_order_of_callables_is_equal() -> None:
    askers = [Asker() for _ in range(5)]
    assert Policy(allow_origins=askers) == Policy(allow_origins=askers[::-1])
    assert Policy(allow_origins=askers) != Policy(allow_origins=askers[1:])


def test_a_name_to_expose_that_is_spelt_in_two_ways_has_one_meaning() -> None:
    one, other = Policy(expose_headers="X-A, x-a"), Policy(expose_headers="x-a, X-A")
    assert len(one.expose_headers) == 1
    assert one == other


# ------------------------------------------------------------------ dump, derive, duplicate

FULL: dict[str, Any] = {
    "allow_origins": [APP, PATTERN, "http://b.example", "null", REGEX, ask],
    "allow_methods": ["GET", "PUT"],
    "allow_headers": ["*", "Authorization"],
    "expose_headers": ["X-Total"],
    "allow_credentials": True,
    "max_age": timedelta(hours=1),
    "allow_timing": True,
    "preflight_status": 200,
    "dangerously_allow": ["insecure-origin", "null-origin"],
}
POLICIES = [
    pytest.param({}, id="default"),
    pytest.param({"allow_origins": "*", "max_age": None}, id="any origin"),
    pytest.param(FULL, id="full"),
]


@pytest.mark.parametrize("options", POLICIES)
def test_a_policy_rebuilt_from_its_dump_is_equal(options: dict[str, Any]) -> None:
    policy = Policy(**options)
    dump = policy.to_dict()
    assert Policy(**dump) == policy
    assert Policy(**dump).to_dict() == dump


def test_a_dump_is_a_copy() -> None:
    policy = Policy(**FULL)
    dump = policy.to_dict()
    dump["allow_origins"] = "*"
    dump.clear()
    assert policy == Policy(**FULL)
    assert policy.to_dict() != {}


def test_what_a_policy_was_made_of_can_be_changed_without_changing_it() -> None:
    origins, methods = [APP], ["GET"]
    policy = Policy(allow_origins=origins, allow_methods=methods)
    origins.append("https://evil.example")
    methods.clear()
    assert policy == Policy(allow_origins=[APP], allow_methods=["GET"])
    environ = {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": "https://evil.example"}
    assert not decide(policy, environ).allowed


def test_replace_changes_some_fields_and_keeps_the_others() -> None:
    policy = Policy(**FULL)
    changed = policy.replace(max_age=5, allow_methods="DELETE")
    assert changed == Policy(**{**FULL, "max_age": 5, "allow_methods": "DELETE"})
    assert policy == Policy(**FULL)
    assert policy.replace() == policy


def test_replace_judges_the_whole() -> None:
    policy = Policy(allow_origins="*")
    with pytest.raises(PolicyError) as caught:
        policy.replace(allow_credentials=True)
    assert [problem.code for problem in caught.value.problems] == ["wildcard-credentials"]
    with pytest.raises(PolicyError) as caught:
        policy.replace(max_ages=5)  # type: ignore[call-arg]
    assert [problem.hint for problem in caught.value.problems] == ["Write max_age."]


def test_a_policy_that_decided_before_is_replaced_with_a_fresh_one() -> None:
    environ = {"REQUEST_METHOD": "GET", "HTTP_ORIGIN": APP}
    policy = Policy(allow_origins=APP)
    assert decide(policy, environ).allowed
    assert not decide(policy.replace(allow_origins=PATTERN + ":8443"), environ).allowed


@pytest.mark.parametrize("options", POLICIES)
def test_a_policy_is_pickled_and_copied(options: dict[str, Any]) -> None:
    policy = Policy(**options)
    assert pickle.loads(pickle.dumps(policy)) == policy
    assert copy.copy(policy) == policy
    assert copy.deepcopy(policy) == policy
    assert hash(pickle.loads(pickle.dumps(policy))) == hash(policy)


def test_the_text_of_a_policy_can_be_evaluated() -> None:
    policy = Policy(**{**FULL, "allow_origins": [APP, PATTERN, REGEX]})
    assert eval(repr(policy), {"Policy": Policy, "re": re}) == policy


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_can_be_changed(field: str) -> None:
    policy = Policy(**FULL)
    with pytest.raises(AttributeError, match="Policy is immutable"):
        setattr(policy, field, None)
    with pytest.raises(AttributeError, match="Policy is immutable"):
        delattr(policy, field)
    assert policy == Policy(**FULL)


def test_equal_policies_are_one_key() -> None:
    table = {Policy(allow_origins=APP): 1}
    table[Policy(allow_origins=[APP])] = 2
    assert table == {Policy(allow_origins=APP): 2}
    assert Policy(allow_origins=APP) not in {Policy(): 1}


def test_the_module_offers_the_class_alone() -> None:
    assert module.__all__ == dir(module) == ["Policy"]
