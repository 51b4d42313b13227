"""What `idweave doctor` looks at in Redis: can identities be trusted to it, and are these the right ones?

Rules: what loses identities or stops workers is wrong, what may one day is a warning; nothing is written.
Must not know: how findings are shown.
"""

from collections.abc import Iterator
from typing import Final

from redis.exceptions import ResponseError

from sinks.redis_health import RedisHealth, examine, examine_cluster
from sinks.redis_servers import OLDEST
from sinks.redis_slots import cluster_address
from sinks.store import SCHEMA, StoreLostError, StoreRefusedError
from stream.cli.console import reason_of, remedy_of
from stream.config.settings import Settings
from stream.operating.doctor import Finding, State, clock_finding

REDIS_SECONDS: Final = 5.0
SLOW_SECONDS: Final = 0.01
MEMORY_WARNING: Final = 0.8
MEMORY_WRONG: Final = 0.95
MIB: Final = 1_048_576
MATTERS: Final = "Versions of profiles are made from Redis' clock, and only grow."


async def examine_store(settings: Settings, *, complete: bool) -> list[Finding]:
    """Look at the Redis that the settings name. `complete`: they have the keys that a worker would have."""
    url = settings.redis_url.reveal()
    cluster = cluster_address(url)
    try:
        if cluster is not None:
            nodes = await examine_cluster(cluster, settings.redis_prefix, REDIS_SECONDS)
            return cluster_findings(nodes, settings, complete=complete)
        health = await examine(url, settings.redis_prefix, REDIS_SECONDS)
    except StoreLostError as error:
        reason = reason_of(error)
        says = f"No Redis answers at {settings.redis_shown} ({reason})."
        do = remedy_of(error) or "Start it, or name yours with --redis or IDWEAVE_REDIS_URL."
        return [Finding("redis", "wrong", says, do)]
    except (StoreRefusedError, ResponseError) as error:
        do = remedy_of(error) or "Put right IDWEAVE_REDIS_URL, or the server."
        return [Finding("redis", "wrong", f"{str(error).rstrip('.')}.", do)]
    return store_findings(health, settings, complete=complete)


def store_findings(health: RedisHealth, settings: Settings, *, complete: bool) -> list[Finding]:
    """What is to be said of a Redis that answers."""
    return [
        _server(health, settings.redis_shown),
        *_role(health.facts),
        _eviction(health.facts),
        *_durability(health),
        _memory(health.facts),
        _content(health.meta, settings, complete=complete),
        clock_finding("Redis'", health.ahead_seconds, MATTERS),
    ]


def cluster_findings(nodes: dict[str, RedisHealth], settings: Settings, *, complete: bool) -> list[Finding]:
    """What is to be said of a cluster: of each node that it answers, and what is not well."""
    found = [Finding("redis", "ok", f"A Redis Cluster of {len(nodes)} primaries.")]
    for node, health in nodes.items():
        looked = [_eviction(health.facts), *_durability(health), _memory(health.facts)]
        looked.append(clock_finding("Redis'", health.ahead_seconds, MATTERS))
        if health.appendfsync == "everysec":
            do = "Set appendfsync always: on a cluster, what one node loses is not read again."
            looked.append(Finding("redis", "warning", "It logs writes every second.", do))
        bad = [one._replace(says=f"{node}: {one.says}") for one in looked if one.state != "ok"]
        found += [_server(health, node), *bad]
    meta = next((health.meta for health in nodes.values() if health.meta), {})
    return [*found, _content(meta, settings, complete=complete)]


def _server(health: RedisHealth, address: str) -> Finding:
    facts = health.facts
    name, version = ("Valkey", facts["valkey_version"]) if "valkey_version" in facts else ("Redis", _version(facts))
    milliseconds = health.round_trip_seconds * 1000
    says = f"{name} {version} at {address} answers in {milliseconds:.1f} ms."
    if tuple(int(part) for part in _version(facts).split(".")[:2]) < OLDEST:
        return Finding("redis", "wrong", says, f"Install Redis {'.'.join(map(str, OLDEST))} or newer, or Valkey.")
    if health.round_trip_seconds > SLOW_SECONDS:
        return Finding(
            "redis", "warning", says, "Each batch asks it several times: put it nearer, or on its own machine."
        )
    return Finding("redis", "ok", says)


def _version(facts: dict[str, str]) -> str:
    return facts.get("redis_version", "0.0")


def _role(facts: dict[str, str]) -> Iterator[Finding]:
    if facts.get("cluster_enabled") == "1":
        yield Finding(
            "redis", "wrong", "This is a node of a Redis Cluster.", "Name the cluster: redis+cluster://host:port."
        )
    if facts.get("role") == "master":
        yield Finding("redis", "ok", f"It is a primary, with {facts.get('connected_slaves', '0')} replicas.")
    else:
        yield Finding("redis", "wrong", "It is a replica, which takes no writes.", "Name the primary.")


def _eviction(facts: dict[str, str]) -> Finding:
    policy, bounded = facts.get("maxmemory_policy", "unknown"), facts.get("maxmemory", "0") != "0"
    if policy == "noeviction":
        return Finding("redis", "ok", "It evicts nothing (maxmemory-policy noeviction).")
    do = "Set maxmemory-policy noeviction: an identity that is evicted is gone without a word."
    says = f"Its maxmemory-policy is {policy}{'' if bounded else ', and no maxmemory is set'}."
    return Finding("redis", "wrong" if bounded else "warning", says, do)


def _durability(health: RedisHealth) -> Iterator[Finding]:
    facts = health.facts
    if facts.get("aof_enabled") != "1":
        do = (
            "Set appendonly yes: without it a restart of Redis loses everything, and people are built again from Kafka."
        )
        yield Finding("redis", "warning", "It keeps no log of writes (appendonly no).", do)
        return
    if facts.get("aof_last_write_status", "ok") != "ok":
        yield Finding(
            "redis", "wrong", "It could not write to its log of writes.", "Look at its disk, and at its own log."
        )
    match health.appendfsync:
        case "no":
            do = "Set appendfsync everysec, or always."
            yield Finding("redis", "warning", "It logs writes, and never waits for the disk (appendfsync no).", do)
        case "everysec":
            yield Finding("redis", "ok", "It logs writes every second: what a crash takes is read again from Kafka.")
        case "always":
            yield Finding("redis", "ok", "It logs every write before it answers (appendfsync always).")
        case _:
            yield Finding("redis", "ok", "It logs writes; it does not say when they reach the disk.")


def _memory(facts: dict[str, str]) -> Finding:
    used = int(facts.get("used_memory", "0"))
    bound = int(facts.get("maxmemory", "0")) or int(facts.get("total_system_memory", "0"))
    if not bound:
        return Finding("redis", "ok", f"It uses {used / MIB:,.0f} MiB.")
    share = used / bound
    says = f"It uses {used / MIB:,.0f} of {bound / MIB:,.0f} MiB ({share:.0%})."
    if share < MEMORY_WARNING:
        return Finding("redis", "ok", says)
    state: State = "warning" if share < MEMORY_WRONG else "wrong"
    return Finding(
        "redis", state, says, "Give it more: a person takes 2 to 4 KiB. Full, it refuses writes and workers wait."
    )


def _content(meta: dict[str, str], settings: Settings, *, complete: bool) -> Finding:
    fresh = "Fill a fresh store: another IDWEAVE_REDIS_PREFIX."
    where = f"the store {settings.redis_prefix}:*"
    if not meta:
        return Finding("store", "ok", f"Nothing is in {where} yet.")
    if meta.get("schema") != SCHEMA:
        return Finding("store", "wrong", f"{where} has layout {meta.get('schema')}, not {SCHEMA}.".capitalize(), fresh)
    if meta.get("topics", settings.topic_prefix) != settings.topic_prefix:
        says = f"It was filled from the topics {meta['topics']}.*, not {settings.topic_prefix}.*."
        return Finding("store", "wrong", says, f"Put right IDWEAVE_TOPIC_PREFIX, or: {fresh}")
    if complete and meta.get("identity") != settings.identity_fingerprint:
        says = "It was filled under other keys, or another order, scope, normaliser or pii of a namespace."
        return Finding("store", "wrong", says, f"Take those back. Or: {fresh}")
    return Finding("store", "ok", f"What is in {where} was filled by this configuration and from these topics.")
