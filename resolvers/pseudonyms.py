"""Keyed names: what stands for a value in the store and in every output, what people see of it, and profile ids.

Job: token and masked display of a normalised value; the id of a new profile.
Rules: a token is a function of the key, the namespace and the normalised value only, for ever. A display never holds
enough to tell the value. This is pseudonymisation: who has the key can test a guess.
Must not know: where the keys come from, raw values as publishers wrote them, which values are junk.
"""

import hashlib
import re
from functools import lru_cache
from typing import Final

import phonenumbers

from resolvers.life_keys import life_of, shown
from resolvers.namespaces import Namespace

DIGEST_CHARACTERS: Final = 26
"""130 bits in base32: a billion identifiers meet by chance with a probability of 1 in 10^21."""
KEY_ID_CHARACTERS: Final = 4

# Labels keep the uses of one key apart. They hold no NUL, which every message about a value does.
_KEY_ID_LABEL: Final = b"idweave key id"
_SEAL_LABEL: Final = b"idweave seal "

_BASE32: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE32_PAIRS: Final = tuple(one + other for one in _BASE32 for other in _BASE32)
_SHIFTS: Final = range(246, 246 - 5 * DIGEST_CHARACTERS, -10)
_BLOCK_BYTES: Final = 64

_SCOPE: Final = r"(?:[^:]+:)?"
_HASHED_TOKEN = re.compile(rf"{_SCOPE}[A-Z2-7]{{{KEY_ID_CHARACTERS + DIGEST_CHARACTERS}}}")


def key_id(key: bytes) -> str:
    """The key's public fingerprint: 4 base32 characters that tell which key made a token, and no more."""
    return _digest(key, _KEY_ID_LABEL)[:KEY_ID_CHARACTERS]


def mint(id_key: bytes, identifier_key: str, nth: int) -> str:
    """A new profile id: 26 lower-case base32 characters.

    Args:
        id_key: the key of profile ids, never rotated.
        identifier_key: of the strongest identifier of the profile, in its life (`resolvers.life_keys`).
        nth: which id this is of that identifier and life, from 0.

    """
    key, life = shown(identifier_key), life_of(identifier_key)
    return _digest(id_key, f"profile\0{life}\0{nth}\0{key}".encode()).lower()


class Pseudonyms:
    """Tokens under one hash key. Immutable; its repr shows the public key id only."""

    __slots__ = ("_hash_key", "key_id")

    def __init__(self, hash_key: bytes) -> None:
        self._hash_key = hash_key
        self.key_id = key_id(hash_key)

    def __repr__(self) -> str:
        return f"Pseudonyms(key_id={self.key_id!r})"

    def token(self, namespace: Namespace, scope: str | None, normalised: str) -> str:
        """The token of a normalised value: the value itself, or its digest where the namespace is `pii: hash`.

        The scope of a scoped value leads the token in both cases, because `unique` and `limit` count per scope.
        """
        value = normalised if scope is None else f"{scope}:{normalised}"
        if namespace.pii is None:
            return value
        digest = self.digest(namespace, value)
        return digest if scope is None else f"{scope}:{digest}"

    def digest(self, namespace: Namespace, value: str) -> str:
        """Key id and keyed digest of a value, whether or not its namespace is hashed."""
        message = f"{namespace.name}\0{value}".encode(errors="surrogatepass")
        return self.key_id + _digest(self._hash_key, message)

    def seal(self, key: str) -> str:
        """What stands for an identifier's key once its person is erased."""
        return self.sealed(key.encode())

    def sealed(self, content: bytes) -> str:
        """A keyed digest by which equal content is told, and nothing of it can be guessed without the key."""
        return _digest(self._hash_key, _SEAL_LABEL + hashlib.sha256(content).hexdigest().encode())


def is_token(namespace: Namespace, token: str) -> bool:
    """Whether a text has the form of a token of the namespace (under any key)."""
    if namespace.scoped and ":" not in token.strip(":"):
        return False
    return bool(token) if namespace.pii is None else _HASHED_TOKEN.fullmatch(token) is not None


def display(namespace: Namespace, scope: str | None, normalised: str) -> str:
    """What people may see of a value: all of it, or masked where the namespace is `pii: hash`."""
    shown = normalised if namespace.pii is None else _masked(namespace, normalised)
    return shown if scope is None else f"{scope}:{shown}"


def _masked(namespace: Namespace, normalised: str) -> str:
    match namespace.normalise:
        case "phone":
            return _masked_phone(normalised)
        case "email":
            local, _, domain = normalised.rpartition("@")
            return f"{local[0] if len(local) > 1 else ''}***@{domain}"
        case "mac":
            octets = normalised.split(":")
            return ":".join([*octets[:2], "**", "**", "**", octets[-1]])
        case None:
            return f"{normalised[0]}***{normalised[-1]}" if len(normalised) >= _MASK_ENDS_FROM else "***"


_MASK_ENDS_FROM: Final = 6
"""Characters from which on the first and the last one of a value give nothing away."""
_MASK_TAIL_FROM: Final = 8
"""National digits from which on the last four of a number are shown; of a shorter one the last two."""


def _masked_phone(e164: str) -> str:
    """`138****8000` of a mainland number, `+852****4567` of others: the country is shown, the operator is not."""
    if e164.startswith("+86"):
        return f"{e164[3:6]}****{e164[-4:]}"
    country = str(phonenumbers.parse(e164).country_code)
    national = e164[1 + len(country) :]
    return f"+{country}****{national[-4:] if len(national) >= _MASK_TAIL_FROM else national[-2:]}"


def _digest(key: bytes, message: bytes) -> str:
    """The first base32 characters (RFC 4648) of HMAC-SHA256; the library's `b32encode` takes three times as long."""
    began_inside, began_outside = _begun(key)
    inside, outside = began_inside.copy(), began_outside.copy()
    inside.update(message)
    outside.update(inside.digest())
    bits = int.from_bytes(outside.digest())
    return "".join([_BASE32_PAIRS[bits >> shift & 1023] for shift in _SHIFTS])


@lru_cache(maxsize=8)
def _begun(key: bytes) -> tuple["hashlib._Hash", "hashlib._Hash"]:
    """The two hashes of an HMAC (RFC 2104) when they have read the key; `hmac` begins anew with each message.

    The key is one of a few that a process has.
    """
    if len(key) > _BLOCK_BYTES:
        key = hashlib.sha256(key).digest()
    padded = key.ljust(_BLOCK_BYTES, b"\0")
    return hashlib.sha256(bytes(one ^ 0x36 for one in padded)), hashlib.sha256(bytes(one ^ 0x5C for one in padded))
