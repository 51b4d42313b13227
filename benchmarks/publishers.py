"""What the publishers of a synthetic member centre send: events with times, in the order in which they arrive.

Rules: a pure function of the generator that it is given, on every machine. Files come a day late, and one event in
fifty is sent twice, as in any real one.
Must not know: whose events these are, what they add up to.
"""

from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any, Final

from topics.codec import encode

CHINA: Final = timezone(timedelta(hours=8))
TWICE_SHARE: Final = 0.02
FILE_HOURS: Final = 24
PREFIXES: Final = ("135", "136", "137", "138", "139", "150", "158", "176", "186", "188")
OPENID_CHARACTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


class Publishers:
    """All publishers together."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self._sent: list[tuple[datetime, int, bytes]] = []
        self._numbers = 0

    def send(
        self,
        source: str,
        kind: str,
        at: datetime,
        identifiers: dict[str, Any],
        /,
        *,
        by_file: bool = False,
        **data: Any,  # noqa: ANN401 - what an event may say is the contract's matter
    ) -> None:
        """An event, which arrives at once, or with the file of its source on the next day."""
        self._numbers += 1
        event = {
            "specversion": "1.0",
            "id": f"{source.strip('/').replace('/', '-')}-{self._numbers:07}",
            "source": source,
            "type": kind,
            "time": at.isoformat(),
            "data": {"identifiers": identifiers, **data},
        }
        arrives = at + timedelta(hours=FILE_HOURS if by_file else 0)
        value = encode(event)
        self._sent.append((arrives, self._numbers, value))
        if self.rng.random() < TWICE_SHARE:
            again = arrives + timedelta(minutes=self.rng.randrange(600))
            self._sent.append((again, self._numbers, value))

    def sent(self) -> list[bytes]:
        """Everything sent since the last time, in the order of its arrival."""
        values = [value for _, _, value in sorted(self._sent)]
        self._sent.clear()
        return values

    def phone(self, number: int) -> str:
        """The mobile number of the person with this number, as that publisher writes it."""
        national = f"{PREFIXES[number % len(PREFIXES)]}{10_000_000 + number * 7_919 % 89_999_999:08}"
        spaced = f"{national[:3]} {national[3:7]} {national[7:]}"
        return self.rng.choice((national, spaced, f"+86{national}", f"0086{national}"))

    def openid(self) -> str:
        """An OpenID that nobody has yet."""
        return "o" + "".join(self.rng.choices(OPENID_CHARACTERS, k=27))
