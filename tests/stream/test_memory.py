"""Memory: what a worker may take, and that it remembers less before it takes more."""

import resource
from pathlib import Path

import pytest

from resolvers.cache import COMPONENTS, Cache
from stream.memory import COMPONENTS_LEAST, Memory, container_limit, resident

MIB = 1 << 20


class Process:
    """A process of a size that the test says, and its cache."""

    def __init__(self, limit_mib: int | None) -> None:
        self.mib = 0
        self.cache = Cache()
        self.memory = Memory(None if limit_mib is None else limit_mib * MIB, lambda: self.mib * MIB)

    def grown_to(self, mib: int) -> int:
        """How many components are kept after a look at this size."""
        self.mib = mib
        self.memory.look(self.cache)
        return self.memory.components


def test_it_remembers_half_as_much_from_three_quarters_on() -> None:
    """Once; Python keeps what it has freed, so the size alone is no reason to do it again."""
    process = Process(1000)
    assert process.grown_to(749) == COMPONENTS
    assert process.grown_to(750) == COMPONENTS // 2
    assert process.grown_to(760) == COMPONENTS // 2
    assert process.grown_to(700) == COMPONENTS // 2


def test_it_remembers_still_less_where_it_grows_further() -> None:
    """By a twentieth each time, down to what a batch needs, and no further."""
    process = Process(1000)
    process.grown_to(750)
    assert process.grown_to(787) == COMPONENTS // 2
    assert process.grown_to(788) == COMPONENTS // 4
    sizes = [process.grown_to(788 + 100 * n) for n in range(20)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == COMPONENTS_LEAST


def test_without_a_limit_nothing_is_forgotten_early() -> None:
    """However large it is."""
    assert Process(None).grown_to(1_000_000) == COMPONENTS


@pytest.mark.parametrize(
    ("name", "text", "limit"),
    [
        ("memory.max", "2147483648\n", 2 << 30),
        ("memory.max", "max\n", None),
        ("memory.max", "", None),
        ("memory/memory.limit_in_bytes", "536870912\n", 512 * MIB),
        ("memory/memory.limit_in_bytes", "9223372036854771712\n", None),
        ("other", "1", None),
    ],
)
def test_what_a_container_may_take(tmp_path: Path, name: str, text: str, limit: int | None) -> None:
    """By either version of the kernel's groups; no limit is none, however it is said."""
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    assert container_limit(tmp_path) == limit


def test_what_this_process_takes() -> None:
    """More than nothing, and no more than it ever did."""
    assert 10 * MIB < resident() <= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + 16 * MIB
