"""Imports: foreign rows become the events that a publisher would have sent; what cannot be is said and left out."""

import csv
import io
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from resolvers.admission import Admission
from resolvers.namespaces import DEFAULT_RULES
from resolvers.pseudonyms import Pseudonyms
from stream.cli import import_file as cli_import
from stream.cli.main import run
from stream.config.mistakes import ConfigError
from stream.importing import importing as module
from stream.importing.cells import Cell, Wrong, pattern_of, read_cell
from stream.importing.events import EventMaker
from stream.importing.importing import Importing, Judge, StoppedError, open_rows
from stream.importing.maps import ImportMap, read_map
from stream.importing.publishing import Line
from stream.importing.rows import LINE_BYTES_MAX, CsvRows, FileRow, JsonRows, UnreadableFileError
from stream.importing.state import Rejects, State, read_state, state_file
from tests.stream.test_cli import KEYS, folder, said
from topics.envelope import Limits

DOCS = (Path(__file__).parents[2] / "docs" / "import.md").read_text()
BLOCKS = re.findall(r"^```(?:csv|yaml)\n(.*?)^```", DOCS, re.DOTALL | re.MULTILINE)
KEY = b"a key of a test"
SMALL = """
type: member.legacy
source: /old
id: no
time: {fixed: "2020-01-01T00:00:00Z"}
identifiers: {card: no, phone: mobile}
traits: {name: name}
"""

__all__ = ["folder"]  # the fixture


def map_of(tmp_path: Path, text: str) -> ImportMap:
    """The map that a text says."""
    file = tmp_path / "a.map.yaml"
    file.write_text(text)
    return read_map(file, DEFAULT_RULES.namespaces)


def mistakes_of(tmp_path: Path, text: str) -> list[str]:
    """What is wrong with a map, without the name of its file."""
    with pytest.raises(ConfigError) as raised:
        map_of(tmp_path, text)
    return [str(one).partition(".yaml:")[2] for one in raised.value.mistakes]


def events_of(read: ImportMap, content: bytes, name: str = "a.csv") -> list[Any]:
    """The events of a file's rows, or why there is none."""
    maker = EventMaker(read, KEY)
    made = [maker.event(row.content or {}) for row in open_rows(io.BytesIO(content), name, read)]
    return [json.loads(one) if isinstance(one, bytes) else one for one in made]


# --- the documentation


def test_the_documented_member_base(tmp_path: Path) -> None:
    """The first map of docs/import.md, on its file, in the encoding that it names."""
    first, second, third = events_of(map_of(tmp_path, BLOCKS[1]), BLOCKS[0].encode("gb18030"))
    assert first == {
        "specversion": "1.0",
        "id": "800001",
        "source": "/crm/legacy",
        "type": "member.legacy",
        "time": "2015-03-06T16:00:00Z",
        "data": {
            "identifiers": {"card": "800001", "phone": "138 0013 8001"},
            "traits": {"name": "张伟", "gender": "male", "birthday": "1990-01-02"},
            "traits_once": {"first_store": "store"},
            "consents": {"sms": True},
            "channel": "offline",
            "campaign": "legacy-2026",
        },
    }
    assert second["data"]["identifiers"] == {
        "card": "800002",
        "phone": ["13800138002", "13800138012"],
        "openid": "main:oX2",
    }
    assert second["data"]["consents"] == {"sms": False}
    assert third["time"] == "2015-01-01T00:00:00+08:00", "it has no date"
    assert "phone" not in third["data"]["identifiers"], "the word for nothing"


def test_the_documented_late_file(tmp_path: Path) -> None:
    """The second map of docs/import.md, on its file, with a byte order mark."""
    paid, refunded, other = events_of(map_of(tmp_path, BLOCKS[3]), BLOCKS[2].encode("utf-8-sig"))
    assert (paid["id"], paid["type"], paid["time"]) == ("R-1001|S", "order.paid", "2026-11-20T02:15:00Z")
    assert paid["data"]["order"] == {"order_id": "R-1001", "amount": "1299.00", "currency": "CNY"}
    assert (refunded["type"], refunded["data"]["order"]["amount"]) == ("order.refunded", "100.00")
    assert other["data"]["identifiers"] == {"phone": "13800138002"}


def test_the_documented_rows_are_accepted(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """`--check` with the maps and files of the documentation finds nothing to reject."""
    for name, content, read in (("members", BLOCKS[0].encode("gb18030"), 1), ("pos", BLOCKS[2].encode(), 3)):
        (folder / f"{name}.csv").write_bytes(content)
        (folder / f"{name}.map.yaml").write_text(BLOCKS[read])
        code, out, err = said(capsys, "import", f"{name}.csv", "--map", f"{name}.map.yaml", "--check")
        assert (code, err) == (0, "")
        assert "3 rows would be accepted, 0 rejected, 0 skipped." in out
    assert sorted(one.name for one in folder.iterdir()) == [
        "members.csv",
        "members.map.yaml",
        "pos.csv",
        "pos.map.yaml",
    ]


# --- the map


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        (("id: no", "id: mobile"), "4:5: id: an event's id is published as it is"),
        (("id: no", ""), "id: is needed; name the column that numbers the rows, or write id: digest"),
        (("member.legacy", "member.legcy"), "2:7: type: 'member.legcy' is no type that the engine knows; did you mean"),
        (("card: no", "crad: no"), "6:15: identifiers.crad: this namespace is not declared in the configuration; did"),
        (("traits:", "trait:"), "7:1: trait: unknown setting; did you mean 'traits'?"),
        (("{name: name}", "{name: {colum: name}}"), "7:17: traits.name.colum: unknown setting; did you mean 'column'?"),
        (("{name: name}", "{name: 5}"), "7:16: traits.name: must name a column; a fixed value is written"),
        (("{name: name}", "{name: a, name.x: b}"), "7:19: traits.name.x: stands within another name"),
        (("{name: name}", "{name: {column: n, values: {1: x}}}"), "7:37: traits.name.values.1: a word of the file"),
        (("{name: name}", "{name: {column: n, otherwise: skip}}"), "7:28: traits.name.otherwise: has no effect"),
        (
            ('{fixed: "2020-01-01T00:00:00Z"}', '{fixed: "2020-01-01"}'),
            "5:15: time.fixed: must be a time with its zone",
        ),
        (('{fixed: "2020-01-01T00:00:00Z"}', "{column: d, format: YYYY-MM-DD}"), "5:27: time.format: says no zone"),
        (
            ('{fixed: "2020-01-01T00:00:00Z"}', "{column: d, format: iso, zone: Mars}"),
            "5:38: time.zone: unknown time zone",
        ),
        (('{fixed: "2020-01-01T00:00:00Z"}', "{column: d, format: d.m.y}"), "5:27: time.format: must be made of YYYY"),
        (('{fixed: "2020-01-01T00:00:00Z"}', "joined"), "5:7: time: is needed; write {column:"),
        (("source: /old", "source: /old\npoints: x"), "4:1: points: member.legacy cannot hold it"),
        (("member.legacy", "points.earned"), "points: points.earned needs it; write points: and where it comes from"),
        (("member.legacy", "order.paid\norder: {order_id: a}"), "3:8: order: needs amount"),
        (
            ("source: /old", "source: /old\nconsents: {sms: {constant: maybe}}"),
            "4:28: consents.sms.constant: must be true",
        ),
        (("source: /old", "source: /old\ndelimiter: ', '"), "4:12: delimiter: must be one character"),
        (
            ("source: /old", "source: /old\nencoding: utf-16"),
            "4:11: encoding: unknown value; known are: gb18030, utf-8",
        ),
    ],
)
def test_mistakes_of_a_map_have_their_place(tmp_path: Path, change: tuple[str, str], mistake: str) -> None:
    """Line, column, setting, reason, and what to do."""
    found = mistakes_of(tmp_path, SMALL.replace(*change))
    assert any(one.startswith(mistake) or one.partition(": ")[2].startswith(mistake) for one in found), found


def test_a_column_that_is_not_there(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """It is a mistake of the map, with the near name; names of the file that are not near may be data, and stay out."""
    (folder / "a.csv").write_text("no,mobil,13800138000\n")
    (folder / "a.yaml").write_text(SMALL)
    code, out, err = said(capsys, "import", "a.csv", "--map", "a.yaml", "--check")
    assert (code, out) == (2, "")
    assert "a.yaml:6:32: identifiers.phone: the file has no column `mobile`; did you mean 'mobil'?" in err
    assert "a.yaml:7:16: traits.name: the file has no column `name`; it has 3; if its first line is a row" in err
    assert "138" not in err


# --- values


@pytest.mark.parametrize(
    ("cell", "content", "value"),
    [
        (Cell(), " a ", "a"),
        (Cell(), 13800138000, "13800138000"),
        (Cell(), 1.5, Wrong("Column `c`: must be text; write it in quotes")),
        (Cell(), "N/A", None),
        (Cell(constant="x"), "", "x"),
        (Cell(scope="main"), "o1", "main:o1"),
        (Cell(kind="truth"), "是", True),
        (Cell(kind="truth"), "No", False),
        (Cell(kind="truth"), False, False),
        (Cell(kind="number"), "1,234.50", Wrong),
        (Cell(kind="number", thousands=","), "1,234.50", 1234.5),
        (Cell(kind="number"), "7.0", 7),
        (Cell(kind="number"), "1e9", Wrong),
        (Cell(kind="number"), "NaN", Wrong),
        (Cell(kind="number"), True, Wrong),
        (Cell(kind="integer"), "7.5", Wrong),
        (Cell(kind="amount"), "0.10", "0.10"),
        (Cell(kind="amount"), 12.3, "12.3"),
        (Cell(kind="amount"), "-5", Wrong),
        (Cell(kind="amount", drop_sign=True), "-5", "5"),
        (Cell(kind="any"), {"a": [1]}, {"a": [1]}),
        (Cell(words={"m": "male", "f": None}), "M", "male"),
        (Cell(words={"m": "male", "f": None}), "f", None),
        (Cell(words={"m": "male"}), "x", Wrong("Column `c`: not one of the words in `values` of the map")),
        (Cell(words={"m": "male"}, otherwise="skip"), "x", None),
        (Cell(words={"m": "male"}, otherwise="keep"), "x", "x"),
        (Cell(words={"1": "male"}), 1, "male"),
        (Cell(kind="date", formats=("%Y/%m/%d", "%Y%m%d")), "1990/1/2", "1990-01-02"),
        (Cell(kind="date", formats=("%Y/%m/%d", "%Y%m%d")), "19900102", "1990-01-02"),
        (Cell(kind="date", formats=("%Y/%m/%d",)), "0000/00/00", Wrong),
        (Cell(kind="instant", formats=("iso",)), "2020-01-01T08:00:00+08:00", "2020-01-01T00:00:00Z"),
        (Cell(kind="instant", formats=("iso",)), "2020-01-01T08:00:00", Wrong),
        (Cell(kind="instant", formats=("seconds",)), 1577836800, "2020-01-01T00:00:00Z"),
        (Cell(kind="instant", formats=("milliseconds",)), "1577836800500", "2020-01-01T00:00:00.500000Z"),
        (Cell(kind="instant", formats=("seconds",)), "9" * 29, Wrong),
    ],
)
def test_cells(cell: Cell, content: object, value: object) -> None:
    """A cell is read as the map says, or what is wrong with it is told without its content."""
    named = Cell(**{**{name: getattr(cell, name) for name in cell.__struct_fields__}, "column": "c"})
    found = read_cell(named, {"c": content}, frozenset({"n/a"}))
    if value is Wrong:
        assert isinstance(found, Wrong)
        assert str(content) not in found.reason
    else:
        assert found == value
        assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("YYYY-MM-DD hh:mm:ss", "%Y-%m-%d %H:%M:%S"),
        ("YYYY年MM月DD日", "%Y年%m月%d日"),
        ("YYYY-MM-DDThh:mm", "%Y-%m-%dT%H:%M"),
        ("DD.MM.YY", "%d.%m.%y"),
        ("YYYY-mm-dd", None),
        ("hh:mm", None),
        ("%Y-%m-%d", None),
    ],
)
def test_patterns_of_dates(text: str, pattern: str | None) -> None:
    """Months are MM and minutes are mm; a pattern says a whole date."""
    assert pattern_of(text) == pattern


def test_rows_name_their_events(tmp_path: Path) -> None:
    """Columns together, unmistakably; or a keyed digest that blanks around cells and empty columns do not change."""
    two = map_of(tmp_path, SMALL.replace("id: no", "id: [no, name]"))
    rows = [{"no": "a|b", "name": "c"}, {"no": "a", "name": "b|c"}]
    ids = [json.loads(EventMaker(two, KEY).event(row) or b"")["id"] for row in rows]  # type: ignore[arg-type]
    assert len(set(ids)) == 2
    digest = map_of(tmp_path, SMALL.replace("id: no", "id: digest"))
    same = [{"no": "1", "name": " x"}, {"name": "x", "no": "1", "mobile": "", "idweave_line": "7"}]
    named = [json.loads(EventMaker(digest, KEY).event(row) or b"")["id"] for row in same]  # type: ignore[arg-type]
    assert named[0] == named[1]
    other = json.loads(EventMaker(digest, b"another key").event(same[0]) or b"")["id"]  # type: ignore[arg-type]
    assert other != named[0]


def test_all_parts_of_an_event(tmp_path: Path) -> None:
    """JSON lines with what the two documented maps do not have: items, an inviter, nested names, expiry, answers."""
    text = """
type: {column: t, values: {p: order.paid, c: coupon.issued, r: referral.registered, s: survey.completed}}
source: /all
id: n
time: {column: at, format: seconds}
identifiers: {login: {column: who.name, scope: taobao}}
inviter: {phone: by}
traits: {address.city: city, size: {column: size, as: number}}
counters: {visits: {constant: 1}}
answers: {q1: q}
coupon_id: coupon
expires_at: {column: until, format: YYYY-MM-DD, zone: UTC}
order: {order_id: n, amount: sum, currency: {constant: CNY}, item: {sku: sku, quantity: pieces, price: price}}
"""
    row = {"n": "7", "at": 1577836800, "who": {"name": "u"}, "by": "13800138001", "city": "Xi'an", "size": "4.0"}
    row |= {"q": "yes", "coupon": "c1", "until": "2027-01-01", "sum": 9.5, "sku": "s", "pieces": 2, "price": "4.75"}
    lines = "\n".join(json.dumps(row | {"t": kind}) for kind in "pcrs")
    found = events_of(map_of(tmp_path, text), lines.encode(), "a.jsonl")
    assert [one["type"] for one in found] == ["order.paid", "coupon.issued", "referral.registered", "survey.completed"]
    assert found[0]["data"] == {
        "identifiers": {"login": "taobao:u"},
        "inviter": {"phone": "13800138001"},
        "traits": {"address": {"city": "Xi'an"}, "size": 4},
        "counters": {"visits": 1},
        "answers": {"q1": "yes"},
        "coupon_id": "c1",
        "expires_at": "2027-01-01T00:00:00Z",
        "order": {
            "order_id": "7",
            "amount": "9.5",
            "currency": "CNY",
            "items": [{"sku": "s", "quantity": 2, "price": "4.75"}],
        },
    }


# --- rows


@given(st.lists(st.lists(st.text(st.characters(codec="gb18030"), max_size=8), min_size=2, max_size=2), max_size=20))
def test_rows_are_what_was_written(cells: list[list[str]]) -> None:
    """Whatever a CSV writer quotes is read again, each row with the number of its first line, in both encodings."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b"])
    expected, line = [], 2
    for row in cells:
        before = text.tell()
        writer.writerow(row)
        if any(row):
            expected.append(FileRow(line, dict(zip("ab", row, strict=True))))
        line += text.getvalue()[before:].count("\n")
    for encoding in ("utf-8", "gb18030"):
        assert list(CsvRows(io.BytesIO(text.getvalue().encode(encoding)), encoding, ",", None)) == expected


def test_broken_rows_of_csv() -> None:
    """Each is told with its line and passed over; the next one is read."""
    long = b"x" * (LINE_BYTES_MAX + 10)
    content = b'a,b\n1,2\n3\n\n,\n"4,5\n6",7\n"8"9,0\n\xff\xfe,1\n' + long + b"\n10,11\r\n"
    rows = list(CsvRows(io.BytesIO(content), "utf-8", ",", None))
    assert [(row.line, row.content is not None) for row in rows] == [
        (2, True),
        (3, False),
        (6, True),
        (8, False),
        (9, False),
        (10, False),
        (11, True),
    ]
    assert [row.fault for row in rows if row.fault] == [
        "The row has 1 cells, and there are 2 columns",
        "Not CSV: ',' expected after '\"'",
        "The line is not utf-8 text",
        f"A line has more than {LINE_BYTES_MAX} bytes",
    ]
    assert rows[1].text == "3"


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "names no columns"), (b"a,b,a\n", "names a column twice"), ("姓名\n".encode("gb18030"), "not utf-8 text")],
)
def test_a_first_line_that_names_nothing(content: bytes, word: str) -> None:
    """The file is refused with what to do."""
    with pytest.raises(UnreadableFileError, match=word):
        CsvRows(io.BytesIO(content), "utf-8", ",", None)


def test_broken_rows_of_json() -> None:
    """Text that no two readers would read alike is no row."""
    content = b'\xef\xbb\xbf{"a": 1}\n\n[1]\n{"a": 1, "a": 2}\n{"a"\n' + b"[" * 100 + b"]" * 100 + b'\n{"a": 2}'
    rows = list(JsonRows(io.BytesIO(content), "utf-8"))
    assert [(row.line, row.content) for row in rows] == [
        (1, {"a": 1}),
        (3, None),
        (4, None),
        (5, None),
        (6, None),
        (7, {"a": 2}),
    ]


# --- the run


class Broker:
    """Takes events; fails, or ends the process as a kill would, when it is told to."""

    def __init__(self) -> None:
        self.delivered = 0
        self.reason = "no room"
        self.taken: list[bytes] = []
        self.fails_at = self.dies_at = 10**9

    def publish(self, lines: Iterable[Line], *, per_second: float | None = None) -> None:
        """As the publisher."""
        assert per_second is None
        for _, value in lines:
            if len(self.taken) == self.dies_at:
                raise SystemExit
            self.taken.append(value)
            self.delivered += self.delivered < self.fails_at


def imported(file: Path, read: ImportMap, broker: Broker) -> State:
    """One run of an import."""
    judge = Judge(EventMaker(read, KEY), Admission(DEFAULT_RULES, Pseudonyms(KEY)), Limits(), "touchpoints")
    with file.open("rb") as opened:
        rows = open_rows(opened, file.name, read)
        state = read_state(file) or State(file="f", map="m", topic="t", cluster="c")
        with Rejects(file, rows.header, ",", "utf-8", state.rejects_bytes) as rejects:
            importing = Importing(file, broker, judge, state)
            importing.run(rows, rejects, None, lambda _bytes, _state: None)
    return state


@pytest.mark.parametrize("ends", ["fails_at", "dies_at"])
def test_an_interrupted_import_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    """Wherever it stops, the next run sends what is left, with less than a chunk twice, and the rejects are whole."""
    monkeypatch.setattr(module, "CHUNK_ROWS", 5)
    read = map_of(tmp_path, SMALL)
    file = tmp_path / "old.csv"
    rows = [f"{n},{'nobody' if n % 4 == 0 else f'1380013{n:04}'},{'x' * 300 if n % 9 == 0 else 'y'}" for n in range(40)]
    file.write_text("no,mobile,name\n" + "\n".join(row if n % 7 else f"{n}" for n, row in enumerate(rows)) + "\n")
    undisturbed = Broker()
    state = imported(file, read, undisturbed)
    rejects = (tmp_path / "old.csv.rejects.csv").read_bytes()
    assert (state.published, state.rejected) == (34, {"unreadable_row": 6})
    assert state.dropped == {"phone invalid_value": 8}
    assert not state_file(file).exists()
    for at in range(34):
        broker = Broker()
        setattr(broker, ends, at)
        with pytest.raises((StoppedError, SystemExit)):
            imported(file, read, broker)
        again = Broker()
        last = imported(file, read, again)
        assert list(dict.fromkeys([*broker.taken, *again.taken])) == undisturbed.taken
        assert len(broker.taken) + len(again.taken) <= 34 + 5
        assert (last.published, last.rejected, last.dropped) == (state.published, state.rejected, state.dropped)
        assert (tmp_path / "old.csv.rejects.csv").read_bytes() == rejects
        assert not state_file(file).exists()


def test_rejected_rows_can_be_put_right(tmp_path: Path) -> None:
    """The rejects file has the rows as they were with line, code and reason, is its owner's, and is read by the map."""
    read = map_of(tmp_path, SMALL)
    file = tmp_path / "old.csv"
    file.write_text("no,mobile,name\n1,13800138001,a\nnull,13800138,b\n,,c\n")
    broker = Broker()
    assert imported(file, read, broker).rejected == {"no_identifier": 1, "unfit_value": 1}
    rejects = tmp_path / "old.csv.rejects.csv"
    assert rejects.stat().st_mode & 0o077 == 0
    first, second = csv.DictReader(io.StringIO(rejects.read_text("utf-8-sig")))
    assert (first["idweave_line"], first["idweave_code"], first["mobile"]) == ("3", "no_identifier", "13800138")
    assert second["idweave_reason"] == "Column `no`: empty or no text, and it names the event"
    rejects.write_text(rejects.read_text("utf-8-sig").replace("null,", "2,").replace(",,c", "3,13800138003,c"))
    assert imported(rejects, read, broker).published == 2
    assert [json.loads(one)["id"] for one in broker.taken] == ["1", "2", "3"]
    assert imported(file, read, Broker()).published == 1, "a new import of the file itself"


def test_rejected_rows_of_json_lines(tmp_path: Path) -> None:
    """They are JSON lines too."""
    file = tmp_path / "old.jsonl"
    file.write_text('{"no": "1", "mobile": "x"}\n{"no": "null"}\n{"no"\n')
    assert imported(file, map_of(tmp_path, SMALL), Broker()).published == 1
    rejects = [json.loads(line) for line in (tmp_path / "old.jsonl.rejects.jsonl").read_text().splitlines()]
    assert [(one["idweave_line"], one["idweave_code"]) for one in rejects] == [
        (2, "no_identifier"),
        (3, "unreadable_row"),
    ]
    assert (rejects[0]["no"], rejects[1]["idweave_text"]) == ("null", '{"no"')


def test_a_wrong_delimiter_is_one_line(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """A first line that is one column is said once, and not for every column that is therefore missing."""
    (folder / "a.csv").write_text("no;mobile;name\n1;13800138001;Zhang Wei\n")
    (folder / "a.yaml").write_text(SMALL)
    code, out, err = said(capsys, "import", "a.csv", "--map", "a.yaml", "--check")
    assert (code, out) == (2, "")
    told = "a.csv: the first line has 1 column, and the map names 3. Is `delimiter` right? As the map is, it is ','.\n"
    assert err == told
    (folder / "a.yaml").write_text(SMALL + 'delimiter: ";"\n')
    assert said(capsys, "import", "a.csv", "--map", "a.yaml", "--check")[0] == 0


@pytest.mark.parametrize(("start", "word"), [(b"PK\x03\x04", "an Excel file or a zip"), (b"PAR1", "a Parquet file")])
def test_a_file_that_is_no_text(capsys: pytest.CaptureFixture[str], folder: Path, start: bytes, word: str) -> None:
    """It is told what it is, and what to do."""
    (folder / "a.csv").write_bytes(start + b"\x14\x00,\xff\n")
    (folder / "a.yaml").write_text(SMALL)
    code, _, err = said(capsys, "import", "a.csv", "--map", "a.yaml")
    assert (code, err) == (2, f"a.csv cannot be read: this is {word}: save it as CSV, and import that.\n")


def test_the_bar_says_what_is_done(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who only checks is not told that rows are imported."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)
    monkeypatch.setattr(cli_import, "ERR", terminal)
    (folder / "a.csv").write_text("no,mobile,name\n1,,x\n")
    (folder / "a.yaml").write_text(SMALL)
    assert said(capsys, "import", "a.csv", "--map", "a.yaml", "--check")[0] == 0
    shown = terminal.file.getvalue()  # type: ignore[attr-defined] # it is the StringIO
    assert ("checking" in shown, "importing" in shown) == (True, False)


def test_check_says_lines_and_reasons_and_no_value(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server and no key is needed, nothing is written, and nothing of a row is printed but its line."""
    for name in KEYS:
        monkeypatch.delenv(name)
    (folder / "a.csv").write_text("no,mobile,name,left\n1,13800138001,Zhang Wei,\n,,Li Na,\n1,2\nnull,13800138,Wang,\n")
    (folder / "a.yaml").write_text(SMALL.replace("id: no", "id: digest").replace("{name", "{left: left, name"))
    code, out, err = said(capsys, "import", "a.csv", "--map", "a.yaml", "--check")
    assert code == 1
    assert out.splitlines()[:3] == [
        "a.csv:3: no_identifier: No value is left that could name a person - at `$.data.identifiers`",
        "a.csv:4: unreadable_row: The row has 2 cells, and there are 4 columns",
        "a.csv:5: no_identifier: No value is left that could name a person - at `$.data.identifiers`",
    ]
    assert "1 row would be accepted, 3 rejected, 0 skipped." in out
    assert "warning: no row says anything in: left." in err
    assert not re.search("138|Zhang|Li Na|Wang", out + err)
    assert len(list(folder.iterdir())) == 2
    code, out, _ = said(capsys, "import", "a.csv", "--map", "a.yaml", "--check", "--json")
    assert (code, json.loads(out)["rejected"]) == (1, {"no_identifier": 2, "unreadable_row": 1})


def test_a_digest_needs_the_key(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids made with a key that stands in would be other ones the next time."""
    monkeypatch.delenv("IDWEAVE_HASH_KEY")
    (folder / "a.csv").write_text("no,mobile,name\n1,,\n")
    (folder / "a.yaml").write_text(SMALL.replace("id: no", "id: digest"))
    code, _, err = said(capsys, "--brokers", "127.0.0.1:1", "import", "a.csv", "--map", "a.yaml")
    assert code == 2
    assert "IDWEAVE_HASH_KEY: is not set" in err


def test_an_absent_broker_is_a_sentence(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """And leaves nothing beside the file."""
    (folder / "a.csv").write_text("no,mobile,name\n1,,\n")
    (folder / "a.yaml").write_text(SMALL)
    assert run(["--brokers", "127.0.0.1:1", "import", "a.csv", "--map", "a.yaml"]) == 1
    assert "No Kafka broker answers at 127.0.0.1:1" in capsys.readouterr().err
    assert len(list(folder.iterdir())) == 2


class Kafka(Broker):
    """A publisher as the command makes it; one for the whole test, so that it remembers."""

    topic = "idweave.touchpoints"
    cluster = "one"
    stops_at = 10**9
    stopped = False

    def __call__(self, *_: object) -> "Kafka":
        """As its class is called."""
        return self

    def publish(self, lines: Iterable[Line], *, per_second: float | None = None) -> None:
        """Take events, or be interrupted."""
        if len(self.taken) >= self.stops_at:
            raise KeyboardInterrupt
        super().publish(lines, per_second=per_second)

    def stop(self) -> None:
        """Nothing is queued."""
        self.stopped = True


def test_interruptions_are_sentences(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, a broker that refuses, a map that changed meanwhile, the end: each says where it is and what to do."""
    kafka = Kafka()
    monkeypatch.setattr(cli_import, "TouchpointPublisher", kafka)
    monkeypatch.setattr(module, "CHUNK_ROWS", 2)
    (folder / "a.csv").write_text("no,mobile,name\n" + "".join(f"{n},,x\n" for n in range(1, 8)))
    (folder / "a.yaml").write_text(SMALL.replace("traits:", "skip_when_empty: name\ntraits:"))
    command = ("import", "a.csv", "--map", "a.yaml")
    kafka.stops_at = 2
    code, out, err = said(capsys, *command)
    assert (code, out, err) == (1, "", "Stopped. The same command goes on after line 3.\n")
    assert kafka.stopped
    kafka.stops_at, kafka.fails_at = 10**9, 5
    code, out, err = said(capsys, *command)
    assert code == 1
    assert err.splitlines()[0].startswith("Going on after line 3, where an import of this file was interrupted.")
    assert (
        "Kafka did not take everything (no room). Run the same command when it is well: it goes on after line 5." in err
    )
    kafka.fails_at = 10**9
    code, out, err = said(capsys, *command, "--json")
    assert (code, json.loads(out)["published"], json.loads(out)["unused"]) == (0, 7, ["mobile"])
    assert len({json.loads(one)["id"] for one in kafka.taken}) == 7
    kafka.stops_at = len(kafka.taken) + 2
    assert said(capsys, *command)[0] == 1
    (folder / "a.yaml").write_text(SMALL.replace("/old", "/older"))
    kafka.stops_at = 10**9
    code, out, err = said(capsys, *command)
    assert (code, "An earlier import was of another file, map or topic: beginning at the first line." in err) == (
        0,
        True,
    )
    assert "7 events published to idweave.touchpoints." in out


def test_a_folder_that_cannot_be_written(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a sentence, and nothing is taken for done."""
    monkeypatch.setattr(cli_import, "TouchpointPublisher", Kafka())
    (folder / "a.csv").write_text("no,mobile,name\n1,,x\n")
    (folder / "a.yaml").write_text(SMALL)
    (folder / "a.csv.import-state.json.new").mkdir()
    code, _, err = said(capsys, "import", "a.csv", "--map", "a.yaml")
    assert code == 1
    assert (
        "a.csv.import-state.json.new: is a directory. An import writes its state and its rejects beside its file" in err
    )
