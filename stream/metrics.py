"""The metrics of one worker, registered as the catalogue says.

Rule: what is in the catalogue is here, and nothing else.
Must not know: where they are counted, how they are served.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from stream import metric_catalogue as catalogue
from stream.metric_catalogue import Metric
from stream.release import release


class Metrics:
    """The engine's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.events = self._counter(catalogue.EVENTS)
        self.lag_records = self._gauge(catalogue.LAG_RECORDS)
        self.topic_lag_records = self._gauge(catalogue.TOPIC_LAG_RECORDS)
        self.position_age_seconds = self._gauge(catalogue.POSITION_AGE_SECONDS)
        self.event_to_profile_seconds = self._histogram(catalogue.EVENT_TO_PROFILE_SECONDS)
        self.batch_records = self._histogram(catalogue.BATCH_RECORDS)
        self.batch_seconds = self._histogram(catalogue.BATCH_SECONDS)
        self.store_seconds = self._histogram(catalogue.STORE_SECONDS)
        self.publisher_queue_records = self._gauge(catalogue.PUBLISHER_QUEUE_RECORDS)
        self.projection_backlog = self._gauge(catalogue.PROJECTION_BACKLOG)
        self.merges = self._counter(catalogue.MERGES)
        self.source_merges = self._counter(catalogue.SOURCE_MERGES)
        self.refused_links = self._counter(catalogue.REFUSED_LINKS)
        self.dead_letters = self._counter(catalogue.DEAD_LETTERS)
        self.component_identifiers_max = self._gauge(catalogue.COMPONENT_IDENTIFIERS_MAX)
        self.position_gap = self._counter(catalogue.POSITION_GAP)
        self.foreign_changes = self._counter(catalogue.FOREIGN_CHANGES)
        self.session_losses = self._counter(catalogue.SESSION_LOSSES)
        self.store_rollback_records = self._counter(catalogue.STORE_ROLLBACK)
        self.ready = self._gauge(catalogue.READY)
        self.paused = self._gauge(catalogue.PAUSED)
        self.commands = self._counter(catalogue.COMMANDS)
        self.due = self._counter(catalogue.DUE)
        self.rule_errors = self._counter(catalogue.RULE_ERRORS)
        self.rules_info = self._gauge(catalogue.RULES_INFO)
        self._gauge(catalogue.BUILD).labels(release()).set(1)

    def _counter(self, metric: Metric) -> Counter:
        assert metric.kind == "counter", metric.name
        counter = Counter(metric.name, metric.says, metric.labels, registry=self.registry)
        for value in metric.known:
            counter.labels(value)
        return counter

    def _gauge(self, metric: Metric) -> Gauge:
        assert metric.kind == "gauge", metric.name
        return Gauge(metric.name, metric.says, metric.labels, registry=self.registry)

    def _histogram(self, metric: Metric) -> Histogram:
        assert metric.kind == "histogram", metric.name
        return Histogram(metric.name, metric.says, metric.labels, buckets=metric.buckets, registry=self.registry)
