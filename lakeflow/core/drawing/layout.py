"""Where everything of a picture stands, in pixels: the same for the same drawing, and no edge runs through a box."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Final
from unicodedata import east_asian_width

from lakeflow.core.drawing.drawing import Drawing, DrawnNode
from lakeflow.core.drawing.layers import PictureColumns, Slot, columns_of
from lakeflow.core.values import dataclass

Point = tuple[float, float]

BOX: Final = 46.0
_PASS: Final = 6.0
_GAP: Final = 16.0
_MARGIN: Final = 20.0
_HEAD: Final = 44.0
_PADDING: Final = 18.0
_BETWEEN: Final = 56.0
"""Between two columns, where edges bend."""
_NARROWEST, _WIDEST = 128.0, 320.0
_ROUNDS: Final = 6


@dataclass(frozen=True)
class NodeBox:
    """A node where it stands; x and y are its upper left corner."""

    node: DrawnNode
    x: float
    y: float
    width: float
    height: float = BOX


@dataclass(frozen=True)
class Route:
    """An edge from the right side of its source to the left side of its target. Between two points at one height it is
    straight, otherwise it bends in the space between two columns.
    """

    source: str
    target: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Lane:
    name: str
    x: float
    width: float


@dataclass(frozen=True)
class Picture:
    width: float
    height: float
    lanes: tuple[Lane, ...]
    boxes: tuple[NodeBox, ...]
    routes: tuple[Route, ...]


def laid_out(drawing: Drawing) -> Picture:
    columns = columns_of(drawing)
    nodes = {node.name: node for node in drawing.nodes}
    widths = [_width(nodes[place.node] for place in column if not place.passes) for column in columns.order]
    lefts = _lefts(columns, widths)
    heights = _heights(columns)
    boxes = tuple(
        NodeBox(nodes[place.node], lefts[place.column], heights[place] - BOX / 2, widths[place.column])
        for column in columns.order
        for place in column
        if not place.passes
    )
    routes = tuple(
        Route(source, target, tuple(_points(route, lefts, widths, heights)))
        for (source, target), route in columns.routes.items()
    )
    bottom = max((heights[place] for column in columns.order for place in column), default=_HEAD) + BOX / 2
    right = lefts[-1] + widths[-1] + _PADDING if lefts else 0.0
    return Picture(right + _MARGIN, bottom + _PADDING + _MARGIN, _lanes(columns, lefts, widths), boxes, routes)


def text_width(text: str, size: float) -> float:
    """About how wide a text is in a sans serif of that size: no narrower than it will be."""
    return sum(1.0 if east_asian_width(char) in "WF" else 0.62 for char in text) * size


def _width(nodes: Iterable[DrawnNode]) -> float:
    wide = [max(text_width(node.label, 13), text_width(node.note, 11)) + 46 for node in nodes]
    return round(min(_WIDEST, max([_NARROWEST, *wide])), 1)


def _lefts(columns: PictureColumns, widths: Sequence[float]) -> list[float]:
    found, x = [], _MARGIN + _PADDING
    for at, width in enumerate(widths):
        if at:
            x += _BETWEEN + (2 * _PADDING if columns.lanes[at] != columns.lanes[at - 1] else 0)
        found.append(round(x, 1))
        x += width
    return found


def _lanes(columns: PictureColumns, lefts: Sequence[float], widths: Sequence[float]) -> tuple[Lane, ...]:
    found: list[Lane] = []
    for name in dict.fromkeys(columns.lanes):
        own = [at for at, lane in enumerate(columns.lanes) if lane == name]
        left = lefts[own[0]] - _PADDING
        found.append(Lane(name, left, round(lefts[own[-1]] + widths[own[-1]] + _PADDING - left, 1)))
    return tuple(found)


def _points(
    route: Sequence[Slot], lefts: Sequence[float], widths: Sequence[float], heights: Mapping[Slot, float]
) -> Iterable[Point]:
    first, *between, last = route
    yield lefts[first.column] + widths[first.column], heights[first]
    for place in between:
        yield lefts[place.column], heights[place]
        yield lefts[place.column] + widths[place.column], heights[place]
    yield lefts[last.column], heights[last]


# Heights: each place strives to the mean of its neighbours, and keeps its order and its distance


def _heights(columns: PictureColumns) -> Mapping[Slot, float]:
    found = {place: y for column in columns.order for place, y in zip(column, _stacked(column), strict=True)}
    beside: dict[Slot, list[Slot]] = {}
    for left, right in columns.links:
        beside.setdefault(left, []).append(right)
        beside.setdefault(right, []).append(left)
    for turn in range(_ROUNDS):
        for column in columns.order if turn % 2 == 0 else reversed(columns.order):
            wanted = [_mean([found[other] for other in beside.get(place, ())], found[place]) for place in column]
            weights = [3.0 if place.passes else 1.0 for place in column]
            found |= zip(column, _apart(wanted, weights, _stacked(column)), strict=True)
    top = min((y - _size(place) / 2 for place, y in found.items()), default=0.0)
    return {place: round(y - top + _HEAD + _MARGIN, 1) for place, y in found.items()}


def _size(place: Slot) -> float:
    return _PASS if place.passes else BOX


def _stacked(column: Sequence[Slot]) -> list[float]:
    """The centres of the places, as close together as they may be."""
    steps = (_GAP + (_size(one) + _size(other)) / 2 for one, other in pairwise(column))
    return list(accumulate(steps, initial=0.0)) if column else []


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _apart(wanted: Sequence[float], weights: Sequence[float], stacked: Sequence[float]) -> list[float]:
    """Heights nearest to those wanted, in order, and never closer than stacked: pools of neighbours that would overlap
    move together.
    """
    pools: list[tuple[float, float, int]] = []
    for want, weight, base in zip(wanted, weights, stacked, strict=True):
        mean, heavy, many = want - base, weight, 1
        while pools and pools[-1][0] > mean:
            other, weighs, count = pools.pop()
            mean = (mean * heavy + other * weighs) / (heavy + weighs)
            heavy, many = heavy + weighs, many + count
        pools.append((mean, heavy, many))
    shifts = [mean for mean, _, many in pools for _ in range(many)]
    return [base + shift for base, shift in zip(stacked, shifts, strict=True)]
