"""Settings: what this process was told by its environment and its two files, checked before anything starts.

Job: turn names and texts into one frozen value, or into one error that names every mistake and what to do.
Rules: secrets are wrapped, so that no repr, log line or traceback shows them, and no message repeats a value.
Must not know: how a broker, a store or a server is started.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from resolvers.namespaces import identity_fingerprint
from resolvers.pseudonyms import key_id
from sinks.failpoints import Failpoint, read_failpoints
from sinks.kafka_settings import SESSION_TIMEOUT, unknown_settings
from stream.config.addresses import Address, brokers_of, http_of, redis_url_of
from stream.config.configuration import PACKAGED_FILE, Configuration, read_configuration
from stream.config.encryption import ALLOWED, in_plain_text, is_loopback
from stream.config.environment import DEFAULT, PREFIX, Variables, WrongTextError
from stream.config.mistakes import ConfigError, Mistake, closest
from stream.config.rules_file import PACKAGED_FILE as PACKAGED_RULES
from stream.config.rules_file import RulesFile, read_rules

Role = Literal["reader", "operator"]

KAFKA_PREFIX: Final = "IDWEAVE_KAFKA_"
VARIABLES: Final[Mapping[str, str]] = {
    "IDWEAVE_BROKERS": "Kafka: `host:port,host:port`.",
    "IDWEAVE_REDIS_URL": (
        "Redis: `redis://`, with TLS `rediss://`, of a cluster `redis+cluster://host:port,host:port` or"
        " `rediss+cluster://`; user and password as in any address."
    ),
    "IDWEAVE_TOPIC_PREFIX": (
        "Before the names of all topics, and the consumer group. Engines that share a broker differ in it. Letters,"
        " digits, `.`, `_`, `-`; at most 100."
    ),
    "IDWEAVE_REDIS_PREFIX": "Before all keys. Engines that share a Redis differ in it. As above, and `:`.",
    "IDWEAVE_HASH_KEY": (
        "A secret of 32 characters or more: tokens of hashed identifiers are made with it. With another key every token"
        " is another one, so keep it for ever."
    ),
    "IDWEAVE_ID_KEY": "Another such secret: profile ids are made with it. Never changed.",
    "IDWEAVE_HTTP": "Where a worker answers HTTP; port 0 takes any free one. Off loopback it needs IDWEAVE_API_TOKENS.",
    "IDWEAVE_API_TOKENS": "`reader:TOKEN,operator:TOKEN`, each with a token of its own. A reader reads.",
    "IDWEAVE_CONFIG": "The identity rules, if not `idweave.yaml` in the working folder or the packaged ones.",
    "IDWEAVE_RULES": "The member rules, if not `rules.yaml` in the working folder or the packaged ones.",
    "IDWEAVE_MEMORY_MB": (
        "How many MiB a worker may take, if not what its container may. Beyond three quarters of it a worker remembers"
        " fewer people and reads more of them again; without any limit it grows to some 2.3 GiB where people are many."
        " At least 1024."
    ),
    "IDWEAVE_PLAINTEXT": "`allowed`: servers on other machines may be spoken to without TLS; else it is refused.",
    "IDWEAVE_FAILPOINTS": "For tests of faults only: where the worker is to fail, and how; see docs/faults.md.",
}
"""Every variable, and what it is."""
DEFAULTS: Final[Mapping[str, str]] = {
    "IDWEAVE_BROKERS": "127.0.0.1:9092",
    "IDWEAVE_REDIS_URL": "redis://127.0.0.1:6379/0",
    "IDWEAVE_TOPIC_PREFIX": "idweave",
    "IDWEAVE_REDIS_PREFIX": "idweave",
    "IDWEAVE_HTTP": "127.0.0.1:6066",
}
# What the engine's guarantees stand on is not for the environment to change.
OWN_KAFKA_SETTINGS: Final[Mapping[str, str]] = {
    "bootstrap.servers": "set IDWEAVE_BROKERS",
    "group.id": "the consumer group is IDWEAVE_TOPIC_PREFIX",
    "enable.idempotence": "the producer is always idempotent",
    "acks": "the producer always waits for all in-sync replicas",
    "partitioner": "keys are always partitioned as Java clients do",
    "enable.auto.commit": "the engine commits its own position",
}
_SECRET_KAFKA_SETTING = re.compile(r"password|secret|\.pem$|sasl\.oauthbearer\.config")

# Known to everybody, for synthetic people and servers that forget: so the same day shows the same tokens and ids.
DEMO_KEYS: Final[Mapping[str, str]] = {
    "IDWEAVE_HASH_KEY": "known-to-everybody-for-demonstrations-only-hash",
    "IDWEAVE_ID_KEY": "known-to-everybody-for-demonstrations-only-id",
}
KEY_CHARACTERS_ADVISED: Final = 32
_OWN_KEY_HINT: Final = (
    'make one with  python3 -c "import secrets; print(secrets.token_urlsafe(32))"  and keep it: with another key every'
    " token and profile id is another one"
)
_KEY_HINT: Final = f"export the one that `idweave up` has printed; for an engine of your own, {_OWN_KEY_HINT}"
_TOPIC_PREFIX = re.compile(r"[a-zA-Z0-9._-]{1,100}")
_MEMORY_MB = re.compile(r"[0-9]{1,9}")
_REDIS_PREFIX = re.compile(r"[a-zA-Z0-9._:-]{1,100}")
_MEMORY_MIN: Final = 1024
"""A batch of many new people takes some 400 MiB, whatever is remembered beside it."""


class Secret:
    """A text that is shown to nobody who does not ask for it with `reveal`."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._text

    def matches(self, text: str) -> bool:
        """Whether a text is the secret, in a time that says nothing of how much of it is right."""
        return hmac.compare_digest(self._text.encode(), text.encode())

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.matches(other._text)

    def __hash__(self) -> int:
        return hash(self._text)


class ApiToken(NamedTuple):
    """Who may ask over HTTP: a reader reads, an operator also writes commands."""

    role: Role
    secret: Secret


class Settings(Struct, frozen=True, kw_only=True):
    """All that a process was told. `warnings` is allowed but unwise; `..._file` are the files that were read.

    `own_operator`: an operator's token that a program has made for its own run, beside those of the environment.
    """

    brokers: tuple[str, ...]
    redis_url: Secret
    topic_prefix: str
    redis_prefix: str
    hash_key: Secret
    id_key: Secret
    http: Address
    api_tokens: tuple[ApiToken, ...]
    kafka: Mapping[str, str | Secret]
    config_file: Path
    configuration: Configuration
    rules_file: Path
    member_rules: RulesFile
    failpoints: tuple[Failpoint, ...] = ()
    memory_bytes: int | None = None
    warnings: tuple[Mistake, ...] = ()
    own_operator: Secret | None = None

    @property
    def redis_shown(self) -> str:
        """The Redis address for people: without user and password."""
        url = urlsplit(self.redis_url.reveal())
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"

    @property
    def key_ids(self) -> tuple[str, str]:
        """Public fingerprints of the hash key and of the id key."""
        return key_id(self.hash_key.reveal().encode()), key_id(self.id_key.reveal().encode())

    @property
    def identity_fingerprint(self) -> str:
        """What a store must have been filled under for this process to go on with it."""
        return identity_fingerprint(self.configuration.rules, self.key_ids)

    @property
    def rules_fingerprint(self) -> str:
        """Of all live rules, of identity and of members: where it is another one, everybody is judged again."""
        rules = (self.configuration.rules, self.member_rules.rules)
        return hashlib.sha256(repr(rules).encode()).hexdigest()[:32]

    def kafka_settings(self) -> dict[str, str]:
        """The `IDWEAVE_KAFKA_*` settings under librdkafka's names, secrets revealed."""
        return {name: value.reveal() if isinstance(value, Secret) else value for name, value in self.kafka.items()}


def load_settings(
    environ: Mapping[str, str],
    folder: Path,
    *,
    overrides: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
) -> Settings:
    """The settings of a process that was started in `folder`.

    Args:
        environ: the environment; names that do not begin with IDWEAVE_ are left alone.
        folder: where `.env`, `idweave.yaml` and `rules.yaml` are looked for.
        overrides: what the command line says, by the variable's name.
        defaults: what the caller has for variables that nobody set, such as passing keys for a demonstration.

    Raises:
        ConfigError: with every mistake found.

    """
    variables = Variables(environ, folder, overrides or {}, {**DEFAULTS, **(defaults or {})})
    file = _found(variables.get("IDWEAVE_CONFIG"), folder, PACKAGED_FILE)
    configuration, mistakes = read_configuration(file)
    rules_file = _found(variables.get("IDWEAVE_RULES"), folder, PACKAGED_RULES)
    member_rules, wrong_rules = read_rules(rules_file)
    settings = Settings(
        brokers=variables.read("IDWEAVE_BROKERS", brokers_of, ()),
        redis_url=Secret(variables.read("IDWEAVE_REDIS_URL", redis_url_of, "")),
        topic_prefix=variables.read("IDWEAVE_TOPIC_PREFIX", _topic_prefix, ""),
        redis_prefix=variables.read("IDWEAVE_REDIS_PREFIX", _redis_prefix, ""),
        hash_key=_key(variables, "IDWEAVE_HASH_KEY"),
        id_key=_key(variables, "IDWEAVE_ID_KEY"),
        http=variables.read("IDWEAVE_HTTP", http_of, Address("127.0.0.1", 0)),
        api_tokens=variables.read("IDWEAVE_API_TOKENS", _api_tokens, ()),
        kafka=_kafka(variables),
        config_file=file,
        configuration=configuration,
        rules_file=rules_file,
        member_rules=member_rules,
        failpoints=variables.read("IDWEAVE_FAILPOINTS", _failpoints, ()),
        memory_bytes=variables.read("IDWEAVE_MEMORY_MB", _memory, None),
        warnings=(*configuration.warnings, *_unknown(variables), *_weak_keys(variables), *_failing(variables)),
    )
    settings = msgspec.structs.replace(settings, warnings=(*settings.warnings, *_public_keys(variables, settings)))
    if not is_loopback(settings.http.host) and not variables.get("IDWEAVE_API_TOKENS"):
        hint = "set IDWEAVE_API_TOKENS=reader:...,operator:... or listen on 127.0.0.1"
        variables.mistake("IDWEAVE_HTTP", "this address can be reached from elsewhere, and no token is asked for", hint)
    if variables.read("IDWEAVE_PLAINTEXT", _plaintext, "") != ALLOWED:
        for name, hint in in_plain_text(settings.brokers, settings.redis_url.reveal(), settings.kafka):
            variables.mistake(name, "this server is elsewhere, and all would go there in plain text", hint)
    if variables.mistakes or mistakes or wrong_rules:
        raise ConfigError([*variables.mistakes, *mistakes, *wrong_rules], settings.warnings)
    return settings


def _found(named: str, folder: Path, packaged: Path) -> Path:
    """The file that a variable names, or the one in the working folder, or the packaged one."""
    if named:
        return folder / named
    own = folder / packaged.name
    return own if own.exists() else packaged


def _key(variables: Variables, name: str) -> Secret:
    text = variables.get(name)
    if not text:
        variables.mistake(name, "is not set", _KEY_HINT)
    return Secret(text)


def _unknown(variables: Variables) -> list[Mistake]:
    """Variables that look like ours and are not: a typing mistake, or of a newer release."""
    return [
        Mistake(variables.place(name), name, "unknown variable, not used", closest(name, sorted(VARIABLES)))
        for name in variables.named(PREFIX)
        if name not in VARIABLES and not name.startswith(KAFKA_PREFIX)
    ]


def _weak_keys(variables: Variables) -> list[Mistake]:
    names = ("IDWEAVE_HASH_KEY", "IDWEAVE_ID_KEY")
    found = [
        Mistake(variables.place(name), name, f"the key has fewer than {KEY_CHARACTERS_ADVISED} characters", _KEY_HINT)
        for name in names
        if 0 < len(variables.get(name)) < KEY_CHARACTERS_ADVISED
    ]
    if variables.get(names[0]) == variables.get(names[1]) != "":
        found.append(Mistake(variables.place(names[1]), names[1], "is the same as IDWEAVE_HASH_KEY", "take two keys"))
    return found


def _public_keys(variables: Variables, settings: Settings) -> list[Mistake]:
    """The demonstration's keys where somebody set them for servers of other machines: a copied line of `idweave up`."""
    hosts = [broker.rpartition(":")[0].removeprefix("[").removesuffix("]") for broker in settings.brokers]
    if all(map(is_loopback, hosts)):
        return []
    return [
        Mistake(variables.place(name), name, "is the demonstration's key, which everybody knows", _OWN_KEY_HINT)
        for name, public in DEMO_KEYS.items()
        if variables.get(name) == public and variables.place(name) != DEFAULT
    ]


def _failing(variables: Variables) -> list[Mistake]:
    name = "IDWEAVE_FAILPOINTS"
    hint = "it is for tests of faults (docs/faults.md): take it away where people are served"
    return [Mistake(variables.place(name), name, "workers fail on purpose", hint)] if variables.get(name) else []


def _failpoints(text: str) -> tuple[Failpoint, ...]:
    try:
        return read_failpoints(text)
    except ValueError as wrong:
        raise WrongTextError(str(wrong), "for example freeze.after=kill@3,publish.amid=lose@*50") from None


def _topic_prefix(text: str) -> str:
    if _TOPIC_PREFIX.fullmatch(text) is None:
        raise WrongTextError("may have letters, digits, '.', '_' and '-', at most 100")
    return text


def _redis_prefix(text: str) -> str:
    if _REDIS_PREFIX.fullmatch(text) is None:  # braces would move keys to other slots of a cluster
        raise WrongTextError("may have letters, digits, '.', '_', ':' and '-', at most 100")
    return text


def _memory(text: str) -> int | None:
    if _MEMORY_MB.fullmatch(text) is None or int(text) < _MEMORY_MIN:
        raise WrongTextError(f"must be a whole number of MiB, {_MEMORY_MIN} or more", "for example 2048")
    return int(text) << 20


def _plaintext(text: str) -> str:
    if text != ALLOWED:
        raise WrongTextError(f"must be {ALLOWED}, or not be set")
    return text


def _api_tokens(text: str) -> tuple[ApiToken, ...]:
    roles: Mapping[str, Role] = {role: role for role in get_args(Role)}
    tokens: list[ApiToken] = []
    for part in text.split(","):
        name, _, secret = part.strip().partition(":")
        if name not in roles or not secret:
            raise WrongTextError("must be a list of role:token", f"roles are {', '.join(roles)}")
        if any(token.secret.matches(secret) for token in tokens):
            raise WrongTextError("the same token is there twice", "give each role its own")
        tokens.append(ApiToken(roles[name], Secret(secret)))
    return tuple(tokens)


def _kafka(variables: Variables) -> dict[str, str | Secret]:
    """`IDWEAVE_KAFKA_SECURITY_PROTOCOL` is librdkafka's `security.protocol`: all of its names are words with dots."""
    variable_of = {
        variable.removeprefix(KAFKA_PREFIX).lower().replace("_", "."): variable
        for variable in variables.named(KAFKA_PREFIX)
    }
    texts = {name: variables.get(variable) for name, variable in variable_of.items()}
    wrong = unknown_settings(texts)
    for name, variable in variable_of.items():
        text = texts[name]
        if name in OWN_KAFKA_SETTINGS:
            variables.mistake(variable, f"{name} is not yours to set", OWN_KAFKA_SETTINGS[name])
        elif name == SESSION_TIMEOUT and not (text.isascii() and text.isdigit() and int(text)):
            variables.mistake(variable, "must be a number of milliseconds", "the default is 10000")
        elif name in wrong:
            variables.mistake(variable, wrong[name], "its CONFIGURATION.md has the names and their values")
    return {name: Secret(text) if _SECRET_KAFKA_SETTING.search(name) else text for name, text in texts.items()}
