"""A worker for the transport's tests: applies chunks to a fenced store, as the engine's agents do, and nothing else.

The store is an SQLite file shared by all workers of a test: a chunk's records and the new position are one transaction,
which only happens if the position is still the chunk's start. So what it holds at the end is what the transport gave.

Run as `faust -A tests.live.transport_worker worker` with its settings in the environment, or `build` it in the test.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stream.chunks import TP, Chunk, Positions
from stream.transport import CHUNK_RECORDS, CHUNKS_AHEAD, ChunkApp, create_app


class Store:
    """Records and positions per partition; `seen` and `positions` read them."""

    def __init__(self, path: Path | str, worker: str = "worker") -> None:
        self._worker = worker
        self._database = sqlite3.connect(path, timeout=30, isolation_level=None)
        self._database.execute("pragma journal_mode=wal")
        self._database.execute("pragma synchronous=off")
        self._database.execute("create table if not exists position (part integer primary key, next integer)")
        self._database.execute(
            "create table if not exists seen (worker, part, off, append_ms, key, value, headers, seen_ms)"
        )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    async def start_offsets(self, partitions: set[TP]) -> dict[TP, int | None]:
        """The positions, as the transport asks for them."""
        return {tp: self.position(tp.partition) for tp in partitions}

    def committed(self, offsets: Mapping[TP, int | None]) -> None:
        """What Kafka holds says nothing to this store."""

    def position(self, partition: int) -> int | None:
        """The next offset to apply; None before the first."""
        row = self._database.execute("select next from position where part = ?", (partition,)).fetchone()
        return None if row is None else int(row[0])

    def positions(self) -> dict[int, int]:
        """All positions."""
        return dict(self._database.execute("select part, next from position"))

    def set_position(self, partition: int, offset: int | str) -> None:
        """Move the position, as a restored backup would; not to a number, to break the store."""
        self._database.execute("insert or replace into position values (?, ?)", (partition, offset))

    def apply(self, chunk: Chunk) -> bool:
        """Apply the chunk if it continues the position."""
        now_ms = time.time() * 1000
        self._database.execute("begin immediate")
        position = self.position(chunk.partition)
        continues = position is None or position == chunk.first_offset
        if continues:
            self._database.executemany(
                "insert into seen values (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (self._worker, r.partition, r.offset, r.append_ms, r.key, r.value, repr(r.headers), now_ms)
                    for r in chunk.records
                ],
            )
            self.set_position(chunk.partition, chunk.next_offset)
        self._database.execute("commit")
        return continues

    def seen(self) -> list[tuple[Any, ...]]:
        """(worker, partition, offset, append_ms, key, value, headers, seen_ms), in the order of their application."""
        return list(self._database.execute("select * from seen order by rowid"))

    def count(self) -> int:
        """How many records were applied."""
        return int(self._database.execute("select count(*) from seen").fetchone()[0])


class Trace:
    """What a worker saw of the transport: every chunk it was given, and how many it had to refetch."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.refetches = 0
        self.gate = asyncio.Event()  # the agent works while it is set
        self.gate.set()


def build(
    broker: str,
    group: str,
    topic: str,
    store: Store,
    *,
    trace: Trace | None = None,
    positions: Positions | None = None,
    seconds_per_chunk: float = 0,
    chunk_records: int = CHUNK_RECORDS,
    chunks_ahead: int = CHUNKS_AHEAD,
) -> ChunkApp:
    """An app with one agent on `topic` that applies chunks to the store."""
    app = create_app(
        group, [broker], positions or store, chunk_records=chunk_records, chunks_ahead=chunks_ahead, **FAST
    )
    seen = trace or Trace()

    async def apply(chunks: Any) -> None:  # noqa: ANN401 - Faust's stream
        async for chunk in chunks:
            await seen.gate.wait()
            if app.intake.is_stale(chunk):
                continue
            seen.chunks.append(chunk)
            if seconds_per_chunk:
                await asyncio.sleep(seconds_per_chunk)
            if store.apply(chunk):
                app.intake.done(chunk.tp, chunk.next_offset)
            else:
                seen.refetches += 1
                app.intake.refetch(chunk.tp, store.position(chunk.partition))

    app.agent(app.topic(topic), name="apply")(apply)
    return app


FAST: dict[str, Any] = {"broker_session_timeout": 6.0, "broker_heartbeat_interval": 0.5, "broker_commit_interval": 0.2}


def from_environment() -> ChunkApp:
    """The app of a worker process."""
    return build(
        os.environ.get("TEST_BROKER", "127.0.0.1:9092"),
        os.environ.get("TEST_GROUP", "test"),
        os.environ.get("TEST_TOPIC", "test"),
        Store(os.environ.get("TEST_STORE", ":memory:"), os.environ.get("TEST_WORKER", "worker")),
        seconds_per_chunk=float(os.environ.get("TEST_SECONDS_PER_CHUNK", "0")),
        chunk_records=int(os.environ.get("TEST_CHUNK_RECORDS", str(CHUNK_RECORDS))),
    )


app = from_environment()
