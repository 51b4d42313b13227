"""The pictures of docs/console.md, from a real run: `make screenshots`.

`idweave up` on free ports, a synthetic retail day published bit by bit, and a Chromium that does what the guide says:
it looks at the overview, at somebody whom much is known of, compares two identifiers, previews a split.
Must not know: how the console is made.
"""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from playwright.async_api import Browser, Page, async_playwright, expect

from stream.servers.child_process import LOOPBACK, free_port
from tests.browser.conftest import chromium

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs" / "console"
PEOPLE = 1500
PARTS = (700, 2200, 900, 1600, 3000, 1200, 1900, 2600, 1300, 2400)
"""Records that are published every five seconds, so that there is something to see."""
EVERY_SECONDS = 5.0
WAIT_MS = 60_000
SECOND_ROW = "tbody tr:nth-child(2)"


class Run(NamedTuple):
    """An engine that runs: its console, and what its command line needs to know."""

    address: str
    environment: dict[str, str]

    def idweave(self, *arguments: str, given: bytes | None = None) -> None:
        """A command of its command line."""
        command = [sys.executable, "-m", "stream.cli", *arguments]
        subprocess.run(command, env=self.environment, input=given, check=True, stdout=subprocess.DEVNULL)  # noqa: S603

    def get(self, path: str) -> Any:  # noqa: ANN401 - JSON
        """What its interface answers."""
        with urllib.request.urlopen(self.address.partition("#")[0] + path.removeprefix("/"), timeout=20) as answer:  # noqa: S310
            return json.loads(answer.read())


@contextmanager
def engine() -> Iterator[Run]:
    """`idweave up` on ports that nobody uses, for as long as the block runs."""
    broker, store = free_port(), free_port()
    environment = {name: text for name, text in os.environ.items() if not name.startswith("IDWEAVE_")} | {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "IDWEAVE_HTTP": f"{LOOPBACK}:{free_port()}",
        "IDWEAVE_BROKERS": f"{LOOPBACK}:{broker}",
    }
    command = [sys.executable, "-m", "stream.cli", "up", "--broker-port", str(broker), "--store-port", str(store)]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as running:
        assert running.stdout is not None
        try:
            address = next(found[0] for line in running.stdout if (found := re.search(r"http://\S+#token=\S+", line)))
            yield Run(address, environment)
        finally:
            running.terminate()
            running.stdout.read()


async def publish(run: Run) -> None:
    """A retail day, in parts."""
    with tempfile.TemporaryDirectory() as folder:
        day = Path(folder) / "day.jsonl"
        run.idweave("generate", "--people", str(PEOPLE), "--out", str(day), "--truth", str(Path(folder) / "truth.json"))
        lines = day.read_bytes().splitlines(keepends=True)
    at = 0
    for count in (*PARTS, len(lines)):
        part, at = lines[at : at + count], at + count
        if part:
            await asyncio.to_thread(run.idweave, "publish", "-", given=b"".join(part))
            await asyncio.sleep(EVERY_SECONDS)


def rich(run: Run) -> str:
    """The profile id of somebody whom much is known of, who merged, and next to whom a merge was refused."""
    entries = run.get("/v1/merges?limit=200")["entries"]
    ids = dict.fromkeys(name for entry in entries for name in entry["to"])
    profiles = [run.get(f"/v1/profiles/{name}") for name in list(ids)[:80]]

    def weight(profile: dict[str, Any]) -> tuple[bool, bool, int]:
        edges = run.get(f"/v1/profiles/{profile['profile_id']}/graph")["edges"]
        refused = any(edge["rule"] == "unique" for edge in edges)
        return refused, bool(profile["lifetime_value"]), min(len(profile["identifiers"]), 7) + len(profile["tags"])

    best: dict[str, Any] = max(profiles, key=weight)
    return str(best["profile_id"])


async def page_of(browser: Browser, run: Run, scheme: Any, language: str, fragment: str = "") -> Page:  # noqa: ANN401
    """A page of the console."""
    context = await browser.new_context(
        locale="en-GB", color_scheme=scheme, viewport={"width": 1440, "height": 1000}, timezone_id="Asia/Shanghai"
    )
    page = await context.new_page()
    page.set_default_timeout(WAIT_MS)
    await page.goto(run.address)
    await page.evaluate("name => localStorage.setItem('idweave.language', name)", language)
    await page.goto(run.address.partition("#")[0] + fragment)
    await page.reload()
    return page


async def person(page: Page, name: str) -> None:
    """A person, whole."""
    await expect(page.locator(".evidence")).to_be_visible()
    await expect(page.locator(".entries").first).to_be_visible()
    await page.locator(".evidence .line.refused").last.dispatch_event("click")
    await page.screenshot(path=DOCS / name, full_page=True)


async def main() -> None:
    """Make all of them."""
    DOCS.mkdir(exist_ok=True)
    expect.set_options(timeout=WAIT_MS)
    with engine() as run:
        await publish(run)
        somebody = await asyncio.to_thread(rich, run)
        async with async_playwright() as driver:
            browser = await driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            page = await page_of(browser, run, "light", "en")
            await expect(page.locator(".feed .entry").first).to_be_visible()
            await expect(page.locator(".chart")).to_be_visible()
            await page.screenshot(path=DOCS / "overview.png")
            page = await page_of(browser, run, "light", "en", f"#/person/{somebody}")
            await person(page, "person.png")
            await page.locator(".evidence .outside").last.dispatch_event("click")
            await page.get_by_role("button", name="Compare with the strongest").click()
            await expect(page.locator(".verdict")).to_be_visible()
            await page.screenshot(path=DOCS / "compare.png")
            await page.go_back()
            await page.locator(f"{SECOND_ROW} input").check()
            await page.get_by_role("button", name="Split", exact=True).click()
            await page.get_by_label("By whom").fill("amy")
            await page.get_by_role("textbox", name="Why").fill("mother and daughter")
            await page.get_by_role("button", name="Preview").click()
            await expect(page.get_by_role("button", name="Confirm")).to_be_visible()
            await page.screenshot(path=DOCS / "split.png")
            page = await page_of(browser, run, "dark", "zh", f"#/person/{somebody}")
            await person(page, "person-dark-zh.png")
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
