"""Every key in Redis, on one screen. `P` is the prefix (`IDWEAVE_REDIS_PREFIX`).

    P:i:<identifier>            string   the component that the identifier was put in
    P:c:{<component>}           hash     the component: fields as in `resolvers.component`
    P:q:{<component>}           hash     what was published of it: `r` revision, `s` state, `o` offsets,
                                          and of what is begun: `n` the state after it, `c` what is sent
    P:p:<profile id>            string   the identifier that leads to a published profile
    P:cmd                       hash     what was decided about each command, by its id: its result, as published
    P:pos:<topic>:<partition>   string   the next offset to read, in decimal
    P:meta                      hash     `schema`, `generation` (drawn when the store was empty, and at each fence),
                                          `identity`: the fingerprint of the identity configuration, `topics`, and
                                          `fence:<name>` for each fence

The two keys of a component share a hash tag, so that they are on one node of a cluster. Redis takes as the tag what is
between the first `{` and the first `}` after it, and ignores an empty one; so a `}` in a component's name is escaped.
"""

import re

FENCE_FIELD = "fence:"
"""What the names of fences begin with, among the fields of `meta`."""

PREFIX = re.compile(r"[A-Za-z0-9._:-]{1,64}")
"""What a prefix may be: no braces, which would make a tag of their own, and nothing that shells or patterns know."""


class Keys:
    """The keys under one prefix."""

    __slots__ = ("_component", "_home", "_position", "_profile", "_publication", "decisions", "generation", "meta")

    def __init__(self, prefix: str, generation: str = "") -> None:
        """`generation`: of what is in the store, as the session found it; every write is refused in another one."""
        assert PREFIX.fullmatch(prefix), "the settings let no other prefix through"
        self._home = f"{prefix}:i:"
        self._component = f"{prefix}:c:{{"
        self._publication = f"{prefix}:q:{{"
        self._profile = f"{prefix}:p:"
        self._position = f"{prefix}:pos:"
        self.meta = f"{prefix}:meta"
        self.decisions = f"{prefix}:cmd"
        self.generation = generation

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
