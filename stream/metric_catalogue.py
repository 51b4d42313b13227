"""Every metric, as data: what registers metrics, documents them and checks dashboards and alerts reads this.

Rules: a name, its unit and its labels are said here and nowhere else; units are base units, and the last word of a name
but `_total`; a label has few values, all of ours: no identifier, key or other value of an event is ever one.
Must not know: where metrics are counted, how they are served.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from msgspec import Struct

from resolvers.difference import REASONS as RULES
from resolvers.sources import OTHER
from sinks.redis_store import OPS
from topics.refusals import RefusalCode

Kind = Literal["counter", "gauge", "histogram"]

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
RECORDS: Final = (1.0, 10.0, 100.0, 500.0, 1_000.0, 2_000.0, 4_000.0, 8_000.0, 16_000.0)


class Metric(Struct, frozen=True, kw_only=True):
    """One metric.

    Attributes:
        name: as Prometheus has it; a histogram's without `_bucket`, `_sum` and `_count`.
        kind: `counter` only grows while the process lives, `gauge` is of this moment, `histogram` counts by size.
        unit: what one is.
        says: what it tells.
        bad: when it is bad, and what to do then.
        labels: names; what values each has is in `LABELS`.
        buckets: a histogram's upper bounds.
        known: values of its one label that are counted from the start, at 0: a series that begins at 1 has not
            increased, and its alert would not fire.
    """

    name: str
    kind: Kind
    unit: str
    says: str
    bad: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    known: tuple[str, ...] = ()


RESULTS: Final = ("accepted", "refused")
MERGE_TYPES: Final = ("merged", "split", "moved", "erased")
REASONS: Final = ("store_lost", "store_full", "store_refused", "store_error", "publish_failed", "network", "position")


def _listed(values: Iterable[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


LABELS: Final[Mapping[str, str]] = {
    "agent": "`resolve`, `project`, `command`",
    "code": _listed(RefusalCode),
    "fingerprint": "12 hexadecimal digits; equal where the rules are",
    "op": _listed(OPS),
    "partition": "a partition's number",
    "pattern": f"one of `sources` in idweave.yaml, or `{OTHER}`",
    "reason": _listed(REASONS),
    "result": _listed(RESULTS),
    "rule": f"{_listed(RULES)}; of `idweave_rule_errors_total` the name of a member rule",
    "status": "`done`, `refused`, `not_found`, `invalid`",
    "topic": "`touchpoints`, `changes`, `commands`, without the prefix",
    "type": f"of a merge: {_listed(MERGE_TYPES)}; of a command: its type, or `unknown`",
    "version": "IDWeave's",
}
"""Every label that a metric may have, and all the values that it takes."""

EVENTS: Final = Metric(
    name="idweave_events_total",
    kind="counter",
    unit="touchpoints",
    says="Touchpoints taken in, by what became of them.",
    bad="`refused` is more than a few per cent: see `idweave_dead_letters_total` for why.",
    labels=("result",),
    known=RESULTS,
)
LAG_RECORDS: Final = Metric(
    name="idweave_lag_records",
    kind="gauge",
    unit="records",
    says="Records of a touchpoints partition that are not resolved yet: log end minus the store's position. Every"
    " worker says it of every partition; take the maximum over workers.",
    bad="It grows: more comes in than is resolved. Add workers (up to one a partition), or look at the store's latency."
    " It is missing: a server does not answer.",
    labels=("partition",),
)
TOPIC_LAG_RECORDS: Final = Metric(
    name="idweave_topic_lag_records",
    kind="gauge",
    unit="records",
    says="The same for every topic that workers read: `changes` that are not projected, `commands` not carried out.",
    bad="That of `changes` grows while that of `touchpoints` does not: people are resolved and not published. That of"
    " `commands` is not 0 for minutes: operators wait.",
    labels=("topic", "partition"),
)
POSITION_AGE_SECONDS: Final = Metric(
    name="idweave_position_age_seconds",
    kind="gauge",
    unit="seconds",
    says="For how long a position has not moved although there are records after it; 0 where there are none.",
    bad="More than a minute: nobody reads the partition, or its reader is stuck. Look at `/readyz` and the logs, and"
    " start that worker again: it begins at the store's position, and nothing is lost.",
    labels=("topic", "partition"),
)
EVENT_TO_PROFILE_SECONDS: Final = Metric(
    name="idweave_event_to_profile_seconds",
    kind="histogram",
    unit="seconds",
    says="From an event's append time to its profile's acknowledgement.",
    bad="The 99th percentile is over seconds without lag: look at `idweave_store_seconds` and the broker's latency."
    " With lag it is the lag that counts. Clocks of brokers and workers that differ shift it.",
    buckets=(*SECONDS, 30.0, 60.0, 300.0),
)
BATCH_RECORDS: Final = Metric(
    name="idweave_batch_records",
    kind="histogram",
    unit="records",
    says="Records of a batch. Batches grow under load, which is what makes them cheap.",
    bad="Always at the largest: the worker is behind. See `idweave_lag_records`.",
    labels=("agent",),
    buckets=RECORDS,
)
BATCH_SECONDS: Final = Metric(
    name="idweave_batch_seconds",
    kind="histogram",
    unit="seconds",
    says="From the beginning of a batch to its position having moved: store, broker and the work between.",
    bad="Over seconds: `idweave_store_seconds` says whether it is the store; if not, it is the broker or the CPU.",
    labels=("agent",),
    buckets=SECONDS,
)
STORE_SECONDS: Final = Metric(
    name="idweave_store_seconds",
    kind="histogram",
    unit="seconds",
    says="Time of a call to the store (many steps in one round trip), as this process sees it, its own waiting"
    " included.",
    bad="The 99th percentile is over 0.1 s: look at Redis (slow log, disk of the AOF, another tenant) and the network;"
    " if `ping` is slow as well, this process lacks CPU.",
    labels=("op",),
    buckets=SECONDS,
)
PUBLISHER_QUEUE_RECORDS: Final = Metric(
    name="idweave_publisher_queue_records",
    kind="gauge",
    unit="records",
    says="Records that were sent and that the broker has not acknowledged yet.",
    bad="It stays in the tens of thousands: the broker is slow or lacks in-sync replicas.",
)
PROJECTION_BACKLOG: Final = Metric(
    name="idweave_projection_backlog",
    kind="gauge",
    unit="components",
    says="Changed components of the batch that is being published.",
    bad="It stays high: publishing is the slow part. See `idweave_batch_seconds`.",
)
MERGES: Final = Metric(
    name="idweave_merges_total",
    kind="counter",
    unit="changes",
    says="Changes to who is who that were published.",
    bad="`merged` is many times what is usual: a value that stands for many people is on its way (a shop's phone, a"
    " test card). Find it on the topic `merges`, and block or split it.",
    labels=("type",),
    known=MERGE_TYPES,
)
SOURCE_MERGES: Final = Metric(
    name="idweave_source_merges_total",
    kind="counter",
    unit="profiles",
    says="Profiles that merged into others, by the publisher whose evidence joined them: the first pattern of `sources`"
    " in idweave.yaml that matches its `source`.",
    bad="One source rises many times over while the others don't: it sends one value for many people, or somebody"
    " claims identifiers that are not theirs. Allow it less in `sources`.",
    labels=("pattern",),
    known=(OTHER,),
)
REFUSED_LINKS: Final = Metric(
    name="idweave_refused_links_total",
    kind="counter",
    unit="links",
    says="Evidence refused, and values dropped, by the rule that did.",
    bad="One rule rises suddenly: a publisher sends a shared or made-up value. The topic `conflicts` has the tokens.",
    labels=("rule",),
    known=tuple(RULES),
)
DEAD_LETTERS: Final = Metric(
    name="idweave_dead_letters_total",
    kind="counter",
    unit="records",
    says="Records refused, by code. They are, as received, on the topic `touchpoints.dlq`.",
    bad="It rises: a publisher has changed what it sends. The dead letters name the source.",
    labels=("code",),
    known=tuple(RefusalCode),
)
COMPONENT_IDENTIFIERS_MAX: Final = Metric(
    name="idweave_component_identifiers_max",
    kind="gauge",
    unit="identifiers",
    says="Identifiers of the largest component that this worker has touched since it started.",
    bad="It nears `caps.component` (1,000): beyond it evidence is refused. Somebody's identifiers are shared by many.",
)
POSITION_GAP: Final = Metric(
    name="idweave_position_gap_total",
    kind="counter",
    unit="offsets",
    says="Offsets that retention deleted before they were read.",
    bad="Any: events are lost. Lengthen the topic's retention, and import what is missing from its source.",
)
FOREIGN_CHANGES: Final = Metric(
    name="idweave_foreign_changes_total",
    kind="counter",
    unit="records",
    says="Records of the internal topic `changes` that hold nothing a worker of this version wrote, and were left out.",
    bad="Any: something else writes there, or a newer version did before this one. `idweave republish` says again what"
    " they may have been about.",
)
SESSION_LOSSES: Final = Metric(
    name="idweave_session_losses_total",
    kind="counter",
    unit="losses",
    says="Times that store or broker was lost, so that work in flight began again from the store's positions.",
    bad="More than a few an hour: `reason` says which server. `store_full`: give Redis memory. `position`: Redis has"
    " lost writes (a restart without AOF, a replica promoted).",
    labels=("reason",),
    known=REASONS,
)
STORE_ROLLBACK: Final = Metric(
    name="idweave_store_rollback_records_total",
    kind="counter",
    unit="records",
    says="Records that were done, and are done again because Redis came back without what it had acknowledged; at"
    " least so many.",
    bad="Any: it lost its last writes (a restored backup, a replica promoted, a log of writes that was cut). Afterwards"
    " run `idweave republish --topic profiles`, and `identities`.",
)
READY: Final = Metric(
    name="idweave_ready",
    kind="gauge",
    unit="yes (1) or no (0)",
    says="Whether this worker reads partitions and has its servers: what `/readyz` answers.",
    bad="0 for minutes: `/readyz` says why. Workers beyond the number of partitions are never ready.",
)
PAUSED: Final = Metric(
    name="idweave_paused",
    kind="gauge",
    unit="yes (1) or no (0)",
    says="Whether this worker has stopped reading touchpoints because most of them are refused (`dead_letters` in"
    " idweave.yaml).",
    bad="1: a publisher's bad release, or a setting of ours. Correct it and restart, or let them go to the dead letters"
    " with `idweave dlq resume`.",
)
COMMANDS: Final = Metric(
    name="idweave_commands_total",
    kind="counter",
    unit="commands",
    says="Commands answered; each delivery counts.",
    bad="`invalid` rises: a program sends what is no command.",
    labels=("type", "status"),
)
DUE: Final = Metric(
    name="idweave_due_total",
    kind="counter",
    unit="components",
    says="Components that the projection was told of because time changes them.",
    bad="It is high while touchpoints wait: many are due at one instant. They are told by pages, live events first.",
)
RULE_ERRORS: Final = Metric(
    name="idweave_rule_errors_total",
    kind="counter",
    unit="judgements",
    says="Times that a member rule could not be judged as written: a trait of another kind, or a failure.",
    bad="It rises: `idweave rules why` says of a person which field is of another kind than the rule reads.",
    labels=("rule",),
)
BUILD: Final = Metric(
    name="idweave_build_info",
    kind="gauge",
    unit="always 1",
    says="Which version runs.",
    bad="Two versions for longer than a rollout takes: one of them was forgotten.",
    labels=("version",),
)
RULES_INFO: Final = Metric(
    name="idweave_rules_info",
    kind="gauge",
    unit="always 1",
    says="By which rules this worker judges: a fingerprint of `idweave.yaml`'s identity rules and of `rules.yaml`.",
    bad="Two for longer than a rollout takes: each time a partition changes hands, all of its people are judged again.",
    labels=("fingerprint",),
)

ALL: Final = (
    EVENTS,
    LAG_RECORDS,
    TOPIC_LAG_RECORDS,
    POSITION_AGE_SECONDS,
    EVENT_TO_PROFILE_SECONDS,
    BATCH_RECORDS,
    BATCH_SECONDS,
    STORE_SECONDS,
    PUBLISHER_QUEUE_RECORDS,
    PROJECTION_BACKLOG,
    MERGES,
    SOURCE_MERGES,
    REFUSED_LINKS,
    DEAD_LETTERS,
    COMPONENT_IDENTIFIERS_MAX,
    POSITION_GAP,
    FOREIGN_CHANGES,
    SESSION_LOSSES,
    STORE_ROLLBACK,
    READY,
    PAUSED,
    COMMANDS,
    DUE,
    RULE_ERRORS,
    BUILD,
    RULES_INFO,
)

PROCESS: Final[Mapping[str, str]] = {
    "process_cpu_seconds_total": "CPU used. One worker uses one core: at 1 a second it is at its limit.",
    "process_resident_memory_bytes": "Memory. It grows with the cache up to a bound, and then stays.",
    "process_open_fds": "Open files and sockets.",
    "process_max_fds": "How many there may be.",
    "process_start_time_seconds": "When the process started, in seconds since 1970: it changes with every restart.",
}
"""What the client library says of the process, as far as dashboards and alerts use it; on Linux only."""


def series(metric: Metric) -> tuple[str, ...]:
    """The names of the series that a metric consists of."""
    if metric.kind == "histogram":
        return tuple(f"{metric.name}_{part}" for part in ("bucket", "sum", "count"))
    return (metric.name,)
