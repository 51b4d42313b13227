"""Commands over HTTP: who may send them, what is refused before it is sent, what is answered, and feeds of all that."""

import json
from typing import Any

import pytest

from stream.config.addresses import Address
from stream.config.settings import Secret
from stream.reading.walking import UnavailableError
from tests.stream.small_site import TOKENS, Site
from topics.commands import Command, Merge, Result
from topics.headers import Headers

NUMBER = "13800138001"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SPLIT = {"type": "split", "identifiers": [f"phone:{NUMBER}"]}
NO_COMMANDS: list[Any] = [
    b"",
    b"[]",
    b"{}",
    b'{"id":"x"}',
    b"{" * 5_000,
    b'{"type":"split","type":"split","identifiers":["card:A"]}',
    b'{"id":"\\u0000","type":"undo","of":"x"}',
    {"type": "destroy"},
    {"type": "merge", "identifiers": ["card:A"]},
    {"type": "merge", "identifiers": ["card:A", "shoe:42"]},
    {"type": "split", "identifiers": ["phone:12345"]},
    {"type": "unbind", "identifier": "card:A", "from": "phone:12345"},
    {"type": "erase"},
    {"type": "block", "namespace": "phone"},
    {"id": 5, "type": "undo", "of": "x"},
]


@pytest.fixture
def site() -> Site:
    """A site with one person: a card, a phone."""
    site = Site()
    site.world.publish({"card": "main:A", "phone": NUMBER})
    return site


async def test_an_operator_splits_merges_and_takes_back(site: Site) -> None:
    """What is answered is the worker's answer; a dry run changes nothing; every identifier is a token in it."""
    async with site.served(tokens=TOKENS) as client:
        dry = await client.command({**SPLIT, "dry_run": True})
        assert (dry.status, json.loads(dry.body)["status"], len(site.world.profiles())) == (200, "done", 1)
        done = await client.command({**SPLIT, "id": "s/1", "by": "amy"})
        told = json.loads(done.body)
        assert (told["status"], told["id"], told["type"]) == ("done", "s/1", "split")
        assert NUMBER.encode() not in done.body
        assert len(site.world.profiles()) == 2
        assert (await client.command({**SPLIT, "id": "s/1", "by": "amy"})).body == done.body
        again = await client.get("/v1/commands/s%2F1", authorization="Bearer read-me")
        assert json.loads(again.body) == told
        undone = json.loads((await client.command({"type": "undo", "of": "s/1"})).body)
        assert undone["status"] == "done"
        assert len(undone["id"]) == 32, "it was given an id"
        assert "merged_into" in str(site.world.profiles())


async def test_only_an_operator_sends(site: Site) -> None:
    """A reader is refused, nobody is asked for a token; on a loopback address without tokens nobody is an operator."""
    async with site.served(tokens=TOKENS) as client:
        assert (await client.command(SPLIT, bearer="")).problem["status"] == 401
        assert (await client.command(SPLIT, bearer="read-me")).problem["status"] == 403
    async with site.served() as client:
        refused = await client.command(SPLIT, bearer="")
        assert refused.problem["status"] == 403
        assert "IDWEAVE_API_TOKENS" in refused.problem["detail"]
        assert (await client.command(SPLIT)).problem["status"] == 401, "a wrong token is not as good as none"
    assert len(site.world.profiles()) == 1


async def test_a_run_may_have_an_operator_of_its_own(site: Site) -> None:
    """Its token sends commands; reading on the loopback address goes on without any."""
    site.own_operator = Secret("of-this-run")
    async with site.served() as client:
        assert (await client.get("/v1/commands/x")).status == 404
        assert (await client.command(SPLIT, bearer="")).problem["status"] == 403
        assert (await client.command(SPLIT, bearer="of-this-run")).status == 200
    async with site.served(Address("0.0.0.0", 6066), TOKENS) as client:  # noqa: S104 - only the guard is told so
        assert (await client.get("/v1/commands/x", host="idweave.example")).problem["status"] == 401


async def test_what_is_no_command_is_never_sent(site: Site) -> None:
    """400 with what is wrong, and without any value."""
    sent: list[Command] = []

    async def asking(command: Command, _headers: Headers) -> Result | None:
        sent.append(command)
        return None

    site.asking = asking
    async with site.served(tokens=TOKENS) as client:
        for content in NO_COMMANDS:
            answer = await client.command(content)
            assert answer.problem["status"] == 400, content
            assert "12345" not in answer.problem["detail"]
        assert (await client.command(SPLIT, content_type="text/plain")).problem["status"] == 415
        assert (await client.command(b" " * 700_000)).problem["status"] == 413
        unknown = await client.ask("PUT", "/v1/commands", authorization="Bearer read-me")
        assert sorted(unknown.headers["allow"].split(", ")) == ["GET", "HEAD", "POST"]
    assert sent == []


async def test_a_command_that_nobody_answers_is_accepted(site: Site) -> None:
    """202 and where to ask; the trace goes along; a dry run is recorded nowhere, so there is nowhere to ask."""
    sent: list[tuple[Command, Headers]] = []

    async def asking(command: Command, headers: Headers) -> Result | None:
        sent.append((command, headers))
        return None

    site.asking = asking
    asked = {"id": "m 1", "type": "merge", "identifiers": ["card:A", f"phone:{NUMBER}"]}
    async with site.served(tokens=TOKENS) as client:
        answer = await client.command(asked, traceparent=TRACE)
        assert (answer.status, json.loads(answer.body)) == (202, {"id": "m 1", "status": "accepted"})
        assert answer.headers["location"] == "/v1/commands/m%201"
        assert "location" not in (await client.command({**asked, "dry_run": True})).headers
    merge = Merge(id="m 1", identifiers=("card:A", f"phone:{NUMBER}"))
    assert sent[0] == (merge, (("traceparent", TRACE.encode()),))


async def test_kafka_that_is_away_is_503(site: Site) -> None:
    """The caller is told to come again."""

    async def asking(_command: Command, _headers: Headers) -> Result | None:
        raise UnavailableError("Kafka does not answer")

    site.asking = asking
    async with site.served(tokens=TOKENS) as client:
        answer = await client.command(SPLIT)
        assert (answer.problem["status"], answer.headers["retry-after"]) == (503, "1")


async def test_what_happened_last_page_by_page(site: Site) -> None:
    """In pages that have no gap and no repetition; identifiers as profiles show them."""
    for number in range(5):
        site.world.publish({"login": f"main:user{number}"})
        await site.world.ask(Merge(id=f"m{number}", identifiers=("card:A", f"login:main:user{number}")), ())
    async with site.served() as client:
        ids: list[str] = []
        after = ""
        while True:
            answer = await client.get(f"/v1/commands?limit=2{after}")
            page = json.loads(answer.body)
            ids += [entry["id"] for entry in page["entries"]]
            assert len(page["entries"]) <= 2
            if page["next"] is None:
                break
            after = f"&before={page['next']}"
        assert sorted(ids) == ["m0", "m1", "m2", "m3", "m4"]
        merges = json.loads((await client.get("/v1/merges")).body)["entries"]
        assert {entry["type"] for entry in merges} == {"merged"}
        shown = {one["display"] for entry in merges for one in entry["identifiers"]}
        assert shown <= {"main:A", "main:user0", "main:user1", "main:user2", "main:user3", "main:user4", "138****8001"}
        assert json.loads((await client.get("/v1/conflicts")).body) == {"entries": [], "next": None}
        for wrong in ("limit=0", "limit=201", "limit=x", "before=nonsense", "limit=1&limit=2", "page=2", "before=0-x"):
            assert (await client.get(f"/v1/merges?{wrong}")).problem["status"] == 400, wrong


async def test_a_timeline_page_by_page(site: Site) -> None:
    """The pages together are the whole, newest last."""
    for number in range(5):
        await site.world.ask(Merge(id=f"m{number}", identifiers=("card:A", f"login:main:user{number}")), ())
    [profile_id] = [one for one, profile in site.world.profiles().items() if "merged_into" not in profile]
    path = f"/v1/profiles/{profile_id}/timeline"
    async with site.served() as client:
        whole = json.loads((await client.get(path)).body)
        assert (whole["more"], whole["next"]) == (0, None)
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = json.loads((await client.get(f"{path}?limit=2{after}")).body)
            found = page["entries"] + found
            if page["next"] is None:
                break
            assert len(page["entries"]) == 2
            after = f"&before={page['next']}"
        assert found == whole["entries"]
        assert len(found) > 4
        for wrong in ("limit=1001", "before=eA", "before=%C3%A9", "before=MjAyNi0wMS0wMSB4"):
            assert (await client.get(f"{path}?{wrong}")).problem["status"] == 400, wrong


async def test_how_it_goes_and_what_it_is_called(site: Site) -> None:
    """Beats with a rate that is never negative; the words of the configuration, which the caller may keep."""
    for at, published, behind in ((0, 10, 10), (2_000_000, 30, 10), (4_000_000, 30, 20)):
        site.pulse.note(at, published, behind)
    site.reasons = ["no_partitions"]
    async with site.served() as client:
        live = json.loads((await client.get("/v1/live")).body)
        assert [beat["per_second"] for beat in live["beats"]] == [None, 10.0, 0.0]
        assert live["not_ready"] == ["no_partitions"]
        words = await client.get("/v1/vocabulary")
        told = json.loads(words.body)
        assert [one["name"] for one in told["namespaces"]][:3] == ["card", "unionid", "phone"]
        assert told["namespaces"][2] | {"hashed": True, "person": True, "limit": 3} == told["namespaces"][2]
        assert told["tags"][0]["labels"].keys() == {"en", "zh"}
        assert "unique" in told["refusals"]
        again = await client.get("/v1/vocabulary", if_none_match=words.headers["etag"])
        assert (again.status, again.body) == (304, b"")


async def test_pictures_of_evidence(site: Site) -> None:
    """An SVG where one is asked for, of a profile and of two identifiers; nothing in it is a number."""
    site.world.publish({"card": "main:B", "phone": NUMBER})
    profile_id = next(iter(site.world.profiles()))
    async with site.served() as client:
        graph = await client.get(f"/v1/profiles/{profile_id}/graph", accept="image/svg+xml")
        why = await client.ask(
            "POST",
            "/v1/explain",
            json.dumps({"a": "card:A", "b": f"phone:{NUMBER}"}).encode(),
            content_type="application/json",
            accept="image/svg+xml, application/json",
        )
        plain = await client.get(f"/v1/profiles/{profile_id}/graph", accept="application/json, image/svg+xml")
    for answer in (graph, why):
        assert answer.headers["content-type"] == "image/svg+xml"
        assert answer.body.startswith(b"<svg ")
        assert b"138****8001" in answer.body
        assert NUMBER.encode() not in answer.body
    assert json.loads(plain.body)["profile_id"] == profile_id


async def test_why_without_an_address(site: Site) -> None:
    """As by GET; nothing but two texts is taken."""
    async with site.served() as client:
        by_get = await client.get(f"/v1/explain?a=card:A&b=phone:{NUMBER}")
        for content, status in (
            ({"a": "card:A", "b": f"phone:{NUMBER}"}, 200),
            ({"a": "card:A"}, 400),
            ({"a": "card:A", "b": 5}, 400),
            ({"a": "card:A", "b": "phone:12345"}, 400),
            ({"a": "card:A", "b": "card:nobody"}, 404),
        ):
            answer = await client.ask(
                "POST", "/v1/explain", json.dumps(content).encode(), content_type="application/json"
            )
            assert answer.status == status, content
            assert status != 200 or answer.body == by_get.body
