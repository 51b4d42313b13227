"""Findings of `idweave doctor`, and what it looks at on this machine: Python, settings and files, the HTTP address.

Rules: a finding is a sentence, with what to do where it is not good; no secret, and no text of a variable, is in one.
Must not know: brokers, stores, how findings are shown.
"""

import platform
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

import orjson

from stream.cli.console import UNUSED_KEYS
from stream.config.addresses import Address
from stream.config.configuration import PACKAGED_FILE
from stream.config.mistakes import ConfigError, Mistake
from stream.config.rules_file import PACKAGED_FILE as PACKAGED_RULES
from stream.config.settings import Settings, load_settings
from stream.web.server import AddressError, listening

State = Literal["ok", "unknown", "warning", "wrong"]
"""`unknown`: nobody can tell yet, which is neither good nor bad."""

PYTHON_OLDEST: Final = (3, 11)
HEALTH_SECONDS: Final = 3.0
ANY_HOSTS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked, never bound
CLOCK_WARNING_SECONDS: Final = 1.0
CLOCK_WRONG_SECONDS: Final = 60.0


class Finding(NamedTuple):
    """What was found: about what, how it is, in a sentence, and what to do about it."""

    about: str
    state: State
    says: str
    do: str = ""


class Examined(NamedTuple):
    """What the environment says, and what is wrong with it.

    `settings`: the worker's; where it would refuse to start, the best that can be made of them for looking at servers;
    None: nothing can. `complete`: it would start.
    """

    findings: list[Finding]
    settings: Settings | None
    complete: bool


def examine_python() -> Finding:
    """The interpreter."""
    version = platform.python_version()
    if sys.version_info < PYTHON_OLDEST:
        return Finding("python", "wrong", f"Python {version} is too old.", "Install Python 3.11 or newer.")
    return Finding("python", "ok", f"{platform.python_implementation()} {version} on {platform.system()}.")


def examine_settings(environ: Mapping[str, str], folder: Path, overrides: Mapping[str, str]) -> Examined:
    """Variables, keys, `idweave.yaml` and `rules.yaml`, as a worker would read them."""
    try:
        settings = load_settings(environ, folder, overrides=overrides)
    except ConfigError as error:
        findings = [_of(one, "wrong") for one in error.mistakes] + [_of(one, "warning") for one in error.warnings]
        return Examined(findings, _best(environ, folder, overrides), complete=False)
    warnings = [_of(mistake, "warning") for mistake in settings.warnings]
    found = [
        Finding("settings", "ok", f"{settings.config_file} is good."),
        Finding("settings", "ok", f"{settings.rules_file} is good."),
        Finding("keys", "ok", f"Both are set; their public ids are {' and '.join(settings.key_ids)}."),
    ]
    return Examined([*found, *warnings], settings, complete=True)


def examine_address(address: Address) -> Finding:
    """Whether a worker could listen there, or one does."""
    shown = f"{address.host}:{address.port}"
    try:
        listening(address).close()
    except AddressError as error:
        if _is_a_worker(address):
            return Finding("http", "ok", f"A worker answers at {shown}.")
        says, _, do = str(error).partition(". ")
        return Finding("http", "wrong", f"{says}.", do)
    return Finding("http", "ok", f"{shown} is free.")


def clock_finding(whose: str, ahead_seconds: float, matters: str) -> Finding:
    """How far another clock is from this machine's."""
    distance, side = abs(ahead_seconds), "ahead of" if ahead_seconds > 0 else "behind"
    says = f"{whose} clock is {distance:.1f} s {side} this machine's."
    if distance < CLOCK_WARNING_SECONDS:
        return Finding("clock", "ok", f"{whose} clock agrees with this machine's.")
    state: State = "wrong" if distance >= CLOCK_WRONG_SECONDS else "warning"
    return Finding("clock", state, says, f"Let NTP set the clocks of all machines. {matters}")


def _of(mistake: Mistake, state: State) -> Finding:
    says = ": ".join(part for part in (mistake.place, mistake.subject, mistake.reason) if part)
    about = "keys" if mistake.subject in UNUSED_KEYS else "settings"
    return Finding(about, state, f"{says}.", f"{mistake.hint[:1].upper()}{mistake.hint[1:]}." if mistake.hint else "")


def _best(environ: Mapping[str, str], folder: Path, overrides: Mapping[str, str]) -> Settings | None:
    """Settings that at least name the servers, without the keys or the files that can't be used."""
    packaged = {"IDWEAVE_CONFIG": str(PACKAGED_FILE), "IDWEAVE_RULES": str(PACKAGED_RULES)}
    without_files: list[Mapping[str, str]] = [{}, packaged]
    for instead in without_files:
        try:
            return load_settings(environ, folder, overrides={**overrides, **instead}, defaults=UNUSED_KEYS)
        except ConfigError:
            continue
    return None


def _is_a_worker(address: Address) -> bool:
    host = ANY_HOSTS.get(address.host, address.host)
    url = f"http://[{host}]:{address.port}/healthz" if ":" in host else f"http://{host}:{address.port}/healthz"
    try:
        with urllib.request.urlopen(url, timeout=HEALTH_SECONDS) as answer:  # noqa: S310 - an address of our own
            return bool(orjson.loads(answer.read(1_000)) == {"status": "alive"})
    except (OSError, urllib.error.URLError, ValueError):
        return False
