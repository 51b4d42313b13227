"""How right the people are, on a smaller world than the benchmark's: bounds that a change of the rules must keep."""

from datetime import date
from typing import get_args

import pytest

from benchmarks.truth import measured, resolved
from resolvers.namespaces import Policy
from stream.demo.truth import Quality
from stream.demo.world import World, generate


@pytest.fixture(scope="module")
def world() -> World:
    """Eight hundred people, each third of whom is somehow hard."""
    return generate(7, 800, date(2026, 11, 21))


@pytest.fixture(scope="module")
def found(world: World) -> dict[str, Quality]:
    """All ways, measured."""
    return measured(world)


def test_the_default_policy_is_right(found: dict[str, Quality]) -> None:
    """Precision at least 0.99 and recall at least 0.95, by pairs and by B-cubed."""
    latest = found["latest"]
    assert latest.pairwise_precision >= 0.99
    assert latest.b_cubed_precision >= 0.99
    assert latest.pairwise_recall >= 0.95
    assert latest.b_cubed_recall >= 0.95


def test_no_simple_way_is_as_good(found: dict[str, Quality]) -> None:
    """Linking everything joins strangers, linking by phone misses people; every policy beats both where they fail."""
    for policy in get_args(Policy):
        assert found[policy].pairwise_precision > found["link everything"].pairwise_precision + 0.3
        assert found[policy].pairwise_recall > found["same phone only"].pairwise_recall


def test_no_device_joins_people_who_are_known_by_phone_only(world: World) -> None:
    """Two true people whose only strong identifiers are phones are never in one profile."""
    strong: dict[str, set[str]] = {}
    for name, owner in world.truth.items():
        if not name.startswith(("mac:", "cookie:")):
            strong.setdefault(owner, set()).add(name)
    by_phone = {owner: names for owner, names in strong.items() if all(name.startswith("phone:") for name in names)}
    holder = resolved(world, "latest")
    owners: dict[str, set[str]] = {}
    for owner, names in by_phone.items():
        for name in names & holder.keys():
            owners.setdefault(holder[name], set()).add(owner)
    assert len(by_phone) > 8
    assert all(len(several) == 1 for several in owners.values())
