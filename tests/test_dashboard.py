"""The dashboard's picture: every query is asked as Grafana would ask it, and what is drawn is what was answered."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

from benchmarks.dashboard import DASHBOARD, named, queries
from benchmarks.panel_picture import Panel, Series, dashboard_picture

SVG = "{http://www.w3.org/2000/svg}"
PICTURE = (Path(__file__).parents[1] / "docs" / "dashboard.svg").read_text()


def test_every_panel_of_lines_is_asked_for() -> None:
    """With no variable of Grafana's left in a query."""
    dashboard = json.loads(DASHBOARD.read_text())
    asked = queries(dashboard)
    assert [one.title for one in asked] == [one["title"] for one in dashboard["panels"] if one["type"] == "timeseries"]
    assert [expression for one in asked for expression, _ in one.asks if "$" in expression] == []


def test_the_committed_picture_is_of_this_dashboard() -> None:
    """Each panel in it is one of the dashboard's, in its order, and most of them had something to show."""
    titles = [one.title for one in queries(json.loads(DASHBOARD.read_text()))]
    shown = re.findall(r'<text class="title"[^>]*>([^<]*)<', PICTURE)
    assert [one for one in titles if one in shown] == shown, "Run: make dashboard"
    assert len(shown) >= len(titles) - 2


def test_lines_are_drawn_to_scale_and_named() -> None:
    """The largest value is at the top, nothing at the bottom; names are escaped; a panel without lines is left out."""
    line = Series("a < b", [(10.0, 0.0), (20.0, 4.0)])
    panels = [Panel("Flow", "ops", [line]), Panel("Nothing", "ops", [])]
    drawn = ET.fromstring(dashboard_picture("x & y", panels))  # noqa: S314 - our own
    texts = [one.text for one in drawn.iter(f"{SVG}text")]
    assert texts == ["x & y", "Flow", "4", "0", "a < b"]
    way = next(one.get("d", "") for one in drawn.iter(f"{SVG}path"))
    (left, low), (right, high) = (map(float, point.split()) for point in way.removeprefix("M").split("L"))
    assert left < right
    assert low > high


def test_a_line_is_named_as_grafana_names_it() -> None:
    """Labels stand where the legend asks for them."""
    assert named("merged, by {{pattern}}", {"pattern": "/wifi/*", "job": "idweave"}) == "merged, by /wifi/*"
