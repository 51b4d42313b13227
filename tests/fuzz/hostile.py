"""Hostile records: what publishers must never send, by mutators that each break one thing, and what becomes of it.

Rules: everything comes from a seed; a mutator says its code where the contract decides it, and `None` where the record
may count or be refused, but must do no harm. Which mutators there are is said by the two modules beside this one.
"""

import itertools
import json
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from resolvers.namespaces import DEFAULT_RULES, Allowance, IdentityRules
from topics.refusals import RefusalCode

CANARY: Final = "hostile-7f3e"
"""Stands in every hostile record, and in no answer to one."""
RULES: Final[IdentityRules] = msgspec.structs.replace(
    DEFAULT_RULES,
    blocked={"card": ("re:^BLOCKED",)},
    sources={
        "/refused/*": "refused",
        "/web/*": Allowance(namespaces=("cookie",), types=("page.*",)),
        "*": "allowed",
    },
)
"""The default rules, and some that refuse."""
CONFIGURATION: Final = """\
blocked: {card: ["re:^BLOCKED"]}
sources: {"/refused/*": refused, "/web/*": {namespaces: [cookie], types: ["page.*"]}, "*": allowed}
"""
"""The same as a file."""

Headers = tuple[tuple[str, bytes], ...]


class Sent(NamedTuple):
    """A record as it is sent."""

    value: bytes | None
    headers: Headers = ()
    key: bytes | None = None


class Mutator(NamedTuple):
    """How one kind of hostile record is made. `code`: what it is refused with; None: anything but harm.

    `every`: it comes once in so many rounds, because its records are large.
    """

    code: RefusalCode | None
    make: Callable[[random.Random, dict[str, Any]], Sent]
    every: int = 1


class Hostile(NamedTuple):
    """A hostile record, and the name and the code of its mutator."""

    name: str
    code: RefusalCode | None
    sent: Sent


def neighbour(number: int, key: bytes) -> Sent:
    """An ordinary event of somebody whom no hostile record names, with a card of its own."""
    event = {
        "id": f"n{number}",
        "source": "/neighbour",
        "type": "store.visited",
        "time": "2026-08-01T10:00:00Z",
        "data": {"identifiers": {"card": f"N{number}", "phone": f"1380{number:07}"}},
    }
    return Sent(json.dumps(event).encode(), (), key)


def ordinary(chance: random.Random) -> dict[str, Any]:
    """An event with nothing wrong with it, as mutators take it: of people that only hostile records have."""
    number = chance.randrange(2_000)
    return {
        "id": f"{CANARY}-{chance.randrange(10**9)}",
        "source": f"/fuzz/{CANARY}",
        "type": "wifi.login",
        "time": "2026-08-01T10:00:00+08:00",
        "data": {
            "identifiers": {"card": f"H{number}", "cookie": f"{CANARY}-{number}"},
            "traits": {"city": CANARY},
            "counters": {"visits": 1},
        },
    }


def hostile(seed: int, mutators: Mapping[str, Mutator]) -> Iterator[Hostile]:
    """Hostile records without end: the mutators in turn, so that each comes equally often, the large ones less."""
    chance = random.Random(seed)
    for turn in itertools.count():
        for name, (code, make, every) in mutators.items():
            if turn % every == 0:
                yield Hostile(name, code, make(chance, ordinary(chance)))
