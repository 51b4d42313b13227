"""Normalisers: every usual writing of a value has one normal form, and what has none is refused quietly."""

import phonenumbers
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resolvers.namespaces import DEFAULT_RULES, Namespace
from resolvers.normalise import (
    is_nobodys,
    is_randomised,
    normalise_email,
    normalise_mac,
    normalise_phone,
    normalise_text,
    normaliser,
)


@pytest.mark.parametrize(
    "writing",
    [
        "13800138000",
        "138 0013 8000",
        "138-0013-8000",
        "+86 138-0013-8000",
        "8613800138000",
        "008613800138000",
        "\uff11\uff13\uff18\uff10\uff10\uff11\uff13\uff18\uff10\uff10\uff10",
        "\uff0b86\u300013800138000",
        "138\u20130013\u20138000",
        " 13800138000\t",
        "tel:+8613800138000",
        "013800138000",
    ],
)
def test_writings_of_one_mobile_number_are_one_value(writing: str) -> None:
    """Blanks, dashes, country codes, trunk zeros and full-width digits do not make another number."""
    assert normalise_phone(writing, "CN") == "+8613800138000"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "12345",
        "02162345678",  # a landline in Shanghai
        "+86 10 6552 9988",  # a landline in Beijing
        "400-810-8888",  # a hotline
        "91234567",  # Hong Kong's numbers need their country code under region CN
        "138-CALL-ABC",
        "1380013800A",
        "13800138000 ext 3",
        "13800138000;ext=2",
        "13800138000,13900139000",
        "10012345678",
        "1" * 200,
        "+" * 30,
        "\u0660",
    ],
)
def test_what_is_no_mobile_number_has_no_normal_form(value: str) -> None:
    """Landlines, hotlines, fragments, letters and extensions are refused."""
    assert normalise_phone(value, "CN") is None


def test_region_decides_numbers_without_country_code_only() -> None:
    """A bare number is read in its region; one with a country code is the same everywhere."""
    assert normalise_phone("9123 4567", "HK") == "+85291234567"
    assert normalise_phone("+852 9123 4567", "CN") == "+85291234567"
    assert normalise_phone("13800138000", "US") is None
    assert normalise_phone("(650) 253-0000", "US") == "+16502530000"


def _by_library(value: str) -> str | None:
    """The library alone, for values of digits, plus, blanks and dashes."""
    try:
        number = phonenumbers.parse(value, "CN")
    except phonenumbers.NumberParseException:
        return None
    mobile = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if phonenumbers.number_type(number) not in mobile:
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


@given(
    country=st.sampled_from(["", "+86", "0086", "86", "+86 ", "86-"]),
    start=st.integers(0, 999).map("{:03d}".format),
    rest=st.integers(0, 99_999_999).map("{:08d}".format),
    gaps=st.tuples(*[st.sampled_from(["", " ", "-"])] * 2),
)
@example(country="", start="138", rest="00138000", gaps=("", ""))
@example(country="86", start="199", rest="99999999", gaps=(" ", "-"))
def test_fast_path_agrees_with_the_library(country: str, start: str, rest: str, gaps: tuple[str, str]) -> None:
    """For eleven digits behind any country prefix, with any gaps, the answer is the library's own."""
    value = f"{country}{start}{gaps[0]}{rest[:4]}{gaps[1]}{rest[4:]}"
    assert normalise_phone(value, "CN") == _by_library(value)


@pytest.mark.parametrize("start", [f"1{digits:02d}" for digits in range(100)])
def test_fast_path_agrees_with_the_library_on_every_range(start: str) -> None:
    """Each of the hundred three-digit beginnings of a mainland number is judged as the library does."""
    for rest in ("00000000", "00138000", "12345678", "40012345", "99999999"):
        for country in ("", "+86", "86", "0086"):
            assert normalise_phone(country + start + rest, "CN") == _by_library(country + start + rest)


@given(st.text(max_size=60))
def test_no_normaliser_raises_and_each_is_idempotent(value: str) -> None:
    """Any text gives a normal form or None, and a normal form is its own normal form."""
    for namespace in DEFAULT_RULES.namespaces.values():
        normalise = normaliser(namespace)
        once = normalise(value)
        assert once is None or normalise(once) == once


@given(st.text(alphabet="+0123456789-() \uff10\uff19.", max_size=20), st.sampled_from(["CN", "HK", "US", "DE"]))
def test_phones_are_e164_and_idempotent(value: str, region: str) -> None:
    """Whatever looks like a number ends as a plus and digits, and stays what it is in any other region."""
    once = normalise_phone(value, region)
    if once is not None:
        assert once[0] == "+"
        assert once[1:].isascii()
        assert once[1:].isdigit()
        assert normalise_phone(once, "GB") == once


def test_emails_are_lower_case_with_dots_and_tags_kept() -> None:
    """Case folds on both sides of the @; what most providers tell apart stays apart."""
    assert normalise_email(" Zhang.San+SHOP@QQ.com ") == "zhang.san+shop@qq.com"
    assert normalise_email("zhang\uff20qq.com") == "zhang@qq.com"
    assert normalise_email("zhangsan@qq.com") != normalise_email("zhang.san@qq.com")


@pytest.mark.parametrize("value", ["", "@", "zhang", "zhang@", "@qq.com", "a b@qq.com", "a@localhost", "a@b@c.com"])
def test_what_is_no_address_has_no_normal_form(value: str) -> None:
    """Syntax is checked; nothing is looked up."""
    assert normalise_email(value) is None


@pytest.mark.parametrize(
    "writing",
    [
        "AA-BB-CC-00-11-22",
        "aa:bb:cc:00:11:22",
        "aabb.cc00.1122",
        "AABBCC001122",
        "aa bb cc 00 11 22",
        "aa:bb:cc:0:11:22",
        "AABB-CC00-1122",
        "aabb cc00 1122",
        "aa.bb.cc.00.11.22",
        " \uff21\uff21:bb:cc:00:11:22 ",
    ],
)
def test_writings_of_one_address_are_one_value(writing: str) -> None:
    """The notations of Windows, Linux, network gear, BSD and full-width typing mean the same device."""
    assert normalise_mac(writing) == "aa:bb:cc:00:11:22"


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00:00:00:00:00:00",
        "ff:ff:ff:ff:ff:ff",
        "01:00:5e:00:00:fb",
        "33:33:00:00:00:01",
        "aa:bb:cc:00:11",
        "aa:bb:cc:00:11:22:33",
        "aa:bb-cc:00:11:22",
        "gg:bb:cc:00:11:22",
        "aa:bb:cc:00:11:222",
    ],
)
def test_what_is_no_single_device_has_no_normal_form(value: str) -> None:
    """Unset, broadcast and multicast addresses, and fragments, are refused."""
    assert normalise_mac(value) is None


def test_randomised_addresses_are_told_from_a_makers() -> None:
    """The locally administered bit of the first octet decides."""
    assert is_randomised("aa:bb:cc:00:11:22")
    assert is_randomised("02:00:00:00:00:01")
    assert not is_randomised("3c:22:fb:00:11:22")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("phone", "021-6234 5678", True),
        ("phone", "400-810-8888", True),
        ("phone", "12345", False),
        ("phone", "13800138000", False),
        ("phone", "zhang", False),
        ("mac", "ff:ff:ff:ff:ff:ff", True),
        ("mac", "000000000000", True),
        ("mac", "01-00-5E-00-00-FB", True),
        ("mac", "aa:bb:cc:00:11:22", False),
        ("mac", "aa:bb", False),
        ("email", "zhang", False),
        ("card", "\x00", False),
    ],
)
def test_a_well_formed_value_of_no_one_is_told_from_a_mistake(name: str, value: str, expected: bool) -> None:  # noqa: FBT001
    """A landline or a broadcast address is a real value that must not link; a fragment is just wrong."""
    assert is_nobodys(DEFAULT_RULES.namespaces[name], value) is expected


def test_text_is_folded_and_must_be_printable() -> None:
    """NFKC and outer blanks go; control, zero-width and empty values are refused; case stays."""
    assert normalise_text("  \uff21bc\u3000") == "Abc"
    assert normalise_text("a b") == "a b"
    for value in ("", "  ", "a\x00b", "a\nb", "\ufeffabc", "a\u200bb", "\ufdfa" * 1000):
        assert normalise_text(value) is None


def test_a_namespace_has_only_what_its_line_says() -> None:
    """A namespace called phone without `normalise: phone` keeps its values as text."""
    assert normaliser(Namespace(name="phone", rank=0))("138 0013 8000") == "138 0013 8000"
    assert normaliser(Namespace(name="phone", rank=0, normalise="phone", region="HK"))("91234567") == "+85291234567"
