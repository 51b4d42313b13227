"""Settings of Kafka clients: operators choose how to connect, and cannot undo what correctness rests on."""

from sinks.kafka_producer import OURS
from sinks.kafka_settings import client_settings


def test_what_correctness_rests_on_is_not_an_operators() -> None:
    """Idempotence, acknowledgement by all replicas and the partitioner stay; the way to connect is as given."""
    asked = {"acks": "0", "enable.idempotence": "false", "partitioner": "random", "security.protocol": "SASL_SSL"}
    settings = client_settings("broker:9092", {**asked, "bootstrap.servers": "elsewhere:9092"}, OURS)
    assert (settings["acks"], settings["enable.idempotence"]) == ("all", True)
    assert settings["partitioner"] == "murmur2_random"
    assert settings["security.protocol"] == "SASL_SSL"
    assert settings["bootstrap.servers"] == "broker:9092"
