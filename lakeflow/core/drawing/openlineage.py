"""Lineage in OpenLineage's words: a job event for each asset, with the columns of its table and where they come from.

It tells of code, not of runs: what is static in OpenLineage is a `JobEvent`, a job with its inputs and outputs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from lakeflow.core.columns.derivation import ColumnRef, Flow, RowEffect
from lakeflow.core.columns.graph import ColumnGraph
from lakeflow.core.columns.table_columns import TableColumn, TableColumns
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset, Project, PythonCode
from lakeflow.core.values import dataclass

PRODUCER: Final = "https://pypi.org/project/lakeflow-wap/"
_SPEC: Final = "https://openlineage.io/spec"
_EVENT: Final = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/JobEvent"
_FLOWS: Final[Mapping[Flow, tuple[str, str]]] = {
    Flow.COPIED: ("DIRECT", "IDENTITY"),
    Flow.COMPUTED: ("DIRECT", "TRANSFORMATION"),
    Flow.AGGREGATED: ("DIRECT", "AGGREGATION"),
    Flow.DECLARED: ("DIRECT", "TRANSFORMATION"),
    Flow.DECIDES: ("INDIRECT", "CONDITIONAL"),
}
_EFFECTS: Final[Mapping[RowEffect, str]] = {
    RowEffect.FILTER: "FILTER",
    RowEffect.JOIN: "JOIN",
    RowEffect.GROUP: "GROUP_BY",
    RowEffect.DISTINCT: "GROUP_BY",
    RowEffect.LIMIT: "SORT",
    RowEffect.UNNEST: "JOIN",
    RowEffect.MERGE: "JOIN",
}


def openlineage_of(project: Project, graph: ColumnGraph, keys: Iterable[AssetKey], lake: str, moment: datetime) -> str:
    """A JSON array of job events, one for each of these assets; `lake` is the namespace of jobs and tables."""
    writer = DatasetWriter(project, graph, f"lakeflow://{lake}", moment.astimezone(UTC).isoformat())
    return json.dumps([writer.event(project.assets[key]) for key in sorted(keys)], indent=2) + "\n"


@dataclass(frozen=True)
class DatasetWriter:
    project: Project
    graph: ColumnGraph
    namespace: str
    time: str

    def event(self, asset: Asset) -> dict[str, Any]:
        found = self.graph.tables[str(asset.key)]
        return {
            "eventTime": self.time,
            "producer": PRODUCER,
            "schemaURL": _EVENT,
            "job": {"namespace": self.namespace, "name": str(asset.key), "facets": dict(_job_facets(asset))},
            "inputs": [self.input(table) for table in sorted(found.reads)],
            "outputs": [self.output(asset)],
        }

    def output(self, asset: Asset) -> dict[str, Any]:
        """The table of an asset, with its columns and what they are derived from."""
        found = self.graph.tables[str(asset.key)]
        return {**self._dataset(found.table), "facets": self._facets(asset, found)}

    def input(self, table: str) -> dict[str, Any]:
        columns = self.graph.tables[table].columns if table in self.graph.tables else ()
        return {**self._dataset(table), "facets": {"schema": _schema(columns, {})} if columns else {}}

    def _dataset(self, table: str) -> dict[str, Any]:
        """Files are named by their globs, external tables under the catalog that holds them."""
        if AssetKey.find(table):
            return {"namespace": self.namespace, "name": table}
        catalog, _, name = table.partition(".")
        external = any(str(key) == table for asset in self.project.assets.values() for key in asset.external)
        return {"namespace": catalog, "name": name} if external else {"namespace": "file", "name": table}

    def _facets(self, asset: Asset, found: TableColumns) -> dict[str, Any]:
        said = {name: column.description for name, column in asset.columns.items() if column.description}
        fields = {column.ref.column: self._field(column) for column in found.columns if not column.unknown}
        rows = [
            self._used(ref, [{"type": "INDIRECT", "subtype": _EFFECTS[by]} for by in sorted(effects)])
            for ref, effects in sorted(found.rows.items())
        ]
        lineage = facet("1-2-0", "ColumnLineageDatasetFacet", {"fields": fields, "dataset": rows})
        facets = {"schema": _schema(found.columns, said)} if found.columns else {}
        if asset.description:
            facets["documentation"] = facet("1-1-0", "DocumentationDatasetFacet", {"description": asset.description})
        return {**facets, **({"columnLineage": lineage} if fields else {})}

    def _field(self, column: TableColumn) -> dict[str, Any]:
        used = (
            self._used(ref, [{"type": kind, "subtype": subtype, "masking": column.mask is not None}])
            for ref, flow in sorted(column.flows.items())
            for kind, subtype in [_FLOWS[flow]]
        )
        return {"inputFields": list(used)}

    def _used(self, ref: ColumnRef, transformations: list[dict[str, Any]]) -> dict[str, Any]:
        return {**self._dataset(ref.table), "field": ref.column, "transformations": transformations}


def _job_facets(asset: Asset) -> Iterator[tuple[str, dict[str, Any]]]:
    said = {"processingType": "BATCH", "integration": "LAKEFLOW", "jobType": "ASSET"}
    yield "jobType", facet("2-0-4", "JobTypeJobFacet", said)
    if not isinstance(asset.code, PythonCode):
        said = {"query": asset.code.text, "dialect": asset.engine.value}
        yield "sql", facet("1-1-0", "SQLJobFacet", said)


def _schema(columns: Iterable[TableColumn], said: Mapping[str, str]) -> dict[str, Any]:
    fields = [
        {"name": each.ref.column}
        | ({"type": each.type} if each.type else {})
        | ({"description": said[each.ref.column]} if each.ref.column in said else {})
        for each in columns
    ]
    return facet("1-2-0", "SchemaDatasetFacet", {"fields": fields})


def facet(version: str, name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {"_producer": PRODUCER, "_schemaURL": f"{_SPEC}/facets/{version}/{name}.json#/$defs/{name}", **values}
