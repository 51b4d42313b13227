"""Explaining over a store that moves, and its answer as text and as a picture."""

import json
import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from resolvers.admission import Unreadable, parse_identifier
from stream.cli.evidence_text import lines
from stream.reading import explaining as module
from stream.reading.evidence_picture import picture
from stream.reading.explaining import Explaining
from stream.reading.walking import LookupStore, UnavailableError
from tests.stream.small_worker import SmallWorker
from topics.answers import Explanation
from topics.identifiers import Identifier

NUMBER = "13800138001"
PHONE = f"phone:{NUMBER}"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between two looks."""
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0)


@pytest.fixture
def world() -> SmallWorker:
    """A phone with two cards and a browser."""
    world = SmallWorker()
    world.publish({"card": "8800", "phone": NUMBER})
    world.publish({"card": "9900", "phone": NUMBER}, {"phone": NUMBER, "cookie": "<k>&"})
    return world


def of(world: SmallWorker) -> Explaining:
    """Explaining over its store."""

    async def store() -> LookupStore:
        return world

    return Explaining(store, world.admission.rules)


def named(world: SmallWorker, text: str) -> Identifier:
    """As an operator writes it."""
    found = parse_identifier(text, world.admission)
    assert not isinstance(found, Unreadable)
    return found


async def between(world: SmallWorker, a: str, b: str) -> Explanation:
    """What is told of two that are known."""
    told = await of(world).between(named(world, a), named(world, b))
    assert told is not None
    return told


async def test_one_person_and_two(world: SmallWorker) -> None:
    """The verdicts, from the store's components wherever they have moved."""
    assert (await between(world, "card:9900", "cookie:<k>&"))["verdict"] == "one_person"
    told = await between(world, "card:8800", "cookie:<k>&")
    assert (told["verdict"], [link["rule"] for link in told["refused"]]) == ("refused", ["unique"])
    world.publish({"card": "7700"})
    assert (await between(world, "card:7700", PHONE))["verdict"] == "no_evidence"


async def test_unknown_is_none(world: SmallWorker) -> None:
    """Whichever of the two it is."""
    nobody, card = named(world, "card:1"), named(world, "card:8800")
    assert await of(world).between(nobody, card) is None
    assert await of(world).between(card, nobody) is None
    assert [await of(world).known(one) for one in (nobody, card)] == [False, True]
    assert await of(world).around("nobody") is None


async def test_the_graph_of_a_profile_and_of_one_that_merged_away(world: SmallWorker) -> None:
    """Members as published, of the survivor too; refused evidence leads out."""
    by_card = {
        one["token"]: profile_id
        for profile_id, profile in world.profiles().items()
        for one in profile.get("identifiers", ())
        if one["namespace"] == "card"
    }
    graph = await of(world).around(by_card["main:9900"])
    assert graph is not None
    assert sum(node["member"] for node in graph["nodes"]) == 3
    assert [edge["rule"] for edge in graph["edges"] if not edge["counts"]] == ["unique"]
    world.publish({"login": "l"})
    [login] = set(world.profiles()) - set(by_card.values())
    world.publish({"card": "8800", "login": "l"})
    merged = await of(world).around(login)
    assert merged is not None
    assert merged["profile_id"] in {by_card["main:8800"], login}
    assert {node["token"] for node in merged["nodes"] if node["member"]} == {"main:8800", "main:l"}


async def test_a_union_between_the_two_looks(world: SmallWorker) -> None:
    """The store goes on while it is read: the answer is of one of its moments, or that it can't be read now."""
    world.publish({"login": "l", "openid": "o"})
    told = set()
    for pause in range(24):
        steps = world.steps({"login": f"l{pause}", "openid": f"o{pause}"}, {"openid": f"o{pause}", "card": "9900"})

        def step(going: object = steps) -> None:
            next(going, None)  # type: ignore[call-overload]

        for _ in range(pause):
            step()
        world.between = step
        try:
            found = await of(world).between(named(world, f"login:l{pause}"), named(world, "card:9900"))
        except UnavailableError:
            told.add("unavailable")
        else:
            told.add("none" if found is None else found["verdict"])
        world.between = lambda: None
        for _ in steps:
            pass
        assert (await between(world, f"login:l{pause}", "card:9900"))["path"]
    assert "one_person" in told
    assert told <= {"none", "no_evidence", "one_person", "unavailable", "refused"}


async def test_the_text(world: SmallWorker) -> None:
    """A line for each link, with its events, and a line for each refusal with its rule and why."""
    text = "\n".join(lines(await between(world, "card:8800", "cookie:<k>&")))
    assert text.startswith("card main:8800 and cookie <k>& are not one person. Evidence runs between them")
    assert "  card main:8800 -x- phone 138****8001: together in event-1 (/test) at 2026-08-01 10:00" in text
    assert "    refused by unique: two values of a unique namespace would meet in one profile" in text
    assert NUMBER not in text
    one = "\n".join(lines(await between(world, "card:9900", PHONE)))
    assert one.startswith("card main:9900 and phone 138****8001 are one person, by 1 link:")
    assert "Evidence around them that does not count:" in one
    assert [told.splitlines()[-1] for told in (text, one)] == ["Times are UTC."] * 2
    world.publish({"card": "7700"})
    assert next(lines(await between(world, "card:7700", PHONE))).endswith("no evidence connects them.")
    twice = list(lines(await between(world, "card:7700", "card:main:7700")))
    assert twice == ["card main:7700 is one identifier: the two that were asked for are the same."]


class Elements(HTMLParser):
    """Start tags with their classes, and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.classes: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember groups."""
        self.classes += [str(value) for name, value in attrs if tag == "g" and name == "class"]

    def handle_data(self, data: str) -> None:
        """Remember texts."""
        self.texts.append(data)


async def test_the_picture(world: SmallWorker) -> None:
    """Boxes for identifiers, lines for evidence, dashed where refused; escaped, masked, light and dark."""
    told = await between(world, "card:8800", "cookie:<k>&")
    svg = picture(told)
    found = Elements()
    found.feed(svg)
    assert sorted(found.classes) == ["box asked", "box asked", "box other", "line counts", "line refused"]
    assert "<k>&" in found.texts
    assert "<k>" not in svg.replace("&lt;k&gt;", "")
    assert "unique" in found.texts
    assert NUMBER not in svg
    assert "prefers-color-scheme: dark" in svg
    assert "stroke-dasharray" in svg
    assert picture(json.loads(json.dumps(told))) == svg
    assert not re.search(r"https?://(?!www\.w3\.org)", svg), "it loads nothing"


async def test_a_picture_of_any_answer(world: SmallWorker) -> None:
    """No boxes lie on each other, whatever is drawn: a crowd, strangers, one and itself."""
    for n in range(30):
        world.publish({"card": f"c{n}", "phone": NUMBER})
    world.publish({"card": "alone"})
    for a, b in (("card:c3", PHONE), ("card:c3", "card:c4"), ("card:alone", PHONE), ("card:alone", "card:alone")):
        svg = picture(await between(world, a, b))
        boxes = re.findall(r'<rect x="([^"]+)" y="([^"]+)"', svg)
        assert len(boxes) == len(set(boxes)) >= 1
        by_column: dict[str, list[float]] = {}
        for x, y in boxes:
            by_column.setdefault(x, []).append(float(y))
        for column in by_column.values():
            column.sort()
            assert all(lower - upper >= 44 for upper, lower in pairwise(column))
