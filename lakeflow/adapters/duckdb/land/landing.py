"""Runs an asset's code on the rows of outside files, each row with its file, its ordinal and the time."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime

from duckdb import DuckDBPyRelation

from lakeflow.adapters.duckdb.code.call import call
from lakeflow.adapters.duckdb.code.produce import Columns, LazyOutput, Trial, columns_of, given_form
from lakeflow.adapters.duckdb.code.returned import ReturnedRelation, returned
from lakeflow.adapters.duckdb.failures import ErrorContext, failures
from lakeflow.adapters.duckdb.instance.instance import Instance, StepSession
from lakeflow.adapters.duckdb.land.in_place import in_place
from lakeflow.adapters.duckdb.land.sql import PATH, POSITION, Delivered
from lakeflow.adapters.duckdb.land.staged import stage
from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.adapters.duckdb.types import schema_of
from lakeflow.core.column_names import FILE, LOADED_AT, PROVENANCE, ROW
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.asset import Asset, PythonCode
from lakeflow.core.model.file_source import LANDED_ROWS, NO_CAPS, Caps, Format
from lakeflow.core.model.quarantine import LINE, REASON, TEXT
from lakeflow.core.model.schema import Schema
from lakeflow.core.plan.landing import Delivery
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class LandingBatch:
    """The files that an asset lands at one time."""

    asset: Asset
    delivery: Delivery
    loaded_at: datetime
    caps: Caps = NO_CAPS


@contextmanager
def landing(instance: Instance, load: LandingBatch, trial: Trial) -> Iterator[LazyOutput]:
    """The output of the asset's code, valid while this is open. Text files are read whole before the code runs."""
    assert load.asset.files is not None, "only an asset with a source lands files"
    source = load.asset.files.within(load.caps)
    place = trial.place
    with failures(place), trial.step(instance, {}) as running, ExitStack() as stack:
        if not load.delivery.files:
            raise place.error("no file is new", "everything that its source matches has landed")
        if source.format is Format.PARQUET:
            came = stack.enter_context(in_place(running, source, load.delivery, instance.spill))
        else:
            came = stage(running, source, load.delivery, instance.spill, place)
        names = _bind(running, load, came)
        where = replace(place, names=(LANDED_ROWS,), columns=names)
        trial = replace(trial, place=where, reading=came.reading, malformed=_malformed(running, load, came))
        with came.reading():
            came_back = _run(load.asset, running, trial.place)
        _require_provenance(came_back.relation, trial.place)
        yield trial.output([came_back], running, _read(running), came.landed)


def _bind(running: StepSession, load: LandingBatch, came: Delivered) -> tuple[str, ...]:
    """Create the view that the code reads; its columns."""
    files, cursor = "lakeflow_files", running.cursor
    cursor.execute(f"CREATE TABLE {files} (path VARCHAR, name VARCHAR, first BIGINT)")
    entries = [(path, came.files[path].name, first) for path, first in came.first.items()]
    if entries:
        cursor.execute(
            f"INSERT INTO {files} SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[]), unnest($3::BIGINT[])",
            [list(side) for side in zip(*entries, strict=True)],
        )
    columns = [
        *(f"{value} AS {quoted(name)}" for name, value in came.columns.items()),
        f"of.name AS {quoted(FILE)}",
        f"rows.{POSITION} - of.first + 1 AS {quoted(ROW)}",
        f"CAST({literal(load.loaded_at.isoformat())} AS TIMESTAMPTZ) AS {quoted(LOADED_AT)}",
    ]
    cursor.execute(
        f"CREATE VIEW {LANDED_ROWS} AS SELECT {', '.join(columns)} FROM ({came.rows}) AS rows "
        f"JOIN {files} AS of ON of.path = rows.{PATH}{_without(came)}"
    )
    return tuple(row[0] for row in cursor.execute(f"DESCRIBE {LANDED_ROWS}").fetchall())


def _without(came: Delivered) -> str:
    """The condition of rows that are not put apart."""
    place = f"SELECT 1 FROM {came.apart} AS apart WHERE apart.path = of.path"
    return f" WHERE NOT EXISTS ({place} AND apart.ordinal = rows.{POSITION} - of.first + 1)" if came.apart else ""


def _malformed(running: StepSession, load: LandingBatch, came: Delivered) -> str:
    """The rows that are put apart as SQL, in columns of the quarantine; empty where a malformed row stops the load. A
    line of an asset with masks is not kept: it would hold unmasked what they hide.
    """
    if not came.apart:
        return ""
    masked = any(column.mask for column in load.asset.columns.values())
    ((database,),) = running.cursor.execute("SELECT current_database()").fetchall()
    within = f"{quoted(database)}.main"
    return (
        f"SELECT of.name AS {quoted(FILE)}, apart.ordinal AS {quoted(ROW)}, "
        f"CAST({literal(load.loaded_at.isoformat())} AS TIMESTAMPTZ) AS {quoted(LOADED_AT)}, "
        f"apart.line AS {quoted(LINE)}, {'NULL' if masked else 'apart.text'} AS {quoted(TEXT)}, "
        f"apart.reason AS {quoted(REASON)} "
        f"FROM {within}.{came.apart} AS apart JOIN {within}.lakeflow_files AS of ON of.path = apart.path"
    )


def _run(asset: Asset, running: StepSession, place: ErrorContext) -> ReturnedRelation:
    if not isinstance(asset.code, PythonCode):
        return returned(asset.code.text, running, place)
    # Project files are only loaded when exactly one parameter has no default.
    parameters = inspect.signature(asset.code.function).parameters.values()
    name = next(each.name for each in parameters if each.default is inspect.Parameter.empty)
    database = running.cursor.execute("SELECT current_database()").fetchall()[0][0]
    text = f"FROM {quoted(database)}.main.{LANDED_ROWS}"
    return returned(call(asset.code, {name: given_form(asset.code, name, text, running, place)}, place), running, place)


def _read(running: StepSession) -> Columns:
    """The columns that the code read and a table can store."""
    view, columns = running.cursor.table(LANDED_ROWS), list[Schema]()
    for name, type_ in zip(view.columns, view.types, strict=True):
        with suppress(SchemaError):
            columns.append(schema_of([name], [type_]))
    return columns_of(columns)


def _require_provenance(relation: DuckDBPyRelation, place: ErrorContext) -> None:
    missing = sorted(set(PROVENANCE) - {name.lower() for name in relation.columns})
    if missing:
        raise place.error(
            f"its code leaves out {', '.join(missing)}, which say where each row came from",
            "select them too; `select *` does",
        )
