"""Points, coupons, appointments, follows, touches, windows: right in any order, late, split, and at any instant."""

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.activity import NEVER_DUE_US, SILENCE_DAYS, present_run, with_day
from resolvers.arrivals import Arrival
from resolvers.component import Component
from resolvers.facets import decode as facet_of
from resolvers.facets import encode as at_rest
from resolvers.people import people
from tests.naive.random_facts import KINDS, facts_of, order_details, where
from tests.resolvers.building import NOON_US, Bench, arrived, rules_with
from tests.resolvers.test_judging import DEFAULT_BOOK
from topics.codec import decode
from topics.instants import DAY_US, to_text

DAY_S = 86_400
TODAY_US = NOON_US - NOON_US % DAY_US
NOON = datetime.fromtimestamp(NOON_US / 1_000_000, UTC)
PEOPLE = [("card", "C0"), ("card", "C1"), ("phone", "13812345600"), ("phone", "13812345601"), ("cookie", "k0")]
MONEY = {"amount": "10.00", "currency": "CNY"}


@st.composite
def histories(draw: st.DrawFn) -> list[Arrival]:
    """Up to twelve events of all types, each on a partition of its own, so that any order of them is possible."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    events = []
    for number in range(draw(st.integers(1, 12))):
        identifiers: dict[str, Any] = dict(rng.sample(PEOPLE, rng.choice((1, 1, 2, 3))))
        kind = rng.choice((*KINDS, "order.paid", "order.paid", "order.refunded", "order.cancelled"))
        said = facts_of(rng, kind, NOON, PEOPLE) if kind in KINDS else {}
        if kind.startswith("order."):
            said = {"order": {"order_id": rng.choice("xyz"), **MONEY, **order_details(rng)}}
        days = rng.choice((0, 0, 1, 29, 30, 89, 90, 364, 365))
        seconds = rng.randrange(2) - days * DAY_S
        events.append(arrived(identifiers, 0, partition=number, kind=kind, seconds=seconds, beside=where(rng) | said))
    return events


def told(bench: Bench, now_us: int = NOON_US) -> list[dict[str, Any]]:
    """Everybody's contents."""
    return [decode(person.body) for person in bench.persons(now_us)]


def after(*events: Arrival) -> Bench:
    """These events, one by one."""
    bench = Bench()
    for event in events:
        bench.resolve(event)
    return bench


def one(*events: Arrival, now_us: int = NOON_US) -> dict[str, Any]:
    """The one person that these events make, in any order of them."""
    (contents,) = told(after(*events), now_us)
    assert told(after(*events[::-1]), now_us) == [contents]
    return contents


def said(type_: str, number: int = 0, seconds: int = 0, **data: Any) -> Arrival:  # noqa: ANN401 - whatever it says
    """What happened to a card, on a partition of its own."""
    return arrived({"card": "C0"}, 0, partition=number, kind=type_, seconds=seconds, beside=data)


@given(histories(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=150)
def test_any_order_gives_the_same_people(events: list[Arrival], rng: random.Random) -> None:
    """Permuted, delivered twice, in batches: the same contents; and what is at rest comes back as it was."""
    expected = after(*events)
    again = events + rng.sample(events, rng.randint(0, len(events)))
    rng.shuffle(again)
    bench = Bench()
    while again:
        size = rng.randint(1, len(again))
        bench.resolve(*again[:size])
        again = again[size:]
    assert told(bench) == told(expected)
    for component in bench.at_rest():
        for facet in component.facets.values():
            assert facet_of(at_rest(facet)) == facet


def sums(profiles: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What must add up."""
    return {
        "events": sum(one["activity"]["d365"].get("events", 0) for one in profiles),
        "points": {kind: sum(one["points"][kind] for one in profiles) for kind in ("balance", "benefit")},
        "rewards": sorted((one["at"], one["reward"]) for profile in profiles for one in profile["rewards"]),
    }


@given(histories())
@settings(deadline=None, max_examples=150)
def test_the_parts_of_a_split_add_up(events: list[Arrival]) -> None:
    """However a component is cut, its parts hold together what the whole holds, and each event once."""
    for component in after(*events).at_rest():
        facets = {key for key, facet in component.facets.items() if facet.seen}
        whole = sums([decode(one.body) for one in people(component, rules_with(), NOON_US).persons])
        for cut in facets:
            fresh = Component(component.name, component.version, component.facets, component.edges)
            parts = people(fresh, rules_with(), NOON_US, frozenset({cut})).persons
            assert sums([decode(one.body) for one in parts]) == whole


@given(histories())
@settings(deadline=None, max_examples=150)
def test_contents_change_with_time_only_when_they_are_due(events: list[Arrival]) -> None:
    """From one due instant to the next, nothing changes by itself; at it, something does; at last nothing is due."""
    bench, now_us = after(*events), NOON_US
    for _ in range(100):
        for person in bench.persons(now_us):
            if person.due_us == NEVER_DUE_US:
                continue
            assert person.due_us > now_us
            before, at = (
                next(one.body for one in bench.persons(instant) if one.holder == person.holder)
                for instant in (person.due_us - 1, person.due_us)
            )
            assert before == person.body != at
        now_us = min(person.due_us for person in bench.persons(now_us))
        if now_us == NEVER_DUE_US:
            return
    pytest.fail("something is always due")


def test_a_fold_is_made_again_when_it_is_due() -> None:
    """Of a crowd, whoever has not changed is not folded again, unless time has changed them."""
    bench = after(said("wifi.login"), arrived({"card": "C1", "cookie": "k"}), arrived({"card": "C0", "cookie": "k"}, 1))
    (component,) = bench.at_rest()
    assert len(people(component, rules_with(), NOON_US).persons) == 2
    due_us = min(person.due_us for person in people(component, rules_with(), NOON_US).persons)
    for instant in (due_us, NOON_US, due_us - 1):
        fresh = Component(component.name, component.version, component.facets, component.edges)
        assert people(component, rules_with(), instant) == people(fresh, rules_with(), instant)


def test_points_by_kind() -> None:
    """Each kind is what is left of it; the balance is all of them, and points without a kind."""
    contents = one(
        said("points.earned", 1, points=500, kind="consumption"),
        said("points.earned", 2, points=20, kind="interaction"),
        said("points.earned", 3, points=7),
        said("points.spent", 4, points=100, kind="consumption", reward="sample"),
        said("points.expired", 5, points=30, kind="consumption"),
    )
    assert contents["points"] == {
        "balance": 397,
        "changed_at": to_text(NOON_US),
        "consumption": 370,
        "benefit": 0,
        "interaction": 20,
    }
    assert contents["rewards"] == [{"reward": "sample", "at": to_text(NOON_US)}]


def test_coupons() -> None:
    """Held: issued and neither redeemed, expired nor past its date. Late news of an earlier time change nothing."""
    soon = to_text(NOON_US + 60_000_000)
    events = [
        said("coupon.issued", 1, coupon_id="held", expires_at=soon),
        said("coupon.issued", 2, coupon_id="used"),
        said("coupon.redeemed", 3, -60, coupon_id="used"),
        said("coupon.redeemed", 4, 1, coupon_id="used"),
        said("coupon.issued", 5, coupon_id="gone"),
        said("coupon.expired", 6, 1, coupon_id="gone"),
        said("coupon.issued", 7, -60, coupon_id="past", expires_at=to_text(NOON_US)),
        said("reward.claimed", 8, coupon_id="held", reward="gift"),
    ]
    assert one(*events)["coupons"] == {"held": ["held"], "next_expires_at": soon, "redeemed": 1}
    later = one(*events, now_us=NOON_US + 60_000_000)["coupons"]
    assert later == {"held": [], "next_expires_at": None, "redeemed": 1}


def test_one_redemption_told_through_two_identifiers_counts_once() -> None:
    """By coupon and appointment id, as orders are."""
    contents = one(
        arrived({"card": "C0", "phone": PEOPLE[2][1]}, partition=0, kind="coupon.redeemed", coupon_id="x"),
        arrived({"phone": PEOPLE[2][1]}, partition=1, kind="coupon.redeemed", coupon_id="x"),
        arrived({"phone": PEOPLE[2][1]}, partition=2, kind="appointment.redeemed", appointment_id="x"),
        arrived({"card": "C0"}, partition=3, kind="appointment.redeemed", appointment_id="x"),
    )
    assert (contents["coupons"]["redeemed"], contents["appointments"]["redeemed"]) == (1, 1)


def test_appointments() -> None:
    """To come: booked, and neither kept, cancelled nor past; soonest first. A change of time is the latest booking."""
    at = [to_text(NOON_US + minutes * 60_000_000) for minutes in (-1, 5, 10)]
    contents = one(
        said("appointment.booked", 1, appointment_id="a", at=at[1], service="skin", store="S1"),
        said("appointment.booked", 2, 1, appointment_id="a", at=at[2], service="skin", store="S2"),
        said("appointment.booked", 3, appointment_id="b", at=at[1]),
        said("appointment.booked", 4, appointment_id="c", at=at[0]),
        said("appointment.booked", 5, appointment_id="d", at=at[1]),
        said("appointment.redeemed", 6, 60, appointment_id="d", staff="S-07"),
        said("appointment.booked", 7, appointment_id="e"),
        said("appointment.cancelled", 8, 60, appointment_id="e"),
    )
    assert [one["appointment_id"] for one in contents["appointments"]["upcoming"]] == ["b", "a"]
    assert contents["appointments"]["upcoming"][1] == {
        "appointment_id": "a",
        "at": at[2],
        "service": "skin",
        "store": "S2",
        "staff": None,
    }
    assert contents["appointments"]["redeemed"] == 1


def test_follows() -> None:
    """Per account by its latest event; an old event that comes late changes nothing."""
    openid = {"openid": "mini:o"}
    contents = one(
        arrived(openid, kind="openid.follow", account="main", scene="qr"),
        arrived(openid, partition=1, kind="openid.unfollow", seconds=9, account="main"),
        arrived(openid, partition=2, kind="openid.follow", seconds=5, scene="card"),
        arrived(openid, partition=3, kind="openid.unfollow", seconds=2),
    )
    followed_at = to_text(NOON_US + 5_000_000)
    assert contents["wechat"] == {"following": ["mini"], "followed_at": followed_at, "scene": "card"}


def test_a_follow_that_another_identifier_took_back() -> None:
    """Followed through the card, left through the OpenID: nothing is followed, and the follow is still told of."""
    contents = one(
        arrived({"card": "C0", "openid": "o"}, partition=0, kind="openid.follow", scene="qr"),
        arrived({"openid": "o"}, partition=1, kind="openid.unfollow", seconds=9),
    )
    assert contents["wechat"] == {"following": [], "followed_at": to_text(NOON_US), "scene": "qr"}


def test_membership() -> None:
    """Since the earliest registration or card; a replaced card is not a second one, one of another programme is."""
    contents = one(
        said("member.register", 1, 60),
        said("member.legacy", 2, -DAY_S, channel="base"),
        said("card.replaced", 3, replaces="C9"),
        arrived({"card": ["C0", "plastic:C1"]}, partition=4),
    )
    assert contents["membership"] == {"since": to_text(NOON_US - DAY_US), "legacy": True, "cards": 2}
    assert contents["acquisition"]["first_touch"]["channel"] == "base"
    assert contents["activity"]["d30"]["events"] == 3


def test_first_and_last_touch() -> None:
    """By event time, ties by id, whichever came in first; a message sent is no touch, and no activity."""
    contents = one(
        said("wifi.login", 1, 5, channel="offline"),
        said("campaign.joined", 2, 7, campaign="spring"),
        said("store.visited", 3, 6),
        said("message.sent", 4, 9, channel="sms", campaign="spam"),
    )
    first, last = to_text(NOON_US + 5_000_000), to_text(NOON_US + 7_000_000)
    assert contents["acquisition"] == {
        "first_touch": {"channel": "offline", "campaign": None, "at": first},
        "last_touch": {"channel": None, "campaign": "spring", "at": last},
    }
    assert contents["activity"]["last_at"] == last
    assert contents["engagement"] == {"last_at": last, "campaigns": ["spring"]}


def test_affinity() -> None:
    """Most often first; categories looked at and bought; a cancelled order is not bought."""
    order = {"order_id": "1", **MONEY, "items": [{"category": "skin"}, {"category": "skin"}], "store": "S2"}
    other = {"order_id": "2", **MONEY, "items": [{"category": "hair"}]}
    contents = one(
        said("store.visited", 1, store="S1"),
        said("store.visited", 2, store="S2"),
        said("order.paid", 3, order=order),
        said("order.paid", 4, order=other),
        said("order.cancelled", 5, 1, order={"order_id": "2"}),
        said("product.viewed", 6, sku="p1", category="eye"),
        said("product.trial", 7, 1, sku="p2", category="eye"),
        said("product.viewed", 8, 2, sku="p1"),
    )
    assert contents["affinity"] == {"stores": ["S2", "S1"], "categories": ["eye", "skin"], "viewed": ["p1", "p2"]}


def test_windows() -> None:
    """Events and payments by UTC day; a corrected payment counts once, a cancel is no order.

    A refund is no payment: it takes from the value of its order's windows, and of nothing where no payment is known.
    """
    contents = one(
        said("wifi.login", 1),
        said("wifi.login", 2, -29 * DAY_S),
        said("wifi.login", 3, -30 * DAY_S),
        said("wifi.login", 4, -365 * DAY_S),
        said("order.paid", 5, -1, order={"order_id": "1", "amount": "99.00", "currency": "CNY"}),
        said("order.paid", 6, order={"order_id": "1", "amount": "90.00", "currency": "CNY"}),
        said("order.refunded", 7, order={"order_id": "1", "amount": "5.00", "currency": "CNY"}),
        said("order.paid", 8, -40 * DAY_S, order={"order_id": "2", **MONEY}),
        said("order.cancelled", 9, order={"order_id": "2"}),
        said("order.refunded", 10, order={"order_id": "2", "amount": "4.00", "currency": "CNY"}),
        said("order.refunded", 11, order={"order_id": "2", "amount": "2.00", "currency": "USD"}),
        said("order.refunded", 12, order={"order_id": "never paid", "amount": "1.00", "currency": "CNY"}),
    )
    both = {"CNY": "91.00", "USD": "-2.00"}
    assert contents["activity"] == {
        "last_at": to_text(NOON_US),
        "since": to_text(TODAY_US - 40 * DAY_US),
        "silence_days": 325,
        "d30": {"events": 9, "orders": 1, "paid": {"CNY": "90.00"}},
        "d90": {"events": 11, "orders": 1, "paid": {"CNY": "100.00"}},
        "d365": {"events": 11, "orders": 1, "paid": {"CNY": "100.00"}},
        "value": {"d30": {"CNY": "85.00"}, "d90": both, "d365": both},
    }
    later = one(said("wifi.login", 1), now_us=NOON_US + 364 * DAY_US)["activity"]
    assert (later["d30"], later["d90"], later["d365"]) == ({}, {}, {"events": 1, "orders": 0, "paid": {}})


def test_what_is_refunded_earns_no_tier() -> None:
    """Tier and monetary score go by what is left of the orders of a year, also when it is given back after that year.

    A correction of the payment does the same. The refund of an order that is older takes nothing.
    """
    card = said("card.claim", 1, -500 * DAY_S)
    spent = [
        said("order.paid", 2, -100 * DAY_S, order={"order_id": "1", "amount": "2500.00", "currency": "CNY"}),
        said("order.paid", 3, -100 * DAY_S, order={"order_id": "2", "amount": "600.00", "currency": "CNY"}),
        said("order.paid", 4, -400 * DAY_S, order={"order_id": "3", "amount": "800.00", "currency": "CNY"}),
    ]
    late = said("order.refunded", 5, order={"order_id": "2", "amount": "600.00", "currency": "CNY"})
    older = said("order.refunded", 6, order={"order_id": "3", "amount": "800.00", "currency": "CNY"})
    corrected = said("order.paid", 7, -99 * DAY_S, order={"order_id": "1", "amount": "300.00", "currency": "CNY"})

    def judged(*events: Arrival) -> tuple[str, int]:
        additions = DEFAULT_BOOK.judge(one(card, *events), NOON_US).additions
        return additions["tier"], additions["scores"]["monetary"]

    assert judged(*spent) == ("gold", 5)
    assert judged(late, *spent) == ("silver", 4)
    assert judged(*spent, older) == ("gold", 5)
    assert judged(corrected, *spent, late) == ("blue", 2)


def test_shipments() -> None:
    """On its way until delivered or cancelled, whatever is said of the payment meanwhile."""
    contents = one(
        said("order.shipped", 1, order_id="1", carrier="SF", tracking="T1"),
        said("order.paid", 2, 5, order={"order_id": "1", **MONEY}),
        said("order.shipped", 3, order_id="2"),
        said("order.delivered", 4, 1, order_id="2"),
        said("order.shipped", 5, order_id="3"),
        said("order.cancelled", 6, 1, order={"order_id": "3"}),
    )
    at = to_text(NOON_US)
    shipment = {"order_id": "1", "status": "shipped", "carrier": "SF", "tracking": "T1", "at": at}
    assert contents["shipments"] == [shipment]


def test_when_orders_were_reached() -> None:
    """The instants of the first ten payments that count, by event time; a cancelled order reaches nothing."""
    events = [said("order.paid", n, 60 * n, order={"order_id": str(n), **MONEY}) for n in range(12)]
    events.append(said("order.cancelled", 12, 9_000, order={"order_id": "0"}))
    reached = one(*events)["orders"]["reached_at"]
    assert reached == [to_text(NOON_US + 60_000_000 * n) for n in range(1, 11)]


def test_a_silence_of_ninety_days_ends_a_run() -> None:
    """89 days are none; the silence is that before the present run, and what the brand did breaks no silence."""
    back = [said("wifi.login", n, -days * DAY_S) for n, days in enumerate((0, 89, 178, 268, 300))]
    contents = one(*back, said("message.sent", 9, -200 * DAY_S))
    assert contents["activity"]["since"] == to_text(TODAY_US - 178 * DAY_US)
    assert contents["activity"]["silence_days"] == 90
    nothing = one(said("message.sent", 1))["activity"]
    assert (nothing["since"], nothing["silence_days"]) == (None, 0)


@given(st.sets(st.integers(0, 2_000), min_size=1, max_size=60), st.integers(3, 5), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=300)
def test_a_run_is_told_from_all_days(days: set[int], facets: int, rng: random.Random) -> None:
    """Days dealt out over facets, each of which keeps the latest few and runs of the others, in any order."""
    kept: list[dict[int, int]] = [{} for _ in range(facets)]
    runs: list[tuple[int, ...]] = [() for _ in range(facets)]
    for day in rng.sample(sorted(days), len(days)):
        at = rng.randrange(facets)
        kept[at][day] = 1
        if len(kept[at]) > 4:  # what `ACTIVE_DAYS` is for facets
            gone = min(kept[at])
            del kept[at][gone]
            runs[at] = with_day(runs[at], gone)
    ordered = sorted(days)
    breaks = [(day, day - before) for before, day in pairwise(ordered) if day - before >= SILENCE_DAYS]
    expected = breaks[-1] if breaks else (ordered[0], 0)
    assert present_run([one for one in kept if one], [one for one in runs if one]) == expected
