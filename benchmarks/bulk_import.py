"""How fast is an old member base imported from a file, until everybody is published?

`python -m benchmarks.bulk_import [--rows N]`. A CSV of members as a till's software saves it (GB18030, Chinese column
names) goes through `idweave import` while one worker runs: rows a second until Kafka has them, and until the last
profile is acknowledged. Everybody must be there afterwards. Results go to benchmarks/results/bulk_import.json.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import RESULTS, Quiet, keep, show
from benchmarks.load import under_load
from benchmarks.running import Servers, real_servers, server_options, with_servers
from benchmarks.sample import last_profiles
from stream.cli.console import CommandFailedError, broker_list, say
from stream.demo.day import environment_of
from stream.servers.child_process import free_port
from topics.catalogue import CHANGES

RESULT: Final = RESULTS / "bulk_import.json"
MAP: Final = Path(__file__).with_name("alcon.map.yaml")
ROWS: Final = 100_000
DAYS: Final = 3_000
COLUMNS: Final = ("会员号", "姓名", "手机", "入会日期")


def write(file: Path, rows: int) -> None:
    """A member base: number, name, phone, day of joining."""
    with file.open("w", encoding="gb18030", newline="") as out:
        out.write(f"{','.join(COLUMNS)}\n")
        for n in range(rows):
            year, day = divmod(n % DAYS, 300)
            out.write(f"{800_000 + n},张伟,135{n:08d},{2012 + year}/{1 + day // 28}/{1 + day % 28}\n")


def measured(servers: Servers, rows: int) -> dict[str, Any]:
    """Import a file of so many members.

    Raises:
        CommandFailedError: it was not imported, or somebody is missing.
    """
    with tempfile.TemporaryDirectory() as folder, under_load(servers, "import") as load:
        file = Path(folder) / "members.csv"
        write(file, rows)
        began, cpu = time.monotonic(), load.cpu()
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", "stream.cli", "import", str(file), "--map", str(MAP)],
            env=environment_of(load.settings, free_port()),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise CommandFailedError(f"The import failed: {(done.stderr or done.stdout).strip()[-400:]}")
        sent = time.monotonic() - began
        load.until(lambda: load.resolved() >= rows, "every row is resolved", 600.0)
        ended = (
            load.until(lambda: load.projected() >= load.ends(CHANGES), "every profile is acknowledged", 600.0) - began
        )
        spent = load.cpu().since(cpu)
        people = len(last_profiles(broker_list(load.settings), f"{load.settings.topic_prefix}.profiles"))
    if people != rows:
        raise CommandFailedError(f"{rows:,} members were imported, and {people:,} are there.")
    return {
        "rows": rows,
        "rows_per_second_published": round(rows / sent),
        "rows_per_second_until_profiles": round(rows / ended),
        "worker_us": round(1e6 * spent.worker / rows, 1),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, show and keep -> the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    server_options(parser)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--results", type=Path, default=RESULT, help="where the result is kept")
    asked = parser.parse_args(arguments)
    quiet = Quiet.look()

    def work(servers: Servers) -> int:
        say(f"{asked.rows:,} rows")
        found = measured(servers, asked.rows)
        show("Bulk import", ["", ""], [[name.replace("_", " "), f"{number:,}"] for name, number in found.items()])
        keep(asked.results, __doc__ or "", found | {"servers": servers.description}, quiet)
        return 0

    return with_servers(asked, work, real_servers)


if __name__ == "__main__":
    sys.exit(main())
