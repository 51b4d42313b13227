"""What a person does, beside the days on which they do it: touches, stores, products, campaigns, follows, membership.

Rule: every part is a join (least, greatest, the greatest k, a union), or a count of a day that is added to once for
each event. So facets can be folded in any order, and what a cap leaves out is the same in any order.
Must not know: orders, points, coupons; which facets make a person.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from resolvers.activity import NEVER_DUE_US
from resolvers.capped import CAMPAIGNS, SHOWN, VIEWED, latest_of, newest_first
from resolvers.distinct import count, digest, unpacked
from topics.instants import DAY_US, to_text

NEVER_US: Final = -1
"""Before every event's time."""


class Touch(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """An event that came by a channel or a campaign; "" for what it did not say."""

    time_us: int
    id: str
    source: str
    channel: str
    campaign: str


class Follow(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """An account was followed, or left (`on` is False); `scene`: how the fan was recruited, or ""."""

    time_us: int
    id: str
    source: str
    on: bool
    scene: str


class Appointment(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """The last word on an appointment; `at_us`: when it is due, NEVER_US if it did not say."""

    time_us: int
    id: str
    source: str
    status: str
    at_us: int
    service: str
    store: str
    staff: str


class Doings(msgspec.Struct, array_like=True, gc=False):
    """What most identifiers never do, apart, so that these pay a byte for it.

    `engaged_us`: the latest interaction. `campaigns`, `viewed`: name -> latest time. `categories`: name -> day ->
    products looked at. `follows`: account -> latest word; `followed`: the latest follow, where it is none of these.
    `member_us`: the earliest registration, NEVER_US if none. `kept`, `referred`: digests of appointments kept and of
    those who registered on this identifier's invitation.
    """

    engaged_us: int = NEVER_US
    campaigns: dict[str, int] = {}
    viewed: dict[str, int] = {}
    categories: dict[str, dict[int, int]] = {}
    follows: dict[str, Follow] = {}
    followed: Follow | None = None
    member_us: int = NEVER_US
    legacy: bool = False
    appointments: dict[str, Appointment] = {}
    kept: bytes = b""
    referred: bytes = b""

    def copied(self) -> "Doings":
        """A copy whose containers may be changed."""
        return Doings(
            self.engaged_us,
            self.campaigns.copy(),
            self.viewed.copy(),
            self.categories.copy(),
            self.follows.copy(),
            self.followed,
            self.member_us,
            self.legacy,
            self.appointments.copy(),
            self.kept,
            self.referred,
        )


def acquisition(touches: Sequence[Touch]) -> dict[str, Any]:
    """The profile's `acquisition`."""
    if not touches:
        return {"first_touch": {}, "last_touch": {}}
    first, last = (touches[0], touches[0]) if len(touches) == 1 else (min(touches), max(touches))
    return {"first_touch": _touch(first), "last_touch": _touch(last)}


def _touch(touch: Touch) -> dict[str, Any]:
    return {"channel": touch.channel or None, "campaign": touch.campaign or None, "at": to_text(touch.time_us)}


def ranked(counts: Sequence[dict[str, dict[int, int]]]) -> list[str]:
    """Names by how often, then how lately (by day), then the greater name; the first SHOWN of them.

    Args:
        counts: name -> day -> events, a mapping per facet, or of what else counts.
    """
    if len(counts) == 1 and len(counts[0]) == 1:
        return list(counts[0])
    often: dict[str, int] = {}
    lately: dict[str, int] = {}
    for of_facet in counts:
        for name, days in of_facet.items():
            often[name] = often.get(name, 0) + sum(days.values())
            lately[name] = max(lately.get(name, 0), *days)
    return sorted(often, key=lambda name: (often[name], lately[name], name), reverse=True)[:SHOWN]


def viewed(doings: Sequence[Doings]) -> list[str]:
    """Products looked at or tried, the latest first."""
    if not any([one.viewed for one in doings]):
        return []
    return newest_first(latest_of([one.viewed for one in doings]), VIEWED)


def engagement(doings: Sequence[Doings]) -> dict[str, Any]:
    """The profile's `engagement`: the latest interaction, and campaigns, the latest first."""
    last_us = max([one.engaged_us for one in doings], default=NEVER_US)
    campaigns = [one.campaigns for one in doings if one.campaigns]
    return {
        "last_at": to_text(last_us) if last_us != NEVER_US else None,
        "campaigns": newest_first(latest_of(campaigns), CAMPAIGNS) if campaigns else [],
    }


def membership(doings: Sequence[Doings], cards: int) -> dict[str, Any]:
    """The profile's `membership`."""
    since = [one.member_us for one in doings if one.member_us != NEVER_US]
    return {
        "since": to_text(min(since)) if since else None,
        "legacy": any([one.legacy for one in doings]),
        "cards": cards,
    }


def wechat(doings: Sequence[Doings]) -> dict[str, Any]:
    """The profile's `wechat`."""
    if not any([one.follows for one in doings]):
        return {"following": [], "followed_at": None, "scene": None}
    follows = latest_of(one.follows for one in doings)
    on = [
        follow for one in doings for follow in (*one.follows.values(), one.followed) if follow is not None and follow.on
    ]
    last = max(on, default=None)
    return {
        "following": sorted(account for account, follow in follows.items() if follow.on),
        "followed_at": to_text(last.time_us) if last is not None else None,
        "scene": (last.scene or None) if last is not None else None,
    }


def upcoming(doings: Sequence[Doings], now_us: int) -> tuple[dict[str, Any], int]:
    """The profile's `appointments` at `now_us`, and when the next of those to come is due."""
    if not any([one.appointments or one.kept for one in doings]):
        return {"upcoming": [], "redeemed": 0}, NEVER_DUE_US
    kept = unpacked(one.kept for one in doings)
    booked = {
        name: one
        for name, one in latest_of(one.appointments for one in doings).items()
        if one.status == "booked" and not 0 <= one.at_us <= now_us and digest(name) not in kept
    }
    shown = [
        {
            "appointment_id": name,
            "at": to_text(one.at_us) if one.at_us != NEVER_US else None,
            "service": one.service or None,
            "store": one.store or None,
            "staff": one.staff or None,
        }
        for name, one in sorted(booked.items(), key=lambda item: (item[1].at_us == NEVER_US, item[1].at_us, item[0]))
    ]
    due_us = min((one.at_us for one in booked.values() if one.at_us != NEVER_US), default=NEVER_DUE_US)
    return {"upcoming": shown, "redeemed": count(kept)}, due_us


def referred(doings: Sequence[Doings], members: Iterable[str]) -> int:
    """How many registered on this person's invitation; nobody invites themselves."""
    found = unpacked([one.referred for one in doings])
    return count(found.difference(map(digest, members))) if found else 0


def behaviour(doings: Sequence[Doings], cards: int, now_us: int) -> tuple[dict[str, Any], int]:
    """`membership`, `wechat`, `appointments` and `engagement` of the profile at `now_us`, and when they change next."""
    if not doings:
        return _NOTHING_DONE | {"membership": {**_NO_MEMBER, "cards": cards}}, NEVER_DUE_US
    appointments, due_us = upcoming(doings, now_us)
    shown = {
        "membership": membership(doings, cards),
        "wechat": wechat(doings),
        "appointments": appointments,
        "engagement": engagement(doings),
    }
    return shown, due_us


_NO_MEMBER = {"since": None, "legacy": False}
_NOTHING_DONE: dict[str, Any] = {
    "wechat": wechat(()),
    "appointments": {"upcoming": [], "redeemed": 0},
    "engagement": engagement(()),
}


def day_of(time_us: int) -> int:
    """The UTC day of an instant, counted from 1970."""
    return time_us // DAY_US
