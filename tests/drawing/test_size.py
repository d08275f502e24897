"""What a browser gets of a lineage of a thousand tables: so many elements and bytes, which no machine makes more."""

from __future__ import annotations

import gzip
import re

import pytest

from lakeflow.core.drawing.svg import svg_of, svg_within
from tests.drawing.pictures import random_drawing

_ELEMENT = re.compile(r"<[a-z]")


def test_a_box_is_seven_elements_and_an_edge_two_however_large_the_drawing_is() -> None:
    drawing = random_drawing(1_000)
    text = svg_within(drawing, lambda name: f"/assets/{name}")
    lanes = text.count('class="lane"')
    assert len(_ELEMENT.findall(text)) == 7 * len(drawing.nodes) + 2 * len(drawing.edges) + 2 * lanes + 3


@pytest.mark.long
def test_a_thousand_tables_are_less_than_a_megabyte_and_packed_less_than_a_tenth_of_one() -> None:
    drawing = random_drawing(1_000)
    for text in (svg_within(drawing, lambda name: f"/assets/{name}"), svg_of(drawing)):
        assert len(text.encode()) < 500 * len(drawing.nodes) + 250 * len(drawing.edges) + 3_000
        assert len(gzip.compress(text.encode(), 5)) < 100_000
