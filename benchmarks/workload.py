"""The benchmark's events: people drawn by Zipf or evenly, 2 to 3 identifiers an event, one in twenty contested.

An event has 215 to 300 bytes. Contested: it names the device of another of the household, so that the rules have
something to refuse. One event in twelve is an order. Event times are those of the day before now.
Run as a program it publishes: `python -m benchmarks.workload --events N --people N --draw skewed BROKERS TOPIC`, as
fast as the broker takes it, or at an even pace; then it prints when, by the monotonic clock, the first event was due.
"""

import argparse
import random
import sys
import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate

from confluent_kafka import Producer

from topics.instants import to_text

ZIPF = 1.1
CONTESTED = 0.05
OFTEN = ("wifi.login", "page.viewed", "store.visited", "message.opened")
TYPES = (*OFTEN, *OFTEN, "openid.follow", "content.shared", "order.paid", "points.earned")


def events(count: int, people: int, *, skewed: bool, seed: int, start_s: int | None = None) -> Iterator[bytes]:
    """`count` event values, the first of them at `start_s` since 1970: a day ago, where that is not said."""
    start_s = int(time.time()) - 86_400 if start_s is None else start_s
    return (value for _, value in events_of_people(count, people, skewed=skewed, seed=seed, start_s=start_s))


def events_of_people(count: int, people: int, *, skewed: bool, seed: int, start_s: int) -> Iterator[tuple[int, bytes]]:
    """Person and event value; equal arguments give the same people, whatever the time."""
    rng = random.Random(seed)
    weights = list(accumulate(1 / (rank + 1) ** ZIPF for rank in range(people))) if skewed else []
    for n in range(count):
        person = bisect_left(weights, rng.random() * weights[-1]) if skewed else rng.randrange(people)
        yield person, _event(rng, n, person, start_s)


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


def publish(brokers: str, topic: str, values: Iterable[bytes]) -> None:
    """Publish as fast as the broker takes it, all of it made before: what is measured is not the making."""
    made = list(values)
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 5, "compression.type": "lz4", "acks": "all"})
    for n, value in enumerate(made):
        while True:
            try:
                producer.produce(topic, value, _key(n))
                break
            except BufferError:
                producer.poll(0.01)
        if n % 1000 == 0:
            producer.poll(0)
    producer.flush()


def publish_evenly(brokers: str, topic: str, values: Iterable[bytes], per_second: float) -> None:
    """Publish each event at its own instant, whatever became of those before it, and say when the first one was due."""
    made = list(values)
    producer = Producer({"bootstrap.servers": brokers, "linger.ms": 1, "compression.type": "lz4", "acks": "all"})
    producer.list_topics(topic, 10)
    started = time.monotonic() + 0.1
    print(started, flush=True)
    for n, value in enumerate(made):
        if (wait := started + n / per_second - time.monotonic()) > 0:
            time.sleep(wait)  # the client's own wait knows whole milliseconds only, and would keep a core busy
        producer.produce(topic, value, _key(n))
        producer.poll(0)
    producer.flush()


def _key(n: int) -> bytes:
    return b"%d" % (n % 1021)


def command(count: int, people: int, draw: str, seed: int = 1, per_second: float | None = None) -> list[str]:
    """This program and its arguments, but for broker and topic."""
    even = [] if per_second is None else ["--per-second", str(per_second)]
    numbers = ["--events", str(count), "--people", str(people), "--seed", str(seed)]
    return [sys.executable, "-m", "benchmarks.workload", *numbers, "--draw", draw, *even]


def main() -> None:
    """Publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("brokers")
    parser.add_argument("topic")
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--draw", choices=("skewed", "uniform"), required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--per-second", type=float)
    asked = parser.parse_args()
    values = events(asked.events, asked.people, skewed=asked.draw == "skewed", seed=asked.seed)
    if asked.per_second is None:
        publish(asked.brokers, asked.topic, values)
    else:
        publish_evenly(asked.brokers, asked.topic, values, asked.per_second)


if __name__ == "__main__":
    main()
