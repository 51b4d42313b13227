"""What must be true of an engine's output topics, by the contract and by the naive model of the same log.

Rules: reads JSON as any consumer does; takes nothing from the engine but what is on its topics.
"""

import json
import re
from collections import Counter, defaultdict
from datetime import datetime
from functools import cached_property
from typing import Any

from tests.live.engine import HASH_KEY, Output
from tests.naive.decoding import EPOCH, Record
from tests.naive.model import Outcome, run

DECIDED = ("completeness", "lifecycle", "scores", "tier", "tags", "segments")
"""What rules decide, of which the model knows nothing."""
NOT_CONTENTS = ("id", "profile_id", "version", "at", "cause", "merged_from", *DECIDED)
VALUE_RULES = ("blocked_value", "invalid_value")
ADDED_HEADERS = {
    "idweave.error.code",
    "__connect.errors.topic",
    "__connect.errors.partition",
    "__connect.errors.offset",
    "__connect.errors.exception.message",
}
MOBILE = re.compile(rb"(?<!\d)(?:86)?(1[3-9]\d{9})(?!\d)")
EMAIL = re.compile(rb"[a-z0-9._+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+")
MAC = re.compile(rb"(?<![0-9a-z])[0-9a-f]{2}(?:[:-]?[0-9a-f]{2}){5}(?![0-9a-z])")

Topics = dict[str, list[Output]]


def canonical(content: Any) -> str:  # noqa: ANN401 - JSON
    """Equal for equal JSON."""
    return json.dumps(content, sort_keys=True, ensure_ascii=False)


def parsed(output: Output) -> dict[str, Any]:
    """The value of a record that is no tombstone."""
    assert output.value is not None, "nobody was erased"
    value: dict[str, Any] = json.loads(output.value)
    return value


def _names(identifiers: list[dict[str, Any]]) -> frozenset[str]:
    return frozenset(f"{one['namespace']}:{one['token']}" for one in identifiers)


class Published:
    """The output topics, as a consumer sees them who keeps the last record of each key."""

    def __init__(self, topics: Topics) -> None:
        self.topics = topics

    @cached_property
    def profiles(self) -> dict[str, dict[str, Any]]:
        """Profile id -> profile, without those that merged away."""
        return {key: value for key, value in self.last("profiles").items() if "merged_into" not in value}

    @cached_property
    def ended(self) -> dict[str, str]:
        """Profile id that merged away -> the id that it merged into."""
        last = self.last("profiles").items()
        return {key: value["merged_into"] for key, value in last if "merged_into" in value}

    @cached_property
    def identities(self) -> dict[str, str]:
        """Identifier -> profile id."""
        return {key: value["profile_id"] for key, value in self.last("identities").items()}

    @cached_property
    def contents(self) -> dict[str, str]:
        """Profile id -> contents, canonical."""
        return {
            key: canonical({name: part for name, part in value.items() if name not in NOT_CONTENTS})
            for key, value in self.profiles.items()
        }

    def decided(self, identifiers: list[dict[str, Any]]) -> datetime:
        """When the profile of these identifiers was decided on: windows and dates are seen from there."""
        return self._decided.get(_names(identifiers), self._last_decided)

    @cached_property
    def _last_decided(self) -> datetime:
        return max(self._decided.values(), default=EPOCH)

    @cached_property
    def _decided(self) -> dict[frozenset[str], datetime]:
        return {_names(one["identifiers"]): datetime.fromisoformat(one["at"]) for one in self.profiles.values()}

    def values(self, topic: str) -> list[dict[str, Any]]:
        """All records of a topic, parsed."""
        return [parsed(output) for output in self.topics[topic]]

    def last(self, topic: str) -> dict[str, dict[str, Any]]:
        """The last record of each key of a topic, parsed."""
        found = {(output.key or b"").decode(): output for output in self.topics[topic]}
        return {key: parsed(output) for key, output in found.items() if output.value is not None}

    def newest(self, topic: str) -> dict[str, dict[str, Any]]:
        """The record of each key that has the greatest version: of a zombie, an older one may lie behind it."""
        records = sorted(((output.key or b"", parsed(output)) for output in self.topics[topic]), key=_version)
        return {key.decode(): record for key, record in records}


def _version(one: tuple[bytes, dict[str, Any]]) -> int:
    version: int = one[1]["version"]
    return version


class Check:
    """The checks of one run: its log, what the model says of that, and what was published."""

    def __init__(self, log: list[Record], topics: Topics) -> None:
        self.log = log
        self.published = Published(topics)
        answers = self.published.last("commands.results").values()
        self.model: Outcome = run(log, HASH_KEY.encode(), now=self.published.decided, answers=answers)

    def everything(self, *, once: bool = False, zombies: bool = False, forgot: bool = False) -> None:
        """All checks that hold whatever happened to workers and servers; `once`: nothing happened to them.

        `zombies`: a frozen worker woke up amid publishing. `forgot`: the store forgot what it had
        told, and it is told again.
        """
        self.people()
        self.decisions()
        self.identities()
        self.merges(again=forgot)
        self.values(once=once)
        if not zombies and not forgot:
            self.versions(once=once)
        self.ids()
        self.dead_letters(once=once)
        self.conflicts()

    def people(self) -> None:
        """The contents of the last profiles are the model's people."""
        got = Counter(self.published.contents.values())
        expected = Counter(canonical(person) for person in self.model.people)
        extra, missing = sorted((got - expected).elements()), sorted((expected - got).elements())
        assert got == expected, (
            "people differ\npublished, but not expected:\n{}\nexpected, but not published:\n{}".format(
                "\n".join(extra[:5]), "\n".join(missing[:5])
            )
        )

    def decisions(self) -> None:
        """What was last said of a profile's tags, stage and segments is what it says itself."""
        said: dict[str, set[str]] = defaultdict(set)
        for one in sorted(self.published.values("segments"), key=lambda each: int(each["version"])):
            if one["action"] == "entered":
                said[one["profile_id"]].add(one["segment"])
            else:
                said[one["profile_id"]].discard(one["segment"])
        tags, stages = self.published.newest("tags"), self.published.newest("lifecycle")
        for profile_id, profile in self.published.profiles.items():
            assert profile["segments"] == sorted(said[profile_id])
            assert profile["tags"] == tags.get(profile_id, {"tags": []})["tags"]
            assert profile["lifecycle"]["stage"] == stages[profile_id]["to"]
        ended = [one for one in self.published.ended if said[one] or tags.get(one, {}).get("tags")]
        assert not ended, "an id that ended has tags, or is in a segment"

    def identities(self) -> None:
        """The id map says for each identifier which profile holds it."""
        members = {
            f"{one['namespace']}:{one['token']}": profile_id
            for profile_id, profile in self.published.profiles.items()
            for one in profile["identifiers"]
        }
        assert self.published.identities == members

    def merges(self, *, again: bool = False) -> None:
        """Each id that ends does so in a profile that lives, and is told once as `merged`, or `again`."""
        for profile_id in self.published.ended:
            hops, at = 0, profile_id
            while at in self.published.ended:
                at, hops = self.published.ended[at], hops + 1
                assert hops <= len(self.published.ended), "merged_into goes in a circle"
            assert at in self.published.profiles
        told: dict[str, set[str]] = defaultdict(set)
        for record in self.published.values("merges"):
            if record["type"] == "merged":
                told[record["profile_id"]].add(record["id"])
        if again:
            assert self.published.ended.keys() <= told.keys()
        else:
            assert {key: len(ids) for key, ids in told.items()} == dict.fromkeys(self.published.ended, 1)

    def values(self, *, once: bool) -> None:
        """The last value told of a person in a currency is the profile's; undisturbed, each says the one before."""
        last: dict[tuple[str, str], str] = {}
        seen: set[str] = set()
        for record in self.published.values("values"):
            key = record["profile_id"], record["currency"]
            if record["id"] in seen:
                assert not once, "told twice"
                continue
            seen.add(record["id"])
            if once:
                assert record["previous"] == last.get(key, "0.00")
            last[key] = record["value"]
        for profile_id, profile in self.published.profiles.items():
            told = {currency: value for (one, currency), value in last.items() if one == profile_id and value != "0.00"}
            assert told == {name: value for name, value in profile["lifetime_value"].items() if value != "0.00"}

    def versions(self, *, once: bool) -> None:
        """Per key, versions grow in offset order; an equal one has equal bytes, and there is none in a quiet run."""
        for topic in ("profiles", "identities", "merges", "values"):
            before: dict[bytes | None, tuple[int, bytes | None]] = {}
            for output in self.published.topics[topic]:
                version = parsed(output)["version"]
                known, bytes_known = before.get(output.key, (0, None))
                assert known < version < 2**53 or (known == version and bytes_known == output.value and not once)
                before[output.key] = version, output.value

    def ids(self) -> None:
        """One `id` is one content, and one content of a key and version has one id."""
        contents: dict[str, str] = {}
        ids: dict[str, str] = {}
        for topic in ("profiles", "merges", "values", "conflicts"):
            for output in self.published.topics[topic]:
                record = parsed(output)
                if "merged_into" in record:
                    continue
                # A conflict seen in two records of one event is the same conflict at two times.
                apart = ("id", "at") if topic == "conflicts" else ("id",)
                content = canonical([topic, {name: part for name, part in record.items() if name not in apart}])
                assert contents.setdefault(record["id"], content) == content
                assert ids.setdefault(content, record["id"]) == record["id"]

    def dead_letters(self, *, once: bool) -> None:
        """What the model refuses is there with its code, and as it was received; nothing else is."""
        sources = {(record.topic, record.partition, record.offset): record for record in self.log}
        found: Counter[tuple[Any, str]] = Counter()
        for output in self.published.topics["touchpoints.dlq"]:
            cut = len(output.headers) - len(ADDED_HEADERS)
            received, added = output.headers[:cut], dict(output.headers[cut:])
            assert set(added) == ADDED_HEADERS
            said = {name.rpartition(".")[2]: value.decode() for name, value in added.items()}
            record = sources[said["topic"], int(said["partition"]), int(said["offset"])]
            assert (output.key, output.value, received) == (record.key, record.value, record.headers)
            found[record.position, said["code"]] += 1
            assert said["message"]
        wrong = set(found) ^ set(self.model.dead_letters.items())
        assert not wrong, f"told or expected, but not both: {sorted(wrong)[:5]}"
        assert not once or set(found.values()) == {1}

    def conflicts(self) -> None:
        """Refused evidence, dropped values and reused ids of the model are told; what is told beyond has a ground.

        Evidence that was refused for a while is told too, and a hub's in part, since it is no longer remembered by both
        ends; so the final refusals are among those told.
        """
        links: set[tuple[str, str, str]] = set()
        dropped: set[tuple[str, str, str, str]] = set()
        reused: set[tuple[str, str]] = set()
        for record in self.published.values("conflicts"):
            keys = [f"{one['namespace']}:{one['token']}" for one in record["identifiers"]]
            event = record["evidence"][0]["id"], record["evidence"][0]["source"]
            if record["rule"] in VALUE_RULES:
                dropped.add((*event, record["identifiers"][0]["namespace"], record["rule"]))
            elif record["rule"] == "id_reused":
                reused.add(event)
            else:
                assert len(keys) == 2
                assert set(keys) <= set(self.published.identities)
                links.add((*sorted(keys), record["rule"]))
        expected = {(*sorted((strong, weak)), rule) for strong, weak, rule in self.model.refused if rule != "hub"}
        assert expected <= links, f"refused, and never told: {sorted(expected - links)[:5]}"
        events = {
            record.position: _event(record) for record in self.log if record.position not in self.model.dead_letters
        }
        wrong = dropped ^ {(*events[position], namespace, rule) for position, namespace, rule in self.model.dropped}
        assert not wrong, f"told or expected, but not both: {sorted(wrong)[:5]}"
        assert reused == {events[position] for position in self.model.reused}

    def traces(self) -> None:
        """Every record carries the trace of a record that its cause came with; what time brought has none."""
        by_event: dict[tuple[str, str], set[bytes]] = defaultdict(set)
        for record in self.log:
            if record.position not in self.model.dead_letters:
                by_event[_event(record)].add(dict(record.headers)["traceparent"])
        known = set().union(*by_event.values())
        for topic, outputs in self.published.topics.items():
            if topic == "touchpoints.dlq":
                continue
            for output in outputs:
                value = parsed(output)
                cause = value.get("cause")
                if cause is not None and cause["source"] == "idweave":
                    assert not output.headers, topic
                    continue
                if "merged_into" in value and not output.headers:
                    continue  # it says no cause; its survivor's record, of the same change, does
                assert [name for name, _ in output.headers] == ["traceparent"], topic
                trace = output.headers[0][1]
                assert trace in (known if cause is None else by_event[cause["id"], cause["source"]])


def hidden(log: list[Record]) -> set[bytes]:
    """The phones, e-mail addresses and device addresses that publishers named, in one spelling each."""
    found: set[bytes] = set()
    for record in log:
        try:
            value = json.loads(record.value or b"")
            named = value.get("data", value)["identifiers"]
        except (ValueError, LookupError, AttributeError, TypeError):
            continue
        for namespace in ("phone", "email", "mac"):
            found |= personal(json.dumps(named.get(namespace, "")).encode())
    return found - {b"0" * 12}


def personal(text: bytes) -> set[bytes]:
    """What may be a phone, an e-mail address or a device address in a text, in one spelling each."""
    text = text.lower()
    phones = set(MOBILE.findall(re.sub(rb"(?<=\d)[ -](?=\d)", b"", text)))
    return phones | set(EMAIL.findall(text)) | {re.sub(rb"[:.-]", b"", found) for found in MAC.findall(text)}


def _event(record: Record) -> tuple[str, str]:
    headers = dict(record.headers)
    if "ce_id" in headers:
        return headers["ce_id"].decode(), headers["ce_source"].decode()
    value = json.loads(record.value or b"")
    return value["id"], value["source"]
