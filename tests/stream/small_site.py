"""A worker in memory behind a real socket, for the tests of the web."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from resolvers.judging import Rulebook as MemberRules
from resolvers.rules import Rules
from stream.config.addresses import Address
from stream.config.configuration import DEFAULT_RETENTION_DAYS
from stream.config.rules_file import PACKAGED_FILE, read_rules
from stream.config.settings import ApiToken, Secret
from stream.metrics import Metrics
from stream.pulse import Pulse
from stream.reading.decisions import Decisions
from stream.reading.explaining import Explaining
from stream.reading.lookup import Lookup
from stream.reading.recalling import Recalling
from stream.reading.recent import Recently
from stream.reading.walking import LookupStore
from stream.web.commands import Asking
from stream.web.guard import Guard
from stream.web.routes import WebParts, create_web
from stream.web.server import WebServer
from stream.web.vocabulary import vocabulary_of
from tests.stream.small_worker import SmallWorker

OPERATOR = "öperate"
LOOPBACK = Address("127.0.0.1", 0)
TOKENS = (ApiToken("reader", Secret("read-me")), ApiToken("operator", Secret(OPERATOR)))


@cache
def member_rules() -> Rules:
    """The packaged rules."""
    found, mistakes = read_rules(PACKAGED_FILE)
    assert not mistakes
    return found.rules


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """The body of an error, which is checked to be problem details."""
        assert self.headers["content-type"] == "application/problem+json"
        content: dict[str, Any] = json.loads(self.body)
        assert content.keys() == {"type", "title", "status", "detail"}
        assert content["status"] == self.status
        return content


class Client:
    """Speaks to one server, a connection for each request."""

    def __init__(self, address: Address) -> None:
        self.address = address

    async def ask(self, method: str, path: str, body: bytes = b"", *, host: str = "localhost", **named: str) -> Answer:
        """One request; `named` are headers, `_` for `-`."""
        headers = {"host": host, "connection": "close", "content-length": str(len(body))}
        headers |= {name.replace("_", "-"): value for name, value in named.items()}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items() if value)]
        return await self.raw("\r\n".join([*lines, "", ""]).encode() + body)

    async def get(self, path: str, *, host: str = "localhost", **named: str) -> Answer:
        """A GET."""
        return await self.ask("GET", path, b"", host=host, **named)

    async def look_up(self, content: object, content_type: str = "application/json") -> Answer:
        """A lookup of whatever is to be sent."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        return await self.ask("POST", "/v1/lookup", body, content_type=content_type)

    async def command(self, content: object, *, bearer: str = OPERATOR, **named: str) -> Answer:
        """A command, as an operator sends it."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {"content_type": "application/json", "authorization": f"Bearer {bearer}" if bearer else "", **named}
        return await self.ask("POST", "/v1/commands", body, **headers)

    async def raw(self, request: bytes) -> Answer:
        """Whatever bytes."""
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(request)
        text = await reader.read()
        writer.close()
        head, _, body = text.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
        return Answer(int(first.split()[1]), headers, body)


class Site:
    """A worker in memory and its web server; all of its attributes are a test's to change."""

    def __init__(self) -> None:
        self.world = SmallWorker(MemberRules(member_rules(), ZoneInfo("Asia/Shanghai")))
        self.metrics = Metrics()
        self.pulse = Pulse()
        self.reasons: list[str] = []
        self.asking: Asking | None = None
        self.own_operator: Secret | None = None

    @asynccontextmanager
    async def served(self, bound: Address = LOOPBACK, tokens: tuple[ApiToken, ...] = ()) -> AsyncIterator[Client]:
        """Serve for as long as the block runs; `bound` is what the guard takes itself to be bound to."""

        async def store() -> LookupStore:
            return self.world

        def current(key: str) -> str:
            return self.world.standing.lives.current(key)

        web = create_web(
            WebParts(
                lookup=Lookup(store, self.world, current),
                explaining=Explaining(store, self.world.admission.rules, current),
                recalling=Recalling(store, self.world.history, DEFAULT_RETENTION_DAYS, current),
                recently=Recently(store, self.world.newest),
                decisions=Decisions(store),
                asking=self.asking or self.world.ask,
                admission=self.world.admission,
                vocabulary=vocabulary_of(self.world.admission.rules, member_rules()),
                pulse=self.pulse,
                reasons=lambda: self.reasons,
                registries=[self.metrics.registry],
            )
        )
        server = WebServer(Guard(web, bound, tokens, self.own_operator), LOOPBACK, [])
        address = server.bind()
        running = asyncio.create_task(server.run())
        try:
            yield Client(address)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
