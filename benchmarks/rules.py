"""How long do the default member rules take for one ordinary profile?

Run: `python -m benchmarks.rules`. The profile is the golden example, and the fields that rules read and it has not yet.
"""

import timeit
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from resolvers.judging import Rulebook
from stream.rules_file import PACKAGED_FILE, read_rules
from topics.codec import decode
from topics.instants import DAY_US

EXAMPLE = Path(__file__).parents[1] / "topics" / "examples" / "profiles.jsonl"
NOW_US = 1_795_233_660_125_007 + 3 * DAY_US
ROUNDS = 7
CALLS = 10_000


def profile() -> dict[str, Any]:
    """A member with one order, who follows on WeChat."""
    found: dict[str, Any] = decode(EXAMPLE.read_bytes().splitlines()[0])
    found["activity"] |= {"since": "2026-11-21T00:00:00Z", "silence_days": 0}
    found["coupons"]["next_expires_at"] = "2026-12-21T00:00:00Z"
    found["points"]["changed_at"] = "2026-11-21T04:01:00Z"
    found["engagement"] = {"last_at": "2026-11-21T04:01:00Z", "campaigns": []}
    return found


def main() -> None:
    """Print the best of some rounds."""
    rules, mistakes = read_rules(PACKAGED_FILE)
    assert not mistakes
    book = Rulebook(rules.rules, ZoneInfo("Asia/Shanghai"))
    contents = profile()
    best_s = min(timeit.repeat(lambda: book.judge(contents, NOW_US), number=CALLS, repeat=ROUNDS))
    number = sum(len(named) for named in book.sections.values())
    print(f"{number} rules on one profile: {best_s / CALLS * 1e6:.1f} us")


if __name__ == "__main__":
    main()
