"""An import as its users run it: killed in the middle, run again, run twice, beside live events, on real servers."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Broker
from tests.live.against_model import Check, canonical
from tests.live.engine import HASH_KEY, ID_KEY, PATIENCE_SECONDS, ROOT, Engine, Published
from tests.naive.decoding import Record
from tests.naive.model import run

ROWS = 2_000
HEADER = ("no", "name", "sex", "mobile", "second", "joined", "sms", "openid")
MAP = """
encoding: gb18030
type: member.legacy
source: /crm/legacy
id: no
time: {column: joined, format: "YYYY/MM/DD hh:mm:ss", zone: Asia/Shanghai, if_empty: "2015-01-01T00:00:00+08:00"}
identifiers: {card: no, phone: [mobile, second], openid: main:openid}
traits:
  name: name
  gender: {column: sex, values: {m: male, f: female}}
counters: {imported: {constant: 1}}
consents: {sms: sms}
channel: {constant: offline}
"""
BUG = ("Traceback", "mistake of its own")


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """With one worker."""
    engine.start_worker()
    return engine


def members() -> list[dict[str, str]]:
    """An old member base: families with one number, junk, rows that no event can be made of."""
    rows = []
    for n in range(ROWS):
        row = dict.fromkeys(HEADER, "") | {"no": f"80{n:04}", "name": f"王{n}", "mobile": f"1380013{n * 7 % 1500:04}"}
        row["sex"] = "mf"[n % 2] if n % 97 else "?"
        row["second"] = f"1390013{n % 700:04}" if n % 5 == 0 else "无"
        # Each at a time of its own: where times tie, the place in the log decides, and that is another one each time.
        row["joined"] = f"20{10 + n % 15}/{1 + n % 12}/{1 + n % 28} {n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}"
        row["joined"] *= n % 11 > 0
        row["sms"] = ("是", "否", "")[n % 3]
        row["openid"] = f"o{n % 1800}" if n % 4 == 0 else ""
        if n % 89 == 0:
            row["no"] = "null"
            row["mobile"] = row["second"] = row["openid"] = ""
        rows.append(row)
    return rows


def event(row: dict[str, str]) -> dict[str, Any] | None:
    """What a publisher would have sent, written by hand; None: the row is to be rejected."""
    if row["sex"] == "?" or row["no"] == "null":
        return None
    time_text = "2015-01-01T00:00:00+08:00"
    if row["joined"]:
        day, _, hour = row["joined"].partition(" ")
        time_text = "-".join(f"{int(part):02}" for part in day.split("/")) + f"T{hour}+08:00"
    identifiers: dict[str, Any] = {"card": row["no"], "phone": [row["mobile"], row["second"]]}
    if row["openid"]:
        identifiers["openid"] = f"main:{row['openid']}"
    data: dict[str, Any] = {
        "identifiers": identifiers,
        "traits": {"name": row["name"], "gender": {"m": "male", "f": "female"}[row["sex"]]},
        "counters": {"imported": 1},
        "channel": "offline",
    }
    if row["sms"]:
        data["consents"] = {"sms": row["sms"] == "是"}
    return {"id": row["no"], "source": "/crm/legacy", "type": "member.legacy", "time": time_text, "data": data}


def live(number: int) -> bytes:
    """Live traffic of the same people: a phone and an account that only a row can join, and a member's card."""
    identifiers = [
        {"openid": f"o{number}", "mac": f"3c:22:fb:00:{number // 256:02x}:{number % 256:02x}"},
        {"phone": f"1380013{(number - 1) * 7 % 1500:04}", "mac": f"3c:22:fb:00:{number // 256:02x}:{number % 256:02x}"},
        {"card": f"80{number:04}", "login": f"douyin:u{number % 40}"},
    ][number % 3]
    at = datetime.fromisoformat("2026-01-01T10:00:00+08:00") + timedelta(minutes=number)
    body = {"id": f"live-{number}", "source": "/live", "type": "store.visited", "time": at.isoformat()}
    return json.dumps({**body, "data": {"identifiers": identifiers, "store": f"SH-{number % 9}"}}).encode()


class Importer:
    """`idweave import` on one file, in processes of its own."""

    def __init__(self, folder: Path, brokers: str, prefix: str) -> None:
        self.file = folder / "members.csv"
        self._map = folder / "members.map.yaml"
        self._map.write_text(MAP)
        text = io.StringIO()
        writer = csv.DictWriter(text, HEADER)
        writer.writeheader()
        writer.writerows(members())
        self.file.write_bytes(text.getvalue().encode("gb18030"))
        self.state = folder / "members.csv.import-state.json"
        self.rejects = folder / "members.csv.rejects.csv"
        clean = {name: one for name, one in os.environ.items() if not name.startswith("IDWEAVE_")}
        ours = {"IDWEAVE_BROKERS": brokers, "IDWEAVE_TOPIC_PREFIX": prefix, "PYTHONPATH": str(ROOT)}
        self._environment = clean | ours | {"IDWEAVE_HASH_KEY": HASH_KEY, "IDWEAVE_ID_KEY": ID_KEY}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A process that imports."""
        command = [sys.executable, "-m", "stream.cli", "import", str(self.file), "--map", str(self._map), *arguments]
        return subprocess.Popen(  # noqa: S603 - our own program
            command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, stdout, stderr of a whole import."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        assert not any(word in out + err for word in BUG)
        assert "1380013" not in out + err
        return process.returncode, out, err


def test_an_import_killed_and_repeated_ends_in_the_same_people(
    engine: Engine, kafka: Broker, tmp_path: Path, topic_prefix: str
) -> None:
    """Killed twice, gone on with, then run again as a whole, amid live events: as if each row had been published once.

    Both by the naive model of what is on the topic, and by that of the events written by hand.
    """
    importer = Importer(tmp_path, kafka.bootstrap, topic_prefix)
    visits = [live(number) for number in range(900)]
    visited = [Published(b"%d" % n, one) for n, one in enumerate(visits)]  # on all partitions, behind what is there
    engine.publish(visited[:300])
    engine.settle()
    lines = []
    for _ in range(2):
        process = importer.start("--per-second", "700")
        before = importer.state.read_bytes() if importer.state.exists() else b""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not importer.state.exists() or importer.state.read_bytes() == before:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        lines.append(json.loads(importer.state.read_bytes())["line"])
    assert 500 <= lines[0] < lines[1] < ROWS
    engine.publish(visited[300:600])
    code, out, err = importer.run("--json")
    assert code == 0
    assert f"Going on after line {lines[1]:,}" in err
    rows = members()
    expected = [one for one in map(event, rows) if one is not None]
    told = json.loads(out)
    assert (told["rows"], told["published"]) == (ROWS, len(expected))
    assert told["rejected"] == {"unfit_value": 21, "no_identifier": 22}
    rejected = list(csv.DictReader(io.StringIO(importer.rejects.read_text("gb18030"))))
    assert [int(one["idweave_line"]) for one in rejected] == [n + 2 for n, row in enumerate(rows) if event(row) is None]
    assert not importer.state.exists()
    assert importer.run()[0] == 0, "the whole file again"
    engine.publish(visited[600:])
    engine.settle()
    check = Check(engine.input_log(), engine.outputs())
    check.everything()
    assert len(check.log) >= 2 * len(expected) + len(visits)
    by_hand = [json.dumps(one, ensure_ascii=False).encode() for one in expected] + visits
    append_ms = min(one.append_ms for one in check.log)
    log = [Record("touchpoints", 0, at, append_ms + at, None, value, ()) for at, value in enumerate(by_hand)]
    once = run(log, HASH_KEY.encode(), now=check.published.decided)
    assert Counter(check.published.contents.values()) == Counter(map(canonical, once.people))
    assert check.published.ended, "live events and rows met"
