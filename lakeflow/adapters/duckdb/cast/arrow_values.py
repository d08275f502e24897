"""Finds, in Arrow's own arrays, values that DuckDB takes wrongly, or refuses without saying where they are.

Whole columns are looked at first; the row is searched only in a batch that has a fault.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from lakeflow.core.values import dataclass

if TYPE_CHECKING:
    import pyarrow as pa

_DAY: Final = 86_400
_UNITS: Final = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_MEAN: Final = "say in the code what is meant, or turn it into text"


@dataclass(frozen=True)
class ArrowFault:
    """What is wrong with a value of the column at `path`; nothing of it is quoted. Rows count from 1."""

    row: int
    path: str
    says: str
    hint: str = _MEAN

    @property
    def message(self) -> str:
        return f"column {self.path!r} holds {self.says}"


def first_fault(batch: pa.RecordBatch | pa.Table) -> ArrowFault | None:
    """The fault in the first row that has one. Columns of types that Arrow itself cannot look into have none."""
    found = (_fault_of(name, column) for name, column in zip(batch.schema.names, batch.columns, strict=True))
    return min((each for each in found if each), key=lambda each: each.row, default=None)


def may_be_cut(type_: pa.DataType) -> bool:
    """Could DuckDB silently drop a part of a value? It takes Arrow's dates in milliseconds for whole days."""
    import pyarrow as pa  # noqa: PLC0415 - a third of the start of a process that only runs SQL

    below = (type_.field(place).type for place in range(type_.num_fields))
    return bool(pa.types.is_date64(type_)) or any(map(may_be_cut, below))


def leaves(values: pa.Array, path: str = "") -> Iterator[tuple[str, pa.Array]]:
    """The array, and all arrays inside it, each with its path."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    yield path, values
    match values:
        case pa.StructArray():
            for place, each in enumerate(values.flatten()):
                yield from leaves(each, f"{path}.{values.type.field(place).name}")
        case pa.MapArray():
            for name, each in zip(("key", "value"), _sides(values), strict=True):
                yield from leaves(each, f"{path}.{name}")
        case pa.ListArray() | pa.LargeListArray() | pa.FixedSizeListArray() | pa.ListViewArray():
            yield from leaves(values.flatten(), f"{path}.element")
        case pa.DictionaryArray():
            yield from leaves(values.dictionary, path)
        case pa.RunEndEncodedArray():
            yield from leaves(values.values, path)
        case pa.ExtensionArray():
            yield from leaves(values.storage, path)


def _sides(values: pa.MapArray) -> tuple[pa.Array, pa.Array]:
    begin, end = values.offsets[0].as_py(), values.offsets[-1].as_py()
    return values.keys[begin:end], values.items[begin:end]


def _fault_of(name: str, column: Any) -> ArrowFault | None:
    import pyarrow as pa  # noqa: PLC0415 - as above

    try:
        return _fault_in(name, column)
    except pa.ArrowNotImplementedError:
        return None


def _fault_in(name: str, column: Any) -> ArrowFault | None:
    import pyarrow as pa  # noqa: PLC0415 - as above

    begin = 0
    for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
        if _said(name, chunk):
            row = _first_row(name, chunk)
            path, says = _said(name, chunk[row : row + 1]) or (name, "a value that no column keeps")
            return ArrowFault(begin + row + 1, path, says)
        begin += len(chunk)
    return None


def _first_row(name: str, chunk: pa.Array) -> int:
    """The first row with a fault, by halves."""
    low, high = 0, len(chunk)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _said(name, chunk[low:middle]) else (middle, high)
    return low


def _said(name: str, values: pa.Array) -> tuple[str, str] | None:
    """Path and words of a fault somewhere in the array."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    for path, each in leaves(values, name):
        if isinstance(each, pa.MapArray) and _has_twins(each):
            return path, "a key that comes twice"
        if _is_text(each.type) and not _is_utf8(each):
            return path, "text that is no UTF-8"
        if pa.types.is_date64(each.type) and _any_left(each, _DAY * 1000):
            return path, "a date with a time of day"
        if pa.types.is_time(each.type) and _is_beyond(each):
            return path, "a time that is not of one day"
    return None


def _is_text(type_: pa.DataType) -> bool:
    import pyarrow as pa  # noqa: PLC0415 - as above

    return bool(pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_))


def _is_utf8(values: pa.Array) -> bool:
    import pyarrow as pa  # noqa: PLC0415 - as above

    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _any_left(values: pa.Array, divisor: int) -> bool:
    return bool((values.drop_null().view("int64").to_numpy() % divisor).any())


def _is_beyond(values: pa.Array) -> bool:
    numbers = values.drop_null().view(f"int{values.type.bit_width}").to_numpy()
    return bool(((numbers < 0) | (numbers >= _DAY * _UNITS[values.type.unit])).any())


def _has_twins(values: pa.MapArray) -> bool:
    """Does a key come twice in one map? For DuckDB both zeros are one key, and all NaN."""
    import numpy as np  # noqa: PLC0415 - as above
    import pyarrow as pa  # noqa: PLC0415 - as above

    keys, _ = _sides(values)
    lengths = np.diff(values.offsets.to_numpy())
    owners = np.repeat(np.arange(len(lengths)), lengths)
    if pa.types.is_floating(keys.type):
        keys = pa.array(keys.to_numpy(zero_copy_only=False) + 0.0)
    try:
        places = keys.dictionary_encode().indices.to_numpy(zero_copy_only=False)
    except pa.ArrowNotImplementedError:  # of nested keys
        known: dict[str, int] = {}
        places = np.array([known.setdefault(repr(key), len(known)) for key in keys.to_pylist()], np.int64)
    return len(set(zip(owners.tolist(), places.tolist(), strict=True))) < len(places)
