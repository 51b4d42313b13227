"""Replaying: what was published of a store comes back from the topics alone, and no id is ever somebody else's."""

import random
from datetime import UTC
from pathlib import Path
from typing import cast

import pytest
from msgspec.structs import replace

from resolvers.admission import Admission
from resolvers.judging import Rulebook as MemberRules
from resolvers.namespaces import DEFAULT_RULES
from resolvers.projecting import Rulebook
from resolvers.pseudonyms import Pseudonyms, mint
from resolvers.publication import State
from resolvers.reminded import counts_since
from resolvers.restoring import write_down
from resolvers.rules import Check, Labels, Reminder, Rule, Rules
from resolvers.steps import ReadPublication
from sinks.journal import Journal
from sinks.log_reader import LogReader
from sinks.memory_store import Content
from sinks.redis_store import RedisStore
from stream.config.settings import Settings
from stream.operating.replaying import Rebuilt, Replaying, Servers
from tests.stream.small_worker import SmallWorker
from topics.commands import Split
from topics.instants import DAY_US

NOW_US = 1_790_000_000_500_000


LABELS = Labels("a rule", "规则")
MEMBER = MemberRules(
    Rules(
        lifecycle=(Rule(name="prospect", labels=LABELS),),
        reminders=(
            Reminder(
                name="welcome_home",
                labels=LABELS,
                when=Check("identifiers.namespace", "equals", "openid"),
                occasion="last_seen",
                once=True,
                max_age_us=100 * DAY_US,
            ),
        ),
    ),
    UTC,
)


def mint_of_the_small_worker(key: str, nth: int) -> str:
    """The ids that a `SmallWorker` gives."""
    return mint(b"id key of a test", key, nth)


RULEBOOK = Rulebook(DEFAULT_RULES, frozenset(), mint_of_the_small_worker)


def journal_of(worker: SmallWorker, folder: Path, *, reminders: bool = True) -> Journal:
    """What its topics say last."""
    journal = Journal(folder / f"journal-{len(list(folder.iterdir()))}")
    for partition in worker.log.topic("identities"):
        journal.take_identities((one.key, one.value) for one in partition)
    for partition in worker.log.topic("profiles"):
        journal.take_profiles((one.key, one.value, one.offset) for one in partition)
    for partition in worker.log.topic("reminders") if reminders else ():
        journal.take_reminders((one.value for one in partition), counts_since(MEMBER.rules.reminders, NOW_US))
    journal.fill_gaps()
    return journal


def forgetful(worker: SmallWorker, member: MemberRules | None = None) -> SmallWorker:
    """Another one with the same people, that has forgotten what was published."""
    other = SmallWorker(member)
    content = worker.store.content
    other.store.content = Content(content.homes, content.components, {}, {}, {}, content.decisions, {}, {}, {})
    return other


async def rebuilt(worker: SmallWorker, journal: Journal, rulebook: Rulebook | None = None) -> list[Rebuilt]:
    """What a replay makes of a store and a journal."""
    servers = Servers(cast("RedisStore", worker), cast("LogReader", None), journal)
    settings = cast("Settings", _Prefixed())
    replaying = Replaying(
        settings, rulebook or RULEBOOK, Admission(DEFAULT_RULES, Pseudonyms(b"k")), servers, lambda *_: None
    )
    return [one async for page in replaying.pages(NOW_US) for one in page]


class _Prefixed:
    """As much of the settings as a look at people needs."""

    topic_prefix = "idweave"
    rules_fingerprint = "fingerprint"

    class configuration:  # noqa: N801 - it stands for an attribute
        """Limits are for touchpoints."""

        limits = None


def published(worker: SmallWorker, component: str) -> State:
    """What the store says was published."""
    state: State = worker.store.execute(ReadPublication(component)).state
    return state


FAMILY = (
    {"phone": "13800138001", "mac": "AA-BB-CC-00-11-22"},
    {"openid": "o1", "cookie": "c1"},
    {"card": "A", "phone": "13800138001"},
    {"card": "B", "mac": "AA-BB-CC-00-11-22"},
    {"card": "A", "openid": "o1"},
    {"mac": "AA-BB-CC-00-11-22"},
    {"cookie": "c2", "openid": "o2"},
)


def drawn(seed: int) -> list[dict[str, str]]:
    """Random events of few identifiers, so that people meet, part and end."""
    lot = random.Random(seed)
    values = {
        "card": ["A", "B", "C"],
        "phone": ["13800138001", "13800138002", "13800138003"],
        "openid": ["o1", "o2", "o3", "o4"],
        "mac": ["AA-BB-CC-00-11-22", "AA-BB-CC-00-11-23"],
        "cookie": ["c1", "c2"],
    }
    return [
        {name: lot.choice(values[name]) for name in lot.sample(sorted(values), lot.choice((1, 2, 2, 3)))}
        for _ in range(25)
    ]


@pytest.mark.parametrize("seed", [None, *range(40)])
async def test_what_was_published_comes_back(seed: int | None, tmp_path: Path) -> None:
    """From identities and profiles alone: ids with holders, members, versions, digests, values; and old ids."""
    worker = SmallWorker()
    for event in FAMILY if seed is None else drawn(seed):
        worker.publish(event)
    for one in await rebuilt(forgetful(worker), journal_of(worker, tmp_path)):
        before = published(worker, one.component.name)
        assert one.anew is not None
        assert one.state.profiles == {
            # How old a device's second profile is, nobody says: it has no identifiers.
            key: profile if profile.members else replace(profile, born=profile.version)
            for key, profile in before.profiles.items()
        }
        assert one.state.refused == before.refused
        assert one.anew.offsets == worker.store.execute(ReadPublication(one.component.name)).offsets
        assert one.state.ended == before.ended
        assert {name for name, _ in one.anew.named} == {*before.profiles, *before.ended}


async def test_without_profiles_the_ids_come_back_all_the_same(tmp_path: Path) -> None:
    """`identities` is enough: the ids are the same, and everybody is to be published again."""
    worker = SmallWorker()
    worker.publish(*FAMILY)
    journal = Journal(tmp_path / "journal")
    for partition in worker.log.topic("identities"):
        journal.take_identities((one.key, one.value) for one in partition)
    for one in await rebuilt(forgetful(worker), journal):
        before = published(worker, one.component.name)
        ours = {profile_id: profile.holder for profile_id, profile in one.state.profiles.items()}
        theirs = {profile_id: profile.holder for profile_id, profile in before.profiles.items() if profile.members}
        assert ours == theirs
        assert {profile.digest for profile in one.state.profiles.values()} == {b""}
        assert all(profile.version >= before.profiles[key].born for key, profile in one.state.profiles.items())


async def test_without_identities_the_profiles_say_whose_they_are(tmp_path: Path) -> None:
    """A lost `identities` is filled from the profiles that list the identifiers."""
    worker = SmallWorker()
    worker.publish(*FAMILY)
    journal = Journal(tmp_path / "journal")
    for partition in worker.log.topic("profiles"):
        journal.take_profiles((one.key, one.value, one.offset) for one in partition)
    journal.fill_gaps()
    for one in await rebuilt(forgetful(worker), journal):
        assert one.state.profiles.keys() == published(worker, one.component.name).profiles.keys()


async def test_an_id_goes_to_the_strongest_that_is_here(tmp_path: Path) -> None:
    """Where evidence is lost and people part, the id stays with its holder, and nobody gets an id that another had."""
    worker = SmallWorker()
    worker.publish({"openid": "o"})
    worker.publish({"phone": "13800138001", "openid": "o"})
    worker.publish({"card": "A"})
    worker.publish({"card": "A", "phone": "13800138001"})
    [alive] = worker.profiles().keys() - {key for key, one in worker.profiles().items() if "merged_into" in one}
    [ended] = worker.profiles().keys() - {alive}
    parted = SmallWorker()
    parted.publish({"openid": "o"})
    parted.publish({"phone": "13800138001"})
    found = await rebuilt(forgetful(parted), journal_of(worker, tmp_path))
    states = {one.component.name.partition(":")[0]: one.state for one in found}
    assert {name: list(state.profiles) for name, state in states.items()} == {"phone": [alive], "openid": []}
    assert states["phone"].profiles[alive].holder.startswith("phone:")
    assert states["phone"].ended == {ended: alive}
    # `alive` was minted by the openid, which is now somebody of its own.
    assert alive == mint_of_the_small_worker("openid:main:o", 0)
    assert states["openid"].used == (alive,)


async def test_what_was_told_and_holds_no_more_is_not_told_again(tmp_path: Path) -> None:
    """A rebuild remembers reminders from their topic, through merges of the profile too; else they would come twice."""
    worker = SmallWorker(MEMBER)
    worker.publish({"openid": "o1", "phone": "13800138001"})
    worker.publish({"card": "A"})
    worker.publish({"card": "A", "phone": "13800138001"})
    await worker.ask(Split(id="s", identifiers=("openid:o1",)), ())
    assert [len(partition) for partition in worker.log.topic("reminders") if partition] == [1]
    told_again = {}
    for remembers in (False, True):
        journal = journal_of(worker, tmp_path, reminders=remembers)
        other = forgetful(worker, MEMBER)
        for one in await rebuilt(other, journal, RULEBOOK._replace(member=MEMBER)):
            assert one.anew is not None
            assert other.carried(write_down(one.anew))
        other.publish({"card": "A", "openid": "o2"})
        told_again[remembers] = sum(map(len, other.log.topic("reminders")))
    assert told_again == {False: 1, True: 0}
