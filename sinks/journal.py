"""The journal: what `identities` and `profiles` say last of each key, and `reminders` at all, in a file, to be asked.

In a file, because ten million people do not fit into a process; it is a temporary one of this user's alone, and holds
what these topics hold. Rule: of one key a greater version wins, and a tombstone forgets.
Must not know: how topics are read, what is made of it.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from resolvers.reminded import Reminded, read_reminder
from resolvers.restoring import Merged, Remembered, Said, read_identity, read_profile

ASKED_AT_ONCE: Final = 500
"""Values of one question; SQLite takes 999 in its older versions."""

_TABLES: Final = """
pragma journal_mode = off;
pragma synchronous = off;
create table identities (
    key text primary key, profile_id text not null, version integer not null, minted integer not null
) without rowid;
create index of_profile on identities (profile_id);
create table profiles (
    profile_id text primary key, version integer not null, place integer not null, into_id text, said blob
) without rowid;
create index of_survivor on profiles (into_id) where into_id is not null;
create table reminders (
    profile_id text not null, reminder text not null, occasion text not null, at_us integer not null,
    primary key (profile_id, reminder, occasion)
) without rowid;
"""
_IDENTITY: Final = """
insert into identities values (?, ?, ?, ?) on conflict (key) do update
set profile_id = excluded.profile_id, version = excluded.version, minted = excluded.minted
where excluded.version >= version
"""
_PROFILE: Final = """
insert into profiles values (?, ?, ?, ?, ?) on conflict (profile_id) do update
set version = excluded.version, place = excluded.place, into_id = excluded.into_id, said = excluded.said
where excluded.version >= version
"""
_REMINDER: Final = """
insert into reminders values (?, ?, ?, ?) on conflict do update set at_us = max(at_us, excluded.at_us)
"""
_LIVE: Final = """
select count(*) from (select profile_id from profiles where said is not null union select profile_id from identities)
"""

_encoder = msgspec.msgpack.Encoder()
_said = msgspec.msgpack.Decoder(Said)


class Journal:
    """One journal, in a file that is not there yet. Used by one thread at a time."""

    def __init__(self, file: Path) -> None:
        self._base = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._base.executescript(_TABLES)
        self._base.execute("begin")
        self.unreadable = 0

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()

    def take_identities(self, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        """Keys and values of records of `identities`, those of one key in order; what we did not write is counted."""
        for key, value in records:
            name = self._text(key)
            if name is None:
                continue
            if value is None:
                self._base.execute("delete from identities where key = ?", (name,))
                continue
            try:
                found = read_identity(value)
            except msgspec.DecodeError:
                self.unreadable += 1
            else:
                self._base.execute(_IDENTITY, (name, found.profile_id, found.version, found.minted))

    def take_profiles(self, records: Iterable[tuple[bytes | None, bytes | None, int]]) -> None:
        """Keys, values and offsets of records of `profiles`, likewise. An erased id stays known while it is told of."""
        for key, value, offset in records:
            name = self._text(key)
            if name is None:
                continue
            if value is None:
                erased = "update profiles set into_id = null, said = null where profile_id = ?"
                self._base.execute(erased, (name,))
                continue
            try:
                found = read_profile(value)
            except msgspec.DecodeError:
                self.unreadable += 1
                continue
            if isinstance(found, Merged):
                row: tuple[Any, ...] = (name, found.version, offset, found.into, None)
            else:
                row = (name, found.version, offset, None, _encoder.encode(found))
            self._base.execute(_PROFILE, row)

    def take_reminders(self, values: Iterable[bytes | None], since_us: Mapping[str, int]) -> None:
        """Values of records of `reminders`, in any order; of each reminder only those from an instant on."""
        for value in values:
            if value is None:
                continue
            try:
                found = read_reminder(value)
            except ValueError:
                self.unreadable += 1
            else:
                if found.at_us >= since_us.get(found.reminder, found.at_us + 1):
                    self._base.execute(_REMINDER, found)

    def fill_gaps(self) -> None:
        """Where `identities` has lost an identifier, the profile that lists it leads to it."""
        for one, version, blob in self._base.execute(
            "select profile_id, version, said from profiles where said is not null"
        ):
            rows = [(key, one, version, version) for key in _said.decode(blob).members]
            self._base.executemany("insert or ignore into identities values (?, ?, ?, ?)", rows)

    def counts(self) -> tuple[int, int, int]:
        """Identifiers; profile ids that live; ids that merged into others."""
        [identifiers] = self._base.execute("select count(*) from identities").fetchone()
        [live] = self._base.execute(_LIVE).fetchone()
        [merged] = self._base.execute("select count(*) from profiles where into_id is not null").fetchone()
        return identifiers, live, merged

    def of_keys(self, keys: Iterable[str]) -> dict[str, Remembered]:
        """By id, what is remembered of each profile that one of the identifiers is in."""
        return self.of_ids({row[0] for row in self._asked("select profile_id from identities where key in", keys)})

    def of_ids(self, profile_ids: Iterable[str]) -> dict[str, Remembered]:
        """By id, what is remembered of each of these that lives."""
        wanted = sorted(set(profile_ids))
        members: dict[str, dict[str, int]] = {}
        minted: dict[str, int] = {}
        for key, one, version, born in self._asked(
            "select key, profile_id, version, minted from identities where profile_id in", wanted
        ):
            members.setdefault(one, {})[key] = version
            minted[one] = min(born, minted.get(one, born))
        said = {
            one: (_said.decode(blob), offset)
            for one, offset, blob in self._asked(
                "select profile_id, place, said from profiles where said is not null and profile_id in", wanted
            )
        }
        # A device's second profile has no identifiers, and so nobody to say how old it is.
        for one, (record, _) in said.items():
            minted.setdefault(one, record.version)
        return {
            one: Remembered(one, members.get(one, {}), minted[one], *said.get(one, (None, -1)))
            for one in wanted
            if one in minted
        }

    def living(self) -> Iterator[tuple[str, Said]]:
        """Every id that lives, with what was said last of it."""
        for one, blob in self._base.execute("select profile_id, said from profiles where said is not null"):
            yield one, _said.decode(blob)

    def leads(self, keys: Sequence[str]) -> dict[str, str]:
        """The profile id that each identifier leads to."""
        return dict(self._asked("select key, profile_id from identities where key in", keys))

    def last(self, profile_ids: Sequence[str]) -> dict[str, Said | Merged]:
        """What was said last of each id; erased ones are left out."""
        rows = self._asked("select profile_id, version, into_id, said from profiles where profile_id in", profile_ids)
        return {
            one: Merged(version, into) if into is not None else _said.decode(blob)
            for one, version, into, blob in rows
            if into is not None or blob is not None
        }

    def ended_in(self, profile_ids: Iterable[str]) -> dict[str, str]:
        """The ids that merged into these, at whatever remove -> the id that each merged into."""
        found: dict[str, str] = {}
        into = list(profile_ids)
        while into:
            rows = list(self._asked("select profile_id, into_id from profiles where into_id in", into))
            into = [one for one, _ in rows if one not in found]
            found.update(rows)
        return found

    def reminded(self, profile_ids: Iterable[str]) -> dict[str, list[Reminded]]:
        """By id, the occasions that each of these was told of, as far as they were taken."""
        found: dict[str, list[Reminded]] = {}
        for row in self._asked("select * from reminders where profile_id in", profile_ids):
            found.setdefault(row[0], []).append(Reminded(*row))
        return found

    def known(self, profile_ids: Sequence[str]) -> set[str]:
        """Those of the ids that anything is known of."""
        found = {row[0] for row in self._asked("select profile_id from profiles where profile_id in", profile_ids)}
        rows = self._asked("select distinct profile_id from identities where profile_id in", profile_ids)
        return found | {row[0] for row in rows}

    def _asked(self, question: str, values: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        """The rows for some values; the question ends where these follow."""
        every = list(values)
        for at in range(0, len(every), ASKED_AT_ONCE):
            some = every[at : at + ASKED_AT_ONCE]
            yield from self._base.execute(f"{question} ({','.join('?' * len(some))})", some)

    def _text(self, key: bytes | None) -> str | None:
        try:
            return (key or b"").decode() or None
        except UnicodeDecodeError:
            self.unreadable += 1
            return None
