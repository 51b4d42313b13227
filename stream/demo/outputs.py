"""Read what an engine has published, as any consumer can: a stock client, the output topics, the contract.

Rules: the last record of a key is the truth; a tombstone is a record.
Must not know: the store, the engine's types.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from sinks.log_reader import LogReader, Place
from stream.config.settings import Settings
from topics.catalogue import CONFLICTS, DEAD_LETTERS, MERGES, PROFILES, Topic
from topics.records import Record

BATCH: Final = 1_000
GROUP: Final = "idweave-demo-reader"  # the client demands one; it is never joined
TOPICS: Final = (PROFILES, MERGES, CONFLICTS, DEAD_LETTERS)


@dataclass(slots=True)
class Outputs:
    """What is on the output topics.

    `profiles`: the people there are, by profile id. `merges`: by type. `refused`: links that did not count at
    some time, and values dropped, each once, by (rule, reason). `dead_letters`: by code.
    """

    profiles: dict[str, dict[str, Any]] = field(default_factory=dict)
    merged_away: int = 0
    versions: int = 0
    merges: Counter[str] = field(default_factory=Counter)
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)


def read_outputs(settings: Settings) -> Outputs:
    """Everything on the output topics, up to their ends at this moment.

    Raises:
        LogReadError: the broker stopped answering.
    """
    latest: dict[bytes, bytes | None] = {}
    links: set[tuple[str, str, bytes]] = set()
    outputs = Outputs()
    names = {topic.full_name(settings.topic_prefix): topic for topic in TOPICS}
    for record in read_all(settings, list(names)):
        _take(names[record.topic], record, latest, links, outputs)
    outputs.refused.update((rule, reason) for rule, reason, _ in links)
    for value in latest.values():
        if value is not None:
            profile = orjson.loads(value)
            if "merged_into" in profile:
                outputs.merged_away += 1
            else:
                outputs.profiles[profile["profile_id"]] = profile
    return outputs


def _take(
    topic: Topic,
    record: Record,
    latest: dict[bytes, bytes | None],
    links: set[tuple[str, str, bytes]],
    outputs: Outputs,
) -> None:
    if topic is PROFILES:
        outputs.versions += 1
        latest[record.key or b""] = record.value
    elif topic is DEAD_LETTERS:
        outputs.dead_letters[dict(record.headers)["idweave.error.code"].decode()] += 1
    elif record.value is not None:
        told = orjson.loads(record.value)
        if topic is MERGES:
            outputs.merges[told["type"]] += 1
        else:
            links.add((told["rule"], told["reason"], orjson.dumps(told["identifiers"])))


def read_all(settings: Settings, topics: Sequence[str], read: Mapping[Place, int] | None = None) -> Iterator[Record]:
    """Every record of some topics, from the first to the last one that is there now; of one partition in order.

    `read`: by topic and partition, the offset from which on records are new; where it says nothing all are.

    Raises:
        LogReadError: the broker stopped answering.
    """
    reader = LogReader(",".join(settings.brokers), settings.kafka_settings(), GROUP)
    try:
        starts = {place: (read or {}).get(place) for topic in topics for place in reader.places(topic)}
        for stretches in reader.read(starts, {}, BATCH):
            for stretch in stretches:
                yield from stretch.records
    finally:
        reader.close()
