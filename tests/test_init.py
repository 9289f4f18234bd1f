"""What `corsgate` itself offers, and what it says to those who look for more there."""

import importlib
from types import ModuleType

import pytest

import corsgate


def test_all_public_names_are_there_and_no_others() -> None:
    public = {
        name
        for name, value in vars(corsgate).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    # Loaded when it is asked for, so that a server that never does need not have it.
    assert public | {"check", "explain"} == set(corsgate.__all__)
    assert len(corsgate.__all__) == len(set(corsgate.__all__))
    assert public >= {"Decision", "Policy", "PolicyError", "Problem", "decide"}


@pytest.mark.parametrize("name", sorted(corsgate.__all__))
def test_every_public_name_has_a_docstring(name: str) -> None:
    assert getattr(corsgate, name).__doc__


# Each with the lines that would have been right; the message has at least one of them whole.
LINES = {
    "CORSGate": ["from corsgate.flask import CORSGate"],
    "CORSMiddleware": [
        "from corsgate.wsgi import CORSMiddleware",
        '"corsgate.django.CORSMiddleware"',
    ],
    "cors": ["from corsgate.flask import cors", "from corsgate.django import cors"],
    # as others call them
    "CORS": ["from corsgate.flask import CORSGate", "from corsgate.wsgi import CORSMiddleware"],
    "CorsMiddleware": ['"corsgate.django.CORSMiddleware" in MIDDLEWARE'],
    "cross_origin": ["from corsgate.flask import cors", "from corsgate.django import cors"],
}
each_name = pytest.mark.parametrize("name", LINES)


@each_name
def test_what_belongs_to_a_front_end_is_not_in_the_package_and_says_where_it_is(name: str) -> None:
    with pytest.raises(ImportError) as caught:
        exec(f"from corsgate import {name}")
    text = str(caught.value)
    assert name in text
    for line in LINES[name]:
        assert line in text


def test_who_looks_for_the_gate_is_shown_all_front_ends() -> None:
    with pytest.raises(ImportError) as caught:
        exec("from corsgate import CORSGate")
    for module in ("corsgate.flask", "corsgate.wsgi", "corsgate.django"):
        assert module in str(caught.value)


@each_name
def test_reading_it_as_an_attribute_says_the_same(name: str) -> None:
    with pytest.raises(
        ImportError, match=f"^{name} is not for every framework: write from corsgate"
    ):
        getattr(corsgate, name)


def test_any_other_name_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'corsgate' has no attribute 'Cors'"):
        corsgate.Cors  # type: ignore[attr-defined]  # noqa: B018
    assert not hasattr(corsgate, "nothing")


def test_an_unknown_name_cannot_be_imported() -> None:
    with pytest.raises(ImportError, match="cannot import name 'Cors' from 'corsgate'"):
        exec("from corsgate import Cors")


def test_a_submodule_can_be_imported_from_the_package() -> None:
    wsgi = importlib.import_module("corsgate.wsgi")
    scope: dict[str, object] = {}
    exec("from corsgate import wsgi", scope)
    assert scope["wsgi"] is wsgi
