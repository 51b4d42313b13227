"""Panels of lines side by side, as an SVG that stands alone, for light and dark screens.

Rules: each panel has its own value axis, from 0 to its largest value, which is written beside it; lines are named below
their panel, as many as there is room for. Must not know: what is measured.
"""

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

COLUMNS: Final = 3
WIDTH: Final = 400
HEIGHT: Final = 216
GAP: Final = 8
HEAD: Final = 40
NAMES_MAX: Final = 6
KILO: Final = 1_000
STYLE: Final = """
svg { font: 11px system-ui, sans-serif; background: #ffffff; }
text { fill: #1f2328; } .quiet { fill: #59636e; }
.title { font-weight: 600; } .top { font-size: 15px; font-weight: 600; }
rect { fill: #f6f8fa; stroke: #d1d9e0; } path { fill: none; stroke-width: 1.5; stroke-linejoin: round; }
.c0 { stroke: #0969da; } .c1 { stroke: #bc4c00; } .c2 { stroke: #1a7f37; }
.c3 { stroke: #8250df; } .c4 { stroke: #9a6700; } .c5 { stroke: #cf222e; }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; } text { fill: #e6edf3; } .quiet { fill: #9198a1; }
  rect { fill: #151b23; stroke: #3d444d; }
  .c0 { stroke: #4493f8; } .c1 { stroke: #f0883e; } .c2 { stroke: #3fb950; }
  .c3 { stroke: #ab7df8; } .c4 { stroke: #d29922; } .c5 { stroke: #f85149; }
}
"""


class Series(NamedTuple):
    """A line: its name, and points of seconds and values."""

    name: str
    points: Sequence[tuple[float, float]]


class Panel(NamedTuple):
    """A panel and its lines. `unit`: as Grafana names it."""

    title: str
    unit: str
    series: Sequence[Series]


def dashboard_picture(title: str, panels: Sequence[Panel]) -> str:
    """The panels that have lines, in their order, as SVG text."""
    shown = [panel for panel in panels if panel.series]
    rows = -(-len(shown) // COLUMNS)
    size = f"0 0 {COLUMNS * WIDTH + GAP} {HEAD + rows * HEIGHT + GAP}"
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<text class="top" x="{GAP}" y="26">{escape(title)}</text>',
    ]
    for at, panel in enumerate(shown):
        left, top = GAP + at % COLUMNS * WIDTH, HEAD + at // COLUMNS * HEIGHT
        drawn += _panel(panel, left, top, WIDTH - GAP, HEIGHT - GAP)
    return "\n".join([*drawn, "</svg>\n"])


def _panel(panel: Panel, left: float, top: float, width: float, height: float) -> list[str]:
    """One panel: frame, title, largest value, lines, names."""
    most = max(value for line in panel.series for _, value in line.points) or 1.0
    first = min(at for line in panel.series for at, _ in line.points)
    span = max(at for line in panel.series for at, _ in line.points) - first or 1.0
    inner_left, inner_width = left + 46, width - 58
    bottom, inner_height = top + height - 40, height - 76
    drawn = [
        f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" rx="4"/>',
        f'<text class="title" x="{left + 10:g}" y="{top + 18:g}">{escape(panel.title)}</text>',
        f'<text class="quiet" x="{left + 8:g}" y="{bottom - inner_height + 4:g}">{_written(most, panel.unit)}</text>',
        f'<text class="quiet" x="{left + 8:g}" y="{bottom + 4:g}">0</text>',
    ]
    for at, line in enumerate(sorted(panel.series, key=_largest, reverse=True)[:NAMES_MAX]):
        way = "L".join(
            f"{inner_left + inner_width * (x - first) / span:.1f} {bottom - inner_height * y / most:.1f}"
            for x, y in line.points
        )
        drawn.append(f'<path class="c{at}" d="M{way}"/>')
        x, y = left + 10 + at % 3 * (width / 3 - 4), top + height - 20 + at // 3 * 13
        drawn.append(f'<path class="c{at}" d="M{x:g} {y - 4:g}h10"/>')
        drawn.append(f'<text x="{x + 14:g}" y="{y:g}">{escape(line.name[:20])}</text>')
    return drawn


def _largest(line: Series) -> float:
    return max(value for _, value in line.points)


def _written(value: float, unit: str) -> str:
    """A value for people, in its unit."""
    if unit == "s":
        return f"{value:.3g} s" if value >= 1 else f"{value * KILO:.3g} ms"
    if unit == "bytes":
        return f"{value / 1_048_576:.0f} MiB"
    if unit == "percentunit":
        return f"{value * 100:.2g} %"
    return f"{value / KILO:.3g} k" if value >= KILO else f"{value:.3g}"
