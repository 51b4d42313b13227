"""(e) Pathway: connected components by `pw.iterate`, kept up to date in steps of 500 links. Labels only.

It cannot: keep rules, sums or profiles; its label of a person changes whenever a lesser identifier joins. Its state is
in memory. It is under the Business Source License.
"""

import threading
from typing import Any

import pathway as pw
from confluent_kafka import Consumer, Producer

from benchmarks.peers.stint import Stint, Task
from benchmarks.peers.touchpoints import Reader

STEP_LINKS = 500
BATCH = 200
WAIT_SECONDS = 0.05


class Link(pw.Schema):  # type: ignore[misc] # Pathway is in an environment of its own
    """Two identifiers of one event; of an event with one only, that one twice."""

    one: str
    other: str


class Links(pw.io.python.ConnectorSubject):  # type: ignore[misc]
    """Reads events, and hands on links in steps."""

    def __init__(self, task: Task, stint: Stint) -> None:
        super().__init__()
        self._task = task
        self._stint = stint

    def run(self) -> None:
        """Read all of them."""
        task, reader = self._task, Reader(self._task.hash_key)
        group = {"group.id": task.prefix, "auto.offset.reset": "earliest"}
        consumer = Consumer({"bootstrap.servers": task.brokers, **group})
        consumer.subscribe([task.source])
        links, done = 0, False
        while not done:
            messages = consumer.consume(BATCH, WAIT_SECONDS)
            for message in messages:
                self._stint.begin()
                first, *others = reader.touchpoint(message.value() or b"").identifiers
                for other in others or [first]:
                    self.next(one=first, other=other)
                    links += 1
                    if links % STEP_LINKS == 0:
                        self.commit()
            done = self._stint.done(len(messages))
        self.commit()
        consumer.close()


def spread(labels: pw.Table, links: pw.Table) -> dict[str, pw.Table]:
    """One step: everybody takes the least label next to it."""
    told = links.join(labels, links.one == labels.name).select(name=links.other, label=labels.label)
    every = pw.Table.concat_reindex(labels, told)
    least = every.groupby(every.name).reduce(every.name, label=pw.reducers.min(every.label))
    return {"labels": least.with_universe_of(labels), "links": links}


def main() -> None:
    """Work."""
    task = Task.told()
    stint, lock = Stint(task.events), threading.Lock()
    producer = Producer({"bootstrap.servers": task.brokers, "compression.type": "lz4", "linger.ms": 5})
    given = pw.io.python.read(Links(task, stint), schema=Link, autocommit_duration_ms=None)
    back = given.select(one=given.other, other=given.one)
    links = pw.Table.concat_reindex(given, back)
    links = links.groupby(links.one, links.other).reduce(links.one, links.other)
    first = links.groupby(links.one).reduce(name=links.one, label=links.one)
    labels = pw.iterate(spread, labels=first, links=links).labels

    def changed(key: Any, row: dict[str, str], time: int, is_addition: bool) -> None:  # noqa: ANN401, ARG001, FBT001
        if is_addition:
            with lock:
                producer.produce(task.target, row["label"].encode(), row["name"].encode())
                producer.poll(0)

    pw.io.subscribe(labels, on_change=changed)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    producer.flush()
    stint.end()


if __name__ == "__main__":
    main()
