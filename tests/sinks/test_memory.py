"""What the twins in memory can do beyond the contract: lose writes as a server can, and stamp records."""

import pytest

from resolvers.steps import ClaimHome, Commit, Notice, Notify, Outgoing, ReadComponent, ReadHome
from sinks.memory_log import MemoryLog
from sinks.memory_store import MemoryStore
from sinks.store import Advance

TP = ("touchpoints", 0)


def test_a_restart_from_a_backup_loses_what_came_after() -> None:
    """And is another server: a batch that began before it moves no position, whatever its offsets."""
    store = MemoryStore()
    store.execute(Commit("c", 0, {"a:x": b""}))
    store.advance(TP, None, 10, store.run_id)
    before, backup = store.run_id, store.saved()
    store.execute(Commit("c", 1, {"a:y": b""}))
    store.execute(ClaimHome("k", "c"))
    store.advance(TP, 10, 20, store.run_id)
    store.restart(backup)
    assert store.execute(ReadComponent("c")).version == 1
    assert store.execute(ReadHome("k")) is None
    assert store.start_offsets([TP]) == {TP: 10}
    assert store.advance(TP, 10, 20, before).outcome is Advance.CHANGED
    assert store.advance(TP, 10, 20, store.run_id).outcome is Advance.DONE


def test_a_backup_can_be_restored_twice() -> None:
    """What happens after a restart does not change the backup."""
    store = MemoryStore()
    backup = store.saved()
    runs = set()
    for _ in range(2):
        store.restart(backup)
        runs.add(store.run_id)
        assert store.execute(Commit("c", 0, {"a:x": b""})) == 1
    assert len(runs) == 2


def test_a_restart_without_loss_keeps_everything() -> None:
    """Only the run id is another."""
    store = MemoryStore(clock_us=lambda: 7)
    store.execute(ClaimHome("k", "c"))
    before = store.run_id
    store.restart()
    assert store.execute(ReadHome("k")) == "c"
    assert store.run_id != before
    assert store.clock_us() == 7


def test_a_publishers_step_is_not_the_stores() -> None:
    """Whoever hands it one has a bug."""
    with pytest.raises(KeyError):
        MemoryStore().execute(Notify(Notice("c", 1, "id", "source", 0)))


def test_records_are_stamped_by_the_clock_that_was_given() -> None:
    """As a broker stamps them with its own."""
    log = MemoryLog(1, clock_ms=iter(range(100, 200)).__next__)
    assert [log.append(Outgoing("profiles", b"k", b"v")) for _ in range(2)] == [0, 1]
    assert [(one.offset, one.append_ms) for one in log.topic("profiles")[0]] == [(0, 100), (1, 101)]
