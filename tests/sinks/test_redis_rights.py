"""Least rights in Redis: the account that docs/security.md gives workers may do what the store does, and no more."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLUSTER_ONLY = {"asking", "cluster", "role", "script"}
"""What is asked of a cluster's nodes; the guide says them apart."""
ADMINISTRATIVE = {"config"}
"""What `idweave doctor` tries, and does without."""
GROUPS = {"@connection"}


def used() -> set[str]:
    """The commands that scripts and the store name."""
    scripts = "".join(path.read_text() for path in (ROOT / "sinks" / "lua").glob("*.lua"))
    store = "".join(path.read_text() for path in (ROOT / "sinks").glob("redis_*.py"))
    called = re.findall(r"\bcall\('([A-Z]+)'", scripts) + re.findall(r"or '([A-Z]+)'|and '([A-Z]+)'", scripts)
    named = [name for one in called for name in ((one,) if isinstance(one, str) else one) if name]
    return {name.lower() for name in [*named, *re.findall(r"\[\"([A-Z]+)\"", store)]}


def test_the_guide_grants_what_is_used_and_nothing_else() -> None:
    """A new command in a script would be refused by every careful operator's Redis until the guide names it."""
    guide = (ROOT / "docs" / "security.md").read_text()
    [rights] = re.findall(r"^user idweave on >password (.+)$", guide, re.MULTILINE)
    granted = {one.removeprefix("+") for one in rights.split() if one.startswith("+")}
    assert rights.startswith("resetchannels ~idweave:* -@all "), "nothing that is not named"
    assert granted - GROUPS == used() - CLUSTER_ONLY - ADMINISTRATIVE
    [cluster] = re.findall(r"also needs `(.+)`", guide)
    assert {one.removeprefix("+") for one in cluster.split()} == CLUSTER_ONLY
