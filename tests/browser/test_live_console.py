"""The console of a real worker on real servers: an event is published, found, split and put back, in a Chromium."""

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.conftest import Broker
from tests.live.engine import Engine, visit
from tests.live.redis_server import RedisServer

NUMBER = "13800138001"
WAIT_MS = 30_000
pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.live]


async def test_an_own_event_is_found_split_and_put_back(
    kafka: Broker, redis_server: RedisServer, topic_prefix: str, tmp_path: Path, browser: Browser
) -> None:
    """What a first user does; the number is in no log of the worker."""
    with Engine(kafka.bootstrap, redis_server.url, topic_prefix, tmp_path) as engine:
        worker = engine.start_worker(IDWEAVE_API_TOKENS="reader:read-me,operator:operate-me")
        engine.publish([visit(1, card="A", phone=NUMBER), visit(2, phone=NUMBER, openid="daughter")])
        engine.settle()
        context = await browser.new_context(locale="en-GB")
        page = await context.new_page()
        page.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        await page.goto(f"http://127.0.0.1:{worker.port}/#token=operate-me")
        await page.get_by_role("searchbox").fill("138 0013 8001")
        await page.get_by_role("button", name="Search").click()
        await expect(page.locator("tbody tr")).to_have_count(3)
        await expect(page.locator(".evidence .line.counts")).to_have_count(2)
        await page.get_by_role("checkbox", name="Choose openid main:daughter").check()
        await page.get_by_role("button", name="Split", exact=True).click()
        for left in (2, 3):
            dialog = page.get_by_role("dialog")
            await dialog.get_by_role("button", name="Preview").click()
            await dialog.get_by_role("button", name="Confirm").click()
            await expect(page.locator("tbody tr")).to_have_count(left)
            if left < 3:
                await dialog.get_by_role("button", name="Undo").click()
        await page.get_by_role("dialog").get_by_role("button", name="Close").click()
        await page.get_by_role("link", name="Overview").click()
        merges = page.locator(".feed").filter(has=page.get_by_role("heading", name="Merges and splits"))
        await expect(merges.locator(".entry")).to_have_count(2)
        await context.close()
        assert NUMBER not in engine.logs()
