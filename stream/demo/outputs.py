"""Read what an engine has published, as any consumer can: a stock client, the output topics, the contract.

Rules: the last record of a key is the truth; a tombstone is a record.
Must not know: the store, the engine's types.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from sinks.kafka_settings import client_settings
from stream.config.settings import Settings
from topics.catalogue import CONFLICTS, DEAD_LETTERS, MERGES, PROFILES, Topic

BATCH: Final = 500
BATCH_SECONDS: Final = 0.1  # a client waits this long for a batch to be full
SECONDS: Final = 20.0
OURS: Final = {
    "group.id": "idweave-demo-reader",  # the client demands one; it is never joined
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "enable.partition.eof": True,
}
TOPICS: Final = (PROFILES, MERGES, CONFLICTS, DEAD_LETTERS)


class ReadingError(Exception):
    """The broker does not hand out what it has."""


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
        ReadingError: the broker stopped answering.
    """
    latest: dict[bytes, bytes | None] = {}
    links: set[tuple[str, str, bytes]] = set()
    outputs = Outputs()
    names = {topic.full_name(settings.topic_prefix): topic for topic in TOPICS}
    for message in read_all(settings, list(names)):
        _take(names[message.topic() or ""], message, latest, links, outputs)
    outputs.refused.update((rule, reason) for rule, reason, _ in links)
    for value in latest.values():
        if value is not None:
            record = orjson.loads(value)
            if "merged_into" in record:
                outputs.merged_away += 1
            else:
                outputs.profiles[record["profile_id"]] = record
    return outputs


def _take(
    topic: Topic,
    message: Message,
    latest: dict[bytes, bytes | None],
    links: set[tuple[str, str, bytes]],
    outputs: Outputs,
) -> None:
    value = message.value()
    if topic is PROFILES:
        outputs.versions += 1
        latest[message.key() or b""] = value
    elif topic is DEAD_LETTERS:
        outputs.dead_letters[dict(message.headers() or ())["idweave.error.code"].decode()] += 1
    elif value is not None:
        record = orjson.loads(value)
        if topic is MERGES:
            outputs.merges[record["type"]] += 1
        else:
            links.add((record["rule"], record["reason"], orjson.dumps(record["identifiers"])))


def read_all(
    settings: Settings, topics: Sequence[str], read: Mapping[tuple[str, int], int] | None = None
) -> Iterator[Message]:
    """Every record of some topics, from the first to the last one that is there now; of one partition in order.

    The end is where the broker says so as it hands records out: asked for ends, the embedded one names too small ones.
    `read`: by topic and partition, the offset from which on records are new; where it says nothing all are.

    Raises:
        ReadingError: the broker stopped answering.
    """
    consumer = Consumer(client_settings(",".join(settings.brokers), settings.kafka_settings(), OURS))
    try:
        left = {(name, at) for name in topics for at in consumer.list_topics(name, SECONDS).topics[name].partitions}
        consumer.assign([TopicPartition(*tp, (read or {}).get(tp, OFFSET_BEGINNING)) for tp in left])
        heard_at = time.monotonic()
        while left:
            messages = consumer.consume(BATCH, BATCH_SECONDS)
            now = time.monotonic()
            heard_at = now if messages else heard_at
            if now - heard_at > SECONDS:
                raise ReadingError("Kafka does not hand out the output topics any more")
            for message in messages:
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's public name for it
                    left.discard((message.topic() or "", message.partition() or 0))
                else:
                    raise ReadingError(f"Kafka does not hand out {message.topic()}: {error.str()}")
    except KafkaException as error:
        raise ReadingError(f"Kafka does not answer: {error.args[0].str()}") from error
    finally:
        consumer.close()
