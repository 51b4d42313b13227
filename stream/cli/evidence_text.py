"""An explanation for people, in lines: the verdict, the way, what stands between, and what else was refused.

Must not know: where evidence is kept.
"""

from collections.abc import Iterator

from stream.cli.console import plural
from topics.answers import EvidenceLink, Explanation
from topics.commands import COMMAND_SOURCE
from topics.updates import EvidenceRef, ShownIdentifier


def lines(told: Explanation) -> Iterator[str]:
    """The explanation, a line at a time."""
    yield _verdict(told)
    for link in told["path"]:
        yield from _link(link)
    if told["around"]:
        yield "Evidence around them that does not count:"
        for link in told["around"]:
            yield from _link(link)
    if told["around_more"]:
        yield f"  ... and {told['around_more']:,} more"
    if any(link["first"] is not None for link in (*told["path"], *told["around"])):
        yield "Times are UTC."


def shown(identifier: ShownIdentifier) -> str:
    """An identifier as people see it."""
    return f"{identifier['namespace']} {identifier['display']}"


def _verdict(told: Explanation) -> str:
    if told["a"] == told["b"]:
        return f"{shown(told['a'])} is one identifier: the two that were asked for are the same."
    both = f"{shown(told['a'])} and {shown(told['b'])}"
    match told["verdict"]:
        case "one_person":
            return f"{both} are one person, by {plural(len(told['path']), 'link')}:"
        case "refused":
            rules = ", ".join(dict.fromkeys(str(link["rule"]) for link in told["refused"]))
            return f"{both} are not one person. Evidence runs between them, but not all of it counts ({rules}):"
        case "no_evidence":
            return f"{both} are not one person: no evidence connects them."


def _link(link: EvidenceLink) -> Iterator[str]:
    ends = f"{shown(link['ends'][0])} {'—' if link['counts'] else '-x-'} {shown(link['ends'][1])}"
    yield f"  {ends}: {_events(link)}{', said to be one value' if link['asserted'] and link['events'] else ''}"
    if not link["counts"]:
        yield f"    refused by {link['rule']}: {link['reason']}"


def _events(link: EvidenceLink) -> str:
    first, last = link["first"], link["last"]
    if first is None or last is None:
        return "seen together"
    if first["source"] == COMMAND_SOURCE:
        return f"joined by an operator, by command {first['id']} at {_minute(first)}"
    if first == last:
        return f"together in {event(first)}"
    return f"together in {event(first)} to {event(last)}, {plural(link['events'], 'event')} in all"


def event(event: EvidenceRef) -> str:
    """An event and its time to the minute, UTC."""
    return f"{event['id']} ({event['source']}) at {_minute(event)}"


def _minute(event: EvidenceRef) -> str:
    return event["time"][:16].replace("T", " ")
