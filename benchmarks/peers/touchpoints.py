"""What every rival makes of a record: identifiers as the engine would name them, and what the event adds.

Rules: only Python and orjson, because some rivals run in an environment of their own; phones and device addresses are
hashed under the key as the contract says, so that no rival is spared what the engine has to do.
Must not know: any rival.
"""

import base64
import hmac
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import orjson

RANK: Final = ("card", "phone", "openid", "mac")
"""Strongest first."""
HASHED: Final = ("phone", "mac")


class Touchpoint(NamedTuple):
    """`identifiers`: strongest first, as `namespace:token`. Money in cents."""

    identifiers: tuple[str, ...]
    visits: int
    orders: int
    paid_cents: int
    points: int


class Reader:
    """Decodes under one hash key."""

    def __init__(self, hash_key: str) -> None:
        self._key = hash_key.encode()
        self._key_id = self._digest(b"idweave key id")[:4]

    def touchpoint(self, value: bytes) -> Touchpoint:
        """The touchpoint in a record; the benchmark sends none that has to be refused."""
        data = orjson.loads(value)["data"]
        named = data["identifiers"]
        identifiers = tuple(self._identifier(namespace, named[namespace]) for namespace in RANK if namespace in named)
        order = data.get("order")
        cents = round(100 * float(order["amount"])) if order else 0
        return Touchpoint(identifiers, data["counters"]["visits"], 1 if order else 0, cents, data.get("points", 0))

    def _identifier(self, namespace: str, value: str) -> str:
        if namespace == "phone":
            value = f"+86{value}"
        elif namespace == "card":
            value = f"main:{value}"
        if namespace in HASHED:
            value = self._key_id + self._digest(f"{namespace}\0{value}".encode())[:26]
        return f"{namespace}:{value}"

    def _digest(self, message: bytes) -> str:
        return base64.b32encode(hmac.digest(self._key, message, "sha256")).decode()


def profile(identifiers: list[str], facts: Mapping[str, int]) -> bytes:
    """A person as a rival publishes one."""
    listed = [dict(zip(("namespace", "token"), one.split(":", 1), strict=True)) for one in sorted(identifiers)]
    cents = facts.get("paid_cents", 0)
    said: dict[str, Any] = {
        "identifiers": listed,
        "counters": {"visits": facts.get("visits", 0)},
        "orders": {"count": facts.get("orders", 0), "paid": {"CNY": f"{cents // 100}.{cents % 100:02d}"}},
        "points": {"balance": facts.get("points", 0)},
    }
    return orjson.dumps(said)
