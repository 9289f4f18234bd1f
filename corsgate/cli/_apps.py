"""Finds the gate of an application, and asks it which policy a request is judged by.

Nothing is served and no view runs: the application is only imported.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from contextlib import contextmanager, redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from operator import attrgetter
from textwrap import indent
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .._denials import words_without
from .._paths import decode_path
from ..wsgi import CORSMiddleware
from ._print import Unusable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from wsgiref.types import WSGIEnvironment

    from .._nested import Source
    from .._words import Words
    from ..flask import _Gate
    from ..policy import Policy

# module:name, or a function there that makes the application
_PLACE = re.compile(r"([\w.]+):([\w.]+)(\(\))?")
# Where WSGI layers keep what they wrap: Werkzeug's and most others, Flask, WebTest, functools.
_INNER = ("app", "wsgi_app", "application", "__wrapped__")
_MOST_LAYERS = 50
_PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep
# Nobody has asked which host it is.
ANY_HOST = "testserver"


class Gate(NamedTuple):
    """A gate in an application.

    :param host: one by which the application takes requests.
    :param find: the source of the policy for a request's environ and method.
    :param words_of: how the options of a policy are spelt where it is written.
    :param words_without: what says that there is no policy, as their place.
    """

    host: str
    find: Callable[[WSGIEnvironment, str], Source]
    words_of: Callable[[Policy], Words]
    words_without: Callable[[WSGIEnvironment], Words]


def gate_of_app(place: str) -> Gate:
    """The outermost gate of what `module:name` or `module:factory()` is.

    :raises click.ClickException: where there is none, or the application does not start.
    """
    with loaded(place) as app:
        for layer in layers_of(app):
            gate = _gate_of_layer(layer)
            if gate is not None:
                return gate
    kind = type(app).__name__
    hint = f" If it makes the application, write {place}()." if kind == "function" else ""
    raise Unusable(
        f"There is no CORSGate or CORSMiddleware of corsgate in {place} (a {kind}).{hint}"
    )


@contextmanager
def loaded(place: str) -> Iterator[object]:
    """What `module:name` or `module:factory()` is; what is done with it may fail as it may.

    :raises click.ClickException: where it does not start.
    """
    parts = _PLACE.fullmatch(place)
    if parts is None or parts[1].endswith(".py"):
        hint = _meant(place)
        raise click.UsageError(f"--app takes module:name or module:factory(), not {place!r}.{hint}")
    module, name, is_factory = parts.groups()
    with _starting(place):
        app = attrgetter(name)(import_module(module))
        if is_factory:
            app = app()
        yield app


def _meant(place: str) -> str:
    """A hint, where a file was given or the name was left out."""
    file, _, name = place.partition(":")
    module = file.removesuffix(".py").removeprefix("./").replace("/", ".")
    meant = f"{module}:{name or 'app'}"
    return f" Write {meant}." if _PLACE.fullmatch(meant) else ""


def gate_of_django(settings_module: str) -> Gate:
    """The gate of the Django project with these settings, by default DJANGO_SETTINGS_MODULE's.

    :raises click.ClickException: where there is none, or the project does not start.
    """
    with _starting("The Django project"):
        _set_up_django(settings_module)
        return _gate_of_settings()


def settings_of_django(settings_module: str) -> dict[str, Any]:
    """The settings of a Django project that are about CORS; the project as of `gate_of_django`.

    :raises click.ClickException: where the project does not start.
    """
    with _starting("The Django project"):
        _set_up_django(settings_module)
        from django.conf import settings

        # To look at others may warn.
        names = [name for name in dir(settings) if name.startswith("CORS_")]
        names += ["MIDDLEWARE", "INSTALLED_APPS", "SECURE_SSL_REDIRECT"]
        return {name: getattr(settings, name) for name in names}


def _set_up_django(settings_module: str) -> None:
    import django
    from django.conf import settings

    if settings_module:
        os.environ["DJANGO_SETTINGS_MODULE"] = settings_module
    elif not (settings.configured or os.environ.get("DJANGO_SETTINGS_MODULE")):
        raise Unusable(
            "Which project? Write --django project.settings, or set DJANGO_SETTINGS_MODULE."
        )
    _check_is_module(os.environ.get("DJANGO_SETTINGS_MODULE", ""))
    django.setup()


def _check_is_module(settings_module: str) -> None:
    """The package around the settings is taken for them only too easily, and has none."""
    found = find_spec(settings_module) if settings_module else None
    if found is None or found.submodule_search_locations is None:
        return
    inner = f"{settings_module}.settings"
    if find_spec(inner) and not any(map(str.isupper, vars(import_module(settings_module)))):
        raise Unusable(f"{settings_module} is a package without settings: write --django {inner}.")


def _gate_of_layer(layer: object) -> Gate | None:
    # What is not imported by now is not in the application.
    if isinstance(layer, CORSMiddleware):
        rules = layer._rules
        return Gate(
            ANY_HOST,
            lambda environ, method: rules.find(decode_path(environ["PATH_INFO"])),
            layer._words_of,
            lambda environ: words_without(rules, decode_path(environ["PATH_INFO"])),
        )
    if "corsgate.flask" in sys.modules:
        from ..flask import _Gate

        if isinstance(layer, _Gate):
            return _gate_of_flask(layer)
    if "django" in sys.modules:
        from django.core.handlers.base import BaseHandler

        if isinstance(layer, BaseHandler):
            return _gate_of_settings()
    return None


def layers_of(app: object) -> Iterator[object]:
    """An application and what it wraps, outermost first."""
    waiting = [app]
    for layer in islice(waiting, _MOST_LAYERS):
        yield layer
        inner = (getattr(layer, name, None) for name in _INNER)
        waiting += [found for found in inner if found is not None]


def _gate_of_flask(gate: _Gate) -> Gate:
    views = gate._merge(gate._rules)  # finds what is wrong with views
    config = gate._app.config
    # Requests to other hosts are turned down, or belong to no view.
    trusted = [host.removeprefix(".") for host in config.get("TRUSTED_HOSTS") or ()]
    host = next(iter(trusted), None) or config["SERVER_NAME"] or ANY_HOST
    return Gate(
        host,
        lambda environ, method: gate._route(views, environ, method)[0],
        gate._words_of,
        lambda environ: words_without(gate._rules, decode_path(environ["PATH_INFO"])),
    )


def _gate_of_settings() -> Gate:
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIRequest
    from django.utils.module_loading import import_string

    from ..django import CORSMiddleware as Middleware
    from ..django.conf import current_rules, words_without_policy
    from ..django.routing import marks_of, route, walk, words_of

    classes = map(import_string, settings.MIDDLEWARE)
    if not any(isinstance(found, type) and issubclass(found, Middleware) for found in classes):
        raise Unusable(
            'The Django project has no "corsgate.django.CORSMiddleware" in its MIDDLEWARE: put it'
            " first there."
        )
    rules = current_rules()
    list(walk(None))  # raises what is wrong with the URLs themselves
    marks_of(None, rules)

    return Gate(
        ANY_HOST,
        lambda environ, method: route(WSGIRequest(environ), method, rules)[0],
        words_of,
        lambda environ: words_without_policy(WSGIRequest(environ).path_info),
    )


@contextmanager
def _starting(what: str) -> Iterator[None]:
    """What the application prints meanwhile, and how it fails, kept apart from the answer."""
    here = os.getcwd()
    # As servers do, and `python -m`, but not a command that is installed.
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        with redirect_stdout(sys.stderr):
            yield
    except Unusable:
        raise
    except (Exception, SystemExit) as error:
        text = indent("".join(traceback.format_exception_only(error)).rstrip(), "  ")
        raise Unusable(f"{what} does not start{_line_of(error, here)}:\n{text}") from None


def _line_of(error: BaseException, here: str) -> str:
    """The line of the user's own code that it came from, if there is one."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        name = frame.filename.removeprefix(here + os.sep)
        is_ours = frame.filename.startswith(_PACKAGE)
        if name != frame.filename and "site-packages" not in name and not is_ours:
            return f", because of {name}, line {frame.lineno}"
    return ""
