"""What Dagster shows of a table: its snapshot, rows and columns, and what its columns are derived from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from lakeflow.core.columns.graph import ColumnLineage
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.view.rows import AssetStatus
from lakeflow.integrations.dagster.names import dagster_key

if TYPE_CHECKING:
    from lakeflow.lake.reading import ReadableLake


def metadata_of(lake: ReadableLake, keys: tuple[AssetKey, ...]) -> Mapping[AssetKey, dict[str, Any]]:
    """What Dagster shows of each of these assets that readers see; they are looked at once for all of them."""
    shown = {one.asset: one for one in lake.status(*map(str, keys)) if one.snapshot_id is not None}
    if not shown:
        return {}
    columns = lake.column_lineage(*map(str, shown))
    return {key: _of(lake.project.assets[key], status, columns) for key, status in shown.items()}


def data_version(status_or_snapshot: int) -> dg.DataVersion:
    """A snapshot is the version of the data: two runs that leave the same one left the same rows."""
    return dg.DataVersion(str(status_or_snapshot))


def _of(asset: Asset, status: AssetStatus, columns: ColumnLineage) -> dict[str, Any]:
    assert status.snapshot_id is not None, "readers see it"
    said = {
        "dagster/table_name": str(asset.key),
        "dagster/column_schema": _schema(asset, columns),
        "dagster/column_lineage": _lineage(asset.key, columns),
        "lakeflow/snapshot": short_id(status.snapshot_id),
        "lakeflow/snapshot_id": str(status.snapshot_id),
        "lakeflow/health": str(status.health),
    }
    if status.published_at:
        said["lakeflow/published"] = dg.MetadataValue.timestamp(status.published_at)
    return said if status.rows is None else said | {"dagster/row_count": status.rows}


def _schema(asset: Asset, columns: ColumnLineage) -> dg.TableSchema:
    declared = {name.lower(): column for name, column in asset.columns.items()}
    found = []
    for ref, column in columns.columns.items():
        if ref.table == str(asset.key):
            said = declared.get(ref.column.lower())
            tags = {"lakeflow/personal": ""} if column.personal else {}
            tags |= {"lakeflow/mask": str(column.mask)} if column.mask else {}
            described = said.description if said and said.description else None
            found.append(dg.TableColumn(ref.column, column.type or "string", described, tags=tags))
    return dg.TableSchema(found)


def _lineage(key: AssetKey, columns: ColumnLineage) -> dg.TableColumnLineage:
    """Only from tables: what comes out of files has no asset that Dagster knows."""
    found: dict[str, list[dg.TableColumnDep]] = {}
    for edge in columns.edges:
        if edge.target.table == str(key) and AssetKey.find(edge.source.table):
            above = dagster_key(AssetKey.parse(edge.source.table))
            found.setdefault(edge.target.column, []).append(dg.TableColumnDep(above, edge.source.column))
    return dg.TableColumnLineage(found)
