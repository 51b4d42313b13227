"""Is any locked package known to be vulnerable? The locks are held against the OSV database of advisories.

`python -m benchmarks.audit`. Exit 0: none is, 1: one is, 3: the database could not be asked. One request for all
packages; nothing but their names and versions goes out. What is known and accepted stands in `ACCEPTED`, with a reason
and a day on which it is looked at again. What can be seen without a network is seen anyway: that every package is
locked to one version, by digests.
"""

import json
import os
import re
import sys
import urllib.request
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
LOCKS: Final = (
    "requirements.lock",
    "requirements-dev.lock",
    "requirements-docs.lock",
    "requirements-real.lock",
    "requirements-peers.lock",
)
DATABASE: Final = "https://api.osv.dev/v1/querybatch"
ASK_SECONDS: Final = 30.0
COULD_NOT_ASK: Final = 3


class Acceptance(NamedTuple):
    """An advisory that does not concern us: why, and until when that is taken for granted."""

    reason: str
    until: date


ACCEPTED: Final[Mapping[str, Acceptance]] = {}
"""By the advisory's id."""


class Package(NamedTuple):
    """A package at one version."""

    name: str
    version: str


class LockError(Exception):
    """A lock does not lock. The message says which line."""


def locked(lock: str) -> list[Package]:
    """The packages of a lock's text.

    Raises:
        LockError: one has no exact version, or no digest.
    """
    packages = []
    for entry in re.split(r"\n(?=\S)", lock.strip()):
        lines = [line for line in entry.splitlines() if not line.lstrip().startswith("#")]
        if not lines:
            continue
        found = re.match(r"([A-Za-z0-9][\w.-]*)==([^\s;\\]+)", lines[0])
        if found is None or "--hash=sha256:" not in entry:
            raise LockError(f"not locked to a version and a digest: {lines[0][:80]}")
        packages.append(Package(found[1].lower(), found[2]))
    return packages


def advisories(packages: Iterable[Package], database: str) -> dict[Package, list[str]]:
    """The ids of advisories on each package that has some.

    Raises:
        OSError: the database does not answer.
        ValueError: what it answers is none.
    """
    asked = sorted(set(packages))
    queries = [{"package": {"name": one.name, "ecosystem": "PyPI"}, "version": one.version} for one in asked]
    body = json.dumps({"queries": queries}).encode()
    request = urllib.request.Request(database, body, {"Content-Type": "application/json"})  # noqa: S310 - our own choice
    with urllib.request.urlopen(request, timeout=ASK_SECONDS) as answer:  # noqa: S310
        results = json.load(answer)["results"]
    if len(results) != len(asked):
        raise ValueError("another number of answers than of questions")
    found = {
        one: [known["id"] for known in result.get("vulns") or ()] for one, result in zip(asked, results, strict=True)
    }
    return {one: ids for one, ids in found.items() if ids}


def open_ones(found: Mapping[Package, list[str]], today: date) -> list[str]:
    """What is neither accepted nor looked at lately, a sentence each."""
    sentences = []
    for package, ids in found.items():
        for one in ids:
            accepted = ACCEPTED.get(one)
            if accepted is None:
                sentences.append(f"{package.name} {package.version}: {one}. Take a newer one with `make lock`.")
            elif accepted.until < today:
                sentences.append(f"{package.name} {package.version}: {one} was accepted until {accepted.until}.")
    return sentences


def main() -> int:
    """Look, and say what was found."""
    try:
        packages = [one for lock in LOCKS for one in locked((ROOT / lock).read_text())]
    except LockError as error:
        print(f"A lock does not lock: {error}.")
        return 1
    number = len(set(packages))
    try:
        found = advisories(packages, os.environ.get("IDWEAVE_AUDIT_DATABASE", DATABASE))
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{number} packages are locked by digest. Whether one is vulnerable could not be asked: {error}.")
        return COULD_NOT_ASK
    sentences = open_ones(found, datetime.now(UTC).date())
    print("\n".join(sentences) or f"{number} packages are locked by digest, and none has an open advisory.")
    return 1 if sentences else 0


if __name__ == "__main__":
    sys.exit(main())
