"""What becomes of values at the limits of their types: each case is tested, and is a line of docs/exact-values.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import pandas as pd
import polars as pl
import pyarrow as pa

from tests.exact.lab import Lab, Told

NANOS: Final = 1_717_236_000_123_456_789
"""2024-06-01 10:00:00.123456789"""


@dataclass(frozen=True)
class Case:
    """`given` as the page shows it; `arrow` is what a Parquet file holds, or the frame that a function returns.

    `stored` is None where it is refused.
    """

    way: str
    declared: str
    given: str
    stored: str | None = None
    says: str = ""
    arrow: Any = None
    int96: bool = False

    def told(self, lab: Lab) -> Told:
        """Asked once of each lab."""
        if self.name not in lab.known:
            lab.known[self.name] = self._told(lab)
        return lab.known[self.name]

    def _told(self, lab: Lab) -> Told:
        if self.way == "Parquet":
            return lab.parquet(self.declared, self.arrow, use_deprecated_int96_timestamps=self.int96)
        if self.way == "Python":
            return lab.python(self.declared, self.arrow)
        ways: dict[str, Callable[[str, str], Told]] = {"CSV": lab.csv, "NDJSON": lab.ndjson, "SQL": lab.sql}
        return ways[self.way](self.declared, f"SELECT {self.given} AS v" if self.way == "SQL" else self.given)

    @property
    def name(self) -> str:
        return f"{self.way} {self.declared or 'undeclared'} {self.given}"


def _texts(declared: str, stored: dict[str, str], refused: tuple[str, ...], says: str = "") -> Iterator[Case]:
    """The same for a text in a CSV file, for a JSON string, and for a text that a query gives."""
    for given, value in stored.items():
        yield Case("CSV", declared, given, value)
        yield Case("SQL", declared, f"'{given}'", value)
    for given in refused:
        yield Case("CSV", declared, given, says=says or "holds no ")
        yield Case("SQL", declared, f"'{given}'", says=says or "holds no ")


def _sql(declared: str, stored: dict[str, str], refused: dict[str, str]) -> Iterator[Case]:
    yield from (Case("SQL", declared, given, value) for given, value in stored.items())
    yield from (Case("SQL", declared, given, says=says) for given, says in refused.items())


def _json(declared: str, stored: dict[str, str], refused: dict[str, str]) -> Iterator[Case]:
    yield from (Case("NDJSON", declared, given, value) for given, value in stored.items())
    yield from (Case("NDJSON", declared, given, says=says) for given, says in refused.items())


def _parquet(given: str, values: Any, declared: str = "", stored: str | None = None, **more: Any) -> Case:
    return Case("Parquet", declared, given, stored, arrow=values, **more)


def _whole_numbers() -> Iterator[Case]:
    yield from _texts(
        "int", {"2147483647": "2147483647", "1.0": "1", " +7 ": "7"}, ("2147483648", "1.7", "1e3", "1_000", "")
    )
    yield from _texts("long", {"9223372036854775807": "9223372036854775807"}, ("9223372036854775808", "0x10"))
    yield from _sql(
        "int",
        {"2.0": "2", "2.0::DOUBLE": "2", "true": "1"},
        {
            "1.7": "a value of DECIMAL(2,1) that is no INTEGER",
            "1.7::DOUBLE": "a value of DOUBLE that is no INTEGER",
            "2147483648": "a value of BIGINT that is no INTEGER",
            "'nan'::DOUBLE": "a value of DOUBLE that is no INTEGER",
        },
    )
    yield from _json(
        "long", {"1": "1", "1.0": "1", '"1"': "1"}, {"1.7": "no BIGINT", "true": "no BIGINT", "1e3": "no BIGINT"}
    )
    yield _parquet("1.7 as a double", pa.array([1.7]), "int", says="row 1: column 'v' holds a value of DOUBLE")


def _decimals() -> Iterator[Case]:
    yield from _texts("decimal(10,2)", {"19.99": "19.99", "19.9900": "19.99"}, ("19.999", "123456789.00", "1e2"))
    yield from _sql(
        "decimal(10,2)",
        {"19.99::DOUBLE": "19.99", "19.990": "19.99"},
        {
            "19.999": "a value of DECIMAL(5,3) that is no DECIMAL(10,2)",
            "19.999::DOUBLE": "a value of DOUBLE that is no DECIMAL(10,2)",
            "123456789": "a value of INTEGER that is no DECIMAL(10,2)",
        },
    )
    yield from _sql("", {}, {"170141183460469231731687303715884105727": "a value of HUGEINT that is no DECIMAL(38,0)"})
    yield from _json(
        "decimal(20,2)", {"12345678901234567.89": "12345678901234567.89", "0.10": "0.10"}, {"0.001": "no DECIMAL(20,2)"}
    )
    yield _parquet(
        "decimal256(39,2)",
        pa.array([Decimal("1234567890123456789012345678901234567.89")], pa.decimal256(39, 2)),
        says="column 'v' has decimals of 39 digits; a table holds 38",
    )


def _floats() -> Iterator[Case]:
    yield from _texts(
        "double",
        {"0.1": "0.1", "9007199254740992": "9007199254740992.0", "1e23": "1e+23", "NaN": "nan", "-inf": "-inf"},
        ("9007199254740993", "12345678901234567.89", "1e400", "1e-400", "x"),
    )
    yield from _texts("float", {"0.1": "0.1", "16777216": "16777216.0"}, ("16777217", "1e39"))
    yield from _sql(
        "double",
        {"0.1": "0.1", "9007199254740992": "9007199254740992.0"},
        {
            "9007199254740993": "a value of BIGINT that is no DOUBLE",
            "12345678901234567.89": "a value of DECIMAL(19,2) that is no DOUBLE",
        },
    )
    yield from _sql(
        "float",
        {"0.5::DOUBLE": "0.5", "0.1": "0.1"},
        {
            "0.1::DOUBLE": "a value of DOUBLE that is no FLOAT",
            "16777217": "a value of INTEGER that is no FLOAT",
            "1e39": "a value of DOUBLE that is no FLOAT",
        },
    )
    yield from _json("float", {"5.43546321970135e+16": "5.4354632e+16"}, {"54354632197013500": "no FLOAT"})
    yield from _json("double", {"1e3": "1000.0", "-0": "-0.0"}, {"1e400": "no DOUBLE", "9007199254740993": "no DOUBLE"})


def _days() -> Iterator[Case]:
    yield from _texts(
        "date",
        {"0001-01-01": "0001-01-01", "9999-12-31": "9999-12-31", "2024-06-01 00:00:00": "2024-06-01"},
        ("2024-06-01 23:59:59", "2024-06-01T00:00:00Z", "10000-01-01", "infinity", "2024-02-30"),
    )
    yield from _texts("date", {}, ("0000-12-31",), "a date outside of the years 1 to 9999")
    beyond = "a date outside of the years 1 to 9999"
    yield from _sql(
        "",
        {"DATE '9999-12-31'": "9999-12-31"},
        {
            "'infinity'::DATE": beyond,
            "DATE '10000-01-01'": beyond,
            "DATE '0001-01-01' - 1": beyond,
            "['infinity'::DATE]": "column 'v.element' holds a date outside",
            "MAP {'-infinity'::DATE: 1}": "column 'v.key' holds a date outside",
        },
    )
    yield from _sql(
        "date",
        {"TIMESTAMP '2024-06-01 00:00:00'": "2024-06-01"},
        {
            "TIMESTAMP '2024-06-01 23:59:59'": "a value of TIMESTAMP that is no DATE",
            "TIMESTAMPTZ '2024-06-01 00:00:00Z'": "a value of TIMESTAMP WITH TIME ZONE that is no DATE",
        },
    )
    yield _parquet("date32 of 2³¹ - 1", pa.array([2**31 - 1], pa.int32()).cast(pa.date32()), says=beyond)


def _times() -> Iterator[Case]:
    yield from _texts(
        "time",
        {"23:59:59.999999": "23:59:59.999999", "10:11": "10:11:00"},
        ("24:00:00", "10:11:12+02", "10:11:12.1234567"),
    )
    yield from _sql(
        "",
        {"TIME '10:11:12'": "10:11:12", "'10:11:12.123456'::TIME_NS": "10:11:12.123456"},
        {
            "TIME '24:00:00'": "the time 24:00:00",
            "{'a': TIME '24:00:00'}": "column 'v.a' holds the time 24:00:00",
            "'10:11:12.1234567'::TIME_NS": "parts of a microsecond",
            "'10:11:12+02'::TIMETZ": "which an Iceberg table cannot hold",
        },
    )
    yield from _sql("time", {}, {"TIMESTAMP '2024-06-01 10:00:00'": "a value of TIMESTAMP that is no TIME"})
    yield _parquet(
        "time64[us] of 25 hours", pa.array([90_000_000_000], pa.time64("us")), says="a time that is not of one"
    )


def _moments() -> Iterator[Case]:
    yield from _texts(
        "timestamp",
        {"2024-06-01T10:00:00.123456000": "2024-06-01 10:00:00.123456", "2024-06-01": "2024-06-01 00:00:00"},
        (
            *("2024-06-01T10:00:00+02:00", "2024-06-01T10:00:00Z", "2024-06-01 10:00 America/New_York"),
            *("2024-06-01 10:00:00.1234567", "2024-06-01 24:00:00", "infinity"),
        ),
    )
    yield from _texts(
        "timestamptz",
        {
            "2024-06-01T10:00:00+02:00": "2024-06-01 08:00:00+00",
            "2024-06-01 10:00 America/New_York": "2024-06-01 14:00:00+00",
            "2024-06-01 10:00:00": "2024-06-01 10:00:00+00",
        },
        ("2024-06-01T10:00:00.1234567Z", "2024-06-01T10:00:00+25:00", "2024-06-01T10:00:00+02:60"),
    )
    yield from _texts(
        "timestamptz",
        {},
        ("2024-03-10 02:30 America/New_York", "2024-11-03 01:30 America/New_York"),
        "a clock's time that its zone skips or has twice",
    )
    yield from _sql(
        "timestamp",
        {"DATE '2024-06-01'": "2024-06-01 00:00:00"},
        {"TIMESTAMPTZ '2024-06-01 10:00:00+02'": "a value of TIMESTAMP WITH TIME ZONE that is no TIMESTAMP"},
    )
    yield from _sql("timestamptz", {"TIMESTAMP '2024-06-01 10:00:00'": "2024-06-01 10:00:00+00"}, {})
    yield from _sql(
        "",
        {"'2024-06-01 10:00:00.123456'::TIMESTAMP_NS": "2024-06-01 10:00:00.123456"},
        {
            "'2024-06-01 10:00:00.1234567'::TIMESTAMP_NS": "parts of a microsecond",
            "'infinity'::TIMESTAMP": "a timestamp outside of the years 1 to 9999",
            "['-infinity'::TIMESTAMPTZ]": "column 'v.element' holds a timestamptz outside",
        },
    )
    for kind in (pa.timestamp("ns"), pa.timestamp("ns", "UTC"), pa.list_(pa.timestamp("ns"))):
        nested = pa.types.is_list(kind)
        yield _parquet(
            f"{kind} with nanoseconds", pa.array([[NANOS] if nested else NANOS], kind), says="parts of a micro"
        )
    whole = pa.array([NANOS - 789], pa.timestamp("ns"))
    yield _parquet("timestamp[ns] of whole microseconds", whole, stored="2024-06-01 10:00:00.123456")
    yield _parquet("INT96 of whole microseconds", whole, stored="2024-06-01 10:00:00.123456", int96=True)
    yield _parquet(
        "INT96 with nanoseconds", pa.array([NANOS], pa.timestamp("ns")), says="parts of a microsecond", int96=True
    )
    far = pa.array([2**63 - 1], pa.timestamp("ms"))
    yield _parquet("timestamp[ms] of 2⁶³ - 1", far, says="a timestamp outside of the years 1 to 9999")


def _others() -> Iterator[Case]:
    yield from _texts("boolean", {"true": "true", "0": "false"}, ("2",))
    yield from _sql("boolean", {"1": "true"}, {"2": "a value of INTEGER that is no BOOLEAN"})
    yield from _texts(
        "uuid", {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}, ("a0ee",)
    )
    yield from _sql("string", {"0.1::DOUBLE": "0.1", "DATE '2024-06-01'": "2024-06-01"}, {})
    text, other = pa.array(["é\\x41".encode()]), pa.array([b"\xff"])
    yield _parquet("bytes of é\\x41 in UTF-8", text, "string", "é\\x41")
    yield _parquet("bytes of no UTF-8", other, "string", says="row 1: column 'v' holds bytes that are no UTF-8")
    yield _parquet("text of no UTF-8", other.view(pa.string()), says="row 1: column 'v' holds text that is no UTF-8")
    yield from _json("string", {'"\\ud83d\\ude00"': "😀"}, {'"\\ud83d"': "column 'v' holds one half of a letter"})
    yield from _json("struct<a: string>", {}, {'{"a": "x\\udfff"}': "column 'v' holds one half of a letter"})
    yield from _json("string", {"1.50": "1.50", '{"a": 12345678901234567.89}': '{"a":12345678901234567.89}'}, {})


_TWICE: Final = pa.array([[("k", 1)], [("k", 1), ("k", 2)]], pa.map_(pa.string(), pa.int32()))


def _nested() -> Iterator[Case]:
    yield from _json(
        "list<long>",
        {"[1, null]": "[1, NULL]", "null": "NULL", "[]": "[]"},
        {"[1.7, 2]": "column 'v.element' holds no BIGINT", "{}": "column 'v' holds no BIGINT[]"},
    )
    yield from _json(
        "struct<a: long, b: string>",
        {'{"a": null}': "{'a': NULL, 'b': NULL}"},
        {'{"a": 1.7}': "column 'v.a' holds no BIGINT", '{"a": 1, "c": 2}': "column 'v' holds keys other than a, b"},
    )
    yield from _json(
        "map<string, decimal(20,2)>",
        {'{"x": 12345678901234567.89}': "{x=12345678901234567.89}"},
        {'{"x": 0.001}': "column 'v.value' holds no DECIMAL(20,2)", '{"x": 1, "x": 2}': "a key that comes twice"},
    )
    yield from _texts("list<long>", {"[1, NULL]": "[1, NULL]", "[1, null]": "[1, NULL]"}, ("[1.7, 2]", "[1", "[1, ]"))
    yield from _texts("list<string>", {'["a\\u00e9", null]': "[aé, NULL]"}, ('["a" "b"]', '["a""b"]', "[a,, b]"))
    yield from _texts("map<string, long>", {'{"k": 1}': "{k=1}", "{k=1}": "{k=1}"}, ("{k=1.7}",))
    yield from _sql(
        "struct<a: int>", {"{'a': 1.0}": "{'a': 1}"}, {"{'a': 1.7}": "column 'v.a' holds a value of DECIMAL(2,1)"}
    )
    yield from _sql(
        "list<int>", {}, {"[1.0, 2.5]": "column 'v.element'", "{'a': 1}": "no cast makes list<int> of that"}
    )
    yield from _sql(
        "map<int, int>", {}, {"MAP {1: 2.5}": "column 'v.value'", "MAP {'1': 1, '01': 2}": "two keys that are"}
    )
    yield from _sql(
        "list<decimal(20,2)>",
        {"'[12345678901234567.89]'::JSON": "[12345678901234567.89]"},
        {"'[0.001]'::JSON": "no DEC"},
    )
    yield from _sql("list<struct<aB: int>>", {"[{'Ab': 1}]": "[{'aB': 1}]"}, {})
    yield _parquet("a map with a key twice", _TWICE, says="row 2: column 'v' holds a key that comes twice")
    within = pa.array([[[("k", 1), ("k", 2)]]], pa.list_(_TWICE.type))
    yield _parquet("a list of such maps", within, says="row 1: column 'v.element' holds a key that comes twice")


def _frame(given: str, frame: Any, declared: str = "", stored: str | None = None, says: str = "") -> Case:
    return Case("Python", declared, given, stored, says=says, arrow=frame)


def _frames() -> Iterator[Case]:
    large, moment = 2**53 + 1, pl.Series([NANOS], dtype=pl.Int64).cast(pl.Datetime("ns"))
    yield _frame("pandas Int64 of 2⁵³ + 1", pd.DataFrame({"v": pd.array([large], dtype="Int64")}), stored=str(large))
    yield _frame("pandas, a Python integer of 2⁷⁰", pd.DataFrame({"v": [2**70]}), stored=str(2**70))
    yield _frame("pandas, a Python integer of 10³⁸", pd.DataFrame({"v": [10**38]}), says="more than 38 digits")
    yield _frame("pandas, nothing but None", pd.DataFrame({"v": [None]}), "date", "NULL")
    yield _frame("pandas, nothing but None", pd.DataFrame({"v": [None]}), says="nothing but NULL")
    yield _frame(
        "pandas, a time at midnight", pd.DataFrame({"v": pd.to_datetime(["2024-06-01"])}), "date", "2024-06-01"
    )
    yield _frame(
        "pandas, a time at noon", pd.DataFrame({"v": pd.to_datetime(["2024-06-01 12:00"])}), "date", says="no DATE"
    )
    yield _frame("pandas, a Decimal of 1.5", pd.DataFrame({"v": [Decimal("1.5")]}), "decimal(9,2)", "1.50")
    yield _frame("pandas, a UUID", pd.DataFrame({"v": [UUID(int=1)]}), stored=str(UUID(int=1)))
    yield _frame("pandas, a Period", pd.DataFrame({"v": pd.period_range("2024", periods=1)}), says="pandas.period")
    noon = pd.DataFrame({"v": [date(2024, 6, 1), datetime(2024, 6, 1, 12)]}, dtype=object)
    stamps = pd.DataFrame({"v": [pd.Timestamp("2024-06-01 10:00"), pd.Timestamp(NANOS)]}, dtype=object)
    yield _frame("pandas, Timestamps with nanoseconds", stamps, says="row 2: column 'v' holds parts of a microsecond")
    yield _frame("pandas, a date and a datetime", noon, says="a date in row 1 and a datetime in row 2")
    yield _frame("pandas, a date and a datetime", noon, "date", says="a date in row 1 and a datetime in row 2")
    yield _frame("pandas, an empty dict", pd.DataFrame({"v": [{}]}), says="structs without a field")
    yield _frame("polars Datetime with nanoseconds", pl.DataFrame({"v": moment}), says="parts of a microsecond")
    yield _frame("polars Categorical", pl.DataFrame({"v": pl.Series(["a"], dtype=pl.Categorical)}), stored="a")
    yield _frame("polars Object", pl.DataFrame({"v": pl.Series([object()], dtype=pl.Object)}), says="type Object")
    yield _frame("polars Int128", pl.DataFrame({"v": pl.Series([1], dtype=pl.Int128)}), says="type Int128")
    yield _frame("polars Float16", pl.DataFrame({"v": pl.Series([1.5], dtype=pl.Float16)}), says="16-bit floats")
    yield _frame("polars Duration", pl.DataFrame({"v": pl.Series([1], dtype=pl.Duration)}), says="cannot hold")
    wide = pa.table({"v": pa.array([Decimal("1.5")], pa.decimal256(50, 2))})
    yield _frame("Arrow decimal256(50,2)", wide, says="decimals of 50 digits; a table holds 38")
    below = pa.table({"v": pa.array([Decimal(1500)], pa.decimal128(5, -2))})
    yield _frame("Arrow decimal128(5,-2)", below, says="decimals with a scale of -2")
    union = pa.UnionArray.from_sparse(pa.array([0], pa.int8()), [pa.array([1])])
    yield _frame(
        "an Arrow map with a key twice", pa.table({"v": _TWICE}), says="row 2: column 'v' holds a key that comes"
    )
    yield _frame("Arrow text of no UTF-8", pa.table({"v": pa.array([b"\xff"]).view(pa.string())}), says="no UTF-8")
    cut = pa.table({"v": pa.array([86_400_001]).view(pa.date64())})
    yield _frame("Arrow date64 of a second day and 1 ms", cut, says="row 1: column 'v' holds a date with a time of day")
    yield _frame("an Arrow union", pa.table({"v": union}), says="a union of types")
    yield _frame("Arrow uint64 of 2⁶⁴ - 1", pa.table({"v": pa.array([2**64 - 1], pa.uint64())}), stored=str(2**64 - 1))


KINDS: Final[dict[str, tuple[Case, ...]]] = {
    "Whole numbers": tuple(_whole_numbers()),
    "Decimals": tuple(_decimals()),
    "Floats": tuple(_floats()),
    "Dates": tuple(_days()),
    "Times": tuple(_times()),
    "Timestamps": tuple(_moments()),
    "Other types": tuple(_others()),
    "Nested values": tuple(_nested()),
    "Data frames": tuple(_frames()),
}
