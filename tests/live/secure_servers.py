"""A Kafka and a Redis that let nobody in who does not say who they are: TLS only, accounts, and no right by default.

Kafka has two listeners beside the controller's, which asks for certificates too: one for SASL (PLAIN, SCRAM) over TLS,
one for certificates. Redis has TLS only, no default user, and the accounts of its file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from redis.backoff import NoBackoff
from redis.retry import Retry

from stream.servers.child_process import LOOPBACK, ChildProcess, free_port
from tests.live.certificates import Authority
from tests.live.kafka import KafkaServer
from tests.live.redis_server import RedisServer

PASSWORD: Final = "a password that tests make public"  # noqa: S105 - of servers that live for seconds, on loopback
SCRAM: Final = ("SCRAM-SHA-256", "SCRAM-SHA-512")
MECHANISMS: Final = ("PLAIN", *SCRAM)
LOGIN: Final = "org.apache.kafka.common.security"


class SecureKafka(KafkaServer):
    """A broker with accounts. `bootstrap` is the listener for SASL, `for_certificates` the other one.

    `admin` may do everything, the other accounts nothing until `allow`.
    """

    def __init__(self, folder: Path, authority: Authority, accounts: tuple[str, ...]) -> None:
        super().__init__(folder)
        self._authority = authority
        self._accounts = accounts
        self._broker = authority.issue("broker")
        self.for_certificates = f"{LOOPBACK}:{free_port()}"

    def settings(self, log: Path, port: int, controller_port: int) -> dict[str, object]:
        """The broker's configuration: everything over TLS, and every request of somebody who is known."""
        sasl, certificates = f"SASL://{LOOPBACK}:{port}", f"TLS://{self.for_certificates}"
        users = " ".join(f'user_{name}="{PASSWORD}"' for name in self._accounts)
        return {
            **super().settings(log, port, controller_port),
            "listeners": f"{sasl},{certificates},CONTROLLER://{LOOPBACK}:{controller_port}",
            "advertised.listeners": f"{sasl},{certificates}",
            "listener.security.protocol.map": "SASL:SASL_SSL,TLS:SSL,CONTROLLER:SSL",
            "inter.broker.listener.name": "TLS",
            "listener.name.tls.ssl.client.auth": "required",
            "listener.name.controller.ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self._broker.both,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self._authority.file,
            "ssl.principal.mapping.rules": "RULE:^.*CN=([a-z]+).*$/$1/",
            "sasl.enabled.mechanisms": ",".join(MECHANISMS),
            "listener.name.sasl.plain.sasl.jaas.config": f"{LOGIN}.plain.PlainLoginModule required {users};",
            **{
                f"listener.name.sasl.{one.lower()}.sasl.jaas.config": f"{LOGIN}.scram.ScramLoginModule required;"
                for one in SCRAM
            },
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:broker;User:admin",
        }

    def format_arguments(self) -> list[str]:
        """Accounts whose passwords the cluster itself keeps, as SCRAM wants it."""
        return [
            argument
            for mechanism in SCRAM
            for name in self._accounts
            for argument in ("--add-scram", f"{mechanism}=[name={name},password={PASSWORD}]")
        ]

    def answers(self, child: ChildProcess) -> bool:  # noqa: ARG002 - the port is known here
        """Whether it answers somebody who may ask."""
        try:
            return bool(AdminClient({**self.with_certificate("admin"), "log_level": 0}).list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    def with_password(self, name: str, mechanism: str, password: str = PASSWORD) -> dict[str, str]:
        """A client's settings in librdkafka's names, for an account with a password."""
        return {
            "bootstrap.servers": self.bootstrap,
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self._authority.file),
            "sasl.mechanism": mechanism,
            "sasl.username": name,
            "sasl.password": password,
        }

    def with_certificate(self, name: str, authority: Authority | None = None) -> dict[str, str]:
        """The same for somebody with a certificate; `authority`: of who signed it, if not of the broker's."""
        identity = (authority or self._authority).issue(name)
        return {
            "bootstrap.servers": self.for_certificates,
            "security.protocol": "SSL",
            "ssl.ca.location": str(self._authority.file),
            "ssl.certificate.location": str(identity.certificate),
            "ssl.key.location": str(identity.key),
        }

    def allow(self, account: str, kind: str, name: str, operations: str) -> None:
        """Give an account rights on one topic or group, by name."""
        admin = AdminClient(self.with_certificate("admin"))
        asked = [
            AclBinding(
                ResourceType[kind.upper()],
                name,
                ResourcePatternType.LITERAL,
                f"User:{account}",
                "*",
                AclOperation[operation.strip().upper()],
                AclPermissionType.ALLOW,
            )
            for operation in operations.split(",")
        ]
        for done in admin.create_acls(asked).values():
            done.result(timeout=20)


class SecureRedis(RedisServer):
    """A Redis with TLS only, and the accounts of `rights`: each name's ACL rules without its password.

    `url` is of `admin`, who may do everything.
    """

    def __init__(self, folder: Path, authority: Authority, rights: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        server, port = authority.issue("redis"), free_port()
        accounts = {"admin": "~* &* +@all", **rights}
        secret = PASSWORD.replace(" ", "_")
        lines = [f"user {name} on >{secret} {rules}\n" for name, rules in accounts.items()]
        (folder / "users.acl").write_text("".join([*lines, "user default off\n"]))
        self._authority = authority
        options = {
            "port": "0",
            "tls-port": str(port),
            "tls-cert-file": str(server.certificate),
            "tls-key-file": str(server.key),
            "tls-ca-cert-file": str(authority.file),
            "tls-auth-clients": "no",
            "aclfile": str(folder / "users.acl"),
        }
        super().__init__(folder, options, port=port)
        self.url = self.url_of("admin")

    def url_of(self, name: str, password: str = PASSWORD, authority: Authority | None = None) -> str:
        """The address for an account; `authority`: whom it believes, if not the one that signed."""
        believed = (authority or self._authority).file
        return f"rediss://{name}:{password.replace(' ', '_')}@{LOOPBACK}:{self.process.port}/0?ssl_ca_certs={believed}"

    def answers(self) -> bool:
        """Whether it answers somebody who may ask."""
        with redis.Redis.from_url(self.url, socket_timeout=2, retry=Retry(NoBackoff(), 0)) as client:
            try:
                return bool(client.info("server")["process_id"] == self.process.pid)
            except redis.RedisError:
                return False
