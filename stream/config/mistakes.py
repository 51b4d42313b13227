"""Mistakes in what an operator wrote: named one by one, with their place and what to do, and raised together."""

import difflib
from collections.abc import Iterable
from typing import Final, NamedTuple

LISTED_MAX: Final = 16
"""Known words that are few enough to be listed in a hint when none is like the one given."""
HANDFUL: Final = 3


class Mistake(NamedTuple):
    """One thing to put right. `place` is `file:line:column` (from 1), or `environment`."""

    place: str
    subject: str
    reason: str
    hint: str = ""

    def __str__(self) -> str:
        sentence = ": ".join(part for part in (self.place, self.subject, self.reason) if part)
        return f"{sentence}; {self.hint}" if self.hint else sentence


class ConfigError(Exception):
    """The configuration cannot be used; `mistakes` holds all of what is wrong with it, and str() one line for each.

    `warnings`: what was unwise beside them, which may be why something is missing.
    """

    def __init__(self, mistakes: Iterable[Mistake], warnings: Iterable[Mistake] = ()) -> None:
        self.mistakes = tuple(mistakes)
        self.warnings = tuple(warnings)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


def closest(name: str, known: Iterable[str]) -> str:
    """A hint: the known word most like this one, or the known words where they are few.

    A handful is always listed, because the word most like "trusted" may be "refused".
    """
    words = list(known)
    near = difflib.get_close_matches(name, words, 1)
    if near and len(words) > HANDFUL:
        return f"did you mean '{near[0]}'?"
    return f"known are: {', '.join(words)}" if words and len(words) <= LISTED_MAX else ""
