"""`idweave merge`, `split`, `undo`, `erase`: what an operator rules is put on its topic, and the answer waited for.

Rules: nothing is decided here; a command is sent only when its identifiers can be read. Exit code 0: done; 1: refused,
not found, or nobody answered. An identifier is shown as the answer names it, by token.
Must not know: what a command does.
"""

import uuid
from typing import Annotated, Final

import typer

from resolvers.admission import Admission, Unreadable, parse_identifier
from resolvers.pseudonyms import Pseudonyms
from stream.cli.console import (
    FAILED,
    UNUSED_KEYS,
    USAGE,
    AsJson,
    Brokers,
    CommandFailedError,
    broker_list,
    complain,
    no_broker,
    say,
    servers,
    settings_for,
)
from stream.cli.store import given
from stream.config.settings import Settings
from stream.operating.requesting import NoAnswerError, NoTopicError, RequestError, Requests
from topics.codec import encode
from topics.commands import Command, Erase, Merge, Result, Split, Undo

commands = typer.Typer(rich_markup_mode=None)

TIMEOUT_SECONDS: Final = 30.0

Who = Annotated[
    list[str], typer.Argument(metavar="NAMESPACE:VALUE", help="Identifiers, or namespace:~token; - reads one.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who says so.", show_default=False)]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why.", show_default=False)]
Name = Annotated[
    str | None,
    typer.Option("--id", metavar="ID", help="The command's id: the same again repeats the answer.", show_default=False),
]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, max=3600, help="Seconds to wait for the answer.")]


@commands.command(epilog="Example:  idweave merge card:88001234 phone:13800138000 --by amy")
def merge(
    context: typer.Context,
    identifiers: Who,
    *,
    dry_run: DryRun = False,
    by: By = None,
    reason: Reason = None,
    name: Name = None,
    timeout: Timeout = TIMEOUT_SECONDS,
    as_json: AsJson = False,
    brokers: Brokers = None,
) -> None:
    """Say that identifiers are one person, from now on.

    Even against a unique namespace or a limit. It lifts earlier splits between them; `idweave undo` takes it back.
    """
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    named = _readable(identifiers, settings)
    if len(named) == 1:
        raise CommandFailedError("A merge is of two identifiers or more.", USAGE)
    command = Merge(id=name or _new_id(), by=by, reason=reason, dry_run=dry_run, identifiers=named)
    _request(command, settings, timeout, as_json=as_json)


@commands.command(epilog="Example:  idweave split phone:13800138000 --reason 'mother and daughter'")
def split(
    context: typer.Context,
    identifiers: Who,
    *,
    dry_run: DryRun = False,
    by: By = None,
    reason: Reason = None,
    name: Name = None,
    timeout: Timeout = TIMEOUT_SECONDS,
    as_json: AsJson = False,
    brokers: Brokers = None,
) -> None:
    """Take identifiers out of the person that they are in, together and with their facts.

    They stay apart from all that is left behind, whatever is observed, until somebody merges them.
    """
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    named = _readable(identifiers, settings)
    command = Split(id=name or _new_id(), by=by, reason=reason, dry_run=dry_run, identifiers=named)
    _request(command, settings, timeout, as_json=as_json)


@commands.command(epilog="Example:  idweave undo 4f0c2b7e9d1a4b6c8e0f1a2b3c4d5e6f")
def undo(
    context: typer.Context,
    of: Annotated[str, typer.Argument(metavar="ID", help="The id of a merge or a split.")],
    *,
    dry_run: DryRun = False,
    by: By = None,
    reason: Reason = None,
    name: Name = None,
    timeout: Timeout = TIMEOUT_SECONDS,
    as_json: AsJson = False,
    brokers: Brokers = None,
) -> None:
    """Take a command back: people are as if it had never been."""
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    command = Undo(id=name or _new_id(), by=by, reason=reason, dry_run=dry_run, of=of)
    _request(command, settings, timeout, as_json=as_json)


@commands.command(epilog="Example:  idweave erase phone:13800138000 --by dpo --reason 'request 118'")
def erase(
    context: typer.Context,
    who: Annotated[
        str, typer.Argument(metavar="ID|NAMESPACE:VALUE", help="A profile id, or an identifier; - reads it.")
    ],
    *,
    dry_run: DryRun = False,
    by: By = None,
    reason: Reason = None,
    name: Name = None,
    timeout: Timeout = TIMEOUT_SECONDS,
    as_json: AsJson = False,
    brokers: Brokers = None,
) -> None:
    """Forget a person, and everything that was merged into them. This cannot be undone.

    Events from before now bring nothing back, however late they come; later ones are of somebody new.
    """
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    text = given(who)
    identifier, profile_id = (_readable([text], settings)[0], None) if ":" in text else (None, text)
    command = Erase(
        id=name or _new_id(), by=by, reason=reason, dry_run=dry_run, identifier=identifier, profile_id=profile_id
    )
    _request(command, settings, timeout, as_json=as_json)


def _new_id() -> str:
    return uuid.uuid4().hex


def _readable(texts: list[str], settings: Settings) -> tuple[str, ...]:
    """The identifiers as given, every one of which can be read.

    Raises:
        CommandFailedError: one of them can't.
    """
    admission = Admission(settings.configuration.rules, Pseudonyms(settings.hash_key.reveal().encode()))
    named = tuple(given(text) for text in texts)
    for text in named:
        read = parse_identifier(text, admission)
        if isinstance(read, Unreadable):
            raise CommandFailedError(f"{read.message}.", USAGE)
    return named


def _request(command: Command, settings: Settings, timeout_seconds: float, *, as_json: bool) -> None:
    """Send a command, wait for the answer, and say it.

    Raises:
        CommandFailedError: it was not sent, or nobody has answered.
        typer.Exit: the answer is not `done`.
    """
    try:
        requests = Requests(broker_list(settings), settings.topic_prefix, settings.kafka_settings())
    except NoTopicError as error:
        raise CommandFailedError(f"Nothing was sent: {error}. Create it with `idweave topics create`.") from error
    except RequestError as error:
        raise no_broker(settings, str(error)) from error
    try:
        answer = requests.ask(command, timeout_seconds)
    except RequestError as error:
        raise CommandFailedError(f"Kafka did not take the command: {error}. It may be sent again.") from error
    except NoAnswerError as error:
        raise CommandFailedError(
            f"No worker has answered within {timeout_seconds:g} seconds: is one running? The command waits on its topic"
            f" and will be carried out. Ask again with --id {error}: it is then answered, and not done twice."
        ) from None
    finally:
        requests.close()
    _say(answer, as_json=as_json)
    if answer.status != "done":
        raise typer.Exit(FAILED)


def _say(answer: Result, *, as_json: bool) -> None:
    if as_json:
        say(encode(answer).decode())
        return
    if answer.status != "done":
        complain(f"{answer.status.replace('_', ' ').capitalize()}: {answer.detail}")
        return
    say(f"{'Dry run, nothing is changed: ' if answer.dry_run else ''}{answer.detail}")
    for one in answer.identifiers:
        say(f"  {one}")
    if not answer.dry_run:
        back = f"; take it back with `idweave undo {answer.id}`." if answer.type in {"merge", "split"} else "."
        say(f"Id {answer.id}{back}")
