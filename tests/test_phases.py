"""Where an event's CPU goes: every phase is measured, and small batches project more."""

import json
from pathlib import Path

import pytest

from benchmarks import phases


def test_every_phase_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every draw and size of batch; and an event of a small batch leads to more profiles than one of a large one."""
    monkeypatch.setattr(phases, "BATCHES", (10, 400))
    kept = tmp_path / "phases.json"
    assert phases.main(["--events", "400", "--results", str(kept)]) == 0
    found = json.loads(kept.read_text())
    for draw in phases.PEOPLE:
        for batch in phases.BATCHES:
            assert all(found[f"{draw} {batch}"][phase] > 0 for phase in phases.PHASES)
    assert found["skewed 10"]["projected"] > found["skewed 400"]["projected"] > 0
    assert found["machine"]["cores"] > 0
