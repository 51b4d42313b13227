"""`idweave merge`, `split`, `erase` and others: what an operator rules goes on its topic, and its answer is waited for.

Rules: nothing is decided here; a command is sent only when its identifiers can be read. Exit code 0: done; 1: refused,
not found, or nobody answered. An identifier is shown as the answer names it, by token.
Must not know: what a command does.
"""

import uuid
from typing import Annotated, Final

import typer

from resolvers.admission import Unreadable, parse_identifier
from resolvers.deciding import UNDOABLE
from stream.cli.console import (
    FAILED,
    UNUSED_KEYS,
    USAGE,
    AsJson,
    Brokers,
    CommandFailedError,
    Person,
    at_a_terminal,
    broker_list,
    complain,
    no_broker,
    say,
    servers,
    settings_for,
)
from stream.cli.help import Commands
from stream.cli.store import given, require_profile_id
from stream.config.settings import Settings
from stream.operating.requesting import NoAnswerError, NoTopicError, RequestError, Requests
from stream.rulebook import admission_of
from topics.codec import encode
from topics.commands import Block, Command, Erase, Merge, Result, Split, Unbind, Unblock, Undo

commands = Commands()

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
Target = Annotated[
    str | None, typer.Argument(metavar="NAMESPACE:VALUE", help="An identifier, or namespace:~token; - reads it.")
]
Namespace = Annotated[str | None, typer.Option(metavar="NAME", help="Whose values --pattern names.")]
Pattern = Annotated[
    str | None, typer.Option(metavar="PATTERN", help="A value, or re: and a regular expression, as in `blocked`.")
]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.1, max=3600, help="Seconds to wait for the answer.")
]


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
        raise CommandFailedError("A merge is of two identifiers or more: name another one.", USAGE)
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
    """Take identifiers out of a person, with their facts.

    They stay apart from all that is left behind, whatever is observed, until somebody merges them.
    """
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    named = _readable(identifiers, settings)
    command = Split(id=name or _new_id(), by=by, reason=reason, dry_run=dry_run, identifiers=named)
    _request(command, settings, timeout, as_json=as_json)


@commands.command(epilog="Example:  idweave undo 4f0c2b7e9d1a4b6c8e0f1a2b3c4d5e6f")
def undo(
    context: typer.Context,
    of: Annotated[str, typer.Argument(metavar="ID", help="The id of a merge, split, unbind or block.")],
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
    who: Person,
    *,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, also at a terminal.")] = False,
    by: By = None,
    reason: Reason = None,
    name: Name = None,
    timeout: Timeout = TIMEOUT_SECONDS,
    as_json: AsJson = False,
    brokers: Brokers = None,
) -> None:
    """Forget a person, and everything that was merged into them. This cannot be undone.

    Events from before now bring nothing back, however late they come; later ones are of somebody new. At a terminal it
    asks once.
    """
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    text = given(who)
    identifier, profile_id = (_readable([text], settings)[0], None) if ":" in text else (None, text)
    if profile_id is not None:
        require_profile_id(profile_id)
    sure = "An erase cannot be undone; --dry-run says whom it would be of. Erase this person?"
    if not (dry_run or yes or not at_a_terminal() or typer.confirm(sure, err=True)):
        raise CommandFailedError("Nothing was erased.")
    command = Erase(
        id=name or _new_id(), by=by, reason=reason, dry_run=dry_run, identifier=identifier, profile_id=profile_id
    )
    _request(command, settings, timeout, as_json=as_json)


@commands.command(epilog="Example:  idweave unbind phone:13800138000 --from card:88001234")
def unbind(
    context: typer.Context,
    identifier: Annotated[
        str, typer.Argument(metavar="NAMESPACE:VALUE", help="The identifier that changed hands; - reads it.")
    ],
    *,
    stays_with: Annotated[
        str,
        typer.Option("--from", metavar="NAMESPACE:VALUE", help="One of the person that it was of, and has left."),
    ],
    dry_run: DryRun = False,
    by: By = None,
    reason: Reason = None,
    name: Name = None,
    timeout: Timeout = TIMEOUT_SECONDS,
    as_json: AsJson = False,
    brokers: Brokers = None,
) -> None:
    """Say that an identifier has changed hands.

    A new life of it begins now. What came before stays with the person that it was of, also what comes late; what
    comes later is somebody else's.
    """
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    one, stays = _readable([identifier, stays_with], settings)
    command = Unbind(id=name or _new_id(), by=by, reason=reason, dry_run=dry_run, identifier=one, from_=stays)
    _request(command, settings, timeout, as_json=as_json)


@commands.command(epilog="Example:  idweave block phone:13800138000")
def block(
    context: typer.Context,
    who: Target = None,
    *,
    namespace: Namespace = None,
    pattern: Pattern = None,
    dry_run: DryRun = False,
    by: By = None,
    reason: Reason = None,
    name: Name = None,
    timeout: Timeout = TIMEOUT_SECONDS,
    as_json: AsJson = False,
    brokers: Brokers = None,
) -> None:
    """Drop a value from events, and let its links not count.

    From now on. Its own facts stay, on a profile of its own. `idweave unblock` or `undo` takes it back.
    """
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    identifier = _target(who, namespace, pattern, settings)
    command = Block(
        id=name or _new_id(),
        by=by,
        reason=reason,
        dry_run=dry_run,
        identifier=identifier,
        namespace=namespace,
        pattern=pattern,
    )
    _request(command, settings, timeout, as_json=as_json)


@commands.command(epilog="Example:  idweave unblock phone:13800138000")
def unblock(
    context: typer.Context,
    who: Target = None,
    *,
    namespace: Namespace = None,
    pattern: Pattern = None,
    dry_run: DryRun = False,
    by: By = None,
    reason: Reason = None,
    name: Name = None,
    timeout: Timeout = TIMEOUT_SECONDS,
    as_json: AsJson = False,
    brokers: Brokers = None,
) -> None:
    """Take a blocked value again.

    From now on; its links count as before.
    """
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    identifier = _target(who, namespace, pattern, settings)
    command = Unblock(
        id=name or _new_id(),
        by=by,
        reason=reason,
        dry_run=dry_run,
        identifier=identifier,
        namespace=namespace,
        pattern=pattern,
    )
    _request(command, settings, timeout, as_json=as_json)


def _target(who: str | None, namespace: str | None, pattern: str | None, settings: Settings) -> str | None:
    """The identifier that a block names; None: it names a pattern.

    Raises:
        CommandFailedError: it names neither, or both.
    """
    known = settings.configuration.rules.namespaces
    if namespace is not None and namespace not in known:
        raise CommandFailedError(f"The namespace is not declared; declared are {', '.join(known)}.", USAGE)
    if (who is None) == (namespace is None and pattern is None) or (namespace is None) != (pattern is None):
        raise CommandFailedError("Name an identifier, or a --namespace and a --pattern.", USAGE)
    return None if who is None else _readable([who], settings)[0]


def _new_id() -> str:
    return uuid.uuid4().hex


def _readable(texts: list[str], settings: Settings) -> tuple[str, ...]:
    """The identifiers as given, every one of which can be read.

    Raises:
        CommandFailedError: one of them can't.
    """
    admission = admission_of(settings)
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
    if answer.type != "erase":  # of whom it erased it has digests, which name nobody
        for one in answer.identifiers:
            say(f"  {one}")
    if not answer.dry_run:
        back = f"; take it back with `idweave undo {answer.id}`." if answer.type in UNDOABLE else ""
        say(f"Id {answer.id}{back}")
