"""Recent events of one identifier: is this event one that was applied already, or another body under its name?

An entry is 16 bytes: the event's name (64 bits of a digest of source and id), its append time (s), and 32 bits of its
body's digest. An identifier keeps the last `ids_per_identifier` entries; two records are the same event only within
`days` of append time.
Must not know: facts, identifiers.
"""

import hashlib
import struct
import zlib
from typing import Literal

from msgspec import Struct

from resolvers.namespaces import Dedupe

_ENTRY = struct.Struct(">QII")
_NAME = struct.Struct(">Q")
_DAY_S = 86_400

Verdict = Literal["new", "same", "reused"]


class Signature(Struct, frozen=True, gc=False):
    """What tells an event apart: 64 bits of (source, id), when it was appended (s), 32 bits of its body."""

    name: int
    append_s: int
    body: int


def signature(source: str, id_: str, append_ms: int, body: bytes) -> Signature:
    """The signature of an event whose canonical content is `body`."""
    name = hashlib.blake2b(f"{source}\0{id_}".encode(), digest_size=8).digest()
    return Signature(int.from_bytes(name), append_ms // 1000, zlib.crc32(body))


def verdict(recent: bytes, event: Signature, dedupe: Dedupe) -> Verdict:
    """Whether the event is new, the same as one applied, or another body under a used name."""
    name = _NAME.pack(event.name)
    at = recent.find(name)
    while at >= 0:
        if at % _ENTRY.size == 0:
            _, append_s, body = _ENTRY.unpack_from(recent, at)
            if abs(event.append_s - append_s) <= dedupe.days * _DAY_S:
                return "same" if body == event.body else "reused"
        at = recent.find(name, at + 1)
    return "new"


def remembered(recent: bytes, event: Signature, dedupe: Dedupe) -> bytes:
    """The recent events with this one; the oldest goes when there are too many."""
    recent += _ENTRY.pack(event.name, event.append_s, event.body)
    return recent[-dedupe.ids_per_identifier * _ENTRY.size :] if dedupe.ids_per_identifier else b""
