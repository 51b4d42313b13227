"""Alerts and the dashboard: they name what exists, they fire when they should, and each says what to do then."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

from stream.metric_catalogue import ALL, LABELS, PROCESS, series

ROOT = Path(__file__).parents[2]
RULES_FILE = ROOT / "deploy" / "prometheus" / "alerts.yml"
CASES_FILE = Path(__file__).parent / "alerts_test.yml"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
DASHBOARD: dict[str, Any] = orjson.loads((ROOT / "deploy" / "grafana" / "idweave.json").read_bytes())
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
ALERTS: list[dict[str, Any]] = [
    rule for group in YAML(typ="safe").load(RULES_FILE)["groups"] for rule in group["rules"]
]
KNOWN = {name for metric in ALL for name in series(metric)} | PROCESS.keys() | {"up"}
OF_PROMETHEUS = {"job", "instance", "le"}
COLUMNS = 24


def expressions() -> Iterator[tuple[str, str]]:
    """Every expression of alerts and dashboard, with whose it is."""
    for alert in ALERTS:
        yield alert["alert"], alert["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]


@pytest.mark.parametrize(("whose", "expression"), list(expressions()))
def test_expressions_name_what_exists(whose: str, expression: str) -> None:
    """Every metric is in the catalogue, and every label that is selected or summed by is one of theirs."""
    named = set(re.findall(r"\b(?:idweave|process)_\w+|\bup\b", expression))
    assert named, whose
    assert named <= KNOWN, whose
    grouped = {
        name for group in re.findall(r"\b(?:by|on|group_left) \(([^)]*)\)", expression) for name in _words(group)
    }
    selected = set(re.findall(r"(\w+)=", " ".join(re.findall(r"\{([^}]*)\}", expression))))
    assert grouped | selected <= LABELS.keys() | OF_PROMETHEUS, whose


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    """Who is woken finds what to do, under the alert's own name."""
    names = [alert["alert"] for alert in ALERTS]
    assert re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE) == names
    for alert in ALERTS:
        assert alert["annotations"]["runbook"] == f"docs/runbook.md#{alert['alert'].lower()}"
        assert alert["annotations"]["summary"].endswith(".")
        assert alert["labels"]["severity"] in {"page", "ticket"}


def test_every_alert_has_a_case_that_fires() -> None:
    """No alert was written that was never seen to fire."""
    cases = YAML(typ="safe").load(CASES_FILE)["tests"]
    firing = {one["alertname"] for case in cases for one in case.get("alert_rule_test", []) if one.get("exp_alerts")}
    assert firing == {alert["alert"] for alert in ALERTS}


def test_alerts_fire_when_they_should() -> None:
    """Prometheus' own tool accepts the rules and plays the cases; in CI it must be there."""
    tool = shutil.which("promtool")
    if tool is None:
        sentence = "promtool is missing: install the package `prometheus` (Debian, Ubuntu, Homebrew)"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    for arguments in (["check", "rules", str(RULES_FILE)], ["test", "rules", str(CASES_FILE)]):
        done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - fixed
        assert done.returncode == 0, done.stdout + done.stderr


def test_panels_do_not_overlap_and_say_what_they_show() -> None:
    """Each panel has a place of its own, a title, a sentence, a unit, and names no data source of one machine."""
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not taken & cells, panel["title"]
        assert at["x"] + at["w"] <= COLUMNS
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in PANELS:
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"]["uid"] == "${datasource}"


def test_the_dashboard_shows_every_metric() -> None:
    """What is counted is seen: a metric that is on no panel is in nobody's mind."""
    shown = " ".join(target["expr"] for panel in PANELS for target in panel["targets"])
    assert [metric.name for metric in ALL if metric.name not in shown] == []
