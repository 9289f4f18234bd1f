"""What the guides of docs/moving say: a `Row` for each of a table "differences", by its key."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from wsgi_client import CORS, Answer, comparable

from corsgate import PolicyError

Headers = dict[str, object]


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
