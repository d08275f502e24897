"""The rows of each side that may differ, as SQL over columns `c0`, `c1`, …, and how many rows each side has."""

from __future__ import annotations

from dataclasses import replace

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.diff.values import compared
from lakeflow.adapters.duckdb.names import listed, local, quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.read.deletes.hidden import TEMPORARY, hidden, named_by_position
from lakeflow.core.compare.comparison import Asked
from lakeflow.core.compare.files import only, shared, without
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Sides:
    """Both scans in columns of the same names: what differs of them, and the files that hold the same rows for both."""

    before: Scan
    after: Scan
    both: frozenset[str]
    asked: Asked

    def rows(self, cursor: DuckDBPyConnection, scan: Scan) -> str:
        """A SELECT of the side's rows that the other side may lack, as `c0`, `c1` and so on."""
        columns = ", ".join(
            f"{compared(quoted(field.name), field.type, pair)} AS c{place}"
            for place, (field, pair) in enumerate(zip(scan.schema.fields, self.asked.pairs, strict=True))
        )
        return f"SELECT {columns} FROM ({self._filtered(cursor, without(scan, self.both))})"

    def count(self, cursor: DuckDBPyConnection, scan: Scan) -> int:
        """All rows of one side. Files that hold the same rows for both are opened only where a condition asks for it,
        or where rows are deleted by their values.
        """
        own = without(scan, self.both)
        counted = _number(cursor, self._filtered(cursor, own))
        rest = only(scan, self.both)
        if not rest.files:
            return counted
        if self.asked.where:
            return counted + _number(cursor, self._filtered(cursor, rest))
        stored = scan.rows - _stored(cursor, own.files)
        return counted + stored - (_hidden(cursor, rest) if rest.deletes else 0)

    def _filtered(self, cursor: DuckDBPyConnection, scan: Scan) -> str:
        text = scans.select(cursor, scan)
        return f"SELECT * FROM ({text}) WHERE (\n{self.asked.where}\n)" if self.asked.where else text


def sides(cursor: DuckDBPyConnection, before: Scan, after: Scan, asked: Asked) -> Sides:
    """Both sides. Where a column is another field after, or another type, no file holds the same rows for both."""
    both: frozenset[str] = frozenset()
    if all(pair.is_one and _same_default(before, after, pair.after) for pair in asked.pairs):
        both = shared(before, after, lambda delete: named_by_position(cursor, replace(before, deletes=(delete,))))
    if asked.pairs:
        before = replace(before, schema=_named([pair.before for pair in asked.pairs], asked))
        after = replace(after, schema=_named([pair.after for pair in asked.pairs], asked))
    return Sides(before, after, both, asked)


def _named(fields: list[Field], asked: Asked) -> Schema:
    """The columns by the names that they have after: a condition means these on both sides."""
    return Schema(tuple(replace(field, name=pair.name) for field, pair in zip(fields, asked.pairs, strict=True)))


def _same_default(before: Scan, after: Scan, field: Field) -> bool:
    return not before.files or not after.files or before.defaults.get(field.id) == after.defaults.get(field.id)


def _number(cursor: DuckDBPyConnection, rows: str) -> int:
    (found,) = cursor.execute(f"SELECT count(*) FROM ({rows})").fetchall()
    return int(found[0])


def _stored(cursor: DuckDBPyConnection, files: tuple[str, ...]) -> int:
    """The rows in these files, deleted ones too."""
    if not files:
        return 0
    (found,) = cursor.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({listed(files)})").fetchall()
    return int(found[0])


def _hidden(cursor: DuckDBPyConnection, scan: Scan) -> int:
    """How many rows of the scan's files are deleted."""
    gone = hidden(cursor, scan, TEMPORARY)
    if not gone.by_value:
        (found,) = cursor.execute(f"SELECT count(DISTINCT row) FROM {gone.positions}").fetchall()
        return int(found[0])
    dirty = only(scan, [path for path in scan.files if local(path) in gone.order])
    return _stored(cursor, dirty.files) - _number(cursor, scans.select(cursor, dirty)) if dirty.files else 0
