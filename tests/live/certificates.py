"""Certificates for tests: an authority of the test's own, and what it signs, as the PEM files that programs are named.

A key is written as PKCS 8, without a password, because that is the one form that Kafka, Redis and every client read.
"""

from pathlib import Path
from typing import NamedTuple

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from stream.servers.child_process import LOOPBACK


class Identity(NamedTuple):
    """A certificate for the loopback address with a common name: as files, and both in one."""

    certificate: Path
    key: Path
    both: Path


class Authority:
    """Signs certificates; `file` is what its believers are told."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._authority = trustme.CA(key_type=trustme.KeyType.RSA)
        self.file = folder / "authority.pem"
        self._authority.cert_pem.write_to_path(str(self.file))

    def issue(self, name: str) -> Identity:
        """A certificate, good for a server on loopback and for a client of that name."""
        issued = self._authority.issue_cert(LOOPBACK, common_name=name, key_type=trustme.KeyType.RSA)
        key = load_pem_private_key(issued.private_key_pem.bytes(), None)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        chain = b"".join(one.bytes() for one in issued.cert_chain_pems)
        identity = Identity(*(self._folder / f"{name}.{part}.pem" for part in ("certificate", "key", "both")))
        for file, content in zip(identity, (chain, secret, secret + chain), strict=True):
            file.touch(mode=0o600)
            file.write_bytes(content)
        return identity
