"""Every benchmark runs, small, on the session's servers: what it measures is nothing, that it can is what is tested."""

import json
from pathlib import Path

import pytest
import redis

from benchmarks import (
    bench,
    bulk_import,
    cluster,
    latency,
    restart,
    rules,
    side_by_side,
    storms,
    transport,
    workers,
)
from benchmarks.costs import RENEW, differences, kept_costs, live
from benchmarks.end_to_end import Case
from tests.conftest import Broker
from tests.live.redis_server import RedisServer


@pytest.fixture
def servers(kafka: Broker, redis_server: RedisServer) -> list[str]:
    """The options that name them."""
    return ["--brokers", kafka.bootstrap, "--redis", redis_server.url]


def test_make_bench(servers: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure that it owes is there, with its unit, and every sample was right; who is not here is left out.

    One worker and people drawn by Zipf stand for the other ways; the rivals of an environment of their own are not run.
    """
    monkeypatch.setattr(bench, "CASES", (Case("skewed", 1, 1.0),))
    monkeypatch.setattr(bench, "LEAST_EVENTS", 400)
    monkeypatch.setattr(bench, "RATE", 200.0)
    monkeypatch.setattr(bench, "GROWTH_SIZES", (10_000,))
    monkeypatch.setattr(latency, "WARM_SECONDS", 0.5)
    monkeypatch.setattr(side_by_side, "APART", tmp_path / "not/there")
    kept = tmp_path / "latest.json"
    assert bench.main([*servers, "--scale", "0.001", "--runs", "1", "--results", str(kept)]) == 0
    found = json.loads(kept.read_text())
    units = {name: one["unit"] for name, one in found.items() if isinstance(one, dict) and "unit" in one}
    ratios = ("plain_faust", "batched_faust", "networkx", "ceiling")
    assert units == {
        "end_to_end_skewed": "events/s",
        **{f"ratio_{name}": "x" for name in ratios},
        "latency_p50_ms_at_200": "ms",
        "latency_p99_ms_at_200": "ms",
        "redis_bytes_per_person": "bytes",
        "flatness_10k_1m": "x",
    }
    assert all(found[name]["value"] > 0 for name in units)
    assert found["machine"]["cores"] > 0
    assert found["details"]["latency"]["unseen"] == 0
    assert "people right" in found["details"]["side_by_side"]["plain_faust"]["sample"]
    assert kept.with_suffix(".svg").read_text().startswith("<svg")


def test_no_event_asks_redis_for_more(redis_server: RedisServer) -> None:
    """Scripts, commands and bytes of a seeded log are what is committed, by a server that counts."""
    wrong = differences(kept_costs()["redis"], live(redis_server.url))
    assert not wrong, "\n".join([*map(str, wrong), RENEW])


def test_merge_storms(servers: list[str], tmp_path: Path) -> None:
    """A chain is bounded by limits, with every visit there."""
    kept = tmp_path / "storms.json"
    options = ["--shapes", "chains", "--events", "400", "--results", str(kept)]
    assert storms.main([*servers, *options]) == 0
    found = json.loads(kept.read_text())
    assert 2 < found["chains"]["identifiers_of_the_largest"] < storms.CHAIN


def test_bulk_import(servers: list[str], tmp_path: Path) -> None:
    """Every row of a member base becomes somebody."""
    kept = tmp_path / "import.json"
    assert bulk_import.main([*servers, "--rows", "300", "--results", str(kept)]) == 0
    assert json.loads(kept.read_text())["rows"] == 300


def test_restart_after_a_crash(servers: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A killed worker's successor goes on, before and after the dead one is given up."""
    monkeypatch.setenv("IDWEAVE_KAFKA_SESSION_TIMEOUT_MS", "2000")
    kept = tmp_path / "restart.json"
    assert restart.main([*servers, "--people", "500", "--events", "300", "--results", str(kept)]) == 0
    assert json.loads(kept.read_text())["seconds_to_first_event"] > 0


def test_workers(servers: list[str], tmp_path: Path) -> None:
    """So many workers as asked for, whose people are right."""
    kept = tmp_path / "workers.json"
    options = ["--workers", "1", "--events", "400", "--people", "100", "--results", str(kept)]
    assert workers.main([*servers, *options]) == 0
    assert json.loads(kept.read_text())["1 worker"]["workers"] == 1


async def test_transport(kafka: Broker) -> None:
    """Chunks of all records reach an agent."""
    assert await transport.measure(kafka.bootstrap, 2_000, "chunk", 2) > 0


async def test_steps_of_a_store(
    redis_server: RedisServer, capsys: pytest.CaptureFixture[str], topic_prefix: str
) -> None:
    """Each kind of step is timed."""
    with redis.Redis.from_url(redis_server.url) as client:
        await cluster.measure(redis_server.url, topic_prefix, [client])
    assert capsys.readouterr().out.count(" us, of the servers ") == 4


def test_rules(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The default rules are timed."""
    monkeypatch.setattr(rules, "CALLS", 20)
    rules.main()
    assert "rules on one profile" in capsys.readouterr().out
