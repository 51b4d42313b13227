"""An arrival: one accepted touchpoint at its place in the log, with all that the resolver needs of it.

Rule: everything an event says to an identifier is said by `apply_facts`, in a table by event type; a new type of fact
is a new line there and a new field of the facet.
Must not know: components, stores.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from resolvers.admission import CARD, Admitted
from resolvers.amounts import add
from resolvers.dedupe import Signature
from resolvers.evidence import Mark, Pair
from resolvers.facets import Facet, Values
from resolvers.orders import STATUS_OF_TYPE, Order, Payment, Refund, Status, joined
from resolvers.writes import Write, keep_first, keep_last, leaves
from topics.events import Data, OrderData, PricedOrderData, ShipmentData, SurveyData, Touchpoint

NO_FACTS = frozenset({"identity.link", "session.logout"})
"""Types that only speak about links."""

NO_EVIDENCE = frozenset({"card.unbind", "session.logout"})
"""Types whose identifiers are seen, but not together."""


class Arrival(NamedTuple):
    """An accepted event.

    `keys`: its identifiers, strongest first. `pairs`: the evidence it is, each with whether it asserts that the two
    count as one value. `displays`: for people, by key. `traceparent`: W3C trace context to carry on.
    """

    mark: Mark
    touchpoint: Touchpoint
    keys: tuple[str, ...]
    displays: dict[str, str]
    pairs: tuple[tuple[Pair, bool], ...]
    signature: Signature
    traceparent: str | None

    @property
    def strongest(self) -> str:
        """The key its facts go to."""
        return self.keys[0]


def arrival(
    touchpoint: Touchpoint, admitted: Admitted, mark: Mark, signature: Signature, traceparent: str | None
) -> Arrival:
    """The arrival of an admitted touchpoint."""
    displays = {seen.key: seen.display for seen in admitted.identifiers}
    keys = tuple(displays)
    pairs: tuple[tuple[Pair, bool], ...] = ()
    if touchpoint.type not in NO_EVIDENCE:
        pairs = tuple((Pair(keys[0], key), False) for key in keys[1:])
    if admitted.replaces is not None and (old := admitted.replaces.key) not in displays:
        displays[old] = admitted.replaces.display
        keys += (old,)
        new = _replaced_by(old, keys[:-1])
        if new is not None:
            pairs += ((Pair(*sorted((new, old))), True),)
    return Arrival(mark, touchpoint, keys, displays, pairs, signature, traceparent)


def _replaced_by(old: str, keys: tuple[str, ...]) -> str | None:
    """The card that took the old one's place: of its scope, else the strongest card; None if there is no card."""
    namespace, _, token = old.partition(":")
    cards = [key for key in keys if key.startswith(f"{namespace}:")]
    scope = f"{namespace}:{token.partition(':')[0]}:"
    return next((card for card in cards if card.startswith(scope)), cards[0] if cards else None)


def apply_facts(facet: Facet, arrival: Arrival) -> None:
    """Add an event's facts to its strongest identifier's facet, which is the caller's own copy."""
    event, data = arrival.touchpoint, arrival.touchpoint.data
    if event.type in NO_FACTS:
        return
    facts = facet.facts
    stamp = (event.time_us, event.id, event.source)
    if data.traits:
        for path, value in leaves(data.traits):
            keep_last(facts.traits, path, Write(*stamp, value))
    if data.traits_once:
        for path, value in leaves(data.traits_once):
            keep_first(facts.once, path, Write(*stamp, value))
    for name, value in data.counters.items():
        facts.counters[name] = add(facts.counters.get(name, 0), value)
    if data.consents:
        facet.values.date(event.time_us)
        for name, answer in data.consents.items():
            _consent(facet.values, name, event.time_us, answer)
    special = _SPECIAL.get(event.type)
    if special is not None:
        special(facet, event, data)


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


def _order(facet: Facet, event: Touchpoint, data: Data) -> None:
    assert isinstance(data, OrderData)
    stamp = (event.time_us, event.id, event.source)
    status = STATUS_OF_TYPE.get(event.type)
    news = Order(Status(*stamp, status) if status else None)
    if isinstance(data, PricedOrderData) and event.type == "order.paid":
        news = Order(news.status, Payment(*stamp, data.order.amount, data.order.currency))
    if isinstance(data, PricedOrderData) and event.type == "order.refunded":
        refund = Refund(data.order.amount, data.order.currency)
        news = Order(refunds={f"{event.source}\0{event.id}": refund})
    _know(facet.values, event, data.order.order_id, news)


def _shipment(facet: Facet, event: Touchpoint, data: Data) -> None:
    assert isinstance(data, ShipmentData)
    status = Status(event.time_us, event.id, event.source, STATUS_OF_TYPE[event.type])
    _know(facet.values, event, data.order_id, Order(status))


def _know(values: Values, event: Touchpoint, order_id: str, news: Order) -> None:
    values.date(event.time_us)
    there = values.orders.get(order_id)
    values.orders[order_id] = news if there is None else joined(there, news)


def _survey(facet: Facet, event: Touchpoint, data: Data) -> None:
    """Answers are traits; where the event's own traits speak of the same thing, those win."""
    assert isinstance(data, SurveyData)
    answers: dict[str, Any] = {name: value for name, value in data.answers.items() if name not in data.traits}
    for path, value in leaves(answers):
        keep_last(facet.facts.traits, path, Write(event.time_us, event.id, event.source, value))


_SPECIAL: dict[str, Callable[[Facet, Touchpoint, Data], None]] = {
    "order.placed": _order,
    "order.paid": _order,
    "order.cancelled": _order,
    "order.refunded": _order,
    "order.shipped": _shipment,
    "order.delivered": _shipment,
    "survey.completed": _survey,
}
