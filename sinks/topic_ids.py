"""The ids that brokers give topics: one that is deleted and made anew under its name has another.

Must not know: what is on the topics.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from sinks.kafka_settings import Settings, client_settings

BROKER_SECONDS = 5.0


class TopicIdsUnknownError(OSError):
    """The broker does not say, or a topic is not there: to be waited out."""


class TopicId(NamedTuple):
    """A topic's id, as text, and how many partitions it has."""

    text: str
    partitions: int


class TopicIds:
    """Asks the brokers. Blocks: for a thread."""

    def __init__(self, brokers: str, settings: Settings, topics: Sequence[str]) -> None:
        self.topics = topics
        self._settings = client_settings(brokers, settings, {})

    def ask(self) -> dict[str, TopicId]:
        """The id of each topic.

        Raises:
            TopicIdsUnknownError: no answer in time, or a topic is not there.
        """
        asked = self._admin.describe_topics(TopicCollection([*self.topics]), request_timeout=BROKER_SECONDS)
        found = {}
        for name, answer in asked.items():
            try:
                topic = answer.result(2 * BROKER_SECONDS)
            except (KafkaException, TimeoutError) as error:
                reason = error.args[0].str() if isinstance(error, KafkaException) else "no answer in time"
                raise TopicIdsUnknownError(f"{name}: {reason}") from error
            found[name] = TopicId(str(topic.topic_id), len(topic.partitions))
        return found

    @cached_property
    def _admin(self) -> AdminClient:
        """Made when it is first needed, because it starts threads."""
        return AdminClient(self._settings)
