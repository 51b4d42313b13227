"""Hostile files: configuration, rules, import maps, rows and commands. Whatever is in them, an answer, and soon."""

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from resolvers.asking import ask
from resolvers.namespaces import DEFAULT_RULES
from stream.config.configuration import read_configuration
from stream.config.mistakes import ConfigError
from stream.config.rules_file import read_rules
from stream.importing.events import EventMaker
from stream.importing.importing import Judge, open_rows
from stream.importing.maps import read_map
from stream.importing.rows import UnreadableFileError
from tests.fuzz.corpus import ADMISSION, APPEND_MS
from tests.fuzz.hostile import CANARY
from topics.codec import decode, encode
from topics.envelope import Limits
from topics.records import Record

ROOT: Final = Path(__file__).parents[2]
SEED: Final = 20_261_122
ROUNDS: Final = 200
READ_SECONDS: Final = 20
"""A file that takes as long as this keeps a worker from starting; these take some hundredths of a second."""
MAP: Final = """\
type: member.legacy
source: /old
id: no
time: {column: since, format: YYYY-MM-DD, zone: Asia/Shanghai}
identifiers: {card: no, phone: mobile}
traits: {name: name}
"""
ROWS: Final = f"no,since,mobile,name\n1,2020-01-01,13800138000,{CANARY}\n2,2020-01-02,13800138001,王\n"
LINE: Final = f'{{"no": "1", "since": "2020-01-01", "mobile": "13800138000", "name": "{CANARY}"}}\n'
BOMB: Final = "\n".join(
    f"l{n}: &l{n} {{all: [{', '.join([f'*l{n - 1}'] * 10)}]}}" if n else "l0: &l0 {field: orders.count, at_least: 2}"
    for n in range(8)
)
# What has hung or ended a reader once, and what looks as if it could.
KEPT: Final = {
    "aliases of aliases": f"{BOMB}\ntags:\n  a: {{when: *l7, labels: {{en: A}}}}\n",
    "a condition within itself": "tags:\n  a: {when: &x {not: *x}}\n",
    "a list within itself": "blocked: {card: &b [*b]}\n",
    "a mapping that merges itself": "a: &a\n  <<: *a\n",
    "a number of 5,000 digits": f"caps: {{component: {'9' * 5_000}}}\n",
    "brackets in a line": f"a: {'[' * 3_000}",
    "braces in a line": f"a: {'{a: ' * 3_000}",
    "brackets, a line each": "a:\n" + " [\n" * 500,
    "dashes": f"{'- ' * 5_000}a",
    "the same anchor twice": "a: &a 1\nb: &a 2\n",
    "a tag of Python's": "policy: !!python/object/apply:os.system ['true']\n",
    "bytes": "policy: !!binary aGVsbG8=\n",
    "two documents": "policy: latest\n---\npolicy: first\n",
    "a NUL": "policy: \0\n",
    "no number": "caps: {component: .nan}\nlimits: {depth: .inf}\n",
    "a day that there is not": "timezone: 2026-02-31\n",
    "a name that is a list": "? [a, b]\n: 1\n",
    "a name that is nothing": "~: 1\nnamespaces: {~: {}, true: {}, 1: {}}\n",
    "half a character": 'policy: "\\ud800"\n',
    "merging numbers": "<<: [1, 2]\n",
    "a directive": "%YAML 9.9\n---\na: 1\n",
}
SCALARS: Final = (
    "~",
    "-1",
    "1e999",
    "''",
    "[]",
    "{}",
    "yes",
    "*x",
    "&x 1",
    "!!set {a}",
    "'re:(a+)+$'",
    "\t",
    "{a: [}",
    CANARY,
)

Reader = Callable[[Path], object]


def import_map(file: Path) -> object:
    """A map, or what is wrong with it."""
    try:
        return read_map(file, DEFAULT_RULES.namespaces)
    except ConfigError as error:
        return error.mistakes


READERS: Final[dict[str, tuple[Reader, str]]] = {
    "idweave.yaml": (read_configuration, (ROOT / "idweave.yaml").read_text()),
    "rules.yaml": (read_rules, (ROOT / "rules.yaml").read_text()),
    "members.map.yaml": (import_map, MAP),
}


@pytest.mark.timeout(READ_SECONDS)
@pytest.mark.parametrize("case", KEPT)
@pytest.mark.parametrize("name", READERS)
def test_a_file_that_was_hostile_once_is_answered(name: str, case: str, tmp_path: Path) -> None:
    """Values or mistakes, and no exception."""
    file = tmp_path / name
    file.write_text(KEPT[case])
    read, _ = READERS[name]
    assert read(file)


@pytest.mark.parametrize("name", READERS)
def test_mutated_files_are_answered(name: str, tmp_path: Path) -> None:
    """Lines lost, doubled, moved and indented, values of other kinds, bytes changed: values or mistakes."""
    read, text = READERS[name]
    file, chance = tmp_path / name, random.Random(SEED)
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for _ in range(ROUNDS):
        first = chance.randrange(len(lines))
        some = lines[first : first + 12]
        for _ in range(chance.randrange(1, 4)):
            some = mutated(chance, some)
        content = bytearray("\n".join(some).encode())
        if chance.random() < 0.2 and content:
            content[chance.randrange(len(content))] = chance.randrange(256)
        file.write_bytes(content)
        assert read(file) is not None, content


def mutated(chance: random.Random, lines: list[str]) -> list[str]:
    """Lines with one thing changed."""
    at, way = chance.randrange(len(lines)), chance.randrange(5)
    line = lines[at]
    changed = {
        0: [],
        1: [line, line],
        2: [" " * chance.randrange(5) + line.lstrip()],
        3: [line.partition(":")[0] + ": " + chance.choice(SCALARS)],
        4: [line.replace(chance.choice("{}[]:,'\"#- "), chance.choice("{}[]:,'\"#-\t&*!|>%@`"), 1)],
    }[way]
    return [*lines[:at], *changed, *lines[at + 1 :]] or [line]


@pytest.mark.parametrize(("name", "text"), [("members.csv", ROWS), ("members.jsonl", LINE * 2)])
def test_mutated_rows_are_rejected_one_by_one(name: str, text: str, tmp_path: Path) -> None:
    """A file is read to its end, or said not to be what it should; each row is an event or has a reason."""
    file, chance = tmp_path / "a.map.yaml", random.Random(SEED)
    file.write_text(MAP)
    read = read_map(file, DEFAULT_RULES.namespaces)
    judge = Judge(EventMaker(read, b"a key"), ADMISSION, Limits(), "touchpoints")
    rows = 0
    for _ in range(ROUNDS * 3):
        content = bytearray(text.encode())
        for _ in range(chance.randrange(1, 6)):
            at = chance.randrange(len(content))
            piece = chance.choice(
                [b"", b"\0", b'"', b",", b"\r", b"\n", b"\xff", b"{", b"\\u0000", b"9" * 500, b"\xe7"]
            )
            content[at : at + chance.randrange(3)] = piece
        try:
            for row in open_rows(io.BytesIO(content), name, read):
                judged = judge.judged(row)
                rows += 1
                assert judged.event is not None or judged.reason or not judged.code
                assert CANARY not in judged.reason
        except UnreadableFileError as error:
            assert CANARY not in str(error)  # noqa: PT017 - it may also be readable
    assert rows > ROUNDS


def test_mutated_commands_have_an_answer() -> None:
    """Bytes changed and values of other kinds in every example: a command, or a reason that repeats nothing."""
    chance = random.Random(SEED)
    examples = (ROOT / "topics" / "examples" / "commands.jsonl").read_bytes().splitlines()
    odd: tuple[object, ...] = (
        None,
        "",
        CANARY,
        f"phone:{CANARY}",
        [CANARY],
        [[]],
        {"a": 1},
        -1,
        1e300,
        True,
        "x" * 5_000,
        "phone:~",
        "\0",
        ":",
    )
    for _ in range(ROUNDS * 6):
        text = bytearray(chance.choice(examples))
        if chance.random() < 0.5:
            content = decode(bytes(text))
            content[chance.choice([*content, "more"])] = chance.choice(odd)
            text = bytearray(encode(content))
        else:
            text[chance.randrange(len(text))] = chance.randrange(256)
        asked = ask(Record("commands", 0, 7, APPEND_MS, None, bytes(text), ()), ADMISSION)
        assert asked.command is not None or asked.fault
        assert CANARY not in asked.fault
