"""Instants: UTC microseconds since 1970 inside, RFC 3339 text outside. Knows no clock."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

# A profile says the same few instants again in each of its records.
TEXTS_CACHED = 65_536
DAYS_CACHED = 4_096

DAY_US = 86_400_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# What text can name in UTC. Outside lie only a start of year 1 and an end of year 9999 written in another zone.
FIRST_US = -62_135_596_800_000_000
LAST_US = 253_402_300_799_999_999


def to_us(instant: datetime) -> int:
    """UTC microseconds since 1970 of a datetime with a zone; negative before 1970, within `FIRST_US` and `LAST_US`."""
    since_us = (instant - _EPOCH) // _MICROSECOND
    if FIRST_US <= since_us <= LAST_US:
        return since_us
    return FIRST_US if since_us < 0 else LAST_US


@lru_cache(maxsize=TEXTS_CACHED)
def to_text(instant_us: int) -> str:
    """RFC 3339 in UTC with a Z; a fraction of six digits only where there is one."""
    day, within_us = divmod(instant_us, DAY_US)
    second, fraction_us = divmod(within_us, 1_000_000)
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    text = f"{_day(day)}T{hour:02d}:{minute:02d}:{second:02d}"
    return f"{text}.{fraction_us:06d}Z" if fraction_us else f"{text}Z"


@lru_cache(maxsize=DAYS_CACHED)
def _day(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).date().isoformat()
