"""The ledger of a synthetic retail day: every mention of a person becomes a touchpoint as a publisher would send it.

Rules: times are seconds after the day's midnight in China (negative on earlier days); the order of publishing is the
order of `publish_s`, not of event time. What an accepted event says is kept beside its bytes (truth, observed
together, counts), so that nobody has to parse the bytes to judge a resolver.
"""

from collections import Counter
from datetime import date, timedelta
from random import Random
from typing import Any, Final, NamedTuple

from stream.demo.people import Population, colons
from stream.demo.tables import JUNK
from topics.codec import encode

CHINA_S: Final = 8 * 3600
DAY_S: Final = 86_400
LAST_MINUTES_S: Final = 600
JUNK_SHARE: Final = 0.02  # events that carry a junk identifier beside the good ones
FULL_WIDTH: Final = {ord("0") + digit: ord("\N{FULLWIDTH DIGIT ZERO}") + digit for digit in range(10)}
SOURCES: Final[dict[str, str]] = {  # by the first part of the event type
    "wifi": "/wifi/portal",
    "store": "/store/counter",
    "openid": "/wechat/gateway",
    "card": "/crm/cards",
    "member": "/crm/members",
    "order": "/shop/orders",
    "points": "/crm/points",
    "coupon": "/crm/coupons",
    "appointment": "/booking",
    "referral": "/crm/referrals",
    "identity": "/crm/members",
}


class Publication(NamedTuple):
    """One record to publish: the key is the publisher's choice."""

    key: bytes | None
    value: bytes


class Mention(NamedTuple):
    """An identifier as a publisher writes it, and what it is: `namespace:value` in canonical form."""

    namespace: str
    raw: str
    canonical: str


class Ledger:
    """Collects the publications of one day and what is true about them."""

    def __init__(self, rng: Random, day: date, population: Population) -> None:
        self.rng = rng
        self.day = day
        self.owners = population.owners
        self.stores = population.stores
        self.members = [person for person in population.people if not person.guest]
        self.truth: dict[str, str] = {}
        self.observed: list[tuple[str, ...]] = []
        self.event_types: Counter[str] = Counter()
        self.late_count = 0
        self._entries: list[tuple[float, int, Publication]] = []
        self._dates: dict[int, str] = {}

    def chance(self, share: float) -> bool:
        """True for this share of the calls."""
        return self.rng.random() < share

    def say(self, at_s: float, kind: str, mentions: list[Mention], /, **data: Any) -> None:  # noqa: ANN401
        """Publish an event of `kind`; `data` is what goes beside the identifiers. Mentions: at least one.

        Online events arrive within seconds, few of them hours late; events of earlier days come in a file.
        """
        at_s = _before_midnight(at_s)
        identifiers: dict[str, str | list[str]] = {}
        for namespace, raw, canonical in mentions:
            have = identifiers.get(namespace)
            identifiers[namespace] = raw if have is None else [*(have if isinstance(have, list) else [have]), raw]
            self.truth.setdefault(canonical, self.owners[canonical])
        if self.chance(JUNK_SHARE):
            namespace, raw = self.rng.choice(JUNK)
            identifiers.setdefault(namespace, raw)
        self.observed.append(tuple([mention.canonical for mention in mentions]))
        self.event_types[kind] += 1
        number = len(self.observed)
        family = kind.partition(".")[0]
        key = self._key(family, mentions, data)
        event = {
            "specversion": "1.0",
            "id": f"{family}-{self.day:%Y%m%d}-{number:06d}",
            "source": SOURCES.get(family, "/web/behaviour"),
            "type": kind,
            "time": self.time(at_s),
            "data": {"identifiers": identifiers, **data},
        }
        self.publish(self._arrival_s(at_s), Publication(key, encode(event)))

    def publish(self, publish_s: float, publication: Publication) -> None:
        """Put a record at its place in the publishing order."""
        self._entries.append((publish_s, len(self._entries), publication))

    def duplicate(self, share: float) -> int:
        """Send a share of everything again, byte for byte, up to an hour later. How many."""
        again = [entry for entry in self._entries if self.chance(share)]
        for publish_s, _, publication in again:
            self.publish(publish_s + self.rng.random() * 3600, publication)
        return len(again)

    def in_publishing_order(self) -> list[Publication]:
        """All records, first published first."""
        return [publication for _, _, publication in sorted(self._entries)]

    def time(self, at_s: float) -> str:
        """RFC 3339 with +08:00 or, one time in four, with Z; milliseconds, or none one time in four."""
        rng = self.rng
        zone = "+08:00"
        if rng.random() * 4 < 1:
            at_s, zone = at_s - CHINA_S, "Z"
        at_ms = int(at_s * 1000)
        day, ms = divmod(at_ms, DAY_S * 1000)
        text = self._dates.get(day)
        if text is None:
            text = self._dates[day] = (self.day + timedelta(days=day)).isoformat()
        second, ms = divmod(ms, 1000)
        minute, second = divmod(second, 60)
        fraction = f".{ms:03d}" if rng.random() * 4 > 1 else ""
        return f"{text}T{minute // 60:02d}:{minute % 60:02d}:{second:02d}{fraction}{zone}"

    def phone(self, number: str) -> Mention:
        """A number (E.164) in one of the notations that people and systems type."""
        national = number.removeprefix("+86")
        notation = int(self.rng.random() * 16)
        match notation:
            case 0:
                raw = f"{national[:3]} {national[3:7]} {national[7:]}"
            case 1:
                raw = f"+86 {national[:3]} {national[3:7]} {national[7:]}"
            case 2:
                raw = f"{national[:3]}-{national[3:7]}-{national[7:]}"
            case 3:
                raw = national.translate(FULL_WIDTH)
            case 4:
                raw = f"0086{national}"
            case 5:
                raw = f"86{national}"
            case 6 | 7 | 8:
                raw = number
            case _:
                raw = national
        return Mention("phone", raw, f"phone:{number}")

    def mac(self, digits: str) -> Mention:
        """A device address (12 hex digits) in one of the notations of access points."""
        notation = int(self.rng.random() * 4)
        canonical = colons(digits)
        match notation:
            case 0:
                raw = canonical
            case 1:
                raw = canonical.upper().replace(":", "-")
            case 2:
                raw = f"{digits[:4]}.{digits[4:8]}.{digits[8:]}"
            case _:
                raw = digits.upper()
        return Mention("mac", raw, f"mac:{canonical}")

    def email(self, address: str) -> Mention:
        """An address, sometimes with capitals or blanks around it."""
        raw = f" {address.capitalize()}" if self.chance(0.1) else address
        return Mention("email", raw, f"email:{address}")

    def scoped(self, namespace: str, scope: str, value: str) -> Mention:
        """`scope:value`; half of those in the default scope are sent bare."""
        raw = value if scope == "main" and self.rng.getrandbits(1) else f"{scope}:{value}"
        return Mention(namespace, raw, f"{namespace}:{scope}:{value}")

    def _arrival_s(self, at_s: float) -> float:
        """When the record is published: files of earlier days at 02:00 and 13:00."""
        if at_s < 0:
            self.late_count += 1
            return (2 + 11 * self.rng.getrandbits(1)) * 3600 + self.rng.random() * 60
        if self.chance(0.03):  # a gateway that was cut off
            self.late_count += 1
            return at_s + 3600 * (1 + 4 * self.rng.random())
        return at_s + 5 * self.rng.random()

    def _key(self, family: str, mentions: list[Mention], data: dict[str, Any]) -> bytes | None:
        """Shops key by store, behaviour has no key, everybody else keys by the first identifier."""
        if family in {"wifi", "store"}:
            return str(data["store"]).encode()
        return None if family in {"page", "product"} else mentions[0].raw.encode()


def _before_midnight(at_s: float) -> float:
    """What would run into tomorrow happens in the last ten minutes instead, in the same order."""
    over_s = at_s - (DAY_S - LAST_MINUTES_S)
    return at_s if over_s <= 0 else DAY_S - LAST_MINUTES_S / (1 + over_s / LAST_MINUTES_S)
