"""What landing will change of a table's columns, and how the files that land differ, as a plan tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lakeflow.core.column_names import alike
from lakeflow.core.contract.drift import Difference
from lakeflow.core.contract.fit import landed_columns
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.asset import Asset, SqlCode
from lakeflow.core.model.file_source import Format
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Table
from lakeflow.core.model.type_names import parse_type
from lakeflow.core.plan.landing import Landing


def drift_told(asset: Asset, landing: Landing, table: Table | None) -> tuple[Difference, ...]:
    """`+ channel string` for a column that the table gets, `total int → long` for one of another type, and everything
    that differs in the files, with the first file and how many more there are.
    """
    if asset.files is None or not landing.new:
        return ()
    stands = table.schema_of(table.main) if table and table.main is not None else None
    changes = _changes(asset, _coming(asset, landing), stands) if stands else ()
    return (*(Difference(says, "") for says in changes), *landing.drift.taken, *landing.drift.refused)


def _coming(asset: Asset, landing: Landing) -> Mapping[str, str]:
    """The columns of the rows that the code will read, each with its type where it is known."""
    assert asset.files is not None, "only what has a source lands files"
    otherwise = "" if asset.files.format is Format.PARQUET else "string"
    declared = {name: type_ or otherwise for name, type_ in landed_columns(asset.files).items()}
    return {**landing.drift.columns, **{name: type_ for name, type_ in declared.items() if type_}}


def _changes(asset: Asset, coming: Mapping[str, str], stands: Schema) -> Iterator[str]:
    known = {alike(field.name): field for field in stands.fields}
    for name, type_ in coming.items():
        told, field = _spelled(type_), known.get(alike(name))
        if field is None and _passes(asset, name):
            yield f"+ {name} {told}"
        declared = asset.columns.get(name)
        is_its_own = not (declared and (declared.type or declared.mask)) and _passes(asset, "*")
        if field is not None and is_its_own and str(field.type) != told:
            yield f"{name} {field.type} → {told}"


def _passes(asset: Asset, name: str) -> bool:
    """Does the code take the column along? What a function does is not known, so it may."""
    return not isinstance(asset.code, SqlCode) or "*" in asset.code.text or name.lower() in asset.code.text.lower()


def _spelled(type_: str) -> str:
    try:
        return str(parse_type(type_))
    except SchemaError:
        return type_
