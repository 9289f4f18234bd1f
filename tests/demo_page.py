"""corsgate demo in a real browser, and what its page shows, as plain data."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from browsers import chromium, report_server
from playwright.sync_api import Browser, Page, sync_playwright

from corsgate.demo._places import Places

# What Playwright sets by itself, or in its own way.
_ITS_OWN = ("--headless", "--user-data-dir", "--proxy-server")


@contextmanager
def real_browser() -> Iterator[Browser]:
    """The installed Chromium; its proxy refuses everything, so nothing leaves the machine."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home,
        report_server() as (proxy, _),
        chromium(Path(home), proxy) as command,
        sync_playwright() as playwright,
    ):
        found = playwright.chromium.launch(
            executable_path=command[0],
            args=[flag for flag in command[1:] if not flag.startswith(_ITS_OWN)],
            proxy={"server": f"http://127.0.0.1:{proxy}", "bypass": "localhost,127.0.0.1"},
        )
        yield found
        found.close()


def wait(page: Page) -> None:
    """Until a run is over."""
    page.wait_for_selector("main[data-state=done]")


class Shown:
    """What a page shows; origins by the names of their callers, and RUN for the id of a run."""

    def __init__(self, page: Page, places: Places) -> None:
        self._page = page
        self._names = {caller.origin: key for key, caller in places.callers.items()}
        del self._names["null"]
        self._names[places.api] = "api"

    def plain(self, text: str) -> str:
        for origin, name in self._names.items():
            text = text.replace(origin, f"<{name}>")
            text = text.replace(origin.replace("http:", "https:"), f"<https {name}>")
        return re.sub(r"run=[0-9a-f]+", "run=RUN", text)

    def there(self, text: str) -> str:
        """The opposite: the text with the API's origin for its name."""
        return text.replace("<api>", next(o for o, n in self._names.items() if n == "api"))

    def texts(self, selector: str) -> list[str]:
        """What is seen of the elements, one line each."""
        found = (self._page.locator(selector).nth(n) for n in range(self.count(selector)))
        return [self.plain(re.sub(r"\s*\n\s*", " | ", one.inner_text().strip())) for one in found]

    def count(self, selector: str) -> int:
        return self._page.locator(selector).count()

    def pairs(self, selector: str) -> dict[str, str]:
        return dict(zip(self.texts(f"{selector} dt"), self.texts(f"{selector} dd"), strict=True))

    def all(self) -> dict[str, Any]:
        """Everything that a run is told by."""
        return {
            "verdict": " ".join(self.texts("#title, #text")),
            "preflight": self.texts("#preflight")[0],
            "sequence": self.texts("#sequence > li"),
            "decided": self.texts("#decided")[0],
            "failed": self.texts("#steps .failed"),
            "why": self.texts("#advice > p:not(.note)"),
            "advice": self.pairs("#advice"),
            "notes": self.texts("#advice .note"),
            "apply": self.texts("#apply"),
            "seen": self.texts("#seen")[0],
            "consoles": self.pairs("#consoles"),
        }
