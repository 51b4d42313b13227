"""Shadow as its users run it: a candidate against an engine on real servers, held against the naive model of both."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

from tests.live.engine import HASH_KEY, ROOT, Engine
from tests.live.redis_server import RedisServer
from tests.live.test_end_to_end import retail_day
from tests.live.test_explain_and_audit import command
from tests.naive.model import DEFAULT_CONFIG, run

PACKAGED = (ROOT / "idweave.yaml").read_text()


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """With one worker."""
    engine.start_worker()
    return engine


def people(log: list[Any], config: dict[str, Any]) -> tuple[set[frozenset[str]], Counter[str], int]:
    """By the naive model: the people, as identifiers, the refused evidence by rule, and how much is between two hubs.

    The engine keeps of a hub's evidence what the other end remembers, so that of two hubs may be kept or not.
    """
    outcome = run(log, HASH_KEY.encode(), config)
    groups = {
        frozenset(f"{one['namespace']}:{one['token']}" for one in person["identifiers"])
        for person in outcome.people
        if person["identifiers"]
    }
    apart = [(one, other) for one, other, rule in outcome.refused if rule == "hub"]
    degrees = Counter(one for pair in apart for one in pair)
    weak = ("mac:", "cookie:")
    caps = DEFAULT_CONFIG["caps"]["neighbours"]
    hubs = {one for one, count in degrees.items() if count > caps["weak" if one.startswith(weak) else "other"]}
    both = sum(hubs.issuperset(pair) for pair in apart)
    return groups, Counter(rule for _, _, rule in outcome.refused), both


def as_kept(told: dict[str, int], expected: Counter[str], between_hubs: int) -> bool:
    """Whether refused evidence is what is expected, but for what is between two hubs."""
    missing = expected["hub"] - told.get("hub", 0)
    return {**told, "hub": 0} == {**expected, "hub": 0} and 0 <= missing <= between_hubs


def changes(before: set[frozenset[str]], after: set[frozenset[str]]) -> Counter[str]:
    """By networkx: how many clusters of people with identifiers in common are not the same."""
    graph: nx.Graph[tuple[int, int]] = nx.Graph()
    at = {key: (1, nth) for nth, group in enumerate(sorted(after, key=sorted)) for key in group}
    graph.add_nodes_from(at.values())
    for nth, group in enumerate(sorted(before, key=sorted)):
        graph.add_edges_from(((0, nth), at[key]) for key in group)
    found: Counter[str] = Counter()
    for cluster in nx.connected_components(graph):
        old, new = (sum(side == wanted for side, _ in cluster) for wanted in (0, 1))
        if (old, new) != (1, 1):
            found["split" if old == 1 else "merge" if new == 1 else "move"] += 1
    return found


def test_candidates(engine: Engine, redis_server: RedisServer, tmp_path: Path) -> None:
    """Who would merge, split and move is what the model's people under both rules differ in; a replay is refused."""
    engine.publish(retail_day(3, 200))
    engine.settle()
    log = engine.input_log()
    refused = run(log, HASH_KEY.encode()).dead_letters
    log = [one for one in log if one.position not in refused]  # nobody would take them in again
    now, refused_now, hubs_now = people(log, {})
    namespaces: dict[str, Any] = DEFAULT_CONFIG["namespaces"]
    candidates: list[tuple[str, str, dict[str, Any]]] = [
        ("person: true, unique: true, scoped", "person: true, scoped", _with(namespaces, "unique")),
        ("limit: 3, pii", "limit: 1, pii", {"namespaces": namespaces | {"phone": namespaces["phone"] | {"limit": 1}}}),
        ("policy: latest", "policy: first", {"policy": "first"}),
    ]
    kinds: Counter[str] = Counter()
    file = tmp_path / "candidate.yaml"
    for old, new, config in candidates:
        assert old in PACKAGED
        file.write_text(PACKAGED.replace(old, new))
        ended = command(redis_server.url, engine.prefix, "shadow", str(file), "--json")
        assert ended.returncode == 0, ended.stderr
        told = json.loads(ended.stdout)
        then, refused_then, hubs_then = people(log, config)
        assert (told["before"], told["after"]) == (len(now), len(then))
        assert as_kept(told["refused_before"], refused_now, hubs_now), (told["refused_before"], refused_now)
        assert as_kept(told["refused_after"], refused_then, hubs_then), (told["refused_after"], refused_then)
        assert told["changes"] == dict(sorted(changes(now, then).items()))
        for person in (person for example in told["examples"] for person in example["before"]):
            assert any(group.issuperset(person["identifiers"]) for group in now)
        kinds += Counter(told["changes"])
    assert set(kinds) == {"merge", "split", "move"}
    text = command(redis_server.url, engine.prefix, "shadow", str(file), "--sample", "50")
    assert text.returncode == 0
    assert text.stdout.startswith("Looked at ")
    file.write_text(PACKAGED.replace("region: CN", "region: US"))
    ended = command(redis_server.url, engine.prefix, "shadow", str(file))
    assert ended.returncode == 2
    assert (
        "candidate.yaml changes the normaliser of phone. Changing the order, scope, normaliser or pii" in ended.stderr
    )


def _with(namespaces: dict[str, Any], without: str) -> dict[str, Any]:
    """The configuration in which no namespace has a setting."""
    return {"namespaces": {name: {**one, without: False} for name, one in namespaces.items()}}
