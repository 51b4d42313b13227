"""What each type of event says beside what every event may say: a table by type.

Rule: a new type of fact is a new line of the table, and a new field, the last, of what it is kept in.
Must not know: components, stores; which identifiers the event named besides the one whose facet this is, save where
the type itself speaks of them.
"""

from collections.abc import Callable
from typing import Any, Final

from resolvers.behaviour import NEVER_US, Appointment, Doings, Follow, day_of
from resolvers.capped import (
    ACCOUNTS,
    APPOINTMENTS,
    CATEGORY_DAYS,
    COUPONS,
    ORDER_CATEGORIES,
    REWARDS,
    TRAITS,
    VIEWED,
    count_day,
    keep_latest,
)
from resolvers.distinct import with_one
from resolvers.facets import Facet
from resolvers.holdings import NO_EXPIRY_US, Coupon, Holdings, Invitation, Reward
from resolvers.orders import STATUS_OF_TYPE, Order, Payment, Refund, Shipment, Status, joined
from resolvers.writes import Write, keep_last, keep_newest, leaves
from topics.events import (
    AppointmentData,
    CouponData,
    FollowData,
    OrderData,
    PointsData,
    PricedOrderData,
    ProductData,
    ReferralRegisteredData,
    RewardData,
    ShipmentData,
    SurveyData,
    Touchpoint,
)
from topics.instants import to_us

Keys = tuple[str, ...]
MAIN_ACCOUNT: Final = "main"
"""The account followed where neither the event nor an OpenID in it says which."""


def doings_of(facet: Facet) -> Doings:
    """What the facet has of it, made if there is none."""
    if facet.facts.more is None:
        facet.facts.more = Doings()
    return facet.facts.more


def holdings_of(facet: Facet, time_us: int) -> Holdings:
    """The same of value facts, of which there is one of this time."""
    values = facet.values
    values.date(time_us)
    if values.more is None:
        values.more = Holdings()
    return values.more


def _order(facet: Facet, event: Touchpoint, _keys: Keys) -> None:
    data = event.data
    assert isinstance(data, OrderData)
    stamp = (event.time_us, event.id, event.source)
    status = STATUS_OF_TYPE.get(event.type)
    news = Order(Status(*stamp, status) if status else None)
    if isinstance(data, PricedOrderData) and event.type == "order.paid":
        categories = tuple(sorted({item.category for item in data.order.items if item.category}))[:ORDER_CATEGORIES]
        news = Order(news.status, Payment(*stamp, data.order.amount, data.order.currency, categories))
    if isinstance(data, PricedOrderData) and event.type == "order.refunded":
        refund = Refund(data.order.amount, data.order.currency)
        news = Order(refunds={f"{event.source}\0{event.id}": refund})
    _know(facet, event, data.order.order_id, news)


def _shipment(facet: Facet, event: Touchpoint, _keys: Keys) -> None:
    data = event.data
    assert isinstance(data, ShipmentData)
    stamp = (event.time_us, event.id, event.source)
    shipment = Shipment(*stamp, event.type == "order.delivered", data.carrier or "", data.tracking or "")
    _know(facet, event, data.order_id, Order(Status(*stamp, STATUS_OF_TYPE[event.type]), shipment=shipment))


def _know(facet: Facet, event: Touchpoint, order_id: str, news: Order) -> None:
    values = facet.values
    values.date(event.time_us)
    there = values.orders.get(order_id)
    values.orders[order_id] = news if there is None else joined(there, news)


def _survey(facet: Facet, event: Touchpoint, _keys: Keys) -> None:
    """Answers are traits; where the event's own traits speak of the same thing, those win."""
    data = event.data
    assert isinstance(data, SurveyData)
    answers: dict[str, Any] = {name: value for name, value in data.answers.items() if name not in data.traits}
    for path, value in leaves(answers):
        keep_last(facet.facts.traits, path, Write(event.time_us, event.id, event.source, value))
    if len(facet.facts.traits) > TRAITS:
        keep_newest(facet.facts.traits, TRAITS)


def _points(facet: Facet, event: Touchpoint, _keys: Keys) -> None:
    data = event.data
    assert isinstance(data, PointsData)
    holdings = holdings_of(facet, event.time_us)
    kind = data.kind[0] if data.kind else ""
    earned, gone = holdings.points.get(kind, (0, 0))
    if event.type == "points.earned":
        earned += data.points
    else:
        gone += data.points
    holdings.points[kind] = (earned, gone)
    holdings.points_us = max(holdings.points_us, event.time_us)
    if data.reward and event.type == "points.spent":
        _rewarded(holdings, event, data.reward)


def _coupon(facet: Facet, event: Touchpoint, _keys: Keys) -> None:
    data = event.data
    assert isinstance(data, CouponData)
    holdings = holdings_of(facet, event.time_us)
    held = event.type == "coupon.issued"
    expires_us = max(to_us(data.expires_at), 0) if held and data.expires_at is not None else NO_EXPIRY_US
    coupon = Coupon(event.time_us, event.id, event.source, held, expires_us)
    keep_latest(holdings.coupons, data.coupon_id, coupon, COUPONS)
    if event.type == "coupon.redeemed":
        holdings.redeemed = with_one(holdings.redeemed, data.coupon_id)


def _reward(facet: Facet, event: Touchpoint, _keys: Keys) -> None:
    assert isinstance(event.data, RewardData)
    holdings = holdings_of(facet, event.time_us)
    if event.data.reward:
        _rewarded(holdings, event, event.data.reward)


def _rewarded(holdings: Holdings, event: Touchpoint, reward: str) -> None:
    news = Reward(event.time_us, event.id, event.source, reward)
    holdings.rewards = tuple(sorted({*holdings.rewards, news})[-REWARDS:])


def _appointment(facet: Facet, event: Touchpoint, _keys: Keys) -> None:
    data = event.data
    assert isinstance(data, AppointmentData)
    doings = doings_of(facet)
    status = event.type.removeprefix("appointment.")
    at_us = max(to_us(data.at), 0) if data.at is not None else NEVER_US
    words = (data.service or "", data.store or "", data.staff or "")
    appointment = Appointment(event.time_us, event.id, event.source, status, at_us, *words)
    keep_latest(doings.appointments, data.appointment_id, appointment, APPOINTMENTS)
    if status == "redeemed":
        doings.kept = with_one(doings.kept, data.appointment_id)


def _follow(facet: Facet, event: Touchpoint, keys: Keys) -> None:
    data = event.data
    assert isinstance(data, FollowData)
    doings = doings_of(facet)
    scopes = (key.split(":", 2)[1] for key in keys if key.startswith("openid:"))
    account = data.account or next(scopes, MAIN_ACCOUNT)
    follow = Follow(event.time_us, event.id, event.source, event.type == "openid.follow", data.scene or "")
    known = [one for one in (*doings.follows.values(), doings.followed, follow) if one is not None and one.on]
    keep_latest(doings.follows, account, follow, ACCOUNTS)
    last = max(known, default=None)
    doings.followed = None if last in doings.follows.values() else last


def _member(facet: Facet, event: Touchpoint, _keys: Keys) -> None:
    doings = doings_of(facet)
    if doings.member_us == NEVER_US or event.time_us < doings.member_us:
        doings.member_us = event.time_us
    if event.type == "member.legacy":
        doings.legacy = True


def _product(facet: Facet, event: Touchpoint, _keys: Keys) -> None:
    data = event.data
    assert isinstance(data, ProductData)
    doings = doings_of(facet)
    if data.sku:
        keep_latest(doings.viewed, data.sku, event.time_us, VIEWED)
    if data.category:
        count_day(doings.categories, data.category, day_of(event.time_us), CATEGORY_DAYS)


def _referral(facet: Facet, event: Touchpoint, _keys: Keys) -> None:
    """A referral is a value fact also where nobody is known to have invited."""
    facet.values.date(event.time_us)


def invited(facet: Facet, event: Touchpoint, inviter: str) -> None:
    """The facet's person registered on the invitation of who has the identifier `inviter`."""
    assert isinstance(event.data, ReferralRegisteredData)
    holdings = holdings_of(facet, event.time_us)
    news = Invitation(event.time_us, event.id, event.source, inviter)
    if holdings.invited is None or news < holdings.invited:
        holdings.invited = news


SPECIAL: Final[dict[str, Callable[[Facet, Touchpoint, Keys], None]]] = {
    "openid.follow": _follow,
    "openid.unfollow": _follow,
    "card.claim": _member,
    "card.bind": _member,
    "member.register": _member,
    "member.legacy": _member,
    "order.placed": _order,
    "order.paid": _order,
    "order.cancelled": _order,
    "order.refunded": _order,
    "order.shipped": _shipment,
    "order.delivered": _shipment,
    "points.earned": _points,
    "points.spent": _points,
    "points.expired": _points,
    "coupon.issued": _coupon,
    "coupon.redeemed": _coupon,
    "coupon.expired": _coupon,
    "reward.claimed": _reward,
    "appointment.booked": _appointment,
    "appointment.redeemed": _appointment,
    "appointment.cancelled": _appointment,
    "referral.invited": _referral,
    "referral.registered": _referral,
    "survey.completed": _survey,
    "product.viewed": _product,
    "product.trial": _product,
}

VALUE_TYPES: Final = frozenset(
    kind for kind, says in SPECIAL.items() if says in {_order, _shipment, _points, _coupon, _reward, _referral}
)
"""Types that bring value facts."""
