"""The lineage of assets as a part of a page: each box leads to its asset."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote

from markupsafe import Markup

from lakeflow.core.drawing.drawing import Drawing, drawing_of
from lakeflow.core.drawing.svg import svg_of, svg_within
from lakeflow.core.keys import AssetKey
from lakeflow.core.view import lineage
from lakeflow.ui.kept import Glance


def drawn(glance: Glance, keys: Sequence[AssetKey], chosen: str = "") -> Markup:
    """The picture, whose texts the core has escaped. It is laid out once for as long as it shows the same."""
    asked = (tuple(keys), chosen)
    if asked not in glance.drawings:
        glance.drawings[asked] = _laid_out(_drawing(glance, keys), chosen)
    return Markup(glance.drawings[asked])  # noqa: S704 - as said


@lru_cache(maxsize=8)
def _laid_out(drawing: Drawing, chosen: str) -> str:
    return svg_within(drawing, _address, chosen)


def alone(glance: Glance, keys: Sequence[AssetKey]) -> str:
    """The same picture with its own style, to be kept."""
    return svg_of(_drawing(glance, keys))


def _drawing(glance: Glance, keys: Sequence[AssetKey]) -> Drawing:
    return drawing_of(lineage.trees(glance.outlook.project, glance.outlook.statuses, keys))


def _address(name: str) -> str | None:
    return f"/assets/{quote(name)}" if AssetKey.find(name) else None
