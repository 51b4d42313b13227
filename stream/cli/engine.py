"""`idweave demo`, `up` and `worker`: the engine with servers that pip installed, or with real ones.

Rules: the embedded servers are used unless real ones are named on the command line; on real ones the demo keeps to a
prefix of its own and removes it afterwards.
"""

import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from msgspec.structs import replace
from redis.exceptions import RedisError

from sinks.kafka_settings import client_settings
from sinks.topics_admin import TopicsFailedError, create_topics
from stream.cli.console import (
    FAILED,
    OUT,
    USAGE,
    Brokers,
    CommandFailedError,
    Redis,
    broker_list,
    complain,
    no_broker,
    plural,
    say,
    servers,
    settings_for,
)
from stream.cli.help import Commands
from stream.cli.publish import yesterday
from stream.config.addresses import Address
from stream.config.settings import DEMO_KEYS, Secret, Settings
from stream.demo.day import Demo, stopped_by_signals, without_kafka_settings
from stream.demo.world import PEOPLE_DEFAULT, generate
from stream.servers.child_process import LOOPBACK, PortTakenError, ServerError, require_free_port
from stream.servers.embedded import EmbeddedServers, embedded_servers, redis_url
from stream.servers.redis_client import stock_client
from topics.catalogue import ALL

BROKER_PORT: Final = 9092
STORE_PORT: Final = 6379
BROKER_SECONDS: Final = 5.0
WATCH_SECONDS: Final = 1.0
END_SECONDS: Final = 10.0
"""Less than a worker gives itself."""
OPERATOR_BYTES: Final = 24

commands = Commands()


@commands.command(epilog="Example:  idweave demo --people 500")
def demo(
    context: typer.Context,
    *,
    people: Annotated[
        int, typer.Option(metavar="N", min=10, max=100_000, help="How many people live that day.")
    ] = PEOPLE_DEFAULT,
    seed: Annotated[int, typer.Option(metavar="N", help="Another seed is another day.")] = 1,
    keep: Annotated[bool, typer.Option("--keep", help="On real servers: leave topics and keys for a look.")] = False,
    brokers: Brokers = None,
    redis: Redis = None,
) -> None:
    """Stream a retail day through the engine: people out.

    A synthetic day, whose truth is known, so that what comes out can be held against it. Needs no servers.
    """
    started = time.monotonic()
    with stopped_by_signals(), _engine(servers(context, brokers, redis), keep=keep) as settings:
        world = generate(seed, people, yesterday())
        say(f"A retail day of {people:,} people: {plural(len(world.records), 'record')} to publish.")
        Demo(settings, OUT, world).run()
    say()
    say(f"Done in {time.monotonic() - started:.0f} s. The same with servers of your own: --brokers and --redis.")
    say("Next, with events of your own: `idweave up`; docs/tour.md is five minutes of it.")


@commands.command(epilog="Example:  idweave up")
def up(
    context: typer.Context,
    *,
    broker_port: Annotated[
        int, typer.Option(metavar="PORT", min=1, max=65_535, help="The embedded broker's port.")
    ] = BROKER_PORT,
    store_port: Annotated[
        int, typer.Option(metavar="PORT", min=1, max=65_535, help="The embedded store's port.")
    ] = STORE_PORT,
) -> None:
    """Run embedded servers and a worker until Ctrl-C.

    For a laptop: on the ports where the other commands look for Kafka and Redis anyway. Everything is in memory and is
    gone when it ends; docker-compose.yml has a set that keeps its data.
    """
    from stream.cli.worker import run_worker  # noqa: PLC0415 - Faust takes half a second that no other command needs

    if servers(context, None):
        raise CommandFailedError("`up` starts servers of its own; with yours, run `idweave worker`.", USAGE)
    own = _embedded_settings(f"{LOOPBACK}:{broker_port}", redis_url(store_port), {})
    _require_ports(broker_port, store_port, own.http)
    with stopped_by_signals(), embedded_servers(broker_port, store_port) as there:
        say(there.banner)
        own_operator = Secret(secrets.token_urlsafe(OPERATOR_BYTES))
        settings = replace(own, own_operator=own_operator)
        _create_topics(settings)
        say("A worker joins its group, which takes some seconds ...")
        try:
            with ended_with(there):
                run_worker(settings, lambda address: _say_what_next(settings, there, address, own_operator))
        except SystemExit as ending:
            if not ending.code:
                say("Ended. What it held is gone with it.")
            raise


def _require_ports(broker_port: int, store_port: int, http: Address) -> None:
    """See that all of them are free, before anything is started.

    Raises:
        CommandFailedError: with each that is not, and how to choose another.
    """
    from stream.web.server import AddressError, listening  # noqa: PLC0415 - as above

    if broker_port == store_port:
        raise CommandFailedError(f"--broker-port and --store-port both name {store_port}: give each its own.", USAGE)
    taken = []
    for port, server, option in (
        (broker_port, "embedded broker", "--broker-port"),
        (store_port, "embedded store", "--store-port"),
    ):
        try:
            require_free_port(port, server)
        except PortTakenError:
            there = f"Port {port} on {LOOPBACK} is taken, so the {server} cannot start there."
            taken.append((there, f"`{option} N` names another."))
    try:
        listening(http).close()
    except AddressError as error:
        says, _, do = str(error).partition(". ")
        taken.append((f"{says}.", do))
    if taken:
        lines = [" ".join(one) for one in taken]
        last = "Is an `idweave up` running already? Then use that one; or stop what listens there."
        raise CommandFailedError("\n".join([*lines, last]))


def _say_what_next(settings: Settings, there: EmbeddedServers, address: Address, own_operator: Secret) -> None:
    """That the engine is ready, where its console is, and what to type in another terminal."""
    variables: dict[str, str] = {}
    if settings.hash_key.reveal() == DEMO_KEYS["IDWEAVE_HASH_KEY"]:
        variables |= DEMO_KEYS
    if (there.broker.port, there.store.port) != (BROKER_PORT, STORE_PORT):
        variables |= {"IDWEAVE_BROKERS": there.brokers, "IDWEAVE_REDIS_URL": there.redis_url}
    say(
        f"Ready: topics {settings.topic_prefix}.*. Open the console in a browser; it may send commands while this runs:"
    )
    # Behind #, so that the browser keeps it to itself; the page takes it out of the address.
    say(f"  http://{address.host}:{address.port}/#token={own_operator.reveal()}")
    say("In another terminal:")
    activate = Path(sys.prefix, "bin", "activate")
    if activate.is_file():
        say(f"  . {activate.relative_to(Path.cwd()) if activate.is_relative_to(Path.cwd()) else activate}")
    for name, value in variables.items():
        say(f"  export {name}={value}")
    say("  idweave publish events.jsonl")
    say("  idweave profile phone:13800138000")
    say("Ctrl-C ends all of it.")


@commands.command(epilog="Example:  idweave worker --brokers kafka-1:9092,kafka-2:9092 --redis redis://redis:6379/0")
def worker(context: typer.Context, brokers: Brokers = None, redis: Redis = None) -> None:
    """Run a worker until SIGTERM or Ctrl-C.

    Several share the partitions, and may come and go. Logs are lines of JSON, or readable ones on a terminal.
    """
    from stream.cli.worker import run_worker  # noqa: PLC0415 - as above

    run_worker(settings_for(servers(context, brokers, redis)))


@contextmanager
def ended_with(there: EmbeddedServers) -> Iterator[None]:
    """Say when a server of this process has died, and end it: nothing comes back of what the server kept.

    It is said at once, because a worker without its broker may be too slow to end, and is then cut off here: its own
    way would end as if all were well.

    Raises:
        typer.Exit: instead of what ended the block, where that was the reason.
    """
    over = threading.Event()
    died = threading.Event()

    def watch() -> None:
        while not over.wait(WATCH_SECONDS):
            try:
                there.require_alive()
            except ServerError as error:
                complain(str(error))
                died.set()
                os.kill(os.getpid(), signal.SIGTERM)
                if not over.wait(END_SECONDS):
                    os._exit(FAILED)
                return

    watching = threading.Thread(target=watch, name="idweave-watch-servers", daemon=True)
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()
        if died.is_set():
            raise typer.Exit(FAILED)


@contextmanager
def _engine(named: dict[str, str], *, keep: bool) -> Iterator[Settings]:
    """Settings of servers that run, with topics that are there and empty."""
    if not named:
        with embedded_servers() as there:
            say(f"{there.banner} Use your own with --brokers and --redis.")
            settings = _embedded_settings(there.brokers, there.redis_url, {"IDWEAVE_TOPIC_PREFIX": "idweave"})
            _create_topics(settings)
            yield settings
        return
    if len(named) == 1:
        raise CommandFailedError("Name both --brokers and --redis, or neither for the embedded servers.", USAGE)
    prefix = f"idweave-demo-{secrets.token_hex(4)}"
    own = {"IDWEAVE_TOPIC_PREFIX": prefix, "IDWEAVE_REDIS_PREFIX": prefix}
    settings = settings_for({**named, **own, "IDWEAVE_HTTP": "127.0.0.1:0"}, DEMO_KEYS)
    _create_topics(settings)
    after = "stay there" if keep else "are removed at the end"
    say(f"Your servers: broker {broker_list(settings)}, store {settings.redis_shown}.")
    say(f"Topics and keys of this run begin with {prefix} and {after}.")
    try:
        yield settings
    finally:
        if not keep:
            remove_run(settings)


def _embedded_settings(brokers: str, redis: str, own: dict[str, str]) -> Settings:
    addresses = {"IDWEAVE_BROKERS": brokers, "IDWEAVE_REDIS_URL": redis}
    return without_kafka_settings(settings_for({**own, **addresses}, DEMO_KEYS))


def _create_topics(settings: Settings) -> None:
    admin = AdminClient(client_settings(broker_list(settings), settings.kafka_settings(), {}))
    try:
        admin.list_topics(timeout=BROKER_SECONDS)
        create_topics(broker_list(settings), settings.topic_prefix, settings.kafka_settings())
    except KafkaException as error:
        raise no_broker(settings, error.args[0].str()) from error
    except TopicsFailedError as error:
        raise CommandFailedError(f"The topics cannot be created: {error}.") from error


def remove_run(settings: Settings) -> None:
    """Remove the topics and the keys of this run's own prefix; what cannot be removed is said."""
    admin = AdminClient(client_settings(broker_list(settings), settings.kafka_settings(), {}))
    names = [topic.full_name(settings.topic_prefix) for topic in ALL]
    try:
        for waiting in admin.delete_topics(names, operation_timeout=BROKER_SECONDS).values():
            waiting.result(BROKER_SECONDS)
        with stock_client(settings.redis_url.reveal(), BROKER_SECONDS) as store:
            keys = list(store.scan_iter(f"{settings.redis_prefix}:*", count=1000))
            for at in range(0, len(keys), 1000):
                store.unlink(*keys[at : at + 1000])
    except (KafkaException, TimeoutError, RedisError) as error:
        complain(f"{settings.topic_prefix}.* could not be removed ({type(error).__name__}): please do.", "yellow")
