"""Previewing member rules: whom each tag, segment, stage and tier would gain and lose if other rules were live.

Rules: nothing is written. Everybody is folded once and judged twice, at one instant.
Must not know: where rules come from, how a report is shown.
"""

from collections import Counter
from typing import Any, Final, NamedTuple

from resolvers.judging import Rulebook
from resolvers.namespaces import IdentityRules
from resolvers.people import people
from stream.reading.component_pages import ComponentStore, Progress, component_pages
from topics.codec import decode

SECTIONS: Final = ("tags", "segments", "lifecycle", "tiers")


class Row(NamedTuple):
    """One rule: how many people it holds of `now` and `then`, and how many it would gain and lose."""

    section: str
    name: str
    now: int
    then: int
    gains: int
    loses: int


class Preview(NamedTuple):
    """What would change. `people` were judged; `changed`: of how many anything is decided otherwise."""

    people: int
    changed: int
    rows: list[Row]


class Previewing:
    """One comparison of member rules over the people of a store."""

    def __init__(
        self, store: ComponentStore, rules: IdentityRules, live: Rulebook, candidate: Rulebook, progress: Progress
    ) -> None:
        self._store = store
        self._rules = rules
        self._books = (live, candidate)
        self._progress = progress
        self._people = self._changed = 0
        self._held: tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]] = (Counter(), Counter())
        self._gains: Counter[tuple[str, str]] = Counter()
        self._loses: Counter[tuple[str, str]] = Counter()

    async def run(self, sample: int | None, now_us: int) -> Preview:
        """Judge everybody, or the people of so many components drawn by lot, as they are at an instant.

        Raises:
            StoreError: the store does not answer.
        """
        async for components in component_pages(self._store, sample, self._progress):
            for component in components:
                for person in people(component, self._rules, now_us).persons:
                    self._judge(decode(person.body), now_us)
        names = {
            (section, one.rule.name) for book in self._books for section in SECTIONS for one in book.sections[section]
        }
        rows = [
            Row(*name, self._held[0][name], self._held[1][name], self._gains[name], self._loses[name]) for name in names
        ]
        return Preview(
            self._people, self._changed, sorted(rows, key=lambda one: (SECTIONS.index(one.section), one.name))
        )

    def _judge(self, contents: dict[str, Any], now_us: int) -> None:
        before, after = (_names(book.judge(contents, now_us).additions) for book in self._books)
        self._people += 1
        self._changed += before != after
        for held, names in zip(self._held, (before, after), strict=True):
            held.update(names)
        self._gains.update(after - before)
        self._loses.update(before - after)


def _names(additions: dict[str, Any]) -> set[tuple[str, str]]:
    """What holds of a person, as section and name."""
    found = {(section, name) for section in ("tags", "segments") for name in additions[section]}
    found.add(("lifecycle", additions["lifecycle"]["stage"]))
    if additions["tier"] is not None:
        found.add(("tiers", additions["tier"]))
    return found
