"""Drawings of any shape: what follows the laws of layers, with names that nobody would choose."""

from __future__ import annotations

import random
from typing import Final

from lakeflow.core.drawing.drawing import LANES, OUTSIDE, Drawing, DrawnNode
from lakeflow.core.view.rows import Health

HOSTILE: Final = (
    '</text><script>alert("x")</script>',
    'a"b\\c\n<&>#;`]}) --> n1',
    "\x1b[31mred\u202egnirts\x00",
    "日本語の表.csv",
    "x" * 300,
)


def random_drawing(count: int, seed: int = 1) -> Drawing:
    chance = random.Random(seed)
    lanes = sorted(chance.choices(LANES, [1, 2, 4, 3], k=count), key=LANES.index)
    nodes = [_node(lane, at, chance) for at, lane in enumerate(lanes)]
    edges: set[tuple[str, str]] = set()
    for at, node in enumerate(nodes):
        below = [other for other in nodes[:at] if _reads(node, other)]
        edges |= {(other.name, node.name) for other in chance.sample(below, min(len(below), chance.randint(0, 3)))}
    return Drawing(tuple(nodes), tuple(sorted(edges)))


def _node(lane: str, at: int, chance: random.Random) -> DrawnNode:
    health = None if lane == OUTSIDE else chance.choice(list(Health))
    return DrawnNode(f"{lane}.t{at:04}", lane, f"table_{at}", "healthy, 10 rows", health)


def _reads(node: DrawnNode, other: DrawnNode) -> bool:
    """Chains within a lane stay short, as they are in lakes."""
    if node.lane == OUTSIDE or (other.lane == OUTSIDE and node.lane != "bronze"):
        return False
    return other.lane != node.lane or (node.lane != "bronze" and int(node.name[-4:]) * 31 % 40 == 0)


def hostile_drawing() -> Drawing:
    outside = tuple(DrawnNode(f"files {name}", OUTSIDE, name, name) for name in HOSTILE)
    orders = DrawnNode("bronze.orders", "bronze", "orders", "degraded", Health.DEGRADED)
    return Drawing((*outside, orders), tuple((node.name, orders.name) for node in outside))
