"""Admission: which identifiers of an event count, in which order, what is dropped, and what refuses the event."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.admission import Admission, Admitted, Dropped, Unreadable, admit, parse_identifier
from resolvers.namespaces import DEFAULT_RULES, IdentityRules, Limit, Namespace, ranked
from resolvers.pseudonyms import Pseudonyms
from topics.events import DATA_TYPES, Data, Touchpoint
from topics.identifiers import Identifier
from topics.refusals import Refusal, RefusalCode

PSEUDONYMS = Pseudonyms(b"a key for tests, long enough")
ADMISSION = Admission(DEFAULT_RULES, PSEUDONYMS)
PHONE = DEFAULT_RULES.namespaces["phone"]


def _token(namespace: str, normalised: str) -> str:
    return PSEUDONYMS.token(DEFAULT_RULES.namespaces[namespace], None, normalised)


def _event(
    identifiers: Mapping[str, Any],
    event_type: str = "wifi.login",
    extra: Mapping[str, object] | None = None,
    source: str = "/wifi/1",
) -> Touchpoint:
    content = msgspec.convert({"identifiers": identifiers, **(extra or {})}, DATA_TYPES.get(event_type, Data))
    return Touchpoint("1", source, event_type, 0, content)


def _admit(
    identifiers: Mapping[str, Any], event_type: str = "wifi.login", admission: Admission = ADMISSION, **data: object
) -> Admitted:
    admitted = admit(_event(identifiers, event_type, data), admission)
    assert isinstance(admitted, Admitted), admitted
    return admitted


def _refuse(
    identifiers: Mapping[str, Any], event_type: str = "wifi.login", admission: Admission = ADMISSION, **data: object
) -> Refusal:
    refusal = admit(_event(identifiers, event_type, data), admission)
    assert isinstance(refusal, Refusal), refusal
    return refusal


def _keys(admitted: Admitted) -> list[str]:
    return [seen.identifier.key for seen in admitted.identifiers]


def test_the_contracts_own_event() -> None:
    """The example of the contract: phone before mac, both as tokens with a masked display."""
    admitted = _admit({"mac": "AA-BB-CC-00-11-22", "phone": "138 0013 8000"})
    assert [(seen.identifier.namespace, seen.display) for seen in admitted.identifiers] == [
        ("phone", "138****8000"),
        ("mac", "aa:bb:**:**:**:22"),
    ]
    assert admitted.identifiers[0].identifier.token == _token("phone", "+8613800138000")
    assert (admitted.dropped, admitted.inviter, admitted.replaces) == ((), None, None)


def test_order_is_rank_then_normalised_value() -> None:
    """Of a hashed namespace the value decides, not its token; of a scoped one the value with its scope."""
    phones = [f"138001380{number:02d}" for number in range(20)]
    admitted = _admit({"phone": phones[::-1], "openid": ["b:1", "a:2"], "cookie": "c"})
    tokens = [_token("phone", f"+86{phone}") for phone in phones]
    assert _keys(admitted) == [*(f"phone:{token}" for token in tokens), "openid:a:2", "openid:b:1", "cookie:c"]
    assert tokens != sorted(tokens)


def test_writings_of_one_value_collapse() -> None:
    """The same number in two notations, and the same card with and without its default scope, are one each."""
    admitted = _admit({"phone": ["138 0013 8000", "+8613800138000"], "card": ["8800123", "main:8800123"]})
    assert _keys(admitted) == ["card:main:8800123", f"phone:{_token('phone', '+8613800138000')}"]


def test_scopes_are_split_at_the_first_colon() -> None:
    """A value may hold colons, a full-width colon is one, and blanks around it do not count."""
    assert _keys(_admit({"external": "didi:u:77"})) == ["external:didi:u:77"]
    assert _keys(_admit({"external": "didi\uff1au77"})) == ["external:didi:u77"]
    assert _keys(_admit({"external": " didi : u77 "})) == ["external:didi:u77"]
    assert _keys(_admit({"cookie": "a:b"})) == ["cookie:a:b"]


def test_an_undeclared_namespace_refuses_the_event() -> None:
    """The whole event is refused, also when it names good identifiers; the message names the declared ones only."""
    refusal = _refuse({"phone": "13800138000", "wechat_zhangsan": "x"})
    assert refusal.code is RefusalCode.UNKNOWN_NAMESPACE
    assert "phone" in refusal.message
    assert "zhangsan" not in refusal.message


@pytest.mark.parametrize(
    ("namespace", "value", "rule"),
    [
        ("phone", "", "blocked_value"),
        ("phone", "00000000000", "blocked_value"),
        ("phone", "13800000000", "blocked_value"),
        ("phone", "021-62345678", "blocked_value"),
        ("phone", "12345", "invalid_value"),
        ("phone", "zhangsan", "invalid_value"),
        ("mac", "00:00:00:00:00:00", "blocked_value"),
        ("mac", "ff:ff:ff:ff:ff:ff", "blocked_value"),
        ("mac", "aa:bb", "invalid_value"),
        ("email", "zhang", "invalid_value"),
        ("card", "null", "blocked_value"),
        ("card", "main:null", "blocked_value"),
        ("card", "vip:'undefined'", "blocked_value"),
        ("card", "main:", "invalid_value"),
        ("card", ":1", "invalid_value"),
        ("card", "main:a\x00b", "invalid_value"),
        ("cookie", "\uff2e\uff35\uff2c\uff2c", "blocked_value"),
    ],
)
def test_bad_values_are_dropped_with_their_rule(namespace: str, value: str, rule: str) -> None:
    """The rest of the event stays; a value that is wrong is told from one that is right but nobody's."""
    admitted = _admit({namespace: value, "openid": "o1"})
    assert _keys(admitted) == ["openid:main:o1"]
    assert [(drop.namespace, drop.rule) for drop in admitted.dropped] == [(namespace, rule)]


def test_an_event_is_refused_only_when_no_value_is_left() -> None:
    """Junk alone, empty lists and no identifiers at all are `no_identifier`."""
    nothing: list[dict[str, Any]] = [{}, {"phone": []}, {"phone": "null"}, {"phone": "12345", "mac": ["", "0"]}]
    for identifiers in nothing:
        assert _refuse(identifiers).code is RefusalCode.NO_IDENTIFIER


def test_dropped_values_are_reported_by_token() -> None:
    """A blocked number has the token it would have had; a malformed one a digest; doubles collapse."""
    dropped = _admit({"phone": ["13800000000", "138 0000 0000", "666"], "card": ["null", "1"]}).dropped
    assert dropped[0] == Dropped("phone", _token("phone", "+8613800000000"), "blocked_value")
    assert dropped[1] == Dropped("phone", PSEUDONYMS.digest(PHONE, "666"), "invalid_value")
    assert dropped[2:] == (Dropped("card", "main:null", "blocked_value"),)


def test_blocked_values_and_patterns_of_the_configuration() -> None:
    """They hold in any writing, with or without scope, beside the built-in list."""
    rules = msgspec.structs.replace(
        DEFAULT_RULES, blocked={"phone": ("138 0013 8000", "re:^170"), "card": ("0009", "re:^vip:8"), "cookie": ("X",)}
    )
    admission = Admission(rules, PSEUDONYMS)
    blocked = {
        "phone": ["+86 13800138000", "170 1234 5678", "null"],
        "card": ["main:0009", "vip:0009", "vip:8", "0009"],
        "cookie": "X",
    }
    admitted = _admit({**blocked, "openid": "o1"}, admission=admission)
    assert _keys(admitted) == ["openid:main:o1"]
    assert {drop.rule for drop in admitted.dropped} == {"blocked_value"}
    assert len(_admit({"phone": "13800138001", "card": "8", "cookie": "x"}, admission=admission).identifiers) == 3


def test_addresses_that_phones_make_up_link_unless_told_otherwise() -> None:
    """By default a randomised MAC is like any other; `drop` takes it out of its event and reports it by its token."""
    made_up, burnt_in = "da:a1:19:00:11:22", "3c:22:fb:00:11:22"
    spaces = list(DEFAULT_RULES.namespaces.values())
    dropping = [msgspec.structs.replace(one, randomised="drop") if one.name == "mac" else one for one in spaces]
    strict = Admission(msgspec.structs.replace(DEFAULT_RULES, namespaces=ranked(dropping)), PSEUDONYMS)
    both = {"mac": [made_up, burnt_in]}
    assert len(_admit(both).identifiers) == 2
    left = _admit(both, admission=strict)
    assert _keys(left) == [f"mac:{_token('mac', burnt_in)}"]
    assert left.dropped == (Dropped("mac", _token("mac", made_up), "blocked_value"),)
    assert _refuse({"mac": made_up}, admission=strict).code == RefusalCode.NO_IDENTIFIER
    assert isinstance(parse_identifier(f"mac:{made_up}", strict), Identifier), "an operator may still ask for it"


def test_two_values_of_a_unique_namespace_conflict_per_scope() -> None:
    """Two cards of one programme refuse the event, two programmes do not, and a junk one does not count."""
    assert _refuse({"card": ["1", "2"]}).code is RefusalCode.CONFLICTING_IDENTIFIERS
    assert _refuse({"card": ["vip:1", "main:1", "vip:2"]}).code is RefusalCode.CONFLICTING_IDENTIFIERS
    assert _keys(_admit({"card": ["1", "vip:1"]})) == ["card:main:1", "card:vip:1"]
    assert _keys(_admit({"card": ["1", "null", "main:1"]})) == ["card:main:1"]
    assert len(_admit({"phone": ["13800138000", "13900139000"]}).identifiers) == 2


def test_a_replaced_card_stands_beside() -> None:
    """The old number goes through the same pipeline, and is no conflict when the event names both."""
    for cards in ("2", ["1", "2"], ["2", "main:1"]):
        admitted = _admit({"card": cards}, "card.replaced", replaces=" 1")
        assert _keys(admitted) == ["card:main:2"]
        assert admitted.replaces is not None
        assert admitted.replaces.identifier == Identifier("card", "main:1")
    assert _refuse({"card": ["2", "3"]}, "card.replaced", replaces="1").code is RefusalCode.CONFLICTING_IDENTIFIERS


def test_a_replacement_without_sense_replaces_nothing() -> None:
    """A junk old number is dropped; a card that replaces itself, or is replaced by no card, stays what it is."""
    junk = _admit({"card": "2"}, "card.replaced", replaces="null")
    assert junk.replaces is None
    assert [drop.rule for drop in junk.dropped] == ["blocked_value"]
    itself = _admit({"card": "2"}, "card.replaced", replaces="main:2")
    assert (_keys(itself), itself.replaces) == (["card:main:2"], None)
    assert _admit({"phone": "13800138000", "card": "null"}, "card.replaced", replaces="1").replaces is None


def test_an_inviter_is_tokenised_and_never_an_identifier() -> None:
    """It is named for counting only; junk is dropped, an undeclared namespace refuses the event."""
    admitted = _admit({"openid": "o1"}, "referral.registered", inviter={"phone": "138 0013 8000"})
    assert _keys(admitted) == ["openid:main:o1"]
    assert admitted.inviter is not None
    assert admitted.inviter.identifier == Identifier("phone", _token("phone", "+8613800138000"))
    junk = _admit({"openid": "o1"}, "referral.registered", inviter={"phone": "null"})
    assert (junk.inviter, junk.dropped[0].rule) == (None, "blocked_value")
    refusal = _refuse({"openid": "o1"}, "referral.registered", inviter={"weibo": "1"})
    assert refusal.code is RefusalCode.UNKNOWN_NAMESPACE
    assert "data.inviter" in refusal.message


@pytest.mark.parametrize(
    ("sources", "trusted", "untrusted"),
    [
        ({}, ["/wifi/1", ""], []),
        ({"/wifi/*": "refused"}, ["/pos/1"], ["/wifi/1", "/wifi/"]),
        ({"/wifi/*": "allowed"}, ["/wifi/1"], ["/pos/1", "x/wifi/1"]),
        ({"/wifi/test-*": "refused", "/wifi/*": "allowed"}, ["/wifi/1"], ["/wifi/test-1", "/pos/1"]),
    ],
)
def test_sources_are_trusted_by_the_first_pattern(sources: Any, trusted: list[str], untrusted: list[str]) -> None:  # noqa: ANN401
    """No list trusts all; one that only refuses trusts the others; one that allows anything is complete."""
    admission = Admission(msgspec.structs.replace(DEFAULT_RULES, sources=sources), PSEUDONYMS)
    for source in trusted:
        assert isinstance(admit(_event({"openid": "o"}, source=source), admission), Admitted)
    for source in untrusted:
        refusal = admit(_event({"openid": "o"}, source=source), admission)
        assert isinstance(refusal, Refusal)
        assert refusal.code is RefusalCode.UNTRUSTED_SOURCE


def test_a_scoped_namespace_without_default_scope_takes_no_bare_value() -> None:
    """A namespace has only what its line says."""
    rules = IdentityRules(namespaces=ranked([Namespace(name="pos", rank=0, scoped=True, limit=Limit(2))]))
    admitted = _admit({"pos": ["a:1", "1"]}, admission=Admission(rules, PSEUDONYMS))
    assert _keys(admitted) == ["pos:a:1"]
    assert [drop.rule for drop in admitted.dropped] == ["invalid_value"]


def test_without_a_card_namespace_nothing_can_be_replaced() -> None:
    """`card.replaced` speaks of the namespace card; where it is not declared the event is refused."""
    rules = IdentityRules(namespaces=ranked([PHONE]))
    refusal = _refuse({"phone": "13800138000"}, "card.replaced", Admission(rules, PSEUDONYMS), replaces="1")
    assert refusal.code is RefusalCode.UNKNOWN_NAMESPACE


_NAMESPACE = st.sampled_from(list(DEFAULT_RULES.namespaces))
_VALUE = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["13800138000", "1", "2", "vip:1", "null", "a@qq.com", "aa:bb:cc:00:11:22", "AABBCC001122"]),
)
_IDENTIFIERS = st.dictionaries(_NAMESPACE, st.one_of(_VALUE, st.lists(_VALUE, max_size=4)), max_size=5)


@given(_IDENTIFIERS, st.randoms(use_true_random=False))
def test_the_order_in_an_event_says_nothing(identifiers: dict[str, Any], random: Any) -> None:  # noqa: ANN401
    """Any event gives an answer, and the same one when its namespaces and lists are shuffled."""
    shuffled = {
        name: random.sample(values, len(values)) if isinstance(values, list) else [values]
        for name, values in random.sample(list(identifiers.items()), len(identifiers))
    }
    one, other = (admit(_event(named), ADMISSION) for named in (identifiers, shuffled))
    if isinstance(one, Admitted):
        assert isinstance(other, Admitted)
        assert one.identifiers == other.identifiers
        assert set(one.dropped) == set(other.dropped)
        ranks = [DEFAULT_RULES.namespaces[seen.identifier.namespace].rank for seen in one.identifiers]
        assert ranks == sorted(ranks)
        assert len(set(one.identifiers)) == len(one.identifiers) > 0
    else:
        assert isinstance(other, Refusal)


@given(st.text(alphabet="13890", min_size=8, max_size=11), st.sampled_from(["phone", "email", "mac"]))
def test_no_raw_value_of_a_hashed_namespace_comes_out(value: str, namespace: str) -> None:
    """Neither an admitted, nor a dropped, nor a refused value shows in what is handed on."""
    for identifiers in ({namespace: value}, {namespace: value, "openid": "o1"}):
        assert value not in repr(admit(_event(identifiers), ADMISSION))


def test_operators_write_a_value_or_a_token() -> None:
    """Both writings name the same identifier, and a value may be written as in an event."""
    phone = Identifier("phone", _token("phone", "+8613800138000"))
    assert parse_identifier("phone:138 0013 8000", ADMISSION) == phone
    assert parse_identifier(f"phone:~{phone.token}", ADMISSION) == phone
    assert parse_identifier("card:8800123", ADMISSION) == Identifier("card", "main:8800123")
    assert parse_identifier("card:~vip:8800123", ADMISSION) == Identifier("card", "vip:8800123")
    assert parse_identifier("phone:13800000000", ADMISSION) == Identifier("phone", _token("phone", "+8613800000000"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "namespace:value"),
        ("13800138000", "namespace:value"),
        ("phone:", "namespace:value"),
        (":x", "namespace:value"),
        ("13800138000:x", "not declared"),
        ("phone:1380013800", "no valid value of phone"),
        ("phone:~13800138000", "no token of phone"),
        ("card:~13800138000", "no token of card"),
        ("card:main:", "no valid value of card"),
    ],
)
def test_an_operators_mistake_is_explained_without_the_value(text: str, reason: str) -> None:
    """The answer says what to write, and does not repeat what may be a phone number."""
    unreadable = parse_identifier(text, ADMISSION)
    assert isinstance(unreadable, Unreadable)
    assert reason in unreadable.message
    assert "1380013800" not in unreadable.message
