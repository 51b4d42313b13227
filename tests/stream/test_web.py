"""The HTTP interface over a real socket: every route, who may ask, and what is never said."""

import asyncio
import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from starlette.types import Receive, Scope, Send
from structlog.testing import capture_logs

from sinks.profile_reader import ProfileReadError
from stream.config.addresses import Address
from stream.web import guard as door
from stream.web import protocol
from stream.web import responses as web
from stream.web.guard import SECURITY_HEADERS, Guard
from stream.web.server import AddressError, WebServer
from tests.stream.small_site import LOOPBACK, TOKENS, Site

ROOT = Path(__file__).parents[2]
NUMBER = "13800138001"
FULL_WIDTH = "".join(chr(ord(digit) - ord("0") + 0xFF10) for digit in NUMBER)
SPELLINGS = [
    f"phone/{NUMBER}",
    "phone/138%200013%208001",
    "phone/+86-138-0013-8001",
    f"phone/{quote(FULL_WIDTH)}",
    "card/88/00",
    "card/main:88%2F00",
]
NO_IDENTIFIERS = ["phone/12345", "shoe/42", "phone/", "phone/~12345", "card/:", f"phone/{'1' * 2000}"]
NO_LOOKUPS = [
    b"",
    b"phone:13800138001",
    b"[]",
    b'{"identifier": 13800138001}',
    b'{"identifier": "phone:13800138001", "more": 1}',
    b'{"identifier": "phone:\\ud800"}',
    b'{"identifier": "\xff"}',
    b"[" * 16_000,
    b'{"identifier": "13800138001"}',
]
OUR_NAMES = ["localhost", "LOCALHOST:6066", "127.0.0.1", "127.0.0.1:1", "[::1]:6066", "127.8.9.1"]
OTHER_NAMES = [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example:6066",
    "192.168.1.7",
    "[::2]",
    "::1",
    ",",
]


@pytest.fixture
def site() -> Site:
    """A site with one person: a card, a phone."""
    site = Site()
    site.world.publish({"card": "main:88/00", "phone": NUMBER})
    return site


async def test_a_profile_by_id_is_the_record_itself(site: Site) -> None:
    """The bytes of the record on the topic, as JSON, with its version as ETag."""
    [(profile_id, profile)] = site.world.profiles().items()
    async with site.served() as client:
        answer = await client.get(f"/v1/profiles/{profile_id}")
        assert answer.status == 200
        assert answer.body == site.world.values(profile_id)[-1]
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["etag"] == f'"{profile["version"]}"'
        head = await client.ask("HEAD", f"/v1/profiles/{profile_id}")
        assert (head.status, head.body) == (200, b"")


async def test_a_profile_by_identifier_as_events_write_it(site: Site) -> None:
    """Values go through the same normaliser as in events: blanks, country codes, full-width digits, scopes, slashes."""
    async with site.served() as client:
        for path in SPELLINGS:
            answer = await client.get(f"/v1/identifiers/{path}")
            assert answer.status == 200, path
            assert json.loads(answer.body)["profile_id"] in site.world.profiles()


async def test_a_profile_by_token_and_by_lookup(site: Site) -> None:
    """`~token` where only that is known; a body where the value must not be in an address."""
    [profile] = site.world.profiles().values()
    tokens = {one["namespace"]: one["token"] for one in profile["identifiers"]}
    async with site.served() as client:
        by_token = await client.get(f"/v1/identifiers/phone/~{tokens['phone']}")
        by_body = await client.look_up({"identifier": f"phone:{NUMBER}"})
        by_both = await client.look_up({"identifier": f"phone:~{tokens['phone']}"})
    assert by_token.status == 200
    assert by_token.body == by_body.body == by_both.body


async def test_an_id_that_merged_away_answers_with_the_survivor(site: Site) -> None:
    """200 and the survivor's profile (contract, section 7)."""
    site.world.publish({"login": "main:zhang"})
    ids = set(site.world.profiles())
    site.world.publish({"login": "main:zhang", "phone": NUMBER})
    async with site.served() as client:
        answers = [await client.get(f"/v1/profiles/{profile_id}") for profile_id in ids]
    assert len(ids) == 2
    assert [one.status for one in answers] == [200, 200]
    assert answers[0].body == answers[1].body


async def test_a_version_that_the_caller_has_is_not_sent_again(site: Site) -> None:
    """`If-None-Match` gives 304 and no body; a newer version is sent."""
    path = f"/v1/identifiers/phone/{NUMBER}"
    async with site.served() as client:
        etag = (await client.get(path)).headers["etag"]
        for held in (etag, f"W/{etag}", f'"1", {etag}', "*"):
            again = await client.get(path, if_none_match=held)
            assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
        assert (await client.get(path, if_none_match='"1"')).status == 200
        site.world.publish({"phone": NUMBER, "card": "main:88/00", "login": "main:zhang"})
        newer = await client.get(path, if_none_match=etag)
        assert newer.status == 200
        assert newer.headers["etag"] != etag


async def test_unknown_is_404_by_every_way_and_says_nothing_else(site: Site) -> None:
    """One answer for all of them, so that it can't tell an erased person from one who never was."""
    async with site.served() as client:
        answers = [
            await client.get("/v1/profiles/aaaaaaaaaaaaaaaaaaaaaaaaaa"),
            await client.get("/v1/profiles/%00"),
            await client.get("/v1/identifiers/phone/13900139000"),
            await client.get("/v1/identifiers/phone/~ABCDABCDEFGHIJKLMNOPQRSTUVWXYZ"),
            await client.look_up({"identifier": "login:main:nobody"}),
        ]
    assert {(one.status, one.body) for one in answers} == {(404, answers[0].body)}
    assert answers[0].problem["title"] == "Not Found"


async def test_what_is_no_identifier_is_400_without_its_value(site: Site) -> None:
    """The caller learns what is wrong, and the answer does not repeat the value."""
    async with site.served() as client:
        for path in NO_IDENTIFIERS:
            answer = await client.get(f"/v1/identifiers/{path}")
            assert answer.problem["status"] == 400, path
            assert "12345" not in answer.problem["detail"]


async def test_a_lookup_that_cannot_be_read_is_400(site: Site) -> None:
    """Whatever is sent as JSON and is none of ours is refused without being repeated."""
    async with site.served() as client:
        for body in NO_LOOKUPS:
            answer = await client.look_up(body)
            assert answer.problem["status"] == 400, body
            assert NUMBER not in answer.problem["detail"]


async def test_bodies_are_bounded_in_type_size_and_time(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A form that any page may send, a body that is too large, one that never ends: refused."""
    monkeypatch.setattr(web, "BODY_SECONDS", 0.1)
    asked = {"identifier": f"phone:{NUMBER}"}
    async with site.served() as client:
        assert (await client.look_up(asked, "text/plain")).problem["status"] == 415
        assert (await client.look_up(asked, "application/json; charset=utf-8")).status == 200
        assert (await client.look_up(b" " * 17_000)).problem["status"] == 413
        head = b"POST /v1/lookup HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 9\r\n"
        assert (await client.raw(head + b"\r\n{")).problem["status"] == 408


async def test_paths_and_methods_that_are_not_there(site: Site) -> None:
    """Problem details here too; nothing is redirected, because a redirect repeats the address."""
    async with site.served() as client:
        for path in ("/v1", "/v1/profiles", "/v1/profiles/a/b", "/v1/lookup/", "/docs", "//", "/v1/profiles/x/"):
            assert (await client.get(path)).problem["status"] == 404
        for method, path in (("GET", "/v1/lookup"), ("POST", "/v1/profiles/x"), ("DELETE", "/healthz")):
            refused = await client.ask(method, path)
            assert refused.problem["status"] == 405
            assert refused.headers["allow"]


async def test_probes_metrics_and_the_page(site: Site) -> None:
    """Alive is always 200; ready says why not, as codes; metrics are Prometheus' text; the page says what is here."""
    site.metrics.lag_records.labels("3").set(42)
    async with site.served() as client:
        site.reasons = ["no_partitions"]
        assert (await client.get("/healthz")).status == 200
        not_ready = await client.get("/readyz")
        assert not_ready.status == 503
        assert json.loads(not_ready.body) == {"status": "not_ready", "reasons": ["no_partitions"]}
        site.reasons = []
        assert (await client.get("/readyz")).status == 200
        metrics = await client.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain")
        assert b'idweave_lag_records{partition="3"} 42.0' in metrics.body
        page = await client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        for path in ("/readyz", "/metrics", "/v1/lookup"):
            assert path.encode() in page.body


async def test_every_answer_has_the_security_headers(site: Site) -> None:
    """Also errors; profiles may be kept by the caller alone, anything else by nobody."""
    async with site.served() as client:
        for path in ("/", "/healthz", "/nothing", f"/v1/identifiers/phone/{NUMBER}", "/v1/identifiers/phone/1"):
            headers = (await client.get(path)).headers
            assert headers.keys() >= {name.lower() for name in SECURITY_HEADERS}
            assert headers["x-content-type-options"] == "nosniff"
            assert "server" not in headers
            assert headers["cache-control"] == (
                "private, no-cache" if path == "/" or path.endswith(NUMBER) else "no-store"
            )


async def test_loopback_answers_to_its_own_names(site: Site) -> None:
    """However this machine is called, with or without port."""
    async with site.served() as client:
        for host in OUR_NAMES:
            assert (await client.get("/healthz", host=host)).status == 200, host


async def test_loopback_does_not_answer_to_other_names(site: Site) -> None:
    """A page whose name is rebound to 127.0.0.1 comes with its own name, and gets nothing."""
    async with site.served() as client:
        for host in OTHER_NAMES:
            for path in ("/", "/metrics", f"/v1/identifiers/phone/{NUMBER}"):
                assert (await client.get(path, host=host)).problem["status"] == 421, host


async def test_an_empty_or_missing_host_is_refused(site: Site) -> None:
    """HTTP/1.0 needs no Host; we do."""
    async with site.served() as client:
        assert (await client.raw(b"GET /healthz HTTP/1.0\r\n\r\n")).status == 421
        assert (await client.raw(b"GET /healthz HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n")).status == 421


async def test_elsewhere_any_name_will_do_and_a_token_is_needed(site: Site) -> None:
    """On other addresses names are the network's business; nobody gets in without a token."""
    async with site.served(Address("0.0.0.0", 6066), TOKENS) as client:  # noqa: S104 - only the guard is told so
        path = f"/v1/identifiers/phone/{NUMBER}"
        assert (await client.get(path, host="idweave.example")).status == 401
        assert (await client.get(path, host="idweave.example", authorization="Bearer read-me")).status == 200


async def test_tokens_are_asked_for_where_they_are_set(site: Site) -> None:
    """Readers and operators may read; probes and the page need no token; all else is 401, also what is not there."""
    async with site.served(tokens=TOKENS) as client:
        for path in ("/metrics", "/v1/profiles/x", "/v1/lookup", "/nothing", "/healthz/", "//healthz"):
            refused = await client.get(path)
            assert refused.problem["status"] == 401
            assert refused.headers["www-authenticate"].startswith("Bearer")
        for path in ("/", "/healthz", "/readyz"):
            assert (await client.get(path)).status == 200
        for given in ("Bearer read-me", "bearer read-me", "Bearer öperate"):
            assert (await client.get("/metrics", authorization=given)).status == 200
        for given in (
            "",
            "Bearer",
            "Bearer ",
            "Bearer read-m",
            "Bearer read-mee",
            "Basic read-me",
            "read-me",
            "Bearer ÿ",
        ):
            assert (await client.get("/metrics", authorization=given)).status == 401


async def test_why_two_identifiers_are_one_person_or_not(site: Site) -> None:
    """By value or token; nobody keeps the answer; what is unknown is 404, what can't be read as a question 400."""
    site.world.publish({"card": "99", "phone": NUMBER})
    async with site.served() as client:
        answer = await client.get(f"/v1/explain?a=card:99&b=phone:{NUMBER}")
        told = json.loads(answer.body)
        assert (answer.status, told["verdict"], len(told["path"])) == (200, "one_person", 1)
        assert answer.headers["cache-control"] == "no-store"
        assert NUMBER.encode() not in answer.body
        by_token = await client.get(f"/v1/explain?b=phone:~{told['b']['token']}&a=card:99")
        assert by_token.body == answer.body
        assert (await client.get("/v1/explain?a=card:99&b=card:1")).problem["status"] == 404
        for query in (
            "",
            "?a=card:99",
            "?a=card:99&b=shoe:1",
            "?a=card:99&b=card:1&b=card:2",
            "?a=card:99&b=phone:12345",
        ):
            refused = await client.get(f"/v1/explain{query}")
            assert refused.problem["status"] == 400, query
            assert "12345" not in refused.problem["detail"]


async def test_the_evidence_of_a_profile(site: Site) -> None:
    """Nodes and edges by profile id; unknown is 404."""
    [profile_id] = site.world.profiles()
    async with site.served() as client:
        answer = await client.get(f"/v1/profiles/{profile_id}/graph")
        graph = json.loads(answer.body)
        assert (answer.status, graph["profile_id"]) == (200, profile_id)
        assert len(graph["nodes"]) == len(graph["edges"]) + 1 == len(site.world.profiles()[profile_id]["identifiers"])
        assert NUMBER.encode() not in answer.body
        assert (await client.get("/v1/profiles/nobody/graph")).problem["status"] == 404
        answer = await client.get(f"/v1/profiles/{profile_id}/timeline")
        told = json.loads(answer.body)
        assert (answer.status, told["profile_id"], told["whole"]) == (200, profile_id, True)
        assert NUMBER not in answer.body.decode()
        assert (await client.get("/v1/profiles/nobody/timeline")).problem["status"] == 404


async def test_servers_that_are_away_are_503_with_a_time(site: Site) -> None:
    """The caller is told to come again, and not what is behind."""

    def fail() -> None:
        raise ProfileReadError("kafka-7.internal:9092")

    site.world.between = fail
    async with site.served() as client:
        answer = await client.get(f"/v1/identifiers/phone/{NUMBER}")
    assert answer.problem["status"] == 503
    assert answer.headers["retry-after"] == "1"
    assert b"kafka" not in answer.body


async def test_a_bug_is_500_and_neither_answer_nor_log_quotes_it(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """An exception's message may hold anything, so only its kind and place are logged."""

    def fail() -> None:
        raise KeyError(NUMBER)

    site.world.between = fail
    with capture_logs() as logged:
        async with site.served() as client:
            answer = await client.get(f"/v1/identifiers/phone/{NUMBER}")
            assert (await client.get("/healthz")).status == 200
    assert answer.problem["status"] == 500
    [bug] = [one for one in logged if one["log_level"] == "error"]
    assert bug["error"] == "KeyError"
    assert any("test_web.py" in frame for frame in bug["frames"])
    assert NUMBER not in f"{answer} {logged} {caplog.text}"


async def test_nothing_of_a_request_is_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Not even at the lowest level: no access log, no value in a warning."""
    caplog.set_level(logging.DEBUG)
    with capture_logs() as logged:
        async with site.served() as client:
            await client.get(f"/v1/identifiers/phone/{NUMBER}")
            await client.look_up({"identifier": f"phone:{NUMBER}"})
            await client.get(f"/nothing/{NUMBER}")
            await client.raw(f"nonsense {NUMBER}\r\n\r\n".encode())
    assert NUMBER not in f"{logged} {caplog.text}"


async def test_it_stops_at_once_also_with_open_connections(site: Site) -> None:
    """A caller who keeps a connection, or is in the middle of a request, does not hold the worker up."""
    async with site.served() as client:
        _, idle = await asyncio.open_connection(*client.address)
        idle.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        _, half = await asyncio.open_connection(*client.address)
        half.write(
            b"POST /v1/lookup HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\ncontent-type: application/json\r\n"
        )
        half.write(b"\r\n{")
        await client.get("/healthz")
        began = time.monotonic()
    assert time.monotonic() - began < 3
    with pytest.raises(ConnectionError):
        await asyncio.open_connection(*client.address)
    idle.close()
    half.close()


async def test_idle_connections_keep_no_probe_from_its_answer(site: Site) -> None:
    """However many are open that ask for nothing: a worker is not to be restarted for that."""
    async with site.served() as client:
        idle = [await asyncio.open_connection(*client.address) for _ in range(protocol.CONNECTIONS_MAX + 44)]
        assert [(await client.get(path)).status for path in ("/healthz", "/readyz")] == [200, 200]
        gone = await asyncio.gather(*(has_ended(reader) for reader, _ in idle))
        assert gone == sorted(gone, reverse=True), "who has been idle longest goes first"
        assert 44 <= sum(gone) <= 46
        for _, writer in idle:
            writer.close()


async def has_ended(reader: asyncio.StreamReader) -> bool:
    """Whether the other side has hung up, at the latest in a moment."""
    try:
        async with asyncio.timeout(0.3):
            return await reader.read() == b""
    except TimeoutError:
        return False


async def test_who_sends_no_whole_request_is_hung_up_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """In its time, whatever drips in: from the start, and after an answer. Who asks in time is answered."""
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", 0.4)
    request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n"
    async with site.served() as client:
        for first in (b"", request + b"\r\n"):
            reader, writer = await asyncio.open_connection(*client.address)
            writer.write(first)
            if first:
                await reader.readuntil(b'alive"}')
            dripping = asyncio.create_task(drip(writer, request))
            async with asyncio.timeout(3):
                assert await reader.read() == b""
            dripping.cancel()
            writer.close()
        reader, writer = await asyncio.open_connection(*client.address)
        for _ in range(4):
            await asyncio.sleep(0.2)
            writer.write(request + b"\r\n")
            assert (await reader.readuntil(b'alive"}')).startswith(b"HTTP/1.1 200")
        writer.close()


async def drip(writer: asyncio.StreamWriter, head: bytes) -> None:
    """A request that never ends."""
    writer.write(head)
    while True:
        await asyncio.sleep(0.05)
        writer.write(b"x: y\r\n")


async def test_requests_under_way_are_bounded_and_probes_are_not(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who comes when as many as may be are being answered is told to come again; a probe is answered."""
    monkeypatch.setattr(door, "REQUESTS_MAX", 2)
    monkeypatch.setattr(protocol, "CONNECTIONS_MAX", 2)
    slow = (
        b"POST /v1/lookup HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\ncontent-type: application/json\r\n\r\n{"
    )
    async with site.served() as client:
        writers = [(await asyncio.open_connection(*client.address))[1] for _ in range(2)]
        for writer in writers:
            writer.write(slow)
        await client.get("/healthz")
        refused = await client.get("/v1/live")
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert (await client.get("/readyz")).status == 200
        for writer in writers:
            writer.close()
        await asyncio.sleep(0.1)
        assert (await client.get("/v1/live")).status == 200


async def test_signals_stay_the_workers(site: Site) -> None:
    """Serving installs no handlers: the worker's own say what SIGTERM means."""
    before: list[Callable[..., Any] | int | None] = [signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)]
    async with site.served() as client:
        await client.get("/healthz")
        assert [signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)] == before


async def test_a_taken_port_is_a_sentence(site: Site) -> None:
    """Whoever asks first learns it as an `AddressError`; a worker that runs into it ends with exit code 1."""
    async with site.served() as client:
        with pytest.raises(AddressError, match="IDWEAVE_HTTP") as raised:
            WebServer(Guard(nothing, LOOPBACK, ()), client.address, []).bind()
        assert f"127.0.0.1:{client.address.port}" in str(raised.value)
        program = (
            "import asyncio; from stream.config.addresses import Address; from stream.web.server import WebServer;"
            f"asyncio.run(WebServer(None, Address('127.0.0.1', {client.address.port}), []).run())"
        )
        command = [sys.executable, "-c", program]
        ended = await asyncio.to_thread(
            subprocess.run, command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr == f"{raised.value}\n"


def test_an_address_of_another_machine_is_a_sentence() -> None:
    """Neither an unknown name nor an address that is not ours is a traceback."""
    for host in ("192.0.2.1", "no-such-host.invalid"):
        server = WebServer(Guard(nothing, LOOPBACK, ()), Address(host, 6066), [])
        with pytest.raises(AddressError, match="Cannot serve HTTP"):
            server.bind()


async def nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """An app with nobody in it."""
