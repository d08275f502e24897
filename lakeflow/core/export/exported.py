"""Tables of one moment, copied out of the lake for others to read: what is asked for, and what was written."""

from __future__ import annotations

from collections.abc import Mapping, Set
from datetime import datetime
from enum import StrEnum
from pathlib import PurePath
from typing import Final, Literal

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.table import MAIN, Scan
from lakeflow.core.values import dataclass

ALL: Final = None
"""In place of assets: whatever readers saw then."""
_FILES: Final = frozenset({".arrow", ".csv", ".db", ".ddb", ".json", ".parquet", ".sqlite", ".sqlite3", ".tsv", ".zip"})


class ExportForm(StrEnum):
    """A folder with one Parquet file a table, or one DuckDB file with one table each."""

    PARQUET = "parquet"
    DUCKDB = "duckdb"


@dataclass(frozen=True)
class ExportRequest:
    """Which assets (`ALL`: those that readers saw) of which moment go to the absolute path `to`."""

    to: str
    assets: tuple[AssetKey, ...] | None = ALL
    ref: str = MAIN
    as_of: datetime | str | None = None
    personal: Literal["shown", "masked"] = "masked"


@dataclass(frozen=True)
class ExportOrder:
    """What an engine is to write: tables by `layer.name`, with the columns (in lower case) of which only `•••` goes."""

    to: str
    form: ExportForm
    tables: Mapping[str, Scan]
    hidden: Mapping[str, Set[str]] = EMPTY


@dataclass(frozen=True)
class ExportedTable:
    """`name` is the file in the folder, or the table in the database. `hidden` are columns that were masked."""

    asset: AssetKey
    snapshot_id: int
    rows: int
    name: str
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exported:
    """What was written. Of `left_out` readers saw nothing then."""

    to: str
    form: ExportForm
    tables: tuple[ExportedTable, ...]
    left_out: tuple[AssetKey, ...] = ()


def form_of(to: str) -> ExportForm:
    """What the name of a target says. UsageError for the name of another kind of file."""
    path = PurePath(to)
    if path.suffix.lower() == ".duckdb":
        return ExportForm.DUCKDB
    if path.suffix.lower() in _FILES:
        raise UsageError(f"{path.name!r} is neither a folder nor a DuckDB file", hint="name a folder, or FILE.duckdb")
    return ExportForm.PARQUET


def name_in(form: ExportForm, table: str) -> str:
    """How a table `layer.name` is called in an export of that form."""
    return table if form is ExportForm.DUCKDB else f"{table.replace('.', '/')}.parquet"
