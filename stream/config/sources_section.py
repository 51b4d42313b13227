"""The `sources` of `idweave.yaml`: which publisher may send what, by the `source` of its events.

Rules: as in `stream.config.configuration`: every mistake at its place, none guessed away.
Must not know: what becomes of an event that a source may not send.
"""

from collections.abc import Collection
from typing import Final, Literal, get_args

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from resolvers.namespaces import Allowance, Trust
from stream.config.mistakes import Mistake, closest
from stream.config.sections import Section

SOURCES_MAX: Final = 100
"""Each is tried on each new source, and is a value of a metric's label."""
TYPES_MAX: Final = 100

Whole = Literal["allowed", "refused"]


def read_sources(top: Section, namespaces: Collection[str]) -> dict[str, Trust]:
    """Trust by pattern, in the order of the file; what is wrong with one leaves it out."""
    section = top.section("sources")
    if section is None:
        return {}
    if len(section.content) > SOURCES_MAX:
        top.mistake("sources", f"may hold {SOURCES_MAX} patterns")
        return {}
    sources: dict[str, Trust] = {}
    for pattern in section.content:
        if not isinstance(pattern, str):
            section.mistake(pattern, "a source pattern must be text", "write it in quotes", at_name=True)
        elif (trust := _trust(section, str(pattern), namespaces)) is not None:
            sources[str(pattern)] = trust
    return sources


def _trust(section: Section, pattern: str, namespaces: Collection[str]) -> Trust | None:
    if not isinstance(section.content[pattern], CommentedMap):
        words: tuple[Whole, ...] = get_args(Whole)
        return section.word(pattern, words)
    line = section.section(pattern)
    assert line is not None
    allowance = Allowance(
        namespaces=_texts(line, "namespaces", len(namespaces), namespaces), types=_texts(line, "types", TYPES_MAX)
    )
    line.refuse_others()
    if not line.content:
        line.wrong("says nothing", "write allowed, refused, or {namespaces: [...], types: [...]}")
    return allowance


def _texts(line: Section, name: str, most: int, known: Collection[str] = ()) -> tuple[str, ...] | None:
    """A list of texts, of the known ones if there are such; None if it is not there."""
    values = line.value(name)
    if values is None:
        return None
    if not isinstance(values, CommentedSeq) or not 1 <= len(values) <= most:
        line.mistake(name, f"must be a list of 1 to {most}", 'write it as ["...", "..."]')
        return ()
    for index, value in enumerate(values):
        if isinstance(value, str) and (value in known or not known):
            continue
        place, subject = line.reading.place(values.lc.item(index)), line.path(f"{name}[{index}]")
        if isinstance(value, str):
            line.reading.mistakes.append(Mistake(place, subject, "is not declared", closest(value, sorted(known))))
        else:
            line.reading.mistakes.append(Mistake(place, subject, "must be text", "write it in quotes"))
    return tuple(str(value) for value in values)
