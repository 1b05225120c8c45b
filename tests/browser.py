"""A headless Chromium for the tests of the report page: the system's own, or a reason why the tests are skipped."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
NO_BROWSER: Final = "no Chromium here, so the report page is not opened; install it with: apt-get install chromium"
ARGUMENTS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def find_chromium() -> str:
    """Return the path of the system's Chromium. Without one, skip the test; fail it if CI=true."""
    path = next((path for name in NAMES if (path := shutil.which(name))), None)
    return path or stop(NO_BROWSER)


def stop(reason: str) -> NoReturn:
    """Skip the test with a reason; fail it under CI=true."""
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Yield a running Chromium."""
    path = find_chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@dataclass(slots=True)
class Opened:
    """A page in a browser, with its requests and its console messages."""

    page: Page
    requests: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def count(self, selector: str) -> int:
        """Return how many elements match a selector."""
        return self.page.locator(selector).count()

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its screen."""
        width: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return width


@contextmanager
def opened(browser: Browser, file: Path, width: int = 1280, height: int = 800, **options: Any) -> Iterator[Opened]:
    """Yield a page with this file in a window of its own."""
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    page = context.new_page()
    view = Opened(page)
    page.on("request", lambda request: view.requests.append(request.url))
    page.on("requestfailed", lambda request: view.refused.append(request.url))
    page.on("console", lambda message: view.said.append(message.text))
    page.on("pageerror", lambda error: view.said.append(str(error)))
    page.on("dialog", lambda dialog: view.said.append(dialog.message))
    page.goto(file.as_uri())
    yield view
    context.close()
