"""The command `corsgate`: what a browser makes of a policy, for people at a terminal.

Every sub-command is a module here with a `click.Command` called `command`, imported when it is run,
and a line in `_COMMANDS`.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

__all__ = ["main"]

# Sub-command, which is also the module's name -> what it does, in one line.
_COMMANDS = {
    "explain": "Say why a browser lets a request through or blocks it.",
    "probe": "Ask a live server what a browser would, and say what is wrong.",
    "migrate": "Translate another library's configuration, and say what changes.",
    "audit": "Ask a live server with hostile origins, and say what is risky.",
    "demo": "Start a laboratory for CORS in your browser.",
}

# Not 1, which is a verdict. 130 is what shells make of Ctrl-C.
_UNWRITTEN, _INTERRUPTED = 2, 130


@contextmanager
def _ending_as_itself() -> Iterator[None]:
    """Ctrl-C and outputs that take no more, which click ends with 1 or a traceback."""
    try:
        yield
    except KeyboardInterrupt:
        raise click.exceptions.Exit(_INTERRUPTED) from None
    except OSError as error:
        _discard(sys.stdout)
        try:
            click.echo(f"Error: the output cannot be written: {error.strerror}", err=True)
        except OSError:
            _discard(sys.stderr)
        raise click.exceptions.Exit(_UNWRITTEN) from None


def _discard(stream: IO[str]) -> None:
    """Write to nowhere what is still in the buffer, which would fail again when Python ends."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


class _Lazy(click.Group):
    """Sub-commands take long to import: the libraries that they need are large."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with _ending_as_itself():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        with _ending_as_itself():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"{__name__}.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """CORS from the server's and the browser's side.

    The exit status is 0 where a browser allows the request, 1 where it blocks it, and 2 where the
    question makes no sense, the application does not start, or there was no answer.
    """
