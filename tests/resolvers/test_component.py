"""Components and drafts: a record and back, changes beside it, and what the store then has."""

from collections.abc import Callable

from resolvers.component import Component, Draft
from resolvers.constraints import Constraint
from resolvers.evidence import Pair
from resolvers.facets import Facet
from resolvers.namespaces import DEFAULT_RULES
from resolvers.partition import partition
from tests.resolvers.building import Bench, arrived, edge, graph, mark


def filled() -> Component:
    """A component with facets of every kind of fact, strangers, edges and absorbed names."""
    bench = Bench()
    bench.resolve(
        arrived({"card": "C0", "phone": "13812345678"}, 0, traits={"a": {"b": [1, None]}}, counters={"n": 0.5}),
        arrived({"card": "C0"}, 1, kind="order.paid", order={"order_id": "o", "amount": "1.00", "currency": "CNY"}),
        arrived({"card": "C1"}, 2, kind="card.replaced", replaces="C0", consents={"sms": False}),
    )
    (component,) = bench.at_rest()
    return Component(
        component.name,
        7,
        component.facets,
        component.edges,
        absorbed=frozenset({"x:1", "x:2"}),
        shorthand=component.shorthand,
    )


def test_fields_and_back() -> None:
    """A component's fields are read as the same component."""
    component = filled()
    again = Component.parse(component.name, {**component.fields(), "v": b"7"})
    assert again.facets == component.facets
    assert again.edges == component.edges
    assert again.absorbed == component.absorbed
    assert (again.version, again.moved_to, again.pending) == (7, None, False)


def test_no_record_is_version_zero() -> None:
    """What the store does not have is empty, at rest, and at version 0."""
    component = Component.parse("phone:x", {})
    assert (component.version, component.facets, component.moved_to, component.pending) == (0, {}, None, False)


def test_moved_and_pending() -> None:
    """`to` says where it has moved; `p` that it still holds what is to be moved."""
    moving = Component.parse("b", {"v": b"3", "to": b"a", "p": b"1"})
    assert (moving.version, moving.moved_to, moving.pending) == (3, "a", True)
    moved = Component.parse("b", {"v": b"4", "to": b"a"})
    assert (moved.moved_to, moved.pending) == ("a", False)


def test_fields_of_identifiers_with_odd_characters() -> None:
    """Colons, spaces and whatever else a token may hold do not run into each other in the names of fields."""
    pair = Pair("openid:main:a:b c", "cookie:f:e:é=")
    facets = {key: Facet("shown", 1, 2) for key in pair}
    again = Component.parse("x", Component("x", 1, facets, {pair: edge()}).fields())
    assert list(again.edges) == [pair]
    assert set(again.facets) == set(pair)


def test_a_draft_changes_nothing_until_taken() -> None:
    """The base stays as it is; `changes` has only what was touched; `taken` is base and changes together."""
    base = filled()
    before = base.fields()
    draft = Draft(base)
    draft.facet("card:main:C0", "C0", 5).hub = True
    draft.facet("cookie:new", "new", 9)
    pair = Pair("card:main:C0", "cookie:new")
    draft.observe(pair, mark(9, 9), counted=True, asserted=False)
    assert base.fields() == before
    named = draft.taken(8).shorthand
    fields = {named.facet_field("card:main:C0"), named.facet_field("cookie:new"), named.edge_field(pair)}
    assert set(draft.changes()) == fields
    taken = draft.taken(8)
    assert taken.fields() == {**before, **draft.changes()}
    assert taken.version == 8
    assert taken.is_hub("card:main:C0")
    assert not base.is_hub("card:main:C0")


def test_a_division_is_kept_until_something_structural_comes() -> None:
    """What was seen again is divided as before, if that stands; what may change who is whose has it divided anew."""
    base = filled()
    base.division = partition(base.facets, base.edges, DEFAULT_RULES)
    key, pair = "card:main:C0", next(pair for pair, one in base.edges.items() if not one.asserted)
    other = Pair("card:main:C0", "phone:other")
    ruling = Constraint("block", mark(9, 9), (key,), ())
    cuts: list[tuple[Callable[[Draft], object], bool]] = [
        (lambda draft: draft.facet(key, "C0", 9), True),
        (lambda draft: draft.observe(pair, mark(9, 9), counted=True, asserted=False), True),
        (lambda draft: draft.observe(pair, mark(9, 9), counted=True, asserted=True), False),
        (lambda draft: draft.observe(other, mark(9, 9), counted=True, asserted=False), False),
        (lambda draft: draft.facet("phone:other", "other", 9), False),
        (lambda draft: setattr(draft.facet(key, "C0", 9), "hub", True), False),
        (lambda draft: setattr(draft.facet(key, "C0", 9), "strangers", ("mac:m",)), False),
        (lambda draft: setattr(draft.facet(key, "C0", 9), "logged_out_us", 9), False),
        (lambda draft: draft.facet(key, "C0", 9).unbind("phone:x", 9), False),
        (lambda draft: draft.rule("command", ruling), False),
    ]
    for at, (change, kept) in enumerate(cuts):
        draft = Draft(base)
        change(draft)
        assert (draft.taken(8).division is base.division) == kept, at


def test_a_draft_sees_its_own_changes() -> None:
    """A facet that was touched is the same one when asked for again; observations of one pair add up."""
    draft = Draft(filled())
    assert draft.peek("cookie:new") is None
    facet = draft.facet("cookie:new", "new", 9)
    assert draft.peek("cookie:new") is facet
    assert draft.facet("cookie:new", "other", 3) is facet
    assert (facet.display, facet.first_us, facet.last_us) == ("new", 3, 9)
    pair = Pair("card:main:C0", "cookie:new")
    for offset in (3, 1, 2):
        draft.observe(pair, mark(offset, offset), counted=offset != 1, asserted=offset == 1)
    found = draft.taken(8).edges[pair]
    assert (found.first.offset, found.last.offset, found.count, found.asserted) == (1, 3, 2, True)


def test_neighbours_are_edges_and_strangers() -> None:
    """A hub that no edge is kept with is a neighbour all the same; facets tell `partition` of both."""
    edges = graph(("phone:p0", "mac:m0"))
    facets = {"phone:p0": Facet("p0", 1, 4, strangers=("mac:m9",)), "mac:m0": Facet("m0", 1, 2, hub=True)}
    component = Component("phone:p0", 1, facets, edges)
    assert component.neighbours_of("phone:p0") == {"mac:m0", "mac:m9"}
    assert component.neighbours_of("mac:m0") == {"phone:p0"}
    assert component.neighbours_of("cookie:nobody") == set()
    sights = {key: (facet.last_us, facet.hub, facet.strangers) for key, facet in component.facets.items()}
    assert sights == {"phone:p0": (4, False, ("mac:m9",)), "mac:m0": (2, True, ())}


def test_without_absorbed_keeps_all_else() -> None:
    """Taking over publications changes nothing but the marks and the version."""
    component = filled()
    after = component.without_absorbed(8)
    assert after.absorbed == frozenset()
    assert (after.facets, after.edges, after.version) == (component.facets, component.edges, 8)
