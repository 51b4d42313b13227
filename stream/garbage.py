"""Garbage: when Python looks for reference cycles: when a batch is done, and not in the midst of one's beginning.

What the cache holds lives long and has no cycles, and each collection walks what it collects: with Python's defaults
that was two thirds of the worker's CPU. Rarer ones, started by Python in the midst of a batch, when most of what it
makes is alive, were a tenth of it still, in pauses of up to a fifth of a second; between batches it is half of that.
Rule: an object is walked twice, when it is young and when it is one of the last ten collections' survivors; after that
never again, but for what Python does by itself at limits that are not met in practice.
Must not know: what a batch is for.
"""

import gc
from typing import Final

YOUNG_OBJECTS: Final = 20_000
"""Containers made and not freed since the last time: fewer are left for later; to walk so many takes a millisecond."""
COLLECTIONS: Final = 10
"""Of the young before their survivors are looked through once more."""


def spare_the_collector() -> None:
    """Leave to Python's own collections what no batch comes to: a million new containers alive at once."""
    gc.set_threshold(1_000_000, COLLECTIONS, 1_000)


def collect_between_batches() -> None:
    """Look through the young, if there are enough of them: called when a batch is done, and the next one begun."""
    young, collections, _ = gc.get_count()
    if young >= YOUNG_OBJECTS:
        gc.collect(1 if collections >= COLLECTIONS else 0)
