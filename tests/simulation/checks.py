"""What must hold after a run, whatever happened in it: I1 to I4, against networkx and the naive model."""

import json
from collections import Counter, defaultdict
from typing import Any

import networkx as nx

from resolvers.component import Component
from resolvers.steps import Outgoing, ReadComponent, ReadHome
from sinks.memory_store import MemoryStore
from tests.naive.decoding import Record as NaiveRecord
from tests.naive.model import run as run_naive
from tests.simulation.scheduler import HASH_KEY, Outcome
from topics.codec import canonical
from topics.records import Record

IDS = ("id", "profile_id", "version", "at", "cause", "merged_from")


def contents(profile: dict[str, Any]) -> bytes:
    """A profile without what belongs to its publication, as canonical bytes."""
    return canonical({name: value for name, value in profile.items() if name not in IDS})


def naive_people(log: list[Record]) -> Counter[bytes]:
    """What the log says, by the model written apart from the engine."""
    outcome = run_naive([NaiveRecord(*record) for record in log], HASH_KEY)
    return Counter(canonical(person) for person in outcome.people)


def applied(sent: list[Outgoing], topic: str) -> dict[str, dict[str, Any]]:
    """What a consumer that applies only greater versions holds at the end, by key."""
    state: dict[str, dict[str, Any]] = {}
    for record in sent:
        if record.topic == topic and record.value is not None:
            value = json.loads(record.value)
            there = state.get(record.key.decode())
            if there is None or value["version"] > there["version"]:
                state[record.key.decode()] = value
    return state


def check_versions(sent: list[Outgoing], *, monotone: bool) -> None:
    """I4: equal versions have equal bytes; per key, versions grow in offset order (but for a zombie's)."""
    seen: dict[tuple[str, bytes, int], bytes] = {}
    last: dict[tuple[str, bytes], int] = defaultdict(int)
    for record in sent:
        if record.topic not in {"profiles", "identities"} or record.value is None:
            continue
        version = json.loads(record.value)["version"]
        assert seen.setdefault((record.topic, record.key, version), record.value) == record.value, (
            "two bytes, one version"
        )
        if monotone:
            assert version >= last[record.topic, record.key], "a version went backwards"
        last[record.topic, record.key] = version


def check_output(sent: list[Outgoing], expected: Counter[bytes]) -> dict[str, str]:
    """The topics say exactly the expected people; ids and identifiers agree -> identifier -> profile id."""
    profiles = applied(sent, "profiles")
    live = {key: value for key, value in profiles.items() if "merged_into" not in value}
    got = Counter(contents(value) for value in live.values())
    assert got == expected, _difference(got, expected)
    for key, value in profiles.items():
        at = key
        hops = 0
        while "merged_into" in profiles[at]:
            at, hops = profiles[at]["merged_into"], hops + 1
            assert hops <= len(profiles), "merged_into goes in a circle"
        assert at in live, f"{key} does not lead to a live profile"
        assert value["profile_id"] == key
    homes = {key: value["profile_id"] for key, value in applied(sent, "identities").items()}
    members = {f"{one['namespace']}:{one['token']}": key for key, value in live.items() for one in value["identifiers"]}
    assert homes == members, "the id map and the profiles disagree"
    return homes


def check_merges(sent: list[Outgoing]) -> None:
    """`merged` exactly once, by id, per published profile id that ends."""
    ended = {
        record.key.decode()
        for record in sent
        if record.topic == "profiles" and record.value is not None and "merged_into" in json.loads(record.value)
    }
    said: dict[str, set[str]] = defaultdict(set)
    for record in sent:
        if record.topic == "merges" and record.value is not None:
            value = json.loads(record.value)
            if value["type"] == "merged":
                said[value["profile_id"]].add(value["id"])
    assert set(said) == ended, "merged records and ended ids differ"
    assert all(len(ids) == 1 for ids in said.values()), "an id ended twice"


def check_store(store: MemoryStore, log: list[Record], keys: set[str]) -> None:
    """I1: every identifier leads to one component at rest that holds its facet and its evidence."""
    graph: nx.Graph[str] = nx.Graph()
    found: dict[str, Component] = {}
    for key in keys:
        name = store.execute(ReadHome(key))
        component: Component = store.execute(ReadComponent(name))
        while component.moved_to is not None:
            assert not component.pending, "a move is left pending"
            assert not component.facets, "a moved component still holds facets"
            component = store.execute(ReadComponent(component.moved_to))
        assert key in component.facets, "an identifier's component does not hold its facet"
        found[component.name] = component
        graph.add_node(key)
    for component in found.values():
        assert not component.absorbed, "publications are left to be taken over"
        for pair in component.edges:
            assert pair.strong in component.facets
            assert pair.weak in component.facets
            graph.add_edge(*pair)
    facets = Counter(key for component in found.values() for key in component.facets)
    assert set(facets) == keys
    assert set(facets.values()) <= {1}, "a facet in two components"
    assert log


def check(outcome: Outcome, log: list[Record], expected: Counter[bytes]) -> dict[str, str]:
    """All of it -> identifier -> profile id."""
    check_versions(outcome.sent, monotone=outcome.zombies == 0)
    homes = check_output(outcome.sent, expected)
    check_merges(outcome.sent)
    check_store(outcome.store, log, set(homes))
    return homes


def _difference(got: Counter[bytes], expected: Counter[bytes]) -> str:
    extra = "\n".join(text.decode() for text in (got - expected))
    missing = "\n".join(text.decode() for text in (expected - got))
    return f"people differ\npublished but not expected:\n{extra}\nexpected but not published:\n{missing}"
