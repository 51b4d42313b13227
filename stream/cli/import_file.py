"""`idweave import`: a file that no publisher of ours wrote, to Kafka: an old member base, a till's late day.

Rules: nothing of a row is printed but its line's number, so that a terminal and its log hold no personal data; the
rows that were rejected are in a file of their own.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Final, NamedTuple

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from resolvers.admission import Admission
from resolvers.pseudonyms import Pseudonyms
from stream.cli.console import (
    ERR,
    FAILED,
    UNUSED_KEYS,
    USAGE,
    AsJson,
    Brokers,
    CommandFailedError,
    broker_list,
    complain,
    no_broker,
    plural,
    say,
    servers,
    settings_for,
)
from stream.cli.help import Commands
from stream.config.mistakes import ConfigError
from stream.config.settings import Settings
from stream.importing.events import EventMaker
from stream.importing.importing import Importing, Judge, Judged, StoppedError, check, digest_of, open_rows
from stream.importing.importing import Progress as Shown
from stream.importing.maps import ImportMap, missing_columns, read_map
from stream.importing.publishing import PublishingError, TopicMissingError, TouchpointPublisher
from stream.importing.rows import Rows, UnreadableFileError
from stream.importing.state import Rejects, State, read_state, state_file
from topics.catalogue import TOUCHPOINTS
from topics.codec import encode

SHOWN_MAX: Final = 100

commands = Commands()


class _Job(NamedTuple):
    """What is to be imported, how, and how fast."""

    file: Path
    map_file: Path
    read: ImportMap
    settings: Settings
    per_second: float | None


@commands.command(name="import", epilog="Example:  idweave import members.csv --map members.map.yaml --check")
def import_command(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV with names in its first line, or one JSON object a line.")
    ],
    *,
    map_file: Annotated[Path, typer.Option("--map", metavar="MAP", help="Which column is what; see docs/import.md.")],
    only_check: Annotated[
        bool, typer.Option("--check", help="Publish nothing: say which rows would be rejected.")
    ] = False,
    per_second: Annotated[
        float | None,
        typer.Option(metavar="EVENTS", min=1, help="Publish no faster than this, to leave room for live events."),
    ] = None,
    as_json: AsJson = False,
    brokers: Brokers = None,
) -> None:
    """Import an old member base or a late POS file.

    CSV or JSON lines. Every row becomes an event, under the same rules as live ones; rejected rows go to
    FILE.rejects.csv or .jsonl with line number and reason. After an interruption the same command goes on where it was.
    Importing a file again counts once.
    """
    named = servers(context, brokers)
    settings = settings_for(named, UNUSED_KEYS)
    read = read_map(map_file, settings.configuration.rules.namespaces)
    for warning in read.warnings:
        complain(f"warning: {warning}", "yellow")
    if not read.id and not only_check:  # the digest is published, so it is made with the brand's own key
        settings = settings_for(named, {"IDWEAVE_ID_KEY": UNUSED_KEYS["IDWEAVE_ID_KEY"]})
    job = _Job(file, map_file, read, settings, per_second)
    started = time.monotonic()
    with _opened(file) as opened, _bar("checking" if only_check else "importing", file) as bar:
        rows = _rows(opened, file, read)
        if only_check:
            state = State(file="", map="", topic="", cluster="")
            _check(rows, _judge(job), state, file, shown=bar, as_json=as_json)
        else:
            state = _import(rows, _judge(job), job, bar)
    unused = [name for name in read.columns if state.filled.isdisjoint({name, name.partition(".")[0]})]
    if as_json:
        say(encode(_as_json(state, unused, only_check=only_check)).decode())
    else:
        say(f"{file}: {plural(state.rows, 'row')} in {time.monotonic() - started:.1f} s.")
        for line in _summary(state, None if only_check else _rejects(rows, job, 0).place):
            say(line)
    if unused and state.rows:
        complain(f"warning: no row says anything in: {', '.join(unused)}.", "yellow")
    if not state.rows:
        complain(f"{file} has no rows.")
    if (state.rejected and (only_check or not state.published)) or not state.rows:
        raise typer.Exit(FAILED)


def _judge(job: _Job) -> Judge:
    settings = job.settings
    key = settings.hash_key.reveal().encode()
    admission = Admission(settings.configuration.rules, Pseudonyms(key))
    topic = TOUCHPOINTS.full_name(settings.topic_prefix)
    return Judge(EventMaker(job.read, key), admission, settings.configuration.limits, topic)


def _check(rows: Rows, judge: Judge, state: State, file: Path, *, shown: Shown, as_json: bool) -> None:
    """Name the first rows that would be rejected, and count all."""

    def told(one: Judged) -> None:
        if not as_json and sum(state.rejected.values()) <= SHOWN_MAX:
            say(f"{file}:{one.row.line}: {one.code}: {one.reason}")

    check(rows, judge, state, shown, told)
    if not as_json and sum(state.rejected.values()) > SHOWN_MAX:
        say(f"... and {sum(state.rejected.values()) - SHOWN_MAX:,} more")


def _import(rows: Rows, judge: Judge, job: _Job, shown: Shown) -> State:
    """Publish what an earlier run left.

    Raises:
        CommandFailedError: not all of it has arrived.
    """
    publisher = _publisher(job.settings)
    state = _state(job, publisher)
    importing = Importing(job.file, publisher, judge, state)
    try:
        with _rejects(rows, job, state.rejects_bytes) as rejects:
            importing.run(rows, rejects, job.per_second, shown)
    except StoppedError as error:
        raise CommandFailedError(
            f"Kafka did not take everything ({error}). Run the same command when it is well: it goes on after line"
            f" {state.line:,}."
        ) from error
    except KeyboardInterrupt:
        publisher.stop()
        raise CommandFailedError(f"Stopped. The same command goes on after line {state.line:,}.") from None
    except OSError as error:
        reason = (error.strerror or "it cannot be written").lower()
        raise CommandFailedError(
            f"{error.filename or state_file(job.file)}: {reason}. An import writes its state and its rejects beside its"
            " file: put the file where that is allowed."
        ) from error
    return state


def _publisher(settings: Settings) -> TouchpointPublisher:
    try:
        return TouchpointPublisher(broker_list(settings), settings.topic_prefix, settings.kafka_settings())
    except TopicMissingError as error:
        raise CommandFailedError(f"Nothing was sent: {error}. Create it with `idweave topics create`.") from error
    except PublishingError as error:
        raise no_broker(settings, str(error)) from error


def _rejects(rows: Rows, job: _Job, done_bytes: int) -> Rejects:
    return Rejects(job.file, rows.header, job.read.delimiter, job.read.encoding, done_bytes)


def _state(job: _Job, publisher: TouchpointPublisher) -> State:
    """Where to begin; an import that was interrupted goes on."""
    file = job.file
    with _opened(file) as opened, _opened(job.map_file) as opened_map:
        fresh = State(
            file=digest_of(opened), map=digest_of(opened_map), topic=publisher.topic, cluster=publisher.cluster
        )
    left = read_state(file)
    if left is None:
        return fresh
    if left.is_of(fresh):
        complain(
            f"Going on after line {left.line:,}, where an import of this file was interrupted. (Delete"
            f" {state_file(file)} to begin at the first line.)",
            "yellow",
        )
        return left
    complain("An earlier import was of another file, map or topic: beginning at the first line.", "yellow")
    return fresh


def _rows(opened: BinaryIO, file: Path, read: ImportMap) -> Rows:
    """The file's rows.

    Raises:
        ConfigError: the map names columns that are not there.
        CommandFailedError: the file is not what the map says.
    """
    try:
        rows = open_rows(opened, file.name, read)
    except UnreadableFileError as error:
        raise CommandFailedError(f"{file} cannot be read: {error}.", USAGE) from error
    missing = [] if rows.header is None else missing_columns(read, rows.header)
    if len(missing) > 1 and rows.header is not None and len(rows.header) == 1 and read.header is None:
        raise CommandFailedError(
            f"{file}: the first line has 1 column, and the map names {len(read.columns)}. Is `delimiter` right? As the"
            f" map is, it is {read.delimiter!r}.",
            USAGE,
        )
    if missing:
        raise ConfigError(missing)
    return rows


@contextmanager
def _opened(file: Path) -> Iterator[BinaryIO]:
    try:
        opened = file.open("rb")
    except OSError as error:
        reason = (error.strerror or "it cannot be read").lower()
        raise CommandFailedError(f"{file} cannot be opened: {reason}. Name a file of rows.", USAGE) from error
    with opened:
        yield opened


@contextmanager
def _bar(doing: str, file: Path) -> Iterator[Shown]:
    """A progress bar in bytes, on a terminal, with the counts so far."""
    if not ERR.is_terminal:
        yield lambda _done, _state: None
        return
    columns = (
        TextColumn(doing),
        BarColumn(),
        DownloadColumn(),
        TextColumn("{task.fields[rows]:,} rows, {task.fields[rejected]:,} rejected"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=ERR, transient=True) as progress:
        task = progress.add_task("bytes", total=file.stat().st_size, rows=0, rejected=0)
        yield lambda done, state: progress.update(
            task, completed=done, rows=state.rows, rejected=sum(state.rejected.values())
        )


def _summary(state: State, rejects: Path | None) -> Iterator[str]:
    """What became of the rows; `rejects` None: nothing was published."""
    rejected = sum(state.rejected.values())
    if rejects is None:
        yield f"  {plural(state.published, 'row')} would be accepted, {rejected:,} rejected, {state.skipped:,} skipped."
    else:
        yield f"  {plural(state.published, 'event')} published to {state.topic}."
        yield f"  {plural(state.skipped, 'row')} skipped, {rejected:,} rejected."
        if rejected:
            yield f"  The rejected ones, with line and reason: {rejects}"
    for code, count in sorted(state.rejected.items(), key=lambda one: (-one[1], one[0])):
        yield f"    {code:<24}{count:>9,}"
    if state.dropped:
        dropped = ", ".join(f"{rule} {count:,}" for rule, count in sorted(state.dropped.items()))
        yield f"  Values dropped from events that were accepted: {dropped}."


def _as_json(state: State, unused: list[str], *, only_check: bool) -> dict[str, object]:
    return {
        "rows": state.rows,
        "accepted": state.published,
        "published": 0 if only_check else state.published,
        "skipped": state.skipped,
        "rejected": state.rejected,
        "dropped": state.dropped,
        "unused": unused,
    }
