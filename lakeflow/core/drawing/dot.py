"""A drawing in Graphviz' language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lakeflow.core.drawing.drawing import LANES, Drawing, DrawnNode
from lakeflow.core.drawing.names import readable
from lakeflow.core.view.rows import Health

_SHAPES: Final = {
    Health.HEALTHY: 'shape=box, style="rounded"',
    Health.WARNING: "shape=hexagon",
    Health.DEGRADED: "shape=octagon",
    Health.UNKNOWN: 'shape=box, style="rounded,dashed"',
    None: "shape=note",
}


def dot_of(drawing: Drawing) -> str:
    return "\n".join(
        ["digraph lineage {", "  rankdir=LR;", '  node [fontname="sans-serif"];', *_lines(drawing), "}", ""]
    )


def _lines(drawing: Drawing) -> Iterator[str]:
    for lane in LANES:
        nodes = [node for node in drawing.nodes if node.lane == lane]
        if nodes:
            yield f"  subgraph cluster_{lane} {{"
            yield f"    label={_quoted(lane)};"
            yield from (f"    {_node(node)}" for node in nodes)
            yield "  }"
    yield from (f"  {_quoted(source)} -> {_quoted(target)};" for source, target in drawing.edges)


def _node(node: DrawnNode) -> str:
    label = f"{_inside(node.label)}\\n{_inside(node.note)}"
    return f'{_quoted(node.name)} [label="{label}", {_SHAPES[node.health]}];'


def _quoted(text: str) -> str:
    return f'"{_inside(text)}"'


def _inside(text: str) -> str:
    """Between double quotes: a backslash would begin an escape of Graphviz."""
    return readable(text).replace("\\", "\\\\").replace('"', '\\"')
