"""From a log record to a touchpoint: the one door through which publishers' bytes come in.

Rules: every record becomes a Touchpoint or a Refusal, never an exception; the answer depends on the record and the
limits alone; a message names the place and the reason and repeats nothing of the record. `null` is as missing, except
within traits, where it is a write. Which identifiers are known, junk or in conflict is for `resolvers` to say.
"""

from typing import Final, Literal

import msgspec
from msgspec import Struct

from topics import headers, strict_json
from topics.codec import encode as encode_json
from topics.events import (
    AMOUNT_PATTERN,
    CURRENCY_PATTERN,
    DATA_TYPES,
    CardReplacedData,
    Data,
    Instant,
    Name,
    ReferralData,
    SurveyData,
    Touchpoint,
)
from topics.instants import to_text, to_us
from topics.records import APPEND_MS_END, NOT_APPENDED, Record
from topics.refusals import Refusal, RefusalCode


class Limits(Struct, frozen=True):
    """What one record may be. A length of text is in characters, as sent."""

    record_bytes: int = 65_536
    identifiers: int = 20
    value_characters: int = 256
    depth: int = 16
    future_ms: int = 86_400_000


class Attributes(Struct, frozen=True, kw_only=True, gc=False):
    """The CloudEvents attributes that we read. Others are allowed and ignored."""

    id: Name
    source: Name
    type: Name
    time: Instant
    specversion: Literal["1.0"] | None = None
    datacontenttype: str | None = None


class Envelope(Attributes, frozen=True, kw_only=True, gc=False):
    """A structured-mode event, its data not yet read: what to expect in it depends on the type."""

    data: msgspec.Raw


_ENVELOPE: Final = msgspec.json.Decoder(Envelope)
_DATA: Final = {event_type: msgspec.json.Decoder(data_type) for event_type, data_type in DATA_TYPES.items()}
_PLAIN_DATA: Final = msgspec.json.Decoder(Data)
_REWRITE: Final = msgspec.json.Encoder()
_WIDTH_CHECK: Final = msgspec.msgpack.Encoder()
# Of id, source, type and time: two quotes for the key and two for the value; and two for the key `data`.
_ENVELOPE_QUOTES: Final = 4 * 4 + 2
STAMPED: Final = "the broker's, if the topic's message.timestamp.type is LogAppendTime"
_JSON_TYPES: Final = ("", "application/json", "text/json")
_CLOSED_DEPTH: Final = 5
"""How deep an event without open fields goes at most: the envelope, its data, an order, its items, one of them."""
_OPEN_FIELDS: Final = frozenset({"traits", "traits_once", "answers"})
_WORDS: Final = (
    (f"`str` matching regex {AMOUNT_PATTERN!r}", 'a decimal `str` like "12.50", not negative'),
    (f"`str` matching regex {CURRENCY_PATTERN!r}", "a currency code of three capital letters"),
)


def decode(record: Record, limits: Limits) -> Touchpoint | Refusal:
    """The touchpoint that a record carries, in structured or in binary mode, or why it is refused.

    Codes: `too_large`, `invalid_json`, `invalid_event`, `time_in_future`, in this order where several would apply.
    """
    text = record.value
    if text is None:
        return Refusal(RefusalCode.INVALID_JSON, "The record has no value")
    if len(text) > limits.record_bytes:
        return Refusal(RefusalCode.TOO_LARGE, f"The value has {len(text)} bytes, more than {limits.record_bytes}")
    is_binary = bool(record.headers) and headers.is_binary_mode(record.headers)
    found = (None if is_binary else _read_ordinary(text, limits.depth)) or _read_carefully(
        text, record.headers if is_binary else None, limits.depth
    )
    if isinstance(found, Refusal):
        return found
    attributes, data = found
    return _touchpoint(attributes, data, record.append_ms, limits, "$" if is_binary else "$.data")


def encode(touchpoint: Touchpoint) -> bytes:
    """The structured-mode record value that decodes to this touchpoint."""
    return encode_json(
        {
            "specversion": "1.0",
            "id": touchpoint.id,
            "source": touchpoint.source,
            "type": touchpoint.type,
            "time": to_text(touchpoint.time_us),
            "data": msgspec.to_builtins(touchpoint.data),
        }
    )


def explain(error: msgspec.ValidationError, root: str = "$") -> str:
    """What msgspec found, with its path below `root`, without the value that it quotes of closed sets of words."""
    reason, at, path = str(error).rpartition(" - at `$")
    if not at:
        reason, path = path, "`"
    if reason.startswith(("Invalid enum value", "Invalid value")):
        reason = "Not one of the allowed values"
    for pattern, words in _WORDS:
        reason = reason.replace(pattern, words)
    return f"{reason} - at `{root}{path}"


def _read_ordinary(text: bytes, depth_max: int) -> tuple[Attributes, Data] | None:
    """The fast way for what nearly every publisher sends; None where the text must be looked at with care.

    That `strict_json` would find no fault is shown by the quotes: each string has two. If the text has as many as the
    parts that we read have when written again, then it says nothing else: no repeated key, no field that we skipped.
    (Only an escaped quote could feign one.) Where any JSON may stand, depth and the width of integers are looked at
    too: the 64-bit check is msgpack's, which has no wider ones. Elsewhere the types bound both.
    """
    try:
        envelope = _ENVELOPE.decode(text)
        data = _DATA.get(envelope.type, _PLAIN_DATA).decode(envelope.data)
        compact = _REWRITE.encode(data)
        is_open = data.traits or data.traits_once or isinstance(data, SurveyData) or depth_max < _CLOSED_DEPTH
        if is_open:
            _WIDTH_CHECK.encode(data)
    except (ValueError, RecursionError, OverflowError):
        return None
    quotes = compact.count(b'"') + _ENVELOPE_QUOTES
    if envelope.specversion is not None:
        quotes += 4
    if envelope.datacontenttype is not None:
        quotes += 4
    if text.count(b'"') != quotes or (b"\\" in text and b"\\u0022" in text):
        return None
    # One more for the envelope, which is not in the rewritten data.
    if is_open and compact.count(b"{") + compact.count(b"[") + 1 > depth_max:
        return None
    return envelope, data


def _read_carefully(
    text: bytes, attribute_headers: headers.Headers | None, depth_max: int
) -> tuple[Attributes, Data] | Refusal:
    """The way for everything: what the text says, or what is wrong with it. Headers are given in binary mode only."""
    fault = strict_json.fault(text, depth_max)
    if fault is not None:
        return fault
    if attribute_headers is None:
        envelope = _structured_attributes(text)
        if isinstance(envelope, Refusal):
            return envelope
        attributes: Attributes = envelope
        data = _data(envelope.data, envelope.type, "$.data")
    else:
        found = _binary_attributes(attribute_headers)
        if isinstance(found, Refusal):
            return found
        attributes = found
        data = _data(text, found.type, "$")
    return data if isinstance(data, Refusal) else (attributes, data)


def _structured_attributes(text: bytes) -> Envelope | Refusal:
    try:
        return _ENVELOPE.decode(text)
    except msgspec.ValidationError as error:
        return _invalid(explain(error))


def _binary_attributes(record_headers: headers.Headers) -> Attributes | Refusal:
    media_type = headers.content_type(record_headers)
    if media_type not in _JSON_TYPES and not media_type.endswith("+json"):
        return _invalid("The content type is not JSON - at header `content-type`")
    attributes = headers.attributes(record_headers)
    if attributes is None:
        return _invalid("An attribute is not UTF-8 or given twice - at headers `ce_*`")
    try:
        return msgspec.convert(attributes, Attributes)
    except msgspec.ValidationError as error:
        message = explain(error).replace(" - at `$.", " - at header `ce_").replace(" - at `$`", " - at headers `ce_*`")
        return _invalid(message)


def _data(text: bytes | msgspec.Raw, event_type: str, root: str) -> Data | Refusal:
    decoder = _DATA.get(event_type, _PLAIN_DATA)
    try:
        return decoder.decode(text)
    except msgspec.ValidationError:
        pass
    # Not on the way of ordinary events: some publishers write null for what they do not know.
    content = msgspec.json.decode(text)
    if isinstance(content, dict):
        content = {
            key: value if key in _OPEN_FIELDS else _without_nulls(value)
            for key, value in content.items()
            if value is not None
        }
    try:
        return msgspec.convert(content, decoder.type)
    except msgspec.ValidationError as error:
        return _invalid(explain(error, root))


def _without_nulls(content: object) -> object:
    # Recursion is safe here: the depth was checked.
    match content:
        case dict():
            return {key: _without_nulls(value) for key, value in content.items() if value is not None}
        case list():
            return [_without_nulls(value) for value in content if value is not None]
        case _:
            return content


def _touchpoint(attributes: Attributes, data: Data, append_ms: int, limits: Limits, root: str) -> Touchpoint | Refusal:
    if append_ms >= APPEND_MS_END:
        return _invalid(NOT_APPENDED)
    if "\0" in attributes.id + attributes.source + attributes.type:
        return _invalid("A NUL character - at `$.id`, `$.source` or `$.type`")
    reason = _identifiers_fault(data.identifiers, limits) or (
        None if type(data) is Data else _named_fault(data, limits)
    )
    if reason is not None:
        return _invalid(f"{reason} - at `{root}`")
    time_us = to_us(attributes.time)
    if time_us < 0:
        # What programs write where they know no time (year 1, 1900, 1899-12-30) lies there; members' doings do not.
        return _invalid("A time before 1970 - at `$.time`")
    if time_us > (append_ms + limits.future_ms) * 1000:
        message = f"More than {limits.future_ms // 1000:,} s after the record's time stamp ({STAMPED}) - at `$.time`"
        return Refusal(RefusalCode.TIME_IN_FUTURE, message)
    return Touchpoint(attributes.id, attributes.source, attributes.type, time_us, data)


def _identifiers_fault(identifiers: dict[str, str | list[str]], limits: Limits) -> str | None:
    count = 0
    for values in identifiers.values():
        for value in (values,) if isinstance(values, str) else values:
            count += 1
            if len(value) > limits.value_characters or "\0" in value:
                return f"A value in `identifiers` has a NUL or more than {limits.value_characters} characters"
    if count > limits.identifiers:
        return f"`identifiers` has {count} values, more than {limits.identifiers}"
    return None


def _named_fault(data: Data, limits: Limits) -> str | None:
    """What is wrong with the identifiers that an event names outside of `identifiers`."""
    match data:
        case CardReplacedData(replaces=value):
            if not data.identifiers.get("card"):
                return "`replaces` without a new `card` in `identifiers`"
            field, named = "replaces", value
        case ReferralData(inviter=dict() as inviter):
            field, named = "inviter", "".join(inviter.values())
        case _:
            return None
    if len(named) > limits.value_characters or "\0" in named:
        return f"The value of `{field}` has a NUL or more than {limits.value_characters} characters"
    return None


def _invalid(message: str) -> Refusal:
    return Refusal(RefusalCode.INVALID_EVENT, message)
