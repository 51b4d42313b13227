"""The door: which events come in, as what, and why others do not."""

from typing import Any

import pytest

from tests.topics.samples import APPEND_MS, CANARY, VISIT, event, record, visit, visit_with
from topics.codec import encode
from topics.envelope import Limits, decode
from topics.events import Data, OrderData, PricedOrderData, Touchpoint
from topics.instants import to_text
from topics.records import APPEND_MS_END, Record
from topics.refusals import Refusal, RefusalCode

ORDER = {"order_id": "1", "amount": "12.50", "currency": "CNY"}
HEADERS = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"wifi-77-000123"),
    ("ce_source", b"/wifi/mall-77"),
    ("ce_type", b"wifi.login"),
    ("ce_time", b"2026-11-21T10:00:00+08:00"),
)


def accepted(content: object, headers: tuple[tuple[str, bytes], ...] = ()) -> Touchpoint:
    """The touchpoint of a record that must be accepted."""
    found = decode(record(content, headers), Limits())
    assert isinstance(found, Touchpoint), found
    return found


def refused(content: object, headers: tuple[tuple[str, bytes], ...] = (), limits: Limits | None = None) -> Refusal:
    """The refusal of a record that must be refused."""
    found = decode(record(content, headers), limits or Limits())
    assert isinstance(found, Refusal), found
    return found


def test_the_contracts_example_is_read() -> None:
    """The event of the contract's first section becomes a touchpoint with every fact in its place."""
    assert accepted(VISIT) == Touchpoint(
        id="wifi-77-000123",
        source="/wifi/mall-77",
        type="wifi.login",
        time_us=1_795_226_400_000_000,
        data=Data(
            identifiers={"phone": "138 0013 8000", "mac": "AA-BB-CC-00-11-22"},
            traits={"city": "Shanghai"},
            traits_once={"first_store": "SH-001"},
            counters={"visits": 1},
            store="SH-001",
            channel="offline",
        ),
    )


def test_binary_mode_says_the_same() -> None:
    """Attributes in headers and data as the value make the same touchpoint as the structured event."""
    assert accepted(VISIT["data"], HEADERS) == accepted(VISIT)
    assert accepted(VISIT["data"], (*HEADERS, ("content-type", b"application/json; charset=utf-8"))) == accepted(VISIT)


def test_a_structured_content_type_wins_over_attribute_headers() -> None:
    """Clients that send both are read by the value."""
    headers = (("ce_id", b"another"), ("content-type", b"application/cloudevents+json"))
    assert accepted(VISIT, headers) == accepted(VISIT)


def test_binary_mode_refuses_what_it_cannot_read() -> None:
    """A missing, repeated, empty or unreadable attribute, a bad time and a type of content that is not JSON."""
    data = VISIT["data"]
    assert refused(data, HEADERS[2:]).message == "Object missing required field `id` - at headers `ce_*`"
    assert refused(data, (*HEADERS, ("ce_id", b"2"))).code is RefusalCode.INVALID_EVENT
    assert refused(data, (*HEADERS[2:], ("ce_id", b"\xff"))).code is RefusalCode.INVALID_EVENT
    assert refused(data, (*HEADERS[2:], ("ce_id", b""))).message.endswith("at header `ce_id`")
    assert refused(data, (*HEADERS[:4], ("ce_time", b"yesterday"))).message.endswith("at header `ce_time`")
    assert refused(data, (*HEADERS, ("content-type", b"text/plain"))).message.endswith("header `content-type`")
    assert refused({"store": 7}, HEADERS).message.endswith("at `$.store`")


def test_a_type_without_fields_of_its_own_is_plain_behaviour() -> None:
    """An event type that we do not know is read as identifiers, traits, counters and activity."""
    found = accepted(event("makeup.class.attended", counters={"hours": 1.5}, anything={"else": True}))
    assert type(found.data) is Data
    assert found.data.counters == {"hours": 1.5}


def test_publishers_may_be_newer_than_we_are() -> None:
    """CloudEvents extensions and fields that we do not know are ignored; `specversion` need not be there."""
    newer = visit_with(mood="good")
    del newer["specversion"]
    assert accepted({**newer, "subject": "x", "partitionkey": "y", "datacontenttype": "application/json"}).id


def test_null_is_as_missing_except_within_traits() -> None:
    """Publishers write null for what they do not know; in a trait it is a write of its own."""
    found = accepted(
        visit_with(
            identifiers={"phone": None, "card": ["1", None]},
            traits={"city": None, "a": {"b": None}},
            traits_once=None,
            counters={"visits": None},
            store=None,
        )
    )
    assert found.data == Data(identifiers={"card": ["1"]}, traits={"city": None, "a": {"b": None}}, channel="offline")
    assert accepted(visit_with(identifiers=None)).data.identifiers == {}
    assert accepted(event("order.cancelled", order={"order_id": "1", "amount": None})).data.identifiers


@pytest.mark.parametrize("value", [None, b"", b"{", b"\xff", b'{"a":NaN}', b'{"id":"1","id":"2"}'])
def test_no_json_is_invalid_json(value: bytes | None) -> None:
    """A tombstone, a torn text, bad UTF-8, NaN and a repeated key."""
    assert refused(value).code is RefusalCode.INVALID_JSON


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ([], "`$`"),
        ("text", "`$`"),
        (visit(id=""), "`$.id`"),
        (visit(id=7), "`$.id`"),
        (visit(id="a" * 257), "`$.id`"),
        (visit(id="a\0b"), "`$.id`"),
        (visit(source=""), "`$.source`"),
        (visit(type=""), "`$.type`"),
        (visit(type=None), "`$.type`"),
        (visit(specversion="0.3"), "`$.specversion`"),
        (visit(time="2026-11-21T10:00:00"), "`$.time`"),
        (visit(time="2026-11-21"), "`$.time`"),
        (visit(time="2026-02-30T10:00:00Z"), "`$.time`"),
        (visit(time=1_795_226_400), "`$.time`"),
        (visit(time="0001-01-01T00:00:00+08:00"), "`$.time`"),
        (visit(time="1969-12-31T23:59:59Z"), "`$.time`"),
        (visit(data=None), "`$.data`"),
        (visit(data=[]), "`$.data`"),
        (visit_with(identifiers=["card"]), "`$.data.identifiers`"),
        (visit_with(identifiers={"card": 88001234}), "`$.data.identifiers[...]`"),
        (visit_with(identifiers={"card": {"value": "1"}}), "`$.data.identifiers[...]`"),
        (visit_with(identifiers={"card": ["1", 2]}), "`$.data.identifiers[...]"),
        (visit_with(identifiers={"card": "x" * 257}), "`$.data`"),
        (visit_with(identifiers={"card": "x\0"}), "`$.data`"),
        (visit_with(identifiers={"card": [str(n) for n in range(21)]}), "`$.data`"),
        (visit_with(traits=[]), "`$.data.traits`"),
        (visit_with(counters={"visits": "1"}), "`$.data.counters[...]`"),
        (visit_with(counters={"visits": True}), "`$.data.counters[...]`"),
        (visit_with(counters={"visits": 1e13}), "`$.data.counters[...]`"),
        (visit_with(consents={"sms": "yes"}), "`$.data.consents[...]`"),
        (visit_with(store="x" * 257), "`$.data.store`"),
        (event("order.paid"), "`$.data`"),
        (event("order.shipped"), "`$.data`"),
        (event("order.cancelled", order={}), "`$.data.order`"),
        (event("order.paid", order={"order_id": "1"}), "`$.data.order`"),
        (event("order.paid", order={**ORDER, "amount": None}), "`$.data.order`"),
        (event("order.paid", order={**ORDER, "items": [{"price": 9.9}]}), "`$.data.order.items[0].price`"),
        (event("order.paid", order={**ORDER, "items": [{"quantity": -1}]}), "`$.data.order.items[0].quantity`"),
        (event("points.earned", points=0), "`$.data.points`"),
        (event("points.earned", points=1.5), "`$.data.points`"),
        (event("points.earned", points=10**13), "`$.data.points`"),
        (event("points.earned", points=5, kind="luck"), "`$.data.kind`"),
        (event("coupon.issued"), "`$.data`"),
        (event("coupon.issued", coupon_id="1", expires_at="2026-12-31"), "`$.data.expires_at`"),
        (event("appointment.booked", store="SH-001"), "`$.data`"),
        (event("card.replaced"), "`$.data`"),
        (event("card.replaced", replaces=""), "`$.data.replaces`"),
        (event("card.replaced", replaces="x\0"), "`$.data`"),
        (event("card.replaced", replaces="1", identifiers={"phone": "1"}), "`$.data`"),
        (event("referral.registered"), "`$.data`"),
        (event("referral.registered", inviter=None), "`$.data`"),
        (event("referral.registered", inviter={}), "`$.data.inviter`"),
        (event("referral.registered", inviter={"card": "1", "phone": "2"}), "`$.data.inviter`"),
        (event("referral.registered", inviter={"card": "x" * 257}), "`$.data`"),
    ],
)
def test_an_event_of_the_wrong_shape_is_refused_with_its_place(content: object, place: str) -> None:
    """Each rule on one field is kept, and the message names the place."""
    found = refused(content)
    assert found.code is RefusalCode.INVALID_EVENT
    assert place in found.message


@pytest.mark.parametrize("amount", ["0", "0.00", "12.5", "999999999999.999999"])
def test_money_is_decimal_text(amount: str) -> None:
    """Amounts are text, not negative, of a size that stays exact in 64 bits."""
    found = accepted(event("order.paid", order={**ORDER, "amount": amount}))
    assert isinstance(found.data, PricedOrderData)
    assert found.data.order.amount == amount


@pytest.mark.parametrize(
    "amount",
    ["", "-1", "+1", "1.", ".5", "1e3", "1,000", " 1", "1\n", "NaN", "Infinity", "\uff11", "1.0000001", "1" * 13],
)
def test_money_of_another_shape_is_refused(amount: str) -> None:
    """Signs, exponents, separators, other digits and too many digits are refused at the amount."""
    assert "`$.data.order.amount`" in refused(event("order.paid", order={**ORDER, "amount": amount})).message


@pytest.mark.parametrize("amount", [12.5, 12, True, {}, "0." + "1" * 60_000])
def test_money_is_no_number_and_no_novel(amount: object) -> None:
    """A JSON number may have lost its cents on the way; sixty thousand digits are an attack."""
    assert "`$.data.order.amount`" in refused(event("order.paid", order={**ORDER, "amount": amount})).message


@pytest.mark.parametrize("currency", ["cny", "CN", "CNYY", "CNY\n", "", "\uff23NY", 156])
def test_a_currency_is_three_capital_letters(currency: object) -> None:
    """ISO 4217 codes only; the message says what is wanted."""
    found = refused(event("order.refunded", order={**ORDER, "currency": currency}))
    assert "`$.data.order.currency`" in found.message


def test_a_cancelled_order_needs_only_its_id() -> None:
    """The money of an order is not known to who cancels it."""
    found = accepted(event("order.cancelled", order={"order_id": "1"}))
    assert isinstance(found.data, OrderData)
    assert found.data.order.amount is None


def test_a_time_may_lie_a_day_after_the_append_time_and_no_longer() -> None:
    """Exactly a day is accepted; a microsecond more is `time_in_future`, as is the end of the calendar."""
    edge_us = (APPEND_MS + 86_400_000) * 1000
    assert accepted(visit(time=to_text(edge_us))).time_us == edge_us
    late = refused(visit(time=to_text(edge_us + 1)))
    assert (late.code, late.message.partition(" after")[0]) == (RefusalCode.TIME_IN_FUTURE, "More than 86,400 s")
    assert late.message.endswith("if the topic's message.timestamp.type is LogAppendTime) - at `$.time`")
    assert refused(visit(time="9999-12-31T23:59:59-08:00")).code is RefusalCode.TIME_IN_FUTURE


def test_an_append_time_that_no_broker_has_is_refused() -> None:
    """Microseconds of a publisher's clock, on a topic that takes publishers' word for it: a letter, and no crash."""
    assert isinstance(decode(record(VISIT)._replace(append_ms=APPEND_MS_END - 1), Limits()), Touchpoint)
    for append_ms in (APPEND_MS_END, APPEND_MS * 1000, 2**63 - 1):
        found = decode(record(VISIT)._replace(append_ms=append_ms), Limits())
        assert isinstance(found, Refusal)
        assert found.code is RefusalCode.INVALID_EVENT
        assert "LogAppendTime" in found.message


def test_size_is_limited_before_anything_is_read() -> None:
    """64 KiB pass, a byte more is `too_large` even if it is no JSON."""
    text = encode(VISIT)
    assert accepted(text + b" " * (65_536 - len(text)))
    assert refused(text + b" " * (65_537 - len(text))).code is RefusalCode.TOO_LARGE
    assert refused(b"x" * 65_537).code is RefusalCode.TOO_LARGE


def test_identifiers_are_counted_by_value() -> None:
    """Twenty values pass, however they are spread over namespaces."""
    twenty = {"card": [str(n) for n in range(10)], "phone": [str(n) for n in range(10)]}
    assert accepted(visit_with(identifiers=twenty))
    assert "21 values" in refused(visit_with(identifiers={**twenty, "mac": "1"})).message


def test_limits_are_the_callers() -> None:
    """Every limit can be set."""
    assert refused(VISIT, limits=Limits(record_bytes=100)).code is RefusalCode.TOO_LARGE
    assert refused(VISIT, limits=Limits(identifiers=1)).code is RefusalCode.INVALID_EVENT
    assert refused(VISIT, limits=Limits(value_characters=5)).code is RefusalCode.INVALID_EVENT
    assert refused(VISIT, limits=Limits(depth=2)).code is RefusalCode.INVALID_EVENT
    assert refused(VISIT, limits=Limits(future_ms=-86_400_000)).code is RefusalCode.TIME_IN_FUTURE


def test_depth_is_limited() -> None:
    """A trait may make the record sixteen deep, counting the event and its data."""

    def nested(depth: int) -> Any:  # noqa: ANN401
        return {"a": nested(depth - 1)} if depth else 1

    assert accepted(visit_with(traits=nested(14)))
    assert "deeper than 16" in refused(visit_with(traits=nested(15))).message


@pytest.mark.parametrize("number", [b"18446744073709551616", b"-9223372036854775809", b"1e999"])
@pytest.mark.parametrize("place", [b'"city":%s', b'"a":{"b":[1,%s]}'])
def test_a_number_too_wide_for_others_is_refused_wherever_it_is(number: bytes, place: bytes) -> None:
    """Traits may hold any JSON, but no number that would change in a reader of 64 bits."""
    found = refused(encode(VISIT).replace(b'"city":"Shanghai"', place % number))
    assert found.message == "A number does not fit in 64 bits"


def test_words_from_a_closed_set_are_not_quoted() -> None:
    """The library quotes an unknown word; the message must not, even if the word looks like a path."""
    for word in (CANARY, f"x' - at `$.{CANARY}`", f" - at `${CANARY}"):
        assert CANARY not in refused(event("points.earned", points=1, kind=word)).message
        assert CANARY not in refused(visit(specversion=word)).message


def test_a_header_without_a_value_is_no_crash() -> None:
    """Kafka headers may be null, whatever the types say."""
    headers: Any = (("ce_id", None), ("content-type", None), *HEADERS[2:])
    found = decode(Record("t", 0, 0, APPEND_MS, None, encode(VISIT["data"]), headers), Limits())
    assert isinstance(found, Refusal)


def test_touchpoints_are_values() -> None:
    """A touchpoint cannot be changed after it was decoded."""
    with pytest.raises(AttributeError):
        accepted(VISIT).id = "other"  # type: ignore[misc]
