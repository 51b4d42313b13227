"""(d) The ceiling: bytes through Kafka with nothing done, in one Python process. It resolves nobody."""

from confluent_kafka import Consumer, Producer

from benchmarks.peers.stint import Stint, Task

BATCH = 1_000
WAIT_SECONDS = 0.05


def main() -> None:
    """Work."""
    task = Task.told()
    stint = Stint(task.events)
    group = {"group.id": task.prefix, "auto.offset.reset": "earliest"}
    consumer = Consumer({"bootstrap.servers": task.brokers, **group})
    producer = Producer({"bootstrap.servers": task.brokers, "compression.type": "lz4", "linger.ms": 5, "acks": "all"})
    consumer.subscribe([task.source])
    done = False
    while not done:
        messages = consumer.consume(BATCH, WAIT_SECONDS)
        if messages:
            stint.begin()
            for message in messages:
                while True:
                    try:
                        producer.produce(task.target, message.value(), message.key())
                        break
                    except BufferError:
                        producer.poll(0.01)
            producer.poll(0)
            done = stint.done(len(messages))
    producer.flush()
    stint.end()
    consumer.close()


if __name__ == "__main__":
    main()
