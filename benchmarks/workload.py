"""The benchmark's events: people drawn by Zipf or evenly, 2 to 3 identifiers an event, one in twenty contested.

An event has 215 to 300 bytes. Contested: it names the device of another of the household, so that the rules have
something to refuse. One event in twelve is an order. Event times are those of the day before now.
Run as a program it publishes: `python -m benchmarks.workload BROKERS TOPIC EVENTS PEOPLE skewed|uniform SEED`.
"""

import random
import sys
import time
from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate

from confluent_kafka import Producer

from topics.instants import to_text

ZIPF = 1.1
CONTESTED = 0.05
OFTEN = ("wifi.login", "page.viewed", "store.visited", "message.opened")
TYPES = (*OFTEN, *OFTEN, "openid.follow", "content.shared", "order.paid", "points.earned")


def events(count: int, people: int, *, skewed: bool, seed: int) -> Iterator[bytes]:
    """`count` event values."""
    rng = random.Random(seed)
    start_s = int(time.time()) - 86_400
    weights = list(accumulate(1 / (rank + 1) ** ZIPF for rank in range(people))) if skewed else []
    for n in range(count):
        person = bisect_left(weights, rng.random() * weights[-1]) if skewed else rng.randrange(people)
        yield _event(rng, n, person, start_s)


def _event(rng: random.Random, n: int, person: int, start_s: int) -> bytes:
    owner = person ^ 1 if rng.random() < CONTESTED else person
    mac = f'"mac":"0a:{owner >> 24 & 255:02x}:{owner >> 16 & 255:02x}:{owner >> 8 & 255:02x}:{owner & 255:02x}:01"'
    named = {
        "phone": f'"phone":"139{person:08d}"',
        "openid": f'"openid":"main:oX{person:010d}"',
        "card": f'"card":"88{person:08d}"',
        "mac": mac,
    }
    chosen = ",".join(named[name] for name in rng.sample(list(named), rng.choice((2, 3))))
    kind = rng.choice(TYPES)
    data = f'"identifiers":{{{chosen}}},"counters":{{"visits":1}},"store":"SH-{person % 50:03d}","channel":"offline"'
    if kind == "order.paid":
        amount = f"{rng.randrange(1, 500)}.{rng.randrange(100):02d}"
        data += f',"order":{{"order_id":"O{n}","amount":"{amount}","currency":"CNY"}}'
    if kind == "points.earned":
        data += ',"points":10,"kind":"interaction"'
    at = to_text((start_s + n // 1000) * 1_000_000 + n % 1000 * 1000)
    return (
        f'{{"specversion":"1.0","id":"bench-{n:09d}","source":"/bench/mall-77","type":"{kind}","time":"{at}",'
        f'"data":{{{data}}}}}'
    ).encode()


def publish(brokers: str, topic: str, values: Iterator[bytes]) -> None:
    """Publish as fast as the broker takes it, all of it made before: what is measured is not the making."""
    made = list(values)
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 5, "compression.type": "lz4", "acks": "all"})
    for n, value in enumerate(made):
        while True:
            try:
                producer.produce(topic, value, b"%d" % (n % 1021))
                break
            except BufferError:
                producer.poll(0.01)
        if n % 1000 == 0:
            producer.poll(0)
    producer.flush()


if __name__ == "__main__":
    _, brokers, topic, count, people, draw, seed = sys.argv
    publish(brokers, topic, events(int(count), int(people), skewed=draw == "skewed", seed=int(seed)))
