"""Settings that every Kafka client of ours has: where the brokers are, how to authenticate, how to log.

Must not know: what a client is for.
"""

import logging
from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, str]
"""librdkafka's own names and values, as operators give them (`security.protocol`, `sasl.username`, ...)."""

LOG = logging.getLogger("idweave.kafka")


def client_settings(brokers: str, settings: Settings, ours: Mapping[str, Any]) -> dict[str, Any]:
    """What a client is made with; what correctness rests on (`ours`) is not an operator's to change."""
    return {"client.id": "idweave", **settings, **ours, "bootstrap.servers": brokers, "logger": LOG}
