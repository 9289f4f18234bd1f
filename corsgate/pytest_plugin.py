"""For pytest: the fixture `cors_browser`. Loaded by itself where corsgate is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .browser import Browser


__all__ = ["cors_browser"]


def __dir__() -> list[str]:
    return __all__


@pytest.fixture
def cors_browser() -> type[Browser]:
    """`corsgate.browser.Browser`: `page = cors_browser(app, origin="https://app.example.com")`."""
    # Not before it is asked for: pytest loads this module in every run.
    from .browser import Browser

    return Browser
