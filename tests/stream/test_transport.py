"""The transport's bookkeeping, without Kafka: readings, room, what may be committed, and the settings it stands on."""

import ssl
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.kafka_settings import client_settings
from stream.chunks import TP, Chunk, Intake, Reading
from stream.fetching import Cursor, LogTruncatedError
from stream.kafka_security import credentials
from stream.transport import create_app

HERE, THERE = TP("touchpoints", 0), TP("touchpoints", 1)


def started(records_ahead: int = 20, **offsets: int | None) -> Intake:
    """An intake that reads `HERE`, from 0 unless `here` says otherwise."""
    intake = Intake(records_ahead)
    intake.start(intake.assignment, {HERE: offsets.get("here", 0)})
    return intake


def chunk(intake: Intake, first_offset: int, next_offset: int) -> Chunk:
    """A chunk of the current reading of `HERE`."""
    return Chunk(*HERE, first_offset, next_offset, [], 0, intake.open({HERE})[HERE].number)


class Nowhere:
    """Positions that are never asked."""

    async def start_offsets(self, partitions: set[TP]) -> dict[TP, int | None]:
        """Fails."""
        raise NotImplementedError

    def committed(self, offsets: Mapping[TP, int | None]) -> None:
        """Fails."""
        raise NotImplementedError


def test_nothing_is_open_before_its_position_is_known() -> None:
    """A partition is not read before a start offset was given for it."""
    intake = Intake()
    assert intake.open({HERE}) == {}
    assert intake.unstarted({HERE, THERE}) == {HERE, THERE}
    intake.start(intake.assignment, {HERE: 7, THERE: None})
    assert {tp: reading.start for tp, reading in intake.open({HERE, THERE}).items()} == {HERE: 7, THERE: None}
    assert intake.unstarted({HERE, THERE}) == set()


def test_an_answer_about_positions_that_comes_too_late_is_dropped() -> None:
    """Positions asked before a rebalance do not start the readings after it."""
    intake = Intake()
    asked = intake.assignment
    intake.revoked()
    intake.start(asked, {HERE: 7})
    assert intake.open({HERE}) == {}


def test_chunks_are_handed_out_only_up_to_the_limit() -> None:
    """With `records_ahead` offsets out and not done, a partition is closed; fewer open it, and it says so."""
    intake = started(records_ahead=20)
    changes: list[None] = []
    intake.on_change = lambda: changes.append(None)
    assert intake.hand_out(chunk(intake, 0, 10))
    assert intake.hand_out(chunk(intake, 10, 20))
    assert intake.open({HERE}) == {}
    intake.done(HERE, 0)
    assert intake.open({HERE}) == {}, "nothing is done yet"
    intake.done(HERE, 10)
    assert HERE in intake.open({HERE})
    intake.done(HERE, 20)
    assert len(changes) == 1


def test_many_small_chunks_do_not_keep_the_next_from_coming() -> None:
    """What comes record by record is handed out record by record, for as long as there is room for records."""
    intake = started(records_ahead=20, here=100)
    for offset in range(100, 120):
        assert intake.hand_out(chunk(intake, offset, offset + 1))
    assert intake.open({HERE}) == {}


def test_refetch_makes_all_earlier_chunks_stale() -> None:
    """After `refetch`, chunks fetched before it are neither handed out nor fresh, and their room is free again."""
    intake = started(records_ahead=10)
    before = chunk(intake, 0, 10)
    intake.hand_out(before)
    intake.refetch(HERE, 3)
    assert intake.is_stale(before)
    assert not intake.hand_out(before)
    assert intake.open({HERE})[HERE].start == 3
    assert not intake.is_stale(chunk(intake, 3, 10))


def test_refetch_of_a_partition_that_is_not_ours_does_nothing() -> None:
    """A late agent cannot make the worker read a partition that it lost."""
    intake = started()
    intake.revoked()
    intake.refetch(HERE, 3)
    assert intake.open({HERE}) == {}


def test_reading_numbers_are_never_used_twice() -> None:
    """A chunk from before a restart stays stale, even when the reading after it starts at the same offset."""
    intake = started()
    before = chunk(intake, 0, 10)
    intake.restart()
    intake.start(intake.assignment, {HERE: 0})
    assert intake.is_stale(before)


def test_only_what_was_reported_done_is_committed_and_only_once() -> None:
    """Handing out commits nothing; a report does, exactly, and not again until the next one."""
    intake = started()
    intake.hand_out(chunk(intake, 0, 10))
    assert intake.uncommitted() == {}
    intake.done(HERE, 10)
    assert intake.uncommitted() == {HERE: 10}
    intake.committed({HERE: 10})
    assert intake.uncommitted() == {}


def test_a_report_that_goes_back_is_committed_too() -> None:
    """After a store lost writes its lower position is the truth, for lag tools as well."""
    intake = started()
    intake.done(HERE, 10)
    intake.committed({HERE: 10})
    intake.done(HERE, 4)
    assert intake.uncommitted() == {HERE: 4}


def test_what_was_done_for_revoked_partitions_is_forgotten() -> None:
    """A report for a partition that moved away must not be committed, before or after it comes back."""
    intake = started()
    intake.done(HERE, 10)
    intake.revoked()
    intake.done(HERE, 20)
    assert intake.uncommitted() == {}
    intake.start(intake.assignment, {HERE: 30})
    assert intake.uncommitted() == {}


def test_a_restart_keeps_what_is_to_be_committed() -> None:
    """Only a rebalance forgets what was done: the partitions are still ours."""
    intake = started()
    intake.done(HERE, 10)
    intake.restart()
    assert intake.uncommitted() == {HERE: 10}


@given(st.lists(st.sampled_from(["fetch", "done", "refetch", "restart", "revoked", "commit"]), max_size=60))
def test_no_order_of_calls_commits_beyond_done_or_exceeds_the_limit(calls: list[str]) -> None:
    """Whatever happens in whatever order: never more out than allowed, never an offset that was not reported."""
    intake, out, reported = started(records_ahead=30), list[Chunk](), set[int]()
    offset = 0
    for call in calls:
        match call:
            case "fetch":
                for reading in intake.open({HERE}).values():
                    fetched = Chunk(*HERE, offset, offset + 10, [], 0, reading.number)
                    offset += 10
                    assert intake.hand_out(fetched)
                    out.append(fetched)
            case "done" if out:
                intake.done(HERE, out[0].next_offset)
                reported.add(out.pop(0).next_offset)
            case "refetch":
                intake.refetch(HERE, 0)
            case "restart" | "revoked":
                getattr(intake, call)()
                intake.start(intake.assignment, {HERE: 0})
            case "commit":
                intake.committed(intake.uncommitted())
        out = [one for one in out if not intake.is_stale(one)]
        assert len(out) <= 3
        assert set(intake.uncommitted().values()) <= reported


def test_chunks_of_a_cursor_follow_each_other_without_a_hole() -> None:
    """A range includes the offsets before its first record and up to aiokafka's position; expiry is said once."""
    cursor = Cursor(number=1, offset=5)
    cursor.expired = 2
    first = cursor.chunk(HERE, 20, [])
    second = cursor.chunk(HERE, 21, [])
    assert (first.first_offset, first.next_offset, first.expired) == (5, 20, 2)
    assert (second.first_offset, second.next_offset, second.expired) == (20, 21, 0)


def test_a_truncated_log_names_the_partition_and_both_offsets() -> None:
    """An operator can act on the message alone."""
    assert "500 of touchpoints-0 lies beyond the log's end 10" in str(LogTruncatedError(HERE, 500, 10))


def test_the_app_trusts_neither_kafkas_offsets_nor_fausts_acknowledgements() -> None:
    """The settings that the transport's rules stand on cannot be left out by whoever makes a topic."""
    app = create_app("group", ["127.0.0.1:1", "127.0.0.1:2"], Nowhere())
    topic = app.topic("touchpoints", value_serializer="json", acks=True)
    assert (topic.acks, topic.schema.value_serializer, topic.schema.key_serializer) == (False, "raw", "raw")
    assert app.conf.consumer_auto_offset_reset == "none"
    assert app.conf.stream_wait_empty is False
    assert app.conf.web_enabled is False
    assert app.conf.topic_disable_leader is True
    assert app.conf.processing_guarantee.value == "at_least_once"
    assert (app.conf.broker_session_timeout, app.conf.broker_heartbeat_interval) == (10.0, 3.0)
    assert [str(url) for url in app.conf.broker_consumer] == ["aiokafka://127.0.0.1:1", "aiokafka://127.0.0.1:2"]


def test_how_long_a_dead_worker_holds_its_partitions_can_be_set() -> None:
    """By librdkafka's name, to the group's reader and not to producers, which would complain of it."""
    app = create_app("group", ["127.0.0.1:1"], Nowhere(), security={"session.timeout.ms": "1500"})
    assert (app.conf.broker_session_timeout, app.conf.broker_heartbeat_interval) == (1.5, 0.5)
    assert "session.timeout.ms" not in client_settings("127.0.0.1:1", {"session.timeout.ms": "1500"}, {})


def test_the_command_line_cannot_switch_fausts_web_server_on() -> None:
    """`faust worker` sets `web_enabled` by default: an open port on every interface, were it obeyed."""
    app = create_app("group", ["127.0.0.1:1"], Nowhere())
    app.conf.web_enabled = True
    assert list(app.boot_strategy.web_server()) == []
    assert list(app.boot_strategy.kafka_producer()) == []


def test_plain_text_needs_no_credentials() -> None:
    """Without a setting Faust connects in plain text, and says so by None."""
    assert credentials({}) is None
    assert credentials({"security.protocol": "PLAINTEXT"}) is None


def test_what_is_not_about_security_does_not_hinder_the_reader() -> None:
    """A setting that only a producer has is passed over."""
    assert credentials({"security.protocol": "SSL", "linger.ms": "5"}).protocol.value == "SSL"


def test_sasl_over_tls_is_translated() -> None:
    """Mechanism, user and password arrive, and the broker's certificate and name are checked."""
    made = credentials(
        {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "engine",
            "sasl.password": "x",
        }
    )
    assert (made.protocol.value, made.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (made.username, made.password) == ("engine", "x")
    assert made.ssl_context.verify_mode is ssl.CERT_REQUIRED
    assert made.ssl_context.check_hostname


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"security.protocol": "tls"}, "security.protocol"),
        ({"sasl.username": "engine"}, "sasl.username"),
        ({"security.protocol": "sasl_plaintext", "sasl.mechanism": "GSSAPI"}, "sasl.mechanism"),
        ({"security.protocol": "sasl_plaintext", "sasl.mechanism": "PLAIN", "sasl.username": "u"}, "sasl.password"),
        ({"security.protocol": "ssl", "ssl.cipher.suites": "x"}, "ssl.cipher.suites"),
        ({"security.protocol": "ssl", "ssl.key.location": "x"}, "ssl.certificate.location"),
    ],
)
def test_a_security_setting_without_effect_is_refused_by_name(settings: dict[str, str], named: str) -> None:
    """Nothing that an operator asked for is dropped silently."""
    with pytest.raises(ValueError, match=named):
        credentials(settings)


def test_no_secret_is_in_an_error() -> None:
    """The password never shows, even where the settings around it are refused."""
    with pytest.raises(ValueError, match="not understood") as error:
        credentials({"sasl.password": "hunter2"})
    assert "hunter2" not in str(error.value)


def test_a_reading_seen_twice_is_the_same_reading() -> None:
    """What is open does not change between two looks, so that the thread seeks once per reading."""
    intake = started(here=4)
    assert intake.open({HERE}) == intake.open({HERE}) == {HERE: Reading(1, 4)}
