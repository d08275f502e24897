"""A layout as the partition spec and the sort order of a table (Iceberg spec, "Partitioning" and "Sorting").

A table only gains specs and orders: files stay in the spec in which they were written. A snapshot's summary names the
spec and order of its write, and the publish makes those the table's own, as it does with the schema.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.types import Json
from lakeflow.core.keys import EMPTY
from lakeflow.core.model.layout import Layout, PartitionField, SortField, Transform
from lakeflow.core.model.provenance import PREFIX
from lakeflow.core.model.table import Snapshot
from lakeflow.core.values import dataclass

SPEC: Final = f"{PREFIX}partition-spec"
ORDER: Final = f"{PREFIX}sort-order"
_FIRST_FIELD: Final = 1000


@dataclass(frozen=True)
class Placed:
    """Where a write puts its files: a spec and an order of the table, and the updates that make them known."""

    spec: Mapping[str, Any]
    order_id: int
    updates: tuple[u.Update, ...] = ()
    summary: Mapping[str, str] = EMPTY


def place(metadata: Mapping[str, Any], layout: Layout, schema: Mapping[str, Any]) -> Placed:
    """The layout as a spec and an order of the table, whose columns are in `schema`. Those that the table has already
    are used again.
    """
    ids = {field["name"].lower(): field["id"] for field in schema["fields"]}
    spec, new_spec = _spec(metadata, layout.partition_by, ids)
    order, new_order = _order(metadata, layout.sort_by, ids)
    updates = (*((u.AddSpec(spec),) if new_spec else ()), *((u.AddSortOrder(order),) if new_order else ()))
    summary = {SPEC: str(spec["spec-id"]), ORDER: str(order["order-id"])}
    ever = updates or len(metadata["partition-specs"]) > 1 or len(metadata["sort-orders"]) > 1
    return Placed(spec, order["order-id"], updates, summary if ever else {})


def known_spec(metadata: Mapping[str, Any], layout: Layout, schema: Mapping[str, Any]) -> int | None:
    """The id of the spec that the layout is, if the table ever had it."""
    ids = {field["name"].lower(): field["id"] for field in schema["fields"]}
    if any(field.column.lower() not in ids for field in layout.partition_by):
        return None
    spec, new = _spec(metadata, layout.partition_by, ids)
    return None if new else int(spec["spec-id"])


def layout_of(snapshot: Snapshot) -> tuple[u.Update, ...]:
    """The updates that make the layout of a snapshot the table's own."""
    spec, order = snapshot.summary.get(SPEC), snapshot.summary.get(ORDER)
    if spec is None or order is None:
        return ()
    return u.SetDefaultSpec(int(spec)), u.SetDefaultSortOrder(int(order))


def _spec(
    metadata: Mapping[str, Any], fields: Sequence[PartitionField], ids: Mapping[str, int]
) -> tuple[Mapping[str, Any], bool]:
    """The spec, and whether it is new."""
    specs: Sequence[Mapping[str, Any]] = metadata["partition-specs"]
    wanted = [(ids[field.column.lower()], field.spelled) for field in fields]
    for spec in specs:
        if [_made_from(known) for known in spec["fields"]] == wanted:
            return spec, False
    numbers = {_made_from(known): known["field-id"] for spec in specs for known in spec["fields"]}
    last = max([int(metadata.get("last-partition-id", _FIRST_FIELD - 1)), *numbers.values()])
    for each in wanted:
        last += each not in numbers
        numbers.setdefault(each, last)
    entries = [
        {"source-id": made[0], "field-id": numbers[made], "transform": made[1], "name": _name(field, ids)}
        for field, made in zip(fields, wanted, strict=True)
    ]
    return {"spec-id": 1 + max(spec["spec-id"] for spec in specs), "fields": entries}, True


def _made_from(known: Mapping[str, Any]) -> tuple[int, str]:
    return known["source-id"], known["transform"]


def _name(field: PartitionField, ids: Mapping[str, int]) -> str:
    """The name of a partition field. Only an identity may have the name of a column: its own."""
    if field.transform is Transform.IDENTITY:
        return field.column
    name = f"{field.column}_{field.transform}"
    while name.lower() in ids:
        name += "_"
    return name


def _order(
    metadata: Mapping[str, Any], fields: Sequence[SortField], ids: Mapping[str, int]
) -> tuple[Json | Mapping[str, Any], bool]:
    """The order, and whether it is new."""
    orders: Sequence[Mapping[str, Any]] = metadata["sort-orders"]
    wanted = [
        {
            "transform": "identity",
            "source-id": ids[field.column.lower()],
            "direction": "desc" if field.descending else "asc",
            "null-order": "nulls-last" if field.descending else "nulls-first",
        }
        for field in fields
    ]
    for order in orders:
        if list(order["fields"]) == wanted:
            return order, False
    return {"order-id": 1 + max(order["order-id"] for order in orders), "fields": wanted}, True
