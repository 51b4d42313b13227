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

from resolvers.conditions import Node, compile_condition
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


class Judged(NamedTuple):
    """What rules say of a profile at one instant.

    Attributes:
        additions: the profile's `completeness`, `lifecycle`, `scores`, `tier`, `tags` and `segments`.
        due_us: the next instant at which any of this, or an occasion, may be another, should no event come.
        occasions: of the reminders that hold now; `Rulebook.to_tell` says which of them are told.
        wrong: fields that hold a value of another kind than rules read there; each counts as not there.
        values: every value that the rules have read, decisions included.
    """

    additions: dict[str, Any]
    due_us: int
    occasions: Sequence[Key]
    wrong: tuple[str, ...]
    values: Values


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
        """What the rules add to a profile's contents at `now_us`, which is after 1970."""
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
        return Judged(additions, due_us, occasions, wrong, values)

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
                since_us = max(since_us, node.began(values, True, since_us))  # noqa: FBT003 - a `Began`
                for one in later:
                    since_us = max(since_us, one.began(values, False, since_us))  # noqa: FBT003 - the same
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
