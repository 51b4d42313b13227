"""An arrival: one accepted touchpoint at its place in the log, with all that the resolver needs of it.

Rule: everything an event says to an identifier is said by `apply_facts`: what every event may say here, what its type
says in the table of `facts_by_type`.
Must not know: components, stores.
"""

import msgspec

from resolvers.activity import ENGAGED, NOT_DONE, with_day
from resolvers.admission import Admitted, Seen
from resolvers.amounts import add
from resolvers.behaviour import Touch
from resolvers.capped import (
    ACTIVE_DAYS,
    CAMPAIGNS,
    CONSENTS,
    COUNTERS,
    STORE_DAYS,
    TRAITS,
    count_day,
    keep_first_names,
    keep_latest,
)
from resolvers.dedupe import Signature
from resolvers.distinct import with_one
from resolvers.evidence import Mark, Pair
from resolvers.facets import Facet, Facts, Values
from resolvers.facts_by_type import SPECIAL, VALUE_TYPES, doings_of, invited
from resolvers.namespaces import CARD
from resolvers.writes import Write, keep_first, keep_last, keep_newest, keep_oldest, leaves
from topics.events import OrderData, Touchpoint
from topics.instants import DAY_US

NO_FACTS = frozenset({"identity.link", "session.logout"})
"""Types that only speak about links."""

NO_EVIDENCE = frozenset({"card.unbind", "session.logout"})
"""Types whose identifiers are seen, but not together."""


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """An accepted event.

    `seen`: its identifiers, strongest first; `keys`: theirs. `strongest`: the key its facts go to. `pairs`: the
    evidence it is. `asserted`: the one of these, if any, that asserts that the two count as one value. `traceparent`:
    W3C trace context to carry on. `inviter`: on whose invitation the event's person registered; `uncounted`: nobody is
    to be told of that. `named`: the keys of all identifiers in the event, where they are not `keys`.
    """

    mark: Mark
    touchpoint: Touchpoint
    seen: tuple[Seen, ...]
    keys: tuple[str, ...]
    strongest: str
    pairs: tuple[Pair, ...]
    signature: Signature
    asserted: Pair | None = None
    traceparent: str | None = None
    inviter: Seen | None = None
    uncounted: bool = False
    named: tuple[str, ...] = ()


def arrival(
    touchpoint: Touchpoint, admitted: Admitted, mark: Mark, signature: Signature, traceparent: str | None
) -> Arrival:
    """The arrival of an admitted touchpoint."""
    seen = admitted.identifiers
    keys = tuple([one.key for one in seen])
    strongest = keys[0]
    pairs: tuple[Pair, ...] = ()
    if touchpoint.type not in NO_EVIDENCE:
        pairs = tuple([Pair(strongest, key) for key in keys[1:]])
    asserted = None
    if admitted.replaces is not None and (old := admitted.replaces.key) not in keys:
        new = _replaced_by(old, keys)
        seen += (admitted.replaces,)
        keys += (old,)
        if new is not None:
            asserted = Pair(*sorted((new, old)))
            pairs += (asserted,)
    inviter = admitted.inviter if touchpoint.type == "referral.registered" else None
    return Arrival(mark, touchpoint, seen, keys, strongest, pairs, signature, asserted, traceparent, inviter)


def _replaced_by(old: str, keys: tuple[str, ...]) -> str | None:
    """The card that took the old one's place: of its scope, else the strongest card; None if there is no card."""
    namespace, _, token = old.partition(":")
    cards = [key for key in keys if key.startswith(f"{namespace}:")]
    scope = f"{namespace}:{token.partition(':')[0]}:"
    return next((card for card in cards if card.startswith(scope)), cards[0] if cards else None)


def brings_values(event: Touchpoint) -> bool:
    """Whether an event has value facts."""
    return bool(event.data.consents) or event.type in VALUE_TYPES


def apply_facts(facet: Facet, arrival: Arrival) -> None:
    """Add an event's facts to its strongest identifier's facet, which is the caller's own copy.

    Its values need be the caller's own only where the event brings some.
    """
    event = arrival.touchpoint
    if event.type in NO_FACTS:
        return
    data, facts = event.data, facet.facts
    if data.traits or data.traits_once:
        _write(facts, event)
    for name, value in data.counters.items():
        facts.counters[name] = add(facts.counters.get(name, 0), value)
    keep_first_names(facts.counters, COUNTERS)
    if data.consents:
        facet.values.date(event.time_us)
        for name, answer in data.consents.items():
            _consent(facet.values, name, event.time_us, answer)
        keep_first_names(facet.values.consents, CONSENTS)
    if event.type not in NOT_DONE:
        _do(facet, event)
    elif event.type == "member.legacy":
        _touch(facts, event, data.channel)
    special = SPECIAL.get(event.type)
    if special is not None:
        special(facet, event, arrival.named or arrival.keys)
        if arrival.inviter is not None:
            invited(facet, event, arrival.inviter.key)


def _write(facts: Facts, event: Touchpoint) -> None:
    for path, value in leaves(event.data.traits):
        keep_last(facts.traits, path, Write(event.time_us, event.id, event.source, value))
    for path, value in leaves(event.data.traits_once):
        keep_first(facts.once, path, Write(event.time_us, event.id, event.source, value))
    if len(facts.traits) > TRAITS:
        keep_newest(facts.traits, TRAITS)
    if len(facts.once) > TRAITS:
        keep_oldest(facts.once, TRAITS)


def apply_cuts(facet: Facet, key: str, arrival: Arrival) -> None:
    """What an unbind or a logout says of one of its identifiers: the latest counts, however often it is said.

    The end of a session is kept of every identifier; which of them are weak is for the rules to say, when they judge.
    """
    time_us = arrival.mark.time_us
    if arrival.touchpoint.type == "session.logout":
        facet.logged_out_us = max(facet.logged_out_us, time_us)
    elif arrival.touchpoint.type == "card.unbind" and key.startswith(f"{CARD}:"):
        for other in arrival.keys:
            if other != key:
                facet.unbind(other, time_us)


def _consent(values: Values, name: str, time_us: int, answer: bool) -> None:  # noqa: FBT001 - the answer is the value
    """The latest explicit answer; on a tie no."""
    there = values.consents.get(name)
    if there is None or (time_us, not answer) > (there[0], not there[1]):
        values.consents[name] = (time_us, answer)


def _do(facet: Facet, event: Touchpoint) -> None:
    """The person did something: when, where, and how they came to it."""
    facts, data, time_us = facet.facts, event.data, event.time_us
    day = time_us // DAY_US
    days = facts.days
    days[day] = days.get(day, 0) + 1
    if len(days) > ACTIVE_DAYS:
        gone = min(days)
        del days[gone]
        facts.runs = with_day(facts.runs, gone)
    facts.last_us = max(facts.last_us, time_us)
    store, channel = data.store, data.channel
    if isinstance(data, OrderData):
        store, channel = store or data.order.store, channel or data.order.channel
    if store:
        count_day(facts.stores, store, day, STORE_DAYS)
    if channel or data.campaign:
        _touch(facts, event, channel)
    if event.type in ENGAGED:
        doings = doings_of(facet)
        doings.engaged_us = max(doings.engaged_us, time_us)
    if data.campaign:
        keep_latest(doings_of(facet).campaigns, data.campaign, time_us, CAMPAIGNS)


def _touch(facts: Facts, event: Touchpoint, channel: str | None) -> None:
    campaign = event.data.campaign
    if channel or campaign:
        facts.touch(Touch(event.time_us, event.id, event.source, channel or "", campaign or ""))


def apply_referral(facet: Facet, arrival: Arrival) -> None:
    """Count an event's person for the inviter, whose facet this is: once, however often it is said."""
    doings = doings_of(facet)
    doings.referred = with_one(doings.referred, arrival.strongest)
