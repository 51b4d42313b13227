"""One spelling for each value: the normalisers that namespaces name.

Job: turn a value as a publisher wrote it into its normal form, or say that it has none.
Rules: a value that fails returns None and never raises; the same value gives the same answer for ever, because the
answer is stored; compatibility forms (full-width digits and letters) are folded first by NFKC everywhere.
Must not know: junk, blocked values, scopes, hashing.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import email_validator
import phonenumbers

from resolvers.namespaces import Namespace

MAX_CHARACTERS: Final = 1024
"""NFKC can make a value up to 18 times longer; beyond this the result is nobody's identifier."""

REGIONS: Final[frozenset[str]] = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""ISO 3166 codes of the countries whose numbers are known."""

# What a person writes in a number. The library would also read letters as a keypad ("138-CALL-ABC") and take off an
# extension; here both mean that the field holds something else, a desk at the least.
_PHONE_WRITING = re.compile(r"\+?[0-9 ()./\u2010-\u2015\u2212-]+")
_PHONE_CHARACTERS_MAX: Final = 40

# The usual spellings of the usual number, at 1 us instead of the library's 36. The ranges are the library's; a test
# holds them equal. What this does not match goes to the library, so a new range costs speed only.
_MAINLAND_MOBILE = re.compile(
    r"(?:\+86|0086|86)?[ -]?"
    r"(1(?:[38][0-9]|4[57]|5[0-35-9]|6[25-7]|7[0-35-8]|9[0-35-9]))[ -]?([0-9]{4})[ -]?([0-9]{4})"
)

_MOBILE_TYPES: Final = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)

_MAC_USUAL = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_MAC_PLAIN = re.compile(r"[0-9a-f]{12}")
_MAC_CISCO = re.compile(r"[0-9a-f]{4}([.: -])[0-9a-f]{4}\1[0-9a-f]{4}")
# One digit for a small octet is how BSD and macOS print them.
_MAC_OCTETS = re.compile(r"[0-9a-f]{1,2}([.: -])[0-9a-f]{1,2}(?:\1[0-9a-f]{1,2}){4}")

_MULTICAST_BIT: Final = 0x01
_LOCAL_BIT: Final = 0x02


def normaliser(namespace: Namespace) -> Callable[[str], str | None]:
    """The function of a namespace: a value (without its scope) to its normal form, or None if it has none."""
    match namespace.normalise:
        case "phone":
            region = namespace.region
            return lambda value: normalise_phone(value, region)
        case "email":
            return normalise_email
        case "mac":
            return normalise_mac
        case None:
            return normalise_text


def normalise_text(value: str) -> str | None:
    """NFKC, without outer blanks; None if empty or if any character is not printable.

    Unprintable are control characters and the invisible ones that copying leaves behind (byte order marks, zero-width
    spaces): they would make two identifiers that nobody can tell apart.
    """
    value = folded(value)
    return value if value and value.isprintable() and len(value) <= MAX_CHARACTERS else None


def normalise_phone(value: str, region: str) -> str | None:
    """E.164 (`+8613800138000`) of a number that can be a mobile one; None for all others.

    A landline is a household, a shop or a switchboard: it would join strangers. Where a country's numbers do not tell
    (North America), the number is taken.

    Args:
        value: any usual writing, with or without country code.
        region: ISO 3166 code of the country whose numbers are written without country code.

    """
    if region == "CN" and (mobile := _MAINLAND_MOBILE.fullmatch(value)) is not None:
        return "+86" + "".join(mobile.groups())
    return _phone_by_library(value, region)


@lru_cache(maxsize=16_384)
def _phone_by_library(value: str, region: str) -> str | None:
    number = _parsed_phone(value, region)
    if number is None or phonenumbers.number_type(number) not in _MOBILE_TYPES:
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _parsed_phone(value: str, region: str) -> phonenumbers.PhoneNumber | None:
    value = folded(value).removeprefix("tel:")
    if len(value) > _PHONE_CHARACTERS_MAX or _PHONE_WRITING.fullmatch(value) is None:
        return None
    try:
        return phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return None


def normalise_email(value: str) -> str | None:
    """The address in lower case, its domain as Unicode; None unless its syntax is valid. No look-up is made.

    RFC 5321 leaves the case of the part before the @ to the receiving server. Lower case is our choice: no large
    provider tells the cases apart, and people type their own address in all of them. Dots and `+tags` stay, because
    most providers do tell those apart.
    """
    value = folded(value)
    if "@" not in value:
        return None
    try:
        address = email_validator.validate_email(value, check_deliverability=False)
    except email_validator.EmailNotValidError:
        return None
    return address.normalized.lower()


def normalise_mac(value: str) -> str | None:
    """`aa:bb:cc:00:11:22` of a device's address in any usual notation.

    None for what is no single device's: all zeros (unset), broadcast and multicast.
    """
    lower = value.lower()
    is_usual = _MAC_USUAL.fullmatch(lower) is not None
    digits = lower.replace(":", "") if is_usual else _mac_digits(value)
    if digits is None or _is_no_device(digits):
        return None
    if is_usual:
        return lower
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def _mac_digits(value: str) -> str | None:
    value = folded(value).lower()
    if _MAC_PLAIN.fullmatch(value) is not None:
        return value
    if _MAC_CISCO.fullmatch(value) is not None:
        return re.sub("[.: -]", "", value)
    if _MAC_OCTETS.fullmatch(value) is not None:
        return "".join(octet.zfill(2) for octet in re.split("[.: -]", value))
    return None


def _is_no_device(digits: str) -> bool:
    return digits == "000000000000" or bool(int(digits[:2], 16) & _MULTICAST_BIT)


def is_nobodys(namespace: Namespace, value: str) -> bool:
    """Whether a value without a normal form is well-formed all the same: a landline, a broadcast address.

    Such a value is a real one, only not one person's or one device's, which is worth telling apart from a typing
    mistake when it is reported.
    """
    match namespace.normalise:
        case "phone":
            number = _parsed_phone(value, namespace.region)
            return number is not None and phonenumbers.number_type(number) not in (
                phonenumbers.PhoneNumberType.UNKNOWN,
                *_MOBILE_TYPES,
            )
        case "mac":
            digits = _mac_digits(value)
            return digits is not None and _is_no_device(digits)
        case "email" | None:
            return False


def is_randomised(mac: str) -> bool:
    """Whether a normalised address is locally administered, as phones make them up for each network they join."""
    return bool(int(mac[:2], 16) & _LOCAL_BIT)


def folded(value: str) -> str:
    """NFKC without outer blanks; most values are ASCII, where NFKC changes nothing."""
    return (value if value.isascii() else unicodedata.normalize("NFKC", value)).strip()
