"""The end of the demo: what went in, who came out, how right that is, and one person whole.

Rules: every figure is counted from the output topics or taken from the world's own truth; nothing is asked of the
engine. Times of an empty sample are not invented.
Must not know: how the figures were fetched.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from resolvers.admission import Admission
from stream.demo.outputs import Outputs
from stream.demo.truth import Quality, quality
from stream.demo.world import World

COLUMNS: Final = 3
MS: Final = 1_000
MANY_IDENTIFIERS: Final = 9
DROPS: Final = frozenset({"blocked_value", "invalid_value"})


class Pace(NamedTuple):
    """How fast it went.

    `bulk_events` took `bulk_seconds` from the first one resolved to the last profile published. Then `live_events` came
    at `live_per_second`; `latencies` are seconds from publishing to a subscriber's having the profile.
    """

    bulk_events: int
    bulk_seconds: float
    live_events: int
    live_per_second: float
    latencies: Sequence[float]


class Section(NamedTuple):
    """A title and lines under it."""

    title: str
    lines: list[str]


def sections(world: World, outputs: Outputs, admission: Admission, pace: Pace) -> Iterator[Section]:
    """The summary, section by section."""
    yield _events(world)
    yield _people(world, outputs, admission)
    yield Section("How they came together", _merges(outputs))
    reports = outputs.refused.most_common()
    yield Section("Links refused, by rule", _table((rule, n, why) for (rule, why), n in reports if rule not in DROPS))
    yield Section("Values dropped, by rule", _table((rule, n, why) for (rule, why), n in reports if rule in DROPS))
    yield Section("Dead letters, by code", _dead_letters(world, outputs))
    yield Section("Lifetime value", _value(outputs))
    yield Section("Speed", _speed(pace))


def clusters(world: World, outputs: Outputs, admission: Admission) -> dict[str, str]:
    """Identifier as the truth writes it -> the profile that holds it.

    The truth holds raw values and profiles hold tokens, so each value goes through the same door as in an event.
    """
    holder = {
        f"{one['namespace']}:{one['token']}": profile_id
        for profile_id, profile in outputs.profiles.items()
        for one in profile["identifiers"]
    }
    return world.found(holder, admission)


def found_quality(world: World, outputs: Outputs, admission: Admission) -> Quality:
    """How well the profiles match the truth."""
    return quality(clusters(world, outputs, admission), world.truth, world.observed)


def best_person(profiles: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The person worth showing: merged from several profiles, of many kinds of identifiers, with orders.

    None if nobody has more than one identifier.
    """

    def worth(profile: Mapping[str, Any]) -> tuple[bool, int, int, int, str]:
        identifiers = profile["identifiers"]
        kinds = len({one["namespace"] for one in identifiers})
        orders = min(profile["orders"]["count"], 3)
        return (bool(profile["merged_from"]), kinds, orders, len(identifiers), identifiers[0]["token"])

    several = (one for one in profiles if 1 < len(one["identifiers"]) <= MANY_IDENTIFIERS and one["known"])
    return max(several, key=worth, default=None)


def _events(world: World) -> Section:
    distinct = sum(world.event_types.values())
    title = (
        f"{len(world.records):,} records in: {distinct:,} events, {world.duplicates:,} sent twice,"
        f" {world.late:,} late, {sum(world.dead_letters.values())} broken"
    )
    kinds = sorted(world.event_types.items(), key=lambda one: (-one[1], one[0]))
    rows = -(-len(kinds) // COLUMNS)
    cells = [f"{kind:<21}{count:>6,}" for kind, count in kinds]
    return Section(title, ["    ".join(cells[row::rows]) for row in range(rows)])


def _people(world: World, outputs: Outputs, admission: Admission) -> Section:
    known = sum(profile["known"] for profile in outputs.profiles.values())
    found = found_quality(world, outputs, admission)
    owners = len(set(world.truth.values()))
    title = f"{len(outputs.profiles):,} profiles out: {known:,} known, {len(outputs.profiles) - known:,} anonymous"
    return Section(
        title,
        [
            f"the truth: {len(world.truth):,} identifiers of {owners:,} owners (people, store tablets, staff devices)",
            "                precision   recall   (recall: of what some chain of evidence joins)",
            f"pairs              {found.pairwise_precision:.4f}   {found.pairwise_recall:.4f}",
            f"B-cubed            {found.b_cubed_precision:.4f}   {found.b_cubed_recall:.4f}",
        ],
    )


def _merges(outputs: Outputs) -> list[str]:
    lines = _table((kind, count, _MERGES.get(kind, "")) for kind, count in outputs.merges.most_common())
    return [*lines, f"{outputs.versions:,} profile versions in all; {outputs.merged_away:,} ids lead to a survivor"]


_MERGES: Final = {
    "merged": "two published profiles turned out to be one person",
    "moved": "identifiers went to another profile, by better evidence",
    "split": "identifiers left a profile, by better evidence",
}


def _dead_letters(world: World, outputs: Outputs) -> list[str]:
    expected = {code.value: count for code, count in world.dead_letters.items()}
    return _table(
        (code, outputs.dead_letters[code], _verdict(outputs.dead_letters[code], expected.get(code, 0)))
        for code in sorted(expected.keys() | outputs.dead_letters.keys())
    )


def _verdict(found: int, expected: int) -> str:
    return "as expected" if found == expected else f"EXPECTED {expected:,}"


def _value(outputs: Outputs) -> list[str]:
    totals: dict[str, Decimal] = {}
    buyers: dict[str, int] = {}
    for profile in outputs.profiles.values():
        for currency, text in profile["lifetime_value"].items():
            totals[currency] = totals.get(currency, Decimal(0)) + Decimal(text)
            buyers[currency] = buyers.get(currency, 0) + 1
    return [f"{currency} {totals[currency]:,} of {buyers[currency]:,} people" for currency in sorted(totals)]


def _speed(pace: Pace) -> list[str]:
    per_second = pace.bulk_events / max(pace.bulk_seconds, 0.001)
    lines = [
        f"{pace.bulk_events:,} records as fast as they come: {per_second:,.0f} a second, with all profiles published",
    ]
    if pace.latencies:
        p50, p99 = (_percentile(pace.latencies, share) * MS for share in (0.50, 0.99))
        lines.append(
            f"{pace.live_events:,} events at {pace.live_per_second:,.0f}/s: from publishing one to having its profile"
            f" p50 {p50:.0f} ms, p99 {p99:.0f} ms"
        )
    return lines


def _percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _table(rows: Iterable[tuple[str, int, str]]) -> list[str]:
    return [f"{name:<24}{count:>6,}  {what}".rstrip() for name, count, what in rows] or ["none"]
