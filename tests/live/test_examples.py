"""The worked examples, small, as their users run them: on real servers, every number true, nothing left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from confluent_kafka.admin import AdminClient

from tests.conftest import Broker
from tests.live.redis_server import RedisServer

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(("name", "size"), [("chando", "--fans"), ("alcon", "--legacy")])
def test_an_example_finds_the_truth(
    name: str, size: str, kafka: Broker, redis_server: RedisServer, tmp_path: Path
) -> None:
    """Exit code 0 means that what is on the output topics is what the generator knows; a picture is drawn of it."""
    picture = tmp_path / "picture.svg"
    options = [size, "300", "--brokers", kafka.bootstrap, "--redis", redis_server.url, "--picture", str(picture)]
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Every number is the truth's." in done.stdout
    assert picture.read_text().startswith("<svg")
    with redis.Redis.from_url(redis_server.url) as store:
        assert not list(store.scan_iter(f"idweave-{name}-*"))
    topics = AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=20).topics
    assert not [topic for topic in topics if topic.startswith(f"idweave-{name}-")]


@pytest.mark.parametrize("name", ["chando", "alcon"])
def test_half_of_the_servers_is_a_sentence(name: str, redis_server: RedisServer) -> None:
    """A store without a broker: said in a sentence, exit code 1, nothing started."""
    command = [sys.executable, "-m", f"benchmarks.{name}", "--redis", redis_server.url]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 1
    assert "Name both --brokers and --redis" in done.stderr
    assert "Traceback" not in done.stderr
