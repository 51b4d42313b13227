"""Judge: what the rules add to a profile, and until when it stands.

A pure function of contents, rules and now. In this order, each able to read what is decided before it: completeness,
scores, tier, stage, tags, segments, reminders. Of tiers and of stages the last one that holds counts.
A stage is since the latest of: its condition began to hold, each later stage's ended to, and the person was first seen.
Beginnings are event times, or the instants at which a date passed; see `docs/rules.md`.
Exact: `due_us` is the end of the first answer that any decision stands on, so nothing changes before it by time alone.
Must not know: what was published, where rules come from.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Final, NamedTuple

from resolvers.conditions import Node, compile_condition
from resolvers.operators import ALWAYS_US, is_set
from resolvers.profile_fields import COUNT
from resolvers.profile_values import Month, Places, Values, instant_us, month_at, value_at
from resolvers.reminding import Occasion, Remind
from resolvers.rules import Rule, Rules
from resolvers.scoring import Scorer
from topics.instants import FIRST_US, to_text

SECTIONS: Final = ("tiers", "lifecycle", "tags", "segments", "reminders")


class Judged(NamedTuple):
    """What rules say of a profile at one instant.

    Attributes:
        additions: the profile's `completeness`, `lifecycle`, `scores`, `tier`, `tags` and `segments`.
        due_us: the next instant at which any of this, or an occasion, may be another, should no event come.
        occasions: of the reminders that hold now; which of them are told is `reminding.to_tell`'s to say.
        wrong: fields that hold a value of another kind than rules read there; each counts as not there.
    """

    additions: dict[str, Any]
    due_us: int
    occasions: tuple[Occasion, ...] = ()
    wrong: tuple[str, ...] = ()


class Named(NamedTuple):
    """A rule and its compiled condition."""

    rule: Rule
    node: Node


class _Group:
    """Rules without an order: those that hold, by name. What only events change is apart, because it is quick."""

    def __init__(self, named: Sequence[Named], places: Places, path: str) -> None:
        ordered = sorted(named, key=lambda one: one.rule.name)
        self._plain = [(one.rule.name, one.node.plain) for one in ordered if one.node.plain is not None]
        self._timed = [(one.rule.name, one.node.timed) for one in ordered if one.node.timed is not None]
        self._decide = _decide(places, path)

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
                due_us = min(due_us, until)
            names.sort()
        self._decide(values, names)
        return names, due_us


class Rulebook:
    """Rules, compiled once for a time zone. It holds nothing of the profiles that it has judged."""

    def __init__(self, rules: Rules, zone: tzinfo) -> None:
        self.rules = rules
        self._places = places = Places(zone)
        self._month: Month | None = None
        self._listed = [(path, _trait(path)) for path in rules.completeness]
        self._scorer = Scorer(rules.scores, places)
        self.sections = {name: [_named(rule, places) for rule in getattr(rules, name)] for name in SECTIONS}
        self._tiers = self.sections["tiers"][::-1]
        self._stages = self.sections["lifecycle"][::-1]
        self._tags = _Group(self.sections["tags"], places, "tags")
        self._segments = _Group(self.sections["segments"], places, "segments")
        ranks = {rule.name: rank for rank, rule in enumerate(rules.tiers)}
        self._reminders = [
            Remind(reminder, one.node, places, ranks)
            for reminder, one in zip(rules.reminders, self.sections["reminders"], strict=True)
        ]
        decided = ("completeness", "tier", "lifecycle.stage", "lifecycle.since", *_SCORES)
        self._decide = {path: _decide(places, path) for path in decided}

    def values(self, contents: Mapping[str, Any], now_us: int) -> Values:
        """Every value that the rules read, with what they decide: for who explains them."""
        values, _ = self._places.read(contents, now_us, self._month_at(now_us))
        self._judge(contents, values, ())
        return values

    def judge(self, contents: Mapping[str, Any], now_us: int) -> Judged:
        """What the rules add to a profile's contents at `now_us`, which is after 1970."""
        values, wrong = self._places.read(contents, now_us, self._month_at(now_us))
        return self._judge(contents, values, wrong)

    def _judge(self, contents: Mapping[str, Any], values: Values, wrong: tuple[str, ...]) -> Judged:
        decide = self._decide
        completeness = self._completeness(contents)
        decide["completeness"](values, completeness)
        scores, due_us = self._scorer.score(values)
        for path, name in _SCORES.items():
            decide[path](values, scores[name])
        tier, due_us = self._tier(values, due_us)
        stage, since_us, due_us = self._stage(contents, values, due_us)
        since = to_text(since_us)
        decide["lifecycle.stage"](values, stage)
        decide["lifecycle.since"](values, since)
        tags, due_us = self._tags.judge(values, due_us)
        segments, due_us = self._segments.judge(values, due_us)
        occasions: list[Occasion] = []
        for remind in self._reminders:
            due_us = remind.judge(values, due_us, lambda: self._tier_since_us(values), occasions)
        additions = {
            "completeness": completeness,
            "lifecycle": {"stage": stage, "since": since},
            "scores": scores,
            "tier": tier,
            "tags": tags,
            "segments": segments,
        }
        return Judged(additions, due_us, tuple(occasions), wrong)

    def _month_at(self, now_us: int) -> Month:
        month = self._month
        if month is None or not month.start_us <= now_us < month.end_us:
            month = self._month = month_at(now_us, self._places.zone)
        return month

    def _completeness(self, contents: Mapping[str, Any]) -> float:
        listed = self._listed
        if not listed:
            return 1.0
        traits = contents.get("traits")
        if not traits:
            return 0.0
        there = 0
        for name, nested in listed:
            if is_set(traits.get(name) if nested is None else value_at(traits, nested)):
                there += 1
        return round(there / len(listed), 2)

    def _tier(self, values: Values, due_us: int) -> tuple[str | None, int]:
        """The highest tier that holds."""
        found = None
        for rule, node in self._tiers:
            until = node.until(values)
            due_us = min(due_us, abs(until))
            if until > 0:
                found = rule.name
                break
        self._decide["tier"](values, found)
        return found, due_us

    def _tier_since_us(self, values: Values) -> int:
        """Since when the person's tier holds, as far as the profile tells."""
        return next((node.began(values) for _, node in self._tiers if node.until(values) > 0), ALWAYS_US)

    def _stage(self, contents: Mapping[str, Any], values: Values, due_us: int) -> tuple[str, int, int]:
        """The last stage that holds, since when, and until when."""
        since_us = instant_us(contents.get("first_seen")) or FIRST_US
        for rule, node in self._stages:
            until = node.until(values)
            due_us = min(due_us, abs(until))
            since_us = max(since_us, node.began(values))
            if until > 0:
                return rule.name, since_us, due_us
        raise AssertionError("the first stage holds of everybody")


_SCORES: Final = {"scores.recency": "recency", "scores.frequency": "frequency", "scores.monetary": "monetary"}


def _named(rule: Rule, places: Places) -> Named:
    return Named(rule, compile_condition(rule.when, places))


def _trait(path: str) -> str | None:
    return path if "." in path else None


def _decide(places: Places, path: str) -> Callable[[Values, Any], None]:
    """What puts a decision where rules that come later read it."""
    found = places.places_of(path)
    counted = [place for place, _ in places.places_of(f"{path}.{COUNT}")]

    def put(values: Values, decision: Any) -> None:  # noqa: ANN401 - of any kind
        for place, reading in found:
            values[place] = instant_us(decision) if reading == "instant" else decision
        for place in counted:
            values[place] = len(decision)

    return put
