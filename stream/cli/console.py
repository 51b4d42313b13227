"""What every command says and how: results to stdout, errors as sentences to stderr, colours on a terminal only.

Rules: an error says what is wrong and what to do next, never a traceback, never a value of an event. Exit codes:
0 done, 1 failed, 2 wrong usage or configuration.
Must not know: any one command.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from sinks.store import StoreError, StoreLostError, StoreRefusedError
from stream.config.mistakes import ConfigError, Mistake
from stream.config.settings import Settings, load_settings

FAILED: Final = 1
USAGE: Final = 2

# No emoji: `main:A:` is an identifier and not a picture.
OUT: Final = Console(highlight=False, emoji=False, soft_wrap=True)
ERR: Final = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

# What stands in where a command has no use for a key. Nothing that is made with it is kept or shown.
UNUSED_KEYS: Final = {
    "IDWEAVE_HASH_KEY": "this-command-keeps-nothing-it-makes-with-this-hash-key",
    "IDWEAVE_ID_KEY": "this-command-keeps-nothing-it-makes-with-this-id-key",
}

REMEDIES: Final = (
    ("no memory left", "Give it more, and never let it evict: docs/runbook.md#idweavestorefull."),
    ("BUSY", "A script of somebody else blocks it: wait for it, or end it with `redis-cli SCRIPT KILL`."),
    ("LOADING", "It reads its files after a start: wait until it has."),
    ("loading the dataset", "It reads its files after a start: wait until it has."),
    ("MISCONF", "It cannot write to its disk: make room there, and look at its log."),
    ("NOREPLICAS", "Too few of its replicas are connected (min-replicas-to-write): start them."),
    ("no permissions", "Give its user the rights that docs/security.md lists."),
    ("WRONGTYPE", "Something else writes under this prefix. Stop it, then rebuild under another one: docs/rebuild.md."),
)
"""What to do about a Redis that answers and does not do what it is asked, by a word of its answer."""

Brokers = Annotated[
    str | None, typer.Option(metavar="HOST:PORT,...", help="Kafka; before IDWEAVE_BROKERS.", show_default=False)
]
Redis = Annotated[str | None, typer.Option(metavar="URL", help="Redis; before IDWEAVE_REDIS_URL.", show_default=False)]
Person = Annotated[
    str, typer.Argument(metavar="ID|NAMESPACE:VALUE", help="A profile id, or an identifier; - reads it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="JSON for programs instead of text for people.")]


class CommandFailedError(Exception):
    """A command ends here. The message is for a person and says what to do next."""

    def __init__(self, message: str, exit_code: int = FAILED) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def say(line: str = "", style: str | None = None) -> None:
    """A line of a result; square brackets are text."""
    OUT.print(line, style=style, markup=False)


def complain(line: str, style: str = "red") -> None:
    """A line of an error."""
    ERR.print(line, style=style, markup=False)


def at_a_terminal() -> bool:
    """Whether a person can be asked: one who types, and reads the question."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def standard_input() -> BinaryIO:
    """What is typed or piped in.

    Raises:
        CommandFailedError: a program that started this one has closed it.
    """
    if sys.stdin is None:
        raise CommandFailedError("There is no standard input to read from: it was closed.", USAGE)
    return sys.stdin.buffer


def servers(context: typer.Context, brokers: str | None, redis: str | None = None) -> dict[str, str]:
    """What the command line says of servers, by the variable's name; the command's own options beat the global ones.

    Raises:
        CommandFailedError: an option is there and empty.
    """
    found = dict(context.find_object(dict) or {})
    for option, name, text in (("--brokers", "IDWEAVE_BROKERS", brokers), ("--redis", "IDWEAVE_REDIS_URL", redis)):
        if text is None:
            continue
        if not text.strip():  # a variable of the shell that is not set: the default would be somebody else's server
            raise CommandFailedError(f"{option} is empty: name a server, or leave it out.", USAGE)
        found[name] = text
    return found


def settings_for(overrides: Mapping[str, str], defaults: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process; warnings are said, mistakes are raised.

    Raises:
        ConfigError: with every mistake found.
    """
    try:
        settings = load_settings(os.environ, Path.cwd(), overrides=overrides, defaults=defaults)
    except ConfigError as error:
        _warn(error.warnings)
        raise
    _warn(settings.warnings)
    return settings


def _warn(warnings: Iterable[Mistake]) -> None:
    for warning in warnings:
        complain(f"warning: {warning}", "yellow")


def broker_list(settings: Settings) -> str:
    """The brokers as Kafka clients take them."""
    return ",".join(settings.brokers)


def plural(count: int, noun: str) -> str:
    """`1 event`, `2,000 events`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def no_broker(settings: Settings, reason: str) -> CommandFailedError:
    """The sentence for a broker that does not answer."""
    way = settings.kafka_settings().get("security.protocol", "PLAINTEXT")
    asked = (
        f" It is asked by {way}: look at IDWEAVE_KAFKA_* if it does not speak that."
        if way.upper() != "PLAINTEXT"
        else " Look at IDWEAVE_KAFKA_* if it asks who you are."
    )
    return CommandFailedError(
        f"No Kafka broker answers at {broker_list(settings)} ({reason}). Start it, or name yours with --brokers or"
        f" IDWEAVE_BROKERS.{asked} `idweave up` starts one, and a worker."
    )


def no_store(settings: Settings, error: StoreError, again: str = "") -> CommandFailedError:
    """The sentence for a store that does not answer, or does not do what it is asked.

    `again`: why the command may be run again where it had begun.
    """
    reason, remedy = reason_of(error), remedy_of(error)
    then = f" Then run it again: {again}." if again else ""
    if isinstance(error, StoreRefusedError):
        return CommandFailedError(str(error))
    if remedy is None and isinstance(error, StoreLostError):
        return CommandFailedError(
            f"No Redis answers at {settings.redis_shown} ({reason}). Start it, or name yours with --redis or"
            f" IDWEAVE_REDIS_URL. `idweave up` starts one, and a worker.{then}"
        )
    do = remedy or "`idweave doctor` says more, and so does its log."
    return CommandFailedError(f"Redis at {settings.redis_shown} does not do what it is asked ({reason}). {do}{then}")


def reason_of(error: StoreError) -> str:
    """Why a store fails, in the words of a person: the client library's own repeat the address, with a number.

    And a server's go on about the place in a script, or for a paragraph.
    """
    reason = str(error).removeprefix("Redis does not answer: ").partition(" script: ")[0].rstrip(".")
    if not isinstance(error, StoreLostError):
        reason = reason.partition(". ")[0]
    return "connection refused" if "Connect call failed" in reason else reason


def remedy_of(error: Exception) -> str | None:
    """What to do about it; None: its kind says no more than that the store is not there."""
    return next((do for word, do in REMEDIES if word in str(error)), None)


@contextmanager
def progress_bar(doing: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar on a terminal, told how much is done, and of how much where that is known."""
    if not ERR.is_terminal:
        yield lambda _done, _of: None
        return
    columns = (TextColumn(doing), BarColumn(), TextColumn("{task.completed:>11,.0f}"), TimeElapsedColumn())
    with Progress(*columns, console=ERR, transient=True) as progress:
        task = progress.add_task(doing, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)
