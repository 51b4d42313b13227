"""What JSON text we read at all: text that every reader would read alike.

Beyond the grammar, RFC 7493 (I-JSON) asks for unique keys and for numbers and strings that survive a reader; we ask for
the same, with integers of up to 64 bits. Knows nothing of events.
"""

import json
from codecs import BOM_UTF8
from typing import Any, Final

import msgspec
import orjson

from topics.refusals import Refusal, RefusalCode

_DECODER: Final = msgspec.json.Decoder()
_REPEATED_KEY: Final = Refusal(RefusalCode.INVALID_JSON, "An object says one of its keys twice")
_WIDE_NUMBER: Final = Refusal(RefusalCode.INVALID_EVENT, "A number does not fit in 64 bits")


def fault(text: bytes, depth_max: int) -> Refusal | None:
    """Why the text is not read, or None. The outermost object has depth 1; a scalar adds none."""
    try:
        content = _DECODER.decode(text)
        compact = orjson.dumps(content)
    except (ValueError, RecursionError) as error:
        return _unreadable(text, error, depth_max)
    except TypeError:
        # orjson writes neither deep nests nor wide integers.
        return _too_deep(depth_max) if _depth(content) > depth_max else _WIDE_NUMBER
    if compact.count(b"{") + compact.count(b"[") > depth_max and _depth(content) > depth_max:
        return _too_deep(depth_max)
    # Each string has two quotes, and a value that lost to a repeated key took its key's quotes along. Only an escape
    # that brings in quotes which the text does not have could make up for them.
    if text.count(b'"') == compact.count(b'"') and (b"\\" not in text or b"\\u0022" not in text):
        return None
    return _REPEATED_KEY if _repeats_a_key(text) else None


def _unreadable(text: bytes, error: ValueError | RecursionError, depth_max: int) -> Refusal:
    match error:
        case RecursionError():
            return _too_deep(depth_max)
        case UnicodeDecodeError():
            return Refusal(RefusalCode.INVALID_JSON, "The text is not UTF-8")
        case msgspec.ValidationError():
            return _WIDE_NUMBER
        case _ if text.startswith(BOM_UTF8):
            return Refusal(RefusalCode.INVALID_JSON, "The text begins with a byte order mark; JSON has none")
        case _ if _has_half_a_character(text):
            return Refusal(RefusalCode.INVALID_JSON, "A string has half of a surrogate pair (\\ud800 to \\udfff)")
        case _:
            return Refusal(RefusalCode.INVALID_JSON, str(error).replace("JSON is malformed", "Not JSON"))


def _has_half_a_character(text: bytes) -> bool:
    """Whether it is that alone which is wrong. The decoder says of some such text that it ends too early."""
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        return False
    return False


def _too_deep(depth_max: int) -> Refusal:
    return Refusal(RefusalCode.INVALID_EVENT, f"The JSON is nested deeper than {depth_max}")


def _depth(content: object) -> int:
    """How deep the content is nested. Level by level, because recursion is what hostile text aims at."""
    depth = 0
    level: list[Any] = [content]
    while level := [value for value in level if isinstance(value, dict | list)]:
        depth += 1
        level = [child for value in level for child in (value.values() if isinstance(value, dict) else value)]
    return depth


def _repeats_a_key(text: bytes) -> bool:
    repeated = False

    def count(pairs: list[tuple[str, object]]) -> None:
        nonlocal repeated
        repeated = repeated or len({key for key, _ in pairs}) < len(pairs)

    json.loads(text.decode(), object_pairs_hook=count)
    return repeated
