"""Evidence as a picture: an SVG that stands alone, for light and dark screens.

Rules: identifiers are boxes, evidence that counts a solid line with its number of events, refused evidence a dashed one
with its rule; nothing is shown that the answer does not show. Columns are distances over the evidence, by networkx, and
rows follow their neighbours in the column before, so that the same answer always gives the same picture.
Must not know: where evidence is kept, who asks.
"""

from collections.abc import Sequence
from html import escape
from statistics import fmean
from typing import Final, NamedTuple

import networkx as nx

from stream.cli.console import plural
from topics.answers import EvidenceLink, Explanation
from topics.updates import EvidenceRef, ShownIdentifier

BOX_WIDTH: Final = 190
BOX_HEIGHT: Final = 44
COLUMN: Final = 320
ROW: Final = 72
MARGIN: Final = 24
LABEL_CHARACTERS: Final = 24

STYLE: Final = """
svg { font: 13px system-ui, sans-serif; background: #ffffff; }
rect { fill: #f3f6fa; stroke: #51647c; }
.asked rect { fill: #dceafe; stroke: #1d4ed8; stroke-width: 2; }
text { fill: #16202c; text-anchor: middle; }
.kind { fill: #51647c; font-size: 11px; }
.label { font-size: 11px; paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
path { fill: none; stroke: #2f6f4f; stroke-width: 2; }
.refused path { stroke: #b3261e; stroke-dasharray: 6 5; }
.refused .label { fill: #b3261e; }
@media (prefers-color-scheme: dark) {
  svg { background: #11161d; }
  rect { fill: #1c2530; stroke: #8ea3bd; }
  .asked rect { fill: #17305e; stroke: #7fb0ff; }
  text { fill: #e8eef5; }
  .kind { fill: #a9bacd; }
  .label { stroke: #11161d; }
  path { stroke: #6fcf97; }
  .refused path { stroke: #ff8a80; }
  .refused .label { fill: #ff8a80; }
}
"""

Node = tuple[str, str]
"""Namespace and token."""


class Place(NamedTuple):
    """The middle of a box."""

    x: float
    y: float


def picture(told: Explanation) -> str:
    """The explanation as SVG text."""
    asked = [_node(told["a"]), _node(told["b"])]
    links = [*told["path"], *told["around"]]
    shown = {_node(end): end for link in links for end in link["ends"]}
    shown |= {_node(told["a"]): told["a"], _node(told["b"]): told["b"]}
    places = _places(list(shown), links, asked)
    width = max(place.x for place in places.values()) + BOX_WIDTH / 2 + MARGIN
    height = max(place.y for place in places.values()) + BOX_HEIGHT / 2 + MARGIN
    title = f"{_name(told['a'])} and {_name(told['b'])}: {told['verdict'].replace('_', ' ')}"
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            *(_line(link, places) for link in links),
            *(_box(one, places[node], asked=node in asked) for node, one in shown.items()),
            "</svg>\n",
        ]
    )


def _places(nodes: Sequence[Node], links: Sequence[EvidenceLink], asked: Sequence[Node]) -> dict[Node, Place]:
    """Where each box goes: what hangs together is a band of its own, the one that was asked about first."""
    graph: nx.Graph[Node] = nx.Graph()
    graph.add_nodes_from([*asked, *nodes])
    graph.add_edges_from(tuple(_node(end) for end in link["ends"]) for link in links)
    rows: dict[Node, float] = {}
    places: dict[Node, Place] = {}
    below = 0
    for start in list(graph):
        if start in places:
            continue
        columns = [_by_neighbours(list(layer), graph, rows) for layer in nx.bfs_layers(graph, [start])]
        tallest = max(len(column) for column in columns)
        for at, column in enumerate(columns):
            for row, node in enumerate(column):
                rows[node] = below + (tallest - len(column)) / 2 + row
                places[node] = Place(MARGIN + BOX_WIDTH / 2 + at * COLUMN, MARGIN + BOX_HEIGHT / 2 + rows[node] * ROW)
        below += tallest
    return places


def _by_neighbours(layer: list[Node], graph: "nx.Graph[Node]", rows: dict[Node, float]) -> list[Node]:
    """A column in the order of its neighbours in the column before, so that few lines cross."""

    def mean_row(node: Node) -> tuple[float, Node]:
        before = [rows[other] for other in graph[node] if other in rows]
        return (fmean(before) if before else 0.0, node)

    return sorted(layer, key=mean_row)


def _line(link: EvidenceLink, places: dict[Node, Place]) -> str:
    one, other = sorted(places[_node(end)] for end in link["ends"])
    if one.x == other.x:  # within a column: around the boxes between them
        side = one.x + BOX_WIDTH / 2
        middle = Place(side + 40, (one.y + other.y) / 2)
        curve = f"M{side:g} {one.y:g}Q{side + 80:g} {middle.y:g} {side:g} {other.y:g}"
    else:
        left, right = one.x + BOX_WIDTH / 2, other.x - BOX_WIDTH / 2
        middle = Place((left + right) / 2, (one.y + other.y) / 2)
        curve = f"M{left:g} {one.y:g}C{middle.x:g} {one.y:g} {middle.x:g} {other.y:g} {right:g} {other.y:g}"
    label = str(link["rule"]) if not link["counts"] else plural(link["events"], "event") if link["events"] else ""
    return (
        f'<g class="{"counts" if link["counts"] else "refused"}"><title>{escape(_told(link))}</title>'
        f'<path d="{curve}"/><text class="label" x="{middle.x:g}" y="{middle.y - 5:g}">{escape(label)}</text></g>'
    )


def _box(one: ShownIdentifier, place: Place, *, asked: bool) -> str:
    left, top = place.x - BOX_WIDTH / 2, place.y - BOX_HEIGHT / 2
    display = one["display"]
    kind = "asked" if asked else "other"
    short = display if len(display) <= LABEL_CHARACTERS else f"{display[: LABEL_CHARACTERS - 1]}…"
    return (
        f'<g class="{kind}"><title>{escape(_name(one))}</title>'
        f'<rect x="{left:g}" y="{top:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8"/>'
        f'<text class="kind" x="{place.x:g}" y="{place.y - 6:g}">{escape(one["namespace"])}</text>'
        f'<text x="{place.x:g}" y="{place.y + 13:g}">{escape(short)}</text></g>'
    )


def _told(link: EvidenceLink) -> str:
    """What a line says when it is pointed at."""
    events = [event for event in (link["first"], link["last"]) if event is not None]
    said = " to ".join(dict.fromkeys(_event(event) for event in events)) or "seen together"
    return said if link["reason"] is None else f"{said}. Refused: {link['reason']}"


def _event(event: EvidenceRef) -> str:
    return f"{event['id']} ({event['source']}) at {event['time']}"


def _node(one: ShownIdentifier) -> Node:
    return (one["namespace"], one["token"])


def _name(one: ShownIdentifier) -> str:
    return f"{one['namespace']} {one['display']}"
