"""docs/examples.md and its pictures: they are what the commands print, and the truths behind them are true."""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks import alcon, alcon_year, chando, chando_month
from benchmarks.line_chart import NAME_GAP, Line, line_chart
from benchmarks.worked_example import verdict

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GUIDE = (DOCS / "examples.md").read_text()
SVG = "{http://www.w3.org/2000/svg}"


def printed(lines: Sequence[str]) -> str:
    """Lines as they stand in the guide."""
    return "```text\n" + "\n".join(lines) + "\n```\n"


def year(seed: int, legacy: int) -> tuple[alcon_year.World, alcon_year.Year, list[bytes]]:
    """Alcon's whole year, its truth counted as the command counts it, and all its events."""
    world, truth, sent = alcon_year.World(seed, legacy), alcon_year.Year(), []
    truth.look(one.member() for one in world.people)
    for events in world.periods():
        sent += events
        truth.look(one.member() for one in world.people)
    return world, truth, sent


def said(events: Sequence[bytes]) -> dict[str, dict[str, Any]]:
    """Each event once, by its id."""
    return {event["id"]: event for event in map(json.loads, events)}


def test_chandos_numbers_and_picture_are_what_the_command_prints() -> None:
    """The guide and the committed picture are those of the default seed and size."""
    events, truth = chando_month.generate(1, chando_month.FANS_DEFAULT)
    month = chando_month.counted(truth)
    assert printed(list(chando.report(month, chando_month.FANS_DEFAULT, len(events)))) in GUIDE
    assert (DOCS / "chando.svg").read_text() == chando.picture(month)


def test_alcons_numbers_and_picture_are_what_the_command_prints() -> None:
    """The guide and the committed picture are those of the default seed and size."""
    _, truth, _ = year(1, alcon_year.LEGACY_DEFAULT)
    assert printed(list(alcon.report(truth, alcon_year.LEGACY_DEFAULT))) in GUIDE
    assert (DOCS / "alcon.svg").read_text() == alcon.picture(truth)


def test_the_foreign_totals_are_those_of_the_kept_result() -> None:
    """What the guide says of `make real` stands in benchmarks/results/real_input.json, without a difference."""
    kept = json.loads((ROOT / "benchmarks/results/real_input.json").read_text())
    for data in kept["data"]:
        row = f"| {data['name']} | {data['imports'][0]['people']:,} | {data['orders']:,} | "
        assert row + f"{Decimal(data['dollars']):,} |" in GUIDE
        assert [one["differences"] for one in data["imports"]] == [[], []]
        assert {one["orders"] for one in data["imports"]} == {data["orders"]}


def test_its_commands_and_links_exist() -> None:
    """Every `make` target in the guide is one of the Makefile, every link leads to a file."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^make ([a-z-]+)", GUIDE, re.MULTILINE))
    assert targets == {"example-chando", "example-alcon", "real"}
    assert all(f"\n{target}:" in makefile for target in targets)
    links = re.findall(r"\]\(([^)#]+)\)", GUIDE)
    assert links
    assert [link for link in links if not (DOCS / link).exists()] == []


def test_chandos_truth_is_in_the_events() -> None:
    """Fans, cards, people who took part and converted orders can be counted in the events by hand."""
    sent, truth = chando_month.generate(7, 400)
    events = said(sent).values()
    month = chando_month.counted(truth)
    follows = {event["data"]["identifiers"]["openid"] for event in events if event["type"] == "openid.follow"}
    bound = {
        event["data"]["identifiers"]["openid"]: event["data"]["identifiers"]
        for event in events
        if event["type"] in ("card.bind", "card.claim")
    }
    assert (month.total.fans, month.total.bound) == (len(follows), len(bound))
    assert bound.keys() <= follows
    paid = [event for event in events if event["type"] == "order.paid"]
    assert 0 < month.total.orders < len(paid)  # those of people who are no fans do not count
    cards = [event for event in paid if "card" in event["data"]["identifiers"]]
    logins = [event for event in paid if "login" in event["data"]["identifiers"]]
    assert len(cards) + len(logins) <= month.total.orders
    assert 0.7 < month.interacting / month.people < 0.9
    assert month.days[-1] == (month.total.fans, month.total.bound, sum(one.orders > 0 for one in truth if one.bound_at))


def test_a_month_that_differs_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    """One order too many, or one person, and the command ends with 1."""
    month = chando_month.counted(chando_month.generate(7, 50)[1])
    more = chando_month.counted(chando_month.generate(7, 50)[1])
    assert verdict((month, 60), (more, 60)) == 0
    assert verdict((month, 61), (more, 60)) == 1
    more.scenes["article"].orders += 1
    assert verdict((month, 60), (more, 60)) == 1
    assert "not the truth" in capsys.readouterr().err


def test_alcons_truth_is_in_the_files_and_events() -> None:
    """Old members, those who come home, new ones and invitations can be counted in files and events by hand."""
    world, truth, sent = year(7, 600)
    header, *rows = world.rows
    readable = [dict(zip(header, row, strict=True)) for row in rows if not row[3].startswith("1900")]
    numbers = [re.sub(r"\D", "", row["手机"])[-11:] for row in readable]
    known = {number for number in numbers if number}
    people = len(known) + numbers.count("")
    assert len(rows) == 600
    assert len(known) < len([number for number in numbers if number])  # somebody is there twice
    assert truth.looks[0] == (people, truth.looks[0].active, people)
    events = said(sent).values()
    count = [event["type"] for event in events].count
    assert truth.looks[-1].members == people + count("member.register")
    assert truth.looks[-1].not_on_wechat == people - count("openid.follow")
    assert truth.referred == count("referral.registered")
    assert sum(truth.channels.values()) == count("member.register")
    assert all(before.active < after.active for before, after in pairwise(truth.looks))


def test_a_year_that_differs_is_no_success() -> None:
    """One active member too many, or one person, and the command ends with 1."""
    (_, found, _), (_, truth, _) = year(7, 60), year(7, 60)
    assert verdict((found, 70), (truth, 70)) == 0
    assert verdict((found, 69), (truth, 70)) == 1
    found.looks[2] = found.looks[2]._replace(active=found.looks[2].active + 1)
    assert verdict((found, 70), (truth, 70)) == 1


def test_active_is_within_365_days() -> None:
    """Who did something exactly 365 days before is active; a second earlier is too early; a stranger is no member."""
    edge = datetime.fromisoformat("2023-06-02T00:00:00+08:00")
    base = alcon_year.Member(edge, legacy=True, active_at=edge, not_on_wechat=True, channel="", referred=0)
    found = alcon_year.Year()
    before = base._replace(active_at=datetime.fromisoformat("2023-06-01T23:59:59+08:00"))
    found.look([base, before, base._replace(active_at=None), base._replace(since=None)])
    assert found.looks == [(3, 1, 3)]


def test_a_chart_names_its_lines_apart_and_escapes() -> None:
    """It is well-formed, has a line for each, and two that end alike have names that do not lie over each other."""
    lines = [Line("a < b", [0, 5, 10]), Line("c", [0, 5, 10]), Line("d", [0, 0, 0])]
    drawn = ET.fromstring(line_chart("x & y", ["1", "", "3"], lines, top=10, text=str))  # noqa: S314 - our own
    paths = [path.get("d", "") for path in drawn.iter(f"{SVG}path") if path.get("class") in ("a", "b", "c")]
    assert len(paths) == 3
    assert [len(path.split(" ")) for path in paths] == [3, 3, 3]
    texts = [text for text in drawn.iter(f"{SVG}text") if text.get("class") in ("a", "b", "c")]
    names = {text.text or "": float(text.get("y", "")) for text in texts}
    assert sorted(names) == ["a < b 10", "c 10", "d 0"]
    assert abs(names["a < b 10"] - names["c 10"]) >= NAME_GAP
