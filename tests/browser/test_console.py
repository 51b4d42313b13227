"""The console in a real Chromium: searching, a person, evidence, comparing, commands, two languages, dark mode.

Every page that is opened here fails its test on an error in the browser's log, on anything that its content policy
stops, and on any request to another host.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.async_api import Browser, ConsoleMessage, Page, expect

from stream.config.settings import Secret
from tests.stream.small_site import TOKENS, Client, Site

NUMBER = "13800138001"
OPERATOR = "operator-of-this-run"
WAIT_MS = 20_000
expect.set_options(timeout=WAIT_MS)
pytestmark = pytest.mark.asyncio(loop_scope="session")
AXE = Path(AXE_FILE_PATH).read_text()


@pytest.fixture
def site() -> Site:
    """A person with a card, a phone and an openid, another card in conflict with it, and somebody else."""
    site = Site()
    site.own_operator = Secret(OPERATOR)
    both = {"phone": NUMBER, "openid": "main:mother"}
    site.world.publish(
        {"card": "main:B", "phone": NUMBER}, {"login": "main:zhang"}, {"card": "main:A", "phone": NUMBER}, both
    )
    for at in range(4):
        site.pulse.note(1_790_000_000_000_000 + at * 5_000_000, at * 600, 0)
    return site


ColorScheme = Literal["light", "dark"]


class Watched:
    """A page, what it said, and what it asked for."""

    def __init__(self, page: Page, host: str) -> None:
        self.page = page
        self.wrong: list[str] = []
        self.asked: list[str] = []
        self._host = host
        page.set_default_timeout(WAIT_MS)
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", lambda request: self.asked.append(unquote(request.url)))

    def _heard(self, said: ConsoleMessage) -> None:
        # That somebody is not found, or can't be read, is an answer like any other; the browser calls it an error.
        if said.type in {"error", "warning"} and not re.search(r"with a status of 40[04]", said.text):
            self.wrong.append(said.text)

    def check(self) -> None:
        """Nothing went wrong, nothing came from elsewhere, and no number was ever in an address."""
        assert not self.wrong
        assert {urlsplit(url).netloc for url in self.asked} == {self._host}
        assert not [url for url in (*self.asked, self.page.url) if NUMBER in url or "138001" in url]


@asynccontextmanager
async def opened(
    browser: Browser, client: Client, fragment: str = f"#token={OPERATOR}", *, scheme: ColorScheme = "light"
) -> AsyncIterator[Page]:
    """The console, which must have nothing to complain of when it is left."""
    context = await browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900}, color_scheme=scheme)
    host = f"127.0.0.1:{client.address.port}"
    watched = Watched(await context.new_page(), host)
    await watched.page.goto(f"http://{host}/{fragment}")
    yield watched.page
    watched.check()
    await context.close()


async def find(page: Page, text: str) -> None:
    """Search as a person does."""
    await page.get_by_role("searchbox").fill(text)
    await page.get_by_role("button", name="Search").click()


async def accessible(page: Page) -> None:
    """What axe finds wrong, contrast too: nothing."""
    await page.evaluate(AXE)
    found = await page.evaluate("axe.run({resultTypes: ['violations']})")
    assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found["violations"]] == []


async def test_a_person_is_found_by_any_identifier(site: Site, browser: Browser) -> None:
    """By number in any spelling, by card, by profile id; nobody is a sentence; the number is nowhere afterwards."""
    async with site.served() as client, opened(browser, client) as page:
        for text in ("138 0013 8001", f"phone:{NUMBER}", "main:mother"):
            await find(page, text)
            await expect(page.get_by_role("heading", level=1)).to_have_text("main:A")
            await expect(page.get_by_role("searchbox")).to_have_value("")
            assert NUMBER not in await page.content()
            await page.get_by_role("link", name="Overview").click()
            await expect(page.get_by_role("heading", name="Conflicts")).to_be_visible()
        profile_id = next(name for name, one in site.world.profiles().items() if len(one["identifiers"]) == 3)
        await find(page, profile_id)
        await expect(page.get_by_text("138****8001").first).to_be_visible()
        await find(page, "nobody-at-all")
        await expect(page.get_by_role("status")).to_contain_text("Nobody is known by this")


async def test_a_person_whole(site: Site, browser: Browser) -> None:
    """Identifiers masked, tiles, stage, picture and timeline; lines and boxes speak when clicked or entered."""
    async with site.served() as client, opened(browser, client) as page:
        await find(page, NUMBER)
        await expect(page.locator("tbody tr")).to_have_count(3)
        await expect(page.get_by_text("Known person")).to_be_visible()
        await expect(page.get_by_text("Lifetime value")).to_be_visible()
        picture = page.get_by_role("region", name="Why they are one person")
        await expect(picture.locator(".box")).to_have_count(4)
        await expect(picture.locator(".line.refused")).to_have_count(1)
        assert await picture.locator(".line.refused path:not(.touch)").evaluate(
            "e => getComputedStyle(e).strokeDasharray"
        )
        refused = picture.locator(".line.refused")
        await refused.dispatch_event("click")
        await expect(page.locator(".panel")).to_contain_text("two values of a unique namespace")
        await expect(page.locator(".panel")).to_contain_text("event-1")
        box = picture.get_by_role("button", name="openid main:mother", exact=True)
        await box.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator(".panel")).to_contain_text("1 links count, 0 are refused")
        await expect(page.locator(".entry.type-conflict")).to_have_count(1)
        await accessible(page)


async def test_two_identifiers_are_compared(site: Site, browser: Browser) -> None:
    """One person with the way between them, two with what was refused; the address has tokens at most."""
    async with site.served() as client, opened(browser, client, "#/compare") as page:
        for one, other, verdict in (
            (f"phone:{NUMBER}", "openid:mother", "One person"),
            ("card:A", "card:B", "Not one person: evidence"),
            ("card:A", "login:zhang", "Not one person: no evidence"),
        ):
            await page.get_by_label("One identifier").fill(one)
            await page.get_by_label("The other").fill(other)
            await page.get_by_role("button", name="Compare", exact=True).click()
            await expect(page.locator(".verdict")).to_contain_text(verdict)
        await page.get_by_label("The other").fill("shoe:42")
        await page.get_by_role("button", name="Compare", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("namespace is not declared")
        await page.get_by_label("The other").fill("card:B")
        await page.get_by_role("button", name="Compare", exact=True).click()
        await expect(page.locator(".verdict")).to_contain_text("Not one person")
        await accessible(page)


async def test_a_split_is_previewed_confirmed_and_taken_back(site: Site, browser: Browser) -> None:
    """A preview changes nothing; confirming does; the answer offers to take it back, and the page follows."""
    async with site.served() as client, opened(browser, client) as page:
        await find(page, NUMBER)
        await page.get_by_role("checkbox", name="Choose openid main:mother").check()
        await page.get_by_role("button", name="Split", exact=True).click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.locator(".chosen")).to_contain_text("openid main:mother")
        await dialog.get_by_label("By whom").fill("amy")
        await expect(dialog.get_by_role("button", name="Confirm")).to_be_hidden()
        await dialog.get_by_role("button", name="Preview").click()
        await expect(dialog).to_contain_text("1 identifier would leave 2 identifiers behind")
        await expect(dialog).to_contain_text("phone 138****8001")
        await accessible(page)
        before = site.world.profiles()
        await dialog.get_by_label("Why").fill("daughter")
        await expect(dialog.get_by_role("button", name="Confirm")).to_be_hidden()
        await dialog.get_by_role("button", name="Preview").click()
        await dialog.get_by_role("button", name="Confirm").click()
        await expect(dialog.locator(".answer.done")).to_contain_text("leaves 2 identifiers behind")
        assert len(site.world.profiles()) == len(before) + 1
        await expect(page.locator("tbody tr")).to_have_count(2)
        await dialog.get_by_role("button", name="Undo").click()
        await page.get_by_role("dialog").get_by_role("button", name="Preview").click()
        await page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
        await expect(page.locator("tbody tr")).to_have_count(3)
        await page.get_by_role("dialog").get_by_role("button", name="Close").click()
        await page.get_by_role("link", name="Overview").click()
        commands = page.locator(".feed").filter(has=page.get_by_role("heading", name="Commands"))
        await expect(commands.locator(".entry")).to_have_count(2)
        await expect(page.locator(".feed .entry.type-merged")).to_have_count(1)
        await expect(page.locator(".feed").get_by_role("button", name="Undo")).to_have_count(0)
        await find(page, NUMBER)
        await expect(page.locator(".entry.type-command")).to_have_count(2)
        await expect(page.locator(".entry").get_by_role("button", name="Undo")).to_have_count(0)


async def test_what_is_refused_cannot_be_confirmed(site: Site, browser: Browser) -> None:
    """Neither what the worker refuses nor what cannot be read; Enter adds an identifier and sends nothing."""
    async with site.served() as client, opened(browser, client) as page:
        await find(page, NUMBER)
        await page.get_by_role("button", name="Merge", exact=True).click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Identifiers").fill("login:zhang")
        await dialog.get_by_label("Identifiers").press("Enter")
        await expect(dialog.locator(".chosen li")).to_have_count(2)
        await dialog.get_by_role("button", name="Preview").click()
        await expect(dialog).to_contain_text("2 identifiers of 2 people would be one person")
        await dialog.get_by_role("button", name="Remove login:zhang").click()
        await expect(dialog.get_by_role("button", name="Confirm")).to_be_hidden()
        await dialog.get_by_label("Identifiers").fill(f"phone:{NUMBER}")
        await dialog.get_by_role("button", name="Preview").click()
        await expect(dialog.locator(".answer")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(dialog).to_be_hidden()


async def carry_out(page: Page, name: str, fields: dict[str, str], preview: str, said: str) -> None:
    """A command by its button: filled in, previewed, confirmed, answered; the dialog stays open."""
    await page.get_by_role("button", name=name, exact=True).click()
    dialog = page.get_by_role("dialog")
    for label, text in fields.items():
        await dialog.get_by_label(label).fill(text)
    await dialog.get_by_role("button", name="Preview").click()
    await expect(dialog.locator(".answer")).to_contain_text(preview)
    await accessible(page)
    await dialog.get_by_role("button", name="Confirm").click()
    await expect(dialog.locator(".answer.done")).to_contain_text(said)


async def take_back(page: Page) -> None:
    """*Undo* at the answer, previewed and confirmed too."""
    await page.get_by_role("dialog").get_by_role("button", name="Undo").click()
    await page.get_by_role("dialog").get_by_role("button", name="Preview").click()
    await page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
    await expect(page.get_by_role("dialog").locator(".answer.done")).to_be_visible()
    await page.get_by_role("dialog").get_by_role("button", name="Close").click()


async def test_a_number_changes_hands_and_back(site: Site, browser: Browser) -> None:
    """Unbind: the number leaves its person, and somebody new holds it; taken back, it is as if nothing had been."""
    async with site.served() as client, opened(browser, client) as page:
        await find(page, "card:A")
        await page.get_by_role("checkbox", name="Choose phone 138****8001").check()
        whom = {"The person it leaves": "card:A"}
        await carry_out(
            page, "Unbind", whom, "A new life of the phone would begin", "stays with the person of the card"
        )
        await expect(page.locator("tbody tr")).to_have_count(2)
        await page.get_by_role("dialog").get_by_role("button", name="Close").click()
        await find(page, NUMBER)
        await expect(page.locator("tbody tr")).to_have_count(1)
        await page.get_by_role("link", name="Overview").click()
        await page.locator(".feed").get_by_role("button", name="Undo").first.click()
        await page.get_by_role("dialog").get_by_role("button", name="Preview").click()
        await page.get_by_role("dialog").get_by_role("button", name="Confirm").click()
        await expect(page.get_by_role("dialog").locator(".answer.done")).to_be_visible()
        await page.get_by_role("dialog").get_by_role("button", name="Close").click()
        await find(page, NUMBER)
        await expect(page.locator("tbody tr")).to_have_count(3)


async def test_a_blocked_value_links_nobody(site: Site, browser: Browser) -> None:
    """Block and its undo, block and unblock."""
    async with site.served() as client, opened(browser, client) as page:
        for ending in ("Undo", "Unblock"):
            await find(page, "card:A")
            await expect(page.locator("tbody tr")).to_have_count(3)
            await page.get_by_role("checkbox", name="Choose phone 138****8001").check()
            await carry_out(page, "Block", {}, "1 identifier that was seen would be blocked", "is blocked")
            await expect(page.locator("tbody tr")).to_have_count(1)
            if ending == "Undo":
                await take_back(page)
            else:
                await page.get_by_role("dialog").get_by_role("button", name="Close").click()
                await carry_out(
                    page, "Unblock", {"Identifier": f"phone:{NUMBER}"}, "would be taken again", "is taken again"
                )
                await page.get_by_role("dialog").get_by_role("button", name="Close").click()
            await expect(page.locator("tbody tr")).to_have_count(3)


async def test_a_person_is_erased(site: Site, browser: Browser) -> None:
    """The person in view is who is meant; afterwards nobody is known, and nothing offers to take it back."""
    async with site.served() as client, opened(browser, client) as page:
        await find(page, NUMBER)
        await expect(page.locator("tbody tr")).to_have_count(3)
        await carry_out(
            page, "Erase", {"Why": "request 118"}, "One person of 3 identifiers would be erased", "is erased"
        )
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("button", name="Undo")).to_have_count(0)
        await dialog.get_by_role("button", name="Close").click()
        await expect(page.get_by_role("alert")).to_contain_text("Nobody is known by this")
        await find(page, NUMBER)
        await expect(page.get_by_role("status")).to_contain_text("Nobody is known by this")
        await page.get_by_role("link", name="Overview").click()
        commands = page.locator(".feed").filter(has=page.get_by_role("heading", name="Commands"))
        await expect(commands.locator(".entry")).to_have_count(1)
        await expect(page.locator(".feed .entry.type-erased")).to_have_count(1)
        await expect(page.locator(".feed").get_by_role("button", name="Undo")).to_have_count(0)


async def test_a_reader_sends_nothing_and_nobody_sees_nothing(site: Site, browser: Browser) -> None:
    """A reader sees no commands; who has no token is asked for one, and gets in with it."""
    site.own_operator = None
    async with site.served(tokens=TOKENS) as client:
        context = await browser.new_context(locale="en-GB")
        page = await context.new_page()
        page.set_default_timeout(WAIT_MS)
        await page.goto(f"http://127.0.0.1:{client.address.port}/")
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("heading")).to_have_text("Who are you?")
        await dialog.get_by_label("Token").fill("read-me")
        await dialog.get_by_role("button", name="Use it").click()
        await expect(page.get_by_role("button", name="Reader")).to_be_visible()
        await find(page, NUMBER)
        await expect(page.locator("tbody tr")).to_have_count(3)
        await expect(page.get_by_role("button", name="Compare two")).to_be_visible()
        await expect(page.get_by_role("button", name="Split", exact=True)).to_have_count(0)
        assert "read-me" not in page.url
        await context.close()


async def test_the_overview_lives(site: Site, browser: Browser) -> None:
    """Throughput, merges and conflicts come by themselves; the token is out of the address; all of it by keyboard."""
    async with site.served() as client, opened(browser, client) as page:
        await expect(page.get_by_role("img", name=re.compile("Touchpoints resolved a second since"))).to_be_visible()
        assert page.url.endswith("/#/")
        merges = page.locator(".feed").filter(has=page.get_by_role("heading", name="Merges and splits"))
        await expect(merges.locator(".entry")).to_have_count(0)
        site.world.publish({"login": "main:zhang", "card": "main:A"})
        await expect(merges.locator(".entry")).to_have_count(1)
        await accessible(page)
        await page.reload()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_two_languages_and_two_schemes(site: Site, browser: Browser, scheme: ColorScheme) -> None:
    """Every word changes and stays changed; contrast holds in both schemes."""
    async with site.served() as client, opened(browser, client, scheme=scheme) as page:
        await find(page, NUMBER)
        await expect(page.get_by_role("heading", name="Timeline")).to_be_visible()
        await page.get_by_role("button", name="中文").click()
        await expect(page.get_by_role("heading", name="时间线")).to_be_visible()
        await expect(page.get_by_text("唯一类型的两个值会出现在同一档案")).to_be_visible()
        await page.reload()
        await expect(page.get_by_role("heading", name="时间线")).to_be_visible()
        await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        await accessible(page)
        background = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, re.findall(r"\d+", background)[:3])) < 200) == (scheme == "dark")
        await page.get_by_role("button", name="配色").click()
        await page.get_by_role("button", name="配色").click()
        assert (
            sum(
                map(int, re.findall(r"\d+", await page.evaluate("getComputedStyle(document.body).backgroundColor"))[:3])
            )
            < 200
        )


async def test_a_server_that_goes_away_is_a_sentence(site: Site, browser: Browser) -> None:
    """No spinner without an end, and a way to try again."""
    async with site.served() as client:
        context = await browser.new_context(locale="en-GB")
        page = await context.new_page()
        page.set_default_timeout(WAIT_MS)
        await page.goto(f"http://127.0.0.1:{client.address.port}/#token={OPERATOR}")
        await expect(page.get_by_role("heading", name="Conflicts")).to_be_visible()
    await find(page, NUMBER)
    await expect(page.get_by_role("status")).to_have_text("The server does not answer.")
    await page.get_by_role("link", name="Compare").click()
    await page.get_by_label("One identifier").fill("card:A")
    await page.get_by_label("The other").fill("card:B")
    await page.get_by_role("button", name="Compare", exact=True).click()
    await expect(page.get_by_role("alert").get_by_role("button", name="Try again")).to_be_visible()
    await context.close()


async def test_a_value_is_never_markup(site: Site, browser: Browser) -> None:
    """What a publisher writes into an identifier is shown as it is."""
    hostile = "<img src=x onerror=alert(1)>"
    site.world.publish({"login": f"main:{hostile}", "card": "main:Z"})
    async with site.served() as client, opened(browser, client) as page:
        await find(page, "card:Z")
        await expect(page.locator("tbody td.value", has_text="<img src=x")).to_be_visible()
        await expect(page.get_by_role("region", name="Why they are one person").locator(".box")).to_have_count(2)
        assert await page.locator("main img").count() == 0


async def test_small_screens(site: Site, browser: Browser) -> None:
    """Nothing is wider than a phone."""
    async with site.served() as client, opened(browser, client) as page:
        await page.set_viewport_size({"width": 360, "height": 740})
        await find(page, NUMBER)
        await expect(page.locator("tbody tr")).to_have_count(3)
        await expect(page.locator(".evidence")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360


async def test_nothing_is_cut_on_a_phone(site: Site, browser: Browser) -> None:
    """Days and kinds are there whole, in Chinese too; the picture stays readable, and is moved sideways."""
    async with site.served() as client, opened(browser, client) as page:
        await page.set_viewport_size({"width": 400, "height": 800})
        await page.get_by_role("button", name="中文").click()
        await page.get_by_role("searchbox").fill(NUMBER)
        await page.get_by_role("button", name="查找").click()
        await expect(page.locator("tbody tr")).to_have_count(3)
        await expect(page.locator(".evidence")).to_be_visible()
        assert await page.locator(".scroll").evaluate("e => e.scrollWidth - e.clientWidth") <= 0
        assert await page.locator(".evidence").evaluate("e => e.getBoundingClientRect().width") >= 500
        assert await page.locator(".picture").evaluate("e => e.scrollWidth > e.clientWidth")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 400
        whole = """e => {
            const style = getComputedStyle(e);
            const pen = document.createElement("canvas").getContext("2d");
            pen.font = style.font;
            const room = e.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
            return room >= Math.max(...[...e.options].map((one) => pen.measureText(one.text).width));
        }"""
        assert await page.locator("#kind").evaluate(whole)
        corners = "e => getComputedStyle(e).borderTopLeftRadius"
        assert await page.locator("#query").evaluate(corners) == "0px", "it goes on from the kind"


async def test_an_address_of_nobody_leads_back_to_the_search(site: Site, browser: Browser) -> None:
    """What is no id will be none when it is asked for again."""
    async with site.served() as client, opened(browser, client) as page:
        for garbage in ("garbage", "%zz"):
            await page.evaluate(f"location.hash = '#/person/{garbage}'")
            alert = page.get_by_role("alert")
            await expect(alert).to_contain_text("Nobody is known by this")
            await expect(alert.get_by_role("button", name="Try again")).to_have_count(0)
            await alert.get_by_role("button", name="Look for somebody else").click()
            await expect(page.get_by_role("searchbox")).to_be_focused()
