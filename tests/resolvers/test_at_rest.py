"""Bytes at rest: what is written is read again, whatever it is; and nothing long is said twice."""

import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolvers.at_rest import NOTHING_SHORT, ORIGINS, Shorthand, parse
from resolvers.behaviour import NEVER_US, Doings, Follow, Touch
from resolvers.component import Component, Draft
from resolvers.evidence import Edge, Mark, Pair
from resolvers.facets import Facet, Facts, Values, decode, encode, sighted, unseen
from resolvers.holdings import Holdings, Reward
from resolvers.orders import Order, Payment, Refund, Shipment, Status
from resolvers.writes import Write
from tests.resolvers.building import mark

ODD_BYTES = st.sampled_from([b"\xc1", b"\xc1\x00", b"\xc1\x02", bytes.fromhex("c0ffc280c400c400")])
RECENT = st.lists(ODD_BYTES | st.binary(max_size=20), max_size=6).map(b"".join)
"""Binary parts with all that means something at rest."""
SOURCE = st.sampled_from(["", "/test", "/mall/77", "/mall", "\x01", "s" * 0xC1, "s" * 300]) | st.text(max_size=4)
"""Sources of which one holds another; of one the length is the escape."""
TEXT = SOURCE | st.text(max_size=9)
KEY = st.text(":,a1é\x1f", min_size=1, max_size=6).map("ns:{}".format)
TIME = st.integers(NEVER_US, 2**62)
COUNT = st.integers(0, 2**32)
DAYS = st.dictionaries(COUNT, COUNT, max_size=2)
STAMP = (TIME, TEXT, SOURCE)


def dicts(values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """By a few short names."""
    return st.dictionaries(TEXT, values, max_size=2)


def maybe(values: st.SearchStrategy[object]) -> st.SearchStrategy[object | None]:
    """Or nothing."""
    return st.none() | values


TOUCH = st.builds(Touch, *STAMP, TEXT, TEXT)
FOLLOW = st.builds(Follow, *STAMP, st.booleans(), TEXT)
MORE = st.builds(
    Doings,
    TIME,
    dicts(TIME),
    dicts(TIME),
    dicts(DAYS),
    dicts(FOLLOW),
    maybe(FOLLOW),
    TIME,
    kept=RECENT,
    referred=RECENT,
)
WRITE = st.builds(Write, *STAMP, st.none() | st.booleans() | TEXT | st.lists(COUNT, max_size=2))
FACTS = st.builds(
    Facts,
    dicts(WRITE),
    dicts(WRITE),
    dicts(COUNT | TEXT),
    DAYS,
    TIME,
    dicts(DAYS),
    maybe(TOUCH),
    maybe(TOUCH),
    maybe(MORE),
)
ORDER = st.builds(
    Order,
    maybe(st.builds(Status, *STAMP, TEXT)),
    maybe(st.builds(Payment, *STAMP, TEXT, TEXT)),
    dicts(st.builds(Refund, TEXT, TEXT)),
    maybe(st.builds(Shipment, *STAMP, st.booleans(), TEXT, TEXT)),
)
HOLDINGS = st.builds(
    Holdings, redeemed=RECENT, rewards=st.lists(st.builds(Reward, *STAMP, TEXT), max_size=2).map(tuple)
)
VALUES = st.builds(Values, TIME, TIME, dicts(st.tuples(TIME, st.booleans())), dicts(ORDER), maybe(HOLDINGS))
STRANGERS = st.lists(KEY, max_size=2).map(tuple)
UNBOUND = st.lists(st.tuples(KEY, TIME), max_size=2).map(tuple)
SIGHTS = st.builds(Facet, TEXT, TIME, TIME, st.booleans(), STRANGERS, DAYS, RECENT, unbound=UNBOUND, logged_out_us=TIME)
FACET = (
    st.builds(sighted, TEXT, TIME)
    | st.builds(unseen, TEXT)
    | SIGHTS
    | st.builds(Facet, TEXT, TIME, TIME, st.booleans(), STRANGERS, DAYS, RECENT, FACTS)
    | st.builds(Facet, TEXT, TIME, TIME, st.booleans(), STRANGERS, DAYS, RECENT, FACTS, VALUES, UNBOUND, TIME)
)
MARK = st.builds(Mark, TIME, TIME, st.sampled_from(["", "t", "u"]), COUNT, COUNT, TEXT, SOURCE)
EDGE = st.builds(Edge, MARK, MARK, COUNT, st.booleans()) | MARK.map(lambda one: Edge(one, one, 1))


@given(st.data())
def test_what_is_written_is_read_again(data: st.DataObject) -> None:
    """Any facets and edges, with a number for some of their origins, for all, or for none, in any order of fields."""
    keys = data.draw(st.lists(KEY, min_size=1, max_size=4, unique=True))
    facets = {key: data.draw(FACET) for key in keys}
    pairs = data.draw(st.lists(st.builds(Pair, st.sampled_from(keys), st.sampled_from(keys)), max_size=4, unique=True))
    edges = {pair: data.draw(EDGE) for pair in pairs}
    marks = [one for edge in edges.values() for one in (edge.first, edge.last)]
    origins = data.draw(
        st.lists(st.sampled_from([(one.topic, one.source) for one in marks]), unique=True) if marks else st.just([])
    )
    origins += [("t", source) for source in data.draw(st.lists(SOURCE, max_size=3))]
    shorthand = NOTHING_SHORT.including(keys, origins)
    fields = list({**shorthand.origins_field(), **shorthand.written(facets, edges)}.items())
    read = parse(dict(data.draw(st.permutations(fields))))
    assert read.facets == facets
    assert read.edges == edges
    assert read.shorthand.numbers == shorthand.numbers
    assert read.shorthand.origins == shorthand.origins


@given(st.lists(st.tuples(KEY, st.tuples(st.just("t"), SOURCE)), max_size=50))
def test_numbers_stay(heard: list[tuple[str, tuple[str, str]]]) -> None:
    """Whatever comes, who has a number keeps it; no two have the same; and origins have no more than there are."""
    shorthand = NOTHING_SHORT
    for key, origin in heard:
        longer = shorthand.including([key], [origin])
        assert longer.numbers.items() >= shorthand.numbers.items()
        assert longer.origins.all[: len(shorthand.origins.all)] == shorthand.origins.all
        assert longer.origins.has_room == (len(longer.origins.all) < ORIGINS)
        shorthand = longer
    assert len(set(shorthand.numbers.values())) == len(shorthand.numbers) == len({key for key, _ in heard})


def test_a_number_in_use_is_not_given_again() -> None:
    """Neither after identifiers were erased, nor where the store has lost a facet that evidence speaks of."""
    edge = Edge(mark(1, 1), mark(1, 1), 1)
    whole = Component("a:0", 1, {f"a:{n}": sighted("x", n) for n in range(4)}, {Pair("a:1", "a:3"): edge})
    fields = whole.fields()
    del fields[whole.shorthand.facet_field("a:1")], fields[whole.shorthand.facet_field("a:3")]
    lost = Component.parse("a:0", fields)
    assert set(lost.facets) == {"a:0", "a:2"}
    assert list(lost.edges) == [Pair("?1", "?3")]
    draft = Draft(lost)
    draft.facet("a:new", "new", 5)
    assert draft.taken(2).shorthand.facet_field("a:new") == "f:4:a:new"
    assert Component.parse("a:0", lost.fields()).edges == lost.edges, "what is broken stays as it is"


def test_of_who_was_only_seen_little_is_written() -> None:
    """What an identifier costs that events name beside a stronger one, and what one more sight of a pair does."""
    one, two = mark(1, 1), mark(2, 2)
    shorthand = NOTHING_SHORT.including(["card:main:A", "mac:B"], [(one.topic, one.source)])
    written = shorthand.written({"mac:B": sighted("b", 1_700_000_000_000_000)}, {})
    assert {field: len(value) for field, value in written.items()} == {"f:1:mac:B": 21}
    pair = Pair("card:main:A", "mac:B")
    (first,) = shorthand.written({}, {pair: Edge(one, one, 1)}).values()
    (both,) = shorthand.written({}, {pair: Edge(one, two, 2)}).values()
    for data in (first, both):
        assert one.source.encode() not in data
    assert msgspec.msgpack.decode(first)[0] == 2
    assert (len(first), len(both)) == (18, 26)


def test_every_part_of_a_facet_is_written() -> None:
    """What one part alone says comes back. A new part must be asked about in `encode`, and stand here."""
    said = {
        "display": "x",
        "first_us": 1,
        "last_us": 1,
        "hub": True,
        "strangers": ("a:b",),
        "fence": {0: 0},
        "recent": b"x",
        "facts": Facts(last_us=1),
        "values": Values(last_us=1),
        "unbound": (("a:b", 1),),
        "logged_out_us": 1,
    }
    assert tuple(said) == Facet.__struct_fields__
    for name, value in said.items():
        facet = Facet("", 0, 0)
        setattr(facet, name, value)
        assert decode(encode(facet)) == facet, name


def test_the_end_that_says_nothing_is_told_by_what_it_is() -> None:
    """Binary parts that end as such a facet would are nothing of the kind: entries of recent events may be anything."""
    end = msgspec.msgpack.encode(Facet("", 0, 0))[4:]
    for recent in (end, end[:5], struct.pack(">QII", 1, 0xC2, 0x9080C400)):
        facet = Facet("x", 1, 2, recent=recent)
        (read,) = parse(NOTHING_SHORT.including(["a:b"]).written({"a:b": facet}, {})).facets.values()
        assert read == facet


@pytest.mark.parametrize("length", [1, 31, 32, 0xC1, 255, 256])
def test_sources_of_any_length(length: int) -> None:
    """Also where the header of the text holds the escape."""
    touch = Touch(1, "id", "s" * length, "", "")
    facet = Facet("x" * 99, 1, 2, facts=Facts(first_touch=touch, last_touch=touch))
    shorthand = Shorthand({"a:b": "0"}, NOTHING_SHORT.including([], [("t", "s" * length)]).origins)
    fields = {**shorthand.origins_field(), **shorthand.written({"a:b": facet}, {})}
    assert parse(fields).facets == {"a:b": facet}
    assert (b"s" * length in fields["f:0:a:b"]) == (length == 0xC1)
