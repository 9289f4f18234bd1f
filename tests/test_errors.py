"""Problems are data; their text is derived, safe to print and says what to do."""

import pickle
import string

import pytest

from corsgate import Policy, PolicyError, Problem
from corsgate._problems import problem, show
from corsgate.errors import CODES, RELAXABLE


def make_problem(**changes: object) -> Problem:
    fields: dict[str, object] = {
        "code": "max-age",
        "field": "max_age",
        "value": -1,
        "message": "It is wrong.",
        "hint": "Do this.",
    }
    return Problem(**{**fields, **changes})  # type: ignore[arg-type]


# ------------------------------------------------------------------ the table of codes

each_code = pytest.mark.parametrize("code", CODES)


@each_code
def test_a_code_is_in_kebab_case(code: str) -> None:
    assert code.strip("-") == code
    assert set(code) <= set(string.ascii_lowercase + string.digits + "-")


@each_code
def test_a_code_has_sentences_to_say(code: str) -> None:
    message, hint = CODES[code]
    assert message[0].isupper() or message.startswith(("{value} ", "corsgate "))
    assert message.endswith(".")
    assert hint[-1] in ".?" or hint == "{fix}"


@each_code
def test_a_code_makes_a_problem_that_shows_the_value_and_the_fix(code: str) -> None:
    found = problem(code, "field", "VALUE", what="WHAT", fix="FIX")
    assert (found.code, found.field, found.value) == (code, "field", "VALUE")
    assert "FIX" in found.hint
    assert ("VALUE" in found.message) is ("{value}" in CODES[code][0])
    assert ("WHAT" in found.message) is ("{what}" in CODES[code][0])
    assert "{" not in found.message


@each_code
def test_a_code_without_a_fix_keeps_its_own_hint(code: str) -> None:
    assert problem(code, "field", 1).hint == CODES[code][1].replace("{fix}", "")


def test_a_fix_that_the_hint_has_no_place_for_replaces_it() -> None:
    assert "{fix}" not in CODES["max-age"][1]
    assert problem("max-age", "max_age", -1, fix="600").hint == "Write 600."


def test_what_can_be_accepted_knowingly_are_the_three_risks_of_the_design() -> None:
    assert {"insecure-origin", "public-suffix", "null-origin"} == RELAXABLE
    assert RELAXABLE.issubset(CODES)


# ------------------------------------------------------------------ one problem


def test_the_text_of_a_problem_has_all_its_parts() -> None:
    assert str(make_problem()) == "max_age: It is wrong. Do this. [max-age]"


def test_a_problem_can_be_moved_to_another_place() -> None:
    moved = make_problem().at("paths['/api/*'].max_age")
    assert moved == make_problem(field="paths['/api/*'].max_age")


def test_a_problem_with_a_list_as_its_value_has_a_hash() -> None:
    assert hash(make_problem(value=[1])) == hash(make_problem(value=[1]))
    assert {make_problem(value=[1]), make_problem(value=[1])} == {make_problem(value=[1])}


def test_the_text_of_a_problem_is_one_line_whatever_a_name_holds() -> None:
    assert str(make_problem(field="\x1b[31m\xfc\n")) == (
        "\\x1b[31m\xfc\\n: It is wrong. Do this. [max-age]"
    )


class Unprintable:
    """Like a row of a database whose session is closed."""

    def __repr__(self) -> str:
        raise LookupError


class Lines:
    def __repr__(self) -> str:
        return "one\nother \x1b \xe9"


@pytest.mark.parametrize(
    ("value", "in_log", "in_problem"),
    [
        (Unprintable(), *["<Unprintable that cannot be shown>"] * 2),
        (10**5_000, *["<int that cannot be shown>"] * 2),
        (Lines(), "one\\nother \\x1b \\xe9", "one\\nother \\x1b \xe9"),
    ],
    ids=["raises", "too long", "several lines"],
)
def test_a_value_is_shown_on_one_line_even_if_it_does_not_show_itself(
    value: object, in_log: str, in_problem: str
) -> None:
    assert show(value) == in_log
    assert problem("wrong-type", "field", value, what="x").message == f"{in_problem} is no x."


def test_problems_take_keywords_only() -> None:
    with pytest.raises(TypeError):
        Problem("max-age", "max_age", -1, "a", "b")  # type: ignore[call-arg]


FIELDS = ("allow_origins", "allow_credentials", "dangerously_allow", "max_age")


@pytest.mark.parametrize(
    ("field", "setting", "expected"),
    [
        pytest.param("max_age", "", "CORS_MAX_AGE", id="a field"),
        pytest.param("max_age", "CORS_PREFLIGHT_MAX_AGE", "CORS_PREFLIGHT_MAX_AGE", id="named"),
        pytest.param(
            "paths['/a'].max_age", "", "CORS_PATHS['/a'].max_age", id="a field below another"
        ),
    ],
)
def test_a_problem_in_settings_is_at_the_name_of_its_setting(
    field: str, setting: str, expected: str
) -> None:
    found = make_problem(field=field).in_settings("CORS_", FIELDS, setting)
    assert found == make_problem(field=expected)


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (
            "Accept it with dangerously_allow=['x'].",
            "Accept it with CORS_DANGEROUSLY_ALLOW = ['x'].",
        ),
        ("Leave allow_credentials out.", "Leave CORS_ALLOW_CREDENTIALS out."),
        ("Write 'https://a.example'.", "Write 'https://a.example'."),
    ],
)
def test_a_hint_in_settings_speaks_of_settings(hint: str, expected: str) -> None:
    assert make_problem(hint=hint).in_settings("CORS_", FIELDS).hint == expected


# ------------------------------------------------------------------ the error


def test_an_error_with_one_problem_says_it_in_one_line() -> None:
    error = PolicyError([make_problem()])
    assert str(error) == "max_age: It is wrong. Do this. [max-age]"
    assert error.problems == (make_problem(),)


def test_an_error_with_several_problems_has_a_line_for_each_in_their_order() -> None:
    error = PolicyError(iter([make_problem(), make_problem(field="other", code="wrong-type")]))
    assert str(error).splitlines() == [
        "2 problems:",
        "  max_age: It is wrong. Do this. [max-age]",
        "  other: It is wrong. Do this. [wrong-type]",
    ]
    assert [found.field for found in error.problems] == ["max_age", "other"]


def test_an_error_is_a_value_error_that_survives_pickling() -> None:
    error = PolicyError(iter([make_problem(), make_problem(value=["a", 1])]))
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, ValueError)
    assert isinstance(again, PolicyError)
    assert again.problems == error.problems
    assert str(again) == str(error)


# ------------------------------------------------------------------ values in messages


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("a", "'a'", id="text"),
        pytest.param(None, "None", id="None"),
        pytest.param("\x1b[31m\u2028\xe9\r\n", r"'\x1b[31m\u2028\xe9\r\n'", id="escapes"),
        pytest.param("a" * 98, repr("a" * 98), id="just short enough"),
        pytest.param("a" * 99, "'" + "a" * 79 + "... (101 characters)", id="too long"),
        pytest.param("a" * 70_000, "'" + "a" * 79 + "... (70002 characters)", id="64 KiB"),
    ],
)
def test_a_value_is_shown_in_ascii_and_cut(value: object, shown: str) -> None:
    assert show(value) == shown


def test_no_value_can_put_control_characters_into_an_error() -> None:
    with pytest.raises(PolicyError) as caught:
        Policy(allow_origins=["https://\x1b[31m\u202e.example"], allow_methods=["\r\nGET"])
    text = str(caught.value)
    assert len(caught.value.problems) == 2
    assert text.isascii()
    assert "\x1b" not in text
    assert "\r" not in text
    assert len(text.splitlines()) == 3
