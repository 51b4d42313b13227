"""People: a component's groups folded into the contents of profiles.

A pure function of the component, the rules and nothing else: the same evidence and facts give the same people, whatever
order they came in. Contents are all of the contract's profile but `id`, `profile_id`, `version`, `at`, `cause` and
the ids in `merged_from`, which belong to publication.
Must not know: profile ids, versions, what was published.
"""

from operator import is_not
from typing import Any, NamedTuple

from resolvers.amounts import join, number
from resolvers.component import Component
from resolvers.facets import Facet, Values
from resolvers.namespaces import IdentityRules
from resolvers.orders import all_orders, lifetime_value, summary, totals
from resolvers.partition import Refused, namespace_of, partition
from resolvers.writes import visible
from topics.codec import canonical
from topics.instants import to_text

VALUES_OF = "!"
"""Leads the holder of a contested device's second profile; no namespace begins with it."""


class Person(NamedTuple):
    """One person. `holder` is the strongest identifier's key; `members` are all, strongest first.

    `body` is the contents as canonical JSON; `value` is the lifetime value per currency.
    """

    holder: str
    members: tuple[str, ...]
    body: bytes
    value: dict[str, str]


class Fold(NamedTuple):
    """A group as it was folded: from which facets, which of them contested, into which person and second profiles."""

    facets: list[Facet]
    apart: frozenset[str]
    person: Person
    aside: list[Person]


class People(NamedTuple):
    """A component's people, and the evidence that was refused."""

    persons: list[Person]
    refused: tuple[Refused, ...]


def people(component: Component, rules: IdentityRules, blocked: frozenset[str] = frozenset()) -> People:
    """Divide a component into people and fold each one's facets.

    A group whose facets are those of the component's last division is not folded again.
    """
    division = component.plain
    if division is None:
        division = partition(component.facets, component.edges, rules, blocked)
        component.plain = division if division.plain else None
    folds: dict[tuple[str, ...], Fold] = {}
    persons: list[Person] = []
    aside: list[Person] = []
    for members in division.groups:
        facets = [component.facets[key] for key in members]
        apart = division.contested.intersection(members) if division.contested else division.contested
        fold = component.folds.get(members)
        if fold is None or fold.apart != apart or any(map(is_not, fold.facets, facets)):
            fold = Fold(facets, apart, *_fold(members, facets, apart, rules))
        folds[members] = fold
        persons.append(fold.person)
        aside += fold.aside
    if len(persons) > 1:  # one person is folded whenever it changes; a crowd mostly stays as it is
        component.folds = folds
    return People(persons + aside, division.refused)


def _fold(
    members: tuple[str, ...], facets: list[Facet], apart: frozenset[str], rules: IdentityRules
) -> tuple[Person, list[Person]]:
    """A group's person, and the second profiles of those of its devices that are contested."""
    pairs = list(zip(members, facets, strict=True))
    values = [facet.values for key, facet in pairs if key not in apart]
    aside = [(key, facet) for key, facet in pairs if key in apart and facet.values.dated]
    return (
        _person(members[0], pairs, values, rules),
        [_person(f"{VALUES_OF}{key}", [], [facet.values], rules) for key, facet in aside],
    )


def _person(holder: str, facets: list[tuple[str, Facet]], values: list[Values], rules: IdentityRules) -> Person:
    """The fold of some facets and some value facts."""
    dated = [(facet.first_us, facet.last_us) for _, facet in facets] or [(v.first_us, v.last_us) for v in values]
    facts = [facet.facts for _, facet in facets]
    orders = all_orders([value.orders for value in values if value.orders])
    paid, refunded = totals(orders)
    value = lifetime_value(paid, refunded)
    contents: dict[str, Any] = {
        "first_seen": to_text(min(first_us for first_us, _ in dated)),
        "last_seen": to_text(max(last_us for _, last_us in dated)),
        "known": any(namespace_of(key, rules).person for key, _ in facets),
        "identifiers": [_identifier(key, facet) for key, facet in facets],
        "traits": visible([fact.traits for fact in facts if fact.traits], [fact.once for fact in facts if fact.once]),
        "counters": _counters([fact.counters for fact in facts if fact.counters]),
        "consents": _consents(values),
        "lifetime_value": value,
        "orders": summary(orders, paid, refunded),
    }
    return Person(holder, tuple(key for key, _ in facets), canonical(contents), value)


def _identifier(key: str, facet: Facet) -> dict[str, str]:
    namespace, _, token = key.partition(":")
    return {
        "namespace": namespace,
        "token": token,
        "display": facet.display,
        "first_seen": to_text(facet.first_us),
        "last_seen": to_text(facet.last_us),
    }


def _counters(facets: list[dict[str, int | str]]) -> dict[str, float]:
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
