"""lakeflow: audited lakehouse assets on Apache Iceberg. No bad row ever reaches a reader."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from lakeflow.core.declare.asset_decorator import asset, new_keys, new_rows
from lakeflow.core.declare.check_decorator import check
from lakeflow.core.errors import (
    AssetError,
    BusyError,
    CodeError,
    ConfigError,
    ConflictError,
    LakeError,
    LakeflowError,
    ProjectError,
    SchemaError,
    SelectionError,
    UsageError,
)
from lakeflow.core.model.file_source import files

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation as Relation

    from lakeflow.lake.lake import Lake, open  # noqa: A004  the API's word, as in `lakeflow.open(".")`

    __version__: str
else:

    class _DuckDBs(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, import_module("duckdb").DuckDBPyRelation)

    class Relation(metaclass=_DuckDBs):
        """`duckdb.DuckDBPyRelation` by a name that costs no import of DuckDB: who only plans needs none."""

    def __getattr__(name: str) -> object:
        """Imported when somebody asks: every file of a project imports this one for `asset`."""
        if name == "__version__":
            return import_module("importlib.metadata").version("lakeflow-wap")
        if name in {"Lake", "open"}:
            return getattr(import_module("lakeflow.lake.lake"), name)
        raise AttributeError(f"module 'lakeflow' has no attribute {name!r}")


__all__ = [
    "AssetError",
    "BusyError",
    "CodeError",
    "ConfigError",
    "ConflictError",
    "Lake",
    "LakeError",
    "LakeflowError",
    "ProjectError",
    "Relation",
    "SchemaError",
    "SelectionError",
    "UsageError",
    "__version__",
    "asset",
    "check",
    "files",
    "new_keys",
    "new_rows",
    "open",
]


def __dir__() -> list[str]:
    return sorted(__all__)
