"""A real Chromium without a window, which keeps what its pages complain about and ask for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page, sync_playwright

_NAMES: Final = ("chromium-headless-shell", "chromium", "chromium-browser")
_PROGRAM: Final = next(filter(None, map(shutil.which, _NAMES)), None)

needs_chromium = pytest.mark.skipif(
    _PROGRAM is None, reason="no chromium on this machine: apt-get install chromium-headless-shell"
)


@dataclass
class Seen:
    """A page, and what happened in it.

    Attributes:
        page: to act on.
        complaints: lines of the console that are errors, and exceptions.
        requests: addresses it asked for, `data:` apart.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, page: Path) -> None:
        """Open a page of ours from its file, and wait until it is drawn."""
        self.page.goto(page.as_uri())
        self.page.wait_for_selector("body[data-ready]")


@contextmanager
def browser_page(width: int = 1400, height: int = 950) -> Iterator[Seen]:
    """A page of a browser of its own."""
    with sync_playwright() as playwright:
        # Root has no user namespaces to build Chromium's sandbox from.
        browser = playwright.chromium.launch(executable_path=_PROGRAM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(30_000)
        seen = Seen(page)
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                seen.complaints.append(message.text) if message.type == "error" else None
            ),
        )
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith("data:") else seen.requests.append(asked.url)
            ),
        )
        yield seen
        browser.close()
