"""Settings: every mistake is named at its place with what to do, and secrets stay secret."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from resolvers.namespaces import DEFAULT_RULES, Allowance, Caps, Dedupe, Limit, Namespace, ranked
from resolvers.pseudonyms import key_id
from stream.config.addresses import Address
from stream.config.configuration import (
    DEFAULT_RETENTION_DAYS,
    PACKAGED_FILE,
    Configuration,
    DeadLetterLimit,
    read_configuration,
)
from stream.config.mistakes import ConfigError
from stream.config.settings import DEMO_KEYS, Secret, Settings, load_settings
from topics.envelope import Limits

ROOT = Path(__file__).parents[2]
HASH_KEY = "hash-key-for-tests-that-is-long-enough"
ID_KEY = "id-key-for-tests-that-is-long-enough-too"
KEYS = {"IDWEAVE_HASH_KEY": HASH_KEY, "IDWEAVE_ID_KEY": ID_KEY}


def _load(folder: Path, **environ: str) -> Settings:
    return load_settings({**KEYS, **environ}, folder)


def _mistakes(folder: Path, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        _load(folder, **environ)
    return str(raised.value).replace(f"{folder}/", "").splitlines()


def _write(folder: Path, text: str) -> Path:
    file = folder / "idweave.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def _configure(folder: Path, text: str) -> Configuration:
    configuration, mistakes = read_configuration(_write(folder, text))
    assert mistakes == ()
    return configuration


def test_the_default_file_says_every_default() -> None:
    """What the commented file in the root says is what the code does without any file."""
    assert read_configuration(ROOT / "idweave.yaml") == (Configuration(), ())


def test_the_package_ships_the_file_of_the_root() -> None:
    """The packaged file is a link to the root's, so that the two cannot drift; a build follows the link."""
    assert PACKAGED_FILE.resolve() == (ROOT / "idweave.yaml").resolve()
    assert PACKAGED_FILE.read_bytes() == (ROOT / "idweave.yaml").read_bytes()


def test_settings_without_a_file_are_the_defaults(tmp_path: Path) -> None:
    """Two keys are all that a process needs to be told."""
    settings = _load(tmp_path)
    assert settings.configuration.rules == DEFAULT_RULES
    assert settings.config_file == PACKAGED_FILE
    assert settings.brokers == ("127.0.0.1:9092",)
    assert settings.redis_url.reveal() == "redis://127.0.0.1:6379/0"
    assert (settings.topic_prefix, settings.redis_prefix) == ("idweave", "idweave")
    assert settings.http == Address("127.0.0.1", 6066)
    assert (settings.api_tokens, settings.kafka, settings.warnings) == ((), {}, ())


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    """The contract's example, and the sections beside it, become values."""
    configuration = _configure(
        tmp_path,
        """\
policy: first
namespaces:
  card:  {person: true, unique: true, scoped: true, default_scope: main}
  phone: {person: true, limit: 3, normalise: phone, region: HK}
  mac:   {weak: true, limit: {n: 20, days: 90}, pii: hash, normalise: mac, randomised: drop}
  crm_id:
blocked: {phone: ["13800000000", "re:^0+$"]}
caps: {neighbours: {weak: 10}, component: 500}
dedupe: {days: 7}
sources: {"/wifi/*": refused, "/web/*": {namespaces: [phone], types: ["page.*"]}, "/crm/*": {types: [order.paid]}}
timezone: Asia/Hong_Kong
limits: {record_bytes: 1024}
dead_letters: {most_percent: 50}
retention_days: {merges: 14, touchpoints.dlq: 60}
""",
    )
    rules = configuration.rules
    assert list(rules.namespaces.values()) == list(
        ranked(
            [
                Namespace(name="card", rank=0, person=True, unique=True, scoped=True, default_scope="main"),
                Namespace(
                    name="phone", rank=0, person=True, limit=Limit(3), pii="hash", normalise="phone", region="HK"
                ),
                Namespace(
                    name="mac",
                    rank=0,
                    weak=True,
                    limit=Limit(20, 90),
                    pii="hash",
                    normalise="mac",
                    randomised="drop",
                ),
                Namespace(name="crm_id", rank=0),
            ]
        ).values()
    )
    assert rules.blocked == {"phone": ("13800000000", "re:^0+$")}
    assert (rules.policy, rules.caps, rules.dedupe) == ("first", Caps(10, 200, 500), Dedupe(7, 1024))
    assert rules.timezone == "Asia/Hong_Kong"
    assert rules.sources == {
        "/wifi/*": "refused",
        "/web/*": Allowance(("phone",), ("page.*",)),
        "/crm/*": Allowance(None, ("order.paid",)),
    }
    assert configuration.limits == Limits(record_bytes=1024)
    assert configuration.dead_letters == DeadLetterLimit(1_000, 50)
    assert configuration.retention_days == {**DEFAULT_RETENTION_DAYS, "merges": 14, "touchpoints.dlq": 60}


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("polici: first", "1:1: polici: unknown setting; did you mean 'policy'?"),
        ("policy: lates", "1:9: policy: unknown value; known are: drop, first, latest"),
        ("namespaces:\n  phone: {limt: 3}", "2:11: namespaces.phone.limt: unknown setting; did you mean 'limit'?"),
        ("namespaces:\n  phone:\n    limit: many", "3:12: namespaces.phone.limit: must be a whole number from 1"),
        ("namespaces: {phone: {limit: {days: 3}}}", "1:29: namespaces.phone.limit: needs n"),
        ("namespaces: {phone: {person: 1}}", "1:30: namespaces.phone.person: must be true or false"),
        ("namespaces: {Phone: {}}", "1:14: namespaces.Phone: this cannot be a namespace's name"),
        ("namespaces: {phone: yes please}", "1:21: namespaces.phone: must hold settings"),
        ("namespaces: {phone: {normalise: fone}}", "1:33: namespaces.phone.normalise: unknown value; known are: email"),
        (
            "namespaces: {phone: {normalise: phone, region: China}}",
            "1:48: namespaces.phone.region: unknown value; write two letters, such as CN",
        ),
        ("namespaces: {mac: {normalise: mac, randomised: dropp}}", "1:48: namespaces.mac.randomised: unknown value"),
        (
            "namespaces: {phone: {normalise: phone, randomised: drop}}",
            "1:40: namespaces.phone.randomised: has no effect without normalise: mac",
        ),
        ("namespaces: {card: {region: CN}}", "1:21: namespaces.card.region: has no effect without normalise"),
        ("namespaces: {card: {default_scope: main}}", "1:21: namespaces.card.default_scope: has no effect without"),
        ("namespaces: {card: {scoped: true, default_scope: 'a:b'}}", "must be printable text without a colon"),
        ("namespaces: {mac: {weak: true, person: true}}", "1:20: namespaces.mac.weak: what may be shared"),
        ("namespaces:", "namespaces: names no namespace; leave it out"),
        ("namespaces: {}", "1:13: namespaces: must name 1 to 64"),
        ("blocked: {phne: []}", "1:11: blocked.phne: unknown setting; did you mean 'phone'?"),
        ("blocked: {phone: ['1', 13800000000]}", "1:24: blocked.phone[1]: must be text; write it in quotes"),
        ("blocked: {phone: ['re:(a+)+$']}", "1:19: blocked.phone[0]: this pattern could be slow"),
        ("blocked: {phone: '1'}", "1:18: blocked.phone: must be a list"),
        ("caps: {neighbours: {weak: 0}}", "1:27: caps.neighbours.weak: must be a whole number from 1"),
        ("caps: {neighbors: {}}", "1:8: caps.neighbors: unknown setting; known are: component, neighbours"),
        ("dedupe: 30", "1:9: dedupe: must hold settings; write it as dedupe: {...}"),
        ("sources: {'/wifi/*': trusted}", "1:22: sources./wifi/*: unknown value; known are: allowed, refused"),
        ("sources: {a: {namespaces: [phne]}}", "1:28: sources.a.namespaces[0]: is not declared; did you mean 'phone'?"),
        ("sources: {a: {types: order.paid}}", "1:22: sources.a.types: must be a list of 1 to 100"),
        ("sources: {a: {types: [7]}}", "1:23: sources.a.types[0]: must be text; write it in quotes"),
        ("sources: {a: {type: []}}", "1:15: sources.a.type: unknown setting; known are: namespaces, types"),
        ("sources: {a: {}}", "1:14: sources.a: says nothing; write allowed, refused, or"),
        ("timezone: Asia/Shangai", "1:11: timezone: unknown time zone; did you mean 'Asia/Shanghai'?"),
        ("limits: {depth: 1000}", "1:17: limits.depth: must be a whole number from 3 to 100"),
        (
            "dead_letters: {most_percent: 101}",
            "1:30: dead_letters.most_percent: must be a whole number from 1 to 100",
        ),
        ("retention_days: {profiles: 3}", "1:18: retention_days.profiles: unknown setting"),
        ("policy: latest\npolicy: first", "2:1: this is not YAML: found duplicate key"),
        ("policy: [", "this is not YAML"),
        ("policy latest\ntimezone: UTC", "1:7: this is not YAML; write a colon and a space after 'policy'"),
        ("timezone: UTC\npolicy latest", "2:7: this is not YAML; write a colon and a space after 'policy'"),
        (
            "timezone: UTC\n\npolicy  # which\n\ncaps: {}",
            "3:7: this is not YAML; write a colon and a space after 'policy'",
        ),
        ("policy latest\n# more\ncaps:\n  component: 3", "1:7: this is not YAML; write a colon and a space after"),
        (
            "caps:\n  component 3\n  neighbours: {}",
            "2:12: this is not YAML; write a colon and a space after 'component'",
        ),
        (
            "caps: a\n  component: 3",
            "2:12: this is not YAML: mapping values are not allowed here; this line is indented",
        ),
        ("- policy", "1:1: the file must hold settings"),
        ("1: 2", "1:1: 1: unknown setting"),
    ],
)
def test_a_mistake_is_named_at_its_place(tmp_path: Path, text: str, mistake: str) -> None:
    """File, line, column, setting, reason and hint, exactly one mistake for one thing wrong."""
    _write(tmp_path, text)
    (found,) = _mistakes(tmp_path)
    assert found.startswith("idweave.yaml:")
    assert mistake in found


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    """File and environment together, so that nobody starts five times to find five mistakes."""
    _write(tmp_path, "policy: x\nnamespaces: {phone: {limt: 3, unique: 2}}\ntimezone: 8\n")
    (tmp_path / ".env").write_text("IDWEAVE_HASH_KEY\n", encoding="utf-8")
    found = _mistakes(tmp_path, IDWEAVE_HASH_KEY="", IDWEAVE_BROKERS="kafka")
    assert len(found) == 7
    assert found[0] == ".env:1:1: this is no setting; write it as NAME=value"


_NODE = st.recursive(
    st.sampled_from(["", "null", "1", "-1", "true", "x", "'13800138000'", "re:(", "2026-11-21", "1.5", "~", "0x10"]),
    lambda node: st.one_of(
        st.lists(node, max_size=3).map(lambda nodes: f"[{', '.join(nodes)}]"),
        st.dictionaries(
            st.sampled_from(["phone", "card", "limit", "n", "days", "weak", "pii", "neighbours", "1", "x", "? [a]"]),
            node,
            max_size=3,
        ).map(lambda nodes: "{" + ", ".join(f"{name}: {value}" for name, value in nodes.items()) + "}"),
    ),
    max_leaves=6,
)
_TOP = st.sampled_from([*Configuration().rules.__struct_fields__, "limits", "dead_letters", "retention_days", "x"])


@settings_of_hypothesis(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.text(alphabet="{}[]:,-#&*!|>'\"%@` \n\tabc1", max_size=60),
        st.dictionaries(_TOP, _NODE, max_size=3).map(
            lambda nodes: "\n".join(f"{name}: {value}" for name, value in nodes.items())
        ),
    )
)
def test_no_file_brings_the_reader_down(tmp_path: Path, text: str) -> None:
    """Any text is a configuration, or a list of mistakes that all have a place in the file."""
    file = _write(tmp_path, text)
    configuration, mistakes = read_configuration(file)
    assert configuration.rules.namespaces
    assert all(mistake.place.startswith(str(file)) and mistake.reason for mistake in mistakes)


def test_files_that_cannot_be_read_are_mistakes(tmp_path: Path) -> None:
    """A missing file that was asked for, a folder, and bytes that are no text."""
    assert "cannot be read: No such file" in _mistakes(tmp_path, IDWEAVE_CONFIG="missing.yaml")[0]
    (tmp_path / "idweave.yaml").write_bytes(b"policy: \xff")
    assert _mistakes(tmp_path) == ["idweave.yaml: the file cannot be read: it is not UTF-8; save it as UTF-8"]
    assert "cannot be read: Is a directory" in _mistakes(tmp_path, IDWEAVE_CONFIG=".")[0]


def test_a_quote_that_is_not_closed_is_no_part_of_a_key(tmp_path: Path) -> None:
    """Every token would depend on it for ever."""
    (tmp_path / ".env").write_text(f"OTHER=\"x\nIDWEAVE_HASH_KEY='{HASH_KEY}\n", encoding="utf-8")
    (found,) = _mistakes(tmp_path, IDWEAVE_HASH_KEY="", IDWEAVE_ID_KEY=ID_KEY)[:1]
    assert found.startswith(".env:2:1: IDWEAVE_HASH_KEY: what begins with a quote does not end with it")


def test_an_environment_file_as_editors_write_it(tmp_path: Path) -> None:
    """Some begin it with a byte order mark; a folder of that name is told as one."""
    (tmp_path / ".env").write_text("IDWEAVE_TOPIC_PREFIX=file\n", encoding="utf-8-sig")
    assert _load(tmp_path).topic_prefix == "file"
    (tmp_path / ".env").unlink()
    (tmp_path / ".env").mkdir()
    assert "cannot be read: is a directory" in _mistakes(tmp_path)[0]


def test_the_file_is_found_in_the_contracts_order(tmp_path: Path) -> None:
    """IDWEAVE_CONFIG beats the working folder's file, which beats the packaged one."""
    _write(tmp_path, "policy: first")
    (tmp_path / "other.yaml").write_text("policy: drop", encoding="utf-8")
    assert _load(tmp_path).configuration.rules.policy == "first"
    assert _load(tmp_path, IDWEAVE_CONFIG="other.yaml").configuration.rules.policy == "drop"
    assert _load(tmp_path / "elsewhere").configuration.rules.policy == "latest"


def test_unhashed_numbers_are_allowed_with_a_warning(tmp_path: Path) -> None:
    """A namespace has only what its line says, and who publishes raw numbers by that is told."""
    _write(tmp_path, "namespaces: {mobile: {normalise: phone}}")
    settings = _load(tmp_path)
    assert settings.configuration.rules.namespaces["mobile"].pii is None
    assert [warning.subject for warning in settings.warnings] == ["namespaces.mobile.normalise"]


def test_missing_keys_say_how_to_make_them(tmp_path: Path) -> None:
    """Both keys are needed, and an empty one is a missing one."""
    found = _mistakes(tmp_path, IDWEAVE_HASH_KEY="", IDWEAVE_ID_KEY="")
    assert [line.split(": ")[1] for line in found] == ["IDWEAVE_HASH_KEY", "IDWEAVE_ID_KEY"]
    assert all("secrets.token_urlsafe" in line for line in found)


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    """Neither a repr nor a mistake holds a key, a token, or a password."""
    settings = _load(
        tmp_path,
        IDWEAVE_REDIS_URL="rediss://user:pw-redis@cache:6380/1",
        IDWEAVE_API_TOKENS="reader:token-r,operator:token-o",
        IDWEAVE_KAFKA_SASL_PASSWORD="pw-kafka",  # noqa: S106
    )
    shown = repr(settings) + str(settings) + str(settings.hash_key) + f"{settings.id_key}"
    for secret in (HASH_KEY, ID_KEY, "pw-redis", "token-r", "token-o", "pw-kafka"):
        assert secret not in shown
    assert settings.redis_shown == "rediss://cache:6380/1"
    assert settings.kafka_settings() == {"sasl.password": "pw-kafka"}
    assert [token.role for token in settings.api_tokens if token.secret.matches("token-o")] == ["operator"]
    mistakes = " ".join(
        _mistakes(tmp_path, IDWEAVE_REDIS_URL="cache:pw-redis", IDWEAVE_API_TOKENS="admin:token-r", IDWEAVE_HTTP="x")
    )
    assert "pw-redis" not in mistakes
    assert "token-r" not in mistakes


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("IDWEAVE_BROKERS", "kafka", "each broker must be host:port"),
        ("IDWEAVE_BROKERS", "a:1,b", "each broker must be host:port"),
        ("IDWEAVE_BROKERS", "a:0", "the port must be from 1 to 65535"),
        ("IDWEAVE_BROKERS", "a:1,", "each broker must be host:port"),
        ("IDWEAVE_REDIS_URL", "http://cache", "must be a Redis address"),
        ("IDWEAVE_REDIS_URL", "redis://", "must be a Redis address"),
        ("IDWEAVE_REDIS_URL", "redis://cache:x", "must be a Redis address"),
        (
            "IDWEAVE_REDIS_URL",
            "redis://:p@ss/w:rd@cache:6379/0",
            "special characters of a password are percent-encoded",
        ),
        ("IDWEAVE_REDIS_URL", "redis://:pw#d@cache:6379/0", "special characters of a password are percent-encoded"),
        ("IDWEAVE_REDIS_URL", "redis+cluster://", "must name nodes of a Redis Cluster"),
        ("IDWEAVE_REDIS_URL", "redis+cluster://n1:7000/1", "and no database"),
        ("IDWEAVE_REDIS_URL", "redis+cluster://n1:7000,", "for example redis+cluster://"),
        ("IDWEAVE_REDIS_URL", "rediss+cluster://u:p#w@n1:7000", "percent-encoded"),
        ("IDWEAVE_TOPIC_PREFIX", "a b", "may have letters"),
        ("IDWEAVE_REDIS_PREFIX", "{a}", "may have letters"),
        ("IDWEAVE_MEMORY_MB", "2G", "must be a whole number of MiB, 1024 or more; for example 2048"),
        ("IDWEAVE_MEMORY_MB", "1023", "must be a whole number of MiB, 1024 or more"),
        ("IDWEAVE_HTTP", "6066", "must be host:port; for example 127.0.0.1:6066"),
        ("IDWEAVE_HTTP", "0.0.0.0:6066", "can be reached from elsewhere"),
        ("IDWEAVE_HTTP", "idweave.example:6066", "can be reached from elsewhere"),
        ("IDWEAVE_HTTP", "127.0.0.1:70000", "the port must be from 0 to 65535"),
        ("IDWEAVE_API_TOKENS", "admin:x", "must be a list of role:token; roles are reader, operator"),
        ("IDWEAVE_API_TOKENS", "reader:", "must be a list of role:token"),
        ("IDWEAVE_API_TOKENS", "reader:x,operator:x", "the same token is there twice"),
        ("IDWEAVE_KAFKA_GROUP_ID", "mine", "group.id is not yours to set"),
        ("IDWEAVE_KAFKA_BOOTSTRAP_SERVERS", "a:1", "set IDWEAVE_BROKERS"),
        ("IDWEAVE_KAFKA_SECURITY_PROTOKOL", "SASL_SSL", "librdkafka has no setting security.protokol"),
        ("IDWEAVE_KAFKA_SECURITY_PROTOCOL", "SASL", "librdkafka takes no such value of security.protocol"),
        ("IDWEAVE_KAFKA_LINGER_MS", "soon", "librdkafka takes no such value of linger.ms"),
    ],
)
def test_a_wrong_variable_is_named_with_what_to_do(tmp_path: Path, name: str, text: str, reason: str) -> None:
    """Exactly one mistake, at the variable, without its text."""
    (found,) = _mistakes(tmp_path, **{name: text})
    assert found.startswith(f"environment: {name}: ")
    assert reason in found


def test_addresses_that_are_right(tmp_path: Path) -> None:
    """Lists, clusters, IPv6, and an open address once there are tokens."""
    settings = _load(
        tmp_path,
        IDWEAVE_BROKERS="a:9092, [::1]:9093",
        IDWEAVE_REDIS_URL="redis+cluster://user:pw@n1:7000,n2:7000",
        IDWEAVE_HTTP="[::]:80",
        IDWEAVE_API_TOKENS="reader:x, reader:y ,operator:z",
        IDWEAVE_PLAINTEXT="allowed",
    )
    assert settings.brokers == ("a:9092", "[::1]:9093")
    assert settings.redis_shown == "redis+cluster://n1:7000,n2:7000"
    assert settings.http == Address("::", 80)
    assert [token.role for token in settings.api_tokens] == ["reader", "reader", "operator"]
    assert _load(tmp_path, IDWEAVE_HTTP="[::1]:0").http == Address("::1", 0)


def test_memory_is_said_in_mebibytes(tmp_path: Path) -> None:
    """Nobody says anything: it is for the container to say."""
    assert _load(tmp_path, IDWEAVE_MEMORY_MB="2048").memory_bytes == 2 << 30
    assert _load(tmp_path).memory_bytes is None


REDIS_TLS = "rediss://u:p@redis.example:6379/0?ssl_ca_certs=/ca.pem"


@pytest.mark.parametrize(
    ("variables", "wrong"),
    [
        ({"IDWEAVE_BROKERS": "kafka.example:9092"}, ["IDWEAVE_BROKERS"]),
        ({"IDWEAVE_BROKERS": "localhost:9092,10.0.0.7:9092"}, ["IDWEAVE_BROKERS"]),
        ({"IDWEAVE_BROKERS": "k:1", "IDWEAVE_KAFKA_SECURITY_PROTOCOL": "sasl_plaintext"}, ["IDWEAVE_BROKERS"]),
        ({"IDWEAVE_BROKERS": "k:1", "IDWEAVE_KAFKA_SECURITY_PROTOCOL": "plaintext"}, ["IDWEAVE_BROKERS"]),
        ({"IDWEAVE_BROKERS": "k:1", "IDWEAVE_KAFKA_SECURITY_PROTOCOL": "SSL"}, []),
        ({"IDWEAVE_BROKERS": "k:1", "IDWEAVE_KAFKA_SECURITY_PROTOCOL": "sasl_ssl"}, []),
        ({"IDWEAVE_BROKERS": "localhost:1,[::1]:2,127.0.0.9:3"}, []),
        ({"IDWEAVE_REDIS_URL": "redis://:secret@redis.example:6379/0"}, ["IDWEAVE_REDIS_URL"]),
        ({"IDWEAVE_REDIS_URL": "redis+cluster://localhost:7000,n2:7000"}, ["IDWEAVE_REDIS_URL"]),
        ({"IDWEAVE_REDIS_URL": "redis://[::1]:6379"}, []),
        ({"IDWEAVE_REDIS_URL": "rediss+cluster://n1:7000,n2:7000"}, []),
        ({"IDWEAVE_REDIS_URL": REDIS_TLS}, []),
        ({"IDWEAVE_BROKERS": "k:1", "IDWEAVE_REDIS_URL": "redis://r"}, ["IDWEAVE_BROKERS", "IDWEAVE_REDIS_URL"]),
        ({"IDWEAVE_BROKERS": "k:1", "IDWEAVE_REDIS_URL": "redis://r", "IDWEAVE_PLAINTEXT": "allowed"}, []),
        ({"IDWEAVE_PLAINTEXT": "yes"}, ["IDWEAVE_PLAINTEXT"]),
    ],
)
def test_plain_text_to_elsewhere_must_be_said(tmp_path: Path, variables: dict[str, str], wrong: list[str]) -> None:
    """Over a network that others may listen on, nothing goes unencrypted by accident; this machine needs nothing."""
    if not wrong:
        _load(tmp_path, **variables)
        return
    found = _mistakes(tmp_path, **variables)
    assert [line.split(": ")[1] for line in found] == wrong
    assert all("allowed" in line for line in found)
    assert "secret" not in "".join(found)


def test_public_keys_are_warned_of_on_servers_of_others(tmp_path: Path) -> None:
    """The keys that `idweave up` shows are for a laptop: where Kafka is another machine they hide nothing."""
    warnings = _load(tmp_path, **DEMO_KEYS, IDWEAVE_BROKERS="kafka-1:9092", IDWEAVE_PLAINTEXT="allowed").warnings
    assert [(warning.subject, warning.place) for warning in warnings] == [(name, "environment") for name in DEMO_KEYS]
    assert all("which everybody knows; make one" in str(warning) for warning in warnings)
    assert _load(tmp_path, **DEMO_KEYS, IDWEAVE_BROKERS="127.0.0.1:9092,[::1]:9093").warnings == ()
    demonstration = load_settings(
        {"IDWEAVE_BROKERS": "kafka-1:9092", "IDWEAVE_PLAINTEXT": "allowed"}, tmp_path, defaults=DEMO_KEYS
    )
    assert demonstration.warnings == (), "the demo took them itself, under a prefix of its own"


def test_kafka_variables_become_librdkafkas_names(tmp_path: Path) -> None:
    """Words with underscores are words with dots."""
    settings = _load(tmp_path, IDWEAVE_KAFKA_SECURITY_PROTOCOL="SASL_SSL", IDWEAVE_KAFKA_SSL_CA_LOCATION="/ca.pem")
    assert settings.kafka_settings() == {"security.protocol": "SASL_SSL", "ssl.ca.location": "/ca.pem"}


def test_precedence_is_command_line_environment_file_default(tmp_path: Path) -> None:
    """And an empty variable is an unset one."""
    (tmp_path / ".env").write_text(
        "# a comment\n\nexport IDWEAVE_TOPIC_PREFIX='file' # why\nIDWEAVE_REDIS_PREFIX = file # why\nOTHER=1\n"
        f'IDWEAVE_HASH_KEY="{HASH_KEY}"\nIDWEAVE_BROKERS=file:1\n',
        encoding="utf-8",
    )
    settings = load_settings(
        {"IDWEAVE_BROKERS": "localhost:1", "IDWEAVE_TOPIC_PREFIX": "", "IDWEAVE_HTTP": "127.0.0.1:1"},
        tmp_path,
        overrides={"IDWEAVE_HTTP": "127.0.0.1:2", "IDWEAVE_REDIS_URL": ""},
        defaults={"IDWEAVE_ID_KEY": ID_KEY, "IDWEAVE_HASH_KEY": "unused"},
    )
    assert (settings.brokers, settings.topic_prefix, settings.redis_prefix) == (("localhost:1",), "file", "file")
    assert (settings.http.port, settings.hash_key, settings.id_key) == (2, Secret(HASH_KEY), Secret(ID_KEY))
    assert settings.redis_url.reveal() == "redis://127.0.0.1:6379/0"


def test_what_is_unwise_is_a_warning(tmp_path: Path) -> None:
    """A variable nobody reads, short keys and one key for two uses do not stop a process."""
    settings = _load(tmp_path, IDWEAVE_BROKER="a:1", IDWEAVE_HASH_KEY="short", IDWEAVE_ID_KEY="short")
    warnings = [str(warning) for warning in settings.warnings]
    assert warnings[0] == "environment: IDWEAVE_BROKER: unknown variable, not used; did you mean 'IDWEAVE_BROKERS'?"
    assert len(warnings) == 4
    assert "short" not in warnings[3]


def test_the_rules_fingerprint_follows_what_people_are_judged_by(tmp_path: Path) -> None:
    """The time zone, how many of a namespace one person has, member rules; not where they are read from."""
    known = {"here": ROOT / "idweave.yaml"}
    for name, old, new in (
        ("zone", "timezone: Asia/Shanghai", "timezone: Europe/Berlin"),
        ("limits", "limit: 3", "limit: 2"),
    ):
        known[name] = tmp_path / f"{name}.yaml"
        text = (ROOT / "idweave.yaml").read_text()
        assert old in text
        known[name].write_text(text.replace(old, new))
    told = {load_settings({**KEYS, "IDWEAVE_CONFIG": str(file)}, tmp_path).rules_fingerprint for file in known.values()}
    assert len(told) == len(known)
    rules = tmp_path / "rules.yaml"
    rules.write_text((ROOT / "rules.yaml").read_text().replace("within_last_days: 90", "within_last_days: 80"))
    assert load_settings({**KEYS}, tmp_path).rules_fingerprint not in told
    assert load_settings({**KEYS, "IDWEAVE_TOPIC_PREFIX": "other"}, ROOT).rules_fingerprint in told


def test_the_fingerprint_follows_keys_and_identity(tmp_path: Path) -> None:
    """Another key or another order of namespaces is another store; another limit is not."""
    before = _load(tmp_path)
    assert before.key_ids == (key_id(HASH_KEY.encode()), key_id(ID_KEY.encode()))
    assert _load(tmp_path, IDWEAVE_HASH_KEY=ID_KEY[::-1]).identity_fingerprint != before.identity_fingerprint
    default = (ROOT / "idweave.yaml").read_text(encoding="utf-8")
    _write(tmp_path, default.replace("limit: 10,", "limit: 11,"))
    assert _load(tmp_path).identity_fingerprint == before.identity_fingerprint
    _write(tmp_path, default.replace("region: CN", "region: HK"))
    assert _load(tmp_path).identity_fingerprint != before.identity_fingerprint


def test_failpoints_are_read_and_warned_of(tmp_path: Path) -> None:
    """They are for tests: whoever has them on is told so at every start; a wrong one is named."""
    settings = _load(tmp_path, IDWEAVE_FAILPOINTS="freeze.after=kill@3")
    assert [(point.step, point.time) for point in settings.failpoints] == [("freeze", 3)]
    assert any("fail on purpose" in str(warning) for warning in settings.warnings)
    assert _load(tmp_path).failpoints == ()
    assert "'melt' is none of" in _mistakes(tmp_path, IDWEAVE_FAILPOINTS="melt.after=kill")[0]


def test_the_session_timeout_is_a_number(tmp_path: Path) -> None:
    """It reaches the consumer group's reader, which takes nothing else."""
    assert _load(tmp_path, IDWEAVE_KAFKA_SESSION_TIMEOUT_MS="1500").kafka == {"session.timeout.ms": "1500"}
    assert "milliseconds" in _mistakes(tmp_path, IDWEAVE_KAFKA_SESSION_TIMEOUT_MS="1.5s")[0]
