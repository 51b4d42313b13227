"""A canary: one marked phone number, e-mail and openid go in by every door, and are looked for everywhere else.

They may be where they were received (the input topics) and where what was refused is returned as received (the dead
letters). That the places are really searched is shown by their tokens, which must be found there.
"""

import base64
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from resolvers.namespaces import ALWAYS_HASHED
from stream.config.settings import load_settings
from stream.rulebook import admission_of
from stream.servers.child_process import LOOPBACK, ChildProcess
from tests.conftest import Broker
from tests.live.engine import HASH_KEY, ID_KEY, ROOT, Engine, Published
from tests.live.redis_server import RedisServer

PHONE: Final = "13912345678"
OTHER_PHONE: Final = "13898765432"
EMAIL: Final = "canary.bird@example.com"
OPENID: Final = "oCANARY-bird-7f3a"
MARKS: Final = (PHONE, OTHER_PHONE, EMAIL, OPENID)
CANARY: Final = re.compile(
    "|".join(
        [
            *("[- ]?".join(number) for number in (PHONE, OTHER_PHONE)),  # as people write it, too
            re.escape(EMAIL).replace("@", "(?:@|%40)"),
            re.escape(OPENID),
            *(re.escape(base64.b64encode(mark.encode()).decode().rstrip("=")[:-1]) for mark in MARKS),
            *(mark.encode().hex() for mark in MARKS),
        ]
    ).encode(),
    re.IGNORECASE,
)
"""Any of them, also with blanks between the digits, percent-encoded, in base64 and in hexadecimal."""
WRITINGS: Final = (PHONE, f"+86 {PHONE}", "139 1234 5678", "0086-139-1234-5678")
WAIT_SECONDS: Final = 20.0


def event(number: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """An event, of which anything can be said otherwise."""
    usual = {"id": f"e{number}", "source": "/wifi/1", "type": "wifi.login", "time": "2026-08-01T10:00:00+08:00"}
    return {**usual, **more}


def touchpoints() -> Iterator[bytes]:
    """The canary in every writing and place that counts, that is dropped, and that is refused."""
    for number, writing in enumerate(WRITINGS):
        yield encoded(event(number, data={"identifiers": {"phone": writing, "mac": "AA-BB-CC-00-11-22"}}))
    together = {"phone": PHONE, "email": EMAIL, "openid": OPENID, "card": "C1"}
    yield encoded(event(10, type="member.register", data={"identifiers": together, "traits": {"name": "Bird"}}))
    yield encoded(event(11, data={"identifiers": {"openid": f"main:{OPENID}", "cookie": "k"}}))
    yield encoded(
        event(12, type="referral.registered", data={"identifiers": {"card": "C2"}, "inviter": {"phone": PHONE}})
    )
    merging = {"phone": OTHER_PHONE, "email": EMAIL.upper()}
    yield encoded(event(13, data={"identifiers": merging}))
    # Dropped: a phone number, or nearly one, where another thing belongs; blocked; evidence that is refused.
    yield encoded(event(20, data={"identifiers": {"mac": PHONE, "email": PHONE, "card": "C1"}}))
    yield encoded(event(21, data={"identifiers": {"phone": f"{PHONE}9999999999", "card": "C1"}}))
    yield encoded(event(22, data={"identifiers": {"phone": PHONE, "card": "C3"}}))  # two cards, unique
    # The same event with another body; and a session that ends.
    yield encoded(event(0, data={"identifiers": {"phone": PHONE, "email": EMAIL}}))
    yield encoded(event(23, type="session.logout", data={"identifiers": {"mac": "AA-BB-CC-00-11-22", "phone": PHONE}}))
    # Refused, for each reason.
    yield f'{{"id":"{PHONE}"'.encode()
    yield encoded(event(30, data={"identifiers": {PHONE: PHONE}}))
    yield encoded(event(31, data={"identifiers": {"phone": [PHONE] * 30}}))
    yield encoded(event(32, data={"identifiers": {"card": [PHONE, EMAIL]}}))
    yield encoded(event(33, time=PHONE, data={"identifiers": {"phone": PHONE}}))
    yield encoded(event(34, time="2099-01-01T00:00:00Z", data={"identifiers": {"phone": PHONE}}))
    yield encoded(event(35, data={"identifiers": {"mac": PHONE}}))
    yield encoded(event(36, source=f"/refused/{PHONE}", data={"identifiers": {"phone": PHONE}}))
    yield encoded(event(37, type="order.paid", data={"identifiers": {"phone": PHONE}, "order": {"amount": EMAIL}}))
    yield PHONE.encode() * 10_000


def encoded(content: object) -> bytes:
    """JSON."""
    return json.dumps(content, ensure_ascii=False).encode()


def commands() -> Iterator[bytes]:
    """Operators name people by what they know of them."""
    usual = {"time": "2026-08-01T10:00:00Z", "by": "amy", "reason": "a test"}
    phone, email, openid = f"phone:{PHONE}", f"email:{EMAIL}", f"openid:{OPENID}"
    commands: tuple[dict[str, object], ...] = (
        {"type": "split", "identifiers": [phone]},
        {"type": "merge", "identifiers": [phone, openid]},
        {"type": "merge", "identifiers": [email, "phone:1"]},
        {"type": "merge", "identifiers": [phone, f"nope:{PHONE}"]},
        {"type": "merge", "identifiers": [PHONE, OPENID]},
        {"type": "unbind", "identifier": phone, "from": openid},
        {"type": "block", "identifier": phone},
        {"type": PHONE, "identifiers": [phone]},
        {"type": "merge", "identifiers": phone},
        {"type": "undo", "of": "no-such-command"},
    )
    for number, said in enumerate(commands):
        yield encoded({"id": f"c{number}", **usual, **said})
    yield f'{{"id":"{PHONE}'.encode()


def asked(worker: ChildProcess) -> Iterator[bytes]:
    """What HTTP answers to requests with the canary: people, and every kind of refusal, head and body."""
    for path in (
        f"/v1/identifiers/phone/{PHONE}",
        f"/v1/identifiers/email/{urllib.parse.quote(EMAIL)}",
        f"/v1/identifiers/openid/{OPENID}",
        f"/v1/identifiers/nope/{PHONE}",
        f"/v1/identifiers/mac/{PHONE}",
        f"/v1/identifiers/phone/{PHONE}/",
        f"/v1/profiles/{PHONE}",
        f"/v1/profiles/{PHONE}/timeline",
        f"/v1/profiles/{PHONE}/graph",
        f"/v1/explain?a=phone:{PHONE}&b=openid:{OPENID}",
        f"/v1/explain?a=phone:{PHONE}&b={PHONE}",
        f"/v1/explain?{PHONE}={PHONE}",
        f"/{PHONE}",
        f"/readyz?{PHONE}",
        "/metrics",
    ):
        yield answer(urllib.request.Request(f"http://{LOOPBACK}:{worker.port}{path}"))
    for body in ({"identifier": f"phone:{PHONE}"}, {"identifier": PHONE}, {PHONE: PHONE}, [PHONE]):
        for kind in ("application/json", PHONE):
            url = f"http://{LOOPBACK}:{worker.port}/v1/lookup"
            yield answer(urllib.request.Request(url, encoded(body), {"Content-Type": kind}, method="POST"))


def answer(request: urllib.request.Request) -> bytes:
    """Status, headers and body of what is answered."""
    try:
        with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as found:  # noqa: S310 - loopback
            return bytes(f"{found.status} {found.headers}".encode() + found.read())
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {error.headers}".encode() + error.read()


def found_in(place: str, content: bytes) -> list[str]:
    """Where the canary is, with what stands around it."""
    return [f"{place}: {content[max(one.start() - 60, 0) : one.end() + 20]!r}" for one in CANARY.finditer(content)][:3]


def test_personal_data_is_where_it_came_in_and_in_the_dead_letters_only(
    kafka: Broker, own_redis_readable: RedisServer, topic_prefix: str, tmp_path: Path
) -> None:
    """Not in Redis, its log of writes or its dump, no other topic, no log line, no metric, and no answer over HTTP."""
    config = tmp_path / "canary.yaml"
    default = (ROOT / "idweave.yaml").read_text()
    hashed = default.replace("openid:   {limit: 10,", "openid:   {pii: hash, limit: 10,")
    config.write_text(hashed.replace("sources: {}", 'sources: {"/refused/*": refused}'))
    assert hashed != default
    store = own_redis_readable
    with Engine(kafka.bootstrap, store.url, topic_prefix, tmp_path) as engine:
        worker = engine.start_worker(IDWEAVE_CONFIG=str(config))
        engine.publish(Published(PHONE.encode(), value, (("traceparent", PHONE.encode()),)) for value in touchpoints())
        engine.settle()
        engine.until(lambda: engine.is_ready(worker), "the worker is ready")
        answers = [*asked(worker)]
        engine.publish((Published(None, value) for value in commands()), "commands")
        engine.settle()
        answers += asked(worker)
        outputs = engine.outputs()
        engine.store.save()

        files = [path for path in store.folder.rglob("*") if path.is_file()]
        places = {
            "the store": engine.stored(),
            "the log": engine.logs().encode(),
            "HTTP": b"\n".join(answers),
            **{path.name: path.read_bytes() for path in files},
            **{
                name: b"\n".join(
                    (one.key or b"") + b" " + (one.value or b"") + b" " + repr(one.headers).encode() for one in records
                )
                for name, records in outputs.items()
            },
        }
    letters = places.pop("touchpoints.dlq")
    assert len(CANARY.findall(letters)) > 10, "the dead letters are as received"
    added = [text for one in outputs["touchpoints.dlq"] for name, text in one.headers if name != "traceparent"]
    assert [line for place, content in places.items() for line in found_in(place, content)] == []
    assert not found_in("added headers", b"\n".join(text or b"" for text in added))

    environment = {"IDWEAVE_HASH_KEY": HASH_KEY, "IDWEAVE_ID_KEY": ID_KEY, "IDWEAVE_CONFIG": str(config)}
    admission = admission_of(load_settings(environment, tmp_path))
    assert {name for name, one in admission.namespaces.items() if one.pii == "hash"} >= ALWAYS_HASHED
    for namespace, value in (("phone", PHONE), ("email", EMAIL), ("openid", OPENID)):
        identifier = admission.identifier(namespace, value)
        assert identifier is not None
        token = identifier.token.encode()
        there = {place for place, content in places.items() if token in content}
        assert {"the store", "HTTP", "profiles", "identities", "commands.results"} <= there, namespace
        assert any(name.endswith(".aof") for name in there), "the log of writes is searched"
        assert any(name.endswith(".rdb") for name in there), "the dump is searched"
