"""A drawing as a Mermaid flowchart, which GitHub, GitLab and notebooks show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lakeflow.core.drawing.drawing import LANES, Drawing, DrawnNode
from lakeflow.core.drawing.names import readable
from lakeflow.core.view.rows import Health

_SHAPES: Final = {
    Health.HEALTHY: ("(", ")"),
    Health.WARNING: ("{{", "}}"),
    Health.DEGRADED: ("[[", "]]"),
    Health.UNKNOWN: ("([", "])"),
    None: ("[/", "/]"),
}
_PLAIN: Final = re.compile(r"[^\w .,:*/()=+-]")


def mermaid_of(drawing: Drawing) -> str:
    return "\n".join(["flowchart LR", *_lines(drawing), ""])


def _lines(drawing: Drawing) -> Iterator[str]:
    ids = {node.name: f"n{at}" for at, node in enumerate(drawing.nodes)}
    for lane in LANES:
        nodes = [node for node in drawing.nodes if node.lane == lane]
        if nodes:
            yield f"  subgraph {lane}"
            yield from (f"    {ids[node.name]}{_box(node)}" for node in nodes)
            yield "  end"
    yield from (f"  {ids[source]} --> {ids[target]}" for source, target in drawing.edges)


def _box(node: DrawnNode) -> str:
    begin, end = _SHAPES[node.health]
    return f'{begin}"{_escaped(node.label)}<br/>{_escaped(node.note)}"{end}'


def _escaped(text: str) -> str:
    """Everything that could mean something to Mermaid, Markdown or HTML as an entity, by its number."""
    return _PLAIN.sub(lambda found: f"#{ord(found[0])};", readable(text))
