"""The oracle: a subscriber that sees every output record, and what the input log says these must come to.

It reads from the first offset to the last and finds none missing, so nothing was compacted or deleted before it was
seen. While it reads it holds each record against the one before of its key (versions, equal bytes) and of its id (one
content), and keeps of each key what a consumer keeps. What is kept goes through the checks of the fault tests.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from decimal import Decimal
from hashlib import blake2b
from typing import Any

from tests.live.against_model import Check, Published, Topics
from tests.live.engine import OUTPUTS, Engine, Output
from tests.naive.decoding import Record

FACTS = ("visits", "orders", "paid", "points")
"""What an event adds to a person, exactly."""
Members = tuple[str, ...]
VERSIONED = ("profiles", "identities", "merges", "values")
WITH_ID = ("profiles", "merges", "values", "tags", "lifecycle", "segments", "reminders", "conflicts")


class Oracle:
    """What was seen, and what is wrong with it."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        """Records by topic."""
        self.again: Counter[str] = Counter()
        """Of these, sent again: the same id with the same content, byte for byte."""
        self.wrong: list[str] = []
        self.backwards = 0
        """Records behind a newer version of their key: a worker that was taken for dead went on for a moment."""
        self.behind: set[tuple[str, Any]] = set()
        """Keys whose last record is such a one."""
        self._newest: dict[tuple[str, Any], int] = {}
        self._next: dict[tuple[str, int], int] = {}
        self._versions: dict[tuple[str, bytes | None, int], bytes] = {}
        self._contents: dict[str, bytes] = {}  # of each id
        self._kept: dict[str, dict[Any, Output]] = {topic: {} for topic in OUTPUTS}

    def see(self, topic: str, outputs: Iterable[Output]) -> None:
        """Records of a topic; those of a partition in offset order."""
        kept = self._kept[topic]
        for output in outputs:
            self.seen[topic] += 1
            place = topic, output.partition
            if output.offset != self._next.get(place, 0):
                self.wrong.append(f"{topic}-{output.partition}: nobody saw what was before offset {output.offset}")
            self._next[place] = output.offset + 1
            value = {} if topic == "touchpoints.dlq" else json.loads(output.value or b"{}")
            if topic in VERSIONED:
                self._compare(topic, output, value["version"])
            if topic in WITH_ID and "id" in value:
                self._identify(topic, output, value)
            place_kept = _kept_by(topic, output, value)
            version = value.get("version", 0)
            if version >= self._newest.get((topic, place_kept), 0):
                self._newest[topic, place_kept] = version
                kept[place_kept] = output
                self.behind.discard((topic, place_kept))
            else:
                self.backwards += 1
                self.behind.add((topic, place_kept))

    def topics(self) -> Topics:
        """What a consumer keeps, as the checks take it."""
        return {topic: list(kept.values()) for topic, kept in self._kept.items()}

    def keys(self, topic: str) -> set[str]:
        """All keys of a topic."""
        return {(output.key or b"").decode() for output in self._kept[topic].values()}

    def _compare(self, topic: str, output: Output, version: int) -> None:
        digest = blake2b(output.value or b"", digest_size=12).digest()
        if self._versions.setdefault((topic, output.key, version), digest) != digest:
            self.wrong.append(f"{topic}-{output.partition}@{output.offset}: one version, two contents")

    def _identify(self, topic: str, output: Output, value: dict[str, Any]) -> None:
        content = {name: part for name, part in value.items() if name != "at"} if topic == "conflicts" else value
        digest = blake2b(json.dumps(content, sort_keys=True).encode() + (output.key or b""), digest_size=12).digest()
        before = self._contents.get(value["id"])
        self._contents[value["id"]] = digest
        if before == digest:
            self.again[topic] += 1
        elif before is not None:
            self.wrong.append(f"{topic}-{output.partition}@{output.offset}: one id, two contents")


def _kept_by(topic: str, output: Output, value: dict[str, Any]) -> Any:  # noqa: ANN401 - any key will do
    """What of a record a later one replaces."""
    match topic:
        case "segments":
            return output.key, value["segment"]
        case "values":
            return output.key, value["currency"]
        case "merges" | "reminders":
            return value["id"]
        case "conflicts":
            return output.key, value["rule"], json.dumps(value["identifiers"])
        case "touchpoints.dlq":
            return output.partition, output.offset
    return output.key


def figures(log: list[Record], oracle: Oracle) -> dict[str, Any]:
    """What the log says and what was published: people, facts lost and doubled, identifiers, ids that ended."""
    published = Published(oracle.topics())
    check = Check(log, oracle.topics())
    expected, wanted = _grouped(check.model.people)
    found, got = _grouped(published.profiles.values())
    lost, doubled = dict.fromkeys(FACTS, Decimal(0)), dict.fromkeys(FACTS, Decimal(0))
    for members in wanted.keys() | got.keys():
        for fact in FACTS:
            more = got[members][fact] - wanted[members][fact]
            (lost if more < 0 else doubled)[fact] += abs(Decimal(more))
    totals: Counter[Any] = Counter()
    for facts in wanted.values():
        totals.update(facts)
    failed = []
    for name in ("people", "decisions", "identities", "merges", "conflicts", "dead_letters"):
        try:
            getattr(check, name)(**({"once": False} if name == "dead_letters" else {}))
        except AssertionError as error:
            failed.append(f"{name}: {str(error)[:300]}")
    return {
        "people_expected": len(check.model.people),
        "people_published": len(published.profiles),
        "people_missing": (expected - found).total(),
        "people_phantom": (found - expected).total(),
        "facts_expected": {name: str(total) for name, total in sorted(totals.items())},
        "facts_lost": {name: str(total) for name, total in sorted(lost.items())},
        "facts_doubled": {name: str(total) for name, total in sorted(doubled.items())},
        "profile_ids_that_ended": len(published.ended),
        "output_records": dict(sorted(oracle.seen.items())),
        "output_records_sent_again_with_the_same_id": dict(sorted(oracle.again.items())),
        "output_records_behind_a_newer_version": oracle.backwards,
        "profiles_or_identities_whose_last_record_is_old": sum(
            topic in {"profiles", "identities"} for topic, _ in oracle.behind
        ),
        "wrong_versions_ids_or_offsets": oracle.wrong[:20],
        "checks_failed": failed,
    }


def watch(engine: Engine) -> Oracle:
    """All outputs of an engine, from the first record to the last."""
    oracle = Oracle()
    for topic in OUTPUTS:
        oracle.see(topic, engine.each(topic))
    return oracle


def _grouped(people: Iterable[dict[str, Any]]) -> tuple[Counter[Members], defaultdict[Members, Counter[Any]]]:
    """People, and what their events add up to, by who they are; those without an identifier are one."""
    counts: Counter[Members] = Counter()
    facts: defaultdict[Members, Counter[Any]] = defaultdict(Counter)
    for person in people:
        members = tuple(sorted(f"{one['namespace']}:{one['token']}" for one in person["identifiers"]))
        counts[members] += 1
        facts[members].update(
            {
                "visits": Decimal(str(person["counters"].get("visits", 0))),
                "orders": Decimal(person["orders"]["count"]),
                "paid": sum((Decimal(amount) for amount in person["orders"]["paid"].values()), Decimal(0)),
                "points": Decimal(person["points"]["balance"]),
            }
        )
    return counts, facts
