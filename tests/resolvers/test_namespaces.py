"""The identity rules: the contract's defaults, and which changes need a replay."""

import msgspec
import pytest

from resolvers.namespaces import (
    ALWAYS_HASHED,
    DEFAULT_RULES,
    Caps,
    IdentityRules,
    Limit,
    Namespace,
    identity_fingerprint,
    ranked,
)

KEY_IDS = ("aaaa", "bbbb")


def test_the_defaults_are_the_contracts() -> None:
    """Names, priority, flags and limits stand as section 5 of the contract lists them."""
    flags = {
        name: (
            [flag for flag in ("unique", "person", "scoped", "weak") if getattr(namespace, flag)],
            namespace.limit.n if namespace.limit else None,
        )
        for name, namespace in DEFAULT_RULES.namespaces.items()
    }
    assert list(flags.items()) == [
        ("card", (["unique", "person", "scoped"], None)),
        ("unionid", (["unique", "person", "scoped"], None)),
        ("phone", (["person"], 3)),
        ("login", (["person", "scoped"], 5)),
        ("email", (["person"], 5)),
        ("openid", (["scoped"], 10)),
        ("external", (["scoped"], 20)),
        ("mac", (["weak"], 20)),
        ("cookie", (["weak"], 50)),
    ]
    assert {name for name, namespace in DEFAULT_RULES.namespaces.items() if namespace.pii == "hash"} == ALWAYS_HASHED
    assert all((space.default_scope == "main") == space.scoped for space in DEFAULT_RULES.namespaces.values())
    assert (DEFAULT_RULES.policy, DEFAULT_RULES.caps) == ("latest", Caps(20, 200, 1000))


def test_rank_is_the_place_in_the_order() -> None:
    """Wherever the ranks come from, the order of the table gives them."""
    assert [namespace.rank for namespace in DEFAULT_RULES.namespaces.values()] == list(range(9))
    reordered = ranked(list(DEFAULT_RULES.namespaces.values())[::-1])
    assert (reordered["cookie"].rank, reordered["card"].rank) == (0, 8)


def _with(name: str, **changes: object) -> IdentityRules:
    namespaces = dict(DEFAULT_RULES.namespaces)
    namespaces[name] = msgspec.structs.replace(namespaces[name], **changes)
    return msgspec.structs.replace(DEFAULT_RULES, namespaces=namespaces)


@pytest.mark.parametrize(
    "rules",
    [
        _with("card", scoped=False),
        _with("card", default_scope="vip"),
        _with("card", pii="hash"),
        _with("phone", normalise=None),
        _with("phone", region="HK"),
        msgspec.structs.replace(DEFAULT_RULES, namespaces=ranked(list(DEFAULT_RULES.namespaces.values())[::-1])),
        msgspec.structs.replace(
            DEFAULT_RULES, namespaces=ranked([*DEFAULT_RULES.namespaces.values(), Namespace(name="weibo", rank=9)])
        ),
    ],
)
def test_what_changes_stored_tokens_or_their_order_changes_the_fingerprint(rules: IdentityRules) -> None:
    """Order, scope, normaliser with its region, and pii."""
    assert identity_fingerprint(rules, KEY_IDS) != identity_fingerprint(DEFAULT_RULES, KEY_IDS)


@pytest.mark.parametrize(
    "rules",
    [
        _with("card", unique=False),
        _with("phone", limit=Limit(9, days=1), person=False),
        _with("mac", weak=False),
        _with("card", region="HK"),
        _with("mac", randomised="drop"),
        msgspec.structs.replace(DEFAULT_RULES, policy="drop", blocked={"phone": ("1",)}, caps=Caps(1, 2, 3)),
    ],
)
def test_what_is_live_leaves_the_fingerprint(rules: IdentityRules) -> None:
    """Limits, unique, weak, policy, blocked values and caps need no replay."""
    assert identity_fingerprint(rules, KEY_IDS) == identity_fingerprint(DEFAULT_RULES, KEY_IDS)


def test_another_key_changes_the_fingerprint() -> None:
    """A store filled under one key is useless under another, whichever of the two it is."""
    assert len({identity_fingerprint(DEFAULT_RULES, ids) for ids in (KEY_IDS, ("aaaa", "cccc"), KEY_IDS[::-1])}) == 3


def test_the_fingerprint_never_changes_by_itself() -> None:
    """Stores keep it across releases: this one was recorded when the scheme was made."""
    assert identity_fingerprint(DEFAULT_RULES, KEY_IDS) == "83dad2637efacc30fbee0947e9f870e6"
