"""The columns of a picture and the order in each: long edges get a place in every column that they cross."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from lakeflow.core.drawing.drawing import LANES, Drawing
from lakeflow.core.values import dataclass

_SWEEPS: Final = 8


class Slot(NamedTuple):
    """A node in a column, or the edges of a node that pass through it: all of them in one place."""

    node: str
    column: int
    passes: bool = False


@dataclass(frozen=True)
class PictureColumns:
    """The places of each column from the top down, the lane of each column, and which places are next to each other."""

    order: tuple[tuple[Slot, ...], ...]
    lanes: tuple[str, ...]
    links: tuple[tuple[Slot, Slot], ...]
    routes: Mapping[tuple[str, str], tuple[Slot, ...]]
    """Of each edge the places that it touches, from its source to its target."""


def columns_of(drawing: Drawing) -> PictureColumns:
    column, lanes = _columns(drawing)
    routes = {edge: tuple(_route(*edge, column)) for edge in drawing.edges}
    links = tuple(dict.fromkeys(pair for route in routes.values() for pair in pairwise(route)))
    places = dict.fromkeys(Slot(node.name, column[node.name]) for node in drawing.nodes)
    places |= dict.fromkeys(place for route in routes.values() for place in route)
    order: list[list[Slot]] = [[] for _ in lanes]
    for place in places:
        order[place.column].append(place)
    return PictureColumns(tuple(map(tuple, _untangled(order, links))), lanes, links, routes)


def _columns(drawing: Drawing) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """Each lane has as many columns as the longest chain in it has nodes."""
    lane = {node.name: node.lane for node in drawing.nodes}
    above: dict[str, list[str]] = {}
    for source, target in drawing.edges:
        if lane[source] == lane[target]:
            above.setdefault(target, []).append(source)
    depth = _depths([node.name for node in drawing.nodes], above)
    first, lanes = dict[str, int](), list[str]()
    for name in LANES:
        deep = [depth[node.name] for node in drawing.nodes if node.lane == name]
        first[name] = len(lanes)
        lanes += [name] * (max(deep) + 1 if deep else 0)
    return {name: first[lane[name]] + depth[name] for name in depth}, tuple(lanes)


def _depths(names: Sequence[str], above: Mapping[str, Sequence[str]]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for name in names:
        waiting = [name]
        while waiting:
            missing = [each for each in above.get(waiting[-1], ()) if each not in found]
            if missing:
                waiting += missing
            else:
                done = waiting.pop()
                found[done] = max((found[each] + 1 for each in above.get(done, ())), default=0)
    return found


def _route(source: str, target: str, column: Mapping[str, int]) -> Iterable[Slot]:
    yield Slot(source, column[source])
    yield from (Slot(source, at, passes=True) for at in range(column[source] + 1, column[target]))
    yield Slot(target, column[target])


# Few crossings: each place goes to the mean of those that it is linked to, column by column, to and fro


def _untangled(order: list[list[Slot]], links: Sequence[tuple[Slot, Slot]]) -> list[list[Slot]]:
    left, right = _neighbours(pair[::-1] for pair in links), _neighbours(links)
    best, fewest = [*map(list, order)], _crossings(order, right)
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        columns = range(1, len(order)) if forth else range(len(order) - 2, -1, -1)
        for at in columns:
            _sort(order[at], order[at - 1 if forth else at + 1], left if forth else right)
        if (crossings := _crossings(order, right)) < fewest:
            best, fewest = [*map(list, order)], crossings
    return best


def _neighbours(links: Iterable[tuple[Slot, Slot]]) -> Mapping[Slot, Sequence[Slot]]:
    found: dict[Slot, list[Slot]] = {}
    for place, other in links:
        found.setdefault(place, []).append(other)
    return found


def _sort(column: list[Slot], beside: Sequence[Slot], next_to: Mapping[Slot, Sequence[Slot]]) -> None:
    """By the mean place of the neighbours, as a share of the column beside; who has none stays where it is."""
    share = {place: (at + 0.5) / len(beside) for at, place in enumerate(beside)}
    own = {place: (at + 0.5) / len(column) for at, place in enumerate(column)}

    def mean(place: Slot) -> float:
        others = next_to.get(place, ())
        return sum(share[each] for each in others) / len(others) if others else own[place]

    column.sort(key=mean)


def _crossings(order: Sequence[Sequence[Slot]], right: Mapping[Slot, Sequence[Slot]]) -> int:
    """How many pairs of links cross."""
    found = 0
    for at in range(len(order) - 1):
        index = {place: row for row, place in enumerate(order[at + 1])}
        ends: list[int] = []
        for place in order[at]:
            own = sorted(index[other] for other in right.get(place, ()))
            found += sum(len(ends) - bisect_right(ends, end) for end in own)
            for end in own:
                insort(ends, end)
    return found
