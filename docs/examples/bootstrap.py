"""Begin in the middle: who is in which segment, from the profiles first, then from the changes that come after them.

The topics of changes forget after some days; the profiles never do. So read all profiles, with their versions, and then
apply each change whose version is greater than its profile's: nothing is missed, and nothing counts twice.
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

BROKERS = os.environ.get("IDWEAVE_BROKERS", "127.0.0.1:9092")
PREFIX = os.environ.get("IDWEAVE_TOPIC_PREFIX", "idweave")


def records(topic: str, *, to_the_end: bool) -> Iterator[tuple[str, Any]]:
    """Key and value of each record of a topic from its beginning; to its present end, or for ever."""
    consumer = Consumer({"bootstrap.servers": BROKERS, "group.id": "example-bootstrap", "enable.partition.eof": True})
    name = f"{PREFIX}.{topic}"
    partitions = consumer.list_topics(name, 10).topics[name].partitions
    consumer.assign([TopicPartition(name, one, OFFSET_BEGINNING) for one in partitions])
    left = len(partitions)
    try:
        while left or not to_the_end:
            message = consumer.poll(1.0)
            if message is None:
                continue
            if message.error():
                left -= to_the_end  # the end of a partition
                continue
            value = message.value()
            yield (message.key() or b"").decode(), None if value is None else json.loads(value)
    finally:
        consumer.close()


def main() -> None:
    """Print each segment's size at the start, then every entry and exit until Ctrl-C."""
    versions: dict[str, int] = {}
    segments: dict[str, set[str]] = {}
    for profile_id, profile in records("profiles", to_the_end=True):
        for members in segments.values():
            members.discard(profile_id)
        if profile is None:
            continue
        versions[profile_id] = profile["version"]
        for segment in profile.get("segments", ()):
            segments.setdefault(segment, set()).add(profile_id)
    print("at the start:", {name: len(members) for name, members in sorted(segments.items())}, flush=True)
    for profile_id, change in records("segments", to_the_end=False):
        if change["version"] <= versions.get(profile_id, 0):
            continue  # it is in the profile already
        members = segments.setdefault(change["segment"], set())
        if change["action"] == "entered":
            members.add(profile_id)
        else:
            members.discard(profile_id)
        print(f"{profile_id} {change['action']} {change['segment']}: {len(members)}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(0)
