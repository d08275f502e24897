"""A picture as SVG that stands alone or in a page: light or dark as its reader prefers, health by shape and word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from lakeflow.core.drawing.drawing import Drawing
from lakeflow.core.drawing.layout import Lane, NodeBox, Picture, Point, Route, laid_out, text_width
from lakeflow.core.drawing.names import readable
from lakeflow.core.view.rows import Health

STYLE: Final = """
.lineage{--page:#ffffff;--lane:#f4f5f7;--box:#ffffff;--line:#d3d7de;--edge:#a9b1bd;--text:#1d2430;--soft:#667080;
--healthy:#2f855a;--warning:#b7791f;--degraded:#c53030;--unknown:#7a8494;
font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
@media (prefers-color-scheme:dark){.lineage{--page:#12161c;--lane:#191e26;--box:#222934;--line:#37404e;--edge:#566070;
--text:#e8ebf0;--soft:#98a2b1;--healthy:#68d391;--warning:#ecc94b;--degraded:#fc8181;--unknown:#98a2b1}}
.lineage .page{fill:var(--page)}.lineage .lane{fill:var(--lane)}
.lineage .title{fill:var(--soft);font-size:12px;font-weight:600;letter-spacing:.06em}
.lineage .edge{fill:none;stroke:var(--edge);stroke-width:1.5}
.lineage .box rect{fill:var(--box);stroke:var(--line)}.lineage .outside rect{stroke-dasharray:4 3}
.lineage .box.degraded rect{stroke:var(--degraded);stroke-width:1.5}
.lineage .box.chosen rect{stroke:var(--text);stroke-width:2}
.lineage .label{fill:var(--text);font-size:13px;font-weight:500}.lineage .note{fill:var(--soft);font-size:11px}
.lineage .healthy .sign{fill:var(--healthy)}.lineage .warning .sign{fill:var(--warning)}
.lineage .degraded .sign{fill:none;stroke:var(--degraded);stroke-width:2.4;stroke-linecap:round}
.lineage .unknown .sign{fill:none;stroke:var(--unknown);stroke-width:1.8}
.lineage .outside .sign{fill:none;stroke:var(--soft);stroke-width:1.4;stroke-linejoin:round}
"""

_SIGNS: Final = {
    Health.HEALTHY: '<circle class="sign" cx="{x}" cy="{y}" r="4.5"/>',
    Health.WARNING: '<path class="sign" d="M{x} {y}m0 -5.5l6 10.5h-12z"/>',
    Health.DEGRADED: '<path class="sign" d="M{x} {y}m-4 -4l8 8m0 -8l-8 8"/>',
    Health.UNKNOWN: '<circle class="sign" cx="{x}" cy="{y}" r="4.5"/>',
    None: '<path class="sign" d="M{x} {y}m-4.5 -5.5h6l3 3v8h-9z"/>',
}


def svg_of(drawing: Drawing) -> str:
    """The same bytes for the same drawing. It loads nothing and runs nothing."""
    picture = laid_out(drawing)
    return "\n".join([*_head(picture, STYLE), *_drawn(picture, map(_box, picture.boxes)), "</svg>", ""])


def svg_within(drawing: Drawing, address: Callable[[str], str | None], chosen: str = "") -> str:
    """The same picture as a part of a page that has `STYLE` already. A box leads to the `address` of its name, where
    there is one, and the box of that name is marked as `chosen`.
    """
    picture = laid_out(drawing)
    boxes = (_linked(box, address(box.node.name), box.node.name == chosen) for box in picture.boxes)
    return "\n".join([*_head(picture, ""), *_drawn(picture, boxes), "</svg>", ""])


def _drawn(picture: Picture, boxes: Iterable[str]) -> Iterator[str]:
    yield from _lanes(picture)
    yield from map(_edge, picture.routes)
    yield from boxes


def _linked(box: NodeBox, address: str | None, is_chosen: bool) -> str:
    drawn = _box(box, " chosen" if is_chosen else "")
    return f"<a href={quoteattr(address)}>{drawn}</a>" if address else drawn


def _head(picture: Picture, style: str) -> Iterator[str]:
    wide, high = _number(picture.width), _number(picture.height)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="lineage" viewBox="0 0 {wide} {high}" width="{wide}" '
        f'height="{high}" role="{"img" if style else "group"}">'
    )
    yield f"<title>Lineage of {len(picture.boxes)} tables and sources</title>"
    if style:
        yield f"<style>{style}</style>"
    yield f'<rect class="page" width="{wide}" height="{high}"/>'


def _lanes(picture: Picture) -> Iterator[str]:
    for lane in picture.lanes:
        yield _lane(lane, picture.height)


def _lane(lane: Lane, height: float) -> str:
    x, wide, high = _number(lane.x), _number(lane.width), _number(height - 32)
    title = f'<text class="title" x="{_number(lane.x + 18)}" y="40">{lane.name}</text>'
    return f'<rect class="lane" x="{x}" y="16" width="{wide}" height="{high}" rx="12"/>{title}'


def _edge(route: Route) -> str:
    (x, y), *_ = route.points
    steps = "".join(_step(one, other) for one, other in pairwise(route.points))
    names = f"{readable(route.source)} → {readable(route.target)}"
    ends = f"data-from={quoteattr(readable(route.source))} data-to={quoteattr(readable(route.target))}"
    path = f"M{_number(x)} {_number(y)}{steps}"
    return f'<path class="edge" {ends} d="{path}"><title>{escape(names)}</title></path>'


def _step(one: Point, other: Point) -> str:
    if one[1] == other[1]:
        return f"H{_number(other[0])}"
    middle = _number((one[0] + other[0]) / 2)
    return f"C{middle} {_number(one[1])} {middle} {_number(other[1])} {_number(other[0])} {_number(other[1])}"


def _box(box: NodeBox, more: str = "") -> str:
    node, middle = box.node, box.y + box.height / 2
    kind = str(node.health) if node.health else "outside"
    sign = _SIGNS[node.health].format(x=_number(box.x + 18), y=_number(middle))
    name = readable(node.name)
    room, title = box.width - 42, escape(f"{name}: {readable(node.note)}")
    return (
        f'<g class="box {kind}{more}" data-name={quoteattr(name)}><title>{title}</title>'
        f'<rect x="{_number(box.x)}" y="{_number(box.y)}" width="{_number(box.width)}" height="{_number(box.height)}" '
        f'rx="8"/>{sign}<text class="label" x="{_number(box.x + 34)}" y="{_number(middle - 3)}">'
        f"{escape(_fitting(readable(node.label), 13, room))}</text>"
        f'<text class="note" x="{_number(box.x + 34)}" y="{_number(middle + 13)}">'
        f"{escape(_fitting(readable(node.note), 11, room))}</text></g>"
    )


def _fitting(text: str, size: float, room: float) -> str:
    """The text, cut where the box ends; the whole of it is the title of the box."""
    if text_width(text, size) <= room:
        return text
    while text and text_width(text + "…", size) > room:
        text = text[:-1]
    return text + "…"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
