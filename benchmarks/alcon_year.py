"""Alcon's year: an old member base is imported, members come back, new ones are recruited; and what is true of them.

Rules: a pure function of seed and size. A phone number is enough to be a member, so it joins rows of the old base,
receipts of the tills, OpenIDs and invitations. A year is counted the same way from the truth and from published
profiles. Active is who did something within 365 days.
Must not know: brokers, stores, the engine.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final, NamedTuple

from benchmarks.publishers import CHINA, Publishers

LEGACY_DEFAULT: Final = 60_000
PERIODS: Final = 6
PERIOD_MONTHS: Final = 2
GROWTH: Final = 140 / 60  # from 60,000 members to 200,000
ACTIVE_DAYS: Final = 365
STARTS: Final = tuple(
    datetime(2024 + (5 + month) // 12, (5 + month) % 12 + 1, 1, tzinfo=CHINA)
    for month in range(0, PERIODS * PERIOD_MONTHS + 1, PERIOD_MONTHS)
)
"""The first of June 2024, of August, and so on for a year; what is counted at one is all that was before it."""
CHANNELS: Final = {
    "wechat": 24,
    "practitioner": 18,
    "store": 14,
    "site": 10,
    "packaging": 9,
    "marketplace": 8,
    "ride-hailing": 6,
    "sms": 5,
    "weibo": 4,
    "edm": 2,
}
NAMES: Final = "王李张刘陈杨黄赵吴周"

Row = tuple[str, ...]


class Member(NamedTuple):
    """What is known of one person at one time.

    `not_on_wechat`: an old member, no WeChat identity. `channel`: of the first touch. `referred`: how many came.
    """

    since: datetime | None
    legacy: bool
    active_at: datetime | None
    not_on_wechat: bool
    channel: str
    referred: int


class Count(NamedTuple):
    """Members at one time, of them active ones, and old members who are not on WeChat yet."""

    members: int
    active: int
    not_on_wechat: int


@dataclass(slots=True)
class Year:
    """The year's numbers. `looks`: at each of `STARTS`. At the end: new members by first touch, and by invitation."""

    looks: list[Count] = field(default_factory=list)
    channels: dict[str, int] = field(default_factory=dict)
    referred: int = 0

    def look(self, people: Iterable[Member]) -> None:
        """Count the people as they are at the next of `STARTS`."""
        now = STARTS[len(self.looks)]
        after = now - timedelta(days=ACTIVE_DAYS)
        members = [one for one in people if one.since is not None]
        active = sum(one.active_at is not None and one.active_at >= after for one in members)
        self.looks.append(Count(len(members), active, sum(one.not_on_wechat for one in members)))
        new = [one.channel for one in members if not one.legacy]
        self.channels = {name: new.count(name) for name in CHANNELS}
        self.referred = sum(one.referred for one in members)


@dataclass(slots=True, eq=False)
class Person:
    """One true person, so far. `number` makes the phone number; -1: none is known."""

    number: int
    since: datetime | None = None
    legacy: bool = False
    active_at: datetime | None = None
    openid: str = ""
    channel: str = ""
    referred: int = 0

    def did(self, at: datetime) -> None:
        """They did something."""
        self.active_at = max(self.active_at or at, at)

    def member(self) -> Member:
        """As they are now."""
        not_on_wechat = self.legacy and not self.openid
        return Member(self.since, self.legacy, self.active_at, not_on_wechat, self.channel, self.referred)


class World:
    """The year as it happens. `rows` and `receipts` are the old files, with their columns first."""

    def __init__(self, seed: int, legacy: int) -> None:
        self.people: list[Person] = []
        self._rng = Random(seed)
        self._publishers = Publishers(self._rng)
        self._numbers = 0
        self._homeless: dict[int, Person] = {}  # old members who are not on WeChat and can be asked, by number
        self._grown = round(legacy * GROWTH)
        self.rows: list[Row] = [("会员号", "姓名", "手机", "入会日期"), *self._base(legacy)]
        self.receipts: list[Row] = [("receipt", "when", "phone", "total"), *self._archive()]

    def periods(self) -> Iterator[list[bytes]]:
        """The events of two months after the other, while `people` become what they are at their end."""
        weights = [period + 2 for period in range(PERIODS)]
        for period, weight in enumerate(weights):
            for _ in range(round(self._grown * weight / sum(weights))):
                self._recruit(self._within(period))
            for person in self._some(list(self._homeless.values()), 0.026):
                self._welcome_home(person, self._within(period))
            for person in self._some(self.people, 0.006):
                self._shop(person, self._within(period))
            yield self._publishers.sent()

    def _base(self, legacy: int) -> Iterator[Row]:
        """The rows of the old base: some people twice, some without a number, some dates that are none."""
        for row in range(legacy):
            joined = STARTS[0] - timedelta(days=self._rng.randrange(30, 3_000))
            at = joined.replace(hour=0, minute=0, second=0)
            number, name = f"A{row:06}", self._rng.choice(NAMES) + self._rng.choice(NAMES)
            if self._rng.random() < 0.002:
                yield number, name, "", "1900/13/32"
                continue
            if self._homeless and self._rng.random() < 0.02:
                person = self._homeless[
                    self._rng.randrange(len(self._homeless))
                ]  # asked for a new card, and got a second number
            else:
                person = self._person(has_phone=self._rng.random() < 0.97)
                person.legacy = True
                if person.number >= 0:
                    self._homeless[person.number] = person
            person.since = min(person.since or at, at)
            phone = "无" if person.number < 0 else self._publishers.phone(person.number)
            yield number, name, phone, f"{at:%Y/%m/%d}"

    def _archive(self) -> Iterator[Row]:
        """Receipts: one in five members bought within the year before, some others earlier."""
        for number, person in self._homeless.items():
            fate = self._rng.random()
            if fate < 0.35:
                days = self._rng.randrange(1, 360) if fate < 0.202 else self._rng.randrange(370, 1_500)
                at = STARTS[0] - timedelta(days=days, seconds=self._rng.randrange(3_600))
                total = f"{self._rng.randrange(6_000, 90_000) / 100:.2f}"
                person.did(at)
                yield f"R{number:06}", f"{at:%Y-%m-%d %H:%M:%S}", self._publishers.phone(person.number), total

    def _recruit(self, at: datetime) -> None:
        """A new member: most by a channel, some by a friend; some were seen on WeChat before."""
        person = self._person(has_phone=True)
        channel = self._rng.choices(list(CHANNELS), list(CHANNELS.values()))[0]
        person.since, person.channel = at, channel
        who: dict[str, Any] = {"phone": self._publishers.phone(person.number)}
        if self._rng.random() < 0.6:
            person.openid = self._publishers.openid()
            who["openid"] = person.openid
            if self._rng.random() < 0.3:
                person.channel = self._rng.choice(list(CHANNELS))
                before = at - timedelta(minutes=self._rng.randrange(5, 1_400))
                seen = {"openid": person.openid}
                self._publishers.send("/wechat", "page.viewed", before, seen, channel=person.channel, page="/lenses")
        self._publishers.send("/crm/members", "member.register", at, who, channel=channel, campaign="year-one")
        person.did(at)
        if self._rng.random() < 0.12:
            self._invited(person, at + timedelta(minutes=1))

    def _invited(self, person: Person, at: datetime) -> None:
        """A friend had invited them; both get points."""
        inviter = self._rng.choice(self.people)
        if inviter.number < 0 or inviter is person:
            return
        here, there = ({"phone": self._publishers.phone(one.number)} for one in (person, inviter))
        code = f"friend-{inviter.number}"
        self._publishers.send("/crm/referrals", "referral.registered", at, here, inviter=there, referral_code=code)
        inviter.referred += 1
        for one, identifiers in ((person, here), (inviter, there)):
            self._publishers.send("/points", "points.earned", at, identifiers, points=50, kind="interaction")
            one.did(at)

    def _welcome_home(self, person: Person, at: datetime) -> None:
        """An old member follows, and gives the number that the base knows."""
        del self._homeless[person.number]
        person.openid = self._publishers.openid()
        who = {"openid": person.openid}
        self._publishers.send("/wechat", "openid.follow", at, who, account="main", scene="welcome-home")
        at += timedelta(minutes=2)
        both = {**who, "phone": self._publishers.phone(person.number)}
        self._publishers.send("/crm/members", "member.update", at, both)
        self._publishers.send("/points", "points.earned", at, who, points=100, kind="benefit")
        person.did(at)

    def _shop(self, person: Person, at: datetime) -> None:
        """A member buys; the till's file comes a day late."""
        if person.number < 0:
            return
        cents = self._rng.randrange(6_000, 90_000)
        order = {"order_id": f"T-{self._rng.randrange(10**12):012}", "amount": f"{cents / 100:.2f}", "currency": "CNY"}
        phone = {"phone": self._publishers.phone(person.number)}
        self._publishers.send("/tills", "order.paid", at, phone, by_file=True, order=order)
        person.did(at)

    def _person(self, *, has_phone: bool) -> Person:
        person = Person(self._numbers if has_phone else -1)
        self._numbers += has_phone
        self.people.append(person)
        return person

    def _within(self, period: int) -> datetime:
        """A time in two months, with some room at both ends for what belongs to it."""
        minutes = (STARTS[period + 1] - STARTS[period]) // timedelta(minutes=1)
        return STARTS[period] + timedelta(minutes=self._rng.randrange(1_440, minutes - 10))

    def _some(self, people: Sequence[Person], share: float) -> list[Person]:
        return self._rng.sample(people, round(len(people) * share))
