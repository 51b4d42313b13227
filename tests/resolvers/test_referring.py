"""Referrals: counted for the inviter, once for each who was invited, and never a link."""

from typing import Any

import pytest
from msgspec.structs import replace

from resolvers.arrivals import Arrival
from resolvers.cache import Cache
from resolvers.resolving import resolve
from resolvers.steps import Commit, Together
from tests.resolvers.building import Bench, arrived
from topics.codec import decode

INVITER = "13812345600"


def registered(who: dict[str, Any], offset: int, inviter: dict[str, str], seconds: int = 0) -> Arrival:
    """Somebody registers on an invitation."""
    return arrived(who, offset, kind="referral.registered", inviter=inviter, seconds=seconds)


def referral_of(bench: Bench, namespace: str) -> dict[str, Any]:
    """`referral` of the one person whose strongest identifier is of this namespace."""
    (person,) = [one for one in bench.persons() if one.holder.startswith(f"{namespace}:")]
    referral: dict[str, Any] = decode(person.body)["referral"]
    return referral


def test_an_inviter_is_nobody_until_seen() -> None:
    """The count waits in a facet without sights; no profile, no evidence, no union comes of it."""
    bench = Bench()
    resolved = bench.resolve(registered({"card": "C1"}, 0, {"phone": INVITER}))
    assert [person.holder for person in bench.persons()] == ["card:main:C1"]
    assert resolved.unions == 0
    assert not any(component.edges for component in bench.at_rest())
    bench.resolve(arrived({"phone": INVITER}, 1))
    assert referral_of(bench, "phone") == {"referred_by": None, "referred": 1}
    inviter = next(person for person in bench.persons() if person.holder.startswith("phone:"))
    assert referral_of(bench, "card") == {"referred_by": inviter.holder, "referred": 0}


def test_both_components_are_told_of() -> None:
    """The inviter's changes too, and is projected: also when it is said again, for who said it may have died."""
    bench = Bench()
    bench.resolve(arrived({"phone": INVITER}, 0))
    event = registered({"card": "C1"}, 1, {"phone": INVITER})
    for _ in range(2):
        names = {changed.component.name for changed in bench.resolve(event).changed}
        assert names == {"card:main:C1", *(key for key in names if key.startswith("phone:"))}
        assert len(names) == 2


def test_an_unseen_inviter_may_join_others() -> None:
    """First seen beside a card: one person, with the count, and the masked display that it would have had."""
    bench = Bench()
    bench.resolve(registered({"card": "C1"}, 0, {"phone": INVITER}))
    bench.resolve(arrived({"card": "C2", "phone": INVITER}, 1))
    person = next(one for one in bench.persons() if one.holder == "card:main:C2")
    contents = decode(person.body)
    assert contents["referral"]["referred"] == 1
    assert contents["identifiers"][1]["display"] == "138****5600"


def test_each_invited_counts_once_through_merges_of_the_inviter() -> None:
    """Told twice, of two identifiers of the inviter, before or after these are one person: one."""
    events = [
        registered({"card": "C1"}, 0, {"phone": INVITER}),
        registered({"card": "C1"}, 1, {"openid": "o"}, seconds=5),
        registered({"card": "C2"}, 2, {"openid": "o"}),
        arrived({"phone": INVITER, "openid": "o"}, 3),
    ]
    for at in range(4):
        bench = Bench()
        order = [*events[at:], *events[:at]]
        for number, event in enumerate(order):
            bench.resolve(replace(event, mark=event.mark.__class__(*_moved(event, number))))
        assert referral_of(bench, "phone")["referred"] == 2


def _moved(event: Arrival, offset: int) -> tuple[Any, ...]:
    mark = event.mark
    return (mark.time_us, mark.append_ms, mark.topic, mark.partition, offset, mark.id, mark.source)


def test_the_first_invitation_counts_for_who_was_invited() -> None:
    """By event time, whichever came in first; it goes along when the invited person merges."""
    early = registered({"card": "C1"}, 1, {"phone": INVITER})
    late = registered({"cookie": "k"}, 0, {"openid": "o"}, seconds=9)
    bench = Bench()
    bench.resolve(late, early, arrived({"card": "C1", "cookie": "k"}, 2))
    assert referral_of(bench, "card")["referred_by"].startswith("phone:")


def test_nobody_refers_themselves() -> None:
    """Neither at once, nor when inviter and invited turn out to be one."""
    bench = Bench()
    bench.resolve(registered({"card": "C1", "phone": INVITER}, 0, {"phone": INVITER}))
    assert referral_of(bench, "card") == {"referred_by": None, "referred": 0}
    bench.resolve(registered({"unionid": "u"}, 1, {"openid": "o"}), arrived({"unionid": "u", "openid": "o"}, 2))
    assert referral_of(bench, "unionid") == {"referred_by": None, "referred": 0}


def test_an_event_that_does_not_count_refers_nobody() -> None:
    """Another body under a used id is reported, and its inviter gets nothing."""
    bench = Bench()
    bench.resolve(arrived({"phone": INVITER}, 0), arrived({"card": "C1"}, 1, event="e"))
    bench.resolve(
        arrived({"card": "C1"}, 2, event="e", kind="referral.registered", inviter={"phone": INVITER}),
    )
    assert referral_of(bench, "phone")["referred"] == 0


@pytest.mark.parametrize("deaths", range(1, 6))
def test_a_worker_that_dies_in_between_leaves_the_rest_to_the_next(deaths: int) -> None:
    """Killed after any of its steps, and delivered again: one referral, told of."""
    bench = Bench()
    events = [registered({"card": "C1", "cookie": "k"}, 0, {"phone": INVITER})]
    protocol = resolve(events, Cache(), bench.rules)
    step = next(protocol)
    try:
        for _ in range(deaths):
            leaves = step.steps if isinstance(step, Together) else [step]
            replies = [_leaf(bench, leaf) for leaf in leaves]
            step = protocol.send(replies if isinstance(step, Together) else replies[0])
    except StopIteration:
        assert deaths > 4
    protocol.close()
    changed = bench.resolve(*events).changed
    assert any(change.component.name.startswith("phone:") for change in changed)
    bench.resolve(arrived({"phone": INVITER}, 1))
    assert referral_of(bench, "phone")["referred"] == 1


def _leaf(bench: Bench, step: Any) -> Any:  # noqa: ANN401 - a step of any kind and its reply
    if isinstance(step, Together):
        return [_leaf(bench, leaf) for leaf in step.steps]
    assert not isinstance(step, Commit) or step.fields
    return bench.store.execute(step)
