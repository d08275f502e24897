"""The refused rows that wait in a quarantine, and those of them whose files were taken out, which wait no more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.quarantine import quarantine_key
from lakeflow.core.model.table import Scan, Table
from lakeflow.core.plan.landing import Landed, Landing, TakenOut
from lakeflow.core.plan.readmission import Waiting, came_from, waiting
from lakeflow.core.ports.catalog import Catalog
from lakeflow.wap.ports import World


def scan_waiting(catalog: Catalog, table: Table, found: Waiting) -> Scan:
    """The rows of a quarantine that came since the last readmission."""
    if found.appends is None:
        return catalog.scan(table, found.head)
    return catalog.scan_added(table, found.head, found.appends)


def gone_from(
    world: World, tables: Mapping[AssetKey, Table], landings: Mapping[AssetKey, Landing]
) -> dict[AssetKey, int]:
    """How many refused rows of each asset came from files that were taken out. Most assets have no such file, and
    their tables are not read.
    """
    out = {key: taken_out(landing.out, landing.before) for key, landing in landings.items() if landing.out}
    counted = ((key, count_gone(world, tables, key, names)) for key, names in out.items())
    return {key: rows for key, rows in counted if rows}


def taken_out(out: Iterable[TakenOut], landed: Iterable[Landed]) -> tuple[str, ...]:
    """The names of the files that are out. Where other bytes landed under such a name since, its rows wait."""
    again = {each.name for each in landed}
    return tuple(each.name for each in out if each.name not in again)


def count_gone(world: World, tables: Mapping[AssetKey, Table], key: AssetKey, out: Iterable[str]) -> int:
    names, table = tuple(out), tables.get(quarantine_key(key))
    try:
        found = waiting(tables.get(key), table) if names and table else None
    except LakeError:
        return 0  # which rows wait cannot be told, and the status says so
    if table is None or found is None or not found.rows:
        return 0
    scan = scan_waiting(world.catalog, table, found)
    of_files = came_from(names, scan.schema)
    if not of_files or not scan.files:
        return 0
    text = f"SELECT count(*) FROM {scan.key} WHERE {of_files}"
    return int(world.engine.query(text, {str(scan.key): scan}).fetchall()[0][0])
