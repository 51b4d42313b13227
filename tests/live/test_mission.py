"""The two member centres that IDWeave comes from: each of their capabilities, from events to output topics.

One engine takes the day of seventeen people, one for each row of the mission, in two parts; each test reads what the
topics say of its person. Rows are numbered as in the mission.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.conftest import Broker
from tests.live.against_model import Check
from tests.live.engine import Engine, Published
from tests.live.redis_server import RedisServer

NOW = datetime.now(UTC)
Event = tuple[str, dict[str, Any], float, dict[str, Any]]


def phone(row: int, nth: int = 0) -> str:
    """A number of a row's person."""
    return f"1380010{row:02d}{nth}0"


def did(kind: str, hours_ago: float = 1, *, data: dict[str, Any] | None = None, **identifiers: str) -> Event:
    """Something that somebody did today, or some hours ago."""
    return (kind, dict(identifiers), hours_ago, data or {})


def order(order_id: str, amount: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - items, store, channel
    """What an order's event says."""
    return {"order": {"order_id": order_id, "amount": amount, "currency": "CNY", **more}}


BIRTHDAY = f"1990-{NOW.astimezone(ZoneInfo('Asia/Shanghai')).month:02d}-15"
DAYS = 24.0

FIRST: dict[int, list[Event]] = {
    1: [
        did("wifi.login", phone=phone(1), mac="3c:22:fb:01:00:01", data={"store": "SH-001", "channel": "offline"}),
        did("openid.follow", openid="o-one", phone=phone(1)),
        did("card.claim", card="E-0001", openid="o-one"),
        did("page.viewed", login="tmall:one", phone=phone(1), data={"channel": "tmall"}),
    ],
    2: [did("member.update", 1, phone=phone(2), data={"traits": {"city": "Wuhan"}, "counters": {"visits": 1}})],
    3: [
        did("card.claim", 5, card="E-0003", phone=phone(3)),
        did("card.bind", 4, card="E-0003", openid="o-three"),
        did("order.paid", 3, card="E-0003", data=order("S-3", "299.00")),
        did("points.earned", 3, card="E-0003", data={"points": 299, "kind": "consumption"}),
        did("coupon.issued", 3, card="E-0003", data={"coupon_id": "C-3"}),
    ],
    4: [
        did("campaign.interacted", 5, phone=phone(4), data={"campaign": "spring", "channel": "media"}),
        did("content.shared", 4, openid="o-four", phone=phone(4), data={"channel": "social"}),
        did("order.paid", 3, phone=phone(4), data=order("S-4", "88.00", channel="shop")),
        did("message.opened", 2, phone=phone(4), data={"campaign": "crm"}),
        did("store.visited", phone=phone(4), data={"store": "SH-004", "channel": "counter"}),
    ],
    5: [
        did("survey.completed", 3, phone=phone(5), card="E-0005", data={"answers": {"skin": "dry"}}),
        did(
            "appointment.booked",
            phone=phone(5),
            data={
                "appointment_id": "A-5",
                "service": "facial",
                "store": "SH-005",
                "at": (NOW + timedelta(days=1)).isoformat(),
            },
        ),
        did("content.shared", 2, phone=phone(5)),
    ],
    6: [
        did("member.register", 40 * DAYS, phone=phone(6)),
        did("order.paid", 3, phone=phone(6), data=order("S-6a", "2000.00")),
        did("order.paid", 2, phone=phone(6), data=order("S-6b", "1500.00")),
    ],
    7: [did("member.register", 20 * DAYS, phone=phone(7))],
    8: [did("openid.follow", 2, openid="o-eight", data={"scene": "store_qr", "campaign": "opening"})],
    9: [did("member.legacy", 3 * 365 * DAYS, phone=phone(9), data={"traits": {"name": "Lin"}, "channel": "old_base"})],
    10: [
        did("referral.invited", 3, phone=phone(10), data={"referral_code": "R10"}),
        did(
            "referral.registered",
            2,
            phone=phone(10, 1),
            data={"referral_code": "R10", "inviter": {"phone": phone(10)}},
        ),
        did("points.earned", phone=phone(10), data={"points": 100, "kind": "benefit"}),
        did("points.earned", phone=phone(10, 1), data={"points": 50, "kind": "benefit"}),
    ],
    11: [
        did("page.viewed", 9, cookie="k-eleven", data={"channel": "edm", "campaign": "eleven"}),
        did("member.register", 5, phone=phone(11), data={"channel": "sms", "campaign": "vip"}),
    ],
    12: [did("member.register", phone=phone(12))],
    13: [
        *(did("member.register", 3, phone=phone(13, nth)) for nth in range(4)),
        did("order.paid", 2, phone=phone(13, 1), data=order("S-13b", "1000.00")),
        did("order.paid", 2, phone=phone(13, 2), data=order("S-13c", "3000.00")),
        did("order.paid", 2, phone=phone(13, 3), data=order("S-13d", "10000.00")),
        did("points.earned", phone=phone(13, 3), data={"points": 30, "kind": "consumption"}),
        did("points.earned", phone=phone(13, 3), data={"points": 20, "kind": "benefit"}),
        did("points.earned", phone=phone(13, 3), data={"points": 10, "kind": "interaction"}),
    ],
    14: [
        did("member.register", 2, phone=phone(14), data={"traits": {"birthday": BIRTHDAY}, "consents": {"sms": True}})
    ],
    15: [
        did("store.visited", 5, phone=phone(15), data={"store": "partner:HZ-1"}),
        did("store.visited", 4, phone=phone(15), data={"store": "partner:HZ-1"}),
        did("store.visited", 3, phone=phone(15), data={"store": "HZ-2"}),
        did(
            "coupon.issued",
            phone=phone(15),
            data={"coupon_id": "C-15", "store": "HZ-1", "expires_at": (NOW + timedelta(days=3)).isoformat()},
        ),
        did("coupon.redeemed", 2, phone=phone(15), data={"coupon_id": "C-14"}),
    ],
    16: [
        did("product.viewed", 4, phone=phone(16), data={"sku": "LENS-1", "category": "lenses"}),
        did("product.trial", 3, phone=phone(16), data={"sku": "LENS-2", "category": "lenses"}),
        did("points.earned", 3, phone=phone(16), data={"points": 500}),
        did("points.spent", 2, phone=phone(16), data={"points": 300, "reward": "care kit"}),
    ],
    17: [
        did("member.legacy", 400 * DAYS, phone=phone(17), data={"traits": {"name": "Wang"}, "channel": "crm"}),
        did("wifi.login", 30, phone=phone(17), mac="3c:22:fb:17:00:01", data={"store": "BJ-1", "channel": "offline"}),
        did("order.paid", 20, login="tmall:seventeen", phone=phone(17), data=order("T-17", "120.00", channel="tmall")),
        did("openid.follow", 10, openid="o-seventeen", phone=phone(17), data={"scene": "moments"}),
    ],
}
SECOND: dict[int, list[Event]] = {
    2: [
        did(
            "member.update",
            30,
            phone=phone(2),
            data={"traits": {"city": "Old", "name": "Mei"}, "counters": {"visits": 2}},
        )
    ],
    3: [did("coupon.redeemed", phone=phone(3), data={"coupon_id": "C-3"})],
    5: [did("appointment.redeemed", 0.5, phone=phone(5), data={"appointment_id": "A-5", "staff": "amy"})],
    6: [did("order.refunded", phone=phone(6), data=order("S-6a", "2000.00"))],
    7: [did("order.paid", phone=phone(7), data=order("S-7", "20.00"))],
    8: [did("card.bind", openid="o-eight", card="E-0008")],
    9: [
        did("openid.follow", openid="o-nine", phone=phone(9), data={"scene": "welcome"}),
        did("points.earned", 0.5, phone=phone(9), data={"points": 100, "kind": "benefit"}),
    ],
    11: [
        did("identity.link", 0.7, phone=phone(11), cookie="k-eleven"),
        did("campaign.joined", 0.5, phone=phone(11), data={"channel": "ride", "campaign": "partner"}),
    ],
    12: [
        did("member.update", 0.5, phone=phone(12), data={"traits": {"name": "Yu", "gender": "f", "city": "Xi'an"}}),
    ],
    14: [
        did("order.paid", 0.5, phone=phone(14), data=order("S-14", "1200.00")),
        did("points.earned", 0.5, phone=phone(14), data={"points": 12, "kind": "consumption"}),
        did("order.shipped", 0.4, phone=phone(14), data={"order_id": "S-14", "carrier": "SF", "tracking": "SF14"}),
    ],
}


@dataclass
class Centre:
    """What the topics say after the day."""

    topics: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @cached_property
    def profiles(self) -> dict[str, dict[str, Any]]:
        """Profiles by id, the last word on each; those that merged away are left out."""
        last = {one["profile_id"]: one for one in self.topics["profiles"]}
        return {key: one for key, one in last.items() if "merged_into" not in one}

    def person(self, row: int, nth: int = 0, *, having: str = "") -> dict[str, Any]:
        """The person of a row: by the number's mask, or by an identifier that is not hashed."""
        [found] = [
            one
            for one in self.profiles.values()
            if (having or f"{phone(row, nth)[:3]}****{phone(row, nth)[-4:]}")
            in [each["display"] for each in one["identifiers"]]
        ]
        return found

    def of(self, person: dict[str, Any], topic: str) -> list[dict[str, Any]]:
        """A topic's records of a person, in the order of their versions."""
        found = {one["version"]: one for one in self.topics[topic] if one["profile_id"] == person["profile_id"]}
        return [found[version] for version in sorted(found)]

    def segments(self, person: dict[str, Any], name: str) -> list[str]:
        """What happened to a person in a segment."""
        return [one["action"] for one in self.of(person, "segments") if one["segment"] == name]

    def reminders(self, person: dict[str, Any]) -> list[str]:
        """What a person was reminded of."""
        return sorted(one["reminder"] for one in self.of(person, "reminders"))


def records(part: dict[int, list[Event]], source: str) -> list[Published]:
    """The events of a part as publishers send them."""
    return [
        Published(
            None,
            json.dumps(
                {
                    "specversion": "1.0",
                    "id": f"{row}-{nth}",
                    "source": source,
                    "type": kind,
                    "time": (NOW - timedelta(hours=hours_ago)).isoformat(),
                    "data": {"identifiers": identifiers, **data},
                }
            ).encode(),
        )
        for row, events in part.items()
        for nth, (kind, identifiers, hours_ago, data) in enumerate(events)
    ]


@pytest.fixture(scope="module")
def centre(kafka: Broker, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """A worker through both parts of the day, the second published when the first is done."""
    folder = tmp_path_factory.mktemp("mission")
    with Engine(kafka.bootstrap, redis_server.url, f"mission-{folder.name}", folder) as engine:
        engine.start_worker()
        for part, source in ((FIRST, "/morning"), (SECOND, "/evening")):
            engine.publish(records(part, source))
            engine.settle()
        outputs = engine.outputs()
        Check(engine.input_log(), outputs).everything()
        yield Centre({name: [json.loads(one.value or b"{}") for one in found] for name, found in outputs.items()})


def namespaces(person: dict[str, Any]) -> list[str]:
    """Of a person's identifiers."""
    return sorted(one["namespace"] for one in person["identifiers"])


def test_row_1_one_consumer_under_many_ids(centre: Centre) -> None:
    """Mall Wi-Fi, WeChat, e-card and marketplace: one profile, and each identifier leads to it."""
    person = centre.person(1)
    assert namespaces(person) == ["card", "login", "mac", "openid", "phone"]
    homes = {(one["namespace"], one["token"]): one["profile_id"] for one in centre.topics["identities"]}
    assert {homes[one["namespace"], one["token"]] for one in person["identifiers"]} == {person["profile_id"]}


def test_row_2_a_file_that_comes_a_day_late(centre: Centre) -> None:
    """What is older by its own time fills gaps and adds up, and hides nothing newer."""
    person = centre.person(2)
    assert person["traits"] == {"city": "Wuhan", "name": "Mei"}
    assert person["counters"] == {"visits": 3}
    assert person["first_seen"] < person["last_seen"]


def test_row_3_cards_orders_points_and_coupons(centre: Centre) -> None:
    """A claimed card is bound to WeChat; what is bought, earned and redeemed is on it."""
    person = centre.person(3)
    assert namespaces(person) == ["card", "openid", "phone"]
    assert (person["membership"]["cards"], person["orders"]["count"], person["points"]["balance"]) == (1, 1, 299)
    assert person["coupons"] == {"held": [], "next_expires_at": None, "redeemed": 1}
    before = [one["coupons"] for one in centre.of(person, "profiles") if one["coupons"]["redeemed"] == 0]
    assert before[-1]["held"] == ["C-3"]


def test_row_4_transactions_and_behaviour_of_every_touchpoint(centre: Centre) -> None:
    """Media, social, shop, CRM and counter in one profile."""
    person = centre.person(4)
    assert person["activity"]["d30"] == {"events": 5, "orders": 1, "paid": {"CNY": "88.00"}}
    assert person["affinity"]["stores"] == ["SH-004"]
    assert set(person["engagement"]["campaigns"]) == {"spring", "crm"}
    touches = person["acquisition"]
    assert (touches["first_touch"]["channel"], touches["last_touch"]["channel"]) == ("media", "counter")


def test_row_5_appointments_surveys_and_sharing(centre: Centre) -> None:
    """Booked, then redeemed by a store's staff; a survey's answers are traits; sharing is engagement."""
    person = centre.person(5)
    assert person["appointments"] == {"upcoming": [], "redeemed": 1}
    assert person["traits"] == {"skin": "dry"}
    shared = datetime.fromisoformat(person["engagement"]["last_at"])
    assert shared == (NOW - timedelta(hours=2)).replace(microsecond=shared.microsecond)
    assert centre.segments(person, "appointment_soon") == ["entered", "exited"]


def test_row_6_tag_stage_and_lifetime_value(centre: Centre) -> None:
    """All three are told as they change, and a refund takes back what it bought."""
    person = centre.person(6)
    assert person["lifetime_value"] == {"CNY": "1500.00"}
    assert [one["value"] for one in centre.of(person, "values")][-2:] == ["3500.00", "1500.00"]
    assert centre.of(person, "tags")[-1]["tags"] == person["tags"]
    assert {"middle_spender", "returns_goods"} <= set(person["tags"])
    assert "high_spender" in centre.of(person, "tags")[-1]["removed"]
    assert centre.of(person, "lifecycle")[-1]["to"] == person["lifecycle"]["stage"] == "active"


def test_row_7_segments_are_entered_and_left(centre: Centre) -> None:
    """A member who never bought is in the segment to push to until the first order."""
    person = centre.person(7)
    assert centre.segments(person, "member_without_order") == ["entered", "exited"]
    assert centre.segments(person, "profile_incomplete") == ["entered"]


def test_row_8_who_followed_from_where_and_then_bound(centre: Centre) -> None:
    """The scene stays when the fan binds a card; until then the fan is one to be bound."""
    person = centre.person(8, having="main:o-eight")
    assert (person["wechat"]["scene"], person["membership"]["cards"]) == ("store_qr", 1)
    assert person["acquisition"]["first_touch"]["campaign"] == "opening"
    assert centre.segments(person, "fan_not_bound") == ["entered", "exited"]


def test_row_9_legacy_members_come_home(centre: Centre) -> None:
    """Not on WeChat: a segment; on the first follow a message and out of it; the first points are told."""
    person = centre.person(9)
    assert centre.segments(person, "legacy_not_on_wechat") == ["entered", "exited"]
    assert centre.reminders(person) == ["points_changed", "welcome_home"]
    [welcome] = [one for one in centre.of(person, "reminders") if one["reminder"] == "welcome_home"]
    assert sorted(one["namespace"] for one in welcome["identifiers"]) == ["openid", "phone"]
    assert person["points"]["balance"] == 100


def test_row_10_member_get_member(centre: Centre) -> None:
    """The invitee knows the inviter, the inviter has brought one, and both have their points."""
    inviter, invitee = centre.person(10), centre.person(10, 1)
    [token] = [f"{one['namespace']}:{one['token']}" for one in inviter["identifiers"]]
    assert (inviter["referral"]["referred"], invitee["referral"]["referred_by"]) == (1, token)
    assert (inviter["points"]["benefit"], invitee["points"]["benefit"]) == (100, 50)
    assert centre.segments(inviter, "invited_friends") == ["entered"]


def test_row_11_first_and_last_touch_survive_a_merge(centre: Centre) -> None:
    """The page seen before registering, by who was nobody then, is the first touch of the member."""
    person = centre.person(11)
    assert len(person["merged_from"]) == 1
    touches = person["acquisition"]
    assert (touches["first_touch"]["channel"], touches["last_touch"]["channel"]) == ("edm", "ride")
    [ended] = person["merged_from"]
    assert ended in [one["profile_id"] for one in centre.topics["merges"] if one["type"] == "merged"]


def test_row_12_a_phone_number_is_enough(centre: Centre) -> None:
    """A member by number alone, complete field by field."""
    person = centre.person(12)
    assert namespaces(person) == ["phone"]
    told = [one["completeness"] for one in centre.topics["profiles"] if one["profile_id"] == person["profile_id"]]
    assert (told[0], told[-1]) == (0.0, 0.6)
    assert centre.segments(person, "profile_incomplete") == ["entered", "exited"]


def test_row_13_four_tiers_and_three_kinds_of_points(centre: Centre) -> None:
    """By what was paid in a year; points by kind."""
    people = [centre.person(13, nth) for nth in range(4)]
    assert [one["tier"] for one in people] == ["blue", "silver", "gold", "black-gold"]
    points = people[3]["points"]
    assert [points[kind] for kind in ("balance", "consumption", "benefit", "interaction")] == [60, 30, 20, 10]


def test_row_14_reminders(centre: Centre) -> None:
    """Registration, birthday month, tier, points and shipment, each once, with whom to tell and what they agreed to."""
    person = centre.person(14)
    wanted = ["birthday_month", "points_changed", "registration_done", "shipment", "tier_upgraded"]
    assert centre.reminders(person) == wanted
    told = {one["reminder"]: one for one in centre.of(person, "reminders")}
    assert told["tier_upgraded"]["payload"] == {"tier": "silver"}
    assert told["shipment"]["payload"] == {"order_id": "S-14", "carrier": "SF", "tracking": "SF14"}
    assert all(one["consents"] == {"sms": True} for one in told.values())
    assert [one["namespace"] for one in told["birthday_month"]["identifiers"]] == ["phone"]


def test_row_15_stores_and_coupons(centre: Centre) -> None:
    """Which stores, the closest partner first; which coupons, and how long they hold."""
    person = centre.person(15)
    assert person["affinity"]["stores"] == ["partner:HZ-1", "HZ-2"]
    assert (person["coupons"]["held"], person["coupons"]["redeemed"]) == (["C-15"], 1)
    assert centre.segments(person, "coupon_expiring") == ["entered"]


def test_row_16_what_was_looked_at_and_what_points_bought(centre: Centre) -> None:
    """The products, the latest first, and the rewards."""
    person = centre.person(16)
    assert person["affinity"]["viewed"] == ["LENS-2", "LENS-1"]
    assert [one["reward"] for one in person["rewards"]] == ["care kit"]
    assert person["points"]["balance"] == 200


def test_row_17_a_profile_all_around(centre: Centre) -> None:
    """CRM, offline, online and social data of one person in one profile."""
    person = centre.person(17)
    assert namespaces(person) == ["login", "mac", "openid", "phone"]
    assert person["traits"]["name"] == "Wang"
    assert person["membership"]["legacy"] is True
    assert person["affinity"]["stores"] == ["BJ-1"]
    assert person["lifetime_value"] == {"CNY": "120.00"}
    assert person["wechat"]["scene"] == "moments"
    assert person["acquisition"]["first_touch"]["channel"] == "crm"
