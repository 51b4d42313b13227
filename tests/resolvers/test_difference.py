"""Differences: what is published, in which order, under which ids and versions, and what a crash leaves to others."""

import json
from typing import Any

from msgspec.structs import replace

from resolvers.component import Component
from resolvers.difference import EVIDENCE_MAX, REASONS, Difference, conflict, difference, header, remaining
from resolvers.evidence import Edge, Pair
from resolvers.facets import sighted
from resolvers.partition import Refused
from resolvers.people import People, Person
from resolvers.publication import BLANK, Sending, State, blanked
from resolvers.steps import Notice
from tests.resolvers.building import edge, graph, mark
from topics.codec import canonical

NOTICE = Notice("card:A", 1, "e1", "/test", 0, "00-trace")
TRACE = (("traceparent", b"00-trace"),)


def mint(key: str, nth: int) -> str:
    """A legible id."""
    return f"id-{key.replace(':', '')}-{nth}"


def person(*members: str, city: str = "", **value: str) -> Person:
    """A person of these identifiers, living in a city, worth this much."""
    contents = {"city": city, "identifiers": members, "lifetime_value": value}
    return Person(members[0], members, canonical(contents), value, keys=members)


class Topic:
    """A component's publication through several changes."""

    def __init__(self, edges: dict[Pair, Edge] | None = None) -> None:
        self.component = Component("card:A", 1, {}, edges or {})
        self.state = State()
        self.now_us = 1_000

    def change(self, *persons: Person, refused: tuple[Refused, ...] = ()) -> Difference | None:
        """What there is to publish, at the next microsecond; nothing is written down."""
        self.now_us += 1
        people = People(list(persons), refused)
        there = {key: sighted(key, 0) for person in persons for key in person.members}
        self.component = Component("card:A", 1, there, self.component.edges)
        return difference(self.component, people, self.state, NOTICE, now_us=self.now_us, mint=mint)

    def publish(self, *persons: Person, refused: tuple[Refused, ...] = ()) -> Difference:
        """Publish to the end."""
        change = self.change(*persons, refused=refused)
        assert change is not None
        self.state = change.state
        return change

    def put_off(self) -> list[Difference]:
        """Publish what was put off, one after the other."""
        changes = []
        while self.state.later:
            changes.append(remaining(self.state))
            self.state = changes[-1].state
        return changes

    def crash(self, *persons: Person, refused: tuple[Refused, ...] = ()) -> Difference:
        """Begin what can be computed again, and die."""
        change = self.change(*persons, refused=refused)
        assert change is not None
        assert not change.sending.records
        self.state = blanked(change.state, change.sending.profiles, self.state)
        return change


def values_of(change: Difference, topic: str) -> list[dict[str, Any]]:
    """The records of a topic."""
    return [json.loads(one.value) for one in change.records if one.topic == topic and one.value is not None]


def keys_of(change: Difference, topic: str) -> list[str]:
    """The keys of a topic's records."""
    return [one.key.decode() for one in change.records if one.topic == topic]


def test_the_first_record_of_a_person() -> None:
    """A new person: the profile, then its identifiers; the frame is the contract's."""
    change = Topic().publish(person("card:A", "phone:p", city="X"))
    assert [one.topic for one in change.records] == ["profiles", "identities", "identities"]
    (profile,) = values_of(change, "profiles")
    assert profile.pop("id")
    assert profile == {
        "profile_id": "id-cardA-0",
        "version": 1_001,
        "at": "1970-01-01T00:00:00.001001Z",
        "cause": {"id": "e1", "source": "/test"},
        "city": "X",
        "identifiers": ["card:A", "phone:p"],
        "lifetime_value": {},
        "merged_from": [],
    }
    assert values_of(change, "identities") == [
        {"namespace": "card", "token": "A", "profile_id": "id-cardA-0", "version": 1_001, "minted": 1_001},
        {"namespace": "phone", "token": "p", "profile_id": "id-cardA-0", "version": 1_001, "minted": 1_001},
    ]
    assert change.named == [("id-cardA-0", "card:A")]
    assert all(one.headers == TRACE for one in change.records)
    assert header(None) == ()


def test_nothing_new_is_none() -> None:
    """Equal people give no difference, whatever the time and the notice; a change of contents gives one profile."""
    topic = Topic()
    topic.publish(person("card:A", city="X"), person("card:B"))
    assert topic.change(person("card:A", city="X"), person("card:B")) is None
    change = topic.publish(person("card:A", city="Y"), person("card:B"))
    assert [(one.topic, one.key) for one in change.records] == [("profiles", b"id-cardA-0")]
    assert change.named == []


def test_versions_grow_whatever_the_clock_says() -> None:
    """A version is the clock's microseconds, or one more than the last where the clock is behind."""
    topic = Topic()
    topic.publish(person("card:A", city="X"))
    topic.now_us = 5
    (profile,) = values_of(topic.publish(person("card:A", city="Y")), "profiles")
    assert profile["version"] == 1_002


def test_ids_of_records_are_digests() -> None:
    """Topic, key, version and content make the id: equal ones give it again, another content or version another one."""

    def id_of(city: str, at: int) -> str:
        topic = Topic()
        topic.now_us = at
        (profile,) = values_of(topic.publish(person("card:A", city=city)), "profiles")
        found: str = profile["id"]
        return found

    assert id_of("X", 10) == id_of("X", 10)
    assert len({id_of("X", 10), id_of("Y", 10), id_of("X", 11)}) == 3


def test_a_merge() -> None:
    """The survivor goes first, with `merged_from`; then `merged_into`; then where identifiers lead; then the report."""
    topic = Topic(graph(("card:A", "phone:p"), ("phone:p", "cookie:k")))
    topic.publish(person("card:A"))
    topic.publish(person("card:A"), person("phone:p", "cookie:k"))
    change = topic.publish(person("card:A", "phone:p", "cookie:k"))
    told = [(one.topic, one.key.decode()) for one in change.records]
    assert told == [
        ("profiles", "id-cardA-0"),
        ("profiles", "id-phonep-0"),
        ("identities", "phone:p"),
        ("identities", "cookie:k"),
        ("merges", "id-phonep-0"),
    ]
    survivor, ended = values_of(change, "profiles")
    assert survivor["merged_from"] == ["id-phonep-0"]
    assert ended == {"profile_id": "id-phonep-0", "version": survivor["version"], "merged_into": "id-cardA-0"}
    (merged,) = values_of(change, "merges")
    assert (merged["type"], merged["from"], merged["to"]) == ("merged", ["id-phonep-0"], ["id-cardA-0"])
    assert [one["token"] for one in merged["identifiers"]] == ["k", "p"]
    assert [one["id"] for one in merged["evidence"]] == ["e0"], "the link that joined them, not the one within"
    assert (change.merges, change.merged_by) == (("merged",), ("/test",)), "and whose evidence it was"


def test_a_split_and_a_move() -> None:
    """Identifiers that leave for a new profile are a split; for one that was there, a move; the rest stays."""
    topic = Topic(graph(("card:A", "phone:p"), ("card:B", "phone:p")))
    topic.publish(person("card:A", "phone:p"))
    split = topic.publish(person("card:A"), person("phone:p"))
    (told,) = values_of(split, "merges")
    assert (told["type"], told["from"], told["to"]) == ("split", ["id-cardA-0"], ["id-cardA-0", "id-phonep-0"])
    assert told["identifiers"] == [{"namespace": "phone", "token": "p", "profile_id": "id-phonep-0"}]
    topic = Topic(dict(topic.component.edges))
    topic.publish(person("card:A", "phone:p"), person("card:B"))
    move = topic.publish(person("card:A"), person("card:B", "phone:p"))
    (told,) = values_of(move, "merges")
    assert (told["type"], told["from"], told["to"]) == ("moved", ["id-cardA-0"], ["id-cardB-0"])
    assert [one["id"] for one in told["evidence"]] == ["e1"]
    assert keys_of(move, "identities") == ["phone:p"]


def test_evidence_is_the_newest_few() -> None:
    """A report names at most a handful of events."""
    pairs = [("card:A", f"cookie:k{n}") for n in range(9)]
    topic = Topic(graph(*pairs))
    cookies = [weak for _, weak in pairs]
    topic.publish(person("card:A"))
    topic.publish(person("card:A"), *(person(key) for key in cookies))
    change = topic.publish(person("card:A", *cookies))
    for merged in values_of(change, "merges"):
        assert len(merged["evidence"]) == 1
    topic = Topic(graph(*pairs))
    topic.publish(person("card:A"))
    topic.publish(person("card:A"), person("cookie:k0", *cookies[1:]))
    (merged,) = values_of(topic.publish(person("card:A", *cookies)), "merges")
    assert [one["id"] for one in merged["evidence"]] == [f"e{n}" for n in range(4, 9)]
    assert len(merged["evidence"]) == EVIDENCE_MAX


def test_values_tell_the_difference() -> None:
    """Lifetime value changed: from nothing, between amounts, and back to nothing; unchanged ones are silent."""
    topic = Topic()
    topic.publish(person("card:A", CNY="1.00"))
    topic.publish(person("card:A", CNY="1.00", USD="5.00"))
    change = topic.publish(person("card:A", CNY="3.00", USD="5.00", EUR="2.00"))
    told = [(one["currency"], one["previous"], one["value"]) for one in values_of(change, "values")]
    assert told == [("CNY", "1.00", "3.00")]
    [later] = topic.put_off()
    assert [one.topic for one in later.records] == ["values"], "one record of a topic and key at a time"
    (euro,) = values_of(later, "values")
    assert (euro["currency"], euro["previous"], euro["value"]) == ("EUR", "0.00", "2.00")
    assert topic.change(person("card:A", CNY="3.00", USD="5.00", EUR="2.00")) is None
    gone = [topic.publish(person("card:A")), *topic.put_off()]
    records = [one for change in gone for one in values_of(change, "values")]
    told = [(one["currency"], one["previous"], one["value"]) for one in records]
    assert told == [("CNY", "3.00", "0.00"), ("EUR", "2.00", "0.00"), ("USD", "5.00", "0.00")]
    assert not any(change.sending.profiles for change in gone[1:])
    versions = [one["version"] for one in records]
    assert versions == sorted(set(versions))
    assert topic.state.version == versions[-1]
    assert topic.state.profiles["id-cardA-0"].value == {}


def test_conflicts_are_told_once() -> None:
    """Refused evidence is reported when it is refused, not again while it stays so, and anew after it had counted."""
    pair = Pair("card:A", "phone:p")
    topic = Topic({pair: edge(1, 5)})
    refused = (Refused(pair, "unique"),)
    apart = person("card:A"), person("phone:p")
    (told,) = values_of(topic.publish(*apart, refused=refused), "conflicts")
    assert told["rule"] == "unique"
    assert told["identifiers"] == [{"namespace": "card", "token": "A"}, {"namespace": "phone", "token": "p"}]
    assert topic.change(*apart, refused=refused) is None
    other = topic.publish(*apart, refused=(Refused(pair, "limit"),))
    assert [one["rule"] for one in values_of(other, "conflicts")] == ["limit"]
    assert other.refused == ("limit",)
    assert keys_of(topic.publish(*apart), "conflicts") == []
    assert len(values_of(topic.publish(*apart, refused=refused), "conflicts")) == 1


def test_an_event_that_was_sent_twice_is_one_piece_of_evidence() -> None:
    """Its copies differ in where they lie and when they were appended only."""
    pair = Pair("card:A", "phone:p")
    apart, refused = (person("card:A"), person("phone:p")), (Refused(pair, "unique"),)
    for last, said in ((mark(1, 4, append_ms=9, event="e0"), ["e0"]), (mark(1, 4, append_ms=9), ["e0", "e4"])):
        topic = Topic({pair: Edge(mark(1), last, 1)})
        (told,) = values_of(topic.publish(*apart, refused=refused), "conflicts")
        assert [one["id"] for one in told["evidence"]] == said


def test_every_rule_has_a_reason() -> None:
    """A conflict's id is a digest, its key the first token, its time the newest event's; each rule reads as a text."""
    for rule in REASONS:
        one = conflict(("card:main:A", "phone:p"), rule, [mark(3, 1, append_ms=5), mark(9, 2, append_ms=7)], TRACE)
        assert (one.topic, one.key, one.headers) == ("conflicts", b"main:A", TRACE)
        assert one.value is not None
        value = json.loads(one.value)
        assert value["reason"] == REASONS[rule]
        assert value["at"] == "1970-01-01T00:00:00.007000Z"
        assert [event["id"] for event in value["evidence"]] == ["e1", "e2"]
    again = conflict(("card:main:A", "phone:p"), rule, [mark(3, 1, append_ms=5), mark(9, 2, append_ms=7)], TRACE)
    assert again == one


def test_what_was_begun_is_published_again() -> None:
    """After a crash, what was touched is blank: it is sent again with a later version."""
    topic = Topic()
    topic.publish(person("card:A", "phone:p"))
    lost = topic.crash(person("card:A", "phone:p", city="X"))
    assert topic.state.profiles["id-cardA-0"].digest == BLANK
    again = topic.publish(person("card:A", "phone:p", city="X"))
    (before,), (after,) = values_of(lost, "profiles"), values_of(again, "profiles")
    assert after.pop("version") > before.pop("version")
    assert {name: after[name] for name in ("city", "profile_id")} == {
        name: before[name] for name in ("city", "profile_id")
    }
    assert keys_of(again, "identities") == ["card:A", "phone:p"]
    assert topic.change(person("card:A", "phone:p", city="X")) is None


def test_what_cannot_be_computed_again_is_written_down() -> None:
    """Where a change tells a difference (an id, a merge, a value, a conflict), all its records are; else none is."""
    pair = Pair("card:A", "phone:p")
    topic = Topic({pair: edge(1)})
    for change in (
        topic.publish(person("card:A")),
        topic.publish(person("card:A"), person("phone:p", CNY="1.00")),
        topic.publish(person("card:A", "phone:p", CNY="1.00")),
        topic.publish(person("card:A", "phone:p", CNY="1.00"), refused=(Refused(pair, "hub"),)),
    ):
        assert change.sending == Sending(change.sent, tuple(change.records))
    assert topic.publish(person("card:A", "phone:p", CNY="1.00", city="X"), refused=(Refused(pair, "hub"),)).repeatable


def test_a_tombstone_of_an_identifier_is_written_down() -> None:
    """Whoever goes on after a crash finds nobody of whom it could be computed: the profile has forgotten it."""
    topic = Topic()
    topic.publish(person("card:A", "phone:p"))
    change = topic.publish(person("card:A"))
    assert [one.value for one in change.records if one.key == b"phone:p"] == [None]
    assert change.sending == Sending(change.sent, tuple(change.records))


def test_a_crash_changes_no_decision() -> None:
    """Ids and ended ids of what was begun hold, though nobody saw them."""
    topic = Topic()
    topic.publish(person("card:A"))
    topic.publish(person("card:A"), person("phone:p"))
    change = topic.publish(person("card:A", "phone:p"))
    assert change.sending.records
    again = topic.publish(person("card:A"), person("phone:p"))
    assert again.state.ended == {"id-phonep-0": "id-cardA-0"}
    assert set(again.state.profiles) == {"id-cardA-0", "id-phonep-1"}


def test_the_first_records_are_the_profiles() -> None:
    """`sent` names the profiles of the first records, in order; what did not change is not among them."""
    topic = Topic()
    first = topic.publish(person("card:A"), person("card:B"))
    second = topic.publish(person("card:A"), person("card:B", city="X"))
    for change, ids in ((first, ("id-cardA-0", "id-cardB-0")), (second, ("id-cardB-0",))):
        assert change.sent == ids
        assert tuple(one.key.decode() for one in change.records[: len(ids)]) == ids
        assert all(one.topic == "profiles" for one in change.records[: len(ids)])


def test_a_stronger_holder_is_published() -> None:
    """Who holds an id is part of what is published, though the contents were the same."""
    topic = Topic()
    topic.publish(Person("phone:p", ("phone:p",), b'{"a":1}', {}, keys=("phone:p",)))
    change = topic.publish(Person("card:A", ("card:A", "phone:p"), b'{"a":1}', {}, keys=("card:A", "phone:p")))
    assert topic.state.profiles["id-phonep-0"].holder == "card:A"
    assert keys_of(change, "identities") == ["card:A"]


def test_what_is_said_again_holds_the_ids_that_ended() -> None:
    """A topic that was lost gets `merged_into` again, at a newer version; no merge is told a second time."""
    topic = Topic()
    topic.publish(person("card:A"), person("phone:p"))
    first = topic.publish(person("card:A", "phone:p"))
    again = difference(
        topic.component,
        People([person("card:A", "phone:p")], ()),
        blanked(topic.state, topic.state.profiles, topic.state),
        replace(NOTICE, again=True),
        now_us=topic.now_us + 1,
        mint=mint,
    )
    assert again is not None
    [_, before] = values_of(first, "profiles")
    [_, after] = values_of(again, "profiles")
    assert {**after, "version": before["version"]} == before
    assert after["version"] > before["version"]
    assert len(values_of(again, "identities")) == 2
    assert not values_of(again, "merges")
    assert again.state.ended == topic.state.ended
