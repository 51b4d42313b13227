"""Judge: what the rules add to a profile, and until when it stands.

A pure function of contents, rules and now. In this order, each able to read what is decided before it: completeness,
scores, tier, stage, tags, segments, reminders. Of tiers and of stages the last one that holds counts.
A stage is since the latest of: its condition began to hold, each later stage's ended to, and the person was first seen.
Beginnings are event times, or the instants at which a date passed; see `docs/rules.md`.
Exact: `due_us` is the end of the first answer that any decision stands on, so nothing changes before it by time alone.
Must not know: what was published, where rules come from.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from resolvers.conditions import Node, compile_condition, fields_of
from resolvers.operators import is_set
from resolvers.profile_fields import COUNT, Field
from resolvers.profile_values import NOW, Month, Places, Reading, Values, instant_us, month_at, walk
from resolvers.reminding import Key, Occasion, Remind, news, to_tell
from resolvers.rules import Rule, Rules
from resolvers.scoring import Scorer
from topics.instants import FIRST_US, to_text

SECTIONS: Final = ("tiers", "lifecycle", "tags", "segments", "reminders")
_BEGUN: Final = frozenset({"tiers", "lifecycle"})
"""Of these it is asked since when they hold."""
_DECIDES: Final = {
    "scores": ("completeness", "scores.recency", "scores.frequency", "scores.monetary"),
    "tier": ("tier",),
    "lifecycle": ("lifecycle.stage", "lifecycle.since"),
    "tags": ("tags",),
    "segments": ("segments",),
}
_FIRST_SEEN: Final = Field("first_seen", "instant")


class Judged(Struct, frozen=True, gc=False):
    """What rules say of a profile at one instant.

    Attributes:
        additions: the profile's `completeness`, `lifecycle`, `scores`, `tier`, `tags` and `segments`.
        due_us: the next instant at which any of this, or an occasion, may be another, should no event come.
        occasions: of the reminders that hold now; `Rulebook.to_tell` says which of them are told.
        wrong: fields that hold a value of another kind than rules read there; each counts as not there.
        failed: rules (`section.name`) that read such a field, or could not be judged and count as not holding.
        values: every value that the rules have read, decisions included.
    """

    additions: dict[str, Any]
    due_us: int
    occasions: Sequence[Key]
    wrong: tuple[str, ...]
    values: Values
    failed: tuple[str, ...] = ()


class Named(NamedTuple):
    """A rule and its compiled condition."""

    rule: Rule
    node: Node


class Rulebook:
    """Rules, compiled once for a time zone. It holds nothing of the profiles that it has judged."""

    def __init__(self, rules: Rules, zone: tzinfo) -> None:
        wanted = Places(zone)
        _Compiled(rules, wanted)
        compiled = _Compiled(rules, wanted.arranged())
        self.rules = rules
        self.sections = compiled.sections
        self._places = compiled.places
        self._scorer = compiled.scorer
        self._reminders = {one.name: one for one in compiled.reminders}
        self._reminding = [one.judge for one in compiled.reminders]
        self._first_seen = compiled.first_seen
        self._month: Month | None = None
        self._listed = [(name, walk(name) if "." in name else None) for name in rules.completeness]
        self._tiers = self.sections["tiers"][::-1]
        self._stages = self.sections["lifecycle"][::-1]
        self._tags = _Group(self.sections["tags"])
        self._segments = _Group(self.sections["segments"])
        self._decide = {section: _Decide(self._places, paths) for section, paths in _DECIDES.items()}

    def judge(self, contents: Mapping[str, Any], now_us: int) -> Judged:
        """What the rules add to a profile's contents at `now_us`, which is after 1970.

        A rule that fails on a profile is left out for it, and named: one person's odd trait must not stop the others.
        """
        try:
            return self.judge_or_fail(contents, now_us)
        except Exception:  # noqa: BLE001 - whatever it is, it is this rule's and this profile's
            return self._judge_without_failing(contents, now_us)

    def is_told_once(self, reminder: str) -> bool:
        """Whether a reminder is told once in a profile's life."""
        found = self._reminders.get(reminder)
        return found is not None and found.once

    def _judge_without_failing(self, contents: Mapping[str, Any], now_us: int) -> Judged:
        """By the rules that do not fail on this profile by themselves, or by none."""
        zone, rules, first = self._places.zone, self.rules, self.rules.lifecycle[0]
        failed: dict[str, set[str]] = {section: set() for section in SECTIONS}
        for section in SECTIONS:
            for rule in getattr(rules, section):
                wanted = (first, rule) if section == "lifecycle" else (rule,)
                alone = replace(Rules(lifecycle=(first,)), **{section: wanted})
                try:
                    Rulebook(alone, zone).judge_or_fail(contents, now_us)
                except Exception:  # noqa: BLE001 - the same
                    failed[section].add(rule.name)
        for left_out in (failed, {section: {rule.name for rule in getattr(rules, section)} for section in SECTIONS}):
            kept = {
                section: tuple(rule for rule in getattr(rules, section) if rule is first or rule.name not in names)
                for section, names in left_out.items()
            }
            try:
                judged = Rulebook(replace(rules, **kept), zone).judge_or_fail(contents, now_us)
            except Exception:  # noqa: BLE001, S112 - the same
                continue
            names = sorted(f"{section}.{name}" for section, some in left_out.items() for name in some)
            return replace(judged, failed=tuple(names))
        raise AssertionError("scores and completeness can be told of everybody")

    def judge_or_fail(self, contents: Mapping[str, Any], now_us: int) -> Judged:
        """The same, where whatever a rule fails with is raised."""
        month = self._month
        if month is None or not month.start_us <= now_us < month.end_us:
            month = self._month = month_at(now_us, self._places.zone)
        values, wrong = self._places.read(contents, now_us, month)
        decide = self._decide
        completeness = self._completeness(contents)
        scores, due_us = self._scorer.score(values)
        decide["scores"].put(values, (completeness, *scores.values()))
        held, due_us = self._tier(values, due_us)
        tier = None if held is None else held.rule.name
        decide["tier"].put(values, (tier,))
        lifecycle, due_us = self._stage(values, due_us)
        decide["lifecycle"].put(values, tuple(lifecycle.values()))
        tags, due_us = self._tags.judge(values, due_us)
        decide["tags"].put(values, (tags,))
        segments, due_us = self._segments.judge(values, due_us)
        decide["segments"].put(values, (segments,))
        occasions: list[Key] = []
        for remind in self._reminding:
            due_us = remind(values, due_us, occasions)
        additions = {
            "completeness": completeness,
            "lifecycle": lifecycle,
            "scores": scores,
            "tier": tier,
            "tags": tags,
            "segments": segments,
        }
        return Judged(additions, due_us, occasions, wrong, values, self._readers_of(wrong) if wrong else ())

    def _readers_of(self, wrong: tuple[str, ...]) -> tuple[str, ...]:
        """The rules whose conditions read one of these fields."""
        return tuple(
            f"{section}.{rule.name}"
            for section, named in self.sections.items()
            for rule, _ in named
            if rule.when is not None and not fields_of(rule.when).isdisjoint(wrong)
        )

    def to_tell(self, judged: Judged, before: Collection[Key]) -> list[Occasion]:
        """What to tell the person, where the occasions `before` held when they were last published."""
        new = news(judged.occasions, before)
        if not new:
            return []
        tier = next((node for rule, node in self._tiers if rule.name == judged.additions["tier"]), None)
        occasions = [self._reminders[key.reminder].occasion(key, judged.values, tier) for key in new]
        return to_tell(occasions, before, judged.values[NOW])

    def _completeness(self, contents: Mapping[str, Any]) -> float:
        listed = self._listed
        if not listed:
            return 1.0
        traits = contents.get("traits")
        if not traits:
            return 0.0
        there = 0
        for name, find in listed:
            value = traits.get(name) if find is None else find(traits)
            if value or is_set(value):
                there += 1
        return round(there / len(listed), 2)

    def _tier(self, values: Values, due_us: int) -> tuple[Named | None, int]:
        """The highest tier that holds."""
        for named in self._tiers:
            until = named.node.until(values)
            if until > 0:
                return named, min(due_us, until)
            due_us = min(due_us, -until)
        return None, due_us

    def _stage(self, values: Values, due_us: int) -> tuple[dict[str, str], int]:
        """The last stage that holds, since when, and until when."""
        first_us = values[self._first_seen]
        since_us = FIRST_US if first_us is None else first_us
        later: list[Node] = []
        for rule, node in self._stages:
            until = node.until(values)
            if until > 0:
                began_us = node.began(values, True, since_us)  # noqa: FBT003 - a `Began`
                since_us = max(since_us, began_us)
                for one in later:
                    began_us = one.began(values, False, since_us)  # noqa: FBT003 - the same
                    if began_us > since_us:  # noqa: PLR1730 - half the time of max()
                        since_us = began_us
                return {"stage": rule.name, "since": to_text(since_us)}, min(due_us, until)
            due_us = min(due_us, -until)
            later.append(node)
        raise AssertionError("the first stage holds of everybody")


class _Compiled:
    """Rules compiled to places."""

    def __init__(self, rules: Rules, places: Places) -> None:
        self.places = places
        self.first_seen = places.place(_FIRST_SEEN, "instant")
        self.scorer = Scorer(rules.scores, places)
        self.sections = {
            name: [
                Named(rule, compile_condition(rule.when, places, begun=name in _BEGUN)) for rule in getattr(rules, name)
            ]
            for name in SECTIONS
        }
        ranks = {rule.name: rank for rank, rule in enumerate(rules.tiers)}
        self.reminders = [
            Remind(reminder, one.node, places, ranks)
            for reminder, one in zip(rules.reminders, self.sections["reminders"], strict=True)
        ]


class _Group:
    """Rules without an order: those that hold, by name. What only events change is apart, because it is quick."""

    def __init__(self, named: Sequence[Named]) -> None:
        ordered = sorted(named, key=lambda one: one.rule.name)
        self._plain = [(one.rule.name, one.node.plain) for one in ordered if one.node.plain is not None]
        self._timed = [(one.rule.name, one.node.timed) for one in ordered if one.node.timed is not None]

    def judge(self, values: Values, due_us: int) -> tuple[list[str], int]:
        """The names of those that hold, sorted, and the earlier of `due_us` and when one of them changes."""
        names = [name for name, plain in self._plain if plain(values)]
        if self._timed:
            for name, timed in self._timed:
                until = timed(values)
                if until > 0:
                    names.append(name)
                else:
                    until = -until
                if until < due_us:  # noqa: PLR1730 - half the time of min()
                    due_us = until
            names.sort()
        return names, due_us


class _Decide:
    """Puts decisions where rules that come later read them."""

    def __init__(self, places: Places, paths: Sequence[str]) -> None:
        self._puts = [(place, nth, _as(one)) for nth, path in enumerate(paths) for place, one in places.places_of(path)]
        self._puts += [
            (place, nth, len) for nth, path in enumerate(paths) for place, _ in places.places_of(f"{path}.{COUNT}")
        ]

    def put(self, values: Values, decisions: Sequence[Any]) -> None:
        """Decisions in the order of the paths."""
        for place, nth, convert in self._puts:
            values[place] = decisions[nth] if convert is None else convert(decisions[nth])


def _as(reading: Reading) -> Callable[[Any], Any] | None:
    return instant_us if reading == "instant" else None
