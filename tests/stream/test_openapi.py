"""The OpenAPI document: what is served, what is in docs, what the routes do; a stranger who reads it agrees."""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from stream.config.settings import ApiToken, Secret
from stream.web.openapi import OPERATIONS, document
from tests.stream.small_site import OPERATOR, TOKENS, Answer, Client, Site
from tests.topics.samples import example_lines
from topics.codec import decode, encode
from topics.commands import Merge

ROOT = Path(__file__).parents[2]
NUMBER = "13800138001"
DESCRIBED: dict[str, Any] = decode(encode(document()))
STRANGER = """
[generation]
max-examples = 8
[checks.positive_data_acceptance]
# Not every text is an identifier of this configuration, nearly none is somebody's, and a stranger asks a lot.
expected-statuses = ["2xx", "400", "404", "429"]
"""
STRANGER_SECONDS = 150


@pytest.fixture
def site() -> Site:
    """A site with some people, some merges, a conflict."""
    site = Site()
    site.world.publish({"card": "main:8800", "phone": NUMBER}, {"login": "main:zhang"})
    site.world.publish({"login": "main:zhang", "phone": NUMBER}, {"card": "main:8801", "phone": NUMBER})
    site.pulse.note(1_000_000, 5, 0)
    site.pulse.note(2_000_000, 9, 2)
    return site


async def test_the_document_is_served_to_anybody(site: Site) -> None:
    """It is what a client is made from; nobody is in it."""
    async with site.served(tokens=TOKENS) as client:
        answer = await client.get("/v1/openapi.json")
        assert (answer.status, json.loads(answer.body)) == (200, DESCRIBED)
        assert (await client.get("/v1/openapi.json", if_none_match=answer.headers["etag"])).status == 304


async def test_the_document_has_every_route_and_no_other(site: Site) -> None:
    """Each path is there with exactly the methods that the routes say of themselves."""
    web = (ROOT / "stream" / "web" / "routes.py").read_text()
    paths = {
        re.sub(r"\{\w*?(value|namespace|id)(:path)?\}", r"{\1}", one)
        for one in re.findall(r'"(/(?:v1/|healthz|readyz)[^"]*)"', web)
    }
    assert paths - {"/v1/openapi.json"} == set(DESCRIBED["paths"])
    async with site.served() as client:
        for path, described in DESCRIBED["paths"].items():
            refused = await client.ask("PATCH", path.replace("{", "").replace("}", ""))
            methods = {one for one in refused.headers["allow"].split(", ") if one != "HEAD"}
            assert methods == {method.upper() for method in described}, path


def matches(answer: Answer, path: str, method: str = "get") -> Any:  # noqa: ANN401 - whatever JSON says
    """The body of an answer, which must be as the document describes it."""
    told = DESCRIBED["paths"][path][method]["responses"][str(answer.status)]
    content = told["content"][answer.headers["content-type"]]
    body = json.loads(answer.body)
    Draft202012Validator({**content["schema"], "components": DESCRIBED["components"]}).validate(body)
    return body


async def test_answers_are_as_described(site: Site) -> None:
    """Of every operation, with somebody there to tell of."""
    [profile_id] = [
        name
        for name, profile in site.world.profiles().items()
        if "merged_into" not in profile and len(profile["identifiers"]) > 1
    ]
    await site.world.ask(Merge(id="m", identifiers=("card:8800", "card:8801")), ())
    async with site.served(tokens=TOKENS) as client:
        asked = {one.path for one in OPERATIONS if one.method == "get"}
        for path in sorted(asked):
            answer = await got(client, path, profile_id)
            assert answer.status == 200, path
            assert matches(answer, path)
        for path, content in (
            ("/v1/lookup", {"identifier": "card:8800"}),
            ("/v1/explain", {"a": "card:8800", "b": f"phone:{NUMBER}"}),
            ("/v1/commands", {"type": "undo", "of": "m"}),
        ):
            bearer = f"Bearer {OPERATOR}"
            body = encode(content)
            answer = await client.ask("POST", path, body, content_type="application/json", authorization=bearer)
            assert answer.status == 200, path
            assert matches(answer, path, "post")
        for path in sorted(asked - {"/healthz", "/readyz"}):
            refused = await client.get(path.format(id="x", namespace="card", value="8800"))
            assert matches(refused, path)["status"] == 401


async def got(client: Client, path: str, profile_id: str) -> Answer:
    """What is answered to a reader, about somebody who is there."""
    named = {"id": "m" if "commands" in path else profile_id, "namespace": "card", "value": "8800"}
    query = "?a=card:8800&b=login:zhang" if path == "/v1/explain" else ""
    return await client.get(path.format(**named) + query, authorization="Bearer read-me")


def test_every_example_of_a_command_is_one() -> None:
    """The document takes the commands that the topic takes, also without an id."""
    schema = {**DESCRIBED["components"]["schemas"]["Command"], "components": DESCRIBED["components"]}
    checked = Draft202012Validator(schema)
    for line in example_lines("commands"):
        command = decode(line)
        checked.validate(command)
        del command["id"]
        checked.validate(command)
        assert not checked.is_valid({**command, "type": "destroy"})
    for wrong in ({"type": "erase"}, {"type": "erase", "identifier": "a:b", "profile_id": "c"}, {"type": "merge"}):
        assert not checked.is_valid(wrong), wrong


@pytest.mark.timeout(STRANGER_SECONDS + 10)
async def test_a_stranger_finds_nothing_that_is_not_described(site: Site, tmp_path: Path) -> None:
    """Schemathesis asks whatever the document allows, and what it does not: all answers are of a kind that it names."""
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(STRANGER)
    async with site.served(tokens=(*TOKENS, ApiToken("operator", Secret("operate")))) as client:
        url = f"http://127.0.0.1:{client.address.port}/v1/openapi.json"
        program = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
        options = ["--config-file", str(settings), "run", url, "--checks", "all", "--seed", "1", "--no-color"]
        running = await asyncio.create_subprocess_exec(
            *program,
            *options,
            "--header",
            "Authorization: Bearer operate",
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(running.communicate(), STRANGER_SECONDS)
    assert running.returncode == 0, said.decode()
