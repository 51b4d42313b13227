"""`idweave doctor`: is everything there that a worker needs, and is it as it should be?

Rules: nothing is written and nothing secret is shown; what is missing is a finding and never an error, so that one run
says everything. Exit code 0: nothing is wrong (there may be warnings); 1: something is.
"""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import typer

from stream.cli.console import ERR, FAILED, AsJson, Brokers, Redis, plural, say, servers
from stream.cli.help import Commands
from stream.config.settings import Settings
from stream.operating.doctor import Finding, State, examine_address, examine_python, examine_settings
from stream.operating.doctor_store import examine_store
from topics.codec import encode

STYLES: Final[dict[State, str]] = {"ok": "green", "unknown": "cyan", "warning": "yellow", "wrong": "red"}
INDENT: Final = " " * 18

commands = Commands()


@commands.command(epilog="Example:  idweave doctor --json")
def doctor(context: typer.Context, *, as_json: AsJson = False, brokers: Brokers = None, redis: Redis = None) -> None:
    """Look at everything that a worker needs, and say what is wrong.

    Python, settings, keys, files, Kafka, its topics, Redis, what is in it, the clocks, the HTTP address. Give it the
    environment of the worker.
    """
    examined = examine_settings(os.environ, Path.cwd(), servers(context, brokers, redis))
    findings = [examine_python(), *examined.findings]
    if examined.settings is None:
        says = "Kafka and Redis were not looked at, because the settings do not say where they are."
        findings.append(Finding("kafka", "wrong", says, "Put the settings right first."))
    else:
        with ERR.status("looking at Kafka and Redis"):
            findings += asyncio.run(_servers(examined.settings, complete=examined.complete))
        findings.append(examine_address(examined.settings.http))
    wrong = any(one.state == "wrong" for one in findings)
    if as_json:
        say(encode({"ok": not wrong, "findings": [one._asdict() for one in findings]}).decode())
    else:
        _show(findings)
    if wrong:
        raise typer.Exit(FAILED)


async def _servers(settings: Settings, *, complete: bool) -> list[Finding]:
    from stream.operating.doctor_broker import examine_broker  # noqa: PLC0415 - reads Faust, which no other command needs

    broker, store = await asyncio.gather(examine_broker(settings), examine_store(settings, complete=complete))
    return [*broker, *store]


def _show(findings: Sequence[Finding]) -> None:
    for one in findings:
        say(f"{one.state:<8} {one.about:<8} {one.says}", STYLES[one.state])
        if one.do:
            say(f"{INDENT}{one.do}")
    wrong, warnings, unknown = (
        sum(one.state == state for one in findings) for state in ("wrong", "warning", "unknown")
    )
    more = f", {plural(unknown, 'thing')} not known yet" if unknown else ""
    if wrong or warnings:
        say(f"{plural(wrong, 'thing')} wrong, {plural(warnings, 'warning')}{more}.")
    else:
        say(f"Nothing is wrong{more}." if unknown else "Everything is as it should be.")
