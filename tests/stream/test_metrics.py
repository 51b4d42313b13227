"""Metrics: what is registered, what is documented and what the contract promises are one thing."""

import re
from pathlib import Path

import pytest
from prometheus_client.core import Metric as Family
from prometheus_client.samples import Sample

from sinks.publisher import PublishFailedError
from sinks.store import StoreError, StoreFullError, StoreLostError, StoreRefusedError
from stream.metric_catalogue import ALL, LABELS, PROCESS, REASONS, Metric, series
from stream.metrics import Metrics
from stream.progress import StartAgainError
from stream.reference.metrics_page import page
from stream.serving import process_metrics
from stream.session import loss_reason
from topics.events import Touchpoint

ROOT = Path(__file__).parents[2]
CONTRACT = {
    "idweave_events_total": ("result",),
    "idweave_lag_records": ("partition",),
    "idweave_event_to_profile_seconds": (),
    "idweave_store_seconds": ("op",),
    "idweave_merges_total": ("type",),
    "idweave_refused_links_total": ("rule",),
    "idweave_dead_letters_total": ("code",),
    "idweave_component_identifiers_max": (),
    "idweave_projection_backlog": (),
    "idweave_position_gap_total": (),
    "idweave_foreign_changes_total": (),
}


def _counted(name: str) -> list[Sample]:
    """The samples of one counter of a worker that has just started."""
    [family] = [family for family in Metrics().registry.collect() if family.name == name]
    return [sample for sample in family.samples if sample.name.endswith("_total")]


def test_what_the_contract_promises_is_there() -> None:
    """Every metric of the contract, section 8, by its name and labels."""
    there = {metric.name: metric.labels for metric in ALL}
    assert CONTRACT.items() <= there.items()


def test_what_is_registered_is_the_catalogue() -> None:
    """Each metric of the catalogue is registered once, with its kind and its help; nothing else is."""
    families: dict[str, Family] = {family.name: family for family in Metrics().registry.collect()}
    wanted = {metric.name.removesuffix("_total"): metric for metric in ALL}
    assert len(wanted) == len(ALL)
    assert families.keys() == wanted.keys()
    for name, metric in wanted.items():
        assert (families[name].type, families[name].documentation) == (metric.kind, metric.says)


def test_counters_are_at_0_before_anything_happens() -> None:
    """A series that began at 1 would not have increased: the first loss of a store, say, would wake nobody."""
    samples = {tuple(sample.labels.values()): sample.value for sample in _counted("idweave_session_losses")}
    assert samples == {(reason,): 0.0 for reason in REASONS}
    unknown = set()
    for metric in ALL:
        if metric.kind == "counter" and len(metric.labels) == 1:
            assert len(_counted(metric.name.removesuffix("_total"))) == len(metric.known)
            unknown |= set() if metric.known else {metric.name}
    assert unknown == {"idweave_rule_errors_total"}, "only the names of members' own rules are not ours to know"


def test_the_page_is_what_the_catalogue_gives() -> None:
    """docs/metrics.md is never behind the code."""
    written = (ROOT / "docs" / "metrics.md").read_text()
    assert written == page(), "Run: python -m stream.reference"


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_names_and_texts_keep_the_rules(metric: Metric) -> None:
    """Counters end in `_total`, base units come last, and each says what it is and what to do."""
    assert re.fullmatch(r"idweave(_[a-z]+)+", metric.name)
    assert (metric.kind == "counter") == metric.name.endswith("_total")
    assert (metric.kind == "histogram") == bool(metric.buckets)
    assert (metric.unit == "seconds") == metric.name.endswith("_seconds")
    assert list(metric.buckets) == sorted(set(metric.buckets))
    assert metric.says.endswith(".")
    assert metric.bad.endswith(".")


def test_no_identifier_is_ever_a_label() -> None:
    """Labels are from a closed list of small sets, and none has the name of what an event says."""
    used = {label for metric in ALL for label in metric.labels}
    assert used == LABELS.keys()
    said = {"identifier", "namespace", "token", "profile", "component", "source", "id", "key", "value"}
    assert not used & (said | set(Touchpoint.__struct_fields__) - {"type"})


def test_figures_of_the_process_exist() -> None:
    """What the catalogue says of the client library's figures is what that has."""
    names = {sample.name for family in process_metrics().collect() for sample in family.samples}
    assert PROCESS.keys() <= names


def test_series_of_a_histogram() -> None:
    """Dashboards name a histogram by its parts."""
    assert {name for metric in ALL for name in series(metric)} >= {"idweave_store_seconds_bucket", "idweave_ready"}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StoreFullError(""), "store_full"),
        (StoreRefusedError(""), "store_refused"),
        (StoreLostError(""), "store_lost"),
        (StoreError(""), "store_error"),
        (PublishFailedError(""), "publish_failed"),
        (ConnectionResetError(""), "network"),
        (StartAgainError(""), "position"),
    ],
)
def test_losses_have_reasons_that_are_documented(error: Exception, reason: str) -> None:
    """Whatever ends a session is counted by its kind, under a label of the catalogue."""
    assert loss_reason(error) == reason
    assert f"`{reason}`" in LABELS["reason"]
