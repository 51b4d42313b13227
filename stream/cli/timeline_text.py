"""A timeline for people, in lines with their colours: when, what, with whom, and because of which events.

Must not know: where histories are kept.
"""

from collections.abc import Iterator
from typing import Final

from stream.cli.console import plural
from stream.cli.evidence_text import event, shown
from topics.answers import Timeline, TimelineEntry

STYLES: Final = {
    "merged": "green",
    "split": "magenta",
    "moved": "cyan",
    "erased": "red",
    "conflict": "yellow",
    "command": "blue",
}
NAMED_MAX: Final = 8
"""Identifiers that an entry names."""
_BEHIND: Final = " " * 31

Line = tuple[str, str | None]
"""Text, and its style."""


def lines(told: Timeline) -> Iterator[Line]:
    """The timeline, a line at a time, newest last."""
    kept = " and ".join(f"{name} for {plural(days, 'day')}" for name, days in told["kept_days"].items())
    whose = f"Profile {told['profile_id']}, version {told['version']}; times are UTC"
    yield f"{whose}. Kept are {kept}: what is older is gone.", None
    if not told["whole"]:
        since = f"since {told['since'][:16].replace('T', ' ')}" if told["since"] else "the newest, and not all of them"
        yield f"There was no time to read everything: these are the entries {since}.", "yellow"
    if told["more"]:
        yield f"... {plural(told['more'], 'older one')} left out", None
    if not told["entries"]:
        yield "Nothing happened to it: no merge, no split, no conflict.", None
    for entry in told["entries"]:
        style = STYLES[entry["type"]]
        yield f"{entry['at'][:19].replace('T', ' ')}  {entry['type']:<8}  {_what(entry)}", style
        named = [shown(one) for one in entry["identifiers"][:NAMED_MAX]]
        more = len(entry["identifiers"]) - len(named)
        if named:
            joint = " -x- " if entry["type"] == "conflict" else ", "
            yield f"{_BEHIND}{joint.join(named)}{f' and {more:,} more' if more else ''}", None
        if entry["evidence"]:
            yield f"{_BEHIND}because of {', '.join(map(event, entry['evidence']))}", None
        elif entry["cause"] is not None:
            yield f"{_BEHIND}caused by {entry['cause']['id']} ({entry['cause']['source']})", None


def _what(entry: TimelineEntry) -> str:
    match entry["type"]:
        case "merged":
            return f"{', '.join(entry['from'])} into {', '.join(entry['to'])}"
        case "split":
            return f"{', '.join(entry['from'])} into {' and '.join(entry['to'])}"
        case "moved":
            count = plural(len(entry["identifiers"]), "identifier")
            return f"{count} from {', '.join(entry['from'])} to {', '.join(entry['to'])}"
        case "erased":
            return ", ".join(entry["from"])
        case "conflict":
            return f"{entry['rule']}: {entry['reason']}"
        case "command":
            return f"{entry['command']} {entry['id']}: {entry['status']}. {entry['reason'] or ''}".rstrip()
