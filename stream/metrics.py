"""Every metric, in one place: what an SRE watches (contract, section 8).

Rules: names, help and labels are said here and nowhere else; units are base units; no identifier, key or value of an
event is ever a label.
Must not know: where they are counted, how they are served.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The engine's metrics, registered in a registry of their own."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.events = Counter(
            "idweave_events",
            "Touchpoints by what became of them: accepted, or refused (to the dead letters).",
            ["result"],
            registry=registry,
        )
        self.lag_records = Gauge(
            "idweave_lag_records",
            "Records of a touchpoints partition that are not resolved yet: log end minus the store's position.",
            ["partition"],
            registry=registry,
        )
        self.event_to_profile_seconds = Histogram(
            "idweave_event_to_profile_seconds",
            "From an event's append time to its profile's acknowledgement.",
            buckets=SECONDS,
            registry=registry,
        )
        self.store_seconds = Histogram(
            "idweave_store_seconds", "Time of a call to the store.", ["op"], buckets=SECONDS, registry=registry
        )
        self.merges = Counter(
            "idweave_merges",
            "Changes to who is who, by type: merged, split, moved, erased.",
            ["type"],
            registry=registry,
        )
        self.refused_links = Counter(
            "idweave_refused_links", "Evidence refused, by the rule that refused it.", ["rule"], registry=registry
        )
        self.dead_letters = Counter("idweave_dead_letters", "Records refused, by code.", ["code"], registry=registry)
        self.component_identifiers_max = Gauge(
            "idweave_component_identifiers_max",
            "Identifiers of the largest component that this worker has touched.",
            registry=registry,
        )
        self.projection_backlog = Gauge(
            "idweave_projection_backlog", "Changed components that wait to be published.", registry=registry
        )
        self.position_gap = Counter(
            "idweave_position_gap",
            "Offsets that were deleted by retention before they were resolved: events are lost.",
            registry=registry,
        )
        self.paused = Gauge(
            "idweave_paused",
            "1 while touchpoints are not read because most of them are refused; see `idweave dlq resume`.",
            registry=registry,
        )
        self.commands = Counter(
            "idweave_commands",
            "Commands answered, by type and status; each delivery counts.",
            ["type", "status"],
            registry=registry,
        )
        self.store_lost = Counter(
            "idweave_store_lost",
            "Times that the store was lost or had changed, so that work in flight began again.",
            registry=registry,
        )
