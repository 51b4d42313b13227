"""Lookup: it leads to the record that was last published, whatever the store is doing meanwhile."""

import asyncio
import random

import pytest

from resolvers.admission import Unreadable, parse_identifier
from resolvers.publication import State, blanked, decode, encode, encode_offsets
from sinks.profile_reader import ProfileReadError
from sinks.store import StoreLostError
from stream.reading import walking as module
from stream.reading.lookup import Found, Lookup
from stream.reading.walking import LookupStore, UnavailableError
from tests.stream.small_worker import SmallWorker
from topics.identifiers import Identifier

CARD = {"card": "8800"}
PHONE = {"phone": "13800138001"}
MAC = {"mac": "AA-BB-CC-00-11-22"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between two walks."""
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0)


@pytest.fixture
def world() -> SmallWorker:
    """A worker in memory."""
    return SmallWorker()


def of(world: SmallWorker) -> Lookup:
    """A lookup over it."""

    async def store() -> LookupStore:
        return world

    return Lookup(store, world)


def identifier(world: SmallWorker, text: str) -> Identifier:
    """As an operator writes it."""
    found = parse_identifier(text, world.admission)
    assert not isinstance(found, Unreadable)
    return found


async def profile_of(world: SmallWorker, text: str) -> Found | None:
    """The profile of an identifier."""
    return await of(world).by_identifier(identifier(world, text))


async def test_a_profile_is_the_last_record_on_the_topic(world: SmallWorker) -> None:
    """By id and by each of its identifiers, the answer is the newest record of the topic, byte for byte."""
    world.publish({**CARD, **PHONE})
    world.publish({**CARD, **MAC})
    [profile_id] = world.profiles()
    newest = world.values(profile_id)[-1]
    found = await of(world).by_id(profile_id)
    assert found == Found(profile_id, world.profiles()[profile_id]["version"], newest)
    for text in ("card:8800", "phone:138 0013 8001", "mac:aabb.cc00.1122"):
        assert await profile_of(world, text) == found
    assert len(world.values(profile_id)) == 2


async def test_a_token_leads_where_its_value_does(world: SmallWorker) -> None:
    """`~token`, as consumers find it in outputs, is an identifier too."""
    world.publish(PHONE)
    [profile] = world.profiles().values()
    token = profile["identifiers"][0]["token"]
    found = await profile_of(world, f"phone:~{token}")
    assert found is not None
    assert found == await profile_of(world, "phone:13800138001")


async def test_nobody_is_found_by_what_was_never_seen(world: SmallWorker) -> None:
    """Unknown ids and identifiers are None, not an error."""
    world.publish(CARD)
    assert await of(world).by_id("a" * 26) is None
    assert await of(world).by_id("") is None
    assert await profile_of(world, "phone:13800138001") is None


async def test_an_id_that_merged_away_leads_to_the_survivor(world: SmallWorker) -> None:
    """Contract, section 7; also over two merges one after the other."""
    world.publish(CARD)
    world.publish(PHONE)
    world.publish({"login": "main:zhang"})
    ids = set(world.profiles())
    world.publish({**PHONE, "login": "main:zhang"})
    world.publish({**CARD, **PHONE})
    found = [await of(world).by_id(profile_id) for profile_id in ids]
    assert len(ids) == 3
    assert len(set(found)) == 1
    assert found[0] is not None
    assert found[0].json == world.values(found[0].profile_id)[-1]


async def test_a_contested_device_has_two_profiles(world: SmallWorker) -> None:
    """The id of a device's second, anonymous profile is found by the device that holds it, marked `!`."""
    world.publish({**CARD, **MAC})
    world.publish({"card": "9900", **MAC})
    world.publish(MAC)
    assert len(world.profiles()) == 3
    assert any(key.startswith("!") for key in world.store.content.profiles.values())
    for profile_id in world.profiles():
        found = await of(world).by_id(profile_id)
        assert found is not None
        assert found.profile_id == profile_id


@pytest.mark.parametrize("seed", range(60))
async def test_nobody_who_is_published_is_ever_unknown(seed: int) -> None:
    """While people are moved, merged and published, a lookup answers with a record of theirs, or that it can't now.

    Steps of the worker happen between any two of the lookup's own.
    """
    rng = random.Random(seed)
    pace = rng.choice([(0, 0, 0, 1), (0, 0, 0, 1, 1, 2, 8, 60)])
    world = SmallWorker()
    for event in (CARD, PHONE, MAC, {"login": "main:zhang"}):
        world.publish(event)
    ids = set(world.profiles())
    texts = ["card:8800", "phone:13800138001", "mac:AA-BB-CC-00-11-22", "login:main:zhang"]
    going = world.steps({**PHONE, **MAC}, {"login": "main:zhang", **PHONE}, {**CARD, "login": "main:zhang"})
    answered = ended = 0

    def between() -> None:
        nonlocal ended
        for _ in range(rng.choice(pace)):
            ended += next(going, "end") == "end"

    world.between = between
    while not ended:
        by_id = rng.random() < 0.5
        try:
            if by_id:
                found = await of(world).by_id(rng.choice(sorted(ids)))
            else:
                found = await profile_of(world, rng.choice(texts))
        except UnavailableError:
            continue
        assert found is not None, "somebody who is published is not unknown"
        assert found.json in world.values(found.profile_id)
        answered += 1
    world.between = lambda: None
    survivors = {await of(world).by_id(profile_id) for profile_id in ids}
    assert len(survivors) == 1
    assert answered


async def test_a_topic_made_anew_is_unavailable_not_somebody_else(world: SmallWorker) -> None:
    """Another record where the profile should be, of another profile or another version, is never the answer."""
    world.publish(CARD)
    [profile_id] = world.profiles()
    [partition] = [one for one in world.log.topic("profiles") if one]
    true = partition[0]
    for key, value in (
        (b"b" * 26, true.value),
        (true.key, b'{"profile_id":"%s","version":1}' % profile_id.encode()),
        (true.key, b"not json"),
        (true.key, None),
    ):
        partition[0] = true._replace(key=key, value=value)
        with pytest.raises(UnavailableError):
            await of(world).by_id(profile_id)
    partition[0] = true
    assert await of(world).by_id(profile_id) is not None


async def test_a_record_that_is_not_sent_yet_is_unavailable(world: SmallWorker) -> None:
    """What a component handed over half published is published again soon, and until then not readable."""
    world.publish(CARD)
    [profile_id] = world.profiles()
    [(name, record)] = world.store.content.publications.items()
    assert record.state is not None
    state = decode(record.state)
    half = blanked(state, [profile_id], State())
    world.store.content.publications[name] = record._replace(state=encode(half), offsets=encode_offsets(half, {}))
    with pytest.raises(UnavailableError):
        await of(world).by_id(profile_id)


@pytest.mark.parametrize("error", [StoreLostError("redis://secret"), ProfileReadError("kafka:9092")])
async def test_servers_that_are_away_are_unavailable(world: SmallWorker, error: Exception) -> None:
    """What the world does is said in words that name no server."""
    world.publish(CARD)

    def fail() -> None:
        raise error

    world.between = fail
    with pytest.raises(UnavailableError) as raised:
        await profile_of(world, "card:8800")
    assert str(error) not in str(raised.value)


async def test_a_lookup_ends(world: SmallWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never answers costs `LOOKUP_SECONDS`, no more."""
    world.publish(CARD)
    monkeypatch.setattr(module, "LOOKUP_SECONDS", 0.05)

    async def never(_profile_id: str, _offset: int) -> bytes | None:
        await asyncio.Event().wait()
        return None

    monkeypatch.setattr(world, "read", never)
    with pytest.raises(UnavailableError, match="in time"):
        await profile_of(world, "card:8800")
