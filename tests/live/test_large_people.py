"""People who are too large for a record, on real servers: a broker takes what is published of them all the same."""

import json
import random
from typing import Any

from tests.live.engine import Engine, Published

LONG = 60_000
EVENTS = 90
"""So many long texts are more than the topic's 4 MiB."""


def event(number: int, card: str, **data: Any) -> Published:  # noqa: ANN401 - JSON
    """Something that somebody did."""
    kind = "order.paid" if "order" in data else "member.update"
    body = {"id": f"e{number}", "source": "/live", "type": kind, "time": f"2026-01-01T10:{number // 60:02}:00Z"}
    return Published(b"one partition", json.dumps({**body, "data": {"identifiers": {"card": card}, **data}}).encode())


def test_who_is_too_large_for_a_record_stops_nobody(engine: Engine) -> None:
    """The profile comes without the traits, and says so; what was paid is in it, and neighbours come as ever."""
    chance = random.Random(1)
    sent = [event(n, "L", traits={f"t{n}": f"{chance.getrandbits(LONG * 4):x}"}) for n in range(EVENTS)]
    sent.append(event(EVENTS, "L", order={"order_id": "O", "amount": "12.50", "currency": "CNY"}))
    sent.append(event(EVENTS + 1, "N", traits={"name": "Lin"}))
    engine.start_worker()
    engine.publish(sent)
    engine.settle()
    profiles = [json.loads(one.value) for one in engine.each("profiles") if one.value is not None]
    last = {one["identifiers"][0]["token"]: one for one in profiles}
    large, neighbour = last["main:L"], last["main:N"]
    assert (large["traits"], large["left_out"], large["lifetime_value"]) == ({}, ["traits"], {"CNY": "12.50"})
    assert neighbour["traits"] == {"name": "Lin"}
    assert "left_out" not in neighbour
