"""The command `corsgate`, which is also `python -m corsgate`."""

from __future__ import annotations

import sys
from importlib.util import find_spec

# What the extra `cli` brings.
_LIBRARIES = ("click", "rich")


def main() -> None:
    """Run the command; it ends the process with the command's status."""
    if not all(map(find_spec, _LIBRARIES)):
        sys.exit(_missing())
    from .cli import main as command

    command(prog_name="corsgate")


def _missing() -> int:
    sys.stderr.write("The command corsgate needs more: pip install 'corsgate[cli]'\n")
    return 2


if __name__ == "__main__":
    main()
