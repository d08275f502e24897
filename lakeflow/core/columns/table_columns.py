"""The columns of each asset, of its files and of external tables, and what each is derived from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field, replace
from enum import StrEnum
from typing import Final

from lakeflow.core.column_names import PROVENANCE
from lakeflow.core.columns.derivation import (
    NOTHING,
    ColumnFlows,
    ColumnRef,
    Flow,
    RowEffect,
    RowEffects,
    SelectColumns,
    UnknownColumns,
    effect,
    together,
)
from lakeflow.core.declare.derived_columns import parted
from lakeflow.core.keys import EMPTY
from lakeflow.core.model.asset import Asset, Mask
from lakeflow.core.model.file_source import LANDED_ROWS
from lakeflow.core.model.scd2_columns import ADDED, VALID_FROM
from lakeflow.core.model.schema import Schema
from lakeflow.core.values import dataclass

BY_FUNCTION: Final = "by function: `derives` may say it"
NOT_GIVEN: Final = "its code does not give it any more"


class MadeBy(StrEnum):
    """Who makes a column."""

    SELECT = "select"
    FUNCTION = "function"
    FILES = "files"
    """It stands in outside files: nothing of the lake is above it."""
    LAKEFLOW = "lakeflow"
    """It says where a row came from, or when it was valid."""
    EXTERNAL = "external"


@dataclass(frozen=True)
class TableColumn:
    """One column, what it is derived from, and why that is not known where it is not."""

    ref: ColumnRef
    made_by: MadeBy
    type: str = ""
    flows: Mapping[ColumnRef, Flow] = field(default_factory=lambda: NOTHING)
    unknown: str = ""
    personal: bool = False
    mask: Mask | None = None


@dataclass(frozen=True)
class TableColumns:
    """The columns of one table. `unknown` says why it is not known what affects its rows, or which columns it has;
    `reads` are the tables that its code reads.
    """

    table: str
    columns: tuple[TableColumn, ...] = ()
    rows: RowEffects = field(default_factory=lambda: EMPTY)
    unknown: str = ""
    reads: frozenset[str] = frozenset()

    def renamed(self, names: Mapping[str, str]) -> TableColumns:
        """The same columns where tables have other names: old → new."""

        def called(ref: ColumnRef) -> ColumnRef:
            return ColumnRef(names.get(ref.table, ref.table), ref.column)

        columns = (
            replace(each, ref=called(each.ref), flows={called(ref): flow for ref, flow in each.flows.items()})
            for each in self.columns
        )
        rows = {called(ref): effects for ref, effects in self.rows.items()}
        reads = frozenset(names.get(each, each) for each in self.reads)
        return TableColumns(names.get(self.table, self.table), tuple(columns), rows, self.unknown, reads)


def files_of(asset: Asset) -> str:
    """The name under which the outside files of an asset stand in lineage."""
    return ", ".join(asset.outside)


def columns_of(asset: Asset, schema: Schema | None, said: SelectColumns | UnknownColumns | None) -> TableColumns:
    """The columns of an asset. `schema` None: it is not known which columns it has. `said` is what its SELECT says,
    None for a function.
    """
    if said is None:
        found = _by_function(asset, schema)
    elif isinstance(said, UnknownColumns):
        found = _named(asset, schema, lambda name: TableColumn(_ref(asset, name), MadeBy.SELECT, unknown=said.reason))
        found = TableColumns(found.table, found.columns, unknown=said.reason)
    else:
        found = _by_select(asset, schema, said)
    columns = tuple(_described(asset, schema, each) for each in found.columns)
    reads = {*map(str, asset.upstreams), *map(str, asset.external), *([files_of(asset)] if asset.outside else [])}
    return TableColumns(found.table, columns, found.rows, found.unknown, frozenset(reads))


def of_quarantine(asset: Asset, schema: Schema | None, owner: TableColumns) -> TableColumns:
    """The columns of a quarantine: those of its owner, made by the same code, and what says why a row is there."""
    known = {column.ref.column.lower(): column for column in owner.columns}
    names = [each.name for each in schema.fields] if schema else [column.ref.column for column in owner.columns]
    added = TableColumn(ColumnRef(str(asset.key), ""), MadeBy.LAKEFLOW)
    columns = (replace(known.get(name.lower(), added), ref=_ref(asset, name)) for name in names)
    why = f"what affects its rows: the checks of {owner.table} do"
    described = tuple(_described(asset, schema, each) for each in columns)
    return TableColumns(str(asset.key), described, unknown=why, reads=owner.reads | {owner.table})


def of_files(table: str, names: Iterable[str]) -> TableColumns:
    """Files as the source of a lake: the columns that assets take from them."""
    return TableColumns(table, tuple(TableColumn(ColumnRef(table, name), MadeBy.FILES) for name in names))


def of_external(table: str, schema: Schema) -> TableColumns:
    columns = (TableColumn(ColumnRef(table, each.name), MadeBy.EXTERNAL, str(each.type)) for each in schema.fields)
    return TableColumns(table, tuple(columns))


def _by_select(asset: Asset, schema: Schema | None, said: SelectColumns) -> TableColumns:
    given = {name.lower(): _without_provenance(asset, flows) for name, flows in said.columns.items()}

    def column(name: str) -> TableColumn:
        if (flows := given.get(name.lower())) is not None and not _added(asset, name):
            return TableColumn(_ref(asset, name), MadeBy.SELECT, flows=flows)
        return _beside(asset, name, given)

    found = _named(asset, schema, column, said.columns)
    merged = (*asset.primary_key, asset.last_by, asset.at) if asset.write.traits.keyed else ()
    refs = (ref for name in merged for ref in given.get(name.lower(), NOTHING))
    return TableColumns(found.table, found.columns, together([said.rows, effect(refs, RowEffect.MERGE)]))


def _without_provenance(asset: Asset, flows: ColumnFlows) -> ColumnFlows:
    """What lakeflow adds to the rows of files does not stand in the files."""
    return {ref: flow for ref, flow in flows.items() if ref.table != files_of(asset) or ref.column not in PROVENANCE}


def _beside(asset: Asset, name: str, given: Mapping[str, ColumnFlows]) -> TableColumn:
    """A column that the SELECT does not give."""
    ref = _ref(asset, name)
    if name == VALID_FROM and asset.write.traits.versioned and asset.at:
        return TableColumn(ref, MadeBy.LAKEFLOW, flows=given.get(asset.at.lower(), NOTHING))
    if _added(asset, name):
        return TableColumn(ref, MadeBy.LAKEFLOW)
    return TableColumn(ref, MadeBy.SELECT, unknown=NOT_GIVEN)


def _by_function(asset: Asset, schema: Schema | None) -> TableColumns:
    said = {name.lower(): refs for name, refs in asset.derives.items()}

    def column(name: str) -> TableColumn:
        if (refs := said.get(name.lower())) is not None:
            flows = dict.fromkeys((_source(asset, ref) for ref in refs), Flow.DECLARED)
            return TableColumn(_ref(asset, name), MadeBy.FUNCTION, flows=flows)
        if _added(asset, name):
            return TableColumn(_ref(asset, name), MadeBy.LAKEFLOW)
        return TableColumn(_ref(asset, name), MadeBy.FUNCTION, unknown=BY_FUNCTION)

    found = _named(asset, schema, column, asset.derives)
    why = "what affects its rows: a function makes them" if said else "by function"
    return TableColumns(found.table, found.columns, unknown=why)


def _added(asset: Asset, name: str) -> bool:
    """Does lakeflow add the column of that name?"""
    return (name in PROVENANCE and asset.files is not None) or (name in ADDED and asset.write.traits.versioned)


def _named(
    asset: Asset, schema: Schema | None, column: Callable[[str], TableColumn], said: Iterable[str] = ()
) -> TableColumns:
    """A column for each name: those of the table, else those that code and declaration tell."""
    names = [each.name for each in schema.fields] if schema else [*dict.fromkeys((*said, *asset.columns))]
    return TableColumns(str(asset.key), tuple(map(column, names)))


def _described(asset: Asset, schema: Schema | None, column: TableColumn) -> TableColumn:
    name, found = column.ref.column.lower(), schema.find(column.ref.column) if schema else None
    return replace(
        column, type=str(found.type) if found else "", personal=name in asset.pii, mask=asset.masks.get(name)
    )


def _ref(asset: Asset, name: str) -> ColumnRef:
    return ColumnRef(str(asset.key), name)


def _source(asset: Asset, said: str) -> ColumnRef:
    """What `derives` names: `input.column`, `layer.name.column`, or `source.column` of the files that land."""
    inputs = {name: str(key) for name, key in asset.parameters.items()} | {
        str(key): str(key) for key in asset.upstreams
    }
    if asset.files:
        inputs[LANDED_ROWS] = files_of(asset)
    table, column = parted(said, inputs)
    return ColumnRef(inputs.get(table, table), column)
