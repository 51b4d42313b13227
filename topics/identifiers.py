"""Identifiers: a namespace and a token. The noun that everything else joins, counts and publishes.

A token is what is stored and published in place of the value: of a hashed namespace the key id and the keyed digest,
of any other the normalised value, led by its scope where the namespace is scoped (`main:8800123`).
"""

from typing import NamedTuple, Self


class Identifier(NamedTuple):
    """One identifier, ordered by namespace name and then token."""

    namespace: str
    token: str

    @property
    def key(self) -> str:
        """The one-string form `namespace:token`: the key of the identities topic."""
        return f"{self.namespace}:{self.token}"

    @classmethod
    def parse(cls, key: str) -> Self:
        """The identifier of a `key`. A token may hold colons, a namespace may not.

        Raises:
            ValueError: one of the two parts is missing. The message does not repeat the text.
        """
        namespace, colon, token = key.partition(":")
        if not (namespace and colon and token):
            raise ValueError("an identifier is written namespace:token")
        return cls(namespace, token)
