"""`idweave publish` and `idweave generate`: events from a file to Kafka, and a synthetic retail day to a file.

Rules: `--check` takes events in as the worker does, so that what it lets through the worker accepts; it prints places,
codes and reasons, never a value. A file is read line by line, as bytes: whether a line is JSON is not for the file's
reader to say.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated, BinaryIO, Final, NamedTuple

import orjson
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from resolvers.admission import Admission
from resolvers.intake import take_in
from resolvers.pseudonyms import Pseudonyms
from stream.cli.console import (
    ERR,
    UNUSED_KEYS,
    USAGE,
    Brokers,
    CommandFailedError,
    broker_list,
    no_broker,
    plural,
    say,
    servers,
    settings_for,
    standard_input,
)
from stream.cli.help import Commands
from stream.config.settings import Settings
from stream.demo.world import PEOPLE_DEFAULT, World, generate
from stream.importing.publishing import Line, PublishingError, TopicMissingError, TouchpointPublisher
from topics.catalogue import TOUCHPOINTS
from topics.records import Record
from topics.refusals import Refusal

SHOWN_MAX: Final = 100
CHINA: Final = timezone(timedelta(hours=8))

commands = Commands()


class Checked(NamedTuple):
    """What became of a file's lines: how many were accepted, and how many refused by code."""

    accepted: int
    refused: Counter[str]


@commands.command(epilog="Example:  idweave publish events.jsonl --check")
def publish(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Events, one JSON object a line; - is the standard input.")
    ],
    *,
    check: Annotated[bool, typer.Option("--check", help="Publish nothing: say which lines would be refused.")] = False,
    brokers: Brokers = None,
) -> None:
    """Publish a file of events and wait until it has arrived.

    With --check nothing is published, and every line that the worker would refuse is named with its reason.
    """
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    with _opened(file) as lines:
        if check:
            _check(str(file), lines, settings)
        else:
            size = None if file == Path("-") else file.stat().st_size
            _publish(lines, size, settings)


@commands.command(name="generate", epilog="Example:  idweave generate --people 500 --out day.jsonl --truth truth.json")
def generate_command(
    *,
    people: Annotated[
        int, typer.Option(metavar="N", min=1, max=1_000_000, help="How many people live that day.")
    ] = PEOPLE_DEFAULT,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed is the same day, on every machine.")] = 1,
    day: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="The day; yesterday unless said.")] = None,
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the events go, one a line.")] = Path(
        "retail-day.jsonl"
    ),
    truth: Annotated[Path, typer.Option(metavar="FILE", help="Where it says who is who.")] = Path("retail-truth.json"),
) -> None:
    """Write a synthetic retail day, and the truth about it.

    With duplicates, late files, shared devices, junk identifiers and broken records.
    """
    if out.resolve() == truth.resolve():
        raise CommandFailedError("--out and --truth name one file: the truth would replace the events.", USAGE)
    world = generate(seed, people, _day(day))
    _write(out, b"".join(record.value + b"\n" for record in world.records))
    _write(truth, orjson.dumps(told(world), option=orjson.OPT_INDENT_2))
    say(f"{out}: {plural(len(world.records), 'event')} of {people:,} people, {world.duplicates:,} of them sent twice,")
    say(f"  {world.late:,} late, {sum(world.dead_letters.values())} to be refused.")
    say(f"{truth}: who is who, by identifier.")
    say(f"Publish it with:  idweave publish {out}")


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:  # which names the file where it cannot be opened, and not where the disk is full
        raise CommandFailedError(f"{file} cannot be written: {error.strerror}. Name another place.") from error


def told(world: World) -> dict[str, object]:
    """What is true of a day, as JSON: `truth` maps an identifier to a person; the rest counts."""
    return {
        "truth": world.truth,
        "dead_letters": {code.value: count for code, count in world.dead_letters.items()},
        "event_types": world.event_types,
        "duplicates": world.duplicates,
        "late": world.late,
        "observed": world.observed,
    }


def yesterday() -> date:
    """The calendar day before this one in China: a day that is over, so that nothing in it lies in the future."""
    return datetime.now(CHINA).date() - timedelta(days=1)


def _day(text: str | None) -> date:
    try:
        return yesterday() if text is None else date.fromisoformat(text)
    except ValueError:
        raise CommandFailedError("--day is a calendar day, written YYYY-MM-DD.", USAGE) from None


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    if file == Path("-"):
        yield standard_input()
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise CommandFailedError(f"{file} cannot be opened: {reason}. Name a file of events.", USAGE) from error
    with opened:
        yield opened


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each line that is not blank."""
    for number, line in enumerate(file, 1):
        text = line.rstrip(b"\r\n")
        if text.strip():
            yield number, text


def _check(name: str, file: BinaryIO, settings: Settings) -> None:
    """Say which lines the worker would refuse.

    Raises:
        CommandFailedError: there are some.
    """
    checked = check_lines(name, _lines(file), settings)
    refused = checked.refused.total()
    if refused > SHOWN_MAX:
        say(f"... and {refused - SHOWN_MAX:,} more")
    say(f"{plural(checked.accepted, 'event')} would be accepted, {refused:,} refused.")
    if refused:
        codes = ", ".join(f"{code} {count:,}" for code, count in checked.refused.most_common())
        raise CommandFailedError(f"Refused: {codes}. Correct these lines, or publish: they go to the dead letters.")


def check_lines(name: str, lines: Iterable[tuple[int, bytes]], settings: Settings) -> Checked:
    """Take lines in as the worker would, at this moment; the first refusals are printed."""
    admission = Admission(settings.configuration.rules, Pseudonyms(settings.hash_key.reveal().encode()))
    limits = settings.configuration.limits
    topic = TOUCHPOINTS.full_name(settings.topic_prefix)
    refused: Counter[str] = Counter()
    accepted = 0
    for number, line in lines:
        now_ms = int(datetime.now(UTC).timestamp() * 1000)
        taken = take_in(Record(topic, 0, number, now_ms, None, line, ()), limits, admission)
        if not isinstance(taken, Refusal):
            accepted += 1
            continue
        refused[taken.code.value] += 1
        if refused.total() <= SHOWN_MAX:
            say(f"{name}:{number}: {taken.code}: {taken.message}")
    return Checked(accepted, refused)


def _publish(file: BinaryIO, size: int | None, settings: Settings) -> None:
    """Send every line as it is.

    Raises:
        CommandFailedError: not all of them have arrived.
    """
    try:
        publisher = TouchpointPublisher(broker_list(settings), settings.topic_prefix, settings.kafka_settings())
    except TopicMissingError as error:
        raise CommandFailedError(f"Nothing was sent: {error}. Create it with `idweave topics create`.") from error
    except PublishingError as error:
        raise no_broker(settings, str(error)) from error
    started = time.monotonic()
    try:
        with _bar(size) as bar:
            publisher.publish(_followed(file, bar))
    except KeyboardInterrupt:
        publisher.stop()
        raise CommandFailedError(
            f"Stopped. {plural(publisher.delivered, 'event')} had arrived; sending them again does no harm."
        ) from None
    seconds = max(time.monotonic() - started, 0.001)
    say(f"Published {plural(publisher.delivered, 'event')} to {publisher.topic} in {seconds:.1f} s.")
    if publisher.failed == publisher.too_large > 0:
        raise CommandFailedError(
            f"{plural(publisher.too_large, 'event')} did not arrive: the broker takes no records of that size. They"
            " would be refused in any case: `--check` names the lines."
        )
    if publisher.failed:
        raise CommandFailedError(
            f"{plural(publisher.failed, 'event')} did not arrive ({publisher.reason}). Publish the file again when the"
            " broker is well: what has arrived counts once."
        )


def _bar(size: int | None) -> AbstractContextManager[Progress | None]:
    """A progress bar in bytes, on a terminal."""
    if size is None or not ERR.is_terminal:
        return nullcontext()
    bar = Progress(TextColumn("publishing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=ERR)
    bar.add_task("bytes", total=size)
    return bar


def _followed(file: BinaryIO, bar: Progress | None) -> Iterator[Line]:
    """The records of a file's lines; the bar follows."""
    done = 0
    for _, line in _lines(file):
        yield None, line
        done += len(line) + 1
        if bar is not None:
            bar.update(bar.task_ids[0], completed=done)
