"""A stock Redis client for who only looks, or tidies up: of a single server, or of a cluster. The engine has its own.

Must not know: which keys.
"""

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode
from redis.exceptions import RedisClusterException
from redis.retry import Retry

from sinks.redis_slots import cluster_address

Client = redis.Redis | redis.RedisCluster


def stock_client(url: str, timeout_seconds: float) -> Client:
    """A client of the server, or the cluster, at an address that the settings let through.

    Raises:
        redis.RedisError: a cluster does not answer; a single server is first asked when the client is used.
    """
    address = cluster_address(url)
    if address is None:
        return redis.Redis.from_url(url, socket_timeout=timeout_seconds, retry=Retry(NoBackoff(), 0))
    first, *others = address.nodes
    try:
        return redis.RedisCluster.from_url(
            address.url(first),
            startup_nodes=[ClusterNode(node.host, node.port) for node in others],  # type: ignore[no-untyped-call]
            socket_timeout=timeout_seconds,
        )
    except RedisClusterException as error:  # which is no RedisError
        raise redis.ConnectionError(str(error)) from error
