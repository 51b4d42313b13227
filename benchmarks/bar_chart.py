"""A chart of a few bars, as an SVG that stands alone, for light and dark screens.

Rules: bars begin at 0 and are drawn to one scale; each has its name before it and its value behind it; ours has the
accent. The same numbers always give the same bytes.
Must not know: what is counted.
"""

from collections.abc import Callable, Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH: Final = 800
LEFT: Final = 170
RIGHT: Final = 110
TOP: Final = 48
HEIGHT: Final = 22
GAP: Final = 10

STYLE: Final = """
svg { font: 13px system-ui, sans-serif; background: #ffffff; }
text { fill: #1f2328; } .title { font-weight: 600; font-size: 14px; } .ours { font-weight: 600; }
rect { fill: #afb8c1; } rect.ours { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  svg { background: #0d1117; } text { fill: #e6edf3; } rect { fill: #484f58; } rect.ours { fill: #4493f8; }
}
"""


class Bar(NamedTuple):
    """A name and its value."""

    name: str
    value: float
    ours: bool = False


def bar_chart(title: str, bars: Sequence[Bar], *, text: Callable[[float], str]) -> str:
    """The chart as SVG text; `text` is a value as it is written."""
    longest = max(bar.value for bar in bars)
    height = TOP + len(bars) * (HEIGHT + GAP) + GAP
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<text class="title" x="16" y="26">{escape(title)}</text>',
    ]
    for at, bar in enumerate(bars):
        y = TOP + at * (HEIGHT + GAP)
        width = (WIDTH - LEFT - RIGHT) * bar.value / longest
        kind = ' class="ours"' if bar.ours else ""
        line = y + HEIGHT * 0.7
        drawn += [
            f'<text{kind} x="{LEFT - 10}" y="{line:.1f}" text-anchor="end">{escape(bar.name)}</text>',
            f'<rect{kind} x="{LEFT}" y="{y}" width="{width:.1f}" height="{HEIGHT}" rx="2"/>',
            f'<text{kind} x="{LEFT + width + 8:.1f}" y="{line:.1f}">{escape(text(bar.value))}</text>',
        ]
    return "\n".join([*drawn, "</svg>\n"])
