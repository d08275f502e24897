"""How a table differs between two of its states, as JSON."""

from __future__ import annotations

from lakeflow.as_json.values import JsonObject, id_text, iso, rows_json
from lakeflow.core.compare.columns import TypedColumn
from lakeflow.core.compare.comparison import ColumnChange, Comparison, RowCounts, Side


def comparison_json(found: Comparison) -> JsonObject:
    schema = found.schema
    return {
        "asset": str(found.asset),
        "from": id_text(found.before.snapshot_id),
        "to": id_text(found.after.snapshot_id),
        "sides": [_side(found.before), _side(found.after)],
        "schema": {
            "added": [_column(field) for field in schema.added],
            "removed": [_column(field) for field in schema.removed],
            "changed": [
                {"name": each.after.name, "before": _column(each.before), "after": _column(each.after)}
                for each in schema.changed
            ],
        },
        "rows": row_counts_json(found.rows),
        "columns": [_change(each) for each in found.columns],
        "key": list(found.key),
        "samples": _samples(found),
    }


def row_counts_json(rows: RowCounts) -> JsonObject:
    return {
        "before": rows.before,
        "after": rows.after,
        "added": rows.added,
        "removed": rows.removed,
        "changed": rows.changed,
        "equal": rows.equal,
    }


def _side(side: Side) -> JsonObject:
    return {"called": side.called, "snapshot_id": id_text(side.snapshot_id), "committed_at": iso(side.committed_at)}


def _column(field: TypedColumn) -> JsonObject:
    return {"name": field.name, "type": field.type}


def _change(change: ColumnChange) -> JsonObject:
    mean = change.mean
    shift = None if mean is None else {"before": mean.before, "after": mean.after, "shift": mean.shift}
    return {"name": change.name, "changed": change.changed, "share": change.share, "mean": shift}


def _samples(found: Comparison) -> JsonObject:
    added, removed, before, after = (
        rows_json(rows)["rows"]
        for rows in (found.samples.added, found.samples.removed, found.samples.before, found.samples.after)
    )
    changed = [{"before": one, "after": other} for one, other in zip(before, after, strict=True)]
    return {"added": added, "removed": removed, "changed": changed}
