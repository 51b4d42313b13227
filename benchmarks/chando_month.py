"""CHANDO's first month: fans are recruited, bind cards and buy; the events of it, and what they truly come to.

Rules: a pure function of seed and size. Nobody shares an identifier, so the truth is what an engine has to find: a fan
is an OpenID at first, a shopper a phone number at the Wi-Fi or a card at the till, a customer a login at a marketplace,
and binding a card makes them one person. A month is counted the same way from the truth and from published profiles.
Must not know: brokers, stores, the engine.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, Final, NamedTuple

from benchmarks.publishers import CHINA, Publishers

FANS_DEFAULT: Final = 5_000
START: Final = datetime(2025, 5, 1, tzinfo=CHINA)
DAYS: Final = 31
END: Final = START + timedelta(days=DAYS)
CURRENCY: Final = "CNY"
WALK_INS: Final = 0.2  # for each fan, people who are seen in a shop and follow nothing
INTERACTIONS: Final = frozenset(
    {
        "campaign.joined",
        "campaign.interacted",
        "message.opened",
        "message.clicked",
        "product.viewed",
        "product.trial",
        "points.earned",
        "points.spent",
        "coupon.redeemed",
        "content.shared",
        "survey.completed",
    }
)


class Scene(NamedTuple):
    """How fans are recruited: its share of them, and how many of them bind a card and open what they are sent."""

    name: str
    weight: float
    binds: float
    opens: float


SCENES: Final = (
    Scene("counter poster", 0.30, 0.78, 0.66),
    Scene("mall Wi-Fi", 0.18, 0.62, 0.58),
    Scene("parcel card", 0.16, 0.58, 0.62),
    Scene("article", 0.14, 0.42, 0.64),
    Scene("media ad", 0.12, 0.26, 0.50),
    Scene("friend's share", 0.10, 0.64, 0.70),
)


@dataclass(slots=True)
class Truth:
    """What is true of one person, or what is published of one, as far as the month is counted."""

    followed_at: datetime | None = None
    scene: str = ""
    bound_at: datetime | None = None
    bought_at: datetime | None = None
    orders: int = 0
    value: Decimal = Decimal(0)
    seen_at: datetime | None = None
    interacted_at: datetime | None = None


@dataclass(slots=True)
class SceneCount:
    """What came of the fans of one scene; `value`: paid less refunded, in yuan."""

    fans: int = 0
    bound: int = 0
    orders: int = 0
    value: Decimal = Decimal(0)


@dataclass(slots=True)
class Month:
    """The month's numbers. `days`: fans, of them with a card, of these who have bought, at the end of each day."""

    people: int = 0
    interacting: int = 0
    scenes: dict[str, SceneCount] = field(default_factory=dict)
    days: list[tuple[int, int, int]] = field(default_factory=list)

    @property
    def total(self) -> SceneCount:
        """All scenes together."""
        scenes = self.scenes.values()
        value = sum((one.value for one in scenes), Decimal(0))
        return SceneCount(
            sum(one.fans for one in scenes), sum(one.bound for one in scenes), sum(one.orders for one in scenes), value
        )


def counted(everybody: Iterable[Truth]) -> Month:
    """The month of these people."""
    month = Month(scenes={scene.name: SceneCount() for scene in SCENES})
    days = [[0, 0, 0] for _ in range(DAYS)]
    for one in everybody:
        month.people += _within(one.seen_at)
        month.interacting += _within(one.interacted_at)
        if one.followed_at is None:
            continue
        scene = month.scenes[one.scene]
        scene.fans += 1
        days[_day(one.followed_at)][0] += 1
        if one.bound_at is None:
            continue
        scene.bound += 1
        scene.orders += one.orders
        scene.value += one.value
        days[_day(one.bound_at)][1] += 1
        if one.bought_at is not None:
            days[_day(one.bought_at)][2] += 1
    sums = [0, 0, 0]
    for day in days:
        sums = [before + more for before, more in zip(sums, day, strict=True)]
        month.days.append((sums[0], sums[1], sums[2]))
    return month


def published(profile: Mapping[str, Any]) -> Truth:
    """What a published profile says of the person."""
    wechat, orders = profile["wechat"], profile["orders"]
    return Truth(
        followed_at=_instant(wechat["followed_at"]),
        scene=wechat["scene"] or "",
        bound_at=_instant(profile["membership"]["since"]) if profile["membership"]["cards"] else None,
        bought_at=_instant(orders["first_at"]),
        orders=orders["count"],
        value=Decimal(profile["lifetime_value"].get(CURRENCY, "0")),
        seen_at=_instant(profile["last_seen"]),
        interacted_at=_instant(profile["engagement"]["last_at"]),
    )


def generate(seed: int, fans: int) -> tuple[list[bytes], list[Truth]]:
    """The events in the order in which they arrive, and everybody who is in them."""
    publishers = Publishers(Random(seed))
    people = [_Fan(publishers, number).live() for number in range(fans)]
    people += [_WalkIn(publishers, number).live() for number in range(fans, fans + round(fans * WALK_INS))]
    return publishers.sent(), people


class _Person:
    """Somebody who does things; `truth` is kept along."""

    def __init__(self, publishers: Publishers, number: int) -> None:
        self.truth = Truth()
        self.rng = publishers.rng
        self.number = number
        self._publishers = publishers

    def phone(self) -> dict[str, Any]:
        """Their number, as the one who was told it writes it."""
        return {"phone": self._publishers.phone(self.number)}

    def device(self) -> dict[str, Any]:
        """The number and the device that a mall's Wi-Fi sees."""
        digits = f"{self.number:06x}"
        return {**self.phone(), "mac": f"3c:22:fb:{digits[:2]}:{digits[2:4]}:{digits[4:]}"}

    def chance(self, share: float) -> bool:
        """Whether something happens that happens to this share of people."""
        return self.rng.random() < share

    def later(self, at: datetime, hours_mean: float) -> datetime:
        """A time after another one."""
        return at + timedelta(seconds=1 + int(self.rng.expovariate(1 / (hours_mean * 3600))))

    def do(
        self,
        source: str,
        kind: str,
        at: datetime,
        identifiers: dict[str, Any],
        /,
        **said: Any,  # noqa: ANN401 - what an event may say is the contract's matter
    ) -> bool:
        """Do something, unless the month is over."""
        if at >= END:
            return False
        self._publishers.send(source, kind, at, identifiers, **said)
        truth = self.truth
        truth.seen_at = max(truth.seen_at or at, at)
        if kind in INTERACTIONS:
            truth.interacted_at = max(truth.interacted_at or at, at)
        return True

    def buy(self, at: datetime, source: str, identifiers: dict[str, Any]) -> datetime:
        """An order from its placing to its points -> when it ended. Some are cancelled, some given back in part."""
        cents = self.rng.randrange(4_900, 68_000)
        number = self.rng.randrange(10**12)
        order = {"order_id": f"SO-{number:012}", "amount": f"{cents / 100:.2f}", "currency": CURRENCY}
        till = source == "/tills"
        if not self.do(source, "order.placed", at, identifiers, by_file=till, order=order):
            return at
        at += timedelta(minutes=1 + self.rng.randrange(20))
        if self.chance(0.04):
            self.do(source, "order.cancelled", at, identifiers, by_file=till, order=order)
            return at
        if not self.do(source, "order.paid", at, identifiers, by_file=till, order=order):
            return at
        truth = self.truth
        truth.orders += 1
        truth.value += Decimal(cents) / 100
        truth.bought_at = min(truth.bought_at or at, at)
        self.do("/points", "points.earned", at, identifiers, points=cents // 100, kind="consumption")
        at = self.later(at, 30)
        back = {**order, "amount": "30.00"}
        if self.chance(0.03) and self.do(source, "order.refunded", at, identifiers, by_file=till, order=back):
            truth.value -= 30
        return at


class _WalkIn(_Person):
    """Seen in a shop in this month or the one before; not a fan."""

    def live(self) -> Truth:
        at = START + timedelta(minutes=self.rng.randrange(-9_000, DAYS * 1_440))
        self.do("/wifi/mall-77", "wifi.login", at, self.device(), store="SH-001", channel="offline")
        if self.chance(0.25):
            self.buy(self.later(at, 1), "/tills", self.phone())
        return self.truth


class _Fan(_Person):
    """Follows the account, maybe binds a card, maybe buys."""

    def live(self) -> Truth:
        self.scene = self.rng.choices(SCENES, [scene.weight for scene in SCENES])[0]
        self.openid = {"openid": self._publishers.openid()}
        # More in the second half of the month, when the campaign of 20 May runs.
        at = START + timedelta(minutes=int(DAYS * 1_440 * self.rng.betavariate(1.6, 1.4)))
        self._follow(at, self.scene)
        if self.chance(self.scene.binds) and self._bind(self.later(at, 14)):
            self._belong()
        else:
            self._look_around(at)
        self._hear(at)
        if self.chance(0.06):
            self._leave(self.later(at, 120))
        return self.truth

    def _follow(self, at: datetime, scene: Scene) -> bool:
        words = {"account": "main", "scene": scene.name, "campaign": "fans-of-may"}
        if not self.do("/wechat/main", "openid.follow", at, self.openid, **words):
            return False
        self.truth.followed_at, self.truth.scene = at, scene.name
        return True

    def _leave(self, at: datetime) -> None:
        """Some come back later, by another way; the last way is the one that counts."""
        if self.do("/wechat/main", "openid.unfollow", at, self.openid, account="main") and self.chance(0.4):
            self._follow(self.later(at, 60), self.rng.choice(SCENES))

    def _bind(self, at: datetime) -> bool:
        """A new e-card, or the card that the till knows since April."""
        if at >= END:
            return False
        self.card = {"card": f"88{self.number:08}"}
        together = {**self.openid, **self.card, **self.phone()}
        known = self.chance(0.3)
        if known:
            before = START - timedelta(minutes=self.rng.randrange(1, 40_000))
            self.do("/tills", "store.visited", before, self.card, by_file=True, store="SH-001", channel="offline")
        self.do("/crm/cards", "card.bind" if known else "card.claim", at, together, channel="wechat")
        self.truth.bound_at = at
        self.do("/points", "points.earned", at, self.card, points=100, kind="benefit")
        return True

    def _belong(self) -> None:
        """What a member does, at the till, in the mall, at the marketplace."""
        at = self.truth.bound_at
        assert at is not None
        if self.chance(0.3):
            self.do("/wifi/mall-77", "wifi.login", self.later(at, 60), self.device(), store="SH-001")
        if self.chance(0.35):
            coupon = {"coupon_id": f"C-{self.number}", "campaign": "welcome"}
            self.do("/coupons", "coupon.issued", at, self.card, **coupon)
            if self.chance(0.4):
                self.do("/coupons", "coupon.redeemed", self.later(at, 90), self.card, **coupon)
        if self.chance(0.1):
            self.do("/survey", "survey.completed", self.later(at, 48), self.openid, answers={"skin": "dry"})
        if self.chance(0.36):
            login = {"login": f"tmall:u{self.number:07}"}
            if online := self.chance(0.4):
                online = self.do("/crm/members", "member.update", self.later(at, 2), {**self.phone(), **login})
            till = self.card if self.chance(0.5) else self.phone()
            for _ in range(1 + self.chance(0.3)):
                at = self.buy(self.later(at, 40), "/tmall" if online else "/tills", login if online else till)

    def _look_around(self, at: datetime) -> None:
        if self.chance(0.35):
            self.do("/mini", "product.viewed", self.later(at, 10), self.openid, sku=f"SKU-{self.number % 40}")

    def _hear(self, at: datetime) -> None:
        """Messages, which half of all open, and what some pass on."""
        at = self.later(at, 20)
        message = {"campaign": "fans-of-may", "channel": "wechat"}
        if not self.do("/messages", "message.sent", at, self.openid, **message):
            return
        if self.chance(self.scene.opens):
            at = self.later(at, 3)
            self.do("/messages", "message.opened", at, self.openid, **message)
            if self.chance(0.4):
                self.do("/messages", "message.clicked", self.later(at, 0.1), self.openid, **message)
            if self.chance(0.12):
                self.do("/mini", "content.shared", self.later(at, 5), self.openid, page="/may")


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _within(at: datetime | None) -> bool:
    return at is not None and START <= at < END


def _day(at: datetime) -> int:
    return (at - START).days
