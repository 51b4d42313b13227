"""Fitting: a profile that is too large to be a record is told without parts of it, and says which.

Caps keep what one identifier brings in bounds, but a person may have a thousand identifiers, and traits that are long
texts. A record that no broker takes would stop everybody whose profiles are published by the same worker.
Rules: parts go whole, in a fixed order, until the rest fits: what follows from the contents alone. What is decided of
the person (tier, tags, stage, sums) is decided before, from everything.
Must not know: records, topics, rules.
"""

from collections.abc import Mapping
from typing import Any, Final

from topics.codec import canonical

CONTENTS_BYTES_MAX: Final = 3 * 1_048_576
"""The topic takes 4 MiB; the rest is for the frame, and for the ids of those who ended in this one."""

_PARTS: Final[tuple[tuple[str, Any], ...]] = (
    ("traits", {}),
    ("counters", {}),
    ("appointments.upcoming", []),
    ("coupons.held", []),
    ("wechat.following", []),
    ("orders.open", []),
    ("shipments", []),
    ("rewards", []),
    ("engagement.campaigns", []),
    ("consents", {}),
)


def fitting(contents: Mapping[str, Any], bytes_max: int = CONTENTS_BYTES_MAX) -> bytes:
    """The contents as canonical JSON, if need be without parts, which are then empty and named in `left_out`."""
    body = canonical(contents)
    if len(body) <= bytes_max:
        return body
    told = dict(contents)
    left_out: list[str] = []
    for path, empty in _PARTS:
        name, _, inner = path.partition(".")
        told[name] = {**told[name], inner: empty} if inner else empty
        left_out.append(path)
        body = canonical({**told, "left_out": left_out})
        if len(body) <= bytes_max:
            break
    return body
