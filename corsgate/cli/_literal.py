"""Reads the arguments of a call as Python writes them, and runs nothing of it."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from .._problems import show
from .._words import one_line

if TYPE_CHECKING:
    from collections.abc import Collection

_FLAGS = {name: flag for name, flag in re.RegexFlag.__members__.items() if name != "DEBUG"}


def read_keywords(option: str, text: str, calls: Collection[str]) -> dict[str, Any]:
    """The keyword arguments in `text`: literals, `re.compile(...)` and `timedelta(...)`.

    :param option: what the text was given as.
    :param calls: names of functions, a whole call of which may be given too.
    :raises click.UsageError: for anything else.
    """
    source, found = text.strip(), _call(text.strip(), calls)
    if found is None:
        source = f"f({text}\n)"
        found = _call(source, {"f"})
    if found is None:
        raise click.UsageError(
            f"{option} takes keyword arguments as Python writes them, such as"
            f" 'origins=[\"https://app.example.com\"]', not {show(text)}."
        )
    values = {}
    for keyword in found.keywords:
        if keyword.arg is None:
            raise click.UsageError(f"{option}: write out what ** stands for.")
        if keyword.arg in values:
            raise click.UsageError(f"{option}: {keyword.arg} is there twice: keep one of them.")
        try:
            values[keyword.arg] = _value(keyword.value)
        except (ValueError, TypeError, OverflowError, RecursionError, re.error) as error:
            written = one_line(ast.get_source_segment(source, keyword.value) or "")
            why = f" ({error})" if isinstance(error, re.error) else ""
            raise click.UsageError(
                f"{option}: {keyword.arg}={written} is no literal{why}. Nothing is run to find its"
                " value: write the value itself, or give the application with --app."
            ) from None
    return values


def _call(text: str, names: Collection[str]) -> ast.Call | None:
    """The call that a text is, of one of these functions, without arguments but its first."""
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(node, ast.Call) or _name(node.func) not in names:
        return None
    # CORS(app, ...): the application is not looked at.
    most = 0 if isinstance(node.func, ast.Name) and node.func.id == "f" else 1
    return node if len(node.args) <= most else None


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _value(node: ast.expr) -> Any:
    match node:
        case ast.List(items):
            return [_value(item) for item in items]
        case ast.Tuple(items):
            return tuple(map(_value, items))
        case ast.Set(items):
            return set(map(_value, items))
        case ast.Dict(keys, values):
            return {_key(key): _value(value) for key, value in zip(keys, values, strict=True)}
        case ast.Call(function, arguments, keywords) if _name(function) == "compile":
            text, *flags = arguments
            if keywords or len(flags) > 1:
                raise ValueError
            return re.compile(_value(text), *map(_flag, flags))
        case ast.Call(function, [], keywords) if _name(function) == "timedelta":
            return timedelta(**{str(one.arg): _value(one.value) for one in keywords})
    return ast.literal_eval(node)


def _key(node: ast.expr | None) -> Any:
    if node is None:  # {**other}
        raise ValueError
    return _value(node)


def _flag(node: ast.expr) -> re.RegexFlag:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _flag(node.left) | _flag(node.right)
    if _name(node) not in _FLAGS:
        raise ValueError
    return _FLAGS[_name(node)]
