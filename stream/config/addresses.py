"""Addresses: where servers are, as the environment says it, and what is wrong with it.

Rule: no message repeats the text, which may hold a password.
Must not know: which variable said it, what is asked of a server.
"""

from typing import Final, NamedTuple
from urllib.parse import urlsplit

from sinks.redis_slots import CLUSTER_SCHEMES, cluster_address, is_cluster
from stream.config.environment import WrongTextError

REDIS_SCHEMES: Final = ("redis", "rediss", *CLUSTER_SCHEMES)
_PORT_MAX: Final = 65_535


class Address(NamedTuple):
    """Where a server listens. Port 0 lets the system choose."""

    host: str
    port: int


def http_of(text: str) -> Address:
    """Where to listen; port 0 takes any free one.

    Raises:
        WrongTextError: that is no place.
    """
    try:
        return _address(text, 0)
    except WrongTextError as wrong:
        raise WrongTextError(wrong.reason, wrong.hint and "for example 127.0.0.1:6066") from None


def _address(text: str, port_min: int) -> Address:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (host and colon and port.isascii() and port.isdigit()) or any(blank in host for blank in " /@,"):
        raise WrongTextError("must be host:port", "for example 127.0.0.1:9092")
    if not port_min <= int(port) <= _PORT_MAX:
        raise WrongTextError(f"the port must be from {port_min} to {_PORT_MAX}")
    return Address(host, int(port))


def brokers_of(text: str) -> tuple[str, ...]:
    """Brokers, as `host:port`.

    Raises:
        WrongTextError: one of them is something else.
    """
    brokers = tuple(part.strip() for part in text.split(","))
    for broker in brokers:
        try:
            _address(broker, 1)
        except WrongTextError as wrong:
            raise WrongTextError(f"each broker {wrong.reason}", "write them as host:port,host:port") from None
    return brokers


def redis_url_of(text: str) -> str:
    """The address of a Redis or of a Redis Cluster, as it is.

    Raises:
        WrongTextError: it is none.
    """
    if is_cluster(text):
        if cluster_address(text) is None:
            hint = "for example redis+cluster://host:6379,host:6379; special characters of a password percent-encoded"
            raise WrongTextError("must name nodes of a Redis Cluster, and no database", hint)
        return text
    try:
        url = urlsplit(text)
        usable = bool(url.hostname) and url.port != 0
        cut = "@" in url.path + url.query + url.fragment  # a `/`, `?` or `#` of the password has ended the host's part
    except ValueError:
        usable = cut = False
    if cut:
        raise WrongTextError(
            "has an @ after its host", "special characters of a password are percent-encoded: %2F for /"
        )
    if not usable or url.scheme not in REDIS_SCHEMES:
        schemes = ", ".join(f"{scheme}://" for scheme in REDIS_SCHEMES)
        raise WrongTextError("must be a Redis address", f"for example redis://127.0.0.1:6379/0; known are {schemes}")
    return text
