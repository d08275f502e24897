"""lakeflow: audited lakehouse assets on Apache Iceberg. No bad row ever reaches a reader."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from lakeflow.core.checking import check
from lakeflow.core.define import asset, new_rows
from lakeflow.core.source import files

if TYPE_CHECKING:
    from duckdb import DuckDBPyRelation as Relation

    from lakeflow.lake import open  # noqa: A004  the API's word, as in `lakeflow.open(".")`

    __version__: str

__all__ = ["Relation", "__version__", "asset", "check", "files", "new_rows", "open"]

_LAZY: Final = {"Relation": ("duckdb", "DuckDBPyRelation"), "open": ("lakeflow.lake", "open")}
"""Imported when somebody asks: every file of a project imports this one for `asset`."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("lakeflow-wap")
    if name not in _LAZY:
        raise AttributeError(f"module 'lakeflow' has no attribute {name!r}")
    module, attribute = _LAZY[name]
    return getattr(import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
