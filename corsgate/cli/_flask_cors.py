"""Finds what an application has given to Flask-Cors, in what that has left in the application."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from .._advice import package_of, sets_headers, within
from .._marks import class_of, handlers_of
from ._compare import Asked, battery
from ._move import Move
from ._move_code import started, write_call
from ._move_flask_cors import (
    DEFAULTS,
    OURS,
    Options,
    imports_of,
    move_all,
    move_options,
    origins_of,
    unique,
)
from ._move_resources import paths_of, shapes_of
from ._print import Unusable
from ._twins import METHODS, Apps, bare_app, new_app, new_view, with_corsgate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Flask

# Where only views and blueprints have something, the gate has to be there.
_NOTHING = Move(
    "from corsgate.flask import CORSGate\n\nCORSGate(app, None)\n", (), (), {"policy": None}, {}
)
_UNNAMED = re.compile(r"<[^>]*>")


class View(NamedTuple):
    """A view, or a method of one, with `@cross_origin`.

    :param name: the endpoint, with the method after it.
    :param method: the method of a `MethodView` that has the decorator, or "".
    :param code: what the decorator is written in, with {} for it.
    :param path: one that it serves.
    :param methods: those that it serves.
    :param given: the options of the decorator.
    """

    name: str
    method: str
    code: str
    path: str
    methods: tuple[str, ...]
    given: dict[str, Any]


class Group(NamedTuple):
    """What `CORS(...)` was called on: the application, or a blueprint, which has a name.

    :param path: one that a blueprint serves, or "".
    :param function: what it has left there.
    :param resources: patterns of paths with all options, the first that matches first.
    """

    name: str | None
    path: str
    function: Callable[..., Any]
    resources: list[tuple[Any, dict[str, Any]]]

    @property
    def given(self) -> dict[str, Any]:
        return self.resources[0][1]


class Mark(NamedTuple):
    """What is to have a `cors(...)`, and with which options."""

    target: View | Group
    options: Options
    written: dict[str, Any]


def groups_of(app: Flask) -> list[Group]:
    """The calls of `CORS(...)`, the first that is asked first."""
    found = []
    for name, functions in app.after_request_funcs.items():
        for function in reversed(functions):
            if package_of(function) == "flask_cors":
                resources = _held_by(function).get("resources")
                if resources is None:
                    raise Unusable(
                        "This release of Flask-Cors does not show its options: give them with"
                        " --flask-cors."
                    )
                options = [(pattern, _given(resolved)) for pattern, resolved in resources]
                found.append(Group(name, _first_path(app, name), function, options))
    return found


def _first_path(app: Flask, name: str | None) -> str:
    rules = app.url_map.iter_rules() if name else ()
    inside = (rule.rule for rule in rules if rule.endpoint.startswith(f"{name}."))
    return _UNNAMED.sub("1", next(inside, ""))


def views_of(app: Flask) -> list[View]:
    """The views with `@cross_origin`, each at its first path."""
    found: dict[str, View] = {}
    settings = {
        name: app.config[key]
        for name in DEFAULTS
        if app.config.get(key := f"CORS_{name.upper()}") is not None
    }
    for rule in app.url_map.iter_rules():
        view = app.view_functions.get(rule.endpoint)
        for method, target in [("", view), *handlers_of(view)]:
            given = _decorated(target, app)
            if given is None:
                continue
            name = f"{rule.endpoint}.{method}" if method else rule.endpoint
            methods = tuple(sorted(rule.methods or ()))
            path, code = _UNNAMED.sub("1", rule.rule), _code_around(view, method)
            one = View(name, method, code, path, methods, {**settings, **given})
            found.setdefault(name, one)
    return list(found.values())


def _code_around(view: object, method: str) -> str:
    if method:
        return f"@{{}}\ndef {method}(self): ..."
    view_class = class_of(view)
    if view_class is not None:
        return f"decorators = [{{}}]  # in class {getattr(view_class, '__name__', '')}"
    name = getattr(view, "__name__", "")
    return f"@{{}}\ndef {name if name.isidentifier() else 'view'}(): ..."


def _decorated(target: object, app: Flask) -> dict[str, Any] | None:
    inside = (one for one in within(target, app) if package_of(one) == "flask_cors")
    options = (_held_by(function).get("_options") for function in inside)
    return next((given for given in options if isinstance(given, dict)), None)


def _held_by(function: object) -> dict[str, Any]:
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    cells = getattr(function, "__closure__", None) or ()
    return {name: cell.cell_contents for name, cell in zip(names, cells, strict=True)}


def _given(resolved: Any) -> dict[str, Any]:
    """The options that Flask-Cors has made of what was given, without those at their default."""
    options: Mapping[str, Any] = resolved if isinstance(resolved, dict) else vars(resolved)
    found = {name: options[name] for name in DEFAULTS if name in options}
    return {name: value for name, value in found.items() if not _is_default(name, value)}


def _is_default(name: str, value: Any) -> bool:
    if name in ("origins", "allow_headers"):
        texts = [getattr(entry, "pattern", entry) for entry in value]
        return texts == [".*"]
    if name == "methods":
        return {*str(value).split(", ")} == {*DEFAULTS["methods"]}
    return bool(value == DEFAULTS[name])


# ------------------------------------------------------------------ what stands for it


class Moved(NamedTuple):
    """The move of an application, with the two applications to compare, if it starts."""

    move: Move
    apps: tuple[Apps, Apps] | None
    asked: list[Asked]


def move_app(app: Flask, groups: list[Group], views: list[View]) -> Moved:
    """What to write in the place of all calls of Flask-Cors in an application."""
    own = [resource for group in groups if not group.name for resource in group.resources]
    move, around = _NOTHING, OURS
    if own:
        move, around = move_all(own)
    starts = move.paths is not None
    parts = [move.code.partition("CORSGate\n\n")[2]]
    notes, refused = [*move.notes, *_by_hand(app)], [*move.refused]
    marks: list[Mark] = []
    targets: list[View | Group] = [*(group for group in groups if group.name), *views]
    for target in targets:
        place = f"{'view' if isinstance(target, View) else 'blueprint'} {target.name!r}"
        if isinstance(target, Group) and not _is_for_all(target):
            refused.append(
                f"{place}: resources on a blueprint have no equal. Write them as paths of"
                " CORSGate(app, ...)."
            )
            starts = False
            continue
        options = move_options(target.given)
        mark = Mark(target, options, options.beside(around) or _origins_of(options))
        marks.append(mark)
        starts = starts and options.starts
        notes += [f"{place}: {note}" for note in options.notes]
        refused += [f"{place}: {why}" for why in options.refused]
        call = write_call("cors", [], mark.written)
        code, library = "{}(blueprint)", "CORS(...)"
        if isinstance(target, View):
            code, library = target.code, "@cross_origin(...)"
        call = code.format(call)
        parts.append(f"# {place}, in the place of {library}\n{call}\n")
    names = "CORSGate, cors" if marks else "CORSGate"
    body = "\n".join(parts)
    move = Move(
        code=f"{imports_of(body)}from corsgate.flask import {names}\n\n{body}",
        notes=unique(notes),
        refused=unique(refused),
        options=move.options if starts else {},
        paths=move.paths if starts else None,
    )
    if not starts:
        return Moved(move, None, [])
    asked = []
    if own:
        patterns = [pattern for pattern, _ in own]
        asked += battery(origins_of(given for _, given in own), paths_of(patterns))
    for mark in marks:
        asked += _asked_of(mark.target)
    return Moved(move, _twins(app, groups, marks, move), asked)


def _asked_of(target: View | Group) -> list[Asked]:
    if not target.path:
        return []
    method = target.method.upper() if isinstance(target, View) else ""
    asked = battery(origins_of([target.given]), [quote(target.path)])
    # The other methods of a view have their own decorators, or none.
    return [one for one in asked if method in ("", one.method)]


def _by_hand(app: Flask) -> list[str]:
    """What to say about functions that set CORS headers by themselves; they are not called."""
    functions = [one for some in app.after_request_funcs.values() for one in some]
    return [
        f"The after_request function {getattr(function, '__qualname__', function)} sets CORS"
        " headers too, and corsgate takes them out: delete it."
        for function in functions
        if sets_headers(function)
    ]


def _is_for_all(group: Group) -> bool:
    (pattern, _), *others = group.resources
    return not others and any(shape.everything for shape in shapes_of(pattern))


def _origins_of(options: Options) -> dict[str, Any]:
    return {"allow_origins": options.values["allow_origins"]}


def _twins(app: Flask, groups: list[Group], marks: list[Mark], move: Move) -> tuple[Apps, Apps]:
    """Applications without the user's views: some with what Flask-Cors left there, some with ours.

    Each mark has one of its own, where no other view is on its path.
    """
    old, new = Apps(_old_twin(app, groups, new_app())), Apps(_new_twin(move, new_app()))
    for mark in marks:
        path = mark.target.path
        before, after = bare_app(), bare_app()
        _add_old(before, mark.target)
        _add_new(after, mark)
        old.apps[path] = _old_twin(app, groups, before)
        new.apps[path] = _new_twin(move, after)
    return old, new


def _old_twin(app: Flask, groups: list[Group], twin: Flask) -> Flask:
    twin.config.update({key: app.config[key] for key in app.config if key.startswith("CORS_")})
    for group in reversed(groups):  # Flask asks the last first
        if group.name is None:
            twin.after_request(group.function)
    return twin


def _new_twin(move: Move, twin: Flask) -> Flask:
    return with_corsgate(move.options, move.paths, twin)


def _add_old(twin: Flask, target: View | Group) -> None:
    from flask import Blueprint
    from flask_cors import cross_origin

    if isinstance(target, View):
        _add_view(twin, target, cross_origin(**target.given))
    else:
        blueprint = Blueprint("group", "migrate")
        blueprint.after_request(target.function)
        blueprint.add_url_rule(target.path or "/", "view", new_view(), methods=METHODS)
        twin.register_blueprint(blueprint)


def _add_new(twin: Flask, mark: Mark) -> None:
    from flask import Blueprint

    from ..flask import cors

    target, decorate = mark.target, cors(**started(mark.written))
    if isinstance(target, View):
        _add_view(twin, target, decorate)
    else:
        blueprint = Blueprint("group", "migrate")
        blueprint.add_url_rule(target.path or "/", "view", new_view(), methods=METHODS)
        twin.register_blueprint(decorate(blueprint))


def _add_view(twin: Flask, target: View, decorate: Callable[[Any], Any]) -> None:
    from flask.views import MethodView

    if target.method:
        view_class: Any = type("View", (MethodView,), {target.method: decorate(new_view())})
        twin.add_url_rule(target.path, view_func=view_class.as_view("view"))
    else:
        view = decorate(new_view())
        twin.add_url_rule(target.path, "view", view, methods=[*target.methods])
