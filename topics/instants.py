"""Instants: UTC microseconds since 1970 inside, RFC 3339 text outside. Knows no clock."""

from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US = 86_400_000_000

# The last instant that text can name. Beyond it lies only an end of year 9999 written in a zone west of Greenwich.
LAST_US = 253_402_300_799_999_999


def to_us(instant: datetime) -> int:
    """UTC microseconds since 1970 of a datetime with a zone; negative before 1970, at most `LAST_US`."""
    since = instant - _EPOCH
    return min(since.days * _DAY_US + since.seconds * 1_000_000 + since.microseconds, LAST_US)


def to_text(instant_us: int) -> str:
    """RFC 3339 in UTC with a Z; a fraction of six digits only where there is one."""
    return (_EPOCH + timedelta(microseconds=instant_us)).replace(tzinfo=None).isoformat() + "Z"
