"""`corsgate migrate`: another library's configuration in our words, and what changes with it."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from .._advice import package_of
from .._words import one_line
from ._apps import layers_of, loaded, settings_of_django
from ._compare import Difference, battery, compare
from ._literal import read_keywords
from ._move_flask_cors import DEFAULTS, move_flask_cors, origins_of
from ._move_resources import in_order, paths_of
from ._print import ALLOWED, BLOCKED, Unusable, make_console, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from ._move import Move

_NOT_YET = "corsgate does not start with this yet: first write what is said above."
_UNKNOWN = "pip install {}, and what is answered differently is shown here too."
# What a browser makes of it -> how it is announced.
_TITLES = {
    True: "A browser lets more through than before:",
    False: "A browser lets less through than before:",
    None: "These answers differ, and no page notices:",
}
_CALLS = {"CORS", "cross_origin", "init_app"}


class Report(NamedTuple):
    """What is to be said.

    :param old: what the library is called.
    :param differences: what is answered differently, or why that is not known.
    """

    old: str
    move: Move
    differences: list[Difference] | str

    @property
    def status(self) -> int:
        """0 where a browser would notice nothing, as far as that is known."""
        if isinstance(self.differences, str):
            return BLOCKED if self.move.refused else ALLOWED
        return ALLOWED if all(one.lets_through is None for one in self.differences) else BLOCKED


@click.command(short_help="Translate another library's configuration, and say what changes.")
@click.option(
    "--flask-cors",
    metavar="ARGUMENTS",
    help="""Keyword arguments of CORS(app, ...): 'origins="https://app.example.com"'""",
)
@click.option(
    "--app",
    metavar="MODULE:NAME",
    help="Application with Flask-Cors or wsgicors, or its factory().",
)
@click.option(
    "--django",
    metavar="[SETTINGS]",
    is_flag=False,
    flag_value="",
    help="Django project with django-cors-headers; default: DJANGO_SETTINGS_MODULE.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    flask_cors: str | None,
    app: str | None,
    django: str | None,
    as_json: bool,
) -> None:
    """Print the configuration of corsgate that stands for another library's, and what changes.

    Nobody is let in who was not before; what that library let in and corsgate refuses is told, with
    what to write instead. Then both are asked the same requests, and what they answer differently
    is shown: the exit status is 1 if a browser would notice, else 0.

    \b
    corsgate migrate --flask-cors 'origins="https://app.example.com", supports_credentials=True'
    corsgate migrate --flask-cors 'resources={r"/api/*": {"origins": "*"}}'
    """
    if [flask_cors, app, django].count(None) != 2:
        raise click.UsageError("Give one of --flask-cors, --app and --django.")
    if flask_cors is not None:
        report = _report_of_arguments(read_keywords("--flask-cors", flask_cors, _CALLS))
    elif app is not None:
        with loaded(app) as found:
            report = _report_of_app(app, found)
    else:
        report = _report_of_django(settings_of_django(django or ""))
    if as_json:
        _print_json(report)
    else:
        _print(make_console(), report)
    ctx.exit(report.status)


def _report_of_arguments(given: dict[str, Any]) -> Report:
    try:
        move = move_flask_cors(given)
        resources = in_order(given.get("resources", DEFAULTS["resources"]))
    except ValueError as error:
        raise Unusable(f"--flask-cors: {error}.") from None
    try:
        from . import _twins
    except ImportError:
        return Report("Flask-Cors", move, _UNKNOWN.format("flask-cors"))
    try:
        old = _twins.with_flask_cors(given)
    except Exception as error:
        why = one_line(f"{type(error).__name__}: {error}")
        raise Unusable(f"Flask-Cors itself does not start with this: {why}") from None
    if move.paths is None:
        return Report("Flask-Cors", move, _NOT_YET)
    new = _twins.with_corsgate(move.options, move.paths, _twins.new_app())
    options = [{**given, **own} for _, own in resources]
    asked = battery(origins_of(options), paths_of([resource for resource, _ in resources]))
    return Report("Flask-Cors", move, compare(old, new, asked))


def _report_of_app(place: str, app: object) -> Report:
    if "flask_cors" in sys.modules:
        from flask import Flask

        from ._flask_cors import groups_of, move_app, views_of

        for layer in layers_of(app):
            if isinstance(layer, Flask):
                groups, views = groups_of(layer), views_of(layer)
                if groups or views:
                    moved = move_app(layer, groups, views)
                    if moved.apps is None:
                        return Report("Flask-Cors", moved.move, _NOT_YET)
                    found = compare(*moved.apps, moved.asked)
                    return Report("Flask-Cors", moved.move, found)
    if "wsgicors" in sys.modules:
        for layer in layers_of(app):
            if package_of(layer) == "wsgicors":
                target = "app.wsgi_app" if hasattr(app, "wsgi_app") else "app"
                return _report_of_wsgicors(layer, target)
    kind = type(app).__name__
    hint = f" If it makes the application, write {place}()." if kind == "function" else ""
    raise Unusable(f"There is no Flask-Cors and no wsgicors in {place} (a {kind}).{hint}")


def _report_of_wsgicors(layer: Any, target: str) -> Report:
    from ._move_wsgicors import compare_wsgicors, move_wsgicors

    move = move_wsgicors(layer, target)
    differences = _NOT_YET if move.paths is None else compare_wsgicors(layer, move)
    return Report("wsgicors", move, differences)


def _report_of_django(settings: Mapping[str, Any]) -> Report:
    from ._move_django import compare_django, plan

    after = plan(settings)
    found: list[Difference] | str = _NOT_YET
    if after.starts:
        try:
            found = compare_django(settings)
        except ImportError:
            found = _UNKNOWN.format("django-cors-headers")
    return Report("django-cors-headers", after.move, found)


def _print(console: Console, report: Report) -> None:
    click.echo(f"{report.move.code.rstrip()}\n")
    for title, sentences in (
        ("Not carried over as it was:", report.move.refused),
        ("Good to know:", report.move.notes),
    ):
        if sentences:
            console.print(title)
            print_table(console, [("", "-", sentence) for sentence in sentences])
            console.print()
    if isinstance(report.differences, str):
        console.print(report.differences)
        return
    same = all(one.lets_through is None for one in report.differences)
    more = ", and a browser lets the same through" if same else ""
    console.print(f"The same requests were sent to both{more}.")
    for lets_through, title in _TITLES.items():
        some = [one for one in report.differences if one.lets_through is lets_through]
        if some:
            console.print(f"\n{title}")
            _print_differences(console, report.old, some)


def _print_differences(console: Console, old: str, differences: list[Difference]) -> None:
    for request, group in groupby(differences, key=lambda one: one.request):
        rows = [("bold", "Request:", request)]
        for one in group:
            rows += [
                ("", f"{old}:", one.old),
                ("", "corsgate:", one.new),
                ("", "Why:", one.why),
            ]
        console.print()
        print_table(console, [row for row in rows if row[2]])


def _print_json(report: Report) -> None:
    differences = report.differences
    print_json(
        {
            "code": report.move.code,
            "notes": report.move.notes,
            "refused": report.move.refused,
            "differences": differences
            if isinstance(differences, str)
            else [one._asdict() for one in differences],
        }
    )
