"""Requesting: a command is put on its topic, and the answer to it awaited, as any program of an operator's may do it.

Rules: the place where answers will come is looked up before the command is sent, so that none is missed; every wait is
bounded. A command that was sent is carried out whether or not somebody still waits.
Must not know: what a command asks for, whose terminal watches.
"""

import time
from collections.abc import Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from msgspec import DecodeError

from sinks.kafka_settings import client_settings
from topics.catalogue import COMMANDS, RESULTS
from topics.codec import encode
from topics.commands import Command, Result, decode_result
from topics.headers import Headers

METADATA_SECONDS: Final = 5.0
DELIVERY_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.1
SENDING: Final = {"enable.idempotence": True, "acks": "all", "delivery.timeout.ms": int(DELIVERY_SECONDS * 1000)}
READING: Final = {
    "group.id": "idweave-requests",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    # A broker answers one question of a connection after the other: who asks next waits for what was asked last.
    "fetch.wait.max.ms": 10,
}


class RequestError(Exception):
    """The command was not sent, as far as is known. The message says why."""


class NoTopicError(RequestError):
    """One of the two topics is not there."""


class NoAnswerError(Exception):
    """The command was sent, and nobody has answered in time."""


class Requests:
    """A way to the workers: commands go in, answers come back."""

    def __init__(self, brokers: str, prefix: str, settings: Mapping[str, str]) -> None:
        """Connect.

        Raises:
            NoTopicError: a topic is not created.
            RequestError: no broker answers.
        """
        self._topic, self._answers = COMMANDS.full_name(prefix), RESULTS.full_name(prefix)
        self._producer = Producer(client_settings(brokers, settings, SENDING))
        self._consumer = Consumer(client_settings(brokers, settings, READING))
        try:
            there = self._producer.list_topics(timeout=METADATA_SECONDS).topics
        except KafkaException as error:
            raise RequestError(error.args[0].str()) from error
        for topic in (self._topic, self._answers):
            if topic not in there or there[topic].error is not None:
                raise NoTopicError(f"there is no topic {topic}")

    def ask(self, command: Command, timeout_seconds: float, headers: Headers = ()) -> Result:
        """Send a command, with headers of the record, and wait for its answer. One after the other, from any thread.

        Raises:
            RequestError: the broker did not take it.
            NoAnswerError: nobody has answered in time.
        """
        self._listen()
        try:
            self._send(command, headers)
            return self._answer_to(command.id, timeout_seconds)
        finally:
            self._consumer.unassign()  # or it would go on fetching answers to others for as long as it is kept

    def _listen(self) -> None:
        """Read answers from here on."""
        try:
            end = self._consumer.get_watermark_offsets(TopicPartition(self._answers, 0), METADATA_SECONDS)[1]
        except KafkaException as error:
            raise RequestError(error.args[0].str()) from error
        self._consumer.assign([TopicPartition(self._answers, 0, end)])

    def _send(self, command: Command, headers: Headers) -> None:
        failed: list[KafkaError] = []

        def report(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failed.append(error)

        self._producer.produce(
            self._topic, encode(command), command.id.encode(), headers=list(headers), on_delivery=report
        )
        if self._producer.flush(DELIVERY_SECONDS + 1) or failed:
            raise RequestError(failed[0].str() if failed else "it did not take the command in time")

    def _answer_to(self, name: str, timeout_seconds: float) -> Result:
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            message = self._consumer.poll(POLL_SECONDS)
            answer = None if message is None else _answer_in(message, name)
            if answer is not None:
                return answer
        raise NoAnswerError(name)

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()
        self._producer.close()


def _answer_in(message: Message, name: str) -> Result | None:
    """The answer to a command, if it is in the message; others write answers to others."""
    key, value = message.key(), message.value()
    if message.error() is not None or value is None or key != name.encode():
        return None
    try:
        return decode_result(value)
    except DecodeError:
        return None
