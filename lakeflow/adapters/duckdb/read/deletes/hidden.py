"""Leaves out rows that delete files hide, with anti joins by position in their file or by their values.

Which files a delete affects is decided first, so that files without deleted rows are read at full speed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import literal, local, local_sql, quoted
from lakeflow.adapters.duckdb.read.deletes.deletion_vectors import deleted_positions
from lakeflow.adapters.duckdb.read.parts import FileGroup, by_file, parts
from lakeflow.adapters.duckdb.read.sameness import FLOATING
from lakeflow.adapters.duckdb.read.shapes import every_column
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.core.errors import AssetError
from lakeflow.core.model.foreign import FileOrigin
from lakeflow.core.model.schema import Field, Primitive, Schema, Struct, Type, children
from lakeflow.core.model.table import DeleteFile, Scan
from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    import pyarrow as pa

TEMPORARY: Final = "temp.main"
_ROW_BITS: Final = 40
"""A row of a file is one number, `place of the file << 40 | position`, so that one hash join finds deleted rows."""
_PATH: Final = Field("file_path", Primitive("string"), 2147483546)
_POSITION: Final = Field("pos", Primitive("long"), 2147483545)
_POSITIONS: Final = (_PATH, _POSITION)
"""The columns of position deletes, by their reserved ids in Iceberg."""


@dataclass(frozen=True)
class _ByValue:
    """Deleted values: a table of `v0`, …, `sequence` and `scope`, and where a row holds them: a column's field, then
    the names that lead down into it. `highest` is the highest sequence number of each scope; the scope "" affects all
    files.
    """

    table: str
    paths: tuple[_Path, ...]
    highest: Mapping[str, int]

    def reaches(self, origin: FileOrigin) -> bool:
        return any(self.highest.get(scope, -1) > origin.sequence for scope in ("", origin.scope))

    def join(self, name: str) -> str:
        same = [path.equal("d", f"{name}.v{n}") for n, path in enumerate(self.paths)]
        scope = [] if "" in self.highest else [f"o.scope = {name}.scope"]
        return f"ANTI JOIN {self.table} AS {name} ON {' AND '.join([*same, *scope])} AND o.sequence < {name}.sequence"


@dataclass(frozen=True)
class _Path:
    """A field: a column, or a field nested in a column."""

    column: Field
    below: tuple[Field, ...] = ()

    def value(self, row: str) -> str:
        return ".".join([f"{row}.f{self.column.id}", *(quoted(field.name) for field in self.below)])

    def equal(self, row: str, deleted: str) -> str:
        """SQL: is the value of the row deleted? NULL equals NULL and NaN equals NaN. To Iceberg's Java library, as
        whose users deletes are written, zero and minus zero are two numbers.
        """
        mine = self.value(row)
        same = f"{mine} IS NOT DISTINCT FROM {deleted}"
        if str(self.type) not in FLOATING:
            return same
        return f"{same} AND ({mine} <> 0 OR signbit({mine}) = signbit({deleted})) IS NOT FALSE"

    @property
    def type(self) -> Type:
        return (self.column, *self.below)[-1].type


@dataclass(frozen=True)
class Hidden:
    """The rows that the delete files of a scan hide, in tables that live as long as the cursor.

    `order` gives the place of each file, by its local path, in which a row may be hidden; `origins` is a table of them.
    """

    scan: Scan
    order: Mapping[str, int]
    origins: str
    positions: str
    by_value: tuple[_ByValue, ...]

    def around(self, part: FileGroup) -> Iterator[str]:
        """SELECTs that together give all rows of the part that are not deleted."""
        dirty = tuple(path for path in part.files if local(path) in self.order)
        clean = tuple(path for path in part.files if local(path) not in self.order)
        if clean:
            yield f"SELECT * FROM {replace(part, files=clean).source(self.scan.schema.fields)}"
        if dirty:
            yield self._without(replace(part, files=dirty))

    def _without(self, part: FileGroup) -> str:
        """The rows without the hidden ones. Inside, columns are named by their ids: a column called `file_row_number`
        must not hide DuckDB's own.
        """
        needed = {field.id: field for field in self.scan.schema.fields}
        for each in self.by_value:
            needed |= {path.column.id: path.column for path in each.paths}
        source = part.source([replace(field, name=f"f{field.id}") for field in needed.values()])
        names = ", ".join(f"d.f{field.id} AS {quoted(field.name)}" for field in self.scan.schema.fields)
        place = by_file(part.files, lambda path: str(self.order[local(path)]))
        row = f"o.place << {_ROW_BITS} | d.file_row_number"
        joins = [
            f"JOIN {self.origins} AS o ON o.place = {place}",
            f"ANTI JOIN {self.positions} AS g ON g.row = ({row})",
        ]
        joins += [each.join(f"e{number}") for number, each in enumerate(self.by_value)]
        return f"SELECT {names} FROM {source} AS d {' '.join(joins)}"


def hidden(cursor: DuckDBPyConnection, scan: Scan, home: str) -> Hidden:
    """Read the delete files. `home` is a quoted schema of the cursor's instance. AssetError for delete files that
    cannot be read.
    """
    load = _DeleteLoader(cursor, scan, home)
    by_value = tuple(load.by_value())
    touched = load.touched()
    dirty = [path for path in scan.files if local(path) in touched or _is_reached(scan, path, by_value)]
    order = {local(path): place for place, path in enumerate(dirty)}
    origins = load.origins(order)
    return Hidden(scan, order, origins, load.positions(origins, order), by_value)


def named_by_position(cursor: DuckDBPyConnection, scan: Scan) -> frozenset[str]:
    """Local paths of the data files in which the scan's delete files hide rows by their positions. AssetError for
    delete files that cannot be read.
    """
    return _DeleteLoader(cursor, scan, TEMPORARY).touched()


def _is_reached(scan: Scan, path: str, by_value: Sequence[_ByValue]) -> bool:
    origin = scan.origins.get(path, FileOrigin())
    return any(each.reaches(origin) for each in by_value)


@dataclass(frozen=True)
class _FromItem:
    """A FROM item; `rows` is the Arrow table with that name, if it reads one."""

    item: str
    rows: pa.Table | None = None


@dataclass(frozen=True)
class _DeleteLoader:
    cursor: DuckDBPyConnection
    scan: Scan
    home: str

    def touched(self) -> frozenset[str]:
        """Local paths of the files in which a row is deleted by its position."""
        found = {local(delete.target) for delete in self._by_position() if delete.target}
        for source in self._positions():
            found |= {row[0] for row in self._run(source, f"SELECT DISTINCT path FROM {source.item}")}
        return frozenset(found)

    def origins(self, order: Mapping[str, int]) -> str:
        """A table of the files in that order: `path`, `place`, `sequence`, `scope`."""
        name = self._create("path VARCHAR, place BIGINT, sequence BIGINT, scope VARCHAR")
        known = {local(path): origin for path, origin in self.scan.origins.items()}
        files = [(path, place, known.get(path, FileOrigin())) for path, place in order.items()]
        rows = [f"({literal(path)}, {place}, {of.sequence}, {literal(of.scope)})" for path, place, of in files]
        if rows:
            self.cursor.execute(f"INSERT INTO {name} VALUES {', '.join(rows)}")
        return name

    def positions(self, origins: str, order: Mapping[str, int]) -> str:
        """A table of the rows to leave out. A delete hides no row of a file that was added after it."""
        name = self._create("row BIGINT")
        for source in self._positions():
            files = f"{origins} AS o ON o.path = s.path AND o.sequence <= s.sequence"
            rows = f"SELECT o.place << {_ROW_BITS} | s.pos FROM {source.item} AS s JOIN {files}"
            self._run(source, f"INSERT INTO {name} {rows}")
        for delete in self._by_position():
            if delete.target and delete.format == "puffin" and local(delete.target) in order:
                self._insert_vector(name, delete, order[local(delete.target)])
        return name

    def by_value(self) -> Iterator[_ByValue]:
        """One table for each set of fields. Deletes that affect only one partition have a table of their own."""
        grouped: dict[tuple[tuple[int, ...], bool], list[DeleteFile]] = defaultdict(list)
        for delete in self.scan.deletes:
            if delete.equality is not None:
                grouped[tuple(sorted(delete.equality.fields)), bool(delete.equality.scope)].append(delete)
        for (ids, _), deletes in grouped.items():
            if not ids:
                raise AssetError(f"{self.scan.key}: {deletes[0].path} does not say by which columns it deletes")
            yield self._values(tuple(map(self._path, ids)), deletes)

    def _values(self, paths: tuple[_Path, ...], deletes: Sequence[DeleteFile]) -> _ByValue:
        columns = ", ".join(f"v{n} {spelled(path.type)}" for n, path in enumerate(paths))
        name = self._create(f"{columns}, sequence BIGINT, scope VARCHAR")
        values = ", ".join(path.value("s") for path in paths)
        fields = tuple({path.column.id: replace(path.column, name=f"f{path.column.id}") for path in paths}.values())
        highest: dict[str, int] = {}
        for delete in deletes:
            scope = delete.equality.scope if delete.equality else ""
            highest[scope] = max(highest.get(scope, -1), delete.sequence)
        for source in self._sources(deletes, fields):
            self._run(
                source, f"INSERT INTO {name} SELECT DISTINCT {values}, s.sequence, s.scope FROM {source.item} AS s"
            )
        return _ByValue(name, paths, highest)

    def _path(self, id_: int) -> _Path:
        """The path of a column by its id. Even a dropped column may tell which rows are deleted."""
        for column in every_column(self.scan):
            if (below := _way(column, id_)) is not None:
                return _Path(column, below)
        raise AssetError(f"{self.scan.key}: its deletes speak of field {id_}, which no schema of the table has")

    def _by_position(self) -> list[DeleteFile]:
        return [delete for delete in self.scan.deletes if delete.equality is None]

    def _positions(self) -> Iterator[_FromItem]:
        """Rows of `path`, `pos` and `sequence`, with paths in our spelling: writers use `file:/x` and `file:///x`,
        `s3a://` and `s3://`.
        """
        deletes = [delete for delete in self._by_position() if delete.format != "puffin"]
        for source in self._sources(deletes, _POSITIONS):
            path = local_sql(f"f{_PATH.id}")
            yield replace(source, item=f"(SELECT {path} AS path, f{_POSITION.id} AS pos, sequence FROM {source.item})")

    def _sources(self, deletes: Sequence[DeleteFile], fields: tuple[Field, ...]) -> Iterator[_FromItem]:
        """Rows of these fields as `f<id>`, with `sequence` and `scope`: all Parquet files together, every other file
        alone.
        """
        parquet = {delete.path: delete for delete in deletes if delete.format == "parquet"}
        if parquet:
            for part in self._parquet(tuple(parquet), fields):
                sequence = by_file(part.files, lambda path: str(parquet[path].sequence))
                scope = by_file(part.files, lambda path: literal(_scope(parquet[path])))
                columns = ", ".join(f"f{field.id}" for field in fields)
                source = part.source([replace(field, name=f"f{field.id}") for field in fields])
                yield _FromItem(f"(SELECT {columns}, {sequence} AS sequence, {scope} AS scope FROM {source})")
        for delete in deletes:
            if delete.format != "parquet":
                from lakeflow.adapters.duckdb.read.deletes.delete_rows import rows_of  # noqa: PLC0415 - brings two libraries

                said = f"{delete.sequence} AS sequence, {literal(_scope(delete))} AS scope"
                yield _FromItem(f"(SELECT *, {said} FROM deletes)", rows_of(self.cursor, delete, fields))

    def _parquet(self, paths: tuple[str, ...], fields: tuple[Field, ...]) -> tuple[FileGroup, ...]:
        """Read Parquet files. Values need field ids to find their columns; the names for positions are fixed by the
        spec.
        """
        if fields == _POSITIONS:
            return (FileGroup(paths, names={field.id: field.name for field in fields}),)
        return parts(self.cursor, Scan(self.scan.key, None, Schema(fields), files=paths, unmarked=True))

    def _run(self, source: _FromItem, text: str) -> list[tuple[Any, ...]]:
        if source.rows is None:
            return self.cursor.execute(text).fetchall()
        found = self.cursor.from_arrow(source.rows).query("deletes", text)
        return found.fetchall() if found is not None else []

    def _create(self, columns: str) -> str:
        """Create the table; its full name in SQL."""
        name = f"{self.home}.{quoted(f'deleted_{uuid4().hex}')}"
        self.cursor.execute(f"CREATE {'TEMP ' if self.home == TEMPORARY else ''}TABLE {name} ({columns})")
        return name

    def _insert_vector(self, name: str, delete: DeleteFile, place: int) -> None:
        import pyarrow as pa  # noqa: PLC0415 - a third of the start of a process that reads; few tables have such deletes

        rows = pa.table({"pos": pa.array(deleted_positions(self.cursor, delete), pa.int64())})
        self._run(
            _FromItem("deletes", rows), f"INSERT INTO {name} SELECT {place}::BIGINT << {_ROW_BITS} | pos FROM deletes"
        )


def _scope(delete: DeleteFile) -> str:
    return delete.equality.scope if delete.equality else ""


def _way(field: Field, id_: int) -> tuple[Field, ...] | None:
    """The fields from below this one down to the one with the id; None when it is not there. Only structs are searched:
    fields in lists and maps cannot delete.
    """
    if field.id == id_:
        return ()
    below = children(field.type) if isinstance(field.type, Struct) else ()
    return next(((child, *way) for child in below if (way := _way(child, id_)) is not None), None)
