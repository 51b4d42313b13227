"""Commands: decided once, answered in the same bytes for ever, applied whatever happens on the way."""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from resolvers.admission import Admission
from resolvers.asking import Asked, ask, matching
from resolvers.cache import Cache
from resolvers.commanding import DRY, obey
from resolvers.namespaces import Caps, IdentityRules
from resolvers.people import people
from resolvers.pseudonyms import Pseudonyms
from resolvers.standing import Standing, standing_of
from resolvers.steps import Notice, Notify, Outgoing, Publish, Step
from sinks.carrying import carry_in_memory
from tests.resolvers.building import NOON_MS, NOON_US, Bench, arrived, rules_with
from topics.codec import encode
from topics.commands import Result
from topics.instants import to_text
from topics.records import Record

A, B, C = "card:main:A", "card:main:B", "card:main:C"
PHONE = "13812345600"


class Desk(Bench):
    """A bench at which operators give commands; `answers` and `told` are what goes out."""

    def __init__(self, rules: IdentityRules | None = None) -> None:
        super().__init__(*([rules] if rules else []))
        self.answers: list[Outgoing] = []
        self.told: list[Notice] = []
        self.reading = Admission(self.rules, Pseudonyms(b"a key for tests"))
        self._offset = count()

    def execute(self, step: Step) -> object:
        """Carry out a leaf step."""
        if isinstance(step, Publish):
            self.answers.extend(step.records)
            return list(range(len(step.records)))
        if isinstance(step, Notify):
            self.told.append(step.notice)
            return None
        return self.store.execute(step)

    def asked(self, body: dict[str, Any] | bytes) -> Asked:
        """A command as it lies in the log."""
        value = body if isinstance(body, bytes) else encode(body)
        at = next(self._offset)
        record = Record("t.commands", 0, at, NOON_MS + at, None, value, ())
        return ask(record, self.reading)

    def obey(self, asked: Asked) -> Result:
        """Carry a command out."""
        return carry_in_memory(obey(asked, self.rules, frozenset(), self.standing), self.execute)

    @property
    def standing(self) -> Standing:
        """What commands have left behind."""
        return standing_of(self.store.content.fences.values(), self.reading)

    def say(self, kind: str, *identifiers: str, name: str = "c", **fields: object) -> Result:
        """Ask and carry out."""
        named = {"identifiers": identifiers} if identifiers else {}
        return self.obey(self.asked({"id": name, "type": kind, **named, **fields}))

    def groups(self) -> list[list[str]]:
        """The identifiers of everybody, strongest first."""
        return [list(person.members) for person in self.persons() if person.members]

    def visits(self, who: dict[str, str]) -> int:
        """The visits that are counted for the holder of an identifier."""
        [key] = [f"{name}:main:{value}" for name, value in who.items()]
        [person] = [one for one in self.persons() if key in one.members]
        visits: int = json.loads(person.body)["counters"].get("visits", 0)
        return visits


def two(rules: IdentityRules | None = None) -> Desk:
    """Two members of a card, a unionid and visits each."""
    desk = Desk(rules)
    for n, name in enumerate("AB"):
        desk.resolve(arrived({"card": name, "unionid": f"u{name}"}, n, counters={"visits": n + 1}))
    return desk


def one() -> Desk:
    """One member, whose card, phone and openid each have visits of their own."""
    desk = Desk()
    desk.resolve(
        arrived({"card": "A", "openid": "o"}, 0, counters={"visits": 1}),
        arrived({"card": "A", "unionid": "u"}, 1),
        arrived({"unionid": "u"}, 2, counters={"visits": 10}),
        arrived({"openid": "o"}, 3, counters={"visits": 100}),
    )
    return desk


def test_a_merge_makes_whole_people_one_against_unique() -> None:
    """Both cards and both unionids, though only the cards were named; each facet is there once."""
    desk = two()
    answer = desk.say("merge", "card:A", "card:B")
    assert (answer.status, answer.detail) == ("done", "2 identifiers of 2 people are one person.")
    assert answer.identifiers == ("card:~main:A", "card:~main:B")
    assert desk.groups() == [[A, B, "unionid:main:uA", "unionid:main:uB"]]
    assert desk.visits({"card": "A"}) == 3


def test_a_third_value_is_still_refused() -> None:
    """The merged values count as one, so the next one would be the second."""
    desk = two()
    desk.say("merge", "card:A", "card:B")
    desk.resolve(arrived({"card": "C", "unionid": "uA"}, 7, seconds=-60))
    assert desk.groups() == [[A, B, "unionid:main:uA", "unionid:main:uB"], [C]]


def test_a_merge_creates_who_was_not_seen() -> None:
    """Seen at the command's time, shown as an event would show it; only a token that cannot be shown is not found."""
    desk = two()
    assert desk.say("merge", "card:A", f"phone:~{'A' * 30}", name="c0").status == "not_found"
    answer = desk.say("merge", "card:A", f"phone:{PHONE}")
    [person] = [one for one in desk.persons() if A in one.members]
    [phone] = [one for one in json.loads(person.body)["identifiers"] if one["namespace"] == "phone"]
    at = to_text(answer.append_ms * 1000)
    assert (phone["display"], phone["first_seen"], phone["last_seen"]) == ("138****5600", at, at)
    assert PHONE.encode() not in encode(answer)


@pytest.mark.parametrize(
    ("identifiers", "status", "told"),
    [
        (["card:A", "card: A"], "refused", "one identifier"),
        (["card:A", "phone:13800000000"], "refused", "stands for nobody"),
        (["card:A", "phone:x"], "invalid", "no valid value of phone"),
        (["card:A", "nothing:x"], "invalid", "not declared"),
        (["card:A", "card:~"], "invalid", "no token of card"),
    ],
)
def test_a_merge_of_nothing_sensible_is_not_done(identifiers: list[str], status: str, told: str) -> None:
    """Every one with a reason, and with no value in it."""
    desk = two()
    before = desk.store.saved()
    answer = desk.say("merge", *identifiers)
    assert answer.status == status
    assert told in answer.detail
    assert "1380" not in answer.detail
    assert desk.store.content.components == before.components


def test_a_hub_and_a_crowd_are_not_merged() -> None:
    """A hub links nobody; and a component may not grow beyond its cap."""
    desk = Desk(rules_with(caps=Caps(weak=1, component=4)))
    desk.resolve(*(arrived({"card": f"C{n}", "cookie": "k"}, n) for n in range(3)))
    desk.resolve(arrived({"card": "D1", "unionid": "d1"}, 8), arrived({"card": "D2", "unionid": "d2"}, 9))
    hub = desk.say("merge", "cookie:k", "card:D1")
    assert (hub.status, "links nobody: cookie" in hub.detail) == ("refused", True)
    desk.say("merge", "card:D1", "card:D2", name="c2")
    assert desk.say("merge", "card:D1", "card:C1", name="c3").detail == "More than 4 identifiers would hang together."


def test_a_split_gives_each_half_its_own_facts() -> None:
    """What each identifier brought goes where it goes; evidence between the halves is refused, old and new."""
    desk = one()
    answer = desk.say("split", "openid:o")
    assert (answer.status, answer.detail) == ("done", "1 identifier leaves 2 identifiers behind.")
    assert answer.effect == {"left": ["card:~main:A", "unionid:~main:u"]}
    assert desk.groups() == [[A, "unionid:main:u"], ["openid:main:o"]]
    assert (desk.visits({"card": "A"}), desk.visits({"openid": "o"})) == (11, 100)
    desk.resolve(arrived({"unionid": "u", "openid": "o"}, 9, seconds=60))
    found = people(desk.at_rest()[0], desk.rules, NOON_US)
    assert {one.rule for one in found.refused} == {"split"}
    assert len(desk.groups()) == 2


def test_a_split_keeps_its_half_together() -> None:
    """Two that had no evidence of each other, and only what was left behind between them, are one person."""
    desk = one()
    desk.say("split", "openid:o", "unionid:u")
    assert desk.groups() == [[A], ["unionid:main:u", "openid:main:o"]]


def test_whom_nobody_left_behind_may_join_either_half() -> None:
    """A split speaks of those that it names; a newcomer goes where the evidence that is taken first puts it."""
    desk = one()
    desk.say("split", "openid:o")
    desk.resolve(arrived({"openid": "o", "cookie": "k"}, 5), arrived({"card": "A", "cookie": "k"}, 6))
    assert desk.groups() == [[A, "unionid:main:u", "cookie:k"], ["openid:main:o"]]


@pytest.mark.parametrize(
    ("identifiers", "status", "told"),
    [
        (["card:A", "unionid:u", "openid:o"], "refused", "nothing would be left"),
        (["card:A", "card:B"], "not_found", "Nobody is known by 1 identifier: card"),
        (["card:A", "phone:13812345611"], "refused", "2 people already"),
        (["openid:o", "cookie:z"], "not_found", "1 identifier: cookie"),
    ],
)
def test_a_split_of_what_is_no_part_of_one_person_is_not_done(identifiers: list[str], status: str, told: str) -> None:
    """All of a person, several people, somebody unknown."""
    desk = one()
    desk.resolve(arrived({"phone": "13812345611"}, 5))
    answer = desk.say("split", *identifiers)
    assert answer.status == status
    assert told in answer.detail


def test_a_pattern_blocks_the_life_that_an_identifier_has() -> None:
    """The store has all its lives; the pattern names it once, and its place in the log says which life it speaks of."""
    desk = one()
    desk.say("unbind", identifier="openid:o", name="u", **{"from": "card:A"})
    asked = desk.asked({"id": "b", "type": "block", "namespace": "openid", "pattern": "re:o$"})
    found = matching(asked, sorted(desk.store.content.homes), desk.reading)
    answer = desk.obey(asked._replace(named=tuple(found)))
    assert (answer.identifiers, answer.effect["lives"]) == (("openid:~main:o",), {"openid:~main:o": 1})


def test_a_split_leaves_no_life_behind_that_is_over() -> None:
    """It stays with who the unbind said; with the unbind taken back it goes where its identifier went."""
    desk = one()
    desk.say("unbind", identifier="openid:o", name="u", **{"from": "card:A"})
    desk.say("merge", "openid:o", "card:A", name="m")
    answer = desk.say("split", "openid:o", "card:A", "unionid:u", name="all")
    assert (answer.status, answer.detail) == ("refused", "They are all of this person: nothing would be left.")
    assert desk.say("split", "openid:o", name="s").effect["left"] == ["card:~main:A", "unionid:~main:u"]
    assert desk.groups() == [[A, "unionid:main:u"], ["openid:main:o"]]
    assert desk.visits({"card": "A"}) == 111
    desk.say("undo", of="u", name="y")
    assert desk.groups() == [[A, "unionid:main:u"], ["openid:main:o"]]
    assert desk.visits({"openid": "o"}) == 100


def test_a_split_takes_along_the_lives_that_stay_with_it() -> None:
    """What was before an unbind is of the person of its `from`, wherever an operator has them go."""
    desk = one()
    desk.say("unbind", identifier="openid:o", name="u", **{"from": "card:A"})
    desk.say("merge", "openid:o", "card:A", name="m")
    desk.say("split", "card:A", "openid:o", name="s")
    assert desk.groups() == [[A, "openid:main:o"], ["unionid:main:u"]]
    assert (desk.visits({"card": "A"}), desk.visits({"unionid": "u"})) == (101, 10)


def test_a_later_merge_lifts_a_split_and_its_undo_restores_it() -> None:
    """The merge's decision names the split; without the merge the split holds again; without both all is as before."""
    desk = one()
    desk.say("split", "openid:o", name="s")
    answer = desk.say("merge", "unionid:u", "openid:o", name="m")
    assert answer.effect["lifted"] == ["s"]
    assert len(desk.groups()) == 1
    assert desk.say("undo", of="m", name="x").status == "done"
    assert len(desk.groups()) == 2
    assert desk.say("undo", of="s", name="y").detail == "The split is taken back."
    assert len(desk.groups()) == 1


def test_of_two_merges_the_one_that_stands_lifts_the_split() -> None:
    """Whichever of them is taken back; without both the split holds again."""
    for first, second in (("m1", "m2"), ("m2", "m1")):
        desk = one()
        desk.say("split", "openid:o", name="s")
        for name in ("m1", "m2"):
            desk.say("merge", "unionid:u", "openid:o", name=name)
        desk.say("undo", of=first, name="x")
        assert len(desk.groups()) == 1
        desk.say("undo", of=second, name="y")
        assert len(desk.groups()) == 2


@pytest.mark.parametrize(
    ("of", "status", "told"),
    [
        ("nothing", "not_found", "No command had that id"),
        ("refused", "refused", "merge, refused"),
        ("undo", "refused", "undo, done"),
        ("m", "refused", "taken back before"),
    ],
)
def test_what_cannot_be_taken_back(of: str, status: str, told: str) -> None:
    """Unknown, not done, an undo, and what was taken back already."""
    desk = two()
    desk.say("merge", "card:A", "card:B", name="m")
    desk.say("merge", "card:A", "card:A", name="refused")
    desk.say("undo", of="m", name="undo")
    answer = desk.say("undo", of=of, name="x")
    assert (answer.status, told in answer.detail) == (status, True)


def test_an_undone_merge_stays_undone_when_it_is_delivered_again() -> None:
    """Its answer is repeated, and it does not come back."""
    desk = two()
    merge = desk.asked({"id": "m", "type": "merge", "identifiers": ["card:A", "card:B"]})
    first = desk.obey(merge)
    desk.say("undo", of="m", name="x")
    assert desk.obey(merge) == first
    assert len(desk.groups()) == 2


def test_the_same_command_again_is_answered_in_the_same_bytes() -> None:
    """At another place in the log too, and after everything has changed; nothing is applied twice."""
    desk = two()
    desk.say("merge", "card:A", "card:B")
    desk.say("split", "card:B", name="s")
    component = desk.at_rest()[0]
    desk.say("merge", "card:A", "card:B")
    assert desk.answers[0] == desk.answers[-1]
    assert desk.at_rest()[0].fields() == component.fields()


def test_another_command_under_a_used_id_is_refused() -> None:
    """And the answer that stands is repeated after the refusal, because the topic keeps the last one."""
    desk = two()
    desk.say("merge", "card:A", "card:B")
    answer = desk.say("split", "card:A")
    assert (answer.status, answer.type) == ("refused", "split")
    assert [json.loads(one.value or b"")["type"] for one in desk.answers] == ["merge", "split", "merge"]
    assert desk.answers[0] == desk.answers[2]
    assert len(desk.groups()) == 1


def test_a_dry_run_changes_nothing() -> None:
    """It says what would be, and its id may be used for the command itself; only the answer is kept."""
    desk = two()
    before = desk.store.saved()
    answer = desk.say("merge", "card:A", "card:B", dry_run=True)
    assert (answer.status, answer.dry_run) == ("done", True)
    assert answer.detail == "2 identifiers of 2 people would be one person."
    assert desk.store.content._replace(decisions={}) == before
    assert list(desk.store.content.decisions) == [f"{DRY}c"]
    assert desk.told == []
    assert not desk.say("merge", "card:A", "card:B").dry_run


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"id":"c"}', b'{"type":"merge"}', b"\xff", b"{" * 10_000])
def test_a_record_that_is_no_command_is_answered(value: bytes) -> None:
    """By its id where it has one, else by its place."""
    desk = two()
    answer = desk.obey(desk.asked(value))
    assert answer.status == "invalid"
    assert answer.id == ("c" if b'"c"' in value else "record:0:0")
    assert desk.answers[-1].key == answer.id.encode()
    assert desk.store.content.decisions == {}


def test_a_command_with_an_append_time_that_no_broker_has_is_answered() -> None:
    """What lies before or after it cannot be told, so it is not carried out."""
    desk = two()
    record = Record("t.commands", 0, 9, NOON_MS * 1000, None, encode({"id": "c", "type": "erase"}), ())
    valid = record._replace(value=encode({"id": "c", "type": "erase", "by": "amy", "identifier": "card:A"}))
    for one in (record, valid):
        answer = desk.obey(ask(one, desk.reading))
        assert answer.status == "invalid"
    assert "LogAppendTime" in answer.detail
    assert desk.store.content.decisions == {}


def crashes(body: dict[str, Any]) -> Iterator[tuple[Desk, Asked, bool]]:
    """A desk after each possible crash of a command, and whether there was one."""
    for steps in count():
        desk = one()
        desk.resolve(arrived({"card": "B"}, 20))
        asked = desk.asked(body)
        protocol = obey(asked, desk.rules, frozenset(), desk.standing)
        try:
            step = next(protocol)
            for _ in range(steps):
                step = protocol.send(carry_in_memory(_one(step), desk.execute))
        except StopIteration:
            yield desk, asked, False
            return
        protocol.close()
        yield desk, asked, True


def _one(step: Step) -> Any:  # noqa: ANN401 - a protocol of one step
    return (yield step)


@pytest.mark.parametrize("kind", ["merge", "split"])
def test_a_crash_anywhere_is_a_repetition(kind: str) -> None:
    """Delivered again, and carried out by another worker: the same answer and the same people, and they are told of."""
    named = ["card:B", "openid:o", "phone:13812345611"] if kind == "merge" else ["openid:o"]
    seen: set[bytes] = set()
    ends: list[list[list[str]]] = []
    for desk, asked, _ in crashes({"id": "c", "type": kind, "identifiers": named}):
        desk.cache = Cache(10)
        desk.obey(asked)
        ends.append(desk.groups())
        seen.update(one.value or b"" for one in desk.answers)
        assert desk.told
        assert desk.told[-1].component in {one.name for one in desk.at_rest()}
    assert len(ends) > 5
    assert all(one == ends[0] for one in ends)
    assert len(seen) == 1
