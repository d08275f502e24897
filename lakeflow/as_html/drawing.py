"""Lineage as a drawing: assets in lanes, what was read on the left of what was made from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from lakeflow.as_html.markup import Html, text
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.view.rows import Health, LineageNode

_WIDE: Final = 200
_HIGH: Final = 26
_GAP_X: Final = 70
_GAP_Y: Final = 12
_TOP: Final = 24
_LETTERS: Final = 26
"""How many letters of a name a box takes; the tool tip has all of them."""


@dataclass(frozen=True)
class _Box:
    """An asset and where its box begins."""

    node: LineageNode
    x: int
    y: int


def drawing(trees: Iterable[LineageNode]) -> Html:
    """An SVG of its own, without style sheet, script or font."""
    nodes, edges = _graph(trees)
    boxes = _placed(nodes)
    wide = max((box.x for box in boxes.values()), default=0) + _WIDE
    high = max((box.y for box in boxes.values()), default=0) + _HIGH
    lanes = {box.x: str(key.layer) for key, box in boxes.items()}
    head = '<text x="{}" y="12" font-size="11" opacity=".7">{}</text>'
    heads = "".join(head.format(x, text(name)) for x, name in lanes.items())
    lines = "".join(_line(boxes[above], boxes[below]) for above, below in sorted(edges))
    drawn = "".join(map(_box, boxes.values()))
    size = f'width="{wide + 4}" height="{high + 4}" viewBox="-2 -2 {wide + 4} {high + 4}"'
    return Html(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" fill="none" stroke="currentColor" '
        f'font-family="inherit"><g fill="currentColor" stroke="none">{heads}</g>{lines}{drawn}</svg>'
    )


def _graph(trees: Iterable[LineageNode]) -> tuple[dict[AssetKey, LineageNode], set[tuple[AssetKey, AssetKey]]]:
    """Every asset once, and which one was read for which."""
    nodes, edges, waiting = dict[AssetKey, LineageNode](), set[tuple[AssetKey, AssetKey]](), list(trees)
    while waiting:
        node = waiting.pop()
        if not node.repeated or node.status.asset not in nodes:
            nodes[node.status.asset] = node
        edges |= {(each.status.asset, node.status.asset) for each in node.upstreams}
        waiting += node.upstreams
    return nodes, edges


def _placed(nodes: Mapping[AssetKey, LineageNode]) -> dict[AssetKey, _Box]:
    """A lane for each layer that there is, its assets below each other by name."""
    lanes = [layer for layer in Layer if any(key.layer is layer for key in nodes)]
    found = dict[AssetKey, _Box]()
    for place, layer in enumerate(lanes):
        for row, key in enumerate(sorted(key for key in nodes if key.layer is layer)):
            found[key] = _Box(nodes[key], place * (_WIDE + _GAP_X), _TOP + row * (_HIGH + _GAP_Y))
    return found


def _line(above: _Box, below: _Box) -> str:
    """From the right of what was read to the left of what was made; within a lane around the right of both."""
    x, y, to, end = above.x + _WIDE, above.y + _HIGH // 2, below.x, below.y + _HIGH // 2
    if above.x == below.x:
        return f'<path d="M{x} {y}C{x + 30} {y} {x + 30} {end} {x} {end}" opacity=".5"/>'
    middle = (x + to) // 2
    return f'<path d="M{x} {y}C{middle} {y} {middle} {end} {to} {end}" opacity=".5"/>'


def _box(box: _Box) -> str:
    status, outside = box.node.status, (*box.node.sources, *(str(each.key) for each in box.node.externals))
    name = status.asset.name if len(status.asset.name) <= _LETTERS else f"{status.asset.name[: _LETTERS - 1]}…"
    look = {Health.HEALTHY: "lf-good", Health.DEGRADED: "lf-bad"}.get(status.health, "")
    told = "; from ".join((f"{status.asset}: {status.state}, {status.health}", *filter(None, [", ".join(outside)])))
    return (
        f'<g class="{look}"><title>{text(told)}</title>'
        f'<rect x="{box.x}" y="{box.y}" width="{_WIDE}" height="{_HIGH}" rx="5"/>'
        f'<text x="{box.x + 8}" y="{box.y + 17}" font-size="12" fill="currentColor" stroke="none">{text(name)}</text>'
        "</g>"
    )
