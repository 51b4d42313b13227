"""Scores: how lately, how often and for how much a person bought, each 1 (weak) to 5 (strong), 0 for who never did.

Recency goes by the last order, frequency by the orders of the last 365 days, monetary value by what was paid for them
and not refunded.
Must not know: tiers, stages.
"""

from bisect import bisect_right
from decimal import Decimal

from resolvers.activity import NEVER_DUE_US
from resolvers.profile_fields import Field, field_of
from resolvers.profile_values import NOW, Places, Values
from resolvers.rules import Scoring
from topics.instants import DAY_US

BEST = 5


class Scorer:
    """Scoring, compiled."""

    def __init__(self, scoring: Scoring, places: Places) -> None:
        self._recency_us = tuple(days * DAY_US for days in scoring.recency_days)
        self._frequency = scoring.frequency
        self._last = places.place(_field("orders.last_at"), "instant")
        self._orders = places.place(_field("activity.d365.orders"), "number")
        self._paid = [
            (places.place(_field(f"activity.value.d365.{currency}"), "amount"), tuple(Decimal(one) for one in amounts))
            for currency, amounts in sorted(scoring.monetary.items())
        ]

    def score(self, values: Values) -> tuple[dict[str, int], int]:
        """The profile's `scores`, and until when recency stands."""
        last_us = values[self._last]
        if last_us is None:
            return {"recency": 0, "frequency": 0, "monetary": 0}, NEVER_DUE_US
        age_us = values[NOW] - last_us
        passed = bisect_right(self._recency_us, age_us)
        due_us = last_us + self._recency_us[passed] if passed < len(self._recency_us) else NEVER_DUE_US
        monetary = 1
        for place, bounds in self._paid:
            monetary = max(monetary, 1 + bisect_right(bounds, values[place]))
        frequency = 1 + bisect_right(self._frequency, values[self._orders])
        return {"recency": BEST - passed, "frequency": frequency, "monetary": monetary}, due_us


def _field(path: str) -> Field:
    found = field_of(path)
    assert found is not None, path
    return found
