"""`idweave topics`: create what is missing, and list what there is and should be."""

from typing import Annotated, Final

import orjson
import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from sinks.kafka_settings import client_settings
from sinks.topics_admin import Outcome, TopicsFailedError, create_topics
from stream.cli.console import (
    UNUSED_KEYS,
    AsJson,
    Brokers,
    CommandFailedError,
    broker_list,
    no_broker,
    plural,
    say,
    servers,
    settings_for,
)
from stream.cli.help import Commands
from topics.catalogue import ALL

BROKER_SECONDS: Final = 5.0
DAY_MS: Final = 86_400_000

commands = Commands(no_args_is_help=True, help="Create the topics, or list them.")


@commands.command(epilog="Example:  idweave topics create --replication 3")
def create(
    context: typer.Context,
    replication: Annotated[
        int, typer.Option(metavar="N", min=-1, help="Copies of each partition; -1: the broker's default.")
    ] = -1,
    brokers: Brokers = None,
) -> None:
    """Create the topics that are missing.

    What is there is compared with what is needed, and never changed.
    """
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    admin = AdminClient(client_settings(broker_list(settings), settings.kafka_settings(), {}))
    try:
        admin.list_topics(timeout=BROKER_SECONDS)
        reports = create_topics(
            broker_list(settings), settings.topic_prefix, settings.kafka_settings(), replication or -1
        )
    except KafkaException as error:
        raise no_broker(settings, error.args[0].str()) from error
    except TopicsFailedError as error:
        raise CommandFailedError(f"{error}. Correct that and run it again: what was created stays.") from error
    for report in reports:
        say(f"{report.outcome:<8} {report.topic}")
        for difference in report.differences:
            say(f"         {difference}", "yellow")
    differing = sum(report.outcome == Outcome.DIFFERS for report in reports)
    if differing:
        raise CommandFailedError(
            f"{plural(differing, 'topic')} cannot be used so: change them with kafka-configs, or choose another"
            " IDWEAVE_TOPIC_PREFIX."
        )


@commands.command(name="list", epilog="Example:  idweave topics list --json")
def list_command(context: typer.Context, *, as_json: AsJson = False, brokers: Brokers = None) -> None:
    """List the topics.

    What they are for, how long they keep what they get, and whether they are on the broker.
    """
    settings = settings_for(servers(context, brokers), UNUSED_KEYS)
    admin = AdminClient(client_settings(broker_list(settings), settings.kafka_settings(), {}))
    try:
        there = admin.list_topics(timeout=BROKER_SECONDS).topics
    except KafkaException as error:
        raise no_broker(settings, error.args[0].str()) from error
    rows = [
        {
            "topic": name,
            "role": topic.role,
            "cleanup": topic.cleanup,
            "retention_ms": topic.retention_ms,
            "key": topic.key,
            "partitions": len(there[name].partitions) if name in there else None,
        }
        for topic in ALL
        for name in [topic.full_name(settings.topic_prefix)]
    ]
    if as_json:
        say(orjson.dumps(rows).decode())
        return
    width = max(len(str(row["topic"])) for row in rows)
    say(f"{'topic':<{width}}  role      cleanup  keeps     partitions  key")
    for topic, row in zip(ALL, rows, strict=True):
        kept = "for ever" if topic.retention_ms < 0 else f"{topic.retention_ms // DAY_MS} d"
        count = "missing" if row["partitions"] is None else str(row["partitions"])
        say(f"{row['topic']:<{width}}  {topic.role:<8}  {topic.cleanup:<7}  {kept:<8}  {count:<10}  {topic.key}")
    if any(row["partitions"] is None for row in rows):
        say("Create what is missing with:  idweave topics create")
