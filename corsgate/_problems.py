"""Problems in the words of `errors.CODES`, and values as messages show them."""

from __future__ import annotations

from .errors import CODES, Problem, _one_line


def problem(code: str, field: str, value: object, *, what: str = "", fix: str = "") -> Problem:
    """A problem in the words of `CODES`."""
    message, hint = CODES[code]
    if fix and "{fix}" not in hint:
        hint = "Write {fix}."
    return Problem(
        code=code,
        field=field,
        value=value,
        message=message.format(value=_cut(_repr(value)), what=what),
        hint=hint.format(fix=fix),
    )


def show(value: object) -> str:
    """A value that a client may have sent, for the log: ASCII only, one line, not too long."""
    return _cut(_repr(value).encode("ascii", "backslashreplace").decode("ascii"))


def _repr(value: object) -> str:
    # Objects of users need not have one: a row of a closed session, a number with 5,000 digits.
    try:
        text = repr(value)
    except Exception:
        text = f"<{type(value).__name__} that cannot be shown>"
    return _one_line(text)


def _cut(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:80]}... ({len(text)} characters)"
