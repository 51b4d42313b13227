"""The newest records of a topic on a real broker: pages from the end back, without gaps or repetitions."""

import json
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from sinks.newest_reader import Bounds, NewestReader, NewestReadError
from sinks.topics_admin import create_topics
from tests.conftest import Broker

RECORDS = 57


@pytest.fixture
def reader(kafka: Broker, topic_prefix: str) -> Iterator[NewestReader]:
    """A reader of topics of the test's own."""
    create_topics(kafka.bootstrap, topic_prefix, {}, 1)
    reader = NewestReader(kafka.bootstrap, topic_prefix, {})
    yield reader
    reader.close()


def filled(kafka: Broker, topic: str, numbers: range) -> None:
    """Records a millisecond apart, spread over the partitions."""
    now_ms = time.time_ns() // 1_000_000 - 60_000  # what is older than is kept would vanish meanwhile
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for number in numbers:
        producer.produce(topic, json.dumps(number), str(number % 7), timestamp=now_ms + number)
    assert producer.flush(30) == 0


def pages(reader: NewestReader, limit: int) -> list[list[int]]:
    """All pages, from the newest on."""
    found: list[list[int]] = []
    before: Bounds | None = None
    while before is None or before:
        page = reader.read("merges", limit, before)
        found.append([int(value) for value in page.values])
        before = page.earlier
    return found


def test_pages_are_the_whole_topic_newest_first(kafka: Broker, topic_prefix: str, reader: NewestReader) -> None:
    """Whatever the size of a page; what is written meanwhile is on no later page."""
    assert reader.read("merges", 10, None) == ([], {})
    filled(kafka, f"{topic_prefix}.merges", range(RECORDS))
    everything = list(reversed(range(RECORDS)))
    for limit in (1, 2, 10, 56, 57, 200):
        found = pages(reader, limit)
        assert [number for page in found for number in page] == everything, limit
        assert max(map(len, found)) <= limit
    first = reader.read("merges", 10, None)
    filled(kafka, f"{topic_prefix}.merges", range(RECORDS, RECORDS + 5))
    second = reader.read("merges", 10, first.earlier)
    assert [int(value) for value in first.values + second.values] == everything[:20]
    assert int(reader.read("merges", 1, None).values[0]) == RECORDS + 4


def test_a_topic_that_is_not_there_is_said(kafka: Broker, topic_prefix: str) -> None:
    """A typed error that names it; nothing is waited for."""
    reader = NewestReader(kafka.bootstrap, f"{topic_prefix}-elsewhere", {})
    with pytest.raises(NewestReadError, match="merges"):
        reader.read("merges", 10, None)
    reader.close()
