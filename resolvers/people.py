"""People: a component's groups folded into the contents of profiles.

A pure function of the component, the rules and nothing else: the same evidence and facts give the same people, whatever
order they came in. Contents are all of the contract's profile but `id`, `profile_id`, `version`, `at`, `cause` and
the ids in `merged_from`, which belong to publication.
Must not know: profile ids, versions, what was published.
"""

from typing import Any, NamedTuple

from resolvers.amounts import join, number
from resolvers.component import Component
from resolvers.facets import Facet, Values
from resolvers.namespaces import IdentityRules
from resolvers.orders import all_orders, lifetime_value, summary, totals
from resolvers.partition import Refused, namespace_of, partition
from resolvers.writes import visible
from topics.instants import to_text

VALUES_OF = "!"
"""Leads the holder of a contested device's second profile; no namespace begins with it."""


class Person(NamedTuple):
    """One person. `holder` is the strongest identifier's key; `members` are all, strongest first."""

    holder: str
    members: tuple[str, ...]
    contents: dict[str, Any]


class People(NamedTuple):
    """A component's people, and the evidence that was refused."""

    persons: list[Person]
    refused: tuple[Refused, ...]


def people(component: Component, rules: IdentityRules, blocked: frozenset[str] = frozenset()) -> People:
    """Divide a component into people and fold each one's facets."""
    division = partition(component.sights(), component.edges, rules, blocked)
    persons: list[Person] = []
    aside: list[Person] = []
    for members in division.groups:
        facets = [(key, component.facets[key]) for key in members]
        values = [facet.values for key, facet in facets if key not in division.contested]
        persons.append(Person(members[0], members, _contents(facets, values, rules)))
        aside += [
            Person(f"{VALUES_OF}{key}", (), _contents([], [facet.values], rules))
            for key, facet in facets
            if key in division.contested and facet.values.dated
        ]
    return People(persons + aside, division.refused)


def _contents(facets: list[tuple[str, Facet]], values: list[Values], rules: IdentityRules) -> dict[str, Any]:
    """The fold of some facets and some value facts."""
    dated = [(facet.first_us, facet.last_us) for _, facet in facets] or [(v.first_us, v.last_us) for v in values]
    facts = [facet.facts for _, facet in facets]
    orders = all_orders(value.orders for value in values)
    paid, refunded = totals(orders)
    return {
        "first_seen": to_text(min(first_us for first_us, _ in dated)),
        "last_seen": to_text(max(last_us for _, last_us in dated)),
        "known": any(namespace_of(key, rules).person for key, _ in facets),
        "identifiers": [_identifier(key, facet) for key, facet in facets],
        "traits": visible((fact.traits for fact in facts), [fact.once for fact in facts if fact.once]),
        "counters": _counters([fact.counters for fact in facts if fact.counters]),
        "consents": _consents(values),
        "lifetime_value": lifetime_value(paid, refunded),
        "orders": summary(orders, paid, refunded),
    }


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
