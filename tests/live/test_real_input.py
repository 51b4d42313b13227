"""`make real` on small files in the formats of its data sets: it finds right what is right, and wrong what is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
import redis
from confluent_kafka.admin import AdminClient

from benchmarks import completejourney
from benchmarks.cdnow import BadFileError, customers, differences, read_purchases
from benchmarks.real_input import baskets, import_twice
from benchmarks.running import Servers
from tests.conftest import Broker
from tests.live.redis_server import RedisServer

ROOT = Path(__file__).parents[2]
LINES = 2_000


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file as CDNOW's: fixed columns, CRLF, customers with one purchase and with hundreds, purchases for nothing."""
    rng = Random(1997)
    lines = sorted(
        (
            f" {int(rng.paretovariate(1.1)) % 500 + 1:05} {date(1997, 1, 1) + timedelta(rng.randrange(540)):%Y%m%d}"
            f" {rng.randrange(1, 9):2} {rng.choice((0, rng.randrange(20_000))) / 100:7.2f}"
            for _ in range(LINES)
        ),
        key=lambda line: line[:15],
    )
    path = tmp_path / "CDNOW_master.txt"
    path.write_bytes("\r\n".join([" customer_id  date number_of_cds  dollar_value", *lines, ""]).encode())
    return path


def person(customer: str, orders: int, dollars: str, days: Sequence[str]) -> dict[str, Any]:
    """A profile as published, as far as it is looked at."""
    first, last = (f"{day}T00:00:00Z" for day in days)
    return {
        "identifiers": [{"namespace": "external", "token": f"cdnow:{customer}"}],
        "orders": {"count": orders, "paid": {"USD": dollars}, "refunded": {}, "first_at": first, "last_at": last},
        "lifetime_value": {"USD": dollars},
        "first_seen": first,
        "last_seen": last,
    }


def test_a_small_file_is_imported_to_the_cent(
    file: Path, kafka: Broker, redis_server: RedisServer, tmp_path: Path
) -> None:
    """Twice, on the session's servers: exit code 0, no difference, every line an order, and nothing left behind."""
    results = tmp_path / "results.json"
    options = [
        "--brokers",
        kafka.bootstrap,
        "--redis",
        redis_server.url,
        "--data",
        "cdnow",
        "--file",
        str(file),
        "--results",
        str(results),
    ]
    command = [sys.executable, "-m", "benchmarks.real_input", *options]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stdout + done.stderr
    assert "to the cent" in done.stdout
    found = json.loads(results.read_text())
    expected = customers(read_purchases(file))
    for number, one in enumerate(found["data"][0]["imports"], 1):
        assert one["records"] == number * LINES
        assert (one["people"], one["orders"], one["differences"]) == (len(expected), LINES, [])
    with redis.Redis.from_url(redis_server.url) as store:
        assert not list(store.scan_iter("idweave-real-*"))
    topics = AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=20).topics
    assert not [name for name in topics if name.startswith("idweave-real-")]


def test_what_differs_is_said(file: Path) -> None:
    """A cent, an order, a customer twice, missing or unknown: each is a sentence; equality is none."""
    file.write_text(
        "customer_id date number_of_cds dollar_value\n"
        "00001 19970101 1 11.77\n00002 19970112 1 0.00\n00001 19970301 2 0.23\n"
    )
    expected = customers(read_purchases(file))
    one = person("00001", 2, "12.00", ("1997-01-01", "1997-03-01"))
    other = person("00002", 1, "0.00", ("1997-01-12", "1997-01-12"))
    assert differences([one, other], expected) == []
    assert "Customer 00002 was not found." in differences([one], expected)
    assert "Customer 00002 is two people." in differences([one, other, other], expected)
    assert any("lifetime value" in each for each in differences([one | {"lifetime_value": {}}, other], expected))
    fewer = one | {"orders": one["orders"] | {"count": 1}}
    assert "In total 2 orders" in differences([fewer, other], expected)[0]
    assert any("nobody in the file" in each for each in differences([one, other, {"identifiers": []}], expected))


@pytest.mark.parametrize(
    "text",
    ["", "id date\n", "customer_id date number_of_cds dollar_value\n00001 19970101 1 11.7\n"],
)
def test_another_file_is_refused(file: Path, text: str) -> None:
    """A file that is not CDNOW's is refused with its line, because every line has to count."""
    file.write_text(text)
    with pytest.raises(BadFileError, match=r":[12]: "):
        read_purchases(file)


def transactions(lines: int) -> list[completejourney.Row]:
    """Lines as The Complete Journey's: baskets of a few lines, amounts as binary fractions with their noise."""
    rng = Random(2017)
    rows: list[completejourney.Row] = []
    while len(rows) < lines:
        basket = (rng.randrange(1, 60), rng.randrange(300, 320), 31_198_570_044 + len(rows))
        at = datetime(2017, 1, 1) + timedelta(seconds=rng.randrange(365 * 86_400))  # noqa: DTZ001 - as in the table
        rows += [(*basket, sum([0.1] * rng.randrange(90)), at) for _ in range(rng.randrange(1, 9))]
    return rows


def redemptions() -> list[completejourney.Row]:
    """Rows as The Complete Journey's: coupons redeemed, some of them again on another day."""
    midnight = datetime(2017, 6, 1)  # noqa: DTZ001 - as in the table
    return [(1 + n % 50, 10_000_085_207 + n % 7, 26, midnight + timedelta(n // 50)) for n in range(120)]


def test_baskets_and_coupons_are_imported_to_the_cent(kafka: Broker, redis_server: RedisServer) -> None:
    """Twice: every household one card, its baskets, coupons and cents those of the tables."""
    rows = transactions(3_000)
    data = baskets(rows, redemptions())
    assert data.dollars == sum((round(Decimal(row[3]), 2) for row in rows), Decimal(0))
    for number, one in enumerate(import_twice(data, Servers(kafka.bootstrap, redis_server.url, "", embedded=False)), 1):
        assert one.wrong == []
        assert one.records == number * (data.orders + 120)
        assert sum(each["orders"]["count"] for each in one.outputs.profiles.values()) == data.orders
        assert sum(each["coupons"]["redeemed"] for each in one.outputs.profiles.values()) == 120


def test_a_cent_or_a_coupon_that_differs_is_said() -> None:
    """A household whose cents, coupons or name are others, or that is missing or there twice, is a sentence."""
    bought = completejourney.baskets([(7, 300, 1, 0.99, datetime(2017, 1, 1)), (7, 300, 1, 1.01, datetime(2017, 1, 1))])  # noqa: DTZ001
    expected = completejourney.households(bought.values(), [])
    right = {
        "identifiers": [{"namespace": "card", "token": "grocer:7"}],
        "orders": {"count": 1, "paid": {"USD": "2.00"}, "refunded": {}},
        "lifetime_value": {"USD": "2.00"},
        "coupons": {"redeemed": 0},
        "first_seen": "2017-01-01T00:00:00Z",
        "last_seen": "2017-01-01T00:00:00Z",
    }
    assert completejourney.differences([right], expected) == []
    assert completejourney.differences([], expected) == ["Household 7 was not found."]
    assert completejourney.differences([right, right], expected) == ["Household 7 is two people."]
    mistakes: list[dict[str, Any]] = [
        {"lifetime_value": {"USD": "2.01"}},
        {"coupons": {"redeemed": 1}},
        {"identifiers": []},
    ]
    for wrong in mistakes:
        assert completejourney.differences([right | wrong], expected)


@pytest.mark.parametrize("row", [(7, 300, 1, 1.015), (7, 300, 1, -1.0), (8, 300, 1, 1.0), (7, 301, 1, 1.0)])
def test_another_table_is_refused(row: completejourney.Row) -> None:
    """Fractions of a cent, money back, a basket of two households or stores: such a table is not read."""
    at = datetime(2017, 1, 1)  # noqa: DTZ001 - as in the table
    with pytest.raises(BadFileError, match="Transaction 2: "):
        completejourney.baskets([(7, 300, 1, 0.5, at), (*row, at)])
    with pytest.raises(BadFileError, match="say the same"):
        completejourney.redemptions([(7, 1, 1, at)] * 2)
