"""Every corrupted copy is another table than the one it was made from, in the rows that it says, or there is none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal as Number
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.corrupt.choose import ALL, corruptions
from lakeflow.core.corrupt.corruption import Corruptible, Corruption, CorruptionKind, Dose
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.asset import Asset, SqlCode
from lakeflow.core.model.schema import Decimal, Field, Primitive, Schema
from lakeflow.core.model.table import Scan
from lakeflow.core.model.write_mode import WriteMode
from tests.explored import explored

KEY = AssetKey(Layer.SILVER, "every")
ASSET = Asset(KEY, SqlCode("", "layers/silver/every.sql", 1), WriteMode.REPLACE)
FIELDS = (
    Field("id", Primitive("long"), 1),
    Field("few", Primitive("int"), 2),
    Field("temp", Primitive("double"), 3),
    Field("price", Decimal(9, 2), 4),
    Field("name", Primitive("string"), 5),
    Field("other", Primitive("string"), 6),
    Field("day", Primitive("date"), 7),
    Field("at", Primitive("timestamp"), 8),
    Field("zoned", Primitive("timestamptz"), 9),
    Field("yes", Primitive("boolean"), 10),
)
SCHEMA = Schema(FIELDS)
TYPES = {
    "id": pa.int64(),
    "few": pa.int32(),
    "temp": pa.float64(),
    "price": pa.decimal128(9, 2),
    "name": pa.string(),
    "other": pa.string(),
    "day": pa.date32(),
    "at": pa.timestamp("us"),
    "zoned": pa.timestamp("us", tz="UTC"),
    "yes": pa.bool_(),
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": st.integers(-(2**63), 2**63 - 1),
    "few": st.integers(-3, 3),
    "temp": st.floats(),
    "price": st.decimals(-9_999_999, 9_999_999, places=2),
    "name": st.text(max_size=6),
    "other": st.sampled_from(["", "a", "ß", "É", "Ab", "1"]),
    "day": st.dates(),
    "at": st.datetimes(),
    "zoned": st.datetimes(timezones=st.just(UTC)),
    "yes": st.booleans(),
}
Row = dict[str, Any]
ROWS = st.lists(st.fixed_dictionaries({name: st.none() | each for name, each in VALUES.items()}), max_size=8)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckEngine]:
    folder = tmp_path_factory.mktemp("engine")
    made = DuckEngine(str(folder), None, 2, str(folder / "spill"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def table(rows: list[Row]) -> pa.Table:
    ids = {field.name: {b"PARQUET:field_id": str(field.id).encode()} for field in FIELDS}
    schema = pa.schema([pa.field(name, type_, metadata=ids[name]) for name, type_ in TYPES.items()])
    return pa.Table.from_pylist(rows, schema=schema)


def scan_of(place: Path, rows: list[Row]) -> Scan:
    path = place / f"{uuid4().hex}.parquet"
    pq.write_table(table(rows), path)
    return Scan(KEY, 1, SCHEMA, (str(path),), len(rows), path.stat().st_size)


def read(scan: Scan) -> pa.Table:
    """The rows as another reader has them."""
    return (
        pa.concat_tables([pq.read_table(path, partitioning=None) for path in scan.files]) if scan.files else table([])
    )


def differences(before: pa.Table, after: pa.Table) -> int:
    """How many rows of either are not in the other."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.register("before", before)
        connection.register("after", after)
        sides = [connection.execute(f"from {a} except all from {b}").fetchall() for a, b in _BOTH]
    return max(map(len, sides))


_BOTH = (("before", "after"), ("after", "before"))
EVERY = [each for each in corruptions(ASSET, SCHEMA, frozenset(), ALL) if each.kind.is_copied]


def test_every_kind_is_among_those_that_are_tried() -> None:
    assert {each.kind for each in corruptions(ASSET, SCHEMA, frozenset(), ALL)} == set(CorruptionKind)
    assert {each.columns[0] for each in EVERY if each.kind is CorruptionKind.NULLS} == set(SCHEMA.names)


def test_rows_that_are_the_same_are_changed_together_and_counted_each(engine: DuckEngine, place: Path) -> None:
    """The share of two rows is less than one, so the first is taken; which of two equal ones nobody can say."""
    one: Row = dict.fromkeys(TYPES) | {"id": 7}
    nulls = next(each for each in EVERY if each.kind is CorruptionKind.NULLS and each.columns == ("id",))
    (found,) = engine.corruptible(scan_of(place, [one, one]), [nulls], Dose(0.01, 0))
    assert found.rows == 2


@pytest.mark.long
@explored(60, few=6)
@given(rows=ROWS, seed=st.integers(0, 3), share=st.sampled_from([0.01, 0.5, 1.0]))
def test_a_copy_differs_in_as_many_rows_as_it_says_or_there_is_none(
    engine: DuckEngine, place: Path, rows: list[Row], seed: int, share: float
) -> None:
    scan, dose = scan_of(place, rows), Dose(share, seed)
    before = read(scan)
    for found in engine.corruptible(scan, EVERY, dose):
        if found.rows:
            with engine.corrupted(scan, found, dose) as copy:
                after = read(copy)
            changed = differences(before, after)
            gone = len(rows) - copy.rows if found.corruption.kind is CorruptionKind.DROPPED else found.rows
            assert 0 < changed <= gone, found
            assert changed == gone or _may_meet(found), found
        else:
            assert not rows or found.corruption.kind.of_rows or found.corruption.kind is CorruptionKind.DROPPED


@pytest.mark.parametrize(
    ("corruption", "rows"),
    [
        (Corruption(CorruptionKind.DUPLICATED), 1),
        (Corruption(CorruptionKind.DOUBLED), 3),
        (Corruption(CorruptionKind.DROPPED, ("day",), "month"), 1),
        (Corruption(CorruptionKind.DROPPED, ("other",)), 2),
        (Corruption(CorruptionKind.SWAPPED, ("name", "other")), 1),
    ],
    ids=lambda each: each.name if isinstance(each, Corruption) else "",
)
def test_a_table_is_corrupted_as_a_whole(engine: DuckEngine, place: Path, corruption: Corruption, rows: int) -> None:
    """Here the seed chooses one row of three, the one of February, or the two of the south."""
    held = [{**ROW, "id": number, "day": date(2024, number, 1), "other": other} for number, other in _THREE]
    scan, dose = scan_of(place, held), Dose(seed=1)
    (found,) = engine.corruptible(scan, [corruption], dose)
    with engine.corrupted(scan, found, dose) as copy:
        after = read(copy)
    assert differences(read(scan), after) in {rows, 3 - rows}
    assert after.num_rows == copy.rows


_THREE = ((1, "SOUTH"), (2, "NORTH"), (3, "SOUTH"))


def _may_meet(found: Corruptible) -> bool:
    """A changed row may become another one that is there; so may the two rows of a swap."""
    return found.corruption.kind.of_rows


ROW: Row = {
    "id": 7,
    "few": 3_000_000,
    "temp": 20.0,
    "price": Number("12.50"),
    "name": "Oslo",
    "other": "NORTH",
    "day": date(2024, 2, 29),
    "at": datetime(2024, 5, 1, 12),
    "zoned": datetime(2024, 5, 1, 12, tzinfo=UTC),
    "yes": True,
}


@pytest.mark.parametrize(
    ("kind", "column", "value"),
    [
        (CorruptionKind.NULLS, "name", None),
        (CorruptionKind.TIMES_1000, "id", 7000),
        (CorruptionKind.TIMES_1000, "few", None),  # no int holds it: this row cannot be changed
        (CorruptionKind.TIMES_1000, "price", Number("12500.00")),
        (CorruptionKind.DIVIDED_BY_100, "few", 30_000),
        (CorruptionKind.DIVIDED_BY_100, "temp", 0.2),
        (CorruptionKind.DEGREES, "temp", 68.0),
        (CorruptionKind.WRONG_SIGN, "price", Number("-12.50")),
        (CorruptionKind.SHIFTED_DATES, "day", date(2025, 2, 28)),
        (CorruptionKind.SHIFTED_DATES, "zoned", datetime(2025, 5, 1, 12, tzinfo=UTC)),
        (CorruptionKind.MILLIS, "at", datetime(1970, 1, 20, 20, 16, 4, 800_000)),
        (CorruptionKind.TRUNCATED, "name", "Os"),
        (CorruptionKind.OTHER_CASE, "name", "OSLO"),
        (CorruptionKind.OTHER_CASE, "other", "north"),
    ],
)
def test_a_value_is_corrupted_as_it_happens_in_practice(
    engine: DuckEngine, place: Path, kind: CorruptionKind, column: str, value: Any
) -> None:
    scan, dose = scan_of(place, [ROW]), Dose()
    (found,) = engine.corruptible(scan, [Corruption(kind, (column,))], dose)
    if value is None and kind is not CorruptionKind.NULLS:
        assert not found.rows
        return
    with engine.corrupted(scan, found, dose) as copy:
        assert read(copy).to_pylist() == [{**ROW, column: value}]
    assert not [path for path in copy.files if Path(path).exists()], "scratch files do not stay"


def test_the_same_seed_corrupts_the_same_rows_however_they_lie_in_files(engine: DuckEngine, place: Path) -> None:
    rows = [{**ROW, "id": number, "name": f"n{number}"} for number in range(1_000)]
    whole = scan_of(place, rows)
    parts = [scan_of(place, rows[500:]), scan_of(place, rows[:500][::-1])]
    split = Scan(KEY, 1, SCHEMA, tuple(path for each in parts for path in each.files), 1_000)
    hit: dict[tuple[int, bool], set[int]] = {}
    for seed in (1, 2):
        for scan in (whole, split):
            dose = Dose(0.1, seed, ("id",))
            (found,) = engine.corruptible(scan, [Corruption(CorruptionKind.NULLS, ("name",))], dose)
            with engine.corrupted(scan, found, dose) as copy:
                hit[seed, scan is whole] = {row["id"] for row in read(copy).to_pylist() if row["name"] is None}
            assert len(hit[seed, scan is whole]) == found.rows
    assert hit[1, True] == hit[1, False]
    assert hit[2, True] == hit[2, False]
    assert hit[1, True] != hit[2, True]
    assert 60 < len(hit[1, True]) < 140
