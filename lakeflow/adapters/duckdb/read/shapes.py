"""Finds the columns of Parquet files by their footers, and matches them to a table's where they have no ids."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import listed
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.core.errors import AssetError
from lakeflow.core.model.foreign import Mapped
from lakeflow.core.model.schema import Decimal, Field, List, Map, Struct, Type, children, walk
from lakeflow.core.model.table import Scan
from lakeflow.core.values import dataclass

_NODE: Final = "{name: name, many: coalesce(num_children, 0), id: field_id, type: duckdb_type}"
_DECIMAL: Final = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_LIST: Final = "list"
_SMALL: Final = frozenset({"TINYINT", "SMALLINT", "UTINYINT", "USMALLINT"})
_EXACT: Final = {
    "INTEGER": _SMALL,
    "BIGINT": _SMALL | {"INTEGER", "UINTEGER"},
    "DOUBLE": frozenset({"FLOAT"}),
    "TIMESTAMP": frozenset({"TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP WITH TIME ZONE", "DATE"}),
    "TIMESTAMP WITH TIME ZONE": frozenset({"TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP"}),
}
"""The types in which a value may be stored unchanged; times without a zone are in UTC."""


@dataclass(frozen=True)
class Node:
    """A column of a file, or a field nested in one; `type` is DuckDB's word for it."""

    name: str
    id: int | None
    type: str
    below: tuple[Node, ...] = ()


def shapes(cursor: DuckDBPyConnection, files: tuple[str, ...]) -> Iterator[tuple[list[str], tuple[Node, ...]]]:
    """Each set of columns, with the files that have exactly these."""
    one = f"SELECT file_name, list({_NODE} ORDER BY column_id) AS shape FROM parquet_schema({listed(files)}) GROUP BY 1"
    found = cursor.execute(f"SELECT list(file_name ORDER BY file_name), shape FROM ({one}) GROUP BY 2").fetchall()
    for paths, shape in found:
        yield paths, _tree(iter(shape)).below


def ids_in(nodes: Sequence[Node]) -> frozenset[int]:
    own = {node.id for node in nodes if node.id is not None}
    return frozenset(own).union(*(ids_in(node.below) for node in nodes))


def resolved(scan: Scan, path: str, nodes: Sequence[Node]) -> dict[int, str]:
    """The file's names of the table's fields, by id, without fields that it lacks. AssetError for names that differ in
    letter case alone, and for a type that is not the field's.
    """
    return dict(_Names(scan, path).among(every_column(scan), scan.names, nodes))


def refuse_other_types(scan: Scan, path: str, nodes: Sequence[Node]) -> None:
    """AssetError for a column with the field's id whose type neither is the field's nor widens to it."""
    stored = dict(_by_id(nodes))
    for where, field in walk(scan.schema.fields):
        node = stored.get(field.id)
        if node is None or (node.below if children(field.type) else _is_exact(node.type, field.type)):
            continue
        raise _other_type(f"{scan.key}: {path}", ".".join(where), node, field)


def _by_id(nodes: Sequence[Node]) -> Iterator[tuple[int, Node]]:
    for node in nodes:
        if node.id is not None:
            yield node.id, node
        yield from _by_id(node.below)


def _other_type(where: str, name: str, node: Node, field: Field) -> AssetError:
    return AssetError(
        f"{where} stores column {name!r} as {node.type}, which is not {field.type}",
        hint="rewrite it once with the engine that added the file (in Spark: CALL system.rewrite_data_files)",
    )


def every_column(scan: Scan) -> tuple[Field, ...]:
    """The columns of the scan as it reads them, and all other columns that the table ever had, in their last form."""
    schemas = (*scan.schemas, scan.schema)
    return tuple({field.id: field for schema in schemas for field in schema.fields}.values())


@dataclass(frozen=True)
class _Names:
    scan: Scan
    path: str

    def among(
        self, fields: Sequence[Field], names: Sequence[Mapped], nodes: Sequence[Node]
    ) -> Iterator[tuple[int, str]]:
        if len({node.name.lower() for node in nodes}) < len(nodes):
            raise AssetError(
                f"{self.scan.key}: {self.path} has no field ids and columns whose names differ in letter case alone",
                hint="rewrite it with one name for each column",
            )
        known = {mapped.id: mapped for mapped in names}
        for field in fields:
            mapped = known.get(field.id)
            if node := next((one for one in nodes if mapped and one.name in mapped.names), None):
                assert mapped is not None
                yield field.id, node.name
                yield from self._below(field, mapped, node)

    def _below(self, field: Field, mapped: Mapped, node: Node) -> Iterator[tuple[int, str]]:
        match field.type:
            case Struct(fields) if node.below:
                yield from self.among(fields, mapped.fields, node.below)
            case List(element) if len(node.below) == 1 and node.below[0].name == _LIST:
                (inner,) = node.below[0].below
                yield element.id, _LIST
                yield from self._side(element, mapped, inner)
            case Map(key, value) if len(node.below) == 1 and len(node.below[0].below) == 2:
                for side, inner in zip((key, value), node.below[0].below, strict=True):
                    yield side.id, side.name
                    yield from self._side(side, mapped, inner)
            case leaf if children(leaf) or node.below or not _is_exact(node.type, leaf):
                where = f"{self.scan.key}: {self.path} has no field ids and"
                raise _other_type(where, node.name, node, field)

    def _side(self, field: Field, mapped: Mapped, node: Node) -> Iterator[tuple[int, str]]:
        below = next((one for one in mapped.fields if one.id == field.id), Mapped(frozenset(), field.id))
        return self._below(field, below, node)


def _tree(nodes: Iterator[dict[str, Any]]) -> Node:
    """The columns as a tree. Footers list a column before its nested fields, and give their number."""
    node = next(nodes)
    below = tuple(_tree(nodes) for _ in range(node["many"]))
    return Node(node["name"], node["id"], node["type"] or "", below)


def _is_exact(stored: str, type_: Type) -> bool:
    if isinstance(type_, Decimal) and (found := _DECIMAL.fullmatch(stored)):
        return int(found[1]) <= type_.precision and int(found[2]) == type_.scale
    return stored == spelled(type_) or stored in _EXACT.get(spelled(type_), ())
