"""Random logs, dense on purpose: few identifiers, few instants, so that every rule and every tie is met often.

`random_log` is a function of its arguments. Under SMALL_CONFIG a log of 60 events meets hubs, limits and windows too.
"""

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.naive.decoding import Record
from tests.naive.model import DEFAULT_CONFIG
from tests.naive.random_facts import KINDS as FACT_KINDS
from tests.naive.random_facts import facts_of, order_details, shipment_details, where

START = datetime(2026, 11, 21, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
POOLS: dict[str, list[str]] = {
    "card": ["A", "main:B", "C", "plastic:A", "0000"],
    "unionid": ["u1", "u2"],
    "phone": ["13800138001", "+86 138 0013 8002", "13800138003", "13800138004", "021-62345678", "x"],
    "login": ["tmall:a", "tmall:b", "jd:a", "jd:null"],
    "email": ["a@qq.com", "B@qq.com", "nobody"],
    "openid": ["o1", "mini:o1", "o2", "mini:o3"],
    "external": ["ride:1"],
    "mac": ["3c:22:fb:00:00:01", "3C22FB000002", "ff:ff:ff:ff:ff:ff"],
    "cookie": ["c1", "c2", "c3", "anonymous"],
}
SMALL_CONFIG: dict[str, Any] = DEFAULT_CONFIG | {
    "namespaces": DEFAULT_CONFIG["namespaces"]
    | {
        "phone": DEFAULT_CONFIG["namespaces"]["phone"] | {"limit": 2},
        "login": DEFAULT_CONFIG["namespaces"]["login"] | {"limit": {"n": 1, "days": 1}},
        "openid": DEFAULT_CONFIG["namespaces"]["openid"] | {"limit": 1},
    },
    "caps": {"neighbours": {"weak": 4, "other": 7}},
}
KINDS = (
    "store.visited",
    "member.update",
    "identity.link",
    "survey.completed",
    "order.paid",
    "order.placed",
    "order.refunded",
    "order.cancelled",
    "order.shipped",
    "order.delivered",
    "card.replaced",
    *FACT_KINDS,
)
LINK_CUTTING_KINDS = ("card.unbind", "session.logout")


def random_log(seed: int, size: int, *, cutting: bool = True) -> list[Record]:
    """`size` records on three partitions, by position; `cutting`: with unbinds and logouts."""
    rng = Random(seed)
    kinds = KINDS + LINK_CUTTING_KINDS * cutting
    records: list[Record] = []
    next_offsets = [0, 0, 0]
    append_ms = START_MS
    for number in range(size):
        if records and rng.random() < 0.1:
            value = rng.choice(records).value  # a duplicate
        else:
            value = json.dumps(_event(rng, rng.choice(kinds), number)).encode()
        append_ms += rng.randrange(3)
        partition = rng.randrange(3)
        records.append(Record("t", partition, next_offsets[partition], append_ms, None, value))
        next_offsets[partition] += 1
    return records


def _event(rng: Random, kind: str, number: int) -> dict[str, Any]:
    """An event of the kind; one in twenty takes the id of an earlier one."""
    number = rng.randrange(number + 1) if rng.random() < 0.05 else number
    time = START - timedelta(
        hours=rng.choice((0, 0, 1, 2, 3, 12, 36, 80, 29 * 24, 30 * 24, 364 * 24)), microseconds=rng.choice((0, 0, 1))
    )
    namespaces = rng.sample(sorted(POOLS), rng.choice((1, 2, 2, 2, 3)))
    identifiers: dict[str, Any] = {namespace: rng.choice(POOLS[namespace]) for namespace in namespaces}
    if rng.random() < 0.1:
        namespace = rng.choice(namespaces)
        identifiers[namespace] = rng.sample(POOLS[namespace], min(2, len(POOLS[namespace])))
    if kind in {"card.replaced", "card.unbind"}:
        identifiers["card"] = rng.choice(POOLS["card"][:4])
    data: dict[str, Any] = {"identifiers": identifiers} | _facts(rng) | where(rng)
    money = {"amount": f"{rng.randrange(9)}.{rng.randrange(999)}", "currency": rng.choice(("CNY", "CNY", "USD"))}
    order_id = str(rng.randrange(4))
    match kind:
        case "card.replaced":
            data["replaces"] = rng.choice(POOLS["card"][:4])
        case "order.shipped" | "order.delivered":
            data |= {"order_id": order_id} | shipment_details(rng)
        case "survey.completed":
            data["answers"] = _tree(rng)
        case _ if kind.startswith("order."):
            data["order"] = {"order_id": order_id} | money | order_details(rng)
        case _ if kind in FACT_KINDS:
            inviters = [(namespace, value) for namespace in ("card", "phone", "cookie") for value in POOLS[namespace]]
            data |= facts_of(rng, kind, START, inviters)
    return {"id": f"e{number}", "source": "/t", "type": kind, "time": time.isoformat(), "data": data}


def _facts(rng: Random) -> dict[str, Any]:
    """Some of traits, counters and consents, over few paths and names."""
    facts: dict[str, Any] = {
        "traits": _tree(rng),
        "traits_once": _tree(rng),
        "counters": {rng.choice("nm"): rng.choice((1, -2, 0.1, 0.5, 2.25))},
        "consents": {rng.choice("pq"): rng.random() < 0.5},
    }
    return {name: content for name, content in facts.items() if rng.random() < 0.3}


def _tree(rng: Random) -> dict[str, Any]:
    """Values at paths of which some lie above others."""
    leaf = rng.choice((1, "x", None, [1, 2], True, 0.5))
    return rng.choice(
        ({"a": leaf}, {"a": {"b": leaf}}, {"a": {"c": leaf}, "d": 1}, {"a": {}}, {"a": {"b": {"e": leaf}}})
    )
