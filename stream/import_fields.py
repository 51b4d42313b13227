"""What each type of event can hold, for who writes a map: the fields of `topics.events` with their kinds.

Must not know: maps, files.
"""

import msgspec.inspect
from msgspec import Struct

from stream.import_cells import Kind
from topics.events import AMOUNT_PATTERN


def fields_of(struct: type[Struct]) -> dict[str, tuple[Kind, bool]]:
    """What a part of an event can hold: name -> what kind of value, and whether it must be there."""
    found = msgspec.inspect.type_info(struct)
    assert isinstance(found, msgspec.inspect.StructType)
    return {one.name: (_kind_of(one.type), one.required) for one in found.fields if one.name != "items"}


def _kind_of(found: msgspec.inspect.Type) -> Kind:
    kind: Kind
    match found:
        case msgspec.inspect.Metadata():
            kind = _kind_of(found.type)
        case msgspec.inspect.UnionType():
            kinds = [_kind_of(one) for one in found.types if not isinstance(one, msgspec.inspect.NoneType)]
            kind = "number" if "number" in kinds else kinds[0]
        case msgspec.inspect.DateTimeType():
            kind = "instant"
        case msgspec.inspect.IntType():
            kind = "integer"
        case msgspec.inspect.FloatType():
            kind = "number"
        case msgspec.inspect.StrType(pattern=pattern) if pattern == AMOUNT_PATTERN:
            kind = "amount"
        case _:
            kind = "text"
    return kind
