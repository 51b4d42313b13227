"""Keys of an identifier's lives: what tells a number's new holder from the one before, inside the engine.

The first life's key is `namespace:token`, as outputs show it; an `unbind` begins the next one, whose key has a number
behind a control character, which no token holds. Outputs, logs and answers show every life's key without it.
Must not know: which life a record speaks of.
"""

from typing import Final

_LIFE: Final = "\x1e"


def shown(key: str) -> str:
    """The key as outputs show it."""
    return key.partition(_LIFE)[0]


def life_of(key: str) -> int:
    """How many lives of the identifier were before this one."""
    return int(key.partition(_LIFE)[2] or 0)


def in_life(key: str, life: int) -> str:
    """The key of one of an identifier's lives."""
    return f"{shown(key)}{_LIFE}{life}" if life else shown(key)
