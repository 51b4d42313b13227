"""Sources: which publisher may say what, and under which name it is counted."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from resolvers.admission import Admission, Admitted, admit
from resolvers.namespaces import DEFAULT_RULES, Allowance, Trust
from resolvers.pseudonyms import Pseudonyms
from resolvers.sources import OTHER, Sources
from topics.events import DATA_TYPES, Data, Touchpoint
from topics.refusals import Refusal, RefusalCode

PSEUDONYMS = Pseudonyms(b"a key for tests, long enough")
WIFI = Allowance(namespaces=("phone", "mac"), types=("wifi.login", "store.*"))
WEB = Allowance(namespaces=("cookie", "login"))
SOURCES: Mapping[str, Trust] = {"/wifi/test-*": "refused", "/wifi/*": WIFI, "/web/*": WEB, "/crm/*": "allowed"}


def event(source: str, event_type: str, identifiers: Mapping[str, Any], **data: object) -> Touchpoint:
    """A decoded event."""
    content = msgspec.convert({"identifiers": identifiers, **data}, DATA_TYPES.get(event_type, Data))
    return Touchpoint("1", source, event_type, 0, content)


def admitted(touchpoint: Touchpoint, sources: Mapping[str, Trust]) -> Admitted | Refusal:
    """What admission makes of it under these sources."""
    rules = msgspec.structs.replace(DEFAULT_RULES, sources=dict(sources))
    return admit(touchpoint, Admission(rules, PSEUDONYMS))


@pytest.mark.parametrize(
    ("source", "event_type", "identifiers", "beside"),
    [
        ("/wifi/1", "wifi.login", {"phone": "13800138000", "mac": "AA-BB-CC-00-11-22"}, {}),
        ("/wifi/1", "store.visited", {"mac": "AA-BB-CC-00-11-22"}, {}),
        ("/web/1", "page.viewed", {"cookie": "k", "login": "l"}, {}),
        ("/web/1", "referral.registered", {"login": "l"}, {"inviter": {"login": "m"}}),
        ("/crm/1", "card.replaced", {"card": "2"}, {"replaces": "1"}),
    ],
)
def test_what_a_source_may_send_counts(
    source: str, event_type: str, identifiers: Mapping[str, Any], beside: Mapping[str, object]
) -> None:
    """Namespaces and types within its line; a source with `allowed` says anything."""
    assert isinstance(admitted(event(source, event_type, identifiers, **beside), SOURCES), Admitted)


@pytest.mark.parametrize(
    ("source", "event_type", "identifiers", "beside", "why"),
    [
        ("/wifi/1", "wifi.login", {"mac": "AA-BB-CC-00-11-22", "card": "1"}, {}, "identifiers of phone, mac only"),
        ("/wifi/1", "session.logout", {"mac": "AA-BB-CC-00-11-22"}, {}, "these types only: wifi.login, store.*"),
        ("/wifi/1", "wifi.loginx", {"phone": "13800138000"}, {}, "these types only"),
        ("/web/1", "referral.registered", {"login": "l"}, {"inviter": {"phone": "1"}}, "identifiers of cookie, login"),
        ("/web/1", "card.replaced", {"login": "l"}, {"replaces": "1"}, "identifiers of cookie, login"),
        ("/web/1", "page.viewed", {"weibo": "w"}, {}, "identifiers of cookie, login"),
        ("/wifi/test-1", "wifi.login", {"phone": "13800138000"}, {}, "is not trusted"),
        ("/elsewhere", "wifi.login", {"phone": "13800138000"}, {}, "is not trusted"),
    ],
)
def test_what_a_source_may_not_send_is_refused_whole(
    source: str, event_type: str, identifiers: Mapping[str, Any], beside: Mapping[str, object], why: str
) -> None:
    """A strong identifier or a logout from where it must not come; also beside the event's own identifiers."""
    refusal = admitted(event(source, event_type, identifiers, **beside), SOURCES)
    assert isinstance(refusal, Refusal)
    assert refusal.code is RefusalCode.UNTRUSTED_SOURCE
    assert why in refusal.message
    assert source not in refusal.message, "what a publisher wrote is not repeated"


def test_an_allowance_makes_the_list_complete() -> None:
    """As `allowed` does: who is on no line of a list that allows something is refused."""
    touchpoint = event("/pos/1", "page.viewed", {"cookie": "k"})
    assert isinstance(admitted(touchpoint, {"/web/*": WEB}), Refusal)
    assert isinstance(admitted(touchpoint, {"/web/*": "refused"}), Admitted)
    assert isinstance(admitted(touchpoint, {}), Admitted)


def test_sources_are_counted_under_names_of_the_configuration() -> None:
    """However many sources a publisher makes up, their names are the patterns and one more."""
    sources = Sources(SOURCES)
    assert sources.names == (*SOURCES, OTHER)
    assert [sources.name(one) for one in ("/wifi/test-1", "/wifi/1", "/crm/", "13800138000")] == [
        "/wifi/test-*",
        "/wifi/*",
        "/crm/*",
        OTHER,
    ]
    assert Sources({}).name("/crm/1") == OTHER
