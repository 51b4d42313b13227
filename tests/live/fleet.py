"""A fleet: workers that are started again whenever they end, as a supervisor does it.

Rule: a worker may end only by what the test has done to it; which ends those are, it says beforehand.
Must not know: what the workers work on.
"""

import os
import signal
import time
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping

from stream.bugs import EXIT_BUG
from stream.servers.child_process import ChildProcess
from tests.live.engine import LOOK_SECONDS, Engine

STOP_SECONDS = 30.0
EXIT_FAILED = 1
"""A server was missing at the start."""
KILLED = -signal.SIGKILL
QUICK = {"IDWEAVE_KAFKA_SESSION_TIMEOUT_MS": "2000"}
"""So that a killed worker's partitions move while a test waits."""


class Fleet:
    """So many workers on an engine; each takes the next of `plans` as its failpoints, and none when all are taken."""

    def __init__(
        self,
        engine: Engine,
        size: int,
        plans: Iterable[str] = (),
        may_end: Collection[int] = (KILLED,),
        settings: Mapping[str, str] = QUICK,
    ) -> None:
        self.ends: Counter[int] = Counter()
        """How often workers ended, by exit code."""
        self.met: Counter[str] = Counter()
        """How often by a failpoint, by its step and place."""
        self.plans = deque(plans)
        self._engine = engine
        self._may_end = may_end
        self._settings = settings
        self._carrying: dict[int, str] = {}  # process id -> its plan
        for _ in range(size):
            self._start()
        engine.look_after = self.tend

    @property
    def pending(self) -> int:
        """Plans that no worker has ended by yet."""
        return len(self.plans) + len(self._carrying)

    def tend(self) -> None:
        """Start again what has ended."""
        for worker in list(self._engine.workers):
            code = worker.exit_code
            if code is None:
                continue
            assert code in self._may_end, f"exit code {code}: {worker.last_log_lines()}"
            self.ends[code] += 1
            plan = self._carrying.pop(worker.pid, "")
            if plan and code == EXIT_FAILED:
                self.plans.append(plan)
            elif plan:
                self.met[plan.partition("=")[0]] += 1
            if code == EXIT_BUG:
                self._look_at_the_bug(worker)
                self._engine.dismiss(worker)
            else:
                self._engine.workers.remove(worker)
            self._start()

    def kill(self, worker: ChildProcess) -> None:
        """`kill -9`, wherever it is; its plan is for another one."""
        if worker.exit_code is None:
            if plan := self._carrying.pop(worker.pid, ""):
                self.plans.append(plan)
            os.kill(worker.pid, signal.SIGKILL)
            while worker.exit_code is None:
                time.sleep(LOOK_SECONDS)

    def replace(self, worker: ChildProcess) -> None:
        """Stop one and start another one, which takes its plan over."""
        if plan := self._carrying.pop(worker.pid, ""):
            self.plans.append(plan)
        worker.stop(patience_seconds=STOP_SECONDS)
        self._engine.workers.remove(worker)
        self._start()

    def _look_at_the_bug(self, worker: ChildProcess) -> None:
        """A line that says where it was, and no more."""
        assert '"level":"critical"' in worker.last_log_lines()[-1]
        assert "Traceback" not in worker.log.read_text()

    def _start(self) -> ChildProcess:
        plan = self.plans.popleft() if self.plans else ""
        worker = self._engine.start_worker(**self._settings, **({"IDWEAVE_FAILPOINTS": plan} if plan else {}))
        if plan:
            self._carrying[worker.pid] = plan
        return worker
