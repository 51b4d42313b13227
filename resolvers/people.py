"""People: a component's groups folded into the contents of profiles.

A pure function of the component, the rules, an instant and nothing else: the same evidence and facts give the same
people, whatever order they came in. Of the instant depends only what has a date: windows, expiry, appointments; a
person's `due_us` says when the next of these changes. Contents are all of the contract's profile but `id`,
`profile_id`, `version`, `at`, `cause` and the ids in `merged_from`, which belong to publication.
Must not know: profile ids, versions, what was published.
"""

from collections.abc import Mapping
from operator import is_not
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from resolvers.activity import NEVER_DUE_US, present_run, windows
from resolvers.amounts import join, number
from resolvers.behaviour import NEVER_US, Doings, acquisition, behaviour, ranked, referred, viewed
from resolvers.component import Component
from resolvers.constraints import InForce, in_force
from resolvers.counting import asserted_values
from resolvers.evidence import Pair
from resolvers.facets import Facet, Facts, Values
from resolvers.fitting import fitting
from resolvers.holdings import holding, referred_by
from resolvers.judging import Judged
from resolvers.judging import Rulebook as MemberRules
from resolvers.ledger import EMPTY, Ledger
from resolvers.life_keys import shown
from resolvers.namespaces import CARD, IdentityRules, namespace_of
from resolvers.orders import Order
from resolvers.partition import Refused, partition, stands
from resolvers.writes import visible
from topics.instants import DAY_US, to_text

VALUES_OF = "!"
"""Leads the holder of a contested device's second profile; no namespace begins with it."""

_CARDS = f"{CARD}:"


class Person(Struct, frozen=True, gc=False):
    """One person. `holder` is the strongest identifier's key; `members` are all that it holds, strongest first.

    `members` are as outputs show them; `keys` are those of the facets that are folded into it, also of lives that are
    over (`resolvers.life_keys`). `body` is the contents as canonical JSON; `value` is the lifetime value per currency.
    `due_us`: the first instant at which the contents may be others, should no event come. `judged`: what rules decide,
    where there are rules.
    """

    holder: str
    members: tuple[str, ...]
    body: bytes
    value: dict[str, str]
    due_us: int = NEVER_DUE_US
    judged: Judged | None = None
    keys: tuple[str, ...] = ()


class Fold(Struct, frozen=True, gc=False):
    """A group as it was folded: from which facets, which of them contested, when, and into whom."""

    facets: list[Facet]
    apart: frozenset[str]
    now_us: int
    person: Person
    aside: list[Person]

    def holds(self, now_us: int) -> bool:
        """Whether time alone has changed nothing."""
        return self.now_us <= now_us < min([self.person.due_us, *[one.due_us for one in self.aside]])


class People(Struct, frozen=True, gc=False):
    """A component's people, and the evidence that was refused."""

    persons: list[Person]
    refused: tuple[Refused, ...]


def people(
    component: Component,
    rules: IdentityRules,
    now_us: int,
    blocked: frozenset[str] = frozenset(),
    member: MemberRules | None = None,
) -> People:
    """Divide a component into people, fold each one's facets, as they are at `now_us`, and judge them by `member`.

    What is kept with the component spares work, and holds for one set of rules: whoever asks by others reads it anew.
    It is divided again where its division does not stand any more; a group whose facets are those of the last division
    is not folded again while that holds; of who has many orders, only those that changed are added up.
    Identifiers that are only spoken of are nobody's.
    """
    division = component.division
    if division is None or not stands(division, component.edges, rules):
        seen: Mapping[str, Facet] = component.facets
        if not all([facet.seen for facet in seen.values()]):
            seen = {key: facet for key, facet in seen.items() if facet.seen}
        division = partition(seen, component.edges, rules, blocked, component.constraints)
        component.division = division if division.ties is not None and seen is component.facets else None
    folds: dict[tuple[str, ...], Fold] = {}
    persons: list[Person] = []
    aside: list[Person] = []
    ruled = in_force(component.constraints)
    for members in division.groups:
        facets = [component.facets[key] for key in members]
        held = ruled.held(members)
        apart = division.contested.intersection(members) if division.contested else division.contested
        fold = component.folds.get(members)
        if (
            fold is None
            or fold.apart != apart
            or not fold.holds(now_us)
            or any(map(is_not, fold.facets, facets))
            or fold.person.members != held
        ):
            cards = _cards(members, component, ruled)
            at = _At(rules, now_us, cards, member, held, ruled, component.ledgers)
            fold = Fold(facets, apart, now_us, *_fold(members, facets, apart, at))
        folds[members] = fold
        persons.append(fold.person)
        aside += fold.aside
    if len(persons) > 1:  # one person is folded whenever it changes; a crowd mostly stays as it is
        component.folds = folds
    if component.ledgers:
        for holder in component.ledgers.keys() - {person.holder for person in (*persons, *aside)}:
            del component.ledgers[holder]
    return People(persons + aside, division.refused)


class _At(Struct, frozen=True, gc=False):
    """What a fold needs beside facets. `cards`: how many cards the person has; `held`: the identifiers to show.

    `ruled`: what operators have said of it. `ledgers`: of persons with many orders, by holder, as far as they are kept.
    """

    rules: IdentityRules
    now_us: int
    cards: int
    member: MemberRules | None
    held: tuple[str, ...]
    ruled: InForce
    ledgers: dict[str, Ledger]


def _cards(members: tuple[str, ...], component: Component, ruled: InForce) -> int:
    """How many cards there are when those that took another's place count as one."""
    cards = {key for key in members if key.startswith(_CARDS)}
    if ruled.past or ruled.same:
        cards = {*ruled.one(cards)} - ruled.past
    if len(cards) < 2:  # noqa: PLR2004 - two can be one
        return len(cards)
    named = {Pair(*ruled.one(pair)): edge for pair, edge in component.edges.items()} if ruled.same else component.edges
    found = asserted_values({pair: edge for pair, edge in named.items() if cards.issuperset(pair)}, frozenset())
    return len({found.get(key, key) for key in cards})


def _fold(members: tuple[str, ...], facets: list[Facet], apart: frozenset[str], at: _At) -> tuple[Person, list[Person]]:
    """A group's person, and the second profiles of those of its devices that are contested."""
    pairs = list(zip(members, facets, strict=True))
    values = [facet.values for key, facet in pairs if key not in apart and facet.values.dated]
    aside: dict[str, list[Values]] = {}
    for key, facet in pairs if apart else ():
        if key in apart and facet.values.dated:
            aside.setdefault(at.ruled.same.get(key, key), []).append(facet.values)
    person = _person(members[0], pairs, values, at)
    if not aside:
        return person, []
    alone = replace(at, cards=0, held=())
    return person, [_person(f"{VALUES_OF}{key}", [], some, alone) for key, some in aside.items()]


def _person(holder: str, facets: list[tuple[str, Facet]], values: list[Values], at: _At) -> Person:
    """The fold of some facets and some value facts."""
    dated: list[Facet] | list[Values] = [facet for _, facet in facets] or values
    keys, members = tuple([key for key, _ in facets]), at.held
    facts = [facet.facts for _, facet in facets]
    doings = [fact.more for fact in facts if fact.more is not None]
    holdings = [one.more for one in values if one.more is not None]
    having = [value.orders for value in values if value.orders]
    ledger = _ledger(at.ledgers, holder, having) if having else EMPTY
    value = ledger.value
    activity, move_us = _activity(facts, ledger, at.now_us)
    behaves, next_us = behaviour(doings, at.cards, at.now_us)
    holds, expiry_us = holding(holdings, at.now_us)
    contents: dict[str, Any] = {
        "first_seen": to_text(min([one.first_us for one in dated])),
        "last_seen": to_text(max([one.last_us for one in dated])),
        "known": any([namespace_of(key, at.rules).person for key in members]),
        "identifiers": [_identifier(key, facet.display, facet.first_us, facet.last_us) for key, facet in facets]
        if keys == members  # most often: each is in its first life
        else _identifiers([one for one in facets if one[0] not in at.ruled.past], members),
        "traits": _traits(facts),
        "counters": _counters([fact.counters for fact in facts if fact.counters]),
        "consents": _consents(values) if values else {},
        "lifetime_value": value,
        **ledger.shown,
        "activity": activity,
        "acquisition": acquisition(
            [touch for fact in facts for touch in (fact.first_touch, fact.last_touch) if touch is not None]
        ),
        "affinity": _affinity(facts, doings, ledger),
        "referral": {
            "referred_by": referred_by(holdings, keys) if holdings else None,
            "referred": referred(doings, keys) if doings else 0,
        },
        **behaves,
        **holds,
    }
    due_us = min(move_us, next_us, expiry_us)
    if at.member is None:
        return Person(holder, members, fitting(contents), value, due_us, None, keys)
    judged = at.member.judge(contents, at.now_us)
    contents.update(judged.additions)
    if not judged.occasions:
        judged = replace(judged, values=[])  # only occasions are looked at again, and persons are kept
    return Person(holder, members, fitting(contents), value, min(due_us, judged.due_us), judged, keys)


def _ledger(ledgers: dict[str, Ledger], holder: str, orders: list[dict[str, Order]]) -> Ledger:
    """The ledger of a holder's orders, moved from the one that was kept, and kept where that is worth it."""
    before = ledgers.get(holder, EMPTY)
    ledger = before.moved(orders)
    if ledger is not before and ledger.is_worth_keeping:
        ledgers[holder] = ledger
    return ledger


def _traits(facts: list[Facts]) -> dict[str, Any]:
    last = [fact.traits for fact in facts if fact.traits]
    first = [fact.once for fact in facts if fact.once]
    return visible(last, first) if last or first else {}


def _activity(facts: list[Facts], ledger: Ledger, now_us: int) -> tuple[dict[str, Any], int]:
    last_us = max([fact.last_us for fact in facts], default=NEVER_US)
    days = [fact.days for fact in facts if fact.days]
    shown, due_us = windows(days, ledger.days, now_us)
    since, silence_days = present_run(days, [fact.runs for fact in facts if fact.runs])
    return {
        "last_at": to_text(last_us) if last_us != NEVER_US else None,
        "since": None if since is None else to_text(since * DAY_US),
        "silence_days": silence_days,
        **shown,
    }, due_us


def _affinity(facts: list[Facts], doings: list[Doings], ledger: Ledger) -> dict[str, list[str]]:
    categories = [one.categories for one in doings if one.categories]
    if ledger.categories:
        categories.append(ledger.categories)
    stores = [fact.stores for fact in facts if fact.stores]
    return {
        "stores": ranked(stores) if stores else [],
        "categories": ranked(categories) if categories else [],
        "viewed": viewed(doings) if doings else [],
    }


def _identifiers(facets: list[tuple[str, Facet]], members: tuple[str, ...]) -> list[dict[str, str]]:
    """The identifiers that a person holds; the lives of one that are the same are told as one."""
    found: dict[str, list[Facet]] = {key: [] for key in members}
    for key, facet in facets if members else ():
        found[shown(key)].append(facet)
    return [
        _identifier(key, lives[0].display, min([one.first_us for one in lives]), max([one.last_us for one in lives]))
        for key, lives in found.items()
    ]


def _identifier(key: str, display: str, first_us: int, last_us: int) -> dict[str, str]:
    namespace, _, token = key.partition(":")
    return {
        "namespace": namespace,
        "token": token,
        "display": display,
        "first_seen": to_text(first_us),
        "last_seen": to_text(last_us),
    }


def _counters(facets: list[dict[str, int | str]]) -> dict[str, float]:
    if not facets:
        return {}
    sums: dict[str, int | str] = {}
    for counters in facets:
        for name, total in counters.items():
            sums[name] = join(sums.get(name, 0), total)
    return {name: number(sums[name]) for name in sorted(sums)}


def _consents(values: list[Values]) -> dict[str, bool]:
    """The latest answer of each consent; on a tie no."""
    latest: dict[str, tuple[int, bool]] = {}
    for value in values:
        for name, answer in value.consents.items():
            there = latest.get(name)
            if there is None or (answer[0], not answer[1]) > (there[0], not there[1]):
                latest[name] = answer
    return {name: latest[name][1] for name in sorted(latest)}
