"""How a table's rows lie in files: partition transforms and a sort order, as declared and as checked against columns.

The transforms are Iceberg's (spec, "Partition Transforms"). A value of a partition is what Iceberg stores: the number
of years, months, days or hours since 1970 for the transforms of time, a number below n for a bucket, the value itself
(numbers for dates and times) for identity and truncate; None for NULL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final, TypeAlias

from lakeflow.core.errors import SchemaError
from lakeflow.core.model.schema import Decimal, Field, Primitive, Schema, Type
from lakeflow.core.model.type_names import parse_value
from lakeflow.core.time.units import EPOCH, Unit
from lakeflow.core.values import dataclass

Partition: TypeAlias = tuple[Any, ...]
"""A value for each partition field, in their order."""


class Transform(StrEnum):
    IDENTITY = "identity"
    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    HOUR = "hour"
    TRUNCATE = "truncate"
    BUCKET = "bucket"

    @property
    def is_sized(self) -> bool:
        return self in {Transform.TRUNCATE, Transform.BUCKET}

    @property
    def is_of_time(self) -> bool:
        return self in {Transform.YEAR, Transform.MONTH, Transform.DAY, Transform.HOUR}


_WHOLE: Final = frozenset({"int", "long"})
_DATED: Final = frozenset({"date", "timestamp", "timestamptz"})
_TEXTS: Final = frozenset({"string", "binary"})
_TAKES: Final[Mapping[Transform, frozenset[str]]] = {
    Transform.IDENTITY: _WHOLE | _DATED | _TEXTS | {"boolean", "time", "uuid", "decimal"},
    Transform.YEAR: _DATED,
    Transform.MONTH: _DATED,
    Transform.DAY: _DATED,
    Transform.HOUR: _DATED - {"date"},
    Transform.TRUNCATE: _WHOLE | _TEXTS | {"decimal"},
    Transform.BUCKET: _WHOLE | _DATED | _TEXTS | {"time", "uuid", "decimal"},
}


@dataclass(frozen=True)
class PartitionField:
    """`size` is the width of a truncate and the number of buckets; 0 for the others."""

    column: str
    transform: Transform = Transform.IDENTITY
    size: int = 0

    def __str__(self) -> str:
        if self.transform is Transform.IDENTITY:
            return self.column
        return f"{self.transform}({f'{self.size}, ' if self.size else ''}{self.column})"

    @property
    def spelled(self) -> str:
        """The transform in Iceberg's words."""
        return f"{self.transform}[{self.size}]" if self.size else str(self.transform)


@dataclass(frozen=True)
class SortField:
    """NULL comes first in ascending order and last in descending order, as in Iceberg's own default."""

    column: str
    descending: bool = False

    def __str__(self) -> str:
        return f"{self.column} desc" if self.descending else self.column


@dataclass(frozen=True)
class Layout:
    """Unpartitioned and unsorted by default."""

    partition_by: tuple[PartitionField, ...] = ()
    sort_by: tuple[SortField, ...] = ()


PLAIN: Final = Layout()

_NAME: Final = r"[^\s(),]+"
_TRANSFORMED: Final = re.compile(rf"(\w+)\(\s*(?:(\d+)\s*,\s*)?({_NAME})\s*\)")
_SORTED: Final = re.compile(rf"({_NAME})(?:\s+(asc|desc))?", re.IGNORECASE)


def read_partition_field(text: str) -> PartitionField:
    """`"day(at)"`, `"bucket(16, id)"`, `"truncate(2, name)"`, `"carrier"` → field; ValueError for anything else."""
    if re.fullmatch(_NAME, text.strip()):
        return PartitionField(text.strip())
    match = _TRANSFORMED.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no partition field")
    transform, size = Transform(match[1].lower()), int(match[2] or 0)
    if transform.is_sized is not bool(size) or size >= 2**31:
        raise ValueError(f"{transform} has a size and the other transforms have none")
    return PartitionField(match[3], transform, size)


def read_sort_field(text: str) -> SortField:
    """`"at"`, `"at desc"` → field; ValueError for anything else."""
    match = _SORTED.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no sort field")
    return SortField(match[1], (match[2] or "").lower() == "desc")


def source_of(field: PartitionField | SortField, schema: Schema) -> Field:
    """The column that the field is made from. SchemaError when there is no such column, or the transform does not take
    its type.
    """
    found = schema.find(field.column)
    if found is None:
        raise SchemaError(
            f"the layout names column {field.column!r}, which is not produced",
            hint=f"select {field.column} too, or take it out of partition_by and sort_by",
        )
    if isinstance(field, PartitionField) and _kind(found.type) not in _TAKES[field.transform]:
        raise SchemaError(
            f"cannot partition by {field}: {found.name} is {found.type}",
            hint=f"{field.transform} takes {', '.join(sorted(_TAKES[field.transform]))}",
        )
    return found


def check_layout(layout: Layout, schema: Schema) -> None:
    """SchemaError for the first field that the columns do not allow."""
    for field in layout.partition_by:
        source_of(field, schema)
    for key in layout.sort_by:
        source_of(key, schema)


def partition_value(field: PartitionField, type_: Type, text: str | None) -> Any:
    """What Iceberg stores for a partition that the engine gives as text; for times the text is the partition's
    beginning.
    """
    if text is None:
        return None
    if field.transform is Transform.BUCKET:
        return int(text)
    began = Primitive("timestamp" if field.transform is Transform.HOUR else "date")
    value = parse_value(began if field.transform.is_of_time else type_, text)
    if value is None:
        raise SchemaError(f"cannot partition by {field}: a value lies outside the years 1 to 9999")
    if not field.transform.is_of_time:
        return value
    step = timedelta(microseconds=1) if field.transform is Transform.HOUR else timedelta(days=1)
    return Unit(field.transform.value).ordinal(EPOCH + value * step)


def _kind(type_: Type) -> str:
    match type_:
        case Primitive(name):
            return name
        case Decimal():
            return "decimal"
    return ""
