"""`idweave republish` on real servers: a topic is lost, and subscribers get everybody back."""

import json

import pytest
from confluent_kafka.admin import AdminClient

from sinks.topics_admin import Outcome, create_topics
from tests.conftest import Broker
from tests.live.against_model import Published
from tests.live.command_line import Line
from tests.live.engine import Engine
from tests.live.test_commands import event
from tests.live.test_end_to_end import parts, retail_day
from tests.live.test_replay import outputs, said

PEOPLE = 60
BROKER_SECONDS = 30.0


def lose_topic(kafka: Broker, engine: Engine, topic: str) -> None:
    """The topic is deleted and made anew."""
    name = f"{engine.prefix}.{topic}"
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    for waiting in admin.delete_topics([name], operation_timeout=BROKER_SECONDS).values():
        waiting.result(BROKER_SECONDS)
    made: list[str] = []

    def is_made() -> bool:
        made.extend(
            one.topic for one in create_topics(kafka.bootstrap, engine.prefix, {}, 1) if one.outcome == Outcome.CREATED
        )
        return made == [name]

    engine.until(is_made, "the topic is made anew")


@pytest.mark.parametrize("topic", ["profiles", "identities"])
def test_a_lost_topic_is_said_again(engine: Engine, keeper: Line, kafka: Broker, topic: str) -> None:
    """Everybody is there again, under newer versions; ids that merged away too; look-ups read the new records."""
    worker = engine.start_worker()
    for part in parts(retail_day(3, PEOPLE), 2):  # whoever is told of in the first, and merges in the second, ends
        engine.publish(part)
        engine.settle()
    whole = said(keeper, "republish", "--topic", topic)
    assert (whole["again"], whole["components"] > PEOPLE / 2) == (0, True)
    worker.stop()
    engine.workers.remove(worker)
    before = Published(outputs(engine))
    assert before.ended

    lose_topic(kafka, engine, topic)
    assert not engine.outputs()[topic]
    told = said(keeper, "republish", "--topic", topic)
    assert told["profiles"] == len(before.profiles)
    engine.start_worker()
    engine.settle()

    after = Published(outputs(engine))
    assert after.contents == before.contents
    assert after.ended == before.ended
    assert after.identities == before.identities
    for one, profile in after.profiles.items():
        assert profile["version"] > before.profiles[one]["version"]
    assert after.topics["merges"] == before.topics["merges"]
    assert said(keeper, "republish", "--topic", topic)["again"] == 0
    old, into = next(iter(before.ended.items()))
    assert json.loads(keeper.run("profile", old, "--json").stdout)["profile_id"] in {into, after.ended.get(into)}


def test_one_person_is_said_again(engine: Engine, keeper: Line) -> None:
    """By id, only the people of that component are; a name that nobody has is an answer, not a notice."""
    engine.start_worker()
    engine.publish([*retail_day(4, 20), event(1, 1, card="alone", openid="alone")])
    engine.settle()
    before = Published(engine.outputs())
    [profile_id] = [
        name
        for name, one in before.profiles.items()
        if {each["display"] for each in one["identifiers"]} >= {"main:alone"}
    ]
    assert said(keeper, "republish", profile_id)["again"] == 1
    engine.settle()
    after = Published(engine.outputs())
    newer = {one for one, profile in after.profiles.items() if profile["version"] > before.profiles[one]["version"]}
    assert newer == {profile_id}
    nobody = keeper.run("republish", "n" * 26)
    assert (nobody.returncode, "Nobody is known" in nobody.stderr) == (1, True)
    strange = keeper.run("republish", "--topic", "merges")
    assert strange.returncode == 2
