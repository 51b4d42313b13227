"""`idweave`: the command line. Which commands there are, and how every one of them ends.

Rules: an error is a sentence that says what to do next, never a traceback. Exit codes: 0 done, 1 failed, 2 wrong usage
or configuration.
Must not know: what a command does.
"""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
import typer.exceptions

from stream import (
    cli_audit,
    cli_command,
    cli_engine,
    cli_explain,
    cli_import,
    cli_profile,
    cli_publish,
    cli_rules,
    cli_shadow,
    cli_timeline,
    cli_topics,
)
from stream.child_process import ServerError
from stream.cli_console import (
    FAILED,
    USAGE,
    Brokers,
    CommandFailedError,
    Redis,
    complain,
    say,
    servers,
    settings_for,
)
from stream.cli_rules import counted
from stream.mistakes import ConfigError

INTERRUPTED: Final = 130
"""What Typer makes of Ctrl-C."""

app = typer.Typer(
    name="idweave",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start here:  idweave demo",
)
config = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at the configuration.")

app.add_typer(cli_engine.commands)
app.add_typer(cli_topics.commands, name="topics")
app.add_typer(cli_publish.commands)
app.add_typer(cli_import.commands)
app.add_typer(cli_profile.commands)
app.add_typer(cli_explain.commands)
app.add_typer(cli_timeline.commands)
app.add_typer(cli_audit.commands)
app.add_typer(cli_rules.commands, name="rules")
app.add_typer(cli_shadow.commands)
app.add_typer(cli_command.commands)
app.add_typer(config, name="config")


@app.callback()
def idweave(context: typer.Context, brokers: Brokers = None, redis: Redis = None) -> None:
    """Real-time identity resolution: touchpoint events in from Kafka, people out."""
    context.obj = servers(context, brokers, redis)


@config.command(epilog="Example:  idweave config check idweave.yaml")
def check(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="Instead of the file that the worker would read.")] = None,
    rules_file: Annotated[
        Path | None, typer.Option("--rules", metavar="FILE", help="The member rules; before IDWEAVE_RULES.")
    ] = None,
) -> None:
    """Read configuration and environment as the worker would.

    Every mistake is named with its file, line and column, and what to do about it.
    """
    named = {} if file is None else {"IDWEAVE_CONFIG": str(file)}
    named |= {} if rules_file is None else {"IDWEAVE_RULES": str(rules_file)}
    settings = settings_for({**servers(context, None), **named})
    rules = settings.configuration.rules
    say(f"{settings.config_file}: good. Policy {rules.policy}; strongest first: {', '.join(rules.namespaces)}.")
    say(f"{settings.rules_file}: good. {counted(settings.member_rules)}.")
    say(f"Kafka {','.join(settings.brokers)}, topics {settings.topic_prefix}.*; Redis {settings.redis_shown}.")


def main() -> None:
    """The console script: run the command line and exit."""
    logging.basicConfig(handlers=[logging.NullHandler()])  # a client's own words would stand beside our sentence
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command -> its exit code. Whatever goes wrong has been said."""
    try:
        code = typer.main.get_command(app).main(arguments, prog_name="idweave", standalone_mode=False)
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else FAILED
    except Exception as error:  # noqa: BLE001 - the last resort of the process: nobody gets a traceback
        return _said(error)
    if code == INTERRUPTED:
        complain("Stopped.", "yellow")
        return FAILED
    return code if isinstance(code, int) else 0


def _said(error: Exception) -> int:
    """Say what went wrong -> the exit code."""
    sentences, code = _told(error)
    for sentence in sentences:
        complain(sentence)
    return code


def _told(error: Exception) -> tuple[list[str], int]:
    """What is to be said of an error, and the exit code."""
    match error:
        case CommandFailedError():
            told = ([str(error)], error.exit_code)
        case ConfigError():
            told = ([str(mistake) for mistake in error.mistakes], USAGE)
        case ServerError():
            told = ([str(error)], FAILED)
        case typer.exceptions.Exit():
            told = ([], error.exit_code)
        case typer.exceptions.Abort():
            told = (["Stopped."], FAILED)
        case typer.exceptions.TyperException():
            told = (_usage(error.format_message()), error.exit_code)
        case BrokenPipeError():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: nothing at exit either
            told = ([], FAILED)
        case _:
            name = type(error).__name__
            told = ([f"idweave ended by a mistake of its own ({name}). Please report it, with what you ran."], FAILED)
    return told


def _usage(message: str) -> list[str]:
    """What is to be said of a wrong usage; where it is the help itself, just that."""
    return [message if message.startswith("Usage:") else f"{message.rstrip('.')}. See `idweave --help`."]


if __name__ == "__main__":
    main()
