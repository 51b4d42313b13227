"""The naive model of IDWeave: a log in, people out, by plain loops from the contract's text.

Written apart from the engine and importing nothing of it, so that both being wrong in the same way is unlikely. Its
readings of what the contract leaves open are in README.md.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.naive import belongings, doings, facts
from tests.naive.decoding import BadRecordError, Event, Record, decode
from tests.naive.links import LIFE, Evidence, Key, Links, Mark, Observed, Values, key_of, link
from tests.naive.rulings import Rulings, read_rulings
from tests.naive.values import DroppedError, Identifier, read

DEFAULT_CONFIG: dict[str, Any] = {
    "policy": "latest",
    "namespaces": {
        "card": {"person": True, "unique": True, "scoped": True, "default_scope": "main"},
        "unionid": {"person": True, "unique": True, "scoped": True, "default_scope": "main"},
        "phone": {"person": True, "limit": 3, "pii": "hash", "normalise": "phone", "region": "CN"},
        "login": {"person": True, "limit": 5, "scoped": True, "default_scope": "main"},
        "email": {"person": True, "limit": 5, "pii": "hash", "normalise": "email"},
        "openid": {"limit": 10, "scoped": True, "default_scope": "main"},
        "external": {"limit": 20, "scoped": True, "default_scope": "main"},
        "mac": {"weak": True, "limit": 20, "pii": "hash", "normalise": "mac"},
        "cookie": {"weak": True, "limit": 50},
    },
    "blocked": {"phone": ["13800000000"]},
    "caps": {"neighbours": {"weak": 20, "other": 200}},
    "dedupe": {"days": 30},
}
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
Position = tuple[int, str, int, int]


@dataclass
class Copy:
    """What one record says of whom: its identifiers in the lives that it speaks of, without those erased later.

    `strongest`: None if that one was erased later. `who`: the life that it was in all the same. `replaced`, `inviter`:
    as below.
    """

    mark: Mark
    identifiers: list[Identifier]
    strongest: Identifier | None
    replaced: tuple[Identifier, Identifier] | None
    inviter: Identifier | None
    who: Key


@dataclass
class Accepted:
    """An event with its identifiers, strongest first. `replaced`: new card and old card of a `card.replaced`.

    `inviter`: on whose invitation somebody registered. `copies`: one per record that carried it.
    """

    event: Event
    identifiers: list[Identifier]
    replaced: tuple[Identifier, Identifier] | None
    inviter: Identifier | None = None
    copies: list[Copy] = field(default_factory=list)


def copy_of(each: Accepted, rulings: Rulings) -> Copy:
    """What the record of an event says of whom."""
    place = each.event.record.position
    living = [rulings.living(identifier, place) for identifier in each.identifiers]
    replaced = None
    if each.replaced is not None:
        new, old = (rulings.living(identifier, place) for identifier in each.replaced)
        replaced = None if new is None or old is None else (new, old)
        living += [old] if old is not None else []
    inviter = None if each.inviter is None else rulings.living(each.inviter, place)
    seen = [identifier for identifier in living if identifier is not None]
    strongest = living[0]
    who = rulings.named_at(key_of(each.identifiers[0]), place) if strongest is None else key_of(strongest)
    return Copy((each.event.time, place), seen, strongest, replaced, inviter, who)


@dataclass
class Outcome:
    """What the log comes to.

    `people`: contents, in no order. `refused`: (stronger `namespace:token`, weaker, rule). `dead_letters`: log position
    -> code. `dropped`: (log position, namespace, rule), in the log's order. `reused`: log positions of `id_reused`.
    """

    people: list[dict[str, Any]]
    refused: set[tuple[str, str, str]]
    dead_letters: dict[Position, str]
    dropped: list[tuple[Position, str, str]]
    reused: list[Position]


Now = datetime | Callable[[list[dict[str, Any]]], datetime]


def run(
    records: Iterable[Record],
    hash_key: bytes,
    config: dict[str, Any] | None = None,
    now: Now = NOW,
    answers: Iterable[dict[str, Any]] = (),
) -> Outcome:
    """People and reports of a log, whatever the order in which its records are handed in.

    `config` has the members of DEFAULT_CONFIG; one that is missing has the default. `now`: the instant at which people
    are described, or what gives it for a person's identifiers. `answers`: those to all commands, by id.
    """
    config = DEFAULT_CONFIG | (config or {})
    outcome = Outcome([], set(), {}, [], [])
    accepted: list[Accepted] = []
    named: dict[tuple[str, str, str], list[Accepted]] = {}  # by id, source, and the strongest one's life
    rulings = read_rulings(answers, config, hash_key)
    for record in sorted(records, key=lambda each: each.position):
        try:
            candidate, dropped = admit(decode(record), config, hash_key, rulings)
        except BadRecordError as error:
            outcome.dead_letters[record.position] = str(error)
            continue
        outcome.dropped += [(record.position, namespace, rule) for namespace, rule in dropped]
        strongest = rulings.named_at(key_of(candidate.identifiers[0]), record.position)
        life = strongest[1].partition(LIFE)[2]
        if rulings.blocks:  # what is left of a copy that lost its strongest identifier is another event
            whole, _ = admit(decode(record), config, hash_key, Rulings(hash_key, [], [], {}, [], [], set()))
            life += "" if whole.identifiers[0] == candidate.identifiers[0] else f" {strongest}"
        namesakes = named.setdefault((candidate.event.id, candidate.event.source, life), [])
        earlier = find_earlier(namesakes, candidate, timedelta(days=config["dedupe"]["days"]))
        if earlier is None:
            accepted.append(candidate)
            namesakes.append(candidate)
            earlier = candidate
        if earlier.event.body == candidate.event.body:
            earlier.copies.append(copy_of(candidate, rulings))
        else:
            outcome.reused.append(record.position)
    observed = observe(accepted, config)
    for identifier, at in rulings.created:
        key = key_of(identifier)
        observed.created.append((key, at))
        observed.identifiers.setdefault(key, identifier)
        observed.last_seen[key] = max(observed.last_seen.get(key, at), at)
    observed.silent = rulings.silent
    observed.past = {key for key in observed.identifiers if rulings.is_past(key)}
    links = link(observed, config, rulings.standing)
    outcome.refused = {(text_of(strong), text_of(weak), rule) for strong, weak, rule in links.refused}
    outcome.people = people(accepted, observed, links, config, now)
    return outcome


def text_of(key: Key) -> str:
    """An identifier as outputs show it."""
    return f"{key[0]}:{key[1].partition(LIFE)[0]}"


def admit(
    event: Event, config: dict[str, Any], hash_key: bytes, rulings: Rulings
) -> tuple[Accepted, list[tuple[str, str]]]:
    """The event with what is left of its identifiers, and what was dropped: (namespace, rule)."""
    beside = [("card", event.data["replaces"])] if event.type == "card.replaced" else []
    if event.type.startswith("referral."):
        beside = list(event.data.get("inviter", {}).items())
    for namespace in [*event.identifiers, *[namespace for namespace, _ in beside]]:
        if namespace not in config["namespaces"]:
            raise BadRecordError("unknown_namespace")
    named = [(namespace, raw) for namespace, values in event.identifiers.items() for raw in values]
    dropped: list[tuple[str, str]] = []

    def read_these(values: list[tuple[str, str]]) -> list[Identifier]:
        return read_all(values, config, hash_key, dropped, (rulings, event.record.position))

    identifiers = sorted(read_these(named), key=lambda each: each.strength)
    others = read_these(beside)
    replaced = None
    if event.type == "card.replaced" and others:
        identifiers, replaced = replacement(identifiers, others[0])
    for one, other in pairwise(identifiers):
        same = one.namespace == other.namespace and one.scope == other.scope
        if same and config["namespaces"][one.namespace].get("unique"):
            raise BadRecordError("conflicting_identifiers")
    if not identifiers:
        raise BadRecordError("no_identifier")
    inviter = others[0] if event.type == "referral.registered" and others else None
    return Accepted(event, identifiers, replaced, inviter), dropped


def read_all(
    values: list[tuple[str, str]],
    config: dict[str, Any],
    hash_key: bytes,
    dropped: list[tuple[str, str]],
    where: tuple[Rulings, Position],
) -> list[Identifier]:
    """The distinct identifiers in values; what has none is added to `dropped`."""
    found: list[Identifier] = []
    for namespace, raw in values:
        try:
            identifier = read(namespace, raw, config, hash_key)
        except DroppedError as error:
            dropped.append((namespace, str(error)))
            continue
        rulings, position = where
        if rulings.drops(identifier, [raw.strip(), identifier.normal, identifier.normal.partition(":")[2]], position):
            dropped.append((namespace, "blocked_value"))
        elif identifier not in found:
            found.append(identifier)
    return found


def replacement(
    identifiers: list[Identifier], old: Identifier
) -> tuple[list[Identifier], tuple[Identifier, Identifier] | None]:
    """The identifiers without the old card, and (new, old); a card that replaces itself replaces nothing."""
    rest = [identifier for identifier in identifiers if identifier != old]
    cards = [identifier for identifier in rest if identifier.namespace == "card"]
    if not cards:
        return identifiers, None
    same_scope = [card for card in cards if card.scope == old.scope]
    return rest, ([*same_scope, *cards][0], old)


def find_earlier(namesakes: list[Accepted], candidate: Accepted, window: timedelta) -> Accepted | None:
    """The event that this one repeats, its namesake within the window of the first record's append time."""
    for earlier in namesakes:
        apart_ms = candidate.event.record.append_ms - earlier.event.record.append_ms
        if timedelta(milliseconds=apart_ms) <= window:
            return earlier
    return None


def observe(accepted: list[Accepted], config: dict[str, Any]) -> Observed:
    """Sights, evidence, unbinds and logouts of all events."""
    observed = Observed({}, {}, {}, [], [])
    for each in accepted:
        event = each.event
        for copy in each.copies:
            for identifier in copy.identifiers:
                key = key_of(identifier)
                observed.identifiers[key] = identifier
                observed.last_seen[key] = max(observed.last_seen.get(key, event.time), event.time)
            observe_links(observed, event.type, copy, config)
            if copy.replaced:
                strong, weak = sorted(copy.replaced, key=lambda identifier: identifier.strength)
                observe_pair(observed, strong, weak, copy.mark, alias=True)
    return observed


def observe_links(observed: Observed, kind: str, copy: Copy, config: dict[str, Any]) -> None:
    """What a record says of the links between its identifiers."""
    time = copy.mark[0]
    named = [one for one in copy.identifiers if copy.replaced is None or one is not copy.replaced[1]]
    if kind == "card.unbind":
        for card in [key_of(identifier) for identifier in named if identifier.namespace == "card"]:
            others = [key_of(identifier) for identifier in named if key_of(identifier) != card]
            observed.unbound += [(card, other, time) for other in others]
    elif kind == "session.logout":
        devices = [one for one in named if config["namespaces"][one.namespace].get("weak")]
        observed.logged_out += [(key_of(identifier), time) for identifier in devices]
    elif copy.strongest is not None:
        for other in named:
            if other is not copy.strongest:
                observe_pair(observed, copy.strongest, other, copy.mark, alias=False)


def observe_pair(observed: Observed, strong: Identifier, weak: Identifier, mark: Mark, *, alias: bool) -> None:
    """One more record that names both."""
    pair = (key_of(strong), key_of(weak))
    known = observed.evidence.get(pair)
    if known is None:
        known = observed.evidence[pair] = Evidence(strong, weak, mark, mark)
    known.first = min(known.first, mark)
    known.last = max(known.last, mark)
    known.alias = known.alias or alias


def people(  # noqa: C901 - one rule after the other
    accepted: list[Accepted], observed: Observed, links: Links, config: dict[str, Any], now: Now
) -> list[dict[str, Any]]:
    """One person per group, and one more per contested device that has value facts."""
    group_of = {key: number for number, group in enumerate(links.groups) for key in group}
    held = [group - observed.past for group in links.groups]
    known = [any(config["namespaces"][key[0]].get("person") for key in group) for group in held]
    neighbours = Values(observed, config).neighbours
    seen: dict[Key, list[datetime]] = {key: [] for key in group_of}
    for key, at in observed.created:
        seen[key].append(at)
    events_of: list[list[Accepted]] = [[] for _ in links.groups]
    values_of: list[list[Accepted]] = [[] for _ in links.groups]
    kept_by: dict[Key, list[Accepted]] = {}
    invited_by: dict[Key, set[Key]] = {}
    for each in accepted:
        for identifier in [one for copy in each.copies for one in copy.identifiers]:
            seen[key_of(identifier)].append(each.event.time)
        if each.event.type in facts.SILENT:
            continue
        for copy in each.copies:
            if copy.inviter is not None:
                invited_by.setdefault(key_of(copy.inviter), set()).add(copy.who)
        if each.copies[0].strongest is None:
            continue
        strongest = key_of(each.copies[0].strongest)
        home = group_of[strongest]
        events_of[home].append(each)
        second = [group_of[key] for key in neighbours[strongest] if known[group_of[key]] and group_of[key] != home]
        if config["namespaces"][strongest[0]].get("weak") and known[home] and second:
            if facts.carries_value(each.event):
                kept_by.setdefault(strongest, []).append(each)
        else:
            values_of[home].append(each)
    found = []
    for number, group in enumerate(links.groups):
        shown = [observed.identifiers[key] for key in held[number]]
        identifiers = sorted(shown, key=lambda each: (each.rank, each.token))
        listed = [described(identifier, seen[key_of(identifier)]) for identifier in identifiers]
        about = {
            "first_seen": facts.text_of(min(time for key in group for time in seen[key])),
            "last_seen": facts.text_of(max(time for key in group for time in seen[key])),
            "known": known[number],
            "identifiers": listed,
        }
        invited = {one for key in group for one in invited_by.get(key, ())} - set(group)
        cards = count_cards(held[number], observed)
        at = now if isinstance(now, datetime) else now(listed)
        found.append(about | contents(events_of[number], values_of[number], set(group), (len(invited), cards), at))
    for kept in kept_by.values():
        times = sorted(each.event.time for each in kept)
        about = {
            "first_seen": facts.text_of(times[0]),
            "last_seen": facts.text_of(times[-1]),
            "known": False,
            "identifiers": [],
        }
        at = now if isinstance(now, datetime) else now([])
        found.append(about | contents([], kept, set(), (0, 0), at))
    return found


def count_cards(group: set[Key], observed: Observed) -> int:
    """Cards of a group, those of one alias class as one."""
    classes = [{key} for key in group if key[0] == "card"]
    for (one, other), evidence in observed.evidence.items():
        if evidence.alias and one in group and other in group and one[0] == other[0] == "card":
            both = [each for each in classes if one in each or other in each]
            classes = [each for each in classes if each not in both] + [set().union(*both)]
    return len(classes)


def described(identifier: Identifier, times: list[datetime]) -> dict[str, Any]:
    """An entry of a profile's `identifiers`."""
    return {
        "namespace": identifier.namespace,
        "token": identifier.token.partition(LIFE)[0],
        "display": identifier.display,
        "first_seen": facts.text_of(min(times)),
        "last_seen": facts.text_of(max(times)),
    }


def contents(
    mine: list[Accepted], worth: list[Accepted], group: set[Key], counts: tuple[int, int], now: datetime
) -> dict[str, Any]:
    """What a profile says beside its identifiers: of what was done, and of what has value.

    `counts`: people invited, and cards.
    """
    events, values = [each.event for each in mine], [each.event for each in worth]
    orders = facts.orders_of(values)
    listed = list(orders.values())
    scoped = [(each.event, first_openid(each)) for each in mine]
    registered = sorted((each for each in worth if each.inviter is not None), key=lambda each: facts.stamp(each.event))
    inviter = (registered[0].copies[0].inviter or registered[0].inviter) if registered else None
    by = None if inviter is None or key_of(inviter) in group else text_of(key_of(inviter))
    return {
        "traits": facts.traits(events),
        "counters": facts.counters(events),
        "consents": facts.consents(values),
        **facts.orders(orders),
        "shipments": facts.shipments(orders),
        "activity": doings.activity(events, listed, now),
        "acquisition": doings.acquisition(events),
        "affinity": doings.affinity(events, listed),
        "membership": doings.membership(events, counts[1]),
        "wechat": doings.wechat(scoped),
        "appointments": doings.appointments(events, now),
        "engagement": doings.engagement(events),
        "points": belongings.points(values),
        "coupons": belongings.coupons(values, now),
        "rewards": belongings.rewards(values),
        "referral": {"referred_by": by, "referred": counts[0]},
    }


def first_openid(each: Accepted) -> str:
    """The account of the event's strongest openid."""
    scopes = [identifier.scope for identifier in each.identifiers if identifier.namespace == "openid"]
    return scopes[0] if scopes else "main"
