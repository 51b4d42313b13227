"""Log record -> event or dead-letter code: the envelope as the contract words it (readings D1-D10 of README.md)."""

import json
import math
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any

RECORD_BYTES = 65_536
DEPTH = 16
IDENTIFIERS = 20
CHARACTERS = 256
AHEAD_MS = 86_400_000
COUNT = 10**12
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
LABELS = {
    "openid.": ("account", "scene"),
    "order.": ("carrier", "tracking"),
    "points.": ("reward",),
    "coupon.": ("reward",),
    "reward.": ("reward",),
    "appointment.": ("service", "staff"),
    "referral.": ("referral_code",),
    "campaign.": ("page",),
    "message.": ("page",),
    "survey.": ("page",),
    "content.": ("page",),
    "page.": ("page",),
    "product.": ("sku", "category"),
}
NAMES = {  # what a type cannot do without
    "order.shipped": "order_id",
    "order.delivered": "order_id",
    "coupon.issued": "coupon_id",
    "coupon.redeemed": "coupon_id",
    "coupon.expired": "coupon_id",
    "appointment.booked": "appointment_id",
    "appointment.redeemed": "appointment_id",
    "appointment.cancelled": "appointment_id",
    "card.replaced": "replaces",
}
PRICED = ("order.placed", "order.paid", "order.refunded")
POINTS = ("points.earned", "points.spent", "points.expired")


class BadRecordError(Exception):
    """The record is a dead letter; the only argument is its code."""


@dataclass
class Record:
    """One record of the log, as a consumer gets it."""

    topic: str
    partition: int
    offset: int
    append_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def position(self) -> tuple[int, str, int, int]:
        """The log position, ordered."""
        return (self.append_ms, self.topic, self.partition, self.offset)


@dataclass
class Event:
    """A well-formed event. `body` is what decides whether another record with its id is the same event."""

    record: Record
    id: str
    source: str
    type: str
    time: datetime
    data: dict[str, Any]
    body: str = ""
    identifiers: dict[str, list[str]] = field(default_factory=dict)


def decode(record: Record) -> Event:
    """The event in a record. Raises BadRecordError."""
    if record.value is None:
        raise BadRecordError("invalid_json")
    if len(record.value) > RECORD_BYTES:
        raise BadRecordError("too_large")
    content = parse(record.value)
    headers = dict(record.headers)
    media_type = headers.get("content-type", b"").decode("latin-1")
    if any(name.startswith("ce_") for name in headers) and not media_type.startswith("application/cloudevents"):
        try:
            content = {name[3:]: text.decode() for name, text in headers.items() if name.startswith("ce_")} | {
                "data": content
            }
        except UnicodeDecodeError:
            raise BadRecordError("invalid_event") from None
    _require(isinstance(content, dict) and isinstance(content.get("data"), dict))
    for attribute in ("id", "source", "type"):
        _require(_name_like(content.get(attribute)) and "\0" not in content[attribute])
    _require(content.get("specversion") in (None, "1.0"))
    time = parse_time(content.get("time"))
    data = {
        name: value if name in ("traits", "traits_once", "answers") else _without_nulls(value)
        for name, value in content["data"].items()
        if value is not None
    }
    body = json.dumps([content["type"], time.isoformat(), data], sort_keys=True)
    event = Event(record, content["id"], content["source"], content["type"], time, data, body)
    check_common(event)
    check_special(event)
    _require(time >= EPOCH)
    if time - EPOCH > timedelta(milliseconds=record.append_ms + AHEAD_MS):
        raise BadRecordError("time_in_future")
    return event


def parse(text: bytes) -> Any:  # noqa: ANN401 -- whatever JSON can say
    """JSON of the strict kind: UTF-8, no repeated keys, no NaN, numbers of 64 bits."""
    try:
        content = json.loads(text.decode(), object_pairs_hook=_distinct, parse_constant=_refuse, parse_int=_whole)
        json.dumps(content, ensure_ascii=False).encode()  # half of a surrogate pair cannot be written
    except RecursionError:
        raise BadRecordError("invalid_event") from None
    except ValueError:
        raise BadRecordError("invalid_json") from None
    _require(_depth(content) <= DEPTH)
    _require(_fits(content))
    return content


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a repeated key")
    return dict(pairs)


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _whole(text: str) -> int:
    return int(text[:40])  # more digits are too many anyway, and Python reads no more than 4,300


def _depth(content: object) -> int:
    if isinstance(content, dict):
        return 1 + max([_depth(child) for child in content.values()], default=0)
    if isinstance(content, list):
        return 1 + max([_depth(child) for child in content], default=0)
    return 0


def _fits(content: object) -> bool:
    if isinstance(content, dict):
        return all(_fits(child) for child in content.values())
    if isinstance(content, list):
        return all(_fits(child) for child in content)
    if isinstance(content, float):
        return math.isfinite(content)
    return not isinstance(content, int) or -(2**63) <= content < 2**64


def _without_nulls(content: object) -> object:
    if isinstance(content, dict):
        return {name: _without_nulls(child) for name, child in content.items() if child is not None}
    if isinstance(content, list):
        return [_without_nulls(child) for child in content if child is not None]
    return content


def _require(condition: object) -> None:
    if not condition:
        raise BadRecordError("invalid_event")


def parse_time(text: object) -> datetime:
    """An instant with a zone, to the nearest microsecond."""
    pattern = r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):?(\d\d))"
    match = re.fullmatch(pattern, text, re.ASCII) if isinstance(text, str) else None
    if match is None:
        raise BadRecordError("invalid_event")
    date, clock, fraction, _, sign, hours, minutes = match.groups()
    ahead = timedelta(hours=int(hours or 0), minutes=int(minutes or 0)) * (-1 if sign == "-" else 1)
    try:
        instant = datetime.fromisoformat(f"{date}T{clock}").replace(tzinfo=timezone(ahead))
        nanoseconds = int((fraction or "0")[:9].ljust(9, "0"))
        return (instant + timedelta(microseconds=(nanoseconds + 500) // 1000)).astimezone(EPOCH.tzinfo)
    except (ValueError, OverflowError):
        raise BadRecordError("invalid_event") from None


def _name_like(content: object) -> bool:
    return _label_like(content) and content != ""


def _label_like(content: object) -> bool:
    return isinstance(content, str) and len(content) <= CHARACTERS


def _number_like(content: object) -> bool:
    return isinstance(content, int | float) and not isinstance(content, bool) and abs(content) <= COUNT


def check_common(event: Event) -> None:
    """What every event may say."""
    data = event.data
    for member in ("identifiers", "traits", "traits_once", "counters", "consents"):
        _require(isinstance(data.get(member, {}), dict))
    for namespace, values in data.get("identifiers", {}).items():
        event.identifiers[namespace] = values if isinstance(values, list) else [values]
    count = 0
    for values in event.identifiers.values():
        for value in values:
            _require(isinstance(value, str) and len(value) <= CHARACTERS and "\0" not in value)
            count += 1
    _require(count <= IDENTIFIERS)
    for number in data.get("counters", {}).values():
        _require(_number_like(number))
    for answer in data.get("consents", {}).values():
        _require(isinstance(answer, bool))
    labels = ["store", "channel", "campaign"]
    for family, more in LABELS.items():
        if event.type.startswith(family):
            labels += more
    for member in labels:
        _require(_label_like(data.get(member, "")))


def check_special(event: Event) -> None:
    """The extra fields of the event's type."""
    data = event.data
    if event.type in NAMES:
        _require(_name_like(data.get(NAMES[event.type])))
    if event.type in (*PRICED, "order.cancelled"):
        check_order(data.get("order"), priced=event.type in PRICED)
    if event.type in POINTS:
        points = data.get("points")
        _require(isinstance(points, int) and not isinstance(points, bool) and 0 < points <= COUNT)
        _require(data.get("kind", "benefit") in ("consumption", "benefit", "interaction"))
    if event.type == "referral.registered":
        _require("inviter" in data)
    if event.type.startswith("referral.") and "inviter" in data:
        inviter = data["inviter"]
        _require(isinstance(inviter, dict) and len(inviter) == 1)
        _require(all(isinstance(value, str) for value in inviter.values()))
    if event.type == "survey.completed":
        _require(isinstance(data.get("answers", {}), dict))


def check_order(order: object, *, priced: bool) -> None:
    """The money and the id of an order; the lines are looked at only as far as their shape."""
    if not isinstance(order, dict):
        raise BadRecordError("invalid_event")
    _require(_name_like(order.get("order_id")))
    if priced or "amount" in order:
        amount = order.get("amount")
        _require(isinstance(amount, str) and re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", amount))
    if priced or "currency" in order:
        currency = order.get("currency")
        _require(isinstance(currency, str) and re.fullmatch(r"[A-Z]{3}", currency))
    _require(
        isinstance(order.get("items", []), list) and all(isinstance(item, dict) for item in order.get("items", []))
    )
