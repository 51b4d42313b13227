"""Publish events: any Kafka client will do. Run it with IDWEAVE_BROKERS set, or on the broker of `idweave up`.

Wait for the broker to have every event; sending one again does no harm, because `id` and `source` together name it.
"""

import json
import os
import sys

from confluent_kafka import KafkaError, Message, Producer

BROKERS = os.environ.get("IDWEAVE_BROKERS", "127.0.0.1:9092")
TOPIC = os.environ.get("IDWEAVE_TOPIC_PREFIX", "idweave") + ".touchpoints"

EVENTS = [
    {
        "id": "till-77-1",
        "source": "/pos/SH-001",
        "type": "order.paid",
        "time": "2026-06-20T18:20:00+08:00",
        "data": {
            "identifiers": {"card": "88001234"},
            "order": {"order_id": "O-1", "amount": "258.00", "currency": "CNY"},
            "store": "SH-001",
        },
    },
    {
        "id": "claim-1",
        "source": "/crm/members",
        "type": "card.bind",
        "time": "2026-06-20T19:00:00+08:00",
        "data": {"identifiers": {"card": "88001234", "phone": "138 0013 8000", "openid": "oX1"}},
    },
]

failures: list[str] = []


def arrived(error: KafkaError | None, message: Message) -> None:
    """Called for every event: all in-sync replicas have it, or why not."""
    if error is None:
        print(f"arrived at partition {message.partition()}, offset {message.offset()}")
    else:
        failures.append(error.str())


producer = Producer({"bootstrap.servers": BROKERS, "enable.idempotence": True})
for event in EVENTS:
    producer.produce(TOPIC, json.dumps(event).encode(), on_delivery=arrived)
if producer.flush(30) or failures:
    sys.exit(f"Not everything arrived, send it again: {failures}")
