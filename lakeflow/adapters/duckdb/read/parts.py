"""Groups the files of a scan that are read alike: by field ids, or by the names that the table maps to them.

DuckDB's `schema` map does both, and fills in what a file lacks. Nested fields need `children`; without it they would be
matched by the table's names of today.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import listed, literal
from lakeflow.adapters.duckdb.read.shapes import Node, ids_in, refuse_other_types, resolved, shapes
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.core.errors import AssetError
from lakeflow.core.keys import EMPTY
from lakeflow.core.model.foreign import FileOrigin
from lakeflow.core.model.schema import Field, children
from lakeflow.core.model.table import Scan
from lakeflow.core.values import dataclass

Names: TypeAlias = Mapping[int, str]


@dataclass(frozen=True)
class FileGroup:
    """Files that are read alike. `names` are the file's names of the fields, by id; None: the file has the ids itself.

    `defaults` are the values of fields that the files lack; a field without default is NULL.
    """

    files: tuple[str, ...]
    defaults: Mapping[int, str] = EMPTY
    names: Names | None = None

    def source(self, fields: Sequence[Field], rows: int = 0) -> str:
        """A FROM item with these columns of all rows in the files, deleted rows included.

        `rows` is their number, where it is known. With a `schema` DuckDB can only guess it, and a join that takes the
        larger side for the smaller one holds it in memory.
        """
        known = f", explicit_cardinality={rows}" if rows else ""
        return f"read_parquet({listed(self.files)}, schema={self._map(fields)}{known})"

    def _map(self, fields: Sequence[Field]) -> str:
        return f"MAP{{{', '.join(f'{self._key(field)}: {self._entry(field)}' for field in fields)}}}"

    def _key(self, field: Field) -> str:
        if self.names is None:
            return str(field.id)
        return literal(self.names.get(field.id, f"\x01absent {field.id}"))  # no file has a column of that name

    def _entry(self, field: Field) -> str:
        default = self.defaults.get(field.id)
        value = "NULL::VARCHAR" if default is None else literal(default)
        entry = f"'name': {literal(field.name)}, 'type': {literal(spelled(field.type))}, 'default_value': {value}"
        nested = children(field.type)
        return f"{{{entry}, 'children': {self._map(nested)}}}" if nested else f"{{{entry}}}"


def parts(cursor: DuckDBPyConnection, scan: Scan) -> tuple[FileGroup, ...]:
    """The groups of the files in a scan that has files. AssetError for a file whose columns cannot be told apart
    safely, or with a column of which a value would change.
    """
    if not scan.unmarked:
        return (FileGroup(scan.files, scan.defaults),)
    grouped: dict[object, tuple[list[str], Mapping[int, str], Names | None]] = {}
    for paths, nodes in shapes(cursor, scan.files):
        names, present = _found_in(scan, paths[0], nodes)
        for path in paths:
            defaults = _left_out(scan, path, present)
            alike = (tuple(sorted(defaults.items())), None if names is None else tuple(sorted(names.items())))
            grouped.setdefault(alike, ([], defaults, names))[0].append(path)
    return tuple(FileGroup(tuple(files), defaults, names) for files, defaults, names in grouped.values())


def _found_in(scan: Scan, path: str, nodes: Sequence[Node]) -> tuple[Names | None, Collection[int]]:
    """The file's names of its columns (None where it has ids), and the ids of the fields that it has."""
    if ids := ids_in(nodes):
        refuse_other_types(scan, path, nodes)
        return None, ids
    if not scan.names:
        raise AssetError(
            f"{scan.key}: {path} has no field ids, so its columns cannot be told apart safely",
            hint="rewrite the table once with the engine that wrote it (in Spark: CALL system.rewrite_data_files), "
            "or have it say which name is which column (table property schema.name-mapping.default)",
        )
    names = resolved(scan, path, nodes)
    return names, names.keys()


def _left_out(scan: Scan, path: str, present: Collection[int]) -> dict[int, str]:
    """The values that the file may leave out: its partition's, and the defaults of columns that were added later."""
    constants = scan.origins.get(path, FileOrigin()).constants
    said = {id_: value for id_, value in constants.items() if value is not None}
    later = {id_: value for id_, value in scan.defaults.items() if id_ not in constants}
    return {id_: value for id_, value in (later | said).items() if id_ not in present}


def by_file(files: Sequence[str], value: Callable[[str], str]) -> str:
    """SQL of a value that differs by file, chosen by DuckDB's `file_index`."""
    return f"list_extract([{', '.join(map(value, files))}], file_index::BIGINT + 1)"
