"""A Faust worker on the batched transport that has nothing of IDWeave's: it counts page views, exactly.

`PAGES_BROKERS=127.0.0.1:9092 PAGES_FILE=pages.db python docs/examples/batched_faust.py worker` reads the topic `pages`,
whose keys are pages. Counts and positions are in one SQLite file and change in one transaction, so that a chunk counts
once however often the worker is killed; more workers than one would share a server instead (docs/transport.md).
"""

import os
import sqlite3
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import closing

from stream.chunks import TP, Chunk
from stream.transport import create_app

BROKERS = os.environ.get("PAGES_BROKERS", "127.0.0.1:9092").split(",")
TOPIC = os.environ.get("PAGES_TOPIC", "pages")
FILE = os.environ.get("PAGES_FILE", "pages.db")
GROUP = os.environ.get("PAGES_GROUP", "page-counter")


class Store:
    """Counts and positions in one file. To the transport it is `Positions`: it says where reading starts."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(FILE, isolation_level=None)
        self._database.execute("create table if not exists views (page primary key, number)")
        self._database.execute("create table if not exists positions (part integer primary key, next)")

    async def start_offsets(self, partitions: set[TP]) -> dict[TP, int | None]:
        """Where each partition goes on; None: from the earliest."""
        return {tp: self.position(tp) for tp in partitions}

    def committed(self, offsets: Mapping[TP, int | None]) -> None:
        """What Kafka was told, for lag tools; this store has not lost anything."""

    def position(self, tp: TP) -> int | None:
        """The next offset to count."""
        row = self._database.execute("select next from positions where part = ?", (tp.partition,)).fetchone()
        return None if row is None else int(row[0])

    def count(self, chunk: Chunk) -> bool:
        """Count a chunk and move the position, both or none; False: it does not begin at the position."""
        with closing(self._database.cursor()) as cursor:
            cursor.execute("begin immediate")
            position = self.position(chunk.tp)
            continues = position is None or position == chunk.first_offset
            if continues:
                views = Counter((record.key or b"?").decode() for record in chunk.records)
                for page, number in views.items():
                    cursor.execute("insert into views values (?, 0) on conflict do nothing", (page,))
                    cursor.execute("update views set number = number + ? where page = ?", (number, page))
                cursor.execute("replace into positions values (?, ?)", (chunk.partition, chunk.next_offset))
            cursor.execute("commit")
        return continues


store = Store()
app = create_app(GROUP, BROKERS, store)


async def count(chunks: AsyncIterator[Chunk]) -> None:
    """The agent. What goes wrong ends the process: Faust would go on with the next chunk, and lose this one."""
    async for chunk in chunks:
        try:
            if app.intake.is_stale(chunk):
                continue
            if store.count(chunk):
                app.intake.done(chunk.tp, chunk.next_offset)
            else:
                app.intake.refetch(chunk.tp, store.position(chunk.tp))
        except Exception:  # noqa: BLE001 - whatever it was
            traceback.print_exc()
            os._exit(70)


app.agent(app.topic(TOPIC))(count)

if __name__ == "__main__":
    app.main()
