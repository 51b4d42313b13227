"""What an engine's rules are called, for who shows people: namespaces, stages, tiers, tags, segments, reminders.

Must not know: what a rule means, who shows it.
"""

from collections.abc import Iterable

from resolvers.difference import REASONS
from resolvers.namespaces import ALWAYS_HASHED, IdentityRules
from resolvers.rules import Rule, Rules
from topics.answers import NamedRule, Vocabulary


def vocabulary_of(identity: IdentityRules, member: Rules) -> Vocabulary:
    """The words of a configuration, in its order."""
    return {
        "policy": identity.policy,
        "namespaces": [
            {
                "name": one.name,
                "person": one.person,
                "unique": one.unique,
                "weak": one.weak,
                "scoped": one.scoped,
                "hashed": one.pii is not None or one.name in ALWAYS_HASHED,
                "limit": None if one.limit is None else one.limit.n,
            }
            for one in identity.namespaces.values()
        ],
        "lifecycle": _named(member.lifecycle),
        "tiers": _named(member.tiers),
        "tags": _named(member.tags),
        "segments": _named(member.segments),
        "reminders": _named(member.reminders),
        "refusals": dict(REASONS),
    }


def _named(rules: Iterable[Rule]) -> list[NamedRule]:
    return [{"name": one.name, "labels": {"en": one.labels.en, "zh": one.labels.zh}} for one in rules]
