"""Preview: what other rules would change is what they say of everybody now, against what the live ones say."""

from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from resolvers.judging import Rulebook
from resolvers.namespaces import DEFAULT_RULES
from resolvers.rules import Check, Labels, Rule, Rules
from stream.cli.preview import lines
from stream.operating.previewing import Preview, Previewing, Row
from tests.stream.small_worker import NOW_MS, SmallWorker

ZONE = ZoneInfo("Asia/Shanghai")
LABELS = Labels("a rule", "规则")
MANY = 250
"""More than a page."""


def rule(name: str, field: str, value: str) -> Rule:
    """Who holds an identifier of a namespace."""
    return Rule(name=name, labels=LABELS, when=Check(field, "in", (value,)))


LIVE = Rules(
    lifecycle=(Rule(name="prospect", labels=LABELS),),
    tags=(rule("card", "identifiers.namespace", "card"), rule("gone", "identifiers.namespace", "login")),
    segments=(rule("all", "identifiers.namespace", "phone"),),
)
CANDIDATE = replace(
    LIVE,
    tags=(rule("card", "identifiers.namespace", "phone"), rule("new", "identifiers.namespace", "card")),
)


async def previewed(candidate: Rules, sample: int | None = None) -> Preview:
    """A preview over many with a phone, of whom every fifth has a card, and one who has a card only."""
    world = SmallWorker()
    for n in range(MANY):
        world.publish({"phone": f"13812{n:06}", **({"card": f"c{n}"} if n % 5 == 0 else {})})
    world.publish({"card": "alone"})
    before, told = dict(world.store.content.components), [0]
    live, then = Rulebook(LIVE, ZONE), Rulebook(candidate, ZONE)
    found = await Previewing(world, DEFAULT_RULES, live, then, lambda done, _of: told.append(done)).run(
        sample, NOW_MS * 1000
    )
    assert world.store.content.components == before
    assert told == sorted(told)
    return found


async def test_a_rule_gains_and_loses() -> None:
    """A rule whose condition changed, one that is new, one that goes, and one that stays; everybody is counted once."""
    found = await previewed(CANDIDATE)
    cards = MANY // 5
    assert (found.people, found.changed) == (MANY + 1, MANY + 1)
    assert found.rows == [
        Row("tags", "card", cards + 1, MANY, MANY - cards, 1),
        Row("tags", "gone", 0, 0, 0, 0),
        Row("tags", "new", 0, cards + 1, cards + 1, 0),
        Row("segments", "all", MANY, MANY, 0, 0),
        Row("lifecycle", "prospect", MANY + 1, MANY + 1, 0, 0),
    ]
    said = list(lines(found, Path("new.yaml")))
    assert said[0] == "Judged 251 people by the live rules and by new.yaml: 251 would be decided otherwise."
    assert [line.split() for line in said[1:3]] == [
        ["rule", "now", "gains", "loses", "then"],
        ["tag", "card", "51", "200", "1", "250"],
    ]
    assert said[-1] == "3 rules would gain and lose nobody."


async def test_the_same_rules_change_nothing() -> None:
    """And a sample judges so many."""
    found = await previewed(LIVE, sample=20)
    assert (found.people, found.changed) == (20, 0)
    assert not any(one.gains or one.loses for one in found.rows)
