"""Tokens, displays and profile ids: keyed, stable, readable where they must be, and never the value itself."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.life_keys import in_life
from resolvers.namespaces import DEFAULT_RULES, Namespace
from resolvers.pseudonyms import Pseudonyms, display, is_token, key_id, mint

KEY = b"a key for tests, long enough"
PHONE = DEFAULT_RULES.namespaces["phone"]
CARD = DEFAULT_RULES.namespaces["card"]
EMAIL = DEFAULT_RULES.namespaces["email"]
MAC = DEFAULT_RULES.namespaces["mac"]
HASHED_CARD = Namespace(name="card", rank=0, scoped=True, pii="hash")


def test_a_token_is_what_the_contract_says() -> None:
    """Key id, then the first 26 base32 characters of HMAC-SHA256 over namespace, NUL and normalised value."""
    pseudonyms = Pseudonyms(KEY)
    by_hand = base64.b32encode(hmac.new(KEY, b"phone\0+8613800138000", hashlib.sha256).digest()).decode()
    assert pseudonyms.token(PHONE, None, "+8613800138000") == pseudonyms.key_id + by_hand[:26]


def test_a_token_never_changes() -> None:
    """Stored tokens outlive releases: these were recorded when the scheme was made."""
    pseudonyms = Pseudonyms(KEY)
    assert pseudonyms.token(PHONE, None, "+8613800138000") == "FMIDFWIGKE576VPUPK65TMQZ3OA3UY"
    assert pseudonyms.token(HASHED_CARD, "main", "8800123") == "main:FMIDRYBE2IWRBY5P62ZC77X2DSK7CC"
    assert mint(KEY, "card:main:8800123", 0) == "3k5hhc6g3yw3sjig7ndcvpudeb"


def test_the_scope_stays_readable() -> None:
    """A scoped token begins with its scope, hashed or not, and the same number in two scopes has two digests."""
    pseudonyms = Pseudonyms(KEY)
    assert pseudonyms.token(CARD, "main", "8800123") == "main:8800123"
    main, vip = (pseudonyms.token(HASHED_CARD, scope, "8800123") for scope in ("main", "vip"))
    assert (main[:5], vip[:4]) == ("main:", "vip:")
    assert main[5:] != vip[4:]
    assert "8800123" not in main + vip


def test_another_key_makes_other_tokens_and_says_so() -> None:
    """Tokens of two keys differ in their digest, and the key id in front tells which key made them."""
    first, second = Pseudonyms(KEY), Pseudonyms(KEY + b".")
    assert first.key_id != second.key_id
    assert first.token(PHONE, None, "+8613800138000")[4:] != second.token(PHONE, None, "+8613800138000")[4:]
    assert first.token(PHONE, None, "+8613800138000").startswith(key_id(KEY))


def test_the_key_is_never_shown() -> None:
    """A log line or traceback that prints the object holds the public key id only."""
    assert KEY.decode() not in repr(Pseudonyms(KEY))
    assert key_id(KEY) in repr(Pseudonyms(KEY))


@given(st.text(min_size=1), st.sampled_from([PHONE, EMAIL, MAC]))
def test_tokens_of_hashed_namespaces_have_one_form(value: str, namespace: Namespace) -> None:
    """Thirty characters of base32 for any value, recognised as a token."""
    token = Pseudonyms(KEY).token(namespace, None, value)
    assert len(token) == 30
    assert is_token(namespace, token)
    assert not is_token(namespace, token[:-1])


def test_what_is_no_token_is_told() -> None:
    """A raw value is not mistaken for a token of a hashed namespace, nor a bare one for a scoped token."""
    assert not is_token(PHONE, "+8613800138000")
    assert not is_token(CARD, "8800123")
    assert not is_token(CARD, ":8800123")
    assert is_token(CARD, "main:8800123")
    assert is_token(HASHED_CARD, Pseudonyms(KEY).token(HASHED_CARD, "main", "1"))
    assert not is_token(HASHED_CARD, "main:1")


@pytest.mark.parametrize(
    ("namespace", "scope", "value", "shown"),
    [
        (PHONE, None, "+8613800138000", "138****8000"),
        (PHONE, None, "+85291234567", "+852****4567"),
        (PHONE, None, "+16502530000", "+1****0000"),
        (PHONE, None, "+3546111234", "+354****34"),
        (EMAIL, None, "zhang@qq.com", "z***@qq.com"),
        (EMAIL, None, "z@qq.com", "***@qq.com"),
        (MAC, None, "aa:bb:cc:00:11:22", "aa:bb:**:**:**:22"),
        (CARD, "main", "8800123", "main:8800123"),
        (HASHED_CARD, "main", "8800123", "main:8***3"),
        (HASHED_CARD, "main", "123", "main:***"),
    ],
)
def test_displays_are_masked(namespace: Namespace, scope: str | None, value: str, shown: str) -> None:
    """People see enough to recognise a value they know, and of a namespace that is not hashed the value itself."""
    assert display(namespace, scope, value) == shown


@given(
    st.tuples(st.sampled_from(["card:main:1", "card:main:10", "phone:x"]), st.integers(0, 9), st.integers(0, 9)),
    st.tuples(st.sampled_from(["card:main:1", "card:main:10", "phone:x"]), st.integers(0, 9), st.integers(0, 9)),
)
def test_profile_ids_are_distinct_and_stable(first: tuple[str, int, int], second: tuple[str, int, int]) -> None:
    """Two ids are equal exactly when identifier, life and number are."""
    one, other = (mint(KEY, in_life(key, life), nth) for key, life, nth in (first, second))
    assert (one == other) == (first == second)
    assert len(one) == 26
