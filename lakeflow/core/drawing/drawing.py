"""What is drawn of a lineage: nodes in lanes, each with its health in words, and what goes into what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lakeflow.core.keys import Layer
from lakeflow.core.values import dataclass
from lakeflow.core.view.rows import AssetState, AssetStatus, Health, LineageNode
from lakeflow.core.wording import counted

OUTSIDE: Final = "outside"
LANES: Final = (OUTSIDE, *Layer)
"""From left to right. Outside are files and tables of other catalogs."""


@dataclass(frozen=True)
class DrawnNode:
    """`name` tells nodes apart, `label` is what stands in the picture, `note` its second line; no health outside."""

    name: str
    lane: str
    label: str
    note: str = ""
    health: Health | None = None


@dataclass(frozen=True)
class Drawing:
    """Nodes by lane and name. An edge goes from a source to what is made from it: to its right, or in its own lane."""

    nodes: tuple[DrawnNode, ...]
    edges: tuple[tuple[str, str], ...]


def drawing_of(trees: Sequence[LineageNode]) -> Drawing:
    """Each asset once, wherever it stands in the trees, with the files and external tables that it is made from."""
    nodes: dict[str, DrawnNode] = {}
    edges: dict[tuple[str, str], None] = {}
    for node in _walked(trees):
        name = str(node.status.asset)
        nodes[name] = _asset(node.status)
        for source, drawn in _outside(node):
            nodes.setdefault(source, drawn)
            edges[source, name] = None
        edges |= dict.fromkeys((str(above.status.asset), name) for above in node.upstreams)
    ordered = sorted(nodes.values(), key=lambda each: (LANES.index(each.lane), each.name))
    return Drawing(tuple(ordered), tuple(sorted(edges)))


def _walked(trees: Sequence[LineageNode]) -> Iterator[LineageNode]:
    waiting = list(trees)
    while waiting:
        node = waiting.pop()
        waiting += node.upstreams
        yield node


def _outside(node: LineageNode) -> Iterator[tuple[str, DrawnNode]]:
    for glob in node.sources:
        yield f"files {glob}", DrawnNode(f"files {glob}", OUTSIDE, glob, "files")
    for use in node.externals:
        name = f"external {use.key}"
        yield name, DrawnNode(name, OUTSIDE, str(use.key), "cannot be read" if use.fault else "external table")


def _asset(status: AssetStatus) -> DrawnNode:
    return DrawnNode(str(status.asset), str(status.asset.layer), status.asset.name, _note(status), status.health)


def _note(status: AssetStatus) -> str:
    """Its health, what a run would do, and how many rows readers see."""
    said = [str(status.health)]
    if status.state is not AssetState.FRESH:
        said.append(str(status.state))
    if status.rows is not None:
        said.append(counted(status.rows, "row"))
    return ", ".join(said)
