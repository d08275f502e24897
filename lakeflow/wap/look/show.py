"""The first rows of one snapshot, or those of them that somebody asks for, and those that wait in a quarantine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lakeflow.core.model.table import Rows, Scan, Table
from lakeflow.core.plan.landing import from_json, landed_set
from lakeflow.core.plan.readmission import Quarantined, came_from, quarantine_of, waiting
from lakeflow.core.redaction import HIDDEN
from lakeflow.core.view.rows import RowFilter
from lakeflow.wap.waiting import count_gone, scan_waiting, taken_out

if TYPE_CHECKING:
    from collections.abc import Collection

    from lakeflow.core.keys import AssetKey
    from lakeflow.wap.ports import World

_CELL: Final = "lakeflow shows "
"""What begins the names of the cells, so that an order by a column never means its text."""


def show(world: World, scan: Scan, asked: RowFilter, personal: Collection[str], limit: int) -> Rows:
    """At most so many rows, as text. UsageError for a filter that is none.

    What the code of a filter sees of personal columns is the mask, whatever it does.
    """
    from lakeflow.core.sql import lake_query  # noqa: PLC0415 - the SQL parser takes 0.2 s to import

    if not (asked.where.strip() or asked.order_by.strip() or asked.columns):
        return world.engine.rows(scan, limit)
    table = str(scan.key)
    lake_query.require_filter(asked.where, asked.order_by, table, scan.schema.names, personal)
    known = {name.lower(): name for name in scan.schema.names}
    columns = tuple(lake_query.column_of(name, known, table) for name in asked.columns) or scan.schema.names
    cells = ", ".join(f'CAST({_quoted(name)} AS VARCHAR) AS "{_CELL}{place}"' for place, name in enumerate(columns))
    where = f" WHERE (\n{asked.where}\n)" if asked.where.strip() else ""
    order = f" ORDER BY {asked.order_by}\n" if asked.order_by.strip() else ""
    text = f"SELECT {cells} FROM {table}{where}{order} LIMIT {int(limit)}"
    assert [str(key) for key in lake_query.asked_tables(world.project, text)] == [table], (
        "a filter reads no other table"
    )
    found = world.engine.query(text, {table: scan}, {table: frozenset(personal)}).fetchall()
    types = {field.name: str(field.type) for field in scan.schema.fields}
    return Rows(columns, tuple(map(tuple, found)), tuple(types[name] for name in columns))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def masked(rows: Rows, personal: Collection[str]) -> Rows:
    """The rows with a mask in place of each value of a personal column, whose names are in lower case."""
    hidden = [name.lower() in personal for name in rows.columns]
    values = tuple(
        tuple(HIDDEN if hide and value is not None else value for hide, value in zip(hidden, row, strict=True))
        for row in rows.values
    )
    return replace(rows, values=values)


def quarantined(world: World, key: AssetKey, limit: int) -> Quarantined:
    """What waits in the quarantine of an asset, as text, unmasked. UsageError when it has none."""
    quarantine = quarantine_of(world.project, key)
    (owner,) = world.project.assets[quarantine].upstreams
    tables = world.catalog.load((owner, quarantine))
    table = tables.get(quarantine)
    found = waiting(tables.get(owner), table) if table else None
    if table is None or found is None:
        return Quarantined(quarantine, 0, Rows((), ()))
    scan, out = scan_waiting(world.catalog, table, found), _taken_out(world, tables.get(owner))
    gone = count_gone(world, tables, owner, out)
    only = RowFilter(where=f"({came_from(out, scan.schema)}) is not true") if gone else RowFilter()
    return Quarantined(quarantine, found.rows - gone, show(world, scan, only, (), limit))


def _taken_out(world: World, table: Table | None) -> tuple[str, ...]:
    name = landed_set(table) if table else ""
    if table is None or not name:
        return ()
    known = from_json(world.catalog.read_sidecar(table, name))
    return taken_out(known.out, known.files)
