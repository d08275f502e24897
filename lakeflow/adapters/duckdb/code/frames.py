"""Data frames as Arrow with nothing lost: a column that Arrow or DuckDB would take wrongly is refused.

A frame has fewer types than a table, so the type of a column may be a guess (`lakeflow.core.model.schema.Guess`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from lakeflow.adapters.duckdb.code.objects import refuse_mixed
from lakeflow.core.column_names import refuse_twins
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.schema import Guess, Schema, Type

if TYPE_CHECKING:
    import pyarrow as pa

ARROW_LACKS: Final = frozenset({"uuid"})
"""The types that every frame but pandas' lacks: DuckDB gives a UUID to Arrow as text."""
PANDAS_LACKS: Final = frozenset({"uuid", "date", "decimal"})
"""The types that pandas lacks: a date becomes a time at midnight, and decimals have no common number of digits."""

_INDEX: Final = ".reset_index() makes columns of an index, .reset_index(drop=True) drops it"
_WIDE: Final = 38
"""The digits of the widest decimal."""


def lacks(value: object) -> frozenset[str]:
    """The types of a table that this form of frame lacks."""
    return PANDAS_LACKS if _is(value, "pandas", "DataFrame") else ARROW_LACKS


def guessed(schema: Schema, lacking: frozenset[str], inputs: Mapping[str, Type]) -> Schema:
    """The columns of a frame; `inputs` are those of what the code read, by lower-case name."""
    fields = (replace(each, type=Guess(each.type, lacking, inputs.get(each.name.lower()))) for each in schema.fields)
    return Schema(tuple(fields))


def as_arrow(value: Any) -> Any:
    """A frame as an Arrow table, anything else as it is. SchemaError for a column that cannot be taken exactly."""
    if _is(value, "pandas", "DataFrame"):
        return _from_pandas(value)
    if _is(value, "polars", "LazyFrame"):
        value = value.collect(engine="streaming")
    if _is(value, "polars", "DataFrame"):
        value = _from_polars(value)
    return value


def is_held(value: object) -> bool:
    """Is it in memory, so that it can be read any number of times?"""
    held = (("pyarrow", "Table"), ("pyarrow", "RecordBatch"), ("pandas", "DataFrame"), ("polars", "DataFrame"))
    return any(_is(value, package, name) for package, name in held)


def refuse_unreadable(schema: pa.Schema) -> None:
    """SchemaError for a column that DuckDB would not take, or would take for the type of its storage."""
    for field in schema:
        if reason := _unreadable(field.type):
            said, hint = reason
            raise SchemaError(f"column {field.name!r} holds {said}", hint=hint)


def _is(value: object, package: str, name: str) -> bool:
    module = sys.modules.get(package)
    return module is not None and isinstance(value, getattr(module, name))


def _unreadable(type_: pa.DataType) -> tuple[str, str] | None:
    import pyarrow as pa  # noqa: PLC0415 - a third of the start of a process that only runs SQL

    if isinstance(type_, pa.BaseExtensionType):
        if type_.extension_name in {"arrow.uuid", "arrow.json", "arrow.bool8"}:
            return None
        return f"{type_.extension_name}, which a table cannot hold", "turn it into text, or into its parts"
    if pa.types.is_float16(type_):
        return "16-bit floats", "cast it to 32 bits"
    if pa.types.is_decimal(type_):
        return _unreadable_decimal(type_)
    return _unreadable_nested(type_)


def _unreadable_nested(type_: pa.DataType) -> tuple[str, str] | None:
    import pyarrow as pa  # noqa: PLC0415 - as above

    if pa.types.is_union(type_):
        return "a union of types", "give it one type, or turn it into text"
    if pa.types.is_struct(type_) and not type_.num_fields:
        return "structs without a field", "give them a field, or turn them into text"
    below = (type_.field(place).type for place in range(type_.num_fields))
    return next((reason for each in below if (reason := _unreadable(each))), None)


def _unreadable_decimal(type_: pa.DataType) -> tuple[str, str] | None:
    if type_.precision > _WIDE:
        return f"decimals of {type_.precision} digits; a table holds {_WIDE}", "cast it to fewer, or to text"
    if type_.scale < 0:
        return f"decimals with a scale of {type_.scale}", "cast it to a scale of 0"
    if type_.bit_width > 128:
        return "decimals of 256 bits", f"cast it to decimal128({type_.precision}, {type_.scale})"
    return None


# ---- polars ----


def _from_polars(frame: Any) -> Any:
    import polars as pl  # noqa: PLC0415 - it is there already

    for name, type_ in frame.schema.items():
        if any(isinstance(each, pl.Object) for each in _polars_types(type_)):
            raise SchemaError(
                f"column {name!r} has the polars type Object, which is Python's own and no value of a table",
                hint=f"give it a type, as in pl.Series({name!r}, values, dtype=pl.String)",
            )
        if any(isinstance(each, pl.Int128 | pl.UInt128) for each in _polars_types(type_)):
            raise SchemaError(
                f"column {name!r} has the polars type {type_}, which Arrow does not know",
                hint="cast it to pl.Decimal(38, 0)",
            )
    return frame


def _polars_types(type_: Any) -> Iterator[Any]:
    """The type and all types inside it."""
    yield type_
    if inner := getattr(type_, "inner", None):
        yield from _polars_types(inner)
    for field in getattr(type_, "fields", ()):
        yield from _polars_types(field.dtype)


# ---- pandas ----


def _from_pandas(frame: Any) -> pa.Table:
    """A named index becomes columns, a mere count of rows is dropped, any other index is refused."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    if unnamed := next((name for name in frame.columns if isinstance(name, tuple)), None):
        raise SchemaError(
            f"column {unnamed!r} has a name of several parts",
            hint="name each: frame.columns = ['_'.join(map(str, name)) for name in frame.columns]",
        )
    if len(frame) and not len(frame.columns):
        raise SchemaError("the frame has rows without columns", hint=_INDEX)
    frame = _with_index(frame)
    names = [str(name) for name in frame.columns]
    refuse_twins(names)
    for name in frame.columns:
        _refuse_mixed_objects(frame[name], str(name))
    try:
        return pa.Table.from_pandas(frame, preserve_index=False)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        return pa.table([_array(frame[name], str(name)) for name in frame.columns], names=names)


def _refuse_mixed_objects(column: Any, name: str) -> None:
    values = getattr(column.dtype, "categories", column)
    if values.dtype == object:
        refuse_mixed(values, name)


def _with_index(frame: Any) -> Any:
    index = frame.index
    if all(name is not None for name in index.names):
        if taken := next((name for name in index.names if name in frame.columns), None):
            raise SchemaError(f"the index of the frame and a column are both called {taken!r}", hint=_INDEX)
        return frame.reset_index()
    if index.nlevels > 1 or index.inferred_type != "integer":
        raise SchemaError("the index of the frame has no name, and does more than count its rows", hint=_INDEX)
    return frame


def _array(column: Any, name: str) -> pa.Array:
    """A column of a frame that Arrow does not take as a whole. It may hold integers of more than 64 bits; else what
    Arrow says of it would quote values.
    """
    import pyarrow as pa  # noqa: PLC0415 - as above

    try:
        return pa.Array.from_pandas(column)
    except OverflowError:
        values = column.astype(object).where(column.notna(), None).tolist()
    except (pa.ArrowException, ValueError, TypeError):
        raise SchemaError(
            f"column {name!r} of type {column.dtype} holds values that Arrow has no common type for",
            hint="give all its values one type, or turn them into text",
        ) from None
    try:
        return pa.array(values, pa.decimal128(_WIDE, 0))
    except (pa.ArrowException, OverflowError, ValueError, TypeError):
        raise SchemaError(
            f"column {name!r} holds integers of more than {_WIDE} digits, or other things beside large ones",
            hint="turn it into text, or leave such values out",
        ) from None


def to_pandas(table: pa.Table) -> Any:
    """Columns as numpy has them, except where a value would change.

    These keep another type: integers with NULL become pandas' nullable integers; columns in which NaN is not NULL, and
    nested columns, keep Arrow's type.
    """
    import pandas as pd  # noqa: PLC0415 - this form asks for it

    columns = {
        name: column.to_pandas(date_as_object=False, types_mapper=_mapper(column))
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return pd.DataFrame(columns, copy=False)


def _mapper(column: pa.ChunkedArray) -> Callable[[pa.DataType], Any] | None:
    import pandas as pd  # noqa: PLC0415 - as above
    import pyarrow as pa  # noqa: PLC0415 - as above
    import pyarrow.compute as pc  # noqa: PLC0415 - as above

    type_ = column.type
    nullable = {"int32": pd.Int32Dtype(), "int64": pd.Int64Dtype()}.get(str(type_))
    if nullable and column.null_count:
        return {type_: nullable}.get
    holds_nan = pa.types.is_floating(type_) and pc.any(pc.is_nan(column)).as_py()
    return pd.ArrowDtype if holds_nan or pa.types.is_nested(type_) else None
