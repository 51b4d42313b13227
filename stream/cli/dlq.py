"""`idweave dlq`: which records were refused and why, one of them, and sending them again.

Rules: what was received may hold personal data: it is shown only when asked for by --value. Sending again is sending
the very bytes; an event that counted meanwhile counts once.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sinks.dead_letters import Letter
from sinks.kafka_producer import KafkaPublisher
from sinks.log_reader import LogReader, LogReadError
from sinks.publisher import PublishFailedError
from stream.cli.console import (
    ERR,
    UNUSED_KEYS,
    USAGE,
    AsJson,
    Brokers,
    CommandFailedError,
    Redis,
    broker_list,
    no_broker,
    plural,
    say,
    servers,
    settings_for,
)
from stream.cli.help import Commands
from stream.cli.requirements import require_topics
from stream.cli.store import the_store
from stream.config.settings import Settings
from stream.operating.letters import Choice, Counted, Letters, Shown, Span, send, span_of
from topics.codec import encode
from topics.instants import to_text
from topics.refusals import RefusalCode

SENT_AT_ONCE: Final = 500
BYTES_AT_ONCE: Final = 8_000_000

Code = Annotated[
    list[str] | None, typer.Option("--code", metavar="CODE", help="Only of this code; may be given several times.")
]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="Refused from then on: 2026-11-21, or with T10:00Z.")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Refused before then.")]

commands = Commands(no_args_is_help=True, help="Refused records: list, show, send again, go on.")


@commands.command(name="list", epilog="Example:  idweave dlq list --since 2026-11-21")
def list_command(
    context: typer.Context,
    *,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
    brokers: Brokers = None,
) -> None:
    """Count the dead letters.

    By code, by the topic that they came from and by day, with the places of the first and the last of each, for
    `idweave dlq show`.
    """
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    choice = _choice(code, since, until, ())
    with _letters(settings, "reading") as letters:
        counted = letters.count(choice)
    if as_json:
        rows = [row._asdict() for row in counted.rows]
        say(encode({"letters": counted.letters, "cut": counted.cut, "foreign": counted.foreign, "rows": rows}).decode())
        return
    for line in _table(counted):
        say(line)


@commands.command(epilog="Example:  idweave dlq show 0:42 --value")
def show(
    context: typer.Context,
    place: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="Of the dead letter, as `list` says it.")],
    *,
    value: Annotated[
        bool, typer.Option("--value", help="Also key, headers and value as received: they may be personal data.")
    ] = False,
    as_json: AsJson = False,
    brokers: Brokers = None,
) -> None:
    """Show one dead letter.

    Why it was refused, whence it came, which headers it has. What was received is shown with --value only.
    """
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    span = span_of(place)
    if span is None or span.first != span.last:
        raise CommandFailedError("Name one place as PARTITION:OFFSET, for example 0:42.", USAGE)
    with _letters(settings, "looking") as letters:
        letter = letters.one(span)
    if letter is None:
        raise CommandFailedError("There is no dead letter at that place. `idweave dlq list` says what there is.")
    told = _told(letter, value=value)
    if as_json:
        say(encode(told).decode())
        return
    for name, text in told.items():
        say(f"{name:<10}{text if isinstance(text, str | int) else encode(text).decode()}")


@commands.command(
    epilog="Examples:  idweave dlq retry 0:42\n\n  idweave dlq retry 0:40-95 --dry-run\n\n"
    "  idweave dlq retry --code unknown_namespace --since 2026-11-21"
)
def retry(
    context: typer.Context,
    places: Annotated[
        list[str] | None, typer.Argument(metavar="PARTITION:OFFSET[-LAST]", help="These, or ranges of them.")
    ] = None,
    *,
    code: Code = None,
    since: Since = None,
    until: Until = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, send nothing.")] = False,
    as_json: AsJson = False,
    brokers: Brokers = None,
) -> None:
    """Send dead letters to the touchpoints again.

    When what refused them is corrected: key, value and headers as they were received. What is refused again becomes
    a new dead letter; the old one stays until its time is over, and sending it twice counts once.
    """
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    spans = [span_of(one) for one in places or ()]
    if None in spans:
        raise CommandFailedError("Name places as PARTITION:OFFSET or PARTITION:FIRST-LAST, for example 0:40-95.", USAGE)
    choice = _choice(code, since, until, [span for span in spans if span is not None])
    if choice == Choice():
        raise CommandFailedError("Say which: places, --code, --since or --until.", USAGE)
    with _letters(settings, "counting") as letters:
        counted = letters.count(choice)
    sent = 0
    if not dry_run and counted.letters:
        with _letters(settings, "sending") as letters:
            sent = asyncio.run(_send(settings, letters.chosen(choice, counted.ends)))
    if as_json:
        rows = [row._asdict() for row in counted.rows]
        say(encode({"letters": counted.letters, "cut": counted.cut, "sent": sent, "rows": rows}).decode())
        return
    for line in _table(counted):
        say(line)
    sendable = counted.letters - counted.cut
    say(f"{plural(sendable, 'record')} would be sent again." if dry_run else f"Sent {plural(sent, 'record')} again.")


@commands.command(epilog="Example:  idweave dlq resume")
def resume(context: typer.Context, redis: Redis = None) -> None:
    """Let workers go on that have stopped.

    They stop when most touchpoints are refused, if the configuration says so. What was appended until now may go to
    the dead letters, however much that is; what comes later is judged anew.
    """
    settings = settings_for(servers(context, None, redis))
    until_ms = asyncio.run(_let_pass(settings))
    say(f"What was appended until {to_text(until_ms * 1000)} may go to the dead letters. Workers go on in a second.")


async def _let_pass(settings: Settings) -> int:
    async with the_store(settings) as store:
        until_ms = await store.clock_us() // 1000
        await store.let_pass(until_ms)
    return until_ms


async def _send(settings: Settings, letters: Iterator[Letter]) -> int:
    sent, size = 0, 0
    some: list[Letter] = []
    try:
        publisher = await KafkaPublisher.open(broker_list(settings), settings.topic_prefix, settings.kafka_settings())
    except PublishFailedError as error:
        raise no_broker(settings, str(error)) from error
    try:
        for letter in letters:
            some.append(letter)
            size += len(letter.record.value or b"")
            if len(some) >= SENT_AT_ONCE or size >= BYTES_AT_ONCE:
                sent += await send(some, publisher)
                some, size = [], 0
        return sent + await send(some, publisher)
    except PublishFailedError as error:
        raise CommandFailedError(
            f"Stopped after {plural(sent, 'record')}: {error}. Run it again: what has arrived counts once."
        ) from error
    finally:
        await publisher.close()


@contextmanager
def _letters(settings: Settings, what: str) -> Iterator[Letters]:
    require_topics(settings)  # which says within seconds what a reader would find out after half a minute
    reader = LogReader(broker_list(settings), settings.kafka_settings(), settings.topic_prefix)
    try:
        with _bar(what) as shown:
            yield Letters(reader, settings.topic_prefix, shown)
    except LogReadError as error:
        raise no_broker(settings, str(error)) from error
    finally:
        reader.close()


def _choice(code: list[str] | None, since: str | None, until: str | None, spans: Sequence[Span]) -> Choice:
    codes = [one.value for one in RefusalCode]
    if unknown := [one for one in code or () if one not in codes]:
        raise CommandFailedError(f"There is no code {unknown[0]}. Codes are {', '.join(codes)}.", USAGE)
    all_time = Choice()
    return Choice(
        frozenset(code or ()),
        spans=tuple(spans),
        since_ms=all_time.since_ms if since is None else _instant_ms(since),
        until_ms=all_time.until_ms if until is None else _instant_ms(until),
    )


def _instant_ms(text: str) -> int:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise CommandFailedError("Times are written 2026-11-21 or 2026-11-21T10:00+08:00.", USAGE) from None
    return int((found if found.tzinfo is not None else found.replace(tzinfo=UTC)).timestamp() * 1000)


def _told(letter: Letter, *, value: bool) -> dict[str, object]:
    """A letter as it is shown; what was received only where it is asked for."""
    topic, partition, offset = letter.source
    received = letter.record.headers if letter.received is None else letter.received.headers
    told: dict[str, object] = {
        "place": f"{letter.partition}:{letter.offset}",
        "code": letter.code,
        "reason": letter.message,
        "source": f"{topic} {partition}:{offset}",
        "refused": to_text(letter.append_ms * 1000),
        "bytes": len(letter.record.value or b""),
        "whole": "no: it was cut, and cannot be sent again" if letter.received is None else "yes",
        "headers": [name for name, _ in received],
    }
    if value:
        told["headers"] = {name: _text(content) for name, content in received}
        told["key"] = _text(letter.record.key)
        told["value"] = _text(letter.record.value)
    return told


def _text(content: bytes | None) -> str | None:
    return None if content is None else bytes(content).decode(errors="backslashreplace")


def _table(counted: Counted) -> Iterator[str]:
    if not counted.letters:
        yield "There are no such dead letters."
        return
    width = max(len(row.topic) for row in counted.rows)
    yield f"{'code':<24}{'from':<{width}}  {'day':<12}{'letters':>9}  first      last"
    for row in counted.rows:
        yield f"{row.code:<24}{row.topic:<{width}}  {row.day:<12}{row.letters:>9,}  {row.first:<9}  {row.last}"
    yield f"{plural(counted.letters, 'dead letter')}."
    if counted.cut:
        yield f"{counted.cut:,} were too large to be kept whole, and cannot be sent again."
    if counted.more:
        yield f"{counted.more:,} more are in rows that are not shown: narrow it by --code, --since, --until."
    if counted.foreign:
        yield f"{plural(counted.foreign, 'record')} on the topic are not this engine's."


@contextmanager
def _bar(what: str) -> Iterator[Shown]:
    """A progress bar on a terminal, in offsets of the topic."""
    if not ERR.is_terminal:
        yield lambda _done, _of: None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=ERR, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)
