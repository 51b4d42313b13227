"""Settings that every Kafka client of ours has: where the brokers are, how to authenticate, how to log.

Must not know: what a client is for.
"""

import logging
from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

Settings = Mapping[str, str]
"""librdkafka's own names and values, as operators give them (`security.protocol`, `sasl.username`, ...)."""

SESSION_TIMEOUT = "session.timeout.ms"
"""After how long without a sign of life a worker's partitions go to others: it is the group's reader that is told."""

LOG = logging.getLogger("idweave.kafka")

READS: Final = {"enable.auto.commit": False, "enable.partition.eof": True}
"""What every reader of ours has: nothing is committed, and the broker says where a partition ends."""

END: Final = KafkaError._PARTITION_EOF  # noqa: SLF001 - librdkafka's own codes begin so
"""The code of what is no error: a reader that has `READS` is at the end of a partition."""


def client_settings(brokers: str, settings: Settings, ours: Mapping[str, Any]) -> dict[str, Any]:
    """What a client is made with; what correctness rests on (`ours`) is not an operator's to change."""
    wanted = {name: text for name, text in settings.items() if name != SESSION_TIMEOUT}
    return {"client.id": "idweave", **wanted, **ours, "bootstrap.servers": brokers, "logger": LOG}


def unknown_settings(settings: Settings) -> dict[str, str]:
    """Names that librdkafka does not know, or whose value it does not take alone -> why. No value is repeated.

    Settings that only contradict each other, or name a file that is not there, are found when a client is made.
    """
    found: dict[str, str] = {}
    for name, text in settings.items():
        try:
            AdminClient({name: text, "log_level": 0, "logger": LOG})
        except KafkaException as error:
            reason = error.args[0].str()
            if reason.startswith("No such configuration property"):
                found[name] = f"librdkafka has no setting {name}"
            elif not reason.startswith("Failed to create"):  # then it was read, and lacks another one
                found[name] = f"librdkafka takes no such value of {name}"
    return found
