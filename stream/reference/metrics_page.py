"""The page docs/metrics.md, made from the catalogue of metrics.

Must not know: any one metric.
"""

from collections.abc import Iterator

from stream.metric_catalogue import ALL, LABELS, PROCESS, Metric

HEAD = """# Metrics

Made from `stream/metric_catalogue.py` by `python -m stream.reference`; a test compares the two.
The alerts on them are in `deploy/prometheus/alerts.yml`, what to do about each alert in [runbook.md](runbook.md), and
`deploy/grafana/idweave.json` shows them. No label holds anything of an event or a person.

## How to scrape

Every worker answers on `/metrics` of its own `IDWEAVE_HTTP`. Several workers on one host each get their own port
(`IDWEAVE_HTTP=127.0.0.1:6066`, `127.0.0.1:6067`, ...), and Prometheus gets one target for each; with port 0 the system
chooses one, and the line `http` of the worker's log says which. Off loopback `IDWEAVE_API_TOKENS` is needed, and
Prometheus then sends a reader's token. Counters and histograms are of one process: sum them over workers. Lag and
position age are of the whole engine, said by each worker: take their maximum.

```yaml
scrape_configs:
  - job_name: idweave            # the alerts look for this name
    scrape_interval: 15s
    authorization: {credentials_file: reader_token}     # what follows `reader:` in IDWEAVE_API_TOKENS
    static_configs:
      - targets: ["127.0.0.1:6066", "127.0.0.1:6067"]
```
"""


def page() -> str:
    """The whole page, as Markdown."""
    return "\n".join([HEAD, *_metrics(), *_labels(), *_process()]) + "\n"


def _metrics() -> Iterator[str]:
    yield "## IDWeave's own\n"
    for metric in ALL:
        yield f"### {metric.name}\n"
        yield f"{metric.kind}, in {metric.unit}{_by(metric)}. {metric.says}\n"
        yield f"When it is bad: {_lowered(metric.bad)}\n"


def _by(metric: Metric) -> str:
    return f", by {', '.join(f'`{label}`' for label in metric.labels)}" if metric.labels else ""


def _lowered(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _labels() -> Iterator[str]:
    yield "## Labels\n"
    yield "| label | values |"
    yield "|---|---|"
    for label, values in LABELS.items():
        yield f"| `{label}` | {values} |"
    yield ""


def _process() -> Iterator[str]:
    yield "## Of the process\n"
    yield "The client library adds figures of the process (on Linux), of Python and of its garbage collector:\n"
    yield "| metric | what it says |"
    yield "|---|---|"
    for name, says in PROCESS.items():
        yield f"| `{name}` | {says} |"
