"""How long does an operator wait for a command over HTTP: previewed, carried out, taken back?

`python -m benchmarks.commands [--keep]` on a real Kafka and a real Redis of its own, one worker, commands one after the
other as a person in the console sends them. `--keep` writes benchmarks/results/commands.json.
"""

import argparse
import json
import statistics
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import machine
from stream.servers.child_process import ChildProcess
from tests.live.engine import Engine, Published
from tests.live.kafka import KafkaServer
from tests.live.redis_server import RedisServer
from topics.codec import decode, encode

RESULT: Final = Path(__file__).with_name("results") / "commands.json"
TIMES: Final = 60
OPERATOR: Final = "operate-me"


def main() -> None:
    """Measure, say, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="write benchmarks/results/commands.json")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kafka = stack.enter_context(KafkaServer(folder / "kafka"))
        store = stack.enter_context(RedisServer(folder / "redis"))
        engine = stack.enter_context(Engine(kafka.bootstrap, store.url, "commands", folder / "engine"))
        worker = engine.start_worker(IDWEAVE_API_TOKENS=f"operator:{OPERATOR}")
        engine.until(lambda: engine.is_ready(worker), "the worker reads")
        engine.publish([Published(None, _event())])
        engine.settle()
        result = measured(worker) | {"servers": f"{kafka.description}, {store.description}", "machine": machine()}
    said = json.dumps(result, indent=2) + "\n"
    print(said)
    if options.keep:
        RESULT.write_text(said)


def measured(worker: ChildProcess) -> dict[str, Any]:
    """Milliseconds from the request to the worker's answer, by what was asked; and of the very first command."""
    split = {"type": "split", "identifiers": ["phone:13800138001"]}
    first = _ask(worker, split | {"dry_run": True})[0]
    waits: dict[str, list[float]] = {"preview": [], "split": [], "undo": []}
    for _ in range(TIMES):
        waits["preview"].append(_ask(worker, split | {"dry_run": True})[0])
        took, answer = _ask(worker, split)
        waits["split"].append(took)
        waits["undo"].append(_ask(worker, {"type": "undo", "of": answer["id"]})[0])
    return {
        "times": TIMES,
        "first_ms": round(first, 1),
        "p50_ms": {name: round(statistics.median(ms), 1) for name, ms in waits.items()},
        "max_ms": {name: round(max(ms), 1) for name, ms in waits.items()},
    }


def _ask(worker: ChildProcess, command: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {OPERATOR}"}
    url = f"http://127.0.0.1:{worker.port}/v1/commands"
    request = urllib.request.Request(url, encode(command), headers)
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        told: dict[str, Any] = decode(answer.read())
    took = (time.perf_counter() - began) * 1_000
    assert told["status"] == "done", told
    return took, told


def _event() -> bytes:
    data = {"identifiers": {"phone": "13800138001", "card": "8800"}}
    event = {"id": "e", "source": "/bench", "type": "store.visited", "time": "2026-08-01T10:00:00Z", "data": data}
    return encode(event)


if __name__ == "__main__":
    main()
