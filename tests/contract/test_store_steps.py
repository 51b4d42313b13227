"""What each step does, on every store: in memory, on Redis and on Valkey."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import nullcontext

import pytest

from resolvers.component import Component
from resolvers.evidence import Edge, Mark, Pair
from resolvers.facets import encode, sighted
from resolvers.publication import NOTHING, Begun, Publication, Published, Sending, State, encode_offsets
from resolvers.publication import encode as at_rest
from resolvers.steps import (
    ClaimHome,
    Commit,
    Complete,
    Decide,
    DropPublication,
    Fence,
    ForgetComponent,
    ForgetHome,
    ForgetProfile,
    Freeze,
    Intend,
    NameProfile,
    Outgoing,
    ReadComponent,
    ReadDecision,
    ReadHome,
    ReadProfileName,
    ReadPublication,
    Redirect,
    Reply,
    Schedule,
    Settle,
    ShortenHome,
    Step,
)
from sinks.memory_store import MemoryStore
from sinks.redis_store import RedisStore
from sinks.store import DUE_SHARDS, Due, StoreLostError, shard_of
from tests.contract.conftest import AnyStore, AwaitedMemory, OpenStore

ONE, TWO = (State(n, {"p1": Published("phone:a", n, n, b"d", ("phone:a",))}) for n in (1, 2))
SENDING = Sending(("p1",), (Outgoing("merges", b"p1", b"{}", (("traceparent", b"00-1"),)),))
OFFSETS = encode_offsets(ONE, {"p1": 7})
MARK = Mark(1, 2, "touchpoints", 0, 3, "id", "source")
FACET = encode(sighted("138****8000", 5))
FIELDS = Component(
    "c",
    0,
    {"phone:a": sighted("138****8000", 5), "mac:b": sighted("b", 6)},
    {Pair("phone:a", "mac:b"): Edge(MARK, MARK, 1)},
    absorbed=frozenset({"mac:old"}),
).fields()
HOSTILE = [
    "plain",
    "with 'quotes' and \"more\"",
    "}",
    "{}",
    "a}b",
    "a%7Db",
    "{a",
    "nul\0 and \r\n$3\r\n",
    "\N{PILE OF POO}\u4e2d\u6587",
    "*?[a-z]",
    "x" * 65_536,
    " ",
]


async def do(store: AnyStore, step: Step) -> Reply:
    """Carry out one step."""
    [reply] = await store.execute_many([step])
    return reply


def begin(component: str, revision: int, state: State) -> Intend:
    """The step that begins to publish this."""
    return Intend(component, revision, at_rest(state), at_rest(SENDING))


def seen(reply: Reply) -> Reply:
    """A reply in a form that can be compared."""
    if isinstance(reply, Component):
        return (reply.name, reply.version, reply.fields(), reply.moved_to, reply.pending)
    return reply


async def component(store: AnyStore, name: str) -> Reply:
    """What a component reads as."""
    return seen(await do(store, ReadComponent(name)))


async def test_a_home_is_claimed_once(store: AnyStore) -> None:
    """The first claim decides, the second learns who did; nobody's home is None."""
    assert await do(store, ReadHome("phone:a")) is None
    assert await do(store, ClaimHome("phone:a", "one")) == "one"
    assert await do(store, ClaimHome("phone:a", "two")) == "one"
    assert await do(store, ReadHome("phone:a")) == "one"


async def test_a_home_may_be_the_component_named_by_the_identifier(store: AnyStore) -> None:
    """It is claimed, read and shortened as any other, to that component and from it."""
    assert await do(store, ClaimHome("phone:a", "phone:a")) == "phone:a"
    assert await do(store, ClaimHome("phone:a", "two")) == "phone:a"
    assert await do(store, ReadHome("phone:a")) == "phone:a"
    await do(store, ShortenHome("phone:a", "phone:b", "one"))
    assert await do(store, ReadHome("phone:a")) == "phone:a"
    await do(store, ShortenHome("phone:a", "phone:a", "one"))
    assert await do(store, ReadHome("phone:a")) == "one"
    await do(store, ShortenHome("phone:a", "one", "phone:a"))
    assert await do(store, ReadHome("phone:a")) == "phone:a"


async def test_a_home_is_shortened_only_as_it_was_seen(store: AnyStore) -> None:
    """Shortening from another value, or of a home that is not there, changes nothing."""
    await do(store, ClaimHome("phone:a", "three"))
    assert await do(store, ShortenHome("phone:a", "two", "one")) is None
    assert await do(store, ReadHome("phone:a")) == "three"
    assert await do(store, ShortenHome("phone:a", "three", "one")) is None
    assert await do(store, ReadHome("phone:a")) == "one"
    await do(store, ShortenHome("phone:b", "three", "one"))
    assert await do(store, ReadHome("phone:b")) is None


async def test_a_component_that_is_not_there_reads_as_empty(store: AnyStore) -> None:
    """Version 0, no fields, not moved."""
    assert await component(store, "c") == ("c", 0, {}, None, False)


async def test_a_commit_at_its_version_is_taken(store: AnyStore) -> None:
    """It sets and removes fields, leaves the others, and the version grows by one."""
    assert await do(store, Commit("c", 0, FIELDS)) == 1
    assert await component(store, "c") == ("c", 1, FIELDS, None, False)
    assert await do(store, Commit("c", 1, {"a:new": b""}, ("a:mac:old", "a:unknown"))) == 2
    assert await component(store, "c") == (
        "c",
        2,
        {**{field: value for field, value in FIELDS.items() if field != "a:mac:old"}, "a:new": b""},
        None,
        False,
    )
    assert await do(store, Commit("c", 2, {})) == 3


@pytest.mark.parametrize("version", [0, 2])
async def test_a_commit_at_another_version_changes_nothing(store: AnyStore, version: int) -> None:
    """It is refused, whether it comes too late or speaks of a future that the store lost."""
    await do(store, Commit("c", 0, {"a:x": b""}))
    assert await do(store, Commit("c", version, {"a:y": b""}, ("a:x",))) is None
    assert await component(store, "c") == ("c", 1, {"a:x": b""}, None, False)


async def test_a_commit_of_thousands_of_fields_is_one(store: AnyStore) -> None:
    """The content of the largest component arrives whole, and can be taken away again."""
    many = {f"a:{number}": b"" for number in range(9_999)}
    assert await do(store, Commit("c", 0, many)) == 1
    assert await component(store, "c") == ("c", 1, many, None, False)
    assert await do(store, Commit("c", 1, {}, tuple(many))) == 2
    assert await component(store, "c") == ("c", 2, {}, None, False)


async def test_the_first_freeze_decides(store: AnyStore) -> None:
    """It grows the version; whoever freezes after it learns where the component moves to and changes nothing."""
    await do(store, Commit("c", 0, {"a:x": b""}))
    assert await do(store, Freeze("c", "b")) == "b"
    assert await component(store, "c") == ("c", 2, {"a:x": b""}, "b", True)
    assert await do(store, Freeze("c", "a")) == "b"
    assert await component(store, "c") == ("c", 2, {"a:x": b""}, "b", True)


async def test_a_component_without_content_can_be_frozen(store: AnyStore) -> None:
    """An identifier may have claimed its home in it and not have committed yet."""
    assert await do(store, Freeze("c", "b")) == "b"
    assert await component(store, "c") == ("c", 1, {}, "b", True)


async def test_a_moving_component_takes_no_commit(store: AnyStore) -> None:
    """Not while it is pending, and not after; not even at its version."""
    await do(store, Freeze("c", "b"))
    assert await do(store, Commit("c", 1, {"a:x": b""})) is None
    await do(store, Settle("c"))
    assert await do(store, Commit("c", 2, {"a:x": b""})) is None
    assert await component(store, "c") == ("c", 2, {}, "b", False)


async def test_settling_empties_a_pending_component_once(store: AnyStore) -> None:
    """Only where it moved to is left; settling again, or what never moved, changes nothing."""
    await do(store, Commit("c", 0, FIELDS))
    assert await do(store, Settle("c")) is None
    assert (await component(store, "c"))[1:3] == (1, FIELDS)
    await do(store, Freeze("c", "b"))
    assert await do(store, Settle("c")) is None
    assert await component(store, "c") == ("c", 3, {}, "b", False)
    await do(store, Settle("c"))
    await do(store, Settle("never"))
    assert await component(store, "c") == ("c", 3, {}, "b", False)
    assert await component(store, "never") == ("never", 0, {}, None, False)


async def test_a_pending_move_is_redirected(store: AnyStore) -> None:
    """Only from where it was seen to go; '' calls it off; what is settled or never moved stays as it is."""
    await do(store, Commit("c", 0, {"a:x": b""}))
    assert await do(store, Redirect("c", "b", "a")) is None
    await do(store, Freeze("c", "b"))
    assert await do(store, Redirect("c", "z", "a")) is None
    assert await component(store, "c") == ("c", 2, {"a:x": b""}, "b", True)
    assert await do(store, Redirect("c", "b", "a")) is None
    assert await component(store, "c") == ("c", 3, {"a:x": b""}, "a", True)
    assert await do(store, Redirect("c", "a", "")) is None
    assert await component(store, "c") == ("c", 4, {"a:x": b""}, None, False)
    assert await do(store, Commit("c", 4, {})) == 5
    await do(store, Freeze("c", "b"))
    await do(store, Settle("c"))
    assert await do(store, Redirect("c", "b", "")) is None
    assert await component(store, "c") == ("c", 7, {}, "b", False)


async def test_a_publication_begins_and_ends(store: AnyStore) -> None:
    """Nothing; one begun beside what holds; the state and the offsets; the revision grows with each that is begun."""
    await do(store, Commit("c", 0, {}))
    assert await do(store, ReadPublication("c")) == NOTHING
    assert await do(store, begin("c", 0, ONE)) == 1
    assert await do(store, ReadPublication("c")) == Publication(1, State(), {}, Begun(ONE, SENDING))
    assert await do(store, Complete("c", 1, OFFSETS)) is True
    assert await do(store, ReadPublication("c")) == Publication(1, ONE, {"p1": 7})
    assert await do(store, begin("c", 1, TWO)) == 2
    assert await do(store, ReadPublication("c")) == Publication(2, ONE, {"p1": 7}, Begun(TWO, SENDING))
    assert await do(store, begin("c", 2, TWO)) == 3, "one that was left is replaced by who recovers it"


async def test_a_publication_may_end_otherwise(store: AnyStore) -> None:
    """Who ends what another one began can say what holds instead."""
    await do(store, Commit("c", 0, {}))
    await do(store, begin("c", 0, ONE))
    assert await do(store, Complete("c", 1, OFFSETS, at_rest(TWO))) is True
    assert await do(store, ReadPublication("c")) == Publication(1, TWO, {"p1": 7})


async def test_beginning_at_another_revision_is_refused(store: AnyStore) -> None:
    """It changes nothing: somebody else published since."""
    await do(store, Commit("c", 0, {}))
    await do(store, begin("c", 0, ONE))
    assert await do(store, begin("c", 0, TWO)) is None
    assert await do(store, begin("c", 2, TWO)) is None
    assert await do(store, ReadPublication("c")) == Publication(1, State(), {}, Begun(ONE, SENDING))


async def test_a_moved_component_begins_nothing(store: AnyStore) -> None:
    """From the moment it is frozen; but what was on its way can be completed."""
    await do(store, Commit("c", 0, {}))
    await do(store, begin("c", 0, ONE))
    await do(store, Freeze("c", "b"))
    assert await do(store, begin("c", 1, TWO)) is None
    assert await do(store, Complete("c", 1, OFFSETS)) is True
    await do(store, Settle("c"))
    assert await do(store, begin("c", 1, TWO)) is None


async def test_completion_is_refused_at_another_revision(store: AnyStore) -> None:
    """And where nothing is begun: who comes second learns that somebody ended it."""
    await do(store, Commit("c", 0, {}))
    assert await do(store, Complete("c", 0, OFFSETS)) is False
    await do(store, begin("c", 0, ONE))
    assert await do(store, Complete("c", 0, OFFSETS, at_rest(TWO))) is False
    assert await do(store, Complete("c", 2, OFFSETS, at_rest(TWO))) is False
    assert await do(store, ReadPublication("c")) == Publication(1, State(), {}, Begun(ONE, SENDING))
    assert await do(store, Complete("c", 1, OFFSETS)) is True
    assert await do(store, Complete("c", 1, OFFSETS, at_rest(TWO))) is False
    assert await do(store, ReadPublication("c")) == Publication(1, ONE, {"p1": 7})


async def test_a_dropped_publication_is_nothing(store: AnyStore) -> None:
    """And dropping nothing is fine."""
    await do(store, begin("c", 0, ONE))
    assert await do(store, DropPublication("c")) is None
    assert await do(store, DropPublication("c")) is None
    assert await do(store, ReadPublication("c")) == NOTHING
    assert await do(store, Complete("c", 1, OFFSETS)) is False


async def test_a_profile_is_named_once(store: AnyStore) -> None:
    """The first identifier stays the one that leads to it; nobody's id is None."""
    assert await store.profile_key("p1") is None
    assert await do(store, NameProfile("p1", "phone:a")) is None
    assert await do(store, NameProfile("p1", "phone:b")) is None
    assert await store.profile_key("p1") == "phone:a"


async def test_steps_of_many_kinds_are_answered_in_order(store: AnyStore) -> None:
    """Each reply stands where its step stood, whatever the store grouped."""
    await do(store, Commit("c5", 0, {}))
    replies = await store.execute_many(
        [
            Commit("c1", 0, {"a:x": b""}),
            ReadHome("phone:a"),
            Freeze("c2", "c0"),
            NameProfile("p1", "phone:a"),
            Commit("c3", 7, {}),
            ClaimHome("phone:b", "c9"),
            Commit("c4", 0, {}),
            begin("c5", 0, ONE),
            ReadPublication("c6"),
        ]
    )
    assert replies == [1, None, "c0", None, None, "c9", 1, 1, NOTHING]
    assert await store.execute_many([]) == []


async def test_more_steps_than_go_at_once_are_answered_in_order(store: AnyStore) -> None:
    """Thousands of steps of one kind come back one for one."""
    names = [f"c{number}" for number in range(1_201)]
    assert await store.execute_many([Commit(name, 0, {f"a:{name}": b""}) for name in names]) == [1] * len(names)
    replies = await store.execute_many([ReadComponent(name) for name in names])
    assert [(one.name, one.absorbed) for one in replies] == [(name, {name}) for name in names]
    assert await store.execute_many([ClaimHome(name, f"h{name}") for name in names]) == [f"h{name}" for name in names]


async def test_two_commits_of_one_call_meet(store: AnyStore) -> None:
    """Of commits of the same version to the same component in one call, one is taken."""
    replies = await store.execute_many([Commit("c", 0, {f"a:{number}": b""}) for number in range(10)])
    assert sorted(replies, key=str) == [1, *[None] * 9]


async def test_what_is_forgotten_is_not_there(store: AnyStore) -> None:
    """A home, a component with its publication if it is as it was read, and the name of a profile; others stay."""
    for name in ("a", "b"):
        await do(store, ClaimHome(name, name))
        await do(store, Commit(name, 0, FIELDS))
        await do(store, Intend(name, 0, at_rest(ONE), at_rest(Sending())))
        await do(store, NameProfile(name, name))
    replies = await store.execute_many([ForgetComponent("b", 2), ForgetComponent("a", 1), ForgetComponent("b", 0)])
    assert replies == [False, True, False]
    await store.execute_many([ForgetHome("a"), ForgetProfile("a")])
    assert await do(store, ReadHome("a")) is None
    assert (await do(store, ReadComponent("a"))).version == 0
    assert await do(store, ReadPublication("a")) == NOTHING
    assert await store.execute_many([ReadProfileName("a"), ReadProfileName("b")]) == [None, "b"]
    assert (await do(store, ReadComponent("b"))).version == 1
    assert await do(store, ReadHome("b")) == "b"


async def test_nothing_is_published_of_what_is_not_there(store: AnyStore) -> None:
    """A component that was forgotten begins no publication, whatever revision is named."""
    assert await do(store, Intend("gone", 0, at_rest(ONE), at_rest(Sending()))) is None


async def test_a_fence_ends_the_sessions_before_it(open_store: OpenStore) -> None:
    """Every session that was open, its own too, once a name; those after it know what was put up with it."""
    first, second = await open_store(), await open_store()
    ends = pytest.raises(StoreLostError) if isinstance(first, RedisStore) else nullcontext()
    with ends:
        await do(first, Fence("one", b"what is over"))
    third = await open_store()
    if isinstance(second, RedisStore):  # of a cluster, the next session to be opened ends the others
        for session in (first, second):
            with pytest.raises(StoreLostError):
                await do(session, ReadComponent("a"))
    await do(third, Fence("one", b"again"))
    assert (await do(third, ReadComponent("a"))).version == 0, "it goes on behind a fence that was there"
    if isinstance(third, RedisStore):
        assert third.fences == [b"what is over"]


async def test_what_is_decided_first_holds(store: AnyStore) -> None:
    """A second decision about a command learns the first, byte for byte; nothing was decided about others."""
    assert await do(store, ReadDecision("c-1")) is None
    assert await do(store, Decide("c-1", b"\xff\0{}")) == b"\xff\0{}"
    assert await do(store, Decide("c-1", b"{}")) == b"\xff\0{}"
    assert await store.execute_many([ReadDecision("c-2"), ReadDecision("c-1")]) == [None, b"\xff\0{}"]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name[:12]))
async def test_names_are_data(store: AnyStore, name: str) -> None:
    """Any text is a name, a field, a key and a value, and comes back as it was."""
    assert await do(store, ClaimHome(name, name)) == name
    assert await do(store, ReadHome(name)) == name
    assert await do(store, Commit(name, 0, {f"f:0:{name}": FACET, f"a:{name}": b""})) == 1
    assert await component(store, name) == (name, 1, {f"f:0:{name}": FACET, f"a:{name}": b""}, None, False)
    assert await do(store, begin(name, 0, State(1, ended={name: name}))) == 1
    assert await do(store, NameProfile(name, name)) is None
    assert await do(store, Decide(name, name.encode())) == name.encode()
    assert await do(store, ReadDecision(name)) == name.encode()
    assert await do(store, Schedule(name, 5)) is None
    assert await store.due(shard_of(name), 5, 1) == [Due(name, 5)]
    assert await do(store, Freeze(name, name)) == name
    assert await do(store, begin(name, 1, TWO)) is None
    assert (await do(store, ReadPublication(name))).begun.state == State(1, ended={name: name})
    others = [ReadComponent(other) for other in HOSTILE if other != name]
    assert [one.version for one in await store.execute_many(others)] == [0] * len(others)


async def test_of_a_hundred_writers_one_wins_each_version(open_store: OpenStore) -> None:
    """Racing workers, each on a connection of its own: every version is given to exactly one, and nothing is lost."""
    stores = [await open_store() for _ in range(5)]
    given: list[int] = []

    async def writer(number: int) -> None:
        store, version = stores[number % len(stores)], 0
        while True:
            taken = await do(store, Commit("c", version, {f"a:{number}": b""}))
            if taken is not None:
                given.append(taken)
                return
            version = (await do(store, ReadComponent("c"))).version

    await asyncio.gather(*[writer(number) for number in range(100)])
    assert sorted(given) == list(range(1, 101))
    last = await do(stores[0], ReadComponent("c"))
    assert (last.version, len(last.absorbed)) == (100, 100)


async def test_of_a_hundred_claims_one_wins(open_store: OpenStore) -> None:
    """Everybody learns the same winner."""
    stores = [await open_store() for _ in range(5)]
    claims = [do(stores[number % 5], ClaimHome("phone:a", f"c{number}")) for number in range(100)]
    assert len(set(await asyncio.gather(*claims))) == 1


def random_step(chance: random.Random, names: Sequence[str] = "abc") -> Step:
    """A step on one of a few components, at a version that may be right."""
    name, other = chance.choice(names), chance.choice(names)
    state = State(chance.randrange(9))
    number = chance.randrange(6)
    steps: list[Step] = [
        ReadHome(name),
        ClaimHome(name, other),
        ShortenHome(name, other, chance.choice(names)),
        ReadComponent(name),
        Commit(name, number, {f"a:{other}": b""}, (f"a:{chance.choice(names)}x",)),
        Commit(name, number, {f"f:0:{other}": FACET}, (f"a:{other}",)),
        ReadPublication(name),
        begin(name, number, state),
        Complete(name, number, OFFSETS, chance.choice([None, at_rest(state)])),
        NameProfile(name, other),
        Decide(name, other.encode()),
        ReadDecision(name),
        Schedule(name, number),
    ]
    if chance.random() < 0.03:
        steps = [Freeze(name, other), Redirect(name, other, chance.choice([*names, ""])), Settle(name)]
        steps += [DropPublication(name), ForgetComponent(name, number)]
    return chance.choice(steps)


@pytest.mark.parametrize("seed", range(20))
async def test_every_store_answers_as_the_one_in_memory(store: AnyStore, seed: int) -> None:
    """The same random steps, one after the other, get the same replies from both."""
    chance, twin = random.Random(seed), AwaitedMemory(MemoryStore())
    for at in range(150):
        step = random_step(chance)
        assert seen(await do(store, step)) == seen(await do(twin, step)), (at, step)


async def test_what_is_due_stays_until_it_is_taken_off(store: AnyStore) -> None:
    """A component may be due at many instants, each once; the longest due come first, and none early."""
    late = 1_800_000_000_000_001
    await store.execute_many([Schedule("phone:a", due_us) for due_us in (late, 3, 2, 3)])
    shard = shard_of("phone:a")
    assert await store.due(shard, 1, 10) == []
    assert await store.due(shard, late - 1, 10) == [Due("phone:a", 2), Due("phone:a", 3)]
    assert await store.due(shard, late, 2) == [Due("phone:a", 2), Due("phone:a", 3)]
    await store.take_off([Due("phone:a", 2), Due("phone:a", 7), Due("phone:b", 3)])
    assert await store.due(shard, late, 10) == [Due("phone:a", 3), Due("phone:a", late)]


async def test_what_is_due_is_shared_out(store: AnyStore) -> None:
    """Every component is in one share; of a thousand, each share has some."""
    names = [f"phone:{n}" for n in range(1_000)]
    await store.execute_many([Schedule(name, 1) for name in names])
    found = [[one.component for one in await store.due(shard, 1, 1_000)] for shard in range(DUE_SHARDS)]
    assert sorted(name for some in found for name in some) == sorted(names)
    assert min(map(len, found)) > 0


async def test_notes_are_of_the_store(store: AnyStore) -> None:
    """The last word on each name."""
    assert await store.notes([]) == []
    assert await store.notes(["rules", "schema"]) == [None, None]
    await store.note("rules", "one")
    await store.note("rules", "two")
    assert await store.notes(["schema", "rules"]) == [None, "two"]


async def test_scans_name_all_that_is_there(store: AnyStore) -> None:
    """Every identifier and every component, however many pages it takes; nothing else."""
    names = [f"cookie:{{k}}%{n}" for n in range(2_500)]
    await store.execute_many([ClaimHome(name, name) for name in names])
    await store.execute_many([Commit(name, 0, {"f:x": b""}) for name in names])
    await store.execute_many([NameProfile("p", names[0])])
    for scan in (store.scan_homes, store.scan_components):
        found: set[str] = set()
        page = await scan()
        found.update(page.names)
        while page.cursor:
            page = await scan(page.cursor)
            found.update(page.names)
        assert found == set(names)
