"""The pulse: how far the engine was at each of the last instants at which somebody measured, for who watches.

Rules: bounded; a rate is never negative, also where positions were set back.
Must not know: who measures, who watches.
"""

from collections import deque
from typing import Final

from topics.answers import Beat
from topics.instants import to_text

BEATS_MAX: Final = 120


class Pulse:
    """The last beats, oldest first."""

    def __init__(self) -> None:
        self.beats: deque[Beat] = deque(maxlen=BEATS_MAX)
        self._before: tuple[int, int] | None = None

    def note(self, at_us: int, published: int, behind: int) -> None:
        """What was measured: records published since the topic was made, and how many of them are not resolved yet."""
        done = published - behind
        rate = None
        if self._before is not None and at_us > self._before[0]:
            since_us, done_before = self._before
            rate = round(max(done - done_before, 0) * 1_000_000 / (at_us - since_us), 1)
        self._before = at_us, done
        self.beats.append({"at": to_text(at_us), "published": published, "behind": behind, "per_second": rate})
