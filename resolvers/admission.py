"""Admission: what an event's identifiers come to before anything is linked by them.

Job: take each value through scope, junk list, blocked values, normaliser and pseudonym; refuse the event, or hand on
its identifiers, strongest first. The same for identifiers that an operator writes.
Rules (contract, section 1): a bad value is dropped and reported, a bad event is refused; both are values.
Nothing that leaves this module holds the raw value of a hashed namespace, and no message holds any value.
Must not know: the log, the store, what an event means.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from operator import attrgetter
from typing import Final, Literal, NamedTuple, Protocol

from msgspec import Struct

from resolvers.junk import JUNK_PHONES, Blocklist, is_junk
from resolvers.life_keys import shown as shown_key
from resolvers.namespaces import CARD, IdentityRules, Namespace
from resolvers.normalise import folded, is_nobodys, is_randomised, normalise_text, normaliser
from resolvers.pseudonyms import Pseudonyms, display, is_token
from resolvers.sources import Sources
from topics.events import CardReplacedData, Data, ReferralData, Touchpoint
from topics.identifiers import Identifier
from topics.refusals import Refusal, RefusalCode

DropRule = Literal["blocked_value", "invalid_value"]

CACHED_VALUES: Final = 131_072
"""Values kept with what they came to: some 100 MB when full, for 30 times less work on a value seen before."""
TOKEN_MARK: Final = "~"  # noqa: S105 - the sign in front of a token, no secret


class Seen(Struct, frozen=True, gc=False):
    """An identifier as an event named it.

    `display` is masked for hashed namespaces, the token itself otherwise. `key` is the identifier's.
    """

    display: str
    key: str

    @property
    def identifier(self) -> Identifier:
        """The identifier, in whichever of its lives."""
        return Identifier.parse(shown_key(self.key))


class Dropped(NamedTuple):
    """A value that was dropped from its event, and why.

    `token` is the one that the value would have; of a value without a normal form its keyed digest.
    """

    namespace: str
    token: str
    rule: DropRule


class Admitted(Struct, frozen=True, gc=False):
    """What is left of an event's identifiers: distinct, strongest first, at least one.

    `replaces` is the old number of a `card.replaced`, which is never among the identifiers; None also if it was dropped
    or if no other card is left. `inviter` is who invited, to be counted and never linked.
    """

    identifiers: tuple[Seen, ...]
    dropped: tuple[Dropped, ...]
    inviter: Seen | None
    replaces: Seen | None


FORMS: Final = {
    "phone": "a number as it is dialled, with + and the code of its country where that is another one",
    "email": "name@host",
    "mac": "six pairs of hexadecimal digits",
}
"""How a value is written, by the normaliser that refuses others."""


class Unreadable(NamedTuple):
    """Why an operator's identifier could not be read: one English sentence without the value."""

    message: str


class Drops(Protocol):
    """Whether a value is blocked at a place in the log."""

    def __call__(self, key: str, writings: tuple[str, ...]) -> bool: ...  # noqa: D102 - see above


class _Reading(Struct, frozen=True, gc=False):
    """A value that passed."""

    rank: int
    normalised: str  # with its scope
    seen: Seen
    unique_in: str | None  # one reading of an event may have this; None where the namespace is not unique

    def writings(self, raw: str) -> tuple[str, ...]:
        """The value as it came, without outer blanks, and normally written, with its scope and without."""
        return (folded(raw), self.normalised, self.normalised.partition(":")[2] or self.normalised)


_IN_ORDER: Final = attrgetter("rank", "normalised")
"""As the contract orders identifiers."""


class _Values:
    """How values of one namespace are read."""

    __slots__ = ("_blocklist", "_namespace", "_normalise", "_pseudonyms")

    def __init__(self, namespace: Namespace, blocked: Iterable[str], pseudonyms: Pseudonyms) -> None:
        self._namespace = namespace
        self._normalise = normaliser(namespace)
        self._blocklist = Blocklist(blocked, self._normalise)
        self._pseudonyms = pseudonyms

    def read(self, raw: str) -> _Reading | Dropped:
        """A value as an event names it."""
        raw = folded(raw)
        scope, value = self._parts(raw)
        normalised = None if value is None else self._normalise(value)
        if value is not None and self._is_blocked(raw, scope, value, normalised):
            return self._dropped(raw, scope, normalised, "blocked_value")
        if normalised is None or (scope is None and self._namespace.scoped):
            return self._dropped(raw, scope, None, "invalid_value")
        namespace = self._namespace
        return _Reading(
            namespace.rank,
            _written(scope, normalised),
            self._seen(scope, normalised),
            f"{namespace.name}:{scope}" if namespace.unique else None,
        )

    def seen(self, raw: str) -> Seen | None:
        """A value as an operator names it, who may speak of blocked values too; None if it has no normal form."""
        scope, value = self._parts(folded(raw))
        normalised = None if value is None else self._normalise(value)
        if normalised is None or (scope is None and self._namespace.scoped):
            return None
        return self._seen(scope, normalised)

    def _parts(self, raw: str) -> tuple[str | None, str | None]:
        """Scope and value. No value: one of the two is missing or the scope is unprintable."""
        if not self._namespace.scoped:
            return None, raw
        before, colon, after = raw.partition(":")
        if not colon:
            return self._namespace.default_scope, raw
        scope = normalise_text(before)
        return scope, (after.strip() or None) if scope else None

    def _is_blocked(self, raw: str, scope: str | None, value: str, normalised: str | None) -> bool:
        if is_junk(value) or self._blocklist.holds(raw, value):
            return True
        if normalised is None:
            return is_nobodys(self._namespace, value)
        kind = self._namespace.normalise
        if (kind == "phone" and normalised in JUNK_PHONES) or (kind == "mac" and self._is_dropped_mac(normalised)):
            return True
        return self._blocklist.holds(normalised, _written(scope, normalised))

    def _is_dropped_mac(self, mac: str) -> bool:
        return self._namespace.randomised == "drop" and is_randomised(mac)

    def _seen(self, scope: str | None, normalised: str) -> Seen:
        token = self._pseudonyms.token(self._namespace, scope, normalised)
        shown = token if self._namespace.pii is None else display(self._namespace, scope, normalised)
        return Seen(shown, f"{self._namespace.name}:{token}")

    def blocklist(self, entry: str) -> Blocklist:
        """What a line of `blocked` in the configuration blocks."""
        return Blocklist([entry], self._normalise)

    def _dropped(self, raw: str, scope: str | None, normalised: str | None, rule: DropRule) -> Dropped:
        """A value without a normal form may be anybody's anything in the wrong field, so its digest stands for it."""
        namespace, pseudonyms = self._namespace, self._pseudonyms
        token = (
            pseudonyms.digest(namespace, raw) if normalised is None else pseudonyms.token(namespace, scope, normalised)
        )
        return Dropped(namespace.name, token, rule)


def _written(scope: str | None, normalised: str) -> str:
    return normalised if scope is None else f"{scope}:{normalised}"


class Admission:
    """The rules and the key by which identifiers are admitted. Immutable; what it has read before it remembers."""

    def __init__(self, rules: IdentityRules, pseudonyms: Pseudonyms) -> None:
        """Raises BadPatternError if a blocked pattern is refused; settings have checked them before."""
        self.rules = rules
        self.pseudonyms = pseudonyms
        self.namespaces: Mapping[str, Namespace] = rules.namespaces
        self.undeclared = f"The namespace is not declared; declared are {', '.join(rules.namespaces)}"
        self._values = {
            name: _Values(namespace, rules.blocked.get(name, ()), pseudonyms)
            for name, namespace in rules.namespaces.items()
        }
        self.sources = Sources(rules.sources)
        self.read = lru_cache(maxsize=CACHED_VALUES)(self._read)

    def identifier(self, namespace: str, raw: str) -> Identifier | None:
        """The identifier of a declared namespace's value, blocked or not; None if it has no normal form."""
        seen = self.seen(namespace, raw)
        return None if seen is None else seen.identifier

    def seen(self, namespace: str, raw: str) -> Seen | None:
        """The same with what people see of it."""
        return self._values[namespace].seen(raw)

    def blocklist(self, namespace: str, entry: str) -> Blocklist | None:
        """What an entry of `blocked` blocks; None if the namespace is not declared.

        Raises:
            BadPatternError: its pattern is refused.
        """
        values = self._values.get(namespace)
        return None if values is None else values.blocklist(entry)

    def _read(self, namespace: str, raw: str) -> _Reading | Dropped:
        return self._values[namespace].read(raw)


def admit(touchpoint: Touchpoint, admission: Admission, drops: Drops | None = None) -> Admitted | Refusal:
    """The identifiers of an event as they count, or why the event is refused.

    Args:
        touchpoint: a decoded event.
        admission: the rules and the key.
        drops: whether an operator has blocked a value at the event's place in the log, by key and writings
            (`resolvers.blocking`); None: nothing ever was.

    """
    if admission.rules.sources and (untrusted := admission.sources.refuse(touchpoint)) is not None:
        return untrusted
    data = touchpoint.data
    dropped: list[Dropped] = []
    readings = _read_all("data.identifiers", data.identifiers, dropped, admission, drops)
    beside = _read_beside(data, dropped, admission, drops)
    if isinstance(readings, Refusal):
        return readings
    if isinstance(beside, Refusal):
        return beside
    inviter = replaces = None
    if beside:
        if isinstance(data, CardReplacedData):
            replaces = _take_out_replaced(beside[0], readings)
        else:
            inviter = beside[0].seen
    if not readings:
        return Refusal(RefusalCode.NO_IDENTIFIER, "No value is left that could name a person - at `$.data.identifiers`")
    if (namespace := _conflict(readings)) is not None:
        return Refusal(
            RefusalCode.CONFLICTING_IDENTIFIERS, f"Two values of {namespace}, which is unique - at `$.data.identifiers`"
        )
    return Admitted(
        tuple([reading.seen for reading in readings]),
        tuple(dict.fromkeys(dropped)) if dropped else (),
        inviter,
        replaces,
    )


def _read_all(
    place: str,
    named: Mapping[str, str | list[str]],
    dropped: list[Dropped],
    admission: Admission,
    drops: Drops | None,
) -> list[_Reading] | Refusal:
    """The values that pass, distinct and strongest first; those that do not are added to `dropped`."""
    namespaces, read = admission.namespaces, admission.read
    readings: list[_Reading] = []
    for namespace, values in named.items():
        if namespace not in namespaces:
            return Refusal(RefusalCode.UNKNOWN_NAMESPACE, f"{admission.undeclared} - at `$.{place}`")
        for raw in (values,) if isinstance(values, str) else values:
            reading = read(namespace, raw)
            if not isinstance(reading, _Reading):
                dropped.append(reading)
            elif drops is not None and drops(reading.seen.key, reading.writings(raw)):
                dropped.append(Dropped(namespace, reading.seen.identifier.token, "blocked_value"))
            else:
                readings.append(reading)
    if len(readings) > 1:
        readings.sort(key=_IN_ORDER)
        if any([one == other for one, other in pairwise(readings)]):
            return list(dict.fromkeys(readings))
    return readings


def _read_beside(
    data: Data, dropped: list[Dropped], admission: Admission, drops: Drops | None
) -> list[_Reading] | Refusal:
    """The one identifier that stands beside `identifiers`: the replaced card or the inviter."""
    if isinstance(data, CardReplacedData):
        return _read_all("data.replaces", {CARD: data.replaces}, dropped, admission, drops)
    if isinstance(data, ReferralData) and data.inviter is not None:
        return _read_all("data.inviter", {**data.inviter}, dropped, admission, drops)
    return []


def _take_out_replaced(old: _Reading, readings: list[_Reading]) -> Seen | None:
    """The replaced card, no longer among the readings; None if no other card is left that could have replaced it."""
    if all(reading.rank != old.rank or reading == old for reading in readings):
        return None
    if old in readings:
        readings.remove(old)
    return old.seen


def _conflict(readings: list[_Reading]) -> str | None:
    """The unique namespace that has two values in one scope. Sorted readings of one scope lie side by side."""
    for one, next_one in pairwise(readings):
        if one.unique_in is not None and one.unique_in == next_one.unique_in:
            return one.seen.identifier.namespace
    return None


def parse_identifier(text: str, admission: Admission) -> Identifier | Unreadable:
    """The identifier that an operator wrote as `namespace:value`, or as `namespace:~token`."""
    seen = parse_seen(text, admission)
    return seen if isinstance(seen, Unreadable) else seen.identifier


def parse_seen(text: str, admission: Admission) -> Seen | Unreadable:
    """The same with what people see of it: nothing, where only the token of a hashed value is known.

    The value goes through the same normaliser and key as in an event. A token is taken as it is, under whichever key it
    was made: it may be an old one.
    """
    name, colon, rest = text.strip().partition(":")
    if not (name and colon and rest):
        return Unreadable("An identifier is written namespace:value, or namespace:~token")
    namespace = admission.namespaces.get(name)
    if namespace is None:
        return Unreadable(admission.undeclared)
    if rest.startswith(TOKEN_MARK):
        token = rest.removeprefix(TOKEN_MARK)
        if not is_token(namespace, token):
            return Unreadable(f"This is no token of {name}")
        return Seen(token if namespace.pii is None else "", f"{name}:{token}")
    seen = admission.seen(name, rest)
    if seen is None:
        scoped = "scope:value" if namespace.scoped and namespace.default_scope is None else "value"
        form = FORMS.get(namespace.normalise or "", "")
        return Unreadable(f"This is no valid {scoped} of {name}{form and f'; write {form}'}")
    return seen


def is_nobodys_value(text: str, admission: Admission) -> bool:
    """Whether what an operator wrote, and `parse_seen` could read, would be dropped from any event."""
    name, _, rest = text.strip().partition(":")
    return not rest.startswith(TOKEN_MARK) and isinstance(admission.read(name, rest), Dropped)
