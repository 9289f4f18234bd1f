"""The guides of docs/moving as tests read them: their code blocks, and the rows of their tables.

A row of a table "differences" has a test of its key, a `Row`: what is answered before and after.
"""

import csv
import io
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from wsgi_client import CORS, Answer, comparable

from corsgate import PolicyError

MOVING = Path(__file__).parent.parent / "docs" / "moving"
Headers = dict[str, object]


def guide(name: str) -> str:
    return (MOVING / f"{name}.rst").read_text(encoding="utf-8")


def blocks(text: str) -> dict[str, str]:
    """Each code block, by its name."""
    found = re.findall(r"\.\. code-block:: \w+\n   :name: (\S+)\n\n((?:   .*\n|\n)+)", text)
    assert len(found) == text.count(".. code-block::"), "a code block has no name"
    return {name: textwrap.dedent(code).strip() for name, code in found}


def table(text: str, name: str) -> list[list[str]]:
    """The rows of a csv-table, each cell on one line."""
    found = re.search(rf"\.\. csv-table::\n   :name: {name}\n(?:   :.*\n)+\n((?:   .*\n)+)", text)
    assert found, f"no table is named {name}"
    rows = [*csv.reader(io.StringIO(textwrap.dedent(found[1])), skipinitialspace=True)]
    assert len({len(row) for row in rows}) == 1, "a row has another number of cells"
    return [[" ".join(cell.split()) for cell in row] for row in rows]


def keys(text: str, name: str) -> list[str]:
    """What the rows of a table are about: their first cells."""
    return [row[0] for row in table(text, name)]


@dataclass(frozen=True)
class Row:
    """A request, and what is answered to it before and after moving."""

    there: Any  # a configuration of what is moved from
    here: Any  # and of corsgate
    request: tuple[str, str, dict[str, str]]
    before: tuple[int, Headers]
    after: tuple[int, Headers] | str  # or the code of what stops the start

    def check(self, before: Answer, ask: Callable[[], Answer]) -> None:
        """Compare what was answered before with what `ask` sets up and gets from corsgate."""
        assert (before.status, joined(before)) == self.before
        if isinstance(self.after, str):
            with pytest.raises(PolicyError) as caught:
                ask()
            assert [problem.code for problem in caught.value.problems] == [self.after]
        else:
            after = ask()
            assert (after.status, after.cors) == self.after


def joined(answer: Answer) -> Headers:
    """The CORS headers and Vary as a browser gets them: lines of one name make one value."""
    names = {name.lower() for name, _ in answer.headers} & CORS
    return comparable({name: ", ".join(answer.values(name)) for name in names})


def headers(
    origin: str | None = None,
    *,
    credentials: str | None = None,
    methods: str | None = None,
    allow: str | None = None,
    expose: str | None = None,
    max_age: str | None = None,
    vary: str | None = None,
) -> Headers:
    """The CORS headers and Vary of an answer, by their last words; `allow` is Allow-Headers."""
    given = {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Credentials": credentials,
        "Access-Control-Allow-Methods": methods,
        "Access-Control-Allow-Headers": allow,
        "Access-Control-Expose-Headers": expose,
        "Access-Control-Max-Age": max_age,
        "Vary": vary,
    }
    return comparable({name: value for name, value in given.items() if value is not None})
