"""A server that this process starts, waits for and stops, on loopback.

Its rules: a child is ready when its own protocol has answered, not when its port is open; every wait has an end; a
child never outlives the process that started it. On Linux the kernel kills it when the starting *thread* ends, so
start servers from a thread that lives as long as they do; elsewhere it is stopped as the interpreter exits, which a
`kill -9` of the starting process escapes. A child has its own session: Ctrl-C reaches this process alone, which can
then drain before it stops what it drains into.

It must not know which server it runs.
"""

import atexit
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"
POLL_SECONDS = 0.02
LOG_LINES = 12
PORT_MIN, PORT_MAX = 15_000, 32_000
PORT_TRIES = 100

# Run by an interpreter of its own that then becomes the server (same process id): setting this between fork and exec
# in this process could hang it, because other threads may hold locks at that instant.
_BECOME_CHILD_THAT_DIES_WITH_PARENT = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the process that wanted this server has ended")
os.execv(sys.argv[2], sys.argv[2:])
"""


class ServerError(Exception):
    """A server could not be had; the message is a sentence that says what to do."""


class ServerMissingError(ServerError):
    """The server's program is not on this machine, or not made for its platform."""


class PortTakenError(ServerError):
    """Another program listens on the port that the server was told to use."""


class ServerDiedError(ServerError):
    """The server ended by itself; the message holds the last lines of its log."""


class ServerNotReadyError(ServerError):
    """The server runs, but did not answer its own protocol in time."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this instant.

    It lies below the ports that systems give to outgoing connections: among those, a client that keeps trying to reach
    a stopped server can be given the server's own port, connects to itself, and the server cannot come back.
    """
    for _ in range(PORT_TRIES):
        port = PORT_MIN + secrets.randbelow(PORT_MAX - PORT_MIN)
        with contextlib.suppress(PortTakenError):
            require_free_port(port, "server")
            return port
    raise PortTakenError(f"No free port was found on {LOOPBACK} between {PORT_MIN} and {PORT_MAX}; stop some programs.")


def require_free_port(port: int, server: str) -> None:
    """Raise `PortTakenError`, with a sentence for a person, unless `server` can listen on the loopback `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port in TIME_WAIT is free, as servers see it
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise PortTakenError(_taken(port, server)) from error


def accepts_connections(port: int) -> bool:
    """Whether something on loopback listens on `port`: asked before a client library that logs each refusal is."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


class ChildProcess:
    """One server: a command, the folder it runs and logs in, and the port it serves.

    `environment` replaces this process's own, so that a variable meant for another program configures nothing.
    """

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, port: int, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.command = tuple(command)
        self.folder = folder
        self.port = port
        self.environment = {"PATH": os.defpath, "LC_ALL": "C"} if environment is None else dict(environment)
        self.log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The operating system's id of the running server."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the server was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """How a server ended that did so by itself, a signal as a negative number; None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self, answers: Callable[[], bool], ready_seconds: float) -> None:
        """Start the server and return once `answers()` says that it speaks its protocol.

        Raises `PortTakenError`, `ServerMissingError`, `ServerDiedError`, or `ServerNotReadyError` after
        `ready_seconds`; the server is not left running then.
        """
        assert not self.alive, f"{self.name} is running already"
        require_free_port(self.port, self.name)
        self._spawn()
        try:
            self._wait_until(answers, ready_seconds)
        except BaseException:
            self.kill()
            raise

    def require_alive(self) -> None:
        """Raise `PortTakenError` or `ServerDiedError` if the server has ended by itself."""
        if self.alive:
            return
        last = self.last_log_lines()
        if any("address already in use" in line.lower() or "addrinuse" in line.lower() for line in last):
            raise PortTakenError(_taken(self.port, self.name))
        log = "\n  ".join(last) or "(it wrote nothing)"
        raise ServerDiedError(f"The {self.name} on port {self.port} has stopped by itself. Its last words:\n  {log}")

    def last_log_lines(self) -> list[str]:
        """The end of the server's log, at most `LOG_LINES` lines."""
        if not self.log.exists():
            return []
        return self.log.read_text(errors="replace").splitlines()[-LOG_LINES:]

    def stop(self, patience_seconds: float = 10.0) -> None:
        """Ask the server to end, kill it if it has not within `patience_seconds`; stopping twice is fine."""
        if self._process is not None and self._process.poll() is None:
            self.resume()  # a paused process does not see a request to end
            self._process.terminate()
            try:
                self._process.wait(patience_seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._reap()

    def kill(self) -> None:
        """End the server as a crash would (SIGKILL), without a chance to write anything."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        self._reap()

    def pause(self) -> None:
        """Freeze the server (SIGSTOP): its connections stay open and nothing answers, as when a machine hangs."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on (SIGCONT); harmless when it runs."""
        os.kill(self.pid, signal.SIGCONT)

    def _spawn(self) -> None:
        program = Path(self.command[0])
        if not os.access(program, os.X_OK):
            raise ServerMissingError(
                f"The {self.name} cannot be started: there is no program that may run at {program}."
            )
        command = list(self.command)
        if sys.platform == "linux":
            guard = [sys.executable, "-I", "-S", "-c", _BECOME_CHILD_THAT_DIES_WITH_PARENT, str(os.getpid())]
            command = guard + command
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - no shell; the caller names the program
                command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        atexit.register(self.kill)

    def _wait_until(self, answers: Callable[[], bool], ready_seconds: float) -> None:
        deadline = time.monotonic() + ready_seconds
        while True:
            self.require_alive()
            if answers():
                self.require_alive()  # else another program answered on the port while this one was ending
                return
            if time.monotonic() > deadline:
                raise ServerNotReadyError(
                    f"The {self.name} did not answer on port {self.port} within {ready_seconds:.0f} s. The machine may"
                    f" be too busy: try again, or read {self.log}."
                )
            time.sleep(POLL_SECONDS)

    def _reap(self) -> None:
        atexit.unregister(self.kill)
        if self._process is not None:
            self._process.wait()
            self._process = None


def _taken(port: int, server: str) -> str:
    return (
        f"Port {port} on {LOOPBACK} is taken, so the {server} cannot start there. Stop the program that listens on it,"
        " or choose another port."
    )
