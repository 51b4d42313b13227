"""The command line: every wrong use is a sentence and an exit code, and no value of an event is repeated."""

import json
import logging
import os
import re
import socket
import subprocess
import sys
import threading
from importlib import metadata
from io import StringIO
from pathlib import Path
from typing import BinaryIO, NoReturn

import pytest
import structlog

from sinks.store import StoreError, StoreFullError
from stream.cli import command as command_module
from stream.cli.console import complain, no_broker, no_store, say
from stream.cli.main import run
from stream.cli.store import unread
from stream.config.settings import load_settings
from stream.logging_setup import set_up_logging
from stream.reading.walking import UnavailableError

KEYS = {
    "IDWEAVE_HASH_KEY": "hash-key-for-tests-that-is-long-enough",
    "IDWEAVE_ID_KEY": "id-key-for-tests-that-is-long-enough-too",
}
NOBODY = "127.0.0.1:1"  # a port that no server listens on
GOOD = {
    "id": "wifi-1",
    "source": "/wifi",
    "type": "wifi.login",
    "time": "2026-11-20T10:00:00+08:00",
    "data": {"identifiers": {"phone": "138 0013 8001"}},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder and an environment without settings, but for the two keys."""
    monkeypatch.chdir(tmp_path)
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)
    for name in ("IDWEAVE_BROKERS", "IDWEAVE_REDIS_URL", "IDWEAVE_CONFIG", "IDWEAVE_HTTP"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    code = run(list(arguments))
    captured = capsys.readouterr()
    assert "Traceback" not in captured.out + captured.err
    return code, captured.out, captured.err


def test_an_identifier_is_never_a_picture(capsys: pytest.CaptureFixture[str]) -> None:
    """What stands between colons is text."""
    say("card main:A: and openid main:tiger:")
    complain("card main:B:")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("card main:A: and openid main:tiger:\n", "card main:B:\n")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nope"], "No such command 'nope'. See `idweave --help`."),
        (["profil"], "Did you mean 'profile'? See `idweave --help`."),
        (["demo", "--people", "three"], "--people"),
        (["demo", "--brokers", NOBODY], "Name both --brokers and --redis"),
        (["--brokers", "", "topics", "list"], "--brokers is empty"),
        (["audit", "--redis", " "], "--redis is empty"),
        (["up", "--brokers", NOBODY], "No such option: --brokers"),
        (["--brokers", NOBODY, "up"], "run `idweave worker`"),
        (["up", "--broker-port", "8080", "--store-port", "8080"], "--broker-port and --store-port both name 8080"),
        (["generate", "--day", "yesterday"], "--day is a calendar day, written YYYY-MM-DD."),
        (["generate", "--out", "a.json", "--truth", "./a.json"], "--out and --truth name one file"),
        (["publish", "nothing.jsonl"], "nothing.jsonl cannot be opened: no such file or directory."),
        (["token", "phone"], "An identifier is written namespace:value"),
        (["token", "fax:123"], "The namespace is not declared"),
        (["explain", "card:1", "fax:123"], "The namespace is not declared"),
        (["merge", "card:1", "fax:123"], "The namespace is not declared"),
        (["merge", "card:1"], "A merge is of two identifiers or more: name another one."),
        (["split", "phone:x"], "This is no valid value of phone; write a number as it is dialled"),
        (["undo"], "Missing argument"),
        (["profile", "13800138000"], "This is neither a profile id"),
        (["timeline", "A" * 26], "This is neither a profile id"),
        (["erase", "13800138000", "--yes"], "This is neither a profile id"),
        (["explain", "card:1"], "Missing argument"),
        (["--brokers", "kafka", "topics", "list"], "command line: IDWEAVE_BROKERS: each broker must be host:port"),
    ],
)
def test_wrong_usage_is_a_sentence(capsys: pytest.CaptureFixture[str], arguments: list[str], word: str) -> None:
    """What cannot be understood ends with exit code 2 and says what would be."""
    code, _, err = said(capsys, *arguments)
    assert code == 2
    assert word in err
    assert "13800138000" not in err.replace("phone:13800138000", ""), "the example is not what was given"


@pytest.mark.parametrize("arguments", [["publish", "-"], ["profile", "-"], ["erase", "-"]])
def test_without_an_input_there_is_nothing_to_read(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    """As where cron or a service manager has closed it."""
    monkeypatch.setattr("sys.stdin", None)
    code, _, err = said(capsys, *arguments)
    assert (code, err) == (2, "There is no standard input to read from: it was closed.\n")


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["worker"], "No Kafka broker answers at 127.0.0.1:1"),
        (["profile", "a" * 26, "--redis", "redis://127.0.0.1:1"], "No Redis answers at redis://127.0.0.1:1"),
        (["explain", "card:1", "card:2", "--redis", "redis://127.0.0.1:1"], "No Redis answers at redis://127.0.0.1:1"),
    ],
)
def test_a_missing_server_is_a_sentence(capsys: pytest.CaptureFixture[str], arguments: list[str], word: str) -> None:
    """Who has no servers learns which one is missing, where it was looked for, and what to do."""
    code, _, err = said(capsys, "--brokers", NOBODY, *arguments)
    assert code == 1
    assert word in err
    assert "or name yours with --" in err


@pytest.mark.parametrize(
    ("error", "reason", "do"),
    [
        (
            StoreFullError("Redis has no memory left: command not allowed when used memory > 'maxmemory'."),
            "no memory left: command not allowed when used memory > 'maxmemory')",
            "Give it more",
        ),
        (
            StoreFullError("Redis is busy: BUSY Redis is busy running a script. You can only call SCRIPT KILL."),
            "running a script)",
            "SCRIPT KILL",
        ),
        (
            StoreError("Redis refused a command: MISCONF Redis is configured to save RDB snapshots. Commands."),
            "snapshots)",
            "disk",
        ),
        (
            StoreError(
                "Redis refused a command: NOREPLICAS Not enough good replicas to write. script: 4f, on @user_script:3."
            ),
            "to write)",
            "min-replicas-to-write",
        ),
        (
            StoreError("Redis refused a command: this user has no permissions to run the 'evalsha' command"),
            "'evalsha' command)",
            "docs/security.md",
        ),
        (
            StoreError("Redis refused a command on idweave:i:*: WRONGTYPE Operation against a key."),
            "idweave:i:*: WRONGTYPE",
            "docs/rebuild.md",
        ),
        (StoreError("Redis refused a command: something new."), "something new)", "`idweave doctor`"),
    ],
)
def test_a_store_that_refuses_is_a_sentence(error: StoreError, reason: str, do: str) -> None:
    """What a Redis says that answers and does not do its part comes with what to do about it, whoever has asked."""
    settings = load_settings({**KEYS}, Path.cwd())
    sentence = str(no_store(settings, error, "it goes on"))
    assert sentence.startswith("Redis at redis://127.0.0.1:6379/0 does not do what it is asked (Redis ")
    assert sentence.endswith(" Then run it again: it goes on.")
    assert reason in sentence
    assert do in sentence
    assert not re.search(r"\.\.|@user_script", sentence)
    assert str(unread(settings, "profile", unavailable(error))) == str(no_store(settings, error))


def test_a_store_that_refuses_in_the_middle_is_no_mistake_of_ours(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a command has no sentence of its own for it."""

    async def refuse(*_: object) -> NoReturn:
        raise StoreFullError("Redis has no memory left: command not allowed.")

    monkeypatch.setattr("stream.cli.profile.open_store", refuse)
    code, _, err = said(capsys, "profile", "a" * 26)
    assert code == 1
    assert err.startswith("The store does not do what it is asked: Redis has no memory left: command not allowed. Give")


def unavailable(cause: StoreError) -> UnavailableError:
    """What a look-up raises because of it."""
    error = UnavailableError("the store does not answer")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "if it asks who you are"),
        ({"IDWEAVE_KAFKA_SECURITY_PROTOCOL": "SSL"}, "It is asked by SSL: look at IDWEAVE_KAFKA_*"),
    ],
)
def test_a_broker_that_does_not_answer_may_be_asked_in_the_wrong_way(variables: dict[str, str], words: str) -> None:
    """SASL or TLS that is switched on, or off, by mistake looks like a broker that is away."""
    assert words in str(no_broker(load_settings({**KEYS, **variables}, Path.cwd()), "Broker transport failure"))


def test_a_server_that_speaks_something_else_is_named_with_a_reason(capsys: pytest.CaptureFixture[str]) -> None:
    """A lost connection has a reason in the sentence, also where the client library gives none."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer_nothing() -> None:
            listener.accept()[0].close()

        hang_up = threading.Thread(target=answer_nothing)
        hang_up.start()
        code, _, err = said(capsys, "profile", "a" * 26, "--redis", f"rediss://127.0.0.1:{port}/0")
        hang_up.join()
    assert code == 1
    assert f"No Redis answers at rediss://127.0.0.1:{port}/0 (" in err
    assert "()" not in err


def test_all_taken_ports_are_named_together(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broker, store and console, each with how to choose another, before any server is started."""
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [listener.getsockname()[1] for listener in (one, other)]
        monkeypatch.setenv("IDWEAVE_HTTP", f"127.0.0.1:{ports[0]}")
        code, out, err = said(capsys, "up", "--broker-port", str(ports[0]), "--store-port", str(ports[1]))
    assert (code, out) == (1, "")
    broker, store, http, last = err.splitlines()
    taken = "on 127.0.0.1 is taken, so the embedded"
    assert broker == f"Port {ports[0]} {taken} broker cannot start there. `--broker-port N` names another."
    assert store == f"Port {ports[1]} {taken} store cannot start there. `--store-port N` names another."
    assert http.startswith(f"Cannot serve HTTP on 127.0.0.1:{ports[0]}: Address already in use. Set IDWEAVE_HTTP")
    assert last.startswith("Is an `idweave up` running already?")


@pytest.mark.parametrize(
    ("variables", "command", "word"),
    [
        ({"SECURITY_PROTOCOL": "SASL_SSL", "SASL_MECHANISM": "PLAIN"}, "topics", "sasl.username and sasl.password"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CA_LOCATION": "/nowhere"}, "topics", "ssl.ca.location failed"),
        ({"SASL_USERNAME": "amy", "SASL_PASSWORD": "hunter2"}, "worker", "sasl.password, sasl.username"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CA_LOCATION": "/nowhere"}, "worker", "No such file"),
    ],
)
def test_kafka_settings_that_do_not_go_together_are_a_sentence(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    command: str,
    word: str,
) -> None:
    """What only a client can find wrong with IDWEAVE_KAFKA_* is wrong usage and no mistake of ours; secrets stay."""
    for name, text in variables.items():
        monkeypatch.setenv(f"IDWEAVE_KAFKA_{name}", text)
    code, _, err = said(capsys, "--brokers", NOBODY, command, *(["list"] if command == "topics" else []))
    assert code == 2
    assert err.startswith("environment: IDWEAVE_KAFKA_*: ")
    assert word in err
    assert "hunter2" not in err


def test_the_version_is_all_that_is_said_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """For scripts and bug reports."""
    assert said(capsys, "--version") == (0, f"{metadata.version('idweave')}\n", "")


@pytest.mark.parametrize(
    ("person", "arguments", "answer", "requests"),
    [
        (True, [], "n\n", 0),
        (True, [], "\n", 0),
        (True, [], "y\n", 1),
        (True, ["--yes"], "", 1),
        (True, ["--dry-run"], "", 1),
        (False, [], "", 1),
    ],
)
def test_an_erase_asks_a_person_once(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    person: bool,
    arguments: list[str],
    answer: str,
    requests: int,
) -> None:
    """At a terminal, unless --yes says so or nothing is changed; a script is never asked."""
    sent: list[object] = []
    monkeypatch.setattr(command_module, "at_a_terminal", lambda: person)
    monkeypatch.setattr(command_module, "_request", lambda *asked, **_: sent.append(asked))
    monkeypatch.setattr("sys.stdin", StringIO(answer))
    code, out, err = said(capsys, "erase", "phone:13800138000", *arguments)
    assert (len(sent), code, out.strip()) == (requests, 0 if requests else 1, "")
    assert ("Erase this person? [y/N]" in err) == (answer != "")
    assert ("Nothing was erased." in err) == (requests == 0)
    assert "138" not in err


def test_every_configuration_mistake_is_named_with_its_place(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`config check` goes on after the first mistake; file, line and column lead to each."""
    (folder / "idweave.yaml").write_text("namespaces:\n  phone: {person: yes, limitt: 3}\npolicy: newest\n")
    monkeypatch.delenv("IDWEAVE_ID_KEY")
    code, _, err = said(capsys, "config", "check")
    assert code == 2
    lines = err.replace(f"{folder}/", "").splitlines()
    assert any(line.startswith("environment: IDWEAVE_ID_KEY: is not set; export the one") for line in lines)
    assert "idweave.yaml:2:24: namespaces.phone.limitt: unknown setting; did you mean 'limit'?" in lines
    assert any(line.startswith("idweave.yaml:3:9: policy: unknown value") for line in lines)
    code, _, _ = said(capsys, "worker")
    assert code == 2, "the worker refuses what the check refuses"


def test_a_misspelt_variable_is_warned_of_beside_the_mistake_that_it_makes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who wrote IDWEAVE_HASHKEY learns that no key is set, and why."""
    monkeypatch.delenv("IDWEAVE_HASH_KEY")
    monkeypatch.setenv("IDWEAVE_HASHKEY", KEYS["IDWEAVE_HASH_KEY"])
    code, _, err = said(capsys, "config", "check")
    assert code == 2
    warning = "warning: environment: IDWEAVE_HASHKEY: unknown variable, not used; did you mean 'IDWEAVE_HASH_KEY'?"
    assert err.splitlines()[0] == warning
    assert "environment: IDWEAVE_HASH_KEY: is not set" in err


def test_a_good_configuration_is_summed_up(capsys: pytest.CaptureFixture[str]) -> None:
    """`config check` says which file counts and shows no secret."""
    code, out, err = said(capsys, "--redis", "redis://:geheim@127.0.0.1:6379/0", "config", "check")
    assert (code, err) == (0, "")
    assert "idweave.yaml: good. Policy latest; strongest first: card, unionid, phone" in out
    assert "geheim" not in out
    assert all(key not in out for key in KEYS.values())


def test_the_same_value_in_any_writing_has_one_token(capsys: pytest.CaptureFixture[str]) -> None:
    """`token` goes through the normaliser of events, prints the token alone, and never the value."""
    tokens = {said(capsys, "token", text) for text in ("phone:13800138001", "phone:+86 138-0013-8001")}
    assert len(tokens) == 1
    code, out, err = tokens.pop()
    assert (code, err) == (0, "")
    assert len(out.strip()) == 30
    assert said(capsys, "token", "openid:o12")[1] == "main:o12\n"


def test_check_names_line_code_and_reason_and_no_value(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """What the worker would refuse is listed with its line in the file, blank ones counted; good ones are summed up."""
    bad = GOOD | {"data": {"identifiers": {"phone": ["138 0013 8001"], "fax": "020 1234"}}}
    nobody = GOOD | {"data": {"identifiers": {"phone": "not a number"}}}
    lines = [json.dumps(GOOD), "", json.dumps(bad), '{"id": "13800138001"', json.dumps(nobody), json.dumps([])]
    (folder / "events.jsonl").write_text("\n".join(lines))
    code, out, err = said(capsys, "publish", "events.jsonl", "--check")
    assert code == 1
    assert [line.partition(": ")[0] for line in out.splitlines()[:-1]] == [f"events.jsonl:{n}" for n in (3, 4, 5, 6)]
    codes = [line.split(": ")[1] for line in out.splitlines()[:-1]]
    assert codes == ["unknown_namespace", "invalid_json", "no_identifier", "invalid_event"]
    assert out.splitlines()[-1] == "1 event would be accepted, 4 refused."
    assert "Correct these lines" in err
    assert "8001" not in out + err
    assert "1234" not in out + err


def test_check_of_a_good_file_needs_no_server_and_no_key(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A publisher can check a file anywhere."""
    monkeypatch.delenv("IDWEAVE_HASH_KEY")
    monkeypatch.delenv("IDWEAVE_ID_KEY")
    (folder / "events.jsonl").write_text(json.dumps(GOOD) + "\n")
    assert said(capsys, "publish", "events.jsonl", "--check")[:2] == (0, "1 event would be accepted, 0 refused.\n")


def test_a_generated_day_is_what_it_says(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """The same seed writes the same files, and `--check` refuses exactly what the truth file says has to be."""
    for name in ("one", "two"):
        where = ["--out", name, "--truth", f"{name}.json"]
        assert said(capsys, "generate", "--people", "20", "--day", "2026-11-20", *where)[0] == 0
    assert (folder / "one").read_bytes() == (folder / "two").read_bytes()
    truth = json.loads((folder / "one.json").read_bytes())
    refused = sum(truth["dead_letters"].values())
    out = said(capsys, "publish", "one", "--check")[1]
    assert out.splitlines()[-1].endswith(f"accepted, {refused} refused.")
    assert len([line for line in out.splitlines() if line.startswith("one:")]) == refused


@pytest.fixture
def _thread_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set for threads that end by an exception is put back."""
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)


@pytest.mark.usefixtures("_thread_hook")
def test_logs_are_json_and_quote_no_exception() -> None:
    """An exception of ours is logged as its type and its lines of code, also a thread's; a socket's keeps its words."""
    stream = StringIO()
    set_up_logging(stream)
    error = ValueError("13800138001")
    try:
        structlog.get_logger("idweave.test").warning("failed", reason=error, exc_info=error)
        logging.getLogger("faust.agents").error("crashed: %r", error, exc_info=error)
        logging.getLogger("aiokafka").error("lost: %s", ConnectionError("no route to broker"))
        logging.getLogger("faust").info("not for an operator")
        thread = threading.Thread(target=int, args=["no 13800138001"], name="reader")
        thread.start()
        thread.join()
    finally:
        structlog.reset_defaults()
        logging.basicConfig(force=True)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    messages = ["failed", "crashed: 'ValueError'", "lost: ConnectionError: no route to broker", "a thread has ended"]
    assert [line["message"] for line in lines] == messages
    assert lines[0]["reason"] == lines[0]["error"] == lines[1]["error"] == "ValueError"
    assert (lines[3]["thread"], lines[3]["error"]) == ("reader", "ValueError")
    assert "13800138001" not in stream.getvalue()


def test_a_terminal_without_chinese_gets_code_points(folder: Path) -> None:
    """What a terminal's encoding does not have is written as its code point, and the command does its work."""
    told = _run("rules", "test", PYTHONIOENCODING="ascii")
    assert (told.returncode, told.stderr) == (0, b"")
    (folder / "why.txt").touch()
    told = _run("publish", "文件.jsonl", PYTHONIOENCODING="ascii")
    assert told.returncode == 2
    assert told.stderr.startswith(rb"\u6587\u4ef6.jsonl cannot be opened")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_a_full_disk_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing can be written any more, that is what is said: of the output, and of a file by its name."""
    with Path("/dev/full").open("wb") as full:
        told = _run("config", "check", to=full)
    assert told.returncode == 1
    assert told.stderr.startswith(b"There is no space left where the output goes.")
    code, _, err = said(capsys, "generate", "--people", "5", "--out", "/dev/full")
    assert (code, err) == (1, "/dev/full cannot be written: No space left on device. Name another place.\n")


def _run(*arguments: str, to: int | BinaryIO = subprocess.PIPE, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own, with an output of its own."""
    command = [sys.executable, "-m", "stream.cli", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environ}
    return subprocess.run(command, stdout=to, stderr=subprocess.PIPE, env=environ, timeout=60, check=False)  # noqa: S603
