"""The laws of what runs an asset's code: what only DuckDB does is refused where Spark is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from lakeflow.core.errors import Fault
from lakeflow.core.model.asset import Computer

if TYPE_CHECKING:
    from lakeflow.core.declare.laws import AssetDraft

_ONLY_DUCKDB: Final = {
    "source": ("lands outside files", "land them with an asset on DuckDB, and read that one here"),
    "reads": ("reads outside files", "land them with an asset on DuckDB, and read that one here"),
    "examples": ("has examples", "`lakeflow test` runs code on DuckDB: drop them, or the engine"),
}
"""What Spark does not do: it reads pinned snapshots alone, so that every row is counted."""


def engine_faults(draft: AssetDraft) -> Iterator[Fault]:
    said = draft.declaration
    for name, (what, hint) in _ONLY_DUCKDB.items() if said.engine is Computer.SPARK else ():
        if getattr(said, name):
            yield draft.fault(f"{draft.key} {what}, which Spark does not do here", hint, name)
