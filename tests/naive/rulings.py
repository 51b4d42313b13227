"""What operators have ruled: merges and splits that stand, from the answers on the results topic (readings O1-O6).

An answer is a dict as decoded from its record; nothing of how it was decided is judged here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.naive.links import Key, Ruling
from tests.naive.values import Identifier


@dataclass
class Rulings:
    """`standing`: the latest in the log first. `created`: identifiers that merges named first, and when."""

    standing: list[Ruling]
    created: list[tuple[Identifier, datetime]]


def read_rulings(answers: Iterable[dict[str, Any]], config: dict[str, Any]) -> Rulings:
    """The rulings that stand after all of these answers."""
    done = [answer for answer in answers if answer["status"] == "done" and not answer["dry_run"]]
    taken_back = {answer["effect"]["of"] for answer in done if answer["type"] == "undo"}
    found = []
    for answer in done:
        if answer["type"] not in ("merge", "split") or answer["id"] in taken_back:
            continue
        effect = answer["effect"]
        keys = [key_of_text(text) for text in answer["identifiers"]]
        values = {key_of_text(text) for text in effect.get("values", answer["identifiers"])}
        left = {key_of_text(text) for text in effect.get("left", [])}
        place = (answer["append_ms"], answer["topic"], answer["partition"], answer["offset"])
        found.append(Ruling(answer["id"], place, keys, values, left, set(effect.get("lifted", []))))
    found.sort(key=lambda each: each.position, reverse=True)
    created = []
    for answer in done:
        at = datetime.fromtimestamp(answer["append_ms"] / 1000, UTC)
        for text, display in answer["effect"].get("created", {}).items():
            created.append((identifier_of(key_of_text(text), display, config), at))
    return Rulings(found, created)


def key_of_text(text: str) -> Key:
    """`namespace:~token` -> its two parts."""
    namespace, _, token = text.partition(":~")
    return (namespace, token)


def identifier_of(key: Key, display: str, config: dict[str, Any]) -> Identifier:
    """An identifier that no event has named yet."""
    namespace, token = key
    options = config["namespaces"][namespace]
    scope = token.partition(":")[0] if options.get("scoped") else ""
    return Identifier(list(config["namespaces"]).index(namespace), namespace, scope, token, token, display)
