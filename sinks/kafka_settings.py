"""Settings that every Kafka client of ours has: where the brokers are, how to authenticate, how to log.

Must not know: what a client is for.
"""

import logging
from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, str]
"""librdkafka's own names and values, as operators give them (`security.protocol`, `sasl.username`, ...)."""

SESSION_TIMEOUT = "session.timeout.ms"
"""After how long without a sign of life a worker's partitions go to others: it is the group's reader that is told."""

LOG = logging.getLogger("idweave.kafka")


def client_settings(brokers: str, settings: Settings, ours: Mapping[str, Any]) -> dict[str, Any]:
    """What a client is made with; what correctness rests on (`ours`) is not an operator's to change."""
    wanted = {name: text for name, text in settings.items() if name != SESSION_TIMEOUT}
    return {"client.id": "idweave", **wanted, **ours, "bootstrap.servers": brokers, "logger": LOG}
