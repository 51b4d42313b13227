"""Worlds to simulate: identity rules, and logs that meet them often.

`naive_config` says the same rules to the naive model, so that a world is described once.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec.structs import replace

from resolvers.namespaces import DEFAULT_RULES, Caps, IdentityRules, Limit, Policy
from tests.simulation.logs import (
    blocking_log,
    commanded_log,
    crowded_log,
    cutting_log,
    erasing_log,
    governed_log,
    random_log,
    reusing_log,
    ruled_log,
    unbinding_log,
)
from topics.records import Record


class World(NamedTuple):
    """Rules, and what makes a log of a seed."""

    name: str
    rules: IdentityRules
    log: Callable[[int], list[Record]]


def small_rules(policy: Policy, caps: Caps) -> IdentityRules:
    """Rules so tight that a log of twenty events meets hubs, limits and windows."""
    namespaces = dict(DEFAULT_RULES.namespaces)
    namespaces["phone"] = replace(namespaces["phone"], limit=Limit(2))
    namespaces["openid"] = replace(namespaces["openid"], limit=Limit(1, 1))
    namespaces["cookie"] = replace(namespaces["cookie"], limit=Limit(1))
    return replace(DEFAULT_RULES, policy=policy, namespaces=namespaces, caps=caps)


def naive_config(rules: IdentityRules) -> dict[str, Any]:
    """The rules as the naive model reads them."""
    namespaces = {
        one.name: {
            "person": one.person,
            "unique": one.unique,
            "weak": one.weak,
            "scoped": one.scoped,
            "default_scope": one.default_scope,
            "limit": None if one.limit is None else {"n": one.limit.n, "days": one.limit.days},
            "pii": one.pii,
            "normalise": one.normalise,
            "region": one.region,
        }
        for one in rules.namespaces.values()
    }
    return {
        "policy": rules.policy,
        "namespaces": namespaces,
        "blocked": {},
        "caps": {"neighbours": {"weak": rules.caps.weak, "other": rules.caps.other}},
        "dedupe": {"days": rules.dedupe.days},
    }


TIGHT = Caps(weak=2, other=4)
LOOSE = Caps(weak=3, other=6)

WORLDS = (
    World("default", DEFAULT_RULES, random_log),
    World("crowded", DEFAULT_RULES, crowded_log),
    World("tight, latest", small_rules("latest", TIGHT), crowded_log),
    World("tight, drop", small_rules("drop", TIGHT), crowded_log),
    World("loose, latest", small_rules("latest", LOOSE), crowded_log),
    World("loose, first", small_rules("first", LOOSE), crowded_log),
    World("loose, drop", small_rules("drop", LOOSE), crowded_log),
    World("cutting", DEFAULT_RULES, cutting_log),
    World("cutting, loose, latest", small_rules("latest", LOOSE), cutting_log),
    World("cutting, loose, drop", small_rules("drop", LOOSE), cutting_log),
    World("reusing", DEFAULT_RULES, reusing_log),
    World("reusing, tight, latest", small_rules("latest", TIGHT), reusing_log),
    World("commanded", DEFAULT_RULES, commanded_log),
    World("commanded, loose, latest", small_rules("latest", LOOSE), commanded_log),
    World("commanded, loose, first", small_rules("first", LOOSE), commanded_log),
    World("commanded, loose, drop", small_rules("drop", LOOSE), commanded_log),
    World("erasing", DEFAULT_RULES, erasing_log),
    World("unbinding, loose, latest", small_rules("latest", LOOSE), unbinding_log),
    World("blocking, loose, first", small_rules("first", LOOSE), blocking_log),
    World("governed", DEFAULT_RULES, governed_log),
    World("ruled, loose, drop", small_rules("drop", LOOSE), ruled_log),
)

DAYS = (0, 0, 1, 2, 31, 92, 200, 400)


def days_of(seed: int) -> int:
    """How many days pass in a run: over the thresholds of windows, coupons, appointments and the default rules."""
    return DAYS[seed % len(DAYS)]
