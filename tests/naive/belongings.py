"""What a person has: points, coupons, rewards (readings F23-F25 of README.md)."""

from datetime import datetime
from typing import Any

from tests.naive.decoding import Event, parse_time
from tests.naive.facts import stamp, text_of


def points(events: list[Event]) -> dict[str, Any]:
    """What is left, of each kind and in all."""
    left: dict[str, Any] = {"balance": 0, "changed_at": None, "consumption": 0, "benefit": 0, "interaction": 0}
    for event in sorted(events, key=stamp):
        if event.type.startswith("points."):
            left["changed_at"] = text_of(event.time)
            change = event.data["points"] * (1 if event.type == "points.earned" else -1)
            left["balance"] += change
            if event.data.get("kind"):
                left[event.data["kind"]] += change
    return left


def coupons(events: list[Event], now: datetime) -> dict[str, Any]:
    """Those held, and how many were redeemed."""
    last: dict[str, Event] = {}
    redeemed = set()
    for event in sorted(events, key=stamp):
        if event.type.startswith("coupon."):
            last[event.data["coupon_id"]] = event
            if event.type == "coupon.redeemed":
                redeemed.add(event.data["coupon_id"])
    held = []
    ends = []
    for name, event in last.items():
        expires = event.data.get("expires_at")
        if event.type == "coupon.issued" and name not in redeemed and (expires is None or parse_time(expires) > now):
            held.append(name)
            if expires is not None:
                ends.append(parse_time(expires))
    return {
        "held": sorted(held),
        "next_expires_at": text_of(min(ends)) if ends else None,
        "redeemed": len(redeemed),
    }


def rewards(events: list[Event]) -> list[dict[str, Any]]:
    """The twenty latest."""
    claimed = sorted(
        (event for event in events if event.type in ("reward.claimed", "points.spent") and event.data.get("reward")),
        key=stamp,
        reverse=True,
    )
    return [{"reward": event.data["reward"], "at": text_of(event.time)} for event in claimed[:20]]
