"""Join a table of one's own with people: phone -> token -> profile id -> profile.

    idweave token phone:13800138000      what stands for the number in all topics; needs the engine's hash key
    idweave.identities                   the id map: `namespace:token` -> profile id
    idweave.profiles                     profile id -> the person

Rows that are one person get one profile id. Usage: join.py < members.csv, with a column `phone`.
"""

import csv
import json
import os
import subprocess
import sys
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

BROKERS = os.environ.get("IDWEAVE_BROKERS", "127.0.0.1:9092")
PREFIX = os.environ.get("IDWEAVE_TOPIC_PREFIX", "idweave")


def table(topic: str) -> dict[str, Any]:
    """The last value of each key of a compacted topic, read to its present end."""
    consumer = Consumer({"bootstrap.servers": BROKERS, "group.id": "example-join", "enable.partition.eof": True})
    name = f"{PREFIX}.{topic}"
    partitions = consumer.list_topics(name, 10).topics[name].partitions
    consumer.assign([TopicPartition(name, one, OFFSET_BEGINNING) for one in partitions])
    found: dict[str, Any] = {}
    left = len(partitions)
    while left:
        message = consumer.poll(1.0)
        if message is None:
            continue
        if message.error():
            left -= 1  # the end of a partition
            continue
        key, value = (message.key() or b"").decode(), message.value()
        if value is None:
            found.pop(key, None)  # erased
        else:
            found[key] = json.loads(value)
    consumer.close()
    return found


def token(identifier: str) -> str:
    """What stands for `namespace:value`; handed over by the input, so that no list of processes shows a number."""
    command = ["idweave", "token", "-"]
    return subprocess.run(command, input=identifier, text=True, check=True, stdout=subprocess.PIPE).stdout.strip()


def main() -> None:
    """Print each row's number, masked, with its profile id and what the person is worth."""
    identities, profiles = table("identities"), table("profiles")
    for row in csv.DictReader(sys.stdin):
        known = identities.get(f"phone:{token('phone:' + row['phone'])}")
        if known is None:
            print(f"{row['name']}: nobody yet")
            continue
        profile = profiles[known["profile_id"]]
        print(f"{row['name']}: {known['profile_id']}, worth {profile['lifetime_value'] or 'nothing yet'}")


if __name__ == "__main__":
    main()
