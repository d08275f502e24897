"""The forms in which a lineage is drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from lakeflow.core.drawing.dot import dot_of
from lakeflow.core.drawing.drawing import Drawing
from lakeflow.core.drawing.mermaid import mermaid_of
from lakeflow.core.drawing.svg import svg_of

DRAWINGS: Final[Mapping[str, Callable[[Drawing], str]]] = {"svg": svg_of, "mermaid": mermaid_of, "dot": dot_of}
