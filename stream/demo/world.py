"""A synthetic retail day with ground truth: the records that publishers send, and who is truly who in them.

Rules: a pure function of seed, size and day (no clock), the same on every machine. Hard on purpose: shared household
phones, recycled numbers, randomised device addresses, one tablet per store, staff devices, guests, typing mistakes,
late files, duplicates, junk identifiers, and records that have to be refused.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any, Final

from resolvers.admission import Admission
from stream.demo.journeys import live_day, pass_tablet
from stream.demo.ledger import DAY_S, Ledger, Publication
from stream.demo.people import populate
from topics.codec import encode
from topics.refusals import RefusalCode

PEOPLE_DEFAULT: Final = 3000
DUPLICATE_SHARE: Final = 0.05
FUTURE_YEARS: Final = 10  # beyond every broker's clock that this code is likely to meet
TOO_LARGE_BYTES: Final = 70_000


@dataclass(frozen=True, slots=True)
class World:
    """One day.

    `records`: in publishing order. `truth`: canonical `namespace:value` -> person, for each identifier that an accepted
    event names. `observed`: the canonical identifiers of each accepted event, once per event. `dead_letters`: records
    per code that have to be refused. `event_types`: distinct accepted events per type.
    """

    records: list[Publication]
    truth: dict[str, str]
    observed: list[tuple[str, ...]]
    dead_letters: dict[RefusalCode, int]
    event_types: dict[str, int]
    duplicates: int
    late: int

    def found(self, holder: Mapping[str, str], admission: Admission) -> dict[str, str]:
        """Identifier as the truth writes it -> whoever holds it, by `holder` (identifier key -> holder).

        The truth has raw values and profiles have tokens, so each value goes through the same door as in an event.
        """
        names: dict[str, str] = {}
        for name in self.truth:
            namespace, _, value = name.partition(":")
            identifier = admission.identifier(namespace, value)
            if identifier is not None and identifier.key in holder:
                names[name] = holder[identifier.key]
        return names


def generate(seed: int, people: int, day: date) -> World:
    """The retail day of `people` people. `day` is the calendar day in China.

    Events carry times of that day and of the six days before; a record is refused as `time_in_future` only if its
    broker's clock is less than nine years ahead of `day`.
    """
    rng = Random(seed)  # noqa: S311 -- a world must be the same for the same seed; nothing here is secret
    population = populate(rng, people)
    ledger = Ledger(rng, day, population)
    for person in population.people:
        live_day(ledger, person)
    for person in ledger.members:
        if ledger.chance(0.97):
            pass_tablet(ledger, person, population.stores[person.store])
    duplicates = ledger.duplicate(DUPLICATE_SHARE)
    dead_letters: Counter[RefusalCode] = Counter()
    for code, value in _bad_records(ledger, max(1, people // 500)):
        dead_letters[code] += 1
        ledger.publish(rng.random() * DAY_S, Publication(None, value))
    return World(
        records=ledger.in_publishing_order(),
        truth=ledger.truth,
        observed=ledger.observed,
        dead_letters=dict(dead_letters),
        event_types=dict(ledger.event_types),
        duplicates=duplicates,
        late=ledger.late_count,
    )


def _bad_records(ledger: Ledger, rounds: int) -> Iterator[tuple[RefusalCode, bytes]]:
    """One record of every kind of mistake per round, with the code it has to be refused with."""
    for turn in range(rounds):
        yield RefusalCode.INVALID_JSON, _event(ledger, "json", turn)[:-7]
        yield RefusalCode.INVALID_JSON, b"\xff\xfe" + _event(ledger, "utf8", turn)
        yield RefusalCode.INVALID_EVENT, _event(ledger, "zone", turn, time=f"{ledger.day}T12:00:00")
        yield RefusalCode.INVALID_EVENT, _event(ledger, "time", turn, time="yesterday")
        yield RefusalCode.INVALID_EVENT, _event(ledger, "id", turn, id=None)
        yield RefusalCode.INVALID_EVENT, encode([turn])
        yield RefusalCode.TOO_LARGE, _event(ledger, "large", turn, traits={"note": "x" * TOO_LARGE_BYTES})
        yield RefusalCode.UNKNOWN_NAMESPACE, _event(ledger, "namespace", turn, identifiers={"fax": f"{turn}"})
        yield RefusalCode.NO_IDENTIFIER, _event(ledger, "none", turn, identifiers={})
        yield RefusalCode.NO_IDENTIFIER, _event(ledger, "junk", turn, identifiers={"openid": "null", "cookie": ""})
        two = [f"E0-left-{turn}", f"E0-right-{turn}"]
        yield RefusalCode.CONFLICTING_IDENTIFIERS, _event(ledger, "cards", turn, identifiers={"card": two})
        future = f"{ledger.day.year + FUTURE_YEARS}-01-01T00:00:00Z"
        yield RefusalCode.TIME_IN_FUTURE, _event(ledger, "future", turn, time=future)


def _event(ledger: Ledger, mistake: str, turn: int, **change: Any) -> bytes:  # noqa: ANN401
    """A well-formed event but for `change`, which replaces attributes, or members of its data; None leaves one out."""
    event: dict[str, Any] = {
        "id": f"bad-{ledger.day:%Y%m%d}-{mistake}-{turn}",
        "source": "/legacy/gateway",
        "type": "store.visited",
        "time": ledger.time(12 * 3600),
        "data": {"identifiers": {"cookie": f"bad-{mistake}-{turn}"}, "store": "SH-001"},
    }
    for name, content in change.items():
        (event if name in event else event["data"])[name] = content
    return encode({name: content for name, content in event.items() if content is not None})
