"""Finds faults in a project's SQL before it runs: binds each SELECT to the columns of the tables that it reads.

A table has the columns that its own SELECT gives. Where only running the code tells them, it has the columns that the
same code published. Where neither is known, the assets that read it are not bound: a false fault would stop a good
project.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import field, replace
from pathlib import Path

from lakeflow.adapters.duckdb.code.bind import PUBLISHED, Binder, Bound
from lakeflow.adapters.machine.files.source_files import read_digest
from lakeflow.core.column_names import FILE, LOADED_AT, ROW
from lakeflow.core.contract.fit import contracts, landed_columns
from lakeflow.core.declare.derived_columns import unknown_columns
from lakeflow.core.declare.parameters import bind
from lakeflow.core.errors import Fault, LakeflowError, SchemaError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Project, SqlCode
from lakeflow.core.model.check import CheckFile, CheckKind, SqlDialect
from lakeflow.core.model.file_source import Extra, FileSource, Format
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.schema import Field, Primitive, Schema, require_names
from lakeflow.core.model.table import Table
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.review.places import place_of
from lakeflow.core.time.freshness import TOLD_BY
from lakeflow.core.time.timeline import Window
from lakeflow.core.values import dataclass
from lakeflow.lake.assembly import MIGRATIONS
from lakeflow.lake.diagnosis import Patient
from lakeflow.wap.step.schema import columns_of

_MASKED = Primitive("string")
_PROVENANCE = (
    Field(FILE, Primitive("string")),
    Field(ROW, Primitive("long")),
    Field(LOADED_AT, Primitive("timestamptz")),
)


@dataclass(frozen=True)
class Binding:
    """What binding found. `faults` are those of the SQL, `schemas` the columns of every asset whose columns are known,
    `published` the columns that readers see now, and `unbound` the SQL assets that read something whose columns are not
    known yet.
    """

    faults: tuple[Fault, ...]
    schemas: Mapping[AssetKey, Schema]
    published: Mapping[AssetKey, Schema]
    unbound: tuple[AssetKey, ...]


def published_tables(patient: Patient, project: Project) -> dict[AssetKey, Table]:
    """The tables that the catalog has. No lake is made for that, and a lake that cannot be read has none."""
    found: dict[AssetKey, Table] = {}
    with suppress(LakeflowError), closing(patient.database) as database:
        is_made = database.path is None or database.path.exists()
        for key in project.assets if is_made and database.layout() == len(MIGRATIONS) else ():
            with suppress(LakeflowError):
                found |= patient.catalog.load((key,))
    return {key: table for key, table in found.items() if table.main is not None}


def bound(project: Project, tables: Mapping[AssetKey, Table]) -> Binding:
    with closing(Binder()) as binder:
        work = _Work(project, tables, binder)
        for asset in project.assets.values():
            work.take(asset)
        for asset in project.assets.values():
            work.faults.extend(unknown_columns(asset, work.schemas))
        work.faults.extend(work.check_faults())
        return Binding(tuple(work.faults), work.schemas, work.published, tuple(work.unbound))


@dataclass
class _Work:
    project: Project
    tables: Mapping[AssetKey, Table]
    binder: Binder
    faults: list[Fault] = field(default_factory=list)
    schemas: dict[AssetKey, Schema] = field(default_factory=dict)
    published: dict[AssetKey, Schema] = field(default_factory=dict)
    unbound: list[AssetKey] = field(default_factory=list)

    def take(self, asset: Asset) -> None:
        key, table = asset.key, self.tables.get(asset.key)
        if table is not None:
            self.published[key] = table.schema
        found = self._columns(asset)
        if found is not None:
            self.schemas[key] = found
            self.faults.extend(_fresh_column(asset, found))
            self.binder.know(str(key), key, found)
        if (seen := self.published.get(key, found)) is not None:
            self.binder.know(f"{PUBLISHED}.{key}", key, seen)

    def check_faults(self) -> Iterator[Fault]:
        for suite in self.project.suites.values():
            for file in suite.files:
                if _is_ours(file) and (fault := self.binder.check(file.text, file.path)):
                    yield fault

    def _columns(self, asset: Asset) -> Schema | None:
        if owner_of(asset.key) is not None or not isinstance(asset.code, SqlCode):
            return self._as_published(asset)
        came = self._bound(asset, asset.code)
        if isinstance(came, Fault):
            self.faults.append(came)
            return None
        if came is None:
            self.unbound.append(asset.key)
            return self._as_published(asset)
        return self._stored(asset, came)

    def _bound(self, asset: Asset, code: SqlCode) -> Bound:
        source = landed_schema(asset.files)
        if asset.files is not None and source is None:
            return None
        return self.binder.asset(asset.key, text_of_any_window(asset, code), code.path, source)

    def _stored(self, asset: Asset, came: Schema) -> Schema | None:
        try:
            # A masked column is text, whatever it hides.
            fields = (replace(each, type=_MASKED) if each.name.lower() in asset.masks else each for each in came.fields)
            columns = columns_of(asset, Schema(tuple(fields)), self.tables.get(asset.key))
            require_names(columns.fields)
        except SchemaError as error:
            self.faults.append(Fault(*place_of(asset), error.message, error.hint or "mend the SQL, or the header"))
            return None
        return columns

    def _as_published(self, asset: Asset) -> Schema | None:
        """The published columns of an asset. None unless the same code gave them, on inputs with the same columns."""
        table = self.tables.get(asset.key)
        made = provenance_of(table.published.summary) if table and table.published else None
        same = (
            made is not None
            and made.code_version == asset.code_version
            and (not asset.reads or read_digest(Path(self.project.root), asset.reads) == made.reads_digest)
        )
        if not same or not all(self._is_as_published(key) for key in asset.upstreams):
            return None
        return self.published[asset.key]

    def _is_as_published(self, key: AssetKey) -> bool:
        known, seen = self.schemas.get(key), self.published.get(key)
        return known is not None and seen is not None and _spelled(known) == _spelled(seen)


def _fresh_column(asset: Asset, schema: Schema) -> Iterator[Fault]:
    """A column that tells no time: every look at the asset's health would say that its freshness is not known."""
    name = asset.freshness.column if asset.freshness else ""
    column = next((each for each in schema.fields if each.name.lower() == name.lower()), None)
    times = sorted(each.name for each in schema.fields if str(each.type) in TOLD_BY)
    hint = f"name a column of date or time: {', '.join(times)}" if times else "cast it to a date or a timestamp"
    place = place_of(asset, "fresh_column")
    if name and column is None:
        yield Fault(*place, f"fresh_column names {name!r}, which {asset.key} does not have", hint)
    if column is not None and str(column.type) not in TOLD_BY:
        said = f"fresh_column names {name!r}, and {column.type} is no date or time"
        yield Fault(*place, f"{asset.key}: {said}", hint)


def _spelled(schema: Schema) -> dict[str, str]:
    return {each.name: str(each.type) for each in schema.fields}


def text_of_any_window(asset: Asset, code: SqlCode) -> str:
    """The SELECT with a window where it needs one. The columns are those of any: that of the first partition will
    do.
    """
    line = asset.timeline
    return bind(code.text, None if line is None else Window(line.start, line.after(line.start)))


def landed_schema(files: FileSource | None) -> Schema | None:
    """The columns that a source lands, as far as it declares them. Parquet files have their own types."""
    if files is None or not files.columns or any(each.extra is Extra.LAND for each in contracts(files)):
        return None
    columns = landed_columns(files)
    if files.format is Format.PARQUET and not all(columns.values()):
        return None
    declared = (Field(name, parse_type(type_ or "string")) for name, type_ in columns.items())
    return Schema((*declared, *_PROVENANCE))


def _is_ours(file: CheckFile) -> bool:
    """Is it a row check that DuckDB reads?"""
    return file.kind is CheckKind.ROWS and file.dialect is SqlDialect.DUCKDB
