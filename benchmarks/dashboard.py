"""The Grafana dashboard's panels, drawn from a run: a worker, a real Prometheus, and the dashboard's own queries.

    python -m benchmarks.dashboard --picture docs/dashboard.svg        make dashboard

Needs the program `prometheus` (Debian's package of that name). It is no screenshot of Grafana, which no package
registry has: the panels and their queries are those of deploy/grafana/idweave.json, the drawing is ours. A panel that
has nothing to show is named, and a query that Prometheus does not understand ends it with 1.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.panel_picture import Panel, Series, dashboard_picture
from benchmarks.running import Run, Servers, fresh_engine, server_options, with_servers
from stream.cli.console import CommandFailedError, say
from stream.demo.world import generate
from stream.servers.child_process import LOOPBACK, ChildProcess, free_port

DASHBOARD: Final = Path(__file__).parents[1] / "deploy" / "grafana" / "idweave.json"
JOB: Final = "idweave"
SCRAPE_SECONDS: Final = 1
RATE_SECONDS: Final = 10
PEOPLE: Final = 1_200
PER_SECOND: Final = 250.0
READY_SECONDS: Final = 30.0
CONFIG: Final = """global: {{scrape_interval: {seconds}s}}
scrape_configs:
  - job_name: {job}
    static_configs: [{{targets: ["{target}"]}}]
"""


class Query(NamedTuple):
    """A panel of the dashboard, and what it asks: expression and legend."""

    title: str
    unit: str
    asks: list[tuple[str, str]]


def queries(dashboard: dict[str, Any]) -> list[Query]:
    """What the panels that show lines ask, with the dashboard's variables filled in."""
    found = []
    for panel in dashboard["panels"]:
        if panel["type"] == "timeseries":
            asks = [(filled(one["expr"]), one.get("legendFormat", "")) for one in panel["targets"]]
            unit = panel["fieldConfig"]["defaults"].get("unit", "")
            found.append(Query(panel["title"], unit, asks))
    return found


def filled(expression: str) -> str:
    """A query without Grafana's variables."""
    for name, value in (("$job", JOB), ("$__rate_interval", f"{RATE_SECONDS}s"), ("$__range", "5m")):
        expression = expression.replace(name, value)
    return expression


def named(legend: str, labels: dict[str, str]) -> str:
    """A line's name, as Grafana makes it of a legend and labels."""
    for label, value in labels.items():
        legend = legend.replace("{{" + label + "}}", value)
    return legend


def main() -> int:
    """Run it -> exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", metavar="FILE", type=Path, default=Path("docs/dashboard.svg"))
    parser.add_argument("--people", metavar="N", type=int, default=PEOPLE)
    server_options(parser)
    asked = parser.parse_args()
    return with_servers(asked, lambda servers: _run(servers, asked.people, asked.picture))


def _run(servers: Servers, people: int, picture: Path) -> int:
    asks = queries(json.loads(DASHBOARD.read_text()))
    with fresh_engine(servers, "dashboard") as run, _prometheus(run.worker.port) as port:
        started = time.time()
        say(f"{people:,} people at {PER_SECOND:.0f} events a second, looked at every {SCRAPE_SECONDS} s.")
        _publish(run, people)
        time.sleep(RATE_SECONDS)  # so that the end is seen too
        panels = [_panel(one, port, started, time.time()) for one in asks]
    empty = [panel.title for panel in panels if not panel.series]
    picture.write_text(dashboard_picture("IDWeave, the panels of deploy/grafana/idweave.json", panels))
    say(f"{picture}: {len(panels) - len(empty)} of {len(panels)} panels have something to show.")
    say(f"Nothing happened that these would show: {', '.join(empty) or 'none'}.")
    return 0


def _publish(run: Run, people: int) -> None:
    records = generate(1, people, date(2026, 6, 20)).records
    run.publisher.publish(((one.key, one.value) for one in records), per_second=PER_SECOND)
    run.published_elsewhere(len(records))


@contextmanager
def _prometheus(target: int) -> Iterator[int]:
    """A Prometheus that scrapes a worker, for as long as the block runs -> its port."""
    program = shutil.which("prometheus")
    if program is None:
        raise CommandFailedError("There is no program `prometheus` here: install Debian's package of that name.")
    with tempfile.TemporaryDirectory(prefix="idweave-prometheus-") as name:
        folder, port = Path(name), free_port()
        config = folder / "prometheus.yml"
        config.write_text(CONFIG.format(seconds=SCRAPE_SECONDS, job=JOB, target=f"{LOOPBACK}:{target}"))
        command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
        server = ChildProcess("Prometheus", [*command, f"--web.listen-address={LOOPBACK}:{port}"], folder, port)
        server.start(lambda: _answers(port), READY_SECONDS)
        try:
            yield port
        finally:
            server.stop()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _panel(query: Query, port: int, since: float, until: float) -> Panel:
    series = [line for expression, legend in query.asks for line in _lines(port, expression, legend, since, until)]
    return Panel(query.title, query.unit, series)


def _lines(port: int, expression: str, legend: str, since: float, until: float) -> Sequence[Series]:
    asked = urllib.parse.urlencode({"query": expression, "start": since, "end": until, "step": SCRAPE_SECONDS})
    try:
        with urllib.request.urlopen(f"http://{LOOPBACK}:{port}/api/v1/query_range?{asked}", timeout=20) as answer:
            found = json.loads(answer.read())["data"]["result"]
    except OSError as error:
        raise CommandFailedError(
            f"Prometheus does not take a query of the dashboard ({error}): {expression}"
        ) from error
    lines = []
    for one in found:
        points = [(float(at) - since, float(value)) for at, value in one["values"] if value not in ("NaN", "+Inf")]
        if points:
            lines.append(Series(named(legend, one["metric"]), points))
    return lines


if __name__ == "__main__":
    sys.exit(main())
