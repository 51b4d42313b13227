"""A raw value -> its identifier: junk, blocked, normal form, token, display (readings V1-V10 of README.md)."""

import base64
import hmac
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import email_validator
import phonenumbers

HASHED = ("phone", "email", "mac")
JUNK = (
    "null",
    "nil",
    "none",
    "undefined",
    "nan",
    "inf",
    "-1",
    "true",
    "false",
    "na",
    "n/a",
    "unknown",
    "anonymous",
    "anon",
    "guest",
    "visitor",
    "9774d56d682e549c",
    "\u672a\u77e5",
    "\u65e0",
    "\u533f\u540d",
    "\u533f\u540d\u7528\u6237",
    "\u6e38\u5ba2",
    "\u8bbf\u5ba2",
    "object object",
)
TEMPLATES = r"\{\{.{0,80}\}\}|[$#]\{.{0,80}\}|__[A-Z0-9_]{1,40}__|%[A-Za-z_]{1,40}%"
TEST_PHONES = [f"+861{digits}" for digits in ("3000000000", "3800000000", "3333333333", "5555555555", "6666666666")]
TEST_PHONES += [f"+861{digit * 10}" for digit in "789"]
WRAPPING = " \t\r\n\"'`\u2018\u2019\u201c\u201d()<>[]"


@dataclass(frozen=True)
class Identifier:
    """One identifier. Sorted strongest first: rank, then normal form with its scope."""

    rank: int
    namespace: str
    scope: str
    normal: str  # with its scope
    token: str
    display: str

    @property
    def strength(self) -> tuple[int, str]:
        """The sort key."""
        return (self.rank, self.normal)


class DroppedError(Exception):
    """The value names nobody; the only argument is the rule."""


def read(namespace: str, raw: str, config: dict[str, Any], hash_key: bytes) -> Identifier:
    """The identifier of a value in a declared namespace. Raises DroppedError."""
    options = config["namespaces"][namespace]
    raw = unicodedata.normalize("NFKC", raw).strip()
    scope, value = "", raw
    if options.get("scoped"):
        scope, colon, value = raw.partition(":")
        if not colon:
            scope, value = options.get("default_scope") or "", raw
        scope, value = scope.strip(), value.strip()
        if not scope or not value or not scope.isprintable():
            raise DroppedError("invalid_value")
    lead = f"{scope}:" if scope else ""
    blocked = config["blocked"].get(namespace, [])
    if _is_junk(value) or _is_blocked(blocked, [raw, value]):
        raise DroppedError("blocked_value")
    normal = normalise(options, value)
    spellings = [normalise(options, entry, quiet=True) for entry in blocked if not entry.startswith("re:")]
    if normal in spellings or _is_blocked(blocked, [normal, lead + normal]):
        raise DroppedError("blocked_value")
    hashed = namespace in HASHED or options.get("pii") == "hash"
    token = keyed(hash_key, namespace, lead + normal) if hashed else normal
    display = _masked(options.get("normalise"), normal) if hashed else normal
    rank = list(config["namespaces"]).index(namespace)
    return Identifier(rank, namespace, scope, lead + normal, lead + token, lead + display)


def _is_junk(value: str) -> bool:
    bare = value.strip(WRAPPING)
    if bare.casefold() in JUNK or re.fullmatch(TEMPLATES, bare):
        return True
    return not [character for character in bare if character.isalnum() and character != "0"]


def _is_blocked(blocked: list[str], writings: list[str]) -> bool:
    for entry in blocked:
        for writing in writings:
            if entry.startswith("re:") and re.search(entry[3:], writing):
                return True
            if entry.strip() == writing:
                return True
    return False


def normalise(options: dict[str, Any], value: str, *, quiet: bool = False) -> str:
    """The normal form. Raises DroppedError, or when `quiet` answers with an empty string."""
    kinds = {"phone": _phone, "email": _email, "mac": _mac, None: _text}
    try:
        return kinds[options.get("normalise")](value, options.get("region", "CN"))
    except DroppedError:
        if quiet:
            return ""
        raise


def _text(value: str, _region: str) -> str:
    if not value or not value.isprintable() or len(value) > 1024:
        raise DroppedError("invalid_value")
    return value


def _phone(value: str, region: str) -> str:
    value = value.removeprefix("tel:")
    if len(value) > 40 or not re.fullmatch("\\+?[0-9 ()./\u2010-\u2015\u2212-]+", value):
        raise DroppedError("invalid_value")
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        raise DroppedError("invalid_value") from None
    if not phonenumbers.is_valid_number(number):
        raise DroppedError("invalid_value")
    mobile = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    normal = str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
    if phonenumbers.number_type(number) not in mobile or normal in TEST_PHONES:
        raise DroppedError("blocked_value")
    return normal


def _email(value: str, _region: str) -> str:
    try:
        return email_validator.validate_email(value, check_deliverability=False).normalized.lower()
    except email_validator.EmailNotValidError:
        raise DroppedError("invalid_value") from None


def _mac(value: str, _region: str) -> str:
    digits = re.sub("[:. -]", "", value.lower())
    octets = re.split("[: -]", value.lower())
    if len(octets) == 6:
        digits = "".join(octet.zfill(2) for octet in octets)
    if not re.fullmatch("[0-9a-f]{12}", digits):
        raise DroppedError("invalid_value")
    if int(digits[:2], 16) % 2 or digits == "0" * 12:
        raise DroppedError("blocked_value")
    return ":".join(digits[start : start + 2] for start in range(0, 12, 2))


def keyed(hash_key: bytes, namespace: str, normal: str) -> str:
    """Key id and keyed digest."""
    return _base32(hash_key, b"idweave key id")[:4] + _base32(hash_key, f"{namespace}\0{normal}".encode())[:26]


def _base32(hash_key: bytes, message: bytes) -> str:
    return base64.b32encode(hmac.new(hash_key, message, "sha256").digest()).decode()


def _masked(kind: str | None, normal: str) -> str:
    if kind == "phone" and normal.startswith("+86"):
        return f"{normal[3:6]}****{normal[-4:]}"
    if kind == "phone":
        country = str(phonenumbers.parse(normal).country_code)
        national = normal[1 + len(country) :]
        return f"+{country}****{national[-4:] if len(national) >= 8 else national[-2:]}"
    if kind == "email":
        local, _, domain = normal.rpartition("@")
        return f"{local[0] if len(local) > 1 else ''}***@{domain}"
    if kind == "mac":
        return f"{normal[:5]}:**:**:**{normal[-3:]}"
    return f"{normal[0]}***{normal[-1]}" if len(normal) >= 6 else "***"
