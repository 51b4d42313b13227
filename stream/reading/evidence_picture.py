"""Evidence as a picture: an SVG that stands alone, for light and dark screens, and that a page can take in.

Rules: identifiers are boxes, evidence that counts a solid line with its number of events, refused evidence a dashed one
with its rule; nothing is shown that the answer does not show. Columns are distances over the evidence, by networkx, and
rows follow their neighbours in the column before, so that the same answer always gives the same picture. Boxes and
lines say by attributes what they stand for (`data-namespace`, `data-token`; `data-line`: its number in the answer), and
can be reached by keyboard.
Must not know: where evidence is kept, who asks.
"""

from collections.abc import Mapping, Sequence
from html import escape
from statistics import fmean
from typing import Final, NamedTuple

import networkx as nx

from topics.answers import EvidenceLink, Explanation, ProfileGraph
from topics.updates import EvidenceRef, ShownIdentifier

BOX_WIDTH: Final = 204
BOX_HEIGHT: Final = 44
COLUMN: Final = 340
ROW: Final = 72
MARGIN: Final = 24
LABEL_CHARACTERS: Final = 23
LABEL_AT: Final = 0.7
BOXES_MAX: Final = 80
"""Identifiers in one picture, the strongest; nobody sees anything in more."""

STYLE: Final = """
.evidence { font: 13px system-ui, sans-serif; background: #ffffff; }
.evidence rect { fill: #f3f6fa; stroke: #51647c; }
.evidence .asked rect { fill: #dceafe; stroke: #1d4ed8; stroke-width: 2; }
.evidence .outside rect { fill: #ffffff; stroke-dasharray: 4 4; }
.evidence text { fill: #16202c; text-anchor: middle; }
.evidence .kind { fill: #51647c; font-size: 11px; }
.evidence .label { font-size: 11px; paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
.evidence path { fill: none; stroke: #2f6f4f; stroke-width: 2; }
.evidence .refused path { stroke: #b3261e; stroke-dasharray: 6 5; }
.evidence .touch, .evidence .refused .touch { stroke: transparent; stroke-width: 16; stroke-dasharray: none; }
.evidence .refused .label { fill: #b3261e; }
@media (prefers-color-scheme: dark) {
  .evidence { background: #11161d; }
  .evidence rect { fill: #1c2530; stroke: #8ea3bd; }
  .evidence .asked rect { fill: #17305e; stroke: #7fb0ff; }
  .evidence .outside rect { fill: #11161d; }
  .evidence text { fill: #e8eef5; }
  .evidence .kind { fill: #a9bacd; }
  .evidence .label { stroke: #11161d; }
  .evidence path:not(.touch) { stroke: #6fcf97; }
  .evidence .refused path:not(.touch) { stroke: #ff8a80; }
  .evidence .refused .label { fill: #ff8a80; }
}
"""

Node = tuple[str, str]
"""Namespace and token."""


class Place(NamedTuple):
    """The middle of a box."""

    x: float
    y: float


def picture(told: Explanation) -> str:
    """The explanation as SVG text; lines are numbered through the path and what is around it."""
    asked = [_node(told["a"]), _node(told["b"])]
    links = [*told["path"], *told["around"]]
    shown = {_node(end): end for link in links for end in link["ends"]}
    shown |= {_node(told["a"]): told["a"], _node(told["b"]): told["b"]}
    title = f"{_name(told['a'])} and {_name(told['b'])}: {told['verdict'].replace('_', ' ')}"
    kinds = {node: "asked" if node in asked else "other" for node in shown}
    return _drawn(title, shown, kinds, links, asked)


def graph_picture(told: ProfileGraph) -> str:
    """The evidence of a profile as SVG text; lines are numbered as its edges. What is no member is drawn as outside."""
    nodes = sorted(told["nodes"], key=lambda node: not node["member"])[:BOXES_MAX]
    shown: dict[Node, ShownIdentifier] = {_node(node): node for node in nodes}
    kinds = {_node(node): "other" if node["member"] else "outside" for node in nodes}
    left_out = len(told["nodes"]) - len(nodes)
    title = f"Evidence of profile {told['profile_id']}" + (f", {left_out} identifiers left out" if left_out else "")
    return _drawn(title, shown, kinds, told["edges"], [_node(node) for node in nodes[:1]])


def _drawn(
    title: str,
    shown: Mapping[Node, ShownIdentifier],
    kinds: Mapping[Node, str],
    links: Sequence[EvidenceLink],
    first: Sequence[Node],
) -> str:
    """Boxes and the lines between them; lines to what is not shown are left out."""
    lines = {at: link for at, link in enumerate(links) if all(_node(end) in shown for end in link["ends"])}
    places = _places(list(shown), list(lines.values()), first)
    width = max((place.x for place in places.values()), default=0) + BOX_WIDTH / 2 + MARGIN
    height = max((place.y for place in places.values()), default=0) + BOX_HEIGHT / 2 + MARGIN
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" class="evidence" {size} role="group">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            *(_line(at, link, places) for at, link in lines.items()),
            *(_box(one, places[node], kinds[node]) for node, one in shown.items()),
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


def _line(at: int, link: EvidenceLink, places: Mapping[Node, Place]) -> str:
    one, other = sorted(places[_node(end)] for end in link["ends"])
    if one.x == other.x:  # within a column: around the boxes between them
        side = one.x + BOX_WIDTH / 2
        middle = Place(side + 40, (one.y + other.y) / 2)
        curve = f"M{side:g} {one.y:g}Q{side + 80:g} {middle.y:g} {side:g} {other.y:g}"
    else:
        left, right = one.x + BOX_WIDTH / 2, other.x - BOX_WIDTH / 2
        bend = (left + right) / 2
        middle = _on_the_way(Place(left, one.y), Place(right, other.y))
        curve = f"M{left:g} {one.y:g}C{bend:g} {one.y:g} {bend:g} {other.y:g} {right:g} {other.y:g}"
    events = "1 event" if link["events"] == 1 else f"{link['events']:,} events"
    label = str(link["rule"]) if not link["counts"] else events if link["events"] else ""
    said = f"{' and '.join(map(_name, link['ends']))}: {_told(link)}"
    return (
        f'<g class="line {"counts" if link["counts"] else "refused"}" data-line="{at}" tabindex="0" role="img"'
        f' aria-label="{escape(said)}"><title>{escape(said)}</title><path class="touch" d="{curve}"/>'
        f'<path d="{curve}"/><text class="label" x="{middle.x:g}" y="{middle.y + 4:g}">{escape(label)}</text></g>'
    )


def _on_the_way(left: Place, right: Place) -> Place:
    """Where a line's label goes: nearer its right end, because lines part on their way from the left."""
    at = LABEL_AT
    near, far = (1 - at) ** 3, at**3
    bend = 3 * at * (1 - at)  # both inner points of the curve lie halfway
    return Place(
        near * left.x + bend * (left.x + right.x) / 2 + far * right.x,
        (near + bend * (1 - at)) * left.y + (far + bend * at) * right.y,
    )


def _box(one: ShownIdentifier, place: Place, kind: str) -> str:
    left, top = place.x - BOX_WIDTH / 2, place.y - BOX_HEIGHT / 2
    display = one["display"]
    short = display if len(display) <= LABEL_CHARACTERS else f"{display[: LABEL_CHARACTERS - 1]}…"
    return (
        f'<g class="box {kind}" data-namespace="{escape(one["namespace"])}" data-token="{escape(one["token"])}"'
        f' tabindex="0" role="img" aria-label="{escape(_name(one))}"><title>{escape(_name(one))}</title>'
        f'<rect x="{left:g}" y="{top:g}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="10"/>'
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
