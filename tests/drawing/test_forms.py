"""Lineage as SVG, Mermaid, Graphviz and OpenLineage: each stays what it is, whatever names hold."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

import lakeflow
from lakeflow.core.drawing.dot import dot_of
from lakeflow.core.drawing.mermaid import mermaid_of
from lakeflow.core.drawing.svg import svg_of
from lakeflow.core.errors import SelectionError
from tests.drawing.job_event import JOB_EVENT
from tests.drawing.pictures import HOSTILE, hostile_drawing, random_drawing

SVG = "{http://www.w3.org/2000/svg}"


def test_the_svg_is_well_formed_and_holds_nothing_that_runs_or_loads() -> None:
    text = svg_of(hostile_drawing())
    root = ElementTree.fromstring(text)
    allowed = {"svg", "title", "style", "rect", "text", "path", "g", "circle"}
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= allowed
    assert {name for each in root.iter() for name in each.attrib if name.startswith(("on", "href", "{"))} == set()
    assert not re.search(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", text)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", text)


def test_every_box_says_its_health_as_a_word_and_as_a_shape() -> None:
    root = ElementTree.fromstring(svg_of(random_drawing(60, 2)))
    shapes: dict[str, set[str]] = {}
    for box in root.iter(f"{SVG}g"):
        kind = box.attrib["class"].removeprefix("box ")
        sign = next(each for each in box if each.attrib.get("class") == "sign")
        shape = re.sub(r"M\S+ \S+", "", sign.attrib.get("d", "circle"))
        shapes.setdefault(kind, set()).add(shape)
    assert set(shapes) == {"healthy", "warning", "degraded", "unknown", "outside"}
    assert all(len(each) == 1 for each in shapes.values())
    # A healthy table has a full circle, an unknown one a ring.
    assert len({next(iter(each)) for each in shapes.values()}) == 4
    assert ".unknown .sign{fill:none" in svg_of(random_drawing(5))


def test_the_svg_is_dark_for_who_prefers_that() -> None:
    assert "@media (prefers-color-scheme:dark)" in svg_of(random_drawing(3))


def test_in_mermaid_a_name_is_a_label_and_nothing_else() -> None:
    lines = mermaid_of(hostile_drawing()).splitlines()
    box = re.compile(r'    n\d+\S{1,2}"(?:[\w .,:*/()=+-]|#\d+;)*<br/>(?:[\w .,:*/()=+-]|#\d+;)*"\S{1,2}')
    edge = re.compile(r"  n\d+ --> n\d+")
    told = [line for line in lines if not line.strip().startswith(("flowchart", "subgraph")) and line != "  end"]
    assert [line for line in told if not (box.fullmatch(line) or edge.fullmatch(line))] == []
    assert sum(bool(edge.fullmatch(line)) for line in told) == len(HOSTILE)


def test_in_dot_a_name_ends_where_its_quotes_end() -> None:
    text = dot_of(hostile_drawing())
    quoted = re.findall(r'"(?:[^"\\]|\\.)*"', text)
    rest = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    assert '"' not in rest
    assert re.sub(r"[\w\s{}\[\]=,;>-]", "", rest) == ""
    assert len(re.findall(r'" -> "', text)) == len(HOSTILE)
    assert all(line.isprintable() for each in quoted for line in each.splitlines())


FILES = {
    "bronze/orders.sql": "/*\n[columns.email]\npii = true\n*/ select 1 as id, 'a@b.no' as email, 5 as total",
    "silver/orders.sql": """/*
key = ["id"]
description = "One row an order."

[columns.email]
pii = true
mask = "hash"
*/
select id, email, total * 2 as total from bronze.orders where total > 0""",
    "gold/sums.sql": "/*\nkey = ['one']\n*/ select 1 as one, sum(total) as total from silver.orders",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAKEFLOW_PII_SALT", "0123456789abcdef0123456789abcdef")
    (tmp_path / "pyproject.toml").write_text("[tool.lakeflow]\n")
    for name, text in FILES.items():
        (tmp_path / "layers" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "layers" / name).write_text(text)
    return tmp_path


def test_openlineage_has_an_event_for_each_asset_with_schema_and_column_lineage(project: Path) -> None:
    with lakeflow.open(project) as lake:
        events = json.loads(lake.drawn("openlineage", "+gold.sums"))
    jsonschema.validate(events, {"type": "array", "items": JOB_EVENT})
    assert [event["job"]["name"] for event in events] == ["bronze.orders", "gold.sums", "silver.orders"]
    (made,) = events[2]["outputs"]
    assert made["name"] == "silver.orders"
    lineage = made["facets"]["columnLineage"]
    (email,), (total,) = (lineage["fields"][name]["inputFields"] for name in ("email", "total"))
    assert (email["name"], email["field"]) == ("bronze.orders", "email")
    assert email["transformations"] == [{"type": "DIRECT", "subtype": "IDENTITY", "masking": True}]
    assert total["transformations"] == [{"type": "DIRECT", "subtype": "TRANSFORMATION", "masking": False}]
    (row,) = lineage["dataset"]
    assert (row["field"], row["transformations"]) == ("total", [{"type": "INDIRECT", "subtype": "FILTER"}])
    assert made["facets"]["schema"]["fields"][0] == {"name": "id", "type": "int"}
    assert [each["name"] for each in events[2]["inputs"]] == ["bronze.orders"]


def test_a_picture_of_a_selection_has_what_its_assets_are_made_from(project: Path) -> None:
    with lakeflow.open(project) as lake:
        text = lake.drawn("svg", "silver.orders")
        with pytest.raises(SelectionError):
            lake.drawn("dot", "silver.order")
    names = {box.attrib["data-name"] for box in ElementTree.fromstring(text).iter(f"{SVG}g")}
    assert names == {"bronze.orders", "silver.orders"}
