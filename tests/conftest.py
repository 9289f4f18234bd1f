"""What a green run must not hide: a test left out, and the checkout in the place of the wheel."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import corsgate
from corsgate._callables import failures

# `--hypothesis-profile` chooses another. Times on shared machines say nothing; what the code costs
# is counted elsewhere.
settings.register_profile("ci", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# A hundred times the examples, and others each time.
settings.register_profile(
    "nightly",
    settings.get_profile("ci"),
    max_examples=10_000,
    derandomize=False,
    database=None,
    print_blob=True,
)
settings.load_profile("ci")

pytest.register_assert_rewrite("advisories")


def pytest_configure() -> None:
    place = Path(corsgate.__file__)
    if "TOX_ENV_NAME" in os.environ and not place.is_relative_to(sys.prefix):
        pytest.exit(f"tox is to test the installed corsgate, not {place}", returncode=2)


@pytest.fixture(autouse=True)
def nothing_was_logged_before() -> None:
    """What fails is logged once a minute, and tests share the minute."""
    failures.clear()


def pytest_sessionfinish(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped"):
        # Which tests an env has is said in tox.ini; what is in one has to run.
        reporter.write_line("a skipped test is a failed one here", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
