"""What time and other rules change, on real servers: published without an event, once, by whoever is there."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from stream.config.rules_file import PACKAGED_FILE
from tests.live.against_model import Published as On
from tests.live.command_line import Line
from tests.live.engine import HASH_KEY, Engine, Published
from tests.live.test_end_to_end import retail_day
from tests.live.test_shadow import PACKAGED, people
from tests.naive.model import run

SOON_SECONDS = 6
JUDGED_AGAIN = "everybody is judged again"
ZONE = ZoneInfo("Asia/Shanghai")
RULE = """
  everybody_known:
    labels: {en: Known, zh: 已知}
    when: {field: known, equals: true}
"""


def event(number: int, kind: str, card: str, **data: object) -> Published:
    """An event of a card, now."""
    body = {
        "id": f"e{number}",
        "source": "/test",
        "type": kind,
        "time": datetime.now(UTC).isoformat(),
        "data": {"identifiers": {"card": card}, **data},
    }
    return Published(None, json.dumps(body).encode())


def said(engine: Engine, topic: str) -> list[dict[str, Any]]:
    """A topic's records."""
    return [json.loads(one.value or b"{}") for one in engine.outputs()[topic]]


def test_what_is_due_is_published_without_an_event(engine: Engine) -> None:
    """An appointment that comes and goes: into the segment by its event, out of it by its instant, which is the cause.

    The worker that knew of it is killed meanwhile; the one that follows finds what is due in the store.
    """
    worker = engine.start_worker()
    engine.publish([event(0, "wifi.login", "C0")])
    engine.settle()  # it has started
    at = datetime.now(UTC) + timedelta(seconds=SOON_SECONDS)
    booked = event(1, "appointment.booked", "C1", appointment_id="A1", at=at.isoformat())
    engine.publish([booked])
    engine.settle()
    engine.kill(worker)
    engine.start_worker()
    engine.until(lambda: len(said(engine, "segments")) > 1, "the appointment is over")
    entered, exited = said(engine, "segments")
    assert [one["action"] for one in (entered, exited)] == ["entered", "exited"]
    assert {entered["segment"], exited["segment"]} == {"appointment_soon"}
    assert entered["cause"] == {"id": "e1", "source": "/test"}
    assert exited["cause"]["source"] == "idweave"
    assert abs(datetime.fromisoformat(exited["cause"]["id"]) - at) < timedelta(milliseconds=1)
    profile = said(engine, "profiles")[-1]
    assert (profile["appointments"]["upcoming"], profile["segments"]) == ([], [])


def test_a_rule_that_fails_on_somebody_stops_nobody(engine: Engine) -> None:
    """A birthday that is a number: rules that read it do not hold for that person, are counted, and said by name.

    All other rules do, for that person too, and whoever comes after is judged by all.
    """
    worker = engine.start_worker()
    odd = event(0, "member.register", "C0", traits={"birthday": 7, "name": "Lin"})
    engine.publish([odd, event(1, "member.register", "C1", traits={"birthday": f"--{datetime.now(ZONE):%m-%d}"})])
    engine.settle()
    people = {one["identifiers"][0]["token"]: one for one in said(engine, "profiles")}
    assert people["main:C0"]["segments"] == ["profile_incomplete"]
    assert people["main:C1"]["segments"] == ["birthday_this_month", "profile_incomplete"]
    for rule in ("segments.birthday_this_month", "reminders.birthday_month"):
        assert engine.metric(worker, f'idweave_rule_errors_total{{rule="{rule}"}}') >= 1
        assert engine.logs().count(f'"rule":"{rule}"') == 1


def test_other_rules_judge_everybody_again(engine: Engine, keeper: Line, tmp_path: Path) -> None:
    """A tag that comes with a new file is given to people of whom no event comes, and told once.

    `rules preview` has said beforehand how many that will be. In a new store nobody is judged again, however many come
    in the first second.
    """
    people = 500  # more than a page
    engine.publish([event(n, "member.update", f"C{n}") for n in range(people)])
    worker = engine.start_worker()
    engine.settle()
    assert not any("everybody_known" in one["tags"] for one in said(engine, "profiles"))
    assert JUDGED_AGAIN not in engine.logs()
    engine.kill(worker)
    folder = tmp_path / "worker-1"
    folder.mkdir(exist_ok=True)
    text = PACKAGED_FILE.read_text()
    (folder / "rules.yaml").write_text(text.replace("\ntags:\n", f"\ntags:{RULE}", 1))
    seen = keeper.answered("rules", "preview", str(folder / "rules.yaml"))
    assert (seen["people"], seen["changed"]) == (people, people)
    [tag] = [row for row in seen["rows"] if row["gains"] or row["loses"]]
    assert tag == {"section": "tags", "name": "everybody_known", "now": 0, "gains": people, "loses": 0, "then": people}
    engine.start_worker()
    engine.until(lambda: len(_tagged(engine)) == people, "everybody has the tag")
    engine.settle()
    assert engine.logs().count(JUDGED_AGAIN) == 1
    told = _tagged(engine)
    assert len({one["profile_id"] for one in told}) == len(told) == people
    last = {one["profile_id"]: one for one in said(engine, "profiles")}
    assert all("everybody_known" in one["tags"] for one in last.values())


def test_other_limits_part_who_is_there(engine: Engine, tmp_path: Path) -> None:
    """A live change of identity rules divides people anew, of whom no event comes, as the model does under it."""
    engine.publish(retail_day(5, 100))
    worker = engine.start_worker()
    engine.settle()
    log = engine.input_log()
    refused = run(log, HASH_KEY.encode()).dead_letters
    log = [one for one in log if one.position not in refused]
    assert groups(engine) == set(people(log, {})[0])
    engine.kill(worker)
    folder = tmp_path / "worker-1"
    folder.mkdir(exist_ok=True)
    (folder / "idweave.yaml").write_text(PACKAGED.replace("policy: latest", "policy: first"))
    engine.start_worker()
    engine.until(lambda: JUDGED_AGAIN in engine.logs(), "the change is seen")
    engine.settle()
    then = set(people(log, {"policy": "first"})[0])
    assert groups(engine) == then != set(people(log, {})[0])


def groups(engine: Engine) -> set[frozenset[str]]:
    """The identifiers of each person, as published last."""
    profiles = On(engine.outputs()).profiles.values()
    found = {frozenset(f"{one['namespace']}:{one['token']}" for one in profile["identifiers"]) for profile in profiles}
    return found - {frozenset[str]()}


def _tagged(engine: Engine) -> list[dict[str, Any]]:
    """Who was given the tag."""
    return [one for one in said(engine, "tags") if "everybody_known" in one["added"]]
