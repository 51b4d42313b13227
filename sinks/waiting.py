"""Waiting for several things at once.

Rule: all are waited for even when one fails, because what is still on its way must not meet what is done next.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


async def all_of(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """What all of them return, in this order; where some fail, the error of the first of these, once all have ended."""
    if len(calls) == 1:
        return [await calls[0]]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    for one in outcomes:
        if isinstance(one, BaseException):
            raise one
    return outcomes  # type: ignore[return-value] # none of them is an error
