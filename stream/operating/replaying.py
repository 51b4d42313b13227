"""Replaying: a fresh store is filled from the log, by the stages of the worker and by what was published.

The way: the journal (what the output topics say last) is read -> what operators decided is applied -> touchpoints go
through the worker's own resolve stage, with nobody told -> each component gets back what was published of it
(`resolvers.restoring`) -> the worker's own project stage says what is different.
Rules: nothing is said twice: dead letters and conflicts of records that a worker had done with are not sent again,
those of later ones are. It may be stopped anywhere and run again: it goes on where it was.
Must not know: whose terminal watches, what a component or a profile is made of.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Final, NamedTuple

import structlog

from resolvers.admission import Admission
from resolvers.cache import Cache
from resolvers.commanding import apply, remembered_of
from resolvers.component import Component
from resolvers.constraints import in_force
from resolvers.difference import Difference, difference
from resolvers.finding import find_all
from resolvers.life_keys import shown
from resolvers.people import VALUES_OF, People, people
from resolvers.projecting import Rulebook
from resolvers.publication import Publication, State
from resolvers.reminded import counts_since, remembered
from resolvers.restoring import Remembered, Restored, own_ids, restored, write_down
from resolvers.standing import standing_of
from resolvers.steps import Decide, Notice, ReadComponent, ReadPublication, together
from sinks.carrying import carry
from sinks.journal import Journal
from sinks.log_reader import LogReader, Place, Stretch
from sinks.publisher import OpenPublisher
from sinks.redis_store import RedisStore
from sinks.store import Advance
from stream.chunks import Chunk
from stream.config.configuration import DeadLetterLimit
from stream.config.settings import Settings
from stream.flood import Flood
from stream.metrics import Metrics
from stream.operating.quiet import Quiet
from stream.project import Projecting, Told
from stream.resolve import BATCH_RECORDS, Resolving
from stream.session import Parts
from stream.waking import Pages, note_of
from topics.catalogue import CHANGES, COMMANDS, IDENTITIES, PROFILES, REMINDERS, RESULTS, TOUCHPOINTS, Topic
from topics.commands import Result, decode_result
from topics.instants import to_text

SOURCE: Final = "idweave.replay"
"""What stands as the source of what a rebuild publishes."""
JOURNAL_RECORDS: Final = 5_000
COMPONENTS_AT_ONCE: Final = 200

log = structlog.get_logger("idweave.replay")

Shown = Callable[[str, int, int | None], None]
"""(what is being done, how much of it is done, of how much where that is known)."""


class ReplayFailedError(Exception):
    """It cannot go on. The message says why and what to do."""


class Servers(NamedTuple):
    """What it works with: the store that is filled, the log, and a journal that is empty."""

    store: RedisStore
    reader: LogReader
    journal: Journal


class Totals(NamedTuple):
    """What was read. `kept_since_ms`: when the first touchpoint that is kept was appended, if it was read now."""

    identifiers: int
    profiles: int
    merged: int
    commands: int
    touchpoints: int
    refused: int
    kept_since_ms: int | None


class Rebuilt(NamedTuple):
    """A component at rest, its people, and what was published of it; `anew`: that is not in the store yet."""

    component: Component
    people: People
    state: State
    anew: Restored | None


class Replaying:
    """One rebuild."""

    def __init__(
        self, settings: Settings, rulebook: Rulebook, admission: Admission, servers: Servers, shown: Shown
    ) -> None:
        store, reader, journal = servers
        self._prefix, self._fingerprint = settings.topic_prefix, settings.rules_fingerprint
        self._rulebook = rulebook
        self._reminders = () if rulebook.member is None else rulebook.member.rules.reminders
        self._store = store
        self._reader = reader
        self._journal = journal
        self._shown = shown
        metrics = Metrics()
        flood = Flood(metrics, DeadLetterLimit())
        self._resolving = Resolving(admission, settings.configuration.limits, metrics, flood, None)
        self._projecting = Projecting(rulebook, metrics, Pages())
        self._cache = Cache()
        self._admission = admission
        self.standing = standing_of(store.fences, admission)
        self._commands = self._touchpoints = self._refused = 0
        self._since_ms: int | None = None

    # --- what is read

    async def read_journal(self) -> None:
        """Read what the output topics say, to their ends."""
        since_us = counts_since(self._reminders, await self._store.clock_us())
        identities, reminders = (topic.full_name(self._prefix) for topic in (IDENTITIES, REMINDERS))
        topics = (IDENTITIES, PROFILES, REMINDERS)
        async for stretches in self._stretches("reading the id journal", topics, JOURNAL_RECORDS):
            for place, _, _, records in stretches:
                if place[0] == identities:
                    self._journal.take_identities((one.key, one.value) for one in records)
                elif place[0] == reminders:
                    self._journal.take_reminders((one.value for one in records), since_us)
                else:
                    self._journal.take_profiles((one.key, one.value, one.offset) for one in records)
        self._journal.fill_gaps()
        if self._journal.unreadable:
            log.warning("records that this engine did not write are left out", count=self._journal.unreadable)

    async def apply_decisions(self) -> None:
        """Record what was decided about every command, and apply it, in the order of the log.

        They name identifiers and places in the log only, so they may come before the touchpoints.
        """
        found: dict[str, Result] = {}
        values: dict[str, bytes] = {}
        async for stretches in self._stretches("reading commands", (RESULTS,), JOURNAL_RECORDS):
            for record in (one for stretch in stretches for one in stretch.records if one.value is not None):
                result = decode_result(record.value or b"")
                found[result.id], values[result.id] = result, record.value or b""
        decided = [one for one in found.values() if one.status != "invalid" and not one.dry_run]
        decided.sort(key=attrgetter("position"))
        done = [one for one in decided if one.status == "done"]
        fences = {name: said for one in done for name, said in remembered_of(one).items()}
        await self._store.remember(fences)
        self.standing = standing_of(fences.values(), self._admission)
        for at, result in enumerate(decided):
            await self._store.execute_many([Decide(result.id, values[result.id])])
            if result.status == "done" and result.type != "erase":
                await carry(apply(result, None), self._store, Quiet())
            self._shown("applying commands", at + 1, len(decided))
        self._commands = len(decided)
        ends = {one.partition: one.offset + 1 for one in sorted(found.values(), key=lambda one: one.offset)}
        bounds = self._reader.bounds(self._reader.places(COMMANDS.full_name(self._prefix)))
        await self._begin_at({at: min(ends[at[1]], end) for at, (_, end) in bounds.items() if at[1] in ends})

    async def resolve(self, publisher: OpenPublisher | None, ends: Mapping[Place, int] | None = None) -> None:
        """Put the touchpoints into the identity graph, from where the store is to the ends that the log has now.

        Args:
            publisher: for the reports on records that no worker had done with; None: these are left for later.
            ends: read no further than this.
        """
        places = self._reader.places(TOUCHPOINTS.full_name(self._prefix))
        bounds = self._reader.bounds(places)
        done = self._done_by_workers(places, bounds)
        # On a broker of this machine an end may be told too small: what was done is there, the rest a worker reads.
        known = done if ends is None else ends
        there = {one: max(end, done[one], known[one]) for one, (_, end) in bounds.items()}
        last = {one: known[one] for one in there} if publisher is None or ends is not None else there
        starts = await self._store.start_offsets(places)
        if any((starts[one] or 0) > there[one] for one in places):
            raise ReplayFailedError(
                "The log ends before the place where this rebuild was: the topic was made anew. Empty the store that is"
                " being rebuilt, and start again."
            )
        of = sum(max(last[one] - max(starts[one] or 0, bounds[one][0]), 0) for one in places)
        read = 0
        self._shown("resolving touchpoints", 0, of)
        async for stretches in _in_thread(self._reader.read(starts, last, BATCH_RECORDS)):
            before = [part for one in stretches if (part := one.part(0, done[one.place])) is not None]
            after = [part for one in stretches if (part := one.part(done[one.place], None)) is not None]
            for some, relay in ((before, None), (after, publisher)):
                await self._resolve(some, Quiet(relay))
            for place, first, after_it, records in stretches:
                read += len(records)
                if records and starts[place] is None:
                    self._since_ms = min(records[0].append_ms, self._since_ms or records[0].append_ms)
                await self._advance(place, starts[place], after_it, first)
                starts[place] = after_it
            self._shown("resolving touchpoints", read, of)
        self._touchpoints += read

    async def _resolve(self, stretches: list[Stretch], publisher: Quiet) -> None:
        if not stretches:
            return
        taken_in = self._resolving.prepare(
            [Chunk(*one.place, one.first, one.next, one.records, 0, 0) for one in stretches]
        )
        self._refused += taken_in.refused.total()
        finish = await self._resolving.begin(taken_in, Parts(self._store, publisher, self._cache, self.standing))
        await finish()

    def totals(self) -> Totals:
        """What was read."""
        return Totals(*self._journal.counts(), self._commands, self._touchpoints, self._refused, self._since_ms)

    # --- what comes of it

    async def pages(self, now_us: int) -> AsyncIterator[list[Rebuilt]]:
        """All components at rest, some at a time, with what was published of them. Nothing is written."""
        cursor, done = 0, 0
        while True:
            page = await self._store.scan_components(cursor)
            for at in range(0, len(page.names), COMPONENTS_AT_ONCE):
                names = page.names[at : at + COMPONENTS_AT_ONCE]
                yield await self.rebuilt(names, now_us)
                done += len(names)
                self._shown("looking at people", done, None)
            cursor = page.cursor
            if not cursor:
                return

    async def rebuilt(self, names: Sequence[str], now_us: int) -> list[Rebuilt]:
        """The named components that are at rest and hold somebody."""
        read: list[Component] = await self._store.execute_many([ReadComponent(name) for name in names])
        found = [one for one in read if one.moved_to is None and one.facets]
        publications: list[Publication] = await self._store.execute_many([ReadPublication(one.name) for one in found])
        book = self._rulebook
        divided = [people(one, book.rules, now_us, book.blocked, book.member) for one in found]
        new = [
            (component, now)
            for component, now, publication in zip(found, divided, publications, strict=True)
            if publication.revision == 0
        ]
        again = {one.component: one for one in await self._restored(new)}
        return [
            Rebuilt(one, now, again[one.name].state if one.name in again else there.state, again.get(one.name))
            for one, now, there in zip(found, divided, publications, strict=True)
        ]

    async def components_of(self, keys: Sequence[str]) -> list[str]:
        """The names of the components at rest that these identifiers are in."""
        found = await carry(find_all(keys, self._cache), self._store, Quiet()) if keys else {}
        return sorted({one.name for one in found.values() if one is not None})

    async def publish(self, publisher: OpenPublisher, now_us: int) -> Counter[str]:
        """Write down what was published of each component, and publish what is different -> records by topic."""
        quiet = Quiet(publisher)
        async for page in self.pages(now_us):
            anew = [one.anew for one in page if one.anew is not None]
            written = await carry(together([write_down(one) for one in anew]), self._store, quiet)
            if not all(written):
                raise ReplayFailedError("Somebody else works on the store: stop that, empty the store and start again.")
            notices = [self._notice(one.component, now_us) for one in page]
            while notices:
                finish = await self._projecting.begin(
                    Told(notices, 0), Parts(self._store, quiet, self._cache, self.standing)
                )
                await finish()
                notices, quiet.notices = quiet.notices, []
        return quiet.sent

    def different(self, one: Rebuilt, now_us: int) -> Difference | None:
        """What `publish` would publish of a component."""
        notice = self._notice(one.component, now_us)
        book, told = self._rulebook, (one.component, one.people, one.state, notice)
        return difference(*told, now_us=now_us, mint=book.mint, member=book.member, was_erased=book.was_erased)

    async def finish(self) -> None:
        """Nothing is left to do: workers may work on the store, and need not read what was said before."""
        bounds = self._reader.bounds(self._reader.places(CHANGES.full_name(self._prefix)))
        await self._begin_at({place: end for place, (_, end) in bounds.items()})
        for _, partition in bounds:  # all were judged just now
            await self._store.note(note_of(partition, len(bounds)), self._fingerprint)
        await self._store.finish_rebuild()

    async def _restored(self, found: Sequence[tuple[Component, People]]) -> list[Restored]:
        """What was published of these components; those of which nothing is known are left out."""
        seen = {one.name: [key for key, facet in one.facets.items() if facet.seen] for one, _ in found}
        held = {one.name: _held(one, seen[one.name]) for one, _ in found}
        minted = own_ids([key for some in seen.values() for key in some], self._rulebook.mint, self._journal.known)
        there = self._journal.of_keys([key for some in held.values() for key in some])
        aside = {one: holder for holder, ids in minted.items() if holder.startswith(VALUES_OF) for one in ids}
        seconds = {one: held for one, held in self._journal.of_ids(aside).items() if not held.members}
        owner_of = await self._owners(there.values(), {key: name for name, some in held.items() for key in some})
        ours: dict[str, dict[str, Remembered]] = {one.name: {} for one, _ in found}
        for profile_id, (name, holder) in owner_of.items():
            if name in ours:
                ours[name][held[name][holder]] = there[profile_id]
        for profile_id, second in seconds.items():
            holder = aside[profile_id]
            name = next(name for name, some in seen.items() if holder.removeprefix(VALUES_OF) in some)
            ours[name][holder] = second
        results = []
        for component, now in found:
            mine = ours[component.name]
            ended = self._journal.ended_in(one.profile_id for one in mine.values())
            used = {
                one
                for key in seen[component.name]
                for holder in (key, VALUES_OF + key)
                for one in minted.get(holder, ())
            }
            if mine or used or now.refused:
                told = self._journal.reminded([*(one.profile_id for one in mine.values()), *ended])
                reminded = {one: remembered(some, self._reminders) for one, some in told.items()}
                results.append(restored(component, now, mine, ended, used, reminded=reminded))
        return results

    async def _owners(self, there: Iterable[Remembered], home_of: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """For each id the component that it belongs to, and its holder there, as outputs show it."""
        holders = {one.profile_id: one.holders(self._rulebook.rules) for one in there}
        elsewhere = sorted({key for keys in holders.values() for key in keys if key not in home_of})
        homes = dict(home_of)
        if elsewhere:
            lives = {self.standing.lives.current(key): key for key in elsewhere}
            found = await carry(find_all(list(lives), self._cache), self._store, Quiet())
            for key, component in found.items():
                if component is not None and (facet := component.facets.get(key)) is not None and facet.seen:
                    homes[lives[key]] = component.name
        first = {one: next((key for key in keys if key in homes), None) for one, keys in holders.items()}
        return {one: (homes[key], key) for one, key in first.items() if key is not None}

    # --- small things

    def _notice(self, component: Component, now_us: int) -> Notice:
        return Notice(component.name, component.version, to_text(now_us), SOURCE, now_us // 1000)

    def _done_by_workers(self, places: Sequence[Place], bounds: Mapping[Place, tuple[int, int]]) -> dict[Place, int]:
        """Up to where workers had done with the touchpoints, by what they told Kafka.

        Where Kafka has forgotten it, because nobody has read for long, all was done, if anything was ever published.
        """
        told = self._reader.committed(places)
        ever = self._journal.counts()[0] > 0
        return {one: told.get(one, bounds[one][1] if ever else 0) for one in places}

    async def _begin_at(self, offsets: Mapping[Place, int]) -> None:
        """Let a worker begin there, where the store has no position yet."""
        for place, position in (await self._store.start_offsets(offsets)).items():
            if position is None:
                await self._advance(place, None, offsets[place], offsets[place])

    async def _advance(self, place: Place, start: int | None, end: int, first: int) -> None:
        # The log's beginning may have been deleted since the rebuild began: that is a gap, and not a loss of writes.
        gone = start is not None and first > start
        outcome, _ = await self._store.advance(place, start, end, self._store.run_id, allow_gap=gone)
        if outcome != Advance.DONE:
            raise ReplayFailedError(
                f"The position of {place[0]} cannot be moved on (the store answers {outcome}): does another replay run?"
                " Run this again when it is the only one."
            )

    async def _stretches(self, what: str, topics: Sequence[Topic], records_max: int) -> AsyncIterator[list[Stretch]]:
        """Some topics from their beginnings to where reading ends."""
        places = [place for topic in topics for place in self._reader.places(topic.full_name(self._prefix))]
        of = sum(end - first for first, end in self._reader.bounds(places).values())
        done = 0
        async for stretches in _in_thread(self._reader.read(dict.fromkeys(places), {}, records_max)):
            yield stretches
            done += sum(one.next - one.first for one in stretches)
            self._shown(what, min(done, of), of)


def _held(component: Component, seen: Sequence[str]) -> dict[str, str]:
    """The identifiers that somebody in the component holds, as outputs show them -> the key of that life."""
    ruled = in_force(component.constraints)
    return {shown(key): key for key in ruled.one(key for key in seen if ruled.same.get(key, key) not in ruled.past)}


async def _in_thread(reading: Iterator[list[Stretch]]) -> AsyncIterator[list[Stretch]]:
    """The same, read in a thread, one step ahead."""
    ahead = asyncio.create_task(asyncio.to_thread(next, reading, None))
    try:
        while (stretches := await ahead) is not None:
            ahead = asyncio.create_task(asyncio.to_thread(next, reading, None))
            yield stretches
    finally:
        await asyncio.gather(ahead, return_exceptions=True)
