"""`idweave dlq` on real servers: refused records are counted, shown without what they hold, and sent again whole."""

import json
from collections import Counter
from pathlib import Path

import pytest
from confluent_kafka import Producer

from sinks.dead_letters import dead_letter
from stream.servers.embedded import embedded_servers
from tests.conftest import Broker
from tests.live.command_line import Line
from tests.live.engine import Engine, Published
from tests.live.test_commands import event
from tests.live.test_replay import said
from topics.catalogue import DEAD_LETTERS
from topics.records import Record
from topics.refusals import Refusal, RefusalCode

PHONE = "13800138777"
STRANGE = json.dumps(
    {
        "id": "w",
        "source": "/gate",
        "type": "store.visited",
        "time": "2026-01-01T10:00:00Z",
        "data": {"identifiers": {"wristband": "7", "phone": PHONE}},
    }
).encode()
REFUSED = [
    Published(b"k", b"not json: " + PHONE.encode(), (("x-till", b"7"), ("x-till", b""), ("x-none", None))),  # type: ignore[arg-type] # Kafka has such headers
    Published(None, None),
    Published(b"\xff\x00", STRANGE, (("idweave.error.code", b"mine"),)),
    Published(b"k2", STRANGE),
]


def as_published(some: list[Published]) -> Counter[tuple[object, ...]]:
    """Key, value and headers of records, and how often each."""
    return Counter((one.key, one.value, one.headers) for one in some)


def received(engine: Engine) -> Counter[tuple[object, ...]]:
    """The touchpoints on the topic, by what was sent."""
    return Counter((one.key, one.value, one.headers) for one in engine.input_log())


def test_dead_letters_are_counted_shown_and_sent_again(engine: Engine, kafka: Broker) -> None:
    """By code, without personal data unless asked for, and byte for byte; who is refused again is a new letter."""
    line = Line(kafka.bootstrap, engine.prefix)
    assert said(line, "dlq", "list")["letters"] == 0
    engine.start_worker()
    engine.publish([*REFUSED, event(1, 1, phone="13800138001")])
    engine.settle()
    before = received(engine)

    told = said(line, "dlq", "list")
    counts = {row["code"]: row["letters"] for row in told["rows"]}
    assert counts == {"invalid_json": 2, "unknown_namespace": 2}
    assert {row["topic"] for row in told["rows"]} == {f"{engine.prefix}.touchpoints"}
    assert "unknown_namespace" in line.run("dlq", "list", "--code", "unknown_namespace").stdout

    codes = {}
    for at in range(4):
        shown = line.run("dlq", "show", f"0:{at}", "--json")
        assert PHONE not in shown.stdout
        letter = json.loads(shown.stdout)
        codes[letter["code"]] = letter["place"]
        whole = said(line, "dlq", "show", letter["place"], "--value")
        assert (whole["code"], whole["reason"]) == (letter["code"], letter["reason"])
        if letter["code"] == "unknown_namespace":
            assert whole["value"].encode() == STRANGE
    assert line.run("dlq", "show", "0:4").returncode == 1
    assert line.run("dlq", "show", "0").returncode == 2
    assert line.run("dlq", "retry").returncode == 2
    assert line.run("dlq", "retry", "--code", "no_such_code").returncode == 2

    dry = said(line, "dlq", "retry", "--code", "unknown_namespace", "--dry-run")
    assert (dry["letters"], dry["sent"]) == (2, 0)
    assert received(engine) == before
    assert said(line, "dlq", "retry", "--code", "unknown_namespace")["sent"] == 2
    assert said(line, "dlq", "retry", codes["invalid_json"])["sent"] == 1
    again = received(engine) - before
    broken, strange = as_published(REFUSED[:2]), as_published(REFUSED[2:])
    assert again & strange == strange
    assert sum((again - strange).values()) == sum((again & broken).values()) == 1

    engine.until(lambda: len(engine.outputs()["touchpoints.dlq"]) == 7, "what is refused again is a new letter")
    assert said(line, "dlq", "retry", "0:0-3", "--dry-run")["letters"] == 4
    people = line.run("dlq", "retry", "0:4-6")
    assert "Sent 3 records again." in people.stdout
    assert PHONE not in people.stdout


@pytest.mark.timeout(25)  # less than the silence after which a reader gives up
def test_a_place_past_the_end_is_answered_at_once() -> None:
    """By the embedded broker too, which says nothing of offsets that it does not have, and ends that are too small."""
    topic = DEAD_LETTERS.full_name("past-the-end")
    with embedded_servers() as there:
        line = Line(there.brokers, "past-the-end")
        assert line.run("topics", "create").returncode == 0
        empty = line.run("dlq", "show", "0:99")
        producer = Producer({"bootstrap.servers": there.brokers})
        for _ in range(5):
            letter = dead_letter(Record("t", 0, 0, 0, None, b"v", ()), Refusal(RefusalCode.INVALID_JSON, "no JSON"))
            producer.produce(topic, letter.value, partition=0, headers=list(letter.headers))
        producer.flush(10)
        shown = line.run("dlq", "show", "0:99")
        for ended in (empty, shown):
            assert (ended.returncode, ended.stdout) == (1, "")
            assert ended.stderr.startswith("There is no dead letter at that place. `idweave dlq list` says what there")
        assert "There are no such dead letters." in line.run("dlq", "retry", "0:99-200", "--dry-run").stdout
        assert said(line, "dlq", "retry", "0:3-200", "--dry-run")["letters"] == 2


def test_a_flood_of_refusals_stops_the_reading(engine: Engine, keeper: Line, tmp_path: Path) -> None:
    """Positions stay and the worker says why, until an operator lets it pass; what comes later is judged anew."""
    config = tmp_path / "careful.yaml"
    config.write_text("dead_letters: {window: 100, most_percent: 50}\n")
    engine.publish(Published(None, b"from a bad release") for _ in range(1_000))
    worker = engine.start_worker(IDWEAVE_CONFIG=str(config))
    engine.until(lambda: engine.reasons(worker) == ["most_are_refused"], "the worker says that it has stopped")
    assert "idweave_paused 1.0" in (engine._asked(worker, "metrics") or "")
    assert len(engine.outputs()["touchpoints.dlq"]) < 100
    assert engine.resolved() < 100

    resumed = keeper.run("dlq", "resume")
    assert (resumed.returncode, "may go to the dead letters" in resumed.stdout) == (0, True), resumed
    engine.settle()
    assert len(engine.outputs()["touchpoints.dlq"]) == 1_000
    assert engine.reasons(worker) == []

    engine.publish(event(number, 1, phone="13800138001") for number in range(300))
    engine.settle()
    engine.publish(Published(None, b"from another bad release") for _ in range(300))
    engine.until(lambda: engine.reasons(worker) == ["most_are_refused"], "it stops again")


def test_a_line_that_no_broker_takes_is_not_blamed_on_the_broker(engine: Engine, kafka: Broker, tmp_path: Path) -> None:
    """`publish` says that it is the size, and that sending it again is of no use; its neighbours have arrived."""
    file = tmp_path / "events.jsonl"
    file.write_bytes(b'{"id":"1"}\n' + b"x" * 9_000_000 + b'\n{"id":"2"}\n')
    ended = Line(kafka.bootstrap, engine.prefix).run("publish", str(file))
    assert ended.returncode == 1
    assert ended.stdout.startswith("Published 2 events")
    assert "1 event did not arrive: the broker takes no records of that size." in ended.stderr
    assert "when the broker is well" not in ended.stderr
