"""Keep everybody's profile, as any subscriber may: a stock client, the topic `profiles`, a table of one's own.

A record counts if its version is greater than the one that the table has, because delivery is at least once.
`merged_into`: this id is another person's now. No value: the person was erased, and must be gone here too.
"""

import json
import os
from typing import Any

from confluent_kafka import Consumer

BROKERS = os.environ.get("IDWEAVE_BROKERS", "127.0.0.1:9092")
TOPIC = os.environ.get("IDWEAVE_TOPIC_PREFIX", "idweave") + ".profiles"


class Profiles:
    """The table. Where yours is a database, write first and commit the offset afterwards."""

    def __init__(self) -> None:
        self.of: dict[str, dict[str, Any]] = {}

    def apply(self, profile_id: str, value: bytes | None) -> str:
        """Apply one record -> what has changed, for people."""
        if value is None:
            self.of.pop(profile_id, None)
            return "erased"
        record = json.loads(value)
        if record["version"] <= self.of.get(profile_id, {"version": 0})["version"]:
            return "known"
        self.of[profile_id] = record
        if "merged_into" in record:
            return f"merged into {record['merged_into']}"
        shown = ", ".join(f"{one['namespace']} {one['display']}" for one in record["identifiers"])
        return f"{shown}; worth {record['lifetime_value'] or 'nothing yet'}"


def main() -> None:
    """Read from the beginning, on until Ctrl-C. A table in memory is empty at each start, so nothing is committed."""
    consumer = Consumer(
        {
            "bootstrap.servers": BROKERS,
            "group.id": "example-profiles",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([TOPIC])
    profiles = Profiles()
    try:
        while True:
            message = consumer.poll(1.0)
            if message is None or message.error():
                continue  # a broker that is away comes back; the client says nothing that we must act on
            key = (message.key() or b"").decode()
            print(f"{key}: {profiles.apply(key, message.value())}", flush=True)
    except KeyboardInterrupt:
        print(f"{len(profiles.of)} ids")
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
