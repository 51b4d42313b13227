"""A real Apache Kafka in one process (KRaft, broker and controller), for the live tests.

A test that stops, pauses or kills its broker makes its own `KafkaServer`; all others share the session's `kafka`.
The folder outlives the process: `start` after `stop` or `kill` goes on with the same topics on the same port.
"""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from stream.servers.child_process import LOOPBACK, ChildProcess, free_port
from stream.servers.embedded import broker_answers
from tests.live.kafka_jars import KAFKA_VERSION, KafkaUnavailableError, jars, java

READY_SECONDS = 60.0
CLUSTER_ID = "aWR3ZWF2ZS1saXZlLXRlc3Q"  # sixteen bytes in base64, as the format tool demands
MEMORY = ["-Xmx512m", "-XX:+UseSerialGC"]
QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"

CHANGE_SECONDS = 60.0


class KafkaServer:
    """One Apache Kafka broker on loopback, kept in `folder`; `bootstrap` is its address.

    `with KafkaServer(folder) as kafka:` starts and stops it. `kill` is a crash, `pause` and `resume` a machine that
    hangs; the client's view of both is what the fault tests are about.
    """

    def __init__(self, folder: Path) -> None:
        self.description = f"Apache Kafka {KAFKA_VERSION}"
        self.bootstrap = ""
        self._folder = folder
        self._child: ChildProcess | None = None

    def __enter__(self) -> Self:
        """Start the broker."""
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop the broker."""
        self.stop()

    @property
    def process(self) -> ChildProcess:
        """The broker's process: `pid`, `alive`, `last_log_lines()`."""
        assert self._child is not None, "the broker was never started"
        return self._child

    def start(self) -> None:
        """Start the broker, the first time on a new port; returns once it lists itself in its metadata."""
        if self._child is None:
            self._child = self._format()
        child = self._child
        child.start(lambda: self.answers(child), READY_SECONDS)
        self.bootstrap = f"{LOOPBACK}:{child.port}"

    def answers(self, child: ChildProcess) -> bool:
        """Whether it is up; a broker that wants to know who asks has another way."""
        return broker_answers(child)

    def settings(self, log: Path, port: int, controller_port: int) -> dict[str, object]:
        """The broker's configuration."""
        return _settings(log, port, controller_port)

    def format_arguments(self) -> list[str]:
        """What else the tool is told that lays out the folder."""
        return []

    def stop(self) -> None:
        """Shut the broker down cleanly."""
        self.process.stop(patience_seconds=30)

    def kill(self) -> None:
        """End the broker as a crash would (`kill -9`)."""
        self.process.kill()

    def pause(self) -> None:
        """Freeze the broker."""
        self.process.pause()

    def resume(self) -> None:
        """Let the frozen broker go on."""
        self.process.resume()

    def restart(self) -> None:
        """Stop and start on the same folder and port."""
        self.stop()
        self.start()

    def _format(self) -> ChildProcess:
        """Lay out the folder and the settings; raises `KafkaUnavailableError` where Kafka cannot be had."""
        program, classes = java(), f"{jars()}/*"
        self._folder.mkdir(parents=True, exist_ok=True)
        settings = self._folder / "server.properties"
        port = free_port()
        lines = self.settings(self._folder / "log", port, free_port()).items()
        settings.write_text("".join(f"{name}={value}\n" for name, value in lines))
        storage = [program, QUIET, "-cp", classes, "kafka.tools.StorageTool"]
        formatted = subprocess.run(  # noqa: S603 - a fixed command
            [*storage, "format", "-t", CLUSTER_ID, "-c", str(settings), *self.format_arguments()],
            capture_output=True,
            text=True,
            check=False,
        )
        if formatted.returncode != 0:
            raise KafkaUnavailableError(f"Kafka could not format its folder: {formatted.stderr.strip()[-300:]}")
        return ChildProcess(
            self.description,
            [program, *MEMORY, QUIET, "-cp", classes, "kafka.Kafka", str(settings)],
            self._folder,
            port,
            environment=dict(os.environ),  # Java reads its locale, home and library paths from there
        )


def change_topics(brokers: str, wanted: Mapping[str, Mapping[str, str]]) -> None:
    """Set some settings of topics, by their full names."""
    resources = []
    for topic, settings in wanted.items():
        entries = [ConfigEntry(key, one, incremental_operation=AlterConfigOpType.SET) for key, one in settings.items()]
        resources.append(ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries))
    admin = AdminClient({"bootstrap.servers": brokers})  # whose answers end with it
    for done in admin.incremental_alter_configs(resources).values():
        done.result(CHANGE_SECONDS)


def _settings(log: Path, port: int, controller_port: int) -> dict[str, object]:
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": log,
        "auto.create.topics.enable": "false",  # a misspelt topic must fail, not appear
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,  # so that a killed worker's partitions move while a test waits
        "broker.session.timeout.ms": 2000,  # a killed broker may come back only when its old session has ended
        "broker.heartbeat.interval.ms": 200,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        # Compaction and retention within the seconds of a test, once its topic says `segment.ms`.
        "log.initial.task.delay.ms": 500,
        "log.cleaner.backoff.ms": 200,
        "log.retention.check.interval.ms": 500,
        "log.segment.delete.delay.ms": 100,
    }
