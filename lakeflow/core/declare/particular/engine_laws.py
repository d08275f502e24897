"""The laws of what runs an asset's code: what only DuckDB does is refused where Spark is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lakeflow.core.errors import Fault
from lakeflow.core.model.asset import Computer
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    from lakeflow.core.declare.declaration import Declaration
    from lakeflow.core.declare.laws import AssetDraft
    from lakeflow.core.keys import Layer

_ONLY_DUCKDB: Final = {
    "source": ("lands outside files", "land them with an asset on DuckDB, and read that one here"),
    "reads": ("reads outside files", "land them with an asset on DuckDB, and read that one here"),
    "examples": ("has examples", "`lakeflow test` runs code on DuckDB: drop them, or the engine"),
}
"""What Spark does not do: it reads pinned snapshots alone, so that every row is counted."""


@dataclass(frozen=True)
class EngineDefaults:
    """What runs the code of assets that do not say so: Spark those of these layers and tags, if it can; DuckDB all
    others. With `audits` it also audits tables that it did not compute.
    """

    layers: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    audits: bool = False

    def over(self, said: Declaration, layer: Layer) -> Declaration:
        """The declaration with an engine."""
        if said.engine is not None:
            return said
        wanted = layer in self.layers or not self.tags.isdisjoint(said.tags)
        can = not any(getattr(said, name) for name in _ONLY_DUCKDB)
        return replace(said, engine=Computer.SPARK if wanted and can else Computer.DUCKDB)


DUCKDB_RUNS: Final = EngineDefaults()
"""Nothing is said of engines."""


def engine_faults(draft: AssetDraft) -> Iterator[Fault]:
    said = draft.declaration
    for name, (what, hint) in _ONLY_DUCKDB.items() if said.engine is Computer.SPARK else ():
        if getattr(said, name):
            yield draft.fault(f"{draft.key} {what}, which Spark does not do here", hint, name)
