"""The commands at the end of the guides say that all is well, or what is not."""

from typing import Any

import pytest
from click.testing import CliRunner
from flask.cli import ScriptInfo
from pages import blocks, read_page
from wsgi_server import serving

from corsgate._flask_commands import command
from corsgate.cli import main

START = "from flask import Flask, request\n\napp = Flask(__name__)\n"
ROUTE = "\napp.add_url_rule('/api', 'api', dict, methods=['GET', 'PUT'])\n"
BY_HAND = blocks(read_page("docs/moving/by_hand"))
SHOPS = {
    "express": blocks(read_page("docs/moving/express"))["after"] + ROUTE,
    "by_hand": START + BY_HAND["flask-after"] + ROUTE,
    "nginx": blocks(read_page("docs/moving/nginx"))["after"] + ROUTE,
}
FLASK = "flask --app shop cors "


def outcomes(name: str, code: str) -> list[tuple[int, str]]:
    """The exit status of each command of a guide, and the end of what it prints, for code."""
    names: dict[str, Any] = {"__name__": "shop"}
    exec(code, names)
    app = names["app"]
    found = []
    with serving(app) as served:
        for line in blocks(read_page(f"docs/moving/{name}"))["check"].splitlines():
            if line.startswith(FLASK):
                told = ScriptInfo(create_app=lambda: app)
                done = CliRunner().invoke(command, line.removeprefix(FLASK).split(), obj=told)
            else:
                corsgate, probe, url, *options = line.split()
                assert (corsgate, probe, url.rpartition("/")[2]) == ("corsgate", "probe", "api")
                done = CliRunner().invoke(main, [probe, f"{served}/api", *options])
            found.append((done.exit_code, done.output.rpartition("\n\n")[2]))
    return found


@pytest.mark.parametrize("name", SHOPS)
def test_all_is_well(name: str) -> None:
    probe, *check = outcomes(name, SHOPS[name])
    assert probe == (0, "Allowed: a browser lets the page read the answer.\n")
    assert check in ([], [(0, "2 routes checked, no problem found.\n")])


def test_what_was_left_in_the_code_is_named() -> None:
    probe, check = outcomes("by_hand", SHOPS["by_hand"] + "\n" + BY_HAND["flask-before"])
    assert probe[0] == 0
    assert check[0] == 1
    assert "add_cors_headers" in check[1]
