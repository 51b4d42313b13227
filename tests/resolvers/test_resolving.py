"""Resolving: carried over the store in memory, with crowds, caps, crashes and the smallest cache."""

from collections import Counter
from itertools import count

import pytest

from resolvers.cache import Cache
from resolvers.namespaces import Caps, Dedupe
from resolvers.resolving import resolve
from resolvers.steps import Commit, Freeze, Protocol, Step
from sinks.carrying import carry_in_memory, leaves
from tests.resolvers.building import Bench, arrived, rules_with

MAC = "aa:bb:cc:00:11:22"


def test_evidence_unites() -> None:
    """Two people's identifiers seen together: one component, holding both facets, and a count of the move."""
    bench = Bench()
    bench.resolve(arrived({"card": "A", "cookie": "k1"}, 0), arrived({"phone": "13812345678"}, 1))
    assert len(bench.at_rest()) == 2
    resolved = bench.resolve(arrived({"card": "A", "phone": "13812345678"}, 2))
    (component,) = bench.at_rest()
    assert resolved.unions == 1
    assert [changed.component.version for changed in resolved.changed] == [component.version]
    assert len(component.facets) == 3


def test_groups_are_apart() -> None:
    """What does not hang together is committed apart, each with its own last cause."""
    bench = Bench()
    resolved = bench.resolve(*(arrived({"card": name}, n) for n, name in enumerate("ABA")))
    assert {changed.component.name: changed.cause.mark.offset for changed in resolved.changed} == {
        "card:main:A": 2,
        "card:main:B": 1,
    }


def test_the_same_record_again() -> None:
    """A redelivered record adds nothing, at any distance: its facts are fenced by offset, not by memory."""
    rules = rules_with(dedupe=Dedupe(ids_per_identifier=1))
    bench = Bench(rules)
    events = [arrived({"card": "A", "cookie": "k"}, n, counters={"n": 1}) for n in range(5)]
    bench.resolve(*events)
    before = bench.persons()
    bench.resolve(*events)
    bench.resolve(events[0])
    assert bench.persons() == before


def test_the_same_event_by_another_record() -> None:
    """A publisher's copy adds its evidence's position and nothing else; another body is reported and adds nothing."""
    bench = Bench()
    bench.resolve(arrived({"card": "A", "cookie": "k"}, 0, event="e", counters={"n": 1}))
    bench.resolve(arrived({"card": "A", "cookie": "k"}, 9, event="e", counters={"n": 1}))
    (component,) = bench.at_rest()
    (edge,) = component.edges.values()
    assert (edge.count, edge.last.offset) == (1, 9)
    assert component.facets["card:main:A"].facts.counters == {"n": 1}
    before = component.fields()
    resolved = bench.resolve(arrived({"card": "A", "cookie": "k2"}, 10, event="e", counters={"n": 7}))
    assert [(seen.keys, seen.rule) for seen in resolved.observations] == [(("card:main:A",), "id_reused")]
    assert component.fields().items() <= before.items()
    assert component.facets["card:main:A"].facts.counters == {"n": 1}


def test_a_hub_unites_nobody() -> None:
    """10,000 logins on one tablet: no component larger than the cap, and no write larger than the caps allow."""
    bench = Bench()
    counted: Counter[str] = Counter()
    largest = 0

    def execute(step: Step) -> object:
        nonlocal largest
        counted[type(step).__name__] += 1
        if isinstance(step, Commit):
            largest = max(largest, sum(map(len, step.fields.values())))
        return bench.store.execute(step)

    events = [arrived({"login": f"u{n}", "mac": MAC}, n) for n in range(10_000)]
    for at in range(0, len(events), 100):
        carry_in_memory(resolve(events[at : at + 100], bench.cache, bench.rules), execute)
    sizes = sorted(len(component.facets) for component in bench.at_rest())
    assert sizes[-1] <= bench.rules.caps.weak + 2
    assert sum(sizes) == 10_001
    assert counted["Freeze"] <= bench.rules.caps.weak
    assert counted["Commit"] < 10_500
    assert largest < 30_000, "bytes of one write"
    (tablet,) = (facet for one in bench.at_rest() for key, facet in one.facets.items() if key.startswith("mac:"))
    assert tablet.hub
    assert tablet.strangers == ()
    assert all(len(person.members) == 1 for person in bench.persons())


def test_a_hubs_neighbours_remember_it() -> None:
    """Whoever meets a hub keeps it as a stranger, and reports it once."""
    bench = Bench(rules_with(caps=Caps(weak=2)))
    events = [arrived({"login": f"u{n}", "mac": MAC}, n) for n in range(4)]
    rules = [seen.rule for event in events for seen in bench.resolve(event).observations]
    assert rules == ["hub", "hub"]
    assert not bench.resolve(arrived({"login": "u3", "mac": MAC}, 9)).observations
    facets = {key: facet for one in bench.at_rest() for key, facet in one.facets.items()}
    assert len(facets["login:main:u3"].strangers) == 1


def test_a_component_at_its_cap() -> None:
    """Evidence that would make a component too large is refused and reported; both ends keep their facts."""
    bench = Bench(rules_with(caps=Caps(component=3)))
    bench.resolve(arrived({"card": "A", "cookie": ["k1", "k2"]}, 0))
    resolved = bench.resolve(arrived({"card": "A", "openid": "o"}, 1, counters={"n": 1}))
    assert {seen.rule for seen in resolved.observations} == {"component"}
    assert sorted(len(component.facets) for component in bench.at_rest()) == [1, 3]
    assert bench.component("card:main:A").facets["card:main:A"].facts.counters == {"n": 1}


def test_a_cap_within_one_batch() -> None:
    """The cap holds also for what is new: a batch that hangs together all in all is cut to size."""
    bench = Bench(rules_with(caps=Caps(component=10)))
    bench.resolve(*(arrived({"card": "A", "cookie": f"k{n}"}, n) for n in range(30)))
    sizes = sorted(len(component.facets) for component in bench.at_rest())
    assert sizes == [1] * 21 + [10]


@pytest.mark.parametrize("cache_size", [1, 1000])
def test_a_crash_after_any_step(cache_size: int) -> None:
    """A worker dies after any leaf step of a batch that unites three; another one, given the same batch, ends alike."""
    first = [
        arrived({"card": "A", "cookie": "k"}, 0, counters={"n": 1}),
        arrived({"phone": "13812345678"}, 0, partition=1, counters={"n": 2}),
        arrived({"email": "a@qq.com"}, 0, partition=2, counters={"n": 4}),
    ]
    batch = [
        arrived({"phone": "13812345678", "email": "a@qq.com"}, 1, partition=1, counters={"n": 8}),
        arrived({"card": "A", "phone": "13812345678", "openid": "o"}, 1, counters={"n": 16}),
    ]
    whole = Bench(cache_size=cache_size)
    whole.resolve(*first)
    whole.resolve(*batch)
    expected = whole.persons()
    for stop_after in count(1):
        bench = Bench(cache_size=cache_size)
        bench.resolve(*first)
        left = stop_after
        protocol = resolve(batch, bench.cache, bench.rules)
        try:
            step = next(protocol)
            while left > 0:
                replies = []
                for leaf in leaves(step):
                    if left == 0:
                        break
                    replies.append(bench.store.execute(leaf))
                    left -= 1
                else:
                    step = protocol.send(_shaped(step, replies))
        except StopIteration:
            break
        protocol.close()
        bench.cache = Cache()
        bench.resolve(*batch)
        assert bench.persons() == expected
        assert all(not component.pending for component in map(bench.component, bench.store.content.components))
    assert stop_after > 10


def _shaped(step: Step, replies: list[object]) -> object:
    """The reply of a step from those of its leaves."""
    remaining = iter(replies)
    answers: list[object] = []

    def take(_: Step) -> object:
        return next(remaining)

    def echo() -> Protocol[None]:
        answers.append((yield step))

    carry_in_memory(echo(), take)
    return answers[0]


def test_a_cache_of_one() -> None:
    """The smallest cache gives what the largest gives."""
    events = [
        arrived({"login": f"u{n % 7}", "cookie": f"k{n % 5}", "openid": f"o{n % 3}"}, n, counters={"n": 1})
        for n in range(40)
    ]
    found = []
    for size in (1, 1000):
        bench = Bench(cache_size=size)
        for at in range(0, 40, 3):
            bench.resolve(*events[at : at + 3])
        found.append(bench.persons())
    assert found[0] == found[1]


def test_a_stale_cache_is_found_out() -> None:
    """A worker that remembers components which another one has since united and written: refused, read again, right."""
    bench = Bench()
    stale = Cache()
    first = [arrived({"card": "A"}, 0, counters={"n": 1}), arrived({"phone": "13812345678"}, 1, counters={"n": 1})]
    carry_in_memory(resolve(first, stale, bench.rules), bench.store.execute)
    bench.resolve(arrived({"card": "A", "phone": "13812345678"}, 2, counters={"n": 1}))
    again = [arrived({"phone": "13812345678", "cookie": "k"}, 3, counters={"n": 1})]
    carry_in_memory(resolve(again, stale, bench.rules), bench.store.execute)
    (person,) = bench.persons()
    assert len(person.members) == 3
    assert b'"n":4' in person.body


def test_no_needless_writes() -> None:
    """A batch about one component that is known is one read at most and one commit."""
    bench = Bench()
    bench.resolve(arrived({"card": "A", "cookie": "k"}, 0))
    counted: Counter[str] = Counter()

    def execute(step: Step) -> object:
        counted[type(step).__name__] += 1
        return bench.store.execute(step)

    batch = [arrived({"card": "A", "cookie": "k"}, n) for n in range(1, 50)]
    carry_in_memory(resolve(batch, bench.cache, bench.rules), execute)
    assert counted == {"Commit": 1}
    assert Freeze.__name__ not in counted
