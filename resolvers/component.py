"""A component: identifiers joined by evidence, the union-find tree's unit, as one store record.

It is only a container: being in one does not make two identifiers one person (`partition` decides that). A component is
named by the key of its first identifier. It grows, or moves whole into one with a smaller name; it never shrinks.
Rule: a `Component` never changes; a `Draft` collects changes beside it and becomes the next one when the store took
them.
Must not know: which store keeps it.

Fields of the record: `v` version · `to` where it has moved · `p` it has moved and is not emptied yet · `f:<n>:<key>`
facet, `e:<n>,<m>` edge, `w` origins (all three: see `at_rest`) · `o:<command id>` constraint · `a:<name>` a component
that moved in and whose publications are not taken over yet · `s:<name>` a component that has moved, is empty,
and is to be deleted because its name was erased.
"""

from collections.abc import Mapping
from typing import Any

from resolvers import constraints as ruled
from resolvers.at_rest import NOTHING_SHORT, Origin, Shorthand, parse
from resolvers.constraints import NONE, Constraint, Constraints
from resolvers.evidence import Edge, Mark, Pair, observed
from resolvers.facets import Facet, sighted, unseen
from resolvers.ledger import Ledger
from resolvers.life_keys import shown
from resolvers.partition import Partition, neighbours


class Component:
    """A component as the store had it at `version`; 0: the store has none."""

    __slots__ = (
        "_neighbours",
        "absorbed",
        "answered",
        "constraints",
        "division",
        "edges",
        "facets",
        "folds",
        "has_hubs",
        "ledgers",
        "moved_to",
        "name",
        "pending",
        "shorthand",
        "stubs",
        "version",
    )

    def __init__(
        self,
        name: str,
        version: int = 0,
        facets: Mapping[str, Facet] | None = None,
        edges: Mapping[Pair, Edge] | None = None,
        *,
        constraints: Constraints = NONE,
        absorbed: frozenset[str] = frozenset(),
        stubs: frozenset[str] = frozenset(),
        moved_to: str | None = None,
        pending: bool = False,
        shorthand: Shorthand | None = None,
    ) -> None:
        self.name = name
        self.version = version
        self.facets = facets or {}
        self.edges = edges or {}
        self.constraints = constraints
        self.absorbed = absorbed
        self.stubs = stubs
        self.moved_to = moved_to
        self.pending = pending
        self.shorthand = shorthand or (NOTHING_SHORT.including(self.facets) if facets else NOTHING_SHORT)
        self._neighbours: dict[str, set[str]] | None = None
        self.has_hubs: bool | None = None  # as far as `near_hubs` has looked
        # What `people` made of it, kept from version to version for as long as it holds.
        self.folds: dict[tuple[str, ...], Any] = {}
        self.ledgers: dict[str, Ledger] = {}
        self.division: Partition | None = None
        # What `projecting` published of this very version, once that is all there is to say of it.
        self.answered: Any = None

    @classmethod
    def parse(cls, name: str, fields: Mapping[str, bytes]) -> "Component":
        """The component of a store record; of an empty one, a component at version 0."""
        constraints: dict[str, Constraint] = {}
        absorbed: set[str] = set()
        stubs: set[str] = set()
        for field, value in fields.items():
            kind = field[:2]
            if kind == "a:":
                absorbed.add(field[2:])
            elif kind == "s:":
                stubs.add(field[2:])
            elif kind == "o:":
                constraints[field[2:]] = ruled.decode(value)
        facets, edges, shorthand = parse(fields)
        to = fields.get("to")
        return cls(
            name,
            int(fields.get("v", b"0")),
            facets,
            edges,
            constraints=constraints or NONE,
            absorbed=frozenset(absorbed),
            stubs=frozenset(stubs),
            moved_to=to.decode() if to is not None else None,
            pending="p" in fields,
            shorthand=shorthand,
        )

    def with_absorbed(self, moved: "Component", version: int) -> "Component":
        """The component at a later version, with what was in another, whose publications are to be taken over."""
        component = Component(
            self.name,
            version,
            {**self.facets, **moved.facets},
            {**self.edges, **moved.edges},
            constraints={**self.constraints, **moved.constraints} if moved.constraints else self.constraints,
            absorbed=self.absorbed | moved.absorbed | {moved.name},
            stubs=self.stubs | moved.stubs,
            shorthand=self.shorthand.including(moved.shorthand.numbers, moved.shorthand.origins.all),
        )
        component.folds, component.ledgers = self.folds, self.ledgers
        return component

    def without_absorbed(self, version: int) -> "Component":
        """The component at a later version, with no publications left to take over."""
        component = Component(
            self.name,
            version,
            self.facets,
            self.edges,
            constraints=self.constraints,
            stubs=self.stubs,
            shorthand=self.shorthand,
        )
        component.folds, component.ledgers = self.folds, self.ledgers
        return component

    def fields(self, of: "Component | None" = None) -> dict[str, bytes]:
        """All that is in it as fields, or all that is in a component that has moved in."""
        of, shorthand = of or self, self.shorthand
        return {
            **shorthand.origins_field(),
            **shorthand.written(of.facets, of.edges),
            **{f"o:{name}": ruled.encode(one) for name, one in of.constraints.items()},
            **{f"a:{name}": b"" for name in of.absorbed},
            **{f"s:{name}": b"" for name in of.stubs},
        }

    def neighbours_of(self, key: str) -> set[str]:
        """The identifiers that this one has evidence with, as outputs show them, hubs included. Not to be changed."""
        if self._neighbours is None:
            self._neighbours = neighbours(self.edges)
            for known, facet in self.facets.items():
                if facet.strangers:
                    self._neighbours.setdefault(known, set()).update(map(shown, facet.strangers))
        return self._neighbours.get(key, set())

    def near_hubs(self) -> bool:
        """Whether an identifier here is a hub, or has evidence with one."""
        if self.has_hubs is None:
            self.has_hubs = any([facet.hub or facet.strangers for facet in self.facets.values()])
        return self.has_hubs

    def is_hub(self, key: str) -> bool:
        """Whether the identifier is marked as a hub."""
        facet = self.facets.get(key)
        return facet is not None and facet.hub


class Draft:
    """Changes to a component, until the store takes or refuses them."""

    __slots__ = ("_base", "_constraints", "_edges", "_facets", "_origins", "_own_facts", "_own_values", "_shorthand")

    def __init__(self, base: Component) -> None:
        self._base = base
        self._shorthand: Shorthand | None = base.shorthand  # None while something in here is not in it
        self._origins: list[Origin] = []
        self._facets: dict[str, Facet] = {}
        self._edges: dict[Pair, Edge] = {}
        self._own_facts: set[str] = set()
        self._own_values: set[str] = set()
        self._constraints: dict[str, Constraint] | None = None

    def peek(self, key: str) -> Facet | None:
        """The facet as it is by now, not to be changed; None if there is none."""
        return self._facets.get(key) or self._base.facets.get(key)

    def facet(self, key: str, display: str, time_us: int) -> Facet:
        """This draft's copy of a facet, made if there is none, seen at this time; its facts are not to be changed."""
        facet = self._facets.get(key)
        if facet is None:
            there = self._base.facets.get(key)
            if there is None:
                facet = self._facets[key] = sighted(display, time_us)
                self._shorthand = None
                return facet
            facet = self._facets[key] = there.shared()
        # Not `min` and `max`, nor a call: this is done for each identifier of each event.
        if time_us < facet.first_us:  # noqa: PLR1730 - a third of the time
            facet.first_us = time_us
        if time_us > facet.last_us:  # noqa: PLR1730 - the same
            facet.last_us = time_us
        return facet

    def heard_of(self, key: str, display: str) -> Facet:
        """The same of an identifier that is spoken of, and not seen."""
        facet = self._facets.get(key)
        if facet is None:
            there = self._base.facets.get(key)
            facet = self._facets[key] = unseen(display) if there is None else there.shared()
            if there is None:
                self._shorthand = None
        return facet

    def own(self, key: str, facet: Facet, *, values: bool) -> None:
        """Let a copy have a fence and facts of its own, and values: most sights bring none, so only now."""
        if key not in self._own_facts:
            facet.own_facts()
            self._own_facts.add(key)
        if values and key not in self._own_values:
            facet.own_values()
            self._own_values.add(key)

    def observe(self, pair: Pair, mark: Mark, *, counted: bool, asserted: bool) -> None:
        """Evidence of a pair."""
        edge = self._edges.get(pair) or self._base.edges.get(pair)
        self._edges[pair] = observed(edge, mark, counted=counted, asserted=asserted)
        known = self._base.shorthand.origins
        if known.has_room and (mark.topic, mark.source) not in known.numbers:
            self._origins.append((mark.topic, mark.source))
            self._shorthand = None

    def rule(self, name: str, constraint: Constraint) -> None:
        """What a command rules."""
        self._constraints = {**(self._constraints or {}), name: constraint}

    def changes(self) -> dict[str, bytes]:
        """The changed fields."""
        shorthand = self._shorthand or self._named()
        fields = shorthand.written(self._facets, self._edges)
        if shorthand.origins is not self._base.shorthand.origins:
            fields.update(shorthand.origins_field())
        if self._constraints is not None:
            fields.update({f"o:{name}": ruled.encode(one) for name, one in self._constraints.items()})
        return fields

    def taken(self, version: int) -> Component:
        """The component that the store has now."""
        base = self._base
        component = Component(
            base.name,
            version,
            {**base.facets, **self._facets},
            {**base.edges, **self._edges},
            constraints=base.constraints if self._constraints is None else {**base.constraints, **self._constraints},
            absorbed=base.absorbed,
            stubs=base.stubs,
            shorthand=self._shorthand or self._named(),
        )
        component.folds, component.ledgers = base.folds, base.ledgers
        if base.division is not None and not self._is_structural():
            component.division = base.division
            component.has_hubs = base.has_hubs
        return component

    def _named(self) -> Shorthand:
        """The base's shorthand with all that is new here."""
        self._shorthand = self._base.shorthand.including(self._facets, self._origins)
        return self._shorthand

    def _is_structural(self) -> bool:
        """Whether identifiers, edges, assertions or rulings may be new, or hubs, strangers, or what cuts links off.

        `partition.stands` counts on it.
        """
        base = self._base
        return (
            self._constraints is not None
            or not self._facets.keys() <= base.facets.keys()
            or not self._edges.keys() <= base.edges.keys()
            or any([facet.hub or facet.strangers or facet.cuts for facet in self._facets.values()])
            or any([edge.asserted for edge in self._edges.values()])
        )
