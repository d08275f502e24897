"""Where everything of a picture stands."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lakeflow.core.drawing.drawing import LANES, Drawing, DrawnNode
from lakeflow.core.drawing.layout import NodeBox, Picture, Point, laid_out
from lakeflow.core.drawing.svg import svg_of
from tests.drawing.pictures import hostile_drawing, random_drawing

_PICTURES = [(1, 3), (12, 1), (60, 2), (200, 5)]


@pytest.mark.long
def test_a_thousand_nodes_stand_apart_inside_the_picture_with_every_edge() -> None:
    drawing = random_drawing(1_000)
    picture = laid_out(drawing)
    assert len(picture.boxes) == 1_000
    _judge(drawing, picture)
    assert svg_of(drawing) == svg_of(random_drawing(1_000))


@pytest.mark.parametrize(("count", "seed"), _PICTURES)
def test_nothing_overlaps_and_no_edge_runs_through_a_box(count: int, seed: int) -> None:
    drawing = random_drawing(count, seed)
    picture = laid_out(drawing)
    _judge(drawing, picture)
    for route in picture.routes:
        for box in picture.boxes:
            if box.node.name not in (route.source, route.target):
                assert not any(_through(box, *step) for step in pairwise(route.points)), (route, box)


def test_names_that_nobody_would_choose_stay_in_their_boxes() -> None:
    drawing = hostile_drawing()
    _judge(drawing, laid_out(drawing))


def test_an_empty_lineage_is_an_empty_picture() -> None:
    assert laid_out(Drawing((), ())).boxes == ()


def test_a_chain_that_can_be_drawn_straight_crosses_nothing() -> None:
    """Two chains through all layers, declared crosswise: each keeps its height, and they stay apart."""
    names = [f"{layer}.{name}" for layer in ("bronze", "silver", "gold") for name in ("a", "b")]
    nodes = tuple(DrawnNode(name, name.partition(".")[0], name[-1]) for name in names)
    edges = (("bronze.a", "silver.b"), ("bronze.b", "silver.a"), ("silver.a", "gold.b"), ("silver.b", "gold.a"))
    routes = laid_out(Drawing(nodes, edges)).routes
    assert [len({y for _, y in route.points}) for route in routes] == [1, 1, 1, 1]


def test_lanes_stand_from_left_to_right_and_hold_their_boxes() -> None:
    picture = laid_out(random_drawing(80, 4))
    assert [lane.name for lane in picture.lanes] == [
        name for name in LANES if name in {b.node.lane for b in picture.boxes}
    ]
    for one, other in pairwise(picture.lanes):
        assert one.x + one.width < other.x
    spans = {lane.name: (lane.x, lane.x + lane.width) for lane in picture.lanes}
    for box in picture.boxes:
        left, right = spans[box.node.lane]
        assert left < box.x
        assert box.x + box.width < right


def _judge(drawing: Drawing, picture: Picture) -> None:
    assert {box.node.name for box in picture.boxes} == {node.name for node in drawing.nodes}
    assert {(route.source, route.target) for route in picture.routes} == set(drawing.edges)
    for box in picture.boxes:
        assert 0 <= box.x <= picture.width - box.width
        assert 0 <= box.y <= picture.height - box.height
    by_column: dict[float, list[NodeBox]] = {}
    for box in sorted(picture.boxes, key=lambda box: box.y):
        by_column.setdefault(box.x, []).append(box)
    for column in by_column.values():
        assert all(one.y + one.height < other.y for one, other in pairwise(column))
    places = {box.node.name: box for box in picture.boxes}
    for route in picture.routes:
        source, target = places[route.source], places[route.target]
        assert route.points[0] == (source.x + source.width, source.y + source.height / 2)
        assert route.points[-1] == (target.x, target.y + target.height / 2)
        assert all(one[0] < other[0] for one, other in pairwise(route.points))


def _through(box: NodeBox, one: Point, other: Point) -> bool:
    """Does the step touch the box? Between two heights it stays within them, however it bends."""
    beside = other[0] <= box.x or box.x + box.width <= one[0]
    low, high = sorted((one[1], other[1]))
    return not beside and high >= box.y and low <= box.y + box.height
