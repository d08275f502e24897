"""Every type of a table, with values that Python holds exactly: drawn by hypothesis, nested or not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import pyarrow as pa
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True)
class Kind:
    """A type as it is declared, as Arrow has it, and its values."""

    declared: str
    arrow: pa.DataType
    values: SearchStrategy[Any]


_DAYS = st.dates(date(1, 1, 1), date(9999, 12, 31))
_MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999))
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\ufdd0"), max_size=8)
LEAVES: Final = (
    Kind("boolean", pa.bool_(), st.booleans()),
    Kind("int", pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    Kind("long", pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    Kind("float", pa.float32(), st.floats(width=32)),
    Kind("double", pa.float64(), st.floats()),
    Kind("decimal(9,2)", pa.decimal128(9, 2), st.decimals("-9999999.99", "9999999.99", places=2)),
    Kind(
        "decimal(38,5)",
        pa.decimal128(38, 5),
        st.integers(-(10**38) + 1, 10**38 - 1).map(lambda n: Decimal(f"{n}E-5")),
    ),
    Kind("date", pa.date32(), _DAYS),
    Kind("time", pa.time64("us"), st.times()),
    Kind("timestamp", pa.timestamp("us"), _MOMENTS),
    Kind("timestamptz", pa.timestamp("us", "UTC"), _MOMENTS.map(lambda at: at.replace(tzinfo=UTC))),
    Kind("string", pa.string(), _TEXT),
    Kind("uuid", pa.uuid(), st.uuids().map(lambda found: found.bytes)),
    Kind("binary", pa.binary(), st.binary(max_size=8)),
)


def listed(kind: Kind) -> Kind:
    values = st.lists(st.none() | kind.values, max_size=3)
    return Kind(f"list<{kind.declared}>", pa.list_(kind.arrow), values)


def packed(kind: Kind) -> Kind:
    values = st.fixed_dictionaries({"a": st.none() | kind.values, "b": st.none() | st.integers(0, 9)})
    return Kind(f"struct<a: {kind.declared}, b: long>", pa.struct([("a", kind.arrow), ("b", pa.int64())]), values)


def mapped(kind: Kind) -> Kind:
    values = st.dictionaries(_TEXT, st.none() | kind.values, max_size=3).map(lambda found: sorted(found.items()))
    return Kind(f"map<string, {kind.declared}>", pa.map_(pa.string(), kind.arrow), values)


def nested(kind: Kind) -> list[Kind]:
    """Around a leaf: each that holds others, and each of them within another."""
    deep = [listed(packed(kind)), listed(listed(kind)), packed(mapped(kind)), mapped(listed(kind))]
    return [listed(kind), packed(kind), mapped(kind), *deep]


KINDS: Final = st.sampled_from(LEAVES).flatmap(lambda kind: st.sampled_from([kind, *nested(kind)]))
NESTED: Final = st.sampled_from(LEAVES).flatmap(lambda kind: st.sampled_from(nested(kind)))


def array(kind: Kind, values: list[Any]) -> pa.Array:
    """As Arrow holds them; it makes UUIDs within others only of their bytes."""
    return pa.array(values, _stored(kind.arrow)).cast(kind.arrow)


def _stored(type_: pa.DataType) -> pa.DataType:
    match type_:
        case pa.UuidType():
            return pa.binary(16)
        case pa.ListType():
            return pa.list_(_stored(type_.value_type))
        case pa.StructType():
            return pa.struct([(field.name, _stored(field.type)) for field in type_])
        case pa.MapType():
            return pa.map_(type_.key_type, _stored(type_.item_type))
    return type_


@st.composite
def columns(draw: st.DrawFn, kinds: SearchStrategy[Kind] = KINDS, rows: int = 0) -> tuple[Kind, list[Any]]:
    """A type, and a column of it: perhaps with NULL, perhaps of NULL alone, perhaps without rows."""
    kind = draw(kinds)
    return kind, draw(st.lists(st.none() | kind.values, min_size=rows, max_size=4))


def same(left: Any, right: Any) -> bool:
    """Equal in every value; NaN is NaN, and the zeros are two."""
    return repr(left) == repr(right)
