"""How often one address may ask: so much at once, more with time, each by itself; wrong tokens cost more."""

from http import HTTPStatus

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from stream.config.addresses import Address
from stream.config.settings import ApiToken, Secret
from stream.web.guard import Guard
from stream.web.rate import ADDRESSES_MAX, BURST, PER_SECOND, WRONG_TOKEN, Rate


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now_s


def taken(rate: Rate, address: str, number: int) -> int:
    """How many of so many requests are answered."""
    return sum(rate.take(address) == 0 for _ in range(number))


def test_a_burst_and_then_so_many_a_second() -> None:
    """A full bucket, what time brings, and never more than a full one; the wait that is told is long enough."""
    clock = Clock()
    rate = Rate(clock)
    assert taken(rate, "a", int(BURST) + 50) == BURST
    wait_s = rate.take("a")
    assert 0 < wait_s <= 1 / PER_SECOND
    clock.now_s += wait_s + 1e-9
    assert taken(rate, "a", 5) == 1
    clock.now_s += 0.5
    assert taken(rate, "a", int(BURST)) == PER_SECOND / 2
    clock.now_s += 1_000_000
    assert taken(rate, "a", int(BURST) * 2) == BURST


def test_addresses_do_not_stand_in_each_others_way_and_are_bounded() -> None:
    """One that is refused takes nothing from another; of more than so many the oldest is forgotten."""
    rate = Rate(Clock())
    assert taken(rate, "a", int(BURST) * 2) == BURST
    assert rate.take("b") == 0
    assert rate.take("a") > 0
    for number in range(ADDRESSES_MAX):
        rate.take(str(number))
    assert rate.take("a") == 0


async def answers(guard: Guard, number: int, token: str, path: str = "/metrics") -> list[int]:
    """The statuses of so many requests with a token."""
    statuses: list[int] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    for _ in range(number):
        headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
        scope = {"type": "http", "method": "GET", "path": path, "headers": headers, "client": ("10.0.0.1", 5)}
        await guard(scope, receive, send)
    return statuses


async def fine(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that always answers."""
    await Response()(scope, receive, send)


async def test_who_tries_out_tokens_is_stopped() -> None:
    """After some wrong ones even the right one waits; probes are answered all the same."""
    guard = Guard(fine, Address("127.0.0.1", 0), [ApiToken("reader", Secret("right"))])
    assert await answers(guard, 1, "right") == [HTTPStatus.OK]
    tried = await answers(guard, 40, "wrong")
    assert tried.count(HTTPStatus.UNAUTHORIZED) <= BURST / WRONG_TOKEN + 4  # where this takes a second
    assert tried[-1] == HTTPStatus.TOO_MANY_REQUESTS
    assert await answers(guard, 1, "right") == [HTTPStatus.TOO_MANY_REQUESTS]
    assert set(await answers(guard, 50, "right", "/healthz")) == {HTTPStatus.OK}
