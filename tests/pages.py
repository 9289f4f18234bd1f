"""The pages for readers as tests read them: code blocks by their names, and the rows of tables."""

import csv
import io
import re
import textwrap
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent

_BLOCK = re.compile(
    r"^( *)\.\. code-block:: (\w+)\n\1   :name: (\S+)\n\n((?:\1   .*\n|\n)+)", re.MULTILINE
)
_TABLE = re.compile(r"^\.\. csv-table::\n((?:   :.*\n)+)\n((?:   .*\n)+)", re.MULTILINE)


def read_page(name: str) -> str:
    """The text of a page, by its path without the ending."""
    return (ROOT / f"{name}.rst").read_text(encoding="utf-8")


def blocks_with_language(text: str) -> dict[str, tuple[str, str]]:
    """The language and the code of each block, by its name."""
    found = _BLOCK.findall(text)
    assert len(found) == text.count(".. code-block::"), "a code block has no name"
    blocks = {name: (language, textwrap.dedent(code)) for _, language, name, code in found}
    assert len(blocks) == len(found), "two code blocks have one name"
    return {name: (language, code.strip()) for name, (language, code) in blocks.items()}


def blocks(text: str) -> dict[str, str]:
    """Each code block, by its name."""
    return {name: code for name, (_, code) in blocks_with_language(text).items()}


class Table(NamedTuple):
    """A csv-table; each cell is on one line."""

    name: str
    header: list[str]
    rows: list[list[str]]


def tables(text: str) -> list[Table]:
    """All tables of a text."""
    found = [_read(options, rows) for options, rows in _TABLE.findall(text)]
    assert len(found) == text.count(".. csv-table::"), "a table is not read"
    return found


def _read(lines: str, rows: str) -> Table:
    options = dict(re.findall(r"^   :([\w-]+): *(.*)$", lines, re.MULTILINE))
    header, *cells = [
        [" ".join(cell.split()).replace("\\*", "*") for cell in row]
        for row in csv.reader(
            io.StringIO(f"{options['header']}\n{textwrap.dedent(rows)}"), skipinitialspace=True
        )
    ]
    # docutils fills up a row that is too short, without a word.
    assert {len(row) for row in cells} == {len(header)}, "a row has another number of cells"
    return Table(options.get("name", ""), header, cells)


def table(text: str, name: str) -> list[list[str]]:
    """The rows of the table with this name."""
    [found] = [one.rows for one in tables(text) if one.name == name]
    return found


def keys(text: str, name: str) -> list[str]:
    """What the rows of a table are about: their first cells."""
    return [row[0] for row in table(text, name)]
