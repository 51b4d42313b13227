"""The people of the synthetic retail world: who holds which identifiers, and who shares them.

Rules: a population is a pure function of its random generator and its size. `owners` is the truth: one person per
identifier. A shared identifier has one true owner (a household's subscriber, a recycled number's present holder, the
store for its tablet), so a resolver that glues the others on is wrong. Knows nothing of events and times.
"""

from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from random import Random
from typing import Final

from stream.demo.tables import (
    ACCOUNTS,
    GIVEN_NAMES,
    MAIL_DOMAINS,
    MARKETPLACES,
    MOBILE_PREFIXES,
    STORES,
    SURNAMES,
    VENDORS,
)

MEMBERS_PER_TABLET: Final = 110  # "at least 100" with a margin for those who have nothing to show at the tablet
GUEST_SHARE: Final = 0.1
HOUSEHOLD_SHARE: Final = 0.15
RECYCLED_SHARE: Final = 0.03
TYPO_SHARE: Final = 0.01
SEVERAL_OPENIDS_SHARE: Final = 0.2
SHARED_BROWSER_SHARE: Final = 0.015
PLASTIC_SHARE: Final = 0.1
RANDOMISED_MAC_SHARE: Final = 0.4
OPENID_CHARACTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


class Hold(Enum):
    """How a person stands to the phone number they give."""

    OWN = "own"
    SHARED = "shared"  # it is another household member's: given at registration, seldom later
    FORMER = "former"  # it was theirs until the operator gave it to someone else


@dataclass(slots=True)
class Person:
    """One true person; identifiers as (scope, value) where scoped, in canonical form."""

    name: str
    store: int
    full_name: str = ""
    guest: bool = False
    phone: str | None = None  # E.164
    hold: Hold = Hold.OWN
    typo: str | None = None  # the wrong number they once typed, E.164
    openids: list[tuple[str, str]] = field(default_factory=list)
    unionid: str | None = None
    ecard: str | None = None
    plastic: str | None = None  # in the programme "plastic", or in "main" when `replaced`
    replaced: bool = False
    login: tuple[str, str] | None = None
    email: str | None = None
    partner: str | None = None
    mac: str | None = None  # 12 hex digits; None when there is no device or it randomises
    randomised: bool = False
    cookie: str | None = None


@dataclass(slots=True)
class Store:
    """A shop with its shared tablet and the device its staff use for members."""

    code: str
    city: str
    tablet_cookie: str
    tablet_mac: str
    staff_cookie: str


@dataclass(slots=True)
class Population:
    """Everybody, every store, and the true owner of each canonical identifier."""

    people: list[Person]
    stores: list[Store]
    owners: dict[str, str]


def populate(rng: Random, size: int) -> Population:
    """`size` people: guests first by share, members spread over as many stores as fill a tablet each."""
    guests = round(size * GUEST_SHARE)
    store_count = max(1, min(len(STORES), (size - guests) // MEMBERS_PER_TABLET))
    stores = [
        Store(code, city, f"tab-{code.lower()}-{_hex(rng, 8)}", VENDORS[0] + _hex(rng, 6), f"staff-{_hex(rng, 10)}")
        for code, city in STORES[:store_count]
    ]
    phones = _distinct_phones(rng, size + round(size * TYPO_SHARE) + 2)
    people = [_guest(rng, number, store_count) for number in range(guests)]
    people += [_member(rng, number, number % store_count, phones.pop()) for number in range(guests, size)]
    members = people[guests:]
    _share_phones(rng, members, size)
    for person in rng.sample(members, min(len(members), round(size * TYPO_SHARE))):
        other = rng.choice([member for member in members if member.store == person.store]).phone
        hits_another_member = _chance(rng, 0.2)  # one wrong number in five is someone else's right one
        person.typo = other if hits_another_member and other and other != person.phone else phones.pop()
    owners = _owners(people, stores)
    for person in rng.sample(members, round(len(members) * SHARED_BROWSER_SHARE)):
        host = rng.choice([member for member in members if member.store == person.store])
        person.cookie = host.cookie or person.cookie  # the browser stays its host's
    return Population(people, stores, owners)


def randomised_mac(rng: Random) -> str:
    """A locally administered unicast address, as phones invent one per network or visit; 12 hex digits."""
    return _hex(rng, 1) + rng.choice("26ae") + _hex(rng, 10)


def _guest(rng: Random, number: int, store_count: int) -> Person:
    """A visitor who never says who they are: a device, a browser, or both."""
    person = Person(f"person-{number:06d}", rng.randrange(store_count), guest=True)
    person.cookie = f"ck-{_hex(rng, 16)}" if rng.randrange(10) else None
    _give_device(rng, person, 1.0 if person.cookie is None else 0.6)
    return person


def _member(rng: Random, number: int, store: int, phone: str) -> Person:
    """A member with a random set of identifiers; the shares are guesses at a Chinese cosmetics member base."""
    chance = partial(_chance, rng)
    person = Person(f"person-{number:06d}", store, full_name=rng.choice(SURNAMES) + rng.choice(GIVEN_NAMES))
    person.phone = phone if chance(0.94) else None
    if chance(0.78):
        person.ecard = f"E{rng.randrange(10**9):09d}{number % 1000:03d}"
        if chance(PLASTIC_SHARE / 0.78):
            person.plastic = f"88{rng.randrange(10**8):08d}{number % 10000:04d}"
            person.replaced = chance(0.3)
    _give_wechat(rng, person)
    person.login = (rng.choice(MARKETPLACES), f"u{_hex(rng, 9)}") if chance(0.4) else None
    if chance(0.3):
        person.email = f"{rng.choice('abcdefghjklmnwxyz')}{_hex(rng, 7)}@{rng.choice(MAIL_DOMAINS)}"
    person.partner = f"r{_hex(rng, 10)}" if chance(0.03) else None
    person.cookie = f"ck-{_hex(rng, 16)}" if chance(0.6) else None
    _give_device(rng, person, 0.85)
    if not (person.phone or person.ecard or person.openids or person.login):
        person.phone = phone
    return person


def _give_wechat(rng: Random, person: Person) -> None:
    """One openid per account that the person met; the unionid only where the brand's platform reports it."""
    count = 2 + _chance(rng, 0.3) if _chance(rng, SEVERAL_OPENIDS_SHARE) else int(_chance(rng, 0.7))
    person.openids = [(account, "o" + _text(rng, 27)) for account in rng.sample(ACCOUNTS, count)]
    if person.openids and _chance(rng, 0.55):
        person.unionid = "u" + _text(rng, 27)


def _give_device(rng: Random, person: Person, share: float) -> None:
    """A phone with Wi-Fi, for a share of people; some phones show another address at each visit."""
    if _chance(rng, share):
        person.randomised = _chance(rng, RANDOMISED_MAC_SHARE)
        person.mac = None if person.randomised else rng.choice(VENDORS) + _hex(rng, 6)


def _share_phones(rng: Random, members: list[Person], size: int) -> None:
    """Households of two or three on one number, and numbers that went from one person to another.

    All within one store's customers: neighbours, as families and reused numbers mostly are. Sharers hold e-cards:
    whoever has nothing but the shared number is, to any resolver, one person with the others.
    """
    holders = [person for person in members if person.phone and person.ecard]
    rng.shuffle(holders)
    sharing, changed = round(size * HOUSEHOLD_SHARE), round(size * RECYCLED_SHARE)
    while sharing > 1 and holders:
        subscriber = holders.pop()
        for _ in range(1 + _chance(rng, 0.2)):
            if relative := _neighbour(holders, subscriber):
                relative.phone, relative.hold = subscriber.phone, Hold.SHARED
                sharing -= 1
        sharing -= 1
    while changed and holders:
        present = holders.pop()
        if former := _neighbour(holders, present):
            former.phone, former.hold = present.phone, Hold.FORMER
        changed -= 1


def _neighbour(holders: list[Person], person: Person) -> Person | None:
    """Takes another customer of the same store out of `holders`."""
    for position in reversed(range(len(holders))):
        if holders[position].store == person.store:
            return holders.pop(position)
    return None


def _owners(people: list[Person], stores: list[Store]) -> dict[str, str]:
    """Canonical `namespace:value` -> the person it truly belongs to."""
    owners: dict[str, str] = {}
    for person in people:
        held = [f"openid:{account}:{openid}" for account, openid in person.openids]
        held += [f"unionid:main:{person.unionid}"] if person.unionid else []
        held += [f"card:main:{person.ecard}"] if person.ecard else []
        held += [f"card:{'main' if person.replaced else 'plastic'}:{person.plastic}"] if person.plastic else []
        held += [f"login:{person.login[0]}:{person.login[1]}"] if person.login else []
        held += [f"email:{person.email}"] if person.email else []
        held += [f"external:ride:{person.partner}"] if person.partner else []
        held += [f"mac:{colons(person.mac)}"] if person.mac else []
        held += [f"cookie:{person.cookie}"] if person.cookie else []
        held += [f"phone:{person.phone}"] if person.phone and person.hold is Hold.OWN else []
        owners.update(dict.fromkeys(held, person.name))
    for person in people:
        if person.typo:
            owners.setdefault(f"phone:{person.typo}", person.name)
    for store in stores:
        owners[f"cookie:{store.tablet_cookie}"] = owners[f"mac:{colons(store.tablet_mac)}"] = f"tablet-{store.code}"
        owners[f"cookie:{store.staff_cookie}"] = f"staff-{store.code}"
    return owners


def colons(mac: str) -> str:
    """12 hex digits as `aa:bb:cc:dd:ee:ff`."""
    return ":".join(mac[start : start + 2] for start in range(0, 12, 2))


def _distinct_phones(rng: Random, count: int) -> list[str]:
    """Chinese mobile numbers, E.164, no two alike, none of them a test number."""
    numbers: dict[str, None] = {}
    while len(numbers) < count:
        subscriber = rng.randrange(10**7, 10**8)  # never all zeros, which is what test numbers are
        numbers[f"+86{rng.choice(MOBILE_PREFIXES)}{subscriber}"] = None
    return list(numbers)


def _chance(rng: Random, share: float) -> bool:
    return rng.random() < share


def _hex(rng: Random, digits: int) -> str:
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def _text(rng: Random, length: int) -> str:
    return "".join(rng.choices(OPENID_CHARACTERS, k=length))
