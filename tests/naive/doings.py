"""What a person does, by plain loops over their events (readings F16-F22, F26, F29 of README.md)."""

from datetime import datetime, timedelta
from typing import Any

from tests.naive.decoding import EPOCH, Event, parse_time
from tests.naive.facts import Order, stamp, text_of, texts

NOT_DONE = (
    *("member.legacy", "message.sent", "order.shipped", "order.delivered"),
    *("coupon.issued", "coupon.expired", "points.expired"),
)
INTERACTIONS = (
    *("campaign.joined", "campaign.interacted", "message.opened", "message.clicked", "content.shared"),
    *("product.viewed", "product.trial", "points.earned", "points.spent", "coupon.redeemed", "survey.completed"),
)


def day_of(instant: datetime) -> int:
    """The UTC day."""
    return (instant - EPOCH).days


def said(event: Event, name: str) -> str | None:
    """A label of the event, or of its order; an empty one says nothing."""
    return event.data.get(name) or event.data.get("order", {}).get(name) or None


def deeds(events: list[Event]) -> list[Event]:
    """The events that the person had a part in, oldest first."""
    return sorted((event for event in events if event.type not in NOT_DONE), key=stamp)


def activity(events: list[Event], orders: list[Order], now: datetime) -> dict[str, Any]:
    """`activity` at an instant."""
    done = deeds(events)
    shown: dict[str, Any] = {"last_at": text_of(done[-1].time) if done else None, "since": None, "silence_days": 0}
    shown["value"] = {}
    days = [day_of(event.time) for event in done]
    for before, day in zip([*days[:1], *days], days, strict=False):
        if day - before >= 90 or shown["since"] is None:
            start = EPOCH + timedelta(days=day)
            shown |= {"since": text_of(start), "silence_days": day - before}
    for length in (30, 90, 365):
        recent = [event for event in done if day_of(event.time) > day_of(now) - length]
        paid: dict[str, Any] = {}
        left: dict[str, Any] = {}
        counted = 0
        for order in orders:
            if order.paid is not None and order.paid_at is not None and day_of(order.paid_at) > day_of(now) - length:
                currency, amount = order.paid
                paid[currency] = paid.get(currency, 0) + amount
                left[currency] = left.get(currency, 0) + amount
                for currency_back, back in order.refunds:
                    left[currency_back] = left.get(currency_back, 0) - back
                counted += order.counts
        window = {"events": len(recent), "orders": counted, "paid": texts(paid)}
        shown[f"d{length}"] = window if recent or paid else {}
        shown["value"][f"d{length}"] = texts(left)
    return shown


def acquisition(events: list[Event]) -> dict[str, Any]:
    """First and last touch."""
    touches = []
    for event in sorted(events, key=stamp):
        channel, campaign = said(event, "channel"), said(event, "campaign")
        if (channel or campaign) and (event.type not in NOT_DONE or event.type == "member.legacy"):
            touches.append({"channel": channel, "campaign": campaign, "at": text_of(event.time)})
    return {"first_touch": touches[0] if touches else {}, "last_touch": touches[-1] if touches else {}}


def affinity(events: list[Event], orders: list[Order]) -> dict[str, list[str]]:
    """Stores, categories and products, most telling first."""
    stores = [(said(event, "store"), day_of(event.time)) for event in deeds(events)]
    products = [event for event in events if event.type in ("product.viewed", "product.trial")]
    categories = [(event.data.get("category"), day_of(event.time)) for event in products]
    for order in orders:
        if order.counts and order.paid_at is not None:
            categories += [(category, day_of(order.paid_at)) for category in order.categories]
    viewed: dict[str, datetime] = {}
    for event in products:
        sku = event.data.get("sku")
        if sku:
            viewed[sku] = max(viewed.get(sku, event.time), event.time)
    return {
        "stores": ranking(stores),
        "categories": ranking(categories),
        "viewed": latest(viewed, 20),
    }


def ranking(mentions: list[tuple[str | None, int]]) -> list[str]:
    """The ten names mentioned most; then latest by day, then greatest."""
    names = {name for name, _ in mentions if name}
    order = []
    for name in names:
        days = [day for other, day in mentions if other == name]
        order.append((len(days), max(days), name))
    return [name for *_, name in sorted(order, reverse=True)][:10]


def latest(times: dict[str, datetime], most: int) -> list[str]:
    """Names by time, the latest first."""
    return [name for _, name in sorted(((time, name) for name, time in times.items()), reverse=True)][:most]


def membership(events: list[Event], cards: int) -> dict[str, Any]:
    """Since when, whether from an old base, and how many cards."""
    kinds = ("member.register", "member.legacy", "card.claim", "card.bind")
    times = [event.time for event in events if event.type in kinds]
    return {
        "since": text_of(min(times)) if times else None,
        "legacy": "member.legacy" in [event.type for event in events],
        "cards": cards,
    }


def wechat(told: list[tuple[Event, str]]) -> dict[str, Any]:
    """Follows; each event with the account that its first openid belongs to."""
    following: dict[str, bool] = {}
    last: Event | None = None
    for event, scope in sorted(told, key=lambda each: stamp(each[0])):
        if event.type in ("openid.follow", "openid.unfollow"):
            following[event.data.get("account") or scope] = event.type == "openid.follow"
            if event.type == "openid.follow":
                last = event
    return {
        "following": sorted(account for account, follows in following.items() if follows),
        "followed_at": text_of(last.time) if last else None,
        "scene": (last.data.get("scene") or None) if last else None,
    }


def appointments(events: list[Event], now: datetime) -> dict[str, Any]:
    """Those to come, and how many were kept."""
    last: dict[str, Event] = {}
    kept = set()
    for event in sorted(events, key=stamp):
        if event.type.startswith("appointment."):
            last[event.data["appointment_id"]] = event
            if event.type == "appointment.redeemed":
                kept.add(event.data["appointment_id"])
    dated, undated = [], []
    for name, event in last.items():
        if event.type != "appointment.booked" or name in kept:
            continue
        shown = {"appointment_id": name, "at": None}
        shown |= {label: event.data.get(label) or None for label in ("service", "store", "staff")}
        if event.data.get("at") is None:
            undated.append((name, shown))
            continue
        at = parse_time(event.data["at"])
        if at > now:
            dated.append((at, name, shown | {"at": text_of(at)}))
    upcoming = [shown for *_, shown in sorted(dated, key=lambda each: each[:2])]
    upcoming += [shown for _, shown in sorted(undated, key=lambda each: each[0])]
    return {"upcoming": upcoming, "redeemed": len(kept)}


def engagement(events: list[Event]) -> dict[str, Any]:
    """The last interaction, and campaigns by their latest event."""
    times = [event.time for event in events if event.type in INTERACTIONS]
    campaigns: dict[str, datetime] = {}
    for event in deeds(events):
        if event.data.get("campaign"):
            campaigns[event.data["campaign"]] = event.time
    return {"last_at": text_of(max(times)) if times else None, "campaigns": latest(campaigns, 20)}
