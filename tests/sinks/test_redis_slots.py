"""Slots, seals and the addresses of clusters, without a server."""

import pytest
from redis.crc import key_slot

from sinks.keys import Keys
from sinks.redis_scripts import COMMIT, invoke
from sinks.redis_slots import SLOTS, ClusterAddress, Node, cluster_address, owners, slot_of, slot_of_command, tags


def test_every_slot_has_a_seal_in_it() -> None:
    """One each, in a prefix's own keys, and no component is ever taken for one."""
    keys = Keys("idweave", "g", cluster=True)
    assert keys.seal(0) == f"idweave:g:{{{tags()[0]}}}"
    assert [slot_of(keys.seal(slot)) for slot in range(SLOTS)] == list(range(SLOTS))
    assert len(set(tags())) == SLOTS


def test_a_script_is_guarded_in_the_slot_that_it_works_in() -> None:
    """On a single server by the meta hash; on a cluster by the slot's seal: the keys of a call are of one slot."""
    single, cluster = Keys("p", "g"), Keys("p", "g", cluster=True)
    name = cluster.component("phone:a")
    slot = slot_of(name)
    assert invoke(COMMIT, single, [name])[3] == single.meta
    command = invoke(COMMIT, cluster.within(slot), [name])
    assert command[3] == cluster.seal(slot)
    assert cluster.within(slot) is cluster.within(slot)
    assert slot_of_command(command) == slot
    assert slot_of_command(["GET", name]) == slot == key_slot(name.encode())


@pytest.mark.parametrize(
    ("url", "nodes", "first"),
    [
        ("redis+cluster://n1:7000", ["n1:7000"], "redis://n1:7000/0"),
        ("redis+cluster://n1", ["n1:6379"], "redis://n1:6379/0"),
        (
            "rediss+cluster://u:p%40@n1:1, n2:2/0?ssl_ca_certs=x",
            ["n1:1", "n2:2"],
            "rediss://u:p%40@n1:1/0?ssl_ca_certs=x",
        ),
        ("redis+cluster://:p@[::1]:7000,[::2]", ["::1:7000", "::2:6379"], "redis://:p@[::1]:7000/0"),
    ],
)
def test_a_cluster_is_named_by_some_of_its_nodes(url: str, nodes: list[str], first: str) -> None:
    """Each is reached with the same scheme, credentials and options."""
    address = cluster_address(url)
    assert address is not None
    assert [str(node) for node in address.nodes] == nodes
    assert address.url(address.nodes[0]) == first


@pytest.mark.parametrize(
    "url",
    [
        "redis://n1:7000",
        "redis+cluster://",
        "redis+cluster://n1:0",
        "redis+cluster://n1:x",
        "redis+cluster://n1:7000,",
        "redis+cluster://n1:7000/1",
        "redis+cluster://:p#w@n1:7000",
        "redis+cluster://[::1:7000",
    ],
)
def test_what_names_no_cluster(url: str) -> None:
    """No nodes, another database, or a text that cannot be read."""
    assert cluster_address(url) is None


def test_who_serves_each_slot() -> None:
    """As CLUSTER SLOTS says it; a node without a name is the one that was asked, and nobody may serve a slot."""
    there, other = [b"10.0.0.1", 7000, b"id"], [None, 7001, b"id"]
    table = owners([[0, 1, there, [b"10.0.0.9", 7009, b"replica"]], [3, SLOTS - 1, other]], Node("asked", 7001))
    assert table[:4] == [Node("10.0.0.1", 7000), Node("10.0.0.1", 7000), None, Node("asked", 7001)]
    assert len(table) == SLOTS


def test_an_ipv6_node_has_brackets_in_its_address() -> None:
    """As a client wants it."""
    address = ClusterAddress((), "redis", "", "")
    assert address.url(Node("::1", 7000)) == "redis://[::1]:7000/0"
