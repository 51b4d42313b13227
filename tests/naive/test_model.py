"""The naive model against small logs worked out by hand: what it is compared with must itself be right."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stream.demo.truth import quality
from stream.demo.world import generate
from tests.naive.decoding import Record
from tests.naive.model import DEFAULT_CONFIG, Outcome, run
from tests.naive.random_logs import SMALL_CONFIG, random_log
from tests.naive.values import read

KEY = b"a key for tests"
START = datetime(2026, 11, 21, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)


def event(minute: float, identifiers: dict[str, Any], kind: str = "store.visited", **data: Any) -> dict[str, Any]:  # noqa: ANN401
    """An event of that minute, its id made of its content."""
    time = (START + timedelta(minutes=minute)).isoformat()
    name = json.dumps([minute, identifiers, kind], sort_keys=True)
    return {"id": name, "source": "/t", "type": kind, "time": time, "data": {"identifiers": identifiers, **data}}


def log(*events: dict[str, Any] | bytes) -> list[Record]:
    """Records in this order, on one partition, a second apart, appended from START on."""
    values = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in events]
    return [Record("t", 0, offset, START_MS + offset * 1000, None, value) for offset, value in enumerate(values)]


def people(outcome: Outcome) -> list[set[str]]:
    """Per person the identifiers: `namespace:token`, or `namespace:display` where hashed."""
    hashed = ("phone", "email", "mac")
    return sorted(
        (
            {
                f"{each['namespace']}:{each['display' if each['namespace'] in hashed else 'token']}"
                for each in identifiers
            }
            for identifiers in (person["identifiers"] for person in outcome.people)
        ),
        key=sorted,
    )


def test_shared_identifiers_make_one_person() -> None:
    """Wi-Fi phone and MAC, then openid and phone: four identifiers of one known person, seen from 10 to 20 past."""
    outcome = run(
        log(
            event(10, {"phone": "138 0013 8000", "mac": "3C-22-FB-00-11-22"}, "wifi.login"),
            event(20, {"openid": "mini:o1", "phone": "+8613800138000"}, "openid.follow"),
        ),
        KEY,
    )
    (person,) = outcome.people
    assert people(outcome) == [{"phone:138****8000", "mac:3c:22:**:**:**:22", "openid:mini:o1"}]
    assert person["known"]
    assert (person["first_seen"], person["last_seen"]) == ("2026-11-21T00:10:00Z", "2026-11-21T00:20:00Z")
    assert person["identifiers"][0]["last_seen"] == "2026-11-21T00:20:00Z"
    assert person["identifiers"][0]["token"] == read("phone", "13800138000", DEFAULT_CONFIG, KEY).token


def test_two_cards_are_two_people_and_the_phone_goes_with_the_newest_evidence() -> None:
    """Unique under `latest`: the shared phone is with card B, refused for A; `first` says the other way round."""
    records = log(
        event(1, {"card": "A", "phone": "13800138000"}),
        event(2, {"card": "B", "phone": "13800138000"}),
        event(3, {"phone": "13800138000", "openid": "o1"}),
    )
    latest, first = run(records, KEY), run(records, KEY, {"policy": "first"})
    assert people(latest) == [{"card:main:A"}, {"card:main:B", "phone:138****8000", "openid:main:o1"}]
    assert {(strong, rule) for strong, _, rule in latest.refused} == {("card:main:A", "unique")}
    assert people(first) == [{"card:main:A", "phone:138****8000", "openid:main:o1"}, {"card:main:B"}]


def test_a_late_event_with_an_old_time_does_not_take_the_phone() -> None:
    """Newest is by event time, not by place in the log."""
    outcome = run(
        log(event(9, {"card": "B", "phone": "13800138000"}), event(1, {"card": "A", "phone": "13800138000"})), KEY
    )
    assert people(outcome) == [{"card:main:A"}, {"card:main:B", "phone:138****8000"}]


def test_card_replaced_makes_two_numbers_one_value() -> None:
    """Old and new card with a phone each: one person, and the phone that both hold is refused to a third card."""
    outcome = run(
        log(
            event(1, {"card": "OLD", "phone": "13800138000"}),
            event(2, {"card": "NEW", "openid": "o1"}),
            event(3, {"card": "NEW"}, "card.replaced", replaces="OLD"),
            event(0, {"card": "OTHER", "phone": "13800138000"}),
        ),
        KEY,
    )
    assert people(outcome) == [
        {"card:main:NEW", "card:main:OLD", "openid:main:o1", "phone:138****8000"},
        {"card:main:OTHER"},
    ]


def test_a_weak_identifier_never_joins_two_known_people() -> None:
    """Two phones through one browser: it stays with the newest; the other link is a `weak_link`."""
    outcome = run(
        log(event(1, {"phone": "13800138001", "cookie": "c1"}), event(2, {"phone": "13800138002", "cookie": "c1"})),
        KEY,
    )
    assert people(outcome) == [{"cookie:c1", "phone:138****8002"}, {"phone:138****8001"}]
    assert [rule for _, _, rule in outcome.refused] == ["weak_link"]


def test_value_facts_of_a_contested_device_stay_behind() -> None:
    """An order through the browser alone belongs to its person until a second known person uses it; traits stay."""
    alone = event(
        3,
        {"cookie": "c1"},
        "order.paid",
        traits={"size": "M"},
        order={"order_id": "1", "amount": "5", "currency": "CNY"},
    )
    one = run(log(event(1, {"phone": "13800138001", "cookie": "c1"}), alone), KEY)
    assert [person["lifetime_value"] for person in one.people] == [{"CNY": "5.00"}]
    second = event(2, {"phone": "13800138002", "cookie": "c1"})
    two = run(log(event(1, {"phone": "13800138001", "cookie": "c1"}), alone, second), KEY)
    found = {len(person["identifiers"]): person for person in two.people}
    assert found[2]["lifetime_value"] == {}
    assert found[2]["traits"] == {"size": "M"}
    assert found[0]["lifetime_value"] == {"CNY": "5.00"}
    assert not found[0]["known"]
    assert found[0]["first_seen"] == "2026-11-21T00:03:00Z"


def test_a_limit_counts_values_per_scope_and_within_its_window() -> None:
    """Phones at most 3: the oldest evidence is refused; with a window of a day a phone of last week is not counted."""
    records = log(*[event(minute, {"card": "A", "phone": f"1380013800{minute}"}) for minute in range(1, 5)])
    assert {rule for _, _, rule in run(records, KEY).refused} == {"limit"}
    assert {"phone:138****8001"} in people(run(records, KEY))
    namespaces = DEFAULT_CONFIG["namespaces"] | {
        "phone": DEFAULT_CONFIG["namespaces"]["phone"] | {"limit": {"n": 3, "days": 1}}
    }
    records[0] = log(event(-7 * 1440, {"card": "A", "phone": "13800138001"}))[0]
    assert not run(records, KEY, {"namespaces": namespaces}).refused
    scoped = log(
        *[event(minute, {"phone": "13800138001", "login": f"shop{minute % 2}:u{minute}"}) for minute in range(9)]
    )
    assert len(people(run(scoped, KEY))) == 1


def test_a_hub_links_nothing() -> None:
    """A tablet with 21 neighbours (cap 20) has no link at all, and 20 neighbours one link."""
    passing = [event(minute, {"card": f"A{minute}", "cookie": "tablet"}) for minute in range(21)]
    outcome = run(log(*passing), KEY)
    assert {"cookie:tablet"} in people(outcome)
    assert [rule for _, _, rule in outcome.refused] == ["hub"] * 21
    assert {"cookie:tablet", "card:main:A19"} in people(run(log(*passing[:20]), KEY))


def test_policy_drop_lets_a_contested_device_go() -> None:
    """Under `drop` a browser with evidence to two cards takes part in no link."""
    records = log(event(1, {"card": "A", "cookie": "c1"}), event(2, {"card": "B", "cookie": "c1"}))
    assert people(run(records, KEY, {"policy": "drop"})) == [{"card:main:A"}, {"card:main:B"}, {"cookie:c1"}]


def test_unbind_and_logout_take_old_links_away_until_newer_evidence() -> None:
    """card.unbind cuts card and openid, session.logout cuts the browser; evidence that is newer joins again."""
    bound = [event(1, {"card": "A", "openid": "o1"}), event(1, {"card": "A", "cookie": "c1"})]
    cut = [
        event(2, {"card": "A", "openid": "o1"}, "card.unbind"),
        event(2, {"cookie": "c1"}, "session.logout", traits={"x": 1}),
    ]
    outcome = run(log(*bound, *cut), KEY)
    assert people(outcome) == [{"card:main:A"}, {"cookie:c1"}, {"openid:main:o1"}]
    assert {rule for _, _, rule in outcome.refused} == {"unbound", "logged_out"}
    assert all(person["traits"] == {} for person in outcome.people)
    again = [event(3, {"card": "A", "openid": "o1"}), event(3, {"card": "A", "cookie": "c1"})]
    assert len(people(run(log(*bound, *cut, *again), KEY))) == 1


def test_traits_follow_event_time_and_paths() -> None:
    """The newest write wins per leaf, hides older ones above and below, null deletes; once is the oldest and weaker."""
    outcome = run(
        log(
            event(5, {"card": "A"}, traits={"city": "Shanghai", "skin": {"type": "dry", "tone": 2}}),
            event(4, {"card": "A"}, traits={"city": "Beijing", "name": "Li"}),
            event(6, {"card": "A"}, traits={"skin": {"type": None}, "name": None}),
            event(2, {"card": "A"}, traits_once={"first": "b", "city": "Xi'an", "pet": {"cat": 1}}),
            event(1, {"card": "A"}, traits_once={"first": "a", "name": "Wang"}),
            event(7, {"card": "A"}, "survey.completed", answers={"skin": {"tone": 3}}, traits={"tags": ["x"]}),
        ),
        KEY,
    )
    (person,) = outcome.people
    assert person["traits"] == {
        "city": "Shanghai",
        "skin": {"tone": 3},
        "tags": ["x"],
        "first": "a",
        "pet": {"cat": 1},
    }


def test_a_hidden_write_still_hides() -> None:
    """a.x, then a, then a.y: a is hidden by a.y, and a.x by a, so that a.x does not come back."""
    outcome = run(
        log(
            event(1, {"card": "A"}, traits={"a": {"x": 1}}),
            event(2, {"card": "A"}, traits={"a": 5}),
            event(3, {"card": "A"}, traits={"a": {"y": 2}}),
        ),
        KEY,
    )
    assert outcome.people[0]["traits"] == {"a": {"y": 2}}


def test_orders_are_counted_once_and_to_the_cent() -> None:
    """Latest paid amount, refunds added, cancel changes the status only, shipped orders are open."""

    def order(
        minute: int, word: str, order_id: str, amount: str | None = None, currency: str = "CNY"
    ) -> dict[str, Any]:
        money = {} if amount is None else {"amount": amount, "currency": currency}
        return event(minute, {"card": "A"}, f"order.{word}", order={"order_id": order_id, **money})

    records = log(
        order(1, "placed", "1", "100"),
        order(3, "paid", "1", "90.10"),
        order(2, "paid", "1", "99.999"),
        order(4, "refunded", "1", "0.10"),
        order(5, "refunded", "1", "0.105"),
        order(6, "paid", "2", "20"),
        order(7, "cancelled", "2"),
        order(8, "paid", "3", "7.5", "USD"),
        order(9, "refunded", "3", "7.50", "USD"),
        event(10, {"card": "A"}, "order.shipped", order_id="4"),
    )
    (person,) = run([*records, *records], KEY).people
    assert person["orders"] == {
        "count": 2,
        "reached_at": ["2026-11-21T00:03:00Z", "2026-11-21T00:08:00Z"],
        "paid": {"CNY": "110.10", "USD": "7.50"},
        "refunded": {"CNY": "0.205", "USD": "7.50"},
        "first_at": "2026-11-21T00:03:00Z",
        "last_at": "2026-11-21T00:08:00Z",
        "open": [{"order_id": "1", "status": "paid"}, {"order_id": "4", "status": "shipped"}],
    }
    assert person["lifetime_value"] == {"CNY": "109.895", "USD": "0.00"}


def test_counters_and_consents() -> None:
    """Counters add exactly (an integral sum is an integer); of two answers at one time no wins."""
    outcome = run(
        log(
            event(1, {"card": "A"}, counters={"visits": 1, "hours": 0.1, "half": 0.5}, consents={"sms": True}),
            event(
                2,
                {"card": "A"},
                counters={"visits": 2, "hours": 0.2, "half": 0.5},
                consents={"sms": True, "mail": True},
            ),
            event(2, {"card": "A", "openid": "o"}, consents={"sms": False}),
        ),
        KEY,
    )
    (person,) = outcome.people
    assert person["counters"] == {"visits": 3, "hours": 0.3, "half": 1}
    assert isinstance(person["counters"]["half"], int)
    assert person["consents"] == {"sms": False, "mail": True}


def test_the_same_id_with_another_body_is_reported_and_ignored() -> None:
    """The first by log position counts; a duplicate adds nothing; beyond 30 days it is another event."""
    first = event(1, {"card": "A"}, counters={"n": 1})
    other = first | {"data": {"identifiers": {"card": "B"}, "counters": {"n": 5}}}
    records = log(first, first, other)
    outcome = run(records, KEY)
    assert [person["counters"] for person in outcome.people] == [{"n": 1}]
    assert outcome.reused == [records[2].position]
    records[1].append_ms += 31 * 86_400_000
    assert [person["counters"] for person in run(records, KEY).people] == [{"n": 2}]


def test_dead_letters_and_dropped_values() -> None:
    """Each code, and the values that are dropped without refusing their event."""
    good = event(1, {"card": "A", "phone": "13800000000", "openid": "null", "email": "no address"})
    bad: list[tuple[dict[str, Any] | bytes, str]] = [
        (b"{", "invalid_json"),
        (b"[]", "invalid_event"),
        (event(1, {"card": "A"}) | {"time": "2026-11-21T00:00:00"}, "invalid_event"),
        (event(1, {"card": "A"}, counters={"n": True}), "invalid_event"),
        (
            event(1, {"card": "A"}, "order.paid", order={"order_id": "1", "amount": "-5", "currency": "CNY"}),
            "invalid_event",
        ),
        (event(1, {"card": "A"}, traits={"x": "y" * 65_536}), "too_large"),
        (event(1, {"card": "A", "fax": "1"}), "unknown_namespace"),
        (event(1, {"openid": "undefined"}), "no_identifier"),
        (event(1, {"card": ["A", "B"]}), "conflicting_identifiers"),
        (event(1441, {"card": "A"}), "time_in_future"),
    ]
    records = log(good, *[value for value, _ in bad])
    outcome = run(records, KEY)
    assert [outcome.dead_letters[record.position] for record in records[1:]] == [code for _, code in bad]
    assert people(outcome) == [{"card:main:A"}]
    assert [(namespace, rule) for _, namespace, rule in outcome.dropped] == [
        ("phone", "blocked_value"),
        ("openid", "blocked_value"),
        ("email", "invalid_value"),
    ]


def test_binary_mode_says_the_same_as_structured_mode() -> None:
    """Attributes in ce_ headers and the data as value are the same event, recognised as its duplicate."""
    structured = event(1, {"card": "A"}, counters={"n": 1})
    headers = tuple((f"ce_{name}", structured[name].encode()) for name in ("id", "source", "type", "time"))
    binary = Record("t", 0, 1, START_MS + 1, None, json.dumps(structured["data"]).encode(), headers)
    outcome = run([*log(structured), binary], KEY)
    assert [person["counters"] for person in outcome.people] == [{"n": 1}]
    assert not outcome.reused


@pytest.mark.parametrize(
    ("namespace", "raw", "normal"),
    [
        ("phone", "\uff11\uff13\uff18 0013-8000", "+8613800138000"),
        ("phone", "008613800138000", "+8613800138000"),
        ("email", " Zhang.San@QQ.com ", "zhang.san@qq.com"),
        ("mac", "AABB.CC00.1122", "aa:bb:cc:00:11:22"),
        ("card", "88 1", "main:88 1"),
        ("openid", "mini:oX", "mini:oX"),
    ],
)
def test_values_have_one_spelling(namespace: str, raw: str, normal: str) -> None:
    """Notations of one value have one normal form."""
    assert read(namespace, raw, DEFAULT_CONFIG, KEY).normal == normal


def test_the_order_in_which_records_are_handed_in_does_not_matter() -> None:
    """The model sorts by log position, so that any order of a small retail day gives the same people."""
    records = retail_log(60)
    shuffled = records.copy()
    random.Random(1).shuffle(shuffled)
    assert run(shuffled, KEY) == run(records, KEY)


def test_random_logs_meet_every_rule() -> None:
    """Dense logs reach every rule, reused ids and second profiles, so that comparing on them compares everything."""
    met: set[str] = set()
    for seed in range(51):
        config = SMALL_CONFIG | {"policy": ("latest", "first", "drop")[seed % 3]}
        outcome = run(random_log(seed, 60), KEY, config)
        met.update(rule for _, _, rule in outcome.refused)
        met.update(outcome.dead_letters.values())
        met.update(rule for _, _, rule in outcome.dropped)
        met.update("reused" for _ in outcome.reused)
        met.update("second" for person in outcome.people if not person["identifiers"])
    rules = {"hub", "drop", "unbound", "logged_out", "unique", "limit", "weak_link", "blocked_value", "invalid_value"}
    assert met == rules | {"no_identifier", "conflicting_identifiers", "reused", "second"}


@pytest.mark.parametrize("seed", range(10))
def test_every_fact_of_a_random_log_is_in_exactly_one_person(seed: int) -> None:
    """Counters over all people add up to those of the distinct accepted events, and no identifier is in two people."""
    records = random_log(seed, 80)
    outcome = run(records, KEY, SMALL_CONFIG)
    named = [(each["namespace"], each["token"]) for person in outcome.people for each in person["identifiers"]]
    assert len(named) == len(set(named))
    told: dict[str, float] = {}
    counted: set[str] = set()
    for record in sorted(records, key=lambda each: each.position):
        content = json.loads(record.value or b"")
        if record.position in outcome.dead_letters or content["id"] in counted:
            continue
        counted.add(content["id"])
        silent = content["type"] in {"identity.link", "session.logout"}
        for name, number in content["data"].get("counters", {}).items():
            told[name] = told.get(name, 0) + (0 if silent else number)
    for name, number in told.items():
        assert sum(person["counters"].get(name, 0) for person in outcome.people) == pytest.approx(number)


def test_default_rules_find_the_people_of_the_retail_world() -> None:
    """Pairwise precision at least 0.99 and recall at least 0.95, and every dead letter with the code expected."""
    world = generate(2, 1000, START.date())
    outcome = run(retail_log(1000), KEY)
    place = {
        (identifier["namespace"], identifier["token"]): number
        for number, person in enumerate(outcome.people)
        for identifier in person["identifiers"]
    }
    clusters = {}
    for name in world.truth:
        namespace, _, value = name.partition(":")
        clusters[name] = place[namespace, read(namespace, value, DEFAULT_CONFIG, KEY).token]
    judged = quality(clusters, world.truth, world.observed)
    assert judged.pairwise_precision >= 0.99
    assert judged.pairwise_recall >= 0.95
    codes = list(outcome.dead_letters.values())
    assert {code: codes.count(code) for code in codes} == {str(code): n for code, n in world.dead_letters.items()}


def retail_log(size: int) -> list[Record]:
    """A retail day on four partitions, appended a millisecond apart in the evening."""
    records = generate(2, size, START.date()).records
    return [
        Record("t", number % 4, number // 4, START_MS + 72_000_000 + number, record.key, record.value)
        for number, record in enumerate(records)
    ]
