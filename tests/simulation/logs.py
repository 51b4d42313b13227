"""Random input logs, small and nasty: few identifiers, many conflicts, duplicates, refunds before payments."""

import random
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tests.naive.random_facts import KINDS, facts_of, order_details, shipment_details, where
from topics.codec import decode, encode
from topics.instants import to_text
from topics.records import Record

TOPIC = "idweave.touchpoints"
COMMANDS_TOPIC = "idweave.commands"
START_MS = 1_700_000_000_000
NOW = datetime.fromtimestamp(START_MS / 1000 + 60, UTC)
"""When people are looked at; a run takes less than the rest of that day."""

PHONES = [f"1381234560{n}" for n in range(4)]
POOL = (
    [("card", f"C{n}") for n in range(3)]
    + [("unionid", f"u{n}") for n in range(2)]
    + [("phone", phone) for phone in PHONES]
    + [("openid", f"main:o{n}") for n in range(3)]
    + [("mac", f"aa:bb:cc:00:11:0{n}") for n in range(3)]
    + [("cookie", f"k{n}") for n in range(2)]
)
CARDS = [f"C{n}" for n in range(4)]
CROWD = (
    [("card", card) for card in CARDS]
    + [("unionid", f"u{n}") for n in range(2)]
    + [("phone", phone) for phone in PHONES]
    + [("email", "a@qq.com")]
    + [("openid", f"main:o{n}") for n in range(2)]
    + [("openid", "mini:o0")]
)
INVITERS = [("card", "C9"), ("phone", "13812345699")]
"""Some that are never seen."""
DEVICES = [("mac", f"aa:bb:cc:00:11:0{n}") for n in range(2)] + [("cookie", f"k{n}") for n in range(3)]
CROWD_KINDS = (
    *("wifi.login", "identity.link", "member.update", "survey.completed", "card.replaced"),
    *("order.placed", "order.paid", "order.paid", "order.refunded", "order.cancelled", "order.shipped"),
    *("order.delivered", *KINDS),
)


CUTTING_KINDS = (*CROWD_KINDS, *("card.unbind", "card.unbind", "session.logout", "session.logout"))


def random_log(seed: int, events: int | None = None) -> list[Record]:
    """A log over one to three partitions, in append order; one event in ten is delivered twice."""
    rng = random.Random(seed)
    partitions = rng.randint(1, 3)
    pool = rng.sample(POOL, rng.randint(4, len(POOL)))
    offsets = [0] * partitions
    records: list[Record] = []
    append_ms = START_MS
    for n in range(events or rng.randint(4, 18)):
        body = _event(rng, n, pool)
        for _ in range(2 if rng.random() < 0.1 else 1):
            append_ms += rng.choice([0, 1, 5])
            at = rng.randrange(partitions)
            records.append(Record(TOPIC, at, offsets[at], append_ms, None, encode(body), ()))
            offsets[at] += rng.choice([1, 1, 1, 2])
    return records


def cutting_log(seed: int) -> list[Record]:
    """A crowded log in which cards are unbound and sessions end."""
    return crowded_log(seed, kinds=CUTTING_KINDS)


STRENGTH = ("card", "unionid", "phone", "email", "openid", "mac", "cookie")
"""Of the namespaces of these logs, by the default rules: strongest first."""


def reusing_log(seed: int) -> list[Record]:
    """A crowded log in which publishers use the name of an event again, for another body.

    The other body has the same strongest identifier and lies behind the first in its partition: which of the two counts
    must not depend on who reads what first.
    """
    rng = random.Random(f"reusing {seed}")
    log: list[Record] = []
    for record in crowded_log(seed):
        log.append(record)
        named_before = rng.choice(log)
        body = decode(named_before.value or b"")
        named = body["data"]["identifiers"]
        at = min(map(STRENGTH.index, named))
        if rng.random() < 0.4 and body["type"] != "card.replaced":
            weaker = [one for one in CROWD + DEVICES if STRENGTH.index(one[0]) > at]
            others = dict(rng.sample(weaker, rng.randint(0, min(2, len(weaker)))))
            data = {"identifiers": {STRENGTH[at]: named[STRENGTH[at]], **others}, "counters": {"seen": 100}}
            kind = rng.choice(["wifi.login", "card.unbind" if at == 0 else "page.viewed"])
            again = encode({**body, "type": kind, "data": data})
            log.append(record._replace(partition=named_before.partition, value=again))
    return _numbered(log)


def _numbered(log: list[Record]) -> list[Record]:
    """The records with offsets by their order in each partition."""
    offsets: Counter[int] = Counter()
    numbered: list[Record] = []
    for record in log:
        numbered.append(record._replace(offset=offsets[record.partition]))
        offsets[record.partition] += 1
    return numbered


RULINGS = ("merge", "merge", "split", "split", "split", "undo")


def erasing_log(seed: int) -> list[Record]:
    """A commanded log in which people are erased, and often seen again."""
    return commanded_log(seed, kinds=(*RULINGS, *["erase"] * 4))


def unbinding_log(seed: int) -> list[Record]:
    """A commanded log in which numbers change hands."""
    return commanded_log(seed, kinds=(*RULINGS, "undo", *["unbind"] * 6))


def blocking_log(seed: int) -> list[Record]:
    """A commanded log in which values are blocked, and taken again."""
    return commanded_log(seed, kinds=(*RULINGS, "undo", *["block"] * 5, *["unblock"] * 3))


def ruled_log(seed: int) -> list[Record]:
    """A log with commands of all kinds but one: hubs outlive an erase."""
    kinds = (*RULINGS, "undo", "unbind", "unbind", "unbind", "block", "block", "unblock")
    return commanded_log(seed, kinds=kinds)


def governed_log(seed: int) -> list[Record]:
    """A log with commands of all kinds."""
    kinds = (*RULINGS, "undo", "erase", "erase", "unbind", "unbind", "unbind", "block", "block", "unblock")
    return commanded_log(seed, kinds=kinds)


def commanded_log(seed: int, kinds: Sequence[str] = RULINGS) -> list[Record]:
    """A cutting log in which operators merge, split and take back, now and then wrongly, twice, or to see what if."""
    log = cutting_log(seed)
    rng = random.Random(f"commanded {seed}")
    seen: list[list[str]] = [
        [
            f"{namespace}:{one}"
            for namespace, each in named.items()
            for one in (each if isinstance(each, list) else [each])
        ]
        for named in (decode(record.value or b"")["data"]["identifiers"] for record in log)
    ]
    commands: list[dict[str, Any]] = []
    for n in range(rng.randint(3, 9)):
        together = rng.choice(seen)
        kind = rng.choice(kinds)
        body: dict[str, Any] = {"id": f"c{n}", "type": kind, "by": "amy"}
        if kind == "undo":
            rulings = [one["id"] for one in commands if one["type"] not in {"undo", "erase", "unblock"}]
            body["of"] = rng.choice([*rulings, *rulings, f"c{n}"])
        elif kind == "erase":
            body["identifier"] = rng.choice(together)
        elif kind == "unbind":
            body |= {"identifier": rng.choice(together), "from": rng.choice([*together, *rng.choice(seen)])}
        elif kind in {"block", "unblock"}:
            body |= _target(rng, together, [one for one in commands if one["type"] == "block"])
        elif kind == "split":
            body["identifiers"] = rng.sample(together, rng.randint(1, len(together)))
        else:
            others = [*rng.choice(seen), *rng.choice([["card:C9"], ["phone:13812345699"], []])]
            body["identifiers"] = [rng.choice(together), *rng.sample(others, rng.choice([1, 1, len(others)]))]
        if rng.random() < 0.1:
            body |= rng.choice([{"dry_run": True}, {"identifiers": ["card"]}, {"id": f"c{rng.randrange(n + 1)}"}])
        commands += [body] * (2 if rng.random() < 0.1 else 1)
    first_ms, last_ms = log[0].append_ms, log[-1].append_ms
    times = sorted(rng.randint(first_ms, last_ms) for _ in commands)
    return log + [
        Record(COMMANDS_TOPIC, 0, n, at_ms, None, encode(body), ())
        for n, (at_ms, body) in enumerate(zip(times, commands, strict=True))
    ]


def _target(rng: random.Random, together: list[str], blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """What a block or unblock names: an identifier, a value or a pattern of a namespace; often what was blocked."""
    if blocks and rng.random() < 0.5:
        return {name: value for name, value in rng.choice(blocks).items() if name not in {"id", "type", "by"}}
    namespace, _, value = rng.choice(together).partition(":")
    if rng.random() < 0.7:
        return {"identifier": f"{namespace}:{value}"}
    return {"namespace": namespace, "pattern": rng.choice([value, f"re:{value[-1]}$", "re:[02]$"])}


def crowded_log(seed: int, events: int | None = None, kinds: Sequence[str] = CROWD_KINDS) -> list[Record]:
    """A log in which everybody meets a few devices: hubs, limits, replaced cards, copies, all kinds of orders."""
    rng = random.Random(f"crowded {seed}")
    partitions = rng.randint(1, 3)
    pool = rng.sample(CROWD, rng.randint(6, len(CROWD)))
    devices = rng.sample(DEVICES, rng.randint(1, 3))
    offsets = [0] * partitions
    records: list[Record] = []
    append_ms = START_MS
    for n in range(events or rng.randint(6, 26)):
        chosen = rng.sample(pool, rng.choice([0, 1, 1, 2, 2, 3]))
        chosen += rng.sample(devices, min(rng.choice([0, 0, 1, 1, 2]) if chosen else 1, len(devices)))
        body = _crowded_event(rng, n, chosen, kinds)
        for _ in range(2 if rng.random() < 0.1 else 1):
            append_ms += rng.choice([0, 1, 5])
            at = rng.randrange(partitions)
            records.append(Record(TOPIC, at, offsets[at], append_ms, None, encode(body), ()))
            offsets[at] += rng.choice([1, 1, 1, 2])
    return records


def _crowded_event(  # noqa: C901 - a row for each kind of event
    rng: random.Random, n: int, chosen: list[tuple[str, str]], kinds: Sequence[str]
) -> dict[str, Any]:
    """An event of any type that carries facts, with all the values chosen of namespaces that allow several."""
    identifiers: dict[str, Any] = {}
    for namespace, value in chosen:
        if namespace in {"card", "unionid"}:
            identifiers.setdefault(namespace, value)
        else:
            identifiers.setdefault(namespace, []).append(value)
    minutes = rng.choice([0, 0, 1, 1440, 2000]) + rng.choice([0] * 12 + [29, 30, 89, 90, 364, 365]) * 1440
    time_us = (START_MS - minutes * 60_000) * 1000 + rng.randrange(2) * 1_000_000
    data: dict[str, Any] = {"identifiers": identifiers, **where(rng)}
    kind = rng.choice(kinds)
    if kind in {"order.shipped", "order.delivered"}:
        data |= {"order_id": f"O{rng.randrange(3)}", **shipment_details(rng)}
    elif kind.startswith("order."):
        money = {"amount": rng.choice(["10.00", "0.35", "3"]), "currency": rng.choice(["CNY", "CNY", "USD"])}
        data["order"] = {"order_id": f"O{rng.randrange(3)}", **money, **order_details(rng)}
    elif kind == "card.replaced":
        identifiers["card"] = rng.choice(CARDS)
        data["replaces"] = rng.choice(CARDS)
    elif kind == "card.unbind":
        identifiers["card"] = rng.choice(CARDS)
    elif kind == "survey.completed":
        data["answers"] = {"city": f"A{n}", "size": n}
    elif kind in KINDS:
        data |= facts_of(rng, kind, NOW, CROWD + DEVICES + INVITERS)
    if rng.random() < 0.4:
        data["traits"] = rng.choice([{"city": f"T{n}"}, {"city": None}, {"a": {"b": n}}, {"a": n}])
        data["counters"] = {"seen": 1, "weight": rng.choice([0.1, -2, 0.25])}
    if rng.random() < 0.3:
        data["consents"] = {"sms": rng.random() < 0.5}
    return {"id": f"e{n}", "source": "/sim", "type": kind, "time": to_text(time_us), "data": data}


def _event(rng: random.Random, n: int, pool: list[tuple[str, str]]) -> dict[str, Any]:
    chosen = rng.sample(pool, rng.choice([1, 2, 2, 2, 3]))
    identifiers: dict[str, Any] = {}
    for namespace, value in chosen:
        identifiers.setdefault(namespace, value)  # two values of a namespace in one event: the first
    time_us = (START_MS - rng.choice([0, 1, 2, 60]) * 60_000) * 1000 + rng.randrange(3) * 1_000_000
    data: dict[str, Any] = {"identifiers": identifiers, "counters": {"seen": 1, "weight": rng.choice([0.1, 2, 0.25])}}
    kind = rng.choice(["wifi.login", "order.paid", "order.refunded", "member.update", "order.cancelled", "page.viewed"])
    if kind.startswith("order."):
        data["order"] = {"order_id": f"O{rng.randrange(4)}", "amount": rng.choice(["10.00", "0.35"]), "currency": "CNY"}
    if kind == "member.update":
        data["traits"] = rng.choice(
            [{"city": "Shanghai"}, {"city": None}, {"a": {"b": n}}, {"a": n}, {"a": {"c": [n]}}]
        )
        data["traits_once"] = rng.choice([{}, {"first_store": f"S{n}"}, {"city": "Wuhan"}, {"a": {"b": "once"}}])
        data["consents"] = rng.choice([{}, {"sms": True}, {"sms": False}])
    return {"id": f"e{n}", "source": "/sim", "type": kind, "time": to_text(time_us), "data": data}
