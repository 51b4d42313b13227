"""Tags, stages, segments and reminders through Kafka: taken back when they hold no more, and no occasion told twice."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.live.against_model import Check
from tests.live.command_line import Line
from tests.live.engine import Engine, Published

NOW = datetime.now(UTC)
THIS_MONTH = f"1990-{NOW.astimezone(ZoneInfo('Asia/Shanghai')).month:02d}-15"
DAYS = 24.0
BOUGHT = {"high_spender", "one_time_buyer"}
DECIDED = ("tags", "lifecycle", "values", "segments", "reminders")


def _decided(profile: dict[str, Any]) -> dict[str, Any]:
    """What rules say of a person."""
    return {name: profile[name] for name in ("tags", "segments", "tier", "scores", "lifecycle", "completeness")}


class Log:
    """Events as they are sent, each with an id of its own; all in one partition, so that they come in this order."""

    def __init__(self) -> None:
        self.sent: list[Published] = []

    def add(self, kind: str, who: dict[str, str], hours_ago: float = 1.0, /, **data: object) -> None:
        """Something that happened some hours ago."""
        body = {
            "id": f"e{len(self.sent)}",
            "source": "/test",
            "type": kind,
            "time": (NOW - timedelta(hours=hours_ago)).isoformat(),
            "data": {"identifiers": who, **data},
        }
        self.sent.append(Published(b"one partition", json.dumps(body).encode()))

    def order(self, kind: str, who: dict[str, str], order_id: str, amount: str, hours_ago: float = 1.0) -> None:
        """What happened to an order."""
        self.add(f"order.{kind}", who, hours_ago, order={"order_id": order_id, "amount": amount, "currency": "CNY"})


class Said:
    """What an engine has said so far, checked against all that must hold of it."""

    def __init__(self, engine: Engine) -> None:
        engine.settle()
        checked = Check(engine.input_log(), engine.outputs())
        checked.everything()
        self.published = checked.published
        self.counts = {topic: len(self.published.values(topic)) for topic in DECIDED}

    def person(self, key: str) -> dict[str, Any]:
        """The profile that an identifier belongs to now."""
        return self.published.profiles[self.published.identities[key]]

    def of(self, profile_id: str, topic: str) -> list[dict[str, Any]]:
        """What was said of a profile, by version."""
        found = [one for one in self.published.values(topic) if one["profile_id"] == profile_id]
        return sorted(found, key=lambda one: int(one["version"]))

    def reminders(self) -> list[tuple[str, str]]:
        """Each that was told: whom, and of what."""
        return sorted((one["profile_id"], one["reminder"]) for one in self.published.values("reminders"))


def test_a_split_takes_back_what_was_the_other_halfs(engine: Engine, keeper: Line) -> None:
    """Tags, tier, value and points follow their half, said with the command as cause; undone, all is as it was."""
    log = Log()
    both = {"card": "W", "phone": "13800138001"}
    log.add("member.register", {"card": "W"}, 40 * DAYS)
    log.add("wifi.login", both, 50)
    log.order("paid", {"phone": both["phone"]}, "W-1", "3500.00", 40)
    log.add("points.earned", {"card": "W"}, 40, points=100, kind="consumption")
    engine.start_worker()
    engine.publish(log.sent)
    whole = Said(engine).person("card:main:W")
    name = whole["profile_id"]
    assert (whole["tier"], whole["lifetime_value"], whole["points"]["balance"]) == ("gold", {"CNY": "3500.00"}, 100)
    assert {*whole["tags"]} >= BOUGHT

    assert keeper.answered("split", "card:W", "--id", "s")["status"] == "done"
    parted = Said(engine)
    card = parted.person("card:main:W")
    [phone] = [one for one in parted.published.profiles.values() if one["profile_id"] != name]
    assert (card["profile_id"], card["tier"], card["points"]["balance"]) == (name, "blue", 100)
    assert (phone["tier"], phone["points"]["balance"]) == (None, 0)
    told = parted.of(name, "tags")[-1]
    assert {*told["removed"]} >= BOUGHT
    assert told["cause"] == {"id": "s", "source": "idweave.commands"}
    assert {*parted.of(phone["profile_id"], "tags")[-1]["added"]} >= BOUGHT
    assert parted.of(name, "values")[-1]["value"] == "0.00"
    assert parted.of(phone["profile_id"], "values")[-1]["value"] == "3500.00"
    assert [one["action"] for one in parted.of(name, "segments") if one["segment"] == "member_without_order"] == [
        "entered"
    ]

    assert keeper.answered("undo", "s")["status"] == "done"
    again = Said(engine)
    assert _decided(again.person("card:main:W")) == _decided(whole)
    assert again.of(phone["profile_id"], "tags")[-1]["tags"] == []
    assert again.published.ended == {phone["profile_id"]: name}
    assert again.of(name, "values")[-1]["value"] == "3500.00"


def test_a_refund_and_a_cancel_take_back_what_they_paid_for(engine: Engine) -> None:
    """The segment by lifetime value is left, though the refund is late, and the tier; what a first order gave goes."""
    log = Log()
    log.add("member.register", {"card": "R"}, 500 * DAYS)
    log.order("paid", {"card": "R"}, "R-1", "3500.00", 100 * DAYS)
    log.add("member.register", {"card": "K"}, 10 * DAYS)
    log.order("paid", {"card": "K"}, "K-1", "20.00", 5)
    engine.start_worker()
    engine.publish(log.sent)
    before = Said(engine)
    assert "high_value_at_risk" in before.person("card:main:R")["segments"]
    bought = before.person("card:main:K")
    assert (bought["lifecycle"]["stage"], "one_time_buyer" in bought["tags"]) == ("active", True)

    log.order("refunded", {"card": "R"}, "R-1", "3500.00", 99 * DAYS)
    log.order("cancelled", {"card": "K"}, "K-1", "20.00", 1)
    engine.publish(log.sent[-2:])
    after = Said(engine)
    refunded, cancelled = after.person("card:main:R"), after.person("card:main:K")
    assert refunded["lifetime_value"] == {"CNY": "0.00"}
    assert (before.person("card:main:R")["tier"], refunded["tier"]) == ("gold", "blue")
    assert "high_spender" in after.of(refunded["profile_id"], "tags")[-1]["removed"]
    assert after.of(refunded["profile_id"], "values")[-1]["value"] == "0.00"
    [entered, left] = [
        one for one in after.of(refunded["profile_id"], "segments") if one["segment"] == "high_value_at_risk"
    ]
    assert (entered["action"], left["action"]) == ("entered", "exited")
    assert left["cause"] == {"id": "e4", "source": "/test"}
    assert "one_time_buyer" in after.of(cancelled["profile_id"], "tags")[-1]["removed"]
    stage = after.of(cancelled["profile_id"], "lifecycle")[-1]
    assert (stage["from"], stage["to"]) == ("active", "new")


def birthdays() -> Log:
    """Two members, and two more who turn out to be one, all born in this month; and one of an old member base."""
    log = Log()
    birthday = {"traits": {"birthday": THIS_MONTH}}
    for card in ("A", "B"):
        log.add("member.register", {"card": card}, 2, **birthday)
        log.add("points.earned", {"card": card}, 1 if card == "A" else 2, points=10)
    log.add("member.register", {"phone": "13800138002"}, 2, **birthday)
    log.add("member.register", {"card": "T"}, 2, **birthday)
    log.add("identity.link", {"phone": "13800138002", "card": "T"}, 1)
    log.add("member.legacy", {"card": "H"}, 900 * DAYS)
    log.order("paid", {"card": "H"}, "H-1", "5000.00", 30 * DAYS)
    log.add("points.earned", {"card": "H"}, 30 * DAYS, points=500)
    log.add("order.shipped", {"card": "H"}, 29 * DAYS, order_id="H-1", carrier="SF")
    return log


def test_an_occasion_is_told_once(engine: Engine, keeper: Line) -> None:
    """Merged, parted, merged again, delivered again, lost and rebuilt, rebuilt beside: each occasion was told once.

    Two who are one person before anybody was told get one message; history that is imported gets none.
    """
    log = birthdays()
    engine.publish(log.sent)
    worker = engine.start_worker()
    first = Said(engine)
    a, b, twins = (first.person(f"card:main:{card}")["profile_id"] for card in "ABT")
    each = ("birthday_month", "points_changed", "registration_done")
    expected = [*((one, name) for one in (a, b) for name in each), (twins, each[0]), (twins, each[2])]
    assert first.reminders() == sorted(expected)
    assert "high_spender" in first.person("card:main:H")["tags"]

    def nothing_new() -> Said:
        said = Said(engine)
        assert said.reminders() == first.reminders()
        return said

    assert keeper.answered("merge", "card:A", "card:B", "--id", "m")["status"] == "done"
    merged = nothing_new()
    assert merged.person("card:main:A") == merged.person("card:main:B")
    assert keeper.answered("undo", "m")["status"] == "done"
    nothing_new()
    assert keeper.answered("split", "card:T")["status"] == "done"
    nothing_new()
    assert keeper.answered("merge", "card:A", "card:B", "card:T")["status"] == "done"
    before = nothing_new()

    engine.kill(worker)
    engine.forget_positions()
    worker = engine.start_worker()
    engine.publish(log.sent)
    assert nothing_new().counts == before.counts

    worker.stop()
    engine.workers.remove(worker)
    log.add("points.earned", {"card": "H"}, 0.5, points=2_000)
    engine.publish(log.sent[-1:])  # no worker reads it: it is the rebuild that tells of it, and reminds nobody
    assert keeper.answered("replay", "--into", f"{engine.prefix}-2")["different"] == {"profiles": 1, "tags": 1}
    engine.lose_the_store()
    assert keeper.answered("replay")["different"] == {}
    rebuilt = nothing_new()
    assert "points_collector" in rebuilt.person("card:main:H")["tags"]
    assert rebuilt.counts == before.counts | {"tags": before.counts["tags"] + 1}
    engine.start_worker()
    for card in "ABTH":
        log.add("page.viewed", {"card": card}, 0.5)
    engine.publish(log.sent)
    nothing_new()
