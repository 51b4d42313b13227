"""Hostile requests: whatever is sent, an answer below 500 or a closed connection, and the next request is served."""

import asyncio
import random
from typing import Final

from structlog.testing import capture_logs

from stream.config.addresses import Address
from tests.fuzz.hostile import CANARY
from tests.stream.small_site import OPERATOR, TOKENS, Site

SEED: Final = 20_261_122
REQUESTS: Final = 400
AT_ONCE: Final = 20
WAIT_SECONDS: Final = 20.0
METHODS: Final = (
    "GET",
    "POST",
    "HEAD",
    "PUT",
    "DELETE",
    "OPTIONS",
    "TRACE",
    "PATCH",
    "get",
    "",
    CANARY,
    "G\0T",
    "CONNECT",
)
PATHS: Final = (
    "/",
    "/healthz",
    "/metrics",
    "/v1/lookup",
    "/v1/commands",
    "/v1/explain?a=phone:1&b=card:2",
    f"/v1/identifiers/phone/{CANARY}",
    f"/v1/profiles/{CANARY}",
    f"/v1/profiles/{CANARY}/graph",
    f"/v1/profiles/{CANARY}/timeline",
    "/v1/openapi.json",
    "/console/",
    f"//{CANARY}",
    "/../../etc/passwd",
    "/console/..%2f..%2fpyproject.toml",
    "/v1/identifiers/phone/%00%ff%",
    "/v1/identifiers/%F0%9F%98%80/%E4%B8%AD",
    "/v1/explain?a=a&a=b&b=c&" + "x=y&" * 500,
    "*",
    "http://elsewhere/",
    "/" + "a" * 70_000,
    "\r\nX: y",
)
HEADERS: Final = (
    f"authorization: Bearer {CANARY}",
    f"authorization: Bearer {OPERATOR}",
    "authorization: Basic eDp5",
    "authorization: Bearer \x80\xff",
    "content-type: application/json",
    f"content-type: {CANARY}",
    "content-length: -1",
    "content-length: 99999999999999999999",
    "content-length: 5\r\ncontent-length: 6",
    "transfer-encoding: chunked",
    "transfer-encoding: chunked\r\ncontent-length: 3",
    "expect: 100-continue",
    "upgrade: websocket\r\nconnection: upgrade",
    "x-forwarded-for: 127.0.0.1",
    f"x-{CANARY}: " + "y" * 70_000,
    "if-none-match: " + '"1",' * 5_000,
    "range: bytes=0-1,2-3",
    "accept: image/svg+xml",
    "host: localhost",
    "host: ",
    ": ",
    "no colon",
    "a\0b: c",
)
BODIES: Final = (
    b"",
    b"{}",
    b"[" * 16_000,
    b"\xff" * 200,
    b"x" * 20_000,
    b"5\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b'{"identifier": "phone:' + CANARY.encode() + b'"}',
    b'{"id":"1","type":"merge","by":"a","reason":"b","time":"2026-01-01T00:00:00Z","identifiers":["phone:1"]}',
    b'{"id":"1","type":"erase","identifier":"' + CANARY.encode() + b'"}',
)


def request(chance: random.Random) -> bytes:
    """A request, or something like one."""
    first = f"{chance.choice(METHODS)} {chance.choice(PATHS)} {chance.choice(['HTTP/1.1', 'HTTP/1.0', 'HTTP/9', ''])}"
    headers = chance.sample(HEADERS, chance.randrange(4))
    body = chance.choice(BODIES)
    usual = [
        "host: localhost",
        *(["connection: close", f"content-length: {len(body)}"] if chance.random() < 0.7 else []),
    ]
    text = bytearray("\r\n".join([first, *usual, *headers, "", ""]).encode("latin-1", "replace") + body)
    if chance.random() < 0.2:
        text[chance.randrange(len(text))] = chance.randrange(256)
    return bytes(text)


async def status_of(address: Address, text: bytes, number: int) -> tuple[int, bytes]:
    """The first answer's status, 0 where the connection was closed without one, and all that came back.

    Each comes from an address of its own: who sends so many wrong tokens would only be told to wait.
    """
    reader, writer = await asyncio.open_connection(
        *address, local_addr=(f"127.0.{1 + number // 250}.{1 + number % 250}", 0)
    )
    try:
        writer.write(text)
        writer.write_eof()
        async with asyncio.timeout(WAIT_SECONDS):
            said = await reader.read()
    except ConnectionError:
        return 0, b""
    finally:
        writer.close()
    return (int(said.split(b" ", 2)[1]) if said.startswith(b"HTTP/") else 0), said


async def test_mutated_requests_do_no_harm() -> None:
    """No 500, no bug in the log, nothing repeated, no connection left hanging; afterwards all is as before."""
    chance = random.Random(SEED)
    site = Site()
    with capture_logs() as logs:
        async with site.served(tokens=TOKENS) as client:
            for first in range(0, REQUESTS, AT_ONCE):
                texts = [request(chance) for _ in range(AT_ONCE)]
                asked = (status_of(client.address, text, first + at) for at, text in enumerate(texts))
                answers = await asyncio.gather(*asked)
                for text, (status, said) in zip(texts, answers, strict=True):
                    assert status < 500, text[:500]
                    assert CANARY.encode() not in said, text[:500]
            assert (await client.get("/metrics", authorization="Bearer read-me")).status == 200
    assert [one for one in logs if one["log_level"] in {"error", "critical"}] == []
