"""At rest: the facets and edges of a component's record as bytes, in which nothing long is said twice.

Within its component an identifier has a number, which stands in the name of its facet's field, and by which edges name
it; and an origin, the topic and the source of a mark, has one by which marks name it. A number is not given to another
while it is in use, and a component is written only at the version that it was read at; so no two writers mean
different things by one.

    w               the origins by number: [[topic, source], ...], at most ORIGINS of them
    f:<n>:<key>     the facet of the identifier whose number is n
    e:<n>,<m>       the edge of the pair (n, m): twice its count, and one more if it is asserted; the first mark: time
                    (us), append time (ms), origin, partition, offset, id; and, if that is another one, the last mark:
                    time and append time since the first, origin, partition, offset, id

All of this is msgpack. An origin that has no number, because there were too many, is written out. A facet ends where it
has no more to say (`facets.encode`); then words that many facets hold, and the sources of the numbered origins, are two
bytes each: 0xC1, which msgpack does not use, and a code. Where there is a 0xC1 besides, in what is not text, it is 0xC1
0x00. Words hold no 0xC1 and begin with 0x80 or more, which no code is; so what is put in place of one is never taken
for another.
Must not know: components, stores.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from resolvers.evidence import Edge, Mark, Pair
from resolvers.facets import Facet
from resolvers.facets import decode as decode_facet
from resolvers.facets import encode as encode_facet

ORIGINS: Final = 32
"""Origins that have a number; each is looked for in every facet that is written."""

Origin = tuple[str, str]

_ESCAPE: Final = b"\xc1"
_ESCAPED: Final = b"\xc1\x00"
_NO_MEMBER: Final = bytes.fromhex("c0ffc280c400c400")
"""How doings end, in most facets: no follow left out, no membership, no appointments, nobody referred."""
_MEANT: Final = (_ESCAPE, _NO_MEMBER)
"""What the codes mean that are the same in every component."""
_WORDS: Final = ((_NO_MEMBER, _ESCAPE + b"\x01"),)
_FEW_BYTES: Final = 64
"""A facet of so many has no words: it was seen, and no more."""

_encoder = msgspec.msgpack.Encoder()
_origins = msgspec.msgpack.Decoder(tuple[Origin, ...])


class _Edge(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An edge as it is written. `last_offset`: -1 where the last mark is the first."""

    said: int
    time_us: int
    append_ms: int
    origin: int | Origin
    partition: int
    offset: int
    id: str
    more_us: int = 0
    more_ms: int = 0
    last_origin: int | Origin = 0
    last_partition: int = 0
    last_offset: int = -1
    last_id: str = ""


_edges = msgspec.msgpack.Decoder(_Edge)


class Origins(msgspec.Struct, frozen=True, gc=False):
    """Origins in the order of their numbers.

    `numbers`: by origin. `words`: what is written as a code, and the code. `meant`: what each code means. `field`: `w`.
    `has_room`: there are numbers left.
    """

    all: tuple[Origin, ...]
    numbers: Mapping[Origin, int]
    words: tuple[tuple[bytes, bytes], ...]
    meant: tuple[bytes, ...]
    field: bytes
    has_room: bool


class Shorthand(msgspec.Struct, frozen=True, gc=False):
    """The numbers of one component's identifiers, by key, and of its origins. It never changes, nor do its parts."""

    numbers: Mapping[str, str]
    origins: Origins

    def including(self, keys: Iterable[str], origins: Collection[Origin] = ()) -> "Shorthand":
        """The shorthand in which these identifiers have numbers too, and these origins as far as there is room."""
        if self.numbers:
            free = 1 + max(map(int, self.numbers.values()))
            new = [key for key in keys if key not in self.numbers]
            numbers = {**self.numbers, **{key: str(number) for number, key in enumerate(new, free)}}
        else:
            numbers = {key: str(number) for number, key in enumerate(keys)}
        if not origins:
            return Shorthand(numbers, self.origins)
        return Shorthand(numbers, _known(tuple(dict.fromkeys((*self.origins.all, *origins)))[:ORIGINS]))

    def origins_field(self) -> dict[str, bytes]:
        """The field that says which origins have numbers; nothing if none has."""
        return {"w": self.origins.field} if self.origins.all else {}

    def facet_field(self, key: str) -> str:
        """The name of the field of an identifier's facet."""
        return f"f:{self.numbers[key]}:{key}"

    def edge_field(self, pair: Pair) -> str:
        """The name of the field of a pair's edge."""
        return f"e:{self.numbers[pair.strong]},{self.numbers[pair.weak]}"

    def written(self, facets: Mapping[str, Facet], edges: Mapping[Pair, Edge]) -> dict[str, bytes]:
        """Facets and edges at rest, as fields of the record. In one piece, because every event comes through here."""
        numbers, origins, words, encode = self.numbers, self.origins.numbers, self.origins.words, _encoder.encode
        fields: dict[str, bytes] = {}
        for key, facet in facets.items():
            data = encode_facet(facet).replace(_ESCAPE, _ESCAPED)
            if len(data) > _FEW_BYTES:
                for word, code in words:
                    data = data.replace(word, code)
            fields[f"f:{numbers[key]}:{key}"] = data
        for pair, edge in edges.items():
            first, last = edge.first, edge.last
            said = 2 * edge.count + edge.asserted
            time_us, append_ms, origin = first.time_us, first.append_ms, (first.topic, first.source)
            number = origins.get(origin, origin)
            if last is first:  # as it was made, and read
                data = encode((said, time_us, append_ms, number, first.partition, first.offset, first.id))
            else:
                origin = last.topic, last.source
                data = encode(
                    (
                        said,
                        time_us,
                        append_ms,
                        number,
                        first.partition,
                        first.offset,
                        first.id,
                        last.time_us - time_us,
                        last.append_ms - append_ms,
                        origins.get(origin, origin),
                        last.partition,
                        last.offset,
                        last.id,
                    )
                )
            fields[f"e:{numbers[pair.strong]},{numbers[pair.weak]}"] = data
        return fields

    def facet_of(self, data: bytes) -> Facet:
        """The facet that was written."""
        if _ESCAPE in data:
            begin, *parts = data.split(_ESCAPE)
            meant = self.origins.meant
            data = begin + b"".join([meant[part[0]] + part[1:] for part in parts])
        return decode_facet(data)

    def edge_of(self, data: bytes) -> Edge:
        """The edge that was written."""
        one = _edges.decode(data)
        topic, source = self._origin(one.origin)
        first = Mark(one.time_us, one.append_ms, topic, one.partition, one.offset, one.id, source)
        times, asserted = one.said >> 1, one.said & 1 == 1
        if one.last_offset < 0:
            return Edge(first, first, times, asserted)
        topic, source = self._origin(one.last_origin)
        time_us, append_ms = one.time_us + one.more_us, one.append_ms + one.more_ms
        last = Mark(time_us, append_ms, topic, one.last_partition, one.last_offset, one.last_id, source)
        return Edge(first, last, times, asserted)

    def _origin(self, number: int | Origin) -> Origin:
        return self.origins.all[number] if isinstance(number, int) else number


@lru_cache(maxsize=4096)
def _known(origins: tuple[Origin, ...]) -> Origins:
    sources = [_encoder.encode(source) for _, source in origins]
    codes = [_ESCAPE + bytes([len(_MEANT) + n]) for n in range(len(sources))]
    # The length of a text may be 0xC1; such a source has a code that is not used.
    words = [(word, code) for word, code in zip(sources, codes, strict=True) if _ESCAPE not in word]
    numbers = {origin: n for n, origin in enumerate(origins)}
    return Origins(
        origins,
        numbers,
        words=(*_WORDS, *words),
        meant=(*_MEANT, *sources),
        field=_encoder.encode(origins),
        has_room=len(origins) < ORIGINS,
    )


NOTHING_SHORT: Final = Shorthand({}, _known(()))
"""The shorthand of a component that is empty."""


class Parsed(NamedTuple):
    """What a record holds of facets and edges, and their shorthand."""

    facets: dict[str, Facet]
    edges: dict[Pair, Edge]
    shorthand: Shorthand


def parse(fields: Mapping[str, bytes]) -> Parsed:
    """The facets and edges of a record. An identifier whose facet the store has lost is called `?` and its number."""
    origins = fields.get("w")
    numbers: dict[str, str] = {}
    shorthand = Shorthand(numbers, _known(() if origins is None else _origins.decode(origins)))
    facets: dict[str, Facet] = {}
    for field, data in fields.items():
        if field[:2] == "f:":
            _, number, key = field.split(":", 2)
            numbers[key] = number
            facets[key] = shorthand.facet_of(data)
    key_of = {number: key for key, number in numbers.items()}
    edges: dict[Pair, Edge] = {}
    for field, data in fields.items():
        if field[:2] == "e:":
            ends = field[2:].split(",")
            for number in ends:
                if number not in key_of:
                    key_of[number] = lost = f"?{number}"
                    numbers[lost] = number
            edges[Pair(*[key_of[number] for number in ends])] = shorthand.edge_of(data)
    return Parsed(facets, edges, shorthand)
