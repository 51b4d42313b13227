"""Merges are counted by the publisher whose evidence joined, under names of the configuration."""

import json

import msgspec

from resolvers.admission import Admission
from resolvers.namespaces import DEFAULT_RULES
from resolvers.pseudonyms import Pseudonyms
from tests.stream.small_stages import SmallStages
from topics.records import Record

NOW_MS = 1_795_262_400_000


def record(number: int, source: str, **identifiers: str) -> Record:
    """A visit."""
    event = {
        "id": f"e{number}",
        "source": source,
        "type": "store.visited",
        "time": f"2026-08-01T10:{number:02}:00Z",
        "data": {"identifiers": identifiers},
    }
    return Record("touchpoints", 0, number, NOW_MS, None, json.dumps(event).encode(), ())


async def test_a_merge_counts_for_whose_evidence_joined() -> None:
    """Not for who had spoken of the people before, and a source that no line names is `other`."""
    rules = msgspec.structs.replace(DEFAULT_RULES, sources={"/crm/*": "allowed", "/web/*": "allowed", "/x": "refused"})
    stages = SmallStages(Admission(rules, Pseudonyms(b"a key for tests, long enough")), NOW_MS)
    assert stages.counted("idweave_source_merges", "pattern") == {"/crm/*": 0, "/web/*": 0, "/x": 0, "other": 0}
    await stages.feed([record(1, "/crm/1", card="A"), record(2, "/crm/1", login="a"), record(3, "/crm/1", openid="o")])
    await stages.feed([record(4, "/web/7", card="A", login="a")])
    assert stages.counted("idweave_source_merges", "pattern") == {"/crm/*": 0, "/web/*": 1, "/x": 0, "other": 0}
    await stages.feed([record(5, "/crm/2", card="A", openid="o")])
    assert stages.counted("idweave_source_merges", "pattern") == {"/crm/*": 1, "/web/*": 1, "/x": 0, "other": 0}
    assert stages.counted("idweave_merges", "type")["merged"] == 2


async def test_without_sources_all_merges_are_others() -> None:
    """The metric is there from the start, under one name."""
    stages = SmallStages(Admission(DEFAULT_RULES, Pseudonyms(b"a key for tests, long enough")), NOW_MS)
    await stages.feed([record(1, "/a", card="A"), record(2, "/a", login="a")])
    await stages.feed([record(3, "/13800138000", card="A", login="a")])
    assert stages.counted("idweave_source_merges", "pattern") == {"other": 1}
