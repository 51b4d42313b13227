"""A stranger's first minutes, timed: `make walk` clones this repository and does what its README says.

The main job, events of one's own, the person in the console (a real Chromium), a split and its undo. Every command is
taken from the README as it stands, in an environment that has nothing of ours; what it prints is compared with the
README, and how long each step took is written into docs/walk.md.
Rules: a step that does not end as the README says ends the walk with a sentence. What is timed is the machine: reading
and typing are a person's own.
Must not know: how anything that it uses is made.
"""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import async_playwright, expect

from benchmarks.figures import machine
from stream.cli.console import say
from tests.browser.conftest import chromium
from tests.live.terminal import Step, is_printed, steps

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "walk.md"
READY = "Ctrl-C ends all of it."
NUMBER = "138 0013 8000"
WAIT_MS = 60_000
STEP_SECONDS = 1_200
LOOK_SECONDS = 0.2
PATIENCE_SECONDS = 30.0
TABLE = re.compile(r"(\| step \| seconds \|\n\|---\|---:\|\n)(?:\|.*\n)*")
"""What is written anew of the page."""


class Timed(NamedTuple):
    """A step that is done."""

    what: str
    seconds: float


class Walk:
    """A walk under way: where it is, and how long each step took."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.timed: list[Timed] = []
        self.environment = {
            "HOME": str(folder),
            "PATH": os.defpath if "PATH" not in os.environ else _foreign(os.environ["PATH"]),
            "LANG": "C.UTF-8",
            "COLUMNS": "120",
            "PIP_NO_CACHE_DIR": "1",
            **{name: text for name, text in os.environ.items() if name.startswith("PIP_") and "CACHE" not in name},
        }

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Time a step, and say it."""
        began = time.monotonic()
        yield
        self.timed.append(Timed(what, time.monotonic() - began))
        say(f"{self.timed[-1].seconds:7.1f} s  {what}")

    def type(self, script: str) -> str:
        """A block in a terminal -> what it printed."""
        ended = subprocess.run(  # noqa: S603 - the README's
            ["/bin/bash", "-euo", "pipefail", "-c", script],
            cwd=self.folder / "idweave",
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=STEP_SECONDS,
            check=False,
        )
        if ended.returncode or "Traceback" in ended.stdout:
            raise SystemExit(f"{script}\nended with {ended.returncode}:\n{ended.stdout}")
        return ended.stdout

    def ask(self, script: str, printed: str | None) -> None:
        """The same, of what only asks: until it prints what the README says."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_printed(printed or "", said := self.type(script)):
            if time.monotonic() > deadline:
                raise SystemExit(f"{script}\nprints\n{said}\nand not\n{printed}")
            time.sleep(LOOK_SECONDS)


def _foreign(path: str) -> str:
    """A search path without the environment that this program runs in."""
    own = str(Path(sys.executable).parent)
    return os.pathsep.join(place for place in path.split(os.pathsep) if place != own)


@contextmanager
def up(walk: Walk, script: str) -> Iterator[list[str]]:
    """`idweave up` in a terminal of its own, once it is ready -> what it has said; Ctrl-C at the end."""
    with subprocess.Popen(  # noqa: S603 - the README's
        ["/bin/bash", "-c", f"{script}\n"],
        cwd=walk.folder / "idweave",
        env=walk.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    ) as running:
        assert running.stdout is not None
        said: list[str] = []
        try:
            for line in running.stdout:
                said.append(line.rstrip("\n"))
                if said[-1] == READY:
                    break
            else:
                raise SystemExit("idweave up ended:\n" + "\n".join(said))
            yield said
        finally:
            os.killpg(running.pid, 2)
            running.stdout.read()


async def console(walk: Walk, address: str) -> None:
    """The person in the console, split and put back."""
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        page = await (await browser.new_context(locale="en-GB")).new_page()
        page.set_default_timeout(WAIT_MS)
        expect.set_options(timeout=WAIT_MS)
        rows = page.locator("tbody tr")
        with walk.step("the person in the console: three identifiers, and the evidence as a picture"):
            await page.goto(address)
            await page.get_by_role("searchbox").fill(NUMBER)
            await page.get_by_role("button", name="Search").click()
            await expect(rows).to_have_count(3)
            await expect(page.locator(".evidence .line.counts")).to_have_count(2)
        dialog = page.get_by_role("dialog")
        with walk.step("tick the openid, *Split*, *Preview*, *Confirm*: two people"):
            await page.get_by_role("checkbox", name="Choose openid main:oX1").check()
            await page.get_by_role("button", name="Split", exact=True).click()
            await dialog.get_by_role("button", name="Preview").click()
            await dialog.get_by_role("button", name="Confirm").click()
            await expect(rows).to_have_count(2)
        with walk.step("*Undo*, *Preview*, *Confirm*: one person again"):
            await dialog.get_by_role("button", name="Undo").click()
            await dialog.get_by_role("button", name="Preview").click()
            await dialog.get_by_role("button", name="Confirm").click()
            await expect(rows).to_have_count(3)
        await browser.close()


def main() -> None:
    """Walk, and write down how long it took."""
    run, start, events, why = steps((ROOT / "README.md").read_text())[:4]
    with ExitStack() as stack:
        walk = Walk(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        with walk.step("`git clone`"):
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(walk.folder / "idweave")], check=True)  # noqa: S603, S607
        assert run.script.startswith("make run ")
        with walk.step("`make run`: install what the lock names, then a retail day in and people out"):
            said = walk.type("make run")
        day = re.search(r"^Done in (\d+) s", said, re.MULTILINE)
        assert day is not None
        with walk.step("`idweave up`: broker, store, worker and console are ready"):
            there = stack.enter_context(up(walk, start.script))
        exports = "\n".join(line.strip() for line in there if line.startswith(("  export", "  . ")))
        _with_events(walk, exports, events, why)
        [address] = re.findall(r"http://\S+#token=\S+", "\n".join(there))
        asyncio.run(console(walk, address))
    _write(walk.timed, int(day[1]))


def _with_events(walk: Walk, exports: str, events: Step, why: Step) -> None:
    with walk.step("in another terminal: check and publish two events"):
        walk.type(f"{exports}\n{events.script}")
    with walk.step("`idweave explain`: why they are one person"):
        walk.ask(f"{exports}\n{why.script}", why.printed)


def _write(timed: list[Timed], day_seconds: int) -> None:
    """The table of the page: each step, their sum, and the machine."""
    total, on = sum(one.seconds for one in timed), machine()
    rows = [f"| {one.what} | {one.seconds:.1f} |" for one in timed]
    where = f"{on['cores']} cores, {on['memory_gib']} GiB, Python {on['python']}"
    rows.append(f"| all of it, on {where}; {day_seconds} s of it are the retail day | {total:.0f} |")
    table = "".join(f"{row}\n" for row in rows)
    PAGE.write_text(TABLE.sub(lambda found: found[1] + table, PAGE.read_text()))
    say(f"{total:7.1f} s  in all; {PAGE.relative_to(ROOT)} has it")


if __name__ == "__main__":
    main()
