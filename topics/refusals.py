"""Refusals: what is answered to a record that cannot be used. A value, never an exception.

A message names the place and the reason. It must never carry anything out of the record: the record may hold
personal data, and messages travel to logs, headers and terminals.
"""

from enum import StrEnum
from typing import NamedTuple


class RefusalCode(StrEnum):
    """Why a record was refused: the text of the dead letter's `idweave.error.code` header."""

    INVALID_JSON = "invalid_json"
    INVALID_EVENT = "invalid_event"
    TOO_LARGE = "too_large"
    UNKNOWN_NAMESPACE = "unknown_namespace"
    NO_IDENTIFIER = "no_identifier"
    CONFLICTING_IDENTIFIERS = "conflicting_identifiers"
    TIME_IN_FUTURE = "time_in_future"
    UNTRUSTED_SOURCE = "untrusted_source"


class Refusal(NamedTuple):
    """A record refused, and why. `message` is one English sentence without personal data."""

    code: RefusalCode
    message: str
