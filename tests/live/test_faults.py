"""Faults on real processes: workers die, freeze, lose their servers between any two steps; people are the model's.

Each test ends with the whole output and the store held against what the input log says (`whole`). How a worker
is made to fail: docs/faults.md.
"""

import json
import os
import re
import signal
from pathlib import Path
from random import Random

from sinks.failpoints import STORE_STEPS, Where
from stream.bugs import EXIT_BUG
from stream.servers.child_process import ChildProcess
from tests.live.against_model import Check
from tests.live.engine import ROOT, Engine, Published
from tests.live.fleet import KILLED, QUICK, Fleet
from tests.live.test_end_to_end import event, parts, retail_day

PEOPLE = 150
PARTS, PARTS_MAX = 35, 60
"""In so many parts a day is published; a slow machine makes larger batches, and needs more for as many calls."""
NEIGHBOURS = 200
"""How many other identifiers one that is not weak may be seen with, by default."""
TRACE = (("traceparent", b"00-%032x-%016x-01" % (1, 1)),)
KILLS = (
    "claim_home.amid=kill",
    "freeze.after=kill",  # inside a union: frozen, and not absorbed
    "notify.before=kill@2",  # between store and notice
    "complete.before=kill@2",  # between publishing and its record
    "settle.before=kill",  # inside a union: absorbed, and not settled
    "commit.amid=kill@2",
    "publish.amid=kill",
    "advance_changes.before=kill@2",
    "commit.before=bug@2",
)
RARE = ("freeze", "settle", "drop_publication", "shorten_home")
ACTED_OUT = "redirect"  # where a move meets another: tests/simulation/test_rare_moments
COMMANDED = (
    "read_decision",
    "read_decisions",
    "decide",
    "rewrite",
    "fence",
    "read_profile_name",
    "forget_component",
    "forget_home",
    "forget_profile",
    "forget_due",
    "answer",
)
"""What only an operator's command takes; of these some go out together, and one of them is met then."""
OFTEN = tuple(
    step
    for step in (*STORE_STEPS, "publish", "notify", "report")
    if step not in {*RARE, ACTED_OUT, *COMMANDED, "advance_commands"}
)
LOSSES = {
    **dict.fromkeys(RARE, (1, 2)),
    # One after the other: a session that is lost again and again without a step forward is opened ever more slowly.
    **{step: (1 + number, 15 + number) for number, step in enumerate(OFTEN)},
}
"""At which time each step loses its server amid it, and after it: which is before the next."""
WHOLE = [(step, Where.AMID) for step in OFTEN if step.startswith("advance_")]
"""A position moves at once."""
MET = re.compile(r"a failpoint: (\w+\.\w+)")


def whole(engine: Engine, *, zombies: bool = False, forgot: bool = False) -> Check:
    """All that was published, and what the store knows of profiles, are what the input log says.

    `zombies`: a frozen worker woke up amid publishing, which may put an old version behind a newer one.
    `forgot`: the store has lost writes that it had acknowledged, and what they told is told again.
    """
    check = Check(engine.input_log(), engine.outputs())
    check.everything(zombies=zombies, forgot=forgot)
    phantoms = engine.named_profiles() - check.published.profiles.keys() - check.published.ended.keys()
    assert not phantoms, "the store knows profiles that nobody was told of"
    return check


def test_killed_between_any_two_steps(engine: Engine) -> None:
    """F1, F14: two workers are killed at eight places of both agents, inside unions too, and started again each time.

    One of them ends by a bug, with an exit code of its own; that it says where is all that it says.
    """
    fleet = Fleet(engine, 2, KILLS, (KILLED, EXIT_BUG))
    for part in parts(retail_day(21, PEOPLE), 30):
        engine.publish(part)
        wanted = engine.resolved() + len(part) // 2
        engine.until(lambda wanted=wanted: engine.resolved() >= wanted or engine.is_idle(), "the workers work")  # type: ignore[misc]
    engine.settle()
    assert fleet.pending == 0, f"not met: {fleet.plans}"
    assert fleet.ends == {KILLED: len(KILLS) - 1, EXIT_BUG: 1}
    whole(engine)


def test_servers_lost_at_every_step(engine: Engine) -> None:
    """F7, F10, F12: amid and after every step the store or the broker is taken for lost, and everybody goes on.

    What was done is unknown to the worker each time. The day is shuffled, and a tenth of it comes twice.
    """
    rng = Random(22)
    records = retail_day(22, PEOPLE * PARTS_MAX // PARTS)
    records += rng.sample(records, len(records) // 10)
    rng.shuffle(records)
    places = {
        f"{step}.{where}": time
        for step, times in LOSSES.items()
        for where, time in zip((Where.AMID, Where.AFTER), times, strict=True)
        if (step, where) not in WHOLE
    }
    worker = engine.start_worker(
        **QUICK, IDWEAVE_FAILPOINTS=",".join(f"{place}=lose@{time}" for place, time in places.items())
    )
    pid = worker.pid
    met: set[str] = set()
    wanted = 0.9 * len(places)  # of two that are due in one call, one is met
    for number, part in enumerate(parts(records, PARTS_MAX)):
        if number >= PARTS and len(met) > wanted:
            break
        engine.publish(part)
        engine.until(engine.is_resolved, "a part is resolved")
        met = set(MET.findall(engine.logs()))
    engine.settle()
    met = set(MET.findall(engine.logs()))
    assert len(met) > wanted, f"not met: {sorted(places.keys() - met)}"
    assert worker.pid == pid
    whole(engine)


def test_servers_lost_at_every_step_of_a_command(engine: Engine) -> None:
    """F7, F10: what operators order is carried out once and wholly, wherever amid it and after it a server is lost."""
    places = [f"{step}.{where}" for step in COMMANDED for where in (Where.AMID, Where.AFTER)]
    points = [f"{place}=lose@{1 + number % 2}" for number, place in enumerate(places)]
    worker = engine.start_worker(**QUICK, IDWEAVE_FAILPOINTS=",".join(points))
    pid = worker.pid
    for family in range(2):
        visits = visits_of(family)
        engine.publish(visits)
        engine.settle()
        engine.publish(orders_about(family), "commands")
        engine.settle()
        engine.publish(visits)
        engine.settle()
    met = set(MET.findall(engine.logs()))
    assert len(met) > 0.75 * len(places), f"not met: {sorted(set(places) - met)}"
    assert worker.pid == pid
    check = Check(engine.input_log(), engine.outputs())
    assert {one["status"] for one in check.published.last("commands.results").values()} == {"done"}
    check.people()
    check.identities()


def visits_of(family: int) -> list[Published]:
    """Three visits that make one person of a family."""
    pairs = (("card", "phone"), ("phone", "openid"), ("openid", "cookie"))
    names = {"card": f"C{family}", "phone": f"1391234567{family}", "openid": f"o{family}", "cookie": f"k{family}"}
    return [
        Published(None, event(family * 10 + at, type="store.visited", identifiers={one: names[one] for one in pair}))
        for at, pair in enumerate(pairs)
    ]


def orders_about(family: int) -> list[Published]:
    """What an operator orders about a family: its number changes hands, and its last member is forgotten."""
    card, phone, cookie = f"card:C{family}", f"phone:1391234567{family}", f"cookie:k{family}"
    said = [
        {"id": f"b{family}", "type": "block", "identifier": cookie},
        {"id": f"u{family}", "type": "undo", "of": f"b{family}"},
        {"id": f"n{family}", "type": "unbind", "identifier": phone, "from": card},
        {"id": f"e{family}", "type": "erase", "identifier": card},
    ]
    usual = {"time": "2026-08-01T10:00:00Z", "by": "dpo", "reason": "asked to"}
    return [Published(None, json.dumps(usual | one).encode()) for one in said]


def test_frozen_workers_wake_when_others_have_gone_on(engine: Engine) -> None:
    """F2: workers freeze half-way through a step, are taken for dead, and go on when another has done their work."""
    first, second = parts(retail_day(23, PEOPLE), 2)
    places = ("commit.amid", "publish.amid")
    zombies = [engine.start_worker(**QUICK, IDWEAVE_FAILPOINTS=f"{place}=pause@2") for place in places]
    engine.until(lambda: all(engine.is_ready(zombie) for zombie in zombies), "both read partitions")
    for part in parts(first, 5):
        engine.publish(part)
        engine.until(lambda: engine.is_resolved() or is_frozen(zombies[0].pid), "a part is resolved")
    engine.until(lambda: all(is_frozen(zombie.pid) for zombie in zombies), "both are frozen")
    engine.start_worker(**QUICK)
    engine.publish(second)
    engine.settle()
    before = engine.outputs()
    for zombie in zombies:
        zombie.resume()
    engine.until(lambda: all(knows(zombie) for zombie in zombies), "the zombies know that others have gone on")
    engine.settle()
    assert before["profiles"]
    # An old record may land last, until the owner has said the truth again.
    engine.until(lambda: is_whole(engine), "the truth is said last")
    whole(engine, zombies=True)


def test_what_a_frozen_worker_sends_last_is_said_again(engine: Engine) -> None:
    """F2: it freezes half-way through a publication; when it wakes up it sends the rest, and then its session is lost.

    So it never learns from the store that it was overtaken, and there is nobody else who knows of its old records.
    """
    first, second = parts(retail_day(26, PEOPLE), 2)
    zombie = engine.start_worker(**QUICK, IDWEAVE_FAILPOINTS="publish.amid=pause,complete.before=lose")
    engine.until(lambda: engine.is_ready(zombie), "it reads partitions")
    for part in parts(first, 5):
        engine.publish(part)
        engine.until(lambda: engine.is_resolved() or is_frozen(zombie.pid), "a part is resolved")
    engine.until(lambda: is_frozen(zombie.pid), "it is frozen")
    engine.start_worker(**QUICK)
    engine.publish(second)
    engine.settle()
    zombie.resume()
    engine.until(lambda: "its records may lie behind newer ones, and are said again" in engine.logs(), "it has it said")
    engine.settle()
    engine.until(lambda: is_whole(engine), "the truth is said last")
    whole(engine, zombies=True)


def test_a_frozen_worker_that_is_told_to_stop_has_it_said_again(engine: Engine) -> None:
    """F2: as a node that hung and is drained: it wakes up with SIGTERM waiting, and ends in order.

    By then it has sent what it was amid, and Kafka has given its partitions to another worker.
    """
    first, second = parts(retail_day(27, PEOPLE), 2)
    zombie = engine.start_worker(**QUICK, IDWEAVE_FAILPOINTS="publish.amid=pause")
    engine.until(lambda: engine.is_ready(zombie), "it reads partitions")
    engine.publish(first)
    engine.until(lambda: is_frozen(zombie.pid), "it is frozen")
    engine.start_worker(**QUICK)
    engine.publish(second)
    engine.settle()
    engine.workers.remove(zombie)
    os.kill(zombie.pid, signal.SIGTERM)
    zombie.resume()
    engine.until(lambda: zombie.exit_code is not None, "it ends")
    assert zombie.exit_code == 0
    engine.settle()
    engine.until(lambda: is_whole(engine), "the truth is said last")
    whole(engine, zombies=True)


def knows(zombie: ChildProcess) -> bool:
    """Whether the broker has told a worker that it was taken for dead: at a heartbeat, or when it commits."""
    said = zombie.log.read_text()
    return "member_id was not recognized" in said or "UnknownMemberIdError" in said


def is_whole(engine: Engine) -> bool:
    """Whether the people on the topics are the model's, and no old record of anybody lies last."""
    check = Check(engine.input_log(), engine.outputs())
    try:
        check.people()
    except AssertionError:
        return False
    return all(check.published.last(one) == check.published.newest(one) for one in ("profiles", "identities"))


def is_frozen(pid: int) -> bool:
    """Whether a process is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_workers_come_and_go(engine: Engine, tmp_path: Path) -> None:
    """F3, F7, F8, F16: under load workers join and leave; connections are cut, scripts forgotten, writes refused.

    One of the workers has a clock that is an hour ahead, another one's is an hour behind.
    """
    clocks = [shifted_clock(tmp_path / "ahead", 3600), shifted_clock(tmp_path / "behind", -3600)]
    workers = [engine.start_worker(**QUICK, PYTHONPATH=clocks.pop())]
    operator = engine.store
    for number, part in enumerate(parts(retail_day(24, PEOPLE), 10)):
        engine.publish(part)
        match number % 5:
            case 0 | 3:
                clock = {"PYTHONPATH": clocks.pop()} if clocks else {}
                workers.append(engine.start_worker(**QUICK, **clock))
            case 1:
                assert operator.client_kill_filter(_type="normal", skipme=True)
            case 2:
                operator.script_flush()
                operator.config_set("maxmemory", "1mb")
                engine.until(lambda: "Redis has no memory left" in engine.logs(), "a write was refused")
                operator.config_set("maxmemory", "0")
            case 4:
                leaving = workers.pop(0)
                leaving.stop()
                engine.workers.remove(leaving)
        wanted = engine.resolved() + 1
        engine.until(lambda wanted=wanted: engine.resolved() >= wanted or engine.is_resolved(), "it goes on")  # type: ignore[misc]
    engine.settle()
    whole(engine)


def shifted_clock(folder: Path, seconds: int) -> str:
    """What makes the clock of a Python process say another time, as its PYTHONPATH."""
    folder.mkdir()
    lines = (
        "import time",
        f"def _shifted(there=time.time): return there() + {seconds}",
        f"def _shifted_ns(there=time.time_ns): return there() + {seconds} * 10**9",
        "time.time, time.time_ns = _shifted, _shifted_ns",
    )
    (folder / "sitecustomize.py").write_text("\n".join(lines))
    return f"{folder}:{ROOT}"


def test_one_phone_for_a_thousand_devices(engine: Engine) -> None:
    """F19: a value that very many share becomes a hub: no event costs more, and people around it are the model's."""
    rng = Random(26)
    worker = engine.start_worker(**QUICK)
    at = "2025-11-21T10:%02d:%02dZ"
    shared = [
        event(n, time=at % (n // 60 % 60, n % 60), identifiers={"phone": "13912345678", "cookie": f"shared-{n}"})
        for n in range(1_000)
    ]
    others = [one.value for one in retail_day(26, 40)]
    records = [Published(b"%d" % n, value, TRACE) for n, value in enumerate([*shared, *others])]
    rng.shuffle(records)
    engine.publish(records)
    engine.settle()
    assert worker.alive
    check = whole(engine)
    assert any(record["rule"] == "hub" for record in check.published.values("conflicts"))
    assert max(len(one["identifiers"]) for one in check.published.profiles.values()) <= NEIGHBOURS + 1
