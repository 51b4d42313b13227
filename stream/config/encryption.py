"""Encryption: which servers a process would speak to in plain text over a network that others may listen on.

Rules: this machine by a loopback name needs none; elsewhere it is refused, until an operator says that the networks
between are trusted.
Must not know: certificates, accounts.
"""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from sinks.redis_slots import cluster_address

ALLOWED: Final = "allowed"
ENCRYPTED_PROTOCOLS: Final = frozenset({"ssl", "sasl_ssl"})
PLAIN_SCHEMES: Final = frozenset({"redis", "redis+cluster"})
_OR: Final = f"or say IDWEAVE_PLAINTEXT={ALLOWED} where nobody else is on the network"


def in_plain_text(brokers: Sequence[str], redis_url: str, kafka: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The variables by which a server elsewhere would be spoken to in plain text, each with what to do.

    Args:
        brokers: each as host:port.
        redis_url: an address that the settings let through, or nothing.
        kafka: librdkafka's settings; `security.protocol` is looked at.

    """
    protocol = str(kafka.get("security.protocol", "plaintext")).lower()
    if protocol not in ENCRYPTED_PROTOCOLS and not all(is_loopback(_host(one)) for one in brokers):
        yield "IDWEAVE_BROKERS", f"set IDWEAVE_KAFKA_SECURITY_PROTOCOL to SSL or SASL_SSL, {_OR}"
    if urlsplit(redis_url).scheme in PLAIN_SCHEMES and not all(is_loopback(one) for one in _redis_hosts(redis_url)):
        yield "IDWEAVE_REDIS_URL", f"write it as rediss:// or rediss+cluster://, {_OR}"


def is_loopback(host: str) -> bool:
    """Whether a host, without port or brackets, is this machine by a name that nobody can rebind."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(address: str) -> str:
    return address.rpartition(":")[0].removeprefix("[").removesuffix("]")


def _redis_hosts(url: str) -> list[str]:
    cluster = cluster_address(url)
    return [urlsplit(url).hostname or ""] if cluster is None else [node.host for node in cluster.nodes]
