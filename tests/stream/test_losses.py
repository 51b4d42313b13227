"""What was deleted before it was read is counted once, however often a batch of it is prepared."""

from typing import Any, cast

import pytest

from resolvers.admission import Admission
from resolvers.cache import Cache
from resolvers.namespaces import DEFAULT_RULES
from resolvers.projecting import Rulebook
from resolvers.pseudonyms import Pseudonyms, mint
from resolvers.standing import standing_of
from resolvers.steps import Notice
from sinks.memory_log import MemoryLog
from sinks.publisher import packed
from stream.chunks import Chunk
from stream.command import Commanding
from stream.config.configuration import DeadLetterLimit
from stream.flood import Flood
from stream.metrics import Metrics
from stream.project import Projecting
from stream.resolve import Resolving
from stream.session import Parts
from stream.waking import Pages
from topics.envelope import Limits
from topics.records import Record

LOST = 7
ADMISSION = Admission(DEFAULT_RULES, Pseudonyms(b"h" * 32))


class Clock:
    """All of a store that is asked for here."""

    async def clock_us(self) -> int:
        """Some instant."""
        return 1


@pytest.mark.parametrize("agent", ["resolve", "project", "command"])
async def test_lost_offsets_are_counted_once(agent: str) -> None:
    """A batch of which a part went stale, or that met a block, is prepared again before it is begun."""
    metrics = Metrics()
    rulebook = Rulebook(DEFAULT_RULES, frozenset(), lambda key, nth: mint(b"i" * 32, key, nth))
    stages: dict[str, Any] = {
        "resolve": Resolving(ADMISSION, Limits(), metrics, Flood(metrics, DeadLetterLimit()), None),
        "project": Projecting(rulebook, metrics, Pages()),
        "command": Commanding(ADMISSION, rulebook, metrics),
    }
    stage, chunks = stages[agent], [Chunk("topic", 0, 0, LOST, [], LOST, 1)]
    stage.prepare(chunks)
    parts = Parts(cast("Any", Clock()), cast("Any", MemoryLog()), Cache(), standing_of([], ADMISSION))
    await stage.begin(stage.prepare(chunks), parts)
    assert metrics.registry.get_sample_value("idweave_position_gap_total") == LOST


async def test_what_holds_no_notices_is_left_out_and_said() -> None:
    """A record that somebody else wrote to `changes` neither stops the workers nor hides the notices around it."""
    metrics = Metrics()
    projecting = Projecting(
        Rulebook(DEFAULT_RULES, frozenset(), lambda key, nth: mint(b"i" * 32, key, nth)), metrics, Pages()
    )
    [(_, ours)] = packed([Notice("card:main:A", 1, "e", "/s", 0)], 1)
    values = [b"hello", ours, None, b"\xc0", b""]
    records = [Record("changes", 0, at, 0, None, value, ()) for at, value in enumerate(values)]
    told = projecting.prepare([Chunk("changes", 0, 0, len(records), records, 0, 1)])
    assert [notice.component for notice in told.notices] == ["card:main:A"]
    assert told.foreign == ("0:0", "0:2", "0:3", "0:4")
    parts = Parts(cast("Any", Clock()), cast("Any", MemoryLog()), Cache(), standing_of([], ADMISSION))
    await projecting.begin(told._replace(notices=[]), parts)
    assert metrics.registry.get_sample_value("idweave_foreign_changes_total") == 4
