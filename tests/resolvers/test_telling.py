"""Telling: tags, stages, segments and reminders are said when they change, once for each occasion, and taken back."""

from typing import Any
from zoneinfo import ZoneInfo

from resolvers.judging import Rulebook
from resolvers.people import Person
from resolvers.publication import NOTHING_DECIDED, Decisions
from resolvers.rules import Check, Labels, Reminder, Rule, Rules
from resolvers.telling import Past, Said, take_back, tell
from tests.resolvers.building import NOON_US
from topics.instants import DAY_US, to_text

LABELS = Labels("a rule", "规则")
PAID = Check("orders.count", "at_least", 1)
TWICE = Check("orders.count", "at_least", 2)
RULES = Rulebook(
    Rules(
        lifecycle=(Rule(name="prospect", labels=LABELS), Rule(name="buyer", labels=LABELS, when=PAID)),
        tags=(Rule(name="paid", labels=LABELS, when=PAID), Rule(name="twice", labels=LABELS, when=TWICE)),
        segments=(Rule(name="a", labels=LABELS, when=PAID), Rule(name="b", labels=LABELS, when=PAID)),
        tiers=(
            Rule(name="low", labels=LABELS, when=PAID),
            Rule(name="high", labels=LABELS, when=TWICE),
        ),
        reminders=(
            Reminder(name="welcome", labels=LABELS, when=PAID, occasion="membership.since", once=True),
            Reminder(name="points", labels=LABELS, when=PAID, occasion="points.changed_at"),
            Reminder(name="up", labels=LABELS, when=PAID, occasion="tier", upwards=True, payload={"tier": "tier"}),
        ),
    ),
    ZoneInfo("Asia/Shanghai"),
)


def person(
    orders: int = 1, *, minutes: int = 0, points_at: int | None = None, members: int = 1, since: int = 0
) -> Person:
    """A member `since` a minute after noon with so many orders, judged at another; points changed at a minute."""
    now_us = NOON_US + minutes * 60_000_000
    contents: dict[str, Any] = {
        "first_seen": to_text(NOON_US),
        "last_seen": to_text(NOON_US),
        "identifiers": [
            {"namespace": "card", "token": f"C{n}", "display": f"C{n}", "first_seen": "", "last_seen": ""}
            for n in range(members)
        ],
        "consents": {"sms": True},
        "membership": {"since": to_text(NOON_US + since * 60_000_000)},
        "orders": {"count": orders, "last_at": to_text(NOON_US), "reached_at": [to_text(NOON_US)] * orders},
        "points": {"changed_at": None if points_at is None else to_text(NOON_US + points_at * 60_000_000)},
    }
    keys = tuple(f"card:C{n}" for n in range(members))
    return Person("card:C0", keys, b"", {}, judged=RULES.judge(contents, now_us))


def said(one: Person, past: Past, minutes: int = 0) -> tuple[Decisions, dict[str, list[dict[str, Any]]]]:
    """What holds, and what is said by topic."""
    now, told = tell(one, past, RULES, NOON_US + minutes * 60_000_000)
    return now, {topic: [each.content for each in told if each.topic == topic] for topic in {s.topic for s in told}}


def reminders(found: dict[str, list[dict[str, Any]]]) -> list[tuple[str, str]]:
    """Which are told, and for what."""
    return [(one["reminder"], one["occasion"]) for one in found.get("reminders", ())]


def test_the_first_word_on_a_person() -> None:
    """All that holds is new; the stage comes from nothing, and a reminder says whom to tell and what they agreed to."""
    now, found = said(person(points_at=0), Past())
    assert found["tags"] == [{"added": ["paid"], "removed": [], "tags": ["paid"]}]
    assert found["lifecycle"] == [{"from": None, "to": "buyer", "since": to_text(NOON_US)}]
    assert found["segments"] == [{"segment": name, "action": "entered"} for name in ("a", "b")]
    assert [name for name, _ in reminders(found)] == ["welcome", "points", "up"]
    assert found["reminders"][2] == {
        "reminder": "up",
        "occasion": "low",
        "payload": {"tier": "low"},
        "identifiers": [{"namespace": "card", "token": "C0", "display": "C0"}],
        "consents": {"sms": True},
    }
    assert said(person(points_at=0), Past(now)) == (now, {})


def test_what_no_longer_holds_is_taken_back() -> None:
    """A refund takes tags and segments; an id that ends has none of either, and nothing is said of its stage."""
    before, _ = said(person(2), Past())
    now, found = said(person(0), Past(before))
    assert found["tags"] == [{"added": [], "removed": ["paid", "twice"], "tags": []}]
    assert found["lifecycle"] == [{"from": "buyer", "to": "prospect", "since": to_text(NOON_US)}]
    assert found["segments"] == [{"segment": name, "action": "exited"} for name in ("a", "b")]
    assert take_back(before) == [Said("tags", found["tags"][0]), *(Said("segments", one) for one in found["segments"])]
    assert take_back(now) == []


def test_what_comes_back_while_it_is_young_is_not_told_twice() -> None:
    """Points at ten are told; a link that takes these points away and gives them back tells nothing."""
    first, _ = said(person(points_at=0), Past())
    second, found = said(person(points_at=10, minutes=10), Past(first), 10)
    assert reminders(found) == [("points", to_text(NOON_US + 600_000_000))]
    third, found = said(person(points_at=0, minutes=20), Past(second), 20)
    assert reminders(found) == []
    fourth, found = said(person(points_at=10, minutes=30), Past(third), 30)
    assert reminders(found) == []
    later = 2 * DAY_US // 60_000_000
    fifth, _ = said(person(points_at=later, minutes=later), Past(fourth), later)
    assert sum(one.reminder == "points" for one in fifth.occasions) == 1, "what is old is forgotten"


def test_once_is_once_even_after_it_ceased() -> None:
    """A reminder that is told once is remembered for good; another occasion of it tells nothing."""
    before, _ = said(person(), Past())
    gone, _ = said(person(0), Past(before))
    later = 3 * DAY_US // 60_000_000
    still_gone, _ = said(person(0, minutes=later), Past(gone), later)
    again = person(minutes=later, since=later)
    assert reminders(said(again, Past(still_gone), later)[1]) == []
    assert ("welcome", to_text(NOON_US + 3 * DAY_US)) in reminders(said(again, Past(), later)[1]), "it is young enough"


def test_only_a_rise_is_told() -> None:
    """Up from what holds now; down and up again within a day is the same occasion."""
    low, _ = said(person(1), Past())
    high, found = said(person(2), Past(low))
    assert ("up", "high") in reminders(found)
    low_again, found = said(person(1), Past(high))
    assert reminders(found) == []
    _, found = said(person(2), Past(low_again))
    assert reminders(found) == []


def test_merged_people_are_not_told_again() -> None:
    """Neither what the one nor what the other was told; who took part of another's facts is not either."""
    one, _ = said(person(points_at=5), Past())
    other, _ = said(person(points_at=7), Past())
    _, found = said(person(points_at=7, members=2), Past(one, [other]))
    assert reminders(found) == []
    _, found = said(person(points_at=7), Past(NOTHING_DECIDED, (), [other]))
    assert reminders(found) == [], "a part of a split with an id of its own"
    _, found = said(person(points_at=8), Past(NOTHING_DECIDED, (), [other]))
    assert reminders(found) == [("points", to_text(NOON_US + 480_000_000))], "and is told what is its own"


def test_nobody_is_told_where_there_is_no_address() -> None:
    """A contested device's second profile has tags and segments, and no reminders, now or remembered."""
    now, found = said(person(points_at=0, members=0), Past())
    assert found.keys() == {"tags", "lifecycle", "segments"}
    assert now.occasions == ()
