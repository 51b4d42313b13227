"""The catalogue against the contract's tables."""

import pytest

from topics import catalogue
from topics.catalogue import ALL, Topic

DAY_MS = 86_400_000

# The contract's table: name, cleanup, days kept (None is for ever).
CONTRACT = {
    "touchpoints": ("delete", 30),
    "commands": ("delete", 7),
    "commands.results": ("compact", None),
    "profiles": ("compact", None),
    "identities": ("compact", None),
    "merges": ("delete", 7),
    "tags": ("delete", 7),
    "lifecycle": ("delete", 7),
    "values": ("delete", 7),
    "segments": ("delete", 7),
    "reminders": ("delete", 7),
    "conflicts": ("delete", 7),
    "touchpoints.dlq": ("delete", 30),
    "changes": ("delete", 1),
}


def test_the_catalogue_is_the_contracts_table() -> None:
    """The same topics, each kept as the contract says, and every constant is in the list."""
    found = {
        topic.name: (topic.cleanup, None if topic.retention_ms < 0 else topic.retention_ms // DAY_MS) for topic in ALL
    }
    assert found == CONTRACT
    assert {value for value in vars(catalogue).values() if isinstance(value, Topic)} == set(ALL)


def test_outputs_stand_in_the_order_in_which_one_change_is_sent() -> None:
    """Profiles before identities before merges and so on, as in the contract's table."""
    names = [topic.name for topic in ALL]
    assert names == list(CONTRACT)


def test_names_take_the_prefix() -> None:
    """Engines that share a broker differ by prefix."""
    assert catalogue.TOUCHPOINTS.full_name("idweave") == "idweave.touchpoints"
    assert catalogue.DEAD_LETTERS.full_name("acme") == "acme.touchpoints.dlq"


def test_inputs_and_only_inputs_carry_the_brokers_time() -> None:
    """Log positions are made of append times; elsewhere the writer's time stays."""
    stamped = {topic.name for topic in ALL if topic.config()["message.timestamp.type"] == "LogAppendTime"}
    assert stamped == {topic.name for topic in ALL if topic.role == "input"} == {"touchpoints", "commands"}


def test_commands_have_one_order() -> None:
    """Commands are decided in the order of their one partition."""
    assert catalogue.COMMANDS.partitions == 1
    assert [topic.name for topic in ALL if topic.one_partition] == ["commands"]


@pytest.mark.parametrize("topic", [topic for topic in ALL if topic.cleanup == "compact"], ids=lambda topic: topic.name)
def test_what_was_erased_leaves_compacted_topics_soon(topic: Topic) -> None:
    """Compaction may not wait: the active segment rolls and is compacted daily; tombstones stay a week for readers."""
    settings = topic.config()
    assert int(settings["segment.ms"]) + int(settings["max.compaction.lag.ms"]) <= 2 * DAY_MS
    assert float(settings["min.cleanable.dirty.ratio"]) <= 0.1
    assert int(settings["delete.retention.ms"]) == 7 * DAY_MS
    assert settings["retention.ms"] == "-1"


@pytest.mark.parametrize("topic", [topic for topic in ALL if topic.cleanup == "delete"], ids=lambda topic: topic.name)
def test_records_do_not_outlive_their_retention_by_much(topic: Topic) -> None:
    """Whole segments are deleted, so a segment is short against the retention."""
    settings = topic.config()
    assert int(settings["segment.ms"]) * 24 <= int(settings["retention.ms"])


def test_whatever_was_taken_in_fits_into_the_dead_letters() -> None:
    """A dead letter is larger than the record it carries."""
    assert catalogue.DEAD_LETTERS.message_bytes > catalogue.TOUCHPOINTS.message_bytes
