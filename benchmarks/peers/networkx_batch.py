"""(c) networkx, recomputed per batch: a graph in memory, and its connected components anew after every 1,000 events.

It cannot: keep rules, remember anything through a restart, share the work among processes, split, say why.
"""

from collections import Counter

import networkx as nx
from confluent_kafka import Consumer, Producer

from benchmarks.peers.stint import Stint, Task
from benchmarks.peers.touchpoints import Reader, Touchpoint, profile

BATCH = 1_000
WAIT_SECONDS = 0.05
FACTS = ("visits", "orders", "paid_cents", "points")


class People:
    """A graph of identifiers, and the facts of each event at its strongest one."""

    def __init__(self) -> None:
        self._graph = nx.Graph()
        self._facts: dict[str, Counter[str]] = {}
        self._published: dict[str, str] = {}  # identifier -> the person it was last published with

    def add(self, batch: list[Touchpoint]) -> dict[str, bytes | None]:
        """Add events -> the profile of everybody who has changed; None: merged into another."""
        touched = set()
        for one in batch:
            strongest = one.identifiers[0]
            touched.add(strongest)
            self._graph.add_node(strongest)
            self._graph.add_edges_from((strongest, other) for other in one.identifiers[1:])
            facts = self._facts.setdefault(strongest, Counter())
            for name in FACTS:
                facts[name] += getattr(one, name)
        profiles: dict[str, bytes | None] = {}
        for members in nx.connected_components(self._graph):
            if touched.isdisjoint(members):
                continue
            person = min(members)
            profiles |= dict.fromkeys({self._published.get(one, person) for one in members} - {person})
            self._published.update(dict.fromkeys(members, person))
            facts = sum((self._facts[one] for one in members if one in self._facts), Counter[str]())
            profiles[person] = profile(list(members), facts)
        return profiles


def main() -> None:
    """Work."""
    task = Task.told()
    stint, reader, people = Stint(task.events), Reader(task.hash_key), People()
    group = {"group.id": task.prefix, "auto.offset.reset": "earliest"}
    consumer = Consumer({"bootstrap.servers": task.brokers, **group})
    producer = Producer({"bootstrap.servers": task.brokers, "compression.type": "lz4", "linger.ms": 5})
    consumer.subscribe([task.source])
    done = False
    while not done:
        batch = [reader.touchpoint(message.value() or b"") for message in consumer.consume(BATCH, WAIT_SECONDS)]
        if batch:
            stint.begin()
            for person, made in people.add(batch).items():
                producer.produce(task.target, made, person.encode())
                producer.poll(0)
            producer.flush()
            done = stint.done(len(batch))
    stint.end()
    consumer.close()


if __name__ == "__main__":
    main()
