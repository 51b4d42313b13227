"""Every key in Redis, on one screen. `P` is the prefix (`IDWEAVE_REDIS_PREFIX`).

    P:i:<identifier>            string   the component that the identifier was put in; `0`: the one that is named by it
    P:c:{<component>}           hash     the component: fields as in `resolvers.component`
    P:q:{<component>}           hash     what was published of it: `r` revision, `s` state, `o` offsets,
                                          and of what is begun: `n` the state after it, `c` what is sent
    P:p:<profile id>            string   the identifier that leads to a published profile
    P:cmd                       hash     what was decided about each command, by its id: its result, as published
    P:due:<shard>               zset     when components are to be looked at: `<instant>:<component>` by instant (us)
    P:pos:<topic>:<partition>   string   the next offset to read, in decimal
    P:meta                      hash     `schema`, `generation` (drawn when the store was empty, and at each fence), and
                                          `identity`: the fingerprint of the identity configuration; `topics`: the
                                          prefix of those that it is filled from; `rebuilding` while nobody else may
                                          work on it; `let_pass_until_ms`: refused records up to then may be many;
                                          `note:<name>`: see `notes`; `fence:<name>`: see `resolvers.steps.Fence`; on a
                                          cluster also `sealed` and `nodes`, see `redis_seals`
    P:g:{<tag of a slot>}       hash     on a cluster, one in each of its slots: `generation`, as in the meta hash

The two keys of a component share a hash tag, so that they are on one node of a cluster. Redis takes as the tag what is
between the first `{` and the first `}` after it, and ignores an empty one; so a `}` in a component's name is escaped.
"""

import copy
import re

from sinks.redis_slots import tags

FENCE_FIELD = "fence:"
"""What the names of fences begin with, among the fields of `meta`."""

OWN = "0"
"""What a home says that is the component named by its identifier; Redis has such a number once, for all keys."""

PREFIX = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""What a prefix may be: no braces, which would make a tag of their own, and nothing that shells or patterns know."""


_KIND = re.compile(r"(.{1,64}?:(?:i|c|q|p|due|pos|g):)|.{1,64}?:(?:cmd|meta)")


def pattern_of(name: str) -> str:
    """What kind of key it is, as a glob that holds nothing of anybody: `idweave:c:*`."""
    found = _KIND.match(name)
    return "other keys" if found is None else f"{found[0]}*" if found[1] else found[0]


class Keys:
    """The keys under one prefix."""

    __slots__ = (
        "_component",
        "_due",
        "_home",
        "_position",
        "_profile",
        "_publication",
        "_seal",
        "_slots",
        "decisions",
        "generation",
        "guard",
        "meta",
    )

    def __init__(self, prefix: str, generation: str = "", *, cluster: bool = False) -> None:
        """`generation`: of what is in the store, as the session found it; every write is refused in another one.

        `cluster`: a command reaches the keys of one slot only. `guard` is where a script finds the generation.
        """
        assert PREFIX.fullmatch(prefix), "the settings let no other prefix through"
        self._home = f"{prefix}:i:"
        self._component = f"{prefix}:c:{{"
        self._publication = f"{prefix}:q:{{"
        self._profile = f"{prefix}:p:"
        self.decisions = f"{prefix}:cmd"
        self._due = f"{prefix}:due:"
        self._position = f"{prefix}:pos:"
        self._seal = f"{prefix}:g:{{"
        self.meta = self.guard = f"{prefix}:meta"
        self.generation = generation
        self._slots: dict[int, Keys] | None = {} if cluster else None

    @property
    def cluster(self) -> bool:
        """Whether a command reaches the keys of one slot only."""
        return self._slots is not None

    def seal(self, slot: int) -> str:
        """Where a slot of a cluster says which store it is part of."""
        return f"{self._seal}{tags()[slot]}}}"

    def within(self, slot: int) -> "Keys":
        """The same keys for scripts on one slot of a cluster, which find the generation there."""
        assert self._slots is not None, "a single server has no slots"
        there = self._slots.get(slot)
        if there is None:
            there = self._slots[slot] = copy.copy(self)
            there.guard = self.seal(slot)
        return there

    def home(self, key: str) -> str:
        """Where an identifier's component is named."""
        return self._home + key

    def component(self, name: str) -> str:
        """Where a component is."""
        return f"{self._component}{_tag(name)}}}"

    def publication(self, name: str) -> str:
        """Where what was published of a component is."""
        return f"{self._publication}{_tag(name)}}}"

    def profile(self, profile_id: str) -> str:
        """Where the identifier that leads to a profile is named."""
        return self._profile + profile_id

    def due(self, shard: int) -> str:
        """Where a share of the components is, each with when it is to be looked at."""
        return f"{self._due}{shard}"

    @property
    def homes(self) -> str:
        """The glob pattern of all homes; a prefix holds no character that globs know."""
        return f"{self._home}*"

    @property
    def components(self) -> str:
        """The glob pattern of all components."""
        return f"{self._component}*}}"

    def key_of_home(self, key: str) -> str:
        """The identifier whose home is named there."""
        return key.removeprefix(self._home)

    def name_of_component(self, key: str) -> str:
        """The name of the component that is there."""
        tag = key.removeprefix(self._component)[:-1]
        return tag.replace("%7D", "}").replace("%25", "%") if "%" in tag else tag

    def position(self, topic: str, partition: int) -> str:
        """Where the position of a partition is."""
        return f"{self._position}{topic}:{partition}"


def _tag(name: str) -> str:
    return name.replace("%", "%25").replace("}", "%7D") if "}" in name or "%" in name else name
