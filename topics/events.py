"""Touchpoints: what publishers say, as types. One class per family of event types that has fields of its own.

Types hold the rules that need only one field; `envelope` holds the rest. Fields that a publisher adds are ignored, so
that publishers may be newer than we are. Nothing here says what an event means for a person.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, field

# The end of the text in both Python and ECMAScript: `$` would let Python accept a trailing newline.
_END = r"(?![\s\S])"
# Beyond this a count is a mistake or an attack; within it nine million events cannot overflow a 64-bit sum.
_COUNT_MAX: Final = 1_000_000_000_000

AMOUNT_PATTERN: Final = rf"^[0-9]{{1,12}}(\.[0-9]{{1,6}})?{_END}"
CURRENCY_PATTERN: Final = rf"^[A-Z]{{3}}{_END}"

Label = Annotated[str, Meta(max_length=256)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]
Count = Annotated[int, Meta(ge=-_COUNT_MAX, le=_COUNT_MAX)]
Measure = Annotated[float, Meta(ge=-_COUNT_MAX, le=_COUNT_MAX)]
Instant = Annotated[datetime, Meta(tz=True)]
Amount = Annotated[
    str,
    Meta(
        pattern=AMOUNT_PATTERN,
        description="Decimal text, not negative, at most 12 digits before the point and 6 after it",
    ),
]
Currency = Annotated[str, Meta(pattern=CURRENCY_PATTERN, description="ISO 4217 code")]
Inviter = Annotated[dict[str, str], Meta(min_length=1, max_length=1, description="namespace: value, exactly one")]


class Data(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What every event may say: who was seen, and facts about them."""

    identifiers: dict[str, str | list[str]] = field(default_factory=dict)
    traits: dict[str, Any] = field(default_factory=dict)
    traits_once: dict[str, Any] = field(default_factory=dict)
    counters: dict[str, Count | Measure] = field(default_factory=dict)
    consents: dict[str, bool] = field(default_factory=dict)
    store: Label | None = None
    channel: Label | None = None
    campaign: Label | None = None


class FollowData(Data, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A fan follows or leaves an account. `scene` says how the fan was recruited."""

    account: Label | None = None
    scene: Label | None = None


class CardReplacedData(Data, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A card took the place of another. `replaces` is the old number, as it would stand in `identifiers`."""

    replaces: Name


class Item(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One line of an order. `price` is for one piece, in the order's currency; no `quantity` means one."""

    sku: Label | None = None
    category: Label | None = None
    quantity: Annotated[int, Meta(ge=0, le=_COUNT_MAX)] | Annotated[float, Meta(ge=0, le=_COUNT_MAX)] | None = None
    price: Amount | None = None


class Order(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An order, of which `order.cancelled` needs to name no more than the id."""

    order_id: Name
    amount: Amount | None = None
    currency: Currency | None = None
    items: list[Item] = field(default_factory=list)
    channel: Label | None = None
    store: Label | None = None


class PricedOrder(Order, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An order with its money: the whole amount when placed or paid, this refund's amount when refunded."""

    amount: Amount
    currency: Currency


class OrderData(Data, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An order changed its status."""

    order: Order


class PricedOrderData(OrderData, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An order was placed, paid or refunded."""

    order: PricedOrder


class ShipmentData(Data, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An order is on its way, or has come."""

    order_id: Name
    carrier: Label | None = None
    tracking: Label | None = None


class PointsData(Data, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Points came or went: `points` is a positive number either way. Without a `kind` only the balance moves."""

    points: Annotated[int, Meta(gt=0, le=_COUNT_MAX)]
    kind: Literal["consumption", "benefit", "interaction"] | None = None
    reward: Label | None = None


class RewardData(Data, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A reward was claimed, with or without a coupon."""

    coupon_id: Name | None = None
    expires_at: Instant | None = None
    reward: Label | None = None


class CouponData(RewardData, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A coupon was issued, redeemed, or ran out."""

    coupon_id: Name


class AppointmentData(Data, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """An appointment was booked, kept, or cancelled. `at` is when it is due."""

    appointment_id: Name
    service: Label | None = None
    staff: Label | None = None
    at: Instant | None = None


class ReferralData(Data, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Somebody was invited. `referral_code` is a label; the inviter is counted, never linked."""

    referral_code: Label | None = None
    inviter: Inviter | None = None


class ReferralRegisteredData(ReferralData, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Somebody invited has registered: the inviter must be named."""

    inviter: Inviter


class EngagementData(Data, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Somebody took part in a campaign, opened a message, shared or looked at a page."""

    page: Label | None = None


class SurveyData(EngagementData, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A survey was filled in. The answers are written as traits."""

    answers: dict[str, Any] = field(default_factory=dict)


class ProductData(Data, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A product was looked at or tried."""

    sku: Label | None = None
    category: Label | None = None


DATA_TYPES: Final[dict[str, type[Data]]] = {
    "wifi.login": Data,
    "store.visited": Data,
    "openid.follow": FollowData,
    "openid.unfollow": FollowData,
    "card.claim": Data,
    "card.bind": Data,
    "card.replaced": CardReplacedData,
    "card.unbind": Data,
    "member.register": Data,
    "member.update": Data,
    "member.legacy": Data,
    "order.placed": PricedOrderData,
    "order.paid": PricedOrderData,
    "order.cancelled": OrderData,
    "order.refunded": PricedOrderData,
    "order.shipped": ShipmentData,
    "order.delivered": ShipmentData,
    "points.earned": PointsData,
    "points.spent": PointsData,
    "points.expired": PointsData,
    "coupon.issued": CouponData,
    "coupon.redeemed": CouponData,
    "coupon.expired": CouponData,
    "reward.claimed": RewardData,
    "appointment.booked": AppointmentData,
    "appointment.redeemed": AppointmentData,
    "appointment.cancelled": AppointmentData,
    "referral.invited": ReferralData,
    "referral.registered": ReferralRegisteredData,
    "campaign.joined": EngagementData,
    "campaign.interacted": EngagementData,
    "message.sent": EngagementData,
    "message.opened": EngagementData,
    "message.clicked": EngagementData,
    "survey.completed": SurveyData,
    "content.shared": EngagementData,
    "page.viewed": EngagementData,
    "product.viewed": ProductData,
    "product.trial": ProductData,
    "identity.link": Data,
    "session.logout": Data,
}


class Touchpoint(Struct, frozen=True, gc=False):
    """One event, decoded. `id` and `source` together name it; `time_us` is its own time, UTC microseconds since 1970.

    `data` is of the class that `DATA_TYPES` gives for `type`; of `Data` for a type that is not in it.
    """

    id: str
    source: str
    type: str
    time_us: int
    data: Data
