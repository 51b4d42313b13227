"""Lookup: the profile of an id or of an identifier, as last published.

The store keeps no profiles; it leads to the record on the profiles topic that is one: what was published of the
component (`stream.reading.walking`) -> the record's offset.
Must not know: HTTP, what is in a profile.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol

import msgspec

from stream.reading.walking import Chosen, Current, LookupStore, Walk, find, first_life, of_id, of_identifier
from topics.identifiers import Identifier


class Records(Protocol):
    """Where profiles are read."""

    async def read(self, profile_id: str, offset: int) -> bytes | None:
        """The value of the profile's record at an offset; None if it is not there."""
        ...


class Found(NamedTuple):
    """A profile as last published: `json` is the record's value, byte for byte."""

    profile_id: str
    version: int
    json: bytes


class _Head(msgspec.Struct):
    """As much of a record as tells that it is the one that was meant."""

    profile_id: str
    version: int


_head = msgspec.json.Decoder(_Head)


class Lookup:
    """Profiles by id and by identifier."""

    def __init__(
        self, store: Callable[[], Awaitable[LookupStore]], records: Records, current: Current = first_life
    ) -> None:
        """`store` gives the store as it is now, or raises `UnavailableError`; `current` is about the last given."""
        self._store = store
        self._records = records
        self._current = current

    async def by_id(self, profile_id: str) -> Found | None:
        """The profile of an id; of one that merged away, the survivor. None: unknown or erased.

        Raises:
            UnavailableError: it can't be read now.
        """
        return await find(of_id(profile_id), self._store, self._read)

    async def by_identifier(self, identifier: Identifier) -> Found | None:
        """The profile that an identifier belongs to. None: unknown or erased.

        Raises:
            UnavailableError: it can't be read now.
        """
        return await find(of_identifier(identifier, self._current), self._store, self._read)

    async def _read(self, chosen: Chosen, _walk: Walk) -> Found | None:
        """The record, if it is the one that the store speaks of: a topic made anew has other ones at the same place."""
        profile_id, published, offset = chosen
        if offset < 0:
            return None
        json = await self._records.read(profile_id, offset)
        if json is None:
            return None
        try:
            head = _head.decode(json)
        except msgspec.MsgspecError:
            return None
        if head != _Head(profile_id, published.version):
            return None
        return Found(profile_id, published.version, json)
