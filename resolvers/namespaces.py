"""What an operator decides about identity: the namespaces in their priority, and the limits around them.

Job: hold the identity part of `idweave.yaml` as values, with the defaults of the contract.
Rules: the order of `IdentityRules.namespaces` is the priority, strongest first, and `rank` repeats it as a number.
What needs a replay when it changes (order, scope, normaliser, pii, keys) is exactly what `identity_fingerprint` covers;
everything else here is live.
Must not know: the file these values were read from, and the keys themselves.
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from typing import Final, Literal

import msgspec

Policy = Literal["latest", "first", "drop"]
Pii = Literal["hash"]
NormaliserName = Literal["phone", "email", "mac"]
Randomised = Literal["link", "drop"]

CARD: Final = "card"
"""The namespace that `card.replaced` speaks of."""
ALWAYS_HASHED = frozenset({"phone", "email", "mac"})
"""Namespaces that are personal data by their name: hashed whether or not their line says so."""


class Limit(msgspec.Struct, frozen=True):
    """At most `n` values of a namespace (and scope) in one profile; with `days`, counted in a window of that length."""

    n: int
    days: int | None = None


class Namespace(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of identifier. Has only what its line in the configuration says.

    `rank` 0 is the strongest. `person` makes a profile that holds one known, `weak` marks a device that may be shared,
    `unique` allows one value a profile (and scope). A `scoped` value is `scope:value`, a bare one takes
    `default_scope` and is invalid where there is none. `normalise` None is the default normaliser; `region` is read by
    the phone normaliser only, `randomised` by the mac normaliser only: whether an address that a phone made up links
    like any other, or is dropped from its event.
    """

    name: str
    rank: int
    person: bool = False
    unique: bool = False
    weak: bool = False
    scoped: bool = False
    default_scope: str | None = None
    limit: Limit | None = None
    pii: Pii | None = None
    normalise: NormaliserName | None = None
    region: str = "CN"
    # They link: a phone keeps the one it made up for a network, so a shop's guests come back under it, and it is weak,
    # so that it never joins two known people. To drop them is for networks whose guests get a new one at each visit.
    randomised: Randomised = "link"


class Allowance(msgspec.Struct, frozen=True):
    """What a source may send: identifiers of these namespaces, events of these types (with * and ?); None is any."""

    namespaces: tuple[str, ...] | None = None
    types: tuple[str, ...] | None = None


Trust = Literal["allowed", "refused"] | Allowance


class Caps(msgspec.Struct, frozen=True, dict=True):
    """Distinct neighbours beyond which an identifier is a hub (`weak`, `other`), and identifiers in one component."""

    weak: int = 20
    other: int = 200
    component: int = 1000

    @cached_property
    def smallest(self) -> int:
        """Where fewer identifiers than this hang together, no cap matters."""
        return min(self.weak, self.other, self.component)


class Dedupe(msgspec.Struct, frozen=True):
    """How far back the same `id` and `source` are recognised: days between append times, and ids per identifier."""

    days: int = 30
    ids_per_identifier: int = 1024


class IdentityRules(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """Everything that decides who is who. `namespaces` is ordered, strongest first; `sources` by first match."""

    policy: Policy = "latest"
    namespaces: dict[str, Namespace]
    blocked: dict[str, tuple[str, ...]] = {}
    caps: Caps = Caps()
    dedupe: Dedupe = Dedupe()
    sources: dict[str, Trust] = {}
    timezone: str = "Asia/Shanghai"

    @cached_property
    def weak_is_last(self) -> bool:
        """Whether every weak namespace ranks below every other, so that devices' evidence is taken last."""
        met = False
        for namespace in self.namespaces.values():
            if met and not namespace.weak:
                return False
            met = namespace.weak
        return True


def namespace_of(key: str, rules: IdentityRules) -> Namespace:
    """The namespace of an identifier's key."""
    return rules.namespaces[key[: key.index(":")]]


def ranked(namespaces: Sequence[Namespace]) -> dict[str, Namespace]:
    """Namespaces by name in the order given, each with its place as its rank."""
    return {namespace.name: msgspec.structs.replace(namespace, rank=rank) for rank, namespace in enumerate(namespaces)}


def identity_fingerprint(rules: IdentityRules, key_ids: Sequence[str]) -> str:
    """32 hex characters that change exactly when stored tokens or their order would.

    Args:
        rules: order, scope, normaliser (with its region) and pii of each namespace count; the rest is live.
        key_ids: the public fingerprints of the hash key and of the id key, in that order.

    """
    lines = [repr(tuple(key_ids))]
    lines.extend(
        repr(
            (
                namespace.name,
                namespace.scoped,
                namespace.default_scope,
                namespace.normalise,
                namespace.region if namespace.normalise == "phone" else None,
                namespace.pii,
            )
        )
        for namespace in rules.namespaces.values()
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]


DEFAULT_RULES = IdentityRules(
    namespaces=ranked(
        [
            # A brand's own number: issued once, to one person, in one programme.
            Namespace(name="card", rank=0, person=True, unique=True, scoped=True, default_scope="main"),
            # One per person and Open Platform account, given by the platform itself.
            Namespace(name="unionid", rank=1, person=True, unique=True, scoped=True, default_scope="main"),
            # People have a second number and change numbers; four and more look like a shop's desk or a family.
            Namespace(name="phone", rank=2, person=True, limit=Limit(3), pii="hash", normalise="phone"),
            # Accounts are opened again after a lost password.
            Namespace(name="login", rank=3, person=True, limit=Limit(5), scoped=True, default_scope="main"),
            # Weaker than a phone: not verified at the till, and shared in offices.
            Namespace(name="email", rank=4, person=True, limit=Limit(5), pii="hash", normalise="email"),
            # One per person and official account or mini program; a brand holds several, and people refollow.
            Namespace(name="openid", rank=5, limit=Limit(10), scoped=True, default_scope="main"),
            # Whatever a partner calls a person.
            Namespace(name="external", rank=6, limit=Limit(20), scoped=True, default_scope="main"),
            # A device: phones randomise it, tablets in stores are shared.
            Namespace(name="mac", rank=7, weak=True, limit=Limit(20), pii="hash", normalise="mac"),
            # A browser: cleared often, so that one person collects many.
            Namespace(name="cookie", rank=8, weak=True, limit=Limit(50)),
        ]
    )
)
