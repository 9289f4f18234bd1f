"""The command `corsgate`: what a browser makes of a policy, for people at a terminal.

Every sub-command is a module here with a `click.Command` called `command`, imported when it is run,
and a line in `_COMMANDS`.
"""

from __future__ import annotations

from importlib import import_module

import click

__all__ = ["main"]

# Sub-command, which is also the module's name -> what it does, in one line.
_COMMANDS = {
    "explain": "Say why a browser lets a request through or blocks it.",
}


class _Lazy(click.Group):
    """Sub-commands take long to import: the libraries that they need are large."""

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
    question makes no sense or the application does not start.
    """
