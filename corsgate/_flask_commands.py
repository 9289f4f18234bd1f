"""`flask cors` and `flask cors check`, which are there even if the gate was forgotten."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click
from flask.cli import ScriptInfo
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.shared_data import SharedDataMiddleware

from ._advice import (
    check_cookies,
    check_deployed,
    check_use,
    conclude,
    finding,
    hides_mark,
    package_of,
    places_of,
    sets_headers,
    within,
)
from ._flask_config import check_unchanged
from ._flask_views import MergedViews, below_mark_of, marks_around
from ._marks import class_of, handlers_of, mark_of, marks_on
from ._nested import closed_under_all
from ._report import rows_of, table
from .errors import PolicyError, Problem
from .policy import Policy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flask import Flask
    from werkzeug.routing import Rule

    from ._nested import Source
    from ._report import Row
    from .flask import _Gate

# What answers in the place of the application, and is best inside of the gate.
_ANSWERING = (DispatcherMiddleware, SharedDataMiddleware)
_ANSWERING_PACKAGES = ("whitenoise",)
_CORS_PACKAGES = {"flask_cors": "Flask-Cors", "wsgicors": "wsgicors"}


@click.group("cors", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Show which CORS policy each route has, and where that is written.

    `flask cors check` shows what is wrong with them.
    """
    if context.invoked_subcommand is not None:
        return
    try:
        app = _load(context)
        gate = _gate_of(app)
        if gate is None:
            raise PolicyError(_check_gate(app))
        click.echo(table(_rows(app, gate, MergedViews(app, gate._rules))))
    except PolicyError as error:
        _tell(error.problems)


@command.command("check")
@click.pass_context
def check(context: click.Context) -> None:
    """Show what is wrong with the CORS configuration. The exit status is 1 if anything is.

    Origins that are meant for development count unless the application is in debug mode.
    """
    try:
        app = _load(context)
        _tell(_check(app), len(list(app.url_map.iter_rules())))
    except PolicyError as error:  # at CORSGate(app) or a @cors(...): the application cannot start
        _tell(error.problems)


def _load(context: click.Context) -> Flask:
    return context.ensure_object(ScriptInfo).load_app()


def _tell(problems: Iterable[Problem], routes: int = 0) -> None:
    text, status = conclude(problems, routes)
    click.echo(text)
    if status:
        raise SystemExit(status)


def _gate_of(app: Flask) -> _Gate | None:
    gate: _Gate | None = app.extensions.get("corsgate")
    return gate


# ------------------------------------------------------------------ routes


def _rows(app: Flask, gate: _Gate, views: MergedViews) -> list[Row]:
    return [
        row
        for rule in app.url_map.iter_rules()
        for row in rows_of(
            _domain_of(app, rule),
            rule.rule,
            _methods_of(rule),
            views.find(rule.endpoint),
            partial(_marked_at, app, rule.endpoint, views),
            gate._rules,
            "application",
        )
    ]


def _domain_of(app: Flask, rule: Rule) -> str:
    if rule.host or not rule.subdomain:
        return rule.host or ""
    return f"{rule.subdomain}.{app.config['SERVER_NAME'] or ''}"


def _methods_of(rule: Rule) -> list[str]:
    """Without those that Flask adds by itself."""
    methods = set(rule.methods or ())
    return sorted(methods - ({"OPTIONS", "HEAD"} if "GET" in methods else {"OPTIONS"}) or methods)


def _marked_at(app: Flask, endpoint: str, views: MergedViews, method: str) -> str:
    group = views.group_of(app, endpoint, method)
    return "view" if group is None else f"blueprint {group!r}"


# ------------------------------------------------------------------ checks


def _check(app: Flask) -> Iterator[Problem]:
    yield from _check_gate(app)
    gate = _gate_of(app)
    if gate is None:
        return
    yield from _check_other_layers(app)
    try:
        check_unchanged(gate._app, gate._configured)
    except RuntimeError as error:
        yield finding("settings-changed", "app.config", what=str(error))
    try:
        views = MergedViews(app, gate._rules)
    except PolicyError as error:
        yield from error.problems
        return
    policies = {f"view {name!r}": views.find(name) for name in app.view_functions}
    for endpoint, view in app.view_functions.items():
        if hides_mark(view, views.marks, app):
            fix = "Put it above that one, or right below @app.route."
            yield finding("mark-hidden", f"view {endpoint!r}", view, fix=fix)
        lost = _lost_gate(app, gate._rules.application, endpoint, view)
        if lost != "off":
            yield finding("gate-not-inherited", f"view {endpoint!r}", lost, fix=f'"{lost}"')
    yield from check_use(gate._rules, policies.values(), "allow_origins")
    places = places_of(gate._rules, policies, "allow_origins", "paths")
    if not app.debug:
        yield from check_deployed(places)
    if app.secret_key:  # else there are no sessions
        same_site, secure = (
            app.config[f"SESSION_COOKIE_{name}"] for name in ("SAMESITE", "SECURE")
        )
        yield from check_cookies(places, same_site, secure, _hosts(app))


def _lost_gate(app: Flask, application: Source, endpoint: str, view: object) -> str:
    """The gate around a view that a `Policy` without one has put out, or "off".

    Whether a `Policy` was given gate="off" cannot be told; of options it can.
    """
    shared = [*marks_around(app, endpoint, view), mark_of(class_of(view)), mark_of(view)]
    own = [mark_of(handler) for _, handler in handlers_of(view)]
    for chain in ([*shared, last] for last in (None, *own)):
        source, lost = application, "off"
        for mark in filter(None, chain):
            if isinstance(mark.policy, Policy):
                around = closed_under_all(source).gate
                if mark.policy.gate != "off" or around != "off":
                    lost = around if mark.policy.gate == "off" else "off"
            elif "gate" in mark.options:
                lost = "off"
            source = mark.apply(source, "", [])
        if lost != "off":
            return lost
    return "off"


def _check_gate(app: Flask) -> Iterator[Problem]:
    gate = _gate_of(app)
    place = f"application {app.name!r}"
    if gate is None:
        views = [
            f"view {name!r}"
            for name, view in app.view_functions.items()
            if marks_on(view) or below_mark_of(view)
        ]
        groups = [f"blueprint {name!r}" for name, group in app.blueprints.items() if mark_of(group)]
        marked = " and ".join([*groups, *views])
        what = f", and the @cors(...) of {marked} has no effect" if marked else ""
        yield finding("gate-missing", place, what=what)
        return
    outside: list[object] = []
    for layer in within(app.wsgi_app, app):
        if layer is gate:
            for other in outside:
                if isinstance(other, _ANSWERING) or package_of(other) in _ANSWERING_PACKAGES:
                    yield finding("gate-order", "app.wsgi_app", other, what=type(other).__name__)
            return
        outside.append(layer)
    if any(layer is app for layer in outside):
        yield finding("gate-replaced", "app.wsgi_app", app.wsgi_app)


def _check_other_layers(app: Flask) -> Iterator[Problem]:
    """Other libraries for CORS, and functions that set the headers by hand."""
    for functions in app.after_request_funcs.values():
        for function in functions:
            what = _CORS_PACKAGES.get(package_of(function), "")
            if not what and sets_headers(function):
                what = f"The function {getattr(function, '__qualname__', function)}"
            if what:
                yield finding("other-cors", "after_request", function, what=what)
    starts: dict[str, object] = {"app.wsgi_app": app.wsgi_app}
    starts |= {f"view {name!r}": view for name, view in app.view_functions.items()}
    for place, start in starts.items():
        packages = {package_of(target) for target in within(start, app)}
        for package in sorted(packages & _CORS_PACKAGES.keys()):
            yield finding("other-cors", place, start, what=_CORS_PACKAGES[package])


def _hosts(app: Flask) -> set[str]:
    config = app.config
    names = [config.get("SERVER_NAME"), config.get("SESSION_COOKIE_DOMAIN")]
    names += config.get("TRUSTED_HOSTS") or ()
    return {_without_port(name.removeprefix(".")) for name in names if name}


def _without_port(host: str) -> str:
    return host if host.endswith("]") else host.rpartition(":")[0] or host
