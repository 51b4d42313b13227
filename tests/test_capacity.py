"""The capacity page: committed as the results make it, and its arithmetic is right."""

from benchmarks.capacity import MARK, PAGE, Costs, made, plan, shards_for_memory

CHEAP = Costs(worker_us=100, kafka_us=50, redis_us=20, published_bytes=1_000, person_bytes=2_000)


def test_the_page_is_what_the_results_make() -> None:
    """No figure on it is behind what was measured last."""
    assert PAGE.read_text() == made(), "Run: python -m benchmarks.capacity"


def test_a_rate_takes_what_its_events_cost() -> None:
    """Cores by CPU time, planned to be seven tenths busy; partitions a power of two that workers fit in."""
    found = plan(CHEAP, 100_000)
    assert found.workers == 15  # 100,000 x 100 us = 10 cores, by 0.7
    assert found.partitions == 16
    assert found.redis_shards == 3
    assert found.kafka_cores == 8
    assert round(found.network_mb) == 378  # 100,000 x 1,260 bytes, three times
    assert round(found.disk_tb) == 202  # 100,000 x 260 bytes x 30 days, three times


def test_the_least_is_one_of_each() -> None:
    """Of a trickle too, with the partitions that topics are made with."""
    assert plan(CHEAP, 1)[:4] == (1, 4, 1, 1)


def test_people_take_memory() -> None:
    """Stores of 32 GB, planned to be seven tenths full."""
    assert shards_for_memory(CHEAP, 10_000_000) == 1
    assert shards_for_memory(CHEAP, 100_000_000) == 9


def test_what_was_not_measured_is_marked() -> None:
    """Every row of people and rates beyond what this machine was asked for."""
    rows = [line for line in made().splitlines() if line.startswith("| 1")]
    assert rows
    assert all(MARK in row for row in rows)
