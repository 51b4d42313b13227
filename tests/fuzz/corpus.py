"""The kept corpus: hostile records that are tried in every test run, each with what became of it when it was kept.

`python -m tests.fuzz.corpus` writes one of each mutator that has none yet. What a longer run finds is added by hand, as
a line with a name of its own; nothing is ever taken away.
"""

import base64
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from resolvers.admission import Admission
from resolvers.intake import take_in
from resolvers.pseudonyms import Pseudonyms
from tests.fuzz.broken_events import CONTENT
from tests.fuzz.broken_text import TEXT
from tests.fuzz.hostile import RULES, Sent, hostile
from topics.codec import decode, encode
from topics.envelope import Limits
from topics.records import Record
from topics.refusals import Refusal

FILE: Final = Path(__file__).with_name("corpus.jsonl")
APPEND_MS: Final = 1_795_262_400_000
MUTATORS: Final = {**TEXT, **CONTENT}
ADMISSION: Final = Admission(RULES, Pseudonyms(b"a key for tests, long enough to be one"))
BYTES_MAX: Final = 20_000
"""A larger record is not kept; its mutator makes it anew in every run."""


class Kept(NamedTuple):
    """A record, and the code that it was refused with; `accepted` if it was not."""

    name: str
    code: str
    sent: Sent


def taken(sent: Sent) -> str:
    """The code that a record is refused with, or `accepted`."""
    found = take_in(Record("touchpoints", 0, 0, APPEND_MS, sent.key, sent.value, sent.headers), Limits(), ADMISSION)
    return found.code.value if isinstance(found, Refusal) else "accepted"


def kept() -> Iterator[Kept]:
    """What the file holds."""
    for line in FILE.read_bytes().splitlines():
        content = decode(line)
        headers = tuple((name, base64.b64decode(text)) for name, text in content["headers"])
        value = None if content["value"] is None else base64.b64decode(content["value"])
        yield Kept(content["name"], content["code"], Sent(value, headers))


def _line(name: str, sent: Sent) -> bytes:
    headers = [(header, base64.b64encode(text).decode()) for header, text in sent.headers]
    value = None if sent.value is None else base64.b64encode(sent.value).decode()
    return encode({"name": name, "code": taken(sent), "value": value, "headers": headers}) + b"\n"


def main() -> None:
    """Add what is missing."""
    there = {one.name for one in kept()} if FILE.exists() else set()
    with FILE.open("ab") as file:
        for name, _, sent in islice(hostile(1, MUTATORS), len(MUTATORS)):
            if name not in there and len(sent.value or b"") <= BYTES_MAX:
                file.write(_line(name, sent))


if __name__ == "__main__":
    main()
