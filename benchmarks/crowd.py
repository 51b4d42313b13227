"""A crowd in the store: members as if each had registered, written about as fast as the store takes it.

The engine's own protocols make the first of them, in memory. The others are copies of what they have written, in which
card number, phone token and profile id are another's, all of one length; the store's own steps write them. Of a copy
two things are still the first one's: the digest of its published contents, and the id of the event that made it.
Rules: what is written is what a worker finds after so many registrations; nobody is told of it.
Must not know: which store, what is measured.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from resolvers.cache import Cache
from resolvers.intake import Accepted, take_in
from resolvers.projecting import project
from resolvers.pseudonyms import Pseudonyms
from resolvers.publication import Sending, encode
from resolvers.resolving import resolve
from resolvers.standing import standing_of
from resolvers.steps import (
    ClaimHome,
    Commit,
    Complete,
    Intend,
    NameProfile,
    Notice,
    Notify,
    Publish,
    Reply,
    Schedule,
    Step,
)
from sinks.carrying import carry_in_memory
from sinks.memory_store import MemoryStore
from stream.config.settings import Settings
from stream.rulebook import admission_of, rulebook_of
from topics.catalogue import TOUCHPOINTS
from topics.codec import encode as encode_json
from topics.envelope import Limits
from topics.instants import DAY_US, to_text, to_us
from topics.records import Record

MOST: Final = 100_000_000
REGISTERED_DAYS_AGO: Final = 40
"""No new member any more, and for fifty days nothing changes but the month."""


class Names(NamedTuple):
    """What tells one of the crowd from another, as it stands in the store; each of one length for all of them."""

    number: str
    token: str
    shown: str
    profile_id: str

    @property
    def card(self) -> str:
        """The key of the card, by which the component is called too."""
        return f"card:main:{self.number}"

    @property
    def phone(self) -> str:
        """The key of the phone number."""
        return f"phone:{self.token}"


class Crowd:
    """Members whose birthday is next month. `due_us`: the instant at which it begins, and all of them are due."""

    def __init__(self, settings: Settings, now_us: int) -> None:
        admission = admission_of(settings)
        self._rulebook = rulebook_of(settings, lambda: standing_of([], admission))
        self._pseudonyms = Pseudonyms(settings.hash_key.reveal().encode())
        begins = _next_month(now_us, ZoneInfo(admission.rules.timezone))
        event = _registered(f"1990-{begins:%m}-15", now_us - REGISTERED_DAYS_AGO * DAY_US)
        topic = TOUCHPOINTS.full_name(settings.topic_prefix)
        taken = take_in(Record(topic, 0, 0, now_us // 1_000, None, event, ()), Limits(), admission)
        assert isinstance(taken, Accepted), taken
        store = MemoryStore(lambda: now_us)

        def execute(step: Step) -> Reply:
            if isinstance(step, Publish):
                return [-1] * len(step.records)
            return None if isinstance(step, Notify) else store.execute(step)

        resolved = carry_in_memory(resolve([taken.arrival], Cache(), admission.rules), execute)
        notices = [Notice(one.component.name, 0, "", "", 0) for one in resolved.changed]
        carry_in_memory(project(notices, Cache(), self._rulebook, now_us), execute)
        self._first = self.names(0)
        [fields] = store.content.components.values()
        [publication] = store.content.publications.values()
        assert store.content.homes == dict.fromkeys([self._first.card, self._first.phone], self._first.card)
        assert (fields["v"], publication.after) == (b"1", None)
        self._fields = {name: value for name, value in fields.items() if name != "v"}
        self._state, self._offsets = publication.state or b"", publication.offsets or b""
        [[(self.due_us, _)]] = store.content.due.values()
        assert self.due_us == to_us(begins), "the month is the first thing that changes"

    def names(self, number: int) -> Names:
        """What the member of a number is called."""
        assert number < MOST, "the names would get longer"
        namespace = self._rulebook.rules.namespaces["phone"]
        card, phone = _card(number), _phone(number)
        token = self._pseudonyms.token(namespace, None, f"+86{phone}")
        return Names(card, token, f"{phone[:3]}****{phone[-4:]}", self._rulebook.mint(f"card:main:{card}", 0))

    def steps(self, numbers: Sequence[int]) -> tuple[list[Step], list[Step]]:
        """What puts some of them into the store: the first list in any order, and then the second."""
        first: list[Step] = []
        then: list[Step] = []
        sending = encode(Sending())
        for number in numbers:
            names = self.names(number)
            table = [(old.encode(), new.encode()) for old, new in zip(self._first, names, strict=True)]
            fields = {
                _renamed(name.encode(), table).decode(): _renamed(value, table) for name, value in self._fields.items()
            }
            first += (
                ClaimHome(names.card, names.card),
                ClaimHome(names.phone, names.card),
                Commit(names.card, 0, fields),
                Intend(names.card, 0, _renamed(self._state, table), sending),
                NameProfile(names.profile_id, names.card),
                Schedule(names.card, self.due_us),
            )
            then.append(Complete(names.card, 1, self._offsets))
        return first, then


def _next_month(now_us: int, zone: ZoneInfo) -> datetime:
    """The instant at which it begins."""
    now = datetime.fromtimestamp(now_us / 1_000_000, zone)
    return (now.replace(day=1, hour=0, minute=0, second=0, microsecond=0) + timedelta(days=32)).replace(day=1)


def _registered(birthday: str, at_us: int) -> bytes:
    """The registration of the first of them."""
    data = {
        "identifiers": {"card": _card(0), "phone": _phone(0)},
        "traits": {"name": "Lin Yue", "birthday": birthday},
        "consents": {"sms": True},
        "channel": "store",
    }
    body = {"id": "r-1", "source": "/crowd", "type": "member.register", "time": to_text(at_us), "data": data}
    return encode_json(body)


def _card(number: int) -> str:
    return f"E{number:09}"


def _phone(number: int) -> str:
    return f"137{number:08}"


def _renamed(text: bytes, table: Sequence[tuple[bytes, bytes]]) -> bytes:
    for old, new in table:
        text = text.replace(old, new)
    return text
