"""The API: which names it has, that each is documented whole, and that the pages of docs/ have all.

What users see of it: `dir()` and completion, docstrings, docs/api.rst and docs/problems.rst.
"""

import ast
import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import problem_pages
import pytest

from corsgate import Policy
from corsgate._explain import Explanation, Step

DOCS = Path(__file__).parent.parent / "docs"
REFERENCE = (DOCS / "api.rst").read_text(encoding="utf-8")

# All of it, and nothing else.
API = {
    "corsgate": ["Decision", "Policy", "PolicyError", "Problem", "check", "decide", "explain"],
    "corsgate.browser": [
        "Browser",
        "CORSError",
        "FetchError",
        "HTTPRequest",
        "HTTPResponse",
        "Response",
    ],
    "corsgate.django": ["CORSMiddleware", "cors"],
    "corsgate.errors": ["CODES", "PolicyError", "Problem", "RELAXABLE"],
    "corsgate.flask": ["CORSGate", "cors"],
    "corsgate.origins": ["CachedOrigins"],
    "corsgate.policy": ["Policy"],
    "corsgate.pytest_plugin": ["cors_browser"],
    "corsgate.wsgi": ["CORSMiddleware"],
}
MODULES = {name: importlib.import_module(name) for name in API}
# What `explain` gives; nobody makes one.
GIVEN = {"corsgate._explain.Explanation": Explanation, "corsgate._explain.Step": Step}


@pytest.mark.parametrize("name", API)
def test_a_module_offers_the_api_and_nothing_else(name: str) -> None:
    module = MODULES[name]
    assert sorted(module.__all__) == API[name]
    offered = [other for other in dir(module) if not isinstance(getattr(module, other), ModuleType)]
    assert [other for other in offered if not other.startswith("__")] == API[name]


def test_the_package_offers_the_modules_of_the_api_too_once_they_are_loaded() -> None:
    offered = {name for name in dir(MODULES["corsgate"]) if f"corsgate.{name}" in MODULES}
    assert offered == {name.partition(".")[2] for name in API} - {"", "pytest_plugin"}


def documented() -> Iterator[tuple[str, Any]]:
    """Every function, class, method and property of the API, by its name."""
    named = [
        (f"{module}.{name}", getattr(MODULES[module], name))
        for module in API
        for name in API[module]
    ]
    for name, value in [*named, *GIVEN.items()]:
        if isinstance(value, (dict, frozenset)):
            continue
        yield name, value
        for member, found in vars(value).items() if isinstance(value, type) else ():
            if not member.startswith("_") and isinstance(
                found, (classmethod, property, staticmethod)
            ) | inspect.isfunction(found):
                yield f"{name}.{member}", found


EACH = dict(documented())


def names_to_tell(value: Any) -> set[str]:
    """The parameters; and of what has attributes that nobody gives, those."""
    if isinstance(value, property):
        return set()
    if not isinstance(value, type):
        found = inspect.signature(value.__func__ if isinstance(value, classmethod) else value)
        return {*found.parameters} - {"self", "cls"}
    if "__init__" not in vars(value):
        return set()  # as the class above it
    taken = {*inspect.signature(value).parameters} - {"unknown"}  # which takes nothing
    if is_dataclass(value):
        return taken
    set_here = re.findall(
        r"\bself\.([a-z]\w*)\b[^=\n(]* = ", inspect.getsource(vars(value)["__init__"])
    )
    return {*getattr(value, "_fields", taken - {"failure", "facts"}), *set_here}


@pytest.mark.parametrize("name", EACH)
def test_each_name_has_a_docstring_that_tells_of_each_parameter(name: str) -> None:
    value = EACH[name]
    text = inspect.getdoc(value)
    assert text, name
    assert text.splitlines()[0].endswith((".", "?", ":")), "a first line that is whole"
    told = re.findall(r"^:(?:param|ivar) (\w+):", text, re.MULTILINE)
    assert sorted(told) == sorted({*told}), "twice"
    assert {*told} == names_to_tell(value)


def shown_in_reference() -> Iterator[str]:
    """What docs/api.rst has a directive for, and what comes with it."""
    module = ""
    for kind, name, rest in re.findall(
        r"^\.\. (?:auto|py:)(\w+):: ([\w.]+)(.*(?:\n   .*)*)", REFERENCE, re.MULTILINE
    ):
        if kind == "module":
            module = name
        full = name if "." in name or kind == "module" else f"{module}.{name}"
        yield full
        if ":members:" in rest:
            yield from (other for other in EACH if other.startswith(f"{full}."))


def test_the_page_of_the_api_has_every_name() -> None:
    shown = {id(EACH[name]) for name in shown_in_reference() if name in EACH}
    assert [name for name, value in EACH.items() if id(value) not in shown] == []
    assert {"corsgate.errors.CODES", "corsgate.errors.RELAXABLE"} <= {*shown_in_reference()}


def test_the_page_of_codes_is_what_the_tables_make() -> None:
    assert problem_pages.PAGE.read_text(encoding="utf-8") == problem_pages.page(), (
        "write it anew: python tests/problem_pages.py"
    )


# In the modules that give reasons: what looks like the code of one, and is none.
NO_REASONS = {
    "cache-control",
    "content-type",
    "cors-request",
    "cross-site",
    "insecure-origin",
    "no-cors",
    "no-store",
    "same-site",
}


def test_the_page_of_codes_has_every_reason() -> None:
    found = set()
    for module in ("_engine", "_gate", "_gate_reasons", "_reasons", "_request"):
        tree = ast.parse((DOCS.parent / "corsgate" / f"{module}.py").read_text(encoding="utf-8"))
        constants = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        found |= {text for text in constants if re.fullmatch(r"[a-z]+(-[a-z]+)+", str(text))}
    assert {*problem_pages.REASONS} == found - NO_REASONS
    for code in problem_pages.REASONS:
        assert f'"{code}"' in (Explanation.__doc__ or ""), code


def test_the_examples_of_the_options_do_what_they_show() -> None:
    failed, tried = doctest.testfile(str(DOCS / "options.rst"), module_relative=False)
    assert (failed, tried > 50) == (0, True)


def test_each_option_has_an_example() -> None:
    text = (DOCS / "options.rst").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^``(\w+)``\n~+\n((?:(?!``\w+``\n~|.*\n---).*\n)+)", text, re.M))
    assert [*sections] == [*Policy._fields, "paths", "debug", "on_denied"]
    assert [name for name, section in sections.items() if f"{name}" not in examples(section)] == []
    assert {"CORS_ALLOW_ORIGINS", "prefix="} <= {*re.findall(r"CORS_\w+|prefix=", examples(text))}


def examples(text: str) -> str:
    return "".join(re.findall(r"^(?:>>>|\.\.\.).*\n", text, re.MULTILINE))
