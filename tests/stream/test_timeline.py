"""Timelines: everything that is about a profile and nothing else, whoever asks by whichever name, newest last."""

from typing import Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resolvers import timeline as module
from resolvers.component import Component
from resolvers.difference import conflict
from resolvers.steps import Outgoing
from resolvers.timeline import Subject, timeline
from sinks.history_reader import History, HistoryReadError
from stream.cli.timeline_text import lines
from stream.config.configuration import DEFAULT_RETENTION_DAYS
from stream.reading.recalling import Keys, Recalling
from stream.reading.walking import LookupStore, UnavailableError
from tests.resolvers.building import mark
from tests.stream.small_worker import SmallWorker
from topics.answers import Timeline
from topics.codec import decode, encode
from topics.commands import Result
from topics.identifiers import Identifier

NUMBER = "13800138001"
PHONE = {"phone": NUMBER}


def recalling(world: SmallWorker) -> Recalling:
    """Timelines of a world."""

    async def store() -> LookupStore:
        return world

    return Recalling(store, world.history, DEFAULT_RETENTION_DAYS)


async def by_id(world: SmallWorker, profile_id: str) -> Timeline:
    """The timeline of somebody who is known; its shape is the documented one."""
    told = await recalling(world).by_id(profile_id)
    assert told is not None
    return msgspec.convert(told, Timeline)


def holder_of(world: SmallWorker, namespace: str, token: str) -> str:
    """The profile that has an identifier now."""
    [found] = [
        profile_id
        for profile_id, profile in world.profiles().items()
        if any((one["namespace"], one["token"]) == (namespace, token) for one in profile.get("identifiers", ()))
    ]
    return found


async def test_a_merge_is_told_by_every_name() -> None:
    """By the survivor's id, by the id that ended, and by an identifier: one story, with the event behind it."""
    world = SmallWorker()
    world.publish({"card": "a"})
    world.publish({"login": "l"})
    [first, second] = world.profiles()
    world.publish({"card": "a", "login": "l"})
    told = await by_id(world, first)
    assert told == await by_id(world, second)
    assert told == await recalling(world).by_identifier(Identifier("login", "main:l"))
    survivor = told["profile_id"]
    assert (told["kept_days"], told["whole"], told["more"]) == ({"merges": 7, "conflicts": 7}, True, 0)
    [entry] = told["entries"]
    assert (entry["type"], entry["from"], entry["to"]) == ("merged", [({first, second} - {survivor}).pop()], [survivor])
    assert entry["evidence"][0]["id"] == "event-3"
    text = list(lines(told))
    assert text[0][0].startswith(f"Profile {survivor}, version {told['version']}; times are UTC. Kept are merg")
    assert (f"{entry['at'][:10]}" in text[1][0], text[1][1]) == (True, "green")
    assert text[-1][0].strip() == "because of event-3 (/test) at 2026-08-01 10:00"


async def test_refused_evidence_and_moves_are_told_on_both_sides() -> None:
    """Two cards with one number: the number moves to the later one, and both hear of it and of what did not count."""
    world = SmallWorker()
    world.publish({"card": "a", **PHONE, "mac": "3c:22:fb:00:11:22"}, {"card": "b"})
    before = holder_of(world, "card", "main:a")
    world.publish({"card": "b", **PHONE})
    for card in ("main:a", "main:b"):
        told = await by_id(world, holder_of(world, "card", card))
        kinds = [entry["type"] for entry in told["entries"]]
        assert sorted(kinds) == ["conflict", "moved"]
        moved = told["entries"][kinds.index("moved")]
        assert (moved["from"], moved["identifiers"][0]["display"]) == ([before], "138****8001")
        conflict = told["entries"][kinds.index("conflict")]
        assert (conflict["rule"], {one["namespace"] for one in conflict["identifiers"]}) == (
            "unique",
            {"card", "phone"},
        )
        assert NUMBER not in encode(told).decode() + "".join(line for line, _ in lines(told))


async def test_commands_are_told() -> None:
    """What was asked of a member, and its answer; not what was only tried, nor what was asked of others."""
    world = SmallWorker()
    world.publish({"card": "a", "login": "l"})
    [profile_id] = world.profiles()
    for number, (named, dry_run) in enumerate(
        [("card:~main:a", False), ("card:~main:b", False), ("card:~main:a", True)]
    ):
        result = Result(
            id=f"c-{number}",
            type="split",
            status="refused",
            identifiers=(named, "login:~main:x"),
            detail="Not all in one person.",
            dry_run=dry_run,
            append_ms=1_790_000_000_000,
        )
        world.log.append(Outgoing("commands.results", result.id.encode(), encode(result), ()))
    told = await by_id(world, profile_id)
    [entry] = told["entries"]
    assert (entry["type"], entry["command"], entry["status"], entry["id"]) == ("command", "split", "refused", "c-0")
    assert [one["display"] for one in entry["identifiers"]] == ["main:a", "main:x"]
    assert any("split c-0: refused. Not all in one person." in line for line, _ in lines(told))


async def test_what_was_taken_back_is_told() -> None:
    """Of an undo the command that it took back, of an unblock all of them; of one that was refused nothing."""
    world = SmallWorker()
    world.publish({"card": "a"})
    [profile_id] = world.profiles()
    answers: list[tuple[str, Literal["done", "refused"], object]] = [
        ("undo", "done", "c-9"),
        ("unblock", "done", ["c-7", "c-8"]),
        ("undo", "refused", "c-9"),
    ]
    for number, (kind, status, of) in enumerate(answers):
        effect = {"of": of, "was": "split"}
        named = ("card:~main:a",)
        result = Result(id=f"c-{number}", type=kind, status=status, identifiers=named, append_ms=number, effect=effect)
        world.log.append(Outgoing("commands.results", result.id.encode(), encode(result), ()))
    told = await by_id(world, profile_id)
    assert [entry["undone"] for entry in told["entries"]] == [["c-9"], ["c-7", "c-8"], []]


async def test_who_is_unknown_and_what_does_not_answer() -> None:
    """Nobody is None; a broker that does not answer is said to be unavailable, and asked again the next time."""
    world = SmallWorker()
    world.publish({"card": "a"})
    [profile_id] = world.profiles()
    assert await recalling(world).by_id("nobody") is None
    assert await recalling(world).by_identifier(Identifier("card", "main:b")) is None
    told = await by_id(world, profile_id)
    assert told["entries"] == []
    assert list(lines(told))[-1][0] == "Nothing happened to it: no merge, no split, no conflict."
    failing = True

    async def histories(_keys: Keys) -> History:
        if failing:
            raise HistoryReadError("away")
        return History([("merges", b"not ours"), ("conflicts", b"{}")], whole=False, since_ms=1_790_000_000_000)

    async def store() -> LookupStore:
        return world

    asked = Recalling(store, histories, DEFAULT_RETENTION_DAYS)
    with pytest.raises(UnavailableError, match="do not answer"):
        await asked.by_id(profile_id)
    failing = False
    part = await asked.by_id(profile_id)
    assert part is not None
    assert (part["whole"], part["since"], part["entries"]) == (False, "2026-09-21T14:13:20Z", [])
    assert any("no time to read everything" in line and "2026-09-21 14:13" in line for line, _ in lines(part))


def test_the_newest_entries_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that was sent twice is one entry; older ones are counted; newest last."""
    monkeypatch.setattr(module, "ENTRIES_MAX", 2)
    marks = [mark(0, at, append_ms=at) for at in (5_500, 3_000, 5_000)]
    sent = [conflict(("card:main:a",), "invalid_value", [one], ()) for one in marks]
    records = [("conflicts", one.value) for one in sent if one.value is not None]
    subject = Subject(frozenset(), frozenset({"card:main:a"}))
    entries, more = timeline([*records, *records], subject, Component("a"))
    assert (len(entries), more) == (2, 1)
    assert [one["at"] for one in entries] == ["1970-01-01T00:00:05Z", "1970-01-01T00:00:05.500000Z"]


EVENTS = st.lists(
    st.dictionaries(
        st.sampled_from(["card", "login", "openid", "phone", "cookie"]),
        st.sampled_from(["13800138001", "13800138002", "13800138003", "null"]),
        min_size=1,
        max_size=3,
    ).filter(lambda one: set(one.values()) != {"null"}),
    min_size=1,
    max_size=14,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(EVENTS, st.integers(1, 3))
async def test_the_keys_that_are_asked_for_find_everything(events: list[dict[str, str]], size: int) -> None:
    """Whatever is about a profile on all partitions is found under the keys that are asked for."""
    world = SmallWorker()
    for at in range(0, len(events), size):
        world.publish(*events[at : at + size])
    everything = [
        (name, record.value) for name in ("merges", "conflicts") for part in world.log.topic(name) for record in part
    ]
    for profile_id, profile in world.profiles().items():
        if "merged_into" in profile:
            continue
        told = await by_id(world, profile_id)
        ids = {profile_id, *profile["merged_from"]}
        members = {(one["namespace"], one["token"]) for one in profile["identifiers"]}
        expected = set()
        for _, value in everything:
            record = decode(value or b"")
            named = {(one["namespace"], one["token"]) for one in record["identifiers"]}
            if named & members or ids & {*record.get("from", ()), *record.get("to", ())}:
                expected.add(record["id"])
        assert {entry["id"] for entry in told["entries"]} == expected
