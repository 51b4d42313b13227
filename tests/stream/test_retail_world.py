"""The synthetic retail day: the same for a seed, as large and as nasty as it says, and hard for simple resolvers."""

import json
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from stream.demo.truth import joinable, link_everything, quality, same_phone_only
from stream.demo.world import World, generate
from topics.events import DATA_TYPES
from topics.refusals import RefusalCode

DAY = date(2026, 11, 21)
MIDNIGHT = datetime(2026, 11, 20, 16, tzinfo=UTC)  # of that day in China


@pytest.fixture(scope="module")
def world() -> World:
    """The default world of `make run`."""
    return generate(1, 3000, DAY)


@pytest.fixture(scope="module")
def events(world: World) -> list[dict[str, Any]]:
    """The records that are meant to be accepted, parsed, duplicates included."""
    parsed = []
    for record in world.records:
        try:
            event = json.loads(record.value)
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("source") != "/legacy/gateway":
            parsed.append(event)
    return parsed


def test_a_seed_names_one_world() -> None:
    """Equal seeds give equal records and truth, another seed another world."""
    first, again, other = generate(5, 200, DAY), generate(5, 200, DAY), generate(6, 200, DAY)
    assert first == again
    assert first.records != other.records


def test_the_default_world_is_a_retail_day_of_3000_people(world: World) -> None:
    """At least 20,000 events of 3,000 people in every family of event types, some late, some twice."""
    assert len(world.records) >= 20_000
    people = {owner for owner in world.truth.values() if owner.startswith("person-")}
    assert 2_850 <= len(people) <= 3_000
    assert sum(world.event_types.values()) == len(world.observed)
    refused = sum(world.dead_letters.values())
    assert len(world.records) == len(world.observed) + world.duplicates + refused
    families = {kind.partition(".")[0] for kind in world.event_types}
    assert families >= {kind.partition(".")[0] for kind in DATA_TYPES} - {"campaign", "session", "reward"}
    assert 0.04 < world.duplicates / len(world.observed) < 0.06
    assert world.late > 1_000


def test_events_fall_on_the_day_or_in_late_files(events: list[dict[str, Any]]) -> None:
    """Every event time has a zone (two notations) and lies within the day or the six days before; none is later."""
    zones = {event["time"][-6:] if event["time"].endswith("+08:00") else event["time"][-1] for event in events}
    assert zones == {"+08:00", "Z"}
    times = [datetime.fromisoformat(event["time"]) for event in events]
    assert min(times) >= MIDNIGHT - timedelta(days=6, hours=1)
    assert max(times) < MIDNIGHT + timedelta(days=1)
    evening = sum(time >= MIDNIGHT + timedelta(hours=18) for time in times)
    assert evening > len(times) / 10


def test_publishing_order_is_not_event_order(events: list[dict[str, Any]]) -> None:
    """Some events are published hours after later ones: that is what late means."""
    times = [datetime.fromisoformat(event["time"]) for event in events]
    assert sum(later - earlier < timedelta(hours=-1) for earlier, later in pairwise(times)) > 200


def test_duplicates_are_equal_in_every_byte(world: World) -> None:
    """A repeated id is the same record again."""
    bodies = defaultdict(list)
    for record in world.records:
        bodies[record.value].append(record.key)
    assert sum(len(keys) - 1 for keys in bodies.values()) == world.duplicates


def test_bad_records_come_with_the_code_expected(world: World) -> None:
    """Every code that a publisher can cause is there."""
    assert set(world.dead_letters) == set(RefusalCode) - {RefusalCode.UNTRUSTED_SOURCE}
    assert max(len(record.value) for record in world.records) > 65_536


def test_each_store_has_a_tablet_that_a_hundred_members_pass(world: World) -> None:
    """A tablet's cookie is named together with at least 100 members' cards or numbers, in every store."""
    members: dict[str, set[str]] = defaultdict(set)
    for names in world.observed:
        tablets = [name for name in names if world.truth[name].startswith("tablet-")]
        for tablet in tablets:
            members[tablet].update(name for name in names if name.startswith(("card:", "phone:")))
    assert len({world.truth[tablet] for tablet in members}) == 20
    assert min(len(names) for names in members.values()) >= 100


def test_people_hold_the_identifiers_that_the_brief_says(world: World) -> None:
    """A fifth has several openids, a tenth a plastic card beside the e-card, many randomise their MAC."""
    held: dict[str, set[str]] = defaultdict(set)
    for name, owner in world.truth.items():
        if owner.startswith("person-"):
            held[owner].add(name)
    people = len(held)
    several = sum(sum(name.startswith("openid:") for name in names) > 1 for names in held.values())
    two_cards = sum(sum(name.startswith("card:") for name in names) > 1 for names in held.values())
    macs = [name for names in held.values() for name in names if name.startswith("mac:")]
    randomised = sum(name[5] in "26ae" for name in macs)
    assert 0.15 < several / people < 0.25
    assert 0.07 < two_cards / people < 0.13
    assert 0.3 < randomised / len(macs) < 0.5


def test_phones_are_shared_recycled_and_mistyped(world: World) -> None:
    """More than a tenth of the numbers are named beside cards of two people."""
    owners: dict[str, set[str]] = defaultdict(set)
    for names in world.observed:
        phones = [name for name in names if name.startswith("phone:")]
        for phone in phones:
            owners[phone].update(world.truth[name] for name in names if name.startswith(("card:", "unionid:")))
    shared = sum(len(people) > 1 for people in owners.values())
    assert 0.08 < shared / len(owners) < 0.2


def test_the_world_is_hard(world: World) -> None:
    """Linking everything is wrong more often than right; same phone only misses a third of what could be found."""
    everything = quality(link_everything(world.truth, world.observed), world.truth, world.observed)
    assert everything.pairwise_precision < 0.5
    assert everything.pairwise_recall == pytest.approx(1.0)
    timid = quality(same_phone_only(world.truth, world.observed), world.truth, world.observed)
    assert timid.pairwise_recall < 0.7


def test_no_component_grows_to_its_cap(world: World) -> None:
    """Whatever was named together, in any order and without hubs, stays below the 1,000 identifiers of a component."""
    clusters = link_everything(world.truth, world.observed)
    assert max(Counter(clusters.values()).values()) < 1_000


@pytest.mark.parametrize("people", [1, 2, 20])
def test_a_small_world_is_a_world(people: int) -> None:
    """A handful of people make a day too: for examples and quick tests."""
    world = generate(3, people, DAY)
    assert world.observed
    assert world.truth.keys() == {name for names in world.observed for name in names}


def test_quality_by_hand() -> None:
    """Two people of three and two identifiers, one of them put with the wrong person: worked out on paper."""
    truth = {"a1": "a", "a2": "a", "a3": "a", "b1": "b", "b2": "b"}
    observed = [("a1", "a2"), ("a2", "a3"), ("a3", "b1"), ("b1", "b2")]
    clusters = {"a1": 1, "a2": 1, "a3": 2, "b1": 2, "b2": 2}
    judged = quality(clusters, truth, observed)
    assert judged.pairwise_precision == pytest.approx(2 / 4)
    assert judged.pairwise_recall == pytest.approx(2 / 4)
    assert judged.b_cubed_precision == pytest.approx((1 + 1 + 1 / 3 + 2 / 3 + 2 / 3) / 5)
    assert judged.b_cubed_recall == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1 + 1) / 5)


def test_recall_does_not_ask_for_what_no_evidence_joins() -> None:
    """Identifiers of one person that meet only through a stranger's identifier are not counted as missed."""
    truth = {"a1": "a", "a2": "a", "tablet": "t"}
    observed = [("a1", "tablet"), ("a2", "tablet")]
    assert len(set(joinable(truth, observed).values())) == 3
    assert quality({}, truth, observed).pairwise_recall == 1.0
