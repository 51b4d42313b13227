"""What a person holds beside orders: points, coupons, rewards, and who invited them. All of it is value facts.

Rules: points are sums, added to once for each event. A coupon is what its last event says, and redeemed for good once
an event says so. Who invited is the first registration on an invitation. Joins all, in any order.
Must not know: facets, profiles.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from resolvers.activity import NEVER_DUE_US
from resolvers.capped import REWARDS, latest_of
from resolvers.distinct import count, digest, unpacked
from resolvers.life_keys import shown
from topics.instants import to_text

NO_EXPIRY_US: Final = -1
NEVER_US: Final = -1
"""Before every event's time."""
KINDS: Final = ("consumption", "benefit", "interaction")
"""Each is kept under its first letter, points without a kind under ""."""


class Coupon(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """The last word on a coupon. `held`: it was issued; else redeemed or expired."""

    time_us: int
    id: str
    source: str
    held: bool
    expires_us: int = NO_EXPIRY_US


class Reward(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """A reward claimed, or that points were spent on."""

    time_us: int
    id: str
    source: str
    reward: str


class Invitation(msgspec.Struct, array_like=True, frozen=True, order=True, gc=False):
    """A registration on the invitation of the person with the identifier `inviter` (its key)."""

    time_us: int
    id: str
    source: str
    inviter: str


class Holdings(msgspec.Struct, array_like=True, gc=False):
    """`points`: kind -> (earned, spent or expired); `points_us`: when last. `redeemed`: digests of coupons.

    `invited`: the first time.
    """

    points: dict[str, tuple[int, int]] = {}
    coupons: dict[str, Coupon] = {}
    redeemed: bytes = b""
    rewards: tuple[Reward, ...] = ()
    invited: Invitation | None = None
    points_us: int = NEVER_US

    def copied(self) -> "Holdings":
        """A copy whose containers may be changed."""
        return Holdings(
            self.points.copy(), self.coupons.copy(), self.redeemed, self.rewards, self.invited, self.points_us
        )


def points(holdings: Iterable[Holdings]) -> dict[str, Any]:
    """The profile's `points`: what is left of each kind, and of all points, also those without a kind."""
    left: dict[str, int] = {}
    changed_us = NEVER_US
    for one in holdings:
        changed_us = max(changed_us, one.points_us)
        for kind, (earned, gone) in one.points.items():
            left[kind] = left.get(kind, 0) + earned - gone
    return {
        "balance": sum(left.values()),
        "changed_at": to_text(changed_us) if changed_us != NEVER_US else None,
        **{kind: left.get(kind[0], 0) for kind in KINDS},
    }


def coupons(holdings: Sequence[Holdings], now_us: int) -> tuple[dict[str, Any], int]:
    """The profile's `coupons` at `now_us`, and when the next of those held runs out."""
    if not any([one.coupons or one.redeemed for one in holdings]):
        return _NO_COUPONS, NEVER_DUE_US
    redeemed = unpacked(one.redeemed for one in holdings)
    held = {
        name: one
        for name, one in latest_of(one.coupons for one in holdings).items()
        if one.held and not 0 <= one.expires_us <= now_us and digest(name) not in redeemed
    }
    due_us = min((one.expires_us for one in held.values() if one.expires_us != NO_EXPIRY_US), default=NEVER_DUE_US)
    return {
        "held": sorted(held),
        "next_expires_at": to_text(due_us) if due_us != NEVER_DUE_US else None,
        "redeemed": count(redeemed),
    }, due_us


def rewards(holdings: Iterable[Holdings]) -> list[dict[str, Any]]:
    """The profile's `rewards`, the latest first."""
    found = sorted({reward for one in holdings for reward in one.rewards}, reverse=True)[:REWARDS]
    return [{"reward": one.reward, "at": to_text(one.time_us)} for one in found]


def referred_by(holdings: Iterable[Holdings], members: Sequence[str]) -> str | None:
    """The key of who invited this person first; None if that was one of its own identifiers."""
    first = min((one.invited for one in holdings if one.invited is not None), default=None)
    return shown(first.inviter) if first is not None and first.inviter not in members else None


def holding(holdings: Sequence[Holdings], now_us: int) -> tuple[dict[str, Any], int]:
    """`points`, `coupons` and `rewards` of the profile at `now_us`, and when they change next."""
    if not holdings:
        return _NOTHING_HELD, NEVER_DUE_US
    held, due_us = coupons(holdings, now_us)
    return {"points": points(holdings), "coupons": held, "rewards": rewards(holdings)}, due_us


_NO_COUPONS: dict[str, Any] = {"held": [], "next_expires_at": None, "redeemed": 0}
_NOTHING_HELD: dict[str, Any] = {"points": points(()), "coupons": _NO_COUPONS, "rewards": []}
