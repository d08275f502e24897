"""Column lineage as JSON: a graph of columns, what affects rows, and what is not known."""

from __future__ import annotations

from lakeflow.as_json.values import JsonObject
from lakeflow.core.columns.derivation import ColumnRef
from lakeflow.core.columns.graph import ColumnLineage
from lakeflow.core.columns.table_columns import TableColumn


def column_lineage_json(found: ColumnLineage) -> JsonObject:
    return {
        "asked": [ref_json(ref) for ref in found.asked],
        "columns": [_column_json(column) for column in found.columns.values()],
        "derived": [
            {"from": ref_json(edge.source), "to": ref_json(edge.target), "how": str(edge.flow)} for edge in found.edges
        ],
        "rows": [
            {"table": table, "affected_by": ref_json(ref), "how": sorted(map(str, effects))}
            for table, by in found.rows.items()
            for ref, effects in by.items()
        ],
        "unknown": [{"table": table, "reason": reason} for table, reason in found.unknown.items()],
    }


def ref_json(ref: ColumnRef) -> JsonObject:
    return {"table": ref.table, "column": ref.column}


def _column_json(column: TableColumn) -> JsonObject:
    return {
        **ref_json(column.ref),
        "type": column.type or None,
        "made_by": str(column.made_by),
        "personal": column.personal,
        "mask": str(column.mask) if column.mask else None,
        "unknown": column.unknown or None,
    }
