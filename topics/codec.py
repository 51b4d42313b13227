"""The only JSON writer in the project, so that equal content always has equal bytes.

Integers beyond 64 bits and keys that are no strings are bugs of the caller: TypeError.
"""

from typing import Any

import msgspec
import orjson


def encode(content: Any) -> bytes:  # noqa: ANN401 - whatever JSON can say
    """Compact UTF-8 JSON, keys in the order in which they were put in. Structs are written as objects."""
    return orjson.dumps(content, default=_plain)


def canonical(content: Any) -> bytes:  # noqa: ANN401 - whatever JSON can say
    """Compact UTF-8 JSON with sorted keys: equal content gives equal bytes. For digests and comparisons."""
    return orjson.dumps(content, default=_plain, option=orjson.OPT_SORT_KEYS)


def decode(text: bytes) -> Any:  # noqa: ANN401 - whatever JSON can say
    """What `encode` wrote. For our own records; what publishers send goes through `envelope` and `commands`.

    Raises:
        orjson.JSONDecodeError: the text is not JSON (a ValueError).
    """
    return orjson.loads(text)


def _plain(content: object) -> object:
    if isinstance(content, msgspec.Struct):
        return msgspec.to_builtins(content)
    raise TypeError(f"{type(content).__name__} has no JSON form")
