"""CDNOW's purchases: the file, its events, and what the people published must add up to.

The data are real: all purchases until June 1998 of those who first bought at CDNOW in early 1997 (Fader and Hardie).
A line is a purchase: customer, date, number of CDs, dollars; a purchase for nothing (0.00) is one too.
Rules: amounts are exact; a line that cannot be read is an error, because every line has to count.
Must not know: brokers, stores, the engine.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from topics.codec import canonical, encode

CURRENCY: Final = "USD"
HEADER: Final = ["customer_id", "date", "number_of_cds", "dollar_value"]
LINE: Final = re.compile(r"\s*(\d+)\s+(\d{4})(\d\d)(\d\d)\s+(\d+)\s+(\d+\.\d\d)\s*")
NAMESPACE: Final = "external"
PARTNER: Final = "cdnow"
DIFFERENCES_MAX: Final = 10
NOT_CONTENTS: Final = ("id", "profile_id", "version", "at", "cause", "merged_from")

Profile = Mapping[str, Any]


class BadFileError(Exception):
    """The file is not there or not CDNOW's; the message says where."""


class Purchase(NamedTuple):
    """One line of the file. `day`: YYYY-MM-DD."""

    line: int
    customer: str
    day: str
    cds: int
    dollars: Decimal

    def event(self) -> bytes:
        """The purchase as a shop would publish it: each line is an order of its own, at midnight UTC."""
        order = {
            "order_id": f"{PARTNER}-{self.line}",
            "amount": f"{self.dollars:.2f}",
            "currency": CURRENCY,
            "items": [{"category": "cd", "quantity": self.cds}],
        }
        return encode(
            {
                "specversion": "1.0",
                "id": f"{PARTNER}-{self.line}",
                "source": "/cdnow/orders",
                "type": "order.paid",
                "time": f"{self.day}T00:00:00Z",
                "data": {"identifiers": {NAMESPACE: f"{PARTNER}:{self.customer}"}, "order": order},
            }
        )


@dataclass(slots=True)
class Customer:
    """What the lines of one customer add up to."""

    orders: int
    dollars: Decimal
    first_day: str
    last_day: str


def read_purchases(file: Path) -> list[Purchase]:
    """The lines of the file.

    Raises:
        BadFileError: it cannot be read, or a line is not what it has to be.
    """
    try:
        lines = file.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError(f"{file} cannot be read ({type(error).__name__}). `make real` fetches it.") from error
    if not lines or lines[0].split() != HEADER:
        raise BadFileError(f"{file}:1: the columns have to be {' '.join(HEADER)}.")
    purchases = []
    for number, line in enumerate(lines[1:], 2):
        found = LINE.fullmatch(line)
        if found is None:
            raise BadFileError(f"{file}:{number}: not a customer, a date, a number of CDs and dollars.")
        customer, year, month, day, cds, dollars = found.groups()
        purchases.append(Purchase(number, customer, f"{year}-{month}-{day}", int(cds), Decimal(dollars)))
    return purchases


def customers(purchases: Iterable[Purchase]) -> dict[str, Customer]:
    """The file's own totals, by customer."""
    found: dict[str, Customer] = {}
    for purchase in purchases:
        known = found.get(purchase.customer)
        if known is None:
            found[purchase.customer] = Customer(1, purchase.dollars, purchase.day, purchase.day)
            continue
        known.orders += 1
        known.dollars += purchase.dollars
        known.first_day = min(known.first_day, purchase.day)
        known.last_day = max(known.last_day, purchase.day)
    return found


def differences(profiles: Iterable[Profile], expected: Mapping[str, Customer]) -> list[str]:
    """Where people differ from the file, in people, orders or money: sentences, at most `DIFFERENCES_MAX`."""
    found: list[str] = []
    seen: set[str] = set()
    orders, dollars = 0, Decimal(0)
    for profile in profiles:
        names = [(one["namespace"], one["token"]) for one in profile["identifiers"]]
        customer = names[0][1].removeprefix(f"{PARTNER}:") if len(names) == 1 else ""
        if len(names) != 1 or names[0] != (NAMESPACE, f"{PARTNER}:{customer}") or customer not in expected:
            found.append(f"A person is nobody in the file: {names}.")
            continue
        if customer in seen:
            found.append(f"Customer {customer} is two people.")
        seen.add(customer)
        orders += profile["orders"]["count"]
        dollars += Decimal(profile["lifetime_value"].get(CURRENCY, "0"))
        found += [f"Customer {customer}: {each}." for each in _differences(profile, expected[customer])]
    found += [f"Customer {customer} was not found." for customer in sorted(expected.keys() - seen)]
    totals = (sum(one.orders for one in expected.values()), sum(one.dollars for one in expected.values()))
    if (orders, dollars) != totals:
        found.insert(
            0, f"In total {orders} orders and {dollars} dollars, and the file has {totals[0]} and {totals[1]}."
        )
    return found[:DIFFERENCES_MAX]


def contents(profiles: Iterable[Profile]) -> set[bytes]:
    """The contents of people, whatever their ids."""
    return {canonical({name: one for name, one in each.items() if name not in NOT_CONTENTS}) for each in profiles}


def _differences(profile: Profile, customer: Customer) -> list[str]:
    money = {CURRENCY: f"{customer.dollars:.2f}"}
    said = profile["orders"]
    pairs = {
        "orders": (said["count"], customer.orders),
        "paid": (said["paid"], money),
        "refunded": (said["refunded"], {}),
        "lifetime value": (profile["lifetime_value"], money),
        "first order": (said["first_at"], f"{customer.first_day}T00:00:00Z"),
        "last order": (said["last_at"], f"{customer.last_day}T00:00:00Z"),
        "first seen": (profile["first_seen"], f"{customer.first_day}T00:00:00Z"),
        "last seen": (profile["last_seen"], f"{customer.last_day}T00:00:00Z"),
    }
    return [f"{name} {got}, and the file has {wanted}" for name, (got, wanted) in pairs.items() if got != wanted]
