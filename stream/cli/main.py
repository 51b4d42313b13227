"""`idweave`: the command line. Which commands there are, and how every one of them ends.

Rules: an error is a sentence that says what to do next, never a traceback. Exit codes: 0 done, 1 failed, 2 wrong usage
or configuration.
Must not know: what a command does.
"""

import errno
import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
import typer.exceptions
from confluent_kafka import KafkaError, KafkaException

from sinks.store import StoreError
from stream.cli import (
    audit,
    command,
    dlq,
    doctor,
    engine,
    explain,
    import_file,
    profile,
    publish,
    replay,
    republish,
    rules,
    shadow,
    timeline,
    topics,
)
from stream.cli.console import (
    FAILED,
    USAGE,
    AsJson,
    Brokers,
    CommandFailedError,
    Redis,
    complain,
    reason_of,
    remedy_of,
    say,
    servers,
    settings_for,
)
from stream.cli.help import PROGRAM, Commands
from stream.cli.rules import counted
from stream.config.mistakes import ConfigError
from stream.release import release
from stream.servers.child_process import ServerError
from topics.codec import encode

INTERRUPTED: Final = 130
"""What Typer makes of Ctrl-C."""

SECTIONS: Final = {
    "Begin here": ("demo", "up", "publish", "profile", "explain"),
    "Ask": ("timeline", "token", "rules", "shadow"),
    "Say who is who": ("split", "merge", "unbind", "block", "unblock", "erase", "undo"),
    "Bring data in": ("generate", "import", "dlq"),
    "Run it": ("worker", "topics", "config", "doctor", "audit", "republish", "replay"),
}

app = Commands(
    SECTIONS,
    name="idweave",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="`idweave COMMAND --help` has an example of each.",
)
config = Commands(no_args_is_help=True, help="Look at the configuration.")

app.add_typer(engine.commands)
app.add_typer(topics.commands, name="topics")
app.add_typer(publish.commands)
app.add_typer(import_file.commands)
app.add_typer(profile.commands)
app.add_typer(explain.commands)
app.add_typer(timeline.commands)
app.add_typer(audit.commands)
app.add_typer(rules.commands, name="rules")
app.add_typer(shadow.commands)
app.add_typer(command.commands)
app.add_typer(dlq.commands, name="dlq")
app.add_typer(replay.commands)
app.add_typer(republish.commands)
app.add_typer(doctor.commands)
app.add_typer(config, name="config")


def _say_version(asked: bool) -> None:  # noqa: FBT001 - so Typer calls it
    if asked:
        say(release())
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and exit.")
]


@app.callback()
def idweave(
    context: typer.Context,
    *,
    brokers: Brokers = None,
    redis: Redis = None,
    version: Version = False,  # noqa: ARG001 - its callback has acted
) -> None:
    """Real-time identity resolution: touchpoint events in from Kafka, people out."""
    context.obj = servers(context, brokers, redis)


@config.command(epilog="Example:  idweave config check idweave.yaml")
def check(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Instead of the file that the worker would read.")
    ] = None,
    rules_file: Annotated[
        Path | None, typer.Option("--rules", metavar="FILE", help="The member rules; before IDWEAVE_RULES.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Read configuration and environment as the worker would.

    Every mistake is named with its file, line and column, and what to do about it.
    """
    named = {} if file is None else {"IDWEAVE_CONFIG": str(file)}
    named |= {} if rules_file is None else {"IDWEAVE_RULES": str(rules_file)}
    try:
        settings = settings_for({**servers(context, None), **named})
    except ConfigError as error:
        if not as_json:
            raise
        say(encode({"ok": False, "mistakes": [one._asdict() for one in error.mistakes]}).decode())
        raise typer.Exit(USAGE) from error
    if as_json:
        say(encode({"ok": True, "mistakes": []}).decode())
        return
    rules = settings.configuration.rules
    say(f"{settings.config_file}: good. Policy {rules.policy}; strongest first: {', '.join(rules.namespaces)}.")
    say(f"{settings.rules_file}: good. {counted(settings.member_rules)}.")
    say(f"Kafka {','.join(settings.brokers)}, topics {settings.topic_prefix}.*; Redis {settings.redis_shown}.")


def run(arguments: list[str]) -> int:
    """Run one command -> its exit code. Whatever goes wrong has been said."""
    try:
        code = typer.main.get_command(app).main(arguments, prog_name=PROGRAM, standalone_mode=False)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else FAILED
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last resort: nobody gets a traceback
        return _said(error)
    if code == INTERRUPTED:
        complain("Stopped.", "yellow")
        return FAILED
    return code if isinstance(code, int) else 0


def _said(error: BaseException) -> int:
    """Say what went wrong -> the exit code."""
    sentences, code = _told(error)
    for sentence in sentences:
        complain(sentence)
    return code


def _told(error: BaseException) -> tuple[list[str], int]:
    """What is to be said of an error, and the exit code."""
    match error:
        case CommandFailedError():
            told = ([str(error)], error.exit_code)
        case ConfigError():
            told = ([str(mistake) for mistake in error.mistakes], USAGE)
        case ServerError() | StoreError():
            told = ([_of_server(error)], FAILED)
        case KafkaException(args=[KafkaError() as reason, *_]) if reason.code() == KafkaError._INVALID_ARG:  # noqa: SLF001
            why = reason.str().rpartition("client: ")[2]
            told = ([f"environment: IDWEAVE_KAFKA_*: no Kafka client can be made with these settings: {why}"], USAGE)
        case typer.exceptions.Exit():
            told = ([], error.exit_code)
        case typer.exceptions.Abort() | KeyboardInterrupt():
            told = (["Stopped."], FAILED)
        case typer.exceptions.TyperException():
            told = (_usage(error), error.exit_code)
        case BrokenPipeError():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: nothing at exit either
            told = ([], FAILED)
        case OSError(errno=errno.ENOSPC):
            told = (["There is no space left where the output goes. Make room, or send it elsewhere."], FAILED)
        case _:
            name = type(error).__name__
            told = ([f"idweave ended by a mistake of its own ({name}). Please report it, with what you ran."], FAILED)
    return told


def _of_server(error: ServerError | StoreError) -> str:
    """What a server of ours says; or what a store does in the middle of something that has no sentence for it."""
    if isinstance(error, ServerError):
        return str(error)
    do = remedy_of(error) or "`idweave doctor` says more."
    return f"The store does not do what it is asked: {reason_of(error)}. {do}"


def _usage(error: typer.exceptions.TyperException) -> list[str]:
    """What is to be said of a wrong usage; where it is the help itself, just that."""
    message = error.format_message()
    if message.startswith("Usage:"):
        return [message]
    where = getattr(error, "ctx", None)
    sentence = message.rstrip(".")
    end = "" if sentence.endswith("?") else "."
    return [f"{sentence}{end} See `{where.command_path if where is not None else PROGRAM} --help`."]
