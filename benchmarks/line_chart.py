"""A chart of a few lines over time, as an SVG that stands alone, for light and dark screens.

Rules: the value axis begins at 0; a line is named at its end, in its own colour and with its last value, so that no
legend is needed; the same numbers always give the same bytes.
Must not know: what is counted.
"""

from collections.abc import Callable, Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 800
HEIGHT: Final = 340
LEFT: Final = 64
RIGHT: Final = 220  # room for the names of the lines
TOP: Final = 52
BOTTOM: Final = 38
NAME_GAP: Final = 18  # between two names that would else lie over each other
STEPS: Final = 5
COLOURS: Final = 4

STYLE: Final = """
svg { font: 13px system-ui, sans-serif; background: #ffffff; }
text { fill: #1f2328; } .title { font-weight: 600; font-size: 14px; } .quiet { fill: #59636e; font-size: 12px; }
path { fill: none; stroke-width: 2.5; stroke-linejoin: round; } .grid { stroke: #d1d9e0; stroke-width: 1; }
path.a { stroke: #0969da; } path.b { stroke: #bc4c00; } path.c { stroke: #1a7f37; } path.d { stroke: #8250df; }
text.a { fill: #0969da; } text.b { fill: #bc4c00; } text.c { fill: #1a7f37; } text.d { fill: #8250df; }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; } text { fill: #e6edf3; } .quiet { fill: #9198a1; } .grid { stroke: #3d444d; }
  path.a { stroke: #4493f8; } path.b { stroke: #f0883e; } path.c { stroke: #3fb950; } path.d { stroke: #ab7df8; }
  text.a { fill: #4493f8; } text.b { fill: #f0883e; } text.c { fill: #3fb950; } text.d { fill: #ab7df8; }
}
"""


class Line(NamedTuple):
    """A name and a value for each point of the time axis."""

    name: str
    values: Sequence[float]


def line_chart(
    title: str, times: Sequence[str], lines: Sequence[Line], *, top: float, text: Callable[[float], str]
) -> str:
    """The chart as SVG text.

    Args:
        title: what is shown, for people who see it and for those who have it read.
        times: the points of the time axis; an empty text has no label.
        lines: at most four, each with as many values as there are times.
        top: the upper end of the value axis.
        text: a value as it is written.
    """
    assert len(lines) <= COLOURS
    assert all(len(line.values) == len(times) for line in lines)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

    def across(at: int) -> float:
        return LEFT + (right - LEFT) * at / (len(times) - 1)

    def up(value: float) -> float:
        return bottom - (bottom - TOP) * value / top

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>',
    ]
    for step in range(STEPS + 1):
        value = top * step / STEPS
        drawn.append(f'<path class="grid" d="M{LEFT} {up(value):.1f}H{right}"/>')
        drawn.append(_label("quiet", LEFT - 8, up(value) + 4, text(value), "end"))
    drawn += [_label("quiet", across(at), bottom + 22, name, "middle") for at, name in enumerate(times) if name]
    for colour, line, height in zip(
        "abcd", lines, _name_heights([up(line.values[-1]) for line in lines]), strict=False
    ):
        points = " ".join(f"{across(at):.1f},{up(value):.1f}" for at, value in enumerate(line.values))
        drawn.append(f'<path class="{colour}" d="M{points}"/>')
        drawn.append(_label(colour, right + 8, height + 4, f"{line.name} {text(line.values[-1])}", "start"))
    return "\n".join([*drawn, "</svg>\n"])


def _name_heights(wanted: Sequence[float]) -> list[float]:
    """Where names go so that none lies over another: pushed down from the highest on."""
    found = list(wanted)
    lowest = float("-inf")
    for at in sorted(range(len(wanted)), key=lambda at: wanted[at]):
        found[at] = lowest = max(wanted[at], lowest + NAME_GAP)
    return found


def _label(kind: str, x: float, y: float, text: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
