"""Options by name: settings read from mappings, and what is said about names that are not ours."""

import os
import re
import warnings
from datetime import timedelta
from typing import Any

import pytest

from corsgate import Policy, PolicyError, Problem

APP = "https://app.example.com"
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


def policy_with(name: str, value: Any) -> Policy:
    return Policy(**{name: value})


def problems_of(mapping: dict[str, Any], prefix: str = "CORS_") -> list[Problem]:
    with pytest.raises(PolicyError) as caught:
        Policy.from_mapping(mapping, prefix)
    return list(caught.value.problems)


# ------------------------------------------------------------------ values


def test_every_field_can_be_set_by_a_text() -> None:
    texts = {
        "CORS_ALLOW_ORIGINS": f"{APP}, null\n http://b.example",
        "CORS_ALLOW_METHODS": "GET,PUT",
        "CORS_ALLOW_HEADERS": "Content-Type, X-A",
        "CORS_EXPOSE_HEADERS": "X-Total",
        "CORS_ALLOW_CREDENTIALS": "true",
        "CORS_MAX_AGE": "60",
        "CORS_ALLOW_TIMING": "on",
        "CORS_PREFLIGHT_STATUS": "200",
        "CORS_GATE": "report",
        "CORS_WRITE_ORIGINS": f"{APP} null",
        "CORS_OWN_ORIGINS": "https://a.example, https://b.example",
        "CORS_DANGEROUSLY_ALLOW": "null-origin, insecure-origin",
    }
    assert {key.removeprefix("CORS_").lower() for key in texts} == set(FIELDS)
    assert Policy.from_mapping(texts) == Policy(
        allow_origins=[APP, "http://b.example", "null"],
        allow_methods=["GET", "PUT"],
        allow_headers=["Content-Type", "X-A"],
        expose_headers=["X-Total"],
        allow_credentials=True,
        max_age=60,
        allow_timing=True,
        preflight_status=200,
        gate="report",
        write_origins=[APP, "null"],
        own_origins=["https://a.example", "https://b.example"],
        dangerously_allow=["insecure-origin", "null-origin"],
    )


def test_every_field_can_be_set_by_its_own_type() -> None:
    options: dict[str, Any] = {
        "allow_origins": [APP, re.compile(r"https://x\d\.example\.com")],
        "allow_methods": ("GET",),
        "allow_headers": {"X-A"},
        "expose_headers": ["X-B"],
        "allow_credentials": True,
        "max_age": timedelta(minutes=1),
        "allow_timing": True,
        "preflight_status": 200,
        "gate": "enforce",
        "write_origins": [APP],
        "own_origins": {APP},
        "dangerously_allow": ["public-suffix"],
    }
    assert options.keys() == set(FIELDS)
    mapping = {f"CORS_{name.upper()}": value for name, value in options.items()}
    assert Policy.from_mapping(mapping) == Policy(**options)


def test_without_settings_nothing_is_allowed() -> None:
    assert Policy.from_mapping({}) == Policy()
    assert Policy.from_mapping({"DEBUG": True, "XCORS_MAX_AGE": 1, "cors_max_age": 1}) == Policy()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(text, True) for text in ("true", "True", "TRUE", "yes", "on", "On", "1", " true ")],
        *[(text, False) for text in ("false", "False", "no", "NO", "off", "0", "\toff\n")],
    ],
)
@pytest.mark.parametrize("field", ["allow_credentials", "allow_timing"])
def test_the_words_for_yes_and_no(field: str, text: str, value: bool) -> None:
    policy = Policy.from_mapping({f"CORS_{field.upper()}": text})
    assert getattr(policy, field) is value


@pytest.mark.parametrize("text", ["", " ", "2", "y", "t", "enabled", "none", "truefalse", "\xfe"])
@pytest.mark.parametrize("field", ["allow_credentials", "allow_timing"])
def test_any_other_word_is_a_problem(field: str, text: str) -> None:
    key = f"CORS_{field.upper()}"
    [problem] = problems_of({key: text})
    assert (problem.code, problem.field, problem.value) == ("wrong-value", key, text)
    assert problem.hint == "Write true or false."


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("600", 600), (" 60\n\x1f", 60), ("007", 7)])
def test_a_number_is_read_from_its_digits(text: str, value: int) -> None:
    assert Policy.from_mapping({"CORS_MAX_AGE": text}).max_age == value


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, id=ascii(text)[:20])
        for text in (
            *("", " ", "ten", "1.5", "1e3", "0x10", "1_000", "--1", "+1", "-"),
            *("\u0661", "\xb2", "None", "9" * 5000),
        )
    ],
)
@pytest.mark.parametrize("key", ["CORS_MAX_AGE", "CORS_PREFLIGHT_STATUS"])
def test_any_other_text_is_no_number(key: str, text: str) -> None:
    [problem] = problems_of({key: text})
    assert (problem.code, problem.field, problem.value) == ("wrong-value", key, text)
    assert problem.hint == "Write digits only, such as 600."


def test_a_number_out_of_range_is_the_same_problem_as_in_code() -> None:
    problems = problems_of({"CORS_MAX_AGE": "-5", "CORS_PREFLIGHT_STATUS": "404"})
    assert {(problem.code, problem.field, problem.value) for problem in problems} == {
        ("max-age", "CORS_MAX_AGE", -5),
        ("preflight-status", "CORS_PREFLIGHT_STATUS", 404),
    }


@pytest.mark.parametrize(
    "field",
    ["allow_origins", "allow_methods", "allow_headers", "expose_headers", "dangerously_allow"],
)
@pytest.mark.parametrize("text", ["", " ", " , ,\t"], ids=["empty", "space", "commas"])
def test_an_empty_text_is_an_empty_list(field: str, text: str) -> None:
    policy = Policy.from_mapping({f"CORS_{field.upper()}": text})
    assert policy == policy_with(field, [])
    assert getattr(policy, field) == ()


def test_a_text_with_lines_is_a_list_of_origins() -> None:
    text = f"\n  {APP}\n  https://*.example.com,\n"
    assert Policy.from_mapping({"CORS_ALLOW_ORIGINS": text}) == Policy(
        allow_origins=[APP, "https://*.example.com"]
    )


def test_another_prefix_can_be_chosen() -> None:
    mapping = {"MY_ALLOW_ORIGINS": APP, "CORS_MAX_AGE": "1", "ALLOW_ORIGINS": "*"}
    assert Policy.from_mapping(mapping, prefix="MY_") == Policy(allow_origins=APP)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert Policy.from_mapping(mapping, prefix="") == Policy(allow_origins="*")


LISTS = {
    '["https://a.example"]': "https://a.example without brackets and quotes",
    ' [ "https://a.example" , "null" ] ': "https://a.example, null without brackets and quotes",
    "['GET', 'PUT']": "GET, PUT without brackets and quotes",
    "('GET',)": "GET without brackets and quotes",
    "[GET, PUT]": "GET, PUT without brackets and quotes",
    "[https://a.example]": "https://a.example without brackets and quotes",
    '["\x1b[31m\xe9"]': r"\x1b[31m\xe9 without brackets and quotes",
    "[]": "an empty text for an empty list",
    '[""]': "an empty text for an empty list",
}


@pytest.mark.parametrize("text", LISTS)
@pytest.mark.parametrize(
    "field",
    ["allow_origins", "allow_methods", "allow_headers", "expose_headers", "dangerously_allow"],
)
def test_a_list_of_another_language_in_a_text_is_a_problem(field: str, text: str) -> None:
    key = f"CORS_{field.upper()}"
    [problem] = problems_of({key: text})
    assert (problem.code, problem.field, problem.value) == ("wrong-value", key, text)
    assert problem.message == f"{text!r} cannot be read as a list with commas."
    assert problem.hint == f"Write {LISTS[text]}."
    with pytest.raises(PolicyError) as caught:
        policy_with(field, text)
    assert caught.value.problems == (problem.at(field),)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("[::1]", "origin-no-scheme", id="IPv6"),
        pytest.param(r"(https://a\.example|https://b\.example)", "origin-regex", id="regex"),
        pytest.param('"https://a.example"', "origin-scheme", id="quotes"),
        pytest.param("[", "origin-no-scheme", id="bracket"),
    ],
)
def test_other_brackets_are_no_list(text: str, code: str) -> None:
    [problem] = problems_of({"CORS_ALLOW_ORIGINS": text})
    assert problem.code == code


# ------------------------------------------------------------------ the environment


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for key in list(os.environ):
        if key.startswith("CORS_"):
            monkeypatch.delenv(key)
    return monkeypatch


def test_the_environment_is_read(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CORS_ALLOW_ORIGINS", f"{APP} http://localhost:*")
    environment.setenv("CORS_ALLOW_CREDENTIALS", "yes")
    assert Policy.from_mapping(os.environ) == Policy(
        allow_origins=[APP, "http://localhost:*"], allow_credentials=True
    )


def test_unknown_names_in_the_environment_are_other_programs(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("CORS_ANYWHERE_WHITELIST", "x")
    environment.setenv("CORS_", "x")
    assert Policy.from_mapping(os.environ) == Policy()


def test_slips_in_the_environment_are_problems(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("CORS_ALLOW_ORIGIN", APP)
    environment.setenv("CORS_ORIGINS", APP)
    with pytest.raises(PolicyError) as caught:
        Policy.from_mapping(os.environ)
    assert {problem.field for problem in caught.value.problems} == {
        "CORS_ALLOW_ORIGIN",
        "CORS_ORIGINS",
    }


# ------------------------------------------------------------------ names in settings


@pytest.mark.parametrize("key", ["CORS_ANYWHERE_WHITELIST", "CORS_X", "CORS_LOGGING_LEVEL"])
def test_an_unknown_name_in_a_mapping_is_warned_about(key: str) -> None:
    with pytest.warns(UserWarning, match="corsgate has no such option") as caught:
        assert Policy.from_mapping({key: "x", "CORS_MAX_AGE": 5}) == Policy(max_age=5)
    [warning] = caught
    assert str(warning.message).startswith(f"corsgate: {key}: corsgate has no such option.")
    assert "CORS_ALLOW_ORIGINS" in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize("value", [True, False, "true", None])
def test_the_setting_of_the_private_network_is_accepted_with_a_note(value: object) -> None:
    with pytest.warns(UserWarning, match="CORS_ALLOW_PRIVATE_NETWORK has no effect") as caught:
        assert Policy.from_mapping({"CORS_ALLOW_PRIVATE_NETWORK": value}) == Policy()
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("key", "right"),
    [
        pytest.param("CORS_ALLOW_ORIGIN", "CORS_ALLOW_ORIGINS", id="letter left out"),
        pytest.param("CORS_ALLOW_ORIGINSS", "CORS_ALLOW_ORIGINS", id="letter too many"),
        pytest.param("CORS_ALLOWED_ORIGINS", "CORS_ALLOW_ORIGINS", id="two letters too many"),
        pytest.param("CORS_ALLOW_ORIGNIS", "CORS_ALLOW_ORIGINS", id="letters swapped"),
        pytest.param("CORS_ALOW_ORIGNIS", "CORS_ALLOW_ORIGINS", id="two slips"),
        pytest.param("CORS_ALLOW_ORIGINZ", "CORS_ALLOW_ORIGINS", id="another letter"),
        pytest.param("CORS_ALLOWORIGINS", "CORS_ALLOW_ORIGINS", id="no underscore"),
        pytest.param("CORS_allow_origins", "CORS_ALLOW_ORIGINS", id="lower case"),
        pytest.param("CORS_Max_Age", "CORS_MAX_AGE", id="mixed case"),
        pytest.param("CORS_MAXAGE", "CORS_MAX_AGE", id="max age"),
        pytest.param("CORS_EXPOSED_HEADERS", "CORS_EXPOSE_HEADERS", id="exposed"),
    ],
)
def test_a_slip_in_a_name_is_a_problem_with_the_right_name(key: str, right: str) -> None:
    [problem] = problems_of({key: "x"})
    assert (problem.code, problem.field, problem.value) == ("unknown-option", key, "x")
    assert problem.hint == f"Write {right}."


def test_three_edits_are_another_name() -> None:
    with pytest.warns(UserWarning, match="CORS_ALLO_ORIG has no such|CORS_ALLO_ORIG: corsgate"):
        assert Policy.from_mapping({"CORS_ALLO_ORIG": "x"}) == Policy()


def test_all_problems_of_settings_come_together() -> None:
    problems = problems_of(
        {
            "CORS_ALLOW_ORIGINS": "app.example.com, *",
            "CORS_ALLOW_CREDENTIALS": True,
            "CORS_MAX_AGE": "soon",
            "CORS_ALLOW_METHODS": "get",
            "CORS_ORIGINS": APP,
            "CORS_ALLOW_TIMING": "perhaps",
            "CORS_MAXAGE": 1,
        }
    )
    assert {(problem.code, problem.field) for problem in problems} == {
        ("origin-no-scheme", "CORS_ALLOW_ORIGINS"),
        ("wildcard-credentials", "CORS_ALLOW_ORIGINS"),
        ("wrong-value", "CORS_MAX_AGE"),
        ("method-case", "CORS_ALLOW_METHODS"),
        ("unknown-option", "CORS_ORIGINS"),
        ("wrong-value", "CORS_ALLOW_TIMING"),
        ("unknown-option", "CORS_MAXAGE"),
    }
    assert len(problems) == 7


def test_the_hints_of_settings_name_settings() -> None:
    [wildcard] = problems_of({"CORS_ALLOW_ORIGINS": "*", "CORS_ALLOW_CREDENTIALS": "1"})
    assert "set CORS_ALLOW_CREDENTIALS = False here" in wildcard.hint
    [null] = problems_of({"CORS_ALLOW_ORIGINS": "null", "CORS_ALLOW_CREDENTIALS": "1"})
    assert "CORS_DANGEROUSLY_ALLOW = ['null-origin']" in null.hint


# ------------------------------------------------------------------ what others call our options

# Library -> its name -> what the hint says, as a keyword and (prefixed) as a setting.
FOREIGN: dict[str, dict[str, str]] = {
    "Flask-Cors": {
        "origins": "allow_origins",
        "supports_credentials": "allow_credentials",
        "resources": "paths",
        "send_wildcard": "",
        "vary_header": "",
        "automatic_options": "",
        "always_send": "",
        "intercept_exceptions": "",
    },
    "django-cors-headers": {
        "origin_whitelist": "allow_origins",
        "allow_all_origins": "allow_origins",
        "origin_allow_all": "allow_origins",
        "allowed_origin_regexes": "allow_origins",
        "origin_regex_whitelist": "allow_origins",
        "urls_regex": "paths",
        "preflight_max_age": "max_age",
    },
    "Express cors": {
        "origin": "allow_origins",
        "credentials": "allow_credentials",
        "optionsSuccessStatus": "preflight_status",
        "preflightContinue": "paths",
    },
    "Starlette": {"allow_origin_regex": "allow_origins"},
    "Flask-Cors before 2.0": {"headers": "allow_headers"},
    "Amazon S3": {"MaxAgeSeconds": "max_age"},
    "Django": {"csrf_trusted_origins": "write_origins"},
    "gorilla/csrf": {"trusted_origins": "write_origins"},
}
# So near to our own names that only the slip is spoken of.
NEAR = {
    "allowed_origins": "allow_origins",
    "allowed_headers": "allow_headers",
    "exposed_headers": "expose_headers",
    "maxage": "max_age",
    "allowed_methods": "allow_methods",
    "AllowOrigins": "allow_origins",
    "AllowCredentials": "allow_credentials",
    "ExposeHeaders": "expose_headers",
    "MaxAge": "max_age",
    "allow_origin": "allow_origins",
    "expose_header": "expose_headers",
}
CASES = [
    pytest.param(library, name, ours, id=f"{library}: {name}")
    for library, names in FOREIGN.items()
    for name, ours in names.items()
]


@pytest.mark.parametrize(("library", "name", "ours"), CASES)
def test_a_foreign_keyword_is_told_its_name_here(library: str, name: str, ours: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy_with(name, "x")
    [problem] = caught.value.problems
    assert (problem.code, problem.field, problem.value) == ("unknown-option", name, "x")
    instead = f"here it is called {ours}" if ours else "drop it: "
    assert problem.hint.startswith(f"{library} has it; {instead}")


@pytest.mark.parametrize(("library", "name", "ours"), CASES)
def test_a_foreign_setting_is_told_its_name_here(library: str, name: str, ours: str) -> None:
    key = "CORS_" + name.upper()
    [problem] = problems_of({key: "x"})
    assert (problem.code, problem.field, problem.value) == ("unknown-option", key, "x")
    instead = f"here it is called CORS_{ours.upper()}" if ours else "drop it: "
    assert problem.hint.startswith(f"{library} has it; {instead}")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("supports_credentials", "Flask-Cors has it; here it is called allow_credentials."),
        (
            "send_wildcard",
            "Flask-Cors has it; drop it: allow_origins='*' always sends a literal *.",
        ),
        ("allowedHeaders", "Express cors has it; here it is called allow_headers."),
        ("exposedHeaders", "Express cors has it; here it is called expose_headers."),
        ("maxAge", "Express cors has it; here it is called max_age."),
        ("methods", "Flask-Cors and Express cors have it; here it is called allow_methods."),
    ],
)
def test_a_foreign_name_is_explained_in_one_sentence(name: str, hint: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy_with(name, True)
    assert caught.value.problems[0].hint == hint


@pytest.mark.parametrize("name", NEAR)
def test_a_foreign_name_near_ours_is_told_ours(name: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy_with(name, "x")
    [problem] = caught.value.problems
    assert (problem.field, problem.hint) == (name, f"Write {NEAR[name]}.")


@pytest.mark.parametrize("name", ["allow_all_origins", "origin_allow_all"])
def test_who_allowed_all_origins_is_shown_how_with_the_name_in_use(name: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy_with(name, True)
    assert "allow_origins='*'" in caught.value.problems[0].hint
    [problem] = problems_of({f"CORS_{name.upper()}": True})
    assert "CORS_ALLOW_ORIGINS = '*'" in problem.hint


@pytest.mark.parametrize("name", ["allow_origin_regex", "allowed_origin_regexes"])
def test_who_wrote_regular_expressions_as_texts_is_shown_how(name: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy_with(name, ".*")
    assert "re.compile(...)" in caught.value.problems[0].hint


def test_paths_are_the_gates() -> None:
    hint = "It belongs to the gate, as in CORSMiddleware(app, paths={...}), not to a policy."
    with pytest.raises(PolicyError) as caught:
        policy_with("paths", {"/api/*": {}})
    assert str(caught.value) == f"paths: corsgate has no such option. {hint} [unknown-option]"
    # A mapping may have what its gate reads.
    with pytest.warns(UserWarning, match="CORS_PATHS: corsgate has no such option") as warned:
        assert Policy.from_mapping({"CORS_PATHS": {}}) == Policy()
    assert hint in str(warned[0].message)


@pytest.mark.parametrize("name", ["anything", "", "max-age seconds", "\x1b[31m"])
def test_an_unknown_keyword_is_told_all_the_options(name: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy_with(name, "x")
    [problem] = caught.value.problems
    assert (problem.code, problem.field, problem.value) == ("unknown-option", name, "x")
    assert problem.hint == f"The options are {', '.join(FIELDS)}."


def test_a_policy_takes_keywords_only() -> None:
    with pytest.raises(TypeError):
        Policy(APP)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["exempt", "csrf_exempt"])
def test_who_looks_for_an_exemption_is_told_of_the_gate_and_of_none(name: str) -> None:
    (problem,) = problems_of({f"CORS_{name.upper()}": True})
    assert problem.hint.endswith(
        " has it; here it is called CORS_GATE: 'off' at a view or path exempts it, and the policy"
        " None there leaves CORS to it."
    )


def test_keys_that_are_no_text_are_no_settings() -> None:
    mapping: dict[Any, Any] = {5: 1, None: 2, b"CORS_MAX_AGE": 3, "CORS_ALLOW_ORIGINS": APP}
    assert Policy.from_mapping(mapping) == Policy(allow_origins=APP)
