"""A facet: everything known through one identifier.

Rule: each event adds its facts to exactly one facet, that of its strongest identifier, and to no other. Everything in a
facet is a join (newest write, oldest write, by order, by event) or a sum that the facet's fences add to exactly once;
so the order in which events are processed cannot matter, and a split takes along exactly its own facts.
Value facts are kept apart from the others, so that a contested device's can stay behind (contract, section 1).
Must not know: other identifiers, groups, profiles.
"""

import msgspec

from resolvers.behaviour import NEVER_US, Doings, Touch
from resolvers.holdings import Holdings
from resolvers.orders import Order
from resolvers.writes import Write

UNSEEN_US = 2**62
"""`first_us` while nobody has seen the identifier: after every event's time."""

UNBOUND_MAX = 1_000
"""Identifiers that a card remembers to be taken off it; the latest stay, so that the order of arrival is no matter."""


class Facts(msgspec.Struct, array_like=True, gc=False):
    """What goes where its identifier goes.

    `traits`, `once`: path (RFC 6901) -> newest, oldest write. `counters`: name -> exact sum, as a decimal text where it
    is not an integer. `days`: UTC day since 1970 -> activities; `last_us`: the last. `stores`: store -> day -> count.
    `first_touch`, `last_touch`: the latter None where it is the former. `runs`: the days that `days` had no room for,
    as runs without a silence (see `resolvers.activity`).
    """

    traits: dict[str, Write] = {}
    once: dict[str, Write] = {}
    counters: dict[str, int | str] = {}
    days: dict[int, int] = {}
    last_us: int = NEVER_US
    stores: dict[str, dict[int, int]] = {}
    first_touch: Touch | None = None
    last_touch: Touch | None = None
    more: Doings | None = None
    runs: tuple[int, ...] = ()

    def touch(self, news: Touch) -> None:
        """There was a touch."""
        first = self.first_touch
        if first is None:
            self.first_touch = news
        elif (self.last_touch or first) < news:
            self.last_touch = news
        elif news < first:
            self.first_touch = news
            self.last_touch = self.last_touch or first


class Values(msgspec.Struct, array_like=True, gc=False):
    """Value facts: what a contested device must not carry to a person. Times in us; NEVER_US while there is no event.

    `consents`: name -> (time of the latest answer, the answer). `orders`: order id -> order.
    """

    first_us: int = NEVER_US
    last_us: int = NEVER_US
    consents: dict[str, tuple[int, bool]] = {}
    orders: dict[str, Order] = {}
    more: Holdings | None = None

    @property
    def dated(self) -> bool:
        """Whether there is any value fact."""
        return self.last_us != NEVER_US

    def date(self, time_us: int) -> None:
        """There is a value fact of this event time."""
        self.first_us = min(self.first_us, time_us) if self.dated else time_us
        self.last_us = max(self.last_us, time_us)


class Facet(msgspec.Struct, array_like=True, gc=False):
    """One identifier: its sights, its fences, its facts.

    Attributes:
        display: the value for people, masked where the namespace is hashed.
        first_us, last_us: first and last seen, by event time; UNSEEN_US, NEVER_US while it is not seen.
        hub: it has, or had, more neighbours than its cap. Never taken back.
        strangers: hubs it has evidence with.
        fence: input partition -> last offset whose facts were applied.
        recent: the latest events applied, for `dedupe` (see `resolvers.dedupe`).
        facts, values: as above.
        unbound: of a card: identifiers taken off it, each with when last (event time); older evidence does not count.
        logged_out_us: when last a session with it ended; where it is weak, no older evidence of it counts.
    """

    display: str
    first_us: int
    last_us: int
    hub: bool = False
    strangers: tuple[str, ...] = ()
    fence: dict[int, int] = {}
    recent: bytes = b""
    facts: Facts = msgspec.field(default_factory=lambda: _NO_FACTS)
    values: Values = msgspec.field(default_factory=lambda: _NO_VALUES)
    unbound: tuple[tuple[str, int], ...] = ()
    logged_out_us: int = NEVER_US

    def shared(self) -> "Facet":
        """A copy whose own fields may be changed; the fence, facts and values are this one's."""
        return Facet(
            self.display,
            self.first_us,
            self.last_us,
            self.hub,
            self.strangers,
            self.fence,
            self.recent,
            self.facts,
            self.values,
            self.unbound,
            self.logged_out_us,
        )

    def copied(self) -> "Facet":
        """A copy whose containers may be changed without changing this one's; what they hold is immutable."""
        copy = self.shared()
        copy.own_facts()
        copy.own_values()
        return copy

    def own_facts(self) -> None:
        """Have a fence and facts of its own from now on."""
        facts = self.facts
        self.fence = self.fence.copy()
        self.facts = Facts(
            facts.traits.copy(),
            facts.once.copy(),
            facts.counters.copy(),
            facts.days.copy(),
            facts.last_us,
            facts.stores.copy(),
            facts.first_touch,
            facts.last_touch,
            None if facts.more is None else facts.more.copied(),
            facts.runs,
        )

    def own_values(self) -> None:
        """Have values of its own from now on."""
        values = self.values
        self.values = Values(
            values.first_us,
            values.last_us,
            values.consents.copy(),
            values.orders.copy(),
            None if values.more is None else values.more.copied(),
        )

    def unbind(self, other: str, time_us: int) -> None:
        """Another identifier was taken off this card."""
        latest = dict(self.unbound)
        latest[other] = max(latest.get(other, NEVER_US), time_us)
        if len(latest) > UNBOUND_MAX:
            del latest[min(latest, key=lambda key: (latest[key], key))]
        self.unbound = tuple(sorted(latest.items()))

    @property
    def cuts(self) -> bool:
        """Whether it says of evidence that it does not count."""
        return bool(self.unbound) or self.logged_out_us != NEVER_US

    @property
    def seen(self) -> bool:
        """Whether an event has named the identifier as one of its own. Who was not seen is nobody's identifier yet."""
        return self.last_us != NEVER_US


# What most identifiers have; a facet has its own only when it is to be changed (see `own_facts`).
_NO_FENCE: dict[int, int] = {}
_NO_FACTS: Facts = Facts()
_NO_VALUES: Values = Values()


def sighted(display: str, time_us: int) -> Facet:
    """The facet of an identifier seen for the first time; its fence, facts and values are not its own."""
    return Facet(display, time_us, time_us, False, (), _NO_FENCE, b"", _NO_FACTS, _NO_VALUES)  # noqa: FBT003 - by position is faster


def unseen(display: str) -> Facet:
    """The facet of an identifier that is spoken of before it is seen; likewise."""
    return Facet(display, UNSEEN_US, NEVER_US, False, (), _NO_FENCE, b"", _NO_FACTS, _NO_VALUES)  # noqa: FBT003


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Facet)


def encode(facet: Facet) -> bytes:
    """A facet as msgpack, as far as it has something to say: the parts after that a decoder adds."""
    if facet.values is not _NO_VALUES or facet.unbound or facet.logged_out_us != NEVER_US:
        return _encoder.encode(facet)
    sights = facet.display, facet.first_us, facet.last_us
    if facet.facts is _NO_FACTS and not (facet.hub or facet.strangers or facet.fence or facet.recent):
        return _encoder.encode(sights)
    return _encoder.encode((*sights, facet.hub, facet.strangers, facet.fence, facet.recent, facet.facts))


def decode(data: bytes) -> Facet:
    """The facet that `encode` wrote."""
    return _decoder.decode(data)
