"""What operators have ruled: merges and splits that stand, from the answers on the results topic (readings O1-O6).

An answer is a dict as decoded from its record; nothing of how it was decided is judged here.
"""

import base64
import hashlib
import hmac
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
    erased: dict[str, list[tuple[int, str, int, int]]]  # seal -> log positions of erases


def read_rulings(answers: Iterable[dict[str, Any]], config: dict[str, Any], hash_key: bytes) -> Rulings:
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
        place = place_of(answer)
        found.append(Ruling(answer["id"], place, keys, values, left, set(effect.get("lifted", []))))
    found.sort(key=lambda each: each.position, reverse=True)
    erased: dict[str, list[tuple[int, str, int, int]]] = {}
    for answer in done:
        if answer["type"] == "erase":
            for text in answer["identifiers"]:
                erased.setdefault(key_of_text(text)[1], []).append(place_of(answer))
    for ruling in found:  # who was erased later is not spoken of any more
        ruling.keys = [key for key in ruling.keys if not is_over(key, ruling.position, erased, hash_key)]
        ruling.values = {key for key in ruling.values if not is_over(key, ruling.position, erased, hash_key)}
        ruling.left = {key for key in ruling.left if not is_over(key, ruling.position, erased, hash_key)}
    created = []
    for answer in done:
        at = datetime.fromtimestamp(answer["append_ms"] / 1000, UTC)
        for text, display in answer["effect"].get("created", {}).items():
            if not is_over(key_of_text(text), place_of(answer), erased, hash_key):
                created.append((identifier_of(key_of_text(text), display, config), at))
    return Rulings(found, created, erased)


def place_of(answer: dict[str, Any]) -> tuple[int, str, int, int]:
    """The log position of the command."""
    return (answer["append_ms"], answer["topic"], answer["partition"], answer["offset"])


def seal_of(key: Key, hash_key: bytes) -> str:
    """What stands for an erased identifier."""
    message = "idweave seal " + hashlib.sha256(":".join(key).encode()).hexdigest()
    return base64.b32encode(hmac.digest(hash_key, message.encode(), "sha256")).decode()[:26]


def is_over(
    key: Key,
    position: tuple[int, str, int, int],
    erased: dict[str, list[tuple[int, str, int, int]]],
    hash_key: bytes,
) -> bool:
    """Whether the identifier was erased after this position."""
    return any(position < each for each in erased.get(seal_of(key, hash_key), [])) if erased else False


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
