"""Audits: silent about a store that is whole, whatever it is doing, and precise about each way of breaking it."""

import json
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from resolvers.audit import KEYS_MAX, spanning
from resolvers.component import Component
from resolvers.evidence import Pair
from resolvers.facets import encode as facet_bytes
from resolvers.facets import sighted
from resolvers.namespaces import DEFAULT_RULES
from resolvers.publication import Sending, decode, encode
from resolvers.steps import ReadHome
from stream.cli import store as cli_store
from stream.cli.main import run
from stream.operating import auditing as module
from stream.operating.auditing import Auditing, Report
from tests.resolvers.building import edge
from tests.stream.small_worker import SmallWorker

CARD, PHONE = {"card": "8800"}, {"phone": "13800138001"}
KEY = "card:main:8800"


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting between two looks."""
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0)


@pytest.fixture
def world() -> SmallWorker:
    """Three people: one by a union, one with a contested phone, one more."""
    world = SmallWorker()
    world.publish(CARD, PHONE, {"login": "l"})
    world.publish({**CARD, **PHONE}, {"card": "9900", **PHONE})
    return world


async def audited(world: SmallWorker, sample: int | None = None, patience_seconds: float = 0.02) -> Report:
    """An audit of its store."""
    told: list[tuple[int, int | None]] = []
    report = await Auditing(world, DEFAULT_RULES, lambda done, of: told.append((done, of))).run(
        sample, patience_seconds
    )
    assert told[-1][0] >= report.identifiers
    return report


async def test_a_whole_store(world: SmallWorker) -> None:
    """Everything is looked at and nothing is wrong; a sample looks at less."""
    report = await audited(world)
    assert report == Report(4, 2, 3, [])
    part = await audited(world, sample=1)
    assert (part.identifiers, part.components, part.findings) == (1, 1, [])
    assert await audited(world, sample=100) == report


async def test_a_store_that_moves(world: SmallWorker) -> None:
    """Unions and publications go on between any two reads of the audit, and nothing is reported in the end."""
    for pause in range(20):
        events = [{"card": "8800", "login": f"l{pause}"}, {"openid": f"o{pause}"}, {"login": f"l{pause}", **PHONE}]
        going = world.steps(*events)

        def step(going: object = going) -> None:
            next(going, None)  # type: ignore[call-overload]

        for _ in range(pause):
            step()
        world.between = step
        report = await audited(world, patience_seconds=2)
        world.between = lambda: None
        assert report.findings == []
        for _ in going:
            pass
    assert (await audited(world)).findings == []


def forget_home(world: SmallWorker) -> None:
    """A home is gone."""
    del world.store.content.homes[KEY]


def leave_facet(world: SmallWorker) -> None:
    """A facet in two components."""
    content = world.store.content
    content.components["zzz"] = {"v": b"1", f"f:0:{KEY}": facet_bytes(sighted("x", 1))}


def lose_facet(world: SmallWorker) -> None:
    """A facet is gone, and its evidence is not."""
    record = component_of(world, KEY)
    del record[Component.parse(KEY, record).shorthand.facet_field(KEY)]


def lose_evidence(world: SmallWorker) -> None:
    """Evidence is gone: what was published has nothing to stand on."""
    record = component_of(world, KEY)
    for field in [one for one in record if one.startswith("e:")]:
        del record[field]


def lose_publication(world: SmallWorker) -> None:
    """What was published is forgotten."""
    world.store.content.publications.clear()


def publish_another(world: SmallWorker) -> None:
    """A person was published with an identifier too many."""
    for name, record in world.store.content.publications.items():
        state = decode(record.state or b"")
        profiles = {
            profile_id: replace(one, members=(*one.members, "cookie:ghost"))
            for profile_id, one in state.profiles.items()
        }
        world.store.content.publications[name] = record._replace(state=encode(replace(state, profiles=profiles)))


def begin_and_die(world: SmallWorker) -> None:
    """A publication was begun by a worker that died."""
    for name, record in world.store.content.publications.items():
        state = decode(record.state or b"")
        after = replace(state, component_version=state.component_version + 1)
        sending = Sending(tuple(state.profiles))
        world.store.content.publications[name] = record._replace(after=encode(after), sending=encode(sending))


def forget_names(world: SmallWorker) -> None:
    """No profile id leads anywhere."""
    world.store.content.profiles.clear()


def leave_pending(world: SmallWorker) -> None:
    """A worker died in the middle of a union."""
    component_of(world, KEY).update({"to": b"card:main:0", "p": b"1"})


def component_of(world: SmallWorker, key: str) -> dict[str, bytes]:
    """The record that an identifier's home leads to."""
    name = world.store.execute(ReadHome(key))
    while "to" in (record := world.store.content.components[name]):
        name = record["to"].decode()
    return record


@pytest.mark.parametrize(
    ("harm", "rules"),
    [
        (forget_home, {"homeless"}),
        (leave_facet, {"two_components", "unpublished"}),
        (lose_facet, {"homeless", "edge_outside", "stale", "unnamed"}),
        (lose_evidence, {"unpublished", "stale"}),
        (lose_publication, {"unpublished"}),
        (publish_another, {"unpublished", "stale"}),
        (begin_and_die, {"unfinished"}),
        (forget_names, {"unnamed"}),
        (leave_pending, {"pending"}),
    ],
)
async def test_harm_is_found_and_named(
    world: SmallWorker, harm: Callable[[SmallWorker], None], rules: set[str]
) -> None:
    """Each way of breaking a store is reported by the invariants that it breaks, and by no others."""
    harm(world)
    report = await audited(world)
    assert {one.rule for one in report.findings} == rules
    assert all(len(one.keys) <= KEYS_MAX for one in report.findings)
    assert "13800138001" not in str(report)


def test_evidence_that_spans_two_components() -> None:
    """Hidden from homes and facets: the same pair's ends at home in two components."""
    shared = Pair("card:main:A", "cookie:k")
    one = Component("card:main:A", 1, {"card:main:A": sighted("A", 0)}, {shared: edge()})
    other = Component("cookie:k", 1, {"cookie:k": sighted("k", 0)}, {})
    [finding] = spanning([one, other])
    assert (finding.rule, finding.keys) == ("spans", ("card:main:A", "cookie:k"))
    whole = Component("card:main:A", 1, {**one.facets, **other.facets}, {shared: edge()})
    assert spanning([whole]) == []


@pytest.mark.parametrize("broken", [False, True])
def test_the_command(
    world: SmallWorker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, broken: bool
) -> None:
    """Exit code 0 and a sentence, or 1 and the findings; as JSON for programs."""
    if broken:
        forget_names(world)

    async def opened(_settings: object) -> object:
        return world

    async def closed() -> None:
        return None

    monkeypatch.setattr(cli_store, "open_store", opened)
    monkeypatch.setattr(world, "close", closed, raising=False)
    monkeypatch.setenv("IDWEAVE_HASH_KEY", "hash-key-for-tests-that-is-long-enough")
    monkeypatch.setenv("IDWEAVE_ID_KEY", "id-key-for-tests-that-is-long-enough-too")
    assert run(["audit", "--patience", "0"]) == int(broken)
    text = capsys.readouterr().out
    assert text.startswith("Looked at 4 identifiers in 2 components, published as 3 profiles.")
    assert ("Nothing is wrong" in text) == (not broken)
    assert run(["audit", "--patience", "0", "--json", "--sample", "2"]) == int(broken)
    report = json.loads(capsys.readouterr().out)
    assert report["identifiers"] == 2
    assert bool(report["findings"]) == broken
    assert run(["audit", "--sample", "0"]) == 2
