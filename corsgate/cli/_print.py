"""How all sub-commands print: steps as a table, a verdict, and the lines that belong to it."""

from __future__ import annotations

import errno
import json
import os
import sys
from typing import TYPE_CHECKING, Any, cast

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .._origin import find_correction, find_fault
from .._problems import problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from io import TextIOWrapper

    from .._explain import Explanation, Step

ALLOWED, BLOCKED = 0, 1
# Outcome of a step -> its mark, which needs no colour, and its style, for terminals that have any.
_MARKS = {True: ("passed", "green"), False: ("FAILED", "bold red"), None: ("-", "dim")}


class Unusable(click.ClickException):
    """The question makes no sense as it is, or cannot be answered; says what to do."""

    exit_code = 2


def check_origin(origin: str) -> None:
    """Whether a page can have what was given as --origin.

    :raises Unusable: if not.
    """
    if "*" in origin:
        raise Unusable(f"--origin: {origin!r} is a pattern, and a page has one origin.")
    code = find_fault(origin) if origin != "null" else None
    if code is not None:
        meant = find_correction(origin)
        fix = f" Write {meant}." if meant else " Copy it from the browser's console."
        fault = problem(code, "--origin", origin)
        raise Unusable(f"--origin: {fault.message} No browser sends it.{fix}")


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """rich ends the process with 1, which is a verdict here; the group knows better."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def make_console() -> Console:
    """Standard output, without rich's guesses at what a text means."""
    # A name in the application may have letters that this terminal cannot show.
    cast("TextIOWrapper", sys.stdout).reconfigure(errors="backslashreplace")
    return _Console(highlight=False, markup=False, emoji=False)


def print_steps(console: Console, steps: Iterable[Step]) -> None:
    """A line for each step that a browser takes."""
    rows = []
    for step in steps:
        mark, style = _MARKS[step.passed]
        rows.append((style, mark, step.name, step.text))
    print_table(console, rows)


def print_verdict(console: Console, explanation: Explanation) -> None:
    """Whether the browser allows it; if not, the setting that decides and what to write."""
    style = "bold green" if explanation.allowed else "bold red"
    # The step that failed has said it.
    said = any(step.passed is False for step in explanation.steps)
    label, _, fix = explanation.advice.partition(": ")
    lines = {
        "Allowed:" if explanation.allowed else "Blocked:": (
            explanation.reason if said else explanation.message
        ),
        "Setting:": explanation.setting,
        "Nearest:": explanation.nearest,
        f"{label}:": fix,
    }
    print_table(console, [(style, label, text) for label, text in lines.items() if text])


def print_table(console: Console, rows: Iterable[tuple[str, ...]]) -> None:
    """Texts side by side, the last wrapped; before those of a row the style of its first."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for style, *cells in rows:
        first, *others = cells
        table.add_row(Text(first, style), *others)  # sentences are to be read, so in no colour
    console.print(table)


def print_json(found: Mapping[str, Any]) -> None:
    """For programs: ASCII, so that it can be read whatever the terminal's encoding is."""
    # The one control character that json leaves as it is.
    click.echo(json.dumps(found, indent=2).replace("\x7f", "\\u007f"))
