"""Written files with their column statistics → manifest entries (Iceberg spec, "Manifests" and appendix D).

A bound decides which files a reader skips, so a bound that is not certain is left out, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pyiceberg.conversions import to_bytes
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.schema import Schema as IcebergSchema
from pyiceberg.typedef import Record

from lakeflow.adapters.iceberg.metadata.layouts import Placed
from lakeflow.core.errors import AssetError
from lakeflow.core.model.schema import Field, Fixed, List, Map, Schema, Type, children
from lakeflow.core.model.table import ColumnStats, Staging, WrittenFile
from lakeflow.core.model.type_names import parse_value
from lakeflow.core.ports.locations import to_location
from lakeflow.core.values import dataclass

_BOUND_LENGTH: Final = 16  # characters or bytes, as Iceberg's truncate(16) metrics mode
_INFINITE: Final = frozenset({"infinity", "-infinity"})


@dataclass(frozen=True)
class _Leaf:
    field: Field
    repeated: bool
    personal: bool


Path = tuple[str, ...]


def data_files(staging: Staging, placed: Placed, iceberg: IcebergSchema) -> list[DataFile]:
    """The manifest entries of a write's files, in their order. The values of personal columns stay out of the
    manifest.
    """
    leaves = dict(_leaves(staging.schema, staging.pii))
    return [_data_file(file, leaves, iceberg, placed) for file in staging.files if file.rows]


def _leaves(schema: Schema, pii: frozenset[str]) -> Iterator[tuple[Path, _Leaf]]:
    for field in schema.fields:
        yield from _below(field, (field.name,), _Leaf(field, repeated=False, personal=field.name.lower() in pii))


def _below(field: Field, path: Path, leaf: _Leaf) -> Iterator[tuple[Path, _Leaf]]:
    repeated = leaf.repeated or isinstance(field.type, List | Map)
    nested = children(field.type)
    if not nested:
        yield path, leaf
    for child in nested:
        yield from _below(child, (*path, child.name), _Leaf(child, repeated, leaf.personal))


def _data_file(file: WrittenFile, leaves: Mapping[Path, _Leaf], iceberg: IcebergSchema, placed: Placed) -> DataFile:
    known = [(leaves[path], stats) for path, stats in file.columns.items() if path in leaves]
    single = [(leaf, stats) for leaf, stats in known if not leaf.repeated]
    data_file = DataFile.from_args(
        content=DataFileContent.DATA,
        file_path=to_location(file.path),
        file_format=FileFormat.PARQUET,
        partition=Record(*file.partition),
        record_count=file.rows,
        file_size_in_bytes=file.bytes,
        column_sizes=_counts(known, lambda stats: stats.bytes),
        value_counts=_counts(single, lambda stats: stats.values),
        null_value_counts=_counts(single, lambda stats: stats.nulls),
        nan_value_counts=_counts(single, lambda stats: stats.nans),
        lower_bounds=_bounds(single, iceberg, _lower),
        upper_bounds=_bounds(single, iceberg, _upper),
        key_metadata=None,
        split_offsets=None,
        equality_ids=None,
        sort_order_id=placed.order_id if file.is_sorted else None,
    )
    data_file.spec_id = placed.spec["spec-id"]
    return data_file


def _counts(columns: list[tuple[_Leaf, ColumnStats]], count: Callable[[ColumnStats], int | None]) -> dict[int, int]:
    return {leaf.field.id: found for leaf, stats in columns if (found := count(stats)) is not None}


Bound = Callable[[Type, ColumnStats], Any]


def _bounds(columns: list[tuple[_Leaf, ColumnStats]], iceberg: IcebergSchema, bound: Bound) -> dict[int, bytes]:
    bounds: dict[int, bytes] = {}
    for leaf, stats in columns:
        _refuse_infinite(leaf.field, stats)
        if not leaf.personal and (value := bound(leaf.field.type, stats)) is not None:
            bounds[leaf.field.id] = to_bytes(iceberg.find_type(leaf.field.id), value)  # type: ignore[arg-type]  # a leaf is primitive
    return bounds


def _refuse_infinite(field: Field, stats: ColumnStats) -> None:
    if str(field.type) in {"date", "timestamp", "timestamptz"} and not _INFINITE.isdisjoint({stats.low, stats.high}):
        raise AssetError(
            f"column {field.name} holds an infinite {field.type}, which no Iceberg table can store",
            hint="make it NULL, or filter those rows",
        )


def _lower(type_: Type, stats: ColumnStats) -> Any:
    value = None if stats.low is None else parse_value(type_, stats.low)
    match value:
        case float():
            return -0.0 if value == 0 else value  # engines print -0.0 as 0.0: the smaller zero is always sound
        case str() | bytes() if not isinstance(type_, Fixed):
            return value[:_BOUND_LENGTH]
    return value


def _upper(type_: Type, stats: ColumnStats) -> Any:
    value = None if stats.high is None else parse_value(type_, stats.high)
    match value:
        case float():
            return 0.0 if value == 0 else value
        case str():
            return text_above(value, _BOUND_LENGTH)
        case bytes() if not isinstance(type_, Fixed):
            return bytes_above(value, _BOUND_LENGTH)
    return value


def text_above(text: str, length: int) -> str | None:
    """The text itself if it is short enough, else the shortest cut of it that is greater; None if there is none.

    Steps over the surrogates, which no encoded text may hold.
    """
    if len(text) <= length:
        return text
    for end in range(length, 0, -1):
        code = ord(text[end - 1])
        if code < 0x10FFFF:
            return text[: end - 1] + chr(0xE000 if code == 0xD7FF else code + 1)
    return None


def bytes_above(content: bytes, length: int) -> bytes | None:
    """As `text_above`, of bytes."""
    if len(content) <= length:
        return content
    cut = content[:length].rstrip(b"\xff")
    return cut[:-1] + bytes([cut[-1] + 1]) if cut else None
