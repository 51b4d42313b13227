"""Record headers: the event's attributes in CloudEvents binary mode, and the trace that a record belongs to.

The content of headers comes from anyone: whatever is not of the expected shape is as if it were not there, or refused.
"""

import re
from typing import Final

Headers = tuple[tuple[str, bytes], ...]

_ATTRIBUTE_PREFIX: Final = "ce_"
_TRACEPARENT: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


def traceparent(headers: Headers) -> str | None:
    """The W3C `traceparent` of a record, to be carried to every record that it causes.

    None where there is none, more than one, or one that W3C Trace Context (2021) tells readers to ignore.
    """
    found = [value for name, value in headers if name.lower() == "traceparent"]
    if len(found) == 1 and found[0] and _TRACEPARENT.fullmatch(found[0]):
        return found[0].decode("ascii")
    return None


def is_binary_mode(headers: Headers) -> bool:
    """Whether the attributes are in `ce_*` headers and the value is the event's data alone.

    A structured-mode content type wins over `ce_*` headers, which some clients send as well.
    """
    return any(name.startswith(_ATTRIBUTE_PREFIX) for name, _ in headers) and not content_type(headers).startswith(
        "application/cloudevents"
    )


def content_type(headers: Headers) -> str:
    """The media type of the value, in lower case and without parameters; empty where none is given."""
    for name, value in headers:
        if name.lower() == "content-type" and value:
            return value.decode("latin-1").partition(";")[0].strip().lower()
    return ""


def attributes(headers: Headers) -> dict[str, str] | None:
    """The event's attributes by name; None where one is no UTF-8 or given twice."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name.startswith(_ATTRIBUTE_PREFIX):
            attribute = name.removeprefix(_ATTRIBUTE_PREFIX)
            if attribute in found:
                return None
            try:
                found[attribute] = bytes(value or b"").decode()
            except UnicodeDecodeError:
                return None
    return found
