"""What an event costs that no machine changes: nothing gets dearer unseen."""

import pytest

from benchmarks.costs import (
    CHEAPER,
    DEARER,
    RENEW,
    VERSION,
    Costs,
    Difference,
    differences,
    kept_costs,
    offline,
)


@pytest.fixture(scope="module")
def counted() -> tuple[Costs, Costs]:
    """Over the store in memory: steps and bytes, and Python calls."""
    return offline()


def test_no_event_asks_the_store_for_more(counted: tuple[Costs, Costs]) -> None:
    """Steps, rounds, bytes and records of a seeded log are what is committed, within some percent."""
    wrong = differences(kept_costs()["in_memory"], counted[0])
    assert not wrong, "\n".join([*map(str, wrong), RENEW])


def test_no_event_takes_more_python(counted: tuple[Costs, Costs]) -> None:
    """Calls of the pure core too, where they were kept for this minor version of Python; another counts otherwise."""
    wrong = differences(kept_costs()["python_calls"].get(VERSION, counted[1]), counted[1])
    assert not wrong, "\n".join([*map(str, wrong), RENEW])


def test_a_difference_says_what_to_do() -> None:
    """Dearer by more than the tolerance is told, cheaper only where it is worth keeping; new ones are told."""
    kept = {"commits": 1.0, "reads": 1.0, "gone": 1.0}
    assert differences(kept, {"commits": 1 + DEARER - 0.01, "reads": 1 - CHEAPER + 0.01, "gone": 1.0}) == []
    found = differences(kept, {"commits": 1.2, "reads": 0.5, "gone": 1.0, "new": 0.1})
    assert [one.name for one in found] == ["commits", "new", "reads"]
    assert str(found[0]) == "commits: 1.20 for each event, and 1.00 were kept (+20.0%)"
    assert "make costs" in RENEW
    assert Difference("a", 0.0, 0.0).change == 0.0
