"""What must hold after a run, whatever happened in it: I1 to I4, against networkx and the naive model."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import networkx as nx

from resolvers.admission import Admission
from resolvers.commanding import DRY
from resolvers.component import Component
from resolvers.constraints import in_force
from resolvers.decisions import acted_on, keys_of
from resolvers.life_keys import shown
from resolvers.namespaces import DEFAULT_RULES, IdentityRules
from resolvers.pseudonyms import Pseudonyms
from resolvers.publication import NOTHING, Publication
from resolvers.standing import standing_of
from resolvers.steps import Outgoing, ReadComponent, ReadHome, ReadPublication
from sinks.memory_store import MemoryStore
from tests.naive.decoding import Record as NaiveRecord
from tests.naive.model import run as run_naive
from tests.simulation.logs import COMMANDS_TOPIC, NOW
from tests.simulation.parts import Outcome
from tests.simulation.scheduler import HASH_KEY, MEMBER
from tests.simulation.worlds import naive_config
from topics.codec import canonical
from topics.commands import decode_result
from topics.instants import to_us
from topics.records import Record

IDS = ("id", "profile_id", "version", "at", "cause", "merged_from")


def contents(profile: dict[str, Any]) -> bytes:
    """A profile without what belongs to its publication, as canonical bytes."""
    return canonical({name: value for name, value in profile.items() if name not in IDS})


def contents_of(sent: list[Outgoing]) -> Counter[bytes]:
    """Contents of the live profiles that a consumer ends up with."""
    profiles = applied(sent, "profiles").values()
    return Counter(contents(value) for value in profiles if "merged_into" not in value)


class Expected(NamedTuple):
    """What a log says: people, and refused evidence as (two identifiers in order, rule)."""

    people: Counter[bytes]
    refused: set[tuple[str, str, str]]


def naive(
    log: list[Record], rules: IdentityRules = DEFAULT_RULES, sent: Sequence[Outgoing] = (), now: datetime = NOW
) -> Expected:
    """What the log and the answers to its commands say, by the model written apart from the engine.

    What rules decide follows from a person's contents: it is what the rules say of the model's.
    """
    events = [NaiveRecord(*record) for record in log if record.topic != COMMANDS_TOPIC]
    outcome = run_naive(events, HASH_KEY, naive_config(rules), now, answers(sent).values())
    return Expected(
        Counter(canonical(person | MEMBER.judge(person, to_us(now)).additions) for person in outcome.people),
        {(min(one, other), max(one, other), rule) for one, other, rule in outcome.refused},
    )


def answers(sent: Sequence[Outgoing]) -> dict[str, dict[str, Any]]:
    """The last answer to each command, by its id; a refusal of another one with its id hides nothing."""
    said = [json.loads(record.value or b"") for record in sent if record.topic == "commands.results"]
    return {one["id"]: one for one in sorted(said, key=lambda one: not one["detail"].startswith("Another command had"))}


def check_answers(outcome: Outcome, log: list[Record]) -> None:
    """Every command is answered; what was decided is the last word on its id, and always said in the same bytes."""
    found = answers(outcome.sent)
    last = {record.key: record.value for record in outcome.sent if record.topic == "commands.results"}
    asked = [json.loads(record.value or b"") for record in log if record.topic == COMMANDS_TOPIC]
    assert found.keys() == {one["id"] for one in asked}
    said: dict[tuple[str, str], set[bytes]] = defaultdict(set)
    for record in outcome.sent:
        if record.topic == "commands.results" and record.value is not None:
            said[record.key.decode(), json.loads(record.value)["body"]].add(record.value)
    for name, decision in outcome.store.content.decisions.items():
        recorded = json.loads(decision)
        if name.startswith(DRY):
            assert recorded["dry_run"]
            continue
        # A zombie may say the refusal of another command with this id last, and die before it says this one again.
        assert found[name] == recorded, "the last answer is not what was decided"
        assert outcome.zombies or last[name.encode()] == decision, "the last answer is not the one that stands"
        erased = any(one["type"] == "erase" and one["status"] == "done" for one in found.values())
        # A store that has forgotten what it decided decides anew; the last answer is the one that holds.
        once = said[name, recorded["body"]] == {decision}
        assert outcome.rollbacks or erased or once, "an answer was said in two ways"
        assert not recorded["dry_run"], "a dry run left something behind"
    erased = any(one["type"] == "erase" and one["status"] == "done" for one in found.values())
    for answer in found.values():
        if answer["type"] == "split" and answer["status"] == "done":
            assert erased or (answer["identifiers"] and answer["effect"]["left"])
            assert set(answer["identifiers"]).isdisjoint(answer["effect"]["left"])


def applied(sent: list[Outgoing], topic: str) -> dict[str, dict[str, Any]]:
    """What a consumer that applies only greater versions holds at the end, by key; a profile id never comes back."""
    state: dict[str, dict[str, Any]] = {}
    versions: dict[str, int] = {}
    erased: set[str] = set()
    for record in sent:
        key = record.key.decode()
        if record.topic == topic and record.value is not None:
            value = json.loads(record.value)
            if value["version"] > versions.get(key, -1) and key not in erased:
                state[key], versions[key] = value, value["version"]
        elif record.topic == topic:
            state.pop(key, None)
            if topic == "profiles":
                erased.add(key)
    return state


def erased_ids(sent: Iterable[Outgoing]) -> set[str]:
    """Profile ids with a tombstone."""
    return {record.key.decode() for record in sent if record.topic == "profiles" and record.value is None}


def check_erased(outcome: Outcome) -> None:
    """Of who was erased, the last record of each key is a tombstone, and `merges` says once that they are gone."""
    erased = erased_ids(outcome.sent)
    last = {(record.topic, record.key.decode()): record.value for record in outcome.sent}
    if not outcome.zombies:
        for key in erased:
            assert all(last[topic, key] is None for topic in (*DECIDED, "profiles", "values")), (
                "no tombstone at the end"
            )
    said = [json.loads(one.value) for one in outcome.sent if one.topic == "merges" and one.value is not None]
    gone = {(one["id"], one["profile_id"]) for one in said if one["type"] == "erased"}
    merged = {one["profile_id"] for one in said if one["type"] == "merged"}
    assert Counter(key for _, key in gone) == Counter(erased - merged), "not said once of each that is gone"


def check_versions(sent: list[Outgoing], *, monotone: bool) -> None:
    """I4: equal versions have equal bytes; per key, versions grow in offset order (but for a zombie's)."""
    seen: dict[tuple[str, bytes, int], bytes] = {}
    last: dict[tuple[str, bytes], int] = defaultdict(int)
    for record in sent:
        if record.topic in {"conflicts", "commands.results"} or record.value is None:  # these have no version
            continue
        version = json.loads(record.value)["version"]
        assert seen.setdefault((record.topic, record.key, version), record.value) == record.value, (
            "two bytes, one version"
        )
        if monotone:
            assert version >= last[record.topic, record.key], "a version went backwards"
        last[record.topic, record.key] = version


def check_last(outcome: Outcome) -> None:
    """The last record of a key is the truth, whatever zombies have sent, unless one of them died amid sending.

    Not so of who was erased: a process that was frozen amid sending does not know that (docs/promises.md).
    """
    if outcome.silenced or outcome.rollbacks:
        return
    for topic in ("profiles", "identities"):
        erased = {record.key for record in outcome.sent if record.topic == topic and record.value is None}
        last = {record.key.decode(): record.value for record in outcome.sent if record.topic == topic}
        for key, value in applied(outcome.sent, topic).items():
            assert key.encode() in erased or json.loads(last[key] or b"") == value, "an old record lies last"


def check_output(sent: list[Outgoing], expected: Counter[bytes], *, zombies: bool = False) -> dict[str, str]:
    """The topics say exactly the expected people; ids and identifiers agree -> identifier -> profile id.

    `zombies`: an identifier that was erased may have been said once more (docs/promises.md).
    """
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
    members = {f"{one['namespace']}:{one['token']}": key for key, value in live.items() for one in value["identifiers"]}
    erased = {record.key.decode() for record in sent if zombies and record.topic == "identities" and not record.value}
    homes = {
        key: value["profile_id"]
        for key, value in applied(sent, "identities").items()
        if key in members or key not in erased
    }
    assert homes == members, "the id map and the profiles disagree"
    return homes


def check_merges(sent: list[Outgoing], *, again: bool = False) -> None:
    """`merged` exactly once, by id, per published profile id that ends; `again`: a store has forgotten that it told."""
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
    # What was under way when the store forgot it may have been told in part.
    assert set(said) <= ended if again else set(said) == ended, "merged records and ended ids differ"
    assert again or all(len(ids) == 1 for ids in said.values()), "an id ended twice"


def check_store(store: MemoryStore, log: list[Record], keys: set[str]) -> None:
    """I1: every identifier leads to one component at rest that holds its facet and its evidence."""
    graph: nx.Graph[str] = nx.Graph()
    found: dict[str, Component] = {}
    for key in store.content.homes:
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
        for name in component.absorbed:  # the marks stay where something else was written at that moment
            publication: Publication = store.execute(ReadPublication(component.name))
            assert name in publication.state.taken_over, "a publication is left to be taken over"
            assert store.execute(ReadPublication(name)) == NOTHING, "what was taken over is still there"
        for pair in component.edges:
            assert pair.strong in component.facets
            assert pair.weak in component.facets
            graph.add_edge(*pair)
    facets = Counter(key for component in found.values() for key in component.facets)
    assert set(facets) <= set(store.content.homes), "a facet whose identifier has no home"
    assert set(facets.values()) <= {1}, "a facet in two components"
    held = Counter(key for component in found.values() for key in held_in(component))
    assert set(held) == keys
    assert set(held.values()) <= {1}, "an identifier is held twice"
    assert log


def check_gone(outcome: Outcome) -> None:
    """Nothing in the store names who was erased, but what other people's identifiers have met and been invited by."""
    store = outcome.store
    admission = Admission(DEFAULT_RULES, Pseudonyms(HASH_KEY))
    gone = standing_of(store.content.fences.values(), admission).lives.was_erased
    assert not [key for key in store.content.homes if gone(key)], "a home of who was erased"
    assert not [key for key in store.content.profiles.values() if gone(key.removeprefix("!"))], (
        "a way to who was erased"
    )
    for name, fields in store.content.components.items():
        component = Component.parse(name, fields)
        named = {key for one in component.constraints.values() for key in (*one.named, *one.values)}
        named |= {*component.facets, *(key for pair in component.edges for key in pair)}
        assert not [key for key in named if gone(key)], "a component knows who was erased"
        assert not component.stubs, "what an erase noted is left"
        publication: Publication = store.execute(ReadPublication(name))
        holders = {one.holder.removeprefix("!") for one in publication.state.profiles.values()}
        assert not [key for key in holders if gone(key)], "a publication of who was erased"
    for answer in answers(outcome.sent).values():
        if answer["type"] != "erase":
            effect = answer["effect"]
            names = [*effect.get("values", ()), *effect.get("left", ()), *effect.get("created", ())]
            names += [effect[one] for one in ("ends", "from", "begun") if one in effect]
            named = {*keys_of(names), *acted_on(decode_result(canonical(answer)))}
            assert not [key for key in named if gone(key)], "an answer names who was erased"


def held_in(component: Component) -> tuple[str, ...]:
    """The identifiers of a component that somebody holds now, as outputs show them."""
    return in_force(component.constraints).held(key for key, facet in component.facets.items() if facet.seen)


def check_conflicts(outcome: Outcome, expected: set[tuple[str, str, str]]) -> None:
    """All evidence that is refused in the end was reported with its rule.

    Not so for a link between two hubs, which neither remembers; nor for a hub's link that is news to the one end while
    the other end's component is still to be written, and the worker dies in between.
    """
    if outcome.crashes or outcome.zombies:
        expected = {(one, other, rule) for one, other, rule in expected if rule != "hub"}
    hubs = {
        shown(key)
        for name, fields in outcome.store.content.components.items()
        for key, facet in Component.parse(name, fields).facets.items()
        if facet.hub
    }
    missing = {(one, other, rule) for one, other, rule in expected - reported(outcome.sent) if not {one, other} <= hubs}
    assert not missing, f"refused but never reported: {missing}"


def reported(sent: list[Outgoing]) -> set[tuple[str, str, str]]:
    """Pairs and rules on the conflicts topic."""
    found: set[tuple[str, str, str]] = set()
    for record in sent:
        if record.topic == "conflicts" and record.value is not None:
            value = json.loads(record.value)
            one, *others = sorted(f"{key['namespace']}:{key['token']}" for key in value["identifiers"])
            if others:
                found.add((one, others[0], value["rule"]))
    return found


def check_names(store: MemoryStore, live: Iterable[str]) -> None:
    """The store leads from every live profile id to an identifier, by which its component is found."""
    names = store.content.profiles
    missing = set(live) - names.keys()
    assert not missing, f"no way from a profile id to its component: {missing}"
    for profile_id in live:
        assert names[profile_id].removeprefix("!") in store.content.homes


def check_survivors(sent: list[Outgoing]) -> None:
    """A survivor is published, with the ids that ended in it, before the `merged_into` of one of these."""
    told: set[str] = set()
    for record in sent:
        if record.topic == "profiles" and record.value is not None:
            value = json.loads(record.value)
            told.update(value.get("merged_from", ()))
            assert "merged_into" not in value or value["profile_id"] in told, "merged_into before the survivor"


def check_decisions(outcome: Outcome) -> None:
    """What was said of tags, stages and segments, one after the other by version, comes to what the profiles say.

    Each step begins where the one before ended, an id that ended has no tags and is in no segment, and a reminder is
    told once for each occasion.
    """
    of_key: dict[tuple[str, str], dict[int, dict[str, Any]]] = defaultdict(dict)
    for record in outcome.sent:
        if record.topic in {"tags", "lifecycle", "segments", "reminders"} and record.value is not None:
            value = json.loads(record.value)
            of_key[record.topic, record.key.decode()][value["version"]] = value
    profiles = applied(outcome.sent, "profiles") | dict.fromkeys(erased_ids(outcome.sent), ERASED)
    assert {key for _, key in of_key} <= profiles.keys(), "something is said of a profile that there is not"
    for key, profile in profiles.items():
        said = {topic: [one for _, one in sorted(of_key[topic, key].items())] for topic in DECIDED}
        live = "merged_into" not in profile and profile is not ERASED
        tags: list[str] = []
        for one in said["tags"]:
            assert not set(one["added"]) & set(tags), "a tag was added twice"
            assert set(one["removed"]) <= set(tags), "a tag was removed that was not there"
            assert one["tags"] == sorted({*tags, *one["added"]} - {*one["removed"]})
            assert one["added"] or one["removed"], "nothing was said"
            tags = one["tags"]
        assert tags == (profile["tags"] if live else [])
        segments: set[str] = set()
        for one in said["segments"]:
            assert (one["action"] == "exited") == (one["segment"] in segments), "entered or left twice"
            segments ^= {one["segment"]}
        assert sorted(segments) == (profile["segments"] if live else [])
        stages = [None, *(one["to"] for one in said["lifecycle"])]
        assert [one["from"] for one in said["lifecycle"]] == stages[:-1]
        assert not live or stages[-1] == profile["lifecycle"]["stage"]
        occasions = Counter((one["reminder"], one["occasion"]) for one in said["reminders"])
        assert not occasions or max(occasions.values()) == 1, f"told twice: {occasions}"


ERASED: dict[str, Any] = {}
"""What stands for the profile of who was erased."""

DECIDED = ("tags", "lifecycle", "segments", "reminders")


def check(outcome: Outcome, log: list[Record], expected: Expected) -> dict[str, str]:
    """All of it -> identifier -> profile id."""
    check_versions(outcome.sent, monotone=outcome.zombies == 0 and not outcome.rollbacks)
    check_last(outcome)
    homes = check_output(outcome.sent, expected.people, zombies=outcome.zombies > 0)
    check_merges(outcome.sent, again=outcome.rollbacks > 0)
    if not outcome.rollbacks:  # a store that has forgotten what it told tells it again
        check_survivors(outcome.sent)
        check_decisions(outcome)
        check_erased(outcome)
    check_gone(outcome)
    check_conflicts(outcome, expected.refused)
    check_answers(outcome, log)
    check_store(outcome.store, log, set(homes))
    live = [key for key, value in applied(outcome.sent, "profiles").items() if "merged_into" not in value]
    check_names(outcome.store, live)
    return homes


def _difference(got: Counter[bytes], expected: Counter[bytes]) -> str:
    extra = "\n".join(text.decode() for text in (got - expected))
    missing = "\n".join(text.decode() for text in (expected - got))
    return f"people differ\npublished but not expected:\n{extra}\nexpected but not published:\n{missing}"
