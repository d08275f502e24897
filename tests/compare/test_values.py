"""Which values and rows count as the same, for every type, with a key and without."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.compare.columns import pairs
from lakeflow.core.compare.comparison import Asked, Compared
from lakeflow.core.errors import AssetError
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.table import Scan
from tests.duckdb.lab import rows_of
from tests.explored import explored


def compared(engine: DuckEngine, before: Scan, after: Scan, key: str = "", **asked: Any) -> Compared:
    names = tuple(key.split(", ")) if key else ()
    return engine.difference(before, after, Asked(pairs(before.schema, after.schema), names, **asked))


VALUES: Final = (
    ("1", "1::BIGINT", True),
    ("1", "2::BIGINT", False),
    ("16777217", "16777217::BIGINT", True),
    ("0.1::FLOAT", "0.1::FLOAT::DOUBLE", True),
    ("0.1::FLOAT", "0.1::DOUBLE", False),
    ("1.50::DECIMAL(4,2)", "1.50::DECIMAL(9,2)", True),
    ("1.50::DECIMAL(4,2)", "1.5::DECIMAL(9,1)", True),
    ("1.50::DECIMAL(4,2)", "1.5::DOUBLE", True),
    ("9007199254740993::BIGINT", "9007199254740992::DOUBLE", False),
    ("5", "'5'", True),
    ("5", "'6'", False),
    ("DATE '2026-01-31'", "TIMESTAMP '2026-01-31 00:00:00'", True),
    ("TIMESTAMP '2026-01-31 12:00:00'", "TIMESTAMPTZ '2026-01-31 13:00:00+01'", True),
    ("TIMESTAMP '2026-01-31 12:00:00'", "TIMESTAMPTZ '2026-01-31 12:00:00+01'", False),
    ("TIMESTAMPTZ '2026-01-31 12:00:00+00'", "TIMESTAMPTZ '2026-01-31 13:00:00+01'", True),
    ("0.0::DOUBLE", "-0.0::DOUBLE", True),
    ("'nan'::DOUBLE", "-'nan'::DOUBLE", True),
    ("'nan'::DOUBLE", "NULL::DOUBLE", False),
    ("'infinity'::DOUBLE", "1e308::DOUBLE", False),
    ("1::DOUBLE", "nextafter(1::DOUBLE, 2)", False),
    ("NULL::VARCHAR", "''", False),
    ("''", "'\x01'", False),
    ("'\\x00\\x01'::BLOB", "'\\x00\\x01'::BLOB", True),
    ("'\\x00\\x01'::BLOB", "'\\x00\\x02'::BLOB", False),
    ("NULL::STRUCT(a INTEGER)", "{'a': NULL::INTEGER}", False),
    ("{'a': 0.0::DOUBLE, 'b': ['nan'::DOUBLE]}", "{'a': -0.0::DOUBLE, 'b': ['nan'::DOUBLE]}", True),
    ("{'a': 1}", "{'a': 1::BIGINT}", True),
    ("{'a': 1}", "{'a': 2::BIGINT}", False),
    ("NULL::INTEGER[]", "[]::INTEGER[]", False),
    ("[]::INTEGER[]", "[NULL]::INTEGER[]", False),
    ("MAP {1: 2, 3: 4}", "MAP {3: 4, 1: 2}", True),
    ("MAP {1: 2, 3: 4}", "MAP {3: 2, 1: 4}", False),
    ("[{'m': MAP {1: MAP {2: 3, 4: 5}}}]", "[{'m': MAP {1: MAP {4: 5, 2: 3}}}]", True),
    ("NULL::MAP(INTEGER, INTEGER)", "MAP {}::MAP(INTEGER, INTEGER)", False),
    ("UUID '00000000-0000-0000-0000-000000000001'", "UUID '00000000-0000-0000-0000-000000000002'", False),
    ("TIME '12:00:00.000001'", "TIME '12:00:00.000002'", False),
)


@pytest.mark.long
def test_values_are_told_apart(engine: DuckEngine, data: Path) -> None:
    one, other = (
        rows_of(
            f"SELECT 1 AS k, {', '.join(f'{values[side]} AS v{n}' for n, values in enumerate(VALUES))}", engine, data
        )
        for side in (0, 1)
    )
    changed = {each.name for each in compared(engine, one, other, "k").columns}
    assert changed == {f"v{n}" for n, (_, _, same) in enumerate(VALUES) if not same}


@pytest.mark.long
@pytest.mark.parametrize(("before", "after", "same"), VALUES)
def test_each_value_is_told_apart_as_a_key_and_without_one(
    engine: DuckEngine, data: Path, before: str, after: str, *, same: bool
) -> None:
    one, other = (rows_of(f"SELECT 1 AS k, {value} AS v", engine, data) for value in (before, after))
    bag = compared(engine, one, other).rows
    assert (bag.equal, bag.changed, bag.added, bag.removed) == ((1, 0, 0, 0) if same else (0, 0, 1, 1))
    as_key = compared(engine, one, other, "v").rows
    assert (as_key.equal, as_key.added, as_key.removed) == ((1, 0, 0) if same else (0, 1, 1))


keys = st.sampled_from([None, 0, 1, 2])
numbers = st.sampled_from([None, 0.0, -0.0, 1.0, 2.5, float("nan"), float("inf")])
rows = st.lists(st.tuples(keys, numbers), max_size=7)


def written(found: list[tuple[int | None, float | None]], engine: DuckEngine, data: Path) -> Scan:
    texts = [
        f"({'NULL' if key is None else key}::INTEGER, {'NULL' if value is None else repr(str(value))}::DOUBLE)"
        for key, value in found
    ]
    values = ", ".join(texts) or "(0::INTEGER, 0::DOUBLE)"
    return rows_of(f"SELECT * FROM (VALUES {values}) t(k, v) WHERE {str(bool(found)).upper()}", engine, data)


def bag(found: list[tuple[int | None, float | None]]) -> Counter[tuple[int | None, str]]:
    return Counter((key, str(value if value is None else value + 0.0)) for key, value in found)


@pytest.mark.long
@explored(200, few=8)
@given(rows, rows)
def test_rows_are_counted_as_plain_bags_count_them(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[tuple[int | None, float | None]],
    after: list[tuple[int | None, float | None]],
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    engine = DuckEngine(str(folder), "1GB", 2, str(folder / "spill"))
    try:
        one, other = (written(found, engine, folder) for found in (before, after))
        gone, came = bag(before) - bag(after), bag(after) - bag(before)
        found = compared(engine, one, other, samples=9)
        assert (found.rows.before, found.rows.after) == (len(before), len(after))
        assert (found.rows.removed, found.rows.added) == (gone.total(), came.total())
        assert found.rows.equal == (bag(before) & bag(after)).total() == len(before) - found.rows.removed
        spelled = [(key, value and value.replace("-0.0", "0.0")) for key, value in found.samples.added.values]
        assert Counter(spelled) == Counter(dict.fromkeys(came, 0)) + counted(came)
        keyed = compared(engine, one, other, "k").rows
        per_key = [(each(gone, key), each(came, key)) for key in (None, 0, 1, 2)]
        assert keyed.changed == sum(min(pair) for pair in per_key)
        assert keyed.removed == sum(max(left - right, 0) for left, right in per_key)
        assert keyed.added == sum(max(right - left, 0) for left, right in per_key)
        assert keyed.equal + keyed.changed + keyed.removed == len(before)
    finally:
        engine.close()


def each(found: Counter[tuple[int | None, str]], key: int | None) -> int:
    return sum(number for (own, _), number in found.items() if own == key)


def counted(found: Counter[tuple[int | None, str]]) -> Counter[tuple[str | None, str | None]]:
    """The rows as the samples spell them."""
    return Counter(
        {
            (None if key is None else str(key), None if value == "None" else value): number
            for (key, value), number in found.items()
        }
    )


def test_a_changed_column_tells_its_share_and_the_shift_of_its_mean(engine: DuckEngine, data: Path) -> None:
    one = rows_of("SELECT i AS k, i::DOUBLE AS v, 'x' AS t, i AS p FROM range(8) t(i)", engine, data)
    text = "SELECT i AS k, if(i < 2, i + 10, i)::DOUBLE AS v, if(i = 7, 'y', 'x') AS t, i + 1 AS p FROM range(8) t(i)"
    other = rows_of(text, engine, data)
    found = compared(engine, one, other, "k", personal=frozenset({"p"}))
    assert [(each.name, each.changed, each.share) for each in found.columns] == [
        ("p", 8, 1),
        ("v", 2, 0.25),
        ("t", 1, 0.125),
    ]
    means = {each.name: each.mean for each in found.columns}
    assert means["v"] is not None
    assert (means["v"].before, means["v"].after, means["v"].shift) == (0.5, 10.5, 10.0)
    assert means["t"] is None
    assert means["p"] is None, "the mean of a personal value is not told"


def test_a_renamed_column_is_the_same_and_one_that_was_made_anew_is_not(engine: DuckEngine, data: Path) -> None:
    one = rows_of("SELECT i AS k, i AS v FROM range(4) t(i)", engine, data)
    key, value = one.schema.fields
    renamed = replace(one, schema=Schema((key, replace(value, name="w"))))
    same = compared(engine, one, renamed, "k")
    assert (same.rows.equal, same.rows.changed) == (4, 0)
    anew = replace(one, schema=Schema((key, Field("v", value.type, 9))))
    found = compared(engine, one, anew, "k")
    assert (found.rows.equal, found.rows.changed, found.columns[0].changed) == (0, 4, 4)


def test_columns_of_one_side_alone_are_not_compared(engine: DuckEngine, data: Path) -> None:
    one = rows_of("SELECT i AS k, i AS v FROM range(4) t(i)", engine, data)
    other = replace(one, schema=Schema((one.schema.fields[0], Field("w", one.schema.fields[1].type, 9))))
    assert compared(engine, one, other, "k").rows.equal == 4
    nothing = replace(one, schema=Schema((Field("w", one.schema.fields[1].type, 9),)))
    rows = compared(engine, one, nothing).rows
    assert (rows.before, rows.after, rows.removed, rows.added) == (4, 4, 4, 4)


def test_a_field_that_a_struct_gained_is_not_compared(engine: DuckEngine, data: Path) -> None:
    one = rows_of("SELECT 1 AS k, {'a': 1} AS s", engine, data)
    other = rows_of("SELECT 1 AS k, {'a': 1, 'b': 2} AS s", engine, data)
    assert compared(engine, one, other, "k").rows.equal == 1
    less = rows_of("SELECT 1 AS k, {'a': 2} AS s", engine, data)
    assert compared(engine, other, less, "k").rows.changed == 1


@pytest.mark.long
def test_a_condition_holds_on_each_side_for_itself(engine: DuckEngine, data: Path) -> None:
    one = rows_of("SELECT i AS k, i AS v FROM range(10) t(i)", engine, data)
    other = rows_of("SELECT i AS k, if(i = 1, 9, i) AS v FROM range(10) t(i)", engine, data)
    rows = compared(engine, one, other, "k", where="v > 4 -- here").rows
    assert (rows.before, rows.after, rows.added, rows.equal) == (5, 6, 1, 5)
    shared = compared(engine, one, one, "k", where="v > 4").rows
    assert (shared.before, shared.equal) == (5, 5)
    with pytest.raises(AssetError, match="withheld"):
        compared(engine, one, other, "k", where="('x' || v)::INTEGER > 4")
    with pytest.raises(AssetError, match=r"random.. gives another answer each time"):
        compared(engine, one, other, "k", where="v > random()")
    assert compared(engine, one, other, "k", where="now() > TIMESTAMPTZ '2020-01-01'").rows.before == 10
    with pytest.raises(AssetError, match="getenv"):
        compared(engine, one, other, "k", where="getenv('HOME') = v::VARCHAR")


def test_samples_stand_in_the_order_of_the_key_and_side_by_side(engine: DuckEngine, data: Path) -> None:
    one = rows_of("SELECT i AS k, i AS v FROM range(50) t(i)", engine, data)
    other = rows_of("SELECT i AS k, -i AS v FROM range(1, 60) t(i)", engine, data)
    shown = compared(engine, one, other, "k", samples=3).samples
    assert shown.before.values == (("1", "1"), ("2", "2"), ("3", "3"))
    assert shown.after.values == (("1", "-1"), ("2", "-2"), ("3", "-3"))
    assert shown.added.values == (("50", "-50"), ("51", "-51"), ("52", "-52"))
    assert shown.removed.values == (("0", "0"),)


@pytest.mark.long
def test_what_does_not_fit_in_memory_is_compared_all_the_same(data: Path, tmp_path: Path, engine: DuckEngine) -> None:
    text = "SELECT i AS k, i + {0} AS v, 'order number ' || i AS note, md5(i::VARCHAR) AS h FROM range(1000000) t(i)"
    one, other = (rows_of(text.format(more), engine, data) for more in (0, 1))
    small = DuckEngine(str(tmp_path), "120MB", 1, str(tmp_path / "spilled"))
    try:
        found = compared(small, one, other, "k", samples=1)
        assert (found.rows.changed, found.rows.equal, found.columns[0].share) == (1_000_000, 0, 1.0)
    finally:
        small.close()
