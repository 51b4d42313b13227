"""Mutators of content: JSON that says what no event may say, or says it in a way that hurts who believes it."""

import random
from typing import Any, Final

from tests.fuzz.broken_text import text_of
from tests.fuzz.hostile import CANARY, Mutator, Sent
from topics.refusals import RefusalCode as Code

Event = dict[str, Any]
ATTRIBUTES: Final = ("id", "source", "type", "time", "data")
INJECTIONS: Final = (
    "'; FLUSHALL --",
    "{x}",
    "}{",
    "%7D",
    "card:A\r\nSET x y",
    "*",
    "a\x1fb",
    "return redis.call('FLUSHALL')",
    "../../etc/passwd",
    "${jndi:ldap://x}",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "\u202ekcab",
    "\u200b\u200b",
    "é" * 80,
    "ﬀ" * 80,
    "İ" * 100,
    "\u0660\u0661",
    "\U0001f9d1\u200d\U0001f9d1" * 20,
    "a:b:c:d",
    "~token",
)


def said(event: Event, **changes: object) -> Sent:
    """The event with other attributes."""
    return Sent(text_of({**event, **changes}))


def naming(event: Event, identifiers: object, **changes: object) -> Sent:
    """The event with other identifiers."""
    return said(event, data={**event["data"], "identifiers": identifiers}, **changes)


def not_an_object(chance: random.Random, event: Event) -> Sent:
    """JSON, and no event."""
    return Sent(text_of(chance.choice([[event], [], 1, "text", None, True, {}, [[event]]])))


def without(chance: random.Random, event: Event) -> Sent:
    """An attribute is not there, or `null`."""
    name = chance.choice(ATTRIBUTES)
    left = {one: value for one, value in event.items() if one != name}
    return Sent(text_of(chance.choice([left, {**left, name: None}])))


def other_type(chance: random.Random, event: Event) -> Sent:
    """An attribute of another type."""
    return said(event, **{chance.choice(ATTRIBUTES): chance.choice([1, 1.5, True, [], [CANARY]])})


def other_version(chance: random.Random, event: Event) -> Sent:
    """A CloudEvents version that we do not speak."""
    return said(event, specversion=chance.choice(["0.3", "2.0", "", 1.0, CANARY]))


def nul(chance: random.Random, event: Event) -> Sent:
    """A NUL character, at which programs in C stop to read."""
    place = chance.choice(["id", "source", "type", "card"])
    return naming(event, {"card": f"A\0{CANARY}"}) if place == "card" else said(event, **{place: f"a\0{CANARY}"})


def empty_name(chance: random.Random, event: Event) -> Sent:
    """An event that has no name, or nobody's."""
    return said(event, **{chance.choice(["id", "source", "type"]): ""})


def no_time(chance: random.Random, event: Event) -> Sent:
    """No time, one without zone, one that is no date, one before there were members."""
    wrong = ("2026-08-01T10:00:00", "2026-02-30T10:00:00Z", "10:00", "0001-01-01T00:00:00Z", "1899-12-30T00:00:00Z")
    return said(event, time=chance.choice([*wrong, CANARY, "2026-08-01", "2026-08-01T25:00:00Z", "", "now"]))


def many_identifiers(chance: random.Random, event: Event) -> Sent:
    """More identifiers than an event may have."""
    return naming(event, {"cookie": [f"{CANARY}-{n}" for n in range(chance.randrange(21, 500))]})


def long_identifier(chance: random.Random, event: Event) -> Sent:
    """A value with more characters than one may have."""
    return naming(event, {chance.choice(["card", "phone", "cookie"]): "9" * chance.randrange(257, 5_000)})


def wrong_identifiers(chance: random.Random, event: Event) -> Sent:
    """Identifiers that are no texts by name."""
    wrong = ([CANARY], CANARY, 5, {"card": 5}, {"card": {"a": CANARY}}, {"card": [[CANARY]]}, {"card": [1]}, True)
    return naming(event, chance.choice(wrong))


def wrong_money(chance: random.Random, event: Event) -> Sent:
    """An amount that is none: money is never guessed."""
    wrong = ("-1.00", "1e5", "NaN", "1,00", "", " 1", 12.5, "\u0661", "0x1", "1.", CANARY, "9" * 400, None)
    amount = chance.choice(wrong)
    order = {"order_id": CANARY, "amount": amount, "currency": "CNY"}
    return said(event, type="order.paid", data={**event["data"], "order": order})


def wrong_currency(chance: random.Random, event: Event) -> Sent:
    """A currency that is none."""
    currency = chance.choice(["cny", "RMB!", "", "¥", "CN", "CNYY", 156, CANARY])
    order = {"order_id": CANARY, "amount": "1.00", "currency": currency}
    return said(event, type="order.paid", data={**event["data"], "order": order})


def without_order(_chance: random.Random, event: Event) -> Sent:
    """Paid, and nothing was."""
    return said(event, type="order.paid")


def wrong_points(chance: random.Random, event: Event) -> Sent:
    """Points that would be made of nothing."""
    points = chance.choice([0, -5, 1.5, "5", 2**63, True, None])
    return said(event, type="points.earned", data={**event["data"], "points": points, "kind": "consumption"})


def wrong_counter(chance: random.Random, event: Event) -> Sent:
    """A counter that can't be added."""
    return said(event, data={**event["data"], "counters": chance.choice([{"a": CANARY}, {"a": []}, [1], CANARY, 3])})


def wrong_consent(chance: random.Random, event: Event) -> Sent:
    """A consent that is neither yes nor no must not be taken for a yes."""
    return said(event, data={**event["data"], "consents": chance.choice([{"sms": "yes"}, {"sms": 1}, [True], CANARY])})


def replaces_nothing(chance: random.Random, event: Event) -> Sent:
    """An old card, and no new one: it would be taken from its owner."""
    identifiers = {"cookie": CANARY}
    replaces = chance.choice(["A", CANARY])
    return said(event, type="card.replaced", data={"identifiers": identifiers, "replaces": replaces})


def undeclared(chance: random.Random, event: Event) -> Sent:
    """A namespace that nobody has declared, some of them nearly one."""
    name = chance.choice(
        ["weibo", "Phone", "\u0440hone", "phone ", "phone\u200b", "__proto__", CANARY, "card:main", "*", ""]
    )
    return naming(event, {name: CANARY, "card": "A"})


def undeclared_inviter(_chance: random.Random, event: Event) -> Sent:
    """The same beside the event's own identifiers."""
    data = {**event["data"], "inviter": {"weibo": CANARY}}
    return said(event, type="referral.registered", data=data)


def junk(chance: random.Random, event: Event) -> Sent:
    """Values that name nobody."""
    value = chance.choice(
        ["null", "undefined", "anonymous", "0000000", "NaN", "", " ", "None", "[object Object]", "-1"]
    )
    return naming(event, {"card": value, "phone": value, "cookie": [value, value]})


def nobody(chance: random.Random, event: Event) -> Sent:
    """No identifier at all, or values of which none is one."""
    wrong: tuple[dict[str, object], ...] = (
        {},
        {"card": []},
        {"phone": "12"},
        {"email": f"{CANARY}@"},
        {"mac": "zz:zz"},
        {"mac": "ff:ff:ff:ff:ff:ff"},
    )
    return naming(event, chance.choice(wrong))


def blocked(chance: random.Random, event: Event) -> Sent:
    """What an operator has blocked."""
    return naming(event, {"card": f"BLOCKED{chance.randrange(10**6)}"})


def two_cards(chance: random.Random, event: Event) -> Sent:
    """Two people at once."""
    wrong = (
        {"card": ["A", "B"]},
        {"card": ["main:A", "B"]},
        {"unionid": ["u", "v"], "card": "A"},
        {"card": ["A", "\uff21b"]},
    )
    return naming(event, chance.choice(wrong))


def tomorrow(chance: random.Random, event: Event) -> Sent:
    """A clock that is wrong, or somebody who wants to have the last word for ever."""
    return said(
        event, time=chance.choice(["9999-12-31T23:59:59Z", "2099-01-01T00:00:00+08:00", "3026-01-01T00:00:00Z"])
    )


def untrusted(chance: random.Random, event: Event) -> Sent:
    """A source that is refused, or says more than it may."""
    way = chance.randrange(3)
    if way == 0:
        return said(event, source=f"/refused/{CANARY}")
    kind = "page.viewed" if way == 1 else "order.paid"
    order = {"order_id": CANARY, "amount": "1.00", "currency": "CNY"}
    named = {"cookie": CANARY, "card": "A"} if way == 1 else {"cookie": CANARY}
    return said(event, source="/web/1", type=kind, data={"identifiers": named, "order": order})


def injected(chance: random.Random, event: Event) -> Sent:
    """Text that is a command somewhere else, wherever text may stand."""
    text = chance.choice(INJECTIONS)
    data = {"identifiers": {"card": f"H{text}", "cookie": text}, "traits": {text: text, "a": {text: [text]}}}
    return said(event, id=f"{text}{chance.random()}", source=f"/fuzz/{text}", type=text, data={**data, "store": text})


def odd_traits(chance: random.Random, event: Event) -> Sent:
    """Traits under names that objects have by themselves, or that look like paths."""
    names = ["__proto__", "constructor", "", ".", "a.b", "a..b", "0", "$", "\u0000x", "é", "name", "birthday"]
    value = chance.choice([None, {}, [], [None], {"a": None}, 1e308, -0.0, True, CANARY, [[[[1]]]]])
    return said(event, data={**event["data"], "traits": {chance.choice(names): value for _ in range(3)}})


def many_traits(chance: random.Random, event: Event) -> Sent:
    """As many traits as fit."""
    return said(event, data={**event["data"], "traits": {f"t{n}": n for n in range(chance.randrange(100, 1_000))}})


def hub(chance: random.Random, event: Event) -> Sent:
    """One cookie with everybody's card: somebody wants all people to be one."""
    return naming(event, {"cookie": "one-for-all", "card": f"H{chance.randrange(5_000)}"})


def reused(chance: random.Random, event: Event) -> Sent:
    """The same id again, with another body."""
    return said(event, id="same", source="/fuzz/same", data={**event["data"], "store": str(chance.random())})


CONTENT: Final[dict[str, Mutator]] = {
    "not_an_object": Mutator(Code.INVALID_EVENT, not_an_object),
    "without": Mutator(Code.INVALID_EVENT, without),
    "other_type": Mutator(Code.INVALID_EVENT, other_type),
    "other_version": Mutator(Code.INVALID_EVENT, other_version),
    "nul": Mutator(Code.INVALID_EVENT, nul),
    "empty_name": Mutator(Code.INVALID_EVENT, empty_name),
    "no_time": Mutator(Code.INVALID_EVENT, no_time),
    "many_identifiers": Mutator(Code.INVALID_EVENT, many_identifiers),
    "long_identifier": Mutator(Code.INVALID_EVENT, long_identifier),
    "wrong_identifiers": Mutator(Code.INVALID_EVENT, wrong_identifiers),
    "wrong_money": Mutator(Code.INVALID_EVENT, wrong_money),
    "wrong_currency": Mutator(Code.INVALID_EVENT, wrong_currency),
    "without_order": Mutator(Code.INVALID_EVENT, without_order),
    "wrong_points": Mutator(Code.INVALID_EVENT, wrong_points),
    "wrong_counter": Mutator(Code.INVALID_EVENT, wrong_counter),
    "wrong_consent": Mutator(Code.INVALID_EVENT, wrong_consent),
    "replaces_nothing": Mutator(Code.INVALID_EVENT, replaces_nothing),
    "undeclared": Mutator(Code.UNKNOWN_NAMESPACE, undeclared),
    "undeclared_inviter": Mutator(Code.UNKNOWN_NAMESPACE, undeclared_inviter),
    "junk": Mutator(Code.NO_IDENTIFIER, junk),
    "nobody": Mutator(Code.NO_IDENTIFIER, nobody),
    "blocked": Mutator(Code.NO_IDENTIFIER, blocked),
    "two_cards": Mutator(Code.CONFLICTING_IDENTIFIERS, two_cards),
    "tomorrow": Mutator(Code.TIME_IN_FUTURE, tomorrow),
    "untrusted": Mutator(Code.UNTRUSTED_SOURCE, untrusted),
    "injected": Mutator(None, injected),
    "odd_traits": Mutator(None, odd_traits),
    "many_traits": Mutator(None, many_traits, every=10),
    "hub": Mutator(None, hub),
    "reused": Mutator(None, reused),
}
