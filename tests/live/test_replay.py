"""`idweave replay` on real servers: a day is lived, the store is lost, and the log brings everybody back."""

import json
from typing import Any

from sinks.keys import OWN
from tests.live.against_model import Check, Published, Topics
from tests.live.command_line import Line
from tests.live.engine import Engine
from tests.live.engine import Published as Sent
from tests.live.test_end_to_end import parts, retail_day

PEOPLE = 150
SEED = 7


def said(keeper: Line, *arguments: str, code: int = 0) -> dict[str, Any]:
    """The JSON that a command ends with."""
    ended = keeper.run(*arguments, "--json")
    assert ended.returncode == code, ended.stdout + ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def live_a_day(engine: Engine, keeper: Line) -> Published:
    """Most of a retail day, with splits and merges in the middle of it, through a worker that is stopped in the end."""
    first, second, _ = parts(retail_day(SEED, PEOPLE), 3)
    worker = engine.start_worker()
    engine.publish(first)
    engine.settle()
    people = sorted(Published(engine.outputs()).profiles.values(), key=lambda one: -len(one["identifiers"]))
    names = [[f"{one['namespace']}:~{one['token']}" for one in person["identifiers"]] for person in people]
    for one in names[:3]:
        assert said(keeper, "split", one[-1])["status"] == "done"
    assert said(keeper, "merge", names[3][0], names[4][0], "--id", "m")["status"] == "done"
    assert said(keeper, "merge", names[5][0], names[6][0])["status"] == "done"
    assert said(keeper, "undo", "m")["status"] == "done"
    engine.publish(second)
    engine.settle()
    worker.stop()
    engine.workers.remove(worker)
    return Published(outputs(engine))


def outputs(engine: Engine) -> Topics:
    """The output topics, in an order that does not depend on how they are read."""
    return {name: sorted(some, key=lambda one: (one.partition, one.offset)) for name, some in engine.outputs().items()}


def test_the_log_brings_everybody_back(engine: Engine, keeper: Line) -> None:
    """The same people, contents and ids, nothing published again; old ids resolve; a worker goes on from there."""
    before = live_a_day(engine, keeper)
    assert len(before.profiles) > PEOPLE / 2
    assert before.ended
    engine.lose_the_store()
    engine.publish([Sent(None, b"not json, and no worker has read it")])

    dry = said(keeper, "replay", "--dry-run")
    assert dry["totals"]["profiles"] == len(before.profiles)
    assert dry["totals"]["merged"] == len(before.ended)
    assert dry["totals"]["commands"] == 6
    # Time alone changes nothing of a day that is so long ago, so there is nothing to say.
    assert dry["different"] == {}
    assert outputs(engine) == before.topics
    told = said(keeper, "replay")
    assert told["different"] == {}
    # What no worker had done with was left for the end, and what is wrong with it is said.
    assert (told["totals"]["touchpoints"], told["totals"]["refused"]) == (1, 1)
    after = outputs(engine)
    letters = after.pop("touchpoints.dlq")
    assert [letter.value for letter in letters[len(before.topics["touchpoints.dlq"]) :]] == [
        b"not json, and no worker has read it"
    ]
    assert after == {name: some for name, some in before.topics.items() if name != "touchpoints.dlq"}

    for old in list(before.ended)[:5]:
        shown = keeper.run("profile", old, "--json")
        at = before.ended[old]
        while at in before.ended:
            at = before.ended[at]
        assert json.loads(shown.stdout)["profile_id"] == at, shown.stderr
    audited = keeper.run("audit", "--patience", "0")
    assert audited.returncode == 0, audited.stdout

    engine.start_worker()
    engine.publish(parts(retail_day(SEED, PEOPLE), 3)[2])
    engine.settle()
    checked = Check(engine.input_log(), engine.outputs())
    checked.everything()
    kept = checked.published
    assert all(one in kept.profiles or one in kept.ended for one in before.profiles)


def test_a_rebuilt_store_is_the_live_one(engine: Engine, keeper: Line) -> None:
    """Side by side they are the same, also after a kill; what differs is told; a worker waits until all is done."""
    before = live_a_day(engine, keeper)
    second = f"{engine.prefix}-2"
    killed = keeper.start("replay", "--into", second, "--compare")
    engine.until(lambda: any(engine.store.scan_iter(f"{second}:c:*", count=1_000)), "it has begun to fill the store")
    killed.kill()
    killed.wait()
    told = said(keeper, "replay", "--into", second, "--compare")
    assert told["compared"]["differing"] == {}, told
    assert told["compared"]["rebuilt"] == told["compared"]["live"] == len(before.profiles)

    keeper.more["IDWEAVE_REDIS_PREFIX"] = second
    refused = keeper.run("worker")
    keeper.more["IDWEAVE_REDIS_PREFIX"] = engine.prefix
    assert (refused.returncode, "being rebuilt" in refused.stderr) == (1, True), refused

    victim = next(one for one in before.profiles.values() if len(one["identifiers"]) > 2)
    name = f"{victim['identifiers'][0]['namespace']}:{victim['identifiers'][0]['token']}"
    home = engine.store.get(f"{second}:i:{name}")
    assert isinstance(home, bytes)
    home = name.encode() if home == OWN.encode() else home
    [component] = [key for key in engine.store.scan_iter(f"{second}:c:*") if b"{" + home + b"}" in key]
    engine.store.hdel(
        component,
        *(field for field in engine.store.hkeys(component) if isinstance(field, bytes) and field.startswith(b"e:")),
    )
    told = said(keeper, "replay", "--into", second, "--compare", code=1)
    assert told["compared"]["differing"].get("people", 0) >= 1
    assert outputs(engine) == before.topics

    taken = keeper.run("replay")
    assert (taken.returncode, "not empty" in taken.stderr) == (1, True)
