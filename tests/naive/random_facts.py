"""Random facts of each type of event, over few names and instants, so that every rule and every tie is met often."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

KINDS = (
    *("openid.follow", "openid.unfollow", "card.claim", "card.bind", "member.register", "member.legacy"),
    *("points.earned", "points.spent", "points.expired", "coupon.issued", "coupon.redeemed", "coupon.expired"),
    *("reward.claimed", "appointment.booked", "appointment.redeemed", "appointment.cancelled"),
    *("referral.invited", "referral.registered", "referral.registered", "campaign.joined", "message.sent"),
    *("message.clicked", "content.shared", "product.viewed", "product.trial"),
)
"""Types that have facts of their own beside orders and surveys."""

LABELS = ("", "A", "B", "C")


def where(rng: Random) -> dict[str, Any]:
    """Where an event took place and how it came about; mostly nothing."""
    said = {"store": rng.choice(LABELS), "channel": rng.choice(LABELS), "campaign": rng.choice(LABELS)}
    return {name: label for name, label in said.items() if rng.random() < 0.3}


def facts_of(rng: Random, kind: str, now: datetime, inviters: list[tuple[str, str]]) -> dict[str, Any]:
    """What an event of one of KINDS says; instants lie about `now`."""
    soon = (now + timedelta(days=rng.choice((-1, 1, 2)))).isoformat()
    said: dict[str, Any] = {}
    match kind.partition(".")[0]:
        case "openid":
            said = {"account": rng.choice(("main", "mini", "")), "scene": rng.choice(LABELS)}
        case "points":
            said = {"kind": rng.choice(("consumption", "benefit", "interaction")), "reward": rng.choice(LABELS)}
        case "coupon" | "reward":
            said = {"expires_at": soon, "reward": rng.choice(LABELS)}
        case "appointment":
            said = {"at": soon, "service": rng.choice(LABELS), "staff": rng.choice(LABELS)}
        case "product":
            said = {"sku": rng.choice(LABELS), "category": rng.choice(LABELS)}
    said = {name: value for name, value in said.items() if rng.random() < 0.7}
    if kind.startswith("points."):
        said["points"] = rng.randint(1, 9)
    if kind.startswith("coupon."):
        said["coupon_id"] = rng.choice("xyz")
    if kind.startswith("appointment."):
        said["appointment_id"] = rng.choice("xyz")
    if kind == "referral.registered":
        said["inviter"] = dict([rng.choice(inviters)])
    return said


def order_details(rng: Random) -> dict[str, Any]:
    """What an order says beside its money."""
    items = [{"sku": rng.choice(LABELS), "category": rng.choice(LABELS)} for _ in range(rng.randrange(3))]
    return {"items": items, "store": rng.choice(LABELS), "channel": rng.choice(LABELS)}


def shipment_details(rng: Random) -> dict[str, Any]:
    """What a shipment says beside the order's id."""
    return {"carrier": rng.choice(LABELS), "tracking": rng.choice(LABELS)}
