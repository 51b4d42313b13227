"""Sources: what each publisher may say, by the `source` of its events.

Rules: the first pattern that matches decides; where none does, a list that allows anything refuses, and one that only
refuses allows. A source is what its publisher says of itself: who may write to the topic at all is the broker's to say.
What leaves this module names a pattern of the configuration, never the source itself, which a publisher makes up.
Must not know: what an identifier or a fact comes to.
"""

import fnmatch
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple

from resolvers.namespaces import CARD, Allowance, Trust
from topics.events import CardReplacedData, Data, ReferralData, Touchpoint
from topics.refusals import Refusal, RefusalCode

CACHED_SOURCES: Final = 4_096
OTHER: Final = "other"
"""What stands for every source that no pattern matches, where sources are counted."""


class _Word(NamedTuple):
    """What one pattern says, ready to be asked. `refusal`: of everything; the other two are of one event."""

    pattern: str
    refusal: Refusal | None
    namespaces: frozenset[str] | None = None
    types: re.Pattern[str] | None = None
    wrong_namespace: Refusal | None = None
    wrong_type: Refusal | None = None


class Sources:
    """The `sources` of a configuration. Immutable; what it was asked before it remembers."""

    def __init__(self, sources: Mapping[str, Trust]) -> None:
        refused = Refusal(
            RefusalCode.UNTRUSTED_SOURCE, "The source is not trusted by the `sources` of the configuration"
        )
        self.names: tuple[str, ...] = (*sources, OTHER)
        self._words = [(_compiled((pattern,)), _word(pattern, trust, refused)) for pattern, trust in sources.items()]
        allows = any(trust != "refused" for trust in sources.values())
        self._otherwise = _Word(OTHER, refused if allows else None)
        self._of = lru_cache(maxsize=CACHED_SOURCES)(self._first)

    def name(self, source: str) -> str:
        """The pattern that decides about a source, one of `names`."""
        return self._of(source).pattern

    def refuse(self, touchpoint: Touchpoint) -> Refusal | None:
        """Why an event may not come from where it says that it comes from; None if it may."""
        word = self._of(touchpoint.source)
        if word.refusal is not None:
            return word.refusal
        if word.types is not None and word.types.match(touchpoint.type) is None:
            return word.wrong_type
        if word.namespaces is not None and not word.namespaces.issuperset(_named(touchpoint.data)):
            return word.wrong_namespace
        return None

    def _first(self, source: str) -> _Word:
        return next((word for pattern, word in self._words if pattern.match(source) is not None), self._otherwise)


def _word(pattern: str, trust: Trust, refused: Refusal) -> _Word:
    if not isinstance(trust, Allowance):
        return _Word(pattern, refused if trust == "refused" else None)
    namespaces, types = trust.namespaces, trust.types
    untrusted = RefusalCode.UNTRUSTED_SOURCE
    return _Word(
        pattern,
        None,
        None if namespaces is None else frozenset(namespaces),
        None if types is None else _compiled(types),
        Refusal(untrusted, f"By `sources` this source may name identifiers of {_listed(namespaces)} only"),
        Refusal(untrusted, f"By `sources` this source may send events of these types only: {_listed(types)}"),
    )


def _listed(names: Iterable[str] | None) -> str:
    return ", ".join(names or ()) or "none"


def _compiled(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(one) for one in patterns) or r"(?!)")


def _named(data: Data) -> Iterable[str]:
    """Every namespace that an event names, also beside its own identifiers."""
    if isinstance(data, CardReplacedData):
        return (*data.identifiers, CARD)
    if isinstance(data, ReferralData) and data.inviter is not None:
        return (*data.identifiers, *data.inviter)
    return data.identifiers
