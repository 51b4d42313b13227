"""Money and other sums of random orders, in any order, with copies, corrections, refunds, merges and splits.

What must come out is counted here by hand, in cents, from the events as they were said. Mutants show that each run of
seeds would notice a sum that is wrong.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import pytest

from resolvers import activity, ledger, orders
from resolvers.arrivals import Arrival
from tests.resolvers.building import NOON_US, arrived
from tests.resolvers.test_commanding import Desk
from tests.simulation.mutants import Mutant, put_in
from topics.codec import decode

SEEDS = range(60)
IDENTIFIERS = [("card", "C0"), ("phone", "13812345600"), ("openid", "o0")]
"""Of one person, strongest first."""
KINDS = ("placed", "paid", "paid", "paid", "refunded", "refunded", "cancelled", "shipped")


class Said(NamedTuple):
    """What one event says of an order."""

    id: str
    kind: str
    order: str
    cents: int
    currency: str
    seconds: int
    through: tuple[tuple[str, str], ...]

    @property
    def holder(self) -> str:
        """The namespace that its facts belong to."""
        return self.through[0][0]


def shopping(rng: random.Random, *, shared: bool) -> list[Said]:
    """Some events of a few orders, `shared` by identifiers or each told through those of one strongest one only."""
    found = []
    for number in range(rng.randint(2, 14)):
        through = sorted(rng.sample(IDENTIFIERS, rng.choice((1, 1, 2))), key=IDENTIFIERS.index)
        order = rng.choice("xyz") if shared else f"{through[0][0]}-{rng.choice('xy')}"
        kind, currency = rng.choice(KINDS), rng.choice(("CNY", "CNY", "CNY", "USD"))
        cents, seconds = rng.randrange(100_000), rng.randrange(4)
        found.append(Said(f"e{number}", kind, order, cents, currency, seconds, tuple(through)))
    return found


def arrivals(said: Iterable[Said]) -> list[Arrival]:
    """The events as they come in, each on a partition of its own, so that any order of them is possible."""
    return [
        arrived(
            dict(one.through),
            partition=int(one.id[1:]),
            kind=f"order.{one.kind}",
            seconds=one.seconds,
            event=one.id,
            beside=_data(one),
        )
        for one in said
    ]


def _data(one: Said) -> dict[str, Any]:
    if one.kind == "shipped":
        return {"order_id": one.order}
    amount = f"{one.cents // 100}.{one.cents % 100:02}"
    return {"order": {"order_id": one.order, "amount": amount, "currency": one.currency}}


def by_hand(said: Sequence[Said]) -> dict[str, Any]:
    """What these events come to: the latest payment of each order, every refund, and orders that were not cancelled.

    `year`: what a year sees, in which all payments are: refunds of orders without one are nobody's loss there.
    """
    paid: Counter[str] = Counter()
    refunded: Counter[str] = Counter()
    year: Counter[str] = Counter()
    count = 0
    for order in {one.order for one in said}:
        told = sorted((one for one in said if one.order == order), key=lambda one: (one.seconds, one.id))
        payments = [one for one in told if one.kind == "paid"]
        if payments:
            paid[payments[-1].currency] += payments[-1].cents
            year[payments[-1].currency] += payments[-1].cents
        for one in told:
            refunded[one.currency] += one.cents if one.kind == "refunded" else 0
            year[one.currency] -= one.cents if one.kind == "refunded" and payments else 0
        statuses = [one.kind for one in told if one.kind != "refunded"]
        count += bool(payments) and statuses[-1] != "cancelled"
    value = {currency: paid[currency] - refunded[currency] for currency in paid.keys() | refunded.keys()}
    return {
        "paid": +paid,
        "refunded": +refunded,
        "value": _without_zeros(value),
        "year": _without_zeros(year),
        "count": count,
    }


def published(bodies: Iterable[bytes]) -> dict[str, Any]:
    """The same, added up over profiles."""
    paid: Counter[str] = Counter()
    refunded: Counter[str] = Counter()
    value: Counter[str] = Counter()
    year: Counter[str] = Counter()
    count = 0
    for profile in map(decode, bodies):
        for total, said in (
            (paid, profile["orders"]["paid"]),
            (refunded, profile["orders"]["refunded"]),
            (value, profile["lifetime_value"]),
            (year, profile["activity"]["value"]["d365"]),
        ):
            for currency, amount in said.items():
                total[currency] += _cents(amount)
        count += profile["orders"]["count"]
    return {
        "paid": +paid,
        "refunded": +refunded,
        "value": _without_zeros(value),
        "year": _without_zeros(year),
        "count": count,
    }


def _cents(amount: str) -> int:
    whole, _, cents = amount.partition(".")
    return int(whole + cents) if len(cents) == 2 else int(amount) * 100


def _without_zeros(amounts: dict[str, int]) -> dict[str, int]:
    return {currency: cents for currency, cents in amounts.items() if cents}


def everybody(desk: Desk) -> list[bytes]:
    """The contents of all profiles."""
    return [person.body for person in desk.persons(NOON_US)]


def resolve_in_any_order(desk: Desk, events: Sequence[Arrival], rng: random.Random) -> None:
    """Mixed, some of them twice, in batches of any size."""
    mixed = [*events, *rng.sample(events, rng.randint(0, len(events)))]
    rng.shuffle(mixed)
    while mixed:
        size = rng.randint(1, len(mixed))
        desk.resolve(*mixed[:size])
        mixed = mixed[size:]


def link() -> Arrival:
    """That all of these are one person."""
    return arrived(dict(IDENTIFIERS), partition=99, kind="identity.link")


def money_is_what_was_said(seed: int) -> None:
    """Through whichever identifiers, before or after these were one person: what is counted by hand."""
    rng = random.Random(seed)
    said = shopping(rng, shared=True)
    desk = Desk()
    resolve_in_any_order(desk, [*arrivals(said), link()], rng)
    bodies = everybody(desk)
    assert len(bodies) == 1
    assert published(bodies) == by_hand(said)


def halves_add_up(seed: int) -> None:
    """A split takes along exactly its own, also what is refunded later; together they are the whole, and so merged."""
    rng = random.Random(seed)
    said = shopping(rng, shared=False)
    before = rng.randint(0, len(said))
    desk = Desk()
    resolve_in_any_order(desk, [*arrivals(said[:before]), link()], rng)
    half = rng.sample(IDENTIFIERS, rng.randint(1, len(IDENTIFIERS) - 1))
    assert desk.say("split", *(f"{name}:{value}" for name, value in half), name="s").status == "done"
    for told in (said[:before], said):
        resolve_in_any_order(desk, [link(), *arrivals(told)], rng)
        parts = {frozenset(one.partition(":")[0] for one in person.members): person for person in desk.persons(NOON_US)}
        assert frozenset(name for name, _ in half) in parts, "they stay together; what is left may fall apart further"
        for members, person in parts.items():
            assert published([person.body]) == by_hand([one for one in told if one.holder in members])
        assert published(person.body for person in parts.values()) == by_hand(told)
    together = [f"{name}:{value}" for name, value in IDENTIFIERS]
    assert desk.say(*rng.choice([("merge", *together), ("undo",)]), name="m", of="s").status == "done"
    assert published(everybody(desk)) == by_hand(said)
    assert len(everybody(desk)) == 1


CLAIMS = (money_is_what_was_said, halves_add_up)
MUTANTS = (
    (Mutant("the payment processed last counts", orders.joined, "max(a.paid, b.paid)", "b.paid"), CLAIMS),
    (Mutant("the word processed last counts", orders.joined, "max(a.status, b.status)", "b.status"), CLAIMS),
    (
        Mutant(
            "a second refund replaces the first", orders.joined, "_joined_refunds(a.refunds, b.refunds)", "b.refunds"
        ),
        CLAIMS,
    ),
    (Mutant("refunds are lost with a payment", ledger.Ledger._count, "in order.refunds.values()", "in ()"), CLAIMS),
    (Mutant("a year forgets refunds", activity._window, "orders.refunded)", "{})"), CLAIMS),
    (Mutant("what is cancelled counts", orders.is_cancelled, '== "cancelled"', '== ""'), CLAIMS),
    (
        Mutant(
            "an order of two identifiers counts in one",
            orders.all_orders,
            "joined(found[order_id], order) if order_id in found else order",
            "order",
        ),
        CLAIMS[:1],
    ),
)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_sums(claim: Callable[[int], None]) -> None:
    """It holds for every seed."""
    for seed in SEEDS:
        claim(seed)


@pytest.mark.parametrize(("mutant", "claims"), MUTANTS, ids=lambda one: getattr(one, "name", ""))
def test_a_wrong_sum_is_noticed(
    mutant: Mutant, claims: Sequence[Callable[[int], None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the rule taken out, some seed goes wrong."""
    put_in(mutant, monkeypatch)
    for claim in claims:
        with pytest.raises(AssertionError):
            test_sums(claim)
