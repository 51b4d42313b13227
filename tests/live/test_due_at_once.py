"""`benchmarks.due_at_once`, small, on real servers: everybody who is due at one instant is told, and once."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import Broker
from tests.live.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
ONCE = {"records": 500, "people": 500}


def test_a_month_begins_for_everybody_at_once(kafka: Broker, redis_server: RedisServer, tmp_path: Path) -> None:
    """Profile, segment and reminder of 500 people, each once, while events of others get through.

    More than a page are due, in all shards; the store was filled by copies of one member, so this says too that a
    worker takes these for members.
    """
    kept = tmp_path / "due.json"
    servers = ["--brokers", kafka.bootstrap, "--redis", redis_server.url]
    options = ["--people", "500", "--quiet-seconds", "2", "--results", str(kept)]
    command = [sys.executable, "-m", "benchmarks.due_at_once", *options, *servers]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(kept.read_text())
    assert found["told"] == dict.fromkeys(("profiles", "segments", "reminders"), ONCE)
    assert found["event_to_profile_meanwhile"]["events"] > 0
