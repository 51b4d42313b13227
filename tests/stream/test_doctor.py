"""The doctor's findings: what each server says comes to the right sentence, and no secret is ever in one."""

from pathlib import Path
from typing import Any, NoReturn

import pytest
from redis.exceptions import ResponseError

from sinks.redis_health import RedisHealth
from sinks.store import SCHEMA
from sinks.topics_admin import Outcome, TopicReport, TopicsHealth
from stream.config.addresses import Address
from stream.config.settings import Settings
from stream.operating import doctor
from stream.operating.doctor import Examined, Finding, State, clock_finding, examine_address, examine_settings
from stream.operating.doctor_broker import append_finding, stamped_by_broker, topic_findings
from stream.operating.doctor_store import examine_store, store_findings
from stream.servers.child_process import LOOPBACK, free_port
from stream.web.server import listening
from topics.catalogue import ALL

KEYS = {"IDWEAVE_HASH_KEY": "hash-key-secret-" * 3, "IDWEAVE_ID_KEY": "id-key-secret-" * 3}
PASSWORD = "redis-password-secret"  # noqa: S105 - what must not be shown
GOOD = {
    "redis_version": "7.0.15",
    "role": "master",
    "cluster_enabled": "0",
    "maxmemory_policy": "noeviction",
    "maxmemory": "1000000000",
    "used_memory": "100000000",
    "aof_enabled": "1",
    "aof_last_write_status": "ok",
}


def settings(tmp_path: Path, **more: str) -> Settings:
    """The settings of an environment that is good."""
    url = f"redis://:{PASSWORD}@{LOOPBACK}:6379/0"
    examined = examine_settings({**KEYS, "IDWEAVE_REDIS_URL": url, **more}, tmp_path, {})
    assert examined.complete
    assert examined.settings is not None
    return examined.settings


def examined_store(tmp_path: Path, health: RedisHealth) -> list[Finding]:
    """What is said of a Redis, which must never be its password."""
    found = store_findings(health, settings(tmp_path), complete=True)
    assert PASSWORD not in repr(found)
    return found


def bad(findings: list[Finding]) -> list[tuple[str, State]]:
    """What is not good: about what, and how bad."""
    assert all(one.says.endswith(".") for one in findings)
    assert all(one.do for one in findings if one.state != "ok")
    return [(one.about, one.state) for one in findings if one.state != "ok"]


def test_a_good_redis_is_good(tmp_path: Path) -> None:
    """Nothing is complained of."""
    assert bad(examined_store(tmp_path, RedisHealth(GOOD, "always", {}, 0.01, 0.001))) == []


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"redis_version": "6.0.9"}, "wrong"),
        ({"role": "slave"}, "wrong"),
        ({"cluster_enabled": "1"}, "wrong"),
        ({"maxmemory_policy": "allkeys-lru"}, "wrong"),
        ({"maxmemory_policy": "allkeys-lru", "maxmemory": "0", "total_system_memory": "0"}, "warning"),
        ({"aof_enabled": "0"}, "warning"),
        ({"aof_last_write_status": "err"}, "wrong"),
        ({"used_memory": "900000000"}, "warning"),
        ({"used_memory": "990000000"}, "wrong"),
    ],
)
def test_what_loses_identities_is_said(tmp_path: Path, facts: dict[str, str], state: State) -> None:
    """One setting that is not as it must be is one finding, with what to do."""
    assert bad(examined_store(tmp_path, RedisHealth({**GOOD, **facts}, "always", {}, 0, 0.001))) == [("redis", state)]


async def test_a_redis_that_is_busy_comes_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As any command says it: the address is right, and so is the server."""

    async def busy(*_: object) -> NoReturn:
        raise ResponseError("BUSY Redis is busy running a script.")

    monkeypatch.setattr("stream.operating.doctor_store.examine", busy)
    [found] = await examine_store(settings(tmp_path), complete=True)
    assert found.state == "wrong"
    assert "SCRIPT KILL" in found.do


def test_how_often_the_disk_is_waited_for(tmp_path: Path) -> None:
    """Never is a warning; a server that does not say is not blamed."""
    found = {
        fsync: bad(examined_store(tmp_path, RedisHealth(GOOD, fsync, {}, 0, 0.001)))
        for fsync in ("no", "everysec", None)
    }
    assert found == {"no": [("redis", "warning")], "everysec": [], None: []}


def test_a_store_of_somebody_else_is_wrong(tmp_path: Path) -> None:
    """Another layout, other topics, other keys: a worker would refuse it, and here is why."""
    right = {"schema": SCHEMA, "topics": "idweave", "identity": settings(tmp_path).identity_fingerprint}
    assert bad(examined_store(tmp_path, RedisHealth(GOOD, "always", right, 0, 0.001))) == []
    for wrong in ({"schema": "1"}, {"topics": "another"}, {"identity": "another"}):
        health = RedisHealth(GOOD, "always", {**right, **wrong}, 0, 0.001)
        assert bad(examined_store(tmp_path, health)) == [("store", "wrong")]
    assert bad(store_findings(health, settings(tmp_path), complete=False)) == [], "without keys nobody can tell"


@pytest.mark.parametrize(("ahead", "state"), [(0.2, "ok"), (-5.0, "warning"), (5.0, "warning"), (-3600.0, "wrong")])
def test_clocks_that_differ(ahead: float, state: State) -> None:
    """Up to a second is nothing, more is a warning, a minute is wrong; the side is said."""
    found = clock_finding("Redis'", ahead, "It matters.")
    assert found.state == state
    assert state == "ok" or ("ahead of" if ahead > 0 else "behind") in found.says


def test_the_brokers_clock_is_only_known_where_it_is_ahead() -> None:
    """A stamp of the past may be an old record; one of the future can only be a clock."""
    states = [append_finding(ahead, known=True).state for ahead in (-9_999.0, 0.3, 30.0, 600.0)]
    assert states == ["ok", "ok", "warning", "wrong"]
    assert append_finding(-1.8e9, known=False).state == "unknown"


def test_stamps_of_publishers_say_nothing_of_the_brokers_clock() -> None:
    """Where a topic keeps CreateTime, its latest stamp is somebody else's; another topic's settings do not matter."""
    stamps = TopicReport("idweave.touchpoints", Outcome.DIFFERS, ("message.timestamp.type is CreateTime, not ...",))
    cleanup = TopicReport("idweave.touchpoints", Outcome.DIFFERS, ("cleanup.policy is compact, not delete",))
    asked = [health({one.topic: one}) for one in (stamps, cleanup, stamps._replace(topic="idweave.changes"))]
    assert [stamped_by_broker(one, "idweave.touchpoints") for one in asked] == [False, True, True]


def health(outcomes: dict[str, TopicReport], **more: Any) -> TopicsHealth:  # noqa: ANN401 - any of its fields
    """A cluster where everything is well but what is named."""
    names = [topic.full_name("idweave") for topic in ALL]
    reports = tuple(outcomes.get(name, TopicReport(name, Outcome.EXISTS)) for name in names)
    well = TopicsHealth(3, reports, {topic.full_name("idweave"): topic.partitions for topic in ALL}, {}, (), ())
    return well._replace(**more)


def test_topics_that_are_not_as_they_must_be() -> None:
    """Missing, differing, without a leader: wrong. Few copies, partitions that do not agree: warnings."""
    name = "idweave.profiles"
    differs = TopicReport(name, Outcome.DIFFERS, ("cleanup.policy is delete, not compact",))
    cases = [
        (health({}), []),
        (health({name: TopicReport(name, Outcome.MISSING)}), ["wrong"]),
        (health({name: differs}), ["wrong"]),
        (health({}, leaderless=(f"{name}-0",)), ["wrong"]),
        (health({}, behind=(f"{name}-0",)), ["warning"]),
        (health({}, copies={name: 1}), ["warning"]),
        (health({}, copies={name: 1}, brokers=1), []),
        (health({}, partitions={name: 4, "idweave.merges": 8}), ["warning"]),
    ]
    for found, states in cases:
        assert [state for _, state in bad(list(topic_findings(found)))] == states, found


def test_settings_that_are_wrong_still_name_the_servers(tmp_path: Path) -> None:
    """Without keys, or with a file that can't be read, Kafka and Redis are looked at all the same."""
    no_keys = examine_settings({"IDWEAVE_BROKERS": "localhost:1"}, tmp_path, {})
    assert [one.about for one in no_keys.findings] == ["keys", "keys"]
    misspelt = examine_settings({"IDWEAVE_HASHKEY": "x"}, tmp_path, {})
    assert [one.state for one in misspelt.findings] == ["wrong", "wrong", "warning"], "which may be why"
    (tmp_path / "idweave.yaml").write_text("policy: newest\n")
    for examined in (no_keys, examine_settings({**KEYS, "IDWEAVE_BROKERS": "localhost:1"}, tmp_path, {})):
        assert not examined.complete
        assert bad(examined.findings)
        assert examined.settings is not None
        assert examined.settings.brokers == ("localhost:1",)
    hopeless = examine_settings({**KEYS, "IDWEAVE_BROKERS": "no port"}, tmp_path, {})
    assert isinstance(hopeless, Examined)
    assert hopeless.settings is None


def test_an_address_is_free_or_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A free port is good, and is free afterwards too; one that something else has is wrong."""
    monkeypatch.setattr(doctor, "HEALTH_SECONDS", 0.1)
    address = Address(LOOPBACK, free_port())
    assert [examine_address(address).state for _ in range(2)] == ["ok", "ok"]
    with listening(address):
        taken = examine_address(address)
    assert taken.state == "wrong"
    assert "IDWEAVE_HTTP" in taken.do
