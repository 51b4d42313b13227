"""A real Chromium for the tests of the console, and the console of a worker in memory.

In CI (the variable `CI` is set) a browser that is not there is a failure; elsewhere what to install is said, and the
tests are skipped.
"""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

HERE = Path(__file__).parent
SECONDS = 120
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser on a busy machine takes its time."""
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(SECONDS))


def chromium() -> str:
    """The browser's program."""
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        why = f"No Chromium is installed ({', '.join(PROGRAMS)}). On Debian: apt-get install chromium."
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """The browser, without a window; one for all tests, because it takes seconds to start."""
    program = chromium()
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    async with async_playwright() as driver:
        # Chromium refuses its sandbox to root; build servers are root.
        browser = await driver.chromium.launch(executable_path=program, args=["--no-sandbox"] if root else [])
        yield browser
        await browser.close()
