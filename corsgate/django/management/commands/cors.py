"""`manage.py cors` and `manage.py cors check`."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.admindocs.utils import (
    remove_non_capturing_groups,
    replace_metacharacters,
    replace_named_groups,
    replace_unnamed_groups,
)
from django.core.management.base import BaseCommand

from ...._advice import conclude
from ...._marks import handlers_of, is_marked
from ...._report import rows_of, table
from ...checks import Project, check_middleware, find_deployed, find_problems, id_of

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from typing import Any

    from ...._paths import PathRules
    from ...._report import Row
    from ....errors import Problem
    from ...routing import View


class Command(BaseCommand):
    """The table of all routes; with `check`, what is wrong."""

    help = (
        "Shows which CORS policy each route has, and where that is written. `manage.py cors check`"
        " shows what is wrong with them; its exit status is 1 if anything is."
    )
    # They would stop the command where it is needed most.
    requires_system_checks: tuple[()] = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The one word that may follow."""
        parser.add_argument("action", nargs="?", choices=["check"], help="show what is wrong")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print, and end with status 1 if there is a problem."""
        project = Project()
        if options["action"] == "check":
            found = [*find_problems(project), *find_deployed(project)]
            silenced = settings.SILENCED_SYSTEM_CHECKS
            self._tell([one for one in found if id_of(one) not in silenced], len(project.routes))
            return
        missing = [one for one in check_middleware(project) if one.code == "middleware-missing"]
        if project.rules is None or project.problems or missing:
            self._tell([*missing, *project.problems], 0)
        else:
            self.stdout.write(table(_rows(project, project.rules)))

    def _tell(self, problems: list[Problem], routes: int) -> None:
        text, status = conclude(problems, routes, _spell)
        self.stdout.write(text)
        if status:
            sys.exit(status)


def _spell(found: Problem) -> str:
    return f"{found.field}: {found.message} {found.hint} [{id_of(found)}]"


def _rows(project: Project, rules: PathRules) -> list[Row]:
    return [
        row
        for place, view in project.routes
        for row in rows_of(
            "",
            _as_path(place),
            [name.upper() for name, _ in handlers_of(view) if name != "options"],
            project.policies[view],
            partial(_marked_at, view),
            rules,
            "settings",
        )
    ]


def _marked_at(view: View, method: str) -> str:
    return "view" if is_marked(view, method) else "group"


def _as_path(place: str) -> str:
    """A route as a path with names in it, also where it is a regular expression."""
    for simplify in (
        remove_non_capturing_groups,
        replace_named_groups,
        replace_unnamed_groups,
        replace_metacharacters,
    ):
        place = simplify(place)
    return "/" + place.removeprefix("/").replace("\\.", ".")
