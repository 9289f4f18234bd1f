"""docs/problems.rst, from the tables of codes: `python tests/problem_pages.py` writes it anew."""

import re
from collections.abc import Iterable
from pathlib import Path

from corsgate._advice import CHECKS
from corsgate.browser._errors import CORS_FAILURES, OTHER_FAILURES
from corsgate.django.checks import id_of
from corsgate.errors import CODES, RELAXABLE, Problem

PAGE = Path(__file__).parent.parent / "docs" / "problems.rst"

# Code of a reason -> what it means, and whether `Decision.reason` has it, or `explain` only.
REASONS = {
    "origin-not-allowed": ("decision", "The policy does not allow the page's origin."),
    "cross-site-write": ("decision", "The gate: who may not write sends an unsafe request."),
    "cross-site-read": ("decision", "The gate: who may not read sends GET, HEAD or OPTIONS."),
    "cross-site-websocket": ("decision", "The gate: who may not write opens a WebSocket."),
    "credentials-not-allowed": (
        "",
        "The page asks for cookies, and the policy does not allow them.",
    ),
    "method-not-allowed": ("", "The policy does not allow the method."),
    "header-not-allowed": ("", "The policy does not allow a header of the request."),
    "authorization-not-covered": (
        "",
        'The policy allows the headers "*", which by the standard does not cover Authorization.',
    ),
    "no-policy": ("", "The policy is None here, so the application has to send the headers."),
    "policy-source-failed": ("", "A callable that chooses the policy raised, or gave none."),
    "path-ambiguous": ("", "The path has // or dots, and may mean one with another policy."),
    "not-cors": ("", "Allowed: a request without Origin, or one that CORS does not judge."),
    "same-origin": ("", "Allowed: the page is on this very site."),
    "plain-options": (
        "",
        "Allowed: OPTIONS without Access-Control-Request-Method is no preflight.",
    ),
}
KINDS = {"decision": "``Decision``, ``explain``", "": "``explain``"}
OF_FLASK = {"gate-missing", "gate-replaced", "gate-order", "settings-changed"}


def cell(text: str) -> str:
    """A text as it is, in a table; what comes from the place that finds it is three dots."""
    text = re.sub(r"(?<=\w)\{what\}", "", text)  # what may follow, in some cases
    text = re.sub(r"\{\w+\}( \{\w+\})*\.?", "...", text)
    for char in "\\*`_|":
        text = text.replace(char, f"\\{char}")
    return text.replace("://", "\\://").replace('"', '""')  # no links


def table(header: str, rows: Iterable[tuple[str, ...]]) -> str:
    lines = [".. csv-table::", f"   :header: {header}", ""]
    lines += ["   " + ", ".join(f'"{one}"' for one in row) for row in rows]
    return "\n".join([*lines, ""])


def django_id(code: str) -> str:
    if code in OF_FLASK:
        return ""
    return id_of(Problem(code=code, field="", value="", message="", hint=""))


def problems(codes: dict[str, tuple[str, str]]) -> str:
    return table(
        "code, what is wrong, what to do, in Django",
        (
            (f"``{code}``", cell(message), cell(hint), django_id(code))
            for code, (message, hint) in codes.items()
        ),
    )


def page() -> str:
    relaxable = ", ".join(f"``{code}``" for code in sorted(RELAXABLE))
    failures = {**CORS_FAILURES, **OTHER_FAILURES}
    reasons = ((f"``{code}``", KINDS[who], cell(what)) for code, (who, what) in REASONS.items())
    raised = ((f"``{code}``", cell(one.step), cell(one.what)) for code, one in failures.items())
    return f"""Codes
=====

Every code here is stable: filter your logs and metrics by it. A release may add codes. Three dots
stand for what depends on the case.

What stops the start
--------------------

``PolicyError.problems`` has a ``Problem`` for each of these; the same text is in Django's checks,
and in ``flask cors check``. In Django a kind is silenced by its id:
``SILENCED_SYSTEM_CHECKS = ["corsgate.W007"]``.

Can be accepted with ``dangerously_allow``: {relaxable}.

{problems(CODES)}
What a check finds in the project
---------------------------------

``flask cors check``, ``manage.py cors check`` and ``manage.py check``.

{problems(CHECKS)}
Why a request is blocked
------------------------

``Decision.reason``, which ``on_denied`` gets; and ``explain``, which knows more, as does the log
in debug mode.

{table("reason, of, what it means", reasons)}
What the browser in tests raises
--------------------------------

``CORSError.code`` and ``FetchError.code`` of ``corsgate.browser``.

{table("code, step of the Fetch standard, what is wrong", raised)}"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
