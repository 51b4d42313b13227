"""Operators' commands on real servers: asked for on the command line, carried out by a worker, seen on the outputs.

After every change the published people are those of the naive model, which is told the answers on the results topic.
"""

import json
import re
import shlex
from typing import Any

from tests.conftest import Broker
from tests.live.against_model import Check, parsed, personal
from tests.live.command_line import Line
from tests.live.engine import HASH_KEY, ID_KEY, ROOT, Engine, Published
from tests.live.redis_server import RedisServer

NUMBER = "13800138001"
GUIDE = (ROOT / "docs" / "commands.md").read_text()


def event(number: int, minute: int, **identifiers: str) -> Published:
    """A visit and a purchase through some identifiers."""
    body: dict[str, Any] = {
        "id": f"e{number}",
        "source": "/live",
        "type": "order.paid",
        "time": f"2026-01-01T10:{minute:02}:00Z",
        "data": {
            "identifiers": identifiers,
            "counters": {"visits": 1},
            "order": {"order_id": f"O{number}", "amount": f"{number}.00", "currency": "CNY"},
        },
    }
    return Published(None, json.dumps(body).encode())


MOTHER_AND_DAUGHTER = [
    event(1, 1, card="A", phone=NUMBER),
    event(2, 2, phone=NUMBER, openid="mother"),
    event(4, 3, card="A", openid="daughter"),
    event(8, 4, openid="daughter", cookie="tablet"),
    event(16, 5, openid="daughter"),
]


def check(engine: Engine) -> Check:
    """Everything that must hold, after all is done."""
    engine.settle()
    checked = Check(engine.input_log(), engine.outputs())
    checked.people()
    checked.identities()
    checked.merges()
    checked.versions(once=False)
    checked.ids()
    return checked


def values(checked: Check) -> list[str]:
    """Lifetime values of everybody, in no order."""
    return sorted(one["lifetime_value"].get("CNY", "") for one in checked.published.profiles.values())


def test_split_merge_and_undo(engine: Engine, kafka: Broker, redis_server: RedisServer) -> None:
    """A split gives each half its own facts, survives replays and a new worker, and is published; then back again."""
    line = Line(kafka.bootstrap, engine.prefix)
    worker = engine.start_worker()
    engine.publish(MOTHER_AND_DAUGHTER)
    before = check(engine)
    [whole] = before.published.profiles
    assert values(before) == ["31.00"]

    dry = line.answered("split", "openid:daughter", "cookie:tablet", "--dry-run")
    assert (dry["status"], dry["dry_run"], len(dry["effect"]["left"])) == ("done", True, 3)
    assert check(engine).published.contents == before.published.contents

    answer = line.answered("split", "openid:daughter", "cookie:tablet", "--id", "s", "--by", "amy", "--reason", "hers")
    assert answer["identifiers"] == ["openid:~main:daughter", "cookie:~tablet"]
    parted = check(engine)
    assert values(parted) == ["24.00", "7.00"]
    [told] = [one for one in parted.published.values("merges") if one["type"] == "split"]
    assert told["from"] == [whole]
    assert set(told["to"]) == set(parted.published.profiles)
    assert {one["token"] for one in told["identifiers"]} == {"main:daughter", "tablet"}
    assert told["cause"] == {"id": "s", "source": "idweave.commands"}
    assert len(set(parted.published.identities.values())) == 2

    engine.kill(worker)
    engine.forget_positions()
    engine.start_worker()
    engine.publish([event(32, 6, card="A", openid="daughter")])  # new evidence, and all that was is read again
    again = check(engine)
    assert values(again) == ["24.00", "39.00"]
    assert set(again.published.profiles) == set(parted.published.profiles)

    assert line.answered("merge", "card:A", "openid:daughter", "--id", "m")["effect"]["lifted"] == ["s"]
    assert values(check(engine)) == ["63.00"]
    assert line.answered("undo", "m")["status"] == "done"
    assert values(check(engine)) == ["24.00", "39.00"]
    assert line.answered("undo", "s")["status"] == "done"
    last = check(engine)
    assert values(last) == ["63.00"]
    assert list(last.published.profiles) == [whole], "the older id goes on"

    for words in (shlex.split(one, comments=True) for one in re.findall(r"^idweave .+$", GUIDE, re.MULTILINE)):
        ended = line.run(*words[1:])
        assert (ended.returncode, ended.stderr) == (0, ""), words
    assert values(check(engine)) == ["", "63.00"], "card B was created by the merge, and stays"

    store = Line(kafka.bootstrap, engine.prefix, keys(redis_server, engine))
    audited = store.run("audit", "--patience", "5")
    assert audited.returncode == 0, audited.stdout


def keys(redis_server: RedisServer, engine: Engine) -> dict[str, str]:
    """What a machine knows that may look into the store."""
    return {
        "IDWEAVE_REDIS_URL": redis_server.url,
        "IDWEAVE_REDIS_PREFIX": engine.prefix,
        "IDWEAVE_HASH_KEY": HASH_KEY,
        "IDWEAVE_ID_KEY": ID_KEY,
    }


def test_a_merge_holds_against_unique_and_no_value_is_kept(
    engine: Engine, kafka: Broker, redis_server: RedisServer
) -> None:
    """Two members and a number that nobody had used: one person; the number is nowhere but on the commands topic."""
    line = Line(kafka.bootstrap, engine.prefix)
    engine.start_worker()
    engine.publish([event(1, 1, card="A", unionid="a"), event(2, 2, card="B", unionid="b")])
    check(engine)
    ended = line.run("merge", "card:A", "card:B", f"phone:{NUMBER}")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("3 identifiers of 3 people are one person.\n")
    assert "take it back with `idweave undo " in ended.stdout
    merged = check(engine)
    [profile] = merged.published.profiles.values()
    assert [one["display"] for one in profile["identifiers"]] == ["main:A", "main:B", "main:a", "main:b", "138****8001"]
    told = b"\n".join(one.value or b"" for outputs in merged.published.topics.values() for one in outputs)
    for place in (told, engine.stored(), engine.logs().encode(), ended.stdout.encode()):
        assert NUMBER.encode() not in personal(place)
    why = Line(kafka.bootstrap, engine.prefix, keys(redis_server, engine)).run("explain", "unionid:a", "card:B")
    assert "main:A — card main:B: joined by an operator, by command" in why.stdout, why


def test_what_is_not_done_is_said(engine: Engine, kafka: Broker) -> None:
    """Refused, not found, invalid, repeated, under a used id, and without a worker: each by exit code and sentence."""
    line = Line(kafka.bootstrap, engine.prefix)
    alone = line.run("split", "card:early", "--timeout", "1", "--id", "early")
    assert alone.returncode == 1
    assert alone.stderr.startswith("No worker has answered within 1 seconds: is one running?")
    engine.publish([event(1, 1, card="A", openid="a")])
    engine.start_worker()
    check(engine)
    nobody = line.run("split", "card:nobody", "--timeout", "60")
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert nobody.stderr == "Not found: Nobody is known by 1 identifier: card.\n"
    refused = line.run("split", "card:A", "openid:a")
    assert refused.stderr == "Refused: They are all of this person: nothing would be left.\n"
    first = line.answered("merge", "card:A", "card:B", "--id", "m")
    assert line.answered("merge", "card:A", "card:B", "--id", "m") == first
    assert line.answered("merge", "card:A", "card:C", "--id", "m", code=1)["status"] == "refused"
    engine.publish([Published(None, b"no command"), Published(b"k", b'{"id":"x","type":"destroy"}')], "commands")
    answers = check(engine).published.last("commands.results")
    assert answers["x"]["status"] == answers["record:0:6"]["status"] == "invalid"
    assert answers["m"] == first
    assert answers["early"]["status"] == "not_found"
    assert line.run("merge", "card:A", "nothing").returncode == 2


def test_erase(engine: Engine, kafka: Broker) -> None:
    """Gone from the store and from every keyed topic; what is read again brings nothing back; later events are new."""
    line = Line(kafka.bootstrap, engine.prefix)
    worker = engine.start_worker()
    events = [*MOTHER_AND_DAUGHTER, event(64, 7, card="other", openid="o")]
    engine.publish(events)
    before = check(engine)
    [gone] = [key for key, one in before.published.profiles.items() if len(one["identifiers"]) > 2]
    assert line.answered("erase", f"phone:{NUMBER}", "--dry-run")["dry_run"]
    assert check(engine).published.contents == before.published.contents
    answer = line.answered("erase", f"phone:{NUMBER}", "--id", "e-1")
    assert answer["detail"] == "One person of 5 identifiers is erased."
    engine.settle()
    for secret in (b"main:A", b"main:daughter", b"tablet"):
        assert secret not in engine.stored()
        assert secret not in json.dumps(answer["identifiers"]).encode()
    topics = engine.outputs()
    last = {name: {one.key: one.value for one in topics[name]} for name in ("profiles", "identities")}
    assert last["profiles"][gone.encode()] is None
    assert last["identities"][b"card:main:A"] is last["identities"][b"cookie:tablet"] is None
    assert [key for key, value in last["profiles"].items() if value is not None] != []
    [told] = [one for one in map(parsed, topics["merges"]) if one["type"] == "erased"]
    assert (told["from"], told["identifiers"]) == ([gone], [])

    engine.kill(worker)
    engine.forget_positions()
    engine.start_worker()
    engine.publish([event(128, 8, card="A", openid="daughter")])
    engine.settle()
    after = Check(engine.input_log(), engine.outputs())
    after.people()
    after.identities()
    assert values(after) == ["128.00", "64.00"]
    assert gone not in after.published.profiles
    assert line.run("erase", gone).stderr == "Not found: Nobody is known by that.\n"


def test_a_number_changes_hands(engine: Engine, kafka: Broker, redis_server: RedisServer) -> None:
    """What was before stays, also when it is read again; what comes later is of somebody else; and back again."""
    line = Line(kafka.bootstrap, engine.prefix, keys(redis_server, engine))
    worker = engine.start_worker()
    engine.publish([event(1, 1, card="A", phone=NUMBER), event(2, 2, phone=NUMBER)])
    [old] = check(engine).published.profiles
    answer = line.answered("unbind", f"phone:{NUMBER}", "--from", "card:A", "--id", "n")
    assert answer["status"] == "done"
    engine.publish([event(4, 3, phone=NUMBER, openid="new"), event(8, 4, card="A")])
    changed = check(engine)
    assert values(changed) == ["11.00", "4.00"]
    assert changed.published.profiles[old]["lifetime_value"] == {"CNY": "11.00"}
    found = json.loads(line.run("profile", f"phone:{NUMBER}", "--json").stdout)
    assert found["lifetime_value"] == {"CNY": "4.00"}
    why = line.run("explain", f"phone:{NUMBER}", "openid:new")
    assert why.returncode == 0, why

    engine.kill(worker)
    engine.forget_positions()
    engine.start_worker()
    engine.publish([event(16, 5, phone=NUMBER)])
    assert values(check(engine)) == ["11.00", "20.00"]
    audited = line.run("audit", "--patience", "5")
    assert audited.returncode == 0, audited.stdout
    assert line.answered("undo", "n")["status"] == "done"
    last = check(engine)
    assert values(last) == ["31.00"]
    assert list(last.published.profiles) == [old]


def test_block_and_unblock(engine: Engine, kafka: Broker, redis_server: RedisServer) -> None:
    """A blocked value is dropped and links nobody, whatever is read again; then it is taken as before."""
    line = Line(kafka.bootstrap, engine.prefix, keys(redis_server, engine))
    worker = engine.start_worker()
    engine.publish([event(1, 1, card="A", cookie="shop"), event(2, 2, openid="b", cookie="shop")])
    assert values(check(engine)) == ["3.00"]
    assert line.answered("block", "cookie:shop", "--id", "b")["status"] == "done"
    engine.publish([event(4, 3, card="A", cookie="shop"), event(8, 4, cookie="shop")])
    blocked = check(engine)
    assert values(blocked) == ["", "2.00", "5.00"]
    assert blocked.published.values("conflicts")[-1]["rule"] in {"blocked", "blocked_value"}
    assert len(engine.outputs()["touchpoints.dlq"]) == 1

    engine.kill(worker)
    engine.forget_positions()
    engine.start_worker()
    pattern = ["--namespace", "cookie", "--pattern", "re:^te"]
    assert line.answered("block", *pattern)["status"] == "done"
    assert line.answered("unblock", "cookie:shop")["effect"] == {"of": ["b"]}
    engine.publish([event(16, 5, openid="b", cookie="shop"), event(32, 6, cookie="test")])
    assert values(check(engine)) == ["23.00"]
